"""Scores for generated images. A small classifier, trained here in seconds, judges what the images show."""
import torch
from torch import nn
from torch.nn import functional as F

from helpers.given import datasets, training


class Classifier(nn.Module):
    """Small CNN for 28x28 gray images and K classes: (N, 1, 28, 28) in [0, 1] -> logits (N, K)."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2), nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 128), nn.ReLU())
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

    The first call trains it and keeps it in the data folder; later calls load it.

    Args:
        data: Dataset of 28x28 gray images.
    """
    kind = "stand_in" if data.stand_in else "real"
    path = datasets.data_folder() / f"classifier_{data.name}_{kind}_{epochs}_epochs.pt"
    with torch.random.fork_rng(devices=[]):  # the judge must not depend on what was drawn before it
        torch.manual_seed(0)
        model = Classifier(len(data.class_names))
    if path.exists():
        try:
            model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
        except Exception as error:
            raise training.TrainingError(f"{path} is damaged ({type(error).__name__}): delete it") from error
    else:
        history = training.fit(model, cross_entropy, data.train_images, data.train_labels, epochs=epochs,
                               batch_size=256, lr=4e-3, one_cycle=True, quiet=True)
        if history.interrupted:
            raise KeyboardInterrupt  # a judge that is half trained must not be kept
        model.to("cpu")
        try:
            training.save_atomically(model.state_dict(), path)
        except training.TrainingError:
            pass  # a data folder that is read-only is fine: the classifier is trained again next time
    model.eval()
    return model, training.evaluate(correct, model, data.test_images, data.test_labels)["accuracy"]


@torch.inference_mode()
def share_as_asked(classifier, images, labels):
    """Return the share of images (N, 1, 28, 28) in [0, 1] that the classifier takes for their label (N,), and its
    predictions (N,)."""
    predictions = classifier(images.cpu()).argmax(dim=1)
    return (predictions == labels).float().mean().item(), predictions
