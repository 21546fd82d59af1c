"""What the diffusion assignment costs, and how good it gets: `.venv/bin/python bench/diffusion_training.py images`.

points  2-D moons: 100,000 points, batch 2048, cosine schedule; training time, and the sliced Wasserstein distance of
        10,000 samples to fresh points beside that of real points to real points.
images  MNIST: the UNet in float32 (as a machine without bfloat16 trains it), the share of guided samples that show the
        digit that was asked for, and DDPM's whole chain against DDIM in few steps: time and Fréchet distance.
Training and sampling are deterministic for a number of threads; times need a quiet machine. `images` needs the real
MNIST (./course data fetch mnist) and a quarter of an hour.
"""
import argparse
import sys
import time
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from helpers import diffusion  # noqa: E402
from helpers.given import datasets, densities, metrics, training  # noqa: E402
from helpers.given import diffusion as given_diffusion  # noqa: E402


def timed(function):
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def points(args):
    """Train on one density; print a line of the table."""
    schedule = diffusion.cosine_schedule(args.steps)
    train, _ = densities.sample(args.density, 100_000)
    torch.manual_seed(args.seed)
    model = diffusion.SimpleDiffusion()
    history, seconds = timed(lambda: given_diffusion.fit_points(
        model, lambda model, x: diffusion.noise_prediction_loss(model, x, schedule[0]), train,
        epochs=args.epochs or 250, seed=args.seed, device="cpu", quiet=True))
    (samples, _), sampling = timed(lambda: diffusion.sample_ddpm(model, 10_000, 2, schedule))
    fresh = [densities.sample(args.density, 10_000, seed=500 + k)[0] for k in range(5)]
    distance = sum(densities.sliced_wasserstein(samples, real) for real in fresh) / len(fresh)
    floor = densities.floor(args.density, 10_000)
    found = densities.coverage(samples, args.density)
    print("| density | epochs | training, s | sampling, s | last loss | sliced Wasserstein | floor | ratio | "
          "parts covered | outside |\n" + "| --- " * 10 + "|")
    print(f"| {args.density} | {len(history)} | {seconds:.1f} | {sampling:.1f} | {history[-1]['loss']:.4f} | "
          f"{distance:.4f} | {floor:.4f} | {distance / floor:.2f} | {found['covered']} of {found['parts']} | "
          f"{100 * found['outside']:.2f} % |")


def images(args):
    """Train the UNet; print a line for each way to sample."""
    data = datasets.load("mnist")
    if data.stand_in:
        sys.exit("this needs the real MNIST")
    classifier, _ = metrics.load_classifier(data)
    schedule = diffusion.linear_schedule(1000)
    torch.manual_seed(args.seed)
    model = diffusion.UNet()
    null_label = model.null_label

    def loss(model, x, labels):
        return diffusion.noise_prediction_loss(
            lambda noised, t: model(noised, t, diffusion.drop_labels(labels, null_label)), x, schedule[0])

    (averaged, history), seconds = timed(lambda: given_diffusion.fit_images(
        model, loss, data.train_images, data.train_labels, epochs=args.epochs or 4, seed=args.seed, device="cpu",
        bf16=False, quiet=True))
    print(f"training: {len(history)} epochs, {seconds:.0f} s, last loss {history[-1]['loss']:.4f}\n", flush=True)
    labels = torch.arange(args.images) % 10
    real = training.to_float(data.test_images)
    # Real images of the same number and of the same classes; several draws, since few images scatter.
    others = [torch.cat([(data.train_labels == k).nonzero()[:, 0][torch.randperm(int((data.train_labels == k).sum()))]
                         [:int((labels == k).sum())] for k in range(10)]) for _ in range(10)]
    floors = torch.tensor([metrics.frechet_distance(classifier, real, training.to_float(data.train_images[draw]))
                           for draw in others])
    print(f"Fréchet distance of {args.images} real images to {len(real)} others, ten draws: {floors.mean():.2f} +- "
          f"{floors.std():.2f}\n")
    print("| sampler | scale | seconds | as asked | Fréchet distance | precision | recall |\n" + "| --- " * 7 + "|")
    ways = [("DDIM", scale, 50) for scale in (1.0, 2.0, 3.0)] + [("DDIM", 2.0, steps) for steps in (10, 20, 100)]
    for name, scale, steps in ways + [("DDPM", 2.0, 1000)]:
        def sample(part):
            def predict(x, t):
                if scale == 1:
                    return averaged(x, t, part)
                return diffusion.guided_noise(averaged, x, t, part, scale)

            if name == "DDPM":
                return diffusion.sample_ddpm(predict, len(part), (1, 28, 28), schedule)
            return diffusion.sample_ddim(predict, len(part), (1, 28, 28), schedule, steps=steps)

        torch.manual_seed(args.seed)
        made, seconds = timed(lambda: given_diffusion.make_images(sample, labels))
        share, _ = metrics.share_as_asked(classifier, made, labels)
        found = metrics.scores(classifier, real, made)
        print(f"| {name}, {steps} steps | {scale:g} | {seconds:.1f} | {100 * share:.1f} % | {found['distance']:.2f} | "
              f"{found['precision']:.3f} | {found['recall']:.3f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("points", "images"))
    parser.add_argument("--density", default="moons", choices=densities.DENSITIES)
    parser.add_argument("--steps", type=int, default=100, help="of the schedule for points (default 100)")
    parser.add_argument("--epochs", type=int, help="default 250 for points, 4 for images")
    parser.add_argument("--images", type=int, default=500, help="how many images are made each way (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(f"threads {torch.get_num_threads()}, torch {torch.__version__}\n")
    {"points": points, "images": images}[args.what](args)


if __name__ == "__main__":
    main()
