"""A challenge: places with spread, names that say nothing, and who is told what."""
import dataclasses
import importlib
import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from autograde_tests.trained.challenge import Challenge
from coursekit.classes import leaderboard
from coursekit.classes.gradebook import build
from coursekit.classes.results import Results
from coursekit.grading import challenge
from coursekit.grading.measuring import challenge_of, declared_in, measures_of
from coursekit.grading.report import Item, Report
from coursekit.grading.tell import tell
from coursekit.sandbox import Unanswered
from helpers.given.course import ROOT, assignments

RULES = Challenge("unet", "distance", "asc", 100, "20 steps")
GOOD = {"weights": "unet", "quantity": "distance", "order": "asc", "budget": "20 steps", "numbers": 90, "value": 2.0,
        "spread": 0.1, "problem": ""}


def achieved(order="asc", **values):
    return {key: {**GOOD, "order": order, "value": value, "spread": spread} for key, (value, spread) in values.items()}


@pytest.mark.parametrize("entries, expected", [
    (achieved(a=(1, 0.1), b=(2, 0.1), c=(3, 0.1)), {"a": 1, "b": 2, "c": 3}),
    (achieved("desc", a=(1, 0.1), b=(2, 0.1)), {"a": 2, "b": 1}),
    (achieved(a=(1, 0.3), b=(1.5, 0.3), c=(3, 0.1)), {"a": 1, "b": 1, "c": 3}),  # nobody is second
    (achieved(a=(1, 0), b=(1, 0)), {"a": 1, "b": 1}),
    (achieved(a=(1, 0.3), b=(1.5, 0.3), c=(2, 0.3)), {"a": 1, "b": 1, "c": 2})])  # c is behind a, and not behind b
def test_places(entries, expected):
    assert leaderboard.places(entries) == expected


def test_names_say_nothing_and_never_meet():
    first = leaderboard.alias("ada", "seed")
    assert first == leaderboard.alias("ada", "seed") != leaderboard.alias("ada", "another seed") and "ada" not in first
    assert leaderboard.alias("ada", "seed", {first}) != first


@pytest.mark.parametrize("function, item, most, value, problem", [
    (lambda *_: {"distance": 2.0}, Item(3, 10), 100, 2.0, ""),
    (lambda *_: {"distance": 2.0}, Item(0, 10), 100, None, "no points"),
    (lambda *_: {"distance": 2.0}, Item(10, 10), 3, None, "4 numbers, and the challenge allows 3"),
    (lambda student, *_: student.observe(), Item(10, 10), 100, None, "could not be measured 5 times: too slow")])
def test_what_counts(function, item, most, value, problem):
    def observe():
        raise Unanswered("timeout", "too slow")

    entry = challenge.entry(dataclasses.replace(RULES, numbers=most), SimpleNamespace(function=function), item,
                            SimpleNamespace(observe=observe), {"w": torch.zeros(4)}, {}, 1, None)
    assert entry["value"] == value and problem in entry["problem"] and bool(entry["problem"]) == (value is None)


def test_the_draws_are_the_judges():
    """Another one each time, and the same ones for all who are graded with a seed."""
    measure = SimpleNamespace(function=lambda student, weights, settings, rng, data: {
        "distance": torch.rand((), generator=rng).item()})
    first, second, other = (challenge.entry(RULES, measure, Item(1, 1), None, {}, {}, seed, None) for seed in (1, 1, 2))
    assert first == second != other and first["spread"] > 0.01


def test_who_is_told_what(tmp_path):
    folder = tmp_path / "class"
    shutil.copytree(ROOT / "tests" / "golden" / "class", folder)
    results = Results.open(folder)
    keys = [one.key for one in results.submissions if results.report(one)][:3]
    nothing = {"value": None, "spread": None, "problem": "no points"}
    for key, more in zip(keys, ({"value": 1.0}, {"value": 3.0}, nothing)):
        path = folder / "students" / key / "report.json"
        report = Report.from_json(path.read_text(encoding="utf-8"))
        path.write_text(dataclasses.replace(report, challenge={**GOOD, **more}).to_json(), encoding="utf-8")
    build(results)
    names = leaderboard.known_names(results)
    assert names.keys() == set(keys)
    page = (folder / "class.html").read_text(encoding="utf-8")
    pages = {key: (folder / "students" / key / "report.html").read_text(encoding="utf-8") for key in keys}
    assert all(name in page for name in names.values())
    for key in keys:
        assert [other for other in keys if names[other] in pages[key]] == [key]
    assert "place 1 of 2" in pages[keys[0]] and "place 2 of 2" in pages[keys[1]]
    assert "without a place: no points" in pages[keys[2]]
    told = [json.loads((folder / "students" / key / "results.json").read_text(encoding="utf-8")) for key in keys]
    assert told[0]["leaderboard"][0] == {"name": "distance", "value": 1.0, "order": "asc"}
    assert "leaderboard" not in told[2]
    build(results)
    assert leaderboard.known_names(results) == names, "names must stay"


def test_without_a_challenge_nothing_is_told(tmp_path):
    report = Report.from_json((ROOT / "tests/golden/one/report.json").read_text(encoding="utf-8"))
    shutil.copytree(ROOT / "tests/golden/one/pictures", tmp_path / "pictures")
    tell(report, tmp_path)
    assert not any("leaderboard" in path.read_text(encoding="utf-8") for path in tmp_path.glob("*.*"))


@pytest.mark.parametrize("name", [name for name in assignments() if declared_in(name)])
def test_each_assignment_has_a_challenge(name):
    rules, measures = challenge_of(name), measures_of(name).MEASURES
    measure = next(each for each in measures if each.weights == rules.weights)
    weights = next(each for each in declared_in(name) if each.name == rules.weights)
    assert rules.numbers <= weights.most and rules.order in ("asc", "desc")
    assert rules.quantity in measure.steps[0][1] or rules.order == "desc"
    module = importlib.import_module(f"helpers.{name}")
    network = weights.make(module, **weights.arguments)
    assert sum(value.numel() for value in network.state_dict().values()) <= rules.numbers, "the notebook's takes part"
