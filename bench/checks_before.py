"""How long the hidden checks take, beside an earlier build: `bench/checks_before.py BEFORE [EVERY] [ASSIGNMENT...]`.

BEFORE is a folder with the course as it was, such as a git worktree; its Python is this one. Each build judges the
solution and every EVERY-th (8) mistake of the bank, in turn, in one sandbox. `bench/checks_before.py BEFORE class
[COUNT] [ASSIGNMENT]` grades a class of COUNT (60) submissions made from the bank without notebooks, twice with each
build, by `./course grade-class` on two cores. Either way it says whose points differ. Needs a quiet machine.
"""
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALL = "autoencoder", "vae", "gan", "flowers", "diffusion", "faces"


def serve(tree, assignment, every):
    """Judge, in this process and by one build, what stands on each line of the standard input."""
    sys.path.insert(0, tree)
    import torch
    from coursekit import audit, sandbox
    from coursekit.grading import judge
    from coursekit.sandbox import walls
    torch.set_num_threads(1)
    bank, checks = audit.load(assignment), judge.load_checks(assignment)
    sources = [bank.source("solution", {}), *(bank.source(name, change) for name, (_, _, change)
                                              in list(bank.wrong.items())[::every])]
    with sandbox.Sandbox(assignment, tree, walls.best()) as box:
        judge.judge(box, sources[0], checks, 0)
        print(len(sources), flush=True)
        for line in sys.stdin:
            number, seed = map(int, line.split())
            started = time.perf_counter()
            items, _ = judge.judge(box, sources[number], checks, seed)
            seconds = time.perf_counter() - started
            told = {name: [item.points, item.status, re.sub(r"-?\d[\d.e-]*", "#", item.message)]  # some are drawn
                    for name, item in items.items()}
            print(json.dumps([seconds, told]), flush=True)


def compare_checks(before, every, assignments, rounds=5):
    print("| hidden checks, seconds | solution before | now | ratio | mistakes before | now | ratio "
          "| judged otherwise |\n| --- |" + " --- |" * 7, flush=True)
    for assignment in assignments:
        asked = [subprocess.Popen([sys.executable, __file__, "--serve", tree, assignment, str(every)], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) for tree in (before, str(ROOT))]
        count = [int(one.stdout.readline()) for one in asked][0]

        def both(number, seed):
            answers = []
            for one in asked:
                print(number, seed, file=one.stdin, flush=True)
                answers.append(json.loads(one.stdout.readline()))
            return answers

        right = [both(0, seed) for seed in range(rounds)]
        wrong = [both(number, 0) for number in range(1, count)]
        cells = []
        for pairs, middle in ((right, statistics.median), (wrong, statistics.mean)):
            old, new = (middle(pair[k][0] for pair in pairs) for k in (0, 1))
            cells += [f"{old:.3f}", f"{new:.3f}", f"{new / old:.2f}"]
        other = sum(old[1] != new[1] for old, new in (*right, *wrong))
        print(f"| {assignment} | {' | '.join(cells)} | {other} of {len(right) + len(wrong)} |", flush=True)
        for one in asked:
            one.communicate()


def compare_classes(before, count, assignment, rounds=2):
    sys.path[:0] = str(ROOT), str(ROOT / "tests")
    import make_class
    seconds, points = {before: [], str(ROOT): []}, {}
    with tempfile.TemporaryDirectory() as folder:
        make_class.make(Path(folder, "in"), assignment, count, broken=False)
        for number in range(rounds):
            for tree in seconds:
                out = Path(folder, f"out-{len(points)}-{number}")
                command = [sys.executable, "-P", "-m", "coursekit", "grade-class", f"{folder}/in", "--assignment",
                           assignment, "--out", out, "--no-notebook", "--jobs", "2", "--seed", "0"]
                started = time.perf_counter()
                subprocess.run(command, env={**os.environ, "PYTHONPATH": tree}, check=True, capture_output=True)
                seconds[tree].append(time.perf_counter() - started)
                with open(out / "gradebook.csv", encoding="utf-8-sig", newline="") as stream:
                    points[tree] = {row["name"]: {**row, "seconds": ""} for row in csv.DictReader(stream)}
    old, new = (min(seconds[tree]) for tree in (before, str(ROOT)))
    other = sum(row != points[before][name] for name, row in points[str(ROOT)].items())
    print(f"{count} submissions of {assignment}, two processes, the best of {rounds}: {old:.1f} s before, {new:.1f} s "
          f"now, ratio {new / old:.2f}; other rows in the grade book: {other}")


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[2:3] == ["class"]:
        compare_classes(sys.argv[1], int((sys.argv[3:4] or [60])[0]), (sys.argv[4:5] or ["vae"])[0])
    else:
        compare_checks(sys.argv[1], int((sys.argv[2:3] or [8])[0]), sys.argv[3:] or ALL)
