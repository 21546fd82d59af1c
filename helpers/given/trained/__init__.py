"""What a training has learned, handed in: weights, settings, curve and pictures in trained/NAME, beside `helpers`.

Each file here declares it for the assignment of its name: `WEIGHTS`, and `PICTURES`: {file: (name of the weights,
function (network, Given) -> figure, or a dict of tensors for a safetensors file)}. A notebook's last cell calls
`hand_in`. The grader reads the same declarations, so what is written here is what it expects.
"""
import csv
import functools
import importlib
import io
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save

from helpers.given import datasets, plotting, training
from helpers.given.console import UserError, write
from helpers.given.course import ROOT
from helpers.given.tables import table
from helpers.given.weights import load


@dataclass(frozen=True)
class Weights:
    """One file of weights that is handed in, trained/NAME/<name>.safetensors.

    checkpoint: of the training, in runs/PROFILE/NAME. part: of its state. prefix: before the names that count there.
    make: function (the student's module, **arguments) -> the network. arguments: the notebook's, see `hand_in`.
    data: the data set that it is trained on.
    most: numbers that it may have; the grader reads no larger file.
    target: what the training should reach, in words. section: of the notebook that trains it.
    """

    name: str
    checkpoint: str
    part: str
    make: Callable
    data: str
    most: int
    target: str
    section: str
    arguments: dict = field(default_factory=dict)
    prefix: str = ""

    @property
    def file(self):
        return f"{self.name}.safetensors"


@dataclass(frozen=True)
class Given:
    """What a picture is drawn with, beside the network: the student's module, the Dataset, the folder of the runs."""

    module: object
    data: object
    runs: Path


def declared(name):
    """The declarations of an assignment's trained work, the module helpers.given.trained.NAME; None if it has none."""
    if not (Path(__file__).parent / f"{name}.py").is_file():
        return None
    return importlib.import_module(f"{__name__}.{name}")


@torch.random.fork_rng(devices=[])  # what is drawn later must not depend on it
def hand_in(name, **arguments):
    """Write what the trainings of an assignment have left in runs/PROFILE/NAME into trained/NAME, in the form in which
    it is handed in, and print what is there and what is missing.

    What was handed in before stays where its training is not in `runs` any more. In the profile `smoke` all goes into
    runs/smoke/NAME/trained: what it makes shows nothing and must replace nothing.

    Args:
        name: of the assignment, such as "vae".
        arguments: what the networks are made with, where the notebook decides it: `channels=24`.
    Raises:
        UserError: an argument that no network takes, or a folder that cannot be written to.
    """
    given, module = declared(name), importlib.import_module(f"helpers.{name}")
    if unknown := set(arguments) - {key for weights in given.WEIGHTS for key in weights.arguments}:
        raise UserError(f"no network of {name} is made with {', '.join(sorted(unknown))}")
    runs = ROOT / "runs" / training.profile() / name
    folder = runs / "trained" if training.profile() == "smoke" else ROOT / "trained" / name
    there, missing, made = {}, {}, {}
    for weights in given.WEIGHTS:
        used = {key: arguments.get(key, value) for key, value in weights.arguments.items()}
        try:
            there[weights.name] = read(weights, runs, module, used)
        except (UserError, NotImplementedError) as error:
            missing[weights.name] = str(error)
    before = settings_in(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for weights in given.WEIGHTS:
            if weights.name in there:
                write(folder / weights.file, save(there[weights.name]["tensors"]))
        for file, (of, draw) in given.PICTURES.items():
            if of in there:
                made[file] = written(folder / file, draw, there[of], module, runs)
        kept = {weights.name: before[weights.name] for weights in given.WEIGHTS
                if weights.name in before and weights.name not in there and (folder / weights.file).is_file()}
        write(folder / "curve.csv", curve(folder, {of: each["history"] for of, each in there.items()}, kept))
        told = {**kept, **{of: each["settings"] for of, each in there.items()}}
        write(folder / "settings.json", json.dumps(told, indent=1) + "\n")  # last: with it, all is there
    except OSError as error:
        raise UserError(f"cannot write into {folder} ({error.strerror}): work in a copy of the course that you may "
                        "write to") from None
    show(given.WEIGHTS, folder, told, kept, missing, made)


def read(weights, runs, module, arguments):
    """What there is of these weights: network, tensors, settings and history of a finished training.

    Raises UserError if there is no checkpoint, or if it does not fit the class of today; NotImplementedError for a gap.
    """
    path = runs / weights.checkpoint
    if not path.is_file():
        raise UserError(f"run section {weights.section}: its training writes {path.relative_to(ROOT)}")
    content = training.read_checkpoint(path)
    state = content["state"].get(weights.part, {})
    tensors = {name.removeprefix(weights.prefix): as_handed_in(value) for name, value in state.items()
               if name.startswith(weights.prefix)}
    try:
        network = weights.make(module, **arguments)
    except NotImplementedError:
        raise
    except Exception as error:
        raise UserError(f"its network cannot be made: {type(error).__name__}: {error}") from None
    try:
        load(network, tensors)
    except UserError as error:
        raise UserError(f"{path.relative_to(ROOT)}: {error}. Run section {weights.section} again") from None
    history, data = content["history"], dataset(weights.data)
    device = training.pick_device()
    settings = {
        "profile": training.profile(), "data": weights.data, "stand_in": data.stand_in, "arguments": arguments,
        "numbers": sum(value.numel() for value in tensors.values()), **content["settings"],
        "epochs_done": len(history), "last": history[-1] if history else {},
        "processor": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
        or platform.machine(), "bfloat16": training.autocast_dtype(device) is not None,
        "python": platform.python_version(), "torch": str(torch.__version__)}
    return {"network": network, "tensors": tensors, "settings": settings, "history": history, "data": data}


def as_handed_in(value):
    """A tensor of a checkpoint as it is written: float32 on the CPU, whole numbers as they are."""
    return value.detach().cpu().to(torch.float32 if value.is_floating_point() else value.dtype).contiguous()


@functools.lru_cache(maxsize=2)
def dataset(name):
    return datasets.load(name)


def written(path, draw, made, module, runs):
    """Draw a picture, or gather tensors, and write the file. Returns "", or why that did not go: it runs the student's
    code."""
    try:
        with torch.no_grad():
            torch.manual_seed(0)
            drawn = draw(made["network"], Given(module, made["data"], runs))
    except Exception as error:  # a gap that is open, a mistake: the weights count without
        return f"{type(error).__name__}: {error}"
    write(path, save(drawn) if isinstance(drawn, dict) else jpeg(drawn))
    return ""


def jpeg(figure):
    """A figure as the bytes of a JPEG file. It is closed."""
    content = io.BytesIO()
    plotting.write(figure, content, plotting.resolution(120), format="jpeg")
    return content.getvalue()


def settings_in(folder):
    """What settings.json of an earlier time says, {name of the weights: dict}; {} if there is none that can be read."""
    try:
        told = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def curve(folder, histories, kept):
    """The text of curve.csv: a row for each epoch of each training. Rows of those that are kept stay."""
    rows = []
    if kept and (folder / "curve.csv").is_file():
        with open(folder / "curve.csv", encoding="utf-8", newline="") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("weights") in kept]
    for name, history in histories.items():
        rows += [{"weights": name, "epoch": epoch, **record} for epoch, record in enumerate(history, start=1)]
    text = io.StringIO()
    names = list(dict.fromkeys(["weights", "epoch", *(key for row in rows for key in row)]))
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def show(declared, folder, told, kept, missing, made):
    """Print what is handed in, and what is missing. made: {file: "" or why it was not drawn}."""
    rows = {}
    for weights in declared:
        if (settings := told.get(weights.name)) is not None:
            losses = {key: value for key, value in settings["last"].items() if key != "seconds"}
            last = ", ".join([f"{key} {value:.4g}" for key, value in losses.items()][:2])
            stopped = "" if settings["epochs_done"] >= settings["epochs"] else f" of {settings['epochs']}"
            rows[weights.file] = {
                "size": (folder / weights.file).stat().st_size / 1e6, "numbers": settings["numbers"],
                "epochs": f"{settings['epochs_done']}{stopped}", "last": last,
                "data": weights.data + (" (stand-in)" if settings["stand_in"] else ""),
                "from": "as before" if weights.name in kept else settings["profile"]}
    where = folder.relative_to(ROOT).as_posix()
    if rows:
        table(rows, {"size": ("MB", "7.1f"), "numbers": ("numbers", "12,"), "epochs": ("epochs", "10"),
                     "last": ("last epoch", "40"), "data": ("data", "20"), "from": ("profile", "11")},
              f"in {where}")
    for file, why in made.items():
        if why:
            print(f"not drawn: {file} ({why})")
    if drawn := [file for file, why in made.items() if not why]:
        print(f"and {', '.join([*drawn, 'curve.csv', 'settings.json'])}")
    for weights in declared:
        if weights.name in missing:
            print(f"{'not made again' if weights.name in kept else 'MISSING'}: {weights.file}: {missing[weights.name]}")
        print(f"{weights.name} should reach: {weights.target}")
    if training.profile() == "smoke":
        print("The profile smoke trains nothing: this is not what you hand in, and nothing in `trained` has changed.")
