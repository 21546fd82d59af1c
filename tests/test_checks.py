"""The hidden and the public checks accept every right variant and name every typical mistake, for each assignment with
a bank in autograde_tests/banks.

This is the short form of `./course audit`: right variants of different gaps are graded together, of the mistakes of an
item only the first ones count, and a mistake meets the checks of what it changes; one of each kind meets all checks.
"""
import contextlib
import functools
import time

import pytest
import torch

from coursekit import audit
from coursekit.gaps import open_gap
from coursekit.grading.ask import LOAD_TIMEOUT, Student
from coursekit.grading.judge import items_of, judge, run_check
from coursekit.sandbox import Sandbox, Unanswered
from helpers.given import checks as public
from helpers.given.course import ROOT

BANKS = {name: audit.load(name) for name in audit.names()}
SEED = 2024


def each(entries):
    """Parametrize with the entries of all banks; entries(bank) gives their names."""
    found = [(bank, entry) for bank in BANKS.values() for entry in entries(bank)]
    return pytest.mark.parametrize("bank, name", found, ids=[f"{bank.name}: {entry}" for bank, entry in found])


def one_of_each_kind(bank):
    """Names of mistakes: for each item, one for each combination of places that its mistakes change."""
    kinds = {}
    for name, (item, _, change) in bank.wrong.items():
        kinds.setdefault((item, *change), name)
    return kinds.values()


def first_ones(bank):
    """Names of the first mistakes of each item, as many as an audit wants, and of one of each kind."""
    found = set(one_of_each_kind(bank))
    for item in bank.items:
        own = [name for name, (of, _, _) in bank.wrong.items() if of == item]
        found.update(own[:audit.WRONG_WANTED])
    return [name for name in bank.wrong if name in found]


@functools.cache
def packs(name):
    """The right variants, those of different places together: {"name, name, ...": change}."""
    return audit.packed(BANKS[name].right)


@pytest.fixture(scope="module")
def report():
    """A function that grades a source text and returns its items. One guest serves all tests of an assignment, and one
    process of it all questions about a text: what is graded here is our own, and leaves nothing behind that would
    change another answer. Only if that process ends is the text judged as a submission is."""
    with contextlib.ExitStack() as stack:
        @functools.cache
        def sandbox(name):
            return stack.enter_context(Sandbox(name, ROOT))

        def graded(bank, source, checks=None, seed=SEED):
            with contextlib.suppress(Unanswered), sandbox(bank.name).session(source, LOAD_TIMEOUT) as session:
                student = Student(session.observe)
                items = items_of([(check, *run_check(check, student, seed)) for check in checks or bank.checks])
                if session.alive:
                    return items
            return judge(sandbox(bank.name), source, checks or bank.checks, seed)[0]

        yield graded


def test_there_are_banks():
    assert "vae" in BANKS


@pytest.mark.parametrize("seed", [0, 1, 123456])
@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_solution_with_any_seed(report, bank, seed):
    assert not audit.lost(report(bank, bank.solution, seed=seed))


@each(lambda bank: packs(bank.name))
def test_right_variants(report, bank, name):
    found = audit.lost(report(bank, bank.source(name, packs(bank.name)[name])))
    assert not found, (name, found)


@each(first_ones)
def test_mistake(report, bank, name):
    """It costs points of its item only, and the student reads what it is."""
    item, words, change = bank.wrong[name]
    checks = bank.checks if name in one_of_each_kind(bank) else bank.about(item, change)
    assert not audit.fault(report(bank, bank.source(name, change), checks), item, words)


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_every_item_has_mistakes(bank):
    assert {item for item, _, _ in bank.wrong.values()} == set(bank.items)


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_every_variant_fits_the_solution(bank):
    """The tests above take some of them; `./course audit` needs all."""
    for name, change in {**bank.right, **{name: change for name, (_, _, change) in bank.wrong.items()}}.items():
        assert bank.source(name, change) != bank.solution or not change, name


@each(lambda bank: bank.gaps)
def test_open_gap_loses_its_own_points(report, bank, name):
    judging = [check for check in bank.checks if audit.judges(check, name)]
    assert judging, "no hidden check judges this gap"
    items = report(bank, open_gap(bank.solution, name))
    expected = {item: sum(check.points for check in bank.checks if check.item == item and check not in judging)
                for item in items}
    assert {item: items[item].points for item in items} == expected, audit.lost(items)
    assert all(items[item].status == "missing" and name in items[item].message for item in audit.lost(items))


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_file_of_another_course(report, bank):
    """Its names that the assignment has, too, get full points; what it does not have costs nothing else."""
    items = report(bank, bank.coursework)
    assert set(items) - set(audit.lost(items)) == set(bank.coursework_items), audit.lost(items)
    for name in audit.lost(items):
        assert items[name].points == 0 and items[name].status in ("missing", "error"), items[name]


# The public checks run in this process: everything here is our own code.

def test_what_a_check_leaves_in_torch_is_undone(monkeypatch):
    def leaves():
        torch.set_grad_enabled(False), torch.set_default_dtype(torch.float64), torch.manual_seed(1)

    name, before = public.names("vae")[0], torch.get_rng_state()
    monkeypatch.setitem(public.PUBLIC, name, (leaves, 1, ""))
    assert public.run(name).status == "passed"
    assert torch.is_grad_enabled() and torch.get_default_dtype() == torch.float32
    assert torch.equal(torch.get_rng_state(), before)


@each(lambda bank: public.names(bank.name))
def test_public_check_accepts_the_solution_in_time(bank, name):
    seconds = []
    while len(seconds) < 3 or len(seconds) < 12 and min(seconds) >= 0.2:  # other programs make even this time longer
        begin = time.process_time()
        result = public.run(name)
        seconds.append(time.process_time() - begin)
        assert result.status == "passed", result
    assert min(seconds) < 0.2


@each(lambda bank: packs(bank.name))
def test_public_checks_accept_right_variants(bank, name):
    found = audit.run_public(bank.name, bank.source(name, packs(bank.name)[name]))
    assert not found, (name, found)


@pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)
def test_public_checks_accept_the_file_of_another_course(bank):
    found = audit.run_public(bank.name, bank.coursework)
    assert not [check for check in found if check.startswith(bank.coursework_items)], found
