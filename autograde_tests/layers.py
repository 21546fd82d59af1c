"""How a hidden check names what it saw of a network: layers, and what stands between them.

Networks are judged by what went into and came out of each layer, so it does not matter how they are written.
"""
import torch
from torch.nn import functional as F

from autograde_tests import close

PLAIN = "no activation"
NAMES = {"linear": "Linear", "conv2d": "Conv2d"}
OTHERS = {"Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "ELU": F.elu, "SELU": F.selu, "GELU": F.gelu, "SiLU": F.silu,
          "Softplus": F.softplus, "ReLU6": F.relu6, "Hardtanh": F.hardtanh, "Hardsigmoid": F.hardsigmoid,
          "Tanh twice": lambda x: x.tanh().tanh(), "Sigmoid twice": lambda x: x.sigmoid().sigmoid(),
          "Sigmoid after ReLU": lambda x: x.relu().sigmoid(), "Tanh after ReLU": lambda x: x.relu().tanh(),
          "Sigmoid after Tanh": lambda x: x.tanh().sigmoid(), "absolute values": torch.abs,
          "Tanh, scaled to [0, 1],": lambda x: x.tanh() / 2 + 0.5}
POINTWISE = 2e-5  # tolerance where one number makes one number


def same(a, b):
    """True if two tensors hold the same numbers; their shapes may differ behind the batch."""
    return len(a) == len(b) and close(a.flatten(1), b.flatten(1), POINTWISE)


def activation(before, after):
    """Name the activation that turns one tensor into the other; None if it is none that we know."""
    if before.numel() != after.numel():
        return None
    before, after = before.flatten(), after.flatten()
    ratio = (after / before)[before < 0]
    slope = ratio.median().item() if len(ratio) else 1.0
    if slope > -1e-3 and close(after, torch.where(before < 0, slope * before, before), POINTWISE):
        return {"0": "ReLU", "1": PLAIN}.get(f"{abs(slope):.3g}", f"LeakyReLU with slope {slope:.3g}")
    return next((name for name, function in OTHERS.items() if close(after, function(before), POINTWISE)), None)


def layer_name(kind, size):
    """Write a layer as in a program: Linear(98, 3), Conv2d(1, 64, 3). size: the shape of its weight."""
    kernel = "" if len(size) < 4 else f", {size[2]}" if size[2] == size[3] else f", ({size[2]}, {size[3]})"
    if kind == "conv_transpose2d":
        return f"ConvTranspose2d({size[0]}, {size[1]}{kernel})"
    return f"{NAMES.get(kind, kind)}({size[1]}, {size[0]}{kernel})"
