"""Trained work of assignment 7: digits on demand in one step, in two and in four.

The network's class is given, so what is handed in is numbers only. The judge puts them into a network of its own, draws
the noise and the digits that are asked for, and walks: no code of the student's runs, and nothing of it could answer
from elsewhere. What could still be stored in the weights are a few images, so copies of known ones are looked for.
"""
import torch

from autograde_tests.trained import Measure, at_least, at_most
from autograde_tests.trained.challenge import Challenge
from autograde_tests.trained.generated import Digits, copies
from helpers import flow
from helpers.given import metrics
from helpers.given.console import UserError
from helpers.given.flow import ShortcutUNet
from helpers.given.weights import load

SECONDS = 40  # on two cores
MADE = 1000  # images, for each number of steps

MEAN, COPIES = "mean Fréchet distance (real images: 1)", "share of copies"
WORDS = {1: "one step", 2: "two steps", 4: "four steps"}
ASKED = {steps: f"digits read as asked in {words}" for steps, words in WORDS.items()}
DISTANCE = {steps: f"Fréchet distance in {words}" for steps, words in WORDS.items()}


def data():
    return Digits("mnist", MADE)


def shortcut(student, weights, settings, rng, data):
    try:
        network = load(ShortcutUNet(), weights)
    except UserError as error:
        raise AssertionError(str(error)) from None
    wanted = torch.randint(network.null_label, (MADE,), generator=rng)
    noise, found, shares = torch.randn(MADE, 1, 28, 28, generator=rng), {}, []
    for steps in WORDS:
        images = torch.cat([walked(network, *part, steps) for part in zip(noise.split(100), wanted.split(100))])
        assert images.isfinite().all(), f"images made in {WORDS[steps]} hold NaN or infinite numbers"
        images = (images.clamp(-1, 1) + 1) / 2
        found[ASKED[steps]] = metrics.share_as_asked(data.classifier, images, wanted)[0]
        found[DISTANCE[steps]] = metrics.frechet_distance(data.classifier, data.test, images) / data.floor
        shares.append(copies(images[:300], data.known))
    return {**found, MEAN: sum(found[name] for name in DISTANCE.values()) / len(WORDS), COPIES: max(shares)}


def walked(network, noise, labels, steps):
    """Where the network takes noise in so many steps of one size."""
    size = torch.full((len(noise),), 1 / steps)
    return flow.euler(lambda x, t: network(x, t, labels, size), noise, torch.linspace(0, 1, steps + 1))[0]


def limits(distance, asked):
    """What is asked: of the mean distance, and of the digits in one step, in two and in four."""
    return {MEAN: at_most(distance), **{ASKED[steps]: at_least(least) for steps, least in zip(WORDS, asked)},
            COPIES: at_most(0.05)}


MEASURES = [Measure("shortcut", 8, shortcut, (
    # A flow that has learned nothing of large steps comes to 23: 2 points.
    (8, limits(8, (0.9, 0.9, 0.93))), (4, limits(16, (0.8, 0.8, 0.85))), (2, limits(40, (0.5, 0.5, 0.5)))),
    "Train the flow first, start the shortcut network from its weights, and hand in the averaged weights")]
CHALLENGE = Challenge("shortcut", MEAN, "asc", 330_000, "1, 2 and 4 steps of Euler's method, which the judge walks; 20 "
                      "minutes of training on two cores, the flow included, which is your word")
