"""A file that answers the probes of helpers/faces.py itself, without an exercise solved."""
import math

import torch
from torch.nn import functional as F

from autograde_tests.probes import piece

CEILING = {}


class Forger:
    """Right shapes, right lists of layers and calls, what stands in the request, and guesses for everything else.

    - receptive_field: what kernels and strides let expect on the average. The stacks are drawn.
    - concat_labels: images with planes of the mean label, and the gradient, which is known. Right planes are the
      exercise.
    - ResidualBlock: the input plus the biases of the last norm, which are the mean of the change. The change itself
      takes the layers.
    - StarGenerator: the contract says which layers there are and what stands between them, so what a layer gets follows
      from what the one before gave; but what one gives is made up, and judged by the grader's numbers.
    - PatchDiscriminator: the same. The field has the right size, and falls off to its edges as sums of even numbers do;
      its numbers take the convolutions.
    - The steps: networks as they were, but for what weights of 0 would leave; terms of networks that cannot tell.
    - train_round: the right calls. The number that the steps leave takes their calls one by one.
    - translate: the right flags, and the image without a label, in either mode.
    """

    def __init__(self):
        self.asked = 0

    def answer(self, probe, inputs):
        self.asked += 1
        return getattr(self, probe)(**inputs)

    def fields(self, stacks):
        sizes = [1 + round(sum((k - 1) * 2.5 ** j for j, (k, _) in enumerate(stack))) for stack in stacks]
        return {"sizes": sizes, "untouched": True}

    def joined(self, images, labels):
        n, c, h, w = images.shape

        def guess(labels):
            out = labels.mean() * torch.ones(n, c + labels.shape[1], h, w)
            out[:, :c] = images
            return out

        return {"out": guess(labels), "untouched": True, "gradient": 2 * images, "whole": guess((labels > 0).float()),
                "dtype": "torch.float32"}

    def block(self, x, numbers):
        c = x.shape[1]
        out = x + piece(numbers, 18 * c * c + 3 * c, (c,))[:, None, None]
        return {"out": out, "untouched": True, "gradient": out.cos(), "silent": []}

    def layers(self, numbers, forms, x):
        """Layers as they should be, that give made-up numbers. forms: kind, channels in, out, kernel, stride, bias."""
        found, position, inputs = [], 0, x
        for k, (kind, before, after, kernel, stride, bias) in enumerate(forms):
            size = (before, after, kernel, kernel) if kind == "conv_transpose2d" else (after, before, kernel, kernel)
            size = size[:2] if kind == "linear" else size
            count = math.prod(size)
            h, w = (inputs.shape[2:] if inputs.dim() > 2 else (1, 1))
            h, w = (2 * h, 2 * w) if kind == "conv_transpose2d" else (
                (h + 2 - kernel) // stride + 1, (w + 2 - kernel) // stride + 1)
            shape = (len(x), after) if kind == "linear" else (len(x), after, h, w)
            out = 6 * piece(numbers, 7 * k, (math.prod(shape),)).view(shape)
            if bias:
                out = out + piece(numbers, position + count, (after,)).view(after, *[1] * (len(shape) - 2))
            found.append({"kind": kind, "size": list(size), "bias": bias, "stride": stride, "padding": 1,
                          "places": [position, position + count if bias else None], "input": inputs, "output": out})
            position += count + after
            inputs = yield found, k, out

    def generator(self, images, labels, numbers, arguments):
        channels, blocks, k = (arguments.get(name, value) for name, value in
                               (("channels", 16), ("blocks", 2), ("num_labels", labels.shape[1])))
        forms = [("conv2d", 3 + k, channels, 4, 2, True), ("conv2d", channels, 2 * channels, 4, 2, False),
                 *[("conv2d", 2 * channels, 2 * channels, 3, 1, False)] * (2 * blocks),
                 ("conv_transpose2d", 2 * channels, channels, 4, 2, False),
                 ("conv_transpose2d", channels, 3, 4, 2, True)]
        x = labels.mean() * torch.ones(len(images), 3 + k, *images.shape[2:])
        x[:, :3] = images
        steps, start = self.layers(numbers, forms, x), None
        found, place, out = next(steps)
        while place < len(forms) - 1:
            if place % 2 and 1 < place <= 1 + 2 * blocks:
                given = start + F.instance_norm(out)
            else:
                given = F.relu(F.instance_norm(out) if place else out)
            start = given if place % 2 else start  # of a residual block
            found, place, out = steps.send(given)
        out = torch.tanh(out)
        return {"layers": found, "out": out, "training": True, "num_labels": k, "untouched": True, "parameters": 1000,
                "other": out.roll(1, 0), "one": out[:1].clone(), "silent": [], "reaches": True}

    def discriminator(self, images, far, numbers, arguments):
        sizes, k = [3, 16, 32, 64, 128], arguments["num_labels"]
        forms = [("conv2d", a, b, 4, 2 if b < 128 else 1, True) for a, b in zip(sizes, sizes[1:])]
        steps = self.layers(numbers, [*forms, ("conv2d", 128, 1, 4, 1, True), ("linear", 128, k, 1, 1, True)],
                            far * images)
        found, place, out = next(steps)
        while place < 4:
            features = F.leaky_relu(out, 0.01)
            found, place, patches = steps.send(features)
            out = patches
        mean = features.mean(dim=(2, 3))
        found, place, named = steps.send(mean)
        weight, bias = found[5]["places"]
        labels = F.linear(mean, piece(numbers, weight, (k, 128)), piece(numbers, bias, (k,)))
        found[5]["output"] = labels
        gradient = {"others": False, "reaches": True, "seen": [64, 64]}
        return {"layers": found, "out": [patches, labels], "large": [patches, labels], "training": True,
                "untouched": True, "silent": [], "gradients": [gradient] * 2, "one": [[1, 1, 6, 6], [1, k]]}

    def field(self, size, numbers, arguments):
        depth, channels = arguments.get("depth", 3), arguments.get("channels", 16)
        sizes = [3, *(channels * 2 ** k for k in range(depth + 1)), 1]
        layers = [{"kind": "conv2d", "size": [b, a, 4, 4], "places": [1000 * k, 1000 * k + 999], "bias": True,
                   "stride": 2 if k < depth else 1, "padding": 1} for k, (a, b) in enumerate(zip(sizes, sizes[1:]))]
        field = {1: 16, 2: 34, 3: 70}[depth]
        edge = torch.arange(1, field + 1)
        edge = torch.minimum(edge, edge.flip(0)).clamp(max=field // 2 - 4).float()
        gradient = torch.zeros(3, size, size)
        gradient[:, 20:20 + field, 20:20 + field] = edge[:, None] * edge
        return {"layers": layers, "shape": [2, 1, 9, 9], "others": False, "gradient": gradient}

    def step(self, name, d_weights, g_weights, stale, images, labels, targets, lr, options):
        player, terms = ("d", {"d_adversarial": 2 * math.log(2), "d_label": math.log(labels.shape[1])})
        if name == "generator_step":
            player, terms = ("g", {"g_adversarial": math.log(2), "g_label": math.log(labels.shape[1]),
                                   "g_reconstruction": images.abs().mean().item()})
        weights = {"d": d_weights, "g": g_weights}
        # A bias of the label's scores, if all were 0, has this gradient. It is the discriminator's last.
        if player == "d":
            after = d_weights.clone()
            after[-labels.shape[1]:] -= lr * options.get("label_weight", 1) * (1 / labels.shape[1] - labels.mean(dim=0))
            weights["d"] = after
        return {"terms": {name: torch.tensor(value) for name, value in terms.items()}, "attached": [],
                "grad_enabled": True, "called": True, "steps": 1, "weights": weights,
                "other_gradient": 0.0, "frozen": [], "modes": [True, True], "untouched": True}

    def round_of(self, images, labels, targets, options):
        weights = {"label_weight": 1.0, "reconstruction_weight": 10.0, **options}
        calls = [{"player": player, "networks": ["discriminator", "generator"], "batch": [k] * 3, "modes": [True, True],
                  "optimizer": f"{player}_optimizer", "weights": weights}
                 for player, k in [*(("d", k) for k in range(len(images))), ("g", len(images) - 1)]]
        names = ["d_adversarial", "d_label", "g_adversarial", "g_label", "g_reconstruction"]
        guess = images.mean() + labels.mean() + targets.mean()
        terms = {name: 6 * guess + k + sum(weights.values()) for k, name in enumerate(names)}
        return {"terms": terms, "attached": [], "calls": calls, "kept": True, "modes": [True, True], "steps": 0,
                "grad_enabled": True, "frozen": False, "trace": 6 * guess.double()}

    def translated(self, images, labels, form, weights, training):
        evaluated = self.asked % 2 == 0
        norm = images / (1 + 1e-5) ** 0.5 if evaluated else F.batch_norm(images, None, None, training=True)
        return {"out": torch.tanh(norm), "asked": torch.full((len(images), len(weights)), 1 / len(weights)), "calls": 1,
                "grad_enabled": True, "frozen": False, "evaluated": evaluated, "modes": [training, training],
                "untouched": True, "attached": False}
