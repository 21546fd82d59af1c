"""Public checks of helpers/diffusion.py. The hidden ones judge losses and samplers by the same rules and tables of
slips, and draw other inputs."""
import math
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (close, expect_close, expect_normal, expect_parts, expect_right, expect_shape,
                                         expect_tensor, expect_untouched, judge_gradient, name_the_slip, only_number,
                                         sets_seed, spread, squared_error_slips)

diffusion = GradedModule("diffusion")

PARTS = "alphas_cumprod", "alphas", "betas"


@contextmanager
def explaining(hint):
    """Add a hint to an IndexError."""
    try:
        yield
    except IndexError as error:
        raise IndexError(f"{error}: {hint}").with_traceback(error.__traceback__) from None


@public("diffusion.closed_form",
        hint="Each step multiplies the factor by a root. If x_0 had variance 1, what variance would x_t have?")
def closed_form():
    for alphas in (torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0.95, 0.9, 0.85, 0.8, 0.75])):
        before = alphas.clone()
        found = expect_parts("closed_form", diffusion.closed_form(alphas), ("mean_coefficient", "variance"))
        expect_untouched("closed_form", [before], [alphas])
        for what, value in zip(("the coefficient of the mean", "the variance"), found):
            assert torch.as_tensor(value).numel() == 1, f"{what} should be one number"
        # The chain itself, step by step: x = sqrt(alpha) x + sqrt(1 - alpha) eps shrinks what was there, and adds.
        coefficient, variance = 1.0, 0.0
        for alpha in alphas.tolist():
            coefficient, variance = alpha ** 0.5 * coefficient, alpha * variance + 1 - alpha
        said = f"after {len(alphas)} steps"
        expect_close(f"the coefficient of the mean {said}", found[0], coefficient, 1e-5)
        expect_close(f"the variance {said}", found[1], variance, 1e-5)


def expect_float32(what, part):
    assert part.dtype == torch.float32, f"{what} should be float32, it is {str(part.dtype).removeprefix('torch.')}: " \
        "points noised with it would not fit the network's weights; .float() at the end"


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
    for key, part in zip(PARTS, getattr(diffusion, name)(4)):
        expect_float32(f"{key} of {name}(4)", part)


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


# add_noise

class FirstDraw(TorchFunctionMode):
    """Exchange the first random numbers that a function draws for others; what it draws after them stays the same.
    (A TorchDispatchMode would do, too, if its first call did not import torch's compiler: two seconds.)

    Attributes:
        seen: whether it drew any from torch.
    """

    def __init__(self):
        super().__init__()
        self.seen = False

    def __torch_function__(self, function, types, args=(), kwargs=None):
        before = torch.get_rng_state()
        result = function(*args, **(kwargs or {}))
        after = torch.get_rng_state()
        if self.seen or torch.equal(before, after):
            return result
        self.seen = True
        torch.manual_seed(int(after[-1]) + 1)
        result = function(*args, **(kwargs or {}))
        torch.set_rng_state(after)
        return result


def draws_first(draw):
    """True if the first random numbers that a function () -> tensor draws are among those that make its result."""
    state = torch.get_rng_state()
    with FirstDraw() as first:
        exchanged = draw()
    torch.set_rng_state(state)
    return not first.seen or not torch.equal(exchanged, draw())


@public("diffusion.add_noise", points=2,
        hint="One factor for each sample: alphas_cumprod[t], with as many axes as the batch, all but one of size 1.")
def add_noise():
    alphas_cumprod = torch.linspace(0.95, 0.05, 10)
    for shape in ((3, 2), (2, 2), (3, 1, 4, 3)):
        each = torch.tensor([7, 2, 4])[:shape[0]]
        for form, t, index in (("an int", 6, torch.full((shape[0],), 6)), ("(N,)", each, each),
                               ("(N, 1)", each[:, None], each)):
            batch = torch.rand(shape) + 1
            before = batch.clone(), torch.as_tensor(t).clone()
            noised, eps = expect_parts("add_noise", diffusion.add_noise(batch, t, alphas_cumprod), ("noised", "eps"))
            what = f"for a batch of shape {shape} and t {form}"
            expect_shape(f"noised {what}", noised, shape)
            expect_shape(f"eps {what}", eps, shape)
            a = alphas_cumprod[index].reshape(-1, *[1] * (len(shape) - 1))
            assert close(noised, a.sqrt() * before[0] + (1 - a).sqrt() * eps, 1e-5), \
                f"{what}, noised should be sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps with the eps that is returned"
            expect_untouched("add_noise", before, (batch, torch.as_tensor(t)))
    eps, again = (diffusion.add_noise(torch.ones(5000, 2), 3, alphas_cumprod)[1] for _ in range(2))
    judge_noise(eps, again)
    assert draws_first(lambda: diffusion.add_noise(torch.ones(6, 2), 3, alphas_cumprod)[1]), NOT_FIRST


NOT_FIRST = "eps should be drawn before anything else: the first random numbers that add_noise draws are not its own"


def judge_noise(eps, again):
    """Assert that the eps of two calls, (N, 2), are independent draws from N(0, I)."""
    assert not close(eps, again), "two calls gave the same noise: is a seed set inside the function?"
    assert eps.std(dim=0).min() > 1e-3, "every sample of the batch has the same noise: draw as many as there are"
    assert (eps[:, 0] - eps[:, 1]).abs().max() > 1e-3, "both coordinates of a sample have the same noise"
    assert eps.min() < 0, "eps is never negative: is it torch.randn, not torch.rand?"
    expect_normal("eps", eps, "torch.randn, as it comes")
    expect_normal("eps of the second call", again, "torch.randn, as it comes")
    assert all((a * b).mean().abs() < 0.09 for a, b in (eps.T, (eps[1:], eps[:-1]), (eps, again))), \
        "the numbers in eps depend on each other, or on the call before"


# Models that remember

class Model:
    """Stands for a noise predictor: predicts random numbers, and remembers each question, (x, steps).

    The numbers come from a generator of its own, so that the student's random numbers stay what they are: who knows the
    questions can have the answers again.
    """

    def __init__(self, number, weight=1.0):
        # Not the number that the student's random numbers are seeded with: the answers would be the same numbers.
        self.generator = torch.Generator().manual_seed(number + 1)
        self.weight, self.calls = weight, []

    def __call__(self, x, t):
        self.calls.append((x.detach().clone(), each_time(t, len(x))))
        return self.weight * torch.randn(x.shape, generator=self.generator)

    forward = __call__


def each_time(t, count):
    """The steps of a batch, one for each sample: from an int, or from a tensor with one step or with as many."""
    t = torch.as_tensor(t).detach().reshape(-1).double()
    if len(t) not in (1, count):
        raise ValueError(f"the model got {count} samples with {len(t)} steps: t should be a tensor ({count}, 1)")
    return t.expand(count).clone()


# noise_prediction_loss

def asked(model):
    """What a model was asked, however it was divided into calls: x (N, ...), the steps (N,), the size of each call."""
    if len({x.shape[1:] for x, _ in model.calls}) > 1:
        raise ValueError("the model gets samples of different shapes: it should get what add_noise made of the batch")
    x, t = (torch.cat(parts) for parts in zip(*model.calls))
    return x, t, torch.tensor([len(x) for x, _ in model.calls])


def judge_steps(t, count, steps, used=None):
    """Assert that a loss asked about `count` samples at steps that are indices of the schedule.

    t: (N,). used: the steps that the samples were noised to, if that is known.
    """
    assert len(t) == count, f"the loss should ask the model once about each of the {count} samples of the batch, it " \
        f"asks about {len(t)}"
    assert (t == t.round()).all(), \
        f"the model should get t as integer indices, it gets {t[0]:.3g}, {t[1]:.3g} and so on"
    assert used is None or torch.equal(used, t), \
        "the model gets other steps than those that the batch was noised to: draw t once, and pass it on as it is"
    assert t.min() >= 0 and t.max() < steps, \
        f"t should run from 0 to T - 1 = {steps - 1}, it runs from {t.min():.0f} to {t.max():.0f}: t is an index"


def judge_shares(t, steps, sizes):
    """Assert that each sample has a step of its own, all equally likely. t: (N,). sizes: of the calls of the model."""
    assert (t != t[0]).any(), "all samples have the same step: draw one for each sample"
    shares = t.long().bincount(minlength=steps) / len(t)
    assert shares[0] > 0, "t = 0 never comes: t is an index and starts at 0"
    assert shares[-1] > 0, f"the last step, t = {steps - 1}, never comes: torch.randint leaves its upper end out"
    off = 6 * (1 / steps * (1 - 1 / steps) / len(t)) ** 0.5
    assert (shares - 1 / steps).abs().max() < off, \
        f"all steps should be equally likely; their shares run from {shares.min():.3f} to {shares.max():.3f}"
    z = (t.double() - t.double().mean()) / t.double().std()
    assert len(sizes) > 1 or (z[1:] * z[:-1]).mean().abs() < 6.2 / len(t) ** 0.5, \
        "the steps of neighbouring samples depend on each other"


def loss_slips(predicted, eps, x, noised):
    """What typical mistakes did, and the loss of each."""
    return [
        *squared_error_slips(predicted, eps),
        ("the prediction is compared with the batch: compare it with the noise", ((predicted - x) ** 2).mean()),
        ("the prediction is compared with the noised batch: compare it with the noise",
         ((predicted - noised) ** 2).mean()),
        ("the sign of the noise is wrong", ((predicted + eps) ** 2).mean()),
    ]


def judge_value(value, predicted, eps, x, noised):
    """Assert that a loss is the mean squared error."""
    right = ((predicted - eps) ** 2).mean()
    expect_right(value, right, [
        *loss_slips(predicted, eps, x, noised),
        ("the loss compares the noised batch with the noise, not the prediction", ((noised - eps) ** 2).mean()),
        ("only the prediction is squared: compare it with the noise", (predicted ** 2).mean()),
    ], f"the loss should be the mean squared error between the prediction and the noise, {right:.5g}; it is "
       f"{value:.5g}. Is it another noise than the model's input has?")


@public("diffusion.noise_prediction_loss", points=2,
        hint="What is drawn for each sample anew, and against what is the model's answer compared?")
def noise_prediction_loss():
    steps = 5
    alphas_cumprod = torch.linspace(0.9, 0.2, steps)
    for shape, count in (((2,), 1000), ((1, 4, 3), 100)):
        # All samples are the same, so that it does not matter in which order the model is asked about them.
        sample = 1.5 * torch.ones(shape)
        batch = sample.repeat(count, *[1] * len(shape))
        before, weight = batch.clone(), torch.tensor(0.5, requires_grad=True)
        model = Model(3, weight)
        with explaining(OUTSIDE.format(steps - 1)):
            value = diffusion.noise_prediction_loss(model, batch, alphas_cumprod)
        assert model.calls, "the loss never asks the model: model(noised, t)"
        noised, t, sizes = asked(model)
        expect_shape("what the model gets", noised, (len(noised), *shape))
        only_number(value)
        judge_steps(t, count, steps)
        expect_untouched("the loss", [before], [batch])
        assert not close(noised, batch, 1e-5), "the model gets the batch without noise: it should get the noised one"
        if count == 1000:
            judge_shares(t, steps, sizes)
        a = spread(alphas_cumprod[t.long()], batch)
        eps = ((noised - a.sqrt() * batch) / (1 - a).sqrt()).double()
        expect_normal("the noise in what the model gets, for the t that it is told,", eps,
                      "noise the batch with add_noise, to the same t")
        answers = Model(3)
        predicted = torch.cat([0.5 * answers(x, 0).double() for x in noised.split(sizes.tolist())])
        judge_value(value.detach().double(), predicted, eps, batch.double(), noised.double())
        gradient = torch.autograd.grad(value, weight, allow_unused=True)[0] if value.requires_grad else None
        judge_gradient(gradient, 0.5, predicted, eps)


# Samplers. From two states in a row and the noise that the model predicted follows how a sampler went from one to the
# next: the factors of both, and what was left, the fresh noise.

ANY = math.inf  # in a rule: whatever it is. No NaN: what cannot be computed agrees with nothing


def rule(x, eps, noise):
    """What a sampler does in each step, (3, K): the factors of x and of the predicted noise, and the standard deviation
    of the fresh noise."""
    rows = (torch.as_tensor(row, dtype=torch.double) for row in (x, eps, noise))
    return torch.stack(torch.broadcast_tensors(*rows))


def factors(states, eps):
    """Least squares for each step, next = a x + b eps + rest. Returns the rule as it is found, and the rest (K, N, D);
    and `near`, which tells whether it agrees with another one: within six standard errors.

    More noise than any right step adds excuses nothing: with enough of it all factors would agree.
    """
    x, y = states[:-1], states[1:]
    # Centred over the samples: noise whose mean is not 0, or that all samples share, would show in a and b.
    centred = [(part - part.mean(dim=1, keepdim=True)).flatten(1) for part in (x, eps, y)]
    a, b = torch.linalg.lstsq(torch.stack(centred[:2], dim=2), centred[2][:, :, None]).solution[:, :, 0].T
    rest = y - spread(a, y) * x - spread(b, y) * eps
    many = rest[0].numel()

    def near(got, wanted):
        errors = rule(got[2].clamp(max=0.65), got[2].clamp(max=0.65), wanted[2] / 2 ** 0.5) * 6 / many ** 0.5 + 2e-4
        return bool((wanted.isinf() | ((got - wanted).abs() <= errors)).all())

    return rule(a, b, rest.flatten(1).std(dim=1)), rest, near


def judge_fresh(x, rest, limit=0.5):
    """Assert that what the steps add, (K, N, D), differs from sample to sample and from step to step.

    limit: correlation that is still taken for chance. Where the steps themselves may be wrong, only 1 is sure.
    """
    for step in rest[rest.flatten(1).abs().amax(dim=1) > 1e-3]:
        assert step.std(dim=0).max() > 1e-3, "all samples get the same noise in a step: draw one for each"
    z = rest.flatten(1)
    z = (z - z.mean(dim=1, keepdim=True)) / z.std(dim=1, keepdim=True, correction=0).clamp(min=1e-6)
    assert ((z[1:] * z[:-1]).mean(dim=1).abs() < limit).all(), "the steps share their noise: draw anew in each"
    start = (x[0] - x[0].mean()) / x[0].std(correction=0)
    assert ((z * start.flatten()).mean(dim=1).abs() < limit).all(), "a step adds the noise that sampling started from"


def judge_times(times, total, steps):
    """Assert that a sampler visits the right ones of `total` steps. steps: how many, None for all of them."""
    wanted = torch.linspace(total - 1, 0, steps or total).round().long().tolist()
    if times == wanted:
        return
    if steps is None:
        name_the_slip(times, [
            ("the last step, t = 0, is left out: range(T - 1, -1, -1)", wanted[:-1]),
            ("the first step, t = T - 1, is left out", wanted[1:]),
            ("the steps go forwards: sampling goes from t = T - 1 back to 0", wanted[::-1]),
            ("the model gets t off by one: it was trained with indices from 0 to T - 1", [t + 1 for t in wanted]),
            ("the model gets the same t at every step", times[:1] * len(times)),
        ], near=lambda got, t: got == t)
    assert steps is None or not len(times) == total != steps, \
        f"all {total} steps of the schedule are visited, not {steps} of them"
    close_by = len(times) == len(wanted) and all(abs(a - b) <= 1 for a, b in zip(times, wanted))
    assert steps is not None and close_by and times[0] == wanted[0] and times[-1] == wanted[-1], \
        f"the model should be asked about t = {', '.join(map(str, wanted))}; it is asked about " \
        f"{', '.join(f'{t:g}' for t in times[:8])}"


def states_of(name, result, calls, number, shape, total, steps=None):
    """Assert what a sampler returned and what it asked a `Model` about.

    Args:
        result: what it returned. calls: the questions, a list of (x, t). number: the model's.
        shape: of the samples, (N, ...). total: steps of the schedule. steps: how many are visited, None for all.
    Returns:
        the trajectory; as doubles all states that it went through, (steps + 1, N, ...), and what the model said to
        each; the t of each step.
    """
    samples, trajectory = expect_parts(name, result, ("samples", "trajectory"))
    expect_shape("the samples", samples, shape)
    assert calls, f"{name} never asks the model"
    for x, t in calls:
        expect_shape("what the model gets", x, shape)
        expect_tensor("t", t, shape[:1])
        assert (t == t[0]).all(), "the samples of one step should have the same t"
    times = [t[0].item() for _, t in calls]
    judge_times(times, total, steps)
    states = torch.stack([x.double() for x, _ in calls] + [samples.double()])
    assert states.isfinite().all(), "there are NaN or infinite numbers among the samples: the root of a negative " \
        "number, or a division by 0? Which alpha_bar stands behind the last step?"
    model = Model(number)
    said = torch.stack([model(x, t) for x, t in calls])
    return trajectory, states, said.double(), [int(t) for t in times]


def judge_trajectory(found, states, name):
    """Assert that the trajectory holds all states that the sampler went through."""
    if isinstance(found, torch.Tensor) and found.shape == states[1:].shape:
        name_the_slip(found, [("the trajectory should start with the pure noise", states[1:]),
                              ("the trajectory should end with the samples", states[:-1])], 1e-5)
    expect_tensor("the trajectory", found, states.shape)
    name_the_slip(found, [
        ("all states of the trajectory are the same: x += ... changes the tensor that stands in the list already, so "
         "compute a new x", found[-1:].expand_as(found)),
        ("the trajectory runs backwards: from pure noise to the samples", states.flip(0))], 1e-5)
    assert close(found[-1], states[-1], 1e-5), "the trajectory should end with the samples"
    assert close(found, states, 1e-5), f"the trajectory should hold the states that {name} went through, x_T to x_0"


UNUSED = "the predicted noise is not used"


def ddpm_means(schedule):
    """The rule for the mean in the steps t = T - 1, ..., 0; what typical mistakes did, and their rules."""
    abar, alpha, beta = (part.double().flip(0) for part in schedule)
    root = (1 - abar).sqrt()

    def mean(factor=beta / root, divisor=alpha.sqrt()):
        """(x - factor eps) / divisor"""
        return rule(1 / divisor, -factor / divisor, ANY)

    right = mean()
    slips = [
        ("the mean is divided by sqrt(alpha_bar): divide by sqrt(alpha)", mean(divisor=abar.sqrt())),
        ("the mean is divided by alpha: the root is missing", mean(divisor=alpha)),
        ("the mean is multiplied by sqrt(alpha): divide by it", mean(divisor=1 / alpha.sqrt())),
        ("the mean is not divided by sqrt(alpha)", mean(divisor=1)),
        ("only x is divided by sqrt(alpha): divide the difference", mean(beta / root * alpha.sqrt())),
        ("only the noise is divided by sqrt(alpha): divide the difference", mean(beta / root / alpha.sqrt(), 1)),
        ("the root of 1 - alpha_bar is missing", mean(beta / (1 - abar))),
        ("the noise is divided by sqrt(1 - alpha): it is sqrt(1 - alpha_bar)", mean(beta / (1 - alpha).sqrt())),
        ("the noise is divided by sqrt(alpha_bar): it is sqrt(1 - alpha_bar)", mean(beta / abar.sqrt())),
        ("beta is missing: the factor of the noise is beta / sqrt(1 - alpha_bar)", mean(1 / root)),
        ("alpha stands for beta in the factor of the noise: it is beta / sqrt(1 - alpha_bar)", mean(alpha / root)),
        ("the factor of the noise is sqrt(beta) / sqrt(1 - alpha_bar): without the root of beta",
         mean(beta.sqrt() / root)),
        ("the predicted noise is added: subtract it", mean(-beta / root)),
        ("all noise is taken away at once: one step takes away beta / sqrt(1 - alpha_bar) of it",
         mean(root, abar.sqrt())),
        ("all noise is subtracted at once: one step takes away beta / sqrt(1 - alpha_bar) of it", mean(root)),
        ("the mean is divided by sqrt(beta): divide by sqrt(alpha)", mean(divisor=beta.sqrt())),
        ("the factor of the noise is missing: it is beta / sqrt(1 - alpha_bar)", mean(1)),
        ("the noise is divided by 1 - sqrt(alpha_bar): it is sqrt(1 - alpha_bar)", mean(beta / (1 - abar.sqrt()))),
        (UNUSED, mean(0)),
    ]
    for other, shift in (("t - 1", -1), ("t + 1", 1)):
        wrong = right.roll(shift, dims=1)
        wrong[:, [0, -1]] = ANY  # whatever stands there for what is not in the schedule
        slips.append((f"off by one: the step uses the schedule at {other}, it should be at t", wrong))
    return right, slips


def ddpm_noises(schedule):
    """The rule for the fresh noise in the same steps but the last; what typical mistakes did, and their rules."""
    abar, alpha, beta = (part.double().flip(0) for part in schedule)
    abar_before, beta_before = abar[1:], beta[1:]
    abar, alpha, beta = abar[:-1], alpha[:-1], beta[:-1]
    posterior, none = beta * (1 - abar_before) / (1 - abar), torch.zeros_like(beta)
    slips = [
        ("sigma is beta: the root is missing, sigma^2 = beta", beta),
        ("sigma^2 is the posterior variance: the text takes sigma^2 = beta", posterior.sqrt()),
        ("sigma is the posterior variance: the text takes sigma^2 = beta", posterior),
        ("no noise is added on the way: sigma^2 = beta, except at the last step", none),
        ("the noise is not scaled: sigma^2 = beta", torch.ones_like(beta)),
        ("sigma^2 is 1 - alpha_bar: it is beta", (1 - abar).sqrt()),
        ("sigma^2 is alpha: it is beta", alpha.sqrt()),
        ("sigma^2 is half of beta", (beta / 2).sqrt()),
        ("sigma^2 is the beta of the step before: it is that of this step", beta_before.sqrt()),
        ("sigma^2 is the beta of the step after: it is that of this step", torch.cat((beta[:1], beta[:-1])).sqrt()),
        ("sigma is divided by sqrt(alpha), too: the noise comes after the division", (beta / alpha).sqrt()),
        ("the noise is missing at t = 1, too: only the last step, t = 0, adds none",
         torch.cat((beta[:-1].sqrt(), none[:1]))),
        ("only the first step adds noise: all add some, except the last one", torch.cat((beta[:1].sqrt(), none[1:]))),
    ]
    return rule(ANY, ANY, beta.sqrt()), [(slip, rule(ANY, ANY, sigma)) for slip, sigma in slips]


def judge_ddpm_mean(schedule, states, eps, found, near):
    """Assert that the steps of sample_ddpm have the right mean. states, eps: see `states_of`. found, near: see
    `factors`."""
    right, slips = ddpm_means(schedule)
    a, b = (spread(row, states) for row in right[:2])
    judge_fresh(states, states[1:] - a * states[:-1] - b * eps, limit=0.99999)
    expect_right(found, right, slips, "the mean of a step should be (x - beta / sqrt(1 - alpha_bar) eps) / "
                 f"sqrt(alpha): at t = {len(schedule[0]) - 1} x should count {right[0, 0]:.4f} and eps "
                 f"{right[1, 0]:.4f}, they count {found[0, 0]:.4f} and {found[1, 0]:.4f}", near)


def judge_ddpm_noise(schedule, states, found, rest, near):
    """Assert that the steps of sample_ddpm, but the last, add the right noise."""
    found, rest, (right, slips) = found[:, :-1], rest[:-1], ddpm_noises(schedule)
    expect_right(found, right, slips, f"the noise of a step should have standard deviation sqrt(beta), "
                 f"{right[2, 0]:.4f} at t = {len(rest)}; it has {found[2, 0]:.4f}", near)
    judge_fresh(states, rest)
    z = rest / found[2][:, None, None]
    expect_normal("the noise that sampling starts from", states[0], "torch.randn")
    assert z.mean(dim=(1, 2)).abs().max() < 0.1, "the noise of a step should have mean 0: torch.randn_like(x)"
    assert (z[..., 0] * z[..., 1]).mean(dim=1).abs().max() < 0.12, \
        "both coordinates get the same noise in a step: torch.randn_like(x)"
    assert ((z ** 4).mean(dim=(1, 2)) - 3).abs().max() < 0.8, "the noise of a step is not normally distributed"


def judge_ddpm_last(rest):
    assert rest[-1].std() < 1e-3, "noise is added at the last step, t = 0: nothing takes it away again"


OUTSIDE = ("steps are indices of the schedule, from 0 to T - 1, here {}; after the last one that is visited there is "
           "no next one")
GRAPH = "the samples hold the graph of all steps: keep @torch.no_grad()"
SEEDS = "a seed is set inside the sampler: then it makes the same samples each time"


def sample(name, schedule, count, size, **options):
    """Have a sampler make samples from a `Model`. Returns what `states_of` returns."""
    model = Model(5)
    with explaining(OUTSIDE.format(len(schedule[0]) - 1)):
        result = getattr(diffusion, name)(model, count, size, schedule, **options)
    samples, trajectory = expect_parts(name, result, ("samples", "trajectory"))
    if isinstance(trajectory, (tuple, list)):
        trajectory = torch.stack(list(trajectory))
    shape = (count, size) if isinstance(size, int) else (count, *size)
    return states_of(name, (samples, trajectory), model.calls, 5, shape, len(schedule[0]), options.get("steps"))


class Learning:
    """A model with a weight: what it says has a graph."""

    def __init__(self):
        self.weight = torch.ones((), requires_grad=True)

    def __call__(self, x, t):
        return self.weight * x

    forward = __call__


def judge_care(name, schedule, **options):
    """Assert that a sampler keeps no graph, and leaves torch's random numbers to whoever calls it."""
    def sample():
        return getattr(diffusion, name)(Learning(), 2, 2, schedule, **options)[0]

    assert not sample().requires_grad, GRAPH
    assert not sets_seed(sample), SEEDS


@public("diffusion.sample_ddpm", points=2,
        hint="For t = T - 1, ..., 0: the mean from x and the predicted noise, and sqrt(beta) times new noise if t > 0.")
def sample_ddpm():
    betas = torch.tensor([0.3, 0.1, 0.2, 0.4])
    schedule = (1 - betas).cumprod(0), 1 - betas, betas
    trajectory, states, eps, _ = sample("sample_ddpm", schedule, 4000, 2)
    judge_care("sample_ddpm", schedule)
    found, rest, near = factors(states, eps)
    judge_ddpm_mean(schedule, states, eps, found, near)
    judge_ddpm_noise(schedule, states, found, rest, near)
    judge_ddpm_last(rest)
    judge_trajectory(trajectory, states, "sample_ddpm")
    trajectory, states, *_ = sample("sample_ddpm", schedule, 3, (1, 4, 5))
    judge_trajectory(trajectory, states, "sample_ddpm")


# drop_labels

def judge_counts(counts, size, p):
    """Assert that the numbers of dropped labels in many batches of `size` labels spread as independent draws do."""
    mean, variance, wanted = counts.mean().item(), counts.var().item(), size * p * (1 - p)
    assert abs(mean - size * p) < 5 * (wanted / len(counts)) ** 0.5, \
        f"with p={p:g} a share of {mean / size:.3f} is dropped, over {len(counts)} batches of {size} labels"
    assert 0.5 < variance / wanted < 2, f"with p={p:g} the number of dropped labels in a batch of {size} should vary " \
        f"from call to call, with variance {wanted:.3g}; it varies with {variance:.3g}. Draw for each label " \
        "independently of the others: not a number of labels, and not one number for all"


def judge_dropped(first, second, labels, p):
    """Assert that which labels are dropped depends on chance only. first, second: bool (N,), of two calls."""
    z, again = ((part.double() - p) / (p * (1 - p)) ** 0.5 for part in (first, second))
    limit = 6.2 / len(labels) ** 0.5
    assert (z[1:] * z[:-1]).mean().abs() < limit and (z * again).mean().abs() < limit, \
        "which labels are dropped depends on their neighbours or on the call before: draw a number for each label"
    rates = torch.stack([first[labels == k].double().mean() for k in range(10)])
    assert (rates - p).abs().max() < 6.2 * (10 * p * (1 - p) / len(labels)) ** 0.5, \
        "how often a label is dropped depends on the label: it should not"


@public("diffusion.drop_labels",
        hint="One random number for each label. What has to be true of it in a share p of all cases?")
def drop_labels():
    labels = torch.arange(5000) % 10
    before = labels.clone()
    for null in (10, 23):
        found, again = (diffusion.drop_labels(labels, null, 0.3) for _ in range(2))
        expect_shape(f"drop_labels(labels, {null}, 0.3)", found, (5000,))
        assert found.dtype == torch.int64, f"the labels should stay int64, they become {found.dtype}"
        expect_untouched("drop_labels", [before], [labels])
        assert ((found == null) | (found == labels)).all(), \
            f"each label should stay as it is or become the null label, here {null}"
        expect_close("the share of dropped labels for p=0.3", (found == null).double().mean(), 0.3, 0.04)
    share = (diffusion.drop_labels(labels, 10) == 10).double().mean()
    expect_close("the share of dropped labels without p", share, 0.1, 0.03)
    assert not torch.equal(found, again), "two calls drop the same labels"
    judge_dropped(found == null, again == null, labels, 0.3)
    few = labels[:30]
    judge_counts(torch.stack([(diffusion.drop_labels(few, 10, 0.3) == 10).sum() for _ in range(400)]).double(), 30, 0.3)


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
        before = x.clone(), t.clone(), labels.clone()
        found = diffusion.guided_noise(KnownLabels(), x, t, labels, scale)
        expect_untouched("guided_noise", before, (x, t, labels))
        expect_shape("the guided prediction", found, (3, 1, 4, 4))
        for k in range(3):
            expect_close(f"with a model that says {labels[k]} with the label, 7 without, the prediction for scale "
                         f"{scale:g}", found[k].mean(), expected[k], 1e-5)


# sample_ddim

def ddim_rules(schedule, times, eta):
    """The rule for the visited steps; what typical mistakes did, and their rules."""
    abar, alphas, betas = (part.double() for part in schedule)
    a, alpha, one = abar[times], alphas[times], torch.ones(1, dtype=torch.double)
    b, alpha_next = (torch.cat((row[1:], one)) for row in (a, alpha))
    first, second = ((1 - b) / (1 - a)).sqrt(), (1 - a / b).sqrt()
    sigma = eta * first * second

    def direction(b, sigma=sigma):
        return (1 - b - sigma ** 2).clamp(min=0).sqrt()

    def step(noise=ANY, scale=b.sqrt(), divisor=a.sqrt(), taken=(1 - a).sqrt(), added=direction(b)):
        """scale (x - taken eps) / divisor + added eps + noise z"""
        return rule(scale / divisor, added - scale * taken / divisor, noise)

    def to(b):
        return step(scale=b.sqrt(), added=direction(b, 0))

    slips = [
        ("the step goes to t - 1: it should go to the next step that is visited", to(torch.cat((one, abar))[times])),
        ("the last step should go to alpha_bar = 1, so that the samples are the guess x_0 itself",
         to(torch.cat((a[1:], abar[:1])))),
        ("the alphas stand for alphas_cumprod",
         step(ANY, alpha_next.sqrt(), alpha.sqrt(), (1 - alpha).sqrt(), (1 - alpha_next).sqrt())),
        ("the guess x_0 is not noised again: sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps", step(scale=1, added=0)),
        ("the predicted noise is not added again: sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps", step(added=0)),
        ("x_0 is not scaled: sqrt(b) x_0", step(scale=1)),
        ("the root is missing: sqrt(b) x_0", step(scale=b)),
        ("the root is missing: sqrt(1 - b - sigma^2) eps", step(added=1 - b - sigma ** 2)),
        ("the guess x_0 should be divided by sqrt(a), not by a", step(divisor=a)),
        ("the guess x_0 is not divided by sqrt(a)", step(divisor=1)),
        ("the root is missing in the guess x_0: sqrt(1 - a) eps", step(taken=1 - a)),
        ("the sign is wrong in the guess x_0: subtract the noise", step(taken=-(1 - a).sqrt())),
        ("the sign of the noise is wrong: sqrt(1 - b - sigma^2) eps is added", step(added=-direction(b))),
        ("a and b are swapped: a belongs to this step, b to the next one",
         step(ANY, a.sqrt(), b.sqrt(), (1 - b).sqrt(), (1 - a).sqrt())),
        ("the noise of this step is added again, not that of the next: sqrt(1 - b - sigma^2)",
         step(added=(1 - a).sqrt())),
        ("x_0 is scaled for this step, not for the next: sqrt(b)", step(scale=a.sqrt())),
        ("that is a step of DDPM: the mean should be that of DDIM",
         rule(1 / alpha.sqrt(), -betas[times] / (1 - a).sqrt() / alpha.sqrt(), ANY)),
    ]
    if eta:
        sigmas = [
            ("eta does nothing: sigma = eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)", 0 * sigma),
            ("eta is squared or rooted in sigma", sigma * eta),
            ("eta is squared or rooted in sigma", sigma / eta ** 0.5),
            ("eta is left out: sigma = eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)", first * second),
            ("the roots in sigma are missing", eta * (first * second) ** 2),
            ("the second root in sigma is missing: sqrt(1 - a / b)", eta * first * second ** 2),
            ("the fraction in sigma is upside down: (1 - b) / (1 - a)", eta / first.clamp(min=1e-4) * second),
            ("the first factor of sigma is missing: sqrt((1 - b) / (1 - a))", eta * second),
            ("the second factor of sigma is missing: sqrt(1 - a / b)", eta * first),
            ("sigma is eta times sqrt(beta): it should be eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)",
             eta * betas[times].sqrt()),
        ]
        slips = [
            ("sigma^2 is not taken from the predicted noise: sqrt(1 - b - sigma^2) eps",
             step(sigma, added=direction(b, 0))),
            ("sigma is not squared: sqrt(1 - b - sigma^2)", step(sigma, added=direction(b, sigma.sqrt()))),
            ("no noise is added, but sigma^2 is taken from the predicted noise", step(0)),
            *((slip, step(wrong, added=direction(b, wrong))) for slip, wrong in sigmas),
            *slips,
        ]
    return step(sigma), slips


ETA_0 = "with eta=0 noise is added on the way: the samples should depend on the first noise only"


def judge_ddim_steps(schedule, states, eps, times, eta):
    """Assert that the steps of sample_ddim follow its formula. The arguments after the schedule: see `states_of`."""
    found, rest, near = factors(states, eps)
    right, slips = ddim_rules(schedule, times, eta)
    assert eta or found[2].max() < 1e-3, ETA_0
    (a, b, sigma), (a_found, b_found, sigma_found) = right[:, 0], found[:, 0]
    expect_right(found, right, slips, f"a step with eta={eta:g} should be {a:.4f} x + {b:.4f} eps + {sigma:.4f} z at "
                 f"t = {times[0]}, it is {a_found:.4f} x + {b_found:.4f} eps + {sigma_found:.4f} z", near)
    if eta:
        judge_fresh(states, rest)


@public("diffusion.sample_ddim", points=2,
        hint="x_0 from x and the predicted noise; noised again, to the next step that is visited. b = 1 at the end.")
def sample_ddim():
    betas = torch.tensor([0.1, 0.2, 0.3, 0.1, 0.2])
    schedule = (1 - betas).cumprod(0), 1 - betas, betas
    for options in ({"steps": 3, "eta": 0.0}, {"steps": 5}, {"steps": 3, "eta": 0.5}, {"steps": 4, "eta": 1.0}):
        trajectory, *seen = sample("sample_ddim", schedule, 3000, 2, **options)
        judge_ddim_steps(schedule, *seen, options.get("eta", 0.0))
        judge_trajectory(trajectory, seen[0], "sample_ddim")
    for size, steps in (((1, 4, 5), 2), (2, 1)):
        trajectory, states, *_ = sample("sample_ddim", schedule, 3, size, steps=steps)
        judge_trajectory(trajectory, states, "sample_ddim")
    judge_care("sample_ddim", schedule, steps=2)
