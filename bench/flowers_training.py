"""What the flowers' GAN costs: `.venv/bin/python bench/flowers_training.py small`, `full` or `large`.

small   Two ways to train the same two networks on the 800 small flowers, in turns in one process, `--rounds` times
        `--epochs` epochs each, at --size 32 or 64:
          plain   torchvision's ImageFolder of jpg files, random crop, flip, ToTensor and Normalize, a DataLoader,
                  float32, unfused Adam, the two update functions as courseworks write them, with .item()
          course  helpers.given.flowers: images in memory, crop and flip on the batch, fused Adam, channels last, no
                  gradients that nobody uses, no waiting, a moving average of G, bfloat16 where the machine has it
        The seconds of 500 epochs are extrapolated from these; `full` measures them.
full    The course's 500 epochs at --size, with time and losses; --out writes a grid of images.
large   256x256, 512 channels, batch 32: a step of both networks, plain (float32, contiguous, unfused) and as the course
        does it, in turns; then the peak memory of each, in a process of its own.
`small` and `full` need flowers64.npz (see data/README.md), and all need a quiet machine.
"""
import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.utils import save_image

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from helpers import flowers  # noqa: E402
from helpers.given import datasets, flower_data, training  # noqa: E402
from helpers.given import flowers as given_flowers  # noqa: E402

LATENT = 64
LR = 2e-4


def networks(latent_dim, channels, size):
    torch.manual_seed(0)
    D, G = flowers.Discriminator(channels, size), flowers.Generator(latent_dim, channels, size)
    return D.apply(flowers.weights_init), G.apply(flowers.weights_init)


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=LR, betas=(0.5, 0.999), foreach=False, fused=False)


def plain_step(D, G, D_solver, G_solver, x, latent_dim):
    """Both updates as courseworks write them."""
    criterion, label = nn.BCELoss(), torch.ones(len(x))
    D.zero_grad()
    output = D(x)
    err_real = criterion(output, label)
    err_real.backward()
    fake = G(torch.randn(len(x), latent_dim, 1, 1))
    output_fake = D(fake.detach())
    err_fake = criterion(output_fake, torch.zeros_like(label))
    err_fake.backward()
    D_solver.step()
    values = [err_real.item(), output.mean().item(), err_fake.item(), output_fake.mean().item()]
    G.zero_grad()
    output = D(fake)
    err_g = criterion(output, label)
    err_g.backward()
    G_solver.step()
    return [*values, err_g.item(), output.mean().item()]


def photographs():
    """All 800 small flowers."""
    data = datasets.load("flowers64")
    if data.stand_in:
        sys.exit("this needs flowers64.npz")
    return torch.cat((data.train_images, data.test_images)), torch.cat((data.train_labels, data.test_labels))


def fit(D, G, images, args, epochs, **options):
    return given_flowers.fit(D, G, flowers.update_discriminator, flowers.update_generator, images, latent_dim=LATENT,
                             epochs=epochs, batch_size=128, lr=LR, augment=given_flowers.crop_and_flip, device="cpu",
                             quiet=True, **options)


def small(args):
    images, labels = photographs()
    seconds = {"plain": [], "course": []}
    with tempfile.TemporaryDirectory() as root:
        for k, (image, label) in enumerate(zip(images, labels)):
            path = Path(root, f"{int(label)}", f"{k:04d}.jpg")
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path, quality=95)
        change = transforms.Compose([
            transforms.Resize(args.size), transforms.RandomCrop(args.size, padding=args.size // 16,
                                                                padding_mode="reflect"),
            transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
        loader = DataLoader(ImageFolder(root, transform=change), 128, shuffle=True, drop_last=True)
        inputs = datasets.resize(images, args.size)
        plain, course = (networks(LATENT, args.channels, args.size) for _ in range(2))
        solvers = [adam(model) for model in plain]
        for part in range(args.rounds + 1):  # the first round warms up
            for model in plain:
                model.train()
            started = time.perf_counter()
            for _ in range(args.epochs):
                for x, _ in loader:
                    last = plain_step(*plain, *solvers, x, LATENT)
            seconds["plain"].append(time.perf_counter() - started)
            _, history = fit(*course, inputs, args, args.epochs, seed=part)
            seconds["course"].append(history[-1]["seconds"])
    times = {name: [value / args.epochs for value in values[1:]] for name, values in seconds.items()}
    ratios = [a / b for a, b in zip(times["plain"], times["course"])]
    print(f"| 800 flowers at {args.size}x{args.size}, {args.channels} channels, batch 128 | seconds an epoch, median "
          f"of {args.rounds} | 500 epochs, extrapolated | losses of D and G at the end |\n| --- | --- | --- | --- |")
    losses = {"plain": (last[0] + last[2], last[4]), "course": (history[-1]["d_loss"], history[-1]["g_loss"])}
    for name, what in (("plain", "ImageFolder, DataLoader, float32, unfused Adam"), ("course", "the course's loop")):
        epoch = statistics.median(times[name])
        print(f"| {what} | {epoch:.3f} | {500 * epoch:.0f} s | {losses[name][0]:.2f}, {losses[name][1]:.2f} |")
    print(f"| ratio, pair by pair | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | | |")


def full(args):
    inputs = datasets.resize(photographs()[0], args.size)
    D, G = networks(LATENT, args.channels, args.size)
    averaged, history = fit(D, G, inputs, args, 500)
    last = history[-1]
    print(f"500 epochs at {args.size}x{args.size}, {args.channels} channels: {last['seconds']:.0f} s; losses of D and "
          f"G {last['d_loss']:.2f}, {last['g_loss']:.2f}; mean D of photographs and of images {last['d_real']:.2f}, "
          f"{last['d_fake']:.2f}")
    convolutions = [layer for layer in D.modules() if isinstance(layer, nn.Conv2d)]
    values = {"matrices": [flowers.largest_singular_value(layer.weight).item() for layer in convolutions],
              "whole convolutions": [given_flowers.operator_norm(layer, args.size >> k)
                                     for k, layer in enumerate(convolutions)]}
    for what, found in values.items():
        print(f"largest singular values of D's {what}:", ", ".join(f"{value:.3f}" for value in found))
    if args.out:
        torch.manual_seed(1)
        images = [flowers.generate(model, torch.randn(40, LATENT, 1, 1)) for model in (G, averaged)]
        save_image(torch.cat(images), args.out, nrow=10)


def large_steps(name, models, images, steps):
    """Seconds a step of one way."""
    D, G, *solvers = models
    if name == "plain":
        for model in (D, G):
            model.train()
        x = 2 * training.to_float(images) - 1
        started = time.perf_counter()
        for k in range(steps):
            plain_step(D, G, *solvers, x[32 * k:32 * k + 32], 128)
        return (time.perf_counter() - started) / steps
    _, history = given_flowers.fit(D, G, flowers.update_discriminator, flowers.update_generator, images, latent_dim=128,
                                   epochs=1, batch_size=32, lr=LR, device="cpu", quiet=True)
    return history[0]["seconds"] / steps


def large(args):
    images = flower_data.draw(torch.arange(32 * args.steps), torch.Generator().manual_seed(0), 256)
    if args.only:
        models = networks(128, 512, 256)
        large_steps(args.only, (*models, *(adam(model) for model in models)), images, args.steps)
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
        return
    models = {}
    for name in ("plain", "course"):
        pair = networks(128, 512, 256)
        models[name] = (*pair, *(adam(model) for model in pair))
    times = {"plain": [], "course": []}
    for _ in range(args.rounds + 1):
        for name in times:
            times[name].append(large_steps(name, models[name], images, args.steps))
    ratios = [a / b for a, b in zip(times["plain"][1:], times["course"][1:])]
    print(f"| 256x256, 512 channels, batch 32 | seconds a step, median of {args.rounds} | peak memory |\n"
          "| --- | --- | --- |")
    for name, what in (("plain", "float32, contiguous, unfused Adam"), ("course", "the course's loop")):
        found = subprocess.run([sys.executable, __file__, "large", "--only", name, "--steps", "1"], text=True,
                               capture_output=True, check=True).stdout
        print(f"| {what} | {statistics.median(times[name][1:]):.2f} | {int(found.split()[-1]):,} MB |")
    print(f"| ratio, pair by pair | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("small", "full", "large"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--channels", type=int, default=128, help="channel_num of both networks (default 128)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5, help="of a round of `small`")
    parser.add_argument("--steps", type=int, default=2, help="of a round of `large`")
    parser.add_argument("--out", help="a file for images")
    parser.add_argument("--only", choices=("plain", "course"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.only:
        print(f"threads {torch.get_num_threads()}, torch {torch.__version__}, autocast "
              f"{training.autocast_dtype(torch.device('cpu'))}\n")
    {"small": small, "full": full, "large": large}[args.what](args)


if __name__ == "__main__":
    main()
