"""Networks that are given whole: a denoiser for the autoencoders, and the noise predictor of the diffusion models.

The graded modules offer them under the same names: autoencoder.ConvDenoiser and diffusion.UNet.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F


class ConvDenoiser(nn.Module):
    """Convolutional denoiser for 64x64 images, given. It has 2,132,305 parameters, the fully connected one a few more.

    What a layer of the encoder found goes to the decoder's layer of the same size, too, so nothing has to pass through
    a bottleneck (Ronneberger et al., "U-Net", 2015).

    Args:
        last: activation of the pixels. Section 2.5 of the notebook tries another one.
    """

    def __init__(self, last=torch.tanh):
        super().__init__()
        self.last = last
        channels = [1, 32, 64, 128, 400]
        # Each layer halves height and width, or doubles them.
        self.down = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(channels, channels[1:]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in ((400, 128), (256, 64), (128, 32), (64, 1)))

    def forward(self, x):
        """Noisy images (N, 1, 64, 64) in [0, 1] -> clean ones (N, 1, 64, 64), after Tanh in (-1, 1)."""
        found = []
        for layer in self.down:
            x = F.relu(layer(x))
            found.append(x)
        x = found.pop()
        for layer in self.up[:-1]:
            x = torch.cat((F.relu(layer(x)), found.pop()), dim=1)
        return self.last(self.up[-1](x))


def time_embedding(t, count, size):
    """Turn step indices into sines and cosines of several speeds (DDPM, appendix B; Vaswani et al., 2017, section 3.5).

    A network can tell t = 3 from t = 4 by the fast ones, and t = 100 from t = 900 by the slow ones.

    Args:
        t: an int, or a tensor with one index or with `count` of them, of any shape.
        size: how many numbers stand for each index; even.
    Returns:
        (count, size)
    """
    t = torch.as_tensor(t).reshape(-1, 1).expand(count, 1)
    speeds = torch.exp(torch.linspace(0, -math.log(10000), size // 2, device=t.device))
    return torch.cat((torch.sin(t * speeds), torch.cos(t * speeds)), dim=1)


class GroupNorm(nn.GroupNorm):
    """As PyTorch's, in float32 whatever the network computes in: sums over many numbers need the digits. On a CPU it is
    faster, too: in bfloat16 and with the channels last in memory, its own takes several times as long.
    """

    def forward(self, x):
        return super().forward(x.float()).to(x.dtype)


class ResidualBlock(nn.Module):
    """Two convolutions: (N, c_in, h, w) -> (N, c_out, h, w). In between the embedding of time and label scales and
    shifts the channels ("adaptive group normalisation": Dhariwal and Nichol, "Diffusion Models Beat GANs on Image
    Synthesis", 2021, section 3.1).

    The second convolution starts at 0, so a new block leaves what it gets as it is, or changes its channels only.
    """

    def __init__(self, c_in, c_out, embedding_size):
        super().__init__()
        self.norm1, self.conv1 = GroupNorm(8, c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = GroupNorm(8, c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.scale_and_shift = nn.Linear(embedding_size, 2 * c_out)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, embedding):
        scale, shift = self.scale_and_shift(embedding)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(self.conv1(F.silu(self.norm1(x))))
        return self.skip(x) + self.conv2(F.silu(h * (1 + scale) + shift))


class Attention(nn.Module):
    """Each place of an image looks at all others (Vaswani et al., 2017), so that far parts of a digit fit together."""

    def __init__(self, channels):
        super().__init__()
        self.norm, self.look = GroupNorm(8, channels), nn.MultiheadAttention(channels, 4, batch_first=True)

    def forward(self, x):
        places = self.norm(x).flatten(2).transpose(1, 2)  # (N, h * w, c)
        # Without need_weights=False: the fused kernel that it stands for is slow on its way back in bfloat16 on a CPU.
        seen, _ = self.look(places, places, places)
        return x + seen.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """Noise predictor for images with labels (Ronneberger et al., "U-Net", 2015; DDPM, appendix B).

    It works at half and at a quarter of the image's size, where convolutions are cheap: each 2x2 pixels come in, and
    go out, as four channels. Height and width must be multiples of 4.

    Args:
        image_channels: C.
        channels: at half the size; twice as many at a quarter of it. A multiple of 8.
        num_classes: K. The label K, self.null_label, stands for "any class".
    """

    def __init__(self, image_channels=1, channels=32, num_classes=10):
        super().__init__()
        self.null_label = num_classes
        self.time_size, size = channels, 4 * channels
        self.time = nn.Sequential(nn.Linear(channels, size), nn.SiLU(), nn.Linear(size, size))
        self.label = nn.Embedding(num_classes + 1, size)
        self.first = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * image_channels, channels, 3, padding=1))
        self.down = ResidualBlock(channels, channels, size)
        self.shrink = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.middle1 = ResidualBlock(2 * channels, 2 * channels, size)
        self.attention = Attention(2 * channels)
        self.middle2 = ResidualBlock(2 * channels, 2 * channels, size)
        self.grow = nn.Sequential(nn.Conv2d(2 * channels, 4 * channels, 1), nn.PixelShuffle(2))
        self.up = ResidualBlock(2 * channels, channels, size)
        self.last = nn.Sequential(GroupNorm(8, channels), nn.SiLU(),
                                  nn.Conv2d(channels, 4 * image_channels, 3, padding=1), nn.PixelShuffle(2))
        self.gain = nn.Linear(size, 1)

    def forward(self, x, t, labels=None):
        """Noised images (N, C, h, w), their steps (N,) or (N, 1), labels (N,) -> predicted noise (N, C, h, w).

        Without labels all images have the null label.
        """
        if labels is None:
            labels = torch.full((len(x),), self.null_label, device=x.device)
        embedding = F.silu(self.time(time_embedding(t, len(x), self.time_size).to(x)) + self.label(labels))
        fine = self.down(self.first(x), embedding)
        coarse = self.attention(self.middle1(self.shrink(fine), embedding))
        joined = torch.cat((self.grow(self.middle2(coarse, embedding)), fine), dim=1)
        # In the last steps x is nearly all noise. What differs from it is tiny there, but it is all that is known of
        # the image: so the network says the difference only, and by a factor of its own how large it is at this step.
        return x + self.last(self.up(joined, embedding)) * self.gain(embedding)[:, :, None, None]
