"""Public checks of helpers/diffusion.py."""
import torch

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import close, expect_close, expect_parts, expect_shape, expect_untouched

diffusion = GradedModule("diffusion")

PARTS = "alphas_cumprod", "alphas", "betas"


@public("diffusion.closed_form",
        hint="Each step multiplies the factor by a root. If x_0 had variance 1, what variance would x_t have?")
def closed_form():
    for alphas in (torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0.95, 0.9, 0.85, 0.8, 0.75])):
        found = expect_parts("closed_form", diffusion.closed_form(alphas), ("mean_coefficient", "variance"))
        for what, value in zip(("the coefficient of the mean", "the variance"), found):
            assert torch.as_tensor(value).numel() == 1, f"{what} should be one number"
        # The chain itself, step by step: x = sqrt(alpha) x + sqrt(1 - alpha) eps shrinks what was there, and adds.
        coefficient, variance = 1.0, 0.0
        for alpha in alphas.tolist():
            coefficient, variance = alpha ** 0.5 * coefficient, alpha * variance + 1 - alpha
        said = f"after {len(alphas)} steps"
        expect_close(f"the coefficient of the mean {said}", found[0], coefficient, 1e-5)
        expect_close(f"the variance {said}", found[1], variance, 1e-5)


def expect_schedule(name, numbers):
    """Assert shapes, consistency and some numbers of a schedule. numbers: (steps, part, index, value)."""
    for steps in (4, 1000):
        call, found = f"{name}({steps})", {}
        for key, part in zip(PARTS, expect_parts(name, getattr(diffusion, name)(steps), PARTS)):
            expect_shape(f"{key} of {call}", part, (steps,))
            found[key] = part.double()
        for count, key, k, value in numbers:
            if count == steps:
                expect_close(f"{key}[{k}] of {call}", found[key][k], value, 1e-5)
        assert close(found["alphas"], 1 - found["betas"], 1e-5), f"alphas of {name} should be 1 - betas"
        assert close(found["alphas_cumprod"], found["alphas"].cumprod(0), 1e-5), \
            f"alphas_cumprod of {call} should be the product of all alphas so far, torch.cumprod(alphas, 0)"
        assert found["alphas_cumprod"].min() > 0, f"the last alphas_cumprod of {call} should be above 0"
    expect_shape(f"alphas_cumprod of {name}()", getattr(diffusion, name)()[0], (1000,))


@public("diffusion.linear_schedule",
        hint="Evenly spaced, with both ends; then 1 minus that, and a running product (torch.cumprod).")
def linear_schedule():
    expect_schedule("linear_schedule", [
        (4, "betas", 0, 1e-4), (4, "betas", 1, 0.0067333), (4, "betas", 3, 0.02), (4, "alphas_cumprod", 3, 0.9602942),
        (1000, "betas", 999, 0.02), (1000, "alphas_cumprod", 499, 0.0785872)])


@public("diffusion.cosine_schedule",
        hint="f at steps + 1 places, betas from ratios of neighbours, clipped; alphas and their product after that.")
def cosine_schedule():
    expect_schedule("cosine_schedule", [
        (4, "betas", 0, 0.1529878), (4, "betas", 1, 0.4169581), (4, "betas", 3, 0.9999),
        (4, "alphas_cumprod", 2, 0.1442721), (1000, "betas", 0, 1e-4), (1000, "betas", 500, 0.0031557),
        (1000, "betas", 999, 0.9999), (1000, "alphas_cumprod", 499, 0.4936538)])


@public("diffusion.add_noise", points=2,
        hint="One factor for each sample: alphas_cumprod[t], with as many axes as the batch, all but one of size 1.")
def add_noise():
    alphas_cumprod = torch.linspace(0.95, 0.05, 10)
    for shape in ((3, 2), (2, 2), (3, 1, 4, 3)):
        each = torch.tensor([7, 2, 4])[:shape[0]]
        for form, t, index in (("an int", 6, torch.full((shape[0],), 6)), ("(N,)", each, each),
                               ("(N, 1)", each[:, None], each)):
            batch = torch.rand(shape) + 1
            before = batch.clone()
            noised, eps = expect_parts("add_noise", diffusion.add_noise(batch, t, alphas_cumprod), ("noised", "eps"))
            what = f"for a batch of shape {shape} and t {form}"
            expect_shape(f"noised {what}", noised, shape)
            expect_shape(f"eps {what}", eps, shape)
            a = alphas_cumprod[index].reshape(-1, *[1] * (len(shape) - 1))
            assert close(noised, a.sqrt() * before + (1 - a).sqrt() * eps, 1e-5), \
                f"{what}, noised should be sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps with the eps that is returned"
            expect_untouched("add_noise", [before], [batch])
    eps = torch.cat([diffusion.add_noise(torch.ones(5000, 2), 3, alphas_cumprod)[1] for _ in range(2)])
    expect_close("the mean of 20,000 numbers of eps", eps.mean(), 0.0, 0.04)
    expect_close("the variance of 20,000 numbers of eps", eps.var(), 1.0, 0.05)
    assert not torch.equal(eps[:5000], eps[5000:]), "two calls gave the same noise: it must be drawn anew"


class Known:
    """A model with a known answer: half of what it gets. It remembers its questions."""

    def __init__(self):
        self.calls = []

    def __call__(self, x, t):
        t = torch.as_tensor(t).reshape(-1).expand(len(x)).clone()
        self.calls.append((x.detach().clone(), t))
        return x / 2


@public("diffusion.noise_prediction_loss", points=2,
        hint="What is drawn for each sample anew, and against what is the model's answer compared?")
def noise_prediction_loss():
    model, alphas_cumprod, batch = Known(), torch.linspace(0.9, 0.2, 5), torch.rand(2000, 2)
    value = diffusion.noise_prediction_loss(model, batch, alphas_cumprod)
    expect_shape("the loss", value, ())
    assert len(model.calls) == 1, f"the loss should ask the model once, it asks {len(model.calls)} times"
    noised, t = model.calls[0]
    expect_shape("what the model gets", noised, (2000, 2))
    assert sorted(set(t.tolist())) == [0, 1, 2, 3, 4], \
        f"with 5 steps, t should take the values 0 to 4 in a batch of 2,000; it takes {sorted(set(t.tolist()))}"
    a = alphas_cumprod[t.long()][:, None]
    eps = (noised - a.sqrt() * batch) / (1 - a).sqrt()
    expect_close("the variance of the noise in what the model gets, for the t that it is told,", eps.var(), 1.0, 0.1)
    expect_close("the loss: the mean of (prediction - eps)^2", value, (noised / 2 - eps).square().mean().item(), 1e-3)


def expect_states(name, model, found, shape, times):
    """Assert what a sampler returned and asked. Returns all its states, (steps + 1, N, ...)."""
    samples, trajectory = expect_parts(name, found, ("samples", "trajectory"))
    expect_shape("the samples", samples, shape)
    asked = [int(t[0]) for _, t in model.calls]
    assert asked == times, f"the model should be asked about t = {times}, it is asked about {asked}"
    states = torch.stack([x for x, _ in model.calls] + [samples])
    for k, state in enumerate(states):
        assert state.isfinite().all(), f"the state after step {k} holds NaN or infinite numbers: the root of " \
            "something negative, or a division by 0? Which alpha_bar stands behind the last step?"
    trajectory = torch.stack(list(trajectory)) if isinstance(trajectory, (tuple, list)) else trajectory
    expect_shape("the trajectory", trajectory, states.shape)
    assert torch.equal(trajectory, states), "the trajectory should hold all states, from pure noise to the samples"
    return states


@public("diffusion.sample_ddpm", points=2,
        hint="For t = T - 1, ..., 0: the mean from x and the predicted noise, and sqrt(beta) times new noise if t > 0.")
def sample_ddpm():
    betas = torch.tensor([0.3, 0.1, 0.2])
    alphas = 1 - betas
    alphas_cumprod, model = alphas.cumprod(0), Known()
    found = diffusion.sample_ddpm(model, 4000, 2, (alphas_cumprod, alphas, betas))
    states = expect_states("sample_ddpm", model, found, (4000, 2), [2, 1, 0])
    expect_close("the standard deviation of the noise that sampling starts from", states[0].std(), 1.0, 0.05)
    for t, x, following in zip((2, 1, 0), states, states[1:]):
        mean = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * x / 2) / alphas[t].sqrt()
        rest = following - mean
        if t == 0:
            assert rest.abs().max() < 1e-4, "the last step, t = 0, should give the mean, without noise: (x - beta / " \
                "sqrt(1 - alpha_bar) eps) / sqrt(alpha)"
            continue
        expect_close(f"what the step at t = {t} adds to the mean of (x - beta / sqrt(1 - alpha_bar) eps) / sqrt(alpha) "
                     "has a mean that", rest.mean(), 0.0, 0.05)
        expect_close(f"what the step at t = {t} adds to the mean has a standard deviation that", rest.std(),
                     betas[t].sqrt().item(), 0.03)
        link = (rest * x).mean() / rest.std() / x.std()
        assert abs(link) < 0.06, f"what the step at t = {t} adds to the mean of the text depends on x: is the " \
            "factor of eps beta / sqrt(1 - alpha_bar), all of it divided by sqrt(alpha)?"
    images = diffusion.sample_ddpm(Known(), 2, (1, 4, 4), (alphas_cumprod, alphas, betas))[0]
    expect_shape("two samples of n_features=(1, 4, 4)", images, (2, 1, 4, 4))


@public("diffusion.drop_labels",
        hint="One random number for each label. What has to be true of it in a share p of all cases?")
def drop_labels():
    labels = torch.arange(5000) % 10
    before = labels.clone()
    found = diffusion.drop_labels(labels, 10, 0.3)
    expect_shape("drop_labels(labels, 10, 0.3)", found, (5000,))
    assert found.dtype == torch.int64, f"the labels should stay int64, they become {found.dtype}"
    expect_untouched("drop_labels", [before], [labels])
    assert ((found == 10) | (found == labels)).all(), "each label should stay as it is or become the null label"
    expect_close("the share of dropped labels for p=0.3", (found == 10).double().mean(), 0.3, 0.04)
    share = (diffusion.drop_labels(labels, 10) == 10).double().mean()
    expect_close("the share of dropped labels without p", share, 0.1, 0.03)
    assert not torch.equal(found, diffusion.drop_labels(labels, 10, 0.3)), "two calls drop the same labels"


class KnownLabels:
    """A model with labels whose answer is the label, everywhere. Its null label is 7."""

    null_label = 7

    def forward(self, x, t, labels=None):
        labels = torch.full((len(x),), 7) if labels is None else labels
        return torch.zeros_like(x) + labels.reshape(-1, 1, 1, 1)

    __call__ = forward


@public("diffusion.guided_noise", hint="Ask the model twice, once with model.null_label. Start from that answer.")
def guided_noise():
    x, t, labels = torch.rand(3, 1, 4, 4), torch.tensor([[1], [2], [3]]), torch.tensor([1, 2, 6])
    for scale, expected in ((0.0, (7.0, 7.0, 7.0)), (1.0, (1.0, 2.0, 6.0)), (3.0, (-11.0, -8.0, 4.0))):
        found = diffusion.guided_noise(KnownLabels(), x, t, labels, scale)
        expect_shape("the guided prediction", found, (3, 1, 4, 4))
        for k in range(3):
            expect_close(f"with a model that says {labels[k]} with the label, 7 without, the prediction for scale "
                         f"{scale:g}", found[k].mean(), expected[k], 1e-5)


@public("diffusion.sample_ddim", points=2,
        hint="x_0 from x and the predicted noise; noised again, to the next step that is visited. b = 1 at the end.")
def sample_ddim():
    betas = torch.tensor([0.1, 0.2, 0.3, 0.1, 0.2])
    alphas = 1 - betas
    alphas_cumprod = alphas.cumprod(0)
    for eta in (0.0, 1.0):
        model = Known()
        found = diffusion.sample_ddim(model, 2000, 2, (alphas_cumprod, alphas, betas), steps=3, eta=eta)
        states = expect_states("sample_ddim", model, found, (2000, 2), [4, 2, 0])
        for t, following, x, y in zip((4, 2, 0), (2, 0, None), states, states[1:]):
            a = alphas_cumprod[t]
            b = torch.ones(()) if following is None else alphas_cumprod[following]
            sigma = (eta ** 2 * (1 - b) / (1 - a) * (1 - a / b)).sqrt()
            x_0 = (x - (1 - a).sqrt() * x / 2) / a.sqrt()
            rest = y - b.sqrt() * x_0 - (1 - b - sigma ** 2).sqrt() * x / 2
            what = f"with eta={eta:g}, at t = {t}, the next x minus sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps"
            assert sigma > 0 or rest.abs().max() < 1e-4, f"{what} should be 0, it is up to {rest.abs().max():.3g}"
            expect_close(f"{what} has a standard deviation that", rest.std(), sigma.item(), 0.05)
            assert sigma == 0 or abs((rest * x).mean() / rest.std() / x.std()) < 0.1, f"{what} depends on x"
