"""Hidden measures of trained work: what somebody's weights can do, on data that nobody has seen before.

A file NAME.py is about the weights that helpers/given/trained/NAME.py declares. It has MEASURES, SECONDS (that all of
them take on two cores), and `data()`, what does not depend on the student: it is called once for each grader.

The class is the student's and so are the weights, so nothing that comes back is believed. A measure draws what is
hidden from its generator, has the student's network run on it in processes that know nothing of each other, and
computes each number itself. What it returns are numbers by name, and the names are for people: "negative ELBO on test
images". It raises AssertionError, with a message for the student, for what has no number, such as NaN.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from helpers.given import datasets, training
from helpers.given.checks.engine import expect_tensor

WALKS, STEPS = 24, 20  # walks from one code to another one, and the points of each
JUMP = "largest jump on a walk"


@dataclass(frozen=True)
class Limit:
    """What a quantity must reach. NaN never does."""

    bound: float
    sign: int
    words: str

    def holds(self, value):
        return self.sign * value <= self.sign * self.bound

    def __str__(self):
        return f"{self.words} {self.bound:g}"


def at_most(bound):
    return Limit(bound, 1, "at most")


def at_least(bound):
    return Limit(bound, -1, "at least")


@dataclass(frozen=True)
class Measure:
    """One file of weights and what it is worth.

    weights: its name, such as "cvae". points: at most. function: (student, weights, settings, rng, data) ->
    {quantity: float}, where student.observe(probe, ...) asks a process of its own each time; weights are tensors by
    name; settings say what the network was made with (the student's word: a hint); rng is a torch.Generator, seeded
    anew in each grading; data is what `data()` has made. steps: ((points, {quantity: Limit}), ...), the best first: the
    first one whose limits all hold gives its points. hint: for who does not get all.
    """

    weights: str
    points: float
    function: Callable
    steps: tuple
    hint: str


class NotMeasured(Exception):
    """The machine of the grader has not got what a measure needs. The mark is open, and the message says why."""


def real(name):
    """A data set to measure with. The stand-in says nothing about weights that real images have trained, so it only
    serves in the profile smoke. Raises NotMeasured."""
    try:
        data = datasets.load(name)
    except datasets.DataError as error:
        raise NotMeasured(str(error)) from None
    if data.stand_in and training.profile() != "smoke":
        raise NotMeasured(f"the grader has not got the data set {name}: {datasets.how_to_get(name)}")
    return data


def unseen(images, rng):
    """What nobody has seen: float images (N, 1, h, w) in [0, 1], each turned, stretched, shifted, bent and lit a little
    in its own way. Whoever knows the images by heart knows these no better than others."""
    def spread(by, *shape):
        return (2 * torch.rand(len(images), *shape, generator=rng) - 1) * by

    turn, (wide, high) = spread(0.12), (1 + spread(0.08, 2)).T
    cosine, sine = turn.cos(), turn.sin()
    rows = torch.stack((wide * cosine, -high * sine, wide * sine, high * cosine), dim=1).view(-1, 2, 2)
    places = F.affine_grid(torch.cat((rows, spread(0.05, 2, 1)), dim=2), images.shape, align_corners=False)
    bends = F.interpolate(spread(0.06, 2, 5, 5), size=images.shape[-2:], mode="bicubic", align_corners=True)
    moved = F.grid_sample(images, places + bends.permute(0, 2, 3, 1), align_corners=False).clamp(0, 1)
    return moved ** torch.exp(spread(0.2, 1, 1, 1))


def draw(images, count, rng):
    """So many of some uint8 images, each at most once, as float in [0, 1]."""
    return training.to_float(images[torch.randperm(len(images), generator=rng)[:count]])


def expect_images(what, value, shape, low=0.0):
    """Assert that a value is a float tensor of images of this shape, from low to 1."""
    expect_tensor(what, value, shape)
    assert value.dtype == torch.float32, f"{what} must be float32, got {value.dtype}"
    least, most = value.aminmax()
    assert low <= least and most <= 1, f"{what} must lie in [{low:g}, 1], got values from {least:.4g} to {most:.4g}"


def walks(starts, ends):
    """The points of straight walks from codes (WALKS, Z) to others, (WALKS * STEPS, Z)."""
    return torch.lerp(starts[:, None], ends[:, None], torch.linspace(0, 1, STEPS)[:, None]).flatten(0, 1)


def jump(images):
    """What is made of `walks`: the largest step of each walk, as a share of the distance between its ends; the median.
    A network goes along in small steps. A table of images has no path from one entry to the next: it jumps. NaN where
    nothing moves."""
    images = images.unflatten(0, (WALKS, STEPS)).flatten(2)
    steps = (images[:, 1:] - images[:, :-1]).norm(dim=2).amax(dim=1)
    return (steps / (images[:, -1] - images[:, 0]).norm(dim=1)).median().item()
