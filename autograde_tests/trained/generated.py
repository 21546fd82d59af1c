"""Judges images that a generator has made of noise: their quality, their variety, and whether they are copies.

Whoever puts real images into the weights has good and varied ones. So three more numbers are taken: how many images are
copies of known ones, or mixtures of two; how far the image jumps on a walk through the noise, since a table has no path
from one entry to the next.
"""
import functools

import torch
from torch.nn import functional as F

from autograde_tests.trained import JUMP, draw, jump, real
from helpers.given import metrics, training

DISTANCE, PRECISION, RECALL = "Fréchet distance", "precision", "recall"
COPIES = "share of copies"
NEAREST = 12  # known images that a generated one is compared with
ALIKE = 0.4  # of the distance to the others: what is nearer is a copy. Real test images: at least 0.47


class Judge:
    """What a data set gives to judge with. It is read and computed when it is first asked for, once.

    Args:
        name: of the data set.
    """

    IMAGES = 2000

    def __init__(self, name):
        self.name = name

    @functools.cached_property
    def set(self):
        return real(self.name)

    @property
    def test_images(self):
        return self.set.test_images

    @functools.cached_property
    def classifier(self):
        return metrics.load_classifier(self.set)[0]

    @functools.cached_property
    def real_images(self):
        """Test images to compare with; always the same ones."""
        return draw(self.set.test_images, self.IMAGES, torch.Generator().manual_seed(0))

    @functools.cached_property
    def known(self):
        """All images that somebody could have copied, as `sketches`."""
        return torch.cat([sketches(training.to_float(batch))
                          for images in (self.set.train_images, self.set.test_images) for batch in images.split(2000)])

    def look(self, images, walks):
        """The quantities of IMAGES generated images (N, 1, h, w) in [0, 1], and of those that were made of `walks`."""
        distance = metrics.frechet_distance(self.classifier, self.real_images, images)
        precision, recall = metrics.precision_recall(self.classifier, self.real_images, images)
        return {DISTANCE: distance, PRECISION: precision, RECALL: recall,
                COPIES: copies(images[:1000], self.known), JUMP: jump(walks)}


class Digits(Judge):
    """The test images as floats, and the floor of the Fréchet distance: that of as many training images as are made.

    Args:
        made: how many are made.
    """

    def __init__(self, name, made):
        super().__init__(name)
        self.made = made

    @functools.cached_property
    def test(self):
        return training.to_float(self.set.test_images)

    @functools.cached_property
    def floor(self):
        rng = torch.Generator().manual_seed(0)
        found = [metrics.frechet_distance(self.classifier, self.test, draw(self.set.train_images, self.made, rng))
                 for _ in range(5)]
        return sum(found) / len(found)


def sketches(images):
    """Images (N, 1, 28, 28) as 196 numbers each that do not tell where the image lies, how bright it is, and what its
    finest grain is: moved to the middle, smoothed to half the size, scaled to length 1."""
    size = torch.tensor(images.shape[-2:])
    mass = images.sum(dim=(1, 2, 3)).clamp(min=1e-6)
    rows, columns = (torch.linspace(-1 + 1 / n, 1 - 1 / n, n) for n in size.tolist())
    middle = torch.stack(((images.sum(dim=(1, 2)) @ columns) / mass, (images.sum(dim=(1, 3)) @ rows) / mass), dim=1)
    places = F.affine_grid(torch.eye(2, 3).expand(len(images), 2, 3) + F.pad(middle[:, :, None], (2, 0)), images.shape,
                           align_corners=False)
    return F.normalize(F.avg_pool2d(F.grid_sample(images, places, align_corners=False), 2).flatten(1), dim=1)


def copies(images, known):
    """The share of images that are copies of a known one, or mixtures of two: nearer to that one, or to the line
    between those two, than ALIKE times the distance to the others around."""
    return (nearness(images, known) < ALIKE).float().mean().item()


def nearness(images, known):
    """For each image its distance to the nearest known one, or to the nearest line between two of the NEAREST ones, as
    a share of the distance to the third one."""
    found = []
    for batch in sketches(images).split(250):
        distances, places = torch.cdist(batch, known).topk(NEAREST, largest=False)
        steps = known[places] - batch[:, None]
        gram = (steps @ steps.transpose(1, 2)).double()
        square = gram.diagonal(dim1=1, dim2=2)
        a, b = square[:, :, None], square[:, None, :]
        apart = (a + b - 2 * gram).clamp(min=1e-9)
        share = ((a - gram) / apart).clamp(0, 1)
        to_line = (1 - share) ** 2 * a + share ** 2 * b + 2 * share * (1 - share) * gram
        found.append(to_line.flatten(1).amin(dim=1).clamp(min=0).sqrt() / distances[:, 2].clamp(min=1e-6))
    return torch.cat(found)
