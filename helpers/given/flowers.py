"""Training the flowers' networks with the student's two update functions, and what stands around it: augmentation, a
moving average of the generator, the norm of a convolution, files of trained generators, the photographs that an image
is nearest to."""
import torch
from torch.nn import functional as F

from helpers.given import gan, training
from helpers.given.training import TrainingError


def fit(D, G, update_discriminator, update_generator, images, *, latent_dim, epochs, batch_size=128, lr=2e-4, g_lr=None,
        betas=(0.5, 0.999), augment=None, change=None, decay=0.99, bf16=True, device=None, **options):
    """Train a discriminator and a generator of flowers, and return an averaged generator and the History.

    Args:
        D: images (N, 3, S, S) in [-1, 1] -> probabilities (N,). G: latent vectors (N, Z, 1, 1) -> images. Both end in
            evaluation mode on the device.
        update_discriminator, update_generator: those of helpers/flowers.py.
        images: uint8 (N, 3, S, S). A last batch that is smaller than batch_size is left out.
        latent_dim: Z.
        lr: learning rate of D's Adam. g_lr: of G's; None: the same. betas: of both.
        augment: function: photographs (N, 3, S, S) -> photographs, applied before D sees them; such as `crop_and_flip`.
        change: function: images -> images with gradients, applied whenever D looks at any; such as `disturb`.
        decay: of the exponential moving average of G: each step it keeps this share of the average.
        bf16: use bfloat16 where the machine has it in hardware.
        device: as for `training.pick_device`.
        options: those of `training.loop`: after_epoch (it is called with G), seed, checkpoint, code, keep, log_dir,
            log_images, quiet.
    Returns:
        averaged: a copy of G with the averaged weights, in evaluation mode. G keeps the last ones.
        history: History with d_loss, g_loss, the mean probabilities d_real and d_fake, and d_fooled: d_fake once more,
            after the discriminator's step.
    Raises:
        TrainingError: images or networks that do not fit together, and see `training.loop`.
    """
    device = training.pick_device(device)
    D.to(device)
    G.to(device)
    gan.check_fit(images, lambda x: 2 * x - 1, _draw_latents, latent_dim, D, G, device)
    average = training.Average(G, decay)
    D_solver = torch.optim.Adam(D.parameters(), lr=lr, betas=betas)
    G_solver = torch.optim.Adam(G.parameters(), lr=lr if g_lr is None else g_lr, betas=betas)
    for solver in (D_solver, G_solver):
        gan.use_fused_kernel(solver, device)

    with training.mixed_precision(D, device, bf16) as call_d, training.mixed_precision(G, device, bf16) as call_g:
        critic, maker = gan.Player(D, call_d, change), gan.Player(G, call_g)

        def step(x, kinds):
            x = 2 * x - 1
            x = x if augment is None else augment(x)
            noise = _draw_latents(len(x), latent_dim, x.dtype, device)
            labels = torch.ones(2, len(x), device=device)  # each function may overwrite its own
            err_real, d_x, err_fake, d_g_z1, fake = update_discriminator(critic, maker, x, noise, labels[0], D_solver)
            err_g, d_g_z2 = update_generator(critic, maker, fake, labels[1], G_solver)
            average.update_parameters(G)
            values = {"d_loss": err_real + err_fake, "g_loss": err_g, "d_real": d_x, "d_fake": d_g_z1,
                      "d_fooled": d_g_z2}
            # A coursework's functions return floats (.item()). That waits for the device, but works.
            return {name: torch.as_tensor(value, dtype=torch.float32, device=device).detach()
                    for name, value in values.items()}

        state = {"G": G, "D": D, "average": average, "G_solver": G_solver, "D_solver": D_solver}
        settings = {"latent_dim": latent_dim, "lr": lr, "g_lr": g_lr, "betas": list(betas), "decay": decay,
                    "augment": getattr(augment, "__name__", str(augment)),
                    "change": getattr(change, "__name__", str(change))}
        history = training.loop(step, images, state=state, settings=settings, epochs=epochs, batch_size=batch_size,
                                device=device, drop_last=True, **options)
    if history and history[-1]["g_loss"] > NO_GRADIENT and not options.get("quiet"):
        print(f"The generator's loss is {history[-1]['g_loss']:.0f}: D gives its images probabilities of nearly 0, "
              "where the cross entropy has no gradient, so it learns nothing any more. Hold the discriminator back, or "
              "give the generator a larger learning rate, and train anew.")
    return average.module.eval(), history


NO_GRADIENT = 28  # the loss of 1e-12, below which F.binary_cross_entropy lets hardly any through; it ends at 100


def _draw_latents(count, latent_dim, dtype=torch.float32, device="cpu"):
    return torch.randn(count, latent_dim, 1, 1, dtype=dtype, device=device)


# Augmentation. Every image of a batch gets its own random numbers.

def _move(images, reach, flip, padding):
    """Images shifted by up to `reach` whole pixels, up, down and sideways, and mirrored (flip) half of the time.

    padding: what comes in from outside, as for F.grid_sample.
    """
    n, size = len(images), images.shape[-1]
    theta = torch.zeros(n, 2, 3, device=images.device)
    theta[:, 0, 0] = 1 - 2 * torch.randint(0, 2, (n,), device=images.device) if flip else 1
    theta[:, 1, 1] = 1
    theta[:, :, 2] = torch.randint(-reach, reach + 1, (n, 2), device=images.device) * 2 / size
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid.to(images), mode="nearest", padding_mode=padding, align_corners=False)


def crop_and_flip(images):
    """Cut images (N, 3, S, S) out of themselves with an edge of S / 16 mirrored pixels, and mirror half of them."""
    return _move(images, images.shape[-1] // 16, True, "reflection")


def disturb(images):
    """Differentiable augmentation of images (N, 3, S, S) in [-1, 1]: colour, place, and a square that is missing (Zhao
    et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020 (arXiv:2006.10738), section 3.2)."""
    n, size = len(images), images.shape[-1]

    def vary(low, high):
        return torch.rand(n, 1, 1, 1, device=images.device) * (high - low) + low

    images = images + vary(-0.5, 0.5)  # brightness
    gray = images.mean(dim=1, keepdim=True)
    images = gray + vary(0, 2) * (images - gray)  # saturation
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + vary(0.5, 1.5) * (images - mean)  # contrast
    images = _move(images, size // 8, False, "zeros")
    places = torch.arange(size, device=images.device)
    middle = torch.randint(0, size, (2, n, 1), device=images.device)
    rows, columns = ((places - m + 0.5).abs() < size / 4 for m in middle)
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


# The norm of a convolution

@torch.no_grad()
def operator_norm(layer, size, pushes=100):
    """By how much can a convolution stretch a whole image? Its largest singular value, as a map from images to images.

    `flowers.largest_singular_value` is about one window. Here the windows overlap, and there is an edge. It is found by
    power iteration, with the convolution and its transpose in place of a matrix (Gouk et al., "Regularisation of Neural
    Networks by Enforcing Lipschitz Continuity", 2021 (arXiv:1804.04368)). All values, but for images without an edge:
    Sedghi et al., "The Singular Values of Convolutional Layers", 2019 (arXiv:1805.10408).

    Args:
        layer: nn.Conv2d, whose weight is taken as it is used. Its bias stretches nothing.
        size: height and width of its input.
        pushes: how often the image is sent there and back. What is found grows with each, up to the norm.
    Returns:
        float.
    """
    weight = layer.weight  # a normalised one is computed anew whenever it is asked for
    options = dict(stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups)
    x = torch.randn(1, layer.in_channels, size, size, generator=torch.Generator().manual_seed(0)).to(weight)
    for _ in range(pushes):
        x /= x.norm()
        y = F.conv2d(x, weight, **options)
        x = torch.nn.grad.conv2d_input(x.shape, weight, y, **options)
    return y.norm().item()


# Files

def save_generator(path, generator, **settings):
    """Write a generator's weights, and the settings that it was made with: `Generator(**settings)`."""
    weights = {name: value.cpu() for name, value in generator.state_dict().items()}
    training.save_atomically({"settings": settings, "weights": weights}, path)


def load_generator(path, make):
    """Return the generator of a file that `save_generator` wrote, in evaluation mode on the CPU.

    weights_only=True lets torch.load read tensors and plain values and nothing else: without it a file from the web
    may run any code.

    Args:
        make: the class, called with the settings of the file.
    Raises:
        TrainingError: a file that is not there, damaged, holds other things than tensors and plain values, or whose
            weights do not fit the class.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        settings, weights = content["settings"], content["weights"]
    except FileNotFoundError:
        raise TrainingError(f"there is no file {path}") from None
    except Exception as error:
        raise TrainingError(f"{path} is not a file that save_generator wrote, or it is damaged "
                            f"({type(error).__name__}); nothing of it was run") from error
    try:
        generator = make(**settings)
        generator.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise TrainingError(f"the weights of {path} do not fit {make.__name__} with {settings}") from error
    return generator.eval()


# Does it only remember?

def nearest(images, photographs, size=16):
    """Find the photograph that each image is nearest to: mean squared difference, seen at size x size pixels.

    Small images forgive a shift by a pixel. Mirrored photographs count, too.

    Args:
        images (N, 3, S, S), photographs (M, 3, S, S): float in [0, 1].
    Returns:
        indices (N,) into the photographs, and the root of the mean squared difference, (N,).
    """
    def small(x):
        return F.interpolate(x, size=size, mode="area").flatten(1)

    mirrored = torch.stack([torch.cdist(small(images), small(p)) for p in (photographs, photographs.flip(-1))])
    distances, indices = mirrored.amin(dim=0).min(dim=1)
    return indices, distances / (3 * size * size) ** 0.5
