"""Public checks of helpers/vae.py."""
import contextlib
import importlib
from unittest import mock

import torch
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (Elsewhere, Layers, close, expect_all_learn, expect_close, expect_parts,
                                         expect_shape, expect_untouched, name_the_slip, silent)

vae = GradedModule("vae")


def relu_chain(x, layers):
    """Apply linear layers [(weight, bias), ...] to x, with a ReLU after each."""
    for weight, bias in layers:
        x = F.relu(F.linear(x, weight, bias))
    return x


def three_linear_relu(what, network, x, flat):
    """Assert that a network is Linear+ReLU three times (and perhaps more after that), by running it on x."""
    with torch.no_grad(), Layers() as layers:
        out = network(x)
    linear = [(layer["weight"], layer.get("bias")) for layer in layers.ran if layer["kind"] == "linear"]
    count = len(linear)
    assert count >= 3, f"the {what} should have at least 3 linear layers, it ran through {count}"
    sizes = {weight.shape[0] for weight, _ in linear[:3]}
    assert len(sizes) == 1, f"all hidden layers of the {what} should have the same size H, got {sorted(sizes)}"
    return out, linear, relu_chain(flat, linear[:3])


def works_where(function, *inputs):
    """Assert that a function computes on the device of its inputs, and gives its result there."""
    compiled = isinstance(function, torch.jit.ScriptFunction)  # it does not see Elsewhere
    there = torch.device("meta") if compiled else Elsewhere.DEVICE
    with contextlib.nullcontext() if compiled else Elsewhere():
        try:
            place = function(*(x.to(there) if isinstance(x, torch.Tensor) else x for x in inputs)).device
        except (RuntimeError, TypeError) as error:
            assert "device" not in str(error), \
                f"it mixes devices: make new tensors on the device of the inputs ({error})"
            return
    assert place == there, f"the result is on the device {place}, whatever that of the inputs"


@public("vae.reparametrize", points=2,
        hint="sigma is the square root of the variance: exp(logvar / 2). Draw a fresh eps at each call.")
def reparametrize():
    mu = torch.tensor([[-1.0, 0.0, 2.0]]).repeat(20000, 1)
    logvar = torch.tensor([[0.0, 1.0, -2.0]]).repeat(20000, 1)
    before = mu.clone(), logvar.clone()
    z = vae.reparametrize(mu, logvar)
    expect_untouched("reparametrize", before, (mu, logvar))
    expect_shape("z", z, (20000, 3))
    assert z.dtype == torch.float32, f"z should have mu's dtype: for float32 it has {z.dtype}"
    for k, (mean, sigma) in enumerate(((-1.0, 1.0), (0.0, 1.6487), (2.0, 0.3679))):
        assert abs(z[:, k].mean().item() - mean) < 0.06, \
            f"z for mu={mean:g}: the mean of 20,000 draws is {z[:, k].mean():.3f}"
        got = z[:, k].std().item()
        assert abs(got - sigma) < 0.05 * sigma, \
            f"logvar={2 * torch.tensor(sigma).log():.0f} means sigma={sigma:.3f}; 20,000 draws have {got:.3f}"
    eps = (z - mu) / z.std(dim=0)
    assert abs(eps.pow(4).mean() - 3) < 0.3, "eps is not normally distributed: torch.randn, not torch.rand"
    assert abs((eps[:, 0] * eps[:, 1]).mean()) < 0.06, "draw eps for each latent number, not for each image only"
    assert abs((eps[1:] * eps[:-1]).mean()) < 0.06, "draw eps for each image"
    assert not torch.equal(z, vae.reparametrize(mu, logvar)), "two calls gave the same z: eps must be drawn anew"
    mu = torch.zeros(4, 3, requires_grad=True)
    logvar = torch.zeros(4, 3, requires_grad=True)
    z = vae.reparametrize(mu, logvar)
    if z.requires_grad:
        z.sum().backward()
    # torch.normal(mu, sigma) has a gradient, but it is zero.
    assert mu.grad is not None and torch.allclose(mu.grad, torch.ones(4, 3)), \
        "dz/dmu should be 1: does z come from mu by plain arithmetic?"
    assert logvar.grad is not None and logvar.grad.abs().sum() > 0, \
        "no gradient reaches logvar: does z come from it by plain arithmetic?"
    assert torch.allclose(logvar.grad, 0.5 * z.detach(), atol=1e-5), \
        "for mu = 0 and logvar = 0, dz/dlogvar should be z / 2: see the end of section 1.2"
    mu = mu.detach().double()
    assert vae.reparametrize(mu, mu).dtype == torch.float64, "z should have mu's dtype: for float64 it has another one"
    works_where(vae.reparametrize, mu, mu)


def heads_are_linear(model, hidden):
    """Assert that the heads of a model with 5 latents are linear layers."""
    for name in ("mu_layer", "logvar_layer"):
        head = getattr(model, name)
        expect_shape(f"{name}(encoder(x))", head(hidden), (7, 5))
        middle = (head(hidden) + head(2 * hidden)) / 2
        assert torch.allclose(middle, head(1.5 * hidden), atol=1e-5) and (head(-9 * hidden) < 0).any(), \
            f"{name} should be linear, without activation: mu and logvar may have any sign"
    assert not torch.allclose(model.mu_layer(hidden), model.logvar_layer(hidden)), \
        "mu_layer and logvar_layer are the same layer: each needs weights of its own"


@public("vae.VAE.encoder", hint="Flatten, then three times Linear and ReLU, all with H outputs; then two Linear(H, Z).")
def vae_encoder():
    model, x = vae.VAE(784, latent_size=5), torch.rand(7, 1, 28, 28)
    out, _, expected = three_linear_relu("encoder", model.encoder, x, x.flatten(1))
    expect_shape("encoder(x)", out, expected.shape)
    assert torch.allclose(out, expected, atol=1e-5), \
        "encoder(x) is not what three Linear+ReLU give: is a ReLU missing, or something else in between?"
    heads_are_linear(model, out)


@public("vae.VAE.decoder", hint="Three times Linear and ReLU, Linear to input_size, Sigmoid, Unflatten(1, (1, h, w)).")
def vae_decoder():
    model, z = vae.VAE(784, latent_size=5), torch.randn(7, 5)
    out, layers, hidden = three_linear_relu("decoder", model.decoder, z, z)
    expect_shape("decoder(z)", out, (7, 1, 28, 28))
    assert len(layers) == 4, f"the decoder should have 4 linear layers, it has {len(layers)}"
    expected = torch.sigmoid(F.linear(hidden, *layers[3])).view(7, 1, 28, 28)
    assert torch.allclose(out, expected, atol=1e-5), \
        "decoder(z) is not what Linear+ReLU three times, Linear and Sigmoid give: is an activation missing or too many?"


class Says(torch.nn.Module):
    """A head or a decoder that says what it is told to, and keeps what it got."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        self.got = x
        return self.value


def mixing(mu, logvar):
    """Stands for `reparametrize`, which has a check of its own: a fixed mixture, easy to recognise."""
    return 2 * mu + 3 * logvar + 1


def draws_rightly(z, mu, logvar, where):
    """Assert that the decoder got what reparametrize gives for mu and logvar. where: "", or in which mode."""
    if close(z, mixing(mu, logvar)):
        return
    name_the_slip(z, [(f"{where}the decoder gets mu: it should get z, which is drawn in evaluation mode, too", mu),
                      (f"{where}the decoder gets logvar", logvar),
                      ("reparametrize takes mu first, then logvar", mixing(logvar, mu))])
    eps = (z - mu) / torch.exp(0.5 * logvar)  # of a forward that draws on its own
    assert abs(eps.mean()) < 0.15 and abs(eps.std() - 1) < 0.1 and eps.std(dim=0).mean() > 0.5 \
        and eps.std(dim=1).mean() > 0.5, f"{where}the decoder should get z = reparametrize(mu, logvar)"


def joins_rightly(model, latent_size, *inputs):
    """Assert that forward hands z (and c) to the decoder and returns what decoder and heads say, in both modes. Known
    answers stand for theirs."""
    count = 2000 // latent_size
    x, *condition = [value[:1].repeat(count, *[1] * (value.dim() - 1)) for value in inputs]
    mu, logvar, painted = torch.randn(count, latent_size), -1 - 3 * torch.rand(count, latent_size), torch.rand_like(x)
    model.mu_layer, model.logvar_layer, model.decoder = Says(mu), Says(logvar), Says(painted)
    for where in ("", "in evaluation mode "):
        model.train(not where)
        with torch.no_grad(), mock.patch.object(importlib.import_module("helpers.vae"), "reparametrize", mixing,
                                                create=True):
            result = expect_parts(f"{where}forward", model(x, *condition), ("x_hat", "mu", "logvar"))
        name_the_slip(result[1], [("mu and logvar are swapped", logvar)])
        for name, got, said in zip(("x_hat", "mu", "logvar"), result, (painted, mu, logvar)):
            expect_shape(name, got, said.shape)
            maker = "decoder" if name == "x_hat" else f"{name}_layer"
            assert close(got, said), f"{where}forward should return as {name} what self.{maker} gives, untouched"
        joined = getattr(model.decoder, "got", None)
        assert joined is not None, "forward should call self.decoder"
        width = latent_size + sum(c.shape[1] for c in condition)
        expect_shape("what the decoder gets", joined, (count, width))
        for c in condition:
            assert not torch.equal(joined[:, :c.shape[1]], c), "in the decoder z comes first, then c"
            assert torch.equal(joined[:, latent_size:], c), "the decoder should get c as it is, after z"
        draws_rightly(joined[:, :latent_size], mu, logvar, where)


def forward_is_right(model, latent_size, *inputs):
    """Assert what all forwards have in common: three results, right shapes, sampling, gradients."""
    x, names = inputs[0], ("x_hat", "mu", "logvar")
    sizes = x.shape[1:], (latent_size,), (latent_size,)
    before = [value.clone() for value in inputs]
    result = expect_parts("forward", model(*inputs), names)
    expect_untouched("forward", before, inputs)
    for name, value, size in zip(names, result, sizes):
        expect_shape(name, value, (len(x), *size))
    x_hat, mu, logvar = result
    assert not torch.equal(x_hat, model(*inputs)[0]), \
        "two calls gave the same x_hat: the decoder should get z, drawn anew"
    for name, source in (("mu", mu), ("logvar", logvar)):
        gradient = None
        if x_hat.requires_grad and source.requires_grad:
            gradient, = torch.autograd.grad(x_hat.sum(), source, retain_graph=True, allow_unused=True)
        assert gradient is not None and gradient.abs().sum() > 0, f"no gradient flows from x_hat back to {name}"
    sum(part.square().sum() for part in result).backward()
    expect_all_learn(silent(model), "does forward use every layer?")
    model.eval()
    with torch.no_grad():
        calls = [[value[:1] for value in inputs], inputs, inputs]
        single, whole, again = (expect_parts("in evaluation mode forward", model(*call), names) for call in calls)
        for name, value, size in zip(names, single, sizes):
            expect_shape(f"{name} of a single image", value, (1, *size))
        for name, value, other, alone in list(zip(names, whole, again, single))[1:]:
            assert torch.allclose(value, other, atol=1e-5), f"two calls gave another {name}: only z is random"
            assert torch.allclose(value[:1], alone, atol=1e-4), f"{name} depends on the other images of the batch"
        if len(inputs) == 1:
            hidden = model.encoder(x).flatten(1)
            for name, value, head in zip(names[1:], whole[1:], (model.mu_layer, model.logvar_layer)):
                assert torch.allclose(value, head(hidden), atol=1e-4), \
                    f"{name} should be what self.{name}_layer gives for self.encoder(x)"
    joins_rightly(model, latent_size, *inputs)


@public("vae.VAE.forward", points=2, hint="encoder -> mu_layer and logvar_layer -> reparametrize -> decoder.")
def vae_forward():
    model, x = vae.VAE(784, latent_size=5), torch.rand(7, 1, 28, 28)
    forward_is_right(model, 5, x)


# What usual slips give for the first and the second example of the notebook, and for the first one twice.
SLIPS = [
    ("x_hat and x are swapped: the reconstruction comes first", 8.0731, 5.2072, 8.0731),
    ("the cross entropy is averaged over the pixels: sum over pixels, average over the batch", 7.7520, 4.8861, 7.6260),
    ("the cross entropy is averaged over the pixels: sum over pixels, average over the batch", 7.7520, 4.8861, 7.7520),
    ("the cross entropy is averaged over the pixels, the KL term not over the batch", 7.7520, 4.8861, 15.2520),
    ("both terms are averaged over everything: sum over pixels and latents instead", 0.7520, 0.5609, 0.7520),
    ("the KL term is averaged over the latent numbers: sum over them", 1.5079, 1.3168, 1.5079),
    ("the KL term is summed over the wrong axis: sum over the latent numbers", 1.5079, 1.3168, 2.0079),
    ("the loss is summed over the batch: average over it", 8.5079, 5.6420, 17.0157),
    ("the KL term is not averaged over the batch", 8.5079, 5.6420, 16.0079),
    ("the cross entropy is not averaged over the batch", 8.5079, 5.6420, 9.5157),
    ("the KL term is missing", 1.0079, 1.0079, 1.0079),
    ("the reconstruction term is missing", 7.5000, 4.6341, 7.5000),
    ("the KL term has the wrong sign", -6.4921, -3.6262, -6.4921),
    ("the cross entropy has the wrong sign", 6.4921, 3.6262, 6.4921),
    ("that is the ELBO itself: the loss is its negative", -8.5079, -5.6420, -8.5079),
    ("the factor 1/2 of the KL term is missing", 16.0079, 10.2761, 16.0079),
    ("the 1 of the KL term is missing", 16.0079, 13.1420, 16.0079),
    ("mu should be squared in the KL term", 8.5079, 7.5170, 8.5079),
    ("in the KL term sigma stands for its square", 8.5079, 7.4318, 8.5079),
    ("in the KL term logvar is taken for log(sigma): it is log(sigma^2)", 8.5079, 11.3979, 8.5079),
    ("in the KL term the variance should be exp(logvar)", 1.0079, 10.3829, 1.0079),
    ("in the KL term log(sigma^2) is logvar itself", 1.0079, -4.6171, 1.0079),
    ("x_hat holds probabilities: binary_cross_entropy, not the one for logits", 9.0737, 6.2078, 9.0737),
    ("that is the squared error: the loss here is the binary cross entropy", 7.5246, 4.6587, 7.5246),
    ("the loss is divided by 128, whatever the batch: divide by its size", 0.0665, 0.0441, 0.1329),
]


@public("vae.loss_function", points=2,
        hint="Sum over pixels and latents, then divide by the batch size N. The reconstruction comes first.")
def loss_function():
    x_hat = torch.sigmoid(torch.tensor([[[[2.0, 5.0], [6.0, 7.0]]]]))
    x = torch.sigmoid(torch.tensor([[[[1.0, 10.0], [9.0, 3.0]]]]))
    mu, logvar = torch.ones(1, 15), torch.zeros(1, 15)
    examples = [(x_hat, x, mu, logvar), (x_hat, x, torch.full((1, 15), 0.5), torch.full((1, 15), -1.0)),
                [value.repeat(2, *[1] * (value.dim() - 1)) for value in (x_hat, x, mu, logvar)]]
    before = [value.clone() for value in examples[0]]
    losses = [vae.loss_function(*example) for example in examples]
    expect_untouched("the loss", before, examples[0])
    for loss in losses:
        expect_shape("the loss", loss, ())
    name_the_slip([float(loss) for loss in losses], [(slip, values) for slip, *values in SLIPS],
                  near=lambda got, value: abs(got - value) < 1e-3)
    for name, loss, due in zip(("the notebook's example", "the notebook's second example", "the same image twice"),
                               losses, (8.5079, 5.6420, 8.5079)):
        expect_close(f"the loss of {name}", loss, due)
    loss_has_gradient()


def loss_has_gradient(step=0.01):
    """Assert that the loss grows as its gradients say, along a random direction."""
    x_hat, x = 0.3 + 0.4 * torch.rand(2, 1, 2, 3), torch.rand(2, 1, 2, 3)
    leaves = [value.requires_grad_() for value in (x_hat, torch.randn(2, 4), torch.randn(2, 4))]
    loss = vae.loss_function(leaves[0], x, *leaves[1:])
    if loss.requires_grad:
        loss.backward()
    for k, (name, leaf) in enumerate(zip(("x_hat", "mu", "logvar"), leaves)):
        assert leaf.grad is not None, f"no gradient of the loss reaches {name}: no .item(), .detach() or numpy in it"
        direction, ends = torch.randn_like(leaf), []
        for sign in (1, -1):
            moved = [value.detach() for value in leaves]
            moved[k] = moved[k] + sign * step * direction
            ends.append(float(vae.loss_function(moved[0], x, *moved[1:])))
        expect_close(f"the slope of the loss in {name}, by its gradient,", (leaf.grad * direction).sum(),
                     (ends[0] - ends[1]) / (2 * step), tolerance=0.02)


@public("vae.kl_weight", hint="Only the KL term is multiplied by kl_weight.")
def kl_weight():
    torch.manual_seed(1)
    x_hat, x = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    mu, logvar = torch.randn(3, 2), torch.randn(3, 2)

    def loss(x_hat, mu, weight):
        return float(torch.as_tensor(vae.loss_function(x_hat, x, mu, logvar, kl_weight=weight)).sum())

    none, one, three = (loss(x_hat, mu, w) for w in (0.0, 1.0, 3.0))
    without = loss(x_hat, 5 * mu, 0.0)
    expect_close("the loss with kl_weight=0, after a change of mu,", without, none)
    assert one != none, "kl_weight=0 and kl_weight=1 give the same loss: kl_weight is not used"
    other = [loss(x, mu, w) for w in (1.0, 3.0)]
    expect_close("the change of the loss with x_hat, for kl_weight=3,", three - other[1], one - other[0])
    expect_close("the loss with kl_weight=3", three, none + 3 * (one - none))


@public("vae.interpolate", hint="torch.linspace(0, 1, steps) gives the weights, ends included.")
def interpolate():
    z0, z1 = torch.tensor([0.0, 2.0]), torch.tensor([4.0, 0.0])
    path = vae.interpolate(z0, z1, 5)
    expect_shape("interpolate(z0, z1, 5)", path, (5, 2))
    expected = torch.tensor([[0.0, 2.0], [1.0, 1.5], [2.0, 1.0], [3.0, 0.5], [4.0, 0.0]])
    assert torch.allclose(path, expected, atol=1e-6), f"from (0, 2) to (4, 0) in 5 points, got {path.tolist()}"
    z0, z1 = torch.randn(3, 4), torch.randn(3, 4)
    walks = vae.interpolate(z0, z1, 6)
    if tuple(walks.shape) == (6, 3, 4):  # the axes of walks and points may be exchanged
        walks = walks.transpose(0, 1)
    expect_shape("interpolate for 3 pairs", walks, (3, 6, 4))
    assert torch.allclose(walks[:, 0], z0, atol=1e-6) and torch.allclose(walks[:, -1], z1, atol=1e-6), \
        "for 3 pairs at once, each walk should lead from its own z0 to its own z1"
    works_where(vae.interpolate, z0, z1, 6)


@public("vae.CVAE", points=3, hint="Join with torch.cat((z, c), dim=-1): z first in the decoder. K = num_classes.")
def cvae():
    model, x = vae.CVAE(784, num_classes=4, latent_size=5), torch.rand(7, 1, 28, 28)
    c = torch.eye(4)[torch.arange(7) % 4]
    other = c.roll(1, dims=1)
    joined = torch.cat((x.flatten(1), c), dim=-1)
    hidden, _, expected = three_linear_relu("encoder", model.encoder, joined, joined)
    expect_shape("encoder(x and c, joined)", hidden, expected.shape)
    assert torch.allclose(hidden, expected, atol=1e-5), "the encoder's layers are not those of the VAE's encoder"
    heads_are_linear(model, hidden)
    assert not torch.allclose(model(x, c)[1], model(x, other)[1]), "mu is the same for another class: encode c, too"
    z = torch.randn(7, 5)
    latents = torch.cat((z, c), dim=-1)
    images, layers, hidden = three_linear_relu("decoder", model.decoder, latents, latents)
    expect_shape("decoder(torch.cat((z, c), dim=-1))", images, (7, 1, 28, 28))
    expected = torch.sigmoid(F.linear(hidden, *layers[-1])).view(7, 1, 28, 28)
    assert len(layers) == 4 and torch.allclose(images, expected, atol=1e-5), \
        "the decoder's layers are not those of the VAE's decoder"
    forward_is_right(model, 5, x, c)


class Mode(torch.nn.Module):
    """Stands for Dropout and BatchNorm: another one in training mode. It counts the images that it gets at once."""

    most = 0

    def forward(self, x):
        self.most = max(self.most, len(x))
        return -x if self.training else x


class Known(torch.nn.Module):
    """Stands for a trained VAE with 1x2 images: all its parts are there, and mu and logvar are easy to foresee."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Sequential(torch.nn.Flatten(), Mode())
        self.mu_layer, self.logvar_layer = (torch.nn.Linear(2, 2, bias=False) for _ in range(2))
        line = torch.nn.Linear(2, 2, bias=False)
        self.decoder = torch.nn.Sequential(line, Mode(), torch.nn.Unflatten(1, (1, 1, 2)))  # paints the two latents
        self.mu_layer.weight.data = torch.eye(2)
        self.logvar_layer.weight.data = -2 * torch.eye(2)
        line.weight.data = torch.eye(2)

    def forward(self, x):
        flat = self.encoder(x)
        mu = self.mu_layer(flat)
        return self.decoder(mu), mu, self.logvar_layer(flat)


def left_alone(function, *inputs):
    """Call a function of a model for a model in training mode. Assert that it leaves the model so, and works on the
    model's device. Returns the model and the results, as a tuple."""
    model = Known()
    out = function(model, *inputs)
    out = out if isinstance(out, (tuple, list)) else (out,)
    for part in out:
        assert isinstance(part, torch.Tensor), f"it should return tensors, got {type(part).__name__}"
    assert all(part.training for part in model.modules()), \
        "the model was in training mode before the call and is not afterwards: restore its mode"
    calm = Known().eval()
    function(calm, *inputs)
    assert not any(part.training for part in calm.modules()), \
        "the model was in evaluation mode before the call and is not afterwards: restore its mode"
    assert all(p.dtype == torch.float32 for p in model.parameters()), "the model's parameters have another dtype now"
    assert not any(part.requires_grad for part in out), "the results carry gradients: leave @torch.no_grad() above it"
    with Elsewhere():
        try:
            there = function(Elsewhere.move(Known()), *inputs)
            there = there[0].device if isinstance(there, (tuple, list)) else there.device
            assert there == Elsewhere.DEVICE, f"the results are on the device {there}, and not on the model's"
        except RuntimeError as error:
            assert "device" not in str(error), f"what goes into the model has to be on its device: {error}"
    return model, out


@public("vae.get_mu_logvar", hint="Keep model.training, call model.eval(), go through the images in batches, join with "
        "torch.cat; model.train() with the mode that you kept.")
def get_mu_logvar():
    images = torch.rand(1203, 1, 1, 2)
    model, (mu, logvar) = left_alone(lambda *inputs: expect_parts("get_mu_logvar", vae.get_mu_logvar(*inputs),
                                                                  ("mu", "logvar")), images)
    expect_shape("mu", mu, (1203, 2))
    expect_shape("logvar", logvar, (1203, 2))
    flat = images.flatten(1)
    name_the_slip((mu, logvar), [("mu and logvar are swapped", (-2 * flat, flat)),
                                 ("the codes are those of training mode: call model.eval() first", (-flat, 2 * flat)),
                                 ("the second result should be logvar, not its exponential", (None, (-2 * flat).exp())),
                                 ("the second result should be logvar, not sigma", (None, (-flat).exp()))])
    assert torch.allclose(mu, flat), "the first result should be mu, in the images' order"
    assert torch.allclose(logvar, -2 * flat), "the second result should be logvar"
    most = model.encoder[1].most
    assert most <= 1024, f"{most} images went through the model at once: go through them in batches of at most 1,024"


@public("vae.sample_on_grid", hint="linspace for one axis, meshgrid for both, one batch of grid_size ** 2 latents. In "
        "evaluation mode, and the model's own mode afterwards.")
def sample_on_grid():
    model, (images,) = left_alone(vae.sample_on_grid, -2.0, 1.0, 5)
    expect_shape("sample_on_grid(model, -2, 1, 5)", images, (5, 5, 1, 1, 2))
    corners = {tuple(images[i, j].flatten().tolist()) for i in (0, -1) for j in (0, -1)}
    due = {(a, b) for a in (-2.0, 1.0) for b in (-2.0, 1.0)}
    assert corners != {(-a, -b) for a, b in due}, "the images are those of training mode: call model.eval() first"
    assert corners == due, f"the corners of the grid should decode -2 and 1, got {sorted(corners)}"
    assert (images[2, 2] + 0.5).abs().max() < 1e-6, "the middle of the grid should decode (-0.5, -0.5)"


@public("vae.ConvVAE", points=2, hint="Sizes: 32 -> 16 -> 8 -> 4 with stride 2, and back. Sigmoid at the end.")
def conv_vae():
    for shape, size in (((3, 64, 64), 8), ((3, 32, 32), 200)):
        model, x = vae.ConvVAE(shape, latent_size=size), torch.rand(2, *shape)
        x_hat, mu, logvar = expect_parts("forward", model(x), ("x_hat", "mu", "logvar"))
        expect_shape("x_hat", x_hat, x.shape)
        expect_shape("mu", mu, (2, size))
        expect_shape("logvar", logvar, (2, size))
        strong = model.decoder(1000 * torch.randn(2, size))
        assert 0 <= strong.min() and strong.max() <= 1, \
            "the decoder's values should lie in [0, 1] whatever z is: end it with nn.Sigmoid"
        for name, head in (("mu", model.mu_layer), ("logvar", model.logvar_layer)):
            hidden = model.encoder(x).flatten(1)
            assert (head(hidden) < 0).any() or (head(-hidden) < 0).any(), \
                f"{name}_layer should be linear: no activation, mu and logvar may have any sign"
    assert any(p.dim() == 4 for p in model.parameters()), "the model should use convolutions, such as nn.Conv2d"
    forward_is_right(model, size, x)
