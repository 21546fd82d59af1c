"""Where student code runs: bubblewrap where the machine has it, else a bare process with limits.

`Sandbox` starts coursekit.worker once and asks it for observations. `wrap` makes the bubblewrap command line; the
notebook's kernel uses it too. What a process in the sandbox sees is an allow-list: the system's libraries, Python and
its packages, the released course and the probes, all read-only, and a private /tmp. It has no network, its own process
table, an empty environment and an unprivileged user.
"""
import functools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from coursekit.worker import pack, read_frame, unpack, write_frame

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
MB = 1 << 20
SIZE_LIMIT = 256 * MB  # of one reply; the weights of a large network fit
# An address space limit (AS) breaks torch builds that reserve much and use little, so DATA stands for memory.
LIMITS = {"DATA": 6144 * MB, "FSIZE": 256 * MB, "NOFILE": 1024, "CORE": 0}
# Counted over all processes of a user. Inside the sandbox that is the student's code; outside it would be the desktop.
PROCESSES = 512
SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "MPLBACKEND": "Agg",
               "MPLCONFIGDIR": "/tmp/matplotlib", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def printable(text):
    """Drop what could move the cursor or hide a line of the instructor's terminal, and join lines."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


class SandboxError(RuntimeError):
    """The sandbox itself failed, not the student's code."""


class Unanswered(Exception):
    """The student's code gave no observation. kind: missing, error or timeout; the message says what happened."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


@functools.cache
def why_not_isolated():
    """Return None if student code can be isolated on this machine, else the reason in one line."""
    if sys.platform != "linux":
        return f"bubblewrap exists on Linux only, this is {sys.platform}"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv is not installed (Debian, Ubuntu: apt install util-linux), and root must not run student code"
    trial = subprocess.run(wrap(["/usr/bin/true"]), capture_output=True, text=True, errors="replace")
    if trial.returncode != 0:
        return f"bubblewrap cannot start here: {trial.stderr.strip() or trial.returncode}"
    return None


def python_folders():
    """Return the folders that this Python needs: its installation and its site-packages."""
    folders = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    return sorted(folder for folder in folders if not folder.is_relative_to("/usr"))


def wrap(command, readable=(), writable=(), environment=(), folder="/tmp"):
    """Return the command that runs `command` in bubblewrap.

    Args:
        readable, writable: paths that the process sees, at the same place, beside the system and Python.
        environment: variables beside ENVIRONMENT; nothing else of the caller's environment is passed on.
        folder: working directory.
    """
    as_root = os.geteuid() == 0
    out = [shutil.which("bwrap"), "--die-with-parent", "--new-session", "--clearenv",
           "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if not as_root:
        out += ["--unshare-user", "--cap-drop", "ALL"]
    for name, value in {**ENVIRONMENT, **dict(environment)}.items():
        out += ["--setenv", name, value]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if os.path.islink(f"/{name}"):
            out += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif os.path.isdir(f"/{name}"):
            out += ["--ro-bind", f"/{name}", f"/{name}"]
    out += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 * MB), "--perms", "1777", "--tmpfs", "/dev/shm",
            "--size", str(512 * MB), "--perms", "1777", "--tmpfs", "/tmp"]
    binds = [("--ro-bind-try", Path(path)) for path in SYSTEM]
    binds += [("--ro-bind", path) for path in [*python_folders(), *map(Path, readable)]]
    binds += [("--bind", Path(path)) for path in writable]
    # Folders above a bound one must be passable for the unprivileged user; bubblewrap would make them private.
    made = {Path("/"), Path("/tmp"), Path("/usr"), Path("/dev")}
    for _, path in binds:
        for parent in reversed(path.parents):
            if parent not in made:
                out += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
    for option, path in binds:
        out += [option, str(path), str(path)]
    out += ["--chdir", str(folder), "--"]
    if as_root:
        # The mounts need root, the student's code must not have it: drop it for good before anything else runs.
        out += [shutil.which("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return out + list(command)


class Sandbox:
    """A running worker for one graded module. Use it as a context manager.

    Args:
        module: name of the graded module, `vae`.
        course: folder with the released course; its `helpers` are what the student's file may import.
        isolated: False runs without bubblewrap. Default: isolated if the machine can.
    """

    def __init__(self, module, course, isolated=None):
        self.module = module
        self.course = Path(course).resolve()
        self.isolated = why_not_isolated() is None if isolated is None else isolated
        self.process = None
        self.folder = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Start the worker without waiting for it: it imports torch meanwhile."""
        if self.folder is None:
            # What the worker may see of the instructor's edition: itself and this module's probes.
            self.folder = Path(tempfile.mkdtemp(prefix="course-sandbox-"))
            self.folder.chmod(0o755)
            probes = self.folder / "autograde_tests" / "probes"
            probes.mkdir(parents=True)
            shutil.copy(ROOT / "coursekit" / "worker.py", self.folder)
            for name in ("__init__.py", f"{self.module}.py"):
                shutil.copy(ROOT / "autograde_tests" / "probes" / name, probes)
            shutil.copytree(self.course / "helpers", self.folder / "helpers",
                            ignore=shutil.ignore_patterns("__pycache__"))
            for path in self.folder.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        limits = {**LIMITS, "NPROC": PROCESSES} if self.isolated else LIMITS
        options = {"module": self.module, "limits": limits, "size_limit": SIZE_LIMIT, "isolated": self.isolated}
        command = [sys.executable, "-I", str(self.folder / "worker.py"), str(self.folder), json.dumps(options)]
        if self.isolated:
            command = wrap(command, readable=[self.folder])
            environment = None
        else:
            environment = {**ENVIRONMENT, **{k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                                        stderr=subprocess.DEVNULL, start_new_session=True, cwd=self.folder)
        self.replies = queue.Queue()
        threading.Thread(target=self._read, args=(self.process.stdout, self.replies), daemon=True).start()
        self.ready = False

    @staticmethod
    def _read(stream, replies):
        """Pass frames on to the grader's thread, which can wait for them with a time limit."""
        try:
            while (payload := read_frame(stream, SIZE_LIMIT + MB)) is not None:
                replies.put(payload)
        except ValueError:
            pass
        replies.put(None)

    def stop(self):
        """Kill the worker. bubblewrap takes everything in its process table with it."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process.stdin.close()
            self.process = None

    def observe(self, source, probe, values, tensors, timeout=10.0):
        """Load the student's source, run one probe of it, and return what it saw: a dict of plain data and tensors.

        Args:
            source: text of the student's file.
            probe: name of a function in the module's probe file, or None to only load the source.
            values, tensors: keyword arguments of the probe, after the module.
        Raises:
            Unanswered: the code raised, took too long, ended its process, or is not there.
            SandboxError: the worker does not start.
        """
        if self.process is None:
            self.start()
        if not self.ready:
            try:
                started = self._next(120)
            except queue.Empty:
                started = None
            if started is None:
                raise SandboxError("the sandbox did not start: run ./course doctor")
            self.ready = True
        request = {"module": self.module, "source": source, "probe": probe, "values": values, "timeout": timeout}
        try:
            write_frame(self.process.stdin, pack(request, tensors))
            # The worker keeps the time itself, unless it cannot fork.
            reply = self._next(timeout + (20 if hasattr(os, "fork") else 0))
        except queue.Empty:
            self.stop()  # the next request starts another
            raise Unanswered("timeout", f"no answer within {timeout:g} seconds") from None
        except OSError:
            reply = None
        if reply is None:
            self.stop()
            raise Unanswered("error", "the sandbox was stopped from inside before it answered")
        try:
            told, arrays = unpack(reply)
            kind = told["kind"]
            if kind == "observed":
                return {**(told["value"] or {}), **arrays}
            message = printable(str(told["message"]))[:500]
        except Exception as error:  # a forged reply can raise anything in json, struct or safetensors
            raise Unanswered("error", f"the process gave no usable answer ({type(error).__name__})") from None
        raise Unanswered(kind if kind in ("missing", "error", "timeout") else "error", message)

    def _next(self, timeout):
        """Return the next reply, or None if the worker has ended. Raises queue.Empty if time is up."""
        return self.replies.get(timeout=timeout)
