"""`./course grade`: one submission, hidden checks, a table and report.json."""
import dataclasses
import functools
import secrets
import sys
import tempfile
import time
from pathlib import Path

from coursekit import pool
from coursekit.grading.files import SubmissionError
from coursekit.grading.grader import Grader
from coursekit.grading.handin import infer_assignment, read
from coursekit.grading.measuring import NothingMeasured, wanted, what_is_measured
from coursekit.grading.report import Report
from coursekit.grading.repository import seconds_of
from coursekit.grading.tell import tell
from coursekit.grading.tell.table import table
from coursekit.sandbox import printable, walls, zygote
from helpers.given.console import choose, examples, waiting
from helpers.given.course import ROOT, assignments

DEADLINE = 1800.0  # seconds for all that is done for one submission, whoever does it: then the process is killed
TRAINED_DEADLINE = 3600.0  # as many more where trained work is measured
UNSAFE = 3  # exit code


def grade(submission, assignment=None, seed=None, notebook=True, wall=None, branch=None, before=None, trained=False):
    """Grade a submission (a folder or a zip file) in this process, and return the Report.

    Args:
        wall: default: the best that this machine has. Raises NotIsolated if there is none.
        branch, before: of a git repository, see repository.Repository.
        trained: True measures its trained weights, too.
    Raises:
        SubmissionError: nothing there that could be graded. SandboxError: the sandbox does not start, or is lost.
        UserError: the assignment has no measures of trained work.
    """
    started = time.perf_counter()
    wall = wall or walls.choose()
    with walls.Room(wall, "read") as room, tempfile.TemporaryDirectory(prefix="course-weights-") as folder:
        assignment = assignment or infer_assignment(submission, room, branch, before)
        if trained:
            print(what_is_measured(assignment), file=sys.stderr, flush=True)
        handed_in = read(submission, assignment, str(submission), room, branch=branch, before=before,
                         weights=wanted(assignment) if trained else (), folder=folder)
        if handed_in.problem:
            raise SubmissionError(handed_in.problem)
        with Grader(assignment, notebook, wall, trained) as grader:
            report = grader.grade(handed_in, secrets.randbits(31) if seed is None else seed)
    return dataclasses.replace(report, seconds=round(time.perf_counter() - started, 2))  # with the sandbox's start


def grade_alone(*task):
    """As `grade`, for a process of coursekit.pool. Returns a Report, or a string that says why not."""
    try:
        return grade(*task)
    except (SubmissionError, NothingMeasured) as error:
        return str(error)


def in_own_process(function, task, wall, deadline=DEADLINE):
    """What a function returns for a task, in a process of its own, which has not this one's environment and can be
    killed; a pool.Failure if nothing came of it. wall: what student code runs behind there."""
    with walls.temporary_folder("grade") as folder:
        (_, result, _), = pool.local(function, [("", task)], 1, folder, deadline=deadline,
                                     prepare=functools.partial(zygote.prepare, wall))
    return result


def seed(text):
    """The number of --seed; argparse tells who types something else."""
    if not 0 <= int(text) < 1 << 63:
        raise ValueError
    return int(text)


def date(text):
    """The moment of --before; argparse tells who types something else."""
    return seconds_of(text)


def add_arguments(parser):
    parser.epilog = examples("grade submission.zip                       # table and reports, in runs/grades",
                             "grade handed-in/ada --assignment vae --out results/ada",
                             "grade submission.zip --seed 7 --no-notebook   # the same questions again")
    parser.add_argument("submission", metavar="SUBMISSION", help="folder, zip file, git repository, or the graded file "
                        "itself")
    parser.add_argument("--assignment", metavar="NAME", help="default: the one that the submission holds a file of")
    parser.add_argument("--out", metavar="DIR", help="folder for report.json (default: runs/grades/FOLDER-SUBMISSION)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of the table")
    parser.add_argument("--no-notebook", action="store_true", help="do not execute the notebook")
    parser.add_argument("--seed", type=seed, help="replay a grading (default: a fresh seed, noted in the report)")
    add_trained(parser)
    add_commit(parser)
    add_unsafe(parser)


def add_trained(parser):
    parser.add_argument("--trained", action="store_true", help="measure the trained weights that were handed in, too: "
                        "their points come after those of the checks")


def add_commit(parser):
    parser.add_argument("--branch", metavar="NAME", help="of git repositories, this branch (default: what HEAD names)")
    parser.add_argument("--before", type=date, metavar="DATE", help="of git repositories, the last commit of this "
                        "moment or earlier, by its own date: 2026-11-30 (until its end), 2026-11-30T12:00 (in this "
                        "machine's time zone) or 2026-11-30T12:00+01:00")


def add_unsafe(parser):
    parser.add_argument("--unsafe", action="store_true", help="where student code cannot be isolated: run it with your "
                        "rights (not as root). The exit code is then 3")


def main(args):
    """Run `./course grade`. Returns the exit code: 0 graded, 2 not graded, 3 graded without a wall."""
    if args.assignment:
        choose(args.assignment, assignments(), "assignment")
    wall = walls.choose(args.unsafe)
    path = Path(args.submission).resolve()
    out = Path(args.out) if args.out else ROOT / "runs" / "grades" / f"{path.parent.name}-{path.stem}"
    wall.hide(path, out)
    task = (Path(args.submission), args.assignment, args.seed, not args.no_notebook, wall, args.branch, args.before,
            args.trained)
    with waiting(f"grade {path.name}"):
        report = in_own_process(grade_alone, task, wall, DEADLINE + args.trained * TRAINED_DEADLINE)
    if not isinstance(report, Report):
        reason = f"not graded: {report.reason}. Try again" if isinstance(report, pool.Failure) else report
        print(f"cannot grade: {printable(reason)}", file=sys.stderr)
        return 2
    tell(report, out)
    print(report.to_json().rstrip("\n") if args.json else table(report))
    if not args.json:
        print(f"  report: {out / 'report.html'}, and beside it report.md, report.json, results.json, github.json")
    return 0 if report.isolated else UNSAFE
