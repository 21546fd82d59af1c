"""Do the GANs of part 3 of assignment 3 fail in every run? `.venv/bin/python bench/gan_failures.py`.

For each seed, with the networks, losses and learning rates of the notebook:
  FC-GAN     equal learning rates, `--epochs` epochs
  collapse   the same networks go on; the discriminator's learning rate is 3e-5, half an epoch
  repaired   both learning rates are 5e-4, two epochs
  D wins     new networks, 1e-3 against 1e-5, half an epoch
  equal      they go on with equal rates, one epoch; "caught up" is the first step after which D's mean output on
             generated images was above 0.3 for ten steps
A row says what a stage ended with: the scores of 10,000 images, the share of the largest class, the mean distance
between two images (real digits: 9.8), and the means of the last 50 steps. `--threads` and `--bf16` change the rounding,
the latter also where bfloat16 is slow. Needs the real MNIST (./course data fetch mnist).
"""
import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers import gan  # noqa: E402
from helpers.given import datasets, metrics, training  # noqa: E402
from helpers.given import gan as given_gan  # noqa: E402


def adam(model, lr):
    return torch.optim.Adam(model.parameters(), lr=lr, betas=(0.5, 0.999))


def play(D, G, d_lr, g_lr, images, epochs, seed):
    return given_gan.fit(gan.update, D, G, adam(D, d_lr), adam(G, g_lr), gan.discriminator_loss, gan.generator_loss,
                         gan.sample_noise, images, epochs=epochs, seed=seed, quiet=True).steps


def row(name, G, steps, judge, real):
    with torch.inference_mode():
        made = (G(gan.sample_noise(len(real), 96)).cpu().view(-1, 1, 28, 28) + 1) / 2
    scores, largest = metrics.scores(judge, real, made), metrics.judge(judge, made)["shares"].max().item()
    apart = torch.pdist(made[:500].flatten(1)).mean().item()
    last = " ".join(f"{key} {sum(values[-50:]) / len(values[-50:]):5.2f}" for key, values in steps.items())
    print(f"{name:<10} distance {scores['distance']:7.1f}  precision {scores['precision']:.2f}  "
          f"recall {scores['recall']:.2f}  classes {scores['covered']:2}  largest {largest:4.0%}  apart {apart:5.2f}  "
          f"{last}", flush=True)


def caught_up(outputs):
    """The first step from which on ten outputs in a row are above 0.3."""
    return next((k for k in range(len(outputs) - 9) if min(outputs[k:k + 10]) > 0.3), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--bf16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = datasets.load("mnist")
    if data.stand_in:
        sys.exit("this needs the real MNIST")
    judge, _ = metrics.load_classifier(data)
    training.autocast_dtype = lambda device: torch.bfloat16 if args.bf16 else None
    images, real = data.train_images, training.to_float(data.test_images)
    half = images[:len(images) // 2]
    for seed in args.seeds:
        print(f"seed {seed}, {args.threads} threads, {'bfloat16' if args.bf16 else 'float32'}")
        torch.manual_seed(seed)
        D, G = gan.discriminator(), gan.generator()
        row("FC-GAN", G, play(D, G, 1e-3, 1e-3, images, args.epochs, seed), judge, real)
        row("collapse", G, play(D, G, 3e-5, 1e-3, half, 1, seed), judge, real)
        row("repaired", G, play(D, G, 5e-4, 5e-4, images, 2, seed), judge, real)
        torch.manual_seed(seed)
        D, G = gan.discriminator(), gan.generator()
        row("D wins", G, play(D, G, 1e-3, 1e-5, half, 1, seed), judge, real)
        steps = play(D, G, 1e-3, 1e-3, images, 1, seed)
        row("equal", G, steps, judge, real)
        print(f"caught up at step {caught_up(steps['d_fake'])}")


if __name__ == "__main__":
    main()
