"""Probes of helpers/gan.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is. The networks have up to 7 million weights: what goes into and comes out of each layer is returned
instead of them.
"""
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from autograde_tests.probes import layers_of, returned, seed

# The first operation on the device without numbers imports a large part of torch, which takes a second. Done here, it
# is done once in the worker, not in every child that it forks.
2 * torch.rand(1, device="meta") - 1


# sample_noise

def noise(module, batch_size, noise_dim):
    """Two draws after another."""
    out = returned(("first",), (module.sample_noise(batch_size, noise_dim),))
    out.update(returned(("second",), (module.sample_noise(batch_size, noise_dim),)))
    return out


def noise_kept(module, batch_size, noise_dim, dtype):
    """Kind of result for a dtype, for the default one, and for the device without numbers."""
    z = module.sample_noise(batch_size, noise_dim, dtype=getattr(torch, dtype))
    out = {**returned(("z",), (z,)), "dtype": str(getattr(z, "dtype", None)),
           "default": str(getattr(module.sample_noise(batch_size, noise_dim), "dtype", None))}
    try:
        out["device"] = str(module.sample_noise(batch_size, noise_dim, device="meta").device)
    except Exception as error:
        out["device"] = str(error)
    return out


# Networks

def network(module, name, x, arguments=()):
    """The layers of a network as it is made, and its mode.

    Then once more with the sign of the last weights turned, since a network with one output may give one sign only.
    """
    model = getattr(module, name)(*arguments)
    found, layers = layers_of(model, x)
    found["training"] = model.training
    if layers:
        layers[-1]["weight"].neg_()
        turned, again = layers_of(model, x)
        found.update(turned_out=turned["out"], turned_last=again[-1]["output"])
    return found


def evaluated(module, name, x, other, arguments=()):
    """The layers of a network in evaluation mode, after one run in training mode; and its output for two inputs."""
    model = getattr(module, name)(*arguments).train()
    with torch.no_grad():
        model(x)
    found, _ = layers_of(model.eval(), other)
    with torch.no_grad():
        return {**found, "few": model(other[:2])}


def size(module, name, x, arguments=()):
    """Number of trainable numbers, and which of them get no gradient. The network runs first: a lazy layer has no
    weights before that."""
    model = getattr(module, name)(*arguments).train()
    out = model(x)
    found = returned(("out",), (out,))
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    found["parameters"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found["silent"] = [label for label, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]
    return found


# Losses

def losses(module, name, count, **logits):
    """A loss and its gradients for `count` batches: real0, fake0, real1, fake1 and so on, or only the fake ones.

    And the device of the loss, or what was raised, for logits on the device without numbers.
    """
    found = {"returned": [], "shapes": [], "untouched": True}
    for k in range(count):
        names = [label for label in (f"real{k}", f"fake{k}") if label in logits]
        leaves = [logits[label].clone().requires_grad_() for label in names]
        inputs = [1 * leaf for leaf in leaves]  # a leaf cannot be changed in place: torch would refuse
        value = getattr(module, name)(*inputs)
        found["returned"].append(type(value).__name__)
        if not isinstance(value, torch.Tensor):
            continue
        found["shapes"].append(list(value.shape))
        found["untouched"] &= all(torch.equal(x, leaf) for x, leaf in zip(inputs, leaves))
        found[f"loss{k}"] = value.detach()
        gradients = [None] * len(leaves)
        if value.requires_grad:
            gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
        found.update({f"d_{label}": "None" if g is None else g for label, g in zip(names, gradients)})
    module.device = torch.device("meta")  # a file may keep its device in a global, as the coursework's notebook does
    try:
        found["device"] = str(getattr(module, name)(*(torch.empty(5, 1, device="meta") for _ in names)).device)
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

def initialized(module, inputs, outputs, scheme=None):
    """Weights before and after `model.apply(initialize_weights)`, for every kind of layer. None: the default scheme."""
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
    before = [layer.weight.detach().clone() for layer in layers.values()]
    model = nn.Sequential(nn.Flatten(), *layers.values(), nn.Sequential(nn.LeakyReLU(0.01), nn.MaxPool2d(2), nn.Tanh()))
    options = {} if scheme is None else {"scheme": scheme}
    model.apply(lambda layer: module.initialize_weights(layer, **options))
    found = {"names": list(layers), "frozen": [name for name, p in layers.named_parameters() if not p.requires_grad]}
    for k, layer in enumerate(layers.values()):
        found[f"before{k}"], found[f"weight{k}"] = before[k], layer.weight
        if layer.bias is not None:
            found[f"bias{k}"] = layer.bias
    return found


# FashionGenerator and FashionDiscriminator

def design(module, name, arguments=()):
    """Build the student's own network. Its first weights do not matter here, so another gap does not."""
    module.initialize_weights = lambda layer, scheme="normal": None
    return getattr(module, name)(*arguments)


def own_network(module, name, x, counts, number, arguments=()):
    """Outputs in training mode for batches of these sizes, and for one input in evaluation mode.

    Then for two inputs with the same random numbers, for a network that draws some of its own.
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
    return {**found, "untouched": torch.equal(x, before)}


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


def pushed(module, name, x, steps, step, arguments=()):
    """Outputs of a new network, and after its parameters have moved so that all outputs rise, or fall.

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
    return found
