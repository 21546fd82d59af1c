"""Trained work on the student's side: what the last cell of a notebook writes and says."""
import csv
import json
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from helpers import vae
from helpers.given import trained, training
from helpers.given.console import UserError
from helpers.given.course import ROOT, assignments

DECLARED = {name: trained.declared(name) for name in assignments() if trained.declared(name)}


def vae_loss(model, x, labels):
    x_hat, mu, logvar = model(x)
    return vae.loss_function(x_hat, x, mu, logvar)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """What the training of a VAE has left."""
    torch.manual_seed(0)
    path, images = tmp_path_factory.mktemp("runs") / "vae.pt", torch.randint(0, 256, (64, 1, 28, 28), dtype=torch.uint8)
    training.fit(vae.VAE(784, latent_size=15), vae_loss, images, epochs=2, batch_size=32, quiet=True, checkpoint=path)
    return path


@pytest.fixture
def course(tmp_path, monkeypatch, checkpoint):
    """A course's folder, in which a VAE has been trained."""
    monkeypatch.setattr(trained, "ROOT", tmp_path)
    monkeypatch.setattr(trained, "dataset", lambda name: SimpleNamespace(stand_in=True))
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    put(checkpoint, tmp_path / "runs/cpu/vae/vae.pt")
    return tmp_path


def put(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def test_what_is_handed_in(course, capsys):
    generator = torch.get_rng_state()
    trained.hand_in("vae")
    assert torch.equal(generator, torch.get_rng_state())
    folder, told = course / "trained" / "vae", capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "vae.safetensors", "vae_generation.jpg", "vae_interpolation.jpg", "curve.csv", "settings.json"}
    assert (folder / "vae_generation.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    weights = load_file(folder / "vae.safetensors")
    state = training.read_checkpoint(course / "runs/cpu/vae/vae.pt")["state"]["model"]
    assert weights.keys() == state.keys() and all(torch.equal(weights[name], state[name]) for name in state)
    assert {value.dtype for value in weights.values()} == {torch.float32}
    settings = json.loads((folder / "settings.json").read_text())["vae"]
    assert settings["profile"] == "cpu" and settings["stand_in"] and settings["arguments"] == {"latent_size": 15}
    assert settings["epochs"] == settings["epochs_done"] == 2 and settings["seed"] == 0
    rows = list(csv.DictReader((folder / "curve.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[-1]["loss"]) == settings["last"]["loss"]
    assert "MISSING: cvae.safetensors: run section 2: its training writes runs/cpu/vae/cvae.pt" in told
    assert "vae.safetensors" in told and "mnist (stand-in)" in told and "below 120 nats" in told


def test_what_was_handed_in_before_stays_where_its_training_is_gone(course, capsys):
    trained.hand_in("vae")
    before = {path.name: path.read_bytes() for path in (course / "trained/vae").iterdir()}
    (course / "runs/cpu/vae/vae.pt").unlink()
    capsys.readouterr()
    trained.hand_in("vae")
    assert {path.name: path.read_bytes() for path in (course / "trained/vae").iterdir()} == before
    told = capsys.readouterr().out
    assert "as before" in told and "not made again: vae.safetensors" in told


def test_smoke_replaces_nothing(course, checkpoint, monkeypatch, capsys):
    trained.hand_in("vae")
    before = {path.name: path.stat().st_mtime_ns for path in (course / "trained/vae").iterdir()}
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    put(checkpoint, course / "runs/smoke/vae/vae.pt")
    trained.hand_in("vae")
    assert {path.name: path.stat().st_mtime_ns for path in (course / "trained/vae").iterdir()} == before
    assert (course / "runs/smoke/vae/trained/vae.safetensors").is_file()
    assert "this is not what you hand in" in capsys.readouterr().out


class Wider(vae.VAE):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.mu_layer = torch.nn.Linear(400, 16)


def refuse(*arguments, **options):
    raise NotImplementedError("VAE: fill this gap in helpers/vae.py")


@pytest.mark.parametrize("make, told", [
    (Wider, "another network, or of an earlier version of the class (of another shape: mu_layer.weight (15x400, "
            "expected 16x400)"),
    (lambda *_, **__: torch.nn.Linear(2, 2), "the weights of another network, no name fits"),
    (refuse, "fill this gap"), (lambda size: None, "its network cannot be made: TypeError")])
def test_a_checkpoint_that_does_not_fit_the_class(course, monkeypatch, capsys, make, told):
    monkeypatch.setattr(vae, "VAE", make)
    trained.hand_in("vae")
    assert told in capsys.readouterr().out and not (course / "trained/vae/vae.safetensors").exists()


def test_what_cannot_be_drawn_is_told(course, monkeypatch, capsys):
    monkeypatch.setattr(vae, "interpolate", refuse)
    trained.hand_in("vae")
    assert "not drawn: vae_interpolation.jpg (NotImplementedError: VAE: fill this gap" in capsys.readouterr().out
    assert (course / "trained/vae/vae.safetensors").is_file()


def test_damaged_files(course, capsys):
    folder = course / "trained/vae"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text("[1, 2")
    (course / "runs/cpu/vae/cvae.pt").write_bytes(b"half")
    trained.hand_in("vae")
    assert "cvae.pt is not a whole checkpoint" in capsys.readouterr().out
    assert json.loads((folder / "settings.json").read_text()).keys() == {"vae"}


def test_what_the_user_can_mend(course):
    with pytest.raises(UserError, match="no network of vae is made with blocks"):
        trained.hand_in("vae", blocks=3)
    (course / "trained").write_text("a file")
    with pytest.raises(UserError, match="cannot write into"):
        trained.hand_in("vae")


@pytest.mark.parametrize("name", DECLARED)
def test_declarations_are_those_of_the_notebook(name):
    cells = json.loads((ROOT / assignments()[name].notebook).read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert re.search(rf'from helpers.given import trained\n\ntrained.hand_in\("{name}"[^)]*\)$', code.strip())
    for weights in DECLARED[name].WEIGHTS:
        assert f'"{weights.checkpoint}"' in code, "no training of the notebook writes it"
        assert f'datasets.load("{weights.data}")' in code
        assert re.search(rf"^##? (Part )?{re.escape(weights.section)}\b", text, re.MULTILINE), weights.section
    assert {of for of, _ in DECLARED[name].PICTURES.values()} == {each.name for each in DECLARED[name].WEIGHTS}
