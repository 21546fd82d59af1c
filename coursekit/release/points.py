"""What the checks of a course are worth, the public ones and the hidden ones."""
import json
import subprocess
import sys
import tempfile

from coursekit.release.files import ReleaseError
from helpers.given.console import progress

DONE = "one more check of"  # begins the lines that tell how far it is
COUNT = """
import collections, importlib, json, pathlib, sys
from helpers.given import checks
done, *names = sys.argv[1:]
wanted, public = [check for name in names for check in checks.names(name)], []
for check in wanted:
    public.append(checks.run(check))
    print(done, len(wanted), flush=True)
hidden = {name: collections.Counter() for name in names}
for name, items in hidden.items():
    if pathlib.Path(f"autograde_tests/test_{name}.py").is_file():
        module = importlib.import_module(f"autograde_tests.test_{name}").__name__
        from autograde_tests import CHECKS
        for check in CHECKS:
            if check.function.__module__ == module:
                items[check.item] += check.points
    if items and pathlib.Path(f"autograde_tests/trained/{name}.py").is_file():
        for measure in importlib.import_module(f"autograde_tests.trained.{name}").MEASURES:
            items[f"trained.{measure.weights}"] = measure.points
print(json.dumps([[[r.name, r.status, r.points, r.message] for r in public], hidden]))
"""


def points_of(root, assignments):
    """What is to be had in these assignments: by the public checks, {"vae.reparametrize": 2, ...}, and in the grader,
    {"vae": {"vae.reparametrize": 4, ..., "trained.vae": 5}, ...}, {} where there are no hidden checks.

    The public checks run on the solutions: one that does not pass stops the release, since no student could pass it
    either. No hidden check runs. All this in a process of its own, because `root` need not be the course that is
    running; in one, because PyTorch is slow to start.
    """
    with tempfile.TemporaryFile("w+") as errors, progress(0, "release", "checks") as bar, subprocess.Popen(
            [sys.executable, "-c", COUNT, DONE, *assignments], cwd=root, stdout=subprocess.PIPE, stderr=errors,
            text=True) as child:
        for line in child.stdout:
            if line.startswith(DONE):
                bar.total = int(line.removeprefix(DONE))
                bar.update()
        if child.wait():
            errors.seek(0)
            told = errors.read().strip().splitlines() or ["they ended without a word"]
            raise ReleaseError(f"the checks do not run: {told[-1]}")
    results, hidden = json.loads(line)  # the last one
    for name, status, points, message in results:
        if status != "passed":
            raise ReleaseError(f"the solution does not pass the public check {name} ({status}): {message}")
        if points != int(points):
            raise ReleaseError(f"the check {name} has {points} points; what counts them on a push takes whole points "
                               "only")
    if not results:
        raise ReleaseError(f"there are no public checks of {', '.join(assignments)} in helpers/given/checks")
    return {name: int(points) for name, _, points, _ in results}, hidden
