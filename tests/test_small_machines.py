"""What the grader asks of a machine: where Python lies, how many processes there is room for, how long paths may be."""
import os
from pathlib import Path

import pytest

from coursekit.sandbox import walls


def python(folder):
    """An installation of Python in a folder."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python3.12").touch()
    (folder / "bin/python3").symlink_to("python3.12")
    return folder


def environment(folder, executable):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(executable)
    return folder


def shown(prefix, base):
    return walls.python_folders((str(base), str(base), str(prefix)), str(prefix / "bin/python"))


def test_the_names_of_a_home_folder_that_is_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "home").symlink_to("data")
    base = python(tmp_path / "home/pyenv")
    prefix = environment(tmp_path / "home/course/.venv", base / "bin/python3")
    assert shown(prefix, base) == [tmp_path / name for name in (
        "data/course/.venv", "data/pyenv", "home/course/.venv", "home/pyenv")]


def test_a_chain_of_links_to_python(tmp_path):
    base = python(tmp_path / "modules/python/3.12")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/python").symlink_to("../modules/python/3.12/bin/python3")
    prefix = environment(tmp_path / ".venv", tmp_path / "links/python")
    assert shown(prefix, base) == [tmp_path / ".venv", tmp_path / "links/python", base]


def test_what_lies_in_a_folder_that_is_shown_is_not_named_again(tmp_path):
    base = python(tmp_path / "conda")
    assert shown(environment(base / "envs/course", base / "bin/python3"), base) == [base]
    assert walls.python_folders(("/usr", "/usr", "/usr"), "/usr/bin/python3") == []


@pytest.mark.parametrize("reason", [
    "bubblewrap python: error while loading shared libraries: libpython3.12.so.1.0: cannot open shared object file",
    "landlock ModuleNotFoundError: No module named 'encodings'", "bubblewrap Python's packages are not there"])
def test_a_python_whose_files_are_not_seen_is_told(reason):
    assert "set PYTHON to one that brings all along" in walls.advice(reason)
