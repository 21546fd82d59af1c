"""Grading on a little machine: `bench/little_machine.py [COURSE ...]`, as root, with Python 3.11 and cgroups of Linux.

For each COURSE (a checkout with its .venv; default: this one) and each machine below, grades the solution of
helpers/vae.py with `course grade --no-notebook`, cold (the page cache is dropped), behind each wall. Prints time,
points, and the most anonymous memory that all its processes held together, looked at 50 times a second.
"""
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MACHINES = {"768 MB, 2 processors": (768, 2.0), "1 GB, half a processor": (1024, 0.5), "all of it": (None, None)}
GROUPS = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def group(megabytes, processors):
    """A group of processes with limits. Yields (files to write a process's number to, how to read anonymous memory)."""
    one = (GROUPS / "cgroup.controllers").exists()
    folders = [GROUPS / "course"] if one else [GROUPS / name / "course" for name in ("memory", "cpu")]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    memory, cpu = folders[0], folders[-1]
    try:
        if megabytes:
            (memory / ("memory.max" if one else "memory.limit_in_bytes")).write_text(str(megabytes << 20))
        if processors and one:
            (cpu / "cpu.max").write_text(f"{int(100_000 * processors)} 100000")
        elif processors:
            (cpu / "cpu.cfs_quota_us").write_text(str(int(100_000 * processors)))
        anonymous = re.compile(r"^anon (\d+)" if one else r"^total_rss (\d+)", re.MULTILINE)
        yield ([folder / "cgroup.procs" for folder in folders],
               lambda: int(anonymous.search((memory / "memory.stat").read_text())[1]) >> 20)
    finally:
        for folder in folders:
            for _ in range(50):
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.2)


def grade(course, megabytes, processors, landlock):
    with tempfile.TemporaryDirectory() as temporary, group(megabytes, processors) as (places, anonymous):
        os.chmod(temporary, 0o755)
        handed_in, bin = Path(temporary, "in"), Path(temporary, "bin")
        handed_in.mkdir()
        bin.mkdir()
        shutil.copy(course / "helpers" / "vae.py", handed_in)
        environment = {**os.environ, "PYTHONPATH": str(course)}
        if landlock:
            (bin / "bwrap").write_text("#!/bin/sh\nexit 1\n")
            (bin / "bwrap").chmod(0o755)
            environment["PATH"] = f"{bin}:{environment['PATH']}"
        subprocess.run(["sync"])
        Path("/proc/sys/vm/drop_caches").write_text("3")

        def enter():
            for place in places:
                place.write_text(str(os.getpid()))

        started, most = time.monotonic(), 0
        python = (course / ".venv").resolve() / "bin" / "python"
        command = [python, "-P", "-m", "coursekit", "grade", handed_in, "--assignment", "vae", "--no-notebook", "--out",
                   Path(temporary, "out")]
        process = subprocess.Popen(command, cwd=temporary, env=environment, preexec_fn=enter, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        while process.poll() is None:
            most = max(most, anonymous())
            time.sleep(0.02)
        told = process.stdout.read().strip().splitlines() or ["nothing"]
        seconds = time.monotonic() - started
    points = re.search(r"(\d+ of \d+) points", told[0])
    wall = re.search(r"isolation: ([\w-]+)", told[0])
    return points[1] if points else told[-1][:90], wall[1] if wall else "", seconds, most


def main(*courses):
    print("| course | machine | wall | points | seconds | most anonymous memory, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for what, (megabytes, processors) in MACHINES.items():
        for course in map(Path, courses or [ROOT]):
            for landlock in (False, True):
                points, wall, seconds, most = grade(course.resolve(), megabytes, processors, landlock)
                print(f"| {course.name} | {what} | {wall} | {points} | {seconds:.1f} | {most} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
