"""`./course grade`: one submission, hidden checks, a table and report.json."""
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

from coursekit.sandbox import ROOT, Sandbox, SandboxError, Unanswered, printable, why_not_isolated
from coursekit.submission import NoGradedFile, SubmissionError, read_graded_file
from helpers.given.__main__ import write

LOAD_TIMEOUT = 15.0  # to import a student's file
CALL_TIMEOUT = 10.0  # for each observation
STYLE_TIMEOUT = 20.0


class Student:
    """What a graded test sees of a submission: `observe` and nothing else."""

    def __init__(self, sandbox, source, load_seconds=0.0):
        self._sandbox, self._source, self._load_seconds = sandbox, source, load_seconds

    def observe(self, probe, **inputs):
        """Run a probe beside the student's code. Tensors and plain values may be passed; see Sandbox.observe."""
        import torch
        tensors = {name: value.contiguous() for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        values = {name: value for name, value in inputs.items() if name not in tensors}
        return self._sandbox.observe(self._source, probe, values, tensors, CALL_TIMEOUT + self._load_seconds)


def load_checks(module):
    """Return the hidden checks of a module, in the order of its test file."""
    from autograde_tests import CHECKS
    importlib.import_module(f"autograde_tests.test_{module}")
    return [check for check in CHECKS if check.item.startswith(f"{module}.")]


def generator(seed, test):
    """Return what a hidden test draws its inputs from, for the seed of a grading and the test's name."""
    import torch
    return torch.Generator().manual_seed(seed ^ zlib.crc32(test.encode()))


def run_check(check, student, seed):
    """Run one hidden check. Returns (status, message): passed, failed, error, timeout or missing."""
    try:
        check.function(student, generator(seed, check.function.__name__))
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


def grade_source(sandbox, source, checks, seed, on_check=lambda check: None):
    """Grade the text of one graded file.

    Args:
        sandbox: running Sandbox of the module.
        on_check: called with each check before it runs.
    Returns:
        items of the report: name -> {"points", "max", "status", "message", "hint"}, and the outcome of each check as a
        list of (check, status).
    """
    items, outcomes = {}, []
    started = time.perf_counter()
    broken = None
    try:
        sandbox.observe(source, None, {}, {}, LOAD_TIMEOUT)
    except Unanswered as error:
        broken = (error.kind, f"the file cannot be imported: {error}")
    student = Student(sandbox, source, round(time.perf_counter() - started, 1))  # each observation imports it again
    for check in checks:
        on_check(check)
        status, message = broken or run_check(check, student, seed)
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


def check_style(source, name):
    """Run pycodestyle over the text, in a process of its own with a time limit. Returns the report's "style"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.py")
        path.write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "pycodestyle", "--max-line-length=120", path.name]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace",
                                  timeout=STYLE_TIMEOUT)
        except subprocess.TimeoutExpired:
            return {"status": "timeout", "count": 0, "findings": []}
    findings = [printable(line) for line in done.stdout.splitlines()]
    return {"status": "passed" if done.returncode == 0 else "failed", "count": len(findings), "findings": findings[:20]}


def infer_assignment(submission):
    """Return the one assignment that a submission holds a graded file of."""
    from coursekit.release import discover
    found = []
    for name in discover(ROOT):
        try:
            read_graded_file(submission, name)
            found.append(name)
        except NoGradedFile:
            pass
    if len(found) != 1:
        what = "files of " + " and ".join(found) if found else "no graded file"
        raise SubmissionError(f"{submission} holds {what}: say which assignment with --assignment")
    return found[0]


def grade(submission, assignment=None, seed=None, notebook=True, on_check=lambda check: None):
    """Grade a submission (a folder or a zip file) and return the report as a dict.

    Raises:
        SubmissionError: nothing there that could be graded.
    """
    from coursekit.release import course_files, discover, write_files
    started = time.perf_counter()
    assignment = assignment or infer_assignment(submission)
    source = read_graded_file(submission, assignment)
    seed = secrets.randbits(31) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="course-grade-") as folder:
        course = Path(folder, "course")
        # Our notebook over the student's module: what it has gaps for itself is filled.
        write_files(course_files(ROOT, {assignment: discover(ROOT)[assignment]}, code_gaps=False), course)
        with Sandbox(assignment, course) as sandbox:
            checks = load_checks(assignment)  # imports torch here while the sandbox does there
            items, _ = grade_source(sandbox, source, checks, seed, on_check)
        style = check_style(source, assignment)
        if notebook:
            from coursekit.notebook import run_notebook
            executed = run_notebook(course, assignment, source)
        else:
            executed = {"status": "skipped", "cells": 0, "failed": []}
    import torch
    why_not = why_not_isolated()
    return {
        "submission": printable(str(submission)), "assignment": assignment,
        "score": sum(item["points"] for item in items.values()), "max": sum(item["max"] for item in items.values()),
        "seed": seed, "isolated": why_not is None, "why_not_isolated": why_not,
        "items": items, "style": style, "notebook": executed,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": round(time.perf_counter() - started, 2),
    }


def table(report):
    """Format a report for the terminal: item, points, what was wrong, a hint."""
    from textwrap import wrap
    lines = [f"{report['submission']}: {report['score']} of {report['max']} points "
             f"(assignment {report['assignment']}, seed {report['seed']}, {report['seconds']:.1f} s)"]
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


def write_report(report, folder):
    """Write report.json. The file appears whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "report.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def add_arguments(parser):
    parser.add_argument("submission", help="folder or zip file")
    parser.add_argument("--assignment", help="default: the one that the submission holds a file of")
    parser.add_argument("--out", help="folder for report.json (default: runs/grades/<submission>)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of the table")
    parser.add_argument("--no-notebook", action="store_true", help="do not execute the notebook")
    parser.add_argument("--seed", type=int, help="replay a grading (default: a fresh seed, noted in the report)")


def main(args):
    """Run `./course grade`. Returns the exit code: 0 graded, 2 unusable submission or sandbox."""
    from coursekit.release import discover
    names = list(discover(ROOT))
    if args.assignment and args.assignment not in names:
        print(f"there is no assignment {args.assignment!r}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    show = (lambda check: print(f"\r{check.item:<40}", end="", file=sys.stderr, flush=True)) \
        if sys.stderr.isatty() else (lambda check: None)
    try:
        report = grade(Path(args.submission), args.assignment, args.seed, not args.no_notebook, show)
    except (SubmissionError, SandboxError) as error:
        print(f"cannot grade: {printable(str(error))}", file=sys.stderr)
        return 2
    if sys.stderr.isatty():
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    out = Path(args.out) if args.out else ROOT / "runs" / "grades" / Path(args.submission).resolve().stem
    write_report(report, out)
    print(json.dumps(report, indent=2, ensure_ascii=False) if args.json else table(report))
    if not args.json:
        print(f"  report: {out / 'report.json'}")
    return 0
