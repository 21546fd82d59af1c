"""In the process that holds one submission: load it, run probes, answer. Knows no expected value."""
import importlib
import os
import sys
import types

from .wire import pack, read_frame, unpack


def load_module(name, source):
    """Make helpers.<name> from the student's source text."""
    module = types.ModuleType(f"helpers.{name}")
    module.__file__ = f"helpers/{name}.py"
    module.__package__ = "helpers"
    sys.modules[module.__name__] = module
    setattr(importlib.import_module("helpers"), name, module)
    exec(compile(source, module.__file__, "exec"), module.__dict__)
    return module


def describe(error, name):
    """Say in one line what the student's code raised, and on which of its lines."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == f"helpers/{name}.py":
            line = step.tb_lineno
        step = step.tb_next
    text = str(getattr(error, "msg", None) or error)[:1000]
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if line is None else f"{text} ({name}.py, line {line})"


def observe(request, belongings):
    """Run one probe in this process and return the packed observation.

    request["source"] is the student's file, or None if this process has loaded it already.
    """
    name = request["module"]
    try:
        probes = importlib.import_module(f"autograde_tests.probes.{name}")
        restore, changed = belongings.restore, belongings.changed
        module = sys.modules[f"helpers.{name}"] if request["source"] is None else load_module(name, request["source"])
        restore()
        if request["probe"] is None:
            return pack({"kind": "observed", "value": None})
        observed = getattr(probes, request["probe"])(module, **request["inputs"])
        reply = pack({"kind": "observed", "value": observed})
        for owner, what, _ in changed():
            message = f"{name}.py replaces {owner.__name__}.{what}, which is not its own"
            return pack({"kind": "error", "message": message})
        return reply
    except NotImplementedError as error:
        return pack({"kind": "missing", "message": str(error)[:1000] or describe(error, name)})
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
