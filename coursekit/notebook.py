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
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coursekit.sandbox import ENVIRONMENT, LIMITS, PROCESSES, ROOT, printable, why_not_isolated, wrap
from coursekit.worker import first_to_go, memory_is_scarce, set_limits

CELL_TIMEOUT = 120  # seconds
TIMEOUT = 300
KERNEL = "course-sandbox"
CONNECTION = "kernel.json"
PICTURES_LIMIT = 8 << 20  # of a notebook, all together, as base64


def run_notebook(course, assignment, source):
    """Execute the assignment's notebook in the smoke profile, with `source` as the graded module.

    Args:
        course: folder with the released course. helpers/<assignment>.py in it is replaced.
    Returns:
        the report's "notebook": status (passed, failed, timeout), number of cells, a line for each failed cell, and the
        pictures that the cells made, as (number of the cell, base64 of a PNG file).
    """
    course = Path(course).resolve()
    notebook, = (course / "notebooks").glob(f"[0-9]_{assignment}.ipynb")
    (course / "helpers" / f"{assignment}.py").write_text(source, encoding="utf-8", newline="")
    (course / "runs").mkdir(exist_ok=True)  # where notebooks write logs and weights
    with tempfile.TemporaryDirectory(prefix="course-nb-") as folder:
        folder = Path(folder)
        folder.chmod(0o755)  # the kernel's user must get through to the folder of the sockets
        sockets, result = folder / "sockets", folder / "result.json"
        sockets.mkdir()
        sockets.chmod(0o777)
        specification = folder / "kernels" / KERNEL / "kernel.json"
        specification.parent.mkdir(parents=True)
        specification.write_text(json.dumps({
            "display_name": KERNEL, "language": "python",
            "argv": [sys.executable, "-m", __name__, "kernel", str(course), str(folder)]}))
        environment = {**os.environ, "JUPYTER_PATH": str(folder), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([sys.executable, "-m", __name__, "nbval", str(notebook), str(folder), str(result)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=environment, cwd=folder, start_new_session=True)
        deadline, problem = time.monotonic() + TIMEOUT, None
        try:
            while process.poll() is None and problem is None:
                time.sleep(0.2)
                if time.monotonic() > deadline:
                    problem = "timeout", f"not finished within {TIMEOUT} seconds"
                if memory_is_scarce():
                    problem = "error", "stopped: it took too much memory"
                if not holds_only_sockets(sockets):
                    problem = "error", "stopped: it wrote to the folder of its kernel's sockets"
        finally:
            if process.poll() is None and hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            remove(sockets)
        if problem:
            return {"status": problem[0], "cells": 0, "failed": [problem[1]], "pictures": []}
        if not result.exists():
            return {"status": "error", "cells": 0, "failed": ["the notebook's kernel did not start or died"],
                    "pictures": []}
        told = json.loads(result.read_text(encoding="utf-8"))
    cells = told["cells"]
    failed = [f"cell {number}: {message}" for number, (passed, message) in enumerate(cells, start=1) if not passed]
    return {"status": "failed" if failed or not cells else "passed", "cells": len(cells), "failed": failed[:10],
            "pictures": told["pictures"]}


def holds_only_sockets(folder):
    """True if in this folder, the one place on this machine that the kernel can write to, is what belongs there."""
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            try:
                if number > 20 or not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                    return False
            except OSError:
                pass  # it has gone since
    return True


def remove(folder):
    """Remove what the kernel wrote to. Folders in folders may be deeper than Python can follow, `rm` can."""
    deadline = time.monotonic() + 10
    while folder.exists() and os.name == "posix" and time.monotonic() < deadline:
        # The kernel ends with nbval, but some time after it.
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL)


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


def _nbval(notebook, folder, result):
    """Run nbval over a notebook and write the outcomes as JSON. Runs in a process of its own."""
    import nbval.kernel
    import pytest
    set_limits(LIMITS)  # a kernel may send whatever it likes
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with the grader, also if that is killed
    # nbval has no options for this: sockets in a folder, since the kernel has no network. The connection file, which
    # is written with our rights, stands where the kernel cannot put a link in its place.
    where = {"connection_file": os.path.join(folder, CONNECTION)}
    if why_not_isolated() is None:
        where.update(transport="ipc", ip=os.path.join(folder, "sockets", "socket"))
    nbval.kernel.KernelManager = functools.partial(nbval.kernel.KernelManager, **where)
    recorder = Recorder()
    pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(Path(notebook).parent), "--nbval-lax",
                 f"--nbval-kernel-name={KERNEL}", f"--nbval-cell-timeout={CELL_TIMEOUT}", notebook], plugins=[recorder])
    told = {"cells": recorder.cells, "pictures": recorder.pictures}
    Path(result).write_text(json.dumps(told), encoding="utf-8")


def _kernel(course, folder):
    """Become the notebook's kernel. jupyter starts this in place of a kernel."""
    connection_file = os.path.join(folder, CONNECTION)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", connection_file]
    environment = {"COURSE_PROFILE": "smoke", "IPYTHONDIR": "/tmp/ipython"}
    set_limits(LIMITS)
    first_to_go()
    if why_not_isolated() is None:
        os.chmod(connection_file, 0o644)  # it was written for this user only, the kernel runs as another
        command = ["/usr/bin/prlimit", f"--nproc={PROCESSES}", "--", *command]
        command = wrap(command, readable=[course, connection_file], writable=[os.path.join(folder, "sockets")],
                       empty=[os.path.join(course, "runs")], environment=environment, folder=f"{course}/notebooks")
        os.execv(command[0], command)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    sys.exit(subprocess.call(command, env={**ENVIRONMENT, **environment, **kept}, cwd=Path(course, "notebooks")))


if __name__ == "__main__":
    {"nbval": _nbval, "kernel": _kernel}[sys.argv[1]](*sys.argv[2:])
