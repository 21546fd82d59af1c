"""Training a conditional GAN that gives faces another expression, and measuring what it does to them."""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import face_data, gan, metrics, muon, training
from helpers.given.tables import table
from helpers.given.training import TrainingError

JUDGED = 12_000  # faces that are drawn to train the judge on; in the smoke profile as many as the data set has


def fit(discriminator, generator, train_round, images, labels, *, epochs, batch_size=32, discriminator_steps=4,
        lr=1e-3, muon_lr=0.02, label_weight=1.0, reconstruction_weight=10.0, noise=0.0, bf16=True, device=None,
        **options):
    """Train a generator that translates between expressions, and return the History of all terms.

    Each round takes `discriminator_steps` batches. Every image is to get an expression drawn at random, which may be
    its own. The learning rates stay as they are for half of the rounds and then fall to zero evenly (StarGAN,
    section 5.3).

    The discriminator's hidden convolutions have Muon: with Adam it takes about twice as many steps until it can tell
    expressions, and until then the generator learns nothing about them.

    Args:
        discriminator, generator: networks as in helpers/faces.py. They end in evaluation mode on the device.
        train_round: function (discriminator, generator, batches, d_optimizer, g_optimizer, label_weight,
            reconstruction_weight) -> dict of detached scalars.
        images: uint8 (N, 3, h, w). labels: int64 (N,). Those that do not fill a whole round are left out.
        lr: learning rate of Adam, with betas (0.5, 0.999). muon_lr: that of Muon, see `muon.optimizers`.
        noise: standard deviation of the normal noise on each pixel that the discriminator looks at, in real and in
            generated images, on the scale from -1 to 1. So the generator cannot please it with faint patterns that
            nobody sees ("instance noise": Sønderby et al., "Amortised MAP Inference for Image Super-resolution", 2017).
        bf16: use bfloat16 where the machine has it in hardware.
        device: as for `training.pick_device`.
        options: those of `training.loop`: after_epoch (it is called with the generator), seed, checkpoint, code,
            keep, log_dir, log_images, quiet.
    Raises:
        TrainingError: see `training.loop`.
    """
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise TrainingError(f"images must be uint8 of shape (N, 3, h, w), got {images.dtype} of shape "
                            f"{tuple(images.shape)}: pass datasets.load(...).train_images")
    device = training.pick_device(device)
    for network in (discriminator, generator):
        network.to(device)
    betas = 0.5, 0.999
    optimizers = dict(zip(("d_muon", "d_adam"), muon.optimizers(discriminator, muon_lr, lr, betas)),
                      g_optimizer=torch.optim.Adam(generator.parameters(), lr, betas))
    gan.use_fused_kernel(optimizers["g_optimizer"], device)
    size = batch_size * discriminator_steps
    rounds = epochs * (len(images) // size)
    schedules = {f"schedule of {name}": torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(1.0, 2 * (1 - k / max(1, rounds)))) for name, optimizer in optimizers.items()}
    change = (lambda x: x + noise * torch.randn_like(x)) if noise else None

    with training.mixed_precision(discriminator, device, bf16) as call_d, \
            training.mixed_precision(generator, device, bf16) as call_g:
        players = gan.Player(discriminator, call_d, change), gan.Player(generator, call_g)
        solvers = muon.Together(optimizers["d_muon"], optimizers["d_adam"]), optimizers["g_optimizer"]

        def step(x, y):
            one_hot = F.one_hot(y, generator.num_labels).float()
            targets = F.one_hot(torch.randint_like(y, generator.num_labels), generator.num_labels).float()
            batches = list(zip((2 * x - 1).split(batch_size), one_hot.split(batch_size), targets.split(batch_size)))
            terms = train_round(*players, batches, *solvers, label_weight, reconstruction_weight)
            for schedule in schedules.values():
                schedule.step()
            return terms

        state = {"generator": generator, "discriminator": discriminator, **optimizers, **schedules}
        settings = {"discriminator_steps": discriminator_steps, "lr": lr, "muon_lr": muon_lr, "noise": noise,
                    "label_weight": label_weight, "reconstruction_weight": reconstruction_weight}
        return training.loop(step, images, labels, state=state, settings=settings, epochs=epochs, batch_size=size,
                             device=device, drop_last=True, **options)


class Painter(nn.Module):
    """Take what a generator makes as paint over the image, not as the image: what needs no paint stays as it is.

    For each pixel and colour the sign of the paint p says black or white, its size how thickly: (1 - |p|) x + p. With
    x and p in [-1, 1] the result lies there, too, and can reach every value. (Pumarola et al., "GANimation", 2018, have
    a colour and a mask for the same purpose.)

    Args:
        generator: (images (N, 3, h, w), labels (N, K)) -> paint (N, 3, h, w) in [-1, 1]; generator.num_labels is K.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator, self.num_labels = generator, generator.num_labels

    def forward(self, images, labels):
        paint = self.generator(images, labels)
        return (1 - paint.abs()) * images + paint


class Judge(nn.Module):
    """The course's face classifier: faces (N, 3, 64, 64) in [0, 1] -> logits of several factors, side by side.

    Args:
        sizes: dict factor -> number of its values.
    """

    def __init__(self, sizes):
        super().__init__()
        self.sizes = dict(sizes)
        widths = (3, 16, 32, 64, 128)
        stages = [(nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                  for a, b in zip(widths, widths[1:])]
        self.layers = nn.Sequential(*(layer for stage in stages for layer in stage), nn.Flatten(),
                                    nn.Linear(128 * 4 * 4, sum(self.sizes.values())))

    def forward(self, x):
        return self.layers(x)

    @torch.inference_mode()
    def read(self, images):
        """Say what faces (N, 3, 64, 64) in [0, 1] show: dict factor -> int64 (N,)."""
        logits = torch.cat([self(part) for part in images.cpu().split(500)])
        return {name: part.argmax(dim=1) for name, part in zip(self.sizes, logits.split(list(self.sizes.values()), 1))}


def load_judge(data, epochs=5):
    """Return the course's face classifier for a data set of faces, in evaluation mode on the CPU.

    For drawn faces it reads the expression and the factors of the identity, for photographs the expression only. The
    first call trains it (about a minute) and keeps it in runs/judges; later calls load it.

    Args:
        data: Dataset of faces, 64x64.
    """
    sizes = {"expression": len(data.class_names)}
    if data.stand_in:
        sizes.update({name: len(values) for name, values in face_data.IDENTITY.items()})
    with torch.random.fork_rng(devices=[]):  # the judge must not depend on what was drawn before it
        torch.manual_seed(0)
        judge = Judge(sizes)

    def loss(model, x, labels):
        logits = model(x).split(list(sizes.values()), dim=1)
        return sum(F.cross_entropy(part, column) for part, column in zip(logits, labels.unbind(1)))

    def train():
        images, labels = data.train_images, data.train_labels[:, None]
        if data.stand_in:  # other faces than the generator learns from
            count = len(images) if training.profile() == "smoke" else JUDGED
            images, factors = face_data.sample(count, seed=1)
            labels = torch.stack([factors[name] for name in sizes], dim=1)
        return training.fit(judge, loss, images, labels, epochs=epochs, batch_size=128, lr=4e-3, one_cycle=True,
                            quiet=True)

    metrics.load_or_train(judge, metrics.judge_file("judge", data, epochs), train)
    return judge.eval()


@torch.inference_mode()
def scores(judge, images, expressions, factors=None):
    """Measure translated faces.

    Args:
        judge: from `load_judge`.
        images: (N, 3, 64, 64) in [0, 1]. expressions: int64 (N,), what they should show.
        factors: the true factors of the faces that they were made from, as from `face_data.sample`; or None.
    Returns:
        dict of floats: recognised, the share of faces that the judge takes for the expression. With factors also one
        share for each factor of the identity that the judge still reads as it was; kept, the share of faces where all
        of them are; and error, the mean absolute difference to the same face drawn with that expression.
    """
    seen = judge.read(images)
    found = {"recognised": (seen["expression"] == expressions).float().mean().item()}
    if factors is not None:
        right = {name: seen[name] == factors[name] for name in face_data.IDENTITY}
        true = training.to_float(face_data.render({**factors, "expression": expressions}))
        found.update({name: share.float().mean().item() for name, share in right.items()})
        found.update(kept=torch.stack(list(right.values())).all(dim=0).float().mean().item(),
                     error=(images - true).abs().mean().item())
    return found


def print_scores(judge, rows, factors=None):
    """Print what the judge reads, in percent.

    Args:
        judge, factors: as for `scores`.
        rows: dict name -> (images (N, 3, 64, 64) in [0, 1], the expressions (N,) that they should show).
    """
    columns = {"recognised": "expression"}
    if factors is not None:
        columns.update(kept="person", **{name: name.replace("_", " ") for name in face_data.IDENTITY})
    table({name: scores(judge, images, expressions, factors) for name, (images, expressions) in rows.items()},
          {key: (heading, "13.1%") for key, heading in columns.items()}, "read by the judge", "<34")


def translate_all(translate, generator, images, labels, batch_size=250):
    """Give every face its new expression, in batches.

    Args:
        translate: function (generator, images in [-1, 1], labels (n,)) -> images in [-1, 1].
        images: uint8 (N, 3, h, w). labels: int64 (N,).
    Returns:
        float32 (N, 3, h, w) in [0, 1], on the CPU.
    """
    device = next(generator.parameters()).device
    parts = [translate(generator, 2 * training.to_float(x.to(device)) - 1, y.to(device))
             for x, y in zip(images.split(batch_size), labels.split(batch_size))]
    return (torch.cat(parts).float().cpu() + 1) / 2


def other_expressions(labels, count, seed=0):
    """Draw for each label another one, all others equally likely: int64 (N,), from 0 to count - 1."""
    generator = torch.Generator().manual_seed(seed)
    return (labels + torch.randint(1, count, labels.shape, generator=generator)) % count
