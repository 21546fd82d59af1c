"""What is marked by hand: the points that were typed into the marking sheets (`./course answers`, `rubric`).

Nothing that stands in a sheet ends anything: what does not fit is told, and kept beside it, as in answers-aside.csv.
"""
import collections
import math
import re
from dataclasses import dataclass, field

from coursekit.classes.demonstration import DEMONSTRATION
from coursekit.classes.rubric import REPORT
from coursekit.classes.sheets import ANSWERS, COLUMNS, Kind
from coursekit.classes.spreadsheets import same
from coursekit.classes.tables import beside, plain, read_table, write_rows
from coursekit.questions import POINTS, Mark
from coursekit.sandbox import printable
from helpers.given.console import UserError

KINDS = (ANSWERS, REPORT, DEMONSTRATION)
MOST_TOLD = 5  # lines that do not fit


@dataclass
class Sheet:
    """What was typed into a sheet of this kind.

    typed: {(key, id of the question): (points, comment, the answer beside them)}. most: {title of a question: maximum}.
    unfit: [(row, why it does not fit)]. told: the same, of what stands in the sheet itself, in words. unread: files
    that are none. problem: why nobody knows what the sheet asks, or "".
    """

    kind: Kind
    typed: dict = field(default_factory=dict)
    most: dict = field(default_factory=dict)
    unfit: list = field(default_factory=list)
    told: list = field(default_factory=list)
    unread: list = field(default_factory=list)
    problem: str = ""


def read_sheets(results):
    """The sheets that there are, [Sheet]. One whose questions cannot be told has a problem, and its marks are open."""
    found = []
    for kind in KINDS:
        if (results.folder / kind.sheet).is_file():
            try:
                found.append(read_sheet(results, kind))
            except UserError as error:
                found.append(Sheet(kind, told=[printable(str(error))], problem=printable(str(error))))
    return found


def marks(results, sheets=None):
    """What all that is marked by hand is worth: {key of the submission: [Mark]}. sheets: what was typed, if it has been
    read already.

    points is what was typed into a sheet, 0 where there is known to be no answer, and None where somebody has to mark.
    All questions of a sheet count for everybody as soon as it is there; without any sheet, this is empty. What each
    member of a group gets for themselves has the member's key as `whose`.
    """
    found = {}
    for sheet in read_sheets(results) if sheets is None else sheets:
        for who, of_one in filled(results, sheet):
            found.setdefault(who.submission.key, []).extend(of_one)
    return found


def read_sheet(results, kind):
    """Read what was typed: a Sheet, an empty one if there is none yet. What was set aside before comes back if it fits
    now: who had withdrawn is here again."""
    people = {who.key: who for who in kind.people(results)}
    asked = {key: {question.title: question for question in kind.asked(results, who)} for key, who in people.items()}
    all_asked = {title: question for of_one in asked.values() for title, question in of_one.items()}
    find, sheet = Keys(results, people).find, Sheet(kind)
    rows = [(name, number, row) for name in (kind.sheet, kind.aside)
            for number, row in lines(results.folder / name, sheet)]
    sheet.most = {title: question.max or maximum(title, [row for name, _, row in rows if name == kind.sheet])
                  for title, question in all_asked.items()} if rows else {}
    for name, number, row in rows:
        try:
            title = plain(row.get("question")).strip()
            if title not in all_asked:
                raise Unfit(f"there is no question {row.get('question')!r}")
            key, answer = find(plain(row.get("key")).strip(), row), row.get("answer")
            if (question := asked[key].get(title)) is None:
                raise Unfit(f"{people[key].name} is not asked {row.get('question')!r}")
            known = sheet.typed.get((key, question.id))
            answer = answer and plain(answer)  # None: somebody has deleted the column
            comment = plain(row.get("comment"))
            got = typed_points(row, sheet.most[title])
            if known is None or known[0] is None and got is not None:
                sheet.typed[key, question.id] = got, comment, answer
            elif got is not None and (got, comment) != known[:2]:
                raise Unfit("another line has points for the same answer")
        except Unfit as reason:
            if name == kind.aside and reason.keeps and sheet.typed.get((key, question.id), (None,))[0] is not None:
                continue  # somebody has typed the points again
            sheet.unfit.append((row, str(reason)))
            if name == kind.sheet:
                sheet.told.append(printable(f"{name}, line {number}: {reason}"))
                if reason.keeps:
                    sheet.typed.setdefault((key, question.id), (None, comment, answer))
    return sheet


def set_aside(results, sheet):
    """Write what does not fit beside the sheet, which is about to be written anew. Returns lines on that."""
    said, path = [], results.folder / sheet.kind.aside
    for unread in sheet.unread:
        kept = beside(unread, "unread")
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
    last = [f"and {more} more lines of {sheet.kind.sheet} that do not fit"] if more > 0 else []
    return sheet.told[:MOST_TOLD] + last


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

    def __init__(self, results, people=None):
        self.former = results.settings.get("former", {})
        self.keys = set(people or (submission.key for submission in results.submissions))
        self.by_number = collections.defaultdict(list)  # spreadsheets take 007 for a number
        for key in self.keys:
            if re.fullmatch(r"\d{1,300}", key):
                self.by_number[f"{float(key):.5e}"].append(key)
        self.by_case = collections.defaultdict(list)
        for key in self.keys:
            self.by_case[key.casefold()].append(key)

    def find(self, text, row):
        member, of, key = text.rpartition(" of ")  # see Kind.whose
        key = member + of + self.former.get(key, key)
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


def maximum(title, rows):
    """What a question is worth: what most of its lines say. POINTS, if none says it."""
    found = collections.Counter(number for row in rows if plain(row.get("question")).strip() == title
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


def filled(results, sheet, otherwise=POINTS):
    """Put what was typed beside the answers as they are now: [(Who, [Mark])]. otherwise: the maximum of a new
    question."""
    found, kind = [], sheet.kind
    for submission in results.submissions:
        report = results.report(submission)
        for who in kind.whose(submission):
            whose, of_one = who.key if who.person else "", []
            found.append((who, of_one))
            if sheet.problem:
                of_one.append(Mark("", kind.sheet, None, 0, sheet.problem, "", kind.part, whose))
                continue
            for question in kind.asked(results, who):
                points, comment, seen = sheet.typed.get((who.key, question.id), (None, "", None))
                answer, known, why = seen or "", None, ""
                if report:
                    answer, known, why = kind.given(results, who, report, question)
                if not_typed(kind, points, comment):
                    points, comment = None, ""
                if points is not None and seen is not None and not same(seen, answer):  # it was handed in anew
                    points, comment = None, f"{points:g} points for an earlier answer. {comment}".strip()
                if points is None and not comment:
                    points, comment = known, why
                most = question.max or sheet.most.get(question.title, otherwise)
                of_one.append(Mark(question.id, question.title, points, most, comment, answer, kind.part, whose))
    return found


def not_typed(kind, points, comment):
    """Was a line filled in here, and by nobody?"""
    return points == 0 and comment in kind.nothing or points is None and any(
        comment == said or said.endswith(": ") and comment.startswith(said) for said in kind.look)


def table(results, sheet, otherwise=POINTS):
    """What the sheet is to hold now, [(Who, Question, Mark)]: by submission, then by question."""
    return [(who, question, mark) for who, of_one in filled(results, sheet, otherwise)
            for question, mark in zip(sheet.kind.asked(results, who), of_one)]


def write_sheet(results, sheet, rows):
    """Write a sheet anew. rows: of `table`, in any order. Returns lines on what did not fit, and is kept aside."""
    said = [*told(sheet), *set_aside(results, sheet)]
    write_rows(results.folder / sheet.kind.sheet, COLUMNS, [
        [question.title, who.key, who.name, mark.points, mark.max, mark.comment, mark.answer, question.model]
        for who, question, mark in rows])
    return said
