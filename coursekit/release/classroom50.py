"""Classroom 50 (foundation50/classroom50): what a teacher puts into the organisation and its repository classroom50.

Facts from its wiki (Advanced Autograding, Assignment Templates) and from runner.py, 2026-07.
"""
import json

from coursekit.release.files import ReleaseError, fill
from coursekit.release.platforms import PYTHON

LARGEST = 10_000_000  # bytes of a bundle that its runner fetches
LEFT_OUT = ("README.md", "feedback.md", "course", "course.bat", "runtests.sh", "runtests.bat", ".git", "LICENSE",
            "reports", ".devcontainer", ".binder")


def classroom50(editions, points):
    """Everything of the release, {path: bytes}.

    editions: the student editions of one assignment each, without a workflow, {"vae": {path: bytes}}. points: of the
    public checks, {"vae.reparametrize": 2}.
    """
    files, sums = {}, {}
    for name, edition in editions.items():
        files.update({f"templates/{name}/{path}": content for path, content in edition.items()})
        bundle = {f"course/{path}": content for path, content in edition.items() if not path.startswith(LEFT_OUT)}
        bundle["autograder.py"] = fill("classroom50/autograder.py", NAME=name).encode()
        if (size := sum(map(len, bundle.values()))) > LARGEST:
            raise ReleaseError(f"the bundle of {name} has {size} bytes; Classroom 50 takes {LARGEST}")
        files.update({f"autograders/{name}/{path}": content for path, content in bundle.items()})
        sums[name] = sum(worth for check, worth in points.items() if check.split(".")[0] == name)
    told = ", ".join(f"{name} {worth}" for name, worth in sums.items())
    files["README.md"] = fill("classroom50/README.md", PYTHON=PYTHON, POINTS=told).encode()
    files["runtime.json"] = (json.dumps({"runs-on": "ubuntu-24.04", "python": PYTHON}, indent=2) + "\n").encode()
    return files
