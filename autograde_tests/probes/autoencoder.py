"""Probes of helpers/autoencoder.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a tree of tensors and plain values. Nothing here says what
a right answer is.
"""
import torch
from torch import nn
from torch.nn import functional as F

from autograde_tests.probes import fill, piece, single
from helpers.given.checks import autoencoder as public
from helpers.given.checks.engine import Layers, parameters, silent
from helpers.given.weights import load


# Sizes and counts

def sizes(module, name, cases):
    """What a function gives for each list of arguments."""
    return [public.described(getattr(module, name)(*case)) for case in cases]


def counts(module, channels, features):
    """Number of parameters of some models."""
    return public.count_all(module.count_parameters, channels, features)


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


def stand_in(model, which, weight, shape):
    """Let a matrix stand for the encoder or the decoder of a model, however the model calls it."""
    part = getattr(model, which)
    # A part may be a method of the model, too.
    place, name = (part.__dict__, "forward") if isinstance(part, nn.Module) else (model.__dict__, which)
    place[name] = public.Matrix(weight, shape).eval().forward


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
    return public.losses(module.reconstruction_loss, cases)


def refusals(module, shapes):
    """What is raised for each pair of shapes: the name of the exception and its text, or "" and the loss."""
    return public.refusals(module.reconstruction_loss, shapes)


# mean_loss and encode_all

def plain_loss(x_hat, x):
    """Stands for the student's reconstruction_loss, which is a gap of its own."""
    if x_hat.shape != x.shape:
        raise ValueError(f"shapes {tuple(x_hat.shape)} and {tuple(x.shape)}")
    return F.mse_loss(x_hat, x)


def over_set(module, name, images, encoder_weight, decoder_weight, training):
    """mean_loss or encode_all of a set of images; how the model was used, and what became of it."""
    module.reconstruction_loss = plain_loss
    return public.over_set(getattr(module, name), images, encoder_weight, decoder_weight, training)


def devices(module, name):
    """Where mean_loss or encode_all sends a batch, and where it gives codes, if images and model are apart."""
    module.reconstruction_loss = plain_loss
    return public.devices(getattr(module, name))


# latent_grid

def grid(module, codes, steps=None):
    """The grid, and its dtype. None: the default number of steps."""
    before = codes.clone()
    value = module.latent_grid(codes) if steps is None else module.latent_grid(codes, steps=steps)
    return {"grid": single(value), "dtype": str(getattr(value, "dtype", None)), "untouched": torch.equal(codes, before)}


# add_salt_and_pepper

def noise(module, images, amount):
    """Two draws after another, without a generator."""
    return public.draws(module.add_salt_and_pepper, images, amount)


def noise_device(module, images):
    """Where the noisy images are, if the images are on another device than the CPU."""
    return public.device_of_draw(module.add_salt_and_pepper, images)


def seeded(module, images, amount, number):
    """Draws with generators, two after another with each, and whether PyTorch's global one moves."""
    return public.seeded_draws(module.add_salt_and_pepper, images, amount, number)


# Trained work

@torch.inference_mode()
def encode(module, weights, images):
    """The codes of images, with trained weights."""
    model = load(module.ConvAutoencoder(), weights)
    return torch.cat([model.encoder(batch) for batch in images.split(250)])


@torch.inference_mode()
def decode(module, weights, codes):
    """What the decoder makes of codes, with trained weights."""
    model = load(module.ConvAutoencoder(), weights)
    return torch.cat([model.decoder(batch) for batch in codes.split(250)])
