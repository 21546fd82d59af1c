"""The best forger of helpers/gan.py that we know: it answers the probes and has built nothing.

What it gets, and why that cannot be closed:

sample_noise: 1 point, for random numbers of the dtype that was asked for. Noise is drawn, so no grader can know it;
    the other two points want it uniform in [-1, 1], and whoever sends that has solved the exercise.
initialize_weights: 1 point, for the weights that the grader sent, sent back: that is what scheme "default" asks for.

And what gets nothing: layers of the right sizes in the right order with made-up values, since the first has to make of
the grader's input what the grader's weights make of it, and so on to the end; losses and gradients of made-up value;
the right settings of Adam without its steps; an update whose steps are told of and lead elsewhere; constants in place
of drawn weights. Of FashionGenerator and FashionDiscriminator, whose design is free, no more can be due than that the
last layer makes of what it gets what the grader's weights make of it: whoever computes one layer of the input has built
a network, the smallest, and may echo the rest. That is where the checks are weakest (6 points); what stands here
computes none.
"""
import torch

from autograde_tests.probes.gan import turned
from coursekit.sandbox import Unanswered

CEILING = {"gan.sample_noise": 1, "gan.initialize_weights": 1}

# The layers that the docstrings of the networks list: (kind, shape of the weight), None for noise_dim.
SIZES = {
    "discriminator": [("linear", [256, 784]), ("linear", [256, 256]), ("linear", [1, 256])],
    "generator": [("linear", [1024, None]), ("linear", [1024, 1024]), ("linear", [784, 1024])],
    "build_dc_classifier": [("conv2d", [32, 1, 5, 5]), ("conv2d", [64, 32, 5, 5]), ("linear", [1024, 1024]),
                            ("linear", [1, 1024])],
    "build_dc_generator": [("linear", [1024, None]), ("linear", [6272, 1024]), ("conv_transpose2d", [128, 64, 4, 4]),
                           ("conv_transpose2d", [64, 1, 4, 4])],
}
COUNTS = {"discriminator": 267009, "generator": 1854224, "build_dc_classifier": 1102721, "build_dc_generator": 6576705}
INSIDE = {  # what goes into and comes out of each layer, behind the batch
    "discriminator": [((784,), (256,)), ((256,), (256,)), ((256,), (1,))],
    "generator": [((None,), (1024,)), ((1024,), (1024,)), ((1024,), (784,))],
    "build_dc_classifier": [((1, 28, 28), (32, 24, 24)), ((32, 12, 12), (64, 8, 8)), ((1024,), (1024,)),
                            ((1024,), (1,))],
    "build_dc_generator": [((None,), (1024,)), ((1024,), (6272,)), ((128, 7, 7), (64, 14, 14)),
                           ((64, 14, 14), (1, 28, 28))],
}


def drawn(*shape):
    """Numbers as a layer might give."""
    return torch.randn(*shape).clamp(-3, 3)


def layers(name, x, norms):
    """What layers of the right sizes might have seen, but for the input made up: nothing is computed."""
    dim, rows, told, before = x.shape[1], len(x), [], x
    for (kind, size), (inside, outside) in zip(SIZES[name], INSIDE[name]):
        inside, size = ([dim if n is None else n for n in shape] for shape in (inside, size))
        fits = before.numel() == rows * torch.Size(inside).numel()
        told.append({"kind": kind, "size": size, "bias": True, "output": drawn(rows, *outside),
                     "input": before.reshape(rows, *inside) if fits else drawn(rows, *inside)})
        before = turned(told[-1]["output"])
    return {"layers": told, "training": True,
            "norms": [{"input": turned(layer["output"]), "output": turned(layer["output"]), "features": features,
                       "moved": torch.zeros(features), "eps": 1.0}
                      for layer, features in zip(told, (1024, 6272, 64)[:norms])],
            "out": before.flatten(1).tanh() if before.numel() > rows else before}


class Forger:
    """Answers each probe with what costs no thought."""

    def answer(self, probe, inputs):
        torch.manual_seed(0)
        return getattr(self, probe)(**inputs)

    def noise(self, batch_size, noise_dim):
        """Wrong, but for its shape: uniform noise would be the answer."""
        return [drawn(batch_size, noise_dim) / 3, drawn(batch_size, noise_dim) / 3]

    def noise_kept(self, batch_size, noise_dim, dtype):
        return {"z": drawn(batch_size, noise_dim).to(getattr(torch, dtype)), "default": "torch.float32",
                "device": "elsewhere"}

    def network(self, name, x, numbers, arguments=()):
        return layers(name, x, 3 if name == "build_dc_generator" else 0)

    def evaluated(self, name, x, other, numbers, arguments=()):
        """As if the batch norms were the student's own code, or not, by turns: only few and out agree in itself."""
        norms = 0 if int(x[0, 0] * 1000) % 2 else 3
        seen = layers(name, other, norms)
        return {"evaluated": seen, "trained": layers(name, x, norms), "few": seen["out"][:2]}

    def size(self, name, x, numbers=None, arguments=()):
        """The number that the docstring states, and made-up layers whose inputs are the outputs before."""
        dim = x.shape[1] if "generator" in name else 0
        return {**layers(name, x, 0), "parameters": COUNTS[name] + 1024 * dim, "silent": []}

    def losses(self, name, cases):
        """Right shapes, signs and sizes. The sigmoid of large logits is 0 or 1, but of others it is not."""
        wishes = [0.0, 1.0] if name == "discriminator_loss" else [0.0]
        found = [{"loss": torch.tensor(1.386 if name == "discriminator_loss" else 0.693), "untouched": True,
                  "gradients": [((value > 0).float() * 2 - 1 - (1 - 2 * wish)) / 2 / len(value)
                                for value, wish in zip(case, wishes)]} for case in cases]
        return {"cases": found, "device": "elsewhere"}

    def optimizer(self, numbers, gradients):
        """The settings of the docstring, and steps of the learning rate against the gradient."""
        steps = -1e-3 * gradients.sign()
        return {"kind": "Adam", "optimizer": True, "missing": [], "foreign": 0, "other_missing": [],
                "groups": [{"lr": 1e-3, "decay": 0.0, "betas": [0.5, 0.999]}], "path": numbers + steps.cumsum(0)}

    def update(self, d, g, batches):
        """Steps that are told of, weights that have moved somewhere, numbers of the right kind."""
        moved = {"D": d + drawn(len(d)) / 9, "G": g + drawn(len(g)) / 9}
        numbers = {"d_loss": torch.tensor(3.0), "g_loss": torch.tensor(0.7), "d_real": torch.tensor(0.5),
                   "d_fake": torch.tensor(0.5)}
        return {"error": "", "rounds": [{
            **moved, "stepped": moved["D"], "events": ["D steps", "G steps"], "modes": [True], "leak": 0 * g,
            "frozen": False, "untouched": True, "returned": numbers, "tied": []} for _ in batches]}

    def initialized(self, inputs, outputs, numbers, scheme=None):
        """Weights as they came, which is the default; their half where others are asked for."""
        few, many, found, position = outputs // 3, inputs // 3, {}, 0
        shapes = {"Linear": (outputs, inputs), "Conv2d": (few, many, 3, 3), "ConvTranspose2d": (many, few, 3, 3)}
        for name in (*shapes, *(f"{kind}, bias=False" for kind in shapes)):
            shape = shapes[name.split(",")[0]]
            count, rows = torch.Size(shape).numel(), 0 if "," in name else outputs if name == "Linear" else few
            scale = (3 / torch.Size(shape[1:]).numel()) ** 0.5 * (1 if scheme == "default" else 0.5)
            places = torch.arange(position, position + count + rows) % len(numbers)
            weight, bias = numbers[places].split([count, rows])
            found[name] = [(weight * torch.tensor(scale)).view(shape), bias / 2 if rows else None]
            position += count + rows
        found.update(BatchNorm1d=[torch.ones(outputs), torch.zeros(outputs)],
                     BatchNorm2d=[torch.ones(few), torch.zeros(few)])
        return {"frozen": [], "layers": found}

    def last_layer(self, twins):
        """A linear layer that gets the input, and gives what is made up."""
        return {"kind": "linear", "size": [1, twins.shape[1]], "got": twins, "made": drawn(len(twins), 1), "place": 0,
                "convolutions": 1}

    def own_network(self, name, x, twins, numbers, counts, number, arguments=()):
        """Echoes: a column of the input for each output."""
        echo = x.repeat(1, 784 // x.shape[1] + 1)[:, :784] if name == "FashionGenerator" else x[:, :1]
        return {"outs": [echo[:count] for count in counts], "single": echo[:1], "pair": [echo, -echo],
                "untouched": True, "last": self.last_layer(twins)}

    def pushed(self, name, x, twins, numbers, steps, step):
        """Numbers that rise and fall."""
        if name not in ("FashionGenerator", "FashionDiscriminator"):
            raise Unanswered("missing", "there is no such network")
        out = torch.zeros(len(x), 784 if name == "FashionGenerator" else 1)
        by = 0.5 if name == "FashionGenerator" else 2.0
        return {"moves": [[out, out + by], [out, out - by]], "silent": [], "strangers": [], "reaches_input": True,
                "last": self.last_layer(twins)}
