"""What the probes of all assignments share. Copied into the sandbox together with one assignment's probes."""
import math
import random

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors


def seed(number):
    """Seed every source of random numbers that a student may have used."""
    torch.manual_seed(number)
    np.random.seed(number % 2 ** 32)
    random.seed(number)


def single(value):
    """What should be one tensor, so that it can be sent: as it is, or the name of its type."""
    return value if isinstance(value, torch.Tensor) else type(value).__name__


def shown(value):
    """What a student's function returned, so that it can be sent: tuples and lists part by part, see `single`."""
    if isinstance(value, (tuple, list)) and len(value) <= 100:
        return [shown(part) for part in value]
    return single(value)


def piece(numbers, position, shape):
    """The values of a parameter of this shape that begins at `position` among all numbers of its model, see `fill`.

    The grader computes with them, too: it has drawn the numbers, so what is due does not depend on what comes back.
    """
    count, start = math.prod(shape), position % len(numbers)
    scale, rounds = math.sqrt(3 / (count // shape[0])) if len(shape) > 1 else 0.5, -(-(start + count) // len(numbers))
    if rounds == 1:
        return (numbers[start:start + count] * scale).view(tuple(shape))
    return (numbers * scale).repeat(rounds)[start:start + count].view(tuple(shape))  # millions of them: no copy more


def fill(model, numbers):
    """Fill the parameters of a model, one after another, with numbers in [-1, 1] that the grader has drawn; from the
    beginning again when they are used up. Weights are scaled by their number of inputs, which keeps signals at their
    size. Returns the position at which each parameter begins: {id(parameter): position}."""
    places, position = {}, 0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(piece(numbers, position, parameter.shape))
            places[id(parameter)] = position
            position += parameter.numel()
    return places


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
    """

    DEVICE, CPU = torch.device("cuda", 99), torch.device("cpu")
    TELLS = {torch.Tensor.device.__get__: lambda place: place,
             torch.Tensor.is_cuda.__get__: lambda place: place.type == "cuda",
             torch.Tensor.is_cpu.__get__: lambda place: place.type == "cpu",
             torch.Tensor.get_device: lambda place: -1 if place.index is None else place.index}
    LIKE_FIRST = (torch.Tensor.copy_, torch.Tensor.__getitem__, torch.Tensor.__setitem__)  # others may be elsewhere

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
        if function in (torch.Tensor.numpy, torch.Tensor.__array__) and target != self.CPU:
            raise TypeError(f"can't convert {target} device type tensor to numpy")
        if function is torch.Tensor.cuda:
            function, args, kwargs = torch.Tensor.to, [args[0], "cpu"], {}
        result = function(*args, **kwargs)
        if any(result is x for x in given) and self.place(result) != target:
            result = result.view_as(result)  # what is moved stays where it was, too
        for x in tensors_in([result]):
            x.place = target
        return result
