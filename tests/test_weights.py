"""Trained weights that somebody handed in: which file counts, and what is read of it whatever it holds."""
import functools
import hashlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from coursekit.grading import weights
from coursekit.grading.handin import look_into
from coursekit.sandbox import Sandbox
from helpers.given.course import ROOT
from helpers.given.trained import Weights
from helpers.given.weights import misfit

SMALL = {"encoder.weight": torch.arange(6.0).view(2, 3), "encoder.bias": torch.zeros(2)}
DECLARED = Weights("vae", "vae.pt", "model", lambda module: None, "mnist", 1000, "", "", {"latent_size": 15})
FOLDER = "trained/vae/"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5187136\n"


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm",)


def pickled(content, **options):
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


def claims(header, data=b""):
    """A file that says so, as safetensors has it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


def look(tmp_path, files, declared=DECLARED):
    """What is found in a submission of these files, {path: bytes}."""
    for path, content in files.items():
        target = tmp_path / "submission" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    (tmp_path / "submission").mkdir(exist_ok=True)
    with look_into(tmp_path / "submission") as listing:
        found, notes = weights.find(listing, "vae", [declared], tmp_path / "kept")
    return found[declared.name], notes


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    """A function that gives the sandbox that reads what torch.save has written."""
    with Sandbox("pickled", ROOT) as running:
        yield lambda: running


GOOD = save(SMALL)


@pytest.mark.parametrize("files, counts", {
    "in its place": ({FOLDER + "vae.safetensors": GOOD}, "trained/vae/vae.safetensors"),
    "before what lies in runs": ({FOLDER + "vae.safetensors": GOOD, "runs/cpu/vae/vae.pt": b"older"},
                                 "trained/vae/vae.safetensors"),
    "before another name": ({"vae.safetensors": GOOD, "vae_old.safetensors": b"older"}, "vae.safetensors"),
    "loose": ({"vae.safetensors": GOOD}, "vae.safetensors"),
    "renamed by a browser": ({"vae (1).safetensors": GOOD}, "vae (1).safetensors"),
    "twice the same": ({"a/vae.safetensors": GOOD, "b/vae.safetensors": GOOD}, "a/vae.safetensors"),
    "of torch.save": ({"vae.pth": GOOD}, "vae.pth"),
    "in a folder of its own": ({"work/trained/vae/vae.safetensors": GOOD}, "work/trained/vae/vae.safetensors"),
    "not those of the CVAE": ({"cvae.safetensors": GOOD}, None)}.values())
def test_which_file_counts(tmp_path, files, counts):
    found, _ = look(tmp_path, files)
    assert found.name == (counts or "")
    if counts:
        assert found.digest == hashlib.sha256(GOOD).hexdigest() and Path(found.path).read_bytes() == GOOD
    else:
        assert "no weights handed in: expected trained/vae/vae.safetensors" in found.problem and not found.open


def test_within_an_archive(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FOLDER + "vae.safetensors", GOOD)
        archive.writestr(FOLDER + "settings.json", json.dumps({"vae": {"arguments": {"latent_size": 8, "evil": 1}}}))
    found, notes = look(tmp_path, {"work.zip": stream.getvalue()})
    assert found.name == "work.zip/trained/vae/vae.safetensors" and not notes
    assert found.arguments == {"latent_size": 8}


@pytest.mark.parametrize("settings", [b"[]", b"{", b"[" * 60_000, b"\xff", b"{" + b" " * (1 << 17) + b"}"])
def test_settings_that_cannot_be_read(tmp_path, settings):
    found, notes = look(tmp_path, {FOLDER + "vae.safetensors": GOOD, FOLDER + "settings.json": settings})
    assert found.arguments == {"latent_size": 15} and "settings.json cannot be read" in notes[0]


@pytest.mark.parametrize("value", ["15", 0, -3, 10 ** 9, 1.5, None, [15], {}])
def test_arguments_that_no_network_is_made_with(tmp_path, value):
    settings = json.dumps({"vae": {"arguments": {"latent_size": value}}}).encode()
    found, _ = look(tmp_path, {FOLDER + "vae.safetensors": GOOD, FOLDER + "settings.json": settings})
    assert found.arguments == {"latent_size": 15}


@pytest.mark.parametrize("files, problem, is_open", {
    "pointer": ({FOLDER + "vae.safetensors": POINTER}, "is a pointer of Git LFS", True),
    "empty": ({FOLDER + "vae.safetensors": b""}, "is empty", False),
    "two of a name": ({"a/vae.safetensors": GOOD, "b/vae.safetensors": b"other"}, "2 different files", True),
    "an archive nobody reads": ({"all.7z": b"7z\xbc\xaf\x27\x1c"}, "hand in a zip", True)}.values())
def test_what_cannot_be_taken(tmp_path, files, problem, is_open):
    found, _ = look(tmp_path, files)
    assert problem in found.problem and found.open is is_open and found.path is None


def test_two_gigabytes_are_not_read(tmp_path):
    path = tmp_path / "submission" / "trained" / "vae" / "vae.safetensors"
    path.parent.mkdir(parents=True)
    with open(path, "wb") as stream:  # sparse: it takes no room on the disk
        stream.truncate(2 << 30)
    found, _ = look(tmp_path, {})
    assert "is larger than 1 MB" in found.problem and found.open and not list((tmp_path / "kept").iterdir())


READ = {
    "weights": (GOOD, None),
    "in half precision": (save({name: value.half() for name, value in SMALL.items()}), None),
    "with a count of batches": (save({**SMALL, "norm.num_batches_tracked": torch.tensor(7)}), None),
    "another course's text": (b"PK\x03\x04 and so on, more than a few bytes of it", "is no safetensors file"),
    "a header of 2 GB": (struct.pack("<Q", 2 << 30) + b"{" + b" " * 100, "is no safetensors file"),
    "a few bytes": (b"\x01", "is no safetensors file"),
    "cut within its header": (claims(b"{" + b" " * 500)[:100], "open: is cut off"),
    "cut within its numbers": (GOOD[:-4], "open: is cut off"),
    "no JSON": (claims(b"{'a': 1}"), "header cannot be read"),
    "deep": (claims(b'{"a":' * 50_000), "header cannot be read"),
    "a list": (claims(b"{}" + b" " * 8), "holds 0 tensors"),
    "entries that are none": (claims({"a": 3}), "header cannot be read"),
    "shapes that lie": (claims(entry(shape=(1 << 40,)), bytes(8)), "does not fit what follows"),
    "places that lie": (claims({**entry(), "b": entry()["a"]}, bytes(8)), "does not fit what follows"),
    "negative": (claims(entry(shape=(-2,)), bytes(8)), "does not fit what follows"),
    "many dimensions": (claims(entry(shape=(1,) * 99, offsets=(0, 4)), bytes(4)), "of at most 8 dimensions"),
    "many tensors": (save({f"{k}": torch.zeros(1) for k in range(2001)}), "holds 2001 tensors"),
    "eight bits": (claims(entry("F8_E4M3", offsets=(0, 2)), bytes(2)), "type F8_E4M3, expected float32"),
    "what could move a cursor": (claims(entry("\x1b[2J\n", offsets=(0, 2)), bytes(2)), "type [2J, expected float32"),
    "NaN": (save({"a": torch.tensor([0.0, float("nan")])}), "NaN or infinite numbers, in a"),
    "too large for float32": (save({"a": torch.tensor([1e300], dtype=torch.float64)}), "NaN or infinite numbers"),
    "too many numbers": (save({"a": torch.zeros(1001)}), "open: holds 1,001 numbers, and at most 1,000")}


@pytest.mark.parametrize("content, problem", READ.values(), ids=READ)
def test_what_is_read_of_a_file(tmp_path, content, problem):
    check(tmp_path / "vae.safetensors", content, problem, None)


def check(path, content, problem, sandbox):
    """A file gives the tensors of SMALL, among others perhaps; or this problem."""
    path.write_bytes(content)
    read = functools.partial(weights.tensors_of, weights.Found(str(path), path.name), DECLARED, sandbox)
    if problem is None:
        tensors = read()
        assert all(torch.equal(tensors[name], value) and tensors[name].dtype == torch.float32
                   for name, value in SMALL.items())
        return
    with pytest.raises(weights.Unusable) as error:
        read()
    told, wanted = str(error.value), problem.removeprefix("open: ")
    assert wanted in told and error.value.open is problem.startswith("open") and told.isprintable(), told


CHECKPOINT = {"settings": {}, "state": {"model": SMALL, "optimizer": {"state": {}}}, "history": [{"loss": 1.0}]}
SAVED = {
    "weights": (pickled(SMALL), None),
    "a generator with its settings": (pickled({"settings": {"latent_dim": 3}, "weights": SMALL}), None),
    "a checkpoint": (pickled(CHECKPOINT), None),
    "in the old format": (pickled(SMALL, _use_new_zipfile_serialization=False), None),
    "a whole model": (pickled(torch.nn.Linear(3, 2)), "holds other things than tensors"),
    "code": (pickled({"a": Harm()}), "holds other things than tensors"),
    "several networks": (pickled({"G": SMALL, "D": SMALL}), "holds 2 sets of weights"),
    "numbers": (pickled([1, 2, 3]), "holds no sets of weights"),
    "cut off": (pickled(SMALL)[:-200], "open: torch.load cannot read it"),
    "NaN": (pickled({"a": torch.tensor([float("inf")])}), "NaN or infinite numbers"),
    "sparse": (pickled({"a": torch.eye(3).to_sparse()}), "open: ")}


@pytest.mark.parametrize("content, problem", SAVED.values(), ids=SAVED)
def test_what_torch_save_wrote_is_read_in_the_sandbox(tmp_path, sandbox, content, problem, request):
    check(tmp_path / "vae.pt", content, problem, sandbox)
    if "old format" not in request.node.name:  # whatever it is called
        check(tmp_path / "vae.safetensors", content, problem, sandbox)
    assert not Path("harm").exists()


@pytest.mark.parametrize("wanted, found, told", [
    ({"a": (2, 3)}, {"a": (2, 3)}, ""),
    ({"a": (2, 3), "b": ()}, {"a": (2, 4)}, "missing: b; of another shape: a (2x4, expected 2x3)"),
    ({"a": (1,)}, {"a": (1,), "c": (), "d": (), "e": (), "f": ()}, "unexpected: c, d, e and 1 more"),
    ({"a": (1,)}, {"z": (1,)}, "the weights of another network, no name fits (missing: a; unexpected: z)")])
def test_weights_that_do_not_fit_are_told_in_words(wanted, found, told):
    assert told in misfit(wanted, found) and bool(told) == bool(misfit(wanted, found))
