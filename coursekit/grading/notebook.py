"""Executes the released notebook with a student's module: nbval here, its kernel in the sandbox.

nbval and the kernel talk over sockets in one folder that the sandbox shares (the kernel has no network). The notebook
is the course's own; only the module is the student's. What both have to import takes longer than many a notebook. So
kernels are forks of a guest that has imported it (sandbox.guest.kernel), one for each submission, and each notebook
has a fork of a process that has imported pytest and nbval.
"""
import base64
import contextlib
import functools
import gc
import json
import os
import queue
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

from coursekit.grading.report import Execution
from coursekit.sandbox import MEMORY, MachineFault, Sandbox, SandboxError, Unanswered, printable, walls
from coursekit.sandbox.guest import confine
from coursekit.sandbox.guest.kernel import CONNECTION, FONTS, SOCKETS
from coursekit.sandbox.guest.machine import descendants, memory_is_scarce, memory_of
from helpers.given.course import ROOT, assignments

CELL_TIMEOUT = 120  # seconds
TIMEOUT = 300
PICTURES_LIMIT = 8 << 20  # of a notebook, all together, as base64
DIED = "the notebook's kernel did not start or died"
ENDED = "nbval was ended by something else on this machine"


class Kernels(Sandbox):
    """A sandbox whose processes are kernels."""

    kernel, preloaded, writable = True, {}, (SOCKETS,)

    def furnish(self):
        super().furnish()
        fonts = self.room.folder / FONTS
        fonts.mkdir()
        # Matplotlib takes seconds to make this list. It makes its own if the file is damaged, or of another version.
        for path in Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "matplotlib").glob("fontlist-*"):
            with contextlib.suppress(OSError):
                shutil.copy(path, fonts)
        self.room.give(fonts)


class Notebook:
    """An assignment's notebook, to be executed in the smoke profile with one submission after the other. Use it as a
    context manager.

    Args:
        course: folder with the released course.
        wall: what the kernels run behind. zygote: to fork their guest from, if there is one.
    """

    def __init__(self, course, assignment, wall, zygote=None):
        self.path, self.wall = Path(course).resolve() / assignments()[assignment].notebook, wall
        self.kernels, self.nbval = Kernels(assignment, course, wall, zygote), None

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            self.folder = opened.enter_context(walls.temporary_folder("nbval"))
            opened.push(self.kernels)
            opened.callback(self.stop)
            self.start()
            self.opened = opened.pop_all()
        return self

    def __exit__(self, *_):
        self.opened.close()

    def start(self):
        """Start what is not there, without waiting for it."""
        if not self.wall.notebook:
            return
        if self.kernels.process is None:
            self.kernels.start()
        if self.nbval is None or self.nbval.poll() is not None:
            self.stop()
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            self.nbval = subprocess.Popen([sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
                                          start_new_session=True)
            self.told = queue.Queue()
            threading.Thread(target=listen, args=(self.nbval.stdout, self.told), daemon=True).start()

    def stop(self):
        """End nbval. Its forks end with it."""
        if self.nbval is not None:
            below = descendants(self.nbval.pid)
            self.nbval.kill()
            self.nbval.wait()
            with contextlib.suppress(OSError):  # an order that it has not taken
                self.nbval.stdin.close()
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and any(os.path.exists(f"/proc/{each}") for each in below):
                time.sleep(0.02)
            self.nbval = None

    def run(self, source):
        """Execute it with `source` as the graded module: an Execution, with the pictures as base64."""
        if not self.wall.notebook:
            return Execution("skipped", failed=[f"left out: {self.wall.name} does not cover a notebook's kernel"])
        for last in (False, True):
            self.start()
            try:
                return self.attempt(source)
            except Unanswered:
                return Execution("error", failed=[DIED])
            except SandboxError as error:
                if last or not isinstance(error, MachineFault):  # no points hang on it
                    return Execution("error", failed=[str(error)])
            finally:
                if not self.wall.isolates:  # what is left there is in nobody's way
                    self.kernels.__exit__()

    def attempt(self, source):
        room = self.kernels.room
        connection = room.folder / CONNECTION
        connection.unlink(missing_ok=True)
        connection.write_text(json.dumps(new_connection()))
        room.give(connection)
        with self.kernels.session(source, CELL_TIMEOUT) as kernel:
            try:
                return self.execute(kernel, connection)
            except BaseException:  # an nbval that goes on would answer for the next submission
                self.stop()
                raise

    def execute(self, kernel, connection):
        """Have nbval execute the notebook in a kernel: an Execution."""
        result = Path(self.folder, "result.json")
        result.unlink(missing_ok=True)
        order = {"notebook": str(self.path), "connection": str(connection), "result": str(result)}
        try:
            self.nbval.stdin.write(json.dumps(order).encode() + b"\n")
            self.nbval.stdin.flush()
        except OSError:
            raise MachineFault(ENDED) from None
        deadline = time.monotonic() + TIMEOUT
        while (problem := self.problem(kernel, deadline)) is None:
            try:
                if self.told.get(timeout=0.1) is None:
                    raise MachineFault(ENDED)
                break
            except queue.Empty:
                continue
        if problem:
            self.stop()
            return Execution(problem[0], failed=[problem[1]])
        try:
            told = json.loads(result.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it took more memory than it may have
            return Execution("error", failed=["stopped: what its cells gave could not be read"])
        cells = told["cells"]
        failed = [f"cell {number}: {message}" for number, (passed, message) in enumerate(cells, start=1) if not passed]
        return Execution("failed" if failed or not cells else "passed", len(cells), failed[:10], told["pictures"])

    def problem(self, kernel, deadline):
        """Why a notebook has to be stopped, (status, reason), or None."""
        if time.monotonic() > deadline:
            return "timeout", f"not finished within {TIMEOUT} seconds"
        taken = memory_of(descendants(self.nbval.pid))  # a kernel may send whatever it likes
        if taken > MEMORY or taken > MEMORY / 4 and memory_is_scarce():
            return "error", "stopped: it took too much memory"
        if self.wall.isolates and not holds_only_sockets(self.kernels.room.folder / SOCKETS):
            return "error", "stopped: it wrote to the folder of its kernel's sockets"
        try:
            kernel.look()
        except Unanswered as error:
            return "error", str(error) if str(error).startswith("stopped") else DIED


def new_connection():
    """What a Jupyter connection file holds. Behind a wall a kernel has no network, so the sockets are files.
    Their names are seen from the room's: the system takes only 107 letters."""
    told = {"transport": "ipc", "ip": f"{SOCKETS}/socket", "key": secrets.token_hex(16),
            "signature_scheme": "hmac-sha256", "kernel_name": ""}
    ports = range(1, 6)
    if os.name == "nt":
        places = [socket.create_server(("127.0.0.1", 0)) for _ in ports]
        told.update(transport="tcp", ip="127.0.0.1")
        ports = [place.getsockname()[1] for place in places]
        for place in places:
            place.close()
    return {**told, **{f"{name}_port": port for name, port in zip(("shell", "iopub", "stdin", "control", "hb"), ports)}}


def listen(stream, told):
    """Pass the lines of a stream on to a queue, and None at its end."""
    for line in stream:
        told.put(line)
    told.put(None)


def holds_only_sockets(folder):
    """True if in this folder, the one place outside its own that the kernel can write to, is what belongs there."""
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                with contextlib.suppress(FileNotFoundError):  # it has gone since
                    if number > 20 or not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                        return False
    except OSError:  # it is the kernel's own, and closed
        return False
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


class Running:
    """A kernel that runs already, in the form of a jupyter_client.KernelManager as far as nbval needs it."""

    def __init__(self, connection):
        self.connection = connection

    def client(self):
        from jupyter_client.blocking import BlockingKernelClient
        client = BlockingKernelClient(connection_file=self.connection)
        client.load_connection_file()
        # Its own way looks twice in steps of 0.2 seconds.
        client.wait_for_ready = functools.partial(client.kernel_info, reply=True)
        return client

    def is_alive(self):
        return True  # who runs it looks, and ends nbval if it is not

    def start_kernel(self, **_):
        pass

    interrupt_kernel = shutdown_kernel = start_kernel  # it is behind a wall; it is ended when nbval has


def execute(notebook, connection, result):
    """Run nbval over a notebook and write the outcomes as JSON. Runs in a process of its own."""
    import nbval.kernel
    import pytest
    confine.set_limits(walls.LIMITS)  # a kernel may send whatever it likes
    os.chdir(Path(connection).parent)  # where the names of its sockets begin
    nbval.kernel.KernelManager = lambda **_: Running(connection)
    nbval.kernel.pformat = lambda message: ""  # of each message, pictures too, for a log that nobody reads
    recorder = Recorder()
    # No settings of pytest's: it looks for them in all folders above the notebook, and anybody may write to /tmp.
    pytest.main(["-q", "-c", os.devnull, "--noconftest", "-p", "nbval.plugin", "-p", "no:cacheprovider",
                 "--rootdir", str(Path(notebook).parent),
                 "--nbval-lax", f"--nbval-cell-timeout={CELL_TIMEOUT}", notebook], plugins=[recorder])
    told = {"cells": recorder.cells, "pictures": recorder.pictures}
    Path(result).write_text(json.dumps(told), encoding="utf-8")


def serve():
    """Execute one notebook after the other: on stdin comes a line for each, on stdout goes one when it is done."""
    confine.end_with_parent()
    orders, done = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    import jupyter_client.blocking  # noqa: F401
    import nbformat
    import nbval.plugin  # noqa: F401
    nbformat.validate(nbformat.v4.new_notebook())  # compiles the rules that each notebook is read by
    gc.collect()
    gc.freeze()  # pytest looks for garbage at its end
    for line in orders:
        if not hasattr(os, "fork"):
            execute(**json.loads(line))
        elif (child := os.fork()) == 0:
            try:
                confine.end_with_parent()
                execute(**json.loads(line))
            finally:
                os._exit(0)
        else:
            os.waitpid(child, 0)
        print("done", file=done, flush=True)


if __name__ == "__main__":
    serve()
