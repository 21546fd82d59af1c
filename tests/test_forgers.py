"""What a submission gets that has no answer, but says what it likes: the ceiling that docs/instructor.md states.

A file can take over the pipes of its process (attacks.py shows it), and then answer a probe's question with
whatever it wants. autograde_tests/forgers/<assignment>.py is the best such file that we could write without solving an
exercise. It answers here directly, without a sandbox between: what it gets is the same, and it takes seconds.
"""
import importlib

import pytest

from coursekit.grading.ask import Student
from coursekit.grading.judge import load_checks, run_check
from helpers.given.course import ROOT, assignments

NAMES = sorted(path.stem for path in (ROOT / "autograde_tests" / "forgers").glob("*.py"))
SEEDS = range(8)


def forged(name, seed):
    """The points of each item that the forger of an assignment gets."""
    forger = importlib.import_module(f"autograde_tests.forgers.{name}").Forger()
    student = Student(lambda probe, inputs, timeout: forger.answer(probe, inputs))
    points = {}
    for check in load_checks(name):
        status, _ = run_check(check, student, seed)
        points[check.item] = points.get(check.item, 0) + check.points * (status == "passed")
    return points


@pytest.mark.parametrize("name", NAMES)
def test_ceiling(name):
    """With eight seeds: the forger gets no more than its file states, and at least once as much: else it could be
    lowered."""
    best = {}
    for seed in SEEDS:
        for item, points in forged(name, seed).items():
            best[item] = max(best.get(item, 0), points)
    ceiling = importlib.import_module(f"autograde_tests.forgers.{name}").CEILING
    assert {item: points for item, points in best.items() if points} == ceiling
    row = f"| {name} | {sum(check.points for check in load_checks(name))} | {sum(ceiling.values())} |"
    assert row in (ROOT / "docs/instructor.md").read_text(encoding="utf-8")


def test_every_assignment_has_a_forger():
    assert NAMES == sorted(assignments())
