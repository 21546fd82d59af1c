"""Public checks of helpers/faces.py."""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, Layers, PlainSteps, expect_close, expect_shape, public

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


@public("faces.receptive_field", hint="The first layer sees kernel_size pixels. A stride multiplies the step of all "
        "layers after it, not its own.")
def receptive_field():
    for layers, expected in (([(3, 1)], 3), ([(4, 2)], 4), ([(3, 1), (3, 1)], 5), ([(4, 2), (3, 1)], 8),
                             ([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)], 70), ([], 1)):
        expect_close(f"receptive_field({layers})", faces.receptive_field(layers), expected, 0)


@public("faces.concat_labels", hint="labels[:, :, None, None] has a height and a width of 1, and expand spreads it.")
def concat_labels():
    images, labels = torch.randn(2, 3, 4, 5), torch.tensor([[0.0, 1.0], [0.25, 0.75]])
    joined = faces.concat_labels(images, labels)
    expect_shape("images (2, 3, 4, 5) with labels (2, 2)", joined, (2, 5, 4, 5))
    assert torch.equal(joined[:, :3], images), "the channels of the image should come first, as they are"
    for n in range(2):
        for k in range(2):
            plane = joined[n, 3 + k]
            assert (plane == labels[n, k]).all(), f"plane {k} of image {n} should be {labels[n, k]:g} in every " \
                f"pixel; it runs from {plane.min():g} to {plane.max():g}"


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
    model = faces.StarGenerator(num_labels=5)
    assert any(True for _ in model.parameters()), "the generator has no parameters: make its layers in __init__"
    images, labels = 2 * torch.rand(2, 3, 16, 24) - 1, torch.eye(5)[[1, 4]]
    with torch.no_grad(), Layers() as layers:
        out = model(images, labels)
    expect_shape("the images for images of shape (2, 3, 16, 24)", out, (2, 3, 16, 24))
    sizes = [tuple(layer["output"].shape[2:]) for layer in layers.seen if "conv" in layer["kind"]]
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
    rows, columns = (seen[0] != 0).any(dim=0).nonzero().unbind(1)
    size = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
    assert size == (70, 70), f"a patch should be 70x70 pixels large, it is {size[0]}x{size[1]}"
    (patches.square().mean() + labels.square().mean()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent, f"no gradient reaches {silent[0]}: is every layer used?"
    with torch.no_grad():
        for p in model.parameters():
            p *= 4
        patches, labels = model(100 * images)
    assert patches.min() < 0 or patches.max() > 1, "patch_logits stay in [0, 1]: is there a Sigmoid? Its loss has one"
    assert (labels.sum(dim=1) - 1).abs().max() > 1e-3 and labels.logsumexp(dim=1).abs().max() > 1e-3, \
        "label_logits are probabilities or their logarithms: is there a Softmax? The cross entropy has one"


@public("faces.discriminator_step", points=2, hint="Real patches have label 1, generated ones 0; only real images have "
        "a true expression. zero_grad, backward, step.")
def discriminator_step():
    discriminator, generator, images, labels, targets = game()
    real, named = discriminator(images)
    fake, _ = discriminator(generator(images, targets))
    expected = {"d_adversarial": F.softplus(-real).mean() + F.softplus(fake).mean(),
                "d_label": -(labels * named.log_softmax(dim=1)).sum(dim=1).mean()}
    loss = expected["d_adversarial"] + 0.5 * expected["d_label"]
    wanted = weights_of(discriminator) - 0.1 * torch.cat([
        g.flatten() for g in torch.autograd.grad(loss, list(discriminator.parameters()))])
    before = weights_of(generator)
    for p in discriminator.parameters():
        p.grad = torch.ones_like(p)  # left from before: it must not count
    optimizer = PlainSteps(discriminator.parameters(), lr=0.1)
    terms = faces.discriminator_step(discriminator, generator, images, labels, targets, optimizer, label_weight=0.5)
    expect_terms(terms, expected)
    assert torch.equal(before, weights_of(generator)), "the generator has changed: only the discriminator steps here"
    assert all(p.grad is None for p in generator.parameters()), \
        "gradients reach the generator, whose step this is not: detach its images, or make them under torch.no_grad()"
    expect_close("the largest error of a weight after zero_grad and a step with label_weight=0.5",
                 (weights_of(discriminator) - wanted).abs().max(), 0, 1e-5)


@public("faces.generator_step", points=2, hint="The generator wants label 1 for its patches, the target expression, "
        "and the first label on the way back. zero_grad, backward, step.")
def generator_step():
    discriminator, generator, images, labels, targets = game()
    fake = generator(images, targets)
    patches, named = discriminator(fake)
    expected = {"g_adversarial": F.softplus(-patches).mean(),
                "g_label": -(targets * named.log_softmax(dim=1)).sum(dim=1).mean(),
                "g_reconstruction": (generator(fake, labels) - images).abs().mean()}
    loss = expected["g_adversarial"] + 0.5 * expected["g_label"] + 3 * expected["g_reconstruction"]
    wanted = weights_of(generator) - 0.1 * torch.cat([
        g.flatten() for g in torch.autograd.grad(loss, list(generator.parameters()))])
    before = weights_of(discriminator)
    for p in generator.parameters():
        p.grad = torch.ones_like(p)  # left from before: it must not count
    optimizer = PlainSteps(generator.parameters(), lr=0.1)
    terms = faces.generator_step(discriminator, generator, images, labels, targets, optimizer, label_weight=0.5,
                                 reconstruction_weight=3.0)
    expect_terms(terms, expected)
    assert torch.equal(before, weights_of(discriminator)), "the discriminator has changed: only the generator steps"
    expect_close("the largest error of a weight after zero_grad and a step with label_weight=0.5, "
                 "reconstruction_weight=3",
                 (weights_of(generator) - wanted).abs().max(), 0, 1e-5)


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


@public("faces.translate", hint="F.one_hot(label, generator.num_labels) wants an integer tensor (N,), the generator "
        "wants floats.")
def translate():
    generator = TinyGenerator().train()
    images = 2 * torch.rand(4, 3, 5, 6) - 1
    for label, each in ((2, [2, 2, 2, 2]), (torch.tensor([0, 2, 1, 1]), [0, 2, 1, 1])):
        out = faces.translate(generator, images, label)
        expect_shape(f"translate(generator, images, {label})", out, (4, 3, 5, 6))
        assert not out.requires_grad, "translated images should have no gradient: torch.no_grad()"
        expected = generator(images, torch.eye(3)[each])
        expect_close(f"the largest error for the label {label}", (out - expected).abs().max(), 0, 1e-5)
    assert generator.training, "the generator should be in training mode again, as it was before"
