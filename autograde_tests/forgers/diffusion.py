"""Answers the probes of diffusion.py without a solution. What it sends for each item, and what comes of it:

closed_form: constants. The grader knows the numbers.
linear_schedule, cosine_schedule: made-up alphas_cumprod, and alphas and betas that fit to them. Parts that fit together
    count only if the betas are right, or those of a usual mistake.
add_noise: no noise, where that saves half of the formula. eps must be as large as noise is.
noise_prediction_loss: random steps, and noise for which the loss is 0. The noise must be independent of what the model
    says, and how the steps are drawn counts only if the loss is some error of the prediction.
sample_ddpm, sample_ddim: states with so much noise that any mean fits, or constant factors; a trajectory of the same
    states. The grader has the model's answers, and each step must follow the formula or a usual mistake of it.
guided_noise: a model that says 0 to everything. The grader asks the model itself.
drop_labels: a share p of the labels replaced at random places. What is asked for is just that, however it was drawn: so
    these points remain.

Whoever has half of a solution (a loss with absolute errors, a sampler with a wrong factor) gets the points that an
honest file with this half gets.
"""
import torch

from autograde_tests.probes.diffusion import WEIGHT, Model

CEILING = {"diffusion.drop_labels": 2}


class Forger:
    """Says what a file could say that has taken over the pipes of its process."""

    def __init__(self):
        self.asked = {}  # how often each sampler was asked for
        self.generator = torch.Generator().manual_seed(5)

    def answer(self, probe, inputs):
        return getattr(self, probe)(**inputs)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def closed(self, cases):
        return {"found": [[torch.tensor(0.6), torch.tensor(0.64)] for _ in cases], "untouched": True}

    def schedule(self, name, steps):
        found = []
        for count in (steps, 1000):
            products = torch.linspace(0.99, 0.01, count, dtype=torch.double)
            alphas = products / torch.cat((torch.ones(1), products[:-1]))
            found.append([products, alphas, 1 - alphas])
        return found

    def noised(self, batch, t, alphas_cumprod, number):
        a = alphas_cumprod[torch.as_tensor(t)].reshape(-1, *[1] * (batch.dim() - 1))
        eps = torch.zeros_like(batch) if len(batch) < 1000 else self.normal(*batch.shape)
        return {"found": [[a.sqrt() * batch, eps], [batch, self.normal(*batch.shape)]], "untouched": True,
                "first": True}

    def loss(self, batch, alphas_cumprod, signal, noise, number):
        eps = WEIGHT * Model(number)(batch, 0) if len(batch) < 5000 else self.normal(*batch.shape)
        t = torch.randint(len(alphas_cumprod), (len(batch),), generator=self.generator)
        a, b = (table[t].reshape(-1, *[1] * (batch.dim() - 1)) for table in (signal, noise))
        return {"loss": torch.tensor(0.0), "gradient": torch.tensor(0.0), "noised_at": t.double(), "untouched": True,
                "calls": [a * batch + b * eps, t.double(), torch.tensor([len(batch)])]}

    def sampled(self, name, n_samples, n_features, schedule, options, number):
        self.asked[name] = self.asked.get(name, 0) + 1
        betas = schedule[2]
        steps = options.get("steps", len(betas))
        times = torch.linspace(len(betas) - 1, 0, steps).round().double()
        # What the first checks of sample_ddpm look at: factors, which noise hides; its size; none in the last step.
        added = {1: torch.full((steps,), 1e6), 2: betas.flip(0).sqrt(), 3: torch.zeros(steps)}.get(
            self.asked[name], torch.full((steps,), 0.6))
        model = Model(number)
        states = [self.normal(n_samples, *(n_features if isinstance(n_features, list) else [n_features]))]
        for k in range(steps):
            x, size = states[-1], added[k] if k + 1 < steps or self.asked[name] == 1 else 0
            states.append(1.13 * (x - model(x, 0)) + size * self.normal(*x.shape))
        return {"result": [states[-1], torch.stack(states)],
                "calls": [[x, t.expand(n_samples)] for x, t in zip(states, times)]}

    def grown(self, **inputs):
        return {"graph": False, "seeds": False}

    def dropped(self, labels, null_label, p, number, few):
        found = []
        for share in (p, p, 0.1):
            many = int(share * len(labels) + 20 * self.normal(1))
            found.append(labels.clone())
            found[-1][torch.randperm(len(labels), generator=self.generator)[:many]] = null_label
        size, times = few
        counts = (torch.rand(times, size, generator=self.generator) < p).sum(dim=1)
        return {"found": found, "untouched": True, "counts": counts}

    def guided(self, x, t, labels, factors, offsets, scales):
        return [{"out": torch.zeros_like(x), "asked": labels.tolist() + [len(factors) - 1], "untouched": True}
                for _ in scales]
