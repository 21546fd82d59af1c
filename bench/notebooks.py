"""How long each notebook takes from its first cell to its last, now and before: `.venv/bin/python bench/notebooks.py
BEFORE [NAME ...]`.

BEFORE is a checkout of the course as it was, such as `git worktree add BEFORE COMMIT` makes it. Every cell of each
notebook is executed in the profile cpu, by one thread, in a copy of either course without what earlier runs have left.
Of each training only the first steps are taken. All others count as long as the median of these, and return what the
last one did; what stands between epochs is done as always. Both courses run at the same time, each on a processor of
its own, and then change places. Needs the real data sets, and two processors that have nothing else to do.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
SKIPPED = 10  # the first steps also set things up


def child(course, name, steps):
    """Print as JSON: seconds of the whole notebook, and those of them in trainings."""
    os.chdir(Path(course, "notebooks"))
    sys.path.insert(0, course)
    import nbformat
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from helpers.given import training
    torch.set_num_threads(1)
    counted, trained, one_epoch = 0.0, 0.0, training.one_epoch
    seen = {}  # the step of a training -> seconds of one, and what it returned

    def first_steps(step, images, labels, batch_size, used, *args):
        nonlocal counted, trained
        count = -(-used // batch_size)
        if step not in seen:
            times, few = [], min(count, SKIPPED + steps)

            def timed(*batch):
                started = time.perf_counter()
                values = step(*batch)
                times.append(time.perf_counter() - started)
                return values

            values = one_epoch(timed, images, labels, batch_size, min(used, few * batch_size), *args)
            seen[step] = statistics.median(times[min(SKIPPED, few - 1):]), values
            left = seen[step][0] * (count - few)
            trained += sum(times)
        else:
            left = seen[step][0] * count
        counted, trained = counted + left, trained + left
        return {name: value[-1:].expand(count).clone() for name, value in seen[step][1].items()}

    training.one_epoch = first_steps
    shell = InteractiveShell.instance()
    path, = Path().glob(f"[0-9]_{name}.ipynb")
    out, sys.stdout = sys.stdout, open(os.devnull, "w")
    started = time.perf_counter()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            result = shell.run_cell(cell.source)
            if not result.success:
                print(f"{path}: {result.error_in_exec!r} in {cell.source[:200]}", file=sys.stderr)
    sys.stdout = out
    print(json.dumps([time.perf_counter() - started + counted, trained]))


def measure(courses, name, steps):
    """Return what `child` prints for each of the courses, which run side by side, as (seconds, training)."""
    processors = sorted(os.sched_getaffinity(0))
    running = []
    with tempfile.TemporaryDirectory() as folder:
        for number, course in enumerate(courses):
            copy = Path(folder, str(number))
            shutil.copytree(course, copy, ignore=lambda where, names: [name for name in names if name[0] == "."
                            or Path(where) == course and name in ("runs", "trained")])
            environment = {**os.environ, "COURSE_PROFILE": "cpu", "COURSE_HEADLESS": "1", "OMP_NUM_THREADS": "1",
                           "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
            command = [sys.executable, str(HERE), "--child", str(copy), name, str(steps)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
            os.sched_setaffinity(running[-1].pid, {processors[number]})
        return [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]


def line(name, minutes):
    """minutes: before, of them trainings, now, of them trainings."""
    before, trained_before, now, trained = minutes
    return f"| {name} | {before:.1f}, {now:.1f} | {trained_before:.1f}, {trained:.1f} | {now / before:.2f}"


def main():
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:4], int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        default=["autoencoder", "vae", "gan", "diffusion", "flowers", "faces"])
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    courses = args.before.resolve(), HERE.parents[1]
    print("| notebook | minutes: before, now | of them trainings | now / before |\n" + "| --- " * 4 + "|", flush=True)
    rows = []
    for name in args.names:
        there = measure(courses, name, args.steps)
        back = measure(courses[::-1], name, args.steps)[::-1]
        minutes = [[statistics.mean(pair) / 60 for pair in zip(*both)] for both in zip(there, back)]
        ratios = sorted(now[0] / before[0] for before, now in (there, back))
        rows.append([*minutes[0], *minutes[1]])
        print(line(name, rows[-1]) + f" ({ratios[0]:.2f}, {ratios[1]:.2f}) |", flush=True)
    print(line("all", map(sum, zip(*rows))), "|")


if __name__ == "__main__":
    main()
