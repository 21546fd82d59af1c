"""Hidden checks of helpers/gan.py. Each compares what a probe saw with the reference, for inputs drawn anew."""
import torch
from torch.nn import functional as F

from autograde_tests import close, expect_tensor, graded, normal, uniform, whole
from autograde_tests.layers import OTHERS, PLAIN, activation, layer_name, same
from autograde_tests.probes import piece
from autograde_tests.probes.gan import given, once
from helpers import gan

# sample_noise: 3 points


@graded("gan.sample_noise", points=2, hint="2 * torch.rand(batch_size, noise_dim) - 1: uniform in [-1, 1]")
def test_noise_distribution(student, rng):
    """Range, distribution and independence of 20,000 rows, drawn anew at each call."""
    count, dim = 20000, whole(rng, 3, 5)
    seen = student.observe("noise", batch_size=count, noise_dim=dim)
    z = seen["first"]
    expect_tensor("the noise", z, (count, dim))
    expect_tensor("the noise", seen["second"], (count, dim))
    assert z.std(dim=0).min() > 1e-3, "every row of the batch has the same noise: draw each row anew"
    low, high = z.min().item(), z.max().item()
    span = f"the noise should run from -1 to 1, it runs from {low:.3g} to {high:.3g}"
    assert high < 1.5 or low < -1.01, f"{span}: subtract 1 after the multiplication by 2"
    assert abs(low) > 0.01 or high > 1.01, f"{span}: torch.rand draws from [0, 1)"
    assert -1 <= low and high <= 1, f"{span}: is it torch.rand, not torch.randn?" if low < -1.5 else span
    assert low < -0.99 and high > 0.99, span
    sizes, levels = z.double().flatten().sort().values, len(z.unique())
    assert levels > 1000, f"the noise takes {levels} different values only: draw real numbers, not integers"
    distance = (sizes - torch.linspace(-1, 1, len(sizes), dtype=torch.double)).abs().max() / 2  # Kolmogorov-Smirnov
    assert distance < 0.015, "the noise is not uniformly distributed: torch.rand, stretched and shifted"
    assert (z.mean(dim=0).abs() < 0.04).all() and ((z.var(dim=0) - 1 / 3).abs() < 0.03).all(), \
        "the columns of the noise have different distributions"
    joint = torch.corrcoef(z.T) - torch.eye(dim)
    assert joint.abs().max() < 0.06, "the numbers of one row depend on each other: draw noise_dim numbers for each"
    assert (3 * z[1:] * z[:-1]).mean(dim=0).abs().max() < 0.06, "neighbouring rows depend on each other"
    assert not close(z, seen["second"]), "two calls gave the same noise: is a seed set inside the function?"
    assert (3 * z * seen["second"]).mean().abs() < 0.06, "the noise of two calls is not independent"


@graded("gan.sample_noise", points=1, hint="torch.rand takes dtype and device, too.")
def test_noise_kept(student, rng):
    """Shape, dtype and device as asked for."""
    count, dim = whole(rng, 2, 9), whole(rng, 10, 20)
    seen = student.observe("noise_kept", batch_size=count, noise_dim=dim, dtype="float64")
    expect_tensor("the noise", seen["z"], (count, dim))
    assert seen["z"].dtype == torch.float64, f"with dtype=torch.float64 the noise has dtype {seen['z'].dtype}"
    assert seen["default"] == "torch.float32", f"without a dtype the noise should be float32, it is {seen['default']}"
    assert seen["device"] not in ("cpu", "cuda", "cuda:0") and "expected device" not in seen["device"] \
        and "same device" not in seen["device"], "the noise is drawn on a fixed device: pass device on"


# The networks: discriminator 4 points, generator 4, build_dc_classifier 4, build_dc_generator 5. They run with weights
# that are drawn here, and a probe returns what went into and came out of each layer: each layer is computed again, and
# what stands between two of them makes the input of one from the output before. So all follows from what is drawn here.

# Strong inputs keep the outputs of near activations apart.
STRONG = 10.0
LEAKY = "LeakyReLU with slope 0.01"
OPTIONS = {"linear": {}, "conv2d": {"stride": 1}, "conv_transpose2d": {"stride": 2, "padding": 1}}
DISCRIMINATOR = [("linear", (256, 784)), ("linear", (256, 256)), ("linear", (1, 256))]


def draw_numbers(rng):
    """What the probe makes the weights of a network of."""
    return uniform(rng, 100_003, low=-1.0)


def names(layers):
    return [layer_name(kind, size) for kind, size in layers]


def compute(layer, k, x, numbers, sign=1):
    """What layer k of a network gives for x. sign: of its weights."""
    kind, size = layer
    weight, outputs = given(numbers, False, k, "weight", size), size[1 if kind == "conv_transpose2d" else 0]
    return getattr(F, kind)(x, sign * weight, given(numbers, False, k, "bias", (outputs,)), **OPTIONS[kind])


def expect_rows(what, value, count):
    """Assert that a value inside a network has `count` rows, with finite numbers, and no more than a layer may give."""
    assert isinstance(value, torch.Tensor) and value.dim() > 1 and len(value) == count, \
        f"{what} should have {count} rows"
    assert value.numel() <= 2 ** 16 * count and value.isfinite().all(), f"{what} holds NaN or infinite numbers"


def judge_computed(what, seen, x, numbers, wanted):
    """Assert that these layers are the first to run, and that each makes of its input what its weights make of it."""
    found = [(kind, tuple(size)) for kind, size in zip(seen["kinds"], seen["sizes"])][:len(wanted)]
    assert found == wanted, f"the {what} should run {', '.join(names(wanted))}; it runs " \
        f"{', '.join(names(found)) or 'no such layer'}"
    expect_rows(f"what {what} gets", seen["input0"], len(x))
    assert same(seen["input0"], x), f"{names(wanted)[0]} should get the input as it is"
    for k, (layer, name) in enumerate(zip(wanted, names(wanted))):
        for part in ("input", "output"):
            expect_rows(f"the {part} of {name} of the {what}", seen[f"{part}{k}"], len(x))
        got, expected = seen[f"output{k}"], compute(layer, k, seen[f"input{k}"], numbers)
        assert got.shape == expected.shape, f"{name} of the {what} should give images of " \
            f"{tuple(expected.shape[1:])}, it gives {tuple(got.shape[1:])}: look at its stride and padding"
        assert close(got, expected, 1e-5), f"{name} of the {what} has other options than stride and padding"


def judge_layers(what, seen, x, numbers, wanted, norms=()):
    """Assert that these layers run in this order, with biases, and that the first gets the input as it is.

    norms: sizes of the batch norms.
    """
    found = [(kind, tuple(size)) for kind, size in zip(seen["kinds"], seen["sizes"])]
    assert found == wanted, f"the {what} should run {', '.join(names(wanted))}; it runs " \
        f"{', '.join(names(found)) or 'no such layer'}"
    for name, bias in zip(names(wanted), seen["biases"]):
        assert bias, f"{name} of the {what} has no bias"
    assert seen["norms"] in (0, len(norms)), \
        f"the {what} should have {len(norms) or 'no'} BatchNorm layers, it runs {seen['norms']}"
    assert seen["training"], f"the {what} should be made in training mode, not in evaluation mode"
    features = [size for size in seen["features"] if size]
    if len(features) == len(norms):
        assert features == list(norms), \
            f"the BatchNorm layers should be over {list(norms)} features, they are over {features}"
    judge_computed(what, seen, x, numbers, wanted)


def judge_activation(what, seen, k, wanted):
    """Assert that an activation stands between layer k and the next one, and nothing else."""
    found = activation(seen[f"output{k}"], seen[f"input{k + 1}"])
    after = f"after {layer_name(seen['kinds'][k], seen['sizes'][k])}, layer {k + 1} of the {what},"
    assert found is not None, f"{after} there should be {wanted}, and nothing else: Dropout, another activation?"
    assert found == wanted, f"{after} there should be {wanted}, there is {found}"


def judge_end(what, seen, x, outputs, numbers, layers, wanted):
    """Assert the shape of the output, and that it comes from the last layer by one of the wanted activations.

    One output for each input is looked at twice: with the last layer's weights, and with their negatives.
    """
    expect_tensor(f"{what}(input)", seen["out"], (len(x), outputs))
    k, out = len(layers) - 1, seen["out"]
    last = seen[f"output{k}"]
    if outputs == 1:
        turned = seen["turned_last"]
        expect_tensor(f"{what}(input)", seen["turned_out"], (len(x), outputs))
        expect_rows(f"the last layer of the {what}", turned, len(x))
        assert close(turned, compute(layers[k], k, seen[f"input{k}"], numbers, -1), 1e-5), \
            f"the {what} gives something else for the same input when it runs again"
        last, out = torch.cat((last, turned)), torch.cat((out, seen["turned_out"]))
    found = activation(last, out)
    assert found in wanted, \
        f"the {what} should end with {wanted[0]}, it ends with {found or 'something else'}" \
        + (": the losses want logits" if wanted[0] == PLAIN else ": pixels lie in [-1, 1]")


def related(before, after):
    """True if a layer gets what has to do with what the one before it gives, whatever stands between: the numbers of
    one, or their means over 2x2, rise and fall with those of the other."""
    if before.numel() == 4 * after.numel() and before.dim() == 4:
        before = F.avg_pool2d(before, 2)
    if before.numel() != after.numel():
        return False
    return torch.corrcoef(torch.stack((before.flatten(), after.flatten())))[0, 1] > 0.3


def judge_size(student, what, name, x, outputs, count, arguments=(), **numbers):
    """Assert the number of parameters, that all of them learn, and the shape of the output. Returns the answer."""
    seen = student.observe("size", name=name, x=x, arguments=list(arguments), **numbers)
    expect_tensor(f"{what}(input)", seen["out"], (len(x), outputs))
    call = f"{name}({', '.join(map(str, arguments))})"
    assert seen["parameters"], f"no parameter of {call} learns: they should require gradients"
    assert seen["parameters"] == count, f"{call} should have {count:,} parameters, it has {seen['parameters']:,}"
    assert not seen["silent"], f"no gradient reaches {seen['silent'][0]}: is every layer used?"
    return seen


def judge_sizes(student, rng, what, name, x, outputs, count, layers, arguments=()):
    """Assert the number of parameters, and that the layers that hold so many make the output, one from the other."""
    numbers = draw_numbers(rng)
    seen = judge_size(student, what, name, x, outputs, count, arguments, numbers=numbers)
    judge_computed(what, seen, x, numbers, layers)
    for k, name in enumerate(names(layers)[1:]):
        assert related(seen[f"output{k}"], seen[f"input{k + 1}"]), \
            f"what {name} of the {what} gets has nothing to do with what the layer before it gives"


@graded("gan.discriminator", points=3,
        hint="Linear to 256, LeakyReLU 0.01, Linear to 256, LeakyReLU 0.01, Linear to 1; nothing after it.")
def test_discriminator(student, rng):
    """Order and kind of the layers, by what went into and came out of each."""
    x, numbers = uniform(rng, 16, 784, low=-STRONG, high=STRONG), draw_numbers(rng)
    seen = student.observe("network", name="discriminator", x=x, numbers=numbers, turn=True)
    judge_layers("discriminator", seen, x, numbers, DISCRIMINATOR)
    for k in range(2):
        judge_activation("discriminator", seen, k, LEAKY)
    judge_end("discriminator", seen, x, 1, numbers, DISCRIMINATOR, [PLAIN])


@graded("gan.discriminator", points=1, hint="267,009 parameters: weights and biases of three linear layers")
def test_discriminator_size(student, rng):
    x = uniform(rng, whole(rng, 2, 9), 784, low=-1.0)
    judge_sizes(student, rng, "discriminator", "discriminator", x, 1, 267009, DISCRIMINATOR)


def fc_layers(dim):
    return [("linear", (1024, dim)), ("linear", (1024, 1024)), ("linear", (784, 1024))]


@graded("gan.generator", points=3,
        hint="Linear to 1024, ReLU, Linear to 1024, ReLU, Linear to 784, and Tanh for pixels in [-1, 1].")
def test_generator(student, rng):
    dim = whole(rng, 5, 60)
    z, numbers = uniform(rng, 8, dim, low=-STRONG, high=STRONG), draw_numbers(rng)
    seen = student.observe("network", name="generator", x=z, numbers=numbers, arguments=[dim])
    judge_layers("generator", seen, z, numbers, fc_layers(dim))
    for k in range(2):
        judge_activation("generator", seen, k, "ReLU")
    judge_end("generator", seen, z, 784, numbers, fc_layers(dim), ["Tanh"])


@graded("gan.generator", points=1, hint="noise_dim is 96 if it is not given; the first layer takes noise_dim numbers.")
def test_generator_size(student, rng):
    """Number of parameters for a random noise_dim, and for the default one."""
    dim, rest = whole(rng, 5, 60), 1024 + 1024 * 1024 + 1024 + 1024 * 784 + 784
    judge_sizes(student, rng, "generator", "generator", uniform(rng, whole(rng, 2, 9), dim, low=-1.0), 784,
                dim * 1024 + rest, fc_layers(dim), [dim])
    judge_size(student, "generator", "generator", uniform(rng, 3, 96, low=-1.0), 784, 96 * 1024 + rest)


# discriminator_loss: 4 points, generator_loss: 3 points

def bce(logits, label):
    """Cross entropy of each logit with the same label."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction="none")


def discriminator_slips(real, fake):
    """Values that typical mistakes give, with what they did."""
    right, both = bce(real, 1.0).mean() + bce(fake, 0.0).mean(), torch.cat((bce(real, 1.0), bce(fake, 0.0)))
    return {
        bce(real, 0.0).mean() + bce(fake, 1.0).mean(): "the labels are swapped: real images have label 1, generated 0",
        bce(real, 1.0).mean() + bce(fake, 1.0).mean(): "generated images are labelled as real: their label is 0",
        bce(real, 0.0).mean() + bce(fake, 0.0).mean(): "real images are labelled as generated: their label is 1",
        bce(real, 1.0).mean(): "the half for the generated images is missing",
        bce(fake, 0.0).mean(): "the half for the real images is missing",
        right / 2: "that is the average of the two halves: add them",
        both.mean(): "that is one mean over all images: take the mean of each batch and add the two",
        both.sum(): "the loss is summed over the batch: take the mean of each batch",
        both.sum() / len(real): "both sums are divided by the number of real images: each batch has its own mean",
        both.sum() / len(fake): "both sums are divided by the number of generated images: each batch has its own mean",
        -right: "the sign is wrong: the loss is minimised",
        bce(real, 1.0).mean() - bce(fake, 0.0).mean(): "the second half has the wrong sign",
        bce(fake, 0.0).mean() - bce(real, 1.0).mean(): "the first half has the wrong sign",
        bce(real.sigmoid(), 1.0).mean() + bce(fake.sigmoid(), 0.0).mean(): "the sigmoid is taken twice",
        bce(real, 0.9).mean() + bce(fake, 0.0).mean(): "the label of real images should be 1, not 0.9",
        2 * both.mean(): "that is one mean over all images, doubled: take the mean of each batch and add the two",
        (real - 1).square().mean() + fake.square().mean(): "that is a squared error: the loss is the cross entropy",
        (real.sigmoid() - 1).square().mean() + fake.sigmoid().square().mean():
            "that is a squared error: the loss is the cross entropy",
        F.relu(1 - real).mean() + F.relu(1 + fake).mean(): "that is the hinge loss: the loss is the cross entropy",
        fake.mean() - real.mean(): "that is the Wasserstein loss: the loss is the cross entropy",
    }


def generator_slips(fake):
    right = bce(fake, 1.0)
    return {
        -bce(fake, 0.0).mean(): "that is the saturating loss log(1 - D(G(z))): the one here is -log D(G(z))",
        bce(fake, 0.0).mean(): "the label is 0, the discriminator's: the generator wants its images taken for real",
        right.sum(): "the loss is summed over the batch: take the mean",
        -right.mean(): "the sign is wrong: the loss is minimised",
        right.mean() / 2: "the loss is half of what it should be",
        right.mean() + bce(fake, 0.0).mean(): "the generator's loss has one term only",
        bce(fake.sigmoid(), 1.0).mean(): "the sigmoid is taken twice",
        bce(fake, 0.9).mean(): "the label should be 1, not 0.9",
        (fake - 1).square().mean(): "that is a squared error: the loss is the cross entropy",
        (fake.sigmoid() - 1).square().mean(): "that is a squared error: the loss is the cross entropy",
        -fake.mean(): "that is the Wasserstein loss: the one here is -log D(G(z))",
    }


def batches(rng, names):
    """Logits of three batches: (N,), (N, 1), and (N, 1) with +-100 among them. Real and fake sizes differ."""
    sizes = dict(zip(names, (torch.randperm(8, generator=rng)[:2] + 4).tolist()))
    out = [{name: 2 * normal(rng, size, *extra) for name, size in sizes.items()} for extra in ((), (1,))]
    out.append({name: uniform(rng, size, 1, low=-100.0, high=100.0) for name, size in sizes.items()})
    for logits in out[2].values():
        logits[:2, 0] = torch.tensor([100.0, -100.0])
    return out


def observe_losses(student, name, cases):
    """Ask for the loss of several batches; assert that each is a scalar tensor."""
    logits = {f"{label}{k}": value for k, case in enumerate(cases) for label, value in case.items()}
    seen = student.observe("losses", name=name, count=len(cases), **logits)
    for kind in seen["returned"]:
        assert kind == "Tensor", f"the loss should be a tensor, got {kind}"
    for k in range(len(cases)):
        shape = tuple(seen[f"loss{k}"].shape)
        assert shape == (), f"the loss should be a scalar, one number without axes; its shape is {shape}"
    return seen


def judge_loss(student, rng, name, labels, slips):
    """Assert the values of a loss."""
    cases = batches(rng, labels)
    seen = observe_losses(student, name, cases)
    assert seen["untouched"], "the loss changes its logits in place: compute new tensors"
    wheres = "logits of shape (N,)", "logits of shape (N, 1)", "logits of +-100"
    for k, (case, where) in enumerate(zip(cases, wheres)):
        value, expected = seen[f"loss{k}"].float(), getattr(gan, name)(*case.values())
        assert value.isfinite(), f"for {where} the loss is {value}: compute it from the logits, not from log(sigmoid)"
        if close(value, expected, 1e-5):
            continue
        if k == 0:
            for wrong, what in slips(*case.values()).items():
                assert not close(value, wrong, 1e-5) or close(wrong, expected, 1e-5), what
        text = f"for {where} the loss should be {expected:.6g}, got {value:.6g}"
        assert k != 1, f"{text}, while it is right for (N,): do labels of shape (N,) broadcast against the logits?"
        assert k != 2, f"{text}: compute it from the logits, where sigmoid and log lose digits"
        raise AssertionError(text)


def judge_gradients(student, rng, name, labels):
    """Assert the gradients in the logits, and that nothing stands on another device than they do."""
    cases = batches(rng, labels)
    seen = observe_losses(student, name, cases)
    for k, case in enumerate(cases):
        leaves = [logits.clone().requires_grad_() for logits in case.values()]
        getattr(gan, name)(*leaves).backward()
        for label, leaf in zip(labels, leaves):
            gradient = seen[f"d_{label}{k}"]
            assert isinstance(gradient, torch.Tensor) and gradient.shape == leaf.shape \
                and (k == 2 or gradient.abs().max() > 0), \
                f"no gradient reaches logits_{label}: is the loss built from tensors only?"
            assert close(10 * gradient, 10 * leaf.grad, 1e-4), f"the gradient of the loss in logits_{label} is wrong" \
                + (", for logits of +-100: compute it from the logits, without sigmoid and log" if k == 2 else "")
    assert "expected device" not in seen["device"] and "same device" not in seen["device"], \
        "the labels are made on a fixed device, which need not be that of the logits: device=logits.device"


@graded("gan.discriminator_loss", points=3,
        hint="F.binary_cross_entropy_with_logits with labels 1 for real, 0 for generated images; add the two means.")
def test_discriminator_loss(student, rng):
    """Against the reference, for batches of different sizes, one with extreme logits."""
    judge_loss(student, rng, "discriminator_loss", ("real", "fake"), discriminator_slips)


@graded("gan.discriminator_loss", points=1, hint="No .item(), no detach: the loss stays joined to its logits.")
def test_discriminator_loss_gradient(student, rng):
    judge_gradients(student, rng, "discriminator_loss", ("real", "fake"))


@graded("gan.generator_loss", points=2, hint="F.binary_cross_entropy_with_logits with the label 1 for generated images")
def test_generator_loss(student, rng):
    judge_loss(student, rng, "generator_loss", ("fake",), generator_slips)


@graded("gan.generator_loss", points=1, hint="No .item(), no detach: the loss stays joined to its logits.")
def test_generator_loss_gradient(student, rng):
    judge_gradients(student, rng, "generator_loss", ("fake",))


# get_optimizer: 2 points

LR, BETAS = 1e-3, (0.5, 0.999)


def adam(numbers, gradients):
    """Where Adam leads (Kingma and Ba, 2015, algorithm 1). torch.optim takes a second to be imported."""
    path, m, v = [], torch.zeros_like(numbers), torch.zeros_like(numbers)
    for t, gradient in enumerate(gradients, start=1):
        m, v = BETAS[0] * m + (1 - BETAS[0]) * gradient, BETAS[1] * v + (1 - BETAS[1]) * gradient.square()
        numbers = numbers - LR * (m / (1 - BETAS[0] ** t)) / ((v / (1 - BETAS[1] ** t)).sqrt() + 1e-8)
        path.append(numbers)
    return torch.stack(path)


@graded("gan.get_optimizer", points=2, hint="torch.optim.Adam(model.parameters(), lr=..., betas=(..., ...))")
def test_optimizer(student, rng):
    """Settings, parameters held, and the steps themselves: whatever steps like Adam is right."""
    count = 3 * 4 + 4 + 2 * 4 + 4 * 2 + 2  # of the probe's model
    numbers = normal(rng, count).double()
    gradients = 0.1 * normal(rng, 30, count).double()
    gradients[0] *= 100  # gradients that get smaller: AMSGrad takes other steps then
    seen = student.observe("optimizer", numbers=numbers, gradients=gradients)
    kind = seen["returned"]
    assert seen["optimizer"], f"get_optimizer should return an optimiser, got {kind}"
    assert not seen["missing"], f"the optimiser does not hold all parameters: {seen['missing'][0]} is missing"
    assert not seen["foreign"], "the optimiser holds parameters of another model"
    assert not seen["same"] and not seen["other_missing"], \
        "two models got the same optimiser: make a new one at each call, for the given model"
    assert all(len(betas) == 2 for betas in seen["betas"]), f"the optimiser should be Adam, it is {kind}"
    for name, wanted in (("lr", LR), ("weight_decay", 0)):
        for value in seen[name]:
            assert abs(value - wanted) < 1e-9, f"{name} of {kind} should be {wanted:g}, it is {value:g}"
    for betas in seen["betas"]:
        for name, value, wanted in zip(("beta1", "beta2"), betas, BETAS):
            assert abs(value - wanted) < 1e-9, f"{name} should be {wanted:g}, it is {value:g}"
    expect_tensor("the path of the parameters", seen["path"], gradients.shape)
    moved, expected = seen["path"] - numbers, adam(numbers, gradients) - numbers
    assert close(moved / LR, expected / LR, 1e-4), \
        f"the steps of {kind} are not those of plain Adam: another optimiser, or an option that was not asked for?"


# build_dc_classifier: 4 points

CLASSIFIER = [("conv2d", (32, 1, 5, 5)), ("conv2d", (64, 32, 5, 5)), ("linear", (1024, 1024)), ("linear", (1, 1024))]


@graded("gan.build_dc_classifier", points=3,
        hint="Twice Conv2d with 5x5 kernels, LeakyReLU 0.01, MaxPool2d(2); then Flatten, Linear, LeakyReLU, Linear.")
def test_dc_classifier(student, rng):
    """Order and kind of the layers, by what went into and came out of each. LeakyReLU and MaxPool commute."""
    x, numbers = uniform(rng, 12, 784, low=-STRONG, high=STRONG), draw_numbers(rng)
    seen = student.observe("network", name="build_dc_classifier", x=x, numbers=numbers, turn=True)
    what = "classifier"
    judge_layers(what, seen, x, numbers, CLASSIFIER)
    for k in range(2):
        before, after = seen[f"output{k}"], seen[f"input{k + 1}"]
        pooled = F.max_pool2d(before, 2)
        where = f"after {names(CLASSIFIER)[k]} of the {what} there should be {LEAKY} and MaxPool 2x2"
        found = activation(pooled, after)
        if found is None:
            leaky = F.leaky_relu(before, 0.01)
            assert not same(after, F.avg_pool2d(leaky, 2)) \
                and not same(after, F.leaky_relu(F.avg_pool2d(before, 2), 0.01)), f"{where}, there is AvgPool"
            assert after.numel() == pooled.numel(), f"{where}: {tuple(before.shape[1:])} should become " \
                f"{tuple(pooled.shape[1:])}, it becomes {tuple(after.shape[1:])}"
            raise AssertionError(f"{where}, and nothing else: Dropout, another pooling, another activation?")
        assert found == LEAKY, f"{where}, there is {found}"
    judge_activation(what, seen, 2, LEAKY)
    judge_end(what, seen, x, 1, numbers, CLASSIFIER, [PLAIN])


@graded("gan.build_dc_classifier", points=1, hint="1,102,721 parameters: two convolutions and two linear layers")
def test_dc_classifier_size(student, rng):
    x = uniform(rng, whole(rng, 2, 5), 784, low=-1.0)
    judge_sizes(student, rng, "classifier", "build_dc_classifier", x, 1, 1102721, CLASSIFIER)


# build_dc_generator: 5 points

NORMS = (1024, 6272, 64)


def norm(seen, k, x, numbers, training=True):
    """Batch norm k on x, with the statistics of x, or of the grader; with a scale of 1 where it has none, or the
    student's own code computes it."""
    scaled, eps = (seen["features"][k], seen["eps"][k]) if k < seen["norms"] else (0, 1e-5)
    assert 0 <= eps <= 1, "eps of BatchNorm should be small"
    mean, variance, scale, shift = (given(numbers, True, k, part, (x.shape[1],))
                                    for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *((None, None) if training else (mean, variance)),
                        *((scale, shift) if scaled else (None, None)), training, 0.0, eps)


def dc_layers(dim):
    return [("linear", (1024, dim)), ("linear", (6272, 1024)), ("conv_transpose2d", (128, 64, 4, 4)),
            ("conv_transpose2d", (64, 1, 4, 4))]


def judge_blocks(seen, z, dim, numbers):
    """Assert order and kind of the layers of the generator in training mode, up to the last one."""
    what, wanted = "generator", names(dc_layers(dim))
    judge_layers(what, seen, z, numbers, dc_layers(dim), NORMS)
    for k in range(3):
        before, after = seen[f"output{k}"], seen[f"input{k + 1}"]
        where = f"after {wanted[k]} of the {what} there should be ReLU, then BatchNorm"
        after = after.reshape(before.shape) if after.numel() == before.numel() else after
        if close(after, norm(seen, k, F.relu(before), numbers)):
            continue
        found = activation(before, after)
        assert found is None, f"{where}; there is no BatchNorm, and {found}"
        found = activation(norm(seen, k, before, numbers), after)
        assert found != PLAIN, f"{where}; there is no ReLU"
        assert found is None, f"{where}; it is the other way round: BatchNorm, then {found}"
        for name, function in OTHERS.items():
            assert not close(after, norm(seen, k, function(before), numbers)), \
                f"{where}; there is {name}, then BatchNorm"
        for slope in (0.001, 0.01, 0.1, 0.2, 0.25, 0.3):
            assert not close(after, norm(seen, k, F.leaky_relu(before, slope), numbers)), \
                f"{where}; there is LeakyReLU with slope {slope:g}, then BatchNorm"
        raise AssertionError(f"{where} with the batch's statistics, and nothing else: Dropout, another activation?")


@graded("gan.build_dc_generator", points=3,
        hint="Linear, ReLU, BatchNorm1d; again; Unflatten; ConvTranspose2d, ReLU, BatchNorm2d; ConvTranspose2d, Tanh.")
def test_dc_generator(student, rng):
    """Order and kind of the layers in training mode. Tanh at the end may be there or not."""
    dim = whole(rng, 5, 60)
    z, numbers = uniform(rng, 8, dim, low=-STRONG, high=STRONG), draw_numbers(rng)
    seen = student.observe("network", name="build_dc_generator", x=z, numbers=numbers, arguments=[dim])
    judge_blocks(seen, z, dim, numbers)
    judge_end("generator", seen, z, 784, numbers, dc_layers(dim), ["Tanh", PLAIN])


def moves(start, moved, end):
    """True if running statistics have moved to those of the batch, by a share of the way that is free."""
    way, step = end - start, moved - start
    share = (way @ step) / (way @ way)
    return 1e-3 <= share <= 1.001 and close(step / share, way, 1e-2)


def judge_norm(seen, k, x, dim, numbers, training):
    """Assert that a batch norm uses the statistics that it should.

    What it gets must come from the linear layer before, and what it gives must go to the next, by any activation.
    """
    got, out, after = (seen[name] for name in (f"norm{k}_input", f"norm{k}_output", f"input{k + 1}"))
    for value in (got, out, after):
        expect_rows("what BatchNorm gets and gives", value, len(x))
    layer = names(dc_layers(dim))[k]
    assert activation(seen[f"output{k}"], got), f"after {layer} there should be ReLU, then BatchNorm"
    assert out.shape == got.shape and close(out, norm(seen, k, got, numbers, training)), \
        f"BatchNorm after {layer} should use {'the statistics of the batch' if training else 'its running statistics'}"
    assert activation(out, after), f"what BatchNorm after {layer} gives should go to the next layer"


@graded("gan.build_dc_generator", points=1,
        hint="nn.BatchNorm1d and nn.BatchNorm2d as they are: in evaluation mode they use their running statistics.")
def test_dc_generator_evaluated(student, rng):
    """BatchNorm in evaluation mode: running statistics, so an image does not depend on the others of its batch."""
    dim = whole(rng, 5, 60)
    z, other = (uniform(rng, 6, dim, low=-STRONG, high=STRONG) for _ in range(2))
    numbers = draw_numbers(rng)
    seen = student.observe("evaluated", name="build_dc_generator", x=z, other=other, numbers=numbers, arguments=[dim])
    expect_tensor("the output in evaluation mode", seen["out"], (6, 784))
    expect_tensor("the output for two inputs in evaluation mode", seen["few"], (2, 784))
    assert close(seen["few"], seen["out"][:2], 1e-3), "in evaluation mode an image depends on the others of its " \
        "batch: BatchNorm should use its running statistics then"
    trained = {name.removeprefix("trained_"): value for name, value in seen.items() if name.startswith("trained_")}
    if seen["norms"] == trained["norms"] == 0:  # own code, seen from outside only: so all the rest must be right
        judge_blocks({**trained, "training": True}, z, dim, numbers)
        return
    judge_computed("generator", trained, z, numbers, dc_layers(dim)[:1])
    judge_norm(trained, 0, z, dim, numbers, True)
    mean, moved = trained["norm0_input"].mean(dim=0), trained.get("norm0_moved")
    start = given(numbers, True, 0, "running_mean", mean.shape)
    assert isinstance(moved, torch.Tensor) and moved.shape == start.shape and moves(start, moved, mean), \
        "BatchNorm does not gather running statistics in training mode"
    judge_computed("generator", seen, other, numbers, dc_layers(dim)[:2])
    for k in range(2):
        judge_norm(seen, k, other, dim, numbers, False)


@graded("gan.build_dc_generator", points=1,
        hint="build_dc_generator(4) has 6,580,801 parameters; noise_dim is 96 if it is not given.")
def test_dc_generator_size(student, rng):
    """Number of parameters for a random noise_dim, and for the default one."""
    dim = whole(rng, 5, 60)
    rest = 1024 + 2 * sum(NORMS) + 1024 * 6272 + 6272 + 128 * 64 * 16 + 64 + 64 * 16 + 1
    judge_sizes(student, rng, "generator", "build_dc_generator", uniform(rng, whole(rng, 3, 5), dim, low=-1.0), 784,
                dim * 1024 + rest, dc_layers(dim), [dim])
    judge_size(student, "generator", "build_dc_generator", uniform(rng, 3, 96, low=-1.0), 784, 96 * 1024 + rest)


# initialize_weights: 5 points

def initialized(student, rng, scheme):
    """Ask for a model's weights, judge what no scheme may do, and return (layer, before, after) but for BatchNorm."""
    inputs = whole(rng, 150, 180)
    outputs, few, many = inputs // 2, inputs // 6, inputs // 3
    shapes = {"Linear": (outputs, inputs), "Conv2d": (few, many, 3, 3), "ConvTranspose2d": (many, few, 3, 3)}
    numbers, position, out = uniform(rng, 10_007, low=-0.9, high=0.9), 0, []
    seen = student.observe("initialized", inputs=inputs, outputs=outputs, numbers=numbers, scheme=scheme)
    assert not seen["frozen"], f"{seen['frozen'][0]} does not learn any more: it should require a gradient"
    for k, name in enumerate([*shapes, *(f"{name}, bias=False" for name in shapes), "BatchNorm1d", "BatchNorm2d"]):
        shape = shapes.get(name.split(",")[0], (outputs if name == "BatchNorm1d" else few,))
        after, bias = seen[f"weight{k}"], None
        expect_tensor(f"the weights of {name}", after, shape)
        if "bias=False" not in name:
            bias = seen[f"bias{k}"]
            expect_tensor(f"the biases of {name}", bias, (few if "Conv" in name else outputs if k == 0 else shape[0],))
            assert bias.abs().max() < 0.5, f"the biases of {name} should be 0, or small"
        assert scheme != "default" or "BatchNorm" in name or bias is None or bias.abs().max() > 0, \
            f"scheme 'default' should leave the biases of {name} as PyTorch made them"
        if "BatchNorm" not in name:
            out.append((name, piece(numbers, position, shape), after))
            position += after.numel() + (0 if bias is None else bias.numel())
            continue
        assert abs(after.mean() - 1) < 0.1 and after.std() < 0.1, f"the scale of {name} should stay around 1, its " \
            f"mean is {after.mean():.3g}: treat the layers with isinstance, BatchNorm apart"
    return out


def fans(weight):
    """Inputs and outputs of a layer as PyTorch counts them, which exchanges those of transposed convolutions."""
    field = weight[0, 0].numel() if weight.dim() > 2 else 1
    return weight.shape[1] * field, weight.shape[0] * field


def judge_spread(scheme, name, before, after, spreads):
    """Assert that weights are drawn anew around 0, with one of the spreads."""
    assert not torch.equal(before, after), f"scheme {scheme!r} leaves the weights of {name} as they were"
    spread = after.std().item()
    assert any(abs(spread / wanted - 1) < 0.04 for wanted in spreads), \
        f"scheme {scheme!r}: the weights of {name} should have standard deviation {spreads[0]:.3g}, it is {spread:.3g}"
    assert abs(after.mean()) < 0.06 * spread, f"scheme {scheme!r}: the mean of the weights of {name} should be 0"
    assert len(after.flatten()[:300].unique()) > 200, \
        f"scheme {scheme!r}: few of the weights of {name} differ: draw each"


@graded("gan.initialize_weights", points=2,
        hint="nn.init.normal_(module.weight, 0.0, 0.02) for nn.Linear, nn.Conv2d and nn.ConvTranspose2d only")
def test_initialize_normal(student, rng):
    """The default scheme and "normal": N(0, 0.02) for each kind of layer."""
    for scheme in ("normal", None):
        layers = initialized(student, rng, scheme)
        for name, before, after in layers:
            assert scheme or not torch.equal(before, after), \
                f"without a scheme the weights of {name} stay as they were: the default is 'normal'"
            judge_spread(scheme or "normal", name, before, after, [0.02])
            z = after / after.std()
            assert abs(z.pow(4).mean() - 3) < 0.4, f"the weights of {name} are not normally distributed"
        assert not torch.equal(layers[0][2], layers[3][2]), \
            "two layers of the same size got the same weights: is a seed set inside the function?"


@graded("gan.initialize_weights", points=1, hint="nn.init.xavier_normal_ or nn.init.xavier_uniform_")
def test_initialize_xavier(student, rng):
    """Variance 2 / (inputs + outputs), of whatever shape."""
    for name, before, after in initialized(student, rng, "xavier"):
        judge_spread("xavier", name, before, after, [(2 / sum(fans(after))) ** 0.5])


@graded("gan.initialize_weights", points=1, hint="nn.init.kaiming_normal_ or nn.init.kaiming_uniform_, as they are")
def test_initialize_kaiming(student, rng):
    """Variance 2 / inputs or 2 / outputs, for ReLU or for LeakyReLU."""
    for name, before, after in initialized(student, rng, "kaiming"):
        judge_spread("kaiming", name, before, after,
                     [(2 / (1 + slope ** 2) / fan) ** 0.5 for slope in (0, 0.2) for fan in fans(after)])


@graded("gan.initialize_weights", points=1, hint="Return before anything is changed.")
def test_initialize_default(student, rng):
    """PyTorch's weights stay, or are drawn anew as PyTorch does."""
    for name, before, after in initialized(student, rng, "default"):
        bound = fans(after)[0] ** -0.5  # PyTorch draws uniform weights
        assert torch.equal(before, after) or abs(after.std() / bound * 3 ** 0.5 - 1) < 0.04 \
            and after.abs().max() < 1.1 * bound and abs(after.mean()) < 0.06 * after.std(), \
            f"scheme 'default' should leave the weights of {name} as PyTorch made them"


# FashionGenerator: 3 points, FashionDiscriminator: 3 points. The design is free.

def draw_twins(rng, inputs):
    """Eight inputs, of which the last four are almost the first four."""
    rows = uniform(rng, 4, inputs, low=-0.9, high=0.9)
    return torch.cat((rows, rows + uniform(rng, 4, inputs, low=-0.01, high=0.01)))


def judge_last(name, seen, numbers):
    """Assert that the last layer of a network makes of what it gets what weights drawn here make of it, and that this
    comes from the input: it tells twins. Nothing more is due of every network, since the design is free."""
    kind, got, what = seen["kind"], seen.get("got"), f"the last layer of {name}"
    assert kind in OPTIONS, f"{name} runs none of nn.Linear, nn.Conv2d and nn.ConvTranspose2d"
    # It may run for each pixel, all rows in one batch.
    assert isinstance(got, torch.Tensor) and got.dim() > 1 and len(got) % 8 == 0 and 0 < got.numel() <= 2 ** 23 \
        and got.isfinite().all(), f"what {what} gets should be finite, with the same number of rows for each input"
    size = torch.Size(seen["size"])
    assert len(size) == (2 if kind == "linear" else 4) and size.numel() <= (2 ** 24 if kind == "linear" else 2 ** 22) \
        and got.numel() * (size[0] if kind == "linear" else 1) <= 2 ** 31, f"{what} is too large"
    made = once(kind, size, got, numbers, int(seen["place"]))
    assert close(seen["made"], made, 1e-5), f"{what} gives something else than its weights make of what it gets"
    rows = got.reshape(8, -1)
    distances = torch.cdist(rows, rows)
    assert distances.diagonal(4).mean() < distances[:4, :4].sum() / 12, f"{what} gets nothing that the input decides"


def judge_outputs(student, rng, name, inputs, outputs, arguments):
    """Assert the shapes of the outputs for batches of several sizes, and for one input in evaluation mode."""
    counts = [2, whole(rng, 3, 6), 9]
    x, twins, numbers = uniform(rng, 9, inputs, low=-1.0), draw_twins(rng, inputs), draw_numbers(rng)
    seen = student.observe("own_network", name=name, x=x, twins=twins, numbers=numbers, counts=counts,
                           number=whole(rng, 1, 10 ** 6), arguments=arguments)
    for count in counts:
        expect_tensor(f"{name} for a batch of {count}", seen[f"out{count}"], (count, outputs))
    expect_tensor(f"{name} for one input in evaluation mode", seen["single"], (1, outputs))
    for label in ("one", "other"):
        expect_tensor(f"{name} for a batch of 9", seen[label], (9, outputs))
    out = seen["out9"]
    assert (out - out[:1]).abs().max() > 1e-6 * out.abs().max(), f"{name} gives the same for every row of a batch"
    assert (seen["one"] - seen["other"]).abs().max() > 1e-6 * seen["one"].abs().max(), \
        f"{name} gives the same for different inputs: it does not depend on them"
    assert seen["untouched"], f"{name} changes its input in place"
    judge_last(name, seen, numbers)
    return [seen[label] for label in (*(f"out{count}" for count in counts), "single", "one", "other")]


def judge_pushed(student, rng, name, inputs, outputs, arguments=()):
    """Assert that every parameter gets a gradient, and return the answer with the lowest and highest output in it."""
    x, twins, numbers = uniform(rng, 4, inputs, low=-1.0), draw_twins(rng, inputs), draw_numbers(rng)
    seen = student.observe("pushed", name=name, x=x, twins=twins, numbers=numbers, steps=5, step=0.01,
                           arguments=list(arguments))
    expect_tensor(f"the output of {name}", seen["out"], (4, outputs))
    assert not seen["silent"], f"no gradient reaches {seen['silent'][0]}: is every layer used, and nothing detached?"
    assert not seen.get("strangers"), f"{name} uses weights of shape {tuple(seen['strangers'][0])} that are not " \
        "among its parameters: make each layer in __init__, as an attribute (nn.ModuleList, not a plain list)"
    for label in ("risen", "fallen", "before_risen", "before_fallen"):
        assert seen[label].shape == seen["out"].shape, f"the output of {name} changes its shape"
    assert any((seen[label] - seen[f"before_{label}"]).abs().max() > 1e-6 for label in ("risen", "fallen")), \
        f"steps along the gradients do not change what {name} gives: are its layers attributes (nn.ModuleList, not a " \
        "plain list), are they not frozen, is nothing rounded, is there a Softmax?"
    judge_last(name, seen, numbers)
    every = torch.cat([seen[label].flatten() for label in ("out", "risen", "fallen")])
    every = every[every.isfinite()]
    return seen, every.min().item(), every.max().item()


@graded("gan.FashionGenerator", points=2, hint="(N, noise_dim) in, (N, 784) in [-1, 1] out, for any N. noise_dim is 96 "
        "if it is not given.")
def test_fashion_generator(student, rng):
    """Shapes and range, for a random noise_dim and for the default one."""
    for dim in (whole(rng, 5, 90), 96):
        for images in judge_outputs(student, rng, "FashionGenerator", dim, 784, [dim] if dim != 96 else []):
            assert images.abs().max() <= 1, f"images should lie in [-1, 1], they run from {images.min():.3g} to " \
                f"{images.max():.3g}: end with Tanh"


@graded("gan.FashionGenerator", points=1, hint="End with Tanh, and use every layer.")
def test_fashion_generator_learns(student, rng):
    """Gradients; and the range, whatever the weights become."""
    _, low, high = judge_pushed(student, rng, "FashionGenerator", 96, 784)
    span = f"after some steps of training the images run from {low:.3g} to {high:.3g}"
    assert -1 <= low and high <= 1, f"{span}: end with Tanh, so that they lie in [-1, 1]"
    assert low < 0, f"{span}, never below 0: pixels lie in [-1, 1], so end with Tanh"


@graded("gan.FashionDiscriminator", points=2, hint="(N, 784) in, one logit for each image out: (N, 1), for any N.")
def test_fashion_discriminator(student, rng):
    judge_outputs(student, rng, "FashionDiscriminator", 784, 1, [])


@graded("gan.FashionDiscriminator", points=1, hint="No activation after the last layer, and use every layer.")
def test_fashion_discriminator_learns(student, rng):
    """Gradients, also in the images; and that the output is a logit, which may be any number."""
    seen, low, high = judge_pushed(student, rng, "FashionDiscriminator", 784, 1)
    span = f"after some steps of training the logits run from {low:.3g} to {high:.3g}"
    assert low < -1e-3 or high > 1, f"{span}, as after a Sigmoid: the losses want logits, without it"
    assert low < 0 < high, f"{span}, with one sign only: there should be no activation at the end"
    assert low < -1 or high > 1, f"{span}, as after a Tanh: there should be no activation at the end"
    assert seen["reaches_input"], \
        "no gradient passes through FashionDiscriminator to the images, but the generator learns from it"
