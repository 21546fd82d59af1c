"""Public checks of helpers/autoencoder.py. What the hidden ones look at and say, too, stands here once: they do it with
inputs that are drawn anew."""
import math
from functools import partial
from itertools import permutations
from numbers import Integral
from operator import eq

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (PLAIN, close, expect_all_learn, expect_between, expect_parameters,
                                         expect_right, expect_shape, expect_tensor, expect_untouched, name_the_slip,
                                         run_layers, same, silent)

autoencoder = GradedModule("autoencoder")


def alike(got, value, tolerance=1e-4):
    """True if a value is that number, or these numbers, and not 0: to four digits, however small it is."""
    return isinstance(got, torch.Tensor) and got.shape == value.shape and bool(value.norm() > 0) and \
        bool((got.double() - value).norm() < tolerance * value.norm())


# Sizes and counts

def described(value):
    """An int as it is; anything else in words."""
    return int(value) if isinstance(value, Integral) else f"{type(value).__name__} {value}"


CONV_SLIPS = [
    ("the padding is on both sides: it counts twice", lambda i, k, s, p: (i + p - k) // s + 1),
    ("the padding is not used", lambda i, k, s, p: (i - k) // s + 1),
    ("the stride is not used", lambda i, k, s, p: i + 2 * p - k + 1),
    ("the first place of the kernel is missing: add 1 after the division", lambda i, k, s, p: (i + 2 * p - k) // s),
    ("the 1 stands inside the division: add it after the division", lambda i, k, s, p: (i + 2 * p - k + 1) // s),
    ("the division rounds up: the kernel does not fit there any more", lambda i, k, s, p: -((k - i - 2 * p) // s) + 1),
    ("the division rounds to the nearest: it should round down", lambda i, k, s, p: round((i + 2 * p - k) / s) + 1),
    ("the padding has the wrong sign: it makes the image larger", lambda i, k, s, p: (i - 2 * p - k) // s + 1),
    ("the kernel has the wrong sign", lambda i, k, s, p: (i + 2 * p + k) // s + 1),
    ("that holds for 'same' padding only: use kernel_size and padding", lambda i, k, s, p: -(-i // s)),
]


TRANSPOSE_SLIPS = [
    ("output_padding is not used", lambda i, k, s, p, o: (i - 1) * s - 2 * p + k),
    ("the padding is on both sides: it counts twice", lambda i, k, s, p, o: (i - 1) * s - p + k + o),
    ("the padding is not used", lambda i, k, s, p, o: (i - 1) * s + k + o),
    ("the padding has the wrong sign: it cuts pixels off here", lambda i, k, s, p, o: (i - 1) * s + 2 * p + k + o),
    ("output_padding is on one side only: it counts once", lambda i, k, s, p, o: (i - 1) * s - 2 * p + k + 2 * o),
    ("between size pixels there are size - 1 steps of the stride", lambda i, k, s, p, o: i * s - 2 * p + k + o),
    ("that is 1 too many", lambda i, k, s, p, o: (i - 1) * s - 2 * p + k + o + 1),
    ("that is 1 too few", lambda i, k, s, p, o: (i - 1) * s - 2 * p + k + o - 1),
    ("the stride is not used", lambda i, k, s, p, o: i - 1 - 2 * p + k + o),
    ("that holds for some kernels only: use kernel_size, padding and output_padding", lambda i, k, s, p, o: i * s),
    ("that is the convolution's formula: solve it for its input", lambda i, k, s, p, o: (i + 2 * p - k) // s + 1),
    ("that is the convolution's formula: solve it for its input", lambda i, k, s, p, o: (i + 2 * p - k) // s + 1 + o),
]


def expect_sizes(name, seen, expected, cases, slips):
    """Assert what a function gave for some lists of arguments. slips: pairs (what was done, function that does it)."""
    for value, case in zip(seen, cases):
        assert isinstance(value, int), f"{name}{tuple(case)} should be an int, got {value}: // rounds down to an int"
    k = next((k for k, right in enumerate(expected) if seen[k] != right), 0)
    expect_right(seen, expected, [(what, [wrong(*case) for case in cases]) for what, wrong in slips],
                 f"{name}{tuple(cases[k])} should be {expected[k]}, got {seen[k]}", near=eq)


def sizes(name, layer, cases, slips):
    """Check a function against real layers. cases: sizes of input, and the layer's options."""
    seen = [described(getattr(autoencoder, name)(*case)) for case in cases]
    expected = [layer(1, 1, *options)(torch.zeros(1, 1, size, size)).shape[-1] for size, *options in cases]
    expect_sizes(name, seen, expected, cases, slips)


@public("autoencoder.conv_output_size",
        hint="The padded image has size + 2 * padding pixels. // divides and rounds down. The first place counts, too.")
def conv_output_size():
    sizes("conv_output_size", nn.Conv2d,
          ((28, 3, 2, 1), (14, 3, 2, 1), (7, 3, 1, 1), (28, 5, 1, 0), (9, 2, 4, 3), (9, 1, 3, 0)), CONV_SLIPS)


@public("autoencoder.conv_transpose_output_size",
        hint="Solve the formula of the convolution for its input size, then add output_padding.")
def conv_transpose_output_size():
    sizes("conv_transpose_output_size", nn.ConvTranspose2d,
          ((7, 3, 1, 1, 0), (7, 3, 2, 1, 1), (14, 3, 2, 1, 1), (14, 3, 2, 1, 0), (4, 4, 3, 0, 2)), TRANSPOSE_SLIPS)


def count_all(count, channels, features):
    """What a function counts in some models: a plain one; half of it frozen; with one layer used twice; one without
    any parameter; with a parameter of its own, outside of any layer."""
    plain = nn.Sequential(nn.Conv2d(channels, features, 3), nn.BatchNorm2d(20), nn.Linear(7, 5, bias=False))
    frozen = nn.Sequential(nn.Linear(channels, features), nn.Linear(features, 2))
    frozen[0].requires_grad_(False)
    layer = nn.Linear(features, features)
    own = nn.Sequential(nn.Linear(channels, 2))
    own.scale = nn.Parameter(torch.zeros(features, 3))
    models = {"plain": plain, "frozen": frozen, "shared": nn.Sequential(layer, nn.ReLU(), layer), "none": nn.ReLU(),
              "own": own}
    found = {name: described(count(model)) for name, model in models.items()}
    found["still_frozen"] = not any(p.requires_grad for p in frozen[0].parameters())
    return found


def expect_counts(seen, channels, features):
    """Assert what `count_all` found."""
    weights = features * channels * 9 + 35  # of the convolution and the linear layer
    for value in seen.values():
        assert not isinstance(value, str), f"count_parameters should return an int, got {value}"
    plain, right = seen["plain"], weights + features + 20 + 20  # BatchNorm has a scale and a shift
    expect_right(plain, right, [
        ("that is the number of tensors: add up how many numbers are in each of them", 5),
        ("BatchNorm's running statistics are counted, too: they are buffers, not parameters", right + 20 + 20 + 1),
        ("the biases are missing", weights),
        ("the biases are missing", weights + 20),
        ("those of BatchNorm are missing: model.parameters() has them all", weights + features)],
        f"of Conv2d({channels}, {features}, 3), BatchNorm2d(20) and Linear(7, 5, bias=False) it should count {right}, "
        f"got {plain}", near=eq)
    trained, every = 2 * features + 2, channels * features + features + 2 * features + 2
    expect_right(seen["frozen"], trained, [
        ("frozen parameters are counted, too: count those that require a gradient", every)],
        f"of Linear({channels}, {features}), frozen, and Linear({features}, 2) it should count {trained}, got "
        f"{seen['frozen']}", near=eq)
    once = features * features + features
    assert seen["shared"] == once, f"a layer that is used twice should count once, {once}; got {seen['shared']}"
    assert seen["none"] == 0, f"a model without parameters should give 0, got {seen['none']}"
    own = 2 * channels + 2 + 3 * features
    assert seen["own"] == own, f"of Linear({channels}, 2) and an nn.Parameter of {features} x 3 it should count " \
        f"{own}, got {seen['own']}: model.parameters() has them all"
    assert seen["still_frozen"], "count_parameters changes requires_grad of the model"


@public("autoencoder.count_parameters",
        hint="Add up over model.parameters(): how many numbers each has, and what its requires_grad says.")
def count_parameters():
    expect_counts(count_all(lambda model: autoencoder.count_parameters(model), 3, 8), 3, 8)


# Networks

def expect_part(model, what, x, layers):
    """Assert what an encoder or decoder runs. layers: of each its kind, the shape of an output, what follows on it."""
    assert hasattr(model, what), f"the model has no part self.{what}"
    part = getattr(model, what)
    assert callable(part), f"self.{what} should be an nn.Module, got {type(part).__name__}"
    out, ran = run_layers(what, part, x, (len(x), *layers[-1][1]), [kind for kind, _, _ in layers])
    assert same(ran[0]["input"], x), f"layer 1 of the {what} should get the input as it is"
    assert all("bias" in layer and layer["bias"] is not None for layer in ran), f"a layer of the {what} has no bias"
    afters = [layer["input"] for layer in ran[1:]] + [out]
    for k, (layer, (_, shape, step), after) in enumerate(zip(ran, layers, afters), start=1):
        expect_shape(f"the output of layer {k} of the {what}", layer["output"], (len(x), *shape))
        expect_between(f"after layer {k} of the {what}", layer["output"], after, step)


def expect_joined(model, x):
    """Assert that a model decodes the code of its input, learns, and changes nothing else."""
    leaf = x.clone().requires_grad_()
    given = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
    x_hat, code = model(given), model.encoder(x)
    assert not (isinstance(x_hat, torch.Tensor) and x_hat.shape == code.shape), \
        "model(x) returns the code: decode it, too"
    expect_shape("model(x)", x_hat, x.shape)
    assert torch.equal(given, leaf), "model(x) changes x in place"
    due = model.decoder(code)
    name_the_slip(x_hat, [("model(x) adds its input: return what the decoder gives", due.reshape(x.shape) + x)])
    assert close(x_hat, due.reshape(x.shape)), "model(x) should decode the code of x, nothing else"
    assert x_hat.requires_grad, "model(x) has no gradient: is it detached, or computed under torch.no_grad?"
    x_hat.square().sum().backward()
    expect_all_learn(silent(model), "is the code detached?")
    assert model.training, "the model should be made in training mode, not in evaluation mode"


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


# reconstruction_loss

def loss_slips(x_hat, x):
    """What typical mistakes did, and the value that each gives."""
    difference = x_hat - x
    squared = difference.square()
    cross_entropy = F.binary_cross_entropy(x_hat.clamp(0, 1), x.clamp(0, 1))
    return [
        ("that is the sum over everything: take the mean", squared.sum()),
        ("that is the sum over the pixels: take the mean over them, too", squared.flatten(1).sum(dim=1).mean()),
        ("that is the mean absolute error: the loss is the mean squared error", difference.abs().mean()),
        ("that is the root of the mean squared error", squared.mean().sqrt()),
        ("that is half of the mean squared error, as the smooth L1 and the Huber loss are for small differences",
         squared.mean() / 2),
        ("the differences are not squared", difference.mean()),
        ("square the differences first, then take the mean", difference.mean().square()),
        ("the sign is wrong: the loss is minimised", -squared.mean()),
        ("the sum is divided by the last size only: take the mean over everything", squared.sum() / x.shape[-1]),
        ("that is the cross entropy: the loss is the mean squared error", cross_entropy),
        ("that is the loss of the first image only", squared[:1].mean()),
        ("take the mean over everything, not the largest", squared.mean(dim=0).max()),
        ("take the mean over everything, not the largest", squared.max()),
    ]


def losses(function, cases):
    """The loss of each pair (x_hat, x), and its gradient in x_hat."""
    found = []
    for x_hat, x in cases:
        leaf, given = x_hat.clone().requires_grad_(), x.clone()
        x_hat = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
        value = function(x_hat, given)
        one = {"kind": type(value).__name__}
        found.append(one)
        if not isinstance(value, torch.Tensor):
            continue
        one.update(loss=value, shape=list(value.shape), untouched=torch.equal(x_hat, leaf) and torch.equal(given, x),
                   gradient=None)
        if value.requires_grad:
            one["gradient"], = torch.autograd.grad(value.sum(), [leaf], allow_unused=True)
    return found


def expect_scalars(seen):
    """Assert that each loss is a scalar tensor."""
    for one in seen:
        assert one["kind"] == "Tensor", f"the loss should be a tensor, got {one['kind']}"
        assert one["shape"] == [], \
            f"the loss should be a scalar, one number without axes; its shape is {tuple(one['shape'])}"


def expect_loss(seen, x_hat, x):
    """Assert the value of a loss, see `losses`."""
    assert seen["untouched"], "the loss changes what it is given: compute new tensors"
    value, expected = seen["loss"], F.mse_loss(x_hat, x)
    expect_tensor("the loss", value, ())
    expect_right(value, expected, loss_slips(x_hat, x),
                 f"for shape {tuple(x.shape)} the loss should be {expected:.6g}, got {value:.6g}", near=1e-5)


def expect_loss_gradient(seen, x_hat, x):
    """Assert the gradient of a loss, see `losses`."""
    gradient, expected = seen["gradient"], 2 * (x_hat - x) / x.numel()
    assert isinstance(gradient, torch.Tensor), "no gradient reaches x_hat: is the loss built from tensors only?"
    assert close(x.numel() * gradient, x.numel() * expected), "the gradient of the loss in x_hat is wrong"


def unequal_shapes(n, h, w):
    """Shapes that broadcast, shapes that do not, shapes with as many numbers, in both orders."""
    both = [((n, 1, h, w), (n, h, w)), ((n, 1, h, w), (1, 1, h, w)), ((n, 1, h, w), (n, h * w)),
            ((n, 1, h, w), (n, 1, w, h)), ((n, 1), (n,)), ((n, 1, h, w), (n, 3, h, w)),
            ((n, 1, h, w), (n + 7, 1, h, w)), ((n, 1, h, w), (n, 1, h, 1)), ((n, h), ())]
    return both + [(b, a) for a, b in both]


def refusals(function, shapes):
    """What is raised for each pair of shapes: the name of the exception and its text, or "" and the loss."""
    found = []
    for one, other in shapes:
        try:
            value = function(torch.rand(one), torch.rand(other))
            found.append(["", str(value)])
        except NotImplementedError:  # the gap is open
            raise
        except Exception as error:
            found.append([type(error).__name__, str(error)])
    return found


def expect_refusal(shapes, kind, text):
    """Assert that a pair of shapes was refused as it should be, see `refusals`; or not, if they are equal."""
    where = f"x_hat of shape {tuple(shapes[0])} and x of shape {tuple(shapes[1])}"
    if tuple(shapes[0]) == tuple(shapes[1]):
        assert not kind, f"{where} should give a loss, got {kind}: {text}"
        return
    assert kind, f"{where} give a loss, {text}: shapes that differ should be refused with a ValueError"
    assert kind == "ValueError", f"{where} should raise ValueError, got {kind}: {text}"
    for shape in shapes:
        assert ", ".join(map(str, shape)) in text, \
            f"the ValueError for {where} should name both shapes; it says {text!r}"


@public("autoencoder.reconstruction_loss", points=2,
        hint="Compare the shapes first and raise ValueError; then F.mse_loss, with its default reduction.")
def reconstruction_loss():
    cases = [(torch.rand(shape), torch.rand(shape)) for shape in ((5, 1, 4, 3), (4, 30), (1, 3, 5, 7))]
    seen = losses(lambda x_hat, x: autoencoder.reconstruction_loss(x_hat, x), cases)
    expect_scalars(seen)
    for one, case in zip(seen, cases):
        expect_loss(one, *case)
        expect_loss_gradient(one, *case)
    shapes = [*unequal_shapes(5, 4, 8), ((5, 1, 4, 4),) * 2]
    with torch.no_grad():
        found = refusals(lambda x_hat, x: autoencoder.reconstruction_loss(x_hat, x), shapes)
    for pair, (kind, text) in zip(shapes, found):
        expect_refusal(pair, kind, text)


# mean_loss and encode_all

LARGEST_BATCH = 5000


class Matrix(nn.Module):
    """A known matrix for an encoder or decoder. It keeps how it was used; in training mode it halves what it gets."""

    def __init__(self, weight, shape):
        super().__init__()
        self.weight, self.shape = nn.Parameter(weight.clone()), list(shape)
        self.batches, self.modes = [], set()

    def forward(self, x):
        self.batches.append(len(x))
        self.modes.add(self.training)
        x = x.float().flatten(1) / (2 if self.training else 1)
        return (x @ self.weight.T).unflatten(1, self.shape)


class SmallAutoencoder(nn.Module):
    """An autoencoder that is two known matrices."""

    def __init__(self, encoder_weight, decoder_weight, shape):
        super().__init__()
        self.encoder, self.decoder = Matrix(encoder_weight, encoder_weight.shape[:1]), Matrix(decoder_weight, shape)

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Arrived(Exception):
    """A batch has come to the model: nothing more is asked."""


class Place(nn.Module):
    """A part of an autoencoder on the device "meta": its tensors have sizes and no numbers, and every machine has it.
    All that it does is to tell where the first batch is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(3, 6, device="meta"))

    def forward(self, x):
        raise Arrived(str(x.device))


class Elsewhere(nn.Module):
    """An autoencoder on the device "meta"."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Place(), Place()

    def forward(self, x):
        return self.decoder(self.encoder(x))


def over_set(function, images, encoder_weight, decoder_weight, training):
    """mean_loss or encode_all of a set of images; how the model was used, and what became of it."""
    model = SmallAutoencoder(encoder_weight, decoder_weight, images.shape[1:]).train(training)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    before, kept = [p.detach().clone() for p in model.parameters()], images.clone()
    value = function(model, images)
    number = isinstance(value, float)
    return {"value": torch.tensor(value, dtype=torch.double) if number else
            value if isinstance(value, torch.Tensor) else type(value).__name__,
            "kind": "float" if number else type(value).__name__, "joined": getattr(value, "requires_grad", False),
            "batches": model.encoder.batches, "modes": sorted(model.encoder.modes),
            "after": sorted({layer.training for layer in model.modules()}),
            "gradients": all(p.grad is not None and bool((p.grad == 1).all()) for p in model.parameters()),
            "frozen": not all(p.requires_grad for p in model.parameters()),
            "weights": all(torch.equal(p, old) for p, old in zip(model.parameters(), before)),
            "untouched": torch.equal(images, kept)}


MODELS = "the model's"


def devices(function):
    """Where mean_loss or encode_all sends its first batch, and where it gives codes, if the model is on "meta" and the
    images on the CPU: MODELS, the name of another device, or "" for what it does not tell."""
    found, images = {"batch": "", "codes": ""}, torch.zeros(5, 1, 2, 3)
    try:
        function(Elsewhere(), images)
    except Arrived as place:
        found["batch"] = str(place)
    model = SmallAutoencoder(torch.zeros(3, 6), torch.zeros(6, 3), images.shape[1:]).to("meta")
    try:
        value = function(model, images)
        found["codes"] = str(value.device) if isinstance(value, torch.Tensor) else ""
    except (RuntimeError, TypeError):  # it asks for numbers, which are not there
        pass
    return {name: MODELS if place == "meta" else place for name, place in found.items()}


def expect_devices(name, seen):
    """Assert what `devices` saw."""
    assert seen["batch"] == MODELS, f"the model may be on a graphics card and the images not: {name} should bring " \
        "each batch to the model's device, next(model.parameters()).device"
    assert seen["codes"] in ("", MODELS), f"the codes should be on the model's device; they are on {seen['codes']}"


def errors(x, encoder, decoder):
    """Loss of each image."""
    x = x.flatten(1).double()
    return (x @ encoder.T.double() @ decoder.T.double() - x).square().mean(dim=1)


def mean_slips(seen, encoder, decoder, images):
    """What typical mistakes did, and the mean that each gives. Asserts that the batches hold all images."""
    each, sizes = errors(images, encoder, decoder), seen["batches"]
    assert sum(sizes) >= len(each), f"{sum(sizes)} of {len(each)} images went through the model: none should be left " \
        "out, those of the last and smaller batch neither"
    assert sum(sizes) == len(each), f"{sum(sizes)} images went through the model, there are {len(each)}: each once"
    assert min(sizes) > 0, "a batch without images went through the model"
    assert True not in seen["modes"], "the model should reconstruct in evaluation mode: call model.eval() first"
    means = torch.stack([group.mean() for group in each.split(sizes)])
    return [
        ("that is the mean of the batches' means: a smaller last batch should count by its size", means.mean()),
        ("that is the sum of the batches' means: weigh each by its size and divide by the number of images",
         means.sum()),
        ("the batches' means are divided by the number of images without being weighed by their sizes",
         means.sum() / len(each)),
        ("that is the sum over the images: divide by their number", each.sum()),
        ("that is the sum over the pixels: the loss is their mean", each.mean() * 6),
        ("that is the loss of the last batch only", means[-1]),
        ("float images are in [0, 1] already: divide only uint8 by 255", errors(images / 255, encoder, decoder).mean()),
    ]


def expect_kept(seen, name, training):
    """Assert that a function left the model as it was."""
    mode = "training" if training else "evaluation"
    assert True not in seen["modes"], \
        f"{name} runs the model in the mode that it came in, training mode: call model.eval() before the first batch"
    assert seen["after"] == [training], \
        f"the model was in {mode} mode before {name}, and is not afterwards: keep model.training, and give it to " \
        "model.train at the end"
    assert seen["gradients"], f"{name} changes the model's gradients: no backward, no zero_grad"
    assert not seen["frozen"], f"{name} leaves parameters frozen: use torch.no_grad, not requires_grad"
    assert seen["weights"], f"{name} changes the model's parameters"
    assert seen["untouched"], f"{name} changes the images in place"


def expect_batches(seen, name, count):
    """Assert that no batch is so large that memory would not do for real images."""
    largest = max(seen["batches"], default=0)
    assert largest <= LARGEST_BATCH, f"{name} sends {largest} of {count} images through the model at once: " \
        "60,000 real ones need gigabytes, so take batches of some hundred"


def expect_mean(seen, encoder, decoder, images, slips=()):
    """Assert the value of mean_loss for float images in [0, 1]; name the slip if it is wrong. slips: more of them."""
    assert seen["kind"] == "float", f"mean_loss should return a float, got {seen['kind']}: use .item() on a tensor"
    value, expected = seen["value"], errors(images, encoder, decoder).mean()
    expect_tensor("mean_loss(model, images)", value, ())
    expect_right(value, expected, lambda: [*slips, *mean_slips(seen, encoder, decoder, images)],
                 f"the mean loss should be {expected:.6g}, got {value:.6g}", near=partial(alike, tolerance=1e-5))


NOT_SCALED = "uint8 images are not brought into [0, 1]: see to_float"
SCALED_BY_256 = "uint8 images should be divided by 255, not by 256"


def expect_mean_of_levels(seen, encoder, decoder, images):
    """Assert the value of mean_loss for uint8 images. images: the same ones as float, 0 to 255."""
    expect_mean(seen, encoder, decoder, images / 255, [
        (what, errors(images * scale, encoder, decoder).mean()) for scale, what in (
            (1.0, NOT_SCALED), (1 / 256, SCALED_BY_256),
            (1 / 127.5, "uint8 images should be brought into [0, 1], by a division by 255"))])


def expect_codes(seen, images, encoder):
    """Assert the codes of float images in [0, 1]."""
    expected, codes = images.flatten(1) @ encoder.T, seen["value"]
    assert not isinstance(codes, torch.Tensor) or codes.shape != (len(images), *images.shape[1:]), \
        "encode_all returns reconstructed images: it should return codes, model.encoder(x)"
    expect_tensor("encode_all(model, images)", codes, expected.shape)
    expect_right(codes, expected, [
        ("the model should encode in evaluation mode: call model.eval() first", expected / 2),
        ("float images are in [0, 1] already: divide only uint8 by 255", expected / 255),
        ("the codes should be what the encoder gives, without an activation", expected.relu())],
        "encode_all should return the code of each image, in the images' order")
    assert not seen["joined"], "the codes require gradients: encode without them, or all batches stay in memory"


def expect_codes_of_levels(seen, encoder, images):
    """Assert the codes of uint8 images. images: the same ones as float, 0 to 255."""
    levels = images.flatten(1) @ encoder.T
    name_the_slip(seen["value"], [(NOT_SCALED, levels), (SCALED_BY_256, levels / 256)], alike)
    expect_codes(seen, images / 255, encoder)


def small_set(count, low, high):
    """The last three images are much brighter."""
    images = low + (high - low) * torch.rand(count, 1, 2, 3)
    images[-3:] = 1.0
    return images


def use(name, expect, expect_of_levels):
    """Check mean_loss or encode_all: for a model in either mode, float and uint8 images, more than fit into memory."""
    def function(model, images):
        return getattr(autoencoder, name)(model, images)

    images, encoder, decoder = small_set(6003, 0, 0.3), torch.randn(3, 6), torch.randn(6, 3)
    for training in (False, True):
        seen = over_set(function, images.clone(), encoder, decoder, training)
        expect(seen, encoder, decoder, images)
        expect_kept(seen, name, training)
        expect_batches(seen, name, len(images))
    levels = (255 * images).byte()
    expect_of_levels(over_set(function, levels, encoder, decoder, False), encoder, decoder, levels.float())
    expect_devices(name, devices(function))


@public("autoencoder.mean_loss", points=2,
        hint="Add up (loss of the batch) * (images in the batch), and divide by the number of all images.")
def mean_loss():
    use("mean_loss", expect_mean, expect_mean_of_levels)


@public("autoencoder.encode_all", hint="Go through the images in batches, keep their order, and join with torch.cat.")
def encode_all():
    use("encode_all", lambda seen, encoder, _, images: expect_codes(seen, images, encoder),
        lambda seen, encoder, _, images: expect_codes_of_levels(seen, encoder, images))


# latent_grid

def points_of(axes):
    """The points of a grid, from its three axes."""
    return torch.cartesian_prod(*axes).view(*map(len, axes), 3)


def expect_grid(grid, codes, steps):
    """Assert the points of a grid: the range of each axis, both ends included, and the order of the axes."""
    low, high = codes.amin(dim=0), codes.amax(dim=0)
    shape = getattr(grid, "shape", None)
    assert shape != (steps ** 3, 3), f"the grid is a list of points: its shape should be {(steps, steps, steps, 3)}"
    assert shape != (3, steps, steps, steps), \
        "the three numbers of a point should stand along the last axis: torch.stack(..., dim=-1)"
    expect_tensor(f"latent_grid(codes, steps={steps})", grid, (steps, steps, steps, 3))
    expected = points_of([torch.linspace(float(a), float(b), steps) for a, b in zip(low, high)])
    if close(grid, expected):
        return
    orders = list(permutations(range(3)))[1:]
    name_the_slip(grid, [
        *(("the axes of the grid are in another order: the first number grows along axis 0, the second along axis 1, "
           "the third along axis 2 (meshgrid's indexing='ij')", expected.permute(*order, 3)) for order in orders),
        *(("the numbers of each point are in another order", expected[..., list(order)]) for order in orders),
        *(("the numbers should grow along the axes: from the smallest code to the largest", expected.flip(axes))
          for axes in ((0,), (1,), (2,), (0, 1, 2))),
        ("all axes have the range of all codes together: each has its own",
         points_of([torch.linspace(float(codes.min()), float(codes.max()), steps)] * 3))])
    for k, name in enumerate(("first", "second", "third")):
        a, b = grid[..., k].min(), grid[..., k].max()
        assert abs(a - low[k]) < 1e-3 and abs(b - high[k]) < 1e-3, f"the {name} number of the points should run from " \
            f"{low[k]:.4g} to {high[k]:.4g}, from the smallest code to the largest, both included; it runs from " \
            f"{a:.4g} to {b:.4g}"
    raise AssertionError("grid[i, j, k] should be (a[i], b[j], c[k]), with three axes in equal steps")


def expect_dtype_of_codes(dtype):
    assert dtype == "torch.float32", f"the codes are float32, the grid has dtype {dtype}: a decoder would refuse it"


@public("autoencoder.latent_grid", hint="One linspace for each column of the codes; torch.meshgrid with indexing='ij'.")
def latent_grid():
    codes = torch.tensor([[0.0, -50.0, 3.0], [12.0, 5.0, 2.0], [6.0, 0.0, 1.0]])
    before = codes.clone()
    grid = autoencoder.latent_grid(codes, steps=5)
    expect_untouched("latent_grid", [before], [codes])
    expect_dtype_of_codes(str(getattr(grid, "dtype", codes.dtype)))
    expect_grid(grid, codes, 5)
    expect_shape("latent_grid(codes)", autoencoder.latent_grid(codes), (12, 12, 12, 3))


# add_salt_and_pepper

SHAPE = 64, 1, 32, 32


def expect_values(what, noisy, images):
    """Assert that pixels are as they were, 0 or 1. The images have none of 0 or 1.

    Returns where salt (1) and pepper (-1) lie.
    """
    expect_tensor(what, noisy, images.shape)
    pepper, salt, kept = noisy == 0, noisy == 1, noisy == images
    other = noisy[~(pepper | salt | kept)]
    assert not len(other), f"{what}: pixels should stay as they are, or become 0 or 1; some became others, from " \
        f"{other.min():.3g} to {other.max():.3g}"
    assert not kept.all(), f"{what}: there is no noise"
    return salt.float() - pepper.float()


def expect_places(what, noise):
    """Assert that every pixel of every image has noise of its own."""
    assert not torch.equal(noise[0], noise[1]), "all images of a batch get the same noise: draw for each pixel of each"
    touched = noise.abs()
    share = touched.mean()
    deviation = (share * (1 - share)).sqrt()
    assert ((touched.mean(dim=0) - share).abs() < 6 * deviation / len(noise) ** 0.5 + 0.02).all(), \
        f"{what}: the noise lies more often at some places of the image than at others"
    for values, what_else in ((touched, "are set together"), (noise, "get salt together, or pepper")):
        values = (values - values.mean()) / (values.std() + 1e-6)
        for axis in (2, 3):
            assert (values * values.roll(1, axis)).mean().abs() < 0.05, \
                f"{what}: neighbouring pixels {what_else}: draw for each pixel"


def expect_shares(what, noise, amount):
    """Assert how many pixels are set, and that half of them are 0."""
    share, pepper = noise.abs().mean().item(), (noise < 0).float().mean().item()
    text = f"{what}: {share:.3f} of the pixels were set"
    twice = f"{text}, which should be {amount:.3f}: some pixels are chosen twice"
    expect_right(share, amount, [
        (f"{text}: amount is the share of salt and pepper together, half of it each", 2 * amount),
        (f"{text}: half of the noise is missing", amount / 2),
        (twice, amount - amount ** 2 / 4),
        (twice, 1 - math.exp(-amount))],
        f"{text}, it should be {amount:.3f}", near=lambda got, value: abs(got - value) < 0.015)
    assert 0.45 < pepper / share < 0.55, f"{what}: {pepper / share:.0%} of the pixels that were set are 0, the " \
        "others 1: it should be half each"


def draws(function, images, amount):
    """Two draws after another, without a generator."""
    before = images.clone()
    found = [function(images, amount) for _ in range(2)]
    return {"draws": [one if isinstance(one, torch.Tensor) else type(one).__name__ for one in found],
            "untouched": torch.equal(images, before), "dtype": str(getattr(found[0], "dtype", None))}


def seeded_draws(function, images, amount, number):
    """Draws with generators, two after another with each: one seed, the same one with another global seed, another one.

    And whether a draw with a generator moves, or seeds, PyTorch's global one.
    """
    found = {}
    for label, seed, global_seed in (("one", number, 1), ("same", number, 2), ("other", number + 1, 2)):
        torch.manual_seed(global_seed)
        before, generator = torch.get_rng_state(), torch.Generator().manual_seed(seed)
        found[label] = [function(images, amount, generator=generator) for _ in range(2)]
        found[label] = [one if isinstance(one, torch.Tensor) else type(one).__name__ for one in found[label]]
        found["moved"] = not torch.equal(before, torch.get_rng_state())
    return found


def device_of_draw(function, images):
    """Where the noisy images are, if the images are on the device "meta"; or what torch says of two devices that were
    mixed. "" if it asks for numbers, which are not there."""
    try:
        return str(getattr(function(images.to("meta"), 0.5), "device", ""))
    except (RuntimeError, TypeError) as error:
        return str(error) if "expected device" in str(error) else ""


def expect_noise(seen, images, amount):
    """Assert values, places, share and balance of the first of two draws without a generator."""
    what = f"with amount={amount:.3f}"
    first, second = seen["draws"]
    noise = expect_values(what, first, images)
    assert not torch.equal(first, second), "two calls gave the same noise: is a seed set inside the function?"
    expect_places(what, noise)
    expect_shares(what, noise, amount)


def expect_touched(what, noisy, images):
    """Assert that an image is there, with noise on it: of whichever kind, which another check is about."""
    expect_tensor(what, noisy, images.shape)
    kept = (noisy == images).float().mean()
    assert kept < 0.95, f"{what}: there is no noise"
    assert kept + ((noisy == 0) | (noisy == 1)).float().mean() > 0.25, \
        f"{what}: pixels should stay as they are, or become 0 or 1"


def expect_seeded(seen, images):
    """Assert that one seed gives one noise, and that a generator goes on: see `seeded_draws`."""
    (one, then), (same_seed, same_then), (other, _) = (seen[label] for label in ("one", "same", "other"))
    for noisy in (one, same_seed, other, then):
        expect_touched("the noisy images", noisy, images)
    assert not torch.equal(one, then), \
        "two calls with one generator gave the same noise: draw from the generator itself, as it is"
    assert torch.equal(one == images, same_seed == images), \
        "two generators with the same seed gave noise at different places: draw from the generator"
    assert torch.equal(one, same_seed), "two generators with the same seed set the same pixels, but not to the same " \
        "values: the choice between 0 and 1 should be drawn from the generator, too"
    assert torch.equal(then, same_then), "the second call with a generator should depend on its seed only"
    assert not torch.equal(one, other), "generators with different seeds gave the same noise"
    assert not seen["moved"], "a call with a generator changes PyTorch's global random state: seed nothing, and draw " \
        "from the generator only"


def expect_noise_kept(seen, device, images, amount):
    """Assert shape, dtype and device of the noisy images, and that the images are as they were."""
    noisy, shape = seen["draws"][0], tuple(images.shape)
    expect_tensor(f"the noisy images for shape {shape}", noisy, shape)
    if amount == 0.5:
        expect_touched(f"the noisy images for shape {shape}", noisy, images)
    assert seen["untouched"], "the images that are given are changed in place: work on a copy"
    assert seen["dtype"] == "torch.float64", f"images of dtype float64 become {seen['dtype']}"
    count = (noisy == images).sum().item()
    assert amount > 0 or count == images.numel(), \
        f"with amount=0 nothing should change; {images.numel() - count} of {images.numel()} pixels did"
    assert amount < 1 or count == 0, \
        f"with amount=1 every pixel should become 0 or 1; {count} of {images.numel()} did not"
    assert device in ("", "meta"), f"the noisy images should be on the images' device, and so should all that is " \
        f"drawn for them: torch.rand takes device=images.device ({device})"


@public("autoencoder.add_salt_and_pepper", points=2,
        hint="Cut [0, 1) into three pieces: two of length amount / 2, and one for the pixels that stay as they are.")
def add_salt_and_pepper():
    def function(*args, **options):
        return autoencoder.add_salt_and_pepper(*args, **options)

    images = 0.05 + 0.9 * torch.rand(*SHAPE)
    for amount in (0.2, 0.7):
        expect_noise(draws(function, images, amount), images, amount)
    expect_seeded(seeded_draws(function, images[:8], 0.5, 1), images[:8])
    few = images[:4, :, :8, :8].double()
    for amount in (0.0, 0.5, 1.0):
        expect_noise_kept(draws(function, few, amount), device_of_draw(function, few), few, amount)


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
    for units in (128, 37):
        model = autoencoder.DenoisingAutoencoder(hidden=units)
        expect_shape("model(x)", model(torch.rand(2, 4096)), (2, 4096))
        expect_parameters(f"DenoisingAutoencoder(hidden={units})", model, 5859 + 8322 * units)
