"""The autograder for Gradescope: its zip file, the form of results.json, the metadata, and a whole run in a folder that
stands for /autograder. tests/test_gradescope_image.py runs it in an image of its own."""
import dataclasses
import datetime
import errno
import json
import os
import subprocess
import sys
import time
import zipfile

import pytest

from bench.gradescope_image import unpack
from coursekit.gaps import open_gap
from coursekit.grading import autograder
from coursekit.grading.metadata import read_metadata
from coursekit.grading.report import Execution, Item, Report, Style
from coursekit.grading.tell.gradescope import gradescope
from coursekit.release import gradescope as zipping
from coursekit.release.files import ReleaseError
from coursekit.sandbox import walls
from helpers.given import launcher
from helpers.given.console import UserError
from helpers.given.course import ROOT

NOON = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.timezone.utc)


def made_up(**items):
    return Report(submission="ada", assignment="vae", seed=7, isolation="landlock", isolated=True,
                  why_not_isolated=None, items={f"vae.{name}": item for name, item in items.items()},
                  style=Style("failed", 1, ["vae.py:1:1: E999"]), notebook=Execution("failed", 3, ["cell 4: KeyError"]),
                  versions={"python": "3", "torch": "2"}, seconds=12.4, notes=["vae (1).py counts"])


def valid(told):
    """Assert the form that Gradescope asks for."""
    json.dumps(told, allow_nan=False)
    assert isinstance(told["score"], (int, float)) and told["output_format"] == "text"
    assert told["stdout_visibility"] == "hidden"
    for test in told.get("tests", ()):
        assert test["visibility"] in ("visible", "after_published", "hidden") and test["number"]
        assert {"score", "max_score"} <= set(test) or not {"score", "max_score", "status"} & set(test)
    return told


# The form of results.json

def test_items_stand_in_the_order_of_the_notebook():
    """That of the checks is another one; what the notebook does not ask for comes last."""
    told = valid(gradescope(made_up(
        nothing=Item(1, 1), ConvVAE=Item(4, 4), interpolate=Item(0, 1, "failed", "no", "so"), reparametrize=Item(4, 4),
        VAE=Item(7, 7)), visibility="after_published"))
    assert [(test["number"], test["name"]) for test in told["tests"]] == [
        ("1", "vae.VAE"), ("2", "vae.reparametrize"), ("3", "vae.interpolate"), ("4", "vae.ConvVAE"),
        ("5", "vae.nothing")]
    assert {test["visibility"] for test in told["tests"]} == {"after_published"}
    assert told["tests"][2]["output"] == "no\nHint: so" and told["tests"][2]["status"] == "failed"
    assert told["score"] == 16 and told["execution_time"] == 12
    assert told["output"].split("\n") == ["vae (1).py counts", "Style: 1 findings.", "vae.py:1:1: E999",
                                          "Notebook: failed.", "cell 4: KeyError"]
    assert "seed" not in json.dumps(told)


def test_an_open_item_is_no_zero():
    told = valid(gradescope(made_up(VAE=Item(5, 7, "open", "not judged: the check failed"), CVAE=Item(7, 7))))
    name, = (test for test in told["tests"] if "not judged yet" in test["name"])
    assert "score" not in name and "status" not in name and name["output"].startswith("5 of 7 points are sure")
    assert told["score"] == 12 and told["output"].startswith("NOT JUDGED: vae.VAE.")


# The metadata

def metadata(folder, **values):
    told = {"created_at": NOON.isoformat(), "users": [{"name": "Ada"}], **values}
    path = folder / "submission_metadata.json"
    path.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))
    return path


def before(hours, **more):
    return {"submission_time": (NOON - datetime.timedelta(hours=hours)).isoformat(), "score": "3.0", **more}


DUE = {"due_date": "2026-11-28T11:30:00.000000+00:00"}
LATER = {"due_date": "2026-11-29T11:30:00.000000-08:00"}


@pytest.mark.parametrize("values, lines", [
    ({}, []),
    ({"assignment": DUE}, ["Late: 0:30:00 after 2026-11-28 11:30 (+0000)."]),
    ({"assignment": DUE, "users": [{"name": "Ada", "assignment": LATER}]}, []),
    ({"assignment": LATER}, []),
    ({"assignment": DUE, "users": [{"name": "Ada", "assignment": LATER}, {"name": "Bob\x1b[2J"}]},
     ["Handed in by Ada, Bob [2J together.", "Late for Bob [2J: 0:30:00 after 2026-11-28 11:30 (+0000)."]),
    ({"users": [{"email": "ada@example.org"}, {"name": "Bob"}]}, ["Handed in by ada@example.org, Bob together."]),
    ({"assignment": {"due_date": "soon"}, "users": [3, {"name": 4}]}, []),
    ({"assignment": {"due_date": "2026-11-28T11:30:00"}}, [])])
def test_who_and_when(tmp_path, values, lines):
    found = read_metadata(metadata(tmp_path, **values))
    assert list(found.lines()) == lines and found.problem is None


@pytest.mark.parametrize("content, says", [
    (None, "cannot be read"), ("{", "cannot be read"), ("\xff", "cannot be read"), ("[]", "created_at and no users"),
    ("{}", "no usable created_at and no users"), ("[" * 100_000, "cannot be read"),
    ('{"created_at": "2026-11-28T12:00:00Z"}', "no usable users"),
    ('{"users": {}, "created_at": 3, "assignment": [], "previous_submissions": 5}', "no usable"),
    ('{"previous_submissions": [null, {"results": {"tests": 1}, "score": "nan"}]}', "no usable")])
def test_bad_metadata_is_one_line(tmp_path, content, says):
    path = tmp_path / "submission_metadata.json"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    found = read_metadata(path)
    assert says in found.problem and "\n" not in found.problem
    assert found.who == "the submission" and not list(found.lines()) and found.kept(1) is None


TWO_HOURS_AGO = (NOON - datetime.timedelta(hours=2)).isoformat()
LAST = {"score": 5, "tests": [{"name": "vae.VAE", "score": 5}], "output": "all well", "unknown": 1,
        "extra_data": {"graded_at": [TWO_HOURS_AGO]}}


@pytest.mark.parametrize("most, previous, score", [
    (0, [before(1, results=LAST)], None),  # no limit
    (2, [before(1, results=LAST)], None),
    (1, [before(1, results=LAST)], 5),
    (2, [before(1), before(1), before(1, results=LAST)], None),  # what it says counts: two were not graded
    (2, [before(30), before(3), before(1)], 3),  # nothing is said: all of a day count
    (2, [before(30), before(1)], None),
    (2, [before(3, autograder_error=True), before(1)], None),  # no fault of the student's
    (1, [before(1, results={"output": "?"})], 3),
    (1, [before(1, score=None)], None),  # there is no score to keep
    (1, [before(1, score="nan", results={"tests": 3})], None),
    (1, [before(1, results={**LAST, "extra_data": {"graded_at": "?"}})], 5),
    (1, [{}, "?", None], None)])
def test_limit_of_runs_a_day(tmp_path, most, previous, score):
    told = read_metadata(metadata(tmp_path, previous_submissions=previous)).kept(most)
    if score is None:
        assert told is None
    else:
        assert told["score"] == score and told["output"].startswith("NOT GRADED: ") and "unknown" not in told


def test_what_is_kept_can_be_kept_again(tmp_path):
    """The words do not pile up, and the hour from which one can hand in again stays."""
    first = read_metadata(metadata(tmp_path, previous_submissions=[before(1, results=LAST)])).kept(1)
    again = read_metadata(metadata(tmp_path, previous_submissions=[before(0.5, results=first)])).kept(1)
    assert again == first and first["tests"] == LAST["tests"]
    assert first["output"].endswith("you can hand in again.\n\nall well") and "2026-11-29 10:00" in first["output"]


# The zip file

@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A folder that stands for /autograder, with what `course gradescope` writes in its source/."""
    folder = tmp_path_factory.mktemp("autograder")
    done = subprocess.run([sys.executable, "-m", "coursekit", "gradescope", "--assignment", "vae", "--out",
                           folder / "vae.zip", "--visibility", "published", "--runs-per-day", "2"], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    unpack(folder / "vae.zip", folder / "source")
    (folder / "run_autograder").write_bytes((folder / "source" / "run_autograder").read_bytes())
    with (folder / "source" / "unfinished.json").open("w") as stream:  # as setup.sh does
        subprocess.run([sys.executable, "-P", "-m", "coursekit.grading.autograder", "unfinished"], stdout=stream,
                       env={**os.environ, "PYTHONPATH": str(folder / "source" / "course")}, check=True)
    return folder


def test_what_is_in_the_zip_file(unpacked):
    with zipfile.ZipFile(unpacked / "vae.zip") as archive:
        names = archive.namelist()
        scripts = {name for name in names if archive.getinfo(name).external_attr >> 16 & 0o111}
    assert {"setup.sh", "run_autograder"} <= scripts
    assert {name.split("/")[0] for name in names} == {"setup.sh", "run_autograder", "requirements.txt",
                                                      "constraints.txt", "course"}
    assert (unpacked / "source/course/helpers/vae.py").read_bytes() == (ROOT / "helpers/vae.py").read_bytes()
    assert not {"course/helpers/gan.py", "course/autograde_tests/test_gan.py", "course/notebooks/3_gan.ipynb",
                "course/helpers/given/checks/gan.py"} & set(names) and not any("__pycache__" in name for name in names)
    assert not [name for name in names if name.split("/")[1:2] in (["tests"], ["bench"], ["docs"])]
    assert "jupyterlab" not in (unpacked / "source" / "requirements.txt").read_text()
    assert subprocess.run(["bash", "-n", unpacked / "source" / "setup.sh"]).returncode == 0
    assert not [line for path in ("setup.sh", "run_autograder") for line in
                (unpacked / "source" / path).read_text().splitlines() if "@" in line.replace('"$@"', "")]


def test_the_image_gets_a_python_of_ours():
    version = tuple(map(int, zipping.PYTHON.split(".")))
    assert len(version) == 3 and launcher.OLDEST <= version[:2] <= launcher.NEWEST


def test_bad_input_leaves_no_zip_file(tmp_path, monkeypatch):
    out = tmp_path / "out" / "vae.zip"
    with pytest.raises(UserError, match="Did you mean 'vae'"):
        zipping.autograder(ROOT, out, "vea")
    monkeypatch.setattr(zipping, "LIMIT", 1000)
    with pytest.raises(ReleaseError, match="the largest file in it is course/notebooks/2_vae.ipynb"):
        zipping.autograder(ROOT, out, "vae")
    assert not out.exists()


# setup.sh

@pytest.mark.parametrize("broken, says", [("python3", "uv 0."), ("uv", "Python 9.9")])
def test_setup_fails_loudly(unpacked, tmp_path, broken, says):
    """Its commands are stand-ins here, and its folders others: it must not change this machine."""
    text = (unpacked / "source" / "setup.sh").read_text()
    script = tmp_path / "setup.sh"
    script.write_text(text.replace("/opt/course", f"{tmp_path}/course").replace("/autograder/source", f"{tmp_path}/in"))
    for path in ("bin/apt-get", "bin/python3", "course/uv/bin/uv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"#!/bin/sh\nexit {int(path.endswith(broken))}\n")
        (tmp_path / path).chmod(0o755)
    done = subprocess.run(["bash", script], capture_output=True, text=True, env={
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "UV_PYTHON": "9.9"})
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0 and last.startswith("setup.sh: this image is of no use") and says in last


# A run

def run(folder, python=sys.executable, **settings):
    return subprocess.Popen(["bash", folder / "run_autograder"], cwd=folder, stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, env={**os.environ, "PYTHON": str(python)}, **settings)


def results_in(folder):
    assert [path.name for path in (folder / "results").iterdir()] == ["results.json"]  # nothing half-written
    return valid(json.loads((folder / "results" / "results.json").read_text()))


@pytest.fixture
def container(unpacked, tmp_path):
    """The same, as it is when a submission has come."""
    (tmp_path / "source").symlink_to(unpacked / "source")
    (tmp_path / "run_autograder").symlink_to(unpacked / "run_autograder")
    source = open_gap((ROOT / "helpers" / "vae.py").read_text(encoding="utf-8"), "interpolate")
    (tmp_path / "submission" / "helpers").mkdir(parents=True)
    (tmp_path / "submission" / "helpers" / "vae.py").write_text(source, encoding="utf-8")
    metadata(tmp_path, assignment=DUE, users=[{"name": "Ada"}, {"name": "Bob"}],
             previous_submissions=[before(3, results={**LAST, "extra_data": {}})])
    return tmp_path


@pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")
def test_a_whole_run(container, request):
    if request.config.getoption("--fast"):
        pytest.skip("--fast: no sandboxes")
    process = run(container)
    printed, _ = process.communicate(timeout=240)
    told = results_in(container)
    assert process.returncode == 0 and "tests" in told, printed
    lost = [test for test in told["tests"] if test["status"] != "passed"]
    assert [test["name"] for test in lost] == ["vae.interpolate"] and "fill this gap" in lost[0]["output"]
    assert told["score"] == sum(test["score"] for test in told["tests"]) > 30
    assert {test["visibility"] for test in told["tests"]} == {"after_published"}
    lines = told["output"].splitlines()
    assert lines[0] == "Handed in by Ada, Bob together." and lines[1].startswith("Late: 0:30:00 after")
    assert "written questions" in lines[2] and "Notebook: skipped." in lines
    assert told["extra_data"]["graded_at"][-1] == NOON.isoformat() and len(told["extra_data"]["graded_at"]) == 2
    assert "seed" in printed and "seed" not in json.dumps(told)


def test_a_broken_python_leaves_what_stood_there(container):
    process = run(container, container / "none")
    process.communicate(timeout=60)
    told = results_in(container)
    assert process.returncode != 0 and told["score"] == 0 and "did not finish" in told["output"]


def test_a_container_that_is_stopped(container):
    (container / "slow").write_text("#!/bin/sh\nexec sleep 60\n")
    (container / "slow").chmod(0o755)
    process = run(container, container / "slow")
    deadline = time.monotonic() + 20
    while not (container / "results" / "results.json").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert "did not finish" in results_in(container)["output"]


def grade(folder, *more):
    return autograder.main(["grade", "vae", "--folder", str(folder), *more])


@pytest.fixture
def report(monkeypatch):
    """Nothing is graded: this is what comes of it, or the error."""
    def set_to(outcome):
        def instead(*_):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        monkeypatch.setattr(autograder, "in_a_process", instead)
    set_to(made_up(VAE=Item(7, 7)))
    return set_to


@pytest.mark.parametrize("error, says", [
    (walls.NotIsolated("student code cannot be isolated here"), "student code cannot be isolated here"),
    (UserError("not finished within 540 seconds"), "not finished within 540 seconds"),
    (OSError(errno.ENOSPC, "No space left on device", "/tmp/course"), "No space left on device: /tmp/course"),
    (ZeroDivisionError(), "ZeroDivisionError")])
def test_whatever_goes_wrong_is_told(container, report, error, says):
    report(error)
    (container / "results").mkdir()
    assert grade(container) == 0
    told = results_in(container)
    assert told["output"].startswith(f"NOT GRADED: {says}. The 0 is no mark") and told["score"] == 0
    assert told["extra_data"] == {"graded": False, "graded_at": [TWO_HOURS_AGO.replace("10:", "09:")]}


def test_a_full_disk_leaves_what_stood_there(container, report, monkeypatch, capsys):
    (container / "results").mkdir()
    stood = container / "results" / "results.json"
    stood.write_bytes((container / "source" / "unfinished.json").read_bytes())

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(autograder, "write", full)
    assert grade(container) == 1
    assert "did not finish" in results_in(container)["output"]
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "No space left on device" in told[0]


def test_one_too_many_is_not_graded(container, report):
    report(AssertionError("it was graded"))
    (container / "results").mkdir()
    assert grade(container, "--runs-per-day", "1") == 0
    told = json.loads((container / "results" / "results.json").read_text())
    assert told["score"] == 5 and told["output"].startswith("NOT GRADED: 1 submissions")


def test_a_solution_that_gets_too_little_stops_the_image(report, capsys):
    report(made_up(VAE=Item(6, 7, "failed", "no")))
    assert autograder.main(["prove", "vae"]) == 1
    assert "the solution gets 6 of 7 points here" in capsys.readouterr().err
    report(dataclasses.replace(made_up(VAE=Item(7, 7)), notebook=Execution()))
    assert autograder.main(["prove", "vae"]) == 0
