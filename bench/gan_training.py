"""How much faster the course trains the DCGAN than a plain loop: `.venv/bin/python bench/gan_training.py`.

Two ways to train the same two networks on MNIST, in turns in one process, `--rounds` times `--steps` steps each:
  plain   torchvision's MNIST with ToTensor and Normalize, a DataLoader, float32, unfused Adam; the discriminator's and
          the generator's step each draw noise and make images of it
  course  helpers.given.gan: images in memory, fused Adam, channels last, one batch of generated images for
          both steps, no gradients that nobody uses, bfloat16 where the machine has it
Both go on training from round to round, so the means of the last round also show whether both play the same game.
Needs the real MNIST (./course data fetch mnist) and a quiet machine.
"""
import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
from helpers import gan  # noqa: E402
from helpers.given import datasets, training  # noqa: E402
from helpers.given import gan as given_gan  # noqa: E402
from vae_training import torchvision_files  # noqa: E402

BATCH_SIZE = 128


def networks():
    torch.manual_seed(0)
    D, G = gan.build_dc_classifier(), gan.build_dc_generator()
    return [network.apply(gan.initialize_weights) for network in (D, G)]


def plain_steps(D, G, D_solver, G_solver, batches, count):
    """The loop as courseworks write it; returns seconds and the losses."""
    losses = []
    started = time.perf_counter()
    for _ in range(count):
        x, _ = next(batches)
        D_solver.zero_grad()
        fake = G(gan.sample_noise(len(x), 96)).detach()
        d_loss = gan.discriminator_loss(D(x.view(-1, 784)), D(fake))
        d_loss.backward()
        D_solver.step()
        G_solver.zero_grad()
        g_loss = gan.generator_loss(D(G(gan.sample_noise(len(x), 96))))
        g_loss.backward()
        G_solver.step()
        losses.append((d_loss.item(), g_loss.item()))
    return time.perf_counter() - started, losses


def endless(loader):
    while True:
        yield from loader


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    data = datasets.load("mnist")
    if data.stand_in:
        sys.exit("this needs the real MNIST")
    seconds, last = {"plain": [], "course": []}, {}
    with tempfile.TemporaryDirectory() as root:
        torchvision_files(data, root)
        scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
        loader = DataLoader(MNIST(root, train=True, transform=scale), BATCH_SIZE, shuffle=True, drop_last=True)
        batches = endless(loader)
        plain = networks()
        plain_solvers = [torch.optim.Adam(m.parameters(), lr=1e-3, betas=(0.5, 0.999), foreach=False, fused=False)
                         for m in plain]
        course = networks()
        course_solvers = [gan.get_optimizer(m) for m in course]
        for part in range(args.rounds + 1):  # the first round warms up
            for network in plain:
                network.train()
            taken, losses = plain_steps(*plain, *plain_solvers, batches, args.steps)
            last["plain"] = [statistics.mean(column) for column in zip(*losses)]
            seconds["plain"].append(taken)
            start = part * args.steps * BATCH_SIZE
            images = data.train_images[start:start + args.steps * BATCH_SIZE]
            history = given_gan.fit(gan.update, *course, *course_solvers, gan.discriminator_loss,
                                    gan.generator_loss, gan.sample_noise, images, epochs=1,
                                    batch_size=BATCH_SIZE, seed=part, device="cpu", quiet=True)
            last["course"] = [history[0]["d_loss"], history[0]["g_loss"]]
            seconds["course"].append(history[0]["seconds"])
    times = {name: [1000 * value / args.steps for value in values[1:]] for name, values in seconds.items()}
    ratios = [a / b for a, b in zip(times["plain"], times["course"])]
    print(f"threads {torch.get_num_threads()}, autocast {training.autocast_dtype(torch.device('cpu'))}")
    print(f"| DCGAN on MNIST, batch {BATCH_SIZE} | ms a step, median of {args.rounds} | "
          f"losses of D and G, last {args.steps} steps |")
    print("| --- | --- | --- |")
    for name, what in (("plain", "DataLoader, float32, unfused Adam"), ("course", "the course's loop")):
        print(f"| {what} | {statistics.median(times[name]):.0f} | {last[name][0]:.2f}, {last[name][1]:.2f} |")
    print(f"| ratio, pair by pair | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | |")


if __name__ == "__main__":
    main()
