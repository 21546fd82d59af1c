"""TensorBoard as the course starts it: `./course board` in a terminal, `widgets.tensorboard` in a notebook.

It listens on this machine only, and on a port that was free: one that is taken may belong to another user or to another
copy of the course. Like any TensorBoard it has no password, so other users of the same machine can look at it.
"""
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers.given.console import UserError

FIRST_PORT = 6006  # TensorBoard's own
TRIES = 20
IMAGES = 1000  # that are kept; 0 is "all" for an EventAccumulator, and none for the server (TensorBoard 2.21)
PATIENCE = 60  # seconds for a server to answer: a slow disk, a training beside it
# The server ends with the process that started it, however that ends: its end of the pipe is closed then. Ctrl-C is
# meant for the training: Jupyter sends it to all that a kernel has started.
SERVE = """
import os, signal, sys, threading
from tensorboard.main import run_main
signal.signal(signal.SIGINT, signal.SIG_IGN)
threading.Thread(target=lambda: (sys.stdin.read(), os.kill(os.getpid(), signal.SIGTERM)), daemon=True).start()
run_main()
"""


def start(folder, wanted=None):
    """Start a server for the logs in a folder and below it, and wait until it answers. Returns (process, port).

    All images are kept, up to a thousand of each kind. TensorBoard by itself keeps ten, chosen at random.

    Args:
        wanted: port. None: 6006, or the next free one.
    Raises:
        UserError: TensorBoard is not installed, the port is taken, or the server does not start.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError("TensorBoard is not installed: pip install tensorboard, then start again")
    port = free_port(wanted)
    options = ["--logdir", str(Path(folder).resolve()), "--port", str(port), "--samples_per_plugin", f"images={IMAGES}"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([sys.executable, "-c", SERVE, *options], stdin=subprocess.PIPE, stdout=log,
                                   stderr=log)
        end = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < end:
            if is_taken(port):
                return process, port
            time.sleep(0.1)
        process.kill()
        process.wait()
        log.seek(0)
        told = log.read().decode("utf-8", "replace").strip().splitlines()
    raise UserError(f"TensorBoard did not start{': ' + told[-1] if told else f' within {PATIENCE} seconds'}")


def is_taken(port):
    """True if something on this machine listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port(wanted=None):
    """Return a port that nothing listens on: `wanted`, or 6006 or one of the next."""
    for port in [wanted] if wanted else [*range(FIRST_PORT, FIRST_PORT + TRIES), 0]:  # 0: any that is free
        with socket.socket() as place, contextlib.suppress(OSError):
            if os.name == "posix":  # a server that ended a minute ago is not in the way
                place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not is_taken(port):
                place.bind(("127.0.0.1", port))
                return place.getsockname()[1]
    raise UserError(f"port {wanted} is taken by another program: leave out --port, and a free one is found")


def address(port):
    """Where the browser finds the server. On JupyterHub, and where TENSORBOARD_PROXY_URL is set, it is a path."""
    if template := os.environ.get("TENSORBOARD_PROXY_URL"):  # TensorBoard's own variable, for other such places
        return template.replace("%PORT%", str(port))
    if prefix := os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
        return f"{prefix.rstrip('/')}/proxy/{port}/"  # without the slash at the end its pages are not found
    return f"http://localhost:{port}/"


def advice(port):
    """One line for who cannot reach the server as it is, or None where nothing is in the way."""
    if "JUPYTERHUB_SERVICE_PREFIX" in os.environ and not os.environ.get("TENSORBOARD_PROXY_URL"):
        return (f"This is a JupyterHub: TensorBoard is at {address(port)} on it. If that page is not found, ask the "
                "people who run the hub to install jupyter-server-proxy.")
    if "SSH_CONNECTION" in os.environ and not os.environ.get("TENSORBOARD_PROXY_URL"):
        return (f"This is a remote machine. On your own one run `ssh -L {port}:localhost:{port} "
                f"{socket.gethostname()}` and leave it open, then look at {address(port)}")
    return None
