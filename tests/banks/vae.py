"""Variants of helpers/vae.py for the tests of its checks: right ones, and typical mistakes.

A change says how a variant differs from the solution: {place: what stands there instead}. A place is a gap, as in
`release.gaps`, or "file" for the whole text. A text replaces the whole gap; pairs (old, new) replace the one occurrence
of `old` in it. A variant that is a text and no change is a whole file.
"""

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
    "torch.normal": {"reparametrize": """
        eps = torch.normal(torch.zeros_like(mu), torch.ones_like(mu))
        return mu + eps * logvar.mul(0.5).exp()
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
    "28x28 only": {
        "VAE.__init__": [("(1, side, side)", "(1, 28, 28)")], "CVAE.__init__": [("(1, side, side)", "(1, 28, 28)")]},
    "draws inside forward": {
        "VAE.forward": [("reparametrize(mu, logvar)", "mu + torch.randn_like(mu) * (logvar / 2).exp()")],
        "CVAE.forward": [("reparametrize(mu, logvar)", "torch.distributions.Normal(mu, (logvar / 2).exp()).rsample()")],
        "ConvVAE.forward": [("reparametrize(mu, logvar)", "mu + torch.randn_like(mu) * (logvar / 2).exp()")]},
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
    "cross entropy with logarithms": {"loss_function": [
        ('F.binary_cross_entropy(x_hat, x, reduction="sum")',
         "-torch.sum(x * torch.log(x_hat + 1e-9) + (1 - x) * torch.log(1 - x_hat + 1e-9))")]},
    "sum over pixels, then mean over images": {"loss_function": """
        per_pixel = F.binary_cross_entropy(x_hat, x, reduction="none")
        kl = 0.5 * (mu ** 2 + logvar.exp() - logvar - 1).sum(dim=1)
        return (per_pixel.flatten(1).sum(dim=1) + kl_weight * kl).mean()
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
    "the whole set at once": {"get_mu_logvar": """
        _, mu, logvar = model(images)
        return mu, logvar
    """},
    "the set with a DataLoader": {"get_mu_logvar": """
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=128)
        mus, logvars = [], []
        for (batch,) in loader:
            x_hat, mu, logvar = model(batch)
            mus.append(mu.cpu())
            logvars.append(logvar.cpu())
        return torch.cat(mus, dim=0), torch.cat(logvars, dim=0)
    """},
    "encoder and heads directly": {"get_mu_logvar": """
        device = next(model.parameters()).device
        mus, logvars = [], []
        for start in range(0, len(images), 256):
            hidden = model.encoder(images[start:start + 256].to(device))
            mus.append(model.mu_layer(hidden))
            logvars.append(model.logvar_layer(hidden))
        return torch.vstack(mus), torch.vstack(logvars)
    """},
    "the grid the other way round": {"sample_on_grid": [("(z1, z2)", "(z2, z1)")]},
    "the grid from bottom to top": {"sample_on_grid": [("(0, (grid_size, grid_size))",
                                                        "(0, (grid_size, grid_size)).flip(0)")]},
    "the grid point by point": {"sample_on_grid": """
        rows = []
        for b in torch.linspace(low, high, grid_size):
            row = [model.decoder(torch.tensor([[float(a), float(b)]]))[0] for a in torch.linspace(low, high, grid_size)]
            rows.append(torch.stack(row))
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
    "always float32": ("torch.float32 out", {"reparametrize": [
        ("* eps", "* eps).float()"), ("return mu", "return (mu")]}),
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
    "sign of the KL": ("wrong sign", {"loss_function": [("-0.5", "0.5")]}),
    "no 1/2": ("factor 1/2", {"loss_function": [("-0.5 * ", "-")]}),
    "summed over the batch": ("summed over the batch", {"loss_function": [(" / x.shape[0]", "")]}),
    "KL not averaged": ("KL term is not averaged", {"loss_function": [
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction / x.shape[0] + kl_weight * kl")]}),
    "cross entropy not averaged": ("cross entropy is not averaged", {"loss_function": [
        ("(reconstruction + kl_weight * kl) / x.shape[0]", "reconstruction + kl_weight * kl / x.shape[0]")]}),
    "swapped": ("swapped", {"loss_function": [("(x_hat, x,", "(x, x_hat,")]}),
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
    "one loss per image": ("should be one number", {"loss_function": """
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


def network_mistakes(gap, forward, first, latents):
    """Mistakes that VAE and CVAE have in common. first and latents: the input sizes of encoder and decoder."""
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
        "z from logvar, mu": ("mu first, then logvar", sampled("(mu, logvar)", "(logvar, mu)")),
        "logvar, mu": ("mu and logvar are swapped", sampled(", mu, logvar\n", ", logvar, mu\n")),
        "only x_hat": ("it returned 1 value", sampled(", mu, logvar\n", "\n")),
        "z detached": ("no gradient flows", sampled("reparametrize(mu, logvar)", "reparametrize(mu, logvar).detach()")),
        "ReLU in forward": ("the second result should be", sampled(
            "self.mu_layer(hidden)", "F.relu(self.mu_layer(hidden))")),
        "sigma returned": ("the third result should be", sampled(", mu, logvar\n", ", mu, torch.exp(0.5 * logvar)\n")),
        "own draw with the variance": ("the decoder should get z", sampled(
            "reparametrize(mu, logvar)", "mu + logvar.exp() * torch.randn_like(mu)")),
    }


mistakes("vae.VAE", {
    **network_mistakes("VAE.__init__", "VAE.forward", "input_size", "latent_size"),
    "batch of 128 only": ("invalid for input of size", {"VAE.forward": [("encoder(x)", "encoder(x.view(128, 784))")]}),
    "no Flatten": ("Flatten", {"VAE.__init__": [("nn.Flatten(),", "")], "VAE.forward": [("(x)", "(x.flatten(1))")]}),
})
SHARED = network_mistakes("CVAE.__init__", "CVAE.forward", "input_size + num_classes", "latent_size + num_classes")
mistakes("vae.CVAE", {
    **{name: SHARED[name] for name in (  # the same code judges both models, so a few of each kind
        "no third ReLU", "no Sigmoid", "a layer more", "15 latents always", "one head for both",
        "a layer that is not used", "decodes mu", "logvar, mu", "z detached", "own draw with the variance")},
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
    "only x_hat": ("it returned 1 value", {"ConvVAE.forward": [(", mu, logvar\n", "\n")]}),
    "one head for both": ("no gradient reaches", {
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
    "three results": ("it returned 3 value", {"get_mu_logvar": "return model(images)"}),
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
    "unequal steps": ("equal steps", {"interpolate": [(".unsqueeze(-1)", ".unsqueeze(-1) ** 2")]}),
    "both ends only": ("should hold", {"interpolate": "return torch.stack((z0, z1))"}),
})
