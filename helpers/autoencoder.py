"""Autoencoders: a convolutional one for 28x28 images (Fashion-MNIST), and denoisers for MNIST at 64x64 pixels.

The sizes of layers, worked out by hand; the model, its loss, and what its latent space holds; then salt-and-pepper
noise and a network that takes it away. Fill the gaps in the order of the notebook, which is the order of this file.

Letters in shapes: N images in the batch, h and w height and width, Z latent numbers per image. Images have values in
[0, 1] if they are float tensors, and 0 to 255 if they are uint8.

Sources: Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006, for autoencoders;
Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016 (arXiv:1603.07285), for the sizes;
Vincent et al., "Extracting and Composing Robust Features with Denoising Autoencoders", 2008, for denoising.
"""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import networks
from helpers.given.training import to_float


def conv_output_size(size, kernel_size, stride, padding):
    """Return the height (or width) of what a convolution gives (Dumoulin and Visin, relationship 6).

    Args:
        size: height (or width) of its input.
        kernel_size, stride, padding: those of nn.Conv2d, the same in both directions. No dilation.
    Returns:
        int.
    """
    # At how many places does the kernel fit on the padded image, in steps of the stride?
    # BEGIN SOLUTION
    return (size + 2 * padding - kernel_size) // stride + 1
    # END SOLUTION


def conv_transpose_output_size(size, kernel_size, stride, padding, output_padding):
    """Return the height (or width) of what a transposed convolution gives (Dumoulin and Visin, relationship 14).

    Args:
        size: height (or width) of its input.
        kernel_size, stride, padding, output_padding: those of nn.ConvTranspose2d, the same in both directions.
    Returns:
        int. A convolution with the same kernel_size, stride and padding leads back to `size`.
    """
    # A convolution with a stride gives the same size for several sizes of input. output_padding chooses among them.
    # BEGIN SOLUTION
    return (size - 1) * stride - 2 * padding + kernel_size + output_padding
    # END SOLUTION


def count_parameters(model):
    """Return how many trainable numbers an nn.Module has: those that require a gradient.

    A layer that is used twice counts once. Buffers, such as the running statistics of BatchNorm, do not count.

    Returns:
        int.
    """
    # BEGIN SOLUTION
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
    # END SOLUTION


class ConvAutoencoder(nn.Module):
    """Convolutional autoencoder for 28x28 gray images. With latent_dim=3 it has 48,724 parameters.

    Args:
        latent_dim: Z.
    """

    def __init__(self, latent_dim=3):
        super().__init__()
        # 1. self.encoder: nn.Sequential of four nn.Conv2d with 64, 32, 16 and 2 filters of 3x3, padding 1, strides
        #    2, 2, 1, 1, each with nn.ReLU; nn.Flatten; nn.Linear to the latent numbers. (N, 1, 28, 28) -> (N, Z)
        # 2. self.decoder: nn.Sequential of nn.Linear, nn.Unflatten, four nn.ConvTranspose2d with 16, 32, 64 and 1
        #    filters of 3x3, padding 1, strides 1, 1, 2, 2, nn.ReLU between them; nn.Sigmoid. (N, Z) -> (N, 1, 28, 28)
        # conv_transpose_output_size tells which output_padding leads from 7 to 14 and from 14 to 28.
        # BEGIN SOLUTION
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 64, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 16, 3, stride=1, padding=1), nn.ReLU(),
            nn.Conv2d(16, 2, 3, stride=1, padding=1), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2 * 7 * 7, latent_dim))
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 2 * 7 * 7),
            nn.Unflatten(1, (2, 7, 7)),
            nn.ConvTranspose2d(2, 16, 3, stride=1, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(16, 32, 3, stride=1, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1), nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 3, stride=2, padding=1, output_padding=1), nn.Sigmoid())
        # END SOLUTION

    def forward(self, x):
        """Encode x and decode its code: (N, 1, 28, 28) -> x_hat (N, 1, 28, 28) in [0, 1]."""
        # BEGIN SOLUTION
        return self.decoder(self.encoder(x))
        # END SOLUTION


def reconstruction_loss(x_hat, x):
    """Mean squared error over all pixels of all images.

    Args:
        x_hat: reconstructed images, float, any shape.
        x: the images, the same shape.
    Returns:
        scalar tensor, of shape (), through which x_hat gets its gradient. x_hat and x stay as they are.
    Raises:
        ValueError: unequal shapes. The message names both.
    """
    # PyTorch broadcasts shapes that differ: (N, 1, 28, 28) minus (N, 28, 28) is (N, N, 28, 28), every image against
    # every other one. The loss of that is a number like any other, so refuse it before it is computed.
    # BEGIN SOLUTION
    if x.shape != x_hat.shape:
        raise ValueError(f"a loss needs x_hat and x of one shape, got {tuple(x_hat.shape)} and {tuple(x.shape)}")
    return F.mse_loss(x_hat, x)
    # END SOLUTION


@torch.no_grad()
def mean_loss(model, images):
    """Reconstruction loss averaged over a whole set of images, with the parameters held fixed.

    The model reconstructs in evaluation mode. Afterwards its mode is the one that it had, and its gradients and the
    images are as they were.

    Args:
        model: nn.Module; model(x) returns x_hat.
        images: (N, 1, h, w), uint8 or float, perhaps on another device than the model. N may be 60,000: go through it
            in batches of some hundred.
    Returns:
        float. Every image counts alike, also those of a smaller last batch.
    """
    # model.training says which mode a model is in. to_float makes pixels in [0, 1] of a uint8 batch.
    # BEGIN SOLUTION
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    total = 0.0
    for batch in images.split(200):
        x = to_float(batch.to(device))
        total += reconstruction_loss(model(x), x).item() * len(x)
    model.train(was_training)
    return total / len(images)
    # END SOLUTION


@torch.no_grad()
def encode_all(model, images):
    """Encode a whole set of images in evaluation mode. Afterwards the model's mode is the one that it had, and the
    images are as they were.

    Args:
        model: autoencoder; model.encoder(x) returns codes.
        images: (N, 1, h, w), uint8 or float, perhaps on another device than the model. N may be 60,000: go through it
            in batches of some hundred.
    Returns:
        codes (N, Z), in the order of the images, on the model's device.
    """
    # BEGIN SOLUTION
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    codes = [model.encoder(to_float(batch.to(device))) for batch in images.split(200)]
    model.train(was_training)
    return torch.cat(codes)
    # END SOLUTION


def latent_grid(codes, steps=12):
    """Return a regular 3-D grid over the range that the codes cover.

    Args:
        codes: (N, 3). They stay as they are.
        steps: points along each axis.
    Returns:
        grid (steps, steps, steps, 3), of the codes' dtype. grid[i, j, k] = (a[i], b[j], c[k]), where a runs in equal
        steps from the smallest to the largest first number of the codes, both included; b and c do so for the second
        and the third number.
    """
    # torch.linspace makes one axis, torch.meshgrid with indexing="ij" joins them, torch.stack makes the points.
    # BEGIN SOLUTION
    start, end = codes.aminmax(dim=0)
    axes = [torch.linspace(float(a), float(b), steps, dtype=codes.dtype, device=codes.device)
            for a, b in zip(start, end)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    # END SOLUTION


def add_salt_and_pepper(images, amount, generator=None):
    """Set random pixels to 0 or 1, and leave the others as they are. Each image gets noise of its own.

    Args:
        images: float, any shape, values in [0, 1]. They are not changed: the result is a new tensor.
        amount: share of pixels that are set, in [0, 1]: half of them to 0 ("pepper"), half to 1 ("salt").
        generator: torch.Generator that all random numbers come from, on the images' device: the same seed gives the
            same noise, the next call other noise. PyTorch's global generator is left alone then. None: the global one.
    Returns:
        noisy images, shape, dtype and device as before.
    Raises:
        ValueError: an amount outside [0, 1].
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"amount is the share of pixels to set, from 0 to 1; got {amount}")
    # One uniform number for each pixel is enough: which of them set a pixel to 0, which to 1?
    # torch.rand takes generator and device.
    # BEGIN SOLUTION
    u = torch.rand(images.shape, generator=generator, device=images.device)
    return images.masked_fill(u < amount / 2, 0.0).masked_fill(u >= 1 - amount / 2, 1.0)
    # END SOLUTION


class DenoisingAutoencoder(nn.Module):
    """Fully connected denoiser for flattened 64x64 images. It has 2,136,291 parameters.

    It is trained with images in [0, 1]. Tanh can give slightly negative pixels: clamp them before you show them.

    Args:
        hidden: units in the first hidden layer, and in the last one.
    """

    def __init__(self, hidden=256):
        super().__init__()
        # self.encoder: nn.Linear from 64 * 64 to hidden, to 64, to 12, to 3; nn.ReLU between them, none at the end.
        # self.decoder: nn.Linear from 3 to 12, to 64, to hidden, to 64 * 64; nn.ReLU between them, nn.Tanh at the end.
        # BEGIN SOLUTION
        self.encoder = nn.Sequential(
            nn.Linear(64 * 64, hidden), nn.ReLU(),
            nn.Linear(hidden, 64), nn.ReLU(),
            nn.Linear(64, 12), nn.ReLU(),
            nn.Linear(12, 3))
        self.decoder = nn.Sequential(
            nn.Linear(3, 12), nn.ReLU(),
            nn.Linear(12, 64), nn.ReLU(),
            nn.Linear(64, hidden), nn.ReLU(),
            nn.Linear(hidden, 64 * 64), nn.Tanh())
        # END SOLUTION

    def forward(self, x):
        """Noisy images (N, 4096) in [0, 1] -> clean ones (N, 4096) in (-1, 1)."""
        # BEGIN SOLUTION
        return self.decoder(self.encoder(x))
        # END SOLUTION


# The convolutional denoiser is given, in helpers/given/networks.py. Its name is part of what this module offers.
ConvDenoiser = networks.ConvDenoiser
