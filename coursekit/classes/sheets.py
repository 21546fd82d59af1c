"""What a marking sheet asks, and of whom. A kind of sheet is a value; `coursekit.classes.marks` reads and keeps all."""
from collections.abc import Callable
from dataclasses import dataclass

from coursekit.classes.downloads import Person
from coursekit.classes.keys import keys
from coursekit.classes.lists import known_by
from coursekit.classes.roster import Submission
from coursekit.questions import ELSEWHERE, NO_NOTEBOOK, questions

COLUMNS = ("question", "key", "student", "points", "max", "comment", "answer", "model answer")
NO_ANSWER = "no answer in the notebook"
LOOK = "no answer in its place, but words elsewhere in the notebook"
UNREAD = "not all answers could be read: "


@dataclass(frozen=True)
class Who:
    """Whose lines of a sheet. key: of the submission, or of one member of its group. person: that member, else None."""

    key: str
    name: str
    submission: Submission
    person: Person | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of marking sheet.

    part: of a grade: written, report, demonstration. sheet: the file in the folder of results.
    asked: (results, who) -> the Questions asked of them, with different titles. Those of others may be others.
    given: (results, who, report, question) -> (the answer as it is now, points, comment). report is who's Report.
    points are 0 where there is known to be no answer, else None; the comment says why.
    nothing: comments that come with such a 0. look: comments without points; one that ends in ": " goes on behind it.
    Nobody has typed these, so they go when they hold no longer.
    each: each member of a group is asked, and gets points of their own.
    """

    part: str
    sheet: str
    asked: Callable
    given: Callable
    nothing: tuple = ()
    look: tuple = ()
    each: bool = False

    @property
    def aside(self):
        return self.sheet.replace(".csv", "-aside.csv")

    def people(self, results):
        """The Whos that a sheet has lines for, in the order of the submissions."""
        return [who for submission in results.submissions for who in self.whose(submission)]

    def whose(self, submission):
        return members(submission) if self.each else [Who(submission.key, submission.name, submission)]


def members(submission):
    """Whose a submission is: the Who of each member of a group."""
    if len(submission.people) == 1:
        return [Who(submission.key, submission.name, submission)]
    known = [known_by(person) for person in submission.people]
    known = [text if known.count(text) == 1 else f"{text} ({number})" for number, text in enumerate(known)]
    own = keys(known)
    return [Who(f"{own[text]} of {submission.key}", person.name, submission, person)
            for text, person in zip(known, submission.people)]


def written(results, who, report, question):
    """What the notebook answers. A notebook that was not read may hold an answer."""
    if answer := (report.answers or {}).get(question.id, ""):
        return answer, None, ""
    if report.answers_problem:
        nothing = report.answers_problem == NO_NOTEBOOK
        return "", *((0.0, NO_NOTEBOOK) if nothing else (None, f"{UNREAD}{report.answers_problem}"))
    return "", *((None, LOOK) if (report.answers or {}).get(ELSEWHERE) else (0.0, NO_ANSWER))


ANSWERS = Kind("written", "answers.csv", lambda results, who: questions(results.settings["assignment"]), written,
               nothing=(NO_ANSWER, NO_NOTEBOOK), look=(LOOK, UNREAD))
