"""Alike submissions are found, and only those."""
import re

import pytest

from coursekit import similarity
from coursekit.audit import load
from coursekit.release import strip
from coursekit.sandbox import ROOT

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
