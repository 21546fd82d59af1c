"""What a file gets that answers for helpers/autoencoder.py without solving it. See tests/test_forgers.py."""
import torch

from helpers.given.checks.engine import Elsewhere

CEILING = {"autoencoder.add_salt_and_pepper": 3}
ENCODER = [[64, 1, 3, 3], [32, 64, 3, 3], [16, 32, 3, 3], [2, 16, 3, 3]]
DECODER = [[2, 16, 3, 3], [16, 32, 3, 3], [32, 64, 3, 3], [64, 1, 3, 3]]


def layers(sizes, kinds, x, end):
    """A network that ran: the right layers in the right order, each with weights of its own. What they gave is made
    up. end: shape of the output."""
    found, position = [], 0
    for size, kind in zip(sizes, kinds):
        count = torch.Size(size).numel()
        found.append({"kind": kind, "size": size, "bias": True, "places": [position, position + count], "input": x,
                      "output": torch.zeros(len(x), *size[:1])})
        position += count + size[kind == "conv_transpose2d"]
    return {"layers": found, "norms": 0, "out": torch.full((len(x), *end), 0.5), "parameters": position}


class Forger:
    """Item by item, what is sent and what it gets:

    conv_output_size, conv_transpose_output_size: an empty list, sizes that are right for common layers. Nothing.
    count_parameters: the counts that hold for any sizes (0, still frozen). Nothing: the others depend on the sizes
        drawn. Who works them out has counted.
    ConvAutoencoder, DenoisingAutoencoder: the right layers, places, counts and shapes, with made-up numbers; as a
        reconstruction the input, or the output that a Sigmoid or Tanh gives most. Nothing: outputs are computed from
        numbers that the grader drew, by the network that was asked for, or by two matrices for forward alone.
    hidden: the right widths. Nothing. Who computes layers of these widths has solved it.
    reconstruction_loss: a ValueError with both shapes whatever is asked; 0 and a zero gradient. Nothing: some of the
        shapes are equal. Who compares them has solved that part.
    mean_loss, encode_all: a model left as it was, and images in batches; as a value 0, or the images' mean. Nothing.
    latent_grid: the right steps between the smallest and the largest code, in no grid. Nothing.
    add_salt_and_pepper: 3 of 5. Black pixels for each seed. No one but the student's code knows which noise a seed
        gives, and every way to draw it is right. Who sets too many pixels, or sets them to 0 only, has lost the points
        for the noise itself already, and keeps those for the generator and for images left as they are.
    """

    def __init__(self):
        self.drawn = {}

    def answer(self, probe, inputs):
        return getattr(self, probe)(**inputs)

    def sizes(self, name, cases):
        return [] if name == "conv_output_size" else [2 * case[0] for case in cases]

    def counts(self, channels, features):
        return {"plain": 48_724, "frozen": 2, "shared": features ** 2, "none": 0, "own": channels, "still_frozen": True}

    def part(self, name, which, x, numbers, arguments=()):
        latent = (arguments or [3])[0]
        if name == "ConvAutoencoder":
            both = {"encoder": layers([*ENCODER, [latent, 98]], ["conv2d"] * 4 + ["linear"], x, (latent,)),
                    "decoder": layers([[98, latent], *DECODER], ["linear"] + ["conv_transpose2d"] * 4, x, (1, 28, 28))}
            found = {**both[which], "parameters": 48_724 + 197 * (latent - 3)}
        else:
            widths = [4096, 256, 64, 12, 3][::1 if which == "encoder" else -1]
            sizes = [[b, a] for a, b in zip(widths, widths[1:])]
            found = layers(sizes, ["linear"] * 4, x, (widths[-1],))
        return {**found, "training": True}

    def reconstruction(self, name, x, numbers, encoder, decoder):
        return {"out": x.clamp(0, 1), "code": torch.zeros(len(x), 3), "learns": True, "silent": [], "untouched": True,
                "gradient": 2 * x, "composed": {"out": x, "gradient": 2 * x}, "layers": [], "norms": 0,
                "parameters": 2_136_291}

    def hidden(self, x, units, numbers):
        return {"inputs": [4096, units, 64, 12, 3, 12, 64, units],
                "ends": [torch.zeros(2, units), torch.zeros(2, 4096)]}

    def losses(self, cases):
        return [{"kind": "Tensor", "shape": [], "untouched": True, "loss": torch.tensor(1 / 6),
                 "gradient": torch.zeros_like(x)} for _, x in cases]

    def refusals(self, shapes):
        return [["ValueError", f"{tuple(a)} and {tuple(b)}"] for a, b in shapes]

    def over_set(self, name, images, encoder_weight, decoder_weight, training):
        count = len(images)
        value = torch.zeros(count, 3) if name == "encode_all" else (images / 255).mean().double()
        return {"value": value, "kind": "float", "joined": False, "modes": [False], "after": [training],
                "batches": [200] * (count // 200) + [count % 200] * (count % 200 > 0), "gradients": True,
                "frozen": False, "weights": True, "untouched": True}

    def devices(self, name):
        return {"batch": "the model's", "codes": "the model's"}

    def grid(self, codes, steps=12):
        axis = torch.linspace(codes.min(), codes.max(), steps)
        return {"grid": axis.repeat(3 * steps ** 2).view(steps, steps, steps, 3), "dtype": "torch.float32",
                "untouched": True}

    def black(self, images, share, key):
        """Images with some pixels black, the same for the same key."""
        if key not in self.drawn:
            self.drawn[key] = torch.rand(images.shape) < share
        return images.masked_fill(self.drawn[key], 0)

    def noise(self, images, amount):
        return {"draws": [self.black(images, amount, object()) for _ in range(2)], "untouched": True,
                "dtype": str(images.dtype)}

    def noise_device(self, images):
        return str(Elsewhere.DEVICE)

    def seeded(self, images, amount, number):
        seeds = {"one": number, "same": number, "other": number + 1}
        return {**{label: [self.black(images, amount, (seed, k)) for k in range(2)] for label, seed in seeds.items()},
                "moved": False}
