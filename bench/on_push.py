"""What a push costs on a runner: `.venv/bin/python bench/on_push.py [--install]`. Needs a quiet machine.

Releases the course and fills all gaps. Times the step of the released workflow (`python -m helpers.given points`)
against one process for each check, as GitHub Classroom did it: once, since that takes minutes. --install: times the
installation, too, into a new environment, with the build of PyTorch that the package index of this machine has.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]
from coursekit import release  # noqa: E402
from helpers.given.course import assignments  # noqa: E402
from helpers.given.launcher import OLDEST  # noqa: E402


def timed(*commands, cwd):
    started = time.perf_counter()
    for command in commands:
        subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main(install=False):
    with tempfile.TemporaryDirectory() as temporary:
        course = Path(temporary, "course")
        release.release(ROOT, course)
        for assignment in assignments().values():
            shutil.copy(ROOT / assignment.helper, course / assignment.helper)
        given = [sys.executable, "-m", "helpers.given"]
        listed = subprocess.run([*given, "check"], cwd=course, check=True, capture_output=True, text=True).stdout
        names = re.findall(r"^passed +(\S+)", listed, re.MULTILINE)
        one = timed([*given, "points"], cwd=course)
        each = timed(*([*given, "check", name] for name in names), [*given, "test", "style"], cwd=course)
        print(f"load {os.getloadavg()[0]:.1f}; {len(names)} public checks and the style")
        print(f"one step: {one:.1f} s; a process for each: {each:.1f} s; ratio {each / one:.1f}")
        if install:
            environment = Path(temporary, "environment")
            python = environment / "bin" / "python"
            took = timed([sys.executable, "-m", "venv", str(environment)],
                         [str(python), "-m", "pip", "install", "--quiet", "-r", "requirements.txt", "-c",
                          "constraints.txt"], cwd=course)
            print(f"installation: {took:.0f} s (Python {sys.version.split()[0]}, the workflow's is "
                  f"{'.'.join(map(str, OLDEST))})")


if __name__ == "__main__":
    main(*(argument == "--install" for argument in sys.argv[1:]))
