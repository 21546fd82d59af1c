"""Probes of helpers/flow.py: they run beside the student's code, call it, and return what they saw.

A probe gets the student's module and its inputs, and returns a tree of tensors and plain values. Nothing here says what
a right answer is. Networks are replaced by fields and models that remember what they were asked.
"""
import torch
from torch import nn

from autograde_tests.probes import seed, shown
from helpers.given.checks.engine import sets_seed, spread
from helpers.given.checks.flow import Field, Guess, asked, averaging, coupled_there, each_time, pairs_there

WEIGHT = 0.7  # of the model whose loss is asked for


def graph(parts):
    """Whether one of these values holds a graph."""
    return any(getattr(part, "requires_grad", False) for part in parts)


# interpolate

def between(module, x_0, x_1, t):
    """The places on the paths and their velocities; whether the inputs were left alone. t: a float, or (N,)."""
    given = x_0.clone(), x_1.clone(), torch.as_tensor(t).clone()
    found = shown(module.interpolate(*given[:2], t if isinstance(t, float) else given[2]))
    return {"found": found, "untouched": all(map(torch.equal, given, (x_0, x_1, torch.as_tensor(t))))}


# exact_velocity

def exact(module, x, times, data):
    """The exact velocity at each of the times, and whether the inputs were left alone."""
    given = x.clone(), data.clone()
    found = [shown(module.exact_velocity(given[0], t, given[1])) for t in times]
    return {"found": found, "untouched": all(map(torch.equal, given, (x, data)))}


# flow_matching_loss

def replace_interpolate(module):
    """So an open gap there, or a mistake, does not matter for what uses it."""
    def interpolate(x_0, x_1, t):
        way = x_1 - x_0
        return x_0 + spread(torch.as_tensor(t), x_0) * way, way

    module.interpolate = interpolate


def loss(module, x_1, given, number):
    """The loss of a batch with a model that remembers, its gradient in the model's only weight, and whether a seed is
    set.

    given: the other arguments by name, x_0 or t or none.
    """
    replace_interpolate(module)
    weight = torch.tensor(WEIGHT, requires_grad=True)
    model, before, gradient = Guess(number, weight), x_1.clone(), None
    seed(number)
    value = module.flow_matching_loss(model, x_1, **given)
    if getattr(value, "requires_grad", False):
        gradient, = torch.autograd.grad(value.sum(), weight, allow_unused=True)
    return {"loss": shown(value), "gradient": gradient, "calls": asked(model) if model.calls else [],
            "untouched": torch.equal(x_1, before),
            "seeds": sets_seed(lambda: module.flow_matching_loss(Guess(number), before[:2]))}


def loss_of(module, x_1, x_0, t, field):
    """The loss of these pairs at these times with a field for a model."""
    replace_interpolate(module)
    model, given = Field(*field), (x_1.clone(), x_0.clone(), t.clone())
    value = module.flow_matching_loss(model, *given)
    return {"loss": shown(value), "calls": asked(model) if model.calls else [],
            "untouched": all(map(torch.equal, given, (x_1, x_0, t)))}


# euler and heun

def walked(module, name, field, x, times):
    """What a solver returned, about how many places it asked, whether it left its inputs alone, and whether its result
    holds a graph if the field has weights."""
    velocity, given = Field(*field), (x.clone(), times.clone())
    result = shown(getattr(module, name)(velocity, *given))
    untouched = all(map(torch.equal, given, (x, times)))
    inner, outer = field
    learning = Field(inner, outer.clone().requires_grad_())
    return {"result": result, "looks": sum(len(x) for x, _ in velocity.calls), "untouched": untouched,
            "graph": graph(getattr(module, name)(learning, x.clone(), times))}


# divergence

def diverging(module, field, x, t):
    """The divergence where gradients are on, and where they are off; what calling it leaves behind."""
    inner, outer = field
    velocity = Field(inner, outer.clone().requires_grad_())
    given = x.clone(), t.clone()
    found = [module.divergence(velocity, *given)]
    with torch.no_grad():
        found.append(module.divergence(velocity, *given))
    return {"found": shown(found), "graph": graph(found), "flagged": graph(given),
            "untouched": all(map(torch.equal, (part.detach() for part in given), (x, t))),
            "filled": velocity.outer.grad is not None}


# log_likelihood

def runge_kutta(velocity, x, times):
    """Stands for `heun` and `euler`: another solver, more exact than both."""
    states = [x]
    with torch.no_grad():
        for now, then in zip(times[:-1], times[1:]):
            size, looks = then - now, []
            for share in (0, 0.5, 0.5, 1):
                place = x + share * size * looks[-1] if looks else x
                looks.append(velocity(place, (now + share * size).expand(len(x))))
            x = x + size / 6 * (looks[0] + 2 * looks[1] + 2 * looks[2] + looks[3])
            states.append(x)
    return x, torch.stack(states)


def by_differences(velocity, x, t, step=1e-4):
    """Stands for `divergence`: no gradients, but differences between places that lie close together."""
    x, t, found = x.detach().double(), each_time(t, len(x)), 0
    for d, aside in enumerate(step * torch.eye(x.shape[1]).double()):
        found = found + (velocity(x + aside, t) - velocity(x - aside, t))[:, d].detach() / (2 * step)
    return found


def likely(module, field, x, times):
    """The log-likelihood of some places, the times at which the velocity was asked for, and whether the inputs were
    left alone.

    What it uses is replaced. So an open gap there, or a mistake, does not matter here.
    """
    module.heun = module.euler = runge_kutta
    module.divergence = lambda velocity, x, t: by_differences(velocity, x, t).to(x)
    velocity, given = Field(*field), (x.clone(), times.clone())
    value = module.log_likelihood(velocity, *given)
    return {"value": shown(value), "times": torch.cat([t for _, t in velocity.calls] or [torch.zeros(0)]).unique(),
            "untouched": all(map(torch.equal, given, (x, times)))}


# straightness

def straight(module, trajectories):
    """How straight each trajectory is said to be, and whether it was left alone."""
    found = []
    for trajectory in trajectories:
        given = trajectory.clone()
        found.append({"value": shown(module.straightness(given)), "untouched": torch.equal(given, trajectory)})
    return found


# couple

def coupled(module, x_0, x_1):
    """What `couple` makes of a batch, whether noise and data were left alone, what goes wrong on a graphics card."""
    given = x_0.clone(), x_1.clone()
    return {"x_0": shown(module.couple(*given)), "untouched": all(map(torch.equal, given, (x_0, x_1))),
            "there": coupled_there(module.couple, x_0, x_1)}


# reflow_pairs

@torch.no_grad()
def stroll(velocity, x, times, shares):
    """Walk somewhere: no solver's way, but one that shows which field was walked along, from where and at which times.
    shares: one for each step."""
    states = [x]
    for t, share in zip(times[1:], shares):
        states.append(states[-1] + share * velocity(x, t.expand(len(x))))
    return states[-1], torch.stack(states)


def reflowed(module, n_samples, n_features, times, batch_size, inner, outer, shares, number):
    """Pairs of noise and the end of its path, how many paths were walked at once, whether times were left alone,
    whether a second call gives the same, and what goes wrong on a graphics card.

    heun and euler are replaced by strolls with different shares. So an open gap there, or a mistake, does not matter
    here, and nobody finds a solver here.
    """
    field, given = Field(inner, outer), times.clone()
    for name, own in shares.items():
        setattr(module, name, lambda velocity, x, times, own=own: stroll(velocity, x, times, own))

    seed(number)
    found, again = (shown(module.reflow_pairs(field, n_samples, n_features, given, batch_size=batch_size))
                    for _ in range(2))
    return {"pairs": found, "most": max((len(x) for x, _ in field.calls), default=0),
            "untouched": torch.equal(given, times), "seeds": isinstance(found, torch.Tensor) and found.equal(again),
            "there": pairs_there(module.reflow_pairs, field, n_features, times)}


# guided_velocity

class Labelled:
    """Stands for a network with labels: each label has its own factor and offset."""

    def __init__(self, factors, offsets, null_label):
        self.factors, self.offsets, self.null_label = factors, offsets, null_label
        self.asked = set()

    def forward(self, x, t, labels=None):
        labels = torch.full((len(x),), self.null_label) if labels is None else torch.as_tensor(labels).reshape(-1)
        labels = labels.expand(len(x))
        self.asked.update(labels.tolist())
        offsets = self.offsets[labels] * (1 + each_time(t, len(x)).to(x))
        return spread(self.factors[labels], x) * x + spread(offsets, x)

    __call__ = forward


def guided(module, x, t, labels, factors, offsets, null_label, scales):
    """The guided velocity for several scales, for which labels it asked the model, and whether the inputs were left
    alone."""
    found = []
    for scale in scales:
        model, given = Labelled(factors, offsets, null_label), (x.clone(), t.clone(), labels.clone())
        out = shown(module.guided_velocity(model, *given, scale))
        found.append({"out": out, "asked": sorted(map(int, model.asked)),
                      "untouched": all(map(torch.equal, given, (x, t, labels)))})
    return found


# update_average

class Holder(nn.Module):
    """A network of nothing but weights and buffers, in layers. frozen: the places of weights that do not learn."""

    def __init__(self, weights, buffers, frozen=()):
        super().__init__()
        self.layers = nn.ModuleList(nn.Module() for _ in weights)
        for k, (layer, weight) in enumerate(zip(self.layers, weights)):
            layer.weight = nn.Parameter(weight.clone(), requires_grad=k not in frozen)
        for layer, buffer in zip(self.layers, buffers):
            layer.register_buffer("state", buffer.clone())

    def held(self):
        """Copies of weights and buffers."""
        return [[value.detach().clone() for value in values] for values in (self.parameters(), self.buffers())]


def averaged(module, average, model, decay, frozen):
    """What an average holds after an update, whether the model was left alone, and whether the average stays what it is
    when the model goes on learning.

    average, model: lists of weights and of buffers. frozen: the places of the model's weights that do not learn; with
    some the average, as it is usual, learns nothing at all.
    """
    copy, network = Holder(*average, range(len(average[0])) if frozen else ()), Holder(*model, frozen)
    with averaging():
        module.update_average(copy, network, decay)
    weights, buffers = copy.held()
    untouched = all(map(torch.equal, sum(network.held(), []), sum(model, [])))
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            value += 1
    apart = all(map(torch.equal, sum(copy.held(), []), weights + buffers))
    return {"weights": weights, "buffers": buffers, "untouched": untouched, "apart": apart}


# shortcut_target

class Hops:
    """A shortcut model of points and images, with three weights: what it says has a graph."""

    def __init__(self, factors):
        self.weight = factors.clone().requires_grad_()

    def __call__(self, x, t, d):
        t, d = (spread(each_time(part, len(x)).to(x), x) for part in (t, d))
        a, b, c = self.weight.to(x)
        return torch.sin(a * x + b * t + c * d) + c

    forward = __call__


def target(module, x, t, d, factors):
    """What a shortcut model should say about two steps, whether it has a graph, and whether the inputs were left
    alone."""
    given = x.clone(), t.clone(), d.clone()
    out = module.shortcut_target(Hops(factors), *given)
    return {"out": shown(out), "graph": bool(getattr(out, "requires_grad", False)),
            "untouched": all(map(torch.equal, given, (x, t, d)))}
