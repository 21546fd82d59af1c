"""The student edition: what is taken out, what stays, and that a mistake in the course stops the release."""
import importlib
import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit import gaps, release
from coursekit.gaps import GapError
from coursekit.grading.judge import load_checks
from coursekit.questions import questions
from coursekit.release.files import ReleaseError, read, times_of, title_of
from helpers.given.console import UserError
from helpers.given.course import ROOT, assignments

HELPER = '''"""Sums."""


def add(a, b):
    """Add two numbers."""
    # Use the plus sign.
    # BEGIN SOLUTION
    return a + b + 0 * 314159
    # END SOLUTION


class Counter:
    def __init__(self):
        # BEGIN SOLUTION
        self.count_in_solution = 271828

        # a last thought of the solution
        # END SOLUTION

    def up(self):
        if self is not None:
            # BEGIN SOLUTION
            self.count_in_solution += 1
            # END SOLUTION
        return self
'''

CHECKS = '''from types import SimpleNamespace as Result
from helpers import sums


def names(module=None):
    return ["sums.add", "sums.Counter"] if module in (None, "sums") else ["other.thing"]


def run(name):
    good = name != "sums.add" or sums.add(1, 2) == 3
    return Result(name=name, status="passed" if good else "failed", points=2, message="1 + 2 should be 3", hint="")
'''


HIDDEN = '''from types import SimpleNamespace as Check
from autograde_tests import CHECKS


def test_add(student, rng):
    pass


CHECKS += [Check(item=item, points=3, function=test_add) for item in ("sums.add", "sums.add", "sums.Counter")]
'''


def make_notebook(title="Sums"):
    stream = new_output("stream", text="an output to clear\n")
    fact = new_output("execute_result", data={"text/plain": "(12, 34)"}, execution_count=7)
    answer = "What do you see?\n\n<!-- BEGIN SOLUTION -->\nThe model answer.\n<!-- END SOLUTION -->"
    gap = "for i in range(3):\n    # BEGIN SOLUTION\n    print(i ** 2 + 161803)\n    # END SOLUTION"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "widgets": {"big": 1}}
    return new_notebook(metadata=metadata, cells=[
        new_markdown_cell(f"# {title}\nWhy add? With reading, allow about two\nhours. Training takes about ten minutes "
                          "of them on a laptop.", id="title"),
        new_markdown_cell(answer, id="answer"),
        new_code_cell("%matplotlib inline\nx = 1", id="magic", outputs=[stream], execution_count=3,
                      metadata={"execution": {"iopub.status.busy": "2026"}}),
        new_code_cell(gap, id="gap"),
        new_code_cell("x.shape", id="fact", outputs=[fact], execution_count=7,
                      metadata={"tags": ["nbval-check-output"]}),
    ])


@pytest.fixture
def course(tmp_path):
    """A course of two small assignments, `sums` and `other`, with all that must not be released lying around."""
    root = tmp_path / "course tree"
    files = {
        "helpers/sums.py": HELPER,
        "helpers/other.py": "def thing():\n    # BEGIN SOLUTION\n    return 42\n    # END SOLUTION\n",
        "helpers/__init__.py": "",
        "helpers/given/__init__.py": "",
        "helpers/given/training.py": "given = True\n",
        "helpers/given/__pycache__/training.pyc": "",
        "helpers/given/checks/__init__.py": CHECKS,
        "helpers/given/recipes/__init__.py": "",
        "data/mnist.npz": "data", "data/names.json": "{}", "runs/sums/out.html": "", ".venv/bin/python": "",
        "coursekit/grading/judge.py": "hidden", "tests/test_x.py": "", "bench/b.py": "",
        "autograde_tests/__init__.py": "CHECKS = []\n", "autograde_tests/test_sums.py": HIDDEN,
    }
    for module in ("sums", "other"):
        files[f"helpers/given/checks/{module}.py"] = files[f"helpers/given/recipes/{module}.py"] = f"# {module}\n"
    files.update(dict.fromkeys(release.COPIED, ""), course="#!/bin/sh\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "notebooks").mkdir()
    nbformat.write(make_notebook(), root / "notebooks/1_sums.ipynb")
    nbformat.write(make_notebook("Other"), root / "notebooks/2_other.ipynb")
    nbformat.write(make_notebook("Not an assignment"), root / "notebooks/appendix.ipynb")
    return root


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def text_of(folder):
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())


# --- gaps in Python -----------------------------------------------------------------------------------------------

def test_gaps_are_named_after_their_function():
    found = gaps.gaps(HELPER)
    assert [gap.qualname for gap in found] == ["add", "Counter.__init__", "Counter.up"]
    lines = HELPER.split("\n")
    for gap in found:
        assert (lines[gap.start - 1].strip(), lines[gap.end - 1].strip()) == gaps.PYTHON_MARKERS


def test_a_gap_in_an_inner_function_has_the_inner_name():
    source = "class A:\n def f(self):\n  def g():\n   # BEGIN SOLUTION\n   pass\n   # END SOLUTION\n  return g\n"
    assert [gap.qualname for gap in gaps.gaps(source)] == ["A.f.g"]


def test_stripped_functions_say_which_gap_to_fill():
    names = {}
    exec(gaps.strip(HELPER, "helpers/sums.py"), names)
    for call, gap in ((lambda: names["add"](1, 2), "add"), (names["Counter"], "Counter.__init__")):
        with pytest.raises(NotImplementedError, match=rf"^{gap}: fill this gap in helpers/sums.py$"):
            call()


def test_open_gap_opens_one_gap_and_leaves_the_other_solutions():
    names = {}
    exec(gaps.open_gap(HELPER, "Counter.up"), names)
    assert names["add"](1, 2) == 3 and names["Counter"]().count_in_solution == 271828
    with pytest.raises(NotImplementedError, match="Counter.up"):
        names["Counter"]().up()
    with pytest.raises(GapError, match="no gap in Counter.down"):
        gaps.open_gap(HELPER, "Counter.down")


@pytest.mark.parametrize("source, line, message", [
    ("def f():\n    # BEGIN SOLUTION\n    pass\n", 2, "no END SOLUTION"),
    ("def f():\n    pass\n    # END SOLUTION\n", 3, "no BEGIN SOLUTION"),
    ("def f():\n    # BEGIN SOLUTION\n    # BEGIN SOLUTION\n    pass\n    # END SOLUTION\n", 3, "the gap of line 2"),
    ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n", 1, "not inside one function"),
    ("# BEGIN SOLUTION\ndef f():\n    pass\n# END SOLUTION\n", 1, "not inside one function"),
    ("def f():\n    # BEGIN SOLUTION\n    pass\ndef g():\n    pass\n    # END SOLUTION\n", 2, "not inside one"),
    ("def f():\n    x = (\n    # BEGIN SOLUTION\n    1\n    # END SOLUTION\n    )\n", 3, "not valid Python"),
    ("def f():\n    # Begin solution\n    pass\n    # END SOLUTION\n", 2, "expected the whole line"),
    ("def f():\n    # BEGIN_SOLUTION\n    pass\n    # END_SOLUTION\n", 2, "expected the whole line"),
    ("def f():\n    pass  # SOLUTION\n", 2, "expected the whole line"),
    ("def f():\n    # BEGIN SOLUTION\n    pass  # END SOLUTION\n", 3, "expected the whole line"),
    ("def f(:\n", 1, "solution itself is not valid Python"),
])
def test_a_wrong_gap_is_refused_with_its_line(source, line, message):
    with pytest.raises(GapError, match=message) as caught:
        gaps.strip(source, "helpers/x.py")
    assert str(caught.value).startswith(f"helpers/x.py:{line}: ") and "\n" not in str(caught.value)


# --- notebooks ----------------------------------------------------------------------------------------------------

def test_stripped_notebook():
    text = gaps.strip_notebook(nbformat.writes(make_notebook()), "notebooks/1_sums.ipynb")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    cells = {cell.id: cell for cell in notebook.cells}
    assert list(cells) == ["title", "answer", "magic", "gap", "fact"]
    assert cells["answer"].source == "What do you see?\n\n*Your answer here.*"
    assert cells["gap"].source == 'for i in range(3):\n    raise NotImplementedError("fill this gap in the notebook")'
    assert cells["magic"].outputs == [] and cells["magic"].execution_count is None and cells["magic"].metadata == {}
    assert cells["fact"].outputs[0].data == {"text/plain": "(12, 34)"}, "nbval compares this one"
    assert cells["fact"].execution_count == 7, "nbval fails a cell that has outputs and was never run"
    assert cells["fact"].metadata == {"tags": ["nbval-check-output"]}
    assert set(notebook.metadata) == {"kernelspec"}


@pytest.mark.parametrize("cell, message", [
    (new_markdown_cell("<!-- BEGIN SOLUTION -->\nx"), "cell 1:1: this BEGIN SOLUTION has no END"),
    (new_markdown_cell("# BEGIN SOLUTION\nx\n# END SOLUTION"), "cell 1:1: expected the whole line"),
    (new_code_cell("x = (\n# BEGIN SOLUTION\n1\n# END SOLUTION\n)"), "cell 1: .*not valid Python"),
])
def test_a_wrong_cell_is_refused_with_its_number(cell, message):
    with pytest.raises(GapError, match="notebooks/1_x.ipynb, " + message):
        gaps.strip_notebook(nbformat.writes(new_notebook(cells=[cell])), "notebooks/1_x.ipynb")


# --- the whole edition of a small course --------------------------------------------------------------------------

RUNS = {"data/names.json", "helpers/sums.py", "notebooks/1_sums.ipynb", "helpers/__init__.py",
        "helpers/given/__init__.py", "helpers/given/training.py", "helpers/given/checks/__init__.py",
        "helpers/given/checks/sums.py", "helpers/given/recipes/__init__.py", "helpers/given/recipes/sums.py"}
EDITION = {*release.COPIED, *RUNS, "README.md", "feedback.md"}
WATCHING = {"github": {".github/workflows/checks.yml"}, "gitlab": {".gitlab-ci.yml"},
            "classroom": {".github/workflows/classroom.yml", ".github/classroom/autograding.json"}}


@pytest.mark.parametrize("platform", WATCHING)
def test_release_holds_these_files_and_no_others(course, tmp_path, platform):
    assert release.release(course, tmp_path / "out", "sums", platform) == ["sums"]
    assert files_in(tmp_path / "out") == EDITION | WATCHING[platform]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out")], "the temporary folder stayed"


def test_release_for_classroom_50_holds_a_template_and_a_bundle_for_each_assignment(course, tmp_path):
    assert release.release(course, tmp_path / "out", platform="classroom50") == ["sums", "other"]
    files = files_in(tmp_path / "out")
    beside = {"requirements.txt", "constraints.txt", "setup.cfg", "data/README.md"}
    assert {path for path in files if "sums/" in path} == {
        *(f"templates/sums/{path}" for path in EDITION), "autograders/sums/autograder.py",
        *(f"autograders/sums/course/{path}" for path in RUNS | beside)}
    assert {path for path in files if path.count("/") == 0} == {"README.md", "runtime.json"}
    assert "autograders/other/autograder.py" in files and "templates/other/helpers/other.py" in files
    assert json.loads((tmp_path / "out/runtime.json").read_text()) == {"runs-on": "ubuntu-24.04", "python": "3.11"}
    text = text_of(tmp_path / "out")
    assert "314159" not in text and "points=3" not in text, "a solution, or a hidden check"
    assert not re.findall(r"@[A-Z_]+@", text), "a place in a template was not filled"


@pytest.mark.parametrize("edition, ignored", {
    "ours": ["runs/cpu/vae/vae.pt", "trained/vae/vae.safetensors", "data/mnist.npz", "my.safetensors"],
    "theirs": ["runs/cpu/vae/vae.pt", "data/mnist.npz", "my.safetensors"]}.items())
def test_students_commit_what_they_have_trained(course, tmp_path, edition, ignored):
    shutil.copy(ROOT / ".gitignore", course)
    release.release(course, tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    shutil.copy(ROOT / ".gitignore", tmp_path / "ours")
    git = ["git", "-C", tmp_path / edition]
    subprocess.run([*git, "init", "--quiet"], check=True)
    asked = ["runs/cpu/vae/vae.pt", "trained/vae/vae.safetensors", "trained/vae/curve.csv", "data/mnist.npz",
             "my.safetensors", "helpers/vae.py"]
    done = subprocess.run([*git, "check-ignore", *asked], capture_output=True, text=True)
    assert done.stdout.splitlines() == [path for path in asked if path in ignored or edition == "ours"
                                        and path.startswith("trained/")]


def test_students_install_nothing_that_only_the_course_needs(course, tmp_path):
    for name in ("requirements.txt", "constraints.txt"):
        shutil.copy(ROOT / name, course)
    release.release(course, tmp_path / "out")
    for name in ("requirements.txt", "constraints.txt"):
        ours, theirs = (ROOT / name).read_text(), (tmp_path / "out" / name).read_text()
        assert ours.startswith(theirs) and "jupyterlab" in theirs and "sphinx" in ours.removeprefix(theirs), name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no executable bit")
def test_released_scripts_are_executable(course, tmp_path):
    release.release(course, tmp_path / "out")
    assert (tmp_path / "out/course").stat().st_mode & 0o111 == 0o111
    assert (tmp_path / "out").stat().st_mode & 0o055 == 0o055, "the class must be able to read it"


def test_release_of_all_assignments_has_no_solution_in_it(course, tmp_path):
    assert release.release(course, tmp_path / "out") == ["sums", "other"]
    text = text_of(tmp_path / "out")
    for solution in ("314159", "271828", "thought", "count_in_solution", "161803", "return 42", "model answer"):
        assert solution not in text
    assert "SOLUTION" not in text, "a marker stayed"
    assert "Use the plus sign" in text, "instructions must stay"


@pytest.mark.parametrize("platform, on, sentence", [
    ("github", "push", "GitHub runs the public checks and the style check on every push, and the notebooks, too"),
    ("github", "tags", "GitHub runs the public checks and the style check when you push a tag whose name begins with"),
    ("gitlab", "hand", "GitLab runs the public checks and the style check when you start it there"),
    ("classroom", "push", "GitHub runs the same on every push"),
])
def test_texts_of_the_release(course, tmp_path, platform, on, sentence):
    release.release(course, tmp_path / "out", "sums", platform, on)
    readme = (tmp_path / "out/README.md").read_text()
    assert ("| Sums | [notebooks/1_sums.ipynb](notebooks/1_sums.ipynb) | [helpers/sums.py](helpers/sums.py) "
            "| two hours | ten minutes |\n") in readme
    assert "| Sums | 9: `add` 6, `Counter` 3 | 1 | none |\n" in readme and "4 points each" in readme
    assert "./course check sums.add" in readme
    assert "| Sums | | |" in (tmp_path / "out/feedback.md").read_text()
    assert sentence in " ".join(readme.split())
    generated = "".join((tmp_path / "out" / name).read_text() for name in WATCHING[platform])
    assert not re.findall(r"@[A-Z_]+@", generated), "a place in a template was not filled"


def test_classroom_counts_the_public_checks(course, tmp_path):
    release.release(course, tmp_path / "out", "sums", "classroom")
    tests = json.loads((tmp_path / "out/.github/classroom/autograding.json").read_text())["tests"]
    assert [(test["run"], test["points"]) for test in tests][:2] == [
        ("python -m helpers.given check sums.add", 2), ("python -m helpers.given check sums.Counter", 2)]


def test_release_into_an_empty_folder_and_not_into_a_full_one(course, tmp_path):
    out = tmp_path / "deep/out"
    out.mkdir(parents=True)
    release.release(course, out)
    before = files_in(out)
    with pytest.raises(ReleaseError, match="not an empty folder"):
        release.release(course, out)
    assert files_in(out) == before


@pytest.mark.parametrize("file, old, new, message", [
    ("helpers/sums.py", "# END SOLUTION", "", r"helpers/sums.py:14: this BEGIN SOLUTION is inside the gap of line 7"),
    ("helpers/sums.py", "a + b", "a - b", r"does not pass the public check sums.add \(failed\): 1 \+ 2 should be 3"),
    ("helpers/given/checks/__init__.py", "points=2", "points=1.5", "whole points only"),
    ("helpers/given/checks/__init__.py", "from helpers import sums", "import nowhere", "do not run: .*nowhere"),
    ("autograde_tests/test_sums.py", "import CHECKS", "import nothing", "do not run: .*nothing"),
    ("notebooks/1_sums.ipynb", "<!-- END", "<!-- end", r"1_sums.ipynb, cell 2:5: expected the whole line"),
])
def test_a_mistake_in_the_course_writes_nothing(course, tmp_path, file, old, new, message):
    path = course / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    before = set(tmp_path.iterdir())
    with pytest.raises(UserError, match=message):
        release.release(course, tmp_path / "out")
    assert set(tmp_path.iterdir()) == before


def test_unknown_assignment_names_what_there_is(course, tmp_path):
    with pytest.raises(ReleaseError, match="no assignment 'vae'; there is: sums, other"):
        release.release(course, tmp_path / "out", "vae")
    with pytest.raises(ReleaseError, match="found no assignment"):
        release.release(tmp_path / "nothing", tmp_path / "out")


# --- an address -----------------------------------------------------------------------------------------------------

@pytest.fixture
def course_with_cells(course):
    """The course, with a set-up cell in each notebook of an assignment."""
    for path in course.glob("notebooks/[12]_*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(1, new_code_cell('REPOSITORY = ""  # the address\nimport helpers.sums', id="setup"))
        nbformat.write(notebook, path)
    return course


@pytest.mark.parametrize("typed, badges", [("https://github.com/school/course-2027.git", True),
                                           ("https://gitlab.com/school/deep/course-2027", False), (None, False)])
def test_an_address_goes_into_the_cells_and_the_readme(course_with_cells, tmp_path, typed, badges):
    release.release(course_with_cells, tmp_path / "out", repository=typed)
    meant, readme = (typed or "").removesuffix(".git"), read(tmp_path / "out/README.md")
    for name in ("1_sums", "2_other"):
        cell = nbformat.read(tmp_path / f"out/notebooks/{name}.ipynb", as_version=4).cells[1]
        assert cell.source == f'REPOSITORY = "{meant}"  # the address\nimport helpers.sums'
        at = f"school/course-2027/blob/main/notebooks/{name}.ipynb)"
        assert (f"(https://colab.research.google.com/github/{at}" in readme) == badges
        assert (f"(https://kaggle.com/kernels/welcome?src=https://github.com/{at}" in readme) == badges
    assert ("(https://codespaces.new/school/course-2027)" in readme) == badges
    assert ("(https://mybinder.org/v2/gh/school/course-2027/HEAD?" in readme) == badges
    assert ("Without installing" in readme and "`drive/MyDrive/course-2027/helpers`" in readme) == bool(typed)
    assert ("https://" in readme) == bool(typed) and not re.findall(r"@[A-Z_]+@", readme)


@pytest.mark.parametrize("arguments, message", [
    (dict(repository="github.com/school/course"), "'github.com/school/course' is not the address of a repository"),
    (dict(repository="https://github.com/school/course"), 'notebooks/1_sums.ipynb: expected one line REPOSITORY = ""'),
    (dict(repository="https://github.com/school/course", platform="classroom50"), "one for each assignment"),
])
def test_an_address_that_cannot_be_put_anywhere_writes_nothing(course, tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        release.release(course, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


# --- this course --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def released(tmp_path_factory):
    out = tmp_path_factory.mktemp("student") / "edition"
    assert release.release(ROOT, out) == list(assignments())
    return out


def python(*arguments, cwd):
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


def solution_lines(lines, markers):
    """The lines between the markers."""
    return {line.strip() for start, end in gaps.marked(lines, markers, "") for line in lines[start:end - 1]}


def lines_of(path):
    return path.read_text(encoding="utf-8").split("\n")


def cells_of(path):
    """The cells of a notebook as (lines, markers)."""
    for cell in nbformat.read(path, as_version=4).cells:
        yield cell.source.split("\n"), (gaps.MARKDOWN_MARKERS if cell.cell_type == "markdown"
                                        else gaps.PYTHON_MARKERS)


def test_this_release_contains_no_solution_line(released):
    """Nor is a solution given away elsewhere: in another function, in the notebook, in helpers/given."""
    solutions, shown, given = set(), set(), set()
    for name, assignment in assignments().items():
        helper, notebook = assignment.helper, assignment.notebook
        for lines, markers in [(lines_of(ROOT / helper), gaps.PYTHON_MARKERS), *cells_of(ROOT / notebook)]:
            solutions |= {line for line in solution_lines(lines, markers) if len(line) > 25}
        for lines in [lines_of(released / helper), *(lines for lines, _ in cells_of(released / notebook))]:
            shown |= {line.strip() for line in lines}
    for path in (released / "helpers/given").rglob("*.py"):
        given |= {line.strip() for line in lines_of(path)}
    assert len(solutions) > 20, "where are the solutions?"
    assert sorted(solutions & shown) == []
    # What is given may share a short idiom with a solution: `device = next(model.parameters()).device`.
    assert sorted(line for line in solutions & given if len(line) > 45) == []


@pytest.mark.parametrize("name", assignments())
def test_this_release_says_how_long_it_takes_and_what_it_is_worth(released, name):
    """So does the course's own README, about the time."""
    notebook, readme = read(released / assignments()[name].notebook), read(released / "README.md")
    times = times_of(notebook)
    assert all(times) and f"({assignments()[name].helper.as_posix()}) | {' | '.join(times)} |" in readme
    for row in re.findall(rf"^\| {assignments()[name].number} .*$", read(ROOT / "README.md"), re.MULTILINE):
        assert row.endswith(f" | {' | '.join(times)} |"), f"README.md should say: {times}"
    worth = sum(check.points for check in load_checks(name))
    row, = re.findall(rf"^\| {re.escape(title_of(notebook))} \| (\d+): .* \| (\d+) \| (.+) \|$", readme, re.MULTILINE)
    measures = importlib.import_module(f"autograde_tests.trained.{name}").MEASURES
    trained = ", ".join(f"`{measure.weights}` {measure.points}" for measure in measures)
    assert row == (str(worth), str(len(questions(name))), trained)


def test_this_release_is_clean(released):
    style = python("-m", "helpers.given.style", "helpers", cwd=released)
    assert style.returncode == 0, style.stdout
    for name, assignment in assignments().items():
        assert "NotImplementedError" in read(released / "helpers" / f"{name}.py")
        nbformat.validate(nbformat.read(released / assignment.notebook, as_version=4))
    top = {path.name for path in released.iterdir()}
    assert not top & {"coursekit", "autograde_tests", "tests", "bench", "runs", ".venv"}


def test_binder_and_containers_find_what_they_name(released):
    """Neither was built: a dry run of repo2docker and the schema of dev containers took these files."""
    named = re.findall(r"^-[rc] (.+)$", read(released / ".binder/requirements.txt"), re.MULTILINE)
    assert len(named) == 2 and all((released / ".binder" / path).is_file() for path in named)
    container = json.loads(read(released / ".devcontainer/devcontainer.json"))
    assert container["postCreateCommand"] == "bash course doctor" and (released / "course").is_file()
    assert {port["label"] for port in container["portsAttributes"].values()} == {"JupyterLab", "TensorBoard"}


def test_checks_of_this_release_say_missing_and_nothing_worse(released):
    done = python("-m", "helpers.given", "check", *assignments(), cwd=released)
    assert done.returncode == 1 and not done.stderr, done.stderr
    states = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")][:-1]
    assert states and set(states) == {"missing"}, done.stdout


def test_an_untouched_release_is_not_begun(released):
    done = python("-m", "helpers.given", "test", cwd=released)
    assert done.returncode == 1 and not done.stderr, done.stderr
    assert done.stdout.splitlines()[-len(assignments()):] == [f"not begun: {name}" for name in assignments()]


@pytest.mark.parametrize("name", ["tokenize", "random", "given"])
def test_an_assignment_must_not_be_called_like_a_module_of_python(tmp_path, name):
    for path in (f"notebooks/1_{name}.ipynb", f"helpers/{name}.py"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("")
    with pytest.raises(UserError, match=f"must not be called {name}"):
        assignments(tmp_path)
