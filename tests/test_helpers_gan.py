"""The numbers and refusals that the contract of helpers/gan.py states."""
import pytest
import torch
from torch import nn

from helpers import gan

FAKE = torch.tensor([-1.80865868, 0.09030055, -0.4428902, -0.07879368, -0.37655044, 0.32084742, -0.28590837, 1.01376281,
                     0.99241439, 0.39394346])
REAL = torch.tensor([0.93487311, -1.01698916, -0.57304769, -0.88162704, -1.40129389, -1.45395693, -1.54239755,
                     -0.57273325, 0.98584429, 0.13312152])


@pytest.mark.parametrize("model, parameters", [
    (gan.discriminator(), 267_009), (gan.generator(4), 1_858_320),
    (gan.build_dc_classifier(), 1_102_721), (gan.build_dc_generator(4), 6_580_801)])
def test_counts(model, parameters):
    assert sum(weights.numel() for weights in model.parameters()) == parameters


def test_shapes_and_counts_leave_one_network():
    """What the docstrings let students find out: there is one width, and one pair of kernel sizes."""
    widths, kernels = range(1, 5000), range(1, 12)
    assert [w for w in widths if 784 * w + w + w * w + w + w + 1 == 267_009] == [256]
    assert [w for w in widths if 4 * w + w + w * w + w + 784 * w + 784 == 1_858_320] == [1024]
    classifiers = [(k, m, w) for k in kernels for m in kernels for w in widths
                   if 32 * k * k + 32 + 64 * 32 * m * m + 64 + 1024 * w + w + w + 1 == 1_102_721]
    generators = [(k, m, w) for k in kernels for m in kernels for w in widths
                  if (4 + 1 + 2 + 6272) * w + 3 * 6272 + 128 * 64 * k * k + 3 * 64 + 64 * m * m + 1 == 6_580_801]
    assert (classifiers, generators) == ([(5, 5, 1024)], [(4, 4, 1024)])


def test_losses_of_ten_logits():
    assert gan.discriminator_loss(REAL, FAKE).item() == pytest.approx(1.8423984, rel=1e-7)
    assert gan.generator_loss(FAKE).item() == pytest.approx(0.7712862, rel=1e-7)


def test_losses_are_finite_at_any_logit():
    logits = torch.tensor([-1000.0, -100.0, 100.0, 1000.0], requires_grad=True)
    loss = gan.discriminator_loss(logits, logits) + gan.generator_loss(logits)
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()


def test_initialize_weights_refuses_an_unknown_scheme():
    with pytest.raises(ValueError, match="normal, xavier, kaiming, default; got 'normall'"):
        gan.initialize_weights(nn.Linear(2, 2), "normall")
