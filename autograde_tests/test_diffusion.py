"""Hidden checks of helpers/diffusion.py. Each compares what a probe saw with the reference, for inputs drawn anew.

Where a solution draws numbers itself, what it sends could be made up so that all parts fit together. So each check also
asks for something that follows from what the grader has drawn: the points for a part count if the rest is right, or
wrong in a usual way.
"""
import itertools
import math

import torch

from autograde_tests import close, expect_tensor, graded, normal, uniform, whole
from autograde_tests.probes.diffusion import WEIGHT, Labelled, Model

NAMES = ("alphas_cumprod", "alphas", "betas")


# closed_form: 4 points

def closed_slips(alphas):
    """(coefficient, variance) of typical mistakes, each with what it did."""
    product, betas = alphas.prod(), 1 - alphas
    coefficient, variance = product.sqrt(), 1 - product
    beta = "the betas are multiplied: the product is that of the alphas, 1 - beta"
    return [
        ("the coefficient is the product of the alphas: the root is missing", product, None),
        ("the coefficient is built from the last alpha only: multiply the roots of all", alphas[-1].sqrt(), None),
        ("the coefficient is built from the first alpha only: multiply the roots of all", alphas[0].sqrt(), None),
        ("the coefficient is built from a sum: means of a chain multiply", alphas.sum().sqrt(), None),
        ("the coefficient is built from a sum: means of a chain multiply", alphas.sqrt().sum(), None),
        ("the coefficient is built from a mean: means of a chain multiply", alphas.mean().sqrt(), None),
        (beta, betas.prod().sqrt(), None),
        (beta, (1 - betas.prod()).sqrt(), None),
        ("the root is taken twice: the coefficient is the root of the product", product.sqrt().sqrt(), None),
        ("the two are swapped: first the coefficient of the mean, then the variance", variance, coefficient),
        ("the two are swapped: first the coefficient of the mean, then the variance", variance.sqrt(), coefficient),
        ("the last step is left out", alphas[:-1].prod().sqrt(), None),
        ("the first step is left out", alphas[1:].prod().sqrt(), None),
        ("that is the standard deviation: return the variance, without the root", None, variance.sqrt()),
        ("the variance is the product of the betas: each step also shrinks the noise before it, and adds its own",
         None, betas.prod()),
        ("the variance is the sum of the betas: each step also shrinks the noise that came before", None, betas.sum()),
        ("the variance is that of the last step only", None, betas[-1]),
        ("the variance is that of the first step only", None, betas[0]),
        ("the variance is the product of the alphas: it is 1 minus that", None, product),
        ("the variance is 1 minus the root of the product: it is 1 minus the product", None, 1 - coefficient),
        ("the variance is squared", None, variance ** 2),
        ("the variance is 1 - product^2: it is 1 - product", None, 1 - product ** 2),
        ("the last step is left out", None, 1 - alphas[:-1].prod()),
        ("the first step is left out", None, 1 - alphas[1:].prod()),
    ]


def observe_closed(student, cases):
    seen = student.observe("closed", count=len(cases), **{f"alphas{k}": alphas for k, alphas in enumerate(cases)})
    for k, alphas in enumerate(cases):
        for key, what in (("mean", "the coefficient of the mean"), ("variance", "the variance")):
            value = seen.get(f"{key}{k}", "nothing")
            assert not isinstance(value, torch.Tensor) or value.numel() == 1, f"{what} should be one number, it has " \
                f"shape {tuple(value.shape)}: return what holds after all {len(alphas)} steps"
            expect_tensor(what, value, value.shape if isinstance(value, torch.Tensor) else ())
    assert seen["untouched"], "closed_form changes the alphas it is given"
    return [(seen[f"mean{k}"].reshape(()).double(), seen[f"variance{k}"].reshape(()).double())
            for k in range(len(cases))]


def judge_closed(found, alphas):
    alphas = alphas.double()
    right = alphas.prod().sqrt(), 1 - alphas.prod()
    for k, what in enumerate(("the coefficient of the mean", "the variance")):
        if close(found[k], right[k], 1e-5):
            continue
        for slip, *wrong in closed_slips(alphas):
            assert not (all(w is None or close(got, w, 1e-5) for got, w in zip(found, wrong))
                        and wrong[k] is not None), slip
        raise AssertionError(f"{what} for alphas {[round(a, 4) for a in alphas.tolist()]} should be {right[k]:.6g}, "
                             f"it is {found[k]:.6g}")


@graded("diffusion.closed_form", points=2, hint="x_3 is sqrt(alpha_1 alpha_2 alpha_3) x_0 plus noise of variance "
        "1 - alpha_1 alpha_2 alpha_3")
def test_closed_form_of_three(student, rng):
    """The pen-and-paper case."""
    cases = [uniform(rng, 3, low=0.3, high=0.95) for _ in range(3)]
    for found, alphas in zip(observe_closed(student, cases), cases):
        judge_closed(found, alphas)


@graded("diffusion.closed_form", points=2, hint="torch.prod(alphas) for any number of alphas")
def test_closed_form_of_many(student, rng):
    cases = [uniform(rng, count, low=0.7, high=0.99) for count in (1, 2, whole(rng, 5, 12))]
    for found, alphas in zip(observe_closed(student, cases), cases):
        judge_closed(found, alphas)


# The schedules: linear_schedule 3 points, cosine_schedule 5


def observe_schedule(student, name, steps):
    """Ask for a schedule of some steps and of the default ones; assert types, shapes and order of its three parts."""
    seen = student.observe("schedule", name=name, counts=[steps])
    for label, count in ((f"{steps}", steps), ("default", 1000)):
        call = f"{name}({'' if label == 'default' else label})"
        for key in NAMES:
            value = seen.get(f"{key}_{label}", "nothing")
            got = value if isinstance(value, str) else tuple(value.shape)
            assert isinstance(value, str) or tuple(value.shape) == (count,) or label != "default", \
                f"{call} should have 1000 steps, the default: {key} has shape {got}"
            assert isinstance(value, str) or tuple(value.shape) != (count + 1,), \
                f"{call} has one step too many: {key} has shape {got}"
            expect_tensor(f"{key} of {call}", value, (count,))
    return [{key: seen[f"{key}_{label}"].double() for key in NAMES} for label in (steps, "default")]


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


def judge_parts(name, found):
    """Assert that the three parts belong together."""
    products, alphas, betas = (found[key] for key in NAMES)
    own = torch.cumprod(alphas, dim=0)
    if not close(alphas, 1 - betas, 1e-5):
        assert not close(products, 1 - betas, 1e-5) and not close(products, 1 - alphas, 1e-5), \
            f"{name} returns its parts in another order: (alphas_cumprod, alphas, betas)"
        raise AssertionError(f"alphas of {name} should be 1 - betas")
    assert not close(products, alphas, 1e-6), \
        f"alphas_cumprod of {name} is the same as alphas: it is their product, torch.cumprod"
    assert not close(products, torch.cumprod(betas, 0), 1e-6), \
        f"alphas_cumprod of {name} is the product of the betas: it is the product of the alphas"
    assert not close(products, own.sqrt(), 1e-5), f"alphas_cumprod of {name} has a root too many"
    assert not close(products, torch.cat((torch.ones(1, dtype=torch.double), own[:-1])), 1e-5), \
        f"alphas_cumprod of {name} is off by one: its first number should be alphas[0], not 1"
    assert not close(products, torch.cumsum(alphas, 0), 1e-5), \
        f"alphas_cumprod of {name} is a sum: it is the product, torch.cumprod"
    return products, own


def linear_slips(steps):
    """Betas that typical mistakes give, with what they did."""
    def line(low, high, count=steps):
        return torch.linspace(low, high, count, dtype=torch.double)

    return {
        "the betas are swapped with the alphas: the betas run from 1e-4 to 0.02": 1 - line(1e-4, 0.02),
        "the betas run from large to small: noise grows from 1e-4 to 0.02": line(0.02, 1e-4),
        "the betas are equally spaced in their roots: they should be equally spaced themselves":
            line(1e-2, 0.02 ** 0.5) ** 2,
        "the last beta is left out: torch.linspace includes both ends": line(1e-4, 0.02, steps + 1)[:-1],
        "the first beta is left out: torch.linspace includes both ends": line(1e-4, 0.02, steps + 1)[1:],
        "the betas start at 0: they start at 1e-4": line(0, 0.02),
        "the betas end at 0.2: they end at 0.02": line(1e-4, 0.2),
        "the betas end at 0.002: they end at 0.02": line(1e-4, 0.002),
        "the betas start at 1e-3: they start at 1e-4": line(1e-3, 0.02),
        "the betas start at 1e-5: they start at 1e-4": line(1e-5, 0.02),
        "the betas are spaced like powers (logspace): they should be equally spaced":
            torch.logspace(-4, math.log10(0.02), steps, dtype=torch.double),
        "the betas are scaled by 1000 / steps: they run from 1e-4 to 0.02 for any number of steps":
            line(0.1 / steps, 20 / steps),
        "the betas are all the same": torch.full((steps,), 0.02, dtype=torch.double),
    }


def usual_lines(betas):
    """The betas of usual mistakes, and all that are equally spaced between the first one and the last one found."""
    ends = betas[0].item(), betas[-1].item()
    if 0 <= min(ends) and max(ends) < 1:
        yield torch.linspace(*ends, len(betas), dtype=torch.double)
    yield from linear_slips(len(betas)).values()


@graded("diffusion.linear_schedule", points=1, hint="torch.linspace(1e-4, 0.02, steps)")
def test_linear_betas(student, rng):
    steps = whole(rng, 30, 90)
    for found, count in zip(observe_schedule(student, "linear_schedule", steps), (steps, 1000)):
        products, alphas, betas = (found[key] for key in NAMES)
        right = torch.linspace(1e-4, 0.02, count, dtype=torch.double)
        if same_betas(betas, right, 1e-5):
            continue
        assert not same_betas(products, right) and not same_betas(alphas, right), \
            "linear_schedule returns its parts in another order: (alphas_cumprod, alphas, betas)"
        for slip, wrong in linear_slips(count).items():
            assert not same_betas(betas, wrong), slip
        raise AssertionError(f"the betas of linear_schedule({count}) should run evenly from 0.0001 to 0.02, they run "
                             f"from {betas[0]:.6g} to {betas[-1]:.6g}")


@graded("diffusion.linear_schedule", points=2, hint="alphas = 1 - betas; torch.cumprod(alphas, dim=0); in this order: "
        "(alphas_cumprod, alphas, betas)")
def test_linear_products(student, rng):
    steps = whole(rng, 30, 90)
    for found in observe_schedule(student, "linear_schedule", steps):
        products, own = judge_parts("linear_schedule", found)
        assert same_products(products, own), "alphas_cumprod of linear_schedule should be the product of all alphas " \
            f"so far, {own[-1]:.6g} at the end; it is {products[-1]:.6g}"
        judge_usual("linear_schedule", found["betas"], usual_lines(found["betas"]))


def cosine_f(places, s=0.008, power=2, quarter=math.pi / 2):
    return torch.cos((places + s) / (1 + s) * quarter) ** power


def cosine_betas(steps, low=1e-4, high=0.9999, **options):
    f = cosine_f(torch.linspace(0, 1, steps + 1, dtype=torch.double), **options)
    return (1 - f[1:] / f[:-1]).clamp(low, high)


def cosine_slips(steps):
    """Betas that typical mistakes give, with what they did."""
    right = cosine_betas(steps)
    k = torch.arange(steps, dtype=torch.double)
    early = cosine_f(k / steps)
    uneven = cosine_f(torch.linspace(0, 1, steps, dtype=torch.double))
    late = cosine_f(torch.arange(1, steps + 2, dtype=torch.double) / steps)

    def ratios(f):
        return (1 - f / torch.cat((f[:1], f[:-1]))).clamp(1e-4, 0.9999)

    off = "off by one: the first beta should be 1 - f(1) / f(0), so f is needed at steps + 1 places"
    return {
        "s is left out: the cosine should start a little after 0, with s = 0.008": cosine_betas(steps, s=0.0),
        "s should be 0.008, not 0.08": cosine_betas(steps, s=0.08),
        "the cosine is not squared": cosine_betas(steps, power=1),
        "the cosine is taken to the fourth power, not squared": cosine_betas(steps, power=4),
        "the angle should run to pi / 2, not to pi": cosine_betas(steps, quarter=math.pi),
        "the largest beta should be 0.9999, not 0.999: look at the clipping": cosine_betas(steps, high=0.999),
        "the largest beta should be 0.9999, not 0.02: look at the clipping": cosine_betas(steps, high=0.02),
        "the last beta is 1, so the last alpha is 0 and sampling divides by it: clip the betas to [1e-4, 0.9999]":
            cosine_betas(steps, high=1.0),
        "the smallest beta should be 1e-4: clip the betas on both sides": cosine_betas(steps, low=0.0),
        "the smallest beta should be 1e-4, not 0.001: look at the clipping": cosine_betas(steps, low=1e-3),
        off: ratios(early),
        off + ".": ratios(uneven),
        "off by one: the last step should be t = T": (1 - late[1:] / late[:-1]).clamp(1e-4, 0.9999),
        "the first step is left out, and the last one doubled: off by one": torch.cat((right[1:], right[-1:])),
        "f itself is returned as the betas: beta_t = 1 - f(t) / f(t - 1)":
            cosine_f((k + 1) / steps).clamp(1e-4, 0.9999),
        "the ratio is upside down: beta_t = 1 - f(t) / f(t - 1)":
            (1 - 1 / (1 - cosine_betas(steps, low=0.0, high=1.0))).clamp(1e-4, 0.9999),
    }


def usual_cosines(steps):
    """The right betas, and those of usual mistakes."""
    for s, low, high in itertools.product((0.008, 0.0, 0.001, 0.01, 0.08), (1e-4, 0.0, 1e-5, 1e-3),
                                          (0.9999, 0.999, 0.99, 1.0)):
        yield cosine_betas(steps, s=s, low=low, high=high)
    yield from cosine_slips(steps).values()


def judge_cosine(found, steps):
    """Assert the betas of a cosine schedule."""
    products, alphas, betas = (found[key] for key in NAMES)
    right = cosine_betas(steps)
    if same_betas(betas, right):
        return
    assert not same_betas(products, right) and not same_betas(alphas, right), \
        "cosine_schedule returns its parts in another order: (alphas_cumprod, alphas, betas)"
    for slip, wrong in cosine_slips(steps).items():
        assert not same_betas(betas, wrong), slip.rstrip(".")
    k = int(((betas - right).abs() / right).argmax())
    raise AssertionError(f"betas[{k}] of cosine_schedule({steps}) should be {right[k]:.6g}, it is {betas[k]:.6g}")


@graded("diffusion.cosine_schedule", points=2,
        hint="f at steps + 1 places from 0 to 1; betas = 1 - f[1:] / f[:-1], clipped to [1e-4, 0.9999]")
def test_cosine_betas(student, rng):
    """The betas for a random number of steps, and for the default one, where clipping matters at both ends."""
    steps = whole(rng, 30, 90)
    few, many = observe_schedule(student, "cosine_schedule", steps)
    judge_cosine(few, steps)
    judge_cosine(many, 1000)


@graded("diffusion.cosine_schedule", points=2,
        hint="After the clipping: alphas = 1 - betas, alphas_cumprod = torch.cumprod(alphas, dim=0)")
def test_cosine_products(student, rng):
    """alphas_cumprod belong to the clipped betas, whatever these are."""
    steps = whole(rng, 30, 90)
    for found, count in zip(observe_schedule(student, "cosine_schedule", steps), (steps, 1000)):
        products, own = judge_parts("cosine_schedule", found)
        betas = found["betas"]
        f = cosine_f(torch.linspace(0, 1, count + 1, dtype=torch.double))
        if not same_products(products, own):
            for g in (f[1:], f[1:] / f[0], f[:-1], f[:-1] / f[0]):
                assert not close(products, g, 1e-6), "alphas_cumprod is the cosine before the clipping, the last one " \
                    "is 0: compute it anew, as the product of the clipped alphas"
            raise AssertionError("alphas_cumprod of cosine_schedule should be the product of all clipped alphas so "
                                 f"far, {own[-1]:.6g} at the end; it is {products[-1]:.6g}")
        judge_usual("cosine_schedule", betas, usual_cosines(count))


@graded("diffusion.cosine_schedule", points=1, hint="betas.clamp(1e-4, 0.9999), before anything is computed from them")
def test_cosine_range(student, rng):
    """No beta of 0 or 1, no alpha of 0, for few steps and for many."""
    steps = whole(rng, 3, 12)
    for found, count in zip(observe_schedule(student, "cosine_schedule", steps), (steps, 1000)):
        products, alphas, betas = (found[key] for key in NAMES)
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


def noise_slips(x, eps, a):
    """What typical mistakes make of x_0 and eps, with what they did. a: alpha-bar of each sample."""
    right = a.sqrt() * x + (1 - a).sqrt() * eps
    return {
        "the root of alpha_bar is missing: sqrt(alpha_bar) x_0": a * x + (1 - a).sqrt() * eps,
        "the root of 1 - alpha_bar is missing: sqrt(1 - alpha_bar) eps": a.sqrt() * x + (1 - a) * eps,
        "both roots are missing: sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps": a * x + (1 - a) * eps,
        "the two factors are swapped: sqrt(alpha_bar) belongs to x_0": (1 - a).sqrt() * x + a.sqrt() * eps,
        "the factor of the noise is 1 - sqrt(alpha_bar): it is sqrt(1 - alpha_bar)":
            a.sqrt() * x + (1 - a.sqrt()) * eps,
        "the noise is subtracted: add it": a.sqrt() * x - (1 - a).sqrt() * eps,
        "x_0 is not scaled: sqrt(alpha_bar) x_0": x + (1 - a).sqrt() * eps,
        "the noise is not scaled, or it is scaled before it is returned: noised has sqrt(1 - alpha_bar) eps, and eps "
        "itself, from N(0, I), is returned": a.sqrt() * x + eps,
        "alpha_bar itself is added to the noise's factor: sqrt(1 - alpha_bar)": a.sqrt() * x + (1 + a).sqrt() * eps,
        "x_0 and noise are returned in the other order: (noised, eps)": (eps - a.sqrt() * x) / (1 - a).sqrt(),
        "the batch comes back without noise": x,
        "the noise comes back without the batch": eps,
        "the factor of the noise is squared": a.sqrt() * x + (1 - a ** 2).sqrt() * eps,
        "alpha_bar is squared": a * x + (1 - a ** 2).sqrt() * eps,
        "half of the noise is missing": a.sqrt() * x + 0.5 * (1 - a).sqrt() * eps,
        "the noise returned has the other sign": 2 * a.sqrt() * x - right,
    }


def observe_noise(student, rng, batch, t, form, table):
    seen = student.observe("noised", alphas_cumprod=table, batch=batch, t=t, form=form, number=whole(rng, 1, 10 ** 6))
    for key in ("noised", "eps", "again", "again_eps"):
        what = "eps" if "eps" in key else "the noised batch"
        expect_tensor(f"{what} for a batch of shape {tuple(batch.shape)} and t {form}", seen.get(key, "nothing"),
                      batch.shape)
    return seen


def judge_noise(seen, batch, t, table, form):
    """Assert that a batch is noised as its eps and its steps say."""
    x, eps, out, table = (value.double() for value in (batch, seen["eps"], seen["noised"], table))
    if form == "int":
        t = t[:1].expand(len(batch))
    a = spread(table[t], batch)
    if close(out, a.sqrt() * x + (1 - a).sqrt() * eps, 1e-5):
        # With eps of nearly 0, or so large that x_0 is lost in it, half of the formula would do.
        assert eps.numel() < 20 or 0.1 < eps.square().mean().sqrt() < 10, "eps should come from N(0, I)"
        return
    for slip, wrong in noise_slips(x, eps, a).items():
        assert not close(out, wrong, 1e-5), slip
    for slip, other in (
            ("off by one: t is an index, so alpha_bar is alphas_cumprod[t], not [t - 1]", table[t - 1]),
            ("off by one: t is an index, so alpha_bar is alphas_cumprod[t], not [t + 1]", table[(t + 1) % len(table)]),
            ("all samples are noised to the step of the first one: each has its own t", table[t[:1]].expand(len(t))),
            ("all samples are noised to the step of the last one: each has its own t", table[t[-1:]].expand(len(t))),
            ("all samples are noised to the mean of their steps: each has its own t", table[t].mean().expand(len(t))),
            ("the product is taken again: alphas_cumprod holds products already", table.cumprod(0)[t]),
            ("alphas_cumprod is taken for betas: it is alpha_bar itself", 1 - table[t]),
    ):
        b = spread(other, batch)
        assert not close(out, b.sqrt() * x + (1 - b).sqrt() * eps, 1e-5), slip
    if form != "int" and batch.dim() == 2 and len(batch) == batch.shape[1]:
        b = table[t][None]
        assert not close(out, b.sqrt() * x + (1 - b).sqrt() * eps, 1e-5), \
            "each coordinate has its own step: t says one step for each sample, so alphas_cumprod[t] needs shape (N, 1)"
    raise AssertionError("noised should be sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps with the eps that is returned"
                         f", for t {form}; another eps, or another formula?")


@graded("diffusion.add_noise", points=2, hint="eps = torch.randn_like(batch); alphas_cumprod[t].sqrt() * batch "
        "+ (1 - alphas_cumprod[t]).sqrt() * eps")
def test_add_noise_int(student, rng):
    """One step for the whole batch: early, late and between."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for k in (whole(rng, 1, steps - 2), steps - 1, 0):
        batch, t = normal(rng, whole(rng, 10, 16), 2), torch.tensor([k])
        seen = observe_noise(student, rng, batch, t, "int", table)
        judge_noise(seen, batch, t, table, "int")
        assert seen["untouched"], "add_noise changes the batch it is given: batch *= ... works in place"


@graded("diffusion.add_noise", points=2, hint="alphas_cumprod[t].reshape(-1, 1) for points: one number for each sample")
def test_add_noise_each(student, rng):
    """A step for each sample, (N,) and (N, 1); also as many samples as coordinates, and one sample."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for form in ("(N,)", "(N, 1)"):
        for count in (2, whole(rng, 10, 16), 1):
            batch, t = normal(rng, count, 2), torch.randperm(steps - 2, generator=rng)[:count] + 1
            seen = observe_noise(student, rng, batch, t, form, table)
            judge_noise(seen, batch, t, table, form)
            assert seen["untouched"] and seen["t_untouched"], "add_noise changes the batch or the t it is given"


@graded("diffusion.add_noise", points=1, hint="alphas_cumprod[t] needs an axis of size 1 for each axis of an image.")
def test_add_noise_images(student, rng):
    """Images (N, 1, h, w) and (N, 3, h, w), as high and as wide as the batch is large: wrong shapes fit, too."""
    steps = whole(rng, 20, 40)
    table = uniform(rng, steps, low=0.05, high=0.95)
    for form in ("(N,)", "(N, 1)", "int"):
        count, channels = whole(rng, 3, 6), 3 if form == "(N,)" else 1
        batch, t = normal(rng, count, channels, count, count), torch.randperm(steps - 2, generator=rng)[:count] + 1
        seen = observe_noise(student, rng, batch, t, form, table)
        eps = seen["eps"].double()
        for what, a in (("column", table[t].double()), ("row", table[t].double()[:, None])):
            assert not close(seen["noised"].double(), a.sqrt() * batch + (1 - a).sqrt() * eps, 1e-5), \
                f"each {what} of the images has its own step: alphas_cumprod[t] needs shape (N, 1, 1, 1)"
        judge_noise(seen, batch, t, table, form)


@graded("diffusion.add_noise", points=1, hint="torch.randn_like(batch), at each call anew")
def test_add_noise_distribution(student, rng):
    """eps is drawn from N(0, I), independently for each sample and coordinate, anew at each call."""
    batch, t, table = normal(rng, 4000, 2) + 3, torch.tensor([3]), uniform(rng, 10, low=0.05, high=0.95)
    seen = observe_noise(student, rng, batch, t, "int", table)
    eps, again = seen["eps"], seen["again_eps"]
    assert not close(eps, again), "two calls gave the same noise: is a seed set inside the function?"
    assert eps.std(dim=0).min() > 1e-3, "every sample of the batch has the same noise: draw as many as there are"
    assert (eps[:, 0] - eps[:, 1]).abs().max() > 1e-3, "both coordinates of a sample have the same noise"
    assert eps.min() < 0, "eps is never negative: is it torch.randn, not torch.rand?"
    expect_normal("eps", eps, "torch.randn, as it comes")
    expect_normal("eps of the second call", again, "torch.randn, as it comes")
    joint = torch.stack([(a * b).mean() for a, b in ((eps[:, 0], eps[:, 1]), (eps[1:], eps[:-1]), (eps, again),
                                                     (eps, batch - 3))])
    assert joint.abs().max() < 0.09, "the numbers in eps depend on each other, on the batch, or on the call before"
    judge_noise(seen, batch, t, table, "int")


# noise_prediction_loss: 5 points

def observe_loss(student, rng, batch, table):
    """Ask for a loss; assert that it is a scalar, and that the model was asked once about the whole batch, with noise.

    Returns what was seen; eps as it follows from what the model got; and what the model said.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("loss", batch=batch, alphas_cumprod=table, signal=table.sqrt(), noise=(1 - table).sqrt(),
                           number=number)
    assert seen["calls"], "the loss never asks the model: model(noised, t)"
    asked, times = seen["asked"], seen["times"]
    expect_tensor("what the model gets", asked if isinstance(asked, str) else asked[0], batch.shape)
    value = seen["loss"]
    assert not isinstance(value, torch.Tensor) or value.numel() == 1, \
        f"the loss should be one number, it has shape {tuple(value.shape)}: take the mean"
    expect_tensor("the loss", value, ())
    assert len(asked) == 1, f"the loss should ask the model once, it asks {len(asked)} times"
    expect_tensor("t", times[0], (len(batch),))
    assert seen["untouched"], "the loss changes the batch it is given"
    assert not close(asked[0], batch, 1e-5), "the model gets the batch without noise: it should get the noised one"
    t = times[0]
    assert (t == t.round()).all(), \
        f"the model should get t as integer indices, it gets {t[0]:.3g}, {t[1]:.3g} and so on"
    used = seen.get("noised_at", "")
    assert not isinstance(used, torch.Tensor) or torch.equal(used, t), \
        "the model gets other steps than those that the batch was noised to: draw t once, and pass it on as it is"
    assert t.min() >= 0 and t.max() < len(table), \
        f"t should run from 0 to T - 1 = {len(table) - 1}, it runs from {t.min():.0f} to {t.max():.0f}"
    a = spread(table.double()[t.long()], batch)
    eps = (asked[0].double() - a.sqrt() * batch.double()) / (1 - a).sqrt()
    predicted = WEIGHT * Model(number)(batch, t).double()
    expect_normal("the noise in what the model gets", eps, "noise the batch with add_noise, to the same t")
    # If the noise could be made from the prediction, the loss would be known without computing it.
    for what, other in (("batch: is x_0 scaled as add_noise does it?", batch), ("prediction", predicted)):
        joint = torch.corrcoef(torch.stack((eps.flatten(), other.double().flatten())))[0, 1]
        assert joint.abs() < 5 / eps.numel() ** 0.5, f"the noise depends on the {what}"
    return seen, eps, predicted


def judge_loss(seen, eps, predicted, batch, usual=False):
    """Assert that the loss is right. usual: or an error of the prediction as usual mistakes give it."""
    value, x, noised = seen["loss"].double(), batch.double(), seen["asked"][0].double()
    errors = predicted - eps
    right = (errors ** 2).mean()
    if close(value, right, 1e-4):
        return
    for slip, wrong in (
            ("the loss is summed: take the mean over all samples and coordinates", (errors ** 2).sum()),
            ("the loss is summed over the coordinates: take the mean over them, too",
             (errors ** 2).sum() / len(batch)),
            ("that is the root of the mean squared error", right.sqrt()),
            ("the loss is half of what it should be", right / 2),
            ("the sign is wrong: the loss is minimised", -right),
            ("that is the absolute error: take the squared one", errors.abs().mean()),
            ("the prediction is compared with the batch: compare it with the noise", ((predicted - x) ** 2).mean()),
            ("the prediction is compared with the noised batch: compare it with the noise",
             ((predicted - noised) ** 2).mean()),
            ("the sign of the noise is wrong", ((predicted + eps) ** 2).mean()),
            ("that is Huber's loss: take the mean squared error",
             torch.nn.functional.smooth_l1_loss(predicted, eps)),
    ):
        if close(value, wrong, 1e-4):
            assert usual, slip
            return
    for slip, wrong in (
            ("the loss compares the noised batch with the noise, not the prediction", ((noised - eps) ** 2).mean()),
            ("only the prediction is squared: compare it with the noise", (predicted ** 2).mean()),
    ):
        assert not close(value, wrong, 1e-4), slip
    raise AssertionError("the loss should be the mean squared error between the prediction and the noise, "
                         f"{right:.5g}; it is {value:.5g}. Is it another noise than the model's input has?")


@graded("diffusion.noise_prediction_loss", points=2,
        hint="noised, eps = add_noise(batch, t, alphas_cumprod); F.mse_loss(model(noised, t), eps)")
def test_loss_value(student, rng):
    """The mean squared error against the noise, for points and for images; its gradient."""
    for shape in ((whole(rng, 1000, 1200), 2), (whole(rng, 120, 150), 1, 4, 4)):
        batch, table = normal(rng, *shape), uniform(rng, whole(rng, 8, 12), low=0.1, high=0.9)
        seen, eps, predicted = observe_loss(student, rng, batch, table)
        judge_loss(seen, eps, predicted, batch)
        gradient = seen.get("gradient", "None")
        assert isinstance(gradient, torch.Tensor), "no gradient reaches the model: is something detached, or no_grad?"
        expected = (2 * predicted / WEIGHT * (predicted - eps)).mean()
        assert close(gradient.double(), expected, 1e-3), "the gradient of the loss in the model's weights is wrong"


@graded("diffusion.noise_prediction_loss", points=2, hint="t = torch.randint(len(alphas_cumprod), (len(batch), 1))")
def test_loss_steps(student, rng):
    """Each sample has a step of its own, all equally likely."""
    steps, count = whole(rng, 8, 12), 6000
    batch, table = normal(rng, count, 2), uniform(rng, steps, low=0.1, high=0.9)
    seen, eps, predicted = observe_loss(student, rng, batch, table)
    t = seen["times"][0].long()
    assert (t != t[0]).any(), "all samples have the same step: draw one for each sample"
    shares = t.bincount(minlength=steps) / count
    assert shares[0] > 0, "t = 0 never comes: t is an index and starts at 0"
    assert shares[-1] > 0, f"the last step, t = {steps - 1}, never comes: torch.randint leaves its upper end out"
    off = 6 * (1 / steps * (1 - 1 / steps) / count) ** 0.5
    assert (shares - 1 / steps).abs().max() < off, \
        f"all steps should be equally likely; their shares run from {shares.min():.3f} to {shares.max():.3f}"
    z = (t.double() - t.double().mean()) / t.double().std()
    assert (z[1:] * z[:-1]).mean().abs() < 0.08, "the steps of neighbouring samples depend on each other"
    judge_loss(seen, eps, predicted, batch, usual=True)


@graded("diffusion.noise_prediction_loss", points=1, hint="add_noise draws the noise; the model gets what it returns")
def test_loss_noise(student, rng):
    """What the model gets is the batch, noised to the steps that it is told."""
    batch, table = 2 * normal(rng, 5000, 2), uniform(rng, 10, low=0.1, high=0.9)
    judge_loss(*observe_loss(student, rng, batch, table), batch, usual=True)


# sample_ddpm: 7 points, sample_ddim: 5. From two states in a row and the noise that the model predicted follows how a
# sampler went from one to the next: the factors of both, and what was left, the fresh noise.

def chain(rng, steps):
    """A short schedule with large betas, so that slips can be told apart: (alphas_cumprod, alphas, betas)."""
    betas = uniform(rng, steps, low=0.1, high=0.4)
    alphas = 1 - betas
    return dict(alphas_cumprod=torch.cumprod(alphas, 0), alphas=alphas, betas=betas)


def observe_sampler(student, rng, name, schedule, n_samples, n_features, steps, options=None):
    """Run a sampler and assert what it asked the model.

    Args:
        n_features: an int, or a list. steps: how many are visited, of a sampler that skips some; else None.
    Returns:
        what was seen; as doubles all states that it went through, (steps + 1, N, ...), and what the model said to each;
        the t of each step.
    """
    number = whole(rng, 1, 10 ** 6)
    seen = student.observe("sampled", name=name, n_samples=n_samples, n_features=n_features, options=options or {},
                           number=number, **schedule)
    shape = (n_samples, n_features) if isinstance(n_features, int) else (n_samples, *n_features)
    assert seen["count"] == 2, f"{name} should return two things, (samples, trajectory), it returns {seen['count']}"
    samples, asked, times, total = seen["samples"], seen["asked"], seen["times"], len(schedule["betas"])
    expect_shaped("the samples", samples, shape)
    assert seen["calls"], f"{name} never asks the model"
    expect_shaped("what the model gets", asked if isinstance(asked, str) else asked[0], shape)
    expect_tensor("t", times, (len(asked), n_samples))
    assert (times == times[:, :1]).all(), "the samples of one step should have the same t"
    times = times[:, 0].tolist()
    wanted = list(range(total))[::-1] if steps is None else visited(total, steps)
    if times != wanted:
        said = ", ".join(f"{t:g}" for t in times[:8])
        if steps is None:
            assert times != wanted[:-1], "the last step, t = 0, is left out: range(T - 1, -1, -1)"
            assert times != wanted[1:], "the first step, t = T - 1, is left out"
            assert times != wanted[::-1], "the steps go forwards: sampling goes from t = T - 1 back to 0"
            assert times != [t + 1 for t in wanted], \
                "the model gets t off by one: it was trained with indices from 0 to T - 1"
            assert len(set(times)) > 1, "the model gets the same t at every step"
        elif len(times) == total != steps:
            raise AssertionError(f"all {total} steps of the schedule are visited, not {steps} of them")
        close_by = len(times) == len(wanted) and all(abs(a - b) <= 1 for a, b in zip(times, wanted))
        assert steps is not None and close_by and times[0] == wanted[0] and times[-1] == wanted[-1], \
            f"the model should be asked about t = {', '.join(map(str, wanted))}; it is asked about {said}"
    assert samples.isfinite().all() and asked.isfinite().all(), "there are NaN or infinite numbers among the " \
        "samples: the root of a negative number, or a division by 0?"
    model = Model(number)
    said = torch.stack([model(x, t) for x, t in zip(asked, times)])
    return seen, torch.cat((asked, samples[None])).double(), said.double(), [int(t) for t in times]


def expect_shaped(what, value, shape):
    """As expect_tensor, for what may hold NaN."""
    fits = isinstance(value, torch.Tensor) and tuple(value.shape) == shape
    expect_tensor(what, value.nan_to_num() if fits else value, shape)


def visited(total, steps):
    return torch.linspace(total - 1, 0, steps).round().long().tolist()


def factors(states, eps):
    """Least squares for each step, next = a x + b eps + rest. Returns a, b, and the rest (K, N, D)."""
    x, y = states[:-1], states[1:]
    # Centred over the samples: noise whose mean is not 0, or that all samples share, would show in a and b.
    centred = [(part - part.mean(dim=1, keepdim=True)).flatten(1) for part in (x, eps, y)]
    a, b = torch.linalg.lstsq(torch.stack(centred[:2], dim=2), centred[2][:, :, None]).solution[:, :, 0].T
    return a, b, y - spread(a, y) * x - spread(b, y) * eps


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


def agree(found, rule, sigma, many):
    """True if estimated factors of x and eps are those of a rule, within six standard errors. More noise than any right
    step adds excuses nothing: with enough of it all factors would agree."""
    error = 6 * sigma.clamp(max=0.65) / many ** 0.5 + 2e-4
    return all(bool(((a - wanted).abs() <= error).all()) for a, wanted in zip(found, rule))


def same_spread(found, wanted, many):
    """True if standard deviations agree, within six standard errors."""
    return bool(((found - wanted).abs() <= 6 * wanted / (2 * many) ** 0.5 + 2e-4).all())


UNUSED = "the predicted noise is not used"


def ddpm_table(schedule):
    """Factors a, b and sigma of all steps, in the order of sampling; and those of typical mistakes."""
    abar, alpha, beta = (schedule[key].double().flip(0) for key in NAMES)
    before = torch.cat((abar[1:], abar.new_ones(1)))
    root, late = (1 - abar).sqrt(), torch.cat((beta.new_ones(len(beta) - 1), beta.new_zeros(1)))
    right = 1 / alpha.sqrt(), -beta / root / alpha.sqrt()
    means = [
        ("the mean is divided by sqrt(alpha_bar): divide by sqrt(alpha)", 1 / abar.sqrt(), -beta / root / abar.sqrt()),
        ("the mean is divided by alpha: the root is missing", 1 / alpha, -beta / root / alpha),
        ("the mean is multiplied by sqrt(alpha): divide by it", alpha.sqrt(), -beta / root * alpha.sqrt()),
        ("the mean is not divided by sqrt(alpha)", torch.ones_like(beta), -beta / root),
        ("only x is divided by sqrt(alpha): divide the difference", 1 / alpha.sqrt(), -beta / root),
        ("only the noise is divided by sqrt(alpha): divide the difference", torch.ones_like(beta),
         -beta / root / alpha.sqrt()),
        ("the root of 1 - alpha_bar is missing", right[0], -beta / (1 - abar) / alpha.sqrt()),
        ("the noise is divided by sqrt(1 - alpha): it is sqrt(1 - alpha_bar)", right[0], -beta.sqrt() / alpha.sqrt()),
        ("the noise is divided by sqrt(alpha_bar): it is sqrt(1 - alpha_bar)", right[0],
         -beta / abar.sqrt() / alpha.sqrt()),
        ("beta is missing: the factor of the noise is beta / sqrt(1 - alpha_bar)", right[0],
         -1 / root / alpha.sqrt()),
        ("alpha stands for beta in the factor of the noise: it is beta / sqrt(1 - alpha_bar)", right[0],
         -alpha / root / alpha.sqrt()),
        ("the factor of the noise is sqrt(beta) / sqrt(1 - alpha_bar): without the root of beta", right[0],
         -beta.sqrt() / root / alpha.sqrt()),
        ("the predicted noise is added: subtract it", right[0], -right[1]),
        ("all noise is taken away at once: one step takes away beta / sqrt(1 - alpha_bar) of it", 1 / abar.sqrt(),
         -root / abar.sqrt()),
        ("all noise is subtracted at once: one step takes away beta / sqrt(1 - alpha_bar) of it", right[0],
         -root / alpha.sqrt()),
        ("the mean is divided by sqrt(beta): divide by sqrt(alpha)", 1 / beta.sqrt(), -beta / root / beta.sqrt()),
        ("the factor of the noise is missing: it is beta / sqrt(1 - alpha_bar)", right[0], -1 / alpha.sqrt()),
        ("the noise is divided by 1 - sqrt(alpha_bar): it is sqrt(1 - alpha_bar)", right[0],
         -beta / (1 - abar.sqrt()) / alpha.sqrt()),
        (UNUSED, right[0], torch.zeros_like(beta)),
    ]
    posterior = beta * (1 - before) / (1 - abar)
    spreads = [
        ("sigma is beta: the root is missing, sigma^2 = beta", beta * late),
        ("sigma^2 is the posterior variance: the text takes sigma^2 = beta", posterior.sqrt()),
        ("sigma is the posterior variance: the text takes sigma^2 = beta", posterior),
        ("no noise is added on the way: sigma^2 = beta, except at the last step", torch.zeros_like(beta)),
        ("the noise is not scaled: sigma^2 = beta", late),
        ("sigma^2 is 1 - alpha_bar: it is beta", root * late),
        ("sigma^2 is alpha: it is beta", alpha.sqrt() * late),
        ("sigma^2 is half of beta", (beta / 2).sqrt() * late),
        ("sigma^2 is the beta of the step before: it is that of this step",
         torch.cat((beta[1:], beta.new_zeros(1))).sqrt()),
        ("sigma^2 is the beta of the step after: it is that of this step",
         torch.cat((beta[:1], beta[:-1])).sqrt() * late),
        ("sigma is divided by sqrt(alpha), too: the noise comes after the division", (beta / alpha).sqrt() * late),
        ("the noise is missing at t = 1, too: only the last step, t = 0, adds none",
         torch.cat((beta[:-2].sqrt(), beta.new_zeros(2)))),
        ("only the first step adds noise: all add some, except the last one",
         torch.cat((beta[:1].sqrt(), torch.zeros_like(beta[1:])))),
    ]
    return right, (beta * late).sqrt(), means, spreads


def mean_slip(found, sigma, many, right, means):
    """What estimated factors are: "" for the right ones, else a usual mistake, or None."""
    if agree(found, right, sigma, many):
        return ""
    for slip, *rule in means:
        if agree(found, rule, sigma, many):
            return slip
    inner = slice(1, -1)
    for slip, shift in (("off by one: the step uses the schedule at t - 1, it should be at t", -1),
                        ("off by one: the step uses the schedule at t + 1, it should be at t", 1)):
        if agree([row[inner] for row in found], [row.roll(shift)[inner] for row in right], sigma[inner], many):
            return slip
    return None


def observe_ddpm(student, rng, steps, n_samples, n_features, exact=False):
    """Run sample_ddpm and assert that its steps have the right mean or, unless exact, that of a usual mistake.

    Returns what was seen, the states, what the steps added, and the table of spreads: (right, of mistakes).
    """
    schedule = chain(rng, steps)
    seen, states, eps, _ = observe_sampler(student, rng, "sample_ddpm", schedule, n_samples, n_features, None)
    *found, rest = factors(states, eps)
    right, wanted, means, spreads = ddpm_table(schedule)
    slip = mean_slip(found, rest.flatten(1).std(dim=1), rest[0].numel(), right, means)
    if exact or slip is None:
        a, b = (spread(row, states) for row in right)
        judge_fresh(states, states[1:] - a * states[:-1] - b * eps, limit=0.99999)
    assert slip is not None, "the mean of a step should be (x - beta / sqrt(1 - alpha_bar) eps) / sqrt(alpha): at " \
        f"t = {steps - 1} x should count {right[0][0]:.4f} and eps {right[1][0]:.4f}, they count {found[0][0]:.4f} " \
        f"and {found[1][0]:.4f}"
    assert not slip or not exact and slip != UNUSED, slip
    return seen, states, rest, (wanted, spreads)


@graded("diffusion.sample_ddpm", points=3,
        hint="mean = (x - betas[t] / (1 - alphas_cumprod[t]).sqrt() * eps) / alphas[t].sqrt(), for t = T - 1, ..., 0")
def test_ddpm_mean(student, rng):
    """How each step makes the next mean of x and the predicted noise."""
    observe_ddpm(student, rng, whole(rng, 6, 8), 3000, 2, exact=True)


@graded("diffusion.sample_ddpm", points=1, hint="betas[t].sqrt() * torch.randn_like(x), drawn anew in each step")
def test_ddpm_noise(student, rng):
    """The fresh noise of each step: its size, and that it is independent."""
    _, states, rest, (wanted, spreads) = observe_ddpm(student, rng, whole(rng, 6, 8), 3000, 2)
    many, wanted, ways = rest[0].numel(), wanted[:-1], rest[:-1].flatten(1).std(dim=1)
    for slip, other in spreads:
        assert not (same_spread(ways, other[:-1], many) and not same_spread(ways, wanted, many)), slip
    assert same_spread(ways, wanted, many), "the noise of a step should have standard deviation " \
        f"sqrt(beta), {wanted[0]:.4f} at t = {len(ways)}; it has {ways[0]:.4f}"
    judge_fresh(states, rest[:-1])
    z = rest[:-1] / ways[:, None, None]
    expect_normal("the noise that sampling starts from", states[0], "torch.randn")
    assert z.mean(dim=(1, 2)).abs().max() < 0.1, "the noise of a step should have mean 0: torch.randn_like(x)"
    assert (z[..., 0] * z[..., 1]).mean(dim=1).abs().max() < 0.12, \
        "both coordinates get the same noise in a step: torch.randn_like(x)"
    assert ((z ** 4).mean(dim=(1, 2)) - 3).abs().max() < 0.8, "the noise of a step is not normally distributed"


@graded("diffusion.sample_ddpm", points=1, hint="if t > 0: add the noise")
def test_ddpm_last(student, rng):
    _, _, rest, _ = observe_ddpm(student, rng, whole(rng, 6, 8), 3000, 2)
    assert rest[-1].std() < 1e-3, "noise is added at the last step, t = 0: nothing takes it away again"


def judge_trajectory(seen, states, name):
    """Assert that the trajectory holds all states that the sampler went through."""
    found = seen["trajectory"]
    if isinstance(found, torch.Tensor) and found.shape == states[1:].shape:
        assert not close(found.double(), states[1:], 1e-5), "the trajectory should start with the pure noise"
        assert not close(found.double(), states[:-1], 1e-5), "the trajectory should end with the samples"
    expect_tensor("the trajectory", found, states.shape)
    found = found.double()
    assert not (found == found[-1:]).all(), "all states of the trajectory are the same: x += ... changes the tensor " \
        "that stands in the list already, so compute a new x"
    assert not close(found, states.flip(0), 1e-5), "the trajectory runs backwards: from pure noise to the samples"
    assert close(found[-1], states[-1], 1e-5), "the trajectory should end with the samples"
    assert close(found, states, 1e-5), f"the trajectory should hold the states that {name} went through, x_T to x_0"


@graded("diffusion.sample_ddpm", points=1, hint="Append each new x to the trajectory; x = x + ..., not x += ...")
def test_ddpm_trajectory(student, rng):
    seen, states, *_ = observe_ddpm(student, rng, whole(rng, 5, 7), 2000, 3)
    judge_trajectory(seen, states, "sample_ddpm")


@graded("diffusion.sample_ddpm", points=1, hint="torch.randn_like(x) has the right shape for points and for images")
def test_ddpm_images(student, rng):
    """Samples with the shape of images; no graph is kept."""
    side = whole(rng, 3, 5)
    seen, states, *_ = observe_ddpm(student, rng, 5, 300, [1, side, side + 1])
    expect_tensor("the trajectory", seen["trajectory"], states.shape)
    noise = states[1:-1].flatten(2).std(dim=2)
    assert noise.min() > 1e-3, "the pixels of an image are all the same"
    kept = student.observe("grown", name="sample_ddpm", n_samples=2, **chain(rng, 4))
    assert not kept["requires_grad"], "the samples hold the graph of all steps: keep @torch.no_grad()"


# drop_labels: 2 points

@graded("diffusion.drop_labels", points=2,
        hint="torch.where(torch.rand(labels.shape) < p, null_label, labels)")
def test_drop_labels(student, rng):
    """Share of dropped labels; which ones; the others stay as they are, where they are."""
    count, null, p = 8000, whole(rng, 11, 40), 0.05 * whole(rng, 4, 7)
    labels = torch.randint(10, (count,), generator=rng)
    seen = student.observe("dropped", labels=labels, null_label=null, p=p, number=whole(rng, 1, 10 ** 6))
    for key in ("first", "second", "default"):
        expect_tensor("what drop_labels returns", seen[key], (count,))
        assert seen[key].dtype == torch.int64, f"the labels should stay int64, they become {seen[key].dtype}"
    assert seen["untouched"], "drop_labels changes the labels it is given: labels[...] = ... works in place"
    first, second, default = seen["first"], seen["second"], seen["default"]
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
    z = (lost.double() - p) / (p * (1 - p)) ** 0.5
    again = ((second == null).double() - p) / (p * (1 - p)) ** 0.5
    assert (z[1:] * z[:-1]).mean().abs() < 0.07 and (z * again).mean().abs() < 0.07, \
        "which labels are dropped depends on their neighbours or on the call before: draw a number for each label"
    rates = torch.stack([lost[labels == k].double().mean() for k in range(10)])
    assert (rates - p).abs().max() < 0.1, "how often a label is dropped depends on the label: it should not"


# guided_noise: 3 points

def observe_guided(student, rng, scales):
    """Ask for guided predictions; returns (out, with labels, without) for each scale, and the null label."""
    classes = whole(rng, 4, 9)
    count = whole(rng, 5, 8)
    # Label 0 is not among the labels, so that taking it for the null label shows.
    labels = torch.randint(1, classes, (count,), generator=rng)
    t = torch.randint(1000, (count, 1), generator=rng)
    x = normal(rng, count, 1, 4, 4)
    model = Labelled(normal(rng, classes + 1), 3 * normal(rng, classes + 1))
    seen = student.observe("guided", x=x, t=t, labels=labels, factors=model.factors, offsets=model.offsets,
                           scales=scales)
    said = torch.stack([model(x, t, torch.tensor(k)) for k in range(classes + 1)]).double()
    cond, free = said[labels, torch.arange(count)], said[-1]
    cases = []
    for k, scale in enumerate(scales):
        expect_tensor("the guided prediction", seen[f"out{k}"], x.shape)
        cases.append((seen[f"out{k}"].double(), cond, free, scale, seen[f"asked{k}"]))
    assert seen["untouched"], "guided_noise changes what it is given: x, t or labels"
    return cases, said, classes


def judge_guided(case, said, classes):
    out, cond, free, scale, asked = case
    if close(out, free + scale * (cond - free), 1e-4):
        return
    zero = said[0]
    assert classes in asked or scale == 1, "the model is never asked with its null label, model.null_label: the " \
        f"prediction without labels; here it is {classes}, it was asked with {asked}"
    for slip, wrong in (
            ("the sign is reversed: go from the prediction without labels towards the one with them",
             free - scale * (cond - free)),
            ("the sign is reversed: go from the prediction without labels towards the one with them",
             cond + scale * (free - cond)),
            ("the sign is reversed: go from the prediction without labels towards the one with them",
             cond - scale * (cond - free)),
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
    ):
        assert not close(out, wrong, 1e-4), slip
    raise AssertionError("the guided prediction should be the one without labels plus scale times the difference of "
                         f"the two; it is not for scale {scale:g}")


@graded("diffusion.guided_noise", points=2, hint="without + scale * (with_labels - without)")
def test_guided_noise(student, rng):
    """Scales above 1, and between 0 and 1."""
    cases, said, classes = observe_guided(student, rng, [1.5 + whole(rng, 1, 6), 0.3])
    for case in cases:
        judge_guided(case, said, classes)


@graded("diffusion.guided_noise", points=1, hint="scale 0: the prediction without labels; scale 1: the one with them")
def test_guided_noise_ends(student, rng):
    """And between them: two answers that ask the model only would do for the ends."""
    cases, said, classes = observe_guided(student, rng, [0.0, 1.0, 0.1 * whole(rng, 2, 8)])
    for case in cases:
        judge_guided(case, said, classes)


# sample_ddim: 5 points

def ddim_table(schedule, times, eta):
    """Factors a, b and sigma of the visited steps; and those of typical mistakes: (slip, a, b, sigma or None)."""
    abar = schedule["alphas_cumprod"].double()
    a = abar[times]
    b = torch.cat((a[1:], a.new_ones(1)))
    sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()

    def pair(b, sigma):
        rest = (1 - b - sigma ** 2).clamp(min=0).sqrt()
        return (b / a).sqrt(), rest - (b * (1 - a) / a).sqrt()

    neighbour = torch.stack([abar[t - 1] if t > 0 else abar.new_ones(()) for t in times])
    last_kept = torch.cat((a[1:], abar[:1]))
    zero = torch.zeros_like(a)
    x0, to_x0 = 1 / a.sqrt(), -((1 - a) / a).sqrt()
    beta, alpha = schedule["betas"].double()[times], schedule["alphas"].double()[times]
    alpha_next = torch.cat((alpha[1:], alpha.new_ones(1)))
    large = eta * ((1 - a) / (1 - b).clamp(min=1e-9) * (1 - a / b)).sqrt()
    slips = [
        ("the step goes to t - 1: it should go to the next step that is visited", *pair(neighbour, zero), None),
        ("the last step should go to alpha_bar = 1, so that the samples are the guess x_0 itself",
         *pair(last_kept, zero), None),
        ("the alphas stand for alphas_cumprod", (alpha_next / alpha).sqrt(),
         (1 - alpha_next).sqrt() - (alpha_next * (1 - alpha) / alpha).sqrt(), None),
        ("the guess x_0 is not noised again: sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps", x0, to_x0, None),
        ("the predicted noise is not added again: sqrt(b) x_0 + sqrt(1 - b - sigma^2) eps", b.sqrt() * x0,
         b.sqrt() * to_x0, None),
        ("x_0 is not scaled: sqrt(b) x_0", x0, to_x0 + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the root is missing: sqrt(b) x_0", b * x0, b * to_x0 + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the root is missing: sqrt(1 - b - sigma^2) eps", b.sqrt() * x0,
         b.sqrt() * to_x0 + (1 - b - sigma ** 2), None),
        ("the guess x_0 should be divided by sqrt(a), not by a", b.sqrt() / a,
         -b.sqrt() * (1 - a).sqrt() / a + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the guess x_0 is not divided by sqrt(a)", b.sqrt(),
         -(b * (1 - a)).sqrt() + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the root is missing in the guess x_0: sqrt(1 - a) eps", b.sqrt() * x0,
         -b.sqrt() * (1 - a) / a.sqrt() + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the sign is wrong in the guess x_0: subtract the noise", b.sqrt() * x0,
         -b.sqrt() * to_x0 + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("the sign of the noise is wrong: sqrt(1 - b - sigma^2) eps is added", b.sqrt() * x0,
         b.sqrt() * to_x0 - (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("a and b are swapped: a belongs to this step, b to the next one",
         (a / b).sqrt(), (1 - a).sqrt() - (a * (1 - b) / b).sqrt(), None),
        ("the noise of this step is added again, not that of the next: sqrt(1 - b - sigma^2)", b.sqrt() * x0,
         b.sqrt() * to_x0 + (1 - a).sqrt(), None),
        ("x_0 is scaled for this step, not for the next: sqrt(b)", torch.ones_like(a),
         -(1 - a).sqrt() + (1 - b - sigma ** 2).clamp(min=0).sqrt(), None),
        ("that is a step of DDPM: the mean should be that of DDIM", 1 / alpha.sqrt(),
         -beta / (1 - a).sqrt() / alpha.sqrt(), None),
    ]
    if eta:
        slips = [
            ("sigma^2 is not taken from the predicted noise: sqrt(1 - b - sigma^2) eps", *pair(b, zero), sigma),
            ("sigma is not squared: sqrt(1 - b - sigma^2)", b.sqrt() * x0,
             b.sqrt() * to_x0 + (1 - b - sigma).clamp(min=0).sqrt(), sigma),
            ("no noise is added, but sigma^2 is taken from the predicted noise", *pair(b, sigma), zero),
            ("eta does nothing: sigma = eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)", *pair(b, zero), zero),
            ("eta is squared or rooted in sigma", *pair(b, sigma * eta), sigma * eta),
            ("eta is squared or rooted in sigma", *pair(b, sigma / eta ** 0.5), sigma / eta ** 0.5),
            ("eta is left out: sigma = eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)", *pair(b, sigma / eta),
             sigma / eta),
            ("the roots in sigma are missing", *pair(b, sigma ** 2 / eta), sigma ** 2 / eta),
            ("the second root in sigma is missing: sqrt(1 - a / b)",
             *pair(b, eta * ((1 - b) / (1 - a)).sqrt() * (1 - a / b)),
             eta * ((1 - b) / (1 - a)).sqrt() * (1 - a / b)),
            ("the fraction in sigma is upside down: (1 - b) / (1 - a)", *pair(b, large), large),
            ("the first factor of sigma is missing: sqrt((1 - b) / (1 - a))", *pair(b, eta * (1 - a / b).sqrt()),
             eta * (1 - a / b).sqrt()),
            ("the second factor of sigma is missing: sqrt(1 - a / b)", *pair(b, eta * ((1 - b) / (1 - a)).sqrt()),
             eta * ((1 - b) / (1 - a)).sqrt()),
            ("sigma is eta times sqrt(beta): it should be eta sqrt((1 - b) / (1 - a)) sqrt(1 - a / b)",
             *pair(b, eta * beta.sqrt()), eta * beta.sqrt()),
        ] + slips
    return *pair(b, sigma), sigma, slips


ETA_0 = "with eta=0 noise is added on the way: the samples should depend on the first noise only"


def judge_ddim(student, rng, schedule, steps, eta, options):
    """Run sample_ddim and assert the factors of each step."""
    _, states, eps, times = observe_sampler(student, rng, "sample_ddim", schedule, 3000, 2, steps, options)
    *found, rest = factors(states, eps)
    many, spread_found = rest[0].numel(), rest.flatten(1).std(dim=1)
    a, b, sigma, slips = ddim_table(schedule, times, eta)
    if not (agree(found, (a, b), spread_found, many) and same_spread(spread_found, sigma, many)):
        if not eta:
            assert spread_found.max() < 1e-3, ETA_0
        for slip, *rule, other in slips:
            assert not (agree(found, rule, spread_found, many)
                        and (other is None or same_spread(spread_found, other, many))), slip
        raise AssertionError(f"a step with eta={eta:g} should be {a[0]:.4f} x + {b[0]:.4f} eps + {sigma[0]:.4f} z at "
                             f"t = {times[0]}, it is {found[0][0]:.4f} x + {found[1][0]:.4f} eps + "
                             f"{spread_found[0]:.4f} z")
    if eta:
        judge_fresh(states, rest)


@graded("diffusion.sample_ddim", points=3, hint="x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt(), then b.sqrt() * x_0 + "
        "(1 - b - sigma ** 2).sqrt() * eps; b = 1 at the end")
def test_ddim_steps(student, rng):
    """eta = 0, some of the steps, and all of them."""
    schedule = chain(rng, whole(rng, 9, 12))
    judge_ddim(student, rng, schedule, 4, 0.0, {"steps": 4})
    judge_ddim(student, rng, schedule, len(schedule["betas"]), 0.0, {"steps": len(schedule["betas"]), "eta": 0.0})


@graded("diffusion.sample_ddim", points=1,
        hint="sigma = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt(), and sigma * torch.randn_like(x)")
def test_ddim_eta(student, rng):
    """eta between 0 and 1, and 1: the size of the noise, and that it is drawn anew in each step."""
    schedule = chain(rng, whole(rng, 9, 12))
    for eta in (0.6, 1.0):
        judge_ddim(student, rng, schedule, 5, eta, {"steps": 5, "eta": eta})


@graded("diffusion.sample_ddim", points=1, hint="Append each new x to the trajectory, of points and of images")
def test_ddim_trajectory(student, rng):
    """All visited states, for points and for images; one step only."""
    schedule = chain(rng, whole(rng, 9, 12))
    for size, steps in ((3, 3), ([1, 4, 5], 2), (2, 1)):
        seen, states, eps, times = observe_sampler(student, rng, "sample_ddim", schedule, 20, size, steps,
                                                   {"steps": steps})
        judge_trajectory(seen, states, "sample_ddim")
        *found, rest = factors(states, eps)
        assert rest.abs().max() < 1e-2, ETA_0
        *right, _, slips = ddim_table(schedule, times, 0.0)
        assert any(agree(found, rule, rest.flatten(1).std(dim=1), rest[0].numel())
                   for rule in (right, *(rule for _, *rule, _ in slips))), \
            "the states of the trajectory follow neither the formula nor a usual mistake of it"
    kept = student.observe("grown", name="sample_ddim", n_samples=2, options={"steps": 2}, **schedule)
    assert not kept["requires_grad"], "the samples hold the graph of all steps: keep @torch.no_grad()"
