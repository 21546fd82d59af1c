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
import tempfile
import threading
from pathlib import Path

from coursekit import pool, reports, roster
from coursekit.answers import extract, questions
from coursekit.grade import seed as grading_seed
from coursekit.sandbox import ROOT, SandboxError, printable, why_not_isolated
from coursekit.submission import SubmissionError, read_graded_file, read_notebook
from helpers.given.__main__ import UserError, choose, write

PRELOAD = ("torch", "coursekit.grade")
_mine = threading.local()


def grade_one(assignment, notebook, seed, checks, where, source, problem):
    """Grade one submission in this process, which keeps its grader for the next. Runs in the workers.

    checks: `version_of_checks` of who asks. problem: why there is nothing to grade, or None.
    """
    from coursekit.grade import Grader
    if checks != version_of_checks(assignment):  # a cluster's worker keeps what it has imported
        raise RuntimeError("this worker has other checks: update its course, and start it anew")
    if getattr(_mine, "what", None) != (assignment, notebook):
        import torch
        torch.set_num_threads(1)  # one worker for each core
        stop_grading()
        _mine.grader, _mine.what = Grader(assignment, notebook).__enter__(), (assignment, notebook)
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


def read(submission, assignment, notebook_path):
    """What is handed in: the text of the graded file or None, why there is none or None, the text of the notebook."""
    source = problem = text = None
    content = dict(submission.files) or submission.path
    try:
        if content is None:
            raise SubmissionError("nothing was handed in")
        source = read_graded_file(content, assignment)
    except (SubmissionError, OSError) as error:
        # The student reads this: what lies above the submission is not their concern.
        problem = printable(str(error).replace(str(submission.path), submission.path.name if submission.path else ""))
    with contextlib.suppress(SubmissionError, OSError):
        text = content and read_notebook(content, notebook_path)
    return source, problem, text


def fingerprint(*things):
    """What a report depends on. Another fingerprint means: grade it again."""
    return hashlib.sha256(json.dumps(things, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def version_of_checks(assignment):
    """A digest of what judges, as it was when this process first asked: the reference, what is given, the notebook,
    hidden checks and probes, and the grader itself."""
    from coursekit.release import discover
    paths = [ROOT / "helpers" / f"{assignment}.py", ROOT / discover(ROOT)[assignment],
             *(ROOT / "coursekit" / f"{name}.py" for name in ("grade", "notebook", "sandbox", "worker")),
             *sorted((ROOT / "helpers" / "given").rglob("*.py")), *sorted((ROOT / "autograde_tests").rglob("*.py"))]
    return fingerprint(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))


class Results:
    """The folder of results of one class and assignment."""

    def __init__(self, folder, settings):
        self.folder, self.settings = Path(folder), settings

    @classmethod
    def start(cls, folder, assignment, notebook, seed, submissions):
        """Make the folder, or go on with one. A class has one seed: everybody is asked the same."""
        folder = Path(folder)
        known = cls.open(folder).settings if (folder / "class.json").is_file() else {}
        if known and known["assignment"] != assignment:
            raise UserError(f"{folder} holds the results of assignment {known['assignment']}: choose another --out")
        if not known and folder.is_dir() and any(name != ".lock" for name in os.listdir(folder)):
            raise UserError(f"{folder} is there already, and not the results of a class: choose another --out")
        seed = known.get("seed", secrets.randbits(31)) if seed is None else seed
        settings = {"assignment": assignment, "notebook": notebook, "seed": seed,
                    "submissions": [{**dataclasses.asdict(submission), "path": submission.path and str(submission.path)}
                                    for submission in submissions]}
        folder.mkdir(parents=True, exist_ok=True)
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
        folder.mkdir(parents=True)
        if source is not None:
            (folder / f"{self.settings['assignment']}.py").write_text(source, encoding="utf-8", newline="")
        reports.write_all(report, folder, submission.name)


@contextlib.contextmanager
def lock(folder):
    """Keep a second run out of the folder. The system gives the lock back, however this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
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


def grade_class(results, run, bar=None):
    """Grade what has no report yet. Returns the submissions that could not be graded: [(submission, reason)].

    run(tasks) does the work: pool.local or pool.dask, all but their tasks given.
    """
    from coursekit.release import discover
    assignment, notebook, seed = (results.settings[name] for name in ("assignment", "notebook", "seed"))
    asked, checks = questions(assignment), version_of_checks(assignment)
    notebook_path = discover(ROOT)[assignment].as_posix()
    waiting, failed, current = {}, [], set()

    def look(submission):
        content = read(submission, assignment, notebook_path)
        return *content, fingerprint(*content, notebook, seed, checks)

    for submission in results.submissions:  # what is out of date must not stand in the grade book, come what may
        if report := results.report(submission):
            if report.get("fingerprint") == look(submission)[-1]:
                current.add(submission.key)
            else:
                results.forget(submission)

    def tasks():
        for submission in results.submissions:
            if submission.key in current:
                bar and bar.update()
                continue
            source, problem, text, mark = look(submission)
            waiting[submission.key] = submission, source, mark, extract(text, asked)
            yield submission.key, (assignment, notebook, seed, checks, submission.name, source, problem)

    for key, report, attempts in run(tasks()):
        submission, source, mark, answers = waiting.pop(key)
        if isinstance(report, pool.Failure):
            failed.append((submission, report.reason))
        else:
            results.save(submission, {**report, "fingerprint": mark, "attempts": attempts, "answers": answers}, source)
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
                        "one for the class, noted in DIR/class.json)")
    parser.add_argument("--jobs", type=int, metavar="N", default=os.cpu_count() or 1,
                        help="submissions at a time on this machine (default: one for each core, %(default)s here)")
    parser.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="grade on this Dask cluster instead")


def main(args):
    """Run `./course grade-class`. Returns the exit code: 0, or 1 if a submission could not be graded."""
    from coursekit.gradebook import build
    from coursekit.release import discover
    from tqdm import tqdm

    choose(args.assignment, discover(ROOT), "assignment")
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: expected 1 or more")
    if args.scheduler:
        need_distributed()
    elif reason := why_not_isolated():
        print(f"NOT ISOLATED: {reason}. Student code runs with your rights.", file=sys.stderr)
    submissions = roster.collect(args.submissions)
    stopped, failed = False, []
    with lock(args.out), tempfile.TemporaryDirectory(prefix="course-class-") as temporary:
        os.chmod(temporary, 0o755)  # sandboxes of another user lie in it
        results = Results.start(args.out, args.assignment, not args.no_notebook, args.seed, submissions)

        def run(tasks):
            if args.scheduler:
                return pool.dask(grade_one, tasks, args.scheduler)
            return pool.local(grade_one, tasks, min(args.jobs, len(submissions)), temporary, PRELOAD)

        with tqdm(total=len(submissions), desc=f"grade {args.assignment}", unit="submission", smoothing=0) as bar:
            try:
                failed = grade_class(results, run, bar)
            except KeyboardInterrupt:
                stopped = True
        summary = build(results, dict((submission.key, reason) for submission, reason in failed))
    print(summary)
    for submission, reason in failed:
        print(f"NOT GRADED: {submission.name}: {printable(reason)}. The same command tries again.", file=sys.stderr)
    if stopped:
        print("stopped. The same command goes on from here.", file=sys.stderr)
    return 130 if stopped else int(bool(failed))


def need_distributed():
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise UserError("--scheduler needs dask.distributed. Here and on every machine of the cluster: "
                        ".venv/bin/pip install -r requirements-cluster.txt") from None
