"""Measures trained weights as a grading does, and prints what came of each file: the spreads that limits come from.

    .venv/bin/python bench/trained_measures.py FOLDER [NAME ...]

FOLDER/SEED/NAME/WEIGHTS.safetensors are the weights that bench/trained_work.py has made. The course's own classes are
the student's. They run in this process, without a sandbox: the numbers are the same.
"""
import argparse
import importlib
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from coursekit.grading.ask import Student  # noqa: E402
from coursekit.grading.judge import generator  # noqa: E402
from helpers.given.console import UserError  # noqa: E402
from helpers.given.course import assignments  # noqa: E402
from helpers.given.trained import declared  # noqa: E402


def here(name):
    """A Student that answers from the course's own solution, in this process."""
    module = importlib.import_module(f"helpers.{name}")
    probes = importlib.import_module(f"autograde_tests.probes.{name}")
    return Student(lambda probe, inputs, timeout: getattr(probes, probe)(module, **inputs))


def measure(folder, name, seeds):
    """Print what each file of weights of an assignment gets, and over all of them mean and worst."""
    trained = importlib.import_module(f"autograde_tests.trained.{name}")
    settings = {weights.name: weights.arguments for weights in declared(name).WEIGHTS}
    started, data = time.perf_counter(), trained.data()
    print(f"{name}: data and judges in {time.perf_counter() - started:.1f} seconds")
    for each in trained.MEASURES:
        rows = []
        for path in sorted(folder.glob(f"*/{name}/{each.weights}.safetensors")):
            for seed in seeds:
                started = time.perf_counter()
                rng = generator(seed, "trained." + each.weights)
                rows.append(each.function(here(name), load_file(path), settings[each.weights], rng, data))
                told = ", ".join(f"{what} {value:.4g}" for what, value in rows[-1].items())
                print(f"  {each.weights} {path.parts[-3]}: {told} ({time.perf_counter() - started:.1f} seconds)",
                      flush=True)
        for what in rows[0] if rows else ():
            values = torch.tensor([row[what] for row in rows])
            limits = [str(limits[what]) for _, limits in each.steps if what in limits]
            print(f"| {each.weights} | {what} | {values.mean():.4g} | {values.min():.4g} to {values.max():.4g} | "
                  f"{', '.join(limits)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--draws", type=int, default=1, help="gradings of each file, with the seeds 0, 1, ...")
    options = parser.parse_args()
    if not options.folder.is_dir():
        raise UserError(f"there is no folder {options.folder}: bench/trained_work.py makes one")
    torch.set_num_threads(1)
    for name in options.names or assignments():
        measure(options.folder, name, range(options.draws))


if __name__ == "__main__":
    main()
