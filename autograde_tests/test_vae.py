"""Hidden checks of helpers/vae.py. Each compares what a probe saw with the reference, for inputs drawn anew.

Networks run with weights that are drawn here. What comes back tells their sizes, and never what is due.
"""
import math

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes import piece
from autograde_tests.probes.vae import biases, known_parts, mixing
from helpers import vae
from helpers.given.checks.engine import (close, expect_all_learn, expect_parts, expect_right, expect_tensor,
                                         name_the_slip, of_all)

TRICK = "z = mu + exp(logvar / 2) * eps, with eps drawn from N(0, 1) for each entry and at each call, on mu's device"


# reparametrize: 4 points

@graded("vae.reparametrize", points=2, hint=TRICK)
def test_distribution(student, rng):
    """Mean, spread, independence and shape of 20,000 draws for random mu and logvar."""
    count, size = 20000, 4
    mu, logvar = normal(rng, 1, size) * 3, uniform(rng, 1, size, low=-3.0, high=2.0)
    logvar[0, 0] = 1.5  # a value where sigma, variance and logvar differ a lot
    z, _ = student.observe("draws", mu=mu.repeat(count, 1), logvar=logvar.repeat(count, 1))["draws"]
    expect_tensor("z", z, (count, size))
    eps = (z - mu).double() / torch.exp(0.5 * logvar)
    spread = eps.std(dim=0)
    # Not all(): a mistake that takes a logvar near 0 for sigma leaves hardly any spread there.
    assert (spread > 0.01).any(), "z does not vary over the batch: draw eps for each image"
    name_the_slip(spread * torch.exp(0.5 * logvar[0]), [
        ("the spread of z is the variance exp(logvar): take its root", logvar.exp()),
        ("the spread of z is logvar itself: sigma is exp(logvar / 2)", logvar.abs()),
        ("the spread of z is logvar / 2: sigma is the exponential of that", (0.5 * logvar).abs()),
        ("the spread of z does not depend on logvar", torch.ones(1, size))],
        near=lambda got, sigma: not ((got / sigma[0] - 1).abs() > 0.04).any())
    kurtosis = (eps - eps.mean(dim=0)).pow(4).mean(dim=0) / spread.pow(4)
    assert ((kurtosis - 3).abs() < 0.5).all(), "eps is not normally distributed: torch.randn, not torch.rand"
    assert (eps.mean(dim=0).abs() < 0.05 * spread.clamp(min=1)).all(), "the mean of z over many draws is not mu"
    assert ((spread - 1).abs() < 0.04).all(), \
        f"the standard deviation of z should be exp(logvar / 2); it is {spread[0]:.3g} times that for logvar = 1.5"
    joint = torch.corrcoef(eps.T) - torch.eye(size)
    assert joint.abs().max() < 0.06, "the latent numbers of one image vary together: draw eps for each of them"
    assert (eps[1:, 0] * eps[:-1, 0]).mean().abs() < 0.06, "the draws of neighbouring images depend on each other"


# What stands for sigma in z = mu + sigma * eps: the right thing first, then usual slips.
SIGMAS = (lambda logvar: torch.exp(0.5 * logvar), torch.exp, lambda logvar: torch.exp(1.5 * logvar),
          lambda logvar: logvar, lambda logvar: 0.5 * logvar)


def gradient_in_logvar(sigma, z, mu, logvar, weight):
    """Gradient of sum(weight * z) in logvar for this sigma, and the mean square of eps."""
    leaf = logvar.clone().requires_grad_()
    eps = ((z - mu) / sigma(leaf)).detach()
    gradient, = torch.autograd.grad((weight * sigma(leaf) * eps).sum(), leaf)
    return gradient, eps.square().mean()


@graded("vae.reparametrize", points=1, hint="Gradients pass through mu and logvar: no detach, no .data, no no_grad.")
def test_gradient(student, rng):
    """Gradients against finite differences, in float64, and against those of the formula for the same z. A slip in
    sigma costs its points elsewhere: here it is enough that the formula with this slip has that gradient."""
    mu, weight = (normal(rng, 3, 2).double() for _ in range(2))
    # Far from 0 to both sides: only the formula, or one near to it, makes noise of one size from that.
    logvar = uniform(rng, 3, 2, low=2.0, high=4.0).double() * torch.tensor([1, -1])
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("reparametrize_slopes", mu=mu, logvar=logvar, weight=weight, number=number, step=1e-5)
    for name, gradient, difference in zip(("mu", "logvar"), seen["gradients"], seen["differences"]):
        assert isinstance(gradient, torch.Tensor), f"no gradient reaches {name}"
        expect_tensor(f"the gradient in {name}", gradient, mu.shape)
        expect_tensor(f"the difference quotients in {name}", difference, mu.shape)
        assert close(gradient, difference), f"the gradient in {name} is not that of finite differences with the same " \
            "eps: is part of the formula detached, or not in the dtype of mu?"
    in_mu, in_logvar = seen["gradients"]
    assert in_logvar.abs().max() > 0, "the gradient in logvar is zero: z does not depend on it"
    assert close(in_mu, weight), "dz/dmu should be 1"
    expect_tensor("z", seen["z"], mu.shape)
    due = [gradient_in_logvar(sigma, seen["z"], mu, logvar, weight) for sigma in SIGMAS]
    assert any(close(in_logvar, gradient) and 0.02 < square < 6 for gradient, square in due), \
        "the gradient in logvar should be that of exp(logvar / 2) * eps"


@graded("vae.reparametrize", points=1, hint="torch.randn_like(mu) takes over shape, dtype and device.")
def test_kept(student, rng):
    """A fresh draw at each call; inputs untouched; shape, dtype and device of mu."""
    seen = student.observe("draws", mu=normal(rng, 5, 3), logvar=normal(rng, 5, 3))
    for z in seen["draws"]:
        expect_tensor("z", z, (5, 3))
    assert not close(*seen["draws"]), "two calls gave the same z: is a seed set inside the function?"
    assert seen["untouched"], "reparametrize changed its inputs in place"
    assert seen["dtype"] == "torch.float32", f"float32 in, {seen['dtype']} out: take over mu's dtype"
    seen = student.observe("reparametrize_kept", mu=normal(rng, 1, 7).double())
    assert seen["shape"] == [1, 7], f"z of a (1, 7) mu should be (1, 7), got {seen['shape']}"
    assert seen["dtype"] == "torch.float64", f"float64 in, {seen['dtype']} out: take over mu's dtype"
    assert seen["device"] == "that of mu", \
        f"eps is drawn on a fixed device: take over mu's device (for a mu elsewhere: {seen['device']})"


# loss_function: 5 points, and kl_weight: 2 points

def random_batch(rng, image=None):
    count, height, latent_size = whole(rng, 3, 8), whole(rng, 3, 6), whole(rng, 2, 8)
    latent_size += latent_size >= count  # were they equal, who sums over the wrong axis would be right
    shape = (count, *(image or (1, height, height + 2)))
    return dict(x_hat=uniform(rng, *shape, low=0.03, high=0.97), x=uniform(rng, *shape, low=0.02, high=0.98),
                mu=normal(rng, count, latent_size), logvar=normal(rng, count, latent_size))


def slips(x_hat, x, mu, logvar):
    """What typical mistakes did, and the value that each gives."""
    bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
    swapped = F.binary_cross_entropy(x, x_hat, reduction="sum")
    mean = F.binary_cross_entropy(x_hat, x)
    squared = F.mse_loss(x_hat, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp())
    n = len(x)
    logits = F.binary_cross_entropy_with_logits(x_hat, x, reduction="sum")
    return [
        ("x_hat and x are swapped: the reconstruction comes first", (swapped + kl) / n),
        ("the cross entropy is averaged over the pixels: sum over pixels, average over the batch", (mean + kl) / n),
        ("the cross entropy is averaged over the pixels: sum over pixels, average over the batch", mean + kl / n),
        ("the cross entropy is averaged over the pixels, the KL term not over the batch", mean + kl),
        ("both terms are averaged over everything: sum over pixels and latents instead", mean + kl / mu.numel()),
        ("the KL term is averaged over the latent numbers: sum over them", bce / n + kl / mu.numel()),
        ("the loss is summed over the batch: average over it", bce + kl),
        ("the KL term is summed over the wrong axis: sum over the latent numbers", bce / n + kl / mu.shape[1]),
        ("the KL term is not averaged over the batch", bce / n + kl),
        ("the cross entropy is not averaged over the batch", bce + kl / n),
        ("the KL term is missing", bce / n),
        ("the reconstruction term is missing", kl / n),
        ("the KL term has the wrong sign", (bce - kl) / n),
        ("the factor 1/2 of the KL term is missing", (bce + 2 * kl) / n),
        ("the cross entropy has the wrong sign", (kl - bce) / n),
        ("that is the ELBO itself: the loss is its negative", -(bce + kl) / n),
        ("x_hat holds probabilities: binary_cross_entropy, not the one for logits", (logits + kl) / n),
        ("the loss is divided by 128, whatever the batch: divide by its size", (bce + kl) / 128),
        ("that is the squared error: the loss here is the binary cross entropy", (squared + kl) / n),
        ("sigma stands for its square", (bce - 0.5 * torch.sum(1 + logvar - mu.square() - (0.5 * logvar).exp())) / n),
        ("sigma is exp(logvar / 2)", (bce - 0.5 * torch.sum(1 + 2 * logvar - mu.square() - (2 * logvar).exp())) / n),
        ("mu should be squared in the KL term", (bce - 0.5 * torch.sum(1 + logvar - mu - logvar.exp())) / n),
        ("the 1 of the KL term is missing", (bce - 0.5 * torch.sum(logvar - mu.square() - logvar.exp())) / n),
        ("the variance is exp(logvar)", (bce - 0.5 * torch.sum(1 + logvar - mu.square() - logvar.square())) / n),
        ("log(sigma^2) is logvar itself", (bce - 0.5 * torch.sum(1 + logvar.exp() - mu.square() - logvar.exp())) / n),
    ]


@graded("vae.loss_function", points=3, hint="(sum of the cross entropy + sum of the KL terms) / batch size")
def test_loss(student, rng):
    """Against the reference, for three batches of random size. A slip is named if it explains all three: for one batch
    two slips may give the same value, such as 2 * KL / N and KL / Z where N = 2 * Z."""
    batches, values = [random_batch(rng) for _ in range(3)], []
    for batch in batches:
        seen, = student.observe("loss", **batch, kl_weights=[1.0], optional=True)
        assert seen["kind"] == "Tensor", f"the loss should be a tensor, got {seen['kind']}"
        assert seen["untouched"], "the loss changes what it is given in place: compute new tensors"
        assert seen["shape"] == [], \
            f"the loss should be a scalar tensor, of shape (), got shape {tuple(seen['shape'])}: is it one number?"
        expect_tensor("the loss", seen["loss"], ())
        values.append(seen["loss"].float())
    expected = [vae.loss_function(**batch) for batch in batches]
    k = next((k for k in range(3) if not close(values[k], expected[k])), 0)
    expect_right(values, expected, lambda: of_all(*(slips(**batch) for batch in batches)),
                 f"for a batch of {len(batches[k]['x'])} images the loss should be {expected[k]:.6g}, got "
                 f"{values[k]:.6g}")


@graded("vae.loss_function", points=2, hint="Build the loss from tensors only: no .item(), no detach, no numpy.")
def test_loss_gradient(student, rng):
    """Gradients in x_hat, mu and logvar against the reference's."""
    batch = random_batch(rng)
    seen, = student.observe("loss", **batch, kl_weights=[1.0], optional=True)
    leaves = {name: batch[name].clone().requires_grad_() for name in ("x_hat", "mu", "logvar")}
    vae.loss_function(leaves["x_hat"], batch["x"], leaves["mu"], leaves["logvar"]).backward()
    for (name, leaf), gradient in zip(leaves.items(), seen["gradients"], strict=True):
        expect_tensor(f"the gradient in {name}", gradient, leaf.shape)
        assert gradient.abs().max() > 0, f"no gradient reaches {name}"
        assert close(gradient, leaf.grad, 1e-3), f"the gradient of the loss in {name} is wrong"


@graded("vae.kl_weight", points=2, hint="reconstruction + kl_weight * KL, and 1.0 if kl_weight is not given",
        gap="loss_function")
def test_kl_weight(student, rng):
    """The loss is R + w * K: linear in w; R alone at 0; only the KL part is weighted. Whether R and K are right is
    judged elsewhere. But that they are terms of such a loss is seen from one of them, which is right up to a factor."""
    shares = {"R": [], "K": []}
    first = random_batch(rng, (1, 28, 28))  # who has hard-coded this size loses the points for that elsewhere
    second = {name: uniform(rng, *value.shape) if "x" in name else normal(rng, *value.shape)
              for name, value in first.items()}  # of the same size: a factor may depend on that
    for batch in (first, second):
        weight = float(uniform(rng, 1, low=2.0, high=30.0))
        seen = student.observe("loss", **batch, kl_weights=[None, 0.0, 1.0, weight])
        for one in seen:
            expect_tensor("the loss", one["loss"], ())
            for name, gradient in zip(("x_hat", "mu", "logvar"), one["gradients"], strict=True):
                expect_tensor(f"the gradient in {name}", gradient, batch[name].shape)
        plain, none, one, many = (each["loss"].double() for each in seen)
        assert not close(none, one, 1e-6), "kl_weight=0 and kl_weight=1 give the same loss: kl_weight is not used"
        assert close(plain, one), "without kl_weight the loss should be that of kl_weight=1"
        assert not any(gradient.any() for gradient in seen[1]["gradients"][1:]), \
            "with kl_weight=0 the loss should not depend on mu and logvar: weigh the KL term, not the other one"
        assert close(seen[3]["gradients"][0], seen[2]["gradients"][0]), \
            "kl_weight should not change the reconstruction term"
        assert close(many, none + weight * (one - none), 1e-3), "the loss should grow in proportion to kl_weight"
        reconstruction = vae.loss_function(**batch, kl_weight=0.0).double()
        shares["R"].append(none / reconstruction)
        shares["K"].append((one - none) / (vae.loss_function(**batch).double() - reconstruction))
    assert any(a != 0 and abs(a / b - 1) < 2e-3 for a, b in shares.values()), \
        "neither is the loss with kl_weight=0 the reconstruction term, nor what kl_weight weighs the KL term"


# VAE: 7 points, and CVAE: 7 points. Latent sizes and classes are fewer than the usual 15 and 10, which some hard-code.

STRONG = 10.0  # inputs are strong enough to keep the outputs of near activations, such as ReLU and GELU, apart
NUMBERS = 100_003  # a prime: rows of weights that are used again and again begin each time elsewhere
HIDDEN = range(8, 4097)  # with fewer units ReLU often lets nothing through, and with more it takes long


def layers_with(numbers, layers):
    """Weight and bias of each linear layer, as the probe has filled them. layers: shape of weight, has a bias."""
    position, filled = 0, []
    for (outputs, inputs), has_bias in layers:
        weight, position = piece(numbers, position, (outputs, inputs)), position + outputs * inputs
        filled.append((weight, piece(numbers, position, (outputs,)) if has_bias else None))
        position += outputs * has_bias
    return filled


def chain(x, layers, linear=None):
    """Linear+ReLU for these layers; number `linear` without its ReLU."""
    for k, (weight, bias) in enumerate(layers):
        x = F.linear(x, weight, bias)
        x = x if k == linear else F.relu(x)
    return x


def stack(inputs, hidden, last=None):
    """The layers of an encoder, or of a decoder with `last` outputs, in the form in which a probe tells them."""
    sizes = [[hidden, inputs], [hidden, hidden], [hidden, hidden], *([[last, hidden]] if last else [])]
    return [[size, True] for size in sizes]


def judge_hidden(what, seen, outputs, inputs, last=None):
    """Assert that encoder or decoder has the right linear layers. Returns H."""
    layers, wanted = seen["layers"], 4 if last else 3
    assert isinstance(seen["out"], torch.Tensor), f"{what} should return a tensor"
    assert len(layers) == wanted, f"the {what} should have {wanted} linear layers, it has {len(layers)}"
    hidden = {size[0] for size, _ in layers[:3]}
    assert len(hidden) == 1, f"the hidden layers of the {what} should all have H outputs, they have {sorted(hidden)}"
    assert all(has_bias for _, has_bias in layers), f"a linear layer of the {what} has no bias"
    hidden = min(hidden)
    assert type(hidden) is int and hidden in HIDDEN, f"H should be a few hundred, it is {hidden}"
    expect_tensor(f"{what}(input)", seen["out"], outputs(hidden))
    assert layers == stack(inputs, hidden, last), f"the linear layers of the {what} have the sizes {layers}"
    return hidden


def judge_network(what, out, x, layers, last=None):
    """Assert that a network's output is that of its layers with ReLU after three of them, then `last`. Returns it."""
    def run(linear=None):
        y = chain(x, layers[:3], linear)
        return y if last is None else F.linear(y, *layers[3]).view(out.shape)

    end, raw = last or (lambda x: x), run()
    table = [(f"there is no ReLU after linear layer {k + 1} of the {what}", end(run(k))) for k in range(3)]
    if last:
        table += [("the decoder does not end with a Sigmoid", raw),
                  ("the decoder ends with a ReLU where a Sigmoid is due", F.relu(raw)),
                  ("there is a ReLU before the Sigmoid: no pixel can be darker than 0.5", last(F.relu(raw))),
                  ("the decoder ends with Tanh: values must lie in [0, 1]", torch.tanh(raw))]
    expect_right(out, end(raw), table, f"the {what} has the right linear layers, but something else between them than "
                 "ReLU: another activation, Dropout, BatchNorm?", near=1e-5)
    return end(raw)


def judge_encoder(student, rng, kind, x, latent_size, **classes):
    """Assert that encoder, mu_layer and logvar_layer are what the contract says. Once more with other numbers if mu or
    logvar had no negative value: a ReLU behind it cannot be told then."""
    for _ in range(5):
        if all((due < 0).any() for due in judge_heads(student, rng, kind, x, latent_size, **classes)):
            return


def judge_heads(student, rng, kind, x, latent_size, **classes):
    """Assert it with weights that are drawn here. Returns the right mu and logvar."""
    numbers, heads = uniform(rng, NUMBERS, low=-1.0), ("mu_layer", "logvar_layer")
    seen = student.observe("network", kind=kind, part="encoder", x=x, numbers=numbers, latent_size=latent_size,
                           **classes)
    x = x.flatten(1)
    hidden = judge_hidden("encoder", seen["encoder"], lambda hidden: (len(x), hidden), x.shape[1])
    for head in heads:
        expect_tensor(f"{head}(encoder(x))", seen[head]["out"], (len(x), latent_size))
        told = seen[head]["layers"]
        assert len(told) == 1, f"{head} should be one linear layer, it has {len(told)}"
        assert told[0][0] == [latent_size, hidden] and type(told[0][1]) is bool, \
            f"{head} should be Linear({hidden}, {latent_size}), its weight is {told[0][0]}"
    layers = layers_with(numbers, [layer for part in ("encoder", *heads) for layer in seen[part]["layers"]])
    code = judge_network("encoder", seen["encoder"]["out"], x, layers)
    mu, logvar = (F.linear(code, *layer) for layer in layers[3:])
    assert not close(seen["mu_layer"]["out"], logvar), "mu_layer and logvar_layer are the same layer"
    for head, expected in zip(heads, (mu, logvar)):
        assert close(seen[head]["out"], expected), \
            f"{head} should be linear: no activation, mu and logvar take any sign"
    return mu, logvar


def judge_decoder(student, rng, kind, z, latent_size, **classes):
    """Assert the same of the decoder."""
    numbers = uniform(rng, NUMBERS, low=-1.0)
    seen = student.observe("network", kind=kind, part="decoder", x=z, numbers=numbers, latent_size=latent_size,
                           **classes)
    judge_hidden("decoder", seen["decoder"], lambda _: (len(z), 1, 28, 28), z.shape[1], 784)
    judge_network("decoder", seen["decoder"]["out"], z, layers_with(numbers, seen["decoder"]["layers"]), torch.sigmoid)


def judge_count(student, rng, kind, latent_size, **classes):
    """Assert the number of parameters for the student's H: nothing is missing, nothing is there that is not used.

    Weights and inputs are positive here, so that a slip with a ReLU, which costs points elsewhere, changes nothing.
    """
    k = classes.get("num_classes", 0)
    numbers, z = uniform(rng, NUMBERS), uniform(rng, 3, latent_size + k)
    x = uniform(rng, 3, 784 + k) if k else uniform(rng, 3, 1, 28, 28)
    seen = student.observe("count", kind=kind, x=x, z=z, numbers=numbers, latent_size=latent_size, **classes)
    h = seen["layers"][0][0][0] if seen["layers"] else 0
    assert type(h) is int and h in HIDDEN, f"H should be a few hundred, it is {h}"
    wanted = stack(784 + k, h) + 2 * [[[latent_size, h], True]] + stack(latent_size + k, h, 784)
    expected = sum(math.prod(size) + size[0] for size, _ in wanted)
    assert seen["total"] == expected, \
        f"with H = {h} and Z = {latent_size} the model should have {expected} parameters, it has {seen['total']}"
    assert seen["layers"] == wanted, f"the model's linear layers have the sizes {seen['layers']}"
    layers = layers_with(numbers, wanted)
    code = chain(x.flatten(1), layers[:3])
    due = F.linear(code, *layers[3]), F.linear(code, *layers[4]), F.linear(chain(z, layers[5:8]), *layers[8])
    for name, got, value in zip(("mu", "logvar", "last"), seen["given"], due, strict=True):
        expect_tensor(name, got, value.shape)
        assert close(got, value), "with positive weights and inputs each ReLU hands on what it gets, and only the " \
            f"linear layers count: {name} is not what they give"


def judge_own_draw(student, rng, kind, latent_size, training, x, **condition):
    """Assert that a forward that does not call reparametrize draws z as that does. The heads' answers are replaced by
    known ones with small variances: near 1 the variance is its own root."""
    mu, logvar = normal(rng, len(x), latent_size), uniform(rng, len(x), latent_size, low=-4.0, high=-1.0)
    z, again = student.observe("forward_draws", kind=kind, latent_size=latent_size,
                               numbers=uniform(rng, NUMBERS, low=-1.0), mu=mu, logvar=logvar, training=training, x=x,
                               **condition)
    for joined in (z, again):
        expect_tensor("what the decoder gets", joined,
                      (len(x), latent_size + sum(c.shape[1] for c in condition.values())))
    assert not close(z, again), "two calls gave the same z: is a seed set inside forward?"
    eps = (z[:, :latent_size] - mu).double() / torch.exp(0.5 * logvar)
    assert eps.mean().abs() < 0.1 and (eps.std() - 1).abs() < 0.1 and eps.std(dim=0).mean() > 0.5 \
        and eps.std(dim=1).mean() > 0.5, \
        f"{'' if training else 'in evaluation mode '}the decoder should get z = reparametrize(mu, logvar)"


RESULT = "x_hat", "mu", "logvar"


def expect_result(seen, count, shape, latent_size):
    """Assert the shapes of what forward returned, for a batch and for its first image."""
    for parts, one in ((seen["result"], count), (seen.get("single", seen["result"]), 1)):
        expect_parts("forward", parts, RESULT)
        for name, value, size in zip(RESULT, parts, (shape, (latent_size,), (latent_size,))):
            expect_tensor(name if one == count else f"{name} of a single image", value, (one, *size))


def judge_forward(student, rng, kind):
    """Assert that forward joins the model's parts rightly, for a batch of 7 and of 1. Parts that we know stand for the
    student's own, and `mixing` for reparametrize."""
    latent_size, shape = whole(rng, 3, 9), (3, 32, 32) if kind == "ConvVAE" else (1, 28, 28)
    x, c = uniform(rng, 7, *shape), torch.zeros(7, 0)
    condition = {}
    if kind == "CVAE":
        classes = whole(rng, 4, 6)
        c = condition["c"] = torch.eye(classes)[torch.randint(classes, (7,), generator=rng)]
    numbers, latents = uniform(rng, NUMBERS, low=-1.0), latent_size + c.shape[1]
    seen = student.observe("forward", kind=kind, latent_size=latent_size, numbers=numbers, x=x, **condition)
    expect_result(seen, 7, shape, latent_size)
    assert seen["untouched"], "forward changes what it is given in place: compute new tensors"
    assert seen["seeds"] is False, "forward sets a seed: then all that is drawn after it is the same each time"
    assert type(seen["width"]) is int and 0 < seen["width"] <= 100_000, f"the heads take {seen['width']} numbers"
    parts = known_parts(numbers, x[0].numel() + c.shape[1], seen["width"], latent_size, latents, x[0].shape)

    def heads(*joined):
        hidden = parts["encoder"](torch.cat(joined, dim=1))
        return parts["mu_layer"](hidden), parts["logvar_layer"](hidden)

    flat = x.flatten(1)
    orders = [heads(flat, c), heads(c, flat)]
    got = dict(zip(RESULT, seen["result"]))
    if kind == "CVAE":
        assert not any(close(got["mu"], heads(*joined)[0]) for joined in ((flat,), (flat, 0 * c), (0 * c, flat))), \
            "mu does not depend on c: the encoder must see the condition"
    fitting = [order for order in orders if close(got["mu"], order[0])]
    if not fitting:
        name_the_slip(got["mu"], [("mu and logvar are swapped", order[1]) for order in orders])
        raise AssertionError("the second result should be self.mu_layer(encoder(input))")
    mu, logvar = fitting[0]
    assert close(got["logvar"], logvar), "the third result should be self.logvar_layer(encoder(input)), untouched"
    for name, alone in list(zip(RESULT, seen["single"]))[1:]:
        assert close(alone, got[name][:1], 1e-3), f"{name} of an image depends on the other images of the batch"
    joined = seen["z"]
    assert isinstance(joined, torch.Tensor), "forward should call self.decoder"
    if kind == "CVAE":
        assert tuple(joined.shape) == (7, latents), "the decoder should get z and c joined"
        assert not torch.equal(joined[:, :c.shape[1]], c), \
            "the decoder should get z first, then c: torch.cat((z, c), dim=-1)"
        assert torch.equal(joined[:, latent_size:], c), "the decoder should get c as it is, after z"
    expect_tensor("what the decoder gets", joined, (7, latents))
    z = joined[:, :latent_size]
    assert close(got["x_hat"], parts["decoder"](joined)), \
        "the first result should be what the decoder returns, untouched: its Sigmoid is the last step"
    drawn, eps = mixing(mu, logvar), ((z - mu) / torch.exp(0.5 * logvar)).detach()
    name_the_slip(z, [("the decoder gets mu: decode z, not mu", mu),
                      ("the decoder gets logvar: x_hat does not depend on mu", logvar)])
    many = {name: value[:1].repeat(2000, *[1] * (value.dim() - 1)) for name, value in {"x": x, **condition}.items()}
    if not close(z, drawn):
        name_the_slip(z, [("reparametrize takes mu first, then logvar", mixing(logvar, mu))])
        judge_own_draw(student, rng, kind, latent_size, True, **many)
        drawn = mu + torch.exp(0.5 * logvar) * eps
    results = [(parts["decoder"](torch.cat((value, c), dim=1)), mu, logvar) for value in (drawn, drawn.detach())]
    flowing, detached = (torch.autograd.grad(sum(value.square().sum() for value in result), biases(parts).values(),
                                             retain_graph=True) for result in results)
    for name, right, cut in zip(biases(parts), flowing, detached):
        gradient = seen["gradients"][name]
        assert isinstance(gradient, torch.Tensor), f"no gradient reaches the {name}: is it detached?"
        expect_tensor(f"the gradient in the {name}", gradient, right.shape)
        expect_right(gradient, right, [("no gradient flows from x_hat back to mu and logvar: for autograd x_hat does "
                                        "not depend on mu", cut)],
                     f"the gradient in the {name} is wrong: is something detached?", near=1e-3)
    calm = seen["evaluation"]
    again, z = dict(zip(RESULT, expect_parts("in evaluation mode forward", calm["result"], RESULT))), calm["z"]
    for name, expected in (("mu", mu), ("logvar", logvar)):
        expect_tensor(name, again[name], expected.shape)
        assert close(again[name], expected), f"in evaluation mode forward should return the same {name} as in training"
    expect_tensor("what the decoder gets in evaluation mode", z, (7, latents))
    assert torch.equal(z[:, latent_size:], c), "in evaluation mode the decoder should get z, then c, as in training"
    expect_tensor("x_hat", again["x_hat"], x.shape)
    assert close(again["x_hat"], parts["decoder"](z)), \
        "in evaluation mode the first result should be what the decoder returns, as in training"
    name_the_slip(z[:, :latent_size], [("in evaluation mode the decoder gets mu: draw z there, too, or the loss is not "
                                        "the negative ELBO", mu)])
    if not close(z[:, :latent_size], mixing(mu, logvar)):
        judge_own_draw(student, rng, kind, latent_size, False, **many)


@graded("vae.VAE", points=2, gap="VAE.__init__",
        hint="encoder: Flatten, then Linear and ReLU three times; mu_layer and logvar_layer: Linear(H, Z)")
def test_vae_encoder(student, rng):
    """Order and kind of the encoder's layers, by running it and computing the same from its weights."""
    latent_size, x = whole(rng, 2, 14), uniform(rng, 5, 1, 28, 28, high=STRONG)
    judge_encoder(student, rng, "VAE", x, latent_size)


@graded("vae.VAE", points=2, gap="VAE.__init__",
        hint="decoder: Linear and ReLU three times, Linear to input_size, Sigmoid, Unflatten")
def test_vae_decoder(student, rng):
    """The same for the decoder."""
    latent_size = whole(rng, 2, 14)
    z = normal(rng, 5, latent_size) * STRONG
    judge_decoder(student, rng, "VAE", z, latent_size)


@graded("vae.VAE", points=1, gap="VAE.__init__",
        hint="The same H in all hidden layers, nothing besides the four parts.")
def test_vae_parameters(student, rng):
    """Number of parameters as a function of the student's H and of Z."""
    latent_size = whole(rng, 2, 14)
    judge_count(student, rng, "VAE", latent_size)


@graded("vae.VAE", points=2, gap="VAE.forward", hint="encoder -> mu_layer, logvar_layer -> reparametrize -> decoder")
def test_vae_forward(student, rng):
    judge_forward(student, rng, "VAE")


@graded("vae.CVAE", points=2, gap="CVAE.__init__",
        hint="The first Linear of the encoder takes input_size + num_classes numbers, the rest is as in the VAE.")
def test_cvae_encoder(student, rng):
    """As for the VAE, with the one-hot class beside the image."""
    latent_size, classes = whole(rng, 2, 14), whole(rng, 3, 9)
    x = uniform(rng, 5, 784 + classes, high=STRONG)
    judge_encoder(student, rng, "CVAE", x, latent_size, num_classes=classes)


@graded("vae.CVAE", points=2, gap="CVAE.__init__",
        hint="The first Linear of the decoder takes latent_size + num_classes numbers, the rest is as in the VAE.")
def test_cvae_decoder(student, rng):
    latent_size, classes = whole(rng, 2, 14), whole(rng, 3, 9)
    z = normal(rng, 5, latent_size + classes) * STRONG
    judge_decoder(student, rng, "CVAE", z, latent_size, num_classes=classes)


@graded("vae.CVAE", points=1, gap="CVAE.__init__", hint="The condition adds num_classes inputs to two layers only.")
def test_cvae_parameters(student, rng):
    latent_size, classes = whole(rng, 2, 14), whole(rng, 3, 9)
    judge_count(student, rng, "CVAE", latent_size, num_classes=classes)


@graded("vae.CVAE", points=2, gap="CVAE.forward",
        hint="Flatten x, join it with c, encode; draw z, join it with c (z first), decode.")
def test_cvae_forward(student, rng):
    judge_forward(student, rng, "CVAE")


# ConvVAE: 4 points

def judge_conv(seen, x, latent_size):
    expect_result(seen, len(x), x.shape[1:], latent_size)
    x_hat = seen["result"][0]
    assert x_hat.min() >= 0 and x_hat.max() <= 1, \
        f"x_hat should lie in [0, 1], it runs from {x_hat.min():.3g} to {x_hat.max():.3g}"


@graded("vae.ConvVAE", points=2,
        hint="Tried at 32x32 and 64x64: take the sizes from image_shape and latent_size. Strided convolutions halve "
             "the size, transposed ones double it; the encoder ends with Flatten, the decoder with a Sigmoid.")
def test_conv_shapes(student, rng):
    """Shapes and range at 32x32 and 64x64."""
    for side, count in ((32, 7), (64, 3)):
        latent_size, x = whole(rng, 5, 40), uniform(rng, count, 3, side, side)
        judge_conv(student.observe("conv", x=x, image_shape=[3, side, side], latent_size=latent_size), x, latent_size)


@graded("vae.ConvVAE", points=2,
        hint="Every part has a place between image and reconstruction, and z comes from reparametrize.")
def test_conv_parts(student, rng):
    """With the default arguments: convolutions are there and every parameter learns. And forward, with known parts."""
    x = uniform(rng, 4, 3, 32, 32)
    seen = student.observe("conv", x=x)
    judge_conv(seen, x, 128)
    assert seen["convolutions"] >= 2, f"a convolutional VAE has convolutions, this one ran {seen['convolutions']}"
    judge_forward(student, rng, "ConvVAE")
    low, high = seen["strong"]
    assert low >= 0 and high <= 1, f"with large weights the decoder's values run from {low:.3g} to {high:.3g}: they " \
        "should lie in [0, 1] whatever z is, so end the decoder with nn.Sigmoid"
    for name, value in zip(RESULT[1:], seen["result"][1:]):
        assert (value < 0).any(), f"{name}_layer should be linear: no activation, mu and logvar take any sign"
    expect_all_learn(seen["silent"], "is a part detached or not used?")


# get_mu_logvar: 2 points, sample_on_grid: 2 points, interpolate: 1 point

MODE = "Keep model.training, call model.eval(), and at the end model.train() with what was kept."


def judge_use(seen, what):
    """Assert that a function has used its model with care. what: it returns."""
    assert seen["modes"] is True, "the model is not in the mode afterwards that it had before: restore it"
    assert seen["kinds"] is True, "the model's parameters are of another type afterwards: leave the model as it was"
    assert seen["learns"] is False, f"{what} should carry no gradients: leave @torch.no_grad() above the function"
    assert seen["device"] == "the model's", \
        f"for a model on another device, {what} should be there, and what goes into it, too: {seen['device']}"


def judge_codes(student, rng, training):
    """Assert that get_mu_logvar gives the right codes for a model in this mode. Returns what was seen."""
    count, latent_size = 10 * whole(rng, 110, 130) + 3, whole(rng, 2, 5)  # no usual batch size divides the count
    images = uniform(rng, count, 1, 3, 3)
    encoder, decoder = normal(rng, 2 * latent_size, 9), normal(rng, 9, latent_size)
    seen = student.observe("encode_set", images=images, encoder_weight=encoder, decoder_weight=decoder,
                           training=training)
    got = expect_parts("get_mu_logvar", seen["result"], RESULT[1:])
    expected = images.flatten(1) @ encoder.T
    mu, logvar = expected[:, :latent_size], expected[:, latent_size:]
    expect_tensor("mu", got[0], mu.shape)
    expect_tensor("logvar", got[1], logvar.shape)
    name_the_slip(got, [("mu and logvar are swapped", (logvar, None)),
                        ("the codes are those of training mode", (-mu, None)),
                        ("the second result should be logvar itself, not its exponential", (None, logvar.exp())),
                        ("the second result should be logvar, not sigma", (None, torch.exp(0.5 * logvar)))])
    assert close(got[0], mu), "mu is not the model's mu for each image, in the images' order"
    assert close(got[1], logvar), "logvar is not the model's logvar for each image, in the images' order"
    return seen


@graded("vae.get_mu_logvar", points=1,
        hint="All images, in their order, the last and smaller batch too. The device is that of the model.")
def test_get_mu_logvar(student, rng):
    """Codes of a set whose size fits no batch, for a model with known weights in evaluation mode."""
    judge_codes(student, rng, training=False)


@graded("vae.get_mu_logvar", points=1, hint=f"Batches of at most 1,024 images, on the model's device. {MODE}")
def test_get_mu_logvar_with_care(student, rng):
    """The same for a model in training mode, which stays so; in batches; on the model's device."""
    seen = judge_codes(student, rng, training=True)
    judge_use(seen, "mu and logvar")
    assert type(seen["rows"]) is int and seen["rows"] <= 1024, \
        f"{seen['rows']} images went through the model at once: go through them in batches of at most 1,024"


def judge_grid(student, rng, training):
    """Assert that sample_on_grid decodes every point of the grid once, for a model in this mode. Which axis runs along
    the rows, and in which direction, is free. Returns what was seen."""
    size, low, high = whole(rng, 4, 7), float(uniform(rng, 1, low=-4, high=-2)), float(uniform(rng, 1, low=0.5, high=3))
    encoder, decoder = normal(rng, 4, 6), normal(rng, 6, 2)
    seen = student.observe("grid", low=low, high=high, grid_size=size, encoder_weight=encoder,
                           decoder_weight=decoder, shape=[1, 2, 3], training=training)
    images = seen["result"]
    expect_tensor("sample_on_grid(...)", images, (size, size, 1, 2, 3))
    values = torch.linspace(low, high, size)
    points = torch.stack(torch.meshgrid(values, values, indexing="ij"), dim=-1)
    expected = (points @ decoder.T).view(size, size, 1, 2, 3)
    turned = [other.flip(flipped) for other in (expected, expected.transpose(0, 1))
              for flipped in ((), (0,), (1,), (0, 1))]
    if any(close(images, other) for other in turned):
        return seen
    name_the_slip(images, [("the images are those of training mode", -other) for other in turned])
    latents = images.reshape(size, size, 6) @ torch.linalg.pinv(decoder).T  # those that were decoded
    z1, z2 = latents.unbind(-1)
    assert not close(z1, z2), "both latent numbers are the same everywhere: the points lie on a diagonal"
    for name, z in (("first", z1), ("second", z2)):
        assert abs(z.min() - low) < 1e-3 and abs(z.max() - high) < 1e-3, \
            f"the {name} latent number runs from {z.min():.3g} to {z.max():.3g}; it should run from low = {low:.3g} " \
            f"to high = {high:.3g}, both included"
    raise AssertionError(f"the images are not those of the {size} x {size} points in equal steps, one latent number "
                         "growing along the rows and the other along the columns; each image should be (1, h, w)")


@graded("vae.sample_on_grid", points=1, hint="linspace(low, high, grid_size) along both axes, then the decoder")
def test_sample_on_grid(student, rng):
    judge_grid(student, rng, training=False)


@graded("vae.sample_on_grid", points=1, hint=f"linspace on the model's device. {MODE}")
def test_sample_on_grid_with_care(student, rng):
    """The same for a model in training mode, which stays so, and on the model's device."""
    judge_use(judge_grid(student, rng, training=True), "the images")


@graded("vae.interpolate", points=1,
        hint="(1 - w) * z0 + w * z1 for w = linspace(0, 1, steps), for one pair (Z,) and for S pairs (S, Z)")
def test_interpolate(student, rng):
    """Ends, equal steps, order, for one pair and for three."""
    steps, size = whole(rng, 4, 9), whole(rng, 2, 7)
    z0, z1 = normal(rng, size), normal(rng, size)
    seen = student.observe("path", z0=z0, z1=z1, steps=steps)
    assert isinstance(seen, torch.Tensor), f"interpolate should return a tensor, got {seen}"
    assert seen.numel() == steps * size, \
        f"interpolate(z0, z1, {steps}) should hold {steps} points of {size} numbers, got shape {tuple(seen.shape)}"
    points = seen.reshape(steps, size)
    weights = torch.linspace(0, 1, steps)[:, None]
    expected = (1 - weights) * z0 + weights * z1
    assert not close(points, expected.flip(0)), "the path runs from z1 to z0: it should start at z0"
    assert close(points[0], z0), "the path should start at z0"
    assert close(points[-1], z1), "the path should end at z1, included"
    assert close(points, expected), "the points between the ends are not on the line in equal steps"
    z0, z1 = normal(rng, 3, size), normal(rng, 3, size)
    seen = student.observe("paths", z0=z0, z1=z1, steps=steps)
    walks = seen["walks"]
    expected = (1 - weights) * z0[:, None] + weights * z1[:, None]  # (3, steps, size)
    assert isinstance(walks, torch.Tensor) and any(close(walks, turned) for turned in (
        expected, expected.transpose(0, 1))), f"for 3 pairs at once it should return their walks, (3, {steps}, {size})"
    assert seen["device"] == "that of z0", \
        f"for z0 and z1 on another device the walks should be there, too: {seen['device']}"
