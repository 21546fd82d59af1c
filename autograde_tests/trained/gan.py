"""The trained work of assignment 3: images of noise, by three generators."""
import torch

from autograde_tests.trained import JUMP, WALKS, Measure, at_least, at_most, expect_images, walks
from autograde_tests.trained.challenge import Challenge
from autograde_tests.trained.generated import COPIES, DISTANCE, PRECISION, RECALL, Judge

SECONDS = 25
NOISE, MOST_NOISE = 96, 4096  # numbers of noise: the notebook's, and the most


def data():
    return {name: Judge(name) for name in ("mnist", "fashion_mnist")}


def of(make, name):
    """The measure of a generator. make: the function or class that it comes from. name: of the data set."""
    def measure(student, weights, settings, rng, data):
        judge, size = data[name], settings.get("noise_dim", NOISE)
        assert 1 <= size <= MOST_NOISE, f"the noise has {size} numbers, expected 1 to {MOST_NOISE}"
        # As gan.sample_noise of the course draws it. The student's own would draw what the student likes.
        noise, starts, ends = (2 * torch.rand(count, size, generator=rng) - 1 for count in (judge.IMAGES, WALKS, WALKS))
        noise = torch.cat((noise, walks(starts, ends)))
        mixed = torch.randperm(len(noise), generator=rng)
        made = student.observe("images", make=make, weights=weights, noise=noise[mixed])
        expect_images("what the generator gives", made, (len(noise), 784), low=-1)
        made = ((made[mixed.argsort()] + 1) / 2).view(-1, 1, 28, 28)
        return judge.look(made[:judge.IMAGES], made[judge.IMAGES:])

    measure.__name__ = make
    return measure


HINT = "Train longer, and look at the images: are they good (precision), and is every kind there (recall)?"


def steps(*rows):
    """Steps from rows (points, distance, precision, recall). Copies and jumps are too many for all of them alike."""
    return tuple((points, {DISTANCE: at_most(distance), PRECISION: at_least(precision), RECALL: at_least(recall),
                           COPIES: at_most(0.03), JUMP: at_most(0.45)}) for points, distance, precision, recall in rows)


MEASURES = [
    Measure("fc", 4, of("generator", "mnist"), steps((4, 120, 0.3, 0.4), (2, 250, 0.15, 0.2)), HINT),
    Measure("dc", 4, of("build_dc_generator", "mnist"), steps((4, 80, 0.4, 0.4), (2, 160, 0.2, 0.2)), HINT),
    Measure("fashion", 4, of("FashionGenerator", "fashion_mnist"), steps((4, 50, 0.25, 0.3), (2, 100, 0.15, 0.15)),
            HINT),
]
CHALLENGE = Challenge("dc", DISTANCE, "asc", 7_000_000, "30 minutes of training on two cores, which is your word")
