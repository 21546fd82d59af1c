"""What a right file may do besides its exercises: it keeps all its points. And a file that imports what is not here."""
import sys
from pathlib import Path

import pytest

from coursekit import audit
from coursekit.classes import gradebook
from coursekit.classes.roster import Submission
from coursekit.grading import judge as judging
from coursekit.grading.grader import Grader
from coursekit.grading.handin import HandedIn
from coursekit.grading.judge import judge, load_checks
from coursekit.grading.notebook import Notebook
from coursekit.grading.report import Execution, Item, Report, Style
from coursekit.grading.tell.markdown import markdown
from coursekit.grading.tell.table import table
from coursekit.sandbox import Sandbox, Unanswered, walls
from helpers.given import checks as public
from helpers.given.course import ROOT
from helpers.given.imports import graded_alone

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
# One check of each item: what a file does to the interpreter, all of them meet.
CHECKS = list({check.item: check for check in reversed(load_checks("vae"))}.values())


def first(text):
    """The solution with lines in front of all its code."""
    return audit.replace_once(SOLUTION, "import math\n", f"{text}\nimport math\n")


def before_models(text):
    """The solution with lines behind its imports."""
    return audit.replace_once(SOLUTION, "class VAE(", f"{text}\n\n\nclass VAE(")


def last(text):
    """The solution with lines behind all its code."""
    return f"{SOLUTION}\n\n{text}\n"


def decorated(decorator, *names):
    source = SOLUTION
    for name in names:
        source = audit.replace_once(source, f"def {name}(", f"{decorator}\ndef {name}(")
    return source


RIGHT = {
    "torch.jit.script": audit.replace_once(
        decorated("@torch.jit.script", "reparametrize", "interpolate"), "(z0, z1, steps)", "(z0, z1, steps: int)"),
    "torch.jit.script over a model": last("SCRIPTED = torch.jit.script(nn.Linear(2, 2))\n"
                                          "TRACED = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))"),
    "torch.compile": decorated("@torch.compile(fullgraph=True)", "reparametrize") + "\n\nVAE(784).compile()\n"
                                                                                    "torch.compile(VAE(784))\n",
    "reads its own source": last(
        "import inspect\nimport linecache\n"
        "assert inspect.getsource(VAE).startswith('class VAE') and 'def loss' in inspect.getsource(loss_function)\n"
        "assert inspect.getsource(inspect.getmodule(VAE)).startswith('\"\"\"Variational')\n"
        "assert inspect.getsourcefile(VAE) == inspect.getsourcefile(loss_function) == __file__\n"
        "assert linecache.getline(__file__, 1).startswith('\"\"\"Variational') and __loader__ is __spec__.loader"),
    "reads its own file": last(
        "import linecache\nfrom pathlib import Path\n\n"
        "assert linecache.getline(__file__, 1).startswith('\"\"\"Variational')\n"
        "assert Path(__file__).read_text(encoding='utf-8').endswith(\"# the end of it\\n\")  # the end of it"),
    "works in the notebook's folder": last(
        "import os\nfrom pathlib import Path\nfrom helpers.given import training\n\n"
        "Path('..', 'runs', 'mine').mkdir()\nPath('log.csv').write_text('1')\n"
        "assert Path.cwd().name == 'notebooks' and Path('../helpers/vae.py').samefile(__file__)\n"
        "(training.results('vae') / 'w.pt').write_bytes(b'1')\n"
        "assert training.profile() == os.environ['COURSE_PROFILE'] == 'smoke'\n"
        "assert Path('../runs/smoke/vae/w.pt').exists()"),
    "loads data": last("from helpers.given import datasets\n\nassert datasets.load('mnist').stand_in\n"
                       "assert len(datasets.flower_categories()) == 102 and open('../data/flower-categories.json')"),
    "compiles in other ways": before_models(
        "from torch import compile\nimport torch._dynamo\n\ntorch._dynamo.config.suppress_errors = True") + (
        "\n\n@torch.compiler.disable\ndef slow(x):\n    return x\n\n\n"
        "MODELS = compile(VAE(784)), torch._dynamo.optimize('eager')(VAE(784)), slow(VAE(784))\n"),
    "what a notebook was exported to": first("get_ipython().run_line_magic('matplotlib', 'inline')\ndisplay('x')"),
    "dataclass, annotations from the future": first("from __future__ import annotations").replace(
        "import math\n", "import math\nfrom dataclasses import dataclass\nfrom typing import get_type_hints\n", 1) + (
        "\n\n@dataclass\nclass Settings:\n    size: int = 3\n    places: list[int] | None = None\n\n\n"
        "get_type_hints(Settings)\n"),
    "copies and pickles": last("import copy\nimport pickle\n\n"
                               "assert type(pickle.loads(pickle.dumps(copy.deepcopy(VAE(784))))) is VAE"),
    "a main part": last("if __name__ == '__main__':\n    raise SystemExit"),
    "finds the folder of the file": last(
        "import os\nimport sys\nfrom pathlib import Path\n\n"
        "assert (Path(__file__).resolve().parent / 'given').is_dir()\n"
        "sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))\nsys.path.append('..')"),
    "imports relatively, and itself": last(
        "import helpers.vae\nfrom . import vae\nfrom .given import networks\nfrom .vae import VAE as SAME\n"
        "assert helpers.vae.VAE is vae.VAE is SAME is VAE"),
    "matplotlib with a window": first("import matplotlib\nmatplotlib.use('TkAgg')\nimport matplotlib.pyplot as plt"),
    "prints": last("print('much' * 100_000, flush=True)"),
    "warnings are errors": first("import warnings\nwarnings.filterwarnings('error')\nimport numpy\n"
                                 "numpy.seterr(all='raise')"),
    "numbers in double precision": before_models("torch.set_default_dtype(torch.float64)"),
    "seeds": before_models("torch.manual_seed(0)"),
    "settings of torch": before_models("torch.set_grad_enabled(False)\ntorch.use_deterministic_algorithms(True)\n"
                                       "torch.autograd.set_detect_anomaly(True)\ntorch.set_num_threads(2)\n"
                                       "torch.set_default_device('cpu')\ntorch.set_printoptions(precision=2)"),
    "imports what is not here, if it is there": first(
        "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\nassert cv2 is None"),
    "the same, and another": first("try:\n    import cv2\nexcept ImportError:\n    cv2 = None\nassert cv2 is None\n"
                                   "import seaborn"),
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("vae", ROOT) as running:
        yield running


@pytest.mark.parametrize("name", RIGHT)
def test_right_file(sandbox, name):
    items, _ = judge(sandbox, RIGHT[name], CHECKS, seed=7)
    assert not audit.lost(items)


# Imports that are not here

UNUSED = """
import cv2
import cv2.aruco as markers
from einops import rearrange, reduce as shrink
from sklearn.metrics import *
import seaborn as sns
from jaxtyping import Float
import numba
import there.is_none.such
from .other import thing

sns.set_theme()
FLAGS = cv2.ONE | cv2.TWO
Numbers = Float[int, "n"] | None
"""


def test_unused_imports_cost_nothing(sandbox):
    notes = []
    items, _ = judge(sandbox, first(UNUSED), CHECKS, 7, notes)
    assert not audit.lost(items)
    assert notes == ["vae.py imports cv2, einops, sklearn, seaborn, jaxtyping, numba, there, which the grader does not "
                     "have. It was graded without: what uses that fails.",
                     f"{graded_alone('vae', 'helpers.other')}. It was graded without: what uses that fails."]


@pytest.mark.parametrize("line, used", [
    ("import helpers.blocks", "helpers.blocks.Conv"), ("from helpers import blocks", "blocks.Conv"),
    ("from .blocks import Conv", "Conv")])
def test_modules_of_ones_own_are_not_there(sandbox, line, used):
    """The public check refuses them, and the grader tells so in the same words."""
    source = audit.replace_once(first(line), "(z0, z1, steps):\n", f"(z0, z1, steps):\n    {used}(3)\n")
    notes = []
    items, _ = judge(sandbox, source, CHECKS, 7, notes)
    assert list(audit.lost(items)) == ["vae.interpolate"] and len(notes) == 1
    assert "vae.py is graded alone: `import helpers." in notes[0] and "Move what it needs into vae.py" in notes[0]
    # Nor are other assignments' files.
    assert "helpers/gan.py" not in map(str, Grader("vae", False, walls.Bare("none")).files)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads it")
def test_newer_syntax_is_open_and_named(sandbox):
    notes = []
    items, outcomes = judge(sandbox, last('WORDS = f"{", ".join(["a"])}"'), CHECKS, 7, notes)
    assert {status for _, status in outcomes} == {"open"} and len(notes) == 1
    assert "needs Python 3.12 (f-strings with the same quotes" in notes[0] and "the grader has 3.11" in notes[0]
    assert all(item.status == "open" and notes[0] in item.message for item in items.values())


def test_what_the_notebook_ran_with_is_open(monkeypatch):
    """A file that behaves in another way here than in the notebook."""
    if not walls.best().isolates:
        pytest.skip("student code cannot be isolated on this machine")
    monkeypatch.setattr(Notebook, "start", lambda _: None)
    monkeypatch.setattr(Notebook, "run", lambda *_: Execution("passed", 3))
    with Grader("vae", True, walls.best()) as grader:
        grader.checks = CHECKS[:1]
        report = grader.grade(HandedIn("ada", first("import sys\nassert 'ipykernel' in sys.modules")), seed=1)
        assert report.open and "the notebook ran with it" in report.items[report.open[0]].message
        report = grader.grade(HandedIn("ada", "x = 1\n"), seed=1)
        assert not report.open and report.score == 0


@pytest.mark.parametrize("package, line, words", [
    ("cv2 as c", "c.imread('x')", "ImportError: vae.py uses cv2.imread, which the grader does not have (vae.py, line "),
    ("cv2", "if cv2.cuda: return", "vae.py uses cv2.cuda, which"),
    ("cv2", "for x in cv2: pass", "vae.py uses cv2, which"),
    ("cv2", "with cv2.mode: pass", "vae.py uses cv2.mode"), ("cv2", "z0 * cv2.ONE", "vae.py uses cv2.ONE"),
    ("cv2", "import cv2.two", "No module named 'cv2.two'"),
    ("numba", "", "vae.py uses numba.njit, which the grader does not have")])
def test_what_uses_one_fails(sandbox, package, line, words):
    source = decorated("" if line else "@numba.njit", "interpolate")
    source = audit.replace_once(source, "(z0, z1, steps):\n", f"(z0, z1, steps):\n    {line}\n")
    source = audit.replace_once(source, "import math\n", f"import {package}\nimport math\n")
    items, _ = judge(sandbox, source, CHECKS, 7)
    assert list(audit.lost(items)) == ["vae.interpolate"], audit.lost(items)
    assert words in items["vae.interpolate"].message


@pytest.mark.parametrize("bases", ["lightning.LightningModule", "nn.Module, lightning.Mixin"])
def test_what_inherits_from_one_fails(sandbox, bases):
    source = audit.replace_once(SOLUTION, "class ConvVAE(nn.Module):", f"class ConvVAE({bases}):").replace(
        "import math\n", "import math\nimport lightning\n", 1)
    items, _ = judge(sandbox, source, CHECKS, 7)
    assert list(audit.lost(items)) == ["vae.ConvVAE"]
    assert "vae.py uses lightning." in items["vae.ConvVAE"].message


@pytest.mark.parametrize("source, words", [
    ("import torch.there_is_none\nraise ValueError('then this')", "then this"),
    ("import cv2\nfor line in cv2.lines:\n    pass",
     "vae.py uses cv2.lines, which the grader does not have (vae.py, line 2)"),
    ("raise ModuleNotFoundError('as if')", "as if"), ("raise ModuleNotFoundError('as if', name='cv2')", "as if"),
    ("raise ModuleNotFoundError('as if', name=['cv2'])", "as if"),
    ("\n".join(f"import none{k}" for k in range(30)), "No module named 'none10'"),
    ("from torch import there_is_none", "cannot import name 'there_is_none'")])
def test_other_files_that_cannot_be_imported(sandbox, source, words):
    with pytest.raises(Unanswered, match=words.replace("(", r"\(").replace(")", r"\)")):
        sandbox.session(source, 10.0)


def test_nothing_that_is_there_is_hidden(sandbox):
    source = first("import cv2\nimport numpy.linalg, torchvision, json\nfrom scipy import stats\n"
                   "assert numpy.linalg.norm([3, 4]) == 5 and json.dumps([]) == '[]' and 'Absent' not in repr(stats)")
    assert not audit.lost(judge(sandbox, source, CHECKS[:1], 7)[0])


def test_forged_lists_of_imports_are_cut(sandbox):
    forged = ("\nimport sys\n_load = sys.modules['guest.observe'].load_module\n"
              "raise ModuleNotFoundError(name='\\x1b[2J' + 'x' * 1000)\n")
    notes = []
    with pytest.raises(Unanswered):
        sandbox.session(SOLUTION + forged, 10.0)
    judge(sandbox, SOLUTION + "\nimport sys\nfor frame in [sys._getframe(k) for k in range(9)]:\n"
          "    if 'absent' in frame.f_locals and type(frame.f_locals['absent']) is list:\n"
          "        frame.f_locals['absent'] += ['\\x1b[2J' + 'x' * 1000] * 1000\n", CHECKS[:1], 7, notes)
    assert all(note.isprintable() and len(note) < 2000 for note in notes)


# What a report says of it, and of a check that fails itself

def test_report_says_what_was_missing():
    if not walls.best().isolates:
        pytest.skip("student code cannot be isolated on this machine")
    with Grader("vae", False, walls.best()) as grader:
        grader.checks = CHECKS[:1]
        report = grader.grade(HandedIn("ada", first("import cv2")), seed=1)
    assert report.score == report.max
    for told in (table(report), markdown(report, "ada"), report.to_json()):
        assert "vae.py imports cv2, which the grader does not have" in told.replace("\\", "")
    assert Report.from_json(report.to_json()) == report


class Nobody:
    def __getattr__(self, name):
        raise ValueError("the check counted on something else")


def test_a_check_that_fails_itself_leaves_the_mark_open():
    status, message = judging.run_check(CHECKS[0], Nobody(), 1)
    assert status == "open" and f"ValueError in {CHECKS[0].function.__name__}" in message
    items = judging.items_of([(CHECKS[0], "failed", "wrong"), (CHECKS[0], status, message)])
    assert items[CHECKS[0].item].status == "open"
    items["vae.other"] = Item(1, 1)
    versions = {"python": "", "torch": ""}
    report = Report("ada", "vae", 1, "none", False, None, items, Style(), Execution(), versions, 1.0)
    row = gradebook.row(Submission("ada", Path("ada"), "Ada"), report, [], "")
    assert row["total"] is None and row["items"] == {CHECKS[0].item: None, "vae.other": 1}
    assert row["status"] == row["feedback"] and row["status"].startswith(f"open: {CHECKS[0].item} could not be judged")
    assert "| open of" in markdown(report, "ada")


# What a layer was fed


def test_a_layer_that_was_fed_something_else_is_named(sandbox):
    source = audit.variant(SOLUTION, {"VAE.__init__": [("nn.Flatten(),\n", "")]})
    items, _ = judge(sandbox, source, CHECKS, 7)
    assert any("400) was fed (" in item.message and "and takes (N, " in item.message for item in items.values()), items
    found = audit.run_public("vae", source)
    assert any("and takes (N, " in message for message in found.values()), found


@pytest.mark.parametrize("text, names", [
    ("import cv2, numpy\nfrom sklearn.metrics import auc\nfrom . import mine\nimport os.path", ("cv2", "sklearn")),
    ("try:\n    import cv2\nexcept ImportError:\n    pass\nimport PIL, torchmetrics, IPython", ()),
    ("def f():\n    import cv2", ("cv2",)), ("import torch", ())])
def test_imports_that_the_grader_does_not_have(text, names):
    assert public.strange_imports(text) == names


def test_public_checks_refuse_modules_of_ones_own(tmp_path):
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers/drawn.py").write_text("import math\nfrom helpers.blocks import Conv\n")
    with pytest.raises(public.CheckFailed, match=r"helpers/drawn.py is graded alone: `import helpers.blocks` \(line 2"):
        public.compiles("drawn", tmp_path / "helpers")


def test_public_checks_tell_newer_syntax(tmp_path, capsys):
    (tmp_path / "drawn.py").write_text("x = 1\n\n\ndef f[T](x: T):\n    return x\n")
    if sys.version_info < (3, 12):
        with pytest.raises(public.CheckFailed, match="drawn.py, line 4: type parameters: that needs Python 3.12"):
            public.compiles("drawn", tmp_path)
    else:
        public.compiles("drawn", tmp_path)
        assert "note: helpers/drawn.py has type parameters in line 4, which came with Python 3.12. The grader may " \
            "have Python 3.11" in capsys.readouterr().out


def test_public_checks_name_them_once(tmp_path, capsys):
    (tmp_path / "drawn.py").write_text("import cv2\nimport numpy\n")
    for told in (1, 0, 0):
        public.compiles("drawn", tmp_path)
        assert capsys.readouterr().out.count("note: helpers/drawn.py imports cv2. The grader has") == told
