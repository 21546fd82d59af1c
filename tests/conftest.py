"""Fixtures that several test files share, and what `./course test NAME` and `--fast` leave out."""
import zlib

import pytest

from coursekit import pool
from coursekit.sandbox import Sandbox, walls
from helpers.given import datasets

collect_ignore = ["new_assignment"]  # laid over a copy of the course, see test_new_assignment.py


def pytest_addoption(parser):
    parser.addoption("--assignment", action="append", default=[], metavar="NAME", help="only tests that are about this "
                     "assignment: those of files that end with its name, and those that have it as a parameter")
    parser.addoption("--fast", action="store_true", help="no sandboxes, no banks, no slow tests")


def is_about(item, name):
    """True if a test is about this assignment: its file's name ends so, or a parameter is the name, or has it."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    found = [getattr(value, "name", value) for value in values]
    return item.path.stem.endswith(f"_{name}") or any(isinstance(each, str) and each == name for each in found)


# The files that take longest begin first, so that no process is left with one of them at the end.
LONGEST = "test_attacks", "test_grade_class", "test_checks", "test_notebooks"


def group_of(item):
    """Tests of one group run in one process, one after the other: they share what is made for a file, an assignment or
    a wall. The attacks, which mostly wait, are four groups for each wall."""
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    shared = [value.name for value in values if hasattr(value, "name")]
    if item.path.stem == "test_notebooks":
        shared = values
    if item.originalname == "test_attack":
        shared.append(zlib.crc32(item.name.encode()) % 4)
    return "-".join(map(str, (item.path.stem, *shared)))


@pytest.hookimpl(tryfirst=True)  # pytest-xdist looks for the groups in its own hook
def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))
    names, fast = config.getoption("--assignment"), config.getoption("--fast")
    left_out = [item for item in items if names and not any(is_about(item, name) for name in names)
                or fast and ("bank" in item.fixturenames or item.get_closest_marker("slow"))]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(autouse=True, scope="session")
def no_sandboxes(request):
    """With --fast: a test that comes to the point where student code would run ends there, and counts as skipped."""
    def skip(*args, **settings):
        pytest.skip("--fast: no sandboxes")

    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--fast"):
            patch.setattr(Sandbox, "start", skip)
            patch.setattr(walls.Room, "wrap", skip)
            patch.setattr(pool, "local", skip)
        yield


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder, and no profile; no stand-in has been drawn yet."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("COURSE_DATA", str(folder))
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(datasets, "REPOSITORY", tmp_path / "repository")
    monkeypatch.setattr(datasets, "stand_ins", set())
    return folder
