"""Public checks of helpers/gan.py."""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (expect_all_learn, expect_between, expect_close, expect_parameters,
                                         expect_shape, run_layers, same, silent)

gan = GradedModule("gan")

# Ten logits of the coursework for real and for generated images.
REAL = (0.93487311, -1.01698916, -0.57304769, -0.88162704, -1.40129389, -1.45395693, -1.54239755, -0.57273325,
        0.98584429, 0.13312152)
FAKE = (-1.80865868, 0.09030055, -0.4428902, -0.07879368, -0.37655044, 0.32084742, -0.28590837, 1.01376281,
        0.99241439, 0.39394346)
LEAKY = "LeakyReLU with slope 0.01"


def run_network(what, model, x, shape, kinds, wanted=(), norms=()):
    """`run_layers` of an nn.Module; asserts also what stands after its first layers, in their order: `wanted`."""
    assert isinstance(model, nn.Module), f"the {what} should be an nn.Module, got {type(model).__name__}"
    out, layers = run_layers(what, model, x, shape, kinds)
    for k, name in enumerate(wanted):
        expect_between(f"after layer {k + 1} of the {what}", layers[k]["output"], layers[k + 1]["input"], name, norms)
    return out, layers


def expect_logits(what, out, layers):
    """Assert that nothing comes after the last layer."""
    assert same(out, layers[-1]["output"]), \
        f"the {what} should return what its last layer gives, without an activation: the losses want logits"


@public("gan.sample_noise", hint="torch.rand draws from [0, 1): what has to be done for length 2, starting at -1?")
def sample_noise():
    z = gan.sample_noise(5000, 4)
    expect_shape("sample_noise(5000, 4)", z, (5000, 4))
    low, high = z.min().item(), z.max().item()
    assert -1 <= low < -0.98 and 0.98 < high <= 1, \
        f"the noise should run from -1 to 1; 20,000 draws run from {low:.3f} to {high:.3f}"
    expect_close("the mean of 20,000 draws", z.mean(), 0.0, 0.03)
    expect_close("the variance of 20,000 draws, as of all that is uniform in [-1, 1],", z.var(), 1 / 3, 0.02)
    assert not torch.equal(z, gan.sample_noise(5000, 4)), "two calls gave the same noise: it must be drawn anew"
    kind = gan.sample_noise(2, 3, dtype=torch.float64).dtype
    assert kind == torch.float64, f"with dtype=torch.float64 the noise should have this dtype, it has {kind}"


@public("gan.discriminator", hint="Three linear layers with biases, LeakyReLU with slope 0.01 between them.")
def discriminator():
    model, x = gan.discriminator(), 20 * torch.rand(7, 784) - 10
    out, layers = run_network("discriminator", model, x, (7, 1), ["linear"] * 3, [LEAKY] * 2)
    expect_parameters("discriminator()", model, 267009)
    expect_logits("discriminator", out, layers)


@public("gan.generator", hint="Three linear layers with biases, ReLU between them. Which activation ends in (-1, 1)?")
def generator():
    model, z = gan.generator(4), 20 * torch.rand(7, 4) - 10
    out, layers = run_network("generator", model, z, (7, 784), ["linear"] * 3, ["ReLU"] * 2)
    expect_parameters("generator(4)", model, 1858320)
    assert same(out, torch.tanh(layers[-1]["output"])), \
        f"pixels should be brought into [-1, 1] by Tanh; they run from {out.min():.3f} to {out.max():.3f}"
    expect_shape("generator()(noise of 96 numbers)", gan.generator()(torch.zeros(2, 96)), (2, 784))


def expect_loss(loss, example, logits, expected, extreme):
    """Assert the value of a loss for the coursework's logits, in two shapes, and for +-100."""
    value = loss(*logits)
    expect_shape("the loss", value, ())
    expect_close(f"the loss of the {example}", value, expected, 1e-6)
    column = loss(*(x[:, None] for x in logits))
    expect_shape("the loss of logits of shape (10, 1)", column, ())
    expect_close(f"the loss of the {example} in shape (10, 1)", column, expected, 1e-6)
    large = [torch.tensor([100.0, -100.0, 0.0]) for _ in logits]
    expect_close("the loss for logits of 100, -100 and 0", loss(*large), extreme)
    leaves = [x.clone().requires_grad_() for x in logits]
    value = loss(*leaves)
    assert value.requires_grad, "the loss has no gradient: is it built from the logits by torch functions only?"
    value.backward()
    assert all(leaf.grad is not None for leaf in leaves), "no gradient reaches one of the two: is it detached?"


@public("gan.discriminator_loss", points=2,
        hint="Real images have label 1, generated ones 0. The two means are added, not averaged.")
def discriminator_loss():
    expect_loss(lambda real, fake: gan.discriminator_loss(real, fake), "notebook's ten logits each",
                (torch.tensor(REAL), torch.tensor(FAKE)), 1.8423984, 67.1295)


@public("gan.generator_loss", hint="One mean over the generated images, with the labels that the generator wishes for.")
def generator_loss():
    expect_loss(lambda fake: gan.generator_loss(fake), "notebook's ten logits", (torch.tensor(FAKE),), 0.7712862,
                33.5644)


@public("gan.get_optimizer", hint="torch.optim.Adam takes the parameters, lr and betas; all else stays as it is.")
def get_optimizer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    optimizer = gan.get_optimizer(model)
    kind = type(optimizer).__name__
    assert isinstance(optimizer, torch.optim.Optimizer), f"get_optimizer should return an optimiser, got {kind}"
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.parameters()}, \
        "the optimiser should hold the parameters of the given model: all of them, and no others"
    for group in optimizer.param_groups:
        betas = group.get("betas")
        assert betas is not None, f"the optimiser should be Adam, it is {kind}"
        assert abs(group["lr"] - 1e-3) < 1e-9, f"the learning rate should be 0.001, it is {float(group['lr']):g}"
        assert abs(betas[0] - 0.5) < 1e-9 and abs(betas[1] - 0.999) < 1e-9, \
            f"the betas should be (0.5, 0.999), they are {tuple(betas)}"
        assert group.get("weight_decay", 0) == 0, \
            f"there should be no weight decay; that of {kind} is {group['weight_decay']:g}"
    before = [p.detach().clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.rand_like(p) + 0.5
    optimizer.step()
    for p, old in zip(model.parameters(), before):
        assert torch.allclose(old - p, torch.full_like(p, 1e-3), atol=1e-5), \
            f"Adam's first step should be the learning rate, against the gradient; the optimiser is {kind}"


@public("gan.build_dc_classifier", points=2,
        hint="Conv2d 5x5, LeakyReLU, MaxPool2d(2), and again; then Flatten and two linear layers. No padding.")
def build_dc_classifier():
    model, x = gan.build_dc_classifier(), 20 * torch.rand(3, 784) - 10
    out, layers = run_network("classifier", model, x, (3, 1), ["conv2d", "conv2d", "linear", "linear"])
    for k, shape in enumerate(((32, 24, 24), (64, 8, 8))):
        expect_shape(f"the output of convolution {k + 1}", layers[k]["output"], (3, *shape))
        expect_between(f"after convolution {k + 1} and MaxPool 2x2", F.max_pool2d(layers[k]["output"], 2),
                       layers[k + 1]["input"], LEAKY)
    expect_between("after layer 3 of the classifier", layers[2]["output"], layers[3]["input"], LEAKY)
    expect_logits("classifier", out, layers)
    expect_parameters("build_dc_classifier()", model, 1102721)


@public("gan.build_dc_generator", points=2,
        hint="After each layer but the last: ReLU first, then BatchNorm, over as many features as the layer gives.")
def build_dc_generator():
    model, z = gan.build_dc_generator(4), 20 * torch.rand(3, 4) - 10
    kinds = ["linear", "batch_norm", "linear", "batch_norm", "conv_transpose2d", "batch_norm", "conv_transpose2d"]
    out, layers = run_network("generator", model, z, (3, 784), kinds, ["ReLU, then BatchNorm"] * 3,
                              {"BatchNorm": lambda y: F.batch_norm(y, None, None, training=True)})
    expect_parameters("build_dc_generator(4)", model, 6580801)
    for k, shape in ((2, (64, 14, 14)), (3, (1, 28, 28))):
        expect_shape(f"the output of transposed convolution {k - 1}", layers[k]["output"], (3, *shape))
    last = layers[-1]["output"]
    assert same(out, torch.tanh(last)) or same(out, last), "the generator should end with Tanh"
    expect_shape("the image of one noise vector, in evaluation mode,", model.eval()(z[:1]), (1, 784))


@public("gan.initialize_weights", points=2,
        hint="isinstance(module, (nn.Linear, ...)) tells which layers to treat. A bias may be None.")
def initialize_weights():
    kinds = {"Linear": lambda: nn.Linear(160, 80), "Conv2d": lambda: nn.Conv2d(40, 20, 3, bias=False),
             "ConvTranspose2d": lambda: nn.ConvTranspose2d(40, 20, 3)}
    spreads = {"normal": (0.02, 0.02), "xavier": ((2 / 240) ** 0.5, (2 / 540) ** 0.5),
               "kaiming": ((2 / 160) ** 0.5, (2 / 360) ** 0.5, (2 / 80) ** 0.5, (2 / 180) ** 0.5)}
    for scheme, wanted in spreads.items():
        model = nn.Sequential(*(make() for make in kinds.values()), nn.BatchNorm2d(20), nn.ReLU())
        model.apply(lambda module: gan.initialize_weights(module, scheme=scheme))
        for name, layer in zip(kinds, model):
            options = wanted[::2] if name == "Linear" else wanted[1::2]  # kaiming may count inputs or outputs
            spread = layer.weight.std().item()
            assert any(abs(spread / option - 1) < 0.05 for option in options), f"scheme {scheme!r}: the weights of " \
                f"{name} should have standard deviation {options[0]:.4f}, it is {spread:.4f}"
            assert abs(layer.weight.mean()) < 0.1 * spread, \
                f"scheme {scheme!r}: the weights of {name} should have mean 0, it is {layer.weight.mean():.4f}"
        scale = model[3].weight
        assert abs(scale.mean() - 1) < 0.1 and scale.std() < 0.1, \
            f"scheme {scheme!r}: the scale of BatchNorm should stay around 1, its mean is {scale.mean():.4f}"
    layer = nn.Linear(160, 80)
    gan.initialize_weights(layer)
    expect_close("without a scheme, the standard deviation of the weights", layer.weight.std().item(), 0.02, 0.001)
    layer = nn.Linear(160, 80)
    before = layer.weight.std().item()
    gan.initialize_weights(layer, scheme="default")
    expect_close("with scheme 'default', the standard deviation of the weights", layer.weight.std().item(), before,
                 0.003)


@public("gan.FashionGenerator", hint="Noise (N, noise_dim) in, images (N, 784) in [-1, 1] out; every layer is used.")
def fashion_generator():
    for model, dim in ((gan.FashionGenerator(noise_dim=10), 10), (gan.FashionGenerator(), 96)):
        for count in (2, 5):
            images = model(2 * torch.rand(count, dim) - 1)
            expect_shape(f"the images for noise of shape {(count, dim)}", images, (count, 784))
            assert images.abs().max() <= 1, \
                f"the images should lie in [-1, 1], they run from {images.min():.3f} to {images.max():.3f}"
    assert images.min() < 0, "no pixel is below 0: the images should use the whole of [-1, 1]"
    assert images.std(dim=0).max() > 0, "the images are the same for different noise"
    expect_gradients(model, images)
    expect_shape("the image of one noise vector, in evaluation mode,", model.eval()(torch.zeros(1, 96)), (1, 784))


@public("gan.FashionDiscriminator", hint="Images (N, 784) in, one logit for each out: (N, 1); every layer is used.")
def fashion_discriminator():
    model = gan.FashionDiscriminator()
    for count in (2, 5):
        logits = model(2 * torch.rand(count, 784) - 1)
        expect_shape(f"the logits of {count} images", logits, (count, 1))
    assert logits.std() > 0, "the logits are the same for different images"
    expect_gradients(model, logits)
    images = 2 * torch.rand(4, 784) - 1
    for _ in range(5):  # steps that let all logits fall: they may become any number
        model.zero_grad()
        model(images).sum().backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= 0 if p.grad is None else 0.01 * p.grad.sign()
    assert model(images).min() < 0, "no logit can become negative: is there a Sigmoid at the end? The losses have it"
    expect_shape("the logit of one image, in evaluation mode,", model.eval()(images[:1]), (1, 1))


def expect_gradients(model, out):
    """Assert that a model has parameters, and that every one of them gets a gradient."""
    assert any(True for _ in model.parameters()), \
        "the model has no parameters: keep its layers as attributes; a list of them should be an nn.ModuleList"
    assert out.requires_grad, "the output has no gradient: is it detached?"
    out.square().sum().backward()
    expect_all_learn(silent(model), "does forward use every layer?")
