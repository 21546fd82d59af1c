"""What Sphinx does otherwise for the site: formulas become MathML while it is built, so that a page needs no script for
them; and what is needed to read without a mouse or a screen."""
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

# What latex2mathml 3.81 does not know: aligned, space between rows, larger bars.
BEFORE = ((r"\\(begin|end)\{aligned\}", r"\\\1{align*}"), (r"\\\\\[\w+\]", r"\\\\"),
          (r"\\[bB]igg?[lrm]?(?=\\[lr]?[vV]ert|\\\|)", ""))
# What it writes otherwise than TeX sets it. Bars and slashes have no space around them, and bars do not grow; a minus
# behind a sign is one of a number; \sim is a relation; browsers know no names of spaces.
AFTER = (("<mo>(&#x02016;)</mo>", r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>'),
         ('<mo stretchy="false">(&#x0007C;)</mo>', r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>'),
         ("<mo>(&#x0002F;)</mo>", r'<mo lspace="0" rspace="0">\1</mo>'),
         (r"(?<!&#x00029;)(?<!\])(?<!&#x02016;)(?<!&#x0007C;)</mo><mo>(&#x02212;)</mo>",
          r'</mo><mo form="prefix">\1</mo>'),
         ("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>"), ("negativethinmathspace", "-0.167em"))
# The name of a function, such as log, and whether a bracket follows; what stands before it and wants no space between.
FUNCTION = re.compile(r'<m[io]>([A-Za-z]{2,})</m[io]>'
                      r'(?=(<mo stretchy="false">(?:&#x00028;|\[)|<mspace|<mrow><mo stretchy)?)')
NO_SPACE = re.compile(r"(?:<m(?!su[bp])[^/>]*>|(?<!&#x02202;)(?<!&#x02207;)(?<!&#x00029;)(?<!\])</mo>)(?:<msu[bp]>)?$")


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(block, None))
    app.connect("html-page-context", reachable, priority=900)  # after Furo
    return {"parallel_read_safe": True}


def inline(translator, node):
    translator.body.append(checked(node, "inline"))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(f'<div class="formula" tabindex="0">{checked(node, "block")}</div>\n')
    raise nodes.SkipNode


def checked(node, display):
    """The MathML of a formula, or a warning of Sphinx that names it."""
    tex = node.astext()
    try:
        found = mathml(tex, display)
    except Exception as error:  # latex2mathml has a class for each mistake, and raises KeyError and others, too
        logger.warning("this formula cannot be read: %s (%s)", tex, type(error).__name__, location=node)
        return ""
    if "\\" in found or ">&<" in found:  # it passes on what it does not know
        logger.warning("something in this formula is not known: %s", tex, location=node)
    return found


def mathml(tex, display):
    """LaTeX as MathML, set as TeX would. display: inline or block."""
    for pattern, instead in BEFORE:
        tex = re.sub(pattern, instead, tex)
    found = convert(tex, display=display)
    for pattern, instead in AFTER:
        found = re.sub(pattern, instead, found)
    return FUNCTION.sub(spaced, found)


def spaced(found):
    """The name of a function with thin spaces around it, but at brackets, behind signs and at a beginning."""
    left = "0" if NO_SPACE.search(found.string[:found.start()][-60:]) else "0.167em"
    return f'<mo lspace="{left}" rspace="{"0" if found[2] else "0.167em"}">{found[1]}</mo>'


def reachable(app, page, template, context, doctree):
    """Code can be reached with the keyboard, and the captions beside the page say which level of heading they are."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')
    tree = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
