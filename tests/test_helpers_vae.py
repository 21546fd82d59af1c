"""The numbers and refusals that the contract of helpers/vae.py states."""
import pytest
import torch

from helpers import vae


def test_reparametrize_numbers():
    torch.manual_seed(0)
    z = vae.reparametrize(torch.zeros(1, 15), torch.ones(1, 15))
    assert z.mean().item() == pytest.approx(-0.4363, abs=1e-4)
    assert z.std().item() == pytest.approx(1.6860, abs=1e-4)


def example():
    x_hat = torch.sigmoid(torch.tensor([[[[2.0, 5.0], [6.0, 7.0]]]]))
    x = torch.sigmoid(torch.tensor([[[[1.0, 10.0], [9.0, 3.0]]]]))
    return x_hat, x, torch.ones(1, 15), torch.zeros(1, 15)


def test_loss_numbers():
    x_hat, x, mu, logvar = example()
    assert vae.loss_function(x_hat, x, mu, logvar).item() == pytest.approx(8.5079, rel=1e-5)
    assert vae.loss_function(x, x_hat, mu, logvar).item() == pytest.approx(8.0731, rel=1e-5)


@pytest.mark.parametrize("broken, words", [
    (dict(x_hat=torch.full((1, 1, 2, 2), 1.5)), r"x_hat, the first argument, must lie in \[0, 1\], .* to 1.5"),
    (dict(x_hat=torch.full((1, 1, 2, 2), float("nan"))), "x_hat, the first argument"),
    (dict(x=torch.full((1, 1, 2, 2), -1.0)), "x, the second argument"),
    (dict(x=torch.rand(1, 4)), r"same shape, got \(1, 1, 2, 2\) and \(1, 4\)"),
])
def test_loss_refuses(broken, words):
    arguments = dict(zip(("x_hat", "x", "mu", "logvar"), example()))
    with pytest.raises(ValueError, match=words):
        vae.loss_function(**{**arguments, **broken})


@pytest.mark.parametrize("model", [vae.VAE, vae.CVAE])
def test_any_square_and_nothing_else(model):
    assert model(64, latent_size=3).decoder(torch.zeros(2, 3 + (10 if model is vae.CVAE else 0))).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="square number.*got 783"):
        model(783)


def test_kl_term_is_the_divergence_that_torch_computes():
    """An independent way to the same number."""
    mu, logvar = torch.randn(5, 3), torch.randn(5, 3)
    x = torch.rand(5, 1, 2, 2)
    kl = vae.loss_function(x, x, mu, logvar) - vae.loss_function(x, x, mu, logvar, kl_weight=0.0)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mu, torch.exp(logvar / 2)), normal(0.0, 1.0)).sum() / 5
    assert kl.item() == pytest.approx(expected.item(), rel=1e-5)


def test_walks_of_many():
    z0, z1 = torch.randn(3, 4), torch.randn(3, 4)
    walks = vae.interpolate(z0, z1, 6)
    assert walks.shape == (3, 6, 4) and torch.equal(walks[:, 0], z0) and torch.equal(walks[:, -1], z1)
