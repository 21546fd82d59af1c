"""Fixtures that several test files share, and what `./course test NAME` and `--fast` leave out."""
import re
import zlib

import pytest

import browser
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
LONGEST = "test_checks", "test_attacks", "test_notebooks", "test_browser", "test_grade_class", "test_grade"


def group_of(nodeid):
    """Tests of one group run in one process, one after the other: those of a file share what is made for it. Of three
    long ones only those about one assignment or one wall do."""
    path, _, test = nodeid.partition("::")
    name, _, parameters = test.rstrip("]").partition("[")
    if "test_checks" in path or "test_notebooks" in path:
        return path + re.split(r"\W", parameters)[0]
    if name == "test_attack":  # they mostly wait
        return f"{path} {parameters.rpartition('-')[2]} {zlib.crc32(parameters.encode()) % 2}"
    return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share the tests out by group_of. (The marks of pytest-xdist 3.8 have no effect with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
    names, fast = config.getoption("--assignment"), config.getoption("--fast")
    left_out = [item for item in items if names and not any(is_about(item, name) for name in names)
                or fast and ("bank" in item.fixturenames or item.get_closest_marker("slow"))]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="module")
def whole_stand_in():
    """As many images as outside the profile smoke: a forger knows many by heart, and a measure needs many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "STAND_IN_SMOKE", (datasets.STAND_IN_TRAIN, datasets.STAND_IN_TEST))
        yield


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


@pytest.fixture(scope="module")
def playwright():
    """What starts browsers. No longer than a module: while it is there, nothing else can use asyncio."""
    if why := browser.why_no_playwright():
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def chromium(playwright):
    """A running browser."""
    executable = browser.find(playwright)
    if executable is None:
        pytest.skip("no Chromium: apt-get install chromium, or .venv/bin/python -m playwright install chromium")
    running = browser.launch(playwright, executable)
    yield running
    running.close()


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
