"""Variants of helpers/diffusion.py for the audit: right ones, and typical mistakes. See coursekit/audit.py for their
form."""

# A file as it was written for another course: points only, in another style, with step numbers as the network's input.
COURSEWORK = '''
from typing import Tuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn as nn
import torchvision


def linear_schedule(steps: int = 1000) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    Noise that grows along a line.
    """
    first, last = 0.0001, 0.02
    betas = torch.linspace(first, last, steps)
    alphas = 1. - betas
    alphas_cumprod = torch.cumprod(alphas, axis=0)
    return alphas_cumprod, alphas, betas


def cosine_schedule(steps: int = 1000) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """
    Noise that grows along a cosine.
    """
    offset = 0.008
    grid = torch.linspace(0, steps, steps + 1)
    curve = torch.cos(((grid / steps) + offset) / (1 + offset) * np.pi * 0.5) ** 2
    curve = curve / curve[0]
    betas = 1 - (curve[1:] / curve[:-1])
    betas = torch.clip(betas, 0.0001, 0.9999)
    alphas = 1. - betas
    return torch.cumprod(alphas, axis=0), alphas, betas


def add_noise(batch, t, alphas_cumprod):
    """
    Mix data and noise.
    """
    eps = torch.randn(size=batch.shape)
    keep = alphas_cumprod[t]
    if isinstance(keep, torch.Tensor):
        while 0 < keep.dim() < batch.dim():
            keep = keep.unsqueeze(-1)
    noised = (keep ** 0.5) * batch + ((1 - keep) ** 0.5) * eps
    return noised, eps


class Block(nn.Module):
    def __init__(self, width):
        super(Block, self).__init__()
        self.lin = nn.Linear(width, width)

    def forward(self, x):
        return nn.functional.relu(self.lin(x))


class SimpleDiffusion(nn.Module):
    def __init__(self, n_features: int, n_blocks: int = 2, n_units: int = 64):
        super(SimpleDiffusion, self).__init__()
        self.first = nn.Linear(n_features + 1, n_units)
        self.middle = nn.ModuleList([Block(n_units) for _ in range(n_blocks)])
        self.last = nn.Linear(n_units, n_features)

    def forward(self, x, t):
        out = nn.functional.relu(self.first(torch.hstack([x, t])))
        for block in self.middle:
            out = block(out)
        return self.last(out)
'''
COURSEWORK_ITEMS = ("diffusion.linear_schedule", "diffusion.cosine_schedule", "diffusion.add_noise")

RIGHT = {
    "the solution": {},
    # linear_schedule
    "betas in float32": {"linear_schedule": """
        betas = torch.linspace(0.0001, 0.02, steps)
        alphas = 1.0 - betas
        alphas_cumprod = torch.cumprod(alphas, 0)
        return alphas_cumprod, alphas, betas
    """},
    "everything in float64 until the end": {"linear_schedule": """
        betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64)
        return [part.to(torch.float32) for part in ((1 - betas).cumprod(-1), 1 - betas, betas)]
    """},
    "betas by hand": {"linear_schedule": """
        low, high = 1e-4, 0.02
        betas = low + (high - low) * torch.arange(steps) / (steps - 1)
        alphas = torch.ones_like(betas) - betas
        return alphas.cumprod(dim=0), alphas, betas
    """},
    "a product in a loop": {"linear_schedule": """
        betas = torch.linspace(1e-4, 0.02, steps)
        alphas, alphas_cumprod, product = 1 - betas, [], 1.0
        for alpha in alphas:
            product = product * alpha
            alphas_cumprod.append(product)
        return torch.stack(alphas_cumprod), alphas, betas
    """},
    "numpy's linspace": {
        "file": [("import torch\nfrom torch import nn\n", """import matplotlib.pyplot as plt
import numpy as np
import torch
import torchvision
from torch import nn
""")],
        "linear_schedule": """
            betas = np.linspace(1e-4, 0.02, steps)
            return [torch.from_numpy(part).float() for part in (np.cumprod(1 - betas), 1 - betas, betas)]
        """},
    "the product by logarithms": {"linear_schedule": """
        betas = torch.linspace(1e-4, 0.02, steps)
        return torch.exp(torch.cumsum(torch.log1p(-betas), dim=0)), 1 - betas, betas
    """},
    # cosine_schedule
    "f divided by its first number": {"cosine_schedule": """
        x = torch.linspace(0, steps, steps + 1)
        f = torch.cos((x / steps + 0.008) / 1.008 * math.pi * 0.5) ** 2
        alphas_cumprod = f / f[0]
        betas = torch.clip(1 - alphas_cumprod[1:] / alphas_cumprod[:-1], 0.0001, 0.9999)
        alphas = 1 - betas
        return torch.cumprod(alphas, dim=0), alphas, betas
    """},
    "f as a function": {"cosine_schedule": """
        def f(t, s=0.008):
            return math.cos((t / steps + s) / (1 + s) * math.pi / 2) ** 2

        betas = torch.tensor([min(max(1 - f(t) / f(t - 1), 1e-4), 0.9999) for t in range(1, steps + 1)])
        return torch.cumprod(1 - betas, 0), 1 - betas, betas
    """},
    "half angles": {"cosine_schedule": """
        t = torch.arange(steps + 1, dtype=torch.float64) / steps
        f = (1 + torch.cos(math.pi * (t + 0.008) / 1.008)) / 2
        betas = torch.clamp((f[:-1] - f[1:]) / f[:-1], min=1e-4, max=0.9999)
        alphas = 1 - betas
        return tuple(part.float() for part in (alphas.cumprod(0), alphas, betas))
    """},
    "alphas clipped instead of betas": {"cosine_schedule": """
        f = torch.cos((torch.arange(steps + 1).double() / steps + 0.008) / 1.008 * torch.pi / 2).square()
        alphas = (f[1:] / f[:-1]).clamp(1 - 0.9999, 1 - 1e-4)
        return alphas.cumprod(0).float(), alphas.float(), (1 - alphas).float()
    """},
    "clipped by where": {"cosine_schedule": """
        t = torch.arange(0, steps + 1)
        f = torch.pow(torch.cos((t / steps + 0.008) / (1 + 0.008) * (torch.pi / 2)), 2)
        ratio = f[1:] / f[:steps]
        betas = 1 - ratio
        betas = torch.where(betas > 0.9999, torch.full_like(betas, 0.9999), betas)
        betas = torch.where(betas < 0.0001, torch.full_like(betas, 0.0001), betas)
        alphas = 1 - betas
        return torch.cumprod(alphas, 0), alphas, betas
    """},
    "sines from the other side": {"cosine_schedule": """
        left = 1 - (torch.linspace(0, 1, steps + 1, dtype=torch.double) + 0.008) / 1.008
        f = torch.sin(left * math.pi / 2) ** 2
        betas = (1 - f[1:] / f[:-1]).clamp(1e-4, 0.9999)
        return torch.cumprod(1 - betas, dim=0).float(), (1 - betas).float(), betas.float()
    """},
    # closed_form
    "the root of each alpha": {"closed_form": """
        coefficient = torch.prod(torch.sqrt(alphas))
        return coefficient, 1 - coefficient ** 2
    """},
    "the chain, step by step": {"closed_form": """
        coefficient, variance = 1.0, 0.0
        for alpha in alphas:
            coefficient = alpha ** 0.5 * coefficient
            variance = alpha * variance + (1 - alpha)
        return coefficient, variance
    """},
    "plain numbers": {"closed_form": """
        product = math.prod(alphas.tolist())
        return math.sqrt(product), 1 - product
    """},
    "the last of the cumulative products": {"closed_form": """
        alphas_cumprod = torch.cumprod(alphas, dim=0)
        return torch.sqrt(alphas_cumprod[-1]), 1 - alphas_cumprod[-1]
    """},
    "tensors of one number": {"closed_form": """
        product = alphas.cumprod(0)[-1:]
        return product ** 0.5, 1.0 - product
    """},
    "each step's noise, shrunk by those after it": {"closed_form": """
        variance = sum((1 - alphas[k]) * alphas[k + 1:].prod() for k in range(len(alphas)))
        return [alphas.prod() ** 0.5, variance]
    """},
    # add_noise
    "axes added in a loop": {"add_noise": """
        eps = torch.randn(batch.shape)
        a = alphas_cumprod[t]
        if not isinstance(t, int):
            a = a.reshape(len(batch))
            while a.dim() < batch.dim():
                a = a[..., None]
        return torch.sqrt(a) * batch + torch.sqrt(1 - a) * eps, eps
    """},
    "view with ones": {"add_noise": """
        eps = torch.randn_like(batch)
        t = torch.as_tensor(t).flatten().expand(len(batch))
        shape = (len(batch),) + (1,) * (batch.ndim - 1)
        mean, std = alphas_cumprod[t].sqrt().view(shape), (1 - alphas_cumprod[t]).sqrt().view(shape)
        return mean * batch + std * eps, eps
    """},
    "the batch axis last": {"add_noise": """
        eps = torch.normal(0.0, 1.0, size=batch.shape)
        a = alphas_cumprod[t] if isinstance(t, int) else alphas_cumprod[t.reshape(-1)]
        noised = a ** 0.5 * batch.movedim(0, -1) + (1 - a) ** 0.5 * eps.movedim(0, -1)
        return noised.movedim(-1, 0), eps
    """},
    "sample by sample": {"add_noise": """
        eps = torch.empty_like(batch).normal_()
        steps = [t] * len(batch) if isinstance(t, int) else t.reshape(-1).tolist()
        rows = [alphas_cumprod[k].sqrt() * x + (1 - alphas_cumprod[k]).sqrt() * e for k, x, e in zip(steps, batch, eps)]
        return torch.stack(rows), eps
    """},
    "a full table of factors": {"add_noise": """
        eps = torch.distributions.Normal(0.0, 1.0).sample(batch.shape)
        t = torch.full((len(batch),), t) if isinstance(t, int) else t.reshape(-1)
        a = alphas_cumprod[t].repeat_interleave(batch[0].numel()).reshape(batch.shape)
        return [a.sqrt().mul(batch).add((1 - a).sqrt().mul(eps)), eps]
    """},
    "gather": {"add_noise": """
        epsilon = torch.randn(*batch.shape, dtype=batch.dtype, device=batch.device)
        t = torch.tensor(t) if isinstance(t, int) else t
        a = alphas_cumprod.gather(0, t.reshape(-1)).reshape(-1, *([1] * (len(batch.shape) - 1)))
        x = torch.sqrt(a) * batch
        x += torch.sqrt(1.0 - a) * epsilon
        return x, epsilon
    """},
    "noise drawn row by row": {"add_noise": """
        eps = torch.stack([torch.randn_like(row) for row in batch])
        a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
        return a.sqrt() * batch + (1 - a).sqrt() * eps, eps
    """},
    "noise from numpy": {"add_noise": """
        import numpy as np
        eps = torch.from_numpy(np.random.standard_normal(tuple(batch.shape))).float()
        a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
        return a.sqrt() * batch + (1 - a).sqrt() * eps, eps
    """},
    "noise from uniform numbers": {"add_noise": """
        u = torch.rand(batch.shape, dtype=torch.double).clamp(1e-12, 1 - 1e-12)
        eps = (torch.erfinv(2 * u - 1) * 2 ** 0.5).to(batch)
        a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
        return a.sqrt() * batch + (1 - a).sqrt() * eps, eps
    """},
    # noise_prediction_loss
    "nn.MSELoss and t of shape (N,)": {"noise_prediction_loss": """
        t = torch.randint(0, alphas_cumprod.shape[0], (batch.shape[0],))
        noised, eps = add_noise(batch, t, alphas_cumprod)
        return nn.MSELoss()(model(noised, t[:, None]), eps)
    """},
    "the square by hand": {"noise_prediction_loss": """
        n, steps = len(batch), len(alphas_cumprod)
        t = torch.randint(low=0, high=steps, size=[n, 1])
        noised, eps = add_noise(batch, t, alphas_cumprod)
        return ((eps - model(noised, t)) ** 2).mean()
    """},
    "t from torch.rand": {"noise_prediction_loss": """
        steps = len(alphas_cumprod)
        t = (torch.rand(len(batch), 1) * steps).long().clamp(max=steps - 1)
        noised, eps = add_noise(batch, t, alphas_cumprod)
        return torch.mean(torch.square(model(noised, t) - eps))
    """},
    "noised without add_noise": {"noise_prediction_loss": """
        t = torch.randint(len(alphas_cumprod), (len(batch),))
        eps = torch.randn_like(batch)
        a = alphas_cumprod[t].reshape(-1, *[1] * (batch.dim() - 1))
        return F.mse_loss(eps, model(a.sqrt() * batch + (1 - a).sqrt() * eps, t))
    """},
    "t from torch.multinomial": {"noise_prediction_loss": """
        t = torch.multinomial(torch.ones(len(alphas_cumprod)), len(batch), replacement=True).unsqueeze(1)
        noised, eps = add_noise(batch, t, alphas_cumprod)
        predicted = model(noised, t)
        return F.mse_loss(predicted, eps, reduction="sum") / eps.numel()
    """},
    "steps paired with their mirror images": {"noise_prediction_loss": """
        steps = len(alphas_cumprod)
        half = torch.randint(steps, (len(batch) // 2 + 1, 1))
        t = torch.cat((half, steps - 1 - half))[:len(batch)]
        noised, eps = add_noise(batch, t, alphas_cumprod)
        return F.mse_loss(model(noised, t), eps)
    """},
    "the loss sample by sample": {"noise_prediction_loss": """
        errors = []
        for x in batch:
            t = torch.randint(len(alphas_cumprod), (1, 1))
            noised, eps = add_noise(x[None], t, alphas_cumprod)
            errors.append((model(noised, t) - eps) ** 2)
        return torch.cat(errors).mean()
    """},
    "one call for each step": {"noise_prediction_loss": """
        steps, total = torch.randint(len(alphas_cumprod), (len(batch),)), 0.0
        for t in steps.unique():
            part = batch[steps == t]
            noised, eps = add_noise(part, int(t), alphas_cumprod)
            total = total + F.mse_loss(model(noised, torch.full((len(part), 1), int(t))), eps, reduction="sum")
        return total / batch.numel()
    """},
    "two halves of the batch": {"noise_prediction_loss": """
        t = torch.randint(len(alphas_cumprod), (len(batch), 1))
        noised, eps = add_noise(batch, t, alphas_cumprod)
        half = len(batch) // 2
        predicted = torch.cat((model(noised[:half], t[:half]), model(noised[half:], t[half:])))
        return F.mse_loss(predicted, eps)
    """},
    "forward called by its name, loss": {"noise_prediction_loss": """
        t = torch.randint(len(alphas_cumprod), (len(batch), 1))
        noised, eps = add_noise(batch, t, alphas_cumprod)
        return F.mse_loss(model.forward(noised, t), eps)
    """},
    # sample_ddpm
    "forward called by its name, ddpm": {"sample_ddpm": """
        for t in reversed(range(len(alphas))):
            eps = model.forward(x, torch.full((n_samples, 1), t))
            x = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()
            if t > 0:
                x = x + betas[t].sqrt() * torch.randn_like(x)
            trajectory.append(x)
    """},
    "the coefficients first": {"sample_ddpm": """
        for t in range(len(betas) - 1, -1, -1):
            eps = model(x, torch.ones(n_samples, 1, dtype=torch.long) * t)
            scale, share = 1 / torch.sqrt(alphas[t]), (1 - alphas[t]) / torch.sqrt(1 - alphas_cumprod[t])
            mean = scale * (x - share * eps)
            z = torch.randn(shape) if t > 0 else torch.zeros(shape)
            x = mean + torch.sqrt(betas[t]) * z
            trajectory.append(x.clone())
    """},
    "t of shape (N,)": {"sample_ddpm": """
        for t in torch.arange(len(alphas)).flip(0):
            eps = model(x, t.repeat(n_samples))
            x = alphas[t] ** -0.5 * (x - betas[t] * (1 - alphas_cumprod[t]) ** -0.5 * eps)
            if t != 0:
                x = x + betas[t] ** 0.5 * torch.randn_like(x)
            trajectory += [x]
    """},
    "in place, with copies": {"sample_ddpm": """
        trajectory = [x.clone()]
        for t in reversed(range(len(alphas))):
            x -= betas[t] / (1 - alphas_cumprod[t]).sqrt() * model(x, torch.tensor([t]).expand(n_samples, 1))
            x /= alphas[t].sqrt()
            if t:
                x += torch.normal(0.0, betas[t].sqrt().item(), size=x.shape)
            trajectory.append(x.clone())
    """},
    "through the guess of x_0": {"sample_ddpm": """
        for t in reversed(range(len(alphas))):
            eps = model(x, torch.full((n_samples, 1), t))
            a = alphas_cumprod[t]
            b = alphas_cumprod[t - 1] if t > 0 else torch.tensor(1.0)
            x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
            mean = b.sqrt() * betas[t] / (1 - a) * x_0 + alphas[t].sqrt() * (1 - b) / (1 - a) * x
            x = mean + (t > 0) * betas[t].sqrt() * torch.randn_like(x)
            trajectory.append(x)
    """},
    "no noise by a factor of 0": {"sample_ddpm": """
        T = len(betas)
        sigmas = betas.sqrt()
        sigmas[0] = 0
        for k in range(T):
            t = T - 1 - k
            predicted_noise = model(x, torch.full((n_samples,), t))
            x = (x - betas[t] * predicted_noise / torch.sqrt(1 - alphas_cumprod[t])) / torch.sqrt(alphas[t])
            x = x + sigmas[t] * torch.randn(x.size())
            trajectory.append(x)
    """},
    "the last step after the loop": {"sample_ddpm": """
        def mean(x, t):
            eps = model(x, torch.full((len(x), 1), t))
            return (x - (1 - alphas[t]) / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()

        for t in range(len(alphas) - 1, 0, -1):
            x = torch.distributions.Normal(mean(x, t), betas[t].sqrt()).sample()
            trajectory.append(x)
        x = mean(x, 0)
        trajectory.append(x)
    """},
    "all noise drawn before": {"sample_ddpm": """
        z = torch.randn(len(alphas), *shape)
        z[0] = 0
        for t in reversed(range(len(alphas))):
            eps = model(x, torch.full((n_samples, 1), t))
            x = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt() + betas[t].sqrt() * z[t]
            trajectory.append(x)
    """},
    # drop_labels
    "bernoulli": {"drop_labels": """
        keep = torch.bernoulli(torch.full(labels.shape, 1 - p)).bool()
        return torch.where(keep, labels, torch.full_like(labels, null_label))
    """},
    "masked_fill": {"drop_labels": "return labels.masked_fill(torch.rand(len(labels)) < p, null_label)"},
    "a copy, changed": {"drop_labels": """
        labels = labels.clone()
        labels[torch.rand_like(labels, dtype=torch.float) < p] = null_label
        return labels
    """},
    "arithmetic": {"drop_labels": """
        mask = (torch.rand(labels.size()) < p).long()
        return labels * (1 - mask) + null_label * mask
    """},
    "a list": {"drop_labels": """
        numbers = torch.rand(len(labels)).tolist()
        return torch.tensor([null_label if u < p else k for u, k in zip(numbers, labels.tolist())])
    """},
    "a number of labels that is left to chance": {"drop_labels": """
        many = int((torch.rand(len(labels)) < p).sum())
        return labels.index_fill(0, torch.randperm(len(labels))[:many], null_label)
    """},
    "keep where larger": {"drop_labels": """
        return torch.where(torch.rand(labels.shape) >= p, labels, torch.tensor(null_label))
    """},
    # guided_noise
    "a weighted mean": {"guided_noise": """
        null = torch.tensor([model.null_label]).repeat(len(x))
        return scale * model(x, t, labels) + (1 - scale) * model(x, t, null)
    """},
    "both in one batch": {"guided_noise": """
        null = torch.full_like(labels, model.null_label)
        both = model(torch.cat((x, x)), torch.cat((t, t)), torch.cat((labels, null)))
        cond, uncond = both.chunk(2)
        return uncond + scale * (cond - uncond)
    """},
    "torch.lerp": {"guided_noise": """
        return torch.lerp(model(x, t, labels * 0 + model.null_label), model(x, t, labels), scale)
    """},
    "without labels at all": {"guided_noise": """
        cond, uncond = model(x, t, labels), model(x, t)
        return cond + (scale - 1) * (cond - uncond)
    """},
    "the w of the paper": {"guided_noise": """
        w = scale - 1
        eps, eps_null = model(x, t, labels), model(x, t, labels=torch.full((len(labels),), model.null_label))
        return (1 + w) * eps - w * eps_null
    """},
    "forward called by its name": {"guided_noise": """
        without = model.forward(x, t, torch.full_like(labels, model.null_label))
        return without + scale * (model.forward(x, t, labels=labels) - without)
    """},
    "shortcuts at the ends": {"guided_noise": """
        if scale == 1:
            return model(x, t, labels)
        null = torch.zeros_like(labels) + model.null_label
        if scale == 0:
            return model(x, t, null)
        return model(x, t, null) * (1 - scale) + model(x, t, labels) * scale
    """},
    # sample_ddim
    "forward called by its name, ddim": {"sample_ddim": """
        for k, t in enumerate(visited):
            a = alphas_cumprod[t]
            b = alphas_cumprod[visited[k + 1]] if k + 1 < steps else torch.tensor(1.0)
            eps = model.forward(x, torch.full((n_samples, 1), t))
            sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
            x = (b / a).sqrt() * (x - (1 - a).sqrt() * eps) + (1 - b - sigma ** 2).sqrt() * eps
            x = x + sigma * torch.randn_like(x)
            trajectory.append(x)
    """},
    "pairs of steps": {"sample_ddim": """
        for t, following in zip(visited, visited[1:] + [-1]):
            a = alphas_cumprod[t]
            b = alphas_cumprod[following] if following >= 0 else torch.tensor(1.0)
            eps = model(x, torch.full((n_samples,), t))
            x_0 = (x - torch.sqrt(1 - a) * eps) / torch.sqrt(a)
            sigma = eta * torch.sqrt((1 - b) / (1 - a)) * torch.sqrt(1 - a / b)
            x = torch.sqrt(b) * x_0 + torch.sqrt(1 - b - sigma ** 2) * eps
            if eta > 0:
                x = x + sigma * torch.randn(shape)
            trajectory.append(x)
    """},
    "a table with 1 in front": {"sample_ddim": """
        table = torch.cat((torch.ones(1), alphas_cumprod))
        steps_after = [t + 1 for t in visited[1:]] + [0]
        for t, s in zip(visited, steps_after):
            a, b = table[t + 1], table[s]
            eps = model(x, torch.ones(n_samples, 1, dtype=torch.int64) * t)
            variance = eta ** 2 * (1 - b) / (1 - a) * (1 - a / b)
            x = (b / a).sqrt() * (x - (1 - a).sqrt() * eps) + (1 - b - variance).sqrt() * eps \\
                + variance.sqrt() * torch.randn_like(x)
            trajectory.append(x)
    """},
    "plain numbers for the schedule": {"sample_ddim": """
        for k, t in enumerate(visited):
            a = float(alphas_cumprod[t])
            b = float(alphas_cumprod[visited[k + 1]]) if t != visited[-1] else 1.0
            eps = model(x, torch.full((n_samples, 1), t))
            sigma = eta * math.sqrt((1 - b) / (1 - a) * (1 - a / b))
            x_0 = (x - math.sqrt(1 - a) * eps) / math.sqrt(a)
            direction = math.sqrt(max(0.0, 1 - b - sigma ** 2)) * eps
            x = math.sqrt(b) * x_0 + direction + sigma * torch.randn_like(x)
            trajectory.append(x)
    """},
    "the last step after the loop, ddim": {"sample_ddim": """
        def guess(x, t):
            eps = model(x, torch.full((len(x), 1), t))
            a = alphas_cumprod[t]
            return (x - (1 - a) ** 0.5 * eps) / a ** 0.5, eps

        for k in range(steps - 1):
            t, s = visited[k], visited[k + 1]
            a, b = alphas_cumprod[t], alphas_cumprod[s]
            x_0, eps = guess(x, t)
            sigma = eta * ((1 - b) / (1 - a)) ** 0.5 * (1 - a / b) ** 0.5
            x = b ** 0.5 * x_0 + (1 - b - sigma ** 2) ** 0.5 * eps + sigma * torch.normal(0.0, 1.0, x.shape)
            trajectory.append(x)
        x, _ = guess(x, visited[-1])
        trajectory.append(x)
    """},
    "rounded down": {"sample_ddim": """
        visited = [len(alphas_cumprod) - 1 - round(k * (len(alphas_cumprod) - 1) / max(1, steps - 1))
                   for k in range(steps)]
        for k, t in enumerate(visited):
            a = alphas_cumprod[t]
            b = alphas_cumprod[visited[k + 1]] if k < steps - 1 else a / a
            eps = model(x, torch.full((n_samples, 1), t))
            x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
            sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
            x = b.sqrt() * x_0 + (1 - b - sigma.square()).clamp(min=0).sqrt() * eps + sigma * torch.randn_like(x)
            trajectory.append(x)
    """},
    "in place, with copies, ddim": {"sample_ddim": """
        trajectory[0] = x.clone()
        queue = list(visited)
        while queue:
            t = queue.pop(0)
            a = alphas_cumprod[t]
            b = alphas_cumprod[queue[0]] if queue else torch.tensor(1.0)
            eps = model(x, torch.tensor(t).repeat(n_samples, 1))
            sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
            x -= (1 - a).sqrt() * eps
            x *= (b / a).sqrt()
            x += (1 - b - sigma ** 2).sqrt() * eps + sigma * torch.randn(x.shape)
            trajectory.append(x.clone())
    """},
}

LINEAR = "diffusion.linear_schedule"
COSINE = "diffusion.cosine_schedule"
CLOSED = "diffusion.closed_form"
NOISE = "diffusion.add_noise"
LOSS = "diffusion.noise_prediction_loss"
DDPM = "diffusion.sample_ddpm"
DROP = "diffusion.drop_labels"
GUIDED = "diffusion.guided_noise"
DDIM = "diffusion.sample_ddim"


def wrong(item, **mistakes):
    """Mistakes of one gap that differ from the solution by pairs (old, new) or as a whole: name -> (words, change)."""
    gap = item.split(".")[1]
    return {f"{gap}: {name.replace('_', ' ')}": (item, words, {gap: change})
            for name, (words, change) in mistakes.items()}


WRONG = {
    **wrong(
        LINEAR,
        beta_for_alpha=("product of the betas", [("torch.cumprod(alphas, dim=0)", "torch.cumprod(betas, dim=0)")]),
        cumprod_forgotten=("the same as alphas", [("torch.cumprod(alphas, dim=0)", "alphas")]),
        cumsum=("is a sum", [("torch.cumprod(alphas, dim=0)", "torch.cumsum(alphas, dim=0)")]),
        a_root_too_many=("a root too many", [("torch.cumprod(alphas, dim=0)", "torch.cumprod(alphas, dim=0).sqrt()")]),
        the_other_order=("another order", [
            ("torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()",
             "betas.float(), alphas.float(), torch.cumprod(alphas, dim=0).float()")]),
        alphas_first=("another order", [
            ("torch.cumprod(alphas, dim=0).float(), alphas.float()",
             "alphas.float(), torch.cumprod(alphas, dim=0).float()")]),
        betas_swapped=("should be 1 - betas", """
            alphas = torch.linspace(1e-4, 0.02, steps)
            betas = alphas
            return torch.cumprod(1 - alphas, 0), alphas, betas
        """),
        from_large_to_small=("from large to small", [("1e-4, 0.02", "0.02, 1e-4")]),
        ends_at_02=("end at 0.2", [("0.02", "0.2")]),
        starts_at_0=("start at 0", [("1e-4", "0")]),
        starts_at_1e_minus_3=("start at 1e-3", [("1e-4", "1e-3")]),
        last_one_left_out=("last beta is left out", [
            ("steps, dtype=torch.double)", "steps + 1, dtype=torch.double)[:-1]")]),
        spaced_in_roots=("equally spaced in their roots", [
            ("torch.linspace(1e-4, 0.02, steps, dtype=torch.double)",
             "torch.linspace(1e-4 ** 0.5, 0.02 ** 0.5, steps) ** 2")]),
        scaled_with_the_steps=("scaled by 1000 / steps", [
            ("torch.linspace(1e-4, 0.02, steps, dtype=torch.double)",
             "torch.linspace(0.1 / steps, 20 / steps, steps)")]),
        one_step_too_many=("one step too many", [("steps, dtype", "steps + 1, dtype")]),
        always_1000=("shape", [("steps, dtype", "1000, dtype")]),
        starts_with_1=("off by one", [
            ("torch.cumprod(alphas, dim=0)", "torch.cat((torch.ones(1), torch.cumprod(alphas, 0)[:-1]))")]),
        float64=("should be float32", [
            ("torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()",
             "torch.cumprod(alphas, dim=0), alphas, betas")]),
    ),
    **wrong(
        COSINE,
        not_clipped=("the last beta is 1", [(".clamp(1e-4, 0.9999)", "")]),
        clipped_above_only=("smallest beta should be 1e-4", [(".clamp(1e-4, 0.9999)", ".clamp(max=0.9999)")]),
        clipped_below_only=("the last beta is 1", [(".clamp(1e-4, 0.9999)", ".clamp(min=1e-4)")]),
        clipped_at_0999=("not 0.999", [("0.9999", "0.999")]),
        product_before_clipping=("before the clipping", [
            ("torch.cumprod(alphas, dim=0).float()", "(f[1:] / f[0]).float()")]),
        product_before_clipping_off_by_one=("before the clipping", [
            ("torch.cumprod(alphas, dim=0).float()", "f[:-1].float()")]),
        not_squared=("not squared", [(" ** 2", "")]),
        s_left_out=("s is left out", [("s = 0.008", "s = 0.0")]),
        s_ten_times=("not 0.08", [("0.008", "0.08")]),
        angle_to_pi=("pi / 2", [("math.pi / 2", "math.pi")]),
        off_by_one=("off by one", """
            t = torch.linspace(0, steps, steps, dtype=torch.double)
            f = torch.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = (1 - f / torch.cat((f[:1], f[:-1]))).clamp(1e-4, 0.9999)
            return torch.cumprod(1 - betas, dim=0), 1 - betas, betas
        """),
        off_by_one_early=("off by one", """
            t = torch.arange(steps, dtype=torch.double) / steps
            f = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
            betas = (1 - f / torch.cat((f[:1], f[:-1]))).clamp(1e-4, 0.9999)
            return torch.cumprod(1 - betas, dim=0), 1 - betas, betas
        """),
        one_step_too_few=("shape", [("steps + 1", "steps")]),
        one_step_too_many=("one step too many", [("steps + 1", "steps + 2")]),
        f_as_betas=("f itself", [("1 - f[1:] / f[:-1]", "f[1:]")]),
        cumprod_forgotten=("the same as alphas", [("torch.cumprod(alphas, dim=0)", "alphas")]),
        beta_for_alpha=("product of the betas", [("torch.cumprod(alphas, dim=0)", "torch.cumprod(betas, dim=0)")]),
        the_other_order=("another order", [
            ("torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()",
             "betas.float(), alphas.float(), torch.cumprod(alphas, dim=0).float()")]),
        upside_down=("upside down", [("f[1:] / f[:-1]", "f[:-1] / f[1:]")]),
        float64=("should be float32", [
            ("torch.cumprod(alphas, dim=0).float(), alphas.float(), betas.float()",
             "torch.cumprod(alphas, dim=0), alphas, betas")]),
    ),
    **wrong(
        CLOSED,
        root_forgotten=("the root is missing", [("alpha_cumprod.sqrt()", "alpha_cumprod")]),
        beta_for_alpha=("the betas are multiplied", [("torch.prod(alphas)", "torch.prod(1 - alphas)")]),
        cumprod_forgotten=("last alpha only", [("torch.prod(alphas)", "alphas[-1]")]),
        standard_deviation=("standard deviation", [("1 - alpha_cumprod", "(1 - alpha_cumprod).sqrt()")]),
        sum_of_the_betas=("sum of the betas", [("1 - alpha_cumprod", "(1 - alphas).sum()")]),
        product_of_the_betas=("product of the betas", [("1 - alpha_cumprod", "(1 - alphas).prod()")]),
        swapped=("swapped", [("alpha_cumprod.sqrt(), 1 - alpha_cumprod", "1 - alpha_cumprod, alpha_cumprod.sqrt()")]),
        sum_of_the_alphas=("a sum", [("torch.prod(alphas)", "torch.sum(alphas)")]),
        mean_of_the_alphas=("a mean", [("torch.prod(alphas)", "torch.mean(alphas)")]),
        last_step_only=("last step only", [("1 - alpha_cumprod", "1 - alphas[-1]")]),
        cumulative_product=("should be one number", [("torch.prod(alphas)", "torch.cumprod(alphas, dim=0)")]),
        last_step_left_out=("last step is left out", [("torch.prod(alphas)", "torch.prod(alphas[:-1])")]),
        one_minus_the_root=("1 minus the root", [("1 - alpha_cumprod", "1 - alpha_cumprod.sqrt()")]),
        not_one_minus=("product of the alphas", [("1 - alpha_cumprod", "alpha_cumprod")]),
        noise_never_shrunk=("sum of the betas", [
            ("1 - alpha_cumprod", "torch.stack([1 - alpha for alpha in alphas]).sum()")]),
        three_only=("should be", [("torch.prod(alphas)", "alphas[:3].prod()")]),
        in_place=("changes the alphas", [("torch.prod(alphas)", "alphas.cumprod_(0)[-1]")]),
    ),
    **wrong(
        NOISE,
        root_of_alpha_bar_forgotten=("root of alpha_bar is missing", [
            ("alpha_bar.sqrt() * batch", "alpha_bar * batch")]),
        one_minus_without_the_root=("root of 1 - alpha_bar is missing", [
            ("(1 - alpha_bar).sqrt()", "(1 - alpha_bar)")]),
        both_roots_forgotten=("both roots are missing", [
            ("alpha_bar.sqrt() * batch + (1 - alpha_bar).sqrt()", "alpha_bar * batch + (1 - alpha_bar)")]),
        beta_for_alpha=("swapped", [("alphas_cumprod[t]", "(1 - alphas_cumprod)[t]")]),
        one_minus_the_root=("is 1 - sqrt(alpha_bar)", [("(1 - alpha_bar).sqrt()", "(1 - alpha_bar.sqrt())")]),
        product_taken_again=("products already", [("alphas_cumprod[t]", "alphas_cumprod.cumprod(0)[t]")]),
        time_off_by_one=("off by one", [("alphas_cumprod[t]", "alphas_cumprod[t - 1]")]),
        time_off_by_one_late=("off by one", [("alphas_cumprod[t]", "alphas_cumprod[(t + 1) % len(alphas_cumprod)]")]),
        one_t_for_all=("the step of the first one", [
            ("alphas_cumprod[t]", "alphas_cumprod[t.flatten()[:1].expand(len(batch))]")]),
        broadcast_missing=("own step", [
            (".reshape(-1, *[1] * (batch.dim() - 1))", "")]),
        broadcast_missing_for_images=("own step", [
            (".reshape(-1, *[1] * (batch.dim() - 1))", ".reshape(-1, 1)")]),
        rand_for_randn=("randn, not torch.rand", [("torch.randn_like", "torch.rand_like")]),
        same_noise_for_all=("every sample of the batch has the same noise", [
            ("torch.randn_like(batch)", "torch.randn(batch.shape[1:]).expand(batch.shape)")]),
        one_number_for_a_sample=("both coordinates", [
            ("torch.randn_like(batch)",
             "torch.randn(len(batch), *[1] * (batch.dim() - 1)).expand(batch.shape)")]),
        noise_subtracted=("the noise is subtracted", [("batch + (1", "batch - (1")]),
        swapped_results=("other order", """
            eps = torch.randn_like(batch)
            a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
            return eps, a.sqrt() * batch + (1 - a).sqrt() * eps
        """),
        scaled_noise_returned=("before it is returned", """
            a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
            eps = (1 - a).sqrt() * torch.randn_like(batch)
            return a.sqrt() * batch + eps, eps
        """),
        another_noise_returned=("with the eps that is returned", [
            (" * eps, eps", " * eps, torch.randn_like(batch)")]),
        seed_inside=("two calls gave the same noise", [
            ("eps = torch.randn_like(batch)", "torch.manual_seed(0)\neps = torch.randn_like(batch)")]),
        in_place=("changes the batch", [
            ("return alpha_bar.sqrt() * batch", "batch *= alpha_bar.sqrt()\nreturn batch")]),
        x_0_not_scaled=("x_0 is not scaled", [("alpha_bar.sqrt() * batch", "batch")]),
        something_drawn_before=("before anything else", [
            ("eps = torch.randn_like(batch)", "torch.rand(1)\neps = torch.randn_like(batch)")]),
        the_second_draw=("before anything else", [
            ("eps = torch.randn_like(batch)", "eps = torch.randn_like(batch)\neps = torch.randn_like(batch)")]),
    ),
    **wrong(
        LOSS,
        t_shared_by_the_batch=("all samples have the same step", [
            ("torch.randint(len(alphas_cumprod), (len(batch), 1), device=batch.device)",
             "torch.randint(len(alphas_cumprod), (1, 1)).expand(len(batch), 1)")]),
        summed=("the loss is summed", [("eps)", "eps, reduction='sum')")]),
        no_reduction=("take the mean", [("F.mse_loss(model(noised, t), eps)", "(model(noised, t) - eps) ** 2")]),
        absolute_error=("absolute error", [("F.mse_loss", "F.l1_loss")]),
        predicts_the_batch=("compared with the batch", [("(noised, t), eps)", "(noised, t), batch)")]),
        predicts_the_noised_batch=("compared with the noised batch", [("(noised, t), eps)", "(noised, t), noised)")]),
        model_gets_the_batch=("without noise", [("model(noised, t)", "model(batch, t)")]),
        t_0_left_out=("t = 0 never comes", [("torch.randint(len", "torch.randint(1, len")]),
        last_t_left_out=("the last step", [
            ("torch.randint(len(alphas_cumprod)", "torch.randint(len(alphas_cumprod) - 1")]),
        time_off_by_one=("other steps", [("model(noised, t)", "model(noised, t + 1)")]),
        another_t_for_the_model=("other steps", [("model(noised, t)", "model(noised, t[torch.randperm(len(t))])")]),
        t_divided_by_the_steps=("integer indices", [("model(noised, t)", "model(noised, t / len(alphas_cumprod))")]),
        detached=("no gradient", [("model(noised, t)", "model(noised, t).detach()")]),
        another_noise=("another noise", [("(noised, t), eps)", "(noised, t), torch.randn_like(eps))")]),
        root_of_the_mean=("root of the mean squared error", [
            ("F.mse_loss(model(noised, t), eps)", "F.mse_loss(model(noised, t), eps).sqrt()")]),
        noise_not_compared=("not the prediction", [
            ("return F.mse_loss(model(noised, t), eps)", "model(noised, t)\nreturn F.mse_loss(noised, eps)")]),
        small_t_preferred=("equally likely", [
            ("torch.randint(len(alphas_cumprod), (len(batch), 1), device=batch.device)",
             "(torch.rand(len(batch), 1) ** 2 * len(alphas_cumprod)).long()")]),
        asked_twice=("once about each", [
            ("model(noised, t)", "(model(noised, t) + model(noised, t)) / 2")]),
        half_the_batch=("once about each", [
            ("len(batch)", "len(batch[::2])"), ("add_noise(batch", "add_noise(batch[::2]")]),
        t_from_1_to_T=("t is an index", [
            ("torch.randint(len(alphas_cumprod)", "torch.randint(1, len(alphas_cumprod) + 1")]),
        t_from_1_to_T_without_add_noise=("indices of the schedule", """
            t = torch.randint(1, len(alphas_cumprod) + 1, (len(batch),))
            eps = torch.randn_like(batch)
            a = alphas_cumprod[t].reshape(-1, *[1] * (batch.dim() - 1))
            return F.mse_loss(model(a.sqrt() * batch + (1 - a).sqrt() * eps, t), eps)
        """),
        shape_1=("shape (), got (1,)", [
            ("F.mse_loss(model(noised, t), eps)", "F.mse_loss(model(noised, t), eps).reshape(1)")]),
        in_place=("changes the batch", [
            ("noised, eps = add_noise(batch, t, alphas_cumprod)",
             "noised, eps = add_noise(batch, t, alphas_cumprod)\nnoised = batch.copy_(noised)")]),
        evaluation_mode=("no attribute 'eval'", [("noised, eps =", "model.eval()\nnoised, eps =")]),
    ),
    **wrong(
        DDPM,
        alpha_bar_for_alpha=("divided by sqrt(alpha_bar)", [("/ alphas[t].sqrt()", "/ alphas_cumprod[t].sqrt()")]),
        beta_for_alpha=("divided by sqrt(beta)", [("/ alphas[t].sqrt()", "/ betas[t].sqrt()")]),
        root_of_alpha_forgotten=("divided by alpha: the root", [("/ alphas[t].sqrt()", "/ alphas[t]")]),
        multiplied=("multiplied by sqrt(alpha)", [("/ alphas[t].sqrt()", "* alphas[t].sqrt()")]),
        not_divided=("not divided by sqrt(alpha)", [(" / alphas[t].sqrt()", "")]),
        one_minus_alpha_bar_without_the_root=("root of 1 - alpha_bar is missing", [
            ("(1 - alphas_cumprod[t]).sqrt()", "(1 - alphas_cumprod[t])")]),
        cumprod_forgotten=("divided by sqrt(1 - alpha)", [("alphas_cumprod[t]", "alphas[t]")]),
        alpha_in_the_factor=("alpha stands for beta", [("betas[t] / (1", "alphas[t] / (1")]),
        root_of_beta_in_the_factor=("without the root of beta", [("betas[t] / (1", "betas[t].sqrt() / (1")]),
        noise_added_to_the_mean=("is added: subtract it", [("x - betas", "x + betas")]),
        brackets_forgotten=("only the noise is divided", [
            ("(x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()",
             "x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps / alphas[t].sqrt()")]),
        all_noise_at_once=("all noise is subtracted at once", [
            ("betas[t] / (1 - alphas_cumprod[t]).sqrt()", "(1 - alphas_cumprod[t]).sqrt()")]),
        from_T_to_1=("indices of the schedule", [("reversed(range(len(alphas)))", "range(len(alphas), 0, -1)")]),
        evaluation_mode=("no attribute 'eval'", [("for t in", "model.eval()\nfor t in")]),
        noise_at_the_last_step=("at the last step", [("if t > 0:", "if True:")]),
        no_noise_at_t_1=("missing at t = 1", [("if t > 0:", "if t > 1:")]),
        no_noise=("no noise is added on the way", [("if t > 0:", "if False:")]),
        noise_at_the_last_step_only=("on the way", [("if t > 0:", "if t == 0:")]),
        posterior_variance=("posterior variance", [
            ("betas[t].sqrt() * torch",
             "(betas[t] * (1 - alphas_cumprod[t - 1]) / (1 - alphas_cumprod[t])).sqrt() * torch")]),
        root_of_sigma_forgotten=("sigma is beta", [("betas[t].sqrt() * torch", "betas[t] * torch")]),
        noise_not_scaled=("not scaled", [("betas[t].sqrt() * torch", "torch")]),
        alpha_as_variance=("sigma^2 is alpha", [("betas[t].sqrt() * torch", "alphas[t].sqrt() * torch")]),
        last_step_left_out=("t = 0, is left out", [("reversed(range(len(alphas)))", "range(len(alphas) - 1, 0, -1)")]),
        forwards=("forwards", [("reversed(range(len(alphas)))", "range(len(alphas))")]),
        model_gets_t_plus_1=("off by one", [("(n_samples, 1), t,", "(n_samples, 1), t + 1,")]),
        model_gets_the_last_t=("same t at every step", [("(n_samples, 1), t,", "(n_samples, 1), len(alphas) - 1,")]),
        schedule_off_by_one=("off by one", [("betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()",
                                             "betas[t - 1] / (1 - alphas_cumprod[t - 1]).sqrt() * eps) "
                                             "/ alphas[t - 1].sqrt()")]),
        rand_for_randn=("standard deviation", [("torch.randn_like", "torch.rand_like")]),
        one_noise_for_all_samples=("all samples get the same noise", [
            ("torch.randn_like(x)", "torch.randn(x.shape[1:])")]),
        one_noise_for_all_steps=("the steps share their noise", [
            ("torch.randn_like(x)", "z"), ("for t in", "z = torch.randn_like(x)\nfor t in")]),
        trajectory_in_place=("all states of the trajectory are the same", """
            for t in reversed(range(len(alphas))):
                x -= betas[t] / (1 - alphas_cumprod[t]).sqrt() * model(x, torch.full((n_samples, 1), t))
                x /= alphas[t].sqrt()
                if t > 0:
                    x += betas[t].sqrt() * torch.randn_like(x)
                trajectory.append(x)
        """),
        trajectory_without_the_samples=("end with the samples", [
            ("    trajectory.append(x)", "    if t > 0:\n        trajectory.append(x)")]),
        trajectory_of_means=("should hold the states", """
            for t in reversed(range(len(alphas))):
                eps = model(x, torch.full((n_samples, 1), t))
                x = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt()
                trajectory.append(x)
                if t > 0:
                    x = x + betas[t].sqrt() * torch.randn_like(x)
        """),
    ),
    **wrong(
        DROP,
        kept_instead_of_dropped=("the share that is kept", [("< p", "> p")]),
        p_not_used=("not a fixed number", [("< p", "< 0.1")]),
        randn=("is dropped", [("torch.rand(labels.shape, device=labels.device)", "torch.randn(labels.shape)")]),
        all_at_once=("draw a number for each label", [
            ("torch.rand(labels.shape, device=labels.device)", "torch.rand(1).expand(labels.shape)")]),
        in_place=("changes the labels", """
            labels[torch.rand(labels.shape) < p] = null_label
            return labels
        """),
        null_label_fixed=("become 10", [("null_label", "10")]),
        label_0=("become 0", [("null_label", "0")]),
        another_label=("become", [("null_label", "torch.randint_like(labels, 10)")]),
        removed=("shape", [("torch.where(dropped, null_label, labels)", "labels[~dropped]")]),
        floats=("int64", [("null_label, labels)", "null_label, labels).float()")]),
        nothing_dropped=("no label of a batch is dropped", [
            ("torch.where(dropped, null_label, labels)", "labels.clone()")]),
        first_ones=("two calls drop the same", [
            ("torch.rand(labels.shape, device=labels.device)", "torch.arange(len(labels)) / len(labels)")]),
        seed_inside=("a seed set", [("dropped = ", "torch.manual_seed(0)\ndropped = ")]),
        swapped=("share that is kept", [("null_label, labels)", "labels, null_label)")]),
        percent=("is dropped", [("< p", "< p / 100")]),
        always_the_same_number=("independently of the others", """
            dropped = torch.randperm(len(labels))[:round(p * len(labels))]
            return labels.index_fill(0, dropped, null_label)
        """),
        the_same_number_rounded_down=("independently of the others", """
            labels = labels.clone()
            labels[torch.randperm(len(labels))[:int(p * len(labels))]] = null_label
            return labels
        """),
        nearly_the_same_number=("independently of the others", """
            many = p * len(labels) + float(torch.rand(())) * 2 - 1
            return labels.index_fill(0, torch.randperm(len(labels))[:round(many)], null_label)
        """),
    ),
    **wrong(
        GUIDED,
        sign_reversed=("sign is reversed", [("without + scale", "without - scale")]),
        roles_reversed=("sign is reversed", [("without + scale * (with_labels - without)",
                                              "with_labels + scale * (without - with_labels)")]),
        difference_reversed=("sign is reversed", [("(with_labels - without)", "(without - with_labels)")]),
        starts_from_the_labelled=("off by one", [("without + scale", "with_labels + scale")]),
        the_paper_s_w=("off by one", [("without + scale * (with_labels - without)",
                                       "(1 + scale) * with_labels - scale * without")]),
        label_0_for_none=("never asked with its null label", [("model.null_label", "0")]),
        label_9_for_none=("never asked with its null label", [("model.null_label", "model.null_label - 1")]),
        only_the_difference=("only the scaled difference", [("without + scale", "scale")]),
        scaled_prediction=("never asked with its null label", "return scale * model(x, t, labels)"),
        sum_of_both=("scale their difference", [("scale * (with_labels - without)", "scale * with_labels")]),
        scale_not_used=("scale does nothing", [("without + scale * (with_labels - without)", "with_labels")]),
        mean_of_both=("scale does nothing", [("without + scale * (with_labels - without)",
                                              "(with_labels + without) / 2")]),
        scale_squared=("scale is squared", [("scale * (with", "scale ** 2 * (with")]),
        labels_in_place=("changes what it is given", [
            ("torch.full_like(labels, model.null_label)", "labels.fill_(model.null_label)")]),
        plus_for_minus=("added, not subtracted", [("with_labels - without", "with_labels + without")]),
    ),
    **wrong(
        DDIM,
        next_step_is_t_minus_1=("goes to t - 1", [
            ("alphas_cumprod[visited[k + 1]] if k + 1 < steps", "alphas_cumprod[t - 1] if t > 0")]),
        ends_at_alpha_bar_0=("last step should go to alpha_bar = 1", [("torch.ones_like(a)", "alphas_cumprod[0]")]),
        alphas_for_alphas_cumprod=("NaN", [
            ("a = alphas_cumprod[t]", "a = schedule[1][t]"),
            ("b = alphas_cumprod[visited", "b = schedule[1][visited")]),
        not_noised_again=("is not noised again", [
            ("b.sqrt() * x_0 + (1 - b - sigma ** 2).sqrt() * eps + sigma * torch.randn_like(x)", "x_0")]),
        noise_not_added_again=("not added again", [("(1 - b - sigma ** 2).sqrt() * eps + ", "")]),
        x_0_not_scaled=("x_0 is not scaled", [("b.sqrt() * x_0", "x_0")]),
        root_of_b_forgotten=("root is missing", [("b.sqrt() * x_0", "b * x_0")]),
        root_of_the_direction_forgotten=("root is missing", [("(1 - b - sigma ** 2).sqrt()", "(1 - b - sigma ** 2)")]),
        divided_by_a=("not by a", [("/ a.sqrt()", "/ a")]),
        not_divided=("not divided by sqrt(a)", [(" / a.sqrt()", "")]),
        root_in_the_guess_forgotten=("in the guess x_0", [("(1 - a).sqrt() * eps", "(1 - a) * eps")]),
        sign_in_the_guess=("subtract the noise", [("x - (1 - a)", "x + (1 - a)")]),
        scaled_for_this_step=("scaled for this step", [("b.sqrt() * x_0", "a.sqrt() * x_0")]),
        noise_of_this_step=("noise of this step", [("(1 - b - sigma ** 2)", "(1 - a)")]),
        direction_subtracted=("sign of the noise", [("x_0 + (1 - b", "x_0 - (1 - b")]),
        all_steps_visited=("all", [
            ("enumerate(visited)", "enumerate(reversed(range(len(alphas_cumprod))))"),
            ("alphas_cumprod[visited[k + 1]] if k + 1 < steps", "alphas_cumprod[t - 1] if t > 0")]),
        model_gets_k=("asked about t", [("(n_samples, 1), t,", "(n_samples, 1), k,")]),
        forwards=("asked about t", [("for k, t in", "visited = visited[::-1]\nfor k, t in")]),
        eta_does_nothing=("eta does nothing", [("sigma = eta * ", "sigma = 0 * ")]),
        eta_left_out=("on the way", [("sigma = eta * ", "sigma = ")]),
        eta_squared=("eta is squared", [("sigma = eta * ", "sigma = eta ** 2 * ")]),
        no_end=("no next one", [(" if k + 1 < steps else torch.ones_like(a)", "")]),
        sigma_not_taken_away=("sigma^2 is not taken", [("1 - b - sigma ** 2", "1 - b")]),
        sigma_not_squared=("sigma is not squared", [("(1 - b - sigma ** 2)", "(1 - b - sigma).clamp(min=0)")]),
        roots_of_sigma_forgotten=("roots in sigma", [("(1 - a / b)).sqrt()", "(1 - a / b))")]),
        second_factor_forgotten=("second factor of sigma", [
            (" * (1 - a / b)).sqrt()", ").sqrt()"), ("(1 - b - sigma ** 2)", "(1 - b - sigma ** 2).clamp(min=0)")]),
        first_factor_forgotten=("first factor of sigma", [
            ("((1 - b) / (1 - a) * (1 - a / b))", "(1 - a / b)"),
            ("(1 - b - sigma ** 2)", "(1 - b - sigma ** 2).clamp(min=0)")]),
        trajectory_of_guesses=("should hold the states", [("trajectory.append(x)", "trajectory.append(x_0)")]),
        trajectory_without_the_samples=("end with the samples", [
            ("    trajectory.append(x)", "    if k + 1 < steps:\n        trajectory.append(x)")]),
    ),
    **{f"{name}: graph kept": (item, "graph", {"file": [(f"@torch.no_grad()\ndef {name}", f"def {name}")]})
       for name, item in (("sample_ddpm", DDPM), ("sample_ddim", DDIM))},
    **{f"{name}: a seed inside": (item, "a seed is set", {"file": [
        (f"    x = torch.randn(shape, device={of}.device)",
         f"    torch.manual_seed(0)\n    x = torch.randn(shape, device={of}.device)")]})
       for name, item, of in (("sample_ddpm", DDPM, "alphas"), ("sample_ddim", DDIM, "alphas_cumprod"))},
}
