"""The grades of a term, computed once more: `python recompute_term.py DIR` prints {number: [least, most, passed]}.

Standard library only, and nothing of the course: written from the words in docs/instructor.md, as simply as possible,
for the files that tests/test_term.py writes. Late days are tried in all ways.
"""
import csv
import datetime
import functools
import itertools
import json
import math
import sys
import tomllib
import zoneinfo
from decimal import Decimal
from fractions import Fraction as F
from pathlib import Path

HERE = Path(sys.argv[1])
COURSE = tomllib.loads((HERE / "course.toml").read_text("utf-8"), parse_float=Decimal)
ZONE = zoneinfo.ZoneInfo(COURSE["time_zone"])
LATE, BONUS, PASS = COURSE.get("late", {}), COURSE.get("bonus", {}), COURSE.get("pass", {})


@functools.cache
def rows(path):
    return list(csv.DictReader(open(path, encoding="utf-8-sig", newline=""))) if path.is_file() else []


def moment(value):
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day, 23, 59, 59)
    return value if value.tzinfo else value.replace(tzinfo=ZONE)


STUDENTS = {row["id number"]: row for row in rows(HERE / "students.csv")}
KNOWN = {text: number for number, row in STUDENTS.items()
         for text in (number, row["email"], row["login"], row["name"], ", ".join(row["name"].split()[::-1]))}


def who(person):
    return next((KNOWN[text] for text in (person["number"], person["email"], person["login"], person["name"])
                 if text in KNOWN), None)


def table(name, *columns):
    found = {}
    for row in rows(HERE / name):
        if row["person"] in KNOWN:
            found.setdefault((row["assignment"], KNOWN[row["person"]]), []).append([row[column] for column in columns])
    return found


TIMES, EXTENSIONS = table("times.csv", "time"), table("extensions.csv", "due")
CORRECTIONS = {key: [one for one in those if one[2]] for key, those in
               table("corrections.csv", "item", "points", "reason").items()}


def submissions(one):
    """{number of a student: (submission, report, answers)}; None for who is in two."""
    folder, found = HERE / one["folder"], {}
    sheet = rows(folder / "answers.csv")
    for submission in json.loads((folder / "class.json").read_text("utf-8"))["submissions"]:
        report = json.loads((folder / "students" / submission["key"] / "report.json").read_text("utf-8"))
        answers = [row for row in sheet if row["key"] == submission["key"]]
        people = [who(person) for person in submission["members"] or [submission]]
        moments = [moment(time) for person in people for time, in TIMES.get((one["name"], person), [])]
        for person in people:
            found[person] = None if person in found else (submission, report, answers, max(moments, default=None))
    return found


def entries(report, answers, corrected):
    """[(part, least, most, maximum)] of each item."""
    found = {}
    for name, item in report["items"].items():
        part = "trained" if name.startswith("trained.") else "checks"
        got, most = F(str(item["points"])), F(str(item["max"]))
        found[name] = [part, *((F(0), most) if item["status"] == "open" else (got, got)), most]
    for row in answers:
        got, most = row["points"], F(row["max"])
        found[row["question"]] = ["written", *((F(got), F(got)) if got else (F(0), most)), most]
    for item, points, _ in corrected:
        if item != "total":
            now = found[item]
            new = F(points) + now[1] if points[0] in "+-" else F(points)
            if 0 <= new <= now[3] and (points[0] not in "+-" or now[1] == now[2]):
                now[1] = now[2] = new
    return list(found.values())


def share(one, those, end):
    weights = one.get("parts")
    if not weights:
        return sum(entry[end] for entry in those) / sum(entry[3] for entry in those)
    total = F(0)
    for part, weight in weights.items():
        mine = [entry for entry in those if entry[0] == part]
        whole = sum(entry[3] for entry in mine)
        total += F(weight) * (sum(entry[end] for entry in mine) / whole if whole else end - 1)
    return total / sum(map(F, weights.values()))


def days_late(one, person, handed):
    due = moment(one["due"])
    extended = EXTENSIONS.get((one["name"], person))
    mine = moment(extended[0][0]) if extended else due
    cut = moment(one["cut_off"]) + (mine - due) if "cut_off" in one else None
    if handed is None or (handed - mine).total_seconds() <= 60 * LATE.get("grace_minutes", 0):
        return 0, False
    wall = handed.astimezone(ZONE).replace(tzinfo=None) - mine.astimezone(ZONE).replace(tzinfo=None)
    return max(1, math.ceil(wall.total_seconds() / 86400)), cut is not None and handed > cut


SEEN = {}


def points(one, person, there, end, spent):
    key = one["name"], person, end, spent
    if key not in SEEN:
        SEEN[key] = points_of(one, person, there, end, spent)
    return SEEN[key]


def points_of(one, person, there, end, spent):
    """(points of an assignment, late days)."""
    weight, days = F(one["weight"]), 0
    corrected = CORRECTIONS.get((one["name"], person), [])
    if there is None:
        got = F(0) if end == 1 else weight + sum(map(F, one.get("bonus", {}).values()))
        got, days = max(F(0), got - deducted(one, person)), "unknown"
    elif there == "nothing":
        got = F(0)
    else:
        submission, report, answers, handed = there
        part = share(one, entries(report, answers, corrected), end)
        days, gone = days_late(one, person, handed)
        unknown = submission["late"] and handed is None
        rate = min(F(LATE.get("per_day", 0)) * max(0, days - spent), F(LATE.get("most", 100))) / 100
        got = weight * part - min(rate * (weight if LATE.get("of") == "maximum" else weight * part), weight * part)
        style = report["style"]["status"] == "passed" and report["style"]["count"] == 0
        got += F(one.get("bonus", {}).get("style", 0)) * style
        got += F(one.get("bonus", {}).get("feedback", 0)) * bool(report.get("feedback"))
        got = max(F(0), got - deducted(one, person))
        if gone or unknown and end == 1:
            got = F(0)
        days = "unknown" if unknown else 0 if gone else days
    for item, number, _ in corrected:
        if item == "total" and number[0] not in "+-":
            got = F(number)
    got += sum(F(number) for item, number, _ in corrected if item == "total" and number[0] in "+-")
    return max(F(0), got), days


def deducted(one, person):
    off = F(0)
    for rule in COURSE.get("deductions", ()):
        for row in rows(HERE / rule["file"]):
            if rule["assignment"] == one["name"] and row["id number"] == person:
                off += min(F(rule["most"]), F(rule["points"]) * max(0, F(row[rule["column"]]) - F(rule["free"])))
    return off


def best(person, works, end):
    """The total, for all ways to spend late days that are allowed."""
    assignments, free = COURSE["assignments"], LATE.get("days", 0)
    late = [points(one, person, works[one["name"]], end, 0)[1] for one in assignments]
    if LATE.get("spend", "order") == "best":
        ways = itertools.product(*(range(min(free, days if days != "unknown" else 0) + 1) for days in late))
        ways = [way for way in ways if sum(way) <= free]
    else:
        way, left = [0] * len(late), free
        for place in sorted(range(len(late)), key=lambda place: due_of(assignments[place], person)):
            if late[place] == "unknown":
                left = 0 if end == 1 else left
            else:
                way[place] = min(left, late[place])
                left -= way[place]
        ways = [way]
    totals = []
    for way in ways:
        choices = {}
        for one, spent in zip(assignments, way):
            got, _ = points(one, person, works[one["name"]], end, spent)
            key = one.get("choice", ("alone", one["name"]))
            choices[key] = max(choices.get(key, F(0)), got)
        totals.append(sum(choices.values()))
    return max(totals)


def due_of(one, person):
    extended = EXTENSIONS.get((one["name"], person))
    return moment(extended[0][0]) if extended else moment(one["due"])


def main():
    folders = {one["name"]: submissions(one) for one in COURSE["assignments"]}
    most = sum({one.get("choice", one["name"]): F(one["weight"]) for one in COURSE["assignments"]}.values())
    step = F(COURSE.get("rounding", {}).get("to", "0.01"))
    told = {}
    for person in STUDENTS:
        works = {name: found.get(person, "nothing") for name, found in folders.items()}
        ends = []
        for end in (1, 2):
            total = best(person, works, end)
            total = total if BONUS.get("beyond") else min(total, most)
            ends.append(math.floor(total / step + F(1, 2)) * step)
        need = F(PASS["all"]) / 100 * most
        passed = "passed" if ends[0] >= need else "open" if ends[1] >= need else "not passed"
        told[person] = [f"{float(end):.2f}" for end in ends] + [passed]
    print(json.dumps(told))


main()
