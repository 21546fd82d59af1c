"""Write the student edition of the course: gaps opened, outputs cleared, hidden checks left behind."""
import os
import tempfile
from pathlib import Path

from coursekit.release.classroom import classroom, hidden_points, public_checks
from coursekit.release.files import ReleaseError, course_files, read_templates, write_files
from helpers.given.course import assignments

COPIED = ("course", "course.bat", "runtests.sh", "runtests.bat", "requirements.txt", "constraints.txt", "setup.cfg",
          ".gitignore", ".gitattributes", "LICENSE", "data/README.md")


def release(root, out, assignment=None):
    """Write the student edition of the course in `root` to the folder `out`. Returns the names of its assignments.

    The whole edition is made in memory first. The folder appears whole or not at all. Raises ReleaseError if `out` is
    there and not empty, for an unknown assignment, GapError for every mistake in a gap; nothing is written then.
    """
    root, out = Path(root), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} is there already and not an empty folder: delete it, or choose another --out")
    wanted = choose(assignments(root), assignment)
    files = edition(root, wanted)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        whole = Path(temporary, "whole")
        write_files(files, whole)
        if out.exists():
            out.rmdir()  # it is empty; Windows does not rename over it
        os.replace(whole, out)
    return list(wanted)


def choose(assignments, name):
    """All assignments, or only the one called `name`, {name: Assignment}."""
    if not assignments:
        raise ReleaseError("found no assignment: expected notebooks/<number>_<name>.ipynb with helpers/<name>.py "
                           "beside")
    if name is None:
        return assignments
    if name not in assignments:
        raise ReleaseError(f"there is no assignment {name!r}; there is: {', '.join(assignments)}")
    return {name: assignments[name]}


def edition(root, assignments):
    """Every file of the student edition: {path in it: bytes}."""
    files = course_files(root, assignments)
    points = public_checks(root, assignments)
    generated = {**classroom(points), **read_templates(files, assignments, points, hidden_points(root, assignments))}
    files.update({name: text.encode() for name, text in generated.items()})
    for name in COPIED:
        files[name] = (root / name).read_bytes()
    return files
