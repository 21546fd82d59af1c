"""What Gradescope's container runs: grades what was handed in, and writes results.json. `./course gradescope` makes
the zip file with this in it.

    python -m coursekit.grading.autograder grade vae        in the folder /autograder, by run_autograder
    python -m coursekit.grading.autograder prove vae        by setup.sh: the solution has to get all points
    python -m coursekit.grading.autograder unfinished       prints the results.json that stands until there is another
"""
import argparse
import json
import secrets
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from coursekit.grading.command import in_own_process
from coursekit.grading.grader import Grader
from coursekit.grading.handin import read
from coursekit.grading.metadata import read_metadata
from coursekit.grading.report import Report
from coursekit.grading.tell.gradescope import VISIBILITY, gradescope, not_graded
from coursekit.grading.tell.table import table
from coursekit.questions import questions
from coursekit.sandbox import printable, walls
from helpers.given.console import UserError, describe, write
from helpers.given.course import ROOT, assignments

UNFINISHED = ("the autograder did not finish. Either it runs still, or it was stopped: it took longer, or more memory, "
              "than this assignment's container has")
MARGIN = 60  # seconds before Gradescope stops the container, so that somebody can still say so


def grade_handed_in(folder, assignment, who, notebook, wall):
    """Grade what lies in a folder, for a process of coursekit.pool. Returns the Report."""
    with walls.Room(wall, "read") as room:
        handed_in = read(folder, assignment, who, room)
    with Grader(assignment, notebook, wall) as grader:
        return grader.grade(handed_in, secrets.randbits(31))


def in_a_process(folder, assignment, who, notebook, seconds):
    """As grade_handed_in, in a process that can be killed. Returns the Report. Raises UserError."""
    wall = walls.choose()
    wall.hide(folder)
    report = in_own_process(grade_handed_in, (folder, assignment, who, notebook, wall), wall, seconds)
    if not isinstance(report, Report):
        raise UserError(report.reason)
    return report


def grade(args):
    """Grade what was handed in. Returns the exit code."""
    metadata = read_metadata(args.folder / "submission_metadata.json")
    if metadata.problem:
        print(f"note: {metadata.problem}")
    told = metadata.kept(args.runs_per_day)
    if told is None:
        told = results(args, metadata)
    else:
        print(f"not graded: more than {args.runs_per_day} submissions within 24 hours")
    path = args.folder / "results" / "results.json"
    try:
        write(path, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        print(f"cannot write the results ({describe(error)}): what stood there stays", file=sys.stderr)
        return 1
    return 0


def results(args, metadata):
    """What Gradescope is told of the submission, whatever happens."""
    notes, graded = list(metadata.lines()), metadata.graded()
    if asked := len(questions(args.assignment)):
        notes.append(f"The {asked} written questions are not in this score: they are marked by hand.")
    try:
        report = in_a_process(args.folder / "submission", args.assignment, metadata.who, args.notebook,
                              max(60 * args.minutes - MARGIN, MARGIN))
    except Exception as error:
        if not isinstance(error, (UserError, OSError)):
            traceback.print_exc()
        told = not_graded(printable(describe(error)) or type(error).__name__, notes)
    else:
        print(table(report))
        told = gradescope(report, visibility=VISIBILITY[args.visibility], notes=notes)
        graded = [*graded, *([metadata.at] if metadata.at else [])]
    told["extra_data"]["graded_at"] = [time.isoformat() for time in graded]
    return told


def prove(args):
    """Grade the solution, as if it had been handed in. Returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / assignments()[args.assignment].helper, folder)
        report = in_a_process(Path(folder), args.assignment, "the solution", args.notebook, 1800)
    print(table(report))
    if report.score < report.max or report.notebook.status not in ("passed", "skipped"):
        raise UserError(f"the solution gets {report.score} of {report.max} points here, its notebook "
                        f"{report.notebook.status}: this image grades nobody")
    return 0


def unfinished(args):
    """Print what stands until there is another."""
    print(json.dumps(not_graded(UNFINISHED), indent=2))
    return 0


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="autograder", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for command in (grade, prove, unfinished):
        added = commands.add_parser(command.__name__, description=command.__doc__)
        added.set_defaults(command=command)
        if command is not unfinished:
            added.add_argument("assignment", choices=list(assignments()))
            added.add_argument("--notebook", action="store_true", help="execute the notebook, too")
        if command is grade:
            added.add_argument("--folder", type=Path, default=Path("/autograder"))
            added.add_argument("--visibility", choices=VISIBILITY, default="all")
            added.add_argument("--runs-per-day", type=int, default=0, help="0: no limit")
            added.add_argument("--minutes", type=int, default=10, help="after which Gradescope stops the container")
    args = parser.parse_args(arguments)
    try:
        return args.command(args)
    except UserError as error:
        print(f"autograder: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
