"""Public checks of helpers/gan.py."""
import inspect

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import (Layers, PlainSteps, agrees, close, expect_all_learn, expect_between,
                                         expect_close, expect_parameters, expect_right, expect_shape, expect_tensor,
                                         expect_untouched, name_the_slip, run_layers, same, silent)

gan = GradedModule("gan")

# Ten logits of the coursework for real and for generated images.
REAL = (0.93487311, -1.01698916, -0.57304769, -0.88162704, -1.40129389, -1.45395693, -1.54239755, -0.57273325,
        0.98584429, 0.13312152)
FAKE = (-1.80865868, 0.09030055, -0.4428902, -0.07879368, -0.37655044, 0.32084742, -0.28590837, 1.01376281,
        0.99241439, 0.39394346)
LEAKY = "LeakyReLU with slope 0.01"


def run_network(what, model, x, shape, kinds, wanted=(), norms=()):
    """`run_layers` of an nn.Module; asserts also what stands after its first layers, in their order: `wanted`."""
    assert isinstance(model, nn.Module), f"the {what} should be an nn.Module, got {type(model).__name__}"
    out, layers = run_layers(what, model, x, shape, kinds)
    for k, name in enumerate(wanted):
        expect_between(f"after layer {k + 1} of the {what}", layers[k]["output"], layers[k + 1]["input"], name, norms)
    return out, layers


def expect_logits(what, out, layers):
    """Assert that nothing comes after the last layer."""
    assert same(out, layers[-1]["output"]), \
        f"the {what} should return what its last layer gives, without an activation: the losses want logits"


@public("gan.sample_noise", hint="torch.rand draws from [0, 1): what has to be done for length 2, starting at -1?")
def sample_noise():
    z = gan.sample_noise(5000, 4)
    expect_shape("sample_noise(5000, 4)", z, (5000, 4))
    low, high = z.min().item(), z.max().item()
    assert -1 <= low < -0.98 and 0.98 < high <= 1, \
        f"the noise should run from -1 to 1; 20,000 draws run from {low:.3f} to {high:.3f}"
    expect_close("the mean of 20,000 draws", z.mean(), 0.0, 0.03)
    expect_close("the variance of 20,000 draws, as of all that is uniform in [-1, 1],", z.var(), 1 / 3, 0.02)
    assert not torch.equal(z[:, 0], z[:, 1]), "the numbers of one row are the same: draw noise_dim numbers for each"
    assert not torch.equal(z, gan.sample_noise(5000, 4)), "two calls gave the same noise: it must be drawn anew"
    kind = gan.sample_noise(2, 3, dtype=torch.float64).dtype
    assert kind == torch.float64, f"with dtype=torch.float64 the noise should have this dtype, it has {kind}"
    try:
        gan.sample_noise(2, 3, device="nowhere")
    except Exception:  # there is no such device, as there should be none: it has been passed on
        return
    raise AssertionError("device is ignored: sample_noise(2, 3, device='nowhere') gives noise, but the noise should be "
                         "made on the device that is asked for, or moved there")


@public("gan.discriminator", hint="Three linear layers with biases, LeakyReLU with slope 0.01 between them. A width w "
        "of both hidden layers makes 784w + w, w*w + w and w + 1 numbers.")
def discriminator():
    model, x = gan.discriminator(), 20 * torch.rand(7, 784) - 10
    out, layers = run_network("discriminator", model, x, (7, 1), ["linear"] * 3, [LEAKY] * 2)
    expect_parameters("discriminator()", model, 267009)
    expect_logits("discriminator", out, layers)


@public("gan.generator", hint="Three linear layers with biases, ReLU between them, Tanh at the end. Count the numbers "
        "for a width w of both hidden layers.")
def generator():
    model, z = gan.generator(4), 20 * torch.rand(7, 4) - 10
    out, layers = run_network("generator", model, z, (7, 784), ["linear"] * 3, ["ReLU"] * 2)
    expect_parameters("generator(4)", model, 1858320)
    assert same(out, torch.tanh(layers[-1]["output"])), \
        f"pixels should be brought into [-1, 1] by Tanh; they run from {out.min():.3f} to {out.max():.3f}"
    expect_shape("generator()(noise of 96 numbers)", gan.generator()(torch.zeros(2, 96)), (2, 784))


def expect_loss(loss, example, logits, expected, slips, extreme, gradients):
    """Assert what a loss gives for the coursework's logits, in two shapes, and for large ones, and its gradients.

    Args:
        loss: function of as many tensors as there are in logits. example: what these logits are.
        expected: the value for them. slips: what it is after usual mistakes, a dict name -> value.
        extreme: the value for LARGE. gradients: for each argument, 5 times the gradient there.
    """
    given = [x.clone() for x in logits]
    value = loss(*given)
    expect_shape("the loss", value, ())
    if abs(value.item() - expected) > 1e-6 * expected:
        name_the_slip(value.detach(), [(f"the loss of the {example} is {wrong:.6g}: {slip}", torch.tensor(wrong))
                                       for slip, wrong in slips.items()], near=1e-5)
    expect_close(f"the loss of the {example}", value, expected, 1e-6)
    expect_untouched("the loss", logits, given)
    column = loss(*(x[:, None] for x in logits))
    expect_shape("the loss of logits of shape (10, 1)", column, ())
    expect_close(f"the loss of the {example} in shape (10, 1)", column, expected, 1e-6)
    leaves = [torch.tensor(LARGE).requires_grad_() for _ in logits]
    value = loss(*(1 * leaf for leaf in leaves))  # a leaf cannot be changed in place
    assert value.requires_grad, "the loss has no gradient: is it built from the logits by torch functions only?"
    assert abs(value.item() - extreme) < 1e-3, f"the loss of logits {LARGE} should be {extreme}, it is " \
        f"{value.item():.6g}: compute it from the logits, without sigmoid and log"
    value.backward()
    for leaf, wanted in zip(leaves, gradients):
        assert leaf.grad is not None, "no gradient reaches the logits: are they detached?"
        got = [round(number, 4) for number in (5 * leaf.grad).tolist()]
        assert close(5 * leaf.grad, torch.tensor(wanted), 1e-3), f"for logits {LARGE}, 5 times the gradient of the " \
            f"loss should be {wanted}, it is {got}: compute the loss from the logits, without sigmoid and log"


# What the losses of the coursework's logits are after usual mistakes.
D_SLIPS = {
    "the labels are swapped, real images have label 1, generated ones 0": 1.3217310,
    "generated images are labelled as real, their label is 0": 1.8605517,
    "real images are labelled as generated, their label is 1": 1.3035777,
    "the half for the generated images is missing": 1.0892655,
    "the half for the real images is missing": 0.7531329,
    "it is averaged over both halves, take the mean of each batch and add the two": 0.9211992,
    "it is summed over the batch, take the mean of each": 18.4239839,
    "the sign is wrong, the loss is minimised": -1.8423984,
    "the second half has the wrong sign": 0.3361325,
    "the first half has the wrong sign": -0.3361325,
    "the sigmoid is taken twice": 1.5028782,
    "the label of real images should be 1, not 0.9": 1.7885163,
    "that is a squared error of the logits": 3.7540587,
    "that is a squared error": 0.6997298,
    "that is the hinge loss": 2.6015333,
    "that is the Wasserstein loss": 0.5206674,
}
G_SLIPS = {
    "that is the saturating loss log(1 - D(G(z))), the one here is -log D(G(z))": -0.7531329,
    "the label is 0, the discriminator's; the generator wants its images taken for real": 0.7531329,
    "it is summed over the batch, take the mean": 7.7128620,
    "the sign is wrong, the loss is minimised": -0.7712862,
    "that is half of what it should be": 0.3856431,
    "the generator's loss has one term only": 1.5244191,
    "the sigmoid is taken twice": 0.4769561,
    "the label should be 1, not 0.9": 0.7694709,
    "that is a squared error of the logits": 1.6339096,
    "that is a squared error": 0.2767836,
    "that is the Wasserstein loss": 0.0181533,
}
LARGE = [200.0, -200.0, 50.0, -50.0, 2.0]
AS_REAL, AS_FAKE = [0.0, -1.0, 0.0, -1.0, -0.1192], [1.0, 0.0, 1.0, 0.0, 0.8808]  # gradients with label 1, label 0


@public("gan.discriminator_loss", points=2,
        hint="Real images have label 1, generated ones 0. The two means are added, not averaged.")
def discriminator_loss():
    expect_loss(lambda real, fake: gan.discriminator_loss(real, fake), "check's ten logits each",
                (torch.tensor(REAL), torch.tensor(FAKE)), 1.8423984, D_SLIPS, 100.4508, (AS_REAL, AS_FAKE))
    expect_close("the loss of all ten real logits and the first four generated ones: each batch has its own mean",
                 gan.discriminator_loss(torch.tensor(REAL), torch.tensor(FAKE[:4])), 1.5996704, 1e-6)


@public("gan.generator_loss", hint="One mean over the generated images, with the labels that the generator wishes for.")
def generator_loss():
    expect_loss(lambda fake: gan.generator_loss(fake), "check's ten logits", (torch.tensor(FAKE),), 0.7712862, G_SLIPS,
                50.0254, (AS_REAL,))


@public("gan.get_optimizer", hint="torch.optim.Adam takes the parameters, lr and betas; all else stays as it is.")
def get_optimizer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()
    optimizer = gan.get_optimizer(model)
    kind = type(optimizer).__name__
    assert isinstance(optimizer, torch.optim.Optimizer), f"get_optimizer should return an optimiser, got {kind}"
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.parameters()}, \
        "the optimiser should hold the parameters of the given model: all of them, and no others"
    for group in optimizer.param_groups:
        betas = group.get("betas")
        assert betas is not None, f"the optimiser should be Adam, it is {kind}"
        assert abs(group["lr"] - 1e-3) < 1e-9, f"the learning rate should be 0.001, it is {float(group['lr']):g}"
        assert abs(betas[0] - 0.5) < 1e-9 and abs(betas[1] - 0.999) < 1e-9, \
            f"the betas should be (0.5, 0.999), they are {tuple(betas)}"
        assert group.get("weight_decay", 0) == 0, \
            f"there should be no weight decay; that of {kind} is {group['weight_decay']:g}"
    before = [p.detach().clone() for p in model.parameters()]
    m = v = moved = 0.0
    for t, slope in enumerate([1.0] + 9 * [0.01], start=1):  # Kingma and Ba, 2015, algorithm 1
        m, v = 0.5 * m + 0.5 * slope, 0.999 * v + 0.001 * slope ** 2
        moved += 1e-3 * m / (1 - 0.5 ** t) / ((v / (1 - 0.999 ** t)) ** 0.5 + 1e-8)
        for p in model.parameters():
            p.grad = torch.full_like(p, slope)
        optimizer.step()
        for p, old in zip(model.parameters(), before):
            assert torch.allclose(old - p, torch.full_like(p, moved), atol=1e-8), f"after {t} steps with gradients " \
                f"of 1, then 0.01, Adam should have moved each weight by {-moved:.6f}, it has by " \
                f"{(p - old).mean():.6f}; the optimiser is {kind}: is there an option that was not asked for?"


# update. A small game is played for two rounds. The hidden checks play it, too, with numbers of their own.

RATE = 0.05  # of both players: with larger steps the second round may leave gradients that hide those left behind
SIZES = {"D": (6, 5, 1), "G": (3, 5, 6)}  # inputs, hidden units, outputs
WEIGHTS = {name: inputs * hidden + 2 * hidden + hidden * outputs + outputs
           for name, (inputs, hidden, outputs) in SIZES.items()}
PLAYER = {"D": "discriminator", "G": "generator"}
NUMBERS = "d_loss", "g_loss", "d_real", "d_fake"

# What usual slips are called.
NOT_DETACHED = "the gradient of the discriminator's loss reaches the generator's weights, through the generated " \
    "images: in its own step the discriminator should get fake.detach()"
STALE = "the generator is judged by the discriminator of before its step: after D_solver.step() ask it again, " \
    "D(fake), and use no scores from before"
UNREACHED = {
    "D": "no gradient reaches the discriminator's weights in its step: are they frozen, or is it asked under no_grad?",
    "G": "no gradient reaches the generator's weights in its step: are its images detached there, too, or made under "
         "no_grad?"}
FROZEN = "weights that learned before do not require gradients after update"
UNTOUCHED = "update changes x or noise in place: compute new tensors"
MODES = "both networks should run in training mode, and stay in it"


def spread(d):
    """Weights of a discriminator in [-0.5, 0.5], with those of its last layer three times as large. Logits that lie
    apart have another mean probability than their mean has."""
    _, hidden, outputs = SIZES["D"]
    last = (hidden + 1) * outputs
    return torch.cat((d[:-last], 3 * d[-last:]))


def d_loss(logits_real, logits_fake):
    """A loss that tells its two arguments apart, and is no cross entropy."""
    return (logits_real - 1).square().mean() + 2 * (logits_fake + 0.5).square().mean()


def g_loss(logits_fake):
    """The same for the generator."""
    return (logits_fake - 0.8).square().mean()


class Small(nn.Module):
    """Stands for a player: two matrices, with BatchNorm and Tanh between them and a way around both.

    Args:
        name: "D" or "G". weights: its parameters in a row. tell: function (name, x, output, mode) that hears of calls.
    """

    def __init__(self, name, weights, tell=lambda *call: None):
        super().__init__()
        inputs, hidden, outputs = SIZES[name]
        self.first, self.norm = nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden)
        self.second, self.name, self.tell = nn.Linear(hidden, outputs), name, tell
        vector_to_parameters(weights.clone(), self.parameters())

    def forward(self, x):
        hidden = self.first(x)
        output = self.second(hidden + torch.tanh(self.norm(hidden)))
        self.tell(self.name, x, output, self.training)
        return output


class Solver(PlainSteps):
    """Plain steps. before, after: functions (name) that hear of them."""

    def __init__(self, network, before, after):
        super().__init__(network.parameters(), RATE)
        self.name, self.before, self.after = network.name, before, after

    def step(self, closure=None):
        if closure is not None:
            with torch.enable_grad():
                closure()
        self.before(self.name)
        super().step()
        self.after(self.name)


def row(network):
    """The weights of a network in a row."""
    return parameters_to_vector(network.parameters()).detach().clone()


def gradients(network):
    """Their gradients, 0 where there is none."""
    return parameters_to_vector([torch.zeros_like(p) if p.grad is None else p.grad for p in network.parameters()])


class Play:
    """Lets an update play with two small networks, round after round, and keeps what happens.

    Args:
        update: the student's. d, g: weights of discriminator and generator. batches: pairs (real images, noise).
    Attributes:
        rounds: a dict for each round that came to its end. error: the usual slip that stopped one, or "".
    """

    def __init__(self, update, d, g, batches):
        self.D, self.G = Small("D", d, self.asked), Small("G", g, self.asked)
        solvers = [Solver(network, self.before, self.after) for network in (self.D, self.G)]
        self.rounds, self.error = [], ""
        for self.x, self.noise in batches:
            self.fakes, self.left = [], gradients(self.G).clone()
            self.seen = {"events": [], "modes": [], "leak": torch.zeros_like(self.left)}
            given = self.x.clone(), self.noise.clone()
            try:
                returned = update(*given, self.D, self.G, *solvers, d_loss, g_loss)
            except RuntimeError as error:
                self.error = self.slip(str(error))
                if not self.error:
                    raise
                return
            self.seen["modes"] += [self.D.training, self.G.training]
            self.seen["untouched"] = torch.equal(given[0], self.x) and torch.equal(given[1], self.noise)
            self.seen["frozen"] = not all(p.requires_grad for p in [*self.D.parameters(), *self.G.parameters()])
            self.seen["returned"], self.seen["tied"] = type(returned).__name__, []
            if isinstance(returned, dict):
                values = {name: returned[name] for name in NUMBERS if name in returned}
                self.seen["tied"] = [name for name in values if getattr(values[name], "requires_grad", False)]
                self.seen["returned"] = {name: value.detach() if isinstance(value, torch.Tensor)
                                         else type(value).__name__ for name, value in values.items()}
            self.seen.update(D=row(self.D), G=row(self.G))
            self.seen.setdefault("stepped", self.seen["D"])
            self.rounds.append(self.seen)

    def asked(self, name, x, output, mode):
        """Keep which player was asked, and for what."""
        self.seen["modes"].append(mode)
        if name == "G":
            self.fakes.append(output.detach())
            what = "noise" if same(x, self.noise) else "other noise"
        elif any(same(x, fake) for fake in self.fakes):
            what = "fake" if x.requires_grad else "detached"
        else:
            what = "both" if len(x) == 2 * len(self.x) else "real"
        self.seen["events"].append(f"{name} gets {what}")

    def before(self, name):
        """Keep what gradients have reached the generator when the discriminator steps."""
        if name == "D" and not {"D steps", "G steps"} & set(self.seen["events"]):
            now = gradients(self.G)
            if not torch.equal(now, self.left):
                self.seen["leak"] = now.clone()

    def after(self, name):
        self.seen["events"].append(f"{name} steps")
        if name == "D":
            self.seen.setdefault("stepped", row(self.D))

    def slip(self, error):
        """The usual slip that ends in this error of PyTorch, or ""."""
        events = self.seen["events"]
        stepped = "D steps" in events
        if "backward through the graph a second time" in error:
            return NOT_DETACHED if "D gets fake" in events[:events.index("D steps") if stepped else None] else STALE
        if "modified by an inplace operation" in error:
            return STALE
        if "does not require grad" in error:
            return FROZEN if self.rounds and self.rounds[-1]["frozen"] else unreached("G" if stepped else "D", events)
        return ""


def unreached(name, events):
    """What to say if no gradient reaches a player in its step."""
    after = events[events.index("D steps"):] if "D steps" in events else events
    return STALE if name == "G" and not any(event.startswith("D gets") for event in after) else UNREACHED[name]


def gradient(loss, network):
    """The gradient of a loss in the weights of a network, in a row."""
    parts = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    return torch.cat([part.flatten() for part in parts])


class Round:
    """One round of the small game: what happened, and what is due for the weights that it began with.

    Args:
        d, g, x, noise: as for `Play`. seen: what it kept. last: the round before it, or None.
    """

    def __init__(self, d, g, x, noise, seen, last=None):
        for name, weights in (("D", d), ("stepped", d), ("G", g), ("leak", g)):
            expect_tensor(f"{name}, what is seen of a player,", seen[name], weights.shape)
        D, G, new = Small("D", d), Small("G", g), Small("D", seen["stepped"])
        real, fake = D(x), G(noise)
        old, judged = D(fake), new(fake)
        self.seen, self.moved = seen, {"D": (d - seen["D"]) / RATE, "G": (g - seen["G"]) / RATE}
        self.numbers = {"d_loss": d_loss(real, old), "g_loss": g_loss(judged),
                        "d_real": real.sigmoid().mean(), "d_fake": old.sigmoid().mean()}
        self.due = {"D": gradient(self.numbers["d_loss"], D), "G": gradient(self.numbers["g_loss"], G)}
        self.astray = {"D": gradient(self.numbers["g_loss"], new), "G": gradient(self.numbers["d_loss"], G)}
        self.stale = gradient(g_loss(old), G)
        self.slips = {
            "D": [("the arguments of discriminator_loss are the wrong way round: the logits of real images come first",
                   gradient(d_loss(old, real), D)),
                  ("the discriminator's step is taken on another loss than the discriminator_loss that update is given",
                   gradient(F.softplus(-real).mean() + F.softplus(old).mean(), D))],
            "G": [(STALE, self.stale), (NOT_DETACHED, self.due["G"] + self.astray["G"]),
                  ("the generator's step is taken on the discriminator's loss", self.astray["G"]),
                  ("the generator's step is taken on another loss than the generator_loss that update is given",
                   gradient(F.softplus(-judged).mean(), G))]}
        for name, slips in self.slips.items():
            slips.append((f"the {PLAYER[name]}'s step goes uphill: the loss is minimised", -self.due[name]))
            if last is not None:
                left = f"gradients that were left behind are in the {PLAYER[name]}'s step: {name}_solver.zero_grad() " \
                    "comes before the backward of its own loss"
                own, others = last.due[name], last.astray[name]
                slips += [(left, self.due[name] + part) for part in (own, others, own + others)]
        early, late = ("belongs to the discriminator of before its step: the updated one is asked again",
                       "belongs to the discriminator of after its step: take the logits that d_loss was computed from")
        self.wrong = {"d_loss": [], "g_loss": [(early, g_loss(old))], "d_real": [(late, new(x).sigmoid().mean())],
                      "d_fake": [(late, judged.sigmoid().mean())]}
        for name, logits in (("d_real", real), ("d_fake", old)):
            self.wrong[name] += [
                ("is the mean logit: the probability is its sigmoid", logits.mean()),
                ("is the sigmoid of the mean logit: take the mean of the probabilities", logits.mean().sigmoid()),
                ("is a sum over the batch: take the mean", logits.sigmoid().sum())]

    def judge_step(self, name):
        """Assert that a player has taken the step that is due, and no other."""
        player, events, moved, due = PLAYER[name], self.seen["events"], self.moved[name], self.due[name]
        steps = events.count(f"{name} steps")
        assert steps, f"the {player} takes no step: {name}_solver.step()"
        assert steps == 1, f"the {player} takes {steps} steps in one update: each of the two optimisers takes one"
        if not agrees(moved, due):
            turns = [event for event in events if "steps" in event]
            assert turns[0] == "D steps", "the generator steps first: the discriminator's step comes before"
            assert "D gets both" not in events, \
                "the discriminator gets real and generated images in one batch: ask it twice, D(x) and D(fake)"
            assert self.seen["untouched"], UNTOUCHED
            assert "G gets other noise" not in events, "the generator gets other noise than it should: draw none anew"
            assert all(self.seen["modes"]), MODES
            assert moved.any(), unreached(name, events)
        expect_right(moved, due, self.slips[name], f"the {player}'s step should go against the gradient of its loss, "
                     "for this batch alone; it goes elsewhere")

    def judge_discriminator(self):
        """Assert the discriminator's step, and that its loss is no business of the generator."""
        self.judge_step("D")
        leak = self.seen["leak"]
        assert not agrees(leak, self.stale), STALE
        assert not leak.any(), NOT_DETACHED

    def judge_generator(self):
        """Assert the generator's step, and that the discriminator stays as it is meanwhile."""
        self.judge_step("G")
        assert torch.equal(self.seen["D"], self.seen["stepped"]), \
            "the discriminator's weights change in the generator's step, too"

    def judge_rest(self):
        """Assert that all stays as it was that should."""
        assert not self.seen["frozen"], FROZEN
        assert all(self.seen["modes"]), MODES
        assert self.seen["untouched"], UNTOUCHED

    def judge_numbers(self):
        """Assert what update returns."""
        found = self.seen["returned"]
        assert isinstance(found, dict), f"update should return a dict of {', '.join(NUMBERS)}, got {found}"
        for name, due in self.numbers.items():
            assert name in found, f"{name} is missing in what update returns"
            expect_tensor(name, found[name], ())
            slips = [*((f"is {other}", value) for other, value in self.numbers.items() if other != name),
                     *self.wrong[name], ("has the wrong sign", -due), ("is half of what it should be", due / 2)]
            expect_right(found[name].float(), due, [(f"{name} {said}", value) for said, value in slips],
                         f"{name} should be {due:.6g}, it is {found[name]:.6g}", near=1e-5)
            assert name not in self.seen["tied"], \
                f"{name} still holds the whole graph, and memory with it: return {name}.detach()"


@public("gan.update", points=3, hint="Two halves, each with zero_grad, backward and step: the discriminator's, for "
        "detached images, then the generator's, with scores asked for anew.")
def update():
    d, g = (torch.rand(count) - 0.5 for count in (WEIGHTS["D"], WEIGHTS["G"]))
    d = spread(d)
    batches = [(2 * torch.rand(8, 6) - 1, 2 * torch.rand(8, 3) - 1) for _ in range(2)]
    play, last = Play(gan.update, d, g, batches), None
    for (x, noise), seen in zip(batches, play.rounds):
        last = Round(d, g, x, noise, seen, last)
        for judge in (last.judge_discriminator, last.judge_generator, last.judge_numbers, last.judge_rest):
            judge()
        d, g = seen["D"], seen["G"]
    assert not play.error, play.error


@public("gan.build_dc_classifier", points=2,
        hint="Convolution, LeakyReLU, MaxPool2d(2), and again; then Flatten and two linear layers. Without padding, a "
        "kernel of size k makes n - k + 1 pixels of n.")
def build_dc_classifier():
    model, x = gan.build_dc_classifier(), 20 * torch.rand(3, 784) - 10
    out, layers = run_network("classifier", model, x, (3, 1), ["conv2d", "conv2d", "linear", "linear"])
    for k, shape in enumerate(((32, 24, 24), (64, 8, 8))):
        expect_shape(f"the output of convolution {k + 1}", layers[k]["output"], (3, *shape))
        expect_between(f"after convolution {k + 1} and MaxPool 2x2", F.max_pool2d(layers[k]["output"], 2),
                       layers[k + 1]["input"], LEAKY)
    expect_between("after layer 3 of the classifier", layers[2]["output"], layers[3]["input"], LEAKY)
    expect_logits("classifier", out, layers)
    expect_parameters("build_dc_classifier()", model, 1102721)


@public("gan.build_dc_generator", points=2,
        hint="After each layer but the last: ReLU first, then BatchNorm, over as many features as the layer gives. "
        "A transposed convolution makes (n - 1)s - 2p + k pixels of n.")
def build_dc_generator():
    model, z = gan.build_dc_generator(4), 20 * torch.rand(3, 4) - 10
    kinds = ["linear", "batch_norm", "linear", "batch_norm", "conv_transpose2d", "batch_norm", "conv_transpose2d"]
    out, layers = run_network("generator", model, z, (3, 784), kinds, ["ReLU, then BatchNorm"] * 3,
                              {"BatchNorm": lambda y: F.batch_norm(y, None, None, training=True)})
    expect_parameters("build_dc_generator(4)", model, 6580801)
    default = inspect.signature(gan.build_dc_generator).parameters["noise_dim"].default
    assert default == 96, f"without noise_dim, the generator should take 96 numbers, not {default}"
    for k, shape in ((2, (64, 14, 14)), (3, (1, 28, 28))):
        expect_shape(f"the output of transposed convolution {k - 1}", layers[k]["output"], (3, *shape))
    last = layers[-1]["output"]
    assert same(out, torch.tanh(last)) or same(out, last), "the generator should end with Tanh"
    expect_shape("the image of one noise vector, in evaluation mode,", model.eval()(z[:1]), (1, 784))
    if not same(out, torch.tanh(last)):  # the list of another course ends here, and its files are to be graded, too
        print("gan.build_dc_generator: no points are lost without Tanh at the end, but images can then leave [-1, 1], "
              "where all real ones lie. Add it.")


@public("gan.initialize_weights", points=2,
        hint="isinstance(module, (nn.Linear, ...)) tells which layers to treat. A bias may be None.")
def initialize_weights():
    kinds = {"Linear": lambda: nn.Linear(160, 80), "Conv2d": lambda: nn.Conv2d(40, 20, 3, bias=False),
             "ConvTranspose2d": lambda: nn.ConvTranspose2d(40, 20, 3)}
    spreads = {"normal": (0.02, 0.02), "xavier": ((2 / 240) ** 0.5, (2 / 540) ** 0.5),
               "kaiming": ((2 / 160) ** 0.5, (2 / 360) ** 0.5, (2 / 80) ** 0.5, (2 / 180) ** 0.5)}
    for scheme, wanted in spreads.items():
        model = nn.Sequential(*(make() for make in kinds.values()), nn.BatchNorm2d(20), nn.ReLU())
        model.apply(lambda module: gan.initialize_weights(module, scheme=scheme))
        for name, layer in zip(kinds, model):
            options = wanted[::2] if name == "Linear" else wanted[1::2]  # kaiming may count inputs or outputs
            spread = layer.weight.std().item()
            assert any(abs(spread / option - 1) < 0.05 for option in options), f"scheme {scheme!r}: the weights of " \
                f"{name} should have standard deviation {options[0]:.4f}, it is {spread:.4f}"
            assert abs(layer.weight.mean()) < 0.1 * spread, \
                f"scheme {scheme!r}: the weights of {name} should have mean 0, it is {layer.weight.mean():.4f}"
            assert layer.bias is None or not layer.bias.any(), f"scheme {scheme!r}: the biases of {name} should be 0"
            assert all(p.requires_grad for p in layer.parameters()), \
                f"scheme {scheme!r}: the weights of {name} should still require a gradient"
        scale = model[3].weight
        assert abs(scale.mean() - 1) < 0.1 and scale.std() < 0.1, \
            f"scheme {scheme!r}: the scale of BatchNorm should stay around 1, its mean is {scale.mean():.4f}"
    layer = nn.Linear(160, 80)
    gan.initialize_weights(layer)
    expect_close("without a scheme, the standard deviation of the weights", layer.weight.std().item(), 0.02, 0.001)
    far = (layer.weight.abs() > 0.04).float().mean().item()
    assert 0.03 < far < 0.06, f"of normally distributed weights with standard deviation 0.02, 4.6 % are beyond 0.04; " \
        f"here it is {far:.1%}"
    layer = nn.Linear(160, 80)
    before = layer.weight.std().item()
    gan.initialize_weights(layer, scheme="default")
    expect_close("with scheme 'default', the standard deviation of the weights", layer.weight.std().item(), before,
                 0.003)
    assert layer.bias.any(), "scheme 'default' should leave the biases as PyTorch made them"
    one, other = nn.Linear(160, 80), nn.Linear(160, 80)
    for layer in (one, other):
        gan.initialize_weights(layer)
    assert not torch.equal(one.weight, other.weight), \
        "two layers of the same size get the same weights: is a seed set inside the function?"


def expect_use(name, model, x):
    """Assert that a network makes what it gives of its input, with convolutions, and leaves the input alone."""
    before, outs = x.clone(), []
    for inputs in (x, x.flip(1)):
        torch.manual_seed(0)  # it may draw numbers of its own
        with torch.no_grad(), Layers() as layers:
            outs.append(model(inputs))
    assert (outs[0] - outs[1]).abs().max() > 1e-6 * outs[0].abs().max(), \
        f"{name} gives the same for different inputs: it does not depend on them"
    assert torch.equal(x, before), f"{name} changes its input in place: compute new tensors"
    assert any(layer["kind"].startswith("conv") for layer in layers.ran), \
        f"{name} runs no convolution, but a DCGAN has some: nn.Conv2d or nn.ConvTranspose2d"


@public("gan.FashionGenerator", hint="Noise (N, noise_dim) in, images (N, 784) in [-1, 1] out; every layer is used.")
def fashion_generator():
    for model, dim in ((gan.FashionGenerator(noise_dim=10), 10), (gan.FashionGenerator(), 96)):
        for count in (2, 5):
            images = model(2 * torch.rand(count, dim) - 1)
            expect_shape(f"the images for noise of shape {(count, dim)}", images, (count, 784))
            assert images.abs().max() <= 1, \
                f"the images should lie in [-1, 1], they run from {images.min():.3f} to {images.max():.3f}"
    assert images.std(dim=0).max() > 0, "the images are the same for different noise"
    expect_gradients(model, images)
    expect_pixels(*pushed(gan.FashionGenerator, 2 * torch.rand(2, 96) - 1))
    expect_shape("the image of one noise vector, in evaluation mode,", model.eval()(torch.zeros(1, 96)), (1, 784))
    expect_use("FashionGenerator", model, 2 * torch.rand(2, 96) - 1)


@public("gan.FashionDiscriminator", hint="Images (N, 784) in, one logit for each out: (N, 1); every layer is used.")
def fashion_discriminator():
    model = gan.FashionDiscriminator()
    for count in (2, 5):
        logits = model(2 * torch.rand(count, 784) - 1)
        expect_shape(f"the logits of {count} images", logits, (count, 1))
    assert logits.std() > 0, "the logits are the same for different images"
    expect_gradients(model, logits)
    images = (2 * torch.rand(4, 784) - 1).requires_grad_()
    expect_logit_range(*pushed(gan.FashionDiscriminator, images))
    assert images.grad is not None and images.grad.any(), THROUGH
    expect_shape("the logit of one image, in evaluation mode,", model.eval()(images[:1]), (1, 1))
    expect_use("FashionDiscriminator", model, images.detach()[:2])


THROUGH = "no gradient passes through FashionDiscriminator to the images, but the generator learns from it"


@torch.enable_grad()
def pushed(make, x):
    """The lowest and the highest number that new networks give before and after a few steps that let all outputs rise,
    or fall."""
    outs = []
    for direction in (1, -1):
        model = make()
        for _ in range(4):
            outs.append(model(1 * x))
            model.zero_grad()
            outs[-1].sum().backward()
            with torch.no_grad():
                for p in model.parameters():
                    p += 0 if p.grad is None else direction * 0.02 * p.grad.sign()
        assert (outs[-1] - outs[-4]).abs().max() > 1e-6, \
            "steps along the gradients do not change the output: is something rounded, or a Softmax or ReLU at the end?"
    every = torch.cat(outs).detach()
    every = every[every.isfinite()]
    return every.min().item(), every.max().item()


def expect_pixels(low, high):
    """Assert that what runs from low to high, whatever the weights become, is in [-1, 1] and uses both halves."""
    span = f"after some steps of training the images run from {low:.3g} to {high:.3g}"
    assert -1 <= low and high <= 1, f"{span}: end with Tanh, so that they lie in [-1, 1]"
    assert low < 0, f"{span}, never below 0: pixels lie in [-1, 1], so end with Tanh"


def expect_logit_range(low, high):
    """Assert that what runs from low to high may become any number."""
    span = f"after some steps of training the logits run from {low:.3g} to {high:.3g}"
    assert low < -1e-3 or high > 1 or high == 0, f"{span}, as after a Sigmoid: the losses want logits, without it"
    assert low < 0 < high, f"{span}, with one sign only: there should be no activation at the end"
    assert low < -1 or high > 1, f"{span}, as after a Tanh: there should be no activation at the end"


def strangers(out, known):
    """The shapes of weights that an output was computed with and that are not among the known tensors."""
    known, seen, todo, shapes = {id(tensor) for tensor in known}, set(), [out.grad_fn], []
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        todo += [before for before, _ in node.next_functions]
        if hasattr(node, "variable") and id(node.variable) not in known:
            shapes.append(list(node.variable.shape))
    return shapes


def expect_no_strangers(name, shapes):
    """Assert that a network has no weights but its parameters. shapes: what `strangers` found."""
    assert not shapes, f"{name} uses weights of shape {tuple(shapes[0])} that are not among its parameters: make " \
        "each layer in __init__, as an attribute (nn.ModuleList, not a plain list)"


def expect_gradients(model, out):
    """Assert that a model has parameters, and that every one of them gets a gradient."""
    assert any(True for _ in model.parameters()), \
        "the model has no parameters: keep its layers as attributes; a list of them should be an nn.ModuleList"
    assert out.requires_grad, "the output has no gradient: is it detached?"
    expect_no_strangers(type(model).__name__, strangers(out, model.parameters()))
    out.square().sum().backward()
    expect_all_learn(silent(model), "does forward use every layer?")
