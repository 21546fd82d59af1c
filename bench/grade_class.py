"""A class while its processes are killed: `bench/grade_class.py [COUNT] [ASSIGNMENT] [SECONDS] [WALL]`.

COUNT submissions (300) are made from the bank, some of them broken, and graded by `./course grade-class` on two cores.
Every SECONDS (10) one of its processes is killed, drawn by chance: a sandbox, what runs in it, a worker, or the one
that hands out the work. The command is given again until it says that all is done. Prints how often, how long, and
whether each submission lost points in the items that it was made for, and in no others. WALL landlock: as if there
were no bubblewrap.
"""
import collections
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = str(ROOT), str(ROOT / "tests")
import make_class  # noqa: E402
from coursekit.classes.results import Results  # noqa: E402
from coursekit.sandbox.guest.machine import descendants  # noqa: E402


def kind(process):
    """What a process of the class is: for the count of those that were killed."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        user = os.stat(f"/proc/{process}").st_uid
    except OSError:
        return None
    if "resource_tracker" in command or "pycodestyle" in command:
        return None  # these hold no submission
    return "sandbox" if user != os.geteuid() or "bwrap" in command or "confine.py" in command else "worker"


def main(count=300, assignment="vae", every=10.0, wall="best"):
    count, every, draw = int(count), float(every), random.Random(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder, environment, killed, runs = Path(temporary), dict(os.environ), collections.Counter(), 0
        expected = make_class.make(folder / "in", assignment, count - 9, git=True)
        if wall == "landlock":
            (folder / "bin").mkdir()
            (folder / "bin" / "bwrap").write_text("#!/bin/sh\nexit 1\n")
            (folder / "bin" / "bwrap").chmod(0o755)
            environment["PATH"] = f"{folder / 'bin'}:{environment['PATH']}"
        command = [sys.executable, "-P", "-m", "coursekit", "grade-class", folder / "in", "--assignment", assignment,
                   "--out", folder / "out", "--no-notebook", "--jobs", "2"]
        started = time.perf_counter()
        ended = 1
        while ended:
            runs += 1
            process = subprocess.Popen(command, env={**environment, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            while process.poll() is None:
                time.sleep(every)
                living = {one: kind(one) for one in descendants(process.pid)}
                living = {one: what for one, what in living.items() if what}
                if draw.random() < 0.05:
                    living = {process.pid: "the one that hands out the work"}
                if living and process.poll() is None:
                    one = draw.choice(sorted(living))
                    killed[living[one]] += 1
                    try:
                        os.kill(one, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
            told, ended = process.stdout.read(), process.returncode
        seconds = time.perf_counter() - started
        results, wrong = Results.open(folder / "out"), []
        for submission in results.submissions:
            report = results.report(submission)
            lost = {name for name, item in report.items.items() if item.points < item.max}
            name, = [name for name in expected if name.removesuffix(".git") == submission.name]
            if report.score if expected[name] is None else lost != expected[name]:
                wrong.append((name, sorted(lost), expected[name]))
        with open(folder / "out" / "gradebook.csv", encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
        attempts = collections.Counter(results.report(submission).attempts for submission in results.submissions)
    print(f"{len(expected)} submissions of {assignment}, two processes, load {os.getloadavg()[0]:.1f}, "
          f"{told.strip().splitlines()[-1]}")
    print(f"{seconds:.0f} s, {60 * len(expected) / seconds:.0f} a minute; the command was given {runs} times")
    print(f"killed: {', '.join(f'{number} {what}' for what, number in killed.items())}; attempts: {dict(attempts)}")
    print(f"rows in the grade book: {len(rows)}, {len({row['name'] for row in rows})} different, "
          f"{sum(row['total'] == '' for row in rows)} without points")
    print(f"other items lost points than the submission was made for: {len(wrong)} {wrong[:3]}")


if __name__ == "__main__":
    main(*sys.argv[1:])
