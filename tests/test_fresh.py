"""`%load_ext helpers.given.fresh`: an edited file holds from the next cell on, with the right lines."""
import importlib
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers.given import checks, fresh

FIRST = '''"""A graded file."""
import math
from math import sqrt

import torch
from torch import nn

SCALE = 2
LOSS = nn.MSELoss()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def forward(self, x):
        return self.layer(x)


def double(x):
    return 2 * x


@torch.no_grad()
def sample(x):
    return x + 1


def fails(x):
    raise ValueError("here")


@torch.no_grad()
def fails_too(x):
    raise ValueError("here")
'''


class Notebook:
    """A shell, and the graded file of a course that it imports."""

    def __init__(self, shell, path, capsys):
        self.shell, self.path, self.capsys = shell, path, capsys

    def cell(self, source):
        """Run a cell; return what it has printed. An error in it is raised."""
        result = self.shell.run_cell(source)
        told = self.capsys.readouterr().out
        result.raise_error()
        return told

    def value(self, expression):
        """What an expression gives in the next cell."""
        self.cell(f"value = {expression}")
        return self.shell.user_ns["value"]

    def edit(self, *changes):
        text = self.path.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.path.write_text(text)


@pytest.fixture
def notebook(tmp_path, monkeypatch, capsys):
    """A notebook that has imported helpers.drawn, a file of this test, in its first cell."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.syspath_prepend(tmp_path)
    for module in fresh.graded():  # loaded anew here, they would not be those any more that other test files imported
        monkeypatch.delitem(sys.modules, module.__name__)
    (tmp_path / "helpers").mkdir()
    path = tmp_path / "helpers" / "drawn.py"
    path.write_text(FIRST)
    helpers = importlib.import_module("helpers")
    monkeypatch.setattr(helpers, "__path__", [*helpers.__path__, str(path.parent)])
    shell = InteractiveShell()
    book = Notebook(shell, path, capsys)
    book.cell("%load_ext helpers.given.fresh\nimport helpers.drawn\nfrom helpers.drawn import *\n"
              "from helpers.drawn import Net as Network, double as twice, SCALE\nimport copy, inspect")
    yield book
    fresh.unload_ipython_extension(shell)
    sys.modules.pop("helpers.drawn", None)
    sys.modules.pop("helpers.other", None)
    vars(helpers).pop("drawn", None)
    vars(helpers).pop("other", None)


def test_names_point_to_the_new_file(notebook):
    notebook.cell("import functools\nold = double\nplaces = {'a': [double, (Net, 1)]}\n"
                  "part = functools.partial(double)\ndef calls(x, f=double):\n    return f(x)")
    notebook.edit(("2 * x", "3 * x"), ("SCALE = 2", "SCALE = 5"), ("x + 1", "x + 2"))
    for name in ("double", "twice", "old", "places['a'][0]", "part", "calls", "helpers.drawn.double"):
        assert notebook.value(f"{name}(10)") == 30, name
    assert notebook.value("sample(1)") == 3  # decorated
    assert notebook.value("SCALE") == 5
    assert notebook.value("places['a'][1][0] is Net is Network is helpers.drawn.Net")


def test_a_decorator_comes_and_goes(notebook):
    notebook.cell("import torch\none = torch.ones(1, requires_grad=True)")
    notebook.edit(("def double", "@torch.no_grad()\ndef double"), ("@torch.no_grad()\ndef sample", "def sample"))
    assert not notebook.value("twice(one).requires_grad")
    assert notebook.value("sample(one).requires_grad")


def test_what_is_imported_and_replaced_by_an_own_function_stays_elsewhere(notebook):
    notebook.cell("from math import sqrt as root")
    notebook.edit(("from math import sqrt\n", ""), ("def double", "def sqrt(x):\n    return -x\n\n\ndef double"))
    assert notebook.value("root(4)") == 2
    assert notebook.value("helpers.drawn.sqrt(4)") == -4


@pytest.mark.parametrize("name", ["fails", "fails_too"])
def test_errors_name_the_new_line(notebook, name):
    line = FIRST.splitlines().index(f"def {name}(x):") + 2
    for moved in (0, 1, 2):
        with pytest.raises(ValueError) as caught:
            notebook.cell(f"{name}(1)")
        assert f"line {line + moved})" in checks._where(caught.value, "drawn")
        assert 'raise ValueError("here")' in notebook.value(f"inspect.getsource({name})").splitlines()[-1]
        notebook.edit(("import math\n", "import math\n# moved\n"))


def test_models_run_the_new_methods(notebook):
    notebook.cell("net, nested = Net(), torch.nn.Sequential(Net())\n"
                  "class Mine(Net):\n    def forward(self, x):\n        return super().forward(x)\nmine = Mine()")
    notebook.edit(("return self.layer(x)", "return self.layer(x) * 0"))
    for model in ("net", "nested", "mine", "copy.deepcopy(net)"):
        assert notebook.value(f"({model}(torch.ones(1, 2)) == 0).all()"), model
    assert notebook.value("isinstance(net, Net) and isinstance(mine, Network) and type(nested[0]) is Net")
    assert "make it anew" not in notebook.cell("net(torch.ones(1, 2))")
    notebook.edit(("nn.Linear(2, 3)", "nn.Linear(2, 30)"))
    told = notebook.cell("print(net(torch.ones(1, 2)).shape)")
    assert "helpers/drawn.py: __init__ of Net has changed" in told and "[1, 3]" in told
    notebook.edit(("* 0", "* 1"))
    assert "anew" not in notebook.cell("net = Net()")


@pytest.mark.parametrize("change, said", [
    (("def double(x):", "def double(x:"), "line 21"),
    (("SCALE = 2", "SCALE = nowhere"), "NameError: name 'nowhere' is not defined, line 8"),
    (("SCALE = 2", "import nowhere"), "No module named 'nowhere', line 8"),
    (("SCALE = 2", "raise SystemExit"), "SystemExit"), (("SCALE = 2", "SCALE = '\0'"), "null bytes")])
def test_a_file_that_cannot_be_loaded(notebook, change, said):
    notebook.edit(("2 * x", "3 * x"), change)
    told = notebook.cell("value = double(10)")
    assert "helpers/drawn.py cannot be loaded" in told and said in told and told.count("\n") == 2
    assert notebook.shell.user_ns["value"] == 20 and notebook.value("SCALE") == 2
    assert not notebook.cell("value = double(10)")  # it is said once
    assert "drawn" in fresh.failed
    notebook.edit(change[::-1])
    assert notebook.value("double(10)") == 30 and not fresh.failed


def test_checks_fail_meanwhile(notebook, monkeypatch):
    monkeypatch.setattr(checks, "names", lambda module: ["drawn.double"])
    monkeypatch.setattr(checks, "compiles", lambda module, there=checks.compiles: there(module, notebook.path.parent))
    monkeypatch.setitem(checks.PUBLIC, "drawn.double", (lambda: None, 1, ""))
    assert checks.run("drawn.double").status == "passed"
    notebook.edit(("SCALE = 2", "SCALE = nowhere"))
    notebook.cell("1")
    result = checks.run("drawn.double")
    assert result.status == "failed" and "line 8" in result.message


def test_a_name_that_goes_and_comes_back(notebook):
    notebook.edit(("def double", "def doubled"))
    assert "helpers/drawn.py has no double any more" in notebook.cell("assert twice(1) == 2")
    assert notebook.value("hasattr(helpers.drawn, 'double')") is False
    notebook.edit(("def doubled", "def double"), ("2 * x", "3 * x"))
    assert notebook.value("twice(10)") == 30


def test_other_graded_files_follow(notebook):
    (notebook.path.parent / "other.py").write_text("from helpers.drawn import Net, double\n\n\ndef quadruple(x):\n"
                                                   "    return double(double(x))\n")
    notebook.cell("from helpers.other import quadruple")
    notebook.edit(("2 * x", "3 * x"))
    assert notebook.value("quadruple(1)") == 9
    assert notebook.value("helpers.other.Net is Net")


def test_a_file_that_did_not_change_is_left_alone(notebook):
    before = notebook.value("Net")
    notebook.path.touch()
    assert notebook.value("Net") is before


def test_an_edit_before_the_extension_is_loaded(notebook):
    notebook.cell("%unload_ext helpers.given.fresh")
    notebook.edit(("2 * x", "3 * x"))
    assert notebook.value("double(10)") == 20
    notebook.cell("%load_ext helpers.given.fresh")
    assert notebook.value("double(10)") == 30


def test_loaded_twice_and_reloaded(notebook, monkeypatch):
    notebook.cell("%load_ext helpers.given.fresh")
    fresh.load_ipython_extension(notebook.shell)
    assert len([f for f in notebook.shell.events.callbacks["pre_run_cell"] if "Watch" in repr(f)]) == 1
    notebook.edit(("2 * x", "3 * x"))
    assert notebook.value("double(10)") == 30
    notebook.cell("%unload_ext helpers.given.fresh")
    notebook.edit(("3 * x", "4 * x"))
    assert notebook.value("double(10)") == 30
