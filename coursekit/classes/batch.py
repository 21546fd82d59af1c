"""`./course grade-class`: a whole class, one report for each submission, a grade book and a page for the instructor.

One process hands out the work and writes all results; others grade (coursekit.pool). A report is written the moment
it is there, its report.json last: a submission with a report.json is done. The same command therefore goes on where
it was stopped, and grades again only what has changed since.
"""
import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import secrets
import shutil
import sys
import threading
from pathlib import Path

from tqdm import tqdm

from coursekit import pool
from coursekit.classes import roster
from coursekit.classes.gradebook import build
from coursekit.classes.results import Results, lock
from coursekit.grading import command, measuring
from coursekit.grading.grader import Grader
from coursekit.grading.handin import HandedIn, read
from coursekit.questions import NO_NOTEBOOK, questions
from coursekit.sandbox import SandboxError, printable, walls, zygote
from helpers.given.console import UserError, choose, examples
from helpers.given.course import ROOT, assignments

PRELOAD = ("torch", "coursekit.grading.grader")
NOT_JUDGING = "banks", "forgers", "tell", "viva"  # folders with code that no point depends on
WEIGHTS = ".weights"  # in the folder of results, while it runs: a class's weights are larger than its memory
NOT_SENT = ("--trained measures weights on this machine, as they are not sent over the network: leave out "
            "--scheduler")
READ_DEADLINE = 60.0  # seconds to find and read what one submission holds
_mine = threading.local()


def grade_one(wall, assignment, notebook, seed, checks, handed_in, trained=False, items=None, challenge=False):
    """Grade one submission in this process, which keeps its grader for the next: a Report. Runs in the workers.

    wall: what student code runs behind. checks: `version_of_checks` of who asks. trained: True measures its trained
    weights, too; challenge: several times, for a leaderboard. items: see Grader.grade.
    """
    if checks != version_of_checks(assignment, trained):  # a cluster's worker keeps what it has imported
        raise RuntimeError("this worker has other checks: update its course, and start it anew")
    if getattr(_mine, "what", None) != (assignment, notebook, wall.name, trained, challenge):
        import torch
        torch.set_num_threads(1)  # one worker for each core
        stop_grading()
        _mine.grader = Grader(assignment, notebook, wall, trained, challenge).__enter__()
        _mine.what = assignment, notebook, wall.name, trained, challenge
    try:
        return _mine.grader.grade(handed_in, seed, items)
    except SandboxError:
        stop_grading()  # the next attempt starts another sandbox
        raise


def stop_grading():
    if getattr(_mine, "what", None):
        _mine.what = None
        _mine.grader.__exit__()


def read_one(wall, assignment, submission, branch=None, before=None, weights=None):
    """Read one submission: a HandedIn. Runs in a process of its own: what is read may be made to take for ever. branch,
    before: of git repositories, see repository.Repository. weights: a folder for copies of its trained weights, in a
    folder of its own there; None: they are not wanted."""
    content = submission.files or submission.path
    if content is None:
        return HandedIn(submission.name, None, printable(submission.problem or "nothing was handed in"),
                        open=bool(submission.problem), answers_problem=submission.problem or NO_NOTEBOOK)
    wanted, folder = (measuring.wanted(assignment), weights / submission.key) if weights else ((), None)
    with walls.Room(wall, "read") as room:
        handed_in = read(content, assignment, submission.name, room, questions(assignment), branch, before, wanted,
                         folder)
    # The student reads all this: what lies above the submission is not their concern.
    above = f"{submission.path.parent}{os.sep}" if submission.path else ""

    def told(text):
        return text.replace(above, "") if text and above else text
    return dataclasses.replace(handed_in, problem=told(handed_in.problem),
                               notes=(*submission.notes, *map(told, handed_in.notes)),
                               answers_problem=told(handed_in.answers_problem),
                               weights={name: dataclasses.replace(found, problem=told(found.problem))
                                        for name, found in handed_in.weights.items()})


def fingerprint(*things):
    """A digest of plain data."""
    return hashlib.sha256(json.dumps(things, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def version_of_checks(assignment, trained=False):
    """A digest of what judges, as it was when this process first asked: the reference, what is given, the notebook,
    hidden checks and probes, and the grader itself. trained: True for the measures of trained work, too."""
    left_out = {*NOT_JUDGING} if trained else {*NOT_JUDGING, "trained"}
    judged = assignments()[assignment]
    paths = [ROOT / judged.helper, ROOT / judged.notebook]
    for folder in ("helpers/given", "autograde_tests", "coursekit/sandbox", "coursekit/grading"):
        paths += sorted(path for path in (ROOT / folder).rglob("*.py") if path.parent.name not in left_out)
    return fingerprint(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))


def depends_on(handed_in, notebook, checks, challenge=False):
    """What a report depends on, its fingerprint: what was handed in and how it is run, and, behind a -, the checks."""
    how = [notebook, "challenge"] if challenge else [notebook]
    return f"{fingerprint(dataclasses.astuple(without_paths(handed_in)), *how)}-{checks}"


def is_current(report, mark, whole):
    """Is nothing to be graded again? mark: what the report would depend on now.

    Where `course regrade` has left items of other checks than the rest, somebody wanted the rest as it is. It stays as
    long as what was handed in does, unless it is wanted whole.
    """
    if report.mixed:
        return not whole and report.fingerprint.partition("-")[0] == mark.partition("-")[0]
    return report.fingerprint == mark


def completed(report, handed_in, mark, attempts):
    """The Report as it is kept in a class."""
    return dataclasses.replace(report, fingerprint=mark, attempts=attempts, answers=handed_in.answers,
                               answers_problem=handed_in.answers_problem, answer_pictures=handed_in.pictures)


def grade_class(results, wall, seed, reading, grading, bar, whole=False, weights=None,
                challenge=False):
    """Grade what has no report yet. Returns the submissions that could not be graded: [(submission, reason)].

    Those that are graded in one run are asked the same; what is handed in later is asked something else.

    Args:
        wall: what student code runs behind.
        seed: what the checks draw their inputs from. None: a fresh one, and what has a report keeps it.
        reading, grading: pool.local or pool.dask, all but their tasks given: for `read_one`, and for `grade_one`.
        bar: a tqdm.
        whole: see `is_current`.
        weights: the folder with copies of trained weights, where they are measured.
        challenge: True measures them for a leaderboard, too.
    """
    assignment, notebook = results.settings["assignment"], results.settings["notebook"]
    by_key = {submission.key: submission for submission in results.submissions if not submission.doubt}
    for submission in results.submissions:
        if submission.doubt:  # nobody can say what this person has handed in, and it would be graded as nothing
            results.forget(submission)
            bar.update()
    checks, waiting, failed = version_of_checks(assignment, weights is not None), {}, []
    for key, handed_in, _ in reading((key, (assignment, by_key[key])) for key in by_key):
        report, mark = results.report(by_key[key]), None
        if not isinstance(handed_in, pool.Failure):
            mark = depends_on(handed_in, notebook, checks, challenge)
            if report and seed in (None, report.seed) and is_current(report, mark, whole):
                drop(weights, key)
                bar.update()
                continue
        results.forget(by_key[key])  # what is out of date must not stand in the grade book, come what may
        if mark is None:
            failed.append((by_key[key], f"it could not be read: {handed_in.reason}"))
            bar.update()
        else:
            waiting[key] = handed_in, mark
    seed = secrets.randbits(31) if seed is None else seed
    trained = [True, None, challenge] if weights is not None else []
    tasks = [(key, (wall, assignment, notebook, seed, checks, dataclasses.replace(handed_in, pictures={}), *trained))
             for key, (handed_in, _) in waiting.items()]
    for key, report, attempts in grading(tasks):
        drop(weights, key)
        if isinstance(report, pool.Failure):
            failed.append((by_key[key], report.reason))
        else:
            handed_in, mark = waiting[key]
            results.save(by_key[key], completed(report, handed_in, mark, attempts), handed_in.source)
        bar.update()
    return failed


def without_paths(handed_in):
    """The same without where the grader has put its copies of weights: their digests say what they are."""
    return dataclasses.replace(handed_in, weights={name: dataclasses.replace(found, path=None)
                                                   for name, found in handed_in.weights.items()})


def drop(weights, key):
    """Remove the copies of one submission's weights."""
    if weights is not None:
        shutil.rmtree(weights / key, ignore_errors=True)


def add_arguments(parser):
    parser.epilog = examples("grade-class handed-in/ --assignment vae --out results/vae",
                             "grade-class moodle.zip --assignment vae --out results/vae --roster class.csv",
                             "grade-class handed-in/ --assignment vae --out results/vae --no-notebook --jobs 4")
    parser.add_argument("submissions", metavar="SUBMISSIONS", help="a folder with one entry for each submission "
                        "(folder, zip file, git repository), what a platform hands out (Moodle, Canvas, ILIAS, OLAT, "
                        "Blackboard, Brightspace, Gradescope; unpacked or not), or a CSV file with a column 'path' and "
                        "what is known of the student: name, id number, email, login, section")
    parser.add_argument("--roster", type=Path, metavar="FILE", help="who should have handed in: a CSV file as Moodle, "
                        "Canvas, ILIAS or GitHub Classroom export it. All are in the grade book then; its column "
                        "'group' tells the members of groups")
    parser.add_argument("--assignment", metavar="NAME", required=True, help="such as vae")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results; the same folder again "
                        "goes on where a run was stopped")
    parser.add_argument("--no-notebook", action="store_true", help="do not execute the notebook (much faster)")
    parser.add_argument("--seed", type=command.seed, help="what the checks draw their inputs from (default: a fresh "
                        "one in each run, noted in the report.json of those graded in it)")
    parser.add_argument("--whole", action="store_true", help="grade again, whole, what `course regrade` has left with "
                        "items of other checks than the rest")
    command.add_trained(parser)
    parser.add_argument("--challenge", action="store_true", help="measure the trained weights of the assignment's "
                        "challenge several times, for a leaderboard in class.html: no points come of it")
    command.add_commit(parser)
    add_running(parser)


def add_running(parser):
    parser.add_argument("--jobs", type=int, metavar="N",
                        help="submissions at a time on this machine (default: one for each processor that may be used, "
                        f"as far as there is memory: {pool.room_for(pool.WITH_NOTEBOOK)} here, {pool.room_for()} "
                        "without notebooks)")
    command.add_unsafe(parser)
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="grade on this Dask cluster instead")


def choose_wall(args, *hidden):
    """What student code runs behind, on this machine or on the cluster. hidden: paths that it must not see."""
    if args.jobs is None:
        args.jobs = pool.room_for(pool.WORKER if getattr(args, "no_notebook", False) else pool.WITH_NOTEBOOK)
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: expected 1 or more")
    if args.scheduler:
        need_distributed()
        wall = pool.ask_cluster(functools.partial(walls.choose, args.unsafe), args.scheduler)
    else:
        wall = walls.choose(args.unsafe)
        wall.hide(*hidden)
    if not wall.isolates:
        print(f"NOT ISOLATED: {wall.reasons}. Student code runs with your rights.", file=sys.stderr)
    return wall


def ways(args, wall, count, folder, weights, trained, challenge, branch, before):
    """What reads and what grades, see `grade_class`. count: of submissions. folder: for temporary files. trained,
    challenge: see `grade_one`. weights, branch, before: see `read_one`."""
    jobs = min(args.jobs, count)
    here = walls.best() if args.scheduler else wall
    read_here = functools.partial(read_one, here, branch=branch, before=before, weights=weights)
    reading = functools.partial(pool.local, read_here, count=jobs, folder=folder, preload=PRELOAD,
                                deadline=READ_DEADLINE)
    grading = functools.partial(pool.dask, grade_one, address=args.scheduler) if args.scheduler else \
        functools.partial(pool.local, grade_one, count=jobs, folder=folder, preload=PRELOAD,
                          prepare=functools.partial(zygote.prepare, wall),
                          deadline=command.DEADLINE + (trained + 2 * challenge) * command.TRAINED_DEADLINE)
    return reading, grading


@contextlib.contextmanager
def copies_of_weights(out, trained):
    """The folder for copies of trained weights while a run goes on, or None where they are not measured."""
    folder = out.resolve() / WEIGHTS
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    try:
        yield folder if trained else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(args):
    """Run `./course grade-class`. Returns the exit code: 0, 1 if a submission could not be graded, 3 without a wall."""
    choose(args.assignment, assignments(), "assignment")
    args.trained = args.trained or args.challenge
    if args.trained and args.scheduler:
        raise UserError(NOT_SENT)
    if args.trained:
        print(measuring.what_is_measured(args.assignment, args.challenge))
    wall = choose_wall(args, args.submissions, args.out)
    stopped, failed = False, []
    with walls.temporary_folder("class") as folder:
        submissions, told = roster.take_in(args.submissions, args.roster, folder, args.out)
        print("\n".join(told))
        with lock(args.out):
            how = {"branch": args.branch, "before": args.before, "trained": args.trained,
                   "challenge": args.challenge}
            results = Results.start(args.out, args.assignment, not args.no_notebook, submissions, told, how)
            for line in results.moved:
                print(line)
            with copies_of_weights(args.out, args.trained) as weights, tqdm(
                    total=len(submissions), desc=f"grade {args.assignment}", unit="submission", smoothing=0) as bar:
                reading, grading = ways(args, wall, len(submissions), folder, weights=weights, **how)
                try:
                    failed = grade_class(results, wall, args.seed, reading, grading, bar, args.whole, weights,
                                         args.challenge)
                except KeyboardInterrupt:
                    stopped = True
            summary = build(results, {submission.key: reason for submission, reason in failed})
    print(summary)
    return finish(wall, stopped, failed, "NOT GRADED", "The same command tries again.")


def finish(wall, stopped, failed, what, then):
    """Say how a run ended, and return the exit code. failed: [(submission, reason)]; what, then: the words around."""
    print(f"isolation: {wall.name}")
    for submission, reason in failed:
        print(f"{what}: {submission.name}: {printable(reason)}. {then}", file=sys.stderr)
    if stopped:
        print("stopped. The same command goes on from here.", file=sys.stderr)
    return 130 if stopped else int(bool(failed)) or (0 if wall.isolates else command.UNSAFE)


def need_distributed():
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UserError("--scheduler needs dask.distributed. Here and on every machine of the cluster: "
                        ".venv/bin/pip install -r requirements-cluster.txt") from None
