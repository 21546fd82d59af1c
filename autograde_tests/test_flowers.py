"""Hidden checks of helpers/flowers.py. Each compares what a probe saw with what is due, for inputs drawn anew."""
import operator
from copy import deepcopy
from functools import partial

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import piece
from autograde_tests.probes.flowers import drawn, layers_to_initialize, players, row
from helpers import flowers
from helpers.given.checks.engine import (activation, between, close, expect_all_learn, expect_right, expect_shape,
                                         expect_tensor, layer_name, name_the_slip, parameters, same)


def form(value):
    """What a probe's `shown` value is, in a word or by its shape."""
    return tuple(value.shape) if isinstance(value, torch.Tensor) else value if isinstance(value, str) else "a list"


# select_categories: 3 points

def some_names(rng, count):
    """Names for the numbers 1 to count, in any order, as a JSON file may have them. Some are part of others."""
    return {str(k): f"flower {k}" for k in (torch.randperm(count, generator=rng) + 1).tolist()}


def chosen(labels, numbers):
    """The indices of the images of the categories with these numbers."""
    return torch.isin(labels + 1, torch.tensor(numbers)).nonzero().flatten().tolist()


def selection_slips(labels, numbers, categories):
    """What typical mistakes did, and the indices that each gives, in order. numbers: name -> number."""
    mine = [numbers[name] for name in categories]
    due, everything = chosen(labels, mine), range(len(labels))
    alike = [[number for name, number in numbers.items() if any(test(name, one) for one in categories)]
             for test in (operator.contains, lambda name, one: name in one)]
    return [
        (f"the images with the labels {mine} are selected: labels start at 0, the numbers in the JSON file at 1",
         chosen(labels - 1, mine)),
        ("the labels are shifted in the wrong direction, or by two", chosen(labels + 1, mine)),
        ("all images are selected", [*everything]),
        ("the others are selected", [k for k in everything if k not in due]),
        *[("categories whose name contains another one count as the same: compare whole names",
           chosen(labels, near)) for near in alike],
        ("the labels of the images are returned, not their indices", sorted(labels[due].tolist()))]


def judge_selection(student, labels, names, wanted):
    """Assert the indices for several lists of categories."""
    seen = student.observe("selected", labels=labels, names=names, wanted=wanted)
    assert not seen["changed"], \
        f"select_categories changes the {(*seen['changed'], '')[0]} that it gets: leave them as they are"
    numbers = {name: int(number) for number, name in names.items()}
    for found, categories in zip(seen["found"], wanted, strict=True):
        assert isinstance(found, list), \
            f"select_categories should return the indices of the images, whole numbers on one axis; got {found}"
        assert len(found) <= len(labels) * len(categories), \
            f"select_categories returns {len(found):,} indices for {len(labels)} images"
        found, due = sorted(found), chosen(labels, [numbers[name] for name in categories])
        what = f"for the categories {', '.join(f'{name!r} (number {numbers[name]})' for name in categories)}"
        assert found == due or sorted(set(found)) != due, f"{what} some indices come more than once"
        slips = [(f"{what} {slip}", value) for slip, value in selection_slips(labels, numbers, categories)]
        expect_right(found, due, slips, f"{what} the indices should be {due[:8]} ..., {len(due)} in all, got "
                     f"{found[:8]} ..., {len(found)} in all", near=operator.eq)


@graded("flowers.select_categories", points=2, hint="The image with label 0 shows the category with the number 1.")
def test_one_category(student, rng):
    names = some_names(rng, 12)
    labels = torch.randint(11, (60,), generator=rng)
    labels[:12] = torch.arange(12)  # the last category has one image only
    judge_selection(student, labels, names, [[names[str(k)]] for k in (1, whole(rng, 2, 11), 12)])


@graded("flowers.select_categories", points=1, hint="All images of all wanted categories, in one list of indices.")
def test_many_categories(student, rng):
    """Several of 102 categories, in any order."""
    names = some_names(rng, 102)
    labels = torch.randint(102, (600,), generator=rng)
    wanted = [[names[str(k)] for k in (torch.randperm(102, generator=rng)[:count] + 1).tolist()] for count in (3, 9)]
    judge_selection(student, labels, names, wanted)


# The networks: Generator 6 points, Discriminator 8. The probe gives each layer numbers that are drawn here, for its
# input and its weights, and lets the network go on with other ones instead of its output. So a slip stays where it is
# made, and what is due never depends on what came back: that only says which layers there are, and their sizes.

NORM = "BatchNorm, then "


def numbers(rng):
    """What a probe fills a network with. Their count is a prime: parts that are used again lie elsewhere."""
    return uniform(rng, 30_011, low=-1.0)


def sizes(rng):
    """(channel_num, image_size) for some networks. 8 is the smallest size that check_sizes allows."""
    return [(32, 128), (16 * 2 ** whole(rng, 0, 1), 16), (16 * 2 ** whole(rng, 0, 1), 64), (32, 8)]


def widths(name, arguments):
    """The channels before the first layer of a network and after each."""
    *latent, channels, size = arguments
    halved = [channels // 2 ** k for k in range(size.bit_length() - 3)]  # one for each doubling from 4 pixels
    return [*latent, *halved, 3] if name == "Generator" else [3, *halved[::-1], 1]


class Seen:
    """What a probe saw of a network for an input that is drawn here."""

    def __init__(self, student, rng, name, arguments, shape, evaluated=False):
        self.name, self.what = name, f"{name}({', '.join(map(str, arguments))})"
        self.widths, self.evaluated = widths(name, arguments), evaluated
        self.x, self.numbers = normal(rng, *shape), numbers(rng)
        found = student.observe("network", name=name, arguments=arguments, x=self.x, numbers=self.numbers,
                                evaluated=evaluated)
        assert found["untouched"], f"{name} changes its input in place"
        self.layers, self.norms, self.out, self.training = (found[k] for k in ("layers", "norms", "out", "training"))

    def judge_layers(self):
        """Assert that the right layers run in the right order, with 4x4 kernels; all double or halve the size but the
        first of a generator and the last of a discriminator."""
        what, up = self.what, self.name == "Generator"
        kind = "conv_transpose2d" if up else "conv2d"
        shapes = [(*(pair if up else pair[::-1]), 4, 4) for pair in zip(self.widths, self.widths[1:])]
        due = [layer_name(kind, shape) for shape in shapes]
        ran = [layer_name(layer["kind"], layer["size"]) for layer in self.layers]
        assert ran == due, f"{what} should run {', '.join(due)}; it runs {', '.join(ran) or 'no such layer'}"
        assert self.evaluated or self.training, f"{what} should be made in training mode, not in evaluation mode"
        assert same(self.layers[0]["input"], self.x), f"{due[0]} of {what} should get the input as it is"
        images = self.x.shape
        for k, (layer, shape) in enumerate(zip(self.layers, shapes)):
            bias = drawn(self.numbers, "bias", k, (self.widths[k + 1],)) if layer["bias"] else None
            options = dict(stride=1) if k == (0 if up else len(due) - 1) else dict(stride=2, padding=1)
            expected = getattr(F, kind)(drawn(self.numbers, "input", k, images),
                                        drawn(self.numbers, "weight", k, shape), bias, **options)
            got, images = layer["output"], expected.shape
            assert got.shape == images, f"{due[k]}, layer {k + 1} of {what}, should give images of " \
                f"{tuple(images[1:])}, it gives {tuple(got.shape[1:])}: look at its stride and padding"
            assert close(got, expected), f"{due[k]}, layer {k + 1} of {what}, has other options than stride and padding"

    def count(self):
        """How many layers there are. Some at least must be there, to look between them."""
        count, least = len(self.layers), 3 if self.name == "Discriminator" else 2
        assert least <= count <= 8, f"{self.what} should run {len(self.widths) - 1} layers; it runs {count}"
        return count

    def output(self, k):
        """What the network went on with as the output of layer k."""
        shape = self.layers[k]["output"].shape
        assert shape[0] == len(self.x) and shape.numel() < 1e6, f"layer {k + 1} of {self.what} gives {tuple(shape)}"
        return drawn(self.numbers, "output", k, shape)

    def normalised(self, k, x):
        """What batch norm k makes of x."""
        norm, own = self.norms[k], {part: drawn(self.numbers, part, k, x.shape[1:2])
                                    for part in ("running_mean", "running_var", "weight", "bias")}
        assert 0 <= norm["eps"] < 0.1, f"eps of a BatchNorm of {self.what} is {norm['eps']:.3g}"
        statistics = (own["running_mean"], own["running_var"]) if self.evaluated else (None, None)
        return F.batch_norm(x, *statistics, own["weight"] if norm["scaled"] else None,
                            own["bias"] if norm["shifted"] else None, not self.evaluated, eps=norm["eps"])

    def between(self, k):
        """Say what stands between layer k and the next one; None if it is nothing that we know."""
        here = [place for place, norm in enumerate(self.norms) if norm["after"] == k + 1]
        norms = {"BatchNorm": partial(self.normalised, here[0])} if len(here) == 1 else {}
        found = between(self.output(k), self.layers[k + 1]["input"], norms)
        return "BatchNorm without an activation" if found == "BatchNorm" else found

    def expect_between(self, k, *wanted):
        """Assert that one of these stands between layer k and the next one."""
        found = self.between(k) or "something else"
        assert found in wanted, f"after layer {k + 1} of {self.what} there should be {wanted[0]}; there is {found}"

    def expect_end(self, wanted, why):
        """Assert what stands after the last layer."""
        found = activation(self.output(self.count() - 1), self.out) or "something else"
        assert found == wanted, f"{self.what} should end with {wanted}, {why}; it ends with {found}"


def judge_use(student, rng, name, arguments, shape, default_shape, due, contract):
    """Assert that all layers of a network learn; and, with default arguments, the shape due for an input of
    default_shape and the number of parameters. contract: what the default network should do."""
    seen = student.observe("used", name=name, arguments=arguments, x=normal(rng, *shape),
                           large=normal(rng, *default_shape))
    expect_all_learn(seen["silent"], f"is every layer of the {name.lower()} used?")
    assert seen["shape"] == due, f"{name}() should {contract} has shape {tuple(seen['shape'])}"
    count = parameters(getattr(flowers, name)())
    assert 0.99 * count < seen["parameters"] < 1.01 * count, f"{name}() should have 512 channels at 4x4 pixels, " \
        f"about {count:,} parameters; it has {seen['parameters']:,}"


@graded("flowers.Generator", points=3, hint="4x4 pixels with channel_num channels first; then twice the size and half "
        "of the channels each time; 3 channels at the end.")
def test_generator_layers(student, rng):
    """Kinds, channels and sizes of the layers, for several sizes of images."""
    latent = whole(rng, 5, 20)
    for channels, size in sizes(rng):
        seen = Seen(student, rng, "Generator", [latent, channels, size], (3, latent, 1, 1))
        seen.judge_layers()
        expect_tensor(f"{seen.what}(input)", seen.out, (3, 3, size, size))


@graded("flowers.Generator", points=2, hint="BatchNorm, then ReLU after each transposed convolution but the last; Tanh "
        "at the end.")
def test_generator_between(student, rng):
    """What stands between the layers, and at the end."""
    latent = whole(rng, 5, 20)
    for size in (16, 64):
        seen = Seen(student, rng, "Generator", [latent, 16, size], (6, latent, 1, 1))
        what, count, norms = seen.what, seen.count(), len(seen.norms)
        for k in range(count - 1):
            seen.expect_between(k, NORM + "ReLU")
        assert norms == count - 1, f"{what} should have {count - 1} BatchNorm layers, one after each layer but the " \
            f"last; it runs {norms}"
        seen.expect_end("Tanh", "for pixels in [-1, 1]")


@graded("flowers.Generator", points=1, hint="Generator(latent_dim=128, channel_num=512, image_size=256); BatchNorm as "
        "nn.BatchNorm2d makes it.")
def test_generator_evaluated(student, rng):
    """Evaluation mode: one latent vector alone as in a batch. Gradients reach all layers. Default arguments."""
    latent = whole(rng, 5, 20)
    arguments = [latent, 16, 16]
    for count in (4, 1):
        seen = Seen(student, rng, "Generator", arguments, (count, latent, 1, 1), evaluated=True)
        seen.judge_layers()
        expect_tensor("the generator's images in evaluation mode", seen.out, (count, 3, 16, 16))
        for k in range(seen.count() - 1):
            assert seen.between(k), "in evaluation mode, a latent vector should give the same image alone and in a " \
                "batch: leave BatchNorm's running statistics as nn.BatchNorm2d has them"
    judge_use(student, rng, "Generator", arguments, (4, latent, 1, 1), (1, 128, 1, 1), [1, 3, 256, 256],
              "make images of 256x256 of 128 latent numbers, its output")


@graded("flowers.Discriminator", points=2, hint="The generator's channels and sizes backwards; one number at the end.")
def test_discriminator_layers(student, rng):
    """Kinds, channels and sizes of the layers, for several sizes of images."""
    for channels, size in sizes(rng):
        Seen(student, rng, "Discriminator", [channels, size], (3, 3, size, size)).judge_layers()


@graded("flowers.Discriminator", points=2, hint="LeakyReLU after the first convolution; BatchNorm, then LeakyReLU "
        "after the next ones; Sigmoid at the end. nn.LeakyReLU() alone has another slope than 0.2.")
def test_discriminator_between(student, rng):
    """What stands between the layers, and at the end. BatchNorm's place is free."""
    leaky = "LeakyReLU with slope 0.2"
    for size in (16, 64):
        seen = Seen(student, rng, "Discriminator", [16, size], (6, 3, size, size))
        what, count, norms = seen.what, seen.count(), len(seen.norms)
        norms_due = f"{what} should have {count - 2} BatchNorm layers, none after the first and the last " \
            f"convolution, one after each of the others; it runs {norms}"
        assert "BatchNorm" not in (seen.between(0) or ""), \
            f"after the first convolution of {what} there should be LeakyReLU, and no BatchNorm"
        assert norms <= count - 2, norms_due
        seen.expect_between(0, leaky)
        for k in range(1, count - 1):
            seen.expect_between(k, NORM + leaky, f"{leaky}, then BatchNorm")
        assert norms == count - 2, norms_due
        seen.expect_end("Sigmoid", "for probabilities")


@graded("flowers.Discriminator", points=3, hint="spectral_norm(nn.Conv2d(...)) for every convolution, the first and "
        "the last ones, too")
def test_discriminator_spectral(student, rng):
    """The weights that the convolutions use are the stored ones, divided by their largest singular value."""
    for channels, size in sizes(rng)[1:]:
        what, due = f"Discriminator({channels}, {size})", widths("Discriminator", [channels, size])
        # Some pieces are larger than others, and the mean is not 0: so the largest value is soon found by a power
        # iteration, but cannot be guessed from the size and spread of a weight.
        own = 4 * uniform(rng, 30_011, low=-0.5) * normal(rng, 1000).repeat_interleave(31)[:30_011]
        seen = student.observe("weights", arguments=[channels, size], x=normal(rng, 3, 3, size, size), numbers=own)[:8]
        assert seen, f"{what} runs no convolution"
        used = [layer["weight"] for layer in seen]
        # Kernels of other sizes are for another check, and so is a last layer that is no convolution.
        assert [weight.shape[:2] for weight in used] in (list(zip(due[1:], due)), list(zip(due[1:-1], due))) \
            and all(4 <= weight[0, 0].numel() <= 100 for weight in used), f"the convolutions of {what} should have " \
            f"{due[1:]} output channels; the shapes of their weights are {[tuple(weight.shape) for weight in used]}"
        for k, weight in enumerate(used):
            value = torch.linalg.matrix_norm(weight.flatten(1), 2).item()
            assert abs(value - 1) < 0.1, f"the weight of layer {k + 1} of {what} should have the largest singular " \
                f"value 1 after some steps, it has {value:.3g}: wrap this convolution in spectral_norm"
            stored = piece(own, seen[k]["position"], weight.shape)
            assert torch.cosine_similarity(weight.flatten(), stored.flatten(), dim=0) > 0.9999, \
                f"the weight of layer {k + 1} of {what} should be the stored one, divided by its largest singular value"


@graded("flowers.Discriminator", points=1, hint="(N,) probabilities, for N = 1 too: flatten() or view(-1) at the end")
def test_discriminator_output(student, rng):
    """Shape for a batch and for one image; gradients; default arguments."""
    arguments, shape = [16, 16], (3, 16, 16)
    for evaluated in (False, True):
        seen = Seen(student, rng, "Discriminator", arguments, (4, *shape), evaluated)
        expect_tensor("the discriminator's output for 4 images", seen.out, (4,))
    seen = Seen(student, rng, "Discriminator", arguments, (1, *shape), evaluated=True)
    single = tuple(getattr(seen.out, "shape", ()))
    assert single == (1,), f"the discriminator's output for one image should have shape (1,), it has {single}"
    seen.judge_layers()
    judge_use(student, rng, "Discriminator", arguments, (4, *shape), (2, 3, 256, 256), [2],
              "take images of 256x256, its output for two")


# largest_singular_value: 2 points

def singular_slips(weight):
    """What typical mistakes did, and the value that each gives."""
    matrix, values = weight.flatten(1), torch.linalg.svdvals(weight.flatten(1))
    sums = "that is the largest sum of a column or row (norm of order 1 or inf): the order is 2"
    return [
        ("that is the Frobenius norm, the root of the sum of all squares", weight.norm()),
        ("that is the smallest singular value, not the largest", values[-1]),
        ("that is the square of the largest singular value", values[0] ** 2),
        ("that is the sum of the singular values", values.sum()),
        ("that is the largest number of the weight", weight.max()),
        ("that is the largest absolute value of the weight", weight.abs().max()),
        ("the rows of the matrix should be the output channels, weight.flatten(1)",
         torch.linalg.matrix_norm(weight.transpose(0, 1).flatten(1), 2)),
        ("the weight should be one matrix with a row for each output channel, not many of height x width",
         torch.linalg.svdvals(weight).max()),
        ("the rows of the matrix are not the output channels: flatten(1), not flatten(2) or another shape",
         torch.linalg.matrix_norm(weight.flatten(0, 2), 2)),
        ("that is the mean of the singular values", values.mean()),
        (sums, matrix.abs().sum(1).max()), (sums, matrix.abs().sum(0).max()),
        ("that is the root of the largest singular value", values[0].sqrt())]


def near_values(rng):
    """A weight (12, 4, 3, 5) with the singular values 3, 2.94, 2.94, ..."""
    rows, columns = (torch.linalg.qr(normal(rng, size, 12)).Q for size in (12, 60))
    values = torch.full((12,), 2.94)
    values[0] = 3.0
    return (rows * values @ columns.T).reshape(12, 4, 3, 5)


@graded("flowers.largest_singular_value", points=2, hint="Make the weight a matrix with a row for each output channel, "
        "whatever the kernel's size. torch.linalg has norms of matrices: which order is the spectral norm?")
def test_singular_value(student, rng):
    cases = [normal(rng, *shape) for shape in ((whole(rng, 5, 9), 3, 4, 4), (3, whole(rng, 5, 9), 4, 4), (1, 8, 4, 4))]
    cases[1] -= 2
    cases.append(near_values(rng))
    # The number that is furthest from 0 is negative.
    cases = [-weight if weight.max() == weight.abs().max() else weight for weight in cases]
    seen = student.observe("singular", weights=cases)
    assert seen["untouched"], "largest_singular_value changes the weight that it gets"
    for weight, value in zip(cases, seen["values"], strict=True):
        got = value if isinstance(value, str) else f"shape {tuple(value.shape)}"
        assert isinstance(value, torch.Tensor) and value.dim() == 0, \
            f"the largest singular value of a weight {tuple(weight.shape)} should be one number, got {got}"
        due, value = torch.linalg.matrix_norm(weight.flatten(1), 2), value.float()
        if close(value, due, 1e-3):
            continue
        name_the_slip(value, singular_slips(weight))
        little = ", a little less: a power iteration needs more steps" if 0.9 * due < value < due else ""
        raise AssertionError(f"for a weight {tuple(weight.shape)} the value should be {due:.5g}, it is {value:.5g}"
                             f"{little}")


# weights_init: 4 points

def observe_initialized(student, rng):
    """Ask for layers after weights_init. Returns the observation, and the layers before, by their names."""
    channels, own = whole(rng, 40, 48), numbers(rng)
    seen = student.observe("initialized", channels=channels, numbers=own)
    assert not seen["frozen"], f"after weights_init, {(*seen['frozen'], '')[0]} learns nothing: it requires no gradient"
    assert not seen["evaluated"], "after weights_init, layers are in evaluation mode: leave the mode as it is"
    layers = layers_to_initialize(channels, own).requires_grad_(False)
    for name, layer in layers.items():
        told = seen["layers"][name]
        for part in ("weight", "again"):
            expect_tensor(f"the weight of {name}", told[part], layer.weight.shape)
        if layer.bias is not None:
            expect_tensor(f"the bias of {name}", told["bias"], layer.bias.shape)
    return seen, layers


def judge_drawn(what, told, before, mean):
    """Assert that these weights were drawn from N(mean, 0.02^2), and others the next time."""
    weight = told["weight"]
    got = weight.mean().item(), weight.std().item()
    assert not close(weight, before, 1e-7), f"{what} stay as PyTorch made them: draw them from N({mean}, 0.02^2)"
    text = f"{what} should be drawn from N({mean}, 0.02^2); their mean is {got[0]:.3g}, their standard deviation " \
        f"{got[1]:.3g}"
    assert got[1] > 1e-6, f"{text}: they are all the same"
    assert abs(got[0] - mean) < 4e-3, text
    assert abs(got[1] - 0.02) < 2e-3, text + (
        ": 0.02 is the standard deviation, not the variance" if abs(got[1] - 0.02 ** 0.5) < 0.01 else "")
    ranks = ((weight.flatten().double() - mean) / 0.02).sort().values
    normal_cdf = 0.5 * (1 + torch.erf(ranks / 2 ** 0.5))
    assert (normal_cdf - torch.linspace(0, 1, len(ranks), dtype=torch.double)).abs().max() < 0.035, \
        f"{what} should be normally distributed"
    assert not torch.equal(weight, told["again"]), f"{what} are the same each time: leave the seed alone"


@graded("flowers.weights_init", points=2, hint="nn.init.normal_(module.weight, 0.0, 0.02) for both kinds of layers")
def test_weights_of_convolutions(student, rng):
    seen, layers = observe_initialized(student, rng)
    for name, layer in layers.items():
        told = seen["layers"][name]
        if "Conv" in name:
            judge_drawn(f"the weights of {name}", told, layer.weight, 0)
            assert layer.bias is None or not told["bias"].any() or torch.equal(told["bias"], layer.bias), \
                f"the biases of {name} should stay as they are, or be 0"
        if name == "Linear":
            assert torch.equal(told["weight"], layer.weight) and torch.equal(told["bias"], layer.bias), \
                "nn.Linear changes: layers other than convolutions and BatchNorm should stay as they are"
    assert not seen["wrapped"], \
        f"weights_init stumbles over a convolution with spectral normalisation: {seen['wrapped']}"


@graded("flowers.weights_init", points=2, hint="nn.init.normal_(module.weight, 1.0, 0.02) for BatchNorm, its bias 0")
def test_weights_of_norms(student, rng):
    seen, layers = observe_initialized(student, rng)
    judge_drawn("the scales of BatchNorm", seen["layers"]["BatchNorm2d"], layers["BatchNorm2d"].weight, 1)
    assert not seen["layers"]["BatchNorm2d"]["bias"].any(), "the biases of BatchNorm should be 0"


# The update steps: update_discriminator 6 points, update_generator 5

LEFT = 0.7  # the gradient that an earlier step left behind, everywhere


class Game:
    """A small game with its inputs, what both networks make of them, and what a step of the student does to it."""

    def __init__(self, student, rng, step):
        self.count, self.shape, self.latent = whole(rng, 4, 7), (3, 2, whole(rng, 2, 4)), whole(rng, 3, 6)
        pixels = 6 * self.shape[2]
        self.d_weights, self.g_weights = normal(rng, pixels + 1) / 2, normal(rng, pixels * (self.latent + 1)) / 2
        self.x, self.z = uniform(rng, self.count, *self.shape, low=-1.0), normal(rng, self.count, self.latent, 1, 1)
        self.D, self.G = self.networks(self.d_weights, self.g_weights)
        self.images = self.G(self.z)
        self.on_real, self.on_fake = self.D(self.x), self.D(self.images)
        # The losses of both for the label 1 and for the label 0.
        (self.real_1, self.real_0), (self.fake_1, self.fake_0) = (
            (-p.log().mean(), -(1 - p).log().mean()) for p in (self.on_real, self.on_fake))
        self.pull = normal(rng, self.count, *self.shape)
        more = dict(real_images=self.x, pull=self.pull) if step == "d_step" else {}
        self.seen = student.observe(step, d_weights=self.d_weights, g_weights=self.g_weights,
                                    image_shape=list(self.shape), noise=self.z, left=LEFT, **more)
        for name, weights in (("D", self.d_weights), ("G", self.g_weights)):
            for part in ("weights", "gradients"):
                expect_shape(f"what the step leaves of {name}'s {part}", self.seen[name][part], weights.shape)

    def networks(self, d_weights, g_weights):
        """The discriminator and the generator with these weights."""
        return players(d_weights, g_weights, self.shape, self.latent)

    def gradient(self, loss, network):
        """The gradient of a loss in a network's weights."""
        return row(torch.autograd.grad(loss, list(network.parameters()), retain_graph=True))

    def judge_numbers(self, step, due, slips):
        """Assert the numbers that a step returns. slips: function (name of a number) -> what is said of it, value."""
        returned, count = self.seen["returned"], len(due) + (step == "update_discriminator")
        assert len(returned) == count, f"{step} should return {count} things, it returns {len(returned)}"
        for (what, right), value in zip(due.items(), returned):
            assert isinstance(value, torch.Tensor) and value.dim() == 0, \
                f"{what} should be one number, got {form(value)}"
            expect_right(value, right, [(f"{what} is {said}", wrong) for said, wrong in slips(what)],
                         f"{what} should be {right:.5g}, it is {value:.5g}")

    def judge_move(self, step, what, moved, due, slips):
        """Assert by how much the weights of a network moved. slips: what was done, and the move."""
        expect_right(moved, due, [(f"{what}: {said}", wrong) for said, wrong in slips],
                     f"{what} should take one step against the gradient of the loss, from gradients of 0; {step} moves "
                     "its weights otherwise")
        assert not self.seen["frozen"], "weights that learned before do not require gradients afterwards"
        assert all(self.seen["modes"]), "both networks should stay in training mode, also while they run: in " \
            "evaluation mode, BatchNorm is another layer"


@graded("flowers.update_discriminator", points=2, hint="return err_real, d_x, err_fake, d_g_z1, fake_images: losses "
        "and means of before the step")
def test_discriminator_values(student, rng):
    game = Game(student, rng, "d_step")
    due = {"err_real": game.real_1, "d_x": game.on_real.mean(), "err_fake": game.fake_0, "d_g_z1": game.on_fake.mean()}
    new, _ = game.networks(game.seen["D"]["weights"], game.g_weights)

    def slips(what):
        order = "the order is (err_real, d_x, err_fake, d_g_z1, fake_images)"
        return [*((f"what {other} should be: {order}", value) for other, value in due.items() if other != what),
                ("the loss for the label 0: photographs have the label 1", game.real_0),
                ("the loss for the label 1: generated images have the label 0 here", game.fake_1),
                ("a sum over the batch: take the mean", due[what] * game.count),
                ("half of the loss: add the two terms as they are", due[what] / 2),
                ("the sum of both terms: return them apart", game.real_1 + game.fake_0),
                ("taken after the step: it belongs to the discriminator of before",
                 new(game.x if what == "d_x" else game.images).mean()),
                ("the wrong way round: the minus is missing", -due[what])]

    assert game.seen["untouched"], "update_discriminator changes its images or its noise"
    game.judge_numbers("update_discriminator", due, slips)
    images = game.seen["returned"][4]
    expect_tensor("fake_images", images, game.images.shape)
    assert close(images, game.images), "fake_images should be generator(noise)"


@graded("flowers.update_discriminator", points=2, hint="optimizer.zero_grad(), backward for both terms, one "
        "optimizer.step()")
def test_discriminator_step(student, rng):
    """The weights after the step, whatever gradients were left behind."""
    game = Game(student, rng, "d_step")
    photographs, generated = game.gradient(game.real_1, game.D), game.gradient(game.fake_0, game.D)
    as_photographs = game.gradient(game.fake_1, game.D)
    due, moved, steps = photographs + generated, game.d_weights - game.seen["D"]["weights"], game.seen["steps"]
    assert steps or moved.any(), "optimizer.step() is missing: the discriminator's weights stay as they are"
    assert steps < 2, "the discriminator: one step on both terms together, not one for each of them"
    assert moved.any(), "the discriminator's weights stay as they are: no gradient reaches them"
    game.judge_move("update_discriminator", "the discriminator", moved, due, [
        ("the gradients of an earlier step are still there: optimizer.zero_grad()", due + LEFT),
        ("it learns from the photographs only", photographs),
        ("it learns from the photographs only", photographs + LEFT),
        ("it learns from the generated images only", generated),
        ("it learns from the generated images only", generated + LEFT),
        ("the losses are averaged: add them", due / 2),
        ("the losses are summed over the batch: take the mean", due * game.count),
        ("the weights move uphill: minimise the loss", -due),
        ("the labels are swapped: photographs have label 1, generated images 0",
         game.gradient(game.real_0, game.D) + as_photographs),
        ("generated images have the label 1 in its loss: their label is 0 here", photographs + as_photographs)])


@graded("flowers.update_discriminator", points=2, hint="discriminator(fake_images.detach()), but return fake_images as "
        "they are")
def test_discriminator_leaves_generator(student, rng):
    """The generator's weights and gradients; the way back from the generated images."""
    game = Game(student, rng, "d_step")
    kept, returned = game.seen["G"], game.seen["returned"]
    assert torch.equal(kept["weights"], game.g_weights), "the generator's weights change in the discriminator's step"
    assert not kept["gradients"].any() or (kept["gradients"] == LEFT).all(), "the generator gets gradients in the " \
        "discriminator's step: the discriminator should get fake_images.detach()"
    assert len(returned) == 5 and isinstance(returned[4], torch.Tensor), \
        "update_discriminator should return five things, the generated images last"
    assert "way_back" in game.seen, "fake_images come without the way back to the generator's weights: return them " \
        "as the generator made them, not detached"
    due = game.gradient((game.images * game.pull).sum(), game.G)
    assert close(game.seen["way_back"], due), \
        "fake_images should be generator(noise): the way back from them is another one"


@graded("flowers.update_generator", points=2, hint="return err_g, d_g_z2: -log D(G(z)) and D(G(z)), both means")
def test_generator_values(student, rng):
    game = Game(student, rng, "g_step")
    due = {"err_g": game.fake_1, "d_g_z2": game.on_fake.mean()}
    _, new = game.networks(game.d_weights, game.seen["G"]["weights"])

    def slips(what):
        return [("what the other one should be: the order is (err_g, d_g_z2)",
                 due["d_g_z2" if what == "err_g" else "err_g"]),
                ("the loss for the label 0: the generator wants its images to be taken for real, label 1", game.fake_0),
                ("log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))", -game.fake_0),
                ("a sum over the batch: take the mean", due[what] * game.count),
                ("taken after the step: it belongs to the images that were given", game.D(new(game.z)).mean()),
                ("the wrong way round: the minus is missing", -due[what])]

    game.judge_numbers("update_generator", due, slips)
    assert game.seen["untouched"], "update_generator changes the images it gets"


@graded("flowers.update_generator", points=2, hint="optimizer.zero_grad(), discriminator(fake_images), backward with "
        "the label 1, optimizer.step()")
def test_generator_step(student, rng):
    """The weights after the step, whatever gradients were left behind."""
    game = Game(student, rng, "g_step")
    due, opposite = game.gradient(game.fake_1, game.G), game.gradient(game.fake_0, game.G)
    moved = game.g_weights - game.seen["G"]["weights"]
    assert game.seen["steps"] or moved.any(), "optimizer.step() is missing: the generator's weights stay as they are"
    assert moved.any() and not close(moved, torch.full_like(due, LEFT), 1e-5), \
        "no gradient reaches the generator: are the images detached?"
    game.judge_move("update_generator", "the generator", moved, due, [
        ("the gradients of an earlier step are still there: optimizer.zero_grad()", due + LEFT),
        ("it minimises log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))", -opposite),
        ("its images have the label 0 in its loss: it wants them to be taken for real, label 1", opposite),
        ("the weights move uphill: minimise the loss", -due),
        ("the losses are summed over the batch: take the mean", due * game.count),
        ("the step is taken twice", due * 2),
        ("the loss is halved", due / 2)])


@graded("flowers.update_generator", points=1, hint="The optimiser is the generator's: it does not know the "
        "discriminator's weights.")
def test_generator_leaves_discriminator(student, rng):
    """Who does nothing leaves it alone, too: one thing at least that needs the discriminator must be right."""
    game = Game(student, rng, "g_step")
    assert torch.equal(game.seen["D"]["weights"], game.d_weights), \
        "the discriminator's weights change in the generator's step"
    right = zip(game.seen["returned"], (game.fake_1, game.on_fake.mean()))
    assert any(isinstance(value, torch.Tensor) and close(value, due) for value, due in right) \
        or close(game.g_weights - game.seen["G"]["weights"], game.gradient(game.fake_1, game.G)), \
        "whether the discriminator keeps its weights counts when a value or the step is right"


# generate: 5 points

def observe_generated(student, rng):
    """Ask for images; returns the observation, the state of the generator and latent vectors."""
    latent, count = whole(rng, 3, 6), whole(rng, 4, 7)
    G = torch.nn.Sequential(torch.nn.ConvTranspose2d(latent, 3, 2), torch.nn.BatchNorm2d(3), torch.nn.Tanh())
    with torch.no_grad():
        for p in G[0].parameters():
            p.copy_(normal(rng, *p.shape) / 2)
        G[1].running_mean.copy_(uniform(rng, 3, low=-1.0))
        G[1].running_var.copy_(uniform(rng, 3, low=1.0, high=3.0))
    z, temperatures = normal(rng, count, latent, 1, 1), [0.3, 1.5]
    seen = student.observe("generated", z=z, temperatures=temperatures, state=dict(G.state_dict()))
    for images in (seen["images"], seen["evaluated"], *seen["warm"]):
        expect_tensor("the images", images, (count, 3, 2, 2))
    for image in seen["alone"]:
        expect_tensor("the images of one latent vector", image, (1, 3, 2, 2))
    assert seen["untouched"], "generate changes the latent vectors that it gets"
    return seen, G, z, temperatures


def images_of(G, z, training=False):
    """What a generator makes, in [-1, 1], in one of its modes."""
    with torch.no_grad():
        return deepcopy(G).train(training)(z)


# What may be done with images in [-1, 1]: the right thing first, then usual slips.
RANGES = [("", lambda x: (x + 1) / 2),
          ("the images lie in [-1, 1]: bring them to [0, 1]", lambda x: x),
          ("the images are clamped to [0, 1]: (x + 1) / 2 brings them there", lambda x: x.clamp(0, 1)),
          ("the images are shifted by 1: halve them, too", lambda x: x + 1),
          ("the images are halved: add 1 first", lambda x: x / 2)]


@graded("flowers.generate", points=2, hint="generator.eval() before the images are made: BatchNorm then uses what it "
        "remembers, not the batch.")
def test_generate(student, rng):
    """The images, in a batch and alone, and their range."""
    seen, G, z, _ = observe_generated(student, rng)
    modes = [("", images_of(G, z)), ("the generator runs in training mode, where an image depends on the others of its "
                                     "batch: generator.eval()", images_of(G, z, training=True))]
    slips = [(". ".join(filter(None, (slip, mode))), scale(made)) for mode, made in modes for slip, scale in RANGES]
    due = slips[0][1]
    for images, where in ((seen["evaluated"], "for a generator in evaluation mode, "), (seen["images"], "")):
        expect_right(images, due, [(where + slip, made) for slip, made in slips],
                     f"{where}the images should be (G(z) + 1) / 2 of the generator in evaluation mode; they run from "
                     f"{images.min():.3f} to {images.max():.3f}")
    assert close(torch.cat(seen["alone"]), due), \
        "a latent vector gives another image alone than in a batch: generator.eval()"
    assert not seen["requires_grad"], "the images keep their graph, which fills the memory: torch.no_grad()"


@graded("flowers.generate", points=2, hint="If z has the variance 1, the root of T times z has the variance T.")
def test_temperature(student, rng):
    seen, G, z, temperatures = observe_generated(student, rng)

    def fits(images, factor):
        """True if the images are those of factor * z, in any mode and range: those are not judged here."""
        return any(close(images, scale(made)) for made in (images_of(G, factor * z, training)
                                                           for training in (False, True)) for _, scale in RANGES)

    divided = "the latent vectors are divided: a higher temperature takes them further from 0"
    for images, t in zip(seen["warm"], temperatures, strict=True):
        expect_right(images, t ** 0.5, [
            ("the latent vectors are multiplied by T: T is the variance, so take its root", t),
            ("the temperature changes nothing: scale the latent vectors", 1.0),
            (divided, t ** -0.5), (divided, 1 / t),
            ("the latent vectors are multiplied by T squared: T is the variance, so take its root", t * t)],
            f"with temperature {t} the images should be those of sqrt({t}) z", near=fits)


@graded("flowers.generate", points=1, hint="generate should leave nothing behind: remember the generator's mode and "
        "put it back, and switch gradients off in a with block only.")
def test_generate_keeps_mode(student, rng):
    """The mode afterwards, and whether the generator can still learn."""
    seen, G, z, _ = observe_generated(student, rng)
    # Who does not ask the generator leaves its mode alone, too. What is done with its images does not matter here.
    made = [images_of(G, z, training) for training in (False, True)]
    rows = torch.stack([seen["images"], *made, *(images.clamp(0, 1) for images in made)]).flatten(1)
    likeness = torch.corrcoef(rows)[0, 1:].nan_to_num()
    assert likeness.max() > 0.98, "the images should be those of the generator"
    assert seen["gradients"], "after generate, gradients are off in the whole program, and nothing can learn: use " \
        "with torch.no_grad(), which ends"
    assert not seen["frozen"], "after generate, the generator's weights require no gradients, so it cannot learn: " \
        "leave requires_grad as it is"
    assert all(seen["after_training"]), "a generator in training mode is left in evaluation mode: put it back"
    assert not any(seen["after_evaluation"]), \
        "a generator in evaluation mode is left in training mode: put it back as it was"


# The paths: 2 points each

def path_cases(rng):
    """(shape of a latent vector, alphas, angle between the two): an angle below a right one, and one above.

    At a right angle, some mistakes with the angle could not be told from each other.
    """
    return [((whole(rng, 3, 9), 1, 1), torch.linspace(0, 1, 11), uniform(rng, 1, low=0.85, high=0.95)),
            ((2, 5, 1, 1), uniform(rng, 4), uniform(rng, 1, low=2.1, high=2.3))]


def observe_path(student, rng, name, shape, alphas, angle):
    """Ask for a path; returns it, with z1 and z2, which have this angle between them and different lengths."""
    z1, z2 = normal(rng, *shape), normal(rng, *shape)
    z2 = z2 - (z1 * z2).sum() / z1.square().sum() * z1
    z2 = uniform(rng, 1, low=1.5, high=2) * z1.norm() * (angle.cos() * z1 / z1.norm() + angle.sin() * z2 / z2.norm())
    seen = student.observe("path", name=name, z1=z1, z2=z2, alphas=alphas)
    assert seen["untouched"], f"{name} changes the latent vectors that it gets"
    listed, tensor = seen["paths"]
    for value in (listed, tensor):
        assert isinstance(value, torch.Tensor) and value.shape == (len(alphas), *shape), f"{name} for latent vectors " \
            f"{tuple(shape)} and {len(alphas)} alphas should have shape {(len(alphas), *shape)}, the alphas on a new " \
            f"first axis; got {form(value)}"
        assert name != "slerp" or value.isfinite().all(), "slerp gives NaN: torch.acos wants a cosine, from -1 to 1. " \
            "Are the lengths of z1 and z2 missing?"
        expect_tensor(f"the path of {name}", value, (len(alphas), *shape))
    assert close(listed, tensor), f"{name} gives other points for a list than for a tensor"
    return listed, z1, z2


def along(alphas, shape):
    return alphas.reshape(-1, *[1] * len(shape))


@graded("flowers.convex_path", points=2, hint="One point for each alpha, on a new first axis. alpha 1 is z1, alpha 0 "
        "is z2.")
def test_convex_path(student, rng):
    """Its points, for the alphas of the exercise and for others; shapes."""
    sums = "the factors do not add up to 1: alpha z1 + (1 - alpha) z2"
    for shape, alphas, angle in path_cases(rng):
        found, z1, z2 = observe_path(student, rng, "convex_path", shape, alphas, angle)
        a = along(alphas, shape)
        even = along(torch.linspace(0, 1, len(alphas)), shape)
        expect_right(found, a * z1 + (1 - a) * z2, [
            ("the path is reversed: alpha = 1 is z1, alpha = 0 is z2", (1 - a) * z1 + a * z2),
            (sums, a * z1 + (1 + a) * z2), (sums, a * z1 + z2), (sums, a * (z1 + z2)), (sums, z1 + a * z2),
            ("the second term is to be added, not subtracted", a * z1 - (1 - a) * z2),
            ("the alphas that are given are not used, but evenly spaced ones", even * z1 + (1 - even) * z2),
            ("the arc on the sphere is what slerp should give; here it is the straight line",
             flowers.slerp(z1, z2, alphas)),
            ("the factors are roots: alpha z1 + (1 - alpha) z2", a.sqrt() * z1 + (1 - a).sqrt() * z2)],
            "the points should be alpha z1 + (1 - alpha) z2")


@graded("flowers.slerp", points=2, hint="omega = acos(z1 . z2 / (|z1| |z2|)), all numbers of a latent vector together")
def test_slerp(student, rng):
    """Its points for vectors of different lengths; shapes."""
    obtuse = "the angle between z1 and z2 may be larger than a right one"
    turned = f"{obtuse}: no vector should be turned round, for the ends are z1 and z2"
    for shape, alphas, angle in path_cases(rng):
        found, z1, z2 = observe_path(student, rng, "slerp", shape, alphas, angle)
        a = along(alphas, shape)
        u, v = z1.flatten(), z2.flatten()
        cosine = u @ v / u.norm() / v.norm()
        omega = cosine.acos()

        def arc(b, w, first, second):
            return torch.sin(b * w) / w.sin() * first + torch.sin((1 - b) * w) / w.sin() * second

        expect_right(found, arc(a, omega, z1, z2), [
            ("the arc is reversed: alpha = 1 is z1, alpha = 0 is z2", arc(1 - a, omega, z1, z2)),
            ("that is the straight line of convex_path", a * z1 + (1 - a) * z2),
            ("the division by sin(omega) is missing", arc(a, omega, z1, z2) * omega.sin()),
            ("omega is the cosine itself: take torch.acos of it", arc(a, cosine, z1, z2)),
            ("omega should be the angle, from torch.acos; it comes from torch.asin", arc(a, cosine.asin(), z1, z2)),
            ("omega is in degrees: torch.sin wants radians", arc(a, torch.rad2deg(omega), z1, z2)),
            ("omega is doubled or halved", arc(a, omega / 2, z1, z2)),
            ("omega is doubled or halved", arc(a, omega * 2, z1, z2)),
            ("the points are scaled to length 1: z1 and z2 should be the ends",
             arc(a, omega, z1 / u.norm(), z2 / v.norm())),
            ("both factors should be sines, not cosines",
             (torch.cos(a * omega) * z1 + torch.cos((1 - a) * omega) * z2) / omega.cos()),
            ("both factors are the same: alpha belongs to z1, 1 - alpha to z2",
             torch.sin(a * omega) / omega.sin() * (z1 + z2)),
            ("the lengths of z1 and z2 are missing in the cosine of omega",
             arc(a, (u @ v).clamp(-1, 1).acos(), z1, z2)),
            (f"{obtuse}: leave the sign of the cosine as it is", arc(a, torch.pi - omega, z1, z2)),
            (turned, arc(a, torch.pi - omega, z1, -z2)), (turned, arc(a, torch.pi - omega, -z1, z2))],
            "the points should be sin(alpha omega) / sin(omega) z1 + sin((1 - alpha) omega) / sin(omega) z2, with the "
            "angle omega between z1 and z2")
