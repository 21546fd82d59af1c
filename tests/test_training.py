"""The training loop: results, exact resume, and what it says when something goes wrong."""
import math

import numpy as np
import pytest
import torch
from torch import nn

from helpers.given import training
from helpers.given.training import TrainingError, fit

IMAGES = torch.randint(0, 256, (300, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
LABELS = (IMAGES[:, 0, 0, 0] > 127).long()


def classifier():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))


def loss(model, x, labels):
    return nn.functional.cross_entropy(model(x), labels)


def train(model, **options):
    return fit(model, loss, IMAGES, LABELS, **{"epochs": 4, "batch_size": 32, "lr": 1e-2, "quiet": True, **options})


@pytest.mark.parametrize("one_cycle", [False, True])
def test_it_learns(one_cycle):
    history = train(classifier(), epochs=30, one_cycle=one_cycle)
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert [record["seconds"] for record in history] == sorted(history.column("seconds"))


def test_the_loss_of_an_epoch_is_the_mean_over_its_images():
    """Not over its batches: the last one is smaller. With lr = 0 it is the loss of the fixed model."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    expected = loss(model, training.to_float(IMAGES), LABELS).item()
    assert train(model, epochs=1, lr=0.0, batch_size=200, bf16=False)[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_evaluate_weighs_a_smaller_last_batch_and_leaves_the_mode():
    model = classifier()
    model.train()
    got = training.evaluate(lambda m, x, y: {"first pixel": x[:, 0, 0, 0].mean()}, model, IMAGES, batch_size=200)
    assert got["first pixel"] == pytest.approx(IMAGES[:, 0, 0, 0].float().mean().item() / 255, rel=1e-5)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_same_seed_same_result():
    first, second, other = (train(model, seed=seed)[-1]["loss"] for model, seed in
                            ((classifier(), 0), (classifier(), 0), (classifier(), 1)))
    assert first == second != other


class Stop(Exception):
    pass


@pytest.mark.parametrize("one_cycle", [False, True])
def test_a_killed_training_goes_on_exactly(tmp_path, one_cycle):
    """Killed after epoch 2 and started again, it ends with the weights of a training that was never stopped."""
    whole, resumed = classifier(), classifier()
    full = train(whole, one_cycle=one_cycle)

    def kill(epoch, model):
        if epoch == 3:
            raise Stop
    with pytest.raises(Stop):
        train(resumed, one_cycle=one_cycle, checkpoint=tmp_path / "c.pt", after_epoch=kill)
    fresh = classifier()
    history = train(fresh, one_cycle=one_cycle, checkpoint=tmp_path / "c.pt")
    assert history.column("loss") == full.column("loss")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), fresh.parameters()))
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    train(classifier(), checkpoint=tmp_path / "c.pt")
    with pytest.raises(TrainingError, match="epochs 4 there, 5 here.*delete it"):
        train(classifier(), epochs=5, checkpoint=tmp_path / "c.pt")


def test_a_finished_checkpoint_is_only_read_with_all_that_was_kept(tmp_path):
    kept, seen = {}, []
    model = classifier()
    full = train(model, checkpoint=tmp_path / "c.pt", keep=kept,
                 after_epoch=lambda epoch, model: kept.update({f"epoch {epoch}": model.state_dict()["1.bias"].clone()}))
    fresh, again = classifier(), {}
    history = train(fresh, checkpoint=tmp_path / "c.pt", keep=again, after_epoch=lambda *_: seen.append(1))
    assert history == full and not seen
    assert again.keys() == kept.keys() and all(torch.equal(again[name], kept[name]) for name in kept)


def test_checkpoint_of_other_images_is_refused(tmp_path):
    """As many of them: the stand-in, say, before the real ones were there."""
    fit(classifier(), loss, IMAGES, LABELS, epochs=1, checkpoint=tmp_path / "c.pt", quiet=True)
    with pytest.raises(TrainingError, match=r"images 300 \(\w{8}\) there, 300 \(\w{8}\) here\): delete it"):
        fit(classifier(), loss, 255 - IMAGES, LABELS, epochs=1, checkpoint=tmp_path / "c.pt", quiet=True)


@pytest.mark.parametrize("value, where", [(nn.Linear(2, 2), r"keep\['x'\] is of type Linear"),
                                          ([1, {"a": np.float32(1)}], r"keep\['x'\]\[1\]\['a'\] is of type float32"),
                                          (np.float64(1), r"keep\['x'\] is of type float64")])
def test_what_a_checkpoint_cannot_hold_is_told_in_the_first_epoch(tmp_path, value, where):
    """Not when it is read, after hours."""
    with pytest.raises(TrainingError, match=where + ".*a copy of its state_dict"):
        train(classifier(), checkpoint=tmp_path / "c.pt", keep={"x": value})
    assert not list(tmp_path.iterdir())


NUMPYS = {"fid": np.float32(2.5), "best": np.float64(1.25), "count": np.int64(7), "better": np.bool_(True),
          "tensor": torch.tensor(0.5), "array": np.array([3.0])}
PLAIN = {"fid": 2.5, "best": 1.25, "count": 7, "better": True, "tensor": 0.5, "array": 3.0}


def test_numbers_of_numpy_in_a_history_become_plain_and_are_resumed(tmp_path):
    history = train(classifier(), checkpoint=tmp_path / "c.pt", after_epoch=lambda *_: NUMPYS, lr=np.float64(1e-3))
    again = train(classifier(), checkpoint=tmp_path / "c.pt", after_epoch=lambda *_: NUMPYS, lr=1e-3)
    for record in (*history, *again):
        assert {name: (type(record[name]), record[name]) for name in PLAIN} == {
            name: (type(value), value) for name, value in PLAIN.items()}
    assert again == history


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_a_checkpoint_of_before_with_numbers_of_numpy_is_resumed(tmp_path, monkeypatch, module):
    """As numpy 1 and numpy 2 have written it."""
    monkeypatch.setattr(training, "plain", lambda value: value)
    monkeypatch.setattr(training, "check_plain", lambda *_: None)
    monkeypatch.setattr(np._core.multiarray.scalar, "__module__", module, raising=False)
    numbers = {name: value for name, value in NUMPYS.items() if isinstance(value, np.generic)}
    train(classifier(), checkpoint=tmp_path / "c.pt", after_epoch=lambda *_: numbers)
    record = training.read_checkpoint(tmp_path / "c.pt")["history"][0]
    assert {name: (type(record[name]), record[name]) for name in numbers} == {
        name: (type(PLAIN[name]), PLAIN[name]) for name in numbers}


def test_what_a_history_cannot_hold_is_told_in_the_first_epoch(tmp_path):
    with pytest.raises(TrainingError, match=r"the history\[0\]\['all'\] is of type ndarray"):
        train(classifier(), checkpoint=tmp_path / "c.pt", after_epoch=lambda *_: {"all": np.arange(3)})


@pytest.mark.parametrize("value", [np.array([1.0]), np.void(b"12345678"), np.datetime64("2026-01-01"), np.str_("a")])
def test_of_numpy_only_numbers_are_read(tmp_path, value):
    torch.save({"history": value}, tmp_path / "c.pt")
    with pytest.raises(TrainingError, match="not a whole checkpoint"):
        training.read_checkpoint(tmp_path / "c.pt")


def test_a_folder_that_cannot_be_made_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.given.training.ROOT", tmp_path)
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(TrainingError, match="cannot make the folder .*: work in a copy of the course"):
        training.results("vae")


def test_a_target_that_was_reached_is_not_trained_past(tmp_path):
    short = train(classifier(), target=100.0, checkpoint=tmp_path / "c.pt")
    assert len(short) == 1 and train(classifier(), target=100.0, checkpoint=tmp_path / "c.pt") == short


def test_other_code_starts_anew_and_says_so(tmp_path, capsys):
    def double(x):
        return x + x
    before = double

    def double(x):  # a comment changes nothing

        return x + x
    commented = double

    def double(x):
        return 2 * x
    history = train(classifier(), checkpoint=tmp_path / "c.pt", code=[before])
    assert train(classifier(), checkpoint=tmp_path / "c.pt", code=[commented]) == history
    assert not capsys.readouterr().out
    assert train(classifier(), checkpoint=tmp_path / "c.pt", code=[double]) != history  # the seconds are others
    assert "c.pt was made with another double: training starts anew" in capsys.readouterr().out


def test_results_lie_by_profile_and_smoke_starts_empty(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.given.training.ROOT", tmp_path)
    for name, stays in (("cpu", True), ("smoke", False)):
        monkeypatch.setenv("COURSE_PROFILE", name)
        (training.results("vae") / "w.pt").write_bytes(b"w")
        assert (training.results("vae") / "w.pt").exists() == stays
        assert training.results("vae") == tmp_path / "runs" / name / "vae"


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04cut off"])
def test_damaged_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "c.pt").write_bytes(content)
    with pytest.raises(TrainingError, match="not a whole checkpoint"):
        train(classifier(), checkpoint=tmp_path / "c.pt")


def test_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))
    torch.save({"settings": Evil()}, tmp_path / "c.pt")
    with pytest.raises(TrainingError):
        train(classifier(), checkpoint=tmp_path / "c.pt")
    assert not (tmp_path / "harm").exists()


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(content, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingError, match="disk full"):
        train(classifier(), checkpoint=tmp_path / "c.pt")
    assert not list(tmp_path.iterdir())


def test_two_processes_may_write_one_file_at_once(tmp_path, monkeypatch):
    """Each to a file of its own, which is renamed when it is whole."""
    save, partials = torch.save, []
    monkeypatch.setattr(torch, "save", lambda content, path: partials.append(path) or save(content, path))
    for process in (1, 2):
        monkeypatch.setattr(training.os, "getpid", lambda: process)
        training.save_atomically({"of": process}, tmp_path / "c.pt")
    assert len(set(partials)) == 2 and [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_ctrl_c_keeps_what_was_learned(capsys):
    model, before = classifier(), classifier()

    def interrupt(epoch, model):
        if epoch == 2:
            raise KeyboardInterrupt
    history = train(model, after_epoch=interrupt, quiet=False)
    assert history.interrupted and len(history) == 1
    assert any(not torch.equal(a.cpu(), b) for a, b in zip(model.parameters(), before.parameters()))
    assert "stopped early" in capsys.readouterr().out


def test_target_stops_early():
    history = train(classifier(), epochs=50, target=0.6)
    assert len(history) < 50 and history[-1]["loss"] < 0.6 <= history[-2]["loss"]


def test_nan_loss_is_one_clear_line():
    def broken(model, x, labels):
        return loss(model, x, labels) * math.nan
    with pytest.raises(TrainingError, match="loss is nan in epoch 1.*smaller learning rate"):
        fit(classifier(), broken, IMAGES, LABELS, epochs=2, quiet=True)


def test_a_loss_that_refuses_nan_weights_says_diverged():
    def refusing(model, x, labels):
        out = model(x)
        if not out.isfinite().all():
            raise ValueError("refused")
        return out.sum() * 1e30
    with pytest.raises(TrainingError, match="diverged"):
        fit(classifier(), refusing, IMAGES, LABELS, epochs=3, lr=1e30, quiet=True, bf16=False)


@pytest.mark.parametrize("from_logits", [True, False])
def test_a_loss_without_a_gradient_is_told_once(capsys, from_logits):
    """Cross entropy on sigmoids stands at 100 where the logits are large: log(0) is cut off there."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
    nn.init.constant_(model[1].bias, -500.0)
    function = (nn.functional.binary_cross_entropy_with_logits if from_logits else
                lambda logits, y: nn.functional.binary_cross_entropy(logits.sigmoid(), y))
    history = fit(model, lambda model, x, y: function(model(x), torch.ones(len(x), 1)), IMAGES, LABELS, epochs=3,
                  batch_size=10, bf16=False)
    out = capsys.readouterr().out
    if from_logits:
        assert "stands" not in out and history[-1]["loss"] < history[0]["loss"]
    else:
        assert history.column("loss") == [100.0] * 3
        assert out.count("epoch 1: the loss stands at 100, to the last digit, whatever the batch: it has no gradient "
                         "left. Compute it from logits, not from sigmoids\n") == 1 and out.count("stands") == 1


@pytest.mark.parametrize("name, values, told", [
    ("d_loss", [0.5, 0.4] * 5 + [0.0] * 10, "the d_loss stands at 0,"), ("d_loss", [0.0] * 10, None),
    ("d_real", [1.0] * 30, None), ("loss", [0.0] * 28 + [1e-9] + [0.0], None)])
def test_which_values_are_stuck(name, values, told):
    lines = list(training.stuck({name: torch.tensor(values)}))
    assert lines == [] if told is None else lines[0].startswith(told) and "logits" not in lines[0]


def test_one_epoch_shows_every_image_once_with_its_label():
    images = torch.arange(23, dtype=torch.uint8).view(23, 1, 1, 1)
    seen = []

    def step(x, labels):
        seen.append((x.flatten().mul(255).round().tolist(), labels.tolist()))
        return {"loss": x.sum(), "first": labels[0].float()}

    torch.manual_seed(0)
    values = training.one_epoch(step, images, torch.arange(23), 5, used=23)
    assert [len(x) for x, _ in seen] == [5, 5, 5, 5, 3]
    assert all(x == labels for x, labels in seen), "each image with its own label"
    order = sum((labels for _, labels in seen), [])
    assert sorted(order) == list(range(23)) != order
    assert values["loss"].shape == (5,) and values["first"].tolist() == [labels[0] for _, labels in seen]
    seen.clear()
    training.one_epoch(step, images, torch.arange(23), 5, used=20)
    assert [len(x) for x, _ in seen] == [5, 5, 5, 5]
    assert sum((labels for _, labels in seen), [])[:5] != order[:5], "another order in each epoch"


def test_errors_of_the_model_stay_as_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied") as caught:
        fit(nn.Sequential(nn.Flatten(), nn.Linear(7, 2)), loss, IMAGES, LABELS, epochs=1, quiet=True)
    assert not isinstance(caught.value, TrainingError)


def test_out_of_memory_says_what_to_do():
    def hungry(model, x, labels):
        return loss(model, x, labels) + torch.empty(1 << 60).sum()
    with pytest.raises(TrainingError, match="memory ran out with batch_size=128: try half"):
        fit(classifier(), hungry, IMAGES, LABELS, epochs=1, quiet=True)


def test_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(TrainingError, match="'cuda' was asked for, but this machine has only: .*cpu"):
        fit(classifier(), loss, IMAGES, LABELS, epochs=1, device="cuda", quiet=True)
    with pytest.raises(TrainingError, match="'quantum'"):
        training.pick_device("quantum")


def test_profile(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "smoke")
    assert training.profile() == "smoke" and training.pick_device().type == "cpu"
    monkeypatch.setenv("COURSE_PROFILE", "fast")
    with pytest.raises(TrainingError, match="'fast'; it must be one of smoke, cpu, gpu"):
        training.profile()


@pytest.mark.parametrize("has, expected", [
    ({"avx512_bf16": True}, True), ({"architecture": "aarch64", "bf16": True}, True),
    ({"amx_tile": True, "amx_bf16": False, "avx2": True}, False), ({}, False)])
def test_bfloat16_where_the_processor_has_it(monkeypatch, has, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert (training.autocast_dtype(torch.device("cpu")) is torch.bfloat16) == expected
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert training.autocast_dtype(torch.device("cpu")) is None


def test_mixed_precision_keeps_sigmoid_and_results_in_float32(monkeypatch):
    monkeypatch.setattr(training, "autocast_dtype", lambda device: torch.bfloat16)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())
    nn.init.constant_(model[0].bias, 6.0)  # sigmoid(6) = 0.9975 is exactly 1 in bfloat16
    seen = []
    model[0].register_forward_hook(lambda _, args, out: seen.append(out.dtype))
    with training.mixed_precision(model, torch.device("cpu")) as call:
        out = call(torch.zeros(1, 4))
    assert seen == [torch.bfloat16] and out.dtype == torch.float32 and out.max() < 1
    assert not model[1]._forward_pre_hooks


def test_autocast_is_bfloat16_or_nothing(monkeypatch):
    layer, x = nn.Linear(2, 2), torch.ones(1, 2)
    for dtype in (torch.bfloat16, None):
        monkeypatch.setattr(training, "autocast_dtype", lambda device: dtype)
        with training.autocast(torch.device("cpu")):
            assert layer(x).dtype == (dtype or torch.float32)


@pytest.mark.parametrize("norm, side_by_side", [(nn.BatchNorm2d, True), (nn.InstanceNorm2d, False)])
def test_channels_lie_side_by_side_where_that_is_faster(norm, side_by_side):
    model, layouts = nn.Sequential(nn.Conv2d(3, 4, 3), norm(4)), []

    def step(x, labels):
        layouts.append(x.is_contiguous(memory_format=torch.channels_last))
        return {"loss": x.mean()}

    training.loop(step, torch.zeros(4, 3, 8, 8, dtype=torch.uint8), state={"model": model}, settings={}, epochs=1,
                  batch_size=2, device=torch.device("cpu"), quiet=True)
    assert layouts == [side_by_side] * 2
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last) == side_by_side
