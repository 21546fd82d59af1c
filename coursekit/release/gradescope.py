"""Gradescope: the zip file of an autograder for one assignment.

What Gradescope does with it was looked up in gradescope-autograders.readthedocs.io, of January 2025.
"""
import io
import re
import zipfile
from pathlib import Path

from coursekit.release.files import TRACES, ReleaseError, course_files, fill, without_ours
from helpers.given.console import choose, write
from helpers.given.course import assignments

UV, PYTHON = "0.13.9", "3.13.18"  # a Python that this uv knows by its checksum
# What of requirements.txt a grading does without. A student's file may import the rest.
NOT_NEEDED = {"jupyterlab", "nbconvert", "shtab", "pytest-timeout", "pytest-xdist"}
LIMIT = 100 << 20  # bytes. Gradescope tells none: it is more than a hundred times what a zip of the course has


def autograder(root, out, assignment, visibility="all", runs_per_day=0, minutes=10, notebook=False):
    """Write the zip file of an autograder to `out`. It appears whole or not at all.

    Args:
        visibility: which students see the checks, see tell.gradescope.VISIBILITY.
        runs_per_day: submissions that are graded within 24 hours, 0 for any number.
        minutes: after which Gradescope stops a container, as its settings say.
        notebook: True to execute the notebook with each submission.
    Raises:
        ReleaseError, GapError: as `release`. Nothing is written then.
    """
    root, out = Path(root), Path(out)
    wanted = choose(assignment, assignments(root), "assignment")
    values = {"NAME": wanted.name, "UV": UV, "PYTHON": PYTHON, "VISIBILITY": visibility, "RUNS": str(runs_per_day),
              "MINUTES": str(minutes), "NOTEBOOK": " --notebook" if notebook else ""}
    files = {f"course/{name}": content for name, content in grading_files(root, wanted).items()}
    files.update({name: fill(f"gradescope/{name}", **values).encode() for name in ("setup.sh", "run_autograder")})
    files["requirements.txt"] = needed((root / "requirements.txt").read_text(encoding="utf-8")).encode()
    files["constraints.txt"] = (root / "constraints.txt").read_bytes()
    content = zipped(files)
    if len(content) > LIMIT:
        largest = max(files, key=lambda name: len(files[name]))
        raise ReleaseError(f"the zip file would have {len(content) >> 20} MB, and {LIMIT >> 20} is the most that we "
                           f"upload: the largest file in it is {largest}")
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, content)


def grading_files(root, assignment):
    """What grades one assignment, {path: bytes}: the course with its solution, its hidden checks, and coursekit."""
    name = assignment.name
    paths = {Path(path) for path in course_files(root, {name: assignment})}
    paths |= {path.relative_to(root) for path in (root / "coursekit").rglob("*") if path.is_file()}
    paths |= {Path("autograde_tests", path) for path in ("__init__.py", f"test_{name}.py", "probes/__init__.py",
                                                         f"probes/{name}.py")}
    return {path.as_posix(): (root / path).read_bytes() for path in sorted(paths) if not TRACES & set(path.parts)}


def needed(requirements):
    """The lines of requirements.txt that a grading needs."""
    return "".join(line for line in without_ours(requirements).splitlines(keepends=True)
                   if not line.startswith("#") and re.match(r"[\w.-]*", line)[0] not in {"", *NOT_NEEDED})


def zipped(files):
    """A zip file of {path: bytes}, the same for the same files. Scripts are executable in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100755 if content.startswith(b"#!") else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
