"""Reads from a submission what is graded, and nothing else.

A submission is a folder, an archive, a git repository, loose files, or several of them. Nothing of it is unpacked to a
disk or executed here.
"""
import contextlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from coursekit.grading.choose import Unchanged, Undecided, graded_file
from coursekit.grading.feedback import filled_in
from coursekit.grading.files import NOT_PLAIN, Listing, NoGradedFile, SubmissionError
from coursekit.grading.repository import Repository, is_bare_repository, refs_of
from coursekit.grading.weights import find
from coursekit.grading.written import Written, written
from coursekit.questions import NO_NOTEBOOK
from coursekit.sandbox import printable
from helpers.given.course import assignments

NOTE_BYTES = 64 << 20  # of a repository that is read beside its working tree, for a note


@dataclass(frozen=True)
class HandedIn:
    """What was read of a submission and never executed.

    who: whose it is, or its path. source: text of the graded file, or None. problem: why there is none, or None. open:
    True if nobody can tell what was done: the marks stay open then, and are 0 otherwise.
    answers: what is written in the notebook, by the id of the question.
    notes: lines for the report: which file counts and why, what was not looked at.
    answers_problem: why the answers may not be all, or None. pictures: that they show, by the id of the question:
    [[name, type, base64]].
    weights: what was found of the trained weights, {name: weights.Found}, where they are measured.
    feedback: is the feedback form filled in. None: none was found.
    """

    who: str
    source: str | None
    problem: str | None = None
    answers: dict = field(default_factory=dict)
    open: bool = False
    notes: tuple = ()
    answers_problem: str | None = None
    pictures: dict = field(default_factory=dict)
    weights: dict = field(default_factory=dict)
    feedback: bool | None = None


def read(submission, assignment, who, room=None, asked=(), branch=None, before=None, weights=(), folder=None):
    """Read a submission: a HandedIn.

    Args:
        submission: a path, or several things as pairs (name, path), the newest last.
        room: a walls.Room, in which git runs. Without one, git repositories are refused.
        asked: the Questions whose answers are wanted.
        branch, before: which commit of a git repository counts, see repository.Repository.
        weights: the trained weights that are wanted, helpers.given.trained.Weights. folder: for copies of them.
    """
    source, problem, notes, answered, found, feedback = None, None, [], Written({}), {}, None
    try:
        with look_into(submission, room, branch, before) as listing:
            try:
                source, notes = read_source(listing, assignment, room)
            except SubmissionError as error:
                problem = error
            notes, feedback = [*listing.notes, *notes], filled_in(listing)
            if asked:
                answered = written(listing, assignment, asked)
            if weights:
                found, more = find(listing, assignment, weights, folder)
                notes += more
    except SubmissionError as error:  # nothing of it can be read
        problem = error
        answered = Written({}, NO_NOTEBOOK if isinstance(error, NoGradedFile) else str(error))
    return HandedIn(who, source, problem and printable(str(problem)), answered.answers,
                    problem is not None and not isinstance(problem, NoGradedFile),
                    tuple(map(printable, [*notes, *answered.notes])),
                    answered.problem and printable(answered.problem), answered.pictures, found, feedback)


def read_source(listing, assignment, room=None):
    """The text of the graded file, and lines for the report. Raises SubmissionError."""
    try:
        candidate, notes = graded_file(listing, assignment)
        path = candidate.path
    except NoGradedFile as error:
        path = getattr(error, "path", PurePosixPath(assignments()[assignment].helper.as_posix()))
        if elsewhere := newer_branch(listing, path, room) or submodules(listing, room):
            raise SubmissionError(f"{error}, but {elsewhere}") from None
        raise
    newer = newer_branch(listing, path, room)
    return candidate.text, [*notes, *([newer] if newer else [])]


def newer_branch(listing, path, room):
    """A line on the branch of a git repository that has a newer version of this file than what counts; or None."""
    with contextlib.suppress(SubmissionError):  # it is only a note
        if listing.commit:
            return listing.commit.newer_branch(path)
        if listing.repository and room:
            head, branches = refs_of(listing.repository)
            if set(branches.values()) - {head}:
                return Repository(listing, listing.repository, room, most=NOTE_BYTES).newer_branch(path)
    return None


def submodules(listing, room):
    """A line on the repositories in the git repository that a folder is cloned from: they are empty in it. Or None."""
    with contextlib.suppress(SubmissionError):
        if listing.repository and room:
            with Listing(listing.name) as committed:
                Repository(committed, listing.repository, room, most=NOTE_BYTES).list(committed)
                return "; ".join(committed.unread) or None
    return None


def infer_assignment(submission, room=None, branch=None, before=None):
    """Return the one assignment that a submission holds a graded file of, other than as it was released. Raises
    SubmissionError."""
    found, unchanged = [], []
    with look_into(submission, room, branch, before) as listing:
        for name in assignments():
            try:
                graded_file(listing, name)
                found.append(name)
            except Unchanged:
                unchanged.append(name)
            except Undecided:  # who reads it will say so
                found.append(name)
            except SubmissionError:
                pass
        unread = listing.unread
    found = found or unchanged
    if not found and unread:
        raise SubmissionError(unread[0])
    if len(found) != 1:
        what = "files of " + " and ".join(found) if found else "no graded file"
        raise SubmissionError(f"{submission} holds {what}: say which assignment with --assignment")
    return found[0]


@contextlib.contextmanager
def look_into(submission, room=None, branch=None, before=None):
    """The files.Listing of a submission. submission, room, branch, before: see `read`."""
    if not isinstance(submission, (str, Path)):
        with Listing("what was handed in") as listing:
            listing.loose = True
            for listing.thing, (name, path) in enumerate(submission):
                path, place = Path(path), listing.inside(PurePosixPath(), name) or PurePosixPath(Path(path).name)
                if path.is_dir() and not path.is_symlink():
                    listing.folder(path, place)
                else:
                    listing.file(path, place, NOT_PLAIN if path.is_symlink() else "", alone=len(submission) == 1)
            yield listing
        return
    path = Path(submission)
    with Listing(str(path)) as listing:
        repository = repository_of(path)
        if path.is_dir() and repository != path and not (repository and (branch or before is not None)):
            listing.folder(path)
            listing.repository = repository
        elif path.is_file():
            listing.file(path.resolve(), PurePosixPath(path.name), alone=True)
        elif not path.is_dir():
            raise SubmissionError(f"{path} is neither a folder nor a zip file")
        if repository and not listing.entries:  # a clone without its files has them all in there
            listing.commit = Repository(listing, repository, room, branch, before)
            listing.commit.list(listing)
            listing.notes += listing.commit.notes
        elif branch or before is not None:
            listing.notes.append("this is no git repository: --branch and --before say nothing about it")
        yield listing


def repository_of(path):
    """The git repository that a folder is, or has in it; None if there is none. What lies in a folder comes before what
    looks like a repository there."""
    if is_bare_repository(path) and not any(path.glob("*.py")) and not (path / "helpers").exists():
        return path
    inner = path / ".git"
    return inner if inner.is_dir() and not inner.is_symlink() and is_bare_repository(inner) else None
