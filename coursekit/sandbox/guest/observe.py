"""In the process that holds one submission: load it, run probes, answer. Knows no expected value."""
import importlib
import os
import sys

from .load import load_module
from .wire import pack, read_frame, unpack


def describe(error, name):
    """Say in one line what the student's code raised, on which of its lines, and what the layer that raised was fed."""
    engine, folder = sys.modules["helpers.given.checks.engine"], sys.modules["helpers"].__path__[0]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == os.path.join(folder, f"{name}.py"):
            line = step.tb_lineno
        step = step.tb_next
    text = str(getattr(error, "msg", None) or error)[:1000].replace(folder + os.sep, "")
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    told = text if line is None else f"{text} ({name}.py, line {line})"
    return f"{told}: {fed}" if (fed := engine.fed(error)) else told


def observe(request, belongings):
    """Run one probe in this process and return the packed observation.

    request["source"] is the student's file, or None if this process has loaded it already. Without a probe, what is
    observed is the list of the imports that are not here, see `load_module`.
    """
    name = request["module"]
    try:
        import torch  # here: who imports this file need not
        probes = importlib.import_module(f"autograde_tests.probes.{name}")
        restore, changed = belongings.restore, belongings.changed
        module, absent = sys.modules.get(f"helpers.{name}"), []
        if request["source"] is not None:
            module, absent = load_module(name, request["source"])
        restore()
        if request["probe"] is None:
            return pack({"kind": "observed", "value": absent})
        # oneDNN compiles a kernel for each shape that it meets. A check asks for a few images, of many shapes, and has
        # its answer sooner without. Trained work, which is asked with its weights, has many images of one shape.
        torch.backends.mkldnn.enabled = "weights" in request["inputs"]
        observed = getattr(probes, request["probe"])(module, **request["inputs"])
        reply = pack({"kind": "observed", "value": observed})
        for owner, what, _ in changed():
            message = f"{name}.py replaces {owner.__name__}.{what}, which is not its own"
            return pack({"kind": "error", "message": message})
        return reply
    except NotImplementedError as error:
        kind = "missing" if sys.modules["helpers.given.checks.engine"].is_gap(error) else "error"
        told = describe(error, name)
        return pack({"kind": kind, "message": told if kind == "error" else str(error)[:1000] or told})
    except AttributeError as error:
        kind, message = "error", describe(error, name)
        if error.obj is sys.modules.get(f"helpers.{name}"):
            kind, message = "missing", f"there is no {error.name} in {name}.py"
        return pack({"kind": kind, "message": message})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the student's code raised them
        return pack({"kind": "error", "message": describe(error, name)})


def serve(requests, replies, done, belongings, limit):
    """Answer one request after the other, in a process forked for one submission. Never returns."""
    import torch
    requests, replies = os.fdopen(requests, "rb", buffering=0), os.fdopen(replies, "wb", buffering=0)
    generator = None
    while (payload := read_frame(requests, limit)) is not None:
        if generator is not None:
            torch.set_rng_state(generator)  # every probe draws what it would draw as the first one
        reply = observe(unpack(payload), belongings)
        if generator is None:
            generator = torch.get_rng_state()
        rest = memoryview(reply)
        while rest:
            rest = rest[replies.write(rest):]
        os.write(done, b".")
    os._exit(0)
