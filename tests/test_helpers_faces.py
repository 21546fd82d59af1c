"""The drawn faces, the folder of photographs, and what the contract of helpers/faces.py states."""
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from helpers import autoencoder, faces
from helpers.given import datasets, face_data, metrics, training
from helpers.given import faces as given_faces
from helpers.given.checks.faces import TinyGenerator
from helpers.given.datasets import DataError


# The drawn faces

def test_faces_are_the_same_for_the_same_seed():
    images, factors = face_data.sample(120, seed=3)
    again, _ = face_data.sample(120, seed=3)
    other, _ = face_data.sample(120, seed=4)
    assert images.shape == (120, 3, 64, 64) and images.dtype == torch.uint8
    assert torch.equal(images, again) and not torch.equal(images, other)
    assert list(factors) == list(face_data.FACTORS) and all(value.shape == (120,) for value in factors.values())
    assert factors["expression"].bincount().tolist() == [15] * 8
    for name, values in face_data.IDENTITY.items():
        assert factors[name].unique().tolist() == list(range(len(values)))
    for name, (low, high) in face_data.NUISANCES.items():
        assert low <= factors[name].min() < factors[name].max() <= high


def test_a_face_does_not_depend_on_the_others():
    images, factors = face_data.sample(130, seed=5)
    some = torch.tensor([7, 101, 129])
    assert torch.equal(face_data.render({name: value[some] for name, value in factors.items()}), images[some])


def test_every_factor_shows():
    _, factors = face_data.sample(40, seed=0)
    factors["hair_style"] = factors["hair_style"].clamp(min=1)  # without hair its colour shows in the brows only
    images = face_data.render(factors).float()
    for name in face_data.FACTORS:
        if name in face_data.NUISANCES:
            low, high = face_data.NUISANCES[name]
            changed = low + (factors[name] - low + (high - low) / 2) % (high - low)
        else:
            count = len(face_data.EXPRESSIONS if name == "expression" else face_data.IDENTITY[name])
            changed = (factors[name] + 1) % count
        difference = (face_data.render({**factors, name: changed}).float() - images).abs()
        where = factors["expression"] > 0 if name == "strength" else torch.ones(40, dtype=torch.bool)
        assert difference[where].flatten(1).amax(dim=1).min() > 10, name


def test_expressions_change_the_middle_of_the_face_only():
    _, factors = face_data.sample(80, seed=1)
    images = face_data.render({**factors, "expression": torch.zeros(80, dtype=torch.long)}).int()
    for label in range(1, 8):
        changed = face_data.render({**factors, "expression": torch.full((80,), label)}).int() != images
        assert not changed[:, :, :4].any() and not changed[:, :, 62:].any()
        assert changed.float().mean() < 0.15


# The user's photographs

@pytest.fixture
def folder(data_folder, monkeypatch):
    """An empty data folder; small stand-ins."""
    monkeypatch.setattr(datasets, "STAND_IN_TRAIN", 100)
    monkeypatch.setattr(datasets, "STAND_IN_TEST", 20)
    return data_folder


def photograph(folder, expression, name, size=(80, 60), mode="L", colour=0):
    path = folder / "ckplus" / expression / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def test_photographs_of_any_size_gray_and_colour(folder):
    for person in range(10):
        photograph(folder, "anger", f"S{person:03d}_001_00000011.png", (640, 490), "L", 10 * person)
        photograph(folder, "surprise", f"S{person:03d}_002_00000012.jpg", (48, 48), "RGB", (10 * person, 200, 0))
    (folder / "ckplus" / "anger" / "notes.txt").write_text("not an image")
    data = datasets.load("ckplus")
    assert not data.stand_in and data.class_names == face_data.EXPRESSIONS
    assert data.train_images.shape == (16, 3, 64, 64) and data.test_images.shape == (4, 3, 64, 64)
    assert data.train_images.dtype == torch.uint8 and data.train_images.is_contiguous()
    assert sorted(data.test_labels.tolist()) == [1, 1, 7, 7] and data.train_labels.dtype == torch.int64
    # No person is in both parts: the red of a face tells the person, 0 and 50 are for testing.
    gray = data.test_images[data.test_labels == 1]
    assert sorted(gray[:, 0, 32, 32].tolist()) == [0, 50] and torch.equal(gray[:, 0], gray[:, 2])
    assert 0 not in data.train_images[data.train_labels == 1][:, 0, 32, 32]


def test_the_middle_square_is_taken(folder):
    picture = np.zeros((40, 100), dtype=np.uint8)
    picture[:, 30:70] = 255
    for k in range(2):
        Image.fromarray(picture).save(photograph(folder, "neutral", f"{k}.png"))
    assert datasets.load("ckplus").train_images[..., 1:-1].min() == 255


def test_one_person_only(folder):
    for k in range(6):
        photograph(folder, "fear", f"me_{k}.jpeg")
    data = datasets.load("ckplus")
    assert len(data.train_labels) == 4 and len(data.test_labels) == 2


def test_no_photographs_is_a_stand_in(folder, capsys):
    data = datasets.load("ckplus")
    assert data.stand_in and data.train_images.shape == (100, 3, 64, 64) and "ckplus" in datasets.stand_ins
    said = capsys.readouterr().err
    assert "STAND-IN DATA" in said and "may not be passed on" in said and f"{folder}/ckplus" in said
    assert "neutral, anger, contempt, disgust, fear, happiness, sadness, surprise" in said
    assert "data fetch" not in said and said.count("\n") == 1
    with pytest.raises(DataError, match="cannot be downloaded. Ask its authors"):
        datasets.fetch("ckplus")


def test_folders_that_are_wrong(folder):
    photograph(folder, "happy", "S010_1.png")
    with pytest.raises(DataError, match=r"ckplus has a folder 'happy' \(is it happiness\?\)"):
        datasets.load("ckplus")
    (folder / "ckplus" / "happy").rename(folder / "ckplus" / "happiness")
    with pytest.raises(DataError, match="ckplus holds 1 images"):
        datasets.load("ckplus")
    (folder / "ckplus" / "happiness" / "S011_1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="holds happiness/S011_1.png, which cannot be read as an image"):
        datasets.load("ckplus")


# The contract

@pytest.mark.parametrize("depth, expected", [(1, 16), (2, 34), (3, 70)])
def test_the_receptive_field_is_what_the_gradient_shows(depth, expected):
    model, size = faces.PatchDiscriminator(channels=4, depth=depth).double(), 150
    images = torch.randn(1, 3, size, size, dtype=torch.double, requires_grad=True)
    patches, _ = model(images)
    patches[0, 0, patches.shape[2] // 2, patches.shape[3] // 2].backward()
    rows, columns = (images.grad[0] != 0).any(dim=0).nonzero().unbind(1)
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == expected
    layers = [(4, 2)] * depth + [(4, 1)] * 2
    assert faces.receptive_field(layers) == expected
    for kernel_size, stride in layers:
        size = autoencoder.conv_output_size(size, kernel_size, stride, 1)
    assert patches.shape == (1, 1, size, size)


def test_sizes():
    model = faces.PatchDiscriminator(num_labels=5)
    patches, labels = model(torch.zeros(2, 3, 64, 64))
    assert patches.shape == (2, 1, 6, 6) and labels.shape == (2, 5)
    generator = faces.StarGenerator()
    assert generator(torch.zeros(2, 3, 64, 64), torch.eye(8)[:2]).shape == (2, 3, 64, 64)
    assert sum(p.numel() for p in generator.parameters()) == 294_883
    assert sum(p.numel() for p in faces.PatchDiscriminator().parameters()) == 176_121


def test_the_coursework_network_is_as_large_as_the_notebook_says():
    """Two 4x4 convolutions, stride 2, padding 15, and two hidden layers of 1,024 on 128 * 37 * 37 features."""
    size = 64
    for _ in range(2):
        size = autoencoder.conv_output_size(size, 4, 2, 15)
    assert size == 37
    with torch.device("meta"):
        heads = nn.ModuleList([nn.Linear(128 * size * size, 1024) for _ in range(2)])
        whole = nn.ModuleList([nn.Conv2d(3, 64, 4), nn.Conv2d(64, 128, 4), heads, nn.Linear(1024, 128 * size * size)])
    assert autoencoder.count_parameters(heads) == 358_877_184
    assert autoencoder.count_parameters(whole) == 358_877_184 + 3_136 + 131_200 + 179_612_800


def test_translate_takes_an_int_or_one_label_for_each():
    generator, images = TinyGenerator(), 2 * torch.rand(3, 3, 4, 4) - 1
    one = faces.translate(generator, images, 2)
    assert torch.equal(one, faces.translate(generator, images, torch.tensor([2, 2, 2])))
    assert torch.equal(one[1:], faces.translate(generator, images[1:], torch.tensor(2)))


# Training and measuring

def test_fit_trains_both_networks_and_repeats_itself():
    images, factors = face_data.sample(64, seed=0)
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        generator, discriminator = faces.StarGenerator(channels=4, blocks=1), faces.PatchDiscriminator(channels=4)
        before = [p.detach().clone() for model in (generator, discriminator) for p in model.parameters()]
        history = given_faces.fit(discriminator, generator, faces.train_round, images, factors["expression"],
                                  epochs=2, batch_size=8, noise=0.1, device="cpu", quiet=True)
        after = [p for model in (generator, discriminator) for p in model.parameters()]
        assert all(not torch.equal(a, b) for a, b in zip(before, after))
        runs.append(history.steps)
    assert runs[0] == runs[1] and len(runs[0]["g_label"]) == 4 and not generator.training
    assert set(runs[0]) == {"d_adversarial", "d_label", "g_adversarial", "g_label", "g_reconstruction"}
    made = given_faces.translate_all(faces.translate, generator, images, factors["expression"], batch_size=40)
    assert made.shape == (64, 3, 64, 64) and 0 <= made.min() and made.max() <= 1
    with pytest.raises(training.TrainingError, match="must be uint8"):
        given_faces.fit(discriminator, generator, faces.train_round, images.float(), factors["expression"], epochs=1)


def test_painter_keeps_what_gets_no_paint_and_can_reach_every_colour():
    class Paint(nn.Module):
        num_labels = 3

        def forward(self, images, labels):
            return labels.view(-1, 3, 1, 1).expand_as(images)

    painter, images = given_faces.Painter(Paint()), 2 * torch.rand(4, 3, 5, 5) - 1
    assert painter.num_labels == 3
    assert torch.equal(painter(images, torch.zeros(4, 3)), images)
    assert torch.equal(painter(images, torch.ones(4, 3)), torch.ones_like(images))
    assert torch.equal(painter(images, -torch.ones(4, 3)), -torch.ones_like(images))
    some = painter(images, torch.full((4, 3), 0.3))
    assert (some > images).all() and some.max() < 1


@pytest.mark.parametrize("noise", [0.3, 0.0])
def test_fit_shows_the_discriminator_noise_of_that_size(noise):
    images, factors = face_data.sample(8, seed=0)
    looked = []

    class Sees(faces.PatchDiscriminator):
        def forward(self, images):
            return images

    def look(discriminator, generator, batches, d_optimizer, g_optimizer, *weights):
        looked.append(discriminator(torch.full((2, 3, 64, 64), 0.5)))
        d_optimizer.step(), g_optimizer.step()
        return {}

    given_faces.fit(Sees(channels=4), faces.StarGenerator(channels=4, blocks=1), look, images, factors["expression"],
                    epochs=1, batch_size=8, discriminator_steps=1, noise=noise, device="cpu", quiet=True)
    assert abs(looked[0].mean() - 0.5) < 0.01 and abs(looked[0].std() - noise) < 0.01


def test_judge_reads_the_factors_and_scores_count_them(folder, monkeypatch):
    monkeypatch.setattr(given_faces, "JUDGED", 600)
    monkeypatch.setattr(metrics, "JUDGES", folder / "judges")
    data = datasets.load("ckplus", stand_in=True)
    judge = given_faces.load_judge(data, epochs=2)
    assert not judge.training and list(judge.sizes.values()) == [8, 4, 6, 6, 6]
    again = given_faces.load_judge(data, epochs=2)
    images, factors = face_data.sample(100, seed=9)
    x = images.float() / 255
    assert all(torch.equal(a, b) for a, b in zip(judge.read(x).values(), again.read(x).values()))

    class Knows:
        def read(self, images):
            seen = {name: factors[name].clone() for name in ("expression", *face_data.IDENTITY)}
            seen["skin"][:25] += 1
            seen["head"][20:30] += 1
            seen["expression"][:10] += 1
            return seen

    found = given_faces.scores(Knows(), x, factors["expression"], factors)
    assert found["recognised"] == pytest.approx(0.9) and found["skin"] == pytest.approx(0.75)
    assert found["kept"] == pytest.approx(0.7) and found["head"] == pytest.approx(0.9) and found["error"] == 0
    assert set(given_faces.scores(judge, x, factors["expression"])) == {"recognised"}


def test_other_expressions():
    labels = torch.arange(8).repeat(500)
    others = given_faces.other_expressions(labels, 8)
    assert (others != labels).all() and torch.equal(others, given_faces.other_expressions(labels, 8))
    assert others.bincount(minlength=8).min() > 400
