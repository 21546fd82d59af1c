"""The trained work of assignment 1: three numbers for an image of clothes, and what comes back from them.

The codes come back from one process and go into another one, which has seen no image. On the way they are rounded to 64
values each. That is still enough for the number of an image that somebody knows by heart, and a few hundred pictures
of clothes are as good as three numbers. So there are images that nobody has seen, and walks from one code to another: a
table jumps.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import JUMP, WALKS, Measure, at_most, draw, expect_images, jump, real, unseen, walks
from autograde_tests.trained.challenge import Challenge
from helpers.given import training
from helpers.given.checks.engine import expect_tensor

SECONDS = 10
IMAGES, LEVELS = 2000, 64  # images that nobody has seen; values of a number
TEST, UNSEEN = "mean squared error on test images", "on images that nobody has seen"


def data():
    return {"test images": real("fashion_mnist").test_images}


def rounded(codes):
    """Codes with 64 values for each number, in equal steps from the least to the largest one."""
    low, high = codes.aminmax(dim=0)
    step = ((high - low) / (LEVELS - 1)).clamp(min=1e-12)
    return low + ((codes - low) / step).round() * step


def autoencoder(student, weights, settings, rng, data):
    images = training.to_float(data["test images"])
    images = torch.cat((images, unseen(draw(data["test images"], IMAGES, rng), rng)))
    mixed = torch.randperm(len(images), generator=rng)  # which kind an image is of shall not be told by its place
    x = images[mixed]
    codes = student.observe("encode", weights=weights, images=x)
    expect_tensor("what the encoder gives", codes, (len(x), 3))
    codes = rounded(codes.float())
    sent = torch.cat((codes, walks(codes[:WALKS], codes[WALKS:2 * WALKS])))
    hidden = torch.randperm(len(sent), generator=rng)
    back = student.observe("decode", weights=weights, codes=sent[hidden])
    expect_images("what the decoder gives", back, (len(sent), 1, 28, 28))
    back = back[hidden.argsort()]
    errors = F.mse_loss(back[:len(x)], x, reduction="none").mean(dim=(1, 2, 3))
    of_test = mixed < len(data["test images"])
    return {TEST: errors[of_test].mean().item(), UNSEEN: errors[~of_test].mean().item(), JUMP: jump(back[len(x):])}


MEASURES = [
    Measure("autoencoder", 4, autoencoder, tuple(
        (points, {TEST: at_most(test), UNSEEN: at_most(unseen), JUMP: at_most(0.45)})
        for points, test, unseen in ((4, 0.03, 0.034), (2, 0.036, 0.04))),
            "Train longer: the loss on test images should fall below 0.03. The three numbers of an image must be all "
            "that the decoder needs."),
]
CHALLENGE = Challenge("autoencoder", TEST, "asc", 60_000, "10 minutes of training on two cores, which is your word")
