"""Answers the probes of flow.py without a solution. What it sends for each item, and what comes of it:

interpolate, exact_velocity, divergence, straightness, guided_velocity, shortcut_target: numbers of the right shape. The
    grader computes what is due from inputs of its own.
flow_matching_loss: times and noise as they should be, and the root of the loss that is to be expected of answers that
    have nothing to do with them. So many pairs come near to that, about one time in thirty near enough for a loss with
    a usual mistake; but the grader asks twice.
euler, heun: a straight way to a made-up end, with as many looks as there should be. The grader walks itself.
log_likelihood: the density of N(0, I) at the data, which needs no walk, and the times that are due.
couple: the noise in the order in which it came.
reflow_pairs: noise, and the same noise as the end of its path. Noise is what is asked for, however it was drawn, and an
    honest file with this mistake gets this point, too: it remains.
update_average: the average as it was, and the model's buffers, which are to be copied: this point remains as well.
"""
import math

import torch

from autograde_tests.probes.flow import WEIGHT

CEILING = {"flow.reflow_pairs": 1, "flow.update_average": 1}


class Forger:
    """Says what a file could say that has taken over the pipes of its process."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(5)

    def answer(self, probe, inputs):
        return getattr(self, probe)(**inputs)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def between(self, x_0, x_1, t):
        return {"found": [x_0, x_1], "untouched": True}

    def exact(self, x, times, data):
        return {"found": [-x for _ in times], "untouched": True}

    def loss(self, x_1, given, number):
        t = given.get("t", torch.rand(len(x_1), generator=self.generator))
        axes = t.reshape(-1, *[1] * (x_1.dim() - 1))
        x_0 = given.get("x_0", self.normal(*x_1.shape))
        expected = WEIGHT ** 2 + (x_1 - x_0).square().mean()
        return {"loss": expected.sqrt(), "gradient": torch.tensor(2 * WEIGHT), "untouched": True, "seeds": False,
                "calls": [(1 - axes) * x_0 + axes * x_1, t.double(), torch.tensor([len(x_1)])]}

    def loss_of(self, x_1, x_0, t, field):
        return {"loss": torch.tensor(0.0), "untouched": True, "calls": [x_0, t.double(), torch.tensor([len(t)])]}

    def walked(self, name, field, x, times):
        shares = torch.linspace(0, 1, len(times)).reshape(-1, *[1] * x.dim())
        trajectory = x + shares * self.normal(*x.shape)
        looks = {"euler": 1, "heun": 2}[name] * (len(times) - 1) * len(x)
        return {"result": [trajectory[-1], trajectory], "looks": looks, "untouched": True, "graph": False}

    def diverging(self, field, x, t):
        return {"found": [torch.zeros(len(x))] * 2, "graph": False, "flagged": False, "untouched": True,
                "filled": False}

    def likely(self, field, x, times):
        value = -0.5 * (x ** 2 + math.log(2 * math.pi)).sum(dim=1)
        return {"value": value, "times": times.double().sort().values, "untouched": True}

    def straight(self, trajectories):
        return [{"value": torch.tensor(0.0), "untouched": True} for _ in trajectories]

    def coupled(self, x_0, x_1):
        return {"x_0": x_0, "untouched": True, "there": ""}

    def reflowed(self, n_samples, n_features, batch_size, **inputs):
        noise = self.normal(n_samples, n_features)
        return {"pairs": torch.stack((noise, noise), dim=1), "most": min(batch_size, n_samples), "untouched": True,
                "seeds": False, "there": ""}

    def guided(self, x, labels, scales, **inputs):
        return [{"out": torch.zeros_like(x), "asked": labels.tolist(), "untouched": True} for _ in scales]

    def averaged(self, average, model, decay, frozen):
        return {"weights": average[0], "buffers": model[1], "untouched": True, "apart": True}

    def target(self, x, t, d, factors):
        return {"out": torch.zeros_like(x), "graph": False, "untouched": True}
