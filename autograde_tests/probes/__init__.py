"""What the probes of all assignments share. Copied into the sandbox together with one assignment's probes."""
import math
import random

import numpy as np
import torch

from helpers.given.checks.engine import Elsewhere, tensors_in  # noqa: F401  (for the probes)


def seed(number):
    """Seed every source of random numbers that a student may have used."""
    torch.manual_seed(number)
    np.random.seed(number % 2 ** 32)
    random.seed(number)


def single(value):
    """What should be one tensor, so that it can be sent: as it is, or the name of its type."""
    return value if isinstance(value, torch.Tensor) else type(value).__name__


def shown(value):
    """What a student's function returned, so that it can be sent: tuples and lists part by part, see `single`."""
    if isinstance(value, (tuple, list)) and len(value) <= 100:
        return [shown(part) for part in value]
    return single(value)


def piece(numbers, position, shape):
    """The values of a parameter of this shape that begins at `position` among all numbers of its model, see `fill`.

    The grader computes with them, too: it has drawn the numbers, so what is due does not depend on what comes back.
    """
    count, start = math.prod(shape), position % len(numbers)
    scale, rounds = math.sqrt(3 / (count // shape[0])) if len(shape) > 1 else 0.5, -(-(start + count) // len(numbers))
    if rounds == 1:
        return (numbers[start:start + count] * scale).view(tuple(shape))
    return (numbers * scale).repeat(rounds)[start:start + count].view(tuple(shape))  # millions of them: no copy more


def fill(model, numbers):
    """Fill the parameters of a model, one after another, with numbers in [-1, 1] that the grader has drawn; from the
    beginning again when they are used up. Weights are scaled by their number of inputs, which keeps signals at their
    size. Returns the position at which each parameter begins: {id(parameter): position}."""
    places, position = {}, 0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(piece(numbers, position, parameter.shape))
            places[id(parameter)] = position
            position += parameter.numel()
    return places
