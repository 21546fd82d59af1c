"""Two-dimensional densities to learn, and how to tell two sets of points apart.

    points, parts = sample("moons", 100_000, seed=0)

All densities have mean 0 and variance 1, averaged over both coordinates, up to what a finite sample shows.
"""
import functools
import math

import torch

from helpers.given.tables import table


def moons(n, generator):
    """Two half circles that reach into each other. Parts: 8 arcs of each."""
    angle = math.pi * torch.rand(n, generator=generator)
    which = torch.randint(2, (n,), generator=generator)
    x = torch.where(which == 0, angle.cos(), 1 - angle.cos())
    y = torch.where(which == 0, angle.sin(), 0.5 - angle.sin())
    return torch.stack((x, y), dim=1), 8 * which + arc(angle / math.pi, 8), 0.05


def circles(n, generator):
    """A circle in a circle of twice its radius. Parts: 8 arcs of each."""
    turn = torch.rand(n, generator=generator)
    which = torch.randint(2, (n,), generator=generator)
    angle = 2 * math.pi * turn
    return (1 - 0.5 * which)[:, None] * torch.stack((angle.cos(), angle.sin()), dim=1), 8 * which + arc(turn, 8), 0.04


def swiss_roll(n, generator):
    """A spiral of one and a half turns. Parts: 16 pieces, one after another."""
    way = torch.rand(n, generator=generator)
    angle = 1.5 * math.pi * (1 + 2 * way)
    return angle[:, None] * torch.stack((angle.cos(), angle.sin()), dim=1), arc(way, 16), 0.3


def checkerboard(n, generator):
    """The 8 dark squares of a board of 4 x 4. Parts: the squares."""
    square = torch.randint(8, (n,), generator=generator)
    row = square // 2
    corner = torch.stack((2 * (square % 2) + row % 2, row), dim=1)
    return corner + torch.rand(n, 2, generator=generator) - 2, square, 0.0


def clouds(n, generator):
    """Eight small normal distributions on a circle. Parts: the clouds."""
    which = torch.randint(8, (n,), generator=generator)
    angle = math.pi / 4 * which
    return torch.stack((angle.cos(), angle.sin()), dim=1), which, 0.1


DENSITIES = {density.__name__: density for density in (moons, circles, swiss_roll, checkerboard, clouds)}


def arc(way, count):
    """Number of the piece in which each place lies. way: in [0, 1)."""
    return (count * way).long().clamp(max=count - 1)


def raw(name, n, generator):
    points, parts, noise = DENSITIES[name](n, generator)
    return points + noise * torch.randn(n, 2, generator=generator), parts


@functools.cache
def shift_and_scale(name):
    """What is subtracted from the raw points of a density, (2,), and what they are divided by: the same for every seed,
    as two samples must be comparable."""
    many, _ = raw(name, 20000, torch.Generator().manual_seed(12345))
    return many.mean(dim=0), many.var(dim=0).mean().sqrt()


def sample(name, n, seed=0):
    """Draw n points of a density.

    Args:
        name: one of DENSITIES.
    Returns:
        points: float32 (n, 2).
        parts: int64 (n,): which piece of the shape each point lies on, for `coverage`.
    Raises:
        ValueError: unknown name.
    """
    if name not in DENSITIES:
        raise ValueError(f"there is no density {name!r}: take one of {', '.join(DENSITIES)}")
    shift, scale = shift_and_scale(name)
    points, parts = raw(name, n, torch.Generator().manual_seed(seed))
    return (points - shift) / scale, parts


def sliced_wasserstein(first, second, directions=100):
    """Sliced Wasserstein distance of two sets of points in the plane (Rabin et al., "Wasserstein Barycenter and Its
    Application to Texture Mixing", 2011).

    In one dimension the Wasserstein distance is easy: sort both sets, and take the mean distance of the pairs. Here
    it is averaged over the projections on evenly spread directions.

    Args:
        first, second: (N, 2) both.
    Returns:
        float, 0 for equal sets. Two samples of one density are a little apart: `floor` says how much.
    """
    if first.shape != second.shape or first.dim() != 2 or first.shape[1] != 2:
        raise ValueError(f"both sets must have the same shape (N, 2), got {tuple(first.shape)} and "
                         f"{tuple(second.shape)}: take as many points of each")
    angle = torch.arange(directions) * (math.pi / directions)
    axes = torch.stack((angle.cos(), angle.sin()))
    sorted_pairs = [(points.detach().cpu() @ axes).sort(dim=0).values for points in (first, second)]
    return (sorted_pairs[0] - sorted_pairs[1]).abs().mean().item()


@functools.cache
def floor(name, n, repeats=5):
    """Mean sliced Wasserstein distance between two fresh samples of n points: no model can be expected below it."""
    pairs = [(sample(name, n, seed=1000 + 2 * k)[0], sample(name, n, seed=1001 + 2 * k)[0]) for k in range(repeats)]
    return sum(sliced_wasserstein(*pair) for pair in pairs) / repeats


def coverage(points, name, reference=5000):
    """Say how points spread over the parts of a density.

    Returns:
        dict: `shares`, (K,), the share of the points nearest to each part; `covered`, how many parts have at least a
        third of what real points give them; `parts`, K; `outside`, the share of the points that are farther from the
        nearest of `reference` real points than 99.9 % of real points are.
    """
    real, parts = sample(name, reference, seed=77)
    fresh, fresh_parts = sample(name, reference, seed=78)
    near = torch.cat([torch.cdist(batch, real).min(dim=1).values for batch in fresh.split(1000)])
    distances, nearest = zip(*(torch.cdist(batch, real).min(dim=1) for batch in points.detach().cpu().split(1000)))
    count = int(parts.max()) + 1
    shares = parts[torch.cat(nearest)].bincount(minlength=count) / len(points)
    expected = fresh_parts.bincount(minlength=count) / reference
    return {"shares": shares, "covered": int((shares >= expected / 3).sum()), "parts": count,
            "outside": (torch.cat(distances) > near.quantile(0.999)).float().mean().item()}


def print_scores(rows):
    """Print a table. rows: dict name -> dict with distance, floor and what `coverage` returned."""
    table({name: {**row, "parts": f"{row['covered']} of {row['parts']}"} for name, row in rows.items()},
          {"distance": ("distance", "10.4f"), "floor": ("floor", "10.4f"), "parts": ("parts covered", "16"),
           "outside": ("outside", "10.1%")})
