"""Newer syntax is told from mistakes, on the Python that cannot read it and on the one that can."""
import ast
import importlib
import sys

import pytest

from helpers.given import syntax

NEWER = {
    (3, 12): ["def f[T](x):\n    pass", "def f[\n    T,\n](x):\n    pass",
              "class A[T]:\n    pass", "type X = int", "type X[T] = list[T]",
              "async def f[T](x): pass", 'x = f"{d["a"]}"', 'x = f"{", ".join(y)}"', "x = F'{d['a']}'",
              'x = f"{\'\\n\'.join(y)}"', 'x = f"{\n 1}"', 'x = f"""{1 # a\n}"""', 'x = rf"""\n{d["""a"""]}"""',
              'print(f"{a}" f"{d["a"]}")', 'print(f"{a:{d["w"]}}")', 'print(f"{f"{f"{1}"}"}")',
              'x = (1,\n f"{d["a"]}")'],
    (3, 13): ["def f[T = int](x):\n    pass", "class A[T: int = bool]:\n    pass", "type A[*T = *tuple[int]] = T"],
    (3, 14): ["try:\n    pass\nexcept A, B:\n    pass", "try:\n    pass\nexcept* A, b.B:\n    pass", 'x = t"a{b}"',
              'x = f(rt"a{b}")', "x = [T'a']"],
    (3, 15): ["lazy import x", "lazy from x import y", "[*x for x in y]", "{**x for x in y}", "f(*x for x in y)"],
}
MISTAKES = [
    "def f(x:\n    pass", "class A\n    pass", "type = = 3", "x = (1", 'x = f"{x"', 'x = f"{x', "x = [1, 2", "a b",
    "try:\n    x\nexcept A as\n", "return = 3", "print 'a'", "if x = 3:\n    pass", "def f[T(x):", 'f("a"', "except, A",
    "x = 'it's'", "t = x.t 'a'", 'x = f"{a[}"', "# def f[T](x)\nx = = 1", "for x in y\n    pass", "x = 1 # t'a'\n y"]
FINE = ["type = 3", "type (x)", "lazy = 1", "t = 'a'", 'x = f"{d[\'a\']}{{}}"', "try:\n    x\nexcept (A, B):\n    pass",
        'x = f"""{d["a"]}"""', "x = f'{a:>{b}}\\n'", "def f(x: dict[str, int] = None): pass", "x = rf'\\d{a}'",
        "[x for x in (*a, *b)]", "x = f'#{a}'", "x = f\"{a!r}\" 'it'"]


def failing_line(source):
    with pytest.raises(SyntaxError) as told:
        compile(source, "vae.py", "exec")
    return told.value.lineno


@pytest.mark.parametrize("version, source", [(version, source) for version in NEWER for source in NEWER[version]])
def test_what_is_newer_is_told_with_its_version(version, source):
    source = "import math\n\n" + source + "\n\nx = 1\n"
    if version > sys.version_info[:2]:
        assert syntax.needs(source, failing_line(source))[0] == version
    else:
        told = syntax.newer_than(source, (3, 11))
        assert told[0] == version and source.splitlines()[told[2] - 1] in source


@pytest.mark.parametrize("source, told", [
    ("import math\nfrom itertools import chain, batched", ((3, 12), "`itertools.batched`", 2)),
    ("import math\nx = [\n    math.fma(1, 2, 3)]", ((3, 13), "`math.fma`", 3)),
    ("from math import sqrt\nx = copy.copy(1)", None), ("from . import x\nself.batched.y = itertools.x.batched", None)])
def test_names_that_an_older_library_has_not(source, told):
    assert syntax.newer_than(source, (3, 11)) == told


def test_every_name_is_where_it_is_said_to_be():
    for name, version in syntax.NAMES.items():
        module, _, name = name.rpartition(".")
        assert hasattr(importlib.import_module(module), name) == (sys.version_info[:2] >= version), name


@pytest.mark.parametrize("source", MISTAKES)
def test_a_mistake_is_not_taken_for_newer_syntax(source):
    assert syntax.needs(source, failing_line(source)) is None


@pytest.mark.parametrize("source", FINE)
def test_what_every_python_reads_is_not_told(source):
    ast.parse(source, feature_version=(3, 11))
    assert syntax.newer_than(source, (3, 11)) is None
    assert all(syntax.needs(source, line) is None for line in range(4))


@pytest.mark.parametrize("text", [
    'f"{' * 5000, 'f"' * 5000, "x[" * 9000, "f'{\"" * 3000, "(" * 20_000, "\\" * 20_000, "[*" + "a for " * 5000,
    "[*a for " * 5000, "except a" + ",a" * 9000, "type x" + " " * 20_000, ".t " * 9000])
def test_hostile_text_is_looked_at_in_no_time(text):
    for line in (1, 2):
        syntax.needs(text + "\n" + text, line)
