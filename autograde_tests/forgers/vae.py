"""Answers the probes of vae.py without a solution. What it sends for each item, and what comes of it:

reparametrize: mu and normal noise, which knows nothing of logvar. A fresh draw of the right kind at each call is worth
    a point whatever its spread is, for an honest file too: this point remains. Gradients must be those of the formula,
    or of a usual slip in it, for a z with plausible noise.
loss_function: a constant, whose gradient echoes the inputs. The grader has the loss.
kl_weight: made-up terms R + w * K with gradients that fit to them. One of the two must be right up to a factor.
VAE, CVAE: the right layers for the fewest hidden units, and outputs as if nothing went through but the biases, which it
    has from the grader's numbers; the right number of parameters. The grader computes with its own weights.
ConvVAE: grey images and random codes of the right shapes. The design of this network is free, so the grader cannot
    know what it gives: the two points for sizes and ranges remain. The other two ask for forward with known parts.
get_mu_logvar, sample_on_grid, interpolate: averages, and both ends. The model is the grader's own.
"""
import torch

from autograde_tests.probes import piece

CEILING = {"vae.reparametrize": 1, "vae.ConvVAE": 2}
HIDDEN = 8


class Forger:
    """Says what a file could say that has taken over the pipes of its process."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(7)

    def answer(self, probe, inputs):
        return getattr(self, probe)(**inputs)

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator)

    def draws(self, mu, logvar):
        return {"draws": [mu + self.normal(*mu.shape) for _ in range(2)], "dtype": "torch.float32", "untouched": True}

    def reparametrize_slopes(self, mu, logvar, weight, number, step):
        noise = self.normal(*mu.shape).double()
        slopes = [weight, weight * noise]
        return {"z": mu + noise, "gradients": slopes, "differences": slopes}

    def reparametrize_kept(self, mu):
        return {"dtype": "torch.float64", "shape": list(mu.shape), "device": "that of mu"}

    def loss(self, x_hat, x, mu, logvar, kl_weights, optional=False):
        base, term = (x_hat - x).abs().sum(), (mu.abs() + logvar.abs()).sum()
        return [{"kind": "Tensor", "untouched": True, "shape": [], "loss": (base + weight * term).double(),
                 "gradients": [(x_hat - x).sign(), weight * mu.sign(), weight * logvar.sign()]}
                for weight in (1.0 if weight is None else weight for weight in kl_weights)]

    def layers(self, inputs, last=None):
        sizes = [[HIDDEN, inputs], [HIDDEN, HIDDEN], [HIDDEN, HIDDEN], *([[last, HIDDEN]] if last else [])]
        return [[size, True] for size in sizes]

    def bias(self, numbers, layers, rows):
        """What a linear layer behind these ones gives for zeros."""
        (outputs, inputs), _ = layers[-1]
        before = sum(size[0] * size[1] + size[0] for size, _ in layers[:-1])
        return piece(numbers, before + outputs * inputs, (outputs,)).expand(rows, outputs)

    def network(self, kind, part, x, numbers, latent_size, num_classes=0):
        inputs = x.flatten(1).shape[1]
        if part == "decoder":
            layers = self.layers(inputs, 784)
            out = torch.sigmoid(self.bias(numbers, layers, len(x))).reshape(-1, 1, 28, 28)
            return {"decoder": {"layers": layers, "out": out}}
        layers, head = self.layers(inputs), [[latent_size, HIDDEN], True]
        heads = {name: {"layers": [head], "out": self.bias(numbers, layers + [head] * count, len(x))}
                 for count, name in enumerate(("mu_layer", "logvar_layer"), start=1)}
        return {"encoder": {"layers": layers, "out": torch.zeros(len(x), HIDDEN)}, **heads}

    def count(self, kind, x, z, numbers, latent_size, num_classes=0):
        head = [[latent_size, HIDDEN], True]
        layers = [*self.layers(784 + num_classes), head, head, *self.layers(latent_size + num_classes, 784)]
        return {"total": sum(size[0] * size[1] + size[0] for size, _ in layers), "layers": layers,
                "given": [self.bias(numbers, layers[:4], len(x)), self.bias(numbers, layers[:5], len(x)),
                          self.bias(numbers, layers, len(z))]}

    def forward(self, kind, latent_size, numbers, x, c=None):
        mu, logvar = (self.normal(len(x), latent_size) for _ in range(2))
        z = 2 * mu + 3 * logvar + 1
        z = z if c is None else torch.cat((z, c), dim=1)
        result = [torch.full_like(x, 0.5), mu, logvar]
        return {"width": 1, "untouched": True, "seeds": False, "z": z, "result": result,
                "single": [part[:1] for part in result],
                "evaluation": {"z": z, "result": result},
                "gradients": {"encoder": torch.zeros(8), "mu_layer": 2 * mu.sum(0), "logvar_layer": 2 * logvar.sum(0),
                              "decoder": torch.zeros(x[0].numel())}}

    def forward_draws(self, kind, latent_size, numbers, mu, logvar, x, training, c=None):
        draws = [mu + self.normal(*mu.shape) for _ in range(2)]
        return draws if c is None else [torch.cat((z, c), dim=1) for z in draws]

    def conv(self, x, image_shape=None, latent_size=128):
        result = [torch.full_like(x, 0.5), *(self.normal(len(x), latent_size) for _ in range(2))]
        return {"result": result, "single": [part[:1] for part in result], "convolutions": 6, "silent": [],
                "strong": [0.0, 1.0]}

    def used(self, result):
        return {"result": result, "rows": 1, "modes": True, "kinds": True, "learns": False, "device": "the model's"}

    def encode_set(self, images, encoder_weight, decoder_weight, training):
        size = decoder_weight.shape[1]
        code = images.flatten(1).mean(dim=1, keepdim=True)
        return self.used([code * encoder_weight[:size].sum(1), code * encoder_weight[size:].sum(1)])

    def grid(self, low, high, grid_size, encoder_weight, decoder_weight, shape, training):
        ends = torch.stack((low * decoder_weight.sum(1), high * decoder_weight.sum(1)))
        chosen = torch.randint(2, (grid_size, grid_size), generator=self.generator)
        return self.used(ends[chosen].view(grid_size, grid_size, *shape))

    def path(self, z0, z1, steps):
        return torch.stack([z0] * (steps - steps // 2) + [z1] * (steps // 2), dim=-2)

    def paths(self, z0, z1, steps):
        return {"walks": self.path(z0, z1, steps), "device": "that of z0"}
