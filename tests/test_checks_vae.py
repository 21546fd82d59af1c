"""The hidden and the public checks of helpers/vae.py accept every right variant and name every typical mistake.

A grading with all checks takes the better part of a second, and the bank is large. So right variants of different gaps
are graded together, and a mistake meets the checks of what it changes; one of each kind meets all checks. With
COURSE_ALL_CHECKS=1 in the environment every mistake meets all checks (two minutes more).
"""
import os
import sys
import textwrap
import types

import pytest

import helpers.given.checks.vae as public_vae
from banks.vae import COURSEWORK, COURSEWORK_ITEMS, RIGHT, WRONG
from coursekit.grade import grade_source, load_checks
from coursekit.release import gaps, open_gap
from coursekit.sandbox import ROOT, Sandbox
from helpers.given import checks as public

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
GAPS = [gap.qualname for gap in gaps(SOLUTION)]
CHECKS = load_checks("vae")
SEED = 2024


def replace_once(text, old, new):
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times, so it says nothing about what changes"
    return text.replace(old, new)


def variant(source, change):
    """Return the source with a change of the bank made; see banks/vae.py for its form."""
    for place, new in change.items():
        if place == "file":
            for pair in new:
                source = replace_once(source, *pair)
            continue
        gap, = [gap for gap in gaps(source) if gap.qualname == place]
        lines = source.split("\n")
        body = "\n".join(lines[gap.start:gap.end - 1]) + "\n"
        indent = " " * (len(body) - len(body.lstrip(" ")))
        if isinstance(new, str):
            body = textwrap.dedent(new).strip("\n") + "\n"
        else:
            body = textwrap.dedent(body)
            for pair in new:
                body = replace_once(body, *pair)
        lines[gap.start:gap.end - 1] = textwrap.indent(body, indent).rstrip("\n").split("\n")
        source = "\n".join(lines)
    return source


def packed(changes):
    """Join changes of different places: {"name, name, ...": change of all of them}."""
    packs = []
    for name, change in changes.items():
        for names, places in packs:
            if not places.keys() & change.keys():
                names.append(name)
                places.update(change)
                break
        else:
            packs.append(([name], dict(change)))
    return {", ".join(names): places for names, places in packs}


def judges(check, gap):
    """True if a hidden check is about this gap. A class stands for all gaps in it."""
    return gap == check.gap or gap.startswith(f"{check.gap}.")


def one_of_each_kind():
    """Names of mistakes: for each item, one for each combination of places that its mistakes change."""
    kinds = {}
    for name, (item, _, change) in WRONG.items():
        kinds.setdefault((item, *change), name)
    return list(kinds.values())


PACKS = packed(RIGHT)


@pytest.fixture(scope="module")
def report():
    """A function that grades a source text and returns its items. One worker serves all tests."""
    with Sandbox("vae", ROOT) as sandbox:
        yield lambda source, checks=CHECKS, seed=SEED: grade_source(sandbox, source, checks, seed)[0]


def lost(items):
    """The items that lost points, with what the student reads."""
    return {name: f"{item['status']}: {item['message']}. Hint: {item['hint']}"
            for name, item in items.items() if item["points"] < item["max"]}


@pytest.mark.parametrize("seed", [0, 1, 123456])
def test_solution_with_any_seed(report, seed):
    items = report(SOLUTION, seed=seed)
    assert list(items) == ["vae.reparametrize", "vae.loss_function", "vae.kl_weight", "vae.VAE", "vae.CVAE",
                           "vae.ConvVAE", "vae.get_mu_logvar", "vae.sample_on_grid", "vae.interpolate"]
    assert not lost(items)


@pytest.mark.parametrize("names", PACKS)
def test_right_variants(report, names):
    found = lost(report(variant(SOLUTION, PACKS[names])))
    assert not found, (names, found)


@pytest.mark.parametrize("name", WRONG)
def test_mistake_is_named(report, name):
    """It costs points of its item, and the student reads what it is; so for another item of the same gap."""
    item, words, change = WRONG[name]
    checks = [check for check in CHECKS if check.item == item or any(judges(check, gap) for gap in change)]
    items = report(variant(SOLUTION, change), checks)
    assert list(lost(items)) == [item], lost(items)
    assert items[item]["status"] in ("failed", "error") and items[item]["message"], items[item]
    assert words in f"{items[item]['message']} {items[item]['hint']}"


@pytest.mark.parametrize("name", WRONG if os.environ.get("COURSE_ALL_CHECKS") else one_of_each_kind())
def test_mistake_costs_nothing_else(report, name):
    item, _, change = WRONG[name]
    items = report(variant(SOLUTION, change))
    assert list(lost(items)) == [item], lost(items)


def test_every_item_has_mistakes():
    assert {item for item, _, _ in WRONG.values()} == {check.item for check in CHECKS}


@pytest.mark.parametrize("gap", GAPS)
def test_open_gap_loses_its_own_points(report, gap):
    judging = [check for check in CHECKS if judges(check, gap)]
    assert judging, "no hidden check judges this gap"
    items = report(open_gap(SOLUTION, gap))
    expected = {name: sum(check.points for check in CHECKS if check.item == name and check not in judging)
                for name in items}
    assert {name: item["points"] for name, item in items.items()} == expected, lost(items)
    assert all(items[name]["status"] == "missing" and gap in items[name]["message"] for name in lost(items))


def test_file_of_another_course(report):
    """Its four names get full points; what it does not have is missing, and costs nothing else."""
    items = report(COURSEWORK)
    assert set(items) - set(lost(items)) == set(COURSEWORK_ITEMS), lost(items)
    for name in lost(items):
        assert items[name]["points"] == 0
        assert items[name]["status"] == ("error" if name == "vae.kl_weight" else "missing"), items[name]


# The public checks run in this process: everything here is our own code.

def run_public(monkeypatch, source, name):
    """Run a public check on a source text, as if that were helpers/vae.py."""
    module = types.ModuleType("helpers.vae")
    monkeypatch.setitem(sys.modules, "helpers.vae", module)
    exec(source, module.__dict__)
    monkeypatch.setattr(public_vae, "vae", module)
    return public.run(name)


@pytest.mark.parametrize("name", public.names("vae"))
def test_public_check_accepts_the_solution_in_time(name):
    results = [public.run(name) for _ in range(3)]
    assert [result.status for result in results] == ["passed"] * 3, results[0]
    assert min(result.seconds for result in results) < 0.2


@pytest.mark.parametrize("names", PACKS)
def test_public_checks_accept_right_variants(monkeypatch, names):
    source = variant(SOLUTION, PACKS[names])
    results = [run_public(monkeypatch, source, check) for check in public.names("vae")]
    found = [result for result in results if result.status != "passed"]
    assert not found, (names, found)


def test_public_checks_accept_the_file_of_another_course(monkeypatch):
    for check in public.names("vae"):
        if check.startswith(COURSEWORK_ITEMS):
            result = run_public(monkeypatch, COURSEWORK, check)
            assert result.status == "passed", result
