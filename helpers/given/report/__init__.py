"""`./course report`: the PDF of a report that is written in Markdown or LaTeX.

Its numbers and pictures come from `trained`, see `numbers`. What makes the PDF is what this machine has: LaTeX (with
pandoc for Markdown), else a browser, see `programs`. The Markdown for a browser is set by `page` and `formulas`.
"""
import tempfile
from pathlib import Path

from helpers.given.console import UserError, cannot_read, waiting
from helpers.given.report import numbers, page, programs

MOST_PAGES = 4  # that the coursework asks for
MOST_BYTES = 20 << 20  # that most platforms take
MARKDOWN, LATEX = (".md", ".markdown"), (".tex",)


def make(source, out=None, draft=False):
    """Make the PDF of a report and print what came of it.

    Args:
        source: a Markdown or LaTeX file. out: the PDF; default: beside it.
        draft: True shows a ? for what is not there yet.
    Raises:
        UserError: a number or picture that is not there, a mistake in the text, or no program that makes a PDF.
    """
    source = Path(source)
    kind = source.suffix.lower()
    if kind not in MARKDOWN + LATEX:
        raise UserError(f"{source} is neither Markdown nor LaTeX: expected a file that ends in .md or .tex, such as a "
                        "copy of reports/template.md")
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise cannot_read(source, error) from None
    except UnicodeDecodeError:
        raise UserError(f"{source} is not in UTF-8: save it as UTF-8") from None
    out = Path(out) if out else source.with_suffix(".pdf")
    if out.resolve() == source.resolve() or not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: expected the name of a PDF, in a folder that is there")
    text = page.without_comments(text) if kind in MARKDOWN else text
    text, missing = numbers.fill(text, source, kind in LATEX, draft)
    text = page.without_missing(text, source.absolute().parent) if draft else text
    # Not the system's folder for such files: some browsers may not look into it.
    with waiting(source.name), tempfile.TemporaryDirectory(prefix="report-", dir=out.absolute().parent) as folder:
        made, by, said = programs.make_pdf(text, source.absolute(), Path(folder), kind in LATEX)
        if not made.stat().st_size:  # some engines write such a file
            raise UserError(f"{source.name} has nothing to print: expected the text of a report")
        made.replace(out)
    missing[1:] = [line.split(" There is: ")[0] for line in missing[1:]]  # what there is is said once
    for line in [*(f"not there yet: {line}" for line in missing), *said]:
        print(line)
    pages, size = count(out), out.stat().st_size
    print(f"{out}: {pages} {'page' if pages == 1 else 'pages'}, {size / 1e6:.1f} MB, made by {by}")
    if pages > MOST_PAGES:
        print(f"WARNING: {pages} pages, and a report has {MOST_PAGES}")
    if size > MOST_BYTES:
        print(f"WARNING: {size / 1e6:.0f} MB: platforms may not take it. Use smaller pictures")


def count(path):
    """The number of pages of a PDF that was made here."""
    from pypdf import PdfReader
    return len(PdfReader(path).pages)
