"""Hidden checks of helpers/flow.py. Each compares what a probe saw with the reference, for inputs drawn anew.

What is right is computed here, in other ways than the solution does. Where a solution draws numbers itself, what it
sends could be made up so that all parts fit together: so what counts are the answers to what the grader has drawn.
"""
import torch
from scipy.optimize import linear_sum_assignment

from autograde_tests import graded, normal, uniform, whole
from autograde_tests.probes.flow import WEIGHT, Field, Guess, Hops, Labelled, stroll
from helpers.given.checks.engine import (agrees, close, expect_right, expect_tensor, judge_gradient, name_the_slip,
                                         only_number, spread)
from helpers.given.checks.flow import (ATTACHED, BACKWARD, FIXED, FLAGGED, GRAPH, NEVER, ON_A_CARD, PAIRS_ON_A_CARD,
                                       SEEDED, between_data, guided_slips, judge_asked, judge_coupled, judge_divergence,
                                       judge_given, judge_likelihood, judge_mean, judge_most, judge_noise,
                                       judge_pairs_shape, judge_path, judge_start, judge_times, judge_trajectory,
                                       judge_value, judge_walk, judge_walked, loss_slips, make_field, shortcut_slips,
                                       straightness_slips, telling, walk)

CHANGES = "{} changes what it is given: compute new tensors"


# interpolate: 3 points

def judge_between(student, rng, shape, t):
    x_0, x_1 = normal(rng, *shape), normal(rng, *shape) + 1
    seen = student.observe("between", x_0=x_0, x_1=x_1, t=t)
    judge_path(seen["found"], x_0, x_1, t)
    assert seen["untouched"], CHANGES.format("interpolate")


@graded("flow.interpolate", points=1, hint="(1 - t) * x_0 + t * x_1, and x_1 - x_0")
def test_interpolate_one_time(student, rng):
    """One time for all: on the way, and at both ends."""
    for t in (0.1 * whole(rng, 1, 4), 0.1 * whole(rng, 6, 9), 0.0, 1.0):
        judge_between(student, rng, (whole(rng, 5, 9), whole(rng, 2, 4)), t)


@graded("flow.interpolate", points=1, hint="t.reshape(-1, 1) for points: one number for each pair")
def test_interpolate_each_time(student, rng):
    """A time for each pair; also as many pairs as coordinates, and one pair."""
    for count, size in ((3, 3), (whole(rng, 6, 9), 2), (1, 2)):
        judge_between(student, rng, (count, size), uniform(rng, count))


@graded("flow.interpolate", points=1, hint="t needs an axis of size 1 for each axis of an image.")
def test_interpolate_images(student, rng):
    """Images, as high and as wide as the batch is large: wrong shapes fit, too."""
    for channels in (1, 3):
        count = whole(rng, 4, 6)
        judge_between(student, rng, (count, channels, count, count), uniform(rng, count))
    judge_between(student, rng, (3, 3, 4, 5), uniform(rng, 3))
    judge_between(student, rng, (2, 1, 4, 5), 0.3)


# exact_velocity: 3 points

def judge_exact(student, x, times, data):
    seen = student.observe("exact", x=x, times=times, data=data)
    assert seen["untouched"], CHANGES.format("exact_velocity")
    for t, found in zip(times, seen["found"], strict=True):
        judge_mean(found, x, t, data)


@graded("flow.exact_velocity", points=2, hint="weights = softmax of -|x - t x_1|^2 / (2 (1 - t)^2) over the data; "
        "(weights @ data - x) / (1 - t)")
def test_exact_velocity(student, rng):
    """On the way; for as many places as data, too."""
    for count, size, features in ((whole(rng, 6, 9), whole(rng, 3, 5), 2), (4, 4, 3)):
        data = 1.5 * normal(rng, size, features) + 0.5
        times = [0.05 * whole(rng, 5, 8), 0.05 * whole(rng, 11, 14)]
        judge_exact(student, normal(rng, count, features), times, data)


@graded("flow.exact_velocity", points=1, hint="torch.softmax of the logarithms of the weights: none becomes 0 / 0")
def test_exact_velocity_ends(student, rng):
    """Shortly before the end, far from all data, and at the start, where all data are equally likely. The start comes
    last: several slips give the same there, and the first of them would be named."""
    data, x = between_data(rng, 8, whole(rng, 4, 7), 2)
    judge_exact(student, x, [0.97], data)
    judge_exact(student, normal(rng, 5, 2), [0.0], normal(rng, 6, 2) + 1)


# flow_matching_loss: 4 points

def alike(rng, count, *shape):
    """A batch of samples that are all the same, not near 0: it does not matter in which order they are asked about."""
    sample = uniform(rng, 1, *shape, low=1, high=2) * torch.randn(1, *shape, generator=rng).sign()
    return sample.repeat(count, *[1] * len(shape))


def asked_about(seen, count, shape):
    """Assert that a loss is a number, and asked about so many samples of this shape. Returns x_t, t, and the sizes of
    the calls."""
    only_number(seen["loss"])
    assert seen["calls"], NEVER
    x_t, t, sizes = seen["calls"]
    judge_asked(x_t, t, count, shape)
    assert seen["untouched"], CHANGES.format("the loss")
    return x_t.double(), t.double(), [int(size) for size in sizes]


def judge_drawn(student, rng, x_1):
    """Assert that the loss of samples that are all the same is right, or one as usual mistakes give it.

    Returns what was seen, the times, and the sizes of the calls.
    """
    for _ in range(3):
        number = whole(rng, 1, 10 ** 6)
        seen = student.observe("loss", x_1=x_1, given={}, number=number)
        x_t, t, sizes = asked_about(seen, len(x_1), x_1.shape[1:])
        if t.max() < 1 - 1e-5:  # else rounding hides where one of the paths began
            break
    assert min(sizes) > 0 and sum(sizes) == len(x_1), "the sizes of the calls do not fit the batch"
    model = Guess(number, WEIGHT)
    predicted = torch.cat([model(x, 0.0) for x in x_t.float().split(sizes)]).double()
    x_1 = x_1.double()
    x_0, clear = judge_noise(x_t, t, x_1[:1])
    # If the noise could be made from the answers, the loss would be known without computing it.
    joint = torch.corrcoef(torch.stack((x_0[clear].flatten(), predicted[clear].flatten())))[0, 1]
    assert joint.abs() < 5 / x_0[clear].numel() ** 0.5, "the noise depends on the model's answers"
    slips = loss_slips(predicted, x_1 - x_0, x_1, x_0, x_t)
    if not any(close(seen["loss"], wrong) for _, wrong in slips):
        judge_value(seen["loss"].double(), predicted, x_1 - x_0, x_1, x_0, x_t)
        judge_gradient(seen["gradient"], WEIGHT, predicted, x_1 - x_0)
    return seen, t, sizes


@graded("flow.flow_matching_loss", points=2,
        hint="x_t, velocity = interpolate(x_0, x_1, t); F.mse_loss(model(x_t, t), velocity)")
def test_loss_of_given_pairs(student, rng):
    """x_0 and t are given: where the model is asked, and the mean squared error, for points and for images."""
    for shape in ((whole(rng, 6, 9), 2), (4, 1, 3, 4)):
        x_1, x_0, t = normal(rng, *shape) + 1, normal(rng, *shape), uniform(rng, shape[0])
        field = make_field(rng, x_1[0].numel())
        seen = student.observe("loss_of", x_1=x_1, x_0=x_0, t=t, field=field)
        judge_given(*asked_about(seen, len(x_1), shape[1:])[:2], x_1, x_0, t)
        x_1, x_0, t = (part.double() for part in (x_1, x_0, t))
        x_t = x_0 + spread(t, x_0) * (x_1 - x_0)
        judge_value(seen["loss"].double(), Field(*field).answer(x_t, t), x_1 - x_0, x_1, x_0, x_t)
    # Only one of both is given, all samples are the same.
    x_1, x_0, t = alike(rng, 40, 2), alike(rng, 40, 2), uniform(rng, 40)
    seen = student.observe("loss", x_1=x_1, given={"x_0": x_0}, number=whole(rng, 1, 10 ** 6))
    x_t, times, _ = asked_about(seen, 40, (2,))
    judge_given(x_t, times, x_1, x_0, times)
    seen = student.observe("loss", x_1=x_1, given={"t": t}, number=whole(rng, 1, 10 ** 6))
    _, times, _ = asked_about(seen, 40, (2,))
    assert close(times.sort().values, t.double().sort().values, 1e-5), "the times that are given are not used if x_0 " \
        "is drawn: what is given counts, what is not given is drawn"


@graded("flow.flow_matching_loss", points=1, hint="t = torch.rand(len(x_1))")
def test_loss_times(student, rng):
    """Each pair has a time of its own, uniform in [0, 1]; what is drawn is drawn anew."""
    judge_drawn(student, rng, alike(rng, 3000, 2))  # a loss that is guessed may be near once, not twice
    seen, t, sizes = judge_drawn(student, rng, alike(rng, 6000, 2))
    judge_times(t, sizes)
    assert seen["seeds"] is False, SEEDED


@graded("flow.flow_matching_loss", points=1, hint="x_0 = torch.randn_like(x_1), for points and for images")
def test_loss_noise(student, rng):
    """The paths start from noise, and the model's weights get the gradient of their mean squared error."""
    for shape in ((whole(rng, 3000, 3500), 2), (whole(rng, 300, 400), 1, 4, 4)):
        judge_drawn(student, rng, alike(rng, *shape))


# euler: 3 points, heun: 4

def road(rng, steps, back=False):
    """Times that lie unevenly, from 0 to 1 or back."""
    parts = uniform(rng, steps, low=0.3, high=1.0)
    times = torch.cat((torch.zeros(1), (parts / parts.sum()).cumsum(0)))
    times[-1] = 1
    return times.flip(0) if back else times


def observe_walk(student, rng, name, shape, times, usual=False):
    """Have a solver walk. Returns the trajectory, and the states that it should hold: see `judge_walk`."""
    field, x = make_field(rng, shape[1:].numel()), normal(rng, *shape)
    seen = student.observe("walked", name=name, field=field, x=x, times=times)
    found = judge_walk(name, seen["result"], seen["looks"], Field(*field), x, times, usual)
    return seen, *found


def judge_end(student, rng, name):
    """Walk forwards and back, unevenly, points and images; one step, and between other times than 0 and 1."""
    for shape, times in (((whole(rng, 4, 7), 2), 0.1 + 0.7 * road(rng, whole(rng, 4, 6))),
                         ((whole(rng, 4, 7), 3), road(rng, whole(rng, 4, 6), back=True)),
                         ((3, 1, 2, 3), road(rng, 3)), ((1, 2), road(rng, 1))):
        seen, *_ = observe_walk(student, rng, name, torch.Size(shape), times)
        assert seen["untouched"], CHANGES.format(name)


def judge_way(student, rng, name):
    """All states on the way; no graph is kept."""
    for shape, back in (((whole(rng, 6, 9), 2), False), ((3, 1, 2, 3), True)):
        seen, trajectory, states = observe_walk(student, rng, name, torch.Size(shape), road(rng, 4, back), usual=True)
        judge_trajectory(trajectory, states, name)
        assert seen["untouched"], CHANGES.format(name)
        assert seen["graph"] is False, GRAPH


@graded("flow.euler", points=2, hint="x = x + (then - now) * velocity(x, now.expand(len(x)))")
def test_euler_end(student, rng):
    judge_end(student, rng, "euler")


@graded("flow.euler", points=1, hint="Append each new x to the trajectory; x = x + ..., not x += ...")
def test_euler_trajectory(student, rng):
    judge_way(student, rng, "euler")


@graded("flow.heun", points=3, hint="first = velocity(x, now), second = velocity(x + dt * first, then), "
        "x = x + dt * (first + second) / 2")
def test_heun_end(student, rng):
    judge_end(student, rng, "heun")


@graded("flow.heun", points=1, hint="Append each new x to the trajectory; x = x + ..., not x += ...")
def test_heun_trajectory(student, rng):
    judge_way(student, rng, "heun")


# divergence: 3 points

def observe_divergence(student, rng, count, features):
    """The divergence in two calls, and what was seen besides; its value is judged."""
    field, x, t = make_field(rng, features), normal(rng, count, features), uniform(rng, count)
    seen = student.observe("diverging", field=field, x=x, t=t)
    found, again = seen["found"]
    judge_divergence(found, again, Field(*field), x, t)
    return seen


@graded("flow.divergence", points=2,
        hint="sum over d of torch.autograd.grad(v[:, d].sum(), x, retain_graph=True)[0][:, d]")
def test_divergence(student, rng):
    """In one dimension and in several; for as many places as coordinates, too."""
    for count, features in ((whole(rng, 5, 9), 3), (whole(rng, 5, 9), 2), (4, 4), (whole(rng, 5, 9), 1), (1, 3)):
        observe_divergence(student, rng, count, features)


@graded("flow.divergence", points=1, hint="x.detach().requires_grad_(), torch.autograd.grad, and .detach() at the end")
def test_divergence_leaves_nothing(student, rng):
    """Not even a gradient in the weights. Also where gradients are switched off."""
    field, x, t = make_field(rng, 3), normal(rng, 6, 3), uniform(rng, 6)
    seen = student.observe("diverging", field=field, x=x, t=t)
    for value in seen["found"]:
        expect_tensor("the divergence", value, (6,))
    assert seen["flagged"] is False, FLAGGED
    assert seen["untouched"], CHANGES.format("divergence")
    assert seen["graph"] is False, ATTACHED
    assert seen["filled"] is False, BACKWARD
    judge_divergence(*seen["found"][::-1], Field(*field), x, t)


# log_likelihood: 4 points

def observe_likelihood(student, rng, count, features, times, usual=False):
    field, x = make_field(rng, features), normal(rng, count, features)
    seen = student.observe("likely", field=field, x=x, times=times)
    judge_likelihood(seen["value"], Field(*field), x, times, usual)
    return seen


@graded("flow.log_likelihood", points=2, hint="log N(x_0; 0, I) at the end of the way back, plus the integral of the "
        "divergence along it, as heun adds it up from 1 to 0")
def test_log_likelihood(student, rng):
    """Points in the plane."""
    observe_likelihood(student, rng, whole(rng, 5, 8), 2, road(rng, 20, back=True))


@graded("flow.log_likelihood", points=1, hint="-|x_0|^2 / 2 - D / 2 log(2 pi): D is x.shape[1]")
def test_log_likelihood_in_other_dimensions(student, rng):
    for features in (1, whole(rng, 3, 5)):
        observe_likelihood(student, rng, whole(rng, 5, 8), features, road(rng, 20, back=True))


@graded("flow.log_likelihood", points=1, hint="heun(field, start, times): the times that are given, as they are")
def test_log_likelihood_times(student, rng):
    """The walk goes through the times that are given; it changes nothing."""
    times = road(rng, 20, back=True)
    seen = observe_likelihood(student, rng, 4, 2, times, usual=True)
    expect_tensor("the times of the walk", seen["times"], (len(seen["times"]),))
    judge_walked(seen["times"].double(), times)
    assert seen["untouched"], CHANGES.format("log_likelihood")


# straightness: 2 points

def judge_straightness(student, trajectories):
    seen = student.observe("straight", trajectories=trajectories)
    for each, trajectory in zip(seen, trajectories, strict=True):
        expect_tensor(f"the straightness of a trajectory of shape {tuple(trajectory.shape)}", each["value"], ())
        assert each["untouched"], "straightness changes the trajectory it is given"
        x = trajectory.double()
        velocities = (x[1:] - x[:-1]) * (len(x) - 1)
        right = ((x[-1] - x[0] - velocities) ** 2).flatten(2).sum(dim=2).mean()
        expect_right(each["value"], right, lambda: straightness_slips(x), "the straightness of a trajectory of "
                     f"{len(x) - 1} steps should be {right:.5g}, it is {each['value']:.5g}")


@graded("flow.straightness", points=1, hint="velocities = (trajectory[1:] - trajectory[:-1]) * S; then "
        "(x_S - x_0 - velocities) ** 2, summed over the coordinates")
def test_straightness_of_points(student, rng):
    """Few steps and many, and one: then all paths are straight."""
    judge_straightness(student, [normal(rng, steps + 1, whole(rng, 4, 9), whole(rng, 2, 4))
                                 for steps in (whole(rng, 3, 5), whole(rng, 8, 12), 1)])


@graded("flow.straightness", points=1, hint=".flatten(2) makes one row of each sample's coordinates, points or images")
def test_straightness_of_images(student, rng):
    judge_straightness(student, [normal(rng, whole(rng, 4, 6), whole(rng, 3, 5), 2, 3, 4)])


# couple: 3 points

def best_columns(cost):
    """The columns with the smallest sum of costs, one for each row."""
    return torch.as_tensor(linear_sum_assignment(cost.double().numpy())[1])


def judge_couple(student, rng, *shape):
    """Have a batch paired, and assert that it is well done. Returns what was seen."""
    count = whole(rng, 10, 14)
    x_0, x_1 = telling(lambda: (normal(rng, count, *shape), normal(rng, count, *shape) ** 3), best_columns)
    seen = student.observe("coupled", x_0=x_0, x_1=x_1)
    judge_coupled(seen["x_0"], x_0, x_1, best_columns)
    return seen


@graded("flow.couple", points=2, hint="_, columns = linear_sum_assignment(cost), where cost has a row for each x_1 and "
        "a column for each x_0: torch.cdist(x_1, x_0) ** 2; then x_0[columns]")
def test_couple_points(student, rng):
    for _ in range(3):
        judge_couple(student, rng, whole(rng, 2, 3))


@graded("flow.couple", points=1, hint="x.flatten(1) makes points of images; .cpu().numpy() for scipy, and the result "
        "is x_0's rows: new, on its device")
def test_couple_images(student, rng):
    """Images; noise and data on a graphics card; neither is changed."""
    seen = judge_couple(student, rng, 1, 2, 3)
    assert seen["untouched"], "couple changes what it is given: x_0[order] makes a new tensor"
    assert seen["there"] == "", ON_A_CARD.format(seen["there"])


# reflow_pairs: 3 points

def reflow_ends(field, noise, times, shares):
    """Where paths end: by the stroll in heun's place, and as Heun's method would; and what typical mistakes make of it.
    field: a Field. shares: of the strolls in the places of heun and euler."""
    def strolled(times=times, name="heun"):
        return stroll(field, noise, times, shares[name])[1]

    def solved(times=times, **options):
        return walk(field, noise, times, **options)

    euler = "the walk is Euler's: walk with heun"
    back = "the paths are walked backwards: times go to heun as they are"
    start = "both of a pair are the noise: the end is the first that heun returns"
    early = "that is not the end of the path: heun returns (end, trajectory), and the last state is the end"
    velocity = "that is the velocity at the start, not the end of the path"
    paths = strolled(), solved()
    return [path[-1] for path in paths], [
        (start, noise),
        (euler, strolled(name="euler")[-1]),
        (euler, solved(first=1.0, second=0.0)[-1]),
        (back, strolled(times.flip(0))[-1]),
        (back, solved(times.flip(0))[-1]),
        *((early, state) for path in paths for state in path[1:-1]),
        (velocity, field.answer(noise, times[:1].expand(len(noise)))),
        *(("that is the way from the noise to the end, not the end", path[-1] - noise) for path in paths),
    ]


def observe_pairs(student, rng, n_samples, batch_size, usual=False):
    """Have pairs made, and assert that they are noise and where heun leads from it.

    usual: or where usual mistakes lead. Returns what was seen, and the noise.
    """
    size, steps = whole(rng, 2, 4), whole(rng, 4, 6)
    (inner, outer), times = make_field(rng, size), road(rng, steps)
    shares = {name: (0.5 + uniform(rng, steps)).tolist() for name in ("heun", "euler")}
    seen = student.observe("reflowed", n_samples=n_samples, n_features=size, times=times, batch_size=batch_size,
                           inner=inner, outer=outer, shares=shares, number=whole(rng, 1, 10 ** 6))
    judge_pairs_shape(seen["pairs"], n_samples, size, batch_size)
    noise, ends = seen["pairs"].double().unbind(dim=1)
    field = Field(inner, outer)
    rights, slips = reflow_ends(field, noise, times.double(), shares)
    if not any(close(ends, known) for known in (*rights, *(wrong for _, wrong in slips if usual))):
        name_the_slip(ends, slips)
        assert not any(close(noise, right) for right in reflow_ends(field, ends, times.double(), shares)[0]), \
            "the order is swapped: the noise is [i, 0], the end of its path is [i, 1]"
        assert not any(close(ends.sort(dim=0)[0], right.sort(dim=0)[0]) for right in rights), \
            "the pairs are mixed: each end stands beside the noise of another path"
        raise AssertionError("the end of a path is not where heun leads from the noise beside it: is that the noise "
                             "that was walked from, or was it drawn anew?")
    return seen, noise


@graded("flow.reflow_pairs", points=2, hint="end, _ = heun(velocity, x_0, times); torch.stack((x_0, end), dim=1)")
def test_reflow_ends(student, rng):
    """One batch, and several."""
    batch = whole(rng, 30, 50)
    for n_samples in (whole(rng, 20, 30), 3 * batch):
        seen, noise = observe_pairs(student, rng, n_samples, batch)
        assert seen["untouched"], "reflow_pairs changes the times it is given"
        # With noise of nearly 0, or so large that tanh is 1 all over, ends would be known without walking.
        assert 0.1 < noise.std() < 10, "the noise should come from N(0, I): torch.randn"


@graded("flow.reflow_pairs", points=1, hint="for start in range(0, n_samples, batch_size): draw min(batch_size, "
        "n_samples - start) noises in the loop, from torch.randn")
def test_reflow_noise(student, rng):
    """The noise of all batches, the last of them smaller; how many paths are walked at once; anew in each call."""
    batch = whole(rng, 800, 1000)
    seen, noise = observe_pairs(student, rng, 3 * batch - whole(rng, 100, 300), batch, usual=True)
    judge_start(noise, batch)
    judge_most(seen["most"], batch)
    assert seen["seeds"] is False, FIXED
    assert seen["there"] == "", PAIRS_ON_A_CARD.format(seen["there"])


# guided_velocity: 3 points

def judge_guided(student, rng, scales):
    """Assert the guided velocity for each scale."""
    classes, count = whole(rng, 5, 9), whole(rng, 5, 8)
    # Neither the first nor the last label is among the labels or stands for "any class": taking them for it shows.
    null_label = whole(rng, 1, classes - 2)
    labels = torch.randint(1, classes - 2, (count,), generator=rng)
    labels = labels + (labels >= null_label)
    t, x = uniform(rng, count), normal(rng, count, 1, 4, 4)
    model = Labelled(normal(rng, classes), 3 * normal(rng, classes), null_label)
    seen = student.observe("guided", x=x, t=t, labels=labels, factors=model.factors, offsets=model.offsets,
                           null_label=null_label, scales=scales)
    cond, free, zero, last = (model(x, t, given).double()
                              for given in (labels, None, torch.tensor(0), torch.tensor(classes - 1)))
    for each in seen:
        expect_tensor("the guided velocity", each["out"], x.shape)
        assert each["untouched"], "guided_velocity changes what it is given: x, t or labels"
    for each, scale in zip(seen, scales, strict=True):
        expect_right(each["out"].double(), free + scale * (cond - free),
                     guided_slips(x.double(), cond, free, zero, last, scale),
                     "the guided velocity should be the one without labels, of model.null_label, plus scale times the "
                     f"difference of the two; it is not for scale {scale:g}. The null label is {null_label} here, the "
                     f"model was asked with {each['asked']}")


@graded("flow.guided_velocity", points=2, hint="without + scale * (with_labels - without)")
def test_guided_velocity(student, rng):
    """Scales above 1, and between 0 and 1."""
    judge_guided(student, rng, [1.5 + whole(rng, 1, 6), 0.3])


@graded("flow.guided_velocity", points=1, hint="scale 0: the velocity without labels; scale 1: the one with them")
def test_guided_velocity_ends(student, rng):
    """And between them: two answers that ask the model only would do for the ends. That comes first: at an end several
    slips give the same, and the first of them would be named."""
    judge_guided(student, rng, [0.1 * whole(rng, 2, 8), 0.0, 1.0])


# update_average: 2 points

def average_slips(old, new, decay, frozen):
    """What typical mistakes did, and the weights of each. old, new: of the average and the model. frozen: places of the
    weights that do not learn."""
    def each(function, among=range(len(old))):
        return [function(a, b) if k in among else a for k, (a, b) in enumerate(zip(old, new))]

    def right(a, b):
        return decay * a + (1 - decay) * b

    many = len(old)
    one = "only one of the weights is moved: all parameters of the model count"
    learning = [k for k in range(many) if k not in frozen]
    slips = [
        ("the average stays as it was: `mean = ...` gives a new tensor a name. Change the weights in place, with "
         "mean.lerp_ or mean.copy_", each(lambda a, b: a)),
        ("decay is the share of the model: it is what the average keeps",
         each(lambda a, b: (1 - decay) * a + decay * b)),
        ("the average becomes the model: it moves a little towards it", each(lambda a, b: b)),
        ("decay does nothing: that is the mean of both", each(lambda a, b: (a + b) / 2)),
        ("the model's part is missing: (1 - decay) times what it has", each(lambda a, b: decay * a)),
        ("the model's part counts whole: (1 - decay) times what it has", each(lambda a, b: decay * a + b)),
        ("the average's part counts whole: decay times what it has", each(lambda a, b: a + (1 - decay) * b)),
        ("the sign is wrong: the average moves away from the model", each(lambda a, b: a - (1 - decay) * (b - a))),
        ("only the model's part is left: add decay times what the average has", each(lambda a, b: (1 - decay) * b)),
        (one, each(right, [0])),
        (one, each(right, [many - 1])),
    ]
    if frozen:
        slips.append(("weights that do not learn, requires_grad=False, are left out: all parameters count",
                      each(right, learning)))
        slips.append(("weights that do not learn, requires_grad=False, are copied: all parameters are averaged",
                      [right(a, b) if k in learning else b for k, (a, b) in enumerate(zip(old, new))]))
    return slips


def judge_average(student, rng, decay, buffers, frozen=(), usual=False):
    """Have an average updated, and assert that its weights are right; usual: or as usual mistakes leave them.

    buffers: two lists, the average's and the model's. Returns what was seen.
    """
    shapes = (3, 4), (3,), (), (2, 3)
    old, new = ([torch.randn(shape, generator=rng) for shape in shapes] for _ in range(2))
    seen = student.observe("averaged", average=[old, buffers[0]], model=[new, buffers[1]], decay=decay,
                           frozen=list(frozen))
    for shape, value in zip(shapes, seen["weights"], strict=True):
        expect_tensor("a weight of the average", value, shape)
    found, old, new = ([value.double() for value in values] for values in (seen["weights"], old, new))
    slips = average_slips(old, new, decay, frozen)
    if not (usual and any(agrees(found, wrong, 1e-5) for _, wrong in slips)):
        expect_right(found, [decay * a + (1 - decay) * b for a, b in zip(old, new)], slips,
                     "each weight of the average should become decay times what it was plus (1 - decay) times what the "
                     f"model has; it does not with decay {decay:g}", near=1e-5)
    return seen


@graded("flow.update_average", points=1, hint="for mean, new in zip(average.parameters(), model.parameters()): "
        "mean.lerp_(new, 1 - decay)")
def test_average_of_weights(student, rng):
    """Weights that learn and those that do not; the ends of decay."""
    for decay, frozen in ((0.6 + 0.3 * uniform(rng, 1).item(), ()), (0.2, [whole(rng, 1, 2)]), (1.0, ()), (0.0, [2])):
        seen = judge_average(student, rng, decay, ([], []), frozen)
        assert seen["untouched"], "update_average changes the model: only the average moves"
        assert seen["apart"], "the weights of the average change with the model's: they share memory, so copy them"


@graded("flow.update_average", points=1, hint="for mean, new in zip(average.buffers(), model.buffers()): "
        "mean.copy_(new)")
def test_average_of_buffers(student, rng):
    """Buffers are copied, whole numbers too."""
    decay = 0.6 + 0.3 * uniform(rng, 1).item()
    old, new = ([normal(rng, 3), torch.tensor(whole(rng, low, low + 50)), normal(rng, 2, 2)] for low in (100, 200))
    seen = judge_average(student, rng, decay, (old, new), usual=True)
    for due, value in zip(new, seen["buffers"], strict=True):
        expect_tensor("a buffer of the average", value, due.shape)
        assert value.dtype == due.dtype, f"a buffer of the average becomes {value.dtype}, it was {due.dtype}: copy it"
    found, old, new = ([value.double() for value in values] for values in (seen["buffers"], old, new))
    mixed = [decay * a + (1 - decay) * b for a, b in zip(old, new)]
    averaged = "buffers are averaged: they are no weights, copy them from the model"
    expect_right(found, new, [
        ("the buffers stay as they were: copy them from the model, mean.copy_(new) for average.buffers() and "
         "model.buffers()", old),
        (averaged, mixed),
        (averaged, [mixed[0], mixed[1].floor(), mixed[2]]),
        (averaged, [mixed[0], mixed[1].round(), mixed[2]]),
        (averaged, [mixed[0], new[1], mixed[2]]),
        (averaged, [mixed[0], old[1], mixed[2]]),
        ("buffers of whole numbers are left out: copy all buffers", [new[0], old[1], new[2]]),
        ("only the buffers of whole numbers are copied: copy all buffers", [old[0], new[1], old[2]]),
        ("only one of the buffers is copied: copy them all", [new[0], *old[1:]]),
        ("only one of the buffers is copied: copy them all", [*old[:2], new[2]]),
    ], "the buffers of the average should be those of the model", near=1e-5)
    assert seen["untouched"], "update_average changes the model: only the average moves"
    assert seen["apart"], "the buffers of the average change with the model's: they share memory, so copy them"


# shortcut_target: 3 points

def judge_target(student, rng, *shape):
    """Assert what a shortcut model should say. Returns what was seen."""
    x, d, factors = normal(rng, *shape), uniform(rng, shape[0], low=0.1, high=0.4), 1 + uniform(rng, 3)
    t = uniform(rng, shape[0]) * (1 - 2 * d)
    seen = student.observe("target", x=x, t=t, d=d, factors=factors)
    expect_tensor(f"the target for x of shape {shape}", seen["out"], shape)
    model, x, t, d = Hops(factors.double()), x.double(), t.double(), d.double()
    with torch.no_grad():
        first = model(x, t, d)
        right = (first + model(x + spread(d, x) * first, t + d, d)) / 2
        expect_right(seen["out"], right, lambda: shortcut_slips(model, x, t, d), "the target is not the mean of what "
                     "the model says about a step of d, and about the next one from where that one ends, at t + d")
    assert seen["untouched"], "shortcut_target changes what it is given: x, t or d"
    return seen


@graded("flow.shortcut_target", points=2,
        hint="first = model(x, t, d); second = model(x + d * first, t + d, d), with an axis added to d; their mean")
def test_shortcut_target(student, rng):
    """Points, also as many as coordinates."""
    for count in (whole(rng, 6, 9), 3):
        judge_target(student, rng, count, 3)


@graded("flow.shortcut_target", points=1, hint="d.reshape(-1, *[1] * (x.dim() - 1)) for points and images; under "
        "@torch.no_grad()")
def test_shortcut_target_of_images(student, rng):
    """Images, as high and as wide as the batch is large; no gradient."""
    count = whole(rng, 3, 5)
    seen = judge_target(student, rng, count, 2, count, count)
    assert seen["graph"] is False, "a gradient flows through the target: keep @torch.no_grad(). The target is what " \
        "the model should say, and must not move towards what it does say"
