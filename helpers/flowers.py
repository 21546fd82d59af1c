"""A DCGAN for photographs of flowers: large images, few of them, and a discriminator that is held back.

Choose the images, build the two networks, let them play, and make images of latent vectors. Fill the gaps in the order
of the notebook, which is the order of this file.

Letters in shapes: N images in the batch, Z latent numbers per image, S height and width. Images lie in [-1, 1], the
range of the generator's Tanh. A latent vector has shape (Z, 1, 1): Z channels of one pixel.

Sources: Radford, Metz and Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2016 (arXiv:1511.06434), DCGAN for short; Miyato et al., "Spectral Normalization for Generative
Adversarial Networks", 2018 (arXiv:1802.05957); Goodfellow et al., "Generative Adversarial Nets", 2014
(arXiv:1406.2661).
"""
import difflib

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


def select_categories(labels, names, categories):
    """Return the indices of all images that show one of the categories.

    Args:
        labels: int64 (N,), the image's category from 0 to 101.
        names: dict of strings, number -> name, as in data/flower-categories.json: {"1": "pink primrose", ...}. The
            numbers run from 1 to 102: the image with label 0 is a pink primrose.
        categories: names of the wanted categories.
    Returns:
        int64 (M,), each index once.
    Raises:
        ValueError: a category that is not in names.
    """
    for category in categories:
        if category not in names.values():
            near = ", ".join(difflib.get_close_matches(category, names.values(), cutoff=0.5))
            raise ValueError(f"there is no category {category!r}" + (f"; near it: {near}" if near else ""))
    # First the wanted labels, then the indices of the images that have one of them: torch.isin may help.
    # BEGIN SOLUTION
    wanted = [int(number) - 1 for number, name in names.items() if name in categories]
    return torch.nonzero(torch.isin(labels, torch.tensor(wanted, dtype=labels.dtype))).flatten()
    # END SOLUTION


def check_sizes(channel_num, image_size):
    """Raise ValueError if the channels of a network cannot be halved each time the image doubles, from 4x4 on."""
    if image_size < 8 or image_size & (image_size - 1):
        raise ValueError(f"image_size must be 8, 16, 32, 64, ...; got {image_size}")
    if channel_num < 1 or channel_num % (image_size // 8):
        raise ValueError(f"channel_num must be a multiple of {image_size // 8} for images of {image_size} pixels: it "
                         f"is halved each time they double; got {channel_num}")


class Generator(nn.Module):
    """Makes images of latent vectors: 4x4 pixels with many channels, then ever larger ones with fewer channels.

    Args:
        latent_dim: Z.
        channel_num: channels at 4x4 pixels.
        image_size: S, a power of 2.
    """

    def __init__(self, latent_dim=128, channel_num=512, image_size=256):
        super().__init__()
        check_sizes(channel_num, image_size)
        # self.layers: an nn.Sequential. All transposed convolutions have 4x4 kernels.
        # The first one makes 4x4 pixels with channel_num channels of the single pixel: stride 1, padding 0.
        # Each further one doubles the size and halves the channels: stride 2, padding 1.
        # After each of them: BatchNorm, then ReLU.
        # The last one doubles the size to image_size and has 3 channels. After it: Tanh, no BatchNorm.
        # BEGIN SOLUTION
        channels, size = channel_num, 4
        # A layer before BatchNorm needs no bias: the mean is subtracted anyway.
        layers = [nn.ConvTranspose2d(latent_dim, channels, 4, bias=False), nn.BatchNorm2d(channels), nn.ReLU(True)]
        while size < image_size // 2:
            layers += [nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
                       nn.BatchNorm2d(channels // 2), nn.ReLU(True)]
            channels, size = channels // 2, 2 * size
        layers += [nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        # END SOLUTION

    def forward(self, z):
        """Latent vectors (N, Z, 1, 1) -> images (N, 3, S, S) in [-1, 1]."""
        return self.layers(z)


class Discriminator(nn.Module):
    """Gives the probability that an image is a photograph. The mirror of the generator, with spectral normalisation.

    Args:
        channel_num: channels at 4x4 pixels.
        image_size: S, a power of 2.
    """

    def __init__(self, channel_num=512, image_size=256):
        super().__init__()
        check_sizes(channel_num, image_size)
        # self.layers: an nn.Sequential. Convolutions have 4x4 kernels and are wrapped: spectral_norm(nn.Conv2d(...)).
        # The first one halves the size: stride 2, padding 1. It makes as many channels as the generator has before its
        # last layer: channel_num // (image_size // 8). After it: LeakyReLU 0.2, no BatchNorm.
        # Each further one halves the size and doubles the channels, down to 4x4 pixels with channel_num channels.
        # After each of them: BatchNorm, then LeakyReLU 0.2.
        # The last one makes one number of the 4x4 pixels: stride 1, padding 0. After it: Sigmoid, no BatchNorm.
        # BEGIN SOLUTION
        channels = channel_num // (image_size // 8)
        layers = [spectral_norm(nn.Conv2d(3, channels, 4, stride=2, padding=1)), nn.LeakyReLU(0.2, True)]
        while channels < channel_num:
            layers += [spectral_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)),
                       nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)]
            channels *= 2
        layers += [spectral_norm(nn.Conv2d(channels, 1, 4)), nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)
        # END SOLUTION

    def forward(self, x):
        """Images (N, 3, S, S) -> probabilities (N,)."""
        return self.layers(x).flatten()


def largest_singular_value(weight):
    """By how much can a convolution's weight stretch what it gets? The spectral norm (Miyato et al., section 2.1).

    Args:
        weight: (C_out, C_in, height, width). As a matrix it has one row for each output channel (their section 3).
    Returns:
        scalar tensor.
    """
    # BEGIN SOLUTION
    return torch.linalg.matrix_norm(weight.flatten(1), ord=2)
    # END SOLUTION


def weights_init(module):
    """Give one layer DCGAN's first weights. For a whole network: `network.apply(weights_init)`.

    Convolutions and transposed convolutions: weights from N(0, 0.02^2). BatchNorm: scale from N(1, 0.02^2), bias 0.
    All other layers stay as they are. (Spectral normalisation computes a layer's weight anew, from the stored
    parametrizations.weight.original, whenever it is asked for: what is written into it here is lost. That does no harm,
    as the stored weight is divided by its size anyway: what happens to such a layer here is free.)
    """
    # torch.nn.init.normal_(tensor, mean, std). Do BatchNorm and convolutions need a case of their own?
    # BEGIN SOLUTION
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
    # END SOLUTION


def update_discriminator(discriminator, generator, real_images, noise, label, optimizer):
    """One step of the discriminator: minimise -log D(x) - log(1 - D(G(z))) (Goodfellow et al., algorithm 1).

    Each term is the mean over its batch. The generator keeps its weights, and gets no gradients.

    Args:
        discriminator, generator: the networks, in training mode.
        real_images: x, (N, 3, S, S). noise: z, (N, Z, 1, 1).
        label: (N,), filled with 1, the label of real images. It may be overwritten.
        optimizer: the discriminator's.
    Returns:
        (err_real, d_x, err_fake, d_g_z1, fake_images), the first four as scalars of before the step.
        err_real: -log D(x). d_x: D(x). err_fake: -log(1 - D(G(z))). d_g_z1: D(G(z)). Each is the mean over its batch.
        fake_images: G(z), not detached: the generator's step needs the way back to its weights.
    """
    # F.binary_cross_entropy(probabilities, labels) is -log(p) for label 1, and -log(1 - p) for label 0.
    # optimizer.zero_grad() takes away what earlier steps left behind. No .item() here: it would wait for the GPU.
    # BEGIN SOLUTION
    optimizer.zero_grad()
    on_real = discriminator(real_images)
    err_real = F.binary_cross_entropy(on_real, label)

    fake_images = generator(noise)
    on_fake = discriminator(fake_images.detach())  # cuts the graph: this step is no business of the generator
    err_fake = F.binary_cross_entropy(on_fake, torch.zeros_like(label))

    (err_real + err_fake).backward()
    optimizer.step()
    return err_real.detach(), on_real.detach().mean(), err_fake.detach(), on_fake.detach().mean(), fake_images
    # END SOLUTION


def update_generator(discriminator, generator, fake_images, label, optimizer):
    """One step of the generator: minimise -log D(G(z)), the mean over the batch (Goodfellow et al., section 3).

    The discriminator keeps its weights.

    Args:
        discriminator, generator: the networks, in training mode.
        fake_images: G(z) from `update_discriminator`.
        label: (N,), filled with 1. It may be overwritten.
        optimizer: the generator's.
    Returns:
        (err_g, d_g_z2), two scalars: the loss, and the mean of D(G(z)), with the discriminator as it is now.
    """
    # The images are there already, but the discriminator has changed since: ask it again.
    # BEGIN SOLUTION
    optimizer.zero_grad()
    on_fake = discriminator(fake_images)
    err_g = F.binary_cross_entropy(on_fake, label)
    # The gradient passes through D, but only G's weights get one: D would throw its own away.
    err_g.backward(inputs=list(generator.parameters()))
    optimizer.step()
    return err_g.detach(), on_fake.detach().mean()
    # END SOLUTION


def generate(generator, z, temperature=1.0):
    """Make images of latent vectors. A vector gives the same image alone and in any batch.

    Args:
        generator: its mode, training or evaluation, is afterwards what it was.
        z: (N, Z, 1, 1), drawn from N(0, 1).
        temperature: T, the variance that the latent numbers shall have instead of 1: below 1 they lie nearer to 0.
    Returns:
        (N, 3, S, S) in [0, 1], without gradients.
    """
    # In which mode does BatchNorm look at the other images of the batch? How is a number from N(0, 1) scaled so that
    # its variance is T?
    # BEGIN SOLUTION
    was_training = generator.training
    generator.eval()
    try:
        with torch.no_grad():
            return (generator(temperature ** 0.5 * z) + 1) / 2
    finally:
        generator.train(was_training)
    # END SOLUTION


def convex_path(z1, z2, alphas):
    """The straight line between two latent vectors: alpha z1 + (1 - alpha) z2 for each alpha.

    Args:
        z1, z2: (Z, 1, 1), or any other shape that both have.
        alphas: numbers from 0 to 1, a list or a tensor (K,).
    Returns:
        (K, Z, 1, 1): the points, stacked along a new first axis.
    """
    # BEGIN SOLUTION
    return torch.stack([alpha * z1 + (1 - alpha) * z2 for alpha in alphas])
    # END SOLUTION


def check_directions(z1, z2):
    """Raise ValueError if two vectors lie on one line through 0: no arc around 0 is the arc between them."""
    directions = F.normalize(torch.stack((z1.flatten(), z2.flatten())), dim=1)
    if torch.linalg.matrix_rank(directions, atol=1e-3) < 2:
        raise ValueError("z1 and z2 must point in different directions, and not in opposite ones; got two that lie on "
                         "one line through 0, or a vector of length 0: convex_path takes any two")


def slerp(z1, z2, alphas):
    """The arc between two latent vectors on a sphere around 0, evenly walked (Shoemake, "Animating Rotation with
    Quaternion Curves", 1985, section 3.3).

    With the angle omega between z1 and z2, each taken as one long vector, the points are
    sin(alpha omega) / sin(omega) z1 + sin((1 - alpha) omega) / sin(omega) z2.

    Args:
        z1, z2, alphas: as for `convex_path`.
    Returns:
        (K, Z, 1, 1), as from `convex_path`: alpha 1 is z1, alpha 0 is z2.
    Raises:
        ValueError: z1 and z2 point in the same or in opposite directions, or one of them is 0.
    """
    check_directions(z1, z2)
    # The cosine of omega is the scalar product of the two, divided by both lengths.
    # BEGIN SOLUTION
    omega = torch.acos(F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0))
    alphas = torch.as_tensor(alphas, dtype=z1.dtype)
    return torch.stack([torch.sin(alpha * omega) / torch.sin(omega) * z1
                        + torch.sin((1 - alpha) * omega) / torch.sin(omega) * z2 for alpha in alphas])
    # END SOLUTION
