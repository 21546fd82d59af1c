"""Variants of helpers/faces.py for the audit: right ones and typical mistakes. Their form: see coursekit/audit.py."""

# A file as it may be written after the papers, in another style. It has no train_round.
COURSEWORK = '''
import torch
import torch.nn as nn
import torch.nn.functional as F
import numpy as np
from torchvision import transforms


def receptive_field(layers):
    r, jump = 1, 1
    for k, s in layers:
        r = r + (k - 1) * jump
        jump = jump * s
    return r


def concat_labels(x, c):
    c = c.view(c.size(0), c.size(1), 1, 1)
    c = c.repeat(1, 1, x.size(2), x.size(3))
    return torch.cat([x, c.float()], dim=1)


class ResidualBlock(nn.Module):
    def __init__(self, dim):
        super(ResidualBlock, self).__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=3, stride=1, padding=1, bias=False),
            nn.InstanceNorm2d(dim, affine=True, track_running_stats=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(dim, dim, kernel_size=3, stride=1, padding=1, bias=False),
            nn.InstanceNorm2d(dim, affine=True, track_running_stats=False))

    def forward(self, x):
        return x + self.layers(x)


class StarGenerator(nn.Module):
    def __init__(self, num_labels=8, channels=16, blocks=2):
        super(StarGenerator, self).__init__()
        self.num_labels = num_labels
        layers = []
        layers.append(nn.Conv2d(3 + num_labels, channels, kernel_size=4, stride=2, padding=1))
        layers.append(nn.ReLU(inplace=True))
        curr_dim = channels
        for i in range(1):
            layers.append(nn.Conv2d(curr_dim, curr_dim * 2, kernel_size=4, stride=2, padding=1, bias=False))
            layers.append(nn.InstanceNorm2d(curr_dim * 2, affine=True))
            layers.append(nn.ReLU(inplace=True))
            curr_dim = curr_dim * 2
        for i in range(blocks):
            layers.append(ResidualBlock(curr_dim))
        for i in range(1):
            layers.append(nn.ConvTranspose2d(curr_dim, curr_dim // 2, kernel_size=4, stride=2, padding=1, bias=False))
            layers.append(nn.InstanceNorm2d(curr_dim // 2, affine=True))
            layers.append(nn.ReLU(inplace=True))
            curr_dim = curr_dim // 2
        layers.append(nn.ConvTranspose2d(curr_dim, 3, kernel_size=4, stride=2, padding=1, bias=False))
        layers.append(nn.Tanh())
        self.main = nn.Sequential(*layers)

    def forward(self, x, c):
        c = c.view(c.size(0), c.size(1), 1, 1)
        c = c.repeat(1, 1, x.size(2), x.size(3))
        return self.main(torch.cat([x, c], dim=1))


class PatchDiscriminator(nn.Module):
    def __init__(self, num_labels=8, channels=16, depth=3):
        super(PatchDiscriminator, self).__init__()
        layers = [nn.Conv2d(3, channels, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.01)]
        curr_dim = channels
        for i in range(1, depth):
            layers += [nn.Conv2d(curr_dim, curr_dim * 2, kernel_size=4, stride=2, padding=1), nn.LeakyReLU(0.01)]
            curr_dim = curr_dim * 2
        layers += [nn.Conv2d(curr_dim, curr_dim * 2, kernel_size=4, stride=1, padding=1), nn.LeakyReLU(0.01)]
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(curr_dim * 2, 1, kernel_size=4, stride=1, padding=1, bias=False)
        self.conv2 = nn.Conv2d(curr_dim * 2, num_labels, kernel_size=1, bias=False)

    def forward(self, x):
        h = self.main(x)
        out_src = self.conv1(h)
        out_cls = F.adaptive_avg_pool2d(self.conv2(h), 1)
        return out_src, out_cls.view(out_cls.size(0), out_cls.size(1))


def discriminator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0):
    out_src, out_cls = discriminator(images)
    criterion = nn.BCEWithLogitsLoss()
    loss_real = criterion(out_src, torch.ones_like(out_src))
    loss_cls = nn.CrossEntropyLoss()(out_cls, torch.argmax(labels, dim=1))
    fake = generator(images, target_labels)
    out_src, _ = discriminator(fake.detach())
    loss_fake = criterion(out_src, torch.zeros_like(out_src))
    loss = loss_real + loss_fake + label_weight * loss_cls
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {'d_adversarial': (loss_real + loss_fake).detach(), 'd_label': loss_cls.detach()}


def generator_step(discriminator, generator, images, labels, target_labels, optimizer, label_weight=1.0,
                   reconstruction_weight=10.0):
    fake = generator(images, target_labels)
    out_src, out_cls = discriminator(fake)
    loss_fake = nn.BCEWithLogitsLoss()(out_src, torch.ones_like(out_src))
    loss_cls = nn.CrossEntropyLoss()(out_cls, torch.argmax(target_labels, dim=1))
    reconst = generator(fake, labels)
    loss_rec = torch.mean(torch.abs(images - reconst))
    loss = loss_fake + reconstruction_weight * loss_rec + label_weight * loss_cls
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {'g_adversarial': loss_fake.detach(), 'g_label': loss_cls.detach(), 'g_reconstruction': loss_rec.detach()}


def translate(generator, images, label):
    mode = generator.training
    generator.eval()
    if isinstance(label, int):
        label = torch.full((images.size(0),), label, dtype=torch.long)
    onehot = torch.zeros(images.size(0), generator.num_labels)
    onehot[np.arange(images.size(0)), label] = 1
    with torch.no_grad():
        out = generator(images, onehot)
    generator.train(mode)
    return out
'''
COURSEWORK_ITEMS = ("faces.receptive_field", "faces.concat_labels", "faces.ResidualBlock", "faces.StarGenerator",
                    "faces.PatchDiscriminator", "faces.discriminator_step", "faces.generator_step", "faces.translate")

RIGHT = {
    "the solution": {},
    "backwards": {"receptive_field": """
        size = 1
        for kernel_size, stride in reversed(layers):
            size = (size - 1) * stride + kernel_size
        return size
    """, "ResidualBlock.forward": "return self.layers(x) + x"},
    "a product of the strides before": {"receptive_field": """
        import math
        return 1 + sum((k - 1) * math.prod(s for _, s in layers[:i]) for i, (k, s) in enumerate(layers))
    """, "ResidualBlock.forward": "return torch.add(x, self.layers(x))"},
    "a recursion": {"receptive_field": """
        if not layers:
            return 1
        (kernel_size, stride), *rest = layers
        return (receptive_field(rest) - 1) * stride + kernel_size
    """, "ResidualBlock.forward": """
        out = x
        for layer in self.layers:
            out = layer(out)
        return x + out
    """},
    "numpy": {"receptive_field": """
        import numpy as np
        if len(layers) == 0:
            return 1
        kernels, strides = np.array(layers).T
        steps = np.cumprod(np.concatenate(([1], strides[:-1])))
        return int(1 + ((kernels - 1) * steps).sum())
    """, "ResidualBlock.forward": "return torch.stack((x, self.layers(x))).sum(dim=0)"},
    "an edge on each side": {"receptive_field": """
        first, last, step = 0, 0, 1
        for kernel_size, stride in layers:
            last = last + (kernel_size - 1) * step
            step = step * stride
        return last - first + 1
    """, "ResidualBlock.forward": """
        change = self.layers(x)
        change += x
        return change
    """},
    # concat_labels
    "repeat": {"concat_labels": """
        n, k = labels.shape
        planes = labels.view(n, k, 1, 1).repeat(1, 1, images.size(2), images.size(3))
        return torch.cat([images, planes.type_as(images)], 1)
    """},
    "ones times labels": {"concat_labels": """
        ones = torch.ones(len(images), 1, *images.shape[-2:], device=images.device)
        return torch.cat((images, ones * labels[..., None, None].float()), dim=1)
    """},
    "an empty tensor filled": {"concat_labels": """
        n, c, h, w = images.shape
        joined = images.new_empty(n, c + labels.shape[1], h, w)
        joined[:, :c] = images
        joined[:, c:] = labels.reshape(n, -1, 1, 1)
        return joined
    """},
    "interpolate": {"concat_labels": """
        planes = F.interpolate(labels.float()[:, :, None, None], size=images.shape[2:], mode="nearest")
        return torch.cat((images, planes), dim=1)
    """},
    "a loop over the labels": {"concat_labels": """
        planes = [images]
        for k in range(labels.shape[1]):
            planes.append(torch.ones_like(images[:, :1]) * labels[:, k].to(images).view(-1, 1, 1, 1))
        return torch.cat(planes, dim=1)
    """},
    "einsum": {"concat_labels": """
        planes = torch.einsum("nk,hw->nkhw", labels.to(images), torch.ones(images.shape[2:]).to(images))
        return torch.hstack((images, planes))
    """},
    # The networks
    "a numpy integer": {"receptive_field": """
        import numpy as np
        size, step = np.int64(1), np.int64(1)
        for kernel_size, stride in layers:
            size, step = size + (kernel_size - 1) * step, step * stride
        return size
    """},
    "biases": {"StarGenerator.__init__": [
        ("nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False)",
         "nn.Conv2d(channels, 2 * channels, 4, 2, 1)")]},
    "instance norm without weights, in place": {"StarGenerator.__init__": [
        ("(2 * channels, affine=True), nn.ReLU()", "(2 * channels), nn.ReLU(inplace=True)")]},
    "a list of layers": {"StarGenerator.__init__": """
        layers, size = [], 3 + num_labels
        for k in (1, 2):
            layers += [nn.Conv2d(size, k * channels, 4, 2, 1)]
            if k > 1:
                layers.append(nn.InstanceNorm2d(k * channels, affine=True))
            layers.append(nn.ReLU())
            size = k * channels
        for _ in range(blocks):
            layers.append(ResidualBlock(size))
        layers += [nn.ConvTranspose2d(size, channels, 4, 2, 1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]
        layers += [nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
    """},
    "three parts": {"StarGenerator.__init__": """
        self.down = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1), nn.InstanceNorm2d(2 * channels, affine=True), nn.ReLU())
        self.middle = nn.Sequential()
        for k in range(blocks):
            self.middle.add_module(f"block{k}", ResidualBlock(2 * channels))
        self.up = nn.Sequential(
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 4, 2, 1))
        self.layers = nn.Sequential(self.down, self.middle, self.up, nn.Tanh())
    """},
    "a sigmoid for the tanh": {
        "file": [("class StarGenerator(nn.Module):", '''class Pixels(nn.Module):
    def forward(self, x):
        return 2 * torch.sigmoid(2 * x) - 1


class StarGenerator(nn.Module):''')],
        "StarGenerator.__init__": [("nn.Tanh())", "Pixels())")]},
    "the way up made first": {"StarGenerator.__init__": """
        def norm(size):
            return nn.Sequential(nn.InstanceNorm2d(size, affine=True), nn.ReLU())

        self.up = nn.Sequential(nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1), norm(channels),
                                nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh())
        self.blocks = nn.Sequential(*[ResidualBlock(2 * channels) for _ in range(blocks)])
        self.down = nn.Sequential(nn.Conv2d(3 + num_labels, channels, (4, 4), (2, 2), (1, 1)), nn.ReLU(),
                                  nn.Conv2d(channels, 2 * channels, 4, 2, 1), norm(2 * channels))
        self.layers = nn.Sequential(self.down, self.blocks, self.up)
    """},
    "kernels of 3": {"StarGenerator.__init__": [
        ("nn.Conv2d(3 + num_labels, channels, 4, stride=2", "nn.Conv2d(3 + num_labels, channels, 3, stride=2"),
        ("nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1)",
         "nn.ConvTranspose2d(channels, 3, 3, stride=2, padding=1, output_padding=1)")]},
    "layer by layer": {
        "PatchDiscriminator.__init__": """
            self.convs = nn.ModuleList()
            size = 3
            for k in range(depth + 1):
                self.convs.append(nn.Conv2d(size, channels << k, 4, 2 if k < depth else 1, 1))
                size = channels << k
            self.real = nn.Conv2d(size, 1, kernel_size=4, stride=1, padding=1)
            self.named = nn.Linear(size, num_labels)
        """,
        "PatchDiscriminator.forward": """
            for conv in self.convs:
                images = F.leaky_relu(conv(images), 0.01)
            return self.real(images), self.named(images.flatten(2).mean(2))
        """},
    "labels by a convolution": {
        "PatchDiscriminator.__init__": [
            ("self.label_head = nn.Linear(sizes[-1], num_labels)",
             "self.label_head = nn.Conv2d(sizes[-1], num_labels, 1)")],
        "PatchDiscriminator.forward": """
            features = self.body(images)
            return self.patch_head(features), self.label_head(features).mean((-2, -1))
        """},
    "pooling layers": {
        "PatchDiscriminator.__init__": [
            ("self.label_head = nn.Linear(sizes[-1], num_labels)",
             "self.label_head = nn.Sequential(\n"
             "    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(sizes[-1], num_labels))")],
        "PatchDiscriminator.forward": """
            h = self.body(images)
            patch_logits = self.patch_head(h)
            label_logits = self.label_head(h)
            return patch_logits, label_logits
        """},
    "slope 0.2, no bias, a list": {
        "PatchDiscriminator.__init__": [
            ("nn.LeakyReLU(0.01)]", "nn.LeakyReLU(0.2, inplace=True)]"),
            ("nn.Conv2d(sizes[-1], 1, 4, padding=1)", "nn.Conv2d(sizes[-1], 1, 4, padding=1, bias=False)")],
        "PatchDiscriminator.forward": """
            features = self.body(images)
            return [self.patch_head(features), self.label_head(F.adaptive_avg_pool2d(features, 1).flatten(1))]
        """},
    "spectral normalisation": {
        "PatchDiscriminator.__init__": [
            ("body += [nn.Conv2d(sizes[k], sizes[k + 1], 4, stride=2 if k < depth else 1, padding=1), "
             "nn.LeakyReLU(0.01)]",
             "conv = nn.Conv2d(sizes[k], sizes[k + 1], 4, stride=2 if k < depth else 1, padding=1)\n"
             "    body += [nn.utils.parametrizations.spectral_norm(conv), nn.LeakyReLU(0.01)]")],
        "PatchDiscriminator.forward": """
            features = self.body(images)
            return self.patch_head(features), self.label_head(torch.einsum("nchw->nc", features) / features[0,
                                                                                                            0].numel())
        """},
    "spectral normalisation, the older way; heads first": {
        "PatchDiscriminator.__init__": """
            size = channels << depth
            self.label_head = nn.Linear(size, num_labels)
            self.patch_head = nn.utils.spectral_norm(nn.Conv2d(size, 1, 4, padding=1))
            body = []
            for k in reversed(range(depth + 1)):
                before = 3 if k == 0 else channels << (k - 1)
                conv = nn.utils.spectral_norm(nn.Conv2d(before, channels << k, 4, 2 if k < depth else 1, 1))
                body = [conv, nn.LeakyReLU(0.01), *body]
            self.body = nn.Sequential(*body)
        """},
    "functions and parameters": {
        "PatchDiscriminator.__init__": """
            sizes = [3, *(channels * 2 ** k for k in range(depth + 1))]
            self.strides = [2] * depth + [1]
            self.biases = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
            self.head_bias = nn.Parameter(torch.zeros(1))
            self.weights = nn.ParameterList(nn.init.kaiming_uniform_(torch.empty(b, a, 4, 4))
                                            for a, b in zip(sizes, sizes[1:]))
            self.head = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, sizes[-1], 4, 4)))
            self.label_head = nn.LazyLinear(num_labels)
        """,
        "PatchDiscriminator.forward": """
            for weight, bias, stride in zip(self.weights, self.biases, self.strides):
                images = F.leaky_relu(F.conv2d(images, weight, bias, stride, 1))
            return F.conv2d(images, self.head, self.head_bias, padding=1), self.label_head(images.mean((2, 3)))
        """},
    "a named tuple": {
        "file": [("class PatchDiscriminator(nn.Module):", '''import collections
Judged = collections.namedtuple("Judged", "patch_logits label_logits")


class PatchDiscriminator(nn.Module):''')],
        "PatchDiscriminator.forward": """
            features = self.body(images)
            return Judged(patch_logits=self.patch_head(features), label_logits=self.label_head(features.mean((2, 3))))
        """},
    "labels first": {"PatchDiscriminator.forward": """
        features = self.body(images)
        label_logits = self.label_head(features.mean(dim=(2, 3)))
        return self.patch_head(features), label_logits
    """},
    # The steps
    "sigmoids and BCE, with torch.ones": {
        "discriminator_step": """
            fake = generator(images, target_labels).detach()
            real_logits, label_logits = discriminator(images)
            real, made = torch.sigmoid(real_logits), torch.sigmoid(discriminator(fake)[0])
            criterion = nn.BCELoss()
            adversarial = criterion(real, torch.ones(real.shape)) + criterion(made, torch.zeros(made.shape))
            label = F.cross_entropy(label_logits, labels)
            optimizer.zero_grad()
            (adversarial + label_weight * label).backward()
            optimizer.step()
            return {"d_adversarial": adversarial.detach(), "d_label": label.detach()}
        """,
        "generator_step": """
            fake = generator(images, target_labels)
            logits, label_logits = discriminator(fake)
            judged = torch.sigmoid(logits)
            adversarial = nn.BCELoss()(judged, torch.ones(judged.shape))
            label = F.cross_entropy(label_logits, target_labels)
            reconstruction = F.l1_loss(generator(fake, labels), images)
            optimizer.zero_grad()
            (adversarial + label_weight * label + reconstruction_weight * reconstruction).backward()
            optimizer.step()
            return {"g_adversarial": adversarial.detach(), "g_label": label.detach(),
                    "g_reconstruction": reconstruction.detach()}
        """},
    "detach, BCEWithLogitsLoss": {
        "discriminator_step": """
            criterion = nn.BCEWithLogitsLoss()
            fake = generator(images, target_labels).detach()
            optimizer.zero_grad(set_to_none=False)
            real_logits, label_logits = discriminator(images)
            fake_logits = discriminator(fake)[0]
            d_real = criterion(real_logits, torch.ones_like(real_logits))
            d_fake = criterion(fake_logits, torch.zeros_like(fake_logits))
            d_label = nn.CrossEntropyLoss()(label_logits, labels.argmax(dim=1))
            loss = d_real + d_fake + label_weight * d_label
            loss.backward()
            optimizer.step()
            return dict(d_adversarial=(d_real + d_fake).detach(), d_label=d_label.detach())
        """,
        "generator_step": """
            criterion = nn.BCEWithLogitsLoss()
            optimizer.zero_grad()
            fake = generator(images, target_labels)
            fake_logits, label_logits = discriminator(fake)
            g_adv = criterion(fake_logits, torch.ones_like(fake_logits))
            g_cls = nn.CrossEntropyLoss()(label_logits, target_labels.argmax(dim=1))
            g_rec = nn.L1Loss()(images, generator(fake, labels))
            loss = g_adv + label_weight * g_cls + reconstruction_weight * g_rec
            loss.backward()
            optimizer.step()
            return dict(g_adversarial=g_adv.detach(), g_label=g_cls.detach(), g_reconstruction=g_rec.detach())
        """},
    "softplus and log_softmax": {
        "discriminator_step": """
            with torch.no_grad():
                fake = generator(images, target_labels)
            real_logits, label_logits = discriminator(images)
            fake_logits, _ = discriminator(fake)
            d_adversarial = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
            d_label = -(labels * F.log_softmax(label_logits, dim=1)).sum(dim=1).mean()
            optimizer.zero_grad()
            torch.add(d_adversarial, d_label, alpha=label_weight).backward()
            optimizer.step()
            return {"d_label": d_label.detach(), "d_adversarial": d_adversarial.detach()}
        """,
        "generator_step": """
            fake = generator(images, target_labels)
            fake_logits, label_logits = discriminator(fake)
            g_adversarial = F.softplus(-fake_logits).mean()
            g_label = F.nll_loss(F.log_softmax(label_logits, dim=1), target_labels.argmax(1))
            g_reconstruction = (generator(fake, labels) - images).abs().mean()
            optimizer.zero_grad()
            total = g_adversarial + g_label * label_weight + g_reconstruction * reconstruction_weight
            total.backward()
            optimizer.step()
            return {"g_reconstruction": g_reconstruction.detach(), "g_adversarial": g_adversarial.detach(),
                    "g_label": g_label.detach()}
        """},
    "several calls of backward": {
        "discriminator_step": """
            optimizer.zero_grad()
            fake = generator(images, target_labels)
            real_logits, label_logits = discriminator(images)
            real_loss = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
            label_loss = F.cross_entropy(label_logits, labels)
            (real_loss + label_weight * label_loss).backward()
            fake_logits, _ = discriminator(fake.detach())
            fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
            fake_loss.backward()
            optimizer.step()
            return {"d_adversarial": (real_loss + fake_loss).detach(), "d_label": label_loss.detach()}
        """,
        "generator_step": """
            optimizer.zero_grad()
            fake = generator(images, target_labels)
            fake_logits, label_logits = discriminator(fake)
            adversarial = F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))
            label = F.cross_entropy(label_logits, target_labels)
            (adversarial + label_weight * label).backward(retain_graph=True)
            reconstruction = F.l1_loss(generator(fake, labels), images)
            (reconstruction_weight * reconstruction).backward()
            optimizer.step()
            return {"g_adversarial": adversarial.detach(), "g_label": label.detach(),
                    "g_reconstruction": reconstruction.detach()}
        """},
    "one call for real and fake; a frozen discriminator": {
        "discriminator_step": """
            with torch.no_grad():
                fake = generator(images, target_labels)
            patch_logits, label_logits = discriminator(torch.cat((images, fake)))
            real_logits, fake_logits = patch_logits.chunk(2)
            adversarial = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits)) \\
                + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
            label = F.cross_entropy(label_logits[:len(images)], labels)
            loss = adversarial + label_weight * label
            discriminator.zero_grad()
            loss.backward()
            optimizer.step()
            return {"d_adversarial": adversarial.detach(), "d_label": label.detach()}
        """,
        "generator_step": """
            for p in discriminator.parameters():
                p.requires_grad_(False)
            fake = generator(images, target_labels)
            fake_logits, label_logits = discriminator(fake)
            adversarial = F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))
            label = F.cross_entropy(label_logits, target_labels)
            reconstruction = (images - generator(fake, labels)).abs().mean()
            generator.zero_grad()
            (adversarial + label_weight * label + reconstruction_weight * reconstruction).backward()
            optimizer.step()
            for p in discriminator.parameters():
                p.requires_grad_(True)
            return {"g_adversarial": adversarial.detach(), "g_label": label.detach(),
                    "g_reconstruction": reconstruction.detach()}
        """},
    "a helper for the loss, clones": {
        "file": [("def discriminator_step(", '''def bce(logits, real):
    wanted = torch.full_like(logits, float(real))
    return F.binary_cross_entropy_with_logits(logits, wanted)


def discriminator_step(''')],
        "discriminator_step": """
            fake = generator(images, target_labels).detach()
            real_logits, names = discriminator(images)
            terms = {"d_adversarial": bce(real_logits, True) + bce(discriminator(fake)[0], False),
                     "d_label": F.cross_entropy(names, labels)}
            optimizer.zero_grad()
            (terms["d_adversarial"] + label_weight * terms["d_label"]).backward()
            optimizer.step()
            return {name: term.detach().clone() for name, term in terms.items()}
        """,
        "generator_step": """
            fake = generator(images, target_labels)
            patches, names = discriminator(fake)
            terms = {"g_adversarial": bce(patches, True), "g_label": F.cross_entropy(names, target_labels),
                     "g_reconstruction": F.l1_loss(images, generator(fake, labels))}
            weights = 1.0, label_weight, reconstruction_weight
            optimizer.zero_grad()
            sum(weight * term for weight, term in zip(weights, terms.values())).backward()
            optimizer.step()
            return {name: term.detach() for name, term in terms.items()}
        """},
    "image by image": {
        "discriminator_step": """
            with torch.no_grad():
                fake = generator(images, target_labels)
            adversarial = label = 0
            for image, name, made in zip(images, labels, fake):
                real_logits, label_logits = discriminator(image[None])
                fake_logits, _ = discriminator(made[None])
                adversarial = adversarial + F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
                label = label + F.cross_entropy(label_logits, name[None])
            adversarial, label = adversarial / len(images), label / len(images)
            optimizer.zero_grad()
            (adversarial + label_weight * label).backward()
            optimizer.step()
            return {"d_adversarial": adversarial.detach(), "d_label": label.detach()}
        """,
        "generator_step": """
            optimizer.zero_grad()
            terms = {"g_adversarial": [], "g_label": [], "g_reconstruction": []}
            for k in range(len(images)):
                fake = generator(images[k:k + 1], target_labels[k:k + 1])
                fake_logits, label_logits = discriminator(fake)
                terms["g_adversarial"].append(F.softplus(-fake_logits).mean())
                terms["g_label"].append(F.cross_entropy(label_logits, target_labels[k:k + 1]))
                terms["g_reconstruction"].append(F.l1_loss(generator(fake, labels[k:k + 1]), images[k:k + 1]))
            terms = {name: torch.stack(values).mean() for name, values in terms.items()}
            (terms["g_adversarial"] + label_weight * terms["g_label"]
             + reconstruction_weight * terms["g_reconstruction"]).backward()
            optimizer.step()
            return {name: value.detach() for name, value in terms.items()}
        """},
    "parts called by their forward": {
        "ResidualBlock.forward": "return x + self.layers.forward(x)",
        "PatchDiscriminator.forward": """
            features = self.body.forward(images)
            return self.patch_head.forward(features), self.label_head.forward(features.mean(dim=(2, 3)))
        """,
        "discriminator_step": [("generator(images,", "generator.forward(images,"),
                               ("discriminator(images)", "discriminator.forward(images)"),
                               ("discriminator(fake)", "discriminator.forward(fake)")],
        "generator_step": [("generator(images,", "generator.forward(images,"),
                           ("generator(fake,", "generator.forward(fake,"),
                           ("discriminator(fake)", "discriminator.forward(fake)")],
        "translate": [("generator(images,", "generator.forward(images,")]},
    # train_round
    "keywords": {"train_round": """
        for images, labels, target_labels in batches:
            d_terms = discriminator_step(discriminator, generator, images=images, labels=labels,
                                         target_labels=target_labels, optimizer=d_optimizer, label_weight=label_weight)
        g_terms = generator_step(discriminator, generator, images, labels, target_labels, optimizer=g_optimizer,
                                 reconstruction_weight=reconstruction_weight, label_weight=label_weight)
        return d_terms | g_terms
    """},
    "enumerate and the last one": {"train_round": """
        terms = {}
        for k, (images, labels, targets) in enumerate(batches):
            terms.update(discriminator_step(discriminator, generator, images, labels, targets, d_optimizer,
                                            label_weight=label_weight))
            if k + 1 == len(batches):
                terms.update(generator_step(discriminator, generator, images, labels, targets, g_optimizer,
                                            label_weight=label_weight, reconstruction_weight=reconstruction_weight))
        return terms
    """},
    "a comprehension": {"train_round": """
        steps = [discriminator_step(discriminator, generator, *batch, d_optimizer, label_weight) for batch in batches]
        images, labels, targets = batches[len(batches) - 1]
        last = generator_step(discriminator, generator, images, labels, targets, g_optimizer, label_weight,
                              reconstruction_weight)
        return dict(steps[-1], **last)
    """},
    "while": {"train_round": """
        k = 0
        while k < len(batches):
            images, labels, targets = batches[k]
            found = discriminator_step(discriminator, generator, images, labels, targets, d_optimizer, label_weight)
            k += 1
        result = dict(found)
        result.update(generator_step(discriminator, generator, images, labels, targets, g_optimizer, label_weight,
                                     reconstruction_weight))
        return result
    """},
    "all but the last, then both": {"train_round": """
        *first, last = batches
        for batch in first:
            discriminator_step(discriminator, generator, *batch, d_optimizer, label_weight)
        found = discriminator_step(discriminator, generator, *last, d_optimizer, label_weight)
        return {**generator_step(discriminator, generator, *last, g_optimizer, label_weight, reconstruction_weight),
                **found}
    """},
    # translate
    "full and zeros": {"translate": """
        was_training = generator.training
        generator.eval()
        if isinstance(label, int):
            label = torch.full((len(images),), label, device=images.device)
        one_hot = torch.zeros(len(images), generator.num_labels, device=images.device)
        one_hot[torch.arange(len(images)), label] = 1.0
        with torch.no_grad():
            result = generator(images, one_hot)
        generator.train(was_training)
        return result
    """},
    "rows of eye": {"translate": """
        mode = generator.training
        generator.train(False)
        wanted = torch.eye(generator.num_labels, device=images.device, dtype=images.dtype)[label]
        if wanted.dim() == 1:
            wanted = wanted.repeat(len(images), 1)
        with torch.inference_mode():
            out = generator(images, wanted)
        generator.train(mode)
        return out
    """},
    "comparison with arange": {"translate": """
        label = torch.as_tensor(label, device=images.device).reshape(-1, 1)
        wanted = (label == torch.arange(generator.num_labels, device=images.device)).to(images)
        was = generator.training
        try:
            generator.eval()
            with torch.no_grad():
                return generator(images, wanted.expand(len(images), -1))
        finally:
            generator.train(was)
    """},
    "scatter": {"translate": """
        was_training = generator.training
        generator.eval()
        label = torch.zeros(len(images), dtype=torch.long, device=images.device) + label
        wanted = images.new_zeros(len(images), generator.num_labels).scatter_(1, label[:, None], 1.0)
        out = generator(images, wanted).detach()
        generator.train(was_training)
        return out
    """},
    "one image at a time": {"translate": """
        labels = torch.as_tensor(label).expand(len(images))
        was_training = generator.training
        generator.eval()
        made = []
        with torch.no_grad():
            for k in range(len(images)):
                one_hot = F.one_hot(labels[k:k + 1], generator.num_labels).to(images)
                made.append(generator(images[k:k + 1], one_hot))
        generator.train(was_training)
        return torch.cat(made)
    """},
    "a copy of the generator": {"translate": """
        import copy
        label = torch.as_tensor(label, device=images.device).expand(len(images))
        with torch.no_grad():
            return copy.deepcopy(generator).eval()(images, F.one_hot(label, generator.num_labels).to(images))
    """},
    "numbers in a list": {"translate": """
        numbers = [label] * len(images) if isinstance(label, int) else label.tolist()
        one_hot = F.one_hot(torch.tensor(numbers), num_classes=generator.num_labels).float()
        before = generator.training
        generator.eval()
        with torch.no_grad():
            faces = generator(images, one_hot.to(images.device))
        if before:
            generator.train()
        return faces
    """},
}

WRONG = {}


def mistakes(item, found):
    """Add mistakes of one item: name -> (words, change)."""
    for name, (words, change) in found.items():
        WRONG[f"{item.split('.')[1]}: {name}"] = item, words, change


def in_gap(gap, found):
    """Mistakes of one gap, from name -> (words, what stands there instead)."""
    return {name: (words, {gap: text}) for name, (words, text) in found.items()}


mistakes("faces.receptive_field", in_gap("receptive_field", {
    "the layer's own stride counts": ("own stride", [
        ("size += (kernel_size - 1) * step\n    step *= stride",
         "step *= stride\n    size += (kernel_size - 1) * step")]),
    "strides left out": ("the strides are left out", [("    step *= stride\n", "")]),
    "kernel sizes not reduced": ("kernel_size - 1 steps, not kernel_size", [("(kernel_size - 1)", "kernel_size")]),
    "starts at 0": ("start with 1", [("size, step = 1, 1", "size, step = 0, 1")]),
    "strides added": ("do not add up", [("step *= stride", "step += stride")]),
    "the other way round": ("from the output to the image", [("in layers:", "in reversed(layers):")]),
    "the sum of the kernels": ("sum of the kernel sizes", "return sum(k for k, _ in layers) if layers else 1"),
    "the largest kernel": ("largest kernel", "return max([1] + [k for k, _ in layers])"),
    "the product of the strides": ("product of the strides", """
        step = 1
        for _, stride in layers:
            step *= stride
        return step
    """),
    "without layers 0": ("without any layer", "if not layers:\n    return 0\n" + """size, step = 1, 1
for kernel_size, stride in layers:
    size += (kernel_size - 1) * step
    step *= stride
return size"""),
    "the list is emptied": ("changes the list", """
        size, step = 1, 1
        while layers:
            kernel_size, stride = layers.pop(0)
            size += (kernel_size - 1) * step
            step *= stride
        return size
    """),
    "always 70": ("got 70", "return 70 if layers else 1"),
    "printed": ("it returns NoneType", [("return size", "print(size)")]),
}))

mistakes("faces.concat_labels", in_gap("concat_labels", {
    "along the batch": ("along the batch", """
        planes = labels[:, :, None, None].expand(-1, -1, *images.shape[2:])[:, :images.shape[1]]
        return torch.cat((images, planes), dim=0)
    """),
    "along the height": ("along the height", """
        rows = labels[:, None, :, None].expand(-1, images.shape[1], -1, images.shape[3])
        return torch.cat((images, rows), dim=2)
    """),
    "along the width": ("along the width", """
        columns = labels[:, None, None, :].expand(-1, images.shape[1], images.shape[2], -1)
        return torch.cat((images, columns), dim=3)
    """),
    "one plane for all": ("one plane for all", """
        plane = labels.argmax(dim=1).to(images)[:, None, None, None].expand(-1, 1, *images.shape[2:])
        return torch.cat((images, plane), dim=1)
    """),
    "one plane with the sum": ("one plane for all", """
        plane = labels.sum(dim=1)[:, None, None, None].expand(-1, 1, *images.shape[2:])
        return torch.cat((images, plane), dim=1)
    """),
    "the planes first": ("planes come first", [("torch.cat((images, planes.to(images))",
                                                "torch.cat((planes.to(images), images)")]),
    "the first label for all": ("label of the first one", [
        ("labels[:, :, None, None].expand(-1, -1, ", "labels[:1, :, None, None].expand(len(images), -1, ")]),
    "the planes only": ("planes only", [("return torch.cat((images, planes.to(images)), dim=1)", "return planes")]),
    "added instead of joined": ("not joined", """
        return images + labels.sum(dim=1)[:, None, None, None]
    """),
    "channels last": ("channels first", """
        planes = labels[:, None, None, :].expand(-1, *images.shape[2:], -1)
        return torch.cat((images.permute(0, 2, 3, 1), planes), dim=3)
    """),
    "rounded": ("rounded to integers", [("labels[:, :, None, None]", "labels.long()[:, :, None, None]")]),
    "one-hot of the largest": ("1 for the largest", [
        ("labels[:, :, None, None]", "F.one_hot(labels.argmax(1), labels.shape[1])[:, :, None, None]")]),
    "softmax": ("probabilities", [("labels[:, :, None, None]", "labels.float().softmax(dim=1)[:, :, None, None]")]),
    "reversed": ("reversed order", [("labels[:, :, None, None]", "labels.flip(1)[:, :, None, None]")]),
    "integers stay integers": ("with integer labels", [("planes.to(images)", "planes"), (
        "return torch.cat((images,", "return torch.cat((images.to(labels.dtype),")]),
    "a view for the planes": ("a plane holds different numbers", """
        n, k = labels.shape
        planes = labels.repeat(1, images.shape[2] * images.shape[3]).view(n, k, *images.shape[2:])
        return torch.cat((images, planes.to(images)), dim=1)
    """),
    "one pixel only": ("a plane holds different numbers", """
        planes = images.new_zeros(len(images), labels.shape[1], *images.shape[2:])
        planes[:, :, 0, 0] = labels.to(images)
        return torch.cat((images, planes), dim=1)
    """),
    "images clipped": ("channels of the images are changed", [("torch.cat((images,",
                                                               "torch.cat((images.clamp(-1, 1),")]),
    "images detached": ("no gradient passes to the images", [("torch.cat((images,", "torch.cat((images.detach(),")]),
    "images changed in place": ("changes its inputs", [("planes = ", "labels *= 1.5\nplanes = "), (
        "labels[:, :, None, None]", "(labels / 1.5)[:, :, None, None]")]),
}))

mistakes("faces.ResidualBlock", in_gap("ResidualBlock.forward", {
    "the input is missing": ("input is missing", "return self.layers(x)"),
    "the layers are missing": ("layers are not used", "return x + 0"),
    "ReLU after the sum": ("ReLU after the sum", "return F.relu(x + self.layers(x))"),
    "ReLU on the change": ("ReLU on the change", "return x + F.relu(self.layers(x))"),
    "subtracted": ("subtracted", "return x - self.layers(x)"),
    "the input subtracted": ("input is subtracted", "return self.layers(x) - x"),
    "the mean": ("mean of both", "return (x + self.layers(x)) / 2"),
    "in place": ("inplace operation", "x += self.layers(x)\nreturn x"),
    "joined": ("should have shape", "return torch.cat((x, self.layers(x)), dim=1)"),
    "a product": ("multiplied", "return x * self.layers(x)"),
    "added twice": ("added twice", "return x + 2 * self.layers(x)"),
    "the change detached": ("no gradient reaches", "return x + self.layers(x).detach()"),
    "the input of the layers detached": ("no gradient passes through the layers",
                                         "return x + self.layers(x.detach())"),
    "the input detached": ("passes through the layers only", "return x.detach() + self.layers(x)"),
    "the layers twice": ("return its input plus", "return x + self.layers(self.layers(x))"),
    "only the first layer": ("return its input plus", "return x + self.layers[0](x)"),
}))

DOWN_NORM = "nn.InstanceNorm2d(2 * channels, affine=True), nn.ReLU()"
UP_NORM = "nn.InstanceNorm2d(channels, affine=True), nn.ReLU()"
mistakes("faces.StarGenerator", in_gap("StarGenerator.__init__", {
    "Tanh missing": ("should end with Tanh", [("padding=1), nn.Tanh())", "padding=1))")]),
    "Sigmoid for Tanh": ("it ends with Sigmoid", [("nn.Tanh()", "nn.Sigmoid()")]),
    "Hardtanh for Tanh": ("it ends with", [("nn.Tanh()", "nn.Hardtanh()")]),
    "Tanh twice": ("it ends with Tanh twice", [("nn.Tanh()", "nn.Tanh(), nn.Tanh()")]),
    "ReLU before Tanh": ("it ends with Tanh after ReLU", [("nn.Tanh()", "nn.ReLU(), nn.Tanh()")]),
    "the labels are left out": ("3 + num_labels", [("nn.Conv2d(3 + num_labels,", "nn.Conv2d(3,")]),
    "one plane expected": ("3 + num_labels", [("nn.Conv2d(3 + num_labels,", "nn.Conv2d(4,")]),
    "no residual blocks": ("no residual block", [("*(ResidualBlock(2 * channels) for _ in range(blocks)),\n    ", "")]),
    "plain convolutions for the blocks": ("no residual block", [
        ("*(ResidualBlock(2 * channels) for _ in range(blocks))",
         "*(layer for _ in range(blocks) for layer in (\n"
         "nn.Conv2d(2 * channels, 2 * channels, 3, padding=1), nn.ReLU()))")]),
    "always one block": ("with blocks=3 there should be 3", [("for _ in range(blocks))", "for _ in range(1))")]),
    "one block too many": ("there should be 1 residual", [("in range(blocks))", "in range(blocks + 1))")]),
    "one block used again": ("each needs weights of its own", [
        ("*(ResidualBlock(2 * channels) for _ in range(blocks))", "*([ResidualBlock(2 * channels)] * blocks)")]),
    "gray images": ("should have shape", [("nn.ConvTranspose2d(channels, 3, 4", "nn.ConvTranspose2d(channels, 1, 4")]),
    "no downsampling": ("no layer makes the image smaller", """
        self.layers = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 3, padding=1), nn.InstanceNorm2d(channels), nn.ReLU(),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.ConvTranspose2d(channels, channels, 3, padding=1), nn.InstanceNorm2d(channels), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 3, padding=1), nn.Tanh())
    """),
    "halved once": ("halved twice", """
        self.layers = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 4, 2, 1), nn.InstanceNorm2d(channels), nn.ReLU(),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.ConvTranspose2d(channels, channels, 3, 1, 1), nn.InstanceNorm2d(channels), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh())
    """),
    "upsampling without transposed convolutions": ("transposed convolutions should lead back", [
        ("nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1, bias=False)",
         "nn.Upsample(scale_factor=2), nn.Conv2d(2 * channels, channels, 3, padding=1)"),
        ("nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1)",
         "nn.Upsample(scale_factor=2), nn.Conv2d(channels, 3, 3, padding=1)")]),
    "the last transposed convolution is missing": ("should have shape", [
        ("nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1)", "nn.Conv2d(channels, 3, 3, padding=1)")]),
    "padding forgotten": ("should have shape", [("nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1)",
                                                 "nn.ConvTranspose2d(channels, 3, 4, stride=2)")]),
    "batch norm": ("InstanceNorm2d normalises each image", [("nn.InstanceNorm2d(2 * channels, affine=True)",
                                                             "nn.BatchNorm2d(2 * channels)")]),
    "an activation forgotten": ("there is no activation", [("nn.InstanceNorm2d(2 * channels, affine=True), nn.ReLU()",
                                                            "nn.InstanceNorm2d(2 * channels, affine=True)")]),
    "a norm after the first layer": ("wipes the label out", [
        ("channels, 4, stride=2, padding=1), nn.ReLU()",
         "channels, 4, stride=2, padding=1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU()")]),
    "no norm": ("there is ReLU", [(UP_NORM, "nn.ReLU()"), (DOWN_NORM, "nn.ReLU()")]),
    "no norm on the way up": ("there is ReLU", [(UP_NORM, "nn.ReLU()")]),
    "the norm after ReLU": ("there is ReLU, then InstanceNorm2d", [
        (DOWN_NORM, "nn.ReLU(), nn.InstanceNorm2d(2 * channels, affine=True)")]),
    "one norm for all channels": ("one norm over all channels", [
        (DOWN_NORM, "nn.GroupNorm(1, 2 * channels), nn.ReLU()")]),
    "Sigmoid for ReLU": ("there is InstanceNorm2d, then Sigmoid", [(DOWN_NORM, DOWN_NORM.replace("ReLU", "Sigmoid"))]),
    "Tanh for ReLU": ("there is InstanceNorm2d, then Tanh", [(UP_NORM, UP_NORM.replace("ReLU", "Tanh"))]),
    "leaky slopes": ("LeakyReLU with slope 0.1", [(DOWN_NORM, DOWN_NORM.replace("ReLU(", "LeakyReLU(0.1"))]),
    "Tanh after the first layer": ("only ReLU, there is Tanh", [
        ("channels, 4, stride=2, padding=1), nn.ReLU()", "channels, 4, stride=2, padding=1), nn.Tanh()")]),
    "ReLU after the blocks": ("the sum of the residual block, and nothing else", [
        ("for _ in range(blocks)),", "for _ in range(blocks)), nn.ReLU(),")]),
    "channels not doubled": ("layer 2 of the generator should be", """
        self.layers = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(channels, channels, 4, 2, 1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU(),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.ConvTranspose2d(channels, channels, 4, 2, 1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh())
    """),
    "blocks at half of the size": ("layer 2 of the generator should be", """
        self.layers = nn.Sequential(
            nn.Conv2d(3 + num_labels, channels, 4, 2, 1), nn.ReLU(),
            *(ResidualBlock(channels) for _ in range(blocks)),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1), nn.InstanceNorm2d(2 * channels, affine=True), nn.ReLU(),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1), nn.InstanceNorm2d(channels, affine=True), nn.ReLU(),
            nn.ConvTranspose2d(channels, 3, 4, 2, 1), nn.Tanh())
    """),
    "pooling for a stride": ("layer 1 of the generator should be", [
        ("channels, 4, stride=2, padding=1), nn.ReLU()", "channels, 3, padding=1), nn.AvgPool2d(2), nn.ReLU()")]),
    "full size at both ends": ("layer 1 of the generator should be", """
        def block(layer, size):
            return [layer, nn.InstanceNorm2d(size, affine=True), nn.ReLU()]

        self.layers = nn.Sequential(
            *block(nn.Conv2d(3 + num_labels, channels, 7, padding=3), channels),
            *block(nn.Conv2d(channels, 2 * channels, 4, 2, 1), 2 * channels),
            *block(nn.Conv2d(2 * channels, 2 * channels, 4, 2, 1), 2 * channels),
            *[ResidualBlock(2 * channels) for _ in range(blocks)],
            *block(nn.ConvTranspose2d(2 * channels, 2 * channels, 4, 2, 1), 2 * channels),
            *block(nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1), channels),
            nn.Conv2d(channels, 3, 7, padding=3), nn.Tanh())
    """),
    "a third transposed convolution": ("layer 8 of the generator should be", [
        ("nn.ConvTranspose2d(channels, 3, 4, stride=2, padding=1)",
         "nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1), nn.InstanceNorm2d(channels), nn.ReLU(), "
         "nn.ConvTranspose2d(channels, 3, 3, padding=1)")]),
    "64x64 only": ("multiples of 4", [("nn.Tanh())", "nn.Tanh(), nn.Flatten(), nn.Unflatten(1, (3, 64, 64)))")]),
    "channels ignored": ("channels does not change", [
        ("self.layers = nn.Sequential(", "channels = 16\nself.layers = nn.Sequential(")]),
}))

BODY = "self.body = nn.Sequential(*body)"
mistakes("faces.PatchDiscriminator", in_gap("PatchDiscriminator.__init__", {
    "kernels of 3": ("it is 47x47", [("sizes[k + 1], 4, stride", "sizes[k + 1], 3, stride"),
                                     ("nn.Conv2d(sizes[-1], 1, 4, padding=1)",
                                      "nn.Conv2d(sizes[-1], 1, 3, padding=1)")]),
    "a layer too few": ("it is 34x34", [("range(depth + 1):", "range(depth):"),
                                        ("for k in range(depth + 1))]", "for k in range(depth))]"),
                                        ("if k < depth else 1", "if k < depth - 1 else 1")]),
    "the layer of stride 1 forgotten": ("it is 46x46", [
        ("for k in range(depth + 1))]", "for k in range(depth))]"), ("range(depth + 1):", "range(depth):")]),
    "stride 2 in the last layer, too": ("it is 94x94", [("2 if k < depth else 1", "2")]),
    "batch norm": ("no BatchNorm here", [
        ("padding=1), nn.LeakyReLU(0.01)]", "padding=1), nn.BatchNorm2d(sizes[k + 1]), nn.LeakyReLU(0.01)]")]),
    "instance norm": ("is there a normalisation", [
        ("padding=1), nn.LeakyReLU(0.01)]", "padding=1), nn.InstanceNorm2d(sizes[k + 1]), nn.LeakyReLU(0.01)]")]),
    "no activations": ("there is no activation", [(", nn.LeakyReLU(0.01)]", "]")]),
    "Sigmoid at the end": ("is there a Sigmoid", [
        ("nn.Conv2d(sizes[-1], 1, 4, padding=1)",
         "nn.Sequential(nn.Conv2d(sizes[-1], 1, 4, padding=1), nn.Sigmoid())")]),
    "Tanh at the end": ("is there a Tanh", [
        ("nn.Conv2d(sizes[-1], 1, 4, padding=1)", "nn.Sequential(nn.Conv2d(sizes[-1], 1, 4, padding=1), nn.Tanh())")]),
    "Softmax in the label head": ("is there a Softmax", [
        ("nn.Linear(sizes[-1], num_labels)", "nn.Sequential(nn.Linear(sizes[-1], num_labels), nn.Softmax(dim=1))")]),
    "a plane for each label in the patch head": ("one logit for each patch", [
        ("nn.Conv2d(sizes[-1], 1, 4, padding=1)", "nn.Conv2d(sizes[-1], 1 + num_labels, 4, padding=1)")]),
    "eight labels always": ("should have shape", [("nn.Linear(sizes[-1], num_labels)", "nn.Linear(sizes[-1], 8)")]),
    "real or fake as a label": ("should have shape", [("nn.Linear(sizes[-1], num_labels)",
                                                       "nn.Linear(sizes[-1], num_labels + 1)")]),
    "depth ignored": ("depth=1) should be 16x16", [("sizes = [3,", "depth = 3\nsizes = [3,")]),
    "channels ignored": ("with channels=4", [("sizes = [3,", "channels = 16\nsizes = [3,")]),
    "ReLU for LeakyReLU": ("there should be LeakyReLU, and nothing else; there is ReLU", [
        ("nn.LeakyReLU(0.01)]", "nn.ReLU()]")]),
    "a constant width": ("layer 2 of the discriminator's body", [("channels * 2 ** k", "channels")]),
    "a linear width": ("layer 3 of the discriminator's body", [("channels * 2 ** k", "channels * (k + 1)")]),
    "padding 0 in the body": ("layer 1 of the discriminator's body", [("if k < depth else 1, padding=1)",
                                                                       "if k < depth else 1, padding=0)")]),
    "padding 2 in the body": ("layer 1 of the discriminator's body", [("if k < depth else 1, padding=1)",
                                                                       "if k < depth else 1, padding=2)")]),
    "padding 0 in the patch head": ("has the patch head padding 1", [("sizes[-1], 1, 4, padding=1)",
                                                                      "sizes[-1], 1, 4)")]),
    "dropout": ("there should be LeakyReLU, and nothing else", [
        ("nn.LeakyReLU(0.01)]", "nn.LeakyReLU(0.01), nn.Dropout(0.3)]")]),
    "dilated": ("70x70 pixels large, it is", [("nn.Conv2d(sizes[-1], 1, 4, padding=1)",
                                               "nn.Conv2d(sizes[-1], 1, 4, padding=1, dilation=2)")]),
}))
mistakes("faces.PatchDiscriminator", in_gap("PatchDiscriminator.forward", {
    "outputs swapped": ("swapped", "features = self.body(images)\n"
                        "return self.label_head(features.mean(dim=(2, 3))), self.patch_head(features)"),
    "sigmoid": ("is there a Sigmoid", [("self.patch_head(features),", "self.patch_head(features).sigmoid(),")]),
    "softmax": ("is there a Softmax", [("self.label_head(features.mean(dim=(2, 3)))",
                                        "self.label_head(features.mean(dim=(2, 3))).softmax(dim=1)")]),
    "log_softmax": ("LogSoftmax", [("self.label_head(features.mean(dim=(2, 3)))",
                                    "F.log_softmax(self.label_head(features.mean(dim=(2, 3))), dim=1)")]),
    "sigmoid of the labels": ("label_logits stay in [0, 1]", [
        ("self.label_head(features.mean(dim=(2, 3)))", "torch.sigmoid(self.label_head(features.mean(dim=(2, 3))))")]),
    "one number for the image": ("one logit for each patch", [
        ("self.patch_head(features),", "self.patch_head(features).mean(dim=(1, 2, 3)),")]),
    "one patch": ("a logit for each of many patches", [
        ("self.patch_head(features),", "self.patch_head(features).mean(dim=(2, 3), keepdim=True),")]),
    "the mean of the patches for each": ("sees a whole image", [
        ("self.patch_head(features),",
         "(lambda p: p + p.mean(dim=(2, 3), keepdim=True))(self.patch_head(features)),")]),
    "without the channel": ("one logit for each patch", [
        ("self.patch_head(features),", "self.patch_head(features).squeeze(1),")]),
    "labels from one corner": ("see a part of the image only", [("features.mean(dim=(2, 3))", "features[:, :, 0, 0]")]),
    "the mean over the batch": ("depend on the others in its batch", [
        ("features.mean(dim=(2, 3))", "features.mean(dim=(2, 3)) - features.mean(dim=(0, 2, 3))")]),
    "the patches only": ("it returns Tensor", "return self.patch_head(self.body(images))"),
    "a dict": ("it returns dict", "features = self.body(images)\nreturn {'patch': self.patch_head(features), "
               "'label': self.label_head(features.mean(dim=(2, 3)))}"),
    "features detached for the labels": ("no gradient passes from label_logits", [
        ("features.mean(dim=(2, 3))", "features.detach().mean(dim=(2, 3))")]),
    "images detached": ("no gradient passes from patch_logits", [("self.body(images)", "self.body(images.detach())")]),
    "the label head is not used": ("no gradient reaches label_head", [
        ("self.label_head(features.mean(dim=(2, 3)))", "features.mean(dim=(2, 3))[:, :self.label_head.out_features]")]),
    "ReLU": ("is there a ReLU", [("self.patch_head(features),", "self.patch_head(features).relu(),")]),
    "the body twice": ("Is the body called once", [("features.mean(dim", "self.body(images).mean(dim")]),
    "LeakyReLU behind the patch head": ("there is LeakyReLU with slope 0.1 behind", [
        ("self.patch_head(features),", "F.leaky_relu(self.patch_head(features), 0.1),")]),
    "LeakyReLU behind the label head": ("there is LeakyReLU with slope 0.1 behind", [
        ("self.label_head(features.mean(dim=(2, 3)))",
         "F.leaky_relu(self.label_head(features.mean(dim=(2, 3))), 0.1)")]),
    "clamped labels": ("there is a clamp behind", [
        ("self.label_head(features.mean(dim=(2, 3)))", "self.label_head(features.mean(dim=(2, 3))).clamp(-20, 20)")]),
    "labels clamped from above": ("there is a clamp behind", [
        ("self.label_head(features.mean(dim=(2, 3)))", "self.label_head(features.mean(dim=(2, 3))).clamp(max=0)")]),
    "clamped patches": ("there is a clamp behind", [
        ("self.patch_head(features),", "self.patch_head(features).clamp(-20, 20),")]),
    "absolute patch logits": ("there is absolute values behind", [
        ("self.patch_head(features),", "self.patch_head(features).abs(),")]),
    "the largest for the mean": ("the largest number over the places", [("features.mean(", "features.amax(")]),
    "the sum for the mean": ("the sum over the places", [("features.mean(", "features.sum(")]),
    "the mean of the middle": ("the mean of the middle over", [("features.mean(", "features[:, :, 1:-1, 1:-1].mean(")]),
    "squeezed": ("squeeze without a dim", [("self.label_head(features.mean(dim=(2, 3)))",
                                            "self.label_head(features.mean(dim=(2, 3))).squeeze()")]),
}))

mistakes("faces.PatchDiscriminator", {"labels from the pixels, first": ("should be a convolution of the images", {
    "PatchDiscriminator.__init__": [("nn.Linear(sizes[-1], num_labels)", "nn.LazyLinear(num_labels)")],
    "PatchDiscriminator.forward": """
        label_logits = self.label_head(images.flatten(1))
        return self.patch_head(self.body(images)), label_logits
    """})})
mistakes("faces.PatchDiscriminator", {"labels from the patch logits": ("should get the 128 channels", {
    "PatchDiscriminator.__init__": [("nn.Linear(sizes[-1], num_labels)", "nn.Linear(1, num_labels)")],
    "PatchDiscriminator.forward": """
        patch_logits = self.patch_head(self.body(images))
        return patch_logits, self.label_head(patch_logits.mean(dim=(2, 3)))
    """})})

FAKE = "    fake = generator(images, target_labels)"
mistakes("faces.discriminator_step", in_gap("discriminator_step", {
    "missing detach": ("gradients reach the generator", [("with torch.no_grad():\n" + FAKE, FAKE.strip())]),
    "label loss on the generated images": ("label term is of the generated images", [
        ("fake_logits, _ = ", "fake_logits, fake_labels = "),
        ("F.cross_entropy(label_logits, labels)", "F.cross_entropy(fake_labels, target_labels)")]),
    "label loss on generated images, labels of the real ones": ("with the real ones' labels", [
        ("fake_logits, _ = ", "fake_logits, label_logits = ")]),
    "label loss on real and generated images": ("have a part in the label term", [
        ("fake_logits, _ = ", "fake_logits, fake_labels = "),
        ("F.cross_entropy(label_logits, labels)",
         "F.cross_entropy(label_logits, labels) + F.cross_entropy(fake_labels, target_labels)")]),
    "target labels for real images": ("compared with the target labels", [
        ("F.cross_entropy(label_logits, labels)", "F.cross_entropy(label_logits, target_labels)")]),
    "Sigmoid before the loss": ("sigmoid is taken twice", [
        ("F.binary_cross_entropy_with_logits(real_logits,",
         "F.binary_cross_entropy_with_logits(real_logits.sigmoid(),"),
        ("F.binary_cross_entropy_with_logits(fake_logits,",
         "F.binary_cross_entropy_with_logits(fake_logits.sigmoid(),")]),
    "Softmax before the loss": ("softmax is taken twice", [
        ("F.cross_entropy(label_logits,", "F.cross_entropy(label_logits.softmax(dim=1),")]),
    "labels swapped": ("labels are swapped", [("torch.ones_like(real_logits)", "torch.zeros_like(real_logits)"),
                                              ("torch.zeros_like(fake_logits)", "torch.ones_like(fake_logits)")]),
    "generated patches as real": ("labelled as real", [("zeros_like", "ones_like")]),
    "no generated images": ("half for the generated images is missing", [
        ("(F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))\n"
         "               + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits)))",
         "F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))")]),
    "no real images": ("half for the real images is missing", [
        ("(F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))\n"
         "               + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits)))",
         "F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))")]),
    "the average of the halves": ("average of the two halves", [
        ("label = F.cross_entropy", "adversarial = adversarial / 2\nlabel = F.cross_entropy")]),
    "least squares": ("that is a squared error", [
        ("F.binary_cross_entropy_with_logits(real_logits, ", "F.mse_loss(real_logits, "),
        ("F.binary_cross_entropy_with_logits(fake_logits, ", "F.mse_loss(fake_logits, ")]),
    "its own labels for the generator": ("generated with their own labels", [
        ("generator(images, target_labels)", "generator(images, labels)")]),
    "binary cross entropy of the labels": ("binary cross entropy of each label", [
        ("F.cross_entropy(label_logits, labels)", "F.binary_cross_entropy_with_logits(label_logits, labels)")]),
    "zero_grad missing": ("optimizer.zero_grad() before backward()", [("optimizer.zero_grad()\n", "")]),
    "zero_grad after backward": ("zero_grad, then backward, then step", [
        ("optimizer.zero_grad()\n(adversarial + label_weight * label).backward()\n",
         "(adversarial + label_weight * label).backward()\noptimizer.zero_grad()\n")]),
    "no step": ("there is no optimizer.step()", [("optimizer.step()\n", "")]),
    "two steps": ("it steps 2 times", [("optimizer.step()\n", "optimizer.step()\noptimizer.step()\n")]),
    "the wrong direction": ("the step goes up", [("(adversarial + label_weight * label).backward()",
                                                 "(-adversarial - label_weight * label).backward()")]),
    "label_weight ignored": ("label_weight is not used", [("label_weight * label)", "label)")]),
    "the label term is not in the loss": ("label term is missing in the loss", [
        ("(adversarial + label_weight * label).backward()", "adversarial.backward()")]),
    "label_weight on the other term": ("it belongs to the label term", [
        ("(adversarial + label_weight * label)", "(label_weight * adversarial + label)")]),
    "terms not detached": ("d_adversarial should be detached", [("adversarial.detach()", "adversarial")]),
    "floats": ("should be a tensor", [("adversarial.detach()", "adversarial.item()")]),
    "a tuple": ("should return a dict", [
        ('return {"d_adversarial": adversarial.detach(), "d_label": label.detach()}',
         "return adversarial.detach(), label.detach()")]),
    "the weighted term returned": ("returned with its weight", [
        ('"d_label": label.detach()', '"d_label": label_weight * label.detach()')]),
    "the generator steps, too": ("the generator has changed", [
        ("optimizer.step()\n", "optimizer.step()\nwith torch.no_grad():\n    for p in generator.parameters():\n"
         "        p -= 0.01\n")]),
    "one smoothed label": ("not 0.9", [("torch.ones_like(real_logits)", "torch.full_like(real_logits, 0.9)")]),
    "the patches averaged first": ("each patch is judged by itself", [
        ("real_logits, label_logits = discriminator(images)",
         "real_logits, label_logits = discriminator(images)\nreal_logits = real_logits.mean(dim=(1, 2, 3))"),
        ("fake_logits, _ = discriminator(fake)",
         "fake_logits, _ = discriminator(fake)\nfake_logits = fake_logits.mean(dim=(1, 2, 3))")]),
    "evaluation mode for the generator": ("called in evaluation mode", [
        ("with torch.no_grad():\n    fake = generator(images, target_labels)",
         "generator.eval()\nwith torch.no_grad():\n    fake = generator(images, target_labels)\ngenerator.train()")]),
    "label_weight at most 1": ("label_weight is not used", [
        ("label_weight * label)", "min(label_weight, 1) * label)")]),
    "logarithms of sigmoids": ("for large logits d_adversarial is inf", [
        ("(F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))\n"
         "               + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits)))",
         "(-real_logits.sigmoid().log().mean() - (1 - fake_logits.sigmoid()).log().mean())")]),
    "gradients switched off": ("gradients are switched off", [
        ("return {", "torch.set_grad_enabled(False)\nreturn {")]),
    "generator left in evaluation mode": ("in evaluation mode after the step", [
        ("with torch.no_grad():\n", "generator.eval()\nwith torch.no_grad():\n")]),
}))

mistakes("faces.generator_step", in_gap("generator_step", {
    "detached images": ("the discriminator gets detached images", [("discriminator(fake)",
                                                                    "discriminator(fake.detach())")]),
    "no_grad around the discriminator": ("the discriminator gets detached images", [
        ("fake_logits, label_logits = discriminator(fake)",
         "with torch.no_grad():\n    fake_logits, label_logits = discriminator(fake)")]),
    "the way back detached": ("the way back is detached", [("generator(fake, labels)",
                                                            "generator(fake.detach(), labels)")]),
    "back with the target labels": ("way back takes the target labels", [
        ("generator(fake, labels)", "generator(fake, target_labels)")]),
    "the way back from the images": ("way back starts from the images", [
        ("generator(fake, labels)", "generator(images, labels)")]),
    "evaluation mode for the discriminator": ("called in evaluation mode", [
        ("fake_logits, label_logits = discriminator(fake)",
         "discriminator.eval()\nfake_logits, label_logits = discriminator(fake)\ndiscriminator.train()")]),
    "label_weight at most 1": ("label_weight is not used", [
        ("label_weight * label +", "min(label_weight, 1) * label +")]),
    "reconstruction_weight at least 2": ("not what one step on", [
        ("reconstruction_weight * reconstruction)", "max(reconstruction_weight, 2) * reconstruction)")]),
    "logarithms of sigmoids": ("for large logits g_adversarial is inf", [
        ("F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))",
         "-fake_logits.sigmoid().log().mean()")]),
    "no way back": ("there is no way back", [("F.l1_loss(generator(fake, labels), images)",
                                              "F.l1_loss(fake, images)")]),
    "squared difference": ("squared difference", [("F.l1_loss(", "F.mse_loss(")]),
    "compared with the generated images": ("compared with the generated images", [
        ("F.l1_loss(generator(fake, labels), images)", "F.l1_loss(generator(fake, labels), fake)")]),
    "no absolute value": ("has a sign", [("F.l1_loss(generator(fake, labels), images)",
                                         "(generator(fake, labels) - images).mean()")]),
    "the discriminator's label": ("label is 0, the discriminator's", [("torch.ones_like", "torch.zeros_like")]),
    "saturating": ("saturating loss", [
        ("F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))",
         "-F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))")]),
    "Sigmoid before the loss": ("sigmoid is taken twice", [
        ("F.binary_cross_entropy_with_logits(fake_logits,",
         "F.binary_cross_entropy_with_logits(fake_logits.sigmoid(),")]),
    "least squares": ("that is a squared error", [("F.binary_cross_entropy_with_logits(", "F.mse_loss(")]),
    "Wasserstein": ("Wasserstein", [
        ("F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))", "-fake_logits.mean()")]),
    "their old labels": ("labels they had", [
        ("F.cross_entropy(label_logits, target_labels)", "F.cross_entropy(label_logits, labels)")]),
    "labels of the real images": ("label term is of the real images", [
        ("label = F.cross_entropy(label_logits,", "label = F.cross_entropy(discriminator(images)[1],")]),
    "the real images judged": ("judges the real images", [
        ("fake_logits, label_logits = discriminator(fake)",
         "_, label_logits = discriminator(fake)\nfake_logits, _ = discriminator(images)")]),
    "Softmax before the loss": ("softmax is taken twice", [
        ("F.cross_entropy(label_logits,", "F.cross_entropy(label_logits.softmax(dim=1),")]),
    "binary cross entropy of the labels": ("binary cross entropy of each label", [
        ("F.cross_entropy(label_logits, target_labels)",
         "F.binary_cross_entropy_with_logits(label_logits, target_labels)")]),
    "their own labels for the generator": ("generated with their own labels", [
        ("fake = generator(images, target_labels)", "fake = generator(images, labels)")]),
    "label_weight ignored": ("label_weight is not used", [("label_weight * label +", "label +")]),
    "reconstruction_weight ignored": ("reconstruction_weight is not used", [
        ("reconstruction_weight * reconstruction)", "reconstruction)")]),
    "the weight of 10 fixed": ("always 10", [("reconstruction_weight * reconstruction)", "10 * reconstruction)")]),
    "weights swapped": ("weights of label and reconstruction are swapped", [
        ("label_weight * label + reconstruction_weight * reconstruction",
         "reconstruction_weight * label + label_weight * reconstruction")]),
    "the label term is not in the loss": ("label term is detached, or missing", [("label_weight * label + ", "")]),
    "the reconstruction is not in the loss": ("reconstruction is detached, or missing", [
        (" + reconstruction_weight * reconstruction)", ")")]),
    "the adversarial term is not in the loss": ("adversarial term is detached, or missing", [
        ("(adversarial + label_weight", "(label_weight")]),
    "zero_grad missing": ("optimizer.zero_grad() before backward()", [("optimizer.zero_grad()\n", "")]),
    "zero_grad after backward": ("zero_grad, then backward, then step", [
        ("optimizer.step()\n", "optimizer.zero_grad()\noptimizer.step()\n")]),
    "no step": ("there is no optimizer.step()", [("optimizer.step()\n", "")]),
    "the wrong direction": ("the step goes up", [
        ("(adversarial + label_weight * label + reconstruction_weight * reconstruction).backward()",
         "(-(adversarial + label_weight * label + reconstruction_weight * reconstruction)).backward()")]),
    "the discriminator steps, too": ("the discriminator has changed", [
        ("optimizer.step()\n", "optimizer.step()\nwith torch.no_grad():\n    for p in discriminator.parameters():\n"
         "        p -= 0 if p.grad is None else 0.01 * p.grad\n")]),
    "the discriminator frozen for good": ("does not learn any more", [
        ("fake = generator(images, target_labels)\n",
         "for p in discriminator.parameters():\n    p.requires_grad_(False)\n"
         "fake = generator(images, target_labels)\n")]),
    "terms not detached": ("g_label should be detached", [('"g_label": label.detach()', '"g_label": label')]),
    "a term is missing": ("should have the keys", [('"g_label": label.detach(),\n', "\n")]),
    "the weighted term returned": ("returned with its weight", [
        ('"g_reconstruction": reconstruction.detach()',
         '"g_reconstruction": reconstruction_weight * reconstruction.detach()')]),
    "nothing returned": ("should return a dict, it returns NoneType", [
        ('return {"g_adversarial": adversarial.detach(), "g_label": label.detach(),\n'
         '        "g_reconstruction": reconstruction.detach()}', "")]),
}))

D_LOOP = "for batch in batches:\n" \
    "    d_terms = discriminator_step(discriminator, generator, *batch, d_optimizer, label_weight)\n"
G_LINE = "g_terms = generator_step(discriminator, generator, *batches[-1], g_optimizer, label_weight, " \
    "reconstruction_weight)\n"
END = "return {**d_terms, **g_terms}"
mistakes("faces.train_round", in_gap("train_round", {
    "ratio reversed": ("other way round", """
        d_terms = discriminator_step(discriminator, generator, *batches[-1], d_optimizer, label_weight)
        for batch in batches:
            g_terms = generator_step(discriminator, generator, *batch, g_optimizer, label_weight, reconstruction_weight)
        return {**d_terms, **g_terms}
    """),
    "one step each": ("discriminator should step on each batch", [(D_LOOP, D_LOOP.replace("in batches:",
                                                                                          "in batches[-1:]:"))]),
    "both in the loop": ("the generator should step once", [
        (G_LINE, "    " + G_LINE.replace("*batches[-1]", "*batch"))]),
    "the generator first": ("after all steps of the discriminator", G_LINE + D_LOOP + END),
    "the generator on the first batch": ("on the last one", [("*batches[-1]", "*batches[0]")]),
    "four batches always": ("discriminator should step on each batch", [
        (D_LOOP,
         "for k in range(4):\n    d_terms = discriminator_step(discriminator, generator, *batches[k % len(batches)], "
         "d_optimizer, label_weight)\n")]),
    "the same batch each time": ("on each one once", [("*batch, d_optimizer", "*batches[0], d_optimizer")]),
    "optimisers swapped": ("it needs d_optimizer", [("*batch, d_optimizer", "*batch, g_optimizer"),
                                                    ("*batches[-1], g_optimizer", "*batches[-1], d_optimizer")]),
    "networks swapped": ("another order", [("discriminator_step(discriminator, generator,",
                                            "discriminator_step(generator, discriminator,")]),
    "label_weight not passed on": ("label_weight does not reach the step of the discriminator", [
        ("*batch, d_optimizer, label_weight)", "*batch, d_optimizer)")]),
    "reconstruction_weight not passed on": ("reconstruction_weight does not reach", [
        (", g_optimizer, label_weight, reconstruction_weight)", ", g_optimizer, label_weight)")]),
    "weights swapped": ("label_weight does not reach the step of the generator", [
        (", g_optimizer, label_weight, reconstruction_weight)",
         ", g_optimizer, reconstruction_weight, label_weight)")]),
    "the discriminator's terms are missing": ("should have the keys", [(END, "return g_terms")]),
    "a tuple": ("should return a dict", [(END, "return d_terms, g_terms")]),
    "the generator's step forgotten": ("the generator does not step", [
        (G_LINE, 'g_terms = {"g_adversarial": 0, "g_label": 0, "g_reconstruction": 0}\n')]),
    "labels and targets swapped": ("in this order", [
        (D_LOOP,
         "for images, labels, targets in batches:\n    d_terms = discriminator_step(discriminator, generator, images, "
         "targets, labels, d_optimizer, label_weight)\n")]),
    "the first step's terms": ("last step of the discriminator", [
        (D_LOOP,
         "d_terms = None\nfor batch in batches:\n    terms = discriminator_step(discriminator, generator, *batch, "
         "d_optimizer, label_weight)\n    d_terms = d_terms or terms\n")]),
    "another step": ("outside of the two steps", [(END, "d_optimizer.step()\n" + END)]),
    "the batches popped": ("changes the list of batches", [(END, "batches.pop()\n" + END)]),
    "the discriminator frozen": ("does not learn any more", [
        (END, "for p in discriminator.parameters():\n    p.requires_grad_(False)\n" + END)]),
    "evaluation mode for the generator's step": ("leaves the modes as they are", [
        (G_LINE, "discriminator.eval()\n" + G_LINE + "discriminator.train()\n")]),
    "the discriminator left in evaluation mode": ("leaves the modes as they are", [
        (END, "discriminator.eval()\n" + END)]),
    "the last four batches": ("discriminator should step on each batch", [
        (D_LOOP, D_LOOP.replace("in batches:", "in batches[-4:]:"))]),
    "label_weight at most 1": ("label_weight does not reach", [
        (D_LOOP, D_LOOP.replace("label_weight)", "min(label_weight, 1))"))]),
    "gradients switched off": ("gradients are switched off", [(END, "torch.set_grad_enabled(False)\n" + END)]),
    "the batches backwards": ("in the order", [(D_LOOP, D_LOOP.replace("in batches:", "in batches[::-1]:"))]),
}))

mistakes("faces.translate", in_gap("translate", {
    "training mode": ("runs in training mode", [("generator.eval()\n", "")]),
    "the mode is not put back": ("put it back", [("generator.train(was_training)\n", "")]),
    "always training mode afterwards": ("put it back", [("generator.train(was_training)", "generator.train()")]),
    "with a gradient": ("carry a gradient", [("with torch.no_grad():\n    translated", "translated")]),
    "an int only": ("makes a row for each label", [
        ("label = torch.as_tensor(label, device=images.device).expand(len(images))",
         "label = torch.full((len(images),), int(label))")]),
    "a tensor only": ("label may be an int", [
        ("label = torch.as_tensor(label, device=images.device).expand(len(images))\n", "")]),
    "the first label for all": ("expression of the first label", [
        ("torch.as_tensor(label, device=images.device).expand(len(images))",
         "torch.as_tensor(label, device=images.device).reshape(-1)[:1].expand(len(images))")]),
    "off by one": ("off by one", [("F.one_hot(label,", "F.one_hot((label + 1) % generator.num_labels,")]),
    "the label as a number": ("what the generator is asked for", [
        ("F.one_hot(label, generator.num_labels).to(images)", "label.to(images)")]),
    "eight labels always": ("what the generator is asked for", [("generator.num_labels)", "8)")]),
    "as many labels as needed": ("what the generator is asked for", [("F.one_hot(label, generator.num_labels)",
                                                                      "F.one_hot(label)")]),
    "images in [0, 1]": ("as it is", [("return translated", "return (translated + 1) / 2")]),
    "the difference to the images": ("as it is", [("return translated", "return translated - images")]),
    "one image": ("should have shape", [("return translated", "return translated[0]")]),
    "the images back": ("as it is", [("return translated", "return images")]),
    "images changed in place": ("in place", [("return translated", "images.copy_(translated)\nreturn translated")]),
    "images changed for an int": ("in place", [
        ("label = torch", "if isinstance(label, int):\n    images.clamp_(-0.5, 0.5)\nlabel = torch")]),
    "the first expression clamped away": ("label 0 is not asked for", [
        ("F.one_hot(label,", "F.one_hot(label.clamp(min=1),")]),
    "the last expression clamped away": ("label num_labels - 1 is not asked for", [
        ("F.one_hot(label,", "F.one_hot(label.clamp(max=generator.num_labels - 2),")]),
    "gradients switched off": ("gradients are switched off", [
        ("with torch.no_grad():\n    translated =", "torch.set_grad_enabled(False)\ntranslated =")]),
    "weights frozen": ("does not learn any more", [("generator.eval()\n", "generator.eval().requires_grad_(False)\n")]),
}))
