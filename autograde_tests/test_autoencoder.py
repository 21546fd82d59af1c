"""Hidden checks of helpers/autoencoder.py. Each compares what a probe saw with the reference, for inputs drawn anew.

What they say is what the public checks say: helpers/given/checks/autoencoder.py.
"""
from itertools import permutations

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import piece
from helpers import autoencoder
from helpers.given.checks.autoencoder import (CONV_SLIPS, SHAPE, TRANSPOSE_SLIPS, alike, errors, expect_batches,
                                              expect_codes, expect_codes_of_levels, expect_counts, expect_devices,
                                              expect_dtype_of_codes, expect_grid, expect_kept, expect_loss,
                                              expect_loss_gradient, expect_mean, expect_mean_of_levels, expect_noise,
                                              expect_noise_kept, expect_refusal, expect_scalars, expect_seeded,
                                              expect_sizes, points_of, unequal_shapes)
from helpers.given.checks.engine import (ACTIVATIONS, PLAIN, POINTWISE, activation, close, expect_all_learn,
                                         expect_between, expect_tensor, layer_name, name_the_slip, same)


# conv_output_size: 2 points, conv_transpose_output_size: 2 points, count_parameters: 2 points

def judge_sizes(student, name, cases, slips):
    """Assert what a function gives for some lists of arguments."""
    seen = student.observe("sizes", name=name, cases=cases)
    assert len(seen) == len(cases), f"{name} should give {len(cases)} values, got {len(seen)}"
    expect_sizes(name, seen, [getattr(autoencoder, name)(*case) for case in cases], cases, slips)


@graded("autoencoder.conv_output_size", points=2, hint="(size + 2 * padding - kernel_size) // stride + 1")
def test_conv_output_size(student, rng):
    """Random sizes, strides and paddings; with and without a rest in the division."""
    cases = [[whole(rng, 9, 70), whole(rng, 1, 7), whole(rng, 1, 4), whole(rng, 0, 3)] for _ in range(40)]
    judge_sizes(student, "conv_output_size", cases + [[28, 3, 2, 1], [14, 3, 2, 1], [7, 3, 1, 1]], CONV_SLIPS)


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
    expect_counts(student.observe("counts", channels=channels, features=features), channels, features)


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

def pairs(rng):
    """Reconstructions and images in [0, 1] of several random shapes."""
    shapes = [(whole(rng, 2, 6), 1, whole(rng, 3, 9), whole(rng, 3, 9)), (whole(rng, 2, 6), whole(rng, 20, 60)),
              (1, 3, 5, whole(rng, 3, 9))]
    return [(uniform(rng, *shape), uniform(rng, *shape)) for shape in shapes]


def observe_losses(student, cases):
    """Ask for the loss of several pairs; assert that each is a scalar tensor. Returns what was seen, with each pair."""
    seen = student.observe("losses", cases=cases)
    expect_scalars(seen)
    return zip(seen, cases, strict=True)


@graded("autoencoder.reconstruction_loss", points=1, hint="F.mse_loss(x_hat, x): the mean over all numbers")
def test_loss(student, rng):
    """Against the reference, for images and for flattened images."""
    for seen, case in observe_losses(student, pairs(rng)):
        expect_loss(seen, *case)


@graded("autoencoder.reconstruction_loss", points=1, hint="No .item(), no detach: the loss stays joined to x_hat.")
def test_loss_gradient(student, rng):
    for seen, case in observe_losses(student, pairs(rng)):
        expect_loss_gradient(seen, *case)


@graded("autoencoder.reconstruction_loss", points=2,
        hint="if x_hat.shape != x.shape: raise ValueError with both shapes in its text")
def test_loss_refuses(student, rng):
    """Shapes that broadcast, shapes that do not, shapes with as many numbers, in both orders, and equal shapes."""
    n, h, w = whole(rng, 2, 6), whole(rng, 3, 6), whole(rng, 7, 9)
    equal = [((n, 1, h, w), (n, 1, h, w)), ((n, h * w), (n, h * w)), ((n, 3, h, h), (n, 3, h, h))]
    shapes = unequal_shapes(n, h, w) + equal
    order = torch.randperm(len(shapes), generator=rng).tolist()
    seen = student.observe("refusals", shapes=[shapes[k] for k in order])
    assert len(seen) == len(shapes), f"there should be {len(shapes)} losses or errors, got {len(seen)}"
    for k, (kind, text) in sorted(zip(order, seen)):
        expect_refusal(shapes[k], kind, text)


# mean_loss: 5 points, encode_all: 4 points

COUNTS = 11_000, 12_000  # images in a set: few enough for one batch of tiny ones, too many for one of real ones


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


def judge_use(student, rng, name, judge):
    """Assert how a function uses a model in training mode, and one in evaluation mode. judge: function (what was seen,
    mode, number of images) that looks at it.

    It gets one tiny image, many times over. Who weighs batches wrongly, drops some or changes their order gets the
    right result of that.
    """
    count = 1000 * whole(rng, COUNTS[0] // 1000, COUNTS[1] // 1000)
    image = uniform(rng, 1, 1, 2, 3, low=0.3)
    for training in (True, False):
        seen, encoder, decoder = run_over_set(student, rng, name, image.repeat(count, 1, 1, 1), training)
        judge(seen, training, count)
        value, what = seen["value"], "the loss" if name == "mean_loss" else "the code"
        assert isinstance(value, torch.Tensor), f"{name} should return numbers, got {value}"
        assert any(alike(value.flatten()[:due.numel()], due.flatten())
                   for due in of_one(name, image, encoder, decoder, count, len(seen["batches"]))), \
            f"{name} of {count} equal images should give {what} of one of them"


@graded("autoencoder.mean_loss", points=2, hint="total += loss.item() * len(batch), and at the end total / len(images)")
def test_mean_loss(student, rng):
    """The value, where the last and smaller batch has most of the loss."""
    images = small_set(rng)
    expect_mean(*run_over_set(student, rng, "mean_loss", images), images)


@graded("autoencoder.mean_loss", points=1, hint="model.eval() first, model.train(was_training) at the end")
def test_mean_loss_leaves_the_model(student, rng):
    """Mode, gradients, parameters, for a model in training mode and for one in evaluation mode."""
    judge_use(student, rng, "mean_loss", lambda seen, training, _: expect_kept(seen, "mean_loss", training))


@graded("autoencoder.mean_loss", points=1, hint="to_float(batch) brings uint8 into [0, 1], and leaves float as it is.")
def test_mean_loss_of_levels(student, rng):
    """The value for uint8 images."""
    images = (255 * small_set(rng)).byte()
    expect_mean_of_levels(*run_over_set(student, rng, "mean_loss", images), images.float())


@graded("autoencoder.mean_loss", points=1,
        hint="images.split(200) gives batches; batch.to(device) brings each to the device of the model's parameters.")
def test_mean_loss_in_batches(student, rng):
    judge_use(student, rng, "mean_loss", lambda seen, _, count: expect_batches(seen, "mean_loss", count))
    expect_devices("mean_loss", student.observe("devices", name="mean_loss"))


@graded("autoencoder.encode_all", points=2, hint="torch.cat of model.encoder(batch), for all batches, in their order")
def test_encode_all(student, rng):
    """Codes of a set whose size fits no batch."""
    images = small_set(rng)
    seen, encoder, _ = run_over_set(student, rng, "encode_all", images)
    expect_codes(seen, images, encoder)


@graded("autoencoder.encode_all", points=1,
        hint="model.eval() first, model.train(was_training) at the end; in batches, on the device of the model's "
             "parameters")
def test_encode_all_leaves_the_model(student, rng):
    def judge(seen, training, count):
        expect_kept(seen, "encode_all", training)
        expect_batches(seen, "encode_all", count)

    judge_use(student, rng, "encode_all", judge)
    expect_devices("encode_all", student.observe("devices", name="encode_all"))


@graded("autoencoder.encode_all", points=1, hint="to_float(batch) brings uint8 into [0, 1], and leaves float as it is.")
def test_encode_all_of_levels(student, rng):
    images = (255 * small_set(rng)).byte()
    seen, encoder, _ = run_over_set(student, rng, "encode_all", images)
    expect_codes_of_levels(seen, encoder, images.float())


# latent_grid: 3 points

@graded("autoencoder.latent_grid", points=2,
        hint="linspace from min to max of each column; meshgrid with indexing='ij'; stack along a new last axis.")
def test_latent_grid(student, rng):
    """The range of each axis, both ends included, and the order of the axes."""
    # Their three numbers have ranges of their own, away from 0.
    codes = normal(rng, whole(rng, 50, 90), 3) * uniform(rng, 3, low=1, high=20) + uniform(rng, 3, low=-30, high=30)
    steps = whole(rng, 4, 8)
    expect_grid(student.observe("grid", codes=codes, steps=steps)["grid"], codes, steps)


@graded("autoencoder.latent_grid", points=1, hint="steps is 12 if it is not given; the grid has the codes' dtype.")
def test_latent_grid_kept(student, rng):
    """Default number of steps; dtype; the codes stay as they are. The order of the axes and their direction
    do not matter here."""
    end = float(uniform(rng, 1, low=1, high=20))
    codes = end * (uniform(rng, whole(rng, 50, 90), 3, low=-1).sign())
    codes[0], codes[1] = end, -end
    seen = student.observe("grid", codes=codes)
    expect_tensor("latent_grid(codes)", seen["grid"], (12, 12, 12, 3))
    expect_dtype_of_codes(seen["dtype"])
    assert seen["untouched"], "latent_grid changes the codes in place"
    due = points_of([torch.linspace(-end, end, 12)] * 3)
    assert any(close(sign * seen["grid"], due.permute(*order, 3)) for order in permutations(range(3))
               for sign in (1, -1)), f"the axes of the grid should run from {-end:.4g} to {end:.4g} in 12 equal steps"


# add_salt_and_pepper: 5 points

@graded("autoencoder.add_salt_and_pepper", points=2,
        hint="u = torch.rand(images.shape): 0 where u < amount / 2, 1 where u >= 1 - amount / 2.")
def test_noise(student, rng):
    """Values, places, share and balance, for little and for much noise, over 65,000 pixels."""
    images = uniform(rng, *SHAPE, low=0.05, high=0.95)
    for low, high in ((0.05, 0.2), (0.6, 0.8)):
        amount = float(uniform(rng, 1, low=low, high=high))
        expect_noise(student.observe("noise", images=images, amount=amount), images, amount)


@graded("autoencoder.add_salt_and_pepper", points=2,
        hint="torch.rand(..., generator=generator): every random number comes from the generator.")
def test_noise_of_a_generator(student, rng):
    """One seed gives one noise; a generator goes on."""
    images = uniform(rng, 8, 1, 16, 16, low=0.05, high=0.95)
    expect_seeded(student.observe("seeded", images=images, amount=0.5, number=whole(rng, 1, 10 ** 6)), images)


@graded("autoencoder.add_salt_and_pepper", points=1,
        hint="masked_fill and torch.where return new tensors; clone before you assign to pixels.")
def test_noise_kept(student, rng):
    """The input stays as it is; shape, dtype and device; no noise, and nothing but noise."""
    for shape in ((whole(rng, 2, 5), 1, 9, 12), (whole(rng, 2, 5), 100), (8, 12)):  # even, so that halves are whole
        images = uniform(rng, *shape, low=0.05, high=0.95).double()
        for amount in (0.0, 0.5, 1.0):
            seen = student.observe("noise", images=images, amount=amount)
            expect_noise_kept(seen, student.observe("noise_device", images=images), images, amount)
