"""Measures the trained work of a submission: which weights are asked for, what is told before it begins, and the items
of the report. How one measure judges: coursekit.grading.trained, and autograde_tests/trained."""
import dataclasses
import functools
import importlib
import time

from coursekit.grading import ask, challenge, judge, weights
from coursekit.grading.report import TRAINED, Item
from coursekit.sandbox import Sandbox, printable, zygote
from helpers.given.console import UserError
from helpers.given.course import ROOT

SECONDS = 600.0  # that the student's process has for one measure,
OBSERVATION = 120.0  # and for one observation of it


class NothingMeasured(UserError):
    """An assignment that has no measures of trained work."""


@functools.cache
def measures_of(assignment):
    """The hidden module of an assignment's measures. Raises NothingMeasured."""
    path = ROOT / "autograde_tests" / "trained" / f"{assignment}.py"
    if not path.is_file() or not declared_in(assignment):
        raise NothingMeasured(f"--trained: there is no {path.relative_to(ROOT)}, so no trained work of {assignment} is "
                              "measured: leave out --trained")
    return importlib.import_module(f"autograde_tests.trained.{assignment}")


def declared_in(assignment):
    """The weights that an assignment declares, helpers.given.trained.Weights; () if it declares none."""
    from helpers.given.trained import declared  # imports torch
    return getattr(declared(assignment), "WEIGHTS", ())


def wanted(assignment):
    """The weights that are measured. Raises NothingMeasured."""
    measured = {measure.weights for measure in measures_of(assignment).MEASURES}
    return tuple(each for each in declared_in(assignment) if each.name in measured)


def challenge_of(assignment):
    """The Challenge of an assignment. Raises NothingMeasured."""
    try:
        return measures_of(assignment).CHALLENGE
    except AttributeError:
        raise NothingMeasured(f"--challenge: {assignment} has no challenge: leave out --challenge") from None


def what_is_measured(assignment, in_challenge=False):
    """What will be measured, and how long that takes, in one line. Raises NothingMeasured."""
    module = measures_of(assignment)
    if in_challenge:
        rules = challenge_of(assignment)
        return (f"{what_is_measured(assignment)}. The challenge measures {rules.weights} {challenge.DRAWS} times more: "
                f"{rules.quantity}, at most {rules.numbers:,} numbers; {rules.budget}")
    what = ", ".join(f"{measure.weights} ({measure.points:g} points)" for measure in module.MEASURES)
    return (f"trained work of {assignment} is measured: {what}. On two cores that takes about {module.SECONDS:g} "
            "seconds more for each submission")


class Measuring:
    """Measures the trained work of one submission after the other. Use it as a context manager.

    Args:
        assignment: its name. sandbox: the running Sandbox of its module.
    """

    def __init__(self, assignment, sandbox):
        self.assignment = assignment
        self.measures, self.wanted = measures_of(assignment).MEASURES, {each.name: each for each in wanted(assignment)}
        self.make_data, self.data = measures_of(assignment).data, None
        self.sandbox, self.reader = sandbox, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.reader is not None:
            self.reader.__exit__()

    def read_pickles(self):
        """The running Sandbox that reads what torch.save has written. Most submissions need none."""
        if self.reader is None:
            self.reader = Sandbox("pickled", self.sandbox.course, self.sandbox.wall, zygote.mine)
        return self.reader

    def items(self, handed_in, seed, notes, broken=None):
        """The items of the trained work, {name: Item}, in the order of the measures.

        notes: gets a line on how long it took. broken: an Item that says why the file cannot be imported, or None.
        """
        started, items, read = time.perf_counter(), {}, {}
        for name in self.wanted:
            try:
                read[name] = broken or self.read(handed_in, name)
            except weights.Unusable as error:
                told = judge.NOT_JUDGED.format(f"{error}.") if error.open else str(error)
                status = "open" if error.open else "missing" if error.missing else "failed"
                read[name] = Item(status=status, message=told)
        for measure in self.measures:
            found = read[measure.weights]
            items[TRAINED + measure.weights] = dataclasses.replace(found, points=0, max=measure.points, hint="") \
                if isinstance(found, Item) else self.judge(measure, handed_in, found, seed)
        if not all(isinstance(found, Item) for found in read.values()):
            notes.append(f"trained work: measured in {time.perf_counter() - started:.0f} seconds")
        return items

    def read(self, handed_in, name):
        """The tensors of some weights. Raises weights.Unusable."""
        if handed_in.source is None:
            raise weights.Unusable(f"cannot be measured without its class: {handed_in.problem}", handed_in.open, True)
        found = handed_in.weights[name]
        if found.problem:
            raise weights.Unusable(found.problem, found.open, not found.open)
        return weights.tensors_of(found, self.wanted[name], self.read_pickles)

    def judge(self, measure, handed_in, tensors, seed):
        """The Item of one measure. What does not depend on the student is made the first time."""
        from autograde_tests.trained import NotMeasured  # these import torch, and are not where nothing is measured
        from coursekit.grading import trained
        try:
            self.data = self.make_data() if self.data is None else self.data
        except NotMeasured as error:
            return Item(0, measure.points, "open", trained.NOT_MEASURED.format(printable(str(error)).rstrip(".")))
        return trained.measured(measure, self.student(handed_in), tensors, handed_in.weights[measure.weights].arguments,
                                judge.generator(seed, TRAINED + measure.weights), self.data)

    def student(self, handed_in, times=1):
        """The ask.Student who is measured so many times, with a process for each observation."""
        end = self.sandbox.had + SECONDS * times
        return ask.Student(functools.partial(self.sandbox.observe, handed_in.source), OBSERVATION,
                           lambda: end - self.sandbox.had)

    def achieved(self, handed_in, items, seed):
        """What was achieved in the challenge (grading.challenge.entry), or None if there was nothing to measure.

        items: of the trained work, which came of the same weights.
        """
        rules = challenge_of(self.assignment)
        item, measure = items[TRAINED + rules.weights], next(m for m in self.measures if m.weights == rules.weights)
        if item.status in ("open", "missing"):
            return None
        try:
            tensors = self.read(handed_in, rules.weights)
        except weights.Unusable:
            return None
        return challenge.entry(rules, measure, item, self.student(handed_in, challenge.DRAWS), tensors,
                               handed_in.weights[rules.weights].arguments, seed, self.data)
