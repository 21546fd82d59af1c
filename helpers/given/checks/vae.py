"""Public checks of helpers/vae.py."""
import torch
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import Layers, expect_close, expect_shape

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


@public("vae.reparametrize", points=2,
        hint="sigma is the square root of the variance: exp(logvar / 2). Draw a fresh eps at each call.")
def reparametrize():
    mu = torch.tensor([[-1.0, 0.0, 2.0]]).repeat(20000, 1)
    logvar = torch.tensor([[0.0, 1.0, -2.0]]).repeat(20000, 1)
    z = vae.reparametrize(mu, logvar)
    expect_shape("z", z, (20000, 3))
    for k, (mean, sigma) in enumerate(((-1.0, 1.0), (0.0, 1.6487), (2.0, 0.3679))):
        assert abs(z[:, k].mean().item() - mean) < 0.06, \
            f"z for mu={mean:g}: the mean of 20,000 draws is {z[:, k].mean():.3f}"
        got = z[:, k].std().item()
        assert abs(got - sigma) < 0.05 * sigma, \
            f"logvar={2 * torch.tensor(sigma).log():.0f} means sigma={sigma:.3f}; 20,000 draws have {got:.3f}"
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


@public("vae.VAE.encoder", hint="Flatten, then three times Linear and ReLU, all with H outputs; then two Linear(H, Z).")
def vae_encoder():
    model, x = vae.VAE(784, latent_size=5), torch.rand(7, 1, 28, 28)
    out, _, expected = three_linear_relu("encoder", model.encoder, x, x.flatten(1))
    expect_shape("encoder(x)", out, expected.shape)
    assert torch.allclose(out, expected, atol=1e-5), \
        "encoder(x) is not what three Linear+ReLU give: is a ReLU missing, or something else in between?"
    for name in ("mu_layer", "logvar_layer"):
        head = getattr(model, name)
        expect_shape(f"{name}(encoder(x))", head(out), (7, 5))
        middle = (head(out) + head(2 * out)) / 2
        assert torch.allclose(middle, head(1.5 * out), atol=1e-5) and (head(-9 * out) < 0).any(), \
            f"{name} should be linear, without activation: mu and logvar may have any sign"


@public("vae.VAE.decoder", hint="Three times Linear and ReLU, Linear to input_size, Sigmoid, Unflatten(1, (1, h, w)).")
def vae_decoder():
    model, z = vae.VAE(784, latent_size=5), torch.randn(7, 5)
    out, layers, hidden = three_linear_relu("decoder", model.decoder, z, z)
    expect_shape("decoder(z)", out, (7, 1, 28, 28))
    assert len(layers) == 4, f"the decoder should have 4 linear layers, it has {len(layers)}"
    expected = torch.sigmoid(F.linear(hidden, *layers[3])).view(7, 1, 28, 28)
    assert torch.allclose(out, expected, atol=1e-5), \
        "decoder(z) is not what Linear+ReLU three times, Linear and Sigmoid give: is an activation missing or too many?"


def forward_is_right(model, *inputs):
    """Assert what VAE.forward and CVAE.forward have in common: three results, right shapes, sampling, gradients."""
    result = model(*inputs)
    assert isinstance(result, tuple) and len(result) == 3, "forward should return three things: x_hat, mu, logvar"
    x_hat, mu, logvar = result
    expect_shape("x_hat", x_hat, inputs[0].shape)
    expect_shape("mu", mu, (len(inputs[0]), 5))
    expect_shape("logvar", logvar, (len(inputs[0]), 5))
    again, mu_again, _ = model(*inputs)
    assert torch.equal(mu, mu_again), "mu changed between two calls with the same image: only z is random"
    assert not torch.equal(x_hat, again), "two calls gave the same x_hat: the decoder should get z, drawn anew"
    (x_hat.sum() + mu.sum() + logvar.sum()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent, f"no gradient reaches {silent[0]}: does forward use every layer?"
    x_hat, mu, logvar = model(*inputs)
    # With almost no variance z is mu, so what the decoder should have got is known.
    bias = getattr(model.logvar_layer, "bias", None)
    if bias is not None:
        kept = bias.detach().clone()
        with torch.no_grad():
            bias.fill_(-60.0)
            sharp, mean, _ = model(*inputs)
            bias.copy_(kept)
            expected = model.decoder(torch.cat((mean, *inputs[1:]), dim=-1))
        assert torch.allclose(sharp, expected, atol=1e-4), \
            "with a tiny variance x_hat should be what the decoder makes of mu" \
            + (" and c, joined in this order" if len(inputs) > 1 else ": are mu and logvar swapped somewhere?")
    for name, source in (("mu", mu), ("logvar", logvar)):
        gradient, = torch.autograd.grad(x_hat.sum(), source, retain_graph=True, allow_unused=True)
        assert gradient is not None and gradient.abs().sum() > 0, f"no gradient flows from x_hat back to {name}"


@public("vae.VAE.forward", points=2, hint="encoder -> mu_layer and logvar_layer -> reparametrize -> decoder.")
def vae_forward():
    model, x = vae.VAE(784, latent_size=5), torch.rand(7, 1, 28, 28)
    forward_is_right(model, x)
    x_hat, mu, logvar = model(x)
    hidden = model.encoder(x)
    assert torch.allclose(mu, model.mu_layer(hidden), atol=1e-5), "the second result should be mu"
    assert torch.allclose(logvar, model.logvar_layer(hidden), atol=1e-5), "the third result should be logvar"


@public("vae.loss_function", points=2,
        hint="Sum over pixels and latents, then divide by the batch size N. The reconstruction comes first.")
def loss_function():
    x_hat = torch.sigmoid(torch.tensor([[[[2.0, 5.0], [6.0, 7.0]]]]))
    x = torch.sigmoid(torch.tensor([[[[1.0, 10.0], [9.0, 3.0]]]]))
    mu, logvar = torch.ones(1, 15), torch.zeros(1, 15)
    loss = vae.loss_function(x_hat, x, mu, logvar)
    expect_shape("the loss", loss, ())
    if abs(loss.item() - 8.0731) < 1e-3:
        raise AssertionError("got 8.0731: x_hat and x are swapped in the cross entropy")
    expect_close("the loss of the notebook's example", loss, 8.5079)
    wider = vae.loss_function(x_hat, x, torch.full((1, 15), 0.5), torch.full((1, 15), -1.0))
    expect_close("the loss of the notebook's second example", wider, 5.6420)
    twice = vae.loss_function(x_hat.repeat(2, 1, 1, 1), x.repeat(2, 1, 1, 1), mu.repeat(2, 1), logvar.repeat(2, 1))
    expect_close("the loss of the same image twice", twice, 8.5079)


@public("vae.kl_weight", hint="Only the KL term is multiplied by kl_weight.")
def kl_weight():
    torch.manual_seed(1)
    x_hat, x = torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)
    mu, logvar = torch.randn(3, 2), torch.randn(3, 2)
    none, one, three = (float(vae.loss_function(x_hat, x, mu, logvar, kl_weight=w)) for w in (0.0, 1.0, 3.0))
    without = float(vae.loss_function(x_hat, x, 5 * mu, logvar, kl_weight=0.0))
    expect_close("the loss with kl_weight=0, after a change of mu,", without, none)
    assert one != none, "kl_weight=0 and kl_weight=1 give the same loss: kl_weight is not used"
    other = [float(vae.loss_function(x, x, mu, logvar, kl_weight=w)) for w in (1.0, 3.0)]
    expect_close("the change of the loss with x_hat, for kl_weight=3,", three - other[1], one - other[0])
    expect_close("the loss with kl_weight=3", three, none + 3 * (one - none))


@public("vae.interpolate", hint="torch.linspace(0, 1, steps) gives the weights, ends included.")
def interpolate():
    z0, z1 = torch.tensor([0.0, 2.0]), torch.tensor([4.0, 0.0])
    path = vae.interpolate(z0, z1, 5)
    expect_shape("interpolate(z0, z1, 5)", path, (5, 2))
    expected = torch.tensor([[0.0, 2.0], [1.0, 1.5], [2.0, 1.0], [3.0, 0.5], [4.0, 0.0]])
    assert torch.allclose(path, expected, atol=1e-6), f"from (0, 2) to (4, 0) in 5 points, got {path.tolist()}"
    walks = vae.interpolate(torch.randn(3, 4), torch.randn(3, 4), 6)
    if tuple(walks.shape) != (6, 3, 4):  # the axes of walks and points may be exchanged
        expect_shape("interpolate for 3 pairs", walks, (3, 6, 4))


@public("vae.CVAE", points=3, hint="Join with torch.cat((z, c), dim=-1): z first in the decoder. K = num_classes.")
def cvae():
    model, x = vae.CVAE(784, num_classes=4, latent_size=5), torch.rand(7, 1, 28, 28)
    c = torch.eye(4)[torch.arange(7) % 4]
    other = c.roll(1, dims=1)
    forward_is_right(model, x, c)
    assert not torch.allclose(model(x, c)[1], model(x, other)[1]), "mu is the same for another class: encode c too"
    z = torch.randn(7, 5)
    latents = torch.cat((z, c), dim=-1)
    images, layers, hidden = three_linear_relu("decoder", model.decoder, latents, latents)
    expect_shape("decoder(torch.cat((z, c), dim=-1))", images, (7, 1, 28, 28))
    expected = torch.sigmoid(F.linear(hidden, *layers[-1])).view(7, 1, 28, 28)
    assert torch.allclose(images, expected, atol=1e-5), "the decoder's layers are not those of the VAE's decoder"


class Known(torch.nn.Module):
    """Stands for a trained VAE with 1x2 images: all its parts are there, and mu and logvar are easy to foresee."""

    def __init__(self):
        super().__init__()
        self.encoder = torch.nn.Flatten()
        self.mu_layer, self.logvar_layer = (torch.nn.Linear(2, 2, bias=False) for _ in range(2))
        self.decoder = torch.nn.Unflatten(1, (1, 1, 2))  # paints the two latent numbers
        self.mu_layer.weight.data = torch.eye(2)
        self.logvar_layer.weight.data = -torch.eye(2)

    def forward(self, x):
        mu, logvar = self.mu_layer(self.encoder(x)), self.logvar_layer(self.encoder(x))
        return self.decoder(mu), mu, logvar


@public("vae.get_mu_logvar", hint="Go through the images in batches, keep their order, and join with torch.cat.")
def get_mu_logvar():
    images = torch.rand(1203, 1, 1, 2)
    mu, logvar = vae.get_mu_logvar(Known(), images)
    expect_shape("mu", mu, (1203, 2))
    expect_shape("logvar", logvar, (1203, 2))
    assert torch.allclose(mu, images.flatten(1)), "the first result should be mu, in the images' order"
    assert torch.allclose(logvar, -images.flatten(1)), "the second result should be logvar"


@public("vae.sample_on_grid", hint="linspace for one axis, meshgrid for both, one batch of grid_size ** 2 latents.")
def sample_on_grid():
    images = vae.sample_on_grid(Known(), -2.0, 2.0, 5)
    expect_shape("sample_on_grid(model, -2, 2, 5)", images, (5, 5, 1, 1, 2))
    corners = {tuple(images[i, j].flatten().tolist()) for i in (0, -1) for j in (0, -1)}
    assert corners == {(-2.0, -2.0), (-2.0, 2.0), (2.0, -2.0), (2.0, 2.0)}, \
        f"the corners of the grid should decode (+-2, +-2), got {sorted(corners)}"
    assert images[2, 2].abs().max() < 1e-6, "the middle of the grid should decode (0, 0)"


@public("vae.ConvVAE", points=2, hint="Sizes: 32 -> 16 -> 8 -> 4 with stride 2, and back. Sigmoid at the end.")
def conv_vae():
    for shape, size in (((3, 32, 32), 16), ((3, 64, 64), 8)):
        model = vae.ConvVAE(shape, latent_size=size)
        x = torch.rand(2, *shape)
        x_hat, mu, logvar = model(x)
        expect_shape("x_hat", x_hat, x.shape)
        expect_shape("mu", mu, (2, size))
        expect_shape("logvar", logvar, (2, size))
        assert x_hat.min() >= 0 and x_hat.max() <= 1, "x_hat should lie in [0, 1]: end the decoder with a Sigmoid"
    assert any(p.dim() == 4 for p in model.parameters()), "the model should use convolutions, such as nn.Conv2d"
