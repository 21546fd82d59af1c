"""Probes of helpers/diffusion.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a dict of tensors and plain values. Nothing here says what
a right answer is. Networks are replaced by models that remember what they were asked.
"""
from numbers import Real

import torch

from autograde_tests.probes import returned, seed

WEIGHT = 0.7  # of the model whose loss is asked for


class Model:
    """Stands for a noise predictor: predicts random numbers, and remembers each question.

    The numbers come from a generator of its own, so that the student's random numbers stay what they are. The grader
    draws the same.
    """

    def __init__(self, number, weight=None):
        # Not the number that the student's random numbers are seeded with: the answers would be the same numbers.
        self.generator = torch.Generator().manual_seed(number + 1)
        self.weight = 1.0 if weight is None else weight
        self.asked, self.times = [], []

    def __call__(self, x, t):
        self.asked.append(x.detach().clone())
        self.times.append(each_time(t, len(x)))
        return self.weight * torch.randn(x.shape, generator=self.generator)

    def seen(self):
        """All calls as tensors; calls of unequal shape in words."""
        found = {"calls": len(self.asked)}
        for name, parts in (("asked", self.asked), ("times", self.times)):
            same = parts and all(part.shape == parts[0].shape for part in parts)
            found[name] = torch.stack(parts) if same else f"{len(parts)} tensors of unequal shapes"
        return found


def each_time(t, count):
    """The steps of a batch, one for each sample: from an int, or from a tensor with one step or with as many."""
    t = torch.as_tensor(t).detach().reshape(-1).double()
    if len(t) not in (1, count):
        raise ValueError(f"the model got {count} samples with {len(t)} steps: t should be a tensor ({count}, 1)")
    return t.expand(count).clone()


# Schedules and closed form

def schedule(module, name, counts):
    """A schedule for several numbers of steps, and for the default one."""
    found = {}
    for label, arguments in [(f"{count}", (count,)) for count in counts] + [("default", ())]:
        parts = returned(("alphas_cumprod", "alphas", "betas"), getattr(module, name)(*arguments))
        found.update({f"{key}_{label}": value for key, value in parts.items()})
    return found


def closed(module, count, **alphas):
    """Mean coefficient and variance for each tensor of alphas; plain numbers count as tensors."""
    found = {"untouched": True}
    for k in range(count):
        given = alphas[f"alphas{k}"]
        before = given.clone()
        values = module.closed_form(given)
        found["untouched"] &= torch.equal(given, before)
        values = list(values) if isinstance(values, (tuple, list)) else [values]
        values = [torch.tensor(float(value)) if isinstance(value, Real) else value for value in values]
        found.update({f"{key}{k}": value for key, value in returned(("mean", "variance"), values).items()})
    return found


# add_noise

def noised(module, alphas_cumprod, batch, t, form, number):
    """Noise a batch twice. form says what t is: "int", "(N,)" or "(N, 1)"."""
    before, steps = batch.clone(), t.clone()
    given = {"int": lambda: int(t[0]), "(N,)": lambda: t, "(N, 1)": lambda: t[:, None]}[form]
    seed(number)
    found = returned(("noised", "eps"), module.add_noise(batch, given(), alphas_cumprod))
    again = returned(("again", "again_eps"), module.add_noise(before.clone(), given(), alphas_cumprod))
    return {**again, **found, "untouched": torch.equal(batch, before), "t_untouched": torch.equal(t, steps)}


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
        used.append((each_time(t, len(x)), eps))
        t = t.reshape(-1, *[1] * (x.dim() - 1)).long()
        return signal[t] * x + noise[t] * eps, eps

    module.add_noise = add_noise
    weight = torch.tensor(WEIGHT, requires_grad=True)
    model, before = Model(number, weight), batch.clone()
    value = module.noise_prediction_loss(model, batch, alphas_cumprod)
    found = {**returned(("loss",), (value,)), **model.seen(), "untouched": torch.equal(batch, before),
             "noisings": len(used)}
    if used:
        found["noised_at"], found["eps"] = used[-1]
    if getattr(value, "requires_grad", False):
        gradient, = torch.autograd.grad(value.sum(), weight, allow_unused=True)
        found["gradient"] = "None" if gradient is None else gradient
    return found


# Samplers

def sampled(module, name, n_samples, n_features, alphas_cumprod, alphas, betas, number, options=None):
    """What a sampler gives, and what it asked the model."""
    model = Model(number)
    schedule = tuple(part.clone() for part in (alphas_cumprod, alphas, betas))
    seed(number)
    size = tuple(n_features) if isinstance(n_features, list) else n_features
    values = getattr(module, name)(model, n_samples, size, schedule, **(options or {}))
    if isinstance(values, (tuple, list)) and len(values) == 2 and isinstance(values[1], (list, tuple)):
        states = values[1]
        same = states and all(isinstance(x, torch.Tensor) and x.shape == states[0].shape for x in states)
        values = values[0], torch.stack(list(states)) if same else "a list of other things than tensors of one shape"
    return {**returned(("samples", "trajectory"), values), **model.seen()}


def grown(module, name, n_samples, alphas_cumprod, alphas, betas, options=None):
    """Whether a sampler keeps the graph of a model with weights, which would fill the memory."""
    weight = torch.ones((), requires_grad=True)
    values = getattr(module, name)(lambda x, t: weight * x, n_samples, 2, (alphas_cumprod, alphas, betas),
                                   **(options or {}))
    first = values[0] if isinstance(values, (tuple, list)) else values
    return {"requires_grad": bool(getattr(first, "requires_grad", False))}


# Labels

def dropped(module, labels, null_label, p, number):
    """Labels after the dropout, twice, and with the default probability."""
    before = labels.clone()
    seed(number)
    found = returned(("first",), (module.drop_labels(labels, null_label, p),))
    found["untouched"] = torch.equal(labels, before)
    found.update(returned(("second",), (module.drop_labels(before.clone(), null_label, p),)))
    found.update(returned(("default",), (module.drop_labels(before.clone(), null_label),)))
    return found


class Labelled:
    """Stands for a noise predictor with labels: each label has its own factor and offset."""

    def __init__(self, factors, offsets):
        self.factors, self.offsets, self.null_label = factors, offsets, len(factors) - 1
        self.asked = []

    def __call__(self, x, t, labels=None):
        labels = torch.full((len(x),), self.null_label) if labels is None else torch.as_tensor(labels).reshape(-1)
        labels = labels.expand(len(x))
        self.asked += labels.tolist()
        shape = (-1, *[1] * (x.dim() - 1))
        t = each_time(t, len(x)).to(x)
        return self.factors[labels].reshape(shape) * x + (self.offsets[labels] + 0.01 * t).reshape(shape)


def guided(module, x, t, labels, factors, offsets, scales):
    """The guided prediction for several scales, and for which labels it asked the model."""
    found = {"untouched": True}
    for k, scale in enumerate(scales):
        model = Labelled(factors, offsets)
        given = x.clone(), t.clone(), labels.clone()
        found.update(returned((f"out{k}",), (module.guided_noise(model, *given, scale),)))
        found["untouched"] &= all(torch.equal(a, b) for a, b in zip(given, (x, t, labels)))
        found[f"asked{k}"] = [int(label) for label in sorted(set(model.asked))]
    return found
