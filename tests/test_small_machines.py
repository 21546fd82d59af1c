"""What the grader asks of a machine: where Python lies, how many processes there is room for, how long paths may be."""
import tempfile
from pathlib import PurePosixPath

import pytest

from coursekit import pool
from coursekit.grading import notebook
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


MACHINE = {"proc/meminfo": "MemTotal:  64000000 kB\nMemFree: 1 kB\nMemAvailable: 32000000 kB\n"}
V2 = {**MACHINE, "proc/self/cgroup": "0::/user/job\n"}
V1 = {**MACHINE, "proc/self/cgroup": "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n2:name=systemd:/x\n0::/x\n"}


@pytest.mark.parametrize("files, processors, jobs", [
    ({}, 3, 3),  # macOS, Windows
    (MACHINE, 16, 16), (MACHINE, 64, 43),
    ({"proc/meminfo": "MemAvailable: 1600000 kB\n"}, 16, 2), ({"proc/meminfo": "MemAvailable: 10 kB\n"}, 16, 1),
    ({**V2, "sys/fs/cgroup/user/job/cpu.max": "250000 100000\n"}, 16, 2),
    ({**V2, "sys/fs/cgroup/user/job/cpu.max": "max 100000\n", "sys/fs/cgroup/user/cpu.max": "400000 100000\n"}, 16, 4),
    ({**V2, "sys/fs/cgroup/user/job/cpu.max": "50000 100000\n"}, 16, 1),
    ({**V2, "sys/fs/cgroup/user/memory.max": "4000000000\n", "sys/fs/cgroup/user/job/memory.max": "max\n"}, 16, 5),
    ({**V2, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "2147483648\n"}, 16, 2),
    ({**V2, "proc/self/cgroup": "0::/../../other\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"}, 16, 3),
    ({**V1, "sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": "3221225472\n"}, 16, 4),
    ({**V1, "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 16, 16),
    ({**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
      "sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000\n"}, 16, 3),
    ({**V1, "sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us": "-1\n",
      "sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us": "50000\n"}, 16, 16),
    ({**V2, "proc/self/cgroup": "nonsense\n"}, 4, 4)])
def test_how_many_processes_there_is_room_for(tmp_path, monkeypatch, files, processors, jobs):
    monkeypatch.setattr(pool.os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert pool.room_for(root=tmp_path) == jobs


@pytest.mark.parametrize("folder, fits", [("/tmp/" + "x" * 70, True), ("/tmp/" + "x" * 71, False), ("/ä" * 25, True),
                                          ("/ä" * 26, False), ("/tmp", True)])
def test_room_for_the_names_of_sockets(folder, fits):
    assert pool.short(folder) == (folder if fits else "/tmp")


def test_multiprocessing_takes_a_short_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 80)
    with pool.short_temporary_folder():
        assert tempfile.gettempdir() == "/tmp"
    assert tempfile.gettempdir() == "/tmp/" + "x" * 80


def test_the_names_of_a_kernels_sockets_do_not_depend_on_the_folder_for_temporary_files():
    assert len(notebook.SOCKETS) < 50 and not PurePosixPath(notebook.SOCKETS).is_absolute()
