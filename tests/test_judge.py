"""What is remembered from one submission to the next decides as if it had been computed. And a slip is named once."""
import dataclasses
import importlib
import types

import pytest

from coursekit import audit
from coursekit.grading.ask import Student
from coursekit.grading.judge import items_of, judge, load_checks, run_check
from coursekit.sandbox import Sandbox
from helpers.given.course import ROOT

BANK = audit.load("vae")
SOLUTION = BANK.source("solution", {})
MISTAKES = ("reparametrize: variance for sigma", "VAE: own draw with the variance", "interpolate: one pair only")
FILES = {"the solution": SOLUTION, **{name: BANK.source(name, BANK.wrong[name][2]) for name in MISTAKES},
         "ends its process": SOLUTION + "\n\ndef interpolate(*_):\n    import os\n    os._exit(0)\n",
         "another seed": SOLUTION.replace("import math\n", "import math\nimport random\nrandom.seed(1)\n", 1)}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("vae", ROOT) as running:
        yield running


def judged(*arguments, **options):
    """Points, status and message of each item, without what pytest adds to the text of an assertion."""
    return {name: (item.points, item.status, item.message.partition(" assert ")[0])
            for name, item in judge(*arguments, **options)[0].items()}


def test_the_same_with_memory_and_without(sandbox):
    computed = []

    def counting(function):
        def check(*arguments):
            computed.append(function.__name__)
            return function(*arguments)
        check.__name__ = function.__name__
        return check

    plain = load_checks("vae")
    checks = [dataclasses.replace(check, function=counting(check.function)) for check in plain]
    known, first = {}, {}
    for name, source in FILES.items():
        first[name] = judged(sandbox, source, checks, 7, known=known)
        assert first[name] == judged(sandbox, source, plain, 7), name
    for name, source in FILES.items():
        computed.clear()
        assert judged(sandbox, source, checks, 7, known=known) == first[name], name
        assert len(set(computed)) < len(checks) / 4, "what has passed was computed again"


@pytest.mark.parametrize("name, function", [("diffusion", "guided_noise"), ("flow", "guided_velocity")])
def test_a_slip_that_looks_like_another_one_at_scale_0_is_named_as_what_it_is(name, function):
    def starts_from_the_labelled(model, x, t, labels, scale):
        with_labels = model(x, t, labels)
        return with_labels + scale * (with_labels - model(x, t, labels * 0 + model.null_label))

    probes = importlib.import_module(f"autograde_tests.probes.{name}")
    module = types.SimpleNamespace(**{function: starts_from_the_labelled})
    student = Student(lambda probe, inputs, _: getattr(probes, probe)(module, **inputs))
    outcomes = [run_check(check, student, 0) for check in load_checks(name) if check.item == f"{name}.{function}"]
    assert len(outcomes) == 2
    for status, message in outcomes:
        assert status == "failed" and "off by one" in message and "sign" not in message


def test_the_hints_of_one_item_are_sentences():
    hints = "Size: 400.", "ReLU, none on mu", "x = x + ..., not x += ...", "the end"
    checks = [types.SimpleNamespace(item="vae.VAE", points=1, hint=hint) for hint in hints]
    item = items_of([(check, "failed", check.hint[:4]) for check in checks])["vae.VAE"]
    assert item.hint == "Size: 400. ReLU, none on mu. x = x + ..., not x += ... the end"
    assert item.message == "Size; ReLU; x =; the"
