"""Probes of helpers/faces.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns lists and dicts of tensors and plain values. Nothing here
says what a right answer is. The grader sends the weights of the networks. For the steps of training, tiny networks
stand for the student's: what a step does to them can be followed to the last digit.
"""
from contextlib import suppress
from numbers import Real

import torch
from torch import nn
from torch.nn.utils import parametrize, vector_to_parameters

from autograde_tests.probes import fill, piece, shown
from helpers.given.checks.engine import Layers, PlainSteps, parameters, silent
from helpers.given.checks.faces import TinyDiscriminator, TinyGenerator, attached_of, weights_of
from helpers.given.weights import load


# receptive_field, concat_labels, ResidualBlock

def fields(module, stacks):
    """The receptive field of some stacks of layers, and whether a stack was changed."""
    found = {"sizes": [], "untouched": True}
    for stack in stacks:
        layers = [tuple(layer) for layer in stack]
        size = module.receptive_field(layers)
        found["untouched"] &= layers == [tuple(layer) for layer in stack]
        if isinstance(size, torch.Tensor) and size.numel() == 1:
            size = size.item()
        found["sizes"].append(float(size) if isinstance(size, Real) else type(size).__name__)
    return found


def joined(module, images, labels):
    """Images with labels; in a last call the labels are integers. And whether the inputs were changed."""
    before = images.clone(), labels.clone()
    found = {"out": shown(module.concat_labels(images, labels))}
    found["untouched"] = all(map(torch.equal, before, (images, labels)))
    leaf = images.clone().requires_grad_()
    out = module.concat_labels(leaf, labels)
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    found["gradient"] = shown(leaf.grad)
    try:
        whole = module.concat_labels(images, (labels > 0).long())
        found.update(whole=shown(whole), dtype=str(getattr(whole, "dtype", None)))
    except Exception as error:
        found.update(whole=f"{type(error).__name__}: {error}", dtype="")
    return found


def block(module, x, numbers):
    """What a residual block returns, with layers that have the grader's numbers for their weights."""
    model, before = module.ResidualBlock(x.shape[1]), x.clone()
    model.layers = Block(x.shape[1]).layers
    fill(model.layers, numbers)
    found = {"out": shown(model(x)), "untouched": torch.equal(x, before)}
    leaf = before.clone().requires_grad_()
    out = model(1 * leaf)  # a leaf cannot be changed in place: torch would refuse
    if isinstance(out, torch.Tensor) and out.requires_grad:
        out.sin().sum().backward()
    return {**found, "gradient": shown(leaf.grad), "silent": silent(model)}


# The networks

class Block(nn.Module):
    """Stands for the student's ResidualBlock, whose gap is judged apart."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.InstanceNorm2d(channels, affine=True),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.InstanceNorm2d(channels, affine=True))

    def forward(self, x):
        return x + self.layers(x)


def join(images, labels):
    """Stands for the student's concat_labels, whose gap is judged apart."""
    planes = labels[:, :, None, None].expand(*labels.shape, *images.shape[2:])
    return torch.cat((images, planes.to(images)), dim=1)


def build(module, name, arguments):
    """A network as it is made, without what may normalise its weights (a spectral norm): weights are sent to it."""
    module.ResidualBlock, module.concat_labels = Block, join
    model = getattr(module, name)(**arguments)
    for part in list(model.modules()):
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
        for remove in (nn.utils.remove_spectral_norm, nn.utils.remove_weight_norm):  # made in the older way
            with suppress(ValueError):
                remove(part)
    return model


class Filled(Layers):
    """Fills the weights and biases of layers with the grader's numbers, one after another, when they first run. What
    else there is, such as the scales of norms, stays as it was made."""

    FORM = "stride", "padding", "output_padding", "dilation", "groups"

    def __init__(self, numbers):
        super().__init__(places={})
        self.numbers, self.position = numbers, 0

    @torch.no_grad()
    def arguments(self, kind, k, given):
        for part in (given.get(name) for name in ("weight", "bias") if kind != "batch_norm"):
            if isinstance(part, nn.Parameter) and id(part) not in self.places:
                part.copy_(piece(self.numbers, self.position, part.shape))
                self.places[id(part)] = self.position
                self.position += part.numel()
        return given

    def told(self):
        """What tells of each layer its form, too, and where weight and bias begin among the numbers: None for a weight
        that is no parameter."""
        return super().told("places", *self.FORM)


def generator(module, images, labels, numbers, arguments):
    """A generator with the grader's numbers for its weights: its layers, and outputs, also for other labels and for
    one image; gradients."""
    model, before = build(module, "StarGenerator", arguments), images.clone()
    training, leaf = model.training, images.clone().requires_grad_()
    with torch.no_grad(), Filled(numbers) as layers:
        out = model(images, labels)
    found = {"layers": layers.told(), "out": shown(out), "training": training, "parameters": parameters(model),
             "num_labels": getattr(model, "num_labels", None), "untouched": torch.equal(images, before)}
    with torch.no_grad():
        found.update(other=shown(model(images, labels.roll(1, 1))), one=shown(model(images[:1], labels[:1])))
    out = model(leaf, labels)
    if getattr(out, "requires_grad", False):
        out.square().mean().backward()
    return {**found, "silent": silent(model), "reaches": leaf.grad is not None and bool(leaf.grad.any())}


def discriminator(module, images, far, numbers, arguments):
    """The discriminator: outputs and gradients, with the grader's numbers for its weights; layers and outputs for large
    images; the shapes for one image."""
    model, before = build(module, "PatchDiscriminator", arguments), images.clone()
    training = model.training
    with Filled(numbers):
        out = model(images)
    found = {"out": shown(out), "training": training, "untouched": torch.equal(images, before), "gradients": []}
    if not isinstance(out, (tuple, list)) or len(out) != 2 or not all(isinstance(part, torch.Tensor) for part in out):
        return found
    for k in (0, 1):
        leaf = images.clone().requires_grad_()
        part, others = model(leaf)[k], None
        if part.requires_grad:
            others, = torch.autograd.grad(part[0].square().sum(), leaf, retain_graph=True, allow_unused=True)
            part.square().mean().backward()
        gradient = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        seen = (gradient != 0).any(dim=1).any(dim=0)  # how much of the height and of the width it looks at
        found["gradients"].append({
            "reaches": bool(gradient.any()), "others": others is not None and bool(others[1:].any()),
            "seen": [int(seen.any(dim=1).sum()), int(seen.any(dim=0).sum())]})
    found["silent"] = silent(model)
    with torch.no_grad():
        with Filled(numbers) as layers:
            found["large"] = shown(model(far * images))
        found["one"] = [list(getattr(part, "shape", ())) for part in model(images[:1])]
    return {**found, "layers": layers.told()}


def field(module, size, numbers, arguments):
    """What one patch of the discriminator sees of an image (size, size): its gradient, in double precision."""
    model = build(module, "PatchDiscriminator", arguments).double()
    for part in model.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()  # what is dropped by chance says nothing of what is seen
    images = torch.linspace(0, 2, 2 * 3 * size * size, dtype=torch.double).sin().view(2, 3, size, size)
    images.requires_grad_()
    with Filled(numbers) as layers:
        patches = model(images)[0]
    found = {"shape": list(getattr(patches, "shape", ())), "layers": [
        {name: layer.get(name, 1) for name in ("kind", "size", "stride", "places")} for layer in layers.told()]}
    if not isinstance(patches, torch.Tensor) or patches.dim() < 3:
        return found
    h, w = patches.shape[-2:]
    seen, = torch.autograd.grad(patches[0, ..., h // 2, w // 2].sum(), images)
    return {**found, "others": bool(seen[1].any()), "gradient": seen[0].float()}


# The steps

def returned(result):
    """What a step returned, by name, and which terms a graph hangs on; the name of its type if it is no dict."""
    terms = {str(name): value if isinstance(value, (int, float)) else shown(value) for name, value in result.items()} \
        if isinstance(result, dict) else shown(result)
    return {"terms": terms, "attached": attached_of(result)}


def watched(kind, modes):
    """A kind of network that notes its mode whenever it runs, also if its `forward` is called."""
    class Watched(kind):
        def forward(self, *inputs, **named):
            modes.append(self.training)
            return super().forward(*inputs, **named)

    return Watched


def step(module, name, d_weights, g_weights, stale, images, labels, targets, lr, options):
    """One step of one player. stale: gradients that are left on it from before."""
    called = []
    d, g = (watched(kind, called)(labels.shape[1]) for kind in (TinyDiscriminator, TinyGenerator))
    vector_to_parameters(d_weights, d.parameters())
    vector_to_parameters(g_weights, g.parameters())
    player, other = (d, g) if name == "discriminator_step" else (g, d)
    for p, part in zip(player.parameters(), stale.split([p.numel() for p in player.parameters()])):
        p.grad = part.view_as(p).clone()
    optimizer = PlainSteps(player.parameters(), lr=lr)
    before = [value.clone() for value in (images, labels, targets)]
    result = getattr(module, name)(d, g, images, labels, targets, optimizer, **options)
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)  # for what is asked next
    return {
        **returned(result), "grad_enabled": grad_enabled, "called": all(called), "steps": optimizer.steps,
        "weights": {"d": weights_of(d), "g": weights_of(g)}, "modes": [d.training, g.training],
        "other_gradient": max([float(p.grad.abs().max()) for p in other.parameters() if p.grad is not None], default=0),
        "frozen": [key for model in (d, g) for key, p in model.named_parameters() if not p.requires_grad][:3],
        "untouched": all(map(torch.equal, before, (images, labels, targets)))}


def round_of(module, images, labels, targets, options):
    """One round. Recorders stand for the two steps, whose gaps are judged apart. They keep two traces, numbers into
    which go, step by step, who stepped on which batch; into the other one, with which weights."""
    mean = images.double().mean()
    d, g = TinyDiscriminator(labels.shape[-1]), TinyGenerator(labels.shape[-1])
    d_optimizer, g_optimizer = (PlainSteps(model.parameters(), lr=0.1) for model in (d, g))
    batches = list(zip(images, labels, targets))
    names = {id(d): "discriminator", id(g): "generator", id(d_optimizer): "d_optimizer", id(g_optimizer): "g_optimizer"}
    calls, given_batches, traces = [], list(batches), [torch.zeros((), dtype=torch.double) for _ in range(2)]

    def note(player, networks, given, optimizer, **weights):
        which = [next((k for k, batch in enumerate(batches) if torch.is_tensor(value)
                       and torch.equal(value, batch[place])), -1) for place, value in enumerate(given)]
        calls.append({"player": player, "networks": [names.get(id(part), "?") for part in networks], "batch": which,
                      "modes": [d.training, g.training], "optimizer": names.get(id(optimizer), "?"),
                      "weights": {name: float(weight) for name, weight in weights.items()}})
        step = sum((place + 1 + (player == "g")) * value.double().mean() for place, value in enumerate(given)
                   if torch.is_tensor(value))
        traces[0] = traces[0] / 2 + step
        traces[1] = traces[1] / 2 + mean + sum(map(float, weights.values()))
        return [(traces[1] + k).float() for k in range(3)]

    def discriminator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0):
        terms = note("d", (discriminator, generator), (images, labels, target_labels), optimizer,
                     label_weight=label_weight)
        return dict(zip(("d_adversarial", "d_label"), terms))

    def generator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0,
                       reconstruction_weight=10.0):
        terms = note("g", (discriminator, generator), (images, labels, target_labels), optimizer,
                     label_weight=label_weight, reconstruction_weight=reconstruction_weight)
        return dict(zip(("g_adversarial", "g_label", "g_reconstruction"), terms))

    module.discriminator_step, module.generator_step = discriminator_step, generator_step
    result = module.train_round(d, g, given_batches, d_optimizer, g_optimizer, **options)
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    kept = len(given_batches) == len(batches) and all(a is b for a, b in zip(given_batches, batches))
    return {**returned(result), "calls": calls, "trace": traces[0], "kept": kept, "modes": [d.training, g.training],
            "steps": d_optimizer.steps + g_optimizer.steps, "grad_enabled": grad_enabled,
            "frozen": not all(p.requires_grad for model in (d, g) for p in model.parameters())}


# translate

class Record(list):
    """A list that copies of its owner share."""

    def __deepcopy__(self, memo):
        return self


class Mood(nn.Module):
    """Stands for a generator: remembers what it is asked, and answers with what depends on image, label and mode."""

    def __init__(self, num_labels, weights):
        super().__init__()
        self.num_labels = num_labels
        self.asked, self.modes = Record(), Record()
        self.weight = nn.Parameter(weights)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images, labels):
        self.asked.append(labels)
        self.modes.append(self.training)
        if labels.shape != (len(images), self.num_labels):
            return 0 * images
        return torch.tanh(self.norm(images) + (labels @ self.weight)[:, :, None, None])


def translated(module, images, labels, form, weights, training):
    """Translated images for labels as an int, or as a tensor."""
    model = Mood(len(weights), weights).train(training)
    label, before = int(labels[0]) if form == "int" else labels.clone(), images.clone()
    out = module.translate(model, images, label)
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    rows = {labels.shape[1:] for labels in model.asked}
    return {"out": shown(out), "calls": len(model.asked), "evaluated": not any(model.modes),
            "asked": shown(torch.cat(model.asked) if len(rows) == 1 and () not in rows else None),
            "modes": [model.training, model.norm.training], "attached": getattr(out, "requires_grad", False),
            "grad_enabled": grad_enabled, "frozen": not all(p.requires_grad for p in model.parameters()),
            "untouched": torch.equal(images, before)}


# Trained work

def trained(module, weights, x, labels, settings):
    """What the student's generator, within the painter, makes of faces with these weights."""
    from helpers.given.faces import Painter  # with much that no other probe needs
    network = load(Painter(module.StarGenerator(labels.shape[1], **settings)), weights)
    with torch.inference_mode():
        return shown(network(x, labels))
