"""Grades submissions of one assignment, one after the other, in one sandbox."""
import contextlib
import platform
import tempfile
import time

from coursekit.grading.judge import NOT_IMPORTED, items_of, judge, load_checks, reopen
from coursekit.grading.measuring import Measuring
from coursekit.grading.notebook import Notebook
from coursekit.grading.report import CANNOT, Execution, Report, Style
from coursekit.grading.style import check_style
from coursekit.release.files import course_files, write_files
from coursekit.sandbox import Sandbox, printable, zygote
from helpers.given.course import ROOT, assignments

REMEMBERED = 2000  # requests and outcomes; a request takes some 40 kB


class Grader:
    """Use it as a context manager.

    Args:
        assignment: its name. notebook: True executes its notebook with each submission.
        wall: what student code runs behind.
        trained: True measures the trained weights that were handed in, too. challenge: True also does so several times,
            for a leaderboard.
    """

    def __init__(self, assignment, notebook, wall, trained=False, challenge=False):
        self.assignment, self.notebook, self.wall, self.trained = assignment, notebook, wall, trained
        self.challenge = challenge
        self.known, self.seed = {}, None  # what the checks have asked and decided, for this seed: judge.run_remembered
        # Our notebook over the student's module: what it has gaps for itself is filled.
        self.files = course_files(ROOT, {assignment: assignments()[assignment]}, code_gaps=False)

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="course-grade-"))
            write_files(self.files, folder)
            self.executing = self.measuring = None
            if self.notebook:  # first: it has the most to import
                self.executing = opened.enter_context(Notebook(folder, self.assignment, self.wall, zygote.mine))
                # Before the sandbox does: on two cores, three that import it at once would keep the kernels waiting.
                import torch  # noqa: F401
            self.sandbox = opened.enter_context(Sandbox(self.assignment, folder, self.wall, zygote.mine))
            self.checks = load_checks(self.assignment)  # while the sandbox starts
            if self.trained:
                self.measuring = opened.enter_context(Measuring(self.assignment, self.sandbox))
            self.opened = opened.pop_all()
        return self

    def __exit__(self, *_):
        self.opened.close()

    def grade(self, handed_in, seed, items=None):
        """Return the Report on a HandedIn. What holds nothing to grade has no points, and the reason in each item;
        where nobody can tell what was done, its items are open.

        items: the names of the only ones that are wanted. The report holds nothing else then.
        """
        import torch
        checks = [check for check in self.checks if items is None or check.item in items]
        started, style, executed, notes = time.perf_counter(), Style(), Execution(), [*handed_in.notes]
        achieved = None
        if handed_in.source is None:
            reason = f"{CANNOT}{handed_in.problem}"
            status = "open" if handed_in.open else "missing"
            judged = items_of([(check, status, reason) for check in checks])
        else:
            if seed != self.seed or len(self.known) > REMEMBERED:
                self.known, self.seed = {}, seed
            judged, _ = judge(self.sandbox, handed_in.source, checks, seed, notes, self.known)
            if items is None:
                style = check_style(handed_in.source, self.assignment)
            if items is None and self.executing:
                executed = self.executing.run(handed_in.source)
                judged = reopen(judged) if executed.status == "passed" else judged
        if self.measuring and items is None:
            broken = next((item for item in judged.values() if NOT_IMPORTED in item.message), None)
            judged.update(self.measuring.items(handed_in, seed, notes, broken))
            achieved = self.measuring.achieved(handed_in, judged, seed) if self.challenge else None
        return Report(
            submission=printable(handed_in.who), assignment=self.assignment, seed=seed,
            isolation=self.wall.name, isolated=self.wall.isolates,
            why_not_isolated=None if self.wall.isolates else self.wall.reasons,
            items=judged, style=style, notebook=executed,
            versions={"python": platform.python_version(), "torch": str(torch.__version__)},
            seconds=round(time.perf_counter() - started, 2), notes=notes, feedback=handed_in.feedback,
            challenge=achieved)
