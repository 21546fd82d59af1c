"""Public checks of helpers/autoencoder.py."""
from numbers import Integral

import torch
from torch import nn

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (PLAIN, expect_between, expect_close, expect_parameters, expect_right,
                                         expect_shape, run_layers)

autoencoder = GradedModule("autoencoder")


def expect_whole(what, value, expected):
    """Assert that a whole number is the expected one."""
    assert isinstance(value, Integral), f"{what} should be an int, got {type(value).__name__} {value}"
    assert value == expected, f"{what} should be {expected}, got {value}"


def expect_sizes(name, layer, cases):
    """Assert that a function gives the size of a layer's output. cases: sizes of input, and the layer's options."""
    for case in cases:
        size, *options = case
        expect_whole(f"{name}{case}", getattr(autoencoder, name)(*case),
                     layer(1, 1, *options)(torch.zeros(1, 1, size, size)).shape[-1])


@public("autoencoder.conv_output_size",
        hint="The padded image has size + 2 * padding pixels. // divides and rounds down. The first place counts, too.")
def conv_output_size():
    expect_sizes("conv_output_size", nn.Conv2d,
                 ((28, 3, 2, 1), (14, 3, 2, 1), (7, 3, 1, 1), (28, 5, 1, 0), (9, 2, 4, 3)))


@public("autoencoder.conv_transpose_output_size",
        hint="Solve the formula of the convolution for its input size, then add output_padding.")
def conv_transpose_output_size():
    expect_sizes("conv_transpose_output_size", nn.ConvTranspose2d,
                 ((7, 3, 1, 1, 0), (7, 3, 2, 1, 1), (14, 3, 2, 1, 1), (14, 3, 2, 1, 0), (4, 4, 3, 0, 2)))


@public("autoencoder.count_parameters",
        hint="Add up over model.parameters(): how many numbers each has, and what its requires_grad says.")
def count_parameters():
    model = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Linear(7, 2))
    expect_whole("the number of parameters of Conv2d(3, 8, 5), BatchNorm2d(8) and Linear(7, 2)",
                 autoencoder.count_parameters(model), 608 + 16 + 16)
    model[0].weight.requires_grad = False
    expect_whole("with the weight of that Conv2d frozen (requires_grad = False) the number of parameters of all three",
                 autoencoder.count_parameters(model), 8 + 16 + 16)


def expect_part(model, what, x, layers):
    """Assert what an encoder or decoder runs. layers: of each its kind, the shape of an output, what follows on it."""
    assert hasattr(model, what), f"the model has no part self.{what}"
    part = getattr(model, what)
    assert callable(part), f"self.{what} should be an nn.Module, got {type(part).__name__}"
    out, ran = run_layers(what, part, x, (len(x), *layers[-1][1]), [kind for kind, _, _ in layers])
    afters = [layer["input"] for layer in ran[1:]] + [out]
    for k, (layer, (_, shape, step), after) in enumerate(zip(ran, layers, afters), start=1):
        expect_shape(f"the output of layer {k} of the {what}", layer["output"], (len(x), *shape))
        expect_between(f"after layer {k} of the {what}", layer["output"], after, step)


def expect_joined(model, x):
    """Assert that a model decodes the code of its input."""
    x_hat = model(x)
    expect_shape("model(x)", x_hat, x.shape)
    assert torch.allclose(x_hat, model.decoder(model.encoder(x)), atol=1e-5), \
        "model(x) should decode the code of x, nothing else"


@public("autoencoder.ConvAutoencoder", points=3,
        hint="Print the shape after each layer, and compare layers and activations with the table in section 1.1.")
def conv_autoencoder():
    model, x, z = autoencoder.ConvAutoencoder(), 20 * torch.rand(5, 1, 28, 28) - 10, 20 * torch.rand(5, 3) - 10
    expect_part(model, "encoder", x, [
        ("conv2d", (64, 14, 14), "ReLU"), ("conv2d", (32, 7, 7), "ReLU"), ("conv2d", (16, 7, 7), "ReLU"),
        ("conv2d", (2, 7, 7), "ReLU"), ("linear", (3,), PLAIN)])
    up = "conv_transpose2d"
    expect_part(model, "decoder", z, [
        ("linear", (98,), [PLAIN, "ReLU"]), (up, (16, 7, 7), "ReLU"), (up, (32, 7, 7), "ReLU"),
        (up, (64, 14, 14), "ReLU"), (up, (1, 28, 28), "Sigmoid")])
    expect_parameters("ConvAutoencoder()", model, 48724)
    expect_joined(model, x)
    wide = autoencoder.ConvAutoencoder(latent_dim=7)
    expect_shape("the code of ConvAutoencoder(latent_dim=7)", wide.encoder(x), (5, 7))
    expect_shape("what ConvAutoencoder(latent_dim=7) gives", wide(x), (5, 1, 28, 28))


@public("autoencoder.reconstruction_loss", points=2,
        hint="Compare the shapes first and raise ValueError; then F.mse_loss, with its default reduction.")
def reconstruction_loss():
    x_hat, x = torch.tensor([[0.5, 0.0], [1.0, 0.25]], requires_grad=True), torch.tensor([[0.0, 0.0], [0.5, 1.0]])
    value = autoencoder.reconstruction_loss(x_hat, x)
    expect_shape("the loss", value, ())
    expect_close("the loss for differences of 0.5, 0, 0.5 and 0.75", value, 0.265625)
    assert value.requires_grad, "the loss has no gradient: build it from x_hat by torch functions only"
    for shapes in (((5, 1, 4, 4), (5, 4, 4)), ((5, 1, 4, 4), (1, 1, 4, 4)), ((5, 16), (5, 1, 4, 4))):
        try:
            autoencoder.reconstruction_loss(*map(torch.rand, shapes))
        except ValueError as error:
            missing = [shape for shape in shapes if ", ".join(map(str, shape)) not in str(error)]
            assert not missing, f"the ValueError should name both shapes; {missing[0]} is not in {str(error)!r}"
            continue
        except Exception as error:
            raise AssertionError(f"shapes {shapes[0]} and {shapes[1]}: a ValueError is expected, got "
                                 f"{type(error).__name__}") from None
        raise AssertionError(f"shapes {shapes[0]} and {shapes[1]} gave a loss: they differ, so refuse them")


class Known(nn.Module):
    """Stands for a trained autoencoder of 1x2 images: it halves all pixels, and gives 0 in training mode."""

    def __init__(self):
        super().__init__()
        half = nn.Linear(2, 2, bias=False)
        half.weight.data = 0.5 * torch.eye(2)
        self.encoder = nn.Sequential(nn.Dropout(1.0), nn.Flatten())
        self.decoder = nn.Sequential(half, nn.Unflatten(1, (1, 1, 2)))

    def forward(self, x):
        return self.decoder(self.encoder(x))


def expect_mode_kept(name, images):
    """Assert that a function leaves a model's mode as it was; return what it gives for one in training mode."""
    for mode in (False, True):
        model = Known().train(mode)
        out = getattr(autoencoder, name)(model, images)
        assert model.training == mode, f"after {name} the model should be in the mode that it had before: " \
            "keep model.training, and give it to model.train at the end"
    return out


@public("autoencoder.mean_loss", points=2,
        hint="Add up (loss of the batch) * (images in the batch), and divide by the number of all images.")
def mean_loss():
    images = torch.cat((torch.zeros(1200, 1, 1, 2), torch.ones(3, 1, 1, 2)))  # the last images have all of the loss
    wanted = 0.25 * 3 / 1203
    value = expect_mode_kept("mean_loss", images)
    assert isinstance(value, float), f"mean_loss should return a float, got {type(value).__name__}"
    expect_right(value, wanted, [
        ("the model should reconstruct in evaluation mode: call model.eval() first", 4 * wanted)],
        f"the mean loss should be {wanted:.6f}, got {value:.6f}; only the last 3 of 1203 images have a loss, so the "
        "last, smaller batch must count by its size", near=lambda got, due: abs(got - due) < 1e-5)
    value = autoencoder.mean_loss(Known(), 255 * images.byte())
    assert abs(value - wanted) < 1e-5, f"for the same images as uint8, 0 to 255, the mean loss should be " \
        f"{wanted:.6f}, too; it is {value:.6f}"


@public("autoencoder.encode_all", hint="Go through the images in batches, keep their order, and join with torch.cat.")
def encode_all():
    images = torch.rand(1203, 1, 1, 2)
    codes = expect_mode_kept("encode_all", images)
    expect_shape("encode_all(model, images)", codes, (1203, 2))
    assert codes.abs().max() > 0, "the model should encode in evaluation mode: call model.eval() first"
    assert torch.allclose(codes, images.flatten(1)), "there should be the code of each image, " \
        "in the images' order, and float images are in [0, 1] already"
    levels = (255 * images).byte()
    assert torch.allclose(autoencoder.encode_all(Known(), levels), levels.flatten(1) / 255), \
        "uint8 images should be brought into [0, 1] before they are encoded: see to_float"


@public("autoencoder.latent_grid", hint="One linspace for each column of the codes; torch.meshgrid with indexing='ij'.")
def latent_grid():
    codes = torch.tensor([[0.0, -50.0, 3.0], [12.0, 5.0, 2.0], [6.0, 0.0, 1.0]])
    grid = autoencoder.latent_grid(codes, steps=5)
    expect_shape("latent_grid(codes, steps=5)", grid, (5, 5, 5, 3))
    for k, name in enumerate(("first", "second", "third")):
        low, high = codes[:, k].min(), codes[:, k].max()
        assert torch.allclose(grid[..., k].min(), low) and torch.allclose(grid[..., k].max(), high), \
            f"the {name} number of the points should run from {low:g} to {high:g}, as that of the codes; it runs " \
            f"from {grid[..., k].min():g} to {grid[..., k].max():g}"
        line = grid.movedim(k, 0)[:, 0, 0]
        assert torch.allclose(line[:, k], torch.linspace(low.item(), high.item(), 5)), \
            f"the {name} number of the points should grow in equal steps along axis {k} of the grid"
    expect_shape("latent_grid(codes)", autoencoder.latent_grid(codes), (12, 12, 12, 3))
    assert grid.dtype == codes.dtype, f"the grid should have the codes' dtype {codes.dtype}, it has {grid.dtype}"


@public("autoencoder.add_salt_and_pepper", points=2,
        hint="Cut [0, 1) into three pieces: two of length amount / 2, and one for the pixels that stay as they are.")
def add_salt_and_pepper():
    images = torch.full((40, 1, 20, 20), 0.5)
    for amount in (0.2, 0.7):
        noisy = autoencoder.add_salt_and_pepper(images, amount)
        expect_shape(f"add_salt_and_pepper(images, {amount})", noisy, images.shape)
        assert (images == 0.5).all(), "the images themselves were changed: return a new tensor"
        assert all(value in (0.0, 0.5, 1.0) for value in noisy.unique().tolist()), \
            f"pixels should stay as they are or become 0 or 1; all were 0.5, now some are {noisy.unique()[:5].tolist()}"
        for name, level in (("pepper, 0,", 0.0), ("salt, 1,", 1.0)):
            share = (noisy == level).float().mean().item()
            assert abs(share - amount / 2) < 0.025, f"with amount={amount} the share of {name} should be " \
                f"{amount / 2:.2f}, it is {share:.3f}"
    assert not torch.equal(noisy[0], noisy[1]), "each image should get noise of its own"
    again = autoencoder.add_salt_and_pepper(images, amount)
    assert not torch.equal(noisy, again), "two calls gave the same noise: it must be drawn anew"
    one, two = (autoencoder.add_salt_and_pepper(images, amount, generator=torch.Generator().manual_seed(1))
                for _ in range(2))
    assert torch.equal(one, two), "two generators with the same seed should give the same noise: is it used?"


@public("autoencoder.DenoisingAutoencoder", points=2,
        hint="Four linear layers down to 3 numbers, four back up; ReLU between them, and Tanh at the very end.")
def denoising_autoencoder():
    model, x, z = autoencoder.DenoisingAutoencoder(), 20 * torch.rand(6, 4096) - 10, 20 * torch.rand(6, 3) - 10
    for what, given, sizes, last in (("encoder", x, (256, 64, 12, 3), PLAIN),
                                     ("decoder", z, (12, 64, 256, 4096), "Tanh")):
        steps = ["ReLU"] * 3 + [last]
        expect_part(model, what, given, [("linear", (size,), step) for size, step in zip(sizes, steps)])
    expect_parameters("DenoisingAutoencoder()", model, 2136291)
    expect_joined(model, x)


@public("autoencoder.hidden", hint="The keyword hidden is the size of the first hidden layer, and of the last one.")
def hidden():
    model = autoencoder.DenoisingAutoencoder(hidden=128)
    expect_shape("model(x)", model(torch.rand(2, 4096)), (2, 4096))
    expect_parameters("DenoisingAutoencoder(hidden=128)", model, 1071075)
