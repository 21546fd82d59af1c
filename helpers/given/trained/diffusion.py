"""The trained work of assignment 4: a noise predictor for digits on demand, the average of its weights."""
import torch

from helpers.given import plotting, training
from helpers.given.trained import Weights

STEPS, SCALE = 50, 2  # of sampling, and of guidance
WEIGHTS = (
    Weights("unet", "unet.pt", "average", lambda module: module.UNet(), "mnist", 1_000_000,
            "digits that are read as the digit that was asked for, under guidance", "3.2", prefix="module."),
)


def digits(unet, given):
    """Three digits of each kind, by DDIM with guidance."""
    module, labels = given.module, torch.arange(10).repeat(3)
    steps = 5 if training.profile() == "smoke" else STEPS
    schedule = module.linear_schedule(1000)
    images, _ = module.sample_ddim(lambda x, t: module.guided_noise(unet, x, t, labels, SCALE), len(labels),
                                   (1, 28, 28), schedule, steps=steps)
    return plotting.image_grid((images.clamp(-1, 1) + 1) / 2, columns=10, column_labels=list(range(10)))


PICTURES = {"digits.jpg": ("unet", digits)}
