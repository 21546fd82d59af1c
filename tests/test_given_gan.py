"""Two networks against each other: the loop, what `fit` refuses, TensorBoard's files."""
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers import gan
from helpers.given import training
from helpers.given import gan as given_gan
from helpers.given.training import TrainingError

IMAGES = torch.randint(0, 256, (70, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def networks():
    torch.manual_seed(0)
    D = nn.Sequential(nn.Linear(16, 8), nn.LeakyReLU(0.1), nn.Linear(8, 1))
    G = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 16), nn.Tanh())
    return D, G


def adam(model, lr=1e-2):
    return torch.optim.Adam(model.parameters(), lr=lr, betas=(0.5, 0.999))


def d_loss(real, fake):
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def g_loss(fake):
    return F.softplus(-fake).mean()


def noise(batch_size, noise_dim, dtype=torch.float, device="cpu"):
    return torch.rand(batch_size, noise_dim, dtype=dtype, device=device) * 2 - 1


def train(D, G, images=IMAGES, losses=(d_loss, g_loss), update=gan.update, lr=1e-2, **options):
    options = {"noise_dim": 3, "epochs": 2, "batch_size": 20, "quiet": True, "device": "cpu", **options}
    return given_gan.fit(update, D, G, adam(D), adam(G, lr), *losses, noise, images, **options)


def test_it_is_the_plain_loop():
    """Written out with torch's slowest Adam: the same losses, the same weights."""
    D, G = networks()
    history = train(D, G, bf16=False)
    plain_D, plain_G = networks()
    solvers = [torch.optim.Adam(m.parameters(), lr=1e-2, betas=(0.5, 0.999), fused=False, foreach=False)
               for m in (plain_D, plain_G)]
    torch.manual_seed(0)
    losses = []
    for _ in range(2):
        order = torch.randperm(70)
        for start in (0, 20, 40):
            x = IMAGES[order][start:start + 20].float().flatten(1) / 255 * 2 - 1
            fake = plain_G(noise(20, 3))
            loss = d_loss(plain_D(x), plain_D(fake.detach()))
            losses.append(loss.item())
            solvers[0].zero_grad()
            loss.backward()
            solvers[0].step()
            solvers[1].zero_grad()
            g_loss(plain_D(fake)).backward()
            solvers[1].step()
    assert history.steps["d_loss"] == pytest.approx(losses, rel=1e-4)
    for mine, theirs in zip([*D.parameters(), *G.parameters()], [*plain_D.parameters(), *plain_G.parameters()]):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)


def test_each_player_changes_only_itself():
    D, G = networks()
    for still, moving in (("D", G), ("G", D)):
        before = [w.clone() for w in (D if still == "D" else G).parameters()]
        solvers = [torch.optim.SGD(D.parameters(), lr=0.0 if still == "D" else 0.1),
                   torch.optim.SGD(G.parameters(), lr=0.0 if still == "G" else 0.1)]
        moving_before = [w.clone() for w in moving.parameters()]
        gan.update(torch.rand(9, 16), noise(9, 3), D, G, *solvers, d_loss, g_loss)
        assert all(torch.equal(a, b) for a, b in zip(before, (D if still == "D" else G).parameters()))
        assert not all(torch.equal(a, b) for a, b in zip(moving_before, moving.parameters()))


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_the_step_gets_modules_that_return_float32(monkeypatch, dtype):
    """In bfloat16, too, so that it can reach and freeze weights."""
    (D, G), logits = networks(), []
    monkeypatch.setattr(training, "autocast_dtype", lambda device: dtype)

    def update(x, noise, judge, painter, *others):
        for player, network in ((judge, D), (painter, G)):
            assert [id(p) for p in player.parameters()] == [id(p) for p in network.parameters()]
            assert isinstance(player, nn.Module) and player.training
        logits.append(judge(x).dtype)
        return gan.update(x, noise, judge, painter, *others)

    train(D, G, update=update)
    assert set(logits) == {torch.float32}


def test_a_checkpoint_of_another_step_is_not_gone_on_with(tmp_path, capsys):
    def update(*arguments):
        return gan.update(*arguments)

    first = train(*networks(), checkpoint=tmp_path / "checkpoint.pt")
    assert train(*networks(), checkpoint=tmp_path / "checkpoint.pt").steps == first.steps
    assert not capsys.readouterr().out
    train(*networks(), update=update, checkpoint=tmp_path / "checkpoint.pt")
    assert "was made with another update: training starts anew" in capsys.readouterr().out


def test_history_of_each_step_and_mean_of_each_epoch():
    history = train(*networks())
    assert {len(values) for values in history.steps.values()} == {6}  # 70 images: the batch of 10 is left out
    for name in ("d_loss", "g_loss", "d_real", "d_fake"):
        assert history[1][name] == pytest.approx(sum(history.steps[name][3:]) / 3)
    assert all(0 < p < 1 for p in history.steps["d_real"] + history.steps["d_fake"])


def test_show_is_called_before_every_so_many_steps():
    seen = []
    train(*networks(), show=seen.append, show_every=2)
    assert seen == [0, 2, 4]


def test_a_stopped_training_goes_on_as_if_it_had_not(tmp_path):
    whole = train(*networks(), epochs=3)

    def stop(epoch, G):
        if epoch == 2:
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.pt"
    assert train(*networks(), epochs=3, checkpoint=path, after_epoch=stop).interrupted
    resumed = train(*networks(), epochs=3, checkpoint=path)
    assert resumed.steps == whole.steps and resumed.column("d_loss") == whole.column("d_loss")


def test_the_average_of_the_generator(tmp_path):
    """Written out: after the first step a copy of G, then of each step a share. It belongs to the checkpoint."""
    D, G = networks()
    average, seen = training.Average(G, 0.9), []

    def update(*arguments):
        values = gan.update(*arguments)
        seen.append([weights.detach().clone() for weights in G.parameters()])
        return values

    options = dict(update=update, bf16=False, checkpoint=tmp_path / "c.pt")
    train(D, G, average=average, **options)
    due = seen[0]
    for weights in seen[1:]:
        due = [0.9 * old + 0.1 * new for old, new in zip(due, weights)]
    assert all(torch.allclose(mine, value, atol=1e-6) for mine, value in zip(average.module.parameters(), due))
    assert not average.module.training

    other_D, other_G = networks()
    again = training.Average(other_G, 0.9)
    train(other_D, other_G, average=again, **options)  # only reads it
    assert all(map(torch.equal, again.state_dict().values(), average.state_dict().values())) and len(seen) == 6
    with pytest.raises(TrainingError, match="decay"):
        train(*networks(), average=training.Average(G, 0.5), **options)


@pytest.mark.parametrize("images, options, says", [
    (IMAGES.float() / 255, {}, r"images must be uint8 of shape \(N, C, h, w\), got torch.float32"),
    (IMAGES.flatten(1), {}, r"got torch.uint8 of shape \(70, 16\)"),
    (IMAGES, {"prepare": lambda x: x.flatten(1)}, r"must lie in \[-1, 1\].* from 0 to 1: 2 \* x - 1"),
    (IMAGES, {"prepare": lambda x: 255 * x.flatten(1)}, r"must lie in \[-1, 1\].* from 0 to 255"),
    (IMAGES, {"prepare": lambda x: 2 * x - 1}, r"shape \(1, 4, 4\), the generator makes \(16,\)"),
    (IMAGES, {"prepare": lambda x: (2 * x - 1).flatten(1)[:, :8]}, r"shape \(8,\), the generator makes \(16,\)"),
    (IMAGES, {"batch_size": 71}, "batch_size is 71, but there are only 70 images"),
    (IMAGES, {"losses": (d_loss, lambda fake: g_loss(fake) * float("nan"))}, "diverged"),
])
def test_what_does_not_fit_gets_one_line(images, options, says):
    with pytest.raises(TrainingError, match=says) as caught:
        train(*networks(), images=images, **options)
    assert "\n" not in str(caught.value)


def test_a_discriminator_with_more_than_one_logit_is_refused():
    D, G = networks()
    with pytest.raises(TrainingError, match=r"one logit per image, got shape \(2, 8\)"):
        train(D[:1], G)


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_tensorboard_files_hold_every_step_and_each_epochs_images(tmp_path):
    for _ in range(2):  # the second run replaces the first
        history = train(*networks(), log_dir=tmp_path, log_images=lambda: torch.rand(5, 1, 4, 4))
    log = scalars(tmp_path)
    assert set(log.Tags()["scalars"]) == {"d_loss", "g_loss", "d_real", "d_fake"}
    assert [event.step for event in log.Scalars("d_loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.value for event in log.Scalars("g_loss")] == pytest.approx(history.steps["g_loss"])
    assert [event.step for event in log.Images("samples")] == [1, 2]


def test_a_finished_training_read_again_keeps_its_log(tmp_path):
    for _ in range(2):
        train(*networks(), log_dir=tmp_path, checkpoint=tmp_path / "c.pt")
    assert [event.step for event in scalars(tmp_path).Scalars("d_loss")] == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_of_other_learning_rates_is_refused(tmp_path):
    D, G = networks()
    train(D, G, checkpoint=tmp_path / "c.pt")
    D, G = networks()
    with pytest.raises(TrainingError, match="learning rates .* there, .* here"):
        train(D, G, lr=0.5, checkpoint=tmp_path / "c.pt")


def test_without_tensorboard_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match="TensorBoard is not installed: pip install tensorboard"):
        train(*networks(), log_dir=tmp_path)


def test_a_log_folder_that_is_a_file(tmp_path):
    (tmp_path / "log").write_text("")
    with pytest.raises(TrainingError, match="cannot write the TensorBoard log"):
        training.open_log(tmp_path / "log")
