"""Moodle's offline grading worksheet, and moodle.csv for where there is none.

source: moodle/moodle, public/mod/assign/gradingtable.php (0ade5ccf8d) for what is downloaded, and
public/mod/assign/feedback/offline/importgradeslib.php (806e2d49ac), importgradesform.php (0bd8f1fdf8) and
public/lib/csvlib.class.php (0963d22572) for what is uploaded. That is:

- The columns, in this order: identifier, full name, what else identifies people, status, dates, group, marker, grade,
  maximum (or the options of a scale), workflow state, can it be changed, the submission (date, typed text), date of the
  grade, feedback, outcomes. Blind, the identifier is all that tells people apart.
- The import finds its columns by their titles in the language of who uploads, so no title may change. It cuts off as
  many bytes as the word before the number has in that language.
- A line is skipped in silence if its grade is empty, above the maximum, locked, or if Moodle's own is more than a
  minute newer than the date in the line. PHP reads English dates only. In another language each grade that is there
  already counts as newer, unless one ticks the box below the upload.
- A comment that differs is replaced, an empty one too, and is HTML (public/mod/assign/feedback/comments/locallib.php,
  15c43f100f). All lines must have as many cells as the titles.
"""
import collections
import re
from html import escape

from coursekit.classes.platforms.people import listed, match, plain
from coursekit.classes.worksheet import number
from coursekit.grading.tell.points import points
from helpers.given.console import UserError

PARTICIPANT = re.compile(r"(\D*[^\d\s]\s*)(\d+)")
ENGLISH_DAY = re.compile("(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day")
OURS = re.compile(r"(?:<[^>]*>|[\s'])*[\d.]+ of [\d.]+: ")  # how `gradebook.feedback` begins


def table(rows):
    """The titles and lines of moodle.csv. Moodle's grade book takes it, too, by number or address.

    Who has no grade yet is left out: an empty comment would replace the one that is there.
    """
    return ["Identifier", "Full name", "ID number", "Email address", "Grade", "Last modified (grade)",
            "Feedback comments"], [
        [row["id"] if row["id"].startswith("Participant ") else "", row["name"], row["number"], row["email"],
         row["total"], "", row["feedback"]] for row in rows if row["total"] is not None and not row["open"]]


def fill(sheet, rows, most):
    """Fill grades and comments into a worksheet. Returns what is to be told, line by line."""
    identifier, grade, dated = columns(sheet)
    comment = None if dated is None or dated + 1 == len(sheet.titles) else dated + 1
    lines = sheet.lines
    groups = groups_in(lines, identifier, grade)
    alone = [row for row in rows if plain("name", row["name"]) not in groups]
    people = {line: person(values, identifier, grade) for line, values in lines.items()}
    found, nobody, doubts = match(alone, people)
    for row in rows:
        for line in groups.get(plain("name", row["name"]), ()):
            found.setdefault(line, row)

    maximum = number(next(iter(lines.values()))[grade + 1])
    sign = "," if any(re.search(r"\d,\d+$", value) for values in lines.values()
                      for value in values[grade:grade + 2]) else "."
    above, typed, filled, newer = [], [], 0, 0
    for line, row in found.items():
        if row["total"] is None or row["open"]:
            continue
        if row["total"] > maximum:
            above.append(f"{row['name']} ({points(row['total'])})")
            continue
        filled += 1
        newer += bool(lines[line][grade] and dated is not None and not ENGLISH_DAY.search(lines[line][dated]))
        sheet.put(line, grade, points(row["total"]).replace(".", sign))
        if comment is not None:
            if (there := lines[line][comment]) and not OURS.match(there):
                typed.append(row["name"])
            else:  # PHP takes a quote after a backslash for text
                sheet.put(line, comment, escape(row["feedback"], quote=False).replace("\\", "/").replace('"', "'"))
    told = [f"{filled} of {len(people)} lines filled in"]
    if maximum != most:
        told.append(f"the maximum there is {points(maximum)}, here it is {points(most)}: the points are the same, the "
                    "maximum of the assignment should be, too")
    for what, who in (("above the maximum, which Moodle skips, so left out", above),
                      ("comments that somebody has typed, so kept", typed), ("in doubt, so left out", doubts),
                      ("without a line that is surely theirs", [row["name"] for row in nobody])):
        if who:
            told.append(f"{what}: {listed(who)}")
    if newer:
        told.append(f"{newer} of them have a grade there with a date that Moodle cannot read in this language: tick "
                    "\"Allow updating records that have been modified more recently\" below the upload")
    if comment is None:
        told.append("there is no column for comments (\"Feedback comments\" is off in the assignment): only grades")
    return told


def columns(sheet):
    """The places of (identifier, grade, date of the grade or None), whatever language the titles are in.

    The identifier is a word and a number everywhere, the maximum the same number in all lines, right of the grade. The
    date is the last title that ends with a bracket, or the last column that holds dates only; right of it stands the
    comment.
    """
    lines = list(sheet.lines.values())
    width = len(sheet.titles)
    for identifier in range(width):
        found = [PARTICIPANT.fullmatch(values[identifier]) for values in lines]
        if all(found) and len({match[1] for match in found}) == 1:
            break
    else:
        raise UserError(f"{sheet.path}: no column holds numbers of participants, such as \"Participant 4711\". Expected"
                        " Moodle's offline grading worksheet (Submissions, Actions, Download grading worksheet), or the"
                        " grade book that Canvas exports, as downloaded")
    constant = [place for place in range(identifier + 2, width)
                if len({values[place] for values in lines}) == 1 and number(lines[0][place])
                and all(not values[place - 1] or number(values[place - 1]) is not None for values in lines)]
    if not constant:
        raise UserError(f"{sheet.path}: no column holds the maximum, the same number in each line. The assignment is "
                        "graded by a scale or not at all: set its grade to points, and download the worksheet again")
    grade = constant[-1] - 1
    dated = [place for place in range(grade + 2, width) if re.search(r"[)）]$", sheet.titles[place])
             or all(re.fullmatch(r"-|(?=.*\d{4}).*\d[:.h]\d\d.*", values[place]) for values in lines)]
    return identifier, grade, dated[-1] if dated else None


def groups_in(lines, identifier, grade):
    """{name of a group, or what else stands right of the names: the lines of all in it}, without the people's own
    names. One hands in for all of its group, and the download has the group's name and number then."""
    groups = collections.defaultdict(set)
    for line, values in lines.items():
        for value in values[identifier + 2:grade]:
            groups[plain("name", value)].add(line)
    for name in {"", *(plain("name", values[identifier + 1]) for values in lines.values())}:
        groups.pop(name, None)
    return dict(groups)


def person(values, identifier, grade):
    """What a line tells of a person, see `people.match`. Blind, that is no name."""
    others, known_by = tuple(values[identifier + 2:grade]), PARTICIPANT.fullmatch(values[identifier])[2]
    return {"id": (f"Participant {known_by}", values[identifier]), "number": others, "login": others, "email": others,
            "name": (values[identifier + 1],) if grade - identifier > 2 else ()}
