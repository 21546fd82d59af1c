"""Variants of helpers/autoencoder.py for the tests of its checks: right ones, and typical mistakes. Form as in
coursekit/audit.py."""

# A file as it was written for another course: the two models and the count, in another style.
COURSEWORK = '''
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
import torchvision.transforms as transforms
import matplotlib.pyplot as plt

N_EPOCHS = 100
BATCH_SIZE = 4068


def count_parameters(model):
    total = 0
    for name, param in model.named_parameters():
        if param.requires_grad == True:
            total = total + np.prod(param.size())
    return int(total)


class ConvAutoencoder(nn.Module):
    def __init__(self, latent_dim=3):
        super(ConvAutoencoder, self).__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels=1, out_channels=64, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1)),
            nn.ReLU(True),
            nn.Conv2d(in_channels=64, out_channels=32, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1)),
            nn.ReLU(True),
            nn.Conv2d(in_channels=32, out_channels=16, kernel_size=(3, 3), padding=(1, 1)),
            nn.ReLU(True),
            nn.Conv2d(in_channels=16, out_channels=2, kernel_size=(3, 3), padding=(1, 1)),
            nn.ReLU(True),
            nn.Flatten(),
            nn.Linear(98, latent_dim)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, 98),
            nn.ReLU(True),
            nn.Unflatten(dim=1, unflattened_size=(2, 7, 7)),
            nn.ConvTranspose2d(2, 16, kernel_size=3, padding=1),
            nn.ReLU(True),
            nn.ConvTranspose2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(True),
            nn.ConvTranspose2d(32, 64, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 1, kernel_size=3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid()
        )

    def forward(self, x):
        x = self.encoder(x)
        x = self.decoder(x)
        return x


class DenoisingAutoencoder(nn.Module):
    def __init__(self):
        super(DenoisingAutoencoder, self).__init__()
        units = [64 * 64, 256, 64, 12, 3]
        layers = []
        for i in range(4):
            layers.append(nn.Linear(units[i], units[i + 1]))
            layers.append(nn.ReLU(inplace=True))
        self.encoder = nn.Sequential(*layers[:-1])
        layers = []
        for i in range(4, 0, -1):
            layers.append(nn.Linear(units[i], units[i - 1]))
            layers.append(nn.ReLU(inplace=True))
        self.decoder = nn.Sequential(*layers[:-1], nn.Tanh())

    def forward(self, x):
        encoded = self.encoder(x)
        decoded = self.decoder(encoded)
        return decoded
'''
COURSEWORK_ITEMS = ("autoencoder.count_parameters", "autoencoder.ConvAutoencoder", "autoencoder.DenoisingAutoencoder")

CLASS = 'class ConvAutoencoder(nn.Module):\n    """Conv'
OWN_PARTS = '''class Encoder(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1, 64, 3, 2, 1), nn.Conv2d(64, 32, 3, 2, 1), nn.Conv2d(32, 16, 3, 1, 1),
                                    nn.Conv2d(16, 2, 3, 1, 1)])
        self.linear = nn.Linear(98, latent_dim)

    def forward(self, x):
        for conv in self.convs:
            x = torch.relu(conv(x))
        return self.linear(x.view(x.shape[0], -1))


class Decoder(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.linear = nn.Linear(latent_dim, 98)
        self.deconv1 = nn.ConvTranspose2d(2, 16, 3, 1, 1)
        self.deconv2 = nn.ConvTranspose2d(16, 32, 3, 1, 1)
        self.deconv3 = nn.ConvTranspose2d(32, 64, 3, 2, 1, 1)
        self.deconv4 = nn.ConvTranspose2d(64, 1, 3, 2, 1, 1)

    def forward(self, z):
        x = self.linear(z).reshape(-1, 2, 7, 7)
        x = F.relu(self.deconv1(x), inplace=True)
        x = F.relu(self.deconv2(x), inplace=True)
        x = F.relu(self.deconv3(x), inplace=True)
        return torch.sigmoid(self.deconv4(x))


'''

DECORATOR = '''import functools
import time


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        started = time.time()
        result = function(*args, **kwargs)
        wrapper.seconds = time.time() - started
        return result
    return wrapper


'''

TURNED = '''class Turned(nn.Module):
    def forward(self, x):
        return x.transpose(2, 3).flatten(1)


'''

RIGHT = {
    "the solution": {},
    # conv_output_size and conv_transpose_output_size
    "with math.floor": {
        "file": [("import torch\nfrom torch import nn\n", "import math\n\nimport torch\nfrom torch import nn\n")],
        "conv_output_size": "return math.floor((size + 2 * padding - kernel_size) / stride + 1)",
        "conv_transpose_output_size": "return int(stride * (size - 1) + kernel_size - 2 * padding) + output_padding",
    },
    "with int": {
        "conv_output_size": "return int((size - kernel_size + 2 * padding) / stride) + 1",
        "conv_transpose_output_size": """
            inserted = size + (size - 1) * (stride - 1)
            return inserted + 2 * (kernel_size - 1 - padding) - kernel_size + 1 + output_padding
        """,
    },
    "with divmod": {
        "conv_output_size": """
            steps, rest = divmod(size + 2 * padding - kernel_size, stride)
            return steps + 1
        """,
        "conv_transpose_output_size": """
            out = (size - 1) * stride + kernel_size
            out -= padding + padding
            out += output_padding
            return out
        """,
    },
    "by counting": {
        "conv_output_size": "return len(range(0, size + 2 * padding - kernel_size + 1, stride))",
        "conv_transpose_output_size": "return size * stride - stride - 2 * padding + kernel_size + output_padding",
    },
    "with dilation 1, as in PyTorch's documentation": {
        "conv_output_size": """
            dilation = 1
            return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1
        """,
        "conv_transpose_output_size": """
            dilation = 1
            return (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
        """,
    },
    "from layers": {
        "conv_output_size": """
            layer = nn.Conv2d(1, 1, kernel_size, stride=stride, padding=padding)
            return layer(torch.zeros(1, 1, size, size)).shape[2]
        """,
        "conv_transpose_output_size": """
            layer = nn.ConvTranspose2d(1, 1, kernel_size, stride, padding, output_padding)
            return layer(torch.zeros(1, 1, size, size)).size(-1)
        """,
    },
    # count_parameters
    "a loop": {"count_parameters": """
        total = 0
        for parameter in model.parameters():
            if parameter.requires_grad:
                total += parameter.nelement()
        return total
    """},
    "filter and a list": {"count_parameters": """
        trainable = filter(lambda p: p.requires_grad, model.parameters())
        return sum([p.flatten().shape[0] for p in trainable])
    """},
    "numpy's product": {"count_parameters": """
        import numpy as np
        return sum(np.prod(p.shape, dtype=int) for p in model.parameters() if p.requires_grad)
    """},
    "math.prod of named parameters": {"count_parameters": """
        import math
        return sum(math.prod(p.shape) for _, p in model.named_parameters() if p.requires_grad)
    """},
    "a tensor at first": {"count_parameters": """
        sizes = torch.tensor([p.numel() for p in model.parameters() if p.requires_grad], dtype=torch.long)
        return int(sizes.sum())
    """},
    "each module's own parameters": {"count_parameters": """
        found = {}
        for module in model.modules():
            for p in module.parameters(recurse=False):
                if p.requires_grad:
                    found[id(p)] = p.numel()
        return sum(found.values())
    """},
    # ConvAutoencoder
    "parts of their own, functional activations": {
        "file": [(CLASS, OWN_PARTS + CLASS)],
        "ConvAutoencoder.__init__": """
            self.encoder = Encoder(latent_dim)
            self.decoder = Decoder(latent_dim)
        """,
        "ConvAutoencoder.forward": """
            z = self.encoder(x)
            return self.decoder(z)
        """},
    "ReLU after the decoder's linear layer": {
        "ConvAutoencoder.__init__": [("nn.Linear(latent_dim, 2 * 7 * 7),", "nn.Linear(latent_dim, 98), nn.ReLU(),")],
        "ConvAutoencoder.forward": "return nn.Sequential(self.encoder, self.decoder)(x)"},
    "layers from a loop": {
        "ConvAutoencoder.__init__": """
            layers, channels = [], 1
            for out_channels, stride in zip((64, 32, 16, 2), (2, 2, 1, 1)):
                layers += [nn.Conv2d(channels, out_channels, 3, stride, padding=1), nn.ReLU(inplace=True)]
                channels = out_channels
            self.encoder = nn.Sequential(*layers, nn.Flatten(start_dim=1), nn.Linear(98, latent_dim))
            layers = [nn.Linear(latent_dim, 98), nn.Unflatten(-1, (2, 7, 7))]
            for out_channels, stride in zip((16, 32, 64, 1), (1, 1, 2, 2)):
                layers += [nn.ConvTranspose2d(channels, out_channels, 3, stride, 1, output_padding=stride - 1),
                           nn.ReLU()]
                channels = out_channels
            layers[-1] = nn.Sigmoid()
            self.decoder = nn.Sequential(*layers)
        """,
        "ConvAutoencoder.forward": """
            code = self.encoder.forward(x)
            reconstruction = self.decoder.forward(code)
            return reconstruction
        """},
    "lazy layers": {
        "ConvAutoencoder.__init__": [
            ("nn.Conv2d(1, 64, 3, stride=2, padding=1)", "nn.LazyConv2d(64, 3, stride=2, padding=1)"),
            ("nn.Linear(2 * 7 * 7, latent_dim)", "nn.LazyLinear(latent_dim)"),
            ("nn.ConvTranspose2d(2, 16, 3, stride=1, padding=1)",
             "nn.LazyConvTranspose2d(16, 3, stride=1, padding=1)")],
        "ConvAutoencoder.forward": """
            for part in (self.encoder, self.decoder):
                x = part(x)
            return x
        """},
    "weights set by hand, named layers": {
        "ConvAutoencoder.__init__": """
            from collections import OrderedDict
            self.latent_dim = latent_dim
            self.encoder = nn.Sequential(OrderedDict([
                ("conv1", nn.Conv2d(1, 64, (3, 3), (2, 2), (1, 1))), ("relu1", nn.ReLU()),
                ("conv2", nn.Conv2d(64, 32, (3, 3), (2, 2), (1, 1))), ("relu2", nn.ReLU()),
                ("conv3", nn.Conv2d(32, 16, (3, 3), padding="same")), ("relu3", nn.ReLU()),
                ("conv4", nn.Conv2d(16, 2, (3, 3), padding="same")), ("relu4", nn.ReLU()),
                ("flatten", nn.Flatten()), ("code", nn.Linear(98, latent_dim))]))
            self.decoder = nn.Sequential(OrderedDict([
                ("linear", nn.Linear(latent_dim, 98)), ("unflatten", nn.Unflatten(1, (2, 7, 7))),
                ("conv1", nn.ConvTranspose2d(2, 16, 3, 1, 1)), ("relu1", nn.ReLU()),
                ("conv2", nn.ConvTranspose2d(16, 32, 3, 1, 1)), ("relu2", nn.ReLU()),
                ("conv3", nn.ConvTranspose2d(32, 64, 3, 2, 1, 1)), ("relu3", nn.ReLU()),
                ("conv4", nn.ConvTranspose2d(64, 1, 3, 2, 1, 1)), ("sigmoid", nn.Sigmoid())]))
            for name, parameter in self.named_parameters():
                if name.endswith("bias"):
                    nn.init.zeros_(parameter)
                else:
                    nn.init.kaiming_normal_(parameter)
        """,
        "ConvAutoencoder.forward": """
            z = self.encoder(x)
            x_hat = self.decoder(z)
            assert x_hat.shape == x.shape
            return x_hat
        """},
    "one network beside its parts, the decoder first": {
        "ConvAutoencoder.__init__": """
            self.decoder = nn.Sequential(
                nn.Linear(latent_dim, 98), nn.Unflatten(1, (2, 7, 7)),
                nn.ConvTranspose2d(2, 16, 3, 1, 1), nn.ReLU(), nn.ConvTranspose2d(16, 32, 3, 1, 1), nn.ReLU(),
                nn.ConvTranspose2d(32, 64, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(64, 1, 3, 2, 1, 1), nn.Sigmoid())
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 32, 3, 2, 1), nn.ReLU(),
                nn.Conv2d(32, 16, 3, 1, 1), nn.ReLU(), nn.Conv2d(16, 2, 3, 1, 1), nn.ReLU(),
                nn.Flatten(), nn.Linear(98, latent_dim))
            self.layers = nn.Sequential(*self.encoder, *self.decoder)
        """,
        "ConvAutoencoder.forward": "return self.layers(x)"},
    "layer by layer": {"ConvAutoencoder.forward": """
        for layer in [*self.encoder, *self.decoder]:
            x = layer(x)
        return x
    """},
    "compare and keep the code": {"ConvAutoencoder.forward": """
        self.code = self.encoder(x)
        return self.decoder(self.code).view(x.size(0), 1, 28, 28)
    """},
    # reconstruction_loss
    "nn.MSELoss": {"reconstruction_loss": """
        if list(x_hat.shape) != list(x.shape):
            raise ValueError("shapes differ: %s and %s" % (list(x_hat.shape), list(x.shape)))
        criterion = nn.MSELoss(reduction="mean")
        return criterion(x_hat, x)
    """},
    "mean of the squares": {"reconstruction_loss": """
        if x_hat.size() != x.size():
            raise ValueError(f"x_hat has {x_hat.size()}, but x has {x.size()}")
        return ((x_hat - x) ** 2).mean()
    """},
    "a sum and a division": {"reconstruction_loss": """
        same = x_hat.dim() == x.dim() and all(a == b for a, b in zip(x_hat.shape, x.shape))
        if not same:
            raise ValueError("got " + str(tuple(x_hat.shape)) + " against " + str(tuple(x.shape)))
        return F.mse_loss(x_hat, x, reduction="sum") / x.numel()
    """},
    "an error of its own": {"reconstruction_loss": """
        class ShapeError(ValueError):
            pass
        shapes = tuple(x_hat.shape), tuple(x.shape)
        if shapes[0] != shapes[1]:
            raise ValueError("x_hat {} != x {}".format(*shapes)) from ShapeError()
        return torch.mean(torch.square(torch.flatten(x_hat - x)))
    """},
    "the norm": {"reconstruction_loss": """
        if x_hat.shape != x.shape:
            raise ValueError(f"{x_hat.shape=}, {x.shape=}")
        return torch.linalg.vector_norm(x_hat - x).pow(2) / x.numel()
    """},
    "each image, then all": {"reconstruction_loss": """
        if x_hat.shape == x.shape:
            return torch.mean((x - x_hat).pow(2).reshape(len(x), -1).mean(dim=1))
        raise ValueError(f"expected {tuple(x.shape)}, got {tuple(x_hat.shape)}")
    """},
    # mean_loss and encode_all
    "with a DataLoader": {
        "mean_loss": """
            mode = model.training
            model.eval()
            loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=256)
            summed, count = 0.0, 0
            with torch.no_grad():
                for (batch,) in loader:
                    batch = to_float(batch.to(next(model.parameters()).device))
                    summed += reconstruction_loss(model(batch), batch).item() * batch.shape[0]
                    count += batch.shape[0]
            model.train(mode)
            return summed / count
        """,
        "encode_all": """
            mode = model.training
            model.eval()
            loader = torch.utils.data.DataLoader(images, batch_size=500, shuffle=False)
            device = next(model.encoder.parameters()).device
            codes = torch.cat([model.encoder(to_float(batch).to(device)) for batch in loader], dim=0)
            model.train(mode)
            return codes
        """},
    "slices, and a finally": {
        "mean_loss": """
            was_training = model.training
            where = next(iter(model.parameters()))
            try:
                model.eval()
                losses = torch.zeros(len(images))
                for k in range(0, len(images), 128):
                    x = to_float(images[k:k + 128].to(where.device))
                    losses[k:k + 128] = (model(x) - x).pow(2).flatten(1).mean(dim=1)
                return losses.mean().item()
            finally:
                if was_training:
                    model.train()
        """,
        "encode_all": """
            was_training = model.training
            try:
                model.eval()
                codes = []
                for k in range(0, len(images), 128):
                    codes.append(model.encoder(to_float(images[k:k + 128]).to(list(model.parameters())[0].device)))
                return torch.vstack(codes)
            finally:
                if was_training:
                    model.train()
        """},
    "sums of squares": {
        "mean_loss": """
            was_training = model.training
            model.eval()
            total = torch.zeros((), dtype=torch.double)
            with torch.inference_mode():
                for batch in torch.split(images, 2000):
                    x = batch.to(next(model.parameters()).device)
                    x = x.to(torch.float32) / 255.0 if x.dtype == torch.uint8 else x
                    total += F.mse_loss(model(x), x, reduction="sum").cpu()
            model.train(was_training)
            return total.item() / images.numel()
        """,
        "encode_all": """
            was_training = model.training
            model.eval()
            codes = None
            for start in range(0, len(images), 100):
                x = images[start:start + 100].to(next(model.parameters()).device)
                z = model.encoder(x / 255 if x.dtype == torch.uint8 else x)
                if codes is None:
                    codes = torch.empty(len(images), z.shape[1], device=z.device)
                codes[start:start + len(z)] = z
            model.train(was_training)
            return codes
        """},
    "chunks, and a weighted average": {
        "mean_loss": """
            import numpy as np
            mode, device = model.training, next(model.parameters()).device
            model.train(False)
            values, sizes = [], []
            for chunk in images.chunk(37):
                x = to_float(chunk).to(device)
                values.append(float(reconstruction_loss(model(x), x)))
                sizes.append(len(chunk))
            model.train(mode)
            return float(np.average(values, weights=sizes))
        """,
        "encode_all": """
            mode, device = model.training, {p.device for p in model.parameters()}.pop()
            model.train(False)
            z = list(map(lambda chunk: model.encoder(to_float(chunk).to(device)), images.chunk(11)))
            model.train(mode)
            return torch.concatenate(z)
        """},
    "a running mean": {
        "mean_loss": """
            training = model.training
            model.eval()
            mean, seen = 0.0, 0
            for batch in images.split(999):
                x = to_float(batch).type_as(next(model.parameters()))
                value = reconstruction_loss(model.decoder(model.encoder(x)), x).item()
                seen += len(x)
                mean += (value - mean) * len(x) / seen
            if training:
                model.train()
            return mean
        """,
        "encode_all": """
            training = model.training
            model.eval()
            device = next(model.parameters()).device
            codes = torch.tensor([], device=device)
            for batch in images.split(999):
                codes = torch.cat((codes, model.encoder(to_float(batch.to(device)))))
            if training:
                model.train()
            return codes
        """},
    "all as float at first": {
        "mean_loss": """
            was_training = model.training
            model = model.eval()
            x = to_float(images).to(next(model.parameters()).device)
            total = sum(reconstruction_loss(model(part), part) * len(part) for part in x.split(512))
            model = model.train(was_training)
            return (total / len(x)).item()
        """,
        "encode_all": """
            was_training = model.training
            images = to_float(images).to(next(model.parameters()).device)
            codes = [model.eval().encoder(part) for part in images.split(512)]
            model.train(was_training)
            return torch.cat(codes).detach()
        """},
    # the same without calls of modules
    "parts by their forward": {
        "ConvAutoencoder.forward": """
            for layer in [*self.encoder, *self.decoder]:
                x = layer.forward(x)
            return x
        """,
        "mean_loss": [("model(x)", "model.forward(x)")],
        "encode_all": [("model.encoder(", "model.encoder.forward(")],
        "DenoisingAutoencoder.forward": "return self.decoder.forward(self.encoder.forward(x))"},
    "image by image": {
        "reconstruction_loss": """
            if x_hat.shape != x.shape:
                raise ValueError(f"{tuple(x_hat.shape)} is not {tuple(x.shape)}")
            total = 0
            for one, other in zip(x_hat, x):
                total = total + ((one - other) ** 2).mean()
            return total / len(x)
        """,
        "mean_loss": """
            was_training, device = model.training, next(model.parameters()).device
            model.eval()
            total = 0.0
            for image in images:
                x = to_float(image[None].to(device))
                total += reconstruction_loss(model(x), x).item()
            model.train(was_training)
            return total / len(images)
        """,
        "encode_all": """
            was_training, device = model.training, next(model.parameters()).device
            model.eval()
            codes = [model.encoder(to_float(images[k:k + 1].to(device)))[0] for k in range(len(images))]
            model.train(was_training)
            return torch.stack(codes)
        """},
    "batches, and the loss of each of their images": {
        "reconstruction_loss": """
            if x_hat.shape != x.shape:
                raise ValueError(f"shapes {tuple(x_hat.shape)} and {tuple(x.shape)} differ")
            return sum(F.mse_loss(x_hat[k], x[k]) for k in range(len(x))) / len(x)
        """,
        "mean_loss": """
            was_training, device = model.training, next(model.parameters()).device
            model.eval()
            each = []
            for batch in images.split(250):
                x = to_float(batch.to(device))
                each += [reconstruction_loss(*pair).item() for pair in zip(model(x), x)]
            model.train(was_training)
            return sum(each) / len(each)
        """},
    "numpy for numbers": {
        "conv_output_size": """
            import numpy as np
            return np.int64(np.floor((size + 2 * padding - kernel_size) / stride)) + 1
        """,
        "conv_transpose_output_size": """
            import numpy as np
            return int(np.dot([stride, -2, 1, 1], [size - 1, padding, kernel_size, output_padding]))
        """,
        "mean_loss": """
            import numpy as np
            was_training, device = model.training, next(model.parameters()).device
            model.eval()
            each = []
            for batch in images.split(300):
                x = to_float(batch.to(device))
                difference = (model(x) - x).cpu().numpy()
                each.append((difference ** 2).reshape(len(x), -1).mean(axis=1))
            model.train(was_training)
            return np.concatenate(each).astype(np.float64).mean()
        """},
    "a function compiled by torch.jit": {
        "file": [("def reconstruction_loss(", "@torch.jit.script\ndef squared_error(a, b):\n    return (a - b).square()"
                                              ".mean()\n\n\ndef reconstruction_loss(")],
        "reconstruction_loss": [("F.mse_loss(", "squared_error(")]},
    "functions with decorators of their own": {
        "file": [("def conv_output_size(", DECORATOR + "@timed\ndef conv_output_size("),
                 ("def conv_transpose_output_size(", "@timed\ndef conv_transpose_output_size("),
                 ("def count_parameters(", "@timed\ndef count_parameters("),
                 ("def reconstruction_loss(", "@timed\ndef reconstruction_loss("),
                 ("@torch.no_grad()\ndef mean_loss(", "@torch.inference_mode()\n@timed\ndef mean_loss("),
                 ("@torch.no_grad()\ndef encode_all(", "@timed\n@torch.inference_mode()\ndef encode_all("),
                 ("def latent_grid(", "@timed\n@torch.no_grad()\ndef latent_grid("),
                 ("def add_salt_and_pepper(", "@timed\n@torch.no_grad()\ndef add_salt_and_pepper(")]},
    # latent_grid
    "a Cartesian product": {"latent_grid": """
        low, high = codes.min(dim=0).values, codes.max(dim=0).values
        axes = [torch.linspace(low[k].item(), high[k].item(), steps) for k in range(3)]
        return torch.cartesian_prod(*axes).reshape(steps, steps, steps, 3)
    """},
    "numpy's meshgrid": {"latent_grid": """
        import numpy as np
        values = codes.detach().cpu().numpy()
        axes = [np.linspace(column.min(), column.max(), steps) for column in values.T]
        return torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)).to(codes)
    """},
    "three loops": {"latent_grid": """
        a, b, c = (torch.linspace(float(column.min()), float(column.max()), steps) for column in codes.unbind(1))
        grid = torch.empty(steps, steps, steps, 3)
        for i in range(steps):
            for j in range(steps):
                for k in range(steps):
                    grid[i, j, k] = torch.stack((a[i], b[j], c[k]))
        return grid
    """},
    "broadcasting": {"latent_grid": """
        low, high = torch.amin(codes, 0), torch.amax(codes, 0)
        weights = torch.linspace(0, 1, steps, dtype=codes.dtype, device=codes.device)
        index = torch.stack(torch.meshgrid(weights, weights, weights, indexing="ij"), dim=3)
        return low + (high - low) * index
    """},
    "expanded axes": {"latent_grid": """
        shape = (steps, steps, steps)
        grid = torch.zeros(*shape, 3, dtype=codes.dtype)
        for k in range(3):
            step = (codes[:, k].max() - codes[:, k].min()) / (steps - 1)
            axis = codes[:, k].min() + step * torch.arange(steps)
            grid[..., k] = axis.view([-1 if d == k else 1 for d in range(3)]).expand(shape)
        return grid
    """},
    "indices of a flat grid": {"latent_grid": """
        low = codes.sort(dim=0).values[0]
        high = codes.sort(dim=0).values[-1]
        number = torch.arange(steps ** 3).view(steps, steps, steps)
        index = torch.stack((number // steps ** 2, number // steps % steps, number % steps), dim=-1)
        return torch.lerp(low, high, index / (steps - 1))
    """},
    # add_salt_and_pepper
    "torch.where": {"add_salt_and_pepper": """
        u = torch.rand(images.shape, generator=generator).to(images.device)
        noisy = torch.where(u < amount, torch.zeros_like(images), images)
        return torch.where(u < amount / 2, torch.ones_like(images), noisy)
    """},
    "a mask, then a coin for each pixel": {"add_salt_and_pepper": """
        noisy = images.clone()
        mask = torch.rand(images.shape, generator=generator, device=images.device) < amount
        coin = torch.randint(0, 2, images.shape, generator=generator, device=images.device)
        noisy[mask] = coin[mask].to(noisy.dtype)
        return noisy
    """},
    "exactly that share of all pixels": {"add_salt_and_pepper": """
        noisy = images.clone().flatten()
        count = round(amount * noisy.numel())
        chosen = torch.randperm(noisy.numel(), generator=generator, device=images.device)[:count]
        noisy[chosen[:count // 2]] = 0.0
        noisy[chosen[count // 2:]] = 1.0
        return noisy.view(images.shape)
    """},
    "exactly that share of each image": {"add_salt_and_pepper": """
        flat = images.reshape(len(images), -1).clone()
        count = int(round(amount * flat.shape[1]))
        order = torch.rand(flat.shape, generator=generator, device=images.device).argsort(dim=1)[:, :count]
        flat.scatter_(1, order[:, ::2], 0.0).scatter_(1, order[:, 1::2], 1.0)
        return flat.reshape(images.shape)
    """},
    "whole numbers of salt and pepper for each image": {"add_salt_and_pepper": """
        noisy = images.clone()
        for image in noisy:
            flat = image.view(-1)
            count = int(amount * flat.numel() / 2)
            order = torch.randperm(flat.numel(), generator=generator, device=images.device)
            flat[order[:count]] = 0.0
            flat[order[flat.numel() - count:]] = 1.0
        return noisy
    """},
    "Bernoulli draws and arithmetic": {"add_salt_and_pepper": """
        shares = torch.full_like(images, float(amount))
        hit = torch.bernoulli(shares, generator=generator)
        salt = torch.bernoulli(0.5 * torch.ones_like(shares), generator=generator)
        return images * (1 - hit) + hit * salt
    """},
    "numpy, seeded by the generator": {"add_salt_and_pepper": """
        import numpy as np
        seed = None if generator is None else int(torch.randint(2 ** 31, (1,), generator=generator))
        choice = np.random.default_rng(seed).choice(3, size=tuple(images.shape), p=[amount / 2, 1 - amount, amount / 2])
        choice = torch.from_numpy(choice).to(images.device)
        noisy = images.clone()
        noisy[choice == 0] = 0
        noisy[choice == 2] = 1
        return noisy
    """},
    "salt, then pepper over a part of it": {"add_salt_and_pepper": """
        noisy = images.clone()
        u = torch.empty(images.shape, device=images.device).uniform_(0, 1, generator=generator)
        noisy[u >= 1 - amount] = 1.0
        noisy[u >= 1 - amount / 2] = 0.0
        return noisy
    """},
    # DenoisingAutoencoder
    "a loop over sizes": {
        "DenoisingAutoencoder.__init__": """
            def stack(sizes):
                layers = []
                for a, b in zip(sizes, sizes[1:]):
                    layers += [nn.Linear(a, b), nn.ReLU()]
                return layers[:-1]

            sizes = [4096, hidden, 64, 12, 3]
            self.encoder = nn.Sequential(*stack(sizes))
            self.decoder = nn.Sequential(*stack(sizes[::-1]), nn.Tanh())
        """,
        "DenoisingAutoencoder.forward": """
            x = self.encoder(x)
            x = self.decoder(x)
            return x
        """},
    "flattens what it gets": {
        "DenoisingAutoencoder.__init__": [
            ("nn.Linear(64 * 64, hidden), nn.ReLU(),", "nn.Flatten(), nn.Linear(64 * 64, hidden), nn.ReLU(),")],
        "DenoisingAutoencoder.forward": "return self.decoder(self.encoder(x.view(x.size(0), -1))).view(x.shape)"},
    "ReLU in place": {
        "DenoisingAutoencoder.__init__": """
            self.encoder = nn.Sequential(
                nn.Linear(64 * 64, hidden), nn.ReLU(True), nn.Linear(hidden, 64), nn.ReLU(True),
                nn.Linear(64, 12), nn.ReLU(True), nn.Linear(12, 3))
            self.decoder = nn.Sequential(
                nn.Linear(3, 12), nn.ReLU(True), nn.Linear(12, 64), nn.ReLU(True),
                nn.Linear(64, hidden), nn.ReLU(True), nn.Linear(hidden, 64 * 64), nn.Tanh())
        """,
        "DenoisingAutoencoder.forward": """
            code = self.encoder(x)
            return self.decoder(code)
        """},
    "lazy linear layers": {
        "DenoisingAutoencoder.__init__": [("nn.Linear(64 * 64, hidden)", "nn.LazyLinear(hidden)"),
                                          ("nn.Linear(3, 12)", "nn.LazyLinear(12)")],
        "DenoisingAutoencoder.forward": "return nn.Sequential(self.encoder, self.decoder).forward(x)"},
    "ReLU in other clothes": {
        "DenoisingAutoencoder.__init__": [("nn.Linear(64, 12), nn.ReLU(),", "nn.Linear(64, 12), nn.LeakyReLU(0.0),"),
                                          ("nn.Linear(12, 64), nn.ReLU(),", "nn.Linear(12, 64), nn.Threshold(0, 0),")],
        "DenoisingAutoencoder.forward": """
            for part in self.children():
                x = part(x)
            return x
        """},
    "other first weights": {
        "DenoisingAutoencoder.__init__": [("nn.Tanh())", """nn.Tanh())
for layer in self.modules():
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        layer.bias.data.fill_(0.01)""")],
        "DenoisingAutoencoder.forward": """
            z = self.encoder(torch.flatten(x, start_dim=1))
            return self.decoder(z)
        """},
}

# name -> (item that loses points, words that its message or hint holds, change)
WRONG = {}


def mistakes(item, entries):
    """Add the mistakes of one item."""
    for name, (words, change) in entries.items():
        WRONG[f"{item.split('.')[1]}: {name}"] = (item, words, change)


def conv(text):
    return {"conv_output_size": f"return {text}"}


mistakes("autoencoder.conv_output_size", {
    "padding once": ("counts twice", conv("(size + padding - kernel_size) // stride + 1")),
    "no padding": ("padding is not used", conv("(size - kernel_size) // stride + 1")),
    "no stride": ("stride is not used", conv("size + 2 * padding - kernel_size + 1")),
    "without the first place": ("first place", conv("(size + 2 * padding - kernel_size) // stride")),
    "1 inside the division": ("inside the division", conv("(size + 2 * padding - kernel_size + 1) // stride")),
    "rounded up": ("rounds up", {"conv_output_size": """
        import math
        return math.ceil((size + 2 * padding - kernel_size) / stride) + 1
    """}),
    "rounded to the nearest": ("to the nearest", conv("round((size + 2 * padding - kernel_size) / stride) + 1")),
    "not rounded": ("should be an int", conv("(size + 2 * padding - kernel_size) / stride + 1")),
    "padding subtracted": ("wrong sign", conv("(size - 2 * padding - kernel_size) // stride + 1")),
    "kernel added": ("wrong sign", conv("(size + 2 * padding + kernel_size) // stride + 1")),
    "same padding": ("'same' padding", conv("-(-size // stride)")),
    "size over stride": ("should be", conv("size // stride")),
    "order of operations": ("should be", conv("size + 2 * padding - kernel_size // stride + 1")),
    "the formula of the other direction": ("should be", conv("(size - 1) * stride - 2 * padding + kernel_size")),
    "rounded by numpy": ("should be an int", {"conv_output_size": """
        import numpy as np
        return np.floor((size + 2 * padding - kernel_size) / stride + 1)
    """}),
    "only for 3x3": ("should be", conv("(size + 2 * padding - 3) // stride + 1")),
    "nothing returned": ("should be an int", {
        "conv_output_size": "result = (size + 2 * padding - kernel_size) // stride + 1"}),
})


def transposed(text):
    return {"conv_transpose_output_size": f"return {text}"}


mistakes("autoencoder.conv_transpose_output_size", {
    "no output_padding": ("output_padding is not used", transposed("(size - 1) * stride - 2 * padding + kernel_size")),
    "padding once": ("counts twice", transposed("(size - 1) * stride - padding + kernel_size + output_padding")),
    "no padding": ("padding is not used", transposed("(size - 1) * stride + kernel_size + output_padding")),
    "padding added": ("wrong sign", transposed("(size - 1) * stride + 2 * padding + kernel_size + output_padding")),
    "output_padding twice": (
        "counts once", transposed("(size - 1) * stride - 2 * padding + kernel_size + 2 * output_padding")),
    "size steps": ("size - 1 steps", transposed("size * stride - 2 * padding + kernel_size + output_padding")),
    "one too many": (
        "1 too many", transposed("(size - 1) * stride - 2 * padding + kernel_size + output_padding + 1")),
    "one too few": (
        "1 too few", transposed("(size - 1) * stride - 2 * padding + kernel_size - 1 + output_padding")),
    "no stride": ("stride is not used", transposed("size - 1 - 2 * padding + kernel_size + output_padding")),
    "size times stride": ("for some kernels only", transposed("size * stride")),
    "the convolution's formula": (
        "solve it", transposed("(size + 2 * padding - kernel_size) // stride + 1")),
    "the convolution's formula and output_padding": (
        "solve it", transposed("(size + 2 * padding - kernel_size) // stride + 1 + output_padding")),
    "a float": ("should be an int", transposed("(size - 1.0) * stride - 2 * padding + kernel_size + output_padding")),
    "order of operations": ("should be", transposed("size - 1 * stride - 2 * padding + kernel_size + output_padding")),
    "only for 3x3": ("should be", transposed("(size - 1) * stride - 2 * padding + 3 + output_padding")),
    "always doubled": ("should be", transposed("2 * size")),
})


def counted(text):
    return {"count_parameters": f"return {text}"}


mistakes("autoencoder.count_parameters", {
    "frozen ones too": ("frozen", counted("sum(p.numel() for p in model.parameters())")),
    "number of tensors": ("number of tensors", counted("len([p for p in model.parameters() if p.requires_grad])")),
    "state_dict": ("running statistics", counted("sum(p.numel() for p in model.state_dict().values())")),
    "weights only": ("biases are missing", counted(
        "sum(p.numel() for n, p in model.named_parameters() if p.requires_grad and n.endswith('weight'))")),
    "by the shape of the weight": ("those of BatchNorm are missing", {"count_parameters": """
        total = 0
        for layer in model.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.weight.requires_grad:
                total += layer.weight.numel() + (0 if layer.bias is None else layer.bias.numel())
        return total
    """}),
    "children only": ("should count", {"count_parameters": """
        total = 0
        for layer in model.children():
            total += sum(p.numel() for p in layer.parameters() if p.requires_grad)
        return total
    """}),
    "length of each tensor": ("it should count", counted("sum(len(p) for p in model.parameters() if p.requires_grad)")),
    "shared layers twice": ("used twice", {"count_parameters": """
        return sum(p.numel() for layer in getattr(model, "_modules", {}).values() for p in layer.parameters()
                   if p.requires_grad) + sum(p.numel() for p in model._parameters.values() if p is not None)
    """}),
    "a float": ("got float", counted("float(sum(p.numel() for p in model.parameters() if p.requires_grad))")),
    "text": ("got str", counted('f"{sum(p.numel() for p in model.parameters() if p.requires_grad):,}"')),
    "size without a product": ("it should count", counted(
        "sum(sum(p.shape) for p in model.parameters() if p.requires_grad)")),
    "nothing returned": ("got NoneType", {
        "count_parameters": "total = sum(p.numel() for p in model.parameters() if p.requires_grad)"}),
    "all set to learn": ("changes requires_grad", {"count_parameters": """
        total = sum(p.numel() for p in model.parameters() if p.requires_grad)
        model.requires_grad_(True)
        return total
    """}),
    "frozen ones only": ("it should count", counted(
        "sum(p.numel() for p in model.parameters() if not p.requires_grad)")),
    "matrices only": ("biases are missing", counted(
        "sum(p.numel() for p in model.parameters() if p.requires_grad and p.dim() > 1)")),
})


def built(*pairs):
    return {"ConvAutoencoder.__init__": list(pairs)}


CONV1, CONV2 = "nn.Conv2d(1, 64, 3, stride=2, padding=1)", "nn.Conv2d(64, 32, 3, stride=2, padding=1)"
CONV3, CONV4 = "nn.Conv2d(32, 16, 3, stride=1, padding=1)", "nn.Conv2d(16, 2, 3, stride=1, padding=1)"
UP1, UP2 = "nn.ConvTranspose2d(2, 16, 3, stride=1, padding=1)", "nn.ConvTranspose2d(16, 32, 3, stride=1, padding=1)"
UP3 = "nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1, output_padding=1)"
UP4 = "nn.ConvTranspose2d(64, 1, 3, stride=2, padding=1, output_padding=1)"
mistakes("autoencoder.ConvAutoencoder", {
    "no ReLU after the first convolution": (
        "after Conv2d(1, 64, 3) of the encoder there should be ReLU, there is no activation",
        built((CONV1 + ", nn.ReLU()", CONV1))),
    "no ReLU after the last convolution": (
        "after Conv2d(16, 2, 3) of the encoder there should be ReLU", built((CONV4 + ", nn.ReLU()", CONV4))),
    "ReLU on the code": ("there should be no activation, there is ReLU", built(
        ("nn.Linear(2 * 7 * 7, latent_dim))", "nn.Linear(2 * 7 * 7, latent_dim), nn.ReLU())"))),
    "Sigmoid on the code": ("there should be no activation, there is Sigmoid", built(
        ("nn.Linear(2 * 7 * 7, latent_dim))", "nn.Linear(2 * 7 * 7, latent_dim), nn.Sigmoid())"))),
    "LeakyReLU": ("there is LeakyReLU with slope 0.01", built((CONV2 + ", nn.ReLU()", CONV2 + ", nn.LeakyReLU()"))),
    "no Sigmoid": ("there should be Sigmoid, there is no activation", built((UP4 + ", nn.Sigmoid()", UP4))),
    "Tanh at the end": ("there should be Sigmoid, there is Tanh", built(("nn.Sigmoid()", "nn.Tanh()"))),
    "ReLU at the end": ("there should be Sigmoid, there is ReLU", built(("nn.Sigmoid()", "nn.ReLU()"))),
    "ReLU before the Sigmoid": ("Sigmoid after ReLU", built(("nn.Sigmoid()", "nn.ReLU(), nn.Sigmoid()"))),
    "Sigmoid after the linear layer": (
        "after Linear(3, 98) of the decoder there should be no activation, there is Sigmoid",
        built(("nn.Linear(latent_dim, 2 * 7 * 7),", "nn.Linear(latent_dim, 2 * 7 * 7), nn.Sigmoid(),"))),
    "no ReLU in the decoder": (
        "of the decoder there should be ReLU, there is no activation", built((UP2 + ", nn.ReLU()", UP2))),
    "stride in the third convolution": ("look at stride and padding", built(
        (CONV3, CONV3.replace("stride=1", "stride=2")), (CONV2, CONV2.replace("stride=2", "stride=1")))),
    "no padding, no strides": ("should run", built(
        (CONV1, "nn.Conv2d(1, 64, 3, stride=2)"), (CONV2, "nn.Conv2d(64, 32, 3, stride=2)"),
        (CONV3, "nn.Conv2d(32, 16, 3)"), (CONV4, "nn.Conv2d(16, 2, 2)"), ("nn.Linear(2 * 7 * 7, latent_dim)",
                                                                          "nn.Linear(2 * 3 * 3, latent_dim)"))),
    "no output_padding": ("got (", built((UP3, UP3.replace(", output_padding=1", "")),
                                         (UP4, UP4.replace(", output_padding=1", "")))),
    "size made by 4x4 kernels": ("ConvTranspose2d(32, 64, 4)", built(
        (UP3, "nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1)"),
        (UP4, "nn.ConvTranspose2d(64, 1, 4, stride=2, padding=1)"))),
    "size made by upsampling": ("it runs", built(
        (UP3, "nn.Upsample(scale_factor=2), nn.Conv2d(32, 64, 3, padding=1)"),
        (UP4, "nn.Upsample(scale_factor=2), nn.Conv2d(64, 1, 3, padding=1)"))),
    "strides of the decoder first": ("look at stride and padding", built(
        (UP1, "nn.ConvTranspose2d(2, 16, 3, stride=2, padding=1, output_padding=1)"),
        (UP2, "nn.ConvTranspose2d(16, 32, 3, stride=2, padding=1, output_padding=1)"),
        (UP3, "nn.ConvTranspose2d(32, 64, 3, stride=1, padding=1)"),
        (UP4, "nn.ConvTranspose2d(64, 1, 3, stride=1, padding=1)"))),
    "channels the other way round": ("should run Conv2d(1, 64, 3)", built(
        (CONV1, "nn.Conv2d(1, 16, 3, stride=2, padding=1)"), (CONV2, "nn.Conv2d(16, 32, 3, stride=2, padding=1)"),
        (CONV3, "nn.Conv2d(32, 64, 3, stride=1, padding=1)"), (CONV4, "nn.Conv2d(64, 2, 3, stride=1, padding=1)"))),
    "no biases": ("has no bias", built((CONV1, CONV1.replace("padding=1", "padding=1, bias=False")))),
    "5x5 kernels": ("Conv2d(1, 64, 5)", built((CONV1, "nn.Conv2d(1, 64, 5, stride=2, padding=2)"))),
    "pooling for strides": ("look at stride and padding", built(
        (CONV1 + ", nn.ReLU()", CONV1.replace("stride=2", "stride=1") + ", nn.ReLU(), nn.MaxPool2d(2)"))),
    "reflected padding": ("should get the input as it is", built(
        (CONV1, CONV1.replace("padding=1", "padding=1, padding_mode='reflect'")))),
    "batch norm": ("no BatchNorm", built((CONV1 + ", nn.ReLU()", CONV1 + ", nn.BatchNorm2d(64), nn.ReLU()"))),
    "dropout": ("Dropout", built((CONV2 + ", nn.ReLU()", CONV2 + ", nn.ReLU(), nn.Dropout(0.2)"))),
    "always three latent numbers": ("a code of ConvAutoencoder(", built(
        ("nn.Linear(2 * 7 * 7, latent_dim)", "nn.Linear(2 * 7 * 7, 3)"),
        ("nn.Linear(latent_dim, 2 * 7 * 7)", "nn.Linear(3, 2 * 7 * 7)"))),
    "columns before rows": ("a changed order of numbers", {
        "file": [(CLASS, TURNED + CLASS)], **built(("nn.Flatten(),", "Turned(),"))}),
    "frozen encoder": ("parameters that learn", built(
        ("nn.Linear(2 * 7 * 7, latent_dim))", "nn.Linear(2 * 7 * 7, latent_dim)).requires_grad_(False)"))),
    "evaluation mode": ("training mode", built(
        ("output_padding=1), nn.Sigmoid())", "output_padding=1), nn.Sigmoid())\nself.eval()"))),
    "a hidden linear layer": ("should run", built(
        ("nn.Linear(2 * 7 * 7, latent_dim))", "nn.Linear(98, 32), nn.ReLU(), nn.Linear(32, latent_dim))"))),
    "the code is an image": ("should run", built(
        ("nn.Linear(2 * 7 * 7, latent_dim))", ")"),
        ("nn.Linear(latent_dim, 2 * 7 * 7),\n", ""))),
    "layers in plain lists": ("self.encoder, an nn.Module", {
        "ConvAutoencoder.__init__": """
            self.encoder = [nn.Conv2d(1, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 32, 3, 2, 1), nn.ReLU()]
            self.decoder = [nn.ConvTranspose2d(32, 64, 3, 2, 1, 1), nn.ReLU(),
                            nn.ConvTranspose2d(64, 1, 3, 2, 1, 1), nn.Sigmoid()]
        """,
        "ConvAutoencoder.forward": """
            for layer in self.encoder + self.decoder:
                x = layer(x)
            return x
        """}),
    # forward
    "layer by layer, without the last": ("nothing else", {"ConvAutoencoder.forward": """
        for layer in [*self.encoder, *self.decoder][:-1]:
            x = layer(x)
        return x
    """}),
    "only the code": ("returns the code", {"ConvAutoencoder.forward": "return self.encoder(x)"}),
    "the code, too": ("got tuple", {"ConvAutoencoder.forward": """
        z = self.encoder(x)
        return self.decoder(z), z
    """}),
    "nothing returned": ("got NoneType", {"ConvAutoencoder.forward": "self.decoder(self.encoder(x))"}),
    "the code detached": ("no gradient reaches encoder", {
        "ConvAutoencoder.forward": "return self.decoder(self.encoder(x).detach())"}),
    "no gradients": ("has no gradient", {"ConvAutoencoder.forward": """
        with torch.no_grad():
            return self.decoder(self.encoder(x))
    """}),
    "the input added": ("adds its input", {"ConvAutoencoder.forward": "return x + self.decoder(self.encoder(x))"}),
    "flattened": ("should have shape", {
        "ConvAutoencoder.forward": "return self.decoder(self.encoder(x)).flatten(1)"}),
    "no channel": ("should have shape", {
        "ConvAutoencoder.forward": "return self.decoder(self.encoder(x)).squeeze(1)"}),
    "Sigmoid once more": ("nothing else", {
        "ConvAutoencoder.forward": "return torch.sigmoid(self.decoder(self.encoder(x)))"}),
    "ReLU on the code in forward": ("nothing else", {
        "ConvAutoencoder.forward": "return self.decoder(F.relu(self.encoder(x)))"}),
    "noise on the code": ("nothing else", {"ConvAutoencoder.forward": """
        z = self.encoder(x)
        return self.decoder(z + torch.randn_like(z))
    """}),
    "black and white": ("nothing else", {
        "ConvAutoencoder.forward": "return (self.decoder(self.encoder(x)) > 0.5).float() + 0 * x"}),
    "twice": ("nothing else", {
        "ConvAutoencoder.forward": "return self.decoder(self.encoder(self.decoder(self.encoder(x))))"}),
    "decoder first": ("autoencoder.py, line", {"ConvAutoencoder.forward": "return self.encoder(self.decoder(x))"}),
    "scaled to 255": ("nothing else", {"ConvAutoencoder.forward": "return 255 * self.decoder(self.encoder(x))"}),
    "the input changed": ("changes x in place", {
        "ConvAutoencoder.forward": "y = self.decoder(self.encoder(x))\nx.data.mul_(0.5)\nreturn y"}),
})

LOSS, REFUSE = "return F.mse_loss(x_hat, x)", "raise ValueError(f"


def loss(text):
    return {"reconstruction_loss": [(LOSS, text)]}


IF = "if x.shape != x_hat.shape:"
mistakes("autoencoder.reconstruction_loss", {
    "sum": ("sum over everything", loss('return F.mse_loss(x_hat, x, reduction="sum")')),
    "sum over pixels": ("sum over the pixels", loss("return ((x_hat - x) ** 2).flatten(1).sum(dim=1).mean()")),
    "absolute error": ("absolute error", loss("return F.l1_loss(x_hat, x)")),
    "root": ("root", loss("return F.mse_loss(x_hat, x).sqrt()")),
    "half": ("half of", loss("return 0.5 * F.mse_loss(x_hat, x)")),
    "not squared": ("not squared", loss("return (x_hat - x).mean()")),
    "squared too late": ("square the differences first", loss("return (x_hat - x).mean() ** 2")),
    "sign": ("sign is wrong", loss("return -F.mse_loss(x_hat, x)")),
    "cross entropy": ("cross entropy", loss("return F.binary_cross_entropy(x_hat, x)")),
    "smooth": ("smooth L1", loss("return F.smooth_l1_loss(x_hat, x)")),
    "divided by the images": ("sum over the pixels", loss("return (x_hat - x).square().sum() / len(x)")),
    "each image": ("should be a scalar", loss("return (x_hat - x).square().flatten(1).mean(dim=1)")),
    "one number with an axis": ("should be a scalar", loss("return F.mse_loss(x_hat, x).view(1)")),
    "an axis kept": ("should be a scalar", loss("return (x_hat - x).square().flatten().mean(dim=0, keepdim=True)")),
    "x_hat changed in place": ("changes what it is given", loss("return x_hat.sub_(x).square().mean()")),
    "x changed in place": ("changes what it is given", loss("return x.sub_(x_hat).square().mean()")),
    "a factor detached": ("gradient of the loss in x_hat is wrong", loss(
        "difference = x_hat - x\nreturn (difference * difference.detach()).mean()")),
    "each pixel": ("should be a scalar", loss('return F.mse_loss(x_hat, x, reduction="none")')),
    "a float": ("got float", loss("return F.mse_loss(x_hat, x).item()")),
    "detached": ("no gradient reaches x_hat", loss("return F.mse_loss(x_hat.detach(), x)")),
    "no check": ("should be refused", {"reconstruction_loss": "return F.mse_loss(x_hat, x)"}),
    "number of axes only": ("should be refused", {"reconstruction_loss": [
        (IF, "if x_hat.dim() != x.dim():")]}),
    "number of pixels only": ("should be refused", {"reconstruction_loss": [(IF, "if x_hat.numel() != x.numel():")]}),
    "number of images only": ("should be refused", {"reconstruction_loss": [
        (IF, "if x.dim() and x_hat.dim() and len(x_hat) != len(x):")]}),
    "last axes only": ("should be refused", {"reconstruction_loss": [(IF, "if x_hat.shape[-2:] != x.shape[-2:]:")]}),
    "reshaped instead": ("should be refused", {"reconstruction_loss": "return F.mse_loss(x_hat.view(-1), x.view(-1)) "
                                               "if x_hat.numel() == x.numel() else F.mse_loss(x_hat, x)"}),
    "broadcast on purpose": ("should be refused", {
        "reconstruction_loss": "return ((x_hat - x) ** 2).mean() if x_hat.dim() > 1 else F.mse_loss(x_hat, x)"}),
    "an assert": ("got AssertionError", {"reconstruction_loss": """
        assert x_hat.shape == x.shape, f"{x_hat.shape} and {x.shape}"
        return F.mse_loss(x_hat, x)
    """}),
    "a RuntimeError": ("got RuntimeError", {"reconstruction_loss": [("ValueError", "RuntimeError")]}),
    "one shape only": ("name both shapes", {"reconstruction_loss": [
        ("got {tuple(x_hat.shape)} and {tuple(x.shape)}", "got {tuple(x_hat.shape)}")]}),
    "no shapes named": ("name both shapes", {"reconstruction_loss": [
        (", got {tuple(x_hat.shape)} and {tuple(x.shape)}", "")]}),
    "always refused": ("should give a loss", {"reconstruction_loss": [(IF, "if True:")]}),
    "returned, not raised": ("should be refused", {"reconstruction_loss": [("raise", "return")]}),
})

WEIGHED = "reconstruction_loss(model(x), x).item() * len(x)"
LOOP = "for batch in images.split(200)"
KEEP = "\nmodel.train(was_training)"


def mean(*pairs):
    return {"mean_loss": list(pairs)}


mistakes("autoencoder.mean_loss", {
    "mean of the means": ("mean of the batches' means", {"mean_loss": """
        was_training = model.training
        model.eval()
        losses = []
        for batch in images.split(200):
            x = to_float(batch)
            losses.append(reconstruction_loss(model(x), x).item())
        model.train(was_training)
        return sum(losses) / len(losses)
    """}),
    "mean of the means of small batches": ("mean of the batches' means", {"mean_loss": """
        was_training = model.training
        model.eval()
        xs = [to_float(batch) for batch in images.split(128)]
        losses = torch.stack([reconstruction_loss(model(x), x) for x in xs])
        model.train(was_training)
        return losses.mean().item()
    """}),
    "not weighed": ("without being weighed", mean((WEIGHED, "reconstruction_loss(model(x), x).item()"))),
    "sum of the means": ("sum of the batches' means", mean(
        (WEIGHED, "reconstruction_loss(model(x), x).item()"), ("total / len(images)", "total"))),
    "weighed by the batch size": ("the mean loss should be", mean((WEIGHED, WEIGHED.replace("len(x)", "200")))),
    "not divided": ("sum over the images", mean(("total / len(images)", "total"))),
    "last batch dropped": ("left out", mean((LOOP, "for batch in images.split(200)[:-1]"))),
    "last batch dropped, divided by what was seen": ("left out", mean(
        (LOOP, LOOP + "[:-1]"), ("len(images)", "(len(images) // 200 * 200)"))),
    "first batch only": ("left out", mean(
        (LOOP, "for batch in images.split(200)[:1]"), ("total / len(images)", "total / 200"))),
    "last batch only": ("last batch only", mean(("total += ", "total = "), (WEIGHED, WEIGHED.replace("* len(x)", "")),
                                                ("total / len(images)", "total"))),
    "sum over pixels": ("sum over the pixels", mean(
        (WEIGHED, "(model(x) - x).square().sum().item()"))),
    "a tensor": ("return a float", mean((".item() *", "*"))),
    "training mode": ("call model.eval()", mean(("model.eval()", "pass"))),
    "training mode always": ("call model.eval()", mean(("model.eval()", "model.train()"))),
    "mode not restored": ("keep model.training", mean((KEEP, ""))),
    "always back to training mode": ("keep model.training", mean((KEEP, "\nmodel.train()"))),
    "mode kept too late": ("keep model.training", mean(
        ("was_training = model.training\nmodel.eval()", "model.eval()\nwas_training = model.training"))),
    "only the model's own flag": ("keep model.training", mean((KEEP, "\nmodel.training = was_training"))),
    "all at once": ("at once", mean((LOOP, "for batch in images.split(len(images))"))),
    "all at once, without a loop": ("at once", {"mean_loss": """
        was_training = model.training
        model.eval()
        x = to_float(images)
        value = reconstruction_loss(model(x), x).item()
        model.train(was_training)
        return value
    """}),
    "uint8 not scaled": ("not brought into [0, 1]", mean(("to_float(batch.to(device))", "batch.to(device).float()"))),
    "divided by 256": ("not by 256", mean(
        ("to_float(batch.to(device))", "batch / 256 if batch.dtype == torch.uint8 else batch"))),
    "float images scaled, too": ("divide only uint8", mean(
        ("to_float(batch.to(device))", "batch.to(device) / 255"))),
    "gradients reset": ("changes the model's gradients", mean(("total = 0.0", "total = 0.0\nmodel.zero_grad()"))),
    "backward": ("changes the model's gradients", {"mean_loss": """
        was_training = model.training
        model.eval()
        total = 0.0
        with torch.enable_grad():
            for batch in images.split(200):
                x = to_float(batch)
                value = reconstruction_loss(model(x), x)
                value.backward()
                total += value.item() * len(x)
        model.train(was_training)
        return total / len(images)
    """}),
    "parameters frozen": ("use torch.no_grad", mean(("model.eval()", "model.eval().requires_grad_(False)"))),
    "a training step": ("changes the model's", {"mean_loss": """
        was_training = model.training
        total = 0.0
        values = []
        model.eval()
        for batch in images.split(200):
            x = to_float(batch)
            values.append(reconstruction_loss(model(x), x).item() * len(x))
        for p in model.parameters():
            p -= 1e-3 * p.grad
        model.train(was_training)
        return sum(values) / len(images)
    """}),
    "nothing computed": ("left out", {"mean_loss": "return 0.0"}),
    "images changed in place": ("changes the images in place", mean((WEIGHED, WEIGHED + "\n    batch.zero_()"))),
    "device ignored": ("to the model's device", mean(("to_float(batch.to(device))", "to_float(batch)"))),
    "the machine's device": ("to the model's device", mean(
        ("next(model.parameters()).device", 'torch.device("cuda" if torch.cuda.is_available() else "cpu")'))),
    "loss of the codes": ("should", mean((WEIGHED, "model.encoder(x).square().mean().item() * len(x)"))),
})


def encode(*pairs):
    return {"encode_all": list(pairs)}


mistakes("autoencoder.encode_all", {
    "reconstructions": ("should return codes", encode(("model.encoder(", "model("))),
    "last batch dropped": ("should have shape", encode((LOOP, LOOP + "[:-1]"))),
    "first batch only": ("should have shape", encode((LOOP, LOOP + "[:1]"))),
    "whole batches only": ("should have shape", encode(
        (LOOP, "for batch in images[:len(images) // 128 * 128].split(128)"))),
    "order reversed": ("in the images' order", encode((LOOP, LOOP + "[::-1]"))),
    "shuffled": ("in the images' order", encode(
        (LOOP, "for batch in images[torch.randperm(len(images))].split(1000)"))),
    "a list": ("got list", encode(("torch.cat(codes)", "codes"))),
    "stacked": ("should have shape", {"encode_all": """
        was_training = model.training
        model.eval()
        codes = [model.encoder(to_float(image[None])) for image in images]
        model.train(was_training)
        return torch.stack(codes)
    """}),
    "joined along the wrong axis": ("should have shape", encode(
        (LOOP, "for batch in images[:len(images) // 10 * 10].split(len(images) // 10)"),
        ("torch.cat(codes)", "torch.cat(codes, dim=1)"))),
    "all at once": ("at once", encode((LOOP, "for batch in [images]"))),
    "training mode": ("call model.eval()", encode(("model.eval()\n", ""))),
    "mode not restored": ("keep model.training", encode((KEEP, ""))),
    "always back to training mode": ("keep model.training", encode((KEEP, "\nmodel.train()"))),
    "only the encoder's mode": ("keep model.training", encode(
        ("model.eval()", "model.eval()\nwas_training = model.training"))),
    "uint8 not scaled": ("not brought into [0, 1]", encode(
        ("to_float(batch.to(device))", "batch.to(device).float()"))),
    "float images scaled, too": ("divide only uint8", encode(
        ("to_float(batch.to(device))", "batch.to(device) / 255"))),
    "ReLU": ("without an activation", encode(("model.encoder(to_float(batch.to(device)))",
                                             "F.relu(model.encoder(to_float(batch.to(device))))"))),
    "nothing computed": ("the code of one of them", {"encode_all": "return torch.zeros(len(images), 3)"}),
    "gradients kept": ("require gradients", {"encode_all": """
        was_training = model.training
        model.eval()
        with torch.enable_grad():
            codes = torch.cat([model.encoder(to_float(batch)) for batch in images.split(200)])
        model.train(was_training)
        return codes
    """}),
    "images changed in place": ("changes the images in place", encode(
        ("return torch.cat(codes)", "images.zero_()\nreturn torch.cat(codes)"))),
    "device ignored": ("to the model's device", encode(("to_float(batch.to(device))", "to_float(batch)"))),
    "codes on the CPU": ("should be on the model's device", encode(("torch.cat(codes)", "torch.cat(codes).cpu()"))),
    "gradients reset": ("changes the model's gradients", encode(("model.eval()", "model.eval()\nmodel.zero_grad()"))),
})


def grid(*pairs):
    return {"latent_grid": list(pairs)}


MESH = 'torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)'
SPACE = "torch.linspace(float(a), float(b), steps, dtype=codes.dtype, device=codes.device)"
mistakes("autoencoder.latent_grid", {
    "indexing xy": ("another order", grid(('indexing="ij"', 'indexing="xy"'))),
    "axes reversed": ("another order", grid((MESH, MESH + ".permute(2, 1, 0, 3)"))),
    "numbers reversed": ("another order", grid((MESH, MESH + ".flip(-1)"))),
    "from large to small": ("should grow along", grid(("float(a), float(b)", "float(b), float(a)"))),
    "one range for all": ("each has its own", grid(
        ("codes.aminmax(dim=0)", "codes.min().repeat(3), codes.max().repeat(3)"))),
    "without the end": ("both included", grid((SPACE, SPACE.replace("steps,", "steps + 1,") + "[:-1]"))),
    "a fixed range": ("both included", grid(("float(a), float(b)", "-3.0, 3.0"))),
    "from 0 to the largest": ("both included", grid(("float(a), float(b)", "0.0, float(b)"))),
    "symmetric": ("both included", grid(("float(a), float(b)", "-float(b), float(b)"))),
    "quantiles": ("both included", grid(
        ("start, end = codes.aminmax(dim=0)", "start, end = codes.quantile(torch.tensor([0.05, 0.95]), dim=0)"))),
    "mean and deviation": ("both included", grid(
        ("start, end = codes.aminmax(dim=0)",
         "start, end = codes.mean(dim=0) - 2 * codes.std(dim=0), codes.mean(dim=0) + 2 * codes.std(dim=0)"))),
    "a list of points": ("a list of points", grid((MESH, "torch.cartesian_prod(*axes)"))),
    "stacked along the first axis": ("along the last axis", grid(("dim=-1)", "dim=0)"))),
    "12 points always": ("should have shape", grid(("float(b), steps,", "float(b), 12,"))),
    "range of each code": ("should have shape", grid(("codes.aminmax(dim=0)", "codes.aminmax(dim=1)"),
                                                     ("zip(start, end)", "list(zip(start, end))[:2]"))),
    "float64": ("a decoder would refuse it", {"latent_grid": """
        import numpy as np
        axes = [np.linspace(float(column.min()), float(column.max()), steps) for column in codes.numpy().T]
        return torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    """}),
    "numpy's default order": ("another order", {"latent_grid": """
        import numpy as np
        axes = [np.linspace(column.min(), column.max(), steps) for column in codes.numpy().T]
        return torch.from_numpy(np.stack(np.meshgrid(*axes), axis=-1)).float()
    """}),
    "logarithmic steps": ("equal steps", grid(
        (SPACE, "a + (b - a) * torch.linspace(0, 1, steps) ** 2"))),
    "random points": ("both included", grid((SPACE, "a + (b - a) * torch.rand(steps).sort().values"))),
    "nothing computed": ("in 12 equal steps", {
        "latent_grid": "return torch.zeros(steps, steps, steps, 3, dtype=codes.dtype)"}),
    "a numpy array": ("got ndarray", grid((MESH, MESH + ".numpy()"))),
    "codes sorted in place": ("changes the codes", grid(
        ("start, end = codes.aminmax(dim=0)",
         "codes[:] = codes.sort(dim=0).values\nstart, end = codes[0], codes[-1]"))),
})

DRAW = "torch.rand(images.shape, generator=generator, device=images.device)"
PEPPER, SALT = ".masked_fill(u < amount / 2, 0.0)", ".masked_fill(u >= 1 - amount / 2, 1.0)"


def noise(*pairs):
    return {"add_salt_and_pepper": list(pairs)}


mistakes("autoencoder.add_salt_and_pepper", {
    "amount for each": ("salt and pepper together", noise(
        ("u < amount / 2", "u < amount"), ("u >= 1 - amount / 2", "u >= 1 - amount"))),
    "salt only": ("half", noise((PEPPER, ""))),
    "pepper only": ("half", noise((SALT, ""))),
    "all salt": ("half each", noise((PEPPER, ".masked_fill(u < amount / 2, 1.0)"))),
    "two thirds pepper": ("half each", noise(
        ("u < amount / 2", "u < amount * 2 / 3"), ("1 - amount / 2", "1 - amount / 3"))),
    "half the amount": ("half of the noise", noise(
        ("u < amount / 2", "u < amount / 4"), ("1 - amount / 2", "1 - amount / 4"))),
    "drawn twice": ("chosen twice", noise((SALT, f".masked_fill({DRAW} >= 1 - amount / 2, 1.0)"))),
    "with replacement": ("chosen twice", {"add_salt_and_pepper": """
        noisy = images.clone().flatten()
        count = int(amount * noisy.numel() / 2)
        for value in (0.0, 1.0):
            noisy[torch.randint(noisy.numel(), (count,), generator=generator)] = value
        return noisy.view(images.shape)
    """}),
    "salt of 255": ("become 0 or 1", noise(("amount / 2, 1.0)", "amount / 2, 255.0)"))),
    "pepper of -1": ("become 0 or 1", noise(("amount / 2, 0.0)", "amount / 2, -1.0)"))),
    "Gaussian noise": ("become 0 or 1", {"add_salt_and_pepper": """
        return (images + amount * torch.randn(images.shape, generator=generator)).clamp(0, 1)
    """}),
    "uniform noise": ("become 0 or 1", {"add_salt_and_pepper": """
        mask = torch.rand(images.shape, generator=generator) < amount
        return torch.where(mask, torch.rand(images.shape, generator=generator).to(images.dtype), images)
    """}),
    "added": ("become 0 or 1", {"add_salt_and_pepper": """
        u = torch.rand(images.shape, generator=generator)
        return images + (u >= 1 - amount / 2).to(images.dtype) - (u < amount / 2).to(images.dtype)
    """}),
    "normal draws": ("should be", noise((DRAW, DRAW.replace("rand(", "randn(")))),
    "one noise for all images": ("all images of a batch", noise(
        (DRAW, DRAW.replace("images.shape", "images.shape[-2:]")))),
    "whole rows": ("set together", noise((DRAW, "torch.rand((*images.shape[:-1], 1), generator=generator)"
                                                ".expand(images.shape)"))),
    "first pixels": ("at some places", {"add_salt_and_pepper": """
        noisy = images.clone()
        flat = noisy.view(-1) if noisy.dim() < 3 else noisy.view(len(noisy), -1)
        count = int(amount * flat.shape[-1])
        coin = torch.randint(0, 2, (*flat.shape[:-1], count), generator=generator).to(images.dtype)
        flat[..., :count] = coin
        return noisy
    """}),
    "changed in place": ("changed in place", noise(
        ("images" + PEPPER, "images.masked_fill_(u < amount / 2, 0.0)"))),
    "assigned in place": ("changed in place", {"add_salt_and_pepper": """
        u = torch.rand(images.shape, generator=generator)
        images[u < amount / 2] = 0.0
        images[u >= 1 - amount / 2] = 1.0
        return images
    """}),
    "generator ignored": ("draw from the generator", noise(("generator=generator, ", ""))),
    "generator used for the places only": ("choice between 0 and 1", {"add_salt_and_pepper": """
        mask = torch.rand(images.shape, generator=generator) < amount
        return torch.where(mask, torch.randint(0, 2, images.shape).to(images.dtype), images)
    """}),
    "device ignored": ("on the images' device", noise((", device=images.device", ""))),
    "a coin for each image": ("get salt together", {"add_salt_and_pepper": """
        mask = torch.rand(images.shape, generator=generator, device=images.device) < amount
        shape = (images.shape[0],) + (1,) * (images.dim() - 1)
        coin = torch.randint(0, 2, shape, generator=generator, device=images.device).to(images.dtype)
        return torch.where(mask, coin.expand_as(images), images)
    """}),
    "a fixed generator where none is given": ("two calls gave the same noise", noise(
        ("u = ", "generator = generator or torch.Generator().manual_seed(0)\nu = "))),
    "seeded inside": ("seed set inside", noise(("u = ", "torch.manual_seed(0)\nu = "))),
    "global seed from the generator": ("global random state", {"add_salt_and_pepper": """
        if generator is not None:
            torch.manual_seed(int(torch.randint(2 ** 31, (1,), generator=generator)))
        u = torch.rand(images.shape)
        return images.masked_fill(u < amount / 2, 0.0).masked_fill(u >= 1 - amount / 2, 1.0)
    """}),
    "the generator's first seed": ("with one generator gave the same noise", {"add_salt_and_pepper": """
        fresh = None if generator is None else torch.Generator().manual_seed(generator.initial_seed())
        u = torch.rand(images.shape, generator=fresh)
        return images.masked_fill(u < amount / 2, 0.0).masked_fill(u >= 1 - amount / 2, 1.0)
    """}),
    "float32 always": ("float64 become", noise(("return images", "return images.float()"))),
    "numpy's random numbers": ("draw from the generator", noise((DRAW, "torch.from_numpy(__import__('numpy').random."
                                                                       "rand(*images.shape))"))),
    "flattened": ("should have shape", noise((SALT, SALT + ".flatten(1)"))),
    "nothing done": ("there is no noise", {"add_salt_and_pepper": "return images.clone()"}),
})


def denoiser(*pairs):
    return {"DenoisingAutoencoder.__init__": list(pairs)}


mistakes("autoencoder.DenoisingAutoencoder", {
    "no ReLU in the encoder": ("there should be ReLU, there is no activation", denoiser(
        ("nn.Linear(hidden, 64), nn.ReLU()", "nn.Linear(hidden, 64)"))),
    "no ReLU in the decoder": ("there should be ReLU, there is no activation", denoiser(
        ("nn.Linear(12, 64), nn.ReLU()", "nn.Linear(12, 64)"))),
    "ReLU on the code": ("there should be no activation, there is ReLU", denoiser(
        ("nn.Linear(12, 3))", "nn.Linear(12, 3), nn.ReLU())"))),
    "Tanh on the code": ("there should be no activation, there is Tanh", denoiser(
        ("nn.Linear(12, 3))", "nn.Linear(12, 3), nn.Tanh())"))),
    "Sigmoid at the end": ("there should be Tanh, there is Sigmoid", denoiser(("nn.Tanh()", "nn.Sigmoid()"))),
    "nothing at the end": ("there should be Tanh, there is no activation", denoiser((", nn.Tanh()", ""))),
    "ReLU at the end": ("there should be Tanh, there is ReLU", denoiser(("nn.Tanh()", "nn.ReLU()"))),
    "Sigmoid after Tanh": ("Sigmoid after Tanh", denoiser(("nn.Tanh()", "nn.Tanh(), nn.Sigmoid()"))),
    "Tanh for ReLU": ("there should be ReLU, there is Tanh", denoiser(
        ("nn.Linear(64, 12), nn.ReLU()", "nn.Linear(64, 12), nn.Tanh()"))),
    "LeakyReLU": ("LeakyReLU with slope 0.01", denoiser(
        ("nn.Linear(3, 12), nn.ReLU()", "nn.Linear(3, 12), nn.LeakyReLU()"))),
    "a layer is missing": ("should run", denoiser(
        ("nn.Linear(64, 12), nn.ReLU(),\n    nn.Linear(12, 3)", "nn.Linear(64, 3)"))),
    "a code of 2": ("should run", denoiser(
        ("nn.Linear(12, 3)", "nn.Linear(12, 2)"), ("nn.Linear(3, 12)", "nn.Linear(2, 12)"))),
    "32 for 64": ("should run", denoiser(
        ("nn.Linear(hidden, 64)", "nn.Linear(hidden, 32)"), ("nn.Linear(64, 12)", "nn.Linear(32, 12)"))),
    "no biases": ("has no bias", denoiser(("nn.Linear(12, 3)", "nn.Linear(12, 3, bias=False)"))),
    "batch norm": ("no BatchNorm", denoiser(
        ("nn.Linear(hidden, 64), nn.ReLU()", "nn.Linear(hidden, 64), nn.BatchNorm1d(64), nn.ReLU()"))),
    "dropout": ("Dropout", denoiser(("nn.Linear(64, hidden), nn.ReLU()",
                                     "nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(0.1)"))),
    "scaled inside": ("should get the input as it is", {
        "DenoisingAutoencoder.__init__": [
            ("self.encoder = nn.Sequential(", "self.encoder = nn.Sequential(\n    nn.LayerNorm(4096, "
                                              "elementwise_affine=False),")]}),
    "frozen encoder": ("parameters that learn", denoiser(
        ("nn.Linear(12, 3))", "nn.Linear(12, 3)).requires_grad_(False)"))),
    # forward
    "only the code": ("returns the code", {"DenoisingAutoencoder.forward": "return self.encoder(x)"}),
    "nothing returned": ("got NoneType", {"DenoisingAutoencoder.forward": "self.decoder(self.encoder(x))"}),
    "the code, too": ("got tuple", {
        "DenoisingAutoencoder.forward": "z = self.encoder(x)\nreturn z, self.decoder(z)"}),
    "the code detached": ("no gradient reaches encoder", {
        "DenoisingAutoencoder.forward": "return self.decoder(self.encoder(x).detach())"}),
    "no gradients": ("has no gradient", {
        "DenoisingAutoencoder.forward": "with torch.no_grad():\n    return self.decoder(self.encoder(x))"}),
    "the input added": ("adds its input", {"DenoisingAutoencoder.forward": "return x + self.decoder(self.encoder(x))"}),
    "cut to [0, 1]": ("nothing else", {
        "DenoisingAutoencoder.forward": "return self.decoder(self.encoder(x)).clamp(0, 1)"}),
    "brought into [0, 1]": ("nothing else", {
        "DenoisingAutoencoder.forward": "return (self.decoder(self.encoder(x)) + 1) / 2"}),
    "as images": ("should have shape", {
        "DenoisingAutoencoder.forward": "return self.decoder(self.encoder(x)).view(-1, 1, 64, 64)"}),
    "noise added inside": ("nothing else", {
        "DenoisingAutoencoder.forward":
            "return self.decoder(self.encoder((x + torch.randn_like(x)).clamp(0, 1)))"}),
    "decoder first": ("autoencoder.py, line", {"DenoisingAutoencoder.forward": "return self.encoder(self.decoder(x))"}),
})

mistakes("autoencoder.hidden", {
    "not used": ("is hidden used", denoiser(
        ("nn.Linear(64 * 64, hidden)", "nn.Linear(64 * 64, 256)"), ("nn.Linear(hidden, 64)", "nn.Linear(256, 64)"),
        ("nn.Linear(64, hidden)", "nn.Linear(64, 256)"), ("nn.Linear(hidden, 64 * 64)", "nn.Linear(256, 64 * 64)"))),
    "in the encoder only": ("the last layer should get", denoiser(
        ("nn.Linear(64, hidden)", "nn.Linear(64, 256)"), ("nn.Linear(hidden, 64 * 64)", "nn.Linear(256, 64 * 64)"))),
    "in the decoder only": ("the second layer should get", denoiser(
        ("nn.Linear(64 * 64, hidden)", "nn.Linear(64 * 64, 256)"), ("nn.Linear(hidden, 64)", "nn.Linear(256, 64)"))),
    "256 or 128 only": ("is hidden used", {"DenoisingAutoencoder.__init__": [
        ("self.encoder =", "hidden = 128 if hidden < 256 else 256\nself.encoder =")]}),
    "too small": ("is hidden used", {"DenoisingAutoencoder.__init__": [
        ("self.encoder =", "hidden = max(hidden, 256)\nself.encoder =")]}),
    "a layer of its own": ("is hidden used", {"DenoisingAutoencoder.__init__": [
        ("self.encoder =", "self.units, hidden = hidden, 256\nself.encoder =")]}),
})
