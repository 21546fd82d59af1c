"""Forged weights and classes of the digits, flowers and faces: they get nothing, and what does as it should gets all.

Here the networks are functions in this process, and judges and data are small. bench/trained_measures.py measures what
trainings have left.
"""
import dataclasses

import pytest
import torch
from torch.nn import functional as F

from autograde_tests.trained import diffusion, faces, flowers
from coursekit.grading import trained
from coursekit.grading.ask import Student
from coursekit.grading.judge import generator
from helpers import diffusion as reference
from helpers.given import datasets, face_data, metrics, training

pytestmark = pytest.mark.usefixtures("whole_stand_in")
WEIGHTS = {"w": torch.arange(1000.0)}


def judged(module, network, data, **settings):
    """The Item of a module's measure for a network, a function (weights, **inputs) -> tensor."""
    student = Student(lambda probe, inputs, timeout: network(**inputs))
    return trained.measured(module.MEASURES[0], student, WEIGHTS, settings, generator(0, "forged"), data)


def learned(network):
    """The same network, with what it knows in its weights: with others it gives noise."""
    def answer(weights, **inputs):
        found = network(weights=weights, **inputs)
        return found if torch.equal(weights["w"], WEIGHTS["w"]) else torch.randn_like(found)
    return answer


def expect_nothing(item):
    assert (item.points, item.status) == (0, "failed"), item.message


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory):
    """Fewer images, and judges of another folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "JUDGES", tmp_path_factory.mktemp("judges"))
        for module, name, value in ((diffusion, "MADE", 130), (diffusion, "NOISED", 60), (diffusion, "STEPS", 8),
                                    (flowers, "MADE", 144), (flowers, "JUDGE_EPOCHS", 3), (faces, "DRAWN", 24)):
            patch.setattr(module, name, value)
        yield


# Digits

@pytest.fixture(scope="module")
def digits():
    mnist, made = datasets.load("mnist", stand_in=True), diffusion.data()
    made.set = dataclasses.replace(
        mnist, train_images=mnist.train_images[:2000], train_labels=mnist.train_labels[:2000],
        test_images=mnist.test_images[:500], test_labels=mnist.test_labels[:500])
    return made


def towards(images, kinds):
    """The best answer of who knows these images, in [0, 1]: the noise that leads to them (notebook 4, best_answer)."""
    schedule, points = reference.linear_schedule(1000)[0], (2 * images - 1).flatten(1)

    def predict(x, t, labels, weights):
        share, flat = schedule[t.reshape(-1)][:, None], x.flatten(1)
        squares = (flat[:, None] - share.sqrt()[:, None] * points).square().sum(dim=2)
        fits = (labels[:, None] == kinds) | (labels[:, None] == diffusion.NULL_LABEL)
        guess = (-squares / (2 * (1 - share))).masked_fill(~fits, -torch.inf).softmax(dim=1) @ points
        return ((flat - share.sqrt() * guess) / (1 - share).sqrt()).view_as(x)
    return predict


@pytest.mark.parametrize("forge", [
    lambda known: lambda weights, x, t, labels: torch.zeros_like(x),
    lambda known: lambda weights, x, t, labels: x,
    lambda known: learned(towards(*known)),
    lambda known: towards(*known)], ids=["constant", "identity", "memorised", "memorised, without weights"])
def test_forged_noise_predictors(digits, forge):
    known = training.to_float(digits.set.train_images[:200]), digits.set.train_labels[:200]
    expect_nothing(judged(diffusion, forge(known), digits))


# Flowers

@pytest.fixture(scope="module")
def photographs():
    found, made = datasets.load("flowers64", stand_in=True), flowers.data()
    made.set = dataclasses.replace(found, train_images=found.train_images[:240], train_labels=found.train_labels[:240],
                                   test_images=found.test_images[:48], test_labels=found.test_labels[:48])
    return made


def shelf(images, change=lambda x: x, sharp=1000.0):
    """A generator that has images on a shelf, and takes one of them by z, or a mixture where z is less sharp."""
    places = torch.randn(len(images), 64, generator=torch.Generator().manual_seed(0))

    def answer(weights, z, settings):
        shares = (sharp * z.flatten(1) @ places.T).softmax(dim=1)
        return change(2 * (shares @ images.flatten(1)).view(-1, *images.shape[1:]) - 1)
    return answer


@pytest.mark.parametrize("forge", [
    lambda known: lambda weights, z, settings: torch.zeros(len(z), 3, 64, 64),
    lambda known: learned(lambda weights, z, settings: torch.rand(len(z), 3, 64, 64)),
    lambda known: learned(shelf(known)),
    lambda known: shelf(known),
    lambda known: learned(shelf(known, lambda x: x.flip(-1).roll((2, -2), (2, 3)))),
    lambda known: learned(shelf(torch.cat((known[..., :32], known.flip(0)[..., 32:]), dim=-1))),
    lambda known: learned(shelf(known, sharp=0.3))],
    ids=["constant", "noise", "copies", "copies, without weights", "mirrored and moved", "collages", "mixtures"])
def test_forged_generators(photographs, forge):
    expect_nothing(judged(flowers, forge(photographs.images), photographs, latent_dim=64))


def test_likeness_of_copies_and_of_others(photographs):
    views = flowers.views(photographs.images[:200])
    known, others = photographs.images[:40], photographs.images[200:240]
    moved = F.pad(known, (4, 4, 4, 4), mode="reflect")[..., 1:65, 6:70].flip(-1)
    assert (flowers.likeness(moved, views) > flowers.COPY).float().mean() > 0.9
    assert (flowers.likeness(others, views) > flowers.COPY).float().mean() <= 0.05


# Faces

@pytest.fixture(scope="module")
def drawn():
    """The faces that are drawn, and a judge who knows them with all expressions: it reads the nearest one."""
    made, count = faces.data(), len(face_data.EXPRESSIONS)
    _, factors = sample(faces.DRAWN)
    everything = {name: value.repeat_interleave(count) for name, value in factors.items()}
    everything["expression"] = torch.arange(count).repeat(faces.DRAWN)
    known = training.to_float(face_data.render(everything))

    class Nearest:
        def read(self, images):
            which = torch.cdist(images.flatten(1), known.flatten(1)).argmin(dim=1)
            return {name: value[which] for name, value in everything.items()}

    made.judge, made.known = Nearest(), known.view(faces.DRAWN, count, 3, 64, 64)
    return made


def sample(count, seed=0):
    """As face_data.sample, but always the same faces."""
    kinds = torch.arange(count) % len(face_data.EXPRESSIONS)
    factors = face_data.random_factors(kinds, torch.Generator().manual_seed(0))
    return face_data.render(factors), factors


def knowing(drawn):
    """Shows the right face, which only who has drawn it can know."""
    def answer(weights, x, labels, settings):
        flat, known = (x.flatten(1) + 1) / 2, drawn.known.flatten(0, 1).flatten(1)
        person = torch.cdist(flat, known).argmin(dim=1) // drawn.known.shape[1]
        return 2 * drawn.known[person, labels.argmax(dim=1)] - 1
    return answer


def one_person(drawn):
    return lambda weights, x, labels, settings: 2 * drawn.known[0, labels.argmax(dim=1)] - 1


@pytest.mark.parametrize("forge, points", [
    (lambda drawn: learned(knowing(drawn)), 8),
    (knowing, 0),  # whatever it shows, the weights have no part in it
    (lambda drawn: learned(lambda weights, x, labels, settings: x), 0),
    (lambda drawn: learned(one_person(drawn)), 0),
    (lambda drawn: learned(lambda weights, x, labels, settings: x.flip(0)), 0)],
    ids=["right", "right, without weights", "identity", "one person", "somebody else"])
def test_faces(drawn, monkeypatch, forge, points):
    monkeypatch.setattr(face_data, "sample", sample)
    item = judged(faces, forge(drawn), drawn)
    assert item.points == points, item.message


# Grader and data

@pytest.mark.parametrize("module, settings", [(diffusion, {}), (flowers, {"latent_dim": 64})])
def test_without_the_data_set_the_mark_is_open(monkeypatch, module, settings):
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    drawn = datasets.load("flowers64", stand_in=True)
    monkeypatch.setattr(datasets, "load", lambda name: drawn)
    item = judged(module, lambda weights, **inputs: next(iter(inputs.values())), module.data(), **settings)
    assert item.status == "open" and "has not got the data set" in item.message


def test_photographs_of_a_class_of_its_own_leave_the_mark_open(monkeypatch):
    real = dataclasses.replace(datasets.load("flowers64", stand_in=True), stand_in=False)
    monkeypatch.setattr(datasets, "load", lambda name: real)
    item = judged(faces, lambda weights, x, labels, settings: x, faces.data())
    assert item.status == "open" and "photographs of its own" in item.message
