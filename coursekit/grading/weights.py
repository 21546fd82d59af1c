"""Trained weights that somebody handed in: which file of a submission counts, and what is in it.

`find` copies them to a folder of the grader's, unread: a class's weights are larger than its memory. `tensors_of` reads
one of them as data and as nothing else. What is known to be wrong loses its points, with the reason; what nobody can
tell (too large, cut off, a pointer of Git LFS) is open.
"""
import hashlib
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coursekit.grading.choose import Candidate, likeness, newest, rank, several
from coursekit.grading.files import IS_POINTER, LFS, SubmissionError
from coursekit.sandbox import Unanswered, printable
from helpers.given.console import UserError, write

PICKLED = ".pt", ".pth"  # what torch.save writes is called so
ZIPPED = re.compile(rb"PK\x03\x04.{0,200}?/data\.pkl", re.DOTALL)  # and begins so
MAX_HEADER, MAX_TENSORS, MAX_DIMENSIONS = 1 << 20, 2000, 8
MAX_ALIKE = 20  # files of one name that are compared
MAX_SETTINGS, MAX_ARGUMENT = 1 << 16, 4096  # bytes of settings.json; what a network may be made with
READ_TIMEOUT = 60.0  # seconds for a file of torch.save
FLOATS, WHOLE = {"F64", "F32", "F16", "BF16"}, {"I64", "I32", "I16", "I8", "U8", "BOOL"}


@dataclass(frozen=True)
class Found:
    """What was found of one file of weights.

    path: of the grader's copy, or None. name: of the file in the submission. digest: of its content. problem: why there
    is none, or None. open: True if nobody can tell what was trained. arguments: what its network is made with.
    """

    path: str | None = None
    name: str = ""
    digest: str = ""
    problem: str | None = None
    open: bool = False
    arguments: dict = field(default_factory=dict)


class Unusable(UserError):
    """Weights that cannot be measured. open: True if nobody can tell what was trained. missing: True if there are
    none."""

    def __init__(self, message, open=False, missing=False):
        super().__init__(message)
        self.open, self.missing = open, missing


def find(listing, assignment, declared, folder):
    """Look for the weights of an assignment in a submission, and copy them into a folder: {name: Found}, and lines for
    the report. declared: the helpers.given.trained.Weights."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings, notes = settings_of(listing, assignment)
    found = {}
    for weights in declared:
        told = settings.get(weights.name)
        told = told.get("arguments") if isinstance(told, dict) else None
        told = told if isinstance(told, dict) else {}
        arguments = {key: told[key] if is_argument(told.get(key)) else value
                     for key, value in weights.arguments.items()}
        try:
            entry, content = choose(listing, PurePosixPath("trained", assignment, weights.file), limit(weights))
        except SubmissionError as error:
            found[weights.name] = Found(problem=printable(str(error)), open=not isinstance(error, NoWeights))
            continue
        suffix = entry.path.suffix.lower() if entry.path.suffix.lower() in PICKLED else ".safetensors"
        path = write(folder / f"{weights.name}{suffix}", content)
        found[weights.name] = Found(str(path), printable(str(entry.path)), hashlib.sha256(content).hexdigest(),
                                    arguments=arguments)
    return found, notes


class NoWeights(SubmissionError):
    """There are none: that is worth 0 points."""


def limit(weights):
    """The most bytes of a file that is read: its numbers as float32, and some for their names."""
    return 4 * weights.most + MAX_HEADER


def choose(listing, wanted, most):
    """The Entry that counts of a listing, and its bytes. wanted: the path of the weights. Raises SubmissionError."""
    named = []
    for entry in listing.entries:
        for order, suffix in enumerate((wanted.suffix, *PICKLED)):
            if like := likeness(entry.path.name, wanted.with_suffix(suffix)):
                in_place = entry.path.parts[-len(wanted.parts):] == wanted.parts
                named.append(((not in_place, like.rest, order > 0, not like.exact), Candidate(entry, "", like)))
                break
    if not named:
        unread = f", and {'; '.join(listing.unread[:3])}" if listing.unread else ""
        raise (SubmissionError if unread else NoWeights)(f"no weights handed in: expected {wanted}{unread}")
    best = min(key for key, _ in named)
    found = [candidate for key, candidate in named if key == best]
    found = sorted(newest(listing, found) or found, key=lambda candidate: rank(candidate.path, wanted))[:MAX_ALIKE]
    content = checked(found[0].entry, most)
    if any(checked(other.entry, most) != content for other in found[1:]):
        raise SubmissionError(f"there are {len(found)} different files that could be {wanted.name}: {several(found)}. "
                              "Keep the one that counts")
    return found[0].entry, content


def checked(entry, most):
    """The bytes of an Entry. Raises SubmissionError."""
    if entry.problem:
        raise SubmissionError(entry.problem)
    content = entry.read(most)
    if content.startswith(LFS):
        raise SubmissionError(f"{entry.path} {IS_POINTER}")
    if not content:
        raise NoWeights(f"{entry.path} is empty")
    return content


def settings_of(listing, assignment):
    """What settings.json says, a dict, and lines for the report. It is the student's, so only `arguments` are used."""
    place = "trained", assignment
    found = [entry for entry in listing.entries if entry.path.name == "settings.json" and not entry.problem]
    found.sort(key=lambda entry: (entry.path.parts[-3:-1] != place, len(entry.path.parts), str(entry.path)))
    for entry in found[:1]:
        try:
            told = json.loads(entry.read(MAX_SETTINGS))
            if isinstance(told, dict):
                return told, []
        except (SubmissionError, ValueError, RecursionError):
            pass
        return {}, [f"{entry.path} cannot be read: the networks are made as the notebook makes them in the profile cpu"]
    return {}, []


def is_argument(value):
    return isinstance(value, int) and 0 < value <= MAX_ARGUMENT


def tensors_of(found, weights, sandbox=None):
    """The tensors of a file of weights, {name: tensor}, floats as float32.

    Args:
        found: a Found with a path. weights: its declaration. sandbox: function () -> a running Sandbox of the module
            `pickled`, which reads what torch.save has written.
    Raises:
        Unusable: it is none, or not one that can be measured. SandboxError: of the sandbox.
    """
    content = Path(found.path).read_bytes()
    if found.path.endswith(".safetensors") and not ZIPPED.match(content):  # torch.save under our name
        tensors = of_safetensors(content, found.name)
    else:
        tensors = of_pickle(content, found.name, weights, sandbox())
    return usable(tensors, found.name, weights.most)


def of_safetensors(content, name):
    """The tensors of a safetensors file. Its header is looked at before anything is made of it."""
    from safetensors import SafetensorError
    from safetensors.torch import load
    length, = struct.unpack("<Q", content[:8]) if len(content) >= 8 else (0,)
    if not content[8:9] == b"{" or not 2 <= length <= MAX_HEADER:
        raise Unusable(f"{name} is no safetensors file: the notebook's last cell writes one")
    if length > len(content) - 8:
        raise Unusable(f"{name} is cut off: its end is missing", open=True)
    try:
        header = json.loads(content[8:8 + length])
        header.pop("__metadata__", None)
        kinds = {str(entry["dtype"]) for entry in header.values()}
        deep = any(len(entry["shape"]) > MAX_DIMENSIONS for entry in header.values())
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        is_cut = end > len(content) - 8 - length
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise Unusable(f"{name} is no safetensors file: its header cannot be read") from None
    if not header or len(header) > MAX_TENSORS or deep:
        raise Unusable(f"{name} holds {len(header)} tensors, expected between 1 and {MAX_TENSORS}, of at most "
                       f"{MAX_DIMENSIONS} dimensions")
    if kinds - FLOATS - WHOLE:
        raise Unusable(f"{name} holds numbers of type {printable(', '.join(sorted(kinds - FLOATS - WHOLE)))[:100]}, "
                       "expected float32")
    if is_cut:
        raise Unusable(f"{name} is cut off: its end is missing", open=True)
    try:
        return load(content)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise Unusable(f"{name} is no safetensors file: its header does not fit what follows "
                       f"({printable(str(error))[:100]})") from None


def of_pickle(content, name, weights, sandbox):
    """The tensors of a file of torch.save, which the sandbox reads."""
    import torch
    inputs = {"content": torch.frombuffer(bytearray(content), dtype=torch.uint8), "part": weights.part,
              "prefix": weights.prefix}
    try:
        told = sandbox.observe("", "weights", inputs, READ_TIMEOUT)
        if isinstance(told, dict) and isinstance(told.get("problem"), str):
            raise Unusable(f"{name}: {printable(told['problem'])[:200]}. The notebook's last cell writes what counts",
                           open=told.get("damaged") is True)
        return dict(told["tensors"])
    except (Unanswered, TypeError, KeyError, ValueError) as error:
        raise Unusable(f"{name}: torch.load cannot read it ({printable(str(error))[:100]})", open=True) from None


def usable(tensors, name, most):
    """Tensors that a network may get, floats as float32. Raises Unusable."""
    import torch
    if not 0 < len(tensors) <= MAX_TENSORS or not all(isinstance(each, torch.Tensor) for each in tensors.values()):
        raise Unusable(f"{name} holds no weights: expected the tensors of state_dict()")
    if (count := sum(tensor.numel() for tensor in tensors.values())) > most:
        raise Unusable(f"{name} holds {count:,} numbers, and at most {most:,} are measured", open=True)
    made = {}
    for key, tensor in tensors.items():
        if tensor.is_complex() or tensor.is_quantized or tensor.layout != torch.strided:
            raise Unusable(f"{name} holds numbers of type {tensor.dtype}, expected float32")
        made[key] = tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        if not made[key].isfinite().all():
            raise Unusable(f"{name} holds NaN or infinite numbers, in {printable(key)[:100]}: its training diverged")
    return made
