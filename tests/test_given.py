"""Plotting, metrics and widgets: what students get whole."""
import io
import subprocess
import sys
import types

import numpy as np
import PIL.Image
import pytest
import torch
from matplotlib import pyplot as plt
from torch.nn import functional as F

from helpers.given import datasets, metrics, plotting, tables, widgets
from helpers.given.console import UserError
from helpers.given.course import ROOT
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


@pytest.mark.parametrize("stand_ins", [set(), {"mnist"}])
@pytest.mark.parametrize("profile", ["cpu", "smoke"])
@pytest.mark.parametrize("draw", [
    lambda: plotting.image_grid(torch.ones(7, 1, 5, 5), columns=3, title="squares", row_labels=["first", "2", "3"]),
    lambda: plotting.game({name: [0.2, 100.0, 0.5] for name in ("d_loss", "g_loss", "d_real", "d_fake")}, "a game"),
    lambda: plotting.latent_scatter({"plane": torch.arange(18.0).view(9, 2)}, torch.arange(9), list("abcdefghi")),
    lambda: plotting.latent_scatter_3d(torch.arange(27.0).view(9, 3), torch.arange(9), list("abcdefghi"), title="z"),
    lambda: plotting.bars([1.0, 2.0], ["one", "two"], ylabel="nats", title="far wider than its figure " * 4)])
def test_a_figure_is_drawn_once_and_nothing_is_cut_off(monkeypatch, draw, profile, stand_ins):
    """As large as with matplotlib's own bbox_inches="tight", which draws it twice."""
    monkeypatch.setenv("COURSE_PROFILE", profile)
    monkeypatch.setattr(datasets, "stand_ins", stand_ins)
    drawn, paint = [], plt.Figure.draw
    monkeypatch.setattr(plt.Figure, "draw", lambda figure, renderer: (drawn.append(1), paint(figure, renderer)))
    mine, other = io.BytesIO(), io.BytesIO()
    plotting.write(draw(), mine, plotting.resolution(110), format="png")
    assert len(drawn) == 1
    figure = draw()
    plotting.mark_stand_in(figure)
    figure.savefig(other, dpi=plotting.resolution(110), bbox_inches="tight", format="png")
    plt.close(figure)
    assert len(drawn) == 3 and not plt.get_fignums()
    assert np.abs(np.subtract(PIL.Image.open(mine).size, PIL.Image.open(other).size)).max() <= 1


def test_a_layout_engine_draws_as_often_as_it_needs():
    sizes = []
    for draw in (lambda figure, file: plotting.write(figure, file, 100, format="png"),
                 lambda figure, file: figure.savefig(file, bbox_inches="tight", dpi=100, format="png")):
        figure, axes = plt.subplots(figsize=(3, 3), layout="constrained")
        axes.set(ylabel="a label", ylim=(0, 1e6))
        draw(figure, file := io.BytesIO())
        sizes.append(PIL.Image.open(file).size)
    plt.close("all")
    assert sizes[0] == sizes[1]


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


@pytest.mark.parametrize("draw", [
    lambda: plotting.curves({"loss": [2.0, 1.0]}, title="a title"),
    lambda: plotting.latent_scatter_3d(torch.arange(9.0).view(3, 3), torch.arange(3), list("abc"), title="codes")])
def test_a_figure_may_be_written_in_two_resolutions(monkeypatch, draw):
    monkeypatch.setattr(datasets, "stand_ins", {"mnist"})
    first, second, fresh = [io.BytesIO() for _ in range(3)]
    figure = draw()
    plotting.write(figure, first, 75, format="png")
    plotting.write(figure, second, 110, format="png")
    plotting.write(draw(), fresh, 110, format="png")
    assert second.getvalue() == fresh.getvalue() != first.getvalue() and not plt.get_fignums()


@pytest.mark.parametrize("size, kind", [(0.6, torch.uint8), (2.0, torch.float32)])
def test_named_images_have_their_names_above_them(size, kind):
    images = torch.zeros(5, 3, 40, 30, dtype=kind)
    figure = plotting.named_images(images, list("abcde"), columns=3, size=size)
    axes, = figure.axes
    pixels, figure.dpi = axes.images[0].get_array().any(axis=-1), 100
    for k, text in enumerate(axes.texts):
        box = text.get_window_extent().transformed(axes.transData.inverted())
        left, right, top, bottom = [round(edge) for edge in (box.x0, box.x1, box.y1, box.y0)]  # y grows downwards
        assert text.get_text() == "abcde"[k] and pixels[top:bottom, left:right].all()
        assert not pixels[bottom + 8, left] and (left // 34, bottom // (pixels.shape[0] // 2)) == (k % 3, k // 3)
    assert pixels.shape[1] == 3 * 34 and figure.get_size_inches()[0] == pytest.approx(3 * size)
    plt.close("all")
    for names in ("abcd", "abcdef"):
        assert f"5, 3, 40, 30) and {len(names)} names" in refused(plotting.named_images, images, names, 3, 1.0)
    assert "got shape (3, 40, 30) and 3 names" in refused(plotting.named_images, images[0], "abc", 3, 1.0)


def test_a_latent_plane_takes_codes_with_gradients():
    codes = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    reach, mean, std = plotting.class_statistics(codes, 0 * codes, torch.arange(2))
    figure = plotting.latent_plane({"plane": (torch.rand(4, 4, 1, 5, 5), reach, mean, std)}, "ab")
    across, up = figure.axes[0].collections
    assert [line.tolist() for line in across.get_segments()] == [[[0, 0], [2, 0]], [[-1, 2], [1, 2]]]
    assert [line.tolist() for line in up.get_segments()] == [[[1, -1], [1, 1]], [[0, 1], [0, 3]]]
    plt.close("all")


def test_a_panel_draws_its_first_figure_once(shown):
    drawn = []

    def draw(k):
        drawn.append(k)
        return plotting.bars([1.0, k], ["one", "two"])

    (slider,), picture = widgets.figure_panel(draw, {"k": (1, 5, 1, 2)}, alt="two bars")
    first = picture.value
    assert drawn == [2] and shown[-1].metadata == {"alt": "two bars"}
    slider.value = 4
    assert drawn == [2, 4] and picture.value != first and not plt.get_fignums()


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
    monkeypatch.setattr(metrics, "known", {})
    labels = torch.arange(400) % 2
    images = (torch.rand(400, 1, 28, 28) * 60 + 150 * labels.view(-1, 1, 1, 1)).byte()
    return types.SimpleNamespace(name="two", stand_in=True, class_names=("dark", "light"), train_images=images,
                                 train_labels=labels, test_images=images, test_labels=labels)


def test_classifier_is_trained_once(digits, tmp_path, monkeypatch):
    first, accuracy = metrics.load_classifier(digits)
    assert accuracy == 1.0 and len(list(tmp_path.glob("judges/classifier_two*.pt"))) == 1
    monkeypatch.setattr(metrics.training, "fit", None)  # a second training would fail
    metrics.known.clear()  # as in another process
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
    monkeypatch.setattr(metrics.training, "fit", None)  # this process knows it
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


def refused(call, *arguments, **options):
    with pytest.raises(UserError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("score", [metrics.precision_recall, metrics.frechet_distance, metrics.scores])
def test_scores_refuse_what_they_cannot_judge_in_one_line(score):
    """NaN once ended the interpreter, in the library that computes the square root of a matrix."""
    judge, x = metrics.Classifier().eval(), torch.rand(6, 1, 28, 28)
    least = 2 if score is metrics.frechet_distance else 4
    for count in (0, 1, least - 1):
        for pair in ((x, x[:count]), (x[:count], x)):
            assert refused(score, judge, *pair) == f"this score needs at least {least} images in each set, got {count}"
    assert "has diverged" in refused(score, judge, x, x * float("nan"))
    assert "float images of shape (N, 1, 28, 28) in [0, 1], got torch.uint8" in refused(
        score, judge, (255 * x).byte(), x)
    for other in (torch.rand(6, 1, 32, 32), torch.rand(6, 3, 28, 28), torch.rand(6, 28, 28)):
        assert f"of shape {tuple(other.shape)}" in refused(score, judge, x, other)
    if score is not metrics.precision_recall:
        with pytest.warns(UserWarning, match=f"of {least} images says little: there are 128 features"):
            score(judge, x, x[:least])


def test_what_looks_at_one_set_refuses_none_and_nan():
    judge, x = metrics.Classifier().eval(), torch.rand(3, 1, 28, 28)
    labels = torch.zeros(3, dtype=torch.long)
    for look in (metrics.judge, metrics.features, lambda judge, x: metrics.share_as_asked(judge, x, labels[:len(x)])):
        look(judge, x)
        assert "at least 1 image in each set, got 0" in refused(look, judge, x[:0])
        assert "diverged" in refused(look, judge, x / 0)
    assert "3 images need as many labels, got shape (2,)" in refused(metrics.share_as_asked, judge, x, labels[:2])


def test_metrics_leave_numpy_as_it_is():
    """A file with a name that NumPy has removed is refused in a notebook, too, whatever was measured there before."""
    code = ("import numpy, torch\nfrom helpers.given import metrics\nknown = hasattr(numpy, 'Inf')\n"
            "x = torch.rand(4, 1, 28, 28)\nmetrics.image_quality(x, x)\n"
            "metrics.frechet_distance(metrics.Classifier().eval(), x, x)\nassert hasattr(numpy, 'Inf') == known\n")
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)


def test_restored_images_are_compared_with_as_many_clean_ones():
    x = torch.rand(4, 1, 16, 16)
    assert metrics.image_quality(x, x)["mse"] == 0
    for other in (x[:1], x[:, :, :12], x[:, 0], x[:0]):
        assert str(tuple(other.shape)) in refused(metrics.image_quality, x, other)
    assert "got (0, 1" in refused(metrics.image_quality, x[:0], x[:0])


def test_figures_refuse_what_they_cannot_draw():
    x = torch.rand(5, 1, 4, 4)
    for images in (x[:0], x[0], x[0, 0], torch.rand(5, 2, 4, 4)):
        assert f"got shape {tuple(images.shape)}" in refused(plotting.image_grid, images)
    assert "columns=0" in refused(plotting.image_grid, x, columns=0)
    assert "there are 3 rows and 2 labels" in refused(plotting.image_grid, x, columns=2, row_labels=["a", "b"])
    assert "there are 2 columns and 1 labels" in refused(plotting.image_grid, x, columns=2, column_labels=["a"])
    assert "got shape (0, 2, 1, 4, 4)" in refused(plotting.tile, torch.rand(0, 2, 1, 4, 4))
    assert "nothing was recorded of discriminator, generator" in refused(plotting.game, {})
    assert not plt.get_fignums()


@pytest.mark.parametrize("apart", [False, True])
def test_game_draws_losses_and_outputs_with_the_marks_of_a_guess(apart):
    recorded = {"d_loss": [1.0] * 60, "g_loss": [2.0] * 60, "d_real": [0.7] * 60, "d_fake": [0.2] * 60}
    figure = plotting.game(recorded, apart=apart, mark=7)
    marks = {axes.get_title(): [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]
             for axes in figure.axes}
    half, guess = pytest.approx([0.5]), [np.log(4), np.log(2)]
    assert marks == ({"discriminator's loss": pytest.approx(guess[:1]), "generator's loss": pytest.approx(guess[1:]),
                      "mean output of D": half} if apart else {"losses": pytest.approx(guess),
                                                               "mean output of D": half})
    assert {line.get_ydata()[0] for line in figure.axes[-1].lines} >= {0.7, 0.2}
    plt.close(figure)


def test_table_puts_numbers_below_each_other(capsys):
    tables.table({"VAE": {"loss": 1.5, "kind": "a"}, "a GAN": {"loss": 22.25, "kind": None}, "none": {}},
                 {"loss": ("loss", "8.2f"), "kind": ("kind", "6")}, "model")
    assert capsys.readouterr().out.splitlines() == [
        "model      loss  kind", "VAE        1.50     a", "a GAN     22.25      ", "none" + " " * 17]
    with pytest.raises(ValueError, match="the format of column 'loss' must begin with a width, like 10.2f; got '.2f'"):
        tables.table({}, {"loss": ("loss", ".2f")})
