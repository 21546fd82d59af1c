"""The trained work of assignment 5: a generator of flowers, the average of its weights, and favourites with their
latent vectors."""
import torch

from helpers.given import plotting
from helpers.given.trained import Weights

WEIGHTS = (
    Weights("flowers", "training.pt", "average", lambda module, **arguments: module.Generator(**arguments), "flowers64",
            3_000_000, "flowers, none of them copied, by a Fréchet distance far below that of noise", "3.3",
            {"latent_dim": 64, "channel_num": 128, "image_size": 64}, "module."),
)


def draws(generator):
    return torch.randn(64, next(generator.parameters()).shape[0], 1, 1)


def favourites_in(given):
    """The latent vectors that were kept in section 4.4, (K, Z, 1, 1)."""
    return torch.load(given.runs / "favourites.pt", weights_only=True)["latents"]


def batch(generator, given):
    return plotting.image_grid(given.module.generate(generator, draws(generator)), columns=8)


def favourites(generator, given):
    return plotting.image_grid(given.module.generate(generator, favourites_in(given)))


def interpolation(generator, given):
    """From the second of the first two favourites to the first, on a straight line and on an arc."""
    alphas = [k / 10 for k in range(11)]
    first, second = favourites_in(given)[:2]
    paths = [walk(first, second, alphas) for walk in (given.module.convex_path, given.module.slerp)]
    return plotting.image_grid(given.module.generate(generator, torch.cat(paths)), columns=11,
                               row_labels=["line", "arc"], column_labels=alphas)


def latents(generator, given):
    """The latent vectors of batch.jpg and of the favourites."""
    return {"batch": draws(generator), "favourites": favourites_in(given).contiguous()}


PICTURES = {"batch.jpg": ("flowers", batch), "favourites.jpg": ("flowers", favourites),
            "interpolation.jpg": ("flowers", interpolation), "latents.safetensors": ("flowers", latents)}
