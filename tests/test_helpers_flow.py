"""The numbers that the contract of helpers/flow.py states, and the networks that stand around it.

Expected numbers come from closed forms, from brute force, or from SciPy's solver, which knows nothing of ours.
"""
import copy
import itertools
import math

import numpy as np
import pytest
import torch
from scipy import linalg, optimize, special, stats
from scipy.integrate import solve_ivp
from torch import nn

from helpers import flow
from helpers.given import flow as given_flow

DATA = np.array([[0.0, 0.0], [1.5, 0.5], [-1.0, 2.0], [0.3, -1.2], [1.4, 0.6]])
SHAPES = [(5, 2), (1, 2), (4, 1), (3, 1, 4, 5), (2, 3, 2)]


def normal(*shape, seed=0, dtype=torch.double):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def close(found, expected, atol=1e-6):
    """Are the shapes the same, and the numbers as near as that?"""
    found, expected = torch.as_tensor(found).double(), torch.as_tensor(expected).double()
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=0, atol=atol)


class Model:
    """A velocity, or a model with labels or steps, that remembers what it was asked."""
    null_label = 10

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, *args):
        self.asked.append([arg.clone() for arg in args])
        return self.answer(*args)


def axes(t, x):
    """Times (N,) with as many axes as x."""
    return t.reshape(-1, *[1] * (x.dim() - 1))


# Paths and their loss

@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float, torch.double])
def test_interpolate(shape, dtype):
    x_0, x_1 = normal(*shape, dtype=dtype), normal(*shape, seed=1, dtype=dtype)
    kept = x_0.clone(), x_1.clone()
    each = torch.linspace(0, 1, shape[0], dtype=dtype)
    for t in (0.0, 0.3, 1.0, 1, each):
        x_t, velocity = flow.interpolate(x_0, x_1, t)
        assert x_t.dtype == velocity.dtype == dtype
        for k, time in enumerate(t.tolist() if torch.is_tensor(t) else [t] * shape[0]):
            assert close(x_t[k], (1 - time) * x_0[k].double() + time * x_1[k].double())
            assert close(velocity[k], x_1[k].double() - x_0[k].double())
    assert torch.equal(x_0, kept[0]) and torch.equal(x_1, kept[1])


def test_the_velocity_is_the_derivative_of_the_path():
    x_0, x_1, t = normal(6, 3), normal(6, 3, seed=1), torch.linspace(0.1, 0.9, 6, dtype=torch.double)
    later, earlier = (flow.interpolate(x_0, x_1, t + step)[0] for step in (1e-4, -1e-4))
    assert close(flow.interpolate(x_0, x_1, t)[1], (later - earlier) / 2e-4, atol=1e-8)


def velocity_by_score(x, t, data):
    """The exact velocity in float64. x_t has the density of a mixture of N(t x_1, (1 - t)^2 I), and a score s. Then
    E[x_0 | x_t = x] = -(1 - t) s (Tweedie's formula), and so E[x_1 - x_0 | x_t = x] = (x + (1 - t) s) / t."""
    def log_density(x):
        return special.logsumexp(-((x[:, None] - t * data) ** 2).sum(axis=2) / (2 * (1 - t) ** 2), axis=1)

    h = 1e-5 * (1 - t)
    score = np.stack([(log_density(x + step) - log_density(x - step)) / (2 * h)
                      for step in h * np.eye(x.shape[1])], axis=1)
    return (x + (1 - t) * score) / t


@pytest.mark.parametrize("t", [0.05, 0.3, 0.5, 0.8, 0.95])
def test_exact_velocity_is_that_of_the_mixtures_score(t):
    x = normal(300, 2).numpy() * 1.5
    found = flow.exact_velocity(torch.tensor(x), t, torch.tensor(DATA))
    assert close(found, velocity_by_score(x, t, DATA), atol=1e-4)
    single = flow.exact_velocity(torch.tensor(x).float(), t, torch.tensor(DATA).float())
    assert single.dtype == torch.float and close(single, found, atol=1e-3)


def test_exact_velocity_where_it_is_known():
    data, x = torch.tensor(DATA), normal(7, 2)
    assert close(flow.exact_velocity(x, 0.0, data), data.mean(dim=0) - x)  # nothing is known of the end yet
    one = data[:1] + 1
    for t in (0.0, 0.5, 0.99):
        assert close(flow.exact_velocity(x, t, one), (one - x) / (1 - t))  # straight to the only end there is
    far = flow.exact_velocity(1000 * x.float(), 0.999, data.float())
    assert far.isfinite().all()  # no 0 / 0, where no point is likely
    assert close(flow.exact_velocity(x, 0.6, data.repeat(3, 1)), flow.exact_velocity(x, 0.6, data))


def test_exact_velocity_near_the_end_with_many_points():
    """A rounding error of a squared distance is divided by (1 - t)^2."""
    data, x_0 = normal(400, 2, seed=3), normal(400, 2, seed=4)
    t = 0.995
    x = ((1 - t) * x_0 + t * data).float()
    expected = flow.exact_velocity(x.double(), t, data.float().double())
    assert (flow.exact_velocity(x, t, data.float()) - expected).norm(dim=1).max() < 0.05


def test_exact_velocity_is_the_mean_of_the_paths():
    """Many paths, and of those that pass near x the mean velocity."""
    data, t, count = torch.tensor(DATA), 0.6, 1_000_000
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(count, 2, generator=generator, dtype=torch.double)
    x_1 = data[torch.randint(len(data), (count,), generator=generator)]
    x_t = (1 - t) * x_0 + t * x_1
    for x in torch.tensor([[0.2, 0.1], [0.5, 0.4], [-0.6, 0.9]], dtype=torch.double):
        near = (x_t - x).norm(dim=1) < 0.05
        velocities = (x_1 - x_0)[near]
        error = 4 * velocities.std(dim=0).max() / near.sum().sqrt() + 0.02
        assert near.sum() > 1000 and close(flow.exact_velocity(x[None], t, data)[0], velocities.mean(dim=0), error)


@pytest.mark.parametrize("shape", SHAPES)
def test_flow_matching_loss(shape):
    x_0, x_1 = normal(*shape), normal(*shape, seed=1)
    kept = x_0.clone(), x_1.clone()
    t = torch.linspace(0.1, 0.8, shape[0], dtype=torch.double)
    model = Model(lambda x, t: torch.sin(x) + axes(t, x))
    loss = flow.flow_matching_loss(model, x_1, x_0, t)
    (x_t, asked_at), = model.asked
    errors = []
    for k in range(shape[0]):
        place = (1 - t[k]) * x_0[k] + t[k] * x_1[k]
        assert close(x_t[k], place)
        errors.append((torch.sin(place) + t[k] - (x_1[k] - x_0[k])) ** 2)
    assert torch.equal(asked_at, t) and loss.shape == () and close(loss, torch.stack(errors).mean())
    assert torch.equal(x_0, kept[0]) and torch.equal(x_1, kept[1])


def test_what_the_loss_draws():
    """Noise and times of their own for each pair, anew at each call. All data are 0, so x_t is (1 - t) x_0."""
    torch.manual_seed(0)
    model = Model(lambda x, t: torch.zeros_like(x))
    for _ in range(2):
        flow.flow_matching_loss(model, torch.zeros(20_000, 2))
    (x, t), (other_x, other_t) = model.asked
    assert t.shape == (20_000,) and t.dtype == torch.float and not torch.equal(t, other_t)
    assert stats.kstest(t.numpy(), "uniform").pvalue > 0.001
    x_0 = x / (1 - t)[:, None]
    for column in x_0.T:
        assert stats.kstest(column.numpy(), "norm").pvalue > 0.001
    related = np.corrcoef(np.stack((t, x_0[:, 0], x_0[:, 1], (other_x / (1 - other_t)[:, None])[:, 0], other_t)))
    assert np.abs(related - np.eye(5)).max() < 0.04
    given = normal(20_000, 2, dtype=torch.float)
    model.asked.clear()
    flow.flow_matching_loss(model, torch.zeros(20_000, 2), x_0=given)
    flow.flow_matching_loss(model, torch.ones(20_000, 2), t=t)
    (x, drawn), (place, asked_at) = model.asked
    assert close(x, (1 - drawn)[:, None] * given) and torch.equal(asked_at, t)
    noise = ((place - t[:, None]) / (1 - t)[:, None])[t < 0.99]
    assert stats.kstest(noise[:, 0].numpy(), "norm").pvalue > 0.001


@pytest.mark.parametrize("t", [0.2, 0.5, 0.8])
def test_the_exact_velocity_has_the_smallest_loss(t):
    """Whatever is added to the exact velocity, the loss has no slope there, and grows on both sides."""
    torch.manual_seed(0)
    data = torch.tensor(DATA)
    x_1 = data[torch.randint(len(data), (60_000,))]
    x_0, times = torch.randn_like(x_1), torch.full((len(x_1),), t, dtype=torch.double)
    additions = [torch.ones_like, lambda x: x, lambda x: x.flip(1), torch.sin, lambda x: torch.exp(-x ** 2)]
    for add in additions:
        size = torch.zeros((), dtype=torch.double, requires_grad=True)

        def loss(size):
            return flow.flow_matching_loss(
                lambda x, t: flow.exact_velocity(x, t[0].item(), data) + size * add(x), x_1, x_0, times)

        slope, = torch.autograd.grad(loss(size), size)
        with torch.no_grad():
            least, more, less = loss(0), loss(0.1), loss(-0.1)
        curvature = (more + less - 2 * least) / 0.1 ** 2
        assert curvature > 0.1 and slope.abs() / curvature < 0.02 and least < min(more, less)


def test_gradients_of_the_loss():
    torch.manual_seed(0)
    model = given_flow.PointNet()
    flow.flow_matching_loss(model, torch.randn(16, 2)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


# Solvers

def bent(x, t):
    """A velocity that depends on place and time, with no closed solution."""
    t = axes(t, x)
    return torch.cat((torch.sin(2 * x[:, 1:2]) + t, torch.cos(x[:, :1] * x[:, 1:2]) - x[:, 1:2] * t ** 2), dim=1)


def bent_divergence(x, t):
    return -np.sin(x[0] * x[1]) * x[0] - t ** 2


def solved(x, start=0.0, stop=1.0, likelihood=False):
    """Where SciPy's solver takes points along `bent`; and the integral of its divergence on the way."""
    def field(t, state):
        found = bent(torch.tensor(state[None, :2]), torch.tensor([t]))[0].tolist()
        return found + [bent_divergence(state, t)]

    ends = np.stack([solve_ivp(field, (start, stop), [*row, 0.0], method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
                     for row in x.double().numpy()])
    return (ends[:, :2], ends[:, 2]) if likelihood else ends[:, :2]


SOLVERS = [(flow.euler, 1), (flow.heun, 2)]


@pytest.mark.parametrize("solver, order", SOLVERS)
@pytest.mark.parametrize("start, stop", [(0.0, 1.0), (1.0, 0.0), (0.2, 0.9)])
@pytest.mark.parametrize("uneven", [False, True])
def test_solvers_converge_as_fast_as_they_should(solver, order, start, stop, uneven):
    """Twice the steps: half of Euler's error, a quarter of Heun's."""
    x = normal(5, 2)
    expected = torch.tensor(solved(x, start, stop))
    errors = []
    for steps in (40, 80, 160):
        places = torch.linspace(0, 1, steps + 1, dtype=torch.double)
        places = places ** 2 if uneven else places
        end, _ = solver(bent, x, start + (stop - start) * places)
        errors.append((end - expected).norm().item())
    orders = [math.log2(a / b) for a, b in zip(errors, errors[1:])]
    assert orders == pytest.approx([order] * 2, abs=0.15), errors


@pytest.mark.parametrize("solver, looks", [(flow.euler, 1), (flow.heun, 2)])
@pytest.mark.parametrize("shape", [*SHAPES, (6, 3)])
def test_what_solvers_ask_and_give(solver, looks, shape):
    x, times = normal(*shape, dtype=torch.float), torch.tensor([0.0, 0.1, 0.15, 0.6, 1.0])
    kept, weight = x.clone(), torch.tensor(0.7, requires_grad=True)
    velocity = Model(lambda x, t: weight * x + axes(t, x))
    end, trajectory = solver(velocity, x, times)
    assert torch.equal(x, kept) and end.shape == x.shape and trajectory.shape == (5, *shape)
    assert torch.equal(trajectory[0], x) and torch.equal(trajectory[-1], end) and end.dtype == torch.float
    assert not end.requires_grad and not trajectory.requires_grad
    assert [t.shape for _, t in velocity.asked] == 4 * looks * [(shape[0],)]
    visited = [t for k in range(4) for t in times[k:k + looks].tolist()]
    assert [t[0].item() for _, t in velocity.asked] == visited
    for k, (now, then) in enumerate(zip(times.tolist(), times[1:].tolist())):
        state, first = trajectory[k].double(), 0.7 * trajectory[k].double() + now
        step = first
        if looks == 2:
            step = (first + 0.7 * (state + (then - now) * first) + then) / 2
        assert torch.equal(velocity.asked[looks * k][0], trajectory[k])
        assert close(trajectory[k + 1], state + (then - now) * step, atol=1e-5)


def test_fields_that_solvers_follow_without_error():
    x, times = normal(4, 2), torch.tensor([0.0, 0.5, 0.6, 1.0], dtype=torch.double)
    speed = torch.tensor([2.0, -1.0], dtype=torch.double)
    for solver in (flow.euler, flow.heun):
        assert close(solver(lambda x, t: speed.expand_as(x), x, times)[0], x + speed)
        assert close(solver(lambda x, t: speed.expand_as(x), x, times.flip(0))[0], x - speed)
        assert close(solver(lambda x, t: speed.expand_as(x), x, times[:2])[0], x + speed / 2)
    assert close(flow.heun(lambda x, t: (2 * t[:, None]).expand_as(x), x, times)[0], x + 1)
    assert close(flow.euler(lambda x, t: (2 * t[:, None]).expand_as(x), x, times)[0], x + 2 * (0.5 * 0.1 + 0.6 * 0.4))
    one = torch.tensor([[0.5, 2.0]], dtype=torch.double)  # data of a single point: its paths are straight
    assert close(flow.euler(lambda x, t: flow.exact_velocity(x, t[0].item(), one), x, times)[0], one.expand_as(x))


def test_the_exact_field_takes_noise_to_the_data():
    data, x = torch.tensor(DATA), normal(500, 2)
    times = 1 - torch.linspace(1, 0.02, 200, dtype=torch.double) ** 2
    end, _ = flow.heun(lambda x, t: flow.exact_velocity(x, t[0].item(), data), x, times)
    distances, nearest = torch.cdist(end, data).min(dim=1)
    assert distances.max() < 0.01 and nearest.bincount(minlength=5).min() > 40


# Densities

FIELDS = {
    "bent": (bent, 2),
    "one coordinate": (lambda x, t: torch.sin(3 * x) * axes(t, x), 1),
    "three coordinates": (lambda x, t: torch.stack((x[:, 0] ** 2 * x[:, 1], x[:, 0] + x[:, 1] * t, x[:, 2].exp()), 1),
                          3),
    "no drift apart": (lambda x, t: x.flip(1) * torch.tensor([1.0, -1.0], dtype=x.dtype), 2),
    "a coordinate stands still": (lambda x, t: torch.stack((torch.zeros_like(t), x[:, 0]), dim=1), 2),
}


@pytest.mark.parametrize("name", FIELDS)
def test_divergence_against_finite_differences(name):
    velocity, size = FIELDS[name]
    x, t, h = normal(20, size), torch.linspace(0, 1, 20, dtype=torch.double), 1e-5
    expected = sum((velocity(x + step, t) - velocity(x - step, t))[:, d] / (2 * h)
                   for d, step in enumerate(h * torch.eye(size, dtype=torch.double)))
    kept = x.clone()
    found = flow.divergence(velocity, x, t)
    assert close(found, expected, atol=1e-6) and not found.requires_grad
    assert torch.equal(x, kept) and not x.requires_grad
    with torch.no_grad():
        assert torch.equal(flow.divergence(velocity, x, t), found) and not torch.is_grad_enabled()


def test_divergence_of_a_network():
    torch.manual_seed(0)
    net, x, t = given_flow.PointNet(n_features=3).double(), normal(5, 3), torch.rand(5).double()
    expected = [torch.autograd.functional.jacobian(lambda row: net(row[None], t[k:k + 1])[0], x[k]).trace()
                for k in range(5)]
    assert close(flow.divergence(net, x, t), torch.stack(expected), atol=1e-9)
    assert all(p.grad is None for p in net.parameters())


def falling(steps):
    return torch.linspace(1, 0, steps + 1, dtype=torch.double)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_likelihood_of_an_affine_flow(size):
    """dx/dt = A x + b makes a normal distribution of N(0, I), whose mean and covariance are known."""
    matrix, shift = 0.5 * normal(size, size, seed=1), normal(size, seed=2)
    # The last column of exp((A b; 0 0)) is where the origin goes, the rest is how all else moves relative to it.
    whole = linalg.expm(np.block([[matrix.numpy(), shift[:, None].numpy()], [np.zeros((1, size + 1))]]))
    turn, mean = whole[:size, :size], whole[:size, size]
    x = torch.tensor(mean) + 1.5 * normal(40, size)
    found = flow.log_likelihood(lambda x, t: x @ matrix.T + shift, x, falling(200))
    expected = stats.multivariate_normal(mean, turn @ turn.T).logpdf(x.numpy()).reshape(-1)
    assert close(found, torch.tensor(expected), atol=1e-3) and not found.requires_grad


MEANS, WIDTH = DATA[:3], 0.4


def mixture_velocity(x, t):
    """The exact velocity from N(0, I) to a mixture of three normal distributions with standard deviation WIDTH."""
    t = t[:, None]
    means, variance = torch.tensor(MEANS), (1 - t) ** 2 + (t * WIDTH) ** 2
    apart = x[:, None] - t[:, None] * means  # (N, 3, 2)
    shares = torch.softmax(-(apart ** 2).sum(dim=2) / (2 * variance), dim=1)
    return (shares[:, :, None] * (means + ((t * WIDTH ** 2 - (1 - t)) / variance)[:, None] * apart)).sum(dim=1)


def mixture_density(x):
    return special.logsumexp([stats.multivariate_normal(mean, WIDTH ** 2 * np.eye(2)).logpdf(x) for mean in MEANS],
                             axis=0) - math.log(3)


def test_likelihood_of_a_mixture():
    """The exact flow gives its data the density that they have. Uneven times do as well."""
    x = torch.tensor(MEANS).repeat(10, 1) + 0.6 * normal(30, 2)
    expected = torch.tensor(mixture_density(x.numpy()))
    kept = x.clone()
    assert close(flow.log_likelihood(mixture_velocity, x, falling(200)), expected, atol=2e-3)
    assert close(flow.log_likelihood(mixture_velocity, x, falling(200) ** 1.5), expected, atol=5e-3)
    assert torch.equal(x, kept)


def test_likelihood_walks_through_the_times_that_it_is_given():
    """For dx/dt = x a step of Heun's method multiplies by 1 + h + h^2 / 2, and the divergence is D."""
    x, times = normal(4, 3), torch.tensor([1.0, 0.7, 0.6, 0.0], dtype=torch.double)
    velocity = Model(lambda x, t: x)
    factor = math.prod(1 + h + h ** 2 / 2 for h in times.diff().tolist())
    expected = torch.tensor(stats.norm.logpdf(factor * x.numpy()).sum(axis=1)) - 3
    assert close(flow.log_likelihood(velocity, x, times), expected, atol=1e-9)
    assert set(torch.cat([t for _, t in velocity.asked]).tolist()) == set(times.tolist())


def test_the_density_of_a_flow_sums_to_one():
    side = torch.linspace(-6, 6, 121, dtype=torch.double)
    x = torch.cartesian_prod(side, side)
    total = flow.log_likelihood(bent, x, falling(60)).exp().sum() * (side[1] - side[0]) ** 2
    assert total.item() == pytest.approx(1, abs=2e-3)


def test_likelihood_against_another_solver():
    x = normal(6, 2)
    start, change = solved(x, 1.0, 0.0, likelihood=True)
    expected = torch.tensor(stats.norm.logpdf(start).sum(axis=1) + change)
    errors = [(flow.log_likelihood(bent, x, falling(steps)) - expected).abs().max().item() for steps in (40, 80)]
    assert errors[1] < 1e-3 and math.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)
    with torch.no_grad():
        single = flow.log_likelihood(bent, x.float(), falling(80).float())
    assert single.dtype == torch.float and close(single, expected, atol=2e-3)


# Straight paths

@pytest.mark.parametrize("shape", [(4, 3, 2), (2, 3, 2), (6, 2, 1, 2, 2)])
def test_straightness(shape):
    trajectory = normal(*shape)
    steps, total = shape[0] - 1, 0
    for sample in trajectory.flatten(2).transpose(0, 1).numpy():
        for now, then in zip(sample, sample[1:]):
            total += ((sample[-1] - sample[0] - (then - now) * steps) ** 2).sum() / steps / shape[1]
    found = flow.straightness(trajectory)
    assert found.shape == () and close(found, torch.tensor(total))


def test_straightness_of_known_paths():
    places = torch.linspace(0, 1, 1001, dtype=torch.double)[:, None, None]
    x = normal(5, 2)
    assert close(flow.straightness(x + places * (1 - x)), torch.tensor(0.0))  # straight, at constant speed
    # x = t^2 in both coordinates: the integral of (1 - 2 t)^2, twice. Straight, but not at constant speed.
    assert close(flow.straightness((places ** 2).expand(-1, 5, 2)), torch.tensor(2 / 3), atol=1e-5)
    # Half a circle from (1, 0) to (-1, 0): |(-2, 0)|^2 + pi^2 - 2 * (-2, 0) (-2, 0) = pi^2 - 4.
    circle = torch.cat((torch.cos(math.pi * places), torch.sin(math.pi * places)), dim=2)
    assert close(flow.straightness(circle), torch.tensor(math.pi ** 2 - 4), atol=1e-4)


def cost(x_0, x_1):
    return ((x_0 - x_1) ** 2).sum().item()


def is_reordered(found, rows):
    return sorted(found.flatten(1).tolist()) == sorted(rows.flatten(1).tolist())


@pytest.mark.parametrize("shape", [(6, 2), (6, 1), (1, 3), (2, 2), (6, 1, 2, 2)])
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_couple_finds_the_best_of_all_orders(shape, seed):
    x_0, x_1 = normal(*shape, seed=seed, dtype=torch.float), 1 + normal(*shape, seed=seed + 1, dtype=torch.float)
    kept = x_0.clone(), x_1.clone()
    found = flow.couple(x_0, x_1)
    assert found.shape == x_0.shape and found.dtype == x_0.dtype and is_reordered(found, x_0)
    best = min(cost(x_0[list(order)], x_1) for order in itertools.permutations(range(shape[0])))
    assert cost(found, x_1) == pytest.approx(best, rel=1e-5)
    assert torch.equal(x_0, kept[0]) and torch.equal(x_1, kept[1])


def test_couple_of_a_large_batch():
    x_0, x_1 = normal(200, 5), normal(200, 5, seed=1)
    table = ((x_1[:, None] - x_0) ** 2).sum(dim=2).numpy()
    found = flow.couple(x_0, x_1)
    assert is_reordered(found, x_0)
    assert cost(found, x_1) == pytest.approx(table[optimize.linear_sum_assignment(table)].sum(), rel=1e-9)
    # On a line the best order is that of the data.
    x_0, x_1 = x_0[:, :1], x_1[:, :1]
    found, ranks = flow.couple(x_0, x_1), x_1[:, 0].argsort()
    assert torch.equal(found[ranks], x_0.sort(dim=0).values)
    # Near its data point each noise is found again, whatever the order was.
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    assert torch.equal(flow.couple((x_1 + 1e-4)[order], x_1), x_1 + 1e-4)


def test_squared_distances_make_another_order_than_distances():
    """On a line, two steps of 1 cost as much as one of 2 and one of 0; squared they cost less."""
    x_0, x_1 = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [1.0]])
    assert torch.equal(flow.couple(x_0, x_1), torch.tensor([[1.0], [0.0]]))


@pytest.mark.parametrize("n_samples, batch_size", [(10, 4), (8, 4), (3, 1000), (1, 1), (5, 1)])
def test_reflow_pairs(n_samples, batch_size):
    torch.manual_seed(0)
    speed, times = torch.tensor([2.0, -1.0, 0.5]), torch.linspace(0, 1, 4)
    velocity = Model(lambda x, t: speed + 0 * x)
    pairs = flow.reflow_pairs(velocity, n_samples, 3, times, batch_size=batch_size)
    assert pairs.shape == (n_samples, 2, 3) and pairs.dtype == torch.float and not pairs.requires_grad
    assert close(pairs[:, 1], pairs[:, 0] + speed, atol=1e-5) and len(pairs[:, 0].unique()) == 3 * n_samples
    assert max(len(x) for x, _ in velocity.asked) == min(batch_size, n_samples)
    asked_at_start = torch.cat([x for x, t in velocity.asked if t[0] == 0])
    assert is_reordered(asked_at_start, pairs[:, 0])


def test_reflow_pairs_walk_along_the_flow():
    torch.manual_seed(0)
    times = torch.linspace(0, 1, 41, dtype=torch.double)
    pairs = flow.reflow_pairs(bent, 5, 2, times)
    assert close(pairs[:, 1], solved(pairs[:, 0]), atol=1e-3)
    many = flow.reflow_pairs(lambda x, t: x, 5000, 2, torch.tensor([0.0, 1.0]))
    for column in many[:, 0].T:
        assert stats.kstest(column.numpy(), "norm").pvalue > 0.001
    assert close(many[:, 1], 2.5 * many[:, 0], atol=1e-5)  # one step of Heun's method for dx/dt = x: 1 + 1 + 1/2


# Labels, averages, shortcuts

@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 3.0, -1.0])
@pytest.mark.parametrize("shape", [(4, 1, 3, 2), (1, 2, 2, 2)])
def test_guided_velocity(scale, shape):
    factors = normal(11, seed=3)
    model = Model(lambda x, t, labels: axes(factors[labels], x) * x + axes(t, x))
    x, t, labels = normal(*shape), torch.linspace(0, 1, shape[0], dtype=torch.double), torch.arange(shape[0])
    kept = x.clone(), t.clone(), labels.clone()
    found = flow.guided_velocity(model, x, t, labels, scale)
    for k in range(shape[0]):
        with_label, without = factors[k] * x[k] + t[k], factors[10] * x[k] + t[k]
        assert close(found[k], scale * with_label + (1 - scale) * without, atol=1e-9)
    assert all(torch.equal(*pair) for pair in zip((x, t, labels), kept))
    assert {k for *_, asked in model.asked for k in asked.tolist()} <= {*range(shape[0]), 10}


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))


def test_update_average():
    """Weights move, frozen ones too. BatchNorm's buffers, a whole number among them, are the model's."""
    torch.manual_seed(0)
    model = network()
    average = copy.deepcopy(model)
    expected, places = [p.detach().double() for p in average.parameters()], [p.data_ptr() for p in average.parameters()]
    model[2].weight.requires_grad_(False)
    for count in range(1, 5):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        model(torch.randn(8, 3))
        kept = copy.deepcopy(model.state_dict())
        assert flow.update_average(average, model, 0.9) is None
        expected = [0.9 * mean + 0.1 * new.detach().double() for mean, new in zip(expected, model.parameters())]
        assert all(close(*pair) for pair in zip(average.parameters(), expected))
        for name, value in average.named_buffers():
            assert torch.equal(value, model.get_buffer(name)) and value.data_ptr() != model.get_buffer(name).data_ptr()
        assert average[1].num_batches_tracked.dtype == torch.long and average[1].num_batches_tracked == count
        assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    assert [p.data_ptr() for p in average.parameters()] == places
    assert all(p.requires_grad and p.is_leaf and p.grad_fn is None for p in average.parameters())


def test_update_average_at_its_ends():
    torch.manual_seed(0)
    model, average = network(), network()
    before = [p.clone() for p in average.parameters()]
    flow.update_average(average, model, 1.0)
    assert all(torch.equal(*pair) for pair in zip(average.parameters(), before))
    flow.update_average(average, model, 0.0)
    assert all(torch.equal(*pair) for pair in zip(average.parameters(), model.parameters()))


@pytest.mark.parametrize("shape", SHAPES)
def test_shortcut_target_of_a_linear_field(shape):
    """For dx/dt = a x a step of d has the mean velocity x (exp(a d) - 1) / d. What is right for steps of d makes what
    is right for 2 d."""
    a, x = 0.8, normal(*shape)
    t, d = torch.linspace(0, 0.4, shape[0], dtype=torch.double), 0.5 ** (2 + torch.arange(shape[0]).double())
    kept = x.clone(), t.clone(), d.clone()
    model = Model(lambda x, t, d: x * axes(torch.expm1(a * d) / d, x))
    found = flow.shortcut_target(model, x, t, d)
    for k in range(shape[0]):
        size = 2 * d[k].item()
        assert close(found[k], x[k] * (math.exp(a * size) - 1) / size, atol=1e-9)
    assert all(torch.equal(*pair) for pair in zip((x, t, d), kept))
    (_, first_at, first_d), (_, second_at, second_d) = model.asked
    assert torch.equal(first_at, t) and torch.equal(first_d, d) and torch.equal(second_d, d)
    assert close(second_at, t + d)


def test_shortcut_target_asks_at_the_right_time_and_place():
    """dx/dt = 2 t: a step from t has the mean velocity 2 t + d. And for any model: two steps lead where one does."""
    x, t, d = normal(4, 2), torch.tensor([0.0, 0.1, 0.3, 0.5]).double(), torch.tensor([0.5, 0.25, 0.125, 0.25]).double()
    found = flow.shortcut_target(lambda x, t, d: (2 * t + d)[:, None].expand_as(x), x, t, d)
    assert close(found, (2 * t + 2 * d)[:, None].expand_as(x))
    weight = torch.tensor(1.5, dtype=torch.double, requires_grad=True)

    def model(x, t, d):
        return weight * torch.sin(x) + t[:, None] + d[:, None] ** 2

    found = flow.shortcut_target(model, x, t, d)
    middle = x + d[:, None] * model(x, t, d)
    end = middle + d[:, None] * model(middle, t + d, d)
    assert close(x + 2 * d[:, None] * found, end.detach(), atol=1e-9) and not found.requires_grad


# What is given

def test_given_networks():
    torch.manual_seed(0)
    points, net = torch.randn(3, 2), given_flow.PointNet()
    out = net(points, torch.tensor([0.0, 0.5, 1.0]))
    assert out.shape == points.shape and close(out[1:2], net(points[1:2], torch.tensor([0.5])))
    assert not close(out[1:2], net(points[1:2], torch.tensor([0.51])), atol=1e-4)


def test_shortcut_network_starts_as_the_flow_that_it_is_made_from():
    torch.manual_seed(0)
    first = given_flow.VelocityUNet()
    with torch.no_grad():
        for p in first.parameters():
            p.add_(0.05 * torch.randn_like(p))
    net = given_flow.ShortcutUNet(first)
    sizes = torch.tensor([0.0, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128])
    x, t, labels = torch.randn(9, 1, 28, 28), torch.linspace(0, 1, 9), torch.arange(9) + 2
    with torch.no_grad():
        assert close(net(x, t, labels, sizes), first(x, t, labels))
        net.label.step.weight.copy_(torch.arange(9.0)[:, None].expand_as(net.label.step.weight))
        both = net.label(torch.stack((torch.zeros(9, dtype=torch.long), torch.arange(9)), dim=1))
        assert close(both[:, 0] - both[0, 0], torch.arange(9.0))
        made = [net(x[:1], t[4:5], labels[:1], size[None]) for size in sizes]
    assert all(not close(*pair, atol=1e-4) for pair in itertools.combinations(made, 2))
    assert net.null_label == first.null_label == 10
