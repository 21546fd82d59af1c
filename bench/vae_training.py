"""How much faster the course trains the VAE than a plain loop: `.venv/bin/python bench/vae_training.py`.

Three ways to train the same model on the same 55,000 MNIST images, in turns in one process:
  plain    torchvision's MNIST and ToTensor, a DataLoader, float32, unfused Adam 1e-3, batch 128
  same     the course's loop with the same recipe: Adam 1e-3, batch 128
  best     the course's loop with the notebook's best recipe: one-cycle schedule with peak 3e-3, batch 128, KL warm-up
First `--rounds` rounds of one epoch each for plain and same (seconds for each epoch). Then plain for ten epochs, and
best for six: seconds until the held-out loss is as low as plain's after ten. Evaluation is not counted for either.
At last what label and schedule give: VAE and CVAE, each with Adam 1e-3 and with one cycle to 2e-3, for `--seeds` seeds.
Needs the real MNIST (./course data fetch mnist) and a quiet machine.
"""
import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.given import datasets, training  # noqa: E402
from helpers.vae import CVAE, VAE, loss_function  # noqa: E402


def vae_loss(model, x, labels):
    x_hat, mu, logvar = model(x)
    return loss_function(x_hat, x, mu, logvar)


class WarmUpLoss:
    """The loss with a KL weight that grows from 0 to 1 over the first steps."""

    def __init__(self, steps):
        self.steps, self.step = steps, 0

    def __call__(self, model, x, labels):
        self.step += 1
        x_hat, mu, logvar = model(x)
        return loss_function(x_hat, x, mu, logvar, kl_weight=min(1.0, self.step / self.steps))


def cvae_loss(model, x, labels):
    x_hat, mu, logvar = model(x, torch.nn.functional.one_hot(labels, 10).float())
    return loss_function(x_hat, x, mu, logvar)


def torchvision_files(data, root, name="MNIST"):
    """Write the images in the files that torchvision.datasets.MNIST reads; name: this class, or one of its children."""
    raw = Path(root, name, "raw")
    raw.mkdir(parents=True)
    for part, images, labels in (("train", data.train_images, data.train_labels),
                                 ("t10k", data.test_images, data.test_labels)):
        sizes = b"".join(size.to_bytes(4, "big") for size in (len(images), 28, 28))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + images.numpy().tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + sizes[:4] + labels.byte().numpy().tobytes())


def plain_epoch(model, optimizer, loader):
    for x, labels in loader:
        optimizer.zero_grad()
        loss = vae_loss(model, x, labels)
        loss.backward()
        optimizer.step()


def held_out_loss(model, data):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same eps for all
        terms = training.evaluate(lambda m, x, y: {"loss": vae_loss(m, x, y)}, model, data.train_images[55_000:])
    return terms["loss"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    data = datasets.load("mnist")
    if data.stand_in:
        sys.exit("this needs the real MNIST")
    images, labels = data.train_images[:55_000], data.train_labels[:55_000]
    common = dict(batch_size=128, device="cpu", quiet=True)
    with tempfile.TemporaryDirectory() as root:
        torchvision_files(data, root)
        loader = DataLoader(Subset(MNIST(root, train=True, transform=ToTensor()), range(55_000)), 128, shuffle=True)

        def new():
            torch.manual_seed(0)
            model = VAE(784)
            return model, torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False, fused=False)

        seconds = {"plain": [], "same": []}
        for _ in range(args.rounds):
            model, optimizer = new()
            started = time.perf_counter()
            plain_epoch(model, optimizer, loader)
            seconds["plain"].append(time.perf_counter() - started)
            seconds["same"].append(training.fit(new()[0], vae_loss, images, epochs=1, lr=1e-3, **common)[0]["seconds"])
        ratios = [a / b for a, b in zip(seconds["plain"], seconds["same"])]
        print(f"threads {torch.get_num_threads()}, autocast {training.autocast_dtype(torch.device('cpu'))}")
        print("| seconds an epoch, VAE on 55,000 MNIST images, batch 128, Adam 1e-3 | median of "
              f"{args.rounds} |\n| --- | --- |")
        print(f"| torchvision, DataLoader, float32 | {statistics.median(seconds['plain']):.1f} |")
        print(f"| the course's loop | {statistics.median(seconds['same']):.1f} |")
        print(f"| ratio, pair by pair | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")

        model, optimizer = new()
        plain = 0.0
        for _ in range(10):
            started = time.perf_counter()
            plain_epoch(model, optimizer, loader)
            plain += time.perf_counter() - started
        target = held_out_loss(model, data)

    losses, overhead = [], [0.0]

    def watch(epoch, model):
        started = time.perf_counter()
        losses.append(held_out_loss(model, data))
        overhead[0] += time.perf_counter() - started
        return {"overhead": overhead[0]}

    warm_up = WarmUpLoss(0.8 * 6 * len(images) / 128)
    best = training.fit(new()[0], warm_up, images, epochs=6, lr=3e-3, one_cycle=True, after_epoch=watch, **common)
    reached = next((k for k, loss in enumerate(losses) if loss <= target), None)
    print("\n| to the held-out loss of the plain loop after ten epochs | nats per image | seconds |")
    print("| --- | --- | --- |")
    print(f"| torchvision, DataLoader, float32, ten epochs | {target:.2f} | {plain:.1f} |")
    if reached is None:
        print(f"| the course's best recipe | not reached: {losses[-1]:.2f} | - |")
    else:
        taken = best[reached]["seconds"] - (overhead[0] if reached == 0 else best[reached - 1]["overhead"])
        print(f"| the course's best recipe, {reached + 1} epochs | {losses[reached]:.2f} | {taken:.1f} |")
        print(f"| ratio | | {plain / taken:.2f} |")

    print("\n| mean training loss of the tenth epoch | Adam 1e-3 | one-cycle, peak 2e-3 |\n| --- | --- | --- |")
    for name, kind, loss in (("VAE", VAE, vae_loss), ("CVAE", CVAE, cvae_loss)):
        cells = []
        for options in (dict(lr=1e-3), dict(lr=2e-3, one_cycle=True)):
            ends = []
            for seed in range(args.seeds):
                torch.manual_seed(seed)
                history = training.fit(kind(784), loss, images, labels, epochs=10, seed=seed, **options, **common)
                ends.append(history[-1]["loss"])
            cells.append(f"{min(ends):.1f} to {max(ends):.1f} ({history[-1]['seconds']:.0f} s)")
        print(f"| {name}, 55,000 images, batch 128 | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
