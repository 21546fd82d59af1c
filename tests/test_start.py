"""What a command imports. Who asks for help, for a grade book or for one check shall wait for nothing else."""
import json
import shutil
import subprocess
import sys

from helpers.given.course import ROOT, assignments

SLOW = ("torch", "torchvision", "torchmetrics", "numpy", "scipy", "sympy", "matplotlib", "PIL", "nbformat", "nbconvert",
        "IPython", "tensorboard", "pytest")
BESIDE_TORCH = ("torch._dynamo", "torch._inductor", "triton", "coursekit",
                *(name for name in SLOW if name not in ("torch", "numpy")))
# Whoever makes one of torch's optimisers imports its compiler, and one check is about one. Another needs scipy.
IMPORTS = {"gan.get_optimizer": "torch._dynamo", "flow.couple": "scipy"}

COMMANDS = """
import contextlib, io, json, sys
from coursekit import __main__ as instructor
from helpers.given import __main__ as student
student.find_torch = student.find_data = instructor.find_sandbox = tuple  # what the doctor says last, with PyTorch
slow, commands = json.loads(sys.argv[1])
found = {}
for command in commands:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            code = student.main(command, instructor.COMMANDS)
        except SystemExit as end:  # of --help
            code = end.code
    found[" ".join(command)] = [name for name in slow if name in sys.modules] + ["code"] * bool(code)
print(json.dumps(found))
"""
CHECKS = """
import json, sys
import torch
slow, modules, last = json.loads(sys.argv[1])
found = {"import torch": [name for name in slow if name in sys.modules]}
from helpers.given import checks
names = [name for module in modules for name in checks.names(module)]
for name in sorted(names, key=lambda name: name in last):
    known = set(sys.modules)
    status = checks.run(name).status
    found[name] = [module for module in slow if module in set(sys.modules) - known] + [status] * (status != "passed")
print(json.dumps(found))
"""


def in_a_new_python(code, *inputs):
    done = subprocess.run([sys.executable, "-c", code, json.dumps(inputs)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_commands_that_need_no_torch(tmp_path):
    """One after the other in one process: what an earlier one imported would be found there."""
    shutil.copytree(ROOT / "tests" / "golden" / "class", tmp_path / "class")
    names = ("lab", "status", "check", "run", "test", "points", "report", "train", "plot-latent", "board", "data",
             "doctor", "release", "site", "gradescope", "collect", "grade", "grade-class", "regrade", "answers",
             "rubric", "viva", "grades", "audit", "completion")
    commands = [["--help"], *([name, "--help"] for name in names), ["doctor"], ["answers", str(tmp_path / "class")],
                ["grades", str(tmp_path / "class"), "--for", "ilias"]]
    found = in_a_new_python(COMMANDS, SLOW, commands)
    assert len(found) == len(commands) and not any(found.values()), found


def test_checks_import_torch_and_nothing_else():
    found = in_a_new_python(CHECKS, BESIDE_TORCH, list(assignments()), list(IMPORTS))
    assert len(found) > 50 and all(module in found.pop(name) for name, module in IMPORTS.items())
    assert not any(found.values()), found
