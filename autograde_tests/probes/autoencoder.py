"""Probes of helpers/autoencoder.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a tree of tensors and plain values. Nothing here says what
a right answer is.
"""
from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

from autograde_tests.probes import fill, piece, seed, single
from helpers.given.checks.engine import Layers, parameters, silent


# Sizes and counts

def described(value):
    """An int as it is; anything else in words."""
    return int(value) if isinstance(value, Integral) else f"{type(value).__name__} {value}"


def sizes(module, name, cases):
    """What a function gives for each list of arguments."""
    return [described(getattr(module, name)(*case)) for case in cases]


def counts(module, channels, features):
    """Number of parameters of some models: a plain one; half of it frozen; with one layer used twice; one without any;
    with a parameter of its own, outside of any layer."""
    plain = nn.Sequential(nn.Conv2d(channels, features, 3), nn.BatchNorm2d(20), nn.Linear(7, 5, bias=False))
    frozen = nn.Sequential(nn.Linear(channels, features), nn.Linear(features, 2))
    frozen[0].requires_grad_(False)
    layer = nn.Linear(features, features)
    own = nn.Sequential(nn.Linear(channels, 2))
    own.scale = nn.Parameter(torch.zeros(features, 3))
    models = {"plain": plain, "frozen": frozen, "shared": nn.Sequential(layer, nn.ReLU(), layer), "none": nn.ReLU(),
              "own": own}
    found = {name: described(module.count_parameters(model)) for name, model in models.items()}
    found["still_frozen"] = not any(p.requires_grad for p in frozen[0].parameters())
    return found


# Networks

INPUT = {"ConvAutoencoder": (1, 28, 28), "DenoisingAutoencoder": (4096,)}


def build(module, name, numbers, arguments=()):
    """A model filled with `numbers`, the place of each parameter among them, and its mode, as it was made.

    It runs first: a lazy layer has no parameters before that.
    """
    model = getattr(module, name)(*arguments)
    training = model.training
    with torch.no_grad():
        model(torch.rand(2, *INPUT[name]))
    return model, fill(model, numbers), training


def traced(network, x, places):
    """What a network gives for x, its layers with the places of their parameters, and the number of batch norms."""
    with Layers(places) as layers:
        out = network(x)
    return {"out": single(out), "layers": layers.told("places", most=10), "norms": len(layers.norms)}


def part(module, name, which, x, numbers, arguments=()):
    """A model's encoder or decoder: its layers and what it gives. And how many numbers of the whole model learn."""
    model, places, training = build(module, name, numbers, arguments)
    if not callable(getattr(model, which, None)):
        return None
    with torch.no_grad():
        found = traced(getattr(model, which), x, places)
    return {**found, "training": training, "parameters": parameters(model)}


class Matrix(nn.Module):
    """A known matrix for an encoder or decoder. It keeps how it was used; in training mode it halves what it gets."""

    def __init__(self, weight, shape):
        super().__init__()
        self.weight, self.shape = nn.Parameter(weight.clone()), list(shape)
        self.batches, self.modes = [], set()

    def forward(self, x):
        self.batches.append(len(x))
        self.modes.add(self.training)
        x = x.float().flatten(1) / (2 if self.training else 1)
        return (x @ self.weight.T).unflatten(1, self.shape)


def stand_in(model, which, weight, shape):
    """Let a matrix stand for the encoder or the decoder of a model, however the model calls it."""
    part = getattr(model, which)
    # A part may be a method of the model, too.
    place, name = (part.__dict__, "forward") if isinstance(part, nn.Module) else (model.__dict__, which)
    place[name] = Matrix(weight, shape).eval().forward


def forward(model, x, places):
    """The output of a model, its layers, and its gradient in x for the loss sum(out ** 2); whether x stays as it is."""
    leaf = x.clone().requires_grad_()
    given = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
    found = traced(model, given, places)
    out = found["out"]
    learns = isinstance(out, torch.Tensor) and out.requires_grad
    if learns:
        out.square().sum().backward()
    return {**found, "learns": learns, "untouched": torch.equal(given, leaf), "gradient": leaf.grad}


def reconstruction(module, name, x, numbers, encoder, decoder):
    """What a model does with x, and which of its parameters get no gradient. The same once more, "composed", with two
    matrices in place of its encoder and its decoder."""
    model, places, _ = build(module, name, numbers)
    found = forward(model, x, places)
    found.update(silent=silent(model), parameters=parameters(model))
    with torch.no_grad():
        found["code"] = single(model.encoder(x))
    stand_in(model, "encoder", encoder, encoder.shape[:1])
    stand_in(model, "decoder", decoder, x.shape[1:])
    try:
        found["composed"] = forward(model, x, places)
    except Exception:  # it may want to know more of its parts than what they give
        found["composed"] = {"out": None, "gradient": None}
    return found


def hidden(module, x, units, numbers):
    """How much goes into each layer of DenoisingAutoencoder(hidden=units). Its forward is a gap of its own. And what
    the first layer and the last one give for as many numbers of x as they want, with all parameters filled alike."""
    model = module.DenoisingAutoencoder(hidden=units)
    with torch.no_grad():
        model.decoder(model.encoder(x))  # as in build
        for p in model.parameters():
            p.copy_(piece(numbers, 0, p.shape))
        with Layers() as layers:
            model.decoder(model.encoder(x))
        ends = [F.linear(x[:, :layer["weight"].shape[1]], layer["weight"], layer.get("bias"))
                for layer in layers.ran[:1] + layers.ran[-1:]]
    return {"inputs": [layer["input"].shape[-1] for layer in layers.ran], "ends": ends}


# reconstruction_loss

def losses(module, cases):
    """The loss of each pair (x_hat, x), and its gradient in x_hat."""
    found = []
    for x_hat, x in cases:
        leaf, given = x_hat.clone().requires_grad_(), x.clone()
        x_hat = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
        value = module.reconstruction_loss(x_hat, given)
        one = {"kind": type(value).__name__}
        found.append(one)
        if not isinstance(value, torch.Tensor):
            continue
        one.update(loss=value, shape=list(value.shape), untouched=torch.equal(x_hat, leaf) and torch.equal(given, x),
                   gradient=None)
        if value.requires_grad:
            one["gradient"], = torch.autograd.grad(value.sum(), [leaf], allow_unused=True)
    return found


def refusals(module, shapes):
    """What is raised for each pair of shapes: the name of the exception and its text, or "" and the loss."""
    found = []
    for one, other in shapes:
        try:
            value = module.reconstruction_loss(torch.rand(one), torch.rand(other))
            found.append(["", str(value)])
        except Exception as error:
            found.append([type(error).__name__, str(error)])
    return found


# mean_loss and encode_all

class SmallAutoencoder(nn.Module):
    """An autoencoder that is two known matrices."""

    def __init__(self, encoder_weight, decoder_weight, shape):
        super().__init__()
        self.encoder, self.decoder = Matrix(encoder_weight, encoder_weight.shape[:1]), Matrix(decoder_weight, shape)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def plain_loss(x_hat, x):
    """Stands for the student's reconstruction_loss, which is a gap of its own."""
    if x_hat.shape != x.shape:
        raise ValueError(f"shapes {tuple(x_hat.shape)} and {tuple(x.shape)}")
    return F.mse_loss(x_hat, x)


def over_set(module, name, images, encoder_weight, decoder_weight, training):
    """mean_loss or encode_all of a set of images; how the model was used, and what became of it."""
    module.reconstruction_loss = plain_loss
    model = SmallAutoencoder(encoder_weight, decoder_weight, images.shape[1:]).train(training)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    before, kept = [p.detach().clone() for p in model.parameters()], images.clone()
    value = getattr(module, name)(model, images)
    number = isinstance(value, float)
    return {"value": torch.tensor(value, dtype=torch.double) if number else single(value),
            "kind": type(value).__name__, "joined": getattr(value, "requires_grad", False),
            "batches": model.encoder.batches, "modes": sorted(model.encoder.modes),
            "after": sorted({layer.training for layer in model.modules()}),
            "gradients": all(p.grad is not None and bool((p.grad == 1).all()) for p in model.parameters()),
            "frozen": not all(p.requires_grad for p in model.parameters()),
            "weights": all(torch.equal(p, old) for p, old in zip(model.parameters(), before)),
            "untouched": torch.equal(images, kept)}


# latent_grid

def grid(module, codes, steps=None):
    """The grid, and its dtype. None: the default number of steps."""
    before = codes.clone()
    value = module.latent_grid(codes) if steps is None else module.latent_grid(codes, steps=steps)
    return {"grid": single(value), "dtype": str(getattr(value, "dtype", None)), "untouched": torch.equal(codes, before)}


# add_salt_and_pepper

def noise(module, images, amount):
    """Two draws after another, without a generator."""
    before = images.clone()
    draws = [module.add_salt_and_pepper(images, amount) for _ in range(2)]
    return {"draws": [single(noisy) for noisy in draws], "untouched": torch.equal(images, before),
            "dtype": str(getattr(draws[0], "dtype", None))}


def seeded(module, images, amount, number):
    """Draws with generators, two after another with each: one seed, the same one with another global seed, another one.

    And whether a draw with a generator moves, or seeds, PyTorch's global one.
    """
    found = {}
    for label, seed_of_generator, global_seed in (("one", number, 1), ("same", number, 2), ("other", number + 1, 2)):
        seed(global_seed)
        before = torch.get_rng_state()
        generator = torch.Generator().manual_seed(seed_of_generator)
        found[label] = [single(module.add_salt_and_pepper(images, amount, generator=generator)) for _ in range(2)]
        found["moved"] = not torch.equal(before, torch.get_rng_state())
    return found
