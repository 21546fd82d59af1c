"""Variants of helpers/gan.py for the audit: right ones, and typical mistakes. See coursekit/audit.py for their form."""

# A file as it was written for another course: other style, nothing after the convolutional generator.
COURSEWORK = '''
from __future__ import print_function
import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torchvision import datasets, transforms
import numpy as np
import matplotlib.pyplot as plt

NOISE_DIM = 96


def hello_gan():
    print("Hello from gan.py!")


def sample_noise(batch_size, noise_dim, dtype=torch.float, device='cpu'):
    """
    Make the seeds of the generator.
    """
    noise = None
    noise = torch.rand((batch_size, noise_dim), dtype=dtype, device=device)
    noise = noise * 2 - 1
    return noise


def discriminator():
    """
    The fully connected judge of images.
    """
    model = None
    model = nn.Sequential(
        nn.Linear(784, 256),
        nn.LeakyReLU(0.01),
        nn.Linear(256, 256),
        nn.LeakyReLU(0.01),
        nn.Linear(256, 1),
    )
    return model


def generator(noise_dim=NOISE_DIM):
    """
    The fully connected maker of images.
    """
    model = None
    model = nn.Sequential(
        nn.Linear(noise_dim, 1024),
        nn.ReLU(),
        nn.Linear(1024, 1024),
        nn.ReLU(),
        nn.Linear(1024, 784),
        nn.Tanh()
    )
    return model


def discriminator_loss(logits_real, logits_fake):
    loss = None
    true_labels = torch.ones(logits_real.size(), dtype=logits_real.dtype, device=logits_real.device)
    false_labels = torch.zeros(logits_fake.size(), dtype=logits_fake.dtype, device=logits_fake.device)
    real_loss = F.binary_cross_entropy_with_logits(logits_real, true_labels, reduction='mean')
    fake_loss = F.binary_cross_entropy_with_logits(logits_fake, false_labels, reduction='mean')
    loss = real_loss + fake_loss
    return loss


def generator_loss(logits_fake):
    loss = None
    true_labels = torch.ones(logits_fake.size(), dtype=logits_fake.dtype, device=logits_fake.device)
    loss = F.binary_cross_entropy_with_logits(logits_fake, true_labels, reduction='mean')
    return loss


def get_optimizer(model):
    optimizer = None
    optimizer = optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999))
    return optimizer


def build_dc_classifier():
    """
    The judge with convolutions.
    """
    model = None
    model = nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, kernel_size=5, stride=1),
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Conv2d(32, 64, kernel_size=5, stride=1),
        nn.LeakyReLU(0.01),
        nn.MaxPool2d(kernel_size=2, stride=2),
        nn.Flatten(),
        nn.Linear(4 * 4 * 64, 4 * 4 * 64),
        nn.LeakyReLU(0.01),
        nn.Linear(4 * 4 * 64, 1)
    )
    return model


def build_dc_generator(noise_dim=NOISE_DIM):
    """
    The maker with transposed convolutions.
    """
    model = None
    model = nn.Sequential(
        nn.Linear(noise_dim, 1024),
        nn.ReLU(),
        nn.BatchNorm1d(1024),
        nn.Linear(1024, 7 * 7 * 128),
        nn.ReLU(),
        nn.BatchNorm1d(7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        nn.ConvTranspose2d(128, 64, kernel_size=4, stride=2, padding=1),
        nn.ReLU(),
        nn.BatchNorm2d(64),
        nn.ConvTranspose2d(64, 1, kernel_size=4, stride=2, padding=1),
        nn.Tanh(),
        nn.Flatten()
    )
    return model
'''
COURSEWORK_ITEMS = ("gan.sample_noise", "gan.discriminator", "gan.generator", "gan.discriminator_loss",
                    "gan.generator_loss", "gan.get_optimizer", "gan.build_dc_classifier", "gan.build_dc_generator")

# Old helpers of yet another course, which many files still carry.
OLD_SHAPES = '''class Flatten(nn.Module):
    def forward(self, x):
        N, C, H, W = x.size()
        return x.view(N, -1)


class Unflatten(nn.Module):
    def __init__(self, N=-1, C=128, H=7, W=7):
        super(Unflatten, self).__init__()
        self.N, self.C, self.H, self.W = N, C, H, W

    def forward(self, x):
        return x.view(self.N, self.C, self.H, self.W)


def build_dc_classifier():'''

RIGHT = {
    "the solution": {},
    # sample_noise
    "uniform_ on a fresh tensor": {"sample_noise": """
        return torch.empty((batch_size, noise_dim), dtype=dtype, device=device).uniform_(-1, 1)
    """},
    "torch.distributions.Uniform": {"sample_noise": """
        uniform = torch.distributions.Uniform(-1.0, 1.0)
        return uniform.sample((batch_size, noise_dim)).to(dtype=dtype, device=device)
    """},
    "Uniform with tensors on the device": {"sample_noise": """
        low, high = torch.full((noise_dim,), -1, dtype=dtype, device=device), torch.ones(noise_dim, device=device)
        return torch.distributions.Uniform(low, high.to(dtype)).sample(torch.Size([batch_size]))
    """},
    "shift, then stretch": {"sample_noise": """
        noise = torch.rand(size=(batch_size, noise_dim), device=device)
        noise -= 0.5
        noise *= 2.0
        return noise.to(dtype)
    """},
    "mirrored noise": {"sample_noise": "return 1 - 2 * torch.rand([batch_size, noise_dim]).to(device).to(dtype)"},
    "low and high by name": {"sample_noise": """
        low, high = -1, 1
        return (low - high) * torch.rand(batch_size, noise_dim, dtype=dtype, device=device) + high
    """},
    "nn.init.uniform_": {"sample_noise": """
        noise = torch.zeros(batch_size, noise_dim, dtype=dtype, device=device)
        nn.init.uniform_(noise, a=-1.0, b=1.0)
        return noise
    """},
    "noise from numpy": {
        "file": [("import torch\nfrom torch import nn\n", """import matplotlib.pyplot as plt
import numpy as np
import torch
import torchvision
from torch import nn, optim
from torchvision import transforms
""")],
        "sample_noise": """
            noise = np.random.uniform(-1, 1, size=(batch_size, noise_dim))
            return torch.from_numpy(noise).to(device, dtype)
        """},
    # The fully connected networks
    "own modules, functional activations": {
        "file": [("def discriminator():", '''class Judge(nn.Module):
    def __init__(self, hidden_dim=256):
        super(Judge, self).__init__()
        self.fc1 = nn.Linear(784, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, hidden_dim)
        self.fc3 = nn.Linear(hidden_dim, 1)

    def forward(self, x):
        x = F.leaky_relu(self.fc1(x), negative_slope=0.01)
        x = F.leaky_relu(self.fc2(x), 0.01, inplace=True)
        return self.fc3(x)


class Painter(nn.Module):
    def __init__(self, noise_dim):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(noise_dim, 1024), nn.Linear(1024, 1024), nn.Linear(1024, 784)])

    def forward(self, z):
        for layer in self.layers[:-1]:
            z = torch.relu(layer(z))
        return torch.tanh(self.layers[-1](z))


def discriminator():''')],
        "discriminator": "return Judge()",
        "generator": "return Painter(noise_dim)"},
    "layers declared last first, own activations": {
        "file": [("def discriminator():", '''class Judge(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(256, 1)
        self.second = nn.Linear(256, 256)
        self.first = nn.Linear(28 * 28, 256)

    def forward(self, image):
        hidden = self.first(image.reshape(image.shape[0], -1))
        hidden = torch.max(0.01 * hidden, hidden)
        hidden = self.second(hidden)
        hidden = torch.where(hidden > 0, hidden, 0.01 * hidden)
        return self.score(hidden)


class Painter(nn.Module):
    def __init__(self, noise_dim):
        super().__init__()
        self.pixels, self.second = nn.Linear(1024, 784), nn.Linear(1024, 1024)
        self.first = nn.Linear(noise_dim, 1024)

    def forward(self, z):
        hidden = self.second(self.first(z).clamp(min=0)).clamp(min=0)
        return 2 * torch.sigmoid(2 * self.pixels(hidden)) - 1


def discriminator():''')],
        "discriminator": "return Judge()",
        "generator": "return Painter(noise_dim)"},
    "activations in place": {
        "discriminator": """
            model = None
            model = nn.Sequential(
                nn.Linear(784, 256, bias=True),
                nn.LeakyReLU(negative_slope=1e-2, inplace=True),
                nn.Linear(256, 256, bias=True),
                nn.LeakyReLU(negative_slope=1e-2, inplace=True),
                nn.Linear(256, 1, bias=True),
            )
            return model
        """,
        "generator": """
            return nn.Sequential(nn.Linear(noise_dim, 1024), nn.ReLU(True), nn.Linear(1024, 1024), nn.ReLU(True),
                                 nn.Linear(1024, 784), nn.Tanh())
        """},
    "one activation for all, Flatten first": {
        "discriminator": """
            activation = nn.LeakyReLU()
            return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), activation, nn.Linear(256, 256), activation,
                                 nn.Linear(256, 1))
        """,
        "generator": """
            relu = nn.ReLU()
            return nn.Sequential(nn.Linear(noise_dim, 1024), relu, nn.Linear(1024, 1024), relu,
                                 nn.Linear(1024, 28 * 28), nn.Tanh(), nn.Flatten())
        """},
    "layers from a loop, with names": {
        "discriminator": """
            from collections import OrderedDict
            layers, sizes = OrderedDict(), [784, 256, 256, 1]
            for k in range(3):
                layers[f"fc{k}"] = nn.Linear(sizes[k], sizes[k + 1])
                if k < 2:
                    layers[f"act{k}"] = nn.LeakyReLU(0.01)
            return nn.Sequential(layers)
        """,
        "generator": """
            model = nn.Sequential()
            model.add_module("in", nn.Sequential(nn.Linear(noise_dim, 1024), nn.ReLU()))
            model.add_module("mid", nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()))
            model.add_module("out", nn.Sequential(nn.Linear(1024, 784), nn.Tanh()))
            return model
        """},
    "lazy layers after a dry run": {
        "discriminator": """
            model = nn.Sequential(nn.LazyLinear(256), nn.LeakyReLU(0.01), nn.LazyLinear(256), nn.LeakyReLU(0.01),
                                  nn.LazyLinear(1))
            model(torch.zeros(1, 784))
            return model
        """,
        "generator": """
            model = nn.Sequential(nn.LazyLinear(1024), nn.ReLU(), nn.LazyLinear(1024), nn.ReLU(), nn.LazyLinear(784),
                                  nn.Tanh())
            model(torch.zeros(2, noise_dim))
            return model
        """},
    "own initial weights": {
        "discriminator": """
            model = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.01), nn.Linear(256, 256), nn.LeakyReLU(0.01),
                                  nn.Linear(256, 1))
            for layer in model:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_normal_(layer.weight)
                    nn.init.zeros_(layer.bias)
            return model
        """,
        "generator": """
            model = nn.Sequential(nn.Linear(noise_dim, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(),
                                  nn.Linear(1024, 784), nn.Tanh())
            return model.apply(initialize_weights)
        """},
    "parts called by their forward": {
        "file": [("def discriminator():", '''class Chain(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x


def discriminator():''')],
        "discriminator": [("nn.Sequential(", "Chain(")],
        "generator": [("nn.Sequential(", "Chain(")],
        "build_dc_classifier": [("nn.Sequential(", "Chain(")],
        "build_dc_generator": [("nn.Sequential(", "Chain(")],
        "FashionGenerator.forward": """
            for layer in self.layers:
                z = layer.forward(z)
            return z
        """,
        "FashionDiscriminator.forward": "return self.layers.forward(x)"},
    "blocks in blocks": {
        "discriminator": """
            def block(inputs, outputs):
                return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.01)]

            return nn.Sequential(*block(784, 256), *block(256, 256), nn.Linear(256, 1), nn.Identity())
        """,
        "generator": """
            def block(inputs, outputs, activation=nn.ReLU):
                return nn.Sequential(nn.Linear(inputs, outputs), activation())

            return nn.Sequential(block(noise_dim, 1024), block(1024, 1024), block(1024, 784, nn.Tanh))
        """},
    # The losses
    "softplus": {
        "discriminator_loss": "return F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()",
        "generator_loss": "return nn.Softplus()(-logits_fake).mean()"},
    "logsigmoid": {
        "discriminator_loss": "return -F.logsigmoid(logits_real).mean() - F.logsigmoid(-logits_fake).mean()",
        "generator_loss": "return -torch.mean(F.logsigmoid(logits_fake))"},
    "logsigmoid less the logit": {
        "discriminator_loss": """
            log_d_real = F.logsigmoid(logits_real)
            log_not_d_fake = F.logsigmoid(logits_fake) - logits_fake
            return -(log_d_real.mean() + log_not_d_fake.mean())
        """,
        "generator_loss": "return nn.LogSigmoid()(logits_fake).mean().neg()"},
    "BCEWithLogitsLoss": {
        "discriminator_loss": """
            criterion = nn.BCEWithLogitsLoss()
            loss_real = criterion(logits_real, torch.ones_like(logits_real))
            loss_fake = criterion(logits_fake, torch.zeros_like(logits_fake))
            return loss_real + loss_fake
        """,
        "generator_loss": """
            bce = nn.BCEWithLogitsLoss(reduction="sum")
            return bce(logits_fake, torch.ones_like(logits_fake)) / logits_fake.numel()
        """},
    "labels of a size, on a device": {
        "discriminator_loss": """
            true_labels = torch.ones(logits_real.size(), device=logits_real.device)
            false_labels = torch.zeros(logits_fake.size(), device=logits_fake.device)
            loss = F.binary_cross_entropy_with_logits(logits_real, true_labels)
            loss += F.binary_cross_entropy_with_logits(logits_fake, false_labels)
            return loss
        """,
        "generator_loss": """
            true_labels = torch.ones(logits_fake.shape, device=logits_fake.device).to(logits_fake.dtype)
            return F.binary_cross_entropy_with_logits(logits_fake, true_labels, reduction="mean")
        """},
    "labels by new_ones and full_like": {
        "discriminator_loss": """
            bce = F.binary_cross_entropy_with_logits
            ones, zeros = logits_real.new_ones(logits_real.shape), logits_fake.new_zeros(logits_fake.shape)
            return bce(logits_real, ones, reduction="none").mean() + bce(logits_fake, zeros, reduction="none").mean()
        """,
        "generator_loss": """
            return F.binary_cross_entropy_with_logits(logits_fake, torch.full_like(logits_fake, 1.0))
        """},
    "labels by expand": {
        "discriminator_loss": """
            one = torch.tensor(1.0, dtype=logits_real.dtype, device=logits_real.device)
            return F.binary_cross_entropy_with_logits(logits_real, one.expand(logits_real.shape)) \\
                + F.binary_cross_entropy_with_logits(logits_fake, (1 - one).expand_as(logits_fake))
        """,
        "generator_loss": """
            one = torch.ones(1, dtype=logits_fake.dtype, device=logits_fake.device)
            return F.binary_cross_entropy_with_logits(logits_fake.flatten(), one.expand(logits_fake.numel()))
        """},
    "the stable formula by hand": {
        "discriminator_loss": """
            def bce(s, y):
                return (s.clamp(min=0) - s * y + torch.log1p(torch.exp(-s.abs()))).mean()

            return bce(logits_real, 1) + bce(logits_fake, 0)
        """,
        "generator_loss": """
            zero = torch.zeros_like(logits_fake)
            return torch.logaddexp(zero, -logits_fake).mean()
        """},
    "both together, each with its own mean": {
        "discriminator_loss": """
            real, fake = logits_real.flatten(), logits_fake.flatten()
            labels = torch.cat((torch.ones_like(real), torch.zeros_like(fake)))
            losses = F.binary_cross_entropy_with_logits(torch.cat((real, fake)), labels, reduction="none")
            return losses[:len(real)].mean() + losses[len(real):].mean()
        """},
    "the other loss called": {
        "discriminator_loss": """
            return generator_loss(logits_real) + generator_loss(-logits_fake)
        """,
        "generator_loss": """
            loss = None
            labels = torch.ones_like(logits_fake, requires_grad=False)
            loss = F.binary_cross_entropy_with_logits(input=logits_fake, target=labels)
            return loss
        """},
    "one logit after the other": {
        "discriminator_loss": """
            loss_real, loss_fake = 0, 0
            for logit in logits_real.reshape(-1):
                loss_real = loss_real + F.binary_cross_entropy_with_logits(logit, torch.ones_like(logit))
            for logit in logits_fake.reshape(-1):
                loss_fake = loss_fake + F.softplus(logit)
            return loss_real / logits_real.numel() + loss_fake / logits_fake.numel()
        """,
        "generator_loss": """
            losses = [F.binary_cross_entropy_with_logits(row, torch.ones_like(row)) for row in logits_fake]
            return torch.stack(losses).mean()
        """},
    "losses compiled by torch.jit.script": {
        "file": [("def discriminator_loss(", """@torch.jit.script
def negative_log_sigmoid(logits: torch.Tensor) -> torch.Tensor:
    return F.softplus(-logits).mean()


def discriminator_loss(""")],
        "discriminator_loss": "return negative_log_sigmoid(logits_real) + negative_log_sigmoid(-logits_fake)",
        "generator_loss": "return negative_log_sigmoid(logits_fake)"},
    # get_optimizer
    "Adam by keywords": {"get_optimizer": """
        from torch import optim
        optimizer = None
        optimizer = optim.Adam(params=model.parameters(), betas=[0.5, 0.999], lr=0.001, eps=1e-08, weight_decay=0)
        return optimizer
    """},
    "Adam by position": {"get_optimizer": "return torch.optim.Adam(list(model.parameters()), 1e-3, (0.5, 0.999))"},
    "trainable parameters only": {"get_optimizer": """
        params = filter(lambda p: p.requires_grad, model.parameters())
        return torch.optim.Adam(params, lr=1e-3, betas=(0.5, 0.999))
    """},
    "fused Adam": {"get_optimizer": [("0.999)", "0.999), fused=True")]},
    "Adam over lists": {"get_optimizer": [("0.999)", "0.999), foreach=True")]},
    "two parameter groups": {"get_optimizer": """
        weights = [p for name, p in model.named_parameters() if name.endswith("weight")]
        others = [p for name, p in model.named_parameters() if not name.endswith("weight")]
        return torch.optim.Adam([{"params": weights}, {"params": others}], lr=1e-3, betas=(0.5, 0.999))
    """},
    "one group with its own rates": {"get_optimizer": """
        return torch.optim.Adam([{"params": model.parameters(), "lr": 1e-3, "betas": (0.5, 0.999)}])
    """},
    "rates set afterwards": {"get_optimizer": """
        optimizer = torch.optim.Adam(model.parameters())
        for group in optimizer.param_groups:
            group["lr"] = 0.001
            group["betas"] = (0.5, 0.999)
        return optimizer
    """},
    "named parameters": {"get_optimizer": [("model.parameters()", "model.named_parameters()")]},
    "AdamW without decay": {"get_optimizer": [("optim.Adam(", "optim.AdamW("), ("0.999)", "0.999), weight_decay=0.0")]},
    # update
    "gradients of all weights, cleared by the networks": {"update": """
        fake_images = G(noise)
        logits_real = D(x)
        logits_fake = D(fake_images.detach())
        d_loss = discriminator_loss(logits_real, logits_fake)
        D.zero_grad()
        d_loss.backward()
        D_solver.step()

        G.zero_grad()
        g_loss = generator_loss(D(fake_images))
        g_loss.backward()
        G_solver.step()
        return dict(d_loss=d_loss.detach(), g_loss=g_loss.detach(), d_real=torch.sigmoid(logits_real).mean().detach(),
                    d_fake=torch.sigmoid(logits_fake).mean().detach())
    """},
    "both cleared at the start, then D once more": {"update": """
        D.train()
        G.train()
        D_solver.zero_grad(set_to_none=False)
        G_solver.zero_grad(set_to_none=False)
        real, fake = D(x), G(noise)
        judged = D(fake.data)
        d_loss = discriminator_loss(real, judged)
        d_loss.backward()
        D_solver.step()
        D_solver.zero_grad()
        g_loss = generator_loss(D.forward(fake))
        g_loss.backward()
        G_solver.step()
        with torch.no_grad():
            d_real, d_fake = 1 / (1 + torch.exp(-real)), judged.sigmoid()
        return {"d_fake": d_fake.mean(), "d_real": d_real.mean(), "g_loss": g_loss.data, "d_loss": d_loss.data}
    """},
    "cleared after each step": {"update": """
        fake = G(noise)
        logits_fake, logits_real = D(fake.detach()), D(x)
        d_loss = discriminator_loss(logits_real, logits_fake)
        d_loss.backward()
        D_solver.step()
        g_loss = generator_loss(D(fake))
        g_loss.backward()
        G_solver.step()
        D_solver.zero_grad()
        G_solver.zero_grad()
        return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach(),
                "d_real": logits_real.detach().sigmoid().mean(), "d_fake": logits_fake.detach().sigmoid().mean()}
    """},
    "images made twice of the same noise": {"update": [
        ("fake = G(noise)", "with torch.no_grad():\n    fake = G(noise)"),
        ("generator_loss(D(fake))", "generator_loss(D(G(noise)))")]},
    "the discriminator frozen meanwhile": {"update": [
        ("g_loss = generator_loss", "for w in D.parameters():\n    w.requires_grad = False\ng_loss = generator_loss"),
        ("inputs=[w for w in G.parameters() if w.requires_grad]", ""),
        ("G_solver.step()", "G_solver.step()\nD.requires_grad_(True)")]},
    "the generator frozen for the discriminator": {"update": [
        ("logits_real, logits_fake = D(x), D(fake.detach())",
         "G.requires_grad_(False)\nlogits_real, logits_fake = D(x), D(G(noise))\nG.requires_grad_(True)")]},
    "gradients by autograd.grad": {"update": [
        ("d_loss.backward()",
         "for w, d in zip(D.parameters(), torch.autograd.grad(d_loss, list(D.parameters()))):\n    w.grad = d"),
        ("g_loss.backward(inputs=[w for w in G.parameters() if w.requires_grad])",
         "for w, d in zip(G.parameters(), torch.autograd.grad(g_loss, tuple(G.parameters()))):\n    w.grad = d")]},
    "backward into the discriminator's weights only": {"update": [
        ("D(fake.detach())", "D(fake)"),
        ("d_loss.backward()", "d_loss.backward(inputs=list(D.parameters()), retain_graph=True)")]},
    "steps with closures": {"update": """
        fake, kept = G(noise), {}

        def judge():
            D_solver.zero_grad()
            real, made = D(x), D(fake.detach())
            loss = discriminator_loss(real, made)
            loss.backward()
            kept.update(d_loss=loss.detach(), d_real=real.detach().sigmoid().mean(),
                        d_fake=made.detach().sigmoid().mean())
            return loss

        def paint():
            G_solver.zero_grad()
            loss = generator_loss(D(fake))
            loss.backward()
            kept["g_loss"] = loss.detach().clone()
            return loss

        D_solver.step(judge)
        G_solver.step(paint)
        return kept
    """},
    # The convolutional networks
    "convolutions in own modules": {
        "file": [("def build_dc_classifier():", '''class ConvJudge(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.fc1 = nn.Linear(4 * 4 * 64, 4 * 4 * 64)
        self.fc2 = nn.Linear(4 * 4 * 64, 1)

    def forward(self, x):
        x = x.view(-1, 1, 28, 28)
        x = F.max_pool2d(F.leaky_relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.leaky_relu(self.conv2(x)), kernel_size=2, stride=2)
        x = torch.flatten(x, start_dim=1)
        return self.fc2(F.leaky_relu(self.fc1(x)))


class ConvPainter(nn.Module):
    def __init__(self, noise_dim):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(noise_dim, 1024), nn.BatchNorm1d(1024)
        self.fc2, self.bn2 = nn.Linear(1024, 6272), nn.BatchNorm1d(6272)
        self.up1, self.bn3 = nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64)
        self.up2 = nn.ConvTranspose2d(64, 1, 4, 2, 1)

    def forward(self, z):
        x = self.bn1(F.relu(self.fc1(z)))
        x = self.bn2(F.relu(self.fc2(x)))
        x = x.reshape(len(x), 128, 7, 7)
        x = self.bn3(F.relu(self.up1(x)))
        return torch.tanh(self.up2(x)).reshape(len(x), -1)


def build_dc_classifier():''')],
        "build_dc_classifier": "return ConvJudge()",
        "build_dc_generator": "return ConvPainter(noise_dim)"},
    "convolutions declared last first": {
        "file": [("def build_dc_classifier():", '''class ConvJudge(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(1024, 1024), nn.LeakyReLU(0.01), nn.Linear(1024, 1))
        self.body = nn.Sequential(nn.Conv2d(1, 32, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2),
                                  nn.Conv2d(32, 64, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2))

    def forward(self, x):
        return self.head(self.body(x.unflatten(-1, (1, 28, 28))))


class ConvPainter(nn.Module):
    def __init__(self, noise_dim):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm1d(1024), nn.BatchNorm1d(6272), nn.BatchNorm2d(64)])
        self.ups = nn.ModuleList([nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.ConvTranspose2d(64, 1, 4, 2, 1)])
        self.linears = nn.ModuleList([nn.Linear(noise_dim, 1024), nn.Linear(1024, 6272)])

    def forward(self, z):
        for linear, norm in zip(self.linears, self.norms):
            z = norm(torch.relu(linear(z)))
        z = self.norms[2](torch.relu(self.ups[0](z.view(-1, 128, 7, 7))))
        return torch.tanh(self.ups[1](z)).flatten(1)


def build_dc_classifier():''')],
        "build_dc_classifier": "return ConvJudge()",
        "build_dc_generator": "return ConvPainter(noise_dim)"},
    "old Flatten and Unflatten modules": {
        "file": [("def build_dc_classifier():", OLD_SHAPES)],
        "build_dc_classifier": """
            return nn.Sequential(
                Unflatten(-1, 1, 28, 28),
                nn.Conv2d(1, 32, kernel_size=5, stride=1), nn.LeakyReLU(negative_slope=0.01),
                nn.MaxPool2d(2, stride=2),
                nn.Conv2d(32, 64, kernel_size=5, stride=1), nn.LeakyReLU(negative_slope=0.01),
                nn.MaxPool2d(kernel_size=2, stride=2),
                Flatten(),
                nn.Linear(4*4*64, 4*4*64), nn.LeakyReLU(negative_slope=0.01),
                nn.Linear(4*4*64, 1))
        """,
        "build_dc_generator": """
            return nn.Sequential(
                nn.Linear(noise_dim, 1024), nn.ReLU(), nn.BatchNorm1d(1024),
                nn.Linear(1024, 7*7*128), nn.ReLU(), nn.BatchNorm1d(7*7*128),
                Unflatten(-1, 128, 7, 7),
                nn.ConvTranspose2d(in_channels=128, out_channels=64, kernel_size=4, stride=2, padding=1),
                nn.ReLU(inplace=True), nn.BatchNorm2d(num_features=64),
                nn.ConvTranspose2d(in_channels=64, out_channels=1, kernel_size=4, stride=2, padding=1),
                nn.Tanh(), Flatten())
        """},
    "pooling before the LeakyReLU": {"build_dc_classifier": """
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, (5, 5), padding="valid"), nn.MaxPool2d(2), nn.LeakyReLU(inplace=True),
            nn.Conv2d(32, 64, (5, 5), padding="valid"), nn.MaxPool2d(2), nn.LeakyReLU(inplace=True),
            nn.Flatten(), nn.Linear(1024, 1024), nn.LeakyReLU(inplace=True), nn.Linear(1024, 1))
    """},
    "no Tanh in the coursework's list": {"build_dc_generator": [(" nn.Tanh(),", "")]},
    "Unflatten of the last axis": {
        "build_dc_classifier": [("nn.Unflatten(1,", "nn.Unflatten(-1,")],
        "build_dc_generator": [("nn.Unflatten(1,", "nn.Unflatten(dim=-1, unflattened_size="),
                               ("nn.Flatten())", "nn.Flatten(1, -1))")]},
    "lazy convolutions after a dry run": {
        "build_dc_classifier": """
            model = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)), nn.LazyConv2d(32, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2),
                nn.LazyConv2d(64, 5), nn.LeakyReLU(0.01), nn.MaxPool2d(2), nn.Flatten(),
                nn.LazyLinear(1024), nn.LeakyReLU(0.01), nn.LazyLinear(1))
            model(torch.zeros(1, 784))
            return model
        """},
    "blocks and a half": {
        "build_dc_classifier": """
            def block(inputs, outputs):
                return nn.Sequential(nn.Conv2d(inputs, outputs, 5), nn.LeakyReLU(0.01), nn.MaxPool2d((2, 2), (2, 2)))

            features = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), block(1, 32), block(32, 64), nn.Flatten())
            return nn.Sequential(features, nn.Linear(1024, 1024), nn.LeakyReLU(0.01), nn.Linear(1024, 1))
        """,
        "build_dc_generator": """
            layers = []
            for inputs, outputs in ((noise_dim, 1024), (1024, 7 * 7 * 128)):
                layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.BatchNorm1d(outputs)]
            layers += [nn.Unflatten(1, (128, 7, 7)), nn.ConvTranspose2d(128, 64, (4, 4), (2, 2), (1, 1)), nn.ReLU(),
                       nn.BatchNorm2d(64), nn.ConvTranspose2d(64, 1, (4, 4), (2, 2), (1, 1)), nn.Tanh(),
                       nn.Flatten(start_dim=1)]
            return nn.Sequential(*layers).train()
        """},
    "own first weights in the convolutions": {
        "build_dc_classifier": [("return nn.Sequential(", "model = nn.Sequential("),
                                ("4 * 64, 1))", "4 * 64, 1))\nmodel.apply(initialize_weights)\nreturn model")],
        "build_dc_generator": [("return nn.Sequential(", "model = nn.Sequential("),
                               ("nn.Flatten())", "nn.Flatten())\nmodel.apply(initialize_weights)\nreturn model")]},
    # initialize_weights
    "by the class's name": {"initialize_weights": """
        classname = module.__class__.__name__
        if classname.find("Conv") != -1 or classname.find("Linear") != -1:
            if scheme == "normal":
                module.weight.data.normal_(0.0, 0.02)
            elif scheme == "xavier":
                nn.init.xavier_uniform_(module.weight.data)
            elif scheme == "kaiming":
                nn.init.kaiming_uniform_(module.weight.data)
            if scheme != "default" and module.bias is not None:
                module.bias.data.fill_(0)
    """},
    "uniform draws of both": {"initialize_weights": [("xavier_normal_", "xavier_uniform_"),
                                                     ("kaiming_normal_", "kaiming_uniform_")]},
    "kaiming for ReLU": {"initialize_weights": [
        ("kaiming_normal_(module.weight)", 'kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")')]},
    "kaiming for LeakyReLU": {"initialize_weights": [("kaiming_normal_(module.weight)",
                                                      "kaiming_uniform_(module.weight, a=0.01)")]},
    "kaiming by the outputs, biases before": {"initialize_weights": """
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            if scheme != "default" and module.bias is not None:
                module.bias.data.zero_()
            if scheme == "normal":
                torch.nn.init.normal_(module.weight, std=0.02)
            elif scheme == "xavier":
                torch.nn.init.xavier_uniform_(module.weight.data)
            elif scheme == "kaiming":
                torch.nn.init.kaiming_normal_(module.weight.data, mode="fan_out", nonlinearity="relu")
    """},
    "BatchNorm as in the DCGAN paper's code": {"initialize_weights": """
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            if scheme == "normal":
                nn.init.normal_(module.weight.data, 0.0, 0.02)
            elif scheme == "xavier":
                nn.init.xavier_normal_(module.weight.data)
            elif scheme == "kaiming":
                nn.init.kaiming_normal_(module.weight.data)
            else:
                return
            if module.bias is not None:
                nn.init.constant_(module.bias.data, 0)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and scheme == "normal":
            nn.init.normal_(module.weight.data, 1.0, 0.02)
            nn.init.constant_(module.bias.data, 0)
    """},
    "a dictionary of functions": {"initialize_weights": """
        draw = {"normal": lambda w: nn.init.normal_(w, std=0.02), "xavier": nn.init.xavier_uniform_,
                "kaiming": nn.init.kaiming_normal_, "default": None}[scheme]
        if draw is not None and type(module) in (nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
            draw(module.weight)
            if getattr(module, "bias", None) is not None:
                torch.nn.init.constant_(module.bias, 0.0)
    """},
    "drawn under no_grad": {"initialize_weights": """
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and scheme != "default":
            with torch.no_grad():
                w = module.weight
                fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(w)
                std = {"normal": 0.02, "xavier": (2 / (fan_in + fan_out)) ** 0.5, "kaiming": (2 / fan_in) ** 0.5}
                w.copy_(torch.randn_like(w) * std[scheme])
                if module.bias is not None:
                    module.bias.zero_()
    """},
    "inputs counted by hand": {"initialize_weights": """
        if isinstance(module, nn.Linear):
            inputs, outputs = module.in_features, module.out_features
        elif isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            area = module.kernel_size[0] * module.kernel_size[1]
            inputs, outputs = module.in_channels * area, module.out_channels * area
        else:
            return module
        stds = {"normal": 0.02, "xavier": (2 / (inputs + outputs)) ** 0.5, "kaiming": (2 / inputs) ** 0.5}
        if scheme in stds:
            nn.init.trunc_normal_(module.weight, std=stds[scheme], a=-10, b=10)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        return module
    """},
    "all layers inside": {"initialize_weights": """
        for layer in module.modules():
            if not isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                continue
            if scheme == "default":
                continue
            if scheme == "normal":
                nn.init.normal_(layer.weight, mean=0.0, std=0.02)
            if scheme == "xavier":
                nn.init.xavier_normal_(layer.weight)
            if scheme == "kaiming":
                nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                layer.bias.data.zero_()
    """},
    # The student's own networks
    "1 to 4 to 7 to 14 to 28": {
        "FashionGenerator.__init__": """
            self.noise_dim = noise_dim
            self.net = nn.Sequential(
                nn.ConvTranspose2d(noise_dim, 256, 4, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU(True),
                nn.ConvTranspose2d(256, 128, 3, 2, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU(True),
                nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
                nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh())
        """,
        "FashionGenerator.forward": """
            z = z.view(-1, self.noise_dim, 1, 1)
            return self.net(z).view(-1, 784)
        """,
        "FashionDiscriminator.__init__": """
            self.net = nn.Sequential(
                nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(128, 256, 3, 2, 1, bias=False), nn.BatchNorm2d(256), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(256, 1, 4, 1, 0, bias=False))
        """,
        "FashionDiscriminator.forward": "return self.net(x.view(-1, 1, 28, 28)).view(-1, 1)"},
    "upsampling, spectral_norm and Dropout": {
        "FashionGenerator.__init__": """
            self.fc = nn.Linear(noise_dim, 128 * 7 * 7)
            self.conv_blocks = nn.Sequential(
                nn.BatchNorm2d(128), nn.Upsample(scale_factor=2),
                nn.Conv2d(128, 128, 3, stride=1, padding=1), nn.BatchNorm2d(128, 0.8), nn.LeakyReLU(0.2, inplace=True),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(128, 64, 3, stride=1, padding=1), nn.BatchNorm2d(64, 0.8), nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(64, 1, 3, stride=1, padding=1))
        """,
        "FashionGenerator.forward": """
            out = self.fc(z)
            out = out.view(out.shape[0], 128, 7, 7)
            return 2 * torch.sigmoid(self.conv_blocks(out)).flatten(1) - 1
        """,
        "FashionDiscriminator.__init__": """
            spectral_norm = nn.utils.parametrizations.spectral_norm
            self.layers = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)),
                spectral_norm(nn.Conv2d(1, 32, 3, stride=2, padding=1)), nn.LeakyReLU(0.2), nn.Dropout2d(0.25),
                spectral_norm(nn.Conv2d(32, 64, 3, stride=2, padding=1)), nn.LeakyReLU(0.2), nn.Dropout2d(0.25),
                nn.Flatten(), nn.Dropout(0.3), spectral_norm(nn.Linear(64 * 7 * 7, 1)))
        """},
    "mostly fully connected, with BatchNorm": {
        "FashionGenerator.__init__": """
            def block(in_feat, out_feat, normalize=True):
                layers = [nn.Linear(in_feat, out_feat)]
                if normalize:
                    layers.append(nn.BatchNorm1d(out_feat, 0.8))
                layers.append(nn.LeakyReLU(0.2, inplace=True))
                return layers

            self.model = nn.Sequential(
                *block(noise_dim, 128, normalize=False), *block(128, 256), *block(256, 512), *block(512, 1024),
                nn.Linear(1024, 784), nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 1, 3, padding=1), nn.Tanh())
        """,
        "FashionGenerator.forward": """
            img = self.model(z)
            return img.view(img.size(0), 784)
        """,
        "FashionDiscriminator.__init__": """
            self.model = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Flatten(),
                nn.Linear(1568, 512), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3),
                nn.Linear(512, 256), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3),
                nn.Linear(256, 1))
        """,
        "FashionDiscriminator.forward": """
            img_flat = x.view(x.size(0), -1)
            validity = self.model(img_flat)
            return validity
        """},
    "old spectral_norm, pixel shuffle": {
        "FashionGenerator.__init__": """
            self.start = nn.Linear(noise_dim, 64 * 7 * 7)
            self.up1, self.up2 = nn.Conv2d(64, 128, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
            self.norm1, self.norm2 = nn.GroupNorm(4, 32), nn.GroupNorm(4, 16)
            self.shuffle = nn.PixelShuffle(2)
            self.end = nn.utils.spectral_norm(nn.Conv2d(16, 1, 5, padding=2))
        """,
        "FashionGenerator.forward": """
            x = F.silu(self.start(z)).view(-1, 64, 7, 7)
            x = F.silu(self.norm1(self.shuffle(self.up1(x))))
            x = F.silu(self.norm2(self.shuffle(self.up2(x))))
            return torch.tanh(self.end(x)).flatten(start_dim=1)
        """,
        "FashionDiscriminator.__init__": """
            sn = nn.utils.spectral_norm
            self.convs = nn.ModuleList([sn(nn.Conv2d(1, 16, 4, 2, 1)), sn(nn.Conv2d(16, 32, 4, 2, 1))])
            self.out = sn(nn.Linear(32, 1))
        """,
        "FashionDiscriminator.forward": """
            x = x.reshape(x.shape[0], 1, 28, 28)
            for conv in self.convs:
                x = F.leaky_relu(conv(x), 0.1)
            return self.out(x.sum(dim=(2, 3)))
        """},
    "lazy layers": {
        "FashionGenerator.__init__": """
            self.layers = nn.Sequential(
                nn.LazyLinear(64 * 7 * 7), nn.Unflatten(1, (64, 7, 7)), nn.LazyBatchNorm2d(), nn.ReLU(),
                nn.LazyConvTranspose2d(32, 2, stride=2), nn.LazyBatchNorm2d(), nn.ReLU(),
                nn.LazyConvTranspose2d(1, 2, stride=2), nn.Tanh(), nn.Flatten())
        """,
        "FashionDiscriminator.__init__": """
            self.layers = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)), nn.LazyConv2d(32, 5), nn.LeakyReLU(0.2), nn.AvgPool2d(2),
                nn.LazyConv2d(64, 5), nn.LeakyReLU(0.2), nn.AvgPool2d(2), nn.Flatten(), nn.LazyLinear(1))
        """},
    "attention that starts at zero": {
        "file": [("class FashionGenerator(nn.Module):", '''class Attention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.query, self.key = nn.Conv2d(size, size // 8, 1), nn.Conv2d(size, size // 8, 1)
        self.value = nn.Conv2d(size, size, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
        return x + self.gamma * (value @ weights.transpose(1, 2)).view(x.shape)


class FashionGenerator(nn.Module):''')],
        "FashionGenerator.__init__": """
            self.layers = nn.Sequential(
                nn.Linear(noise_dim, 64 * 7 * 7, bias=False), nn.BatchNorm1d(64 * 7 * 7), nn.ReLU(),
                nn.Unflatten(1, (64, 7, 7)), Attention(64),
                nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
                nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Tanh(), nn.Flatten())
        """,
        "FashionDiscriminator.__init__": """
            self.layers = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
                nn.Conv2d(32, 64, 4, stride=2, padding=1), nn.InstanceNorm2d(64), nn.LeakyReLU(0.2), Attention(64),
                nn.Flatten(), nn.Linear(64 * 7 * 7, 1))
        """},
    "statistics of the batch, noise on the images": {
        "FashionGenerator.__init__": """
            self.layers = nn.Sequential(nn.Linear(noise_dim, 256), nn.LayerNorm(256), nn.GELU(), nn.Dropout(0.2),
                                        nn.Unflatten(1, (16, 4, 4)), nn.ConvTranspose2d(16, 1, 7, stride=7), nn.Tanh(),
                                        nn.Flatten())
        """,
        "FashionGenerator.forward": """
            z = z / z.norm(dim=1, keepdim=True).clamp(min=1e-6)
            return self.layers(z + 0.01 * torch.randn_like(z))
        """,
        "FashionDiscriminator.__init__": """
            self.body = nn.Sequential(
                nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2),
                nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
            self.head = nn.Linear(64 * 7 * 7 + 1, 1)
        """,
        "FashionDiscriminator.forward": """
            if self.training:
                x = x + 0.05 * torch.randn_like(x)
            h = self.body(x)
            spread = (h.var(dim=0, unbiased=False) + 1e-8).sqrt().mean().expand(len(h), 1)
            return self.head(torch.cat((h, spread), dim=1))
        """},
    "deep, with logits close to each other": {
        "FashionGenerator.__init__": """
            self.layers = nn.Sequential(nn.Unflatten(1, (noise_dim, 1, 1)), nn.ConvTranspose2d(noise_dim, 16, 4),
                                        nn.Flatten(), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256),
                                        nn.ReLU(), nn.Linear(256, 784), nn.Hardtanh())
        """,
        "FashionDiscriminator.__init__": """
            layers = [nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 7, stride=7), nn.Flatten(), nn.LeakyReLU(0.2)]
            for _ in range(6):
                layers += [nn.Linear(128, 128), nn.LeakyReLU(0.2)]
            self.layers = nn.Sequential(*layers, nn.Linear(128, 1))
        """},
    "a bias that starts at 0.5": {
        "FashionDiscriminator.__init__": """
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 5, stride=2, padding=2), nn.Conv2d(32, 64, 5, stride=2, padding=2)
            self.linear = nn.Linear(64 * 7 * 7, 1)
            self.apply(initialize_weights)
            nn.init.constant_(self.linear.bias, 0.5)
        """,
        "FashionDiscriminator.forward": """
            x = F.leaky_relu(self.conv1(x.view(-1, 1, 28, 28)), 0.2)
            x = F.leaky_relu(self.conv2(x), 0.2)
            return self.linear(x.flatten(1))
        """},
}

# name -> (item that loses points, words that its message or hint holds, change)
WRONG = {}


def mistakes(item, entries):
    """Add the mistakes of one item."""
    for name, (words, change) in entries.items():
        WRONG[f"{item.split('.')[1]}: {name}"] = (item, words, change)


NOISE = "torch.rand(batch_size, noise_dim, dtype=dtype, device=device)"
ALL_NOISE = f"2 * {NOISE} - 1"


def noise(text):
    """A change: what sample_noise returns."""
    return {"sample_noise": [(ALL_NOISE, text)]}


mistakes("gan.sample_noise", {
    "in [0, 1]": ("from [0, 1)", noise(NOISE)),
    "randn": ("not torch.randn", noise("torch.randn(batch_size, noise_dim, dtype=dtype, device=device)")),
    "randn, stretched like rand": (
        "not torch.randn", noise("2 * torch.randn(batch_size, noise_dim, dtype=dtype, device=device) - 1")),
    "randn, clamped": (
        "not uniformly distributed",
        noise("torch.randn(batch_size, noise_dim, dtype=dtype, device=device).clamp(-1, 1)")),
    "tanh of randn": (
        "not uniformly distributed",
        noise("torch.tanh(torch.randn(batch_size, noise_dim, dtype=dtype, device=device))")),
    "in [-0.5, 0.5]": ("from -0.5 to 0.5", noise(f"{NOISE} - 0.5")),
    "in [0, 2]": ("subtract 1", noise(f"2 * {NOISE}")),
    "in [-1, 0]": ("from -1 to -", noise(f"{NOISE} - 1")),
    "only -1 and 1": ("2 different values only", noise(f"2 * {NOISE}.round() - 1")),
    "whole numbers": (
        "3 different values only", noise("torch.randint(-1, 2, (batch_size, noise_dim)).to(device, dtype)")),
    "the square of uniform noise": ("not uniformly distributed", noise(f"2 * {NOISE} ** 2 - 1")),
    "shape the other way round": (
        "should have shape", noise(ALL_NOISE.replace("batch_size, noise_dim", "noise_dim, batch_size"))),
    "flat": ("should have shape", noise(f"({ALL_NOISE}).flatten()")),
    "as images of one pixel": ("should have shape", noise(f"({ALL_NOISE}).view(batch_size, noise_dim, 1, 1)")),
    "one row for the batch": (
        "draw each row anew", noise("(" + ALL_NOISE.replace("batch_size", "1") + ").repeat(batch_size, 1)")),
    "one number for the row": (
        "draw noise_dim numbers", noise("(" + ALL_NOISE.replace("noise_dim", "1") + ").repeat(1, noise_dim)")),
    "96 numbers always": ("should have shape", noise(ALL_NOISE.replace("noise_dim", "96"))),
    "128 images always": ("should have shape", noise(ALL_NOISE.replace("batch_size", "128"))),
    "dtype ignored": ("has dtype torch.float32", noise(ALL_NOISE.replace("dtype=dtype, ", ""))),
    "device ignored": ("fixed device", noise(ALL_NOISE.replace(", device=device", ""))),
    "neither dtype nor device": (
        "has dtype torch.float32", noise("torch.FloatTensor(batch_size, noise_dim).uniform_(-1, 1)")),
    "a seed inside": ("seed", {"sample_noise": [("return", "torch.manual_seed(0)\nreturn")]}),
    "a generator with a fixed seed": ("seed", {"sample_noise": """
        rng = torch.Generator(device="cpu").manual_seed(42)
        return 2 * torch.rand(batch_size, noise_dim, generator=rng, dtype=dtype).to(device) - 1
    """}),
    "a numpy array": ("got ndarray", noise("(2 * torch.rand(batch_size, noise_dim) - 1).numpy()")),
})


def judge(first="nn.LeakyReLU(0.01)", second=None, linear="nn.Linear", end="nn.Linear(256, 1)"):
    """A change: the discriminator with other parts."""
    return {"discriminator": f"""
        return nn.Sequential(
            {linear}(784, 256), {first},
            nn.Linear(256, 256), {second or first},
            {end})
    """}


mistakes("gan.discriminator", {
    "slope 0.2": ("there is LeakyReLU with slope 0.2", judge("nn.LeakyReLU(0.2)")),
    "slope 0.001, as one sentence says": ("there is LeakyReLU with slope 0.001", judge("nn.LeakyReLU(0.001)")),
    "slope 0.1": ("there is LeakyReLU with slope 0.1", judge("nn.LeakyReLU(0.1)")),
    "one slope of two": ("layer 2 of the discriminator", judge("nn.LeakyReLU(0.01)", "nn.LeakyReLU(0.2)")),
    "ReLU": ("there is ReLU", judge("nn.ReLU()")),
    "ELU": ("there is ELU", judge("nn.ELU()")),
    "PReLU": ("it has 267,011", judge("nn.PReLU(init=0.01)")),
    "Tanh between": ("there is Tanh", judge("nn.Tanh()")),
    "no first activation": (
        "layer 1 of the discriminator, there should be LeakyReLU with slope 0.01, there is no activation",
        judge("nn.Identity()", "nn.LeakyReLU(0.01)")),
    "no second activation": (
        "layer 2 of the discriminator, there should be LeakyReLU with slope 0.01, there is no activation",
        judge("nn.LeakyReLU(0.01)", "nn.Identity()")),
    "no activation": ("there is no activation", judge("nn.Identity()")),
    "Sigmoid at the end": ("ends with Sigmoid", judge(end="nn.Linear(256, 1), nn.Sigmoid()")),
    "LeakyReLU at the end": ("ends with LeakyReLU", judge(end="nn.Linear(256, 1), nn.LeakyReLU(0.01)")),
    "Tanh at the end": ("ends with Tanh", judge(end="nn.Linear(256, 1), nn.Tanh()")),
    "output (N,)": ("should have shape", judge(end="nn.Linear(256, 1), nn.Flatten(0)")),
    "two outputs": ("Linear(256, 2)", judge(end="nn.Linear(256, 2)")),
    "no biases": ("Linear(784, 256) of the discriminator has no bias", {"discriminator": """
        return nn.Sequential(nn.Linear(784, 256, bias=False), nn.LeakyReLU(0.01), nn.Linear(256, 256, bias=False),
                             nn.LeakyReLU(0.01), nn.Linear(256, 1, bias=False))
    """}),
    "no last bias": ("Linear(256, 1) of the discriminator has no bias", judge(end="nn.Linear(256, 1, bias=False)")),
    "a layer missing": ("it runs Linear(784, 256), Linear(256, 1)", {"discriminator": """
        return nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.01), nn.Linear(256, 1))
    """}),
    "a layer more": (
        "it runs Linear(784, 256), Linear(256, 256), Linear(256, 256)",
        judge(end="nn.Linear(256, 256), nn.LeakyReLU(0.01), nn.Linear(256, 1)")),
    "128 units": ("it runs Linear(784, 128)", {"discriminator": """
        return nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 128), nn.LeakyReLU(0.01),
                             nn.Linear(128, 1))
    """}),
    "Dropout": ("Dropout", judge("nn.LeakyReLU(0.01), nn.Dropout(0.3)")),
    "BatchNorm": ("no BatchNorm", judge("nn.BatchNorm1d(256), nn.LeakyReLU(0.01)")),
    "BatchNorm without scale": ("no BatchNorm", judge("nn.BatchNorm1d(256, affine=False), nn.LeakyReLU(0.01)")),
    "LayerNorm without scale": (
        "and nothing else", judge("nn.LayerNorm(256, elementwise_affine=False), nn.LeakyReLU(0.01)")),
    "takes images of 28x28": (
        "should have shape", judge(linear="nn.Unflatten(1, (1, 28, 28)), nn.Flatten(2), nn.Linear")),
    "batch of 128 only": ("[128, 784]", judge(linear="nn.Flatten(0), nn.Unflatten(0, (128, 784)), nn.Linear")),
    "parameters frozen": (
        "no parameter of discriminator() learns",
        {"discriminator": [("return nn.Sequential(", "model = nn.Sequential("),
                           ("1))", "1))\nreturn model.requires_grad_(False)")]}),
    "nothing returned": ("NoneType", {"discriminator": [("return ", "model = ")]}),
})


def painter(first="nn.ReLU()", second=None, linear="nn.Linear", end="nn.Linear(1024, 784), nn.Tanh()"):
    """A change: the generator with other parts."""
    return {"generator": f"""
        return nn.Sequential(
            {linear}(noise_dim, 1024), {first},
            nn.Linear(1024, 1024), {second or first},
            {end})
    """}


mistakes("gan.generator", {
    "no Tanh": ("should end with Tanh, it ends with no activation", painter(end="nn.Linear(1024, 784)")),
    "Sigmoid": ("it ends with Sigmoid", painter(end="nn.Linear(1024, 784), nn.Sigmoid()")),
    "Hardtanh": ("it ends with Hardtanh", painter(end="nn.Linear(1024, 784), nn.Hardtanh()")),
    "Tanh twice": ("Tanh twice", painter(end="nn.Linear(1024, 784), nn.Tanh(), nn.Tanh()")),
    "ReLU before Tanh": ("it ends with Tanh after ReLU", painter(end="nn.Linear(1024, 784), nn.ReLU(), nn.Tanh()")),
    "LeakyReLU": ("there is LeakyReLU with slope 0.01", painter("nn.LeakyReLU(0.01)")),
    "LeakyReLU with 0.2": ("there is LeakyReLU with slope 0.2", painter("nn.LeakyReLU(0.2)")),
    "Tanh between": ("there is Tanh", painter("nn.Tanh()")),
    "no first ReLU": (
        "layer 1 of the generator, there should be ReLU, there is no activation",
        painter("nn.Identity()", "nn.ReLU()")),
    "no second ReLU": (
        "layer 2 of the generator, there should be ReLU, there is no activation",
        painter("nn.ReLU()", "nn.Identity()")),
    "96 noise numbers always": (
        "takes noise_dim numbers", {"generator": [("nn.Linear(noise_dim, 1024)", "nn.Linear(96, 1024)")]}),
    "4 noise numbers always": (
        "takes noise_dim numbers", {"generator": [("nn.Linear(noise_dim, 1024)", "nn.Linear(4, 1024)")]}),
    "default of 100": (
        "noise_dim is 96 if it is not given",
        {"file": [("def generator(noise_dim=96)", "def generator(noise_dim=100)")]}),
    "no default": (
        "missing 1 required positional argument: 'noise_dim'",
        {"file": [("def generator(noise_dim=96)", "def generator(noise_dim)")]}),
    "no biases": ("has no bias", {"generator": """
        return nn.Sequential(nn.Linear(noise_dim, 1024, bias=False), nn.ReLU(), nn.Linear(1024, 1024, bias=False),
                             nn.ReLU(), nn.Linear(1024, 784, bias=False), nn.Tanh())
    """}),
    "a layer missing": ("Linear(1024, 1024), Linear(1024, 784); it runs", {"generator": """
        return nn.Sequential(nn.Linear(noise_dim, 1024), nn.ReLU(), nn.Linear(1024, 784), nn.Tanh())
    """}),
    "a layer more": (
        "Linear(1024, 1024), Linear(1024, 1024)",
        painter(end="nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 784), nn.Tanh()")),
    "512 units": ("Linear(512, 512)", {"generator": """
        return nn.Sequential(nn.Linear(noise_dim, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                             nn.Linear(512, 784), nn.Tanh())
    """}),
    "images (N, 1, 28, 28)": (
        "should have shape", painter(end="nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))")),
    "BatchNorm": ("no BatchNorm", painter("nn.BatchNorm1d(1024), nn.ReLU()")),
    "BatchNorm without scale": ("no BatchNorm", painter("nn.ReLU(), nn.BatchNorm1d(1024, affine=False)")),
    "Dropout": ("Dropout", painter("nn.ReLU(), nn.Dropout(0.5)")),
    "the discriminator's layers": ("Linear to 1024", {"generator": "return discriminator()"}),
})

REAL = "F.binary_cross_entropy_with_logits(logits_real, torch.ones_like(logits_real))"
FAKE = "F.binary_cross_entropy_with_logits(logits_fake, torch.zeros_like(logits_fake))"


def judged(text):
    """A change: what discriminator_loss returns."""
    return {"discriminator_loss": [("real + fake", text)]}


mistakes("gan.discriminator_loss", {
    "labels swapped": ("labels are swapped", {"discriminator_loss": [
        ("torch.ones_like", "torch.zeros_like"), ("torch.zeros_like(logits_fake)", "torch.ones_like(logits_fake)")]}),
    "both real": (
        "generated images are labelled as real", {"discriminator_loss": [("torch.zeros_like", "torch.ones_like")]}),
    "both fake": (
        "real images are labelled as generated", {"discriminator_loss": [("torch.ones_like", "torch.zeros_like")]}),
    "real half only": ("half for the generated images is missing", judged("real")),
    "fake half only": ("half for the real images is missing", judged("fake")),
    "half of the sum": ("average of the two halves", judged("(real + fake) / 2")),
    "difference": ("second half has the wrong sign", judged("real - fake")),
    "sign": ("the sign is wrong", judged("-(real + fake)")),
    "sum over the batch": ("summed over the batch", {"discriminator_loss": [
        ("torch.ones_like(logits_real)", 'torch.ones_like(logits_real), reduction="sum"'),
        ("torch.zeros_like(logits_fake)", 'torch.zeros_like(logits_fake), reduction="sum"')]}),
    "not reduced": ("add the two means", {"discriminator_loss": [
        ("torch.ones_like(logits_real)", 'torch.ones_like(logits_real), reduction="none"'),
        ("torch.zeros_like(logits_fake)", 'torch.zeros_like(logits_fake), reduction="none"')]}),
    "mean over both together": ("one mean over all images: ", {"discriminator_loss": """
        logits = torch.cat((logits_real, logits_fake))
        labels = torch.cat((torch.ones_like(logits_real), torch.zeros_like(logits_fake)))
        return F.binary_cross_entropy_with_logits(logits, labels)
    """}),
    "twice the mean over both together": ("one mean over all images, doubled", {"discriminator_loss": """
        logits = torch.cat((logits_real, logits_fake))
        labels = torch.cat((torch.ones_like(logits_real), torch.zeros_like(logits_fake)))
        return 2 * F.binary_cross_entropy_with_logits(logits, labels)
    """}),
    "naive logarithms": ("not from log(sigmoid)", judged(
        "-torch.log(torch.sigmoid(logits_real)).mean() - torch.log(1 - torch.sigmoid(logits_fake)).mean()")),
    "logarithms with 1e-8": (
        "where sigmoid and log lose digits", judged("-torch.log(torch.sigmoid(logits_real) + 1e-8).mean()"
                                                    " - torch.log(1 - torch.sigmoid(logits_fake) + 1e-8).mean()")),
    "sigmoid, then cross entropy": ("where sigmoid and log lose digits", judged(
        "F.binary_cross_entropy(torch.sigmoid(logits_real), torch.ones_like(logits_real))"
        " + F.binary_cross_entropy(torch.sigmoid(logits_fake), torch.zeros_like(logits_fake))")),
    "cross entropy without sigmoid": ("binary_cross_entropy_with_logits", judged(
        "F.binary_cross_entropy(logits_real, torch.ones_like(logits_real))"
        " + F.binary_cross_entropy(logits_fake, torch.zeros_like(logits_fake))")),
    "sigmoid twice": (
        "sigmoid is taken twice", {"discriminator_loss": [("(logits_real, ", "(torch.sigmoid(logits_real), "),
                                                          ("(logits_fake, ", "(torch.sigmoid(logits_fake), ")]}),
    "logits clamped": (
        "for logits of +-200 the loss should be",
        {"discriminator_loss": [("(logits_real, ", "(logits_real.clamp(-10, 10), "),
                                ("(logits_fake, ", "(logits_fake.clamp(-10, 10), ")]}),
    "least squares": (
        "squared error", judged("((torch.sigmoid(logits_real) - 1) ** 2).mean() + "
                                "(torch.sigmoid(logits_fake) ** 2).mean()")),
    "least squares of the logits": (
        "squared error", judged("((logits_real - 1) ** 2).mean() + (logits_fake ** 2).mean()")),
    "hinge": ("hinge", judged("F.relu(1 - logits_real).mean() + F.relu(1 + logits_fake).mean()")),
    "Wasserstein": ("Wasserstein", judged("logits_fake.mean() - logits_real.mean()")),
    "label smoothing": (
        "should be 1, not 0.9", {"discriminator_loss": [("torch.ones_like(logits_real)",
                                                         "torch.full_like(logits_real, 0.9)")]}),
    "labels of the other batch's size": (
        "Target size", {"discriminator_loss": [("torch.zeros_like(logits_fake)",
                                                "torch.zeros_like(logits_real)")]}),
    "128 labels": (
        "Target size (torch.Size([128, 1]))",
        {"discriminator_loss": [("torch.ones_like(logits_real)", "torch.ones(128, 1)"),
                                ("torch.zeros_like(logits_fake)", "torch.zeros(128, 1)")]}),
    "labels (N, 1) always": ("Target size", {"discriminator_loss": [
        ("torch.ones_like(logits_real)", "torch.ones(len(logits_real), 1)"),
        ("torch.zeros_like(logits_fake)", "torch.zeros(len(logits_fake), 1)")]}),
    "labels on the CPU": ("fixed device", {"discriminator_loss": [
        ("torch.ones_like(logits_real)", "torch.ones(logits_real.size())"),
        ("torch.zeros_like(logits_fake)", "torch.zeros(logits_fake.size())")]}),
    "labels on the GPU": ("NVIDIA", {"discriminator_loss": [
        ("torch.ones_like(logits_real)", "torch.ones(logits_real.size()).cuda()")]}),
    "arguments swapped": ("labels are swapped", {"discriminator_loss": [
        ("real = ", "logits_real, logits_fake = logits_fake, logits_real\nreal = ")]}),
    "logits edited in place": ("changes its logits in place", {"discriminator_loss": """
        real = F.binary_cross_entropy_with_logits(logits_real, torch.ones_like(logits_real))
        return real + F.binary_cross_entropy_with_logits(logits_fake.neg_(), torch.ones_like(logits_fake))
    """}),
    "real logits edited through data": ("changes its logits in place", {"discriminator_loss": [
        ("real = ", "logits_real.data.clamp_(-50, 50)\nreal = ")]}),
    "fake logits detached": (
        "no gradient reaches logits_fake",
        {"discriminator_loss": [("(logits_fake, torch", "(logits_fake.detach(), torch")]}),
    "a plain number": ("got float", judged("(real + fake).item()")),
    "shape (1,)": ("should be a scalar", judged("(real + fake).view(1)")),
    "two results": ("got tuple", judged("real, fake")),
})


def wished(text):
    """A change: what generator_loss returns."""
    return {"generator_loss": f"return {text}"}


WISH = "F.binary_cross_entropy_with_logits(logits_fake, torch.ones_like(logits_fake))"
mistakes("gan.generator_loss", {
    "labels of fakes": ("the label is 0", wished(WISH.replace("ones", "zeros"))),
    "saturating": ("saturating", wished("-" + WISH.replace("ones", "zeros"))),
    "saturating, naive": ("saturating", wished("torch.log(1 - torch.sigmoid(logits_fake)).mean()")),
    "sign": ("the sign is wrong", wished("-" + WISH)),
    "sum over the batch": ("summed over the batch", wished(WISH[:-1] + ', reduction="sum")')),
    "shape (1,)": ("should be a scalar", wished(WISH + ".view(1)")),
    "not reduced": ("should be a scalar", wished(WISH[:-1] + ', reduction="none")')),
    "half": ("half of what it should be", wished("0.5 * " + WISH)),
    "naive logarithm": ("not from log(sigmoid)", wished("-torch.log(torch.sigmoid(logits_fake)).mean()")),
    "logarithm with 1e-8": (
        "where sigmoid and log lose digits", wished("-torch.log(torch.sigmoid(logits_fake) + 1e-8).mean()")),
    "formula with the exponential": ("the loss is inf", wished("torch.log(1 + torch.exp(-logits_fake)).mean()")),
    "sigmoid, then cross entropy": ("where sigmoid and log lose digits", wished(
        "F.binary_cross_entropy(torch.sigmoid(logits_fake), torch.ones_like(logits_fake))")),
    "sigmoid twice": ("sigmoid is taken twice", wished(WISH.replace("(logits_fake,", "(torch.sigmoid(logits_fake),"))),
    "logits clamped": (
        "for logits of +-200 the loss should be",
        wished(WISH.replace("(logits_fake,", "(logits_fake.clamp(-10, 10),"))),
    "least squares": ("squared error", wished("((logits_fake - 1) ** 2).mean()")),
    "Wasserstein": ("Wasserstein", wished("-logits_fake.mean()")),
    "label smoothing": (
        "should be 1, not 0.9",
        wished(WISH.replace("torch.ones_like(logits_fake)", "torch.full_like(logits_fake, 0.9)"))),
    "logits detached": (
        "no gradient reaches logits_fake", wished(WISH.replace("(logits_fake,", "(logits_fake.detach(),"))),
    "logits edited in place": ("changes its logits in place", wished("F.softplus(logits_fake.neg_()).mean()")),
    "sigmoid in place": ("changes its logits in place", {"generator_loss": """
        logits_fake.data = torch.sigmoid(logits_fake.data)
        return -torch.log(logits_fake).mean()
    """}),
    "128 labels": (
        "Target size (torch.Size([128, 1]))",
        wished(WISH.replace("torch.ones_like(logits_fake)", "torch.ones(128, 1)"))),
    "labels (N, 1) always": (
        "Target size", wished(WISH.replace("torch.ones_like(logits_fake)",
                                           "torch.ones(logits_fake.size(0), 1)"))),
    "labels on the CPU": ("fixed device", wished(WISH.replace("ones_like(logits_fake)", "ones(logits_fake.size())"))),
    "a plain number": ("got float", wished(WISH + ".item()")),
    "mean of the sigmoid": ("binary_cross_entropy_with_logits", wished("-torch.sigmoid(logits_fake).mean()")),
})


def adam(old, new):
    """A change: another part in get_optimizer."""
    return {"get_optimizer": [(old, new)]}


mistakes("gan.get_optimizer", {
    "lr 1e-4": ("it is 0.0001", adam("1e-3", "1e-4")),
    "lr 2e-4, as in the DCGAN paper": ("it is 0.0002", adam("1e-3", "2e-4")),
    "lr 1e-2": ("it is 0.01", adam("1e-3", "1e-2")),
    "betas swapped": ("beta1 should be 0.5, it is 0.999", adam("(0.5, 0.999)", "(0.999, 0.5)")),
    "betas left alone": ("beta1 should be 0.5, it is 0.9", adam(", betas=(0.5, 0.999)", "")),
    "beta2 0.99": ("beta2 should be 0.999, it is 0.99", adam("0.999", "0.99")),
    "beta1 for both": ("beta2 should be 0.999, it is 0.5", adam("0.999", "0.5")),
    "SGD": (
        "should be Adam, it is SGD",
        {"get_optimizer": "return torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.5)"}),
    "RMSprop": (
        "should be Adam, it is RMSprop", {"get_optimizer": "return torch.optim.RMSprop(model.parameters(), lr=1e-3)"}),
    "Adamax": ("steps of Adamax", adam("optim.Adam(", "optim.Adamax(")),
    "NAdam": ("steps of NAdam", adam("optim.Adam(", "optim.NAdam(")),
    "RAdam": ("steps of RAdam", adam("optim.Adam(", "optim.RAdam(")),
    "AdamW": ("weight_decay of AdamW", adam("optim.Adam(", "optim.AdamW(")),
    "weight decay": ("weight_decay of Adam", adam("0.999)", "0.999), weight_decay=1e-4")),
    "amsgrad": ("an option that was not asked for", adam("0.999)", "0.999), amsgrad=True")),
    "maximises": ("an option that was not asked for", adam("0.999)", "0.999), maximize=True")),
    "parameters of a new model": (
        "does not hold all parameters", adam("model.parameters()", "discriminator().parameters()")),
    "parameters of a copy": ("does not hold all parameters", {"get_optimizer": """
        import copy
        return torch.optim.Adam(copy.deepcopy(model).parameters(), lr=1e-3, betas=(0.5, 0.999))
    """}),
    "weights without biases": (
        "0.bias is missing", adam("model.parameters()", "[p for p in model.parameters() if p.dim() > 1]")),
    "one layer only": ("1.weight is missing", adam("model.parameters()", "list(model.parameters())[:2]")),
    "parameters of the direct children only": (
        "empty parameter list", adam("model.parameters()", "model.parameters(recurse=False)")),
    "betas for one group only": ("beta1 should be 0.5, it is 0.9", {"get_optimizer": """
        first, *others = model.parameters()
        return torch.optim.Adam([{"params": [first], "betas": (0.5, 0.999)}, {"params": others}], lr=1e-3)
    """}),
    "with a schedule": ("got tuple", {"get_optimizer": """
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999))
        return optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 10)
    """}),
    "the class": ("got type", {"get_optimizer": "return torch.optim.Adam"}),
    "nothing returned": ("got NoneType", adam("return ", "")),
})


def updated(*pairs):
    """A change: other parts in update."""
    return {"update": list(pairs)}


ONLY_G = "inputs=[w for w in G.parameters() if w.requires_grad]"  # what keeps the generator's loss out of D's weights
ALL_GRADIENTS = (ONLY_G, "")
G_STEP = f"""g_loss = generator_loss(D(fake))
G_solver.zero_grad()
g_loss.backward({ONLY_G})
G_solver.step()
"""
mistakes("gan.update", {
    "not detached": ("should get fake.detach()", updated(("D(fake.detach())", "D(fake)"))),
    "not detached, graph kept": ("should get fake.detach()", updated(
        ("D(fake.detach())", "D(fake)"), ("d_loss.backward()", "d_loss.backward(retain_graph=True)"))),
    "not detached, graph kept, no zero_grad for G": ("should get fake.detach()", updated(
        ("D(fake.detach())", "D(fake)"), ("d_loss.backward()", "d_loss.backward(retain_graph=True)"),
        ("G_solver.zero_grad()\n", "\n"))),
    "not detached, images made twice": ("should get fake.detach()", updated(
        ("D(fake.detach())", "D(fake)"), ("generator_loss(D(fake))", "generator_loss(D(G(noise)))"))),
    "no zero_grad for D": ("D_solver.zero_grad()", updated(("D_solver.zero_grad()\n", "\n"))),
    "no zero_grad for D, gradients of both losses": (
        "gradients that were left behind are in the discriminator's step",
        updated(("D_solver.zero_grad()\n", "\n"), ALL_GRADIENTS)),
    "D's zero_grad before the generator's backward": (
        "gradients that were left behind are in the discriminator's step",
        updated(("D_solver.zero_grad()\n", "\n"), ALL_GRADIENTS,
                ("D_solver.step()", "D_solver.step()\nD_solver.zero_grad()"))),
    "no zero_grad for G": (
        "gradients that were left behind are in the generator's step", updated(("G_solver.zero_grad()\n", "\n"))),
    "no zero_grad": ("gradients that were left behind", updated(
        ("D_solver.zero_grad()\n", "\n"), ("G_solver.zero_grad()\n", "\n"), ALL_GRADIENTS)),
    "zero_grad after the backward": ("no gradient reaches the discriminator's weights", updated(
        ("D_solver.zero_grad()\nd_loss.backward()", "d_loss.backward()\nD_solver.zero_grad()"))),
    "logits_fake used again": ("ask it again", updated(("generator_loss(D(fake))", "generator_loss(logits_fake)"))),
    "logits_fake used again, all gradients": (
        "ask it again", updated(("generator_loss(D(fake))", "generator_loss(logits_fake)"), ALL_GRADIENTS)),
    "logits_fake used again, graph kept": ("ask it again", updated(
        ("D(fake.detach())", "D(fake)"), ("d_loss.backward()", "d_loss.backward(retain_graph=True)"),
        ("generator_loss(D(fake))", "generator_loss(logits_fake)"))),
    "the generator's loss before the discriminator's step": ("ask it again", updated(
        ("D_solver.step()\n", "g_loss = generator_loss(D(fake))\nD_solver.step()\n"),
        ("g_loss = generator_loss(D(fake))\nG_solver", "G_solver"))),
    "both backwards before both steps": ("ask it again", updated(
        ("D_solver.step()\n", "\n"), ("G_solver.step()", "D_solver.step()\nG_solver.step()"))),
    "the generator first": ("the generator steps first", {"update": f"""
        fake = G(noise)
        {G_STEP.replace(chr(10), chr(10) + 8 * " ")}
        fake = G(noise)
        logits_real, logits_fake = D(x), D(fake.detach())
        d_loss = discriminator_loss(logits_real, logits_fake)
        D_solver.zero_grad()
        d_loss.backward()
        D_solver.step()
        return {{"d_loss": d_loss.detach(), "g_loss": g_loss.detach(),
                "d_real": logits_real.detach().sigmoid().mean(), "d_fake": logits_fake.detach().sigmoid().mean()}}
    """}),
    "D steps again in the generator's step": ("the discriminator takes 2 steps", updated(
        ("G_solver.step()", "G_solver.step()\nD_solver.step()"), ALL_GRADIENTS)),
    "D's optimiser for both": ("the discriminator takes 2 steps", updated(("G_solver.step()", "D_solver.step()"))),
    "G's optimiser for both": ("the discriminator takes no step", updated(("D_solver.step()", "G_solver.step()"))),
    "optimisers exchanged": ("the generator steps first", updated(
        ("D_solver.step()", "first.step()"), ("G_solver.step()", "second.step()"),
        ("fake = G(noise)", "fake, first, second = G(noise), G_solver, D_solver"))),
    "no step of D": ("the discriminator takes no step", updated(("D_solver.step()\n", "\n"))),
    "no step of G": ("the generator takes no step", updated(("G_solver.step()\n", "\n"))),
    "D steps until it is good": ("the discriminator takes 3 steps", updated(
        ("d_loss.backward()", "d_loss.backward()\nD_solver.step()\nD_solver.step()"))),
    "arguments of the loss swapped": ("wrong way round", updated(
        ("discriminator_loss(logits_real, logits_fake)", "discriminator_loss(logits_fake, logits_real)"))),
    "cross entropy by hand": ("another loss than the discriminator_loss", updated(
        ("discriminator_loss(logits_real, logits_fake)",
         "F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()"))),
    "cross entropy by hand for G": ("another loss than the generator_loss", updated(
        ("generator_loss(D(fake))", "F.softplus(-D(fake)).mean()"))),
    "real and generated images in one batch": ("ask it twice", updated(
        ("D(x), D(fake.detach())", "D(torch.cat((x, fake.detach()))).chunk(2)"))),
    "new noise for the generator's step": ("other noise", updated(
        ("generator_loss(D(fake))", "generator_loss(D(G(2 * torch.rand_like(noise) - 1)))"))),
    "the generator in evaluation mode": ("training mode", updated(
        ("fake = G(noise)", "G.eval()\nfake = G(noise)\nG.train()"))),
    "the discriminator in evaluation mode for the generator": ("training mode", updated(
        ("g_loss = ", "D.eval()\ng_loss = "), ("G_solver.step()", "G_solver.step()\nD.train()"))),
    "left in evaluation mode": ("training mode", updated(("G_solver.step()", "G_solver.step()\nG.eval()"))),
    "D stays frozen": ("do not require gradients after update", updated(
        ("g_loss = ", "D.requires_grad_(False)\ng_loss = "))),
    "images changed in place": ("in place", updated(("fake = G(noise)", "x.mul_(0.9)\nfake = G(noise)"))),
    "noise changed in place": ("in place", updated(("fake = G(noise)", "fake = G(noise.clamp_(-0.5, 0.5))"))),
    "detached for the generator, too": ("no gradient reaches the generator's weights", updated(
        ("generator_loss(D(fake))", "generator_loss(D(fake.detach()))"), ALL_GRADIENTS)),
    "images made under no_grad": ("no gradient reaches the generator's weights", updated(
        ("fake = G(noise)", "with torch.no_grad():\n    fake = G(noise)"), ALL_GRADIENTS)),
    "both under no_grad": ("no gradient reaches the discriminator's weights", updated(
        ("logits_real, logits_fake = D(x), D(fake.detach())",
         "with torch.no_grad():\n    logits_real, logits_fake = D(x), D(fake)"))),
    "no gradient for the generator at all": ("no gradient reaches the generator's weights", updated(
        ALL_GRADIENTS,
        ("g_loss = generator_loss(D(fake))", "with torch.no_grad():\n    g_loss = generator_loss(D(fake))"))),
    "D uphill": ("the discriminator's step goes uphill", updated(("d_loss.backward()", "(-d_loss).backward()"))),
    "G uphill": ("the generator's step goes uphill", updated(("g_loss.backward(", "(-g_loss).backward("))),
    "one term only": ("goes elsewhere", updated(
        ("d_loss = discriminator_loss(logits_real, logits_fake)",
         "d_loss = discriminator_loss(logits_real, logits_fake.detach())"))),
    "losses scaled": ("goes elsewhere", updated(("d_loss.backward()", "(d_loss / 2).backward()"))),
    "floats returned": ("d_loss should be a tensor, got float", updated(("d_loss.detach()", "d_loss.item()"))),
    "the loss with its graph": ("g_loss still holds the whole graph", updated(("g_loss.detach()", "g_loss"))),
    "probabilities with their graph": (
        "d_real still holds the whole graph", updated(("logits_real.detach().sigmoid()", "logits_real.sigmoid()"))),
    "logits for probabilities": ("d_real is the mean logit", updated(
        ("logits_real.detach().sigmoid()", "logits_real.detach()"),
        ("logits_fake.detach().sigmoid()", "logits_fake.detach()"))),
    "probability of the mean logit": ("d_fake is the sigmoid of the mean logit", updated(
        ("logits_fake.detach().sigmoid().mean()", "logits_fake.detach().mean().sigmoid()"))),
    "probabilities of after the step": ("of after its step", updated(
        ("g_loss = generator_loss(D(fake))", "logits_fake = D(fake)\ng_loss = generator_loss(logits_fake)"))),
    "d_real and d_fake exchanged": ("d_real is d_fake", updated(
        ("logits_real.detach().sigmoid()", "logits_fake.detach().sigmoid()"),
        ("logits_fake.detach().sigmoid().mean()}", "logits_real.detach().sigmoid().mean()}"))),
    "losses exchanged": ("d_loss is g_loss", updated(
        ('"d_loss": d_loss', '"d_loss": g_loss'), ('"g_loss": g_loss', '"g_loss": d_loss'))),
    "probabilities not averaged": ("d_real should have shape ()", updated(
        ("logits_real.detach().sigmoid().mean()", "logits_real.detach().sigmoid()"))),
    "probabilities summed": ("is a sum over the batch", updated(
        ("logits_fake.detach().sigmoid().mean()", "logits_fake.detach().sigmoid().sum()"))),
    "a tuple": ("got tuple", updated(('return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach(),',
                                      'return {"d_loss": d_loss.detach()}, {"g_loss": g_loss.detach(),'))),
    "other names": ("d_real is missing", updated(('"d_real"', '"real"'), ('"d_fake"', '"fake"'))),
    "nothing returned": ("got NoneType", updated(("return {", "found = {"))),
})


def conv_judge(act="nn.LeakyReLU(0.01)", first="nn.Conv2d(1, 32, 5)", second="nn.Conv2d(32, 64, 5)", pool=None,
               middle=None, inner=None, end="nn.Linear(1024, 1)", image="nn.Unflatten(1, (1, 28, 28))", more=""):
    """A change: the convolutional discriminator with other parts."""
    pool = pool or "nn.MaxPool2d(2)"
    return {"build_dc_classifier": f"""
        return nn.Sequential(
            {image}, {first}, {more}{act}, {pool},
            {second}, {inner or act}, {pool},
            nn.Flatten(), {middle or f"nn.Linear(1024, 1024), {act}"},
            {end})
    """}


mistakes("gan.build_dc_classifier", {
    "slope 0.2": ("there is LeakyReLU with slope 0.2", conv_judge("nn.LeakyReLU(0.2)")),
    "slope 0.001": ("there is LeakyReLU with slope 0.001", conv_judge("nn.LeakyReLU(0.001)")),
    "ReLU": ("there is ReLU", conv_judge("nn.ReLU()")),
    "slope 0.2 in one place": ("after Conv2d(32, 64, 5)", conv_judge(inner="nn.LeakyReLU(0.2)")),
    "no LeakyReLU after the second convolution": ("there is no activation", conv_judge(inner="nn.Identity()")),
    "no last LeakyReLU": ("after Linear(1024, 1024), layer 3", conv_judge(middle="nn.Linear(1024, 1024)")),
    "AvgPool": ("there is AvgPool", conv_judge(pool="nn.AvgPool2d(2)")),
    "overlapping pools": ("another pooling", conv_judge(pool="nn.MaxPool2d(3, stride=2, padding=1)")),
    "pools with stride 1": ("MaxPool2d(2)", conv_judge(pool="nn.MaxPool2d(2, stride=1)")),
    "strides for pools": (
        "look at its stride", conv_judge(first="nn.Conv2d(1, 32, 5, stride=2)",
                                         second="nn.Conv2d(32, 64, 5, stride=2)", pool="nn.Identity()",
                                         middle="nn.LazyLinear(1024), nn.LeakyReLU(0.01)")),
    "strides for pools, same sizes": (
        "Linear(1600, 1024)", conv_judge(first="nn.Conv2d(1, 32, 5, stride=2, padding=1)",
                                         second="nn.Conv2d(32, 64, 5, stride=2)", pool="nn.Identity()",
                                         middle="nn.LazyLinear(1024), nn.LeakyReLU(0.01)")),
    "convolutions with stride 2": ("MaxPool2d(2); then", conv_judge(first="nn.Conv2d(1, 32, 5, stride=2)")),
    "kernels of 3": (
        "Conv2d(1, 32, 3)", conv_judge(first="nn.Conv2d(1, 32, 3)", second="nn.Conv2d(32, 64, 3)",
                                       middle="nn.Linear(1600, 1024), nn.LeakyReLU(0.01)")),
    "padding 2": (
        "Linear(3136, 1024)",
        conv_judge(first="nn.Conv2d(1, 32, 5, padding=2)", second="nn.Conv2d(32, 64, 5, padding=2)",
                   middle="nn.Linear(3136, 1024), nn.LeakyReLU(0.01)")),
    "padding 2, sizes as without": (
        "3136", conv_judge(first="nn.Conv2d(1, 32, 5, padding=2)",
                           second="nn.Conv2d(32, 64, 5, padding=2)",
                           middle="nn.Linear(1024, 1024), nn.LeakyReLU(0.01)")),
    "no biases in the convolutions": (
        "Conv2d(1, 32, 5) of the classifier has no bias", conv_judge(first="nn.Conv2d(1, 32, 5, bias=False)",
                                                                     second="nn.Conv2d(32, 64, 5, bias=False)")),
    "64 filters, then 32": (
        "it runs Conv2d(1, 64, 5)", conv_judge(first="nn.Conv2d(1, 64, 5)", second="nn.Conv2d(64, 32, 5)",
                                               middle="nn.Linear(512, 1024), nn.LeakyReLU(0.01)")),
    "one convolution": (
        "it runs Conv2d(1, 32, 5), Linear", conv_judge(second="nn.Identity()",
                                                       middle="nn.LazyLinear(1024), nn.LeakyReLU(0.01)")),
    "BatchNorm": ("no BatchNorm", conv_judge(more="nn.BatchNorm2d(32), ")),
    "BatchNorm without scale": ("no BatchNorm", conv_judge(more="nn.BatchNorm2d(32, affine=False), ")),
    "Dropout": ("Dropout", conv_judge(middle="nn.Linear(1024, 1024), nn.LeakyReLU(0.01), nn.Dropout(0.4)")),
    "Sigmoid at the end": ("ends with Sigmoid", conv_judge(end="nn.Linear(1024, 1), nn.Sigmoid()")),
    "LeakyReLU at the end": ("ends with LeakyReLU", conv_judge(end="nn.Linear(1024, 1), nn.LeakyReLU(0.01)")),
    "no hidden linear layer": (
        "it runs Conv2d(1, 32, 5), Conv2d(32, 64, 5), Linear(1024, 1)", conv_judge(middle="nn.Identity()")),
    "256 hidden units": (
        "Linear(1024, 256)", conv_judge(middle="nn.Linear(1024, 256), nn.LeakyReLU(0.01)", end="nn.Linear(256, 1)")),
    "10 outputs": ("Linear(1024, 10)", conv_judge(end="nn.Linear(1024, 10)")),
    "output (N,)": ("should have shape", conv_judge(end="nn.Linear(1024, 1), nn.Flatten(0)")),
    "takes (N, 1, 28, 28) only": ("got input of size: [", conv_judge(image="nn.Identity()")),
    "no channel": ("to have 1 channels", conv_judge(image="nn.Unflatten(1, (28, 28))")),
    "batch of 128 only": ("[128, 1, 28, 28]", conv_judge(image="nn.Flatten(0), nn.Unflatten(0, (128, 1, 28, 28))")),
    "the batch as channels": (
        "to have 1 channels", conv_judge(image="nn.Unflatten(0, (1, -1)), nn.Unflatten(2, (28, 28))")),
})


def conv_painter(a="nn.ReLU(), nn.BatchNorm1d(1024)", b="nn.ReLU(), nn.BatchNorm1d(6272)",
                 c="nn.ReLU(), nn.BatchNorm2d(64)", first="nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1)",
                 second="nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1)", end="nn.Tanh(), nn.Flatten()",
                 start="nn.Linear(noise_dim, 1024)", shape="(128, 7, 7)", method=""):
    """A change: the convolutional generator with other parts."""
    return {"build_dc_generator": f"""
        return nn.Sequential(
            {start}, {a},
            nn.Linear(1024, 7 * 7 * 128), {b},
            nn.Unflatten(1, {shape}), {first}, {c},
            {second}, {end}){method}
    """}


mistakes("gan.build_dc_generator", {
    "BatchNorm before ReLU": (
        "the other way round", conv_painter("nn.BatchNorm1d(1024), nn.ReLU()", "nn.BatchNorm1d(6272), nn.ReLU()",
                                            "nn.BatchNorm2d(64), nn.ReLU()")),
    "BatchNorm before the last ReLU": ("the other way round", conv_painter(c="nn.BatchNorm2d(64), nn.ReLU()")),
    "no BatchNorm": ("there is no BatchNorm", conv_painter("nn.ReLU()", "nn.ReLU()", "nn.ReLU()")),
    "no BatchNorm2d": ("3 BatchNorm layers, it runs 2", conv_painter(c="nn.ReLU()")),
    "BatchNorm without scale": ("it has 6,", conv_painter(
        "nn.ReLU(), nn.BatchNorm1d(1024, affine=False)", "nn.ReLU(), nn.BatchNorm1d(6272, affine=False)",
        "nn.ReLU(), nn.BatchNorm2d(64, affine=False)")),
    "BatchNorm2d after the reshaping": (
        "they are over [1024, 128, 64]", conv_painter(b="nn.ReLU()", shape="(128, 7, 7)), nn.BatchNorm2d(128")),
    "LayerNorm": (
        "3 BatchNorm layers, it runs 1",
        conv_painter("nn.ReLU(), nn.LayerNorm(1024)", "nn.ReLU(), nn.LayerNorm(6272)")),
    "InstanceNorm": ("3 BatchNorm layers, it runs 2", conv_painter(c="nn.ReLU(), nn.InstanceNorm2d(64, affine=True)")),
    "evaluation mode": ("not in evaluation mode", conv_painter(method=".eval()")),
    "no running statistics": ("running statistics", conv_painter(
        "nn.ReLU(), nn.BatchNorm1d(1024, track_running_stats=False)",
        "nn.ReLU(), nn.BatchNorm1d(6272, track_running_stats=False)",
        "nn.ReLU(), nn.BatchNorm2d(64, track_running_stats=False)")),
    "LeakyReLU": ("there is LeakyReLU with slope 0.01, then BatchNorm", conv_painter(
        "nn.LeakyReLU(0.01), nn.BatchNorm1d(1024)", "nn.LeakyReLU(0.01), nn.BatchNorm1d(6272)",
        "nn.LeakyReLU(0.01), nn.BatchNorm2d(64)")),
    "no first ReLU": ("there is no ReLU", conv_painter("nn.BatchNorm1d(1024)")),
    "no last ReLU": ("after ConvTranspose2d(128, 64, 4)", conv_painter(c="nn.BatchNorm2d(64)")),
    "padding 0": (
        "look at its stride and padding", conv_painter(first="nn.ConvTranspose2d(128, 64, 4, stride=2)",
                                                       second="nn.ConvTranspose2d(64, 1, 4, stride=2)")),
    "padding 0 once, cropped by 2": ("look at its stride and padding", conv_painter(
        first="nn.ConvTranspose2d(128, 64, 4, stride=2)",
        second="nn.ConvTranspose2d(64, 1, 4, stride=2, padding=3)")),
    "stride 1": ("look at its stride and padding", conv_painter(first="nn.ConvTranspose2d(128, 64, 4, padding=1)")),
    "kernels of 3": ("ConvTranspose2d(128, 64, 3)", conv_painter(
        first="nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1)",
        second="nn.ConvTranspose2d(64, 1, 3, stride=2, padding=1, output_padding=1)")),
    "kernels of 5": ("ConvTranspose2d(128, 64, 5)", conv_painter(
        first="nn.ConvTranspose2d(128, 64, 5, stride=2, padding=2, output_padding=1)",
        second="nn.ConvTranspose2d(64, 1, 5, stride=2, padding=2, output_padding=1)")),
    "upsampling and convolution": ("it runs Linear(", conv_painter(
        first="nn.Upsample(scale_factor=2), nn.Conv2d(128, 64, 5, padding=2)",
        second="nn.Upsample(scale_factor=2), nn.Conv2d(64, 1, 5, padding=2)")),
    "no biases in the convolutions": ("ConvTranspose2d(128, 64, 4) of the generator has no bias", conv_painter(
        first="nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1, bias=False)",
        second="nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1, bias=False)")),
    "Sigmoid": ("ends with Sigmoid", conv_painter(end="nn.Sigmoid(), nn.Flatten()")),
    "Hardtanh": ("ends with Hardtanh", conv_painter(end="nn.Hardtanh(), nn.Flatten()")),
    "ReLU at the end": ("ends with ReLU", conv_painter(end="nn.ReLU(), nn.Flatten()")),
    "BatchNorm at the end": (
        "3 BatchNorm layers, it runs 4", conv_painter(end="nn.BatchNorm2d(1), nn.Tanh(), nn.Flatten()")),
    "ReLU and Tanh at the end": (
        "it ends with Tanh after ReLU", conv_painter(end="nn.ReLU(), nn.Tanh(), nn.Flatten()")),
    "images (N, 1, 28, 28)": ("should have shape", conv_painter(end="nn.Tanh()")),
    "96 noise numbers always": ("cannot be multiplied", conv_painter(start="nn.Linear(96, 1024)")),
    "default of 100": (
        "noise_dim is 96 if it is not given",
        {"file": [("build_dc_generator(noise_dim=96)", "build_dc_generator(noise_dim=100)")]}),
    "7 channels of 7x128": ("to have 128 channels", conv_painter(shape="(7, 7, 128)")),
    "the first linear layer missing": ("6272), ConvTranspose2d", {"build_dc_generator": [
        ("nn.Linear(noise_dim, 1024), nn.ReLU(), nn.BatchNorm1d(1024),\n", "\n"),
        ("nn.Linear(1024,", "nn.Linear(noise_dim,")]}),
})

LAYERS = "(nn.Linear, nn.Conv2d, nn.ConvTranspose2d)"
ZERO_BIAS = "if module.bias is not None:\n    nn.init.zeros_(module.bias)"


def init(*pairs):
    """A change: other parts in initialize_weights."""
    return {"initialize_weights": list(pairs)}


mistakes("gan.initialize_weights", {
    "convolutions only": (
        "leaves the weights of Linear as they were", init((LAYERS, "(nn.Conv2d, nn.ConvTranspose2d)"))),
    "linear layers only": ("leaves the weights of Conv2d", init((LAYERS, "nn.Linear"))),
    "no transposed convolutions": ("leaves the weights of ConvTranspose2d", init((LAYERS, "(nn.Linear, nn.Conv2d)"))),
    "no convolutions": ("leaves the weights of Conv2d", init((LAYERS, "(nn.Linear, nn.ConvTranspose2d)"))),
    "BatchNorm too": ("BatchNorm apart", {"initialize_weights": """
        if scheme == "default" or getattr(module, "weight", None) is None:
            return
        if scheme == "normal" or module.weight.dim() < 2:
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif scheme == "xavier":
            nn.init.xavier_normal_(module.weight)
        else:
            nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    """}),
    "all parameters of a layer": ("BatchNorm apart", {"initialize_weights": """
        for parameter in module.parameters():
            if scheme == "normal":
                nn.init.normal_(parameter, 0.0, 0.02)
            elif scheme == "xavier" and parameter.dim() > 1:
                nn.init.xavier_normal_(parameter)
            elif scheme == "kaiming" and parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter)
    """}),
    "the tutorial's function": ("leaves the weights of Linear", {"initialize_weights": """
        classname = module.__class__.__name__
        if classname.find("Conv") != -1:
            nn.init.normal_(module.weight.data, 0.0, 0.02)
        elif classname.find("BatchNorm") != -1:
            nn.init.normal_(module.weight.data, 1.0, 0.02)
            nn.init.constant_(module.bias.data, 0)
    """}),
    "scheme ignored": (
        "scheme 'xavier': the weights",
        init(('if scheme == "default" or not', "if not"), ('if scheme == "normal":', "if True:"))),
    "default draws too": ("scheme 'default' should leave", init(('scheme == "default" or ', ""))),
    "default sets the biases": ("leave the biases", {"initialize_weights": """
        if not isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            return
        if scheme == "normal":
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif scheme == "xavier":
            nn.init.xavier_normal_(module.weight)
        elif scheme == "kaiming":
            nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    """}),
    "normal with 0.2": ("should have standard deviation 0.02", init(("0.02", "0.2"))),
    "normal with the variance 0.02": ("should have standard deviation 0.02", init(("0.02", "0.02 ** 0.5"))),
    "normal with 1": ("should have standard deviation 0.02", init((", 0.0, 0.02", ""))),
    "mean and spread swapped": ("standard deviation 0.02, it is", init(("0.0, 0.02", "0.02, 0.0"))),
    "mean 1": ("the mean of the weights of Linear should be 0", init(("0.0, 0.02", "1.0, 0.02"))),
    "uniform for normal": (
        "should have standard deviation 0.02",
        init(("normal_(module.weight, 0.0, 0.02)", "uniform_(module.weight, -0.02, 0.02)"))),
    "constant for normal": (
        "deviation 0.02, it is 0", init(("normal_(module.weight, 0.0, 0.02)", "constant_(module.weight, 0.02)"))),
    "xavier and kaiming swapped": (
        "scheme 'xavier': the weights of Linear should", init(('scheme == "xavier"', 'scheme == "kaiming"'))),
    "xavier for kaiming": (
        "scheme 'kaiming': the weights of Linear should", init(("kaiming_normal_", "xavier_uniform_"))),
    "kaiming for xavier": (
        "scheme 'xavier': the weights of Linear should", init(("xavier_normal_", "kaiming_normal_"))),
    "xavier with a gain": (
        "scheme 'xavier': the weights of Linear should",
        init(("xavier_normal_(module.weight)",
              'xavier_normal_(module.weight, gain=nn.init.calculate_gain("relu"))'))),
    "kaiming without the factor": (
        "scheme 'kaiming': the weights of Linear should",
        init(("kaiming_normal_(module.weight)",
              'kaiming_normal_(module.weight, nonlinearity="linear")'))),
    "kaiming as PyTorch's layers have it": (
        "scheme 'kaiming': the weights of Linear should", init(("kaiming_normal_(module.weight)",
                                                                "kaiming_uniform_(module.weight, a=5 ** 0.5)"))),
    "biases left": ("the biases of Linear should be 0", init((ZERO_BIAS, "pass"))),
    "biases of 1": ("should be 0, or small", init(("zeros_(module.bias)", "ones_(module.bias)"))),
    "uniform with the spread of normal": (
        "not normally distributed", init(("normal_(module.weight, 0.0, 0.02)",
                                          "uniform_(module.weight, -0.02 * 3 ** 0.5, 0.02 * 3 ** 0.5)"))),
    "fails without a bias": ("'NoneType' object", init((ZERO_BIAS, "nn.init.zeros_(module.bias)"))),
    "fails at other layers": ("'Flatten' object", {"initialize_weights": """
        if scheme == "normal":
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif scheme == "xavier":
            nn.init.xavier_normal_(module.weight)
        elif scheme == "kaiming":
            nn.init.kaiming_normal_(module.weight)
        if scheme != "default" and module.bias is not None:
            nn.init.zeros_(module.bias)
    """}),
    "a new tensor that nobody keeps": ("leaves the weights of Linear as they were", {"initialize_weights": """
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)) and scheme != "default":
            weight = torch.randn_like(module.weight) * 0.02
            bias = torch.zeros_like(module.bias) if module.bias is not None else None
    """}),
    "a seed inside": ("seed", init(('if scheme == "default"', 'torch.manual_seed(0)\nif scheme == "default"'))),
    "nothing without a scheme": ("the default is 'normal'", {"file": [('scheme="normal"):', 'scheme="default"):')]}),
    "weights no longer trained": ("should require a gradient", init(
        (ZERO_BIAS, ZERO_BIAS + "\nmodule.weight = nn.Parameter(module.weight.data, requires_grad=False)"))),
})

# Networks for the student's own design, each with one mistake. Small ones: the design is free.
OWN_PAINTER = """
self.layers = nn.Sequential(
    nn.Linear(noise_dim, 16 * 7 * 7), nn.BatchNorm1d(16 * 7 * 7), nn.ReLU(),
    nn.Unflatten(1, (16, 7, 7)),
    nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
    nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1), nn.Tanh(),
    nn.Flatten())
"""
OWN_JUDGE = """
self.layers = nn.Sequential(
    nn.Unflatten(1, (1, 28, 28)),
    nn.Conv2d(1, 8, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
    nn.Conv2d(8, 16, 4, stride=2, padding=1), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
    nn.Flatten(),
    nn.Linear(16 * 7 * 7, 1))
"""


def own_painter(*pairs, forward="return self.layers(z)"):
    """A change: the student's own generator, with other parts or another forward."""
    text = OWN_PAINTER
    for pair in pairs:
        text = text.replace(*pair)
    return {"FashionGenerator.__init__": text, "FashionGenerator.forward": forward}


mistakes("gan.FashionGenerator", {
    "no Tanh": ("end with Tanh", own_painter((" nn.Tanh(),", ""))),
    "Sigmoid": ("never below 0", own_painter(("nn.Tanh()", "nn.Sigmoid()"))),
    "ReLU at the end": ("should lie in [-1, 1]", own_painter(("nn.Tanh()", "nn.ReLU()"))),
    "images from 0 to 255": ("should lie in [-1, 1]", own_painter(forward="return 127.5 * (self.layers(z) + 1)")),
    "images in [0, 1]": ("never below 0", own_painter(forward="return (self.layers(z) + 1) / 2")),
    "images (N, 1, 28, 28)": ("should have shape", own_painter((" nn.Tanh(),\n    nn.Flatten())", " nn.Tanh())"))),
    "images (N, 28, 28)": ("should have shape", own_painter(forward="return self.layers(z).view(-1, 28, 28)")),
    "16x16 instead of 28x28": ("got (2, 256)", own_painter(("16 * 7 * 7", "16 * 4 * 4"), ("(16, 7, 7)", "(16, 4, 4)"))),
    "three channels": ("got (2, 2352)", own_painter(("(8, 1,", "(8, 3,"))),
    "96 noise numbers always": ("(N, noise_dim) in", own_painter(("nn.Linear(noise_dim,", "nn.Linear(96,"))),
    "default of 100": (
        "noise_dim is 96 if it is not given", {"file": [("(self, noise_dim=96)", "(self, noise_dim=100)")]}),
    "noise as (N, Z, 1, 1) only": ("(N, noise_dim) in", own_painter(
        ("nn.Linear(noise_dim,", "nn.Flatten(2), nn.Flatten(), nn.Linear(noise_dim,"))),
    "detached": ("no gradient reaches layers.0.weight", own_painter(forward="return self.layers(z).detach()")),
    "no_grad": (
        "no gradient reaches layers.0.weight", own_painter(forward="with torch.no_grad():\n    return self.layers(z)")),
    "own noise": ("the same for different inputs", own_painter(forward="return self.layers(torch.rand_like(z))")),
    "noise ignored": ("the same for every row", own_painter(forward="return self.layers(0 * z)")),
    "noise changed in place": (
        "changes its input in place", own_painter(forward="z.data.mul_(0.5)\nreturn self.layers(z)")),
    "batch of 128 only": ("for any N", own_painter(forward="return self.layers(z).view(128, 784)")),
    "last image missing": ("got (1, 784)", own_painter(forward="return self.layers(z)[:-1]")),
    "a layer that is not used": (
        "no gradient reaches extra.weight",
        own_painter(("self.layers =", "self.extra = nn.Linear(8, 8)\nself.layers ="))),
    "frozen": ("frozen", own_painter(("nn.Flatten())", "nn.Flatten())\nself.requires_grad_(False)"))),
    "layers in a plain list": ("nn.ModuleList", {
        "FashionGenerator.__init__": """
            self.layers = [nn.Linear(noise_dim, 784), nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 1, 3, padding=1),
                           nn.Tanh(), nn.Flatten()]
        """,
        "FashionGenerator.forward": """
            for layer in self.layers:
                z = layer(z)
            return z
        """}),
    "new layers at each call": ("not among its parameters", {
        "FashionGenerator.__init__": "self.noise_dim = noise_dim\nself.first = nn.Linear(noise_dim, 784)",
        "FashionGenerator.forward": """
            return torch.tanh(nn.Conv2d(1, 1, 3, padding=1)(self.first(z).view(-1, 1, 28, 28))).flatten(1)
        """}),
    "one image for the batch": ("the same for every row", own_painter(
        forward="return self.layers(z).mean(dim=0, keepdim=True).expand(len(z), -1)")),
    "NaN": ("NaN", own_painter(forward="return torch.tanh(torch.log(self.layers(z) - 1))")),
    "Softmax over the pixels": (
        "never below 0", own_painter(("nn.Tanh(),\n    nn.Flatten())", "nn.Flatten(), nn.Softmax(dim=1))"))),
    "a tuple": ("got tuple", own_painter(forward="return self.layers(z), z")),
    "no convolution": ("runs no convolution", {
        "FashionGenerator.__init__": """
            self.layers = nn.Sequential(nn.Linear(noise_dim, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
        """,
        "FashionGenerator.forward": "return self.layers(z)"}),
    "rounded to gray levels": ("rounded", own_painter(forward="return torch.round(self.layers(z) * 127.5) / 127.5")),
})


def own_judge(*pairs, forward="return self.layers(x)"):
    """A change: the student's own discriminator, with other parts or another forward."""
    text = OWN_JUDGE
    for pair in pairs:
        text = text.replace(*pair)
    return {"FashionDiscriminator.__init__": text, "FashionDiscriminator.forward": forward}


mistakes("gan.FashionDiscriminator", {
    "Sigmoid at the end": ("as after a Sigmoid", own_judge(("7 * 7, 1))", "7 * 7, 1), nn.Sigmoid())"))),
    "sigmoid in forward": ("as after a Sigmoid", own_judge(forward="return torch.sigmoid(self.layers(x))")),
    "logarithm of the sigmoid": ("no activation at the end", own_judge(forward="return F.logsigmoid(self.layers(x))")),
    "Softmax at the end": ("the same for every row", own_judge(("7 * 7, 1))", "7 * 7, 1), nn.Softmax(dim=1))"))),
    "Softmax over the batch": (
        "No activation after the last layer", own_judge(("7 * 7, 1))", "7 * 7, 1), nn.Softmax(dim=0))"))),
    # Of its first weights some let nothing through, whatever is done to them then.
    "ReLU at the end": ("at the end", own_judge(("7 * 7, 1))", "7 * 7, 1), nn.ReLU())"))),
    "Tanh at the end": ("as after a Tanh", own_judge(("7 * 7, 1))", "7 * 7, 1), nn.Tanh())"))),
    "output (N,)": ("got (2,)", own_judge(forward="return self.layers(x).squeeze(1)")),
    "output (N, 1, 1, 1)": ("got (2, 1, 1, 1)", own_judge(forward="return self.layers(x).view(-1, 1, 1, 1)")),
    "two outputs": ("got (2, 2)", own_judge(("7 * 7, 1)", "7 * 7, 2)"))),
    "10 classes": ("got (2, 10)", own_judge(("7 * 7, 1)", "7 * 7, 10)"))),
    "one number for the batch": ("got ()", own_judge(forward="return self.layers(x).mean()")),
    "the batch's mean for all": (
        "the same for every row", own_judge(forward="return self.layers(x).mean().expand(len(x), 1)")),
    "images (N, 1, 28, 28) only": ("(N, 784) in", own_judge(("nn.Unflatten(1, (1, 28, 28)),", ""))),
    "patches": (
        "got (2, 1, 7, 7)",
        own_judge(("nn.Flatten(),\n    nn.Linear(16 * 7 * 7, 1))", "nn.Conv2d(16, 1, 3, padding=1))"))),
    "batch of 128 only": ("for any N", own_judge(forward="return self.layers(x.view(128, 784))")),
    "detached": ("no gradient reaches layers.1.weight", own_judge(forward="return self.layers(x).detach()")),
    "images detached": (
        "passes through FashionDiscriminator to the images", own_judge(forward="return self.layers(x.detach())")),
    "no_grad": (
        "no gradient reaches layers.1.weight", own_judge(forward="with torch.no_grad():\n    return self.layers(x)")),
    "images ignored": ("does not depend on them", own_judge(forward="return self.layers(torch.randn_like(x))")),
    "images cut to 0 and 1": (
        "passes through FashionDiscriminator to the images", own_judge(forward="return self.layers((x > 0).float())")),
    "images changed in place": (
        "changes its input in place", own_judge(forward="x.data.add_(1).div_(2)\nreturn self.layers(x)")),
    "a layer that is not used": (
        "no gradient reaches extra.weight",
        own_judge(("self.layers =", "self.extra = nn.Conv2d(1, 8, 3)\nself.layers ="))),
    "frozen": ("frozen", own_judge(("7 * 7, 1))", "7 * 7, 1))\nself.requires_grad_(False)"))),
    "layers in a plain list": ("nn.ModuleList", {
        "FashionDiscriminator.__init__": """
            self.layers = [nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(),
                           nn.Linear(1568, 1)]
        """,
        "FashionDiscriminator.forward": """
            for layer in self.layers:
                x = layer(x)
            return x
        """}),
    "no convolution": ("runs no convolution", {
        "FashionDiscriminator.__init__": """
            self.layers = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))
        """,
        "FashionDiscriminator.forward": "return self.layers(x)"}),
    "a decision": ("no gradient reaches layers.1.weight", own_judge(forward="return (self.layers(x) > 0).float()")),
    "a tuple": (
        "got tuple", own_judge(forward="features = self.layers[:-1](x)\nreturn self.layers[-1](features), features")),
    "nothing returned": ("got NoneType", own_judge(forward="self.layers(x)")),
})
