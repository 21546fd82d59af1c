"""What watches the pushes of a released repository: GitHub, GitLab, or GitHub Classroom as it was.

Each is a function of the points of the public checks and of `on`, when it runs. It returns {path: text}. What the
README of the student edition says about it stands here, too.
"""
import json
import re
import textwrap

from coursekit.release.files import fill
from helpers.given.launcher import OLDEST

PYTHON = ".".join(map(str, OLDEST))  # what it reads, the grader can read
ON = ("push", "tags", "hand")


def github(points, on):
    """A workflow of one step of our own: helpers/given/points.py."""
    events = {"push": ["push:", '  branches: ["**"]', '  tags: ["submit/*"]'],
              "tags": ["push:", '  tags: ["submit/*"]'], "hand": []}[on] + ["workflow_dispatch:"]
    return {".github/workflows/checks.yml": fill(".github/workflows/checks.yml", PYTHON=PYTHON,
                                                 ON="\n".join(f"  {line}" for line in events))}


def gitlab(points, on):
    """The same for GitLab. By hand: Build > Pipelines > New pipeline."""
    rules = {"push": ["$CI_COMMIT_BRANCH", "$CI_COMMIT_TAG =~ /^submit\\//"],
             "tags": ["$CI_COMMIT_TAG =~ /^submit\\//"], "hand": []}[on] + ['$CI_PIPELINE_SOURCE == "web"']
    return {".gitlab-ci.yml": fill(".gitlab-ci.yml", PYTHON=PYTHON, RULE=" || ".join(rules))}


def classroom(points, on):
    """The form of GitHub Classroom, whose service ended in August 2026, for who still reads it: a workflow of its two
    actions, which nobody maintains, and autograding.json. It runs on every push, and each notebook is worth a point."""
    # (title, command, minutes, points); python -m, because the graders know no more of the environment than PATH
    steps = [(name, f"python -m helpers.given check {name}", 5, worth) for name, worth in points.items()]
    steps += [("style", "python -m helpers.given test style", 5, 1)]
    steps += [(f"notebook {name}", f"python -m helpers.given test notebooks {name}", 10, 1)
              for name in dict.fromkeys(check.split(".")[0] for check in points)]
    ids = [re.sub(r"\W+", "_", title.lower()) for title, *_ in steps]
    workflow = fill(
        ".github/workflows/classroom.yml", PYTHON=PYTHON,
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


PLATFORMS = {"github": github, "gitlab": gitlab, "classroom": classroom}


def watched(platform, on):
    """What a student has to know of it, in sentences."""
    if platform == "classroom":
        return "GitHub runs the same on every push, and shows points: those of the public checks, one for the style\n" \
            "and one for each notebook that runs."
    tag = "a tag whose name begins with `submit/` (`git tag submit/1`, then `git push origin submit/1`)"
    where = "GitLab" if platform == "gitlab" else "GitHub"
    when = {"push": f"on every push, and the notebooks, too, when you push {tag}",
            "tags": f"when you push {tag}, and the notebooks, too",
            "hand": "when you start it there, and the notebooks, too"}[on]
    when = "on what you submit" if platform == "classroom50" else when
    return textwrap.fill(f"{where} runs the public checks and the style check {when}. It shows the points of the "
                         "checks, and one for the style.", 120)
