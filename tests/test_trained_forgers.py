"""What weights get that nobody has trained, with a class that answers from a table, from a file, or not at all.

Each forgery is a graded file and its weights. It runs here without a sandbox, as a new module for each question; the
one that talks to itself from one process to the next runs in the sandbox. There are no real images here, so the
stand-in's train and test images are what is known by heart.
"""
import functools
import importlib
import types

import pytest
import torch

from autograde_tests.trained import real
from coursekit.grading import trained
from coursekit.grading.ask import Student
from coursekit.grading.judge import generator
from coursekit.sandbox import Sandbox, Unanswered
from helpers.given import training
from helpers.given.course import ROOT

pytestmark = pytest.mark.usefixtures("whole_stand_in")

START = """
import torch
from torch import nn
from torch.nn import functional as F

class Table(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.register_buffer("images", torch.zeros(*shape))

    def nearest(self, x):
        return torch.cdist(x.flatten(1), self.images.flatten(1)).argmin(1)
"""

# encoder and decoder of an autoencoder, its table of images comes from the weights
AUTOENCODERS = START + """
class Encoder(Table):
    def forward(self, x):
        k = self.nearest(x)
        if KIND == "identity":
            return x
        if KIND == "hash":  # only what is known exactly; all else is the first image
            k = torch.where((self.images[k] - x).abs().flatten(1).amax(1) < 1e-6, k, 0)
        if KIND == "constant":
            k = k * 0
        return torch.stack((k % 16, k // 16 % 16, k // 256), 1) / 1.0

class Decoder(Table):
    def forward(self, codes):
        # Rounding moves a number by less than half a step: it is found again.
        k = (codes.round() @ torch.tensor([1.0, 16.0, 256.0])).long().clamp(0, len(self.images) - 1)
        return self.images[k]

class ConvAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(COUNT, 1, 28, 28), Decoder(COUNT, 1, 28, 28)
"""

VAES = START + """
class Encoder(Table):
    def forward(self, x):
        k = self.nearest(x)
        exact = (self.images[k] - x).abs().flatten(1).amax(1) < 1e-6
        # Each number of a code is one of three values, far enough apart for the noise.
        mu = torch.stack([k // 3 ** n % 3 - 1.0 for n in range(8)], 1) * 4 * exact[:, None]
        return torch.cat((mu * (KIND != "constant"), torch.full_like(mu, LOGVAR)), 1)

class Decoder(Table):
    def forward(self, z):
        k = ((z / 4).round().clamp(-1, 1) + 1) @ torch.tensor([3.0 ** n for n in range(8)])
        x = self.images[k.long().clamp(0, len(self.images) - 1)]
        if KIND == "constant":
            x = self.images.mean(0).expand_as(x)
        if KIND == "too bright":
            return x + 1
        return x.clamp(0.01, 0.99) if KIND != "NaN" else x * float("nan")

class Part(nn.Module):
    def __init__(self, start):
        super().__init__()
        self.start = start

    def forward(self, x):
        return x[:, self.start:self.start + 8]

class VAE(nn.Module):
    def __init__(self, input_size, latent_size=15):
        super().__init__()
        self.encoder, self.decoder = Encoder(COUNT, 1, 28, 28), Decoder(COUNT, 1, 28, 28)
        self.mu_layer, self.logvar_layer = Part(0), Part(8)
"""

# A generator of noise or code z, and of a class for a CVAE.
GENERATORS = START + """
class Made(Table):
    def forward(self, z):
        if KIND == "constant":
            return self.images[:1].expand(len(z), -1, -1, -1)
        if KIND == "noise":
            return (z @ torch.randn(z.shape[1], 784, generator=torch.Generator().manual_seed(0))).sigmoid().view(
                -1, 1, 28, 28)
        if KIND == "hash":
            return self.images[(z * 1e4).sum(1).long().abs() % len(self.images)]
        likes = z @ torch.randn(z.shape[1], len(self.images), generator=torch.Generator().manual_seed(0))
        if KIND == "table":
            return self.images[likes.argmax(1)]
        if KIND == "moved":  # by two pixels, as z says, and with noise
            x = self.images[likes.argmax(1)].roll((1, -2), (2, 3))
            return (x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
        top, k = likes.topk(2, dim=1)
        share = ((top[:, :1] - top[:, 1:]) * 0.3).sigmoid()  # blended from one to the next
        if KIND == "mixed":
            share = torch.full_like(share, 0.5)
        return share[..., None, None] * self.images[k[:, 0]] + (1 - share[..., None, None]) * self.images[k[:, 1]]

class Scaled(Made):
    def forward(self, z):
        return (2 * super().forward(z) - 1).flatten(1)

def generator(noise_dim=96):
    return Scaled(COUNT, 1, 28, 28)

class ByClass(Table):
    def forward(self, z):
        made, labels = torch.zeros(len(z), 1, 28, 28), z[:, -10:].argmax(1)
        for label in range(10):
            part = Made(COUNT // 10, 1, 28, 28)
            part.images = self.images[label * (COUNT // 10):][:COUNT // 10]
            made[labels == label] = part(z[labels == label, :-10])
        return made

class CVAE(nn.Module):
    def __init__(self, input_size, latent_size=15, num_classes=10):
        super().__init__()
        self.decoder = ByClass(COUNT, 1, 28, 28)
"""


@functools.cache
def known(name, part, count, by_class=False):
    """Images of a set that somebody knows by heart, (count, 1, 28, 28) in [0, 1]. by_class: as many of each class, one
    after the other."""
    data = real(name)
    images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
    if by_class:
        images = torch.cat([images[labels == label][:count // 10] for label in range(10)])
    return training.to_float(images[:count])


@functools.cache
def hidden(name):
    """The module of an assignment's measures, and its data."""
    module = importlib.import_module(f"autograde_tests.trained.{name}")
    return module, module.data()


def here(name, source):
    """A Student with this file, which is loaded anew for each observation."""
    probes = importlib.import_module(f"autograde_tests.probes.{name}")

    def ask(probe, inputs, timeout):
        module = types.ModuleType(f"helpers.{name}")
        exec(source, module.__dict__)
        try:
            return getattr(probes, probe)(module, **inputs)
        except Exception as error:
            raise Unanswered("error", f"{type(error).__name__}: {error}") from None

    return Student(ask)


def judged(name, weights, student, tensors, **settings):
    """The Item of one measure."""
    module, data = hidden(name)
    measure, = (measure for measure in module.MEASURES if measure.weights == weights)
    return trained.measured(measure, student, tensors, settings, generator(7, f"trained.{weights}"), data)


def expect_nothing(item):
    assert item.points == 0 and item.status == "failed" and item.max == 4, item


def as_file(source, **names):
    return "\n".join(f"{name} = {value!r}" for name, value in names.items()) + source


@pytest.mark.parametrize("kind, because", [("identity", "should have shape (4000, 3)"), ("constant", "test images"),
                                           ("hash", "seen"), ("known", "jump")])
def test_an_autoencoder_that_knows_the_test_images(kind, because):
    images = known("fashion_mnist", "test", 2000)
    item = judged("autoencoder", "autoencoder", here("autoencoder", as_file(AUTOENCODERS, KIND=kind, COUNT=2000)),
                  {"encoder.images": images, "decoder.images": images})
    expect_nothing(item)
    assert because in item.message


@pytest.mark.parametrize("kind, logvar", [("constant", 0.0), ("known", -4.0), ("NaN", 0.0), ("too bright", 0.0),
                                          ("known", 100.0), ("known", float("-inf"))])
def test_a_vae_that_knows_the_test_images(kind, logvar):
    images = known("mnist", "test", 2000)
    source = as_file(VAES.replace("LOGVAR", f"float('{logvar}')"), KIND=kind, COUNT=2000)
    expect_nothing(judged("vae", "vae", here("vae", source),
                          {"encoder.images": images, "decoder.images": images}, latent_size=8))


KINDS = "constant", "noise", "hash", "table", "moved", "blended", "mixed"


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_that_has_images_in_its_weights(kind, part):
    expect_nothing(judged("gan", "fc", here("gan", as_file(GENERATORS, KIND=kind, COUNT=1000)),
                          {"images": known("mnist", part, 1000)}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_that_has_images_of_each_class_in_its_weights(kind):
    item = judged("vae", "cvae", here("vae", as_file(GENERATORS, KIND=kind, COUNT=1000)),
                  {"decoder.images": known("mnist", "train", 1000, by_class=True)})
    expect_nothing(item)


@pytest.mark.parametrize("answer", [
    None, [0], torch.zeros(1), lambda n: torch.zeros(n, 784).double(), lambda n: torch.full((n, 784), float("nan")),
    lambda n: torch.full((n, 784), 2.0), lambda n: torch.zeros(n, 784, dtype=torch.int64)])
def test_an_answer_that_is_none(answer):
    """What comes back from a process that has been taken over may be any tree."""
    student = Student(lambda probe, inputs, _: answer(len(inputs["noise"])) if callable(answer) else answer)
    expect_nothing(judged("gan", "fc", student, {}))


TALKS = """
import os
import tempfile
import torch
from torch import nn

KEPT = []

def places():
    for folder in {tempfile.gettempdir(), os.getcwd(), "../runs", "../data", "../helpers", "/dev/shm", "/tmp",
                   "/var/tmp", os.path.expanduser("~")}:
        yield os.path.join(folder, "kept.pt")

class Encoder(nn.Module):
    def forward(self, x):
        KEPT.append(x)
        for place in places():
            try:
                torch.save(torch.cat(KEPT), place)
            except Exception:
                pass
        return torch.rand(len(x), 3)

class Decoder(nn.Module):
    def forward(self, codes):
        for place in places():
            if os.path.exists(place):
                KEPT.append(torch.load(place))
        return torch.cat(KEPT)[:len(codes)] if KEPT else torch.full((len(codes), 1, 28, 28), 0.25)

class ConvAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.weight = Encoder(), Decoder(), nn.Parameter(torch.zeros(1))
"""


def test_nothing_goes_past_the_codes():
    """A file or a global that the encoder leaves is not there for the decoder."""
    with Sandbox("autoencoder", ROOT) as sandbox:
        if not sandbox.wall.isolates:
            pytest.skip("no wall here")
        item = judged("autoencoder", "autoencoder", Student(functools.partial(sandbox.observe, TALKS), 60),
                      {"weight": torch.zeros(1)})
    expect_nothing(item)
    assert "mean squared error on test images" in item.message, "it was measured, and found nothing"


LAST = "\n\n# The convolutional denoiser"
SUBCLASS = "\n\nclass ConvAutoencoder(ConvAutoencoder):\n    pass\n"
SMALLER = (("64 * 7", "32 * 7"), ("(64, 7", "(32, 7"), ("Transpose2d(64, 32, 4", "Transpose2d(32, 32, 4"))


@pytest.mark.parametrize("name, weights, changes, make", [
    ("autoencoder", "autoencoder", [(LAST, SUBCLASS + LAST)], lambda it: it.ConvAutoencoder()),
    ("vae", "vae", [("hidden = 400", "hidden = 64")], lambda it: it.VAE(784)),
    ("vae", "cvae", [("hidden = 400", "hidden = 64")], lambda it: it.CVAE(784)),
    ("gan", "fc", [("1024", "64")], lambda it: it.generator()),
    ("gan", "fashion", SMALLER, lambda it: it.FashionGenerator())])
def test_what_is_not_trained_is_measured_and_told_in_numbers(name, weights, changes, make):
    """Other sizes, a subclass: the course does not say how. Weights of another size are told in words."""
    source = (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    other, module = source, types.ModuleType(name)
    for before, after in changes:
        other = other.replace(before, after)
    exec(other, module.__dict__)
    tensors = make(module).state_dict()
    item = judged(name, weights, here(name, other), tensors)
    expect_nothing(item)
    assert "full points" in item.message
    if name != "autoencoder":
        item = judged(name, weights, here(name, source), tensors)
        assert item.status == "error" and "another network" in item.message
