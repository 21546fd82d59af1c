"""What written answers are worth: the points that were typed into the sheet (`./course answers`)."""
import collections
import re

from coursekit.classes.tables import plain, read_table
from coursekit.questions import ELSEWHERE, NO_NOTEBOOK, POINTS, Mark, questions
from helpers.given.console import UserError

SHEET = "answers.csv"
NO_ANSWER = "no answer in the notebook"
LOOK = "no answer in its place, but words elsewhere in the notebook"
UNREAD = "not all answers could be read: "


def marks(results):
    """What the answers are worth: {key of the submission: [Mark]}.

    points is what was typed into the sheet, 0 where there is known to be no answer, and None where somebody has to
    mark. All questions count for everybody as soon as there is a sheet; before, this is empty.
    """
    return filled(results, *read_sheet(results)) if (results.folder / SHEET).is_file() else {}


def read_sheet(results):
    """Read what was typed: {(key, id of the question): (points, comment, the answer beside them)}, {id: maximum}."""
    path = results.folder / SHEET
    titles = {question.title: question for question in questions(results.settings["assignment"])}
    by_number = collections.defaultdict(list)  # spreadsheets take 007 for a number
    for submission in results.submissions:
        by_number[submission.key.lstrip("0")].append(submission.key)
    typed, most = {}, {}
    for number, row in enumerate(read_table(path), start=2):
        where = f"{path}, line {number}"
        question = titles.get(plain(row.get("question")))
        if question is None:
            raise UserError(f"{where}: there is no question {row.get('question')!r}; there is: {', '.join(titles)}")
        maximum = read_points(row, "max", where)
        if maximum is None or most.setdefault(question.id, maximum) != maximum:
            raise UserError(f"{where}: max is {row['max']!r}, expected the same number for everybody "
                            f"({most.get(question.id, POINTS):g})")
        got = read_points(row, "points", where)
        if got is not None and got > maximum:
            raise UserError(f"{where}: {got:g} points, there are {maximum:g} for this question")
        key, keys = plain(row.get("key")), by_number[plain(row.get("key")).lstrip("0")]
        if key not in keys and len(keys) != 1:
            raise UserError(f"{where}: there is no submission {row.get('key')!r}: correct the key, or delete the line")
        answer = row.get("answer")  # None: somebody has deleted the column
        typed[key if key in keys else keys[0], question.id] = got, plain(row.get("comment")), answer and plain(answer)
    return typed, most


def filled(results, typed, most, otherwise=POINTS):
    """Put what was typed beside the answers as they are now: see `marks`. otherwise: the maximum of a new question."""
    found, asked = {}, questions(results.settings["assignment"])
    for submission in results.submissions:
        report, found[submission.key] = results.report(submission), []
        for question in asked:
            points, comment, seen = typed.get((submission.key, question.id), (None, "", None))
            answer = (report.answers or {}).get(question.id, "") if report else seen or ""
            if points == 0 and comment in (NO_ANSWER, NO_NOTEBOOK) or points is None and (
                    comment == LOOK or comment.startswith(UNREAD)):
                points, comment = None, ""  # nobody has typed that
            if points is not None and seen is not None and letters(seen) != letters(answer):  # it was handed in anew
                points, comment = None, f"{points:g} points for an earlier answer. {comment}".strip()
            if report and not answer and points is None and not comment:
                points, comment = unanswered(report)
            found[submission.key].append(Mark(question.id, question.title, points, most.get(question.id, otherwise),
                                              comment, answer))
    return found


def unanswered(report):
    """The points for a question without an answer, and why. A notebook that was not read may hold one."""
    if report.answers_problem:
        nothing = report.answers_problem == NO_NOTEBOOK
        return (0.0, NO_NOTEBOOK) if nothing else (None, f"{UNREAD}{report.answers_problem}")
    return (None, LOOK) if (report.answers or {}).get(ELSEWHERE) else (0.0, NO_ANSWER)


def letters(text):
    """A text without what spreadsheets and `safe` change."""
    return [character for character in text if character.isprintable() and character not in " '"]


def read_points(row, column, where):
    text = plain(row.get(column)).strip().replace(",", ".")
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise UserError(f"{where}: {column} is {row[column]!r}, expected a number")
    return float(text)
