"""Runs inside the sandbox, beside the student's code. Knows how to call a probe, knows no expected value.

One process imports torch once and then waits. For a submission it forks: the child loads the student's module from the
source text in its first request, runs one probe of it for each request, and sends back plain data (JSON for structure,
safetensors for arrays). A child answers one request, or as many as it lives through: the grader asks all its questions
of one child first, and those that this child did not answer well once more, each of a child of its own. So an item that
loops, exits or breaks the interpreter harms that one item and nothing else.

Many submissions follow one another in one worker, and none may touch the next. So none can reach the worker: behind
bubblewrap it is process 1, behind Landlock each child has a wall of its own inside the worker's. It wipes the buffers
that submissions and observations pass through, since the next child inherits its memory. After each child it kills what
is left and empties the folders that can be written to. And a filter of system calls keeps away what would outlast all
that: other processes' limits, shared memory, keys, name spaces.

Started by coursekit.sandbox in a process of its own, which is behind the wall already, or forked off a process that has
imported torch (coursekit.zygote). On stdin comes the plan of a request (JSON: what the worker must know), then the
request, which the worker passes on unread. On stdout go, for each, the child's reply in any number of frames, an empty
frame, and the worker's verdict (JSON).
"""
import builtins
import gc
import importlib
import inspect
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import time
import types

from coursekit import confine

SCARCE = 0.04  # of the machine's memory: a submission is stopped before less than that is available
PATIENCE = 6  # so many times its limit a request may take if the process has to wait for the machine


# ---------------------------------------------------------------------------------------------------------------
# Messages
# ---------------------------------------------------------------------------------------------------------------

def pack(values, tensors):
    """Join a JSON value and named tensors into bytes: length of the JSON, the JSON, the safetensors file."""
    from safetensors.torch import save
    text = json.dumps(values).encode()
    return struct.pack("<Q", len(text)) + text + save(tensors)


def unpack(payload, limit=None):
    """The opposite of `pack`: (values, tensors). limit: of the JSON's length.

    Raises ValueError and safetensors errors on garbage.
    """
    from safetensors.torch import load
    if len(payload) < 8:
        raise ValueError("too short")
    length, = struct.unpack("<Q", payload[:8])
    if length > len(payload) - 8 or limit is not None and length > limit:
        raise ValueError("cut off, or too long")
    return json.loads(payload[8:8 + length]), load(payload[8 + length:])


def read_exactly(stream, count):
    """Read count bytes, or return None at the end of the stream."""
    chunks = []
    while count:
        chunk = stream.read(min(count, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


def read_frame(stream, limit):
    """Read one frame (length, bytes). None at the end of the stream; ValueError if it is longer than the limit."""
    header = read_exactly(stream, 8)
    if header is None:
        return None
    length, = struct.unpack("<Q", header)
    if length > limit:
        raise ValueError(f"a message of {length} bytes, the limit is {limit}")
    return read_exactly(stream, length)


def write_frame(stream, payload):
    stream.write(struct.pack("<Q", len(payload)))
    rest = memoryview(payload)
    while rest:  # an unbuffered stream may take a part only
        rest = rest[stream.write(rest):]
    stream.flush()


# ---------------------------------------------------------------------------------------------------------------
# The machine
# ---------------------------------------------------------------------------------------------------------------

def descendants(process):
    """Process ids of all that a process has started, directly or not. (Linux)"""
    found, waiting = [], [process]
    while waiting:
        above = waiting.pop()
        try:
            for thread in os.listdir(f"/proc/{above}/task"):
                with open(f"/proc/{above}/task/{thread}/children") as stream:
                    waiting += map(int, stream.read().split())
        except OSError:
            continue  # it has ended
        found.append(above)
    return found[1:]


def memory_of(processes):
    """Bytes of memory that processes hold together."""
    total = 0
    for process in processes:
        try:
            with open(f"/proc/{process}/status", "rb") as stream:
                total += sum(int(kilobytes) for kilobytes in re.findall(rb"Rss(?:Anon|Shmem):\s*(\d+)", stream.read()))
        except OSError:
            pass  # it has ended
    return total << 10


def memory_is_scarce():
    """True if the machine, not only the sandbox, is about to run out of memory. Who takes much is to go then."""
    try:
        with open("/proc/meminfo") as stream:
            lines = dict(line.split(":") for line in stream)
        total, available = (int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return False
    return available < SCARCE * total


def killed_for_memory():
    """How many processes the kernel has killed because the machine, or a group of processes, had no memory left."""
    try:
        with open("/proc/vmstat") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith("oom_kill "))
    except (OSError, StopIteration, ValueError):
        return 0


def processor_time(process):
    """State of a process (R: it runs or would like to, D: it waits for a disk, S: it sleeps), and the seconds that it
    has run. None where the system does not tell."""
    try:
        with open(f"/proc/{process}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
        return fields[0], (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


class Watch:
    """Tells how long a process has had: the time since now, without that in which it waited for the machine.

    On a busy machine, or one that reads its memory back from a disk, a right answer takes longer. That is not the
    student's doing, and must not cost points.
    """

    def __init__(self, process):
        self.process, self.lost = process, 0.0
        self.started = self.last = time.monotonic()
        self.told = processor_time(process)

    def look(self):
        now, told = time.monotonic(), processor_time(self.process)
        if told and self.told and told[0] in "RD":
            self.lost += max(0.0, now - self.last - (told[1] - self.told[1]))
        self.last, self.told = now, told

    @property
    def had(self):
        return time.monotonic() - self.started - self.lost


def end_group(child, isolated):
    """Kill all that a request has started. Returns the child's exit status."""
    if isolated:
        return confine.end_all().get(child, 0)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return os.waitpid(child, 0)[1]


def emptied(before):
    """Remove what is new in the folders that can be written to. before: {folder: names}. False if it is too much."""
    for folder, names in before.items():
        new = set(os.listdir(folder)) - names
        if new:
            if len(new) > 1000:
                return False
            try:
                subprocess.run(["/usr/bin/rm", "-rf", "--", *new], cwd=folder, timeout=2, stderr=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                return False
            if set(os.listdir(folder)) - names:
                return False
    return True


def taken_on_disk(folder, most):
    """Bytes that a folder with all in it takes; more than `most` if it is too much to count."""
    total, waiting, count = 0, [folder], 0
    while waiting and total <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if count > 20_000:
                        return most + 1
        except FileNotFoundError:
            pass  # it has gone since
        except OSError:  # deeper than a path can say, or closed
            return most + 1
    return total


# ---------------------------------------------------------------------------------------------------------------
# The student's code
# ---------------------------------------------------------------------------------------------------------------

class Belongings:
    """What a student's file finds and might replace: the names in the modules and classes that probes work with.

    Student code and probe share an interpreter. This undoes what a file replaced while it was imported, and notices
    what it replaced while it was called. It does not stop code that takes the interpreter apart, see README.
    """

    WHOLE = "builtins", "torch.nn.functional", "torch.nn.modules.module"  # of the others, the names that probes mention
    OTHERS = ("json", "math", "random", "struct", "inspect", "numpy", "numpy.random", "torch", "torch.nn",
              "torch.autograd", "torch.random", "torch.overrides", "safetensors.torch", "coursekit.worker",
              "autograde_tests.probes", "helpers.given.checks")

    def __init__(self, probes):
        # Looking at an object costs a child a copy of its page, so we look at no more than is needed.
        names = *self.WHOLE, *self.OTHERS, probes
        self.modules = {name: importlib.import_module(name) for name in names}
        text = "".join(inspect.getsource(self.modules[name]) for name in (*self.OTHERS[-3:], probes))
        words = set(re.findall(r"\w+", text))
        self.kept, classes = [], {}
        for name, module in self.modules.items():
            mentioned = {key: value for key, value in module.__dict__.items() if name in self.WHOLE or key in words}
            self.kept.append((module, mentioned, set(module.__dict__)))
            if name != "builtins":
                classes.update((id(value), value) for value in mentioned.values() if isinstance(value, type))
        for owner in classes.values():
            mentioned = {key: value for key, value in owner.__dict__.items() if key in words or key.startswith("__")}
            self.kept.append((owner, mentioned, set(owner.__dict__)))
        self.code = [(value, value.__code__, value.__defaults__) for _, mentioned, _ in self.kept
                     for value in mentioned.values() if type(value) is types.FunctionType]
        core = self.modules["torch"]._C  # modes see every call of torch, and can answer it
        self.modes = ((core._len_torch_function_stack, core._pop_torch_function_stack),
                      (core._len_torch_dispatch_stack, core._pop_torch_dispatch_stack))
        self.finders, self.path = list(sys.meta_path), list(sys.path)
        self.tracers = sys.settrace, sys.setprofile

    def changed(self):
        """Return (owner, name, the owner's names as they were) for all that is not as it was, or hides what was."""
        found = [(function, "__code__", {}) for function, code, _ in self.code if function.__code__ is not code]
        found += [(self.modules["torch"], "overrides", {}) for count, _ in self.modes if count()]
        for owner, mentioned, known in self.kept:
            now = owner.__dict__
            # torch itself replaces manual_seed when something first needs torch._dynamo, such as torch.optim.
            found += [(owner, name, mentioned) for name, value in mentioned.items() if now.get(name) is not value
                      and not (name == "manual_seed" and "torch._dynamo" in sys.modules)]
            if len(now) > len(known):
                hidden = owner.__mro__[1:] if isinstance(owner, type) else (builtins,)
                found += [(owner, name, mentioned) for name in now.keys() - known
                          if any(name in above.__dict__ for above in hidden)]
        return found

    def restore(self):
        """Put back what was replaced, as far as Python allows."""
        (module, names, _), *_ = self.kept
        module.__dict__.update(names)  # builtins first: what follows here uses them
        for tracer in self.tracers:
            tracer(None)
        for count, leave in self.modes:
            while count():
                leave()
        sys.modules.update(self.modules)
        sys.meta_path[:], sys.path[:] = self.finders, self.path
        for function, code, defaults in self.code:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                function.__code__, function.__defaults__ = code, defaults
        for owner, name, names in self.changed():
            try:
                setattr(owner, name, names[name]) if name in names else delattr(owner, name)
            except (AttributeError, TypeError):
                pass


def load_module(name, source):
    """Make helpers.<name> from the student's source text."""
    module = types.ModuleType(f"helpers.{name}")
    module.__file__ = f"helpers/{name}.py"
    module.__package__ = "helpers"
    sys.modules[module.__name__] = module
    setattr(importlib.import_module("helpers"), name, module)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module


def describe(error, name):
    """Say in one line what the student's code raised, and on which of its lines."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == f"helpers/{name}.py":
            line = step.tb_lineno
        step = step.tb_next
    text = str(getattr(error, "msg", None) or error)[:1000]
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if line is None else f"{text} ({name}.py, line {line})"


def observe(request, tensors, belongings):
    """Run one probe in this process and return the packed observation.

    request["source"] is the student's file, or None if this process has loaded it already.
    """
    import torch
    name = request["module"]
    try:
        probes = importlib.import_module(f"autograde_tests.probes.{name}")
        restore, changed = belongings.restore, belongings.changed
        module = sys.modules[f"helpers.{name}"] if request["source"] is None else load_module(name, request["source"])
        restore()
        if request["probe"] is None:
            return pack({"kind": "observed", "value": None}, {})
        observed = getattr(probes, request["probe"])(module, **request["values"], **tensors)
        arrays = {key: value.detach().cpu().contiguous().clone() for key, value in observed.items()
                  if isinstance(value, torch.Tensor)}
        reply = pack({"kind": "observed", "value": {k: v for k, v in observed.items() if k not in arrays}}, arrays)
        for owner, what, _ in changed():
            message = f"{name}.py replaces {owner.__name__}.{what}, which is not its own"
            return pack({"kind": "error", "message": message}, {})
        return reply
    except NotImplementedError as error:
        return pack({"kind": "missing", "message": str(error)[:1000] or describe(error, name)}, {})
    except AttributeError as error:
        kind, message = "error", describe(error, name)
        if error.obj is sys.modules.get(f"helpers.{name}"):
            kind, message = "missing", f"there is no {error.name} in {name}.py"
        return pack({"kind": kind, "message": message}, {})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the student's code raised them
        return pack({"kind": "error", "message": describe(error, name)}, {})


def serve(requests, replies, done, belongings, limit):
    """Answer one request after the other, in a process forked for one submission. Never returns."""
    import torch
    requests, replies = os.fdopen(requests, "rb", buffering=0), os.fdopen(replies, "wb", buffering=0)
    generator = None
    while (payload := read_frame(requests, limit)) is not None:
        if generator is not None:
            torch.set_rng_state(generator)  # every probe draws what it would draw as the first one
        reply = observe(*unpack(payload), belongings)
        if generator is None:
            generator = torch.get_rng_state()
        rest = memoryview(reply)
        while rest:
            rest = rest[replies.write(rest):]
        os.write(done, b".")
    os._exit(0)


# ---------------------------------------------------------------------------------------------------------------
# The worker
# ---------------------------------------------------------------------------------------------------------------

class Child:
    """A fork of the worker for one submission, and the worker's ends of three pipes: requests, replies, done.

    A byte in `done` says that a reply is complete. The student's code may write to all of them; what it writes there
    is judged like any other answer.
    """

    def __init__(self, belongings, limit, wall):
        pipes = [os.pipe() for _ in range(3)]
        (requests, self.requests), (self.replies, replies), (self.done, done) = pipes
        theirs = requests, replies, done
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                # It must not reach the grader: it keeps its own pipes and nothing else.
                first = max(theirs) + 1
                for number, descriptor in enumerate(theirs, start=first):
                    os.dup2(descriptor, number)
                os.closerange(3, first)
                os.closerange(first + 3, 1 << 12)
                confine.go_first()
                if wall:  # what the wall around the worker shows of all processes is not for the student's code
                    readable, writable = wall
                    confine.landlock([*readable, f"/proc/{os.getpid()}"], writable)
                serve(first, first + 1, first + 2, belongings, limit)
            finally:
                os._exit(0)
        for descriptor in theirs:
            os.close(descriptor)
        for descriptor in (self.requests, self.replies, self.done):
            os.set_blocking(descriptor, False)  # it need not read what it is sent, and may read what it has written

    def end(self, isolated):
        """Kill it and all that it has started. Returns its exit status."""
        for descriptor in (self.requests, self.replies, self.done):
            os.close(descriptor)
        return end_group(self.pid, isolated)


class Worker:
    """Takes plans and requests from the grader, and has its children answer them."""

    def __init__(self, requests, replies, options, belongings, before):
        self.requests, self.replies = requests, replies
        self.options, self.isolated, self.belongings, self.before = options, options["isolated"], belongings, before
        self.child, self.spent = None, False
        self.lost = {}  # why there is no child any more, if it ended between two requests
        self.next_look = 0.0  # when to look again at what the child takes
        self.taken = self.killed = 0  # memory that the child has had at most; see killed_for_memory
        self.inward, self.outward = bytearray(1 << 20), bytearray(1 << 20)

    def run(self):
        while not self.spent and (plan := self.next_plan()) is not None:
            verdict = self.answer(**json.loads(plan))
            write_frame(self.replies, b"")  # the end of the child's reply
            verdict = {**verdict, "spent": self.spent, "over": self.child is None}
            write_frame(self.replies, json.dumps(verdict).encode())

    def next_plan(self):
        """Wait for the grader, and keep an eye on what a child does meanwhile."""
        if self.child:
            poll = select.poll()
            poll.register(self.requests, select.POLLIN)
        while self.child and not poll.poll(100):
            if problem := self.too_much():
                self.end()
                self.lost = problem
        return read_frame(self.requests, 1 << 16)

    def answer(self, child, keep, timeout, preload):
        """Have one request answered.

        child: "new", "same", or "none" if there is no request and the child of the last one is only to be ended.
        keep: True if the child will get another request.
        Returns the verdict: "kind" and "message" if something went wrong, "seconds" that the child has had.
        """
        if not hasattr(os, "fork"):  # Windows: the grader stops this process when time is up, and starts another
            request = read_frame(self.requests, self.options["size_limit"])
            write_frame(self.replies, observe(*unpack(request), self.belongings))
            return {}
        if child != "same":
            self.end()
        if child == "none":
            return {}
        for library in preload:
            importlib.import_module(library)
        if child == "new":
            self.empty()
            self.inward[:], self.outward[:] = bytes(len(self.inward)), bytes(len(self.outward))
            self.taken, self.killed = 0, killed_for_memory()
            self.child, self.lost = Child(self.belongings, self.options["size_limit"], self.options["wall"]), {}
        header = read_exactly(self.requests, 8)
        problem = self.lost or {"kind": "error", "message": "the process ended before it was asked"}
        left, = struct.unpack("<Q", header)
        watch = Watch(self.child.pid if self.child else os.getpid())
        if self.child:
            left, problem = self.exchange(header, left, timeout, watch)
        while left:  # nobody wants the rest of the request
            left -= os.readv(self.requests.fileno(), [memoryview(self.inward)[:left]]) or os._exit(1)
        if problem or not keep:
            self.end()
        return {**problem, "seconds": watch.had}

    def exchange(self, header, left, timeout, watch):
        """Pass a request on to the child, and what it answers on to the grader.

        header: of the request's frame; left: bytes of it that the grader has still to send.
        Returns the bytes that are still left, and what went wrong.
        """
        child, limit = self.child, self.options["size_limit"]
        self.inward[:8] = header
        waiting, filled, size, complete = memoryview(self.inward)[:8], 0, 0, False
        end = time.monotonic() + PATIENCE * timeout
        poll = select.poll()
        poll.register(child.replies, select.POLLIN)
        poll.register(child.done, select.POLLIN)
        poll.register(self.requests, 0)
        poll.register(child.requests, select.POLLOUT)
        while True:
            pause = min(0.1, max(0.01, timeout - watch.had), max(0.01, self.next_look - time.monotonic()))
            ready = dict(poll.poll(0 if complete else 1000 * pause))
            if self.requests.fileno() in ready and not ready[self.requests.fileno()] & select.POLLIN:
                os._exit(1)  # hung up: the grader is gone, and nobody wants an answer
            if child.requests in ready:
                try:
                    waiting = waiting[os.write(child.requests, waiting):]
                except BlockingIOError:
                    pass
                except BrokenPipeError:  # it does not listen, but it may have answered
                    poll.unregister(child.requests)
                if not waiting and left:
                    count = os.readv(self.requests.fileno(), [memoryview(self.inward)[:left]]) or os._exit(1)
                    waiting, left = memoryview(self.inward)[:count], left - count
                elif not waiting:
                    poll.unregister(child.requests)
            if child.done in ready:
                try:
                    complete = bool(os.read(child.done, 1))  # else it has closed this pipe, or ended
                    poll.unregister(child.done)
                except BlockingIOError:
                    pass
            count = None
            if child.replies in ready:
                try:
                    count = os.readv(child.replies, [memoryview(self.outward)[filled:]])
                    size, filled = size + count, filled + count
                except BlockingIOError:
                    pass
            over = count == 0 or complete and count is None
            if filled == len(self.outward) or filled and over:
                write_frame(self.replies, memoryview(self.outward)[:filled])
                filled = 0
            if count == 0:  # what ends itself may have answered before
                problem = self.how_it_ended()
                return left, problem if not size or problem["kind"] == "machine" else {}
            if over:
                return left, {}
            if size > limit:
                return left, {"kind": "error", "message": f"the answer is larger than {limit >> 20} MB"}
            if problem := self.too_much():
                return left, problem
            if watch.had > timeout:  # what it waited for the machine is only known after a look
                watch.look()
            if watch.had > timeout:
                return left, {"kind": "timeout", "message": f"no answer within {timeout:g} seconds"}
            if time.monotonic() > end:
                return left, {"kind": "machine", "message": f"the process had the machine for {watch.had:.1f} of "
                              f"{PATIENCE * timeout:g} seconds: too much else runs here, or there is too little memory"}
            if time.monotonic() > watch.last + 0.1:
                watch.look()

    def too_much(self):
        """What the submission takes too much of, if it does: {"kind", "message"}, or {}. Looks ten times a second."""
        if not self.isolated or time.monotonic() < self.next_look:
            return {}
        self.next_look = time.monotonic() + 0.1
        taken, limit = memory_of(descendants(os.getpid())), self.options["memory"]
        self.taken = max(self.taken, taken)
        if taken > limit or taken > limit / 4 and memory_is_scarce():  # else it is somebody else's doing
            return TOO_MUCH
        # Behind Landlock temporary files lie on a disk of the machine, and nothing else limits them.
        if self.options["wall"] and any(taken_on_disk(folder, self.options["disk"]) > self.options["disk"]
                                        for folder in self.before):
            return {"kind": "error", "message": f"stopped: it wrote more than {self.options['disk'] >> 20} MB"}
        return {}

    def how_it_ended(self):
        status = self.end()
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and killed_for_memory() > self.killed \
                and self.taken < self.options["memory"] / 4:
            return {"kind": "machine", "message": "the machine ran out of memory"}
        how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "ended"
        return {"kind": "error", "message": f"the process {how} before it answered"}

    def end(self):
        """End the child and all that it has started, and remove what it wrote. Returns its exit status."""
        if self.child is None:
            return 0
        status = self.child.end(self.isolated)
        self.child = None
        self.empty()
        return status

    def empty(self):
        # If no cleaning helps, the grader starts another sandbox.
        self.spent |= self.isolated and not emptied(self.before)


TOO_MUCH = {"kind": "error", "message": "stopped: it took too much memory"}


def main(folder, options):
    """Be the worker, between this process's standard input and output. Never returns.

    Args:
        folder: with what student code may import: helpers, the probes.
        options: module, size_limit, memory, disk (bytes), isolated, writable (folders to empty after each child), wall
            (behind Landlock: readable and writable paths of each child), else None.
    """
    sys.path.insert(0, folder)
    before = {place: set(os.listdir(place)) for place in options["writable"] if os.path.isdir(place)}
    requests = os.fdopen(os.dup(0), "rb", buffering=0)  # no buffer here: the next child inherits this memory
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0), os.dup2(null, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # with a handler of ours, a child could send it
    if options["isolated"] and sys.platform == "linux":
        confine.go_first(500)  # its children before it
        confine.prctl(confine.SET_DUMPABLE, 0)  # they are of the same user: this keeps memory and pipes from them
        confine.prctl(confine.SET_CHILD_SUBREAPER, 1)
    import torch
    torch.set_num_threads(1)  # no thread pool before the forks, and the checks are small
    import torch.distributions  # noqa: F401  (slow to import, so not in each child)
    belongings = Belongings(f"autograde_tests.probes.{options['module']}")
    gc.collect()
    gc.freeze()  # a child that looks for garbage here would make copies of what it shares
    os.dup2(null, 2)  # what was wrong so far stands in the room's log
    write_frame(replies, b"ready")
    Worker(requests, replies, options, belongings, before).run()
    os._exit(0)  # at once: nothing here needs tidying
