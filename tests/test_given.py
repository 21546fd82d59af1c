"""Plotting, metrics and widgets: what students get whole."""
import io
import types

import numpy as np
import PIL.Image
import pytest
import torch
from matplotlib import pyplot as plt

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
    """A small data set of two classes, and an empty data folder."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    labels = torch.arange(400) % 2
    images = (torch.rand(400, 1, 28, 28) * 60 + 150 * labels.view(-1, 1, 1, 1)).byte()
    return types.SimpleNamespace(name="two", stand_in=True, class_names=("dark", "light"), train_images=images,
                                 train_labels=labels, test_images=images, test_labels=labels)


def test_classifier_is_trained_once(digits, tmp_path, monkeypatch):
    first, accuracy = metrics.load_classifier(digits)
    assert accuracy == 1.0 and len(list(tmp_path.glob("classifier_two*.pt"))) == 1
    monkeypatch.setattr(metrics.training, "fit", None)  # a second training would fail
    second, _ = metrics.load_classifier(digits)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    images = digits.train_images[:10] / 255
    share, predictions = metrics.share_as_asked(second, images, 1 - digits.train_labels[:10])
    assert share == 0.0 and predictions.tolist() == digits.train_labels[:10].tolist()


def test_damaged_classifier_says_what_to_do(digits, tmp_path):
    metrics.load_classifier(digits, epochs=1)
    path, = tmp_path.glob("*.pt")
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
