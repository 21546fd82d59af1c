"""Hidden checks of helpers/flowers.py. Each compares what a probe saw with what is due, for inputs drawn anew."""
import torch
from torch.nn import functional as F

from autograde_tests import close, expect_tensor, graded, normal, uniform, whole
from autograde_tests.layers import PLAIN, activation, layer_name, same
from autograde_tests.probes.flowers import gradients, players
from helpers import flowers

# select_categories: 3 points


def some_names(rng, count):
    """Names for the numbers 1 to count, in any order, as a JSON file may have them. Some are part of others."""
    return {str(k): f"flower {k}" for k in (torch.randperm(count, generator=rng) + 1).tolist()}


def judge_selection(student, labels, names, wanted):
    """Assert the indices for several lists of categories."""
    seen = student.observe("selected", labels=labels, names=names, wanted=wanted)
    assert not seen["changed"], \
        f"select_categories changes the {(*seen['changed'], '')[0]} that it gets: leave them as they are"
    numbers = {name: int(number) for number, name in names.items()}
    for found, categories in zip(seen["found"], wanted):
        assert isinstance(found, list), \
            f"select_categories should return the indices of the images, whole numbers on one axis; got {found}"
        due = {}
        for shift in (1, 0, 2):
            mine = torch.isin(labels, torch.tensor([numbers[c] - shift for c in categories]))
            due[shift] = mine.nonzero().flatten().tolist()
        if sorted(found) == due[1]:
            continue
        shown = f"for the categories {', '.join(f'{c!r} (number {numbers[c]})' for c in categories)}"
        assert sorted(found) != due[0], f"{shown} the images with the labels {[numbers[c] for c in categories]} are " \
            "selected: labels start at 0, the numbers in the JSON file at 1"
        assert sorted(found) != due[2], f"{shown} the labels are shifted in the wrong direction, or by two"
        assert len(found) != len(labels) or len(due[1]) == len(labels), f"{shown} all images are selected"
        assert sorted(found) != [k for k in range(len(labels)) if k not in due[1]], f"{shown} the others are selected"
        assert sorted(set(found)) != due[1], f"{shown} some indices come more than once"
        for alike in (lambda name: any(c in name for c in categories), lambda name: any(name in c for c in categories)):
            near = torch.tensor([number - 1 for name, number in numbers.items() if alike(name)])
            assert sorted(found) != torch.isin(labels, near).nonzero().flatten().tolist(), \
                f"{shown} categories whose name contains another one count as the same: compare whole names"
        assert sorted(found) != sorted(labels[due[1]].tolist()), \
            f"{shown} the labels of the images are returned, not their indices"
        raise AssertionError(f"{shown} the indices should be {due[1][:8]} ..., {len(due[1])} in all, got "
                             f"{sorted(found)[:8]} ..., {len(found)} in all")


@graded("flowers.select_categories", points=2, hint="The image with label 0 shows the category with the number 1.")
def test_one_category(student, rng):
    names = some_names(rng, 12)
    labels = torch.randint(11, (60,), generator=rng)
    labels[:12] = torch.arange(12)  # the last category has one image only
    judge_selection(student, labels, names, [[names[str(k)]] for k in (1, whole(rng, 2, 11), 12)])


@graded("flowers.select_categories", points=1, hint="All images of all wanted categories, in one list of indices.")
def test_many_categories(student, rng):
    """Several of 102 categories, in any order."""
    names = some_names(rng, 102)
    labels = torch.randint(102, (600,), generator=rng)
    wanted = [[names[str(k)] for k in (torch.randperm(102, generator=rng)[:count] + 1).tolist()] for count in (3, 9)]
    judge_selection(student, labels, names, wanted)


# The networks: Generator 6 points, Discriminator 8. What stands between two layers makes the input of one from the
# output before.

NORM = "BatchNorm, then "


def sizes(rng):
    """(channel_num, image_size) for some networks. 8 is the smallest size that check_sizes allows."""
    return [(32, 128), (16 * 2 ** whole(rng, 0, 1), 16), (16 * 2 ** whole(rng, 0, 1), 64), (32, 8)]


def observe(student, rng, name, cases):
    """The layers of a network for several (arguments, shape of an input)."""
    for arguments, shape in cases:
        x = normal(rng, *shape)
        seen = student.observe("network", name=name, arguments=arguments, x=x, number=whole(rng, 0, 10 ** 6))
        assert seen["untouched"], f"{name} changes its input in place"
        yield f"{name}({', '.join(map(str, arguments))})", x, seen


def judge_layers(what, seen, x, wanted, first):
    """Assert that these layers run in this order, with 4x4 kernels; all double or halve the size but the first or last.

    wanted: (channels in, channels out) of each. first: the odd one is the first.
    """
    kind = "conv_transpose2d" if first else "conv2d"
    due = [layer_name(kind, (*pair, 4, 4) if first else (*pair[::-1], 4, 4)) for pair in wanted]
    found = [layer_name(k, size) for k, size in zip(seen["kinds"], seen["sizes"])]
    assert found == due, f"{what} should run {', '.join(due)}; it runs {', '.join(found) or 'no such layer'}"
    assert seen["training"], f"{what} should be made in training mode, not in evaluation mode"
    assert same(seen["input0"], x), f"{due[0]} of {what} should get the input as it is"
    for k, name in enumerate(due):
        options = dict(stride=1) if k == (0 if first else len(due) - 1) else dict(stride=2, padding=1)
        expected = getattr(F, kind)(seen[f"input{k}"], seen[f"weight{k}"], seen.get(f"bias{k}"), **options)
        got = seen[f"output{k}"]
        assert got.shape == expected.shape, f"{name}, layer {k + 1} of {what}, should give images of " \
            f"{tuple(expected.shape[1:])}, it gives {tuple(got.shape[1:])}: look at its stride and padding"
        assert close(got, expected, 1e-4), \
            f"{name}, layer {k + 1} of {what}, has other options than stride and padding"


def between(seen, k, norm):
    """Say what stands between layer k and the next one. norm: number of the BatchNorm that may be there, or None."""
    before, after = seen[f"output{k}"], seen[f"input{k + 1}"]
    plain = activation(before, after)
    if plain is not None or norm is None or before.shape != after.shape:
        return plain

    def normalised(x):
        return F.batch_norm(x, None, None, seen.get(f"norm{norm}_weight"), seen.get(f"norm{norm}_bias"), True,
                            eps=seen["eps"][norm])

    if seen.get(f"norm{norm}_weight", before[0, :, 0, 0]).numel() != before.shape[1]:
        return None
    name = activation(normalised(before), after)
    if name is not None:
        return "BatchNorm without an activation" if name == PLAIN else NORM + name
    for slope in (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3):
        if same(after, normalised(F.leaky_relu(before, slope))):
            return f"{f'LeakyReLU with slope {slope}' if slope else 'ReLU'}, then BatchNorm"
    return None


@graded("flowers.Generator", points=3, hint="4x4 pixels with channel_num channels first; then twice the size and half "
        "of the channels each time; 3 channels at the end.")
def test_generator_layers(student, rng):
    """Kinds, channels and sizes of the layers, for several sizes of images."""
    latent = whole(rng, 5, 20)
    cases = [([latent, channels, size], (3, latent, 1, 1)) for channels, size in sizes(rng)]
    for (arguments, _), (what, x, seen) in zip(cases, observe(student, rng, "Generator", cases)):
        _, channels, size = arguments
        count = size.bit_length() - 3  # doublings from 4 pixels
        halved = [channels // 2 ** k for k in range(count)]
        judge_layers(what, seen, x, list(zip([latent, *halved], [*halved, 3])), True)
        expect_tensor(f"{what}(input)", seen["out"], (3, 3, size, size))


@graded("flowers.Generator", points=2, hint="BatchNorm, then ReLU after each transposed convolution but the last; Tanh "
        "at the end.")
def test_generator_between(student, rng):
    """What stands between the layers, and at the end."""
    latent = whole(rng, 5, 20)
    cases = [([latent, 16, size], (6, latent, 1, 1)) for size in (16, 64)]
    for what, x, seen in observe(student, rng, "Generator", cases):
        count = len(seen["kinds"])
        for k in range(count - 1):
            found = between(seen, k, k if k < seen["norms"] else None)
            assert found == NORM + "ReLU", f"after layer {k + 1} of {what} there should be {NORM}ReLU; there is " \
                f"{found or 'something else'}"
        assert seen["norms"] == count - 1, f"{what} should have {count - 1} BatchNorm layers, one after each layer " \
            f"but the last; it runs {seen['norms']}"
        end = activation(seen[f"output{count - 1}"], seen["out"])
        assert end == "Tanh", f"{what} should end with Tanh, for pixels in [-1, 1]; it ends with " \
            f"{end or 'something else'}"


@graded("flowers.Generator", points=1, hint="Generator(latent_dim=128, channel_num=512, image_size=256); BatchNorm as "
        "nn.BatchNorm2d makes it.")
def test_generator_evaluated(student, rng):
    """Evaluation mode: one latent vector alone as in a batch. Gradients reach all layers. Default arguments."""
    latent = whole(rng, 5, 20)
    seen = student.observe("evaluated", name="Generator", arguments=[latent, 16, 16], x=normal(rng, 4, latent, 1, 1),
                           number=whole(rng, 0, 10 ** 6))
    assert not seen["silent"], f"no gradient reaches {(*seen['silent'], '')[0]} of the generator: is every layer used?"
    for key in ("batch", "alone"):
        expect_tensor("the generator's images in evaluation mode", seen[key], (4, 3, 16, 16))
    assert close(seen["alone"], seen["batch"], 1e-4), "in evaluation mode, a latent vector should give the same " \
        "image alone and in a batch: leave BatchNorm's running statistics as nn.BatchNorm2d has them"
    seen = student.observe("default", name="Generator", x=normal(rng, 1, 128, 1, 1))
    assert seen["shape"] == [1, 3, 256, 256], "Generator() should make images of 256x256 of 128 latent numbers, its " \
        f"output has shape {tuple(seen['shape'])}"
    due = sum(p.numel() for p in flowers.Generator().parameters())
    assert 0.99 * due < seen["parameters"] < 1.01 * due, f"Generator() should have 512 channels at 4x4 pixels, about " \
        f"{due:,} parameters; it has {seen['parameters']:,}"


@graded("flowers.Discriminator", points=2, hint="The generator's channels and sizes backwards; one number at the end.")
def test_discriminator_layers(student, rng):
    """Kinds, channels and sizes of the layers, for several sizes of images."""
    cases = [([channels, size], (3, 3, size, size)) for channels, size in sizes(rng)]
    for (arguments, _), (what, x, seen) in zip(cases, observe(student, rng, "Discriminator", cases)):
        channels, size = arguments
        doubled = [channels // 2 ** k for k in reversed(range(size.bit_length() - 3))]
        judge_layers(what, seen, x, list(zip([3, *doubled], [*doubled, 1])), False)


@graded("flowers.Discriminator", points=2, hint="LeakyReLU after the first convolution; BatchNorm, then LeakyReLU "
        "after the next ones; Sigmoid at the end. nn.LeakyReLU() alone has another slope than 0.2.")
def test_discriminator_between(student, rng):
    """What stands between the layers, and at the end. BatchNorm's place is free."""
    leaky = "LeakyReLU with slope 0.2"
    cases = [([16, size], (6, 3, size, size)) for size in (16, 64)]
    for what, x, seen in observe(student, rng, "Discriminator", cases):
        count = len(seen["kinds"])
        norms_due = f"{what} should have {count - 2} BatchNorm layers, none after the first and the last " \
            f"convolution, one after each of the others; it runs {seen['norms']}"
        for k in range(count - 1):
            norm = k - 1 if seen["norms"] == count - 2 else k if seen["norms"] > k else None
            found = between(seen, k, norm if norm is None or norm >= 0 else None) or "something else"
            wanted = (leaky, NORM + leaky)[k > 0]
            if k == 0:
                assert "BatchNorm" not in found, \
                    f"after the first convolution of {what} there should be LeakyReLU, and no BatchNorm"
                assert seen["norms"] <= count - 2, norms_due
            assert found == wanted or k > 0 and found == f"{leaky}, then BatchNorm", \
                f"after layer {k + 1} of {what} there should be {wanted}; there is {found}"
        assert seen["norms"] == count - 2, norms_due
        last = seen[f"output{count - 1}"]
        end = activation(last, seen["out"])
        assert end == "Sigmoid", f"{what} should end with Sigmoid, for probabilities; it ends with " \
            f"{end or 'something else'}"


@graded("flowers.Discriminator", points=3, hint="spectral_norm(nn.Conv2d(...)) for every convolution, the first and "
        "the last ones, too")
def test_discriminator_spectral(student, rng):
    """The largest singular value of the weights that the convolutions use, whatever the stored ones are."""
    cases = [([channels, size], (3, 3, size, size)) for channels, size in sizes(rng)[1:]]
    for what, x, seen in observe(student, rng, "Discriminator", cases):
        assert "conv2d" in seen["kinds"], f"{what} runs no convolution"
        for k, kind in enumerate(seen["kinds"]):
            if kind != "conv2d":
                continue
            value = torch.linalg.matrix_norm(seen[f"weight{k}"].flatten(1), 2).item()
            assert abs(value - 1) < 0.1, f"the weight of layer {k + 1} of {what} should have the largest singular " \
                f"value 1 after some steps, it has {value:.3g}: wrap this convolution in spectral_norm"


@graded("flowers.Discriminator", points=1, hint="(N,) probabilities, for N = 1 too: flatten() or view(-1) at the end")
def test_discriminator_output(student, rng):
    """Shape for a batch and for one image; gradients; default arguments."""
    seen = student.observe("evaluated", name="Discriminator", arguments=[16, 16], x=normal(rng, 4, 3, 16, 16),
                           number=whole(rng, 0, 10 ** 6))
    for key in ("out", "batch"):
        expect_tensor("the discriminator's output for 4 images", seen[key], (4,))
    assert seen["single"] == [1], f"the discriminator's output for one image should have shape (1,), it has " \
        f"{tuple(seen['single'])}"
    assert not seen["silent"], f"no gradient reaches {(*seen['silent'], '')[0]} of the discriminator: is every layer " \
        "used?"
    seen = student.observe("default", name="Discriminator", x=normal(rng, 2, 3, 256, 256))
    assert seen["shape"] == [2], "Discriminator() should take images of 256x256, its output for two has shape " \
        f"{tuple(seen['shape'])}"
    due = sum(p.numel() for p in flowers.Discriminator().parameters())
    assert 0.99 * due < seen["parameters"] < 1.01 * due, f"Discriminator() should have 512 channels at 4x4 pixels, " \
        f"about {due:,} parameters; it has {seen['parameters']:,}"


# largest_singular_value: 2 points

def singular_slips(weight):
    """Values that typical mistakes give, with what they did."""
    matrix, values = weight.flatten(1), torch.linalg.svdvals(weight.flatten(1))
    return {
        "that is the Frobenius norm, the root of the sum of all squares": weight.norm(),
        "that is the smallest singular value, not the largest": values[-1],
        "that is the square of the largest singular value": values[0] ** 2,
        "that is the sum of the singular values": values.sum(),
        "that is the largest number of the weight": weight.max(),
        "that is the largest absolute value of the weight": weight.abs().max(),
        "the rows of the matrix should be the output channels, weight.flatten(1)":
            torch.linalg.matrix_norm(weight.transpose(0, 1).flatten(1), 2),
        "the weight should be one matrix with a row for each output channel, not many of height x width":
            torch.linalg.svdvals(weight).max(),
        "the rows of the matrix are not the output channels: flatten(1), not flatten(2) or another shape":
            torch.linalg.matrix_norm(weight.flatten(0, 2), 2),
        "that is the mean of the singular values": values.mean(),
        "that is the largest sum of a column or row (norm of order 1 or inf): the order is 2":
            matrix.abs().sum(1).max(),
        "that is the largest sum of a column or row (norm of order 1 or inf): the order is 2 ":
            matrix.abs().sum(0).max(),
        "that is the root of the largest singular value": values[0].sqrt(),
    }


def near_values(rng):
    """A weight (12, 4, 3, 5) with the singular values 3, 2.94, 2.94, ..."""
    rows, columns = (torch.linalg.qr(normal(rng, size, 12)).Q for size in (12, 60))
    values = torch.full((12,), 2.94)
    values[0] = 3.0
    return (rows * values @ columns.T).reshape(12, 4, 3, 5)


@graded("flowers.largest_singular_value", points=2, hint="Make the weight a matrix with a row for each output channel, "
        "whatever the kernel's size. torch.linalg has norms of matrices: which order is the spectral norm?")
def test_singular_value(student, rng):
    cases = [normal(rng, *shape) for shape in ((whole(rng, 5, 9), 3, 4, 4), (3, whole(rng, 5, 9), 4, 4), (1, 8, 4, 4))]
    cases[1] -= 2
    cases.append(near_values(rng))
    # The number that is furthest from 0 is negative.
    cases = [-weight if weight.max() == weight.abs().max() else weight for weight in cases]
    seen = student.observe("singular", count=len(cases), **{f"weight{k}": weight for k, weight in enumerate(cases)})
    assert seen["untouched"], "largest_singular_value changes the weight that it gets"
    for k, weight in enumerate(cases):
        value = seen[f"value{k}"]
        got = value if isinstance(value, str) else f"shape {tuple(value.shape)}"
        assert isinstance(value, torch.Tensor) and value.numel() == 1, \
            f"the largest singular value of a weight {tuple(weight.shape)} should be one number, got {got}"
        due, value = torch.linalg.matrix_norm(weight.flatten(1), 2), value.reshape(()).float()
        if close(value, due, 1e-3):
            continue
        for slip, wrong in singular_slips(weight).items():
            assert not close(value, wrong, 1e-4), slip.strip()
        little = ", a little less: a power iteration needs more steps" if 0.9 * due < value < due else ""
        raise AssertionError(f"for a weight {tuple(weight.shape)} the value should be {due:.5g}, it is {value:.5g}"
                             f"{little}")


# weights_init: 4 points

def judge_drawn(seen, k, what, mean):
    """Assert that the weights of layer k were drawn from N(mean, 0.02^2), and others the next time."""
    weight, before = seen[f"weight{k}"], seen[f"before{k}"]
    got = weight.mean().item(), weight.std().item()
    assert not close(weight, before, 1e-7), f"{what} stay as PyTorch made them: draw them from N({mean}, 0.02^2)"
    text = f"{what} should be drawn from N({mean}, 0.02^2); their mean is {got[0]:.3g}, their standard deviation " \
        f"{got[1]:.3g}"
    assert got[1] > 1e-6, f"{text}: they are all the same"
    assert abs(got[0] - mean) < 4e-3, text
    assert abs(got[1] - 0.02) < 2e-3, text + (
        ": 0.02 is the standard deviation, not the variance" if abs(got[1] - 0.02 ** 0.5) < 0.01 else "")
    ranks = ((weight.flatten().double() - mean) / 0.02).sort().values
    normal_cdf = 0.5 * (1 + torch.erf(ranks / 2 ** 0.5))
    assert (normal_cdf - torch.linspace(0, 1, len(ranks), dtype=torch.double)).abs().max() < 0.05, \
        f"{what} should be normally distributed"
    assert seen["names"][k] not in seen["repeated"], f"{what} are the same each time: leave the seed alone"


def observe_initialized(student, rng):
    seen = student.observe("initialized", channels=whole(rng, 40, 48))
    assert not seen["frozen"], f"after weights_init, {(*seen['frozen'], '')[0]} learns nothing: it requires no gradient"
    assert not seen["evaluated"], "after weights_init, layers are in evaluation mode: leave the mode as it is"
    return seen


@graded("flowers.weights_init", points=2, hint="nn.init.normal_(module.weight, 0.0, 0.02) for both kinds of layers")
def test_weights_of_convolutions(student, rng):
    seen = observe_initialized(student, rng)
    for k, name in enumerate(seen["names"]):
        if "Conv" not in name:
            continue
        judge_drawn(seen, k, f"the weights of {name}", 0)
        if f"bias{k}" in seen:
            bias = seen[f"bias{k}"]
            assert not bias.any() or torch.equal(bias, seen[f"bias_before{k}"]), \
                f"the biases of {name} should stay as they are, or be 0"
    k = seen["names"].index("Linear")
    for part in ("weight", "bias"):
        assert torch.equal(seen[f"{part}{k}"], seen[f"{'bias_' * (part == 'bias')}before{k}"]), \
            "nn.Linear changes: layers other than convolutions and BatchNorm should stay as they are"
    assert not seen["wrapped"], \
        f"weights_init stumbles over a convolution with spectral normalisation: {seen['wrapped']}"


@graded("flowers.weights_init", points=2, hint="nn.init.normal_(module.weight, 1.0, 0.02) for BatchNorm, its bias 0")
def test_weights_of_norms(student, rng):
    seen = observe_initialized(student, rng)
    k = seen["names"].index("BatchNorm2d")
    judge_drawn(seen, k, "the scales of BatchNorm", 1)
    assert not seen[f"bias{k}"].any(), "the biases of BatchNorm should be 0"


# The update steps: update_discriminator 6 points, update_generator 5

STAY = "both networks should stay in training mode, also while they run: in evaluation mode, BatchNorm is another layer"
LEFT = 0.7  # the gradient that an earlier step left behind, everywhere


class Game:
    """A small game with its inputs, and the terms of both losses with their gradients."""

    def __init__(self, rng):
        self.count, self.shape = whole(rng, 4, 7), (3, 2, whole(rng, 2, 4))
        pixels, latent = 6 * self.shape[2], whole(rng, 3, 6)
        self.d_weights, self.g_weights = normal(rng, pixels + 1), normal(rng, pixels * (latent + 1))
        self.x, self.z = uniform(rng, self.count, *self.shape, low=-1.0), normal(rng, self.count, latent, 1, 1)
        self.D, self.G = players(self.d_weights / 2, self.g_weights / 2, self.shape, latent)
        self.d_weights, self.g_weights = self.d_weights / 2, self.g_weights / 2

    def inputs(self):
        return dict(d_weights=self.d_weights, g_weights=self.g_weights, image_shape=list(self.shape), noise=self.z,
                    left=LEFT)

    def gradient(self, loss, network):
        """The gradient of a loss in a network's weights."""
        for p in network.parameters():
            p.grad = None
        loss.backward(inputs=list(network.parameters()))
        return gradients(network)


def judge_numbers(name, seen, due, slips):
    """Assert the scalars that a step returns. slips: name -> {value: what it is}."""
    assert seen["count"] == len(due) + (name == "update_discriminator"), \
        f"{name} should return {len(due) + (name == 'update_discriminator')} things, it returns {seen['count']}"
    for what, expected in due.items():
        value = seen[what]
        got = value if isinstance(value, str) else ""
        assert isinstance(value, torch.Tensor), f"{what} should be one number, got {got}"
        if close(value, expected.detach(), 1e-4):
            continue
        for said, wrong in slips(what).items():
            assert not close(value, wrong.detach(), 1e-4), f"{what} is {said}"
        raise AssertionError(f"{what} should be {expected:.5g}, it is {value:.5g}")


def judge_move(name, what, moved, due, slips):
    """Assert by how much the weights of a network moved. slips: what was done -> the move."""
    if close(moved, due, 1e-4):
        return
    for said, wrong in slips.items():
        assert not close(moved, wrong, 1e-4), f"{what}: {said}"
    raise AssertionError(f"{what} should take one step against the gradient of the loss, from gradients of 0; {name} "
                         "moves its weights otherwise")


@graded("flowers.update_discriminator", points=2, hint="return err_real, d_x, err_fake, d_g_z1, fake_images: losses "
        "and means of before the step")
def test_discriminator_values(student, rng):
    game = Game(rng)
    seen = student.observe("d_step", real_images=game.x, **game.inputs())
    on_real, on_fake = game.D(game.x), game.D(game.G(game.z))
    due = {"err_real": -on_real.log().mean(), "d_x": on_real.mean(), "err_fake": -(1 - on_fake).log().mean(),
           "d_g_z1": on_fake.mean()}
    new, _ = players(seen["D"], game.g_weights, game.shape, game.z.shape[1])

    def slips(what):
        found = {f"what {other} should be: the order is (err_real, d_x, err_fake, d_g_z1, fake_images)": value
                 for other, value in due.items() if other != what}
        found["the loss for the label 0: photographs have the label 1"] = -(1 - on_real).log().mean()
        found["the loss for the label 1: generated images have the label 0 here"] = -on_fake.log().mean()
        found["a sum over the batch: take the mean"] = due[what] * game.count
        found["half of the loss: add the two terms as they are"] = due[what] / 2
        found["the sum of both terms: return them apart"] = due["err_real"] + due["err_fake"]
        found["taken after the step: it belongs to the discriminator of before"] = new(
            game.x if what == "d_x" else game.G(game.z)).mean()
        found["the wrong way round: the minus is missing"] = -due[what]
        return found

    assert seen["untouched"], "update_discriminator changes its images or its noise"
    judge_numbers("update_discriminator", seen, due, slips)
    expect_tensor("fake_images", seen["fake_images"], (game.count, *game.shape))
    assert close(seen["fake_images"], game.G(game.z).detach(), 1e-4), "fake_images should be generator(noise)"


@graded("flowers.update_discriminator", points=2, hint="optimizer.zero_grad(), backward for both terms, one "
        "optimizer.step()")
def test_discriminator_step(student, rng):
    """The weights after the step, whatever gradients were left behind."""
    game = Game(rng)
    seen = student.observe("d_step", real_images=game.x, **game.inputs())

    def gradient(real, fake):
        return game.gradient(real * torch.log(game.D(game.x)).mean() + fake * torch.log(
            1 - game.D(game.G(game.z).detach())).mean(), game.D)

    due = gradient(-1, -1)
    swapped = game.gradient(-torch.log(1 - game.D(game.x)).mean() - torch.log(game.D(game.G(game.z).detach())).mean(),
                            game.D)
    all_real = game.gradient(-torch.log(game.D(game.x)).mean() - torch.log(game.D(game.G(game.z).detach())).mean(),
                             game.D)
    moved = game.d_weights - seen["D"]
    what = "the discriminator"
    assert seen["steps"] or moved.any(), "optimizer.step() is missing: the discriminator's weights stay as they are"
    assert seen["steps"] < 2, "the discriminator: one step on both terms together, not one for each of them"
    assert moved.any(), "the discriminator's weights stay as they are: no gradient reaches them"
    judge_move("update_discriminator", what, moved, due, {
        "the gradients of an earlier step are still there: optimizer.zero_grad()": due + LEFT,
        "it learns from the photographs only": gradient(-1, 0),
        "it learns from the photographs only.": gradient(-1, 0) + LEFT,
        "it learns from the generated images only": gradient(0, -1),
        "it learns from the generated images only.": gradient(0, -1) + LEFT,
        "the losses are averaged: add them": due / 2,
        "the losses are summed over the batch: take the mean": due * game.count,
        "the weights move uphill: minimise the loss": -due,
        "the labels are swapped: photographs have label 1, generated images 0": swapped,
        "generated images have the label 1 in its loss: their label is 0 here": all_real,
    })
    assert not seen["frozen"], "weights that learned before do not require gradients afterwards"
    assert all(seen["modes"]), STAY


@graded("flowers.update_discriminator", points=2, hint="discriminator(fake_images.detach()), but return fake_images as "
        "they are")
def test_discriminator_leaves_generator(student, rng):
    """The generator's weights and gradients; the way back from the generated images."""
    game = Game(rng)
    seen = student.observe("d_step", real_images=game.x, **game.inputs())
    assert torch.equal(seen["G"], game.g_weights), "the generator's weights change in the discriminator's step"
    grads = seen["G_gradients"]
    assert not grads.any() or (grads == LEFT).all(), "the generator gets gradients in the discriminator's step: the " \
        "discriminator should get fake_images.detach()"
    assert seen["count"] == 5 and isinstance(seen.get("fake_images"), torch.Tensor), \
        "update_discriminator should return five things, the generated images last"
    assert seen.get("way_back"), "fake_images come without the way back to the generator's weights: return them as " \
        "the generator made them, not detached"


def observe_g_step(student, rng):
    game = Game(rng)
    return game, student.observe("g_step", **game.inputs())


@graded("flowers.update_generator", points=2, hint="return err_g, d_g_z2: -log D(G(z)) and D(G(z)), both means")
def test_generator_values(student, rng):
    game, seen = observe_g_step(student, rng)
    on_fake = game.D(game.G(game.z))
    due = {"err_g": -on_fake.log().mean(), "d_g_z2": on_fake.mean()}
    _, new = players(game.d_weights, seen["G"], game.shape, game.z.shape[1])

    def slips(what):
        return {"what the other one should be: the order is (err_g, d_g_z2)":
                due["d_g_z2" if what == "err_g" else "err_g"],
                "the loss for the label 0: the generator wants its images to be taken for real, label 1":
                -(1 - on_fake).log().mean(),
                "log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))":
                (1 - on_fake).log().mean(),
                "a sum over the batch: take the mean": due[what] * game.count,
                "taken after the step: it belongs to the images that were given": game.D(new(game.z)).mean(),
                "the wrong way round: the minus is missing": -due[what]}

    judge_numbers("update_generator", seen, due, slips)
    assert seen["untouched"], "update_generator changes the images it gets"


@graded("flowers.update_generator", points=2, hint="optimizer.zero_grad(), discriminator(fake_images), backward with "
        "the label 1, optimizer.step()")
def test_generator_step(student, rng):
    """The weights after the step, whatever gradients were left behind."""
    game, seen = observe_g_step(student, rng)
    due = game.gradient(-torch.log(game.D(game.G(game.z))).mean(), game.G)
    saturating = game.gradient(torch.log(1 - game.D(game.G(game.z))).mean(), game.G)
    moved = game.g_weights - seen["G"]
    assert seen["steps"] or moved.any(), "optimizer.step() is missing: the generator's weights stay as they are"
    alone = LEFT * torch.ones_like(due)
    assert moved.any() and not close(moved, alone, 1e-5), "no gradient reaches the generator: are the images detached?"
    judge_move("update_generator", "the generator", moved, due, {
        "the gradients of an earlier step are still there: optimizer.zero_grad()": due + LEFT,
        "it minimises log(1 - D(G(z))), which has hardly any gradient at first: minimise -log D(G(z))": saturating,
        "its images have the label 0 in its loss: it wants them to be taken for real, label 1": -saturating,
        "the weights move uphill: minimise the loss": -due,
        "the losses are summed over the batch: take the mean": due * game.count,
        "the step is taken twice": due * 2,
        "the loss is halved": due / 2,
    })
    assert not seen["frozen"], "weights that learned before do not require gradients afterwards"
    assert all(seen["modes"]), STAY


@graded("flowers.update_generator", points=1, hint="The optimiser is the generator's: it does not know the "
        "discriminator's weights.")
def test_generator_leaves_discriminator(student, rng):
    game, seen = observe_g_step(student, rng)
    assert torch.equal(seen["D"], game.d_weights), "the discriminator's weights change in the generator's step"


# generate: 5 points

def observe_generated(student, rng):
    """Ask for images; returns the observation, the state of the generator and latent vectors."""
    latent, count = whole(rng, 3, 6), whole(rng, 4, 7)
    G = torch.nn.Sequential(torch.nn.ConvTranspose2d(latent, 3, 2), torch.nn.BatchNorm2d(3), torch.nn.Tanh())
    with torch.no_grad():
        for p in G[0].parameters():
            p.copy_(normal(rng, *p.shape) / 2)
        G[1].running_mean.copy_(uniform(rng, 3, low=-1.0))
        G[1].running_var.copy_(uniform(rng, 3, low=1.0, high=3.0))
    z, temperatures = normal(rng, count, latent, 1, 1), [0.3, 1.5]
    state = {name.replace(".", "__"): value for name, value in G.state_dict().items()}
    seen = student.observe("generated", z=z, temperatures=temperatures, **state)
    for key in ("images", "evaluated", "images0", "images1", "alone"):
        expect_tensor("the images", seen[key], (count, 3, 2, 2))
    assert seen["untouched"], "generate changes the latent vectors that it gets"
    return seen, G, z, temperatures


def images_of(G, z, training=False):
    """What a generator makes, in [-1, 1], in one of its modes."""
    with torch.no_grad():
        G.train(training)
        kept = {name: value.clone() for name, value in G.state_dict().items()}
        images = G(z)
        G.load_state_dict(kept)
        return images


@graded("flowers.generate", points=2, hint="generator.eval() before the images are made: BatchNorm then uses what it "
        "remembers, not the batch.")
def test_generate(student, rng):
    """The images, in a batch and alone, and their range."""
    seen, G, z, _ = observe_generated(student, rng)
    due = images_of(G, z)
    for key, what in (("evaluated", "for a generator in evaluation mode, "), ("images", "")):
        got = seen[key]
        if close(got, (due + 1) / 2, 1e-4):
            continue
        for training in (False, True):
            made = images_of(G, z, training)
            for slip, wrong in (("", (made + 1) / 2), ("the images lie in [-1, 1]: bring them to [0, 1]. ", made),
                                ("the images are clamped to [0, 1]: (x + 1) / 2 brings them there. ", made.clamp(0, 1)),
                                ("the images are shifted by 1: halve them, too. ", made + 1),
                                ("the images are halved: add 1 first. ", made / 2)):
                mode = "the generator runs in training mode, where an image depends on the others of its batch: " \
                    "generator.eval()" if training else ""
                assert not close(got, wrong, 1e-4), f"{what}{slip}{mode}".strip()
        raise AssertionError(f"{what}the images should be (G(z) + 1) / 2 of the generator in evaluation mode; they "
                             f"run from {got.min():.3f} to {got.max():.3f}")
    assert close(seen["alone"], seen["images"], 1e-4), \
        "a latent vector gives another image alone than in a batch: generator.eval()"
    assert not seen["requires_grad"], "the images keep their graph, which fills the memory: torch.no_grad()"


@graded("flowers.generate", points=2, hint="If z has the variance 1, the root of T times z has the variance T.")
def test_temperature(student, rng):
    seen, G, z, temperatures = observe_generated(student, rng)
    for k, t in enumerate(temperatures):
        got = seen[f"images{k}"]
        options = {"": t ** 0.5, "the latent vectors are multiplied by T: T is the variance, so take its root": t,
                   "the temperature changes nothing: scale the latent vectors": 1.0,
                   "the latent vectors are divided: a higher temperature takes them further from 0": t ** -0.5,
                   "the latent vectors are divided: a higher temperature takes them further from 0.": 1 / t,
                   "the latent vectors are multiplied by T squared: T is the variance, so take its root": t * t}

        def fits(factor):
            """True if the images are those of factor * z, in any mode and range: those are not judged here."""
            for training in (False, True):
                images = images_of(G, factor * z, training)
                if any(close(got, image, 1e-4) for image in ((images + 1) / 2, images, images.clamp(0, 1), images + 1,
                                                             images / 2)):
                    return True
            return False

        if fits(options.pop("")):
            continue
        for slip, factor in options.items():
            assert not fits(factor), slip
        raise AssertionError(f"with temperature {t} the images should be those of sqrt({t}) z")


@graded("flowers.generate", points=1, hint="generate should leave nothing behind: remember the generator's mode and "
        "put it back, and switch gradients off in a with block only.")
def test_generate_keeps_mode(student, rng):
    """The mode afterwards, and whether the generator can still learn."""
    seen = observe_generated(student, rng)[0]
    assert seen["gradients"], "after generate, gradients are off in the whole program, and nothing can learn: use " \
        "with torch.no_grad(), which ends"
    assert not seen["frozen"], "after generate, the generator's weights require no gradients, so it cannot learn: " \
        "leave requires_grad as it is"
    assert all(seen["after_training"]), "a generator in training mode is left in evaluation mode: put it back"
    assert not any(seen["after_evaluation"]), \
        "a generator in evaluation mode is left in training mode: put it back as it was"


# The paths: 2 points each

def path_cases(rng):
    """(shape of a latent vector, alphas, angle between the two): an angle below a right one, and one above.

    At a right angle, some mistakes with the angle could not be told from each other.
    """
    return [((whole(rng, 3, 9), 1, 1), torch.linspace(0, 1, 11), uniform(rng, 1, low=0.85, high=0.95)),
            ((2, 5, 1, 1), uniform(rng, 4), uniform(rng, 1, low=2.1, high=2.3))]


def observe_path(student, rng, name, shape, alphas, angle):
    """Ask for a path; returns it, with z1 and z2, which have this angle between them and different lengths."""
    z1, z2 = normal(rng, *shape), normal(rng, *shape)
    z2 = z2 - (z1 * z2).sum() / z1.square().sum() * z1
    z2 = uniform(rng, 1, low=1.5, high=2) * z1.norm() * (angle.cos() * z1 / z1.norm() + angle.sin() * z2 / z2.norm())
    seen = student.observe("path", name=name, z1=z1, z2=z2, alphas=alphas)
    assert seen["untouched"], f"{name} changes the latent vectors that it gets"
    for key in ("listed", "tensor"):
        value = seen[key]
        got = value if isinstance(value, str) else tuple(value.shape)
        assert isinstance(value, torch.Tensor) and value.shape == (len(alphas), *shape), f"{name} for latent vectors " \
            f"{tuple(shape)} and {len(alphas)} alphas should have shape {(len(alphas), *shape)}, the alphas on a new " \
            f"first axis; got {got}"
        assert name != "slerp" or value.isfinite().all(), "slerp gives NaN: torch.acos wants a cosine, from -1 to 1. " \
            "Are the lengths of z1 and z2 missing?"
        expect_tensor(f"the path of {name}", value, (len(alphas), *shape))
    assert close(seen["listed"], seen["tensor"], 1e-4), f"{name} gives other points for a list than for a tensor"
    return seen["listed"], z1, z2


def along(alphas, shape):
    return alphas.reshape(-1, *[1] * len(shape))


@graded("flowers.convex_path", points=2, hint="One point for each alpha, on a new first axis. alpha 1 is z1, alpha 0 "
        "is z2.")
def test_convex_path(student, rng):
    """Its points, for the alphas of the exercise and for others; shapes."""
    sums = "the factors do not add up to 1: alpha z1 + (1 - alpha) z2"
    for shape, alphas, angle in path_cases(rng):
        found, z1, z2 = observe_path(student, rng, "convex_path", shape, alphas, angle)
        a = along(alphas, shape)
        right = a * z1 + (1 - a) * z2
        if close(found, right, 1e-4):
            continue
        even = along(torch.linspace(0, 1, len(alphas)), shape)
        for slip, wrong in [
            ("the path is reversed: alpha = 1 is z1, alpha = 0 is z2", (1 - a) * z1 + a * z2),
            (sums, a * z1 + (1 + a) * z2), (sums, a * z1 + z2), (sums, a * (z1 + z2)), (sums, z1 + a * z2),
            ("the second term is to be added, not subtracted", a * z1 - (1 - a) * z2),
            ("the alphas that are given are not used, but evenly spaced ones", even * z1 + (1 - even) * z2),
            ("the arc on the sphere is what slerp should give; here it is the straight line",
             flowers.slerp(z1, z2, alphas)),
            ("the factors are roots: alpha z1 + (1 - alpha) z2", a.sqrt() * z1 + (1 - a).sqrt() * z2),
        ]:
            assert not close(found, wrong, 1e-4), slip
        raise AssertionError("the points should be alpha z1 + (1 - alpha) z2")


@graded("flowers.slerp", points=2, hint="omega = acos(z1 . z2 / (|z1| |z2|)), all numbers of a latent vector together")
def test_slerp(student, rng):
    """Its points for vectors of different lengths; shapes."""
    obtuse = "the angle between z1 and z2 may be larger than a right one"
    for shape, alphas, angle in path_cases(rng):
        found, z1, z2 = observe_path(student, rng, "slerp", shape, alphas, angle)
        a = along(alphas, shape)
        u, v = z1.flatten(), z2.flatten()
        cosine = u @ v / u.norm() / v.norm()
        omega = cosine.acos()

        def arc(b, w, first, second):
            return torch.sin(b * w) / w.sin() * first + torch.sin((1 - b) * w) / w.sin() * second

        if close(found, arc(a, omega, z1, z2), 1e-4):
            continue
        for slip, wrong in [
            ("the arc is reversed: alpha = 1 is z1, alpha = 0 is z2", arc(1 - a, omega, z1, z2)),
            ("that is the straight line of convex_path", a * z1 + (1 - a) * z2),
            ("the division by sin(omega) is missing", arc(a, omega, z1, z2) * omega.sin()),
            ("omega is the cosine itself: take torch.acos of it", arc(a, cosine, z1, z2)),
            ("omega should be the angle, from torch.acos; it comes from torch.asin", arc(a, cosine.asin(), z1, z2)),
            ("omega is in degrees: torch.sin wants radians", arc(a, torch.rad2deg(omega), z1, z2)),
            ("omega is doubled or halved", arc(a, omega / 2, z1, z2)),
            ("omega is doubled or halved", arc(a, omega * 2, z1, z2)),
            ("the points are scaled to length 1: z1 and z2 should be the ends",
             arc(a, omega, z1 / u.norm(), z2 / v.norm())),
            ("both factors should be sines, not cosines",
             (torch.cos(a * omega) * z1 + torch.cos((1 - a) * omega) * z2) / omega.cos()),
            ("both factors are the same: alpha belongs to z1, 1 - alpha to z2",
             torch.sin(a * omega) / omega.sin() * (z1 + z2)),
            ("the lengths of z1 and z2 are missing in the cosine of omega",
             arc(a, (u @ v).clamp(-1, 1).acos(), z1, z2)),
            (f"{obtuse}: leave the sign of the cosine as it is", arc(a, torch.pi - omega, z1, z2)),
            (f"{obtuse}: no vector should be turned round, for the ends are z1 and z2",
             arc(a, torch.pi - omega, z1, -z2)),
            (f"{obtuse}: no vector should be turned round, for the ends are z1 and z2.",
             arc(a, torch.pi - omega, -z1, z2)),
        ]:
            assert not close(found, wrong, 3e-5), slip
        raise AssertionError("the points should be sin(alpha omega) / sin(omega) z1 + sin((1 - alpha) omega) / "
                             "sin(omega) z2, with the angle omega between z1 and z2")
