"""`python -m helpers.given points`: what public checks, style and notebooks are worth, for who watches a push.

It is told in the terminal, in result.json, and on GitHub in the summary of the run and in two notices, all with one
total. The checks run in one process beside this one: whatever the student's code does there, the points are told.
"""
import contextlib
import json
import multiprocessing
import os
import queue
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from helpers.given.console import UserError, choose, describe, write
from helpers.given.course import ROOT, assignments

STEPS = ("checks", "style", "notebooks")
CELL_TIMEOUT = 300  # seconds for one notebook cell under nbval, in the smoke profile
START = 180  # seconds until a process answers: it imports PyTorch, perhaps on a busy machine
CHECK = 60  # seconds for one check, which takes a part of one
ALL = 480  # seconds for all checks: a runner's job ends after 15 minutes, and then nothing would be told
LOST = 3  # after so many checks of an assignment that end the process, its others are not tried
LAST = 10  # lines of what a command said: pytest sums up at its end
NOTEBOOK = 900  # seconds for one notebook or the style, in the smoke profile
LONGEST = 2000  # characters of a message: what an error quotes may be of any length
IN_SUMMARY = 600  # of these in the summary: GitHub takes 1 MiB of all
STATUSES = ("passed", "failed", "error", "missing")  # of a public check
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Line:
    """What one check is worth. status: that of a public check's Result, or "not begun". points: got. max: to be had."""

    name: str
    status: str
    points: int
    max: int
    message: str = ""
    hint: str = ""


def tell(names=(), out=None):
    """Run what is asked for and tell it. Returns 1 if something that is begun does not pass, else 0.

    An assignment that is not begun is no failure, and has no points. Its maximum is part of the total all the same,
    which so does not change over the weeks.

    Args:
        names: of assignments, and of STEPS; default: checks and style of all assignments.
        out: where result.json goes; default: the course's folder. See `as_json`.
    """
    known, out = released(), Path(out or ROOT / "result.json")
    for name in names:
        choose(name, {**known, **dict.fromkeys(STEPS)}, "assignment or step")
    if not out.absolute().parent.is_dir():
        raise UserError(f"there is no folder {out.absolute().parent} for {out.name}: make it, or choose another --out")
    chosen = [name for name in names if name not in STEPS] or list(known)
    steps = [step for step in STEPS if step in names] or ["checks", "style"]

    out.unlink(missing_ok=True)  # that of an earlier run must not be taken for this one's
    lines = []
    for line in run({name: known[name] for name in chosen}, steps):
        print(as_text(line), flush=True)
        lines.append(line)
    print(in_words(lines))
    if os.environ.get("GITHUB_ACTIONS") and "checks" in steps:
        print(*notices(lines), sep="\n")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with open(summary, "a", encoding="utf-8", errors="replace") as stream:
                stream.write(as_markdown(lines))
        except OSError as error:
            print(f"no summary: {describe(error)}", file=sys.stderr)
    write(out, json.dumps(as_json(lines), indent=2, ensure_ascii=False) + "\n")
    return int(any(line.status not in ("passed", "not begun") for line in lines))


# ---------------------------------------------------------------------------------------------------------------
# What is run
# ---------------------------------------------------------------------------------------------------------------

def released():
    """The assignments that there are checks of, {name: Assignment}; None for one whose notebook or helper is gone. It
    must not fall out of the total."""
    there = {path.stem for path in (ROOT / "helpers/given/checks").glob("*.py")} - {"__init__", "engine"}
    known = assignments(ROOT)
    return {**known, **dict.fromkeys(sorted(there - set(known)))}


def run(chosen, steps):
    """Yield the Lines of these assignments, {name: Assignment or None}, as they come."""
    begun = []
    for name, lines in zip(chosen, run_checks(list(chosen))):
        if all(line.status == "missing" for line in lines):
            lines = [Line(name, "not begun", 0, sum(line.max for line in lines))]
        else:
            begun.append(name)
        if "checks" in steps:
            yield from lines
    if "style" in steps:
        yield attempt("style", begun and style_command([f"helpers/{name}.py" for name in begun]))
    if "notebooks" in steps:
        for name, assignment in chosen.items():
            if assignment is None:
                yield Line(f"notebook {name}", "failed", 0, 1, "the notebook or the helper is not there under the name "
                           "that it had")
            else:
                yield attempt(f"notebook {name}", name in begun and notebook_command(assignment))


def attempt(name, command):
    """The Line of a command that is worth a point. command: false if there is nothing to run it on yet."""
    if not command:
        return Line(name, "not begun", 0, 1)
    try:
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "COURSE_PROFILE": "smoke"}, capture_output=True,
                              text=True, encoding="utf-8", errors="replace", timeout=NOTEBOOK)
    except subprocess.TimeoutExpired:
        return Line(name, "error", 0, 1, f"it took more than {NOTEBOOK} seconds")
    if done.returncode == 0:
        return Line(name, "passed", 1, 1)
    told = (done.stdout + done.stderr).strip().splitlines()
    return Line(name, "failed", 0, 1, "\n".join(told[-LAST:])[:LONGEST])


def style_command(paths):
    return [sys.executable, "-m", "helpers.given.style", *paths]


def notebook_command(assignment):
    """Run a notebook up to the first cell that fails."""
    return [sys.executable, "-m", "pytest", "-q", "-x", "--nbval-lax", "--nbval-current-env",
            f"--nbval-cell-timeout={CELL_TIMEOUT}", assignment.notebook.as_posix()]


def run_checks(modules):
    """Run the public checks of graded modules. Yields a list of Lines for each of them.

    A check that ends its process, or does not come back, is lost, and the next one gets another process.
    Raises UserError if no check can run here.
    """
    deadline = time.monotonic() + ALL
    try:
        process = Checks(modules, START)
    except Silent as silent:
        raise UserError(f"the public checks do not run here: {silent} ./course doctor says what to mend") from None
    worth = process.worth
    try:
        for module in modules:
            lines, lost = [], 0
            for name, most in worth[module].items():
                left, hint, status = deadline - time.monotonic(), "", "error"
                if lost == LOST:
                    message = f"not tried: {LOST} checks of this file got no answer"
                elif left <= 0:
                    message = f"not tried: all checks together took more than {ALL} seconds"
                else:
                    try:
                        process = process or Checks(modules, min(START, left))
                        status, message, hint = process.ask(name, min(CHECK, left))
                    except Silent as silent:
                        message, process, lost = str(silent), None, lost + 1
                lines.append(Line(name, status, most * (status == "passed"), most, message, hint))
            yield lines
    finally:
        if process:
            process.stop()


class Silent(Exception):
    """A check got no answer, and its process is gone. The message says why."""


class Checks:
    """A process that runs one public check after the other. worth: {"vae": {"vae.reparametrize": 1, ...}, ...}.

    What it says is JSON: to unpickle it would run here what student code may have put there.
    """

    def __init__(self, modules, seconds):
        self.pipe, theirs = SPAWN.Pipe()
        self.process, self.replies = SPAWN.Process(target=answer, args=(theirs, modules)), queue.Queue()
        self.process.start()
        theirs.close()  # so that it is heard when the process ends
        threading.Thread(target=self.listen, daemon=True).start()
        self.worth = self.hear(seconds, lambda told: isinstance(told, dict))

    def ask(self, name, seconds):
        """Run a check: (status, message, hint). Raises Silent."""
        with contextlib.suppress(OSError):  # it has ended: `hear` says so
            self.pipe.send_bytes(name.encode())
        return [text[:LONGEST] for text in self.hear(seconds, is_result)]

    def listen(self):
        """Pass on what the process says. In a thread of its own: half a message must not hold up the rest."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self.replies.put(self.pipe.recv_bytes(1 << 26))
        self.replies.put(None)

    def hear(self, seconds, usable):
        """What it says next. usable: a function that tells if that is an answer. Raises Silent."""
        try:
            said = self.replies.get(timeout=seconds)
        except queue.Empty:
            why = f"no answer within {seconds:.0f} seconds: is there a loop without an end?"
        else:
            with contextlib.suppress(ValueError, RecursionError):
                if said is not None and usable(told := json.loads(said)):
                    return told
            self.process.join(0 if said else 5)
            code = self.process.exitcode
            why = "it gave no usable answer" if code is None else \
                f"it ended Python ({f'signal {-code}' if code < 0 else f'exit code {code}'})"
        self.stop()
        raise Silent(why)

    def stop(self):
        self.process.kill()
        self.process.join()


def is_result(told):
    """True for [status, message, hint]."""
    return (isinstance(told, list) and len(told) == 3 and told[0] in STATUSES
            and all(isinstance(text, str) for text in told))


def answer(pipe, modules):
    """Run in the process: say which checks there are, then answer one name after the other."""
    from helpers.given import checks

    def end_with_parent():
        connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    def say(value):
        pipe.send_bytes(json.dumps(value).encode())

    threading.Thread(target=end_with_parent, daemon=True).start()

    say({module: {name: checks.PUBLIC[name][1] for name in checks.names(module)} for module in modules})
    with contextlib.suppress(EOFError):
        while name := pipe.recv_bytes().decode():
            result = checks.run(name)
            sys.stdout.flush()  # this process is killed at its end, and notes of checks would be lost
            say([result.status, result.message, result.hint])


# ---------------------------------------------------------------------------------------------------------------
# What is told
# ---------------------------------------------------------------------------------------------------------------

def total(lines):
    """Points and maximum."""
    return sum(line.points for line in lines), sum(line.max for line in lines)


def in_words(lines):
    score, most = total(lines)
    return f"{score} of {most} points (the grader has further checks)"


def with_hint(message, hint):
    return "\n".join(filter(None, (message, hint and f"Hint: {hint}")))


def as_text(line):
    indented = "".join(f"\n          {row}" for row in with_hint(line.message, line.hint).splitlines())
    return f"{line.status:<9} {line.name:<36} {line.points} of {line.max}{indented}"


def as_json(lines):
    """What result.json holds. Its names are those of Classroom 50's results."""
    score, most = total(lines)
    return {"score": score, "max-score": most, "tests": [
        {"test-name": line.name, "passed": line.status == "passed", "score": line.points, "max-score": line.max,
         "status": line.status, "message": line.message, "hint": line.hint} for line in lines]}


def as_markdown(lines):
    """The summary of a run: a table."""
    rows = ["| check | | points | |", "| --- | --- | --- | --- |"]
    for line in lines:
        told = with_hint(line.message[:IN_SUMMARY], line.hint)
        told = re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", told)  # it quotes what students write
        told = "<br>".join(told.splitlines())
        rows.append(f"| {line.name} | {line.status} | {line.points} of {line.max} | {told} |")
    return "\n".join([f"### {in_words(lines)}", "", *rows, "", ""])


def notices(lines):
    """The two lines by which GitHub Classroom's reporter told the points. Programs that collected them still look for
    these titles (classroom-resources/autograding-grading-reporter)."""
    score, most = total(lines)
    yield f"::notice title=Autograding complete::Points {score}/{most}"
    yield "::notice title=Autograding report::" + json.dumps({"totalPoints": score, "maxPoints": most},
                                                             separators=(",", ":"))
