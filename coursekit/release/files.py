"""The files of the student edition, made in memory, and folders that appear whole or not at all."""
import contextlib
import os
import re
import tempfile
from pathlib import Path

from coursekit.gaps import strip, strip_notebook
from coursekit.notebooks import cells_of
from coursekit.questions import POINTS
from helpers.given.console import UserError
from helpers.given.course import ANSWER_FIELD

TEMPLATES = Path(__file__).parent / "templates"
TRACES = {"__pycache__", ".ipynb_checkpoints"}


class ReleaseError(UserError):
    """The course cannot be released as it is. The message is one line and says what to do."""


def course_files(root, assignments, code_gaps=True):
    """The part of the student edition that runs: notebooks and helpers with open gaps, {path: bytes}.

    code_gaps: those in notebooks, see strip_notebook. The gaps in helpers are always open.
    """
    files = {"helpers/__init__.py": read(root / "helpers" / "__init__.py").encode()}
    for assignment in assignments.values():
        helper, notebook = assignment.helper.as_posix(), assignment.notebook.as_posix()
        files[helper] = strip(read(root / helper), helper).encode()
        files[notebook] = strip_notebook(read(root / notebook), notebook, code_gaps).encode()
    left_out = {path.stem for path in (root / "helpers").glob("*.py")} - {"__init__", *assignments}
    for path in (root / "helpers" / "given").rglob("*"):
        of_another = path.parent.name in ("checks", "recipes", "trained") and path.stem in left_out
        if path.is_file() and not of_another and not TRACES & set(path.parts):
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    for path in (root / "data").glob("*.json"):  # small tables that notebooks read
        files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files


def without_ours(packages):
    """The text of requirements.txt or constraints.txt without what only the course itself needs."""
    return packages.partition("\n# Only the course itself needs")[0]


def write_files(files, folder):
    """Write {path: bytes} below a folder. Scripts become executable."""
    for name, content in files.items():
        target = Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if content.startswith(b"#!"):
            target.chmod(0o755)


def refuse_full(out):
    """Raise ReleaseError if the folder `out` is there and not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} is there already and not an empty folder: delete it, or choose another --out")


@contextlib.contextmanager
def appearing(out):
    """A folder to write to, not made yet, that becomes the new or empty folder `out` if all goes well. What lies beside
    it is gone afterwards."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        whole = Path(temporary, "whole")
        yield whole
        if out.exists():
            out.rmdir()  # it is empty; Windows does not rename over it
        os.replace(whole, out)


def read(path):
    return path.read_text(encoding="utf-8")


def read_templates(files, assignments, public, hidden, watched, elsewhere):
    """The student's README and the feedback form, with their tables of assignments filled in.

    public, hidden: the points of the checks, {"vae.reparametrize": 1, ...} and {"vae": {"vae.reparametrize": 4}}.
    watched: sentences on what runs where the repository lies. elsewhere: a section on where else to work.
    """
    rows, worth, feedback = [], [], []
    for name, assignment in assignments.items():
        paths = assignment.notebook.as_posix(), assignment.helper.as_posix()
        notebook = files[paths[0]].decode()
        title = title_of(notebook) or name
        rows.append(" | ".join([f"| {title}", *(f"[{path}]({path})" for path in paths), *times_of(notebook)]) + " |")
        trained = {item: points for item, points in hidden[name].items() if item.startswith("trained.")}
        code = {item: points for item, points in hidden[name].items() if item not in trained}
        items, learned = (", ".join(f"`{item.split('.', 1)[-1]}` {points}" for item, points in of.items())
                          for of in (code, trained))
        worth.append(f"| {title} | {sum(code.values())}: {items} | {notebook.count(ANSWER_FIELD)} | "
                     f"{learned or 'none'} |")
        feedback.append(f"| {title} | | |")
    return {"README.md": fill("README.md", ASSIGNMENT_ROWS="\n".join(rows), WORTH_ROWS="\n".join(worth),
                              QUESTION=str(POINTS), CHECK=next(iter(public)), NAME=next(iter(assignments)),
                              WATCHED=watched, WITHOUT_INSTALLING=elsewhere),
            "feedback.md": fill("feedback.md", FEEDBACK_ROWS="\n".join(feedback))}


def times_of(text):
    """What a notebook says at its top of how long it takes, ("five hours", "a quarter of an hour"): all together, and
    how much of that the computer computes. ("", "") if it does not say so."""
    found = re.search(r"allow about ([\w ]+)\. (?:Training|Computing) takes (?:about )?([\w ]+?) of them on a laptop",
                      " ".join(markdown_of(text).split()))
    return found.groups() if found else ("", "")


def title_of(text):
    """The first heading of a notebook, or None."""
    heading = re.search(r"^# +(.+)", markdown_of(text), re.MULTILINE)
    return heading and heading[1].strip()


def markdown_of(text):
    """The Markdown cells of a notebook, one below the other."""
    return "\n".join(cell.source for cell in cells_of(text) if cell.type == "markdown")


def fill(template, **values):
    """A template with each @KEY@ replaced. (The `$` of string.Template means something else in a workflow.)"""
    text = read(TEMPLATES / template)
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
