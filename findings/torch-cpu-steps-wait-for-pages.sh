#!/usr/bin/env bash
# How long a training step takes on a CPU can depend on whether the process has freed something large before. On Linux
# with glibc, a small convolutional network gives thousands of pages of memory back to the system at the end of a step and
# takes them again in the next one: nothing in PyTorch keeps freed memory on a CPU, and glibc keeps at most twice the
# largest block, of up to 32 MiB, that was ever freed. A data set of some ten megabytes that was loaded and dropped raises
# this, so a notebook does not see what a benchmark of the same network in a fresh process sees.
#
# torch 2.14.1, glibc 2.36, one thread, 128 images of 28x28: 12,000 to 22,000 pages and 45 to 65 ms a step, two fifths to
# a half of it in the system, on a virtual machine where a page costs 1.4 microseconds. After one tensor of 31 MiB was
# made and dropped, before the first step: none, and 28 ms. mallopt(M_TRIM_THRESHOLD, -1) with
# mallopt(M_MMAP_THRESHOLD, 32 MiB) does the same. Whoever compares two ways to train has to do so after the same history.
#
# Installs torch (5 GB with CUDA) in a temporary folder and counts. Fails if that changes. How much time a page takes
# depends on the machine, so only pages are asserted.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.14.1 numpy==2.4.6 2>/dev/null
cat > "$folder/steps.py" <<'PY'
import resource
import sys
import time
import torch
from torch import nn

torch.set_num_threads(1)
if sys.argv[1] == "dropped":
    torch.ones(31 << 18)  # 31 MiB
model = nn.Sequential(
    nn.Conv2d(1, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 16, 3, 1, 1), nn.ReLU(),
    nn.ConvTranspose2d(16, 32, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 64, 4, 2, 1), nn.ReLU(),
    nn.ConvTranspose2d(64, 1, 4, 2, 1))
optimizer, x = torch.optim.Adam(model.parameters()), torch.rand(128, 1, 28, 28)


def steps(count):
    for _ in range(count):
        optimizer.zero_grad()
        (model(x) - x).square().mean().backward()
        optimizer.step()


steps(10)
before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
steps(40)
seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
pages = (after.ru_minflt - before.ru_minflt) / 40
print(f"{sys.argv[1]:<8}{pages:7.0f} pages a step, {1000 * seconds / 40:5.1f} ms, of it the system "
      f"{(after.ru_stime - before.ru_stime) / seconds:.0%}, peak {after.ru_maxrss >> 10} MB", file=sys.stderr)
print(round(pages))
PY
fresh="$("$folder/venv/bin/python" "$folder/steps.py" fresh)"
dropped="$("$folder/venv/bin/python" "$folder/steps.py" dropped)"
[ "$fresh" -gt 2000 ] || { echo "freed memory is kept now: $fresh pages a step"; exit 1; }
[ "$dropped" -lt $((fresh / 5)) ] || { echo "a large tensor before no longer helps: $dropped pages a step"; exit 1; }
