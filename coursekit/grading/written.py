"""Finds the notebook among the files of a submission, and what is answered in it. Where nobody can tell which notebook
counts, or it cannot be read, the marks stay open."""
import base64
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from coursekit.grading.choose import MAX_NOTEBOOK_BYTES, MAX_NOTEBOOKS, Candidate, documents, likeness, newest, rank, \
    several
from coursekit.grading.files import SubmissionError
from coursekit.grading.text import read_text
from coursekit.notebooks import NotebookError, cells_of, decoded, picture_type
from coursekit.questions import NO_NOTEBOOK, find_answers
from coursekit.sandbox import printable
from helpers.given.course import assignments

PHOTOGRAPHS = {".jpg", ".jpeg", ".heic"}
NO_ANSWERS = {"trained", "reports"}  # folders: pictures that the course has drawn, and the report
MAX_PICTURES, MAX_PICTURE, MAX_PICTURE_BYTES = 20, 4 << 20, 16 << 20  # of one submission: number, of one, of all


@dataclass(frozen=True)
class Written:
    """What is answered. answers: {id of the question: text}. problem: why it may not be all, or None. pictures: {id of
    the question: [[name, type, base64]]}. notes: lines for the report."""

    answers: dict
    problem: str | None = None
    pictures: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)


def written(listing, assignment, asked):
    """The Written of a submission. asked: the Questions of the assignment."""
    wanted = PurePosixPath(assignments()[assignment].notebook.as_posix())
    books = [(likeness(entry.path.name, wanted), entry) for entry in listing.entries
             if ".ipynb" in entry.path.name.lower() and "given" not in entry.path.parts]
    books = [(like, entry) for like, entry in books if like or not of_another(entry.path.name, assignment)]
    books.sort(key=lambda book: (book[0] is None, not (book[0] and book[0].exact), *rank(book[1].path, wanted)))
    found, broken, others = [], [], []
    for like, entry in books[:MAX_NOTEBOOKS]:
        if like is None and any(answered(answers) for _, answers in found):
            break  # one that has the name, and answers
        try:
            cells = cells_of(read_text(entry, MAX_NOTEBOOK_BYTES))
        except (SubmissionError, NotebookError) as error:
            reason = str(error) if isinstance(error, SubmissionError) else f"{entry.path} {error}"
            (broken if like else others).append(reason)
        else:
            if like and like.exact or belongs(cells, asked):
                found.append((Candidate(entry, "", like), find_answers(cells, asked)))
            else:
                others.append(f"{entry.path}, in which none of the questions stands")
    if not found:
        problem = why_none(listing, wanted, broken or others)
        return Written(dict.fromkeys([question.id for question in asked], ""), problem)
    full = [each for each in found if answered(each[1])] or found[:1]
    best = the_one(listing, full)
    if best is None:
        return Written(dict.fromkeys([question.id for question in asked], ""),
                       f"there are {len(full)} notebooks with different answers: "
                       f"{several(candidate for candidate, _ in full)}. Keep the one that counts")
    (candidate, answers), notes = best, []
    if not (candidate.like and candidate.like.exact) or len(full) > 1:
        notes.append(f"notebook: {candidate.path}")
    pictures, more = pictures_of(listing, candidate.path.parent, answers)
    problem = "; ".join(broken[:3]) or None
    if not answered(answers) and not broken and (others := elsewhere(listing, wanted)):
        problem = f"{candidate.path} has no answers, but {others}: look into it"
    return Written({id: answer.text for id, answer in answers.items()}, problem, pictures, notes + more)


def answered(answers):
    return any(answer.text for answer in answers.values())


def of_another(name, assignment):
    """True for the name of another assignment's notebook."""
    return any(likeness(name, PurePosixPath(each.notebook.as_posix())) for each in assignments().values()
               if each.name != assignment)


def belongs(cells, asked):
    """True for a notebook of the assignment, whatever it is called."""
    ids = {question.id for question in asked}
    starts = [question.text.split("\n", 1)[0] for question in asked]
    return any(cell.id in ids or any(start in cell.source for start in starts) for cell in cells)


def the_one(listing, full):
    """The notebook that counts, of some with answers: one has all that is in the others, or is the newest; or None."""
    def words(answers):
        return {id: "".join(answer.text.split()) for id, answer in answers.items() if answer.text}

    for candidate, answers in full:
        if all(words(other).items() <= words(answers).items() for _, other in full):
            return candidate, answers
    latest = newest(listing, [candidate for candidate, _ in full])
    return the_one(listing, [each for each in full if each[0] in latest]) if latest else None


def why_none(listing, wanted, broken):
    """Why there is no notebook: NO_NOTEBOOK if that is all that there is to say."""
    if broken or listing.unread:
        return "; ".join([*broken, *listing.unread][:3])
    others = elsewhere(listing, wanted)
    return f"{NO_NOTEBOOK}, but {others}: look into it" if others else NO_NOTEBOOK


def elsewhere(listing, wanted):
    """What may hold answers, in words: documents, photographs, a notebook that was saved as a Python file. Or None."""
    found = [*documents(listing), *(entry.path for entry in listing.entries if entry.path.suffix.lower() in PHOTOGRAPHS
                                    or entry.path.name.startswith(f"{wanted.stem}.py"))]
    found = [path for path in found if not NO_ANSWERS & {*path.parts[:-1]}]
    return several(found) if found else None


def pictures_of(listing, place, answers):
    """The pictures that answers show, checked: {id of the question: [[name, type, base64]]}; and a line for each that
    is not shown."""
    shown, left_out, number, room = {}, [], 0, MAX_PICTURE_BYTES
    for id, answer in answers.items():
        for name, text in answer.pictures:
            number += 1
            try:
                content = decoded(text) if text is not None else from_file(listing, place, name)
                kind = picture_type(content)
                if number > MAX_PICTURES or len(content) > min(room, MAX_PICTURE):
                    raise SubmissionError("there are too many, or they are too large")
                if kind is None:
                    raise SubmissionError("it is no PNG, JPEG or GIF file, or too large a one")
            except SubmissionError as error:
                left_out.append(f"a picture of an answer is not shown: {name[:100]} ({error})")
                continue
            room -= len(content)
            shown.setdefault(id, []).append([printable(name)[:100], kind, base64.b64encode(content).decode()])
    return shown, left_out[:5]


def from_file(listing, place, name):
    """The bytes of a picture that lies beside the notebook, or at least somewhere in the submission."""
    path = place
    for part in PurePosixPath(name.replace("\\", "/")).parts:
        path = path.parent if part == ".." else path / part
    found = [entry for entry in listing.entries if entry.path == path] or \
        [entry for entry in listing.entries if entry.path.name == path.name]
    if not found:
        raise SubmissionError("it was not handed in")
    if found[0].problem:
        raise SubmissionError(found[0].problem)
    return found[0].read(MAX_PICTURE)
