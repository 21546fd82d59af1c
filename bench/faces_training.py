"""What the faces assignment's translation costs, and how well it does: `.venv/bin/python bench/faces_training.py`.

Trains the generator on the drawn faces with the settings of the notebook's cpu profile, once with and once without the
reconstruction term, and measures on other drawn faces, each translated to another expression:
recognised      share that the course's face classifier takes for the expression that was asked for;
identity kept   share of which the classifier reads head, skin, hair style and hair colour as they truly are, all four;
error           mean absolute difference to the same face drawn with that expression, on the scale from 0 to 1.
The first lines say what the classifier makes of drawn faces: the ceiling. CPU seconds are those of all threads.
With --trained FOLDER the generators that bench/trained_work.py has left there are measured, and none is trained.
"""
import argparse
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
from helpers import faces  # noqa: E402
from helpers.given import datasets, face_data, training  # noqa: E402
from helpers.given import faces as given_faces  # noqa: E402

EPOCHS = 6  # of the notebook, in the cpu profile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default %(default)s")
    parser.add_argument("--weights", type=float, nargs="+", default=[5.0, 0.0],
                        help="of the reconstruction term, one training for each (default 5 0)")
    parser.add_argument("--channels", type=int, default=24)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--discriminator-steps", type=int, default=1, help="for each step of the generator")
    parser.add_argument("--noise", type=float, default=0.4, help="on what the discriminator looks at")
    parser.add_argument("--as-image", action="store_true", help="take the generator's output as image, not as paint")
    parser.add_argument("--lr", type=float, default=1e-3, help="of Adam")
    parser.add_argument("--muon-lr", type=float, default=0.02, help="of the discriminator's hidden convolutions")
    parser.add_argument("--label-weight", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--watch", action="store_true", help="print the scores after each epoch")
    parser.add_argument("--trained", type=Path, metavar="FOLDER", help="measure those of bench/trained_work.py")
    parser.add_argument("--save", help="write some translated faces for each training, into SAVE<weight>.png")
    args = parser.parse_args()

    data = datasets.load("ckplus", stand_in=True)
    judge = given_faces.load_judge(data)
    images, factors = face_data.sample(2000, seed=2)
    targets = given_faces.other_expressions(factors["expression"], len(data.class_names))
    drawn = face_data.render({**factors, "expression": targets})

    print(f"threads {torch.get_num_threads()}, torch {torch.__version__}, {args.epochs} epochs\n")
    names = ("recognised", "kept", *face_data.IDENTITY)
    heads = "faces", "recognised", "identity kept", *face_data.IDENTITY, "error", "seconds", "CPU seconds"
    print("| " + " | ".join(heads).replace("_", " ") + " |\n" + "| --- " * len(heads) + "|", flush=True)

    def row(what, faces_, expressions, seconds="", cpu=""):
        found = given_faces.scores(judge, faces_, expressions, factors)
        print(f"| {what} | " + " | ".join(f"{100 * found[name]:.1f} %" for name in names)
              + f" | {found['error']:.4f} | {seconds} | {cpu} |", flush=True)

    row("drawn, their own expression", training.to_float(images), factors["expression"])
    row("drawn, another expression", training.to_float(drawn), targets)
    row("drawn, not translated", training.to_float(images), targets)

    def new_generator():
        generator = faces.StarGenerator(channels=args.channels, blocks=args.blocks)
        return generator if args.as_image else given_faces.Painter(generator)

    if args.trained:
        for path in sorted(args.trained.glob("*/faces/faces.safetensors")):
            generator = new_generator()
            generator.load_state_dict(load_file(path))
            made = given_faces.translate_all(faces.translate, generator, images, targets)
            row(f"seed {path.parts[-3]}", made, targets)
        return
    for weight in args.weights:
        torch.manual_seed(args.seed)
        generator = new_generator()
        discriminator = faces.PatchDiscriminator()

        def watch(epoch, model):
            model.eval()
            row(f"epoch {epoch}", given_faces.translate_all(faces.translate, model, images, targets), targets)

        started, cpu = time.perf_counter(), time.process_time()
        history = given_faces.fit(
            discriminator, generator, faces.train_round, data.train_images, data.train_labels, epochs=args.epochs,
            discriminator_steps=args.discriminator_steps, noise=args.noise,
            lr=args.lr, muon_lr=args.muon_lr, label_weight=args.label_weight, reconstruction_weight=weight,
            seed=args.seed, device="cpu", quiet=True, after_epoch=watch if args.watch else None)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        made = given_faces.translate_all(faces.translate, generator, images, targets)
        row(f"reconstruction weight {weight:g}", made, targets, f"{seconds:.0f}", f"{cpu:.0f}")
        terms = ", ".join(f"{name} {value:.3f}" for name, value in history[-1].items() if name[1] == "_")
        print(f"\nlast epoch: {terms}\n", flush=True)
        if args.save:
            save(generator, images[:8], f"{args.save}{weight:g}.png")


def save(generator, images, path):
    """Write some faces, each row a face: as it is, then in all expressions."""
    from torchvision.utils import save_image
    columns = [training.to_float(images)]
    columns += [given_faces.translate_all(faces.translate, generator, images, torch.full((len(images),), label))
                for label in range(generator.num_labels)]
    save_image(torch.stack(columns, dim=1).flatten(0, 1), path, nrow=len(columns), padding=1)


if __name__ == "__main__":
    main()
