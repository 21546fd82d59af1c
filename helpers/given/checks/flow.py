"""Public checks of helpers/flow.py. The hidden ones judge by the same rules and tables of slips, and draw other
inputs."""
import itertools
import math
from contextlib import contextmanager

import torch
from torch.nn import functional as F

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (Elsewhere, close, expect_close, expect_normal, expect_parts, expect_right,
                                         expect_shape, expect_tensor, expect_untouched, is_gap, judge_gradient,
                                         name_the_slip, only_number, sets_seed, spread, squared_error_slips)

flow = GradedModule("flow")


# Velocities that remember

def each_time(t, count):
    """The times of a batch, one for each sample (count,), as doubles: from a number, or from a tensor with one time or
    with as many, of any shape."""
    t = torch.as_tensor(t).detach().reshape(-1).double()
    if len(t) not in (1, count):
        raise ValueError(f"the model got {count} samples with {len(t)} times: t should be a tensor ({count},)")
    return t.expand(count).clone()


class Remembers:
    """A function (x, t) of a batch that remembers each question, a list of (x, times (N,)), as `calls`."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t, *rest):
        # In torch.func's functions there are no numbers yet to remember.
        if not any(map(torch._C._functorch.is_functorch_wrapped_tensor, (x, torch.as_tensor(t)))):
            self.calls.append((x.detach().clone(), each_time(t, len(x))))
        return self.answer(x, each_time(t, len(x)).to(x), *rest)

    forward = __call__


class Field(Remembers):
    """A velocity field: outer tanh(inner (x, t)). Each row of the answer depends on the same row only.

    Args:
        inner: (K, D + 1), D numbers of a sample and its time. outer: (D, K). See `make_field`.
    """

    def __init__(self, inner, outer):
        super().__init__()
        self.inner, self.outer = inner, outer

    def answer(self, x, t):
        hidden = torch.cat((x.flatten(1), t[:, None]), dim=1) @ self.inner.to(x).T
        return (torch.tanh(hidden) @ self.outer.to(x).T).reshape(x.shape)


class Guess(Remembers):
    """Stands for a network: it says weight times random numbers.

    The numbers come from a generator of its own, so that the student's random numbers stay what they are: who knows the
    questions can have the answers again.
    """

    def __init__(self, number, weight=1.0):
        super().__init__()
        # Not the number that the student's random numbers are seeded with: the answers would be the same numbers.
        self.generator, self.weight = torch.Generator().manual_seed(number + 1), weight

    def answer(self, x, t):
        return self.weight * torch.randn(x.shape, generator=self.generator)


def make_field(generator, features, units=6):
    """The numbers of a `Field` for samples of so many numbers: (inner, outer)."""
    inner = torch.randn(units, features + 1, generator=generator) / features ** 0.5
    inner[:, -1] = torch.randn(units, generator=generator)
    return inner, torch.randn(features, units, generator=generator) * (2 / units) ** 0.5


def asked(model):
    """What a model was asked, however it was divided into calls: x (N, ...), the times (N,), the size of each call."""
    if len({x.shape[1:] for x, _ in model.calls}) > 1:
        raise ValueError("the model gets samples of different shapes")
    x, t = (torch.cat(parts) for parts in zip(*model.calls))
    return x, t, torch.tensor([len(x) for x, _ in model.calls])


# interpolate

TIME = "time runs the wrong way: the path is at x_0, the noise, at t = 0, and at x_1, the data, at t = 1"
SIGN = "the sign of the velocity is wrong: x_1 - x_0, from noise to data"


def paths(x_0, x_1, t):
    """The right (x_t, velocity) of pairs; what typical mistakes did, and what each gives. t: (N,)."""
    way = x_1 - x_0

    def place(s):
        return x_0 + s * way

    s = spread(t, x_0)
    x_t, all_same = place(s), "all pairs have the time of {}: each has its own"
    slips = [
        (TIME, (place(1 - s), None)),
        ("the two are returned in the other order: (x_t, velocity)", (way, x_t)),
        ("x_0 is not scaled: (1 - t) x_0", (x_0 + s * x_1, None)),
        ("x_1 is not scaled: t x_1", ((1 - s) * x_0 + x_1, None)),
        ("x_1 is subtracted: x_t lies between x_0 and x_1", ((1 - s) * x_0 - s * x_1, None)),
        ("the factors are those of diffusion, with roots: the path is straight, (1 - t) x_0 + t x_1",
         ((1 - s).sqrt() * x_0 + s.sqrt() * x_1, None)),
        ("the path is a part of a circle: it is straight, (1 - t) x_0 + t x_1",
         (torch.cos(math.pi / 2 * s) * x_0 + torch.sin(math.pi / 2 * s) * x_1, None)),
        ("t does nothing: x_t is halfway between x_0 and x_1", (place(0.5), None)),
        ("x_t is x_0 itself", (x_0, None)),
        ("x_t is x_1 itself", (x_1, None)),
        (all_same.format("the first one"), (place(t[0]), None)),
        (all_same.format("the last one"), (place(t[-1]), None)),
        ("all pairs have the mean of the times: each has its own", (place(t.mean()), None)),
        (SIGN, (None, -way)),
        ("the velocity is x_1 - x_t, what is left of the way: the whole way, x_1 - x_0, takes the time from 0 to 1",
         (None, x_1 - x_t)),
        ("the velocity is x_t - x_0, the way so far: the whole way, x_1 - x_0, takes the time from 0 to 1",
         (None, x_t - x_0)),
        ("the velocity is the place x_t: it is x_1 - x_0", (None, x_t)),
        ("the velocity is x_1: it is x_1 - x_0", (None, x_1)),
        ("the velocity is x_0: it is x_1 - x_0", (None, x_0)),
        ("the velocity is the sum of x_0 and x_1: it is their difference, x_1 - x_0", (None, x_0 + x_1)),
        ("the velocity is divided by t: it is x_1 - x_0, the same all the way", (None, way / s)),
        ("the velocity is the mean over the batch: each pair has its own", (None, way.mean(dim=0, keepdim=True))),
    ]
    parts = ("coordinate",) if x_0.dim() == 2 else ("channel", "row", "column")
    for k, part in enumerate(parts, start=1):
        if len(x_0) == x_0.shape[k]:  # then wrong shapes fit, too
            own = t.reshape(-1, *[1] * (x_0.dim() - 1 - k))
            slips.append((f"each {part} has its own time: t says one time for each pair, so it needs shape "
                          f"{('N', *[1] * (x_0.dim() - 1))}".replace("'", ""), (place(own), None)))
    return (x_t, way), slips


def judge_path(found, x_0, x_1, t):
    """Assert what `interpolate` returned. t: a float, or (N,)."""
    form = "a float" if isinstance(t, float) else "(N,)"
    for what, value in zip(("x_t", "the velocity"), expect_parts("interpolate", found, ("x_t", "velocity"))):
        expect_tensor(f"{what} for pairs of shape {tuple(x_0.shape)} and t {form}", value, x_0.shape)
    x_0, x_1 = x_0.double(), x_1.double()
    right, slips = paths(x_0, x_1, torch.as_tensor(t).double().expand(len(x_0)))
    slips = [(slip, [part if part is None else part.expand_as(x_0) for part in parts]) for slip, parts in slips]
    for got, due, rule in zip(found, right, ("x_t should be (1 - t) x_0 + t x_1", "the velocity should be x_1 - x_0")):
        if not close(got, due, 1e-5):
            name_the_slip(found, slips, 1e-5, right)
            raise AssertionError(f"{rule}, for t {form}; another formula?")


@public("flow.interpolate", hint="At t = 0 the path is at x_0, at t = 1 at x_1. t needs as many axes as the batch.")
def interpolate():
    each = torch.tensor([0.2, 0.9, 0.6])
    for shape in ((3, 2), (2, 2), (3, 1, 4, 3)):
        for t in (0.3, 1.0, each[:shape[0]]):
            x_0, x_1 = torch.randn(shape), torch.rand(shape) + 2
            before = x_0.clone(), x_1.clone(), torch.as_tensor(t).clone()
            found = flow.interpolate(x_0, x_1, t)
            expect_untouched("interpolate", before, (x_0, x_1, torch.as_tensor(t)))
            judge_path(found, x_0, x_1, t)


# exact_velocity

def mean_velocities(x, t, data):
    """The right mean velocity, (N, D); what typical mistakes did, and what each gives."""
    x, data, left = x.double(), data.double(), 1 - t

    def far(mean=t * data):
        """Squared distances (N, M)."""
        return (x[:, None] - mean).square().sum(dim=2)

    def nearby(logarithms, axis=1):
        """E[x_1 | x_t = x], from logarithms of the weights."""
        return logarithms.softmax(dim=axis) @ data

    goal = nearby(-far() / (2 * left ** 2))
    right = (goal - x) / left
    slips = [
        ("the answer is E[x_1 - x], not divided by 1 - t: the rest of the way takes the time 1 - t", goal - x),
        ("the answer is E[x_1], where the paths end: the velocity leads there from x, in the time 1 - t", goal),
        ("the answer is E[x_0], where the paths begin: the velocity is E[x_1 - x_0]", (x - t * goal) / left),
        (SIGN, -right),
        ("x_0 is left out: E[x_1] / (1 - t)", goal / left),
        ("divided by the square of 1 - t: the velocity is (E[x_1] - x) / (1 - t)", right / left),
        ("all data have the same weight: those are more likely whose x_0 is", (data.mean(dim=0) - x) / left),
        ("the variance is 1 - t: it is (1 - t)^2, x_t = (1 - t) x_0 + t x_1",
         (nearby(-far() / (2 * left)) - x) / left),
        ("the 2 is missing in the exponent: -|x - t x_1|^2 / (2 (1 - t)^2)", (nearby(-far() / left ** 2) - x) / left),
        ("the distances are not divided by 2 (1 - t)^2", (nearby(-far()) - x) / left),
        ("the distances are not divided by (1 - t)^2", (nearby(-far() / 2) - x) / left),
        ("the distances are multiplied by (1 - t)^2: divide by it",
         (nearby(-far() * left ** 2 / 2) - x) / left),
        ("the distances are not squared: -|x - t x_1|^2 / (2 (1 - t)^2)",
         (nearby(-far().sqrt() / (2 * left ** 2)) - x) / left),
        ("the distances are not squared: -|x - t x_1|^2 / (2 (1 - t)^2)",
         (nearby(-far().sqrt() / (2 * left)) - x) / left),
        ("the distances are those from x to the data: a path that ends at x_1 is around t x_1 now",
         (nearby(-far(data) / (2 * left ** 2)) - x) / left),
        ("the distances are those from t x to the data: they are those from x to t x_1",
         (nearby(-(t * x[:, None] - data).square().sum(dim=2) / (2 * left ** 2)) - x) / left),
        ("the sign is wrong in the weights: what is far away is less likely",
         (nearby(far() / (2 * left ** 2)) - x) / left),
        ("only the nearest data point counts: all do, with weights", (data[far().argmin(dim=1)] - x) / left),
        ("the weights run over the wrong axis: they add up to 1 over the data, for each x",
         (nearby(-far() / (2 * left ** 2), axis=0) - x) / left),
        ("the weights do not add up to 1 for each x: divide by their sum",
         ((-far() / (2 * left ** 2)).exp() @ data - x) / left),
        ("softmax is taken of the weights themselves: it takes their logarithms",
         (nearby((-far() / (2 * left ** 2)).exp()) - x) / left),
    ]
    if t > 0:
        slips += [
            (TIME, (nearby(-far(left * data) / (2 * t ** 2)) - x) / t),
            ("divided by t: the rest of the way takes the time 1 - t", (goal - x) / t),
            ("the variance is t^2: it is (1 - t)^2", (nearby(-far() / (2 * t ** 2)) - x) / left)]
    return right, slips


SMALL = "the velocity at t = {:.3g} holds NaN or infinite numbers: far from all data all weights become 0, and 0 / 0 " \
    "is no number. torch.softmax takes their logarithms"


def judge_mean(found, x, t, data, tolerance=1e-3):
    """Assert what `exact_velocity` returned."""
    expect_shape("the velocity", found, x.shape)
    assert found.isfinite().all(), SMALL.format(t)
    right, slips = mean_velocities(x, t, data)
    first, came = ([round(number, 4) for number in value[0].tolist()] for value in (right, found))
    expect_right(found, right, slips, f"the velocity at t = {t:.3g} should be the mean of x_1 - x_0 over all paths "
                 f"that pass there, at the first place {first}; it is {came}", tolerance)


def between_data(generator, count, size, features):
    """Data (size, features) that lie apart from each other, and places (count, features) at distance 1 from the way to
    one of them, where the others have no weight at t = 0.97."""
    data = 4 * torch.randperm(size, generator=generator)[:, None] + torch.randn(size, features, generator=generator)
    aside = torch.randn(count, features, generator=generator)
    aside = 0.6 * aside / aside.norm(dim=1, keepdim=True)
    return data, 0.97 * data[torch.randint(size, (count,), generator=generator)] + aside


@public("flow.exact_velocity", hint="Where does one have to go from x, on average, and how much time is left?")
def exact_velocity():
    generator = torch.Generator().manual_seed(1)
    x, data = torch.randn(5, 2), torch.randn(4, 2) + 1
    for t in (0.3, 0.6, 0.0):
        before = x.clone(), data.clone()
        found = flow.exact_velocity(x, t, data)
        expect_untouched("exact_velocity", before, (x, data))
        judge_mean(found, x, t, data)
    data, x = between_data(generator, 6, 4, 2)
    judge_mean(flow.exact_velocity(x, 0.97, data), x, 0.97, data)


# flow_matching_loss

def loss_slips(predicted, velocity, x_1, x_0, x_t):
    """What typical mistakes did, and the loss of each."""
    return [
        *squared_error_slips(predicted, velocity),
        (SIGN, ((predicted + velocity) ** 2).mean()),
        ("the answer is compared with the data: compare it with the velocity", ((predicted - x_1) ** 2).mean()),
        ("the answer is compared with the noise: compare it with the velocity", ((predicted - x_0) ** 2).mean()),
        ("the answer is compared with x_t: compare it with the velocity", ((predicted - x_t) ** 2).mean()),
        ("the answer is compared with x_1 - x_t, what is left of the way: compare it with the velocity of the whole "
         "path, x_1 - x_0", ((predicted - x_1 + x_t) ** 2).mean()),
        ("the answer is compared with x_t - x_0, the way so far: compare it with the velocity of the whole path, "
         "x_1 - x_0", ((predicted - x_t + x_0) ** 2).mean()),
    ]


def judge_value(value, predicted, velocity, *parts):
    """Assert that a loss is the mean squared error. parts: x_1, x_0, x_t. All of them are doubles."""
    right = ((predicted - velocity) ** 2).mean()
    expect_right(value, right, [
        *loss_slips(predicted, velocity, *parts),
        ("the model's answer is not used: compare it with the velocity", (velocity ** 2).mean()),
        ("the model's answer is not used: compare it with the velocity", ((parts[2] - velocity) ** 2).mean()),
        ("only the model's answer is squared: compare it with the velocity", (predicted ** 2).mean()),
    ], f"the loss should be the mean squared error between the model's answer and the velocity, {right:.5g}; it is "
       f"{value:.5g}. Is it the velocity of another path than the one on which the model was asked?")


def judge_asked(x_t, t, count, shape):
    """Assert that a loss asked a model about so many samples of this shape, once each."""
    expect_tensor("what the model gets", x_t, (len(x_t), *shape))
    expect_tensor("t", t, (len(x_t),))
    assert len(t) == count, f"the loss should ask the model once about each of the {count} pairs of the batch, it " \
        f"asks about {len(t)}"


def judge_given(x_t, t, x_1, x_0, times):
    """Assert that a loss asked about the pairs and the times that it was given, in any order.

    x_t, t: what it asked. x_1, x_0, times: what it was given.
    """
    t, order = t.sort()
    assert close(t, times.double().sort().values, 1e-5), \
        f"the model should be asked at the times that are given, {times.min():.3g} to {times.max():.3g}; it is asked " \
        f"at {t.min():.3g} to {t.max():.3g}"
    pairs = [part[times.argsort()].double() for part in (x_1, x_0)]
    (right, _), slips = paths(pairs[1], pairs[0], t)
    expect_right(x_t[order], right, [(slip, parts[0]) for slip, parts in slips if parts[0] is not None],
                 "the model should be asked on the paths that start at the x_0 that is given; it is asked elsewhere. "
                 "Is new noise drawn?")


def judge_times(t, sizes):
    """Assert that each pair has a time of its own, uniform in [0, 1]. t: (N,). sizes: of the calls of the model."""
    assert (t != t[0]).any(), "all pairs have the same time: draw one for each pair"
    assert t.min() >= 0 and t.max() <= 1, \
        f"the times should lie in [0, 1], they run from {t.min():.3g} to {t.max():.3g}: torch.rand, not torch.randn"
    shares = torch.histc(t, 10, 0, 1) / len(t)
    assert (shares - 0.1).abs().max() < 6 * (0.09 / len(t)) ** 0.5, "the times should be uniform in [0, 1]; the " \
        f"shares of its ten parts run from {shares.min():.3f} to {shares.max():.3f}"
    assert len(t.unique()) > len(t) / 2, "only a few different times come: draw any number between 0 and 1, torch.rand"
    z = (t - t.mean()) / t.std()
    assert len(sizes) > 1 or (z[1:] * z[:-1]).mean().abs() < 6.2 / len(t) ** 0.5, \
        "the times of neighbouring pairs depend on each other"


def starts(x_t, t, x_1):
    """Where the paths start that are at x_t at time t and end at x_1, (N, ...)."""
    left = spread(1 - t, x_t)
    return (x_t - (1 - left) * x_1) / torch.where(left.abs() < 1e-6, 1e-6, left)


def judge_noise(x_t, t, x_1):
    """Assert that paths start from noise. x_1: one for all.

    Returns where they start, and which of these places are known exactly: of paths that do not end now.
    """
    assert (t != t.round()).any(), "the times are whole numbers: draw any number between 0 and 1, torch.rand"
    assert not close(x_t, x_1.expand_as(x_t), 1e-5), "the model is asked about the data: it should be asked about x_t"
    x_0, clear = starts(x_t, t, x_1), (1 - t).abs() > 0.01
    assert clear.sum() > 100, "nearly all times are 1: draw any number between 0 and 1, torch.rand"
    both = clear & (t.abs() > 0.1)
    other = starts(x_t, 1 - t, x_1)[both]  # where it would start if time ran the other way
    if both.sum() > 100 and abs(other.var() - 1) < 0.2 < abs(x_0[clear].var() - 1):
        raise AssertionError(TIME)
    assert x_0[clear].std(dim=0).min() > 1e-3, "all paths start from the same noise: draw as much as there are data"
    assert x_0[clear].flatten(1).std(dim=1).max() > 1e-3, "all coordinates of a sample have the same noise"
    expect_normal("the noise that the paths start from, as it follows from x_t and t,", x_0[clear],
                  "torch.randn_like(x_1), and x_t at the time that the model is told")
    return x_0, clear


SEEDED = "a seed is set inside the loss: then each call draws the same noise and the same times"
NEVER = "the loss never asks the model: model(x_t, t)"


@public("flow.flow_matching_loss", points=2,
        hint="What is drawn for each pair anew, and with what is the model's answer compared?")
def flow_matching_loss():
    generator = torch.Generator().manual_seed(2)
    for shape in ((2,), (1, 2, 3)):
        x_1, x_0, t = torch.rand(6, *shape) + 1, torch.randn(6, *shape), torch.rand(6)
        before, model = (x_1.clone(), x_0.clone(), t.clone()), Field(*make_field(generator, math.prod(shape)))
        value = flow.flow_matching_loss(model, x_1, x_0, t)
        expect_untouched("the loss", before, (x_1, x_0, t))
        only_number(value)
        assert model.calls, NEVER
        x_t, times, _ = asked(model)
        judge_asked(x_t, times, 6, shape)
        judge_given(x_t, times, x_1, x_0, t)
        x_t, x_0, x_1 = ((1 - spread(t, x_1)) * x_0 + spread(t, x_1) * x_1).double(), x_0.double(), x_1.double()
        judge_value(value.double(), model.answer(x_t, t.double()), x_1 - x_0, x_1, x_0, x_t)
    # All samples are the same, so that it does not matter in which order the model is asked about them.
    x_1, weight = torch.tensor([[1.5, -1.0]]).repeat(2000, 1), torch.tensor(0.5, requires_grad=True)
    model = Guess(3, weight)
    value = flow.flow_matching_loss(model, x_1)
    only_number(value)
    assert model.calls, NEVER
    x_t, times, sizes = asked(model)
    judge_asked(x_t, times, 2000, (2,))
    judge_times(times, sizes)
    x_0, _ = judge_noise(x_t.double(), times, x_1[:1].double())
    answers, x_1 = Guess(3, 0.5), x_1.double()
    predicted = torch.cat([answers(x, 0) for x in x_t.split(sizes.tolist())]).double()
    judge_value(value.detach().double(), predicted, x_1 - x_0, x_1, x_0, x_t.double())
    gradient = torch.autograd.grad(value, weight, allow_unused=True)[0] if value.requires_grad else None
    judge_gradient(gradient, 0.5, predicted, x_1 - x_0)
    assert not sets_seed(lambda: flow.flow_matching_loss(Guess(3), x_1[:2].float())), SEEDED


# euler and heun. Both, and most mistakes in them, are one rule with other numbers.

def walk(field, x, times, first=0.5, second=0.5, place=1.0, later=1.0, sizes=None, now=None, reach=None):
    """Walk along a field, as doubles. Returns all states, (S + 1, N, ...).

    Each step goes its size times (first a + second b), where a is the velocity at x, and b the one at x + place * size
    * a, later by this share of the step.

    Args:
        sizes: of the steps (S,), if they are not the differences of the times.
        now: the times at which a is asked for (S,), if they are not those at which the steps start.
        reach: what stands for the size in the place of b.
    """
    x, times = x.double(), times.double()
    sizes, now = times.diff() if sizes is None else sizes, times[:-1] if now is None else now
    states = [x]
    for t, step, size in zip(now, times.diff(), sizes):
        a = field.answer(x, t.expand(len(x)))
        b = field.answer(x + place * (size if reach is None else reach) * a, (t + later * step).expand(len(x)))
        x = x + size * (first * a + second * b)
        states.append(x)
    return torch.stack(states)


def walks(name, field, x, times):
    """The right states of a solver; what typical mistakes did, and the states of each, as a function that makes the
    table."""
    times = times.double()
    steps, rule = times.diff(), {"euler": {"first": 1.0, "second": 0.0}, "heun": {}}[name]

    def states(**options):
        return walk(field, x, times, **{**rule, **options})

    right = states()

    def table():
        even = torch.full_like(steps, (times[-1] - times[0]).item() / len(steps))
        aside = [field.answer(right[0], t.expand(len(x))) for t in times[:-1]]
        slips = [
            ("the steps have equal sizes: the times may lie unevenly, a step's size is the difference of its times",
             states(sizes=even)),
            ("the steps have the size 1 / S: a step's size is the difference of its times",
             states(sizes=torch.full_like(steps, 1 / len(steps)))),
            ("the sizes of the steps are always positive: where times fall, a step's size, then - now, is negative",
             states(sizes=steps.abs())),
            ("the sign of the steps is wrong: the size is then - now", states(sizes=-steps)),
            ("the velocity is not multiplied by the size of the step", states(sizes=torch.ones_like(steps))),
            ("the size of each step is the first one's", states(sizes=steps[:1].expand_as(steps))),
            ("the size of each step is that of the next one", states(sizes=torch.cat((steps[1:], steps[-1:])))),
            ("the velocity is asked at the first time in all steps", states(now=times[:1].expand_as(steps))),
            ("the velocity is asked at k / S: ask at the times that are given",
             states(now=torch.arange(len(steps)).double() / len(steps))),
            ("the velocity is asked at the start x in all steps: ask where the step before ended",
             torch.stack([right[0], *(right[0] + torch.stack([step * v for step, v in zip(steps, aside)]).cumsum(0))])),
        ]
        if name == "euler":
            slips = [
                ("the velocity is asked at the time where the step ends: it is the one where it starts",
                 states(now=times[1:])),
                ("the velocity is asked at the middle of the step's time: it is the one where it starts",
                 states(now=times[:-1] + steps / 2)),
                ("that is Heun's method: Euler's looks once in each step", states(first=0.5, second=0.5)),
                ("that is the midpoint rule: Euler's method looks once in each step, where it starts",
                 states(first=0.0, second=1.0, place=0.5, later=0.5)),
                *slips]
        else:
            last = right[-2] + steps[-1] * field.answer(right[-2], times[-2].expand(len(x)))
            slips = [
                ("that is Euler's method: the second look is missing, where Euler's step would end",
                 states(first=1.0, second=0.0)),
                ("the last step is one of Euler's: Karras et al. do so, here each step looks twice",
                 torch.cat((right[:-1], last[None]))),
                ("the second look is at the old x: it is where Euler's step would end", states(place=0.0)),
                ("the second look is at the old time: it is when Euler's step would end", states(later=0.0)),
                ("that is the midpoint rule, also of second order: Heun's method looks at both ends of the step",
                 states(first=0.0, second=1.0, place=0.5, later=0.5)),
                ("the sum of the two velocities is not halved: walk by their mean", states(first=1.0, second=1.0)),
                ("only the second look counts: walk by the mean of both", states(first=0.0, second=1.0)),
                ("the second look is at the middle of the step: it is where Euler's step would end",
                 states(place=0.5, later=0.5)),
                ("the second look is halfway to where Euler's step would end: go the whole way", states(place=0.5)),
                ("the second look is at the middle of the step's time: it is at its end", states(later=0.5)),
                ("the second look is at x + velocity: Euler's step is the velocity times its size", states(reach=1.0)),
                ("the second look is on the wrong side of x: it is where Euler's step would end", states(place=-1.0)),
                ("the mean of both velocities moves the end of Euler's step: it moves x",
                 states(first=1.5, second=0.5)),
                ("half of the difference is subtracted: walk by the mean of both", states(first=1.5, second=-0.5)),
                *slips]
        return slips

    return right, table


def judge_walk(name, result, looks, field, x, times, usual=False):
    """Assert what a solver returned, without looking into its trajectory.

    Args:
        looks: about how many places it asked. usual: whether a usual mistake counts as right.
    Returns:
        the trajectory, and the states that it should hold: the right ones, or those of the usual mistake.
    """
    end, trajectory = expect_parts(name, result, ("end", "trajectory"))
    expect_shape("the end", end, x.shape)
    assert end.isfinite().all(), "the end holds NaN or infinite numbers"
    states, table = walks(name, field, x, times)
    if not close(end, states[-1]):
        slips = table()
        found = [wrong for _, wrong in slips if close(end, wrong[-1])] if usual else []
        if not found:
            slips += [("nothing moves: the end is x itself", states[:1]), ("the last step is left out", states[:-1])]
            name_the_slip(end, [(slip, wrong[-1]) for slip, wrong in slips])
            raise AssertionError(f"{name} should end at {states[-1].flatten()[0]:.5g} in the first coordinate, it ends "
                                 f"at {end.flatten()[0]:.5g} after {len(times) - 1} steps from t = {times[0]:.3g} to "
                                 f"{times[-1]:.3g}")
        states = found[0]
    wanted = {"euler": 1, "heun": 2}[name] * (len(times) - 1)
    assert usual or looks == wanted * len(x), f"{name} should ask for the velocity {wanted} times in " \
        f"{len(times) - 1} steps, it asks {looks / len(x):g} times"
    return trajectory, states


def judge_trajectory(found, states, name):
    """Assert that the trajectory holds all states that a solver went through."""
    if isinstance(found, torch.Tensor) and found.shape == states[1:].shape:
        name_the_slip(found, [("the trajectory should start with the x that is given", states[1:]),
                              ("the trajectory should end with the last state", states[:-1])])
    if isinstance(found, torch.Tensor) and found.shape == states.transpose(0, 1).shape != states.shape:
        raise AssertionError("the first axis of the trajectory should be that of the steps: (S + 1, N, ...)")
    expect_tensor("the trajectory", found, states.shape)
    name_the_slip(found, [
        ("all states of the trajectory are the same: x += ... changes the tensor that stands in the list already, so "
         "compute a new x", found[-1:].expand_as(found)),
        ("the trajectory runs backwards: from the start to the end", states.flip(0)),
        ("the trajectory lags behind: append the new x, not the one before", torch.cat((states[:1], states[:-1])))])
    assert close(found[0], states[0]), "the trajectory should start with the x that is given"
    assert close(found[-1], states[-1]), "the trajectory should end with the last state"
    assert close(found, states), f"the trajectory should hold the states that {name} went through"


GRAPH = "the result holds the graph of all steps: keep @torch.no_grad()"
ROADS = torch.tensor([0.0, 0.1, 0.4, 0.6, 1.0]), torch.tensor([1.0, 0.7, 0.2, 0.0])  # forwards, and back


def check_solver(name):
    generator = torch.Generator().manual_seed(3)
    for shape, times in zip(((6, 2), (3, 1, 2, 4)), ROADS):
        field, x = Field(*make_field(generator, math.prod(shape[1:]))), torch.randn(shape)
        before = x.clone(), times.clone()
        result = getattr(flow, name)(field, x, times)
        expect_untouched(name, before, (x, times))
        trajectory, states = judge_walk(name, result, sum(len(x) for x, _ in field.calls), field, x, times)
        judge_trajectory(trajectory, states, name)
    field.outer.requires_grad_()
    assert not any(part.requires_grad for part in getattr(flow, name)(field, x, times)), GRAPH


@public("flow.euler", hint="Which velocity holds where a step begins? How long does the step take?")
def euler():
    check_solver("euler")


@public("flow.heun", hint="Take Euler's step, look at the velocity there and then; go back, and walk by the mean.")
def heun():
    check_solver("heun")


# divergence

def jacobian(field, x, t):
    """The Jacobian of a `Field`, (N, D, D), as doubles: row d is the gradient of coordinate d of the velocity."""
    inner, outer, x = field.inner.double(), field.outer.double(), x.double()
    slopes = 1 - torch.tanh(torch.cat((x, each_time(t, len(x))[:, None]), dim=1) @ inner.T) ** 2
    return outer @ (slopes[:, :, None] * inner[:, :-1])


def divergence_slips(j):
    """What typical mistakes did, and what each gives. j: the Jacobian."""
    own = j.diagonal(dim1=1, dim2=2)
    trace = own.sum(dim=1)
    return [
        ("the sign is wrong: the divergence is positive where points drift apart", -trace),
        ("only the first coordinate counts: sum over all of them", own[:, 0]),
        ("only the last coordinate counts: sum over all of them", own[:, -1]),
        ("the last coordinate is left out: sum over all of them", own[:, :-1].sum(dim=1)),
        ("the first coordinate is left out: sum over all of them", own[:, 1:].sum(dim=1)),
        ("all numbers of the Jacobian are summed: only those on its diagonal count, dv_d / dx_d", j.sum(dim=(1, 2))),
        ("that is the mean over the coordinates: take the sum", own.mean(dim=1)),
        ("that is the gradient of the first coordinate of the velocity, summed: each coordinate counts, along its own "
         "axis", j[:, 0].sum(dim=1)),
        ("that is how all coordinates change along the first axis: each coordinate counts, along its own axis",
         j[:, :, 0].sum(dim=1)),
        ("that is the product of the diagonal: take the sum", own.prod(dim=1)),
        ("that is the determinant: take the trace", torch.linalg.det(j)),
        ("the absolute values are summed", own.abs().sum(dim=1)),
        ("the squares are summed", own.square().sum(dim=1)),
        ("that is the norm of the Jacobian: take its trace", j.square().sum(dim=(1, 2)).sqrt()),
        ("the wrong diagonal is summed: dv_d / dx_d, with the same d", j.flip(2).diagonal(dim1=1, dim2=2).sum(dim=1)),
        ("all places have the mean over the batch: each has its own", trace.mean().expand_as(trace)),
        ("all places have the sum over the batch: each has its own", trace.sum().expand_as(trace)),
    ]


def judge_divergence(found, again, field, x, t):
    """Assert what `divergence` returned, in two calls with the same inputs."""
    size = tuple(getattr(found, "shape", ()))
    assert size != tuple(x.shape), "the divergence should be one number for each place, (N,), it has shape " \
        f"{size}: sum over the coordinates"
    expect_tensor("the divergence", found, x.shape[:1])
    j = jacobian(field, x, t)
    right = j.diagonal(dim1=1, dim2=2).sum(dim=1)
    if not close(found, right):
        name_the_slip(found, divergence_slips(j))
        assert close(found, again), "two calls with the same places give different numbers: the trace itself is " \
            "asked for, no estimate of it by chance"
        raise AssertionError(f"the divergence at the first place should be {right[0]:.5g}, it is {found[0]:.5g}")


ATTACHED = "the divergence still has a graph: detach it"
BACKWARD = "gradients are left in the network's weights: torch.autograd.grad leaves none, x.grad after backward() does"
FLAGGED = "divergence changes what it is given: x.detach() first, then requires_grad_()"


@public("flow.divergence",
        hint="The gradient of v[:, d].sum() in x has the gradient of each row; which number of it counts?")
def divergence():
    generator = torch.Generator().manual_seed(4)
    for features in (3, 2, 1):
        field, x, t = Field(*make_field(generator, features)), torch.randn(5, features), torch.rand(5)
        field.outer.requires_grad_()
        before = x.clone(), t.clone()
        found = flow.divergence(field, x, t)
        with torch.no_grad():
            again = flow.divergence(field, x, t)
        expect_untouched("divergence", before, (x, t))
        assert not x.requires_grad, FLAGGED
        assert not getattr(found, "requires_grad", False), ATTACHED
        assert field.outer.grad is None, BACKWARD
        field.outer.requires_grad_(False)
        judge_divergence(found, again, field, x, t)
        judge_divergence(again, found, field, x, t)


# log_likelihood

class Beside:
    """A field of D + 1 numbers: those of a place, and beside them how much of the divergence has come together.

    sign: of the divergence.
    """

    def __init__(self, field, sign=1.0):
        self.field, self.sign = field, sign

    def answer(self, state, t):
        trace = jacobian(self.field, state[:, :-1], t).diagonal(dim1=1, dim2=2).sum(dim=1)
        return torch.cat((self.field.answer(state[:, :-1], t), self.sign * trace[:, None]), dim=1)


def log_normal(x):
    """log N(x; 0, I), (N,)."""
    return -0.5 * (x ** 2 + math.log(2 * math.pi)).sum(dim=1)


def between_times(times, parts=6):
    """The same times with more of them in between."""
    shares = torch.arange(parts).double() / parts
    return torch.cat(((times[:-1, None] + times.diff()[:, None] * shares).flatten(), times[-1:]))


def likelihoods(field, x, times):
    """The right log-likelihoods; how exact they are for a solver of second order, a tolerance; what typical mistakes
    did, and what each gives."""
    x, times, features = x.double(), times.double(), x.shape[1]
    start = F.pad(x, (0, 1))

    def flow_of(times, **options):
        """x_0 and the integral of the divergence on the way."""
        end = walk(Beside(field), start, times, **options)[-1]
        return end[:, :-1], end[:, -1]

    x_0, change = flow_of(between_times(times))
    right, constant = log_normal(x_0) + change, 0.5 * math.log(2 * math.pi)
    coarse = flow_of(times)
    off = (log_normal(coarse[0]) + coarse[1] - right).abs().max() / right.abs().max().clamp(min=1)
    tolerance = 3e-4 + 3 * float(off)

    def slips():
        euler, ahead = flow_of(times, first=1.0, second=0.0), flow_of(between_times(times).flip(0))
        frozen = jacobian(field, x, times[:1]).diagonal(dim1=1, dim2=2).sum(dim=1)
        return [
            ("the sign of the divergence is wrong: d log p / dt = -divergence, and time runs backwards here",
             log_normal(x_0) - change),
            ("the change of the density on the way is missing: add what the divergence comes to", log_normal(x_0)),
            ("log N(x_0; 0, I) is missing: that is only what changes on the way", change),
            ("log N(x_0; 0, I) is missing, and the sign of the divergence is wrong", -change),
            ("the normal's constant is missing: -D / 2 log(2 pi)", right + features * constant),
            ("the normal's constant is that of one coordinate: -D / 2 log(2 pi)", right + (features - 1) * constant),
            ("the normal's constant has the wrong sign: -D / 2 log(2 pi)", right + 2 * features * constant),
            ("the normal's constant is -D log(2 pi): the half is missing", right - features * constant),
            ("the half is missing: log N(x_0; 0, I) has -|x_0|^2 / 2", right - 0.5 * x_0.square().sum(dim=1)),
            ("the sign of |x_0|^2 is wrong: log N(x_0; 0, I) has -|x_0|^2 / 2", right + x_0.square().sum(dim=1)),
            ("log N is taken at x_1, the data: it is known at x_0, where the way back ends", log_normal(x) + change),
            ("log N is taken at x_1, the data, and the sign of the divergence is wrong", log_normal(x) - change),
            ("that is the density of N(0, I) at the data: walk back to x_0", log_normal(x)),
            ("that is Euler's method: heun walks more exactly, with the same times", log_normal(euler[0]) + euler[1]),
            ("the walk goes from 0 to 1: it goes back, from the data to the noise", log_normal(ahead[0]) + ahead[1]),
            ("the walk goes from 0 to 1: it goes back, from the data to the noise", log_normal(ahead[0]) - ahead[1]),
            ("the divergence is that at the start only: add it up on the way", log_normal(x_0) - frozen),
            ("the divergence is that at the start only: add it up on the way", log_normal(x_0) + frozen),
            ("the sum over the coordinates is a mean: log N(x_0; 0, I) sums them", right - log_normal(x_0)
             + log_normal(x_0) / features),
            ("the likelihood is returned, not its logarithm", right.exp()),
            ("that is the negative log-likelihood", -right),
            ("the answer is in bits, not in nats", right / math.log(2)),
            ("the answer is for each dimension: sum over them", right / features),
        ]
    return right, tolerance, slips


def judge_likelihood(found, field, x, times, usual=False):
    """Assert what `log_likelihood` returned, and at which times it asked for the velocity.

    usual: whether a usual mistake counts as right.
    """
    size = tuple(getattr(found, "shape", ()))
    assert size != (), "there should be one log-likelihood for each place, (N,): it is one number for all"
    expect_tensor("the log-likelihood", found, x.shape[:1])
    right, tolerance, slips = likelihoods(field, x, times)
    walked = not close(found, log_normal(x.double()), tolerance)  # who only knows N(0, I) has seen nothing of the field
    if not (usual and walked and any(close(found, wrong, tolerance) for _, wrong in slips())):
        expect_right(found, right, slips, f"log p(x) of the first place should be {right[0]:.5g}, it is "
                     f"{found[0]:.5g}", tolerance)


def judge_walked(t, times):
    """Assert that a walk asked for the velocity at all of its times. t: all times at which it did."""
    away = (t[:, None] - times.double()).abs().min(dim=0).values
    assert away.max() < 1e-4, f"the velocity is never asked at t = {times[away.argmax()]:.4g}, one of the times that " \
        "are given: walk through these"


@public("flow.log_likelihood", points=2,
        hint="Walk back with heun, the divergence added up beside the place; at x_0 the density is that of N(0, I).")
def log_likelihood():
    generator = torch.Generator().manual_seed(5)
    times = torch.linspace(1, 0, 13) ** 1.2
    for features in (2, 1):
        field, x = Field(*make_field(generator, features)), torch.randn(5, features)
        before = x.clone(), times.clone()
        found = flow.log_likelihood(field, x, times)
        expect_untouched("log_likelihood", before, (x, times))
        judge_likelihood(found.detach(), field, x, times)
        judge_walked(torch.cat([t for _, t in field.calls]), times)


# straightness

def straightness_slips(trajectory):
    """What typical mistakes did, and the straightness of each."""
    steps, line = len(trajectory) - 1, trajectory[-1] - trajectory[0]
    moved = trajectory[1:] - trajectory[:-1]

    def squares(difference):
        """The square of each coordinate's difference, (S, N, D)."""
        return (difference ** 2).flatten(2)

    off = line - steps * moved
    each = squares(off).sum(dim=2)
    on_the_line = trajectory[0] + torch.linspace(0, 1, steps + 1).to(line).reshape(-1, *[1] * line.dim()) * line
    undivided = "a step moves by its velocity times its time, 1 / S: divide by that"
    places = "the places are compared with those on the straight line: compare the velocities"
    axis = "the sum runs over one axis of the images only: it runs over all coordinates of a sample"
    return [
        ("that is the length of the difference: square it", each.sqrt().mean()),
        ("the root is taken: it is the mean of |.|^2", each.mean().sqrt()),
        (undivided, squares(line - moved).sum(dim=2).mean()),
        (undivided, squares(line / steps - moved).sum(dim=2).mean()),
        (undivided, squares(line - moved / steps).sum(dim=2).mean()),
        ("off by one: between S + 1 states there are S steps", squares(line - (steps + 1) * moved).sum(dim=2).mean()),
        ("the mean runs over the coordinates, too: |.|^2 is their sum", squares(off).mean()),
        ("all is summed: it is the mean over samples and steps", each.sum()),
        ("the steps are summed: it is the mean over them", each.sum(dim=0).mean()),
        ("the samples are summed: it is the mean over them", each.mean(dim=0).sum()),
        ("that is the largest of the steps: it is the mean over them", each.amax(dim=0).mean()),
        ("that is the largest of all steps: it is the mean over samples and steps", each.max()),
        ("each step is compared with the next one: compare it with the whole way, x_S - x_0",
         squares(steps * (moved[1:] - moved[:-1])).sum(dim=2).mean()),
        ("each step is compared with the first one: compare it with the whole way, x_S - x_0",
         squares(steps * (moved - moved[0])).sum(dim=2).mean()),
        ("the whole way, x_S - x_0, is missing: that is the mean of |v|^2", squares(steps * moved).sum(dim=2).mean()),
        ("the sign of the whole way is wrong: x_S - x_0, from the start to the end",
         squares(line + steps * moved).sum(dim=2).mean()),
        ("the sum is divided by S - 1: it is the mean over all S steps", each.sum(dim=0).mean() / (steps - 1)),
        ("the difference is summed without its square", off.flatten(2).sum(dim=2).mean()),
        ("the coordinates are summed before they are squared", (off.flatten(2).sum(dim=2) ** 2).mean()),
        ("the coordinates' absolute differences are summed: sum their squares", off.flatten(2).abs().sum(dim=2).mean()),
        (places, squares(trajectory - on_the_line).sum(dim=2).mean()),
        (places, squares((trajectory - on_the_line)[1:]).sum(dim=2).mean()),
        (axis, (off ** 2).sum(dim=2).mean()),
        (axis, (off ** 2).sum(dim=-1).mean()),
    ]


@public("flow.straightness", hint="The velocity of a step: what it moves, divided by the time that it takes, 1 / S.")
def straightness():
    start = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.0, 0.5]])
    goal = torch.tensor([[2.0, 4.0], [0.0, 2.0], [3.0, -1.5]])
    line = torch.stack([start + k / 4 * (goal - start) for k in range(5)])
    turn = torch.tensor([[[0.0, 0.0]], [[1.0, 0.0]], [[1.0, 3.0]], [[1.0, 3.0]]])
    for what, trajectory, due in (
            ("paths that are straight and walked at constant speed", line, 0.0),
            ("a path with the states (0, 0), (1, 0), (1, 3) and (1, 3)", turn, 20.0),
            ("this path, walked twice, and one that stays where it is",
             torch.cat((turn, turn, torch.zeros(4, 1, 2)), dim=1), 40 / 3),
            ("an image of two pixels that takes this path", turn.reshape(4, 1, 1, 2, 1), 20.0)):
        before = trajectory.clone()
        found = flow.straightness(trajectory)
        expect_untouched("straightness", [before], [trajectory])
        expect_shape("the straightness", found, ())
        expect_right(found.double(), torch.tensor(due).double(), lambda: straightness_slips(trajectory.double()),
                     f"the straightness of {what} should be {due:.5g}, it is {found:.5g}", near=1e-5)


# couple. How a batch should be paired is known where all ways to pair it have been tried, or to scipy.

def squared_distances(x_0, x_1):
    """One row for each data point, one column for each noise."""
    return ((x_1.flatten(1)[:, None] - x_0.flatten(1)[None]) ** 2).sum(dim=2)


def greedy(cost):
    """The columns of the rows, where each row in turn takes the smallest that is left."""
    cost, columns = cost.clone(), []
    for row in cost:
        columns.append(int(row.argmin()))
        cost[:, columns[-1]] = math.inf
    return torch.tensor(columns)


def pairings(x_0, x_1, best):
    """The right order of the noise; what typical mistakes did, and the order of each.

    best: function (cost (N, N)) -> the columns of the rows with the smallest sum.
    """
    a, b = x_1.flatten(1), x_0.flatten(1)
    cost = squared_distances(x_0, x_1)
    right, in_turn = best(cost), "the noise is given out one after the other, and the last pairs lie far apart: the " \
        "sum over all of them has to be smallest"
    return right, [
        ("the noise comes back in the order in which it came", torch.arange(len(a))),
        ("rows and columns are swapped: that is where each noise should go, not which noise row i gets. Let the rows "
         "of the cost belong to x_1, the columns to x_0", right.argsort()),
        ("the sum of the squared distances is the largest: it should be the smallest", best(-cost)),
        ("the distances are not squared", best(cost.sqrt())),
        ("these are sums of absolute differences, no squared distances", best((a[:, None] - b[None]).abs().sum(dim=2))),
        (in_turn, greedy(cost)),
        (in_turn, greedy(cost.T).argsort()),
        ("noise and data are sorted by their first coordinate: all coordinates count",
         b[:, 0].argsort()[a[:, 0].argsort().argsort()]),
        ("noise and data are sorted by their length: how far they are from each other counts",
         b.norm(dim=1).argsort()[a.norm(dim=1).argsort().argsort()]),
    ]


def telling(draw, best):
    """Draw noise and data until each of the mistakes gives a larger sum than the right order. draw: function () ->
    (x_0, x_1). Returns both."""
    while True:
        x_0, x_1 = draw()
        right, slips = pairings(x_0, x_1, best)
        paid = [paid_for(squared_distances(x_0, x_1), order) for order in (right, *(order for _, order in slips))]
        if min(paid[1:]) > 1.001 * paid[0]:
            return x_0, x_1


def paid_for(cost, order):
    """The sum of the cost of an order."""
    return cost.double()[torch.arange(len(order)), order].sum().item()


def judge_coupled(found, x_0, x_1, best):
    """Assert that a function has reordered noise as it should. found: what it returned. best: see `pairings`."""
    assert not isinstance(found, (list, tuple)), f"couple should return x_0 in its new order and nothing else, it " \
        f"returns {len(found)} things: the data stay as they are"
    if isinstance(found, torch.Tensor) and found.shape == (len(x_0),) != x_0.shape:
        raise AssertionError("couple returns an order: it should return the noise in this order, x_0[order]")
    expect_tensor("what couple returns", found, x_0.shape)
    rows, own, others = (part.flatten(1) for part in (found, x_0, x_1))
    is_own, is_other = ((rows[:, None] == part[None]).all(dim=2) for part in (own, others))
    assert not is_other.any(), "couple returns data: it should reorder the noise, and the labels of the data still fit"
    assert is_own.any(dim=1).all(), "what couple returns should be the rows of x_0 as they are, in another order"
    cost, order = squared_distances(x_0, x_1).double(), is_own.double().argmax(dim=1)
    if len(order.unique()) < len(order):
        name_the_slip(order, [
            ("each data point gets the noise that is nearest, so that some noise is used twice and some not at all: it "
             "should be used once each", cost.argmin(dim=1)),
            ("rows and columns are swapped, and the nearest is taken: each noise should be used once",
             cost.argmin(dim=0))], torch.equal)
        raise AssertionError("some noise is used twice and some not at all: it should be used once each")
    right, slips = pairings(x_0, x_1, best)
    paid, due = paid_for(cost, order), paid_for(cost, right)
    if paid > due * (1 + 1e-5):
        name_the_slip(order, slips, torch.equal)
        raise AssertionError(f"the sum of the squared distances of all pairs is {paid:.5g}, with another order of the "
                             f"noise it is {due:.5g}")


def try_all(cost):
    """The columns with the smallest sum: of all orders. For a few rows."""
    orders = torch.tensor(list(itertools.permutations(range(len(cost)))))
    return orders[cost[torch.arange(len(cost)), orders].sum(dim=1).argmin()]


def coupled_there(function, x_0, x_1):
    """The device of what a function makes of noise and data that are where Elsewhere stands for a graphics card, or
    what it raised; "" if that is the right one."""
    with Elsewhere():
        try:
            place = getattr(function(*(part.to(Elsewhere.DEVICE) for part in (x_0, x_1))), "device", "none")
            return "" if place == Elsewhere.DEVICE else f"the device {place}"
        except (RuntimeError, TypeError) as error:
            return str(error)


ON_A_CARD = "where noise and data are on a graphics card, the result should be there, too; what comes is: {}"


@public("flow.couple", hint="The cost of a pair is its squared distance. Which axis of the cost is the data's?")
def couple():
    for shape in ((2,), (1, 2, 3)):
        x_0, x_1 = telling(lambda: (torch.randn(5, *shape), 2 * torch.rand(5, *shape)), try_all)
        before = x_0.clone(), x_1.clone()
        found = flow.couple(x_0, x_1)
        expect_untouched("couple", before, (x_0, x_1))
        judge_coupled(found, x_0, x_1, try_all)
    there = coupled_there(flow.couple, x_0, x_1)
    assert not there, ON_A_CARD.format(there)


# reflow_pairs

def judge_pairs_shape(pairs, n_samples, n_features, batch_size):
    """Assert that pairs are one tensor, (N, 2, D)."""
    assert not isinstance(pairs, (list, tuple)), f"reflow_pairs returns {len(pairs)} things: it should return one " \
        "tensor, (N, 2, D), so that shuffling keeps each pair together"
    rows, last = n_samples // batch_size * batch_size, n_samples % batch_size
    apart = "noise and ends stand one after the other: torch.stack((noise, end), dim=1) makes pairs, (N, 2, D)"
    slips = [
        (apart, (2, n_samples, n_features)),
        (apart, (2 * n_samples, n_features)),
        (apart, (n_samples, 2 * n_features)),
        ("only the noise, or only the end of each path is returned: both belong to a pair", (n_samples, n_features)),
        ("the axes are swapped: noise and end of pair i are [i, 0] and [i, 1]", (n_samples, n_features, 2)),
        ("the last, smaller batch is lost: n_samples need not be a multiple of batch_size", (rows, 2, n_features)),
        ("there are too many pairs: the last batch is smaller, if n_samples is no multiple of batch_size",
         (rows + batch_size * bool(last), 2, n_features)),
        ("only one batch is returned", (batch_size, 2, n_features)),
        ("only the last batch is returned", (last or batch_size, 2, n_features)),
    ]
    name_the_slip(tuple(getattr(pairs, "shape", ())), slips, lambda got, size: got == size,
                  right=(n_samples, 2, n_features))
    expect_tensor("what reflow_pairs returns", pairs, (n_samples, 2, n_features))


def judge_start(noise, batch_size):
    """Assert that the first halves of pairs are noise, drawn anew for each."""
    batch = min(batch_size, len(noise) - batch_size)
    assert batch <= 0 or not close(noise[:batch], noise[batch_size:batch_size + batch]), \
        "all batches start from the same noise: draw it anew for each, inside the loop"
    assert len(noise.unique(dim=0)) == len(noise), "some pairs start from the same noise: draw one for each"
    assert (noise[:, 0] - noise[:, 1]).abs().max() > 1e-3, "both coordinates of a point have the same noise"
    assert noise.min() < 0, "the noise is never negative: is it torch.randn, not torch.rand?"
    expect_normal("the noise that the paths start from", noise, "torch.randn, as it comes")
    assert all((a * b).mean().abs() < 6.2 / len(noise) ** 0.5 for a, b in (noise.T[:2], (noise[1:], noise[:-1]))), \
        "the numbers in the noise depend on each other"


def judge_most(most, batch_size):
    assert most <= batch_size, f"{most} paths are walked at once: no more than batch_size, here {batch_size}"
    assert most > batch_size / 2, f"no more than {most} paths are walked at once: batch_size, here {batch_size}, " \
        "says how many"


def pairs_there(function, velocity, n_features, times):
    """The device of the pairs where the times are on a graphics card, see `coupled_there`."""
    return coupled_there(lambda times, _: function(velocity, 3, n_features, times), times, times)


FIXED = "two calls start from the same noise: is a seed set inside of reflow_pairs?"
PAIRS_ON_A_CARD = "where the times are on a graphics card, the pairs should be made there; what comes is: {}"


@public("flow.reflow_pairs", hint="For each batch: draw noise, walk with heun, put noise and end side by side.")
def reflow_pairs():
    sizes, push = [], torch.tensor([3.0, -2.0])

    def velocity(x, t):
        sizes.append(len(x))
        return 2 * each_time(t, len(x)).to(x)[:, None] * push  # ever faster: the way until t = 1 is push

    times = torch.tensor([0.0, 0.3, 0.5, 1.0])
    pairs = flow.reflow_pairs(velocity, 1100, 2, times, batch_size=400)
    judge_pairs_shape(pairs, 1100, 2, 400)
    judge_most(max(sizes, default=0), 400)
    (noise, end), zero = pairs.unbind(dim=1), torch.zeros(2)
    way = (end - noise).double()
    if not close(way, push.expand(1100, 2).double(), 1e-4):
        name_the_slip(way, [(slip, ended.expand(1100, 2)) for slip, ended in (
            ("the order is swapped: the noise is [i, 0], the end of its path is [i, 1]", -push),
            ("both of a pair are the noise: heun returns (end, trajectory)", zero),
            ("that is where Euler's method leads: walk with heun", 0.62 * push))])
        raise AssertionError(f"where every path leads {push.tolist()} further, the end of a path should be its noise "
                             f"and that; the first pair is {noise[0].tolist()}, {end[0].tolist()}. Is the noise that "
                             "is kept the noise that was walked from?")
    judge_start(noise, 400)
    assert not close(noise, flow.reflow_pairs(velocity, 1100, 2, times, batch_size=400)[:, 0]), FIXED


# guided_velocity

class KnownLabels:
    """A model with labels whose answer is the label plus the time, everywhere. Its null label is 7."""

    null_label = 7

    def forward(self, x, t, labels=None):
        labels = torch.full((len(x),), 7) if labels is None else labels
        return torch.zeros_like(x) + spread(labels.reshape(-1) + each_time(t, len(x)).to(x), x)

    __call__ = forward


def guided_slips(x, cond, free, zero, last, scale):
    """What typical mistakes did, and the velocity of each, from those with labels, without, with label 0 and with the
    last one."""
    reversed_ = "the sign is reversed: go from the velocity without labels towards the one with them"
    places = "places are guided: what is returned is a velocity, x itself is not in it"
    return [
        (reversed_, free - scale * (cond - free)),
        (reversed_, cond + scale * (free - cond)),
        ("the scale is off by one: scale 1 is the velocity with labels, (1 + scale) is the w of the paper",
         (1 + scale) * cond - scale * free),
        ("the scale is off by one: scale 0 is the velocity without labels", free + (scale - 1) * (cond - free)),
        ("the difference is missing: that is scale times the velocity with labels", scale * cond),
        ("only the scaled difference is left: add the velocity without labels", scale * (cond - free)),
        ("the velocity without labels is added, not subtracted", free + scale * (cond + free)),
        ("the two velocities are added: scale their difference", free + scale * cond),
        ("the scale does nothing: that is the velocity with labels", cond),
        ("the scale does nothing: that is the velocity without labels", free),
        ("the scale does nothing: that is the mean of the two velocities", (cond + free) / 2),
        ("the scale does nothing: that is the difference of the two velocities", cond - free),
        ("the scale is squared", free + scale ** 2 * (cond - free)),
        ("the label 0 stands for no label: take model.null_label", zero + scale * (cond - zero)),
        ("the last label stands for no label: take model.null_label", last + scale * (cond - last)),
        ("the mean of the two velocities is moved: start from the one without labels",
         (cond + free) / 2 + scale * (cond - free)),
        ("half of the difference is added", free + scale / 2 * (cond - free)),
        (places, x + free + scale * (cond - free)),
        (places, x + scale * (cond - free)),
        (places, x + scale * cond),
    ]


@public("flow.guided_velocity", hint="Ask the model twice, once with model.null_label. Start from that answer.")
def guided_velocity():
    x, t, labels = torch.rand(3, 1, 4, 4), torch.tensor([0.1, 0.5, 0.9]), torch.tensor([1, 2, 6])
    model = KnownLabels()
    cond, free, zero, last = (model(x, t, given).double() for given in (labels, None, torch.tensor(0), torch.tensor(9)))
    for scale, due in ((3.0, (-11, -8, 4)), (0.0, (7, 7, 7)), (1.0, (1, 2, 6))):
        before = x.clone(), t.clone(), labels.clone()
        found = flow.guided_velocity(model, x, t, labels, scale)
        expect_untouched("guided_velocity", before, (x, t, labels))
        expect_shape("the guided velocity", found, (3, 1, 4, 4))
        right = (torch.tensor(due) + t).double().reshape(3, 1, 1, 1).expand(3, 1, 4, 4)
        expect_right(found.double(), right, lambda: guided_slips(x.double(), cond, free, zero, last, scale),
                     f"with a model that says label + t, and 7 + t without a label, the velocities for the labels 1, 2 "
                     f"and 6 and scale {scale:g} should be t + {due}; they are t + "
                     f"{tuple(round(v, 4) for v in (found[:, 0, 0, 0] - t).tolist())}", near=1e-5)


# update_average

@contextmanager
def averaging():
    """Say what it means if torch cannot average whole numbers."""
    try:
        yield
    except NotImplementedError as error:
        if is_gap(error):
            raise
        told = f"{error}: is that a buffer of whole numbers? Buffers are copied"
        raise TypeError(told).with_traceback(error.__traceback__) from None


@public("flow.update_average", hint="In place: copy_ and the like. `weight = ...` would only name a new tensor.")
def update_average():
    for decay, learns, weight, bias in ((0.75, False, 2.5, -0.25), (0.0, True, 4.0, -1.0), (1.0, True, 2.0, 0.0)):
        average, model = (torch.nn.BatchNorm1d(3) for _ in range(2))
        with torch.no_grad():
            for norm, numbers in ((average, (2.0, 0.0, 5.0, 9.0)), (model, (4.0, -1.0, 3.0, 2.0))):
                for part, number in zip((norm.weight, norm.bias, norm.running_mean, norm.running_var), numbers):
                    part.fill_(number)
            average.num_batches_tracked += 10
            model.num_batches_tracked += 35
        average.requires_grad_(learns)
        model.bias.requires_grad_(learns)
        with averaging():
            flow.update_average(average, model, decay)
        for name, due in (("weight", weight), ("bias", bias)):
            expect_close(f"with decay {decay:g}, {getattr(model, name)[0].item():g} in the model and "
                         f"{2.0 if name == 'weight' else 0.0:g} in the average, the new {name} of the average",
                         getattr(average, name)[1], due, 1e-5)
        for name, due in (("running_mean", 3.0), ("running_var", 2.0), ("num_batches_tracked", 35)):
            value = getattr(average, name)
            expect_close(f"a buffer of the average, {name}, where the model has {due:g},", value.flatten()[-1], due)
            assert value.dtype == getattr(model, name).dtype, f"{name} becomes {value.dtype}: copy the model's into it"
        for name, value in average.state_dict().items():
            assert value.data_ptr() != model.state_dict()[name].data_ptr(), \
                f"the average and the model share the memory of {name}: copy it"
        assert model.weight[0] == 4 and model.running_mean[0] == 3, "update_average changes the model"


# shortcut_target

def shortcut_slips(model, x, t, d):
    """What typical mistakes did, and the target of each."""
    size = spread(d, x)
    first, ends = model(x, t, d), model(x, t + 2 * d, 2 * d)

    def then(place, time=t + d, ask=d):
        """The mean with a second look there."""
        return (first + model(place, time, ask)) / 2

    there = x + size * first
    second = model(there, t + d, d)
    twice, still = model(x, t, 2 * d), model(x, t, 0 * d)
    asked = "the model is asked about steps of 2 d: it is about two steps of d each"
    instead = "the model is asked about the velocity itself, d = 0: ask about steps of d"
    applied = "the second step does not start where the first one ends, x + d first: d is {}"
    slips = [
        ("the second step starts at x: it starts where the first one ends, x + d first", then(x)),
        ("the second step is asked at time t: the first one ends at t + d", then(there, t)),
        ("the second step is asked at time t + 2 d: the first one ends at t + d", then(there, t + 2 * d)),
        ("the second step starts at x and at time t: then it is the first one again", first),
        (asked, twice),
        (asked, ends),
        (asked, (twice + model(x + size * twice, t + d, 2 * d)) / 2),
        (asked, (twice + model(x + 2 * size * twice, t + 2 * d, 2 * d)) / 2),
        (asked, then(there, ask=2 * d)),
        (instead, (still + model(x + size * still, t + d, 0 * d)) / 2),
        ("the sum of the two velocities is not halved: that is twice their mean", first + second),
        ("that is the second velocity: it is the mean of the two", second),
        ("that is where x is after both steps: return the mean velocity", there + size * second),
        ("that is where x is after the first step: return the mean velocity of both", there),
        ("that is the way of both steps, x_2 - x: divide it by the time it takes, 2 d", size * (first + second)),
        ("the mean velocity is multiplied by d: that is half of the way", size * (first + second) / 2),
        (applied.format("applied twice"), then(x + size ** 2 * first)),
        (applied.format("missing"), then(x + first)),
        (applied.format("doubled"), then(x + 2 * size * first)),
        (applied.format("halved"), then(x + size / 2 * first)),
        (applied.format("subtracted, not added"), then(x - size * first)),
        (applied.format("that of the first sample for all"), then(x + d[0] * first)),
        (applied.format("the mean of all samples' for all"), then(x + d.mean() * first)),
        ("the second step starts too early, and asks about 2 d", then(there, t, 2 * d)),
        ("the second velocity is subtracted: it is the mean of the two", (first - second) / 2),
        ("that is the difference of the two velocities: it is their mean", second - first),
    ]
    if len(x) == x.shape[-1]:  # then wrong shapes fit, too
        slips.append(("each sample has a size of its own: d needs as many axes as x, all but the first of size 1",
                      then(x + d * first)))
        slips.append(("each row of the images has a size of its own: d needs as many axes as x, all but the first of "
                      "size 1", then(x + d[:, None] * first)))
    return slips


@public("flow.shortcut_target",
        hint="The second step starts where and when the first one ends. What is the mean of both?")
def shortcut_target():
    def bends(x, t, d):
        return torch.sin(x) + spread(t, x) * x + spread(d, x) ** 2

    for shape in ((3, 2), (3, 1, 2, 3)):
        x, t, d = torch.randn(shape), torch.tensor([0.0, 0.25, 0.5]), torch.tensor([0.5, 0.25, 0.125])
        found = flow.shortcut_target(bends, x, t, d)
        expect_shape("the target", found, shape)
        first = bends(x, t, d)
        expect_right(found, (first + bends(x + spread(d, x) * first, t + d, d)) / 2,
                     lambda: shortcut_slips(bends, x, t, d), "the target is not the mean of what the model says about "
                     "a step of d, and about the next one from where that one ends, at t + d")
        x = torch.ones(shape)
        for what, model, due in (
                ("x", lambda x, t, d: x, (1.25, 1.125, 1.0625)),
                ("t", lambda x, t, d: 0 * x + spread(t, x), (0.25, 0.375, 0.5625)),
                ("d", lambda x, t, d: 0 * x + spread(d, x), (0.5, 0.25, 0.125))):
            before = x.clone(), t.clone(), d.clone()
            found = flow.shortcut_target(model, x, t, d)
            expect_untouched("shortcut_target", before, (x, t, d))
            expect_shape("the target", found, shape)
            for k in range(3):
                for pixel in (found[k].min(), found[k].max()):
                    expect_close(f"the target for a model that says {what}, at x = 1, t = {t[k]:g} and d = {d[k]:g},",
                                 pixel, due[k], 1e-5)
    weight = torch.ones((), requires_grad=True)
    found = flow.shortcut_target(lambda x, t, d: weight * x, x, t, d)
    assert not found.requires_grad, "a gradient flows through the target: keep @torch.no_grad()"
