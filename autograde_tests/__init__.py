"""Hidden checks. Tests judge in the grader's process; probes observe beside the student's code, in the sandbox.

A test is a function `test_...(student, rng)` marked `@graded`. `student.observe("probe", ...)` runs a function of
`probes/<module>.py` in the sandbox and returns plain data. `rng` is a torch.Generator, seeded anew in each grading.
The test compares with the reference in `helpers` and raises AssertionError with a message for the student.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Check:
    """One graded test. `gap` is the gap of the release that it judges (a class stands for all gaps in it)."""

    item: str
    points: int
    hint: str
    gap: str
    function: Callable


CHECKS = []


def graded(item, points, hint, gap=None):
    """Mark a test: the item it counts for, such as vae.interpolate, its points, a hint for who fails it, and the gap if
    it is not called as the item is."""
    def register(function):
        CHECKS.append(Check(item, points, hint, gap or item.split(".", 1)[1], function))
        return function
    return register


def uniform(rng, *shape, low=0.0, high=1.0):
    """Draw a float32 tensor, uniform in [low, high]."""
    return torch.rand(*shape, generator=rng) * (high - low) + low


def normal(rng, *shape):
    """Draw a float32 tensor from N(0, 1)."""
    return torch.randn(*shape, generator=rng)


def whole(rng, low, high):
    """Draw an int, low and high included."""
    return int(torch.randint(low, high + 1, (), generator=rng))
