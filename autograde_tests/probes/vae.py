"""Probes of helpers/vae.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is. The grader draws the weights, too: it knows what a network must give, whatever comes back.
"""
import contextlib
import inspect

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from autograde_tests.probes import Elsewhere, fill, piece, seed, shown, tensors_in
from helpers.given.checks.engine import Layers, parameters, sets_seed, silent
from helpers.given.weights import load


def mixing(mu, logvar):
    """Stands for the student's `reparametrize` where another item is looked at: a fixed mixture, easy to recognise."""
    return 2 * mu + 3 * logvar + 1


# reparametrize

def draws(module, mu, logvar):
    """Two draws after another, their dtype, and whether the inputs were left alone."""
    before = mu.clone(), logvar.clone()
    draws = [module.reparametrize(mu, logvar) for _ in range(2)]
    return {"draws": shown(draws), "dtype": str(getattr(draws[0], "dtype", None)),
            "untouched": all(map(torch.equal, before, (mu, logvar)))}


def reparametrize_slopes(module, mu, logvar, weight, number, step):
    """z, gradients of sum(weight * z) in mu and logvar, and the same by finite differences with the same eps."""
    def draw(m, v):
        seed(number)
        return module.reparametrize(m, v)

    leaves = [mu.clone().requires_grad_(), logvar.clone().requires_grad_()]
    z = draw(*leaves)
    if z.requires_grad:
        (weight * z).sum().backward()
    differences = []
    for which in (0, 1):
        quotients = torch.zeros_like(mu)
        for index in np.ndindex(*mu.shape):
            values = []
            for sign in (1, -1):
                moved = [mu.clone(), logvar.clone()]
                moved[which][index] += sign * step
                values.append((weight * draw(*moved)).sum())
            quotients[index] = (values[0] - values[1]) / (2 * step)
        differences.append(quotients)
    return {"z": z, "gradients": [shown(leaf.grad) for leaf in leaves], "differences": differences}


def reparametrize_kept(module, mu):
    """Kind of result for another dtype, and where it is for tensors on another device."""
    z = module.reparametrize(mu, mu)
    # What is compiled for torch's own interpreter does not see Elsewhere, but computes where there are no numbers, too.
    compiled = isinstance(module.reparametrize, torch.jit.ScriptFunction)
    device = torch.device("meta") if compiled else Elsewhere.DEVICE
    with contextlib.nullcontext() if compiled else Elsewhere():
        try:
            place = module.reparametrize(mu.to(device), mu.to(device)).device
            place = "that of mu" if place == device else str(place)
        except Exception as error:
            place = str(error)
    return {"dtype": str(z.dtype), "shape": list(z.shape), "device": place}


# loss_function

def takes(function, name):
    """True if a function has an argument of that name."""
    if isinstance(function, torch.jit.ScriptFunction):
        return any(argument.name == name for argument in function.schema.arguments)
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD
               for parameter in inspect.signature(function).parameters.values())


def loss(module, x_hat, x, mu, logvar, kl_weights, optional=False):
    """Loss and its gradients for each of kl_weights; None stands for a call without it.

    optional: do without kl_weight if the student's function has four arguments.
    """
    if optional and not takes(module.loss_function, "kl_weight"):
        kl_weights = [None]
    found = []
    for weight in kl_weights:
        leaves, image = [value.clone().requires_grad_() for value in (x_hat, mu, logvar)], x.clone()
        options = {} if weight is None else {"kl_weight": weight}
        value = module.loss_function(leaves[0], image, *leaves[1:], **options)
        untouched = all(map(torch.equal, (image, *leaves), (x, x_hat, mu, logvar)))
        kind, value = type(value).__name__, torch.as_tensor(value)
        if value.requires_grad:
            value.sum().backward()
        found.append({"kind": kind, "untouched": untouched, "shape": list(value.shape),
                      "loss": value.detach().double().sum(),
                      "gradients": [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]})
    return found


# VAE and CVAE

class Line(nn.Linear):
    """A linear layer that does with fewer inputs than it has weights for, and keeps what it got: who does not join the
    class to the image shall be told so."""

    def forward(self, x):
        self.got = x.detach().clone()
        return F.linear(x, self.weight[:, :x.shape[1]], self.bias)


def known_parts(numbers, inputs, width, latent_size, latents, shape):
    """Parts that stand for the student's own where only `forward` is looked at. The grader makes the same.

    inputs, latents: of encoder and decoder, with the classes. width: numbers between encoder and heads.
    """
    parts = nn.ModuleDict({
        "encoder": nn.Sequential(nn.Flatten(), Line(inputs, 8), nn.Tanh(), nn.Linear(8, width)),
        "mu_layer": nn.Linear(width, latent_size), "logvar_layer": nn.Linear(width, latent_size),
        "decoder": nn.Sequential(Line(latents, shape.numel()), nn.Sigmoid(), nn.Unflatten(1, shape))})
    fill(parts, numbers)
    return parts


def biases(parts):
    """Parameters that a gradient reaches if it reaches a part at all, and that are few."""
    return {"encoder": parts["encoder"][1].bias, "mu_layer": parts["mu_layer"].bias,
            "logvar_layer": parts["logvar_layer"].bias, "decoder": parts["decoder"][0].bias}


def make(module, kind, latent_size, num_classes):
    """Build the student's VAE, CVAE, or ConvVAE for 32x32."""
    model_class = getattr(module, kind)
    if kind == "ConvVAE":
        return model_class(latent_size=latent_size)
    return model_class(784, latent_size=latent_size, **({"num_classes": num_classes} if kind == "CVAE" else {}))


def with_known_parts(module, kind, latent_size, numbers, x, c=None):
    """The student's model with known parts for its own, also where its `__init__` is still a gap; and these parts.

    The width between encoder and heads stays as it is, since `forward` may count on it.
    """
    classes = 0 if c is None else c.shape[1]
    model, widths = None, [8]
    try:
        model = make(module, kind, latent_size, classes)
        with torch.no_grad(), Layers() as layers:
            model(*(part[:2] for part in (x, c) if part is not None))
        own = {p.data_ptr() for p in model.mu_layer.parameters()}
        widths += [layer["input"].shape[-1] for layer in layers.ran if layer["weight"].data_ptr() in own]
    except Exception:  # what is wrong with its own parts is told elsewhere
        pass
    if model is None:
        model = getattr(module, kind).__new__(getattr(module, kind))
        nn.Module.__init__(model)
    parts = known_parts(numbers, x[0].numel() + classes, widths[-1], latent_size, latent_size + classes, x[0].shape)
    model.__dict__.update(parts.items())
    return model, parts


class Filled(Layers):
    """Fills the weights and biases of layers with the grader's numbers, as they run, from one layer to the next. So the
    grader knows them, whatever names and order the parameters have."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.position = numbers, 0

    def arguments(self, kind, k, given):
        for name in ("weight", "bias") if kind == "linear" else ():
            if given.get(name) is not None:
                given[name].detach().copy_(piece(self.numbers, self.position, given[name].shape))
                self.position += given[name].numel()
        return given

    def take(self):
        """The linear layers that ran since this was called last: shape of the weight, and whether there is a bias."""
        taken = [[list(layer["weight"].shape), layer.get("bias") is not None] for layer in self.ran
                 if layer["kind"] == "linear"]
        self.ran.clear()
        return taken


def network(module, kind, part, x, numbers, latent_size, num_classes=0):
    """The encoder, with the heads behind it, or the decoder: for each, by name, the layers in the order in which they
    ran, and what it gives for x with the grader's numbers for weights."""
    model = make(module, kind, latent_size, num_classes)
    heads = ("mu_layer", "logvar_layer") if part == "encoder" else ()
    with torch.no_grad():
        with Filled(numbers) as layers:
            hidden = getattr(model, part)(x)
            found = {part: {"layers": layers.take()}}
            for head in heads:
                getattr(model, head)(hidden)
                found[head] = {"layers": layers.take()}
        # Once more, since a layer that is used twice has been filled twice.
        hidden = getattr(model, part)(x)
        found[part]["out"] = shown(hidden)
        for head in heads:
            found[head]["out"] = shown(getattr(model, head)(hidden))
    return found


def count(module, kind, x, z, numbers, latent_size, num_classes=0):
    """Number of trainable numbers. And all linear layers, with what the heads gave and the last layer of the decoder,
    with the grader's numbers for weights."""
    model = make(module, kind, latent_size, num_classes).eval()
    with torch.no_grad(), Filled(numbers) as layers:  # each part runs once: a LazyLinear has no weights before that
        hidden = model.encoder(x)
        given = [shown(head(hidden)) for head in (model.mu_layer, model.logvar_layer)]
        model.decoder(z)
    last = layers.ran[-1]["output"] if layers.ran else "nothing"
    return {"total": parameters(model), "layers": layers.take(), "given": [*given, last]}


def are_three_tensors(result):
    """True for what a forward should return."""
    return isinstance(result, (tuple, list)) and len(result) == 3 and all(isinstance(x, torch.Tensor) for x in result)


def forward(module, kind, latent_size, numbers, x, c=None):
    """Run forward with known parts and `mixing` for reparametrize. c: the condition of the CVAE."""
    module.reparametrize = mixing
    model, parts = with_known_parts(module, kind, latent_size, numbers, x, c)
    inputs = (x,) if c is None else (x, c)
    before = [part.clone() for part in inputs]
    result = model(*inputs)
    found = {"result": shown(result), "width": parts["mu_layer"].in_features,
             "untouched": all(map(torch.equal, before, inputs))}
    if not are_three_tensors(result):
        return found
    total, found["gradients"] = sum(value.square().sum() for value in result), {}
    for name, bias in biases(parts).items():
        gradient, = torch.autograd.grad(total, bias, retain_graph=True, allow_unused=True) \
            if total.requires_grad else [None]
        found["gradients"][name] = shown(gradient)
    first = parts["decoder"][0]
    found["z"] = shown(getattr(first, "got", None))
    with torch.no_grad():
        found["single"] = shown(model(*(part[:1] for part in inputs)))
        model.eval()
        first.got = None
        found["evaluation"] = {"result": shown(model(*inputs)), "z": shown(first.got)}
        found["seeds"] = sets_seed(lambda: model(*inputs))
    return found


class Says(nn.Module):
    """A head that says what it is told to."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, _):
        return self.value


def forward_draws(module, kind, latent_size, numbers, mu, logvar, x, training, c=None):
    """What reaches the decoder in two calls if the two heads say mu and logvar, for a forward that draws on its own."""
    model, parts = with_known_parts(module, kind, latent_size, numbers, x, c)
    model.__dict__.update(mu_layer=Says(mu), logvar_layer=Says(logvar))
    model.train(training)
    seen = []
    for _ in range(2):
        with torch.no_grad():
            model(x) if c is None else model(x, c)
        seen.append(shown(getattr(parts["decoder"][0], "got", None)))
    return seen


# functions that explore the latent space

class Mode(nn.Module):
    """Stands for Dropout and BatchNorm: another one in training mode. It counts the rows that it gets at once."""

    most = 0

    def forward(self, x):
        self.most = max(self.most, len(x))
        return -x if self.training else x


class SmallVAE(nn.Module):
    """Stands for a trained VAE: known weights, all the parts that a student may use."""

    def __init__(self, encoder_weight, decoder_weight, shape):
        super().__init__()
        latent_size = decoder_weight.shape[1]
        self.encoder = nn.Sequential(nn.Flatten(), Mode())
        self.mu_layer = nn.Linear(encoder_weight.shape[1], latent_size, bias=False)
        self.logvar_layer = nn.Linear(encoder_weight.shape[1], latent_size, bias=False)
        line = nn.Linear(latent_size, decoder_weight.shape[0], bias=False)
        self.decoder = nn.Sequential(line, Mode(), nn.Unflatten(-1, tuple(shape)))
        self.mu_layer.weight.data = encoder_weight[:latent_size].clone()
        self.logvar_layer.weight.data = encoder_weight[latent_size:].clone()
        line.weight.data = decoder_weight.clone()

    def forward(self, x):
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        return self.decoder(mixing(mu, logvar)), mu, logvar

    def place(self):
        """Move it Elsewhere."""
        for parameter in self.parameters():
            parameter.place = Elsewhere.DEVICE
        return self


def used(call, model, training):
    """What call(model) gives for a model in this mode; whether the modes of all its parts, and the kinds of its
    parameters, are afterwards as before; how many images its encoder got at once; whether a result has a gradient; and
    where the results are if the model is elsewhere."""
    def state():
        return [part.training for part in model.modules()], [(p.dtype, p.requires_grad) for p in model.parameters()]

    model.train(training)
    before = state()
    result = shown(call(model))
    modes, kinds = (a == b for a, b in zip(before, state()))
    found = {"result": result, "rows": model.encoder[1].most, "modes": modes, "kinds": kinds,
             "learns": any(part.requires_grad for part in tensors_in([result]))}
    with Elsewhere():
        try:
            places = {part.device for part in tensors_in([call(model.place())])}
            found["device"] = "the model's" if places == {Elsewhere.DEVICE} else ", ".join(sorted(map(str, places)))
        except Exception as error:
            found["device"] = str(error)
    return found


def encode_set(module, images, encoder_weight, decoder_weight, training):
    """get_mu_logvar on a whole set, see `used`."""
    model = SmallVAE(encoder_weight, decoder_weight, images.shape[1:])
    return used(lambda model: module.get_mu_logvar(model, images), model, training)


def grid(module, low, high, grid_size, encoder_weight, decoder_weight, shape, training):
    """sample_on_grid for a decoder that is a known matrix, see `used`."""
    model = SmallVAE(encoder_weight, decoder_weight, shape)
    return used(lambda model: module.sample_on_grid(model, low, high, grid_size), model, training)


def path(module, z0, z1, steps):
    """interpolate between two vectors, or between two rows where it wants a batch."""
    try:
        value = module.interpolate(z0, z1, steps)
    except (RuntimeError, IndexError, ValueError, TypeError):
        value = module.interpolate(z0[None], z1[None], steps)
    return shown(value)


def paths(module, z0, z1, steps):
    """interpolate between the rows of z0 and z1, and where it gives the walks if the ends are elsewhere."""
    found = {"walks": shown(module.interpolate(z0, z1, steps))}
    with Elsewhere():
        try:
            place = module.interpolate(z0.to(Elsewhere.DEVICE), z1.to(Elsewhere.DEVICE), steps).device
            found["device"] = "that of z0" if place == Elsewhere.DEVICE else str(place)
        except Exception as error:
            found["device"] = str(error)
    return found


# ConvVAE

def conv(module, x, **sizes):
    """ConvVAE: results for a batch and for its first image. With the default sizes also gradients, and the range
    of the decoder.

    sizes: image_shape and latent_size, or neither for the default ones.
    """
    module.reparametrize = mixing
    if "image_shape" in sizes:
        sizes["image_shape"] = tuple(sizes["image_shape"])
    model = module.ConvVAE(**sizes)
    with Layers() as layers:
        result = model(x)
    found = {"result": shown(result), "convolutions": sum("conv" in layer["kind"] for layer in layers.ran)}
    if not are_three_tensors(result):
        return found
    if not sizes:  # it takes longer than all else
        sum(value.square().sum() for value in result).backward()
        found["silent"] = silent(model)
    model.eval()  # BatchNorm cannot train on a single number
    with torch.no_grad():
        found["single"] = shown(model(x[:1]))
        if sizes:
            return found
        for parameter in model.parameters():
            parameter.mul_(3)  # large outputs, as after training
        _, mu, logvar = result
        strong = model.decoder(mixing(mu, logvar)).nan_to_num(0.5)
        found["strong"] = [strong.min().item(), strong.max().item()]
    return found


# Trained work

def trained(module, kind, weights, latent_size):
    return load(make(module, kind, latent_size, 10), weights)


@torch.inference_mode()
def posterior(module, weights, latent_size, x):
    """mu and logvar of images, by a trained VAE."""
    model, found = trained(module, "VAE", weights, latent_size), []
    for batch in x.split(500):
        hidden = model.encoder(batch)
        found.append((model.mu_layer(hidden), model.logvar_layer(hidden)))
    return [torch.cat(values) for values in zip(*found)]


@torch.inference_mode()
def decoded(module, kind, weights, latent_size, z):
    """What the decoder of a trained VAE or CVAE makes of z; that of a CVAE gets the one-hot classes behind it."""
    model = trained(module, kind, weights, latent_size)
    return torch.cat([model.decoder(batch) for batch in z.split(500)])
