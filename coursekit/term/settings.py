"""course.toml: what counts in a term. Read strictly; all that is wrong is told, each with its line."""
import datetime
import difflib
import re
import tomllib
import zoneinfo
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from coursekit.sandbox import printable
from coursekit.term.book import BOOK, header
from coursekit.term.lines import lines_of
from helpers.given.console import UserError, cannot_read

FILE = "course.toml"
MAX_BYTES = 1 << 20
YEARS = range(2000, 2101)  # of a date; beyond, no days can be counted on
PARTS = "checks", "trained", "written", "report", "demonstration"
ROUNDING = "half up", "half even", "up", "down"
SPENDING = "order", "best"
MINUTES = re.compile(r"=\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?!:)")


@dataclass(frozen=True)
class Assignment:
    """name: in tables and pages. folder: of results (the --out of grade-class). weight: its points in the total. due,
    cut_off: moments with a time zone, or None. parts: {part: its weight}; empty: all points count alike. choice: of the
    assignments with the same word only the best counts. times: a CSV file with who handed in when, or None. style,
    feedback: bonus points."""

    name: str
    folder: Path
    weight: Fraction
    due: datetime.datetime | None = None
    cut_off: datetime.datetime | None = None
    parts: dict = field(default_factory=dict)
    choice: str = ""
    times: Path | None = None
    style: Fraction = Fraction(0)
    feedback: Fraction = Fraction(0)


@dataclass(frozen=True)
class Late:
    """grace: a timedelta. per_day: per cent for each started day, of the points got or (of_maximum) of the weight, at
    most `most` per cent. days: late days of each person that cost nothing. spend: one of SPENDING."""

    grace: datetime.timedelta = datetime.timedelta()
    per_day: Fraction = Fraction(0)
    of_maximum: bool = False
    most: Fraction = Fraction(100)
    days: int = 0
    spend: str = "order"


@dataclass(frozen=True)
class Deduction:
    """A column of a CSV file: each unit above `free` costs so many points of the assignment, `most` at most."""

    title: str
    file: Path
    column: str
    assignment: str
    points: Fraction
    free: Fraction = Fraction(0)
    most: Fraction | None = None


@dataclass(frozen=True)
class Course:
    """What course.toml says. folder: that it stands in. passing: {"all", "each" or a part: per cent}. module_share: per
    cent of a module that the total is, or None. to, how: of the rounding, at the end."""

    folder: Path
    title: str
    zone: zoneinfo.ZoneInfo
    assignments: tuple
    late: Late = Late()
    group_size: int | None = None
    beyond: bool = False
    passing: dict = field(default_factory=dict)
    deductions: tuple = ()
    roster: Path | None = None
    to: Decimal = Decimal("0.01")
    how: str = "half up"
    module_share: Fraction | None = None

    @property
    def max(self):
        """The points of the total: an assignment of a choice counts once."""
        choices = {one.choice or f"\0{one.name}": one.weight for one in self.assignments}
        return sum(choices.values(), Fraction(0))

    def local(self, moment):
        """A moment in the course's time zone."""
        return moment.astimezone(self.zone)

    def said(self, moment):
        """A moment in words, with its time zone."""
        moment = self.local(moment)
        return f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment.second else f"{moment:%Y-%m-%d %H:%M %Z}"

    def moment(self, text):
        """The moment of a text such as 2026-11-30T12:00+01:00, `2026-11-30 12:00` (in the course's zone), or 2026-11-30
        (its end). Raises ValueError."""
        text = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", " ".join(text.split()))  # as collected.csv has it
        if len(text) == 10:
            text += "T23:59:59"
        return in_zone(date(datetime.datetime.fromisoformat(text)), self.zone)


def in_zone(moment, zone):
    """A moment with a time zone: a naive one is in this one. An hour that the clock shows twice is the later one."""
    return moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=1)


# What a value has to be. Each raises ValueError with what was expected.

def text(value):
    if not isinstance(value, str) or not value.strip() or printable(value) != value:
        raise ValueError("a text in one line")
    return value


def number(least=0, most=None):
    said = f"a number of at least {least}" + (f", at most {most}" if most is not None else "")

    def check(value):
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not Decimal(value).is_finite() or \
                value < least or most is not None and value > most or abs(value) > 10 ** 9:
            raise ValueError(said)
        return Fraction(value)
    return check


def above_zero(value):
    if number()(value) == 0:
        raise ValueError("a number above 0")
    return Fraction(value)


def whole(least):
    def check(value):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10_000:
            raise ValueError(f"a whole number of at least {least}")
        return value
    return check


def truth(value):
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def one_of(*options):
    def check(value):
        if value not in options:
            raise ValueError(" or ".join(map(repr, options)))
        return value
    return check


def date(value):
    if isinstance(value, datetime.date) and value.year not in YEARS:
        raise ValueError(f"a date from {YEARS[0]} to {YEARS[-1]}")
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day, 23, 59, 59)
    raise ValueError("a date without quotes, such as 2026-11-30T23:59:00 or 2026-11-30 (its end)")


def time_zone(value):
    try:
        return zoneinfo.ZoneInfo(text(value))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError("the name of a time zone, such as \"Europe/Berlin\"") from None


def step(value):
    """Grades are written with two decimals, so they are rounded to no less."""
    found = Decimal(above_zero(value).numerator) / Decimal(Fraction(value).denominator)
    if found * 100 % 1:
        raise ValueError("a step of whole hundredths, such as 0.01, 0.5 or 1")
    return found


PER_CENT = number(0, 100)
PARTS_TABLE = {part: above_zero for part in PARTS}
ASSIGNMENT = {"name": text, "folder": text, "weight": number(), "due": date, "cut_off": date, "parts": PARTS_TABLE,
              "choice": text, "times": text, "bonus": {"style": above_zero, "feedback": above_zero}}
DEDUCTION = {"title": text, "file": text, "column": text, "assignment": text, "free": number(), "points": above_zero,
             "most": number()}
SCHEMA = {
    "title": text, "time_zone": time_zone, "roster": text, "last_day": date, "group_size": whole(1),
    "weights": one_of("points", "per cent"), "module_share": PER_CENT, "assignments": [ASSIGNMENT],
    "late": {"grace_minutes": number(), "per_day": PER_CENT, "of": one_of("got", "maximum"), "most": PER_CENT,
             "days": whole(0), "spend": one_of(*SPENDING)},
    "bonus": {"beyond": truth}, "pass": {name: PER_CENT for name in ("all", "each", *PARTS)},
    "rounding": {"to": step, "how": one_of(*ROUNDING)}, "deductions": [DEDUCTION]}
NEEDED = {(): ("title", "time_zone", "assignments"), ("assignments",): ("name", "folder", "weight"),
          ("deductions",): ("title", "file", "column", "assignment", "points")}


def read(folder):
    """The Course of DIR/course.toml. Raises UserError with a line for each thing that is wrong."""
    path = Path(folder) / FILE
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UserError(f"{path} is larger than {MAX_BYTES >> 20} MB, expected a page of settings")
        content = data.decode("utf-8-sig").replace("\r\n", "\n")
        said = tomllib.loads(content, parse_float=Decimal)
    except OSError as error:
        raise cannot_read(path, error) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not in UTF-8: save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        hint = ". A time needs its seconds: 23:59:00" if MINUTES.search(line_of(content, error)) else ""
        raise UserError(printable(f"{path} is no TOML: {error or 'too many brackets in each other'}{hint}")) from None
    problems = Problems(lines_of(content))
    said = checked(said, SCHEMA, (), problems)
    course = None if problems.found else build(said, path.parent, problems)
    if problems.found:
        raise UserError("\n".join(f"{path}{where}: {what}" for where, what in problems.told()))
    return course


def line_of(text, error):
    """The line of a text that tomllib cannot read, or ""."""
    found, lines = re.search(r"at line (\d+)", str(error)), text.split("\n")
    return lines[int(found[1]) - 1] if found and int(found[1]) <= len(lines) else ""


class Problems:
    """What is wrong, with lines. lines: see `lines_of`."""

    def __init__(self, lines):
        self.lines, self.found = lines, []

    def add(self, path, message):
        """path: of a value; where it has no line, the table that it is missing in has one."""
        while path and path not in self.lines:
            path = path[:-1]
        self.found.append((self.lines.get(path, 0), printable(message)))

    def told(self):
        return [(f", line {line}" if line else "", what) for line, what in sorted(dict.fromkeys(self.found))]


def checked(said, schema, path, problems):
    """What a table says, as it is meant. What is wrong is added to `problems`, and left out."""
    found = {}
    for key, value in said.items():
        here, want = (*path, key), schema.get(key)
        where = f" in [{'.'.join(str(part) for part in path if isinstance(part, str))}]" if path else ""
        if want is None:
            near = difflib.get_close_matches(key, schema, n=1)
            problems.add(here, f"there is no setting {key!r}{where}."
                         + (f" Did you mean {near[0]!r}?" if near else "") + f" There is: {', '.join(schema)}")
        elif isinstance(want, dict):
            if isinstance(value, dict):
                found[key] = checked(value, want, here, problems)
            else:
                problems.add(here, f"{key} is {shown(value)}, expected a table: [{key}]")
        elif isinstance(want, list):
            if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
                found[key] = [checked(one, want[0], (*here, number), problems) for number, one in enumerate(value)]
            else:
                problems.add(here, f"{key} is {shown(value)}, expected tables: [[{key}]]")
        else:
            try:
                found[key] = want(value)
            except ValueError as error:
                problems.add(here, f"{key} is {shown(value)}, expected {error}")
    names = tuple(part for part in path if isinstance(part, str))
    for key in NEEDED.get(names, ()):
        if key not in said:
            what = f"[[{names[0]}]]" if names else "the file"
            problems.add(path, f"{what} says no {key!r}")
    return found


def shown(value):
    value = f"{value.isoformat()}" if isinstance(value, (datetime.date, datetime.time)) else \
        f"{value}" if isinstance(value, Decimal) else repr(value)
    return value if len(value) <= 60 else f"{value[:57]}..."


def build(said, folder, problems):
    """The Course of checked settings. What contradicts is added to `problems`."""
    zone = said["time_zone"]
    last = said.get("last_day") and in_zone(said["last_day"], zone)
    found, names, folders, choices = [], {}, {}, {}
    for place, one in enumerate(said["assignments"]):
        path = ("assignments", place)
        due, cut_off = (one.get(key) and in_zone(one[key], zone) for key in ("due", "cut_off"))
        where = Path(folder, one["folder"])
        for moment, key in ((due, "due"), (cut_off, "cut_off")):
            if moment and last and moment > last:
                problems.add((*path, key), f"{one['name']}: {key} {said_of(moment)} is after the last day, "
                             f"{said_of(last)}")
        if cut_off and not due:
            problems.add((*path, "cut_off"), f"{one['name']}: there is a cut_off and no due")
        if due and cut_off and cut_off < due:
            problems.add((*path, "cut_off"), f"{one['name']}: cut_off {said_of(cut_off)} is before due {said_of(due)}")
        if (name := one["name"].casefold()) in names:
            problems.add((*path, "name"), f"two assignments are called {one['name']!r}")
        if (other := folders.get(where.resolve())) is not None:
            problems.add((*path, "folder"), f"{one['name']} has the folder of {other}, {one['folder']!r}")
        choice = one.get("choice", "")
        if choice and choices.setdefault(choice, one["weight"]) != one["weight"]:
            problems.add((*path, "weight"), f"{one['name']}: its weight is not that of the others of choice {choice!r}")
        names[name], folders[where.resolve()] = place, one["name"]
        bonus = one.get("bonus", {})
        found.append(Assignment(
            one["name"], where, one["weight"], due, cut_off, one.get("parts", {}), choice,
            one.get("times") and folder / one["times"], bonus.get("style", Fraction(0)),
            bonus.get("feedback", Fraction(0))))
    late = said.get("late", {})
    if late and not any(one.due for one in found):
        problems.add(("late",), "there is a rule for late ones, and no assignment has a due date")
    if late.get("days") and not late.get("per_day") and not any(one.cut_off for one in found):
        problems.add(("late", "days"), "there are late days, and lateness costs nothing: say per_day")
    if "beyond" in said.get("bonus", {}) and not any(one.style or one.feedback for one in found):
        problems.add(("bonus",), "no assignment has a bonus: say bonus = { style = 1 } there")
    for part in set(said.get("pass", {})) & set(PARTS):
        if not any(part in one.parts for one in found):
            problems.add(("pass", part), f"to pass, {part} is needed, and no assignment has it in its parts")
    for place, one in enumerate(said.get("deductions", ())):
        if one["assignment"] not in (known := [other.name for other in found]):
            near = difflib.get_close_matches(one["assignment"], known, n=1)
            problems.add(("deductions", place, "assignment"), f"there is no assignment {one['assignment']!r}."
                         + (f" Did you mean {near[0]!r}?" if near else "") + f" There is: {', '.join(known)}")
    rounding = said.get("rounding", {})
    course = Course(
        folder, said["title"], zone, tuple(found),
        Late(datetime.timedelta(seconds=float(late.get("grace_minutes", 0) * 60)), late.get("per_day", Fraction(0)),
             late.get("of") == "maximum", late.get("most", Fraction(100)), late.get("days", 0),
             late.get("spend", "order")),
        said.get("group_size"), said.get("bonus", {}).get("beyond", False), said.get("pass", {}),
        tuple(Deduction(**{**one, "file": folder / one["file"]}) for one in said.get("deductions", ())),
        said.get("roster") and folder / said["roster"], rounding.get("to", Decimal("0.01")),
        rounding.get("how", "half up"), said.get("module_share"))
    titles = [title.casefold() for title in header(course)]
    for place, one in enumerate(found):
        if titles.count(one.name.casefold()) > 1 and names[one.name.casefold()] == place:
            problems.add(("assignments", place, "name"), f"{one.name!r} is a column of {BOOK} already: call the "
                         "assignment something else")
    if course.max == 0:
        problems.add(("assignments", 0), "the weights of all assignments are 0")
    elif said.get("weights") == "per cent" and course.max != 100:
        problems.add(("weights",), f"the weights add up to {float(course.max):g} per cent, expected 100")
    return course


def said_of(moment):
    return f"{moment:%Y-%m-%d %H:%M %Z}"
