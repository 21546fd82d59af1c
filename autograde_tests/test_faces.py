"""Hidden checks of helpers/faces.py. Each compares what a probe saw with the reference, for inputs drawn anew.

The grader draws the weights of the networks, too. What comes back names layers and slips; nothing of it is believed.
"""
import math

import torch
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from autograde_tests import close, expect_tensor, graded, normal, uniform, whole
from autograde_tests.layers import activation
from autograde_tests.probes import fill, piece
from helpers import faces
from helpers.given.checks.faces import (TinyDiscriminator, TinyGenerator, between, expect_discriminator_layers,
                                        expect_generator_layers, same, slope_of)

MOST = 6_000_000  # numbers in an answer: more than any generator of the course gives
WORK = 3_000_000_000  # multiplications of a network: more would take the grader seconds


def observe(student, probe, **inputs):
    """Observe, and refuse an answer that is so large that to judge it would take long."""
    seen = student.observe(probe, **inputs)
    count = sum(value.numel() for value in seen.values() if isinstance(value, torch.Tensor))
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
        (grown(layers, own=True), "a layer's own stride widens what the later layers see, not what it sees itself"),
        (grown(layers[::-1]), "the layers are taken from the output to the image: the first one sees the pixels"),
        (grown([(k, 1) for k in kernels]), "the strides are left out: each one widens the steps of all later layers"),
        (grown(layers, first=0), "without any layer one output is one pixel: start with 1, not 0"),
        (grown(layers, missing=0), "a layer adds kernel_size - 1 steps, not kernel_size"),
        (grown(layers, first=0, missing=0), "a layer adds kernel_size - 1 steps to the 1 pixel at the start"),
        (grown(layers, add=True), "the strides multiply, they do not add up"),
        (sum(kernels), "that is the sum of the kernel sizes: the strides widen the steps"),
        (max(kernels), "that is the largest kernel: each layer adds to what the others see"),
        (grown([(k, s) for k, s in zip(kernels, [1, 1, *strides[:-2]])]),
         "the strides come one layer too late: a stride counts from the next layer on"),
        (torch.tensor(strides).prod().item(), "that is the product of the strides, the step of one output"),
        (torch.tensor(kernels).prod().item(), "the kernel sizes do not multiply: a layer adds kernel_size - 1 steps"),
    ]


@graded("faces.receptive_field", points=2, hint="size = 1, step = 1; for each layer: size += (kernel_size - 1) * step, "
        "then step *= stride")
def test_receptive_field(student, rng):
    """Random stacks, one layer, no layer."""
    stacks = [[(whole(rng, 2, 7), whole(rng, 2, 3)) for _ in range(whole(rng, 4, 5))] for _ in range(3)]
    stacks += [[(4, 2)] * 3 + [(4, 1)] * 2, [(whole(rng, 3, 9), 3)]]
    seen = observe(student, "fields", stacks=[[list(layer) for layer in stack] for stack in stacks])
    assert seen["untouched"], "receptive_field changes the list that it gets"
    wrong = []
    for stack, size, kind in zip(stacks, seen["sizes"], seen["kinds"]):
        assert size is not None, f"receptive_field should return an int, it returns {kind}"
        if size != faces.receptive_field(stack):
            wrong.append((stack, size))
    if wrong:
        stack, size = wrong[0]
        said = f"for {stack} it is {faces.receptive_field(stack)}, not {size:g}"
        for slips in zip(*(field_slips(stack) for stack, _ in wrong)):  # a slip explains all that is wrong
            assert not all(size == value for (_, size), (value, _) in zip(wrong, slips)), f"{said}: {slips[0][1]}"
        raise AssertionError(f"for {stack} the receptive field is {faces.receptive_field(stack)}, got {size:g}")
    seen = observe(student, "fields", stacks=[[]])
    assert seen["sizes"][0] == 1, f"without any layer it is 1, one pixel, got {seen['sizes'][0]}"


# concat_labels: 4 points

def judge_planes(seen, images, labels):
    """Assert the channels, then the planes, and name what a wrong shape or wrong planes come from."""
    (n, c, h, w), k, out = images.shape, labels.shape[1], seen["out"]
    if isinstance(out, torch.Tensor):
        for shape, slip in (((n, c + 1, h, w), "there is one plane for all: each number of the label has its own"),
                            ((n, c, h + k, w), "the labels are joined along the height: planes are channels, dim=1"),
                            ((n, c, h, w + k), "the labels are joined along the width: planes are channels, dim=1"),
                            ((n + k, c, h, w), "the labels are joined along the batch: planes are channels, dim=1"),
                            ((n * 2, c, h, w), "the labels are joined along the batch: planes are channels, dim=1"),
                            ((n, k, h, w), "that are the planes only: join them to the images"),
                            ((n, c, h, w), "the labels are not joined: the planes are channels of their own"),
                            ((n, h, w, c + k), "PyTorch's images have their channels first, (N, C, h, w)")):
            assert tuple(out.shape) != shape or shape == (n, c + k, h, w), f"{slip}; the shape is {shape}"
    expect_tensor(f"images {(n, c, h, w)} with labels {(n, k)}", out, (n, c + k, h, w))
    channels, planes = out[:, :c], out[:, c:]
    spread = labels[:, :, None, None].expand(n, k, h, w)
    if close(channels, images, 1e-6) and close(planes, spread, 1e-6):
        return
    assert not (close(out[:, :k], spread, 1e-6) and close(out[:, k:], images, 1e-6)), \
        "the planes come first: first the channels of the image, then the planes"
    assert close(channels, images, 1e-6), "the channels of the images are changed, or not in their order"
    for slip, wrong in (
            ("all images have the label of the first one: each has its own", spread[:1].expand(n, k, h, w)),
            ("all images have the mean of the labels: each has its own", spread.mean(dim=0, keepdim=True)),
            ("the planes are in reversed order: they follow the label", spread.flip(1)),
            ("the planes say 1 for the largest number and 0 else: the numbers themselves are wanted",
             F.one_hot(labels.argmax(1), k).to(labels)[:, :, None, None]),
            ("every plane holds the index of the expression: each has its own number",
             labels.argmax(1).to(labels)[:, None, None, None]),
            ("the planes hold probabilities, from a softmax: the numbers themselves are wanted",
             labels.softmax(1)[:, :, None, None]),
            ("the planes are rounded to integers: labels are any numbers", labels.long().to(labels)[:, :, None, None])):
        assert not close(planes, wrong.expand(n, k, h, w), 1e-6), slip
    if n == k:
        assert not close(planes, labels.T[:, :, None, None].expand(n, k, h, w), 1e-6), \
            "labels and images are mixed up: plane k of image n is labels[n, k]"
    flat = planes.flatten(2)
    assert (flat.amax(2) - flat.amin(2)).max() < 1e-6, \
        "a plane holds different numbers: plane k of image n is labels[n, k] in every pixel"
    raise AssertionError("plane k of image n should be labels[n, k] in every pixel")


@graded("faces.concat_labels", points=3, hint="labels[:, :, None, None].expand(-1, -1, h, w), and torch.cat((images, "
        "planes), dim=1)")
def test_concat_labels(student, rng):
    """Any numbers as labels; images that are not square; and all sizes equal, where wrong shapes fit, too."""
    for shape, k in (((whole(rng, 2, 4), 3, whole(rng, 5, 7), whole(rng, 8, 11)), 6), ((4, 4, 4, 4), 4)):
        images, labels = normal(rng, *shape), uniform(rng, shape[0], k, low=-1.0, high=3.0)
        seen = observe(student, "joined", images=images, labels=labels)
        judge_planes(seen, images, labels)
        assert seen["untouched"], "concat_labels changes its inputs in place"
        assert seen["reaches"], "no gradient passes to the images: nothing should be detached, the generator learns so"
        assert close(seen["gradient"], 2 * images), "the gradient that passes to the images is not theirs"


@graded("faces.concat_labels", points=1, hint="One-hot labels from F.one_hot are integers: .to(images) makes them what "
        "the images are.")
def test_concat_labels_kinds(student, rng):
    """One image; integer labels with float images."""
    images, labels = normal(rng, 1, 3, 4, 6), uniform(rng, 1, 5, low=-1.0)
    seen = observe(student, "joined", images=images, labels=labels)
    judge_planes(seen, images, labels)
    expect_tensor("images with integer labels", seen["whole"], (1, 8, 4, 6))
    assert seen["dtype"] == "torch.float32", f"with integer labels the result has dtype {seen['dtype']}"
    judge_planes({"out": seen["whole"]}, images, (labels > 0).float())


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
    x, change, out = x.detach(), change.detach(), seen["out"]
    for slip, wrong in (("the input is missing: return it plus the change", change),
                        ("the block gives its input back: the layers are not used", x),
                        ("there is a ReLU after the sum", (x + change).relu()),
                        ("there is a ReLU on the change: it may be negative", x + change.relu()),
                        ("the input is subtracted: add it", change - x), ("the change is subtracted", x - change),
                        ("that is the mean of both: add them", (x + change) / 2),
                        ("the input goes through a ReLU", x.relu() + change),
                        ("input and change are multiplied: add them", x * change),
                        ("the input is added twice", 2 * x + change), ("the change is added twice", x + 2 * change)):
        assert not close(out, wrong, 1e-4), slip
    assert close(out, x + change, 1e-4), "the block should return its input plus what its layers make of it"
    assert seen["untouched"], "the block changes its input in place: x + ..., not x += ..."
    expect_tensor("the gradient of the block in its input", seen["gradient"], x.shape)
    assert not seen["silent"], f"no gradient reaches {seen['silent'][0]}: is the change detached?"
    assert seen["gradient"].abs().max() > 0, "no gradient reaches the input: is it detached?"
    assert not close(seen["gradient"], direct), "no gradient passes through the layers to the input: is what " \
        "they get detached?"
    assert not close(seen["gradient"], through), "the gradient passes through the layers only: is the input " \
        "detached where it is added?"
    assert close(seen["gradient"], direct + through), "the gradient in the input is not that of x + layers(x)"


# StarGenerator: 6 points

def expect_uses_all(what, seen):
    assert not seen["silent"], f"no gradient reaches {seen['silent'][0]} of the {what}: is every layer used, and " \
        "nothing detached?"


def window(told, name, default):
    """Stride, padding and so on of a layer, [height, width]."""
    value = told.get(name, default)
    value = [value] * 2 if type(value) is int else value
    assert len(value) == 2 and all(type(number) is int and 0 <= number <= 16 for number in value), \
        f"a {told['kind']} has {name} {value}"
    return value


def ran(seen, numbers):
    """The layers that a probe saw, as `Layers` has them, but with weights and biases from the numbers sent."""
    layers = []
    assert sum(math.prod(told["size"]) for told in seen["layers"]) <= 3 * MOST, "that are too many weights to be judged"
    for k, told in enumerate(seen["layers"][:40]):
        layer = {"kind": told["kind"], "input": seen[f"input{k}"], "output": seen[f"output{k}"], "told": told}
        weight, bias = told["places"]
        assert weight is not None and (bias is not None or not told["bias"]), f"the weights of layer {k + 1} are not " \
            "parameters of the network as they are: no normalisation of weights is wanted"
        layer["weight"] = piece(numbers, weight, told["size"])
        if told["bias"]:
            channels = told["size"][told["kind"] == "conv_transpose2d"]
            layer["bias"] = piece(numbers, bias, [channels])
        layers.append(layer)
    return layers


def due(layer):
    """What a layer should give for its input; None if its output has another shape."""
    told, x, out = layer["told"], layer["input"], layer["output"]
    weight, bias, kind = layer["weight"], layer.get("bias"), layer["kind"]
    if kind == "linear":
        fits = x.shape[-1] == weight.shape[1] and out.shape == (*x.shape[:-1], len(weight))
        return F.linear(x, weight, bias) if fits else None
    stride, padding, dilation = (window(told, name, one) for name, one in
                                 (("stride", 1), ("padding", 0), ("dilation", 1)))
    extra, kernel = window(told, "output_padding", 0), weight.shape[2:]
    assert dilation == [1, 1] and told.get("groups", 1) == 1, f"a {kind} has a dilation, or groups"
    transposed = kind == "conv_transpose2d"
    channels = (weight.shape[0], weight.shape[1]) if transposed else (weight.shape[1], weight.shape[0])
    sizes = [(size - 1) * stride[j] - 2 * padding[j] + kernel[j] + extra[j] if transposed else
             (size + 2 * padding[j] - kernel[j]) // stride[j] + 1 for j, size in enumerate(x.shape[2:])]
    if x.shape[1] != channels[0] or out.shape != (len(x), channels[1], *sizes):
        return None
    if transposed:
        return F.conv_transpose2d(x, weight, bias, stride, padding, extra)
    return F.conv2d(x, weight, bias, stride, padding)


def follow(what, layers, x):
    """Assert that the first layer gets x, and that each gives what its weights make of its input.

    With what stands between the layers, which is for the caller to judge, it follows from the grader's numbers alone
    what each layer should get and give.
    """
    work = sum(layer["output"].numel() * layer["weight"].numel() // layer["output"].shape[1] for layer in layers)
    assert work <= WORK, f"the {what} takes {work:,} multiplications, which are too many to be judged"
    assert layers and same(layers[0]["input"], x), f"the first layer of the {what} does not get what it should"
    for k, layer in enumerate(layers, start=1):
        expected = due(layer)
        assert expected is not None and same(layer["output"], expected), f"layer {k} of the {what}, {layer['kind']}, " \
            "gives something else than its weight and bias make of its input"


def residuals(what, layers):
    """Count the residual blocks. Assert that we can name what stands between each two layers, so that nothing that came
    is only believed. Which it should be is judged elsewhere."""
    def named(before, after):
        if before.shape[:2] == after.shape[:2] and before.dim() == 4:
            before = F.adaptive_avg_pool2d(before, after.shape[2:])  # some do so for a stride, or repeat pixels
        return before.shape == after.shape and between(before, after) != "something else"

    count = 0
    for k, (one, other) in enumerate(zip(layers, layers[1:])):
        before, after = one["output"], other["input"]
        added = None
        if k and layers[k - 1]["input"].shape == before.shape:
            added = layers[k - 1]["input"] + F.instance_norm(before)
        if added is not None and same(after, added):
            count += 1
        elif not named(before, after):
            assert added is not None and named(added, after), f"what stands between layer {k + 1} and layer {k + 2} " \
                f"of the {what} has no name that we know: look at norm, activation and shape"
            count += 1
    return count


def expect_joined(what, seen, skip=()):
    """Assert that something nonlinear stands between each two layers."""
    for k in seen["linear"]:
        assert k in skip, f"between layer {k + 1} and layer {k + 2} of the {what} there is no activation"


@graded("faces.StarGenerator", points=4, hint="Two strided convolutions, the first from 3 + num_labels "
        "channels, the residual blocks, two transposed convolutions, the last to 3 channels; ReLU between, with "
        "InstanceNorm2d before it except behind the first; Tanh at the end.",
        gap="StarGenerator.__init__")
def test_star_generator(student, rng):
    """The way of the image through the layers."""
    k, channels = whole(rng, 3, 7), whole(rng, 5, 8)
    images, labels = uniform(rng, 3, 3, 64, 64, low=-1.0), torch.eye(k)[torch.arange(3)]
    numbers = uniform(rng, 20_011, low=-1.0)
    seen = observe(student, "generator", images=images, labels=labels, others=labels.roll(1, 1), numbers=numbers,
                   arguments={"num_labels": k, "channels": channels, "blocks": 2})
    what = "generator"
    assert seen["parameters"], "the generator has no parameters: keep its layers as attributes of the module"
    expect_tensor("generator(images, labels)", seen["out"], (3, 3, 64, 64))
    assert seen["training"], "the generator should be made in training mode"
    layers = ran(seen, numbers)
    kinds, shapes = [layer["kind"] for layer in layers], [layer["output"].shape for layer in layers]
    got = layers[0]["input"].shape[1] if kinds else "nothing"
    assert got == 3 + k, f"the first layer should get {3 + k} channels, the image's and {k} planes; it gets {got}"
    smallest = min(shape[-1] for shape in shapes if len(shape) == 4)
    assert smallest < 64, "no layer makes the image smaller: two convolutions should have stride 2"
    assert smallest == 16, f"the image should be halved twice, to 16x16; at its smallest it is {smallest}x{smallest}"
    assert "conv_transpose2d" in kinds, "transposed convolutions should lead back to the full size; none runs"
    count = kinds.count("conv_transpose2d")
    assert count >= 2, f"two transposed convolutions should lead back to the full size, there is {count}"
    assert seen["sums"], "no residual block runs: nothing is added to what it was made from"
    end = activation(layers[-1]["output"], seen["out"])
    span = f"the pixels run from {seen['out'].min():.3g} to {seen['out'].max():.3g}"
    assert end == "Tanh", f"the generator should end with Tanh, which brings pixels into [-1, 1]; it ends with " \
        f"{end or 'something else'}, {span}"
    expect_joined(what, seen)
    expect_uses_all(what, seen)
    assert seen["reaches"], "no gradient passes through the generator to the images: the way back needs it"
    for name in ("other", "one"):
        expect_tensor("generator(images, labels)", seen[name], (3 if name == "other" else 1, 3, 64, 64))
    other = (seen["other"] - seen["out"]).abs().max()
    assert other > 1e-5, "other labels give the same images: are the label planes used?"
    assert close(seen["one"], seen["out"][:1], 1e-3), "an image comes out otherwise when others are in its batch: " \
        "InstanceNorm2d normalises each image by itself, BatchNorm2d does not"
    assert seen["untouched"], "the generator changes the images in place"
    expect_generator_layers(layers, channels, 2)
    follow(what, layers, faces.concat_labels(images, labels))


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
        seen = observe(student, "sized", images=x, labels=labels, numbers=numbers, arguments=arguments)
        out, blocks = seen["out"], arguments.get("blocks")
        shape = tuple(out.shape) if isinstance(out, torch.Tensor) else out
        assert shape == x.shape, f"images of {height}x{width} pixels should keep their size: {tuple(x.shape)} became " \
            f"{shape}"
        assert not arguments or seen["num_labels"] == k, "generator.num_labels should be the number of labels"
        assert blocks in (None, seen["sums"]), f"with blocks={blocks} there should be {blocks} residual blocks, " \
            f"there are {seen['sums']}"
        layers = ran(seen, numbers)
        places = [layer["told"]["places"][0] for layer in layers]
        assert len(set(places)) == len(places), "the residual blocks are one and the same: each needs weights of its " \
            "own"
        first, channels = layers[0]["output"].shape[1] if layers else 0, arguments.get("channels")
        assert channels in (None, first), f"channels does not change the size of the generator: with " \
            f"channels={channels} the first layer gives {first}"
        follow("generator", layers, faces.concat_labels(x, labels))
        count = residuals("generator", layers)
        assert blocks in (None, count), f"with blocks={blocks} there should be {blocks} residual blocks, {count} run"
        assert activation(layers[-1]["output"], out), "what stands behind the last layer of the generator has no " \
            "name that we know"


# PatchDiscriminator: 6 points

def expect_pair(seen, count, k):
    """Assert the shapes of patch and label logits."""
    assert seen["count"] == 2 and seen["pair"], "the discriminator should return (patch_logits, " \
        f"label_logits), it returns {seen['type']} of {seen['count']}"
    patches, labels = seen["patches"], seen["labels"]
    assert isinstance(patches, torch.Tensor) and isinstance(labels, torch.Tensor), "both outputs should be tensors"
    assert not (tuple(patches.shape) == (count, k) and labels.dim() == 4), \
        "the outputs are swapped: (patch_logits, label_logits)"
    assert patches.dim() == 4 and patches.shape[:2] == (count, 1), "patch_logits should have shape (N, 1, h', w'), " \
        f"one logit for each patch; it is {tuple(patches.shape)}"
    assert min(patches.shape[2:]) > 1, f"patch_logits have {patches.shape[2]}x{patches.shape[3]} patches: there " \
        "should be a logit for each of many patches"
    expect_tensor("patch_logits", patches, patches.shape)
    expect_tensor("label_logits", labels, (count, k))


@graded("faces.PatchDiscriminator", points=3, hint="features = self.body(images); the patch head is a convolution to 1 "
        "channel, the label head a linear layer on the mean over height and width. Logits, without activation.")
def test_patch_discriminator(student, rng):
    """Shapes, logits, gradients; each image is judged by itself."""
    k = whole(rng, 3, 7)
    images, numbers = uniform(rng, 3, 3, 64, 64, low=-1.0), uniform(rng, 20_011, low=-1.0)
    seen = observe(student, "discriminator", images=images, numbers=numbers, arguments={"num_labels": k})
    expect_pair(seen, 3, k)
    what = "discriminator"
    patches, labels = seen["large_patches"], seen["large_labels"]  # of large images: far from 0
    expect_tensor("patch_logits", patches, seen["patches"].shape)
    expect_tensor("label_logits", labels, (3, k))
    assert patches.min() < 0 or patches.max() > 1, "patch_logits stay in [0, 1] whatever the weights: is there a " \
        "Sigmoid, which the loss has, or is there a Tanh?"
    assert patches.abs().max() > 1, "patch_logits stay in [-1, 1] whatever the weights: is there a Tanh?"
    assert not (patches == 0).any(), "patch_logits are never negative: is there a ReLU after them?"
    sums = torch.cat((labels.sum(dim=1), seen["labels"].sum(dim=1)))  # large Sigmoids may add up to 1 by chance
    assert (sums - 1).abs().max() > 1e-3, "label_logits are probabilities: is there a Softmax? The " \
        "cross entropy has one"
    assert labels.logsumexp(dim=1).abs().max() > 1e-3, "label_logits are logarithms of probabilities: is there a " \
        "LogSoftmax? The cross entropy has one"
    assert labels.min() < 0 or labels.max() > 1, "label_logits stay in [0, 1] whatever the weights: is there a " \
        "Sigmoid? The cross entropy wants logits"
    assert labels.abs().max() > 1, "label_logits stay in [-1, 1] whatever the weights: is there a Tanh?"
    assert not (labels == 0).any(), "label_logits are never negative: is there a ReLU after them?"
    expect_joined(what, seen, skip=heads(seen))
    expect_uses_all(what, seen)
    for label, name in (("patches", "patch_logits"), ("labels", "label_logits")):
        assert seen[f"{label}_reach"], f"no gradient passes from {name} to the images, but the generator learns from it"
        assert not seen[f"{label}_of_others"], f"{name} of an image depend on the others in its batch: no BatchNorm " \
            "here"
        assert (seen[label] - seen[label][:1]).abs().max() > 1e-7, f"{name} are the same for different images"
    assert min(seen["labels_seen"]) > 50, "label_logits see a part of the image only, " \
        f"{seen['labels_seen'][0]}x{seen['labels_seen'][1]} of 64x64 pixels: take the mean over all places"
    assert seen["untouched"], "the discriminator changes the images in place"
    assert seen["training"], "the discriminator should be made in training mode"
    assert seen["one"] == [[1, 1, *patches.shape[2:]], [1, k]], f"for one image the shapes are {seen['one']}, they " \
        f"should be {[[1, 1, *patches.shape[2:]], [1, k]]}: squeeze without a dim takes the batch away, too"
    layers = ran(seen, numbers)
    expect_discriminator_layers(layers, patches, labels, 16, 3)
    follow(what, layers, 100 * images)
    body, given = layers[3]["output"], layers[4]["input"]
    given = given if given.shape == body.shape else layers[5]["input"]  # the label head may run first, on the mean
    features = F.leaky_relu(body, slope_of(body, given))
    assert any(same(head["input"], features) and same(patches, head["output"]) for head in layers[4:]), \
        "the patch head does not get the body's output"


def heads(seen):
    """Layers that stand side by side, so that nothing has to stand between them: the last two."""
    return range(max(0, len(seen["layers"]) - 2), len(seen["layers"]))


def composed(seen, numbers, depth):
    """What one patch makes of the pixels that it sees (3, h, w), up to a factor, if all that the layers give is
    positive; and the first layer's channels. Nothing but convolutions counts then: LeakyReLU lets it all through."""
    chain = []
    for told in seen["layers"][:40]:
        size = told["size"]
        if told["kind"] == "conv2d" and size[1] == (chain[-1]["size"][0] if chain else 3) and size[2:] != [1, 1]:
            chain.append(told)
    chain = chain[:depth + 2]
    plain = all(told["size"][2:] == [4, 4] and math.prod(told["size"]) <= 2 * MOST and
                max(window(told, "stride", 1)) <= 2 for told in chain)
    assert len(chain) == depth + 2 and plain, f"{depth + 2} convolutions of 4x4 should lead to the patch logits"
    patch = torch.ones(1, chain[-1]["size"][0], 1, 1)
    for told in reversed(chain):
        place = told["places"][0]
        assert place is not None, "a convolution's weight is no parameter of the discriminator as it is"
        patch = F.conv_transpose2d(patch, piece(numbers, place, told["size"]), stride=window(told, "stride", 1))
    return patch[0], chain[0]["size"][0]


def judge_field(student, rng, size, depth, arguments):
    """Assert what one patch sees, on both axes."""
    expected = {1: 16, 2: 34, 3: 70}[depth]
    # Positive, so that activations let all through, and small, so that a Sigmoid at the end does not saturate.
    numbers = uniform(rng, 20_011, low=0.01, high=0.05)
    seen = observe(student, "field", size=size, numbers=numbers, arguments=arguments)
    call = f"PatchDiscriminator({', '.join(f'{key}={value}' for key, value in arguments.items())})"
    assert "gradient" in seen, f"patch_logits should have shape (N, 1, h', w'), it is {tuple(seen['shape'])}"
    assert not seen["others"], "a patch of one image sees the other images of its batch: no BatchNorm here"
    expect_tensor("the gradient of a patch", seen["gradient"], (3, size, size))
    rows, columns = (seen["gradient"] != 0).any(dim=0).nonzero().unbind(1)
    assert len(rows), f"the patch in the middle of {call} does not depend on the image: is there a ReLU after it, or " \
        "a detach?"
    top, left = rows.min(), columns.min()
    found = seen["gradient"][:, top:rows.max() + 1, left:columns.max() + 1]
    h, w = found.shape[1:]
    assert min(h, w) < size, f"a patch of {call} sees a whole image of {size}x{size} pixels: is there a " \
        "normalisation, or a mean over all patches?"
    assert (h, w) == (expected, expected), f"a patch of {call} should be {expected}x{expected} pixels large, " \
        f"it is {h}x{w}: look at kernel sizes, strides and the number of layers"
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

SIZE = {"d": sum(p.numel() for p in TinyDiscriminator(4).parameters()),
        "g": sum(p.numel() for p in TinyGenerator(4).parameters())}


STEP = 5e-6  # tolerance of a weight after a step: the student's is in float32


class Game:
    """What a step is given."""

    def __init__(self, rng, heavy=False):
        """heavy: label_weight is above 1 and reconstruction_weight below, else it is the other way round."""
        self.d_weights, self.g_weights = ((0.7 * normal(rng, SIZE[key])).double() for key in "dg")
        self.images = uniform(rng, 5, 3, 6, 7, low=-1.0).double()
        first = torch.randint(4, (5,), generator=rng)
        self.labels = torch.eye(4).double()[first]
        self.targets = torch.eye(4).double()[(first + torch.randint(1, 4, (5,), generator=rng)) % 4]
        self.lr = uniform(rng, 1, low=0.05, high=0.2).item()
        self.label_weight, self.reconstruction_weight = (uniform(rng, 1, low=a, high=b).item()
                                                         for a, b in (((1.3, 1.9), (0.3, 0.8)) if heavy else
                                                                      ((0.3, 0.8), (2.0, 4.0))))
        self.d, self.g = TinyDiscriminator(4).double(), TinyGenerator(4).double()
        for model, weights in ((self.d, self.d_weights), (self.g, self.g_weights)):
            vector_to_parameters(weights, model.parameters())

    def observe(self, student, name, stale, scale=1, **options):
        """Ask for a step, in float32, as in training. scale: of the discriminator's weights."""
        seen = observe(student, "step", name=name, d_weights=scale * self.d_weights.float(),
                       g_weights=self.g_weights.float(), stale=stale.float(), images=self.images.float(),
                       labels=self.labels.float(), targets=self.targets.float(), lr=self.lr, options=options)
        for key in "dg":
            assert seen[f"{key}_weights"].shape == (SIZE[key],), "the networks have other weights than before"
        return seen

    def after(self, model, loss):
        """A model's weights after one step on a loss, and the gradient of the loss."""
        gradients = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True, allow_unused=True)
        parts = [torch.zeros_like(p) if g is None else g for p, g in zip(model.parameters(), gradients)]
        gradient = torch.cat([part.flatten() for part in parts])
        return parameters_to_vector(model.parameters()).detach() - self.lr * gradient, gradient


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def expect_terms(seen, names):
    """Assert a dict of detached scalar tensors with these names."""
    assert seen["type"] == "dict", f"the step should return a dict, it returns {seen['type']}"
    assert sorted(seen["names"]) == sorted(names), f"the dict should have the keys {', '.join(names)}; it has " \
        f"{', '.join(seen['names']) or 'none'}"
    for name in names:
        assert seen["types"][name] == "Tensor", f"{name} should be a tensor, {name}.detach(); it is " \
            f"{seen['types'][name]}"
        shape = tuple(seen[f"term_{name}"].shape)
        assert shape == (), f"{name} should be a scalar, its shape is {shape}"
        assert name not in seen["attached"], f"{name} should be detached: the graph behind it takes memory"


def judge_step(seen, player, other, model, game, right, slips, weights, wholes):
    """Assert the terms that a step returned and the weights that it left.

    right: {term: its value}. slips: {term: {what was done: the value that comes of it}}. weights: of the terms in the
    loss. wholes: {what was done: the whole loss that comes of it}.
    """
    expect_terms(seen, right)
    before = {"d": game.d_weights, "g": game.g_weights}
    name = {"d": "discriminator", "g": "generator"}
    assert torch.equal(seen[f"{other}_weights"].double(), before[other]), \
        f"the {name[other]} has changed: only the {name[player]} steps here"
    for term, value in right.items():
        got = seen[f"term_{term}"]
        assert got.isfinite(), f"{term} is {got}"
        if close(got, value.detach(), 1e-5):
            continue
        for slip, wrong in slips[term].items():
            assert not close(got, wrong.detach(), 1e-5), slip
        raise AssertionError(f"{term} should be {value:.6g} here, got {got:.6g}")
    after = seen[f"{player}_weights"].double()
    loss = sum(weights[term] * value for term, value in right.items())
    expected, gradient = game.after(model, loss)
    if close(after, expected, STEP):
        return
    assert seen["steps"], f"the {name[player]} is not changed: there is no optimizer.step()"
    assert not torch.equal(after, before[player]), \
        f"the optimiser steps, but the {name[player]} stays as it is: zero_grad, then backward, then step"
    assert not close(after, before[player] + game.lr * gradient, STEP), \
        "the loss grows: the step goes up, along the gradient"
    assert seen["steps"] == 1, f"the optimiser should step once, it steps {seen['steps']} times"
    for slip, wrong in wholes.items():
        assert not close(after, game.after(model, wrong)[0], STEP), slip
    for term, value in right.items():
        for slip, wrong in slips[term].items():
            if wrong.requires_grad:
                assert not close(after, game.after(model, loss + weights[term] * (wrong - value))[0], STEP), slip
    raise AssertionError(f"the terms are right, but the weights of the {name[player]} are not what one step on "
                         f"{' + '.join(f'{weights[term]:.3g} * {term}' for term in right)} makes of them")


def d_terms(game):
    """The right terms of the discriminator, and what typical mistakes make of each."""
    d, images, labels, targets = game.d, game.images, game.labels, game.targets
    with torch.no_grad():
        fake, same = game.g(images, targets), game.g(images, labels)
    real_logits, named = d(images)
    fake_logits, fake_named = d(fake)
    right_a, right_l = bce(real_logits, 1.0) + bce(fake_logits, 0.0), F.cross_entropy(named, labels)
    a = {
        "the labels are swapped: real patches have label 1, generated 0": bce(real_logits, 0.0) + bce(fake_logits, 1.0),
        "generated patches are labelled as real: their label is 0": bce(real_logits, 1.0) + bce(fake_logits, 1.0),
        "the half for the generated images is missing": bce(real_logits, 1.0),
        "the half for the real images is missing": bce(fake_logits, 0.0),
        "that is the average of the two halves: add them": right_a / 2,
        "the sigmoid is taken twice: the loss takes logits":
            bce(real_logits.sigmoid(), 1.0) + bce(fake_logits.sigmoid(), 0.0),
        "that is a squared error: the adversarial term is a cross entropy":
            (real_logits - 1).square().mean() + fake_logits.square().mean(),
        "that is the hinge loss: the adversarial term is a cross entropy":
            F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean(),
        "that is the Wasserstein loss: the adversarial term is a cross entropy":
            fake_logits.mean() - real_logits.mean(),
        "the losses are summed over the patches: take the mean": right_a * real_logits.numel(),
        "the sign is wrong: the loss is minimised": -right_a,
        "the images are generated with their own labels, not with the target labels":
            bce(real_logits, 1.0) + bce(d(same)[0], 0.0),
        "the second half has the wrong sign": bce(real_logits, 1.0) - bce(fake_logits, 0.0),
        "the label of real patches should be 1, not 0.9": bce(real_logits, 0.9) + bce(fake_logits, 0.0),
        "only one patch of each image counts": bce(real_logits[..., 0, 0], 1.0) + bce(fake_logits[..., 0, 0], 0.0),
        "the logits of all patches of an image are averaged before the loss: each patch is judged by itself":
            bce(real_logits.mean(dim=(1, 2, 3)), 1.0) + bce(fake_logits.mean(dim=(1, 2, 3)), 0.0),
    }
    index, size = labels.argmax(1), labels.shape[1]
    on_fake, target = F.cross_entropy(fake_named, targets), F.cross_entropy(named, targets)
    label = {
        "the label term is of the generated images: the discriminator learns expressions from real ones": on_fake,
        "the label term is of the generated images, with the real ones' labels": F.cross_entropy(fake_named, labels),
        "the real images are compared with the target labels: their own are right": target,
        "the generated images have a part in the label term: only real ones have a true expression": right_l + on_fake,
        "the generated images have half of the label term: only real ones have a true expression":
            (right_l + on_fake) / 2,
        "the softmax is taken twice: the cross entropy takes logits": F.cross_entropy(named.softmax(1), labels),
        "that is a binary cross entropy of each label: an image has one expression, so it is the cross entropy":
            F.binary_cross_entropy_with_logits(named, labels),
        "that is a squared error: the label term is the cross entropy": F.mse_loss(named, labels),
        "that is a squared error of probabilities: the label term is the cross entropy":
            F.mse_loss(named.softmax(1), labels),
        "the label term is summed over the batch: take the mean": F.cross_entropy(named, labels, reduction="sum"),
        "d_label is returned with its weight: it is wanted without": game.label_weight * right_l,
        "nll_loss wants logarithms of probabilities: the cross entropy takes logits": F.nll_loss(named, index),
        "the sign of the label term is wrong": -right_l,
        "the label term is divided by the number of expressions": right_l / size,
    }
    return {"d_adversarial": right_a, "d_label": right_l}, {"d_adversarial": a, "d_label": label}


D_HINT = "Generate under torch.no_grad(); binary_cross_entropy_with_logits with 1 for real and 0 for generated " \
    "patches, plus label_weight times the cross entropy of the real images; zero_grad, backward, step."


@graded("faces.discriminator_step", points=4, hint=D_HINT)
def test_discriminator_step(student, rng):
    """Terms, and weights after one step, with a drawn label_weight below and above 1."""
    for heavy in (False, True):
        judge_discriminator_step(student, Game(rng, heavy))


def judge_discriminator_step(student, game):
    seen = game.observe(student, "discriminator_step", torch.zeros(SIZE["d"]).double(), label_weight=game.label_weight)
    right, slips = d_terms(game)
    a, label = right.values()
    w = game.label_weight
    wholes = {
        "label_weight is not used": a + label, "the label term is missing in the loss": a,
        "the adversarial term is missing in the loss": w * label,
        "label_weight is on the adversarial term: it belongs to the label term": w * a + label,
        "label_weight is on both terms: it belongs to the label term": w * a + w * label,
        "label_weight is squared: it counts once": a + w * w * label,
        "the weight of the adversarial term is 1 - label_weight: it is 1": (1 - w) * a + w * label,
        "the label term has the wrong sign in the loss": a - w * label,
        "the whole loss is halved": (a + w * label) / 2,
    }
    judge_step(seen, "d", "g", game.d, game, right, slips, {"d_adversarial": 1.0, "d_label": w}, wholes)


def judge_leftovers(seen, player, game, expected, gradient, stale):
    """Assert that gradients from before do not count."""
    after = seen[f"{player}_weights"].double()
    assert not close(after, expected - game.lr * stale, STEP), \
        "gradients that are left from before count: optimizer.zero_grad() before backward()"
    assert close(after, expected, STEP), "with gradients left from before, or with the default weights of the terms, " \
        "the step is another one: zero_grad, backward, step; the defaults are label_weight=1, reconstruction_weight=10"
    assert not seen["frozen"], f"{seen['frozen'][0]} does not learn any more: it should require a gradient afterwards"
    assert all(seen["modes"]), "a network is in evaluation mode after the step"
    assert seen["called"], "a network is called in evaluation mode: the step leaves the modes as they are"
    assert seen["grad_enabled"], "gradients are switched off for all that follows: use with torch.no_grad()"
    assert seen["untouched"], "the step changes images or labels in place"


def judge_large(student, name, player, game):
    """Assert that large logits, of a discriminator that is very sure, give a loss that is a number."""
    seen = game.observe(student, name, torch.zeros(SIZE[player]), scale=30)
    for term in sorted(set(seen["names"]))[:5]:
        assert seen[f"term_{term}"].isfinite(), f"for large logits {term} is {seen[f'term_{term}'].item()}: the " \
            "logarithm of a sigmoid or a softmax that is 0; take a loss that takes logits"
    assert seen[f"{player}_weights"].isfinite().all(), "for large logits the weights are no numbers after the step: " \
        "take a loss that takes logits"


@graded("faces.discriminator_step", points=2, hint="optimizer.zero_grad() before backward(); and no gradient for the "
        "generator: with torch.no_grad(), or fake.detach().")
def test_discriminator_step_alone(student, rng):
    """Gradients left from before; none for the generator; the default weight."""
    game = Game(rng)
    stale = normal(rng, SIZE["d"]).double()
    seen = game.observe(student, "discriminator_step", stale)
    assert seen["other_gradient"] == 0, "gradients reach the generator, whose step this is not: detach its images, " \
        "or generate under torch.no_grad()"
    right, _ = d_terms(game)
    expected, gradient = game.after(game.d, sum(right.values()))
    judge_leftovers(seen, "d", game, expected, gradient, stale)
    judge_large(student, "discriminator_step", "d", game)


def g_terms(game):
    """The right terms of the generator, and what typical mistakes make of each."""
    d, g, images, labels, targets = game.d, game.g, game.images, game.labels, game.targets
    fake = g(images, targets)
    logits, named = d(fake)
    real_logits, real_named = d(images)
    back = g(fake, labels)
    right = {"g_adversarial": bce(logits, 1.0), "g_label": F.cross_entropy(named, targets),
             "g_reconstruction": F.l1_loss(back, images)}
    a, label, r = right.values()
    same = g(images, labels)
    slips = {"g_adversarial": {
        "the label is 0, the discriminator's: the generator wants its patches taken for real": bce(logits, 0.0),
        "that is the saturating loss log(1 - D(G(x, c))): the one here is -log D(G(x, c))": -bce(logits, 0.0),
        "the sigmoid is taken twice: the loss takes logits": bce(logits.sigmoid(), 1.0),
        "that is a squared error: the adversarial term is a cross entropy": (logits - 1).square().mean(),
        "that is the Wasserstein loss: the one here is -log D(G(x, c))": -logits.mean(),
        "the discriminator judges the real images: the generated ones are wanted": bce(real_logits, 1.0),
        "the generator's term has no part for real images": a + bce(real_logits, 0.0),
        "the loss is summed over the patches: take the mean": a * logits.numel(),
        "the sign of the adversarial term is wrong": -a,
        "the discriminator judges the reconstructed images: the generated ones are wanted": bce(d(back)[0], 1.0),
        "the images are generated with their own labels, not with the target labels": bce(d(same)[0], 1.0),
        "the label should be 1, not 0.9": bce(logits, 0.9),
        "the logits of all patches of an image are averaged before the loss: each patch is judged by itself":
            bce(logits.mean(dim=(1, 2, 3)), 1.0),
    }, "g_label": {
        "the generated images are compared with the labels they had: they should show the target labels":
            F.cross_entropy(named, labels),
        "the label term is of the real images: the generated ones should show the target labels":
            F.cross_entropy(real_named, targets),
        "the label term is the discriminator's, of real images and their labels": F.cross_entropy(real_named, labels),
        "the softmax is taken twice: the cross entropy takes logits": F.cross_entropy(named.softmax(1), targets),
        "that is a binary cross entropy of each label: an image has one expression, so it is the cross entropy":
            F.binary_cross_entropy_with_logits(named, targets),
        "that is a squared error: the label term is the cross entropy": F.mse_loss(named, targets),
        "the label term is summed over the batch: take the mean": F.cross_entropy(named, targets, reduction="sum"),
        "the sign of the label term is wrong": -label,
        "the label term is of the reconstructed images: the generated ones should show the target labels":
            F.cross_entropy(d(back)[1], targets),
        "g_label is returned with its weight: it is wanted without": game.label_weight * label,
    }, "g_reconstruction": {
        "the way back takes the target labels: the images had others": F.l1_loss(g(fake, targets), images),
        "the way back starts from the images: it starts from the generated ones": F.l1_loss(same, images),
        "there is no way back: the generated images may differ from the real ones": F.l1_loss(fake, images),
        "that is the squared difference: the mean absolute one is wanted": F.mse_loss(back, images),
        "the reconstruction is summed: take the mean": F.l1_loss(back, images, reduction="sum"),
        "the reconstruction is summed over the pixels: take the mean over all": r * images[0].numel(),
        "the reconstruction is compared with the generated images: the first ones are wanted": F.l1_loss(back, fake),
        "g_reconstruction is returned with its weight: it is wanted without": game.reconstruction_weight * r,
        "the difference has a sign: take its absolute value": (back - images).mean(),
        "the difference has a sign: take its absolute value.": (images - back).mean(),
        "the way back is detached from the way there: the generator learns both":
            F.l1_loss(g(fake.detach(), labels), images) + 0 * r.detach(),
    }}
    return right, slips, fake


G_HINT = "fake = generator(images, target_labels); binary_cross_entropy_with_logits with 1, the cross entropy with " \
    "the target labels, F.l1_loss(generator(fake, labels), images), each with its weight; zero_grad, backward, step."


@graded("faces.generator_step", points=4, hint=G_HINT)
def test_generator_step(student, rng):
    """Terms, and weights after one step, with drawn weights of the terms."""
    for heavy in (False, True):
        judge_generator_step(student, Game(rng, heavy))


def judge_generator_step(student, game):
    seen = game.observe(student, "generator_step", torch.zeros(SIZE["g"]).double(), label_weight=game.label_weight,
                        reconstruction_weight=game.reconstruction_weight)
    right, slips, fake = g_terms(game)
    a, label, r = right.values()
    w, v = game.label_weight, game.reconstruction_weight
    g, images, labels = game.g, game.images, game.labels
    one_way = F.l1_loss(g(fake.detach(), labels), images)
    wholes = {
        "the discriminator gets detached images: the generator learns nothing from its answer": v * r,
        "the discriminator gets detached images, and the way back, too": v * one_way,
        "the adversarial term is detached, or missing in the loss": w * label + v * r,
        "the label term is detached, or missing in the loss": a + v * r,
        "the reconstruction is detached, or missing in the loss": a + w * label,
        "the way back is detached from the way there: the generator learns both": a + w * label + v * one_way,
        "label_weight is not used": a + label + v * r, "reconstruction_weight is not used": a + w * label + r,
        "reconstruction_weight is always 10": a + w * label + 10 * r,
        "the weights of label and reconstruction are swapped": a + v * label + w * r,
        "neither weight is used": a + label + r,
        "reconstruction_weight is on the adversarial term, too": v * a + w * label + v * r,
        "label_weight is on the adversarial term, too": w * a + w * label + v * r,
        "the sign of the reconstruction is wrong in the loss": a + w * label - v * r,
        "the sign of the label term is wrong in the loss": a - w * label + v * r,
        "the weights are divided by their sum: they count as they are": (a + w * label + v * r) / (1 + w + v),
        "the reconstruction learns the way back only through a fixed generator": a + w * label + v * F.l1_loss(
            torch.func.functional_call(g, {n: p.detach() for n, p in g.named_parameters()}, (fake, labels)), images),
    }
    judge_step(seen, "g", "d", game.g, game, right, slips,
               {"g_adversarial": 1.0, "g_label": w, "g_reconstruction": v}, wholes)


@graded("faces.generator_step", points=2, hint="optimizer.zero_grad() before backward(); only the generator's "
        "optimiser steps; label_weight is 1 and reconstruction_weight 10 if they are not given.")
def test_generator_step_alone(student, rng):
    """Gradients left from before; the discriminator as it was; the default weights."""
    game = Game(rng)
    stale = normal(rng, SIZE["g"]).double()
    seen = game.observe(student, "generator_step", stale)
    assert torch.equal(seen["d_weights"].double(), game.d_weights), "the discriminator has changed: " \
        "only the generator steps"
    a, label, r = g_terms(game)[0].values()
    expected, gradient = game.after(game.g, a + label + 10 * r)
    judge_leftovers(seen, "g", game, expected, gradient, stale)
    judge_large(student, "generator_step", "g", game)


# train_round: 3 points

def observe_round(student, rng, count, **options):
    images = uniform(rng, count, 3, 3, 4, 5, low=-1.0)
    # The steps are recorders here, so labels need not be one-hot: numbers tell the batches apart.
    labels, targets = (uniform(rng, count, 3, 5) for _ in range(2))
    seen = observe(student, "round_of", images=images, labels=labels, targets=targets, count=count, options=options)
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
            name = {"d": "discriminator_step", "g": "generator_step"}[call["player"]]
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
            for name in expected:
                assert name not in call or abs(call[name] - expected[name]) < 1e-6, f"{name} does not reach the " \
                    f"step of the {'discriminator' if call['player'] == 'd' else 'generator'}: it gets " \
                    f"{call[name]:.3g}, not {expected[name]:.3g}"
        names = ["d_adversarial", "d_label", "g_adversarial", "g_label", "g_reconstruction"]
        expect_terms(seen, names)
        for name, place in zip(names, (0, 1, 0, 1, 2)):
            got, wanted = seen[f"term_{name}"].item(), terms[name[0]] + place
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
    for slip, wrong in (("label 0 is not asked for: the expressions are 0 to num_labels - 1",
                         F.one_hot(wanted.clamp(min=1), k).float()),
                        ("label num_labels - 1 is not asked for: the expressions are 0 to num_labels - 1",
                         F.one_hot(wanted.clamp(max=k - 2), k).float()),
                        ("off by one: the index is that of the label", one_hot.roll(1, 1)),
                        ("off by one: the index is that of the label.", one_hot.roll(-1, 1)),
                        ("all images get the expression of the first label: each has its own",
                         one_hot[:1].expand(count, k)),
                        ("all images get the expression of the last label: each has its own",
                         one_hot[-1:].expand(count, k)),
                        ("the labels are 1 where they should be 0, and the other way round", 1 - one_hot)):
        assert close(wrong, one_hot) or not close(seen["asked"], wrong), slip
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
        assert seen["training"] is training and seen["norm_training"] is training, "the generator was in " \
            f"{'training' if training else 'evaluation'} mode before, and is not afterwards: put it back"
        assert seen["grad_enabled"], "gradients are switched off for all that follows: use with torch.no_grad()"
        assert not seen["frozen"], "the generator does not learn any more: its weights should require a gradient " \
            "afterwards, as before"
