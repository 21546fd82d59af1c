"""Generative adversarial networks on 28x28 gray images: fully connected (FC-GAN), deep convolutional (DCGAN), your own.

Noise, the two networks, their losses and optimiser; then the same game with convolutions, and at the end a DCGAN that
you design for Fashion-MNIST. Fill the gaps in the order of the notebook, which is the order of this file.

Letters in shapes: N images in the batch, Z noise numbers per image. Images are flattened to 784 numbers in [-1, 1].
A logit is the discriminator's score before the sigmoid: positive for "real", negative for "fake".

Sources: Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661); Radford, Metz and Chintala,
"Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks", 2016 (arXiv:1511.06434),
for the DCGAN; Chen et al., "InfoGAN", 2016 (arXiv:1606.03657), appendix C.1, for its generator on MNIST.
"""
import torch
from torch import nn
from torch.nn import functional as F

SCHEMES = ("normal", "xavier", "kaiming", "default")


def sample_noise(batch_size, noise_dim, dtype=torch.float, device="cpu"):
    """Draw the generator's input: (batch_size, noise_dim), independent and uniform in [-1, 1].

    Args:
        batch_size: N.
        noise_dim: Z.
        dtype, device: of the result.
    """
    # torch.rand draws from [0, 1): stretch and shift it.
    # BEGIN SOLUTION
    return 2 * torch.rand(batch_size, noise_dim, dtype=dtype, device=device) - 1
    # END SOLUTION


def discriminator():
    """Return the fully connected discriminator: images (N, 784) -> logits (N, 1). It has 267,009 parameters."""
    # nn.Sequential of: Linear to 256, LeakyReLU, Linear to 256, LeakyReLU, Linear to 1. The slope of both LeakyReLU
    # is 0.01. There is no sigmoid at the end: the losses want logits.
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(784, 256), nn.LeakyReLU(0.01),
        nn.Linear(256, 256), nn.LeakyReLU(0.01),
        nn.Linear(256, 1))
    # END SOLUTION


def generator(noise_dim=96):
    """Return the fully connected generator: noise (N, noise_dim) -> images (N, 784) in [-1, 1].

    `generator(4)` has 1,858,320 parameters.
    """
    # Linear to 1024, ReLU, Linear to 1024, ReLU, Linear to the 784 pixels. What brings them into [-1, 1]?
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(noise_dim, 1024), nn.ReLU(),
        nn.Linear(1024, 1024), nn.ReLU(),
        nn.Linear(1024, 784), nn.Tanh())
    # END SOLUTION


def discriminator_loss(logits_real, logits_fake):
    """What the discriminator minimises: -E[log D(x)] - E[log(1 - D(G(z)))] (Goodfellow et al., equation 1, negated).

    D is the sigmoid of the logit. Each expectation is the mean over its batch; the two means are added.

    Args:
        logits_real: scores of real images, any shape.
        logits_fake: scores of generated images, any shape.
    Returns:
        scalar tensor, finite for logits of any size. The logits are not changed.
    """
    # F.binary_cross_entropy_with_logits(logits, labels) stays finite where log(sigmoid(...)) does not.
    # BEGIN SOLUTION
    real = F.binary_cross_entropy_with_logits(logits_real, torch.ones_like(logits_real))
    fake = F.binary_cross_entropy_with_logits(logits_fake, torch.zeros_like(logits_fake))
    return real + fake
    # END SOLUTION


def generator_loss(logits_fake):
    """What the generator minimises, the non-saturating loss -E[log D(G(z))] (Goodfellow et al., end of section 3).

    Args:
        logits_fake: the discriminator's scores of generated images, any shape.
    Returns:
        scalar tensor, finite for logits of any size. The logits are not changed.
    """
    # The generator wants its images to be taken for real ones: which labels does it wish for?
    # BEGIN SOLUTION
    return F.binary_cross_entropy_with_logits(logits_fake, torch.ones_like(logits_fake))
    # END SOLUTION


def get_optimizer(model):
    """Return Adam for a model's parameters: learning rate 1e-3, beta1 = 0.5, beta2 = 0.999 (betas: Radford et al.)."""
    # BEGIN SOLUTION
    return torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999))
    # END SOLUTION


def build_dc_classifier():
    """Return the convolutional discriminator: images (N, 784) -> logits (N, 1). It has 1,102,721 parameters."""
    # Unflatten to (1, 28, 28); Conv2d with 32 filters of 5x5, LeakyReLU 0.01, MaxPool 2x2;
    # Conv2d with 64 filters of 5x5, LeakyReLU 0.01, MaxPool 2x2;
    # Flatten; Linear to 4 * 4 * 64, LeakyReLU 0.01; Linear to 1. All strides of the convolutions are 1, no padding.
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4 * 4 * 64, 4 * 4 * 64), nn.LeakyReLU(0.01),
        nn.Linear(4 * 4 * 64, 1))
    # END SOLUTION


def build_dc_generator(noise_dim=96):
    """Return the convolutional generator: noise (N, noise_dim) -> images (N, 784) in [-1, 1] (InfoGAN, appendix C.1).

    `build_dc_generator(4)` has 6,580,801 parameters.
    """
    # Linear to 1024, ReLU, BatchNorm; Linear to 7 * 7 * 128, ReLU, BatchNorm; Unflatten to (128, 7, 7);
    # ConvTranspose2d with 64 filters of 4x4, stride 2, padding 1, ReLU, BatchNorm;
    # ConvTranspose2d with 1 filter of 4x4, stride 2, padding 1, Tanh; Flatten.
    # BatchNorm comes after the ReLU here. BatchNorm1d is for (N, features), BatchNorm2d for (N, C, h, w).
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(noise_dim, 1024), nn.ReLU(), nn.BatchNorm1d(1024),
        nn.Linear(1024, 7 * 7 * 128), nn.ReLU(), nn.BatchNorm1d(7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.ReLU(), nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1), nn.Tanh(),
        nn.Flatten())
    # END SOLUTION


def initialize_weights(module, scheme="normal"):
    """Give one layer new weights. For a whole model: `model.apply(initialize_weights)`, which calls it for each layer.

    Linear layers, convolutions and transposed convolutions get weights drawn by the scheme, and biases of 0. All other
    layers stay as they are: a BatchNorm layer keeps its scale of 1.

    Args:
        module: any nn.Module.
        scheme: "normal", N(0, 0.02^2), the DCGAN's (Radford et al., section 4);
            "xavier", variance 2 / (inputs + outputs) (Glorot and Bengio, 2010);
            "kaiming", variance 2 / inputs (He et al., 2015);
            "default", what PyTorch gave the layer: nothing is changed, the biases neither.
    Raises:
        ValueError: unknown scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}; got {scheme!r}")
    # torch.nn.init has a function for each scheme; those that end with an underscore change the tensor they get.
    # A layer may have been made with bias=False: then its bias is None.
    # BEGIN SOLUTION
    if scheme == "default" or not isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        return
    if scheme == "normal":
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif scheme == "xavier":
        nn.init.xavier_normal_(module.weight)
    else:
        nn.init.kaiming_normal_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    # END SOLUTION


class FashionGenerator(nn.Module):
    """Your generator for Fashion-MNIST. The design is yours.

    Args:
        noise_dim: Z.
    """

    def __init__(self, noise_dim=96):
        super().__init__()
        # BEGIN SOLUTION
        # A layer before BatchNorm needs no bias: the mean is subtracted anyway.
        self.layers = nn.Sequential(
            nn.Linear(noise_dim, 64 * 7 * 7, bias=False), nn.BatchNorm1d(64 * 7 * 7), nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Tanh(),
            nn.Flatten())
        # END SOLUTION

    def forward(self, z):
        """Noise (N, noise_dim) -> images (N, 784) in [-1, 1]."""
        # BEGIN SOLUTION
        return self.layers(z)
        # END SOLUTION


class FashionDiscriminator(nn.Module):
    """Your discriminator for Fashion-MNIST. The design is yours."""

    def __init__(self):
        super().__init__()
        # BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 1))
        # END SOLUTION

    def forward(self, x):
        """Images (N, 784) in [-1, 1] -> logits (N, 1)."""
        # BEGIN SOLUTION
        return self.layers(x)
        # END SOLUTION
