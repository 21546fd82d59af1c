"""Probes of helpers/vae.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is.
"""
import inspect

import numpy as np
import torch
from torch import nn

from autograde_tests.probes import Convolutions, returned, seed
from helpers.given.checks import Layers

# The first operation on the device without numbers imports a large part of torch, which takes a second. Done here, it
# is done once in the worker, not in every child that it forks.
torch.empty(1, device="meta").exp()


def mixing(mu, logvar):
    """Stands for the student's `reparametrize` where another item is looked at: a fixed mixture, easy to recognise."""
    return 2 * mu + 3 * logvar + 1


# reparametrize

def draws(module, mu, logvar):
    """Two draws after another, and whether the inputs were left alone."""
    mu_before, logvar_before = mu.clone(), logvar.clone()
    out = returned(("first",), (module.reparametrize(mu, logvar),))
    out.update(returned(("second",), (module.reparametrize(mu, logvar),)))
    out["untouched"] = torch.equal(mu, mu_before) and torch.equal(logvar, logvar_before)
    return out


def reparametrize_slopes(module, mu, logvar, weight, number, step):
    """Gradients of sum(weight * z) in mu and logvar, and the same by finite differences with the same eps."""
    def total(m, v):
        seed(number)
        return (weight * module.reparametrize(m, v)).sum()

    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    value = total(*leaves)
    if value.requires_grad:
        value.backward()
    out = {name: leaf.grad if leaf.grad is not None else "None" for name, leaf in zip(("mu", "logvar"), leaves)}
    for name, which in (("mu_difference", 0), ("logvar_difference", 1)):
        quotients = torch.zeros_like(mu)
        for index in np.ndindex(*mu.shape):
            values = []
            for sign in (1, -1):
                moved = [mu.clone(), logvar.clone()]
                moved[which][index] += sign * step
                values.append(total(*moved))
            quotients[index] = (values[0] - values[1]) / (2 * step)
        out[name] = quotients
    return out


def reparametrize_kept(module, mu):
    """Kind of result for another dtype, and for tensors on a device without numbers."""
    z = module.reparametrize(mu, mu)
    out = {"dtype": str(z.dtype), "shape": list(z.shape)}
    try:
        out["device"] = str(module.reparametrize(mu.to("meta"), mu.to("meta")).device)
    except Exception as error:
        out["device"] = str(error)
    return out


# loss_function

def takes(function, name):
    """True if a function has an argument of that name."""
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD
               for parameter in inspect.signature(function).parameters.values())


def loss(module, x_hat, x, mu, logvar, kl_weights, optional=False):
    """Loss and its gradients for each of kl_weights; None stands for a call without it.

    optional: do without kl_weight if the student's function has four arguments.
    """
    if optional and not takes(module.loss_function, "kl_weight"):
        kl_weights = [None]
    out = {"losses": [], "sizes": []}
    gradients = {"x_hat": [], "mu": [], "logvar": []}
    for weight in kl_weights:
        leaves = {"x_hat": x_hat.clone().requires_grad_(), "mu": mu.clone().requires_grad_(),
                  "logvar": logvar.clone().requires_grad_()}
        options = {} if weight is None else {"kl_weight": weight}
        value = module.loss_function(leaves["x_hat"], x.clone(), leaves["mu"], leaves["logvar"], **options)
        out["returned"] = type(value).__name__
        value = torch.as_tensor(value)
        out["sizes"].append(value.numel())
        out["losses"].append(value.detach().double().sum())
        if value.requires_grad:
            value.sum().backward()
        for name, leaf in leaves.items():
            gradients[name].append(torch.zeros_like(leaf) if leaf.grad is None else leaf.grad)
    out["losses"] = torch.stack(out["losses"])
    return {**out, **{f"d_{name}": torch.stack(values) for name, values in gradients.items()}}


# VAE and CVAE

class Stub(nn.Module):
    """Parts that stand for the student's where only `forward` is looked at and `__init__` is still open."""

    @staticmethod
    def fill(model, image_inputs, latent_inputs, latent_size):
        nn.Module.__init__(model)
        model.encoder = nn.Sequential(nn.Flatten(), nn.Linear(image_inputs, 8), nn.Tanh())
        model.mu_layer, model.logvar_layer = nn.Linear(8, latent_size), nn.Linear(8, latent_size)
        model.decoder = nn.Sequential(nn.Linear(latent_inputs, 784), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))
        return model


def make(module, kind, latent_size, num_classes, stub=False):
    """Build the student's VAE or CVAE; with stub=True also where its `__init__` is still a gap."""
    model_class = getattr(module, kind)
    extra = {"num_classes": num_classes} if kind == "CVAE" else {}
    if kind == "ConvVAE":
        return model_class(latent_size=latent_size)
    try:
        return model_class(784, latent_size=latent_size, **extra)
    except NotImplementedError:
        if not stub:
            raise
        classes = num_classes if kind == "CVAE" else 0
        return Stub.fill(model_class.__new__(model_class), 784 + classes, latent_size + classes, latent_size)


def network(module, kind, part, x, latent_size, num_classes=0):
    """Run the encoder or decoder on x. Weights come in the order in which the linear layers ran."""
    model = make(module, kind, latent_size, num_classes)
    with torch.no_grad(), Layers() as layers:
        out = getattr(model, part)(x)
    result = returned(("out",), (out,))
    result["layers"] = len(layers.linear)
    for k, (weight, bias) in enumerate(layers.linear[:8]):
        result[f"weight{k}"] = weight
        if bias is not None:
            result[f"bias{k}"] = bias
    if part == "encoder":
        for head in ("mu_layer", "logvar_layer"):
            with torch.no_grad(), Layers() as layers:
                value = getattr(model, head)(out)
            result.update(returned((head,), (value,)))
            result[f"{head}_layers"] = len(layers.linear)
            if layers.linear:
                result[f"{head}_weight"] = layers.linear[0][0]
                result[f"{head}_bias"] = layers.linear[0][1] if layers.linear[0][1] is not None else torch.zeros(1)
        owned = [{id(p) for p in getattr(model, head).parameters()} for head in ("mu_layer", "logvar_layer")]
        result["heads_shared"] = bool(owned[0] & owned[1])
    return result


def parameters(module, kind, latent_size, num_classes=0):
    """Number of trainable numbers, and the size of the first linear layer of the encoder."""
    model = make(module, kind, latent_size, num_classes)
    with torch.no_grad(), Layers() as layers:  # each part runs once: a LazyLinear has no weights before that
        hidden = model.encoder(torch.zeros(1, 1, 28, 28) if kind == "VAE" else torch.zeros(1, 784 + num_classes))
        model.mu_layer(hidden), model.logvar_layer(hidden)
        model.decoder(torch.zeros(1, latent_size + num_classes))
    return {"total": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "hidden": layers.linear[0][0].shape[0] if layers.linear else 0}


def forward(module, kind, latent_size, x, c=None, other=None):
    """Run forward with `mixing` for reparametrize, and the model's parts one by one on the same image.

    c and other are two conditions for the CVAE.
    """
    module.reparametrize = mixing
    model = make(module, kind, latent_size, 0 if c is None else c.shape[1], stub=True)
    seen = []
    hook = model.decoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    inputs = (x,) if c is None else (x, c)
    result = model(*inputs)
    out = returned(("x_hat", "mu", "logvar"), result)
    if out["count"] != 3 or any(isinstance(out[name], str) for name in ("x_hat", "mu", "logvar")):
        return out
    x_hat, mu, logvar = result
    if seen:
        out["z"] = seen[-1]
    hook.remove()
    sources = torch.autograd.grad(x_hat.sum(), (mu, logvar), retain_graph=True, allow_unused=True) \
        if x_hat.requires_grad else (None, None)
    out["z_uses_mu"], out["z_uses_logvar"] = (g is not None and bool(g.abs().sum() > 0) for g in sources)
    (x_hat.square().sum() + mu.square().sum() + logvar.square().sum()).backward()
    out["silent"] = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    with torch.no_grad():
        joined = {"": x} if c is None else {"xc": torch.cat((x.flatten(1), c), 1),
                                            "cx": torch.cat((c, x.flatten(1)), 1)}
        for order, value in joined.items():
            try:
                hidden = model.encoder(value)
            except RuntimeError:  # an encoder of another size
                continue
            out[f"part_mu{order}"] = model.mu_layer(hidden)
            out[f"part_logvar{order}"] = model.logvar_layer(hidden)
        if seen:
            out["part_x_hat"] = model.decoder(seen[-1])
        if other is not None:
            out["other_mu"] = model(x, other)[1]
        out["other_image_mu"] = model(*((1 - x,) + inputs[1:]))[1]
        single = model(*(part[:1] for part in inputs))
        out.update({f"single_{name}": value for name, value in zip(("x_hat", "mu", "logvar"), single)})
    return out


def forward_draws(module, kind, latent_size, mu, logvar, x, c=None):
    """What reaches the decoder if the two heads say mu and logvar, for a forward that draws on its own."""
    model = make(module, kind, latent_size, 0 if c is None else c.shape[1], stub=True)
    model.mu_layer.register_forward_hook(lambda *_: mu)
    model.logvar_layer.register_forward_hook(lambda *_: logvar)
    seen = [None]
    model.decoder.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach().clone()))
    with torch.no_grad():
        model(x) if c is None else model(x, c)
    return returned(("z",), (seen[-1],))


# functions that explore the latent space

class SmallVAE(nn.Module):
    """Stands for a trained VAE: known weights, all the parts that a student may use."""

    def __init__(self, encoder_weight, decoder_weight, shape):
        super().__init__()
        latent_size = decoder_weight.shape[1]
        self.encoder = nn.Flatten()
        self.mu_layer = nn.Linear(encoder_weight.shape[1], latent_size, bias=False)
        self.logvar_layer = nn.Linear(encoder_weight.shape[1], latent_size, bias=False)
        line = nn.Linear(latent_size, decoder_weight.shape[0], bias=False)
        self.decoder = nn.Sequential(line, nn.Unflatten(-1, tuple(shape)))
        self.mu_layer.weight.data = encoder_weight[:latent_size].clone()
        self.logvar_layer.weight.data = encoder_weight[latent_size:].clone()
        line.weight.data = decoder_weight.clone()

    def forward(self, x):
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        return self.decoder(mixing(mu, logvar)), mu, logvar


def encode_set(module, images, encoder_weight, decoder_weight):
    """get_mu_logvar on a whole set."""
    model = SmallVAE(encoder_weight, decoder_weight, images.shape[1:])
    return returned(("mu", "logvar"), module.get_mu_logvar(model, images))


def grid(module, low, high, grid_size, encoder_weight, decoder_weight, shape):
    """sample_on_grid for a decoder that is a known matrix."""
    model = SmallVAE(encoder_weight, decoder_weight, shape)
    return returned(("images",), (module.sample_on_grid(model, low, high, grid_size),))


def path(module, z0, z1, steps):
    """interpolate between two vectors, or between two rows where it wants a batch."""
    try:
        value = module.interpolate(z0, z1, steps)
    except (RuntimeError, IndexError, ValueError, TypeError):
        value = module.interpolate(z0[None], z1[None], steps)
    return returned(("path",), (value,))


def paths(module, z0, z1, steps):
    """interpolate between the rows of z0 and z1."""
    return returned(("path",), (module.interpolate(z0, z1, steps),))


# ConvVAE

def conv(module, x, **sizes):
    """ConvVAE: results for a batch and for its first image, what its parts returned, gradients, convolutions.

    sizes: image_shape and latent_size, or neither for the default ones.
    """
    module.reparametrize = mixing
    if "image_shape" in sizes:
        sizes["image_shape"] = tuple(sizes["image_shape"])
    model = module.ConvVAE(**sizes)
    parts = {}
    for name in ("mu_layer", "logvar_layer", "decoder"):
        getattr(model, name).register_forward_hook(lambda _, args, out, name=name: parts.update(
            {name: out.detach().clone(), f"into_{name}": args[0].detach()}))
    with Convolutions() as convolutions:
        result = model(x)
    out = {**returned(("x_hat", "mu", "logvar"), result), **parts, "convolutions": convolutions.count}
    if out["count"] != 3 or any(isinstance(out[name], str) for name in ("x_hat", "mu", "logvar")):
        return out
    x_hat, mu, logvar = result
    sources = torch.autograd.grad(x_hat.sum(), (mu, logvar), retain_graph=True, allow_unused=True) \
        if x_hat.requires_grad else (None, None)
    out["z_uses_mu"], out["z_uses_logvar"] = (g is not None and bool(g.abs().sum() > 0) for g in sources)
    (x_hat.square().sum() + mu.square().sum() + logvar.square().sum()).backward()
    out["silent"] = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    model.eval()  # BatchNorm cannot train on a single number
    with torch.no_grad():
        out.update({f"single_{name}": value for name, value in zip(("x_hat", "mu", "logvar"), model(x[:1]))})
        if "into_decoder" in out:
            for parameter in model.parameters():
                parameter.mul_(3)  # large outputs, as after training
            strong = model.decoder(out["into_decoder"]).nan_to_num(0.5)
            out["strong_low"], out["strong_high"] = strong.min().item(), strong.max().item()
    return out
