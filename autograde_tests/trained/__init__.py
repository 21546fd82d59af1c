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

from helpers.given import datasets, training


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
