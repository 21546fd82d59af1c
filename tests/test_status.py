"""`./course status` and where `./course lab` opens, in the release of one assignment."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit import release
from helpers.given import __main__ as student
from helpers.given import points, status
from helpers.given.console import UserError
from helpers.given.course import ROOT, Assignment, assignments
from helpers.given.points import Line


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A release as a git repository whose commit is pushed."""
    above = tmp_path_factory.mktemp("student")
    folder = above / "edition"
    release.release(ROOT, folder)
    run_git(above, "init", "--quiet", "--bare", "remote.git")
    run_git(folder, "init", "--quiet", "--initial-branch", "main")
    run_git(folder, "remote", "add", "origin", above / "remote.git")
    commit(folder)
    run_git(folder, "push", "--quiet", "--set-upstream", "origin", "main")
    return folder


@pytest.fixture
def edition(released, tmp_path):
    return shutil.copytree(released, tmp_path / "edition")


def run_git(folder, *arguments):
    subprocess.run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments],
                   check=True, capture_output=True)


def commit(folder):
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", "work")


def told(folder, lines, name="vae"):
    return status.of_assignment(assignments(folder)[name], lines, folder)


LINES = [Line("vae.VAE", "passed", 2, 2), Line("vae.loss_function", "failed", 0, 2, "expected 8"),
         Line("vae.interpolate", "missing", 0, 1)]


def test_an_assignment_that_is_not_begun_is_a_word(edition):
    lines = [Line("vae.VAE", "missing", 0, 2), Line("vae.interpolate", "missing", 0, 1)]
    assert told(edition, lines) == ["not begun"]
    notebook = edition / assignments(edition)["vae"].notebook
    notebook.write_text(notebook.read_text().replace("*Your answer here.*", "Because.", 1))
    assert told(edition, lines)[0] == "0 of 2 public checks pass"
    assert "without an answer: Question 2, Question 3, Question 4" in told(edition, lines)


def test_what_is_open(edition):
    helper, notebook = edition / "helpers/vae.py", edition / assignments(edition)["vae"].notebook
    rows = helper.read_text().splitlines()
    at = next(number for number, row in enumerate(rows) if "interpolate: fill this gap" in row)
    assert any(f"interpolate (line {at + 1})" in line for line in told(edition, LINES))
    rows[at] = "    return"
    helper.write_text("\n".join([*rows, "this is no Python"]))
    content = json.loads(notebook.read_text())
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"]).replace("*Your answer here.*", "Because.", "Question 2" in "".join(
            cell["source"]))
    notebook.write_text(json.dumps(content))

    head, gaps, wrong, questions, trained = told(edition, LINES)
    assert head == "1 of 3 public checks pass"
    assert gaps.startswith("open gaps: ") and "interpolate" not in gaps and "loss_function (line " in gaps
    assert wrong == "not right yet: vae.loss_function (./course check vae.loss_function says why)"
    assert questions == "without an answer: Question 1, Question 3, Question 4"
    assert trained == "nothing trained is there to hand in: the notebook's last cell writes it"


def test_gaps_in_a_notebook_are_found_by_their_heading(edition):
    (line,) = [line for line in told(edition, LINES, "gan") if line.startswith("open gaps")]
    assert line.endswith(" (in the notebook)") and "Exercise" in line.split(", ")[-1]


def test_what_is_done_needs_no_line(edition):
    helper, notebook = edition / "helpers/vae.py", edition / assignments(edition)["vae"].notebook
    helper.write_text((ROOT / "helpers/vae.py").read_text())
    notebook.write_text(notebook.read_text().replace("*Your answer here.*", "Because."))
    (edition / "trained/vae").mkdir(parents=True)
    (edition / "trained/vae/vae.safetensors").touch()
    assert told(edition, LINES[:1]) == ["1 of 1 public checks pass"]


def test_a_notebook_that_is_broken_or_gone(edition):
    notebook = edition / assignments(edition)["vae"].notebook
    for content in ("<<<<<<< HEAD", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', "[]"):
        notebook.write_text(content)
        assert "cannot be read" in told(edition, LINES)[1], content


def test_what_is_not_committed_and_not_pushed(edition):
    assert status.of_git(edition) == ["all is committed"]
    (edition / "helpers/vae.py").write_text("x = 1\n")
    (edition / "grüße.txt").touch()
    assert status.of_git(edition) == ["not committed: helpers/vae.py, grüße.txt"]
    for number in range(10):
        (edition / f"more{number}.txt").touch()
    assert status.of_git(edition)[0].endswith(" and 4 more")
    commit(edition)
    assert status.of_git(edition) == ["all is committed", "not pushed: 1 of the commits (git push)"]
    run_git(edition, "switch", "--quiet", "--create", "mine")
    assert status.of_git(edition)[1] == "this branch follows none elsewhere, so nobody can tell what is pushed: " \
        "git push -u origin HEAD"


def test_without_git(tmp_path, monkeypatch):
    assert "no git repository" in status.of_git(tmp_path)[0]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not installed" in status.of_git(tmp_path)[0]


def test_all_assignments_in_a_table(monkeypatch, capsys, edition):
    monkeypatch.setattr(status, "ROOT", edition)
    monkeypatch.setattr(points, "run_checks", lambda names: [[Line(f"{name}.x", "missing", 0, 1)] for name in names])
    assert student.main(["status"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 1 + len(assignments(edition))
    assert table[1] == "2 vae          not begun" and table[-1] == "git            all is committed"
    with pytest.raises(UserError, match="Did you mean 'vae'"):
        status.tell(["vea"])


def test_checks_run_in_a_process_of_their_own(edition):
    """A file that ends its process is told like any other."""
    (edition / "helpers/vae.py").write_text("import os\nos._exit(3)\n")
    done = subprocess.run([sys.executable, "-m", "helpers.given", "status", "vae"], cwd=edition, capture_output=True,
                          text=True)
    assert done.returncode == 0 and "not right yet: vae." in done.stdout, done.stdout + done.stderr


def test_the_lab_opens_where_work_went_on(tmp_path):
    known = {}
    for number, name in enumerate(("first", "second", "third"), start=1):
        known[name] = Assignment(name, number, Path(f"{name}.ipynb"), Path(f"{name}.py"))
        for path in (known[name].notebook, known[name].helper):
            (tmp_path / path).touch()
            os.utime(tmp_path / path, (1e9, 1e9 + 5 * number))
    assert student.worked_on(known, tmp_path) == Path("first.ipynb"), "all are as they were cloned"
    os.utime(tmp_path / "second.py", (1e9, 1e9 + 3600))
    assert student.worked_on(known, tmp_path) == Path("second.ipynb")
    assert student.worked_on({}, tmp_path) == Path("notebooks")
