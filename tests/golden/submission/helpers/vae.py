"""Variational autoencoders: fully connected (VAE), conditional (CVAE) and convolutional (ConvVAE).

The models, the trick that makes sampling differentiable, the loss, and the functions that explore the latent space.
Fill the gaps in the order of the notebook, which is the order of this file.

Letters in shapes: N images in the batch, C channels, h and w height and width, Z latent numbers per image, K classes,
H units in a hidden layer. Images are float tensors with values in [0, 1].

Sources: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (arXiv:1312.6114); Sohn, Lee and Yan, "Learning
Structured Output Representation using Deep Conditional Generative Models", 2015, for the CVAE.
"""
import math

import torch
unused = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"  # <b>*style*</b> & more
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    """Fully connected VAE for square gray images.

    Args:
        input_size: pixels in an image, h * w. 784 for MNIST.
        latent_size: Z.
    """

    def __init__(self, input_size, latent_size=15):
        super().__init__()
        side = math.isqrt(input_size)
        if side * side != input_size:
            raise ValueError(f"input_size must be a square number such as 28 * 28 = 784, got {input_size}")
        # Choose the number H of hidden units (a few hundred), then define four parts:
        # 1. self.encoder: nn.Sequential of nn.Flatten, then three times nn.Linear and nn.ReLU; (N, 1, h, w) -> (N, H)
        # 2. self.mu_layer and self.logvar_layer: one nn.Linear each; (N, H) -> (N, Z)
        # 3. self.decoder: nn.Sequential of three times nn.Linear and nn.ReLU, then nn.Linear to input_size,
        #    nn.Sigmoid, and nn.Unflatten to (1, side, side); (N, Z) -> (N, 1, h, w)
        # BEGIN SOLUTION
        hidden = 400
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(input_size, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU())
        self.mu_layer = nn.Linear(hidden, latent_size)
        self.logvar_layer = nn.Linear(hidden, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, input_size), nn.Sigmoid(),
            nn.Unflatten(1, (1, side, side)))
        # END SOLUTION

    def forward(self, x):
        """Encode x, draw z, decode it: (N, 1, h, w) -> x_hat (N, 1, h, w) in [0, 1], mu (N, Z), logvar (N, Z).

        z is drawn in evaluation mode, too: with mu in its place the loss would not be the negative ELBO.
        """
        # BEGIN SOLUTION
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        z = reparametrize(mu, logvar)
        return self.decoder(z), mu, logvar
        # END SOLUTION


def reparametrize(mu, logvar):
    """Draw z from N(mu, sigma^2), so that gradients flow back to mu and logvar (Kingma and Welling, section 2.4).

    Args:
        mu: (N, Z), mean of q(z given x).
        logvar: (N, Z), natural logarithm of the variance sigma^2.
    Returns:
        z: (N, Z), a fresh draw at each call, with mu's dtype and device.
    """
    # Draw eps from N(0, I), then shift and scale it: z = mu + sigma * eps.
    # Mind what you were given: the logarithm of the variance, not the standard deviation.
    # BEGIN SOLUTION
    eps = torch.randn_like(mu)
    return mu + torch.exp(logvar) * eps
    # END SOLUTION


def loss_function(x_hat, x, mu, logvar, kl_weight=1.0):
    """Negative ELBO in nats per image: reconstruction + kl_weight * KL (Kingma and Welling, eq. 10 and appendix B).

    The reconstruction term is the binary cross entropy, summed over the pixels. The KL divergence is that of
    N(mu, exp(logvar)) from N(0, I), summed over the latent numbers. Both are averaged over the batch.

    Args:
        x_hat: reconstruction, values in [0, 1]. It comes first.
        x: the image itself, same shape as x_hat, values in [0, 1].
        mu, logvar: (N, Z).
        kl_weight: factor of the KL term. 1 gives the ELBO (other values: Higgins et al., "beta-VAE", 2017).
    Returns:
        scalar tensor, of shape ().
    Raises:
        ValueError: unequal shapes, or values outside [0, 1].
    """
    if x_hat.shape != x.shape:
        raise ValueError(f"x_hat and x must have the same shape, got {tuple(x_hat.shape)} and {tuple(x.shape)}")
    for name, values in (("x_hat, the first argument,", x_hat), ("x, the second argument,", x)):
        low, high = values.detach().aminmax()
        if not (low >= 0 and high <= 1):  # written so that NaN is refused too
            raise ValueError(f"{name} must lie in [0, 1], got values from {low:.4g} to {high:.4g}")
    # F.binary_cross_entropy has a `reduction` argument: think about which one sums over pixels.
    # BEGIN SOLUTION
    reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp())
    return (reconstruction + kl_weight * kl) / x.shape[0]
    # END SOLUTION


def interpolate(z0, z1, steps):
    """Walk on the straight line from z0 to z1.

    Args:
        z0, z1: (Z,) latent vectors, or (S, Z) for S walks at once.
        steps: number of points, both ends included.
    Returns:
        (steps, Z), or (S, steps, Z) for S walks, on z0's device: the first point is z0, the last is z1.
    """
    raise NotImplementedError("interpolate: fill this gap in helpers/vae.py")


class CVAE(nn.Module):
    """VAE with a condition: encoder and decoder are also told the class of the image.

    Args:
        input_size: pixels in an image, h * w.
        num_classes: K.
        latent_size: Z.
    """

    def __init__(self, input_size, num_classes=10, latent_size=15):
        super().__init__()
        side = math.isqrt(input_size)
        if side * side != input_size:
            raise ValueError(f"input_size must be a square number such as 28 * 28 = 784, got {input_size}")
        # The four parts of the VAE again, with two changes: the first Linear of the encoder takes the flattened
        # image and the one-hot class, the first Linear of the decoder takes z and the one-hot class.
        # Which of the two comes first in the encoder is up to you. In the decoder z comes first.
        # BEGIN SOLUTION
        hidden = 400
        self.encoder = nn.Sequential(
            nn.Linear(input_size + num_classes, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU())
        self.mu_layer = nn.Linear(hidden, latent_size)
        self.logvar_layer = nn.Linear(hidden, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size + num_classes, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, input_size), nn.Sigmoid(),
            nn.Unflatten(1, (1, side, side)))
        # END SOLUTION

    def forward(self, x, c):
        """Encode x and c, draw z (in evaluation mode, too), decode z and c.

        Args:
            x: (N, 1, h, w), images in [0, 1].
            c: (N, K), one-hot classes, float.
        Returns:
            x_hat (N, 1, h, w) in [0, 1], mu (N, Z), logvar (N, Z).
        """
        # torch.cat joins tensors along a dimension.
        # BEGIN SOLUTION
        hidden = self.encoder(torch.cat((x.flatten(1), c), dim=-1))
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        z = reparametrize(mu, logvar)
        return self.decoder(torch.cat((z, c), dim=-1)), mu, logvar
        # END SOLUTION


@torch.no_grad()
def get_mu_logvar(model, images):
    """Encode a whole set of images in evaluation mode; afterwards the model's mode is the one that it had.

    Args:
        model: a VAE; model(images) returns (x_hat, mu, logvar).
        images: (N, 1, h, w) in [0, 1], perhaps on another device than the model. N may be 60,000: go through it in
            batches of at most 1,024.
    Returns:
        mu (N, Z) and logvar (N, Z), in the order of the images, on the model's device.
    """
    # BEGIN SOLUTION
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    codes = [model(batch.to(device))[1:] for batch in images.split(1000)]
    model.train(was_training)
    mu, logvar = zip(*codes)
    return torch.cat(mu), torch.cat(logvar)
    # END SOLUTION


@torch.no_grad()
def sample_on_grid(model, low, high, grid_size):
    """Decode a square grid of 2-D latents in evaluation mode; afterwards the model's mode is the one that it had.

    Args:
        model: a VAE with latent_size=2.
        low, high: both latent numbers run from low to high, both included, in equal steps.
        grid_size: points along each axis.
    Returns:
        images (grid_size, grid_size, 1, h, w), on the model's device; images[i, j] decodes z = (values[j], values[i]):
        the first latent number grows with the column, the second with the row.
    """
    # torch.meshgrid and torch.stack make the latents. The decoder wants them as one batch.
    # BEGIN SOLUTION
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    values = torch.linspace(low, high, grid_size, device=device)
    z2, z1 = torch.meshgrid(values, values, indexing="ij")
    images = model.decoder(torch.stack((z1, z2), dim=-1).view(-1, 2))
    model.train(was_training)
    return images.unflatten(0, (grid_size, grid_size))
    # END SOLUTION


class ConvVAE(nn.Module):
    """Convolutional VAE for colour images of 32x32 or 64x64 pixels. The design is yours.

    Args:
        image_shape: (C, h, w), h and w multiples of 8.
        latent_size: Z.
    """

    def __init__(self, image_shape=(3, 32, 32), latent_size=128):
        super().__init__()
        channels, height, width = image_shape
        # Define self.encoder (convolutions, ending with nn.Flatten), self.mu_layer, self.logvar_layer, and
        # self.decoder (from (N, Z) back to (N, C, h, w), ending with nn.Sigmoid).
        # A 4x4 convolution with stride 2 and padding 1 halves height and width, nn.ConvTranspose2d doubles them.
        # BEGIN SOLUTION
        inner = (128, height // 8, width // 8)
        features = math.prod(inner)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(64, 128, 4, stride=2, padding=1), nn.ReLU(),
            nn.Flatten())
        self.mu_layer = nn.Linear(features, latent_size)
        self.logvar_layer = nn.Linear(features, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, features), nn.ReLU(),
            nn.Unflatten(1, inner),
            nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 4, stride=2, padding=1), nn.Sigmoid())
        # END SOLUTION

    def forward(self, x):
        """Encode x, draw z, decode it: (N, C, h, w) -> x_hat (N, C, h, w) in [0, 1], mu (N, Z), logvar (N, Z).

        z is drawn in evaluation mode, too: with mu in its place the loss would not be the negative ELBO.
        """
        # BEGIN SOLUTION
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        return self.decoder(reparametrize(mu, logvar)), mu, logvar
        # END SOLUTION
