"""How much sooner than a plain loop the autoencoder is trained: `.venv/bin/python bench/autoencoder_training.py`.

Three ways to train the same model on the 60,000 training images of Fashion-MNIST, in one process, until its mean loss
over all of them, at fixed parameters, is below 0.03:
  plain   torchvision's FashionMNIST with ToTensor, a DataLoader, float32, unfused Adam 1e-3, batch 128
  recipe  the course's loop: images in memory, fused Adam, channels last, bfloat16 where the machine has it; one pass
          over the images with batch 64 and a one-cycle schedule with peak 8e-3, as in the notebook
  half    the same with half of the images and peak 1.2e-2: enough for 0.03, with little to spare
All are evaluated on all images, after each epoch, by the same function, whose seconds are counted apart. One seed
after another, `--rounds` of them.
Needs the real Fashion-MNIST (./course data fetch fashion_mnist) and a quiet machine.
"""
import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
from helpers.autoencoder import ConvAutoencoder, mean_loss, reconstruction_loss  # noqa: E402
from helpers.given import datasets, training  # noqa: E402
from vae_training import torchvision_files  # noqa: E402

TARGET = 0.03
MOST_EPOCHS = 15


def new_model(seed):
    torch.manual_seed(seed)
    return ConvAutoencoder()


class Watch:
    """Mean loss after each epoch, and the seconds that it took to compute."""

    def __init__(self, images):
        self.images, self.losses, self.seconds = images, [], 0.0

    def __call__(self, epoch, model):
        started = time.perf_counter()
        self.losses.append(mean_loss(model, self.images))
        self.seconds += time.perf_counter() - started

    @property
    def reached(self):
        return bool(self.losses) and self.losses[-1] < TARGET


def plain(loader, images, seed):
    """The loop as courseworks write it. Returns seconds of training, and the Watch."""
    model, watch = new_model(seed), Watch(images)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, foreach=False, fused=False)
    started = time.perf_counter()
    while not watch.reached and len(watch.losses) < MOST_EPOCHS:
        model.train()
        for x, _ in loader:
            optimizer.zero_grad()
            loss = reconstruction_loss(model(x), x)
            loss.backward()
            optimizer.step()
        watch(len(watch.losses) + 1, model)
    return time.perf_counter() - started - watch.seconds, watch


def recipe(images, seed, share=1.0, lr=8e-3):
    model, watch = new_model(seed), Watch(images)
    started = time.perf_counter()
    part = images[torch.randperm(len(images))[:int(share * len(images))]]
    training.fit(model, lambda model, x, labels: reconstruction_loss(model(x), x), part, epochs=1, batch_size=64,
                 lr=lr, one_cycle=True, seed=seed, after_epoch=watch, device="cpu", quiet=True)
    return time.perf_counter() - started - watch.seconds, watch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    data = datasets.load("fashion_mnist")
    if data.stand_in:
        sys.exit("this needs the real Fashion-MNIST")
    images = data.train_images
    found = {"plain": [], "recipe": [], "half": []}
    with tempfile.TemporaryDirectory() as root:
        torchvision_files(data, root, "FashionMNIST")
        loader = DataLoader(FashionMNIST(root, train=True, transform=ToTensor()), 128, shuffle=True)
        for seed in range(rounds):
            found["recipe"].append(recipe(images, seed))
            found["half"].append(recipe(images, seed, 0.5, 1.2e-2))
            found["plain"].append(plain(loader, images, seed))
    print(f"threads {torch.get_num_threads()}, autocast {training.autocast_dtype(torch.device('cpu'))}")
    print(f"| to a mean training-set loss below {TARGET}, {rounds} seeds | epochs | mean losses | seconds of training, "
          "median | with evaluation |\n| --- | --- | --- | --- | --- |")
    for name, what in (("plain", "DataLoader, float32, Adam 1e-3, batch 128"),
                       ("recipe", "the notebook's recipe: one cycle to 8e-3, batch 64"),
                       ("half", "half of the images, one cycle to 1.2e-2, batch 64")):
        seconds, watches = zip(*found[name])
        epochs = ", ".join(str(len(watch.losses)) for watch in watches)
        losses = ", ".join(f"{watch.losses[-1]:.4f}" + ("" if watch.reached else " (not reached)") for watch in watches)
        whole = [taken + watch.seconds for taken, watch in found[name]]
        print(f"| {what} | {epochs} | {losses} | {statistics.median(seconds):.1f} | {statistics.median(whole):.1f} |")
    for name in ("recipe", "half"):
        pairs = list(zip(found["plain"], found[name]))
        for what, ratios in (("training", [a / b for (a, _), (b, _) in pairs]),
                             ("with evaluation", [(a + v.seconds) / (b + w.seconds) for (a, v), (b, w) in pairs])):
            print(f"ratio plain / {name}, {what}: {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
