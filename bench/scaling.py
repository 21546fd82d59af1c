"""How grading scales: `.venv/bin/python bench/scaling.py DIR`, where DIR is the --out of a `course grade-class`.

Takes the seconds of each grading from DIR, measures here what the process that hands out the work spends on a
submission and how long a worker takes to start, and simulates clusters with these numbers. If dask.distributed is
installed, the small ones are run, too: real schedulers and workers, with tasks that sleep instead of grading.
"""
import dataclasses
import heapq
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from coursekit import pool  # noqa: E402
from coursekit.classes import batch  # noqa: E402
from coursekit.classes.results import Results  # noqa: E402
from coursekit.grading.handin import HandedIn  # noqa: E402
from coursekit.grading.report import Execution  # noqa: E402
from coursekit.sandbox import walls  # noqa: E402


def hand_out(results):
    """Seconds that looking for a submission's report, and writing it, take the process that hands out the work."""
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        again = Results(folder, results.settings)
        for submission in results.submissions[:200]:
            if not (report := results.report(submission)):
                continue
            started = time.process_time()
            results.report(submission)
            source = results.source(submission)
            again.save(submission, dataclasses.replace(report, notebook=Execution()), source)
            spent.append(time.process_time() - started)
    return spent


def simulate(workers, tasks, seconds, handing, start):
    """Seconds for `tasks` submissions. One process hands out the work and writes results, one thing at a time."""
    draw, free = random.Random(0), [start] * workers
    server = 0.0  # when the one process has time again
    for _ in range(tasks):
        server = max(server, heapq.heappop(free)) + handing
        heapq.heappush(free, server + draw.choice(seconds))
    return max(free)


def cluster(workers, seconds):
    """Seconds that a local Dask cluster takes for tasks that sleep as long as these gradings took, once it runs."""
    from distributed import LocalCluster
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as made:
        started = time.perf_counter()
        for _ in pool.dask(time.sleep, ((str(n), (each,)) for n, each in enumerate(seconds)), made.scheduler_address):
            pass
        return time.perf_counter() - started


def main(folder):
    results = Results.open(folder)
    assignment = results.settings["assignment"]
    reports = [report for submission in results.submissions if (report := results.report(submission))]
    seconds = [report.seconds for report in reports]
    handing = statistics.mean(hand_out(results))
    started = time.perf_counter()
    solution = HandedIn("solution", (ROOT / "helpers" / f"{assignment}.py").read_text())
    batch.grade_one(walls.best(), assignment, False, 0, batch.version_of_checks(assignment), solution)
    start = time.perf_counter() - started
    batch.stop_grading()
    print(f"{len(seconds)} gradings of {assignment}: mean {statistics.mean(seconds):.2f} s, median "
          f"{statistics.median(seconds):.2f} s, longest {max(seconds):.1f} s; handing out {1000 * handing:.1f} ms; "
          f"start of a worker {start:.1f} s")
    print("| workers | 1,000 submissions | a minute | 100,000 submissions | a minute | hands out, of the time |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for workers in (1, 2, 4, 16, 64, 256, 1024):
        few, many = (simulate(workers, count, seconds, handing, start) for count in (1000, 100_000))
        print(f"| {workers} | {few:.0f} s | {60_000 / few:.0f} | {many / 60:.0f} min | {6_000_000 / many:.0f} "
              f"| {100 * 100_000 * handing / many:.0f} % |")
    try:
        import distributed  # noqa: F401
    except ImportError:
        print("dask.distributed is not installed: no cluster was run")
        return
    few = random.Random(0).choices([each for each in seconds if each < 5], k=100)
    print(f"\n| workers of a local Dask cluster | seconds for {len(few)} tasks that sleep {sum(few):.0f} s in all "
          "| of what is possible |\n| --- | --- | --- |")
    for workers in (1, 2, 4):
        took = cluster(workers, few)
        print(f"| {workers} | {took:.1f} | {100 * sum(few) / workers / took:.0f} % |")


if __name__ == "__main__":
    main(*sys.argv[1:])
