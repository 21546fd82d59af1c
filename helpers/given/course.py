"""Which assignments the course has, and where their files lie."""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.given.console import UserError

VERSION = "1.0.0"  # of the course, both editions
ROOT = Path(__file__).resolve().parents[2]
ANSWER_FIELD = "*Your answer here.*"  # what stands below a question until somebody answers it
RESERVED = sys.stdlib_module_names | {"given", "engine"}


@dataclass(frozen=True)
class Assignment:
    """One assignment. Its paths are relative to the course's folder.

    name: the key to all that belongs to it, such as "vae". number: its place in the course, from the notebook's name.
    notebook, helper: its notebook and its graded module, notebooks/2_vae.ipynb and helpers/vae.py.
    """

    name: str
    number: int
    notebook: Path
    helper: Path


def notebooks(root=ROOT):
    """The notebooks of a course in their order, {"vae": Path("notebooks/2_vae.ipynb"), ...}."""
    found = []
    for path in Path(root, "notebooks").glob("*.ipynb"):
        if match := re.fullmatch(r"(\d+)_(\w+)", path.stem):
            found.append((int(match[1]), match[2], path.relative_to(root)))
    return {name: path for _, name, path in sorted(found)}


def assignments(root=ROOT):
    """The assignments of a course in their order, {"vae": Assignment, ...}: notebooks that have a graded module."""
    found = {}
    for name, notebook in notebooks(root).items():
        helper = Path("helpers", f"{name}.py")
        if Path(root, helper).is_file():
            if name in RESERVED:
                raise UserError(f"{notebook}: an assignment must not be called {name}, as a part of Python or of the "
                                "course is called: rename it and its helpers file")
            found[name] = Assignment(name, int(notebook.stem.split("_", 1)[0]), notebook, helper)
    return found
