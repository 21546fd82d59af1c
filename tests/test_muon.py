"""Muon: what its steps are, and whose weights it gets."""
import pytest
import torch
from torch import nn

from helpers.given import muon
from helpers.given.networks import UNet


@pytest.mark.parametrize("rows, columns", [(6, 6), (5, 40), (40, 5)])
def test_every_direction_moves_about_equally_far(rows, columns):
    """Against the singular value decomposition, for singular values from 0.02 to 1."""
    torch.manual_seed(0)
    u, _, vt = torch.linalg.svd(torch.randn(rows, columns), full_matrices=False)
    matrix = 37 * u @ torch.diag(torch.logspace(-1.7, 0, len(vt))) @ vt
    moved = u.T @ muon.orthogonal(matrix) @ vt.T / max(1, rows / columns) ** 0.5
    assert (0.6 < moved.diag()).all() and (moved.diag() < 1.3).all()
    assert (moved - moved.diag().diag()).abs().max() < 1e-4


def test_no_gradient_moves_nothing():
    assert (muon.orthogonal(torch.zeros(4, 9)) == 0).all()


def test_a_convolution_is_a_matrix_and_the_gradients_are_averaged():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 3, 2, 2).contiguous(memory_format=torch.channels_last))
    first, gradients = weight.detach().clone(), torch.randn(2, 6, 3, 2, 2)
    optimizer = muon.Muon([weight], lr=0.1, momentum=0.75)
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    averages = 0.25 * gradients[0], 0.75 * 0.25 * gradients[0] + 0.25 * gradients[1]
    steps = [muon.orthogonal((0.25 * gradient + 0.75 * average).flatten(1)).view(6, 3, 2, 2)
             for gradient, average in zip(gradients, averages)]
    torch.testing.assert_close(weight.detach(), first - 0.1 * sum(steps))


def test_it_gets_the_hidden_convolutions_and_adam_the_rest():
    model = UNet()
    hidden, others = (optimizer.param_groups[0]["params"] for optimizer in muon.optimizers(model, 0.02, 1e-3))
    assert {id(weight) for weight in hidden} | {id(weight) for weight in others} == {id(w) for w in model.parameters()}
    assert len(hidden) + len(others) == len(list(model.parameters()))
    theirs = {id(weight) for weight in hidden}
    assert id(model.down.conv1.weight) in theirs and id(model.shrink.weight) in theirs
    for weight in (model.first[1].weight, model.last[2].weight, model.label.weight, model.down.conv1.bias):
        assert id(weight) not in theirs


def test_together_is_one_optimizer_of_several_and_leaves_alone_what_has_no_gradient():
    torch.manual_seed(0)
    hidden, other, idle = (nn.Parameter(torch.randn(4, 4)) for _ in range(3))
    both = muon.Together(muon.Muon([hidden, idle]), torch.optim.SGD([other], lr=0.5))
    before = [weight.detach().clone() for weight in (hidden, other, idle)]
    (hidden.sum() + 3 * other.sum()).backward()
    both.step()
    torch.testing.assert_close(other.detach(), before[1] - 1.5)
    assert not torch.equal(hidden, before[0]) and torch.equal(idle, before[2])
    both.zero_grad()
    assert hidden.grad is None and other.grad is None
    assert [len(group["params"]) for group in both.param_groups] == [2, 1]
