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

    def closed(self, count, **alphas):
        found = {"untouched": True}
        for k in range(count):
            found.update({f"mean{k}": torch.tensor(0.6), f"variance{k}": torch.tensor(0.64)})
        return found

    def schedule(self, name, counts):
        found = {}
        for label, count in [(f"{count}", count) for count in counts] + [("default", 1000)]:
            products = torch.linspace(0.99, 0.01, count, dtype=torch.double)
            alphas = products / torch.cat((torch.ones(1), products[:-1]))
            found.update({f"alphas_cumprod_{label}": products, f"alphas_{label}": alphas, f"betas_{label}": 1 - alphas})
        return found

    def noised(self, alphas_cumprod, batch, t, form, number):
        a = alphas_cumprod[t[:1] if form == "int" else t].reshape(-1, *[1] * (batch.dim() - 1))
        eps = torch.zeros_like(batch) if len(batch) < 1000 else self.normal(*batch.shape)
        return {"noised": a.sqrt() * batch, "eps": eps, "again": batch, "again_eps": self.normal(*batch.shape),
                "untouched": True, "t_untouched": True}

    def loss(self, batch, alphas_cumprod, signal, noise, number):
        eps = WEIGHT * Model(number)(batch, 0) if len(batch) < 5000 else self.normal(*batch.shape)
        t = torch.randint(len(alphas_cumprod), (len(batch),), generator=self.generator)
        a, b = (table[t].reshape(-1, *[1] * (batch.dim() - 1)) for table in (signal, noise))
        return {"loss": torch.tensor(0.0), "gradient": torch.tensor(0.0), "calls": 1, "untouched": True,
                "asked": (a * batch + b * eps)[None], "times": t[None].double(), "noised_at": t.double()}

    def sampled(self, name, n_samples, n_features, alphas_cumprod, alphas, betas, number, options=None):
        self.asked[name] = self.asked.get(name, 0) + 1
        steps = (options or {}).get("steps", len(betas))
        times = torch.linspace(len(betas) - 1, 0, steps).round().double()
        # What the first checks of sample_ddpm look at: factors, which noise hides; its size; none in the last step.
        added = {1: torch.full((steps,), 1e6), 2: betas.flip(0).sqrt(), 3: torch.zeros(steps)}.get(
            self.asked[name], torch.full((steps,), 0.6))
        model = Model(number)
        states = [self.normal(n_samples, *(n_features if isinstance(n_features, list) else [n_features]))]
        for k in range(steps):
            x, size = states[-1], added[k] if k + 1 < steps or self.asked[name] == 1 else 0
            states.append(1.13 * (x - model(x, 0)) + size * self.normal(*x.shape))
        states = torch.stack(states)
        return {"count": 2, "samples": states[-1], "trajectory": states, "calls": steps, "asked": states[:-1],
                "times": times[:, None].expand(-1, n_samples)}

    def grown(self, **inputs):
        return {"requires_grad": False}

    def dropped(self, labels, null_label, p, number):
        found = {"untouched": True}
        for key, share in (("first", p), ("second", p), ("default", 0.1)):
            many = int(share * len(labels) + 20 * self.normal(1))
            found[key] = labels.clone()
            found[key][torch.randperm(len(labels), generator=self.generator)[:many]] = null_label
        return found

    def guided(self, x, t, labels, factors, offsets, scales):
        return {"untouched": True, **{f"out{k}": torch.zeros_like(x) for k in range(len(scales))},
                **{f"asked{k}": labels.tolist() + [len(factors) - 1] for k in range(len(scales))}}
