"""What the probes of all assignments share. Copied into the sandbox together with one assignment's probes."""
import random

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from helpers.given.checks import Layers


def seed(number):
    """Seed every source of random numbers that a student may have used."""
    torch.manual_seed(number)
    np.random.seed(number % 2 ** 32)
    random.seed(number)


def returned(names, values):
    """Name the parts of a result; parts that are no tensors are described in words."""
    parts = list(values) if isinstance(values, (tuple, list)) else [values]
    out = {"count": len(parts)}
    for name, part in zip(names, parts):
        out[name] = part if isinstance(part, torch.Tensor) else type(part).__name__
    return out


def layers_of(model, x):
    """Run a model and return what each of its layers got and gave, in the order in which they ran, and these layers.

    Linear layers and convolutions are numbered together, batch norms apart. Only convolutions return their weights.
    """
    with torch.no_grad(), Layers() as layers:
        out = model(x)
    found = returned(("out",), (out,))
    norms = [layer for layer in layers.seen if layer["kind"] == "batch_norm"]
    rest = [layer for layer in layers.seen if layer["kind"] != "batch_norm"]
    found.update(kinds=[layer["kind"] for layer in rest], sizes=[list(layer["weight"].shape) for layer in rest],
                 biases=[layer.get("bias") is not None for layer in rest], norms=len(norms),
                 eps=[layer.get("eps", 1e-5) for layer in norms[:8]])
    for k, layer in enumerate(rest[:8]):
        found[f"input{k}"], found[f"output{k}"] = layer["input"], layer["output"]
        if layer["kind"] != "linear":
            found[f"weight{k}"] = layer["weight"].clone()
            if layer.get("bias") is not None:
                found[f"bias{k}"] = layer["bias"]
    for k, layer in enumerate(norms[:8]):
        for name in ("running_mean", "running_var", "weight", "bias"):
            if layer.get(name) is not None:
                found[f"norm{k}_{name}"] = layer[name]
    return found, rest


class Convolutions(TorchFunctionMode):
    """Count the convolutions that run."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += "conv" in getattr(function, "__name__", "")
        return function(*args, **(kwargs or {}))
