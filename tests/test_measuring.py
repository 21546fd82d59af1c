"""Trained work in a grading: what becomes of weights that are there, missing, wrong or unreadable."""
import dataclasses
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save

from autograde_tests.trained import Measure, at_most
from coursekit.classes import batch
from coursekit.grading import measuring
from coursekit.grading.grader import Grader
from coursekit.grading.handin import HandedIn, read
from coursekit.grading.report import Item
from coursekit.grading.weights import Found
from coursekit.sandbox import walls
from helpers import vae
from helpers.given import datasets, trained, training
from helpers.given.course import ROOT
from helpers.given.trained import Weights

SOURCE = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
DECLARED = [Weights(name, f"{name}.pt", "model", lambda module: None, "mnist", 100, "", "") for name in ("vae", "cvae")]


def size(student, weights, settings, rng, data):
    """A quantity that says what came: the sum of the weights, on data that were made once."""
    assert data == "made once" and set(weights) == {"a"}
    return {"bound": float(weights["a"].sum())}


MEASURES = [Measure(name, 4, size, ((4, {"bound": at_most(3)}), (1, {"bound": at_most(9)})), "train longer")
            for name in ("vae", "cvae")]


@pytest.fixture
def measure(monkeypatch, tmp_path):
    """A function: the items for a folder of files, {path: bytes}, and the notes."""
    made = []
    module = SimpleNamespace(MEASURES=MEASURES, SECONDS=40, data=lambda: made.append("made once") or made[0])
    monkeypatch.setattr(measuring, "measures_of", lambda assignment: module)
    monkeypatch.setattr(measuring, "declared_in", lambda assignment: tuple(DECLARED))
    sandbox = SimpleNamespace(observe=lambda *_: pytest.fail("nothing is asked"), had=0.0, course=ROOT, wall=None)
    running = measuring.Measuring("vae", sandbox)

    def items(files, broken=None):
        for path, content in files.items():
            (tmp_path / "handed" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "handed" / path).write_bytes(content)
        notes, handed_in = [], read(tmp_path / "handed", "vae", "ada", weights=measuring.wanted("vae"),
                                    folder=tmp_path / "kept")
        found = running.items(handed_in, 7, notes, broken)
        assert list(found) == ["trained.vae", "trained.cvae"] and all(item.max == 4 for item in found.values())
        assert len(made) <= 1
        return found, notes

    return items


def weights(*numbers):
    return save({"a": torch.tensor(numbers)})


def test_points_come_in_steps(measure):
    found, notes = measure({"helpers/vae.py": SOURCE.encode(), "trained/vae/vae.safetensors": weights(1.0, 2.0),
                            "trained/vae/cvae.safetensors": weights(4.0, 4.0)})
    assert [(item.points, item.status) for item in found.values()] == [(4, "passed"), (1, "failed")]
    assert "train longer" in found["trained.cvae"].hint and "measured in" in notes[-1]


@pytest.mark.parametrize("content, status, message", [
    (None, "missing", "no weights handed in: expected trained/vae/vae.safetensors"),
    (b"", "missing", "is empty"), (b"some text that is no file of weights", "failed", "is no safetensors file"),
    (weights(float("nan")), "failed", "NaN"), (weights(1.0)[:-1], "open", "is cut off"),
    (bytes(2 << 20), "open", "is larger than 1 MB")])
def test_what_is_known_to_be_wrong_loses_points_and_the_rest_is_open(measure, content, status, message):
    files = {"helpers/vae.py": SOURCE.encode(), "trained/vae/cvae.safetensors": weights(1.0)}
    found, _ = measure({**files, **({} if content is None else {"trained/vae/vae.safetensors": content})})
    item = found["trained.vae"]
    assert (item.points, item.status) == (0, status) and message in item.message
    assert found["trained.cvae"].status == "passed", "one file costs the other nothing"


@pytest.mark.parametrize("files, broken, status, message", [
    ({}, None, "missing", "cannot be measured without its class"),
    ({"vae.py": b"\0\0"}, None, "open", "cannot be measured without its class"),
    ({"vae.py": SOURCE.encode()}, Item(0, 4, "error", "the file cannot be imported: why"), "error", "imported: why"),
    ({"vae.py": SOURCE.encode()}, Item(0, 4, "open", "the file cannot be imported: why"), "open", "imported: why")])
def test_weights_without_a_class(measure, files, broken, status, message):
    found, notes = measure({**files, "vae.safetensors": weights(1.0)}, broken)
    item = found["trained.vae"]
    assert (item.points, item.status) == (0, status) and message in item.message and not notes


def test_a_report_depends_on_the_weights_and_not_on_where_their_copies_lie():
    first, elsewhere, other = (HandedIn("ada", SOURCE, weights={"vae": Found(path, "vae.safetensors", digest)})
                               for path, digest in (("/a", "1"), ("/b", "1"), ("/a", "2")))
    marks = [batch.fingerprint(dataclasses.astuple(batch.without_paths(each))) for each in (first, elsewhere, other)]
    assert marks[0] == marks[1] != marks[2]


def test_measures_belong_to_the_version_of_the_checks_only_where_they_are_used(monkeypatch, tmp_path):
    for folder in ("helpers/given", "autograde_tests/trained", "coursekit/sandbox", "coursekit/grading", "notebooks"):
        (tmp_path / folder).mkdir(parents=True)
    for path in ("helpers/vae.py", "notebooks/2_vae.ipynb", "autograde_tests/test_vae.py"):
        (tmp_path / path).write_text("")
    monkeypatch.setattr(batch, "ROOT", tmp_path)
    version = batch.version_of_checks.__wrapped__
    before = version("vae"), version("vae", True)
    (tmp_path / "autograde_tests/trained/vae.py").write_text("MEASURES = []")
    assert version("vae") == before[0] and version("vae", True) != before[1]


def test_what_is_told_before_it_begins(measure):
    assert measuring.what_is_measured("vae") == (
        "trained work of vae is measured: vae (4 points), cvae (4 points). On two cores that takes about 40 seconds "
        "more for each submission")


def test_an_assignment_without_measures():
    with pytest.raises(measuring.NothingMeasured, match="there is no autograde_tests/trained/line.py"):
        measuring.measures_of("line")


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "autograde_tests/trained/vae.py").is_file(), reason="nothing measures a VAE")
def test_a_grading_of_what_a_notebook_would_hand_in(tmp_path, data_folder, monkeypatch):
    """Trained for some steps on stand-ins, written by the student's side, measured in the sandbox. The CVAE's file has
    the weights of the VAE."""
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    monkeypatch.setattr(trained, "ROOT", tmp_path)
    images = datasets.load("mnist").train_images[:2000]
    torch.manual_seed(0)
    training.fit(vae.VAE(784, latent_size=15), lambda model, x, labels: vae.loss_function(*order(model(x), x)), images,
                 epochs=1, quiet=True, checkpoint=tmp_path / "runs/smoke/vae/vae.pt")
    trained.hand_in("vae")
    made = tmp_path / "runs/smoke/vae/trained"
    shutil.copytree(made, tmp_path / "handed/trained/vae")
    shutil.copy(made / "vae.safetensors", tmp_path / "handed/trained/vae/cvae.safetensors")
    shutil.copy(ROOT / "helpers/vae.py", tmp_path / "handed")
    handed_in = read(tmp_path / "handed", "vae", "ada", weights=measuring.wanted("vae"), folder=tmp_path / "kept")
    with Grader("vae", False, walls.best(), trained=True) as grader:
        grader.checks = grader.checks[:1]
        report = grader.grade(handed_in, 7)
    assert list(report.items)[1:] == ["trained.vae", "trained.cvae"]
    measured, other = report.items["trained.vae"], report.items["trained.cvae"]
    assert measured.status in ("passed", "failed") and "ELBO" in measured.message, measured
    assert (other.points, other.status) == (0, "error") and "weights of another network" in other.message, other
    assert any("measured in" in note for note in report.notes)


def order(answer, x):
    """What a loss takes of what a VAE returns."""
    x_hat, mu, logvar = answer
    return x_hat, x, mu, logvar
