"""Runs inside the sandbox, beside the student's code. Knows how to call a probe, knows no expected value.

One process imports torch once and then waits. For a submission it forks: the child loads the student's module from the
source text in its first request, runs one probe of it for each request, and sends back plain data (JSON for structure,
safetensors for arrays). A child answers one request, or as many as it lives through: the grader asks all its questions
of one child first, and those that this child did not answer well once more, each of a child of its own. So an item that
loops, exits or breaks the interpreter harms that one item and nothing else.

Many submissions follow one another in one worker, and none may touch the next. So the worker is process 1 of the
sandbox, which the others cannot kill. It wipes the buffers that submissions and observations pass through, since the
next child inherits its memory. After each child it kills what is left and empties /tmp. And a filter of system calls
keeps away what would outlast all that: other processes' limits, shared memory, keys, name spaces.

Started by coursekit.sandbox as `python -I worker.py COURSE_FOLDER OPTIONS`. On stdin comes the plan of a request (JSON:
what the worker must know), then the request, which the worker passes on unread. On stdout go, for each, the child's
reply in any number of frames, an empty frame, and the worker's verdict (JSON).
"""
import builtins
import ctypes
import errno
import importlib
import inspect
import json
import os
import platform
import re
import select
import signal
import struct
import subprocess
import sys
import time
import types

try:
    import resource
except ImportError:  # Windows
    resource = None

SCRATCH = ("/tmp", "/dev/shm")  # what can be written to in the sandbox
SCARCE = 0.04  # of the machine's memory: a submission is stopped before less than that is available


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
# Walls
# ---------------------------------------------------------------------------------------------------------------

def set_limits(limits):
    """Lower this process's limits for good. Names as in the resource module, without RLIMIT_."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)  # None on Windows, too
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            pass  # macOS refuses some of them; the time limit still holds


def first_to_go():
    """If the machine runs out of memory, the kernel shall end this process and what it starts, and nothing else."""
    try:
        with open("/proc/self/oom_score_adj", "w") as stream:
            stream.write("1000")
    except OSError:
        pass


def confine():
    """Keep this process and all that it starts from what killing and emptying do not undo. For Linux only."""
    if sys.platform != "linux":
        return
    first_to_go()
    prctl = ctypes.CDLL(None).prctl
    prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: the children are of the same user; this keeps memory and pipes from them
    program = system_call_filter(platform.machine())
    if program:
        buffer = ctypes.create_string_buffer(program, len(program))
        pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))  # struct sock_fprog
        prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which a filter is refused
        prctl(22, 2, ctypes.create_string_buffer(pointer, len(pointer)))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


# System calls and their numbers on (x86_64, aarch64). They act on other processes, or leave something behind that no
# kill removes, or open parts of the kernel that no exercise needs.
FORBIDDEN = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122),
    "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180), "memfd_create": (319, 279),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "open_by_handle_at": (304, 265),
}
MACHINES = {"x86_64": (0, 0xC000003E, 56, 302), "aarch64": (1, 0xC00000B7, 220, 261)}  # column, arch, clone, prlimit64


def system_call_filter(machine):
    """Return the seccomp program (classic BPF) that answers EPERM to FORBIDDEN; None for a machine not listed."""
    if machine not in MACHINES:
        return None
    column, arch, clone, prlimit = MACHINES[machine]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse, unknown = 0x7FFF0000, 0x50000 + errno.EPERM, 0x50000 + errno.ENOSYS
    number, architecture, first_argument = 0, 4, 16  # offsets in struct seccomp_data
    # A step is (what, steps to skip if true, if false, operand).
    program = [(load, 0, 0, architecture), (equal, 1, 0, arch), (answer, 0, 0, refuse),  # 32-bit numbering
               (load, 0, 0, number), (at_least, 0, 1, 0x40000000), (answer, 0, 0, unknown)]  # x32 numbering
    for numbers in FORBIDDEN.values():
        program += [(equal, 0, 1, numbers[column]), (answer, 0, 0, refuse)]
    program += [(equal, 0, 1, 435), (answer, 0, 0, unknown),  # clone3 hides its flags; the C library takes clone then
                (equal, 0, 4, clone), (load, 0, 0, first_argument),
                (any_bit, 0, 1, 0x7E020000), (answer, 0, 0, refuse), (answer, 0, 0, allow),  # CLONE_NEW...: name spaces
                (equal, 0, 4, prlimit), (load, 0, 0, first_argument),
                (equal, 1, 0, 0), (answer, 0, 0, refuse), (answer, 0, 0, allow),  # only the caller's own limits
                (answer, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *step) for step in program)


def memory_of_others():
    """Bytes of memory that the other processes of the sandbox hold."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/status", "rb") as stream:
                    total += sum(int(kilobytes) for kilobytes in re.findall(rb"Rss(?:Anon|Shmem):\s*(\d+)",
                                                                            stream.read()))
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


def end_all(child, isolated):
    """Kill all that a request has started. Returns the child's exit status."""
    try:
        os.kill(-1, signal.SIGKILL) if isolated else os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    if not isolated:
        return os.waitpid(child, 0)[1]
    status = 0
    while True:  # as process 1 we inherit every orphan: when none is left, the sandbox is empty
        try:
            ended, its_status = os.waitpid(-1, 0)
        except ChildProcessError:
            return status
        status = its_status if ended == child else status


def emptied(before):
    """Remove what is new in SCRATCH. False if it is too much."""
    for folder in SCRATCH:
        new = set(os.listdir(folder)) - before
        if new:
            if len(new) > 1000:
                return False
            try:
                subprocess.run(["/usr/bin/rm", "-rf", "--", *new], cwd=folder, timeout=2, stderr=subprocess.DEVNULL)
            except subprocess.TimeoutExpired:
                return False
            if set(os.listdir(folder)) - before:
                return False
    return True


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
              "torch.autograd", "torch.random", "torch.overrides", "safetensors.torch", "__main__",
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

    def __init__(self, belongings, limit):
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
        return end_all(self.pid, isolated)


class Worker:
    """Takes plans and requests from the grader, and has its children answer them."""

    def __init__(self, requests, replies, options, belongings, before):
        self.requests, self.replies = requests, replies
        self.options, self.isolated, self.belongings, self.before = options, options["isolated"], belongings, before
        self.child, self.spent = None, False
        self.lost = {}  # why there is no child any more, if it ended between two requests
        self.look = 0.0  # when to look at the memory again
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
            if self.too_much():
                self.end()
                self.lost = TOO_MUCH
        return read_frame(self.requests, 1 << 16)

    def answer(self, child, keep, timeout, preload):
        """Have one request answered.

        child: "new", "same", or "none" if there is no request and the child of the last one is only to be ended.
        keep: True if the child will get another request.
        Returns what went wrong, as {"kind", "message"}, or {}.
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
            self.child, self.lost = Child(self.belongings, self.options["size_limit"]), {}
        header = read_exactly(self.requests, 8)
        problem = self.lost or {"kind": "error", "message": "the process ended before it was asked"}
        left, = struct.unpack("<Q", header)
        if self.child:
            left, problem = self.exchange(header, left, timeout)
        while left:  # nobody wants the rest of the request
            left -= os.readv(self.requests.fileno(), [memoryview(self.inward)[:left]]) or os._exit(1)
        if problem or not keep:
            self.end()
        return problem

    def exchange(self, header, left, timeout):
        """Pass a request on to the child, and what it answers on to the grader.

        header: of the request's frame; left: bytes of it that the grader has still to send.
        Returns the bytes that are still left, and what went wrong.
        """
        child, limit = self.child, self.options["size_limit"]
        self.inward[:8] = header
        waiting, filled, size, complete = memoryview(self.inward)[:8], 0, 0, False
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(child.replies, select.POLLIN)
        poll.register(child.done, select.POLLIN)
        poll.register(self.requests, 0)
        poll.register(child.requests, select.POLLOUT)
        while True:
            now = time.monotonic()
            until = min(deadline, max(self.look, now + 0.01)) if self.isolated else deadline
            ready = dict(poll.poll(0 if complete else 1000 * max(0, until - now)))
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
            if count == 0:
                return left, self.how_it_ended() if not size else {}
            if over:
                return left, {}
            if size > limit:
                return left, {"kind": "error", "message": f"the answer is larger than {limit >> 20} MB"}
            if self.too_much():
                return left, TOO_MUCH
            if time.monotonic() > deadline:
                return left, {"kind": "timeout", "message": f"no answer within {timeout:g} seconds"}

    def too_much(self):
        """True if the submission takes too much memory. Looks ten times a second."""
        if not self.isolated or time.monotonic() < self.look:
            return False
        self.look = time.monotonic() + 0.1
        taken, limit = memory_of_others(), self.options["memory"]
        return taken > limit or taken > limit / 4 and memory_is_scarce()  # else it is somebody else's doing

    def how_it_ended(self):
        status = self.end()
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


def main():
    folder, options = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, folder)
    before = {name for place in SCRATCH if os.path.isdir(place) for name in os.listdir(place)}
    requests = os.fdopen(os.dup(0), "rb", buffering=0)  # no buffer here: the next child inherits this memory
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # with a handler of ours, a child could send it
    set_limits(options["limits"])
    if options["isolated"]:
        confine()
    import torch
    torch.set_num_threads(1)  # no thread pool before the forks, and the checks are small
    import torch.distributions  # noqa: F401  (slow to import, so not in each child)
    belongings = Belongings(f"autograde_tests.probes.{options['module']}")
    write_frame(replies, b"ready")
    Worker(requests, replies, options, belongings, before).run()


if __name__ == "__main__":
    main()
    os._exit(0)  # at once: nothing here needs tidying
