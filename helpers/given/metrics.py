"""Scores for generated and restored images. A small classifier, trained here in seconds, judges what images show.

All images that the classifier sees are float tensors in [0, 1], of the shape of those that it was trained on:
(N, 1, 28, 28), for flowers (N, 3, 64, 64).
"""
import copy
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import training
from helpers.given.console import UserError
from helpers.given.course import ROOT
from helpers.given.tables import table

JUDGES = ROOT / "runs" / "judges"  # not beside the data: a lab shares that folder, and it may be read-only


def torchmetrics():
    """Import torchmetrics, which takes a second, and return it.

    It gives numpy back a name that NumPy 2 has removed, Inf. That is undone here: else a file with `np.Inf` would work
    in a notebook that has measured something, and nowhere else. (Pillow and SciPy get a name back, too, which nobody
    is likely to use.)
    """
    known = hasattr(np, "Inf")
    import torchmetrics.functional.image
    import torchmetrics.image.fid
    if not known and hasattr(np, "Inf"):
        del np.Inf
    return torchmetrics


class Classifier(nn.Module):
    """Small CNN for K classes: images (N, C, h, w) in [0, 1] -> logits (N, K). h and w are multiples of 4."""

    def __init__(self, num_classes=10, image_shape=(1, 28, 28)):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.features = nn.Sequential(
            nn.Conv2d(image_shape[0], 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * (image_shape[1] // 4) * (image_shape[2] // 4), 128), nn.ReLU())
        self.head = nn.Linear(128, num_classes)

    def forward(self, x):
        return self.head(self.features(x))


def cross_entropy(model, x, labels):
    """Mean cross entropy of the classifier's logits."""
    return F.cross_entropy(model(x), labels)


def correct(model, x, labels):
    """Share of images whose most likely class is the label, as terms for `training.evaluate`."""
    return {"accuracy": (model(x).argmax(dim=1) == labels).float().mean()}


def load_classifier(data, epochs=4):
    """Return the course's classifier for a data set, in evaluation mode on the CPU, and its test accuracy.

    The first call trains it and keeps it in runs/judges; later calls load it.

    Args:
        data: Dataset.
    """
    path = judge_file("classifier", data, epochs)
    with torch.random.fork_rng(devices=[]):  # the judge must not depend on what was drawn before it
        torch.manual_seed(0)
        model = Classifier(len(data.class_names), data.train_images.shape[1:])
    load_or_train(model, path, lambda: training.fit(
        model, cross_entropy, data.train_images, data.train_labels, epochs=epochs, batch_size=256, lr=4e-3,
        one_cycle=True, quiet=True))
    model.eval()
    return model, training.evaluate(correct, model, data.test_images, data.test_labels)["accuracy"]


def judge_file(what, data, epochs):
    """Where a judge is kept. The name tells data sets apart, also by what is in them: another one may be called alike.

    Args:
        what: kind of judge, such as "classifier". data: Dataset.
    """
    kind = "stand_in" if data.stand_in else "real"
    content = training.digest(data.train_images, data.train_labels)
    return JUDGES / f"{what}_{data.name}_{kind}_{epochs}_epochs_{content}.pt"


known = {}  # weights of the judges that this process has trained, by the names of their files


def load_or_train(model, path, train):
    """Load a judge's weights from a file. If it is not there, train the judge, once in a process, and keep them there.

    Args:
        path: from `judge_file`. train: function () -> History, which trains the model.
    """
    if path.exists():
        try:
            model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        except Exception as error:
            raise training.TrainingError(f"{path} is damaged ({type(error).__name__}): delete it") from error
        return
    if path.name in known:
        model.load_state_dict(known[path.name])
        return
    with torch.random.fork_rng(devices=[]):  # what is drawn later must not depend on whether the file was there
        if train().interrupted:
            raise KeyboardInterrupt  # a judge that is half trained must not be kept
    known[path.name] = copy.deepcopy(model.to("cpu").state_dict())
    try:
        training.save_atomically(model.state_dict(), path)
    except training.TrainingError:
        pass  # a course that is read-only is fine: the next process trains the judge again


def expect_images(classifier, images, least=1):
    """Raise UserError unless the classifier can look at these images, and there are at least so many."""
    wanted = tuple(getattr(classifier, "image_shape", images.shape[1:]))
    if images.dim() != 4 or tuple(images.shape[1:]) != wanted or not images.is_floating_point():
        raise UserError(f"the classifier looks at float images of shape (N, {', '.join(map(str, wanted))}) in [0, 1], "
                        f"got {images.dtype} of shape {tuple(images.shape)}: training.to_float and datasets.resize "
                        "change images")
    if len(images) < least:
        raise UserError(f"this score needs at least {least} {'image' if least == 1 else 'images'} in each set, got "
                        f"{len(images)}")
    if not images.isfinite().all():
        raise UserError("there are NaN or infinite numbers in the images: the model that made them has diverged")


@torch.inference_mode()
def share_as_asked(classifier, images, labels):
    """Return the share of images (N, 1, 28, 28) in [0, 1] that the classifier takes for their label (N,), and its
    predictions (N,)."""
    expect_images(classifier, images)
    if labels.shape != images.shape[:1]:
        raise UserError(f"{len(images)} images need as many labels, got shape {tuple(labels.shape)}")
    predictions = classifier(images.cpu()).argmax(dim=1)
    return (predictions == labels).float().mean().item(), predictions


@torch.inference_mode()
def judge(classifier, images):
    """Say what the classifier sees in images.

    Returns:
        dict: `confidence`, the mean probability of the class it settles on; `shares`, (K,), the share of the images
        that it takes for each class; `covered`, the number of classes with a share of at least a tenth of 1 / K.
    """
    expect_images(classifier, images)
    probabilities = torch.cat([classifier(batch).softmax(dim=1) for batch in images.cpu().split(1000)])
    confidence, predictions = probabilities.max(dim=1)
    classes = probabilities.shape[1]
    shares = predictions.bincount(minlength=classes) / len(images)
    return {"confidence": confidence.mean().item(), "shares": shares,
            "covered": int((shares >= 0.1 / classes).sum())}


@torch.inference_mode()
def features(classifier, images):
    """Return what the classifier's last layer sees of images, (N, 128)."""
    expect_images(classifier, images)
    return torch.cat([classifier.features(batch) for batch in images.cpu().split(1000)])


def frechet_distance(classifier, real, fake):
    """Fréchet distance of two sets of images in the classifier's feature space (Heusel et al., "FID", 2017, eq. 6).

    The squared Wasserstein distance of two normal distributions that have the sets' means and covariances. It is 0 for
    equal sets. Values of another classifier, or of the Inception network of the "FID" in papers, do not compare, nor do
    those of other numbers of images: the fewer there are, the larger it is. Each set has at least two images; of fewer
    images than features (128), their covariance is mostly chance, and a warning says so.
    """
    for images in (real, fake):
        expect_images(classifier, images, least=2)
    if min(len(real), len(fake)) < classifier.head.in_features:
        warnings.warn(f"a Fréchet distance of {min(len(real), len(fake))} images says little: there are "
                      f"{classifier.head.in_features} features", stacklevel=2)
    fid, extractor = torchmetrics().image.fid, classifier.features
    extractor.num_features = classifier.head.in_features  # torchmetrics asks for it
    with torch.inference_mode():
        distance = fid.FrechetInceptionDistance(feature=extractor, normalize=True)
        for images, is_real in ((real, True), (fake, False)):
            for batch in images.cpu().split(1000):
                distance.update(batch, real=is_real)
        return max(0.0, distance.compute().item())


def precision_recall(classifier, real, fake, neighbours=3):
    """Precision and recall of generated images (Kynkaanniemi et al., "Improved Precision and Recall", 2019, eq. 1).

    Each image stands for a ball in feature space that reaches to its third nearest neighbour in its own set. The
    features are scaled to length 1: else a few real images far out have balls that hold even pure noise, which leaves
    the classifier cold and lies near the origin.

    Returns:
        precision: the share of fake images that lie in some real image's ball (are they good?).
        recall: the share of real images that lie in some fake image's ball (is every kind there?).
    Both sets should have the same size: larger sets have smaller balls. Each has at least four images.
    """
    for images in (real, fake):
        expect_images(classifier, images, least=neighbours + 1)
    points = [F.normalize(features(classifier, images), dim=1) for images in (real, fake)]
    # The nearest neighbour of a point in its own set is the point itself, hence + 1.
    radii = [torch.cdist(own, own).kthvalue(neighbours + 1, dim=1).values for own in points]
    distances = torch.cdist(*points)
    precision = (distances <= radii[0][:, None]).any(dim=0).float().mean().item()
    recall = (distances <= radii[1]).any(dim=1).float().mean().item()
    return precision, recall


def scores(classifier, real, fake):
    """Return all scores of generated images as one dict: distance, precision, recall, confidence, covered."""
    precision, recall = precision_recall(classifier, real[:2000], fake[:2000])
    judged = judge(classifier, fake)
    return {"distance": frechet_distance(classifier, real, fake), "precision": precision, "recall": recall,
            "confidence": judged["confidence"], "covered": judged["covered"]}


def print_scores(rows):
    """Print a table of scores. rows: dict name -> what `scores` returned."""
    table(rows, {"distance": ("distance", "10.1f"), "precision": ("precision", "11.2f"), "recall": ("recall", "9.2f"),
                 "confidence": ("confidence", "12.2f"), "covered": ("classes", "9")}, names="<30")


def print_asked(rows, seconds):
    """Print a table of scores for images that were asked for by a label.

    Args:
        rows: dict name -> what `scores` returned and "asked", the share of images that show what was asked for. Real
            images have no such share.
        seconds: dict name -> how long it took. A name may be missing.
    """
    table({name: {**row, "seconds": seconds.get(name)} for name, row in rows.items()},
          {"seconds": ("seconds", "9.1f"), "asked": ("as asked", "10.1%"), "distance": ("Fréchet distance", "18.2f"),
           "precision": ("precision", "11.2f"), "recall": ("recall", "8.2f")})


def median_filter(images):
    """Replace each pixel of float images (N, 1, h, w) by the median of the 3x3 pixels around it.

    The filter of the textbooks against salt-and-pepper noise. Beyond the edges the image is mirrored.
    """
    def of_batch(batch):
        neighbours = F.pad(batch, (1, 1, 1, 1), mode="reflect").unfold(2, 3, 1).unfold(3, 3, 1)  # (n, 1, h, w, 3, 3)
        return neighbours.flatten(-2).median(dim=-1).values

    return torch.cat([of_batch(batch) for batch in images.split(500)])


@torch.inference_mode()
def image_quality(images, clean):
    """Compare restored images with the clean ones, both float (N, C, h, w) in [0, 1].

    Returns a dict of floats, each a mean over the images:
        mse: mean squared error. 0 is perfect.
        psnr: peak signal-to-noise ratio in decibels, 10 log10(1 / MSE) of each image. More is better.
        ssim: structural similarity (Wang et al., "Image Quality Assessment", 2004, eq. 13), up to 1 for equal images.
    """
    if images.shape != clean.shape or images.dim() != 4 or not len(images):
        raise UserError("restored and clean images must have the same shape (N, C, h, w), got "
                        f"{tuple(images.shape)} and {tuple(clean.shape)}")
    given = torchmetrics().functional.image
    sums = torch.zeros(3, dtype=torch.double)
    for x_hat, x in zip(images.cpu().split(500), clean.cpu().split(500)):
        psnr = given.peak_signal_noise_ratio(x_hat, x, data_range=1.0, dim=(1, 2, 3))
        ssim = given.structural_similarity_index_measure(x_hat, x, data_range=1.0)
        sums += torch.stack([F.mse_loss(x_hat, x), psnr, ssim]).double() * len(x)
    return dict(zip(("mse", "psnr", "ssim"), (sums / len(images)).tolist()))
