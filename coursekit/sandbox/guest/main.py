"""Runs inside the sandbox, beside the student's code. Knows how to call a probe, knows no expected value.

One process imports torch once and then waits. For a submission it forks: the child loads the student's module from the
source text in its first request, runs one probe of it for each request, and sends back plain data (JSON for structure,
safetensors for arrays). A child answers one request, or as many as it lives through: the grader asks all its questions
of one child first, and those that this child did not answer well once more, each of a child of its own. So an item that
loops, exits or breaks the interpreter harms that one item and nothing else.

Many submissions follow one another in one guest, and none may touch the next. So none can reach the guest: behind
bubblewrap it is process 1, behind Landlock each child has a wall of its own inside the guest's, and where another user
is the wall, the guest stays root. It wipes the buffers that submissions and observations pass through, since the next
child inherits its memory. After each child it kills what is left and empties the folders that can be written to. And
a filter of system calls keeps away what would outlast all that: other processes' limits, shared memory, keys, name
spaces.

Started by coursekit.sandbox in a process of its own, which is behind the wall already, or forked off a process that has
imported torch (coursekit.sandbox.zygote). On stdin comes the plan of a request (JSON: what the guest must know), then
the request, which the guest passes on unread. On stdout go, for each, the child's reply in any number of frames, an
empty frame, and the guest's verdict (JSON).
"""
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import struct
import sys
import time

from . import confine, kernel, place
from .belongings import Belongings
from .machine import Watch, descendants, emptied, end_group, killed_for_memory, memory_is_scarce, memory_of, \
    taken_on_disk
from .observe import observe, serve
from .wire import read_exactly, read_frame, unpack, write_frame

PATIENCE = 6  # so many times its limit a request may take if the process has to wait for the machine


class Child:
    """A fork of the guest for one submission, and the guest's ends of three pipes: requests, replies, done.

    A byte in `done` says that a reply is complete. The student's code may write to all of them; what it writes there
    is judged like any other answer.
    """

    def __init__(self, serve, options):
        """serve: function (requests, replies, done), what the fork does; it never returns."""
        pipes = [os.pipe() for _ in range(3)]
        (requests, self.requests), (self.replies, replies), (self.done, done) = pipes
        theirs = requests, replies, done
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                os.dup2(0, 2)  # nothing: the log is the guest's
                # It must not reach the grader: it keeps its own pipes and nothing else.
                first = max(theirs) + 1
                for number, descriptor in enumerate(theirs, start=first):
                    os.dup2(descriptor, number)
                os.closerange(3, first)
                os.closerange(first + 3, 1 << 12)
                confine.go_first()
                if options["wall"]:
                    confine.confine(**options["wall"])
                place.settle(options["folder"], os.environ["TMPDIR"])
                serve(first, first + 1, first + 2)
            finally:
                os._exit(0)
        for descriptor in theirs:
            os.close(descriptor)
        for descriptor in (self.requests, self.replies, self.done):
            os.set_blocking(descriptor, False)  # it need not read what it is sent, and may read what it has written

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self, isolated, user):
        """Kill it and all that it has started. Returns its exit status."""
        for descriptor in (self.requests, self.replies, self.done):
            os.close(descriptor)
        return end_group(self.pid, isolated, user)


class Guest:
    """Takes plans and requests from the grader, and has its children answer them."""

    def __init__(self, requests, replies, options, serve, before, here=None):
        """serve: see Child. here: function (request) -> reply, where processes cannot fork."""
        self.requests, self.replies, self.serve, self.here = requests, replies, serve, here
        self.options, self.isolated, self.before = options, options["isolated"], before
        self.user = (options.get("wall") or {}).get("user")  # of the children, if it is not the guest's own
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

        child: "new" or "same"; without a request "none", if the child of the last one is only to be ended, or "look",
            if only what has become of it is wanted.
        keep: True if the child will get another request.
        Returns the verdict: "kind" and "message" if something went wrong, "seconds" that the child has had.
        """
        if not hasattr(os, "fork"):  # Windows: the grader stops this process when time is up, and starts another
            request = read_frame(self.requests, self.options["size_limit"])
            write_frame(self.replies, self.here(request))
            return {}
        if child == "look":
            if self.child and self.child.has_ended():
                self.lost = self.how_it_ended()
            return {} if self.child else self.lost
        if child != "same":
            self.end()
        if child == "none":
            return {}
        for library in preload:
            with contextlib.suppress(Exception):  # a submission that imports it will hear why it cannot be
                importlib.import_module(library)
                if library == "matplotlib.pyplot":  # a file may ask for windows, and here is no screen
                    pyplot = sys.modules[library]
                    pyplot.switch_backend("agg")
                    sys.modules["matplotlib"].use = pyplot.switch_backend = lambda *_, **__: None
        if child == "new":
            self.empty()
            self.inward[:], self.outward[:] = bytes(len(self.inward)), bytes(len(self.outward))
            self.taken, self.killed = 0, killed_for_memory()
            self.child, self.lost = Child(self.serve, self.options), {}
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
        # Without name spaces temporary files lie on a disk of the machine, and nothing else limits them.
        if self.options["wall"] and any(taken_on_disk(folder, self.options["disk"], self.user) > self.options["disk"]
                                        for folder in (*self.before, *self.options["shared"])):
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
        status = self.child.end(self.isolated, self.user)
        self.child = None
        self.empty()
        return status

    def empty(self):
        place.leave(os.environ["TMPDIR"])
        # If no cleaning helps, the grader starts another sandbox.
        theirs = {folder: set() for folder in self.options["shared"]}
        self.spent |= self.isolated and not (emptied(self.before) and emptied(theirs, self.user))


TOO_MUCH = {"kind": "error", "message": "stopped: it took too much memory"}


def nothing_compiles(torch):
    """Let code under torch.jit.script and torch.compile run as it is written. Here is no compiler; and what it made,
    probes could not look into."""
    torch.jit._state.disable()  # as PYTORCH_JIT=0 does before torch is imported
    os.environ["PYTORCH_JIT"] = "0"  # read again by what torch imports for gradients in forward mode, torch.func.jvp
    torch.compile = lambda model=None, **options: (lambda function: function) if model is None else model


def main(folder, options):
    """Be the guest, between this process's standard input and output. Never returns.

    Args:
        folder: with what student code may import: helpers, the probes. Beside them lies data.
        options: module, kernel (True for a guest whose children are kernels of notebooks; they answer no probes),
            size_limit, memory, disk (bytes), isolated, writable (folders to empty after each child),
            shared (folders from which to remove only what a child has put there), wall (what is still to be put up
            around each child: arguments of confine.confine), else None.
    """
    sys.path.insert(0, folder)
    before = {place: set(os.listdir(place)) for place in options["writable"] if os.path.isdir(place)}
    requests = os.fdopen(os.dup(0), "rb", buffering=0)  # no buffer here: the next child inherits this memory
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # with a handler of ours, a child could send it
    if options["isolated"] and sys.platform == "linux":
        confine.go_first(500)  # its children before it
        confine.prctl(confine.SET_DUMPABLE, 0)  # they are of the same user: this keeps memory and pipes from them
        confine.prctl(confine.SET_CHILD_SUBREAPER, 1)
    import torch
    torch.set_num_threads(1)  # no thread pool before the forks, and the checks are small
    import torch.distributions  # noqa: F401  (slow to import, so not in each child)
    if not hasattr(os, "fork"):
        place.settle(folder, os.environ["TMPDIR"])
    if options["kernel"]:
        kernel.prepare(folder, options["module"])
        if not hasattr(os, "fork"):
            kernel.alone(requests, replies, folder, options["size_limit"])
        children, here = functools.partial(kernel.serve, folder=folder, limit=options["size_limit"]), None
    else:
        nothing_compiles(torch)
        place.names_of_a_notebook()
        belongings = Belongings(f"autograde_tests.probes.{options['module']}")
        gc.collect()  # for kernels there is nothing to collect: kernel.prepare
        children = functools.partial(serve, belongings=belongings, limit=options["size_limit"])

        def here(request):
            return observe(unpack(request), belongings)
    gc.freeze()  # a child that looks for garbage here would make copies of what it shares
    write_frame(replies, b"ready")
    guest = Guest(requests, replies, {**options, "folder": folder}, children, before, here)
    guest.run()
    guest.end()  # a kernel would outlive it, where no wall ends all behind it
    os._exit(0)  # at once: nothing here needs tidying
