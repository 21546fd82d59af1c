"""Executes the released notebook with a student's module: nbval here, its kernel in the sandbox.

nbval and the kernel talk over sockets in one folder that the sandbox shares (the kernel has no network). The notebook
is the course's own; only the module is the student's.
"""
import base64
import ctypes
import functools
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from coursekit.grading.report import Execution
from coursekit.sandbox import MEMORY, as_file, printable, walls
from coursekit.sandbox.guest import confine
from coursekit.sandbox.guest.machine import descendants, memory_is_scarce, memory_of, taken_on_disk
from helpers.given.course import ROOT, assignments

CELL_TIMEOUT = 120  # seconds
TIMEOUT = 300
# How the names of the sockets between nbval and the kernel begin, seen from the notebook's folder, in which both start:
# the system takes names of up to 107 letters, and the way to a folder for temporary files alone may be longer.
SOCKETS = "../../sockets/socket"
KERNEL = "course-sandbox"
CONNECTION = "kernel.json"
# ipykernel, without the TCP socket that it opens beside those of its connection file: what processes forked by the
# kernel print comes through it. Behind a wall there is none, and ZeroMQ ends its process where it may not ask for one.
START = """
from ipykernel import iostream, kernelapp
iostream.IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
kernelapp.launch_new_instance()
"""
PICTURES_LIMIT = 8 << 20  # of a notebook, all together, as base64


def run_notebook(course, assignment, source, wall):
    """Execute the assignment's notebook in the smoke profile, with `source` as the graded module.

    Args:
        course: folder with the released course.
        wall: what the kernel runs behind.
    Returns:
        the Execution, with the pictures as base64.
    """
    if not wall.notebook:
        return Execution("skipped", failed=[f"left out: {wall.name} does not cover a notebook's kernel"])
    with walls.Room(wall, "notebook") as room:
        folder = room.folder
        course = Path(shutil.copytree(course, folder / "course"))
        notebook = course / assignments()[assignment].notebook
        (course / "helpers" / f"{assignment}.py").write_bytes(as_file(source))
        runs, sockets, result = course / "runs", folder / "sockets", folder / "result.json"
        runs.mkdir(exist_ok=True)  # where notebooks write logs and weights
        sockets.mkdir()
        room.give(folder / "course")
        room.give(runs, writable=True)
        room.give(sockets, writable=True)
        specification = folder / "kernels" / KERNEL / "kernel.json"
        specification.parent.mkdir(parents=True)
        specification.write_text(json.dumps({"display_name": KERNEL, "language": "python",
                                             "argv": [sys.executable, "-m", __name__, "kernel", str(folder)]}))
        connection = folder / CONNECTION
        command = room.wrap([sys.executable, "-P", "-c", START, "-f", connection],
                            readable=[course, connection], writable=[sockets], empty=[runs],
                            environment={"IPYTHONDIR": f"{room.temporary}/ipython"},
                            folder=notebook.parent)
        (folder / "command.json").write_text(json.dumps([command, room.environment(), room.user]))
        environment = {**os.environ, "JUPYTER_PATH": str(folder), "PYTHONPATH": str(ROOT)}
        ipc = SOCKETS if wall.isolates else ""  # behind a wall the kernel has no network
        process = subprocess.Popen([sys.executable, "-P", "-m", __name__, "nbval", notebook, folder, result, ipc],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment, cwd=notebook.parent, start_new_session=True)
        deadline, problem = time.monotonic() + TIMEOUT, None
        try:
            while process.poll() is None and problem is None:
                time.sleep(0.2)
                if time.monotonic() > deadline:
                    problem = "timeout", f"not finished within {TIMEOUT} seconds"
                taken = memory_of(descendants(process.pid))
                if taken > MEMORY or taken > MEMORY / 4 and memory_is_scarce():
                    problem = "error", "stopped: it took too much memory"
                if wall.isolates and not holds_only_sockets(sockets):
                    problem = "error", "stopped: it wrote to the folder of its kernel's sockets"
                if max(taken_on_disk(str(place), walls.DISK) for place in (runs, room.scratch)) > walls.DISK:
                    problem = "error", f"stopped: it wrote more than {walls.DISK >> 20} MB"
        finally:
            end(process)
        if problem:
            return Execution(problem[0], failed=[problem[1]])
        if not result.exists():
            return Execution("error", failed=["the notebook's kernel did not start or died"])
        told = json.loads(result.read_text(encoding="utf-8"))
    cells = told["cells"]
    failed = [f"cell {number}: {message}" for number, (passed, message) in enumerate(cells, start=1) if not passed]
    return Execution("failed" if failed or not cells else "passed", len(cells), failed[:10], told["pictures"])


def end(process):
    """End nbval, and wait until all that it has started is gone: the guard behind Landlock needs a moment."""
    below = descendants(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(os.path.exists(f"/proc/{each}") for each in below):
        time.sleep(0.02)


def holds_only_sockets(folder):
    """True if in this folder, the one place outside its own that the kernel can write to, is what belongs there."""
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            try:
                if number > 20 or not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                    return False
            except OSError:
                pass  # it has gone since
    return True


class Recorder:
    """A pytest plugin that notes for each cell whether it passed, the last telling line if not, and its pictures."""

    def __init__(self):
        self.cells, self.pictures, self.room = [], [], PICTURES_LIMIT

    def pytest_runtest_makereport(self, item, call):
        for output in (item.test_outputs or ()) if call.when == "call" else ():
            picture = png(output.get("data", {}).get("image/png"))
            if picture and len(picture) <= self.room:
                self.room -= len(picture)
                self.pictures.append((len(self.cells) + 1, picture))

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.failed:
            # An expected failure is a cell after a timeout: it did not run, so it did not pass.
            self.cells.append((report.passed and not hasattr(report, "wasxfail"), _telling_line(report.longreprtext)))


def png(text):
    """The base64 of what begins like a PNG file, without blanks; else None. What a kernel sends may be anything."""
    try:
        text = "".join(text.split())
        return text if base64.b64decode(text, validate=True).startswith(b"\x89PNG\r\n\x1a\n") else None
    except (AttributeError, ValueError):
        return None


def _telling_line(text):
    """Return the line of a failed cell's report that names the error."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines()]
    error = re.compile(r"✗|[\w.]*(Error|Exception|Interrupt|Failed|Exit)\b|.*timed out")
    telling = [line for line in lines if error.match(line)]
    return printable(telling[-1] if telling else "its output differs from the one that is due")[:300]


def _nbval(notebook, folder, result, ipc):
    """Run nbval over a notebook and write the outcomes as JSON. Runs in a process of its own.

    ipc: where the sockets to the kernel begin, or "" for TCP.
    """
    import nbval.kernel
    import pytest
    confine.set_limits(walls.LIMITS)  # a kernel may send whatever it likes
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the grader, also if that is killed
    # nbval has no options for this: sockets in a folder, since the kernel has no network. The connection file, which
    # is written with our rights, stands where the kernel cannot put a link in its place.
    where = {"connection_file": os.path.join(folder, CONNECTION)}
    if ipc:
        where.update(transport="ipc", ip=ipc)
    nbval.kernel.KernelManager = functools.partial(nbval.kernel.KernelManager, **where)
    recorder = Recorder()
    pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(Path(notebook).parent), "--nbval-lax",
                 f"--nbval-kernel-name={KERNEL}", f"--nbval-cell-timeout={CELL_TIMEOUT}", notebook], plugins=[recorder])
    told = {"cells": recorder.cells, "pictures": recorder.pictures}
    Path(result).write_text(json.dumps(told), encoding="utf-8")


def _kernel(folder):
    """Become the notebook's kernel. jupyter starts this in place of a kernel."""
    with open(os.path.join(folder, "command.json"), encoding="utf-8") as stream:
        command, environment, user = json.load(stream)
    if user is not None:  # the file was written for us only
        os.chown(os.path.join(folder, CONNECTION), -1, user)
        os.chmod(os.path.join(folder, CONNECTION), 0o640)
    if os.name == "nt":
        sys.exit(subprocess.call(command, env=environment, cwd=Path(folder, "course", "notebooks")))
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    {"nbval": _nbval, "kernel": _kernel}[sys.argv[1]](*sys.argv[2:])
