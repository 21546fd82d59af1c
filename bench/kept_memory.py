"""What a step costs when freed memory is kept: `.venv/bin/python bench/kept_memory.py BEFORE`.

BEFORE is a checkout of the course without `training.keep_freed_memory`. Each network takes its steps in processes of its own, BEFORE and now in
turn, by one thread, in bfloat16 where the machine has it in hardware. Also prints which share of a step before was the
system's, and what one page costs on this machine. Needs a quiet machine.
"""
import contextlib
import json
import mmap
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve()
ROUNDS, STEPS, FIRST = 3, 40, 10  # the first ones are not counted
NAMES = ("ConvAutoencoder, 128 images", "DenoisingAutoencoder, 128 images", "VAE, 128 images",
         "ConvVAE, 64 images", "DCGAN on MNIST, 128 images", "Fashion DCGAN, 32 images", "U-Net, 64 images", "U-Net, 500 images, no gradients")
AUTOCAST = "DCGAN on MNIST", "Fashion DCGAN", "U-Net"  # trained in bfloat16, as in the notebooks


def step_of(name):
    """A function that takes one step, as far as memory is concerned like that of the training."""
    import torch
    from helpers import autoencoder, gan, vae
    from helpers.given import networks, training
    kind, count = name.split(",")[0], int(name.split(", ")[1].split()[0])
    device, digits = torch.device("cpu"), torch.rand(count, 1, 28, 28)
    if "DCGAN" in kind:
        D, G = ((gan.FashionDiscriminator(), gan.FashionGenerator(96)) if "Fashion" in kind
                else (gan.build_dc_classifier(), gan.build_dc_generator(96)))
        z, parts = torch.randn(count, 96), (D, G)
    elif kind == "U-Net":
        model, t, labels = networks.UNet(), torch.randint(0, 1000, (count,)), torch.randint(0, 10, (count,))
        parts = model,
    else:
        model, x = {"ConvAutoencoder": lambda: (autoencoder.ConvAutoencoder(), digits),
                    "DenoisingAutoencoder": lambda: (autoencoder.DenoisingAutoencoder(), torch.rand(count, 4096)),
                    "VAE": lambda: (vae.VAE(28 * 28, 15), digits),
                    "ConvVAE": lambda: (vae.ConvVAE((3, 32, 32), 128), torch.rand(count, 3, 32, 32))}[kind]()
        parts = model,

    def loss():
        if "DCGAN" in kind:
            return D(G(z)).mean()
        if kind == "U-Net":
            return model(digits, t, labels).square().mean()
        if "VAE" in kind:
            x_hat, mu, logvar = model(x)
            return vae.loss_function(x_hat, x, mu, logvar)
        return (model(x).view_as(x) - x).square().mean()

    for part in parts:
        part.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam([weight for part in parts for weight in part.parameters()])

    def step():
        with training.autocast(device) if kind in AUTOCAST else contextlib.nullcontext():
            value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    @torch.inference_mode()
    def look():
        with training.autocast(device):
            loss()

    return look if name.endswith("no gradients") else step


def child(course, name):
    """Print as JSON: milliseconds of a step, and which share of them was the system's."""
    os.chdir(course)
    sys.path.insert(0, course)
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    step = step_of(name)
    for _ in range(FIRST):
        step()
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_stime
    for _ in range(STEPS):
        step()
    seconds = time.perf_counter() - started
    print(json.dumps([1000 * seconds / STEPS,
                      (resource.getrusage(resource.RUSAGE_SELF).ru_stime - before) / seconds]))


def page():
    """Microseconds until the system has handed out one page of memory."""
    size = 256 << 20
    with mmap.mmap(-1, size) as memory:
        started = time.perf_counter()
        for place in range(0, size, mmap.PAGESIZE):
            memory[place] = 1
        first = time.perf_counter() - started
        started = time.perf_counter()
        for place in range(0, size, mmap.PAGESIZE):
            memory[place] = 2
        return 1e6 * (first - (time.perf_counter() - started)) / (size // mmap.PAGESIZE)


def main(before):
    print(f"one page of {mmap.PAGESIZE} bytes: {page():.2f} microseconds")
    print("| one step | before, ms | of it the system | now, ms | now / before |\n" + "| --- " * 5 + "|", flush=True)
    for name in NAMES:
        found = {course: [] for course in (str(Path(before).resolve()), str(HERE.parents[1]))}
        for _ in range(ROUNDS):
            for course, results in found.items():
                done = subprocess.run([sys.executable, "-P", str(HERE), "--child", course, name], text=True, check=True,
                                      stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
                results.append(json.loads(done.stdout.splitlines()[-1]))
        (old, share), (new, _) = (map(statistics.median, zip(*results)) for results in found.values())
        print(f"| {name} | {old:.1f} | {share:.0%} | {new:.1f} | {new / old:.2f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(*sys.argv[2:])
    else:
        main(sys.argv[1])
