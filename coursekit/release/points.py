"""What the checks of a course are worth, the public ones and the hidden ones."""
import json
import subprocess
import sys

from coursekit.release.files import ReleaseError


def public_checks(root, assignments):
    """The public checks of these assignments and their points, {"vae.reparametrize": 2, ...}.

    They run on the solutions, in a process of their own because `root` need not be the course that is running. One
    that does not pass stops the release: no student could pass it either.
    """
    code = ("import json, sys\nfrom helpers.given import checks\n"
            "results = [checks.run(name) for module in sys.argv[1:] for name in checks.names(module)]\n"
            "print(json.dumps([[r.name, r.status, r.points, r.message] for r in results]))")
    done = subprocess.run([sys.executable, "-c", code, *assignments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the public checks do not run: {done.stderr.strip().splitlines()[-1]}")
    results = json.loads(done.stdout.splitlines()[-1])
    for name, status, points, message in results:
        if status != "passed":
            raise ReleaseError(f"the solution does not pass the public check {name} ({status}): {message}")
        if points != int(points):
            raise ReleaseError(f"the check {name} has {points} points; what counts them on a push takes whole points "
                               "only")
    if not results:
        raise ReleaseError(f"there are no public checks of {', '.join(assignments)} in helpers/given/checks")
    return {name: int(points) for name, _, points, _ in results}


def hidden_points(root, assignments):
    """What each item is worth in the grader: {"vae": {"vae.reparametrize": 4, ...}, ...}, {} where there are no checks.
    Trained work comes after the checks: "trained.vae".

    In a process of its own, as for the public ones. No check runs.
    """
    code = ("import collections, importlib, json, pathlib, sys\nfound = {}\n"
            "for name in sys.argv[1:]:\n"
            "    module = importlib.import_module(f'autograde_tests.test_{name}').__name__\n"
            "    from autograde_tests import CHECKS\n"
            "    found[name] = collections.Counter()\n"
            "    for check in CHECKS:\n"
            "        found[name][check.item] += check.points * (check.function.__module__ == module)\n"
            "    found[name] = +found[name]\n"
            "    if pathlib.Path(f'autograde_tests/trained/{name}.py').is_file():\n"
            "        for measure in importlib.import_module(f'autograde_tests.trained.{name}').MEASURES:\n"
            "            found[name][f'trained.{measure.weights}'] = measure.points\n"
            "print(json.dumps(found))")
    there = [name for name in assignments if (root / "autograde_tests" / f"test_{name}.py").is_file()]
    done = subprocess.run([sys.executable, "-c", code, *there], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the hidden checks cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    return {**{name: {} for name in assignments}, **json.loads(done.stdout.splitlines()[-1])}
