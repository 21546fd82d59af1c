"""Where student code runs: bubblewrap where the machine has it, else a bare process with limits.

`Sandbox` starts coursekit.worker once and asks it for observations. `wrap` makes the bubblewrap command line; the
notebook's kernel uses it too. What a process in the sandbox sees is an allow-list: the system's libraries, Python and
its packages, the released course and the probes, all read-only, and a private /tmp. It has no network, its own process
table, an empty environment and an unprivileged user. What one submission does to the worker, see coursekit.worker.
"""
import contextlib
import functools
import json
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from coursekit.worker import pack, read_frame, unpack, write_frame
from helpers.given.__main__ import UserError

# Worth a second each: the worker imports them once if a submission does.
PRELOADED = {"torchvision": "torchvision", "matplotlib": "matplotlib.pyplot"}
ROOT = Path(__file__).resolve().parents[1]
USERS = range(61000, 65000)  # without names: a sandbox of root takes one, so that none shares limits with another
MB = 1 << 20
SIZE_LIMIT = 256 * MB  # of one reply; the weights of a large network fit
JSON_LIMIT = 1 * MB  # of the part that is not tensors: it takes many times its size in the grader's memory
# An address space limit (AS) breaks torch builds that reserve much and use little, so DATA stands for memory.
LIMITS = {"DATA": 6144 * MB, "FSIZE": 256 * MB, "NOFILE": 1024, "CORE": 0, "MSGQUEUE": 0}
MEMORY = 8192 * MB  # of all processes of a submission together
# Counted over all processes of a user. Inside the sandbox that is the student's code; outside it would be the desktop.
PROCESSES = 512
SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "MPLBACKEND": "Agg",
               "MPLCONFIGDIR": "/tmp/matplotlib", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def printable(text):
    """Drop what could move the cursor or hide a line of the instructor's terminal, and join lines."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


class SandboxError(UserError):
    """The sandbox itself failed, not the student's code."""


class Unanswered(Exception):
    """The student's code gave no observation. kind: missing, error or timeout; the message says what happened.

    over: the process that was asked has ended.
    """

    def __init__(self, kind, message, over=True):
        super().__init__(message)
        self.kind, self.over = kind, over


@functools.cache
def why_not_isolated():
    """Return None if student code can be isolated on this machine, else the reason in one line."""
    if sys.platform != "linux":
        return f"bubblewrap exists on Linux only, this is {sys.platform}"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv is not installed (Debian, Ubuntu: apt install util-linux), and root must not run student code"
    if ROOT.is_relative_to("/usr"):
        return f"the sandbox shows /usr, and the course with its solutions lies there ({ROOT}): move it elsewhere"
    trial = subprocess.run(wrap(["/usr/bin/true"]), capture_output=True, text=True, errors="replace")
    if trial.returncode != 0:
        return f"bubblewrap cannot start here: {trial.stderr.strip() or trial.returncode}"
    return None


def how_to_isolate():
    """Return what to do where student code cannot be isolated, in one line for `course doctor`."""
    def setting(name):
        try:
            return Path("/proc/sys", name).read_text().strip()
        except OSError:
            return None

    if sys.platform != "linux":
        return "grade on a Linux machine, or here in a Linux virtual machine (Windows: WSL 2)"
    if shutil.which("bwrap") is None or os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "Debian, Ubuntu: sudo apt install bubblewrap util-linux"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return ("AppArmor keeps bubblewrap from making user namespaces (Ubuntu 23.10 and later). Either write the "
                "line `abi <abi/4.0>, profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }` to "
                "/etc/apparmor.d/bwrap, then sudo systemctl reload apparmor; or allow all programs: "
                "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
    if setting("user/max_user_namespaces") == "0":
        return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000"
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    return ("in a container: start it with what bubblewrap needs (docker run --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --cap-add SYS_ADMIN), or grade outside of it")


def python_folders():
    """Return the folders that this Python needs: its installation and its site-packages."""
    folders = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()}
    return sorted(folder for folder in folders if not folder.is_relative_to("/usr"))


def wrap(command, readable=(), writable=(), empty=(), environment=(), folder="/tmp"):
    """Return the command that runs `command` in bubblewrap.

    Args:
        readable, writable: paths that the process sees, at the same place, beside the system and Python.
        empty: folders in readable ones that the process sees empty and may write to, in memory.
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
    for path in empty:
        out += ["--size", str(64 * MB), "--perms", "1777", "--tmpfs", str(path)]
    out += ["--remount-ro", "/dev", "--remount-ro", "/"]  # else the folders between the mounts could be written to
    out += ["--chdir", str(folder), "--"]
    if as_root:
        # The mounts need root, the student's code must not have it: drop it for good before anything else runs.
        user = random.choice(USERS)
        out += [shutil.which("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups",
                "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return out + list(command)


def children(pid):
    """Process ids of what a process has started, where the system tells (Linux)."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


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
            # The student's file takes its place; what stands here might be the solution.
            (self.folder / "helpers" / f"{self.module}.py").unlink(missing_ok=True)
            for path in self.folder.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
        limits = {**LIMITS, "NPROC": PROCESSES} if self.isolated else LIMITS
        options = {"module": self.module, "limits": limits, "size_limit": SIZE_LIMIT, "memory": MEMORY,
                   "isolated": self.isolated}
        command = [sys.executable, "-I", str(self.folder / "worker.py"), str(self.folder), json.dumps(options)]
        if self.isolated:
            # As process 1 of its process table the worker gets no signal from those in it, and inherits all orphans.
            command = wrap(command, readable=[self.folder])
            command.insert(1, "--as-pid-1")
            environment = None
        else:
            environment = {**ENVIRONMENT, **{k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                                        stderr=subprocess.DEVNULL, start_new_session=True, cwd=self.folder)
        self.replies = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout, self.replies), daemon=True)
        self.reader.start()
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
        """Kill the worker. The kernel takes everything in its process table with it."""
        if self.process is not None:
            try:
                self.process.stdin.close()  # the worker ends itself; after a change of user it does not with its parent
            except OSError:
                pass
            below = children(self.process.pid)  # the worker, which has a session of its own
            try:
                os.killpg(self.process.pid, signal.SIGKILL) if hasattr(os, "killpg") else self.process.kill()
            except ProcessLookupError:
                pass
            for pid in below:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            self.reader.join(5)  # to the end of the worker's pipe: the worker itself has ended, too
            if not self.reader.is_alive():  # to close a pipe that somebody reads would wait for that
                self.process.stdout.close()
            self.process = None

    def observe(self, source, probe, values, tensors, timeout=10.0):
        """Load the student's source in a process of its own, run one probe of it, and return what it saw: a dict of
        plain data and tensors.

        Args:
            source: text of the student's file.
            probe: name of a function in the module's probe file, or None to only load the source.
            values, tensors: keyword arguments of the probe, after the module.
        Raises:
            Unanswered: the code raised, took too long, ended its process, or is not there.
            SandboxError: the worker does not start.
        """
        return self._ask(source, probe, values, tensors, timeout)[0]

    def session(self, source, timeout):
        """Load the student's source in a process that goes on: a Session. Raises as `observe` does."""
        return Session(self, source, timeout)

    def _ask(self, source, probe, values, tensors, timeout, child="new", keep=False):
        """Ask for one observation. child, keep: see Worker.answer. Returns it, and True if the child has ended.

        The exceptions are those of `observe`; Unanswered.over says whether the child has ended.
        """
        if self.process is None:
            self.start()
        if not self.ready:
            try:
                started = self.replies.get(timeout=120)
            except queue.Empty:
                started = None
            if started is None:
                raise SandboxError("the sandbox did not start: run ./course doctor")
            self.ready = True
        imports = re.findall(r"^\s*(?:import|from)\s+(\w+)", source or "", re.MULTILINE)
        plan = {"child": child, "keep": keep, "timeout": timeout,
                "preload": [PRELOADED[name] for name in PRELOADED if name in imports]}
        request = {"module": self.module, "source": source, "probe": probe, "values": values}
        try:
            write_frame(self.process.stdin, json.dumps(plan).encode())
            if child != "none":
                write_frame(self.process.stdin, pack(request, tensors))
            # The worker keeps the time itself, unless it cannot fork.
            answer = self._answer(timeout + (20 if hasattr(os, "fork") else 0))
        except queue.Empty:
            self.stop()  # the next request starts another
            raise Unanswered("timeout", f"no answer within {timeout:g} seconds") from None
        except OSError:
            answer = None
        if answer is None:
            self.stop()
            raise Unanswered("error", "the sandbox was stopped from inside before it answered")
        reply, verdict = answer
        if verdict["spent"]:
            self.stop()
        over = verdict["spent"] or verdict["over"]
        if "kind" in verdict:
            raise Unanswered(verdict["kind"], verdict["message"], over)
        if child == "none":
            return {}, over
        try:
            told, arrays = unpack(reply, JSON_LIMIT)
            kind = told["kind"]
            if kind == "observed":
                return {**(told["value"] or {}), **arrays}, over
            message = printable(str(told["message"]))[:500]
        except Exception as error:  # a forged reply can raise anything in json, struct or safetensors
            raise Unanswered("error", f"the process gave no usable answer ({type(error).__name__})", over) from None
        raise Unanswered(kind if kind in ("missing", "error", "timeout") else "error", message, over)

    def _answer(self, timeout):
        """Return the child's reply and the worker's verdict, or None if the worker has ended.

        Raises queue.Empty if time is up.
        """
        deadline, parts = time.monotonic() + timeout, []
        while (frame := self.replies.get(timeout=max(0, deadline - time.monotonic()))) is not None:
            if frame:
                parts.append(frame)
                continue
            verdict = self.replies.get(timeout=max(0, deadline - time.monotonic()))
            return verdict and (b"".join(parts), json.loads(verdict))
        return None


class Session:
    """One process with one submission, which answers many requests. Much faster than a process for each.

    What one probe leaves in the process, the next one finds: a right answer counts, a wrong one says little. Use it as
    a context manager; at the end of the block the process and all that it has started are gone.
    """

    def __init__(self, sandbox, source, timeout):
        self.sandbox, self.alive = sandbox, False
        if not hasattr(os, "fork") and sandbox.process is not None and sandbox.ready:
            sandbox.stop()  # one process answers everything there, and has the last submission in it
        try:
            self._ask(source, None, {}, {}, timeout, "new")
        except Unanswered:
            self.end()
            raise

    def _ask(self, source, probe, values, tensors, timeout, child):
        forks = hasattr(os, "fork")
        try:
            observed, over = self.sandbox._ask(source, probe, values, tensors, timeout, child, keep=forks)
        except Unanswered as error:
            self.alive = forks and not error.over
            raise
        self.alive = forks and not over
        return observed

    def observe(self, probe, values, tensors, timeout):
        """As Sandbox.observe, while `alive`."""
        return self._ask(None, probe, values, tensors, timeout, "same")

    def end(self):
        if self.alive:
            try:
                self._ask(None, None, {}, {}, 10.0, "none")
            except Unanswered:
                pass  # the worker itself has gone, and its processes with it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
