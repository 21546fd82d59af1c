"""Trained work of assignment 5: a generator of flowers, 64x64 pixels.

The judge draws the latent vectors, some of them on arcs, and measures what comes by its own classifier. A network may
store photographs: so copies are looked for, mirrored, shifted and enlarged ones too, and blends of a few. And what
chooses one of many stored images by z must jump on an arc, whatever it does to them. All distances are in units of the
one between two halves of the photographs, in the features of this grader's judge.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, at_least, at_most, real
from autograde_tests.trained.asking import MOVED, answer, moved
from autograde_tests.trained.challenge import Challenge
from helpers.given import metrics, training

SECONDS = 30  # on two cores
MADE = 400  # images, against as many photographs
ARCS, PLACES = 16, 17  # on which images are looked at, and how many on each
SIZE, EDGE = 16, 4  # pixels at which images are compared; by how many pixels training shifts photographs
COPY = 0.95
JUDGE_EPOCHS = 40  # as in the notebook

DISTANCE, PRECISION, RECALL = "Fréchet distance (photographs: 1)", "precision", "recall"
COPIES, LIKENESS, STEP = "copies of photographs", "likeness to the nearest photograph", "largest step on an arc"


def data():
    """The photographs in [0, 1], the judge, what copies of them look like, and the floor of the Fréchet distance."""
    small = real("flowers64")
    photographs = training.to_float(torch.cat((small.train_images, small.test_images)))
    classifier, _ = metrics.load_classifier(small, epochs=JUDGE_EPOCHS)
    rng, floors = torch.Generator().manual_seed(0), []
    for _ in range(5):
        halves = torch.randperm(len(photographs), generator=rng).chunk(2)
        floors.append(metrics.frechet_distance(classifier, *(photographs[half][:MADE] for half in halves)))
    return {"photographs": photographs, "classifier": classifier, "floor": sum(floors) / len(floors),
            "views": views(photographs)}


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
    latent_dim = settings["latent_dim"]
    z = torch.randn(MADE, latent_dim, 1, 1, generator=rng)
    arcs = on_arcs(rng, latent_dim)

    def make(z):
        return answer(student, (len(z), 3, 64, 64), weights=weights, z=z, settings=settings).clamp(-1, 1)

    made, photographs = make(z), data["photographs"]
    images = (made + 1) / 2
    chosen = photographs[torch.randperm(len(photographs), generator=rng)[:MADE]]
    precision, recall = metrics.precision_recall(data["classifier"], chosen, images[:len(chosen)])
    alike = likeness(images, data["views"])
    return {DISTANCE: metrics.frechet_distance(data["classifier"], chosen, images) / data["floor"],
            PRECISION: precision, RECALL: recall,
            COPIES: (alike > COPY).float().mean().item(), LIKENESS: alike.median().item(),
            STEP: largest_step(make(arcs.flatten(0, 1)).unflatten(0, arcs.shape[:2])),
            MOVED: moved(made[:50], student, weights, rng, z=z[:50], settings=settings)}


HONEST = {COPIES: at_most(0.05), LIKENESS: at_most(0.82), STEP: at_most(0.15), MOVED: at_least(0.1)}
MEASURES = [Measure("flowers", 10, flowers, (
    (10, {DISTANCE: at_most(3.5), PRECISION: at_least(0.6), RECALL: at_least(0.6), **HONEST}),
    (6, {DISTANCE: at_most(6), PRECISION: at_least(0.5), RECALL: at_least(0.4), **HONEST}),
    (3, {DISTANCE: at_most(12), PRECISION: at_least(0.4), RECALL: at_least(0.2), **HONEST})),
    "Train for more epochs, and hand in the averaged weights")]
CHALLENGE = Challenge("flowers", DISTANCE, "asc", 310_000, "30 minutes of training on two cores, which is your word")
