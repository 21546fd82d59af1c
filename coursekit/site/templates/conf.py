"""How Sphinx makes the site. Its title and its folders stand on the command line, see coursekit.site.render."""
language = "en"
extensions = ["myst_parser", "coursekit.site.extension"]
exclude_patterns = ["beside"]
highlight_language = "text"
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4
# Notebooks leave out levels of headings. On a page sections are counted, so none is left out there.
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_math_renderer = "mathml"  # of the extension
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["site.css"]
html_extra_path = ["beside"]  # copied as it is: pictures, videos, downloads
html_copy_source = False
html_show_copyright = False
html_domain_indices = False
