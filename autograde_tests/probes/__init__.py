"""What the probes of all assignments share. Copied into the sandbox together with one assignment's probes."""
import random

import numpy as np
import torch
from torch.overrides import TorchFunctionMode


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


class Convolutions(TorchFunctionMode):
    """Count the convolutions that run."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.count += "conv" in getattr(function, "__name__", "")
        return function(*args, **(kwargs or {}))
