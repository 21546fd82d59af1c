"""Probes of helpers/autoencoder.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is.
"""
from numbers import Integral

import torch
from torch import nn
from torch.nn import functional as F

from autograde_tests.probes import fill, piece, returned, seed
from helpers.given.checks import Layers


# Sizes and counts

def described(value):
    """An int as it is; anything else in words."""
    return int(value) if isinstance(value, Integral) else f"{type(value).__name__} {value}"


def sizes(module, name, cases):
    """What a function gives for each list of arguments."""
    return {"values": [described(getattr(module, name)(*case)) for case in cases]}


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

class Placed(Layers):
    """Layers that also tell where the weight and the bias of each begin in the numbers that `fill` took; None for what
    is no parameter of the model as it is. places: what `fill` returned."""

    def __init__(self, places):
        super().__init__()
        self.places = places

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = super().__torch_function__(function, types, args, kwargs)
        if function in self.ARGUMENTS:
            given = {**dict(zip(self.ARGUMENTS[function], args)), **(kwargs or {})}
            self.seen[-1]["places"] = [self.places.get(id(given.get(name))) for name in ("weight", "bias")]
        return output

    def told(self, out):
        """What was seen, and the output of the last layer: of linear layers and convolutions what each is, what it got
        and gave; the number of batch norms."""
        rest = [layer for layer in self.seen if layer["kind"] != "batch_norm"]
        found = {"kinds": [layer["kind"] for layer in rest], "sizes": [list(layer["weight"].shape) for layer in rest],
                 "biases": [layer.get("bias") is not None for layer in rest], "norms": len(self.seen) - len(rest),
                 "places": [layer["places"] for layer in rest]}
        for k, layer in enumerate(rest[:10]):
            found[f"input{k}"], found[f"output{k}"] = layer["input"], layer["output"]
        return {**returned(("out",), (out,)), **found}


def build(module, name, x, numbers, arguments=()):
    """A model filled with `numbers`, the place of each parameter among them, and its mode, as it was made.

    It runs first: a lazy layer has no parameters before that.
    """
    model = getattr(module, name)(*arguments)
    training = model.training
    with torch.no_grad():
        model(x.clone())  # it may change it
    return model, fill(model, numbers), training


def part(module, name, which, x, image, numbers, arguments=()):
    """The layers of a model's encoder or decoder: kinds, sizes, places, what each got and gave. And how many numbers
    of the whole model learn.

    image: what the whole model wants.
    """
    model, places, training = build(module, name, image, numbers, arguments)
    if not callable(getattr(model, which, None)):
        return {"there": False}
    with torch.no_grad(), Placed(places) as layers:
        out = getattr(model, which)(x)
    return {**layers.told(out), "there": True, "training": training,
            "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad)}


def stand_in(model, which, weight, shape):
    """Let a matrix stand for the encoder or the decoder of a model, however the model calls it."""
    weight, part = nn.Parameter(weight.clone()), getattr(model, which)
    # A part may be a method of the model, too.
    place, name = (part.__dict__, "forward") if isinstance(part, nn.Module) else (model.__dict__, which)
    place[name] = lambda x: (x.flatten(1) @ weight.T).view(shape)


def forward(model, x, places):
    """The output of a model, its layers, and its gradient in x for the loss sum(out ** 2); whether x stays as it is."""
    leaf = x.clone().requires_grad_()
    given = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
    with Placed(places) as layers:
        out = model(given)
    found = {"untouched": torch.equal(given, leaf), "learns": isinstance(out, torch.Tensor) and out.requires_grad}
    if found["learns"]:
        out.square().sum().backward()
    return {**layers.told(out), **found, "gradient": "None" if leaf.grad is None else leaf.grad}


def reconstruction(module, name, x, numbers, encoder, decoder):
    """What a model does with x, and which of its parameters get no gradient. The output and the gradient once more,
    with two matrices in place of its encoder and its decoder."""
    model, places, _ = build(module, name, x, numbers)
    found = forward(model, x, places)
    found["silent"] = [label for label, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    found["parameters"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    with torch.no_grad():
        found.update(returned(("code",), (model.encoder(x),)))
    stand_in(model, "encoder", encoder, (len(x), -1))
    stand_in(model, "decoder", decoder, x.shape)
    try:
        composed = forward(model, x, places)
    except Exception:  # it may want to know more of its parts than what they give
        return found
    return {**found, **{f"composed_{name}": composed[name] for name in ("out", "gradient")}}


def hidden(module, x, units, numbers):
    """What goes into each layer of DenoisingAutoencoder(hidden=units). Its forward is a gap of its own. And what the
    first layer and the last one give for as many numbers of x as they want, with all parameters filled alike."""
    model = module.DenoisingAutoencoder(hidden=units)
    with torch.no_grad():
        model.decoder(model.encoder(x))  # as in build
        for p in model.parameters():
            p.copy_(piece(numbers, 0, p.shape))
        with Layers() as layers:
            model.decoder(model.encoder(x))
        found = {"inputs": [layer["input"].shape[-1] for layer in layers.seen]}
        for label, (weight, bias) in zip(("first", "last"), layers.linear[:1] + layers.linear[-1:]):
            found[label] = F.linear(x[:, :weight.shape[1]], weight, bias)
    return found


# reconstruction_loss

def losses(module, count, **pairs):
    """The loss of `count` pairs x_hat0, x0, x_hat1, x1 and so on, and its gradient in x_hat."""
    found = {"returned": [], "shapes": [], "untouched": True}
    for k in range(count):
        leaf, x = pairs[f"x_hat{k}"].clone().requires_grad_(), pairs[f"x{k}"].clone()
        x_hat = 1 * leaf  # a leaf cannot be changed in place: torch would refuse
        value = module.reconstruction_loss(x_hat, x)
        found["returned"].append(type(value).__name__)
        if not isinstance(value, torch.Tensor):
            continue
        found["shapes"].append(list(value.shape))
        found["untouched"] &= torch.equal(x_hat, leaf) and torch.equal(x, pairs[f"x{k}"])
        found[f"loss{k}"] = value.detach()
        gradient = None
        if value.requires_grad:
            gradient, = torch.autograd.grad(value.sum(), [leaf], allow_unused=True)
        found[f"gradient{k}"] = "None" if gradient is None else gradient
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
    return {"raised": found}


# mean_loss and encode_all

class Recorder(nn.Module):
    """Passes images on in evaluation mode, halves them in training mode, and keeps what came."""

    def __init__(self):
        super().__init__()
        self.batches, self.modes = [], set()

    def forward(self, x):
        self.batches.append(len(x))
        self.modes.add(self.training)
        return x.float() / 2 if self.training else x.float()


class SmallAutoencoder(nn.Module):
    """An autoencoder that is two known matrices."""

    def __init__(self, encoder_weight, decoder_weight, shape):
        super().__init__()
        first, second = (nn.Linear(*weight.shape[::-1], bias=False) for weight in (encoder_weight, decoder_weight))
        first.weight.data, second.weight.data = encoder_weight.clone(), decoder_weight.clone()
        self.recorder = Recorder()
        self.encoder = nn.Sequential(self.recorder, nn.Flatten(), first)
        self.decoder = nn.Sequential(second, nn.Unflatten(-1, tuple(shape)))

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
    return {**returned(("value",), (torch.tensor(value, dtype=torch.double) if number else value,)),
            "kind": type(value).__name__, "joined": getattr(value, "requires_grad", False),
            "batches": model.recorder.batches, "modes": sorted(model.recorder.modes),
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
    return {**returned(("grid",), (value,)), "dtype": str(getattr(value, "dtype", None)),
            "untouched": torch.equal(codes, before)}


# add_salt_and_pepper

def noise(module, images, amount):
    """Two draws after another, without a generator."""
    before = images.clone()
    found = {label: module.add_salt_and_pepper(images, amount) for label in ("first", "second")}
    return {**returned(found, list(found.values())), "untouched": torch.equal(images, before),
            "dtype": str(getattr(found["first"], "dtype", None))}


def seeded(module, images, amount, number):
    """Draws with generators: one seed twice, with different global seeds; the same generator again; another seed.

    And whether a draw with a generator moves, or seeds, PyTorch's global one.
    """
    found = {}
    for label, seed_of_generator, global_seed in (("one", number, 1), ("same", number, 2), ("other", number + 1, 2)):
        seed(global_seed)
        before = torch.get_rng_state()
        generator = torch.Generator().manual_seed(seed_of_generator)
        found[label] = module.add_salt_and_pepper(images, amount, generator=generator)
        found[f"{label}_next"] = module.add_salt_and_pepper(images, amount, generator=generator)
        moved = not torch.equal(before, torch.get_rng_state())
    return {**returned(found, list(found.values())), "moved": moved}
