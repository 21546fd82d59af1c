"""Probes of helpers/flowers.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns tensors and plain values, in lists and dicts. Nothing here
says what a right answer is.
"""
import math
from operator import index

import numpy as np
import torch
from torch import nn
from torch.nn.utils import vector_to_parameters

from autograde_tests.probes import fill, piece, shown
from helpers.given.checks.engine import Layers, PlainSteps, parameters, silent
from helpers.given.weights import load


# select_categories

def described(found):
    """Indices as a list of ints; anything else in words."""
    if isinstance(found, (torch.Tensor, np.ndarray)):
        if "bool" in str(found.dtype):
            return "a mask of True and False"
        if found.ndim != 1:
            return f"a {type(found).__name__} of shape {tuple(found.shape)}"
        found = found.tolist()
    try:
        return [index(one) for one in found]
    except TypeError:
        return f"{found[:4]}" if isinstance(found, list) else type(found).__name__


def selected(module, labels, names, wanted):
    """The indices for each list of categories, and which arguments are others afterwards."""
    found, changed = [], []
    for categories in wanted:
        given = labels.clone(), dict(names), list(categories)
        found.append(described(module.select_categories(*given)))
        same = torch.equal(given[0], labels), given[1] == names, given[2] == categories
        changed += [what for what, kept in zip(("labels", "names", "categories"), same) if not kept]
    return {"found": found, "changed": changed}


# Networks

PARTS = ("input", "output", "weight", "bias", "running_mean", "running_var")


def drawn(numbers, part, k, shape):
    """What stands in for a part of layer k: numbers that the grader has drawn. Images and the like lie in [-3, 3]."""
    position = 1000 * k + 100 * PARTS.index(part)
    if part in ("input", "output"):
        return 6 * piece(numbers, position, (math.prod(shape),)).view(tuple(shape))
    values = piece(numbers, position, shape)
    # The scales and variances of a BatchNorm lie around 1.
    return values + 1 if part == "running_var" or part == "weight" and len(shape) == 1 else values


class Drawn(Layers):
    """Gives each layer numbers that the grader has drawn for its input, weight and bias, and the network other ones for
    its output. So each layer, and what stands between two, is seen alone; and the grader knows what is due.

    Batch norms only get other weights, biases and running statistics: their input is part of what stands between two
    layers.

    Attributes:
        got: what the network had for each layer to get. normed: the batch norms as the probe tells them.
    """

    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.got, self.normed = numbers, [], []

    def arguments(self, kind, k, given):
        others = {name: drawn(self.numbers, name, k, value.shape) for name, value in given.items()
                  if isinstance(value, torch.Tensor) and (kind, name) != ("batch_norm", "input")}
        if kind == "batch_norm":
            self.normed.append({"after": len(self.ran), "eps": given.get("eps", 1e-5), "scaled": "weight" in others,
                                "shifted": "bias" in others})
        else:
            self.got.append(given["input"].clone())
        return {**given, **others}

    def result(self, kind, k, output):
        return output if kind == "batch_norm" else drawn(self.numbers, "output", k, output.shape)


def network(module, name, arguments, x, numbers, evaluated=False):
    """The layers of a network: kinds, sizes, what each got, what it makes of the grader's numbers; batch norms; and
    what comes out at the end. See Drawn."""
    model = getattr(module, name)(*arguments)
    training = model.training
    if evaluated:
        model.eval()
    before = x.clone()
    with torch.no_grad(), Drawn(numbers) as seen:
        out = model(x)
    return {"training": training, "untouched": torch.equal(x, before), "out": shown(out), "norms": seen.normed,
            "layers": [{**layer, "input": got} for layer, got in zip(seen.told(most=20), seen.got)]}


def weights(module, arguments, x, numbers):
    """The weights that the convolutions of a discriminator use after some steps, and where the stored ones begin among
    the numbers that fill its parameters.

    It runs first, as a lazy layer has no parameters before that; and then some more times, in which a normalisation may
    find the size of the new weights.
    """
    model = module.Discriminator(*arguments)
    with torch.no_grad():
        model(x)
        places = fill(model, numbers)
        for _ in range(30):
            model(x)
        with Layers() as layers:
            model(x)
    found = []
    for used in (layer["weight"] for layer in layers.ran if layer["kind"] == "conv2d"):
        likeness = {places[id(p)]: torch.cosine_similarity(p.detach().flatten(), used.flatten(), dim=0).abs().item()
                    for p in model.parameters() if p.numel() == used.numel()}
        found.append({"weight": used, "position": max(likeness, key=likeness.get, default=0)})
    return found


def used(module, name, arguments, x, large):
    """Which parameters of a network get no gradient. Shape of what a network with default arguments gives for `large`
    in evaluation mode, and its number of parameters."""
    model, default = getattr(module, name)(*arguments), getattr(module, name)()
    out = model(x)
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    with torch.no_grad():
        out = default.eval()(large)
    return {"silent": silent(model), "shape": list(out.shape), "parameters": parameters(default)}


# largest_singular_value

def singular(module, weights):
    """The value for each weight; a plain number counts as a tensor. The last weight requires gradients."""
    before, values = [weight.clone() for weight in weights], []
    weights[-1].requires_grad_()
    for weight in weights:
        value = module.largest_singular_value(weight)
        values.append(shown(torch.tensor(float(value)) if isinstance(value, (float, np.floating)) else value))
    return {"values": values, "untouched": all(map(torch.equal, before, weights))}


# weights_init

def layers_to_initialize(channels, numbers):
    """A layer of every kind by its name, with weights that the grader has drawn, and where these begin."""
    few = channels // 2
    layers = nn.ModuleDict({
        "Conv2d": nn.Conv2d(channels, few, 4), "ConvTranspose2d": nn.ConvTranspose2d(channels, few, 4),
        "Conv2d, bias=False": nn.Conv2d(channels, few, 4, bias=False),
        "ConvTranspose2d, bias=False": nn.ConvTranspose2d(channels, few, 4, bias=False),
        "BatchNorm2d": nn.BatchNorm2d(200 * channels), "Linear": nn.Linear(channels, few)})
    fill(layers, numbers)
    return layers


def initialized(module, channels, numbers):
    """Weights and biases after `network.apply(weights_init)`, for every kind of layer, and weights after a second
    time."""
    layers = layers_to_initialize(channels, numbers)
    none = {name: torch.zeros_like(layer.bias) for name, layer in layers.items() if layer.bias is not None}
    model = nn.Sequential(*layers.values(), nn.Sequential(nn.LeakyReLU(0.2), nn.ReLU(True)), nn.Tanh())
    model.apply(module.weights_init)
    found = {"frozen": [name for name, p in layers.named_parameters() if not p.requires_grad],
             "evaluated": [name for name, layer in layers.items() if not layer.training], "layers": {}, "wrapped": ""}
    for name, layer in layers.items():
        told = found["layers"][name] = {"weight": layer.weight.detach().clone()}
        if name in none:  # a layer whose bias was taken away is as one with a bias of 0
            told["bias"] = none[name] if layer.bias is None else layer.bias.detach().clone()
    model.apply(module.weights_init)
    for name, layer in layers.items():
        found["layers"][name]["again"] = layer.weight
    try:
        wrapped = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 3, 4))
        wrapped.apply(module.weights_init)
        wrapped(torch.zeros(1, 4, 4, 4)).sum().backward()
    except Exception as error:
        found["wrapped"] = f"{type(error).__name__}: {error}"
    return found


# The update steps

class Small(nn.Module):
    """Stands for a network: one matrix, then a function. It remembers in which mode it ran."""

    def __init__(self, inputs, outputs, function, shape):
        super().__init__()
        self.layer, self.function, self.shape = nn.Linear(inputs, outputs), function, shape
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        return self.function(self.layer(x.flatten(1))).reshape(-1, *self.shape)


def players(d_weights, g_weights, image_shape, latent_dim, left=0.0):
    """A small discriminator and generator with these weights. left: the gradient that an earlier step left behind."""
    pixels = math.prod(image_shape)
    D, G = Small(pixels, 1, torch.sigmoid, ()), Small(latent_dim, pixels, torch.tanh, image_shape)
    for network, values in ((D, d_weights), (G, g_weights)):
        vector_to_parameters(values, network.parameters())
        for p in network.parameters():
            p.grad = torch.full_like(p, left)
    return D, G


def row(tensors):
    """All their numbers in a row."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def number(value):
    """A single number as a tensor; anything else in words."""
    try:
        if not isinstance(value, str) and getattr(value, "shape", ()) == ():
            return torch.tensor(float(value))
        return f"of shape {tuple(value.shape)}"
    except (TypeError, ValueError, AttributeError):
        return type(value).__name__


def after(values, D, G, solver):
    """What a step returned, numbers first, and what both networks are afterwards; gradients that are None as 0."""
    found = {"returned": [*map(number, values[:4]), *map(shown, values[4:9])], "steps": solver.steps,
             "modes": [D.training, G.training, *D.modes, *G.modes],
             "frozen": not all(p.requires_grad for p in [*D.parameters(), *G.parameters()])}
    for name, network in (("D", D), ("G", G)):
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()]
        found[name] = {"weights": row(network.parameters()), "gradients": row(gradients)}
    return found


def d_step(module, d_weights, g_weights, image_shape, real_images, noise, left, pull):
    """What update_discriminator returns, and what both networks are afterwards; the gradients of the generator's
    weights if something pulls at its images."""
    D, G = players(d_weights, g_weights, image_shape, noise.shape[1], left)
    solver, inputs = PlainSteps(D.parameters()), (real_images.clone(), noise.clone())
    values = module.update_discriminator(D, G, *inputs, torch.ones(len(noise)), solver)
    values = values if isinstance(values, (tuple, list)) else [values]
    found = {**after(values, D, G, solver), "untouched": all(map(torch.equal, inputs, (real_images, noise)))}
    if len(values) == 5 and getattr(values[4], "requires_grad", False):
        try:
            # To pass `pull` as an argument of grad would import sympy, which takes two seconds.
            found["way_back"] = row(torch.autograd.grad((values[4] * pull).sum(), list(G.parameters())))
        except RuntimeError:  # the way was gone already, or ends before the weights
            pass
    return found


def g_step(module, d_weights, g_weights, image_shape, noise, left):
    """What update_generator returns, and what both networks are afterwards."""
    D, G = players(d_weights, g_weights, image_shape, noise.shape[1], left)
    fake, solver = G(noise), PlainSteps(G.parameters())
    before = fake.detach().clone()
    values = module.update_generator(D, G, fake, torch.ones(len(noise)), solver)
    values = values if isinstance(values, (tuple, list)) else [values]
    return {**after(values, D, G, solver), "untouched": torch.equal(fake, before)}


# generate and the paths

@torch.enable_grad()  # and so it is afterwards, whatever generate leaves behind
def generated(module, z, temperatures, state):
    """Images of a small generator for several temperatures, and for each latent vector alone; its mode afterwards, and
    whether it can still learn."""
    G, before = nn.Sequential(nn.ConvTranspose2d(z.shape[1], 3, 2), nn.BatchNorm2d(3), nn.Tanh()), z.clone()

    def generate(z, *temperature, training=True):
        G.load_state_dict(state)
        return module.generate(G.train(training), z, *temperature)

    def modes():
        return [part.training for part in G.modules()]

    images = generate(z)
    return {"images": shown(images), "requires_grad": getattr(images, "requires_grad", False),
            "gradients": torch.is_grad_enabled(), "frozen": not all(p.requires_grad for p in G.parameters()),
            "after_training": modes(), "evaluated": shown(generate(z, training=False)), "after_evaluation": modes(),
            "warm": [shown(generate(z, temperature)) for temperature in temperatures],
            "alone": [shown(generate(one)) for one in z.split(1)], "untouched": torch.equal(z, before)}


def path(module, name, z1, z2, alphas):
    """The points of a path, for alphas in a list and in a tensor."""
    before = z1.clone(), z2.clone()
    paths = [shown(getattr(module, name)(z1, z2, given)) for given in (alphas.tolist(), alphas.clone())]
    return {"paths": paths, "untouched": all(map(torch.equal, before, (z1, z2)))}


# Trained work

def trained(module, weights, z, settings):
    """What the student's generator makes of latent vectors with these weights."""
    network = load(module.Generator(**settings), weights)
    with torch.inference_mode():
        return shown(network(z))
