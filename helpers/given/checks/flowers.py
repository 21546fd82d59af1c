"""Public checks of helpers/flowers.py. The networks are small: 2 to 8 times fewer channels, and images of 16 or 32."""
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (Layers, PlainSteps, close, expect_all_learn, expect_between, expect_close,
                                         expect_parts, expect_right, expect_shape, expect_untouched, silent)

flowers = GradedModule("flowers")

NAMES = {"1": "pink primrose", "2": "tiger lily", "3": "lotus", "4": "rose", "5": "azalea"}


@public("flowers.select_categories", hint="Labels are smaller by one than the numbers in the JSON file.")
def select_categories():
    labels = torch.tensor([3, 2, 0, 2, 4, 1, 2])
    for categories, expected in ((["lotus"], [1, 3, 6]), (["azalea", "pink primrose"], [2, 4]), (["rose"], [0])):
        given = labels.clone(), dict(NAMES), list(categories)
        found = torch.as_tensor(flowers.select_categories(*given))
        what = f"for labels {labels.tolist()}, {' and '.join(categories)} (number in names: " \
            f"{', '.join(k for k, name in NAMES.items() if name in categories)}) should give the indices {expected}"
        assert found.dim() == 1 and not found.is_floating_point(), \
            f"{what}, whole numbers on one axis; got shape {tuple(found.shape)}, {found.dtype}"
        assert sorted(found.tolist()) == expected, f"{what}, got {sorted(found.tolist())}"
        assert torch.equal(given[0], labels) and given[1:] == (NAMES, categories), \
            "labels, names and categories should stay as they are: work on a copy"


INNER = {8: [(16, 4)], 16: [(16, 4), (8, 8)], 32: [(16, 4), (8, 8), (4, 16)]}  # image size -> (channels, size), ...


def run_network(what, network, x, shape, kind, wanted):
    """Run a network and assert shape, kinds, sizes and options of its layers. wanted: (channels, size) after each.

    Returns its output, its layers in order without the batch norms, and what each batch norm does, by its name.
    """
    assert isinstance(network, nn.Module), f"the {what} should be an nn.Module, got {type(network).__name__}"
    assert network.training, f"the {what} should be made in training mode, not in evaluation mode"
    layers, stopped, before = Layers(), "", x.clone()
    try:
        with torch.no_grad(), layers:
            out = network(x)
    except RuntimeError as error:  # a layer too many, often: its kernel is larger than the image, or it has no channels
        stopped = f", then PyTorch stops: {error}"
    ran = [layer["kind"] for layer in layers.ran]
    assert ran == [kind] * len(wanted) and not stopped, f"the {what} should run {len(wanted)} layers {kind}; it runs " \
        f"{', '.join(ran) or 'none'}{stopped}"
    for k, (layer, (channels, size)) in enumerate(zip(layers.ran, wanted)):
        kernel, got = tuple(layer["weight"].shape[2:]), tuple(layer["output"].shape[1:])
        assert kernel == (4, 4), f"layer {k + 1} of the {what} should have a 4x4 kernel, it has {kernel}"
        assert got == (channels, size, size), \
            f"layer {k + 1} of the {what} should give {(channels, size, size)}, it gives {got}"
    expect_shape(f"{what}(input)", out, shape)
    expect_untouched(f"the {what}", [before], [x])
    return out, layers.ran, [{"BatchNorm": partial(normalised, norm)} for norm in layers.norms]


def normalised(norm, x):
    """What a batch norm that ran would have made of x, in training mode."""
    return F.batch_norm(x, None, None, norm.get("weight"), norm.get("bias"), True, eps=norm.get("eps", 1e-5))


@public("flowers.Generator", points=2, hint="A loop over sizes: 4, 8, ... Halve the channels as the size doubles.")
def generator():
    for size, inner in INNER.items():
        network, what = flowers.Generator(6, 16, size), f"generator for {size}x{size}"
        out, layers, norms = run_network(what, network, torch.randn(5, 6, 1, 1), (5, 3, size, size),
                                         "conv_transpose2d", [*inner, (3, size)])
        assert len(norms) == len(layers) - 1, f"the {what} should have {len(layers) - 1} BatchNorm layers, one after " \
            f"each transposed convolution but the last; it has {len(norms)}"
        for k, (before, after, norm) in enumerate(zip(layers, layers[1:], norms)):
            expect_between(f"between layers {k + 1} and {k + 2} of the {what}", before["output"], after["input"],
                           "BatchNorm, then ReLU", norm)
        assert close(out, torch.tanh(layers[-1]["output"])), f"the {what} should end with Tanh, for pixels in [-1, 1]"
        z = torch.randn(2, 6, 1, 1)
        network(z).square().sum().backward()
        expect_all_learn(silent(network))
        network.eval()
        with torch.no_grad():
            assert close(network(z[:1]), network(z)[:1], 1e-3), "in evaluation mode, a latent vector should give the " \
                "same image alone and in a batch: leave BatchNorm's running statistics as nn.BatchNorm2d has them"


@public("flowers.Discriminator", points=2,
        hint="The generator's sizes and channels, backwards. Wrap each convolution in spectral_norm, the last one too. "
             "nn.LeakyReLU() alone has another slope than 0.2.")
def discriminator():
    leaky = "LeakyReLU with slope 0.2"
    for size, inner in INNER.items():
        network, what = flowers.Discriminator(16, size), f"discriminator for {size}x{size}"
        x = 2 * torch.rand(5, 3, size, size) - 1
        with torch.no_grad():
            for weight in network.parameters():  # large weights: normalised, they do not matter
                if weight.dim() == 4:
                    weight.mul_(10)
        wanted = [*inner[::-1], (1, 1)]
        run_network(what, network, x, (5,), "conv2d", wanted)
        with torch.no_grad():
            for _ in range(14):  # spectral_norm finds the largest singular value little by little
                network(x)
        out, layers, norms = run_network(what, network, x, (5,), "conv2d", wanted)
        assert close(out.flatten(), torch.sigmoid(layers[-1]["output"]).flatten()), \
            f"the {what} should end with Sigmoid: it gives probabilities"
        expect_between(f"between layers 1 and 2 of the {what}", layers[0]["output"], layers[1]["input"], leaky)
        assert len(norms) == len(layers) - 2, f"the {what} should have {len(layers) - 2} BatchNorm layers: none " \
            f"after the first and the last convolution, one after each of the others; it has {len(norms)}"
        for k, (before, after, norm) in enumerate(zip(layers[1:], layers[2:], norms)):
            expect_between(f"between layers {k + 2} and {k + 3} of the {what}", before["output"], after["input"],
                           [f"BatchNorm, then {leaky}", f"{leaky}, then BatchNorm"], norm)
        for k, layer in enumerate(layers):
            value = torch.linalg.matrix_norm(layer["weight"].flatten(1), 2).item()
            assert abs(value - 1) < 0.1, f"the weight of convolution {k + 1} of the {what} should have the largest " \
                f"singular value 1, whatever is learned; it has {value:.3g}. Is it wrapped in spectral_norm?"
        if size > 16:  # once will do
            continue
        network(x).sum().backward()
        expect_all_learn(silent(network))
        with torch.no_grad():
            expect_shape(f"{what}(one image)", network.eval()(x[:1]), (1,))


@public("flowers.largest_singular_value", hint="Make the weight a matrix with one row for each output channel, "
        "whatever the kernel's size. torch.linalg has norms of matrices: which order is this one?")
def largest_singular_value():
    weight = torch.zeros(2, 3, 2, 2)
    weight[0, 0], weight[1, 2] = 3.0, 1.0
    value = flowers.largest_singular_value(weight)
    expect_shape("the largest singular value", torch.as_tensor(value), ())
    expect_close("that of a weight (2, 3, 2, 2) whose rows are orthogonal and have length 6 and 2", value, 6.0)
    weight = torch.randn(5, 2, 3, 5, requires_grad=True)  # as the weights of a layer do
    value, expected = flowers.largest_singular_value(weight), torch.linalg.svdvals(weight.reshape(5, 30))[0].item()
    expect_close("that of a random weight (5, 2, 3, 5), seen as a matrix (5, 30),", value, expected)


@public("flowers.weights_init", hint="nn.init.normal_ for the weights of both kinds, around another mean each.")
def weights_init():
    for make in (nn.Conv2d, nn.ConvTranspose2d):
        layer = make(40, 50, 4)
        flowers.weights_init(layer)
        what, once = f"the weights of {make.__name__}", layer.weight.detach().clone()
        expect_close(f"the mean of {what}", layer.weight.mean(), 0.0, 1e-3)
        expect_close(f"the standard deviation of {what}", layer.weight.std(), 0.02, 1e-3)
        flowers.weights_init(layer)
        assert not torch.equal(layer.weight, once), f"{what} are the same each time: leave the seed alone"
        assert layer.training and layer.weight.requires_grad, \
            f"{make.__name__} should stay in training mode, and its weights should require gradients"
    norm = nn.BatchNorm2d(5000)
    nn.init.normal_(norm.bias)
    flowers.weights_init(norm)
    expect_close("the mean of BatchNorm's scales", norm.weight.mean(), 1.0, 2e-3)
    expect_close("the standard deviation of BatchNorm's scales", norm.weight.std(), 0.02, 1e-3)
    assert not norm.bias.any(), "BatchNorm's biases should be 0"
    linear = nn.Linear(3, 2)
    before = [p.detach().clone() for p in linear.parameters()]
    for other in (linear, nn.Sequential(nn.LeakyReLU(0.2), nn.Sigmoid()), nn.Conv2d(2, 2, 4, bias=False)):
        flowers.weights_init(other)
    assert all(map(torch.equal, before, linear.parameters())), \
        "nn.Linear changes: layers other than convolutions and BatchNorm should stay as they are"
    wrapped = nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 2, 4))
    flowers.weights_init(wrapped)
    wrapped(torch.zeros(1, 2, 4, 4)).sum().backward()


class Small(nn.Module):
    """Stands for a network: one matrix, then a function. It runs in training mode only."""

    def __init__(self, inputs, outputs, function, shape):
        super().__init__()
        self.layer, self.function, self.shape = nn.Linear(inputs, outputs), function, shape

    def forward(self, x):
        assert self.training, "the networks come in training mode, and should run in it: without eval()"
        return self.function(self.layer(x.flatten(1))).reshape(-1, *self.shape)


def players():
    """A small discriminator and generator, a batch, and plain gradient steps of size 1 for both."""
    D, G = Small(12, 1, torch.sigmoid, ()), Small(4, 12, torch.tanh, (3, 2, 2))
    solvers = [PlainSteps(network.parameters()) for network in (D, G)]
    for p in [*D.parameters(), *G.parameters()]:
        p.grad = torch.ones_like(p)  # left behind by an earlier step
    return D, G, 2 * torch.rand(6, 3, 2, 2) - 1, torch.randn(6, 4, 1, 1), solvers


def weights(network):
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def stepped(network, loss):
    """The weights after a step of size 1 against the gradient of the loss."""
    gradients = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    return weights(network) - torch.cat([g.flatten() for g in gradients])


def expect_number(what, value, expected, slips):
    """Assert that a number that a step returns is the right one. slips: what is said of it, value."""
    value = torch.as_tensor(value).detach().float()
    assert not value.dim(), f"{what} should be a scalar, one number; it has shape {tuple(value.shape)}"
    expect_right(value, expected.detach(), [(f"{what} is {said}", wrong) for said, wrong in slips],
                 f"{what} should be {expected:.6g}, got {value:.6g}")


def expect_step(what, network, wanted, slips, loss):
    """Assert the weights of a network after a step. slips: what was done, weights. loss: what it is on, in words."""
    expect_right(weights(network), wanted, [
        (f"the weights of the {what} stay as they are: zero_grad, then backward, then step", slips["before"]),
        ("the gradients of an earlier step are still there: optimizer.zero_grad()", wanted - 1),
        (f"the weights of the {what} move uphill: minimise the loss", 2 * slips.pop("before") - wanted),
        *((f"the {what}: {said}", wrong) for said, wrong in slips.items())],
        f"the {what} should take one step on {loss}, from new gradients; its weights are others afterwards")


def expect_kept(D, G):
    """Assert that two networks are in training mode still, and can learn."""
    assert D.training and G.training, "both networks should stay in training mode"
    assert all(p.requires_grad for p in [*D.parameters(), *G.parameters()]), \
        "weights that learned before do not require gradients afterwards"


@public("flowers.update_discriminator", points=2,
        hint="Photographs are to be 1, generated images 0. detach() for the images that the discriminator gets.")
def update_discriminator():
    D, G, x, z, (solver, _) = players()
    on_real, on_fake = D(x), D(G(z).detach())
    (real_1, real_0), (fake_1, fake_0) = ((-p.log().mean(), -(1 - p).log().mean()) for p in (on_real, on_fake))
    wanted, untouched, images = stepped(D, real_1 + fake_0), weights(G), G(z).detach()
    slips = {"before": weights(D), **{said: stepped(D, loss) for said, loss in (
        ("the losses are averaged: add them", (real_1 + fake_0) / 2),
        ("the labels are swapped: photographs have the label 1, generated images 0", real_0 + fake_1),
        ("generated images have the label 1 in its loss: their label is 0 here", real_1 + fake_1),
        ("it learns from the photographs only", real_1), ("it learns from the generated images only", fake_0))}}
    given = x.clone(), z.clone()
    found = flowers.update_discriminator(D, G, *given, torch.ones(6), solver)
    names = "err_real", "d_x", "err_fake", "d_g_z1", "fake_images"
    expect_parts("update_discriminator", found, names)
    for name, value, expected in zip(names, found, (real_1, on_real.mean(), fake_0, on_fake.mean())):
        expect_number(name, value, expected, [
            ("the loss for the label 0: photographs have the label 1", real_0),
            ("the loss for the label 1: generated images have the label 0 here", fake_1),
            ("half of the loss: add the two terms as they are", expected / 2),
            ("the sum of both terms: return them apart", real_1 + fake_0),
            ("a sum over the batch: take the mean", 6 * expected)])
    expect_untouched("update_discriminator", (x, z), given)
    expect_shape("fake_images", found[4], (6, 3, 2, 2))
    assert torch.allclose(found[4], images, atol=1e-5), "fake_images should be generator(noise)"
    assert found[4].requires_grad, "fake_images are detached: the generator's step needs the way back to its weights"
    expect_step("discriminator", D, wanted, slips, "err_real + err_fake")
    assert torch.equal(weights(G), untouched), "the generator's weights should stay as they are"
    assert all(p.grad is None or (p.grad == 1).all() or not p.grad.any() for p in G.parameters()), \
        "the generator gets gradients in the discriminator's step: detach its images there"
    expect_kept(D, G)


@public("flowers.update_generator", points=2, hint="The generator wants its images to be taken for real: label 1.")
def update_generator():
    D, G, _, z, (_, solver) = players()
    fake = G(z)
    on_fake, before = D(G(z)), fake.detach().clone()
    loss, saturating = -on_fake.log().mean(), (1 - on_fake).log().mean()
    wanted, untouched = stepped(G, loss), weights(D)
    slips = {"before": weights(G), **{said: stepped(G, wrong) for said, wrong in (
        ("it minimises log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))", saturating),
        ("its images have the label 0 in its loss: it wants them to be taken for real, label 1", -saturating),
        ("the loss is halved", loss / 2))}}
    found = flowers.update_generator(D, G, fake, torch.ones(6), solver)
    err_g, d_g_z2 = expect_parts("update_generator", found, ("err_g", "d_g_z2"))
    expect_number("err_g", err_g, loss, [
        ("the loss for the label 0: the generator wants its images to be taken for real, label 1", -saturating),
        ("log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))", saturating),
        ("a sum over the batch: take the mean", 6 * loss)])
    expect_number("d_g_z2", d_g_z2, on_fake.mean(), [])
    expect_untouched("update_generator", [before], [fake])
    expect_step("generator", G, wanted, slips, "err_g")
    assert torch.equal(weights(D), untouched), "the discriminator's weights should stay as they are"
    expect_kept(D, G)


@public("flowers.generate", points=2, hint="In one mode only, BatchNorm leaves the other images of the batch alone. "
        "Remember the mode of before. By which factor does the variance change if z is doubled?")
@torch.enable_grad()  # and so it is afterwards, whatever generate leaves behind
def generate():
    network = nn.Sequential(nn.ConvTranspose2d(4, 3, 2), nn.BatchNorm2d(3), nn.Tanh())
    with torch.no_grad():
        network[1].running_mean.uniform_(-0.5, 0.5)
        network[1].running_var.uniform_(0.5, 2)
    z = torch.randn(5, 4, 1, 1)
    before = z.clone()
    expected = {t: ((network.eval()(t ** 0.5 * z) + 1) / 2).detach() for t in (1.0, 0.25)}
    network.train()
    images = flowers.generate(network, z)
    expect_shape("the images of 5 latent vectors", images, (5, 3, 2, 2))
    assert images.min() >= 0, f"the images should lie in [0, 1], not in [-1, 1]; they start at {images.min():.3f}"
    alone = torch.cat([flowers.generate(network, part) for part in z.split(1)])
    assert torch.allclose(images, alone, atol=1e-5), \
        "a latent vector gives another image alone than in a batch: is the generator in evaluation mode?"
    assert torch.allclose(images, expected[1.0], atol=1e-5), \
        "the images should be those of the generator in evaluation mode, brought from [-1, 1] to [0, 1]"
    assert torch.allclose(flowers.generate(network, z, 0.25), expected[0.25], atol=1e-5), \
        "with temperature 0.25 the latent vectors should have the variance 0.25"
    assert not images.requires_grad, "the images should come without gradients: torch.no_grad()"
    assert network.training, "the generator was in training mode before, and should be in it afterwards"
    assert torch.allclose(flowers.generate(network.eval(), z), expected[1.0], atol=1e-5), \
        "a generator in evaluation mode should give the same images"
    expect_untouched("generate", [before], [z])
    assert not network.training, "the generator was in evaluation mode before, and should be in it afterwards"
    assert torch.is_grad_enabled(), "after generate, gradients are off in the whole program, and nothing can learn: " \
        "use with torch.no_grad(), which ends"
    assert all(p.requires_grad for p in network.parameters()), \
        "after generate, the generator's weights require no gradients: leave requires_grad as it is"


@public("flowers.convex_path", hint="One point for each alpha, on a new first axis. alpha belongs to z1.")
def convex_path():
    for shape in ((4, 1, 1), (2, 4, 1, 1)):
        z1, z2 = torch.randn(shape), torch.randn(shape)
        for alphas in ([0.0, 0.25, 1.0], torch.tensor([0.0, 0.25, 1.0])):
            given = z1.clone(), z2.clone()
            path = flowers.convex_path(*given, alphas)
            expect_untouched("convex_path", (z1, z2), given)
            expect_shape(f"the path between latent vectors {shape} for 3 alphas", path, (3, *shape))
            for k, (alpha, expected) in enumerate(((0, z2), (0.25, 0.25 * z1 + 0.75 * z2), (1, z1))):
                assert torch.allclose(path[k], expected, atol=1e-5), f"alpha = {alpha} should give {alpha} z1 + " \
                    f"{1 - alpha} z2"


@public("flowers.slerp", hint="Both factors are sines divided by sin(omega); omega from torch.acos, in radians.")
def slerp():
    z1, right, obtuse = (torch.tensor(z).view(3, 1, 1) for z in ((2.0, 0, 0), (0, 2.0, 0), (-1, 3 ** 0.5, 0)))
    for z2, degrees, alpha, between in ((right, 90, "1/3", z1 / 2 + 3 ** 0.5 / 2 * right),
                                        (obtuse, 120, "1/2", z1 + obtuse)):
        given = z1.clone(), z2.clone()
        path = flowers.slerp(*given, [0.0, 1 / int(alpha[-1]), 1.0])
        expect_untouched("slerp", (z1, z2), given)
        expect_shape("the arc between latent vectors (3, 1, 1) for 3 alphas", path, (3, 3, 1, 1))
        assert not path.isnan().any(), "slerp gives nan, as torch.acos does outside of [-1, 1]: a cosine is the " \
            "scalar product divided by both lengths"
        for point, name, expected in zip(path, ("0", alpha, "1"), (z2, between, z1)):
            first, second, wanted, found = ([round(v, 3) for v in z.flatten().tolist()]
                                            for z in (z1, z2, expected, point))
            assert torch.allclose(point, expected, atol=1e-4), f"for z1 = {first} and z2 = {second}, {degrees} " \
                f"degrees apart, alpha = {name} should give {wanted}, got {found}"
    z1, z2 = torch.randn(2, 50, 1, 1)
    lengths = flowers.slerp(z1, z2 * z1.norm() / z2.norm(), torch.linspace(0, 1, 5)).flatten(1).norm(dim=1)
    assert torch.allclose(lengths, z1.norm().expand(5), atol=1e-3), "between two vectors of one length all points of " \
        f"the arc should have this length, {z1.norm():.3f}; they have {[round(v, 3) for v in lengths.tolist()]}"
