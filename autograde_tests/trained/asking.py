"""Asking a network that is the student's with weights that are the student's, and whether the two have to do with each
other."""
import torch

from helpers.given.checks.engine import expect_shape, expect_tensor

WHAT = "what your network gives"
MOVED = "change without what was learned"


def answer(student, shape, **inputs):
    """What the probe `trained` gives, a float32 tensor of this shape with finite numbers. AssertionError for anything
    else."""
    found = student.observe("trained", **inputs)
    expect_tensor(WHAT, found, tuple(shape))
    return found.float()


def moved(found, student, weights, rng, **inputs):
    """How far an answer moves, over how much it varies, if the numbers in each tensor of the weights change places.

    Nothing that was learned is left then. A class that has its answers in itself, and not in the weights, gives them
    all the same: 0. The three networks of the course move by 0.5 and more.
    """
    other = student.observe("trained", weights=scrambled(weights, rng), **inputs)
    expect_shape(WHAT, other, found.shape)
    spread = (found - found.mean()).abs().mean().clamp(min=1e-6)
    return ((found - other.float()).abs().mean() / spread).nan_to_num(torch.inf).item()


def scrambled(weights, rng):
    return {name: value.flatten()[torch.randperm(value.numel(), generator=rng)].view(value.shape)
            for name, value in weights.items()}
