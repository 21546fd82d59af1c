"""The trained work of assignment 3: images of noise, by three generators."""
import torch

from autograde_tests.trained import Measure, at_least, at_most, expect_images
from autograde_tests.trained.generated import COPIES, DISTANCE, JUMP, PRECISION, RECALL, Judge

SECONDS = 25
MADE, NOISE, MOST_NOISE = 2000, 96, 4096  # images; numbers of noise, the notebook's and the most


def data():
    return {name: Judge(name) for name in ("mnist", "fashion_mnist")}


def of(make, name):
    """The measure of a generator. make: the function or class that it comes from. name: of the data set."""
    def measure(student, weights, settings, rng, data):
        judge, size = data[name], settings.get("noise_dim", NOISE)
        assert 1 <= size <= MOST_NOISE, f"the noise has {size} numbers, expected 1 to {MOST_NOISE}"
        # As gan.sample_noise of the course draws it. The student's own would draw what the student likes.
        noise, ends = (2 * torch.rand(*shape, size, generator=rng) - 1 for shape in ((MADE,), (2, judge.WALKS)))
        noise = torch.cat((noise, judge.walks(ends)))
        mixed = torch.randperm(len(noise), generator=rng)
        made = student.observe("images", make=make, weights=weights, noise=noise[mixed])
        expect_images("what the generator gives", made, (len(noise), 784), low=-1)
        made = ((made[mixed.argsort()] + 1) / 2).view(-1, 1, 28, 28)
        return judge.look(made[:MADE], made[MADE:])

    measure.__name__ = make
    return measure


HINT = "Train longer, and look at the images: are they good (precision), and is every kind there (recall)?"
MEASURES = [
    Measure(weights, 4, of(make, name), ((4, {DISTANCE: at_most(1000), PRECISION: at_least(0.1), RECALL: at_least(0.1),
                                            COPIES: at_most(0.1), JUMP: at_most(0.5)}),), HINT)
    for weights, make, name in (("fc", "generator", "mnist"), ("dc", "build_dc_generator", "mnist"),
                                ("fashion", "FashionGenerator", "fashion_mnist"))
]
