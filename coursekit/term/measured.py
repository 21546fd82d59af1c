"""What is known of each person's work in each assignment, from the folders of results. No rule of the term is applied
here, and nothing open becomes 0."""
import collections
from dataclasses import dataclass, field
from fractions import Fraction

from coursekit.classes.gradebook import by_member, page_of
from coursekit.classes.marks import marks, read_sheets, told
from coursekit.classes.results import Results
from coursekit.grading.report import TRAINED
from coursekit.sandbox import printable
from helpers.given.console import UserError


@dataclass(frozen=True)
class Entry:
    """An item or a question. points: None if it is open. max: what there is to be had. why: what was found."""

    name: str
    part: str
    points: Fraction | None
    max: Fraction
    why: str = ""


@dataclass
class Work:
    """One person's work in one assignment, as measured.

    entries: [Entry]. state: "" or, if all of it is open, why. nothing: nothing was handed in, and that is known.
    late: the platform says so. style, feedback: is there no style finding, is feedback.md filled in; None: nobody
    knows. pages: paths of reports, in the folder of results. group: who handed in together. several: there are several
    submissions, and nobody knows which is theirs.
    """

    entries: list = field(default_factory=list)
    state: str = ""
    nothing: bool = False
    late: bool = False
    style: bool | None = False
    feedback: bool | None = False
    pages: list = field(default_factory=list)
    group: str = ""
    several: bool = False


def exact(number):
    """A number of a report as it is written there: 0.1 is a tenth."""
    return Fraction(str(number))


def open_classes(course, said):
    """{name of an assignment: its Results, or None}. said: a list, to which lines are added."""
    found = {}
    for assignment in course.assignments:
        try:
            found[assignment.name] = Results.open(assignment.folder)
        except UserError as error:
            found[assignment.name] = None
            said.append(printable(f"{assignment.name} is open for all: {error}"))
    return found


def measure(course, classes, people, said):
    """{(name of an assignment, place of a person): Work} of everybody."""
    found = {}
    for assignment in course.assignments:
        name, results = assignment.name, classes[assignment.name]
        if results is None:
            for place in range(len(people.known)):
                found[name, place] = Work(state="not graded yet", style=None, feedback=None)
            continue
        sheets = read_sheets(results)
        said += [f"{name}: {line}" for sheet in sheets for line in told(sheet)]
        written = marks(results, sheets)
        reports = {submission.key: results.report(submission) for submission in results.submissions}
        for place in range(len(people.known)):
            doubt, works = people.doubts.get((name, place)), people.work.get((name, place), [])
            if doubt:
                found[name, place] = Work(state=doubt, style=None, feedback=None, several=len(works) > 1,
                                          pages=[f"students/{one.key}/report.html" for one, _ in works
                                                 if reports[one.key]])
            elif works:
                (submission, number), = works
                found[name, place] = of_one(submission, number, reports[submission.key],
                                            written.get(submission.key, []))
            else:
                found[name, place] = absent(name, place, people)
        complete([found[name, place] for place in range(len(people.known))])
    return found


def absent(name, place, people):
    """The Work of whom no submission is known to be."""
    if place < people.listed and name not in people.strangers:
        return Work(nothing=True)
    return Work(state="no submission is known to be theirs", style=None, feedback=None)


def of_one(submission, number, report, written):
    """The Work of a member of a submission, from its Report or None, and its Marks."""
    group = submission.name if len(submission.people) > 1 else ""
    if report is None or submission.doubt:
        state = submission.doubt or "not graded yet"
        return Work(state=printable(state), late=submission.late, style=None, feedback=None, group=group)
    own, page = by_member(submission, written), f"students/{submission.key}/report.html"
    if own:
        page, written = page_of(submission, own[number][0]), own[number][2]
    work = Work(late=submission.late, pages=[page], group=group)
    for name, item in report.items.items():
        part = "trained" if name.startswith(TRAINED) else "checks"
        points = None if item.status == "open" else exact(item.points)
        work.entries.append(Entry(name, part, points, exact(item.max), item.message))
    for mark in written:
        points = None if mark.points is None else exact(mark.points)
        work.entries.append(Entry(mark.label, mark.part, points, exact(mark.max), mark.comment))
    work.nothing = submission.path is None and not submission.files and not submission.problem and \
        not any(entry.points or entry.points is None for entry in work.entries)
    unread = bool(report.open) and report.style.status == "skipped"  # nobody could tell which file counts
    work.style = {"passed": report.style.count == 0, "failed": False, "timeout": None}.get(
        report.style.status, None if unread else False)
    work.feedback = None if unread and report.feedback is None else bool(report.feedback)
    return work


def complete(works):
    """What others of the class have been measured in is open for those who have not: a part of it came later."""
    parts = {}
    for work in works:
        sums = collections.defaultdict(Fraction)
        for entry in work.entries:
            sums[entry.part] += entry.max
        for part, most in sums.items():
            parts.setdefault(part, collections.Counter())[most] += 1
    for work in works:
        there = {entry.part for entry in work.entries}
        if work.entries and not work.nothing:
            work.entries += [Entry(part, part, None, many.most_common(1)[0][0], "not measured yet")
                             for part, many in parts.items() if part not in there]
