"""What is known of one submission after its grading. The only place that knows report.json."""
import base64
import dataclasses
import json
from dataclasses import dataclass, field

from helpers.given.console import write

CANNOT = "cannot grade: "  # how the message of each item begins where there is nothing to grade
TRAINED = "trained."  # how the items of trained work are called


@dataclass
class Item:
    """The outcome of one item: its checks together.

    points, max: got, and to be had. status: passed, or what the first check that did not pass was: failed (it is
    wrong), error (it raised), timeout, missing (the gap is open, or there is no file), open (a check failed itself, or
    the file cannot be read here and perhaps elsewhere: its points are not given, and not lost either). message: what
    was wrong. hint: how to go on.
    """

    points: float = 0
    max: float = 0
    status: str = "passed"
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Style:
    """What the style check says. status: passed, failed, timeout, skipped. count: of findings. findings: the first."""

    status: str = "skipped"
    count: int = 0
    findings: list = field(default_factory=list)


@dataclass(frozen=True)
class Execution:
    """How the course's notebook ran with the submission.

    status: passed, failed, timeout, error, skipped. cells: that ran. failed: a line for each that failed. pictures:
    that the cells made, (number of the cell, base64 of a PNG file, or its path beside the report).
    """

    status: str = "skipped"
    cells: int = 0
    failed: list = field(default_factory=list)
    pictures: list = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """The report on one submission.

    submission: whose it is, or its path. seed: what the hidden checks drew their inputs from. isolation: what student
    code ran behind, such as "bubblewrap", or "none". why_not_isolated: None if it was. items: by name, in the order of
    the checks. versions: of what graded. seconds: that it took.

    notes: lines about the file as a whole, if there are any. challenge: what was achieved in one (grading.challenge).

    In a class, too: fingerprint: of all that it depends on. attempts: how often it was graded, as processes may die.
    answers: what is written in its notebook, by the id of the question. answers_problem: why that may not be all.
    answer_pictures: that the answers show, [[name, type, base64 of the file, or its path beside the report]] by the id
    of the question. regraded: the items that were graded again later, and all else was not: {name: {checks: that judged
    it, seed, when, note: the one that tells it}}.
    feedback: is the feedback form filled in. None: none was found.
    """

    submission: str
    assignment: str
    seed: int
    isolation: str
    isolated: bool
    why_not_isolated: str | None
    items: dict[str, Item]
    style: Style
    notebook: Execution
    versions: dict
    seconds: float
    notes: list = dataclasses.field(default_factory=list)
    fingerprint: str | None = None
    attempts: int | None = None
    answers: dict | None = None
    answers_problem: str | None = None
    answer_pictures: dict | None = None
    feedback: bool | None = None
    challenge: dict | None = None
    regraded: dict | None = None

    @property
    def mixed(self):
        """The items that were graded again, and by other checks than the rest."""
        rest = (self.fingerprint or "").rpartition("-")[2]
        return [name for name, again in (self.regraded or {}).items() if again["checks"] != rest]

    @property
    def score(self):
        return sum(item.points for item in self.items.values())

    @property
    def max(self):
        return sum(item.max for item in self.items.values())

    @property
    def open(self):
        """The items that are not judged: somebody has to look."""
        return [name for name, item in self.items.items() if item.status == "open"]

    def total(self, written=()):
        """Points and maximum, with those of the written answers (Marks)."""
        return (self.score + sum(mark.points or 0 for mark in written), self.max + sum(mark.max for mark in written))

    def to_json(self):
        """The text of report.json."""
        told = {"submission": self.submission, "assignment": self.assignment, "score": self.score, "max": self.max}
        told.update(dataclasses.asdict(self))
        for name in ("notes", "fingerprint", "attempts", "answers", "answers_problem", "answer_pictures",
                     "regraded", "feedback", "challenge"):
            if told[name] in (None, []) or name == "answer_pictures" and not told[name]:
                del told[name]
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text):
        """The opposite of `to_json`. Raises ValueError for what is no report.json."""
        told = json.loads(text)
        try:
            del told["score"], told["max"]
            told["items"] = {name: Item(**item) for name, item in told["items"].items()}
            told["style"], told["notebook"] = Style(**told["style"]), Execution(**told["notebook"])
            told.setdefault("isolation", "bubblewrap" if told["isolated"] else "none")  # older ones tell only this
            told.setdefault("why_not_isolated", None)
            return cls(**told)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no report: {error}") from None

    def with_picture_files(self, folder):
        """The same report with its pictures as files beside it, which are written here: they hold their paths then."""
        kept, of_answers = [], {}
        for number, (cell, picture) in enumerate(self.notebook.pictures, start=1):
            if not picture.startswith("pictures/"):
                path = folder / "pictures" / f"{number:02}-cell-{cell}.png"
                path.parent.mkdir(exist_ok=True)
                write(path, base64.b64decode(picture))
                picture = f"pictures/{path.name}"
            kept.append((cell, picture))
        for id, pictures in (self.answer_pictures or {}).items():
            for name, kind, picture in pictures:
                if not picture.startswith("pictures/"):
                    path = folder / "pictures" / f"answer-{id}-{len(of_answers.get(id, ())) + 1}.{kind.split('/')[1]}"
                    path.parent.mkdir(exist_ok=True)
                    write(path, base64.b64decode(picture))
                    picture = f"pictures/{path.name}"
                of_answers.setdefault(id, []).append([name, kind, picture])
        return dataclasses.replace(self, notebook=dataclasses.replace(self.notebook, pictures=kept),
                                   answer_pictures=of_answers or None)
