"""The workflows are valid, and say what the course's own files offer."""
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from coursekit.release.classroom import classroom as made_for_classroom
from helpers.given.course import ROOT, assignments
from helpers.given.launcher import OLDEST

POINTS = {"vae.reparametrize": 2, "vae.VAE.forward": 1, "gan.sample_noise": 3}


def validate(path):
    return subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows",
                           str(path)], capture_output=True, text=True)


@pytest.fixture
def classroom(tmp_path):
    """The released workflow as a file and as data."""
    path = tmp_path / "classroom.yml"
    path.write_text(made_for_classroom(POINTS)[".github/workflows/classroom.yml"], encoding="utf-8")
    return path, yaml.safe_load(path.read_text(encoding="utf-8"))


def test_both_workflows_follow_the_public_schema(classroom, tmp_path):
    for path in (classroom[0], ROOT / ".github/workflows/ci.yml"):
        done = validate(path)
        assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(classroom[0].read_text(encoding="utf-8").replace("runs-on:", "runs_on:"), encoding="utf-8")
    assert validate(broken).returncode != 0, "the schema lets everything through"


def test_the_names_that_github_classroom_looks_for(classroom):
    _, workflow = classroom
    assert workflow["name"] == "Autograding Tests"
    assert list(workflow["jobs"]) == ["run-autograding-tests"]


def test_the_reporter_hears_every_grader(classroom):
    *steps, reporter = classroom[1]["jobs"]["run-autograding-tests"]["steps"]
    graders = [step for step in steps if "grader" in step.get("uses", "")]
    ids = [step["id"] for step in graders]
    assert ids == ["vae_reparametrize", "vae_vae_forward", "gan_sample_noise", "style", "notebook_vae", "notebook_gan"]
    assert reporter["with"]["runners"].split(",") == ids
    assert reporter["env"] == {f"{id.upper()}_RESULTS": f"${{{{ steps.{id}.outputs.result }}}}" for id in ids}
    assert [step["with"]["max-score"] for step in graders] == [2, 1, 3, 1, 1, 1]


def test_the_commands_of_the_graders_exist(classroom):
    from helpers.given import __main__ as student

    steps = classroom[1]["jobs"]["run-autograding-tests"]["steps"]
    commands = [step["with"]["command"] for step in steps if "command" in step.get("with", {})]
    assert len(commands) == 6
    for command in commands:
        python, m, module, verb, *arguments = shlex.split(command)
        assert (python, m, module) == ("python", "-m", "helpers.given")
        assert set(arguments) <= {*{"check": POINTS, "test": (*student.STEPS, *assignments())}[verb]}


def test_the_released_workflow_takes_the_oldest_python(classroom):
    steps = classroom[1]["jobs"]["run-autograding-tests"]["steps"]
    versions = [step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", "")]
    assert versions == [".".join(map(str, OLDEST))]


def test_every_action_is_pinned(classroom):
    text = classroom[0].read_text(encoding="utf-8") + (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)", text)
    assert used and all(re.search(r"@v\d+$", action) for action in used), used


def test_ci_covers_three_systems_and_both_ends_of_python():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert {name.split("-")[0] for name in job["strategy"]["matrix"]["os"]} == {"ubuntu", "macos", "windows"}
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.14"]
    commands = [step.get("run", "") for step in job["steps"]]
    assert "./runtests.sh" in commands and "runtests.bat" in commands
    assert any("bubblewrap" in command for command in commands)
