"""term.csv, the book of a term, and what platforms take of its total."""
import collections
import dataclasses
from decimal import Decimal
from fractions import Fraction

from coursekit.classes.marks import filled_cells
from coursekit.classes.place import few
from coursekit.classes.platforms import canvas, moodle
from coursekit.classes.tables import keep_copy, plain, read_table, write_rows
from helpers.given.console import UserError

BOOK, CORRECTIONS = "term.csv", "corrections.csv"
ABOUT = "name", "number", "email", "login"
BY_HAND = "not of this term's people: kept as it was, counts nowhere"


def text(number):
    """A number with as many decimals as it needs, and two at most; these are for reading, nothing is computed on."""
    number = Fraction(number)
    if number.denominator != 1:
        hundredths = (2 * number * 100 + 1) // 2  # half up
        return f"{Decimal(int(hundredths)) / 100}" if hundredths % 100 else str(int(hundredths) // 100)
    return str(number.numerator)


def span(least, most):
    """A number, or what it can still be."""
    return text(least) if least == most else f"{text(least)} to {text(most)}"


def verdict(grade):
    return {True: "passed", False: "not passed", None: "open"}[grade.passed]


def open_of(grade):
    """What is open and can change the total, in words."""
    return [f"{one.assignment.name}: {reason}" for one in grade.scores if one.counts and not one.known
            for reason in one.open]


def header(course):
    """The titles of term.csv."""
    more = [f"per cent of the module (of {text(course.module_share)})"] if course.module_share is not None else []
    more += ["passed"] if course.passing else []
    return ["key", "name", "id number", "email", "login", *(one.name for one in course.assignments), "total", "max",
            "at least", "at most", *more, "late days", "late days spent", "deducted", "corrected by hand", "open"]


def write_book(term):
    """Write term.csv, moodle.csv and canvas.csv. Returns lines on that. A row of nobody of the term stays, at the
    end."""
    course, path, titles = term.course, term.course.folder / BOOK, header(term.course)
    earlier, keys = read_earlier(path), set(term.people.keys)
    kept, told = strange_rows(path, earlier, keys)
    told += keep_earlier(path, earlier, keys, titles)
    rows = []
    for key, (person, _), grade in zip(term.people.keys, term.people.known, term.grades):
        scores = grade.scores
        more = [span(*grade.module)] if course.module_share is not None else []
        more += [verdict(grade)] if course.passing else []
        rows.append([
            key, *(getattr(person, what) for what in ABOUT), *(text(one.least) if one.known else "" for one in scores),
            text(grade.least) if grade.known else "", text(grade.max), text(grade.least), text(grade.most), *more,
            text(sum(one.days or 0 for one in scores)), text(sum(one.spent for one in scores)),
            text(sum((off for one in scores for _, off, _ in one.deducted), Fraction(0))),
            "; ".join(f"{one.assignment.name} {correction.item}: {correction.said} ({correction.reason})"
                      for one in scores for correction, _ in one.corrections), "; ".join(open_of(grade))])
    for row in kept:
        found = {title: value for title, value in row.items() if title in titles}
        others = "; ".join(f"{title}: {value}" for title, value in row.items() if title not in titles and value)
        found["open"] = found.get("open") if others == "" and BY_HAND in (found.get("open") or "") else \
            "; ".join(filter(None, [BY_HAND, others, found.get("open")]))
        rows.append([found.get(title, "") for title in titles])
    write_rows(path, titles, rows)
    exports = exported(term)
    write_rows(course.folder / "moodle.csv", *moodle.table(exports))
    write_rows(course.folder / "canvas.csv", *canvas.table(exports, course.title, float(term.grades[0].max)))
    known = [grade for grade in term.grades if grade.known]
    mean = f", mean {float(sum(map(Fraction, (one.least for one in known))) / len(known)):.1f} of " \
           f"{text(term.grades[0].max)}" if known else ""
    passed = f", {sum(grade.passed is True for grade in term.grades)} have passed for sure" if course.passing else ""
    return [*told, f"{course.title}: {len(known)} of {len(term.grades)} have a total{mean}{passed}; the others have "
            f"something open. Times are in {course.zone.key}",
            f"{path}, moodle.csv, canvas.csv, term.html, students/"]


def read_earlier(path):
    """The rows of an earlier book that hold something, [{title: value}]."""
    if not path.is_file():
        return []
    try:
        return [{title: plain(value) for title, value in row.items() if isinstance(title, str) and
                 isinstance(value, str)} for row in read_table(path, otherwise="cp1252") if any(filled_cells(row))]
    except UserError as error:
        raise UserError(f"{error}. It would be written anew: move it away if nothing of it is to be kept") from None


def strange_rows(path, rows, keys):
    """The rows of an earlier book whose key is nobody's, and lines on them: [{title: value}], [line]."""
    strange = [row for row in rows if row.get("key", "") not in keys]
    said = few(row.get("name") or row.get("key") or "a row without a name" for row in strange)
    return strange, [f"{path.name}: {len(strange)} rows are of nobody of this term (made by hand, or no longer here): "
                     f"{said}. They are kept, and count nowhere"] if strange else []


def keep_earlier(path, rows, keys, titles):
    """Keep a copy of an earlier book with columns, second rows or totals that were typed into it, since it is written
    anew. Returns lines on that."""
    rows = [row for row in rows if row.get("key", "") in keys]
    typed = [title for row in rows for title, value in row.items() if title not in titles and value.strip()]
    typed += [f"a second row of {key}" for key, many in collections.Counter(row["key"] for row in rows).items()
              if many > 1]
    typed += [f"the total of {row['key']}" for row in rows
              if (row.get("total") or "").strip() and row["total"] != row.get("at least")]
    if not typed:
        return []
    return [f"{path.name} held what is not computed, and counts nowhere: {few(dict.fromkeys(typed))}. It is kept as "
            f"{keep_copy(path)}; points are corrected in {CORRECTIONS}"]


def exported(term):
    """The rows that platforms' tables are made of, see gradebook.row: the total. Who has something open gets none."""
    rows = []
    for key, (person, _), grade in zip(term.people.keys, term.people.known, term.grades):
        each = "; ".join(f"{one.assignment.name} {span(one.least, one.most)} of {text(one.assignment.weight)}"
                         for one in grade.scores)
        rows.append({**dataclasses.asdict(person), "key": key, "total": float(grade.least) if grade.known else None,
                     "max": float(grade.max), "open": open_of(grade), "report": f"students/{key}/index.html",
                     "feedback": f"{span(grade.least, grade.most)} of {text(grade.max)}: {each}"
                     + (f"; {verdict(grade)}" if grade.passed is not None else "")})
    return rows
