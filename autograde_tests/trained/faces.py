"""Trained work of assignment 6: a generator that gives faces another expression.

The judge draws faces that nobody has seen, from known factors, and asks each for another expression. Who hands the face
back keeps the person and shows no expression; who shows stored faces shows the expression and no person. And since the
factors are known, the right face is known: the distance to it counts, too.
"""
import functools

import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, NotMeasured, at_least, at_most
from autograde_tests.trained.asking import MOVED, answer, moved
from autograde_tests.trained.challenge import Challenge
from helpers.given import datasets, face_data, faces as given, training

SECONDS = 10  # on two cores
DRAWN = 400
EXPRESSIONS = len(face_data.EXPRESSIONS)

EXPRESSION, PERSON, BOTH = "expression read as asked", "person read as before", "expression and person right"
ERROR = "mean difference to the right face"


class Drawn:
    """The judge, made when it is first asked for."""

    @functools.cached_property
    def judge(self):
        """Photographs say nothing of the person, and a class that has them has the test images, too."""
        known = datasets.load("ckplus")
        if not known.stand_in:
            raise NotMeasured("this course has photographs of its own (CK+), and only drawn faces can be measured: "
                              "their factors are known")
        return given.load_judge(known)


def data():
    return Drawn()


def faces(student, weights, settings, rng, data):
    judge = data.judge
    images, factors = face_data.sample(DRAWN, seed=int(torch.randint(2 ** 31, (), generator=rng)))
    step = torch.randint(1, EXPRESSIONS, (DRAWN,), generator=rng)
    wanted = (factors["expression"] + step) % EXPRESSIONS
    x, labels = 2 * training.to_float(images) - 1, F.one_hot(wanted, EXPRESSIONS).float()

    made = answer(student, x.shape, weights=weights, x=x, labels=labels, settings=settings).clamp(-1, 1)
    found, right = (made + 1) / 2, training.to_float(face_data.render({**factors, "expression": wanted}))
    seen = judge.read(found)
    expression = seen["expression"] == wanted
    person = torch.stack([seen[name] == factors[name] for name in face_data.IDENTITY]).all(dim=0)
    return {EXPRESSION: expression.float().mean().item(), PERSON: person.float().mean().item(),
            BOTH: (expression & person).float().mean().item(), ERROR: (found - right).abs().mean().item(),
            MOVED: moved(made[:50], student, weights, rng, x=x[:50], labels=labels[:50], settings=settings)}


MEASURES = [Measure("faces", 8, faces, (
    (8, {EXPRESSION: at_least(0.85), PERSON: at_least(0.8), ERROR: at_most(0.028), MOVED: at_least(0.1)}),
    (4, {EXPRESSION: at_least(0.75), PERSON: at_least(0.7), ERROR: at_most(0.045), MOVED: at_least(0.1)}),
    (2, {EXPRESSION: at_least(0.65), PERSON: at_least(0.6), ERROR: at_most(0.06), MOVED: at_least(0.1)})),
    "Train with the reconstruction term, for all epochs, as paint")]
CHALLENGE = Challenge("faces", BOTH, "desc", 130_000, "60 minutes of training on two cores, which is your word")
