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

from coursekit import pool, reports, roster, walls, zygote
from coursekit.answers import extract, questions
from coursekit.grade import DEADLINE, UNSAFE, add_unsafe
from coursekit.grade import seed as grading_seed
from coursekit.sandbox import SandboxError, printable
from coursekit.submission import SubmissionError, read_graded_file, read_notebook
from coursekit.walls import ROOT
from helpers.given.__main__ import UserError, choose, write

PRELOAD = ("torch", "coursekit.grade")
JUDGES = ("confine", "grade", "notebook", "sandbox", "walls", "worker", "zygote")  # whatever a report depends on
READ_DEADLINE = 60.0  # seconds to find and read what one submission holds
_mine = threading.local()


def grade_one(wall, assignment, notebook, seed, checks, where, source, problem):
    """Grade one submission in this process, which keeps its grader for the next. Runs in the workers.

    wall: what student code runs behind. checks: `version_of_checks` of who asks. problem: why there is nothing to
    grade, or None.
    """
    from coursekit.grade import Grader
    if checks != version_of_checks(assignment):  # a cluster's worker keeps what it has imported
        raise RuntimeError("this worker has other checks: update its course, and start it anew")
    if getattr(_mine, "what", None) != (assignment, notebook, wall.name):
        import torch
        torch.set_num_threads(1)  # one worker for each core
        stop_grading()
        _mine.grader = Grader(assignment, notebook, wall).__enter__()
        _mine.what = assignment, notebook, wall.name
    try:
        if problem is not None:
            return _mine.grader.refuse(where, problem, seed)
        return _mine.grader.grade(where, source, seed)
    except SandboxError:
        stop_grading()  # the next attempt starts another sandbox
        raise


def stop_grading():
    if getattr(_mine, "what", None):
        _mine.what = None
        _mine.grader.__exit__()


def read(submission, assignment, notebook_path, room):
    """What is handed in: the text of the graded file or None, why there is none or None, the text of the notebook."""
    source = problem = text = None
    content = dict(submission.files) or submission.path
    try:
        if content is None:
            raise SubmissionError(submission.problem or "nothing was handed in")
        source = read_graded_file(content, assignment, room)
    except SubmissionError as error:
        # The student reads this: what lies above the submission is not their concern.
        above = f"{submission.path.parent}{os.sep}" if submission.path else None
        problem = printable(str(error).replace(above, "") if above else str(error))
    with contextlib.suppress(SubmissionError):
        text = content and read_notebook(content, notebook_path, room)
    return source, problem, text


@dataclasses.dataclass(frozen=True)
class HandedIn:
    """What was read of a submission and never executed. mark: its fingerprint. See `read` for the others."""

    source: str | None
    problem: str | None
    answers: dict
    mark: str


def read_one(wall, assignment, notebook, submission):
    """Read one submission: a HandedIn. Runs in a process of its own: what is read may be made to take for ever."""
    from coursekit.release import discover
    with walls.Room(wall, "read") as room:
        content = read(submission, assignment, discover(ROOT)[assignment].as_posix(), room)
    source, problem, text = content
    mark = fingerprint(*content, notebook, version_of_checks(assignment))
    return HandedIn(source, problem, extract(text, questions(assignment)), mark)


def fingerprint(*things):
    """What a report depends on. Another fingerprint means: grade it again."""
    return hashlib.sha256(json.dumps(things, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def version_of_checks(assignment):
    """A digest of what judges, as it was when this process first asked: the reference, what is given, the notebook,
    hidden checks and probes, and the grader itself."""
    from coursekit.release import discover
    paths = [ROOT / "helpers" / f"{assignment}.py", ROOT / discover(ROOT)[assignment],
             *(ROOT / "coursekit" / f"{name}.py" for name in JUDGES),
             *sorted((ROOT / "helpers" / "given").rglob("*.py")), *sorted((ROOT / "autograde_tests").rglob("*.py"))]
    return fingerprint(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))


class Results:
    """The folder of results of one class and assignment."""

    def __init__(self, folder, settings):
        self.folder, self.settings = Path(folder), settings

    @classmethod
    def start(cls, folder, assignment, notebook, submissions):
        """Make the folder, or go on with one."""
        folder = Path(folder)
        known = cls.open(folder).settings if (folder / "class.json").is_file() else {}
        if known and known["assignment"] != assignment:
            raise UserError(f"{folder} holds the results of assignment {known['assignment']}: choose another --out")
        if not known and folder.is_dir() and any(name != ".lock" for name in os.listdir(folder)):
            raise UserError(f"{folder} is there already, and not the results of a class: choose another --out")
        settings = {"assignment": assignment, "notebook": notebook,
                    "submissions": [{**dataclasses.asdict(submission), "path": submission.path and str(submission.path)}
                                    for submission in submissions]}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(folder / "class.json", json.dumps(settings, indent=1) + "\n")
        return cls(folder, settings)

    @classmethod
    def open(cls, folder):
        path = Path(folder) / "class.json"
        try:
            return cls(folder, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UserError(f"there is no {path}: give the --out of a `course grade-class`") from None
        except ValueError:
            raise UserError(f"{path} is broken: delete it, and run `course grade-class` again") from None

    @property
    def submissions(self):
        return [roster.Submission(**{**row, "path": row["path"] and Path(row["path"])})
                for row in self.settings["submissions"]]

    def of(self, submission):
        return self.folder / "students" / submission.key

    def report(self, submission):
        """The report of a submission, or None."""
        try:
            return json.loads((self.of(submission) / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def source(self, submission):
        """The graded file as it was handed in, or None."""
        try:
            return (self.of(submission) / f"{self.settings['assignment']}.py").read_text(encoding="utf-8")
        except OSError:
            return None

    def forget(self, submission):
        """Remove a report."""
        shutil.rmtree(self.of(submission), ignore_errors=True)

    def save(self, submission, report, source):
        """Write a report."""
        self.forget(submission)
        folder = self.of(submission)
        folder.mkdir(parents=True, mode=0o700)
        if source is not None:
            write(folder / f"{self.settings['assignment']}.py", source)
        reports.write_all(report, folder, submission.name)


@contextlib.contextmanager
def lock(folder):
    """Keep a second run out of the folder. The system gives the lock back, however this process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / ".lock", "w") as stream:
        try:
            import fcntl
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another `course grade-class` or `course answers` writes to {folder}: wait for it, or "
                            "stop it") from None
        except (ImportError, OSError):
            pass  # Windows, and file systems without locks
        yield


def grade_class(results, wall, seed, reading, grading, bar=None):
    """Grade what has no report yet. Returns the submissions that could not be graded: [(submission, reason)].

    Those that are graded in one run are asked the same; what is handed in later is asked something else.

    Args:
        wall: what student code runs behind.
        seed: what the checks draw their inputs from. None: a fresh one, and what has a report keeps it.
        reading, grading: pool.local or pool.dask, all but their tasks given: for `read_one`, and for `grade_one`.
    """
    assignment, notebook = results.settings["assignment"], results.settings["notebook"]
    by_key = {submission.key: submission for submission in results.submissions}
    waiting, failed = {}, []
    for key, handed_in, _ in reading((key, (assignment, notebook, by_key[key])) for key in by_key):
        broken, report = isinstance(handed_in, pool.Failure), results.report(by_key[key])
        if report and not broken and report.get("fingerprint") == handed_in.mark and seed in (None, report["seed"]):
            bar and bar.update()
            continue
        results.forget(by_key[key])  # what is out of date must not stand in the grade book, come what may
        if broken:
            failed.append((by_key[key], f"it could not be read: {handed_in.reason}"))
            bar and bar.update()
        else:
            waiting[key] = handed_in
    seed, checks = secrets.randbits(31) if seed is None else seed, version_of_checks(assignment)
    tasks = [(key, (wall, assignment, notebook, seed, checks, by_key[key].name, handed_in.source, handed_in.problem))
             for key, handed_in in waiting.items()]
    for key, report, attempts in grading(tasks):
        if isinstance(report, pool.Failure):
            failed.append((by_key[key], report.reason))
        else:
            more = {"fingerprint": waiting[key].mark, "attempts": attempts, "answers": waiting[key].answers}
            results.save(by_key[key], {**report, **more}, waiting[key].source)
        bar and bar.update()
    return failed


def add_arguments(parser):
    parser.add_argument("submissions", help="a folder with one entry for each submission (folder, zip file, git "
                        "repository), or a CSV file with a column 'path' and what is known of the student: "
                        "name, id number, email, login, section")
    parser.add_argument("--assignment", metavar="NAME", required=True, help="such as vae")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the results; the same folder again "
                        "goes on where a run was stopped")
    parser.add_argument("--no-notebook", action="store_true", help="do not execute the notebook (much faster)")
    parser.add_argument("--seed", type=grading_seed, help="what the checks draw their inputs from (default: a fresh "
                        "one in each run, noted in the report.json of those graded in it)")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count() or 1,
                        help="submissions at a time on this machine (default: one for each core, %(default)s here)")
    add_unsafe(parser)
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="grade on this Dask cluster instead")


def main(args):
    """Run `./course grade-class`. Returns the exit code: 0, 1 if a submission could not be graded, 3 without a wall."""
    from coursekit.gradebook import build
    from coursekit.release import discover
    from tqdm import tqdm

    choose(args.assignment, discover(ROOT), "assignment")
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: expected 1 or more")
    if args.scheduler:
        need_distributed()
        wall = pool.ask_cluster(functools.partial(walls.choose, args.unsafe), args.scheduler)
    else:
        wall = walls.choose(args.unsafe)
    if not wall.isolates:
        print(f"NOT ISOLATED: {wall.reasons}. Student code runs with your rights.", file=sys.stderr)
    submissions = roster.collect(args.submissions)
    stopped, failed = False, []
    with lock(args.out), walls.temporary_folder("class") as folder:
        results = Results.start(args.out, args.assignment, not args.no_notebook, submissions)
        jobs = min(args.jobs, len(submissions))
        here = walls.best() if args.scheduler else wall
        reading = functools.partial(pool.local, functools.partial(read_one, here), count=jobs, folder=folder,
                                    preload=PRELOAD, deadline=READ_DEADLINE)
        grading = functools.partial(pool.dask, grade_one, address=args.scheduler) if args.scheduler else \
            functools.partial(pool.local, grade_one, count=jobs, folder=folder, preload=PRELOAD,
                              prepare=functools.partial(zygote.prepare, wall), deadline=DEADLINE)
        with tqdm(total=len(submissions), desc=f"grade {args.assignment}", unit="submission", smoothing=0) as bar:
            try:
                failed = grade_class(results, wall, args.seed, reading, grading, bar)
            except KeyboardInterrupt:
                stopped = True
        summary = build(results, dict((submission.key, reason) for submission, reason in failed))
    print(f"{summary}\nisolation: {wall.name}")
    for submission, reason in failed:
        print(f"NOT GRADED: {submission.name}: {printable(reason)}. The same command tries again.", file=sys.stderr)
    if stopped:
        print("stopped. The same command goes on from here.", file=sys.stderr)
    return 130 if stopped else int(bool(failed)) or (0 if wall.isolates else UNSAFE)


def need_distributed():
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UserError("--scheduler needs dask.distributed. Here and on every machine of the cluster: "
                        ".venv/bin/pip install -r requirements-cluster.txt") from None
