"""How long grading takes: `.venv/bin/python bench/grading.py [ASSIGNMENT]`. Medians over gradings of the solution.

Needs a quiet machine.
"""
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from coursekit import grade, sandbox  # noqa: E402


def timed(function, *arguments):
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def main(assignment="vae", rounds=5):
    source = (ROOT / "helpers" / f"{assignment}.py").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{assignment}.py").write_text(source, encoding="utf-8")
        without = [timed(grade.grade, folder, assignment, 0, False) for _ in range(rounds)]
        whole = timed(grade.grade, folder, assignment, 0, True)
    checks = grade.load_checks(assignment)
    starts = {True: [], False: []}
    for _ in range(rounds):
        for isolated in starts:
            started = time.perf_counter()
            with sandbox.Sandbox(assignment, ROOT, isolated) as box:
                box.observe(source, None, {}, {})
                starts[isolated].append(time.perf_counter() - started)
    with sandbox.Sandbox(assignment, ROOT) as box:
        box.observe(source, None, {}, {})
        own = [timed(grade.grade_source, box, source, checks, seed) for seed in range(rounds)]
        call = [timed(box.observe, source, None, {}, {}) for _ in range(4 * rounds)]
    from helpers.given.checks import names, run
    public = {name: min(run(name).seconds for _ in range(3)) for name in names(assignment)}
    print(f"isolated: {sandbox.why_not_isolated() is None}")
    print(f"| grading helpers/{assignment}.py | seconds |\n| --- | --- |")
    print(f"| whole, without the notebook (median of {rounds}) | {statistics.median(without):.2f} |")
    print(f"| whole, with the notebook | {whole:.1f} |")
    print(f"| of which the hidden checks, {len(checks)} tests (median of {rounds}) | {statistics.median(own):.2f} |")
    print(f"| start of the sandbox with torch, to the first answer (median of {rounds}) "
          f"| {statistics.median(starts[True]):.2f} |")
    print(f"| the same process without a sandbox (median of {rounds}) | {statistics.median(starts[False]):.2f} |")
    print(f"| one call: fork, import the file, answer (median of {4 * rounds}) | {statistics.median(call):.3f} |")
    print(f"| slowest public check ({max(public, key=public.get)}) | {max(public.values()):.3f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
