"""A term as a value: everybody's grade, and what is to be told."""
from dataclasses import dataclass

from coursekit.term import byhand, settings
from coursekit.term.compute import grade
from coursekit.term.measured import measure, open_classes
from coursekit.term.people import Finder, who_is_who
from helpers.given.console import UserError


@dataclass
class Term:
    """course: its Course. people: its People. grades: [Grade], in their order. told: lines for the instructor."""

    course: object
    people: object
    grades: list
    told: list


def compute(folder):
    """The Term of the folder with course.toml. Raises UserError where course.toml or the roster cannot be read, or
    nobody is known."""
    course = settings.read(folder)
    told = []
    classes = open_classes(course, told)
    people = who_is_who(course, classes)
    told += people.told
    if not people.known:
        raise UserError("\n".join([*told, f"{course.folder}: nobody is known: grade a class, or name a roster"]))
    works = measure(course, classes, people, told)
    finder = Finder(people)
    times = of_groups(byhand.times(course, finder, told), people)
    extensions = byhand.extensions(course, finder, told)
    corrections, table = byhand.corrections(course, finder, told)
    deductions = byhand.deductions(course, finder, told)
    grades = []
    for place in range(len(people.known)):
        mine = [{one.name: found[one.name, place] for one in course.assignments if (one.name, place) in found}
                for found in (works, times, extensions, corrections, deductions)]
        mine[3] = {name: [(one, refuser(table, number)) for one, number in those] for name, those in mine[3].items()}
        grades.append(grade(course, *mine))
    return Term(course, people, grades, told)


def refuser(table, number):
    return lambda reason: table.refuse(number, reason)


def of_groups(times, people):
    """What is known of the time of one of a group is known of all: they hand in together."""
    by_submission = {}
    for (name, place), moment in times.items():
        for submission, _ in people.work.get((name, place), ()):
            key = name, submission.key
            by_submission[key] = max(moment, by_submission.get(key, moment))
    found = dict(times)
    for (name, place), works in people.work.items():
        moments = [by_submission[name, one.key] for one, _ in works if (name, one.key) in by_submission]
        if moments:
            found[name, place] = max(moments)
    return found
