"""The walls that student code runs behind: which one is taken, what happens where it falls, what rooms leave behind."""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from coursekit import __main__ as command_line
from coursekit import pool
from coursekit.grading import ask, notebook
from coursekit.grading.command import grade
from coursekit.grading.judge import judge, load_checks
from coursekit.grading.report import Execution, Report, Style
from coursekit.grading.tell.table import table
from coursekit.release.files import course_files, write_files
from coursekit.sandbox import MachineFault, Sandbox, SandboxError, walls, zygote
from coursekit.sandbox.guest import confine, machine
from coursekit.sandbox.guest import main as guest
from helpers.given import __main__ as student
from helpers.given.course import ROOT, assignments

fcntl = pytest.importorskip("fcntl", reason="Windows has no walls")
SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
CHECKS = [check for check in load_checks("vae") if check.item in ("vae.interpolate", "vae.loss_function")]
STANDING = [wall for wall in (walls.Bubblewrap(), walls.Landlock(), walls.OtherUser()) if wall.why_not() is None]
each_wall = pytest.mark.parametrize("wall", STANDING, ids=lambda wall: wall.name)
needs_bubblewrap = pytest.mark.skipif("bubblewrap" not in [wall.name for wall in STANDING], reason="no bubblewrap here")


def course(*arguments):
    return student.main(list(map(str, arguments)), command_line.COMMANDS)


# Which one

def nothing_stands(monkeypatch, user):
    monkeypatch.setattr(walls, "best", lambda: walls.Bare("bubblewrap is not installed"))
    monkeypatch.setattr(walls.os, "geteuid", lambda: user)


def test_without_a_wall_nothing_is_graded(monkeypatch):
    nothing_stands(monkeypatch, 1000)
    with pytest.raises(walls.NotIsolated, match="bubblewrap is not installed.*--unsafe"):
        walls.choose()
    assert walls.choose(unsafe=True).name == "none"


def test_root_never_runs_student_code_without_a_wall(monkeypatch):
    nothing_stands(monkeypatch, 0)
    for unsafe in (False, True):
        with pytest.raises(walls.NotIsolated, match="root must not run it"):
            walls.choose(unsafe)


def test_a_report_without_a_wall_says_so(tmp_path):
    (tmp_path / "vae.py").write_text(SOLUTION)
    report = grade(tmp_path, "vae", notebook=False, wall=walls.Bare("bubblewrap is not installed"))
    assert report.score == report.max and (report.isolation, report.isolated) == ("none", False)
    assert "NOT ISOLATED: bubblewrap is not installed" in table(report)


def test_commands_say_what_is_missing_and_have_an_exit_code(tmp_path, monkeypatch, capsys):
    nothing_stands(monkeypatch, 1000)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "vae.py").write_text(SOLUTION)
    for command in ("grade", "grade-class"):
        assert course(command, tmp_path / "in", "--assignment", "vae", "--out", tmp_path / "out") == 2
        told = capsys.readouterr().err
        assert "--unsafe" in told and told.count("\n") == 1 and not (tmp_path / "out").exists()
    report = Report("in", "vae", 1, "none", False, "no", {}, Style(), Execution(), {}, 0.5)
    monkeypatch.setattr(pool, "local", lambda *_, **__: [("", report, 1)])
    monkeypatch.setattr("coursekit.grading.command.tell", lambda *_: None)
    assert course("grade", tmp_path / "in", "--json", "--unsafe", "--out", tmp_path / "out") == 3


def test_a_course_that_a_wall_would_show_is_not_graded_behind_it(monkeypatch):
    monkeypatch.setattr(walls, "ROOT", Path("/usr/local/course"))
    monkeypatch.setattr(walls.Bubblewrap, "missing", lambda self: None)
    assert "move it elsewhere" in walls.Bubblewrap().why_not()


@pytest.mark.parametrize("platform, settings, says", [
    ("darwin", {}, "grade on a Linux machine"),
    ("win32", {}, "WSL 2"),
    ("linux", {"kernel/apparmor_restrict_unprivileged_userns": "1"}, "bwrap-userns-restrict"),
    ("linux", {"kernel/apparmor_restrict_unprivileged_userns": "0", "user/max_user_namespaces": "0"},
     "user.max_user_namespaces"),
    ("linux", {"kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
    ("linux", {}, "systempaths=unconfined"),
], ids=["macOS", "Windows", "Ubuntu 24.04", "no namespaces", "old Debian", "container"])
def test_doctor_says_how_to_get_a_wall(monkeypatch, tmp_path, platform, settings, says):
    for name, value in settings.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(value + "\n")
    monkeypatch.setattr(walls.sys, "platform", platform)
    monkeypatch.setattr(walls.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(walls, "Path", lambda *parts: tmp_path.joinpath(*parts[1:]))
    monkeypatch.setattr(walls, "best", lambda: walls.Bare("bubblewrap: setting up uid map"))
    (name, state, found, advice), = command_line.find_sandbox()
    assert (name, state) == ("sandbox", "warn") and "cannot be isolated: bubblewrap: setting up uid map" in found
    assert says in advice and "\n" not in advice


@each_wall
def test_doctor_tries_what_grading_imports(monkeypatch, wall):
    monkeypatch.setattr(walls, "best", lambda: wall)
    (name, state, found, _), = command_line.find_sandbox()
    assert (name, state) == ("sandbox", "ok") and found.startswith(wall.name)
    if wall.name == "other user":  # it sees what anybody may see
        return
    without = [folder for folder in walls.python_folders() if not (folder / "pyvenv.cfg").exists()]
    monkeypatch.setattr(walls, "python_folders", lambda: without)
    (_, state, found, advice), = command_line.find_sandbox()
    assert state == "warn" and "torch cannot be imported behind it" in found and "set PYTHON to one" in advice


@each_wall
def test_a_python_behind_links_starts_behind_a_wall(monkeypatch, wall):
    """As in a home folder that is a link."""
    with tempfile.TemporaryDirectory() as folder, walls.Room(wall) as room:
        os.chmod(folder, 0o755)  # behind the wall is another user
        home = Path(folder, "home")
        home.symlink_to(sys.prefix)
        python = str(home / "bin/python")
        folders = walls.python_folders((sys.base_prefix, sys.prefix, str(home)), python)
        monkeypatch.setattr(walls, "python_folders", lambda: folders)
        done = subprocess.run(room.wrap([python, "-I", "-c", "import sys, torch; print(sys.prefix)"]),
                              capture_output=True, text=True)
    assert done.stdout.strip() == str(home), done.stderr


def test_profile_of_sandbox_exec():
    """Written for macOS, where it is tried before it is used. Here: its form, and that no path leaves its quotes."""
    profile = walls.SandboxExec.profile(['/a "b) (allow default)'], ["/scratch"])
    assert profile.startswith("(version 1)\n(deny default)") and "(allow default)" not in profile.replace('"b) (a', "")
    plain = "".join(part for part in profile.replace('\\"', "").split('"')[::2])
    assert plain.count("(") == plain.count(")") and "network" not in profile
    assert '(allow file-write* (subpath "/scratch") (literal "/dev/null"))' in profile
    assert "exists on macOS only" in (walls.SandboxExec().why_not() or "exists on macOS only")


# What falls

def fake_bwrap(folder, script):
    """A program called bwrap that does what the script says; $BWRAP is the real one. Returns PATH."""
    folder.mkdir()
    path = folder / "bwrap"
    path.write_text(f"#!/bin/sh\nBWRAP={shutil.which('bwrap')}\n{script}")
    path.chmod(0o755)
    for above in (folder, *folder.parents):
        if above != Path("/tmp") and not above.stat().st_mode & 1:
            above.chmod(above.stat().st_mode | 0o11)  # it is started by a user without a name
    return f"{folder}:{os.environ['PATH']}"


@needs_bubblewrap
def test_a_sandbox_that_cannot_start_later_grades_nothing(tmp_path, monkeypatch):
    """bubblewrap works when it is tried, and fails from then on: not graded, and never without it."""
    count = tmp_path / "count"
    count.mkdir(mode=0o777)
    count.chmod(0o777)
    monkeypatch.setenv("PATH", fake_bwrap(tmp_path / "bin", f"""
[ "$1" = --version ] && exec $BWRAP --version
mkdir {count}/started 2>/dev/null || exit 1
exec $BWRAP "$@"
"""))
    spy = f"open({str(tmp_path / 'ran')!r}, 'w')\n" + SOLUTION
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "vae.py").write_text(spy)
    wall = walls.Bubblewrap()
    assert wall.why_not() is None
    with pytest.raises(SandboxError, match="did not start"):
        grade(tmp_path / "in", "vae", notebook=False, wall=wall)
    write_files(course_files(ROOT, {"vae": assignments()["vae"]}, code_gaps=False), tmp_path / "course")
    monkeypatch.setattr(notebook, "TIMEOUT", 20)
    with notebook.Notebook(tmp_path / "course", "vae", wall) as executing:
        told = executing.run(spy)
    assert told.status in ("failed", "error", "timeout") and not told.pictures
    assert not (tmp_path / "ran").exists()


@each_wall
def test_the_way_to_the_folder_for_temporary_files_may_be_long(tmp_path, monkeypatch, wall):
    """As on clusters: longer than a socket's name may be. A kernel starts, and so do the processes of a class."""
    long = tmp_path / ("x" * 110)
    long.mkdir()
    for folder in (long, *tmp_path.parents[:-1], tmp_path):
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o11)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    cells = [nbformat.v4.new_code_cell("import sys\nsys.path.insert(0, '..')\nfrom helpers.vae import x")]
    written = nbformat.v4.new_notebook(cells=cells)
    write_files({"helpers/__init__.py": b"", "notebooks/2_vae.ipynb": nbformat.writes(written).encode()},
                tmp_path / "course")
    monkeypatch.setattr(notebook, "TIMEOUT", 60)
    with notebook.Notebook(tmp_path / "course", "vae", wall) as executing:
        assert executing.run("x = 1\n") == Execution("passed", 1)
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / "vae.py").write_text(SOLUTION)
    done = subprocess.run([sys.executable, "-m", "coursekit", "grade-class", tmp_path / "in", "--assignment", "vae",
                           "--out", tmp_path / "out", "--no-notebook"], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, "TMPDIR": str(long)})
    assert done.returncode == 0 and (tmp_path / "out/students/ada/report.json").exists(), done.stderr


@needs_bubblewrap
def test_bubblewrap_whose_children_get_no_capabilities(tmp_path, monkeypatch):
    """As under the AppArmor profile of Ubuntu 25.04 and later: nothing inside needs one, whoever has started it."""
    monkeypatch.setenv("PATH", fake_bwrap(tmp_path / "bin", '[ "$1" = --version ] || set -- --cap-drop ALL "$@"\n'
                                          'exec $BWRAP "$@"\n'))
    wall = walls.Bubblewrap()
    assert wall.why_not() is None
    with Sandbox("vae", ROOT, wall) as running:
        items, _ = judge(running, SOLUTION, CHECKS, 1)
    assert all(item.status == "passed" for item in items.values())


@each_wall
def test_a_killed_sandbox_is_the_machines_fault(wall):
    """It is not charged to the student, and the same sandbox can be asked again."""
    with Sandbox("vae", ROOT, wall) as running:
        running.observe(SOLUTION, None, {})
        for process in machine.descendants(running.process.pid) or [running.process.pid]:
            try:
                os.kill(process, 9)
            except ProcessLookupError:
                pass
        with pytest.raises(MachineFault):
            judge(running, SOLUTION, CHECKS, 1)
        items, _ = judge(running, SOLUTION, CHECKS, 1)
        assert all(item.status == "passed" for item in items.values())


def test_time_that_a_process_waits_for_the_machine_does_not_count(monkeypatch):
    now, told = [0.0], ["R", 0.0]
    monkeypatch.setattr(machine.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(machine, "processor_time", lambda process: tuple(told))
    watch = machine.Watch(1)
    for state, seconds, ran, had in (("R", 10, 1, 1), ("D", 10, 0, 1), ("S", 10, 0, 11), ("R", 5, 5, 16)):
        now[0], told[0], told[1] = now[0] + seconds, state, told[1] + ran
        # What counts is the state at both ends: who sleeps meanwhile does so by its own doing.
        watch.told = state, watch.told[1]
        watch.look()
        assert watch.had == had


def test_a_process_that_the_kernel_killed_for_memory_is_not_to_blame(monkeypatch):
    """Unless it had taken much itself."""
    killed = [3]
    monkeypatch.setattr(guest, "killed_for_memory", lambda: killed[0])
    one = guest.Guest(None, None, {"isolated": True, "memory": 8 << 30}, None, {})
    one.killed, one.end = 3, lambda: 9  # the status of who was ended by signal 9
    assert one.how_it_ended()["kind"] == "error"
    killed[0] = 4
    assert one.how_it_ended()["kind"] == "machine"
    one.taken = 3 << 30
    assert one.how_it_ended()["kind"] == "error"


def test_all_checks_together_have_a_limit(monkeypatch):
    """A file that answers rightly but late holds up a class no longer than that."""
    monkeypatch.setattr(ask, "TOTAL_TIMEOUT", 3.0)
    late = "import time\n" + SOLUTION.replace("def interpolate(", """def interpolate(*arguments):
    time.sleep(1)
    return right_interpolate(*arguments)


def right_interpolate(""")
    with Sandbox("vae", ROOT) as running:
        items, _ = judge(running, late, CHECKS[::-1] + CHECKS[::-1], 1)
    assert "used up (3 seconds)" in items["vae.interpolate"].message, items


# Rooms

@each_wall
def test_nobody_else_can_look_into_a_room(wall):
    with walls.Room(wall) as room:
        (room.folder / "sub").mkdir()
        (room.folder / "sub" / "probe.py").write_text("x")
        room.give(room.folder)
        for path in (room.folder, *room.folder.rglob("*")):
            mode = path.stat()
            if path == room.scratch:
                continue
            assert not mode.st_mode & stat.S_IRWXO and mode.st_uid == os.geteuid()
            assert room.user is None or mode.st_gid == room.user and not mode.st_mode & stat.S_IWGRP
        folder = room.folder
    assert not folder.exists() and not Path(f"{folder}.lock").exists()


def test_folders_of_a_killed_grading_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(walls.tempfile, "tempdir", str(tmp_path))
    code = ("from coursekit.sandbox import walls; import tempfile, os; tempfile.tempdir = {!r};"
            "walls.private_folder('test'); os.kill(os.getpid(), 9)").format(str(tmp_path))
    subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    left, = tmp_path.glob("course-test-????????")
    living, lock = walls.private_folder("test")
    walls.remove_old.__wrapped__()
    assert not left.exists() and living.exists()
    fcntl.flock(lock, fcntl.LOCK_UN)
    walls.remove_old.__wrapped__()
    assert not list(tmp_path.iterdir())
    os.close(lock)


@pytest.mark.skipif(os.name != "posix", reason="rights are others on Windows")
def test_what_student_code_left_is_removed(tmp_path):
    folder = tmp_path / "scratch"
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed").chmod(0)
    walls.remove(folder)
    assert not folder.exists()


@pytest.mark.skipif("landlock" not in [wall.name for wall in STANDING], reason="no Landlock here")
def test_a_zygote_starts_guests(tmp_path):
    """In a process that has seen nothing yet. Both guests judge rightly, and torch is once in memory."""
    code = """
import json, sys
from coursekit.sandbox import Sandbox, walls, zygote
from helpers.given.course import ROOT
wall = walls.Landlock()
zygote.prepare(wall)
source, scores = open(sys.argv[1]).read(), []
for _ in range(2):
    with Sandbox("vae", ROOT, wall, zygote.mine) as running:
        from coursekit.grading.judge import judge, load_checks
        items, _ = judge(running, source, load_checks("vae"), 1)
        scores.append([sum(getattr(item, name) for item in items.values()) for name in ("points", "max")])
zygote.mine.stop()
print(json.dumps(scores))
"""
    done = subprocess.run([sys.executable, "-c", code, ROOT / "helpers" / "vae.py"], cwd=ROOT, capture_output=True,
                          text=True)
    first, second = json.loads(done.stdout or "[0, 0]")
    assert first == second and first[0] == first[1] > 0, done.stderr


def test_versions_of_landlock():
    assert confine.landlock_version() >= 0
    assert zygote.mine is None  # pytest has seen everything
