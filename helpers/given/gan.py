"""Two networks trained against each other. What happens in one step, the heart of a GAN, is yours: helpers/gan.py."""
import torch
from torch import nn

from helpers.given import training
from helpers.given.training import TrainingError


def normalize(x):
    """Images (N, C, h, w) in [0, 1] -> (N, C * h * w) in [-1, 1], the range of the generator's Tanh."""
    return (2 * x - 1).flatten(1)


def fit(update, D, G, D_solver, G_solver, discriminator_loss, generator_loss, sample_noise, images, *, noise_dim=96,
        epochs, batch_size=128, prepare=normalize, average=None, show_every=None, show=None, bf16=True, device=None,
        code=(), **options):
    """Train a GAN and return its History. `History.steps` has d_loss, g_loss, d_real, d_fake for every step.

    Args:
        update: function (x, noise, D, G, D_solver, G_solver, discriminator_loss, generator_loss) -> dict of scalar
            tensors. It lets both players take a step on one batch, see helpers/gan.py. The networks that it gets may
            run in bfloat16, and return float32.
        D, G, D_solver, G_solver, discriminator_loss, generator_loss: what it gets. The networks end in evaluation mode
            on the device.
        sample_noise: function (batch_size, noise_dim, dtype, device) -> noise.
        images: uint8 (N, C, h, w). A last batch that is smaller than batch_size is left out: BatchNorm needs company.
        prepare: function: images (N, C, h, w) in [0, 1] -> real images as D takes them, in [-1, 1].
        average: None, or a `training.Average` of G, which is updated after each step and belongs to the checkpoint. It
            ends in evaluation mode on the device, too.
        show: function (step) -> None, called before step 0, show_every, 2 * show_every, ..., which must then be given,
            too. G is in training mode.
        bf16: use bfloat16 where the machine has it in hardware.
        device: as for `training.pick_device`.
        code: as for `training.loop`: what else decides what is learned, such as the functions that made the networks.
            The functions that are given here belong to it anyway.
        options: those of `training.loop`: after_epoch (it is called with G, not its average), seed, checkpoint, keep,
            log_dir, log_images, quiet.
    Raises:
        TrainingError: images, networks or noise that do not fit together, and see `training.loop`.
    """
    device = training.pick_device(device)
    for network in (D, G):
        network.to(device)
    check_fit(images, prepare, sample_noise, noise_dim, D, G, device)
    for solver in (D_solver, G_solver):
        use_fused_kernel(solver, device)
    count = 0

    with training.mixed_precision(D, device, bf16) as call_d, training.mixed_precision(G, device, bf16) as call_g:
        players = Player(D, call_d), Player(G, call_g)

        def step(x, labels):
            nonlocal count
            if show is not None and count % show_every == 0:
                show(count)
            count += 1
            noise = sample_noise(len(x), noise_dim, dtype=x.dtype, device=x.device)
            values = update(prepare(x), noise, *players, D_solver, G_solver, discriminator_loss, generator_loss)
            if average is not None:
                average.update_parameters(G)
            return values

        state = {"G": G, "D": D, "G_solver": G_solver, "D_solver": D_solver}
        rates = [group["lr"] for solver in (D_solver, G_solver) for group in solver.param_groups]
        settings = {"noise_dim": noise_dim, "learning rates": rates}
        if average is not None:
            state["average"], settings["decay"] = average, average.decay
        return training.loop(step, images, state=state, settings=settings, epochs=epochs, batch_size=batch_size,
                             device=device, drop_last=True,
                             code=(update, discriminator_loss, generator_loss, sample_noise, *code), **options)


class Player(nn.Module):
    """A network as a student's step gets it: it runs through `call`, perhaps in bfloat16, on changed images or not.
    What is given with the images, such as labels, stays as it is.

    With the same random changes before every look, at real and at generated images, a discriminator can neither learn
    the real ones by heart nor tell them by what the changes hide, and the generator does not learn to make changed ones
    (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020 (arXiv:2006.10738), section 3.2).
    """

    def __init__(self, network, call, change=None):
        super().__init__()
        self.network, self.calls, self.change = network, [call], change

    def forward(self, x, *more):
        return self.calls[0](x if self.change is None else self.change(x), *more)


def use_fused_kernel(solver, device):
    """Make a new Adam run as one kernel instead of a dozen for each weight. It computes the same numbers."""
    if isinstance(solver, torch.optim.Adam) and not solver.state and device.type != "mps":
        for group in solver.param_groups:
            group.update(fused=True, foreach=False)


@torch.no_grad()
def check_fit(images, prepare, sample_noise, noise_dim, D, G, device):
    """Raise TrainingError if images, noise and networks do not fit together, with what to change."""
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise TrainingError(f"images must be uint8 of shape (N, C, h, w), got {images.dtype} of shape "
                            f"{tuple(images.shape)}: pass datasets.load(...).train_images, `prepare` scales them")
    with torch.random.fork_rng(devices=[]):
        x = prepare(training.to_float(images[:256].to(device)))
        noise = sample_noise(2, noise_dim, dtype=torch.float32, device=device)
    low, high = x.aminmax()
    if not (-1 <= low < 0 < high <= 1):
        raise TrainingError(f"prepare(images) must lie in [-1, 1] like the generator's images, got values from "
                            f"{low:.3g} to {high:.3g}: 2 * x - 1 makes them from x in [0, 1]")
    modes = D.training, G.training
    # Two images are too few for BatchNorm, and its statistics are none of our business.
    D.eval()
    G.eval()
    try:
        fake = G(noise)
        if fake.shape[1:] != x.shape[1:]:
            raise TrainingError(f"prepare(images) has images of shape {tuple(x.shape[1:])}, the generator makes "
                                f"{tuple(fake.shape[1:])}: they must be the same")
        logits = D(x[:2])
        if logits.numel() != 2:
            raise TrainingError(f"the discriminator must give one logit per image, got shape {tuple(logits.shape)} "
                                "for 2 images")
    finally:
        D.train(modes[0])
        G.train(modes[1])
