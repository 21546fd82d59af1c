"""Fixtures that several test files share."""
import pytest

from helpers.given import datasets


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

collect_ignore = ["new_assignment"]  # laid over a copy of the course, see test_new_assignment.py
