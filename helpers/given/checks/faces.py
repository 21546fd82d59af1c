"""Public checks of helpers/faces.py."""
import copy
from itertools import zip_longest

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (
    Layers, PlainSteps, between, close, expect_all_learn, expect_close, expect_right, expect_shape, expect_tensor,
    expect_untouched, parameters, silent)

faces = GradedModule("faces")


class TinyGenerator(nn.Module):
    """Images (N, 3, h, w) and labels (N, K) -> images. Small enough to follow a step by hand."""

    def __init__(self, num_labels=3):
        super().__init__()
        self.num_labels = num_labels
        self.image, self.label = nn.Conv2d(3, 3, 1), nn.Linear(num_labels, 3)

    def forward(self, images, labels):
        return torch.tanh(self.image(images) + self.label(labels)[:, :, None, None])


class TinyDiscriminator(nn.Module):
    """Images (N, 3, h, w) -> patch logits (N, 1, h - 1, w - 1), label logits (N, K)."""

    def __init__(self, num_labels=3):
        super().__init__()
        self.body, self.patch, self.label = nn.Conv2d(3, 4, 2), nn.Conv2d(4, 1, 1), nn.Linear(4, num_labels)

    def forward(self, images):
        features = F.leaky_relu(self.body(images), 0.2)
        return self.patch(features), self.label(features.mean(dim=(2, 3)))


# The two networks, layer by layer. The hidden checks use these, too. layers: dicts, as `Layers` records them.

def by_channel(x):
    """What InstanceNorm2d makes of x; NaN where it would refuse x."""
    return F.instance_norm(x) if x.dim() == 4 and x[0, 0].numel() > 1 else torch.full_like(x, torch.nan)


NORMS = {"InstanceNorm2d": by_channel, "one norm over all channels": lambda x: F.layer_norm(x, x.shape[1:]),
         "BatchNorm2d": lambda x: F.batch_norm(x, None, None, training=True) if x[:, 0].numel() > 1 else x * torch.nan}


def expect_layers(what, layers, wanted):
    """Assert kinds and outputs of layers. wanted: [(kind, (channels, h, w)), ...]"""
    got = [(layer["kind"], tuple(layer["output"].shape[1:])) for layer in layers]
    for k, (one, other) in enumerate(zip_longest(got, wanted), start=1):
        assert one is not None, f"the {what} has {len(got)} layers, it should have {len(wanted)}: {other[0]} is missing"
        assert other is not None, f"the {what} should have {len(wanted)} layers (a residual block has two), it has " \
            f"{len(got)}: look at layer {k}, {one[0]}"
        assert one == other, f"layer {k} of the {what} should be {other[0]} and give (channels, h, w) = {other[1]}; " \
            f"it is {one[0]} and gives {one[1]}: look at order, channels, stride and padding"


def expect_images(what, layers):
    """Assert that the first layer that runs gets images."""
    assert layers, f"no layer of the {what} runs: make them in __init__, and call them in forward"
    kind, shape = layers[0]["kind"], tuple(layers[0]["input"].shape)
    assert len(shape) == 4, f"the first layer of the {what} should be a convolution of the images; it is {kind}, and " \
        f"gets {shape}"


def behind(before, after):
    """Name what stands between a head's layer and an output."""
    name = before.shape == after.shape and between(before, after)
    if not name and before.shape == after.shape and close(after, before.clamp(after.min(), after.max())):
        return "a clamp"
    return name or "something else"


def expect_generator_layers(layers, channels, blocks):
    """Assert the layers of a new StarGenerator, and what stands between them."""
    expect_images("generator", layers)
    h, w = layers[0]["input"].shape[2:]
    half, quarter = (channels, h // 2, w // 2), (2 * channels, h // 4, w // 4)
    expect_layers("generator", layers, [("conv2d", half), *[("conv2d", quarter)] * (1 + 2 * blocks),
                                        ("conv_transpose2d", half), ("conv_transpose2d", (3, h, w))])
    for k, (one, other) in enumerate(zip(layers, layers[1:])):
        where = f"between layer {k + 1} and layer {k + 2} of the generator"
        if k in range(3, 2 * blocks + 2, 2):  # the second layer of a residual block
            total = layers[k - 1]["input"] + by_channel(one["output"])
            assert close(other["input"], total), f"{where} there should be the sum of the residual block, and " \
                "nothing else"
            continue
        came = between(one["output"], other["input"], NORMS) or "something else"
        if k == 0:
            why = ". A label plane is the same number everywhere, so a norm that subtracts each channel's mean wipes " \
                "the label out" if "Norm" in came else ""
            assert came == "ReLU", "after the first convolution of the generator there should be only ReLU, there is " \
                f"{came}{why}"
            continue
        assert came not in NORMS, f"{where} there is no activation, only {came}"
        assert came == "InstanceNorm2d, then ReLU", f"{where} there should be InstanceNorm2d, then ReLU; there is " \
            f"{came}"


def expect_pair(out, count, num_labels):
    """Assert what a discriminator returned for some images: patch_logits and label_logits. Returns both."""
    kind = out if isinstance(out, str) else type(out).__name__
    assert isinstance(out, (tuple, list)) and len(out) == 2, \
        f"the discriminator should return (patch_logits, label_logits), it returns {kind}"
    patches, labels = out
    assert isinstance(patches, torch.Tensor) and isinstance(labels, torch.Tensor), "both outputs should be tensors"
    assert patches.shape != (count, num_labels) or labels.dim() != 4, \
        "the outputs are swapped: (patch_logits, label_logits)"
    assert patches.dim() == 4 and patches.shape[:2] == (count, 1), "patch_logits should have shape (N, 1, h', w'), " \
        f"one logit for each patch; it is {tuple(patches.shape)}"
    h, w = patches.shape[2:]
    assert h > 1 and w > 1, f"there should be a logit for each of many patches, there are {h}x{w}"
    expect_tensor("patch_logits", patches, patches.shape)
    expect_tensor(f"label_logits of {count} images and {num_labels} expressions", labels, (count, num_labels))
    return patches, labels


def expect_field(what, gradient, size):
    """Assert how large a patch is, in height and in width, from its gradient in the image (3, h, w). Returns the part
    that it sees."""
    assert gradient.any(), f"{what} does not depend on the image: is there a ReLU after it, or a detach?"
    rows, columns = (gradient != 0).any(dim=0).nonzero().unbind(1)
    seen = gradient[:, rows.min():rows.max() + 1, columns.min():columns.max() + 1]
    h, w = seen.shape[1:]
    assert seen.shape != gradient.shape, f"{what} sees a whole image of {h}x{w} pixels: is there a normalisation, or " \
        "a mean over all patches?"
    assert (h, w) == (size, size), f"{what} should be {size}x{size} pixels large, it is {h}x{w}: look at kernel " \
        "sizes, strides and the number of layers"
    return seen


def expect_discriminator_layers(layers, patches, labels, channels, depth):
    """Assert the layers of a PatchDiscriminator, what stands between them, and how the two outputs are made."""
    expect_images("discriminator", layers)
    (h, w), wanted = layers[0]["input"].shape[2:], []
    for k in range(depth + 1):
        h, w = (h // 2, w // 2) if k < depth else (h - 1, w - 1)
        wanted.append(("conv2d", (channels * 2 ** k, h, w)))
    body, heads = layers[:depth + 1], layers[depth + 1:]
    expect_layers("discriminator's body", body, wanted)
    assert len(heads) == 2, f"behind the {depth + 1} layers of the body two should run, one for each head; it is " \
        f"{len(heads)}: {', '.join(layer['kind'] for layer in heads)}. Is the body called once?"
    for k, layer in enumerate(body):
        features = layers[k + 1]["input"]
        if features.shape != layer["output"].shape:  # the label head ran first
            features = layers[-1]["input"]
        came = between(layer["output"], features, NORMS) or "something else"
        assert came.startswith("LeakyReLU") and "then" not in came, f"between layer {k + 1} and layer {k + 2} of the " \
            f"discriminator there should be LeakyReLU, and nothing else; there is {came}"
    patch, label = sorted(heads, key=lambda layer: layer["weight"].dim() < 4 or layer["output"].shape[1] > 1)
    assert patch["output"].shape[1:] == (1, h - 1, w - 1) == patches.shape[1:], f"patch_logits should have shape " \
        f"(N, 1, {h - 1}, {w - 1}) for this image, it is {tuple(patches.shape)}: has the patch head padding 1?"
    assert close(patch["input"], features), "the patch head does not get the body's output"
    assert close(patches, patch["output"]), "patch_logits should be what the patch head gives, as it is; there is " \
        f"{behind(patch['output'], patches)} behind it"
    weight, bias = label["weight"].flatten(1), label.get("bias")
    assert weight.shape[1] == features.shape[1], f"the label head should get the {features.shape[1]} channels of the " \
        f"body's output, it gets {weight.shape[1]}"
    logits = F.linear(features.mean(dim=(2, 3)), weight, bias)
    expect_right(labels, logits, [
        (f"the label head gets {slip} over the places of the body's output: take the mean over all",
         F.linear(wrong, weight, bias))
        for slip, wrong in (("the largest number", features.amax(dim=(2, 3))), ("the sum", features.sum(dim=(2, 3))),
                            ("the mean of the middle", features[:, :, 1:-1, 1:-1].mean(dim=(2, 3))))],
        "label_logits should be what the label head makes of the mean of the body's output, as it is; there is "
        f"{behind(logits, labels)} behind it")


# The steps, of tiny networks. The hidden checks use these, too.

LR = 0.1


def weights_of(model):
    """All weights of a model, in one vector."""
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def after_step(model, loss, lr):
    """The weights of a model after one step on a loss."""
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return torch.cat([(p if g is None else p - lr * g).detach().flatten() for p, g in zip(weights, gradients)])


def in_training(network, inputs):
    assert network.training, f"a {type(network).__name__.removeprefix('Tiny').lower()} is called in evaluation mode: " \
        "the step leaves the modes as they are"


def game():
    """Two tiny networks, and a batch: images, labels, target labels."""
    labels, networks = torch.eye(3)[[0, 2, 1, 2]], (TinyDiscriminator(), TinyGenerator())
    for network in networks:
        network.register_forward_pre_hook(in_training)
    return *networks, 2 * torch.rand(4, 3, 5, 6) - 1, labels, labels.roll(1, dims=1)


def attached_of(terms):
    """The names of the terms that a graph hangs on."""
    terms = terms if isinstance(terms, dict) else {}
    return [str(name) for name, value in terms.items() if getattr(value, "requires_grad", False)]


def expect_terms(terms, attached, names):
    """Assert that a step returned a dict of detached scalars with these names. attached: see `attached_of`."""
    kind = terms if isinstance(terms, str) else type(terms).__name__
    assert isinstance(terms, dict), f"the step should return a dict, it returns {kind}"
    assert set(terms) == set(names), f"the dict should have the keys {', '.join(names)}; it has " \
        f"{', '.join(map(str, terms)) or 'none'}"
    for name in names:
        expect_shape(name, terms[name], ())
        assert name not in attached, f"{name} should be detached, {name}.detach(): the graph behind it takes memory"


def expect_usable(networks):
    """Assert that networks are in training mode and can learn, and that gradients are on."""
    assert all(network.training for network in networks), "a network is in evaluation mode after the step"
    assert all(p.requires_grad for network in networks for p in network.parameters()), \
        "a network does not learn any more: it should require a gradient afterwards"
    assert torch.is_grad_enabled(), "gradients are switched off for all that follows: use with torch.no_grad()"


def judge_sure(name, networks, batch):
    """Assert that a step has numbers for the large logits of a discriminator that is sure, whatever it says."""
    for sign in (1000.0, -1000.0):
        discriminator, generator = copy.deepcopy(networks)
        with torch.no_grad():
            discriminator.patch.bias.fill_(sign)
            discriminator.label.weight.mul_(3000)
        player = discriminator if name == "discriminator_step" else generator
        terms = getattr(faces, name)(discriminator, generator, *batch, PlainSteps(player.parameters(), lr=LR))
        for term, value in terms.items():
            assert value.isfinite(), f"for large logits {term} is {value.item()}: the logarithm of a sigmoid or a " \
                "softmax that is 0; take a loss that takes logits"


def judge_step(name, networks, batch, expected, losses, slips, **weights):
    """Assert what a step returns, and the weights that it leaves.

    name: the step's. networks: discriminator, generator. expected: {term: its value}. losses: what was done, and the
    whole loss that comes of it, the right one first. slips: {term: what was done, and the value}. weights: of the
    terms.
    """
    sure, given = copy.deepcopy(networks), [part.clone() for part in batch]
    players = dict(zip(("discriminator", "generator"), networks))
    what, other = ("discriminator", "generator") if name == "discriminator_step" else ("generator", "discriminator")
    player, before = players[what], {key: weights_of(model) for key, model in players.items()}
    (_, wanted), *wholes = [(slip, after_step(player, loss, LR)) for slip, loss in losses]
    for p in player.parameters():
        p.grad = torch.ones_like(p)  # left from before: it must not count
    terms = getattr(faces, name)(*networks, *batch, PlainSteps(player.parameters(), lr=LR), **weights)
    expect_terms(terms, attached_of(terms), expected)
    for term, value in expected.items():
        expect_right(terms[term], value.detach(), [(f"{term}: {slip}", wrong) for slip, wrong in slips[term]],
                     f"{term} should be {value:.6g}, got {terms[term]:.6g}")
    expect_untouched(name, given, batch)
    expect_usable(networks)
    assert torch.equal(before[other], weights_of(players[other])), \
        f"the {other} has changed: only the {what} steps here"
    assert what == "generator" or all(p.grad is None for p in players[other].parameters()), \
        "gradients reach the generator, whose step this is not: detach its images, or make them under torch.no_grad()"
    after = weights_of(player)
    expect_right(after, wanted, [
        (f"the {what} has not changed: zero_grad, then backward, then step", before[what]),
        ("gradients that are left from before count: optimizer.zero_grad() before backward()", wanted - LR), *wholes],
        f"the terms are right, but the weights of the {what} are not what zero_grad, backward and one step on their "
        f"weighted sum make: the largest error is {(after - wanted).abs().max():.3g}", near=1e-5)
    judge_sure(name, sure, batch)


@public("faces.receptive_field", hint="The first layer sees kernel_size pixels. A stride multiplies the step of all "
        "layers after it, not its own.")
def receptive_field():
    for layers, expected in (([(3, 1)], 3), ([(4, 2)], 4), ([(3, 1), (3, 1)], 5), ([(4, 2), (3, 1)], 8),
                             ([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)], 70), ([], 1)):
        expect_close(f"receptive_field({layers})", faces.receptive_field(layers), expected, 0)


@public("faces.concat_labels", hint="A label has no height and width: give it both, of size 1, and spread them over "
        "the image's. Then join along the channels.")
def concat_labels():
    images, labels = torch.randn(2, 3, 4, 5, requires_grad=True), torch.tensor([[0.0, 1.0], [0.25, 0.75]])
    joined = faces.concat_labels(images, labels)
    expect_shape("images (2, 3, 4, 5) with labels (2, 2)", joined, (2, 5, 4, 5))
    assert torch.equal(joined[:, :3], images), "the channels of the image should come first, as they are"
    for n in range(2):
        for k in range(2):
            plane = joined[n, 3 + k]
            assert (plane == labels[n, k]).all(), f"plane {k} of image {n} should be {labels[n, k]:g} in every " \
                f"pixel; it runs from {plane.min():g} to {plane.max():g}"
    assert joined.requires_grad, "no gradient passes to the images: nothing should be detached, the generator learns so"
    before = images.detach().clone(), labels.clone()
    whole = faces.concat_labels(images, (labels > 0.5).long())
    assert whole.dtype == torch.float32, f"with integer labels the result should be of the images' dtype, it has " \
        f"{whole.dtype}"
    expect_untouched("concat_labels", before, (images, labels))


@public("faces.ResidualBlock.forward", hint="The layers compute a change; the block returns the input with it.")
def residual_block():
    block, x = faces.ResidualBlock(5), torch.randn(2, 5, 6, 7)
    before = x.clone()
    out = block(x)
    expect_shape("the block's output", out, (2, 5, 6, 7))
    expect_untouched("the block", [before], [x])
    expect_close("the largest difference of out - x and layers(x)", (out - x - block.layers(x)).abs().max(), 0, 1e-4)
    x.requires_grad_()
    found, wanted = (torch.autograd.grad(y.square().sum(), x, allow_unused=True)[0]
                     for y in (block(x) + 0 * x, x + block.layers(x)))
    assert close(found, wanted), "the gradient in the input is not that of x + layers(x): is something detached?"
    block(x).square().sum().backward()
    expect_all_learn(silent(block), "is the change detached?")


@public("faces.StarGenerator", points=2, hint="In: 3 + num_labels channels. Two layers that halve, the residual "
        "blocks, two transposed convolutions that double, to 3 channels; Tanh.")
def star_generator():
    model = faces.StarGenerator(num_labels=5, channels=16, blocks=2)
    assert any(True for _ in model.parameters()), "the generator has no parameters: make its layers in __init__"
    assert model.training, "the generator should be made in training mode"
    images, labels = 2 * torch.rand(2, 3, 16, 24) - 1, torch.eye(5)[[1, 4]]
    before = images.clone()
    with torch.no_grad(), Layers() as layers:
        out = model(images, labels)
    expect_untouched("the generator", [before], [images])
    expect_shape("the images for images of shape (2, 3, 16, 24)", out, (2, 3, 16, 24))
    sizes = [tuple(layer["output"].shape[2:]) for layer in layers.ran if "conv" in layer["kind"]]
    assert sizes, "no convolution runs: make the layers in __init__"
    assert min(sizes) == (4, 6), f"two layers should halve height and width, to 4x6; the smallest is {min(sizes)}"
    assert any(layer["kind"] == "conv_transpose2d" for layer in layers.ran), \
        "transposed convolutions should lead back to the full size, none runs"
    last = layers.ran[-1]["output"]
    assert last.shape == out.shape and torch.allclose(out, last.tanh(), atol=1e-5), \
        f"pixels should be brought into [-1, 1] by Tanh after the last layer; they run from {out.min():.3f} to " \
        f"{out.max():.3f}"
    with torch.no_grad():
        alone = model(images[:1], labels[:1])
    assert torch.allclose(alone, out[:1], atol=1e-3), \
        "an image comes out otherwise when others are in its batch: InstanceNorm2d, not BatchNorm2d"
    expect_generator_layers(layers.ran, 16, 2)
    other = model(images, labels.roll(1, dims=1))
    assert (other - out).abs().max() > 1e-6, "another label gives the same images: are the label planes used?"
    other.square().sum().backward()
    expect_all_learn(silent(model))
    assert faces.StarGenerator().num_labels == 8
    few, many = (parameters(faces.StarGenerator(channels=4, blocks=blocks)) for blocks in (1, 3))
    assert few < many, "blocks=3 should have more parameters than blocks=1: each residual block has its own"


@public("faces.PatchDiscriminator", points=2, hint="depth layers of stride 2, one of stride 1, and the patch head of "
        "stride 1, all 4x4. No Sigmoid and no normalisation anywhere.")
def patch_discriminator():
    model = faces.PatchDiscriminator(num_labels=5)
    images = (2 * torch.rand(2, 3, 96, 112) - 1).requires_grad_()
    patches, labels = expect_pair(model(images), 2, 5)
    h, w = patches.shape[2:]
    seen, = torch.autograd.grad(patches[0, 0, h // 2, w // 2], images, retain_graph=True)
    assert not seen[1].any(), "a patch of one image sees other images: is there a BatchNorm?"
    expect_field("a patch", seen[0], 70)
    for what, part in (("patch_logits", patches), ("label_logits", labels)):
        way, = torch.autograd.grad(part.square().sum(), images, retain_graph=True, allow_unused=True)
        assert way is not None, f"no gradient passes from {what} to the images, but the generator learns from it"
    (patches.square().mean() + labels.square().mean()).backward()
    expect_all_learn(silent(model))
    with torch.no_grad(), Layers() as layers:
        for p in model.parameters():
            p *= 4
        patches, labels = model(100 * images)
    assert patches.min() < 0 or patches.max() > 1, "patch_logits stay in [0, 1]: is there a Sigmoid? Its loss has one"
    assert (labels.sum(dim=1) - 1).abs().max() > 1e-3 and labels.logsumexp(dim=1).abs().max() > 1e-3, \
        "label_logits are probabilities or their logarithms: is there a Softmax? The cross entropy has one"
    expect_discriminator_layers(layers.ran, patches, labels, 16, 3)
    assert model.training, "the discriminator should be made in training mode"
    for depth, channels, side in ((1, 4, 14), (2, 6, 6)):
        small = faces.PatchDiscriminator(num_labels=3, channels=channels, depth=depth)
        with torch.no_grad(), Layers() as layers:
            patches, labels = expect_pair(small(images[:1, :, :32, :32]), 1, 3)
        assert patches.shape[2:] == (side, side), f"with depth={depth} an image of 32x32 pixels should have " \
            f"{side}x{side} patches, it has {patches.shape[2]}x{patches.shape[3]}"
        expect_discriminator_layers(layers.ran, patches, labels, channels, depth)


@public("faces.discriminator_step", points=2, hint="Real patches have label 1, generated ones 0; only real images have "
        "a true expression. zero_grad, backward, step.")
def discriminator_step():
    discriminator, generator, *batch = game()
    images, labels, targets = batch
    real, named = discriminator(images)
    fake, _ = discriminator(generator(images, targets))
    expected = {"d_adversarial": F.softplus(-real).mean() + F.softplus(fake).mean(),
                "d_label": -(labels * named.log_softmax(dim=1)).sum(dim=1).mean()}
    a, label = expected.values()
    judge_step("discriminator_step", (discriminator, generator), batch, expected, [
        ("right", a + 0.5 * label), ("label_weight is not used", a + label),
        ("the label term is missing in the loss", a), ("the adversarial term is missing in the loss", 0.5 * label)],
        {"d_adversarial": [
            ("the labels are swapped: real patches have label 1, generated 0",
             F.softplus(real).mean() + F.softplus(-fake).mean()),
            ("generated patches are labelled as real: their label is 0",
             F.softplus(-real).mean() + F.softplus(-fake).mean()),
            ("that is the average of the two halves: add them", a / 2)],
         "d_label": [("the real images are compared with the target labels: their own are right",
                      -(targets * named.log_softmax(dim=1)).sum(dim=1).mean()),
                     ("d_label is returned with its weight: it is wanted without", 0.5 * label)]},
        label_weight=0.5)


@public("faces.generator_step", points=2, hint="The generator wants label 1 for its patches, the target expression, "
        "and the first label on the way back. zero_grad, backward, step.")
def generator_step():
    discriminator, generator, *batch = game()
    images, labels, targets = batch
    fake = generator(images, targets)
    patches, named = discriminator(fake)
    expected = {"g_adversarial": F.softplus(-patches).mean(),
                "g_label": -(targets * named.log_softmax(dim=1)).sum(dim=1).mean(),
                "g_reconstruction": (generator(fake, labels) - images).abs().mean()}
    a, label, r = expected.values()
    one_way = (generator(fake.detach(), labels) - images).abs().mean()
    judge_step("generator_step", (discriminator, generator), batch, expected, [
        ("right", a + 0.5 * label + 3 * r), ("label_weight is not used", a + label + 3 * r),
        ("reconstruction_weight is not used", a + 0.5 * label + r),
        ("reconstruction_weight is always 10", a + 0.5 * label + 10 * r),
        ("the adversarial term is detached, or missing in the loss", 0.5 * label + 3 * r),
        ("the label term is detached, or missing in the loss", a + 3 * r),
        ("the reconstruction is detached, or missing in the loss", a + 0.5 * label),
        ("the discriminator gets detached images: the generator learns nothing from its answer", 3 * r),
        ("the way back is detached from the way there: the generator learns both", a + 0.5 * label + 3 * one_way)],
        {"g_adversarial": [
            ("the label is 0, the discriminator's: the generator wants its patches taken for real",
             F.softplus(patches).mean()),
            ("that is the saturating loss log(1 - D(G(x, c))): the one here is -log D(G(x, c))",
             -F.softplus(patches).mean())],
         "g_label": [("the generated images are compared with the labels they had: they should show the target labels",
                      -(labels * named.log_softmax(dim=1)).sum(dim=1).mean()),
                     ("g_label is returned with its weight: it is wanted without", 0.5 * label)],
         "g_reconstruction": [
             ("the way back takes the target labels: the images had others",
              (generator(fake, targets) - images).abs().mean()),
             ("there is no way back: the generated images may differ from the real ones", (fake - images).abs().mean()),
             ("that is the squared difference: the mean absolute one is wanted",
              (generator(fake, labels) - images).square().mean()),
             ("g_reconstruction is returned with its weight: it is wanted without", 3 * r)]},
        label_weight=0.5, reconstruction_weight=3.0)


@public("faces.train_round", hint="A loop over the batches for the discriminator, then one call for the generator.")
def train_round():
    discriminator, generator, *batch = game()
    batches = [[images, batch[1], batch[2]] for images in (batch[0], -batch[0], batch[0].flip(2), batch[0].flip(3))]
    d_optimizer, g_optimizer = (PlainSteps(model.parameters()) for model in (discriminator, generator))
    order = []
    d_optimizer.step, g_optimizer.step = lambda: order.append("discriminator"), lambda: order.append("generator")
    given = list(batches)
    terms = faces.train_round(discriminator, generator, given, d_optimizer, g_optimizer)
    assert len(given) == 4 and all(a is b for a, b in zip(given, batches)), "train_round changes the list of batches"
    expect_usable((discriminator, generator))
    assert order == ["discriminator"] * 4 + ["generator"], \
        f"for 4 batches the discriminator should step 4 times, then the generator once; the steps were {order}"
    wanted = {"d_adversarial", "d_label", "g_adversarial", "g_label", "g_reconstruction"}
    assert isinstance(terms, dict) and set(terms) == wanted, f"it should return a dict with {sorted(wanted)}"
    # The same round by hand, with the student's own steps, and rounds with a slip.
    networks = copy.deepcopy((discriminator, generator))

    def by_hand(batches, last, d_weight=0.5, g_weight=0.5, reconstruction_weight=3.0):
        d, g = copy.deepcopy(networks)
        for batch in batches:
            faces.discriminator_step(d, g, *batch, PlainSteps(d.parameters(), lr=0.1), d_weight)
        faces.generator_step(d, g, *last, PlainSteps(g.parameters(), lr=0.1), g_weight, reconstruction_weight)
        return torch.cat((weights_of(d), weights_of(g)))

    d, g = copy.deepcopy(networks)
    faces.train_round(d, g, list(batches), PlainSteps(d.parameters(), lr=0.1), PlainSteps(g.parameters(), lr=0.1),
                      label_weight=0.5, reconstruction_weight=3.0)
    after = torch.cat((weights_of(d), weights_of(g)))
    first = batches[:1] * 4
    expect_right(after, by_hand(batches, batches[-1]), lambda: [(slip, by_hand(*arguments)) for slip, arguments in (
        ("label_weight does not reach discriminator_step", (batches, batches[-1], 1.0)),
        ("label_weight does not reach generator_step", (batches, batches[-1], 0.5, 1.0)),
        ("label_weight does not reach the two steps", (batches, batches[-1], 1.0, 1.0)),
        ("reconstruction_weight does not reach generator_step", (batches, batches[-1], 0.5, 0.5, 10.0)),
        ("neither weight reaches the steps", (batches, batches[-1], 1.0, 1.0, 10.0)),
        ("the discriminator steps on the first batch only: on each one once", (first, batches[-1])),
        ("the generator steps on the first batch: on the last one", (batches, batches[0])),
        ("all steps are on the first batch: the discriminator's on each, the generator's on the last",
         (first, batches[0])))],
        "the networks are not what discriminator_step on each batch, then generator_step on the last one make of them, "
        "with the weights of the terms that train_round gets", near=1e-6)


class Asked(TinyGenerator):
    """Wants evaluation mode, and one number for each expression."""

    def forward(self, images, labels):
        assert not self.training, "the generator runs in training mode: generator.eval() first"
        expect_shape(f"what the generator gets for {len(images)} images and {self.num_labels} expressions", labels,
                     (len(images), self.num_labels))
        return super().forward(images, labels)


@public("faces.translate", hint="F.one_hot(label, generator.num_labels) wants an integer tensor (N,), the generator "
        "wants floats.")
def translate():
    generator = Asked().train()
    images = 2 * torch.rand(4, 3, 5, 6) - 1
    before = images.clone()
    for label, each in ((2, [2, 2, 2, 2]), (0, [0, 0, 0, 0]), (torch.tensor([0, 2, 1, 1]), [0, 2, 1, 1])):
        out = faces.translate(generator, images, label)
        expect_shape(f"translate(generator, images, {label})", out, (4, 3, 5, 6))
        assert not out.requires_grad, "translated images should have no gradient: torch.no_grad()"
        expected = TinyGenerator.forward(generator, images, torch.eye(3)[each])
        expect_close(f"the largest error for the label {label}", (out - expected).abs().max(), 0, 1e-5)
    assert generator.training, "the generator should be in training mode again, as it was before"
    expect_untouched("translate", [before], [images])
    faces.translate(generator.eval(), images, 1)
    assert not generator.training, "the generator was in evaluation mode before, and should be in it afterwards"
    assert all(p.requires_grad for p in generator.parameters()), \
        "the generator does not learn any more: its weights should require a gradient afterwards, as before"
    assert torch.is_grad_enabled(), "gradients are switched off for all that follows: use with torch.no_grad()"
