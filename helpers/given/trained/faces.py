"""The trained work of assignment 6: a generator that gives faces another expression."""
import torch

from helpers.given import plotting, training
from helpers.given.faces import Painter
from helpers.given.trained import Weights

EXPRESSIONS = 8
WEIGHTS = (
    Weights("faces", "translation.pt", "generator",
            lambda module, **arguments: Painter(module.StarGenerator(EXPRESSIONS, **arguments)), "ckplus", 3_000_000,
            "faces with the expression that was asked for, and of the same person", "3.6",
            {"channels": 24, "blocks": 2}),
)


def translation(painter, given):
    """Six test faces, each with every expression."""
    images = training.to_float(given.data.test_images[:6])
    made = given.module.translate(painter, (2 * images - 1).repeat_interleave(EXPRESSIONS, dim=0),
                                  torch.arange(EXPRESSIONS).repeat(len(images)))
    made = ((made + 1) / 2).unflatten(0, (len(images), EXPRESSIONS))
    return plotting.image_grid(torch.cat((images[:, None], made), dim=1).flatten(0, 1), columns=EXPRESSIONS + 1,
                               column_labels=["face", *given.data.class_names])


PICTURES = {"translation.jpg": ("faces", translation)}
