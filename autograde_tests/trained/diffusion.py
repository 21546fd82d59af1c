"""Trained work of assignment 4: a noise predictor for digits on demand.

The judge samples: it draws the first noise and the digits that are asked for, and walks by its own schedule, DDIM and
guidance. The student's network says nothing but eps, each time in a process of its own. It could still walk towards
digits that it has stored. So copies of training images are looked for, and the network predicts the noise in test
images, too: who only knows stored ones, or draws by code, cannot.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, at_least, at_most, real
from autograde_tests.trained.asking import MOVED, answer, moved
from autograde_tests.trained.challenge import Challenge
from helpers import diffusion
from helpers.given import metrics, training

SECONDS = 40  # on two cores
STEPS, SCALE = 20, 2  # of DDIM, and of guidance
MADE, NOISED = 200, 500  # images that are sampled; test images whose noise is to be predicted
NULL_LABEL = 10
NEIGHBOURS, COPY = 50, 0.35  # see `copies`

LOSS, ASKED = "error of the noise predicted in test images", "digits read as asked"
DISTANCE, COPIES = "Fréchet distance (training images: 1)", "copies of training images"


def data():
    """The test images in [0, 1] with their labels, the training images seen coarsely, the judge, and the floor of the
    Fréchet distance: that of as many training images as are made."""
    mnist = real("mnist")
    images, test = training.to_float(mnist.train_images), training.to_float(mnist.test_images)
    classifier, _ = metrics.load_classifier(mnist)
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0)).split(MADE)[:5]
    floor = sum(metrics.frechet_distance(classifier, test, images[part]) for part in chosen) / len(chosen)
    return {"test": test, "labels": mnist.test_labels, "coarse": coarse(images), "classifier": classifier,
            "floor": floor}


def coarse(images):
    return F.avg_pool2d(images, 2).flatten(1)


def copies(images, known):
    """The share of images (N, 1, 28, 28) that are nearer to one training image than digits ever are.

    For each image: its distance to the nearest, over the mean distance to the next 50 (Carlini et al., "Extracting
    Training Data from Diffusion Models", 2023, section 4.2). It may be shifted by a pixel. Of 200 test images the
    smallest such share was 0.46.
    """
    least = torch.full((len(images),), torch.inf)
    for shift in ((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
        nearest = torch.cdist(coarse(images.roll(shift, (2, 3))), known).topk(NEIGHBOURS + 1, largest=False).values
        least = torch.minimum(least, nearest[:, 0] / nearest[:, 1:].mean(dim=1).clamp(min=1e-6))
    return (least < COPY).float().mean().item()


def unet(student, weights, settings, rng, data):
    schedule = diffusion.linear_schedule(1000)

    def predict(x, t, labels):
        return answer(student, x.shape, weights=weights, x=x, t=t, labels=labels)

    # The noise in test images, which it has not seen, at steps all over the schedule
    chosen = torch.randperm(len(data["test"]), generator=rng)[:NOISED]
    labels, t = data["labels"][chosen], torch.linspace(0, 999, len(chosen)).round().long()[:, None]
    eps = torch.randn(data["test"][chosen].shape, generator=rng)
    share = schedule[0][t][:, :, None, None]
    noised = share.sqrt() * (2 * data["test"][chosen] - 1) + (1 - share).sqrt() * eps
    predicted = predict(noised, t, labels)
    found = {LOSS: F.mse_loss(predicted, eps).item(),
             MOVED: moved(predicted, student, weights, rng, x=noised, t=t, labels=labels)}

    class Asked:
        """What `guided_noise` and `sample_ddim` of our own take for a model."""
        null_label = NULL_LABEL

        def __call__(self, x, t, labels):
            return predict(x, t, labels)

    wanted = torch.randint(NULL_LABEL, (MADE,), generator=rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2 ** 31, (), generator=rng)))
        images, _ = diffusion.sample_ddim(lambda x, t: diffusion.guided_noise(Asked(), x, t, wanted, SCALE), MADE,
                                          (1, 28, 28), schedule, steps=STEPS)
    images = (images.clamp(-1, 1) + 1) / 2
    return {**found, ASKED: metrics.share_as_asked(data["classifier"], images, wanted)[0],
            DISTANCE: metrics.frechet_distance(data["classifier"], data["test"], images) / data["floor"],
            COPIES: copies(images, data["coarse"])}


HONEST = {COPIES: at_most(0.05), MOVED: at_least(0.1)}
MEASURES = [Measure("unet", 10, unet, (
    (10, {LOSS: at_most(0.035), ASKED: at_least(0.93), DISTANCE: at_most(5), **HONEST}),
    (6, {LOSS: at_most(0.06), ASKED: at_least(0.8), DISTANCE: at_most(10), **HONEST}),
    (3, {LOSS: at_most(0.1), ASKED: at_least(0.5), DISTANCE: at_most(20), **HONEST})),
    "Train with all labels and drop a tenth of them, and hand in the averaged weights")]
CHALLENGE = Challenge("unet", DISTANCE, "asc", 300_000, f"{STEPS} steps of DDIM with guidance {SCALE}, which the judge "
                      "walks; 60 minutes of training on two cores, which is your word")
