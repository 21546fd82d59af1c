"""Trained work of assignment 5: a generator of flowers, 64x64 pixels.

The judge draws the latent vectors, some of them on arcs, and measures what comes by its own classifier. A network may
store photographs: so copies are looked for, mirrored, shifted and enlarged ones too, and blends of a few. And what
chooses one of many stored images by z must jump on an arc, whatever it does to them. All distances are in units of the
one between two halves of the photographs, in the features of this grader's judge.
"""
import functools

import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, at_least, at_most, real
from autograde_tests.trained.asking import MOVED, answer, moved
from autograde_tests.trained.challenge import Challenge
from helpers.given import metrics, training

SECONDS = 30  # on two cores
MADE = 400  # images, against as many photographs
ARCS, PLACES = 16, 16  # on which images are looked at, and how many on each
SIZE, EDGE = 16, 4  # pixels at which images are compared; by how many pixels training shifts photographs
COPY = 0.95
JUDGE_EPOCHS = 40  # as in the notebook

DISTANCE, PRECISION, RECALL = "Fréchet distance (photographs: 1)", "precision", "recall"
COPIES, LIKENESS, STEP = "copies of photographs", "likeness to the nearest photograph", "largest step on an arc"


class Photographs:
    """What does not depend on the student, made when it is first asked for."""

    @functools.cached_property
    def set(self):
        return real("flowers64")

    @functools.cached_property
    def images(self):
        return training.to_float(torch.cat((self.set.train_images, self.set.test_images)))

    @functools.cached_property
    def classifier(self):
        return metrics.load_classifier(self.set, epochs=JUDGE_EPOCHS)[0]

    @functools.cached_property
    def floor(self):
        """The Fréchet distance between two halves of the photographs."""
        rng, found = torch.Generator().manual_seed(0), []
        for _ in range(5):
            halves = torch.randperm(len(self.images), generator=rng).chunk(2)
            found.append(metrics.frechet_distance(self.classifier, *(self.images[half][:MADE] for half in halves)))
        return sum(found) / len(found)

    @functools.cached_property
    def views(self):
        return views(self.images)


def data():
    return Photographs()


def seen(images):
    """What is compared: SIZE x SIZE pixels, whatever their brightness and contrast, as vectors of length 1."""
    small = F.interpolate(images, size=SIZE, mode="area")
    return F.normalize((small - small.mean(dim=(1, 2, 3), keepdim=True)).flatten(1), dim=1)


def views(photographs):
    """The photographs as a training shows them, and enlarged: a tensor (V * N, 768)."""
    size, found = photographs.shape[-1], []
    for cut in (0, 4, 8):
        middle = F.interpolate(photographs[:, :, cut:size - cut, cut:size - cut], size=size, mode="bilinear")
        wide = F.pad(middle, [EDGE] * 4, mode="reflect")
        for top, left in ((top, left) for top in range(0, 2 * EDGE + 1, 2) for left in range(0, 2 * EDGE + 1, 2)):
            part = wide[:, :, top:top + size, left:left + size]
            found += [seen(part), seen(part.flip(-1))]
    return torch.cat(found)


def likeness(images, views):
    """The correlation of each image with the photograph that it is most alike, (N,)."""
    return torch.stack([(seen(images) @ part.T).amax(dim=1) for part in views.split(10_000)]).amax(dim=0)


def on_arcs(rng, latent_dim):
    """Latent vectors on quarters of circles between two drawn ones: (PLACES, ARCS, latent_dim, 1, 1)."""
    first, second = torch.randn(2, ARCS, latent_dim, 1, 1, generator=rng)
    angle = torch.linspace(0, torch.pi / 2, PLACES).view(-1, 1, 1, 1, 1)
    return first * angle.cos() + second * angle.sin()


def largest_step(images):
    """Of the way that images (PLACES, ARCS, ...) go on an arc: the share of its largest step; the median of all."""
    steps = (images[1:] - images[:-1]).flatten(2).norm(dim=2)
    return (steps.amax(dim=0) / steps.sum(dim=0).clamp(min=1e-6)).median().item()


def flowers(student, weights, settings, rng, data):
    photographs, z = data.images, torch.randn(MADE, settings["latent_dim"], 1, 1, generator=rng)
    arcs, walked, made = on_arcs(rng, settings["latent_dim"]), [], []
    # Of each arc a process sees one place only, among others that are drawn alike: it cannot tell that they are one.
    for places, others in zip(arcs, z.chunk(PLACES)):
        together = torch.cat((places, others))
        order = torch.randperm(len(together), generator=rng)
        images = answer(student, (len(together), 3, 64, 64), weights=weights, z=together[order], settings=settings)
        images = images.clamp(-1, 1)[order.argsort()]
        walked.append(images[:ARCS])
        made.append(images[ARCS:])
    made = torch.cat(made)
    images = (made + 1) / 2
    chosen = photographs[torch.randperm(len(photographs), generator=rng)[:MADE]]
    precision, recall = metrics.precision_recall(data.classifier, chosen, images[:len(chosen)])
    alike = likeness(images, data.views)
    return {DISTANCE: metrics.frechet_distance(data.classifier, chosen, images) / data.floor,
            PRECISION: precision, RECALL: recall,
            COPIES: (alike > COPY).float().mean().item(), LIKENESS: alike.median().item(),
            STEP: largest_step(torch.stack(walked)),
            MOVED: moved(made[:50], student, weights, rng, z=z[:50], settings=settings)}


HONEST = {COPIES: at_most(0.05), LIKENESS: at_most(0.82), STEP: at_most(0.15), MOVED: at_least(0.1)}
MEASURES = [Measure("flowers", 8, flowers, (
    (8, {DISTANCE: at_most(4.5), PRECISION: at_least(0.6), RECALL: at_least(0.6), **HONEST}),
    (4, {DISTANCE: at_most(8), PRECISION: at_least(0.5), RECALL: at_least(0.4), **HONEST}),
    (2, {DISTANCE: at_most(15), PRECISION: at_least(0.4), RECALL: at_least(0.2), **HONEST})),
    "Train for more epochs, and hand in the averaged weights")]
CHALLENGE = Challenge("flowers", DISTANCE, "asc", 310_000, "30 minutes of training on two cores, which is your word")
