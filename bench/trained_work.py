"""Train what is handed in, with several seeds: `.venv/bin/python bench/trained_work.py OUT --seeds 5 vae cvae`.

Each training is the notebook's own: of its cells those are executed, in their order, that the training needs, with
another seed for the weights and the order of the images. The weights land in OUT/SEED/ASSIGNMENT/WEIGHTS.safetensors,
what is known of the training in WEIGHTS.json beside them. What is there already is not trained again.
`bench/trained_measures.py OUT` measures them.
"""
import argparse
import ast
import dis
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("COURSE_PROFILE", "cpu")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import matplotlib  # noqa: E402
import nbformat  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from helpers.given import training  # noqa: E402
from helpers.given.course import ROOT, assignments  # noqa: E402

# What is handed in: its assignment, the variable of the notebook that holds the trained network, what stands in the
# cell that trains it, and the settings of other trainings that only come along because that cell uses their names.
WEIGHTS = {"autoencoder": ("autoencoder", "model", "training.pt", {}), "vae": ("vae", "vae", "vae.pt", {}),
           "cvae": ("vae", "cvae", "cvae.pt", {}), "fc": ("gan", "G", "fc.pt", {}),
           "fashion": ("gan", "G_clothes", "fashion.pt", {"fc_epochs": 1}), "dc": ("gan", "G_average", "dc.pt", {}),
           "flowers": ("flowers", "averaged", "training.pt", {}), "unet": ("diffusion", "averaged", "unet.pt", {}),
           "faces": ("faces", "G", "translation.pt", {"tried": 32, "vae_epochs": 1, "first_epochs": 0}),
           "shortcut": ("flow", "teacher", "jump.pt", {})}


def names(code, loads, stores):
    """Collect the global names that a code object reads before it sets them, and those that it sets."""
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            stores.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and (step.argval not in stores):
            loads.add(step.argval)
        if hasattr(step.argval, "co_code"):
            names(step.argval, loads, set(stores))


def needed_cells(cells, last):
    """The cells that the last one of them needs, with it: a backward slice over the names that they set."""
    kept, wanted = [], set()
    for text in reversed(cells[:last + 1]):
        loads, stores = set(), set()
        names(compile(text, "cell", "exec"), loads, stores)
        if not kept or stores & wanted:
            wanted = wanted - stores | loads
            kept.insert(0, text)
    return kept


def code_cells(assignment):
    notebook = nbformat.read(ROOT / assignments()[assignment].notebook, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            ast.parse(text)
            yield text


def train(weights, seed):
    """Train in a new folder of runs. Returns (network, the History, seconds)."""
    assignment, variable, mark, others = WEIGHTS[weights]
    cells = list(code_cells(assignment))
    last = next(number for number, text in enumerate(cells) if f'RUNS / "{mark}"' in text or f'("{mark}"' in text)
    space = {"__name__": "notebook"}
    training.loop.__kwdefaults__["seed"] = seed
    started = time.perf_counter()
    for text in needed_cells(cells, last):
        exec(compile(text.replace("torch.manual_seed(0)", f"torch.manual_seed({seed})"), "cell", "exec"), space)
        space.get("SETTINGS", {}).update(others)
    histories = [value for value in space.values() if isinstance(value, training.History)]
    return space[variable], histories[-1], time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("weights", nargs="+", choices=WEIGHTS, metavar="WEIGHTS", help=", ".join(WEIGHTS))
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    matplotlib.use("agg")
    for weights in args.weights:
        for seed in range(args.seeds):
            path = args.out / str(seed) / WEIGHTS[weights][0] / f"{weights}.safetensors"
            if path.exists():
                continue
            with tempfile.TemporaryDirectory() as folder:
                training.ROOT = Path(folder)  # its checkpoints go there
                network, history, seconds = train(weights, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            known = {"seed": seed, "profile": training.profile(), "epochs": len(history), "seconds": round(seconds),
                     "last": history[-1], "bfloat16": training.autocast_dtype(torch.device("cpu")) is not None,
                     "threads": torch.get_num_threads(), "torch": torch.__version__, "machine": platform.machine()}
            path.with_suffix(".json").write_text(json.dumps(known, indent=1) + "\n")
            save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, path)
            print(f"{weights}, seed {seed}: {seconds:.0f} s, {history[-1]}", flush=True)


if __name__ == "__main__":
    main()
