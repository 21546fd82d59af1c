#!/usr/bin/env bash
# In bfloat16 on a CPU, two layers of PyTorch take longer than in float32, also where the processor has instructions for
# bfloat16: autocast makes a small U-Net slower, though its convolutions take half the time.
#
# torch 2.14.1, one thread, an AMD EPYC processor with AVX-512 bfloat16; forward and back together:
# - nn.MultiheadAttention with need_weights=False, 64 sequences of 49 places, 64 channels, 4 heads: 29 ms under autocast,
#   10 ms in float32. The fused kernel's way back takes most of it (profiler: _scaled_dot_product_flash_attention_for_cpu
#   _backward). With need_weights=True, which multiplies matrices step by step: 8 ms under autocast.
# - nn.GroupNorm of (64, 64, 14, 14) with the channels last in memory: 5.7 ms for a bfloat16 input. To float32 and back
#   to bfloat16 around it: 0.9 ms. With channel after channel in memory there is no such difference.
#
# Installs torch (5 GB with CUDA) in a temporary folder and measures. Fails if that changes: the ratios are asserted at
# half of what was seen.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.14.1 numpy==2.4.6 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import statistics
import time
import torch
from torch import nn

torch.set_num_threads(1)


def milliseconds(layer, x, autocast):
    times = []
    for _ in range(25):
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = layer(x)
        y.backward(torch.ones_like(y))
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[5:])


look = nn.MultiheadAttention(64, 4, batch_first=True)
x = torch.randn(64, 49, 64, requires_grad=True)
fused = {kind: milliseconds(lambda x: look(x, x, x, need_weights=False)[0], x, kind) for kind in (True, False)}
plain = milliseconds(lambda x: look(x, x, x)[0], x, True)
print(f"attention: fused {fused[True]:.1f} ms in bfloat16, {fused[False]:.1f} in float32; step by step {plain:.1f} in "
      "bfloat16")

norm = nn.GroupNorm(8, 64)
x = torch.randn(64, 64, 14, 14).bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
own = milliseconds(norm, x, True)
through = milliseconds(lambda x: norm(x.float()).to(x.dtype), x, True)
print(f"group normalisation: {own:.1f} ms in bfloat16, {through:.1f} through float32")
assert fused[True] > 1.4 * fused[False] and fused[True] > 1.8 * plain, "the fused attention is no longer slower"
assert own > 3 * through, "group normalisation is no longer slower"
PY
