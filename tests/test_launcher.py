"""`course`, `runtests.sh`, `.ci/run`, and the command line behind them.

For the launchers a shell script plays Python. It writes down how it was called, so nothing is downloaded.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from packaging.requirements import Requirement

import helpers.given
from coursekit import __main__ as instructor
from helpers.given import __main__ as student
from helpers.given.course import assignments

ROOT = Path(__file__).parents[1]
SCRIPTS = ("course", "runtests.sh", ".ci/run")

on_unix = pytest.mark.skipif(sys.platform == "win32", reason="these are the Unix launchers")

FAKE_PYTHON = """#!/bin/bash
case "$*" in
    "-I "*launcher.py) [ "${FAKE_UNFIT:-}" = "" ] || { echo "$FAKE_UNFIT"; exit 1; } ;;
    "-I "*launcher.py\\ *) echo "known: $(tail -n 1 "${@: -1}")" ;;
    "-c "*version_info*) [ "${FAKE_VERSION:-new}" = new ] ;;
    "-c ") ;;
    --version) echo Python 3.12.0 ;;
    "-m venv "*) echo "venv" >>"$CALLS"; [ -n "$FAKE_NO_VENV" ] && echo "ensurepip is not available" && exit 1
        bin="${@: -1}/${FAKE_BIN:-bin/python}"; mkdir -p "$(dirname "$bin")" && cp "$0" "$bin" ;;
    "-m pip --version") [ -z "$FAKE_NO_PIP" ] ;;
    "-m ensurepip") echo "ensurepip" >>"$CALLS" ;;
    "-m pip install "*) echo "install" >>"$CALLS"; echo "$*" >"$CALLS.pip"
        [ "$PIP_USER" = 0 ] && [ -z "$PIP_TARGET" ] || { echo "cannot install for the user"; exit 1; }
        [ -n "$FAKE_NO_NETWORK" ] && echo "could not reach the index" && exit 1 || true ;;
    *) echo "cwd=$PWD|path=$PYTHONPATH|$*" ;;
esac
"""
FAKE_UV = """#!/bin/bash
echo uv >>"$CALLS"
echo "$UV_DEFAULT_INDEX|$UV_INDEX|$UV_INDEX_STRATEGY|$*" >"$CALLS.uv"
[ -z "$FAKE_UV_FAILS" ] || { echo "uv cannot"; exit 2; }
"""
WINDOWS = {"FAKE_UNAME": "MINGW64_NT-10.0-22631", "FAKE_BIN": "Scripts/python.exe"}  # as in Git Bash


@pytest.fixture
def course(tmp_path):
    """Run the launcher of a small course in a folder with a space, with a fake Python. Returns (result, calls)."""
    root = tmp_path / "my course"
    (root / "helpers/given").mkdir(parents=True)
    for name in ("course", "runtests.sh", "requirements.txt", "constraints.txt", "helpers/given/launcher.py"):
        shutil.copyfile(ROOT / name, root / name)  # their run bits are lost, as in an archive made by Windows
    python = tmp_path / "fake python"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {"cygpath": 'echo "C:${@: -1}"', "uname": 'echo "${FAKE_UNAME:-Linux}"'}.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "C:").symlink_to("/")  # so that C:/tmp is a path, from this folder
    without_uv = [folder for folder in os.environ["PATH"].split(":") if not Path(folder, "uv").exists()]

    def run(*arguments, script="course", cwd=tmp_path, **environment):
        calls = tmp_path / "calls"
        calls.write_text("")
        clean = {"PATH": ":".join([str(tools), *without_uv]), "HOME": str(tmp_path), "PYTHON": str(python),
                 "CALLS": str(calls)}
        done = subprocess.run(["bash", str(root / script), *arguments], cwd=cwd, env={**clean, **environment},
                              capture_output=True, text=True, timeout=20)
        return done, calls.read_text().split()

    run.root, run.pip = root, (tmp_path / "calls.pip").read_text
    return run


@on_unix
def test_scripts_are_valid_and_executable():
    for name in SCRIPTS:
        assert os.access(ROOT / name, os.X_OK), f"{name} is not executable"
        done = subprocess.run(["bash", "-n", str(ROOT / name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert b"\r" not in (ROOT / name).read_bytes()


@on_unix
def test_the_first_run_installs_and_the_second_only_starts(course):
    done, calls = course("lab", "--port", "9 9")
    assert done.returncode == 0 and calls == ["venv", "install"], done.stderr
    assert done.stdout.endswith("|-P -m helpers.given lab --port 9 9\n")
    assert "ready after" in done.stderr
    assert course.pip().endswith(f"-r {course.root}/requirements.txt -c {course.root}/constraints.txt\n")
    done, calls = course("lab")
    assert calls == [] and done.stderr == "", "a second run must not call pip"


@on_unix
def test_the_current_folder_stays_and_is_not_imported_from(course, tmp_path):
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()
    done, _ = course("doctor", cwd=elsewhere)
    assert f"cwd={elsewhere}|path={course.root}|-P -m" in done.stdout


@on_unix
def test_the_instructor_edition_runs_coursekit_and_runtests_runs_test(course):
    (course.root / "coursekit").mkdir()
    done, _ = course("-k", "release", script="runtests.sh")
    assert done.stdout.endswith("|-P -m coursekit test -k release\n")


@on_unix
@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt"])
def test_new_requirements_are_installed_into_the_same_environment(course, name):
    course("doctor")
    with open(course.root / name, "a") as file:
        file.write("one-more\n")
    assert course("doctor")[1] == ["install"]
    assert course("doctor")[1] == []


@pytest.fixture
def uv(course, tmp_path):
    """Puts uv onto the path. Returns a function: what it was told when it was last called."""
    (tmp_path / "tools/uv").write_text(FAKE_UV)
    (tmp_path / "tools/uv").chmod(0o755)
    return (tmp_path / "calls.uv").read_text


@on_unix
def test_uv_installs_if_it_is_there(course, uv):
    done, calls = course("doctor")
    assert done.returncode == 0 and calls == ["venv", "uv"] and "ready after" in done.stderr
    assert uv() == (f"||unsafe-best-match|pip install --python {course.root}/.venv -r {course.root}/requirements.txt "
                    f"-c {course.root}/constraints.txt\n")
    assert course("doctor")[1] == []


@on_unix
def test_uv_takes_the_index_that_pip_would(course, uv):
    course("doctor", PIP_INDEX_URL="https://a", PIP_EXTRA_INDEX_URL="https://b https://c")
    assert uv().startswith("https://a|https://b https://c|unsafe-best-match|pip install")


@on_unix
def test_pip_takes_over_where_uv_fails(course, uv):
    done, calls = course("doctor", FAKE_UV_FAILS="1")
    assert done.returncode == 0 and calls == ["venv", "uv", "install"]
    assert "course: uv could not do it; now pip tries.\n" in done.stderr
    (course.root / ".venv/.ready").unlink()
    done, calls = course("doctor", FAKE_UV_FAILS="1", FAKE_NO_NETWORK="1")
    assert done.returncode == 1 and calls == ["uv", "install"]
    assert "    could not reach the index\n" in done.stderr, "of the last one that tried"


@on_unix
def test_a_failed_installation_shows_the_end_of_the_log_and_is_taken_up_again(course):
    done, calls = course("doctor", FAKE_NO_NETWORK="1")
    assert done.returncode == 1 and calls == ["venv", "install"] and done.stdout == ""
    assert "could not install requirements.txt" in done.stderr and "    could not reach the index" in done.stderr
    assert not (course.root / ".venv/.ready").exists()
    done, calls = course("doctor")
    assert done.returncode == 0 and calls == ["install"]


@on_unix
def test_an_environment_that_cannot_be_made_says_why(course):
    done, calls = course("doctor", FAKE_NO_VENV="1")
    assert done.returncode == 1 and calls == ["venv"]
    assert "could not make .venv" in done.stderr and "    ensurepip is not available" in done.stderr


@on_unix
def test_a_failure_that_is_known_is_told(course):
    done, _ = course("doctor", FAKE_NO_NETWORK="1")
    assert done.stderr.endswith("    could not reach the index\ncourse: known: could not reach the index.\n")


@on_unix
@pytest.mark.parametrize("settings", [{"PIP_USER": "1"}, {"PIP_TARGET": "/nowhere", "PIP_PREFIX": "/nowhere"}])
def test_what_makes_pip_install_elsewhere_is_of_no_effect(course, settings):
    done, calls = course("doctor", **settings)
    assert done.returncode == 0 and calls == ["venv", "install"], done.stderr


@on_unix
def test_a_python_that_will_not_do_is_one_line_before_the_download(course):
    done, calls = course("doctor", FAKE_UNFIT="this Mac is one. Take another")
    assert done.returncode == 1 and calls == [] and done.stderr.count("\n") == 1
    assert "fake python will not do: this Mac is one. Take another.\n" in done.stderr


@on_unix
def test_what_is_no_python_is_one_line(course):
    """Or one that is so old that it cannot tell."""
    done, calls = course("doctor", FAKE_VERSION="old")
    assert done.returncode == 1 and calls == [] and done.stderr.count("\n") == 1
    assert "fake python will not do: it is not a Python 3.11 or newer" in done.stderr


@on_unix
def test_the_first_python_that_will_do_is_taken_else_the_first_ones_reason_is_told(course, tmp_path):
    for name in ("python3", "python3.14"):
        (tmp_path / "tools" / name).write_text(FAKE_PYTHON.replace("FAKE_UNFIT", f"UNFIT_{name[6:].replace('.', '_')}"))
        (tmp_path / "tools" / name).chmod(0o755)
    # What else is on this machine is not to be found.
    for name in ("python", "python3.13", "python3.12", "python3.11"):
        (tmp_path / "tools" / name).write_text("#!/bin/bash\necho this is not Python; exit 49\n")
        (tmp_path / "tools" / name).chmod(0o755)
    done, calls = course("doctor", PYTHON="", UNFIT_3="too new", UNFIT_3_14="too odd")
    assert (done.returncode, done.stderr, calls) == (1, "course: too new.\n", [])
    done, calls = course("doctor", PYTHON="", UNFIT_3="too new")
    assert done.returncode == 0 and calls == ["venv", "install"]


@on_unix
def test_an_environment_that_works_is_never_cleared(course):
    course("doctor")
    treasure = course.root / ".venv/treasure"
    treasure.write_text("gigabytes")
    (course.root / ".venv/.ready").unlink()
    done, calls = course("doctor", FAKE_UNFIT="too old. Install one")
    assert done.returncode == 1 and calls == [] and "too old. Install one. Then delete the folder .venv" in done.stderr
    assert course("doctor", FAKE_NO_PIP="1")[1] == ["ensurepip", "install"], "uv makes one without pip"
    assert treasure.exists()
    (course.root / ".venv/bin/python").unlink()
    assert course("doctor")[1] == ["venv", "install"], "this one is broken"


@on_unix
def test_git_bash_finds_what_windows_has(course, tmp_path):
    done, calls = course("lab", **WINDOWS)
    assert done.returncode == 0 and calls == ["venv", "install"], done.stderr
    assert course.pip().endswith(f"-r C:{course.root}/requirements.txt -c C:{course.root}/constraints.txt\n")
    done, calls = course("lab", "x y", PYTHONPATH="D:\\more", **WINDOWS)
    assert calls == [] and done.stderr == ""
    assert done.stdout.endswith(f"|path=C:{course.root};D:\\more|-P -m helpers.given lab x y\n")


@on_unix
@pytest.mark.parametrize("maker, user, theirs", [({}, WINDOWS, "Linux or WSL"), (WINDOWS, {}, "Windows")])
def test_an_environment_of_another_system_is_left_alone(course, maker, user, theirs):
    course("doctor", **maker)
    done, calls = course("doctor", **user)
    assert done.returncode == 1 and calls == [] and done.stderr.count("\n") == 1
    assert f".venv was made by {theirs}" in done.stderr
    assert course("doctor", **maker)[0].returncode == 0


@on_unix
def test_no_python_at_all_is_one_line(course, tmp_path):
    tools = tmp_path / "few tools"  # a PATH with what the launcher needs, and no Python
    tools.mkdir()
    for name in ("bash", "dirname", "mkdir", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    done, _ = course("doctor", PATH=str(tools), PYTHON="")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "found no Python 3.11 or newer" in done.stderr


@on_unix
def test_ci_runs_every_test_and_passes_on_the_exit_code(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    tests = tmp_path / "runtests.sh"
    tests.write_text("#!/bin/bash\necho \"tests $*\"; exit 3\n")  # it need not be executable
    tools = tmp_path / "tools"  # bubblewrap and Chromium count as installed, and apt-get would be noticed
    tools.mkdir()
    for name in ("bwrap", "chromium", "apt-get"):
        (tools / name).write_text("#!/bin/bash\necho called\n")
        (tools / name).chmod(0o755)
    done = subprocess.run([str(tmp_path / ".ci/run"), "-x"], cwd="/", capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    assert (done.returncode, done.stdout) == (3, "tests -x\n")


@on_unix
def test_ci_says_what_it_could_not_install_and_goes_on(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    (tmp_path / "runtests.sh").write_text("echo tests\n")
    tools = tmp_path / "tools"  # a PATH without bubblewrap and Chromium; only the first can be installed, by root
    tools.mkdir()
    for name in ("bash", "dirname"):
        (tools / name).symlink_to(shutil.which(name))
    for name, script in (("id", "echo 0"), ("apt-get", '[[ "$*" != *chromium ]]')):
        (tools / name).write_text(f"#!{shutil.which('bash')}\n{script}\n")
        (tools / name).chmod(0o755)
    done = subprocess.run([shutil.which("bash"), str(tmp_path / ".ci/run")], capture_output=True, text=True,
                          env={"PATH": str(tools)})
    assert (done.returncode, done.stdout) == (0, "tests\n")
    assert done.stderr == ".ci/run: could not install chromium; the tests that need it will be skipped\n"


# --- the command line behind it -----------------------------------------------------------------------------------

def write_notebook(path, sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run a command of the student's in a course of three small notebooks. Returns (exit code, stdout, stderr)."""
    (tmp_path / "notebooks").mkdir()
    cells = {"1_good": ["import os", "print(os.environ['COURSE_PROFILE'], os.path.basename(os.getcwd()))"],
             "2_bad": ["print('before')", "# divide\n1 / 0", "print('after')"]}
    for name, sources in cells.items():
        write_notebook(tmp_path / "notebooks" / f"{name}.ipynb", sources)
    (tmp_path / "notebooks/3_broken.ipynb").write_text("{")
    recipes = tmp_path / "helpers/given/recipes"
    recipes.mkdir(parents=True)
    (recipes / "vae.py").write_text("")
    for name in ("good", "bad", "broken"):  # a notebook of the course has a graded module
        (tmp_path / "helpers" / f"{name}.py").write_text("")
    monkeypatch.setattr(student, "ROOT", tmp_path)
    monkeypatch.setenv("COURSE_PROFILE", "cpu")

    def run(*arguments):
        code = student.main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return run


def texts(path):
    """What the code cells of an executed notebook printed."""
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in nbformat.read(path, 4).cells]


def test_run_executes_a_notebook_in_its_folder(command, tmp_path):
    code, out, err = command("run", "good", "--profile", "smoke")
    copy, page = tmp_path / "runs/smoke/good/1_good.ipynb", tmp_path / "runs/smoke/good/1_good.html"
    assert code == 0 and str(copy) in out and str(page) in out and "2/2" in err
    assert texts(copy) == ["", "smoke notebooks\n"]
    assert "smoke notebooks" in page.read_text(encoding="utf-8")
    assert texts(tmp_path / "notebooks/1_good.ipynb") == ["", ""], "the notebook itself must stay as it is"


def test_run_of_a_failing_notebook_names_the_cell_and_keeps_the_rest(command, tmp_path):
    code, _, err = command("run", "bad", "--out", tmp_path / "o u t")
    assert code == 1 and "Traceback" not in err
    assert err.endswith("cell 2 failed, the one that begins with: # divide\nZeroDivisionError: division by zero\n")
    assert texts(tmp_path / "o u t/2_bad.ipynb") == ["before\n", "", ""]


def test_what_the_kernel_says_for_itself_is_told_only_if_it_dies(command, tmp_path):
    """ipykernel may log a traceback of its own shutdown; what a dying library wrote last is the reason."""
    bad = tmp_path / "notebooks/2_bad.ipynb"
    write_notebook(bad, ["import os\nos.write(2, b'Traceback of a kernel that ends')", "1 / 0"])
    code, _, err = command("run", "bad")
    assert code == 1 and "Traceback" not in err
    write_notebook(bad, ["import os, time\nos.write(2, b'no memory is left')\ntime.sleep(0.5)\nos._exit(1)"])
    code, _, err = command("run", "bad")
    assert code == 1 and err.endswith("no memory is left\nthe kernel died. Out of memory? Try --profile smoke\n")


@pytest.mark.parametrize("arguments, message", [
    (("run", "god"), "there is no notebook 'god'. Did you mean 'good'? There is: good, bad, broken"),
    (("run", "broken"), "is not a notebook"),
    (("train", "vea"), "there is no recipe 'vea'. Did you mean 'vae'? There is: vae"),
    (("plot-latent", "nowhere"), "there is no nowhere/run.json. Give the folder"),
    (("test", "stile"), "there is no assignment or step 'stile'. Did you mean 'style'?"),
    (("data", "fetch", "mnst"), "'mnst'. Did you mean 'mnist'?"),
])
def test_a_wrong_argument_is_one_line_and_exit_code_2(command, arguments, message):
    code, out, err = command(*arguments)
    assert code == 2 and out == "" and err.startswith("course: ") and err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("error, code, message", [
    (KeyboardInterrupt(), 130, "course: stopped by Ctrl-C\n"),
    (OSError(28, "No space left on device", "/data/x.npz"), 2, "course: No space left on device: /data/x.npz: make "
     "room on that disk, or give a path on another one\n"),
])
def test_what_the_system_says_is_one_line(command, monkeypatch, error, code, message):
    def fail(args):
        raise error

    monkeypatch.setattr(student, "doctor", fail)
    assert command("doctor") == (code, "", message)


@pytest.mark.parametrize("constraints, state, words", [
    ("# nothing\npytest>=8  # newer\nno-such-package==1; python_version < '3'\n", "ok", "those of constraints.txt"),
    ("pytest>=8\npytest-timeout==0.1\nno-such-package==1\n", "warn",
     "not those of constraints.txt: pytest-timeout .* \\(there: 0.1\\), no-such-package is missing \\(there: 1\\)$"),
    ("<<<<<<< HEAD\n", "warn", "not compared with constraints.txt"),
    (None, "warn", "not compared with constraints.txt: No such file or directory"),
])
def test_doctor_compares_the_versions(command, monkeypatch, tmp_path, constraints, state, words):
    for name in ("find_python", "find_torch", "find_data"):
        monkeypatch.setattr(student, name, tuple)
    if constraints is not None:
        (tmp_path / "constraints.txt").write_text(constraints)
    code, out, _ = command("doctor")
    line, *rest = out.splitlines()
    assert code == 0 and re.match(rf"{state} +versions +{words}", line), out
    assert ("-> " in rest[0] and rest[0].endswith("-m pip install -r requirements.txt -c constraints.txt")) == (
        state == "warn")


def test_this_course_names_a_version_of_each_requirement():
    def requirements(name):
        lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
        return {wanted.name: wanted.specifier for wanted in map(Requirement, filter(None, lines))}

    constraints = requirements("constraints.txt")
    for name, allowed in requirements("requirements.txt").items():
        (version,) = constraints[name]
        assert version.operator == "==" and allowed.contains(version.version), name


def test_check_prints_a_table_and_passes_only_if_all_do(command, monkeypatch):
    results = {"vae.a": SimpleNamespace(status="passed", points=1, message="", hint=""),
               "vae.b": SimpleNamespace(status="failed", points=2, message="expected 8.5, got 8.0", hint="order?")}
    checks = SimpleNamespace(run=results.get, compiles=lambda module: None,
                             names=lambda module=None: [name for name in results if name.startswith(module or "")])
    monkeypatch.setattr(helpers.given, "checks", checks, raising=False)
    code, out, _ = command("check")
    assert code == 1 and out.splitlines() == [
        "passed   vae.a   1 point", "failed   vae.b   2 points", "         expected 8.5, got 8.0",
        "         Hint: order?", "1 of 2 checks passed (public ones: the grader has more)"]
    assert command("check", "vae.a")[0] == 0
    assert command("check", "vae")[0] == 1
    code, _, err = command("check", "vae.aa")
    assert code == 2 and "Did you mean 'vae.a'?" in err


@pytest.fixture
def three(monkeypatch):
    """Public checks of the small course: `good` passes them, `bad` has a mistake and an open gap, `broken` is open."""
    states = {"good.a": "passed", "bad.a": "failed", "bad.b": "missing", "broken.a": "missing", "broken.b": "missing"}
    monkeypatch.setattr(helpers.given, "checks", SimpleNamespace(
        run=lambda name: SimpleNamespace(status=states[name], points=1, message="", hint=""),
        compiles=lambda module: None,
        names=lambda module=None: [name for name in states if name.startswith(module or "")]), raising=False)
    return states


def test_an_assignment_that_is_not_begun_is_one_line_and_no_failure(command, three):
    code, out, _ = command("check")
    assert code == 1 and out.endswith("not begun: broken\n1 of 3 checks passed (public ones: the grader has more)\n")
    three.update({"bad.a": "passed", "bad.b": "passed"})
    assert command("check")[0] == 0
    code, out, _ = command("check", "broken")
    assert code == 1 and out.count("missing") == 2, "who asks for it sees its gaps"
    three.update(dict.fromkeys(three, "missing"))
    assert command("check")[:2] == (1, "not begun: good\nnot begun: bad\nnot begun: broken\n")


@pytest.mark.parametrize("arguments, titles, files, code", [
    ([], ["checks", "style", "notebook good", "notebook bad"], ["good", "bad", "helpers"], 0),
    (["good"], ["checks", "style", "notebook good"], ["good", "helpers/good.py"], 0),
    (["broken"], ["style"], ["helpers/broken.py"], 1),
    (["notebooks", "good"], ["notebook good"], [], 0),
    (["notebooks", "broken"], [], [], 1),
    (["style"], ["style"], ["helpers"], 0),
    (["good", "broken", "checks"], ["checks"], ["good"], 0),
])
def test_the_students_tests_of_what_is_begun(command, three, monkeypatch, arguments, titles, files, code):
    asked = []
    monkeypatch.setattr(student, "run_steps", lambda steps, notes: asked.append((steps, notes)) or 0)
    assert command("test", *arguments)[0] == code
    (steps, notes), = asked
    assert list(steps) == titles
    assert [word for title in titles[:2] if title in ("checks", "style") for word in steps[title][3:]
            if word != "check"] == files
    assert all(steps[title][-1] == f"notebooks/{number}_{name}.ipynb" for number, name in enumerate(["good", "bad"], 1)
               if (title := f"notebook {name}") in steps)
    waiting = not arguments or "broken" in arguments
    assert notes == (["not begun: broken"] if waiting else [])


@pytest.fixture
def steps(monkeypatch):
    """A function that returns what `course test` with these arguments would run: (pytest's arguments, styled files)."""
    asked = []
    monkeypatch.setattr(student, "run_steps", lambda steps: asked.append(steps) or 0)

    def run(*arguments):
        assert student.main(["test", *arguments], instructor.COMMANDS) == 0
        tests, style = asked.pop().values()
        assert tests[1:5] == ["-m", "pytest", "-q", "-n"]
        assert tests[6:9] == ["--dist", "loadscope", "--no-loadscope-reorder"]
        assert style[1:3] == ["-m", "helpers.given.style"]
        return tests[9:], style[3:]

    return run


@pytest.mark.parametrize("arguments", [[], ["-k", "release"], ["-x", "vae"], ["tests/test_pool.py"], ["test_x.py::y"]])
def test_without_a_name_everything_is_tested(steps, arguments):
    tests, styled = steps(*arguments)
    assert tests == ["tests", "autograde_tests", *arguments] and styled == list(instructor.CODE)


@pytest.mark.parametrize("name", assignments())
def test_a_name_chooses_what_is_about_it(steps, name):
    tests, styled = steps(name, "-x", "--seed", "3")
    assert tests == ["tests", f"autograde_tests/test_{name}.py", f"--assignment={name}", "-m", "not slow", "-x",
                     "--seed", "3"]
    assert {f"helpers/{name}.py", f"helpers/given/checks/{name}.py", f"autograde_tests/probes/{name}.py",
            f"tests/test_helpers_{name}.py"} <= set(styled)
    assert all(name in path for path in styled)


def test_fast_asks_for_no_hidden_checks(steps):
    assert steps("--fast", "-x") == (["tests", "--fast", "-x"], list(instructor.CODE))
    assert steps("vae", "--fast")[0] == steps("--fast", "vae")[0] == [
        "tests", "--assignment=vae", "-m", "not slow", "--fast"]


def test_a_wrong_name_is_one_line(capsys):
    assert student.main(["test", "vea", "-x"], instructor.COMMANDS) == 2
    err = capsys.readouterr().err
    assert err.startswith("course: there is no assignment 'vea'. Did you mean 'vae'?") and err.count("\n") == 1


def test_the_options_of_the_tests_leave_out(tmp_path):
    """--assignment and --fast, on a few tests of their own."""
    for name in ("conftest.py", "browser.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path)
    (tmp_path / "test_helpers_flow.py").write_text("def test_file(): pass\n")
    (tmp_path / "test_all.py").write_text(
        "import types\nimport pytest\nfrom coursekit.sandbox import Sandbox\n"
        "names = pytest.mark.parametrize('name', ['flow', 'vae'])\n"
        "banks = pytest.mark.parametrize('bank', [types.SimpleNamespace(name=name) for name in ('flow', 'vae')])\n"
        "@names\ndef test_name(name): pass\n"
        "@banks\ndef test_bank(bank): pass\n"
        "@pytest.mark.slow\ndef test_slow(): pass\n"
        "def test_sandbox():\n    Sandbox('vae', '.').start()\n")

    def outcome(*options):
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "setup.cfg"), "-p",
                               "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path), *options], cwd=ROOT,
                              capture_output=True, text=True)
        return done.stdout.splitlines()[-1].partition(" in ")[0]

    assert outcome("--assignment=flow") == "3 passed, 4 deselected"
    assert outcome("--fast") == "3 passed, 1 skipped, 3 deselected"


def test_run_steps_goes_on_after_a_failure_and_fails(command, capfd):
    steps = {"one": [sys.executable, "-c", "raise SystemExit(3)"], "two": [sys.executable, "-c", "print('two ran')"]}
    assert student.run_steps(steps) == 1
    out = capfd.readouterr().out
    assert "two ran" in out and "FAILED  one" in out and "passed  two" in out
    assert student.run_steps({"two": steps["two"]}) == 0


@pytest.mark.parametrize("module", ["helpers.given", "coursekit"])
def test_help_and_usage_do_not_wait_for_torch(module):
    code = (f"import runpy, sys\nsys.argv = ['course', '--help']\n"
            f"try:\n    runpy.run_module('{module}', run_name='__main__')\n"
            f"finally:\n    assert 'torch' not in sys.modules and 'nbformat' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    student_commands = ("lab", "run", "check", "test", "train", "plot-latent", "board", "data", "doctor")
    assert all(name in done.stdout for name in student_commands)
    assert all((name in done.stdout) == (module == "coursekit") for name in ("release", "grade"))
