"""Measures the trained work of a submission: which weights are asked for, what is told before it begins, and the items
of the report. How one measure judges: coursekit.grading.trained, and autograde_tests/trained."""
import functools
import importlib
import time

from coursekit.grading import ask, challenge, judge, weights
from coursekit.grading.report import Item
from coursekit.sandbox import Sandbox, zygote
from helpers.given.console import UserError
from helpers.given.course import ROOT

PREFIX = "trained."  # before the names of these items
SECONDS = 600.0  # that the student's process has for one measure


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
        assignment: its name. sandbox: the running Sandbox of its module. in_challenge: True measures for a leaderboard,
            too.
    """

    def __init__(self, assignment, sandbox, in_challenge=False):
        self.rules = challenge_of(assignment) if in_challenge else None
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
        """The items of the trained work, {name: Item}, in the order of the measures; and what was achieved in a
        challenge (grading.challenge.entry), or None.

        notes: gets a line on how long it took. broken: an Item that says why the file cannot be imported, or None.
        """
        started, items, settings, tensors, refused, achieved = time.perf_counter(), {}, {}, {}, {}, None
        for name, each in self.wanted.items():
            try:
                if broken is not None:
                    raise weights.Unusable(broken.message, broken.status == "open")
                tensors[name], settings[name] = self.read(handed_in, name), handed_in.weights[name].arguments
            except weights.Unusable as error:
                refused[name] = error
        for measure in self.measures:
            if (error := refused.get(measure.weights)) is not None:
                found = Item(0, measure.points, "open" if error.open else "missing" if error.missing else "failed",
                             f"not judged: {error}. Your instructor has to look" if error.open else str(error))
            else:
                found = self.judge(measure, handed_in.source, tensors[measure.weights], settings[measure.weights], seed)
                if self.rules and self.rules.weights == measure.weights:
                    student = self.student(handed_in.source, challenge.DRAWS)
                    achieved = challenge.entry(self.rules, measure, found, student, tensors[measure.weights],
                                               settings[measure.weights], seed, self.data)
            items[PREFIX + measure.weights] = found
        if tensors:
            notes.append(f"trained work: measured in {time.perf_counter() - started:.0f} seconds")
        return items, achieved

    def read(self, handed_in, name):
        """The tensors of some weights. Raises weights.Unusable."""
        if handed_in.source is None:
            raise weights.Unusable(f"cannot be measured without its class: {handed_in.problem}", handed_in.open, True)
        found = handed_in.weights[name]
        if found.problem:
            raise weights.Unusable(found.problem, found.open, not found.open)
        return weights.tensors_of(found, self.wanted[name], self.read_pickles)

    def judge(self, measure, source, tensors, settings, seed):
        """The Item of one measure. What does not depend on the student is made the first time."""
        from coursekit.grading import trained
        if self.data is None:
            self.data = self.make_data()
        return trained.measured(measure, self.student(source), tensors, settings,
                                judge.generator(seed, PREFIX + measure.weights), self.data)

    def student(self, source, times=1):
        """The ask.Student who is measured so many times, with a process for each observation."""
        end = self.sandbox.had + SECONDS * times
        return ask.Student(functools.partial(self.sandbox.observe, source), SECONDS, lambda: end - self.sandbox.had)
