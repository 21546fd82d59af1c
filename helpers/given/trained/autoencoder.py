"""The trained work of assignment 1: an autoencoder of clothes with three latent numbers."""
import torch

from helpers.given import plotting, training
from helpers.given.trained import Weights

STEPS = 12
WEIGHTS = (
    Weights("autoencoder", "training.pt", "model", lambda module: module.ConvAutoencoder(), "fashion_mnist", 100_000,
            "a mean squared error below 0.03", "1.6"),
)


def latent_space(model, given):
    """The codes of the training images."""
    codes = given.module.encode_all(model, given.data.train_images)
    return plotting.latent_scatter_3d(codes, given.data.train_labels, given.data.class_names)


def latent_grid(model, given):
    """Twelve sheets of 12 x 12 decoded codes, on a grid over the codes of the training images."""
    codes = given.module.encode_all(model, given.data.train_images)
    grid = given.module.latent_grid(codes, STEPS)
    images = torch.cat([model.decoder(sheet.reshape(-1, 3)) for sheet in grid])
    sheets = images.view(STEPS, STEPS, STEPS, 28, 28).transpose(2, 3).reshape(STEPS, 1, STEPS * 28, STEPS * 28)
    return plotting.image_grid(sheets, columns=4)


def reconstructions(model, given):
    """One test image of each class, and what comes back."""
    labels = given.data.test_labels
    images = training.to_float(given.data.test_images[[int((labels == k).nonzero()[0]) for k in labels.unique()]])
    return plotting.image_grid(torch.cat((images, model(images))), columns=len(images),
                               row_labels=["test image", "reconstructed"])


PICTURES = {"latent_space.jpg": ("autoencoder", latent_space), "latent_grid.jpg": ("autoencoder", latent_grid),
            "reconstructions.jpg": ("autoencoder", reconstructions)}
