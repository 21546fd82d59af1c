"""report.html, the student's page; and the templates of all pages."""
import base64
import functools
import hashlib
import re
from pathlib import Path

from coursekit.grading.tell.points import points

TEMPLATES = Path(__file__).parents[2] / "templates"


@functools.cache
def templates():
    """The HTML templates. They escape every value that is put into them. (jinja2 comes with nbconvert.)"""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(points=points, prose=prose)
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals["sorting"] = {"script": Markup(script), "digest": digest}  # the only script that may run
    return environment


def prose(text):
    """Text without the line breaks inside its paragraphs, so that it fills its column. Lists and tables keep theirs."""
    return re.sub(r"(?<!\n)\n(?![\n\-*|\d\s])", " ", text)


def html(report, folder, name, written=(), standing=None):
    """The student's page. It needs no other file: the pictures, which lie in `folder`, stand in it.

    standing: in a challenge, see `tell`.
    """
    pictures = [(cell, base64.b64encode((folder / path).read_bytes()).decode())
                for cell, path in report.notebook.pictures]
    score, most = report.total(written)
    return templates().get_template("report.html").render(
        report=report, name=name, pictures=pictures, written=written, score=score, max=most,
        standing=standing)
