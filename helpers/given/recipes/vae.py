"""`./course train vae` and `./course plot-latent`: the VAE with a 2-D latent space, trained outside the notebook."""
import argparse
import json
from pathlib import Path

import torch

from helpers import vae
from helpers.given import datasets, plotting, training


def positive(kind):
    """Return an argparse type for numbers above zero."""
    def parse(text):
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be above zero, got {text}")
        return value
    parse.__name__ = kind.__name__  # argparse names it where the text is no number at all
    return parse


def not_negative(text):
    """An argparse type for numbers from zero on."""
    return 0.0 if float(text) == 0 else positive(float)(text)


def add_arguments(parser):
    parser.add_argument("--kl-weight", type=not_negative, default=1.0, help="factor of the KL term (default 1)")
    parser.add_argument("--epochs", type=positive(int), default=15)
    parser.add_argument("--latent-size", type=positive(int), default=2)
    parser.add_argument("--batch-size", type=positive(int), default=128)
    parser.add_argument("--lr", type=positive(float), default=2e-3, help="peak of the one-cycle schedule")
    parser.add_argument("--data", default="mnist", choices=("mnist", "fashion_mnist"))
    parser.add_argument("--device", help="cuda, mps or cpu (default: the best there is)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="folder for weights and pictures")


def elbo_terms(model, x, labels=None):
    """Reconstruction and KL apart, in nats per image, from the loss alone."""
    x_hat, mu, logvar = model(x)
    reconstruction = vae.loss_function(x_hat, x, mu, logvar, kl_weight=0.0)
    return {"reconstruction": reconstruction, "kl": vae.loss_function(x_hat, x, mu, logvar) - reconstruction}


def train(args):
    """Train and write weights.pt, run.json, loss.png, samples.png and reconstructions.png into args.out.

    A training that was stopped goes on where it was: after each epoch the whole state is in a checkpoint there.
    """
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    data = datasets.load(args.data)
    torch.manual_seed(args.seed)
    model = vae.VAE(28 * 28, latent_size=args.latent_size)

    def loss(model, x, labels):
        x_hat, mu, logvar = model(x)
        return vae.loss_function(x_hat, x, mu, logvar, kl_weight=args.kl_weight)

    # The file's name holds what `fit` does not know of, so that a training never goes on from another one's state.
    checkpoint = out / f"checkpoint_{args.data}_{args.latent_size}_latents_kl_{args.kl_weight:g}.pt"
    history = training.fit(
        model, loss, data.train_images, epochs=args.epochs, batch_size=args.batch_size, lr=args.lr, one_cycle=True,
        seed=args.seed, device=args.device, checkpoint=checkpoint, code=(vae.VAE, vae.reparametrize, vae.loss_function),
        after_epoch=lambda epoch, model: training.evaluate(elbo_terms, model, data.test_images))
    model.cpu()
    training.save_atomically(model.state_dict(), out / "weights.pt")
    settings = {"assignment": "vae", **{key: getattr(args, key) for key in
                                        ("kl_weight", "epochs", "latent_size", "batch_size", "lr", "data", "seed")}}
    record = {**settings, "stand_in": data.stand_in, "interrupted": history.interrupted, "history": list(history)}
    (out / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    with torch.inference_mode():
        samples = model.decoder(torch.randn(60, args.latent_size))
        originals = training.to_float(data.test_images[:10])
        reconstructions = model(originals)[0]
    if history:
        plotting.save(plotting.curves({"training loss": history.column("loss"),
                                       "reconstruction (test)": history.column("reconstruction"),
                                       "KL (test)": history.column("kl")}, ylabel="nats per image",
                                      title=f"VAE, KL weight {args.kl_weight:g}"), out / "loss.png")
    plotting.save(plotting.image_grid(samples, columns=10, title="Samples: decoder(z), z from N(0, I)"),
                  out / "samples.png")
    plotting.save(plotting.image_grid(torch.cat((originals, reconstructions)), columns=10, title="Reconstructions",
                                      row_labels=["image", "x_hat"]), out / "reconstructions.png")
    if history.interrupted:
        raise KeyboardInterrupt
    checkpoint.unlink(missing_ok=True)
    print(f"wrote {', '.join(sorted(path.name for path in out.iterdir()))} to {out}")


def plot_latent(folder):
    """Draw the 2-D latent space of a run of `train` into latent.png: decoded plane, class means and deviations."""
    folder = Path(folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if record["latent_size"] != 2:
        raise training.TrainingError(f"{folder} holds a model with {record['latent_size']} latent numbers; "
                                     "only 2 can be drawn: train with --latent-size 2")
    data = datasets.load(record["data"], stand_in=record["stand_in"])
    model = vae.VAE(28 * 28, latent_size=2)
    try:
        model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True, map_location="cpu"))
    except OSError:
        raise
    except Exception as error:  # damaged, or of a VAE with another H
        raise training.TrainingError(f"{folder / 'weights.pt'} does not fit helpers/vae.py as it is now: "
                                     "train again") from error
    model.eval()
    codes = vae.get_mu_logvar(model, training.to_float(data.test_images))
    reach, mean, std = plotting.class_statistics(*codes, data.test_labels)
    title = f"KL weight {record['kl_weight']:g}, {len(record['history'])} epochs"
    panels = {title: (vae.sample_on_grid(model, -reach, reach, 20), reach, mean, std)}
    plotting.save(plotting.latent_plane(panels, data.class_names), folder / "latent.png")
    print(f"wrote {folder / 'latent.png'}")
