"""Diffusion models: noise is added to data step by step, and a network learns to take it away again.

First on points in the plane, then on MNIST with labels: the same schedules, loss and sampler, with another network.
Fill the gaps in the order of the notebook, which is the order of this file.

Letters in shapes: N samples in the batch, T steps of the schedule, h and w height and width. Images lie in [-1, 1].
Step t = 1, ..., T of the papers has index t - 1 in all tensors here, so t in this file runs from 0 to T - 1.

Sources: Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models", 2020 (arXiv:2006.11239), DDPM for short;
Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models", 2021 (arXiv:2102.09672); Song, Meng and Ermon,
"Denoising Diffusion Implicit Models", 2021 (arXiv:2010.02502), DDIM; Ho and Salimans, "Classifier-Free Diffusion
Guidance", 2022 (arXiv:2207.12598).
"""
import math

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import networks
from helpers.given.networks import time_embedding


def closed_form(alphas):
    """Return q(x_t | x_0) after len(alphas) steps: what you derived with pen and paper (DDPM, equation 4).

    Args:
        alphas: tensor (t,), the alphas of these steps. Three of them are the case of the derivation. They are not
            changed.
    Returns:
        (mean_coefficient, variance), two scalar tensors: x_t given x_0 is normal with mean mean_coefficient * x_0 and
        this variance in each coordinate.
    """
    # BEGIN SOLUTION
    alpha_cumprod = torch.prod(alphas)
    return alpha_cumprod.sqrt(), 1 - alpha_cumprod
    # END SOLUTION


def linear_schedule(steps=1000):
    """Betas that grow evenly from 1e-4 to 0.02 (DDPM, section 4), whatever the number of steps.

    Returns:
        (alphas_cumprod, alphas, betas), each a float32 tensor (T,), like the weights of a network: alphas = 1 - betas,
        and alphas_cumprod, the alpha-bar of the papers, is the product of all alphas up to and including that step.
    """
    # BEGIN SOLUTION
    # In float64: a product of a thousand float32 numbers has lost two of its seven digits.
    betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.double)
    alphas = 1 - betas
    return torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()
    # END SOLUTION


def cosine_schedule(steps=1000):
    """The cosine schedule (Nichol and Dhariwal, equation 17): alpha-bar falls like a squared cosine.

    With s = 0.008 and f(t) = cos^2((t / T + s) / (1 + s) * pi / 2), the papers' step t = 1, ..., T has
    beta_t = 1 - f(t) / f(t - 1), clipped to [1e-4, 0.9999]. Without the upper limit the last alpha would be 0. (The
    paper clips at 0.999, and only there. Both limits of this course are those of Rogge and Rasul, "The Annotated
    Diffusion Model", 2022; 1e-4 is the linear schedule's first beta.)

    Returns:
        (alphas_cumprod, alphas, betas), each a float32 tensor (T,), as from `linear_schedule`: all three belong to the
        clipped betas.
    """
    # You need f at T + 1 places, 0, 1, ..., T, for T betas. After the clipping compute alphas and their product anew.
    # BEGIN SOLUTION
    s = 0.008
    f = torch.cos((torch.linspace(0, 1, steps + 1, dtype=torch.double) + s) / (1 + s) * math.pi / 2) ** 2
    betas = (1 - f[1:] / f[:-1]).clamp(1e-4, 0.9999)
    alphas = 1 - betas
    return torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()
    # END SOLUTION


def add_noise(batch, t, alphas_cumprod):
    """Jump from x_0 to x_t in one go: sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps (DDPM, equation 4).

    Args:
        batch: x_0, float tensor (N, ...): points (N, 2), images (N, 1, h, w). It is not changed.
        t: index of the step: an int for all, or an integer tensor (N,) or (N, 1) with one for each sample.
        alphas_cumprod: tensor (T,).
    Returns:
        (noised, eps), both shaped like batch. eps is drawn from N(0, I), each number independently of all others, anew
        at each call, and before anything else that is drawn: so a seed decides it.
    """
    # alphas_cumprod[t] is one number, (N,) or (N, 1). Give it as many axes as the batch has, all but the first of size
    # 1, and PyTorch spreads it over points and images alike.
    # BEGIN SOLUTION
    eps = torch.randn_like(batch)
    t = torch.as_tensor(t, device=alphas_cumprod.device)
    alpha_bar = alphas_cumprod[t].to(batch).reshape(-1, *[1] * (batch.dim() - 1))
    return alpha_bar.sqrt() * batch + (1 - alpha_bar).sqrt() * eps, eps
    # END SOLUTION


class SimpleDiffusion(nn.Module):
    """Noise predictor for points.

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
        """Noised points (N, n_features) and their steps, (N,) or (N, 1) -> predicted noise (N, n_features)."""
        h = self.point(x) + self.time(time_embedding(t, len(x), 32).to(x))
        for block in self.blocks:
            h = h + block(F.silu(h))
        return self.out(F.silu(h))


def noise_prediction_loss(model, batch, alphas_cumprod):
    """The simple training loss (DDPM, equation 14 and algorithm 1): how well does the model guess the noise?

    Each sample gets a step t of its own, all T of them equally likely, and is noised to it.

    Args:
        model: function (noised, t) -> predicted noise, shaped like noised. t is an integer tensor (N, 1): indices from
            0 to T - 1. It is asked once about each sample.
        batch: x_0, (N, ...): points or images. It is not changed.
        alphas_cumprod: tensor (T,).
    Returns:
        scalar tensor, shape (): mean squared error between eps and the prediction, over all samples and coordinates.
    """
    # BEGIN SOLUTION
    t = torch.randint(len(alphas_cumprod), (len(batch), 1), device=batch.device)
    noised, eps = add_noise(batch, t, alphas_cumprod)
    return F.mse_loss(model(noised, t), eps)
    # END SOLUTION


@torch.no_grad()
def sample_ddpm(model, n_samples, n_features, schedule):
    """Turn noise into samples, one step after another, from t = T - 1 to 0 (DDPM, algorithm 2).

    x_{t-1} = (x_t - beta_t / sqrt(1 - alpha_bar_t) * eps_theta(x_t, t)) / sqrt(alpha_t) + sigma_t z with z ~ N(0, I),
    drawn anew in each step. Take sigma_t^2 = beta_t. The last step, t = 0, adds no noise.

    Args:
        model: function (x, t) -> predicted noise, shaped like x. t is an integer tensor (n_samples, 1).
        n_samples: N.
        n_features: coordinates of a sample, an int; or its shape, like (1, 28, 28).
        schedule: (alphas_cumprod, alphas, betas). The samples are made on its device.
    Returns:
        samples: (N, n_features) or (N, *n_features).
        trajectory: (T + 1, ...), all states from pure noise to the samples.
    """
    alphas_cumprod, alphas, betas = schedule
    shape = (n_samples, n_features) if isinstance(n_features, int) else (n_samples, *n_features)
    x = torch.randn(shape, device=alphas.device)
    trajectory = [x]
    # Go through the steps backwards and append each new x to the trajectory. x += ... would also change the x that
    # stands there already.
    # BEGIN SOLUTION
    for t in reversed(range(len(alphas))):
        eps = model(x, torch.full((n_samples, 1), t, device=x.device))
        x = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()
        if t > 0:
            x = x + betas[t].sqrt() * torch.randn_like(x)
        trajectory.append(x)
    # END SOLUTION
    return x, torch.stack(trajectory)


# The noise predictor for images with labels is given, in helpers/given/networks.py. Its name is part of what this
# module offers: the notebook takes it from here.
UNet = networks.UNet


def drop_labels(labels, null_label, p=0.1):
    """Replace some labels by the null label, so that a model also learns what images look like in general
    (Ho and Salimans, algorithm 1).

    Args:
        labels: int64 (N,). They are not changed.
        null_label: the label for "any class".
        p: probability for each label, independently of the others: how many are dropped is left to chance, too.
    Returns:
        int64 (N,)
    """
    # BEGIN SOLUTION
    dropped = torch.rand(labels.shape, device=labels.device) < p
    return torch.where(dropped, null_label, labels)
    # END SOLUTION


def guided_noise(model, x, t, labels, scale):
    """Classifier-free guidance: predict noise from what the labels change about the prediction (Ho and Salimans).

    scale 0 is the prediction without labels, scale 1 the one with labels; a larger scale goes on in this direction.
    (Their equation 6 counts differently: its w is scale - 1.)

    Args:
        model: function (x, t, labels) -> predicted noise; model.null_label is the label for "any class".
        x: noised images (N, C, h, w). t: their steps, (N,) or (N, 1). labels: int64 (N,). None of them is changed.
        scale: float.
    Returns:
        (N, C, h, w)
    """
    # BEGIN SOLUTION
    with_labels = model(x, t, labels)
    without = model(x, t, torch.full_like(labels, model.null_label))
    return without + scale * (with_labels - without)
    # END SOLUTION


@torch.no_grad()
def sample_ddim(model, n_samples, n_features, schedule, steps=50, eta=0.0):
    """Sample in fewer steps (DDIM, equations 12 and 16): guess x_0, then noise it again, but to an earlier step.

    With a = alpha_bar at this step and b = alpha_bar at the next smaller one that is visited (b = 1 after the last):
    x_0 = (x - sqrt(1 - a) eps) / sqrt(a), sigma = eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b), and the next x is
    sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps + sigma z with z ~ N(0, I).

    Args:
        model, n_samples, n_features, schedule: as for `sample_ddpm`.
        steps: how many of the schedule's T steps are visited, spread evenly from T - 1 to 0.
        eta: 0 adds no noise on the way, so the samples depend on the first noise only. With 1 and all T steps this is
            DDPM with the smaller of its two variances, the posterior variance beta-tilde; `sample_ddpm` takes the
            larger one, beta.
    Returns:
        samples: (N, n_features) or (N, *n_features).
        trajectory: (steps + 1, ...), all states from pure noise to the samples.
    Raises:
        ValueError: steps is not between 1 and T.
    """
    alphas_cumprod = schedule[0]
    if not 1 <= steps <= len(alphas_cumprod):
        raise ValueError(f"steps must be from 1 to {len(alphas_cumprod)}, the steps of the schedule; got {steps}")
    visited = torch.linspace(len(alphas_cumprod) - 1, 0, steps).round().long().tolist()  # from T - 1 to 0
    shape = (n_samples, n_features) if isinstance(n_features, int) else (n_samples, *n_features)
    x = torch.randn(shape, device=alphas_cumprod.device)
    trajectory = [x]
    # BEGIN SOLUTION
    for k, t in enumerate(visited):
        a = alphas_cumprod[t]
        b = alphas_cumprod[visited[k + 1]] if k + 1 < steps else torch.ones_like(a)
        eps = model(x, torch.full((n_samples, 1), t, device=x.device))
        x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
        x = b.sqrt() * x_0 + (1 - b - sigma ** 2).sqrt() * eps + sigma * torch.randn_like(x)
        trajectory.append(x)
    # END SOLUTION
    return x, torch.stack(trajectory)
