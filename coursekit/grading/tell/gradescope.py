"""results.json, for Gradescope. The only place that knows its form.

Looked up in gradescope-autograders.readthedocs.io, "Autograder Specifications", and in its source,
github.com/gradescope/autograder_samples, of January 2025.
"""
import functools
import re

from coursekit.grading.tell.points import outcomes, points
from coursekit.notebooks import cells_of
from helpers.given.course import ROOT, assignments

# Who may see the checks of a submission: as we call it, as Gradescope does. A student who may not see one of them does
# not see the total either.
VISIBILITY = {"all": "visible", "published": "after_published", "none": "hidden"}
NO_MARK = ("The 0 is no mark: it stands here because Gradescope takes no results without a number. Hand in again. If "
           "that does not help, ask your instructor, who can run the autograder again. Until then an earlier "
           "submission can be made the active one (Submission History)")


def gradescope(report, written=(), visibility="visible", notes=()):
    """What Gradescope is told of a Report.

    Args:
        written: the Marks of written answers.
        visibility: of each item, a value of VISIBILITY. notes: lines for the top of the page.
    """
    tests = [entry(name, passed, got, most, text, report.items.get(name))
             for name, passed, got, most, text in in_order(report.assignment, outcomes(report, written))]
    for number, each in enumerate(tests, start=1):
        each.update(number=str(number), output_format="text", visibility=visibility)
    style, notebook, more = report.style, report.notebook, {}
    if report.challenge and report.challenge["value"] is not None:
        more["leaderboard"] = leaderboard(report.challenge)
    judged = [f"NOT JUDGED: {', '.join(report.open)}. The score leaves out what they are worth, and that is no mark: "
              "your instructor has to look. Please ask."] if report.open else []
    return page([*judged, *notes, *report.notes,
                 "Style: not looked at." if style.status == "skipped" else f"Style: {style.count} findings.",
                 *style.findings, f"Notebook: {notebook.status}.", *notebook.failed],
                score=report.total(written)[0], execution_time=round(report.seconds), tests=tests,
                extra_data={"isolated": report.isolated}, **more)


def leaderboard(achieved):
    """The columns of Gradescope's leaderboard, sorted by the first: the names there are what students choose."""
    return [{"name": achieved["quantity"], "value": float(f"{achieved['value']:.4g}"), "order": achieved["order"]},
            {"name": "standard deviation of the draws", "value": float(f"{achieved['spread']:.2g}"), "order": "asc"}]


def not_graded(reason, notes=()):
    """What Gradescope is told while there is no Report, or if there will be none."""
    return page([f"NOT GRADED: {reason}. {NO_MARK}.", *notes], score=0, extra_data={"graded": False})


def page(lines, score, **more):
    """The part for the submission as a whole. What is printed is for instructors only: a seed is among it."""
    return {"score": score, "output": "\n".join(lines), "output_format": "text", "stdout_visibility": "hidden", **more}


def entry(name, passed, got, most, text, item):
    """One line of the page. Who has no points yet and has not lost them gets no number and neither of its colours."""
    if item is None or item.status != "open":
        return {"name": name, "score": got, "max_score": most, "status": "passed" if passed else "failed",
                "output": text}
    sure = f"{points(got)} of {points(most)} points are sure, the rest is open. "
    return {"name": f"{name} (not judged yet)", "output": sure + text}


def in_order(assignment, told):
    """The outcomes as the assignment's notebook asks for them: those that it has no check of come last."""
    asked = checks_in_notebook(assignment)

    def place(outcome):
        return next((k for k, name in enumerate(asked) if f"{name}.".startswith(f"{outcome[0]}.")), len(asked))

    return sorted(told, key=place)


@functools.cache
def checks_in_notebook(assignment):
    """The public checks that an assignment's notebook calls, in its order, such as "vae.VAE.encoder"."""
    if not (known := assignments().get(assignment)):  # a report may be older than the course
        return []
    cells = cells_of((ROOT / known.notebook).read_text(encoding="utf-8"))
    return [name for cell in cells if cell.type == "code"
            for name in re.findall(r"""\bcheck\(["']([\w.]+)""", cell.source)]
