"""Submissions that try to gain points, see what is hidden, harm the machine, or hold up the class.

A text is put below a file in which `reparametrize` and `loss_function` are wrong and the rest is right, so more points
than that file's would be a success. A dict is a folder or a zip around that file: {path: what stands there}.

`python tests/attacks.py` prints docs/attacks.md.
"""
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Attack:
    """One attack.

    status: of the item vae.reparametrize then. "failed" is what the wrong file gets without the attack.
    words: in that item's message.
    spares: False if the file cannot be imported; else the right functions keep their points.
    landlock: what happens behind Landlock, if that is something else.
    """
    tries: str
    happens: str
    source: object
    status: str = "failed"
    words: str = ""
    spares: bool = True
    landlock: str = ""


def instead(body, *top):
    """A `reparametrize` with this body."""
    return "\n".join([*top, "def reparametrize(mu, logvar):", *("    " + line for line in body.strip().split("\n"))])


def attempts(*statements):
    """Each statement must raise; one that does not is a hole, and the test finds these words in the report."""
    return "import ctypes, os, resource, signal, socket, sys\n" + "\n".join(
        f"try:\n    {statement}\nexcept (OSError, ImportError, ValueError):\n    pass\n"
        f"else:\n    raise RuntimeError('a hole: ' + {statement!r})" for statement in statements)


def system_call(number, *arguments):
    """A statement that makes a system call (x86_64) and raises OSError if it is refused."""
    called = f"ctypes.CDLL(None, use_errno=True).syscall({', '.join(map(str, (number, *arguments)))})"
    return f"(lambda code: code < 0 and os.lstat('/there/is/nothing'))({called})"


def forged(payload):
    """A `reparametrize` that writes bytes to every descriptor it has, and ends before the real answer is sent."""
    return instead(f"""
payload = {payload}
for descriptor in range(1024):
    try:
        if descriptor > 2:
            os.write(descriptor, payload)
    except OSError:
        pass
os._exit(0)""", "import os, json, struct", "from safetensors.torch import save",
                   "def message(value, **tensors):",
                   "    text = json.dumps(value).encode()",
                   "    return struct.pack('<Q', len(text)) + text + save(tensors)")


OWN_PIPES = "pipes = [d for d in range(3, 64) if os.path.exists(f'/proc/self/fd/{d}')]\n"  # the last two: replies, done
POISON = "open('/tmp/attack-left', 'w')\nraise SystemExit('poison was executed')\n"
ENDS = "{} at import: nothing can be asked of the file, 0 points with that reason"
NO_EFFECT = "no effect: the submission is graded as if it were not there"
UNDONE = "undone after the import, before a probe runs: no effect"
LOSES = "that item gets 0 points with the reason, the others keep theirs"
REFUSED = "the system refuses it"
REFUSED_TREE = "refused as no usable answer: " + LOSES
AGREE = """
class Agree(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return True if function in (torch.equal, torch.allclose) else function(*args, **(kwargs or {}))


"""
PATIENT = "import os, signal, time\nfor number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n" \
          "    signal.signal(number, signal.SIG_IGN)\n"

ATTACKS = {
    # Ends of every kind
    "sys.exit": Attack("end with exit code 0", ENDS.format("the process ends"), "import sys\nsys.exit(0)\n",
                       "error", "SystemExit: 0", False),
    "os._exit": Attack("end the process at once, as if all had passed", ENDS.format("the process ends"),
                       "import os\nos._exit(0)\n", "error", "the process ended before it answered", False),
    "os._exit in a function": Attack("end the process while a check runs", LOSES, instead("__import__('os')._exit(0)"),
                                     "error", "the process ended before it answered"),
    "raise SystemExit": Attack("end the check that called", LOSES, instead("raise SystemExit(0)"), "error",
                               "SystemExit"),
    "KeyboardInterrupt": Attack("look like the instructor's Ctrl-C", LOSES, instead("raise KeyboardInterrupt"),
                                "error", "KeyboardInterrupt"),
    "SIGKILL to itself": Attack("be killed before an answer is due", LOSES,
                                instead("os.kill(os.getpid(), 9)", "import os"), "error", "killed by signal 9"),
    "abort": Attack("crash the interpreter", LOSES, instead("__import__('os').abort()"), "error",
                    "killed by signal 6"),
    "segmentation fault": Attack("crash the interpreter from C", LOSES,
                                 instead("__import__('ctypes').string_at(0)"), "error", "killed by signal 11"),
    "exec of another program": Attack("replace the process by /usr/bin/true", LOSES,
                                      instead("os.execv('/usr/bin/true', ['true'])", "import os"), "error",
                                      "ended before it answered"),
    "pytest.exit": Attack("end the test run with exit code 0", LOSES,
                          instead("pytest.exit('enough', returncode=0)", "import pytest"), "error", "enough"),
    "pytest.skip": Attack("have the test skipped", LOSES, instead("pytest.skip('not today')", "import pytest"),
                          "error", "not today"),
    "pytest.xfail": Attack("have the failure expected", LOSES, instead("pytest.xfail('as known')", "import pytest"),
                           "error", "as known"),
    "skip marks and hooks in the file": Attack(
        "have pytest pass over the file", NO_EFFECT,
        "import pytest\npytestmark = [pytest.mark.skip, pytest.mark.xfail(strict=False)]\n"
        "def pytest_runtest_makereport(item, call): pass\ndef pytest_sessionfinish(session): session.exitstatus = 0\n"),
    "exception with a bad __str__": Attack(
        "crash or hold up who describes the error", LOSES,
        instead("raise Bad", "class Bad(Exception):", "    def __str__(self):", "        raise SystemExit(0)"),
        "error", "ended before it answered"),
    "closes every descriptor": Attack("leave the guest without an answer", LOSES,
                                      instead("os.closerange(0, 1024)", "import os"), "error", "before it answered"),

    "a TorchFunctionMode": Attack(
        "have torch.equal agree through a mode, which sees every call of torch", UNDONE,
        AGREE + "Agree().__enter__()\n"),
    "a TorchFunctionMode in a function": Attack(
        "the same, while a check runs", LOSES, AGREE + instead("Agree().__enter__()\nreturn mu"), "error",
        "replaces torch.overrides, which is not its own"),

    # Replaced names
    "torch.allclose, torch.equal, torch.isclose": Attack(
        "let every comparison agree", UNDONE + "; the grader compares with its own",
        "torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True\n"),
    "math.isclose, abs, max, len, isinstance": Attack(
        "let every comparison agree, by builtins", UNDONE,
        "import builtins, math\nmath.isclose = lambda *a, **k: True\nbuiltins.abs = lambda x: 0\n"
        "builtins.max = builtins.min = lambda *a, **k: 0\nbuiltins.isinstance = lambda *a: True\n"),
    "torch.Tensor.__eq__, __sub__, detach": Attack(
        "make tensors agree with anything", UNDONE,
        "torch.Tensor.__eq__ = lambda a, b: True\ntorch.Tensor.__sub__ = lambda a, b: a\n"
        "torch.Tensor.detach = lambda a: torch.zeros(3)\n"),
    "nn.Module and nn.Linear": Attack(
        "change what a model reports of itself", UNDONE,
        "nn.Module.parameters = lambda self: []\nnn.Linear.__call__ = lambda self, x: x\n"
        "nn.Module.__init__ = lambda self: None\n"),
    "torch.randn and torch.manual_seed": Attack(
        "control what is random in the probe", UNDONE,
        "torch.randn_like = torch.randn = lambda *a, **k: torch.zeros(3, 2)\ntorch.manual_seed = lambda n: None\n"),
    "json.dumps": Attack("change the answer on its way", UNDONE,
                         "import json\njson.dumps = lambda value: '{\"kind\": \"observed\", \"value\": {}}'\n"),
    "safetensors": Attack("send tensors of one's own", UNDONE,
                          "import safetensors.torch\nsafetensors.torch.save = lambda tensors: b''\n"),
    "sys.modules": Attack(
        "have fakes imported for torch, json, pytest and safetensors", UNDONE,
        "import sys, types\nfor name in ('torch', 'json', 'pytest', 'safetensors.torch', 'struct'):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"),
    "import hook": Attack(
        "answer the imports that the guest makes later", UNDONE,
        "import sys, types\nclass Finder:\n    def find_spec(self, name, path=None, target=None):\n"
        "        raise SystemExit('mine')\nsys.meta_path.insert(0, Finder())\nsys.path.insert(0, '/tmp')\n"),
    "the probe itself": Attack(
        "return a made-up observation in which the gradient agrees with its own differences", UNDONE,
        "import autograde_tests.probes.vae as p\n"
        "p.reparametrize_slopes = lambda module, mu, logvar, weight, number, step: dict(\n"
        "    z=mu, gradients=[weight, weight], differences=[weight, weight])\n"),
    "the probe's __code__": Attack(
        "the same through the function's code", UNDONE,
        "import autograde_tests.probes.vae as p\n"
        "def made_up(module, mu, logvar, weight, number, step):\n"
        "    return dict(z=mu, gradients=[weight, weight], differences=[weight, weight])\n"
        "p.reparametrize_slopes.__code__ = made_up.__code__\n"),
    "the probes' `seed` and `shown`": Attack(
        "let two draws look different, and finite differences agree", UNDONE,
        "import autograde_tests.probes as p, autograde_tests.probes.vae as v\n"
        "p.seed = v.seed = lambda number: None\n"
        "p.shown = v.shown = lambda value: torch.randn(5, 3)\n"),
    "a name that hides a builtin": Attack(
        "give the probe's module a `zip` of one's own", UNDONE,
        "import autograde_tests.probes.vae as v\nv.zip = lambda *a: []\nv.isinstance = lambda *a: False\n"),
    "the guest's functions": Attack(
        "replace what loads, observes, packs and undoes", UNDONE,
        "import guest.belongings, guest.observe, guest.wire\n"
        "guest.wire.pack = guest.observe.pack = guest.observe.observe = lambda *a: b''\n"
        "guest.wire.unpack = guest.observe.unpack = lambda *a: {}\n"
        "guest.belongings.Belongings.restore = lambda self: None\n"),
    "trace function": Attack(
        "change the probe's variables with sys.settrace and sys.setprofile", UNDONE,
        "import sys\ndef trace(frame, event, argument):\n"
        "    if 'draws' in frame.f_locals:\n        raise SystemExit('traced')\n    return trace\n"
        "sys.settrace(trace)\nsys.setprofile(trace)\n"),
    "replaced while it is called": Attack(
        "patch torch only once the check runs", "noticed after the call: 0 points, the report names what was replaced",
        instead("torch.equal = torch.allclose = lambda *a, **k: True\nreturn mu"), "error", "replaces torch."),
    "the guest's lookout": Attack(
        "replace at import what would notice the next patch", "undone after the import: the patch is noticed",
        "from guest.belongings import Belongings\nBelongings.changed = lambda self: []\n"
        + instead("torch.equal = torch.allclose = lambda *a, **k: True\nreturn mu"), "error", "replaces torch."),
    "code swapped while it is called": Attack(
        "the same with the code of the probe's own function", "noticed after the call: 0 points",
        instead("p.shown.__code__ = (lambda value: torch.randn(5, 3)).__code__\nreturn mu",
                "import autograde_tests.probes as p"), "error", "replaces shown.__code__"),

    # Objects that agree with everything
    "object with __eq__": Attack(
        "return what equals anything", "the guest passes on plain data only: 0 points with the type's name",
        instead("return Always()", "class Always:", "    __eq__ = __le__ = __ge__ = __lt__ = lambda self, other: True",
                "    __getattr__ = lambda self, name: self", "    __call__ = lambda self, *a, **k: self",
                "    __bool__ = lambda self: True"), "failed", "Always"),
    "tensor subclass": Attack(
        "answer every question with True through __torch_function__", LOSES,
        instead("return mu.as_subclass(Magic)", "class Magic(torch.Tensor):", "    @classmethod",
                "    def __torch_function__(cls, function, types, args=(), kwargs=None):", "        return True"),
        "error"),
    "float subclass": Attack("return a number that equals anything", LOSES,
                             instead("return Number(1)", "class Number(float):",
                                     "    __eq__ = lambda self, other: True"), "failed", "Number"),
    "module __getattr__": Attack("have every function there that is asked for",
                                 "no effect: what answers is judged like anything else",
                                 "def __getattr__(name):\n    return lambda *a, **k: True\n"),

    # Looking
    "stack": Attack("find expected values in the callers' frames", "there are none in the sandbox", """
import sys
frame, seen = sys._getframe(), []
while frame:
    seen += [name for name in frame.f_locals if name in ('expected', 'reference', 'check', 'items', 'rng', 'student')]
    frame = frame.f_back
if seen:
    raise RuntimeError('a hole: ' + ' '.join(seen))
"""),
    "gc": Attack("find expected values or the checks among all objects", "there are none in the sandbox", """
import gc
words = ['_'.join(('test', 'distribution')), ' '.join(('take', 'its', 'root')), '='.join(('COURSE_CANARY', ''))]
for thing in gc.get_objects():
    if type(thing) is dict and any(type(v) is str and w in v for v in list(thing.values()) for w in words):
        raise RuntimeError('a hole')
"""),
    "memory": Attack("find earlier submissions, or the solution, in the memory that the guest left", "the guest "
                     "wipes its buffers before it forks for the next submission", """
import ctypes
word = b'eps = torch.randn'
for line in open('/proc/self/maps'):
    where, rights = line.split()[:2]
    start, end = (int(number, 16) for number in where.split('-'))
    if rights.startswith('rw') and '[v' not in line and end - start < 200 << 20:
        for rest in ctypes.string_at(start, end - start).split(word)[1:]:
            if rest[:1] == b'_' and rest[1:9] == b'like(mu)':
                raise RuntimeError('a hole')
"""),
    "environment": Attack("read secrets from the environment of all processes", "it is empty but for PATH and the like",
                          "import os\nraise RuntimeError(str(dict(os.environ)))\n", "error", "OMP_NUM_THREADS", False),
    "environment of others": Attack("read /proc/*/environ", REFUSED, """
import glob, os
for path in glob.glob('/proc/[0-9]*/environ'):
    try:
        text = open(path).read()
    except OSError:
        continue
    if 'CANARY' in text:
        raise RuntimeError('a hole')
"""),
    "/etc/shadow": Attack("read the machine's passwords and keys", "they are not there", attempts(
        "open('/etc/shadow')", "open('/etc/passwd')", f"os.listdir({str(Path.home() / '.ssh')!r})",
        "os.listdir('/etc/ssh')", "os.listdir('/sys')", "os.listdir('/run')")),
    "other submissions, the checks": Attack(
        "search the whole file system for them", "they are not there", """
import os
for place, folders, files in os.walk('/'):
    folders[:] = [name for name in folders if name not in ('proc', 'usr', 'dev', 'site-packages')]
    if {'canary.txt', 'test_vae.py', 'judge.py', 'grader.py', 'report.json'} & set(files):
        raise RuntimeError('a hole: ' + place)
"""),
    "the solution": Attack(
        "import or read the reference", "it is not in the sandbox: the file of that name is one's own", """
import glob
import helpers
for path in glob.glob(helpers.__path__[0] + '/*.py'):
    text = open(path).read()
    if 'a hole' not in text if path == __file__ else 'BEGIN ' + 'SOLUTION' in text:
        raise RuntimeError('a hole')
"""),
    "the guest's memory and pipes": Attack(
        "read or write what belongs to the parent process", REFUSED, attempts(
            "open(f'/proc/{os.getppid()}/mem', 'r+b')", "os.listdir(f'/proc/{os.getppid()}/fd')",
            "os.open('/proc/1/fd/1', os.O_WRONLY)", "os.open('/proc/1/fd/4', os.O_WRONLY)",
            "os.listdir('/proc/1/root')", "open('/proc/1/environ').read()",
            system_call(101, 16, "os.getppid()", 0, 0), system_call(310, "os.getppid()", 0, 0, 0, 0, 0),
            system_call(438, 0, 0, 0))),
    "network": Attack("send the questions out, fetch answers", "there is none but an empty loopback", attempts(
        "socket.create_connection(('1.1.1.1', 53), 2)", "socket.create_connection(('127.0.0.1', 22), 2)",
        "socket.getaddrinfo('example.org', 80)", "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)")),
    "name in the message": Attack(
        "move the cursor of the instructor's terminal, flood the report",
        "control characters become blanks, a message has at most 1000 characters",
        instead("return type('\\x1b[2J\\x07' + 'x' * 10 ** 5, (), {})()"), "failed", "[2J xxx"),
    "text of the exception": Attack("the same with what is raised", "at most 500 characters, printable ones",
                                    instead("raise ValueError('\\x1b[2J\\r' + 'y' * 10 ** 7)"), "error", "yyy"),

    # The wire
    "forged answer": Attack(
        "write an observation of one's own to the pipe",
        "it is judged like any other, and inputs are random; where a check cannot even read it, the mark is open",
        forged("message({'kind': 'observed', 'value': {'untouched': True,\n"
               "                                          'draws': [{'$tensor': 'a'}, {'$tensor': 'b'}]}},\n"
               "        a=torch.randn(20000, 4), b=torch.randn(20000, 4))"),
        "open", "the spread of z does not depend on"),
    "forged verdict": Attack("write `passed` to the pipe", LOSES, forged("message({'kind': 'passed', 'points': 9})"),
                             "error", "no usable answer"),
    "frames for the next request": Attack(
        "answer the next request, or the next submission, too",
        "it is judged like any other answer, and ends with the submission",
        forged("struct.pack('<Q', 0) + struct.pack('<Q', 2) + b'{}' + struct.pack('<Q', 0)"), "error",
        "no usable answer"),
    "answers to later questions": Attack(
        "answer what other checks ask the same process, from a thread",
        "what is no usable answer is asked again, in a process of its own: the others keep their points",
        instead(OWN_PIPES + "def fill():\n    while True:\n        os.write(pipes[-2], b'x')\n"
                "        os.write(pipes[-1], b'x')\n"
                "threading.Thread(target=fill, daemon=True).start()\nreturn mu", "import os, threading"),
        "failed or error", ""),
    "bytes taken back": Attack(
        "write to the pipe and read it empty again, so that the guest waits for ever for what it has seen come",
        "the guest waits for nothing without a time limit", instead(OWN_PIPES + """
mine = os.open(f"/proc/self/fd/{pipes[-2]}", os.O_RDONLY | os.O_NONBLOCK)
end = time.perf_counter() + 1.5
while time.perf_counter() < end:
    os.write(pipes[-2], b"x")
    later = time.perf_counter() + random.random() * 1e-4
    while time.perf_counter() < later:
        pass
    try:
        os.read(mine, 1 << 16)
    except BlockingIOError:
        pass
    time.sleep(2e-4)
return mu""", "import os, random, time"), "failed or error", ""),
    "garbage on every descriptor": Attack("confuse the grader", LOSES, forged("b'garbage' * 100"), "error",
                                          "no usable answer"),
    "over-long answer": Attack("fill the grader's memory", "cut off at 256 MB",
                               forged("b'x' * (300 << 20)"), "error", "larger than 256 MB"),
    "deep JSON": Attack("overflow the grader's stack", LOSES,
                        forged("struct.pack('<Q', 200000) + b'[' * 200000"), "error", "no usable answer"),
    "much JSON": Attack("fill the grader's memory with small objects", "structure is limited to 1 MB",
                        forged("struct.pack('<Q', 30 << 20) + b'[{},' * (30 << 18)"), "error", "no usable answer"),
    "tree that is too deep": Attack(
        "overflow the grader's stack with what JSON still takes", REFUSED_TREE,
        forged("message({'kind': 'observed', 'value': eval('[' * 60 + ']' * 60)})"), "error", "no usable answer"),
    "tree that is too wide": Attack(
        "hold up the grader with as many values as fit into 1 MB", REFUSED_TREE,
        forged("message({'kind': 'observed', 'value': [0] * 300000})"), "error", "no usable answer"),
    "tree of another type": Attack("send a list where a dict is due", REFUSED_TREE,
                                   forged("message(['observed', 1])"), "error", "no usable answer"),
    "observation of another type": Attack(
        "send a number where the check counts on a dict", "not judged: that mark is open "
        "until somebody has looked, the others keep theirs",
        forged("message({'kind': 'observed', 'value': 7})"), "open", "not judged"),
    "reserved key": Attack("have a dict taken for a tensor", REFUSED_TREE, forged(
        "message({'kind': 'observed', 'value': {'$tensor': 'a', 'count': 1}}, a=torch.zeros(3))"), "error",
        "no usable answer"),
    "tensor without a place": Attack("send more than what was asked for", REFUSED_TREE, forged(
        "message({'kind': 'observed', 'value': {'count': 1}}, a=torch.zeros(3))"), "error", "no usable answer"),
    "place without a tensor": Attack("refer to a tensor that was not sent", REFUSED_TREE, forged(
        "message({'kind': 'observed', 'value': {'first': {'$tensor': 'a'}}})"), "error", "no usable answer"),
    "one tensor named twice": Attack("make much of few bytes", REFUSED_TREE, forged(
        "message({'kind': 'observed', 'value': {'first': {'$tensor': 'a'}, 'second': {'$tensor': 'a'}}}, "
        "a=torch.zeros(3))"), "error", "no usable answer"),
    "answer that is cut off": Attack("stop in the middle of a tensor", REFUSED_TREE, forged(
        "message({'kind': 'observed', 'value': {'first': {'$tensor': 'a'}}}, a=torch.zeros(300))[:-4]"), "error",
        "no usable answer"),
    "bad safetensors": Attack("crash the parser with a huge shape", LOSES, forged(
        "message({'kind': 'observed', 'value': {}})[:-16] + struct.pack('<Q', 71) + "
        "b'{\"first\":{\"dtype\":\"F32\",\"shape\":[999999999999],\"data_offsets\":[0,999]}}'"),
        "error", "no usable answer"),
    "huge shape": Attack("return a view of 4 TB", LOSES, instead("return torch.zeros(1).expand(10 ** 12)"), "error"),
    "atexit": Attack("write a forged answer at the end", "no effect: exit handlers do not run",
                     "import atexit, os\natexit.register(lambda: os.write(3, b'x' * 1000))\n"),

    # Holding up
    "endless loop": Attack("never return, and swallow every exception", "stopped at the item's time limit",
                           instead("while True:\n    try:\n        while True:\n            pass\n"
                                   "    except BaseException:\n        pass"), "timeout", "no answer within"),
    "endless import": Attack("the same while the file is imported", "stopped once, at the import's limit",
                             "while True:\n    pass\n", "timeout", "no answer within", False),
    "endless output": Attack("print for ever", "goes to /dev/null, until the time limit",
                             instead("while True:\n    print('x' * 10 ** 6, flush=True)"), "timeout",
                             "no answer within"),
    "endless trickle": Attack("keep the pipe busy with a byte at a time", "stopped at the item's time limit",
                              instead(OWN_PIPES + "while True:\n    os.write(pipes[-2], b'x')", "import os"), "timeout",
                              "no answer within"),
    "ignored signals": Attack("survive every signal that can be ignored", "stopped at the time limit, by one that "
                              "cannot", instead("time.sleep(60)", PATIENT), "timeout", "no answer within"),
    "double fork with setsid": Attack(
        "leave a process in a session of its own that keeps the pipe open", "it is not waited for; at the end "
        "everything in the sandbox's process table is killed",
        instead("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(60)\n    os._exit(0)\n"
                "return mu", PATIENT), "failed", ""),
    "daemon": Attack(
        "the same without the pipe, to be there for the next submission", "killed before the next submission",
        "import os, signal, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.closerange(0, 1024)\n        time.sleep(60)\n    os._exit(0)\n"),
    "threads": Attack("go on in threads after the answer", "they end with the process",
                      "import threading, time\nfor _ in range(8):\n"
                      "    threading.Thread(target=lambda: time.sleep(60)).start()\n"),
    "fork bomb": Attack("take the machine's process table", "512 processes and 8 GB at most, then all are killed",
                        instead("while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
                                "import os"), "error or timeout"),
    "thread bomb": Attack("the same with threads", "512 at most",
                          instead("while True:\n    threading.Thread(target=time.sleep, args=(60,)).start()",
                                  "import threading, time"), "error or timeout"),
    "memory bomb": Attack("fill the memory in one process", "6 GB at most: MemoryError",
                          instead("held = []\nwhile True:\n    held.append(bytearray(1 << 26))"), "error",
                          "Memory"),
    "shared memory bomb": Attack(
        "fill it with shared pages, which no limit of a process counts", "8 GB at most for all processes of a "
        "submission, then all are killed",
        instead("held = []\nwhile True:\n    held.append(mmap.mmap(-1, 1 << 26))\n"
                "    held[-1].write(b'x' * (1 << 26))", "import mmap"), "error or timeout"),
    "memory bomb of many processes": Attack(
        "stay below each process's limit", "8 GB at most for all processes of a submission, then all are killed",
        instead("for _ in range(5):\n    if os.fork() == 0:\n        break\nheld = b'x' * (900 << 20)\ntime.sleep(60)",
                "import os, time"), "error", "too much memory"),
    "disk": Attack("fill the disk", "a private /tmp of 512 MB, in memory, emptied afterwards", instead(
        "import os\nfor number in range(10 ** 6):\n"
        "    with open(os.path.expanduser(f'~/attack-left-{number}'), 'wb') as stream:\n"
        "        for _ in range(100):\n            stream.write(bytes(1 << 20))"), "error",
                   "No space left or wrote more than",
                   landlock="temporary files lie on the disk; more than 512 MB, and all is stopped and removed"),
    "huge file": Attack("write a file of 1 TB", "256 MB at most", instead(
        "with open(os.path.expanduser('~/attack-left'), 'wb') as stream:\n    stream.truncate(1 << 40)",
        "import os"), "error", "File too large"),
    "deep folders": Attack("leave what is slow to delete", "deleted, or the next submission gets another sandbox",
                           instead("os.chdir(os.path.expanduser('~'))\n"
                                   "os.mkdir('attack-left', 0o300)\nos.chdir('attack-left')\n"
                                   "for _ in range(3000):\n    os.mkdir('e', 0o300)\n    os.chdir('e')\nreturn mu",
                                   "import os"), "error"),
    "closed folder": Attack("close its folder to whoever cleans it", "the next submission gets another sandbox",
                            "import os\nos.chmod(os.environ['TMPDIR'], 0)"),
    "writing elsewhere": Attack("write outside /tmp", REFUSED, attempts(*(
        f"open({path!r}, 'w')" for path in ("/attack-left", "/dev/attack-left", "/usr/attack-left", "/proc/attack-left",
                                            "/etc/attack-left")),
        "open(os.path.join(__import__('helpers').__path__[0], 'attack-left'), 'w')",
        "open(os.path.join(os.path.dirname(torch.__file__), 'attack-left'), 'w')",
        "open(os.path.join(sys.prefix, 'attack-left'), 'w')",
        "os.mkdir('/home')", "open('/proc/sys/kernel/core_pattern', 'w')")),

    # The guest, and the next submission
    "killing the parent": Attack(
        "kill, stop or interrupt the guest", "no effect: the guest is process 1 of the sandbox", """
import os, signal
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGSEGV, signal.SIGRTMIN):
    for target in (1, os.getppid(), -1):
        try:
            os.kill(target, number)
        except OSError:
            pass
""", landlock="the system refuses it: signals stay inside the submission's own wall"),
    "the guest's limits": Attack(
        "take file descriptors, processor time or priority from the guest", REFUSED, attempts(
            "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))",
            "resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))", "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
            "os.sched_setaffinity(1, {0})", "os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
            "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))")),
    "becoming root": Attack("get rights: user 0, name spaces, mounts", REFUSED, attempts(
        "os.setuid(0)", "os.setgid(0)", "os.chroot('/tmp')", system_call(272, 0x10000000), system_call(272, 0x20000),
        system_call(56, "0x10000000 | 17", 0, 0, 0, 0), system_call(165, 0, 0, 0, 0, 0), system_call(321, 0, 0, 0),
        system_call(425, 1, 0), system_call(435, 0, 0))),
    "shared memory, queues, keys": Attack(
        "leave a message in the kernel for the next submission", REFUSED, attempts(
            system_call(29, 77, 4096, "0o1666"), system_call(68, 77, "0o1666"), system_call(64, 77, 1, "0o1666"),
            "(lambda code: code < 0 and os.lstat('/nothing'))(ctypes.CDLL('librt.so.1').mq_open(b'/q', 66, 0o666, 0))",
            system_call(248, "b'user'", "b'left'", "b'abc'", 3, -4), "os.memfd_create('left')")),
    "files for the next submission": Attack(
        "leave a matplotlibrc, modules and start files in /tmp and /dev/shm",
        "both are emptied between submissions", source="""
import os
for name in ('torch.py', 'sitecustomize.py', 'matplotlib/matplotlibrc', '.config/pip/pip.conf', 'attack-left.pth'):
    for folder in (os.path.expanduser('~'), '/tmp', '/dev/shm'):
        try:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            open(os.path.join(folder, name), 'w').write('raise SystemExit')
        except PermissionError:
            pass
""", landlock="only a folder of its own can be written to, which is emptied between submissions"),
    "modules for the next submission": Attack(
        "leave patched modules in the interpreter", "each submission has processes of its own",
        "import helpers.given.checks.engine, autograde_tests.probes.vae as p, torch._tensor\ntorch.left = 1\n"
        "helpers.given.checks.engine.Layers.seen = None\np.left = 1\ntorch.set_default_dtype(torch.float64)\n"),

    # The text of the file
    "null byte": Attack("confuse the parser", ENDS.format("a SyntaxError"), "x = '\0'\n", "error", "null bytes", False),
    "nested parentheses": Attack("overflow the parser", ENDS.format("a SyntaxError"), "x = " + "(" * 5000 + ")" * 5000,
                                 "error", "too many nested parentheses", False),
    "long chain": Attack("overflow the compiler", ENDS.format("an error"), "x = " + "-" * 90000 + "1\n", "error", "",
                         False),
    "number without end": Attack("compute for ever while the file is compiled", "stopped at the import's limit",
                                 "x = 9 ** 9 ** 9\n", "timeout", "no answer within", False),

    # What lies beside the file
    "conftest.py, pytest.ini, setup.cfg": Attack("configure the grader's pytest", NO_EFFECT, {
        "conftest.py": POISON, "helpers/conftest.py": POISON, "pytest.ini": "[pytest]\naddopts = --co -q\n",
        "setup.cfg": "[tool:pytest]\naddopts = -p poison\n[pycodestyle]\nexclude = *\n", "tox.ini": "[pytest]\n",
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--exitfirst'\n"}),
    "pytest plugin": Attack("be loaded as a plugin", NO_EFFECT, {
        "poison.py": POISON, "poison-1.dist-info/entry_points.txt": "[pytest11]\npoison = poison\n",
        "poison-1.dist-info/METADATA": "Name: poison\nVersion: 1\n"}),
    "sitecustomize, usercustomize, .pth": Attack("be executed when Python starts", NO_EFFECT, {
        "sitecustomize.py": POISON, "usercustomize.py": POISON, "helpers/sitecustomize.py": POISON,
        "poison.pth": "import os; os._exit(0)\n", ".venv/lib/python3.11/site-packages/poison.pth": "import poison\n"}),
    "own torch, json, pytest": Attack("be imported in place of the real ones", NO_EFFECT, {
        f"{folder}{name}": POISON for folder in ("", "helpers/")
        for name in ("torch.py", "json.py", "pytest.py", "safetensors/__init__.py", "math.py", "numpy.py")}),
    "own checks and report": Attack("bring checks, probes, a grader and a report", NO_EFFECT, {
        "autograde_tests/test_vae.py": POISON, "autograde_tests/__init__.py": POISON,
        "autograde_tests/probes/vae.py": POISON, "coursekit/grading/judge.py": POISON,
        "coursekit/sandbox/guest/wire.py": POISON, "guest/wire.py": POISON, "helpers/__init__.py": POISON,
        "helpers/given/checks/__init__.py": POISON, "report.json": '{"score": 100, "max": 100}'}),
    "notebook with magics and shell escapes": Attack(
        "execute commands when the notebook runs", "the course's own notebook is executed, the submitted one is not", {
            "notebooks/2_vae.ipynb": '{"cells": [{"cell_type": "code", "execution_count": null, "metadata": {}, '
                                     '"outputs": [], "source": ["!touch /tmp/attack-left\\n", "%%bash\\n", "exit"]}], '
                                     '"metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
            ".ipython/profile_default/startup/poison.py": POISON, "notebooks/vae.py.py": POISON}),
}


def archive(*entries, compression=zipfile.ZIP_DEFLATED):
    """Bytes of a zip file with these (name or ZipInfo, text)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as opened:
        for name, text in entries:
            opened.writestr(name, text)
    return out.getvalue()


def link(name):
    """The entry of a zip file that is a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry


@dataclass(frozen=True)
class Parcel:
    """A zip file or folder that is an attack in itself. `make` gets the folder to make it in (and the wrong file's
    text) and returns its path. words: of the refusal; empty if the file is found and graded as ever."""
    tries: str
    happens: str
    make: object
    words: str = ""


def zipped(*entries, **options):
    """A function that writes a zip file; a text None stands for the wrong file's."""
    def make(folder, source):
        path = folder / "submission.zip"
        path.write_bytes(archive(*((name, source if text is None else text) for name, text in entries), **options))
        return path
    return make


def folder_of_folders(folder, source):
    """1500 folders in each other beside a graded file. Made and left step by step: the whole path is too long."""
    import os
    (folder / "helpers").mkdir()
    (folder / "helpers" / "vae.py").write_text(source, encoding="utf-8")
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    return folder


def linked(folder, source):
    (folder / "helpers").mkdir()
    (folder / "helpers" / "vae.py").symlink_to("/etc/shadow")
    return folder


def pipe(folder, source):
    import os
    (folder / "helpers").mkdir()
    os.mkfifo(folder / "helpers" / "vae.py")
    return folder


def many_files(folder, source):
    path = folder / "submission.zip"
    path.write_bytes(archive(("helpers/vae.py", source), *((str(number), "") for number in range(100_001)),
                             compression=zipfile.ZIP_STORED))
    return path


def repository(change=lambda bare: None, **files):
    """A function that writes a git repository without a working tree, and changes something in it. files: text of
    each; default: the wrong file."""
    def make(folder, source):
        import shutil
        import subprocess
        bare, work = folder / "ada.git", folder / "work"
        for name, text in (files or {"helpers/vae.py": source}).items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text, encoding="utf-8")
        subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
        for command in (["add", "-Af", "."], ["commit", "-qm", "handed in"]):
            subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.c", f"--git-dir={bare}",
                            f"--work-tree={work}", *command], check=True, cwd=work)
        shutil.rmtree(work)
        change(bare)
        return bare
    return make


def with_file(name, text):
    """A change of a repository: one of its own files has this text."""
    def change(bare):
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
        (bare / name).write_text(text)
    return change


def with_link(name, target):
    """A change of a repository: one of its own files or folders is a link, and was moved if it was there."""
    def change(bare):
        if (bare / name).exists():
            (bare / name).rename(bare / "moved")
        (bare / name).symlink_to(target)
    return change


BEHIND = "the solution's or a classmate's repository"
PROGRAMS = """[include]
\tpath = /etc/shadow
[core]
\tbare = true
\tworktree = /
\tfsmonitor = "touch /tmp/attack-left"
\thooksPath = /tmp
\tsshCommand = "touch /tmp/attack-left"
[remote "o"]
\turl = ext::sh -c "touch /tmp/attack-left"
\tpromisor = true
"""

PARCELS = {
    "zip with ..": Parcel("write outside the folder when it is unpacked",
                          "nothing is unpacked; such paths do not count",
                          zipped(("../../helpers/vae.py", POISON), ("helpers/../../vae.py", POISON)),
                          "holds no vae.py"),
    "zip with absolute paths": Parcel("the same", "nothing is unpacked; such paths do not count",
                                      zipped(("/helpers/vae.py", POISON), ("/tmp/attack-left", POISON)),
                                      "holds no vae.py"),
    "zip with .. beside a right path": Parcel("the same", "the right path is graded, the others are not looked at",
                                              zipped(("a/helpers/vae.py", None), ("../helpers/vae.py", POISON))),
    "zip with a link": Parcel("have /etc/shadow read as the graded file", "refused with that reason",
                              zipped((link("helpers/vae.py"), "/etc/shadow")), "is a link"),
    "folder with a link": Parcel("the same in a folder", "refused with that reason", linked, "not a plain file"),
    "folder with a named pipe": Parcel("make the grader wait for ever", "refused with that reason", pipe,
                                       "not a plain file"),
    "zip bomb": Parcel("fill memory or disk", "1 MB of the graded file is read, nothing is unpacked",
                       zipped(("helpers/vae.py", "#" * (64 << 20)), ("bomb", "0" * (64 << 20))), "larger than 1 MB"),
    "zip bomb with bzip2": Parcel("the same with 20,000 to 1", "refused: unusual compression",
                                  zipped(("helpers/vae.py", "#" * (64 << 20)), compression=zipfile.ZIP_BZIP2),
                                  "unusual way"),
    "zip bomb with lzma": Parcel("the same with 7,000 to 1", "refused: unusual compression",
                                 zipped(("helpers/vae.py", "#" * (64 << 20)), compression=zipfile.ZIP_LZMA),
                                 "unusual way"),
    "zip with 100,001 files": Parcel("hold up who lists them", "refused with that reason", many_files,
                                     "more than 100000 files"),
    "zip with names in other encodings": Parcel(
        "confuse who decodes or prints them", "the graded file is found by its ASCII name",
        zipped(("helpers/vae.py", None), ("Übung/вариант/vaе.py", POISON), ("\x1b[2J/\u202egpj.yp", POISON),
               ("helpers\\vae.py.txt", POISON))),
    "two files with control characters": Parcel("move the cursor of the instructor's terminal", "refused, printable",
                                                zipped(("\x1b[2Ja/vae.py", "x"), ("\x1b[2Jb/vae.py", "y")),
                                                "2 different vae.py"),
    "git repository with a commondir": Parcel(
        f"have {BEHIND} read in its place", "refused with that reason",
        repository(with_file("commondir", "/tmp/attack-elsewhere\n")), "names another one"),
    "git repository with alternates": Parcel(
        f"take objects from {BEHIND}", "refused with that reason",
        repository(with_file("objects/info/alternates", "/tmp/attack-elsewhere/objects\n")), "names another one"),
    "git repository with a link for its objects": Parcel(
        "the same", "refused with that reason", repository(with_link("objects", "moved")), "is not a plain file"),
    "git repository with a link among its branches": Parcel(
        "have /etc/shadow copied", "refused with that reason",
        repository(with_link("refs/heads/shadow", "/etc/shadow")), "is not a plain file"),
    "git repository with a link for its head": Parcel(
        "the same", "refused with that reason", repository(with_link("HEAD", "moved")), "is not a plain file"),
    "git repository with settings of its own": Parcel(
        "have git read other files, run programs, fetch from elsewhere", "git sees a copy without settings and hooks, "
        "in the sandbox", repository(with_file("config", PROGRAMS))),
    "1500 folders in each other": Parcel("overflow the search for the file", "30 levels are searched",
                                         folder_of_folders),
}


WALLS = """
What a wall does not stop, in short. All: what a submission learns of its own inputs and of its probe (a message of
student code is cut off at 200 characters), the use of a processor until the time is up, errors in the kernel itself.

- **bubblewrap**: name spaces of its own for processes, network and files, and a filter of system calls. Of the machine
  it shows /usr, Python, and what /proc says of the machine as a whole.
- **Landlock**: the processes share the machine's name spaces. Student code can tell *that* a path exists, how large it
  is and whose (not what is in it). It cannot change rights, owners and times of files: such calls do nothing. There is
  no /dev/shm, so a DataLoader with workers does not run. Temporary files lie on the disk, and are counted ten times a
  second. If the grading is not started by root, student code runs as the same user, and the number of its processes is
  limited together with that of the user's others.
- **other user** (root of a container that allows neither): student code is a user without a name and without rights,
  behind the filter of system calls. Nothing is hidden from it that anybody on the machine may see: names and command
  lines of processes (so type no --seed there), files that are open to others. So the course, what was handed in and
  the results must be closed to others (`chmod -R o=`), or nothing is graded. The guest stays root, and what it starts
  cannot reach it. What student code leaves in the places for everybody (/tmp, /dev/shm) is removed by its owner's
  number. What is open to everybody (/etc/passwd, names of folders) is left out of four attacks of the list; all else
  in it fares as behind Landlock. The tests try them where the folder of the course is closed to others.
- **sandbox-exec** (macOS): denies what its profile does not name. There is no limit of memory beyond that of one
  process, no filter of system calls, and the notebook is left out. Its trial decides whether it is used; the bank has
  not been run behind it.
- **none** (`--unsafe`): limits of time and of each process, nothing else. Never as root.

A notebook's kernel is behind the same wall as the guest. It runs *our* notebook, with the notebook's own gaps filled:
a module can read those few lines there, and could draw them into one of the pictures of its report.
"""


def table():
    """The attacks as Markdown."""
    lines = ["# Attacks", "", "What `tests/test_attacks.py` tries on the grader behind each wall that the machine has, "
             "and what happens. The list is made from `tests/attacks.py`.", *WALLS.split("\n"),
             "| attack | what it tries | behind bubblewrap | behind Landlock |", "| --- | --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {name} | {attack.tries} | {attack.happens} | "
                                f"{getattr(attack, 'landlock', '') or 'the same'} |"
                                for name, attack in {**ATTACKS, **PARCELS, **NOTEBOOKS}.items())]) + "\n"


NOTEBOOKS = {
    "kernel that ends": Attack("end the notebook's kernel at the import",
                               "the notebook does not pass, which is seen at once; no points hang on it",
                               "import os\nos._exit(0)\n",
                               words="did not start or died"),
    "what the next kernel would find": Attack(
        "change torch and the kernel's own modules for the notebook of the next submission, leave files and a process",
        "each kernel is a process of its own, and all that one leaves goes with it", """
import os, subprocess, sys, torch
import ipykernel.ipkernel, ipykernel.kernelapp
torch.left = ipykernel.kernelapp.IPKernelApp.left = True
ipykernel.ipkernel.IPythonKernel.do_execute = None
torch.set_default_dtype(torch.float64)
for place in (os.environ['TMPDIR'], '.', '..', '../runs', os.path.dirname(__file__), '/dev/shm', '/tmp'):
    try:
        open(os.path.join(place, 'attack-left'), 'w').write('x')
    except OSError:
        pass
subprocess.Popen(['sleep', '61'], start_new_session=True)
raise RuntimeError('all done')
""", words="all done"),
    "files in the kernel's folder": Attack(
        "fill the one folder outside its own that the kernel writes to, with folders in folders", "stopped within a "
        "second: only sockets may be there; then it is removed", """
import os
from ipykernel import get_connection_file
os.chdir(os.path.join(os.path.dirname(get_connection_file()), 'sockets'))
for _ in range(3000):
    os.mkdir('attack-left')
    os.chdir('attack-left')
__import__('time').sleep(60)
""", words="wrote to the folder or wrote more than"),
    "the kernel's connection file": Attack(
        "put a link in its place, so that the grader writes to a file of its own", "it is read-only for the kernel", """
import os
from ipykernel import get_connection_file
path = get_connection_file()
for attempt in (lambda: os.remove(path), lambda: os.symlink('/etc/passwd', path), lambda: open(path, 'w'),
                lambda: os.rename(path, path + '2')):
    try:
        attempt()
    except OSError:
        continue
    raise RuntimeError('a hole')
raise RuntimeError('all refused')
""", words="all refused"),
    "system calls from the kernel": Attack(
        "what the filter keeps from the guest, in the notebook's kernel", REFUSED, attempts(
            "socket.socket(socket.AF_INET)", "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)",
            "socket.socket(socket.AF_UNIX).connect('/run/docker.sock')", "os.memfd_create('left')",
            "os.setpriority(os.PRIO_PROCESS, 0, 19)", "open('/etc/attack-left', 'w')",
            "os.listdir('/home')") + "\nraise RuntimeError('all refused')\n", words="all refused"),
    "shell escapes in the module": Attack(
        "execute commands through get_ipython()", "they run in the sandbox, see nothing, and end with it", """
from IPython import get_ipython
get_ipython().system('(setsid sleep 61 &) ; touch /attack-left ~/attack-left')
raise RuntimeError(open('/etc/passwd').read())
""", words="No such file or Permission denied or out of pty devices",
        landlock="there is no terminal for them: they do not run, or see nothing and end with it"),
}

# What these look for is open to everybody on a machine, and so to another user.
OPEN_TO_ALL = {"other submissions, the checks", "shell escapes in the module"}
OPEN_STATEMENTS = ("open('/etc/passwd')", "os.listdir('/etc/ssh')", "os.listdir('/sys')", "os.listdir('/run')",
                   "os.listdir('/home')")


def without_open_statements(source):
    """The source of an attack without the attempts that another user may make."""
    for statement in OPEN_STATEMENTS:
        source = source.replace(f"try:\n    {statement}\n", "try:\n    raise OSError\n")
    return source


if __name__ == "__main__":
    print(table(), end="")
