"""What is told of a submission and of a class: as in tests/golden, which an earlier version wrote, byte for byte.

A change of a form is a change of these files. Another form may be right; nobody shall get it unawares.
"""
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.classes.gradebook import build
from coursekit.classes.results import Results
from coursekit.grading.report import Report
from coursekit.grading.tell import tell
from coursekit.grading.tell.table import table
from coursekit.sandbox import walls
from helpers.given.course import ROOT

GOLDEN = Path(__file__).parent / "golden"


def files_in(folder):
    """{path in the folder: bytes} of all files in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def report_of(folder):
    return Report.from_json((folder / "report.json").read_text(encoding="utf-8"))


def test_all_forms_of_a_report(tmp_path):
    shutil.copytree(GOLDEN / "one" / "pictures", tmp_path / "pictures")
    report = report_of(GOLDEN / "one")
    assert report.notebook.pictures and report.style.count and report.score < report.max, "it shows too little"
    tell(report, tmp_path)
    (tmp_path / "table.txt").write_text(table(report) + "\n", encoding="utf-8", newline="")
    assert files_in(tmp_path) == files_in(GOLDEN / "one")


def test_grade_book_and_pages_of_a_class(tmp_path):
    """What was typed into answers.csv joins the grade book and the students' pages."""
    folder, golden = tmp_path / "class", files_in(GOLDEN / "class")
    shutil.copytree(GOLDEN / "class", folder)
    for path in folder.rglob("*"):  # all that is made from the rest
        if path.is_file() and path.name not in ("class.json", "answers.csv", "report.json", "vae.py"):
            path.unlink()
    build(Results.open(folder))
    made = files_in(folder)
    assert made.keys() == golden.keys()
    for name in golden:
        if name.endswith("report.json"):  # "hint" stood before "message" where there was nothing to grade
            assert json.loads(made[name]) == json.loads(golden[name]), name
        else:
            assert made[name] == golden[name], name


@pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")
def test_points_of_a_submission(tmp_path):
    """In a process of its own: pytest adds to the messages of what it imports."""
    command = [sys.executable, "-m", "coursekit", "grade", GOLDEN / "submission", "--assignment", "vae", "--seed", "7",
               "--no-notebook", "--json", "--out", tmp_path / "out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    told = json.loads((GOLDEN / "one" / "report.json").read_text(encoding="utf-8"))
    report = json.loads(done.stdout or done.stderr)
    for name in ("assignment", "score", "max", "seed", "items", "style"):
        assert report[name] == told[name], name
    assert list(report) == list(told) and list(report["items"]) == list(told["items"])
