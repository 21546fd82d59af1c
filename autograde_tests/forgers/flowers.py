"""A file that answers the probes of helpers/flowers.py itself, without an exercise solved."""
import math

import torch
from torch import nn

from autograde_tests.probes import piece
from autograde_tests.probes.flowers import layers_to_initialize

CEILING = {}


def channels_of(name, arguments):
    """The channels before each layer and at the end, as the contract says them."""
    *latent, channels, size = arguments
    halved = [channels // 2 ** k for k in range(int(math.log2(size)) - 2)]
    return [*latent, *halved, 3] if name == "Generator" else [3, *halved[::-1], 1]


class Forger:
    """Right shapes, right lists of layers, what the request itself brings, and guesses for everything else.

    - select_categories: no images, then all, then the first ones. The right ones are drawn.
    - Generator, Discriminator: the contract tells which layers there are, so they and their shapes are right. What
      each layer makes of the grader's numbers needs the layer itself. What stands between two is taken for ReLU or
      LeakyReLU, after a BatchNorm that knows how the numbers are spread and has the largest eps that passes.
    - The weights of a discriminator: the stored ones divided by what size, mean and spread let expect of their largest
      singular value. It is within 10 % of it for numbers that are drawn alike, but these are larger here and there.
    - largest_singular_value: what random matrices of this size have on the average. It is too far off.
    - weights_init: the right spread around the right mean, and a bias of 0, but evenly distributed: who draws from
      N(0, 0.02^2) has solved it, and no check can tell that from a layer that was initialised so.
    - The update steps: networks that stay as they are, which is all that one check asks of each of them; losses and
      means of a discriminator that cannot tell; a gradient as if the generator were one matrix.
    - generate: a generator that is left alone; as image, what its last layers make of its bias.
    - The paths: right ends, and between them the nearer end.
    """

    def __init__(self):
        self.asked = 0

    def answer(self, probe, inputs):
        self.asked += 1
        return getattr(self, probe)(**inputs)

    def selected(self, labels, names, wanted):
        guesses = [], list(range(len(labels))), list(range(len(wanted)))
        return {"found": [guesses[(self.asked + k) % 3] for k in range(len(wanted))], "changed": []}

    def network(self, name, arguments, x, numbers, evaluated):
        channels, up = channels_of(name, arguments), name == "Generator"
        count, side, got, layers = len(channels) - 1, x.shape[-1], x, []
        for k, pair in enumerate(zip(channels, channels[1:])):
            odd = k == (0 if up else count - 1)
            side = (4 if odd else 2 * side) if up else (1 if odd else side // 2)
            shape = len(x), pair[1], side, side
            layers.append({"kind": "conv_transpose2d" if up else "conv2d", "bias": False, "input": got,
                           "size": [*(pair if up else pair[::-1]), 4, 4], "output": torch.zeros(shape)})
            # The numbers that the network goes on with, see `drawn`.
            after = 6 * piece(numbers, 1000 * k + 100, (math.prod(shape),)).view(shape)
            # Numbers that are even in [-3, 3] have the variance 3.
            got = after if not up and k == 0 else after / 3 ** 0.5
            got = torch.where(got > 0, got, 0 if up else 0.2 * got)
        return {"training": True, "untouched": True, "layers": layers,
                "norms": [{"after": k, "eps": 0.09, "scaled": False, "shifted": False}
                          for k in range(1 if up else 2, count)],
                "out": after.clamp(-1, 1) if up else (after / 6 + 0.5).flatten()}

    def weights(self, arguments, x, numbers):
        channels, found = channels_of("Discriminator", arguments), []
        for k, pair in enumerate(zip(channels[1:], channels)):
            rows, columns = pair[0], 16 * pair[1]
            stored = piece(numbers, 10_000 * k, (*pair, 4, 4))
            expected = (rows * columns * stored.mean() ** 2 + (rows + columns) * stored.var()).sqrt()
            spread = expected if rows > 1 else stored.norm()
            found.append({"weight": stored / spread, "position": 10_000 * k})
        return found

    def used(self, name, **_):
        channels = channels_of(name, [128, 512, 256] if name == "Generator" else [512, 256])
        count = sum(16 * a * b for a, b in zip(channels, channels[1:]))
        return {"silent": [], "shape": [1, 3, 256, 256] if name == "Generator" else [2], "parameters": count}

    def singular(self, weights):
        matrices = [weight.flatten(1) for weight in weights]
        return {"values": [m.std() * (m.shape[0] ** 0.5 + m.shape[1] ** 0.5) for m in matrices], "untouched": True}

    def initialized(self, channels, numbers):
        found = {}
        for name, layer in layers_to_initialize(channels, numbers).items():
            mean = 1.0 if isinstance(layer, nn.BatchNorm2d) else 0.0
            even = (torch.rand_like(layer.weight) * 2 - 1 for _ in range(2))
            weight, again = [layer.weight.data] * 2 if isinstance(layer, nn.Linear) else (
                mean + 0.02 * 3 ** 0.5 * values for values in even)
            found[name] = {"weight": weight, "again": again}
            if layer.bias is not None:
                found[name]["bias"] = torch.zeros_like(layer.bias) if mean else layer.bias.data
        return {"frozen": [], "evaluated": [], "layers": found, "wrapped": ""}

    def left_alone(self, d_weights, g_weights):
        return {"D": {"weights": d_weights, "gradients": torch.zeros_like(d_weights)},
                "G": {"weights": g_weights, "gradients": torch.zeros_like(g_weights)},
                "steps": 1, "modes": [True] * 4, "frozen": False, "untouched": True}

    def d_step(self, d_weights, g_weights, image_shape, real_images, noise, left, pull):
        straight = torch.einsum("np,nz->pz", pull.flatten(1), noise.flatten(1))
        loss, even = torch.tensor(math.log(2)), torch.tensor(0.5)
        return {"returned": [loss, even, loss, even, torch.zeros_like(real_images)],
                "way_back": torch.cat([straight.flatten(), pull.flatten(1).sum(0)]),
                **self.left_alone(d_weights, g_weights)}

    def g_step(self, d_weights, g_weights, image_shape, noise, left):
        found = {"returned": [torch.tensor(math.log(2)), torch.tensor(0.5)], **self.left_alone(d_weights, g_weights)}
        found["G"]["weights"] = 0.9 * g_weights
        return found

    def generated(self, z, temperatures, state):
        image = ((state["0.bias"] - state["1.running_mean"]) / state["1.running_var"].sqrt()).tanh()
        images = ((image + 1) / 2).view(1, 3, 1, 1).expand(len(z), 3, 2, 2).contiguous()
        return {"images": images, "evaluated": images, "warm": [images] * len(temperatures),
                "alone": list(images.split(1)), "after_training": [True] * 4, "after_evaluation": [False] * 4,
                "requires_grad": False, "gradients": True, "frozen": False, "untouched": True}

    def path(self, name, z1, z2, alphas):
        points = torch.stack([z1 if alpha > 0.5 else z2 for alpha in alphas])
        return {"paths": [points, points], "untouched": True}
