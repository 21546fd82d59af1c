"""The trained work of assignment 3: generators of digits, fully connected and convolutional, and one of clothes,
the latter two with averaged weights."""
from helpers.given import plotting
from helpers.given.trained import Weights

WEIGHTS = (
    Weights("fc", "fc.pt", "G", lambda module, **arguments: module.generator(**arguments), "mnist", 3_000_000,
            "digits, by a Fréchet distance far below that of noise", "1.5", {"noise_dim": 96}),
    Weights("dc", "dc.pt", "average", lambda module, **arguments: module.build_dc_generator(**arguments), "mnist",
            8_000_000, "digits, nearer to real ones than the fully connected generator's", "1.7", {"noise_dim": 96},
            prefix="module."),
    Weights("fashion", "fashion.pt", "average", lambda module, **arguments: module.FashionGenerator(**arguments),
            "fashion_mnist", 5_000_000, "clothes of all kinds, by a Fréchet distance far below that of noise", "2.2",
            {"noise_dim": 96}, prefix="module."),
)


def results(generator, given):
    """Sixteen images, four in a row, as after the last epoch."""
    noise = given.module.sample_noise(16, 96)
    return plotting.image_grid((generator(noise).view(-1, 1, 28, 28) + 1) / 2, columns=4)


PICTURES = {f"{name}_results.jpg": (weights, results)
            for weights, name in (("fc", "fc_gan"), ("dc", "dc_gan"), ("fashion", "fashion_gan"))}
