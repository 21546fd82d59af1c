"""Generative adversarial networks on 28x28 gray images: fully connected (FC-GAN), deep convolutional (DCGAN), your own.

Noise, the two networks, their losses and optimiser, and the step in which both learn; then the same game with
convolutions, and at the end a DCGAN that you design for Fashion-MNIST. Fill the gaps in the order of the notebook,
which is the order of this file.

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
    """Return the fully connected discriminator: images (N, 784) -> logits (N, 1). It has 267,009 parameters.

    Three linear layers with biases. The two hidden layers have the same width, and a LeakyReLU with slope 0.01 follows
    each of them. Nothing follows the last layer: the losses want logits.
    """
    # The width is for you to find: write down the number of weights and biases for a width w, and solve for w.
    # BEGIN SOLUTION
    return nn.Sequential(
        nn.Linear(784, 256), nn.LeakyReLU(0.01),
        nn.Linear(256, 256), nn.LeakyReLU(0.01),
        nn.Linear(256, 1))
    # END SOLUTION


def generator(noise_dim=96):
    """Return the fully connected generator: noise (N, noise_dim) -> images (N, 784) in [-1, 1].

    Three linear layers with biases. The two hidden layers have the same width, and a ReLU follows each of them. Tanh
    brings the pixels into [-1, 1]. `generator(4)` has 1,858,320 parameters.
    """
    # Count as for the discriminator. The width does not depend on noise_dim.
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
        logits_fake: scores of generated images, any shape, perhaps more or fewer.
    Returns:
        scalar tensor on the logits' device, finite for logits of any size. The logits are not changed.
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
        scalar tensor on the logits' device, finite for logits of any size. The logits are not changed.
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


def update(x, noise, D, G, D_solver, G_solver, discriminator_loss, generator_loss):
    """One step of each player on one batch: first the discriminator's, then the generator's.

    It is algorithm 1 of Goodfellow et al. with k = 1, but the same generated images serve both steps.

    The discriminator takes one step on discriminator_loss(D(x), D(fake)), where fake is what G makes of the noise. Real
    and generated images are two calls of D: in one batch together they would share the mean and variance of BatchNorm.
    No gradient of this loss reaches the generator's weights.

    Then the generator takes one step on generator_loss(D(fake)), for the scores that the discriminator gives *after*
    its step. The discriminator's weights stay as they are.

    Each step uses the gradient of its own loss on this batch and nothing else: no gradient is left in it from the other
    player's loss or from an earlier update.

    Args:
        x: N real images as D takes them. noise: N inputs of G; no other noise is drawn.
        D, G: the networks, in training mode, and so they stay. D_solver, G_solver: their optimisers.
        discriminator_loss: function (logits_real, logits_fake) -> scalar. generator_loss: (logits_fake) -> scalar.
    Returns:
        dict of four detached scalar tensors. d_loss and g_loss: the losses that the two steps were taken on. d_real and
        d_fake: the mean probability of "real", the sigmoid of the logit, for x and for the generated images, from the
        logits in d_loss.
    """
    # Three traps, one in each of the last three paragraphs. What does tensor.detach() do, and where is it needed? Which
    # discriminator gave logits_fake? And who clears gradients? backward() adds to what is there, in every weight that
    # it passes; backward(inputs=list_of_weights) adds to those weights only.
    # BEGIN SOLUTION
    fake = G(noise)

    # detach() cuts the graph: this loss is no business of the generator.
    logits_real, logits_fake = D(x), D(fake.detach())
    d_loss = discriminator_loss(logits_real, logits_fake)
    D_solver.zero_grad()
    d_loss.backward()
    D_solver.step()

    # The gradient passes through the new D, but only G's weights get one: D has no use for its own, and computing them
    # takes time.
    g_loss = generator_loss(D(fake))
    G_solver.zero_grad()
    g_loss.backward(inputs=[w for w in G.parameters() if w.requires_grad])
    G_solver.step()

    return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach(),
            "d_real": logits_real.detach().sigmoid().mean(), "d_fake": logits_fake.detach().sigmoid().mean()}
    # END SOLUTION


def build_dc_classifier():
    """Return the convolutional discriminator: images (N, 784) -> logits (N, 1). It has 1,102,721 parameters.

    The shape of one image on its way, from layer to layer:
    (784) -> (1, 28, 28) -> convolution -> (32, 24, 24) -> pooling -> (32, 12, 12)
    -> convolution -> (64, 8, 8) -> pooling -> (64, 4, 4) -> (1024) -> linear -> hidden -> linear -> (1).

    A LeakyReLU with slope 0.01 follows each convolution and the first linear layer. Convolutions have square kernels,
    stride 1 and no padding; pooling is MaxPool 2x2. All layers have biases.
    """
    # For you to find: the size of the kernels, from the shapes; the width of the hidden layer, from the number of
    # parameters. nn.Unflatten and nn.Flatten change shapes.
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

    The shape of one image on its way, from layer to layer:
    (noise_dim) -> linear -> hidden -> linear -> (6272) -> (128, 7, 7)
    -> transposed convolution -> (64, 14, 14) -> transposed convolution -> (1, 28, 28) -> (784).

    A ReLU, and after it a BatchNorm over all features or channels, follow each layer but the last; Tanh follows the
    last. Transposed convolutions have square kernels, stride 2, padding 1 and no output padding. All layers have biases
    and all BatchNorms a scale and a shift. `build_dc_generator(4)` has 6,580,801 parameters.
    """
    # For you to find: the size of the kernels, from the shapes; the width of the hidden layer, from the number of
    # parameters. BatchNorm1d is for (N, features), BatchNorm2d for (N, C, h, w); each has two numbers for a feature.
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
    """Your generator for Fashion-MNIST, that of a DCGAN: with convolutions, transposed or not. All else is yours.

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
    """Your discriminator for Fashion-MNIST, that of a DCGAN: with convolutions. All else is yours."""

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
