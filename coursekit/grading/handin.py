"""Reads from a submission what is graded, and nothing else.

A submission is a folder, a zip file, a git repository without a working tree, or loose files. Nothing of it is unpacked
or executed here.
"""
import contextlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coursekit.grading.files import NoGradedFile, SubmissionError, from_files, from_folder, from_zip
from coursekit.grading.repository import from_git, is_bare_repository
from coursekit.questions import extract
from helpers.given.course import assignments

MAX_BYTES = 1 << 20  # of a graded file; ours are about 10 kB
MAX_NOTEBOOK_BYTES = 32 << 20  # with its pictures; ours have up to 3 MB


@dataclass(frozen=True)
class HandedIn:
    """What was read of a submission and never executed.

    who: whose it is, or its path. source: text of the graded file, or None. problem: why there is none, or None.
    answers: what is written in the notebook, by the id of the question. notes: lines for the report.
    """

    who: str
    source: str | None
    problem: str | None = None
    answers: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(submission, assignment, who, room=None, asked=()):
    """Read a submission: a HandedIn.

    Args:
        submission: a path, or loose files as a dict name -> path.
        room: a walls.Room, in which git runs. Without one, git repositories are refused.
        asked: the Questions whose answers are wanted.
    """
    wanted, source, problem, text = assignments()[assignment], None, None, None
    try:
        source = read_file(submission, wanted.helper, MAX_BYTES, room)
    except SubmissionError as error:
        problem = str(error)
    if asked:
        with contextlib.suppress(SubmissionError):
            text = read_file(submission, wanted.notebook, MAX_NOTEBOOK_BYTES, room)
    return HandedIn(who, source, problem, extract(text, asked))


def infer_assignment(submission, room=None):
    """Return the one assignment that a submission holds a graded file of. Raises SubmissionError."""
    found = []
    for name, assignment in assignments().items():
        try:
            read_file(submission, assignment.helper, MAX_BYTES, room)
            found.append(name)
        except NoGradedFile:
            pass
    if len(found) != 1:
        what = "files of " + " and ".join(found) if found else "no graded file"
        raise SubmissionError(f"{submission} holds {what}: say which assignment with --assignment")
    return found[0]


def read_file(submission, wanted, limit, room=None):
    """Return the text of a file, such as helpers/vae.py. It may stand there, or at the top, or in the one place where
    it is found. submission, room: see `read`. Raises SubmissionError."""
    wanted = PurePosixPath(wanted)
    if isinstance(submission, dict):
        content, submission = from_files(submission, wanted, limit), "what was handed in"
    elif (submission := Path(submission)).is_dir():
        try:
            content = from_folder(submission, wanted, limit)
        except NoGradedFile:
            if not is_bare_repository(submission):
                raise
            content = from_git(submission, wanted, limit, room)
    elif submission.suffix in (".py", ".ipynb"):
        content = from_files({submission.name: submission}, wanted, limit)
    elif submission.is_file():
        content = from_zip(submission, wanted, limit)
    else:
        raise SubmissionError(f"{submission} is neither a folder nor a zip file")
    if len(content) > limit:
        raise SubmissionError(f"{wanted.name} in {submission} is larger than {limit >> 20} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{wanted.name} in {submission} is not a UTF-8 text file") from None
