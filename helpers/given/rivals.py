"""A small conditional VAE and a small conditional GAN for 28x28 digits, trained: to compare other models with.

Both get the label. The GAN has about as many weights as the U-Net, the VAE a little more than half.
"""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import training


def half_size_layers(activation):
    return nn.Sequential(nn.Conv2d(1, 32, 4, stride=2, padding=1), activation,
                         nn.Conv2d(32, 64, 4, stride=2, padding=1), activation, nn.Flatten())


class LabelledDecoder(nn.Module):
    """A code (N, size) and labels (N,) -> logits or pixels (N, 1, 28, 28): the VAE's decoder, and the generator."""

    def __init__(self, size, last):
        super().__init__()
        self.size = size
        self.grow = nn.Sequential(
            nn.Linear(size + 10, 64 * 49, bias=False), nn.BatchNorm1d(64 * 49), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, 2, 1), last)

    def forward(self, z, labels):
        return self.grow(torch.cat((z, F.one_hot(labels, 10).to(z.dtype)), dim=1))


class SmallVAE(nn.Module):
    """Images in [0, 1] and labels -> logits, mean and logarithm of the standard deviation of their codes."""

    def __init__(self, size=8):
        super().__init__()
        self.see, self.code = half_size_layers(nn.ReLU()), nn.Linear(64 * 49 + 10, 2 * size)
        self.decoder = LabelledDecoder(size, nn.Identity())

    def forward(self, x, labels):
        seen = torch.cat((self.see(x), F.one_hot(labels, 10)), dim=1)
        mean, log_std = self.code(seen).float().chunk(2, dim=1)
        return self.decoder(torch.distributions.Normal(mean, log_std.exp()).rsample(), labels), mean, log_std


class SmallDiscriminator(nn.Module):
    """Images in [-1, 1] and labels -> logits (N, 1). It has ten answers, one for each digit; the asked one counts
    (the linear case of Miyato and Koyama, "cGANs with Projection Discriminator", 2018)."""

    def __init__(self):
        super().__init__()
        self.see, self.judge = half_size_layers(nn.LeakyReLU(0.2)), nn.Linear(64 * 49, 10)

    def forward(self, x, labels):
        return self.judge(self.see(x)).gather(1, labels[:, None])


def vae_loss(model, x, labels):
    """The negative ELBO of a batch, per image, in nats."""
    logits, mean, log_std = model(x, labels)
    posterior = torch.distributions.Normal(mean, log_std.exp())
    divergence = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum()
    return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + divergence) / len(x)


def train_vae(images, labels, epochs, checkpoint, seed=0):
    """Train a VAE on uint8 images (N, 1, 28, 28). Returns (generator, History); see `make`."""
    torch.manual_seed(seed)
    vae = SmallVAE()
    history = training.fit(vae, vae_loss, images, labels, epochs=epochs, lr=2e-3, one_cycle=True, seed=seed,
                           checkpoint=checkpoint, code=(vae_loss, SmallVAE, LabelledDecoder))
    return vae.decoder, history


def train_gan(images, labels, epochs, checkpoint, device, seed=0):
    """Train a GAN on uint8 images (N, 1, 28, 28). Returns (generator, History); see `make`."""
    torch.manual_seed(seed)
    players = {"G": LabelledDecoder(64, nn.Tanh()).to(device), "D": SmallDiscriminator().to(device)}
    solvers = {f"{name}_solver": torch.optim.Adam(player.parameters(), lr=5e-4, betas=(0.5, 0.999))
               for name, player in players.items()}
    with training.mixed_precision(players["G"], device) as G, training.mixed_precision(players["D"], device) as D:
        def step(x, kinds):
            made = G(torch.randn(len(x), 64, device=x.device), kinds)
            d_loss = F.softplus(-D(2 * x - 1, kinds)).mean() + F.softplus(D(made.detach(), kinds)).mean()
            training.descend(d_loss, solvers["D_solver"])
            g_loss = F.softplus(-D(made, kinds)).mean()
            training.descend(g_loss, solvers["G_solver"])
            return {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}

        history = training.loop(step, images, labels, state={**players, **solvers}, settings={}, epochs=epochs,
                                batch_size=128, device=device, drop_last=True, seed=seed, checkpoint=checkpoint,
                                code=(LabelledDecoder, SmallDiscriminator))
    return players["G"], history


@torch.inference_mode()
def make(generator, labels, seed=0):
    """One image in [0, 1] for each label, (N, 1, 28, 28), on the CPU, from codes drawn from N(0, I)."""
    torch.manual_seed(seed)
    device = next(generator.parameters()).device
    found = [generator(torch.randn(len(part), generator.size, device=device), part.to(device)).float().cpu()
             for part in labels.split(500)]
    tanh = isinstance(generator.grow[-1], nn.Tanh)
    return (torch.cat(found) + 1) / 2 if tanh else torch.cat(found).sigmoid()
