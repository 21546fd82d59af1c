"""A large class while workers are killed: `.venv/bin/python bench/grade_class.py [COUNT] [ASSIGNMENT] [SECONDS]`.

COUNT submissions (1,000) are made from the bank, some of them broken, and graded on two cores; every SECONDS (10) a
worker is killed. Prints how long it took, and that each was graded exactly once. Then it says what the process that
hands out the work spends on a submission, which is what limits a cluster (docs/scaling.md).
"""
import collections
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = str(ROOT), str(ROOT / "tests")
import make_class  # noqa: E402
from coursekit import batch, gradebook, pool, roster  # noqa: E402


def main(count=1000, assignment="vae", every=10.0, jobs=2):
    count, every = int(count), float(every)
    workers, kills, saved, spent, done = [], [], [], [], threading.Event()
    draw = random.Random(0)

    class Counted(batch.Results):
        def save(self, submission, report, source):
            saved.append(submission.key)
            super().save(submission, report, source)

    def kill():
        while not done.wait(every):
            living = [process.pid for process in workers if process.is_alive()]
            if living:
                kills.append(draw.choice(living))
                os.kill(kills[-1], signal.SIGKILL)

    def run(tasks):
        """As on the command line. Notes what this process spends between two results."""
        spent.append(time.process_time())
        yield from pool.local(batch.grade_one, tasks, jobs, temporary, batch.PRELOAD, workers.append)
        spent.append(time.process_time())

    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)
        folder = Path(temporary)
        expected = make_class.make(folder / "in", assignment, count - 9, git=True)
        results = Counted.start(folder / "out", assignment, False, 1, roster.collect(folder / "in"))
        threading.Thread(target=kill, daemon=True).start()
        started = time.perf_counter()
        failed = batch.grade_class(results, run)
        seconds = time.perf_counter() - started
        done.set()
        given_up = len(failed)
        while failed:  # three workers died of it: the same command again, as the instructor is told
            failed = batch.grade_class(results, run)
        started = time.perf_counter()
        summary = gradebook.build(results).split("\n")[0]
        built = time.perf_counter() - started
        reports = [results.report(submission) for submission in results.submissions]
        wrong = []
        for submission, report in zip(results.submissions, reports):
            lost = {name for name, item in report["items"].items() if item["points"] < item["max"]}
            name, = [name for name in expected if name.removesuffix(".git") == submission.name]
            if report["score"] if expected[name] is None else lost != expected[name]:
                wrong.append((name, sorted(lost), expected[name]))
    again = collections.Counter(report["attempts"] for report in reports)
    print(f"{len(expected)} submissions of {assignment}, {jobs} processes, load {os.getloadavg()[0]:.1f}")
    print(f"{seconds:.0f} s, {60 * len(expected) / seconds:.0f} a minute; grade book and class page {built:.1f} s")
    print(f"{len(kills)} workers killed, {given_up} left for a second run; attempts: {dict(sorted(again.items()))}")
    print(f"written {len(saved)} times, {len(set(saved))} different, "
          f"{len(set(saved) ^ {submission.key for submission in results.submissions})} missing")
    print(f"other items lost points than the submission was made for: {len(wrong)} {wrong[:3]}")
    print(f"this process spent {1000 * (spent[1] - spent[0]) / len(expected):.1f} ms on a submission")
    print(summary)
    times = sorted(report["seconds"] for report in reports)
    print("seconds of grading, deciles:", json.dumps([times[len(times) * n // 10] for n in range(10)] + times[-1:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
