"""Variants of helpers/flowers.py for the audit: right ones, and typical mistakes. See coursekit/audit.py for their
form."""

# A file as it was written for another course: other style, the old spectral normalisation, floats from the updates.
COURSEWORK = '''
from __future__ import print_function
import numpy as np
import torch
import torch.nn as nn
import torch.nn.parallel
import torch.optim as optim
import torchvision.transforms as transforms
import matplotlib.pyplot as plt

CHANNEL_NUM = 512
LATENT_DIM = 128
REAL, FAKE = 1.0, 0.0

criterion = nn.BCELoss()


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find('BatchNorm') != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class Generator(nn.Module):
    def __init__(self, latent_dim=LATENT_DIM, channel_num=CHANNEL_NUM, image_size=256):
        super(Generator, self).__init__()
        blocks = [self.block(latent_dim, channel_num, stride=1, padding=0)]
        width, c = 4, channel_num
        while 2 * width < image_size:
            blocks.append(self.block(c, c // 2))
            width *= 2
            c //= 2
        self.main = nn.Sequential(
            *blocks,
            nn.ConvTranspose2d(c, 3, kernel_size=4, stride=2, padding=1, bias=False),
            nn.Tanh()
        )

    def block(self, c_in, c_out, stride=2, padding=1):
        return nn.Sequential(
            nn.ConvTranspose2d(c_in, c_out, kernel_size=4, stride=stride, padding=padding, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(inplace=True)
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self, channel_num=CHANNEL_NUM, image_size=256):
        super(Discriminator, self).__init__()
        sn = nn.utils.spectral_norm
        c = 4 * 2 * channel_num // image_size
        layers = [sn(nn.Conv2d(3, c, kernel_size=4, stride=2, padding=1, bias=False)), nn.LeakyReLU(0.2, inplace=True)]
        while c != channel_num:
            layers.append(sn(nn.Conv2d(c, c * 2, kernel_size=4, stride=2, padding=1, bias=False)))
            layers.append(nn.BatchNorm2d(c * 2))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            c = c * 2
        layers.append(sn(nn.Conv2d(c, 1, kernel_size=4, stride=1, padding=0, bias=False)))
        layers.append(nn.Sigmoid())
        self.main = nn.Sequential(*layers)

    def forward(self, input):
        return self.main(input).view(-1)


def update_discriminator(discriminator, generator, real_images, noise, label, optimizer):
    discriminator.zero_grad()
    label.fill_(REAL)
    output = discriminator(real_images).view(-1)
    err_real = criterion(output, label)
    err_real.backward()
    d_x = output.mean().item()

    fake_images = generator(noise)
    label.fill_(FAKE)
    output = discriminator(fake_images.detach()).view(-1)
    err_fake = criterion(output, label)
    err_fake.backward()
    d_g_z1 = output.mean().item()
    optimizer.step()
    return err_real.item(), d_x, err_fake.item(), d_g_z1, fake_images


def update_generator(discriminator, generator, fake_images, label, optimizer):
    generator.zero_grad()
    label.fill_(REAL)
    output = discriminator(fake_images).view(-1)
    err_g = criterion(output, label)
    err_g.backward()
    d_g_z2 = output.mean().item()
    optimizer.step()
    return err_g.item(), d_g_z2
'''
COURSEWORK_ITEMS = ("flowers.weights_init", "flowers.Generator", "flowers.Discriminator",
                    "flowers.update_discriminator", "flowers.update_generator")

SELECT = "flowers.select_categories"
GENERATOR = "flowers.Generator"
DISCRIMINATOR = "flowers.Discriminator"
SINGULAR = "flowers.largest_singular_value"
INIT = "flowers.weights_init"
UPDATE_D = "flowers.update_discriminator"
UPDATE_G = "flowers.update_generator"
GENERATE = "flowers.generate"
CONVEX = "flowers.convex_path"
SLERP = "flowers.slerp"
GAPS = {GENERATOR: "Generator.__init__", DISCRIMINATOR: "Discriminator.__init__"}  # not named like their item


def gap_of(item):
    return GAPS.get(item, item.split(".")[1])


def right(item, **variants):
    """Right variants of one gap: name -> change."""
    gap = gap_of(item)
    return {f"{gap}: {name.replace('_', ' ')}": {gap: change} for name, change in variants.items()}


def wrong(item, **mistakes):
    """Mistakes of one gap that differ from the solution by pairs (old, new) or as a whole: name -> (words, change)."""
    gap = gap_of(item)
    return {f"{gap}: {name.replace('_', ' ')}": (item, words, {gap: change})
            for name, (words, change) in mistakes.items()}


# Whole networks in other styles: they come with their own forward.
G_FORWARD = '''    def forward(self, z):
        """Latent vectors (N, Z, 1, 1) -> images (N, 3, S, S) in [-1, 1]."""
        return self.layers(z)
'''
D_FORWARD = '''    def forward(self, x):
        """Images (N, 3, S, S) -> probabilities (N,)."""
        return self.layers(x).flatten()
'''

RIGHT = {
    "the solution": {},
    "parts called by forward": {
        "Generator.__init__": [], "Discriminator.__init__": [],
        "update_discriminator": [("discriminator(real_", "discriminator.forward(real_"),
                                 ("discriminator(fake_", "discriminator.forward(fake_"),
                                 ("generator(noise)", "generator.forward(noise)")],
        "update_generator": [("discriminator(fake_images)", "discriminator.forward(fake_images)")],
        "generate": [("(generator(temperature", "(generator.forward(temperature")],
        "file": [("        return self.layers(z)", """        for layer in self.layers:
            z = layer.forward(z)
        return z"""), ("        return self.layers(x).flatten()", """        for layer in self.layers:
            x = layer.forward(x)
        return x.flatten()""")]},
    **right(
        SELECT,
        a_loop="""
            numbers = {name: int(number) for number, name in names.items()}
            labels_wanted = [numbers[category] - 1 for category in categories]
            found = []
            for index, label in enumerate(labels):
                if label in labels_wanted:
                    found.append(index)
            return torch.tensor(found)
        """,
        a_list="""
            chosen = {int(k) - 1 for k, v in names.items() if v in categories}
            return [i for i, label in enumerate(labels.tolist()) if label in chosen]
        """,
        one_category_after_the_other="""
            parts = []
            for category in categories:
                number = next(int(k) for k, v in names.items() if v == category)
                parts.append(torch.where(labels == number - 1)[0])
            return torch.cat(parts)
        """,
        numpy="""
            import numpy as np
            wanted = np.array([int(k) for k in names if names[k] in categories])
            return np.flatnonzero(np.isin(labels.numpy() + 1, wanted))
        """,
        a_mask_by_comparing="""
            wanted = torch.tensor([int(k) - 1 for k in names if names[k] in categories])
            mask = (labels[:, None] == wanted).any(dim=1)
            return mask.nonzero(as_tuple=True)[0]
        """,
        names_of_the_images="""
            mine = [names[str(int(label) + 1)] in categories for label in labels]
            return torch.arange(len(labels))[torch.tensor(mine)]
        """,
    ),
    **right(
        GENERATOR,
        biases_everywhere=[("4, bias=False)", "4)"), ("stride=2, padding=1, bias=False)", "stride=2, padding=1)")],
        no_bias_at_the_end=[("channels, 3, 4, stride=2, padding=1)", "channels, 3, 4, 2, 1, bias=False)")],
        blocks_from_exponents="""
            import math
            doublings = int(math.log2(image_size)) - 3
            sizes = [channel_num // 2 ** k for k in range(doublings + 1)]

            def block(c_in, c_out, stride, padding):
                conv = nn.ConvTranspose2d(c_in, c_out, 4, stride, padding)
                return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())

            self.layers = nn.Sequential(
                block(latent_dim, channel_num, 1, 0),
                *[block(a, b, 2, 1) for a, b in zip(sizes, sizes[1:])],
                nn.ConvTranspose2d(sizes[-1], 3, 4, 2, 1),
                nn.Tanh())
        """,
        names_for_layers="""
            from collections import OrderedDict
            layers = OrderedDict()
            c_in, c_out, size = latent_dim, channel_num, 4
            while size < image_size:
                layers[f"conv{size}"] = nn.ConvTranspose2d(c_in, c_out, 4, 1 if size == 4 else 2, 0 if size == 4 else 1)
                layers[f"norm{size}"] = nn.BatchNorm2d(c_out)
                layers[f"relu{size}"] = nn.ReLU()
                c_in, c_out, size = c_out, c_out // 2, size * 2
            layers["last"] = nn.ConvTranspose2d(c_in, 3, 4, 2, 1)
            layers["tanh"] = nn.Tanh()
            self.layers = nn.Sequential(layers)
        """,
        recursion="""
            def grow(channels, size):
                if 2 * size == image_size:
                    return [nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh()]
                return [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False),
                        nn.BatchNorm2d(channels // 2), nn.ReLU(), *grow(channels // 2, 2 * size)]

            self.layers = nn.Sequential(nn.ConvTranspose2d(latent_dim, channel_num, 4, 1, 0, bias=False),
                                        nn.BatchNorm2d(channel_num), nn.ReLU(), *grow(channel_num, 4))
        """,
        own_first_weights=[("self.layers = nn.Sequential(*layers)",
                            "self.layers = nn.Sequential(*layers)\nself.apply(weights_init)")],
        other_momentum_of_norms=[("nn.BatchNorm2d(channels), nn.ReLU(True)",
                                  "nn.BatchNorm2d(channels, momentum=0.2, eps=1e-4), nn.ReLU(True)")],
    ),
    "Generator: functional style": {
        "Generator.__init__": """
            self.first = nn.ConvTranspose2d(latent_dim, channel_num, 4)
            self.norms = nn.ModuleList([nn.BatchNorm2d(channel_num)])
            self.middle = nn.ModuleList()
            size = 8
            while size < image_size:
                c = channel_num * 4 // size
                self.middle.append(nn.ConvTranspose2d(2 * c, c, 4, 2, 1))
                self.norms.append(nn.BatchNorm2d(c))
                size *= 2
            self.last = nn.ConvTranspose2d(c if image_size > 8 else channel_num, 3, 4, 2, 1)
        """,
        "file": [(G_FORWARD, '''    def forward(self, z):
        x = F.relu(self.norms[0](self.first(z)))
        for conv, norm in zip(self.middle, self.norms[1:]):
            x = F.relu(norm(conv(x)))
        return torch.tanh(self.last(x))
''')]},
    "Generator: own parameters": {
        "Generator.__init__": """
            channels = [channel_num // 2 ** k for k in range(image_size.bit_length() - 3)]
            self.norms = nn.ModuleList(nn.BatchNorm2d(count) for count in reversed(channels))
            self.biases = nn.ParameterList(torch.zeros(count) for count in [*channels, 3])
            self.kernels = nn.ParameterList(torch.randn(a, b, 4, 4) / 50 for a, b in
                                            zip([latent_dim, *channels], [*channels, 3]))
        """,
        "file": [(G_FORWARD, '''    def forward(self, z):
        steps = [(1, 0)] + [(2, 1)] * (len(self.kernels) - 1)
        for k, (kernel, bias, (stride, padding)) in enumerate(zip(self.kernels, self.biases, steps)):
            z = F.conv_transpose2d(z, weight=kernel, bias=bias, stride=stride, padding=padding)
            if k < len(self.norms):
                z = self.norms[-1 - k](z).relu()
        return z.tanh()
''')]},
    **right(
        GENERATOR,
        lazy_layers="""
            layers = [nn.LazyConvTranspose2d(channel_num, 4), nn.LazyBatchNorm2d(), nn.ReLU()]
            for power in range(1, image_size.bit_length() - 3):
                layers.append(nn.LazyConvTranspose2d(channel_num >> power, 4, stride=2, padding=1))
                layers.extend([nn.LazyBatchNorm2d(), nn.ReLU()])
            self.layers = nn.Sequential(*layers, nn.LazyConvTranspose2d(3, 4, stride=2, padding=1), nn.Tanh())
        """,
    ),
    **right(
        DISCRIMINATOR,
        made_backwards="""
            parts, channels = [nn.Sigmoid(), spectral_norm(nn.Conv2d(channel_num, 1, 4))], channel_num
            while channels > channel_num * 8 // image_size:
                parts += [nn.LeakyReLU(0.2), nn.BatchNorm2d(channels),
                          spectral_norm(nn.Conv2d(channels // 2, channels, 4, 2, 1))]
                channels //= 2
            self.parts = nn.ModuleList([*parts, nn.LeakyReLU(0.2), spectral_norm(nn.Conv2d(3, channels, 4, 2, 1))])
            self.layers = nn.Sequential(*self.parts[::-1])
        """,
        biases_nowhere=[("padding=1)), nn.LeakyReLU", "padding=1, bias=False)), nn.LeakyReLU"),
                        ("nn.Conv2d(channels, 1, 4)", "nn.Conv2d(channels, 1, 4, bias=False)")],
        biases_everywhere=[("padding=1, bias=False", "padding=1")],
        the_old_spectral_norm="""
            sn = torch.nn.utils.spectral_norm
            sizes = [channel_num]
            while len(sizes) < image_size.bit_length() - 3:
                sizes.insert(0, sizes[0] // 2)
            layers = [sn(nn.Conv2d(3, sizes[0], 4, 2, 1)), nn.LeakyReLU(0.2)]
            for a, b in zip(sizes[:-1], sizes[1:]):
                layers.extend([sn(nn.Conv2d(a, b, 4, 2, 1)), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)])
            self.layers = nn.Sequential(*layers, sn(nn.Conv2d(sizes[-1], 1, 4, 1, 0)), nn.Sigmoid())
        """,
        norm_after_leaky=[("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)",
                           "nn.LeakyReLU(0.2, True), nn.BatchNorm2d(2 * channels)")],
        more_power_iterations=[("stride=2, padding=1, bias=False))",
                                "stride=2, padding=1, bias=False), n_power_iterations=3)")],
        wrapped_at_the_end="""
            c, layers = channel_num, []
            layers = [nn.Conv2d(c, 1, 4, 1, 0), nn.Sigmoid()]
            for _ in range(image_size.bit_length() - 4):
                layers = [nn.Conv2d(c // 2, c, 4, 2, 1), nn.BatchNorm2d(c), nn.LeakyReLU(0.2)] + layers
                c = c // 2
            layers = [nn.Conv2d(3, c, 4, 2, 1), nn.LeakyReLU(0.2)] + layers
            self.layers = nn.Sequential(*layers)
            for layer in self.layers:
                if isinstance(layer, nn.Conv2d):
                    spectral_norm(layer)
        """,
        flattened_inside=[("nn.Sigmoid()]", "nn.Flatten(0), nn.Sigmoid()]")],
    ),
    "Discriminator: own class of a convolution": {
        "file": [("class Discriminator(nn.Module):", '''class SNConv(nn.Conv2d):
    def forward(self, x):
        sigma = torch.linalg.svdvals(self.weight.flatten(1)).max()
        return F.conv2d(x, self.weight / sigma, self.bias, self.stride, self.padding)


class Discriminator(nn.Module):'''),
                 (D_FORWARD, '''    def forward(self, image):
        h = F.leaky_relu(self.convs[0](image), 0.2)
        for conv, norm in zip(self.convs[1:], self.norms):
            h = F.leaky_relu(norm(conv(h)), negative_slope=0.2)
        return torch.sigmoid(self.score(h)).view(image.size(0))
''')],
        "Discriminator.__init__": """
            sizes = [channel_num * 8 * 2 ** k // image_size for k in range(image_size.bit_length() - 3)]
            self.convs = nn.ModuleList([SNConv(a, b, 4, 2, 1) for a, b in zip([3] + sizes, sizes)])
            self.norms = nn.ModuleList([nn.BatchNorm2d(size) for size in sizes[1:]])
            self.score = SNConv(channel_num, 1, 4)
        """},
    "Discriminator: squeezed": {
        "Discriminator.__init__": [], "file": [("return self.layers(x).flatten()",
                                                "return self.layers(x).squeeze(-1).squeeze(-1).squeeze(1)")]},
    **right(
        SINGULAR,
        svdvals="return torch.linalg.svdvals(weight.reshape(weight.shape[0], -1)).max()",
        svd="""
            u, s, v = torch.linalg.svd(weight.view(weight.size(0), -1), full_matrices=False)
            return s[0]
        """,
        norm_of_order_2="return torch.linalg.norm(torch.flatten(weight, start_dim=1), ord=2)",
        eigenvalues="""
            matrix = weight.flatten(1).double()
            return torch.linalg.eigvalsh(matrix @ matrix.T)[-1].clamp(min=0).sqrt().float()
        """,
        power_iteration="""
            matrix = weight.flatten(1)
            v = torch.ones(matrix.shape[1]) + torch.arange(matrix.shape[1]) / 7
            for _ in range(5000):
                u = F.normalize(matrix @ v, dim=0)
                v = F.normalize(matrix.T @ u, dim=0)
            return u @ matrix @ v
        """,
        a_float="return torch.linalg.matrix_norm(weight.detach().flatten(1), 2).item()",
        transposed="return torch.linalg.matrix_norm(weight.flatten(1).T, ord=2)",
    ),
    **right(
        INIT,
        by_the_name_of_the_class="""
            classname = module.__class__.__name__
            if classname.find("Conv") != -1:
                nn.init.normal_(module.weight.data, 0.0, 0.02)
            elif classname.find("BatchNorm") != -1:
                nn.init.normal_(module.weight.data, 1.0, 0.02)
                nn.init.constant_(module.bias.data, 0)
        """,
        biases_of_convolutions_0=[("module.weight, 0.0, 0.02)", """module.weight, 0.0, 0.02)
    if module.bias is not None:
        nn.init.zeros_(module.bias)""")],
        randn="""
            with torch.no_grad():
                if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                    module.weight.copy_(0.02 * torch.randn_like(module.weight))
                if isinstance(module, nn.BatchNorm2d):
                    module.weight.copy_(1 + 0.02 * torch.randn_like(module.weight))
                    module.bias.zero_()
        """,
        data="""
            kind = type(module)
            if issubclass(kind, nn.modules.conv._ConvNd):
                module.weight.data.normal_(0, 0.02)
            elif issubclass(kind, nn.modules.batchnorm._BatchNorm):
                module.weight.data.normal_(mean=1.0, std=0.02)
                module.bias.data.fill_(0)
        """,
        new_parameters="""
            if nn.utils.parametrize.is_parametrized(module):
                return
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                module.weight = nn.Parameter(0.02 * torch.randn(module.weight.shape))
            elif isinstance(module, nn.BatchNorm2d):
                module.weight = nn.Parameter(1 + 0.02 * torch.randn(module.weight.shape))
                module.bias = nn.Parameter(torch.zeros(module.bias.shape))
        """,
        returns_the_module=[("nn.init.zeros_(module.bias)", "nn.init.zeros_(module.bias)\nreturn module")],
    ),
    **right(
        UPDATE_D,
        floats="""
            criterion = nn.BCELoss()
            discriminator.zero_grad()
            label.fill_(1)
            output = discriminator(real_images).view(-1)
            err_real = criterion(output, label)
            err_real.backward()
            d_x = output.mean().item()
            fake_images = generator(noise)
            label.fill_(0)
            output = discriminator(fake_images.detach()).view(-1)
            err_fake = criterion(output, label)
            err_fake.backward()
            d_g_z1 = output.mean().item()
            optimizer.step()
            return err_real.item(), d_x, err_fake.item(), d_g_z1, fake_images
        """,
        logarithms="""
            fake_images = generator(noise)
            d_real, d_fake = discriminator(real_images), discriminator(fake_images.detach())
            err_real, err_fake = -torch.log(d_real).mean(), -torch.log(1 - d_fake).mean()
            optimizer.zero_grad(set_to_none=False)
            loss = err_real + err_fake
            loss.backward()
            optimizer.step()
            return err_real, d_real.mean(), err_fake, d_fake.mean(), fake_images
        """,
        both_batches_at_once="""
            fake_images = generator(noise)
            images = torch.cat((real_images, fake_images.detach()))
            labels = torch.cat((torch.ones_like(label), torch.zeros_like(label)))
            output = discriminator(images)
            errors = F.binary_cross_entropy(output, labels, reduction="none")
            n = len(real_images)
            optimizer.zero_grad()
            (errors[:n].mean() + errors[n:].mean()).backward()
            optimizer.step()
            means = output[:n].mean(), output[n:].mean()
            return [errors[:n].mean(), means[0], errors[n:].mean(), means[1], fake_images]
        """,
        gradients_for_the_discriminator_only="""
            fake_images = generator(noise)
            on_real, on_fake = discriminator(real_images), discriminator(fake_images)
            err_real = F.binary_cross_entropy(on_real, torch.ones_like(on_real))
            err_fake = F.binary_cross_entropy(on_fake, torch.zeros_like(on_fake))
            optimizer.zero_grad()
            (err_real + err_fake).backward(inputs=list(discriminator.parameters()), retain_graph=True)
            optimizer.step()
            means = on_real.mean().detach(), on_fake.mean().detach()
            return err_real.detach(), means[0], err_fake.detach(), means[1], generator(noise)
        """,
        no_grad_and_again="""
            with torch.no_grad():
                fake = generator(noise)
            on_real, on_fake = discriminator(real_images), discriminator(fake)
            losses = [F.binary_cross_entropy(on_real, label), F.binary_cross_entropy(on_fake, 1 - label)]
            optimizer.zero_grad()
            sum(losses).backward()
            optimizer.step()
            return losses[0].item(), float(on_real.mean()), losses[1].item(), float(on_fake.mean()), generator(noise)
        """,
        sample_by_sample="""
            fake_images = generator(noise)
            on_real, on_fake = discriminator(real_images), discriminator(fake_images.detach())
            optimizer.zero_grad()
            err_real = sum(F.binary_cross_entropy(p, torch.ones_like(p)) for p in on_real) / len(on_real)
            err_fake = sum(F.binary_cross_entropy(p, torch.zeros_like(p)) for p in on_fake) / len(on_fake)
            (err_real + err_fake).backward()
            optimizer.step()
            return err_real.detach(), on_real.mean().detach(), err_fake.detach(), on_fake.mean().detach(), fake_images
        """,
        image_by_image="""
            fake_images = generator(noise)
            optimizer.zero_grad()
            judged, errors = [], []
            for images, wanted in ((real_images, 1.0), (fake_images.detach(), 0.0)):
                found = torch.cat([discriminator(image[None]) for image in images])
                judged.append(found.detach().mean())
                errors.append(sum(F.binary_cross_entropy(p, torch.full_like(p, wanted)) for p in found) / len(found))
            sum(errors).backward()
            optimizer.step()
            return errors[0].item(), judged[0], errors[1].item(), judged[1], fake_images
        """,
        zero_grad_of_the_network=[("optimizer.zero_grad()", "discriminator.zero_grad()")],
        gradients_taken_away_after=[("optimizer.step()", "optimizer.step()\noptimizer.zero_grad()")],
    ),
    **right(
        UPDATE_G,
        floats="""
            generator.zero_grad()
            label.fill_(1)
            output = discriminator(fake_images).view(-1)
            err_g = nn.BCELoss()(output, label)
            err_g.backward()
            optimizer.step()
            return err_g.item(), output.mean().item()
        """,
        logarithms="""
            on_fake = discriminator(fake_images)
            loss = -on_fake.log().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss, on_fake.mean()
        """,
        sample_by_sample="""
            on_fake = discriminator(fake_images)
            optimizer.zero_grad()
            err_g = torch.stack([F.binary_cross_entropy(p, torch.ones_like(p)) for p in on_fake]).mean()
            err_g.backward(inputs=list(generator.parameters()))
            optimizer.step()
            return err_g.detach(), on_fake.detach().mean()
        """,
        frozen_discriminator="""
            for p in discriminator.parameters():
                p.requires_grad_(False)
            output = discriminator(fake_images)
            loss = F.binary_cross_entropy(output, torch.ones_like(output))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for p in discriminator.parameters():
                p.requires_grad_(True)
            return loss.detach(), output.detach().mean()
        """,
        gradients_of_both=[("err_g.backward(inputs=list(generator.parameters()))", "err_g.backward()")],
        numpy_values=[("err_g.detach(), on_fake.detach().mean()",
                       "err_g.detach().numpy(), on_fake.detach().mean().numpy()")],
        clean_discriminator=[("optimizer.step()", "optimizer.step()\ndiscriminator.zero_grad()")],
    ),
    **right(
        GENERATE,
        inference_mode="""
            training = generator.training
            generator.eval()
            with torch.inference_mode():
                images = generator(z * temperature ** 0.5)
            if training:
                generator.train()
            return images * 0.5 + 0.5
        """,
        math_sqrt="""
            import math
            mode = generator.training
            with torch.no_grad():
                images = generator.eval()(math.sqrt(temperature) * z)
            generator.train(mode)
            return images.add(1).div(2).clamp(0, 1)
        """,
        detached="""
            mode = generator.training
            generator.eval()
            images = generator(z * torch.tensor(temperature).sqrt()).detach()
            generator.train(mode)
            return (images - (-1)) / (1 - (-1))
        """,
        a_copy="""
            import copy
            frozen = copy.deepcopy(generator).eval()
            with torch.no_grad():
                return (frozen(temperature ** 0.5 * z) + 1) / 2
        """,
        one_by_one="""
            was = generator.training
            generator.eval()
            with torch.no_grad():
                images = torch.cat([generator(temperature ** 0.5 * part) for part in z.split(1)])
            generator.train(was)
            return (images + 1) / 2
        """,
        modes_of_all_parts="""
            modes = [(part, part.training) for part in generator.modules()]
            generator.eval()
            with torch.no_grad():
                images = 0.5 * (generator(temperature ** 0.5 * z) + 1)
            for part, training in modes:
                part.training = training
            return images
        """,
    ),
    **right(
        CONVEX,
        broadcast="""
            a = torch.as_tensor(alphas, dtype=z1.dtype).reshape(-1, *[1] * z1.dim())
            return a * z1 + (1 - a) * z2
        """,
        lerp="return torch.stack([torch.lerp(z2, z1, float(alpha)) for alpha in alphas])",
        from_z2="return torch.stack([z2 + alpha * (z1 - z2) for alpha in alphas], dim=0)",
        cat="return torch.cat([(alpha * z1 + (1 - alpha) * z2).unsqueeze(0) for alpha in alphas], dim=0)",
        a_loop="""
            path = torch.empty(len(alphas), *z1.shape)
            for k, alpha in enumerate(alphas):
                path[k] = alpha * z1 + (1.0 - alpha) * z2
            return path
        """,
    ),
    **right(
        SLERP,
        by_hand="""
            cosine = (z1 * z2).sum() / (z1.norm() * z2.norm())
            omega = torch.acos(cosine)
            points = []
            for alpha in alphas:
                first, second = torch.sin(alpha * omega), torch.sin((1 - alpha) * omega)
                points.append((first * z1 + second * z2) / torch.sin(omega))
            return torch.stack(points)
        """,
        broadcast="""
            u, v = F.normalize(z1.flatten(), dim=0), F.normalize(z2.flatten(), dim=0)
            omega = torch.arccos(torch.dot(u, v).clamp(-1, 1))
            a = torch.as_tensor(alphas, dtype=z1.dtype).reshape(-1, *[1] * z1.dim())
            return (torch.sin(a * omega) * z1 + torch.sin((1 - a) * omega) * z2) / torch.sin(omega)
        """,
        math_functions="""
            import math
            omega = math.acos(float(torch.sum(z1 * z2) / torch.linalg.vector_norm(z1) / torch.linalg.vector_norm(z2)))
            return torch.stack([math.sin(float(a) * omega) / math.sin(omega) * z1
                                + math.sin((1 - float(a)) * omega) / math.sin(omega) * z2 for a in alphas])
        """,
        numpy="""
            import numpy as np
            p, q = z1.numpy(), z2.numpy()
            omega = np.arccos((p * q).sum() / np.sqrt((p ** 2).sum() * (q ** 2).sum()))
            points = [(np.sin(a * omega) * p + np.sin((1 - a) * omega) * q) / np.sin(omega) for a in np.asarray(alphas)]
            return torch.from_numpy(np.stack(points)).float()
        """,
        the_line_where_there_is_no_arc="""
            omega = torch.acos(F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0).clamp(-1, 1))
            if torch.sin(omega) < 1e-4:
                return torch.stack([alpha * z1 + (1 - alpha) * z2 for alpha in alphas])
            return torch.stack([torch.sin(a * omega) / torch.sin(omega) * z1
                                + torch.sin((1 - a) * omega) / torch.sin(omega) * z2 for a in torch.as_tensor(alphas)])
        """,
        in_float64="""
            p, q = z1.double(), z2.double()
            omega = torch.acos(F.cosine_similarity(p.reshape(1, -1), q.reshape(1, -1)))[0]
            return torch.stack([torch.sin(a * omega) / torch.sin(omega) * p + torch.sin((1 - a) * omega)
                                / torch.sin(omega) * q for a in torch.as_tensor(alphas).double()]).to(z1.dtype)
        """,
    ),
}

WRONG = {
    **wrong(
        SELECT,
        not_shifted=("labels start at 0", [("int(number) - 1", "int(number)")]),
        shifted_the_other_way=("indices should be", [("int(number) - 1", "int(number) + 1")]),
        shifted_twice=("wrong direction, or by two", [("int(number) - 1", "int(number) - 2")]),
        a_mask=("a mask of True and False", [("torch.nonzero(torch", "(torch"), (".flatten()", "")]),
        nonzero_as_a_column=("of shape", [(".flatten()", "")]),
        place_in_the_dict=("the indices should be", [
            ("int(number) - 1 for number, name in names.items()", "k for k, name in enumerate(names.values())")]),
        labels_instead_of_indices=("not their indices", """
            wanted = [int(number) - 1 for number, name in names.items() if name in categories]
            return labels[torch.isin(labels, torch.tensor(wanted))]
        """),
        first_category_only=("the indices should be", [("name in categories]", "name == categories[0]]")]),
        the_others=("the others are selected", [("torch.isin(", "~torch.isin(")]),
        everything=("all images are selected", "return torch.arange(len(labels))"),
        first_image_of_each=("the indices should be", """
            wanted = [int(number) - 1 for number, name in names.items() if name in categories]
            return torch.tensor([labels.tolist().index(label) for label in wanted])
        """),
        places_in_the_list=("the indices should be", """
            return torch.nonzero(labels < len(categories)).flatten()
        """),
        nothing_returned=("got NoneType", "wanted = [int(number) - 1 for number in names]"),
        part_of_a_name=("compare whole names", [
            ("name in categories]", "any(category in name for category in categories)]")]),
        name_in_a_text=("compare whole names", [("name in categories]", "name in ', '.join(categories)]")]),
        squeezed=("got a Tensor of shape ()", [(".flatten()", ".squeeze()")]),
        floats=("whole numbers", [(".flatten()", ".flatten().float()")]),
        a_list_of_floats=("whole numbers", """
            wanted = [int(number) - 1 for number, name in names.items() if name in categories]
            return [float(index) for index in torch.isin(labels, torch.tensor(wanted)).nonzero().flatten()]
        """),
        sorts_the_categories=("changes the categories", [("wanted = [", "categories.sort()\nwanted = [")]),
        pops_the_names=("changes the names", [
            ("for number, name in names.items() if name in categories]",
             "for number in list(names) if names.pop(number) in categories]")]),
        shifts_the_labels=("changes the labels", [
            ("int(number) - 1", "int(number)"), ("torch.isin(labels,", "torch.isin(labels.add_(1),")]),
    ),
    **wrong(
        GENERATOR,
        channels_stay=("should run", [
            ("channels // 2, 4", "channels, 4"), ("nn.BatchNorm2d(channels // 2)", "nn.BatchNorm2d(channels)"),
            ("channels, size = channels // 2, 2 * size", "size = 2 * size")]),
        one_layer_too_many=("should run", [("while size < image_size // 2", "while size < image_size")]),
        one_layer_too_few=("should run", [("while size < image_size // 2", "while size < image_size // 4")]),
        too_large_for_8=("Generator(", [("while size < image_size // 2", "while size < max(image_size // 2, 8)")]),
        always_for_256=("should run", [
            ("channels, size = channel_num, 4", "channels, size, image_size = channel_num, 4, 256")]),
        first_one_doubles=("look at its stride and padding", [
            ("nn.ConvTranspose2d(latent_dim, channels, 4, bias=False)",
             "nn.ConvTranspose2d(latent_dim, channels, 4, stride=2, padding=1, bias=False)")]),
        kernel_2=("should run", [("channels // 2, 4, stride=2, padding=1", "channels // 2, 2, stride=2")]),
        kernel_3=("should run", [("channels // 2, 4, stride=2, padding=1,",
                                  "channels // 2, 3, stride=2, padding=1, output_padding=1,")]),
        no_batch_norm=("there is ReLU", [
            ("                       nn.BatchNorm2d(channels // 2), nn.ReLU(True)]".strip(), "nn.ReLU(True)]")]),
        no_norm_after_the_first=("there is", [("nn.BatchNorm2d(channels), nn.ReLU(True)]", "nn.ReLU(True)]")]),
        norm_before_tanh=("one after each layer but the last", [("nn.Tanh()", "nn.BatchNorm2d(3), nn.Tanh()")]),
        norm_after_relu=("ReLU, then BatchNorm", [("nn.BatchNorm2d(channels // 2), nn.ReLU(True)",
                                                  "nn.ReLU(True), nn.BatchNorm2d(channels // 2)")]),
        leaky=("LeakyReLU with slope 0.2", [("nn.BatchNorm2d(channels // 2), nn.ReLU(True)",
                                             "nn.BatchNorm2d(channels // 2), nn.LeakyReLU(0.2)")]),
        no_relu=("without an activation", [("nn.BatchNorm2d(channels // 2), nn.ReLU(True)",
                                            "nn.BatchNorm2d(channels // 2)")]),
        sigmoid_at_the_end=("it ends with Sigmoid", [("nn.Tanh()", "nn.Sigmoid()")]),
        nothing_at_the_end=("it ends with no activation", [(", nn.Tanh()]", "]")]),
        relu_before_tanh=("it ends with Tanh after ReLU", [("nn.Tanh()", "nn.ReLU(), nn.Tanh()")]),
        one_channel=("should run", [("channels, 3, 4", "channels, 1, 4")]),
        instance_norm=("something else", [("nn.BatchNorm2d(channels // 2)", "nn.InstanceNorm2d(channels // 2)")]),
        no_running_statistics=("leave BatchNorm's running statistics", [
            ("nn.BatchNorm2d(channels // 2)", "nn.BatchNorm2d(channels // 2, track_running_stats=False)")]),
        evaluation_mode=("in evaluation mode", [("self.layers = nn.Sequential(*layers)",
                                                 "self.layers = nn.Sequential(*layers)\nself.eval()")]),
        dropout=("something else", [("nn.BatchNorm2d(channels // 2), nn.ReLU(True)",
                                     "nn.BatchNorm2d(channels // 2), nn.ReLU(True), nn.Dropout2d(0.3)")]),
        upsampling=("should run", [
            ("layers += [nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False)",
             "layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels // 2, 3, padding=1)")]),
        latent_dim_fixed=("expected input", [("nn.ConvTranspose2d(latent_dim", "nn.ConvTranspose2d(128")]),
        one_norm_for_all=("running_mean should contain", """
            channels, size, norm = channel_num, 4, nn.BatchNorm2d(channel_num)
            layers = [nn.ConvTranspose2d(latent_dim, channels, 4), norm, nn.ReLU()]
            while size < image_size // 2:
                layers += [nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1), norm, nn.ReLU()]
                channels, size = channels // 2, 2 * size
            self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1), nn.Tanh())
        """),
    ),
    "Generator: other default sizes": (GENERATOR, "Generator() should", {"Generator.__init__": [], "file": [
        ("def __init__(self, latent_dim=128, channel_num=512, image_size=256)",
         "def __init__(self, latent_dim=128, channel_num=512, image_size=64)")]}),
    "Generator: other default channels": (GENERATOR, "Generator() should have 512 channels", {
        "Generator.__init__": [], "file": [("def __init__(self, latent_dim=128, channel_num=512, image_size=256)",
                                            "def __init__(self, latent_dim=128, channel_num=256, image_size=256)")]}),
    "Generator: tanh twice": (GENERATOR, "it ends with Tanh twice", {"Generator.__init__": [], "file": [
        ("return self.layers(z)", "return torch.tanh(self.layers(z))")]}),
    "Generator: images in 0 to 1": (GENERATOR, "it ends with Tanh, scaled to [0, 1]", {
        "Generator.__init__": [], "file": [("return self.layers(z)", "return self.layers(z) / 2 + 0.5")]}),
    **wrong(
        DISCRIMINATOR,
        not_normalised=("wrap this convolution in spectral_norm", """
            channels = channel_num // (image_size // 8)
            layers = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            while channels < channel_num:
                layers += [nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1), nn.BatchNorm2d(2 * channels),
                           nn.LeakyReLU(0.2)]
                channels *= 2
            self.layers = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4), nn.Sigmoid())
        """),
        first_one_not_normalised=("of layer 1 of", [
            ("[spectral_norm(nn.Conv2d(3, channels, 4, stride=2, padding=1))",
             "[nn.Conv2d(3, channels, 4, stride=2, padding=1)")]),
        last_one_not_normalised=("wrap this convolution", [("spectral_norm(nn.Conv2d(channels, 1, 4))",
                                                            "nn.Conv2d(channels, 1, 4)")]),
        middle_not_normalised=("of layer 2 of", [
            ("spectral_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False))",
             "nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)")]),
        weight_norm=("of layer 2 of", [
            ("spectral_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False))",
             "nn.utils.parametrizations.weight_norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1))")]),
        other_rows=("largest singular value", [("spectral_norm(nn.Conv2d(channels, 1, 4))",
                                                "spectral_norm(nn.Conv2d(channels, 1, 4), dim=1)")]),
        frobenius_norm=("largest singular value", """
            def norm(layer):
                torch.nn.utils.parametrize.register_parametrization(layer, "weight", Unit())
                return layer

            class Unit(nn.Module):
                def forward(self, weight):
                    return weight / weight.norm()

            channels = channel_num // (image_size // 8)
            layers = [norm(nn.Conv2d(3, channels, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
            while channels < channel_num:
                layers += [norm(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1)),
                           nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2)]
                channels *= 2
            self.layers = nn.Sequential(*layers, norm(nn.Conv2d(channels, 1, 4)), nn.Sigmoid())
        """),
        normalised_once=("largest singular value", [
            ("self.layers = nn.Sequential(*layers)", """self.layers = nn.Sequential(*layers)
for layer in self.layers:
    if isinstance(layer, nn.Conv2d):
        nn.utils.parametrize.remove_parametrizations(layer, "weight")""")]),
        norm_after_the_first=("and no BatchNorm", [
            ("padding=1)), nn.LeakyReLU(", "padding=1)), nn.BatchNorm2d(channels), nn.LeakyReLU(")]),
        norm_before_sigmoid=("BatchNorm layers", [("nn.Sigmoid()]", "nn.BatchNorm2d(1), nn.Sigmoid()]")]),
        no_batch_norm=("there is LeakyReLU with slope 0.2", [
            ("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)", "nn.LeakyReLU(0.2, True)")]),
        relu=("there is ReLU", [("padding=1)), nn.LeakyReLU(0.2, True)]", "padding=1)), nn.ReLU(True)]")]),
        relu_in_the_middle=("there is BatchNorm, then ReLU", [
            ("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)", "nn.BatchNorm2d(2 * channels), nn.ReLU(True)")]),
        no_activation=("without an activation", [
            ("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)", "nn.BatchNorm2d(2 * channels)")]),
        slope_2=("there is LeakyReLU with slope 2", [("padding=1)), nn.LeakyReLU(0.2, True)]",
                                                      "padding=1)), nn.LeakyReLU(2)]")]),
        slope_099=("there is LeakyReLU with slope 0.99", [("padding=1)), nn.LeakyReLU(0.2, True)]",
                                                           "padding=1)), nn.LeakyReLU(0.99)]")]),
        default_slope=("there is LeakyReLU with slope 0.01", [("padding=1)), nn.LeakyReLU(0.2, True)]",
                                                               "padding=1)), nn.LeakyReLU()]")]),
        default_slope_in_the_middle=("there is BatchNorm, then LeakyReLU with slope 0.01", [
            ("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)", "nn.BatchNorm2d(2 * channels), nn.LeakyReLU()")]),
        too_deep_for_8=("Kernel size", [("while channels < channel_num:",
                                         "while channels < channel_num or len(layers) == 2:")]),
        logits=("it ends with no activation", [(", nn.Sigmoid()]", "]")]),
        tanh_at_the_end=("it ends with Tanh", [("nn.Sigmoid()", "nn.Tanh()")]),
        pooling=("look at its stride and padding", [
            ("nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False))",
             "nn.Conv2d(channels, 2 * channels, 4, padding=\"same\")), nn.MaxPool2d(2)")]),
        kernel_3=("should run", [("2 * channels, 4, stride=2", "2 * channels, 3, stride=2")]),
        channels_stay_half=("Kernel size", [("image_size // 8)", "image_size // 4)")]),
        always_for_64=("should run", [("channel_num // (image_size // 8)", "channel_num // 8")]),
        linear_at_the_end=("should run", [("spectral_norm(nn.Conv2d(channels, 1, 4))",
                                           "nn.Flatten(), spectral_norm(nn.Linear(16 * channels, 1))")]),
        dropout=("something else", [("nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2, True)",
                                     "nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2), nn.Dropout2d(0.3)")]),
    ),
    "Discriminator: four axes": (DISCRIMINATOR, "should have shape (4,)", {"Discriminator.__init__": [], "file": [
        ("return self.layers(x).flatten()", "return self.layers(x)")]}),
    "Discriminator: two axes": (DISCRIMINATOR, "should have shape (4,)", {"Discriminator.__init__": [], "file": [
        ("return self.layers(x).flatten()", "return self.layers(x).flatten(1)")]}),
    "Discriminator: squeezed without care": (DISCRIMINATOR, "for one image should have shape (1,)", {
        "Discriminator.__init__": [], "file": [("self.layers(x).flatten()", "self.layers(x).squeeze()")]}),
    "Discriminator: sigmoid twice": (DISCRIMINATOR, "it ends with Sigmoid twice", {
        "Discriminator.__init__": [], "file": [("return self.layers(x).flatten()",
                                                "return torch.sigmoid(self.layers(x).flatten())")]}),
    "Discriminator: mean of the batch": (DISCRIMINATOR, "should have shape (4,)", {
        "Discriminator.__init__": [], "file": [("return self.layers(x).flatten()", "return self.layers(x).mean()")]}),
    "Discriminator: other default sizes": (DISCRIMINATOR, "Discriminator() should", {
        "Discriminator.__init__": [], "file": [("def __init__(self, channel_num=512, image_size=256)",
                                                "def __init__(self, channel_num=128, image_size=256)")]}),
    **wrong(
        SINGULAR,
        frobenius=("that is the Frobenius norm", "return weight.norm()"),
        smallest=("smallest singular value", [("ord=2", "ord=-2")]),
        all_values=("should be one number", "return torch.linalg.svdvals(weight.flatten(1))"),
        of_shape_1=("should be one number", "return torch.linalg.svdvals(weight.flatten(1))[:1]"),
        nuclear=("sum of the singular values", [("ord=2", "ord=\"nuc\"")]),
        eigenvalue_not_rooted=("square of the largest singular value", """
            matrix = weight.flatten(1)
            return torch.linalg.eigvalsh(matrix @ matrix.T)[-1]
        """),
        largest_number=("largest number of the weight", "return weight.max()"),
        largest_absolute_number=("largest absolute value of the weight", "return weight.abs().max()"),
        input_channels_as_rows=("rows of the matrix should be the output channels",
                                [("weight.flatten(1)", "weight.transpose(0, 1).flatten(1)")]),
        kernel_by_kernel=("should be one number", [("weight.flatten(1)", "weight")]),
        largest_of_kernels=("not many of height x width", "return torch.linalg.matrix_norm(weight, ord=2).max()"),
        order_1=("(norm of order 1 or inf)", [("ord=2", "ord=1")]),
        order_infinity=("(norm of order 1 or inf)", [("ord=2", "ord=float(\"inf\")")]),
        default_order=("that is the Frobenius norm", [("weight.flatten(1), ord=2", "weight.flatten(1)")]),
        one_power_iteration=("the value should be", """
            matrix = weight.flatten(1)
            u = F.normalize(matrix @ torch.ones(matrix.shape[1]), dim=0)
            return (matrix.T @ u).norm()
        """),
        few_power_iterations=("a power iteration needs more steps", """
            matrix = weight.flatten(1)
            u = torch.randn(matrix.shape[0])
            for _ in range(30):
                v = F.normalize(matrix.T @ u, dim=0)
                u = F.normalize(matrix @ v, dim=0)
            return u @ matrix @ v
        """),
        kernel_of_16=("whatever the kernel's size", [
            ("weight.flatten(1)", "weight.reshape(-1, 16 * weight.shape[1])")]),
        numpy_without_detach=("requires grad", """
            import numpy as np
            return float(np.linalg.norm(weight.numpy().reshape(len(weight), -1), 2))
        """),
    ),
    **wrong(
        INIT,
        variance_for_deviation=("not the variance", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                                      "nn.init.normal_(module.weight, 0.0, 0.02 ** 0.5)")]),
        norms_around_0=("the scales of BatchNorm should be drawn", [
            ("module.weight, 1.0, 0.02", "module.weight, 0.0, 0.02")]),
        one_for_all=("the scales of BatchNorm should be drawn", """
            if hasattr(module, "weight"):
                nn.init.normal_(module.weight, 0.0, 0.02)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        """),
        norms_forgotten=("the scales of BatchNorm stay as PyTorch made them", [
            ("nn.init.normal_(module.weight, 1.0, 0.02)", "pass")]),
        norms_of_1=("they are all the same", [("nn.init.normal_(module.weight, 1.0, 0.02)",
                                               "nn.init.constant_(module.weight, 1.0001)")]),
        biases_of_norms_kept=("the biases of BatchNorm should be 0", [("nn.init.zeros_(module.bias)", "pass")]),
        biases_of_norms_1=("the biases of BatchNorm should be 0", [("zeros_", "ones_")]),
        transposed_forgotten=("the weights of ConvTranspose2d stay as PyTorch made them", [
            ("(nn.Conv2d, nn.ConvTranspose2d)", "nn.Conv2d")]),
        convolutions_forgotten=("the weights of Conv2d stay as PyTorch made them", [
            ("(nn.Conv2d, nn.ConvTranspose2d)", "nn.ConvTranspose2d")]),
        uniform=("normally distributed", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                           "nn.init.uniform_(module.weight, -0.0346, 0.0346)")]),
        ten_times=("should be drawn from N(0, 0.02^2)", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                                          "nn.init.normal_(module.weight, 0.0, 0.2)")]),
        around_002=("should be drawn from N(0, 0.02^2)", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                                           "nn.init.normal_(module.weight, 0.02, 1.0)")]),
        xavier=("should be drawn from N(0, 0.02^2)", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                                       "nn.init.xavier_normal_(module.weight)")]),
        biases_of_convolutions_drawn=("the biases of Conv2d should stay", [
            ("nn.init.normal_(module.weight, 0.0, 0.02)", """nn.init.normal_(module.weight, 0.0, 0.02)
    if module.bias is not None:
        nn.init.normal_(module.bias, 0.0, 0.02)""")]),
        biases_assumed=("NoneType", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                      "nn.init.normal_(module.weight, 0.0, 0.02)\n    nn.init.zeros_(module.bias)")]),
        a_copy=("stay as PyTorch made them", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                               "nn.init.normal_(module.weight.clone(), 0.0, 0.02)")]),
        linear_layers_too=("nn.Linear changes", [
            ("(nn.Conv2d, nn.ConvTranspose2d)", "(nn.Conv2d, nn.ConvTranspose2d, nn.Linear)")]),
        new_parameters_everywhere=("stumbles over", [
            ("nn.init.normal_(module.weight, 0.0, 0.02)",
             "module.weight = nn.Parameter(0.02 * torch.randn(module.weight.shape))")]),
        seed_set=("the same each time", [
            ("if isinstance(module, (nn", "torch.manual_seed(0)\nif isinstance(module, (nn")]),
        evaluation_mode=("in evaluation mode", [
            ("if isinstance(module, (nn", "module.eval()\nif isinstance(module, (nn")]),
        frozen=("requires no gradient", [("nn.init.normal_(module.weight, 0.0, 0.02)",
                                          "nn.init.normal_(module.weight.requires_grad_(False), 0.0, 0.02)")]),
    ),
    **wrong(
        UPDATE_D,
        detach_forgotten=("the generator gets gradients", [("fake_images.detach()", "fake_images")]),
        detached_for_good=("not detached", [
            ("fake_images = generator(noise)", "fake_images = generator(noise).detach()")]),
        returned_detached=("not detached", [
            ("on_fake.detach().mean(), fake_images", "on_fake.detach().mean(), fake_images.detach()")]),
        no_grad_around_the_generator=("not detached", [("fake_images = generator(noise)", """with torch.no_grad():
    fake_images = generator(noise)""")]),
        zero_grad_forgotten=("optimizer.zero_grad()", [("optimizer.zero_grad()\n", "")]),
        zero_grad_of_the_generator=("optimizer.zero_grad()", [("optimizer.zero_grad()", "generator.zero_grad()")]),
        zero_grad_after_backward=("no gradient reaches them", [
            ("optimizer.zero_grad()\n", ""), ("optimizer.step()", "optimizer.zero_grad()\noptimizer.step()")]),
        step_forgotten=("optimizer.step() is missing", [("optimizer.step()\n", "")]),
        backward_forgotten=("no gradient reaches them", [("(err_real + err_fake).backward()\n", "")]),
        photographs_only=("from the photographs only", [("(err_real + err_fake).backward()", "err_real.backward()")]),
        generated_only=("from the generated images only", [
            ("(err_real + err_fake).backward()", "err_fake.backward()")]),
        zeroed_in_between=("from the generated images only", [
            ("(err_real + err_fake).backward()", "err_real.backward()\noptimizer.zero_grad()\nerr_fake.backward()")]),
        two_steps=("one step on both terms", [
            ("(err_real + err_fake).backward()", "err_real.backward(retain_graph=True)\noptimizer.step()\n"
             "optimizer.zero_grad()\nerr_fake = F.binary_cross_entropy(discriminator(fake_images.detach()), "
             "torch.zeros_like(label))\nerr_fake.backward()")]),
        averaged=("averaged", [("(err_real + err_fake).backward()", "((err_real + err_fake) / 2).backward()")]),
        uphill=("uphill", [("(err_real + err_fake).backward()", "(-err_real - err_fake).backward()")]),
        labels_swapped=("the label 0: photographs have the label 1", [
            ("(on_real, label)", "(on_real, torch.zeros_like(label))"),
            ("(on_fake, torch.zeros_like(label))", "(on_fake, label)")]),
        all_real=("generated images have the label 0 here", [
            ("(on_fake, torch.zeros_like(label))", "(on_fake, label)")]),
        summed=("a sum over the batch", [("(on_real, label)", "(on_real, label, reduction=\"sum\")"),
                                         ("torch.zeros_like(label))", "torch.zeros_like(label), reduction=\"sum\")")]),
        order_of_the_loss_first=("the order is (err_real, d_x", [
            ("err_real.detach(), on_real.detach().mean(), err_fake.detach(), on_fake",
             "err_real.detach(), err_fake.detach(), on_real.detach().mean(), on_fake")]),
        sum_of_both=("the sum of both terms", [("return err_real.detach()", "return (err_real + err_fake).detach()")]),
        not_the_mean=("should be one number", [("on_real.detach().mean()", "on_real.detach()")]),
        a_loss_of_shape_1=("should be one number", [("return err_real.detach()", "return err_real.detach().view(1)")]),
        images_forgotten=("should return 5 things", [
            ("on_fake.detach().mean(), fake_images", "on_fake.detach().mean()")]),
        after_the_step=("taken after the step", [("err_real.detach(), on_real.detach().mean()",
                                                  "err_real.detach(), discriminator(real_images).detach().mean()")]),
        images_of_other_noise=("fake_images should be generator(noise)", [
            ("on_fake.detach().mean(), fake_images", "on_fake.detach().mean(), generator(torch.randn_like(noise))")]),
        generator_moves=("the generator gets gradients", [
            ("fake_images.detach()", "fake_images"), ("(err_real + err_fake).backward()",
                                                      "(err_real + err_fake).backward(retain_graph=True)")]),
        generator_frozen=("do not require gradients", [
            ("fake_images = generator(noise)", "fake_images = generator(noise)\ngenerator.requires_grad_(False)")]),
        evaluation_mode=("stay in training mode", [("fake_images = generator(noise)",
                                                    "fake_images = generator.eval()(noise)")]),
        evaluation_mode_for_a_while=("also while they run", [
            ("on_fake = discriminator(fake_images.detach())", "discriminator.eval()\n"
             "on_fake = discriminator(fake_images.detach())\ndiscriminator.train()")]),
        generator_evaluated_for_a_while=("also while they run", [
            ("fake_images = generator(noise)", "fake_images = generator.eval()(noise)\ngenerator.train()")]),
        step_twice=("step", [("optimizer.step()", "optimizer.step()\noptimizer.step()")]),
        inputs_overwritten=("changes its images", [("on_real = discriminator(real_images)",
                                                    "on_real = discriminator(real_images.mul_(0.5))")]),
    ),
    **wrong(
        UPDATE_G,
        label_0=("label 0", [("(on_fake, label)", "(on_fake, torch.zeros_like(label))")]),
        saturating=("hardly any gradient", [
            ("F.binary_cross_entropy(on_fake, label)", "torch.log(1 - on_fake).mean()")]),
        detached=("no gradient reaches the generator", [
            ("discriminator(fake_images)", "discriminator(fake_images.detach().requires_grad_())"),
            ("err_g.backward(inputs=list(generator.parameters()))", "err_g.backward()")]),
        zero_grad_forgotten=("optimizer.zero_grad()", [("optimizer.zero_grad()\n", "")]),
        zero_grad_of_the_discriminator=("optimizer.zero_grad()", [
            ("optimizer.zero_grad()", "discriminator.zero_grad()")]),
        step_forgotten=("optimizer.step() is missing", [("optimizer.step()\n", "")]),
        backward_forgotten=("no gradient reaches the generator", [
            ("err_g.backward(inputs=list(generator.parameters()))\n", "")]),
        uphill=("uphill", [("err_g.backward(", "(-err_g).backward(")]),
        summed=("a sum over the batch", [("(on_fake, label)", "(on_fake, label, reduction=\"sum\")")]),
        discriminator_moves=("the discriminator's weights change", [
            ("optimizer.step()", "optimizer.step()\nwith torch.no_grad():\n    for p in discriminator.parameters():\n"
             "        p -= 0.01")]),
        order=("the order is (err_g, d_g_z2)", [("err_g.detach(), on_fake.detach().mean()",
                                                 "on_fake.detach().mean(), err_g.detach()")]),
        a_loss_of_shape_1=("should be one number", [("return err_g.detach()", "return err_g.detach().reshape(1)")]),
        loss_only=("should return 2 things", [("err_g.detach(), on_fake.detach().mean()", "err_g.detach()")]),
        not_the_mean=("should be one number", [("on_fake.detach().mean()", "on_fake.detach()")]),
        halved=("halved", [("err_g.backward(", "(err_g / 2).backward(")]),
        step_twice=("taken twice", [("optimizer.step()", "optimizer.step()\noptimizer.step()")]),
        discriminator_stays_frozen=("do not require gradients", [
            ("on_fake = discriminator(fake_images)", "discriminator.requires_grad_(False)\n"
             "on_fake = discriminator(fake_images)")]),
        evaluation_mode=("stay in training mode", [
            ("discriminator(fake_images)", "discriminator.eval()(fake_images)")]),
        evaluation_mode_for_a_while=("also while they run", [
            ("on_fake = discriminator(fake_images)", "on_fake = discriminator.eval()(fake_images)\n"
             "discriminator.train()")]),
        images_in_place=("changes the images", [("on_fake = discriminator(fake_images)",
                                                 "on_fake = discriminator(fake_images)\nfake_images.data.mul_(0.5)")]),
        minus_in_the_value=("the wrong way round", [("return err_g.detach()", "return -err_g.detach()")]),
    ),
    **wrong(
        GENERATE,
        training_mode=("generator.eval()", [("generator.eval()\n", "")]),
        training_mode_on_purpose=("generator.eval()", [("generator.eval()", "generator.train()")]),
        not_put_back=("is left in evaluation mode", [("generator.train(was_training)", "pass")]),
        always_put_to_training=("is left in training mode", [("generator.train(was_training)", "generator.train()")]),
        gradients_left_off=("gradients are off in the whole program", """
            was_training = generator.training
            torch.set_grad_enabled(False)
            images = (generator.eval()(temperature ** 0.5 * z) + 1) / 2
            generator.train(was_training)
            return images
        """),
        left_frozen=("require no gradients", [
            ("generator.eval()", "generator.eval().requires_grad_(False)")]),
        minus_1_to_1=("the images lie in [-1, 1]", [("(generator(temperature ** 0.5 * z) + 1) / 2",
                                                     "generator(temperature ** 0.5 * z)")]),
        clamped=("the images are clamped", [("(generator(temperature ** 0.5 * z) + 1) / 2",
                                             "generator(temperature ** 0.5 * z).clamp(0, 1)")]),
        halved_only=("add 1 first", [("(generator(temperature ** 0.5 * z) + 1) / 2",
                                      "generator(temperature ** 0.5 * z) / 2")]),
        shifted_only=("halve them", [("+ 1) / 2", "+ 1)")]),
        with_gradients=("torch.no_grad()", [("with torch.no_grad():", "with torch.enable_grad():")]),
        deviation_for_variance=("T is the variance", [("temperature ** 0.5", "temperature")]),
        temperature_not_used=("temperature changes nothing", [("temperature ** 0.5 * z", "z")]),
        divided=("a higher temperature takes them further", [("temperature ** 0.5 * z", "z / temperature ** 0.5")]),
        squared=("T squared", [("temperature ** 0.5", "temperature ** 2")]),
        in_place=("changes the latent vectors", [("temperature ** 0.5 * z", "z.mul_(temperature ** 0.5).add_(1e-3)")]),
        scaled_by_the_largest=("the images should be", [("(generator(temperature ** 0.5 * z) + 1) / 2", """(
    lambda x: (x - x.min()) / (x.max() - x.min()))(generator(temperature ** 0.5 * z))""")]),
        bytes_returned=("the images should be", [("(generator(temperature ** 0.5 * z) + 1) / 2",
                                                  "((generator(temperature ** 0.5 * z) + 1) * 127.5)")]),
    ),
    **wrong(
        CONVEX,
        reversed=("the path is reversed", [("alpha * z1 + (1 - alpha) * z2", "(1 - alpha) * z1 + alpha * z2")]),
        lerp_the_wrong_way=("the path is reversed", [
            ("alpha * z1 + (1 - alpha) * z2", "torch.lerp(z1, z2, float(alpha))")]),
        minus=("to be added, not subtracted", [("alpha * z1 + (1", "alpha * z1 - (1")]),
        plus_alpha=("do not add up to 1", [("(1 - alpha)", "(1 + alpha)")]),
        z2_whole=("do not add up to 1", [("(1 - alpha) * z2", "z2")]),
        z1_whole=("do not add up to 1", [("alpha * z1 + (1 - alpha) * z2", "z1 + alpha * z2")]),
        same_factor=("do not add up to 1", [("(1 - alpha) * z2", "alpha * z2")]),
        no_new_axis=("on a new first axis", [("torch.stack", "torch.cat")]),
        last_axis=("on a new first axis", [("for alpha in alphas])", "for alpha in alphas], dim=-1)")]),
        alphas_not_used=("evenly spaced ones", [
            ("for alpha in alphas", "for alpha in torch.linspace(0, 1, len(alphas))")]),
        a_list=("on a new first axis", "return [alpha * z1 + (1 - alpha) * z2 for alpha in alphas]"),
        roots=("the factors are roots", [("alpha * z1 + (1 - alpha) * z2",
                                          "alpha ** 0.5 * z1 + (1 - alpha) ** 0.5 * z2")]),
        arc=("what slerp should give", """
            omega = torch.acos(F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0))
            return torch.stack([torch.sin(torch.as_tensor(a) * omega) / torch.sin(omega) * z1
                                + torch.sin((1 - torch.as_tensor(a)) * omega) / torch.sin(omega) * z2 for a in alphas])
        """),
        ends_left_out=("on a new first axis", [("for alpha in alphas]", "for alpha in alphas[1:-1]]")]),
    ),
    **wrong(
        SLERP,
        reversed=("the arc is reversed", [("torch.sin(omega) * z1", "torch.sin(omega) * z2"),
                                          ("/ torch.sin(omega) * z2 for", "/ torch.sin(omega) * z1 for")]),
        straight=("the straight line", "return torch.stack([alpha * z1 + (1 - alpha) * z2 for alpha in alphas])"),
        not_divided=("division by sin(omega) is missing", [
            ("torch.sin(alpha * omega) / torch.sin(omega) * z1", "torch.sin(alpha * omega) * z1"),
            ("torch.sin((1 - alpha) * omega) / torch.sin(omega) * z2", "torch.sin((1 - alpha) * omega) * z2")]),
        cosine_for_angle=("omega is the cosine itself", [("torch.acos(", "(")]),
        asin=("from torch.asin", [("torch.acos", "torch.asin")]),
        degrees=("in degrees", [("alphas = torch.as", "omega = torch.rad2deg(omega)\nalphas = torch.as")]),
        half=("doubled or halved", [("dim=0))\n", "dim=0)) / 2\n")]),
        twice=("doubled or halved", [("dim=0))\n", "dim=0)) * 2\n")]),
        lengths_missing=("the lengths of z1 and z2", [
            ("F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0)", "(z1 * z2).sum().clamp(-1, 1)")]),
        unit_length=("scaled to length 1", [("alphas = torch.as_tensor", "z1, z2 = z1 / z1.norm(), z2 / z2.norm()\n"
                                                                         "alphas = torch.as_tensor")]),
        shorter_arc=("no vector should be turned round", [
            ("alphas = torch.as_tensor", "if omega > torch.pi / 2:\n    z2, omega = -z2, torch.pi - omega\n"
             "alphas = torch.as_tensor")]),
        shorter_arc_of_z1=("no vector should be turned round", [
            ("alphas = torch.as_tensor", "if omega > torch.pi / 2:\n    z1, omega = -z1, torch.pi - omega\n"
             "alphas = torch.as_tensor")]),
        absolute_cosine=("leave the sign of the cosine", [("dim=0))\n", "dim=0).abs())\n")]),
        angle_from_its_sine=("leave the sign of the cosine", [
            ("alphas = torch.as_tensor", "omega = torch.asin(torch.sqrt(1 - torch.cos(omega) ** 2))\n"
             "alphas = torch.as_tensor")]),
        axis_by_axis=("should", [("F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0)",
                                  "F.cosine_similarity(z1, z2, dim=0)")]),
        no_new_axis=("on a new first axis", [("torch.stack", "torch.cat")]),
        cosines=("sines, not cosines", """
            omega = torch.acos(F.cosine_similarity(z1.flatten(), z2.flatten(), dim=0))
            alphas = torch.as_tensor(alphas)
            return torch.stack([torch.cos(alpha * omega) / torch.cos(omega) * z1
                                + torch.cos((1 - alpha) * omega) / torch.cos(omega) * z2 for alpha in alphas])
        """),
        same_factor=("both factors are the same", [("torch.sin((1 - alpha) * omega)", "torch.sin(alpha * omega)")]),
        in_place=("changes the latent vectors", [("alphas = torch.as_tensor", "z1.mul_(2)\nz2.mul_(2)\n"
                                                                              "alphas = torch.as_tensor")]),
    ),
}
