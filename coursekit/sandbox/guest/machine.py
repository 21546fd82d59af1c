"""What student code takes of the machine: processes, memory, time, disk; how it is ended. Linux tells most of it."""
import contextlib
import os
import re
import signal
import subprocess
import time

from . import confine

SCARCE = 0.04  # of the machine's memory: a submission is stopped before less than that is available


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


def end_group(child, isolated, user=None):
    """Kill all that a request has started. user: see confine.end_all. Returns the child's exit status."""
    if isolated:
        return confine.end_all(user).get(child, 0)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return os.waitpid(child, 0)[1]


def names_in(folder, user=None):
    """Names of what is in a folder; of what a user has put there, if one is named."""
    if user is None:
        return set(os.listdir(folder))
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # others may use that folder, too
                if entry.stat(follow_symlinks=False).st_uid == user:
                    found.add(entry.name)
    return found


def emptied(before, user=None):
    """Remove what is new in the folders that can be written to. before: {folder: names}. user: see names_in. False if
    it is too much."""
    for folder, names in before.items():
        try:
            new = names_in(folder, user) - names
            if len(new) > 1000:
                return False
            if new:
                subprocess.run(["/usr/bin/rm", "-rf", "--", *new], cwd=folder, timeout=2, stderr=subprocess.DEVNULL)
                if names_in(folder, user) - names:
                    return False
        except (OSError, subprocess.TimeoutExpired):  # it may be theirs, and closed
            return False
    return True


def taken_on_disk(folder, most, user=None):
    """Bytes that a folder with all in it takes, or a user's part of it; more than `most` if it is too much to count."""
    total, waiting, count = 0, [folder], 0
    while waiting and total <= most:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    if user is not None and info.st_uid != user:
                        continue
                    count += 1
                    total += info.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if count > 20_000:
                        return most + 1
        except FileNotFoundError:
            pass  # it has gone since
        except OSError:  # deeper than a path can say, or closed
            return most + 1
    return total
