"""Gradescope's submission_metadata.json: whose a submission is, whether it is late, what was handed in before.

Looked up in gradescope-autograders.readthedocs.io, "Submission Metadata". It may change, says that page: so each value
is looked for on its own, and one that is not as it should be is one that is not there.
"""
import datetime
import json
import math
from dataclasses import dataclass, field

from coursekit.sandbox import printable

DAY = datetime.timedelta(days=1)
# Of an earlier results.json, what is handed in again if its score is to be kept.
KEPT = ("score", "tests", "output", "output_format", "stdout_visibility", "visibility", "execution_time", "leaderboard",
        "extra_data")


@dataclass(frozen=True)
class Metadata:
    """What is known of a submission. All of it may be missing.

    names: of those whose it is. at: when it was handed in. due: by name ("" for all), until when it was to be.
    earlier: when others were handed in that ran through. last: the results.json of the one before this, or what there
    is of it. problem: what is wrong with the file, in one line, or None.
    """

    names: tuple = ()
    at: datetime.datetime | None = None
    due: dict = field(default_factory=dict)
    earlier: tuple = ()
    last: dict | None = None
    problem: str | None = None

    @property
    def who(self):
        return ", ".join(self.names) or "the submission"

    def lines(self):
        """Lines for the report: who handed in together, who was late."""
        if len(self.names) > 1:
            yield f"Handed in by {self.who} together."
        for name, due in self.due.items():
            if self.at and self.at > due:
                late = datetime.timedelta(seconds=int((self.at - due).total_seconds()))
                yield f"Late{name and f' for {name}'}: {late} after {due:%Y-%m-%d %H:%M} ({due:%z})."

    def graded(self):
        """When submissions of the day before this one were graded, oldest first. Our own results say it; where they do
        not, every earlier submission counts."""
        if self.at is None:
            return []
        told = look(self.last, list, "extra_data", "graded_at")
        times = self.earlier if told is None else filter(None, map(moment, told))
        return sorted(time for time in times if self.at - DAY < time < self.at)

    def kept(self, most):
        """The results.json for a submission that is one too many, or None: with `most` graded a day, and an earlier
        score that can be kept."""
        graded = self.graded()
        if not most or len(graded) < most or self.last is None:
            return None
        results = {name: self.last[name] for name in KEPT if name in self.last}
        extra = results.get("extra_data") if isinstance(results.get("extra_data"), dict) else {}
        said = extra.get("said", results.get("output", ""))  # without the words of one that was too many before
        results["extra_data"] = {**extra, "said": said, "graded_at": [time.isoformat() for time in graded]}
        results["output"] = (f"NOT GRADED: {len(graded)} submissions of yours were graded within 24 hours, and {most} "
                             f"is the limit. The score is that of an earlier one. After "
                             f"{graded[-most] + DAY:%Y-%m-%d %H:%M (%z)} you can hand in again.\n\n{said}")
        return results


def read_metadata(path):
    """Read the file: a Metadata. Never raises."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return Metadata(problem=printable(f"{path.name} cannot be read ({error}): nobody's name, no due date and no "
                                          "limit of runs is known"))
    users = [user for user in look(told, list, "users") or () if isinstance(user, dict)]
    names = [printable(look(user, str, "name") or look(user, str, "email") or "")[:100] for user in users]
    for_all = moment(look(told, str, "assignment", "due_date"))
    # Who has an extension has dates of their own.
    due = {name: moment(look(user, str, "assignment", "due_date")) or for_all for name, user in zip(names, users)}
    if len(set(due.values())) <= 1:
        due = {"": next(iter(due.values()), for_all)}
    before = [each for each in look(told, list, "previous_submissions") or () if isinstance(each, dict)]
    at = moment(look(told, str, "created_at"))
    missing = [name for name, value in (("created_at", at), ("users", users)) if not value]
    return Metadata(
        tuple(filter(None, names)), at, {name: time for name, time in due.items() if time},
        tuple(filter(None, (moment(look(each, str, "submission_time")) for each in before
                            if each.get("autograder_error") is not True))),
        last_results(before[-1]) if before else None,
        f"{path.name} has no usable {' and no '.join(missing)}" if missing else None)


def last_results(submission):
    """What is known of the results of an earlier submission, or None if it has no score. (Only the latest of them comes
    with its results.)"""
    results, score = look(submission, dict, "results"), number(submission.get("score"))
    if results is not None and (number(results.get("score")) is not None or isinstance(results.get("tests"), list)):
        return results
    return None if score is None else {"score": score}


def look(tree, kind, *path):
    """What lies at this path in dicts in dicts, or None if that is not of this kind."""
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, kind) else None


def number(value):
    """A score, which may come as a text; or None."""
    try:
        return float(value) if not isinstance(value, bool) and math.isfinite(float(value)) else None
    except (TypeError, ValueError, OverflowError):
        return None


def moment(text):
    """A time with its zone, or None."""
    try:
        time = datetime.datetime.fromisoformat(text)
        return time if time.tzinfo else None
    except (TypeError, ValueError):
        return None
