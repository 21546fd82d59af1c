"""The trained work of assignment 2: the bound of the VAE, and the digits of the CVAE.

mu and logvar come back from one process, z goes into another one. The noise is drawn here and the terms are computed
here, so what a code says of its image is paid for in nats, whoever wrote it. Who knows the test images by heart pays
little for them; hence the images that nobody has seen.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import JUMP, STEPS, WALKS, Measure, at_least, at_most, draw, expect_images, unseen, walks
from autograde_tests.trained.challenge import Challenge
from autograde_tests.trained.generated import COPIES, DISTANCE, RECALL, Judge
from helpers.given import training
from helpers.given.checks.engine import expect_parts, expect_tensor
from helpers.given.metrics import share_as_asked

SECONDS = 20
IMAGES = 2000  # that nobody has seen
MOST_LATENT = 256  # numbers of a code
TEST, UNSEEN = "negative ELBO on test images", "on images that nobody has seen"
ASKED = "share of digits read as asked"


def data():
    return Judge("mnist")


def latent_size_of(weights, settings):
    """Z, from the weights if they are named as the course names them. Else what the settings say."""
    head = weights.get("mu_layer.weight")
    size = int(head.shape[0]) if head is not None and head.dim() == 2 else settings.get("latent_size", 15)
    assert 1 <= size <= MOST_LATENT, f"a code has {size} numbers, expected 1 to {MOST_LATENT}"
    return size


def bound(x_hat, x, mu, logvar):
    """The negative ELBO of each image, in nats."""
    reconstruction = F.binary_cross_entropy(x_hat.double(), x.double(), reduction="none").sum(dim=(1, 2, 3))
    mu, logvar = mu.double(), logvar.double()
    return reconstruction + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)


def vae(student, weights, settings, rng, data):
    size = latent_size_of(weights, settings)
    images = training.to_float(data.test_images)  # all of them: of 2,000, chance alone moves the bound by a nat or two
    images = torch.cat((images, unseen(draw(data.test_images, IMAGES, rng), rng)))
    mixed = torch.randperm(len(images), generator=rng)
    x = images[mixed]
    found = student.observe("posterior", weights=weights, latent_size=size, x=x)
    expect_parts("the encoder with its heads", found, ("mu", "logvar"))
    for name, value in zip(("mu", "logvar"), found):
        expect_tensor(name, value, (len(x), size))
    mu, logvar = (value.float() for value in found)
    assert logvar.max() <= 40, f"logvar is up to {logvar.max():.4g}: a posterior that wide says nothing"
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=rng)
    x_hat = student.observe("decoded", kind="VAE", weights=weights, latent_size=size, z=z)
    expect_images("what the decoder gives", x_hat, x.shape)
    nats, of_test = bound(x_hat, x, mu, logvar), mixed < len(data.test_images)
    return {TEST: nats[of_test].mean().item(), UNSEEN: nats[~of_test].mean().item()}


def cvae(student, weights, settings, rng, data):
    size, count = latent_size_of(weights, settings), data.IMAGES
    z, starts, ends = (torch.randn(n, size, generator=rng) for n in (count, WALKS, WALKS))
    labels, of_walks = (torch.randint(10, (n,), generator=rng) for n in (count, WALKS))
    labels = torch.cat((labels, of_walks.repeat_interleave(STEPS)))
    z = torch.cat((torch.cat((z, walks(starts, ends))), F.one_hot(labels, 10).float()), dim=1)
    mixed = torch.randperm(len(z), generator=rng)
    made = student.observe("decoded", kind="CVAE", weights=weights, latent_size=size, z=z[mixed])
    expect_images("what the decoder gives", made, (len(z), 1, 28, 28))
    made = made[mixed.argsort()]
    share, _ = share_as_asked(data.classifier, made[:count], labels[:count])
    return {ASKED: share, **data.look(made[:count], made[count:])}


# The task says 120. One honest training of five comes to 118.6, and bfloat16 may cost a few nats.
MEASURES = [
    Measure("vae", 4, vae, tuple((points, {TEST: at_most(test), UNSEEN: at_most(unseen)})
                                 for points, test, unseen in ((4, 123, 165), (2, 135, 185))),
            "Train longer, and look at both terms of the loss: the reconstruction and the KL divergence."),
    Measure("cvae", 4, cvae, tuple(
        (points, {ASKED: at_least(asked), DISTANCE: at_most(distance), RECALL: at_least(recall), COPIES: at_most(0.03),
                  JUMP: at_most(0.45)})
        for points, asked, distance, recall in ((4, 0.9, 100, 0.3), (2, 0.75, 200, 0.15))),
            "Train longer. The class must reach the decoder, and different z should give different digits."),
]
CHALLENGE = Challenge("vae", TEST, "asc", 1_300_000, "10 minutes of training on two cores, which is your word")
