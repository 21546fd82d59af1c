"""`./course completion`: what makes a shell complete `course` at the Tab key, made by shtab from the parsers.

All names stand in the script. A Tab key that asked this program would wait for Python each time, and in a new copy of
the course start its set-up.
"""
import argparse
import re
from pathlib import Path

import shtab

from helpers.given import checks, datasets
from helpers.given.__main__ import recipes
from helpers.given.course import ROOT, assignments, notebooks
from helpers.given.points import STEPS

FILES, FOLDERS = ("FILE", "PDF", "ZIP", "LIST", "SUBMISSION", "SUBMISSIONS"), ("DIR",)  # as the help calls them


def names():
    """What is completed for a command's names: {(command, name of the argument): list}."""
    known = list(assignments(ROOT))
    return {("lab", "name"): known, ("status", "names"): known, ("run", "name"): list(notebooks(ROOT)),
            ("check", "names"): [*known, *checks.names()], ("test", "names"): [*known, *STEPS],
            ("points", "names"): [*known, *STEPS], ("audit", "names"): [*known, "handins"],
            ("train", "name"): list(recipes()), ("fetch", "names"): list(datasets.NAMES)}


def script(parser, shell):
    """The script for one shell. parser: of the whole command line, which must not parse any more."""
    prepare(parser, names())
    made = shtab.complete(parser, shell)
    # Of several names shtab 1.13 completes only the first in zsh.
    return re.sub(r'^  "\(\*\)::?', '  "*:', made, flags=re.MULTILINE) if shell == "zsh" else made


def prepare(parser, known, command=None):
    """Tell shtab what each argument is completed with. known: of `names`."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                prepare(each, known, name)
        elif action.dest == "assignment":
            action.choices = list(assignments(ROOT))
        elif found := known.get((command, action.dest)):
            action.choices = found
        elif action.metavar in FOLDERS:
            action.complete = shtab.DIRECTORY
        elif action.metavar in FILES or action.type is Path:
            action.complete = shtab.FILE
