"""Judges a graded file by the hidden checks of its assignment."""
import dataclasses
import functools
import hashlib
import importlib
import re
import sys
import zlib

from coursekit.grading import ask
from coursekit.grading.ask import Student
from coursekit.grading.report import Item
from coursekit.sandbox import SandboxError, Unanswered, printable, told
from helpers.given import syntax
from helpers.given.imports import graded_alone

NOT_IMPORTED = "the file cannot be imported"
NOT_JUDGED = "not judged: {} Your instructor has to look"


def load_checks(module):
    """Return the hidden checks of a module, in the order of its test file."""
    from autograde_tests import CHECKS
    home = importlib.import_module(f"autograde_tests.test_{module}").__name__
    return [check for check in CHECKS if check.function.__module__ == home]


def generator(seed, test):
    """Return what a hidden test draws its inputs from, for the seed of a grading and the test's name."""
    import torch
    return torch.Generator().manual_seed(seed ^ zlib.crc32(test.encode()))


def run_check(check, student, seed):
    """Run one hidden check. Returns (status, message): passed, failed, error, timeout, missing or open."""
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
        # No code of the student's runs here: the check did not count on what came. That is forged, or strange and
        # perhaps right. Nobody gets points for it, and nobody a zero.
        where = f"{type(error).__name__} in {check.function.__name__}"
        return "open", NOT_JUDGED.format(f"the check itself failed on what came ({where}).")


def run_remembered(check, session, student, seed, known):
    """As `run_check`, in a session. What a check asks and decides follows from the seed and from the answers that it
    gets: after answers that have come before, byte for byte, it is not computed again.

    known: {(name of the check, digest of the answers so far): the packed request that follows, or the outcome}, of one
    seed. It grows.
    """
    name, digest, replies = check.function.__name__, b"", []

    def reply_to(request):
        nonlocal digest
        replies.append(session.exchange(request, student.seconds()))
        digest = hashlib.sha256(digest + hashlib.sha256(replies[-1]).digest()).digest()
        return replies[-1]

    try:
        while isinstance(step := known.get((name, digest)), bytes):
            reply_to(step)
    except Unanswered as error:
        return error.kind, str(error)
    if step:
        return step
    again = iter(replies[:])

    def observe(probe, inputs, _):
        reply = next(again, None)
        if reply is None:
            request = session.sandbox.packed(probe, inputs)
            known[name, digest] = known.setdefault(request, request)  # one of many that are the same
            reply = reply_to(request)
        return told(reply, not session.alive)

    outcome = run_check(check, Student(observe), seed)
    known.setdefault((name, digest), outcome)  # a request stands there that got no answer: then nothing is known
    return outcome


def judge(sandbox, source, checks, seed, notes=None, known=None):
    """Judge the text of one graded file.

    All checks ask one process first. Those that do not pass there ask again, with a process for each observation.

    Args:
        sandbox: running Sandbox of the module.
        notes: a list that gets what the student should know of the file as a whole.
        known: see `run_remembered`. None: nothing is remembered.
    Returns:
        items of the report, {name: Item}, and the outcomes of the checks, a list of (check, status).
    Raises:
        MachineFault: there is no judgement, ask again in a new sandbox.
    """
    settled, before, end, notes = {}, sandbox.had, 0.0, [] if notes is None else notes

    def left():
        return end - sandbox.had

    try:
        with sandbox.session(source, ask.LOAD_TIMEOUT) as session:
            load_seconds = round(sandbox.had - before, 1)
            end = sandbox.had + ask.TOTAL_TIMEOUT
            notes.extend(told_of_absent(sandbox.module, session.absent))
            student = Student(session.observe, min(ask.QUICK_TIMEOUT, ask.CALL_TIMEOUT), left)
            for check in checks:
                if not session.alive:
                    break
                settled[check] = run_check(check, student, seed) if known is None else \
                    run_remembered(check, session, student, seed, known)
    except Unanswered as error:
        broken = error.kind, f"{NOT_IMPORTED}: {error}"
        if newer := told_of_newer_python(sandbox.module, source, str(error)):
            notes.append(newer)
            broken = "open", NOT_JUDGED.format(f"{NOT_IMPORTED}: {newer}")
        return items_of([(check, *broken) for check in checks], hints=False), [(check, broken[0]) for check in checks]
    # Whatever went wrong there may be the doing of what another check called before. It gets its own process, and time.
    student = Student(functools.partial(sandbox.observe, source), ask.CALL_TIMEOUT + load_seconds, left)
    outcomes = []
    for check in checks:
        status, message = settled.get(check, ("", ""))
        if status not in ("passed", "missing"):
            status, message = run_check(check, student, seed)
        if newer := status == "error" and told_of_newer_python(sandbox.module, source, message):
            status, message = "open", NOT_JUDGED.format(newer)
            notes += [] if newer in notes else [newer]
        outcomes.append((check, status, message))
    return items_of(outcomes), [(check, status) for check, status, _ in outcomes]


def told_of_absent(module, absent):
    """Lines about what a file imports and is not here. Its own modules, and other assignments', are told in the words
    of the public check (helpers.given.imports)."""
    own = [name for name in absent if name.startswith("helpers.")]
    others = ", ".join(name for name in absent if name not in own)
    without = "It was graded without: what uses that fails."
    if others:
        yield f"{module}.py imports {others}, which the grader does not have. {without}"
    if own:
        yield f"{graded_alone(module, own[0])}. {without}"


def told_of_newer_python(module, source, error):
    """A line about a file that a newer Python than this one may well read and run, or None. error: what came of it."""
    found = re.match(r"(?:SyntaxError|IndentationError): .*\(\w+\.py, line (\d+)\)$", error)
    if needed := syntax.needs(source, int(found[1])) if found else syntax.needs_for(error):
        (major, minor), what = needed
        where = f", line {found[1]}" if found else ""
        return (f"{module}.py needs Python {major}.{minor} ({what}{where}), and the grader has "
                f"{sys.version_info[0]}.{sys.version_info[1]}.")


def reopen(items):
    """The items of a file with which the notebook ran. If it could not be imported here, something is not as it is
    there: nothing is known, and all is open. Else they stay as they are."""
    if not all(item.message.startswith(NOT_IMPORTED) for item in items.values()):
        return items
    return {name: dataclasses.replace(item, status="open", message=NOT_JUDGED.format(
        f"{item.message}; but the notebook ran with it.")) for name, item in items.items()}


def items_of(outcomes, hints=True):
    """The items of a report, {name: Item}, from the outcomes of their checks: a list of (check, status, message)."""
    items = {}
    for check, status, message in outcomes:
        item = items.setdefault(check.item, Item())
        item.max += check.points
        if status == "passed":
            item.points += check.points
            continue
        if item.status == "passed" or status == "open":
            item.status = status
        message = printable(message)[:1000]  # it may quote what the student's code returned
        if message not in item.message:
            item.message += ("; " if item.message else "") + message
            if hints and status not in ("missing", "open"):
                between = "" if not item.hint else " " if item.hint.endswith(".") else ". "
                item.hint += between + check.hint
    return items
