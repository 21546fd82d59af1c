"""Probes of helpers/faces.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is. The grader sends the weights of the networks. For the steps of training, tiny networks stand for the
student's: what a step does to them can be followed to the last digit.
"""
from contextlib import suppress
from numbers import Real

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize, parameters_to_vector, vector_to_parameters

from autograde_tests.probes import fill, returned
from helpers.given.checks import Layers, PlainSteps
from helpers.given.checks.faces import TinyDiscriminator, TinyGenerator


# receptive_field, concat_labels, ResidualBlock

def fields(module, stacks):
    """The receptive field of some stacks of layers, and whether a stack was changed."""
    found = {"sizes": [], "kinds": [], "untouched": True}
    for stack in stacks:
        layers = [tuple(layer) for layer in stack]
        size = module.receptive_field(layers)
        found["untouched"] &= layers == [tuple(layer) for layer in stack]
        if isinstance(size, torch.Tensor) and size.numel() == 1:
            size = size.item()
        found["kinds"].append(type(size).__name__)
        found["sizes"].append(float(size) if isinstance(size, Real) else None)
    return found


def joined(module, images, labels):
    """Images with labels; in a second call the labels are integers. And whether the inputs were changed."""
    before = images.clone(), labels.clone()
    found = returned(("out",), (module.concat_labels(images, labels),))
    found["untouched"] = torch.equal(images, before[0]) and torch.equal(labels, before[1])
    leaf = images.clone().requires_grad_()
    out = module.concat_labels(leaf, labels)
    found["reaches"] = bool(getattr(out, "requires_grad", False))
    if found["reaches"]:
        found["gradient"], = torch.autograd.grad(out.square().sum(), leaf)
    try:
        whole = module.concat_labels(images, (labels > 0).long())
        found.update(returned(("whole",), (whole,)), dtype=str(getattr(whole, "dtype", None)))
    except Exception as error:
        found.update(whole=f"{type(error).__name__}: {error}", dtype="")
    return found


def block(module, x, numbers):
    """What a residual block returns, with layers that have the grader's numbers for their weights."""
    model, before = module.ResidualBlock(x.shape[1]), x.clone()
    model.layers = Block(x.shape[1]).layers
    fill(model.layers, numbers)
    found = returned(("out",), (model(x),))
    found["untouched"] = torch.equal(x, before)
    leaf = before.clone().requires_grad_()
    out = model(1 * leaf)  # a leaf cannot be changed in place: torch would refuse
    if isinstance(out, torch.Tensor) and out.requires_grad:
        out.sin().sum().backward()
    found.update(returned(("gradient",), (leaf.grad,)))
    found["silent"] = [name for name, p in model.named_parameters() if p.grad is None][:3]
    return found


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


class Calls(Layers):
    """Layers that also tell how they move over the image, and which tensors their weight and bias are."""

    ARGUMENTS = {**Layers.ARGUMENTS,
                 F.conv2d: ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
                 F.conv_transpose2d: ("input", "weight", "bias", "stride", "padding", "output_padding", "groups",
                                      "dilation")}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        output = super().__torch_function__(function, types, args, kwargs)
        if function in self.ARGUMENTS:
            given = {**dict(zip(self.ARGUMENTS[function], args)), **(kwargs or {})}
            self.seen[-1]["ids"] = [id(given.get(name)) for name in ("weight", "bias")]
        return output

    def told(self, places):
        """The layers without batch norms, and what tells of each where its weights are (see `fill`), and its form."""
        layers = [layer for layer in self.seen if layer["kind"] != "batch_norm"]
        return layers, [{"kind": layer["kind"], "size": list(layer["weight"].shape),
                         "places": [places.get(key) for key in layer["ids"]], "bias": layer.get("bias") is not None,
                         **{name: layer[name] for name in ("stride", "padding", "output_padding", "dilation", "groups")
                            if name in layer}} for layer in layers]


def fill_layers(model, numbers, *inputs):
    """Fill weights and biases of the layers that run for these inputs with the grader's numbers. What else there is,
    such as the scales of norms, stays as it was made. Returns what `fill` does."""
    with torch.no_grad(), Calls() as layers:
        model(*(x.clone() for x in inputs))
    used = {key for layer in layers.seen if layer["kind"] != "batch_norm" for key in layer["ids"]}
    made = [p.detach().clone() for p in model.parameters()]
    places = fill(model, numbers)
    with torch.no_grad():
        for p, value in zip(model.parameters(), made):
            if id(p) not in used:
                p.copy_(value)
    return places


def sums(out):
    """The shapes of what is added to what it was made from: residual connections, in the graph behind an output."""
    def ancestors(node):
        seen, todo = set(), [node]
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                todo += [before for before, _ in node.next_functions]
        return seen

    found = []
    for node in ancestors(out.grad_fn):
        parts = [before for before, _ in node.next_functions if before is not None]
        if node.name().startswith("AddBackward") and len(parts) == 2 and parts[0] is not parts[1]:
            behind = [ancestors(part) for part in parts]
            if parts[0] in behind[1] or parts[1] in behind[0]:
                found.append(node.name())
    return len(found)


def traced(model, places, *inputs):
    """Run a model once. Returns what its convolutions and linear layers are, got and gave (input0, output0, ...), and
    its output."""
    with Calls() as layers:
        out = model(*inputs)
    layers, told = layers.told(places)
    found = {"layers": told, "linear": linear(layers)}
    for k, layer in enumerate(layers[:40]):
        found[f"input{k}"], found[f"output{k}"] = layer["input"], layer["output"]
    return found, out


def linear(layers):
    """Pairs of layers that nothing but a scale and a shift of each channel stands between: [k, ...]."""
    found = []
    for k, (one, other) in enumerate(zip(layers, layers[1:])):
        if one["output"].shape != other["input"].shape or one["output"].dim() < 4:
            continue
        a, b = (x.double().flatten(2) for x in (one["output"], other["input"]))
        a, b = a - a.mean(dim=2, keepdim=True), b - b.mean(dim=2, keepdim=True)
        cosine = (a * b).sum(dim=2).abs() / (a.norm(dim=2) * b.norm(dim=2)).clamp(min=1e-12)
        if cosine.min() > 0.9999:
            found.append(k)
    return found


def star(module, images, labels, numbers, arguments):
    """A generator with the grader's numbers for its weights; what `sized` tells of it."""
    model, before = build(module, "StarGenerator", arguments), images.clone()
    training = model.training
    places = fill_layers(model, numbers, images[:1], labels[:1])
    found, out = traced(model, places, images, labels)
    found.update(returned(("out",), (out,)), training=training, num_labels=getattr(model, "num_labels", None),
                 untouched=torch.equal(images, before), parameters=sum(p.numel() for p in model.parameters()))
    if isinstance(out, torch.Tensor):
        found["sums"] = sums(out)
    return model, found


def sized(module, images, labels, numbers, arguments):
    """A generator: its layers, and its output."""
    return star(module, images, labels, numbers, arguments)[1]


def generator(module, images, labels, others, numbers, arguments):
    """The same, and outputs for other labels, for one image; gradients."""
    model, found = star(module, images, labels, numbers, arguments)
    if not isinstance(found["out"], torch.Tensor):
        return found
    with torch.no_grad():
        found.update(returned(("other",), (model(images, others),)))
        found.update(returned(("one",), (model(images[:1], labels[:1]),)))
    leaf = images.clone().requires_grad_()
    out = model(leaf, labels)
    if out.requires_grad:
        out.square().mean().backward()
    found.update(silent=[name for name, p in model.named_parameters() if p.requires_grad and p.grad is None][:3],
                 reaches=leaf.grad is not None and bool(leaf.grad.any()))
    return found


def discriminator(module, images, numbers, arguments):
    """The discriminator: layers, outputs, gradients, with the grader's numbers for its weights; outputs for large
    images."""
    model = build(module, "PatchDiscriminator", arguments)
    training, before = model.training, images.clone()
    places = fill_layers(model, numbers, images[:1])
    out = model(images)
    found = returned(("patches", "labels"), out)
    found.update(pair=isinstance(out, (tuple, list)), type=type(out).__name__, training=training,
                 untouched=torch.equal(images, before))
    if found["count"] != 2 or not all(isinstance(part, torch.Tensor) for part in out):
        return found
    for label, k in (("patches", 0), ("labels", 1)):
        leaf = images.clone().requires_grad_()
        out, others = model(leaf), None
        if out[k].requires_grad:
            others, = torch.autograd.grad(out[k][0].square().sum(), leaf, retain_graph=True, allow_unused=True)
            out[k].square().mean().backward()
        found[f"{label}_of_others"] = others is not None and bool(others[1:].any())
        found[f"{label}_reach"] = leaf.grad is not None and bool(leaf.grad.any())
        if leaf.grad is not None:  # how much of the height and of the width the output looks at
            seen = (leaf.grad != 0).any(dim=1).any(dim=0)
            found[f"{label}_seen"] = [int(seen.any(dim=1).sum()), int(seen.any(dim=0).sum())]
    found["silent"] = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    with torch.no_grad():
        layers, out = traced(model, places, 100 * images)
        found.update({f"large_{key}": part for key, part in returned(("patches", "labels"), out).items()}, **layers)
        found["one"] = [list(getattr(part, "shape", ())) for part in model(images[:1])]
    return found


def field(module, size, numbers, arguments):
    """What one patch of the discriminator sees of an image (size, size): its gradient, in double precision."""
    model = build(module, "PatchDiscriminator", arguments).double()
    for part in model.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()  # what is dropped by chance says nothing of what is seen
    images = torch.linspace(0, 2, 2 * 3 * size * size, dtype=torch.double).sin().view(2, 3, size, size)
    places = fill_layers(model, numbers, images[:1, :, :64, :64])
    images.requires_grad_()
    with Calls() as layers:
        patches = model(images)[0]
    found = {"layers": layers.told(places)[1]}
    if not isinstance(patches, torch.Tensor) or patches.dim() < 3:
        return {**found, "shape": list(getattr(patches, "shape", ()))}
    h, w = patches.shape[-2:]
    seen, = torch.autograd.grad(patches[0, ..., h // 2, w // 2].sum(), images)
    return {**found, "shape": list(patches.shape), "others": bool(seen[1].any()), "gradient": seen[0].float()}


# The steps

def networks(d_weights, g_weights, num_labels):
    """The tiny networks with these weights."""
    made = TinyDiscriminator(num_labels), TinyGenerator(num_labels)
    for model, weights in zip(made, (d_weights, g_weights)):
        vector_to_parameters(weights, model.parameters())
    return made


def terms_of(result):
    """What a step returned, by name."""
    if not isinstance(result, dict):
        return {"type": type(result).__name__, "names": []}
    found = {"type": "dict", "names": [str(name) for name in result],
             "shapes": {str(name): list(getattr(value, "shape", [-1])) for name, value in result.items()},
             "types": {str(name): type(value).__name__ for name, value in result.items()},
             "attached": [str(name) for name, value in result.items() if getattr(value, "requires_grad", False)]}
    for name, value in result.items():
        if isinstance(value, (int, float)):
            value = torch.tensor(float(value))
        if isinstance(value, torch.Tensor):
            found[f"term_{name}"] = value.detach().double()
    return found


def step(module, name, d_weights, g_weights, stale, images, labels, targets, lr, options):
    """One step of one player. stale: gradients that are left on it from before."""
    d, g = networks(d_weights, g_weights, labels.shape[1])
    player, other = (d, g) if name == "discriminator_step" else (g, d)
    for p, part in zip(player.parameters(), stale.split([p.numel() for p in player.parameters()])):
        p.grad = part.view_as(p).clone()
    optimizer = PlainSteps(player.parameters(), lr=lr)
    before, called = [value.clone() for value in (images, labels, targets)], []
    for model in (d, g):
        model.register_forward_pre_hook(lambda model, given: called.append(model.training))
    result = getattr(module, name)(d, g, images, labels, targets, optimizer, **options)
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)  # for what is asked next
    found = terms_of(result)
    found.update(
        grad_enabled=grad_enabled, called=all(called),
        steps=optimizer.steps, d_weights=parameters_to_vector(d.parameters()),
        g_weights=parameters_to_vector(g.parameters()),
        other_gradient=max([float(p.grad.abs().max()) for p in other.parameters() if p.grad is not None], default=0.0),
        frozen=[p for p, weight in (*d.named_parameters(), *g.named_parameters()) if not weight.requires_grad][:3],
        modes=[d.training, g.training],
        untouched=all(torch.equal(a, b) for a, b in zip(before, (images, labels, targets))))
    return found


def round_of(module, images, labels, targets, count, options):
    """One round with `count` batches. Recorders stand for the two steps, whose gaps are judged apart. They keep two
    traces, numbers into which go, step by step, who stepped on which batch; into the other one, with which weights."""
    all_images = images
    d, g = TinyDiscriminator(labels.shape[-1]), TinyGenerator(labels.shape[-1])
    d_optimizer, g_optimizer = (PlainSteps(model.parameters(), lr=0.1) for model in (d, g))
    batches = [(images[k], labels[k], targets[k]) for k in range(count)]
    calls, given_batches, traces = [], list(batches), [torch.zeros((), dtype=torch.double) for _ in range(2)]

    def note(player, given, extra):
        names = {id(d): "discriminator", id(g): "generator", id(d_optimizer): "d_optimizer",
                 id(g_optimizer): "g_optimizer"}
        which = []
        for place, value in enumerate(given[2:5]):
            same = [k for k, batch in enumerate(batches) if torch.is_tensor(value) and torch.equal(value, batch[place])]
            which.append(same[0] if same else -1)
        calls.append({"player": player, "networks": [names.get(id(part), "?") for part in given[:2]], "batch": which,
                      "modes": [d.training, g.training], "optimizer": names.get(id(given[5]), "?"), **extra})
        step = sum((place + 1 + (player == "g")) * value.double().mean() for place, value in enumerate(given[2:5])
                   if torch.is_tensor(value))
        traces[0] = traces[0] / 2 + step
        traces[1] = traces[1] / 2 + all_images.double().mean() + sum(extra.values())
        return [(traces[1] + k).float() for k in range(3)]

    def discriminator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0):
        terms = note("d", (discriminator, generator, images, labels, target_labels, optimizer),
                     {"label_weight": float(label_weight)})
        return dict(zip(("d_adversarial", "d_label"), terms))

    def generator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0,
                       reconstruction_weight=10.0):
        terms = note("g", (discriminator, generator, images, labels, target_labels, optimizer),
                     {"label_weight": float(label_weight), "reconstruction_weight": float(reconstruction_weight)})
        return dict(zip(("g_adversarial", "g_label", "g_reconstruction"), terms))

    module.discriminator_step, module.generator_step = discriminator_step, generator_step
    result = module.train_round(d, g, given_batches, d_optimizer, g_optimizer, **options)
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    kept = len(given_batches) == count and all(a is b for a, b in zip(given_batches, batches))
    return {**terms_of(result), "calls": calls, "trace": traces[0], "kept": kept, "modes": [d.training, g.training],
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
        self.asked, self.modes, self.grads = Record(), Record(), Record()
        self.weight = nn.Parameter(weights)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images, labels):
        self.asked.append(labels)
        self.modes.append(self.training)
        self.grads.append(torch.is_grad_enabled())
        if labels.shape != (len(images), self.num_labels):
            return 0 * images
        return torch.tanh(self.norm(images) + (labels @ self.weight)[:, :, None, None])


def translated(module, images, labels, form, weights, training):
    """Translated images for labels as an int, or as a tensor."""
    model = Mood(len(weights), weights).train(training)
    label = int(labels[0]) if form == "int" else labels.clone()
    before = images.clone()
    found = returned(("out",), (module.translate(model, images, label),))
    grad_enabled = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    rows = {labels.shape[1:] for labels in model.asked}
    asked = torch.cat(model.asked) if len(rows) == 1 and () not in rows else None
    found.update(calls=len(model.asked), grad_enabled=grad_enabled,
                 frozen=not all(p.requires_grad for p in model.parameters()),
                 evaluated=not any(model.modes), training=model.training,
                 norm_training=model.norm.training, untouched=torch.equal(images, before),
                 attached=bool(getattr(found["out"], "requires_grad", False)), gradients=any(model.grads),
                 dtype=str(getattr(asked, "dtype", None)), kept=float(model.norm.running_mean.abs().max()))
    found.update(returned(("asked",), (asked,)))
    return found
