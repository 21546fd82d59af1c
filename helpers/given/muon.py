"""Muon, an optimiser for matrices of weights: in the same number of steps it gets much further than Adam."""
import torch
from torch import nn


class Muon(torch.optim.Optimizer):
    """Momentum that is made orthogonal (Jordan et al., "Muon: An Optimizer for Hidden Layers in Neural Networks", 2024,
    kellerjordan.github.io/posts/muon).

    The gradient of a layer is a matrix, and few of its directions are far larger than all others. A step along it moves
    the weights in these few, and what the rest could teach comes late. Of the momentum's singular value decomposition
    U S V^T, Muon takes the step U V^T: every direction moves equally far.

    Args:
        weights: iterable of parameters with two axes or more; a convolution's is a matrix with a row for each output.
        lr: how far each direction moves in a step.
        momentum: share of the average of gradients that stays in each step.
    """

    def __init__(self, weights, lr=0.02, momentum=0.95):
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                average = self.state[weight].setdefault("average", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(average, group["momentum"])  # Nesterov's: where the average will be
                weight.sub_(group["lr"] * orthogonal(ahead.flatten(1)).view_as(weight))


def orthogonal(matrix, rounds=5):
    """Return about U V^T of a matrix's singular value decomposition U S V^T, scaled for a step of weights.

    Each round sends every singular value s, first scaled to at most 1, to 3.4445 s - 4.775 s^3 + 2.0315 s^5. After five
    of them those above a hundredth lie between 0.7 and 1.2, which is near enough, and takes products of matrices only
    (a Newton-Schulz iteration; the numbers are Jordan's). A matrix with more rows than columns is scaled up, so that
    its outputs change as much as those of a square one.
    """
    rows, columns = matrix.shape
    x = matrix if rows <= columns else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x if rows <= columns else x.T * (rows / columns) ** 0.5


class Together:
    """Several optimisers as one, for a training step that takes one. Schedules and checkpoints take each of them."""

    def __init__(self, *optimizers):
        self.optimizers = optimizers

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self, set_to_none=True):
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def optimizers(model, lr, adam_lr, betas=(0.9, 0.999)):
    """Return Muon for the hidden convolutions of a network, and Adam for all else.

    Muon is made for matrices between hidden features. The first layer and the last, which see pixels or give
    logits, vectors such as biases, and tables such as an embedding are no such matrices; linear layers have Adam, too.

    Args:
        lr: Muon's. adam_lr, betas: Adam's.
    """
    hidden = [layer.weight for layer in model.modules()
              if isinstance(layer, nn.Conv2d) and min(layer.in_channels, layer.out_channels) > 4]
    theirs = set(hidden)
    others = [weight for weight in model.parameters() if weight not in theirs]
    return Muon(hidden, lr), torch.optim.Adam(others, adam_lr, betas, fused=others[0].device.type != "mps")
