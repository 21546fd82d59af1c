"""Hidden checks of helpers/faces.py. Each compares what a probe saw with the reference, for inputs drawn anew.

The grader draws the weights of the networks, too. What comes back names layers and slips; nothing of it is believed.
"""
import math
import operator

import torch
from torch.nn import functional as F
from torch.nn.utils import vector_to_parameters

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import fill, piece
from helpers import faces
from helpers.given.checks.engine import (
    activation, between, close, expect_all_learn, expect_right, expect_shape, expect_tensor, name_the_slip, of_all,
    parameters)
from helpers.given.checks.faces import (
    NORMS, TinyDiscriminator, TinyGenerator, after_step, by_channel, expect_discriminator_layers, expect_field,
    expect_generator_layers, expect_pair, expect_terms)

MOST = 6_000_000  # numbers in an answer: more than any generator of the course gives
WORK = 3_000_000_000  # multiplications of a network: more would take the grader seconds


def numbers_in(tree):
    """How many numbers the tensors of an answer hold."""
    if isinstance(tree, torch.Tensor):
        return tree.numel()
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return sum(map(numbers_in, parts))


def observe(student, probe, **inputs):
    """Observe, and refuse an answer that is so large that to judge it would take long."""
    seen = student.observe(probe, **inputs)
    count = numbers_in(seen)
    assert count <= MOST, f"{count:,} numbers came, which are too many to be judged"
    return seen


# receptive_field: 2 points

def field_slips(layers):
    """What typical mistakes give for a stack of layers."""
    kernels, strides = [k for k, _ in layers], [s for _, s in layers]

    def grown(pairs, own=False, first=1, missing=1, add=False):
        size, step = first, 1
        for kernel, stride in pairs:
            step = step * stride if own else step
            size += (kernel - missing) * step
            step = step if own else step + stride if add else step * stride
        return size

    return [
        ("a layer's own stride widens what the later layers see, not what it sees itself", grown(layers, own=True)),
        ("the layers are taken from the output to the image: the first one sees the pixels", grown(layers[::-1])),
        ("the strides are left out: each one widens the steps of all later layers", grown([(k, 1) for k in kernels])),
        ("without any layer one output is one pixel: start with 1, not 0", grown(layers, first=0)),
        ("a layer adds kernel_size - 1 steps, not kernel_size", grown(layers, missing=0)),
        ("a layer adds kernel_size - 1 steps to the 1 pixel at the start", grown(layers, first=0, missing=0)),
        ("the strides multiply, they do not add up", grown(layers, add=True)),
        ("that is the sum of the kernel sizes: the strides widen the steps", sum(kernels)),
        ("that is the largest kernel: each layer adds to what the others see", max(kernels)),
        ("the strides come one layer too late: a stride counts from the next layer on",
         grown(list(zip(kernels, [1, 1, *strides[:-2]])))),
        ("that is the product of the strides, the step of one output", math.prod(strides)),
        ("the kernel sizes do not multiply: a layer adds kernel_size - 1 steps", math.prod(kernels)),
    ]


@graded("faces.receptive_field", points=2, hint="size = 1, step = 1; for each layer: size += (kernel_size - 1) * step, "
        "then step *= stride")
def test_receptive_field(student, rng):
    """Random stacks, one layer, no layer."""
    stacks = [[(whole(rng, 2, 7), whole(rng, 2, 3)) for _ in range(whole(rng, 4, 5))] for _ in range(3)]
    stacks += [[(4, 2)] * 3 + [(4, 1)] * 2, [(whole(rng, 3, 9), 3)]]
    seen = observe(student, "fields", stacks=[[list(layer) for layer in stack] for stack in stacks])
    assert seen["untouched"], "receptive_field changes the list that it gets"
    for size in seen["sizes"]:
        assert not isinstance(size, str), f"receptive_field should return an int, it returns {size}"
    wrong = [(stack, size) for stack, size in zip(stacks, seen["sizes"], strict=True)
             if size != faces.receptive_field(stack)]
    if wrong:  # a slip explains all that is wrong
        (stack, size), right = wrong[0], faces.receptive_field(wrong[0][0])
        name_the_slip([size for _, size in wrong], [
            (f"for {stack} it is {right}, not {size:g}: {slip}", values)
            for slip, values in of_all(*(field_slips(stack) for stack, _ in wrong))], operator.eq)
        raise AssertionError(f"for {stack} the receptive field is {right}, got {size:g}")
    seen = observe(student, "fields", stacks=[[]])
    assert seen["sizes"] == [1], f"without any layer it is 1, one pixel, got {seen['sizes'][0]}"


# concat_labels: 4 points

def judge_planes(out, images, labels):
    """Assert the channels, then the planes, and name what a wrong shape or wrong planes come from."""
    (n, c, h, w), k = images.shape, labels.shape[1]
    if isinstance(out, torch.Tensor):
        name_the_slip(out.shape, [(f"{slip}; the shape is {shape}", shape) for slip, shape in (
            ("there is one plane for all: each number of the label has its own", (n, c + 1, h, w)),
            ("the labels are joined along the height: planes are channels, dim=1", (n, c, h + k, w)),
            ("the labels are joined along the width: planes are channels, dim=1", (n, c, h, w + k)),
            ("the labels are joined along the batch: planes are channels, dim=1", (n + k, c, h, w)),
            ("the labels are joined along the batch: planes are channels, dim=1", (n * 2, c, h, w)),
            ("that are the planes only: join them to the images", (n, k, h, w)),
            ("the labels are not joined: the planes are channels of their own", (n, c, h, w)),
            ("PyTorch's images have their channels first, (N, C, h, w)", (n, h, w, c + k)))],
            operator.eq, right=(n, c + k, h, w))
    expect_tensor(f"images {(n, c, h, w)} with labels {(n, k)}", out, (n, c + k, h, w))
    spread = labels[:, :, None, None].expand(n, k, h, w)
    name_the_slip(out, [("the planes come first: first the channels of the image, then the planes",
                         torch.cat((spread, images), dim=1))], 1e-6)
    assert close(out[:, :c], images, 1e-6), "the channels of the images are changed, or not in their order"
    slips = [
        ("all images have the label of the first one: each has its own", labels[:1]),
        ("all images have the mean of the labels: each has its own", labels.mean(dim=0, keepdim=True)),
        ("the planes are in reversed order: they follow the label", labels.flip(1)),
        ("the planes say 1 for the largest number and 0 else: the numbers themselves are wanted",
         F.one_hot(labels.argmax(1), k)),
        ("every plane holds the index of the expression: each has its own number", labels.argmax(1)[:, None]),
        ("the planes hold probabilities, from a softmax: the numbers themselves are wanted", labels.softmax(1)),
        ("the planes are rounded to integers: labels are any numbers", labels.long()),
        *([("labels and images are mixed up: plane k of image n is labels[n, k]", labels.T)] if n == k else [])]
    planes = out[:, c:]
    flat = planes.flatten(2)
    mixed = "a plane holds different numbers: " if (flat.amax(2) - flat.amin(2)).max() >= 1e-6 else ""
    expect_right(planes, spread, [(slip, rows.to(labels)[:, :, None, None].expand(n, k, h, w)) for slip, rows in slips],
                 f"{mixed}plane k of image n should be labels[n, k] in every pixel", near=1e-6)


@graded("faces.concat_labels", points=3, hint="labels[:, :, None, None].expand(-1, -1, h, w), and torch.cat((images, "
        "planes), dim=1)")
def test_concat_labels(student, rng):
    """Any numbers as labels; images that are not square; and all sizes equal, where wrong shapes fit, too."""
    for shape, k in (((whole(rng, 2, 4), 3, whole(rng, 5, 7), whole(rng, 8, 11)), 6), ((4, 4, 4, 4), 4)):
        images, labels = normal(rng, *shape), uniform(rng, shape[0], k, low=-1.0, high=3.0)
        seen = observe(student, "joined", images=images, labels=labels)
        judge_planes(seen["out"], images, labels)
        assert seen["untouched"], "concat_labels changes its inputs in place"
        assert isinstance(seen["gradient"], torch.Tensor), "no gradient passes to the images: nothing should be " \
            "detached, the generator learns so"
        assert close(seen["gradient"], 2 * images), "the gradient that passes to the images is not theirs"


@graded("faces.concat_labels", points=1, hint="One-hot labels from F.one_hot are integers: .to(images) makes them what "
        "the images are.")
def test_concat_labels_kinds(student, rng):
    """One image; integer labels with float images."""
    images, labels = normal(rng, 1, 3, 4, 6), uniform(rng, 1, 5, low=-1.0)
    seen = observe(student, "joined", images=images, labels=labels)
    judge_planes(seen["out"], images, labels)
    expect_tensor("images with integer labels", seen["whole"], (1, 8, 4, 6))
    assert seen["dtype"] == "torch.float32", f"with integer labels the result has dtype {seen['dtype']}"
    judge_planes(seen["whole"], images, (labels > 0).float())


# ResidualBlock: 2 points

@graded("faces.ResidualBlock", points=2, hint="return x + self.layers(x)", gap="ResidualBlock.forward")
def test_residual_block(student, rng):
    """x plus what the layers make of it."""
    x = normal(rng, whole(rng, 2, 3), whole(rng, 4, 6), 5, 7)
    numbers = uniform(rng, 2003, low=-1.0)
    seen = observe(student, "block", x=x, numbers=numbers)
    expect_tensor("the output of the block", seen["out"], x.shape)
    model = faces.ResidualBlock(x.shape[1])
    fill(model.layers, numbers)
    x.requires_grad_()
    change = model.layers(x)
    direct = (x + change).cos().detach()
    through, = torch.autograd.grad(change, x, direct)
    x, change = x.detach(), change.detach()
    expect_right(seen["out"], x + change, [
        ("the input is missing: return it plus the change", change),
        ("the block gives its input back: the layers are not used", x),
        ("there is a ReLU after the sum", (x + change).relu()),
        ("there is a ReLU on the change: it may be negative", x + change.relu()),
        ("the input is subtracted: add it", change - x), ("the change is subtracted", x - change),
        ("that is the mean of both: add them", (x + change) / 2), ("the input goes through a ReLU", x.relu() + change),
        ("input and change are multiplied: add them", x * change), ("the input is added twice", 2 * x + change),
        ("the change is added twice", x + 2 * change)],
        "the block should return its input plus what its layers make of it")
    assert seen["untouched"], "the block changes its input in place: x + ..., not x += ..."
    expect_all_learn(seen["silent"], "is the change detached?")
    expect_tensor("the gradient of the block in its input", seen["gradient"], x.shape)
    expect_right(seen["gradient"], direct + through, [
        ("no gradient reaches the input: is it detached?", 0 * x),
        ("no gradient passes through the layers to the input: is what they get detached?", direct),
        ("the gradient passes through the layers only: is the input detached where it is added?", through)],
        "the gradient in the input is not that of x + layers(x)")


# StarGenerator: 6 points

def window(layer, name, default):
    """Stride, padding and so on of a layer, [height, width]."""
    value = layer.get(name, default)
    value = [value] * 2 if type(value) is int else value
    assert len(value) == 2 and all(type(number) is int and 0 <= number <= 16 for number in value), \
        f"a {layer['kind']} has {name} {value}"
    return value


def ran(seen, numbers):
    """The layers that a probe saw, as `Layers` has them, but with weights and biases from the numbers sent."""
    layers = seen["layers"][:40]
    assert sum(math.prod(layer["size"]) for layer in layers) <= 3 * MOST, "that are too many weights to be judged"
    for k, layer in enumerate(layers, start=1):
        weight, bias = layer["places"]
        assert weight is not None and (bias is not None or not layer["bias"]), f"the weights of layer {k} are not " \
            "parameters of the network as they are: no normalisation of weights is wanted"
        channels = layer["size"][layer["kind"] == "conv_transpose2d"]
        layer["weight"] = piece(numbers, weight, layer["size"])
        layer["bias"] = piece(numbers, bias, [channels]) if layer["bias"] else None
    return layers


def due(layer):
    """What a layer should give for its input; None if its output has another shape, which is seen without the work."""
    x, out, weight, bias, kind = (layer[name] for name in ("input", "output", "weight", "bias", "kind"))
    if kind == "linear":
        fits = x.shape[-1] == weight.shape[1] and out.shape == (*x.shape[:-1], len(weight))
        return F.linear(x, weight, bias) if fits else None
    (small, large), function = ((x, out), F.conv_transpose2d) if kind == "conv_transpose2d" else ((out, x), F.conv2d)
    options = {name: window(layer, name, one) for name, one in (("stride", 1), ("padding", 0))}
    assert window(layer, "dilation", 1) == [1, 1] and layer.get("groups", 1) == 1, f"a {kind} has a dilation, or groups"
    sizes = [(size + 2 * padding - kernel) // stride + 1 for size, kernel, stride, padding in
             zip(large.shape[2:], weight.shape[2:], *options.values())]
    if len(x) != len(out) or (small.shape[1], large.shape[1]) != weight.shape[:2] or sizes != list(small.shape[2:]):
        return None
    if "output_padding" in layer:
        options["output_padding"] = window(layer, "output_padding", 0)
    return function(x, weight, bias, **options)


def follow(what, layers, x):
    """Assert that the first layer gets x, and that each gives what its weights make of its input.

    With what stands between the layers, which is for the caller to judge, it follows from the grader's numbers alone
    what each layer should get and give.
    """
    work = sum(layer["output"].numel() * layer["weight"].numel() // layer["output"].shape[1] for layer in layers)
    assert work <= WORK, f"the {what} takes {work:,} multiplications, which are too many to be judged"
    assert layers and close(layers[0]["input"], x), f"the first layer of the {what} does not get what it should"
    for k, layer in enumerate(layers, start=1):
        expected = due(layer)
        assert expected is not None and close(layer["output"], expected), f"layer {k} of the {what}, " \
            f"{layer['kind']}, gives something else than its weight and bias make of its input"


def residuals(what, layers):
    """Count the residual blocks. Assert that we can name what stands between each two layers, so that nothing that came
    is only believed. Which it should be is judged elsewhere."""
    def named(before, after):
        if before.shape[:2] == after.shape[:2] and before.dim() == 4:
            before = F.adaptive_avg_pool2d(before, after.shape[2:])  # some do so for a stride, or repeat pixels
        return before.shape == after.shape and between(before, after, NORMS)

    count = 0
    for k, (one, other) in enumerate(zip(layers, layers[1:])):
        before, after = one["output"], other["input"]
        added = None
        if k and layers[k - 1]["input"].shape == before.shape:
            added = layers[k - 1]["input"] + by_channel(before)
        if added is not None and close(after, added):
            count += 1
        elif not named(before, after):
            assert added is not None and named(added, after), f"what stands between layer {k + 1} and layer {k + 2} " \
                f"of the {what} has no name that we know: look at norm, activation and shape"
            count += 1
    return count


@graded("faces.StarGenerator", points=4, hint="Two strided convolutions, the first from 3 + num_labels "
        "channels, the residual blocks, two transposed convolutions, the last to 3 channels; ReLU between, with "
        "InstanceNorm2d before it except behind the first; Tanh at the end.",
        gap="StarGenerator.__init__")
def test_star_generator(student, rng):
    """The way of the image through the layers."""
    k, channels = whole(rng, 3, 7), whole(rng, 5, 8)
    images, labels = uniform(rng, 3, 3, 64, 64, low=-1.0), torch.eye(k)[torch.arange(3)]
    numbers = uniform(rng, 20_011, low=-1.0)
    seen = observe(student, "generator", images=images, labels=labels, numbers=numbers,
                   arguments={"num_labels": k, "channels": channels, "blocks": 2})
    assert seen["parameters"], "the generator has no parameters: keep its layers as attributes of the module"
    expect_tensor("generator(images, labels)", seen["out"], (3, 3, 64, 64))
    assert seen["training"], "the generator should be made in training mode"
    layers = ran(seen, numbers)
    got = layers[0]["input"].shape[1] if layers else "nothing"
    assert got == 3 + k, f"the first layer should get {3 + k} channels, the image's and {k} planes; it gets {got}"
    smallest = min(layer["output"].shape[-1] for layer in layers if layer["output"].dim() == 4)
    assert smallest < 64, "no layer makes the image smaller: two convolutions should have stride 2"
    assert smallest == 16, f"the image should be halved twice, to 16x16; at its smallest it is {smallest}x{smallest}"
    count = [layer["kind"] for layer in layers].count("conv_transpose2d")
    assert count, "transposed convolutions should lead back to the full size; none runs"
    assert count >= 2, f"two transposed convolutions should lead back to the full size, there is {count}"
    end = activation(layers[-1]["output"], seen["out"])
    span = f"the pixels run from {seen['out'].min():.3g} to {seen['out'].max():.3g}"
    assert end == "Tanh", f"the generator should end with Tanh, which brings pixels into [-1, 1]; it ends with " \
        f"{end or 'something else'}, {span}"
    expect_all_learn(seen["silent"])
    assert seen["reaches"], "no gradient passes through the generator to the images: the way back needs it"
    for name, many in (("other", 3), ("one", 1)):
        expect_tensor("generator(images, labels)", seen[name], (many, 3, 64, 64))
    other = (seen["other"] - seen["out"]).abs().max()
    assert other > 1e-5, "other labels give the same images: are the label planes used?"
    assert close(seen["one"], seen["out"][:1], 1e-3), "an image comes out otherwise when others are in its batch: " \
        "InstanceNorm2d normalises each image by itself, BatchNorm2d does not"
    assert seen["untouched"], "the generator changes the images in place"
    expect_generator_layers(layers, channels, 2)
    follow("generator", layers, faces.concat_labels(images, labels))


@graded("faces.StarGenerator", points=2, hint="num_labels, channels and blocks have defaults; sizes that are multiples "
        "of 4 come out as they went in.", gap="StarGenerator.__init__")
def test_star_generator_sizes(student, rng):
    """Eight labels by default; images that are not square; the keywords."""
    h, w = 4 * whole(rng, 9, 12), 4 * whole(rng, 5, 8)
    images, numbers = uniform(rng, 1, 3, 64, 64, low=-1.0), uniform(rng, 20_011, low=-1.0)
    for height, width, k, arguments in ((64, 64, 8, {}), (h, w, 8, {}),
                                        *((16, 16, 5, {"num_labels": 5, "channels": channels, "blocks": blocks})
                                          for channels, blocks in ((8, 1), (8, 3), (16, 1)))):
        x, labels = images[:, :, :height, :width].contiguous(), torch.eye(k)[[whole(rng, 0, k - 1)]]
        seen = observe(student, "generator", images=x, labels=labels, numbers=numbers, arguments=arguments)
        out, blocks = seen["out"], arguments.get("blocks")
        shape = tuple(out.shape) if isinstance(out, torch.Tensor) else out
        assert shape == x.shape, f"images of {height}x{width} pixels should keep their size: {tuple(x.shape)} became " \
            f"{shape}"
        assert not arguments or seen["num_labels"] == k, "generator.num_labels should be the number of labels"
        layers = ran(seen, numbers)
        places = [layer["places"][0] for layer in layers]
        assert len(set(places)) == len(places), "the residual blocks are one and the same: each needs weights of its " \
            "own"
        first, channels = layers[0]["output"].shape[1] if layers else 0, arguments.get("channels")
        assert channels in (None, first), f"channels does not change the size of the generator: with " \
            f"channels={channels} the first layer gives {first}"
        follow("generator", layers, faces.concat_labels(x, labels))
        count = residuals("generator", layers)
        assert count, "no residual block runs: nothing is added to what it was made from"
        assert blocks in (None, count), f"with blocks={blocks} there should be {blocks} residual blocks, {count} run"
        assert activation(layers[-1]["output"], out), "what stands behind the last layer of the generator has no " \
            "name that we know"


# PatchDiscriminator: 6 points

FAR = 10_000  # images so much larger than any show what happens to logits that are far from 0


@graded("faces.PatchDiscriminator", points=3, hint="features = self.body(images); the patch head is a convolution to 1 "
        "channel, the label head a linear layer on the mean over height and width. Logits, without activation.")
def test_patch_discriminator(student, rng):
    """Shapes, logits, gradients; each image is judged by itself."""
    k = whole(rng, 3, 7)
    images, numbers = uniform(rng, 3, 3, 64, 64, low=-1.0), uniform(rng, 20_011, low=-1.0)
    seen = observe(student, "discriminator", images=images, far=FAR, numbers=numbers, arguments={"num_labels": k})
    expect_pair(seen["out"], 3, k)
    patches, labels = expect_pair(seen["large"], 3, k)  # of large images: far from 0
    sums = torch.cat((labels.sum(dim=1), seen["out"][1].sum(dim=1)))  # large Sigmoids may add up to 1 by chance
    assert (sums - 1).abs().max() > 1e-3, "label_logits are probabilities: is there a Softmax? The cross entropy has " \
        "one"
    assert labels.logsumexp(dim=1).abs().max() > 1e-3, "label_logits are logarithms of probabilities: is there a " \
        "LogSoftmax? The cross entropy has one"
    for name, values in (("patch_logits", patches), ("label_logits", labels)):
        assert values.min() < 0 or values.max() > 1, f"{name} stay in [0, 1] whatever the weights: is there a " \
            "Sigmoid, which the loss has, or is there a Tanh?"
        assert values.abs().max() > 1, f"{name} stay in [-1, 1] whatever the weights: is there a Tanh, a clamp, or a " \
            "normalisation?"
        assert values.min() != 0, f"{name} are never negative: is there a ReLU after them?"
    expect_all_learn(seen["silent"])
    for name, values, gradient in zip(("patch_logits", "label_logits"), seen["out"], seen["gradients"], strict=True):
        assert gradient["reaches"], f"no gradient passes from {name} to the images, but the generator learns from it"
        assert not gradient["others"], f"{name} of an image depend on the others in its batch: no BatchNorm here"
        assert (values - values[:1]).abs().max() > 1e-7, f"{name} are the same for different images"
    h, w = seen["gradients"][1]["seen"]
    assert min(h, w) > 50, f"label_logits see a part of the image only, {h}x{w} of 64x64 pixels: take the mean over " \
        "all places"
    assert seen["untouched"], "the discriminator changes the images in place"
    assert seen["training"], "the discriminator should be made in training mode"
    shapes = [[1, 1, *patches.shape[2:]], [1, k]]
    assert seen["one"] == shapes, f"for one image the shapes are {seen['one']}, they should be {shapes}: squeeze " \
        "without a dim takes the batch away, too"
    layers = ran(seen, numbers)
    expect_discriminator_layers(layers, patches, labels, 16, 3)
    follow("discriminator", layers, FAR * images)


def composed(seen, numbers, depth):
    """What one patch makes of the pixels that it sees (3, h, w), up to a factor, if all that the layers give is
    positive; and the first layer's channels. Nothing but convolutions counts then: LeakyReLU lets it all through."""
    chain = []
    for layer in seen["layers"][:40]:
        size = layer["size"]
        if layer["kind"] == "conv2d" and size[1] == (chain[-1]["size"][0] if chain else 3) and size[2:] != [1, 1]:
            chain.append(layer)
    chain = chain[:depth + 2]
    plain = all(layer["size"][2:] == [4, 4] and math.prod(layer["size"]) <= 2 * MOST and
                max(window(layer, "stride", 1)) <= 2 for layer in chain)
    assert len(chain) == depth + 2 and plain, f"{depth + 2} convolutions of 4x4 should lead to the patch logits"
    patch = torch.ones(1, chain[-1]["size"][0], 1, 1)
    for layer in reversed(chain):
        place = layer["places"][0]
        assert place is not None, "a convolution's weight is no parameter of the discriminator as it is"
        patch = F.conv_transpose2d(patch, piece(numbers, place, layer["size"]), stride=window(layer, "stride", 1))
    return patch[0], chain[0]["size"][0]


def judge_field(student, rng, size, depth, arguments):
    """Assert what one patch sees, on both axes."""
    # Positive, so that activations let all through, and small, so that a Sigmoid at the end does not saturate.
    numbers = uniform(rng, 20_011, low=0.01, high=0.05)
    seen = observe(student, "field", size=size, numbers=numbers, arguments=arguments)
    call = f"PatchDiscriminator({', '.join(f'{key}={value}' for key, value in arguments.items())})"
    assert "gradient" in seen, f"patch_logits should have shape (N, 1, h', w'), it is {tuple(seen['shape'])}"
    assert not seen["others"], "a patch of one image sees the other images of its batch: no BatchNorm here"
    expect_tensor("the gradient of a patch", seen["gradient"], (3, size, size))
    found = expect_field(f"a patch of {call}", seen["gradient"], {1: 16, 2: 34, 3: 70}[depth])
    patch, channels = composed(seen, numbers, depth)
    assert patch.shape == found.shape and close(found / found.max(), patch / patch.max()), f"a patch of {call} does " \
        "not see its pixels as its convolutions show them: is there something else on the way?"
    assert channels == arguments.get("channels", channels), f"with channels={arguments.get('channels')} the first " \
        f"convolution gives {channels} channels"


@graded("faces.PatchDiscriminator", points=2, hint="4x4 convolutions: three of stride 2, one of stride 1, and the "
        "patch head of stride 1: 70x70 pixels. No normalisation.")
def test_patch_size(student, rng):
    """70x70 pixels by default, measured by the gradient of one patch."""
    judge_field(student, rng, 4 * whole(rng, 34, 38), 3, {"num_labels": whole(rng, 3, 7)})


@graded("faces.PatchDiscriminator", points=1, hint="depth is how many convolutions have stride 2; one of stride 1 "
        "follows, and the patch head. channels is the width of the first.")
def test_patch_depth(student, rng):
    """depth 1 and 2; channels."""
    for depth, channels in ((1, 4), (2, 4), (2, 6)):
        judge_field(student, rng, 16 * whole(rng, 4, 5), depth, {"num_labels": 3, "channels": channels, "depth": depth})


# The steps: 6 points each. Tiny networks with drawn weights stand for the student's. What each mistake would have
# returned and done to the weights is worked out beside.

SIZE = {"d": parameters(TinyDiscriminator(4)), "g": parameters(TinyGenerator(4))}
NAME = {"d": "discriminator", "g": "generator"}
STEP = 5e-6  # tolerance of a weight after a step: the student's is in float32


class Game:
    """What a step is given."""

    def __init__(self, rng, heavy=False):
        """heavy: label_weight is above 1 and reconstruction_weight below, else it is the other way round."""
        self.weights = {key: (0.7 * normal(rng, SIZE[key])).double() for key in "dg"}
        self.images = uniform(rng, 5, 3, 6, 7, low=-1.0).double()
        first = torch.randint(4, (5,), generator=rng)
        self.labels = torch.eye(4).double()[first]
        self.targets = torch.eye(4).double()[(first + torch.randint(1, 4, (5,), generator=rng)) % 4]
        self.lr = uniform(rng, 1, low=0.05, high=0.2).item()
        self.label_weight, self.reconstruction_weight = (uniform(rng, 1, low=a, high=b).item()
                                                         for a, b in (((1.3, 1.9), (0.3, 0.8)) if heavy else
                                                                      ((0.3, 0.8), (2.0, 4.0))))
        self.d, self.g = TinyDiscriminator(4).double(), TinyGenerator(4).double()
        vector_to_parameters(self.weights["d"], self.d.parameters())
        vector_to_parameters(self.weights["g"], self.g.parameters())

    def observe(self, student, player, stale=None, scale=1, **options):
        """Ask for a step, in float32, as in training. stale: gradients from before. scale: of the discriminator's
        weights."""
        stale = torch.zeros(SIZE[player]) if stale is None else stale.float()
        seen = observe(student, "step", name=f"{NAME[player]}_step", d_weights=scale * self.weights["d"].float(),
                       g_weights=self.weights["g"].float(), stale=stale, images=self.images.float(),
                       labels=self.labels.float(), targets=self.targets.float(), lr=self.lr, options=options)
        for key in "dg":
            expect_shape(f"the weights of the {NAME[key]}", seen["weights"][key], (SIZE[key],))
            seen["weights"][key] = seen["weights"][key].double()
        return seen

    def after(self, player, loss):
        """A player's weights after one step on a loss."""
        return after_step({"d": self.d, "g": self.g}[player], loss, self.lr)


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


# What may stand for the cross entropy of patches and their label, 1 or 0, and of label logits and one-hot labels.
ADVERSARIAL = [
    ("the sigmoid is taken twice: the loss takes logits", lambda x, label: bce(x.sigmoid(), label)),
    ("that is a squared error: the adversarial term is a cross entropy", lambda x, label: (x - label).square().mean()),
    ("that is the hinge loss: the adversarial term is a cross entropy",
     lambda x, label: F.relu(1 + (1 - 2 * label) * x).mean()),
    ("that is the Wasserstein loss: the adversarial term is a cross entropy",
     lambda x, label: (1 - 2 * label) * x.mean()),
    ("the loss is summed over the patches: take the mean", lambda x, label: bce(x, label) * x.numel()),
    ("the sign of the adversarial term is wrong: the loss is minimised", lambda x, label: -bce(x, label)),
    ("the label should be 1, not 0.9", lambda x, label: bce(x, 0.9 * label)),
    ("only one patch of each image counts", lambda x, label: bce(x[..., 0, 0], label)),
    ("the logits of all patches of an image are averaged before the loss: each patch is judged by itself",
     lambda x, label: bce(x.mean(dim=(1, 2, 3)), label)),
]
LABEL = [
    ("the softmax is taken twice: the cross entropy takes logits", lambda x, y: F.cross_entropy(x.softmax(1), y)),
    ("that is a binary cross entropy of each label: an image has one expression, so it is the cross entropy",
     F.binary_cross_entropy_with_logits),
    ("that is a squared error: the label term is the cross entropy", F.mse_loss),
    ("that is a squared error of probabilities: the label term is the cross entropy",
     lambda x, y: F.mse_loss(x.softmax(1), y)),
    ("the label term is summed over the batch: take the mean", lambda x, y: F.cross_entropy(x, y, reduction="sum")),
    ("nll_loss wants logarithms of probabilities: the cross entropy takes logits",
     lambda x, y: F.nll_loss(x, y.argmax(1))),
    ("the sign of the label term is wrong", lambda x, y: -F.cross_entropy(x, y)),
    ("the label term is divided by the number of expressions", lambda x, y: F.cross_entropy(x, y) / y.shape[1]),
]


def d_terms(game):
    """The right terms of the discriminator, what typical mistakes make of each, and of the whole loss."""
    d, images, labels, targets, w = game.d, game.images, game.labels, game.targets, game.label_weight
    with torch.no_grad():
        fake, same = game.g(images, targets), game.g(images, labels)
    real_logits, named = d(images)
    fake_logits, fake_named = d(fake)
    a, label = bce(real_logits, 1.0) + bce(fake_logits, 0.0), F.cross_entropy(named, labels)
    on_fake = F.cross_entropy(fake_named, targets)
    slips = {"d_adversarial": [
        ("the labels are swapped: real patches have label 1, generated 0",
         bce(real_logits, 0.0) + bce(fake_logits, 1.0)),
        ("generated patches are labelled as real: their label is 0", bce(real_logits, 1.0) + bce(fake_logits, 1.0)),
        ("the half for the generated images is missing", bce(real_logits, 1.0)),
        ("the half for the real images is missing", bce(fake_logits, 0.0)),
        ("that is the average of the two halves: add them", a / 2),
        ("the images are generated with their own labels, not with the target labels",
         bce(real_logits, 1.0) + bce(d(same)[0], 0.0)),
        ("the second half has the wrong sign", bce(real_logits, 1.0) - bce(fake_logits, 0.0)),
        *((slip, loss(real_logits, 1.0) + loss(fake_logits, 0.0)) for slip, loss in ADVERSARIAL),
    ], "d_label": [
        ("the label term is of the generated images: the discriminator learns expressions from real ones", on_fake),
        ("the label term is of the generated images, with the real ones' labels", F.cross_entropy(fake_named, labels)),
        ("the real images are compared with the target labels: their own are right", F.cross_entropy(named, targets)),
        ("the generated images have a part in the label term: only real ones have a true expression", label + on_fake),
        ("the generated images have half of the label term: only real ones have a true expression",
         (label + on_fake) / 2),
        ("d_label is returned with its weight: it is wanted without", w * label),
        *((slip, loss(named, labels)) for slip, loss in LABEL),
    ]}
    wholes = [
        ("label_weight is not used", a + label), ("the label term is missing in the loss", a),
        ("the adversarial term is missing in the loss", w * label),
        ("label_weight is on the adversarial term: it belongs to the label term", w * a + label),
        ("label_weight is on both terms: it belongs to the label term", w * a + w * label),
        ("label_weight is squared: it counts once", a + w * w * label),
        ("the weight of the adversarial term is 1 - label_weight: it is 1", (1 - w) * a + w * label),
        ("the label term has the wrong sign in the loss", a - w * label),
        ("the whole loss is halved", (a + w * label) / 2),
    ]
    return {"d_adversarial": a, "d_label": label}, slips, wholes


def g_terms(game):
    """The same of the generator."""
    d, g, images, labels, targets = game.d, game.g, game.images, game.labels, game.targets
    w, v = game.label_weight, game.reconstruction_weight
    fake = g(images, targets)
    logits, named = d(fake)
    real_logits, real_named = d(images)
    back, same = g(fake, labels), g(images, labels)
    right = {"g_adversarial": bce(logits, 1.0), "g_label": F.cross_entropy(named, targets),
             "g_reconstruction": F.l1_loss(back, images)}
    a, label, r = right.values()
    slips = {"g_adversarial": [
        ("the label is 0, the discriminator's: the generator wants its patches taken for real", bce(logits, 0.0)),
        ("that is the saturating loss log(1 - D(G(x, c))): the one here is -log D(G(x, c))", -bce(logits, 0.0)),
        ("the discriminator judges the real images: the generated ones are wanted", bce(real_logits, 1.0)),
        ("the generator's term has no part for real images", a + bce(real_logits, 0.0)),
        ("the discriminator judges the reconstructed images: the generated ones are wanted", bce(d(back)[0], 1.0)),
        ("the images are generated with their own labels, not with the target labels", bce(d(same)[0], 1.0)),
        *((slip, loss(logits, 1.0)) for slip, loss in ADVERSARIAL),
    ], "g_label": [
        ("the generated images are compared with the labels they had: they should show the target labels",
         F.cross_entropy(named, labels)),
        ("the label term is of the real images: the generated ones should show the target labels",
         F.cross_entropy(real_named, targets)),
        ("the label term is the discriminator's, of real images and their labels", F.cross_entropy(real_named, labels)),
        ("the label term is of the reconstructed images: the generated ones should show the target labels",
         F.cross_entropy(d(back)[1], targets)),
        ("g_label is returned with its weight: it is wanted without", w * label),
        *((slip, loss(named, targets)) for slip, loss in LABEL),
    ], "g_reconstruction": [
        ("the way back takes the target labels: the images had others", F.l1_loss(g(fake, targets), images)),
        ("the way back starts from the images: it starts from the generated ones", F.l1_loss(same, images)),
        ("there is no way back: the generated images may differ from the real ones", F.l1_loss(fake, images)),
        ("that is the squared difference: the mean absolute one is wanted", F.mse_loss(back, images)),
        ("the reconstruction is summed: take the mean", F.l1_loss(back, images, reduction="sum")),
        ("the reconstruction is summed over the pixels: take the mean over all", r * images[0].numel()),
        ("the reconstruction is compared with the generated images: the first ones are wanted", F.l1_loss(back, fake)),
        ("g_reconstruction is returned with its weight: it is wanted without", v * r),
        ("the difference has a sign: take its absolute value", (back - images).mean()),
        ("the difference has a sign: take its absolute value", (images - back).mean()),
    ]}
    one_way = F.l1_loss(g(fake.detach(), labels), images)
    fixed = torch.func.functional_call(g, {n: p.detach() for n, p in g.named_parameters()}, (fake, labels))
    wholes = [
        ("the discriminator gets detached images: the generator learns nothing from its answer", v * r),
        ("the discriminator gets detached images, and the way back, too", v * one_way),
        ("the adversarial term is detached, or missing in the loss", w * label + v * r),
        ("the label term is detached, or missing in the loss", a + v * r),
        ("the reconstruction is detached, or missing in the loss", a + w * label),
        ("the way back is detached from the way there: the generator learns both", a + w * label + v * one_way),
        ("label_weight is not used", a + label + v * r), ("reconstruction_weight is not used", a + w * label + r),
        ("reconstruction_weight is always 10", a + w * label + 10 * r),
        ("the weights of label and reconstruction are swapped", a + v * label + w * r),
        ("neither weight is used", a + label + r),
        ("reconstruction_weight is on the adversarial term, too", v * a + w * label + v * r),
        ("label_weight is on the adversarial term, too", w * a + w * label + v * r),
        ("the sign of the reconstruction is wrong in the loss", a + w * label - v * r),
        ("the sign of the label term is wrong in the loss", a - w * label + v * r),
        ("the weights are divided by their sum: they count as they are", (a + w * label + v * r) / (1 + w + v)),
        ("the reconstruction learns the way back only through a fixed generator",
         a + w * label + v * F.l1_loss(fixed, images)),
    ]
    return right, slips, wholes


TERMS = {"d": d_terms, "g": g_terms}


def all_wholes(right, slips, wholes, weights):
    """What was done, and the whole loss that comes of it: slips of the whole, and of each term. weights: of the terms.
    """
    loss = sum(weights[term] * value for term, value in right.items())
    return [*wholes, *((slip, loss + weights[term] * (wrong - value)) for term, value in right.items()
                       for slip, wrong in slips[term] if wrong.requires_grad)]


def judge_step(student, rng, player):
    """Assert the terms that a step returns and the weights that it leaves, with drawn weights of the terms below and
    above 1."""
    other = {"d": "g", "g": "d"}[player]
    for heavy in (False, True):
        game = Game(rng, heavy)
        options = {"label_weight": game.label_weight}
        if player == "g":
            options["reconstruction_weight"] = game.reconstruction_weight
        right, slips, wholes = TERMS[player](game)
        weights = dict(zip(right, (1.0, *options.values())))
        seen = game.observe(student, player, **options)
        expect_terms(seen["terms"], seen["attached"], right)
        before, after = game.weights[player], seen["weights"][player]
        assert torch.equal(seen["weights"][other], game.weights[other]), \
            f"the {NAME[other]} has changed: only the {NAME[player]} steps here"
        for term, value in right.items():
            got = seen["terms"][term]
            assert got.isfinite(), f"{term} is {got}"
            expect_right(got, value, slips[term], f"{term} should be {value:.6g} here, got {got:.6g}", near=1e-5)
        loss = sum(weights[term] * value for term, value in right.items())
        expected = game.after(player, loss)
        if close(after, expected, STEP):
            continue
        assert seen["steps"], f"the {NAME[player]} is not changed: there is no optimizer.step()"
        name_the_slip(after, [
            (f"the optimiser steps, but the {NAME[player]} stays as it is: zero_grad, then backward, then step",
             before),
            ("the loss grows: the step goes up, along the gradient", 2 * before - expected)], STEP)
        assert seen["steps"] == 1, f"the optimiser should step once, it steps {seen['steps']} times"
        name_the_slip(after, [(slip, game.after(player, wrong))
                              for slip, wrong in all_wholes(right, slips, wholes, weights)], STEP)
        terms = " + ".join(f"{weights[term]:.3g} * {term}" for term in right)
        raise AssertionError(f"the terms are right, but the weights of the {NAME[player]} are not what one step on "
                             f"{terms} makes of them")


def judge_alone(student, rng, player):
    """Assert that gradients from before do not count, that the weights of the terms have defaults, that the other
    network stays as it is, and that large logits, of a discriminator that is sure, give a loss that is a number."""
    game = Game(rng)
    stale = normal(rng, SIZE[player]).double()
    seen = game.observe(student, player, stale)
    assert player == "g" or seen["other_gradient"] == 0, "gradients reach the generator, whose step this is not: " \
        "detach its images, or generate under torch.no_grad()"
    assert player == "d" or torch.equal(seen["weights"]["d"], game.weights["d"]), "the discriminator has changed: " \
        "only the generator steps"
    game.label_weight, game.reconstruction_weight = 1.0, 10.0  # the defaults
    right, slips, wholes = TERMS[player](game)
    weights = dict(zip(right, (1.0, 1.0, 10.0)))
    expected = game.after(player, sum(weights[term] * value for term, value in right.items()))
    expect_right(seen["weights"][player], expected, lambda: [
        ("gradients that are left from before count: optimizer.zero_grad() before backward()",
         expected - game.lr * stale),
        *((slip, game.after(player, wrong)) for slip, wrong in all_wholes(right, slips, wholes, weights))],
        "with gradients left from before, or with the default weights of the terms, the step is another one: "
        "zero_grad, backward, step; the defaults are label_weight=1, reconstruction_weight=10", near=STEP)
    assert not seen["frozen"], f"{seen['frozen'][0]} does not learn any more: it should require a gradient afterwards"
    assert all(seen["modes"]), "a network is in evaluation mode after the step"
    assert seen["called"], "a network is called in evaluation mode: the step leaves the modes as they are"
    assert seen["grad_enabled"], "gradients are switched off for all that follows: use with torch.no_grad()"
    assert seen["untouched"], "the step changes images or labels in place"
    seen = game.observe(student, player, scale=30)
    terms = seen["terms"] if isinstance(seen["terms"], dict) else {}
    for term, value in list(terms.items())[:5]:
        # What is no number at all is for judge_step.
        numbers = torch.as_tensor(value if isinstance(value, (int, float, torch.Tensor)) else 0.0)
        assert numbers.isfinite().all(), f"for large logits {term} is {numbers.sum().item()}: the logarithm of a " \
            "sigmoid or a softmax that is 0; take a loss that takes logits"
    assert seen["weights"][player].isfinite().all(), "for large logits the weights are no numbers after the step: " \
        "take a loss that takes logits"


@graded("faces.discriminator_step", points=4, hint="Generate under torch.no_grad(); binary_cross_entropy_with_logits "
        "with 1 for real and 0 for generated patches, plus label_weight times the cross entropy of the real images; "
        "zero_grad, backward, step.")
def test_discriminator_step(student, rng):
    """Terms, and weights after one step."""
    judge_step(student, rng, "d")


@graded("faces.discriminator_step", points=2, hint="optimizer.zero_grad() before backward(); and no gradient for the "
        "generator: with torch.no_grad(), or fake.detach().")
def test_discriminator_step_alone(student, rng):
    """Gradients left from before; none for the generator; the default weight."""
    judge_alone(student, rng, "d")


@graded("faces.generator_step", points=4, hint="fake = generator(images, target_labels); "
        "binary_cross_entropy_with_logits with 1, the cross entropy with the target labels, "
        "F.l1_loss(generator(fake, labels), images), each with its weight; zero_grad, backward, step.")
def test_generator_step(student, rng):
    """The same of the generator."""
    judge_step(student, rng, "g")


@graded("faces.generator_step", points=2, hint="optimizer.zero_grad() before backward(); only the generator's "
        "optimiser steps; label_weight is 1 and reconstruction_weight 10 if they are not given.")
def test_generator_step_alone(student, rng):
    """Gradients left from before; the discriminator as it was; the default weights."""
    judge_alone(student, rng, "g")


# train_round: 3 points

def observe_round(student, rng, count, **options):
    images = uniform(rng, count, 3, 3, 4, 5, low=-1.0)
    # The steps are recorders here, so labels need not be one-hot: numbers tell the batches apart.
    labels, targets = (uniform(rng, count, 3, 5) for _ in range(2))
    seen = observe(student, "round_of", images=images, labels=labels, targets=targets, options=options)
    # What right steps leave, see the probe: the trace, and what the last ones of both players return.
    trace, terms, weights = [0, 0], {}, (options.get("label_weight", 1.0), options.get("reconstruction_weight", 10.0))
    for k in range(count + 1):
        player, batch = ("g", count - 1) if k == count else ("d", k)
        step = sum((place + 1 + (player == "g")) * part[batch].double().mean().item()
                   for place, part in enumerate((images, labels, targets)))
        trace = [trace[0] / 2 + step, trace[1] / 2 + images.double().mean().item() + sum(weights[:1 + (player == "g")])]
        terms[player] = trace[1]
    return seen, [call for call in seen["calls"] if call["player"] == "d"], [
        call for call in seen["calls"] if call["player"] == "g"], trace[0], terms


@graded("faces.train_round", points=2, hint="for batch in batches: discriminator_step(discriminator, generator, "
        "*batch, d_optimizer, label_weight); then generator_step once, with batches[-1].")
def test_train_round(student, rng):
    """Who steps, when, on which batch, with which optimiser."""
    for count in (4, whole(rng, 2, 3), 6):
        seen, d_calls, g_calls, trace, _ = observe_round(student, rng, count)
        order = "".join(call["player"] for call in seen["calls"])
        assert order, "neither discriminator_step nor generator_step is called: the round is made of them"
        steps = f"the discriminator steps {len(d_calls)} times and the generator {len(g_calls)} times"
        assert (len(d_calls), len(g_calls)) != (1, count), f"with {count} batches {steps}: it is the other way round"
        assert g_calls, "the generator does not step: once in every round"
        assert len(g_calls) == 1, f"with {count} batches {steps}: the generator should step once"
        assert len(d_calls) == count, f"with {count} batches {steps}: the discriminator should step on each batch once"
        assert order == "d" * count + "g", "the generator should step after all steps of the discriminator"
        for call in d_calls + g_calls:
            name = f"{NAME[call['player']]}_step"
            assert call["networks"] == ["discriminator", "generator"], f"{name} gets the networks in another order"
            assert call["optimizer"] == f"{call['player']}_optimizer", f"{name} gets {call['optimizer']} for its " \
                f"optimiser: it needs {call['player']}_optimizer"
            assert len(set(call["batch"])) == 1 and call["batch"][0] >= 0, f"{name} should get images, labels and " \
                "target labels of one batch, in this order, as they are"
        batches = [call["batch"][0] for call in d_calls]
        assert len(set(batches)) == count, f"the discriminator steps on the batches {batches}: on each one once"
        assert batches == list(range(count)), f"the discriminator takes the batches in the order {batches}"
        assert g_calls[0]["batch"][0] == count - 1, f"the generator steps on batch {g_calls[0]['batch'][0]} of 0 to " \
            f"{count - 1}: on the last one"
        assert seen["steps"] == 0, f"an optimiser steps {seen['steps']} times outside of the two steps: they do it"
        expect_tensor("the trace of the steps", seen["trace"], ())
        assert abs(seen["trace"].item() - trace) < 1e-6, "the two steps get something else than the batches as they are"
        assert seen["kept"], "train_round changes the list of batches"
        modes = [seen["modes"], *(call["modes"] for call in seen["calls"])]
        assert all(map(all, modes)), "a network is in evaluation mode in the round, or after it: train_round leaves " \
            "the modes as they are"
        assert not seen["frozen"], "a network does not learn any more: it should require a gradient afterwards"
        assert seen["grad_enabled"], "gradients are switched off for all that follows: use with torch.no_grad()"


@graded("faces.train_round", points=1, hint="Pass label_weight and reconstruction_weight on; return {**d_terms, "
        "**g_terms}.")
def test_train_round_terms(student, rng):
    """The weights of the terms, and what is returned."""
    weights = {"label_weight": uniform(rng, 1, low=0.2, high=0.9).item(),
               "reconstruction_weight": uniform(rng, 1, low=2.0, high=5.0).item()}
    heavy = {"label_weight": 1 + weights["label_weight"], "reconstruction_weight": weights["label_weight"]}
    for options, expected in (({}, {"label_weight": 1.0, "reconstruction_weight": 10.0}), (weights, weights),
                              (heavy, heavy)):
        seen, d_calls, g_calls, _, terms = observe_round(student, rng, 3, **options)
        for call in d_calls + g_calls:
            for name, weight in call["weights"].items():
                assert abs(weight - expected[name]) < 1e-6, f"{name} does not reach the step of the " \
                    f"{NAME[call['player']]}: it gets {weight:.3g}, not {expected[name]:.3g}"
        names = ["d_adversarial", "d_label", "g_adversarial", "g_label", "g_reconstruction"]
        expect_terms(seen["terms"], seen["attached"], names)
        for name, place in zip(names, (0, 1, 0, 1, 2)):
            got, wanted = seen["terms"][name].item(), terms[name[0]] + place
            whose = "last step of the discriminator" if name[0] == "d" else "step of the generator"
            assert abs(got - wanted) < 1e-4, f"{name} should be what the {whose} returned, {wanted:g} here, got {got:g}"


# translate: 3 points

def observe_translation(student, rng, form, training=True, ends=False):
    """Ask for translated images, and judge them. ends: only the first and the last expression are asked for."""
    k, count = whole(rng, 5, 7), whole(rng, 3, 4)
    images, weights = uniform(rng, count, 3, 5, 6, low=-1.0), normal(rng, k, 3)
    # Else neither the first nor the last expression is among them: the number of labels cannot be guessed from them.
    labels = 1 + (whole(rng, 0, k - 3) + torch.arange(count)) % (k - 2)
    if ends:
        labels = (k - 1) * ((whole(rng, 0, 1) + torch.arange(count)) % 2)
    seen = observe(student, "translated", images=images, labels=labels, form=form, weights=weights, training=training)
    wanted = labels[:1].expand(count) if form == "int" else labels
    one_hot = F.one_hot(wanted, k).float()
    expect_tensor(f"translated images for {'an int' if form == 'int' else 'labels (N,)'}", seen["out"], images.shape)
    assert seen["calls"], "the generator is not called: its images are wanted"
    assert seen["untouched"], "translate changes the images in place"
    expected = torch.tanh(images / (1 + 1e-5) ** 0.5 + (one_hot @ weights)[:, :, None, None])
    if close(seen["out"], expected):
        return seen
    expect_tensor("what the generator is asked for", seen["asked"], one_hot.shape)
    name_the_slip(seen["asked"], [
        ("label 0 is not asked for: the expressions are 0 to num_labels - 1",
         F.one_hot(wanted.clamp(min=1), k).float()),
        ("label num_labels - 1 is not asked for: the expressions are 0 to num_labels - 1",
         F.one_hot(wanted.clamp(max=k - 2), k).float()),
        ("off by one: the index is that of the label", one_hot.roll(1, 1)),
        ("off by one: the index is that of the label", one_hot.roll(-1, 1)),
        ("all images get the expression of the first label: each has its own", one_hot[:1].expand(count, k)),
        ("all images get the expression of the last label: each has its own", one_hot[-1:].expand(count, k)),
        ("the labels are 1 where they should be 0, and the other way round", 1 - one_hot)], right=one_hot)
    assert close(seen["asked"], one_hot), f"for the labels {wanted.tolist()} the generator should get one-hot labels " \
        f"of {k} numbers: 1 for the expression, else 0; it gets {seen['asked'].argmax(1).tolist()} for their largest"
    # In training mode the batch has a part in it: all images of it, or one after the other.
    planes = (one_hot @ weights)[:, :, None, None]
    wrong = [torch.tanh(norm + planes) for norm in (F.batch_norm(images, None, None, training=True),
                                                    F.instance_norm(images))]
    assert not seen["evaluated"] and any(close(seen["out"], out) for out in wrong), \
        "the result should be what the generator gives, in [-1, 1], as it is"
    return seen


@graded("faces.translate", points=1, hint="label may be an int: torch.as_tensor(label).expand(len(images)), then "
        "F.one_hot with generator.num_labels.")
def test_translate_int(student, rng):
    """One expression for all images."""
    for ends in (False, True, True):
        observe_translation(student, rng, "int", ends=ends)


@graded("faces.translate", points=1, hint="F.one_hot(label, generator.num_labels) makes a row for each label (N,).")
def test_translate_each(student, rng):
    """An expression for each image."""
    for ends in (False, True):
        observe_translation(student, rng, "tensor", ends=ends)


@graded("faces.translate", points=1, hint="generator.eval() before, under torch.no_grad(), and "
        "generator.train(was_training) after.")
def test_translate_mode(student, rng):
    """Evaluation mode, no gradient, and the mode from before afterwards."""
    for training in (True, False):
        seen = observe_translation(student, rng, "tensor", training)
        assert seen["evaluated"], "the generator runs in training mode: generator.eval() first"
        assert not seen["attached"], "the translated images carry a gradient: use torch.no_grad()"
        assert seen["modes"] == [training, training], "the generator was in " \
            f"{'training' if training else 'evaluation'} mode before, and is not afterwards: put it back"
        assert seen["grad_enabled"], "gradients are switched off for all that follows: use with torch.no_grad()"
        assert not seen["frozen"], "the generator does not learn any more: its weights should require a gradient " \
            "afterwards, as before"
