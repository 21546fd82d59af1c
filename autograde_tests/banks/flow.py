"""Variants of helpers/flow.py for the audit: right ones, and typical mistakes. See coursekit/audit.py for their
form."""

# A file as it was written for another course: all in one style, with type hints, for points and images.
COURSEWORK = '''
from typing import Callable, Optional, Tuple, Union

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.distributions import MultivariateNormal

VelocityFn = Callable[[Tensor, Tensor], Tensor]


def _bc(t: Union[float, Tensor], like: Tensor) -> Tensor:
    """
    Bring a time into a form that can be multiplied with a batch.
    """
    if not torch.is_tensor(t):
        t = torch.full((like.shape[0],), float(t))
    while t.ndim < like.ndim:
        t = t.unsqueeze(-1)
    return t


def interpolate(x_0: Tensor, x_1: Tensor, t: Union[float, Tensor]) -> Tuple[Tensor, Tensor]:
    """
    Linear path and its time derivative.
    """
    tt = _bc(t, x_0)
    x_t = torch.lerp(x_0, x_1, tt.expand(x_0.shape))
    return x_t, torch.sub(x_1, x_0)


def exact_velocity(x: Tensor, t: float, data: Tensor) -> Tensor:
    """
    Posterior mean over the training set.
    """
    sigma = 1. - t
    logp = torch.stack([-(((x - t * d) / sigma) ** 2).sum(-1) / 2. for d in data], dim=-1)
    logp = logp - torch.logsumexp(logp, dim=-1, keepdim=True)
    x1_hat = torch.einsum('nm,md->nd', logp.exp(), data)
    x0_hat = (x - t * x1_hat) / sigma
    return x1_hat - x0_hat


def flow_matching_loss(model: nn.Module, x_1: Tensor, x_0: Optional[Tensor] = None,
                       t: Optional[Tensor] = None) -> Tensor:
    """
    Conditional flow matching objective.
    """
    B = x_1.shape[0]
    x_0 = torch.normal(0., 1., size=tuple(x_1.shape)) if x_0 is None else x_0
    t = torch.empty(B).uniform_(0., 1.) if t is None else t
    tt = _bc(t, x_1)
    pred = model((1. - tt) * x_0 + tt * x_1, t)
    criterion = nn.MSELoss(reduction='mean')
    return criterion(pred, x_1 - x_0)


def _integrate(step, x, times):
    states = [x.clone()]
    with torch.no_grad():
        for i in range(len(times) - 1):
            t, h = times[i], times[i + 1] - times[i]
            states.append(step(states[-1], t, h))
    return states[-1], torch.stack(states, dim=0)


def euler(velocity: VelocityFn, x: Tensor, times: Tensor) -> Tuple[Tensor, Tensor]:
    """
    Explicit Euler.
    """
    return _integrate(lambda s, t, h: s + h * velocity(s, t.repeat(s.shape[0])), x, times)


def heun(velocity: VelocityFn, x: Tensor, times: Tensor) -> Tuple[Tensor, Tensor]:
    """
    Trapezoidal predictor-corrector.
    """
    def step(s, t, h):
        k1 = velocity(s, t.repeat(s.shape[0]))
        k2 = velocity(s + h * k1, (t + h).repeat(s.shape[0]))
        return s + 0.5 * h * k1 + 0.5 * h * k2

    return _integrate(step, x, times)


def divergence(velocity: VelocityFn, x: Tensor, t: Tensor) -> Tensor:
    """
    Exact trace, one reverse pass per dimension.
    """
    with torch.enable_grad():
        leaf = x.detach().clone().requires_grad_(True)
        out = velocity(leaf, t)
        div = torch.zeros(x.shape[0])
        for i in range(x.shape[1]):
            seed = torch.zeros_like(out)
            seed[:, i] = 1.
            (g,) = torch.autograd.grad(outputs=out, inputs=leaf, grad_outputs=seed, retain_graph=True)
            div = div + g[:, i]
    return div.detach()


def log_likelihood(velocity: VelocityFn, x: Tensor, times: Tensor) -> Tensor:
    """
    Change of variables along the flow.
    """
    z, logdet = x.clone(), torch.zeros(x.shape[0])
    for i in range(len(times) - 1):
        t, s, h = (torch.ones(len(z)) * times[i], torch.ones(len(z)) * times[i + 1], times[i + 1] - times[i])
        with torch.no_grad():
            k1 = velocity(z, t)
            z_pred = z + h * k1
            k2 = velocity(z_pred, s)
        logdet = logdet + h * (divergence(velocity, z, t) + divergence(velocity, z_pred, s)) / 2.
        z = z + h * (k1 + k2) / 2.
    d = z.shape[-1]
    return MultivariateNormal(torch.zeros(d), torch.eye(d)).log_prob(z) + logdet


def straightness(trajectory: Tensor) -> Tensor:
    """
    Mean squared deviation from the constant velocity.
    """
    n_steps = trajectory.shape[0] - 1
    drift = (trajectory[-1] - trajectory[0]).unsqueeze(0)
    v = torch.diff(trajectory, dim=0).mul(float(n_steps))
    return torch.square(drift - v).flatten(start_dim=2).sum(dim=-1).mean()


def couple(x_0: Tensor, x_1: Tensor) -> Tensor:
    """
    Minibatch optimal transport.
    """
    a, b = (z.detach().cpu().numpy().reshape(z.shape[0], -1) for z in (x_0, x_1))
    cost = np.linalg.norm(a[:, None] - b[None], axis=-1) ** 2
    i, j = linear_sum_assignment(cost)
    perm = np.empty_like(i)
    perm[j] = i
    return x_0[torch.from_numpy(perm).to(x_0.device)]


def reflow_pairs(velocity: VelocityFn, n_samples: int, n_features: int, times: Tensor,
                 batch_size: int = 1000) -> Tensor:
    """
    Noise and where it flows.
    """
    out = []
    n_left = n_samples
    while n_left > 0:
        z0 = torch.randn(size=(min(batch_size, n_left), n_features), device=times.device)
        z1, _ = heun(velocity, z0, times)
        out.append(torch.cat([z0.unsqueeze(1), z1.unsqueeze(1)], dim=1))
        n_left -= z0.shape[0]
    return torch.cat(out, dim=0)


def guided_velocity(model: nn.Module, x: Tensor, t: Tensor, labels: Tensor, scale: float) -> Tensor:
    """
    CFG.
    """
    v_cond = model(x, t, labels)
    v_uncond = model(x, t, torch.ones_like(labels) * model.null_label)
    return (1. - scale) * v_uncond + scale * v_cond


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """
    EMA.
    """
    ema = dict(average.named_parameters())
    for name, param in model.named_parameters():
        ema[name].copy_(decay * ema[name] + (1. - decay) * param)
    for buf_ema, buf in zip(average.buffers(), model.buffers()):
        buf_ema.data.copy_(buf.data)


@torch.no_grad()
def shortcut_target(model: nn.Module, x: Tensor, t: Tensor, d: Tensor) -> Tensor:
    """
    Two small steps instead of a big one.
    """
    s1 = model(x, t, d)
    x_mid = x + _bc(d, x) * s1
    s2 = model(x_mid, t + d, d)
    return torch.mean(torch.stack([s1, s2], dim=0), dim=0)
'''
COURSEWORK_ITEMS = ("flow.interpolate", "flow.exact_velocity", "flow.flow_matching_loss", "flow.euler", "flow.heun",
                    "flow.divergence", "flow.log_likelihood", "flow.straightness", "flow.couple",
                    "flow.reflow_pairs", "flow.guided_velocity", "flow.update_average", "flow.shortcut_target")

RIGHT = {
    "the solution": {},
    # interpolate
    "from x_0, a part of the way": {"interpolate": """
        velocity = x_1 - x_0
        if not isinstance(t, float):
            t = t.view(-1, *(1 for _ in x_0.shape[1:]))
        return x_0 + t * velocity, velocity
    """},
    "axes added in a loop": {"interpolate": """
        t = torch.as_tensor(t)
        while 0 < t.dim() < x_0.dim():
            t = t[..., None]
        x_t = (1.0 - t) * x_0 + t * x_1
        return x_t, x_1 - x_0
    """},
    "pair by pair": {"interpolate": """
        times = [t] * len(x_0) if isinstance(t, float) else t.tolist()
        x_t = torch.stack([(1 - s) * a + s * b for s, a, b in zip(times, x_0, x_1)])
        return [x_t, -(x_0 - x_1)]
    """},
    "einsum and torch.full": {"interpolate": """
        if isinstance(t, (int, float)):
            t = torch.full((len(x_0),), float(t))
        return torch.einsum("n,n...->n...", 1 - t, x_0) + torch.einsum("n,n...->n...", t, x_1), x_1 - x_0
    """},
    "the batch axis last": {"interpolate": """
        a, b = x_0.movedim(0, -1), x_1.movedim(0, -1)
        return ((1 - t) * a + t * b).movedim(-1, 0), (b - a).movedim(-1, 0)
    """},
    "float64 inside": {"interpolate": """
        s = torch.as_tensor(t, dtype=torch.float64).expand(len(x_0)).reshape((len(x_0),) + (1,) * (x_0.ndim - 1))
        x_t = (1 - s) * x_0.double() + s * x_1.double()
        return x_t.float(), x_1.sub(x_0)
    """},
    "the derivative by autograd": {"interpolate": """
        s = torch.zeros(len(x_0)) + t
        def path(s):
            s = s.reshape(-1, *[1] * (x_0.dim() - 1))
            return x_0 - s * x_0 + s * x_1
        return torch.func.jvp(path, (s,), (torch.ones_like(s),))
    """},
    # exact_velocity
    "differences instead of cdist": {"exact_velocity": """
        away = x[:, None, :] - t * data[None, :, :]
        weights = torch.softmax(-0.5 * (away / (1 - t)).pow(2).sum(dim=-1), dim=-1)
        x_1 = (weights[:, :, None] * data).sum(dim=1)
        return (x_1 - x) / (1 - t)
    """},
    "the mean of x_1 - x_0 itself": {"exact_velocity": """
        x_0 = (x[:, None] - t * data[None]) / (1 - t)
        weights = F.softmax(-(x_0 ** 2).sum(2) / 2, dim=1)
        return torch.einsum("nm,nmd->nd", weights, data[None] - x_0)
    """},
    "place by place": {"exact_velocity": """
        rows = []
        for place in x:
            x_0 = (place - t * data) / (1 - t)
            logs = -x_0.square().sum(dim=1) / 2
            weights = torch.exp(logs - logs.max())
            rows.append((weights[:, None] * (data - x_0)).sum(dim=0) / weights.sum())
        return torch.stack(rows)
    """},
    "log_prob of a normal distribution": {"exact_velocity": """
        paths = torch.distributions.Normal(t * data, 1 - t)
        logs = paths.log_prob(x[:, None]).sum(dim=2)
        weights = (logs - torch.logsumexp(logs, dim=1, keepdim=True)).exp()
        return torch.matmul(weights, data).sub(x).div(1 - t)
    """},
    "float64, and E[x_1] - E[x_0]": {"exact_velocity": """
        x, data = x.double(), data.double()
        weights = (-torch.cdist(x, t * data).square() / (2 * (1 - t) ** 2)).softmax(1)
        x_1 = weights @ data
        return (x_1 - (x - t * x_1) / (1 - t)).float()
    """},
    "squares by the binomial formula": {"exact_velocity": """
        s = 1 - t
        logs = (t * x.double() @ data.double().T - t ** 2 * (data.double() ** 2).sum(1) / 2) / s ** 2
        return ((torch.softmax(logs, dim=1) @ data.double() - x) / s).to(x.dtype)
    """},
    # flow_matching_loss
    "the path by hand": {"flow_matching_loss": """
        if x_0 is None:
            x_0 = torch.randn(x_1.shape)
        if t is None:
            t = torch.rand(x_1.shape[0])
        s = t.view(-1, *[1] * (x_1.dim() - 1))
        return ((model((1 - s) * x_0 + s * x_1, t) - (x_1 - x_0)) ** 2).mean()
    """},
    "nn.MSELoss and t of shape (N, 1)": {"flow_matching_loss": """
        x_0 = torch.randn_like(x_1) if x_0 is None else x_0
        t = torch.empty(len(x_1)).uniform_() if t is None else t
        x_t, velocity = interpolate(x_0, x_1, t)
        return torch.nn.MSELoss()(velocity, model(x_t, t[:, None]))
    """},
    "drawn the other way round": {"flow_matching_loss": """
        t = torch.rand_like(x_1.flatten(1)[:, 0]) if t is None else t
        x_0 = torch.normal(0.0, 1.0, x_1.size()) if x_0 is None else x_0
        x_t, velocity = interpolate(x_0, x_1, t)
        return torch.mean(torch.square(velocity - model(x_t, t)))
    """},
    "the loss pair by pair": {"flow_matching_loss": """
        total = 0.0
        for k in range(len(x_1)):
            start = torch.randn_like(x_1[k:k + 1]) if x_0 is None else x_0[k:k + 1]
            time = torch.rand(1) if t is None else t[k:k + 1]
            x_t, velocity = interpolate(start, x_1[k:k + 1], time)
            total = total + ((model(x_t, time) - velocity) ** 2).sum()
        return total / x_1.numel()
    """},
    "two halves of the batch, forward by its name": {"flow_matching_loss": """
        x_0 = torch.randn_like(x_1) if x_0 is None else x_0
        t = torch.rand(len(x_1)) if t is None else t
        x_t, velocity = interpolate(x_0, x_1, t)
        half = len(x_1) // 2
        said = torch.cat((model.forward(x_t[half:], t[half:]), model.forward(x_t[:half], t[:half])))
        return F.mse_loss(said, torch.cat((velocity[half:], velocity[:half])))
    """},
    "times paired with their mirror images": {"flow_matching_loss": """
        if x_0 is None:
            x_0 = torch.randn_like(x_1)
        if t is None:
            u = torch.rand((len(x_1) + 1) // 2)
            t = torch.cat((u, 1 - u))[:len(x_1)]
        x_t, velocity = interpolate(x_0, x_1, t)
        return F.mse_loss(model(x_t, t), velocity, reduction="sum") / velocity.numel()
    """},
    "times spread evenly, then shuffled": {"flow_matching_loss": """
        x_0 = torch.randn_like(x_1) if x_0 is None else x_0
        if t is None:
            t = (torch.randperm(len(x_1)) + torch.rand(len(x_1))) / len(x_1)
        x_t, velocity = interpolate(x_0, x_1, t)
        return F.mse_loss(model(x_t, t), velocity)
    """},
    "noise from numpy": {"flow_matching_loss": """
        import numpy as np
        if x_0 is None:
            x_0 = torch.from_numpy(np.random.standard_normal(tuple(x_1.shape))).to(x_1)
        if t is None:
            t = torch.from_numpy(np.random.uniform(size=len(x_1))).float()
        x_t, velocity = interpolate(x_0, x_1, t)
        return F.mse_loss(model(x_t, t), velocity)
    """},
    # euler
    "indices": {"euler": """
        for k in range(len(times) - 1):
            t = times[k].repeat(x.shape[0])
            x = x + velocity(x, t) * (times[k + 1] - times[k])
            trajectory.append(x)
    """},
    "torch.diff and plain numbers": {"euler": """
        for t, dt in zip(times.tolist(), torch.diff(times).tolist()):
            x = x + dt * velocity(x, torch.full((len(x),), t))
            trajectory += [x]
    """},
    "the time as a number": {"euler": """
        for now, then in zip(times, times[1:]):
            x = torch.add(x, velocity(x, now.item()), alpha=(then - now).item())
            trajectory.append(x)
    """},
    "in place, with copies": {"euler": """
        x = x.clone()
        for k, dt in enumerate(times.diff()):
            x += dt * velocity(x, times[k].expand(len(x), 1))
            trajectory.append(x.clone())
    """},
    "a table filled in": {"euler": """
        states = x.new_empty(len(times), *x.shape)
        states[0] = x
        for k in range(1, len(times)):
            states[k] = states[k - 1] + (times[k] - times[k - 1]) * velocity(states[k - 1], times[k - 1].expand(len(x)))
        return states[-1].clone(), states
    """},
    "float64, sample by sample": {"euler": """
        y = x.double()
        for now, then in zip(times[:-1].double(), times[1:].double()):
            y = torch.cat([row + (then - now) * velocity(row, now.reshape(1)) for row in y.split(1)])
            trajectory.append(y.float())
        x = y.float()
    """},
    "a function of its own": {"euler": """
        def step(x, k):
            return x + (times[k + 1] - times[k]) * velocity(x, times[k].repeat(len(x)))

        while len(trajectory) < len(times):
            trajectory.append(step(trajectory[-1], len(trajectory) - 1))
        x = trajectory[-1]
    """},
    # heun
    "k1 and k2": {"heun": """
        for i in range(len(times) - 1):
            h = times[i + 1] - times[i]
            k1 = velocity(x, times[i].repeat(len(x)))
            k2 = velocity(x + h * k1, times[i + 1].repeat(len(x)))
            x = x + h / 2 * (k1 + k2)
            trajectory.append(x)
    """},
    "from Euler's step, corrected": {"heun": """
        for now, then in zip(times[:-1], times[1:]):
            dt, ones = then - now, torch.ones(x.shape[0], device=times.device)
            first = velocity(x, now * ones)
            euler = x + dt * first
            x = euler + dt * 0.5 * (velocity(euler, then * ones) - first)
            trajectory.append(x)
    """},
    "torch.lerp of both": {"heun": """
        for now, dt in zip(times.tolist(), times.diff().tolist()):
            first = velocity(x, now)
            second = velocity(x + dt * first, now + dt)
            x = x + dt * torch.lerp(first, second, 0.5)
            trajectory.append(x)
    """},
    "in place, with copies, heun": {"heun": """
        x = x.clone()
        for k in range(len(times) - 1):
            dt = float(times[k + 1] - times[k])
            slope = velocity(x, times[k:k + 1]).clone()
            slope += velocity(x + dt * slope, times[k + 1:k + 2])
            x += dt * slope / 2
            trajectory.append(x.clone())
    """},
    "the mean of a stack": {"heun": """
        for now, then in torch.stack((times[:-1], times[1:]), dim=1):
            looks = [velocity(x, now.expand(len(x)))]
            looks.append(velocity(x + (then - now) * looks[0], then.expand(len(x))))
            x = x + (then - now) * torch.stack(looks).mean(dim=0)
            trajectory.append(x)
    """},
    "float64 inside, heun": {"heun": """
        y, times = x.double(), times.double()
        for now, then in zip(times[:-1], times[1:]):
            a = velocity(y, now.expand(len(y)))
            b = velocity(y + (then - now) * a, then.expand(len(y)))
            y = y + (then - now) * (a / 2 + b / 2)
            trajectory.append(y.to(x))
        x = y.to(x)
    """},
    "a mean of Euler's step and a second one": {"heun": """
        for now, then in zip(times[:-1], times[1:]):
            once = x + (then - now) * velocity(x, now.expand(len(x)))
            twice = once + (then - now) * velocity(once, then.expand(len(x)))
            x = (x + twice) / 2
            trajectory.append(x)
    """},
    # divergence
    "a loop that adds up": {"divergence": """
        total = torch.zeros(len(x))
        for d in range(x.shape[1]):
            gradient, = torch.autograd.grad(v[:, d].sum(), x, retain_graph=True)
            total += gradient[:, d]
        return total
    """},
    "functorch's Jacobian of each row": {"divergence": """
        def one(place, time):
            return velocity(place[None], time[None])[0]

        jacobians = torch.func.vmap(torch.func.jacrev(one))(x, t)
        return jacobians.diagonal(dim1=-2, dim2=-1).sum(-1).detach()
    """},
    "forward mode": {"divergence": """
        total = 0
        for d in range(x.shape[1]):
            along = torch.zeros_like(x)
            along[:, d] = 1
            total = total + torch.func.jvp(lambda place: velocity(place, t), (x,), (along,))[1][:, d]
        return total.detach()
    """},
    "the whole Jacobian": {"divergence": """
        jacobian = torch.autograd.functional.jacobian(lambda place: velocity(place, t), x)
        return torch.einsum("ndnd->n", jacobian)
    """},
    "gradients with ones": {"divergence": """
        basis = torch.eye(x.shape[1])
        return torch.stack([
            (torch.autograd.grad(v, x, e.expand_as(v), create_graph=True)[0] * e).sum(dim=1) for e in basis
        ]).sum(dim=0).detach()
    """},
    "row by row": {"divergence": """
        found = []
        for place, time in zip(x.detach(), t):
            jacobian = torch.autograd.functional.jacobian(lambda p: velocity(p[None], time[None])[0], place)
            found.append(torch.trace(jacobian))
        return torch.stack(found)
    """},
    "is_grads_batched": {"divergence": """
        basis = torch.eye(x.shape[1])[:, None].expand(-1, len(x), -1)
        rows, = torch.autograd.grad(v, x, basis, is_grads_batched=True)
        return torch.diagonal(rows, dim1=0, dim2=2).sum(dim=1).detach()
    """},
    # log_likelihood
    "a normal distribution of torch": {"log_likelihood": """
        def field(state, t):
            place, _ = state.split((x.shape[1], 1), dim=1)
            return torch.hstack((velocity(place, t), divergence(velocity, place, t).unsqueeze(1)))

        end = heun(field, torch.hstack((x, torch.zeros(len(x), 1))), times)[0]
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(end[:, :-1]).sum(1)
        return prior + end[:, -1]
    """},
    "the trapezoidal rule along the way": {"log_likelihood": """
        _, states = heun(velocity, x, times)
        rates = torch.stack([divergence(velocity, state, t.expand(len(x))) for state, t in zip(states, times)])
        d = x.shape[1]
        return -states[-1].square().sum(1) / 2 - d / 2 * math.log(2 * math.pi) + torch.trapezoid(rates, times, dim=0)
    """},
    "the density's change counted with the other sign": {"log_likelihood": """
        def field(state, t):
            place = state[:, :x.shape[1]]
            return torch.cat((velocity(place, t), -divergence(velocity, place, t).reshape(-1, 1)), 1)

        state, _ = heun(field, torch.cat((x, x.new_zeros(len(x), 1)), 1), times)
        x_0 = state[:, :x.shape[1]]
        return -0.5 * (x_0 ** 2 + math.log(2 * math.pi)).sum(1) - state[:, -1]
    """},
    "a loop of its own": {"log_likelihood": """
        change = torch.zeros(len(x))
        for now, then in zip(times[:-1], times[1:]):
            dt, now, then = then - now, now.expand(len(x)), then.expand(len(x))
            with torch.no_grad():
                first = velocity(x, now)
                ahead = x + dt * first
                second = velocity(ahead, then)
            change = change + dt * (divergence(velocity, x, now) + divergence(velocity, ahead, then)) / 2
            x = x + dt * (first + second) / 2
        prior = torch.distributions.MultivariateNormal(torch.zeros(x.shape[1]), torch.eye(x.shape[1]))
        return prior.log_prob(x) + change
    """},
    "step by step, with the trapezoidal rule": {"log_likelihood": """
        logp, place = 0, x
        for k in range(len(times) - 1):
            before = divergence(velocity, place, times[k].repeat(len(x)))
            place = heun(velocity, place, times[k:k + 2])[0]
            after = divergence(velocity, place, times[k + 1].repeat(len(x)))
            logp = logp + (times[k + 1] - times[k]) * (before + after) / 2
        return logp - (place ** 2).sum(1) / 2 - x.shape[1] * 0.9189385332046727
    """},
    "the constant in the start": {"log_likelihood": """
        def field(state, t):
            return torch.cat((velocity(state[:, 1:], t), divergence(velocity, state[:, 1:], t)[:, None]), 1).roll(1, 1)

        constant = -x.shape[1] * math.log(math.sqrt(2 * math.pi))
        start = F.pad(x, (1, 0), value=constant)
        end = heun(field, start, times)[0]
        return end[:, 0] - torch.linalg.vector_norm(end[:, 1:], dim=1) ** 2 / 2
    """},
    "walked in float64": {"log_likelihood": """
        def field(state, t):
            place = state[:, :-1].float()
            return torch.cat((velocity(place, t), divergence(velocity, place, t)[:, None]), dim=1).double()

        end = heun(field, F.pad(x.double(), (0, 1)), times.double())[0]
        x_0 = end[:, :-1]
        return (end[:, -1] - 0.5 * (x_0 * x_0).sum(-1) - 0.5 * x.size(1) * math.log(2 * math.pi)).float()
    """},
}

INTERPOLATE = "flow.interpolate"
EXACT = "flow.exact_velocity"
LOSS = "flow.flow_matching_loss"
EULER = "flow.euler"
HEUN = "flow.heun"
DIVERGENCE = "flow.divergence"
LIKELIHOOD = "flow.log_likelihood"


def wrong(item, **mistakes):
    """Mistakes of one gap that differ from the solution by pairs (old, new) or as a whole: name -> (words, change)."""
    gap = item.split(".")[1]
    return {f"{gap}: {name.replace('_', ' ')}": (item, words, {gap: change})
            for name, (words, change) in mistakes.items()}


RESHAPED = "t = torch.as_tensor(t).to(x_0).reshape(-1, *[1] * (x_0.dim() - 1))"

WRONG = {
    **wrong(
        INTERPOLATE,
        t_reversed=("time runs the wrong way", [("(1 - t) * x_0 + t * x_1", "t * x_0 + (1 - t) * x_1")]),
        velocity_reversed=("sign of the velocity is wrong", [("x_1, x_1 - x_0", "x_1, x_0 - x_1")]),
        rest_of_the_way=("x_1 - x_t", [
            ("return (1 - t) * x_0 + t * x_1, x_1 - x_0",
             "x_t = (1 - t) * x_0 + t * x_1\nreturn x_t, x_1 - x_t")]),
        way_so_far=("the way so far", [
            ("return (1 - t) * x_0 + t * x_1, x_1 - x_0",
             "x_t = (1 - t) * x_0 + t * x_1\nreturn x_t, x_t - x_0")]),
        broadcast_missing=("has its own time", [(RESHAPED, "pass")]),
        broadcast_missing_for_images=("has its own time", [
            (RESHAPED, "t = t if isinstance(t, float) else t.reshape(-1, 1)")]),
        in_place=("changes what it is given", [
            ("return (1 - t) * x_0 + t * x_1, x_1 - x_0",
             "velocity = x_1 - x_0\nx_0 += t * velocity\nreturn x_0, velocity")]),
        swapped=("the other order", [
            ("return (1 - t) * x_0 + t * x_1, x_1 - x_0", "return x_1 - x_0, (1 - t) * x_0 + t * x_1")]),
        both_reversed=("time runs the wrong way", [
            ("return (1 - t) * x_0 + t * x_1, x_1 - x_0", "return t * x_0 + (1 - t) * x_1, x_0 - x_1")]),
        one_t_for_all=("time of the first one", [(RESHAPED, "t = float(torch.as_tensor(t).flatten()[0])")]),
        mean_of_the_times=("mean of the times", [(RESHAPED, "t = torch.as_tensor(t).mean()")]),
        roots=("factors are those of diffusion", [
            (RESHAPED, RESHAPED + "\na, b = (1 - t).sqrt(), t.sqrt()"),
            ("(1 - t) * x_0 + t * x_1", "a * x_0 + b * x_1")]),
        circle=("part of a circle", [
            ("(1 - t) * x_0 + t * x_1", "torch.cos(t * math.pi / 2) * x_0 + torch.sin(t * math.pi / 2) * x_1")]),
        x_0_not_scaled=("x_0 is not scaled", [("(1 - t) * x_0", "x_0")]),
        x_1_not_scaled=("x_1 is not scaled", [("t * x_1", "x_1")]),
        velocity_is_x_1=("the velocity is x_1", [("x_1, x_1 - x_0", "x_1, x_1")]),
        velocity_times_t=("the way so far", [("x_1, x_1 - x_0", "x_1, t * (x_1 - x_0)")]),
        x_t_only=("should return (x_t, velocity)", [(", x_1 - x_0", "")]),
        floats_only=("only one element tensors", [(RESHAPED, "t = float(t)")]),
        no_floats=("has no attribute", [("torch.as_tensor(t).to(x_0)", "t")]),
        fixed_to_points=("has its own time", [(RESHAPED, "t = torch.as_tensor(t).reshape(-1, 1)")]),
    ),
    **wrong(
        EXACT,
        not_divided=("not divided by 1 - t", [("(weights @ data - x) / (1 - t)", "weights @ data - x")]),
        variance_without_square=("the variance is 1 - t", [("(2 * (1 - t) ** 2)", "(2 * (1 - t))")]),
        two_missing=("the 2 is missing", [("(2 * (1 - t) ** 2)", "(1 - t) ** 2")]),
        uniform_weights=("all data have the same weight", "return (data.mean(dim=0) - x) / (1 - t)"),
        mean_of_x_1=("the answer is E[x_1]", [("(weights @ data - x) / (1 - t)", "weights @ data")]),
        distances_not_squared=("distances are not squared", [(" ** 2 / (2", " / (2")]),
        distances_to_the_data=("those from x to the data", [("t * data", "data")]),
        sign_of_the_weights=("sign is wrong in the weights", [("softmax(-", "softmax(")]),
        wrong_axis=("wrong axis", [("dim=1", "dim=0")]),
        t_reversed=("time runs the wrong way", """
            weights = torch.softmax(-torch.cdist(x, (1 - t) * data) ** 2 / (2 * t ** 2 + 1e-9), dim=1)
            return (weights @ data - x) / max(t, 1e-3)
        """),
        sign_of_the_velocity=("sign of the velocity is wrong", [("(weights @ data - x)", "(x - weights @ data)")]),
        no_softmax=("holds NaN", """
            weights = torch.exp(-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2))
            return (weights @ data / weights.sum(dim=1, keepdim=True) - x) / (1 - t)
        """),
        not_normalised=("do not add up to 1", [
            ("torch.softmax(-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2), dim=1)",
             "torch.exp(-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2))")]),
        softmax_of_the_weights=("softmax is taken of the weights", [
            ("-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2)",
             "torch.exp(-torch.cdist(x, t * data) ** 2 / (2 * (1 - t) ** 2))")]),
        variance_t=("the variance is t^2", [("(2 * (1 - t) ** 2)", "(2 * t ** 2 + 1e-9)")]),
        no_variance=("not divided by (1 - t)^2", [("/ (2 * (1 - t) ** 2)", "/ 2")]),
        brackets_forgotten=("multiplied by (1 - t)^2", [("/ (2 * (1 - t) ** 2)", "/ 2 * (1 - t) ** 2")]),
        divided_by_t=("divided by t", [("- x) / (1 - t)", "- x) / max(t, 1e-6)")]),
        nearest_only=("only the nearest data point", """
            return (data[torch.cdist(x, t * data).argmin(dim=1)] - x) / (1 - t)
        """),
        mean_of_x_0=("the answer is E[x_0]", [
            ("return (weights @ data - x) / (1 - t)", "return (x - t * weights @ data) / (1 - t)")]),
        x_forgotten=("x_0 is left out", [("weights @ data - x", "weights @ data")]),
        in_place=("changes what it is given", [("torch.cdist(x, t * data)", "torch.cdist(x, data.mul_(t))")]),
    ),
    **wrong(
        LOSS,
        t_shared_by_the_batch=("all pairs have the same time", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.rand(1).expand(len(x_1))")]),
        t_from_randn=("not torch.randn", [("torch.rand(", "torch.randn(")]),
        noise_shared_by_the_batch=("the same noise", [
            ("torch.randn_like(x_1)", "torch.randn_like(x_1[:1]).expand_as(x_1)")]),
        x_0_ignored=("start at the x_0 that is given", [
            ("if x_0 is None:\n    x_0", "x_0")]),
        t_ignored=("times that are given", [("if t is None:\n    t", "t")]),
        summed=("the loss is summed", [("velocity)", "velocity, reduction='sum')")]),
        absolute_error=("absolute error", [("F.mse_loss", "F.l1_loss")]),
        sign_of_the_target=("sign of the velocity is wrong", [(", velocity)", ", -velocity)")]),
        compared_with_the_data=("compared with the data", [("(x_t, t), velocity)", "(x_t, t), x_1)")]),
        compared_with_the_noise=("compared with the noise", [("(x_t, t), velocity)", "(x_t, t), x_0)")]),
        compared_with_the_noise_minus_the_data=("sign of the velocity is wrong", [
            ("(x_t, t), velocity)", "(x_t, t), x_0 - x_1)")]),
        rest_of_the_way=("what is left of the way", [("(x_t, t), velocity)", "(x_t, t), x_1 - x_t)")]),
        integer_t=("whole numbers", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.randint(0, 2, (len(x_1),)).float()")]),
        index_of_a_step=("whole numbers", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.randint(0, 1000, (len(x_1),)).float()")]),
        thousand_times=("only a few different times", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.randint(0, 1000, (len(x_1),)) / 1000")]),
        logit_normal=("uniform in [0, 1]", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.sigmoid(torch.randn(len(x_1)))")]),
        t_sorted=("neighbouring pairs", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.rand(len(x_1)).sort().values")]),
        t_evenly_spaced=("neighbouring pairs", [
            ("torch.rand(len(x_1), device=x_1.device)", "torch.linspace(0, 1, len(x_1))")]),
        reversed_by_hand=("time runs the wrong way", """
            x_0 = torch.randn_like(x_1) if x_0 is None else x_0
            t = torch.rand(len(x_1)) if t is None else t
            s = t.reshape(-1, *[1] * (x_1.dim() - 1))
            return F.mse_loss(model(s * x_0 + (1 - s) * x_1, t), x_1 - x_0)
        """),
        other_time_for_the_model=("times that are given", [("model(x_t, t)", "model(x_t, 1 - t)")]),
        model_gets_the_data=("x_t is x_1 itself", [("model(x_t, t)", "model(x_1, t)")]),
        model_gets_the_noise=("x_t is x_0 itself", [("model(x_t, t)", "model(x_0, t)")]),
        uniform_noise=("should have mean 0", [("torch.randn_like", "torch.rand_like")]),
        detached=("no gradient", [("model(x_t, t)", "model(x_t, t).detach()")]),
        no_reduction=("take the mean", [("F.mse_loss(model(x_t, t), velocity)", "(model(x_t, t) - velocity) ** 2")]),
        one_number_for_a_sample=("all coordinates of a sample", [
            ("torch.randn_like(x_1)", "torch.randn(len(x_1), *[1] * (x_1.dim() - 1)).expand_as(x_1)")]),
        root=("root of the mean squared error", [
            ("F.mse_loss(model(x_t, t), velocity)", "F.mse_loss(model(x_t, t), velocity).sqrt()")]),
        summed_over_coordinates=("summed over the coordinates", [
            ("velocity)", "velocity, reduction='sum') / len(x_1)")]),
        seed_inside=("a seed is set", [("x_t, velocity =", "torch.manual_seed(0)\nx_t, velocity ="),
                                       ("if x_0 is None:\n", "torch.manual_seed(0)\nif x_0 is None:\n")]),
        asked_twice=("once about each", [("model(x_t, t)", "(model(x_t, t) + model(x_t, t)) / 2")]),
        in_place=("changes what it is given", [
            ("x_t, velocity = interpolate(x_0, x_1, t)",
             "x_t, velocity = interpolate(x_0, x_1, t)\nx_t = x_1.copy_(x_t)")]),
        answer_not_used=("answer is not used", [
            ("F.mse_loss(model(x_t, t), velocity)", "F.mse_loss(x_t, velocity) + 0 * model(x_t, t).sum()")]),
        given_only_together=("x_0 is drawn", [
            ("if x_0 is None:\n    x_0 = torch.randn_like(x_1)\nif t is None:\n",
             "if x_0 is None:\n    x_0, t = torch.randn_like(x_1), None\nif t is None:\n")]),
    ),
    **wrong(
        EULER,
        asked_at_the_end_of_the_step=("at the time where the step ends", [("now.expand", "then.expand")]),
        equal_steps=("equal sizes", [("(then - now) *", "(times[-1] - times[0]) / (len(times) - 1) *")]),
        steps_of_1_over_S=("the size 1 / S", [("(then - now) *", "1 / (len(times) - 1) *")]),
        sign_lost_backwards=("always positive", [("(then - now) *", "(then - now).abs() *")]),
        sign_reversed=("sign of the steps is wrong", [("(then - now)", "(now - then)")]),
        size_forgotten=("not multiplied by the size", [("(then - now) * ", "")]),
        in_place=("changes what it is given", """
            for now, then in zip(times[:-1], times[1:]):
                x += (then - now) * velocity(x, now.expand(len(x)))
                trajectory.append(x)
        """),
        in_place_after_a_copy=("all states of the trajectory are the same", """
            x = x.clone()
            trajectory = [x]
            for now, then in zip(times[:-1], times[1:]):
                x += (then - now) * velocity(x, now.expand(len(x)))
                trajectory.append(x)
        """),
        trajectory_without_the_end=("should end with the last state", [
            ("    x = x + (then - now) * velocity(x, now.expand(len(x)))\n    trajectory.append(x)",
             "    x = x + (then - now) * velocity(x, now.expand(len(x)))\n"
             "    if then != times[-1]:\n        trajectory.append(x)")]),
        trajectory_without_the_start=("should start with the x", [
            ("for now", "trajectory = []\nfor now")]),
        trajectory_lags_behind=("lags behind", """
            for now, then in zip(times[:-1], times[1:]):
                trajectory.append(x)
                x = x + (then - now) * velocity(x, now.expand(len(x)))
        """),
        first_time_in_all_steps=("at the first time", [("now.expand", "times[0].expand")]),
        times_ignored_in_the_question=("asked at k / S", [
            ("for now, then in zip(", "for k, (now, then) in enumerate(zip("), ("times[1:]):", "times[1:])):"),
            ("now.expand(len(x))", "torch.full((len(x),), k / (len(times) - 1))")]),
        heun=("that is Heun's method", [
            ("velocity(x, now.expand(len(x)))\n", "(velocity(x, now.expand(len(x))) + velocity(x + (then - now) "
             "* velocity(x, now.expand(len(x))), then.expand(len(x)))) / 2\n")]),
        midpoint=("midpoint rule", [
            ("velocity(x, now.expand(len(x)))\n", "velocity(x + (then - now) / 2 * velocity(x, now.expand(len(x))), "
             "((now + then) / 2).expand(len(x)))\n")]),
        always_from_the_start=("at the start x", [("velocity(x,", "velocity(trajectory[0],")]),
        last_step_left_out=("last step is left out", [("zip(times[:-1], times[1:])", "zip(times[:-2], times[1:-1])")]),
        asked_twice=("should ask for the velocity", [
            ("times[1:]):\n", "times[1:]):\n    velocity(x, now.expand(len(x)))\n")]),
        subtracted=("sign of the steps is wrong", [("x + (then", "x - (then")]),
        time_of_one_number=("times: t should be a tensor", [("now.expand(len(x))", "times[:-1].repeat(2)")]),
    ),
    **wrong(
        HEUN,
        no_corrector=("that is Euler's method", [
            ("(first + second) / 2", "first"),
            ("second = velocity(x + (then - now) * first, then.expand(len(x)))", "pass")]),
        no_corrector_in_the_last_step=("last step is one of Euler's", [
            ("x = x + (then - now) * (first + second) / 2",
             "x = x + (then - now) * (first if then == times[-1] else (first + second) / 2)")]),
        second_look_at_the_old_x=("at the old x", [("velocity(x + (then - now) * first,", "velocity(x,")]),
        second_look_at_the_old_time=("at the old time", [("then.expand", "now.expand")]),
        midpoint_rule=("midpoint rule", """
            for now, then in zip(times[:-1], times[1:]):
                half = x + (then - now) / 2 * velocity(x, now.expand(len(x)))
                x = x + (then - now) * velocity(half, ((now + then) / 2).expand(len(x)))
                trajectory.append(x)
        """),
        sum_not_halved=("not halved", [(" / 2", "")]),
        only_the_second_look=("only the second look", [("(first + second) / 2", "second")]),
        equal_steps=("equal sizes", [
            ("for now", "dt = (times[-1] - times[0]) / (len(times) - 1)\nfor now"),
            ("(then - now) * first", "dt * first"), ("(then - now) * (first", "dt * (first")]),
        sign_lost_backwards=("always positive", [
            ("(then - now) * first", "(then - now).abs() * first"),
            ("(then - now) * (first", "(then - now).abs() * (first")]),
        sign_reversed=("sign of the steps is wrong", [
            ("(then - now) * first", "(now - then) * first"), ("(then - now) * (first", "(now - then) * (first")]),
        size_forgotten=("not multiplied by the size", [
            ("(then - now) * first", "first"), ("(then - now) * (first", "(first")]),
        size_forgotten_in_the_look=("at x + velocity", [("(then - now) * first", "first")]),
        second_look_halfway=("middle of the step", [
            ("(then - now) * first", "(then - now) / 2 * first"), ("then.expand", "((now + then) / 2).expand")]),
        moves_the_end_of_eulers_step=("the end of Euler's step", [
            ("    x = x", "    x = x + (then - now) * first\n    x = x")]),
        second_look_on_the_other_side=("wrong side", [("velocity(x + (then", "velocity(x - (then")]),
        brackets_forgotten=("should end at", [("(first + second) / 2", "first + second / 2")]),
        in_place=("changes what it is given", [("x = x + (then - now) * (first", "x += (then - now) * (first")]),
        trajectory_of_eulers_steps=("should end with the last state", [
            ("trajectory.append(x)", "trajectory.append(trajectory[-1] + (then - now) * first)")]),
        trajectory_without_the_start=("should start with the x", [("for now", "trajectory = []\nfor now")]),
        trajectory_without_the_end=("should end with the last state", [
            ("    trajectory.append(x)", "    if then != times[-1]:\n        trajectory.append(x)")]),
        three_looks=("should ask for the velocity", [
            ("(first + second) / 2", "(velocity(trajectory[-1], now.expand(len(x))) + second) / 2")]),
    ),
    **wrong(
        DIVERGENCE,
        sign=("the sign is wrong", [("return sum", "return -sum")]),
        first_coordinate_only=("only the first coordinate", [("range(x.shape[1])", "range(1)")]),
        sum_of_the_whole_jacobian=("all numbers of the Jacobian", """
            gradient, = torch.autograd.grad(v.sum(), x)
            return gradient.sum(dim=1)
        """),
        vector=("one number for each place", """
            gradient, = torch.autograd.grad(v.sum(), x)
            return gradient
        """),
        not_detached=("still has a graph", [
            ("retain_graph=True", "create_graph=True"), (".detach()", "")]),
        mean=("mean over the coordinates", [(".detach()", ".detach() / x.shape[1]")]),
        one_number_for_all=("shape", [(".detach()", ".sum().detach()")]),
        hutchinson=("by chance", """
            noise = torch.randn_like(x)
            return (torch.autograd.grad(v, x, noise)[0] * noise).sum(dim=1).detach()
        """),
        hutchinson_with_signs=("by chance", """
            noise = torch.randn_like(x).sign()
            return (torch.autograd.grad(v, x, noise)[0] * noise).sum(dim=1).detach()
        """),
        backward=("left in the network's weights", """
            total = 0
            for d in range(x.shape[1]):
                x.grad = None
                v[:, d].sum().backward(retain_graph=True)
                total = total + x.grad[:, d]
            return total.detach()
        """),
        gradient_of_the_first_coordinate=("gradient of the first coordinate", """
            return torch.autograd.grad(v[:, 0].sum(), x)[0].sum(dim=1)
        """),
        along_the_first_axis=("along the first axis", [("gradient[:, d]", "gradient[:, 0]")]),
        product=("product of the diagonal", [("sum(gradient[:, d] for d, gradient in enumerate(gradients))",
                                              "math.prod(gradient[:, d] for d, gradient in enumerate(gradients))")]),
        last_coordinate_left_out=("last coordinate is left out", [
            ("range(x.shape[1])", "range(max(1, x.shape[1] - 1))")]),
        graph_freed=("retain_graph", [(", retain_graph=True", "")]),
        absolute_values=("absolute values", [("sum(gradient[:, d]", "sum(gradient[:, d].abs()")]),
        mean_over_the_batch=("should be", [("v[:, d].sum()", "v[:, d].mean()")]),
        one_coordinate_too_many=("out of bounds", [("range(x.shape[1])", "range(x.shape[1] + 1)")]),
        two_coordinates=("last coordinate is left out", [("range(x.shape[1])", "range(2)")]),
        column=("shape (", [(".detach()", ".detach()[:, None]")]),
    ),
    "divergence: gradients switched off": (DIVERGENCE, "does not require grad", {"file": [
        ("    with torch.enable_grad():\n        x = x.detach()", "    if True:\n        x = x.detach()")]}),
    "divergence: x itself requires gradients": (DIVERGENCE, "x.detach() first", {"file": [
        ("x = x.detach().requires_grad_()", "x = x.requires_grad_()")]}),
    **wrong(
        LIKELIHOOD,
        sign_of_the_divergence=("sign of the divergence is wrong", [("+ change", "- change")]),
        constant_missing=("constant is missing", [(" - 0.5 * x.shape[1] * math.log(2 * math.pi)", "")]),
        constant_of_one_coordinate=("constant is that of one coordinate", [("0.5 * x.shape[1] *", "0.5 *")]),
        prior_at_the_data=("taken at x_1", [("(x_0 ** 2)", "(x ** 2)")]),
        walks_forwards=("goes from 0 to 1", [("(0, 1)), times)", "(0, 1)), times.flip(0))")]),
        change_missing=("change of the density on the way is missing", [(" + change", "")]),
        times_ignored=("is never asked at t", [
            ("(0, 1)), times)", "(0, 1)), torch.linspace(1, 0, 50))")]),
        own_steps_of_equal_size=("is never asked at t", [
            ("(0, 1)), times)", "(0, 1)), torch.linspace(1, 0, len(times)))")]),
        prior_missing=("log N(x_0; 0, I) is missing", """
            def field(state, t):
                place = state[:, :-1]
                return torch.cat((velocity(place, t), divergence(velocity, place, t)[:, None]), dim=1)

            return heun(field, F.pad(x, (0, 1)), times)[0][:, -1]
        """),
        half_missing=("the half is missing", [("-0.5 * (x_0", "-(x_0")]),
        half_of_the_constant_missing=("the half is missing", [("0.5 * x.shape[1]", "x.shape[1]")]),
        sign_of_the_constant=("constant has the wrong sign", [("- 0.5 * x.shape[1]", "+ 0.5 * x.shape[1]")]),
        sign_in_the_field=("sign of the divergence is wrong", [
            ("(velocity(place, t), div", "(velocity(place, t), -div")]),
        eulers_method=("that is Euler's method", """
            change = torch.zeros(len(x))
            for now, then in zip(times[:-1], times[1:]):
                t = now.expand(len(x))
                change = change + (then - now) * divergence(velocity, x, t)
                with torch.no_grad():
                    x = x + (then - now) * velocity(x, t)
            return -0.5 * (x ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change
        """),
        divergence_at_the_start_only=("at the start only", [
            ("divergence(velocity, place, t)", "divergence(velocity, x, times[:1].expand(len(x)))")]),
        no_walk=("walk back to x_0", "return -0.5 * (x ** 2).sum(1) - 0.5 * x.shape[1] * math.log(2 * math.pi)"),
        mean_over_coordinates=("is a mean", """
            def field(state, t):
                place = state[:, :-1]
                return torch.cat((velocity(place, t), divergence(velocity, place, t)[:, None]), dim=1)

            end, _ = heun(field, F.pad(x, (0, 1)), times)
            return -0.5 * (end[:, :-1] ** 2 + math.log(2 * math.pi)).mean(dim=1) + end[:, -1]
        """),
        mean_over_the_batch=("one number for all", [("+ change", "+ change.mean()"),
                                                    ("(x_0 ** 2).sum(dim=1)", "(x_0 ** 2).sum(dim=1).mean()")]),
        negative=("negative log-likelihood", [
            ("return -0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change",
             "return 0.5 * (x_0 ** 2).sum(dim=1) + 0.5 * x.shape[1] * math.log(2 * math.pi) - change")]),
        in_bits=("in bits", [
            ("return -0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change",
             "logp = -0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change\n"
             "return logp / math.log(2)")]),
        likelihood_itself=("not its logarithm", [
            ("return -0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change",
             "return (-0.5 * (x_0 ** 2).sum(dim=1) - 0.5 * x.shape[1] * math.log(2 * math.pi) + change).exp()")]),
        velocity_of_the_whole_state=("should be", [("velocity(place, t), div", "velocity(place, 1 - t), div")]),
        wrong_order_of_the_parts=("should be", [
            ("(velocity(place, t), divergence(velocity, place, t)[:, None])",
             "(divergence(velocity, place, t)[:, None], velocity(place, t))")]),
    ),
    **{f"{name}: graph kept": (item, "graph", {"file": [(f"@torch.no_grad()\ndef {name}", f"def {name}")]})
       for name, item in (("euler", EULER), ("heun", HEUN))},
}

# Second part: what is done with paths and networks.

RIGHT |= {
    # straightness
    "the difference in a loop": {"straightness": """
        steps, total = len(trajectory) - 1, 0.0
        for now, then in zip(trajectory[:-1], trajectory[1:]):
            off = trajectory[-1] - trajectory[0] - (then - now) / (1 / steps)
            total = total + (off ** 2).reshape(len(off), -1).sum(dim=1).mean()
        return total / steps
    """},
    "the variance of the velocities": {"straightness": """
        velocities = trajectory.diff(dim=0) * (trajectory.shape[0] - 1)
        return velocities.var(dim=0, correction=0).flatten(1).sum(dim=1).mean()
    """},
    "torch.norm, squared": {"straightness": """
        S = trajectory.size(0) - 1
        v = S * torch.diff(trajectory, dim=0)
        line = (trajectory[-1] - trajectory[0]).unsqueeze(0).expand_as(v)
        return torch.linalg.vector_norm((line - v).flatten(2), dim=-1).square().mean()
    """},
    "a sum divided by hand, in float64": {"straightness": """
        x = trajectory.double()
        steps, count = x.shape[0] - 1, x.shape[1]
        off = (x[-1] - x[0])[None] - steps * (x[1:] - x[:-1])
        return (off.pow(2).sum() / (steps * count)).float()
    """},
    "F.mse_loss times the coordinates": {"straightness": """
        velocities = (trajectory[1:] - trajectory[:-1]) * (len(trajectory) - 1)
        line = (trajectory[-1] - trajectory[0]).expand_as(velocities)
        return F.mse_loss(velocities, line) * trajectory[0, 0].numel()
    """},
    "einsum of the differences": {"straightness": """
        flat = trajectory.flatten(2)
        dt = torch.tensor(1 / (len(flat) - 1))
        off = flat[-1] - flat[0] - torch.stack([(flat[k + 1] - flat[k]) / dt for k in range(len(flat) - 1)])
        return torch.einsum("snd,snd->sn", off, off).mean()
    """},
    # couple
    "the cost by broadcasting": {"couple": """
        cost = ((x_1.flatten(1)[:, None, :] - x_0.flatten(1)[None, :, :]) ** 2).sum(-1)
        rows, columns = linear_sum_assignment(cost.cpu().numpy())
        return x_0[columns]
    """},
    "rows of the noise, and their order turned round": {"couple": """
        cost = torch.cdist(x_0.flatten(1).double(), x_1.flatten(1).double()).pow(2)
        _, columns = linear_sum_assignment(cost.detach().cpu())
        return x_0[torch.as_tensor(columns).argsort().to(x_0.device)]
    """},
    "rows of the noise, written to their columns": {"couple": """
        n = len(x_0)
        cost = torch.cdist(x_0.reshape(n, -1), x_1.reshape(n, -1)) ** 2
        rows, columns = linear_sum_assignment(cost.tolist())
        reordered = torch.empty_like(x_0)
        for row, column in zip(rows, columns):
            reordered[column] = x_0[row]
        return reordered
    """},
    "the largest sum of products": {"couple": """
        products = x_1.flatten(1) @ x_0.flatten(1).T
        _, columns = linear_sum_assignment(products.cpu().numpy(), maximize=True)
        return x_0[torch.from_numpy(columns).to(x_0.device)]
    """},
    "a mean over the coordinates": {"couple": """
        noise, data = (part.cpu().reshape(len(part), -1) for part in (x_0, x_1))
        cost = torch.stack([((data - row) ** 2).mean(dim=1) for row in noise], dim=1)
        return torch.index_select(x_0, 0, torch.tensor(linear_sum_assignment(cost)[1]).to(x_0.device))
    """},
    "all in numpy": {"couple": """
        import numpy as np
        noise, data = (part.detach().cpu().numpy().reshape(len(part), -1) for part in (x_0, x_1))
        cost = (data ** 2).sum(1)[:, None] + (noise ** 2).sum(1)[None] - 2 * np.dot(data, noise.T)
        return torch.stack([x_0[k] for k in linear_sum_assignment(cost)[1].tolist()])
    """},
    "a dictionary of the order": {"couple": """
        cost = (torch.cdist(x_1.cpu().flatten(1).double(), x_0.cpu().flatten(1).double()) ** 2).tolist()
        rows, columns = linear_sum_assignment(cost)
        order = dict(zip(map(int, rows), map(int, columns)))
        return x_0[[order[k] for k in range(len(x_0))]]
    """},
    # reflow_pairs
    "all noise first, then in parts": {"reflow_pairs": """
        noise = torch.randn(n_samples, n_features, device=times.device)
        ends = [heun(velocity, part, times)[0] for part in noise.split(batch_size)]
        return torch.stack([noise, torch.cat(ends)], dim=1)
    """},
    "while there is something left": {"reflow_pairs": """
        starts, ends, left = [], [], n_samples
        while left > 0:
            count = min(left, batch_size)
            x_0 = torch.randn((count, n_features)).to(times.device)
            end, _ = heun(velocity, x_0, times)
            starts.append(x_0)
            ends.append(end)
            left -= count
        return torch.stack((torch.cat(starts), torch.cat(ends)), 1)
    """},
    "the ends of the trajectory": {"reflow_pairs": """
        pairs = torch.empty(n_samples, 2, n_features, device=times.device)
        for part in pairs.split(batch_size):
            _, trajectory = heun(velocity, torch.normal(0.0, 1.0, (len(part), n_features), device=times.device), times)
            part.copy_(trajectory[[0, -1]].transpose(0, 1))
        return pairs
    """},
    "whole batches, cut off at the end": {"reflow_pairs": """
        pairs = []
        for _ in range(math.ceil(n_samples / batch_size)):
            x_0 = torch.randn(batch_size, n_features, device=times.device)
            x_1, _ = heun(velocity=velocity, x=x_0, times=times)
            pairs.append(torch.cat((x_0[:, None], x_1[:, None]), dim=1))
        return torch.cat(pairs, dim=0)[:n_samples]
    """},
    "batches of nearly one size": {"reflow_pairs": """
        x_0 = torch.empty(n_samples, n_features, device=times.device).normal_()
        parts = x_0.tensor_split(-(-n_samples // batch_size))
        return torch.cat([torch.stack((part, heun(velocity, part, times)[0]), dim=1) for part in parts])
    """},
    "Heun's steps by hand": {"reflow_pairs": """
        pairs = []
        with torch.no_grad():
            for x_0 in torch.randn(n_samples, n_features, device=times.device).split(batch_size):
                x = x_0.clone()
                for k in range(len(times) - 1):
                    h, t, s = times[k + 1] - times[k], times[k].repeat(len(x)), times[k + 1].repeat(len(x))
                    a = velocity(x, t)
                    x = x + h / 2 * (a + velocity(x + h * a, s))
                pairs += list(torch.stack([x_0, x], dim=1))
        return torch.stack(pairs)
    """},
    # guided_velocity
    "a weighted mean": {"guided_velocity": """
        null = torch.tensor([model.null_label]).repeat(len(x)).to(labels)
        return scale * model(x, t, labels) + (1 - scale) * model(x, t, null)
    """},
    "both in one batch": {"guided_velocity": """
        null = torch.full_like(labels, model.null_label)
        both = model(torch.cat((x, x)), torch.cat((t, t)), torch.cat((labels, null)))
        cond, uncond = both.chunk(2)
        return uncond + scale * (cond - uncond)
    """},
    "torch.lerp": {"guided_velocity": """
        return torch.lerp(model(x, t, labels * 0 + model.null_label), model(x, t, labels), scale)
    """},
    "the w of the paper": {"guided_velocity": """
        w = scale - 1
        v, v_null = model(x, t, labels), model(x, t, labels=torch.full((len(labels),), model.null_label))
        return (1 + w) * v - w * v_null
    """},
    "forward called by its name": {"guided_velocity": """
        without = model.forward(x, t, torch.full_like(labels, model.null_label))
        return without + scale * (model.forward(x, t, labels=labels) - without)
    """},
    "times in a column": {"guided_velocity": """
        with_labels, without = (model(x, t[:, None], given)
                                for given in (labels, torch.ones_like(labels) * model.null_label))
        return with_labels + (scale - 1) * (with_labels - without)
    """},
    "shortcuts at the ends, velocity": {"guided_velocity": """
        if scale == 1:
            return model(x, t, labels)
        null = torch.zeros_like(labels) + model.null_label
        if scale == 0:
            return model(x, t, null)
        return model(x, t, null) * (1 - scale) + model(x, t, labels) * scale
    """},
    # update_average
    "mul_ and add_": {"update_average": """
        for mean, new in zip(average.parameters(), model.parameters()):
            mean.mul_(decay).add_(new, alpha=1 - decay)
        for mean, new in zip(average.buffers(), model.buffers()):
            mean.copy_(new)
    """},
    "by their names, through data": {"update_average": """
        weights, states = dict(model.named_parameters()), dict(model.named_buffers())
        for name, p in average.named_parameters():
            p.data = decay * p.data + (1 - decay) * weights[name].data
        for name, b in average.named_buffers():
            b.data = states[name].clone()
    """},
    "a state_dict that is loaded": {"update_average": """
        mine, theirs = average.state_dict(), model.state_dict()
        weights = {name for name, _ in model.named_parameters()}
        average.load_state_dict({name: decay * mine[name] + (1 - decay) * theirs[name] if name in weights
                                 else theirs[name] for name in mine})
    """},
    "the buffers first": {"update_average": """
        for mean, new in zip(average.buffers(), model.buffers()):
            mean[...] = new
        for mean, new in zip(average.parameters(), model.parameters()):
            mean += (1 - decay) * (new - mean)
    """},
    "all weights in one vector": {"update_average": """
        from torch.nn.utils import parameters_to_vector, vector_to_parameters
        mean = decay * parameters_to_vector(average.parameters())
        vector_to_parameters(mean + (1 - decay) * parameters_to_vector(model.parameters()), average.parameters())
        for theirs, mine in zip(model.buffers(), average.buffers()):
            mine.copy_(theirs)
    """},
    "_foreach": {"update_average": """
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1.0 - decay)
        if buffers := list(average.buffers()):
            torch._foreach_copy_(buffers, list(model.buffers()))
    """},
    "module by module": {"update_average": """
        for mine, theirs in zip(average.modules(), model.modules()):
            for name, p in theirs._parameters.items():
                if p is not None:
                    mine._parameters[name].set_(mine._parameters[name] * decay + p * (1 - decay))
            for name, b in theirs._buffers.items():
                mine._buffers[name] = b.clone()
    """},
    # shortcut_target
    "where it ends, minus where it starts": {"shortcut_target": """
        dd = d.view(-1, *(1,) * (x.ndim - 1))
        middle = x + dd * model(x, t, d)
        end = middle + dd * model(middle, t + d, d)
        return (end - x) / (2 * dd)
    """},
    "axes added in a loop, d": {"shortcut_target": """
        step = d.clone()
        while step.dim() < x.dim():
            step = step.unsqueeze(-1)
        v_1 = model(x, t, d)
        v_2 = model(x + v_1 * step, t + d, d)
        return 0.5 * v_1 + 0.5 * v_2
    """},
    "torch.lerp of the two": {"shortcut_target": """
        first = model(x, t, d)
        moved = (x.flatten(1) + d[:, None] * first.flatten(1)).reshape(x.shape)
        return torch.lerp(first, model(moved, t + d, d), 0.5)
    """},
    "sample by sample, d": {"shortcut_target": """
        rows = []
        for k in range(len(x)):
            now, when, size = x[k:k + 1], t[k:k + 1], d[k:k + 1]
            first = model(now, when, size)
            rows.append((first + model(now + size * first, when + size, size))[0] / 2)
        return torch.stack(rows)
    """},
    "detached at the end, too": {"shortcut_target": """
        first = model(x, t, d).detach()
        there = torch.einsum("n,n...->n...", d, first) + x
        return torch.stack([first, model(there, t + d, d)]).mean(dim=0).detach()
    """},
    "the batch axis last, d": {"shortcut_target": """
        first = model(x, t, d)
        there = (x.movedim(0, -1) + d * first.movedim(0, -1)).movedim(-1, 0)
        second = model(there, t.add(d), d)
        return first.add(second).div(2)
    """},
}

STRAIGHTNESS = "flow.straightness"
COUPLE = "flow.couple"
REFLOW = "flow.reflow_pairs"
GUIDED = "flow.guided_velocity"
AVERAGE = "flow.update_average"
SHORTCUT = "flow.shortcut_target"

WRONG |= {
    **wrong(
        STRAIGHTNESS,
        not_divided_by_the_time=("divide by that", [(" * (len(trajectory) - 1)", "")]),
        the_length=("square it", [(".flatten(2).sum(dim=2).mean()", ".flatten(2).sum(dim=2).sqrt().mean()")]),
        mean_over_coordinates=("|.|^2 is their sum", [(".flatten(2).sum(dim=2).mean()", ".mean()")]),
        everything_summed=("all is summed", [(".flatten(2).sum(dim=2).mean()", ".sum()")]),
        steps_summed=("steps are summed", [(".sum(dim=2).mean()", ".sum(dim=2).sum(dim=0).mean()")]),
        samples_summed=("samples are summed", [(".sum(dim=2).mean()", ".sum(dim=2).sum(dim=1).mean()")]),
        the_largest_step=("largest of the steps", [(".sum(dim=2).mean()", ".sum(dim=2).amax(dim=0).mean()")]),
        the_largest=("largest of all", [(".sum(dim=2).mean()", ".sum(dim=2).max()")]),
        off_by_one=("there are S steps", [("(len(trajectory) - 1)", "len(trajectory)")]),
        times_the_time=("divide by that", [("* (len(trajectory) - 1)", "/ (len(trajectory) - 1)")]),
        neighbours=("compared with the next one", """
            velocities = (trajectory[1:] - trajectory[:-1]) * (len(trajectory) - 1)
            if len(velocities) == 1:
                return torch.zeros(())
            return ((velocities[1:] - velocities[:-1]) ** 2).flatten(2).sum(dim=2).mean()
        """),
        the_first_step=("compared with the first one", [("trajectory[-1] - trajectory[0] - velocities",
                                                         "velocities[0] - velocities")]),
        without_the_line=("whole way, x_S - x_0, is missing", [("trajectory[-1] - trajectory[0] - velocities",
                                                                "velocities")]),
        sign_of_the_line=("sign of the whole way", [("trajectory[-1] - trajectory[0] - velocities",
                                                     "trajectory[0] - trajectory[-1] - velocities")]),
        not_squared=("without its square", [(" ** 2)", ")")]),
        absolute=("absolute differences", [("((trajectory[-1] - trajectory[0] - velocities) ** 2)",
                                            "(trajectory[-1] - trajectory[0] - velocities).abs()")]),
        sum_of_the_last_axis=("one axis of the images", [(".flatten(2).sum(dim=2)", ".sum(dim=-1)")]),
        sum_of_the_third_axis=("one axis of the images", [(".flatten(2).sum(dim=2)", ".sum(dim=2)")]),
        for_each_step=("shape ()", [(".sum(dim=2).mean()", ".sum(dim=2).mean(dim=1)")]),
        unbiased=("divided by S - 1", """
            velocities = (trajectory[1:] - trajectory[:-1]) * (len(trajectory) - 1)
            if len(velocities) == 1:
                return torch.zeros(())
            return velocities.var(dim=0).flatten(1).sum(dim=1).mean()
        """),
        in_place=("changes the trajectory", [("velocities = ", "trajectory -= trajectory[:1].clone()\nvelocities = ")]),
    ),
    **wrong(
        COUPLE,
        rows_and_columns_swapped=("rows and columns are swapped", [
            ("torch.cdist(x_1.flatten(1), x_0.flatten(1))", "torch.cdist(x_0.flatten(1), x_1.flatten(1))")]),
        data_reordered=("couple returns data", """
            cost = torch.cdist(x_0.flatten(1), x_1.flatten(1)) ** 2
            _, columns = linear_sum_assignment(cost.cpu().numpy())
            return x_1[torch.as_tensor(columns, device=x_1.device)]
        """),
        both_returned=("returns 2 things", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                             "return x_0[torch.as_tensor(columns, device=x_0.device)], x_1")]),
        nearest=("noise that is nearest", "return x_0[torch.cdist(x_1.flatten(1), x_0.flatten(1)).argmin(dim=1)]"),
        nearest_along_the_other_axis=("nearest is taken", """
            return x_0[torch.cdist(x_1.flatten(1), x_0.flatten(1)).argmin(dim=0)]
        """),
        greedy=("one after the other", """
            cost = torch.cdist(x_1.flatten(1), x_0.flatten(1)) ** 2
            columns = []
            for row in cost:
                row[columns] = float("inf")
                columns.append(int(row.argmin()))
            return x_0[torch.as_tensor(columns, device=x_0.device)]
        """),
        greedy_from_the_noise=("one after the other", """
            cost = torch.cdist(x_0.flatten(1), x_1.flatten(1)) ** 2
            found = torch.empty_like(x_0)
            taken = []
            for noise, row in zip(x_0, cost):
                row[taken] = float("inf")
                taken.append(int(row.argmin()))
                found[taken[-1]] = noise
            return found
        """),
        farthest=("the largest", [("(cost.cpu().numpy())", "(cost.cpu().numpy(), maximize=True)")]),
        negative_cost=("the largest", [("cost = ", "cost = -")]),
        not_squared=("not squared", [(" ** 2", "")]),
        absolute_differences=("absolute differences", [("x_0.flatten(1)) ** 2", "x_0.flatten(1), p=1)")]),
        sorted=("sorted by their first coordinate", """
            a, b = x_1.flatten(1)[:, 0], x_0.flatten(1)[:, 0]
            return x_0[b.argsort()[a.argsort().argsort()]]
        """),
        sorted_by_length=("sorted by their length", """
            a, b = (part.flatten(1).norm(dim=1) for part in (x_1, x_0))
            return x_0[b.argsort()[a.argsort().argsort()]]
        """),
        as_they_came=("order in which it came", "return x_0.clone()"),
        rows_taken=("order in which it came", [("_, columns =", "columns, _ =")]),
        the_order=("returns an order", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                         "return torch.as_tensor(columns)")]),
        numpy=("got ndarray", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                "return x_0.cpu().numpy()[columns]")]),
        images_not_flattened=("flatten", [("x_1.flatten(1), x_0.flatten(1)", "x_1, x_0")]),
        sum_over_one_axis=("flatten", """
            cost = ((x_1[:, None] - x_0[None]) ** 2).sum(dim=-1)
            _, columns = linear_sum_assignment(cost.cpu().numpy())
            return x_0[torch.as_tensor(columns, device=x_0.device)]
        """),
        not_on_the_cpu=("graphics card", [("cost.cpu().numpy()", "cost.numpy()")]),
        back_on_the_cpu=("graphics card", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                            "return x_0.cpu()[torch.as_tensor(columns)]")]),
        in_place=("changes what it is given", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                                "x_0[:] = x_0[torch.as_tensor(columns, device=x_0.device)].clone()\n"
                                                "return x_0")]),
        flattened_noise=("should have shape", [("return x_0[", "return x_0.flatten(1)[")]),
        mixed_noise=("rows of x_0 as they are", [("return x_0[torch.as_tensor(columns, device=x_0.device)]",
                                                  "return (x_0[torch.as_tensor(columns)] + x_1) / 2")]),
    ),
    **wrong(
        REFLOW,
        other_noise_kept=("drawn anew", [("torch.stack((x_0, heun", "torch.stack((torch.randn_like(x_0), heun")]),
        pairs_mixed=("pairs are mixed", [("torch.stack((x_0, heun", "torch.stack((x_0.roll(1, 0), heun")]),
        swapped=("the order is swapped", [
            ("(x_0, heun(velocity, x_0, times)[0])", "(heun(velocity, x_0, times)[0], x_0)")]),
        last_batch_lost=("smaller batch is lost", [
            ("range(0, n_samples, batch_size)", "range(0, max(n_samples - batch_size, 0) + 1, batch_size)")]),
        too_many=("too many pairs", [("min(batch_size, n_samples - start)", "batch_size")]),
        same_noise_in_each_batch=("same noise", """
            noise, pairs = torch.randn(batch_size, n_features), []
            for start in range(0, n_samples, batch_size):
                x_0 = noise[:n_samples - start]
                pairs.append(torch.stack((x_0, heun(velocity, x_0, times)[0]), dim=1))
            return torch.cat(pairs)
        """),
        a_seed_inside=("a seed set", [("pairs = []", "torch.manual_seed(0)\npairs = []")]),
        a_generator_inside=("a seed set", [("pairs = []", "generator, pairs = torch.Generator().manual_seed(0), []"),
                                           ("n_features, device", "n_features, generator=generator, device")]),
        uniform_noise=("torch.randn, not torch.rand", [("torch.randn(min", "torch.rand(min")]),
        noise_around_0_from_rand=("variance 1", [
            ("torch.randn(min(batch_size, n_samples - start), n_features, device=times.device)",
             "2 * torch.rand(min(batch_size, n_samples - start), n_features, device=times.device) - 1")]),
        one_noise_for_all=("one for each", [
            ("torch.randn(min(batch_size, n_samples - start), n_features, device=times.device)",
             "torch.randn(1, n_features, device=times.device).repeat(min(batch_size, n_samples - start), 1)")]),
        one_number_for_a_point=("both coordinates", [
            ("torch.randn(min(batch_size, n_samples - start), n_features, device=times.device)",
             "torch.randn(min(batch_size, n_samples - start), 1, device=times.device).repeat(1, n_features)")]),
        noise_on_the_cpu=("graphics card", [(", device=times.device", "")]),
        euler=("Euler's", [("heun(velocity", "euler(velocity")]),
        euler_by_hand=("Euler's", """
            x = x_0 = torch.randn(n_samples, n_features)
            for now, then in zip(times[:-1], times[1:]):
                x = x + (then - now) * velocity(x, now.expand(len(x)))
            return torch.stack((x_0, x), dim=1)
        """),
        the_start_twice=("both of a pair are the noise", [("times)[0])", "times)[1][0])")]),
        state_before_the_end=("not the end of the path", [("times)[0])", "times)[1][-2])")]),
        first_state=("not the end of the path", [("times)[0])", "times)[1][1])")]),
        velocity_at_the_start=("velocity at the start", [
            ("heun(velocity, x_0, times)[0]", "velocity(x_0, times[0].expand(len(x_0)))")]),
        the_way=("the way from the noise", [
            ("heun(velocity, x_0, times)[0])", "heun(velocity, x_0, times)[0] - x_0)")]),
        backwards=("walked backwards", [("x_0, times)[0]", "x_0, times.flip(0))[0]")]),
        stacked_in_front=("torch.stack((noise, end), dim=1)", [
            ("dim=1))", "dim=0))"), ("torch.cat(pairs)", "torch.cat(pairs, dim=1)")]),
        side_by_side=("torch.stack((noise, end), dim=1)", [("torch.stack((x_0", "torch.cat((x_0")]),
        one_under_the_other=("torch.stack((noise, end), dim=1)", [("torch.stack((x_0", "torch.cat((x_0"),
                                                                  ("dim=1))", "dim=0))")]),
        swapped_axes=("the axes are swapped", [("dim=1))", "dim=2))")]),
        only_the_ends=("both belong to a pair", [("torch.stack((x_0, heun(velocity, x_0, times)[0]), dim=1)",
                                                  "heun(velocity, x_0, times)[0]")]),
        two_tensors=("one tensor", "x_0 = torch.randn(n_samples, n_features)\n"
                                   "return x_0, heun(velocity, x_0, times)[0]"),
        all_at_once=("no more than batch_size", """
            x_0 = torch.randn(n_samples, n_features, device=times.device)
            return torch.stack((x_0, heun(velocity, x_0, times)[0]), dim=1)
        """),
        one_by_one=("says how many", [("range(0, n_samples, batch_size)", "range(n_samples)"),
                                      ("min(batch_size, n_samples - start)", "1")]),
        only_one_batch=("only one batch", [("range(0, n_samples, batch_size)", "range(1)")]),
        only_the_last_batch=("only the last batch", [("torch.cat(pairs)", "pairs[-1]")]),
    ),
    **wrong(
        GUIDED,
        sign_reversed=("sign is reversed", [("scale * (with_labels - without)", "scale * (without - with_labels)")]),
        starts_from_with=("off by one", [("return without + scale", "return with_labels + scale")]),
        interpolation_reversed=("sign is reversed", [("without + scale * (with_labels - without)",
                                                      "scale * without + (1 - scale) * with_labels")]),
        scale_minus_1=("off by one", [("+ scale * (", "+ (scale - 1) * (")]),
        label_0_for_none=("label 0", [("torch.full_like(labels, model.null_label)", "torch.zeros_like(labels)")]),
        label_minus_1_for_none=("last label", [("model.null_label", "-1")]),
        no_null_label=("velocity with labels", [("torch.full_like(labels, model.null_label)", "labels")]),
        only_the_difference=("only the scaled difference", [("without + scale", "scale")]),
        scaled_velocity=("difference is missing", "return scale * model(x, t, labels)"),
        sum_of_both=("scale their difference", [("scale * (with_labels - without)", "scale * with_labels")]),
        scale_not_used=("scale does nothing", [("without + scale * (with_labels - without)", "with_labels")]),
        never_with_labels=("without labels", [("without + scale * (with_labels - without)", "without")]),
        mean_of_both=("scale does nothing", [("without + scale * (with_labels - without)",
                                              "(with_labels + without) / 2")]),
        scale_squared=("scale is squared", [("scale * (with", "scale ** 2 * (with")]),
        plus_for_minus=("added, not subtracted", [("with_labels - without", "with_labels + without")]),
        labels_in_place=("changes what it is given", [
            ("torch.full_like(labels, model.null_label)", "labels.fill_(model.null_label)")]),
        a_step=("what is returned is a velocity", [("return without", "return x + without")]),
        places_guided=("what is returned is a velocity", """
            without = x + model(x, t, torch.full_like(labels, model.null_label))
            return without + scale * (x + model(x, t, labels) - without)
        """),
        times_of_0=("is not for scale", [("model(x, t, labels)", "model(x, 0 * t, labels)"),
                                         ("model(x, t, torch", "model(x, 0 * t, torch")]),
    ),
    **wrong(
        AVERAGE,
        decay_reversed=("decay is the share of the model", [("1 - decay", "decay")]),
        model_and_average_swapped=("stays as it was", [("mean.lerp_(new, 1 - decay)", "new.lerp_(mean, decay)")]),
        a_name_for_a_new_tensor=("stays as it was", [("mean.lerp_(new, 1 - decay)",
                                                      "mean = decay * mean + (1 - decay) * new")]),
        lerp_without_its_line=("stays as it was", [("mean.lerp_(", "mean.lerp(")]),
        copied=("becomes the model", [("mean.lerp_(new, 1 - decay)", "mean.copy_(new)")]),
        models_part_whole=("counts whole", [("mean.lerp_(new, 1 - decay)", "mean.mul_(decay).add_(new)")]),
        averages_part_whole=("average's part counts whole", [("mean.lerp_(new, 1 - decay)",
                                                              "mean.add_(new, alpha=1 - decay)")]),
        away_from_the_model=("sign is wrong", [
            ("mean.lerp_(new, 1 - decay)", "mean.add_(mean - new, alpha=1 - decay)")]),
        buffers_averaged=("buffers", [("mean.copy_(new)", "mean.lerp_(new, 1 - decay)")]),
        buffers_averaged_and_cut_off=("buffers are averaged", [
            ("mean.copy_(new)", "mean.copy_(decay * mean + (1 - decay) * new)")]),
        floats_averaged_counts_copied=("buffers are averaged", [
            ("mean.copy_(new)", "mean.lerp_(new, 1 - decay) if mean.is_floating_point() else mean.copy_(new)")]),
        floats_averaged_counts_left=("buffers are averaged", [
            ("mean.copy_(new)", "if mean.is_floating_point():\n        mean.lerp_(new, 1 - decay)")]),
        state_dict_averaged=("buffers are averaged", """
            for mean, new in zip(average.state_dict().values(), model.state_dict().values()):
                mean.copy_(decay * mean + (1 - decay) * new)
        """),
        buffers_forgotten=("buffers stay", """
            for mean, new in zip(average.parameters(), model.parameters()):
                mean.lerp_(new, 1 - decay)
        """),
        a_name_for_a_new_buffer=("buffers stay", [("mean.copy_(new)", "mean = new.clone()")]),
        only_buffers_of_floats=("whole numbers are left out", [
            ("mean.copy_(new)", "if mean.is_floating_point():\n        mean.copy_(new)")]),
        buffers_as_floats=("it was torch.int64", [("mean.copy_(new)", "mean.data = new.float()")]),
        first_buffer=("only one of the buffers", [("mean.copy_(new)", "mean.copy_(new)\n    break")]),
        first_weight=("only one of the weights", [
            ("mean.lerp_(new, 1 - decay)", "mean.lerp_(new, 1 - decay)\n    break")]),
        last_weight=("only one of the weights", [
            ("    mean.lerp_(new, 1 - decay)", "    pass\nmean.lerp_(new, 1 - decay)")]),
        frozen_weights_forgotten=("requires_grad=False, are left out", [
            ("mean.lerp_(new, 1 - decay)", "if new.requires_grad:\n        mean.lerp_(new, 1 - decay)")]),
        frozen_weights_copied=("requires_grad=False, are copied", [
            ("mean.lerp_(new, 1 - decay)", "mean.lerp_(new, 1 - decay if new.requires_grad else 1)")]),
        only_matrices=("each weight of the average", [
            ("mean.lerp_(new, 1 - decay)", "if mean.dim() == 2:\n        mean.lerp_(new, 1 - decay)")]),
        model_changed=("changes the model", [("mean.lerp_(new, 1 - decay)",
                                              "mean.copy_(new.mul_(1 - decay).add_(mean, alpha=decay))")]),
        shared_weights=("share memory", [
            ("mean.lerp_(new, 1 - decay)", "mean.data = decay * mean + (1 - decay) * new if decay else new.data")]),
        shared_buffers=("share memory", [("mean.copy_(new)", "mean.data = new.data")]),
    ),
    "update_average: graph kept": (AVERAGE, "in-place", {
        "file": [("@torch.no_grad()\ndef update_average", "def update_average")]}),
    **wrong(
        SHORTCUT,
        second_step_at_x=("starts at x", [("x + size * first", "x")]),
        second_step_at_t=("asked at time t:", [("t + d, d", "t, d")]),
        second_step_at_t_plus_2_d=("at time t + 2 d", [("t + d, d", "t + 2 * d, d")]),
        first_twice=("the first one again", [("(x + size * first, t + d, d)", "(x, t, d)")]),
        asked_about_2_d=("steps of 2 d", [("model(x, t, d)", "model(x, t, 2 * d)"), ("t + d, d", "t + d, 2 * d")]),
        one_step_of_2_d=("steps of 2 d", "return model(x, t, 2 * d)"),
        second_asked_about_2_d=("steps of 2 d", [("t + d, d", "t + d, 2 * d")]),
        asked_about_0=("d = 0", [("model(x, t, d)", "model(x, t, 0 * d)"), ("t + d, d", "t + d, 0 * d")]),
        not_halved=("not halved", [("(first + second) / 2", "first + second")]),
        only_the_second=("the second velocity", [("(first + second) / 2", "second")]),
        only_the_first=("the first one again", [("(first + second) / 2", "first")]),
        the_place=("where x is after both steps", [("(first + second) / 2", "x + size * (first + second)")]),
        the_place_between=("where x is after the first step", [("(first + second) / 2", "x + size * first")]),
        the_way=("the way of both steps", [("(first + second) / 2", "size * (first + second)")]),
        mean_times_d=("multiplied by d", [("(first + second) / 2", "size * (first + second) / 2")]),
        d_twice=("applied twice", [("x + size * first", "x + size ** 2 * first")]),
        d_missing=("missing", [("x + size * first", "x + first")]),
        d_doubled=("doubled", [("x + size * first", "x + 2 * size * first")]),
        one_d_for_all=("first sample for all", [("x + size * first", "x + d[0] * first")]),
        mean_d_for_all=("the mean of all samples", [("x + size * first", "x + d.mean() * first")]),
        step_back=("subtracted", [("x + size * first", "x - size * first")]),
        difference=("difference of the two", [("(first + second) / 2", "second - first")]),
        d_not_spread=("a size of its own", [("size * first", "d * first if len(x) == x.shape[-1] else size * first")]),
        d_in_a_column=("each row of the images", [("d.reshape(-1, *[1] * (x.dim() - 1))", "d[:, None]")]),
        x_in_place=("changes what it is given", [
            ("second = model(x + size * first", "x += size * first\nsecond = model(x")]),
        t_in_place=("changes what it is given", [("second = ", "t += d\nsecond = "), ("t + d, d", "t, d")]),
    ),
    "shortcut_target: graph kept": (SHORTCUT, "gradient flows", {
        "file": [("@torch.no_grad()\ndef shortcut_target", "def shortcut_target")]}),
}
