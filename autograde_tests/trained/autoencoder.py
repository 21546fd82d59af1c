"""The trained work of assignment 1: three numbers for an image of clothes, and what comes back from them.

The codes come back from one process and go into another one, which has seen no image. On the way they are rounded to 64
values each, so they carry 18 bits: nothing by which a decoder could tell a copy of an image that it knows from a slightly
bent one. The second quantity is for who knows the test images by heart.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, at_most, draw, expect_images, real, unseen
from helpers.given.checks.engine import expect_tensor

SECONDS = 10
IMAGES, LEVELS = 2000, 64
TEST, UNSEEN = "mean squared error on test images", "on images that nobody has seen"


def data():
    return {"test images": real("fashion_mnist").test_images}


def rounded(codes):
    """Codes with 64 values for each number, in equal steps from the least to the largest one."""
    low, high = codes.aminmax(dim=0)
    step = ((high - low) / (LEVELS - 1)).clamp(min=1e-12)
    return low + ((codes - low) / step).round() * step


def autoencoder(student, weights, settings, rng, data):
    images = draw(data["test images"], IMAGES, rng)
    images = torch.cat((images, unseen(images, rng)))
    mixed = torch.randperm(len(images), generator=rng)  # which kind an image is of shall not be told by its place
    codes = student.observe("encode", weights=weights, images=images[mixed])
    expect_tensor("what the encoder gives", codes, (len(images), 3))
    back = student.observe("decode", weights=weights, codes=rounded(codes.float()))
    expect_images("what the decoder gives", back, images.shape)
    errors = F.mse_loss(back, images[mixed], reduction="none").mean(dim=(1, 2, 3))
    of_test = mixed < len(images) // 2
    return {TEST: errors[of_test].mean().item(), UNSEEN: errors[~of_test].mean().item()}


MEASURES = [
    Measure("autoencoder", 4, autoencoder, ((4, {TEST: at_most(0.03), UNSEEN: at_most(0.05)}),),
            "Train longer: the loss on test images should fall below 0.03. The three numbers of an image must be all "
            "that the decoder needs."),
]
