"""Runs inside the sandbox, beside the student's code. Knows how to call a probe, knows no expected value.

One process imports torch once and then waits. For each request it forks: the child loads the student's module from
the source text in the request, runs one probe of it, and sends back plain data (JSON for structure, safetensors for
arrays). So an item that loops, exits or breaks the interpreter harms that one request and nothing else.

Started by coursekit.sandbox as `python -I worker.py COURSE_FOLDER OPTIONS`, requests on stdin, replies on stdout.
"""
import ctypes
import importlib
import json
import os
import re
import select
import signal
import struct
import sys
import time
import types

try:
    import resource
except ImportError:  # Windows
    resource = None

PRELOADED = re.compile(rb"^\s*(?:import|from)\s+(torchvision|matplotlib)\b", re.MULTILINE)


def pack(values, tensors):
    """Join a JSON value and named tensors into bytes: length of the JSON, the JSON, the safetensors file."""
    from safetensors.torch import save
    text = json.dumps(values).encode()
    return struct.pack("<Q", len(text)) + text + save(tensors)


def unpack(payload):
    """The opposite of `pack`: (values, tensors). Raises ValueError and safetensors errors on garbage."""
    from safetensors.torch import load
    if len(payload) < 8:
        raise ValueError("too short")
    length, = struct.unpack("<Q", payload[:8])
    if length > len(payload) - 8:
        raise ValueError("cut off")
    return json.loads(payload[8:8 + length]), load(payload[8 + length:])


def read_exactly(stream, count):
    """Read count bytes, or return None at the end of the stream."""
    chunks = []
    while count:
        chunk = stream.read(min(count, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


def read_frame(stream, limit):
    """Read one frame (length, bytes). None at the end of the stream; ValueError if it is longer than the limit."""
    header = read_exactly(stream, 8)
    if header is None:
        return None
    length, = struct.unpack("<Q", header)
    if length > limit:
        raise ValueError(f"a message of {length} bytes, the limit is {limit}")
    return read_exactly(stream, length)


def write_frame(stream, payload):
    stream.write(struct.pack("<Q", len(payload)) + payload)
    stream.flush()


def set_limits(limits):
    """Lower this process's limits for good. Names as in the resource module, without RLIMIT_."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)  # None on Windows, too
        if kind is None:
            continue
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            pass  # macOS refuses some of them; the time limit still holds


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
    text = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}" if str(error) else type(error).__name__
    return text if line is None else f"{text} ({name}.py, line {line})"


def observe(request, tensors):
    """Run one probe in this process and return the packed observation."""
    import torch
    name = request["module"]
    try:
        module = load_module(name, request["source"])
        if request["probe"] is None:
            return pack({"kind": "observed", "value": None}, {})
        probes = importlib.import_module(f"autograde_tests.probes.{name}")
        observed = getattr(probes, request["probe"])(module, **request["values"], **tensors)
        arrays = {key: value.detach().cpu().contiguous().clone() for key, value in observed.items()
                  if isinstance(value, torch.Tensor)}
        return pack({"kind": "observed", "value": {k: v for k, v in observed.items() if k not in arrays}}, arrays)
    except NotImplementedError as error:
        return pack({"kind": "missing", "message": str(error) or describe(error, name)}, {})
    except AttributeError as error:
        kind, message = "error", describe(error, name)
        if error.obj is sys.modules.get(f"helpers.{name}"):
            kind, message = "missing", f"there is no {error.name} in {name}.py"
        return pack({"kind": kind, "message": message}, {})
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the student's code raised them
        return pack({"kind": "error", "message": describe(error, name)}, {})


def answer_in_child(payload, timeout, size_limit, isolated):
    """Fork, let the child observe, and return its reply. Whatever the child started is gone afterwards."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            # The child must not reach the grader: it keeps its own pipe and nothing else.
            os.dup2(writing, 3)
            os.closerange(4, 1 << 12)
            reply = observe(*unpack(payload))
            with os.fdopen(3, "wb") as stream:
                stream.write(reply)
        finally:
            os._exit(0)
    os.close(writing)
    reply, size, deadline, timed_out = [], 0, time.monotonic() + timeout, False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            timed_out = True
            break
        chunk = os.read(reading, 1 << 20)
        size += len(chunk)
        if not chunk or size > size_limit:
            break
        reply.append(chunk)
    os.close(reading)
    if isolated:
        os.kill(-1, signal.SIGKILL)  # everything in the sandbox's own process table but this process
    else:
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
    _, status = os.waitpid(child, 0)
    if timed_out:
        return pack({"kind": "timeout", "message": f"no answer within {timeout:g} seconds"}, {})
    if size > size_limit:
        return pack({"kind": "error", "message": f"the answer is larger than {size_limit >> 20} MB"}, {})
    if not reply:
        how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "ended"
        return pack({"kind": "error", "message": f"the process {how} before it answered"}, {})
    return b"".join(reply)


def main():
    folder, options = sys.argv[1], json.loads(sys.argv[2])
    sys.path.insert(0, folder)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    set_limits(options["limits"])
    if sys.platform == "linux":
        # Students' code runs as the same user: keep this process's memory and pipes from it (PR_SET_DUMPABLE).
        ctypes.CDLL(None).prctl(4, 0)
    import torch
    torch.set_num_threads(1)  # no thread pool before the forks, and the checks are small
    import torch.distributions  # noqa: F401  (slow to import, so not in each child)
    importlib.import_module("safetensors.torch")
    importlib.import_module(f"autograde_tests.probes.{options['module']}")
    write_frame(replies, pack({"kind": "ready"}, {}))
    while (payload := read_frame(requests, options["size_limit"])) is not None:
        request, _ = unpack(payload)
        for library in PRELOADED.findall(request["source"].encode()):
            importlib.import_module({b"matplotlib": "matplotlib.pyplot"}.get(library, library.decode()))
        if hasattr(os, "fork"):
            reply = answer_in_child(payload, request["timeout"], options["size_limit"], options["isolated"])
        else:  # Windows: the grader stops this process when time is up, and starts another
            reply = observe(*unpack(payload))
        write_frame(replies, reply)


if __name__ == "__main__":
    main()
