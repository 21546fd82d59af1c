#!/usr/bin/env bash
# `import torchmetrics` changes other libraries: it sets numpy.Inf, a name that NumPy 2 has removed, and PIL.PILLOW_VERSION,
# which Pillow has removed. So code with `np.Inf` fails until something in the process has imported torchmetrics,
# and works from then on: in a notebook that has computed a metric, and not in a fresh process that tests the same file.
# And where SciPy is installed, it imports scipy.signal, to give back scipy.signal.hamming for an audio metric:
# that is nearly all of what the import takes, for metrics of images, too. Without SciPy it does without.
#
# torchmetrics 1.9.0, numpy 2.4.6, pillow 13.0.0, scipy 1.17.1, torch 2.14.1: np.Inf raises AttributeError before the import
# and is infinity after it. The import takes 1.0 s with SciPy and 0.1 s without, on one core of an AMD EPYC machine.
#
# Installs torch and torchmetrics in a temporary folder (5 GB on Linux). Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.14.1 torchmetrics==1.9.0 numpy==2.4.6 \
    scipy==1.17.1 pillow==13.0.0 2>/dev/null
cat > "$folder/changes.py" <<'PY'
import sys
import time

import numpy
import PIL
import torch  # noqa: F401  (not counted)


def known():
    return hasattr(numpy, "Inf"), hasattr(PIL, "PILLOW_VERSION"), "scipy.signal" in sys.modules


before, started = known(), time.perf_counter()
import torchmetrics  # noqa: E402
seconds = time.perf_counter() - started
print(f"numpy.Inf, PIL.PILLOW_VERSION, scipy.signal: {before} before the import, {known()} after it; {seconds:.2f} s")
assert not any(before), "numpy or Pillow has the name again, or torch imports scipy.signal"
assert all(known()) and numpy.Inf == numpy.inf, "torchmetrics leaves them as they are, or scipy.signal out"
assert hasattr(sys.modules["scipy.signal"], "hamming"), "torchmetrics leaves SciPy as it is"
PY
"$folder/venv/bin/python" "$folder/changes.py"
"$folder/venv/bin/pip" uninstall -q -y scipy
"$folder/venv/bin/python" - <<'PY'
import sys, time
import torch
started = time.perf_counter()
import torchmetrics
print(f"without SciPy: {time.perf_counter() - started:.2f} s")
assert "scipy.signal" not in sys.modules
PY
