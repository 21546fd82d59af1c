"""The marking sheet of a demonstration: what everybody is asked stands in viva.json, what they got in viva.csv."""
import functools
import json

from coursekit.classes.sheets import Kind
from coursekit.grading.report import CANNOT
from coursekit.questions import Question
from coursekit.viva.sets import COUNT, Asked
from helpers.given.console import UserError

FILE = "viva.json"
NOTHING = "nothing was handed in"
OPEN = "what was handed in could not be read: "
NOT_ASKED = "There is no question yet: run `course viva` again."


def read(results):
    """What stands in viva.json, {seed, of: {key of a Who: {of, seed, problem, asked}}}, or None if it is not there.
    asked: [Asked as a dict]. of: a digest of what it was made from. Raises UserError."""
    path = results.folder / FILE
    try:
        told = path.stat()
    except OSError:
        return None
    return parsed(path, told.st_mtime_ns, told.st_size)


@functools.lru_cache(maxsize=4)
def parsed(path, *_):
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        for one in told["of"].values():
            one["asked"] = [Asked(**each) for each in one["asked"]]
            one["of"], one["seed"], one["problem"]
        told["seed"]
        return told
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{path} is broken: delete it, and run `course viva` again") from None


def asked(results, who):
    """Question 1, Question 2, ... for everybody; what they are differs."""
    told = read(results)
    if told is None:
        raise UserError(f"there is no {results.folder / FILE}: run `course viva` again")
    questions = told["of"].get(who.key, {}).get("asked", [])
    for number in range(COUNT):
        one = questions[number] if number < len(questions) else None
        yield Question(str(number + 1), f"Question {number + 1}", one.text if one else NOT_ASKED,
                       f"{one.model}\n{one.solution}".strip() if one else "")


def given(results, who, report, question):
    """What stands in the sheet's column answer is what was asked."""
    problem = why_none(report)
    if problem:
        return "", *((0.0, NOTHING) if problem == NOTHING else (None, problem))
    return question.text, None, ""


def why_none(report):
    """Why nobody can be asked about a file, or ""."""
    first = next(iter(report.items.values()), None)
    if first is None or not first.message.startswith(CANNOT):
        return ""
    return f"{OPEN}{first.message.removeprefix(CANNOT)}" if first.status == "open" else NOTHING


DEMONSTRATION = Kind("demonstration", "viva.csv", lambda results, who: list(asked(results, who)), given,
                     nothing=(NOTHING,), look=(OPEN,), each=True)
