"""`./course grade`: one submission, hidden checks, a table and report.json."""
import functools
import importlib
import json
import platform
import secrets
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from coursekit import pool, walls, zygote
from coursekit.sandbox import Sandbox, SandboxError, Unanswered, printable
from coursekit.submission import NoGradedFile, SubmissionError, read_graded_file
from coursekit.walls import ROOT
from helpers.given.__main__ import choose

# Seconds that the student's process has, without those in which it waits for the machine (worker.Watch).
LOAD_TIMEOUT = 15.0  # to import a student's file
CALL_TIMEOUT = 10.0  # for each observation
QUICK_TIMEOUT = 2.0  # the same in the process that is asked everything first
TOTAL_TIMEOUT = 120.0  # for all observations together, after the first import
STYLE_TIMEOUT = 20.0
DEADLINE = 1800.0  # for all that is done for one submission, whoever does it: then the process is killed


class Student:
    """What a graded test sees of a submission: `observe` and nothing else. ask(probe, values, tensors) answers."""

    def __init__(self, ask):
        self._ask = ask

    def observe(self, probe, **inputs):
        """Run a probe beside the student's code. Tensors and plain values may be passed; see Sandbox.observe."""
        import torch
        tensors = {name: value.contiguous() for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        values = {name: value for name, value in inputs.items() if name not in tensors}
        return self._ask(probe, values, tensors)


def load_checks(module):
    """Return the hidden checks of a module, in the order of its test file."""
    from autograde_tests import CHECKS
    home = importlib.import_module(f"autograde_tests.test_{module}").__name__
    return [check for check in CHECKS if check.function.__module__ == home]


def generator(seed, test):
    """Return what a hidden test draws its inputs from, for the seed of a grading and the test's name."""
    import torch
    return torch.Generator().manual_seed(seed ^ zlib.crc32(test.encode()))


def seed(text):
    """The number of --seed; argparse tells who types something else."""
    if not 0 <= int(text) < 1 << 63:
        raise ValueError
    return int(text)


def run_check(check, student, seed):
    """Run one hidden check. Returns (status, message): passed, failed, error, timeout or missing."""
    rng = generator(seed, check.function.__name__)
    try:
        check.function(student, rng)
        return "passed", ""
    except AssertionError as error:
        return "failed", str(error)
    except Unanswered as error:
        return error.kind, str(error)
    except SandboxError:
        raise
    except Exception as error:
        # The answer has not the form that the check counts on: only code that forges answers gets here.
        return "error", f"the answer could not be judged ({type(error).__name__})"


def grade_source(sandbox, source, checks, seed):
    """Grade the text of one graded file.

    All checks ask one process first. Those that do not pass there ask again, with a process for each observation.

    Args:
        sandbox: running Sandbox of the module.
    Returns:
        items of the report: name -> {"points", "max", "status", "message", "hint"}, and the outcome of each check as a
        list of (check, status).
    Raises:
        MachineFault: there is no judgement, ask again in a new sandbox.
    """
    items, outcomes, settled = {}, [], {}
    before, end = sandbox.had, 0.0

    def asking(observe, limit):
        """A Student that is asked by `observe`, for at most `limit` seconds each time and until `end` in all."""
        def ask(*request):
            left = end - sandbox.had
            if left <= 0:
                raise Unanswered("timeout", f"the time for all checks together is used up ({TOTAL_TIMEOUT:g} seconds)")
            return observe(*request, min(limit, left))
        return Student(ask)

    broken = None
    try:
        with sandbox.session(source, LOAD_TIMEOUT) as session:
            load_seconds = round(sandbox.had - before, 1)
            end = sandbox.had + TOTAL_TIMEOUT
            student = asking(session.observe, min(QUICK_TIMEOUT, CALL_TIMEOUT))
            for check in checks:
                if not session.alive:
                    break
                settled[check] = run_check(check, student, seed)
    except Unanswered as error:
        broken = (error.kind, f"the file cannot be imported: {error}")
        load_seconds = 0.0
    # Whatever went wrong there may be the doing of what another check called before. It gets its own process, and time.
    student = asking(functools.partial(sandbox.observe, source), CALL_TIMEOUT + load_seconds)
    for check in checks:
        status, message = broken or settled.get(check, ("", ""))
        if status not in ("passed", "missing") and not broken:
            status, message = run_check(check, student, seed)
        outcomes.append((check, status))
        item = items.setdefault(check.item, {"points": 0, "max": 0, "status": "passed", "message": "", "hint": ""})
        item["max"] += check.points
        if status == "passed":
            item["points"] += check.points
            continue
        if item["status"] == "passed":
            item["status"] = status
        message = printable(message)[:1000]  # it may quote what the student's code returned
        if message not in item["message"]:
            item["message"] += ("; " if item["message"] else "") + message
            if not broken and status != "missing":
                item["hint"] += (" " if item["hint"] else "") + check.hint
    return items, outcomes


# No settings but these: neither the user's are read nor those of a folder above.
STYLE = """
import io, sys, pycodestyle
pycodestyle.USER_CONFIG = None
style = pycodestyle.StyleGuide(max_line_length=120)
style.input_file(sys.argv[1], lines=io.TextIOWrapper(sys.stdin.buffer, "utf-8").readlines())
sys.exit(style.options.report.total_errors > 0)
"""


def check_style(source, name):
    """Run pycodestyle over the text, in a process of its own with a time limit. Returns the report's "style"."""
    # With -I, and an empty folder to be in, no file can pass for a module of Python's.
    command = [sys.executable, "-I", "-X", "utf8", "-c", STYLE, f"{name}.py"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(command, cwd=folder, input=source.encode(), capture_output=True,
                                  timeout=STYLE_TIMEOUT)
        except subprocess.TimeoutExpired:
            return {"status": "timeout", "count": 0, "findings": []}
    findings = [printable(line) for line in done.stdout.decode(errors="replace").splitlines()]
    return {"status": "passed" if done.returncode == 0 else "failed", "count": len(findings), "findings": findings[:20]}


def infer_assignment(submission, room=None):
    """Return the one assignment that a submission holds a graded file of. room: see read_graded_file."""
    from coursekit.release import discover
    found = []
    for name in discover(ROOT):
        try:
            read_graded_file(submission, name, room)
            found.append(name)
        except NoGradedFile:
            pass
    if len(found) != 1:
        what = "files of " + " and ".join(found) if found else "no graded file"
        raise SubmissionError(f"{submission} holds {what}: say which assignment with --assignment")
    return found[0]


class Grader:
    """Grades submissions of one assignment, one after the other, in one sandbox. Use it as a context manager.

    Args:
        notebook: True executes the assignment's notebook with each submission.
        wall: what student code runs behind.
    """

    def __init__(self, assignment, notebook, wall):
        from coursekit.release import course_files, discover
        self.assignment, self.notebook, self.wall = assignment, notebook, wall
        # Our notebook over the student's module: what it has gaps for itself is filled.
        self.files = course_files(ROOT, {assignment: discover(ROOT)[assignment]}, code_gaps=False)

    def __enter__(self):
        from coursekit.release import write_files
        self.folder = tempfile.TemporaryDirectory(prefix="course-grade-")
        write_files(self.files, self.folder.name)
        self.sandbox = Sandbox(self.assignment, self.folder.name, self.wall, zygote.mine)
        self.sandbox.start()
        self.checks = load_checks(self.assignment)  # imports torch here while the sandbox does there
        return self

    def __exit__(self, *_):
        self.sandbox.__exit__()
        self.folder.cleanup()

    def grade(self, submission, source, seed):
        """Return the report on a submission. source: text of its graded file."""
        started = time.perf_counter()
        items, _ = grade_source(self.sandbox, source, self.checks, seed)
        style = check_style(source, self.assignment)
        executed = NO_NOTEBOOK
        if self.notebook:
            from coursekit.notebook import run_notebook
            executed = run_notebook(self.folder.name, self.assignment, source, self.wall)
        return self.report(submission, items, style, executed, seed, started)

    def refuse(self, submission, reason, seed):
        """Return the report on a submission that holds nothing to grade: no points, and the reason in each item."""
        started = time.perf_counter()
        items = {}
        for check in self.checks:
            item = items.setdefault(check.item, {"points": 0, "max": 0, "status": "missing", "hint": "",
                                                 "message": f"cannot grade: {printable(reason)[:1000]}"})
            item["max"] += check.points
        no_style = {"status": "skipped", "count": 0, "findings": []}
        return self.report(submission, items, no_style, NO_NOTEBOOK, seed, started)

    def report(self, submission, items, style, executed, seed, started):
        import torch
        return {
            "submission": printable(str(submission)), "assignment": self.assignment,
            "score": sum(item["points"] for item in items.values()), "max": sum(item["max"] for item in items.values()),
            "seed": seed, "isolation": self.wall.name, "isolated": self.wall.isolates,
            "why_not_isolated": None if self.wall.isolates else self.wall.reasons,
            "items": items, "style": style, "notebook": dict(executed),
            "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
            "seconds": round(time.perf_counter() - started, 2),
        }


NO_NOTEBOOK = {"status": "skipped", "cells": 0, "failed": [], "pictures": []}


def grade(submission, assignment=None, seed=None, notebook=True, wall=None):
    """Grade a submission (a folder or a zip file) in this process, and return the report as a dict.

    Args:
        wall: default: the best that this machine has. Raises NotIsolated if there is none.
    Raises:
        SubmissionError: nothing there that could be graded. SandboxError: the sandbox does not start, or is lost.
    """
    started = time.perf_counter()
    wall = wall or walls.choose()
    with walls.Room(wall, "read") as room:
        assignment = assignment or infer_assignment(submission, room)
        source = read_graded_file(submission, assignment, room)
    seed = secrets.randbits(31) if seed is None else seed
    with Grader(assignment, notebook, wall) as grader:
        report = grader.grade(submission, source, seed)
    return {**report, "seconds": round(time.perf_counter() - started, 2)}  # with the start of the sandbox


def grade_alone(submission, assignment, seed, notebook, wall):
    """As `grade`, for a process of coursekit.pool. Returns a report, or a string that says why not."""
    try:
        return grade(submission, assignment, seed, notebook, wall)
    except SubmissionError as error:
        return str(error)


def table(report):
    """Format a report for the terminal: item, points, what was wrong, a hint."""
    from textwrap import wrap
    lines = [f"{report['submission']}: {report['score']} of {report['max']} points "
             f"(assignment {report['assignment']}, seed {report['seed']}, {report['seconds']:.1f} s, "
             f"isolation: {report['isolation']})"]
    width = max(len(name) for name in report["items"])
    for name, item in report["items"].items():
        lines.append(f"  {name:<{width}}  {item['points']:>3} / {item['max']:<3} {item['status']}")
        for label, text in (("", item["message"]), ("hint: ", item["hint"])):
            lines += [" " * (width + 4) + line for line in wrap(label + text, 100)] if text else []
    style, notebook = report["style"], report["notebook"]
    lines.append(f"  style: {style['status']}" + (f", {style['count']} findings" if style["count"] else ""))
    lines += [f"    {finding}" for finding in style["findings"][:5]]
    lines.append(f"  notebook: {notebook['status']}" + (f", {notebook['cells']} cells" if notebook["cells"] else ""))
    lines += [f"    {failure}" for failure in notebook["failed"][:3]]
    if not report["isolated"]:
        lines.append(f"  NOT ISOLATED: {report['why_not_isolated']}. Student code ran with your rights.")
    return "\n".join(lines)


def add_arguments(parser):
    parser.add_argument("submission", help="folder, zip file, git repository, or the graded file itself")
    parser.add_argument("--assignment", help="default: the one that the submission holds a file of")
    parser.add_argument("--out", help="folder for report.json (default: runs/grades/FOLDER-SUBMISSION)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of the table")
    parser.add_argument("--no-notebook", action="store_true", help="do not execute the notebook")
    parser.add_argument("--seed", type=seed, help="replay a grading (default: a fresh seed, noted in the report)")
    add_unsafe(parser)


def add_unsafe(parser):
    parser.add_argument("--unsafe", action="store_true", help="where student code cannot be isolated: run it with your "
                        "rights (not as root). The exit code is then 3")


UNSAFE = 3  # exit code


def main(args):
    """Run `./course grade`. Returns the exit code: 0 graded, 2 not graded, 3 graded without a wall."""
    from coursekit.release import discover
    from coursekit.reports import write_all
    if args.assignment:
        choose(args.assignment, discover(ROOT), "assignment")
    wall = walls.choose(args.unsafe)
    # In a process of its own, which has not this one's environment, and can be killed.
    task = Path(args.submission), args.assignment, args.seed, not args.no_notebook, wall
    with walls.temporary_folder("grade") as folder:
        (_, report, _), = pool.local(grade_alone, [("", task)], 1, folder, deadline=DEADLINE,
                                     prepare=functools.partial(zygote.prepare, wall))
    if not isinstance(report, dict):
        reason = f"not graded: {report.reason}. Try again" if isinstance(report, pool.Failure) else report
        print(f"cannot grade: {printable(reason)}", file=sys.stderr)
        return 2
    path = Path(args.submission).resolve()
    out = Path(args.out) if args.out else ROOT / "runs" / "grades" / f"{path.parent.name}-{path.stem}"
    write_all(report, out)
    print(json.dumps(report, indent=2, ensure_ascii=False) if args.json else table(report))
    if not args.json:
        print(f"  report: {out / 'report.html'}, and beside it report.md, report.json, results.json, github.json")
    return 0 if report["isolated"] else UNSAFE
