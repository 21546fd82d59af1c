"""GitHub Classroom: the workflow of a released repository, with the public checks and their points."""
import json
import re
import subprocess
import sys

from coursekit.release.files import ReleaseError, fill
from helpers.given.launcher import OLDEST


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
            raise ReleaseError(f"the check {name} has {points} points; GitHub Classroom counts whole points only")
    if not results:
        raise ReleaseError(f"there are no public checks of {', '.join(assignments)} in helpers/given/checks")
    return {name: int(points) for name, _, points, _ in results}


def hidden_points(root, assignments):
    """What each item is worth in the grader: {"vae": {"vae.reparametrize": 4, ...}, ...}, {} where there are no checks.

    In a process of its own, as for the public ones. No check runs.
    """
    code = ("import collections, importlib, json, sys\nfound = {}\n"
            "for name in sys.argv[1:]:\n"
            "    module = importlib.import_module(f'autograde_tests.test_{name}').__name__\n"
            "    from autograde_tests import CHECKS\n"
            "    found[name] = collections.Counter()\n"
            "    for check in CHECKS:\n"
            "        found[name][check.item] += check.points * (check.function.__module__ == module)\n"
            "    found[name] = +found[name]\n"
            "print(json.dumps(found))")
    there = [name for name in assignments if (root / "autograde_tests" / f"test_{name}.py").is_file()]
    done = subprocess.run([sys.executable, "-c", code, *there], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the hidden checks cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    return {**{name: {} for name in assignments}, **json.loads(done.stdout.splitlines()[-1])}


def classroom(points):
    """The classroom workflow and the autograding.json, for these public checks: their points, one for the style and
    one for each assignment's notebook."""
    # (title, command, minutes, points); python -m, because the graders know no more of the environment than PATH
    steps = [(name, f"python -m helpers.given check {name}", 5, worth) for name, worth in points.items()]
    steps += [("style", "python -m helpers.given test style", 5, 1)]
    steps += [(f"notebook {name}", f"python -m helpers.given test notebooks {name}", 10, 1)
              for name in dict.fromkeys(check.split(".")[0] for check in points)]
    ids = [re.sub(r"\W+", "_", title.lower()) for title, *_ in steps]
    workflow = fill(
        ".github/workflows/classroom.yml", PYTHON=".".join(map(str, OLDEST)),
        STEPS="\n".join(STEP.format(id=id, title=title, command=command, minutes=minutes, points=worth)
                        for id, (title, command, minutes, worth) in zip(ids, steps)),
        RESULTS="\n".join(f"          {id.upper()}_RESULTS: ${{{{ steps.{id}.outputs.result }}}}" for id in ids),
        RUNNERS=",".join(ids))
    tests = [{"name": title, "setup": "", "run": command, "input": "", "output": "", "comparison": "included",
              "timeout": minutes, "points": worth} for title, command, minutes, worth in steps]
    return {".github/workflows/classroom.yml": workflow,
            ".github/classroom/autograding.json": json.dumps({"tests": tests}, indent=2) + "\n"}


STEP = """\
      - name: {title}
        id: {id}
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: {title}
          command: {command}
          timeout: {minutes}
          max-score: {points}"""
