"""A new assignment is a handful of new files, and no change of any other: those in tests/new_assignment, laid over a
copy of the course, make one with the number 10."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.given.course import ROOT

FILES = Path(__file__).parent / "new_assignment"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with the new assignment: a function that runs one of its commands and returns what it
    prints."""
    copy = tmp_path_factory.mktemp("course")
    for name in ("helpers", "autograde_tests", "coursekit", "data", "reports", ".devcontainer", ".binder"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.npz"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    assert not [path for path in FILES.rglob("*.*") if (copy / path.relative_to(FILES)).exists()]
    shutil.copytree(FILES, copy, dirs_exist_ok=True)

    def run(*arguments, code=0):
        done = subprocess.run([sys.executable, "-P", "-m", "coursekit", *map(str, arguments)], cwd=copy, text=True,
                              capture_output=True, env={**os.environ, "PYTHONPATH": str(copy)})
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout
    return run


def test_it_is_checked_released_graded_and_audited(course, tmp_path):
    assert "1 of 1 checks passed" in course("check", "line")
    assert course("release", "--out", tmp_path / "student").startswith("released line to ")
    released = tmp_path / "student" / "helpers" / "line.py"
    assert "return slope" not in released.read_text() and "NotImplementedError" in released.read_text()
    released.write_text("def line(x, slope, offset):\n    return slope * x\n")
    assert "the offset is missing" in course("grade", released, "--no-notebook", "--out", tmp_path / "wrong")
    assert "Everything is as it should be." in course("audit", "line")
