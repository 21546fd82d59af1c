"""What written answers are worth: the points that were typed into the sheet (`./course answers`).

Nothing that stands in the sheet ends anything: what does not fit is told, and kept in answers-aside.csv.
"""
import collections
import math
import re
from dataclasses import dataclass, field

from coursekit.classes.spreadsheets import same
from coursekit.classes.tables import plain, read_table, write_rows
from coursekit.questions import ELSEWHERE, NO_NOTEBOOK, POINTS, Mark, questions
from coursekit.sandbox import printable
from helpers.given.console import UserError

COLUMNS = ("question", "key", "student", "points", "max", "comment", "answer", "model answer")
SHEET, ASIDE = "answers.csv", "answers-aside.csv"
NO_ANSWER = "no answer in the notebook"
LOOK = "no answer in its place, but words elsewhere in the notebook"
UNREAD = "not all answers could be read: "
MOST_TOLD = 5  # lines that do not fit


@dataclass
class Sheet:
    """What was typed.

    typed: {(key, id of the question): (points, comment, the answer beside them)}. most: {id: maximum}. unfit: [(row,
    why it does not fit)]. told: the same, of what stands in the sheet itself, in words. unread: files that are none.
    """

    typed: dict = field(default_factory=dict)
    most: dict = field(default_factory=dict)
    unfit: list = field(default_factory=list)
    told: list = field(default_factory=list)
    unread: list = field(default_factory=list)


def marks(results, sheet=None):
    """What the answers are worth: {key of the submission: [Mark]}. sheet: what was typed, if it has been read already.

    points is what was typed into the sheet, 0 where there is known to be no answer, and None where somebody has to
    mark. All questions count for everybody as soon as there is a sheet; before, this is empty.
    """
    sheet = sheet or read_sheet(results)
    return filled(results, sheet.typed, sheet.most) if (results.folder / SHEET).is_file() else {}


def read_sheet(results):
    """Read what was typed: a Sheet. What was set aside before comes back if it fits now: who had withdrawn is here
    again."""
    asked = {question.title: question for question in questions(results.settings["assignment"])}
    find, sheet = Keys(results).find, Sheet()
    rows = [(name, number, row) for name in (SHEET, ASIDE) for number, row in lines(results.folder / name, sheet)]
    sheet.most = {question.id: maximum(question, [row for name, _, row in rows if name == SHEET])
                  for question in asked.values()}
    for name, number, row in rows:
        try:
            question = asked.get(plain(row.get("question")).strip())
            if question is None:
                raise Unfit(f"there is no question {row.get('question')!r}")
            key, answer = find(plain(row.get("key")).strip(), row), row.get("answer")
            known = sheet.typed.get((key, question.id))
            answer = answer and plain(answer)  # None: somebody has deleted the column
            comment = plain(row.get("comment"))
            got = typed_points(row, sheet.most[question.id])
            if known is None or known[0] is None and got is not None:
                sheet.typed[key, question.id] = got, comment, answer
            elif got is not None and (got, comment) != known[:2]:
                raise Unfit("another line has points for the same answer")
        except Unfit as reason:
            if name == ASIDE and reason.keeps and sheet.typed.get((key, question.id), (None,))[0] is not None:
                continue  # somebody has typed the points again
            sheet.unfit.append((row, str(reason)))
            if name == SHEET:
                sheet.told.append(printable(f"{name}, line {number}: {reason}"))
                if reason.keeps:
                    sheet.typed.setdefault((key, question.id), (None, comment, answer))
    return sheet


def set_aside(results, sheet):
    """Write what does not fit beside the sheet, which is about to be written anew. Returns lines on that."""
    said, path = [], results.folder / ASIDE
    for unread in sheet.unread:
        kept = next(name for number in range(1, 10_000) if not (
            name := unread.with_name(f"{unread.stem}-unread-{number}.csv")).exists())
        unread.rename(kept)
        said.append(f"it is kept as {kept}")
    if sheet.unfit:
        columns = [*COLUMNS, "reason"]
        write_rows(path, columns, [[*(plain(row.get(column)) for column in COLUMNS), reason]
                                   for row, reason in sheet.unfit])
        said.append(f"kept aside in {path}: {len(sheet.unfit)} of the lines. Those of who hands in again come back by "
                    "themselves")
    else:
        path.unlink(missing_ok=True)
    return said


def told(sheet):
    """What does not fit, line by line, and no more than can be read."""
    more = len(sheet.told) - MOST_TOLD
    return sheet.told[:MOST_TOLD] + ([f"and {more} more lines of {SHEET} that do not fit"] if more > 0 else [])


class Unfit(UserError):
    """A line of the sheet cannot be counted. keeps: it is known whose it is, so its comment stays where it was."""

    def __init__(self, message, keeps=False):
        super().__init__(message)
        self.keeps = keeps


def lines(path, sheet):
    """The lines of a table that hold something: [(number, row)]. A file that is no table is told, and has none."""
    if not path.is_file():
        return []
    try:
        rows = read_table(path, otherwise="cp1252")
    except UserError as error:
        sheet.told.append(printable(str(error)))
        sheet.unread.append(path)
        return []
    missing = [column for column in ("question", "key", "points") if rows and column not in rows[0]]
    if missing:
        sheet.told.append(f"{path} has no column {', '.join(missing)}, so nothing of it counts")
        sheet.unread.append(path)
        return []
    return [(number, row) for number, row in enumerate(rows, start=2) if any(filled_cells(row))]


def filled_cells(row):
    return [text for value in row.values() for text in (value if isinstance(value, list) else [value])
            if text and text.strip()]


class Keys:
    """Whose a line is, by its key: as it is, as an earlier run called it, or as a spreadsheet writes a number."""

    def __init__(self, results):
        self.former = results.settings.get("former", {})
        self.keys = {submission.key for submission in results.submissions}
        self.by_number = collections.defaultdict(list)  # spreadsheets take 007 for a number
        for key in self.keys:
            if re.fullmatch(r"\d{1,300}", key):
                self.by_number[f"{float(key):.5e}"].append(key)
        self.by_case = collections.defaultdict(list)
        for key in self.keys:
            self.by_case[key.casefold()].append(key)

    def find(self, text, row):
        key = self.former.get(text, text)
        if key in self.keys:
            return key
        found = self.by_case[text.casefold()]
        if re.fullmatch(r"\d{1,300}(?:[.,]\d*)?(?:E\+?\d{1,3})?", text, re.IGNORECASE):
            number = float(text.replace(",", "."))
            exact = [key for key in self.keys if key.lstrip("0") == text.lstrip("0")]
            found = exact or (self.by_number[f"{number:.5e}"] if math.isfinite(number) else [])
        if len(found) != 1:
            raise Unfit(f"there is no submission {row.get('key')!r} (any more)")
        return found[0]


def maximum(question, rows):
    """What a question is worth: what most of its lines say. POINTS, if none says it."""
    found = collections.Counter(number for row in rows if plain(row.get("question")).strip() == question.title
                                and (number := read_number(row.get("max"))))
    return found.most_common(1)[0][0] if found else POINTS


def typed_points(row, most):
    """The points of a line, or None. Raises Unfit."""
    text, said = (row.get("points") or "").strip(), read_number(row.get("max"))
    got = read_number(text)
    if got is None and plain(text).strip(" '\u00a0"):
        raise Unfit(f"points is {plain(text)!r}, expected a number", keeps=True)
    if said not in (None, most):
        raise Unfit(f"max is {said:g}, and {most:g} in most lines of this question", keeps=True)
    if got is not None and got > most:
        raise Unfit(f"{got:g} points, there are {most:g} for this question", keeps=True)
    return got


def read_number(text):
    """A number of points in a cell, or None: 3, 0.50, 3,5, '3."""
    text = re.sub(r"[\s\u00a0']", "", plain(text)).replace(",", ".")
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d*)?|\.\d+", text) else None


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
            if points is not None and seen is not None and not same(seen, answer):  # it was handed in anew
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
