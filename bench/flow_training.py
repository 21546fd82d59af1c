"""What the flow assignment costs, and how good it gets: `.venv/bin/python bench/flow_training.py points --seeds 5`.

points  2-D moons: 100,000 points, batch 2048. Three trainings (independent pairs, coupled pairs, reflow) for each seed;
        the sliced Wasserstein distance of 10,000 samples to fresh points, as a multiple of that of real points to real
        points, at few steps; straightness; the mass of the density on a grid, and the mean log-likelihood of fresh
        points less that of the true density.
images  MNIST: the U-Net trained to say velocities, for each seed; the share of digits read as asked and the Fréchet
        distance, at 8 evaluations and others. With --unet FOLDER also DDIM in 50 steps with the noise predictors of
        assignment 4 that bench/trained_work.py has trained there (FOLDER/SEED/diffusion/unet.safetensors).
Times need a quiet machine. `images` needs the real MNIST (./course data fetch mnist).
"""
import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from helpers import diffusion, flow  # noqa: E402
from helpers.given import datasets, densities, metrics, training, weights  # noqa: E402
from helpers.given import diffusion as given_diffusion  # noqa: E402
from helpers.given import flow as given_flow  # noqa: E402


def timed(function):
    started = time.perf_counter()
    result = function()
    return result, time.perf_counter() - started


def even(steps, start=0.0, end=1.0):
    return torch.linspace(start, end, steps + 1)


def mean_and_range(rows):
    """Print mean, least and largest of each column of some dicts."""
    for name in rows[0]:
        values = [row[name] for row in rows if name in row]
        print(f"| {name} | {statistics.mean(values):.3f} | {min(values):.3f}, {max(values):.3f} |")


def drawn(field, solver, steps, noise=0, count=10_000):
    torch.manual_seed(noise)
    return solver(field, torch.randn(count, 2), even(steps))


def apart(field, solver, steps, fresh, floor):
    """The distance of points made from five draws of noise: one draw of 10,000 is off by up to half the floor."""
    return statistics.mean(densities.sliced_wasserstein(drawn(field, solver, steps, noise)[0], real)
                           for noise in range(5) for real in fresh) / floor


def points_of(seed, epochs):
    """The three trainings of one seed, as a row."""
    train, _ = densities.sample("moons", 100_000)
    fresh = [densities.sample("moons", 10_000, seed=500 + k)[0] for k in range(5)]
    # What real points come to, against the same fresh ones.
    floor = statistics.mean(densities.sliced_wasserstein(densities.sample("moons", 10_000, seed=900 + k)[0], real)
                            for k in range(10) for real in fresh)

    def coupled(model, batch):
        noise = torch.randn_like(batch)
        pairs = [flow.couple(a, b) for a, b in zip(noise.split(128), batch.split(128))]
        return flow.flow_matching_loss(model, batch, torch.cat(pairs))

    def fit(loss, data, epochs):
        torch.manual_seed(seed)
        model = given_flow.PointNet()
        _, seconds = timed(lambda: given_diffusion.fit_points(
            model, loss, data, epochs=epochs, seed=seed, device="cpu", quiet=True))
        return model, seconds

    row = {}
    model, row["independent, training, s"] = fit(flow.flow_matching_loss, train, epochs)
    found = densities.coverage(drawn(model, flow.heun, 8)[0], "moons")
    row |= {"independent, 8 steps of Heun, distance / floor": apart(model, flow.heun, 8, fresh, floor),
            "parts covered, of 16": found["covered"], "outside": found["outside"]}
    torch.manual_seed(0)
    pairs = flow.reflow_pairs(model, 50_000, 2, even(20))
    networks = {"independent": model}
    networks["coupled"], row["coupled, training, s"] = fit(coupled, train, max(1, epochs * 30 // 250))
    networks["reflow"], row["reflow, training, s"] = fit(
        lambda model, pairs: flow.flow_matching_loss(model, pairs[:, 1], pairs[:, 0]), pairs, epochs)
    for name, network in networks.items():
        row[f"{name}, straightness"] = flow.straightness(drawn(network, flow.heun, 50)[1]).item()
        for steps in (1, 2, 4, 8, 50):
            row[f"{name}, {steps} of Euler, distance / floor"] = apart(network, flow.euler, steps, fresh, floor)
    line = torch.linspace(-3, 3, 120)
    density = flow.log_likelihood(model, torch.cartesian_prod(line, line), even(32, 1.0, 0.0)).exp()
    some = densities.sample("moons", 5000, seed=9)[0]
    row["mass on a grid"] = (density.sum() * (line[1] - line[0]) ** 2).item()
    row["log-likelihood less that of the truth, nats"] = (
        flow.log_likelihood(model, some, even(32, 1.0, 0.0)) - given_flow.moons_log_density(some)).mean().item()
    return row


def points(args):
    rows = []
    for seed in range(args.seeds):
        rows.append(points_of(seed, args.epochs or 250))
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in rows[-1].items()), flush=True)
    print(f"\n| moons, {args.seeds} seeds | mean | from, to |\n| --- | --- | --- |")
    mean_and_range(rows)


def images(args):
    data = datasets.load("mnist")
    if data.stand_in:
        sys.exit("this needs the real MNIST")
    classifier, _ = metrics.load_classifier(data)
    asked, real, rows = torch.arange(args.images) % 10, training.to_float(data.test_images), []
    kinds = [(data.train_labels == k).nonzero()[:, 0] for k in range(10)]
    torch.manual_seed(0)
    floors = [metrics.frechet_distance(classifier, real, training.to_float(data.train_images[torch.cat([
        places[torch.randperm(len(places))][:int((asked == k).sum())] for k, places in enumerate(kinds)])]))
        for _ in range(10)]
    print(f"floor: Fréchet distance of {args.images} real images, as many of each kind, ten draws: "
          f"{statistics.mean(floors):.1f} +- {statistics.stdev(floors):.1f}\n")

    def score(row, name, sample, seed):
        torch.manual_seed(seed)
        with torch.inference_mode():
            made = (torch.cat([sample(torch.randn(len(part), 1, 28, 28), part) for part in asked.split(250)]) + 1) / 2
        made = made.clamp(0, 1)
        row[f"{name}, as asked"] = metrics.share_as_asked(classifier, made, asked)[0]
        row[f"{name}, Fréchet distance"] = metrics.frechet_distance(classifier, real, made)

    for seed in range(args.seeds):
        def loss(model, x, labels):
            seen = torch.where(torch.rand(len(labels)) < 0.1, model_with_null.null_label, labels)
            t = None if args.uniform else torch.sigmoid(torch.randn(len(x)))
            return flow.flow_matching_loss(lambda x_t, t: model(x_t, t, seen), x, t=t)

        torch.manual_seed(seed)
        model_with_null = given_flow.VelocityUNet()
        (averaged, history), seconds = timed(lambda: given_diffusion.fit_images(
            model_with_null, loss, data.train_images, data.train_labels, epochs=args.epochs or 2, seed=seed,
            device="cpu", quiet=True))
        row = {"training, s": seconds, "last loss": history[-1]["loss"]}
        for solver, steps, scale in ((flow.euler, 8, 1.5), (flow.heun, 4, 1.5), (flow.euler, 50, 1.5),
                                     (flow.euler, 8, 2.0), (flow.euler, 4, 1.5)):
            evaluations = steps * (2 if solver is flow.heun else 1)
            score(row, f"{solver.__name__}, {evaluations} evaluations, w {scale}", lambda noise, labels: solver(
                lambda x, t: flow.guided_velocity(averaged, x, t, labels, scale), noise, even(steps))[0], seed)
        path = None if args.unet is None else args.unet / str(seed) / "diffusion" / "unet.safetensors"
        if path is not None and path.exists():
            unet, schedule = weights.load(diffusion.UNet(), load_file(path)), diffusion.linear_schedule(1000)
            for scale in (1.5, 2.0):
                def ddim(noise, labels):
                    torch.manual_seed(seed)
                    return diffusion.sample_ddim(lambda x, t: diffusion.guided_noise(unet, x, t, labels, scale),
                                                 len(noise), (1, 28, 28), schedule, steps=50)[0]
                score(row, f"DDIM, 50 evaluations, w {scale}", ddim, seed)
        rows.append(row)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    print(f"\n| MNIST, {args.seeds} seeds | mean | from, to |\n| --- | --- | --- |")
    mean_and_range(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("points", "images"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="default 250 for points, 2 for images")
    parser.add_argument("--images", type=int, default=500, help="how many images are made each way (default 500)")
    parser.add_argument("--uniform", action="store_true", help="draw the times of images uniformly, not logit-normally")
    parser.add_argument("--unet", type=Path, help="folder of noise predictors, for DDIM")
    args = parser.parse_args()
    print(f"threads {torch.get_num_threads()}, torch {torch.__version__}, {platform.machine()}, bfloat16 "
          f"{training.autocast_dtype(torch.device('cpu')) is not None}\n")
    {"points": points, "images": images}[args.what](args)


if __name__ == "__main__":
    main()
