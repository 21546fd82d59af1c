"""Where a submission begins, and what is left of it. (What a file sees there, test_guest.py looks at.)"""
import os

import pytest

from coursekit.sandbox import as_file
from coursekit.sandbox.guest import place


@pytest.fixture
def room(tmp_path, monkeypatch):
    for name in ("helpers", "data", "scratch"):
        (tmp_path / name).mkdir()
    (tmp_path / "helpers/vae.py").write_text("x = 1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_like_the_notebooks_folder(room):
    place.settle(str(room), str(room / "scratch"))
    assert os.getcwd().endswith("/notebooks")
    (room / "scratch" / place.HOME / "runs" / "x").write_text("")
    assert os.listdir("../runs") == ["x"] and os.listdir() == [] and os.listdir("../data") == []
    with open("../helpers/vae.py") as stream:
        assert stream.read() == "x = 1\n"


def test_nothing_is_left_unless_it_was_used(room):
    for used in ((), ("notebooks",), ("runs",)):
        place.settle(str(room), str(room / "scratch"))
        for name in used:
            (room / "scratch" / place.HOME / name / "left").write_text("")
        place.leave(str(room / "scratch"))
        assert bool(os.listdir(room / "scratch")) == bool(used), used  # the guest removes what is
        for name in used:
            (room / "scratch" / place.HOME / name / "left").unlink()
            place.leave(str(room / "scratch"))
    assert (room / "helpers/vae.py").exists()


def test_what_was_put_in_its_place_harms_nothing(room):
    """A link elsewhere in the place of each folder: what it leads to stays."""
    place.settle(str(room), str(room / "scratch"))
    for name in ("notebooks", "runs"):
        (room / "scratch" / place.HOME / name).rmdir()
        (room / "scratch" / place.HOME / name).symlink_to(room / "helpers")
    place.leave(str(room / "scratch"))
    assert (room / "helpers/vae.py").exists()


@pytest.mark.parametrize("source, content", [
    ("x = 'ä'\n", "x = 'ä'\n".encode()), ("# coding: latin-1\nx = 'ä'\n", b"# coding: latin-1\nx = '\xe4'\n"),
    ("# coding: latin-1\nx = '→'\n", "# coding: latin-1\nx = '→'\n".encode()),
    ("# coding: none-such\n", b"# coding: none-such\n"),
    ("# coding: cp1252\nx = '€'", b"# coding: cp1252\nx = '\x80'"), ("# coding: rot13\n", b"# coding: rot13\n"),
    ("# coding: punycode\n" + "ä" * 10 ** 6, ("# coding: punycode\n" + "ä" * 10 ** 6).encode()),
    ("# coding: utf-16\n", b"# coding: utf-16\n"), ("x = '\ud800'\n", b"x = '?'\n"), ("a\r\nb", b"a\r\nb")])
def test_the_file_of_a_text(source, content):
    assert as_file(source) == content


def test_names_of_a_notebook(monkeypatch):
    monkeypatch.setattr(place.builtins, "get_ipython", None, raising=False)
    monkeypatch.setattr(place.builtins, "display", None, raising=False)
    place.names_of_a_notebook()
    namespace = {}
    exec("get_ipython().run_line_magic('matplotlib', 'inline')\ndisplay(3)", namespace)
