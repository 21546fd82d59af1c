"""The set-up cell of the notebooks, in imitations of the places where it runs: Colab, Kaggle, beside the course.

The cell is the committed one, of each notebook. What it talks to is small: a course without PyTorch in a git repository
of this machine, a package google.colab, metadata of what Colab has installed, and a pip that writes down its calls.
"""
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import packaging
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers.given import place
from helpers.given.course import ROOT, assignments

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Colab and Kaggle run Linux")

# What notebooks need of what Colab has installed since 2026-08 (googlecolab/backend-info, pip-freeze.txt).
COLAB = {"torch": "2.11.0+cpu", "torchvision": "0.26.0+cpu", "numpy": "2.1.3", "safetensors": "0.8.0",
         "scipy": "1.16.3", "matplotlib": "3.10.0", "ipywidgets": "7.7.1", "imageio-ffmpeg": "0.6.0", "tqdm": "4.67.3",
         "tensorboard": "2.20.0", "ipython": "7.34.0", "pillow": "11.3.0"}
DRIVE = """import os

def mount(mountpoint):
    if "REFUSED" in os.environ:
        raise ValueError("mount failed")
    os.makedirs(os.path.join(mountpoint, "MyDrive"), exist_ok=True)
    print("Mounted at", mountpoint)
"""
PIP = """import os, sys

held = open(sys.argv[sys.argv.index("-c") + 1]).read()
with open(os.environ["CALLS"], "w") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n" + held)
if "NO_INTERNET" in os.environ:
    sys.exit("WARNING: retrying\\nERROR: No matching distribution found for torchmetrics")
open(os.path.join(os.environ["PYTHONPATH"].split(":")[0], "torchmetrics.py"), "w").close()
"""
GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def cell(name):
    """The source of a notebook's set-up cell, and what it has printed."""
    first = next(cell for cell in nbformat.read(ROOT / assignments()[name].notebook, as_version=4).cells
                 if cell.cell_type == "code")
    return first.source, "".join(output.text for output in first.outputs)


def python313():
    """Colab's Python, or None."""
    for found in (*Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13"), shutil.which("python3.13")):
        if found and subprocess.run([found, "-V"], capture_output=True).returncode == 0:
            return str(found)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A git repository with a small course, and beside it what Colab has installed. Returns both folders."""
    folder = tmp_path_factory.mktemp("published")
    course = folder / "work"
    (course / "helpers/given").mkdir(parents=True)
    for name in ("requirements.txt", "constraints.txt", "helpers/__init__.py", "helpers/given/__init__.py",
                 "helpers/given/console.py", "helpers/given/course.py", "helpers/given/fresh.py",
                 "helpers/given/place.py"):
        shutil.copy(ROOT / name, course / name)
    (course / "helpers/vae.py").write_text("import torchmetrics\n\nANSWER = 'open'\n")
    git = ["git", "-C", course, "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "course"]):
        subprocess.run([*git, *command], check=True, env={**os.environ, **GIT})
    subprocess.run(["git", "clone", "-q", "--bare", course, folder / "course-2027"], check=True,
                   env={**os.environ, **GIT})
    site = folder / "site"
    for name, text in {"google/__init__.py": "", "google/colab/__init__.py": "", "google/colab/drive.py": DRIVE,
                       "pip.py": PIP}.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    shutil.copytree(Path(packaging.__file__).parent, site / "packaging")
    for name, version in COLAB.items():
        information = site / f"{name.replace('-', '_')}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder / "course-2027", site


@pytest.fixture
def run(published, tmp_path):
    """Run the set-up cell of assignment vae in a place. Returns what came, and what pip was told.

    where: Colab, Kaggle or "". address: what stands for the repository's. then: lines that run after the cell. In the
    cell, /content is a folder of this test; it is the current one, too.
    """
    repository, site = published
    content = tmp_path / "content"
    content.mkdir()

    def run(where, address=f"file://{repository}", then="", python=sys.executable, cwd=content, **environment):
        source = cell("vae")[0].replace("/content/", f"{content}/")
        source = source.replace('REPOSITORY = ""', f"REPOSITORY = {address!r}")
        program = ("import google.colab\n" if where == "Colab" else "") + f"{source}\n{then}"
        calls = tmp_path / "calls"
        calls.write_text("")
        new = tmp_path / "installed"  # by pip; on one's own machine by the launcher, before
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        if not where:
            (new / "torchmetrics.py").write_text("")
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{new}:{site}", "CALLS": str(calls),
                 "TMPDIR": str(tmp_path), **GIT}
        if where == "Kaggle":
            clean["KAGGLE_KERNEL_RUN_TYPE"] = "Interactive"
        # -S: nothing but `site` is installed.
        done = subprocess.run([python, "-S", "-c", program], cwd=cwd, env={**clean, **environment}, text=True,
                              capture_output=True, timeout=60)
        return done, calls.read_text()

    run.content = content
    return run


@pytest.fixture(params=["the suite's Python", "Python 3.13"])
def python(request):
    if request.param == "the suite's Python":
        return sys.executable
    return python313() or pytest.skip("there is no Python 3.13, which Colab has")


@pytest.mark.parametrize("name", assignments())
def test_the_cell_is_the_same_in_all_notebooks_but_for_the_module(name):
    assert cell(name)[0] == cell("vae")[0].replace("helpers.vae", f"helpers.{name}")
    assert cell(name)[1] == f"Hello from {name}.py!\n"
    assert max(map(len, cell(name)[0].splitlines())) <= 120


def test_the_committed_outputs_are_what_the_cell_prints_beside_the_course(monkeypatch):
    """In this process, with the course's own modules; then %load_ext, as the next cell does."""
    monkeypatch.chdir(ROOT / "notebooks")
    monkeypatch.setattr(sys, "path", list(sys.path))
    shell = InteractiveShell()
    for name in assignments():
        with capture_output() as captured:
            assert shell.run_cell(cell(name)[0]).success
        assert captured.stdout == cell(name)[1]
    assert shell.run_cell("%load_ext helpers.given.fresh").success
    assert shell.run_cell("%unload_ext helpers.given.fresh").success


def test_beside_the_course_nothing_is_fetched_or_installed(run, published, tmp_path):
    """On one's own machine, in a codespace and on Binder. There, what becomes of edits is told."""
    course = tmp_path / "my course"
    subprocess.run(["git", "clone", "-q", f"file://{published[0]}", course], check=True, env={**os.environ, **GIT})
    (course / "notebooks").mkdir()
    for folder in (course, course / "notebooks"):
        done, pip = run("", address="https://nowhere.invalid/a/b", cwd=folder, PATH="/nothing")
        assert (done.returncode, done.stdout, done.stderr, pip) == (0, "Hello from vae.py!\n", "", "")
    done, pip = run("", cwd=folder, BINDER_REPO_URL="https://github.com/a/b")
    assert pip == "" and f"{course}/helpers\nThey are lost with the session" in done.stdout


def test_colab_with_drive(run, python):
    done, pip = run("Colab", python=python)
    course = run.content / "drive/MyDrive/course-2027"
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.splitlines()[-4:] == [
        "Installing what is missing here: torchmetrics==1.9.0 ...",
        f"Open the files to fill from the file pane on the left: {course}/helpers",
        place.KEPT["Drive"], "Hello from vae.py!"]
    called, *held = pip.splitlines()
    assert called.split()[:4] == ["install", "--quiet", "--disable-pip-version-check", "torchmetrics==1.9.0"]
    assert set(held) >= {f"{name}==={version}" for name, version in COLAB.items()}, "pip may change what is not held"
    assert [path.name for path in course.parent.iterdir()] == ["course-2027"]


def test_after_a_lost_runtime_colab_goes_on_with_what_was_written(run, python):
    run("Colab", python=python)
    helper = run.content / "drive/MyDrive/course-2027/helpers/vae.py"
    helper.write_text("ANSWER = 'what I wrote'\n")
    # Not even the repository is needed any more.
    done, pip = run("Colab", address="https://nowhere.invalid/a/course-2027", python=python,
                    then="print(helpers.vae.ANSWER)")
    assert done.returncode == 0 and done.stdout.endswith("Hello from vae.py!\nwhat I wrote\n"), done.stderr
    assert pip.startswith("install"), "packages are lost with the runtime"
    assert helper.read_text() == "ANSWER = 'what I wrote'\n"


def test_colab_without_drive_warns(run):
    done, _ = run("Colab", REFUSED="1")
    assert done.returncode == 0, done.stderr
    assert f"{run.content}/course-2027/helpers\nWARNING: Drive is not connected" in done.stdout
    assert os.listdir(run.content) == ["course-2027"]


def test_kaggle(run):
    done, pip = run("Kaggle")
    assert done.returncode == 0, done.stderr
    assert f"{run.content}/course-2027/helpers\nThey are lost with the session, unless" in done.stdout
    assert "torchmetrics==1.9.0" in pip


def test_what_cannot_be_installed_is_one_line(run):
    done, _ = run("Kaggle", NO_INTERNET="1")
    assert done.returncode == 1 and "Hello" not in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "helpers.given.console.UserError: could not install torchmetrics==1.9.0: ERROR: No matching distribution found "
        "for torchmetrics. Is the internet on (on Kaggle: in the session's options, on the right)? Then run this cell "
        "again")


def test_a_course_that_was_put_into_drive_by_hand_is_found(run, published):
    """In our own edition, or if the repository is private."""
    (run.content / "drive/MyDrive").mkdir(parents=True)
    subprocess.run(["git", "clone", "-q", f"file://{published[0]}", run.content / "drive/MyDrive/course"], check=True,
                   env={**os.environ, **GIT})
    done, _ = run("Colab", address="")
    assert done.returncode == 0 and "MyDrive/course/helpers" in done.stdout, done.stderr


class Private(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="private"')
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def private():
    """The address of a repository that wants a password."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Private) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/school/course"
        server.shutdown()


@pytest.mark.parametrize("address, words", [
    ("", "repository '' does not exist. Is '' its address"),
    ("file:///nowhere/course", "not appear to be a git repository|does not exist"),
    ("https://github.invalid/school/course", "Could not resolve host"),
    ("private", "could not read Username for 'http://127.0.0.1:[0-9]+': terminal prompts disabled"),
])
def test_a_course_that_cannot_be_fetched_is_one_line_and_nothing_half_cloned(run, private, address, words):
    done, pip = run("Colab", address=private if address == "private" else address)
    told, = done.stderr.splitlines()
    home = run.content / "drive/MyDrive"
    assert done.returncode == 1 and pip == "" and "Hello" not in done.stdout
    assert told.startswith(f"No course in {home}/course: ") and re.search(words, told)
    assert told.endswith("Else put the course's folder there by hand.")
    assert not list(home.iterdir())


def test_without_git_there_is_one_line(run, tmp_path):
    done, _ = run("Kaggle", PATH=str(tmp_path))
    told, = done.stderr.splitlines()
    assert "No such file or directory: 'git'" in told and not list(run.content.iterdir())


def test_a_clone_that_was_cut_off_is_made_again(run):
    half = run.content / ".course-2027-fetching"
    half.mkdir()
    (half / "rest").write_text("")
    done, _ = run("Kaggle")
    assert done.returncode == 0 and os.listdir(run.content) == ["course-2027"], done.stderr


def test_a_folder_may_be_called_as_it_likes_and_what_is_beside_it_stays(run):
    """Quotes and blanks mean nothing; nor does a name that is like the course's."""
    alone, beside = run.content / "it's mine's", [run.content / name for name in ("its", "course-2027.new")]
    for folder in (alone, *beside):
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
    done, _ = run("", cwd=alone)
    assert done.returncode == 0 and (alone / "course-2027/helpers").is_dir(), done.stderr
    assert all((folder / "thesis.txt").read_text() == "mine" for folder in (alone, *beside))


def test_a_folder_that_holds_something_else_is_left_alone(run):
    (run.content / "course-2027").mkdir()
    (run.content / "course-2027/thesis.txt").write_text("mine")
    done, _ = run("Kaggle")
    told, = done.stderr.splitlines()
    assert "course-2027: this folder holds something else." in told
    assert [path.name for path in run.content.rglob("*")] == ["course-2027", "thesis.txt"]


def test_notebooks_import_nothing_that_is_not_installed_in_colab_and_on_kaggle():
    """What stands below the line of requirements.txt must not be imported before a student asks for it."""
    above, _, below = (ROOT / "requirements.txt").read_text().partition("# Colab and Kaggle run")
    above, below = place.requirements(above), place.requirements(below.partition("\n")[2])
    assert "torchmetrics" in above and "jupyterlab" in below
    kernels = {"ipykernel"}  # runs the notebook, everywhere
    program = "".join(f"sys.modules[{name.replace('-', '_')!r}] = None\n" for name in below if name not in kernels)
    for name in assignments():
        notebook = nbformat.read(ROOT / assignments()[name].notebook, as_version=4)
        imports = next(cell.source for cell in notebook.cells if cell.source.startswith("%load_ext"))
        program += re.sub("^%.*", "", imports, flags=re.MULTILINE) + "\n"
    done = subprocess.run([sys.executable, "-c", f"import sys\n{program}"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
