#!/usr/bin/env bash
# On a CPU the first convolution of each shape waits for its kernel: PyTorch hands convolutions to oneDNN, which compiles
# one for each combination of sizes, forward and backward apart, whatever the batch holds. A process that meets many shapes
# once, such as a grader's, or a test that builds a network of each size, is faster with oneDNN switched off
# (torch.backends.mkldnn.enabled = False): PyTorch's own convolutions are slower, and there at once. Nothing of it shows in
# a benchmark, which warms up. Compiled kernels live in the process, and forks of it have them, too.
#
# torch 2.14.1, one thread, one small network forward and backward for 12 image sizes, all new to the process: 88 ms with
# oneDNN (27 the second time), 37 ms without (32 the second time); in a fork of a process that has met the sizes, 36 ms with
# oneDNN.
#
# Installs torch (5 GB with CUDA) in a temporary folder and measures. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.14.1 numpy==2.4.6 2>/dev/null
cat > "$folder/shapes.py" <<'PY'
import os
import time

import torch
from torch import nn

torch.set_num_threads(1)
model = nn.Sequential(nn.Conv2d(3, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
                      nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 3, 4, 2, 1))
sizes = range(16, 64, 4)


def passes():
    started = time.perf_counter()
    for side in sizes:
        model(torch.rand(2, 3, side, side)).square().mean().backward()
    return 1000 * (time.perf_counter() - started)


def in_a_fork(enabled):
    """Milliseconds for all sizes, the first time and the second, in a process of their own."""
    receiving, sending = os.pipe()
    if os.fork() == 0:
        torch.backends.mkldnn.enabled = enabled
        os.write(sending, f"{passes()} {passes()}".encode())
        os._exit(0)
    os.wait()
    return [float(part) for part in os.read(receiving, 100).split()]


def best(enabled):
    return [min(times) for times in zip(*(in_a_fork(enabled) for _ in range(5)))]


compiled, own = best(True), best(False)
print(f"oneDNN: {compiled[0]:.0f} ms, then {compiled[1]:.0f}; without: {own[0]:.0f} ms, then {own[1]:.0f}")
passes()  # in this process now
inherited = best(True)
print(f"oneDNN, in forks of a process that has met the shapes: {inherited[0]:.0f} ms")
assert compiled[0] > 1.3 * own[0], "the first convolutions of each shape are no longer slower with oneDNN"
assert compiled[0] > 2 * compiled[1], "they take as long as the later ones"
assert inherited[0] < 0.8 * compiled[0], "forks do not have what was compiled before"
PY
"$folder/venv/bin/python" "$folder/shapes.py"
