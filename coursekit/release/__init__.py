"""Write the student edition of the course: gaps opened, outputs cleared, hidden checks left behind."""
from pathlib import Path

from coursekit.release.classroom50 import classroom50
from coursekit.release.files import (ReleaseError, appearing, course_files, read_templates, refuse_full, without_ours,
                                     write_files)
from coursekit.release.places import put_address, without_installing
from coursekit.release.platforms import PLATFORMS, watched
from coursekit.release.points import points_of
from coursekit.repository import address
from helpers.given.course import assignments

COPIED = ("course", "course.bat", "runtests.sh", "runtests.bat", "requirements.txt", "constraints.txt", "setup.cfg",
          ".gitignore", ".gitattributes", "LICENSE", "data/README.md", "reports/template.md", "reports/template.tex",
          ".devcontainer/devcontainer.json", ".binder/requirements.txt", ".binder/runtime.txt")

# What only the course itself ignores.
OURS = "\n# what trainings have left to hand in: students commit it, the course does not\n/trained/\n"


def release(root, out, assignment=None, platform="github", on="push", repository=None):
    """Write the student edition of the course in `root` to the folder `out`. Returns the names of its assignments.

    The whole edition is made in memory first. The folder appears whole or not at all. Raises ReleaseError if `out` is
    there and not empty, for an unknown assignment, GapError for every mistake in a gap; nothing is written then.

    Args:
        platform: what watches the pushes, a name of PLATFORMS; or "classroom50": then `out` holds an edition for each
            assignment, and what its teacher needs beside.
        on: when the checks run there, one of platforms.ON.
        repository: the address that the edition will have, for Colab, Kaggle and others. UserError if it is none.
    """
    root, out = Path(root), Path(out)
    repository = None if repository is None else address(repository)
    refuse_full(out)
    wanted = choose(assignments(root), assignment)
    if on != "push" and platform in ("classroom", "classroom50"):
        raise ReleaseError(f"--on {on} is for GitHub and GitLab; Classroom 50 is told when with --submission-mode, and "
                           "GitHub Classroom ran on every push")
    if repository and platform == "classroom50":
        raise ReleaseError("--repository is the address of one repository, and for Classroom 50 there is one for each "
                           "assignment: leave it out, or release for github")
    points, hidden = points_of(root, wanted)
    if platform == "classroom50":
        files = classroom50({name: edition(root, {name: each}, points, hidden, platform, on)
                             for name, each in wanted.items()}, points)
    else:
        files = edition(root, wanted, points, hidden, platform, on, repository)
    with appearing(out) as whole:
        write_files(files, whole)
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


def edition(root, assignments, points, hidden, platform, on, repository=None):
    """Every file of the student edition: {path in it: bytes}. points, hidden: see points_of."""
    files, elsewhere = course_files(root, assignments), ""
    if repository:
        put_address(files, assignments, repository)
        elsewhere = without_installing(files, assignments, repository)
    points = {check: worth for check, worth in points.items() if check.split(".")[0] in assignments}
    generated = PLATFORMS[platform](points, on) if platform in PLATFORMS else {}
    generated.update(read_templates(files, assignments, points, hidden, watched(platform, on), elsewhere))
    files.update({name: text.encode() for name, text in generated.items()})
    for name in COPIED:
        files[name] = (root / name).read_bytes()
    for name in ("requirements.txt", "constraints.txt"):
        files[name] = without_ours(files[name].decode()).encode()
    files[".gitignore"] = files[".gitignore"].replace(OURS.encode(), b"")
    return files
