"""Figures of the course. Each function returns a matplotlib figure; `show` puts it into the notebook with alt text."""
import io
import math

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import torch
from torch.nn import functional as F

from helpers.given import datasets, training
from helpers.given.console import UserError

if training.profile() == "smoke":  # figures show nothing there, and take half of the time
    # Titles do not look for a free place, letters are not fitted to the pixels.
    plt.rcParams.update({"axes.titley": 1.0, "text.hinting": "no_hinting"})
GRAY = dict(cmap="gray", vmin=0, vmax=1)
# Where a GAN's curves are when D can only guess: it says one half to everything.
GAME_LEVELS = {"losses": (math.log(4), math.log(2)), "discriminator's loss": math.log(4),
               "generator's loss": math.log(2), "mean output of D": 0.5}


def show(figure, alt):
    """Display a figure in the notebook and close it.

    Args:
        alt: what a reader who cannot see the figure should know. It travels with the picture.
    A figure made from stand-in data says so in red.
    """
    from IPython.display import Image, display
    drawn, small = io.BytesIO(), io.BytesIO()
    write(figure, drawn, resolution(110), format="png", pil_kwargs={"compress_level": 0})
    # A palette makes the picture three times smaller, and the notebook with it. (So it is compressed here, not above.)
    # This method keeps rare colours: the default one would paint two classes alike.
    PIL.Image.open(drawn).convert("RGB").quantize(
        256, method=PIL.Image.Quantize.FASTOCTREE, dither=PIL.Image.Dither.NONE).save(small, "png")
    display(Image(small.getvalue(), metadata={"alt": alt}))  # Colab's IPython has no argument alt


def save(figure, path):
    """Write a figure to a file (the ending says the format) and close it."""
    write(figure, path, resolution(120))


def write(figure, file, dpi, **options):
    """Write a figure, whole and with a little white around it, and close it. Made from stand-in data, it says so.

    Args:
        file: a path or a file. options: those of `savefig`.
    As `savefig(bbox_inches="tight")`, which draws a figure once more to find the box around it. A layout engine needs
    that.
    """
    marks = mark_stand_in(figure)
    figure.set_dpi(dpi)  # letters are shaped for it, so the box depends on it
    box = "tight" if figure.get_layout_engine() else figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
    figure.savefig(file, dpi=dpi, bbox_inches=box, **options)
    plt.close(figure)
    for mark in marks:  # a figure may be written in two forms
        mark.remove()


def resolution(dpi):
    """Dots per inch: half of them in the smoke profile, where figures show nothing and take most of the time."""
    return dpi // 2 if training.profile() == "smoke" else dpi


def mark_stand_in(figure):
    """Write into the figure that stand-in data was used, if it was. Returns what it has written: a list of texts."""
    if not datasets.stand_ins:
        return []
    # Below the figure, where no title stands; savefig's tight bounding box makes room for it.
    return [figure.text(0.5, -0.05, f"STAND-IN DATA ({', '.join(sorted(datasets.stand_ins))}): not the real images",
                        color="red", ha="center", va="top", fontsize=9)]


def as_pixels(images):
    """Turn images (..., C, h, w), uint8 or float in [0, 1], into an array (..., h, w) or (..., h, w, 3) in [0, 1]."""
    images = images.detach().cpu()
    if not images.is_floating_point():
        images = images / 255
    pixels = np.moveaxis(images.float().numpy(), -3, -1)
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def tile(images):
    """Join images (rows, columns, C, h, w) into one picture (rows * h, columns * w) or (rows * h, columns * w, 3)."""
    if images.dim() != 5 or images.shape[2] not in (1, 3) or not images.numel():
        raise UserError("expected images (rows, columns, C, h, w), at least one, with one channel or three; got shape "
                        f"{tuple(images.shape)}")
    pixels = as_pixels(images)
    rows, columns, height, width = pixels.shape[:4]
    return pixels.swapaxes(1, 2).reshape(rows * height, columns * width, *pixels.shape[4:])


def image_grid(images, columns=10, title="", row_labels=None, column_labels=None):
    """Draw images (N, C, h, w) row by row in one axes, those above 50 pixels at about their own size.

    Labels stand beside the rows and above the columns.
    """
    if images.dim() != 4 or images.shape[1] not in (1, 3) or not images.numel() or columns < 1:
        raise UserError("expected images (N, C, h, w), at least one, with one channel or three, and at least one "
                        f"column; got shape {tuple(images.shape)}, columns={columns}")
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    for what, labels, places in (("rows", row_labels, rows), ("columns", column_labels, columns)):
        if labels is not None and len(labels) != places:
            raise UserError(f"there are {places} {what} and {len(labels)} labels for them")
    if count < rows * columns:  # fill the last row with white
        white = 1 if images.is_floating_point() else 255
        blank = images.new_full((rows * columns - count, channels, height, width), white)
        images = torch.cat((images, blank))
    side = max(0.62, height / 80)  # inches
    figure, axes = plt.subplots(figsize=(max(columns * side, 2.5), rows * side + (0.4 if title else 0)))
    axes.imshow(tile(images.unflatten(0, (rows, columns))), interpolation="nearest", **GRAY)
    axes.set_title(title, fontsize=10, pad=18 if column_labels is not None else 6)
    axes.set_xticks([] if column_labels is None else (np.arange(columns) + 0.5) * width, column_labels)
    axes.set_yticks([] if row_labels is None else (np.arange(rows) + 0.5) * height, row_labels)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8)
    for edge in axes.spines.values():
        edge.set_visible(False)
    return figure


def named_images(images, names, columns, size, fontsize=8):
    """Draw images (N, C, h, w) row by row with a name above each, all in one axes: many axes take long to draw.

    Args:
        names: N texts of one line.
        size: inches that an image is wide.
    """
    if images.dim() != 4 or len(names) != len(images):
        raise UserError(f"expected images (N, C, h, w) and N names; got shape {tuple(images.shape)} and {len(names)} "
                        "names")
    white = 1 if images.is_floating_point() else 255
    strip = math.ceil(1.8 * fontsize / 72 * images.shape[-1] / size)  # pixels above each image: a line of text
    framed = F.pad(images, (2, 2, strip, 2), value=white)
    figure, (height, width) = image_grid(framed, columns), framed.shape[-2:]
    axes, (down, across) = figure.axes[0], figure.axes[0].images[0].get_size()  # pixels of all
    axes.images[0].set_interpolation("auto")  # a pixel is no whole number of dots wide
    for k, name in enumerate(names):
        row, column = divmod(k, columns)
        axes.text((column + 0.5) * width, row * height + 0.75 * strip, name, ha="center", fontsize=fontsize)
    figure.set_size_inches(size * columns, size * columns * down / across)
    axes.set_position((0, 0, 1, 1))
    return figure


def curves(series, xlabel="epoch", ylabel="", title="", target=None):
    """Draw lines over epochs 1, 2, ...: series is a dict label -> values. `target` adds a dashed line."""
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for label, values in series.items():
        axes.plot(range(1, len(values) + 1), values, marker=".", label=label)
    if target is not None:
        axes.axhline(target, color="gray", linestyle="--", label=f"target {target:g}")
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize=8)  # losses fall, so this corner is free
    return figure


def lines(x, series, xlabel="", ylabel="", title=""):
    """Draw lines over common x values: series is a dict label -> values."""
    figure, axes = plt.subplots(figsize=(6, 3.2))
    for label, values in series.items():
        axes.plot(x, values, label=label)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def side_by_side(count, width, height):
    """Return a figure of this size in inches, and its `count` axes in one row.

    Their distances are given: to find them, matplotlib's constrained layout measures every label many times.
    """
    figure, all_axes = plt.subplots(1, count, figsize=(width, height), squeeze=False, gridspec_kw={"wspace": 0.3})
    return figure, all_axes[0].tolist()


def steps(panels, title="", levels=(), mark=None):
    """Draw what a training recorded at each step, in panels side by side: faint as it is, strong as a running mean.

    Args:
        panels: dict title -> dict label -> values.
        levels: dict title -> where that panel gets a dashed horizontal line: one number in gray, or one for each curve
            in its colour.
        mark: step at which all panels get a vertical line.
    """
    empty = [label for series in panels.values() for label, values in series.items() if not len(values)]
    if empty or not panels:
        raise UserError(f"nothing was recorded{' of ' + ', '.join(empty) if empty else ''}: the training ended before "
                        "its first epoch did")
    figure, all_axes = side_by_side(len(panels), 5.8 * len(panels), 3)
    for axes, (name, series) in zip(all_axes, panels.items()):
        for k, (label, values) in enumerate(series.items()):
            values = np.asarray(values)
            width = max(1, len(values) // 50)
            smooth = np.convolve(values, np.ones(width) / width, mode="valid")
            axes.plot(values, color=f"C{k}", alpha=0.2, linewidth=0.5, rasterized=True)
            axes.plot(np.arange(len(smooth)) + (width - 1) / 2, smooth, color=f"C{k}", label=label)
        if name in levels:
            own = np.ndim(levels[name]) > 0
            for k, level in enumerate(np.atleast_1d(levels[name])):
                axes.axhline(level, color=f"C{k}" if own else "gray", linestyle="--", linewidth=1)
        if mark is not None:
            axes.axvline(mark, color="black", linewidth=1)
        axes.set(xlabel="step", title=name)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.suptitle(title, fontsize=11, y=1.04)
    return figure


def game(recorded, title="", real="on real images", fake="on generated images", apart=False, mark=None):
    """Draw how a GAN's two networks did at each step, with dashed lines where the curves are if D can only guess.

    These are at log 4 for the discriminator's loss, at log 2 for the generator's, and at one half for the outputs.

    Args:
        recorded: dict with d_loss, g_loss, d_real, d_fake, as in `History.steps`; the last two are D's mean outputs.
        real, fake: what the curves of the mean outputs are called.
        apart: a panel for each loss; otherwise both are in one.
        mark: step at which all panels get a vertical line.
    """
    recorded = {name: recorded.get(name, ()) for name in ("d_loss", "g_loss", "d_real", "d_fake")}
    losses = {"losses": {"discriminator": recorded["d_loss"], "generator": recorded["g_loss"]}}
    if apart:
        losses = {"discriminator's loss": {"d_loss": recorded["d_loss"]},
                  "generator's loss": {"g_loss": recorded["g_loss"]}}
    outputs = {"mean output of D": {real: recorded["d_real"], fake: recorded["d_fake"]}}
    return steps({**losses, **outputs}, title, GAME_LEVELS, mark)


def bars(values, labels, ylabel="", title=""):
    """Draw one bar for each value (K,), with a label below it."""
    figure, axes = plt.subplots(figsize=(6, 2.4))
    axes.bar(labels, values)
    axes.set(ylabel=ylabel, title=title)
    return figure


def class_statistics(mu, logvar, labels):
    """Summarise where the 2-D codes (N, 2) of labelled images lie.

    Returns:
        reach: the square from -reach to reach covers all classes, and at least -3 to 3.
        mean, std: (K, 2), for each class the mean of its mus and the mean of its standard deviations.
    """
    mu, logvar, classes = mu.detach(), logvar.detach(), labels.unique()
    mean = torch.stack([mu[labels == k].mean(dim=0) for k in classes])
    std = torch.stack([torch.exp(0.5 * logvar[labels == k]).mean(dim=0) for k in classes])
    return max(3.0, 1.15 * float((mean.abs() + std).max())), mean, std


def latent_plane(panels, class_names):
    """Draw decoded 2-D latent planes side by side, with each class's mean code and mean standard deviation.

    Args:
        panels: dict title -> (images (G, G, 1, h, w) that `vae.sample_on_grid` decoded from -reach to reach, reach,
            mean, std), the last three as from `class_statistics`.
        class_names: K names.
    """
    figure, all_axes = side_by_side(len(panels), 5.2 * len(panels), 5.2)
    colours = plt.get_cmap("tab10").colors
    for axes, (title, (images, reach, mean, std)) in zip(all_axes, panels.items()):
        edge = reach + reach / (len(images) - 1)  # the outer images are centred on -reach and reach
        # The second latent number grows upwards, so the rows are flipped before the picture is joined.
        axes.imshow(tile(images.flip(0)), extent=(-edge, edge, -edge, edge), interpolation="nearest", alpha=0.75,
                    **GRAY)
        (x, y), (dx, dy) = mean.T.tolist(), std.T.tolist()
        axes.hlines(y, np.subtract(x, dx), np.add(x, dx), colours, linewidth=3)
        axes.vlines(x, np.subtract(y, dy), np.add(y, dy), colours, linewidth=3)
        for k, name in enumerate(class_names):
            axes.annotate(name, mean[k].tolist(), xytext=(9, 9), textcoords="offset points", color="white",
                          fontsize=9, fontweight="bold", ha="center", va="center",
                          bbox=dict(boxstyle="circle,pad=0.15", color=colours[k]))
        axes.set(xlabel="$z_1$", ylabel="$z_2$", title=title, xlim=(-edge, edge), ylim=(-edge, edge))
    return figure


def latent_scatter(panels, labels, class_names):
    """Draw the codes (N, 2) of labelled images: panels is a dict title -> codes. One colour for each class."""
    figure, all_axes = side_by_side(len(panels), 5.8 * len(panels), 4.2)
    for axes, (title, codes) in zip(all_axes, panels.items()):
        points = axes.scatter(*codes.T.tolist(), c=labels, s=3, cmap="tab10", vmin=-0.5, vmax=9.5, linewidths=0)
        axes.set(xlabel="$z_1$", ylabel="$z_2$", title=title)
        axes.locator_params(nbins=5)
    bar = figure.colorbar(points, ax=all_axes, ticks=range(len(class_names)))
    bar.ax.set_yticklabels(class_names)
    return figure


def latent_scatter_3d(codes, labels, class_names, azimuth=-60, elevation=25, title=""):
    """Draw the 3-D codes (N, 3) of labelled images, seen from one direction. One colour for each class.

    Args:
        azimuth, elevation: degrees: where the eye stands, around the third axis and above the plane of the other two.
    """
    figure = plt.figure(figsize=(7.8, 5.9))
    axes = figure.add_subplot(projection="3d")
    size = 3 if len(codes) <= 5000 else 0.6
    points = axes.scatter(*codes.cpu().numpy().T, c=labels.cpu().numpy(), s=size, cmap="tab10", vmin=-0.5, vmax=9.5,
                          linewidths=0, depthshade=False)
    axes.view_init(elev=elevation, azim=azimuth)
    axes.set(xlabel="$z_1$", ylabel="$z_2$", zlabel="$z_3$", title=title)
    axes.locator_params(nbins=5)
    bar = figure.colorbar(points, ax=axes, ticks=range(len(class_names)), shrink=0.8, pad=0.12)
    bar.ax.set_yticklabels(class_names)
    return figure
