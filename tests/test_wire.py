"""What travels between grader and guest: trees come through as they were, and anything else is refused."""
import json
import struct

import pytest
import torch
from safetensors.torch import save

from coursekit.sandbox import Sandbox, Unanswered
from coursekit.sandbox.guest.wire import DEPTH, WIDTH, pack, unpack
from helpers.given.course import ROOT

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")


def same(one, other):
    if isinstance(one, torch.Tensor):
        return type(other) is torch.Tensor and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def message(tree, **tensors):
    """Any JSON with any tensors, as `pack` would write them."""
    text = json.dumps(tree).encode()
    return struct.pack("<Q", len(text)) + text + save(tensors)


def observed(value, **tensors):
    return message({"kind": "observed", "value": value}, **tensors)


def nested(levels):
    tree = 0
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize("tree", [
    None, True, 0, -1.5, "", "text \u2028 \U0001f600", "\ud800", [], {}, torch.ones(2, 3),
    torch.zeros(()), torch.zeros(0, 4),
    torch.arange(6, dtype=torch.int64).view(2, 3), torch.eye(3, 2).double(), torch.tensor([True, False]),
    {"loss": 1.5, "names": ["a", None], "inner": {"z": [torch.ones(2), {"deep": torch.zeros(3)}]}, "": {}},
    [torch.ones(3), torch.zeros(3)], {"0": torch.zeros(1), "1": 1}, {"kind": "observed", "tensor": "$tensor"},
    nested(DEPTH), [0] * (WIDTH - 1)], ids=lambda tree: ascii(tree)[:20])
def test_a_tree_comes_back_as_it_was(tree):
    assert same(tree, unpack(pack(tree)))


def test_what_shares_memory_or_has_gradients_or_gaps_is_copied():
    base = torch.arange(12.0).view(3, 4)
    tree = [base, base.t(), base[:, 1:3], base.clone().requires_grad_(), base]
    assert same([part.detach().contiguous() for part in tree], unpack(pack(tree)))


def test_tuples_become_lists():
    assert unpack(pack({"shape": (3, (1, 2))})) == {"shape": [3, [1, 2]]}


@pytest.mark.parametrize("tree, error", [
    (nested(DEPTH + 1), ValueError), ([0] * WIDTH, ValueError), ({"$tensor": 1}, ValueError),
    ({"a": {"$tensor": "0", "b": 1}}, ValueError), ({1: "a"}, ValueError), (object(), TypeError), ({1, 2}, TypeError),
    (b"bytes", TypeError), ({"a": [torch.nn.Linear(1, 1)]}, TypeError)],
    ids=["deep", "wide", "reserved key", "reserved key and another", "number as key", "object", "set", "bytes",
         "module"])
def test_what_is_no_tree_is_not_sent(tree, error):
    with pytest.raises(error):
        pack(tree)


FULL = observed({"first": {"$tensor": "a"}}, a=torch.zeros(300))
REFUSED = {
    "too deep": observed(nested(DEPTH + 1)),
    "far too deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
    "too deep in dicts": observed(json.loads('{"a": ' * 40 + "0" + "}" * 40)),
    "too wide": observed([0] * WIDTH),
    "too wide in all": observed({str(number): [0] * 1000 for number in range(WIDTH // 1000)}),
    "more than 1 MB of JSON": observed("x" * (1 << 20)),
    "a list": message(["observed", 1]),
    "a text": message("observed"),
    "a number": message(3),
    "nothing": message(None),
    "without a kind": message({"value": 3}),
    "without a value": message({"kind": "observed"}),
    "the reserved key beside another": observed({"$tensor": "a", "more": 1}, a=torch.zeros(3)),
    "the reserved key with a number": observed({"$tensor": 0}),
    "the reserved key with a dict": observed({"$tensor": {"$tensor": "a"}}, a=torch.zeros(3)),
    "a tensor without a place": observed({"count": 1}, a=torch.zeros(3)),
    "a place without a tensor": observed({"first": {"$tensor": "a"}}),
    "a place of another tensor": observed({"first": {"$tensor": "a"}}, b=torch.zeros(3)),
    "one tensor twice": observed([{"$tensor": "a"}, {"$tensor": "a"}], a=torch.zeros(3)),
    "a tensor as the message": message({"$tensor": "a"}, a=torch.zeros(3)),
    "a tensor as the kind": message({"kind": {"$tensor": "a"}}, a=torch.zeros(3)),
    "cut off in a tensor": FULL[:-4],
    "cut off before the tensors": FULL[:8 + struct.unpack("<Q", FULL[:8])[0]],
    "cut off in the JSON": FULL[:20],
    "cut off in the length": FULL[:5],
    "bytes behind the tensors": FULL + b"more",
    "a length of 2 ** 64 - 1": b"\xff" * 8 + FULL[8:],
    "no UTF-8": struct.pack("<Q", 4) + b"\"\xff\xfe\"" + save({}),
    "an unknown type of numbers": FULL.replace(b'"F32"', b'"F31"'),
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("vae", ROOT) as running:
        yield running


@pytest.mark.parametrize("name", REFUSED)
def test_an_odd_reply_is_no_answer_and_the_guest_goes_on(sandbox, name):
    """The student's file sends it in place of its process, which has the pipes of replies and of done."""
    forger = f"""
import os
pipes = [number for number in range(3, 64) if os.path.exists(f'/proc/self/fd/{{number}}')]
replies, done = pipes[-2:]
payload = memoryview({REFUSED[name]!r})
while payload:
    payload = payload[os.write(replies, payload):]
os.write(done, b'.')
os._exit(0)
"""
    guest = sandbox.process.pid
    with pytest.raises(Unanswered, match=r"^the process gave no usable answer \(\w+\)$") as caught:
        sandbox.observe(forger, None, {})
    assert caught.value.kind == "error"
    assert sandbox.observe(SOLUTION, None, {}) == []
    assert sandbox.process.pid == guest
