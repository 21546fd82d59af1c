"""How long `./course` takes to make its environment, with pip and with uv: `bench/set_up.py UV [--rounds N]`.

UV: the program uv. What is installed is what students need, without PyTorch and what needs it, whose download would be
most of what is measured. With empty caches (all is downloaded) and with full ones (a second course on that machine).
Medians of rounds that alternate, of all seconds and of those of the processor. Needs the network.
"""
import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from coursekit.release.files import without_ours  # noqa: E402

LEFT_OUT = "torch", "torchvision", "torchmetrics"


def make_course(folder):
    """A small course: the launcher, what it installs, and a command line."""
    for name in ("course", "helpers/given/launcher.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "helpers/given/__main__.py").write_text("")
    shutil.copy(ROOT / "constraints.txt", folder)
    lines = without_ours((ROOT / "requirements.txt").read_text()).splitlines()
    wanted = [line for line in lines if re.split(r"\W", line)[0] not in LEFT_OUT]
    (folder / "requirements.txt").write_text("\n".join(wanted) + "\n")


def seconds(course, caches, path):
    """How long a first `./course` takes: all seconds, and those of the processor."""
    shutil.rmtree(course / ".venv", ignore_errors=True)
    environment = {**os.environ, "PATH": path, "PIP_CACHE_DIR": str(caches / "pip"), "UV_CACHE_DIR": str(caches / "uv")}
    started, used = time.perf_counter(), processor()
    done = subprocess.run(["bash", course / "course"], env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - started, processor() - used
    if done.returncode or "could not" in done.stderr:
        raise SystemExit(done.stderr)
    return taken


def processor():
    """The seconds that all ended children have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("uv", type=Path, metavar="UV")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    taken = {}
    with tempfile.TemporaryDirectory() as folder:
        course, tools = Path(folder, "course"), Path(folder, "tools")
        make_course(course)
        tools.mkdir()
        (tools / "uv").symlink_to(args.uv.resolve())
        without = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, "uv").exists()]
        for _ in range(args.rounds):
            caches = Path(tempfile.mkdtemp(dir=folder))
            for state in ("empty", "full"):
                for name, path in (("pip", without), ("uv", [str(tools), *without])):
                    taken.setdefault((state, name), []).append(seconds(course, caches, os.pathsep.join(path)))
                    print(state, name, *taken[state, name][-1], flush=True)
    print("| caches | pip: s, of the processor | uv: s, of the processor |\n| --- | --- | --- |")
    for state in ("empty", "full"):
        told = (", ".join(f"{statistics.median(each):.1f}" for each in zip(*taken[state, name]))
                for name in ("pip", "uv"))
        print(f"| {state} | {' | '.join(told)} |")


if __name__ == "__main__":
    main()
