"""Alike submissions are found, and only those."""
import dataclasses
import json
import re
import time

import pytest

from coursekit import gaps
from coursekit.audit import load
from coursekit.classes import page, similarity
from coursekit.gaps import strip
from helpers.given.course import ROOT

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
GIVEN = strip(SOLUTION, "helpers/vae.py")
GRID = """
    axis = torch.linspace(low, high, grid_size)
    rows = []
    for v in axis.flip(0):
        row = torch.stack([axis, v.expand(grid_size)], dim=1)
        rows.append(model.decoder(row.to(next(model.parameters()).device)).cpu().squeeze(1))
    picture = torch.cat([part.unsqueeze(0) for part in rows], dim=0)
    assert picture.shape[0] == grid_size, "one row for each value"
    return picture.reshape(grid_size, grid_size, 1, *picture.shape[-2:]).detach()
"""
OTHER_GRID = """
    places = [(x, y) for y in range(grid_size) for x in range(grid_size)]
    width = (high - low) / (grid_size - 1)
    codes = torch.tensor([[low + x * width, high - y * width] for x, y in places])
    with torch.no_grad():
        out = [model.decoder(code[None])[0] for code in codes]
    tall, wide = out[0].shape[-2:]
    return torch.stack(out).view(grid_size, grid_size, 1, tall, wide)
"""


def plain(text):
    return "\n".join(line for line in text.split("\n") if "SOLUTION" not in line)


def handed_in(grid, gap="sample_on_grid"):
    return plain(load("vae").source("x", {gap: grid}))


def found(sources, solution=SOLUTION):
    return [pair.keys for pair in similarity.pairs(sources, GIVEN, solution)[0]]


@pytest.fixture(scope="module")
def crowd():
    """What ten others wrote: right variants of the bank, each of another gap and way."""
    bank, files = load("vae"), {}
    for name, change in bank.right.items():
        if set(change) == {"sample_on_grid"} or len(files) < 10 and "file" not in change:
            files[name] = plain(bank.source(name, change))
    return files


def test_a_copy_with_other_names_and_another_place(crowd):
    renamed = re.sub(r"\brows?\b", "strip", GRID).replace("picture", "plane").replace("axis", "line")
    moved = handed_in(OTHER_GRID).replace("import torch\n", "import torch\n\n\ndef helper(model, low, high, grid_size):"
                                          + renamed.replace("    return", "    # mine\n    return"), 1)
    pair, = similarity.pairs({**crowd, "ada": handed_in(GRID), "bob": moved}, GIVEN, SOLUTION)[0]
    assert pair.keys == ("ada", "bob") and max(pair.shares) > 0.5
    ada, bob = (text.split("\n") for text in (handed_in(GRID), moved))
    assert any("rows.append" in ada[number - 1] for number in pair.lines[0])
    assert any("strip.append" in bob[number - 1] for number in pair.lines[1])


def test_different_solutions_are_not_alike(crowd):
    assert found({**crowd, "ada": handed_in(GRID), "bob": handed_in(OTHER_GRID)}) == []


def test_what_the_solution_has_is_not_alike(crowd):
    assert found({"ada": plain(SOLUTION), "bob": plain(SOLUTION), **crowd}) == []


def test_what_many_write_is_not_alike(crowd):
    """A passage that a fifth of the class has says nothing."""
    same = {f"student {number}": handed_in(GRID) for number in range(8)}
    others = {f"{name} {copy}": text for name, text in crowd.items() for copy in range(3)}
    assert not [pair for pair in found({**same, **others}) if pair[0] in same]


def test_a_class_of_two():
    assert found({"ada": handed_in(GRID), "bob": handed_in(GRID)}) == [("ada", "bob")]
    assert found({"ada": handed_in(GRID), "bob": handed_in(OTHER_GRID)}) == []


@pytest.mark.parametrize("text", ["", "def f(:\n", "x = '''open", "\0", "  x\n y\n", "(" * 5000, GIVEN])
def test_any_text(text):
    assert found({"ada": text, "bob": text}) == []


def test_winnowing_finds_every_long_passage():
    """The guarantee of the paper, on random tokens: WINDOW + LENGTH - 1 equal ones share a fingerprint."""
    import random
    draw = random.Random(0)
    for _ in range(200):
        shared = draw.choices("abcd", k=similarity.WINDOW + similarity.LENGTH - 1)
        one, other = (draw.choices("abcd", k=draw.randrange(40)) + shared + draw.choices("abcd", k=draw.randrange(40))
                      for _ in range(2))
        prints = [similarity.winnow(tokens, range(len(tokens))) for tokens in (one, other)]
        assert prints[0].keys() & prints[1].keys()


def test_what_was_found_can_be_stored():
    """As JSON, in another process; pairs are found as ever then."""
    sources = {"ada": handed_in(GRID), "bob": handed_in(GRID)}
    stored = {key: json.dumps(dataclasses.asdict(similarity.own(text, GIVEN))) for key, text in sources.items()}
    ready = {key: similarity.Own(**json.loads(text)) for key, text in stored.items()}
    assert similarity.pairs(ready, GIVEN, SOLUTION) == similarity.pairs(sources, GIVEN, SOLUTION)


@pytest.mark.parametrize("limit", ["MAX_CHARACTERS", "MAX_LINE"])
def test_files_that_would_take_long_are_not_compared(monkeypatch, limit):
    monkeypatch.setattr(gaps, limit, 10)
    assert similarity.own("x = 1\n", GIVEN).problem == ""
    text = "x = 1\n" * 2 if limit == "MAX_CHARACTERS" else "x = 1234567\n"
    found = similarity.own(text, GIVEN)
    assert found.problem and not found.lines and not found.prints


@pytest.mark.parametrize("line", ["$", "(", "a+", "a,", "\\", "'\"", "<>", "1_"])
def test_no_text_takes_long(line):
    """Of the largest that are looked at."""
    text = ((line * 1000)[:999] + "\n") * (gaps.MAX_CHARACTERS // 1000)
    begin = time.process_time()
    own = similarity.own(text, GIVEN)
    assert not own.problem
    similarity.pairs({"ada": own, "bob": own}, GIVEN, SOLUTION)
    page.side(own, {number for number, _ in own.lines})
    assert time.process_time() - begin < 2


def test_lines_around_what_is_shared():
    own = similarity.Own([[1, "    a"], [2, "        b"], [3, ""], [9, "    c"], [10, "    d"], [30, "    e"],
                          [31, "    f"], [90, "g"]])
    assert page.side(own, {2, 30}) == [
        (1, "", "a", False), (2, "    ", "b", True), None, (30, "", "e", True), (31, "", "f", False)]
