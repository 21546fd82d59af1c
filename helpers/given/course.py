"""Which assignments the course has, and where their files lie."""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from helpers.given.console import UserError

ROOT = Path(__file__).resolve().parents[2]
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


def assignments(root=ROOT):
    """The assignments of a course in their order, {"vae": Assignment, ...}: notebooks that have a graded module."""
    found = {}
    for notebook in Path(root, "notebooks").glob("*_*.ipynb"):
        if match := re.fullmatch(r"(\d+)_(\w+)", notebook.stem):
            helper = Path("helpers", f"{match[2]}.py")
            if Path(root, helper).is_file():
                found[match[2]] = Assignment(match[2], int(match[1]), notebook.relative_to(root), helper)
    for assignment in found.values():
        if assignment.name in RESERVED:
            raise UserError(f"{assignment.notebook}: an assignment must not be called {assignment.name}, as a part of "
                            "Python or of the course is called: rename it and its helpers file")
    return dict(sorted(found.items(), key=lambda item: (item[1].number, item[0])))
