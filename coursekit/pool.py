"""Runs a function over many tasks in other processes, each task exactly once to its end, whatever dies meanwhile.

`local` keeps processes on this machine; `dask` sends the same work to a cluster. Both take (key, arguments) pairs from
an iterator as they have room, and yield (key, result, attempts) as it comes. A result is a value or a Failure.
"""
import collections
import contextlib
import math
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import uuid
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path

from helpers.given.console import UserError

DIED = "the grading process died"
WORKER = 750e6  # bytes of memory that a grading process takes, with its sandbox: docs/figures.md
WITH_NOTEBOOK = 1.7e9  # the same, with the guest of its kernels and one of them
ATTEMPTS = 3  # a task that three processes died of is given up
# What the processes keep of the environment. Student code may run in forks of them (coursekit.sandbox.zygote).
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "OMP_NUM_THREADS", "COURSE_DATA", "COURSE_PROFILE")


def room_for(each=WORKER, root="/"):
    """How many processes this machine has room for: one for each processor that this process may use, as far as there
    is memory. A container and a job of a cluster have less than their machine.

    each: bytes that one takes. root: where the system's files are (/proc, /sys).
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    memory = number_in(Path(root, "proc/meminfo"), r"MemAvailable:\s+(\d+)") * 1024
    for folder in control_groups(root):  # the files of version 2, then those of version 1
        for quota, period in (((folder / "cpu.max", r"(\d+) "), (folder / "cpu.max", r"\d+ (\d+)")),
                              ((folder / "cpu.cfs_quota_us", r"(\d+)"), (folder / "cpu.cfs_period_us", r"(\d+)"))):
            processors = min(processors, number_in(*quota) / number_in(*period, default=1))
        for name in ("memory.max", "memory.limit_in_bytes"):
            memory = min(memory, number_in(folder / name, r"(\d+)"))
    return max(1, math.floor(min(processors, memory / each)))


def control_groups(root):
    """The folders of the control groups that this process is in, and of those above: what is allowed there holds, too.
    A container may see its host's names, and its own group at the top."""
    try:
        text = Path(root, "proc/self/cgroup").read_text()
    except OSError:
        return
    for controllers, path in re.findall(r"^\d+:([^:]*):/?(.*)$", text, re.MULTILINE):
        for controller in controllers.split(","):  # "" in version 2
            top = Path(root, "sys/fs/cgroup", controller)
            yield top
            yield from (Path(top, *path.split("/")[:depth + 1]) for depth in range(path.count("/") + 1))


def number_in(path, pattern, default=math.inf):
    """The number that a file begins with, or has behind some words; the default if there is none, or no such file."""
    try:
        found = re.search(rf"^{pattern}", path.read_text(), re.MULTILINE)
    except OSError:
        return default
    return int(found[1]) if found else default


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    reason: str


class Worker:
    """A process that runs tasks one after the other."""

    def __init__(self, context, function, folder, prepare):
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, function, folder, prepare), daemon=False)
        self.process.start()
        theirs.close()
        self.task, self.end = None, math.inf

    def send(self, task, deadline):
        self.task, self.end = task, time.monotonic() + deadline
        try:
            self.connection.send(task[1])
        except OSError:
            pass  # it has died; whoever waits for it will see

    def receive(self):
        """Its result, or None if it died."""
        try:
            return self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            return None

    def stop(self):
        self.connection.close()
        self.process.join(5 if self.task is None else 0)
        self.process.kill()
        self.process.join()


def serve(connection, function, folder, prepare):
    """What a worker does. folder: for its temporary files, which whoever started it removes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out the work
    tempfile.tempdir = folder
    if prepare:
        prepare()
    while True:
        try:
            arguments = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = function(*arguments)
        except Exception as error:
            if not isinstance(error, UserError):  # those say all in one line
                traceback.print_exc()
            result = Failure(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
        try:
            connection.send(result)
        except OSError:
            return


@contextlib.contextmanager
def clean_environment():
    """Keep secrets of the environment from the processes that are started meanwhile."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update({name: before[name] for name in KEPT if name in before})
    try:
        yield
    finally:
        os.environ.update(before)


def short(folder):
    """A folder for temporary files with room for the names of multiprocessing's sockets, of which the system takes 107
    letters: this one, else /tmp."""
    room = len(os.fsencode(folder)) + len("/pymp-12345678/listener-12345678") <= 107
    return folder if room or not os.access("/tmp", os.W_OK | os.X_OK) else "/tmp"


@contextlib.contextmanager
def short_temporary_folder():
    before, tempfile.tempdir = tempfile.tempdir, short(tempfile.gettempdir())
    try:
        yield
    finally:
        tempfile.tempdir = before


def local(function, tasks, count, folder, preload=(), prepare=None, deadline=math.inf, started=lambda process: None):
    """Run in `count` processes of this machine.

    Args:
        folder: for the temporary files of the processes.
        preload: modules that are imported once, before the processes are forked off.
        prepare: called in each new process, before it gets to see any task.
        deadline: seconds for one task. A process that takes longer is killed, and the task has failed.
        started: called with each new process.
    """
    forks = sys.platform != "win32"
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        context.set_forkserver_preload(list(preload))
        with clean_environment(), short_temporary_folder():
            forkserver.ensure_running()
    tasks, again = iter(tasks), collections.deque()
    workers = []

    def next_task():
        if again:
            return again.popleft()
        for key, arguments in tasks:
            return [key, arguments, 0]

    def new_worker():
        worker = Worker(context, function, folder, prepare)
        started(worker.process)
        return worker

    try:
        while True:
            for worker in workers:
                if worker.task is None and (task := next_task()):
                    worker.send(task, deadline)
            while len(workers) < count and (task := next_task()):
                workers.append(new_worker())
                workers[-1].send(task, deadline)
            busy = [worker for worker in workers if worker.task is not None]
            if not busy:
                return
            left = min(worker.end for worker in busy) - time.monotonic()
            ready = set(wait([end for worker in busy for end in (worker.connection, worker.process.sentinel)],
                             None if left == math.inf else max(0, left)))
            for worker in busy:
                late = time.monotonic() > worker.end
                if not late and not ready & {worker.connection, worker.process.sentinel}:
                    continue
                key, _, attempts = task = worker.task
                task[2] = attempts = attempts + 1
                result = worker.receive()
                if result is None:  # it died, or is late; a result that was sent before is whole or not there
                    worker.stop()
                    workers[workers.index(worker)] = new_worker()
                    result = Failure(f"not finished within {deadline:g} seconds" if late else DIED)
                worker.task = None
                if isinstance(result, Failure) and attempts < ATTEMPTS and not late:
                    again.append(task)
                else:
                    yield key, result, attempts
    finally:
        for worker in workers:
            worker.connection.close()  # those that wait for a task end by themselves, all at the same time
        for worker in workers:
            worker.stop()


def ask_cluster(function, address):
    """The result of a function, called once by some worker of a Dask cluster."""
    from distributed import Client

    with Client(address, timeout=30) as client:
        client.wait_for_workers(1, timeout=60)
        return client.submit(function, pure=False).result()


def dask(function, tasks, address):
    """Run on a Dask cluster. Its workers need this course in the same place, and the same wall."""
    from distributed import Client, as_completed

    tasks, running = iter(tasks), {}
    run = uuid.uuid4().hex  # a scheduler answers from memory for a key that it knows
    with Client(address, timeout=30) as client:
        client.wait_for_workers(1, timeout=60)
        room = 2 * max(1, sum(client.nthreads().values()))  # one in work and one waiting for each thread
        finished = as_completed()

        def submit(key, arguments, attempts):
            future = client.submit(function, *arguments, pure=False, key=f"{key}-{run}-{attempts}")
            running[future] = key, arguments, attempts + 1
            finished.add(future)

        def submit_next():
            for key, arguments in tasks:
                submit(key, arguments, 0)
                return True

        while len(running) < room and submit_next():
            pass
        for future in finished:
            key, arguments, attempts = running.pop(future)
            try:
                result = future.result()
            except Exception as error:
                # Dask blames every task that a dying worker held, and gives a task up after three deaths
                # (distributed.scheduler.allowed-failures). So it is asked again, as is a task that raised.
                result = Failure(str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
            if isinstance(result, Failure) and attempts < ATTEMPTS:
                submit(key, arguments, attempts)
                continue
            yield key, result, attempts
            submit_next()
