"""The numbers, ranges and refusals that the contract of helpers/autoencoder.py states, and what stands around it."""
import pytest
import torch
from torch import nn

from helpers import autoencoder
from helpers.given import datasets, metrics, training


@pytest.mark.parametrize("model, parameters", [
    (autoencoder.ConvAutoencoder().encoder, 24_315), (autoencoder.ConvAutoencoder().decoder, 24_409),
    (autoencoder.ConvAutoencoder(), 48_724), (autoencoder.DenoisingAutoencoder(), 2_136_291),
    (autoencoder.DenoisingAutoencoder(hidden=128), 1_071_075), (autoencoder.ConvDenoiser(), 2_132_305)])
def test_counts(model, parameters):
    assert autoencoder.count_parameters(model) == parameters


def test_formulas_fit_the_layers_of_the_autoencoder():
    model, down, up = autoencoder.ConvAutoencoder(), [28], [7]
    for layer in model.encoder:
        if isinstance(layer, nn.Conv2d):
            down.append(autoencoder.conv_output_size(down[-1], 3, layer.stride[0], 1))
    for layer in model.decoder:
        if isinstance(layer, nn.ConvTranspose2d):
            up.append(autoencoder.conv_transpose_output_size(up[-1], 3, layer.stride[0], 1, layer.output_padding[0]))
    assert down == [28, 14, 7, 7, 7] and up == [7, 7, 7, 14, 28]
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 1, 28, 28)


@pytest.mark.parametrize("model, shape, low", [
    (autoencoder.ConvAutoencoder(), (3, 1, 28, 28), 0), (autoencoder.ConvDenoiser(), (3, 1, 64, 64), -1),
    (autoencoder.DenoisingAutoencoder(), (3, 4096), -1)])
def test_ranges_hold_for_any_input(model, shape, low):
    with torch.no_grad():
        out = model(1000 * torch.randn(shape))
    assert out.shape == shape and low <= out.min() and out.max() <= 1


def test_mean_loss_and_codes_of_uint8_are_those_of_float():
    torch.manual_seed(0)
    model = autoencoder.ConvAutoencoder().train()
    images = torch.randint(0, 256, (1003, 1, 28, 28), dtype=torch.uint8)
    x = training.to_float(images)
    with torch.no_grad():
        expected, codes = nn.functional.mse_loss(model(x), x).item(), model.encoder(x)
    for given in (images, x):
        assert autoencoder.mean_loss(model, given) == pytest.approx(expected, rel=1e-5)
        assert torch.allclose(autoencoder.encode_all(model, given), codes, atol=1e-5)
    assert model.training


def test_a_saved_model_comes_back(tmp_path):
    model, again = autoencoder.ConvAutoencoder(), autoencoder.ConvAutoencoder()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    images = torch.rand(5, 1, 28, 28)
    assert autoencoder.mean_loss(model, images) == autoencoder.mean_loss(again, images)


def test_the_grid_covers_the_codes_and_can_be_decoded():
    codes = 5 * torch.randn(100, 3) + 2
    grid = autoencoder.latent_grid(codes)
    points = grid.view(-1, 3)
    assert torch.equal(points.amin(dim=0), codes.amin(dim=0)) and torch.equal(points.amax(dim=0), codes.amax(dim=0))
    assert torch.equal(grid[0, 0, 0], codes.amin(dim=0)) and grid[11, 0, 0, 0] == codes[:, 0].max()
    assert autoencoder.ConvAutoencoder().decoder(points).shape == (12 ** 3, 1, 28, 28)


@pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan")])
def test_noise_refuses_an_amount_that_is_no_share(amount):
    with pytest.raises(ValueError, match="from 0 to 1; got"):
        autoencoder.add_salt_and_pepper(torch.rand(2, 2), amount)


def test_shapes_that_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 1, 4, 4\) and \(5, 4, 4\)"):
        autoencoder.reconstruction_loss(torch.rand(5, 1, 4, 4), torch.rand(5, 4, 4))


@pytest.mark.parametrize("images", [torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8), torch.rand(3, 2, 28, 28)])
def test_resize(images):
    """Larger and back again is nearly the same."""
    large = datasets.resize(images, 64)
    assert large.shape == (*images.shape[:2], 64, 64) and large.dtype == images.dtype
    smooth = nn.functional.avg_pool2d(images.float(), 5, stride=1)
    back = nn.functional.avg_pool2d(datasets.resize(large, 28).float(), 5, stride=1)
    assert (back - smooth).abs().max() < 0.1 * images.max()


def test_median_filter():
    images = torch.rand(3, 1, 6, 7)
    filtered = metrics.median_filter(images)
    assert filtered.shape == images.shape
    assert filtered[1, 0, 2, 3] == images[1, 0, 1:4, 2:5].median()
    lonely = torch.zeros(1, 1, 5, 5)
    lonely[0, 0, 2, 2] = lonely[0, 0, 0, 4] = 1
    assert metrics.median_filter(lonely).max() == 0


def test_image_quality():
    torch.manual_seed(0)
    clean = torch.rand(501, 1, 16, 16)  # two batches, the last with one image
    noisy = clean + 0.1
    found = metrics.image_quality(noisy, clean)
    assert found["mse"] == pytest.approx(0.01, rel=1e-4) and found["psnr"] == pytest.approx(20, rel=1e-4)
    assert 0.5 < found["ssim"] < 1
    assert metrics.image_quality(clean, clean)["ssim"] == pytest.approx(1)
