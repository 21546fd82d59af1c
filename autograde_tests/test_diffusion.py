"""Hidden checks of helpers/diffusion.py. Each compares what a probe saw with the reference, for inputs drawn anew.

Where a solution draws numbers itself, what it sends could be made up so that all parts fit together. So each check also
asks for something that follows from what the grader has drawn: the points for a part count if the rest is right, or
wrong in a usual way.
"""
import itertools
import math

import torch
from torch.nn import functional as F

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes.diffusion import WEIGHT, Labelled, Model
from helpers.given.checks.engine import (agrees, close, expect_parts, expect_right, expect_shape, expect_tensor,
                                         name_the_slip, of_all)

NAMES = "alphas_cumprod", "alphas", "betas"
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
        for key, value in zip(NAMES, expect_parts(call, parts, NAMES)):
            size = tuple(getattr(value, "shape", (count,)))
            assert count == steps or size == (1000,), \
                f"{call} should have 1000 steps, the default: {key} has shape {size}"
            assert size != (count + 1,), f"{call} has one step too many: {key} has shape {size}"
            expect_tensor(f"{key} of {call}", value, (count,))
        found.append((count, *(value.double() for value in parts)))
    return found


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


# add_noise: 6 points

def expect_normal(what, values, message):
    """Assert that many numbers look like independent draws from N(0, 1): moments within five standard errors."""
    values, many = values.double().flatten(), values.numel()
    mean, variance = values.mean().item(), values.var().item()
    assert abs(mean) < 5 / many ** 0.5, f"{what} should have mean 0, it is {mean:.3g}: {message}"
    assert abs(variance - 1) < 5 * (2 / many) ** 0.5, \
        f"{what} should have variance 1, it is {variance:.3g}: {message}"
    assert abs((values ** 4).mean() - 3) < 5 * (96 / many) ** 0.5, f"{what} should be normally distributed: {message}"


def spread(values, batch):
    """Give each sample's number as many axes as the batch has."""
    return values.reshape(-1, *[1] * (batch.dim() - 1))


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


def judge_noise(student, rng, batch, t, table):
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
        seen = judge_noise(student, rng, normal(rng, whole(rng, 10, 16), 2), t, table)
        assert seen["untouched"], "add_noise changes the batch it is given: batch *= ... works in place"


@graded("diffusion.add_noise", points=2, hint="alphas_cumprod[t].reshape(-1, 1) for points: one number for each sample")
def test_add_noise_each(student, rng):
    """A step for each sample, (N,) and (N, 1); also as many samples as coordinates, and one sample."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for shape, count in itertools.product(((-1,), (-1, 1)), (2, whole(rng, 10, 16), 1)):
        t = torch.randperm(steps - 2, generator=rng)[:count] + 1
        seen = judge_noise(student, rng, normal(rng, count, 2), t.reshape(shape), table)
        assert seen["untouched"], "add_noise changes the batch or the t it is given"


@graded("diffusion.add_noise", points=1, hint="alphas_cumprod[t] needs an axis of size 1 for each axis of an image.")
def test_add_noise_images(student, rng):
    """Images (N, 1, h, w) and (N, 3, h, w), as high and as wide as the batch is large: wrong shapes fit, too."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for form, channels in (("(N,)", 3), ("(N, 1)", 1), ("int", 1)):
        count = whole(rng, 3, 6)
        t = torch.randperm(steps - 2, generator=rng)[:count] + 1
        judge_noise(student, rng, normal(rng, count, channels, count, count),
                    {"(N,)": t, "(N, 1)": t[:, None], "int": int(t[0])}[form], table)


@graded("diffusion.add_noise", points=1, hint="torch.randn_like(batch), at each call anew")
def test_add_noise_distribution(student, rng):
    """eps is drawn from N(0, I), independently for each sample and coordinate, anew at each call."""
    batch, table = normal(rng, 4000, 2) + 3, uniform(rng, 10, low=0.05, high=0.95)
    (_, eps), (_, again) = judge_noise(student, rng, batch, 3, table)["found"]
    assert not close(eps, again), "two calls gave the same noise: is a seed set inside the function?"
    assert eps.std(dim=0).min() > 1e-3, "every sample of the batch has the same noise: draw as many as there are"
    assert (eps[:, 0] - eps[:, 1]).abs().max() > 1e-3, "both coordinates of a sample have the same noise"
    assert eps.min() < 0, "eps is never negative: is it torch.randn, not torch.rand?"
    expect_normal("eps", eps, "torch.randn, as it comes")
    expect_normal("eps of the second call", again, "torch.randn, as it comes")
    pairs = (eps[:, 0], eps[:, 1]), (eps[1:], eps[:-1]), (eps, again), (eps, batch - 3)
    assert all((a * b).mean().abs() < 0.09 for a, b in pairs), \
        "the numbers in eps depend on each other, on the batch, or on the call before"


# noise_prediction_loss: 5 points

def observe_loss(student, rng, batch, table):
    """Ask for a loss; assert that it is a scalar, and that the model was asked once about the whole batch, with noise.

    Returns what was seen; eps as it follows from what the model got; and what the model said.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("loss", batch=batch, alphas_cumprod=table, signal=table.sqrt(), noise=(1 - table).sqrt(),
                           number=number)
    value, calls, used = seen["loss"], seen["calls"], seen["noised_at"]
    assert calls, "the loss never asks the model: model(noised, t)"
    noised, t = calls[0]
    expect_tensor("what the model gets", noised, batch.shape)
    assert not isinstance(value, torch.Tensor) or value.numel() == 1, \
        f"the loss should be one number, it has shape {tuple(value.shape)}: take the mean"
    expect_tensor("the loss", value, ())
    assert len(calls) == 1, f"the loss should ask the model once, it asks {len(calls)} times"
    expect_tensor("t", t, (len(batch),))
    assert seen["untouched"], "the loss changes the batch it is given"
    assert not close(noised, batch, 1e-5), "the model gets the batch without noise: it should get the noised one"
    assert (t == t.round()).all(), \
        f"the model should get t as integer indices, it gets {t[0]:.3g}, {t[1]:.3g} and so on"
    assert not isinstance(used, torch.Tensor) or torch.equal(used, t), \
        "the model gets other steps than those that the batch was noised to: draw t once, and pass it on as it is"
    assert t.min() >= 0 and t.max() < len(table), \
        f"t should run from 0 to T - 1 = {len(table) - 1}, it runs from {t.min():.0f} to {t.max():.0f}"
    a = spread(table.double()[t.long()], batch)
    eps = (noised.double() - a.sqrt() * batch.double()) / (1 - a).sqrt()
    predicted = WEIGHT * Model(number)(batch, t).double()
    expect_normal("the noise in what the model gets", eps, "noise the batch with add_noise, to the same t")
    # If the noise could be made from the prediction, the loss would be known without computing it.
    for what, other in (("batch: is x_0 scaled as add_noise does it?", batch), ("prediction", predicted)):
        joint = torch.corrcoef(torch.stack((eps.flatten(), other.double().flatten())))[0, 1]
        assert joint.abs() < 5 / eps.numel() ** 0.5, f"the noise depends on the {what}"
    return seen, eps, predicted


def judge_loss(student, rng, batch, table, usual=False):
    """Assert that the loss is right. usual: or an error of the prediction as usual mistakes give it.

    Returns the same as `observe_loss`.
    """
    seen, eps, predicted = observe_loss(student, rng, batch, table)
    value, x, noised = (part.double() for part in (seen["loss"], batch, seen["calls"][0][0]))
    errors = predicted - eps
    right = (errors ** 2).mean()
    slips = [
        ("the loss is summed: take the mean over all samples and coordinates", (errors ** 2).sum()),
        ("the loss is summed over the coordinates: take the mean over them, too", (errors ** 2).sum() / len(batch)),
        ("that is the root of the mean squared error", right.sqrt()),
        ("the loss is half of what it should be", right / 2),
        ("the sign is wrong: the loss is minimised", -right),
        ("that is the absolute error: take the squared one", errors.abs().mean()),
        ("the prediction is compared with the batch: compare it with the noise", ((predicted - x) ** 2).mean()),
        ("the prediction is compared with the noised batch: compare it with the noise",
         ((predicted - noised) ** 2).mean()),
        ("the sign of the noise is wrong", ((predicted + eps) ** 2).mean()),
        ("that is Huber's loss: take the mean squared error", F.smooth_l1_loss(predicted, eps)),
    ]
    if not (usual and any(close(value, wrong) for _, wrong in slips)):
        expect_right(value, right, slips + [
            ("the loss compares the noised batch with the noise, not the prediction", ((noised - eps) ** 2).mean()),
            ("only the prediction is squared: compare it with the noise", (predicted ** 2).mean()),
        ], f"the loss should be the mean squared error between the prediction and the noise, {right:.5g}; it is "
           f"{value:.5g}. Is it another noise than the model's input has?")
    return seen, eps, predicted


@graded("diffusion.noise_prediction_loss", points=2,
        hint="noised, eps = add_noise(batch, t, alphas_cumprod); F.mse_loss(model(noised, t), eps)")
def test_loss_value(student, rng):
    """The mean squared error against the noise, for points and for images; its gradient."""
    for shape in ((whole(rng, 1000, 1200), 2), (whole(rng, 120, 150), 1, 4, 4)):
        seen, eps, predicted = judge_loss(student, rng, normal(rng, *shape),
                                          uniform(rng, whole(rng, 8, 12), low=0.1, high=0.9))
        gradient = seen["gradient"]
        assert isinstance(gradient, torch.Tensor), "no gradient reaches the model: is something detached, or no_grad?"
        expected = (2 * predicted / WEIGHT * (predicted - eps)).mean()
        assert close(gradient, expected, 1e-3), "the gradient of the loss in the model's weights is wrong"


@graded("diffusion.noise_prediction_loss", points=2, hint="t = torch.randint(len(alphas_cumprod), (len(batch), 1))")
def test_loss_steps(student, rng):
    """Each sample has a step of its own, all equally likely."""
    steps, count = whole(rng, 8, 12), 6000
    seen, *_ = judge_loss(student, rng, normal(rng, count, 2), uniform(rng, steps, low=0.1, high=0.9), usual=True)
    t = seen["calls"][0][1].long()
    assert (t != t[0]).any(), "all samples have the same step: draw one for each sample"
    shares = t.bincount(minlength=steps) / count
    assert shares[0] > 0, "t = 0 never comes: t is an index and starts at 0"
    assert shares[-1] > 0, f"the last step, t = {steps - 1}, never comes: torch.randint leaves its upper end out"
    off = 6 * (1 / steps * (1 - 1 / steps) / count) ** 0.5
    assert (shares - 1 / steps).abs().max() < off, \
        f"all steps should be equally likely; their shares run from {shares.min():.3f} to {shares.max():.3f}"
    z = (t.double() - t.double().mean()) / t.double().std()
    assert (z[1:] * z[:-1]).mean().abs() < 0.08, "the steps of neighbouring samples depend on each other"


@graded("diffusion.noise_prediction_loss", points=1, hint="add_noise draws the noise; the model gets what it returns")
def test_loss_noise(student, rng):
    """What the model gets is the batch, noised to the steps that it is told."""
    judge_loss(student, rng, 2 * normal(rng, 5000, 2), uniform(rng, 10, low=0.1, high=0.9), usual=True)


# sample_ddpm: 7 points, sample_ddim: 5. From two states in a row and the noise that the model predicted follows how a
# sampler went from one to the next: the factors of both, and what was left, the fresh noise.

def chain(rng, steps):
    """A short schedule with large betas, so that slips can be told apart: alphas_cumprod, alphas, betas."""
    betas = uniform(rng, steps, low=0.1, high=0.4)
    return [torch.cumprod(1 - betas, 0), 1 - betas, betas]


def observe_sampler(student, rng, name, schedule, n_samples, n_features, **options):
    """Run a sampler and assert what it asked the model.

    Args:
        n_features: an int, or a list. options: steps, how many are visited, of a sampler that skips some; eta.
    Returns:
        the trajectory; as doubles all states that it went through, (steps + 1, N, ...), and what the model said to
        each; the t of each step.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("sampled", name=name, n_samples=n_samples, n_features=n_features, schedule=schedule,
                           options=options, number=number)
    shape = (n_samples, n_features) if isinstance(n_features, int) else (n_samples, *n_features)
    samples, trajectory = expect_parts(name, seen["result"], ("samples", "trajectory"))
    expect_shape("the samples", samples, shape)
    assert seen["calls"], f"{name} never asks the model"
    for x, t in seen["calls"]:
        expect_shape("what the model gets", x, shape)
        expect_tensor("t", t, (n_samples,))
        assert (t == t[0]).all(), "the samples of one step should have the same t"
    times = [t[0].item() for _, t in seen["calls"]]
    judge_times(times, len(schedule[0]), options.get("steps"))
    states = torch.stack([x.double() for x, _ in seen["calls"]] + [samples.double()])
    assert states.isfinite().all(), "there are NaN or infinite numbers among the samples: the root of a negative " \
        "number, or a division by 0?"
    model = Model(number)
    said = torch.stack([model(x, t) for x, t in seen["calls"]])
    return trajectory, states, said.double(), [int(t) for t in times]


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


def usual(found, right, slips, near):
    """True if a rule is the right one, or that of a usual mistake."""
    return any(agrees(found, known, near) for known in (right, *(wrong for _, wrong in slips)))


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


def judge_ddpm(student, rng, steps, n_samples, n_features, exact=False):
    """Run sample_ddpm and assert that its steps have the right mean or, unless exact, that of a usual mistake.

    Returns the schedule, the trajectory, the states, and all that `factors` tells of them.
    """
    schedule = chain(rng, steps)
    trajectory, states, eps, _ = observe_sampler(student, rng, "sample_ddpm", schedule, n_samples, n_features)
    found, rest, near = factors(states, eps)
    right, slips = ddpm_means(schedule)
    if exact or not usual(found, right, [pair for pair in slips if pair[0] != UNUSED], near):
        a, b = (spread(row, states) for row in right[:2])
        judge_fresh(states, states[1:] - a * states[:-1] - b * eps, limit=0.99999)
        expect_right(found, right, slips, "the mean of a step should be (x - beta / sqrt(1 - alpha_bar) eps) / "
                     f"sqrt(alpha): at t = {steps - 1} x should count {right[0, 0]:.4f} and eps {right[1, 0]:.4f}, "
                     f"they count {found[0, 0]:.4f} and {found[1, 0]:.4f}", near)
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


@graded("diffusion.sample_ddpm", points=1, hint="if t > 0: add the noise")
def test_ddpm_last(student, rng):
    *_, rest, _ = judge_ddpm(student, rng, whole(rng, 6, 8), 3000, 2)
    assert rest[-1].std() < 1e-3, "noise is added at the last step, t = 0: nothing takes it away again"


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
    assert student.observe("grown", name=name, schedule=chain(rng, 4), options=options) is False, \
        "the samples hold the graph of all steps: keep @torch.no_grad()"


# drop_labels: 2 points

@graded("diffusion.drop_labels", points=2,
        hint="torch.where(torch.rand(labels.shape) < p, null_label, labels)")
def test_drop_labels(student, rng):
    """Share of dropped labels; which ones; the others stay as they are, where they are."""
    count, null, p = 8000, whole(rng, 11, 40), 0.05 * whole(rng, 4, 7)
    labels = torch.randint(10, (count,), generator=rng)
    seen = student.observe("dropped", labels=labels, null_label=null, p=p, number=whole(rng, 1, 10 ** 6))
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
    dropped = [int((part == null).sum()) for part in (first, second, default)]
    assert dropped != [round(share * count) for share in (p, p, 0.1)], "a share of exactly p is dropped every time: " \
        "draw for each label independently of the others"
    z, again = (((part == null).double() - p) / (p * (1 - p)) ** 0.5 for part in (first, second))
    assert (z[1:] * z[:-1]).mean().abs() < 0.07 and (z * again).mean().abs() < 0.07, \
        "which labels are dropped depends on their neighbours or on the call before: draw a number for each label"
    rates = torch.stack([lost[labels == k].double().mean() for k in range(10)])
    assert (rates - p).abs().max() < 0.1, "how often a label is dropped depends on the label: it should not"


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
    """And between them: two answers that ask the model only would do for the ends."""
    judge_guided(student, rng, [0.0, 1.0, 0.1 * whole(rng, 2, 8)])


# sample_ddim: 5 points

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


def judge_ddim(student, rng, schedule, **options):
    """Run sample_ddim and assert the factors of each step."""
    eta = options.get("eta", 0.0)
    _, states, eps, times = observe_sampler(student, rng, "sample_ddim", schedule, 3000, 2, **options)
    found, rest, near = factors(states, eps)
    right, slips = ddim_rules(schedule, times, eta)
    assert eta or found[2].max() < 1e-3, ETA_0
    (a, b, sigma), (a_found, b_found, sigma_found) = right[:, 0], found[:, 0]
    expect_right(found, right, slips, f"a step with eta={eta:g} should be {a:.4f} x + {b:.4f} eps + {sigma:.4f} z at "
                 f"t = {times[0]}, it is {a_found:.4f} x + {b_found:.4f} eps + {sigma_found:.4f} z", near)
    if eta:
        judge_fresh(states, rest)


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
