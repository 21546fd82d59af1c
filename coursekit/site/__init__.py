"""The site: the course as a book that one can read without installing anything, made from the notebooks as they were
executed, the documents, and the docstrings of the graded modules. Nothing is run and nothing is fetched."""
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat

from coursekit.gaps import strip, strip_cell, strip_notebook
from coursekit.release.files import appearing, fill, read, refuse_full, title_of, write_files
from coursekit.release.places import IN_COLAB, put_address
from coursekit.repository import address, owner_and_name
from coursekit.site import api
from coursekit.site.documents import documents, front, linked, section
from coursekit.site.notebook import SiteError, outputs, page, read_notebook
from helpers.given.course import ROOT, assignments

TEMPLATES = Path(__file__).parent / "templates"
NEEDED = ("sphinx", "furo", "myst_parser", "latex2mathml")
TEACHING = ("docs/instructor.md",)  # what comes first among the documents
CHANGING = ("docs/maintainer.md", "docs/design.md", "CONTRIBUTING.md", "CHANGELOG.md")
RESULT = "result"  # tag of a cell whose pictures stand on the page of results


def build(root, out, solutions=False, repository=None):
    """Write the site of the course in `root` to the folder `out`, which appears whole or not at all.

    Args:
        solutions: True for teachers: with model answers, solutions and whole downloads.
        repository: the address of a released repository, see coursekit.repository, for links that open its notebooks.
    Raises:
        SiteError, GapError, ReleaseError: something has to be mended first. Nothing is written then.
    """
    root, out = Path(root), Path(out).absolute()  # Sphinx runs in another folder
    repository = None if repository is None else address(repository)
    refuse_full(out)
    missing = [name.replace("_", "-") for name in NEEDED if not importlib.util.find_spec(name)]
    if missing:
        raise SiteError(f"the site needs {', '.join(missing)}, which is not installed here: run "
                        f"`{sys.executable} -m pip install -r requirements.txt -c constraints.txt`")
    title, files = sources(root, solutions, repository)
    with appearing(out) as whole:
        source = whole.with_name("source")
        write_files(files, source)
        render(source, whole, title)


def sources(root, solutions, repository):
    """The title of the site, and all that Sphinx makes it of, {path: bytes}. What lies in beside/ is copied."""
    wanted, (texts, files), readme = assignments(root), documents(root), read(root / "README.md")
    pages = {path: linked(text, path, path, texts, repository) for path, text in texts.items()}
    beside, results = {}, []
    for assignment in wanted.values():
        notebook, helper, stem = read_notebook(root, assignment), assignment.helper.as_posix(), assignment.notebook.stem
        downloads = {path: read(root / path) for path in (assignment.notebook.as_posix(), helper)}
        if not solutions:
            downloads = {path: (strip if path == helper else strip_notebook)(text, path)
                         for path, text in downloads.items()}
        downloads = {path: text.encode() for path, text in downloads.items()}
        if repository:
            put_address(downloads, {assignment.name: assignment}, repository)
        beside.update({f"downloads/{Path(path).name}": content for path, content in downloads.items()})
        pages[f"{stem}.md"], shown = page(notebook, assignment, links(assignment, repository), solutions)
        beside.update(shown)
        pages[f"api/{assignment.name}.md"] = api.page(f"helpers.{assignment.name}", downloads[helper].decode(),
                                                      solutions)
        results.insert(0, pictures(notebook, assignment))  # the last one compares all
    figures = {heading.upper(): linked(section(texts["docs/figures.md"], heading), "docs/figures.md", "results.md",
                                       texts, repository) for heading in ("Notebooks", "Audit")}
    pages["results.md"] = fill(TEMPLATES / "results.md", PICTURES="\n\n".join(filter(None, results)), **figures)
    lead, rest = (linked(text, "README.md", "index.md", {*texts, *pages}, repository) for text in front(readme, wanted))
    pages["index.md"] = fill(
        TEMPLATES / "index.md", LEAD=lead, REST=rest, CHANGING="\n".join(path for path in CHANGING if path in texts),
        DOCUMENTS="\n".join(sorted(set(texts) - set(CHANGING), key=lambda path: (path not in TEACHING, path))),
        MODULES="\n".join(f"api/{name}" for name in wanted),
        ASSIGNMENTS="\n".join(assignment.notebook.stem for assignment in wanted.values()))
    files.update({path: text.encode() for path, text in pages.items()})
    files.update({f"beside/{path}": content for path, content in beside.items()})
    files["conf.py"] = (TEMPLATES / "conf.py").read_bytes()
    files.update({f"static/{name}": (TEMPLATES / name).read_bytes() for name in ("site.css", "icon.svg")})
    title = re.match(r"# ([^:\n]+)", readme)
    if not title:
        raise SiteError("README.md: expected a title in its first line, such as `# Deep generative models`")
    return title[1], files


def links(assignment, repository):
    """What stands below the title of an assignment, in HTML."""
    found = [f'Download: <a href="downloads/{assignment.notebook.name}" download>notebook</a>',
             f'<a href="downloads/{assignment.helper.name}" download>{assignment.helper.name}</a>',
             f'<a href="api/{assignment.name}.html">what to write</a>']
    if repository and owner_and_name(repository):
        there = IN_COLAB.format(repository=owner_and_name(repository), notebook=assignment.notebook.as_posix())
        found.append(f'<a href="{there}">open in Colab</a>')
    return (f"<p>{' · '.join(found)}</p>\n\n*The notebook as it was executed; nothing runs on this page. What is "
            "downloaded needs the rest of the course beside it.*")


def pictures(notebook, assignment):
    """What an assignment shows on the page of results: the pictures of the cells with the tag RESULT, and how to read
    them; "" where there is none."""
    texts, above = [], ""
    for number, (cell, below) in enumerate(zip(notebook.cells, [*notebook.cells[1:], None]), start=1):
        if cell.cell_type == "markdown":
            above = [above, *re.findall(r"^##? (.+)", cell.source, re.MULTILINE)][-1]
        elif RESULT in cell.metadata.get("tags", ()):
            shown = outputs(cell, f"pictures/{assignment.notebook.stem}/{number}", {})
            texts += [f"**{above}**", *(text for text in shown if "<img" in text)]
            if below and below.source.startswith("*Read"):
                texts.append(strip_cell("markdown", below.source, f"{assignment.notebook}, cell {number + 1}"))
    title = title_of(nbformat.writes(notebook)) or assignment.name
    return "\n\n".join([f"## [{title}]({assignment.notebook.stem}.md)", *texts]) if texts else ""


def render(source, out, title):
    """Let Sphinx make the pages. Whatever it warns of is an error. It has a process of its own, since it changes the
    one that it runs in; what it writes of its errors goes with the source."""
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-N", "-W", "-d", source.with_name("doctrees"),
         "-D", f"project={title}", "-D", f"html_title={title}", source, out],
        cwd=ROOT, env={**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(source.parent.resolve()))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["it does not say why"]
        raised = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
        told = (raised or lines)[-1 if raised else 0].replace(f"{source.resolve()}/", "")
        raise SiteError(f"Sphinx cannot make the site: {told}")
