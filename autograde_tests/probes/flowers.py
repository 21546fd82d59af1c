"""Probes of helpers/flowers.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is.
"""
import math
from operator import index

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from torch.overrides import TorchFunctionMode

from autograde_tests.probes import fill, piece, returned
from helpers.given.checks import Layers, PlainSteps


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


class Drawn(TorchFunctionMode):
    """Gives each layer numbers that the grader has drawn for its input, weight and bias, and the network other ones for
    its output. So each layer, and what stands between two, is seen alone; and the grader knows what is due.

    Linear layers and convolutions are numbered together, batch norms apart. Those only get other weights, biases and
    running statistics: their input is part of what stands between two layers.
    """

    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.layers, self.norms = numbers, [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function not in Layers.ARGUMENTS:
            return function(*args, **kwargs)
        names = Layers.ARGUMENTS[function]
        given = {**dict(zip(names, args)), **kwargs}
        norm = function is nn.functional.batch_norm
        seen = self.norms if norm else self.layers
        others = {name: drawn(self.numbers, name, len(seen), value.shape) for name, value in given.items()
                  if isinstance(value, torch.Tensor) and not (norm and name == "input")}
        args = [*(others.get(name, value) for name, value in zip(names, args)), *args[len(names):]]
        output = function(*args, **{name: others.get(name, value) for name, value in kwargs.items()})
        if norm:
            seen.append({"after": len(self.layers), "eps": given.get("eps", 1e-5), "scaled": "weight" in others,
                         "shifted": "bias" in others})
            return output
        seen.append({"kind": function.__name__, "size": list(given["weight"].shape), "bias": "bias" in others,
                     "input": given["input"].clone(), "output": output.clone()})
        return drawn(self.numbers, "output", len(seen) - 1, output.shape)


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
    found = {"training": training, "untouched": torch.equal(x, before), **returned(("out",), (out,)),
             "kinds": [layer["kind"] for layer in seen.layers], "sizes": [layer["size"] for layer in seen.layers],
             "biases": [layer["bias"] for layer in seen.layers], "norms": seen.norms}
    for k, layer in enumerate(seen.layers[:8]):
        found[f"input{k}"], found[f"output{k}"] = layer["input"], layer["output"]
    return found


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
    found = {"kinds": [layer["kind"] for layer in layers.seen if layer["kind"] != "batch_norm"], "positions": []}
    for layer in layers.seen:
        if layer["kind"] == "conv2d":
            used = layer["weight"].flatten()
            likeness = {places[id(p)]: torch.cosine_similarity(p.detach().flatten(), used, dim=0).abs().item()
                        for p in model.parameters() if p.numel() == used.numel()}
            found[f"weight{len(found['positions'])}"] = layer["weight"].clone()
            found["positions"].append(max(likeness, key=likeness.get, default=0))
    return found


def silent(module, name, arguments, x):
    """Which parameters of a network get no gradient."""
    model = getattr(module, name)(*arguments)
    out = model(x)
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    return {"silent": [label for label, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]}


def default(module, name, x):
    """Shape of what a network with default arguments gives in evaluation mode, and its number of parameters."""
    model = getattr(module, name)()
    with torch.no_grad():
        out = model.eval()(x)
    return {"shape": list(out.shape), "parameters": sum(p.numel() for p in model.parameters())}


# largest_singular_value

def singular(module, count, **weights):
    """The value for each weight; a plain number counts as a tensor. The last weight requires gradients."""
    found = {"untouched": True}
    for k in range(count):
        weight = weights[f"weight{k}"]
        before = weight.clone()
        value = module.largest_singular_value(weight.requires_grad_(k == count - 1))
        value = torch.tensor(float(value)) if isinstance(value, (float, np.floating)) else value
        found.update(returned((f"value{k}",), (value,)))
        found["untouched"] &= torch.equal(weight, before)
    return found


# weights_init

def layers_to_initialize(channels, numbers):
    """A layer of every kind by its name, with weights that the grader has drawn, and where these begin."""
    few = channels // 2
    layers = nn.ModuleDict({
        "Conv2d": nn.Conv2d(channels, few, 4), "ConvTranspose2d": nn.ConvTranspose2d(channels, few, 4),
        "Conv2d, bias=False": nn.Conv2d(channels, few, 4, bias=False),
        "ConvTranspose2d, bias=False": nn.ConvTranspose2d(channels, few, 4, bias=False),
        "BatchNorm2d": nn.BatchNorm2d(50 * channels), "Linear": nn.Linear(channels, few)})
    fill(layers, numbers)
    return layers


def initialized(module, channels, numbers):
    """Weights and biases after `network.apply(weights_init)`, for every kind of layer, and weights after a second
    time."""
    layers = layers_to_initialize(channels, numbers)
    none = {k: torch.zeros_like(layer.bias) for k, layer in enumerate(layers.values()) if layer.bias is not None}
    model = nn.Sequential(*layers.values(), nn.Sequential(nn.LeakyReLU(0.2), nn.ReLU(True)), nn.Tanh())
    model.apply(module.weights_init)
    found = {"frozen": [name for name, p in layers.named_parameters() if not p.requires_grad],
             "evaluated": [name for name, layer in layers.items() if not layer.training]}
    for k, layer in enumerate(layers.values()):
        found[f"weight{k}"] = layer.weight.detach().clone()
        if k in none:  # a layer whose bias was taken away is as one with a bias of 0
            found[f"bias{k}"] = none[k] if layer.bias is None else layer.bias.detach().clone()
    model.apply(module.weights_init)
    for k, layer in enumerate(layers.values()):
        found[f"again{k}"] = layer.weight
    try:
        wrapped = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 3, 4))
        wrapped.apply(module.weights_init)
        wrapped(torch.zeros(1, 4, 4, 4)).sum().backward()
        found["wrapped"] = ""
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


def players(d_weights, g_weights, image_shape, latent_dim):
    """A small discriminator and generator with these weights."""
    pixels = image_shape[0] * image_shape[1] * image_shape[2]
    D, G = Small(pixels, 1, torch.sigmoid, ()), Small(latent_dim, pixels, torch.tanh, image_shape)
    vector_to_parameters(d_weights, D.parameters())
    vector_to_parameters(g_weights, G.parameters())
    return D, G


def leave_gradients(network, value):
    """What an earlier step left behind."""
    for p in network.parameters():
        p.grad = torch.full_like(p, value)


def gradients(network):
    """All gradients in a row; those that are None as 0."""
    return torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                      for p in network.parameters()])


def scalars(names, values):
    """Scalars by name, as numbers; anything else in words."""
    found = {}
    for name, value in zip(names, values):
        single = not isinstance(value, str) and (not hasattr(value, "shape") or value.shape in ((), (1,)))
        try:
            found[name] = torch.tensor(float(value)) if single else f"of shape {tuple(value.shape)}"
        except (TypeError, ValueError, AttributeError):
            found[name] = type(value).__name__
    return found


def after(D, G, solver):
    return {"D": parameters_to_vector(D.parameters()), "G": parameters_to_vector(G.parameters()),
            "D_gradients": gradients(D), "G_gradients": gradients(G), "steps": solver.steps,
            "modes": [D.training, G.training, *D.modes, *G.modes],
            "frozen": not all(p.requires_grad for p in [*D.parameters(), *G.parameters()])}


def d_step(module, d_weights, g_weights, image_shape, real_images, noise, left, pull):
    """What update_discriminator returns, and what both networks are afterwards; the gradients of the generator's
    weights if something pulls at its images."""
    D, G = players(d_weights, g_weights, image_shape, noise.shape[1])
    leave_gradients(D, left), leave_gradients(G, left)
    solver, inputs = PlainSteps(D.parameters()), (real_images.clone(), noise.clone())
    values = module.update_discriminator(D, G, *inputs, torch.ones(len(noise)), solver)
    values = list(values) if isinstance(values, (tuple, list)) else [values]
    found = {**scalars(("err_real", "d_x", "err_fake", "d_g_z1"), values), **after(D, G, solver)}
    found["untouched"] = torch.equal(inputs[0], real_images) and torch.equal(inputs[1], noise)
    if len(values) == 5:
        fake = values[4]
        found.update(returned(("fake_images",), (fake,)))
        if getattr(fake, "requires_grad", False):
            try:
                # To pass `pull` as an argument of grad would import sympy, which takes two seconds.
                way = torch.autograd.grad((fake * pull).sum(), list(G.parameters()))
                found["way_back"] = torch.cat([part.flatten() for part in way])
            except RuntimeError:  # the way was gone already, or ends before the weights
                pass
    return {**found, "count": len(values)}


def g_step(module, d_weights, g_weights, image_shape, noise, left):
    """What update_generator returns, and what both networks are afterwards."""
    D, G = players(d_weights, g_weights, image_shape, noise.shape[1])
    fake = G(noise)
    before = fake.detach().clone()
    leave_gradients(D, left), leave_gradients(G, left)
    solver = PlainSteps(G.parameters())
    values = module.update_generator(D, G, fake, torch.ones(len(noise)), solver)
    values = list(values) if isinstance(values, (tuple, list)) else [values]
    return {"count": len(values), **scalars(("err_g", "d_g_z2"), values), **after(D, G, solver),
            "untouched": torch.equal(fake, before)}


# generate and the paths

@torch.enable_grad()  # and so it is afterwards, whatever generate leaves behind
def generated(module, z, temperatures, **state):
    """Images of a small generator for several temperatures, and for each latent vector alone; its mode afterwards, and
    whether it can still learn."""
    G = nn.Sequential(nn.ConvTranspose2d(z.shape[1], 3, 2), nn.BatchNorm2d(3), nn.Tanh())
    G.load_state_dict({name.replace("__", "."): value for name, value in state.items()})
    before = z.clone()
    found = returned(("images",), (module.generate(G.train(), z),))
    found["after_training"] = [part.training for part in G.modules()]
    found["statistics_kept"] = torch.equal(G[1].running_mean, state["1__running_mean"])
    found["requires_grad"] = getattr(found["images"], "requires_grad", False)
    found["gradients"] = torch.is_grad_enabled()
    found["frozen"] = not all(p.requires_grad for p in G.parameters())
    G.load_state_dict({name.replace("__", "."): value for name, value in state.items()})
    found.update(returned(("evaluated",), (module.generate(G.eval(), z),)))
    found["after_evaluation"] = [part.training for part in G.modules()]
    for k, temperature in enumerate(temperatures):
        G.load_state_dict({name.replace("__", "."): value for name, value in state.items()})
        found.update(returned((f"images{k}",), (module.generate(G.train(), z, temperature),)))
    G.load_state_dict({name.replace("__", "."): value for name, value in state.items()})
    alone = [module.generate(G.train(), one) for one in z.split(1)]
    found["alone"] = torch.cat(alone) if all(isinstance(one, torch.Tensor) for one in alone) else "no tensors"
    return {**found, "untouched": torch.equal(z, before)}


def path(module, name, z1, z2, alphas):
    """The points of a path, for alphas in a list and in a tensor."""
    before = z1.clone(), z2.clone()
    found = returned(("listed",), (getattr(module, name)(z1, z2, alphas.tolist()),))
    found.update(returned(("tensor",), (getattr(module, name)(z1, z2, alphas.clone()),)))
    return {**found, "untouched": torch.equal(z1, before[0]) and torch.equal(z2, before[1])}
