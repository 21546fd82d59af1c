"""A graded file is graded alone: which imports are of one's own, and in which words check and grader tell it."""
import collections
import contextlib
import sys
import types

import pytest

from coursekit.classes import page
from coursekit.grading import judge
from coursekit.grading.report import Item
from coursekit.sandbox.guest.load import missing_in
from helpers.given import imports


@pytest.fixture
def root(tmp_path):
    for name in ("helpers/vae.py", "helpers/blocks.py", "helpers/numpy_tricks.py", "notebooks/mine.py", "top.py",
                 "helpers/random.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize("text, found", [
    ("import math\nimport helpers.blocks", ("helpers.blocks", 2)),
    ("from helpers import blocks", ("helpers.blocks", 1)),
    ("from helpers.blocks import Conv", ("helpers.blocks", 1)), ("from .blocks import Conv", ("helpers.blocks", 1)),
    ("from . import vae, blocks", ("helpers.blocks", 1)), ("def f():\n    from helpers import gan", ("helpers.gan", 2)),
    ("from helpers.gan import sample_noise as draw", ("helpers.gan", 1)), ("import mine", ("mine", 1)),
    ("from top import x", ("top", 1)), ("import numpy_tricks as t", ("numpy_tricks", 1)),
    ("import helpers, helpers.vae, helpers.given.training, random, numpy\nfrom helpers import given\n"
     "from .given import networks\nfrom . import vae\nfrom .vae import VAE\nfrom .. import x\nfrom helpers import *",
     None),
    ("try:\n    from helpers.blocks import Conv\nexcept ImportError:\n    Conv = None", None)])
def test_imports_of_ones_own(root, text, found):
    assert imports.own(text, "vae", root) == found


def test_the_grader_says_the_same_words():
    told = list(judge.told_of_absent("vae", ["cv2", "helpers.blocks", "seaborn"]))
    without = "It was graded without: what uses that fails."
    assert told == [f"vae.py imports cv2, seaborn, which the grader does not have. {without}",
                    f"{imports.graded_alone('vae', 'helpers.blocks')}. {without}"]
    assert "vae.py is graded alone: `import helpers.blocks` is not there in the grader" in told[1]


@pytest.mark.parametrize("line, name", [
    ("import helpers.none_such", "helpers.none_such"), ("from helpers import none_such", "helpers.none_such"),
    ("from os import none_such", None), ("raise ImportError('as if')", None), ("import none_such", "none_such")])
def test_what_is_missing(line, name):
    with pytest.raises(ImportError) as told:
        exec(line)
    assert missing_in(told.value) == name


@pytest.mark.parametrize("source, error, words", [
    ("x = 1\ntype X = int\n", "SyntaxError: invalid syntax (vae.py, line 2)", "vae.py needs Python 3.12 (the statement "
     "`type`, line 2), and the grader has 3."),
    ("x = = 1\ntype X = int\n", "SyntaxError: invalid syntax (vae.py, line 1)", ""),
    ("", "ImportError: cannot import name 'evaluate_forward_ref' from 'typing' (/x/typing.py) (vae.py, line 3)",
     "vae.py needs Python 3.14 (`typing.evaluate_forward_ref`), and the grader has 3."),
    ("", "AttributeError: module 'heapq' has no attribute 'heappush_max' (vae.py, line 3)", "needs Python 3.14"),
    ("", "ImportError: cannot import name 'sqroot' from 'math' (unknown location)", ""),
    ("", "ValueError: module 'heapq' has no attribute 'heappush_max'", ""),
    ("type X = int\n", "NameError: x (vae.py, line 1)", ""), ("type X = int\n", "SyntaxError: (vae.py, line 99)", "")])
def test_a_file_in_newer_python_is_told(source, error, words):
    told = judge.told_of_newer_python("vae", source, error)
    assert words in told if words else not told


class Broken:
    """A sandbox in which a file cannot be imported."""

    module, had = "vae", 0.0

    def __init__(self, message):
        self.message = message

    def session(self, source, timeout):
        raise judge.Unanswered("error", self.message)


def test_a_file_in_newer_python_is_open_and_not_0():
    check = types.SimpleNamespace(item="vae.VAE", points=3, hint="look")
    notes = []
    items, outcomes = judge.judge(Broken("SyntaxError: x (vae.py, line 1)"), "type X = int\n", [check], 1, notes)
    assert outcomes == [(check, "open")] and items["vae.VAE"].status == "open" and items["vae.VAE"].hint == ""
    assert items["vae.VAE"].message.startswith(
        "not judged: the file cannot be imported: vae.py needs Python 3.12") and len(notes) == 1
    items, outcomes = judge.judge(Broken("SyntaxError: x (vae.py, line 1)"), "type = = 3\n", [check], 1, notes)
    assert outcomes == [(check, "error")] and len(notes) == 1


def test_what_the_notebook_ran_with_is_never_0_because_it_could_not_be_imported():
    broken = {"vae.VAE": Item(0, 3, "error", f"{judge.NOT_IMPORTED}: OSError: no such file")}
    item = judge.reopen(broken)["vae.VAE"]
    assert (item.status, item.points, item.max) == ("open", 0, 3) and "OSError: no such file" in item.message
    judged = {"vae.CVAE": Item(0, 3, "failed", "wrong"), **broken}
    assert judge.reopen(judged) == judged


def test_a_function_that_this_python_has_not_got_leaves_its_own_item_open(monkeypatch):
    class Works(Broken):
        alive, absent = False, ()

        def session(self, source, timeout):
            return contextlib.nullcontext(self)

        def observe(self, source, probe, inputs, timeout):
            raise judge.Unanswered("error", self.message)

    check = collections.namedtuple("Check", "item points hint function")(
        "vae.VAE", 3, "look", lambda student, rng: student.observe("x"))
    monkeypatch.setattr(judge, "generator", lambda *_: None)
    notes = []
    for name, status in (("heappop_max", "open"), ("heappop_min", "error")):
        message = f"AttributeError: module 'heapq' has no attribute '{name}' (vae.py, line 3)"
        items, _ = judge.judge(Works(message), "", [check], 1, notes)
        assert items["vae.VAE"].status == status
    assert notes == ["vae.py needs Python 3.14 (`heapq.heappop_max`), and the grader has "
                     f"{sys.version_info[0]}.{sys.version_info[1]}."]


def test_the_class_page_knows_which_files_were_not_imported():
    broken = {"vae.VAE": Item(0, 3, "error", f"{judge.NOT_IMPORTED}: OSError")}
    for items in (broken, judge.reopen(broken)):
        assert not page.imported(types.SimpleNamespace(items=items))
    assert page.imported(types.SimpleNamespace(items={"vae.VAE": Item(0, 3, "failed", "wrong")}))
