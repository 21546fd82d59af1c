"""The bank of attacks (attacks.py): no point that was not earned, nothing hidden seen, nothing left behind.

All submissions go through one sandbox, one after the other, behind each wall that this machine has. After each, the
solution is graded and looks around: it gets full points and finds nothing of the submission before.
"""
import dataclasses
import json
import os
import platform
import re
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import nbformat
import pytest
import torch

from attacks import ATTACKS, NOTEBOOKS, OPEN_TO_ALL, PARCELS, table, without_open_statements
from coursekit import sandbox
from coursekit.gaps import gaps
from coursekit.grading import ask, notebook
from coursekit.grading.handin import infer_assignment, read
from coursekit.grading.judge import judge, load_checks
from coursekit.release.files import course_files, write_files
from coursekit.sandbox import Sandbox, walls
from coursekit.sandbox.guest import confine
from coursekit.sandbox.guest.belongings import Belongings
from coursekit.sandbox.walls import MB
from helpers.given.course import ROOT, assignments

STANDING = [wall for wall in (walls.Bubblewrap(), walls.Landlock(), walls.OtherUser()) if wall.why_not() is None]
pytestmark = pytest.mark.skipif(not STANDING, reason="student code cannot be isolated on this machine")
each_wall = pytest.mark.parametrize("running", STANDING, ids=[wall.name for wall in STANDING], indirect=True)
SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
CHECKS = [check for check in load_checks("vae")
          if check.item in ("vae.reparametrize", "vae.loss_function", "vae.interpolate")]
FIRST = {check.item: check for check in reversed(CHECKS)}  # one of each item
CANARY = "CANARY-" + os.urandom(8).hex()
HIDDEN = (CANARY, "a hole", "take its root", "@graded", "BEGIN SOLUTION")
TEXTS = {name: attack for name, attack in ATTACKS.items() if isinstance(attack.source, str)}
FOLDERS = {name: attack for name, attack in ATTACKS.items() if not isinstance(attack.source, str)}

# The solution, which first looks for what a submission before it may have left.
WITNESS = SOLUTION + f"""
NICENESS = {os.getpriority(os.PRIO_PROCESS, 0)}
PYTHON = {[path.parts[2] for path in map(Path, (sys.prefix, sys.base_prefix)) if path.parts[:2] == ("/", "tmp")]}
""" + """
import os, resource
_left = [name for name in dir(torch) if name == "left"]
_left += [name for name in os.listdir(os.environ["TMPDIR"])
          if not name.startswith("course-sandbox-") and name not in ("submission", *PYTHON)]
_left += os.listdir() + os.listdir("../runs") + sorted(set(os.listdir("..")) ^ {"notebooks", "runs", "helpers", "data"})
if os.getppid() == 1:  # in a process table of its own
    _left += [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
    _left += os.listdir("/dev/shm")
    _left += [line for kind in ("shm", "msg", "sem") for line in open(f"/proc/sysvipc/{kind}").readlines()[1:]]
if _left or os.getpriority(os.PRIO_PROCESS, os.getppid()) != NICENESS or torch.get_default_dtype() != torch.float32:
    raise RuntimeError(f"left behind: {_left}")
"""


def wrong_file():
    source = SOLUTION
    for name, body in (("reparametrize", "return mu"), ("loss_function", "return F.mse_loss(x_hat, x)")):
        gap, = [gap for gap in gaps(source) if gap.qualname == name]
        lines = source.split("\n")
        lines[gap.start - 1:gap.end] = ["    " + body]
        source = "\n".join(lines)
    return source


WRONG = wrong_file()


def processes_below(pid):
    """Processes of this machine that a process has started, directly or not."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(path.parent.name)] = int(parent)
    found = {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {pid}


def left_on_the_machine():
    places = map(Path, ("/", "/tmp", "/dev/shm", "/dev", ROOT, ROOT / "helpers", ROOT / "tests", Path.home()))
    return [path for place in places for path in place.glob("attack-left*")]


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    """A sandbox with smaller limits of memory, beside files and variables that it must not see."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "bob").mkdir()
    (folder / "bob" / "canary.txt").write_text(CANARY)
    course = folder / "course"
    write_files(course_files(ROOT, {"vae": assignments()["vae"]}), course)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CANARY", CANARY)
        patch.setattr(walls, "LIMITS", {**walls.LIMITS, "DATA": 2048 * MB})
        patch.setattr(sandbox, "MEMORY", 2560 * MB)
        with Sandbox("vae", course, request.param) as opened:
            yield opened


def grade_text(running, source, checks=CHECKS):
    return judge(running, source, checks, seed=7)[0]


@pytest.fixture(scope="module")
def honest(running):
    """What the wrong file gets without any trick."""
    items = grade_text(running, WRONG)
    assert {name: item.points for name, item in items.items()} == {
        "vae.reparametrize": 0, "vae.loss_function": 0, "vae.interpolate": 1}
    return items


def seen_from(wall, name, attack):
    """The attack without what another user may do, as anybody on the machine may."""
    if wall.name != "other user":
        return attack
    if name in OPEN_TO_ALL:
        pytest.skip("another user sees what anybody may see")
    return dataclasses.replace(attack, source=without_open_statements(attack.source))


@each_wall
@pytest.mark.parametrize("name", TEXTS)
def test_attack(running, honest, monkeypatch, name):
    attack = seen_from(running.wall, name, TEXTS[name])
    if "syscall(" in attack.source and platform.machine() != "x86_64":
        pytest.skip("its system calls have other numbers here")
    checks, limit = CHECKS, 10.0
    if "timeout" in attack.status or name == "deep folders":
        checks, limit = list(FIRST.values()), 2.0
        monkeypatch.setattr(ask, "LOAD_TIMEOUT", limit)
        monkeypatch.setattr(ask, "CALL_TIMEOUT", limit)
    begin = time.monotonic()
    items = grade_text(running, WRONG + "\n" + attack.source, checks)
    assert time.monotonic() - begin < 3 * limit + 20, "it held up the class"
    report = json.dumps({name: dataclasses.asdict(item) for name, item in items.items()})
    assert not [words for words in HIDDEN if words in report], items
    assert all(character.isprintable() for item in items.values() for character in item.message)
    assert len(report) < 10_000

    told = items["vae.reparametrize"]
    assert told.points == items["vae.loss_function"].points == 0, items
    assert told.status in attack.status.split(" or "), told
    assert any(words in told.message for words in attack.words.split(" or ")), told
    assert items["vae.interpolate"].status == ("passed" if attack.spares else attack.status), items

    if running.process is not None:
        assert len(processes_below(running.process.pid)) == 1, "more than the guest is left"
    assert not left_on_the_machine()
    items = grade_text(running, WITNESS, list(FIRST.values()))
    assert all(item.status == "passed" for item in items.values()), items


@each_wall
def test_a_sandbox_that_cannot_be_cleaned_is_replaced(running):
    """The next submission gets another one; nothing of the first is left."""
    grade_text(running, WITNESS, [])
    first, folder = running.process.pid, running.room.folder
    grade_text(running, WRONG + "\n" + ATTACKS["deep folders"].source, list(FIRST.values()))
    assert not grade_text(running, WITNESS, [])
    if running.wall.name == "other user":  # there root removes it, who may do so
        assert running.process.pid == first
        return
    assert running.process.pid != first and running.room.folder == folder
    assert not processes_below(first) and not Path(f"/proc/{first}").exists()


# Tries to write into each folder above its own, and to give it another name.
CLIMBER = """
import os

_above, _got = os.path.dirname(__file__), []
while (_above := os.path.dirname(_above)) not in ('/', os.environ['TMPDIR']):
    for _attempt in (lambda: os.mkdir(_above + '/attack-left'), lambda: os.rename(_above, _above + '-left')):
        try:
            _attempt()
            _got.append(_above)
        except OSError:
            pass
if _got:
    raise RuntimeError(f'writable: {_got}')
"""


@pytest.mark.parametrize("wall", STANDING, ids=lambda wall: wall.name)
def test_the_folders_above_the_sandbox_are_nobodys(wall, tmp_path_factory):
    """What a submission changed there, the next one would import. A class has its sandboxes in a folder of its own."""
    temporary = tmp_path_factory.mktemp("t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walls.tempfile, "tempdir", str(temporary))
        with Sandbox("vae", ROOT, wall) as opened:
            items = grade_text(opened, SOLUTION + CLIMBER, list(FIRST.values()))
    assert all(item.status == "passed" for item in items.values()), items
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("wall", STANDING, ids=lambda wall: wall.name)
def test_the_whole_sandbox_is_gone_at_the_end(wall):
    with Sandbox("vae", ROOT, wall) as opened:
        grade_text(opened, WRONG + "\n" + ATTACKS["daemon"].source, list(FIRST.values()))
        processes, folder = processes_below(opened.process.pid), opened.room.folder
    assert processes and not folder.exists()
    deadline = time.monotonic() + 10  # its memory is given back first
    while processes & processes_below(1):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.1)


# What lies beside the graded file, and what it comes in.

@pytest.fixture(scope="module")
def room():
    with walls.Room(STANDING[0]) as room:
        yield room


@pytest.mark.parametrize("name", FOLDERS)
def test_only_the_graded_file_is_read(tmp_path, name, room):
    folder, archive = tmp_path / "folder", tmp_path / "submission.zip"
    files = {"helpers/vae.py": WRONG, **FOLDERS[name].source}
    write_files({path: text.encode() for path, text in files.items()}, folder)
    with zipfile.ZipFile(archive, "w") as opened:
        for path, text in files.items():
            opened.writestr(path, text)
    before = sorted(folder.rglob("*"))
    for submission in (folder, archive):
        assert read(submission, "vae", "ada", room).source == WRONG
        assert infer_assignment(submission, room) == "vae"
    assert sorted(folder.rglob("*")) == before and not left_on_the_machine()


@pytest.mark.parametrize("name", PARCELS)
def test_parcel(tmp_path, name, room):
    parcel = PARCELS[name]
    folder = tmp_path / "submission"
    folder.mkdir()
    try:
        submission = parcel.make(folder, WRONG)
        before = sorted(os.listdir(tmp_path)), sorted(os.listdir(folder))
        begin = time.monotonic()
        found = read(submission, "vae", "ada", room)
        if parcel.words:
            assert found.source is None and re.search(parcel.words, found.problem)
        else:
            assert found.source == WRONG
        assert time.monotonic() - begin < 10
        assert (sorted(os.listdir(tmp_path)), sorted(os.listdir(folder))) == before and not left_on_the_machine()
    finally:
        subprocess.run(["rm", "-rf", folder])  # folders in folders, deeper than Python can follow


def course_grade(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "coursekit", "grade", *map(str, arguments)], cwd=ROOT,
                          capture_output=True, **options)


def test_command_line_with_everything_beside_the_file(tmp_path):
    """All of these at once, in a folder whose name is no text and moves the cursor."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/ada\xff\x1b[2J"))
    for attack in FOLDERS.values():
        write_files({path: text.encode() for path, text in attack.source.items()}, folder)
    write_files({"helpers/vae.py": (WRONG + "x = '\\\x1b'\n").encode()}, folder)
    before = sorted(folder.rglob("*"))
    done = course_grade(folder, "--no-notebook", "--out", tmp_path / "out", env={**os.environ, "COURSE_CANARY": CANARY})
    text = (tmp_path / "out" / "report.json").read_text(encoding="utf-8")
    report = json.loads(text)
    assert done.returncode == 0, done.stderr
    lost = {name: item["status"] for name, item in report["items"].items() if item["points"] < item["max"]}
    assert lost == {"vae.reparametrize": "failed", "vae.loss_function": "failed", "vae.kl_weight": "failed"}
    assert report["isolated"] and CANARY not in text and b"\x1b" not in done.stdout + done.stderr
    assert "W605" in str(report["style"]["findings"])
    assert all(finding.isprintable() for finding in report["style"]["findings"])
    assert sorted(folder.rglob("*")) == before and not left_on_the_machine()


def test_command_line_says_why_in_printable_characters(tmp_path):
    PARCELS["two files with control characters"].make(tmp_path, WRONG)
    done = course_grade(tmp_path / "submission.zip", "--assignment", "vae", "--out", tmp_path / "out")
    assert done.returncode == 2 and b"holds 2 different vae.py" in done.stderr and b"\x1b" not in done.stderr


# The notebook's kernel

# A module that looks for what the kernel before it may have left. It is imported by its notebook.
NEXT = """
import os, torch
from ipykernel import get_connection_file, ipkernel, kernelapp

_sockets = os.path.join(os.path.dirname(get_connection_file()), 'sockets')
_left = [name for place in ('.', '..', '../runs', os.environ['TMPDIR'], os.path.dirname(__file__), _sockets)
         for name in os.listdir(place) if 'left' in name]
_left += [thing for thing in (torch, kernelapp.IPKernelApp) if hasattr(thing, 'left')]
if _left or ipkernel.IPythonKernel.do_execute is None or torch.get_default_dtype() != torch.float32:
    raise RuntimeError(f'left behind: {_left}')
if os.getppid() == 1 and len([name for name in os.listdir('/proc') if name.isdigit()]) > 2:
    raise RuntimeError('a process is left')
"""


@pytest.fixture(scope="module")
def executing(request, tmp_path_factory):
    """A notebook of one cell, which imports the module, behind a wall."""
    course, temporary = tmp_path_factory.mktemp("c") / "course", tmp_path_factory.mktemp("t")
    cells = [nbformat.v4.new_code_cell("import sys\nsys.path.insert(0, '..')\nfrom helpers import vae")]
    write_files({"helpers/__init__.py": b"", "notebooks/2_vae.ipynb":
                 nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()}, course)
    write_files({"pytest.ini": b"[pytest]\naddopts = --anybody-may-write-here", "conftest.py": b"1 / 0"}, course.parent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CANARY", CANARY)
        patch.setattr(notebook, "TIMEOUT", 60)
        patch.setattr(walls.tempfile, "tempdir", str(temporary))
        with notebook.Notebook(course, "vae", request.param) as executing:
            patch.setattr(walls.tempfile, "tempdir", None)
            yield executing
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("executing", STANDING, ids=lambda wall: wall.name, indirect=True)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_kernel(executing, name):
    """No attack gets through, and none reaches the kernel of the next submission."""
    attack = seen_from(executing.wall, name, NOTEBOOKS[name])
    begin = time.monotonic()
    told = executing.run(attack.source)
    assert told.status in ("failed", "error"), told
    assert any(words in told.failed[0] for words in attack.words.split(" or ")), told
    assert not [words for words in HIDDEN if words in json.dumps(dataclasses.asdict(told))]
    deadline = time.monotonic() + 5
    while subprocess.run(["pgrep", "-f", "sleep 61"], capture_output=True).returncode == 0:
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(0.1)
    told = executing.run(NEXT)
    assert told.status == "passed" and told.cells == 1, told
    assert not left_on_the_machine()
    assert time.monotonic() - begin < 60, "it held up the class"


@pytest.mark.parametrize("executing", STANDING[:1], ids=lambda wall: wall.name, indirect=True)
def test_what_is_lost_of_one_notebook_reaches_no_other(executing, monkeypatch):
    """Its nbval, which still runs, would answer for the next submission."""
    def lost(*_):
        raise sandbox.MachineFault("lost")

    with monkeypatch.context() as patch:
        patch.setattr(executing, "problem", lost)
        told = executing.run("import time\ntime.sleep(5)")
    assert told.status == "error" and told.failed == ["lost"]
    assert executing.run("").status == "passed"


@pytest.mark.parametrize("executing", STANDING[:1], ids=lambda wall: wall.name, indirect=True)
@pytest.mark.parametrize("which", ["nbval", "guest"])
def test_a_process_that_was_ended_between_two_notebooks_is_replaced(executing, monkeypatch, which):
    executing.start()
    process = executing.nbval if which == "nbval" else executing.kernels.process
    start, calls = executing.start, []

    def end_it(*_):
        start()
        if not calls:
            process.kill()
            process.wait()
        calls.append(None)

    monkeypatch.setattr(executing, "start", end_it)
    assert executing.run("").status == "passed" and len(calls) == 2


@pytest.mark.parametrize("wall", STANDING, ids=lambda wall: wall.name)
def test_kernel_ends_with_its_grader(wall, tmp_path):
    """However that ends, and in the middle of a cell."""
    course = tmp_path / "course"
    cells = [nbformat.v4.new_code_cell("import helpers.vae")]
    write_files({"helpers/__init__.py": b"", "notebooks/2_vae.ipynb":
                 nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()}, course)
    source = "import subprocess\nsubprocess.run(['sleep', '62'])\n"
    code = ("from coursekit.grading.notebook import Notebook\nfrom coursekit.sandbox import walls\n"
            f"with Notebook({str(course)!r}, 'vae', walls.{type(wall).__name__}()) as notebook:\n"
            f"    notebook.run({source!r})")
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    deadline = time.monotonic() + 120
    while not (sleeps := {one for one in processes_below(process.pid) if "sleep 62" in command_of(one)}):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    below = processes_below(process.pid)
    assert sleeps < below
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while left := {one for one in below if command_of(one)}:
        assert time.monotonic() < deadline, {one: command_of(one) for one in left}
        time.sleep(0.1)


def command_of(pid):
    """What a process was started with; "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


# The walls themselves

def test_filter_is_there_or_known_to_be_missing():
    assert confine.system_call_filter("x86_64") and confine.system_call_filter("aarch64", lame=True)
    assert confine.system_call_filter("riscv64") is None
    assert all(len(numbers) == 2 for calls in (confine.FORBIDDEN, confine.WITHOUT_EFFECT) for numbers in calls.values())


def test_belongings_of_the_solution_are_its_own():
    """An honest file replaces nothing, and what it adds is left alone."""
    belongings = Belongings("autograde_tests.probes.vae")
    module = types.ModuleType("honest")
    exec(SOLUTION, module.__dict__)
    assert belongings.changed() == []


def test_torch_itself_may_replace_manual_seed(monkeypatch):
    """As it does when an honest file first needs torch._dynamo: a checkpoint, an optimiser, torch.func."""
    belongings = Belongings("autograde_tests.probes.flowers")
    monkeypatch.setattr(torch, "manual_seed", lambda seed: None)
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    assert [name for _, name, _ in belongings.changed()] == ["manual_seed"]
    monkeypatch.setitem(sys.modules, "torch._dynamo", types.ModuleType("torch._dynamo"))
    assert belongings.changed() == []


def test_the_bank_is_large_and_the_page_lists_it():
    assert len(ATTACKS) + len(PARCELS) + len(NOTEBOOKS) >= 40
    assert (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8") == table()
