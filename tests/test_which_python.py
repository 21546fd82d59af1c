"""Which Python will do, told before anything is downloaded; what a failed installation says."""
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.given import launcher

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("what, words", [
    (dict(), None), (dict(version=(3, 14, 2)), None), (dict(system="darwin", machine="arm64"), None),
    (dict(system="win32", machine="AMD64", build="win-amd64"), None), (dict(system="linux", machine="aarch64"), None),
    (dict(version=(3, 10, 4)), "Python 3.10.4 is too old. Install one of Python 3.11 to 3.14"),
    (dict(version=(3, 15, 0)), "Python 3.15.0 is too new: not all packages have builds"),
    (dict(version=(2, 7, 18)), "too old"),
    (dict(system="darwin", machine="x86_64"), "this Mac has an Intel processor, and torch has no builds"),
    (dict(system="darwin", machine="x86_64", translated=True), "this Python is one for Intel processors"),
    (dict(system="win32", build="mingw_x86_64_ucrt"), "belongs to MSYS2 or Cygwin"),
    (dict(system="cygwin"), "belongs to MSYS2 or Cygwin"),
    (dict(implementation="PyPy"), "this is PyPy"), (dict(bits=32), "has 32 bits")])
def test_which_python_will_do(what, words):
    usual = dict(version=(3, 12, 0), system="linux", machine="x86_64", build="linux-x86_64", implementation="CPython",
                 bits=64, translated=False)
    told = launcher.unfit(**{**usual, **what})
    assert told is None if words is None else words in told and "\n" not in told and not told.endswith(".")


@pytest.mark.parametrize("letters, system, allowed, says", [
    (93, "win32", False, False), (94, "win32", False, True), (94, "win32", True, False), (300, "linux", False, False)])
def test_a_path_that_is_too_long_for_windows(letters, system, allowed, says):
    told = launcher.too_long("C" * letters, system, allowed)
    assert bool(told) == says
    assert not told or "has 94 letters" in told and "93 at most" in told


def test_no_installed_path_is_longer_than_is_said():
    """As Windows names them: .venv/Lib for .venv/lib/python3.11."""
    folder = Path(sys.prefix)
    lengths = [len(".venv/" + re.sub(r"^lib/python[^/]+", "Lib", path.relative_to(folder).as_posix()))
               for path in folder.rglob("*")]
    assert max(lengths) <= launcher.LONGEST


@pytest.mark.parametrize("log, words", [
    ("ERROR: Could not fetch URL https://pypi.org/simple/pip/: connection error: [SSL: CERTIFICATE_VERIFY_FAILED] "
     "certificate verify failed: unable to get local issuer certificate", "no certificate to know the server by"),
    ("ERROR: No matching distribution found for torch>=2.6", "there is no build of torch for this Python"),
    ("ERROR: No matching distribution found for torchvision>=1", None),
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
    ("OSError: [Errno 122] Disk quota exceeded", "your share of it"),
    ("NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution\n"
     "ERROR: No matching distribution found for tqdm", "there is no way to the packages"),
    ("OSError: [WinError 206] The filename or extension is too long: 'C:\\x'", "a path is too long for Windows"),
    ("PermissionError: [WinError 32] The process cannot access the file", "a program uses a file of .venv"),
    ("Successfully installed", None)])
def test_what_a_failed_installation_says(log, words):
    told = launcher.explain(log)
    assert told is None if words is None else words in told and "\n" not in told


def test_it_runs_alone_on_a_bare_python(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b"\xff CERTIFICATE_VERIFY_FAILED")
    script = ROOT / "helpers/given/launcher.py"
    for arguments, out in ([], ""), ([log], launcher.CERTIFICATE + "\n"):
        done = subprocess.run([sys.executable, "-I", "-S", script, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, out, "")


def test_one_range_of_versions_is_told_everywhere():
    oldest, newest = (".".join(map(str, version)) for version in (launcher.OLDEST, launcher.NEWEST))
    for name in ("README.md", "coursekit/release/templates/README.md"):
        assert f"You need {launcher.RANGE}" in (ROOT / name).read_text(encoding="utf-8"), name
    for name in ("requirements.txt", "constraints.txt"):
        assert f"Python {oldest}" in (ROOT / name).read_text(encoding="utf-8"), name
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert ci["jobs"]["test"]["strategy"]["matrix"]["python"] == [oldest, newest]
    for name in ("course", "course.bat"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert oldest in text and newest in text and f"Python {oldest} or newer" in text
    for name, image in ((".binder/runtime.txt", r"python-(\d+)\.(\d+)\n"),
                        (".devcontainer/devcontainer.json", r'"image": "[^"]*/python:(\d+)\.(\d+)"')):
        found = re.search(image, (ROOT / name).read_text(encoding="utf-8"))
        assert launcher.OLDEST <= tuple(map(int, found.groups())) <= launcher.NEWEST, name
