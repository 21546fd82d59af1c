"""What an instructor writes beside course.toml: times.csv, extensions.csv, corrections.csv, columns that are deducted.

What does not fit is told with its line, and does not count. The rest counts.
"""
import re
from dataclasses import dataclass
from fractions import Fraction

from coursekit.classes import lists
from coursekit.classes.tables import plain, read_table
from coursekit.sandbox import printable
from coursekit.term.book import CORRECTIONS
from helpers.given.console import UserError

TIMES, EXTENSIONS = "times.csv", "extensions.csv"
TOTAL = "total"
MOST_TOLD = 10  # lines of a file that do not fit


@dataclass(frozen=True)
class Correction:
    """Points that are set, or (change) added to what was measured. item: an item, a question, a part, or TOTAL."""

    item: str
    points: Fraction
    change: bool
    reason: str

    @property
    def said(self):
        return f"{float(self.points):+g}" if self.change else f"{float(self.points):g}"


class Table:
    """A CSV file with a line for each person. Use it as an iterator of (number of the line, place of the person, row);
    who raises ValueError in its body says so to `refuse`. finder: a people.Finder."""

    def __init__(self, path, finder, needed, told):
        """needed: titles, each as alternatives between bars. told: a list, to which lines are added."""
        self.path, self.finder, self.told, self.refused = path, finder, told, 0
        self.rows, self.lines, self.titles = [], [], {}
        try:
            rows = read_table(path)
            lines, _, _ = lists.read_list(path)
        except UserError as error:
            told.append(printable(str(error)))
            return
        titles = {lists.bare(title): title for title in (rows[0] if rows else ()) if title}
        for wanted in needed:
            title = next((titles[one] for one in wanted.split("|") if one in titles), None)
            if title is None and rows:
                told.append(printable(f"{path} has no column {wanted.split('|')[0]!r}, so nothing of it counts. There "
                                      f"is: {', '.join(titles.values())}"))
                return
            self.titles[wanted.split("|")[0]] = title
        self.rows, self.lines = rows, lines

    def __iter__(self):
        for number, (row, line) in enumerate(zip(self.rows, self.lines), start=2):
            if any(value and str(value).strip() for value in row.values()):
                try:
                    yield number, self.finder.find(line, row), row
                except ValueError as error:
                    self.refuse(number, error)
        if self.refused > MOST_TOLD:
            self.told.append(f"{self.path.name}: {self.refused - MOST_TOLD} more lines do not count")

    def cell(self, row, title):
        return printable(plain(row[self.titles[title]] or ""))

    def refuse(self, number, reason):
        self.refused += 1
        if self.refused <= MOST_TOLD:
            self.told.append(printable(f"{self.path.name}, line {number}: {reason}. It does not count"))


def assignment_of(text, course):
    found = [one.name for one in course.assignments if one.name.casefold() == text.casefold()]
    if not found:
        there = ", ".join(one.name for one in course.assignments)
        raise ValueError(f"there is no assignment {text!r}: there is {there}")
    return found[0]


def moment_of(text, course):
    try:
        return course.moment(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time, expected such as 2026-11-30 23:59 or 2026-11-30T23:59+01:00") from None


def times(course, finder, told):
    """When was handed in: {(assignment, place): the last moment that a file tells}."""
    found = {}
    for assignment in course.assignments:
        if assignment.times:
            table = Table(assignment.times, finder, ["time|committed|handed in|submitted"], told)
            for number, place, row in table:
                try:
                    if text := table.cell(row, "time"):  # who has handed in nothing has no time
                        late_one(found, (assignment.name, place), moment_of(text, course))
                except ValueError as error:
                    table.refuse(number, error)
    if (course.folder / TIMES).is_file():
        table = Table(course.folder / TIMES, finder, ["assignment", "time|committed|handed in|submitted"], told)
        own = {}
        for number, place, row in table:
            try:
                name = assignment_of(table.cell(row, "assignment"), course)
                late_one(own, (name, place), moment_of(table.cell(row, "time"), course))
            except ValueError as error:
                table.refuse(number, error)
        found.update(own)  # typed by hand, so it says more than what was collected
    return found


def late_one(found, key, moment):
    found[key] = max(found.get(key, moment), moment)


def extensions(course, finder, told):
    """{(assignment, place): new due date}."""
    found, dues = {}, {one.name: one.due for one in course.assignments}
    if (course.folder / EXTENSIONS).is_file():
        table = Table(course.folder / EXTENSIONS, finder, ["assignment", "due|new due|until"], told)
        for number, place, row in table:
            try:
                name = assignment_of(table.cell(row, "assignment"), course)
                due = moment_of(table.cell(row, "due"), course)
                if dues[name] is None:
                    raise ValueError(f"{name} has no due date")
                if due < dues[name]:
                    raise ValueError(f"{course.said(due)} is before the due date of all, {course.said(dues[name])}")
                if found.setdefault((name, place), due) != due:
                    raise ValueError("another line says another date for the same person")
            except ValueError as error:
                table.refuse(number, error)
    return found


def corrections(course, finder, told):
    """({(assignment, place): [(Correction, number of its line)]}, the Table or None). Who finds that one
    does not fit says so to the Table."""
    found = {}
    if not (course.folder / CORRECTIONS).is_file():
        return found, None
    table = Table(course.folder / CORRECTIONS, finder, ["assignment", "item", "points", "reason"], told)
    for number, place, row in table:
        try:
            name = assignment_of(table.cell(row, "assignment"), course)
            correction = one_correction(*(table.cell(row, title) for title in ("item", "points", "reason")))
            those = found.setdefault((name, place), [])
            if not correction.change and any(
                    other.item.casefold() == correction.item.casefold() and not other.change for other, _ in those):
                raise ValueError(f"another line sets the points of {correction.item!r} for the same person")
            those.append((correction, number))
        except ValueError as error:
            table.refuse(number, error)
    return found, table


def one_correction(item, text, reason):
    amount = exact(text)
    if not item:
        raise ValueError("no item, expected one, or total")
    if amount is None:
        raise ValueError(f"points is {text!r}, expected such as 3, +2 or -1.5")
    if not re.search(r"\w", reason):
        raise ValueError("a correction needs a reason")
    return Correction(item, amount, text.strip()[:1] in "+-−", reason)


def exact(text):
    """The exact number in a cell, 3, -1,5 or +.5, or None."""
    text = re.sub(r"[\s\u00a0']", "", text).replace(",", ".").replace("−", "-")
    return Fraction(text) if re.fullmatch(r"[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", text) else None


def deductions(course, finder, told):
    """{(assignment, place): [(title, points, why)]}. Of whom a file says nothing, nothing is deducted."""
    found = {}
    for rule in course.deductions:
        table = Table(rule.file, finder, [lists.bare(rule.column)], told)
        seen = set()
        for number, place, row in table:
            try:
                text = table.cell(row, lists.bare(rule.column))
                amount = exact(text)
                if amount is None and text:
                    raise ValueError(f"{rule.column} is {text!r}, expected a number")
                if place in seen:
                    raise ValueError("another line is about the same person")
                seen.add(place)
                above = max(Fraction(0), (amount or 0) - rule.free)
                off = above * rule.points if rule.most is None else min(rule.most, above * rule.points)
                if off:
                    found.setdefault((rule.assignment, place), []).append(
                        (rule.title, off, f"{rule.column}: {float(amount):g}, {float(rule.free):g} are free"))
            except ValueError as error:
                table.refuse(number, error)
    return found
