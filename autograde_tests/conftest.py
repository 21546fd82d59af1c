"""Lets pytest run the hidden checks against the repository's own solutions: `pytest autograde_tests [--seed N]`.

A file test_<module>.py is about helpers/<module>.py. A grading runs the same tests without pytest, see
coursekit.grading.
"""
import pytest

from coursekit.grading.ask import LOAD_TIMEOUT, Student
from coursekit.grading.judge import generator
from coursekit.sandbox import Sandbox
from helpers.given.course import ROOT


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="what the hidden checks draw their inputs from; a grading "
                     "writes its own into report.json (default: %(default)s)")


@pytest.fixture(scope="module")
def student(request):
    """The solution in a sandbox. A test file is about one module, so there is one process for the whole file."""
    module = request.path.stem.removeprefix("test_")
    source = (ROOT / "helpers" / f"{module}.py").read_text(encoding="utf-8")
    with Sandbox(module, ROOT) as sandbox, sandbox.session(source, LOAD_TIMEOUT) as session:
        yield Student(session.observe)


@pytest.fixture
def rng(request):
    """What a grading with the seed of the command line gives this test."""
    return generator(request.config.getoption("--seed"), request.node.originalname)
