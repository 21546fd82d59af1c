"""Where student code runs: one guest behind a wall (coursekit.sandbox.walls), which is asked for observations.

What one submission does to the guest, see coursekit.sandbox.guest.
"""
import codecs
import contextlib
import io
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import tokenize
from pathlib import Path

from coursekit.sandbox import walls
from coursekit.sandbox.guest import place
from coursekit.sandbox.guest.load import MOST_ABSENT
from coursekit.sandbox.guest.main import PATIENCE
from coursekit.sandbox.guest.wire import pack, read_frame, unpack, write_frame
from coursekit.sandbox.walls import MB
from helpers.given.console import UserError
from helpers.given.course import ROOT

# Worth a second each: the guest imports them once if a submission does.
PRELOADED = {"torchvision": "torchvision", "matplotlib": "matplotlib.pyplot"}
SIZE_LIMIT = 256 * MB  # of one reply; the weights of a large network fit
JSON_LIMIT = 1 * MB  # of the part that is not tensors: it takes many times its size in the grader's memory
MEMORY = 8192 * MB  # of all processes of a submission together
MESSAGE_LIMIT = 300  # characters of what student code says: it can read its probe, and must not tell it whole
START_TIMEOUT = 240.0  # of the guest, which imports torch: minutes on a little machine
GUEST = "import sys, json; sys.path.insert(0, sys.argv[1]); from guest.main import main; " \
        "main(sys.argv[1], json.loads(sys.argv[2]))"


def printable(text):
    """Drop what could move the cursor or hide a line of the instructor's terminal, and join lines."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def as_file(source):
    """The bytes of a Python file with this text, in the encoding that its first lines declare, if that is a usual one.
    (Others may be no text, and punycode takes time with the square of the length.)"""
    text = source.encode("utf-8", "replace")
    try:
        declared, _ = tokenize.detect_encoding(io.BytesIO(text).readline)
        usual = re.fullmatch(r"ascii|iso8859-\d+|cp12\d\d|mac-roman|gb\w+|big5|shift_jis", codecs.lookup(declared).name)
        return source.encode(declared) if usual else text
    except (SyntaxError, UnicodeEncodeError):  # an unknown encoding, or one that has not these letters
        return text


class SandboxError(UserError):
    """The sandbox itself failed, not the student's code."""


class MachineFault(SandboxError):
    """The machine, not the student's code, is why there is no answer: ask the whole submission again."""


class Unanswered(Exception):
    """The student's code gave no observation. kind: missing, error or timeout; the message says what happened.

    over: the process that was asked has ended.
    """

    def __init__(self, kind, message, over=True):
        super().__init__(message)
        self.kind, self.over = kind, over


def told(reply, over):
    """The observation in a packed answer. over: True if the child has ended. Raises Unanswered."""
    try:
        answer = unpack(reply, JSON_LIMIT)
        if not isinstance(answer, dict):
            raise ValueError("no dict")
        kind = answer["kind"]
        if kind == "observed":
            return answer["value"]
        message = printable(str(answer["message"]))[:MESSAGE_LIMIT]
    except Exception as error:  # a forged reply can raise anything in json, struct or safetensors
        raise Unanswered("error", f"the process gave no usable answer ({type(error).__name__})", over) from None
    raise Unanswered(kind if kind in ("missing", "error", "timeout") else "error", message, over)


class Sandbox:
    """A running guest for one graded module. Use it as a context manager.

    Args:
        module: name of the graded module, `vae`.
        course: folder with the released course; its `helpers` are what the student's file may import.
        wall: what it runs behind. Default, for the course's own code: the best that this machine has, if any.
        zygote: to fork the guest from, if there is one.
    Attributes:
        had: seconds that student code has had in all so far, see guest.machine.Watch.
        kernel: True if its processes are to be kernels of notebooks: see guest.kernel. preloaded: see PRELOADED.
        writable: names of folders in the room, beside its place for temporary files, that student code may write to.
    """

    kernel, preloaded, writable = False, PRELOADED, ()

    def __init__(self, module, course, wall=None, zygote=None):
        self.module = module
        self.course = Path(course).resolve()
        self.wall, self.zygote = wall or walls.best(), zygote
        self.process = self.room = None
        self.had = 0.0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        if self.room is not None:
            self.room.close()
            self.room = None

    def furnish(self):
        """Make the room: what the guest may see of the instructor's edition is itself and this module's probes."""
        self.room = walls.Room(self.wall, "sandbox")
        folder = self.room.folder
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(__file__).parent / "guest", folder / "guest", ignore=no_cache)
        if not self.kernel:
            probes = folder / "autograde_tests" / "probes"
            probes.mkdir(parents=True)
            for name in ("__init__.py", f"{self.module}.py"):
                shutil.copy(ROOT / "autograde_tests" / "probes" / name, probes)
        shutil.copytree(self.course / "helpers", folder / "helpers", ignore=no_cache)
        (folder / "data").mkdir()
        for path in (self.course / "data").glob("*.json"):
            shutil.copy(path, folder / "data")
        # The student's file takes its place; what stands here might be the solution.
        self.file = folder / "helpers" / f"{self.module}.py"
        self.file.unlink(missing_ok=True)
        self.room.give(folder)
        for writable in self.writable:
            (folder / writable).mkdir()
            self.room.give(folder / writable, writable=True)
        with contextlib.suppress(OSError):  # Windows allows links to some users only
            # Behind the wall it leads to where a submission may write. So it comes last: `give` follows links.
            os.symlink(os.path.join(self.room.temporary, place.HOME, "runs"), folder / "runs")

    def start(self):
        """Start the guest without waiting for it: it imports torch meanwhile."""
        if self.room is None:
            self.furnish()
        else:
            self.room.tidy(self.writable)
        self.file.unlink(missing_ok=True)  # nothing but a submission's own process may ever import it
        self.source = None
        folder, writable = self.room.folder, [str(self.room.folder / name) for name in self.writable]
        emptied = [*self.wall.emptied(self.room.scratch), *(writable if self.wall.isolates else ())]
        inner = self.wall.inner(self.room.user, self.room.scratch, [folder], writable)
        options = {"module": self.module, "kernel": self.kernel, "size_limit": SIZE_LIMIT, "memory": MEMORY,
                   "disk": walls.DISK, "isolated": self.wall.isolates, "writable": emptied,
                   "shared": self.wall.shared, "wall": inner}
        with open(folder / "log", "wb") as log:  # of the guest; what student code prints is not wanted
            if self.zygote is not None:
                self.process = self.zygote.start(self.room, options, log.fileno(), writable)
            else:
                # As process 1 of its table the guest gets no signal from others in it, and inherits all orphans.
                command = self.room.wrap([sys.executable, "-I", "-B", "-c", GUEST, folder, json.dumps(options)],
                                         readable=[folder], writable=writable, first=True, guest=True)
                self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                                env=self.room.environment(), start_new_session=True)
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
        """End the guest, and with it everything behind its wall."""
        if self.process is not None:
            try:
                self.process.stdin.close()
            except OSError:
                pass
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.reader.join(5)  # to the end of the guest's pipe
            if not self.reader.is_alive():  # to close a pipe that somebody reads would wait for that
                self.process.stdout.close()
            self.process = None

    def last_words(self):
        """What the guest said last on its standard error, in brackets; "" if that is nothing."""
        told = printable((self.room.folder / "log").read_text(errors="replace").strip().rpartition("\n")[2])
        return told and f" ({told})"

    def observe(self, source, probe, inputs, timeout=10.0):
        """Load the student's source in a process of its own, run one probe of it, and return what it saw: a tree
        of plain data and tensors (guest.wire).

        Args:
            source: text of the student's file.
            probe: name of a function in the module's probe file, or None to only load the source.
            inputs: keyword arguments of the probe, after the module: a dict of trees.
        Raises:
            Unanswered: the code raised, took too long, ended its process, or is not there.
            SandboxError: the guest does not start. MachineFault: it, or its answer, was lost to the machine.
        """
        return told(*self._exchange(source, self.packed(probe, inputs, source), timeout))

    def session(self, source, timeout):
        """Load the student's source in a process that goes on: a Session. Raises as `observe` does."""
        return Session(self, source, timeout)

    def packed(self, probe, inputs, source=None):
        """A request as it goes to the guest. What cannot be packed is a mistake in a check, and must not leave half a
        message behind."""
        return pack({"module": self.module, "source": source, "probe": probe, "inputs": inputs})

    def _exchange(self, source, request, timeout, child="new", keep=False):
        """Send a packed request. child, keep: see Guest.answer. Returns the packed answer, for `told`, and True if the
        child has ended.

        The exceptions are those of `observe`; Unanswered.over says whether the child has ended.
        """
        if self.process is None:
            self.start()
        if not self.ready:
            try:
                started = self.replies.get(timeout=START_TIMEOUT)
            except queue.Empty:
                started = None
            if started is None:
                self.stop()
                raise SandboxError(f"the sandbox ({self.wall.name}) did not start{self.last_words()}: run ./course "
                                   "doctor")
            self.ready = True
        imports = re.findall(r"^[ \t]*(?:import|from)[ \t]+(\w+)", source or "", re.MULTILINE)
        plan = {"child": child, "keep": keep, "timeout": timeout,
                "preload": [self.preloaded[name] for name in self.preloaded if name in imports]}
        forks = hasattr(os, "fork")  # the guest keeps the time itself, unless it cannot fork
        if source is not None and source != self.source:  # for what looks for its own file
            self.file.write_bytes(as_file(source))
            self.room.give(self.file)
            self.source = source
        try:
            write_frame(self.process.stdin, json.dumps(plan).encode())
            if request:
                write_frame(self.process.stdin, request)
            answer = self._answer(timeout * PATIENCE + 60 if forks else timeout)
        except queue.Empty:
            self.stop()  # the next request starts another
            if forks:
                raise MachineFault("the sandbox gave no answer in time") from None
            raise Unanswered("timeout", f"no answer within {timeout:g} seconds") from None
        except OSError:
            answer = None
        if answer is None:
            self.stop()
            if self.wall.isolates:  # nothing that student code can do ends the guest
                raise MachineFault(f"the sandbox was ended by something else on this machine{self.last_words()}")
            raise Unanswered("error", "the process was ended before it answered")
        reply, verdict = answer
        self.had += verdict.get("seconds", 0.0)
        if verdict["spent"]:
            self.stop()
        over = verdict["spent"] or verdict["over"]
        if verdict.get("kind") == "machine":
            raise MachineFault(verdict["message"])
        if "kind" in verdict:
            raise Unanswered(verdict["kind"], verdict["message"], over)
        return reply, over

    def _answer(self, timeout):
        """Return the child's reply and the guest's verdict, or None if the guest has ended.

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

    absent: what the file imports and is not here (guest.load), as the process says.
    """

    def __init__(self, sandbox, source, timeout):
        self.sandbox, self.alive = sandbox, False
        if not hasattr(os, "fork") and sandbox.process is not None and sandbox.ready:
            sandbox.stop()  # one process answers everything there, and has the last submission in it
        try:
            absent = self._told(self._exchange(source, sandbox.packed(None, {}, source), timeout, "new"))
        except Unanswered:
            self.end()
            raise
        absent = absent if isinstance(absent, list) else ()
        self.absent = [printable(str(name))[:MESSAGE_LIMIT // 4] for name in absent[:MOST_ABSENT]]

    def _exchange(self, source, request, timeout, child):
        forks = hasattr(os, "fork")
        try:
            reply, over = self.sandbox._exchange(source, request, timeout, child, keep=forks)
        except Unanswered as error:
            self.alive = forks and not error.over
            raise
        except SandboxError:
            self.alive = False
            raise
        self.alive = forks and not over
        return reply

    def _told(self, reply):
        return told(reply, not self.alive)

    def exchange(self, request, timeout):
        """As `observe`, with packed request and answer: see Sandbox.packed and `told`."""
        return self._exchange(None, request, timeout, "same")

    def observe(self, probe, inputs, timeout):
        """As Sandbox.observe, while `alive`."""
        return self._told(self.exchange(self.sandbox.packed(probe, inputs), timeout))

    def look(self):
        """Raise as `observe` does if the process has ended, or had to be, although nobody has asked it anything."""
        if self.alive:
            self._exchange(None, b"", 10.0, "look")

    def end(self):
        if self.alive:
            try:
                self._exchange(None, b"", 10.0, "none")
            except Unanswered:
                pass  # the guest itself has gone, and its processes with it

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
