"""How long a command takes from Enter to its end, against a bare `import torch` of the same Python:
`.venv/bin/python bench/start.py [--before FOLDER] [--rounds N] [WORD ...]`. Medians of rounds that alternate.

--before: another version of the course, with its .venv. WORD: only the commands with this word in them. The doctor's
time is that of what it says before it starts PyTorch. Needs a quiet machine.
"""
import argparse
import operator
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TORCH = "import torch"
COMMANDS = (
    "check vae.reparametrize", "check autoencoder.mean_loss", "check diffusion.add_noise", "check gan.update",
    "check flowers.slerp", "check faces.translate", "check gan.get_optimizer", "--help", "check --help",
    "grade --help", "grades --help", "doctor", "answers CLASS", "grades CLASS --for ilias",
    "release --assignment vae --out NEW", "grade SUBMISSION --assignment vae --seed 7 --no-notebook --out NEW")


def seconds(command, root, folder):
    """How long a command takes in a version of the course. folder: an empty one for what it writes."""
    golden = root / "tests" / "golden"
    if "CLASS" in command:
        shutil.copytree(golden / "class", folder / "class")
    words = {"CLASS": folder / "class", "NEW": folder / "new", "SUBMISSION": golden / "submission"}
    python = root / ".venv" / "bin" / "python"
    arguments = [python, "-c", TORCH] if command == TORCH else \
        [root / "course", *(words.get(word, word) for word in command.split())]
    started = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, "COURSE_PROFILE": "smoke"})
    told = []
    for line in process.stdout:
        told.append(line)
        if command == "doctor" and line.split()[1:2] == ["disk"]:  # now it starts PyTorch
            process.kill()
    code = process.wait()
    taken = time.perf_counter() - started
    if code and command != "doctor":
        raise SystemExit(f"{command}: exit code {code} in {root}\n{''.join(told)}")
    return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("words", nargs="*", metavar="WORD")
    args = parser.parse_args()
    chosen = [command for command in COMMANDS if not args.words or any(word in command for word in args.words)]
    roots = [*([args.before.resolve()] if args.before else []), ROOT]
    print(f"load {os.getloadavg()[0]:.1f}; medians of {args.rounds}, alternating: seconds, and ratios of neighbours\n"
          "| `./course` | before | now | `import torch` | now / before | now / `import torch` |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for command in chosen:
        rounds, bare = [], [(TORCH, ROOT)] if command.startswith("check ") and "--" not in command else []
        for _ in range(args.rounds + 1):
            rounds.append([])
            for one, root in (*bare, *((command, root) for root in roots)):
                with tempfile.TemporaryDirectory() as folder:
                    os.chmod(folder, 0o755)  # behind a wall may be another user
                    rounds[-1].append(seconds(one, root, Path(folder)))
        columns = list(zip(*rounds[1:]))  # the first has filled the caches
        now, torch = columns[-1], columns[0] if bare else ()
        before = columns[-2] if args.before else ()
        told = [f"{statistics.median(values):.2f}" if values else "" for values in (before, now, torch)]
        told += [f"{statistics.median(map(operator.truediv, now, other)):.2f}" if other else ""
                 for other in (before, torch)]
        print(f"| `{command}` | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
