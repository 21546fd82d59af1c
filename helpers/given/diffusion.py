"""Training noise predictors: on points in the plane, and on images with labels, where a moving average of the weights
is kept."""
import math

import torch

from helpers.given import muon, training
from helpers.given.training import TrainingError


def fit_points(model, loss, points, *, epochs, batch_size=2048, lr=5e-3, device=None, **options):
    """Train a noise predictor on points and return its History.

    Args:
        model: nn.Module; it ends in evaluation mode on the device.
        loss: function (model, batch) -> scalar tensor.
        points: float32 (N, 2). A last batch that is smaller than batch_size is left out.
        lr: peak of the learning rate, which rises for a twentieth of the steps, then falls to 0 like a cosine.
        device: as for `training.pick_device`.
        options: those of `training.loop`: after_epoch, seed, checkpoint, code, keep, log_dir, quiet.
    Raises:
        TrainingError: too few points; otherwise as `training.loop`.
    """
    if len(points) < batch_size:
        raise TrainingError(f"batch_size is {batch_size}, but there are only {len(points)} points: take a smaller one")
    device = training.pick_device(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=device.type != "mps")
    total = epochs * (len(points) // batch_size)
    rise = max(1, total // 20)

    def share_of_lr(k):
        return (k + 1) / rise if k < rise else 0.5 + 0.5 * math.cos(math.pi * (k - rise) / max(1, total - rise))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share_of_lr)

    def step(x, labels):
        return training.descend(loss(model, x), optimizer, schedule)

    return training.loop(step, points, state={"model": model, "optimizer": optimizer, "schedule": schedule},
                         settings={"lr": lr}, epochs=epochs, batch_size=batch_size, device=device, drop_last=True,
                         **options)


def fit_images(model, loss, images, labels, *, epochs, batch_size=64, lr=0.02, adam_lr=3e-3, decay=0.998, device=None,
               bf16=True, **options):
    """Train a noise predictor on images with labels. Returns its moving average and the History.

    Args:
        model: nn.Module (x, t, labels) -> noise.
        loss: function (model, x, labels) -> scalar tensor; x is float32 in [-1, 1]. It may only call the model.
        images: uint8 (N, C, h, w). labels: int64 (N,).
        lr, adam_lr: peaks of the one-cycle learning rates of `muon.optimizers`.
        decay: of the exponential moving average of the weights: each step it keeps this share of the average.
        options: those of `training.loop`: after_epoch, seed, checkpoint, code, keep, log_dir, quiet.
    Returns:
        averaged: a copy of the model with the averaged weights, in evaluation mode. The model keeps the last ones.
        history: History.
    """
    device = training.pick_device(device)
    model.to(device)
    average = training.Average(model, decay)
    optimizers = muon.optimizers(model, lr, adam_lr)
    total = max(20, epochs * (len(images) // batch_size))  # a shorter one would have no step to rise in
    schedules = [torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=total, pct_start=0.1,
                                                     cycle_momentum=False)
                 for optimizer, peak in zip(optimizers, (lr, adam_lr))]
    with training.mixed_precision(model, device, bf16) as call:
        def step(x, y):
            values = training.descend(loss(call, 2 * x - 1, y), *optimizers, *schedules)
            average.update_parameters(model)
            return values

        state = {"model": model, "average": average, **dict(zip(("muon", "adam"), optimizers)),
                 **dict(zip(("muon_schedule", "adam_schedule"), schedules))}
        history = training.loop(step, images, labels, state=state,
                                settings={"lr": lr, "adam_lr": adam_lr, "decay": decay}, epochs=epochs,
                                batch_size=batch_size, device=device, drop_last=True, **options)
    return average.module.eval(), history


def make_images(sample, labels, batch_size=250):
    """Make one image for each label, in batches: a trajectory of 1000 steps holds a thousand images for each one.

    Args:
        sample: function (labels (n,)) -> (images (n, C, h, w) in [-1, 1], trajectory), like `sample_ddpm` with a model
            that knows the labels.
        labels: int64 (N,).
    Returns:
        float32 (N, C, h, w) in [0, 1], on the CPU.
    """
    return torch.cat([(sample(part)[0].float().cpu() + 1) / 2 for part in labels.split(batch_size)]).clamp(0, 1)
