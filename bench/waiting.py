"""How long students wait for a training, now and before: `.venv/bin/python bench/waiting.py BEFORE [WEIGHTS ...]`.

BEFORE is a checkout of the course as it was, such as `git worktree add BEFORE COMMIT` makes it. Of each training of
`bench/trained_work.py`, which executes the notebooks' own cells, some steps are timed in both, in turns, each time in
a new process. A training takes as long as one of its steps times their number. Needs the real data sets and a quiet
machine. How good the networks become: `bench/trained_work.py` and `bench/trained_measures.py`.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
LONG = 500  # steps: a shorter training only comes along, for one epoch, and its notebook prints how that ended


def child(course, weights, steps):
    """Print as JSON: seconds of one step, and how many steps the whole training has."""
    sys.path.insert(0, str(Path(course, "bench")))
    import trained_work  # of that checkout, and it imports that checkout's helpers
    from helpers.given import metrics, training
    trained_work.matplotlib.use("agg")
    total, done = None, []

    class Clock:
        """Stands for a training's progress bar, and ends a long training after so many steps."""

        def __init__(self, steps_of_all, *_):
            nonlocal total
            total, self.times = steps_of_all, []

        def update(self):
            self.times.append(time.perf_counter())
            if len(self.times) > 5 + steps and total >= LONG:  # the first steps also set things up
                done.append((self.times[-1] - self.times[5]) / steps)
                raise KeyboardInterrupt

        def __getattr__(self, name):
            return lambda *args, **options: None

    bar, load_or_train = training.progress_bar, metrics.load_or_train

    def judge(*args):  # is trained to its end
        training.progress_bar = bar
        load_or_train(*args)
        training.progress_bar = Clock

    training.progress_bar, metrics.load_or_train = Clock, judge
    with tempfile.TemporaryDirectory() as folder:
        training.ROOT = Path(folder)
        try:
            trained_work.train(weights, 0)
        except (KeyError, IndexError):  # the cell goes on to what an epoch has left, and there was none
            if not done:
                raise
    print(json.dumps([done[-1], total]))


def measure(course, weights, steps):
    command = [sys.executable, str(HERE), "--child", str(course), weights, str(steps)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:4], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("weights", nargs="*", default=["unet", "faces", "dc", "fashion", "flowers"])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("| training | steps before, now | ms a step before, now | whole training, s, before, now | now / before |\n"
          + "| --- " * 5 + "|", flush=True)
    for weights in args.weights:
        rows = [[measure(course, weights, args.steps) for course in (args.before, HERE.parents[1])]
                for _ in range(args.rounds)]
        columns = list(zip(*rows))
        step = [statistics.median(seconds for seconds, _ in column) for column in columns]
        many = [column[0][1] for column in columns]
        ratios = [now * many[1] / (before * many[0]) for (before, _), (now, _) in rows]
        print(f"| {weights} | {many[0]:,}, {many[1]:,} | {1000 * step[0]:.0f}, {1000 * step[1]:.0f} | "
              f"{step[0] * many[0]:.0f}, {step[1] * many[1]:.0f} | {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f}) |", flush=True)


if __name__ == "__main__":
    main()
