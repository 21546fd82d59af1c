"""The walls that student code runs behind: bubblewrap where it starts, else Landlock (Linux) or sandbox-exec (macOS);
where root has none of these, another user.

`best` tries them and is asked once, by the command that the instructor gave; whoever runs student code is told which
wall it is, and what cannot start behind it then is not graded. `Room` is one use of a wall: a private folder, a user of
its own if root started the grading, and command lines. What a process sees behind a wall is an allow-list: the system's
libraries, Python and its packages, and what the room shows, all read-only, and a private place for temporary files.
(Another user sees what anybody may see on this machine.) It has no network, an empty environment and an unprivileged
user. What each wall does not stop: docs/attacks.md.
"""
import contextlib
import functools
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from coursekit.sandbox.guest import confine, machine
from helpers.given.console import UserError
from helpers.given.course import ROOT

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# Without names: a room of root takes one, so that none shares limits with another.
USERS = range(61000, 61000 + confine.BESIDE)
MB = 1 << 20
# An address space limit (AS) breaks torch builds that reserve much and use little, so DATA stands for memory.
LIMITS = {"DATA": 6144 * MB, "FSIZE": 256 * MB, "NOFILE": 1024, "CORE": 0, "MSGQUEUE": 0}
PROCESSES = 512  # of a user, whose only processes are the student's; of the instructor's own user, as many more
DISK = 512 * MB  # of temporary files
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
OWN_PROCESS = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm", "/proc/sys/kernel")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1",
               "OMP_NUM_THREADS": "1", "LOGNAME": "student",  # some packages ask for a name, and the user has none
               "COURSE_PROFILE": "smoke", "TORCHDYNAMO_DISABLE": "1"}  # what asks for a compiler runs as it is written
CONFINE = Path(confine.__file__).resolve()


class NotIsolated(UserError):
    """There is no wall on this machine."""


# ---------------------------------------------------------------------------------------------------------------
# Walls
# ---------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Order:
    """A process that is to run behind a wall.

    command, environment, folder: what it is, its variables, where it begins. user: whom it becomes, None to stay who it
    is. scratch: the room's own folder. readable, writable: paths that it sees beside the system and Python. empty:
    folders that it sees empty and may write to. first: True to be process 1, where there is a table of its own.
    guest: True if it puts up `Wall.inner` itself, around each submission.
    """

    command: list
    environment: dict
    folder: str
    user: int | None
    scratch: Path
    readable: tuple = ()
    writable: tuple = ()
    empty: tuple = ()
    first: bool = False
    guest: bool = False


class Wall:
    """A way to keep a process in. name: as in the report. notebook: True if it covers a notebook's kernel, too.
    forks: True if it can be put up around a process that runs already, by `settings`. shared: folders beside its own
    that a process may write to, and others, too."""

    name, isolates, notebook, forks, shared = "none", True, True, False, ()

    def missing(self):
        """Why it cannot be on this machine, or None if it is worth a trial."""

    def wrap(self, order):
        """The command line that runs an Order behind this wall."""
        raise NotImplementedError

    def temporary(self, scratch):
        """Where a process finds its place for temporary files."""
        return scratch

    def emptied(self, scratch):
        """Folders that processes may write to, and that are emptied after each submission."""
        return [str(scratch)]

    def inner(self, user, scratch, readable, writable=()):
        """Arguments of confine.confine for what is still to be put up inside, around each submission; or None."""

    def hide(self, *paths):
        """Make sure that these paths, and what this process writes from now on, cannot be seen. Raises NotIsolated."""

    def clear(self, user):
        """End and remove what is left of a user outside of their room."""

    def bait(self, folder):
        """Make a file in a folder that must not be seen, for the trial. Returns its path."""
        os.chmod(folder, 0o755)  # so that it is the wall that refuses, and not the rights
        path = Path(folder, "hidden")
        path.write_text("hidden")
        return path

    def why_not(self):
        """Return None if this wall stands on this machine, else the reason in one line. Tries Python, with all that
        grading needs."""
        if reason := self.missing():
            return reason
        if ROOT.is_relative_to("/usr"):
            return f"it shows /usr, and the course with its solutions lies there ({ROOT}): move it elsewhere"
        with tempfile.TemporaryDirectory(prefix="course-trial-") as folder, Room(self) as room:
            return self.attempt(room, [TRIAL, str(self.bait(folder)), str(os.getpid())], 60, first=True)

    def why_no_torch(self):
        """Return None if what grading imports can be imported behind this wall, else the reason in one line. `why_not`
        only looks whether it is there; this takes seconds, and is for `course doctor`."""
        with Room(self) as room:
            return self.attempt(room, ["import torch, safetensors.torch, ipykernel.kernelapp"], 300)

    @staticmethod
    def attempt(room, code, timeout, **order):
        """Run Python code, with its arguments, in a room. Returns None, or its last words if it fails."""
        try:
            trial = subprocess.run(room.wrap([sys.executable, "-I", "-c", *code], **order), capture_output=True,
                                   text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        lines = trial.stderr.strip().splitlines()
        return None if trial.returncode == 0 else lines[-1] if lines else f"it ended with {trial.returncode}"


TRIAL = """
import importlib.util, os, socket, sys, tempfile
hidden, grader = sys.argv[1:]
for what, attempt in {"reading a hidden file": lambda: open(hidden), "writing": lambda: open(hidden + "2", "w"),
                      "listing": lambda: os.listdir(os.path.dirname(hidden)), "the network": socket.socket,
                      "a signal": lambda: os.kill(int(grader), 0)}.items():
    try:
        attempt()
    except OSError:
        continue
    sys.exit(what + " is not refused")
with tempfile.TemporaryFile() as stream:
    stream.write(b"x")
if importlib.util.find_spec("torch") is None:
    sys.exit("Python's packages are not there")
open(importlib.util.find_spec("torch").origin).read(1)
if sys.platform == "linux":
    if "CapEff:\\t0000000000000000" not in open("/proc/self/status").read():
        sys.exit("rights of root are not taken away")
    open("/dev/null", "w")
if os.fork() == 0:
    os._exit(7)
if os.waitstatus_to_exitcode(os.wait()[1]) != 7:
    sys.exit("a process cannot fork")
"""


class Bubblewrap(Wall):
    """Name spaces: https://github.com/containers/bubblewrap. The user is dropped before it starts, so it is the same
    for root and for others."""

    name = "bubblewrap"

    def missing(self):
        if sys.platform != "linux":
            return f"exists on Linux only, this is {sys.platform}"
        if shutil.which("bwrap") is None:
            return "is not installed (Debian, Ubuntu: apt install bubblewrap)"

    def temporary(self, scratch):
        return "/tmp"  # in memory, seen by nobody else

    def emptied(self, scratch):
        return ["/tmp", "/dev/shm"]

    def wrap(self, order):
        out = [shutil.which("bwrap"), "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--unshare-user",
               "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        out += ["--disable-userns"] if bubblewrap_version() >= (0, 8) else []
        out += ["--as-pid-1"] if order.first else []
        out += ["--proc", "/proc", "--dev", "/dev", "--size", str(64 * MB), "--perms", "1777", "--tmpfs", "/dev/shm",
                "--size", str(DISK), "--perms", "1777", "--tmpfs", "/tmp"]
        for path in map(Path, SYSTEM):
            if path.is_symlink():
                out += ["--symlink", os.readlink(path), str(path)]
            else:
                out += ["--ro-bind-try", str(path), str(path)]
        shown = [*python_folders(), CONFINE, *order.readable]
        # The folders above them are nobody's to write to: what a submission left there, or put in their place, the
        # next one would find.
        above = {place / path.relative_to(place).parts[0] for place in map(Path, self.emptied(order.scratch))
                 for path in map(Path, shown) if path.is_relative_to(place) and path != place}
        above = sorted(map(str, above - set(map(Path, shown))))
        for path in above:
            out += ["--tmpfs", path]
        for option, paths in (("--ro-bind", shown), ("--bind", order.writable)):
            for path in map(str, paths):
                out += [option, path, path]
        for path in map(str, order.empty):
            out += ["--size", str(DISK), "--perms", "1777", "--tmpfs", path]
        for path in above:
            out += ["--remount-ro", path]
        out += ["--remount-ro", "/dev", "--remount-ro", "/"]  # else the folders between the mounts could be written to
        out += ["--", *confined(order.command, order.environment, order.folder,
                                limits={**LIMITS, "NPROC": PROCESSES}, filtered=True)]
        return confined(out, {"PATH": os.environ.get("PATH", os.defpath)}, None, user=order.user,
                        paths=list(map(str, [*shown, order.scratch.parent])))


@functools.cache
def bubblewrap_version():
    told = subprocess.run([shutil.which("bwrap"), "--version"], capture_output=True, text=True, errors="replace")
    return tuple(map(int, re.findall(r"\d+", told.stdout)[:2]))


class Landlock(Wall):
    """Landlock and a filter of system calls, which need no rights and no name spaces: in containers, on runners."""

    name, forks = "landlock", True

    def missing(self):
        if sys.platform != "linux":
            return f"exists on Linux only, this is {sys.platform}"
        if confine.system_call_filter(platform.machine()) is None:
            return f"needs a filter of system calls, and there is none for {platform.machine()}"
        if (version := confine.landlock_version()) < confine.SCOPED:
            return f"needs Linux 6.12 or newer with Landlock (version {confine.SCOPED}, here {version})"

    def wrap(self, order):
        return confined(order.command, order.environment, order.folder,
                        **self.settings(order.user, order.scratch, order.readable, [*order.writable, *order.empty]))

    def settings(self, user, scratch, readable, writable):
        """What confine.confine is to do, all but who owns the guard."""
        readable = list(map(str, [*python_folders(), *readable]))
        writable = list(map(str, [scratch, *writable]))
        around = [[*readable, *SYSTEM, "/proc"], [*writable, *DEVICES]]
        limits = {**LIMITS, "NPROC": PROCESSES if user is not None else PROCESSES + own_processes()}
        return {"user": user, "paths": [*map(str, python_folders()), str(Path(scratch).parent)], "limits": limits,
                "outer": around, "inner": around, "filtered": True}

    def inner(self, user, scratch, readable, writable=()):
        # What the one around the guest shows of all processes is not for student code.
        shown = [*map(str, [*python_folders(), *readable]), *SYSTEM, *OWN_PROCESS, "/proc/self"]
        return {"inner": [shown, [str(scratch), *map(str, writable), *DEVICES]]}


def own_processes():
    """Number of processes and threads that this process's user has. They count for a limit, too."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, KeyError, ValueError):
            told = dict(line.split(":", 1) for line in path.read_text().splitlines())
            total += int(told["Threads"]) if int(told["Uid"].split()[0]) == os.getuid() else 0
    return total


class SandboxExec(Wall):
    """macOS's sandbox-exec with a profile that denies what it does not name. Its trial decides whether it stands: it
    was written from the system's documentation, and never run by us."""

    name, notebook = "sandbox-exec", False  # which needs sockets

    def missing(self):
        if sys.platform != "darwin":
            return f"exists on macOS only, this is {sys.platform}"
        if shutil.which("sandbox-exec") is None:
            return "is not there"
        if os.geteuid() == 0:
            return "does not change the user, and root must not run student code"

    def wrap(self, order):
        profile = self.profile([*python_folders(), CONFINE, *order.readable],
                               [order.scratch, *order.writable, *order.empty])
        return [shutil.which("sandbox-exec"), "-p", profile,
                *confined(order.command, order.environment, order.folder, limits=LIMITS)]

    @staticmethod
    def profile(readable, writable):
        """The profile (Seatbelt's own language): everything is denied but this."""
        def places(paths):
            return " ".join(f"(subpath {json.dumps(os.path.realpath(path), ensure_ascii=False)})" for path in paths)

        system = ("/usr/lib", "/usr/share", "/usr/bin", "/bin", "/System", "/Library/Frameworks", "/private/etc/ssl")
        return "\n".join([
            "(version 1)", "(deny default)", "(allow process-fork)", "(allow sysctl-read)",
            "(allow file-read-metadata)",
            "(allow signal (target same-sandbox))", "(allow process-info* (target same-sandbox))",
            f"(allow process-exec file-map-executable {places([*readable, *system])})",
            f"(allow file-read* {places([*readable, *writable, *system])} (literal \"/\") (literal \"/dev/null\") "
            "(literal \"/dev/random\") (literal \"/dev/urandom\"))",
            f"(allow file-write* {places(writable)} (literal \"/dev/null\"))"])


class OtherUser(Wall):
    """Another user without rights, and a filter of system calls: for root in a container that allows nothing else.

    It hides nothing that anybody may see, so what must not be seen has to be closed to others: `closed`. The guest
    itself stays root, so that what it starts cannot reach it, and knows by the owner what it has to end and to remove.
    """

    name, forks = "other user", True
    shared = tuple(folder for folder in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")
                   if os.path.isdir(folder))

    def missing(self):
        if sys.platform != "linux":
            return f"exists on Linux only, this is {sys.platform}"
        if os.geteuid() != 0:
            return "is for root only"
        if confine.system_call_filter(platform.machine()) is None:
            return f"needs a filter of system calls, and there is none for {platform.machine()}"
        if not closed(ROOT):
            return f"would see the course with its solutions, as anybody may here: chmod o= {ROOT}"
        if found := open_to_all(python_folders()):
            return f"could change Python, as anybody may here: chmod -R o-w {found}"

    def bait(self, folder):
        return ROOT / "coursekit" / "__main__.py"

    def hide(self, *paths):
        for path in paths:
            if not closed(path):
                raise NotIsolated(f"{path} can be read by anybody on this machine, so by student code, too (isolation: "
                                  f"{self.name}): chmod o= {path}")
        os.umask(0o077)

    def clear(self, user):
        subprocess.run(confined(["/bin/true"], {}, None, guarded=user), stderr=subprocess.DEVNULL)
        for folder in self.shared:
            names = sorted(machine.names_in(folder, user))
            for first in range(0, len(names), 1000):
                subprocess.run(["rm", "-rf", "--", *names[first:first + 1000]], cwd=folder, stderr=subprocess.DEVNULL)

    def wrap(self, order):
        settings = self.settings(order.user, order.scratch)
        return confined(order.command, order.environment, order.folder,
                        **settings if order.guest else {**settings, "user": order.user})

    def settings(self, user, scratch, *_):
        """What confine.confine is to do for a guest, all but who owns the guard."""
        return {"guarded": user, "paths": [*map(str, python_folders()), str(Path(scratch).parent)],
                "limits": {**LIMITS, "NPROC": PROCESSES}, "filtered": True}

    def inner(self, user, scratch, readable, writable=()):
        return {"user": user}


def closed(path):
    """True if users other than the owner and their group cannot look into a file or folder, or it is not there yet."""
    path = Path(path).resolve()
    return (not path.exists() or not path.stat().st_mode & 0o5
            or not all(above.stat().st_mode & 1 for above in path.parents))


def open_to_all(folders):
    """A folder in these folders that anybody may write to, or None."""
    found = subprocess.run(["find", *folders, "-type", "d", "-perm", "-0002", "-print", "-quit"], capture_output=True,
                           text=True, errors="replace").stdout
    return found.strip() or None


class Bare(Wall):
    """No wall: a process with limits and the instructor's rights. Only when they say so, and never as root.

    reasons: why there is none.
    """

    isolates = False

    def __init__(self, reasons=""):
        self.reasons = reasons

    def emptied(self, scratch):
        return []

    def wrap(self, order):
        # On Windows a process cannot become another program.
        if os.name == "nt":
            return order.command
        return confined(order.command, order.environment, order.folder, limits=LIMITS)


@functools.cache
def best():
    """Return the best wall that stands on this machine, a Bare one if none does."""
    reasons = []
    for kind in (Bubblewrap, Landlock, SandboxExec, OtherUser):
        wall = kind()
        reason = wall.why_not()
        if reason is None:
            return wall
        reasons.append(f"{wall.name} {reason}")
    return Bare("; ".join(reasons))


def choose(unsafe=False):
    """Return the wall for student code. unsafe: do without one if need be. Raises NotIsolated."""
    wall = best()
    if not wall.isolates and hasattr(os, "geteuid") and os.geteuid() == 0:
        raise NotIsolated(f"student code cannot be isolated here, and root must not run it: {wall.reasons}. "
                          "./course doctor says what to do")
    if not wall.isolates and not unsafe:
        raise NotIsolated(f"student code cannot be isolated here: {wall.reasons}. ./course doctor says what to do; "
                          "--unsafe runs it with your rights")
    return wall


OTHER_PYTHON = ("Python's own files lie where they are not seen behind the wall, as with a Python of a module system: "
                "delete .venv, set PYTHON to one that brings all along (of python.org, conda, or `uv python install`), "
                "and run ./course again")


def advice(reasons=""):
    """Return what to do where there is no wall, or only the second best, in one line for `course doctor`. reasons: why
    there is none."""
    if re.search("shared librar|encodings|Python's packages", reasons):
        return OTHER_PYTHON

    def setting(name):
        try:
            return Path("/proc/sys", name).read_text().strip()
        except OSError:
            return None

    if sys.platform != "linux":
        return "grade on a Linux machine, or here in a Linux virtual machine (Windows: WSL 2)"
    if shutil.which("bwrap") is None:
        return "Debian, Ubuntu: sudo apt install bubblewrap"
    if setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        # A second profile for the same program would make the kernel attach neither, so we name the distribution's own.
        return ("AppArmor keeps bubblewrap from making user namespaces. Ubuntu 24.04 has a profile that allows it, but "
                "not in force: sudo apt install apparmor-profiles, sudo cp "
                "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/, sudo systemctl reload "
                "apparmor. From 25.04 on it is in force: remove any other profile for /usr/bin/bwrap from "
                "/etc/apparmor.d, two of them cancel each other")
    if setting("user/max_user_namespaces") == "0":
        return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000"
    if setting("kernel/unprivileged_userns_clone") == "0":
        return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1"
    return ("in a container: start it with what bubblewrap needs (docker run --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined; podman: --security-opt "
            "unmask=ALL), or use Linux 6.12 or newer, where Landlock needs none of these")


# ---------------------------------------------------------------------------------------------------------------
# Rooms
# ---------------------------------------------------------------------------------------------------------------

class Room:
    """One use of a wall. Use it as a context manager.

    Attributes:
        folder: private, for what the room shows; scratch: in it, for temporary files, if the wall has no better place.
        user: without a name, or None if the grading was not started by root.
        temporary: where the processes in it find their place for temporary files.
    """

    def __init__(self, wall, kind="room"):
        remove_old()
        self.wall = wall
        self.user = self.name = None
        if hasattr(os, "geteuid") and os.geteuid() == 0 and wall.isolates:
            self.user, self.name = free_user()
        self.folder, self.lock = private_folder(kind)
        self.scratch = self.folder / "scratch"
        self.give(self.folder)
        self.scratch.mkdir()
        self.give(self.scratch, writable=True)
        self.temporary = wall.temporary(str(self.scratch))

    def give(self, path, writable=False):
        """Let the room's user look at a path with all in it, or hand it to them. Nobody else may look at it (root
        may)."""
        path = Path(path)
        shared = self.user is not None and not writable  # it stays root's, and the user has it by the group
        for entry in (path, *path.rglob("*")) if path.is_dir() else (path,):
            entry.chmod((0o750 if shared else 0o700) if entry.is_dir() else (0o640 if shared else 0o600))
            if self.user is not None:
                os.chown(entry, self.user if writable else -1, self.user)

    def tidy(self, writable=()):
        """Have an empty place for temporary files, whatever was left there. writable: names of other folders, too."""
        if self.user is not None:
            self.wall.clear(self.user)
        for folder in (self.scratch, *(self.folder / name for name in writable)):
            remove(folder)
            folder.mkdir()
            self.give(folder, writable=True)

    def wrap(self, command, environment=(), folder=None, **more):
        """Return the command line that runs `command` in this room.

        Args:
            environment: variables beside ENVIRONMENT; nothing else of the caller's environment is passed on.
            folder: working directory; default: that of temporary files.
            more: readable, writable, empty, first, guest: see Order.
        """
        return self.wall.wrap(Order(list(map(str, command)), self.environment(environment),
                                    str(folder or self.temporary), self.user, self.scratch, **more))

    def environment(self, more=()):
        """The variables that a process in the room finds."""
        kept = () if self.wall.isolates else ("PATH", "SYSTEMROOT")
        return {**ENVIRONMENT, "HOME": self.temporary, "TMPDIR": self.temporary,
                "MPLCONFIGDIR": f"{self.temporary}/matplotlib", **dict(more),
                **{name: os.environ[name] for name in kept if name in os.environ}}

    def close(self):
        if self.user is not None:
            self.wall.clear(self.user)
            self.name.close()
        remove(self.folder)
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def free_user():
    """A user of USERS that no other room on this machine has, and what keeps it taken as long as it is open."""
    for user in random.sample(USERS, len(USERS)):
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # of a kind that no student code may make
        try:
            name.bind(f"\0course-user-{user}")
            return user, name
        except OSError:
            name.close()
    raise UserError(f"{len(USERS)} sandboxes run on this machine: wait until some have ended")


def python_folders(prefixes=(sys.base_prefix, sys.base_exec_prefix, sys.prefix), executable=sys.executable):
    """Return the paths that this Python needs: its installation, its site-packages, and what leads there through links,
    such as a home folder that is one."""
    folders = {Path(prefix) for prefix in prefixes}
    link = Path(executable)
    while link.is_symlink():
        link = Path(os.path.normpath(link.parent / os.readlink(link)))
        folders.add(link)
    folders |= {folder.resolve() for folder in folders}
    # What lies below another one is there with it.
    return sorted(folder for folder in folders if folder.exists()
                  and not any(folder.is_relative_to(above) for above in (*SYSTEM, *folders - {folder})))


def confined(command, environment, folder, **settings):
    """The command line that runs `command` by way of confine.py."""
    settings = {**settings, "environment": environment, "folder": folder}
    return [sys.executable, "-I", "-S", str(CONFINE), json.dumps(settings), *command]


def private_folder(kind):
    """Make a folder for temporary files that only this user can look into. Returns it, and a lock that is held as long
    as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=f"course-{kind}-"))
    if fcntl is None:
        return folder, None
    lock = os.open(folder.with_name(folder.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


@contextlib.contextmanager
def temporary_folder(kind):
    """A folder for what gradings need, with rooms of other users in it, which nobody can list. Yields its path."""
    folder, lock = private_folder(kind)
    folder.chmod(0o711)
    try:
        yield str(folder)
    finally:
        remove(folder)
        if lock is not None:
            os.close(lock)


@functools.cache
def remove_old():
    """Remove the folders of gradings that were killed: nobody holds their lock any more."""
    for path in Path(tempfile.gettempdir()).glob("course-*.lock") if fcntl is not None else ():
        with contextlib.suppress(OSError):
            lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(lock).st_uid == os.geteuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove(path.with_suffix(""))
            finally:
                os.close(lock)


def remove(folder):
    """Remove a folder that student code could write to, and its lock. Folders in folders may be deeper than Python can
    follow, `rm` can; their rights may keep their owner out."""
    if os.name == "posix":
        for command in (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            if os.path.lexists(folder):
                subprocess.run([*command, "--", str(folder)], stderr=subprocess.DEVNULL)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.remove(f"{folder}.lock")
