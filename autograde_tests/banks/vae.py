"""Variants of helpers/vae.py for the audit: right ones, and typical mistakes. See coursekit/audit.py for their form."""

NETWORKS = ("VAE.__init__", "CVAE.__init__")

# A file as it was written for another course: other style, the loss with four arguments, nothing after it.
COURSEWORK = '''
from __future__ import print_function
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torchvision import datasets, transforms
import numpy as np
import matplotlib.pyplot as plt


def hello_vae():
    print("Hello from vae.py!")


class VAE(nn.Module):
    def __init__(self, input_size, latent_size=15):
        super(VAE, self).__init__()
        self.input_size = input_size # H*W
        self.latent_size = latent_size # Z
        self.hidden_dim = 256
        H = self.hidden_dim
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(self.input_size, H), nn.ReLU(),
                                     nn.Linear(H, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU())
        self.mu_layer = nn.Linear(H, self.latent_size)
        self.logvar_layer = nn.Linear(H, self.latent_size)
        self.decoder = nn.Sequential(nn.Linear(self.latent_size, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(),
                                     nn.Linear(H, H), nn.ReLU(), nn.Linear(H, self.input_size), nn.Sigmoid(),
                                     nn.Unflatten(1, (1, 28, 28)))

    def forward(self, x):
        x_hat = None
        mu = None
        logvar = None
        encoder_out = self.encoder(x)
        mu = self.mu_layer(encoder_out)
        logvar = self.logvar_layer(encoder_out)
        z = reparametrize(mu, logvar)
        x_hat = self.decoder(z)
        return x_hat, mu, logvar


class CVAE(nn.Module):
    def __init__(self, input_size, num_classes=10, latent_size=15):
        super(CVAE, self).__init__()
        self.input_size = input_size
        self.latent_size = latent_size
        self.num_classes = num_classes
        H = 300
        self.encoder = nn.Sequential(nn.Linear(self.input_size + self.num_classes, H), nn.ReLU(),
                                     nn.Linear(H, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU())
        self.mu_layer = nn.Linear(H, self.latent_size)
        self.logvar_layer = nn.Linear(H, self.latent_size)
        self.decoder = nn.Sequential(nn.Linear(self.latent_size + self.num_classes, H), nn.ReLU(),
                                     nn.Linear(H, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(),
                                     nn.Linear(H, self.input_size), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))

    def forward(self, x, c):
        N = x.shape[0]
        x_c = torch.cat([x.view(N, -1), c], dim=1)
        out = self.encoder(x_c)
        mu, logvar = self.mu_layer(out), self.logvar_layer(out)
        z = reparametrize(mu, logvar)
        x_hat = self.decoder(torch.cat([z, c], dim=1))
        return x_hat, mu, logvar


def reparametrize(mu, logvar):
    sigma = torch.sqrt(torch.exp(logvar))
    eps = torch.randn(mu.shape, device=mu.device)
    z = sigma * eps + mu
    return z


def loss_function(x_hat, x, mu, logvar):
    N = mu.shape[0]
    loss = F.binary_cross_entropy(x_hat, x, reduction='sum')
    loss += -0.5 * (1 + logvar - mu ** 2 - torch.exp(logvar)).sum()
    loss /= N
    return loss
'''
COURSEWORK_ITEMS = ("vae.reparametrize", "vae.VAE", "vae.CVAE", "vae.loss_function")

FORWARD = '    def forward(self, x):\n        """Encode x, draw z, decode it: '
RIGHT = {
    "the solution": {},
    "64 hidden units": {gap: [("hidden = 400", "hidden = 64")] for gap in NETWORKS},
    "1000 hidden units": {gap: [("hidden = 400", "hidden = 1000")] for gap in NETWORKS},
    "randn with dtype and device, imports at the top": {
        "file": [("import math\n", """import math

import matplotlib.pyplot as plt
import numpy as np
import torchvision
from torchvision import transforms
""")],
        "reparametrize": """
            eps = torch.randn(mu.shape, dtype=mu.dtype, device=mu.device)
            return torch.add(mu, torch.sqrt(torch.exp(logvar)) * eps)
        """},
    "randn on mu's device": {"reparametrize": """
        return mu + (logvar / 2).exp() * torch.randn(*mu.size()).to(mu.device)
    """},
    "Normal.rsample": {"reparametrize": """
        return torch.distributions.Normal(mu, torch.exp(logvar / 2)).rsample()
    """},
    "compiled with torch.jit.script": {
        "file": [("def reparametrize(mu, logvar):", "@torch.jit.script\ndef reparametrize(mu, logvar):"),
                 ("class VAE(nn.Module):", '''@torch.jit.script
def divergence(mu, logvar):
    return 0.5 * torch.sum(mu * mu + logvar.exp() - logvar - 1)


class VAE(nn.Module):''')],
        "reparametrize": """
            return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        """,
        "loss_function": """
            reconstruction = F.binary_cross_entropy(x_hat, x, reduction="sum")
            return (reconstruction + kl_weight * divergence(mu, logvar)) / len(x)
        """},
    "decorated": {"file": [
        ("import math\n", "import functools\nimport math\n"),
        ("class VAE(nn.Module):", '''def counted(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        call.count += 1
        return function(*args, **kwargs)
    call.count = 0
    return call


class VAE(nn.Module):'''),
        ("def reparametrize(mu", "@counted\ndef reparametrize(mu"),
        ("def loss_function(x_hat", "@counted\ndef loss_function(x_hat"),
        ("def interpolate(z0", "@counted\ndef interpolate(z0"),
        ("@torch.no_grad()\ndef get_mu", "@counted\n@torch.no_grad()\ndef get_mu"),
        ("@torch.no_grad()\ndef sample_on", "@torch.inference_mode()\n@counted\ndef sample_on")]},
    "a normal distribution of many dimensions": {"reparametrize": """
        return torch.distributions.MultivariateNormal(mu, scale_tril=torch.diag_embed((logvar / 2).exp())).rsample()
    """},
    "Independent.rsample": {"reparametrize": """
        return torch.distributions.Independent(torch.distributions.Normal(mu, (logvar / 2).exp()), 1).rsample()
    """},
    "torch.normal": {"reparametrize": """
        eps = torch.normal(torch.zeros_like(mu), torch.ones_like(mu))
        return mu + eps * logvar.mul(0.5).exp()
    """},
    "noise moved to where mu is": {"reparametrize": """
        return mu + (logvar / 2).exp() * torch.distributions.Normal(0, 1).sample(mu.shape).type_as(mu)
    """},
    "new_empty": {"reparametrize": """
        std = (logvar / 2).exp()
        return mu + std * std.data.new_empty(std.size()).normal_()
    """},
    "normal_ in place on a fresh tensor": {"reparametrize": """
        std = logvar.mul(0.5).exp()
        return torch.empty_like(std).normal_().mul(std).add(mu)
    """},
    "own modules, F.relu, LazyLinear": {
        "file": [("class VAE(nn.Module):", '''class Three(nn.Module):
    def __init__(self, outputs=None):
        super().__init__()
        self.first, self.second, self.third = (nn.LazyLinear(96) for _ in range(3))
        self.last = nn.LazyLinear(outputs) if outputs else None
        self.side = math.isqrt(outputs or 0)

    def forward(self, x):
        x = x.flatten(1)
        for layer in (self.first, self.second, self.third):
            x = F.relu(layer(x))
        if self.last is None:
            return x
        return torch.sigmoid(self.last(x)).view(-1, 1, self.side, self.side)


class VAE(nn.Module):''')],
        **{gap: """
            self.encoder, self.decoder = Three(), Three(input_size)
            self.mu_layer, self.logvar_layer = nn.LazyLinear(latent_size), nn.LazyLinear(latent_size)
        """ for gap in NETWORKS}},
    "blocks from a function, ReLU in place, own initial weights": {"VAE.__init__": """
        def block(inputs, outputs):
            linear = nn.Linear(inputs, outputs)
            nn.init.kaiming_normal_(linear.weight)
            nn.init.zeros_(linear.bias)
            return nn.Sequential(linear, nn.ReLU(inplace=True))

        self.encoder = nn.Sequential(nn.Flatten(), block(input_size, 200), block(200, 200), block(200, 200))
        self.mu_layer, self.logvar_layer = nn.Linear(200, latent_size), nn.Linear(200, latent_size)
        for head in (self.mu_layer, self.logvar_layer):
            nn.init.zeros_(head.bias)
        self.decoder = nn.Sequential(block(latent_size, 200), block(200, 200), block(200, 200),
                                     nn.Linear(200, input_size), nn.Sigmoid(), nn.Unflatten(-1, (1, side, side)))
    """},
    "matrices of one's own, stored the other way round, the decoder first": {
        "file": [("class VAE(nn.Module):", '''class Dense(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(outputs))
        self.matrix = nn.Parameter(torch.randn(inputs, outputs) / math.sqrt(inputs))

    def forward(self, x):
        return F.linear(x, self.matrix.T, bias=self.shift)


class VAE(nn.Module):''')],
        "VAE.__init__": """
            self.decoder = nn.Sequential(
                Dense(latent_size, 150), nn.ReLU(), Dense(150, 150), nn.ReLU(), Dense(150, 150), nn.ReLU(),
                Dense(150, input_size), nn.Sigmoid(), nn.Unflatten(1, (1, side, side)))
            self.logvar_layer, self.mu_layer = Dense(150, latent_size), Dense(150, latent_size)
            self.encoder = nn.Sequential(nn.Flatten(), Dense(input_size, 150), nn.ReLU(), Dense(150, 150), nn.ReLU(),
                                         Dense(150, 150), nn.ReLU())
        """},
    "forward counts on the width that __init__ has chosen": {
        "VAE.__init__": [("hidden = 400", "hidden = self.width = 350")],
        "VAE.forward": [("self.encoder(x)", "self.encoder(x).view(-1, self.width)")],
        "CVAE.__init__": [("hidden = 400", "hidden = self.width = 350")],
        "CVAE.forward": [("self.encoder(torch.cat((x.flatten(1), c), dim=-1))",
                          "self.encoder(torch.cat((x.flatten(1), c), dim=-1)).view(-1, self.width)")],
        "ConvVAE.__init__": [("features = math.prod(inner)", "features = self.width = math.prod(inner)")],
        "ConvVAE.forward": [("self.encoder(x)", "self.encoder(x).view(-1, self.width)")]},
    "initial weights as in the DCGAN": {gap: [("self.mu_layer =", """for layer in self.encoder:
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, 0.0, 0.02)
        nn.init.zeros_(layer.bias)
self.mu_layer =""")] for gap in NETWORKS},
    "28x28 only": {
        "VAE.__init__": [("(1, side, side)", "(1, 28, 28)")], "CVAE.__init__": [("(1, side, side)", "(1, 28, 28)")]},
    "draws inside forward": {
        "VAE.forward": [("reparametrize(mu, logvar)", "mu + torch.randn_like(mu) * (logvar / 2).exp()")],
        "CVAE.forward": [("reparametrize(mu, logvar)", "torch.distributions.Normal(mu, (logvar / 2).exp()).rsample()")],
        "ConvVAE.forward": [("reparametrize(mu, logvar)", "mu + torch.randn_like(mu) * (logvar / 2).exp()")]},
    "layers called by their forward": {
        "VAE.__init__": [], "CVAE.__init__": [], "ConvVAE.__init__": [],  # not with lazy layers, which want a call
        "VAE.forward": [("self.encoder(x)", "self.encoder.forward(x)"), ("self.decoder(z)", "self.decoder.forward(z)"),
                        ("self.mu_layer(hidden), self.logvar_layer(hidden)",
                         "self.mu_layer.forward(hidden), self.logvar_layer.forward(hidden)")],
        "CVAE.forward": [("self.encoder(", "self.encoder.forward("), ("self.decoder(", "self.decoder.forward("),
                         ("self.mu_layer(hidden), self.logvar_layer(hidden)",
                          "self.mu_layer.forward(hidden), self.logvar_layer.forward(hidden)")],
        "ConvVAE.forward": [("self.encoder(", "self.encoder.forward("), ("self.decoder(", "self.decoder.forward("),
                            ("self.mu_layer(hidden), self.logvar_layer(hidden)",
                             "self.mu_layer.forward(hidden), self.logvar_layer.forward(hidden)")]},
    "the encoder takes c, then x": {"CVAE.forward": [("(x.flatten(1), c)", "(c, x.flatten(1))")]},
    "forward in small steps": {
        "VAE.forward": """
            out = self.encoder(x)
            mu = self.mu_layer(out)
            logvar = self.logvar_layer(out)
            z = reparametrize(mu=mu, logvar=logvar)
            x_hat = self.decoder(z)
            return (x_hat.reshape(x.shape), mu, logvar)
        """,
        "CVAE.forward": [("x.flatten(1)", "x.view(x.size(0), -1)"), ("(z, c), dim=-1", "[z, c], 1")]},
    "methods encode and decode": {
        "file": [(f"{FORWARD}(N, 1", '''    def encode(self, x):
        hidden = self.encoder(x)
        return self.mu_layer(hidden), self.logvar_layer(hidden)

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        """Encode x, draw z, decode it: (N, 1'''),
                 (f"{FORWARD}(N, C", '''    def encode(self, x):
        hidden = self.encoder(x)
        return self.mu_layer(hidden), self.logvar_layer(hidden)

    def forward(self, x):
        """Encode x, draw z, decode it: (N, C''')],
        "VAE.forward": """
            mu, logvar = self.encode(x)
            z = reparametrize(mu, logvar)
            return self.decode(z), mu, logvar
        """,
        "ConvVAE.forward": """
            mu, logvar = self.encode(x)
            return self.decoder(reparametrize(mu, logvar)), mu, logvar
        """},
    "flat before the encoder, an image after the decoder": {
        "VAE.forward": """
            batch_size = x.shape[0]
            h = self.encoder(torch.flatten(x, start_dim=1))
            mu, logvar = self.mu_layer(h), self.logvar_layer(h)
            x_hat = self.decoder(reparametrize(mu, logvar))
            return x_hat.view(batch_size, 1, *x.shape[-2:]), mu, logvar
        """,
        "CVAE.forward": """
            h = self.encoder(torch.hstack((x.reshape(len(x), -1), c.to(x.dtype))))
            mu, logvar = self.mu_layer(h), self.logvar_layer(h)
            x_hat = self.decoder(torch.hstack((reparametrize(mu, logvar), c.to(x.dtype))))
            return x_hat.view_as(x), mu, logvar
        """,
        "ConvVAE.forward": """
            h = self.encoder(x).flatten(start_dim=1)
            mu, logvar = self.mu_layer(h), self.logvar_layer(h)
            z = reparametrize(mu, logvar)
            return self.decoder(z).reshape(x.shape), mu, logvar
        """},
    "results under other names, one after another": {
        "VAE.forward": """
            code = self.encoder(x)
            mean, log_variance = (head(code) for head in (self.mu_layer, self.logvar_layer))
            sample = reparametrize(mean, log_variance)
            reconstruction = self.decoder(sample)
            results = [reconstruction, mean, log_variance]
            return tuple(results)
        """,
        "CVAE.forward": """
            joined = torch.concat([torch.flatten(x, 1), c], dim=1)
            code = self.encoder(joined)
            mean, log_variance = self.mu_layer(code), self.logvar_layer(code)
            sample = torch.concat([reparametrize(mean, log_variance), c], dim=1)
            return self.decoder(sample), mean, log_variance
        """,
        "ConvVAE.forward": """
            code = self.encoder(x)
            mean = self.mu_layer(code)
            log_variance = self.logvar_layer(code)
            sample = reparametrize(mean, log_variance)
            reconstruction = self.decoder(sample)
            return (reconstruction, mean, log_variance)
        """},
    "logvar kept in a safe range": {"ConvVAE.forward": [
        ("self.logvar_layer(hidden)", "self.logvar_layer(hidden).clamp(-20, 10)")]},
    "cross entropy with logarithms": {"loss_function": [
        ('F.binary_cross_entropy(x_hat, x, reduction="sum")',
         "-torch.sum(x * torch.log(x_hat + 1e-9) + (1 - x) * torch.log(1 - x_hat + 1e-9))")]},
    "sum over pixels, then mean over images": {"loss_function": """
        per_pixel = F.binary_cross_entropy(x_hat, x, reduction="none")
        kl = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(dim=1)
        return (per_pixel.flatten(1).sum(dim=1) + kl_weight * kl).mean()
    """},
    "one image after the other": {"loss_function": """
        total = torch.zeros(())
        for k in range(len(x)):
            total = total + F.binary_cross_entropy(x_hat[k], x[k], reduction="sum")
            for m, v in zip(mu[k], logvar[k]):
                total = total + 0.5 * kl_weight * (m ** 2 + torch.exp(v) - v - 1)
        return total / len(x)
    """},
    "summed up in place": {"loss_function": """
        total = x.new_zeros(())
        for image, reconstruction, m, v in zip(x, x_hat, mu, logvar):
            total += nn.functional.binary_cross_entropy(reconstruction, image, reduction="none").sum()
            total += kl_weight * -0.5 * (1 + v - m * m - torch.exp(v)).sum()
        return total.div(len(mu)).squeeze()
    """},
    "log_prob of a Bernoulli distribution": {"loss_function": """
        pixels = torch.distributions.Bernoulli(probs=x_hat, validate_args=False)
        posterior = torch.distributions.Independent(torch.distributions.Normal(mu, (logvar / 2).exp()), 1)
        prior = torch.distributions.Independent(torch.distributions.Normal(torch.zeros_like(mu), 1.0), 1)
        kl = torch.distributions.kl_divergence(posterior, prior)
        return (kl_weight * kl - pixels.log_prob(x).flatten(1).sum(1)).mean()
    """},
    "kl_divergence from torch.distributions": {"loss_function": """
        normal = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(normal(mu, (0.5 * logvar).exp()), normal(0.0, 1.0)).sum()
        return F.binary_cross_entropy(x_hat, x, reduction="mean") * x[0].numel() + kl_weight * kl / len(mu)
    """},
    "BCELoss module, log of the root": {"loss_function": """
        std = torch.exp(logvar / 2)
        kl = torch.sum(std.pow(2) / 2 + mu.pow(2) / 2 - 0.5 - torch.log(std))
        return nn.BCELoss(reduction="sum")(x_hat, x).div(x.size(0)) + kl.div(x.size(0)).mul(kl_weight)
    """},
    "the set with a DataLoader": {"get_mu_logvar": """
        mode, device = model.training, next(model.parameters()).device
        model.train(False)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=128)
        mus, logvars = [], []
        for (batch,) in loader:
            x_hat, mu, logvar = model(batch.to(device, non_blocking=True))
            mus.append(mu.cpu())
            logvars.append(logvar.cpu())
        model.train(mode)
        return torch.cat(mus, dim=0).to(device), torch.cat(logvars, dim=0).to(device)
    """},
    "encoder and heads directly": {"get_mu_logvar": """
        device = next(model.parameters()).device
        parts = model.encoder, model.mu_layer, model.logvar_layer
        modes = [part.training for part in parts]
        for part in parts:
            part.eval()
        mus, logvars = [], []
        for start in range(0, len(images), 256):
            hidden = model.encoder(images[start:start + 256].to(device))
            mus.append(model.mu_layer(hidden))
            logvars.append(model.logvar_layer(hidden))
        for part, mode in zip(parts, modes):
            part.train(mode)
        return torch.vstack(mus), torch.vstack(logvars)
    """},
    "one image at a time": {"get_mu_logvar": """
        device, mode = model.mu_layer.weight.device, model.training
        model.eval()
        codes = [model(images[k:k + 1].to(device)) for k in range(images.shape[0])]
        model.train(mode)
        return torch.cat([mu for _, mu, _ in codes]), torch.cat([logvar for _, _, logvar in codes])
    """},
    "into tensors made before, mode restored whatever happens": {"get_mu_logvar": """
        was_training = model.training
        model.eval()
        mu = logvar = None
        try:
            for start in range(0, len(images), 100):
                _, m, v = model(images[start:start + 100].to(next(model.parameters()).device))
                if mu is None:
                    mu, logvar = (torch.empty(len(images), m.shape[1], device=m.device) for _ in range(2))
                mu[start:start + len(m)], logvar[start:start + len(v)] = m, v
        finally:
            model.train(was_training)
        return mu, logvar
    """},
    "chunks": {"get_mu_logvar": """
        training, model.training = model.training, False
        model.eval()
        results = [torch.stack(model(chunk.to(next(model.parameters()).device))[1:])
                   for chunk in torch.chunk(images, len(images) // 200 + 1)]
        model.train(training)
        return torch.cat(results, dim=1).unbind()
    """},
    "the grid by repetition": {"sample_on_grid": """
        was_training = model.training
        model.eval()
        values = torch.linspace(low, high, grid_size)
        latents = torch.stack([values.repeat(grid_size), values.repeat_interleave(grid_size)], dim=1)
        out = model.decoder(latents.to(next(model.decoder.parameters()).device))
        if was_training:
            model.train()
        return out.reshape(grid_size, grid_size, *out.shape[1:])
    """},
    "the grid row by row": {"sample_on_grid": """
        was_training = model.decoder.training
        model.decoder.eval()
        values = torch.linspace(low, high, grid_size).to(next(model.parameters()).device)
        rows = []
        for value in values:
            rows.append(model.decoder(torch.stack((values, value.expand(grid_size)), dim=1)))
        model.decoder.train(was_training)
        return torch.stack(rows)
    """},
    "the grid with numpy": {"sample_on_grid": """
        import numpy as np
        mode = model.training
        model.eval()
        values = np.linspace(low, high, grid_size)
        z1, z2 = np.meshgrid(values, values)
        latents = torch.from_numpy(np.stack([z1.ravel(), z2.ravel()], axis=-1)).float()
        images = model.decoder(latents.to(next(model.parameters()).device))
        model.train(mode)
        return images.view(grid_size, grid_size, 1, images.shape[-2], images.shape[-1])
    """},
    "the grid as a Cartesian product": {"sample_on_grid": """
        mode = model.training
        steps = low + (high - low) * torch.arange(grid_size, device=model.mu_layer.weight.device) / (grid_size - 1)
        images = model.eval().decoder(torch.cartesian_prod(steps, steps).flip(1))
        model.train(mode)
        return torch.stack([images[i * grid_size:(i + 1) * grid_size] for i in range(grid_size)])
    """},
    "the grid the other way round": {"sample_on_grid": [("(z1, z2)", "(z2, z1)")]},
    "the grid from bottom to top": {"sample_on_grid": [("(0, (grid_size, grid_size))",
                                                        "(0, (grid_size, grid_size)).flip(0)")]},
    "the grid point by point": {"sample_on_grid": """
        rows, device, mode = [], next(model.parameters()).device, model.training
        model.eval()
        values = torch.linspace(low, high, grid_size).tolist()
        for b in values:
            row = [model.decoder(torch.tensor([[a, b]], device=device))[0] for a in values]
            rows.append(torch.stack(row))
        model.train(mode)
        return torch.stack(rows)
    """},
    "interpolate with lerp": {"interpolate": """
        w = torch.linspace(0, 1, steps, device=z0.device).view(steps, 1)
        return torch.lerp(z0.unsqueeze(-2), z1.unsqueeze(-2), w)
    """},
    "interpolate with a loop": {"interpolate": """
        points = []
        for k in range(steps):
            points.append(z0 + (z1 - z0) * k / (steps - 1))
        return torch.stack(points, dim=-2)
    """},
    "interpolate with a loop, walks along the second axis": {"interpolate": """
        return torch.stack([(1 - w) * z0 + w * z1 for w in torch.linspace(0, 1, steps)])
    """},
    "interpolate from z0 on": {"interpolate": """
        w = torch.linspace(0.0, 1.0, steps)[:, None].to(z0)
        return z0[..., None, :] + w * (z1 - z0)[..., None, :]
    """},
    "interpolate each number": {"interpolate": """
        lines = [torch.linspace(float(a), float(b), steps) for a, b in zip(z0.flatten(), z1.flatten())]
        return torch.stack(lines).view(*z0.shape, steps).transpose(-1, -2).to(z0.device)
    """},
    "interpolate with a product of matrices": {"interpolate": """
        w = torch.arange(steps, dtype=z0.dtype, device=z0.device) / (steps - 1)
        return torch.stack((1 - w, w), dim=-1) @ torch.stack((z0, z1), dim=-2)
    """},
    "ConvVAE that tries out its encoder": {"ConvVAE.__init__": """
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 24, 5, stride=2, padding=2), nn.GELU(), nn.Dropout2d(0.1),
            nn.Conv2d(24, 48, 5, stride=2, padding=2), nn.GroupNorm(4, 48), nn.GELU(), nn.Flatten())
        features = self.encoder(torch.zeros(1, *image_shape)).shape[1]
        self.mu_layer, self.logvar_layer = nn.Linear(features, latent_size), nn.Linear(features, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, features), nn.GELU(), nn.Unflatten(1, (48, height // 4, width // 4)),
            nn.Conv2d(48, 24 * 4, 3, padding=1), nn.PixelShuffle(2), nn.GELU(),
            nn.Conv2d(24, channels * 4, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid())
    """},
    "ConvVAE with lazy layers": {"ConvVAE.__init__": """
        self.encoder = nn.Sequential(nn.LazyConv2d(32, 4, 2, 1), nn.ReLU(True), nn.LazyConv2d(64, 4, 2, 1),
                                     nn.ReLU(True), nn.LazyConv2d(64, 4, 2, 1), nn.ReLU(True), nn.Flatten())
        self.mu_layer, self.logvar_layer = nn.LazyLinear(latent_size), nn.LazyLinear(latent_size)
        self.decoder = nn.Sequential(
            nn.LazyLinear(64 * height * width // 64), nn.ReLU(True), nn.Unflatten(1, (64, height // 8, width // 8)),
            nn.LazyConvTranspose2d(64, 4, 2, 1), nn.ReLU(True), nn.LazyConvTranspose2d(32, 4, 2, 1), nn.ReLU(True),
            nn.LazyConvTranspose2d(channels, 4, 2, 1), nn.Sigmoid())
    """},
    "ConvVAE with pooling to a fixed size, logvar that starts low": {"ConvVAE.__init__": """
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding="same"), nn.ELU(), nn.AvgPool2d(2),
            nn.Conv2d(16, 32, 3, padding="same"), nn.ELU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.LayerNorm(512))
        self.mu_layer, self.logvar_layer = nn.Linear(512, latent_size), nn.Linear(512, latent_size)
        nn.init.constant_(self.logvar_layer.bias, -4.0)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, 512), nn.ELU(), nn.Unflatten(1, (32, 4, 4)),
            nn.Upsample(size=(height // 2, width // 2)), nn.Conv2d(32, 16, 3, padding="same"), nn.ELU(),
            nn.Upsample(size=(height, width), mode="bilinear"), nn.Conv2d(16, channels, 1), nn.Sigmoid())
    """},
    "ConvVAE with upsampling and BatchNorm": {"ConvVAE.__init__": """
        features = 32 * (height // 4) * (width // 4)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(features, 64), nn.BatchNorm1d(64), nn.ReLU())
        self.mu_layer, self.logvar_layer = nn.Linear(64, latent_size), nn.Linear(64, latent_size)
        self.decoder = nn.Sequential(
            nn.Linear(latent_size, features, bias=False), nn.BatchNorm1d(features), nn.ReLU(),
            nn.Unflatten(1, (32, height // 4, width // 4)),
            nn.Upsample(scale_factor=2), nn.Conv2d(32, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(16, channels, 3, padding=1), nn.Sigmoid())
    """},
    "ConvVAE with residual blocks": {
        "file": [("class ConvVAE(nn.Module):", '''class Residual(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.body = nn.Sequential(nn.SiLU(), nn.Conv2d(size, size, 3, padding=1), nn.SiLU(), nn.Conv2d(size, size, 1))

    def forward(self, x):
        return x + self.body(x)


class ConvVAE(nn.Module):''')],
        "ConvVAE.__init__": """
            inner = (32, height // 4, width // 4)
            self.encoder = nn.Sequential(nn.Conv2d(channels, 32, 4, 4), Residual(32), Residual(32), nn.Flatten())
            self.mu_layer = nn.Linear(math.prod(inner), latent_size)
            self.logvar_layer = nn.Linear(math.prod(inner), latent_size)
            self.decoder = nn.Sequential(nn.Linear(latent_size, math.prod(inner)), nn.Unflatten(1, inner),
                                         Residual(32), nn.ConvTranspose2d(32, channels, 4, 4), nn.Sigmoid())
        """},
}

# name -> (item that loses points, words that its message or hint holds, change)
WRONG = {}


def mistakes(item, entries):
    """Add the mistakes of one item."""
    for name, (words, change) in entries.items():
        WRONG[f"{item.split('.')[1]}: {name}"] = (item, words, change)


SIGMA = "torch.exp(0.5 * logvar)"
EPS = "torch.randn_like(mu)"
mistakes("vae.reparametrize", {
    "variance for sigma": ("is the variance", {"reparametrize": [(SIGMA, "torch.exp(logvar)")]}),
    "logvar for sigma": ("logvar itself", {"reparametrize": [(SIGMA, "logvar")]}),
    "half of logvar for sigma": ("exponential", {"reparametrize": [(SIGMA, "0.5 * logvar")]}),
    "root of logvar for sigma": ("NaN", {"reparametrize": [(SIGMA, "torch.sqrt(logvar)")]}),
    "1.5 for 0.5": ("times that for logvar = 1.5", {"reparametrize": [("0.5 *", "1.5 *")]}),
    "sigma is 1": ("does not depend on logvar", {"reparametrize": [(SIGMA + " * ", "")]}),
    "no mu": ("not mu", {"reparametrize": [("mu + ", "")]}),
    "rand for randn": ("torch.randn, not torch.rand", {"reparametrize": [(EPS, "torch.rand_like(mu)")]}),
    "one eps for the batch": ("does not vary over the batch", {"reparametrize": [(EPS, "torch.randn_like(mu[:1])")]}),
    "one eps for all latents": ("vary together", {"reparametrize": [(EPS, "torch.randn_like(mu[:, :1])")]}),
    "a seed inside": ("seed", {"reparametrize": [("eps =", "torch.manual_seed(0)\neps =")]}),
    "logvar detached": ("no gradient reaches logvar", {"reparametrize": [(SIGMA, "torch.exp(0.5 * logvar.detach())")]}),
    "no_grad": ("no gradient reaches mu", {"reparametrize": [("return", "with torch.no_grad():\n    return")]}),
    "torch.normal(mu, sigma)": ("the gradient in mu", {
        "reparametrize": "return torch.normal(mu, torch.exp(0.5 * logvar))"}),
    "eps on the CPU": ("fixed device", {"reparametrize": [(EPS, "torch.randn(mu.shape)")]}),
    "a wide uniform eps": ("torch.randn, not torch.rand", {"reparametrize": [
        (EPS, "math.sqrt(12) * (torch.rand_like(mu) - 0.5)")]}),
    "always float32": ("torch.float32 out", {"reparametrize": [
        ("* eps", "* eps).float()"), ("return mu", "return (mu")]}),
    "numpy's eps": ("take over mu's dtype", {"reparametrize": [
        ("eps = " + EPS, "import numpy as np\neps = torch.from_numpy(np.random.randn(*mu.shape))")]}),
    "always on the GPU": ("device", {"reparametrize": [(EPS, 'torch.randn(mu.shape, device="cuda")')]}),
    "another name, as on the web": ("there is no reparametrize", {"file": [
        ("def reparametrize(", "def reparameterize(")]}),
    "a loop over 128 images": ("out of bounds", {"reparametrize": [
        (EPS, "torch.stack([torch.randn_like(mu[k]) for k in range(128)])")]}),
    "float64 noise": ("float32 in, torch.float64 out", {"reparametrize": [
        (EPS, "torch.randn(mu.shape, dtype=torch.float64, device=mu.device)")]}),
    "logvar changed in place": ("in-place operation", {"reparametrize": [(SIGMA, "logvar.mul_(0.5).exp()")]}),
})

mistakes("vae.loss_function", {
    "cross entropy averaged over pixels": ("averaged over the pixels", {"loss_function": [
        (', reduction="sum"', ""), ("(reconstruction + kl_weight * kl) /", "reconstruction + kl_weight * kl /")]}),
    "cross entropy averaged over pixels, then over the batch": ("averaged over the pixels", {
        "loss_function": [(', reduction="sum"', "")]}),
    "both averaged over everything": ("averaged over everything", {"loss_function": """
        kl = -0.5 * torch.mean(1 + logvar - mu.square() - logvar.exp())
        return F.binary_cross_entropy(x_hat, x) + kl_weight * kl
    """}),
    "KL averaged over latents": ("averaged over the latent numbers", {"loss_function": [
        ("torch.sum(1", "torch.mean(1"),
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction / x.shape[0] + kl_weight * kl")]}),
    "KL summed over the wrong axis": ("wrong axis", {"loss_function": [
        ("torch.sum(1 + logvar - mu.square() - logvar.exp())",
         "torch.sum(1 + logvar - mu.square() - logvar.exp(), dim=0).mean()"),
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction / x.shape[0] + kl_weight * kl")]}),
    "divided by the channels": ("summed over the batch", {"loss_function": [("x.shape[0]", "x.shape[1]")]}),
    "a batch of 128 always": ("divided by 128", {"loss_function": [("x.shape[0]", "128")]}),
    "28x28 always": ("invalid for input of size", {"loss_function": [
        ("(x_hat, x,", "(x_hat.view(-1, 784), x.view(-1, 784),")]}),
    "with logits": ("probabilities", {"loss_function": [
        ("F.binary_cross_entropy(", "F.binary_cross_entropy_with_logits(")]}),
    "logvar taken for log(sigma)": ("sigma is exp(logvar / 2)", {"loss_function": [
        ("1 + logvar - mu.square() - logvar.exp()", "1 + 2 * logvar - mu.square() - logvar.exp().square()")]}),
    "sign of the KL": ("wrong sign", {"loss_function": [("-0.5", "0.5")]}),
    "no 1/2": ("factor 1/2", {"loss_function": [("-0.5 * ", "-")]}),
    "summed over the batch": ("summed over the batch", {"loss_function": [(" / x.shape[0]", "")]}),
    "KL not averaged": ("KL term is not averaged", {"loss_function": [
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction / x.shape[0] + kl_weight * kl")]}),
    "cross entropy not averaged": ("cross entropy is not averaged", {"loss_function": [
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction + kl_weight * kl / x.shape[0]")]}),
    "swapped": ("swapped", {"loss_function": [("(x_hat, x,", "(x, x_hat,")]}),
    "x rounded in place": ("in place", {"loss_function": [("(x_hat, x,", "(x_hat, x.clone(),"), (
        "kl = ", "x.round_()\nkl = ")]}),
    "squared error": ("squared error", {"loss_function": [("binary_cross_entropy", "mse_loss")]}),
    "no reconstruction": ("reconstruction term is missing", {"loss_function": [("(reconstruction + ", "(")]}),
    "mu not squared": ("mu should be squared", {"loss_function": [("mu.square()", "mu")]}),
    "1 forgotten": ("the 1 of the KL term", {"loss_function": [("1 + logvar", "logvar")]}),
    "logvar taken for sigma": ("variance is exp(logvar)", {"loss_function": [("logvar.exp()", "logvar.square()")]}),
    "the ELBO itself": ("negative", {"loss_function": [("return (rec", "return -(rec")]}),
    "a number": ("should be a tensor, got float", {"loss_function": [
        ("/ x.shape[0]", "/ x.shape[0]).item()"), ("return (", "return ((")]}),
    "KL without gradient": ("no gradient reaches mu", {"loss_function": [("kl_weight * kl", "kl_weight * kl.item()")]}),
    "x_hat detached": ("no gradient reaches x_hat", {"loss_function": [("(x_hat, x,", "(x_hat.detach(), x,")]}),
    "in a list of one": ("of shape (), got shape (1,)", {"loss_function": [
        ("/ x.shape[0]", "/ x.shape[0]).reshape(1)"), ("return (", "return ((")]}),
    "one loss per image": ("should be a scalar tensor", {"loss_function": """
        reconstruction = F.binary_cross_entropy(x_hat, x, reduction="none").flatten(1).sum(1)
        return reconstruction - kl_weight * 0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp(), dim=1)
    """}),
})

mistakes("vae.kl_weight", {
    "ignored": ("is not used", {"loss_function": [("kl_weight * kl", "kl")]}),
    "on the reconstruction": ("not the other one", {"loss_function": [
        ("reconstruction + kl_weight * kl", "kl_weight * reconstruction + kl")]}),
    "on both": ("should not change the reconstruction", {"loss_function": [
        ("(reconstruction + kl_weight * kl)", "kl_weight * (reconstruction + kl)")]}),
    "0 by default": ("without kl_weight", {"file": [("kl_weight=1.0", "kl_weight=0.0")]}),
    "5 by default": ("without kl_weight", {"file": [("kl_weight=1.0", "kl_weight=5.0")]}),
    "squared": ("in proportion", {"loss_function": [("kl_weight * kl", "kl_weight ** 2 * kl")]}),
    "at most 1": ("in proportion", {"loss_function": [("kl_weight * kl", "min(kl_weight, 1.0) * kl")]}),
    "not an argument": ("unexpected keyword argument", {
        "file": [(", kl_weight=1.0)", ")")], "loss_function": [("kl_weight * kl", "kl")]}),
})

ENCODER = """nn.Linear(hidden, hidden), nn.ReLU(),
    nn.Linear(hidden, hidden), nn.ReLU())
self.mu_layer"""
DECODER = """nn.Linear(hidden, hidden), nn.ReLU(),
    nn.Linear(hidden, input_size), nn.Sigmoid(),"""
LOGVAR_HEAD = "self.logvar_layer = nn.Linear(hidden, latent_size)"
MU_HEAD = "self.mu_layer = nn.Linear(hidden, latent_size)"
UNFLATTEN = ",\n    nn.Unflatten(1, (1, side, side))"


def network_mistakes(gap, forward, first, latents, in_place):
    """Mistakes that VAE and CVAE have in common.

    first and latents: the input sizes of encoder and decoder. in_place: what is read of an x that is changed in place:
    the VAE's encoder needs it for its gradient, and torch itself complains; the CVAE's gets a copy, with c.
    """
    def change(*pairs):
        return {gap: list(pairs)}

    def sampled(old, new):
        return {forward: [(old, new)]}

    return {
        "no first ReLU": ("no ReLU after linear layer 1 of the encoder", change(
            (f"nn.Linear({first}, hidden), nn.ReLU()", f"nn.Linear({first}, hidden)"))),
        "no third ReLU": ("no ReLU after linear layer 3 of the encoder", change(
            (ENCODER, ENCODER.replace("nn.ReLU())", ")")))),
        "no ReLU in the decoder": ("no ReLU after linear layer 1 of the decoder", change(
            (f"nn.Linear({latents}, hidden), nn.ReLU()", f"nn.Linear({latents}, hidden)"))),
        "ReLU before the Sigmoid": ("ReLU before the Sigmoid", change(("nn.Sigmoid()", "nn.ReLU(), nn.Sigmoid()"))),
        "no Sigmoid": ("does not end with a Sigmoid", change((" nn.Sigmoid(),", ""))),
        "Tanh for Sigmoid": ("ends with Tanh", change(("nn.Sigmoid()", "nn.Tanh()"))),
        "LeakyReLU": ("something else", change(
            (f"nn.Linear({latents}, hidden), nn.ReLU()", f"nn.Linear({latents}, hidden), nn.LeakyReLU()"))),
        "LeakyReLU last in the decoder": ("something else", change(
            (DECODER, DECODER.replace("nn.ReLU()", "nn.LeakyReLU()")))),
        "Dropout": ("Dropout", change(
            (f"nn.Linear({first}, hidden), nn.ReLU()", f"nn.Linear({first}, hidden), nn.ReLU(), nn.Dropout(0.2)"))),
        "BatchNorm": ("BatchNorm", change(
            (f"nn.Linear({first}, hidden)", f"nn.Linear({first}, hidden), nn.BatchNorm1d(hidden)"))),
        "a layer more": ("should have 3 linear layers, it has 4", change(
            (ENCODER, "nn.Linear(hidden, hidden), nn.ReLU(),\n    " + ENCODER))),
        "a layer less": ("should have 4 linear layers, it has 3", change((DECODER, DECODER.split("\n    ")[1]))),
        "hidden sizes that differ": ("should all have H outputs", change(
            (ENCODER, "nn.Linear(hidden, 200), nn.ReLU(),\n    nn.Linear(200, hidden), nn.ReLU())\nself.mu_layer"))),
        "15 latents always": ("should have shape", change(("hidden = 400", "hidden = 400\nlatent_size = 15"))),
        "ReLU on mu": ("mu_layer should be linear", change(
            (MU_HEAD, "self.mu_layer = nn.Sequential(nn.Linear(hidden, latent_size), nn.ReLU())"))),
        "ReLU on logvar": ("logvar_layer should be linear", change(
            (LOGVAR_HEAD, "self.logvar_layer = nn.Sequential(nn.Linear(hidden, latent_size), nn.ReLU())"))),
        "one head for both": ("the same layer", change((LOGVAR_HEAD, "self.logvar_layer = self.mu_layer"))),
        "no Unflatten": ("should have shape", change((UNFLATTEN, ""))),
        "a layer that is not used": ("parameters", change(("hidden = 400", "hidden = 400\nself.fc = nn.Linear(3, 3)"))),
        "decodes mu": ("the decoder gets mu", sampled("z = reparametrize(mu, logvar)", "z = mu")),
        "decodes mu in evaluation mode": ("in evaluation mode the decoder gets mu", sampled(
            "z = reparametrize(mu, logvar)", "z = reparametrize(mu, logvar) if self.training else mu")),
        "decodes mu where no gradient is wanted": ("in evaluation mode the decoder gets mu", sampled(
            "z = reparametrize(mu, logvar)", "z = reparametrize(mu, logvar) if torch.is_grad_enabled() else mu")),
        "own draw, half as wide in evaluation mode": ("in evaluation mode the decoder should get z", sampled(
            "z = reparametrize(mu, logvar)",
            "z = mu + (logvar / 2).exp() * torch.randn_like(mu) * (1.0 if self.training else 0.5)")),
        "z from logvar, mu": ("mu first, then logvar", sampled("(mu, logvar)", "(logvar, mu)")),
        "logvar, mu": ("mu and logvar are swapped", sampled(", mu, logvar\n", ", logvar, mu\n")),
        "only x_hat": ("it returned 1 value", sampled(", mu, logvar\n", "\n")),
        "z detached": ("no gradient flows", sampled("reparametrize(mu, logvar)", "reparametrize(mu, logvar).detach()")),
        "ReLU in forward": ("the second result should be", sampled(
            "self.mu_layer(hidden)", "F.relu(self.mu_layer(hidden))")),
        "sigma returned": ("the third result should be", sampled(", mu, logvar\n", ", mu, torch.exp(0.5 * logvar)\n")),
        "Sigmoid twice": ("what the decoder returns, untouched", sampled(
            ", mu, logvar\n", ".sigmoid(), mu, logvar\n")),
        "own draw, one eps for the batch": ("the decoder should get z", sampled(
            "reparametrize(mu, logvar)", "mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])")),
        "own draw with the variance": ("the decoder should get z", sampled(
            "reparametrize(mu, logvar)", "mu + logvar.exp() * torch.randn_like(mu)")),
        "own draw, the same each time": ("seed", sampled(
            "reparametrize(mu, logvar)", "mu + (logvar / 2).exp() * "
            "torch.randn(mu.shape, generator=torch.Generator().manual_seed(0))")),
        "a seed in forward": ("sets a seed", sampled("hidden = ", "torch.manual_seed(0)\nhidden = ")),
        "x changed in place": (in_place, sampled("mu, logvar = ", "x.sub_(0.5)\nmu, logvar = ")),
    }


mistakes("vae.VAE", {
    **network_mistakes("VAE.__init__", "VAE.forward", "input_size", "latent_size", "inplace operation"),
    "batch of 128 only": ("invalid for input of size", {"VAE.forward": [("encoder(x)", "encoder(x.view(128, 784))")]}),
    "a batch of 64 always": ("invalid for input of size", {
        "VAE.forward": [("self.decoder(z)", "self.decoder(z.view(64, -1))")]}),
    "no Flatten": ("Flatten", {"VAE.__init__": [("nn.Flatten(),", "")], "VAE.forward": [("(x)", "(x.flatten(1))")]}),
})
SHARED = network_mistakes("CVAE.__init__", "CVAE.forward", "input_size + num_classes", "latent_size + num_classes",
                          "in place")
mistakes("vae.CVAE", {
    **{name: SHARED[name] for name in (  # the same code judges both models, so a few of each kind
        "no third ReLU", "no Sigmoid", "a layer more", "15 latents always", "one head for both",
        "a layer that is not used", "decodes mu", "decodes mu in evaluation mode", "logvar, mu",
        "z detached", "own draw with the variance", "a seed in forward", "x changed in place")},
    "10 classes always": ("num_classes", {"CVAE.__init__": [("hidden = 400", "hidden = 400\nnum_classes = 10")]}),
    "decoder gets c, then z": ("z first, then c", {"CVAE.forward": [("(z, c)", "(c, z)")]}),
    "encoder without c": ("the encoder must see the condition", {
        "CVAE.__init__": [("nn.Linear(input_size + num_classes", "nn.Linear(input_size")],
        "CVAE.forward": [("torch.cat((x.flatten(1), c), dim=-1)", "x.flatten(1)")]}),
    "decoder without c": ("z and c joined", {
        "CVAE.__init__": [("nn.Linear(latent_size + num_classes", "nn.Linear(latent_size")],
        "CVAE.forward": [("torch.cat((z, c), dim=-1)", "z")]}),
    "c replaced by zeros": ("the encoder must see the condition", {
        "CVAE.forward": [("(x.flatten(1), c)", "(x.flatten(1), 0 * c)")]}),
})

mistakes("vae.ConvVAE", {
    "no Sigmoid": ("should lie in [0, 1]", {"ConvVAE.__init__": [(", nn.Sigmoid())", ")")]}),
    "Tanh": ("should lie in [0, 1]", {"ConvVAE.__init__": [("nn.Sigmoid()", "nn.Tanh()")]}),
    "32x32 only": ("take the sizes from image_shape", {"ConvVAE.__init__": [
        ("(128, height // 8, width // 8)", "(128, 4, 4)")]}),
    "decodes mu": ("decode z, not mu", {"ConvVAE.forward": [("reparametrize(mu, logvar)", "mu")]}),
    "decodes mu in evaluation mode": ("in evaluation mode the decoder gets mu", {"ConvVAE.forward": [
        ("reparametrize(mu, logvar)", "reparametrize(mu, logvar) if self.training else mu")]}),
    "only x_hat in evaluation mode": ("it returned 1 value", {"ConvVAE.forward": """
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        x_hat = self.decoder(reparametrize(mu, logvar))
        return (x_hat, mu, logvar) if self.training else x_hat
    """}),
    "a seed in forward": ("sets a seed", {"ConvVAE.forward": [("hidden = ", "torch.manual_seed(0)\nhidden = ")]}),
    "decodes logvar": ("does not depend on mu", {"ConvVAE.forward": [("reparametrize(mu, logvar)", "logvar")]}),
    "128 latents always": ("should have shape", {"ConvVAE.__init__": [("inner = ", "latent_size = 128\ninner = ")]}),
    "no convolution": ("has convolutions, this one ran 0", {"ConvVAE.__init__": """
        pixels = channels * height * width
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, 64), nn.ReLU())
        self.mu_layer, self.logvar_layer = nn.Linear(64, latent_size), nn.Linear(64, latent_size)
        self.decoder = nn.Sequential(nn.Linear(latent_size, 64), nn.ReLU(), nn.Linear(64, pixels), nn.Sigmoid(),
                                     nn.Unflatten(1, image_shape))
    """}),
    "half of the size": ("should have shape", {"ConvVAE.__init__": [
        ("nn.ConvTranspose2d(32, channels, 4, stride=2, padding=1)", "nn.Conv2d(32, channels, 3, padding=1)")]}),
    "a layer that is not used": ("no gradient reaches", {"ConvVAE.__init__": [
        ("inner = ", "self.extra = nn.Conv2d(3, 3, 3)\ninner = ")]}),
    "no Flatten": ("Flatten", {"ConvVAE.__init__": [("nn.ReLU(),\n    nn.Flatten())", "nn.ReLU())")]}),
    "stride forgotten": ("halve the size", {"ConvVAE.__init__": [
        ("nn.Conv2d(32, 64, 4, stride=2, padding=1)", "nn.Conv2d(32, 64, 4, padding=1)")]}),
    "ReLU for the Sigmoid": ("end the decoder with nn.Sigmoid", {"ConvVAE.__init__": [("nn.Sigmoid()", "nn.ReLU()")]}),
    "ReLU on mu": ("mu_layer should be linear", {"ConvVAE.__init__": [
        ("self.mu_layer = nn.Linear(features, latent_size)",
         "self.mu_layer = nn.Sequential(nn.Linear(features, latent_size), nn.ReLU())")]}),
    "Softplus on logvar": ("logvar_layer should be linear", {"ConvVAE.__init__": [
        ("self.logvar_layer = nn.Linear(features, latent_size)",
         "self.logvar_layer = nn.Sequential(nn.Linear(features, latent_size), nn.Softplus())")]}),
    "gray images": ("should have shape", {"ConvVAE.__init__": [("(32, channels, 4", "(32, 1, 4")]}),
    "encoder detached": ("no gradient reaches", {"ConvVAE.forward": [
        ("hidden = self.encoder(x)", "hidden = self.encoder(x).detach()")]}),
    "a batch of 128 only": ("invalid for input of size", {"ConvVAE.forward": [
        ("self.encoder(x)", "self.encoder(x.view(128, 3, 32, 32))")]}),
    "flat images, as for the VAE": ("conv2d", {"ConvVAE.forward": [("self.encoder(x)", "self.encoder(x.flatten(1))")]}),
    "z detached": ("x_hat does not depend on mu", {"ConvVAE.forward": [
        ("reparametrize(mu, logvar)", "reparametrize(mu, logvar).detach()")]}),
    "z from logvar, mu": ("mu first, then logvar", {"ConvVAE.forward": [("(mu, logvar)", "(logvar, mu)")]}),
    "logvar, mu": ("mu and logvar are swapped", {"ConvVAE.forward": [(", mu, logvar\n", ", logvar, mu\n")]}),
    "variance returned": ("untouched", {"ConvVAE.forward": [(", mu, logvar\n", ", mu, logvar.exp()\n")]}),
    "Sigmoid twice": ("its Sigmoid is the last step", {"ConvVAE.forward": [
        (", mu, logvar\n", ".sigmoid(), mu, logvar\n")]}),
    "Sigmoid in forward only": ("its Sigmoid is the last step", {
        "ConvVAE.__init__": [(", nn.Sigmoid())", ")")],
        "ConvVAE.forward": [(", mu, logvar\n", ".sigmoid(), mu, logvar\n")]}),
    "own draw with the variance": ("the decoder should get z", {"ConvVAE.forward": [
        ("reparametrize(mu, logvar)", "mu + logvar.exp() * torch.randn_like(mu)")]}),
    "own draw, one eps for the batch": ("the decoder should get z", {"ConvVAE.forward": [
        ("reparametrize(mu, logvar)", "mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])")]}),
    "z too": ("it returned 4 value", {"ConvVAE.forward": """
        hidden = self.encoder(x)
        mu, logvar = self.mu_layer(hidden), self.logvar_layer(hidden)
        z = reparametrize(mu, logvar)
        return self.decoder(z), mu, logvar, z
    """}),
    "only x_hat": ("it returned 1 value", {"ConvVAE.forward": [(", mu, logvar\n", "\n")]}),
    "one head for both": ("self.logvar_layer", {
        "ConvVAE.forward": [("self.logvar_layer(hidden)", "self.mu_layer(hidden)")]}),
})

LOOP = "for batch in images.split(1000)"
mistakes("vae.get_mu_logvar", {
    "last batch dropped": ("should have shape", {"get_mu_logvar": [(LOOP, "for batch in images.split(100)[:-1]")]}),
    "first batch only": ("should have shape", {"get_mu_logvar": [(LOOP, "for batch in images.split(1000)[:1]")]}),
    "last batch only": ("should have shape", {"get_mu_logvar": [(LOOP, "for batch in images.split(1000)[-1:]")]}),
    "order reversed": ("in the images' order", {"get_mu_logvar": [(LOOP, "for batch in images.split(1000)[::-1]")]}),
    "shuffled": ("in the images' order", {"get_mu_logvar": [
        (LOOP, "for batch in images[torch.randperm(len(images))].split(1000)")]}),
    "variance": ("not its exponential", {"get_mu_logvar": [("torch.cat(logvar)", "torch.cat(logvar).exp()")]}),
    "sigma": ("not sigma", {"get_mu_logvar": [("torch.cat(logvar)", "torch.exp(torch.cat(logvar) / 2)")]}),
    "swapped": ("swapped", {"get_mu_logvar": [("mu, logvar = zip", "logvar, mu = zip")]}),
    "x_hat, mu": ("should have shape", {"get_mu_logvar": [("[1:]", "[:2]")]}),
    "always on the GPU": ("device", {"get_mu_logvar": [("batch.to(device)", "batch.cuda()")]}),
    "joined along the wrong axis": ("should have shape", {"get_mu_logvar": [
        (LOOP, "for batch in images[:len(images) // 10 * 10].split(10)"),
        ("torch.cat(mu), torch.cat(logvar)", "torch.cat(mu, 1), torch.cat(logvar, 1)")]}),
    "batches with numbers": ("should have shape", {"get_mu_logvar": [
        (LOOP, "for batch in (images[k * 128:(k + 1) * 128] for k in range(len(images) // 128))")]}),
    "three results": ("it returned 3 value", {"get_mu_logvar": "return model(images)"}),
    "the whole set at once": ("at most 1,024", {"get_mu_logvar": [(".split(1000)", ".split(len(images))")]}),
    "the encoder gets the whole set": ("at most 1,024", {"get_mu_logvar": """
        training = model.training
        model.eval()
        hidden = model.encoder(images.to(next(model.parameters()).device))
        model.train(training)
        return model.mu_layer(hidden), model.logvar_layer(hidden)
    """}),
    "in training mode": ("those of training mode", {"get_mu_logvar": [("model.eval()\n", "")]}),
    "evaluation mode for ever": ("not in the mode afterwards", {"get_mu_logvar": [
        ("model.train(was_training)\n", "")]}),
    "training mode afterwards, whatever it was": ("those of training mode", {"get_mu_logvar": [
        ("model.eval()\n", ""), ("model.train(was_training)\n", "model.train()\n")]}),
    "images left where they are": ("for a model on another device", {"get_mu_logvar": [("batch.to(device)", "batch")]}),
    "codes on the CPU": ("for a model on another device", {"get_mu_logvar": [
        ("torch.cat(mu), torch.cat(logvar)", "torch.cat(mu).cpu(), torch.cat(logvar).cpu()")]}),
    "with gradients": ("carry no gradients", {"get_mu_logvar": [
        ("return torch.cat(mu), torch.cat(logvar)",
         "with torch.enable_grad():\n    return tuple(torch.cat(part).requires_grad_() for part in (mu, logvar))")]}),
    "lists of batches": ("should be a tensor", {"get_mu_logvar": [
        ("torch.cat(mu), torch.cat(logvar)", "list(mu), list(logvar)")]}),
})

GRID = "images.unflatten(0, (grid_size, grid_size))"
mistakes("vae.sample_on_grid", {
    "without the end": ("both included", {"sample_on_grid": [
        ("grid_size, device=device)", "grid_size + 1, device=device)[:-1]")]}),
    "diagonal only": ("diagonal", {"sample_on_grid": [("(z1, z2)", "(z1, z1)")]}),
    "low and high ignored": ("should run from low", {"sample_on_grid": [("(low, high, ", "(-1.5, 1.5, ")]}),
    "from -high": ("should run from low", {"sample_on_grid": [("(low, high, ", "(-high, high, ")]}),
    "one list of images": ("should have shape", {"sample_on_grid": [(GRID, "images")]}),
    "no channel": ("should have shape", {"sample_on_grid": [(GRID, GRID + ".squeeze(2)")]}),
    "height and width swapped": ("should have shape", {"sample_on_grid": [
        (GRID, "images.view(grid_size, grid_size, 1, images.shape[-1], images.shape[-2])")]}),
    "random points": ("should run from low", {"sample_on_grid": [
        ("torch.stack((z1, z2), dim=-1).view(-1, 2)", "torch.randn(grid_size ** 2, 2)")]}),
    "stacked along the wrong axis": ("latent number", {"sample_on_grid": [("dim=-1).view", "dim=0).view")]}),
    "a step too many": ("should have shape", {"sample_on_grid": [
        ("(low, high, grid_size,", "(low, high, grid_size + 1,"), (GRID, "images.unflatten(0, (-1, grid_size + 1))")]}),
    "5 points always": ("should have shape", {"sample_on_grid": [
        ("values =", "grid_size = 3\nvalues =")]}),
    "in training mode": ("those of training mode", {"sample_on_grid": [("model.eval()\n", "")]}),
    "evaluation mode for ever": ("not in the mode afterwards", {"sample_on_grid": [
        ("model.train(was_training)\n", "")]}),
    "on the CPU always": ("for a model on another device", {"sample_on_grid": [(", device=device)", ")")]}),
    "the decoder made a float64 one": ("of another type", {"sample_on_grid": [
        ("model.decoder(torch.stack((z1, z2), dim=-1).view(-1, 2))",
         "model.decoder.double()(torch.stack((z1, z2), dim=-1).view(-1, 2).double()).float()")]}),
    "logarithmic steps": ("equal steps", {"sample_on_grid": [
        ("device=device)", "device=device)\nvalues = low + (values - low) ** 2 / (high - low)")]}),
})

WEIGHTS = "torch.linspace(0, 1, steps, dtype=z0.dtype, device=z0.device)"
mistakes("vae.interpolate", {
    "without the end": ("end at z1", {"interpolate": [(WEIGHTS, "(torch.arange(steps) / steps)")]}),
    "without the start": ("start at z0", {"interpolate": [(WEIGHTS, "((torch.arange(steps) + 1) / steps)")]}),
    "reversed": ("from z1 to z0", {"interpolate": [("(0, 1,", "(1, 0,")]}),
    "from the origin": ("start at z0", {"interpolate": [("(1 - weights) * z0.unsqueeze(-2) + ", "")]}),
    "z1 added whole": ("end at z1", {"interpolate": [("(1 - weights) * ", "")]}),
    "a step too many": ("should hold", {"interpolate": [("1, steps", "1, steps + 1")]}),
    "weights on the CPU": ("on another device", {"interpolate": [(", device=z0.device", "")]}),
    "one pair only": ("for S pairs", {"interpolate": """
        weights = torch.linspace(0, 1, steps)
        return torch.outer(1 - weights, z0) + torch.outer(weights, z1)
    """}),
    "pairs mixed up": ("3 pairs at once", {"interpolate": [("z1.unsqueeze(-2)", "z1.unsqueeze(-2).flip(0)")]}),
    "unequal steps": ("equal steps", {"interpolate": [(".unsqueeze(-1)", ".unsqueeze(-1) ** 2")]}),
    "both ends only": ("should hold", {"interpolate": "return torch.stack((z0, z1))"}),
})
