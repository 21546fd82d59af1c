"""Hidden checks of helpers/gan.py. Each compares what a probe saw with the reference, for inputs drawn anew."""
import math
from typing import NamedTuple

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import piece
from autograde_tests.probes.gan import PARTS, drawn, once, turned
from helpers import gan
from helpers.given.checks.engine import (PLAIN, activation, between, close, expect_all_learn, expect_between,
                                         expect_right, expect_shape, expect_tensor, layer_name, name_the_slip, same)
from helpers.given.checks.gan import (THROUGH, WEIGHTS, Round, expect_logit_range, expect_no_strangers,
                                      expect_pixels, spread)

# sample_noise: 3 points


@graded("gan.sample_noise", points=2, hint="2 * torch.rand(batch_size, noise_dim) - 1: uniform in [-1, 1]")
def test_noise_distribution(student, rng):
    """Range, distribution and independence of 20,000 rows, drawn anew at each call."""
    count, dim = 20000, whole(rng, 3, 5)
    z, again = student.observe("noise", batch_size=count, noise_dim=dim)
    for value in (z, again):
        expect_tensor("the noise", value, (count, dim))
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
    assert not close(z, again), "two calls gave the same noise: is a seed set inside the function?"
    assert (3 * z * again).mean().abs() < 0.06, "the noise of two calls is not independent"


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

STRONG = 10.0  # strong inputs keep the outputs of near activations apart
LEAKY = "LeakyReLU with slope 0.01"
POOLED, BLOCK = f"{LEAKY} and MaxPool 2x2", "ReLU, then BatchNorm"
MOST = 2 ** 16  # numbers in a row, inside
OPTIONS = {"linear": {}, "conv2d": {"stride": 1}, "conv_transpose2d": {"stride": 2, "padding": 1}}


class Network(NamedTuple):
    """What a network should be."""

    name: str
    inputs: int  # numbers in a row
    outputs: int
    layers: list  # kind, and shape of the weight
    between: list  # what should stand behind each layer but the last
    ends: list  # what may stand behind the last one
    norms: tuple = ()  # sizes of the batch norms
    arguments: tuple = ()

    @property
    def what(self):
        return self.name.split("_")[-1]

    @property
    def names(self):
        return [layer_name(*layer) for layer in self.layers]

    @property
    def parameters(self):
        return sum(math.prod(size) + outputs_of(kind, size) for kind, size in self.layers) + 2 * sum(self.norms)

    def layer(self, k, x, numbers):
        """What layer k gives for x."""
        kind, size = self.layers[k]
        weight = drawn(numbers, False, k, "weight", size)
        bias = drawn(numbers, False, k, "bias", (outputs_of(kind, size),))
        return getattr(F, kind)(x, weight, bias, **OPTIONS[kind])


def outputs_of(kind, size):
    return size[1 if kind == "conv_transpose2d" else 0]


def draw_numbers(rng):
    """What the probe makes the weights of a network of."""
    return uniform(rng, 100_003, low=-1.0)


def judge_computed(net, seen, x, numbers, count=None):
    """Assert that the first `count` layers, or all, are those that should run, with biases; that the first gets the
    input as it is, and that each makes of what it gets what its weights make of it."""
    layers, wanted = seen["layers"][:count], net.layers[:count]
    found = [(layer["kind"], tuple(layer["size"])) for layer in layers]
    assert found == wanted, f"the {net.what} should run {', '.join(net.names[:count])}; it runs " \
        f"{', '.join(layer_name(*layer) for layer in found) or 'no such layer'}"
    for k, layer in enumerate(layers):
        name, got, out = f"{net.names[k]} of the {net.what}", layer["input"], layer["output"]
        assert layer["bias"], f"{name} has no bias"
        assert isinstance(got, torch.Tensor) and got.dim() > 1 and len(got) == len(x), \
            f"what {name} gets should have {len(x)} rows"
        assert got.numel() <= MOST * len(x) and got.isfinite().all(), f"what {name} gets holds NaN or infinite numbers"
        assert k > 0 or same(got, x), f"{net.names[0]} should get the input as it is"
        expected = net.layer(k, got, numbers)
        assert out.shape == expected.shape, f"{name} should give images of {tuple(expected.shape[1:])}, it gives " \
            f"{tuple(out.shape[1:])}: look at its stride and padding"
        assert close(out, expected, 1e-5), f"{name} has other options than stride and padding"


def sides(seen, k):
    """What the network goes on with behind layer k, and what the next one gets."""
    return turned(seen["layers"][k]["output"]), seen["layers"][k + 1]["input"]


def batch_norm(seen, k, numbers, training=True):
    """Batch norm k as a function: with the statistics of what it gets, or of the grader; with a scale of 1 where it has
    none, or the student's own code computes it."""
    told = seen["norms"][k] if k < len(seen["norms"]) else {"features": 0, "eps": 1e-5}
    assert 0 <= told["eps"] <= 1, "eps of BatchNorm should be small"

    def normalise(x):
        scale, shift, mean, variance = (drawn(numbers, True, k, part, (x.shape[1],)) for part in PARTS)
        return F.batch_norm(x, *((None, None) if training else (mean, variance)),
                            *((scale, shift) if told["features"] else (None, None)), training, 0.0, told["eps"])

    return normalise


def judge_between(net, seen, k, numbers):
    """Assert what stands between layer k and the next one, and nothing else."""
    (before, after), wanted = sides(seen, k), net.between[k]
    where = f"after {net.names[k]} of the {net.what} there should be {wanted}"
    if wanted == POOLED:  # in any order: they commute
        pooled, average, leaky = F.max_pool2d(before, 2), F.avg_pool2d(before, 2), F.leaky_relu(before, 0.01)
        name_the_slip(after, [(f"{where}, there is AvgPool", value)
                              for value in (F.avg_pool2d(leaky, 2), F.leaky_relu(average, 0.01))], near=same)
        assert after.numel() == pooled.numel(), f"{where}: {tuple(before.shape[1:])} should become " \
            f"{tuple(pooled.shape[1:])}, it becomes {tuple(after.shape[1:])}"
        found = activation(pooled, after)
        assert found, f"{where}, and nothing else: Dropout, another pooling, another activation?"
        assert found == LEAKY, f"{where}, there is {found}"
    elif wanted == BLOCK:
        found = between(before, after, {"BatchNorm": batch_norm(seen, k, numbers)})
        assert found, f"{where} with the batch's statistics, and nothing else: Dropout, another activation?"
        assert "BatchNorm" in found, f"{where}; there is no BatchNorm, and {found}"
        assert found != "BatchNorm", f"{where}; there is no ReLU"
        assert not found.startswith("BatchNorm"), f"{where}; it is the other way round: {found}"
        assert found == BLOCK, f"{where}; there is {found}"
    else:
        expect_between(f"after {net.names[k]}, layer {k + 1} of the {net.what},", before, after, wanted)


def judge_layers(net, seen, x, numbers):
    """Assert that these layers run in this order and no others, with biases, and what stands between them."""
    judge_computed(net, seen, x, numbers)
    count, features = len(seen["norms"]), [norm["features"] for norm in seen["norms"] if norm["features"]]
    assert count in (0, len(net.norms)), \
        f"the {net.what} should have {len(net.norms) or 'no'} BatchNorm layers, it runs {count}"
    assert len(features) < len(net.norms) or features == list(net.norms), \
        f"the BatchNorm layers should be over {list(net.norms)} features, they are over {features}"
    for k in range(len(net.between)):
        judge_between(net, seen, k, numbers)


def judge_end(net, seen, x):
    """Assert the shape of the output, and that it comes from the last layer by one of the wanted activations."""
    expect_tensor(f"{net.what}(input)", seen["out"], (len(x), net.outputs))
    found = activation(turned(seen["layers"][-1]["output"]), seen["out"])
    assert found in net.ends, \
        f"the {net.what} should end with {net.ends[0]}, it ends with {found or 'something else'}" \
        + (": the losses want logits" if net.ends[0] == PLAIN else ": pixels lie in [-1, 1]")


def judge_network(student, rng, net, count):
    """Assert order and kind of the layers of a network as it is made, by what went into and came out of each. Once more
    with other numbers if all that goes on behind the last has one sign: an activation there cannot be told then."""
    for _ in range(5):
        x, numbers = uniform(rng, count, net.inputs, low=-STRONG, high=STRONG), draw_numbers(rng)
        seen = student.observe("network", name=net.name, x=x, numbers=numbers, arguments=net.arguments)
        assert seen["training"], f"the {net.what} should be made in training mode, not in evaluation mode"
        judge_layers(net, seen, x, numbers)
        judge_end(net, seen, x)
        low, high = turned(seen["layers"][-1]["output"]).aminmax()
        if low < 0 < high:
            return


def related(before, after):
    """True if a layer gets what has to do with what the one before it gives, whatever stands between: the numbers of
    one, or their means over 2x2, rise and fall with those of the other."""
    if before.numel() == 4 * after.numel() and before.dim() == 4:
        before = F.avg_pool2d(before, 2)
    if before.numel() != after.numel():
        return False
    return torch.corrcoef(torch.stack((before.flatten(), after.flatten())))[0, 1] > 0.3


def judge_size(student, rng, net, count, layers=True):
    """Assert the number of parameters, that all of them learn, and the shape of the output.

    layers: also that the layers that hold so many make the output, one from the other.
    """
    x, numbers = uniform(rng, count, net.inputs, low=-1.0), draw_numbers(rng)
    seen = student.observe("size", name=net.name, x=x, arguments=net.arguments, numbers=numbers if layers else None)
    expect_tensor(f"{net.what}(input)", seen["out"], (count, net.outputs))
    total, call = seen["parameters"], f"{net.name}({', '.join(map(str, net.arguments))})"
    assert total, f"no parameter of {call} learns: they should require gradients"
    assert total == net.parameters, f"{call} should have {net.parameters:,} parameters, it has {total:,}"
    expect_all_learn(seen["silent"], "is every layer used?")
    if layers:
        judge_computed(net, seen, x, numbers)
        for k, name in enumerate(net.names[1:]):
            assert related(*sides(seen, k)), \
                f"what {name} of the {net.what} gets has nothing to do with what the layer before it gives"


DISCRIMINATOR = Network("discriminator", 784, 1, between=[LEAKY] * 2, ends=[PLAIN], layers=[
    ("linear", (256, 784)), ("linear", (256, 256)), ("linear", (1, 256))])


@graded("gan.discriminator", points=3,
        hint="Linear to 256, LeakyReLU 0.01, Linear to 256, LeakyReLU 0.01, Linear to 1; nothing after it.")
def test_discriminator(student, rng):
    judge_network(student, rng, DISCRIMINATOR, 16)


@graded("gan.discriminator", points=1, hint="267,009 parameters: weights and biases of three linear layers")
def test_discriminator_size(student, rng):
    judge_size(student, rng, DISCRIMINATOR, whole(rng, 2, 9))


def fc_generator(dim, *arguments):
    return Network("generator", dim, 784, between=["ReLU"] * 2, ends=["Tanh"], layers=[
        ("linear", (1024, dim)), ("linear", (1024, 1024)), ("linear", (784, 1024))], arguments=arguments)


@graded("gan.generator", points=3,
        hint="Linear to 1024, ReLU, Linear to 1024, ReLU, Linear to 784, and Tanh for pixels in [-1, 1].")
def test_generator(student, rng):
    dim = whole(rng, 5, 60)
    judge_network(student, rng, fc_generator(dim, dim), 8)


@graded("gan.generator", points=1, hint="noise_dim is 96 if it is not given; the first layer takes noise_dim numbers.")
def test_generator_size(student, rng):
    """Number of parameters for a random noise_dim, and for the default one."""
    dim = whole(rng, 5, 60)
    judge_size(student, rng, fc_generator(dim, dim), whole(rng, 2, 9))
    judge_size(student, rng, fc_generator(96), 3, layers=False)


# discriminator_loss: 4 points, generator_loss: 3 points

def bce(logits, label):
    """Cross entropy of each logit with the same label."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label), reduction="none")


def discriminator_slips(real, fake):
    """What typical mistakes did, and the values that they give."""
    right, both = bce(real, 1.0).mean() + bce(fake, 0.0).mean(), torch.cat((bce(real, 1.0), bce(fake, 0.0)))
    squared = "that is a squared error: the loss is the cross entropy"
    return [
        ("the labels are swapped: real images have label 1, generated 0",
         bce(real, 0.0).mean() + bce(fake, 1.0).mean()),
        ("generated images are labelled as real: their label is 0", bce(real, 1.0).mean() + bce(fake, 1.0).mean()),
        ("real images are labelled as generated: their label is 1", bce(real, 0.0).mean() + bce(fake, 0.0).mean()),
        ("the half for the generated images is missing", bce(real, 1.0).mean()),
        ("the half for the real images is missing", bce(fake, 0.0).mean()),
        ("that is the average of the two halves: add them", right / 2),
        ("that is one mean over all images: take the mean of each batch and add the two", both.mean()),
        ("the loss is summed over the batch: take the mean of each batch", both.sum()),
        ("both sums are divided by the number of real images: each batch has its own mean", both.sum() / len(real)),
        ("both sums are divided by the number of generated images: each batch has its own mean",
         both.sum() / len(fake)),
        ("the sign is wrong: the loss is minimised", -right),
        ("the second half has the wrong sign", bce(real, 1.0).mean() - bce(fake, 0.0).mean()),
        ("the first half has the wrong sign", bce(fake, 0.0).mean() - bce(real, 1.0).mean()),
        ("the sigmoid is taken twice", bce(real.sigmoid(), 1.0).mean() + bce(fake.sigmoid(), 0.0).mean()),
        ("the label of real images should be 1, not 0.9", bce(real, 0.9).mean() + bce(fake, 0.0).mean()),
        ("that is one mean over all images, doubled: take the mean of each batch and add the two", 2 * both.mean()),
        (squared, (real - 1).square().mean() + fake.square().mean()),
        (squared, (real.sigmoid() - 1).square().mean() + fake.sigmoid().square().mean()),
        ("that is the hinge loss: the loss is the cross entropy", F.relu(1 - real).mean() + F.relu(1 + fake).mean()),
        ("that is the Wasserstein loss: the loss is the cross entropy", fake.mean() - real.mean()),
    ]


def generator_slips(fake):
    """The same for the generator's loss."""
    right, squared = bce(fake, 1.0), "that is a squared error: the loss is the cross entropy"
    return [
        ("that is the saturating loss log(1 - D(G(z))): the one here is -log D(G(z))", -bce(fake, 0.0).mean()),
        ("the label is 0, the discriminator's: the generator wants its images taken for real", bce(fake, 0.0).mean()),
        ("the loss is summed over the batch: take the mean", right.sum()),
        ("the sign is wrong: the loss is minimised", -right.mean()),
        ("the loss is half of what it should be", right.mean() / 2),
        ("the generator's loss has one term only", right.mean() + bce(fake, 0.0).mean()),
        ("the sigmoid is taken twice", bce(fake.sigmoid(), 1.0).mean()),
        ("the label should be 1, not 0.9", bce(fake, 0.9).mean()),
        (squared, (fake - 1).square().mean()),
        (squared, (fake.sigmoid() - 1).square().mean()),
        ("that is the Wasserstein loss: the one here is -log D(G(z))", -fake.mean()),
    ]


# The batches of logits: which they are, and what is wrong if the loss is right for those before only.
WHERE = (
    ("logits of shape (N,)", ""),
    ("logits of shape (N, 1)", ", while it is right for (N,): do labels of shape (N,) broadcast against the logits?"),
    ("logits of +-200", ": compute it from the logits, where sigmoid and log lose digits"),
)


def observe_losses(student, rng, name, labels):
    """Ask for the loss of three batches, as in WHERE, real and fake ones of different size; assert that it is a scalar.

    Returns the logits and the answer for each, and the device of the loss elsewhere.
    """
    sizes = (torch.randperm(8, generator=rng)[:len(labels)] + 4).tolist()
    cases = [[2 * normal(rng, size, *extra) for size in sizes] for extra in ((), (1,))]
    cases.append([uniform(rng, size, 1, low=-200.0, high=200.0) for size in sizes])
    for logits in cases[2]:
        logits[:2, 0] = torch.tensor([200.0, -200.0])
    seen = student.observe("losses", name=name, cases=cases)
    for one in seen["cases"]:
        shape = tuple(getattr(one["loss"], "shape", ()))
        assert shape == (), f"the loss should be a scalar, one number without axes; its shape is {shape}"
        expect_shape("the loss", one["loss"], ())
    return list(zip(cases, seen["cases"], strict=True)), seen["device"]


def judge_loss(student, rng, name, labels, slips):
    """Assert the values of a loss."""
    cases, _ = observe_losses(student, rng, name, labels)
    assert all(seen["untouched"] for _, seen in cases), "the loss changes its logits in place: compute new tensors"
    for k, ((logits, seen), (where, why)) in enumerate(zip(cases, WHERE)):
        value, expected = seen["loss"].float(), getattr(gan, name)(*logits)
        assert value.isfinite(), f"for {where} the loss is {value}: compute it from the logits, not from log(sigmoid)"
        expect_right(value, expected, [] if k else slips(*logits),
                     f"for {where} the loss should be {expected:.6g}, got {value:.6g}{why}", near=1e-5)


def judge_gradients(student, rng, name, labels):
    """Assert the gradients in the logits, and that nothing stands on another device than they do."""
    cases, device = observe_losses(student, rng, name, labels)
    for k, (logits, seen) in enumerate(cases):
        leaves = [value.clone().requires_grad_() for value in logits]
        getattr(gan, name)(*leaves).backward()
        for label, leaf, gradient in zip(labels, leaves, seen["gradients"], strict=True):
            assert isinstance(gradient, torch.Tensor) and gradient.shape == leaf.shape \
                and (k == 2 or gradient.abs().max() > 0), \
                f"no gradient reaches logits_{label}: does the loss use them, and tensors only?"
            assert close(10 * gradient, 10 * leaf.grad, 1e-4), f"the gradient of the loss in logits_{label} is wrong" \
                + (", for logits of +-200: compute it from the logits, without sigmoid and log" if k == 2 else "")
    assert "expected device" not in device and "same device" not in device, \
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
    kind = seen["kind"]
    assert seen["optimizer"], f"get_optimizer should return an optimiser, got {kind}"
    assert not seen["missing"], f"the optimiser does not hold all parameters: {seen['missing'][0]} is missing"
    assert not seen["foreign"], "the optimiser holds parameters of another model"
    assert not seen["other_missing"], \
        "two models got the same optimiser: make a new one at each call, for the given model"
    for group in seen["groups"]:
        assert len(group["betas"]) == 2, f"the optimiser should be Adam, it is {kind}"
        for what, value, wanted in ((f"lr of {kind}", group["lr"], LR), (f"weight_decay of {kind}", group["decay"], 0),
                                    ("beta1", group["betas"][0], BETAS[0]), ("beta2", group["betas"][1], BETAS[1])):
            assert abs(value - wanted) < 1e-9, f"{what} should be {wanted:g}, it is {value:g}"
    expect_tensor("the path of the parameters", seen["path"], gradients.shape)
    moved, expected = seen["path"] - numbers, adam(numbers, gradients) - numbers
    assert close(moved / LR, expected / LR, 1e-4), \
        f"the steps of {kind} are not those of plain Adam: another optimiser, or an option that was not asked for?"


# build_dc_classifier: 4 points

CLASSIFIER = Network("build_dc_classifier", 784, 1, between=[POOLED, POOLED, LEAKY], ends=[PLAIN], layers=[
    ("conv2d", (32, 1, 5, 5)), ("conv2d", (64, 32, 5, 5)), ("linear", (1024, 1024)), ("linear", (1, 1024))])


@graded("gan.build_dc_classifier", points=3,
        hint="Twice Conv2d with 5x5 kernels, LeakyReLU 0.01, MaxPool2d(2); then Flatten, Linear, LeakyReLU, Linear.")
def test_dc_classifier(student, rng):
    judge_network(student, rng, CLASSIFIER, 12)


@graded("gan.build_dc_classifier", points=1, hint="1,102,721 parameters: two convolutions and two linear layers")
def test_dc_classifier_size(student, rng):
    judge_size(student, rng, CLASSIFIER, whole(rng, 2, 5))


# build_dc_generator: 5 points

def dc_generator(dim, *arguments):
    return Network("build_dc_generator", dim, 784, between=[BLOCK] * 3, ends=["Tanh", PLAIN], layers=[
        ("linear", (1024, dim)), ("linear", (6272, 1024)), ("conv_transpose2d", (128, 64, 4, 4)),
        ("conv_transpose2d", (64, 1, 4, 4))], norms=(1024, 6272, 64), arguments=arguments)


@graded("gan.build_dc_generator", points=3,
        hint="Linear, ReLU, BatchNorm1d; again; Unflatten; ConvTranspose2d, ReLU, BatchNorm2d; ConvTranspose2d, Tanh.")
def test_dc_generator(student, rng):
    """In training mode. Tanh at the end may be there or not."""
    dim = whole(rng, 5, 60)
    judge_network(student, rng, dc_generator(dim, dim), 8)


def moves(start, moved, end):
    """True if running statistics have moved to those of the batch, by a share of the way that is free."""
    way, step = end - start, moved - start
    share = (way @ step) / (way @ way)
    return 1e-3 <= share <= 1.001 and close(step / share, way, 1e-2)


def judge_norm(net, seen, k, numbers, training):
    """Assert that a batch norm uses the statistics that it should.

    What it gets must come from the linear layer before, and what it gives must go to the next, by any activation.
    """
    name, (before, after) = net.names[k], sides(seen, k)
    assert k < len(seen["norms"]), f"after {name} there should be {BLOCK}"
    got, out = seen["norms"][k]["input"], seen["norms"][k]["output"]
    assert activation(before, got), f"after {name} there should be {BLOCK}"
    assert close(out, batch_norm(seen, k, numbers, training)(got)), \
        f"BatchNorm after {name} should use {'the statistics of the batch' if training else 'its running statistics'}"
    assert activation(out, after), f"what BatchNorm after {name} gives should go to the next layer"


@graded("gan.build_dc_generator", points=1,
        hint="nn.BatchNorm1d and nn.BatchNorm2d as they are: in evaluation mode they use their running statistics.")
def test_dc_generator_evaluated(student, rng):
    """BatchNorm in evaluation mode: running statistics, so an image does not depend on the others of its batch."""
    dim = whole(rng, 5, 60)
    z, other = (uniform(rng, 6, dim, low=-STRONG, high=STRONG) for _ in range(2))
    net, numbers = dc_generator(dim, dim), draw_numbers(rng)
    seen = student.observe("evaluated", name=net.name, x=z, other=other, numbers=numbers, arguments=[dim])
    trained, evaluated, few = seen["trained"], seen["evaluated"], seen["few"]
    expect_tensor("the output in evaluation mode", evaluated["out"], (6, 784))
    expect_tensor("the output for two inputs in evaluation mode", few, (2, 784))
    assert close(few, evaluated["out"][:2], 1e-3), "in evaluation mode an image depends on the others of its " \
        "batch: BatchNorm should use its running statistics then"
    if not evaluated["norms"] and not trained["norms"]:  # own code, seen from outside only: all the rest must be right
        judge_layers(net, trained, z, numbers)
        return
    judge_computed(net, trained, z, numbers, 1)
    judge_norm(net, trained, 0, numbers, True)
    mean, moved = trained["norms"][0]["input"].mean(dim=0), trained["norms"][0]["moved"]
    start = drawn(numbers, True, 0, "running_mean", mean.shape)
    assert isinstance(moved, torch.Tensor) and moved.shape == start.shape and moves(start, moved, mean), \
        "BatchNorm does not gather running statistics in training mode"
    judge_computed(net, evaluated, other, numbers, 2)
    for k in range(2):
        judge_norm(net, evaluated, k, numbers, False)


@graded("gan.build_dc_generator", points=1,
        hint="build_dc_generator(4) has 6,580,801 parameters; noise_dim is 96 if it is not given.")
def test_dc_generator_size(student, rng):
    """Number of parameters for a random noise_dim, and for the default one."""
    dim = whole(rng, 5, 60)
    judge_size(student, rng, dc_generator(dim, dim), whole(rng, 3, 5))
    judge_size(student, rng, dc_generator(96), 3, layers=False)


# update: 6 points. The small game of the public check, from weights and with batches that are drawn here.

def play(student, rng, count):
    """Let the student's update play, and return the first `count` rounds, each for the weights that it began with."""
    d, g = (uniform(rng, WEIGHTS[name], low=-0.5, high=0.5) for name in ("D", "G"))
    d = spread(d)
    size = whole(rng, 6, 12)
    batches = [(uniform(rng, size, 6, low=-1.0), uniform(rng, size, 3, low=-1.0)) for _ in range(2)]
    seen, last, rounds = student.observe("update", d=d, g=g, batches=batches), None, []
    for (x, noise), found in zip(batches[:count], seen["rounds"]):
        last = Round(d, g, x, noise, found, last)
        rounds.append(last)
        d, g = found["D"], found["G"]
    assert len(rounds) == count, seen["error"]
    return rounds


@graded("gan.update", points=2, hint="d_loss from D(x) and D(fake.detach()); then D_solver: zero_grad, backward, step.")
def test_update_discriminator(student, rng):
    """The discriminator's step of a first round, and that nothing of it reaches the generator."""
    play(student, rng, 1)[0].judge_discriminator()


@graded("gan.update", points=2, hint="After D_solver.step(): g_loss from D(fake), asked for anew; then G_solver: "
        "zero_grad, backward, step.")
def test_update_generator(student, rng):
    """The generator's step of a first round, against the discriminator as the student's update has left it."""
    play(student, rng, 1)[0].judge_generator()


@graded("gan.update", points=1, hint="zero_grad of each solver before the backward of its loss; and all else stays as "
        "it is.")
def test_update_again(student, rng):
    """A second round: no gradients of the first are left in it."""
    for one in play(student, rng, 2):
        for judge in (one.judge_rest, one.judge_discriminator, one.judge_generator):
            judge()


@graded("gan.update", points=1, hint="{\"d_loss\": d_loss.detach(), ..., \"d_real\": "
        "logits_real.detach().sigmoid().mean(), ...}")
def test_update_numbers(student, rng):
    play(student, rng, 1)[0].judge_numbers()


# initialize_weights: 5 points

def initialized(student, rng, scheme):
    """Ask for a model's weights, judge what no scheme may do, and return (layer, weights before, after, biases) but
    for BatchNorm."""
    inputs = whole(rng, 150, 180)
    outputs, few, many = inputs // 2, inputs // 6, inputs // 3
    shapes = {"Linear": (outputs, inputs), "Conv2d": (few, many, 3, 3), "ConvTranspose2d": (many, few, 3, 3)}
    numbers, position, out = uniform(rng, 10_007, low=-0.9, high=0.9), 0, []
    seen = student.observe("initialized", inputs=inputs, outputs=outputs, numbers=numbers, scheme=scheme)
    assert not seen["frozen"], f"{seen['frozen'][0]} does not learn any more: it should require a gradient"
    for name in (*shapes, *(f"{kind}, bias=False" for kind in shapes), "BatchNorm1d", "BatchNorm2d"):
        width, kind = few if "2d" in name else outputs, name.removesuffix(", bias=False")
        (after, bias), is_norm, has_bias = seen["layers"][name], kind not in shapes, kind == name
        expect_tensor(f"the weights of {name}", after, shapes.get(kind, (width,)))
        if has_bias:
            expect_tensor(f"the biases of {name}", bias, (width,))
            assert bias.abs().max() < 0.5, f"the biases of {name} should be 0, or small"
            assert scheme != "default" or is_norm or bias.any(), \
                f"scheme 'default' should leave the biases of {name} as PyTorch made them"
        if is_norm:
            assert abs(after.mean() - 1) < 0.1 and after.std() < 0.1, f"the scale of {name} should stay around 1, " \
                f"its mean is {after.mean():.3g}: treat the layers with isinstance, BatchNorm apart"
        else:
            out.append((name, piece(numbers, position, shapes[kind]), after, bias if has_bias else None))
            position += after.numel() + has_bias * width
    return out


def fans(weight):
    """Inputs and outputs of a layer as PyTorch counts them, which exchanges those of transposed convolutions."""
    field = weight[0, 0].numel() if weight.dim() > 2 else 1
    return weight.shape[1] * field, weight.shape[0] * field


def judge_drawn(scheme, name, before, after, bias, spreads):
    """Assert that weights are drawn anew around 0, with one of the spreads, and that biases are 0."""
    assert not torch.equal(before, after), f"scheme {scheme!r} leaves the weights of {name} as they were"
    spread = round(after.std().item(), 6)  # that of equal weights is 0, but for how it is summed
    assert any(abs(spread / wanted - 1) < 0.04 for wanted in spreads), \
        f"scheme {scheme!r}: the weights of {name} should have standard deviation {spreads[0]:.3g}, it is {spread:.3g}"
    assert abs(after.mean()) < 0.06 * spread, f"scheme {scheme!r}: the mean of the weights of {name} should be 0"
    assert len(after.flatten()[:300].unique()) > 200, \
        f"scheme {scheme!r}: few of the weights of {name} differ: draw each"
    assert bias is None or not bias.any(), f"scheme {scheme!r}: the biases of {name} should be 0"


@graded("gan.initialize_weights", points=2,
        hint="nn.init.normal_(module.weight, 0.0, 0.02) for nn.Linear, nn.Conv2d and nn.ConvTranspose2d only")
def test_initialize_normal(student, rng):
    """The default scheme and "normal": N(0, 0.02) for each kind of layer."""
    for scheme in ("normal", None):
        layers = initialized(student, rng, scheme)
        for name, before, after, bias in layers:
            assert scheme or not torch.equal(before, after), \
                f"without a scheme the weights of {name} stay as they were: the default is 'normal'"
            judge_drawn(scheme or "normal", name, before, after, bias, [0.02])
            z = after / after.std()
            assert abs(z.pow(4).mean() - 3) < 0.4, f"the weights of {name} are not normally distributed"
        assert not torch.equal(layers[0][2], layers[3][2]), \
            "two layers of the same size got the same weights: is a seed set inside the function?"


@graded("gan.initialize_weights", points=1, hint="nn.init.xavier_normal_ or nn.init.xavier_uniform_")
def test_initialize_xavier(student, rng):
    """Variance 2 / (inputs + outputs), of whatever shape."""
    for name, before, after, bias in initialized(student, rng, "xavier"):
        judge_drawn("xavier", name, before, after, bias, [(2 / sum(fans(after))) ** 0.5])


@graded("gan.initialize_weights", points=1, hint="nn.init.kaiming_normal_ or nn.init.kaiming_uniform_, as they are")
def test_initialize_kaiming(student, rng):
    """Variance 2 / inputs or 2 / outputs, for ReLU or for LeakyReLU."""
    for name, before, after, bias in initialized(student, rng, "kaiming"):
        judge_drawn("kaiming", name, before, after, bias,
                    [(2 / (1 + slope ** 2) / fan) ** 0.5 for slope in (0, 0.2) for fan in fans(after)])


@graded("gan.initialize_weights", points=1, hint="Return before anything is changed.")
def test_initialize_default(student, rng):
    """PyTorch's weights stay, or are drawn anew as PyTorch does."""
    for name, before, after, _ in initialized(student, rng, "default"):
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
    for count, out in zip(counts, seen["outs"], strict=True):
        expect_tensor(f"{name} for a batch of {count}", out, (count, outputs))
    expect_tensor(f"{name} for one input in evaluation mode", seen["single"], (1, outputs))
    one, other = seen["pair"]
    for value in (one, other):
        expect_tensor(f"{name} for a batch of 9", value, (9, outputs))
    out = seen["outs"][-1]
    assert (out - out[:1]).abs().max() > 1e-6 * out.abs().max(), f"{name} gives the same for every row of a batch"
    assert (one - other).abs().max() > 1e-6 * one.abs().max(), \
        f"{name} gives the same for different inputs: it does not depend on them"
    assert seen["untouched"], f"{name} changes its input in place"
    judge_last(name, seen["last"], numbers)
    assert seen["last"]["convolutions"], \
        f"{name} runs no convolution, but a DCGAN has some: nn.Conv2d or nn.ConvTranspose2d"
    return [*seen["outs"], seen["single"], one, other]


def judge_pushed(student, rng, name, inputs, outputs):
    """Assert that every parameter gets a gradient, and return the answer with the lowest and highest output in it."""
    x, twins, numbers = uniform(rng, 4, inputs, low=-1.0), draw_twins(rng, inputs), draw_numbers(rng)
    seen = student.observe("pushed", name=name, x=x, twins=twins, numbers=numbers, steps=5, step=0.01)
    (out, risen), (other, fallen) = seen["moves"]
    expect_tensor(f"the output of {name}", out, (4, outputs))
    expect_all_learn(seen["silent"])
    expect_no_strangers(name, seen.get("strangers"))
    assert risen.shape == other.shape == fallen.shape == out.shape, f"the output of {name} changes its shape"
    assert any((after - before).abs().max() > 1e-6 for before, after in seen["moves"]), \
        f"steps along the gradients do not change what {name} gives: are its layers attributes (nn.ModuleList, not a " \
        "plain list), are they not frozen, is nothing rounded, is there a Softmax or a ReLU at the end?"
    judge_last(name, seen["last"], numbers)
    every = torch.cat((out, risen, fallen))
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
    expect_pixels(low, high)


@graded("gan.FashionDiscriminator", points=2, hint="(N, 784) in, one logit for each image out: (N, 1), for any N.")
def test_fashion_discriminator(student, rng):
    judge_outputs(student, rng, "FashionDiscriminator", 784, 1, [])


@graded("gan.FashionDiscriminator", points=1, hint="No activation after the last layer, and use every layer.")
def test_fashion_discriminator_learns(student, rng):
    """Gradients, also in the images; and that the output is a logit, which may be any number."""
    seen, low, high = judge_pushed(student, rng, "FashionDiscriminator", 784, 1)
    expect_logit_range(low, high)
    assert seen["reaches_input"], THROUGH
