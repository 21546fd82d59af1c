"""A notebook's kernel, in a fork of a guest that has imported what kernels and notebooks need.

It answers the grader once, when its sockets are there. Whoever executes the notebook talks to it through them.
"""
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import shutil

from . import confine
from .wire import pack, read_frame, write_frame

CONNECTION = "kernel.json"  # in the guest's folder: a Jupyter connection file, new for each kernel
SOCKETS = "sockets"  # beside it: the one folder outside of its own that a kernel may write to
FONTS = "matplotlib"  # beside it: Matplotlib's list of this machine's fonts, if the grader has one
# What takes the time of a kernel's first cells. Some come late: torch's optimisers import its compiler.
IMPORTED = ("matplotlib.font_manager",  # first: imported after others, it was seen to take six times as long
            "ipykernel.kernelapp", "ipykernel.zmqshell", "ipykernel.comm", "ipykernel.debugger", "IPython.core.display",
            "IPython.core.completer", "torch._dynamo", "torchvision", "matplotlib.pyplot",
            "matplotlib.backends.backend_agg", "matplotlib_inline.backend_inline", "mpl_toolkits.mplot3d", "ipywidgets",
            "safetensors.torch", "torch.utils.tensorboard", "pygments.lexers.python", "pygments.formatters.html",
            "pygments.formatters.latex", "tensorboard.backend.event_processing.event_accumulator")
# Assignments whose notebooks measure nothing with torchmetrics: the second that its import takes is saved.
WITHOUT_TORCHMETRICS = "vae", "faces"


def prepare(folder, module):
    """Import it all, and what the course gives, and make what is the same for each submission. What is not here, or not
    whole, a notebook will hear of itself.

    module: name of the graded module.
    """
    with contextlib.suppress(OSError):
        shutil.copytree(os.path.join(folder, FONTS), os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    gc.disable()  # in the end there are ten objects to collect, and to look for them takes a third of a second
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # ipykernel's debugger would complain of Python's own modules
    given = []
    with contextlib.suppress(ImportError):
        package = importlib.import_module("helpers.given")
        given = [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)
                 if module.name != "__main__"]
    for name in (*IMPORTED, *given, f"helpers.given.checks.{module}"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    with contextlib.suppress(Exception):
        make(module)
    if module not in WITHOUT_TORCHMETRICS:
        with contextlib.suppress(Exception):
            importlib.import_module("helpers.given.metrics").torchmetrics()
    gc.freeze()  # before it is switched on: else it would look through all of this at once
    gc.enable()


def make(module):
    """Draw the stand-ins for the data of an assignment's trained work, and train their judges. A notebook finds them in
    the memory of its process, and need not know of it."""
    from helpers.given import datasets, faces, metrics, trained
    for name in sorted({weights.data for weights in trained.declared(module).WEIGHTS}):
        data = datasets.load(name, stand_in=True)
        load_judge = faces.load_judge if module == "faces" else metrics.load_classifier
        load_judge(data, epochs=1)  # as in the smoke profile
    datasets.stand_ins.clear()  # each notebook says for itself that it uses them


def serve(requests, replies, done, folder, limit):
    """Be the kernel, in a process forked for one submission: see observe.serve. Never returns."""
    with os.fdopen(requests, "rb", buffering=0) as stream:
        read_frame(stream, limit)
    confine.end_with_parent()  # it does not wait for requests that end with the guest

    def ready():
        os.write(replies, pack({"kind": "observed", "value": None}))
        os.write(done, b".")

    become(folder, ready)


def alone(requests, replies, folder, limit):
    """The same where processes cannot fork: be the guest and the kernel of one submission. Never returns."""
    write_frame(replies, b"ready")
    for _ in ("plan", "request"):
        read_frame(requests, limit)
    for frame in (pack({"kind": "observed", "value": None}), b"", json.dumps({"spent": False, "over": False}).encode()):
        write_frame(replies, frame)
    become(folder, lambda: None)


def become(folder, ready):
    """Be the kernel in this process. ready: is called when its sockets are there."""
    from ipykernel import iostream, kernelapp

    # Without the TCP socket that it opens beside those of its connection file: what processes forked by the kernel
    # print comes through it. Behind a wall there is none, and ZeroMQ ends its process where it may not ask for one.
    iostream.IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
    importlib.invalidate_caches()  # the graded file has come since the guest looked
    place = os.getcwd()
    os.chdir(folder)  # the sockets' names begin here: the system takes only 107 letters
    app = kernelapp.IPKernelApp.instance()
    app.initialize(["-f", os.path.join(folder, CONNECTION)])
    os.chdir(place)
    ready()
    app.start()
    os._exit(0)
