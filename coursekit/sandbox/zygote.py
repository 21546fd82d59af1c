"""A process that has imported torch, and nothing that student code must not see: guests fork off it.

torch is then once in memory, and a guest starts at once. It works only where a wall can be put up around a process
that runs already (`Wall.forks`): not for bubblewrap. Whoever makes a Zygote has read no submission and imported no
reference yet, and keeps no secrets in its environment (coursekit.pool starts such processes): what is in its memory, a
guest has, too.
"""
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from coursekit.sandbox.guest import confine

HIDDEN = ("helpers", "autograde_tests", "coursekit", "guest")  # a guest has its own


class Forked:
    """A process that a Zygote has started, in the form of a subprocess.Popen as far as Sandbox needs it."""

    def __init__(self, pid, stdin, stdout):
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        try:
            self.descriptor = os.pidfd_open(pid)
        except ProcessLookupError:  # it has ended already
            self.descriptor = os.open(os.devnull, os.O_RDONLY)

    def terminate(self, number=signal.SIGTERM):
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except OSError:
            pass  # it has ended

    def kill(self):
        self.terminate(signal.SIGKILL)

    def wait(self, timeout=None):
        if not select.select([self.descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        os.close(self.descriptor)


class Zygote:
    """Forked off the process that makes it, and ends with it."""

    def __init__(self):
        import torch
        import torch.distributions  # noqa: F401
        import safetensors.torch  # noqa: F401
        torch.set_num_threads(1)  # a fork takes no threads along
        gc.collect()
        gc.freeze()  # to look for garbage among what is shared would make copies of its pages
        self.control, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.control.close()
                self.serve(theirs)
            finally:
                os._exit(0)
        theirs.close()

    @staticmethod
    def serve(control):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
        confine.prctl(confine.SET_DUMPABLE, 0)
        while True:
            text, descriptors, _, _ = socket.recv_fds(control, 1 << 16, 3)
            if not text:
                return
            owner, child = os.getpid(), os.fork()
            if child == 0:
                try:
                    become_guest(owner, *descriptors, **json.loads(text))
                except BaseException as error:
                    os.write(2, f"{type(error).__name__}: {error}".encode())
                finally:
                    os._exit(1)
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(str(child).encode())

    def start(self, room, options, log, writable=()):
        """Start a guest in a room. options: see guest.main.main; log: descriptor; writable: see walls.Order. Returns a
        Forked."""
        (theirs_in, ours_in), (ours_out, theirs_out) = os.pipe(), os.pipe()
        settings = room.wall.settings(room.user, room.scratch, [room.folder], writable)
        order = {"folder": str(room.folder), "options": options, "settings": settings,
                 "environment": room.environment()}
        socket.send_fds(self.control, [json.dumps(order).encode()], [theirs_in, theirs_out, log])
        os.close(theirs_in)
        os.close(theirs_out)
        pid = int(self.control.recv(32))
        return Forked(pid, os.fdopen(ours_in, "wb", buffering=0), os.fdopen(ours_out, "rb", buffering=0))

    def stop(self):
        self.control.close()
        os.waitpid(self.pid, 0)


mine = None  # of this process, if it has one


def prepare(wall):
    """Make this process's own, if that is of use behind this wall. To be called before it gets to see anything."""
    global mine
    if wall.forks:
        mine = Zygote()


def become_guest(owner, requests, replies, log, folder, options, settings, environment):
    """Go behind the wall and be the guest. Never returns."""
    for number, descriptor in enumerate((requests, replies, log)):
        os.dup2(descriptor, number)
    os.closerange(3, 1 << 16)
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None  # to be found anew
    sys.argv, sys.dont_write_bytecode = [""], True
    sys.path[:] = [path for path in sys.path if Path(path).is_relative_to(sys.prefix)
                   or Path(path).is_relative_to(sys.base_prefix)]
    for name in [name for name in sys.modules if name.split(".")[0] in HIDDEN]:
        del sys.modules[name]
    confine.confine(owner=owner, **settings)
    sys.path.insert(0, folder)
    from guest.main import main
    main(folder, options)
