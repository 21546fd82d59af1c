"""Faces: give the same face another expression, with a conditional GAN in the manner of StarGAN.

What one output of a stack of convolutions sees; labels as planes of an image; a generator that takes a face and an
expression; a discriminator that judges patches and names the expression; their training, and its use. Fill the gaps in
the order of the notebook, which is the order of this file.

Letters in shapes: N images in the batch, C channels, h and w height and width, K expressions. Images lie in [-1, 1].
A label is a row of K numbers, one for each expression: 1 for the one that it is, 0 for the others (one-hot). A logit
is a score before the sigmoid or the softmax.

Sources: Choi et al., "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation",
2018 (arXiv:1711.09020), StarGAN for short; Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks", 2017 (arXiv:1611.07004), for the PatchGAN; Goodfellow et al., "Generative Adversarial Nets", 2014
(arXiv:1406.2661), for the adversarial loss.
"""
import torch
from torch import nn
from torch.nn import functional as F


def receptive_field(layers):
    """Return how many pixels, in height and in width, one output of a stack of convolutions can see.

    Args:
        layers: list of (kernel_size, stride), from the image to the output.
    Returns:
        int. Padding does not matter. Without any layer it is 1.
    """
    # Each layer adds kernel_size - 1 steps. How long is a step, in pixels of the image?
    # BEGIN SOLUTION
    size, step = 1, 1
    for kernel_size, stride in layers:
        size += (kernel_size - 1) * step
        step *= stride
    return size
    # END SOLUTION


def concat_labels(images, labels):
    """Join labels to images: each number of a label becomes a plane of its own, with this number in every pixel.

    Args:
        images: (N, C, h, w).
        labels: (N, K), any numbers: between two expressions they are no longer 0 and 1.
    Returns:
        (N, C + K, h, w): first the channels of the image, then the planes, in the order of the label.
    """
    # BEGIN SOLUTION
    planes = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])
    return torch.cat((images, planes.to(images)), dim=1)
    # END SOLUTION


class ResidualBlock(nn.Module):
    """Two convolutions that compute what to add to their input (He et al., "Deep Residual Learning", 2016, section 3).

    (N, channels, h, w) -> the same shape.
    """

    def __init__(self, channels):
        super().__init__()
        # Instance normalisation subtracts the mean of each channel of each image, so no bias survives it.
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                                    nn.InstanceNorm2d(channels, affine=True),
                                    nn.ReLU(),
                                    nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                                    nn.InstanceNorm2d(channels, affine=True))

    def forward(self, x):
        """Return x plus what the layers make of it. x is not changed, and no activation follows."""
        # BEGIN SOLUTION
        return x + self.layers(x)
        # END SOLUTION


class StarGenerator(nn.Module):
    """Images and the expressions that they shall get -> images (StarGAN, table 4, made smaller).

    Args:
        num_labels: K.
        channels: at half of the image's size; twice as many at a quarter. The course trains 24 with 2 blocks on a
            processor; 128 with 6 blocks is what the paper has.
        blocks: how many residual blocks.
    """

    def __init__(self, num_labels=8, channels=32, blocks=3):
        super().__init__()
        self.num_labels = num_labels
        # Make self.layers, an nn.Sequential:
        # - two convolutions of 4x4, stride 2, padding 1: from the image and its label planes to `channels`, then to
        #   2 * channels. Each halves height and width;
        # - `blocks` times ResidualBlock;
        # - two transposed convolutions of 4x4, stride 2, padding 1, that lead back: to `channels`, then to 3.
        # After each of the convolutions but the first and the last: nn.InstanceNorm2d(..., affine=True), then ReLU.
        # After the first: only ReLU. After the last: what brings pixels into [-1, 1].
        # BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm2d(2 * channels, affine=True), nn.ReLU(),
            *(ResidualBlock(2 * channels) for _ in range(blocks)),
            nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1), nn.Tanh())
        # END SOLUTION

    def forward(self, images, labels):
        """Images (N, 3, h, w) in [-1, 1] and labels (N, K) -> images (N, 3, h, w) in [-1, 1]. h, w: multiples of 4."""
        return self.layers(concat_labels(images, labels))


class PatchDiscriminator(nn.Module):
    """Judge overlapping patches of an image, and name its expression (PatchGAN: Isola et al., appendix 6.1.2).

    Args:
        num_labels: K.
        channels: of the first convolution; each further one has twice as many.
        depth: how many convolutions have stride 2. With 3, the full depth, one patch is 70x70 pixels large.
    """

    def __init__(self, num_labels=8, channels=16, depth=3):
        super().__init__()
        # All convolutions are 4x4 with padding 1. LeakyReLU has the slope 0.01.
        # - The body: `depth` convolutions with stride 2, then one with stride 1, from 3 channels to `channels`, and
        #   then always to twice as many. LeakyReLU after each, no normalisation.
        # - The patch head: one convolution with stride 1, from the body's channels to 1.
        # - The label head: a linear layer from the body's channels to num_labels.
        # BEGIN SOLUTION
        sizes = [3, *(channels * 2 ** k for k in range(depth + 1))]
        body = []
        for k in range(depth + 1):
            body += [nn.Conv2d(sizes[k], sizes[k + 1], 4, stride=2 if k < depth else 1, padding=1), nn.LeakyReLU(0.01)]
        self.body = nn.Sequential(*body)
        self.patch_head = nn.Conv2d(sizes[-1], 1, 4, padding=1)
        self.label_head = nn.Linear(sizes[-1], num_labels)
        # END SOLUTION

    def forward(self, images):
        """Images (N, 3, h, w) -> (patch_logits, label_logits), with one call of the body.

        patch_logits: (N, 1, h', w'), one for each patch: positive for "real". For 64x64 pixels h' = w' = 6.
        label_logits: (N, K), from the mean of the body's output over all places.
        """
        # BEGIN SOLUTION
        features = self.body(images)
        return self.patch_head(features), self.label_head(features.mean(dim=(2, 3)))
        # END SOLUTION


def discriminator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0):
    """One step of the discriminator: real patches from generated ones, and the expressions of the real faces.

    Its loss is adversarial + label_weight * label (StarGAN, equation 5), with
        adversarial = -E[log D(x)] - E[log(1 - D(G(x, c)))] (Goodfellow et al., equation 1, negated), where D is the
            sigmoid of a patch logit and E the mean over all images and patches; the two means are added;
        label: cross entropy of the label logits of the real images with their own labels (StarGAN, equation 2).
            Generated images say nothing about real expressions: they have no part in it.

    Args:
        discriminator: images -> (patch_logits, label_logits). generator: (images, labels) -> images; it stays as it is.
        images: real ones (N, 3, h, w) in [-1, 1]. labels: theirs, one-hot (N, K).
        target_labels: what the generator shall make of them, one-hot (N, K).
        optimizer: of the discriminator. Gradients that are left from before do not count.
    Returns:
        dict of detached scalar tensors, before the step: d_adversarial, d_label (not weighted).
    """
    # F.binary_cross_entropy_with_logits and F.cross_entropy take logits. The latter takes one-hot labels as they are.
    # BEGIN SOLUTION
    with torch.no_grad():
        fake = generator(images, target_labels)
    real_logits, label_logits = discriminator(images)
    fake_logits, _ = discriminator(fake)
    adversarial = (F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
                   + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits)))
    label = F.cross_entropy(label_logits, labels)
    optimizer.zero_grad()
    (adversarial + label_weight * label).backward()
    optimizer.step()
    return {"d_adversarial": adversarial.detach(), "d_label": label.detach()}
    # END SOLUTION


def generator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0,
                   reconstruction_weight=10.0):
    """One step of the generator: images that pass for real, show the target expression, and can be turned back.

    Its loss is adversarial + label_weight * label + reconstruction_weight * reconstruction (StarGAN, equation 6), with
        adversarial = -E[log D(G(x, c))], the non-saturating loss (Goodfellow et al., end of section 3);
        label: cross entropy of the label logits of the generated images with the target labels (equation 3);
        reconstruction: mean absolute difference of the images and G(G(x, c), c'), the generated images with their
            first expression c' again (equation 4).

    Args:
        discriminator, generator, images, labels, target_labels: as for `discriminator_step`. The discriminator's
            weights stay as they are.
        optimizer: of the generator. Gradients that are left from before do not count.
    Returns:
        dict of detached scalar tensors, before the step: g_adversarial, g_label, g_reconstruction (not weighted).
    """
    # BEGIN SOLUTION
    fake = generator(images, target_labels)
    fake_logits, label_logits = discriminator(fake)
    adversarial = F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))
    label = F.cross_entropy(label_logits, target_labels)
    reconstruction = F.l1_loss(generator(fake, labels), images)
    optimizer.zero_grad()
    (adversarial + label_weight * label + reconstruction_weight * reconstruction).backward()
    optimizer.step()
    return {"g_adversarial": adversarial.detach(), "g_label": label.detach(),
            "g_reconstruction": reconstruction.detach()}
    # END SOLUTION


def train_round(discriminator, generator, batches, d_optimizer, g_optimizer, label_weight=1.0,
                reconstruction_weight=10.0):
    """One round of training: the discriminator steps on every batch, then the generator once, on the last one.

    With four batches, the discriminator steps four times for each step of the generator.

    Args:
        discriminator, generator, label_weight, reconstruction_weight: as for the two steps.
        batches: list of (images, labels, target_labels).
        d_optimizer, g_optimizer: of the discriminator and of the generator.
    Returns:
        dict of detached scalar tensors: what the generator's step returned, and what the discriminator's last one did.
    """
    # Call discriminator_step and generator_step. Both need their weights of the terms.
    # BEGIN SOLUTION
    for batch in batches:
        d_terms = discriminator_step(discriminator, generator, *batch, d_optimizer, label_weight)
    g_terms = generator_step(discriminator, generator, *batches[-1], g_optimizer, label_weight, reconstruction_weight)
    return {**d_terms, **g_terms}
    # END SOLUTION


def translate(generator, images, label):
    """Give faces another expression.

    Args:
        generator: as for `discriminator_step`; generator.num_labels is K. It is used in evaluation mode, and is in the
            mode that it was in before afterwards.
        images: (N, 3, h, w) in [-1, 1].
        label: index of the expression: an int for all images, or an integer tensor (N,) with one for each.
    Returns:
        (N, 3, h, w) in [-1, 1], without a gradient.
    """
    # torch.as_tensor(label) makes a tensor of an int, and .expand(N) as many of one.
    # BEGIN SOLUTION
    label = torch.as_tensor(label, device=images.device).expand(len(images))
    was_training = generator.training
    generator.eval()
    with torch.no_grad():
        translated = generator(images, F.one_hot(label, generator.num_labels).to(images))
    generator.train(was_training)
    return translated
    # END SOLUTION
