"""The engine of all checks, public and hidden: what runs in a network, what stands between two layers, and one form for
each kind of assertion. It holds no expected value.

An assertion raises AssertionError with a message for the student: what was expected, what came. Values that come from
a hidden check's probe may be anything; so may those of a student's function.
"""
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

POINTWISE = 2e-5  # tolerance where one number makes one number


# Values

def close(a, b, tolerance=1e-4):
    """True if two tensors of one shape agree, relative to the size of the second. Nothing agrees with NaN or inf."""
    if a.shape != b.shape or not b.isfinite().all():
        return False
    return bool((a.double() - b.double()).abs().max() <= tolerance * b.abs().max().clamp(min=1)) if b.numel() else True


def spread(values, batch):
    """Give each sample's number as many axes as the batch has."""
    return values.reshape(-1, *[1] * (batch.dim() - 1))


def same(a, b):
    """True if two tensors hold the same numbers; their shapes may differ behind the batch."""
    return len(a) == len(b) and close(a.flatten(1), b.flatten(1), POINTWISE)


def agrees(got, value, near=1e-4):
    """True if two values agree; or all parts of two lists, where None agrees with everything. near: a tolerance, or a
    function (got, value) -> bool."""
    if isinstance(value, (list, tuple)):
        return len(got) == len(value) and all(agrees(*pair, near) for pair in zip(got, value))
    return value is None or (near(got, value) if callable(near) else close(got, value, near))


def of_all(*tables):
    """One table of slips for several cases together, from the table of each: a slip must then explain all."""
    return [(rows[0][0], [value for _, value in rows]) for rows in zip(*tables)]


def name_the_slip(got, slips, near=1e-4, right=None):
    """Raise AssertionError with the name of the first slip that gives what came. If none does, return.

    Args:
        got: what came; or a list, of several cases.
        slips: the table of usual mistakes, pairs (what was done, what it gives), see `agrees`.
        near: see `agrees`.
        right: what is due. A slip that gives the same here says nothing.
    """
    for slip, value in slips:
        if agrees(got, value, near) and (right is None or not agrees(right, value, near)):
            raise AssertionError(slip)


def expect_right(got, right, slips, otherwise, near=1e-4):
    """Assert that a value is the right one. If not, name the slip, or else say `otherwise`. slips: see `name_the_slip`;
    or a function that makes the table, if that takes time."""
    if agrees(got, right, near):
        return
    name_the_slip(got, slips() if callable(slips) else slips, near)
    raise AssertionError(otherwise)


def expect_shape(what, value, shape):
    """Assert that a value is a tensor of this shape. A probe that got something else says in words what."""
    got = value if isinstance(value, str) else type(value).__name__
    assert isinstance(value, torch.Tensor), f"{what} should be a tensor, got {got}"
    assert tuple(value.shape) == tuple(shape), f"{what} should have shape {tuple(shape)}, got {tuple(value.shape)}"


def expect_tensor(what, value, shape):
    """Assert that a value is a tensor of this shape, with finite numbers."""
    expect_shape(what, value, shape)
    assert value.isfinite().all(), f"{what} holds NaN or infinite numbers"


def expect_parts(what, value, names):
    """Assert that a function returned as many things as there are names. Returns them."""
    count = len(value) if isinstance(value, (list, tuple)) else 1
    assert count == len(names), f"{what} should return ({', '.join(names)}), it returned {count} value(s)"
    return value


def expect_close(what, value, expected, tolerance=1e-4):
    """Assert that a number is the expected one, within a relative tolerance."""
    value = float(torch.as_tensor(value).detach())
    assert abs(value - expected) <= tolerance * max(1, abs(expected)), \
        f"{what} should be {expected:.6g}, got {value:.6g}"


def expect_untouched(what, before, after):
    """Assert that a function has left the tensors that it got as they were. what: it is, such as "the loss"."""
    assert all(map(torch.equal, before, after)), f"{what} changes what it is given in place: compute new tensors"


def expect_normal(what, values, message):
    """Assert that many numbers look like independent draws from N(0, 1): moments within five standard errors."""
    values, many = values.double().flatten(), values.numel()
    mean, variance = values.mean().item(), values.var().item()
    assert abs(mean) < 5 / many ** 0.5, f"{what} should have mean 0, it is {mean:.3g}: {message}"
    assert abs(variance - 1) < 5 * (2 / many) ** 0.5, \
        f"{what} should have variance 1, it is {variance:.3g}: {message}"
    assert abs((values ** 4).mean() - 3) < 5 * (96 / many) ** 0.5, f"{what} should be normally distributed: {message}"


def sets_seed(call):
    """True if torch's random numbers after a call are the same, whatever they were before it."""
    after = []
    for number in (1, 2):
        torch.manual_seed(number)
        call()
        after.append(torch.get_rng_state())
    return torch.equal(*after)


# Losses of networks that learn by a mean squared error

def only_number(value):
    """Assert that a loss is a scalar."""
    size = tuple(getattr(value, "shape", ()))
    assert size in ((), (1,)), f"the loss should be one number, it has shape {size}: take the mean"
    expect_tensor("the loss", value, ())


def judge_gradient(gradient, weight, predicted, target):
    """Assert that a loss has the right gradient in the weight of a model that says weight times something."""
    assert isinstance(gradient, torch.Tensor), "no gradient reaches the model: is something detached, or no_grad?"
    assert close(gradient, (2 * predicted / weight * (predicted - target)).mean(), 1e-3), \
        "the gradient of the loss in the model's weights is wrong"


def squared_error_slips(predicted, target):
    """What typical mistakes make of a mean squared error, and what each gives."""
    errors = predicted - target
    right = (errors ** 2).mean()
    return [
        ("the loss is summed: take the mean over all samples and coordinates", (errors ** 2).sum()),
        ("the loss is summed over the coordinates: take the mean over them, too", (errors ** 2).sum() / len(errors)),
        ("that is the root of the mean squared error", right.sqrt()),
        ("the loss is half of what it should be", right / 2),
        ("the sign is wrong: the loss is minimised", -right),
        ("that is the absolute error: take the squared one", errors.abs().mean()),
        ("that is Huber's loss: take the mean squared error", F.smooth_l1_loss(predicted, target)),
    ]


# What learns

def silent(model):
    """The parameters of a model that no gradient has reached: the first three names."""
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None][:3]


def expect_all_learn(names, why="is every layer used, and nothing detached?"):
    """Assert that a gradient reaches every parameter. names: what `silent` found."""
    assert not names, f"no gradient reaches {names[0]}: {why}"


def parameters(model):
    """How many numbers of a model learn. A lazy layer must have run before."""
    learning = [p for p in model.parameters() if p.requires_grad]
    return sum(p.numel() for p in learning)


def expect_parameters(what, model, count):
    """Assert that so many numbers of a model learn."""
    total = parameters(model)
    assert total == count, f"{what} should have {count:,} parameters, it has {total:,}"


class PlainSteps:
    """An optimiser that subtracts lr times the gradients. (Importing those of torch.optim takes a second.)"""

    def __init__(self, parameters, lr=1.0):
        self.param_groups = [{"params": list(parameters), "lr": lr}]
        self.steps = 0

    def zero_grad(self, set_to_none=True):
        for p in self.param_groups[0]["params"]:
            p.grad = None if set_to_none or p.grad is None else torch.zeros_like(p)

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                p -= self.param_groups[0]["lr"] * p.grad


# What runs in a network

class Layers(TorchFunctionMode):
    """Record every linear layer, convolution, transposed convolution and batch norm that runs, in order.

    Each is a dict: "kind" (the function's name), its arguments by name, "output". Modules, their `forward` and calls of
    torch.nn.functional are all seen. Tensors are as they were when the layer ran, whatever is done in place later;
    "weight" is the one that the layer used and no copy.

    Args:
        places: {id(parameter): what stands for it}, such as `fill` of the probes returns. Each layer then has "places":
            what stands for its weight and its bias as it gets them, None for what is not there.
    Attributes:
        seen: all of them. ran: without the batch norms. norms: the batch norms.
    """

    WINDOW = "input", "weight", "bias", "stride", "padding"
    ARGUMENTS = {
        F.linear: ("input", "weight", "bias"), F.conv2d: (*WINDOW, "dilation", "groups"),
        F.conv_transpose2d: (*WINDOW, "output_padding", "groups", "dilation"),
        F.batch_norm: ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    }

    def __init__(self, places=None):
        super().__init__()
        self.places, self.seen, self.ran, self.norms = places, [], [], []

    def arguments(self, kind, k, given):
        """What a layer runs with, by name: what it is given, unless a subclass has it otherwise. k: its place among the
        batch norms, or among all others."""
        return given

    def result(self, kind, k, output):
        """What the network goes on with."""
        return output

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in self.ARGUMENTS:
            return function(*args, **(kwargs or {}))
        kind = function.__name__
        others = self.norms if kind == "batch_norm" else self.ran
        given = {**dict(zip(self.ARGUMENTS[function], args)), **(kwargs or {})}
        given = self.arguments(kind, len(others), given)
        layer = {"kind": kind}
        if self.places is not None:
            layer["places"] = [self.places.get(id(given.get(name))) for name in ("weight", "bias")]
        for name, value in given.items():
            layer[name] = value.detach() if isinstance(value, torch.Tensor) else value
            if isinstance(value, torch.Tensor) and name != "weight":
                layer[name] = layer[name].clone()
        output = function(**given)
        layer["output"] = output.detach().clone()
        self.seen.append(layer)
        others.append(layer)
        return self.result(kind, len(others) - 1, output)

    def told(self, *names, most=40):
        """The layers without the batch norms as a probe tells them: kind, size of the weight, whether there is a bias,
        and what each got and gave; also what stands under these names."""
        return [{"kind": layer["kind"], "size": list(layer["weight"].shape), "bias": layer.get("bias") is not None,
                 "input": layer["input"], "output": layer["output"],
                 **{name: layer[name] for name in names if name in layer}} for layer in self.ran[:most]]


def layer_name(kind, size):
    """Write a layer as in a program: Linear(98, 3), Conv2d(1, 64, 3). size: the shape of its weight."""
    kernel = "" if len(size) < 4 else f", {size[2]}" if size[2] == size[3] else f", ({size[2]}, {size[3]})"
    if kind == "conv_transpose2d":
        return f"ConvTranspose2d({size[0]}, {size[1]}{kernel})"
    return f"{({'linear': 'Linear', 'conv2d': 'Conv2d'}).get(kind, kind)}({size[1]}, {size[0]}{kernel})"


def is_gap(error):
    """True if a NotImplementedError says that a gap is open. Torch raises it, too, for numbers of another type."""
    return "not implemented for" not in str(error)


def fed(error):
    """Say what the layer that raised an error was fed, and what it takes: "Linear(784, 256) was fed (5, 1, 28, 28) and
    takes (N, 784)". "" if the error does not come out of a layer of torch.nn that was fed a tensor."""
    told, step = "", error.__traceback__
    while step is not None:
        layer, x = (step.tb_frame.f_locals.get(name) for name in ("self", "input"))
        if isinstance(layer, nn.Module) and type(layer).__module__.startswith("torch.nn.modules.") and \
                isinstance(x, torch.Tensor) and not isinstance(layer, nn.Sequential):
            kind, takes = type(layer).__name__, ""
            name, rest = kind, {"1": ", length", "2": ", h, w", "3": ", d, h, w"}.get(kind[-2:-1], "")
            if isinstance(layer, nn.Linear):
                name, takes = layer_name("linear", layer.weight.shape), f"(N, {layer.in_features})"
            elif kind[:-2] in ("Conv", "ConvTranspose"):
                function = {"Conv2d": "conv2d", "ConvTranspose2d": "conv_transpose2d"}.get(kind, kind)
                name, takes = layer_name(function, layer.weight.shape), f"(N, {layer.in_channels}{rest})"
            elif kind[:-2] in ("BatchNorm", "InstanceNorm"):
                rest = "" if kind.endswith("1d") else rest  # with or without a length
                name, takes = f"{kind}({layer.num_features})", f"(N, {layer.num_features}{rest})"
            weight = getattr(layer, "weight", None)
            other = isinstance(weight, torch.Tensor) and takes and weight.dtype != x.dtype
            told = f"{name} was fed {tuple(x.shape)}" + (f" of {x.dtype}" if other else "")
            told += (f" and takes {takes}" if takes else "") + (f" of {weight.dtype}" if other else "")
        step = step.tb_next
    return told


def run_layers(what, network, x, shape, wanted):
    """Run a network and assert the shape of its output and the kinds of its layers, in order.

    Returns its output and the layers that ran, without the batch norms.
    """
    with torch.no_grad(), Layers() as layers:
        out = network(x)
    kinds = [layer["kind"] for layer in layers.seen]
    assert kinds == wanted, f"the {what} should run {', '.join(wanted)}; it ran {', '.join(kinds) or 'none of these'}"
    expect_shape(f"{what}(input)", out, shape)
    return out, layers.ran


# What stands between two layers

PLAIN = "no activation"
ACTIVATIONS = {
    "ReLU": F.relu, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid, "ELU": F.elu, "SELU": F.selu, "GELU": F.gelu,
    "SiLU": F.silu, "Softplus": F.softplus, "ReLU6": F.relu6, "Hardtanh": F.hardtanh, "Hardsigmoid": F.hardsigmoid,
    "Tanh twice": lambda x: x.tanh().tanh(), "Sigmoid twice": lambda x: x.sigmoid().sigmoid(),
    "Sigmoid after ReLU": lambda x: x.relu().sigmoid(), "Tanh after ReLU": lambda x: x.relu().tanh(),
    "Sigmoid after Tanh": lambda x: x.tanh().sigmoid(), "absolute values": torch.abs,
    "Tanh, scaled to [0, 1],": lambda x: x.tanh() / 2 + 0.5}
SLOPES = 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3  # of a LeakyReLU that a norm follows


def leaky(slope):
    """How the LeakyReLU of a slope is called here."""
    return f"LeakyReLU with slope {slope:.3g}"


def activation(before, after):
    """Name the activation that turns one tensor into the other; None if it is none that we know."""
    if before.numel() != after.numel():
        return None
    before, after = before.flatten(), after.flatten()
    ratio = (after / before)[before < 0]
    slope = ratio.median().item() if len(ratio) else 1.0
    if slope > -1e-3 and close(after, torch.where(before < 0, slope * before, before), POINTWISE):
        return {"0": "ReLU", "1": PLAIN}.get(f"{abs(slope):.3g}", leaky(slope))
    return next((name for name, function in ACTIVATIONS.items() if close(after, function(before), POINTWISE)), None)


def between(before, after, norms=()):
    """Name what turns one tensor into the other: an activation, a norm, "BatchNorm, then ReLU", "ReLU, then BatchNorm".
    None if it is nothing that we know. norms: {name: function} of those that may have a part in it."""
    plain = activation(before, after)
    if plain or before.numel() != after.numel():
        return plain
    after = after.reshape(before.shape)
    for norm, normalise in dict(norms).items():
        if name := activation(normalise(before), after):
            return norm if name == PLAIN else f"{norm}, then {name}"
        steps = {**ACTIVATIONS, **{leaky(slope): partial(F.leaky_relu, negative_slope=slope) for slope in SLOPES}}
        for name, activate in steps.items():
            if close(after, normalise(activate(before)), 1e-4):
                return f"{name}, then {norm}"
    return None


def expect_between(where, before, after, wanted, norms=()):
    """Assert what stands between two layers. where: such as "after layer 1 of the generator"; before, after: what the
    one gives and the other gets; wanted: a name as `between` gives it, or several that are right; norms: see there."""
    wanted = [wanted] if isinstance(wanted, str) else wanted
    found = between(before, after, norms)
    assert found, f"{where} there should be {wanted[0]}, and nothing else: Dropout, another activation, a changed " \
        "order of numbers?"
    unseen = found == PLAIN and "ReLU" in wanted and not (before < 0).any()  # it changes only what is negative
    assert found in wanted or unseen, f"{where} there should be {wanted[0]}, there is {found}"


# On which device

def tensors_in(values):
    """The tensors among values, in lists too."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors_in(value)


class Elsewhere(TorchFunctionMode):
    """Plays a graphics card on the CPU: inside, `x.to(Elsewhere.DEVICE)` works, and `y.device` tells where y would be.

    What is made or moved there is there, and so is what is computed from it. As in torch, tensors of two devices cannot
    be computed with together, unless one is a single number on the CPU. No machine has this device: who asks for "cuda"
    gets another one.

    (The device "meta", which every machine has, has no numbers; and some of its functions are written in Python and
    import torch's compiler: two seconds, for whoever checks one function.)
    """

    DEVICE, CPU = torch.device("cuda", 99), torch.device("cpu")
    TELLS = {torch.Tensor.device.__get__: lambda place: place,
             torch.Tensor.is_cuda.__get__: lambda place: place.type == "cuda",
             torch.Tensor.is_cpu.__get__: lambda place: place.type == "cpu",
             torch.Tensor.get_device: lambda place: -1 if place.index is None else place.index}
    LIKE_FIRST = (torch.Tensor.copy_, torch.Tensor.__getitem__, torch.Tensor.__setitem__)  # others may be elsewhere

    @classmethod
    def move(cls, model):
        """Move the parameters of a model there, from outside. Returns the model."""
        for parameter in model.parameters():
            parameter.place = cls.DEVICE
        return model

    def place(self, tensor):
        return getattr(tensor, "place", self.CPU)

    def target(self, function, args, kwargs, given):
        """The device that a call asks for, or None. Its arguments are changed: they ask for the CPU then."""
        target = None
        if function in (torch.Tensor.to, torch.Tensor.cuda):  # these take a device without its name, or its number
            for k, value in enumerate(args):
                if isinstance(value, (str, torch.device)) or type(value) is int:
                    target, args[k] = torch.device("cuda", value) if type(value) is int else torch.device(value), "cpu"
        if kwargs.get("device") is not None:
            target, kwargs["device"] = torch.device(kwargs["device"]), "cpu"
        if target is None and function is torch.Tensor.cuda:
            target = torch.device("cuda")
        if function is torch.Tensor.type and ".cuda." in str(args[1:]):
            target, args[1] = self.DEVICE, args[1].replace(".cuda.", ".")
        if target is None and function is torch.Tensor.cpu:
            target = self.CPU
        if target is None and function in (torch.Tensor.to, torch.Tensor.type_as) and len(given) > 1:
            target = self.place(given[1])
        if target is None and function in _device_constructors() and not given:
            target, kwargs["device"] = torch.get_default_device(), "cpu"
        return target

    def __torch_function__(self, function, types, args=(), kwargs=None):
        args, kwargs = list(args), dict(kwargs or {})
        if function in self.TELLS:
            return self.TELLS[function](self.place(args[0]))
        if function is torch.Tensor.type and len(args) + len(kwargs) == 1:
            return function(*args).replace("torch.", "torch.cuda." if self.place(args[0]).type == "cuda" else "torch.")
        given = list(tensors_in([*args, *kwargs.values()]))
        target = self.target(function, args, kwargs, given)
        if target is None:
            deciding = given[:1] if function in self.LIKE_FIRST else given
            places = {self.place(x) for x in deciding if x.dim() or self.place(x) != self.CPU}
            if len(places) > 1:
                raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, "
                                   f"{' and '.join(sorted(map(str, places)))}!")
            target = places.pop() if places else self.CPU
        if function in (torch.Tensor.numpy, torch.Tensor.__array__) and target != self.CPU \
                and not kwargs.get("force"):  # with force=True, numpy() copies it to the CPU first
            raise TypeError(f"can't convert {target} device type tensor to numpy")
        if function is torch.Tensor.cuda:
            function, args, kwargs = torch.Tensor.to, [args[0], "cpu"], {}
        result = function(*args, **kwargs)
        if any(result is x for x in given) and self.place(result) != target:
            result = result.view_as(result)  # what is moved stays where it was, too
        for x in tensors_in([result]):
            x.place = target
        return result
