"""The student's command line: `./course COMMAND`, or `python -m helpers.given COMMAND`.

Each command is a pair of functions: `add_<command>` declares it, `<command>` does it and returns the exit code (None
counts as 0). What a command needs is imported inside it, so that `--help` and `lab` do not wait for PyTorch.
"""
import argparse
import contextlib
import importlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from helpers.given import launcher
from helpers.given.console import Parser, UserError, advise, choose, describe, examples, progress, write
from helpers.given.course import ROOT, VERSION, assignments, notebooks
from helpers.given.points import STEPS, notebook_command, style_command, tell, with_hint

AS_THEY_CAME = 60  # seconds within which a course is cloned or unpacked


def port(text):
    """The number of --port; argparse tells who types something else."""
    if not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, got {text}")
    return int(text)


# ---------------------------------------------------------------------------------------------------------------
# lab
# ---------------------------------------------------------------------------------------------------------------

def add_lab(commands):
    parser = commands.add_parser("lab", help="open JupyterLab on the notebook of an assignment", epilog=examples(
        "lab", "lab vae", "lab --no-browser --port 9000   # on another machine: open the address that it prints"))
    parser.add_argument("name", nargs="?", metavar="NAME", help="such as vae; default: the one that was worked on last")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=port, metavar="N", help="default: 8888, or the next free one")
    parser.set_defaults(command=lab)


def lab(args):
    """Run JupyterLab in this process, until Ctrl-C."""
    known = assignments(ROOT)
    opened = choose(args.name, known, "assignment").notebook if args.name else worked_on(known, ROOT)
    from jupyterlab.labapp import main as jupyterlab

    options = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{opened.as_posix()}"]
    if args.no_browser:
        options.append("--no-browser")
    if args.port:
        options.append(f"--port={args.port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; Jupyter refuses root unless told
        options.append("--allow-root")
    return jupyterlab(options)


def worked_on(known, root):
    """The notebook of the assignment whose files were changed last; that of the first one, if all are as they came.
    known: {name: Assignment}."""
    changed = {each.notebook: max(Path(root, path).stat().st_mtime for path in (each.notebook, each.helper))
               for each in known.values()}
    if not changed:
        return Path("notebooks")
    last = max(changed, key=changed.get)
    return last if changed[last] - min(changed.values()) > AS_THEY_CAME else next(iter(changed))


# ---------------------------------------------------------------------------------------------------------------
# run
# ---------------------------------------------------------------------------------------------------------------

def add_run(commands):
    parser = commands.add_parser("run", help="execute a notebook and save it, with an HTML page", epilog=examples(
        "run vae                        # into runs/PROFILE/vae",
        "run gan --profile smoke        # in seconds: does it run through?",
        "run vae --out runs/my-vae"))
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(notebooks(ROOT))}")
    parser.add_argument("--profile", choices=("smoke", "cpu", "gpu"),
                        help="how much to train: seconds, minutes, or the full settings (default: gpu if there is one)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/PROFILE/NAME")
    parser.set_defaults(command=run)


def run(args):
    """Execute a notebook in its own folder, with a progress bar; write the executed copy and an HTML page.

    The copy is written even if a cell fails or Ctrl-C comes, with what was computed until then.
    """
    import asyncio
    import signal
    import tempfile

    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from tqdm import tqdm

    from helpers.given import training

    path = ROOT / choose(args.name, notebooks(ROOT), "notebook")
    if args.profile:
        os.environ["COURSE_PROFILE"] = args.profile  # the kernel inherits it
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError:
        raise UserError(f"{path} is not a notebook (broken JSON?). Take back the last version with git") from None
    folder = args.out or ROOT / "runs" / training.profile() / args.name
    folder.mkdir(parents=True, exist_ok=True)  # now, not after minutes of training
    os.environ["COURSE_HEADLESS"] = "1"  # and starts no server for a panel that nobody sees
    at = {}

    def begin(notebook):
        # nbclient makes Ctrl-C look like a kernel that died. Take its handler away, to hear a KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    def begin_cell(cell, cell_index):
        at.update(cell=cell, number=cell_index + 1)

    error = None
    # What the kernel itself writes to stderr is read only if it dies: at its end ipykernel may log a traceback of its
    # own shutdown (zmq.error.ZMQError), beside which nobody would see what went wrong in the notebook.
    with tempfile.TemporaryFile() as last_words, \
            tqdm(total=sum(cell.cell_type == "code" for cell in notebook.cells), desc=path.name, unit="cell") as bar:
        client = NotebookClient(notebook, timeout=None, kernel_name="python3",
                                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                                resources={"metadata": {"path": str(path.parent)}},
                                on_notebook_start=begin, on_cell_start=begin_cell,
                                on_cell_executed=lambda **_: bar.update())
        try:
            client.execute(stderr=last_words)
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}".split("\n")[0]
        except DeadKernelError:
            last_words.seek(0)
            said = last_words.read().decode(errors="replace").strip()[-2000:]
            error = f"{said}\nthe kernel died. Out of memory? Try --profile smoke".lstrip()
        finally:
            copy, page = save_notebook(notebook, folder / path.name)
            bar.close()
            print(f"executed copy: {copy}\nHTML page:     {page}")
    if error:
        first_line = at["cell"].source.strip().split("\n")[0]
        print(f"course run: cell {at['number']} failed, the one that begins with: {first_line}\n{error}",
              file=sys.stderr)
        return 1


def save_notebook(notebook, path):
    """Write a notebook and, beside it, its HTML page. Returns both paths."""
    import nbformat
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(embed_images=True).from_notebook_node(
        notebook, resources={"metadata": {"name": path.stem, "path": str(ROOT / "notebooks")}})
    return write(path, nbformat.writes(notebook) + "\n"), write(path.with_suffix(".html"), page)


# ---------------------------------------------------------------------------------------------------------------
# check, test, report
# ---------------------------------------------------------------------------------------------------------------

def add_check(commands):
    parser = commands.add_parser("check", help="run the public checks", epilog=examples(
        "check                     # all of what is begun", "check vae                 # of one assignment",
        "check vae.reparametrize   # one, or all that begin so"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as vae.reparametrize, or vae; default: all")
    parser.set_defaults(command=check)


def check(args):
    """Run the public checks one by one and print a table. The exit code is 0 only if all passed.

    Without names, an assignment that is not begun is one line and no failure, unless none is begun.
    """
    from helpers.given import checks

    known = checks.names()
    names = []
    for wanted in args.names:  # `vae` and `vae.VAE` stand for all that begin so
        found = [name for name in known if f"{name}.".startswith(f"{wanted}.")]
        near = [name for name in known if name.split(".")[0] == wanted.split(".")[0]] or assignments(ROOT)
        names += found or [choose(wanted, dict.fromkeys(near), "check")]
    modules = dict.fromkeys(name.split(".")[0] for name in names or known)
    waiting = [] if names else [module for module in modules if not is_begun(module)]
    names = names or [name for name in known if name.split(".")[0] not in waiting]
    for module in modules:
        checks.compiles(module)  # a syntax error is told once, not by each check
    width = max(map(len, names), default=0)
    passed = 0
    with progress(len(names), "check", "checks") as bar:
        for name in names:
            result = checks.run(name)
            passed += result.status == "passed"
            worth = f"{result.points:>3} {'point' if result.points == 1 else 'points'}"
            bar.write(f"{result.status:<8} {name:<{width}} {worth}")
            if result.status != "passed":
                if told := with_hint(result.message, result.hint):
                    bar.write("         " + told.replace("\n", "\n         "))
            bar.update()
    for module in waiting:
        print(f"not begun: {module}")
    if names:
        print(f"{passed} of {len(names)} checks passed (public ones: the grader has more)")
    return 0 if names and passed == len(names) else 1


def is_begun(assignment):
    """False as long as all its gaps are open, as far as the public checks can see."""
    from helpers.given import checks

    return any(checks.run(name).status != "missing" for name in checks.names(assignment))


def add_test(commands):
    parser = commands.add_parser("test", help="run the checks, the style check and the notebooks", epilog=examples(
        "test vae         # before it is handed in", "test vae style   # only the style of its file"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments, such as vae, and steps: "
                        f"{', '.join(STEPS)}; default: all")
    parser.set_defaults(command=test)


def test(args):
    """The student's tests. The notebooks run in the smoke profile, which takes seconds, each up to the first cell that
    fails. An assignment that is not begun is left out. The exit code is 0 if all others passed, and there is one."""
    known = assignments(ROOT)
    for name in args.names:
        choose(name, {**known, **dict.fromkeys(STEPS)}, "assignment or step")
    wanted = [name for name in args.names if name not in STEPS]
    chosen = [step for step in STEPS if step in args.names] or STEPS
    begun = [name for name in wanted or known if is_begun(name)] if {"checks", "notebooks"} & set(chosen) else []
    steps = {}
    if "checks" in chosen and begun:
        steps["checks"] = [sys.executable, "-m", "helpers.given", "check", *begun]
    if "style" in chosen:
        files = [known[name].helper.as_posix() for name in wanted] or ["helpers"]
        steps["style"] = style_command(files)
    if "notebooks" in chosen:
        for name in begun:
            steps[f"notebook {name}"] = notebook_command(known[name])
    waiting = [] if chosen == ["style"] else [name for name in wanted or known if name not in begun]
    failed = run_steps(steps, [f"not begun: {name}" for name in waiting])
    return 1 if waiting and not begun else failed


def run_steps(steps, notes=()):
    """Run commands ({title: argument list}) one after the other, whatever fails, and sum up. Returns 0 or 1.

    notes: lines for the end of the summary.
    """
    environment = {**os.environ, "COURSE_PROFILE": "smoke"}
    lines = []
    for title, command in steps.items():
        print(f"=== {title}", flush=True)
        begin = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=environment).returncode
        lines.append(f"{'FAILED' if code else 'passed'}  {title} ({time.monotonic() - begin:.0f} s)")
    print("=== summary", *lines, *notes, sep="\n")
    return int(any(line.startswith("FAILED") for line in lines))


def add_status(commands):
    parser = commands.add_parser("status", help="say what is done and what is left: gaps, checks, questions, git",
                                 epilog=examples("status", "status vae"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments, such as vae; default: all")
    parser.set_defaults(command=status)


def status(args):
    from helpers.given.status import tell

    tell(args.names)


def add_points(commands):
    parser = commands.add_parser("points", help="run checks and style as on a push: points, and result.json",
                                 epilog=examples("points vae", "points vae gan --out runs/result.json"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="assignments, such as vae, and steps: "
                        f"{', '.join(STEPS)}; default: checks and style of all")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: result.json")
    parser.set_defaults(command=lambda args: tell(args.names, args.out))


# ---------------------------------------------------------------------------------------------------------------
# report
# ---------------------------------------------------------------------------------------------------------------

def add_report(commands):
    parser = commands.add_parser("report", help="make the PDF of a report in Markdown or LaTeX, with the numbers that "
                                 "were measured", epilog=examples(
                                     "report reports/vae.md           # writes reports/vae.pdf",
                                     "report reports/vae.md --draft   # before everything is measured"))
    parser.add_argument("source", type=Path, metavar="FILE", help="such as reports/vae.md, a copy of "
                        "reports/template.md or reports/template.tex")
    parser.add_argument("--out", type=Path, metavar="PDF", help="default: beside FILE")
    parser.add_argument("--draft", action="store_true", help="show a ? for numbers and pictures that are not there yet")
    parser.set_defaults(command=report)


def report(args):
    from helpers.given.report import make

    make(args.source, args.out, args.draft)


# ---------------------------------------------------------------------------------------------------------------
# train, plot-latent
# ---------------------------------------------------------------------------------------------------------------

def add_train(commands):
    parser = commands.add_parser("train", help="train a model from the command line",
                                 epilog=examples(
                                     "train vae --out runs/vae", "train vae --kl-weight 30 --epochs 15 --out runs/kl30",
                                     "train vae --help                # the options of that model"))
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(recipes())}")
    parser.add_argument("options", metavar="...", nargs=argparse.REMAINDER, help="options of that model")
    parser.set_defaults(command=train)


def recipes():
    """Names of what `train` can train: {"vae": "helpers.given.recipes.vae", ...}."""
    files = sorted((ROOT / "helpers" / "given" / "recipes").glob("*.py"))
    return {path.stem: f"helpers.given.recipes.{path.stem}" for path in files if not path.stem.startswith("_")}


def train(args):
    recipe = importlib.import_module(choose(args.name, recipes(), "recipe"))
    return recipe.train(recipe_parser(args.name).parse_args(args.options))


def recipe_parser(name):
    """The parser of what `train NAME` takes."""
    recipe = importlib.import_module(recipes()[name])
    parser = Parser(prog=f"course train {name}", description=recipe.__doc__)
    recipe.add_arguments(parser)
    return parser


def add_plot_latent(commands):
    parser = commands.add_parser("plot-latent", help="draw the 2-D latent space of a trained model",
                                 epilog=examples("plot-latent runs/kl30   # writes pictures into that folder"))
    parser.add_argument("folder", type=Path, metavar="DIR", help="what `course train ... --out DIR` wrote")
    parser.set_defaults(command=plot_latent)


def plot_latent(args):
    record = args.folder / "run.json"
    try:
        name = json.loads(record.read_text(encoding="utf-8"))["assignment"]
    except FileNotFoundError:
        raise UserError(f"there is no {record}. Give the folder of a finished `course train NAME --out DIR`") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{record} is not the record of a training: it has no \"assignment\". Train again") from None
    recipe = importlib.import_module(choose(name, recipes(), "recipe"))
    return recipe.plot_latent(args.folder)


# ---------------------------------------------------------------------------------------------------------------
# board
# ---------------------------------------------------------------------------------------------------------------

def add_board(commands):
    parser = commands.add_parser("board", help="open TensorBoard on what trainings log", epilog=examples(
        "board                        # all that lies in runs", "board runs/cpu/gan --port 6010"))
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "runs", metavar="DIR", help="default: runs")
    parser.add_argument("--port", type=port, metavar="N", help="default: 6006, or the next free one")
    parser.set_defaults(command=open_board)


def open_board(args):
    """Run TensorBoard until Ctrl-C."""
    from helpers.given import board

    if not args.folder.is_dir():
        raise UserError(f"there is no folder {args.folder}: train first (what is trained with log_dir writes there), "
                        "or give another one")
    process, port = board.start(args.folder, args.port)
    print(board.advice(port) or f"Open {board.address(port)} in the browser.", "Ctrl-C ends TensorBoard.", flush=True)
    return process.wait()


# ---------------------------------------------------------------------------------------------------------------
# data, doctor
# ---------------------------------------------------------------------------------------------------------------

def add_data(commands):
    parser = commands.add_parser("data", help="download data sets, or list what is here", epilog=examples(
        "data list", "data fetch mnist fashion_mnist"))
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    fetching = actions.add_parser("fetch", help="download data sets and keep them as .npz",
                                  epilog=examples("data fetch mnist"))
    fetching.add_argument("names", nargs="+", metavar="NAME", help="such as mnist; `course data list` has them all")
    fetching.set_defaults(command=data_fetch)
    listing = actions.add_parser("list", help="every data set, and where it lies", epilog=examples("data list"))
    listing.set_defaults(command=data_list)


def data_fetch(args):
    from helpers.given import datasets

    for name in args.names:
        print(f"{name}: {datasets.fetch(name)}")


def data_list(args):
    from helpers.given import datasets

    for name in datasets.NAMES:
        print(f"{name:<14} {datasets.find(name) or 'not here'}")


def add_doctor(commands):
    parser = commands.add_parser("doctor", help="look at this machine and say what to mend", epilog=examples("doctor"))
    parser.set_defaults(command=doctor)


def doctor(args, more_findings=()):
    """Print what was found, and what to do where it is not well. The exit code is 1 if something essential is broken.

    A finding is (name, state, what was found, what to do), with state "ok", "warn" or "broken". Each is printed when it
    is there: first what is found at once, then what PyTorch has to be started for.
    """
    broken = False
    for name, state, found, advice in itertools.chain(find_python(), find_versions(), find_the_rest(), find_torch(),
                                                      find_data(), more_findings):
        broken |= state == "broken"
        print(f"{state:<6} {name:<18}  {found}")  # the longest name is "data fashion_mnist"
        if state != "ok":
            print(f"{'':<6} {'':<18}  -> {advice}")
        sys.stdout.flush()
    return int(broken)


def find_python():
    unfit = launcher.unfit(translated=sys.platform == "darwin" and launcher.is_translated())
    state = "ok" if not unfit else "warn" if sys.version_info >= launcher.OLDEST else "broken"
    yield ("Python", state, f"{sys.version.split()[0]} ({sys.executable})",
           f"{unfit}. Then delete .venv and run ./course again")
    if too_long := launcher.too_long(str(ROOT)):
        yield "folder", "broken", str(ROOT), too_long


def find_torch():
    """The findings on PyTorch. A version says nothing of whether it starts, so it is started."""
    for module in ("torch", "torchvision"):
        try:
            yield module, "ok", importlib.import_module(module).__version__, ""
        except Exception as error:  # whatever a broken installation raises: ImportError, OSError, RuntimeError
            yield module, "broken", f"{type(error).__name__}: {str(error).splitlines()[0]}", \
                "delete the folder .venv and run ./course doctor again"
            return
    import torch
    if torch.cuda.is_available():
        yield "device", "ok", f"CUDA: {torch.cuda.get_device_name()}", ""
    elif torch.backends.mps.is_available():
        yield "device", "ok", "MPS: the GPU of this Mac", ""
    elif shutil.which("nvidia-smi"):
        yield ("device", "warn", f"CPU, though this machine has an NVIDIA driver; torch was built for CUDA "
               f"{torch.version.cuda}", "update the driver, or install a matching build: https://pytorch.org")
    else:
        yield "device", "ok", f"CPU, {torch.get_num_threads()} threads (training times: see README.md)", ""


def find_versions():
    """The finding on packages that have other versions than constraints.txt says."""
    from importlib import metadata

    mend = f"{sys.executable} -m pip install -r requirements.txt -c constraints.txt"
    differing = []
    try:
        from packaging.requirements import Requirement

        lines = [line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
        for wanted in map(Requirement, filter(None, lines)):
            if wanted.marker and not wanted.marker.evaluate():
                continue
            try:
                found = metadata.version(wanted.name)
                if wanted.specifier.contains(found, prereleases=True):  # 2.14.1+cpu is 2.14.1, too
                    continue
            except metadata.PackageNotFoundError:
                found = "is missing"
            differing.append(f"{wanted.name} {found} (there: {str(wanted.specifier).removeprefix('==')})")
    except (ImportError, OSError, ValueError) as error:  # no packaging, no such file, or no constraint in it
        yield "versions", "warn", f"not compared with constraints.txt: {describe(error)}", mend
        return
    if differing:
        yield ("versions", "warn", f"not those of constraints.txt: {', '.join(differing)}",
               f"in the course's folder: {mend}")
    else:
        yield "versions", "ok", "those of constraints.txt", ""


def find_data():
    try:
        from helpers.given import datasets
    except ImportError as error:  # already told by the line on torch
        yield "data", "warn", f"not looked for: {error}", "mend torch first"
        return
    for name in datasets.NAMES:
        try:
            path = datasets.find(name)
        except datasets.DataError as error:
            yield "data", "warn", str(error), "see the line above"
            return
        at_first_use = ": downloaded at first use (never in smoke)" if datasets.SPECS[name].download else ""
        where = str(path or f"not here{at_first_use}")
        yield f"data {name}", "ok" if path else "warn", where, datasets.how_to_get(name)


def find_the_rest():
    from importlib import metadata

    try:
        yield "JupyterLab", "ok", metadata.version("jupyterlab"), ""
    except metadata.PackageNotFoundError:
        yield "JupyterLab", "broken", "not installed", "delete the folder .venv and run ./course doctor again"
    free = shutil.disk_usage(ROOT).free / 1e9
    yield "disk", "ok" if free >= 5 else "warn", f"{free:.0f} GB free", "make room: data and runs need about 5 GB"


# ---------------------------------------------------------------------------------------------------------------
# completion
# ---------------------------------------------------------------------------------------------------------------

def add_completion(commands):
    parser = commands.add_parser("completion", help="print what makes a shell complete `course` at the Tab key",
                                 description="It completes commands, options, files, and the names of assignments, "
                                 "checks and data sets.\nPrint it again for an edition with other assignments.",
                                 epilog=examples(
                                     "completion bash > ~/.local/share/bash-completion/completions/course",
                                     "completion zsh > ~/.zfunc/_course   # with `fpath+=~/.zfunc` before compinit",
                                     "completion fish > ~/.config/fish/completions/course.fish"))
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
    parser.set_defaults(command=completion)


def completion(args):
    from helpers.given.completion import script

    print(script(args.parser, args.shell))


# ---------------------------------------------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------------------------------------------

COMMANDS = (add_lab, add_status, add_check, add_run, add_test, add_points, add_report, add_train, add_plot_latent,
            add_board, add_data, add_doctor, add_completion)
FIRST_STEPS = examples("lab                          # the notebooks, in the browser",
                       "check vae.reparametrize      # is this gap filled well?",
                       "test vae                     # before it is handed in",
                       "doctor                       # what is missing here, and what to do about it",
                       "check --help                 # examples of a command")


def main(arguments=None, commands=COMMANDS, first_steps=FIRST_STEPS):
    """Parse, run the command, return its exit code. An error that the user can mend is one line on stderr and 2."""
    try:
        args = parse(sys.argv[1:] if arguments is None else arguments, commands, first_steps)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # what a terminal cannot show must not end a command
                stream.reconfigure(errors="backslashreplace")
        return args.command(args) or 0
    except KeyboardInterrupt:
        print("course: stopped by Ctrl-C", file=sys.stderr)
        return 130
    except NotImplementedError as error:  # a gap that is still open
        print(f"course: {describe(error)}", file=sys.stderr)
        return 2
    except (UserError, OSError) as error:
        print(f"course: {describe(error)}{advise(error)}", file=sys.stderr)
        return 2


def parse(arguments, commands, first_steps=FIRST_STEPS):
    """What was typed. Exits where it cannot be; raises UserError for a command that there is not.

    first_steps: examples for `course --help`.
    """
    parser = Parser(prog="course", description="A course on deep generative models.", epilog=first_steps)
    parser.add_argument("--version", action="version", version=f"course {VERSION}")
    known = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in commands:
        add(known)
    parser.set_defaults(parser=parser)
    if arguments and not arguments[0].startswith("-"):
        choose(arguments[0], known.choices, "command")
    args, rest = parser.parse_known_args(arguments)
    if hasattr(args, "rest"):  # the command passes on what it does not know
        args.rest = rest
    elif rest:
        known.choices.get(arguments[0], parser).error(f"unrecognized arguments: {' '.join(rest)}")
    return args


if __name__ == "__main__":
    sys.exit(main())
