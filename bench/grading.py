"""How long grading takes: `.venv/bin/python bench/grading.py [ASSIGNMENT]`. Medians over gradings of the solution.

`.venv/bin/python bench/grading.py class [ASSIGNMENT]` measures `./course grade-class` on a class made from the bank,
against plain pytest once for each submission with the same checks. Needs a quiet machine.

`.venv/bin/python bench/grading.py notebook [BEFORE [ROUNDS [ASSIGNMENT ...]]]` measures gradings with the notebook: one
alone, and further ones in the same process. BEFORE: a checkout of the course as it was; the two take turns.
"""
import functools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = str(ROOT), str(ROOT / "tests")
from coursekit import sandbox  # noqa: E402
from coursekit.grading.command import grade  # noqa: E402
from coursekit.grading.judge import judge, load_checks  # noqa: E402
from coursekit.sandbox import walls  # noqa: E402


def timed(function, *arguments):
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def main(assignment="vae", rounds=5):
    source = (ROOT / "helpers" / f"{assignment}.py").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f"{assignment}.py").write_text(source, encoding="utf-8")
        standing = [wall for wall in (walls.Bubblewrap(), walls.Landlock(), walls.Bare()) if wall.why_not() is None
                    or not wall.isolates]
        without, whole = {wall: [] for wall in standing}, {}
        for _ in range(rounds):
            for wall in standing:
                without[wall].append(timed(grade, folder, assignment, 0, False, wall))
        for wall in standing:
            whole[wall] = timed(grade, folder, assignment, 0, True, wall)
    checks = load_checks(assignment)
    starts, own, calls = ({wall: [] for wall in standing} for _ in range(3))
    for seed in range(rounds):
        for wall in standing:
            started = time.perf_counter()
            with sandbox.Sandbox(assignment, ROOT, wall) as box:
                box.observe(source, None, {})
                starts[wall].append(time.perf_counter() - started)
                own[wall].append(timed(judge, box, source, checks, seed))
                calls[wall] += [timed(box.observe, source, None, {}) for _ in range(4)]
    from helpers.given.checks import names, run
    public = {name: min(run(name).seconds for _ in range(3)) for name in names(assignment)}
    print(f"load {os.getloadavg()[0]:.1f}; medians of {rounds}, alternating")
    print(f"| grading helpers/{assignment}.py, seconds | {' | '.join(wall.name for wall in standing)} |")
    print("| --- |" + " --- |" * len(standing))
    for what, seconds, digits in (
            ("whole, without the notebook", without, 2), ("whole, with the notebook (once)", whole, 1),
            (f"of which the hidden checks ({len(checks)} tests)", own, 2),
            ("start of the sandbox with torch, to the first answer", starts, 2),
            ("one call: fork, import the file, answer", calls, 3)):
        cells = (statistics.median(found) if isinstance(found, list) else found for found in seconds.values())
        print(f"| {what} | {' | '.join(f'{value:.{digits}f}' for value in cells)} |")
    print(f"slowest public check: {max(public, key=public.get)}, {max(public.values()):.3f}")


# ---------------------------------------------------------------------------------------------------------------
# A class
# ---------------------------------------------------------------------------------------------------------------

PLAIN = '''
"""What a grader without a sandbox does: the submission, the probes and the tests share pytest's process."""
import importlib, sys, types
import pytest
from coursekit.grading.judge import generator

NAME, FILE = {name!r}, {file!r}


@pytest.fixture(scope="module")
def student():
    import torch
    torch.set_num_threads(1)
    module = types.ModuleType("submitted")
    exec(compile(open(FILE, encoding="utf-8").read(), FILE, "exec"), module.__dict__)
    probes = importlib.import_module(f"autograde_tests.probes.{{NAME}}")

    class Student:
        def observe(self, probe, **inputs):
            return getattr(probes, probe)(module, **inputs)

    return Student()


@pytest.fixture
def rng(request):
    return generator(0, request.node.originalname)
'''


def plain_pytest(folder, assignment, number, source):
    """Run plain pytest in a fresh interpreter on one submission. Returns seconds, and how many tests failed."""
    file = folder / f"submitted_{number}.py"
    file.write_text(source, encoding="utf-8")
    (folder / "plain_plugin.py").write_text(PLAIN.format(name=assignment, file=str(file)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "plain_plugin", "-p", "no:cacheprovider",
               "--tb=no", str(ROOT / "autograde_tests" / f"test_{assignment}.py")]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(done.stdout + done.stderr)
    return seconds, int((re.findall(r"(\d+) failed", done.stdout) or [0])[0])


def memory(pid):
    """Megabytes of a process and all that it started: proportional set size, in which shared pages count in parts."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)[1])
            waiting += Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            pass
    return total / 1024


def measure_class(assignment="vae", plain=10, ours=60):
    """Submissions a minute on one core and on two, and the memory of a worker."""
    import make_class
    from coursekit import pool
    from coursekit.classes import batch
    from coursekit.grading.handin import HandedIn
    from coursekit.sandbox import zygote
    texts = [text for text, _ in make_class.sources(assignment, ours)]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        slow = [plain_pytest(Path(folder), assignment, number, text)[0] for number, text in enumerate(texts[:plain])]
        rates, megabytes = {}, []
        for jobs in (1, 2):
            workers, stamps = [], []
            checks = batch.version_of_checks(assignment)
            tasks = ((str(number), (walls.best(), assignment, False, 0, checks, HandedIn("made", text)))
                     for number, text in enumerate(texts))
            started = time.perf_counter()
            for _ in pool.local(batch.grade_one, tasks, jobs, folder, batch.PRELOAD, started=workers.append,
                                prepare=functools.partial(zygote.prepare, walls.best())):
                stamps.append(time.perf_counter() - started)
                if len(stamps) == ours // 2:
                    megabytes.append(statistics.mean(memory(worker.pid) for worker in workers))
            rates[jobs] = stamps
    each = statistics.median(slow)
    print(f"isolation: {walls.best().name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"| {assignment}, submissions made from the bank, with the style check | seconds each | a minute | ratio |\n"
          "| --- | --- | --- | --- |")
    print(f"| plain pytest once for each, one after the other (median of {plain}) | {each:.2f} | {60 / each:.0f} | |")
    for jobs, stamps in rates.items():
        whole, later = stamps[-1] / ours, (stamps[-1] - stamps[0]) / (ours - 1)
        for what, seconds in ((f"{ours} submissions, with the start", whole), ("without the start", later)):
            print(f"| grade-class, {jobs} {'process' if jobs == 1 else 'processes'}, {what} | {seconds:.3f} "
                  f"| {60 / seconds:.0f} ({60 / seconds / jobs:.0f} a process) | {each / seconds / jobs:.1f} a core |")
    print(f"memory of a worker with its sandbox (proportional set size): {statistics.mean(megabytes):.0f} MB")


# ---------------------------------------------------------------------------------------------------------------
# With the notebook
# ---------------------------------------------------------------------------------------------------------------

STAMPS = """
import sys, time
from coursekit.grading.grader import Grader
from coursekit.grading.handin import HandedIn
from coursekit.sandbox import walls
from helpers.given.course import ROOT
name, count = sys.argv[1], int(sys.argv[2])
source = (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")
with Grader(name, True, walls.best()) as grader:
    for number in range(count):
        report = grader.grade(HandedIn("made", f"{source}# {number}\\n"), seed=0)
        print(time.time(), report.notebook.status, flush=True)
"""


def stamps(root, assignment, count):
    """Seconds from the start of a grader's process to each of its reports."""
    started = time.time()
    done = subprocess.run([sys.executable, "-P", "-c", STAMPS, assignment, str(count)], cwd=root, text=True,
                          env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
                          stdout=subprocess.PIPE, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    if [status for _, status in lines] != ["passed"] * count:
        raise SystemExit(f"{root}: {done.stdout}")
    return [float(stamp) - started for stamp, _ in lines]


def measure_notebooks(before=None, rounds=3, *names):
    """Of these assignments, or all, at this checkout and the one before, in turns."""
    from helpers.given.course import assignments
    roots = [Path(before).resolve(), ROOT] if before else [ROOT]
    print(f"isolation: {walls.best().name}, load {os.getloadavg()[0]:.1f}; seconds of one grading with its notebook, "
          f"with the start; then of a further one in the same process; medians of {rounds} rounds")
    print(f"| assignment |{' before |' if before else ''} now |\n| --- |{' --- |' * len(roots)}")
    for name in names or assignments():
        if not all((root / "helpers" / f"{name}.py").exists() for root in roots):
            continue  # it has come since
        alone, further = {root: [] for root in roots}, {root: [] for root in roots}
        for _ in range(rounds):
            for root in roots:
                first, *later = stamps(root, name, 3)
                alone[root].append(first)
                further[root] += [end - start for start, end in zip((first, *later), later)]
        cells = [f"{statistics.median(alone[root]):.1f}; {statistics.median(further[root]):.2f}" for root in roots]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["class"]:
        measure_class(*sys.argv[2:])
    elif sys.argv[1:2] == ["notebook"]:
        measure_notebooks(*sys.argv[2:3], *map(int, sys.argv[3:4]), *sys.argv[4:])
    else:
        main(*sys.argv[1:])
