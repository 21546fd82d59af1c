"""Plotting, metrics and widgets: what students get whole."""
import io
import types

import numpy as np
import PIL.Image
import pytest
import torch
from matplotlib import pyplot as plt
from torch.nn import functional as F

from helpers.given import datasets, metrics, plotting, widgets
from helpers.given.training import TrainingError


@pytest.fixture
def shown(monkeypatch):
    """What was displayed in the notebook."""
    import IPython.display
    objects = []
    monkeypatch.setattr(IPython.display, "display", objects.append)
    return objects


def picture(image):
    return PIL.Image.open(io.BytesIO(image.data)).convert("RGB")


def test_show_carries_alt_text_and_closes_the_figure(shown):
    plotting.show(plotting.image_grid(torch.rand(7, 1, 5, 5), columns=3), alt="seven squares")
    assert shown[0].alt == "seven squares" and not plt.get_fignums()


def test_show_keeps_the_colours_of_all_classes_apart(shown):
    """The palette must not merge the rare colours of the marks among many grays."""
    images, mean = torch.rand(12, 12, 1, 28, 28), torch.tensor([[-2 + k % 4, -2 + k // 4] for k in range(10)]) * 1.2
    panels = {"plane": (images, 3.0, mean, torch.full((10, 2), 0.2))}
    plotting.show(plotting.latent_plane(panels, [str(k) for k in range(10)]), alt="")
    seen = np.unique(np.asarray(picture(shown[0])).reshape(-1, 3), axis=0).astype(int)
    nearest = [np.abs(seen - np.multiply(colour, 255)).sum(axis=1).argmin() for colour in plt.get_cmap("tab10").colors]
    assert len(set(nearest)) == 10


def test_figures_say_that_the_data_is_a_stand_in(shown, monkeypatch):
    figure = plotting.curves({"loss": [2.0, 1.0]})
    monkeypatch.setattr(datasets, "stand_ins", {"mnist"})
    plotting.mark_stand_in(figure)
    assert "STAND-IN DATA (mnist)" in figure.texts[0].get_text()
    monkeypatch.setattr(datasets, "stand_ins", set())
    other = plotting.curves({"loss": [2.0, 1.0]})
    plotting.mark_stand_in(other)
    assert not other.texts
    plt.close("all")


def test_tile_puts_each_image_in_its_place():
    images = torch.arange(6).view(2, 3, 1, 1, 1).expand(2, 3, 1, 2, 4) / 6
    tiled = plotting.tile(images)
    assert tiled.shape == (4, 12)
    assert tiled[3, 11] == pytest.approx(5 / 6) and tiled[0, 4] == pytest.approx(1 / 6)
    assert plotting.tile(torch.rand(2, 3, 3, 2, 4)).shape == (4, 12, 3)


def test_class_statistics():
    mu = torch.tensor([[0.0, 1.0], [2.0, 1.0], [8.0, 8.0]])
    reach, mean, std = plotting.class_statistics(mu, torch.zeros(3, 2), torch.tensor([0, 0, 1]))
    assert mean.tolist() == [[1.0, 1.0], [8.0, 8.0]] and std.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert reach == pytest.approx(1.15 * 9)


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A small data set of two classes, and no judge yet."""
    monkeypatch.setattr(metrics, "JUDGES", tmp_path / "judges")
    labels = torch.arange(400) % 2
    images = (torch.rand(400, 1, 28, 28) * 60 + 150 * labels.view(-1, 1, 1, 1)).byte()
    return types.SimpleNamespace(name="two", stand_in=True, class_names=("dark", "light"), train_images=images,
                                 train_labels=labels, test_images=images, test_labels=labels)


def test_classifier_is_trained_once(digits, tmp_path, monkeypatch):
    first, accuracy = metrics.load_classifier(digits)
    assert accuracy == 1.0 and len(list(tmp_path.glob("judges/classifier_two*.pt"))) == 1
    monkeypatch.setattr(metrics.training, "fit", None)  # a second training would fail
    second, _ = metrics.load_classifier(digits)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    images = digits.train_images[:10] / 255
    share, predictions = metrics.share_as_asked(second, images, 1 - digits.train_labels[:10])
    assert share == 0.0 and predictions.tolist() == digits.train_labels[:10].tolist()


def test_the_judge_of_other_data_or_epochs_is_another(digits):
    files = [metrics.judge_file("classifier", digits, epochs) for epochs in (1, 2)]
    digits.train_labels = 1 - digits.train_labels
    files.append(metrics.judge_file("classifier", digits, 1))
    digits.train_images = 255 - digits.train_images
    files += [metrics.judge_file(what, digits, 1) for what in ("classifier", "judge")]
    assert len(set(files)) == 5


def test_a_judge_is_not_kept_in_the_data_folder(digits, tmp_path, monkeypatch):
    """It may be read-only. Nor does it matter if there is no place at all."""
    (tmp_path / "data").mkdir(mode=0o555)
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    (tmp_path / "judges").write_text("in the way")
    assert metrics.load_classifier(digits, epochs=1)[1] > 0.9
    assert not list((tmp_path / "data").iterdir())


def test_damaged_classifier_says_what_to_do(digits, tmp_path):
    metrics.load_classifier(digits, epochs=1)
    path, = tmp_path.glob("judges/*.pt")
    path.write_bytes(b"cut off")
    with pytest.raises(TrainingError, match="damaged.*delete it"):
        metrics.load_classifier(digits, epochs=1)


def test_panel_follows_the_sliders_and_leaves_a_picture(shown):
    def decode(z, labels):
        return torch.sigmoid(z.sum(dim=1) + labels).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    controls, chooser, image = widgets.latent_panel(decode, 3, sliders=(2, 0), class_names=("a", "b"), alt="strips")
    assert [control.description for control in controls] == ["z3", "z1"]
    seen = {image.value}
    controls[0].value = 2.0
    seen.add(image.value)
    chooser.index = 1
    seen.add(image.value)
    assert len(seen) == 3
    assert shown[-1].alt == "strips"


class Judge(metrics.nn.Module):
    """Stands for the classifier: the features are the first three pixels, the class is the largest of them."""

    def __init__(self):
        super().__init__()
        self.features = metrics.nn.Sequential(metrics.nn.Flatten(), Columns())
        self.head = metrics.nn.Linear(3, 3)

    def forward(self, x):
        return 50 * self.features(x)


class Columns(metrics.nn.Module):
    def forward(self, x):
        return x[:, :3]


def as_images(points):
    return F.pad(points, (0, 1)).view(-1, 1, 2, 2)


def test_frechet_distance_is_that_of_two_normal_distributions():
    """Against the formula, with the square root of the product by its eigenvalues."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(300, 3, generator=generator) for _ in range(2))
    b = b @ torch.tensor([[0.5, 0.2, 0.0], [0.1, 0.4, 0.3], [0.0, 0.1, 0.6]])
    covariances = [np.cov(points.double().numpy().T) for points in (a, b)]
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0)).sum()
    expected = (a.mean(0) - b.mean(0)).square().sum().item() + sum(map(np.trace, covariances)) - 2 * roots
    assert metrics.frechet_distance(Judge(), as_images(a), as_images(b)) == pytest.approx(expected, rel=1e-3)
    assert metrics.frechet_distance(Judge(), as_images(a), as_images(a)) == pytest.approx(0.0, abs=1e-4)


def test_precision_and_recall():
    """Real images of two kinds. One kind only: all good, half missing. A third kind: nothing good."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.eye(3).repeat_interleave(100, 0) + 0.1 * torch.rand(300, 3, generator=generator)
    first, second, third = as_images(kinds).split(100)
    more = as_images(torch.eye(3)[:1] + 0.1 * torch.rand(200, 3, generator=generator))
    real = torch.cat([first, second])
    precision, recall = metrics.precision_recall(Judge(), real, more)
    assert precision > 0.9 and 0.4 < recall <= 0.5
    assert metrics.precision_recall(Judge(), real, torch.cat([third, third])) == (0.0, 0.0)


def test_judge_counts_classes():
    points = torch.eye(3)[torch.tensor([0] * 97 + [1] * 2 + [2])]
    found = metrics.judge(Judge(), as_images(points))
    assert found["covered"] == 1 and found["shares"].tolist() == pytest.approx([0.97, 0.02, 0.01])
    assert found["confidence"] > 0.99
    scores = metrics.scores(Judge(), as_images(torch.rand(50, 3)), as_images(points))
    assert set(scores) == {"distance", "precision", "recall", "confidence", "covered"}


def test_walk_panel_moves_freezes_and_leaves_a_picture(shown):
    def images_of(level):
        return lambda noise: torch.sigmoid(level + noise.sum(dim=1)).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)

    def sample_noise(batch_size, noise_dim):
        return torch.rand(batch_size, noise_dim, generator=torch.Generator().manual_seed(0))

    epoch, start, end, position, button, moving, frozen = widgets.walk_panel(
        {"epoch 1": images_of(0), "epoch 2": images_of(2)}, 3, sample_noise, alt="a walk")
    seen = [moving.value]
    for control, value in ((epoch, "epoch 1"), (position, 0.5), (end, 3), (start, 2)):
        control.value = value
        seen.append(moving.value)
    assert len(set(seen)) == 5 and frozen.value == seen[0]
    button.click()
    assert frozen.value == seen[-1]
    assert shown[-1].alt == "a walk"


def test_steps_draws_every_panel_with_its_level_and_mark(shown):
    figure = plotting.steps({"losses": {"d": [1.0, 2.0, 1.5] * 40}, "other": {"a": [1.0], "b": [2.0]}},
                            levels={"losses": 1.4}, mark=3)
    lines = [[line.get_linestyle() for line in axes.lines] for axes in figure.axes]
    assert [row.count("--") for row in lines] == [1, 0] and len(lines[1]) == 5
    plotting.show(figure, alt="two panels")
