"""`./course grade` and the notebook's re-execution, as an instructor uses them."""
import json
import os
import subprocess
import sys
import zipfile

import pytest

from coursekit.gaps import open_gap
from coursekit.grading.command import grade
from coursekit.grading.handin import infer_assignment
from coursekit.grading.judge import load_checks
from coursekit.grading.report import Style
from coursekit.sandbox import walls
from helpers.given.course import ROOT, assignments

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
STANDING = [wall for wall in (walls.Bubblewrap(), walls.Landlock(), walls.OtherUser()) if wall.why_not() is None]
ITEMS = {f"vae.{name}" for name in ("VAE", "CVAE", "reparametrize", "loss_function", "kl_weight", "ConvVAE",
                                    "get_mu_logvar", "sample_on_grid", "interpolate")}


def course(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "coursekit", *map(str, arguments)], cwd=ROOT, env=environment,
                          capture_output=True, text=True)


def submission(folder, source, name="helpers/vae.py"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A submission with one gap open, as a zip, graded from the command line with the notebook."""
    folder = tmp_path_factory.mktemp("graded")
    archive = folder / "ada.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("ada-main/helpers/vae.py", open_gap(SOLUTION, "interpolate"))
        opened.writestr("ada-main/conftest.py", "raise SystemExit")
        opened.writestr("../../escape.py", "x = 1")
    done = course("grade", archive, "--out", folder / "out", "--seed", "5")
    return done, json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))


def test_report(graded):
    done, report = graded
    assert done.returncode == 0, done.stderr
    assert set(report) == {"submission", "assignment", "score", "max", "seed", "isolation", "isolated",
                           "why_not_isolated", "items", "style", "notebook", "versions", "seconds", "notes"}
    assert len(report["notes"]) == 1 and "escape.py" in report["notes"][0]
    assert set(report["items"]) == ITEMS
    assert all(set(item) == {"points", "max", "status", "message", "hint"} for item in report["items"].values())
    assert report["score"] == report["max"] - 1 and report["seed"] == 5
    lost = report["items"]["vae.interpolate"]
    assert (lost["points"], lost["status"]) == (0, "missing") and "fill this gap" in lost["message"]
    assert report["isolation"] == walls.best().name and report["isolated"] == walls.best().isolates
    assert f"isolation: {report['isolation']}" in done.stdout


def test_table_names_what_was_wrong(graded):
    done, report = graded
    assert f"{report['score']} of {report['max']} points" in done.stdout
    assert "vae.interpolate" in done.stdout and "fill this gap" in done.stdout


def test_notebook_stops_at_the_open_gap(graded):
    notebook = graded[1]["notebook"]
    assert notebook["status"] == "failed" and "interpolate" in notebook["failed"][0]


MADE_ONCE = """

def made():
    from helpers.given import datasets, metrics
    return datasets._small and metrics.known


assert "ipykernel" not in __import__("sys").modules or made()
"""


def test_notebook_passes_with_the_solution(tmp_path):
    """And its process has what is the same for each submission."""
    report = grade(submission(tmp_path, SOLUTION + MADE_ONCE), "vae", seed=1)
    assert report.score == report.max
    assert report.notebook.failed == [] and report.notebook.status == "passed"
    assert report.notebook.cells > 30
    assert report.style == Style("passed", 0, [])


def test_style_findings_cost_no_points(tmp_path):
    report = grade(submission(tmp_path, SOLUTION + "x=1\n"), "vae", notebook=False, wall=walls.best())
    assert report.score == report.max
    assert report.style.status == "failed" and "E225" in report.style.findings[-1]
    assert report.notebook.status == "skipped"


def test_json_on_stdout(tmp_path):
    submission(tmp_path / "s", SOLUTION, "vae.py")
    done = course("grade", tmp_path / "s", "--out", tmp_path / "out", "--json", "--no-notebook")
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))


def test_assignment_is_inferred(tmp_path):
    assert infer_assignment(submission(tmp_path, SOLUTION)) == "vae"


@pytest.mark.parametrize("make, says", [
    (lambda folder: folder / "nothing", "neither a folder nor a zip"),
    (lambda folder: folder, "no graded file"),
    (lambda folder: submission(folder, "x", "notes.txt"), "no graded file"),
])
def test_unusable_submission_is_one_line_and_exit_code_2(tmp_path, make, says):
    done = course("grade", make(tmp_path), "--out", tmp_path / "out")
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_unknown_assignment(tmp_path):
    done = course("grade", submission(tmp_path, SOLUTION), "--assignment", "vea")
    assert done.returncode == 2 and "vae" in done.stderr


def test_every_name_of_the_contract_is_an_item():
    assert {check.item for check in load_checks("vae")} == ITEMS


def test_assignments_are_found_by_their_files():
    assert "vae" in assignments()


@pytest.mark.parametrize("wall", STANDING, ids=lambda wall: wall.name)
def test_the_kernel_of_the_notebook_is_in_the_sandbox(tmp_path, wall):
    """What a student's module can see and do when the notebook imports it."""
    (tmp_path / "host.txt").write_text("of the host")
    spy = ("import os, socket\n"
           "seen = [os.getuid()]\n"
           "for attempt in (lambda: open('/etc/shadow'), lambda: open(%r), socket.socket,\n"
           "                lambda: os.setpriority(0, 0, 1)):\n"
           "    try:\n        seen.append(attempt() or 'a hole')\n"
           "    except OSError as error:\n        seen.append('refused')\n"
           "raise RuntimeError(' '.join(map(str, [*seen, sorted(os.environ)])))\n" % str(tmp_path / "host.txt"))
    report = grade(submission(tmp_path, spy), "vae", wall=wall)
    told = report.notebook.failed[0]
    uid, *seen = told.split("RuntimeError: ")[1].split()[:5]
    assert uid != "0" and seen == ["refused"] * 4, told
    assert "COURSE_PROFILE" in told and "PYTHONPATH" not in told and "USER" not in told
