"""The numbers and refusals that the contract of helpers/diffusion.py states, and what stands around it.

Expected numbers are computed here once more, with plain Python floats or NumPy in float64.
"""
import math

import numpy as np
import pytest
import torch

from helpers import diffusion
from helpers.given import densities, training, video
from helpers.given import diffusion as given_diffusion
from helpers.given.checks.diffusion import draws_first
from helpers.given.networks import GroupNorm


def plain_schedule(betas):
    """(alphas_cumprod, alphas, betas) in float64."""
    betas = np.array(betas, dtype=np.float64)
    return np.cumprod(1 - betas), 1 - betas, betas


def plain_linear(steps):
    return plain_schedule([1e-4 + (0.02 - 1e-4) * k / (steps - 1) for k in range(steps)])


def plain_cosine(steps):
    def f(t):
        return math.cos((t / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    return plain_schedule([min(max(1 - f(t) / f(t - 1), 1e-4), 0.9999) for t in range(1, steps + 1)])


@pytest.mark.parametrize("steps", [2, 10, 100, 1000, 4000])
@pytest.mark.parametrize("name, plain", [("linear_schedule", plain_linear), ("cosine_schedule", plain_cosine)])
def test_schedules(name, plain, steps):
    for found, expected in zip(getattr(diffusion, name)(steps), plain(steps)):
        assert found.shape == (steps,) and found.dtype == torch.float32
        assert np.abs(found.double().numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("steps", [1, 2, 100, 1000])
def test_cosine_schedule_divides_by_nothing(steps):
    alphas_cumprod, alphas, betas = diffusion.cosine_schedule(steps)
    assert alphas.min() > 0 and alphas_cumprod.min() > 0 and betas.min() >= 1e-4 - 1e-9
    assert (1 / alphas.sqrt()).isfinite().all() and (1 / alphas_cumprod.sqrt()).isfinite().all()
    assert (betas / (1 - alphas_cumprod).sqrt()).isfinite().all()
    assert (alphas_cumprod[1:] < alphas_cumprod[:-1]).all()


def test_closed_form_is_what_a_chain_does():
    alphas = torch.tensor([0.9, 0.7, 0.8])
    coefficient, variance = diffusion.closed_form(alphas)
    assert coefficient.item() == pytest.approx(math.sqrt(0.9 * 0.7 * 0.8), abs=1e-6)
    assert variance.item() == pytest.approx(1 - 0.9 * 0.7 * 0.8, abs=1e-6)
    torch.manual_seed(0)
    x = torch.full((100_000,), 2.0)
    for alpha in alphas:
        x = alpha.sqrt() * x + (1 - alpha).sqrt() * torch.randn_like(x)
    assert x.mean().item() == pytest.approx(2 * coefficient.item(), abs=0.01)
    assert x.var().item() == pytest.approx(variance.item(), abs=0.01)


@pytest.mark.parametrize("shape", [(3, 2), (2, 2), (4, 1, 5, 4), (1, 7), (3, 2, 3)])
@pytest.mark.parametrize("form", [int, np.int64, lambda t: torch.tensor(t), lambda t: None, lambda t: ()])
def test_add_noise(shape, form):
    torch.manual_seed(0)
    alphas_cumprod, batch = diffusion.cosine_schedule(50)[0], torch.randn(shape)
    each = torch.randint(50, (shape[0],))
    t = form(17)
    steps = [17] * shape[0] if t is not None and not isinstance(t, tuple) else each.tolist()
    t = each if t is None else each[:, None] if isinstance(t, tuple) else t
    noised, eps = diffusion.add_noise(batch, t, alphas_cumprod)
    table = alphas_cumprod.double().numpy()
    for k, step in enumerate(steps):
        expected = math.sqrt(table[step]) * batch[k].double() + math.sqrt(1 - table[step]) * eps[k].double()
        assert (noised[k].double() - expected).abs().max() < 1e-6


def test_add_noise_draws_the_noise_first():
    """The order of draws of a published check: its sums can be compared."""
    np.random.seed(0)
    torch.manual_seed(0)
    t, alphas_cumprod, batch = np.random.randint(0, 1000), torch.rand(1000), torch.rand(32, 2)
    after = torch.get_rng_state()
    noised, eps = diffusion.add_noise(batch, t, alphas_cumprod)
    torch.set_rng_state(after)
    expected = torch.randn(32, 2)
    assert t == 684 and torch.equal(eps, expected)
    a = alphas_cumprod[684].item()
    sums = (math.sqrt(a) * batch.double() + math.sqrt(1 - a) * expected.double()).sum().item(), expected.sum().item()
    assert sums == pytest.approx((34.2082, 13.0111), abs=1e-4)
    assert (noised.sum().item(), eps.sum().item()) == pytest.approx(sums, abs=1e-4)


def test_the_check_tells_what_is_drawn_first():
    assert draws_first(lambda: torch.randn(3)) and draws_first(lambda: torch.rand(2).log())
    assert draws_first(lambda: (torch.randn(3), torch.rand(1))[0]) and draws_first(lambda: torch.empty(1).normal_())
    assert not draws_first(lambda: (torch.rand(1), torch.randn(3))[1])
    assert draws_first(lambda: torch.from_numpy(np.random.randn(3)))  # nothing of torch's: nothing can be said


def test_gradients_and_dtypes_of_the_loss():
    model = diffusion.SimpleDiffusion()
    loss = diffusion.noise_prediction_loss(model, torch.randn(16, 2), diffusion.cosine_schedule(10)[0])
    loss.backward()
    assert loss.shape == () and all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("sampler", [diffusion.sample_ddpm, diffusion.sample_ddim])
def test_samplers_find_a_normal_distribution(sampler):
    """With the exact noise predictor of N(3, 0.5^2) both samplers give this distribution."""
    schedule = diffusion.cosine_schedule(200)
    table = schedule[0]

    def exact(x, t):
        a = table[t]
        return (1 - a).sqrt() * (x - 3 * a.sqrt()) / (0.25 * a + 1 - a)

    torch.manual_seed(0)
    samples, trajectory = sampler(exact, 20000, 1, schedule)
    assert torch.equal(trajectory[-1], samples) and trajectory[0].std().item() == pytest.approx(1, abs=0.03)
    assert samples.mean().item() == pytest.approx(3, abs=0.03) and samples.std().item() == pytest.approx(0.5, abs=0.03)


def test_ddim_with_all_steps_is_the_chain_with_the_posterior_variance():
    """eta = 1 and every step: DDPM's mean (DDIM, section 4.1)."""
    schedule = diffusion.linear_schedule(6)
    states = []
    torch.manual_seed(0)
    diffusion.sample_ddim(lambda x, t: states.append((x, t)) or x / 3, 50000, 1, schedule, steps=6, eta=1.0)
    alphas_cumprod, alphas, betas = schedule
    for (x, t), (following, _) in zip(states, states[1:]):
        k = int(t[0])
        mean = (x - betas[k] / (1 - alphas_cumprod[k]).sqrt() * x / 3) / alphas[k].sqrt()
        posterior = betas[k] * (1 - alphas_cumprod[k - 1]) / (1 - alphas_cumprod[k])
        assert (following - mean).mean().abs() < 1e-3
        assert (following - mean).var().item() == pytest.approx(posterior.item(), rel=0.03)


def test_ddim_repeats_itself_and_refuses_steps_that_are_not_there():
    schedule, model = diffusion.linear_schedule(20), diffusion.SimpleDiffusion()
    found = []
    for _ in range(2):
        torch.manual_seed(3)
        found.append(diffusion.sample_ddim(model, 4, 2, schedule, steps=5)[0])
    assert torch.equal(*found)
    for steps in (0, 21):
        with pytest.raises(ValueError, match=f"from 1 to 20.*got {steps}"):
            diffusion.sample_ddim(model, 4, 2, schedule, steps=steps)


@pytest.mark.parametrize("size", [28, 32])
def test_unet(size):
    model = diffusion.UNet()
    assert sum(p.numel() for p in model.parameters()) == 314_629 <= 1_500_000
    x, labels = torch.randn(3, 1, size, size), torch.tensor([0, 9, 10])
    with torch.no_grad():
        out = model(x, torch.tensor([[0], [5], [999]]), labels)
        assert out.shape == x.shape
        assert torch.allclose(model(x, 5), model(x, torch.full((3,), 5), torch.full((3,), 10)), atol=1e-5)
        assert torch.allclose(out[1:2], model(x[1:2], 5, labels[1:2]), atol=1e-4)
        guided = diffusion.guided_noise(model, x, torch.full((3, 1), 5), torch.tensor([1, 2, 3]), 2.0)
    assert guided.shape == x.shape and diffusion.sample_ddpm(model, 2, (1, size, size), diffusion.linear_schedule(2))[
        1].shape == (3, 2, 1, size, size)


def test_group_norm_computes_in_float32():
    own, theirs = GroupNorm(8, 32), torch.nn.GroupNorm(8, 32)
    x = (3 + torch.randn(2, 32, 7, 7)).contiguous(memory_format=torch.channels_last)
    assert torch.equal(own(x), theirs(x))
    rough = x.bfloat16()
    assert torch.equal(own(rough), theirs(rough.float()).bfloat16())


def test_no_layer_of_the_unet_has_a_kernel_that_is_slow_in_bfloat16():
    """findings/torch-cpu-bfloat16-slows-attention-and-group-norm.sh"""
    model, x = diffusion.UNet(), torch.randn(2, 1, 28, 28)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        with torch.autocast("cpu", torch.bfloat16):
            model(x, 5).float().square().mean().backward()
    used = {event.name for event in profile.events()}
    assert "aten::native_group_norm" in used and not {name for name in used if "scaled_dot_product" in name}


@pytest.mark.parametrize("name", densities.DENSITIES)
def test_densities(name):
    points, parts = densities.sample(name, 20000)
    again, _ = densities.sample(name, 20000)
    other, _ = densities.sample(name, 20000, seed=1)
    assert torch.equal(points, again) and not torch.equal(points, other)
    assert points.mean(dim=0).abs().max() < 0.03 and abs(points.var(dim=0).mean() - 1) < 0.03
    assert parts.bincount().min() > 0.8 * 20000 / len(parts.unique())
    assert densities.sliced_wasserstein(points, other) < 3 * densities.floor(name, 20000, repeats=2)
    found = densities.coverage(other[:2000], name)
    assert found["covered"] == found["parts"] and found["outside"] < 0.01
    half = densities.coverage(other[other[:, 0] > 0][:2000], name)
    assert half["covered"] < half["parts"]


def test_sliced_wasserstein():
    points = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    assert densities.sliced_wasserstein(points, points.flip(0)) == 0
    # A shift by v moves each projection by v . axis; the mean of |cos| is 2 / pi.
    assert densities.sliced_wasserstein(points, points + torch.tensor([3.0, 4.0])) == pytest.approx(
        5 * 2 / math.pi, rel=1e-3)
    with pytest.raises(ValueError, match=r"\(1000, 2\) and \(999, 2\)"):
        densities.sliced_wasserstein(points, points[1:])
    with pytest.raises(ValueError, match="moons, circles"):
        densities.sample("moon", 10)


def test_fit_points_learns_and_repeats_itself():
    points, _ = densities.sample("clouds", 4096)
    table = diffusion.cosine_schedule(50)[0]
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        model = diffusion.SimpleDiffusion()
        history = given_diffusion.fit_points(
            model, lambda model, x: diffusion.noise_prediction_loss(model, x, table), points, epochs=6, batch_size=512,
            device="cpu", quiet=True)
        losses.append(history.column("loss"))
    assert losses[0] == losses[1] and losses[0][-1] < 0.8 * losses[0][0] and not model.training
    assert len(history.steps["loss"]) == 6 * 8


def test_fit_points_says_what_is_wrong():
    model, points = diffusion.SimpleDiffusion(), torch.zeros(100, 2)
    with pytest.raises(training.TrainingError, match="only 100 points"):
        given_diffusion.fit_points(model, lambda model, x: 0, points, epochs=1, device="cpu", quiet=True)
    with pytest.raises(training.TrainingError, match="diverged"):
        given_diffusion.fit_points(model, lambda model, x: model(x, 0).sum() * float("nan"), points, epochs=1,
                                   batch_size=50, device="cpu", quiet=True)


def test_fit_images_keeps_an_average():
    torch.manual_seed(0)
    model, table = diffusion.UNet(channels=8), diffusion.linear_schedule(10)[0]
    images, labels = torch.randint(256, (64, 1, 28, 28), dtype=torch.uint8), torch.arange(64) % 10

    def loss(model, x, labels):
        assert x.min() < 0 and x.abs().max() <= 1
        return diffusion.noise_prediction_loss(
            lambda noised, t: model(noised, t, diffusion.drop_labels(labels, 10)), x, table)

    averaged, history = given_diffusion.fit_images(model, loss, images, labels, epochs=2, batch_size=16, decay=0.5,
                                                   device="cpu", quiet=True)
    assert len(history) == 2 and not averaged.training and averaged.null_label == 10
    pairs = list(zip(averaged.parameters(), model.parameters()))
    assert any(not torch.equal(a, b) for a, b in pairs) and all((a - b).abs().max() < 0.1 for a, b in pairs)
    made = given_diffusion.make_images(lambda labels: diffusion.sample_ddim(
        lambda x, t: averaged(x, t, labels), len(labels), (1, 28, 28), diffusion.linear_schedule(10), steps=3),
        torch.arange(7), batch_size=3)
    assert made.shape == (7, 1, 28, 28) and made.min() >= 0 and made.max() <= 1


def test_video_frames_and_files(tmp_path, monkeypatch):
    points, _ = densities.sample("moons", 500)
    frames = video.point_frames(torch.stack([points, points + 1]), texts=["t = 0", "t = 1"])
    assert frames.shape[0] == 2 and frames.dtype == np.uint8 and frames.shape[3] == 3 and frames.std() > 0
    images = video.image_frames(torch.rand(3, 6, 1, 28, 28) * 2 - 1, columns=3)
    assert images.dtype == np.uint8 and len(images) == 3
    for made in (frames, images):
        written = video.save(made, tmp_path / "run", frames_per_second=5)
        assert written.stat().st_size > 0 and written.suffix in (".mp4", ".gif")
    monkeypatch.setattr(video, "ffmpeg", lambda: None)
    written = video.save(frames, tmp_path / "run")
    assert written.suffix == ".gif" and written.read_bytes()[:6] == b"GIF89a"
