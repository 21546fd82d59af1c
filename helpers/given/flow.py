"""Networks of assignment 7, whose time runs from 0 to 1, and what it measures with."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import densities, networks


class PointNet(nn.Module):
    """Network for points in the plane: it says a velocity, or a noise.

    Args:
        n_features: coordinates of a point.
        n_blocks: hidden layers. n_units: width of each.
    """

    def __init__(self, n_features=2, n_blocks=2, n_units=64):
        super().__init__()
        self.point = nn.Linear(n_features, n_units)
        self.time = nn.Linear(32, n_units)
        self.blocks = nn.ModuleList(nn.Linear(n_units, n_units) for _ in range(n_blocks))
        self.out = nn.Linear(n_units, n_features)

    def forward(self, x, t):
        """Points (N, n_features) and their times in [0, 1], (N,) -> (N, n_features)."""
        h = self.point(x) + self.time(networks.time_embedding(1000 * t, len(x), 32).to(x))
        for block in self.blocks:
            h = h + block(F.silu(h))
        return self.out(F.silu(h))


class VelocityUNet(networks.UNet):
    """The U-Net of assignment 4 as it is. Only the times are others: from 0 to 1 here, indices up to 1000 there."""

    def forward(self, x, t, labels=None):
        """Images on their way (N, C, h, w), times (N,), labels (N,) -> velocities (N, C, h, w)."""
        return super().forward(x, 1000 * t, labels)


class LabelAndStep(nn.Module):
    """Embedding of a label and of a step's size together: (N, 2) -> (N, size)."""

    def __init__(self, label, sizes):
        super().__init__()
        self.label, self.step = label, nn.Embedding(sizes, label.embedding_dim)
        nn.init.zeros_(self.step.weight)

    def forward(self, both):
        return self.label(both[:, 0]) + self.step(both[:, 1])


class ShortcutUNet(VelocityUNet):
    """The same network, that is also told how large the step is that it should take (Frans et al., 2024).

    Args:
        flow: VelocityUNet whose weights it starts from, or None.
        sizes: K. Steps may have the sizes 0 (the velocity itself) and 1, 1/2, ..., 2^(2 - K). Another size is taken for
            the nearest of these, in powers of two.
    """

    def __init__(self, flow=None, sizes=9):
        super().__init__()
        if flow is not None:
            self.load_state_dict(flow.state_dict())
        self.label = LabelAndStep(self.label, sizes)

    def forward(self, x, t, labels, d):
        """As VelocityUNet, with the sizes of the steps (N,) -> mean velocities from t to t + d (N, C, h, w)."""
        power = torch.where(d > 0, 1 - torch.log2(d.clamp(min=1e-6)), 0).round().long()
        return super().forward(x, t, torch.stack((labels, power), dim=1))


def moons_log_density(x, centres=1000):
    """The true log-density of `densities.sample("moons", ...)`: normal blurs, evenly along both half circles.

    Args:
        x: float (N, 2), on the CPU. centres: normal distributions on each half circle.
    Returns:
        (N,), in nats.
    """
    shift, scale = densities.shift_and_scale("moons")
    angle = math.pi * (torch.arange(centres) + 0.5) / centres
    upper, lower = torch.stack((angle.cos(), angle.sin()), 1), torch.stack((1 - angle.cos(), 0.5 - angle.sin()), 1)
    middle, blur = (torch.cat((upper, lower)) - shift) / scale, 0.05 / scale
    near = -torch.cdist(x, middle) ** 2 / (2 * blur ** 2)
    return torch.logsumexp(near, dim=1) - torch.log(2 * math.pi * blur ** 2 * len(middle))
