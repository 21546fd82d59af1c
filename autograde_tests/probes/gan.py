"""Probes of helpers/gan.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns tensors and plain values. Nothing here says what a right
answer is. The networks have up to 7 million weights: they run with weights that the grader has drawn, and what goes
into and comes out of each layer is returned.
"""
import torch
import torch._dynamo  # noqa: F401  (the first optimiser imports it, for a second: here once, not in every child)
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from autograde_tests.probes import Elsewhere, fill, piece, seed, single
from helpers.given.checks.engine import Layers, parameters, silent
from helpers.given.checks.gan import Play, strangers
from helpers.given.weights import load


def elsewhere(call):
    """The device of the tensor that call() gives where Elsewhere stands for a graphics card, or what it raised."""
    try:
        with Elsewhere():
            return str(call().device)
    except Exception as error:
        return str(error)


# sample_noise

def noise(module, batch_size, noise_dim):
    """Two draws after another."""
    return [single(module.sample_noise(batch_size, noise_dim)) for _ in range(2)]


def noise_kept(module, batch_size, noise_dim, dtype):
    """Kind of result for a dtype, for the default one, and for another device."""
    return {"z": single(module.sample_noise(batch_size, noise_dim, dtype=getattr(torch, dtype))),
            "default": str(getattr(module.sample_noise(batch_size, noise_dim), "dtype", None)),
            "device": elsewhere(lambda: module.sample_noise(batch_size, noise_dim, device=Elsewhere.DEVICE))}


# Networks

PARTS = ("weight", "bias", "running_mean", "running_var")
MOST = 8  # layers that are told, so that the answer stays small


def drawn(numbers, norm, k, part, shape):
    """A part of layer k of a network, or of its batch norm k, made of the grader's numbers."""
    values = piece(numbers, 7919 * (len(PARTS) * (k + 16 * norm) + PARTS.index(part)), shape)
    return values + 1 if part == "running_var" else values


def turned(x):
    """A tensor with the other sign in every second row."""
    return x * (1 - 2 * (torch.arange(len(x)) % 2)).view(-1, *[1] * (x.dim() - 1)).to(x.dtype)


class Given(Layers):
    """Runs networks with the grader's numbers in place of the weights of their layers.

    Args:
        norms: False lets batch norms keep what they hold.
        turns: the network goes on with what a layer gives, turned: a layer with one output may give one sign only, and
            an activation shows with both.
    """

    def __init__(self, numbers, norms=True, turns=True):
        super().__init__()
        self.numbers, self.fills_norms, self.turns, self.made = numbers, norms, turns, {}

    def arguments(self, kind, k, given):
        norm = kind == "batch_norm"
        for part in PARTS if self.fills_norms or not norm else ():
            if isinstance(given.get(part), torch.Tensor):
                place = norm, k, part, tuple(given[part].shape)
                if place not in self.made:  # millions of numbers: once for all runs
                    self.made[place] = drawn(self.numbers, *place)
                given[part] = self.made[place].to(given[part].dtype)
                if part.startswith("running"):
                    given[part] = given[part].clone()  # a batch norm changes it in training mode
        self.moving = given.get("running_mean")
        return given

    def result(self, kind, k, output):
        if kind == "batch_norm":
            self.norms[k]["moved"] = self.moving
            return output
        return turned(output) if self.turns else output

    def run(self, model, x):
        """What a network gives, and what each of its layers gets and gives, in the order in which they run: linear
        layers and convolutions, and batch norms apart."""
        for layers in (self.seen, self.ran, self.norms):
            layers.clear()
        with torch.no_grad(), self:
            out = model(x)
        norms = [{"features": 0 if layer.get("weight") is None else len(layer["weight"]),
                  "eps": layer.get("eps", 1e-5), **{name: layer[name] for name in ("input", "output", "moved")}}
                 for layer in self.norms[:MOST]]
        return {"out": single(out), "layers": self.told(most=MOST), "norms": norms}


def network(module, name, x, numbers, arguments=()):
    """The layers of a network as it is made, and its mode."""
    model = getattr(module, name)(*arguments)
    return {**Given(numbers).run(model, x), "training": model.training}


def evaluated(module, name, x, other, numbers, arguments=()):
    """The layers of a network in training mode, and for other inputs in evaluation mode; and its output for two."""
    model, layers = getattr(module, name)(*arguments).train(), Given(numbers)
    return {"trained": layers.run(model, x), "evaluated": layers.run(model.eval(), other),
            "few": layers.run(model, other[:2])["out"]}


def size(module, name, x, numbers=None, arguments=()):
    """Number of trainable numbers, and which of them get no gradient. With numbers, the layers too. The network runs
    first: a lazy layer has no weights before that."""
    model = getattr(module, name)(*arguments).train()
    out = model(x)
    if getattr(out, "requires_grad", False):
        out.square().sum().backward()
    found = {} if numbers is None else Given(numbers, norms=False).run(model, x)
    return {**found, "out": single(out), "parameters": parameters(model), "silent": silent(model)}


# Losses

def losses(module, name, cases):
    """A loss for each case, a list of logits: its value, its gradients in them, and whether they were left alone. And
    the device of the loss, or what was raised, for logits on another device."""
    found, loss = [], getattr(module, name)
    for case in cases:
        leaves = [logits.clone().requires_grad_() for logits in case]
        inputs = [1 * leaf for leaf in leaves]  # a leaf cannot be changed in place: torch would refuse
        value, gradients = loss(*inputs), [None] * len(leaves)
        if getattr(value, "requires_grad", False):
            gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
        untouched = all(map(torch.equal, inputs, leaves))
        found.append({"loss": single(value), "gradients": gradients, "untouched": untouched})
    module.device = Elsewhere.DEVICE  # a file may keep its device in a global, as the coursework's notebook does
    return {"cases": found, "device": elsewhere(
        lambda: loss(*(torch.zeros(5, 1).to(module.device) for _ in cases[0])))}


# get_optimizer

def optimizer(module, numbers, gradients):
    """What an optimiser holds, its settings, and where its steps lead with these gradients (one row for each step)."""
    model, other = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double() for _ in range(2))
    vector_to_parameters(numbers, model.parameters())
    first, second = module.get_optimizer(model), module.get_optimizer(other)
    found = {"kind": type(first).__name__, "optimizer": isinstance(first, torch.optim.Optimizer)}
    if not found["optimizer"]:
        return found
    held = [{id(p) for group in made.param_groups for p in group["params"]} for made in (first, second)]
    found["missing"] = [name for name, p in model.named_parameters() if id(p) not in held[0]]
    found["foreign"] = len(held[0] - {id(p) for p in model.parameters()})
    found["other_missing"] = [name for name, p in other.named_parameters() if id(p) not in held[1]]
    found["groups"] = [{"lr": float(group.get("lr", 0)), "decay": float(group.get("weight_decay", 0)),
                        "betas": [float(beta) for beta in group.get("betas", ())]} for group in first.param_groups]
    path = []
    for gradient in gradients:
        for p, part in zip(model.parameters(), gradient.split([p.numel() for p in model.parameters()])):
            p.grad = part.view_as(p).clone()
        first.step()
        path.append(parameters_to_vector(model.parameters()).detach().clone())
    return {**found, "path": torch.stack(path)}


# update

def update(module, d, g, batches):
    """Rounds of a small game, from these weights of discriminator and generator."""
    play = Play(module.update, d, g, batches)
    return {"rounds": play.rounds, "error": play.error}


# initialize_weights

def initialized(module, inputs, outputs, numbers, scheme=None):
    """Weight and bias after `model.apply(initialize_weights)`, for every kind of layer. Those of all but the batch
    norms were filled with the grader's numbers. None: the default scheme."""
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
    return {"frozen": [name for name, p in layers.named_parameters() if not p.requires_grad],
            "layers": {name: [layer.weight, layer.bias] for name, layer in layers.items()}}


# FashionGenerator and FashionDiscriminator

def design(module, name, arguments=()):
    """Build the student's own network. Its first weights do not matter here, so another gap does not."""
    module.initialize_weights = lambda layer, scheme="normal": None
    return getattr(module, name)(*arguments).train()


def once(kind, size, x, numbers, k):
    """What layer k makes of the part of x that its kernel meets first, whatever its stride and padding."""
    if kind == "conv2d":
        x = x[:, :size[1], :size[2], :size[3]]
        x = F.pad(x, (0, size[3] - x.shape[3], 0, size[2] - x.shape[2]))
    elif kind == "conv_transpose2d":
        x = x[:, :size[0], :1, :1]
    return getattr(F, kind)(x, drawn(numbers, False, k, "weight", size))


def last_layer(model, x, numbers):
    """The last layer of a network in evaluation mode with weights of the grader's numbers: what it gets, and makes of
    a part of it. And how many of its layers are convolutions."""
    layers = Given(numbers, turns=False)  # rows differ by what the input decides, and by nothing else
    layers.run(model.eval(), x)
    if not layers.ran:
        return {"kind": "none"}
    kind, size, got = layers.ran[-1]["kind"], list(layers.ran[-1]["weight"].shape), layers.ran[-1]["input"]
    place = len(layers.ran) - 1
    return {"kind": kind, "size": size, "place": place, "got": got, "made": once(kind, size, got, numbers, place),
            "convolutions": sum(layer["kind"].startswith("conv") for layer in layers.ran)}


def own_network(module, name, x, twins, numbers, counts, number, arguments=()):
    """Outputs in training mode for batches of these sizes, and for one input in evaluation mode.

    Then for two inputs with the same random numbers, for a network that draws some of its own. Then the last layer.
    """
    model, before, pair = design(module, name, arguments), x.clone(), []
    with torch.no_grad():
        outs = [single(model(x[:count])) for count in counts]
        alone = single(model.eval()(x[:1]))
        model.train()
        for inputs in (x, x.flip(1)):
            seed(number)
            pair.append(single(model(inputs)))
    return {"outs": outs, "single": alone, "pair": pair, "last": last_layer(model, twins, numbers),
            "untouched": torch.equal(x, before)}


def pushed(module, name, x, twins, numbers, steps, step):
    """The gradients of a new network. Its outputs, and those after its parameters have moved so that all outputs rise;
    and the same of another one for a fall. The last layer.

    Each step moves every parameter by the same amount, along the sign of its gradient.
    """
    found = {"moves": []}
    for direction in (1, -1):
        model, first = design(module, name), None
        for _ in range(steps):
            inputs = x.clone().requires_grad_()
            out = model(inputs)
            if not isinstance(out, torch.Tensor):
                return {"moves": [[single(out)] * 2] * 2}
            first = out if first is None else first
            if out.requires_grad:
                found.setdefault("strangers", strangers(out, [*model.parameters(), inputs])[:3])
                model.zero_grad()
                out.sum().backward()
            found.setdefault("silent", silent(model))
            found.setdefault("reaches_input", inputs.grad is not None and bool((inputs.grad != 0).any()))
            with torch.no_grad():
                for p in model.parameters():
                    if p.grad is not None:
                        p += direction * step * p.grad.sign()
        with torch.no_grad():
            found["moves"].append([first, model(x)])
    return {**found, "last": last_layer(model, twins, numbers)}


# Trained work

@torch.inference_mode()
def images(module, make, weights, noise):
    """What a trained generator makes of noise. make: the function or class that it comes from."""
    generator = load(getattr(module, make)(noise_dim=noise.shape[1]), weights)
    return torch.cat([generator(batch) for batch in noise.split(250)])
