"""Flow matching: a network learns in which direction, and how fast, noise has to move to become data.

First on points in the plane, where the right answer can be computed, then on MNIST with labels. Fill the gaps in the
order of the notebook, which is the order of this file.

Letters in shapes: N samples in the batch, D coordinates of a point, S steps of a solver. Time t runs from 0 to 1: x_0
is noise, x_1 is data. (Liu et al. and Lipman et al. count so, too. Diffusion models count the other way round.)

Sources: Lipman et al., "Flow Matching for Generative Modeling", 2023 (arXiv:2210.02747); Liu, Gong and Liu, "Flow
Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", 2023 (arXiv:2209.03003); Albergo and
Vanden-Eijnden, "Building Normalizing Flows with Stochastic Interpolants", 2023 (arXiv:2209.15571); Karras et al.,
"Elucidating the Design Space of Diffusion-Based Generative Models", 2022 (arXiv:2206.00364); Chen et al., "Neural
Ordinary Differential Equations", 2018 (arXiv:1806.07366); Pooladian et al., "Multisample Flow Matching", 2023
(arXiv:2304.14772); Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022 (arXiv:2207.12598); Frans et al., "One
Step Diffusion via Shortcut Models", 2024 (arXiv:2410.12557).
"""
import math

import torch
from torch.nn import functional as F


def interpolate(x_0, x_1, t):
    """A place on the straight path from x_0 to x_1, and the velocity of who walks it (Liu et al., equation 1).

    x_t = (1 - t) x_0 + t x_1. The path takes the time from 0 to 1, at constant speed.

    Args:
        x_0, x_1: float tensors (N, ...): points (N, D), images (N, C, h, w). They are not changed.
        t: a float for all, or a float tensor (N,) with one time for each pair.
    Returns:
        (x_t, velocity), both shaped like x_0. The velocity is the derivative of x_t with respect to t.
    """
    # BEGIN SOLUTION
    t = torch.as_tensor(t).to(x_0).reshape(-1, *[1] * (x_0.dim() - 1))
    return (1 - t) * x_0 + t * x_1, x_1 - x_0
    # END SOLUTION


def exact_velocity(x, t, data):
    """The velocity field of flow matching, with no network: the mean velocity of all paths that pass x at time t.

    Noise is x_0 ~ N(0, I), and data are equally likely to be any of the M points, independently of x_0. Whoever is at
    x at time t on the way to x_1 has been at x_0 = (x - t x_1) / (1 - t) (Lipman et al., equations 8 and 15 with
    mu_t = t x_1 and sigma_t = 1 - t).

    Args:
        x: float tensor (N, D), places.
        t: float, at least 0 and below 1.
        data: float tensor (M, D). Neither x nor data are changed.
    Returns:
        (N, D): E[x_1 - x_0 | x_t = x].
    """
    # How likely is each of the M points, seen from x? As likely as its x_0 is. torch.softmax makes weights of
    # logarithms without dividing 0 by 0, torch.cdist gives all distances at once.
    # BEGIN SOLUTION
    weights = torch.softmax(-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2), dim=1)
    return (weights @ data - x) / (1 - t)
    # END SOLUTION


def flow_matching_loss(model, x_1, x_0=None, t=None):
    """The loss of conditional flow matching: does the model know the velocity of each pair's own path? (Lipman et al.,
    equation 14 with the optimal transport paths of section 4.1, sigma_min = 0; Liu et al., equation 1.)

    Args:
        model: function (x_t, t) -> velocity, shaped like x_t. t is a float tensor (N,). It is asked once about each
            pair.
        x_1: data, float tensor (N, ...). It is not changed.
        x_0: where each path starts, shaped like x_1. Without it noise is drawn from N(0, I), anew at each call.
        t: times (N,). Without them each pair gets a time of its own, uniform in [0, 1].
    Returns:
        scalar tensor, shape (): mean squared error of the velocity, over all samples and coordinates.
    """
    # BEGIN SOLUTION
    if x_0 is None:
        x_0 = torch.randn_like(x_1)
    if t is None:
        t = torch.rand(len(x_1), device=x_1.device)
    x_t, velocity = interpolate(x_0, x_1, t)
    return F.mse_loss(model(x_t, t), velocity)
    # END SOLUTION


@torch.no_grad()
def euler(velocity, x, times):
    """Walk along a velocity field: dx/dt = velocity(x, t), each step in the direction that holds where it starts.

    Args:
        velocity: function (x, t) -> velocity, shaped like x. t is a float tensor (N,). It is asked S times.
        x: float tensor (N, ...), where to start. It is not changed.
        times: float tensor (S + 1,), from the first time to the last one. They may lie unevenly, and may fall: then it
            goes backwards, from data to noise.
    Returns:
        end: shaped like x.
        trajectory: (S + 1, N, ...), all states from the start to the end.
    """
    trajectory = [x]
    # x += ... would also change the x that stands in the trajectory already.
    # BEGIN SOLUTION
    for now, then in zip(times[:-1], times[1:]):
        x = x + (then - now) * velocity(x, now.expand(len(x)))
        trajectory.append(x)
    # END SOLUTION
    return x, torch.stack(trajectory)


@torch.no_grad()
def heun(velocity, x, times):
    """Heun's method: look at the velocity where Euler's step would end, too, and walk by the mean of both (Karras et
    al., algorithm 1, but with the second look in every step, the last one included).

    Args, returns: as for `euler`. The velocity is asked 2 S times.
    """
    trajectory = [x]
    # BEGIN SOLUTION
    for now, then in zip(times[:-1], times[1:]):
        first = velocity(x, now.expand(len(x)))
        second = velocity(x + (then - now) * first, then.expand(len(x)))
        x = x + (then - now) * (first + second) / 2
        trajectory.append(x)
    # END SOLUTION
    return x, torch.stack(trajectory)


def divergence(velocity, x, t):
    """How fast neighbouring points drift apart: the trace of the velocity's Jacobian, sum_d dv_d / dx_d.

    Args:
        velocity: function (x, t) -> velocity (N, D). Each row of it depends on the same row of x, and on no other.
        x: float tensor (N, D). It is not changed. t: float tensor (N,).
    Returns:
        (N,), detached; also where gradients are switched off around the call.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        v = velocity(x, t)
        # One gradient for each coordinate: torch.autograd.grad of a sum over the batch, with retain_graph=True, gives
        # the gradient of every row at once.
        # BEGIN SOLUTION
        gradients = [torch.autograd.grad(v[:, d].sum(), x, retain_graph=True)[0] for d in range(x.shape[1])]
        return sum(gradient[:, d] for d, gradient in enumerate(gradients)).detach()
        # END SOLUTION


def log_likelihood(velocity, x, times):
    """The logarithm of the density that the flow gives to data (Chen et al., equation 8; Lipman et al., appendix C).

    Along a path, d log p(x_t) / dt = -divergence. So walk from x_1 back to x_0, by Heun's method, and add up what
    changes on the way. At x_0 log N(x_0; 0, I) is known.

    Args:
        velocity: as for `divergence`.
        x: data, float tensor (N, D). It is not changed.
        times: float tensor (S + 1,) that falls from 1 to 0. The velocity is asked at each of them.
    Returns:
        (N,), log p_1(x) in nats.
    """
    # `heun` also walks along a field of D + 1 numbers: the place, and beside it the sum of the divergence so far.
    # BEGIN SOLUTION
    def field(state, t):
        place = state[:, :-1]
        return torch.cat((velocity(place, t), divergence(velocity, place, t)[:, None]), dim=1)

    end, _ = heun(field, F.pad(x, (0, 1)), times)
    x_0, change = end[:, :-1], end[:, -1]
    return -0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change
    # END SOLUTION


def straightness(trajectory):
    """How much paths bend: 0 if all of them are straight and walked at constant speed (Liu et al., section 2.2).

    The mean over samples and steps of |(x_S - x_0) - v|^2, where v is the velocity of a step and |.|^2 the sum over the
    coordinates.

    Args:
        trajectory: (S + 1, N, ...), as from `heun` with evenly spaced times from 0 to 1.
    Returns:
        scalar tensor, shape ().
    """
    # BEGIN SOLUTION
    velocities = (trajectory[1:] - trajectory[:-1]) * (len(trajectory) - 1)
    return ((trajectory[-1] - trajectory[0] - velocities) ** 2).flatten(2).sum(dim=2).mean()
    # END SOLUTION


def couple(x_0, x_1):
    """Reorder noise so that each data point gets noise that lies near: of all ways to pair the batch, the one with the
    smallest sum of squared distances (Pooladian et al., BatchOT: optimal transport within the batch).

    Args:
        x_0: noise, x_1: data, float tensors (N, ...), on the same device. They are not changed.
    Returns:
        x_0, its rows in another order: row i belongs to x_1[i]. The data stay as they are, so their labels still fit.
    """
    from scipy.optimize import linear_sum_assignment  # here: all other functions do not wait for it

    # linear_sum_assignment(cost) gives the rows and their columns. cost is a numpy array: .cpu().numpy().
    # BEGIN SOLUTION
    cost = torch.cdist(x_1.flatten(1), x_0.flatten(1)) ** 2
    _, columns = linear_sum_assignment(cost.cpu().numpy())
    return x_0[torch.as_tensor(columns, device=x_0.device)]
    # END SOLUTION


def reflow_pairs(velocity, n_samples, n_features, times, batch_size=1000):
    """Pairs for a second training: noise, and where the first model's flow takes it (Liu et al., algorithm 1: reflow).

    Args:
        velocity: as for `heun`.
        n_samples: N. n_features: D.
        times: as for `heun`; the pairs are made on their device.
        batch_size: at most so many paths are walked at once.
    Returns:
        (N, 2, D): pair i is noise, [i, 0], from N(0, I), and the end of its path, [i, 1]. In one tensor, so that
        shuffling the rows keeps each pair together.
    """
    # BEGIN SOLUTION
    pairs = []
    for start in range(0, n_samples, batch_size):
        x_0 = torch.randn(min(batch_size, n_samples - start), n_features, device=times.device)
        pairs.append(torch.stack((x_0, heun(velocity, x_0, times)[0]), dim=1))
    return torch.cat(pairs)
    # END SOLUTION


def guided_velocity(model, x, t, labels, scale):
    """Classifier-free guidance, of velocities: go on in the direction in which the label changes the answer (Ho and
    Salimans, equation 6; their w is our scale minus 1).

    Args:
        model: function (x, t, labels) -> velocity; model.null_label is the label for "any class".
        x: (N, C, h, w). t: float tensor (N,). labels: int64 (N,). None of them is changed.
        scale: float. 0 is the answer without labels, 1 the one with labels.
    Returns:
        (N, C, h, w)
    """
    # BEGIN SOLUTION
    with_labels = model(x, t, labels)
    without = model(x, t, torch.full_like(labels, model.null_label))
    return without + scale * (with_labels - without)
    # END SOLUTION


@torch.no_grad()
def shortcut_target(model, x, t, d):
    """What a shortcut model should say about a step of 2 d: where two steps of d lead (Frans et al., equation 4).

    Args:
        model: function (x, t, d) -> the mean velocity from t to t + d, shaped like x: x + d * model(x, t, d) is where
            x is at time t + d. t and d are float tensors (N,).
        x: float tensor (N, ...): points or images at time t. t, d: float tensors (N,), t + 2 d is at most 1.
    Returns:
        the mean velocity from t to t + 2 d, shaped like x. No gradient flows through it.
    """
    # BEGIN SOLUTION
    size = d.reshape(-1, *[1] * (x.dim() - 1))
    first = model(x, t, d)
    second = model(x + size * first, t + d, d)
    return (first + second) / 2
    # END SOLUTION


@torch.no_grad()
def update_average(average, model, decay):
    """Move a copy of the model a little towards it: the exponential moving average of the weights (EMA).

    Each weight becomes decay times what the average has plus (1 - decay) times what the model has. Buffers are no
    weights: a layer's count of batches, say, has no use for a mean. They are copied.

    Args:
        average: nn.Module, a copy of the model from before. It is changed in place. model: nn.Module.
        decay: float in [0, 1].
    """
    # model.parameters() and model.buffers() come in the same order as the copy's.
    # BEGIN SOLUTION
    for mean, new in zip(average.parameters(), model.parameters()):
        mean.lerp_(new, 1 - decay)
    for mean, new in zip(average.buffers(), model.buffers()):
        mean.copy_(new)
    # END SOLUTION
