"""Probes of helpers/gan.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is. The networks have up to 7 million weights: they run with weights that the grader has drawn, and what
goes into and comes out of each layer is returned.
"""
import torch
import torch._dynamo  # noqa: F401  (the first optimiser imports it, for a second: here once, not in every child)
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from autograde_tests.probes import Elsewhere, fill, piece, returned, seed
from helpers.given.checks import Layers


# sample_noise

def noise(module, batch_size, noise_dim):
    """Two draws after another."""
    out = returned(("first",), (module.sample_noise(batch_size, noise_dim),))
    out.update(returned(("second",), (module.sample_noise(batch_size, noise_dim),)))
    return out


def noise_kept(module, batch_size, noise_dim, dtype):
    """Kind of result for a dtype, for the default one, and for another device."""
    z = module.sample_noise(batch_size, noise_dim, dtype=getattr(torch, dtype))
    out = {**returned(("z",), (z,)),
           "default": str(getattr(module.sample_noise(batch_size, noise_dim), "dtype", None))}
    try:
        with Elsewhere():
            out["device"] = str(module.sample_noise(batch_size, noise_dim, device=Elsewhere.DEVICE).device)
    except Exception as error:
        out["device"] = str(error)
    return out


# Networks

PARTS = ("weight", "bias", "running_mean", "running_var")


def given(numbers, norm, k, part, shape):
    """A part of layer k of a network, or of its batch norm k, made of the grader's numbers."""
    values = piece(numbers, 7919 * (len(PARTS) * (k + 16 * norm) + PARTS.index(part)), shape)
    return values + 1 if part == "running_var" else values


class Given(Layers):
    """Runs a network with the grader's numbers in place of the weights of its layers, and records it.

    Args:
        norms: False lets batch norms keep what they hold.
        turned: the layer whose weights get the other sign.
        made: what other runs have made of the numbers already, to save time.
    """

    def __init__(self, numbers, norms=True, turned=None, made=None):
        super().__init__()
        self.numbers, self.norms, self.turned, self.made = numbers, norms, turned, {} if made is None else made

    def __torch_function__(self, function, types, args=(), kwargs=None):
        norm = function is F.batch_norm
        if function not in self.ARGUMENTS or norm and not self.norms:
            return super().__torch_function__(function, types, args, kwargs)
        names = self.ARGUMENTS[function]
        values = {**dict(zip(names, args)), **(kwargs or {})}
        k = sum((layer["kind"] == "batch_norm") == norm for layer in self.seen)
        for part in PARTS:
            if isinstance(values.get(part), torch.Tensor):
                place = norm, k, part, tuple(values[part].shape)
                if place not in self.made:
                    self.made[place] = given(self.numbers, *place)
                values[part] = self.made[place].to(values[part].dtype)
                if part.startswith("running"):
                    values[part] = values[part].clone()  # a batch norm changes it in training mode
        if k == self.turned and not norm:
            values["weight"] = -values["weight"]
        mean = values.get("running_mean")
        ordered = *(values.pop(name) for name in names[:len(args)]), *args[len(names):]
        output = super().__torch_function__(function, types, ordered, values)
        if mean is not None:
            self.seen[-1]["moved"] = mean
        return output


def layers_of(model, x, layers):
    """What each layer of a network gets and gives, in the order in which they run: linear layers and convolutions are
    numbered together, batch norms apart. layers: what records them."""
    with torch.no_grad(), layers:
        out = model(x)
    norms = [layer for layer in layers.seen if layer["kind"] == "batch_norm"]
    rest = [layer for layer in layers.seen if layer["kind"] != "batch_norm"]
    found = returned(("out",), (out,))
    found.update(kinds=[layer["kind"] for layer in rest], sizes=[list(layer["weight"].shape) for layer in rest],
                 biases=[layer.get("bias") is not None for layer in rest], norms=len(norms),
                 features=[0 if layer.get("weight") is None else len(layer["weight"]) for layer in norms],
                 eps=[layer.get("eps", 1e-5) for layer in norms])
    for k, layer in enumerate(rest[:8]):
        found[f"input{k}"], found[f"output{k}"] = layer["input"], layer["output"]
    for k, layer in enumerate(norms[:8]):
        found.update({f"norm{k}_{name}": layer[name] for name in ("input", "output", "moved") if name in layer})
    return found


def network(module, name, x, numbers, arguments=(), turn=False):
    """The layers of a network as it is made, and its mode.

    turn: once more with the sign of the last weights turned, since a network with one output may give one sign only.
    """
    model = getattr(module, name)(*arguments)
    found = {**layers_of(model, x, Given(numbers)), "training": model.training}
    if turn and found["kinds"]:
        last = len(found["kinds"]) - 1
        turned = layers_of(model, x, Given(numbers, turned=last))
        found.update(turned_out=turned["out"], turned_last=turned.get(f"output{last}"))
    return found


def evaluated(module, name, x, other, numbers, arguments=()):
    """The layers of a network in training mode, and for other inputs in evaluation mode; and its output for two."""
    model, made = getattr(module, name)(*arguments).train(), {}
    trained = layers_of(model, x, Given(numbers, made=made))
    found = layers_of(model.eval(), other, Given(numbers, made=made))
    found.update({f"trained_{key}": value for key, value in trained.items()})
    with torch.no_grad(), Given(numbers, made=made):
        return {**found, "few": model(other[:2])}


def size(module, name, x, numbers=None, arguments=()):
    """Number of trainable numbers, and which of them get no gradient. With numbers, the layers too. The network runs
    first: a lazy layer has no weights before that."""
    model = getattr(module, name)(*arguments).train()
    out = model(x)
    found = returned(("out",), (out,))
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    if numbers is not None:
        found.update(layers_of(model, x, Given(numbers, norms=False)))
    found["parameters"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found["silent"] = [label for label, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    return found


# Losses

def losses(module, name, count, **logits):
    """A loss and its gradients for `count` batches: real0, fake0, real1, fake1 and so on, or only the fake ones.

    And the device of the loss, or what was raised, for logits on another device.
    """
    found = {"returned": [], "untouched": True}
    for k in range(count):
        names = [label for label in (f"real{k}", f"fake{k}") if label in logits]
        leaves = [logits[label].clone().requires_grad_() for label in names]
        inputs = [1 * leaf for leaf in leaves]  # a leaf cannot be changed in place: torch would refuse
        value = getattr(module, name)(*inputs)
        found["returned"].append(type(value).__name__)
        if not isinstance(value, torch.Tensor):
            continue
        found["untouched"] &= all(torch.equal(x, leaf) for x, leaf in zip(inputs, leaves))
        found[f"loss{k}"] = value.detach()
        gradients = [None] * len(leaves)
        if value.requires_grad:
            gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
        found.update({f"d_{label}": "None" if g is None else g for label, g in zip(names, gradients)})
    module.device = Elsewhere.DEVICE  # a file may keep its device in a global, as the coursework's notebook does
    try:
        with Elsewhere():
            found["device"] = str(getattr(module, name)(*(torch.zeros(5, 1).to(module.device) for _ in names)).device)
    except Exception as error:
        found["device"] = str(error)
    return found


# get_optimizer

def optimizer(module, numbers, gradients):
    """What an optimiser holds, its settings, and where its steps lead with these gradients (one row for each step)."""
    model, other = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double() for _ in range(2))
    vector_to_parameters(numbers, model.parameters())
    first, second = module.get_optimizer(model), module.get_optimizer(other)
    found = {"returned": type(first).__name__, "optimizer": isinstance(first, torch.optim.Optimizer)}
    if not found["optimizer"]:
        return found
    found["same"] = first is second
    held = [{id(p) for group in made.param_groups for p in group["params"]} for made in (first, second)]
    found["missing"] = [name for name, p in model.named_parameters() if id(p) not in held[0]]
    found["foreign"] = len(held[0] - {id(p) for p in model.parameters()})
    found["other_missing"] = [name for name, p in other.named_parameters() if id(p) not in held[1]]
    for name in ("lr", "weight_decay"):
        found[name] = [float(group.get(name, 0)) for group in first.param_groups]
    found["betas"] = [[float(beta) for beta in group.get("betas", ())] for group in first.param_groups]
    path = []
    for gradient in gradients:
        for p, part in zip(model.parameters(), gradient.split([p.numel() for p in model.parameters()])):
            p.grad = part.view_as(p).clone()
        first.step()
        path.append(parameters_to_vector(model.parameters()).detach().clone())
    found["path"] = torch.stack(path)
    return found


# initialize_weights

def initialized(module, inputs, outputs, numbers, scheme=None):
    """Weights after `model.apply(initialize_weights)`, for every kind of layer. Those of all but the batch norms were
    filled with the grader's numbers. None: the default scheme."""
    few, many = outputs // 3, inputs // 3
    layers = nn.ModuleDict({
        "Linear": nn.Linear(inputs, outputs),
        "Conv2d": nn.Conv2d(many, few, 3),
        "ConvTranspose2d": nn.ConvTranspose2d(many, few, 3, stride=2),
        "Linear, bias=False": nn.Linear(inputs, outputs, bias=False),
        "Conv2d, bias=False": nn.Conv2d(many, few, 3, bias=False),
        "ConvTranspose2d, bias=False": nn.ConvTranspose2d(many, few, 3, bias=False),
        "BatchNorm1d": nn.BatchNorm1d(outputs),
        "BatchNorm2d": nn.BatchNorm2d(few),
    })
    fill(nn.ModuleList(list(layers.values())[:6]), numbers)
    model = nn.Sequential(nn.Flatten(), *layers.values(), nn.Sequential(nn.LeakyReLU(0.01), nn.MaxPool2d(2), nn.Tanh()))
    options = {} if scheme is None else {"scheme": scheme}
    model.apply(lambda layer: module.initialize_weights(layer, **options))
    found = {"frozen": [name for name, p in layers.named_parameters() if not p.requires_grad]}
    for k, layer in enumerate(layers.values()):
        found[f"weight{k}"] = layer.weight
        if layer.bias is not None:
            found[f"bias{k}"] = layer.bias
    return found


# FashionGenerator and FashionDiscriminator

def design(module, name, arguments=()):
    """Build the student's own network. Its first weights do not matter here, so another gap does not."""
    module.initialize_weights = lambda layer, scheme="normal": None
    return getattr(module, name)(*arguments)


def once(kind, size, x, numbers, k):
    """What layer k makes of the part of x that its kernel meets first, whatever its stride and padding."""
    if kind == "conv2d":
        x = x[:, :size[1], :size[2], :size[3]]
        x = F.pad(x, (0, size[3] - x.shape[3], 0, size[2] - x.shape[2]))
    elif kind == "conv_transpose2d":
        x = x[:, :size[0], :1, :1]
    return getattr(F, kind)(x, given(numbers, False, k, "weight", size))


def last_layer(model, x, numbers):
    """The last layer of a network in evaluation mode with weights of the grader's numbers: what it gets, and makes of
    a part of it."""
    with torch.no_grad(), Given(numbers) as layers:
        model.eval()(x)
    rest = [layer for layer in layers.seen if layer["kind"] != "batch_norm"]
    if not rest:
        return {"kind": "none"}
    kind, size, got = rest[-1]["kind"], list(rest[-1]["weight"].shape), rest[-1]["input"]
    return {"kind": kind, "size": size, "got": got, "made": once(kind, size, got, numbers, len(rest) - 1),
            "place": len(rest) - 1}


def own_network(module, name, x, twins, numbers, counts, number, arguments=()):
    """Outputs in training mode for batches of these sizes, and for one input in evaluation mode.

    Then for two inputs with the same random numbers, for a network that draws some of its own. Then the last layer.
    """
    model, before = design(module, name, arguments).train(), x.clone()
    found = {}
    with torch.no_grad():
        for count in counts:
            found.update(returned((f"out{count}",), (model(x[:count]),)))
        found.update(returned(("single",), (model.eval()(x[:1]),)))
        model.train()
        for label, inputs in (("one", x), ("other", x.flip(1))):
            seed(number)
            found.update(returned((label,), (model(inputs),)))
    return {**found, **last_layer(model, twins, numbers), "untouched": torch.equal(x, before)}


def strangers(out, known):
    """The shapes of weights that an output was computed with and that are not among the known tensors."""
    known, seen, todo, shapes = {id(tensor) for tensor in known}, set(), [out.grad_fn], []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo += [before for before, _ in node.next_functions]
        if hasattr(node, "variable") and id(node.variable) not in known:
            shapes.append(list(node.variable.shape))
    return shapes


def pushed(module, name, x, twins, numbers, steps, step, arguments=()):
    """Outputs of a new network, and after its parameters have moved so that all outputs rise, or fall. The last layer.

    Each step moves every parameter by the same amount, along the sign of its gradient.
    """
    found = {}
    for label, direction in (("risen", 1), ("fallen", -1)):
        model = design(module, name, arguments).train()
        for _ in range(steps):
            inputs = x.clone().requires_grad_()
            out = model(inputs)
            if not isinstance(out, torch.Tensor):
                return returned(("out",), (out,))
            if out.requires_grad:
                found.setdefault("strangers", strangers(out, [*model.parameters(), inputs])[:3])
                model.zero_grad()
                out.sum().backward()
            silent = [key for key, p in model.named_parameters() if p.requires_grad and p.grad is None]
            found.setdefault("silent", silent[:3])
            found.setdefault("out", out)
            found.setdefault(f"before_{label}", out)
            found.setdefault("reaches_input", inputs.grad is not None and bool((inputs.grad != 0).any()))
            with torch.no_grad():
                for p in model.parameters():
                    if p.grad is not None:
                        p += direction * step * p.grad.sign()
        with torch.no_grad():
            found[label] = model(x)
    return {**found, **last_layer(model, twins, numbers)}
