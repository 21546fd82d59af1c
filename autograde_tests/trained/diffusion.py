"""Trained work of assignment 4: a noise predictor for digits on demand.

The judge samples: it draws the first noise and the digits that are asked for, and walks by its own schedule, DDIM and
guidance. The student's network says nothing but eps, each time in a process of its own. It could still walk towards
digits that it has stored. So copies of known images are looked for, and the network predicts the noise in images that
nobody has seen, too: who only knows stored ones, or draws by code, cannot.
"""
import torch
from torch.nn import functional as F

from autograde_tests.trained import Measure, at_least, at_most, unseen
from autograde_tests.trained.asking import MOVED, answer, moved
from autograde_tests.trained.challenge import Challenge
from autograde_tests.trained.generated import Digits, copies
from helpers import diffusion
from helpers.given import metrics

SECONDS = 40  # on two cores
STEPS, SCALE = 20, 2  # of DDIM, and of guidance
MADE, NOISED = 200, 500  # images that are sampled; images whose noise is to be predicted
NULL_LABEL = 10

LOSS, ASKED = "error of the noise predicted in images that nobody has seen", "digits read as asked"
DISTANCE, COPIES = "Fréchet distance (real images: 1)", "share of copies"


def data():
    return Digits("mnist", MADE)


def unet(student, weights, settings, rng, data):
    schedule = diffusion.linear_schedule(1000)

    def predict(x, t, labels):
        return answer(student, x.shape, weights=weights, x=x, t=t, labels=labels)

    # The noise in images at steps all over the schedule
    chosen = torch.randperm(len(data.test_images), generator=rng)[:NOISED]
    images, labels = unseen(data.test[chosen], rng), data.set.test_labels[chosen]
    t, eps = torch.linspace(0, 999, len(chosen)).round().long()[:, None], torch.randn(images.shape, generator=rng)
    share = schedule[0][t][:, :, None, None]
    noised = share.sqrt() * (2 * images - 1) + (1 - share).sqrt() * eps
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
    return {**found, ASKED: metrics.share_as_asked(data.classifier, images, wanted)[0],
            DISTANCE: metrics.frechet_distance(data.classifier, data.test, images) / data.floor,
            COPIES: copies(images, data.known)}


HONEST = {COPIES: at_most(0.05), MOVED: at_least(0.1)}
MEASURES = [Measure("unet", 8, unet, (
    (8, {LOSS: at_most(0.045), ASKED: at_least(0.93), DISTANCE: at_most(5), **HONEST}),
    (4, {LOSS: at_most(0.07), ASKED: at_least(0.8), DISTANCE: at_most(10), **HONEST}),
    (2, {LOSS: at_most(0.12), ASKED: at_least(0.5), DISTANCE: at_most(20), **HONEST})),
    "Train with all labels and drop a tenth of them, and hand in the averaged weights")]
CHALLENGE = Challenge("unet", DISTANCE, "asc", 320_000, f"{STEPS} steps of DDIM with guidance {SCALE}, which the judge "
                      "walks; 60 minutes of training on two cores, which is your word")
