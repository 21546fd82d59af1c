"""Hidden checks of helpers/diffusion.py. Each compares what a probe saw with the reference, for inputs drawn anew.

Where a solution draws numbers itself, what it sends could be made up so that all parts fit together. So each check also
asks for something that follows from what the grader has drawn: the points for a part count if the rest is right, or
wrong in a usual way.
"""
import itertools
import math

import torch

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes.diffusion import WEIGHT, Labelled, Model
from helpers.given.checks.diffusion import (ETA_0, GRAPH, NOT_FIRST, PARTS, SEEDS, UNUSED, ddim_rules, ddpm_means,
                                            expect_float32, factors, judge_counts, judge_ddim_steps, judge_ddpm_last,
                                            judge_ddpm_mean, judge_ddpm_noise, judge_dropped, judge_noise, judge_shares,
                                            judge_steps, judge_trajectory, judge_value, loss_slips, states_of)
from helpers.given.checks.engine import (agrees, close, expect_normal, expect_parts, expect_right, expect_tensor,
                                         judge_gradient, name_the_slip, of_all, only_number, spread)

ORDER = "{} returns its parts in another order: (alphas_cumprod, alphas, betas)"


# closed_form: 4 points

def closed_slips(alphas):
    """What typical mistakes did, and the (coefficient, variance) of each."""
    product, betas = alphas.prod(), 1 - alphas
    coefficient, variance = product.sqrt(), 1 - product
    mean = "the coefficient is built from a mean: means of a chain multiply"
    total = "the coefficient is built from a sum: means of a chain multiply"
    beta = "the betas are multiplied: the product is that of the alphas, 1 - beta"
    swapped = "the two are swapped: first the coefficient of the mean, then the variance"
    return [
        ("the coefficient is the product of the alphas: the root is missing", (product, None)),
        ("the coefficient is built from the last alpha only: multiply the roots of all", (alphas[-1].sqrt(), None)),
        ("the coefficient is built from the first alpha only: multiply the roots of all", (alphas[0].sqrt(), None)),
        (total, (alphas.sum().sqrt(), None)),
        (total, (alphas.sqrt().sum(), None)),
        (mean, (alphas.mean().sqrt(), None)),
        (beta, (betas.prod().sqrt(), None)),
        (beta, ((1 - betas.prod()).sqrt(), None)),
        ("the root is taken twice: the coefficient is the root of the product", (product.sqrt().sqrt(), None)),
        (swapped, (variance, coefficient)),
        (swapped, (variance.sqrt(), coefficient)),
        ("the last step is left out", (alphas[:-1].prod().sqrt(), None)),
        ("the first step is left out", (alphas[1:].prod().sqrt(), None)),
        ("that is the standard deviation: return the variance, without the root", (None, variance.sqrt())),
        ("the variance is the product of the betas: each step also shrinks the noise before it, and adds its own",
         (None, betas.prod())),
        ("the variance is the sum of the betas: each step also shrinks the noise that came before",
         (None, betas.sum())),
        ("the variance is that of the last step only", (None, betas[-1])),
        ("the variance is that of the first step only", (None, betas[0])),
        ("the variance is the product of the alphas: it is 1 minus that", (None, product)),
        ("the variance is 1 minus the root of the product: it is 1 minus the product", (None, 1 - coefficient)),
        ("the variance is squared", (None, variance ** 2)),
        ("the variance is 1 - product^2: it is 1 - product", (None, 1 - product ** 2)),
        ("the last step is left out", (None, 1 - alphas[:-1].prod())),
        ("the first step is left out", (None, 1 - alphas[1:].prod())),
    ]


def judge_closed(student, cases):
    """Assert coefficient and variance for each tensor of alphas. A slip is named if it explains all of them."""
    seen, parts = student.observe("closed", cases=cases), ("the coefficient of the mean", "the variance")
    for alphas, values in zip(cases, seen["found"], strict=True):
        for what, value in zip(parts, expect_parts("closed_form", values, ("mean_coefficient", "variance"))):
            shape = getattr(value, "shape", torch.Size())
            assert shape.numel() == 1, f"{what} should be one number, it has shape {tuple(shape)}: return what holds " \
                f"after all {len(alphas)} steps"
            expect_tensor(what, value, shape)
    assert seen["untouched"], "closed_form changes the alphas it is given"
    found = [[value.reshape(()).double() for value in values] for values in seen["found"]]
    cases = [alphas.double() for alphas in cases]
    right = [(alphas.prod().sqrt(), 1 - alphas.prod()) for alphas in cases]
    for which, what in itertools.product(range(len(cases)), (0, 1)):
        got, due = found[which][what], right[which][what]
        if not close(got, due, 1e-5):
            name_the_slip(found, of_all(*map(closed_slips, cases)), 1e-5)
            raise AssertionError(f"{parts[what]} for alphas {[round(a, 4) for a in cases[which].tolist()]} should be "
                                 f"{due:.6g}, it is {got:.6g}")


@graded("diffusion.closed_form", points=2, hint="x_3 is sqrt(alpha_1 alpha_2 alpha_3) x_0 plus noise of variance "
        "1 - alpha_1 alpha_2 alpha_3")
def test_closed_form_of_three(student, rng):
    """The pen-and-paper case."""
    judge_closed(student, [uniform(rng, 3, low=0.3, high=0.95) for _ in range(3)])


@graded("diffusion.closed_form", points=2, hint="torch.prod(alphas) for any number of alphas")
def test_closed_form_of_many(student, rng):
    judge_closed(student, [uniform(rng, count, low=0.7, high=0.99) for count in (1, 2, whole(rng, 5, 12))])


# The schedules: linear_schedule 3 points, cosine_schedule 5

def observe_schedule(student, name, steps):
    """Ask for a schedule of some steps and of the default ones; assert types, shapes and order of its three parts.

    Returns for each how many steps it has, and the parts as doubles.
    """
    found = []
    seen = student.observe("schedule", name=name, steps=steps)
    for count, call, parts in zip((steps, 1000), (f"{name}({steps})", f"{name}()"), seen, strict=True):
        for key, value in zip(PARTS, expect_parts(call, parts, PARTS)):
            size = tuple(getattr(value, "shape", (count,)))
            assert count == steps or size == (1000,), \
                f"{call} should have 1000 steps, the default: {key} has shape {size}"
            assert size != (count + 1,), f"{call} has one step too many: {key} has shape {size}"
            expect_tensor(f"{key} of {call}", value, (count,))
        found.append((count, *(value.double() for value in parts)))
    return found


def judge_dtype(student, name, steps):
    """Assert that a schedule has the type of a network's weights."""
    for key, value in zip(PARTS, student.observe("schedule", name=name, steps=steps)[0]):
        expect_float32(f"{key} of {name}({steps})", value)


def same_betas(a, b, tolerance=4e-3):
    """True if betas agree up to what float32 costs where they come from a ratio of two small numbers."""
    return a.shape == b.shape and bool(((a - b).abs() <= 5e-7 + tolerance * torch.minimum(b, 1 - b)).all())


def same_products(a, b):
    """True if alphas_cumprod agree up to what float32 costs in a product of many factors; small ones, too."""
    off = (a - b).abs()
    return a.shape == b.shape and bool((off <= 1e-5).all() and (off <= 0.05 * b.abs() + 1e-30).all())


def judge_usual(name, betas, usual):
    """Assert that betas are among the usual ones, right or wrong: with made-up ones all else can be made to fit.

    Equal ones do not count, they need no product.
    """
    assert any(same_betas(betas, known) and known.max() - known.min() > 1e-3 for known in usual), \
        f"the betas of {name} are neither right nor those of a usual mistake, so nothing that follows from them counts"


def name_the_betas(name, parts, right, slips):
    """Name what was done to betas that are wrong, if it is a usual mistake."""
    name_the_slip(parts, [(ORDER.format(name), (right, None, None)), (ORDER.format(name), (None, right, None)),
                          *((slip, (None, None, betas)) for slip, betas in slips)], same_betas)


def judge_products(name, products, alphas, betas, of="alphas", slips=()):
    """Assert that the three parts belong together. slips: further ones of the products."""
    if not close(alphas, 1 - betas, 1e-5):
        name_the_slip(products, [(ORDER.format(name), 1 - betas), (ORDER.format(name), 1 - alphas)], 1e-5)
        raise AssertionError(f"alphas of {name} should be 1 - betas")
    what, own = f"alphas_cumprod of {name}", torch.cumprod(alphas, 0)
    if not same_products(products, own):
        name_the_slip(products, [
            (f"{what} is the same as alphas: it is their product, torch.cumprod", alphas),
            (f"{what} is the product of the betas: it is the product of the alphas", torch.cumprod(betas, 0)),
            (f"{what} has a root too many", own.sqrt()),
            (f"{what} is off by one: its first number should be alphas[0], not 1",
             torch.cat((own.new_ones(1), own[:-1]))),
            (f"{what} is a sum: it is the product, torch.cumprod", torch.cumsum(alphas, 0)),
            *slips], 1e-5)
        raise AssertionError(f"{what} should be the product of all {of} so far, {own[-1]:.6g} at the end; it is "
                             f"{products[-1]:.6g}")


def linear_betas(steps, low=1e-4, high=0.02):
    return torch.linspace(low, high, steps, dtype=torch.double)


def linear_slips(steps):
    """What typical mistakes did, and the betas of each."""
    return [
        ("the betas are swapped with the alphas: the betas run from 1e-4 to 0.02", 1 - linear_betas(steps)),
        ("the betas run from large to small: noise grows from 1e-4 to 0.02", linear_betas(steps).flip(0)),
        ("the betas are equally spaced in their roots: they should be equally spaced themselves",
         linear_betas(steps, 1e-2, 0.02 ** 0.5) ** 2),
        ("the last beta is left out: torch.linspace includes both ends", linear_betas(steps + 1)[:-1]),
        ("the first beta is left out: torch.linspace includes both ends", linear_betas(steps + 1)[1:]),
        ("the betas start at 0: they start at 1e-4", linear_betas(steps, low=0)),
        ("the betas end at 0.2: they end at 0.02", linear_betas(steps, high=0.2)),
        ("the betas end at 0.002: they end at 0.02", linear_betas(steps, high=0.002)),
        ("the betas start at 1e-3: they start at 1e-4", linear_betas(steps, low=1e-3)),
        ("the betas start at 1e-5: they start at 1e-4", linear_betas(steps, low=1e-5)),
        ("the betas are spaced like powers (logspace): they should be equally spaced",
         torch.logspace(-4, math.log10(0.02), steps, dtype=torch.double)),
        ("the betas are scaled by 1000 / steps: they run from 1e-4 to 0.02 for any number of steps",
         linear_betas(steps, 0.1 / steps, 20 / steps)),
        ("the betas are all the same", torch.full((steps,), 0.02, dtype=torch.double)),
    ]


def usual_lines(betas):
    """The betas of usual mistakes, and all that are equally spaced between the first one and the last one found."""
    ends = betas[0].item(), betas[-1].item()
    if 0 <= min(ends) and max(ends) < 1:
        yield linear_betas(len(betas), *ends)
    yield from (wrong for _, wrong in linear_slips(len(betas)))


@graded("diffusion.linear_schedule", points=1, hint="torch.linspace(1e-4, 0.02, steps)")
def test_linear_betas(student, rng):
    for count, *parts in observe_schedule(student, "linear_schedule", whole(rng, 30, 90)):
        betas, right = parts[2], linear_betas(count)
        if not same_betas(betas, right, 1e-5):
            name_the_betas("linear_schedule", parts, right, linear_slips(count))
            raise AssertionError(f"the betas of linear_schedule({count}) should run evenly from 0.0001 to 0.02, they "
                                 f"run from {betas[0]:.6g} to {betas[-1]:.6g}")
    judge_dtype(student, "linear_schedule", whole(rng, 30, 90))


@graded("diffusion.linear_schedule", points=2, hint="alphas = 1 - betas; torch.cumprod(alphas, dim=0); in this order: "
        "(alphas_cumprod, alphas, betas)")
def test_linear_products(student, rng):
    for _, *parts in observe_schedule(student, "linear_schedule", whole(rng, 30, 90)):
        judge_products("linear_schedule", *parts)
        judge_usual("linear_schedule", parts[2], usual_lines(parts[2]))


def cosine_f(places, s=0.008, power=2, quarter=math.pi / 2):
    return torch.cos((places + s) / (1 + s) * quarter) ** power


def cosine_betas(steps, low=1e-4, high=0.9999, **options):
    f = cosine_f(torch.linspace(0, 1, steps + 1, dtype=torch.double), **options)
    return (1 - f[1:] / f[:-1]).clamp(low, high)


def cosine_slips(steps):
    """What typical mistakes did, and the betas of each."""
    right = cosine_betas(steps)
    k = torch.arange(steps, dtype=torch.double)
    early = cosine_f(k / steps)
    uneven = cosine_f(torch.linspace(0, 1, steps, dtype=torch.double))
    late = cosine_f(torch.arange(1, steps + 2, dtype=torch.double) / steps)

    def ratios(f):
        return (1 - f / torch.cat((f[:1], f[:-1]))).clamp(1e-4, 0.9999)

    off = "off by one: the first beta should be 1 - f(1) / f(0), so f is needed at steps + 1 places"
    return [
        ("s is left out: the cosine should start a little after 0, with s = 0.008", cosine_betas(steps, s=0.0)),
        ("s should be 0.008, not 0.08", cosine_betas(steps, s=0.08)),
        ("the cosine is not squared", cosine_betas(steps, power=1)),
        ("the cosine is taken to the fourth power, not squared", cosine_betas(steps, power=4)),
        ("the angle should run to pi / 2, not to pi", cosine_betas(steps, quarter=math.pi)),
        ("the largest beta should be 0.9999, not 0.999: look at the clipping", cosine_betas(steps, high=0.999)),
        ("the largest beta should be 0.9999, not 0.02: look at the clipping", cosine_betas(steps, high=0.02)),
        ("the last beta is 1, so the last alpha is 0 and sampling divides by it: clip the betas to [1e-4, 0.9999]",
         cosine_betas(steps, high=1.0)),
        ("the smallest beta should be 1e-4: clip the betas on both sides", cosine_betas(steps, low=0.0)),
        ("the smallest beta should be 1e-4, not 0.001: look at the clipping", cosine_betas(steps, low=1e-3)),
        (off, ratios(early)),
        (off, ratios(uneven)),
        ("off by one: the last step should be t = T", (1 - late[1:] / late[:-1]).clamp(1e-4, 0.9999)),
        ("the first step is left out, and the last one doubled: off by one", torch.cat((right[1:], right[-1:]))),
        ("f itself is returned as the betas: beta_t = 1 - f(t) / f(t - 1)",
         cosine_f((k + 1) / steps).clamp(1e-4, 0.9999)),
        ("the ratio is upside down: beta_t = 1 - f(t) / f(t - 1)",
         (1 - 1 / (1 - cosine_betas(steps, low=0.0, high=1.0))).clamp(1e-4, 0.9999)),
    ]


def usual_cosines(steps):
    """The right betas, and those of usual mistakes."""
    for s, low, high in itertools.product((0.008, 0.0, 0.001, 0.01, 0.08), (1e-4, 0.0, 1e-5, 1e-3),
                                          (0.9999, 0.999, 0.99, 1.0)):
        yield cosine_betas(steps, s=s, low=low, high=high)
    yield from (wrong for _, wrong in cosine_slips(steps))


@graded("diffusion.cosine_schedule", points=2,
        hint="f at steps + 1 places from 0 to 1; betas = 1 - f[1:] / f[:-1], clipped to [1e-4, 0.9999]")
def test_cosine_betas(student, rng):
    """The betas for a random number of steps, and for the default one, where clipping matters at both ends."""
    for count, *parts in observe_schedule(student, "cosine_schedule", whole(rng, 30, 90)):
        betas, right = parts[2], cosine_betas(count)
        if not same_betas(betas, right):
            name_the_betas("cosine_schedule", parts, right, cosine_slips(count))
            k = int(((betas - right).abs() / right).argmax())
            raise AssertionError(f"betas[{k}] of cosine_schedule({count}) should be {right[k]:.6g}, it is "
                                 f"{betas[k]:.6g}")


@graded("diffusion.cosine_schedule", points=2,
        hint="After the clipping: alphas = 1 - betas, alphas_cumprod = torch.cumprod(alphas, dim=0)")
def test_cosine_products(student, rng):
    """alphas_cumprod belong to the clipped betas, whatever these are."""
    for count, *parts in observe_schedule(student, "cosine_schedule", whole(rng, 30, 90)):
        f = cosine_f(torch.linspace(0, 1, count + 1, dtype=torch.double))
        judge_products("cosine_schedule", *parts, of="clipped alphas", slips=[
            ("alphas_cumprod is the cosine before the clipping, the last one is 0: compute it anew, as the product of "
             "the clipped alphas", g) for g in (f[1:], f[1:] / f[0], f[:-1], f[:-1] / f[0])])
        judge_usual("cosine_schedule", parts[2], usual_cosines(count))


@graded("diffusion.cosine_schedule", points=1, hint="betas.clamp(1e-4, 0.9999), before anything is computed from them")
def test_cosine_range(student, rng):
    """No beta of 0 or 1, no alpha of 0, for few steps and for many."""
    for count, products, alphas, betas in observe_schedule(student, "cosine_schedule", whole(rng, 3, 12)):
        assert alphas.min() > 0 and products.min() > 0, "an alpha or alphas_cumprod is 0: sampling divides by it, so " \
            "clip the betas to [1e-4, 0.9999], and compute all else after the clipping"
        assert betas.min() > 0, "a beta is 0 or negative: clip the betas to [1e-4, 0.9999]"
        assert (products[1:] < products[:-1]).all(), "alphas_cumprod of cosine_schedule should fall at every step"
        judge_usual("cosine_schedule", betas, usual_cosines(count))
    judge_dtype(student, "cosine_schedule", whole(rng, 30, 90))


# add_noise: 6 points

def noise_slips(x, eps, t, table):
    """What typical mistakes did, and what each makes of x_0 and eps. t: the step of each sample."""
    a = spread(table[t], x)
    signal, noise = a.sqrt(), (1 - a).sqrt()

    def mix(a):
        return a.sqrt() * x + (1 - a).sqrt() * eps

    all_same = "all samples are noised to {} of {}: each has its own t"
    slips = [
        ("the root of alpha_bar is missing: sqrt(alpha_bar) x_0", a * x + noise * eps),
        ("the root of 1 - alpha_bar is missing: sqrt(1 - alpha_bar) eps", signal * x + (1 - a) * eps),
        ("both roots are missing: sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps", a * x + (1 - a) * eps),
        ("the two factors are swapped: sqrt(alpha_bar) belongs to x_0", mix(1 - a)),
        ("the factor of the noise is 1 - sqrt(alpha_bar): it is sqrt(1 - alpha_bar)", signal * x + (1 - signal) * eps),
        ("the noise is subtracted: add it", signal * x - noise * eps),
        ("x_0 is not scaled: sqrt(alpha_bar) x_0", x + noise * eps),
        ("the noise is not scaled, or it is scaled before it is returned: noised has sqrt(1 - alpha_bar) eps, and eps "
         "itself, from N(0, I), is returned", signal * x + eps),
        ("alpha_bar itself is added to the noise's factor: sqrt(1 - alpha_bar)", signal * x + (1 + a).sqrt() * eps),
        ("x_0 and noise are returned in the other order: (noised, eps)", (eps - signal * x) / noise),
        ("the batch comes back without noise", x),
        ("the noise comes back without the batch", eps),
        ("the factor of the noise is squared", signal * x + (1 - a ** 2).sqrt() * eps),
        ("alpha_bar is squared", mix(a ** 2)),
        ("half of the noise is missing", signal * x + 0.5 * noise * eps),
        ("off by one: t is an index, so alpha_bar is alphas_cumprod[t], not [t - 1]", mix(spread(table[t - 1], x))),
        ("off by one: t is an index, so alpha_bar is alphas_cumprod[t], not [t + 1]",
         mix(spread(table.roll(-1)[t], x))),
        (all_same.format("the step", "the first one"), mix(table[t[0]])),
        (all_same.format("the step", "the last one"), mix(table[t[-1]])),
        (all_same.format("the mean", "their steps"), mix(table[t].mean())),
        ("the product is taken again: alphas_cumprod holds products already", mix(spread(table.cumprod(0)[t], x))),
    ]
    square = len(x) == x.shape[-1]  # then wrong shapes fit, too
    if square and x.dim() == 2:
        slips.append(("each coordinate has its own step: t says one step for each sample, so alphas_cumprod[t] needs "
                      "shape (N, 1)", mix(table[t])))
    elif square:
        own = "each {} of the images has its own step: alphas_cumprod[t] needs shape (N, 1, 1, 1)"
        slips += [(own.format("column"), mix(table[t])), (own.format("row"), mix(table[t][:, None]))]
    return slips


def judge_noised(student, rng, batch, t, table):
    """Have a batch noised twice, and assert that it is noised as its eps and its steps say. Returns what was seen.

    t: an int for all samples, or an index for each, (N,) or (N, 1).
    """
    form = ("int", "(N,)", "(N, 1)")[torch.as_tensor(t).dim()]
    seen = student.observe("noised", batch=batch, t=t, alphas_cumprod=table, number=whole(rng, 1, 10 ** 6))
    for result in seen["found"]:
        for what, value in zip(("the noised batch", "eps"), expect_parts("add_noise", result, ("noised", "eps"))):
            expect_tensor(f"{what} for a batch of shape {tuple(batch.shape)} and t {form}", value, batch.shape)
    (out, eps), x, table = (value.double() for value in seen["found"][0]), batch.double(), table.double()
    t = torch.as_tensor(t).flatten().expand(len(x))
    a = spread(table[t], x)
    expect_right(out, a.sqrt() * x + (1 - a).sqrt() * eps, lambda: noise_slips(x, eps, t, table),
                 "noised should be sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps with the eps that is returned, for t "
                 f"{form}; another eps, or another formula?", near=1e-5)
    # With eps of nearly 0, or so large that x_0 is lost in it, half of the formula would do.
    assert eps.numel() < 20 or 0.1 < eps.square().mean().sqrt() < 10, "eps should come from N(0, I)"
    return seen


@graded("diffusion.add_noise", points=2, hint="eps = torch.randn_like(batch); alphas_cumprod[t].sqrt() * batch "
        "+ (1 - alphas_cumprod[t]).sqrt() * eps")
def test_add_noise_int(student, rng):
    """One step for the whole batch: early, late and between."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for t in (whole(rng, 1, steps - 2), steps - 1, 0):
        seen = judge_noised(student, rng, normal(rng, whole(rng, 10, 16), 2), t, table)
        assert seen["untouched"], "add_noise changes the batch it is given: batch *= ... works in place"


@graded("diffusion.add_noise", points=2, hint="alphas_cumprod[t].reshape(-1, 1) for points: one number for each sample")
def test_add_noise_each(student, rng):
    """A step for each sample, (N,) and (N, 1); also as many samples as coordinates, and one sample."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for shape, count in itertools.product(((-1,), (-1, 1)), (2, whole(rng, 10, 16), 1)):
        t = torch.randperm(steps - 2, generator=rng)[:count] + 1
        seen = judge_noised(student, rng, normal(rng, count, 2), t.reshape(shape), table)
        assert seen["untouched"], "add_noise changes the batch or the t it is given"


@graded("diffusion.add_noise", points=1, hint="alphas_cumprod[t] needs an axis of size 1 for each axis of an image.")
def test_add_noise_images(student, rng):
    """Images (N, 1, h, w) and (N, 3, h, w), as high and as wide as the batch is large: wrong shapes fit, too."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for form, channels in (("(N,)", 3), ("(N, 1)", 1), ("int", 1)):
        count = whole(rng, 3, 6)
        t = torch.randperm(steps - 2, generator=rng)[:count] + 1
        judge_noised(student, rng, normal(rng, count, channels, count, count),
                     {"(N,)": t, "(N, 1)": t[:, None], "int": int(t[0])}[form], table)


@graded("diffusion.add_noise", points=1, hint="torch.randn_like(batch), at each call anew")
def test_add_noise_distribution(student, rng):
    """eps is drawn from N(0, I), independently for each sample and coordinate, anew at each call."""
    batch, table = normal(rng, 4000, 2) + 3, uniform(rng, 10, low=0.05, high=0.95)
    seen = judge_noised(student, rng, batch, 3, table)
    (_, eps), (_, again) = seen["found"]
    judge_noise(eps, again)
    assert (eps * (batch - 3)).mean().abs() < 0.09, "the numbers in eps depend on the batch"
    assert seen["first"], NOT_FIRST


# noise_prediction_loss: 5 points

def observe_loss(student, rng, batch, table):
    """Ask for a loss; assert that it is a scalar, and that the model was asked once about each sample, with noise.

    Args:
        batch: samples that are all the same, so that it does not matter in which order the model is asked about them.
    Returns:
        what was seen; eps as it follows from what the model got; and what the model said.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("loss", batch=batch, alphas_cumprod=table, signal=table.sqrt(), noise=(1 - table).sqrt(),
                           number=number)
    assert seen["calls"], "the loss never asks the model: model(noised, t)"
    noised, t, sizes = seen["calls"]
    used = seen["noised_at"]
    expect_tensor("what the model gets", noised, (len(noised), *batch.shape[1:]))
    only_number(seen["loss"])
    expect_tensor("t", t, (len(noised),))
    judge_steps(t, len(batch), len(table), used if isinstance(used, torch.Tensor) and len(used) == len(t) else None)
    assert seen["untouched"], "the loss changes the batch it is given"
    assert not close(noised, batch, 1e-5), "the model gets the batch without noise: it should get the noised one"
    a = spread(table.double()[t.long()], batch)
    eps = (noised.double() - a.sqrt() * batch.double()) / (1 - a).sqrt()
    model, sizes = Model(number), [int(size) for size in sizes]
    assert min(sizes) > 0 and sum(sizes) == len(batch), "the sizes of the calls do not fit the batch"
    predicted = WEIGHT * torch.cat([model(x, 0).double() for x in noised.split(sizes)])
    expect_normal("the noise in what the model gets", eps, "noise the batch with add_noise, to the same t")
    # If the noise could be made from the prediction, the loss would be known without computing it.
    joint = torch.corrcoef(torch.stack((eps.flatten(), predicted.flatten())))[0, 1]
    assert joint.abs() < 5 / eps.numel() ** 0.5, "the noise depends on the prediction"
    return seen, eps, predicted


def alike(rng, count, *shape):
    """A batch of samples that are all the same, not near 0."""
    return (uniform(rng, 1, *shape, low=1, high=2) * torch.randn(1, *shape, generator=rng).sign()).repeat(
        count, *[1] * len(shape))


def judge_loss(student, rng, batch, table, usual=False):
    """Assert that the loss is right. usual: or an error of the prediction as usual mistakes give it.

    Returns the same as `observe_loss`.
    """
    seen, eps, predicted = observe_loss(student, rng, batch, table)
    value, x, noised = (part.double() for part in (seen["loss"], batch, seen["calls"][0]))
    if not (usual and any(close(value, wrong) for _, wrong in loss_slips(predicted, eps, x, noised))):
        judge_value(value, predicted, eps, x, noised)
    return seen, eps, predicted


@graded("diffusion.noise_prediction_loss", points=2,
        hint="noised, eps = add_noise(batch, t, alphas_cumprod); F.mse_loss(model(noised, t), eps)")
def test_loss_value(student, rng):
    """The mean squared error against the noise, for points and for images; its gradient."""
    for shape in ((whole(rng, 1000, 1200), 2), (whole(rng, 120, 150), 1, 4, 4)):
        seen, eps, predicted = judge_loss(student, rng, alike(rng, *shape),
                                          uniform(rng, whole(rng, 8, 12), low=0.1, high=0.9))
        judge_gradient(seen["gradient"], WEIGHT, predicted, eps)


@graded("diffusion.noise_prediction_loss", points=2, hint="t = torch.randint(len(alphas_cumprod), (len(batch), 1))")
def test_loss_steps(student, rng):
    """Each sample has a step of its own, all equally likely."""
    steps, count = whole(rng, 8, 12), 6000
    seen, *_ = judge_loss(student, rng, alike(rng, count, 2), uniform(rng, steps, low=0.1, high=0.9), usual=True)
    judge_shares(seen["calls"][1], steps, seen["calls"][2])


@graded("diffusion.noise_prediction_loss", points=1, hint="add_noise draws the noise; the model gets what it returns")
def test_loss_noise(student, rng):
    """What the model gets is the batch, noised to the steps that it is told."""
    judge_loss(student, rng, 2 * alike(rng, 5000, 2), uniform(rng, 10, low=0.1, high=0.9), usual=True)


# sample_ddpm: 7 points, sample_ddim: 5

def chain(rng, steps):
    """A short schedule with large betas, so that slips can be told apart: alphas_cumprod, alphas, betas."""
    betas = uniform(rng, steps, low=0.1, high=0.4)
    return [torch.cumprod(1 - betas, 0), 1 - betas, betas]


def observe_sampler(student, rng, name, schedule, n_samples, n_features, **options):
    """Run a sampler and assert what it asked the model.

    Args:
        n_features: an int, or a list. options: steps, how many are visited, of a sampler that skips some; eta.
    Returns the same as `states_of`.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("sampled", name=name, n_samples=n_samples, n_features=n_features, schedule=schedule,
                           options=options, number=number)
    shape = (n_samples, n_features) if isinstance(n_features, int) else (n_samples, *n_features)
    return states_of(name, seen["result"], seen["calls"], number, shape, len(schedule[0]), options.get("steps"))


def usual(found, right, slips, near):
    """True if a rule is the right one, or that of a usual mistake."""
    return any(agrees(found, known, near) for known in (right, *(wrong for _, wrong in slips)))


def judge_ddpm(student, rng, steps, n_samples, n_features, exact=False):
    """Run sample_ddpm and assert that its steps have the right mean or, unless exact, that of a usual mistake.

    Returns the schedule, the trajectory, the states, and all that `factors` tells of them.
    """
    schedule = chain(rng, steps)
    trajectory, states, eps, _ = observe_sampler(student, rng, "sample_ddpm", schedule, n_samples, n_features)
    found, rest, near = factors(states, eps)
    right, slips = ddpm_means(schedule)
    if exact or not usual(found, right, [pair for pair in slips if pair[0] != UNUSED], near):
        judge_ddpm_mean(schedule, states, eps, found, near)
    return schedule, trajectory, states, found, rest, near


@graded("diffusion.sample_ddpm", points=3,
        hint="mean = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt(), for t = T - 1, ..., 0")
def test_ddpm_mean(student, rng):
    """How each step makes the next mean of x and the predicted noise."""
    judge_ddpm(student, rng, whole(rng, 6, 8), 3000, 2, exact=True)


@graded("diffusion.sample_ddpm", points=1, hint="betas[t].sqrt() * torch.randn_like(x), drawn anew in each step")
def test_ddpm_noise(student, rng):
    """The fresh noise of each step: its size, and that it is independent."""
    schedule, _, states, found, rest, near = judge_ddpm(student, rng, whole(rng, 6, 8), 3000, 2)
    judge_ddpm_noise(schedule, states, found, rest, near)


@graded("diffusion.sample_ddpm", points=1, hint="if t > 0: add the noise")
def test_ddpm_last(student, rng):
    *_, rest, _ = judge_ddpm(student, rng, whole(rng, 6, 8), 3000, 2)
    judge_ddpm_last(rest)


@graded("diffusion.sample_ddpm", points=1, hint="Append each new x to the trajectory; x = x + ..., not x += ...")
def test_ddpm_trajectory(student, rng):
    _, trajectory, states, *_ = judge_ddpm(student, rng, whole(rng, 5, 7), 2000, 3)
    judge_trajectory(trajectory, states, "sample_ddpm")


@graded("diffusion.sample_ddpm", points=1, hint="torch.randn_like(x) has the right shape for points and for images")
def test_ddpm_images(student, rng):
    """Samples with the shape of images; no graph is kept."""
    side = whole(rng, 3, 5)
    _, trajectory, states, *_ = judge_ddpm(student, rng, 5, 300, [1, side, side + 1])
    expect_tensor("the trajectory", trajectory, states.shape)
    noise = states[1:-1].flatten(2).std(dim=2)
    assert noise.min() > 1e-3, "the pixels of an image are all the same"
    judge_graph(student, rng, "sample_ddpm")


def judge_graph(student, rng, name, **options):
    seen = student.observe("grown", name=name, schedule=chain(rng, 4), options=options)
    assert seen["graph"] is False, GRAPH
    assert seen["seeds"] is False, SEEDS


# drop_labels: 2 points

FEW = 30, 400  # so many labels in so many batches


@graded("diffusion.drop_labels", points=2,
        hint="torch.where(torch.rand(labels.shape) < p, null_label, labels)")
def test_drop_labels(student, rng):
    """Share of dropped labels; which ones; the others stay as they are, where they are."""
    count, null, p = 8000, whole(rng, 11, 40), 0.05 * whole(rng, 4, 7)
    labels = torch.randint(10, (count,), generator=rng)
    seen = student.observe("dropped", labels=labels, null_label=null, p=p, number=whole(rng, 1, 10 ** 6),
                           few=FEW)
    first, second, default = seen["found"]
    for value in (first, second, default):
        expect_tensor("what drop_labels returns", value, (count,))
        assert value.dtype == torch.int64, f"the labels should stay int64, they become {value.dtype}"
    assert seen["untouched"], "drop_labels changes the labels it is given: labels[...] = ... works in place"
    lost = first == null
    share, off = lost.double().mean().item(), 5 * (p * (1 - p) / count) ** 0.5
    others = sorted(set(first[first != labels].tolist()) - {null})
    assert not others, f"labels become {others[0]} and the like: dropped ones become null_label, here {null}, and " \
        "the others stay as they are"
    assert 0 < share < 1, f"{'every' if share else 'no'} label of a batch is dropped: draw a number for each label"
    assert abs(share - (1 - p)) > off, "p is the share that is kept, it should be the share that is dropped: < p"
    assert abs(share - 0.1) > off or abs(p - 0.1) < off, \
        f"with p={p:g} a share of {share:.3f} is dropped: use p, not a fixed number"
    assert abs(share - p) < off, f"with p={p:g} a share of {share:.3f} is dropped"
    share = (default == null).double().mean().item()
    assert abs(share - 0.1) < 5 * (0.09 / count) ** 0.5, f"without p a share of {share:.3f} is dropped: it is 0.1"
    assert not torch.equal(first, second), "two calls drop the same labels: is a seed set inside the function?"
    judge_dropped(lost, second == null, labels, p)
    counts = seen["counts"].double()
    expect_tensor("the numbers of dropped labels", counts, (FEW[1],))
    judge_counts(counts, FEW[0], p)


# guided_noise: 3 points

def guided_slips(cond, free, zero, scale):
    """What typical mistakes did, and the prediction of each, from those with labels, without, and with label 0."""
    reversed_ = "the sign is reversed: go from the prediction without labels towards the one with them"
    return [
        (reversed_, free - scale * (cond - free)),
        (reversed_, cond + scale * (free - cond)),
        ("the scale is off by one: scale 1 is the prediction with labels, (1 + scale) is the w of the paper",
         (1 + scale) * cond - scale * free),
        ("the scale is off by one: scale 0 is the prediction without labels", free + (scale - 1) * (cond - free)),
        ("the difference is missing: that is scale times the prediction with labels", scale * cond),
        ("only the scaled difference is left: add the prediction without labels", scale * (cond - free)),
        ("the prediction without labels is added, not subtracted", free + scale * (cond + free)),
        ("the two predictions are added: scale their difference", free + scale * cond),
        ("the scale does nothing: that is the prediction with labels", cond),
        ("the scale does nothing: that is the prediction without labels", free),
        ("the scale does nothing: that is the mean of the two predictions", (cond + free) / 2),
        ("the scale does nothing: that is the difference of the two predictions", cond - free),
        ("the scale is squared", free + scale ** 2 * (cond - free)),
        ("the label 0 stands for no label: take model.null_label", zero + scale * (cond - zero)),
        ("the mean of the two predictions is moved: start from the one without labels",
         (cond + free) / 2 + scale * (cond - free)),
        ("half of the difference is added", free + scale / 2 * (cond - free)),
    ]


def judge_guided(student, rng, scales):
    """Assert the guided prediction for each scale."""
    classes = whole(rng, 4, 9)
    count = whole(rng, 5, 8)
    # Label 0 is not among the labels, so that taking it for the null label shows.
    labels = torch.randint(1, classes, (count,), generator=rng)
    t = torch.randint(1000, (count, 1), generator=rng)
    x = normal(rng, count, 1, 4, 4)
    model = Labelled(normal(rng, classes + 1), 3 * normal(rng, classes + 1))
    seen = student.observe("guided", x=x, t=t, labels=labels, factors=model.factors, offsets=model.offsets,
                           scales=scales)
    cond, free, zero = (model(x, t, given).double() for given in (labels, None, torch.tensor(0)))
    for each in seen:
        expect_tensor("the guided prediction", each["out"], x.shape)
        assert each["untouched"], "guided_noise changes what it is given: x, t or labels"
    for each, scale in zip(seen, scales, strict=True):
        out, right = each["out"].double(), free + scale * (cond - free)
        assert close(out, right) or classes in each["asked"] or scale == 1, \
            "the model is never asked with its null label, model.null_label: the prediction without labels; here it " \
            f"is {classes}, it was asked with {each['asked']}"
        expect_right(out, right, guided_slips(cond, free, zero, scale), "the guided prediction should be the one "
                     "without labels plus scale times the difference of the two; it is not for scale "
                     f"{scale:g}")


@graded("diffusion.guided_noise", points=2, hint="without + scale * (with_labels - without)")
def test_guided_noise(student, rng):
    """Scales above 1, and between 0 and 1."""
    judge_guided(student, rng, [1.5 + whole(rng, 1, 6), 0.3])


@graded("diffusion.guided_noise", points=1, hint="scale 0: the prediction without labels; scale 1: the one with them")
def test_guided_noise_ends(student, rng):
    """And between them: two answers that ask the model only would do for the ends. That comes first: at an end several
    slips give the same, and the first of them would be named."""
    judge_guided(student, rng, [0.1 * whole(rng, 2, 8), 0.0, 1.0])


# sample_ddim: 5 points

def judge_ddim(student, rng, schedule, **options):
    """Run sample_ddim and assert the factors of each step."""
    _, *seen = observe_sampler(student, rng, "sample_ddim", schedule, 3000, 2, **options)
    judge_ddim_steps(schedule, *seen, options.get("eta", 0.0))


@graded("diffusion.sample_ddim", points=3, hint="x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt(), then b.sqrt() * x_0 + "
        "(1 - b - sigma ** 2).sqrt() * eps; b = 1 at the end")
def test_ddim_steps(student, rng):
    """eta = 0, some of the steps, and all of them."""
    schedule = chain(rng, whole(rng, 9, 12))
    judge_ddim(student, rng, schedule, steps=4)
    judge_ddim(student, rng, schedule, steps=len(schedule[0]), eta=0.0)


@graded("diffusion.sample_ddim", points=1,
        hint="sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt(), and sigma * torch.randn_like(x)")
def test_ddim_eta(student, rng):
    """eta between 0 and 1, and 1: the size of the noise, and that it is drawn anew in each step."""
    schedule = chain(rng, whole(rng, 9, 12))
    for eta in (0.6, 1.0):
        judge_ddim(student, rng, schedule, steps=5, eta=eta)


@graded("diffusion.sample_ddim", points=1, hint="Append each new x to the trajectory, of points and of images")
def test_ddim_trajectory(student, rng):
    """All visited states, for points and for images; one step only."""
    schedule = chain(rng, whole(rng, 9, 12))
    for size, steps in ((3, 3), ([1, 4, 5], 2), (2, 1)):
        trajectory, states, eps, times = observe_sampler(student, rng, "sample_ddim", schedule, 20, size, steps=steps)
        judge_trajectory(trajectory, states, "sample_ddim")
        found, rest, near = factors(states, eps)
        assert rest.abs().max() < 1e-2, ETA_0
        assert usual(found, *ddim_rules(schedule, times, 0.0), near), \
            "the states of the trajectory follow neither the formula nor a usual mistake of it"
    judge_graph(student, rng, "sample_ddim", steps=2)
