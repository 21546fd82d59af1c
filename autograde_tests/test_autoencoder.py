"""Hidden checks of helpers/autoencoder.py. Each compares what a probe saw with the reference, for inputs drawn anew."""
import math
from functools import partial
from itertools import permutations
from operator import eq

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import piece
from helpers import autoencoder
from helpers.given.checks.engine import (ACTIVATIONS, PLAIN, POINTWISE, activation, close, expect_all_learn,
                                         expect_between, expect_right, expect_tensor, layer_name, name_the_slip, same)


def alike(got, value, tolerance=1e-4):
    """True if a value is that number, or these numbers, and not 0: to four digits, however small it is."""
    return isinstance(got, torch.Tensor) and got.shape == value.shape and bool(value.norm() > 0) and \
        bool((got.double() - value).norm() < tolerance * value.norm())


# conv_output_size: 2 points, conv_transpose_output_size: 2 points, count_parameters: 2 points

def judge_sizes(student, name, cases, slips):
    """Assert what a function gives for some lists of arguments. slips: pairs (what was done, function that does it)."""
    seen = student.observe("sizes", name=name, cases=cases)
    assert len(seen) == len(cases), f"{name} should give {len(cases)} values, got {len(seen)}"
    for value, case in zip(seen, cases):
        assert isinstance(value, int), f"{name}{tuple(case)} should be an int, got {value}: // rounds down to an int"
    expected = [getattr(autoencoder, name)(*case) for case in cases]
    k = next((k for k, right in enumerate(expected) if seen[k] != right), 0)
    expect_right(seen, expected, [(what, [wrong(*case) for case in cases]) for what, wrong in slips],
                 f"{name}{tuple(cases[k])} should be {expected[k]}, got {seen[k]}", near=eq)


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


@graded("autoencoder.conv_output_size", points=2, hint="(size + 2 * padding - kernel_size) // stride + 1")
def test_conv_output_size(student, rng):
    """Random sizes, strides and paddings; with and without a rest in the division."""
    cases = [[whole(rng, 9, 70), whole(rng, 1, 7), whole(rng, 1, 4), whole(rng, 0, 3)] for _ in range(40)]
    judge_sizes(student, "conv_output_size", cases + [[28, 3, 2, 1], [14, 3, 2, 1], [7, 3, 1, 1]], CONV_SLIPS)


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


@graded("autoencoder.conv_transpose_output_size", points=2,
        hint="(size - 1) * stride - 2 * padding + kernel_size + output_padding")
def test_conv_transpose_output_size(student, rng):
    cases = []
    for _ in range(40):
        stride = whole(rng, 1, 4)
        cases.append([whole(rng, 8, 40), whole(rng, 1, 7), stride, whole(rng, 0, 3), whole(rng, 0, stride - 1)])
    judge_sizes(student, "conv_transpose_output_size", cases + [[7, 3, 2, 1, 1], [14, 3, 2, 1, 1], [7, 3, 1, 1, 0]],
                TRANSPOSE_SLIPS)


@graded("autoencoder.count_parameters", points=2,
        hint="sum(p.numel() for p in model.parameters() if p.requires_grad)")
def test_count_parameters(student, rng):
    """Models with biases, BatchNorm, frozen layers, a layer that is used twice, none at all."""
    channels, features = whole(rng, 2, 6), whole(rng, 7, 12)
    seen = student.observe("counts", channels=channels, features=features)
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


# Networks: ConvAutoencoder 8 points, DenoisingAutoencoder 4, its keyword hidden 1. A probe fills a network with numbers
# that are drawn here, and tells what went into and came out of each layer, and where its weights begin among them.

KEEP, HALVE = dict(stride=1, padding=1), dict(stride=2, padding=1)
DOUBLE = dict(stride=2, padding=1, output_padding=1)
STEPS = {PLAIN: lambda x: x, **ACTIVATIONS}


def encoder_layers(latent_dim=3):
    """The layers of ConvAutoencoder's encoder: kind, size of the weight, options, and what may stand behind it."""
    return [("conv2d", [64, 1, 3, 3], HALVE, ["ReLU"]), ("conv2d", [32, 64, 3, 3], HALVE, ["ReLU"]),
            ("conv2d", [16, 32, 3, 3], KEEP, ["ReLU"]), ("conv2d", [2, 16, 3, 3], KEEP, ["ReLU"]),
            ("linear", [latent_dim, 98], {}, [PLAIN])]


def decoder_layers(latent_dim=3):
    """The same of its decoder. After the linear layer ReLU may stand, or nothing."""
    kind = "conv_transpose2d"
    return [("linear", [98, latent_dim], {}, [PLAIN, "ReLU"]), (kind, [2, 16, 3, 3], KEEP, ["ReLU"]),
            (kind, [16, 32, 3, 3], KEEP, ["ReLU"]), (kind, [32, 64, 3, 3], DOUBLE, ["ReLU"]),
            (kind, [64, 1, 3, 3], DOUBLE, ["Sigmoid"])]


def linears(sizes, end):
    """Linear layers with ReLU between them. end: what stands behind the last one."""
    steps = [["ReLU"]] * (len(sizes) - 2) + [[end]]
    return [("linear", [b, a], {}, step) for a, b, step in zip(sizes, sizes[1:], steps)]


DENOISER_ENCODER, DENOISER_DECODER = linears([4096, 256, 64, 12, 3], PLAIN), linears([3, 12, 64, 256, 4096], "Tanh")
NUMBERS = 100_003  # more than ConvAutoencoder has parameters; the denoiser uses them again and again


def judge_layers(seen, part, x, numbers, layers, strict=True):
    """Assert what the layers of a part of a model give for x, one by one, if its parameters are filled with `numbers`.

    All is computed here. What the answer brings says only where it goes wrong, and which activation it has: for
    strict=False that may be any that we know.

    Returns:
        what the last layer and its activation should give.
    """
    assert not seen["norms"], f"the {part} should have no BatchNorm"
    told, names = seen["layers"], [layer_name(kind, size) for kind, size, _, _ in layers]
    found = [layer_name(layer["kind"], layer["size"]) for layer in told]
    assert found == names, f"the {part} should run {', '.join(names)}; it runs {', '.join(found) or 'no such layer'}"
    for name, layer in zip(names, told):
        assert layer["bias"], f"{name} of the {part} has no bias"
    begins = [begin for layer in told for begin in layer["places"]]
    assert all(type(begin) is int and begin >= 0 for begin in begins), \
        "layers should use parameters of the model as they are"
    assert len(set(begins)) == len(begins), "two layers share parameters"
    assert same(told[0]["input"], x), f"{names[0]} should get the input as it is"
    afters = [layer["input"] for layer in told[1:]] + [seen["out"]]
    for name, (kind, size, options, allowed), layer, after in zip(names, layers, told, afters):
        shapes, got = (size, [size[kind == "conv_transpose2d"]]), layer["output"]
        weight, bias = (piece(numbers, begin, shape) for begin, shape in zip(layer["places"], shapes, strict=True))
        due = getattr(F, kind)(x, weight, bias, **options)
        assert got.shape == due.shape, f"{name} of the {part} should make {tuple(due.shape[1:])} of " \
            f"{tuple(x.shape[1:])}, got {tuple(got.shape[1:])}: look at stride and padding"
        assert close(got, due, POINTWISE), f"{name} of the {part} has other options than stride {options['stride']} " \
            "and padding 1" if options else f"{name} of the {part} should use its weight and bias as they are"
        assert isinstance(after, torch.Tensor), f"the {part} should give a tensor, got {after}"
        step = activation(due, after)
        if strict or not step:
            expect_between(f"after {name} of the {part}", due, after, allowed)
        x = STEPS.get(step, lambda _: after)(due).reshape(after.shape)  # after a LeakyReLU what it gave
    expect_tensor(f"what the {part} gives", seen["out"], due.shape)
    return x


def observe_part(student, rng, name, which, x, arguments=()):
    """Ask for the layers of an encoder or decoder. Returns them, and the numbers that the model is filled with."""
    numbers = uniform(rng, NUMBERS, low=-1)
    seen = student.observe("part", name=name, which=which, x=x, numbers=numbers, arguments=arguments)
    assert seen, f"{name} should have self.{which}, an nn.Module"
    return seen, numbers


def judge_part(student, rng, name, which, x, layers):
    """Assert the layers of an encoder or decoder. Returns what it should give."""
    seen, numbers = observe_part(student, rng, name, which, x)
    expected = judge_layers(seen, which, x, numbers, layers)
    assert seen["training"], f"{name} should be made in training mode, not in evaluation mode"
    return expected


def judge_encoder(student, rng, name, x, layers):
    """Assert the layers of an encoder. With some numbers the whole code is positive, and a ReLU on it would not show:
    then others are drawn."""
    for _ in range(8):
        if (judge_part(student, rng, name, "encoder", x, layers) < 0).any():
            return


@graded("autoencoder.ConvAutoencoder", points=2,
        hint="Conv2d to 64, 32, 16, 2 channels, 3x3, padding 1, strides 2, 2, 1, 1, each with ReLU; Flatten; Linear.")
def test_conv_encoder(student, rng):
    """Every layer of the encoder: what it is, its stride and padding, what follows on it."""
    judge_encoder(student, rng, "ConvAutoencoder", normal(rng, whole(rng, 5, 9), 1, 28, 28), encoder_layers())


@graded("autoencoder.ConvAutoencoder", points=3,
        hint="Linear to 98; ConvTranspose2d to 16, 32, 64, 1 channels, 3x3, padding 1, strides 1, 1, 2, 2, the last "
             "two with output_padding 1; ReLU between them, Sigmoid at the end.")
def test_conv_decoder(student, rng):
    """Every layer of the decoder."""
    z = normal(rng, whole(rng, 9, 12), 3)
    judge_part(student, rng, "ConvAutoencoder", "decoder", z, decoder_layers())


def judge_reconstruction(student, rng, name, x, layers):
    """Assert that a model decodes the code of its input, and that it learns. Returns what the probe saw.

    Two matrices stand for encoder and decoder: it does not matter here whether these are right.
    """
    pixels, numbers = x[0].numel(), uniform(rng, NUMBERS, low=-1)
    encoder, decoder = normal(rng, 3, pixels) / pixels ** 0.5, normal(rng, pixels, 3)
    seen = student.observe("reconstruction", name=name, x=x, numbers=numbers, encoder=encoder, decoder=decoder)
    out, code = seen["out"], seen["code"]
    assert isinstance(out, torch.Tensor), f"model(x) should return x_hat, a tensor; got {out}"
    assert not (isinstance(code, torch.Tensor) and out.shape == code.shape), \
        "model(x) returns the code: decode it, too"
    expect_tensor("model(x)", out, x.shape)
    leaf = x.clone().requires_grad_()
    expected = (leaf.flatten(1) @ encoder.T @ decoder.T).view(x.shape)
    composed, gradient = seen["composed"]["out"], seen["composed"]["gradient"]
    if not alike(composed, expected):
        name_the_slip(composed, [("model(x) adds its input: return what the decoder gives", expected + x)], alike)
        try:  # a model may call its layers without the parts that they are in
            expected, gradient = judge_layers(seen, name, leaf, numbers, layers), seen["gradient"]
        except AssertionError:
            raise AssertionError("model(x) should be the decoder's output for the encoder's output, and nothing "
                                 "else") from None
    assert seen["learns"], "model(x) has no gradient: is it detached, or computed under torch.no_grad?"
    expect_all_learn(seen["silent"], "is the code detached?")
    due, = torch.autograd.grad(expected.square().sum(), leaf)
    expect_tensor("the gradient of model(x) in x", gradient, x.shape)
    assert close(gradient / due.abs().max(), due / due.abs().max(), 1e-3), "the gradient of model(x) in x is wrong"
    assert seen["untouched"], "model(x) changes x in place"
    return seen


@graded("autoencoder.ConvAutoencoder", points=1, hint="return self.decoder(self.encoder(x))")
def test_conv_reconstruction(student, rng):
    judge_reconstruction(student, rng, "ConvAutoencoder", normal(rng, whole(rng, 3, 6), 1, 28, 28),
                         encoder_layers() + decoder_layers())


def judge_count(call, seen, count):
    assert seen["parameters"] == count, f"{call} should have {count:,} parameters that learn, it has " \
        f"{seen['parameters']:,}"


def computes(seen, x, numbers, layers):
    """True if the layers of a part are there, whatever activations stand between them."""
    try:
        judge_layers(seen, "part", x, numbers, layers, strict=False)
        return True
    except AssertionError:
        return False


@graded("autoencoder.ConvAutoencoder", points=2,
        hint="48,724 parameters; latent_dim is the size of the code: nn.Linear(98, latent_dim), and back.")
def test_conv_size(student, rng):
    """Number of parameters, for three latent numbers and for some other."""
    for arguments in ([], [whole(rng, 4, 40)]):
        dim, call = sum(arguments) or 3, f"ConvAutoencoder({', '.join(map(str, arguments))})"
        x, z = normal(rng, whole(rng, 2, 5), 1, 28, 28), normal(rng, 4, dim)
        seen, numbers = observe_part(student, rng, "ConvAutoencoder", "encoder", x, arguments)
        expect_tensor(f"a code of {call}", seen["out"], (len(x), dim))
        judge_count(call, seen, 48724 + (dim - 3) * (98 + 1 + 98))
        # Who has made a mistake in one of them still has the right sizes.
        if not computes(seen, x, numbers, encoder_layers(dim)):
            seen, numbers = observe_part(student, rng, "ConvAutoencoder", "decoder", z, arguments)
            assert computes(seen, z, numbers, decoder_layers(dim)), \
                f"neither the encoder nor the decoder of {call} has the layers that are wanted"


@graded("autoencoder.DenoisingAutoencoder", points=3,
        hint="Linear from 4096 to 256, 64, 12, 3, and back; ReLU between them, none on the code; Tanh at the end.")
def test_denoiser(student, rng):
    """Every layer of encoder and decoder."""
    judge_encoder(student, rng, "DenoisingAutoencoder", normal(rng, 16, 4096), DENOISER_ENCODER)
    judge_part(student, rng, "DenoisingAutoencoder", "decoder", normal(rng, 16, 3), DENOISER_DECODER)


@graded("autoencoder.DenoisingAutoencoder", points=1, hint="return self.decoder(self.encoder(x)); 2,136,291 parameters")
def test_denoiser_reconstruction(student, rng):
    x = uniform(rng, whole(rng, 3, 6), 4096)
    seen = judge_reconstruction(student, rng, "DenoisingAutoencoder", x, DENOISER_ENCODER + DENOISER_DECODER)
    expect_tensor("a code of DenoisingAutoencoder()", seen["code"], (len(x), 3))
    judge_count("DenoisingAutoencoder()", seen, 2136291)


@graded("autoencoder.hidden", points=1, gap="DenoisingAutoencoder.__init__",
        hint="hidden is the size of the first hidden layer, and of the last one.")
def test_hidden(student, rng):
    """The keyword by which two sizes are compared."""
    units, x, numbers = 8 * whole(rng, 9, 20) + 1, uniform(rng, 2, 4096), uniform(rng, NUMBERS, low=-1)
    seen = student.observe("hidden", x=x, units=units, numbers=numbers)
    inputs = seen["inputs"]
    assert units in inputs, f"with hidden={units} no layer gets {units} numbers: is hidden used?"
    assert inputs[1] == units, f"with hidden={units} the second layer should get {units} numbers, it gets {inputs[1]}"
    assert inputs[-1] == units, f"with hidden={units} the last layer should get {units} numbers, it gets {inputs[-1]}"
    for label, got, size in zip(("first", "last"), seen["ends"], ([units, 4096], [4096, units]), strict=True):
        weighed = x[:, :size[1]] @ piece(numbers, 0, size).T
        assert alike(got, weighed + piece(numbers, 0, size[:1])) or alike(got, weighed), \
            f"with hidden={units} the {label} layer should be Linear({size[1]}, {size[0]})"


# reconstruction_loss: 4 points

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


def pairs(rng):
    """Reconstructions and images in [0, 1] of several random shapes."""
    shapes = [(whole(rng, 2, 6), 1, whole(rng, 3, 9), whole(rng, 3, 9)), (whole(rng, 2, 6), whole(rng, 20, 60)),
              (1, 3, 5, whole(rng, 3, 9))]
    return [(uniform(rng, *shape), uniform(rng, *shape)) for shape in shapes]


def observe_losses(student, cases):
    """Ask for the loss of several pairs; assert that each is a scalar tensor. Returns what was seen, with each pair."""
    seen = student.observe("losses", cases=cases)
    for one in seen:
        assert one["kind"] == "Tensor", f"the loss should be a tensor, got {one['kind']}"
        assert one["shape"] == [], \
            f"the loss should be a scalar, one number without axes; its shape is {tuple(one['shape'])}"
    return zip(seen, cases, strict=True)


@graded("autoencoder.reconstruction_loss", points=1, hint="F.mse_loss(x_hat, x): the mean over all numbers")
def test_loss(student, rng):
    """Against the reference, for images and for flattened images."""
    for seen, (x_hat, x) in observe_losses(student, pairs(rng)):
        assert seen["untouched"], "the loss changes what it is given: compute new tensors"
        value, expected = seen["loss"], F.mse_loss(x_hat, x)
        expect_tensor("the loss", value, ())
        expect_right(value, expected, loss_slips(x_hat, x),
                     f"for shape {tuple(x.shape)} the loss should be {expected:.6g}, got {value:.6g}", near=1e-5)


@graded("autoencoder.reconstruction_loss", points=1, hint="No .item(), no detach: the loss stays joined to x_hat.")
def test_loss_gradient(student, rng):
    for seen, (x_hat, x) in observe_losses(student, pairs(rng)):
        gradient, expected = seen["gradient"], 2 * (x_hat - x) / x.numel()
        assert isinstance(gradient, torch.Tensor), "no gradient reaches x_hat: is the loss built from tensors only?"
        assert close(x.numel() * gradient, x.numel() * expected), "the gradient of the loss in x_hat is wrong"


@graded("autoencoder.reconstruction_loss", points=2,
        hint="if x_hat.shape != x.shape: raise ValueError with both shapes in its text")
def test_loss_refuses(student, rng):
    """Shapes that broadcast, shapes that do not, shapes with as many numbers, in both orders, and equal shapes."""
    n, h, w = whole(rng, 2, 6), whole(rng, 3, 6), whole(rng, 7, 9)
    both = [((n, 1, h, w), (n, h, w)), ((n, 1, h, w), (1, 1, h, w)), ((n, 1, h, w), (n, h * w)),
            ((n, 1, h, w), (n, 1, w, h)), ((n, 1), (n,)), ((n, 1, h, w), (n, 3, h, w)),
            ((n, 1, h, w), (n + 7, 1, h, w)), ((n, 1, h, w), (n, 1, h, 1)), ((n, h), ())]
    equal = [((n, 1, h, w), (n, 1, h, w)), ((n, h * w), (n, h * w)), ((n, 3, h, h), (n, 3, h, h))]
    shapes = both + [(b, a) for a, b in both] + equal
    order = torch.randperm(len(shapes), generator=rng).tolist()
    seen = student.observe("refusals", shapes=[shapes[k] for k in order])
    assert len(seen) == len(shapes), f"there should be {len(shapes)} losses or errors, got {len(seen)}"
    for k, (kind, text) in sorted(zip(order, seen)):
        one, other = shapes[k]
        where = f"x_hat of shape {tuple(one)} and x of shape {tuple(other)}"
        if one == other:
            assert not kind, f"{where} should give a loss, got {kind}: {text}"
            continue
        assert kind, f"{where} give a loss, {text}: shapes that differ should be refused with a ValueError"
        assert kind == "ValueError", f"{where} should raise ValueError, got {kind}: {text}"
        for shape in (one, other):
            assert ", ".join(map(str, shape)) in text, \
                f"the ValueError for {where} should name both shapes; it says {text!r}"


# mean_loss: 5 points, encode_all: 4 points

COUNTS = 11_000, 12_000  # images in a set: few enough for one batch of tiny ones, too many for one of real ones
LARGEST_BATCH = 5000


def small_set(rng):
    """Tiny images, the last three much brighter. No usual batch size divides their number: the last one is smaller."""
    images = uniform(rng, 10 * whole(rng, COUNTS[0] // 10, COUNTS[1] // 10) + 3, 1, 2, 3, high=0.3)
    images[-3:] = 1.0
    return images


def run_over_set(student, rng, name, images, training=False):
    """Run mean_loss or encode_all for an autoencoder of two matrices. Returns what was seen, and these."""
    encoder, decoder = normal(rng, 3, 6), normal(rng, 6, 3)
    seen = student.observe("over_set", name=name, images=images, encoder_weight=encoder, decoder_weight=decoder,
                           training=training)
    return seen, encoder, decoder


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


def judge_mean(seen, encoder, decoder, images, slips=()):
    """Assert the value of mean_loss for float images in [0, 1]; name the slip if it is wrong. slips: more of them."""
    assert seen["kind"] == "float", f"mean_loss should return a float, got {seen['kind']}: use .item() on a tensor"
    value, expected = seen["value"], errors(images, encoder, decoder).mean()
    expect_tensor("mean_loss(model, images)", value, ())
    expect_right(value, expected, lambda: [*slips, *mean_slips(seen, encoder, decoder, images)],
                 f"the mean loss should be {expected:.6g}, got {value:.6g}", near=partial(alike, tolerance=1e-5))


def of_one(name, image, encoder, decoder, count, batches):
    """What mean_loss or encode_all gives for one image, count times over in so many batches: the right thing, and what
    else is made of it by slips that other checks are about."""
    x = image.flatten(1).double()
    code = x @ encoder.T.double()
    x_hat = code @ decoder.T.double()
    if name == "encode_all":
        return [code, code.relu(), code / 2, code / 255, x_hat]
    bases = [errors(x, encoder, decoder), errors(x / 255, encoder, decoder), code.square().mean(dim=1),
             (x_hat / 4 - x).square().mean(dim=1)]  # in training mode
    return [factor * base for base in bases for factor in (1, 6, count, 6 * count, batches, batches / count)]


def judge_use(student, rng, name, judges):
    """Assert how a function uses a model in training mode, and one in evaluation mode. judges: what to look at.

    It gets one tiny image, many times over. Who weighs batches wrongly, drops some or changes their order gets the
    right result of that.
    """
    count = 1000 * whole(rng, COUNTS[0] // 1000, COUNTS[1] // 1000)
    image = uniform(rng, 1, 1, 2, 3, low=0.3)
    for training in (True, False):
        seen, encoder, decoder = run_over_set(student, rng, name, image.repeat(count, 1, 1, 1), training)
        for judge in judges:
            judge(seen, name, training, count)
        value, what = seen["value"], "the loss" if name == "mean_loss" else "the code"
        assert isinstance(value, torch.Tensor), f"{name} should return numbers, got {value}"
        assert any(alike(value.flatten()[:due.numel()], due.flatten())
                   for due in of_one(name, image, encoder, decoder, count, len(seen["batches"]))), \
            f"{name} of {count} equal images should give {what} of one of them"


def judge_kept(seen, name, training, count):
    """Assert that a function left the model as it was."""
    mode = "training" if training else "evaluation"
    assert True not in seen["modes"], \
        f"{name} runs a model in training mode that it got so: call model.eval() before the first batch"
    assert seen["after"] == [training], \
        f"the model was in {mode} mode before {name}, and is not afterwards: keep model.training, and give it to " \
        "model.train at the end"
    assert seen["gradients"], f"{name} changes the model's gradients: no backward, no zero_grad"
    assert not seen["frozen"], f"{name} leaves parameters frozen: use torch.no_grad, not requires_grad"
    assert seen["weights"], f"{name} changes the model's parameters"
    assert seen["untouched"], f"{name} changes the images in place"


def judge_batches(seen, name, training, count):
    """Assert that no batch is so large that memory would not do for real images."""
    largest = max(seen["batches"], default=0)
    assert largest <= LARGEST_BATCH, f"{name} sends {largest} of {count} images through the model at once: " \
        "60,000 real ones need gigabytes, so take batches of some hundred"


@graded("autoencoder.mean_loss", points=2, hint="total += loss.item() * len(batch), and at the end total / len(images)")
def test_mean_loss(student, rng):
    """The value, where the last and smaller batch has most of the loss."""
    images = small_set(rng)
    judge_mean(*run_over_set(student, rng, "mean_loss", images), images)


@graded("autoencoder.mean_loss", points=1, hint="model.eval() first, model.train(was_training) at the end")
def test_mean_loss_leaves_the_model(student, rng):
    """Mode, gradients, parameters, for a model in training mode and for one in evaluation mode."""
    judge_use(student, rng, "mean_loss", [judge_kept])


NOT_SCALED = "uint8 images are not brought into [0, 1]: see to_float"
SCALED_BY_256 = "uint8 images should be divided by 255, not by 256"


@graded("autoencoder.mean_loss", points=1, hint="to_float(batch) brings uint8 into [0, 1], and leaves float as it is.")
def test_mean_loss_of_levels(student, rng):
    """The value for uint8 images."""
    images = (255 * small_set(rng)).byte()
    seen, *parts = run_over_set(student, rng, "mean_loss", images)
    slips = [(what, errors(images * scale, *parts).mean()) for scale, what in (
        (1.0, NOT_SCALED), (1 / 256, SCALED_BY_256),
        (1 / 127.5, "uint8 images should be brought into [0, 1], by a division by 255"))]
    judge_mean(seen, *parts, images / 255, slips)


@graded("autoencoder.mean_loss", points=1, hint="images.split(200) gives batches.")
def test_mean_loss_in_batches(student, rng):
    judge_use(student, rng, "mean_loss", [judge_batches])


def judge_codes(seen, images, encoder):
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


@graded("autoencoder.encode_all", points=2, hint="torch.cat of model.encoder(batch), for all batches, in their order")
def test_encode_all(student, rng):
    """Codes of a set whose size fits no batch."""
    images = small_set(rng)
    seen, encoder, _ = run_over_set(student, rng, "encode_all", images)
    judge_codes(seen, images, encoder)


@graded("autoencoder.encode_all", points=1, hint="model.eval() first, model.train(was_training) at the end; in batches")
def test_encode_all_leaves_the_model(student, rng):
    judge_use(student, rng, "encode_all", [judge_kept, judge_batches])


@graded("autoencoder.encode_all", points=1, hint="to_float(batch) brings uint8 into [0, 1], and leaves float as it is.")
def test_encode_all_of_levels(student, rng):
    images = (255 * small_set(rng)).byte()
    seen, encoder, _ = run_over_set(student, rng, "encode_all", images)
    levels = images.flatten(1).float() @ encoder.T
    name_the_slip(seen["value"], [(NOT_SCALED, levels), (SCALED_BY_256, levels / 256)], alike)
    judge_codes(seen, images / 255, encoder)


# latent_grid: 3 points

def points_of(axes):
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


@graded("autoencoder.latent_grid", points=2,
        hint="linspace from min to max of each column; meshgrid with indexing='ij'; stack along a new last axis.")
def test_latent_grid(student, rng):
    """The range of each axis, both ends included, and the order of the axes."""
    # Their three numbers have ranges of their own, away from 0.
    codes = normal(rng, whole(rng, 50, 90), 3) * uniform(rng, 3, low=1, high=20) + uniform(rng, 3, low=-30, high=30)
    steps = whole(rng, 4, 8)
    seen = student.observe("grid", codes=codes, steps=steps)
    grid, low, high = seen["grid"], codes.amin(dim=0), codes.amax(dim=0)
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


@graded("autoencoder.latent_grid", points=1, hint="steps is 12 if it is not given; the grid has the codes' dtype.")
def test_latent_grid_kept(student, rng):
    """Default number of steps; dtype; the codes stay as they are. The order of the axes and their direction
    do not matter here."""
    end = float(uniform(rng, 1, low=1, high=20))
    codes = end * (uniform(rng, whole(rng, 50, 90), 3, low=-1).sign())
    codes[0], codes[1] = end, -end
    seen = student.observe("grid", codes=codes)
    expect_tensor("latent_grid(codes)", seen["grid"], (12, 12, 12, 3))
    assert seen["dtype"] == "torch.float32", f"the codes are float32, the grid has dtype {seen['dtype']}: a decoder " \
        "would refuse it"
    assert seen["untouched"], "latent_grid changes the codes in place"
    due = points_of([torch.linspace(-end, end, 12)] * 3)
    assert any(close(sign * seen["grid"], due.permute(*order, 3)) for order in permutations(range(3))
               for sign in (1, -1)), f"the axes of the grid should run from {-end:.4g} to {end:.4g} in 12 equal steps"


# add_salt_and_pepper: 5 points

SHAPE = 64, 1, 32, 32


def judge_values(what, noisy, images):
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


def judge_places(what, noise):
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


def judge_shares(what, noise, amount):
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


@graded("autoencoder.add_salt_and_pepper", points=2,
        hint="u = torch.rand(images.shape): 0 where u < amount / 2, 1 where u >= 1 - amount / 2.")
def test_noise(student, rng):
    """Values, places, share and balance, for little and for much noise, over 65,000 pixels."""
    images = uniform(rng, *SHAPE, low=0.05, high=0.95)
    for low, high in ((0.05, 0.2), (0.6, 0.8)):
        amount = float(uniform(rng, 1, low=low, high=high))
        seen = student.observe("noise", images=images, amount=amount)
        what = f"with amount={amount:.3f}"
        first, second = seen["draws"]
        noise = judge_values(what, first, images)
        assert not torch.equal(first, second), \
            "two calls gave the same noise: is a seed set inside the function?"
        judge_places(what, noise)
        judge_shares(what, noise, amount)


def judge_touched(what, noisy, images):
    """Assert that an image is there, with noise on it: of whichever kind, which another check is about."""
    expect_tensor(what, noisy, images.shape)
    kept = (noisy == images).float().mean()
    assert kept < 0.95, f"{what}: there is no noise"
    assert kept + ((noisy == 0) | (noisy == 1)).float().mean() > 0.25, \
        f"{what}: pixels should stay as they are, or become 0 or 1"


@graded("autoencoder.add_salt_and_pepper", points=2,
        hint="torch.rand(..., generator=generator): every random number comes from the generator.")
def test_noise_of_a_generator(student, rng):
    """One seed gives one noise; a generator goes on."""
    images = uniform(rng, 8, 1, 16, 16, low=0.05, high=0.95)
    seen = student.observe("seeded", images=images, amount=0.5, number=whole(rng, 1, 10 ** 6))
    (one, then), (same_seed, same_then), (other, _) = (seen[label] for label in ("one", "same", "other"))
    for noisy in (one, same_seed, other, then):
        judge_touched("the noisy images", noisy, images)
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


@graded("autoencoder.add_salt_and_pepper", points=1,
        hint="masked_fill and torch.where return new tensors; clone before you assign to pixels.")
def test_noise_kept(student, rng):
    """The input stays as it is; shape and dtype; no noise, and nothing but noise."""
    for shape in ((whole(rng, 2, 5), 1, 9, 12), (whole(rng, 2, 5), 100), (8, 12)):  # even, so that halves are whole
        images = uniform(rng, *shape, low=0.05, high=0.95).double()
        for amount in (0.0, 0.5, 1.0):
            seen = student.observe("noise", images=images, amount=amount)
            noisy = seen["draws"][0]
            expect_tensor(f"the noisy images for shape {shape}", noisy, shape)
            if amount == 0.5:
                judge_touched(f"the noisy images for shape {shape}", noisy, images)
            assert seen["untouched"], "the images that are given are changed in place: work on a copy"
            assert seen["dtype"] == "torch.float64", f"images of dtype float64 become {seen['dtype']}"
            count = (noisy == images).sum().item()
            assert amount > 0 or count == images.numel(), \
                f"with amount=0 nothing should change; {images.numel() - count} of {images.numel()} pixels did"
            assert amount < 1 or count == 0, \
                f"with amount=1 every pixel should become 0 or 1; {count} of {images.numel()} did not"
