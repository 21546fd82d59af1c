"""TensorBoard as the course starts it: what is reused, which port, how it ends, what it says if it cannot be seen."""
import importlib.util
import os
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from helpers.given import __main__ as student
from helpers.given import board, widgets
from helpers.given.console import UserError
from helpers.given.course import ROOT


@pytest.fixture
def watched(monkeypatch):
    """Somebody watches, at a machine of their own; no server has been started."""
    monkeypatch.setenv("COURSE_PROFILE", "cpu")
    for name in ("COURSE_HEADLESS", "JUPYTERHUB_SERVICE_PREFIX", "TENSORBOARD_PROXY_URL", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(widgets, "SERVERS", {})


@pytest.fixture
def taken():
    """A port that another program has."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def frames(monkeypatch, watched):
    """Addresses that were shown in a frame, and (folder, process) of the servers that were started, no real ones."""
    import IPython.display
    shown, started = [], []

    def start(folder):
        started.append((folder, SimpleNamespace(poll=lambda: None)))
        return started[-1][1], 7000 + len(started)

    monkeypatch.setattr(IPython.display, "display", lambda frame: shown.append(frame.src))
    monkeypatch.setattr(board, "start", start)
    return shown, started


@pytest.mark.parametrize("name, value", [("COURSE_PROFILE", "smoke"), ("COURSE_HEADLESS", "1")])
def test_no_server_where_nobody_watches(frames, monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    widgets.tensorboard("runs/some")
    assert "./course board" in capsys.readouterr().out and frames == ([], [])


def test_the_panel_reuses_its_own_server_and_no_other(frames, tmp_path, capsys):
    shown, started = frames
    for folder in ("a", "a", "b"):
        widgets.tensorboard(tmp_path / folder)
    assert [folder.name for folder, _ in started] == ["a", "b"]
    assert shown == [f"http://localhost:{port}/" for port in (7001, 7001, 7002)]
    assert "http://localhost:7002/" in capsys.readouterr().out
    started[0][1].poll = lambda: 1  # it has ended meanwhile
    widgets.tensorboard(tmp_path / "a")
    assert shown[-1] == "http://localhost:7003/"


def test_on_a_jupyterhub_it_goes_through_the_hub_and_says_what_may_be_missing(frames, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    widgets.tensorboard(tmp_path)
    assert frames[0] == ["/user/ada/proxy/7001/"]
    assert "people who run the hub to install jupyter-server-proxy" in capsys.readouterr().out
    monkeypatch.setenv("TENSORBOARD_PROXY_URL", "/elsewhere/%PORT%/")
    widgets.tensorboard(tmp_path)
    assert frames[0][-1] == "/elsewhere/7001/" and "hub" not in capsys.readouterr().out


def test_over_ssh_it_says_which_tunnel_to_open(frames, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SSH_CONNECTION", "somewhere 1 here 22")
    widgets.tensorboard(tmp_path)
    assert f"`ssh -L 7001:localhost:7001 {socket.gethostname()}`" in capsys.readouterr().out


def test_a_port_that_is_taken(watched, monkeypatch, taken):
    with pytest.raises(UserError, match=f"port {taken} is taken by another program: leave out --port"):
        board.free_port(taken)
    monkeypatch.setattr(board, "FIRST_PORT", taken)
    assert board.free_port() != taken


def test_not_installed_is_one_line(watched, monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="TensorBoard is not installed: pip install tensorboard"):
        widgets.tensorboard(tmp_path)


def test_a_server_that_does_not_start_says_why(watched, monkeypatch, tmp_path):
    monkeypatch.setattr(board, "SERVE", "raise SystemExit('no space left')")
    with pytest.raises(UserError, match="TensorBoard did not start: no space left"):
        board.start(tmp_path)


def test_board_wants_a_folder(capsys, tmp_path):
    assert student.main(["board", str(tmp_path / "nothing")]) == 2
    assert capsys.readouterr().err.startswith("course: there is no folder")


@pytest.mark.slow
def test_a_real_server_shows_all_images_and_ends_with_the_kernel(watched, tmp_path):
    """In an interpreter of its own, as in a kernel: one that is interrupted, and then killed."""
    script = f'''
import json, os, signal, time, urllib.request
import torch
from helpers.given import training, widgets
log = training.open_log({str(tmp_path)!r})
for epoch in range(1, 13):
    training.write_log(log, {{"d_loss": torch.rand(3)}}, 3 * epoch, epoch, torch.rand(2, 1, 4, 4))
log.close()
widgets.tensorboard({str(tmp_path)!r})
(process, port), = widgets.SERVERS.values()
os.kill(process.pid, signal.SIGINT)
for _ in range(100):
    time.sleep(0.1)
    found = urllib.request.urlopen(f"http://localhost:{{port}}/data/plugin/images/images?run=.&tag=samples&sample=0")
    if images := json.loads(found.read()):
        break
print("images", len(images), "port", port, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
'''
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert "images 12 port" in done.stdout, done.stderr
    port = int(done.stdout.split("port ")[-1])
    for _ in range(50):
        if not board.is_taken(port):
            return
        time.sleep(0.1)
    raise AssertionError("the server is still there")
