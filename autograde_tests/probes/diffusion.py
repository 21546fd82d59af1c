"""Probes of helpers/diffusion.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a tree of tensors and plain values. Nothing here says what
a right answer is. Networks are replaced by models that remember what they were asked.
"""
from numbers import Real

import torch

from autograde_tests.probes import seed, shown
from helpers.given.checks.diffusion import OUTSIDE, Learning, Model, asked, draws_first, each_time, explaining
from helpers.given.checks.engine import sets_seed
from helpers.given.weights import load

WEIGHT = 0.7  # of the model whose loss is asked for


# Schedules and closed form

def schedule(module, name, steps):
    """A schedule of so many steps, and the default one."""
    return [shown(getattr(module, name)(steps)), shown(getattr(module, name)())]


def closed(module, cases):
    """Mean coefficient and variance for each tensor of alphas; plain numbers count as tensors."""
    before, found = [alphas.clone() for alphas in cases], []
    for alphas in cases:
        values = module.closed_form(alphas)
        values = values if isinstance(values, (tuple, list)) else [values]
        found.append(shown([torch.tensor(float(value)) if isinstance(value, Real) else value for value in values]))
    return {"found": found, "untouched": all(map(torch.equal, before, cases))}


# add_noise

def noised(module, batch, t, alphas_cumprod, number):
    """Noise a batch twice. Also, whether eps is the first thing that is drawn."""
    before = batch.clone(), torch.as_tensor(t).clone()
    seed(number)
    found = [shown(module.add_noise(x, t, alphas_cumprod)) for x in (batch, before[0].clone())]
    untouched = all(map(torch.equal, before, (batch, torch.as_tensor(t))))

    def eps():
        parts = shown(module.add_noise(before[0].clone(), t, alphas_cumprod))
        return parts[-1] if isinstance(parts[-1], torch.Tensor) else torch.zeros(())

    return {"found": found, "untouched": untouched, "first": draws_first(eps)}


# noise_prediction_loss

def loss(module, batch, alphas_cumprod, signal, noise, number):
    """The loss of a batch with a model that remembers, and its gradient in the model's only weight.

    add_noise is replaced: it takes the factors of signal and noise from two tables. So an open gap there, or a mistake,
    does not matter here.
    """
    used = []

    def add_noise(x, t, *rest, **options):
        eps = torch.randn_like(x)
        t = torch.as_tensor(t).reshape(-1)
        used.append(each_time(t, len(x)))
        # What is outside of the schedule is the grader's to name: it sees the steps.
        t = t.reshape(-1, *[1] * (x.dim() - 1)).long().clamp(0, len(signal) - 1)
        return signal[t] * x + noise[t] * eps, eps

    module.add_noise = add_noise
    weight = torch.tensor(WEIGHT, requires_grad=True)
    model, before, gradient = Model(number, weight), batch.clone(), None
    with explaining(OUTSIDE.format(len(alphas_cumprod) - 1)):
        value = module.noise_prediction_loss(model, batch, alphas_cumprod)
    if getattr(value, "requires_grad", False):
        gradient, = torch.autograd.grad(value.sum(), weight, allow_unused=True)
    return {"loss": shown(value), "gradient": gradient, "calls": asked(model) if model.calls else [],
            "noised_at": torch.cat(used) if used else None, "untouched": torch.equal(batch, before)}


# Samplers

def sampled(module, name, n_samples, n_features, schedule, options, number):
    """What a sampler gives, and what it asked the model. A trajectory that is a list counts as a tensor."""
    model = Model(number)
    seed(number)
    size = tuple(n_features) if isinstance(n_features, list) else n_features
    with explaining(OUTSIDE.format(len(schedule[0]) - 1)):
        result = shown(getattr(module, name)(model, n_samples, size, tuple(schedule), **options))
    if isinstance(result, list) and len(result) == 2:
        try:
            result[1] = torch.stack(list(result[1]))
        except (TypeError, RuntimeError):  # no list, or one of something else: the grader says so
            pass
    return {"result": result, "calls": model.calls}


def grown(module, name, schedule, options):
    """Whether a sampler keeps the graph of a model with weights, which would fill the memory, and whether it seeds."""
    def sample():
        return getattr(module, name)(Learning(), 2, 2, tuple(schedule), **options)

    values = sample()
    first = values[0] if isinstance(values, (tuple, list)) else values
    return {"graph": bool(getattr(first, "requires_grad", False)), "seeds": sets_seed(sample)}


# Labels

def dropped(module, labels, null_label, p, number, few):
    """Labels after the dropout, twice, and with the default probability.

    few: (size, times): also how many are dropped of so many labels, so many times.
    """
    before = labels.clone()
    seed(number)
    found = [shown(module.drop_labels(labels, null_label, p))]
    untouched = torch.equal(labels, before)
    found += [shown(module.drop_labels(before.clone(), null_label, *share)) for share in ([p], [])]
    size, times = few
    counts = [(module.drop_labels(labels[:size].clone(), null_label, p) == null_label).sum() for _ in range(times)]
    return {"found": found, "untouched": untouched, "counts": torch.stack(counts)}


class Labelled:
    """Stands for a noise predictor with labels: each label has its own factor and offset."""

    def __init__(self, factors, offsets):
        self.factors, self.offsets, self.null_label = factors, offsets, len(factors) - 1
        self.asked = set()

    def forward(self, x, t, labels=None):
        labels = torch.full((len(x),), self.null_label) if labels is None else torch.as_tensor(labels).reshape(-1)
        labels = labels.expand(len(x))
        self.asked.update(labels.tolist())
        shape = (-1, *[1] * (x.dim() - 1))
        t = each_time(t, len(x)).to(x)
        return self.factors[labels].reshape(shape) * x + (self.offsets[labels] + 0.01 * t).reshape(shape)

    __call__ = forward


def guided(module, x, t, labels, factors, offsets, scales):
    """The guided prediction for several scales, for which labels it asked the model, and whether the inputs were left
    alone."""
    found = []
    for scale in scales:
        model, given = Labelled(factors, offsets), (x.clone(), t.clone(), labels.clone())
        out = shown(module.guided_noise(model, *given, scale))
        found.append({"out": out, "asked": sorted(map(int, model.asked)),
                      "untouched": all(map(torch.equal, given, (x, t, labels)))})
    return found


# Trained work

def trained(module, weights, x, t, labels):
    """The noise that the student's network predicts with these weights."""
    network = load(module.UNet(), weights)
    with torch.inference_mode():
        return shown(network(x, t, labels))
