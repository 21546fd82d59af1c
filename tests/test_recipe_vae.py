"""`./course train vae` and `./course plot-latent`, as a user calls them, on stand-in data."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helpers import vae

ROOT = Path(__file__).resolve().parents[1]


def course(*arguments):
    environment = {**os.environ, "COURSE_PROFILE": "smoke", "COURSE_DATA": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "coursekit", *map(str, arguments)], cwd=ROOT, env=environment,
                          capture_output=True, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("vae")
    done = course("train", "vae", "--kl-weight", "30", "--epochs", "1", "--batch-size", "500", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_train_writes_weights_record_and_pictures(trained):
    assert {path.name for path in trained.iterdir()} >= {"weights.pt", "run.json", "loss.png", "samples.png",
                                                         "reconstructions.png"}
    assert not list(trained.glob("*.part")) and not list(trained.glob("checkpoint*"))
    record = json.loads((trained / "run.json").read_text())
    assert record["kl_weight"] == 30 and len(record["history"]) == 1 and not record["interrupted"]
    assert set(record["history"][0]) == {"loss", "seconds", "reconstruction", "kl"}
    vae.VAE(784, latent_size=2).load_state_dict(torch.load(trained / "weights.pt", weights_only=True))


def test_plot_latent(trained):
    done = course("plot-latent", trained)
    assert done.returncode == 0, done.stderr
    assert (trained / "latent.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments, says", [
    (("train", "vea", "--out", "x"), "vae"),
    (("train", "vae", "--device", "quantum", "--out", "{tmp}"), "device 'quantum'"),
    (("train", "vae", "--data", "imagenet", "--out", "{tmp}"), "imagenet"),
    (("plot-latent", "{tmp}"), "run.json"),
    (("data", "fetch", "mnits"), "mnist"),
    (("run", "vea"), "vae"),
])
def test_mistakes_get_one_line(tmp_path, arguments, says):
    done = course(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert done.returncode == 2
    assert says in done.stderr and "Traceback" not in done.stderr
