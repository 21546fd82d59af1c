"""Public checks of helpers/faces.py."""
import copy
from itertools import zip_longest

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import Layers, PlainSteps, expect_close, expect_shape

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

NORMS = {"": lambda x: x, "InstanceNorm2d": F.instance_norm, "one norm over all channels":
         lambda x: F.layer_norm(x, x.shape[1:]), "BatchNorm2d": lambda x: F.batch_norm(x, None, None, training=True)}
ACTIVATIONS = {"": lambda x: x, "ReLU": F.relu, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "abs": torch.abs}


def same(a, b):
    """True if two tensors agree, relative to the largest number."""
    return a.shape == b.shape and bool((a - b).abs().max() <= 1e-4 * b.abs().max())


def slope_of(before, after):
    """The slope of the LeakyReLU between two tensors (0 for ReLU, 1 for nothing); None if it is something else."""
    if before.shape != after.shape or not (before < 0).any():
        return None
    slope = (after / before)[before < 0].median().item()
    return slope if same(after, torch.where(before < 0, slope * before, before)) else None


def between(before, after):
    """Name what stands between two tensors."""
    for norm, normalise in NORMS.items():
        for name, activate in ACTIVATIONS.items():
            for parts, value in (((norm, name), activate(normalise(before))),
                                 ((name, norm), normalise(activate(before)))):
                if same(after, value):
                    return ", then ".join(part for part in parts if part) or "nothing"
        slope = slope_of(normalise(before), after)
        if slope is not None:
            return ", then ".join(part for part in (norm, f"LeakyReLU with slope {slope:.3g}") if part)
    return "something else"


def expect_layers(what, layers, wanted):
    """Assert kinds and outputs of layers. wanted: [(kind, (channels, h, w)), ...]"""
    got = [(layer["kind"], tuple(layer["output"].shape[1:])) for layer in layers]
    for k, (one, other) in enumerate(zip_longest(got, wanted), start=1):
        assert one is not None, f"the {what} has {len(got)} layers, it should have {len(wanted)}: {other[0]} is missing"
        assert other is not None, f"the {what} should have {len(wanted)} layers (a residual block has two), it has " \
            f"{len(got)}: look at layer {k}, {one[0]}"
        assert one == other, f"layer {k} of the {what} should be {other[0]} and give (channels, h, w) = {other[1]}; " \
            f"it is {one[0]} and gives {one[1]}: look at order, channels, stride and padding"


def expect_generator_layers(layers, channels, blocks):
    """Assert the layers of a new StarGenerator, and what stands between them."""
    h, w = layers[0]["input"].shape[2:]
    half, quarter = (channels, h // 2, w // 2), (2 * channels, h // 4, w // 4)
    expect_layers("generator", layers, [("conv2d", half), *[("conv2d", quarter)] * (1 + 2 * blocks),
                                        ("conv_transpose2d", half), ("conv_transpose2d", (3, h, w))])
    came = between(layers[0]["output"], layers[1]["input"])
    why = ". A label plane is the same number everywhere, so a norm that subtracts each channel's mean wipes the " \
        "label out" if "Norm" in came else ""
    assert came == "ReLU", "after the first convolution of the generator there should be only ReLU, there is " \
        f"{came}{why}"
    x = None  # what goes into the residual block
    for k in range(1, len(layers) - 1):
        if k % 2 == 0 and k <= 2 * blocks:
            x = layers[k]["input"]
        if k % 2 and 1 < k <= 1 + 2 * blocks:
            assert same(layers[k + 1]["input"], x + F.instance_norm(layers[k]["output"])), f"between layer {k + 1} " \
                f"and layer {k + 2} of the generator there should be the sum of the residual block, and nothing else"
            continue
        came = between(layers[k]["output"], layers[k + 1]["input"])
        assert came == "InstanceNorm2d, then ReLU", f"between layer {k + 1} and layer {k + 2} of the generator there " \
            f"should be InstanceNorm2d, then ReLU; there is {came}"


def expect_discriminator_layers(layers, patches, labels, channels, depth):
    """Assert the layers of a PatchDiscriminator, what stands between them, and how the two outputs are made."""
    (h, w), wanted = layers[0]["input"].shape[2:], []
    for k in range(depth + 1):
        h, w = (h // 2, w // 2) if k < depth else (h - 1, w - 1)
        wanted.append(("conv2d", (channels * 2 ** k, h, w)))
    expect_layers("discriminator's body", layers[:depth + 1], wanted)
    features = None
    for k, layer in enumerate(layers[:depth + 1]):
        after = layers[k + 1]["input"]
        if after.shape != layer["output"].shape:  # the label head ran first
            after = layers[-1]["input"]
        slope, came = slope_of(layer["output"], after), between(layer["output"], after)
        assert slope is not None and 1e-3 < slope < 0.999, f"between layer {k + 1} and layer {k + 2} of the " \
            f"discriminator there should be LeakyReLU, and nothing else; there is {came}"
        features = F.leaky_relu(layer["output"], slope)
    heads = layers[depth + 1:]
    assert len(heads) == 2, f"behind the {depth + 1} layers of the body two should run, one for each head; it is " \
        f"{len(heads)}: {', '.join(layer['kind'] for layer in heads)}. Is the body called once?"
    patch, label = sorted(heads, key=lambda layer: layer["weight"].dim() < 4 or layer["output"].shape[1] > 1)
    assert patch["output"].shape[1:] == (1, h - 1, w - 1) == patches.shape[1:], f"patch_logits should have shape " \
        f"(N, 1, {h - 1}, {w - 1}) for this image, it is {tuple(patches.shape)}: has the patch head padding 1?"
    assert same(patches, patch["output"]), "patch_logits should be what the patch head gives, as it is; there is " \
        f"{between(patch['output'], patches)} behind it"
    weight, bias = label["weight"].flatten(1), label.get("bias")
    assert weight.shape[1] == features.shape[1], f"the label head should get the {features.shape[1]} channels of the " \
        f"body's output, it gets {weight.shape[1]}"
    logits = F.linear(features.mean(dim=(2, 3)), weight, bias)
    for slip, wrong in (("the largest number", features.amax(dim=(2, 3))), ("the sum", features.sum(dim=(2, 3))),
                        ("the mean of the middle", features[:, :, 1:-1, 1:-1].mean(dim=(2, 3)))):
        assert not same(labels, F.linear(wrong, weight, bias)), f"the label head gets {slip} over the places of the " \
            "body's output: take the mean over all"
    assert same(labels, logits), "label_logits should be what the label head makes of the mean of the body's output, " \
        f"as it is; there is {between(logits, labels)} behind it"


def weights_of(model):
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


def game():
    """Two tiny networks, and a batch: images, labels, target labels."""
    labels = torch.eye(3)[[0, 2, 1, 2]]
    return TinyDiscriminator(), TinyGenerator(), 2 * torch.rand(4, 3, 5, 6) - 1, labels, labels.roll(1, dims=1)


def expect_terms(terms, expected):
    """Assert that terms is a dict of detached scalars with these values."""
    assert isinstance(terms, dict), f"the step should return a dict, it returns {type(terms).__name__}"
    assert set(terms) == set(expected), f"the dict should have {', '.join(expected)}; it has {', '.join(terms)}"
    for name, value in expected.items():
        expect_shape(name, terms[name], ())
        assert not terms[name].requires_grad, f"{name} should be detached: {name}.detach()"
        expect_close(name, terms[name], value.item())


def after_steps(model, losses, lr):
    """The weights of a model after a step on each of some losses: name -> weights."""
    parameters = list(model.parameters())
    return {name: weights_of(model) - lr * torch.cat([
        torch.zeros(p.numel()) if g is None else g.flatten()
        for p, g in zip(parameters, torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True))])
        for name, loss in losses.items()}


def expect_step(what, model, wanted, before, slips):
    """Assert a model's weights after a step. slips: what was done -> the weights that come of it."""
    after = weights_of(model)
    if torch.allclose(after, wanted, atol=1e-5):
        return
    assert not torch.equal(after, before), f"the {what} has not changed: zero_grad, then backward, then step"
    for slip, wrong in slips.items():
        assert not torch.allclose(after, wrong, atol=1e-5), slip
    raise AssertionError(f"the terms are right, but the weights of the {what} are not what zero_grad, backward and one "
                         f"step on their weighted sum make: the largest error is {(after - wanted).abs().max():.3g}")


STALE = "gradients that are left from before count: optimizer.zero_grad() before backward()"


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


@public("faces.ResidualBlock.forward", hint="The layers compute a change; the block returns the input with it.")
def residual_block():
    block, x = faces.ResidualBlock(5), torch.randn(2, 5, 6, 7)
    before = x.clone()
    out = block(x)
    expect_shape("the block's output", out, (2, 5, 6, 7))
    assert torch.equal(x, before), "the block changes its input in place"
    expect_close("the largest difference of out - x and layers(x)", (out - x - block.layers(x)).abs().max(), 0, 1e-4)


@public("faces.StarGenerator", points=2, hint="In: 3 + num_labels channels. Two layers that halve, the residual "
        "blocks, two transposed convolutions that double, to 3 channels; Tanh.")
def star_generator():
    model = faces.StarGenerator(num_labels=5, channels=16, blocks=2)
    assert any(True for _ in model.parameters()), "the generator has no parameters: make its layers in __init__"
    images, labels = 2 * torch.rand(2, 3, 16, 24) - 1, torch.eye(5)[[1, 4]]
    with torch.no_grad(), Layers() as layers:
        out = model(images, labels)
    expect_shape("the images for images of shape (2, 3, 16, 24)", out, (2, 3, 16, 24))
    sizes = [tuple(layer["output"].shape[2:]) for layer in layers.seen if "conv" in layer["kind"]]
    assert sizes, "no convolution runs: make the layers in __init__"
    assert min(sizes) == (4, 6), f"two layers should halve height and width, to 4x6; the smallest is {min(sizes)}"
    assert any(layer["kind"] == "conv_transpose2d" for layer in layers.seen), \
        "transposed convolutions should lead back to the full size, none runs"
    last = layers.seen[-1]["output"]
    assert last.shape == out.shape and torch.allclose(out, last.tanh(), atol=1e-5), \
        f"pixels should be brought into [-1, 1] by Tanh after the last layer; they run from {out.min():.3f} to " \
        f"{out.max():.3f}"
    with torch.no_grad():
        alone = model(images[:1], labels[:1])
    assert torch.allclose(alone, out[:1], atol=1e-3), \
        "an image comes out otherwise when others are in its batch: InstanceNorm2d, not BatchNorm2d"
    expect_generator_layers(layers.seen, 16, 2)
    other = model(images, labels.roll(1, dims=1))
    assert (other - out).abs().max() > 1e-6, "another label gives the same images: are the label planes used?"
    other.square().sum().backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent, f"no gradient reaches {silent[0]}: is every layer used?"
    assert faces.StarGenerator().num_labels == 8
    few, many = (sum(p.numel() for p in faces.StarGenerator(channels=4, blocks=blocks).parameters())
                 for blocks in (1, 3))
    assert few < many, "blocks=3 should have more parameters than blocks=1: each residual block has its own"


@public("faces.PatchDiscriminator", points=2, hint="depth layers of stride 2, one of stride 1, and the patch head of "
        "stride 1, all 4x4. No Sigmoid and no normalisation anywhere.")
def patch_discriminator():
    model = faces.PatchDiscriminator(num_labels=5)
    images = (2 * torch.rand(2, 3, 96, 112) - 1).requires_grad_()
    out = model(images)
    assert isinstance(out, (tuple, list)) and len(out) == 2, \
        f"the discriminator should return (patch_logits, label_logits), it returns {type(out).__name__}"
    patches, labels = out
    expect_shape("label_logits of 2 images and 5 expressions", labels, (2, 5))
    assert isinstance(patches, torch.Tensor) and patches.dim() == 4 and patches.shape[1] == 1, \
        f"patch_logits should have shape (N, 1, h', w'), one logit for each patch; got {tuple(patches.shape)}"
    h, w = patches.shape[2:]
    assert h > 1 and w > 1, f"there should be a logit for each of many patches, there are {h}x{w}"
    seen, = torch.autograd.grad(patches[0, 0, h // 2, w // 2], images, retain_graph=True)
    assert not seen[1].any(), "a patch of one image sees other images: is there a BatchNorm?"
    assert seen[0].any(), "the patch in the middle does not depend on the image: is something detached?"
    rows, columns = (seen[0] != 0).any(dim=0).nonzero().unbind(1)
    size = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    assert size != (96, 112), "a patch sees the whole image: is there a normalisation? It mixes all places"
    assert size == (70, 70), f"a patch should be 70x70 pixels large, it is {size[0]}x{size[1]}"
    (patches.square().mean() + labels.square().mean()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent, f"no gradient reaches {silent[0]}: is every layer used?"
    with torch.no_grad(), Layers() as layers:
        for p in model.parameters():
            p *= 4
        patches, labels = model(100 * images)
    assert patches.min() < 0 or patches.max() > 1, "patch_logits stay in [0, 1]: is there a Sigmoid? Its loss has one"
    assert (labels.sum(dim=1) - 1).abs().max() > 1e-3 and labels.logsumexp(dim=1).abs().max() > 1e-3, \
        "label_logits are probabilities or their logarithms: is there a Softmax? The cross entropy has one"
    expect_discriminator_layers(layers.seen, patches, labels, 16, 3)


@public("faces.discriminator_step", points=2, hint="Real patches have label 1, generated ones 0; only real images have "
        "a true expression. zero_grad, backward, step.")
def discriminator_step():
    discriminator, generator, images, labels, targets = game()
    real, named = discriminator(images)
    fake, _ = discriminator(generator(images, targets))
    expected = {"d_adversarial": F.softplus(-real).mean() + F.softplus(fake).mean(),
                "d_label": -(labels * named.log_softmax(dim=1)).sum(dim=1).mean()}
    a, label = expected.values()
    slips = after_steps(discriminator, {
        "right": a + 0.5 * label, "label_weight is not used": a + label, "the label term is missing in the loss": a,
        "the adversarial term is missing in the loss": 0.5 * label}, 0.1)
    wanted, start, before = slips.pop("right"), weights_of(discriminator), weights_of(generator)
    for p in discriminator.parameters():
        p.grad = torch.ones_like(p)  # left from before: it must not count
    optimizer = PlainSteps(discriminator.parameters(), lr=0.1)
    terms = faces.discriminator_step(discriminator, generator, images, labels, targets, optimizer, label_weight=0.5)
    expect_terms(terms, expected)
    assert torch.equal(before, weights_of(generator)), "the generator has changed: only the discriminator steps here"
    assert all(p.grad is None for p in generator.parameters()), \
        "gradients reach the generator, whose step this is not: detach its images, or make them under torch.no_grad()"
    expect_step("discriminator", discriminator, wanted, start, {STALE: wanted - 0.1, **slips})


@public("faces.generator_step", points=2, hint="The generator wants label 1 for its patches, the target expression, "
        "and the first label on the way back. zero_grad, backward, step.")
def generator_step():
    discriminator, generator, images, labels, targets = game()
    fake = generator(images, targets)
    patches, named = discriminator(fake)
    expected = {"g_adversarial": F.softplus(-patches).mean(),
                "g_label": -(targets * named.log_softmax(dim=1)).sum(dim=1).mean(),
                "g_reconstruction": (generator(fake, labels) - images).abs().mean()}
    a, label, r = expected.values()
    one_way = (generator(fake.detach(), labels) - images).abs().mean()
    slips = after_steps(generator, {
        "right": a + 0.5 * label + 3 * r, "label_weight is not used": a + label + 3 * r,
        "reconstruction_weight is not used": a + 0.5 * label + r,
        "reconstruction_weight is always 10": a + 0.5 * label + 10 * r,
        "the adversarial term is detached, or missing in the loss": 0.5 * label + 3 * r,
        "the label term is detached, or missing in the loss": a + 3 * r,
        "the reconstruction is detached, or missing in the loss": a + 0.5 * label,
        "the discriminator gets detached images: the generator learns nothing from its answer": 3 * r,
        "the way back is detached from the way there: the generator learns both": a + 0.5 * label + 3 * one_way}, 0.1)
    wanted, start, before = slips.pop("right"), weights_of(generator), weights_of(discriminator)
    for p in generator.parameters():
        p.grad = torch.ones_like(p)  # left from before: it must not count
    optimizer = PlainSteps(generator.parameters(), lr=0.1)
    terms = faces.generator_step(discriminator, generator, images, labels, targets, optimizer, label_weight=0.5,
                                 reconstruction_weight=3.0)
    expect_terms(terms, expected)
    assert torch.equal(before, weights_of(discriminator)), "the discriminator has changed: only the generator steps"
    expect_step("generator", generator, wanted, start, {STALE: wanted - 0.1, **slips})


@public("faces.train_round", hint="A loop over the batches for the discriminator, then one call for the generator.")
def train_round():
    discriminator, generator, *batch = game()
    batches = [[images, batch[1], batch[2]] for images in (batch[0], -batch[0], batch[0].flip(2), batch[0].flip(3))]
    d_optimizer, g_optimizer = (PlainSteps(model.parameters()) for model in (discriminator, generator))
    order = []
    d_optimizer.step, g_optimizer.step = lambda: order.append("discriminator"), lambda: order.append("generator")
    terms = faces.train_round(discriminator, generator, batches, d_optimizer, g_optimizer)
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
    if torch.allclose(after, by_hand(batches, batches[-1]), atol=1e-6):
        return
    for slip, arguments in (
            ("label_weight does not reach discriminator_step", (batches, batches[-1], 1.0)),
            ("label_weight does not reach generator_step", (batches, batches[-1], 0.5, 1.0)),
            ("label_weight does not reach the two steps", (batches, batches[-1], 1.0, 1.0)),
            ("reconstruction_weight does not reach generator_step", (batches, batches[-1], 0.5, 0.5, 10.0)),
            ("neither weight reaches the steps", (batches, batches[-1], 1.0, 1.0, 10.0)),
            ("the discriminator steps on the first batch only: on each one once", (batches[:1] * 4, batches[-1])),
            ("the generator steps on the first batch: on the last one", (batches, batches[0])),
            ("all steps are on the first batch: the discriminator's on each, the generator's on the last",
             (batches[:1] * 4, batches[0]))):
        assert not torch.allclose(after, by_hand(*arguments), atol=1e-6), slip
    raise AssertionError("the networks are not what discriminator_step on each batch, then generator_step on the last "
                         "one make of them, with the weights of the terms that train_round gets")


class Asked(TinyGenerator):
    """Wants one number for each expression."""

    def forward(self, images, labels):
        expect_shape(f"what the generator gets for {len(images)} images and {self.num_labels} expressions", labels,
                     (len(images), self.num_labels))
        return super().forward(images, labels)


@public("faces.translate", hint="F.one_hot(label, generator.num_labels) wants an integer tensor (N,), the generator "
        "wants floats.")
def translate():
    generator = Asked().train()
    images = 2 * torch.rand(4, 3, 5, 6) - 1
    for label, each in ((2, [2, 2, 2, 2]), (0, [0, 0, 0, 0]), (torch.tensor([0, 2, 1, 1]), [0, 2, 1, 1])):
        out = faces.translate(generator, images, label)
        expect_shape(f"translate(generator, images, {label})", out, (4, 3, 5, 6))
        assert not out.requires_grad, "translated images should have no gradient: torch.no_grad()"
        expected = generator(images, torch.eye(3)[each])
        expect_close(f"the largest error for the label {label}", (out - expected).abs().max(), 0, 1e-5)
    assert generator.training, "the generator should be in training mode again, as it was before"
    assert torch.is_grad_enabled(), "gradients are switched off for all that follows: use with torch.no_grad()"
