"""The public checks of @NAME@ as Classroom 50 runs them: `course release --for classroom50` wrote this file.

Its runner starts it in the student's repository, with what it needs to know in the environment, and reads result.json
and release-body.md there afterwards (foundation50/classroom50, wiki/Advanced-Autograding). The exit code says whether
it ran, not whether anything passed. `course` beside it is the released course: the student's helpers/@NAME@.py is
checked in it, with the checks as they were released.
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parent / "course"
FILE = Path("helpers", "@NAME@.py")
LARGEST = 1_000_000  # bytes
MINUTES = 9  # for the points: the whole job has 15
INSTALL = ("--quiet", "--disable-pip-version-check", "--extra-index-url", "https://download.pytorch.org/whl/cpu",
           "-r", "requirements.txt", "-c", "constraints.txt")


def main():
    repository = Path.cwd()
    result, body = repository / "result.json", repository / "release-body.md"
    for path in (result, body):  # what the student has committed under these names says nothing
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    if subprocess.run([sys.executable, "-m", "pip", "install", *INSTALL], cwd=COURSE).returncode:
        return "the packages of the course cannot be installed: see pip's lines above"
    handed_in = repository / FILE
    if handed_in.is_file() and not handed_in.is_symlink() and handed_in.stat().st_size <= LARGEST:
        shutil.copyfile(handed_in, COURSE / FILE)
    else:
        print(f"::warning::{FILE.as_posix()} is not in the repository as a plain file of at most {LARGEST} bytes")
        (COURSE / FILE).write_text("")  # not begun
    # Without the places where a step of a workflow leaves something for the next one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ACTIONS_"))}
    points = [sys.executable, "-m", "helpers.given", "points", "@NAME@", "--out", str(COURSE / "result.json")]
    try:
        ran = subprocess.run(points, cwd=COURSE, timeout=60 * MINUTES, env={**environment,
                                                                            "GITHUB_STEP_SUMMARY": str(body)})
    except subprocess.TimeoutExpired:
        return f"the checks took more than {MINUTES} minutes"
    if ran.returncode not in (0, 1):
        return "the checks did not run: see above"
    told = json.loads((COURSE / "result.json").read_text(encoding="utf-8"))
    commit = os.environ["COMMIT_URL"]
    result.write_text(json.dumps({
        "schema": "classroom50/result/v1", "classroom": os.environ["CLASSROOM"], "assignment": os.environ["ASSIGNMENT"],
        "submission": os.environ["SUBMISSION_TAG"], "commit": commit, "release": os.environ["RELEASE_URL"],
        "review": os.environ.get("REVIEW_URL") or commit,
        "datetime": "",  # the runner puts the time of the commit there, as it does with owner and assignment_type
        "score": told["score"], "max-score": told["max-score"], "tests": told["tests"]}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    if problem := main():
        print(f"::error::{problem}")
        sys.exit(1)
