"""term.html for the instructor, students/KEY/index.html for each person."""
import collections
import datetime
import os
import statistics
import urllib.parse
from fractions import Fraction

from coursekit.classes.page import histogram
from coursekit.grading.tell.html import templates
from coursekit.term.book import open_of, span, text, verdict
from helpers.given.console import write

HARDEST = 15
WEEK = 7


def write_pages(term):
    """Write all pages. Returns no lines: nothing of them is new to who has read the book."""
    environment = templates()
    one_page = environment.get_template("term-student.html")
    rules = rules_of(term.course)
    for key, (person, _), grade in zip(term.people.keys, term.people.known, term.grades):
        folder = term.course.folder / "students" / key
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(folder / "index.html", one_page.render(
            course=term.course, person=person, grade=grade, scores=[told_of(term.course, one, folder)
                                                                    for one in grade.scores],
            open=open_of(grade), verdict=verdict(grade), span=span, text=text, rules=rules,
            per_cent=100 * float(grade.least) / float(grade.max), others=100 * float(grade.most) / float(grade.max)))
    write(term.course.folder / "term.html", class_page(term, environment.get_template("term.html"), rules))
    return []


def told_of(course, one, folder):
    """What a person's page says of one assignment."""
    links = [(os.path.basename(page), link(one.assignment.folder / page, folder)) for page in one.work.pages]
    least, most = one.measured
    weight = one.assignment.weight
    steps = []
    if one.known or least != most or weight:
        steps.append(("measured", f"{span(100 * least, 100 * most)} % of {text(weight)}",
                      span(weight * least, weight * most)))
    if one.off:
        how = f"{days(one.days)} late" + (f", {one.spent} of them spent as late days" if one.spent else "")
        steps.append((how, "at most: of what can still come" if least != most else "", f"−{text(one.off)}"))
    elif one.days:
        steps.append((f"{days(one.days)} late", f"{one.spent} spent as late days" if one.spent else "it costs nothing",
                      "0"))
    if any(one.bonus):
        steps.append(("bonus", ", ".join(what for what in ("style", "feedback") if getattr(one.work, what)
                                         and getattr(one.assignment, what)), f"+{span(*one.bonus)}"))
    steps += [(title, why, f"−{text(off)}") for title, off, why in one.deducted]
    if one.too_late:
        steps.append(("after the cut-off", "nothing of it counts", "0"))
    lost = [entry for entry in one.entries if entry.points is not None and entry.points < entry.max]
    return {"one": one, "name": one.assignment.name, "links": links, "steps": steps, "lost": lost,
            "due": course.said(one.due) if one.due else "", "handed": course.said(one.handed) if one.handed else "",
            "parts": [(part.name, part.got, span(100 * part.least, 100 * part.most), text(part.weight))
                      for part in one.parts if part.got] if len(one.parts) > 1 else [],
            "corrected": [(correction, None if entry is None else "open" if entry.points is None
                           else f"{text(entry.points)} of {text(entry.max)}") for correction, entry in one.corrections]}


def days(number):
    return "1 day" if number == 1 else f"{number} days"


def link(path, folder):
    """A link from a page in `folder` to a file, or "" where there is no way (another drive)."""
    try:
        return urllib.parse.quote(os.path.relpath(path, folder).replace(os.sep, "/"))
    except ValueError:
        return ""


def rules_of(course):
    """The rules of the term in sentences."""
    late, said = course.late, []
    if late.per_day:
        of = "the points there are" if late.of_maximum else "the points that were got"
        most = f", at most {text(late.most)} %" if late.most < 100 else ""
        grace = f" {text(Fraction(late.grace.total_seconds()) / 60)} minutes after the due date are still in time." \
            if late.grace else ""
        said.append(f"Each started day late costs {text(late.per_day)} % of {of}{most}.{grace}")
    if late.days:
        how = "in the order of the due dates" if late.spend == "order" else "where they save most"
        said.append(f"{days(late.days)} late over the whole term cost nothing; they are spent {how}.")
    if course.passing:
        names = {"all": "all points", "each": "each assignment that counts"}
        said.append("To pass: " + ", ".join(f"{text(percent)} % of {names.get(what, what)}"
                                            for what, percent in course.passing.items()) + ".")
    choices = collections.defaultdict(list)
    for one in course.assignments:
        choices[one.choice].append(one.name)
    said += [f"Of {', '.join(names)} the best counts." for choice, names in choices.items() if choice]
    said.append("Bonus points can lead beyond the maximum." if course.beyond else
                "The total is at most the maximum, bonus points included.")
    said.append(f"Everything is computed exactly; only the total is rounded, once, {course.how}, to {course.to}. What "
                f"has to be reached to pass is compared with the rounded total. Points on this page are shown with two "
                f"decimals. Times are in {course.zone.key}.")
    return said


# The class

def class_page(term, template, rules):
    course, grades = term.course, term.grades
    totals = [float(grade.least) for grade in grades if grade.known]
    most = float(grades[0].max)
    beyond = max([most, *totals])
    rows = [(key, person, grade, verdict(grade), open_of(grade))
            for key, (person, _), grade in zip(term.people.keys, term.people.known, grades)]
    return template.render(
        course=course, rows=rows, rules=rules, told=term.told, totals=totals, max=grades[0].max,
        steps=histogram(totals, beyond), span=span, text=text,
        mean=statistics.mean(totals) if totals else 0, median=statistics.median(totals) if totals else 0,
        passed=collections.Counter(row[3] for row in rows), along=along(term), hardest=hardest(term),
        corrected=[(key, person, one.assignment.name, correction, entry)
                   for key, (person, _), grade in zip(term.people.keys, term.people.known, grades)
                   for one in grade.scores for correction, entry in one.corrections])


def along(term):
    """The term's course: of each assignment, in the order of the due dates, what the plots show."""
    found = []
    for number, assignment in enumerate(term.course.assignments):
        scores = [grade.scores[number] for grade in term.grades]
        weight = assignment.weight or 1
        shares = sorted(float(one.least / weight) for one in scores if one.known and not one.work.nothing)
        quarters = statistics.quantiles(shares, n=4, method="inclusive") if len(shares) > 1 else (shares * 3 or None)
        found.append({
            "name": assignment.name, "due": term.course.said(assignment.due) if assignment.due else "no due date",
            "moment": assignment.due.timestamp() if assignment.due else float("inf"), "number": len(shares),
            "quarters": assignment.weight and quarters and [min(quarter, 1.1) for quarter in quarters],
            "days": arrivals(scores),
            "in_time": sum(one.days == 0 and not one.work.nothing and not one.work.state for one in scores),
            "late": sum(bool(one.days) and not one.too_late for one in scores),
            "unknown": sum(one.days is None and not one.work.state for one in scores),
            "too_late": sum(one.too_late for one in scores),
            "nothing": sum(one.work.nothing for one in scores), "state": sum(bool(one.work.state) for one in scores)})
    return sorted(found, key=lambda one: one["moment"])


def arrivals(scores):
    """How many came on which day around their due date, an extension's for who has one: [(day in words, number)], from
    a week before to a week after. [] where nobody knows when anything was handed in."""
    days = collections.Counter(max(-WEEK, min(WEEK - 1, -((one.due - one.handed) // datetime.timedelta(days=1)) - 1))
                               for one in scores if one.handed and one.due)
    words = {-WEEK: f"more than {WEEK - 1} days before", -1: "on the last day", 0: "on the first day after",
             WEEK - 1: f"more than {WEEK - 1} days after"}
    return [(words.get(day, f"on day {-day} before" if day < 0 else f"on day {day + 1} after"), days[day])
            for day in range(-WEEK, WEEK)] if days else []


def hardest(term):
    """[(assignment, item, mean share of its points, how many have all, of how many)], the hardest first."""
    got = collections.defaultdict(list)
    for grade in term.grades:
        for one in grade.scores:
            for entry in one.entries if not one.work.nothing else ():
                if entry.points is not None and entry.max:
                    got[one.assignment.name, entry.name].append(entry.points / entry.max)
    rows = [(name, item, float(sum(shares) / len(shares)), sum(share == 1 for share in shares), len(shares))
            for (name, item), shares in got.items()]
    return sorted(rows, key=lambda row: row[2])[:HARDEST]
