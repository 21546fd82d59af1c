"""The workflows are valid, say what the course's own files offer, and do on a machine what they should."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml

from coursekit import release
from coursekit.gaps import open_gap
from coursekit.release.platforms import ON, classroom as made_for_classroom, github, gitlab
from coursekit.site import NEEDED
from helpers.given.course import ROOT, assignments
from helpers.given.launcher import OLDEST
from helpers.given.points import STEPS

POINTS = {"vae.reparametrize": 2, "vae.VAE.forward": 1, "gan.sample_noise": 3}
OURS = [ROOT / ".github/workflows/ci.yml", ROOT / ".github/workflows/pages.yml"]
GITHUB, GITLAB = "vendor.github-workflows", "vendor.gitlab-ci"


def validate(schema, paths):
    transform = ["--data-transform", "gitlab-ci"] if schema == GITLAB else []
    return subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *transform,
                           *map(str, paths)], capture_output=True, text=True)


@pytest.fixture
def classroom(tmp_path):
    """The workflow for GitHub Classroom as a file and as data."""
    path = tmp_path / "classroom.yml"
    path.write_text(made_for_classroom(POINTS, "push")[".github/workflows/classroom.yml"], encoding="utf-8")
    return path, yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema, make, others", [(GITHUB, github, 3), (GITLAB, gitlab, 0)])
def test_all_follow_the_public_schemas(classroom, tmp_path, schema, make, others):
    paths = [classroom[0], *OURS][:others]
    for on in ON:
        (text,) = make(POINTS, on).values()
        paths.append(tmp_path / f"{on}.yml")
        paths[-1].write_text(text, encoding="utf-8")
    done = validate(schema, paths)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(text.replace("runs-on:", "other:").replace("script:", "other:"), encoding="utf-8")
    assert validate(schema, [broken]).returncode != 0, "the schema lets everything through"


def test_the_names_that_collectors_look_for(classroom):
    (released,) = github(POINTS, "push").values()
    for workflow in classroom[1], yaml.safe_load(released):
        assert workflow["name"] == "Autograding Tests"
        assert list(workflow["jobs"])[0] == "run-autograding-tests"


def test_the_reporter_hears_every_grader(classroom):
    *steps, reporter = classroom[1]["jobs"]["run-autograding-tests"]["steps"]
    graders = [step for step in steps if "grader" in step.get("uses", "")]
    ids = [step["id"] for step in graders]
    assert ids == ["vae_reparametrize", "vae_vae_forward", "gan_sample_noise", "style", "notebook_vae", "notebook_gan"]
    assert reporter["with"]["runners"].split(",") == ids
    assert reporter["env"] == {f"{id.upper()}_RESULTS": f"${{{{ steps.{id}.outputs.result }}}}" for id in ids}
    assert [step["with"]["max-score"] for step in graders] == [2, 1, 3, 1, 1, 1]


def test_the_commands_of_the_graders_exist(classroom):
    steps = classroom[1]["jobs"]["run-autograding-tests"]["steps"]
    commands = [step["with"]["command"] for step in steps if "command" in step.get("with", {})]
    assert len(commands) == 6
    for command in commands:
        python, m, module, verb, *arguments = shlex.split(command)
        assert (python, m, module) == ("python", "-m", "helpers.given")
        assert set(arguments) <= {*{"check": POINTS, "test": (*STEPS, *assignments())}[verb]}


def test_every_action_and_machine_is_pinned(classroom):
    (released,), (for_gitlab,) = github(POINTS, "push").values(), gitlab(POINTS, "push").values()
    texts = [classroom[0].read_text(encoding="utf-8"), released, for_gitlab,
             *(path.read_text(encoding="utf-8") for path in OURS)]
    used = re.findall(r"uses: (\S+)", "".join(texts))
    assert used and all(re.search(r"@v\d+$", action) for action in used), used
    assert not [text for text in texts if "latest" in text]
    oldest = ".".join(map(str, OLDEST))
    for text in texts[:2]:
        jobs = yaml.safe_load(text)["jobs"].values()
        steps = [step for job in jobs for step in job["steps"] if "setup-python" in step.get("uses", "")]
        assert len(steps) == len(jobs) and {step["with"]["python-version"] for step in steps} == {oldest}
    assert yaml.safe_load(for_gitlab)["default"]["image"] == f"python:{oldest}-slim"


def test_ci_covers_three_systems_and_both_ends_of_python():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert {name.split("-")[0] for name in job["strategy"]["matrix"]["os"]} == {"ubuntu", "macos", "windows"}
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.14"]
    commands = [step.get("run", "") for step in job["steps"]]
    assert "./runtests.sh" in commands and "runtests.bat" in commands
    assert any("bubblewrap" in command for command in commands)


def test_the_site_is_published_by_hand_or_for_a_version_and_without_answers():
    workflow = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text(encoding="utf-8"))
    assert workflow[True] == {"push": {"tags": ["v*"]}, "workflow_dispatch": None}  # `on` is a truth of YAML 1.1
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    commands = " ".join(step.get("run", "") for step in workflow["jobs"]["build"]["steps"])
    assert "coursekit site" in commands and "--solutions" not in commands
    assert {name.replace("_", "-") for name in NEEDED} < set(commands.split())


# --- what the released workflow does -------------------------------------------------------------------------------

PIP = """#!/bin/sh
# In place of pip, which would download for minutes: looks whether it is asked for files that are there.
[ "$1" = install ] && shift
while [ $# -gt 0 ]; do
    case "$1" in
        -r | -c) [ -s "$2" ] || { echo "no file $2" >&2; exit 1; }; echo "installed $2"; shift 2 ;;
        --extra-index-url) shift 2 ;;
        *) echo "unexpected: $1" >&2; exit 1 ;;
    esac
done
"""


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A released repository with all gaps of vae filled but two, and one of these wrong."""
    folder = tmp_path_factory.mktemp("student") / "edition"
    release.release(ROOT, folder)
    source = (ROOT / "helpers/vae.py").read_text(encoding="utf-8")
    right = "torch.exp(0.5 * logvar)"
    assert right in source
    source = open_gap(source.replace(right, "torch.exp(logvar)"), "interpolate")
    (folder / "helpers/vae.py").write_text(source, encoding="utf-8")
    return folder


def run_job(folder, job, event, ref, tmp_path):
    """Do what a runner does with a job: its condition, its steps one after the other, with the files and variables that
    GitHub documents. Returns (exit code of each step that ran, all output, the summary)."""
    def holds(condition, failed):
        words = {"&&": " and ", "||": " or ", "github.event_name": repr(event), "github.ref": repr(ref),
                 "startsWith": "(lambda text, start: text.startswith(start))", "always()": "True"}
        for word, python in words.items():
            condition = condition.replace(word, python)
        return eval(condition) and (not failed or "True" in condition)

    if not holds(job.get("if", "True"), False):
        return None
    bin, summary, output = (tmp_path / name for name in ("bin", "summary", "output"))
    bin.mkdir(exist_ok=True)
    (bin / "pip").write_text(PIP)
    (bin / "pip").chmod(0o755)
    (bin / "python").unlink(missing_ok=True)
    (bin / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{bin}:/usr/bin:/bin", "HOME": str(tmp_path), "CI": "true", "GITHUB_ACTIONS": "true",
                   "GITHUB_EVENT_NAME": event, "GITHUB_REF": ref, "GITHUB_WORKSPACE": str(folder),
                   "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "OMP_NUM_THREADS": "1",
                   "PYTHONPATH": os.pathsep.join(path for path in sys.path if path.endswith("-packages"))}
    codes, told = {}, ""
    summary.write_text("")
    for step in job["steps"]:
        name = step.get("name") or step["uses"]
        if not holds(step.get("if", "True"), any(codes.values())):
            continue
        if "uses" in step:  # checkout: it is there; setup-python: PATH; upload-artifact: what it takes must be there
            codes[name] = int(not (folder / step.get("with", {}).get("path", ".")).exists())
            continue
        script = tmp_path / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(["bash", "-e", str(script)], cwd=folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        codes[name], told = done.returncode, told + done.stdout
    return codes, told, summary.read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="a runner with Ubuntu")
def test_the_released_workflow_runs_step_by_step(student, tmp_path):
    workflow = yaml.safe_load((student / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    checks = workflow["jobs"]["run-autograding-tests"]
    codes, told, summary = run_job(student, checks, "push", "refs/heads/main", tmp_path)
    assert codes == {"actions/checkout@v7": 0, "actions/setup-python@v7": 0, "Install": 0, "Checks and style": 1,
                     "Keep result.json": 0}, told
    assert "installed requirements.txt\ninstalled constraints.txt" in told

    result = json.loads((student / "result.json").read_text(encoding="utf-8"))
    by_name = {test["test-name"]: test for test in result["tests"]}
    wrong = {name: test["status"] for name, test in by_name.items() if not test["passed"]}
    others = {name: "not begun" for name in assignments() if name != "vae"}
    assert wrong == {"vae.reparametrize": "failed", "vae.interpolate": "missing", **others}
    score, most = result["score"], result["max-score"]
    assert (score, most) == tuple(sum(test[key] for test in result["tests"]) for key in ("score", "max-score"))
    assert f"\n{score} of {most} points" in told and summary.startswith(f"### {score} of {most} points")
    assert f"::notice title=Autograding complete::Points {score}/{most}\n" in told
    assert ('::notice title=Autograding report::{"totalPoints":%d,"maxPoints":%d}\n' % (score, most)) in told
    assert "| vae.reparametrize | failed | 0 of 2 | " in summary and "Hint: " in summary
    assert "| gan | not begun | 0 of " in summary and "| style | passed | 1 of 1 |  |" in summary


def test_notebooks_run_for_tags_and_by_hand_only(student, tmp_path):
    workflow = yaml.safe_load((student / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    job = {**workflow["jobs"]["notebooks"], "steps": []}
    assert run_job(student, job, "push", "refs/heads/main", tmp_path) is None
    assert run_job(student, job, "push", "refs/tags/submit/1", tmp_path) is not None
    assert run_job(student, job, "workflow_dispatch", "refs/heads/main", tmp_path) is not None
    assert workflow["jobs"]["notebooks"]["steps"][-1]["run"] == "python -m helpers.given points notebooks"


@pytest.mark.skipif(sys.platform == "win32", reason="a runner with Ubuntu")
@pytest.mark.parametrize("cell, code", [("1 + 1", 0), ("1 / 0", 1)])
def test_the_job_of_notebooks_runs_what_is_begun(student, tmp_path, cell, code):
    folder = shutil.copytree(student, tmp_path / "edition")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    nbformat.write(notebook, folder / assignments()["vae"].notebook)
    workflow = yaml.safe_load((folder / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    codes, told, summary = run_job(folder, workflow["jobs"]["notebooks"], "push", "refs/tags/submit/1", tmp_path)
    assert codes["Notebooks"] == code, told
    assert f"| notebook vae | {'failed' if code else 'passed'} | {1 - code} of 1 |" in summary
    assert "| notebook gan | not begun | 0 of 1 |" in summary and "::notice" not in told
    assert code == 0 or "ZeroDivisionError" in told


@pytest.mark.parametrize("on, events", [
    ("push", {"push": {"branches": ["**"], "tags": ["submit/*"]}, "workflow_dispatch": None}),
    ("tags", {"push": {"tags": ["submit/*"]}, "workflow_dispatch": None}),
    ("hand", {"workflow_dispatch": None})])
def test_when_it_runs_is_chosen_at_release(on, events):
    (text,) = github(POINTS, on).values()
    workflow = yaml.safe_load(text)
    assert workflow[True] == events  # YAML takes the key `on` for the word of that name
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]["cancel-in-progress"] is True
    assert workflow["jobs"]["run-autograding-tests"]["timeout-minutes"] == 15


# --- Classroom 50 --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The autograder of vae as Classroom 50 unpacks it."""
    out = tmp_path_factory.mktemp("classroom50") / "out"
    release.release(ROOT, out, "vae", "classroom50")
    return out / "autograders/vae"


def submit(bundle, repository):
    """Run the autograder in a student's repository as its runner.py does: (the process, result.json or None)."""
    place = repository.parent / "bundle"
    shutil.copytree(bundle, place, dirs_exist_ok=True)
    environment = {**os.environ, "CLASSROOM": "cs", "ASSIGNMENT": "vae", "SUBMISSION_TAG": "submit/1",
                   "COMMIT_URL": "c", "RELEASE_URL": "r", "REVIEW_URL": "",
                   "PIP_NO_INDEX": "1"}  # all is installed: pip need not look
    done = subprocess.run([sys.executable, str(place / "autograder.py")], cwd=repository, env=environment, text=True,
                          capture_output=True)
    result = repository / "result.json"
    return done, json.loads(result.read_text(encoding="utf-8")) if result.exists() else None


FIELDS = {"schema", "classroom", "assignment", "submission", "commit", "release", "review", "datetime", "score",
          "max-score", "tests"}  # the others are the runner's: schemas/result-v1.schema.json in its repository


def test_the_autograder_leaves_what_classroom_50_reads(bundle, student, tmp_path):
    repository = tmp_path / "repository"
    shutil.copytree(student, repository)
    (repository / "result.json").write_text('{"score": 1000}')  # committed by the student
    (repository / "helpers/given/checks/vae.py").write_text("")  # changed by the student
    done, result = submit(bundle, repository)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(result) == FIELDS and result["schema"] == "classroom50/result/v1"
    assert (result["classroom"], result["submission"], result["review"]) == ("cs", "submit/1", "c")
    assert [test["test-name"] for test in result["tests"] if not test["passed"]] == ["vae.reparametrize",
                                                                                     "vae.interpolate"]
    assert all(type(test[key]) is int for test in result["tests"] for key in ("score", "max-score"))
    assert (result["score"], result["max-score"]) == (15, 18)
    assert (repository / "release-body.md").read_text(encoding="utf-8").startswith("### 15 of 18 points")


def test_a_repository_without_the_file_is_told(bundle, tmp_path):
    (tmp_path / "repository").mkdir()
    done, result = submit(bundle, tmp_path / "repository")
    assert done.returncode == 0 and "::warning::helpers/vae.py is not in the repository" in done.stdout, done.stdout
    assert [(test["test-name"], test["status"], test["score"], test["max-score"]) for test in result["tests"]] == [
        ("vae", "not begun", 0, 17), ("style", "not begun", 0, 1)]


def test_packages_that_cannot_be_installed_are_no_zero(bundle, tmp_path):
    (tmp_path / "repository").mkdir()
    shutil.copytree(bundle, tmp_path / "bundle")
    (tmp_path / "bundle/course/requirements.txt").write_text("no-such-package-of-ours==1\n")
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "bundle", broken)
    done, result = submit(broken, tmp_path / "repository")
    assert done.returncode == 1 and result is None
    assert "::error::the packages of the course cannot be installed" in done.stdout
