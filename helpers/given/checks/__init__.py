"""Public checks: `check("vae.VAE")` in a notebook, `./course check` in a terminal, the same ones in the workflow.

Each assignment has a file here, named like its module, with functions marked `@public`. A check asserts what is
public: shapes, properties, and numbers that the notebook states. A check that fails says what was expected, what came,
and gives a hint. It raises, so that "run all cells" stops at the first thing to mend. What checks share: engine.py.
"""
import functools
import importlib
import pkgutil
import re
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from helpers.given import fresh, imports, syntax
from helpers.given.checks import engine
from helpers.given.console import UserError
from helpers.given.imports import graded_alone
from helpers.given.launcher import OLDEST

ROOT = Path(__file__).parents[3]
PUBLIC = {}  # name -> (function, points, hint), filled by @public


@dataclass(frozen=True)
class Result:
    """What came out of one check. status: passed, failed (wrong), error (it raised), missing (the gap is open)."""

    name: str
    status: str
    message: str
    hint: str
    points: int
    seconds: float


class CheckFailed(UserError, AssertionError):
    """A public check did not pass. Notebooks show its text without a traceback."""

    def _render_traceback_(self):
        return str(self).splitlines()


def public(name, points=1, hint=""):
    """Mark a function without arguments as the public check `name`. It passes if it returns, fails if it raises."""
    def register(function):
        PUBLIC[name] = (function, points, hint)
        return function
    return register


def names(module=None):
    """Return the names of all public checks, or of one graded module's, in the order of the notebook."""
    for found in pkgutil.iter_modules(__path__):
        if module in (None, found.name):
            importlib.import_module(f"{__name__}.{found.name}")
    return [name for name in PUBLIC if module in (None, name.split(".")[0])]


class GradedModule:
    """Stands for a student's module and imports it when it is used: a file that does not import is then the fault
    of each check, not of the list of checks."""

    def __init__(self, name):
        self._name = name

    def __getattr__(self, attribute):
        module = importlib.import_module(f"helpers.{self._name}")
        if not hasattr(module, attribute):
            raise NotImplementedError(f"there is no {attribute} in helpers/{self._name}.py")
        return getattr(module, attribute)


def run(name):
    """Run one public check and return its Result. Whatever the student's code raises ends up in the Result."""
    module = name.split(".")[0]
    if name not in names(module):
        raise KeyError(f"there is no check {name!r}; there are: {', '.join(names())}")
    function, worth, hint = PUBLIC[name]
    started = time.perf_counter()
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)  # small work, and two threads wait for each other on a busy machine
    try:
        compiles(module)
        # What the student's code changes in torch must not reach the next check or training cell.
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            function()
        status, message = "passed", ""
    except AssertionError as error:
        status, message = "failed", str(error)
    except (Exception, SystemExit) as error:  # sys.exit in the file must not end the check as if it had passed
        if isinstance(error, NotImplementedError) and engine.is_gap(error):
            status, message = "missing", str(error) or "not filled in yet"
        else:
            told = engine.fed(error)
            status, message = "error", f"{type(error).__name__}: {error}{_where(error, module)}{told and f': {told}'}"
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
    return Result(name, status, message, hint if status in ("failed", "error") else "", worth,
                  time.perf_counter() - started)


def check(name):
    """Run one public check from a notebook: a tick, or CheckFailed with what to look at."""
    result = run(name)
    if result.status != "passed":
        hint = f"\n  Hint: {result.hint}" if result.hint else ""
        raise CheckFailed(f"✗ {name}: {result.message}{hint}")
    print(f"✓ {name}")


def compiles(module, folder=ROOT / "helpers"):
    """Raise CheckFailed for a file that cannot be loaded: the notebook goes on using the last version that worked. And
    for one that the grader could not load, as it is graded alone. Say once what else the grader may not have."""
    path = folder / f"{module}.py"
    try:
        text = path.read_text(encoding="utf-8")
        compile(text, str(path), "exec")
    except FileNotFoundError:
        raise CheckFailed(f"helpers/{module}.py is not there") from None
    except UnicodeDecodeError:
        raise CheckFailed(f"helpers/{module}.py is not in UTF-8: save it so, in your editor's settings") from None
    except SyntaxError as error:
        told = error.msg
        if needed := syntax.needs(text, error.lineno or 0):
            (major, minor), what = needed
            told = f"{what}: that needs Python {major}.{minor}, and this is {sys.version_info[0]}.{sys.version_info[1]}"
        raise CheckFailed(f"helpers/{module}.py, line {error.lineno}: {told}") from None
    if module in fresh.failed:
        raise CheckFailed(fresh.failed[module])
    if found := imports.own(text, module, folder.parent):
        raise CheckFailed(f"helpers/{graded_alone(module, *found)}")
    if (strange := strange_imports(text)) and (module, strange) not in _said:
        _said.add((module, strange))
        print(f"note: helpers/{module}.py imports {', '.join(strange)}. The grader has Python's own modules and what "
              "is in requirements.txt: what uses anything else loses its points there.")
    if (newer := newer_than_oldest(text)) and (module, newer) not in _said:
        _said.add((module, newer))
        print(f"note: helpers/{module}.py {newer}. The grader may have Python {OLDEST[0]}.{OLDEST[1]}: write it in "
              "another way.")


_said = set()


@functools.lru_cache(maxsize=16)
def newer_than_oldest(text):
    """What in a file only a newer Python can read than the oldest that the course runs on, such as "has type parameters
    in line 3, which came with Python 3.12"; or None."""
    if sys.version_info[:2] > OLDEST and (found := syntax.newer_than(text, OLDEST)):
        (major, minor), what, line = found
        return f"has {what} in line {line}, which came with Python {major}.{minor}"


def strange_imports(text):
    """Return the packages that a file imports, and that neither Python nor requirements.txt brings. What stands under
    `try`, to do without, does not count."""
    names = {name.split(".")[0] for name, _ in imports.imports(text)}
    names -= sys.stdlib_module_names | {"helpers", "torch", "torchvision", "numpy", "matplotlib", "scipy", "PIL"}
    return tuple(sorted(names - brought())) if names else ()


@functools.cache
def brought():
    """The names of all packages that requirements.txt brings, with what these need themselves. (Takes a second.)"""
    wanted = re.findall(r"^[\w.-]+", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    found = set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in found:
            continue
        found.add(name)
        try:
            needed = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue
        wanted += [re.match(r"[\w.-]+", each)[0] for each in needed if "extra ==" not in each]
    return {top for top, owners in metadata.packages_distributions().items()
            if any(re.sub(r"[-_.]+", "-", owner).lower() in found for owner in owners)}


def _where(error, module):
    """Return " (helpers/vae.py, line 12)": the deepest place in the student's file that the error came through."""
    line, step = None, error.__traceback__
    while step is not None:
        if Path(step.tb_frame.f_code.co_filename).parts[-2:] == ("helpers", f"{module}.py"):
            line = step.tb_lineno
        step = step.tb_next
    return "" if line is None else f" (helpers/{module}.py, line {line})"
