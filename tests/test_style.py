"""The style check says the same on every Python."""
import io
import tokenize
from tokenize import NAME, NEWLINE, NUMBER, OP, STRING, TokenInfo

import pytest

from coursekit.grading import style as looks
from coursekit.grading.style import check_style
from helpers.given import style


@pytest.mark.parametrize("line, found", [
    ('x = f"{y+z}{ y }{y [0]}{y,z}"', []), ('x = f"""{y+\nz}"""', []), ('x = f"\\d{y}"', ["W605"]),
    ("x=1", ["E225"]),
    ('x = f"{y}"+1', []),
    (f'x = f"{{y}}"  # {"long " * 30}', ["E501", "W291"]), ('x = f"{y}" ; z = 1', ["E203", "E702"])])
def test_findings(line, found):
    got = check_style(f"y = z = 1\n{line}\n", "vae")
    assert got.status == ("failed" if found else "passed")
    assert [each.split()[1] for each in got.findings] == found


@pytest.mark.parametrize("source, status, timeout", [
    ("x=1\n", "failed", 20.0), ("x = 1\r\n", "passed", 20.0), ("(" * 100_000, "failed", 20.0),
    ("\ud800", "failed", 20.0), ("x = 1\n" * 200_000, "timeout", 0.5)])
def test_one_file_says_nothing_of_the_next(source, status, timeout, monkeypatch):
    """Whatever becomes of the process that looks: the next file is looked at as if it were the first one."""
    monkeypatch.setattr(looks, "TIMEOUT", timeout)
    assert check_style(source, "vae").status == status
    monkeypatch.undo()
    assert check_style("y = 1\n", "vae") == looks.Style("passed")


def test_an_fstring_in_parts_becomes_one_string(monkeypatch):
    """What Python 3.12 and newer give for f"a{f'b' + c}d" and for one of two lines."""
    begin, middle, end = 901, 902, 903  # their numbers, which older ones do not have
    for number, name in ((begin, "FSTRING_START"), (middle, "FSTRING_MIDDLE"), (end, "FSTRING_END")):
        monkeypatch.setitem(tokenize.tok_name, number, name)
    text = """x = f"a{f'b' + c}d" + 1\ny = f'''e\n{c}'''\n"""
    parts = [(NAME, "x", 0), (OP, "=", 2), (begin, 'f"', 4), (middle, "a", 6), (OP, "{", 7), (begin, "f'", 8),
             (middle, "b", 10), (end, "'", 11), (OP, "+", 13), (NAME, "c", 15), (OP, "}", 16), (middle, "d", 17),
             (end, '"', 18), (OP, "+", 20), (NUMBER, "1", 22), (NEWLINE, "\n", 23)]

    def tokens(readline):
        first = readline()
        for kind, string, column in parts:
            yield TokenInfo(kind, string, (1, column), (1, column + len(string)), first)
        second, third = readline(), readline()
        yield TokenInfo(begin, "f'''", (2, 4), (2, 8), second)
        yield TokenInfo(middle, "e\n", (2, 8), (3, 0), second + third)
        yield TokenInfo(OP, "{", (3, 0), (3, 1), third)
        yield TokenInfo(end, "'''", (3, 3), (3, 6), third)

    found = [token for token in style.whole_strings(io.StringIO(text).readline, tokens) if token.type == STRING]
    assert [(token.string, token.start, token.end, token.line) for token in found] == [
        ("""f"a{f'b' + c}d\"""", (1, 4), (1, 19), text.split("\n")[0] + "\n"),
        ("f'''e\n{c}'''", (2, 4), (3, 6), "y = f'''e\n{c}'''\n")]
