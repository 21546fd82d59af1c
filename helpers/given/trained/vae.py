"""The trained work of assignment 2: a VAE and a CVAE of digits."""
import torch

from helpers.given import plotting
from helpers.given.trained import Weights

LATENT, STEPS = 15, 12
WEIGHTS = (
    Weights("vae", "vae.pt", "model", lambda module, **arguments: module.VAE(28 * 28, **arguments), "mnist",
            10_000_000, "a negative ELBO below 120 nats per image, on test images", "1.4", {"latent_size": LATENT}),
    Weights("cvae", "cvae.pt", "model", lambda module, **arguments: module.CVAE(28 * 28, **arguments), "mnist",
            10_000_000, "digits that are read as the digit that was asked for", "2", {"latent_size": LATENT}),
)


def generation(vae, given):
    return plotting.image_grid(vae.decoder(torch.randn(10, LATENT)), columns=10)


def interpolation(vae, given):
    """Each row walks from one random code to another."""
    starts, ends = torch.randn(STEPS, LATENT), torch.randn(STEPS, LATENT)
    walks = torch.cat([given.module.interpolate(start, end, STEPS) for start, end in zip(starts, ends)])
    return plotting.image_grid(vae.decoder(walks), columns=STEPS)


def conditional_generation(cvae, given):
    z = torch.randn(10, LATENT)
    return plotting.image_grid(cvae.decoder(torch.cat((z, torch.eye(10)), dim=-1)), columns=10)


PICTURES = {"vae_generation.jpg": ("vae", generation), "vae_interpolation.jpg": ("vae", interpolation),
            "conditional_vae_generation.jpg": ("cvae", conditional_generation)}
