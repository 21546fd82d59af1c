"""A report in Markdown as one page of HTML, for a browser that prints it. Nothing in it is fetched or executed."""
import base64
import html
import re
from pathlib import Path

from helpers.given.console import UserError
from helpers.given.report import formulas

PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
            ".svg": "image/svg+xml", ".webp": "image/webp"}
MOST_BYTES = 20 << 20  # of a picture
HEAD = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
SHOWN = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<markdown>[^()\s]+)\)(?:\{[^{}]*\})?"
                   r"|\\includegraphics(?:\[[^\]]*\])?\{(?P<latex>[^{}]+)\}")
AFTER = re.compile(r'(<svg class="formula"[^>]*><path[^>]*></svg>[.,;:!?)]+)')  # a line must not begin with these
STYLE = """
@page { size: A4; margin: 24mm 23mm 26mm; @bottom-center { content: counter(page); font: 9pt serif; } }
html { font: 10.5pt/1.36 "STIX Two Text", "Times New Roman", "Liberation Serif", "DejaVu Serif", serif; color: #000; }
body { margin: 0; counter-reset: figure; text-align: justify; hyphens: auto; }
header { text-align: center; margin-bottom: 1.4em; }
h1 { font-size: 1.6em; line-height: 1.2; margin: 0 0 .5em; font-weight: normal; text-align: center; hyphens: none; }
header p { margin: .15em 0; text-align: center; }
h2 { font-size: 1.2em; margin: 1.1em 0 .4em; }
h3 { font-size: 1.05em; margin: .9em 0 .3em; }
h2, h3 { break-after: avoid; text-align: left; }
p { margin: 0 0 .55em; orphans: 2; widows: 2; }
figure { margin: .7em auto .9em; text-align: center; break-inside: avoid; counter-increment: figure; }
figure img { max-width: 100%; max-height: 90mm; }
figcaption { font-size: .92em; margin-top: .3em; }
figcaption::before { content: "Figure " counter(figure) ": "; }
table { border-collapse: collapse; margin: .7em auto .9em; font-size: .95em; break-inside: avoid; }
table { border-top: 1.2px solid; border-bottom: 1.2px solid; }
thead th { border-bottom: .7px solid; }
th, td { padding: .18em .7em; text-align: left; }
td, th { font-variant-numeric: tabular-nums; }
code { font-size: .88em; }
pre { font-size: .85em; white-space: pre-wrap; background: #f4f4f4; padding: .5em .7em; break-inside: avoid; }
ol, ul { margin: .3em 0 .6em; padding-left: 1.6em; }
a { color: inherit; overflow-wrap: anywhere; }
.formula { fill: currentColor; }
p span { white-space: nowrap; }
.display { text-align: center; margin: .6em 0 .7em; break-inside: avoid; }
.footnotes { font-size: .9em; border-top: .5px solid; margin-top: 1.2em; }
"""


def without_comments(text):
    """A Markdown text without its comments. All lines keep their numbers."""
    return re.sub(r"<!--.*?(?:-->|\Z)", lambda match: "\n" * match[0].count("\n"), text, flags=re.DOTALL)


def without_missing(text, folder):
    """A text, Markdown or LaTeX, with words in the place of pictures that are not there; for a draft."""
    def words(match):
        path = match["markdown"] or match["latex"]
        there = any((folder / f"{path}{kind}").is_file() for kind in ("", ".pdf", ".png", ".jpg", ".jpeg"))
        what = f"{match['text']}: " if match["text"] else ""
        return match[0] if there else f"[{what}picture not there yet]"
    return SHOWN.sub(words, text)


def make_page(text, source):
    """The page of a report.

    Args:
        text: its Markdown, without comments, with `title`, `author` and `date` between two lines `---` at its top.
        source: the file that it is from, for its pictures and for messages.
    Raises:
        UserError: a picture or a formula that cannot be shown.
    """
    import mistune

    head, body = HEAD.match(text), text
    about = dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", head[1], re.MULTILINE)) if head else {}
    about = {key: html.escape(value.strip("\"'")) for key, value in about.items()}
    body = text[head.end():] if head else text
    # The library wants a formula that stands alone between lines of its own.
    body = re.sub(r"^\$\$[ \t]*(\S.*?)[ \t]*\$\$[ \t]*$", r"$$\n\1\n$$", body, flags=re.MULTILINE)

    def told(error, what):
        place = text.find(what)
        line = f", line {text.count(chr(10), 0, place) + 1}" if place >= 0 else ""
        return UserError(f"{source.name}{line}: {error}")

    class Renderer(mistune.HTMLRenderer):
        def inline_math(self, formula):
            try:
                return formulas.svg(formula)
            except UserError as error:
                raise told(error, formula.strip()) from None

        def block_math(self, formula):
            return f'<div class="display">{self.inline_math(formula)}</div>\n'

        def image(self, text, url, title=None):
            quoted = text.replace('"', "&quot;")  # the rest is escaped
            try:
                return f'<img src="{picture(source.parent, url)}" alt="{quoted}">'
            except UserError as error:
                raise told(error, f"({url}") from None

        def paragraph(self, text):
            alone = re.fullmatch(r'(<img [^>]*alt="([^"]*)")>(?:\{width=(\d+(?:\.\d+)?%)\})?', text.strip())
            if alone and alone[2]:
                width = f' style="width:{alone[3]}"' if alone[3] else ""
                return f"<figure>{alone[1]}{width}><figcaption>{alone[2]}</figcaption></figure>\n"
            text = AFTER.sub(r"<span>\1</span>", text)
            return f"<p>{text}</p>\n"

        def heading(self, text, level, **attributes):
            return f"<h{min(level + 1, 6)}>{text}</h{min(level + 1, 6)}>\n"

    render = mistune.create_markdown(renderer=Renderer(escape=True), plugins=[
        "table", "footnotes", "math", "strikethrough", "superscript", "subscript"])
    lines = "".join(f"<p>{about[key]}</p>\n" for key in ("author", "date") if about.get(key))
    title = f"<header>\n<h1>{about['title']}</h1>\n{lines}</header>\n" if about.get("title") else ""
    return (f"<!DOCTYPE html>\n<html lang=\"{about.get('lang', 'en')}\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f"img-src data:\">\n<title>{about.get('title', source.stem)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n{title}{render(body)}</body>\n</html>\n")


def picture(folder, url):
    """The address that holds a whole picture."""
    from urllib.parse import unquote

    path = folder / unquote(url)
    kind = PICTURES.get(Path(url).suffix.lower())
    if re.match(r"\w{2,}:", url):
        raise UserError(f"the picture {url} lies on the network: save it beside the report")
    if not path.is_file():
        raise UserError(f"there is no picture {url}. In trained and runs lies what notebooks have drawn; the path is "
                        f"seen from the folder {folder.name}")
    if kind is None:
        raise UserError(f"the picture {url} is none that a browser shows: expected {', '.join(PICTURES)}")
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"the picture {url} has {path.stat().st_size / 1e6:.0f} MB: make it smaller")
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
