"""The engine of the checks, where no assignment's checks show it."""
import pytest
import torch
from torch import nn

from helpers.given.checks.engine import Elsewhere, fed, is_gap

IMAGES = torch.ones(5, 1, 28, 28)


@pytest.mark.parametrize("network, x, told", [
    (nn.Linear(784, 256), IMAGES, "Linear(784, 256) was fed (5, 1, 28, 28) and takes (N, 784)"),
    (nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(3, 4))), IMAGES,
     "Linear(3, 4) was fed (5, 784) and takes (N, 3)"),
    (nn.Conv2d(3, 32, 5), IMAGES, "Conv2d(3, 32, 5) was fed (5, 1, 28, 28) and takes (N, 3, h, w)"),
    (nn.ConvTranspose2d(4, 8, (2, 3)), IMAGES,
     "ConvTranspose2d(4, 8, (2, 3)) was fed (5, 1, 28, 28) and takes (N, 4, h, w)"),
    (nn.BatchNorm1d(7), IMAGES, "BatchNorm1d(7) was fed (5, 1, 28, 28) and takes (N, 7)"),
    (nn.Linear(28, 4), IMAGES.double(),
     "Linear(28, 4) was fed (5, 1, 28, 28) of torch.float64 and takes (N, 28) of torch.float32"),
    (nn.Unflatten(1, (2, 3)), torch.ones(2, 5), "Unflatten was fed (2, 5)"),
    (nn.Linear(3, 4), None, ""), (lambda x: x.view(7, 7), IMAGES, "")])
def test_fed(network, x, told):
    with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
        network(x)
    assert fed(caught.value) == told


def test_what_torch_has_not_implemented_is_no_open_gap():
    assert is_gap(NotImplementedError("couple: fill this gap in helpers/flow.py")) and is_gap(NotImplementedError())
    with pytest.raises(NotImplementedError) as caught:
        torch.zeros(2, dtype=torch.long).lerp_(torch.ones(2, dtype=torch.long), 0.5)
    assert not is_gap(caught.value)


def test_numpy_of_what_is_elsewhere():
    """As on a graphics card: only what is moved to the CPU first becomes an array."""
    with Elsewhere():
        there = torch.ones(3).to(Elsewhere.DEVICE)
        with pytest.raises(TypeError, match="can't convert cuda:99"):
            there.numpy()
        assert there.numpy(force=True).sum() == there.cpu().numpy().sum() == 3
