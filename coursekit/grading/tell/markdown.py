"""report.md, the student's report as Markdown."""
import re

from coursekit.grading.tell.points import points


def escaped(text):
    """Plain text as Markdown that shows it as it is: no markup, no HTML, one line."""
    text = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]#!|~>$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def markdown(report, name, written=()):
    """The student's report as Markdown."""
    score, most = report.total(written)
    lines = [f"# {escaped(name)}: {points(score)} of {points(most)} points", "",
             f"Assignment {escaped(report.assignment)}.", "",
             *(f"{escaped(note)}\n" for note in report.notes),
             "| item | points | what was found |", "| --- | --- | --- |"]
    for item, result in report.items.items():
        found = ["everything asked for"] if result.status == "passed" else []
        found = ": ".join([*found, *([escaped(result.message)] if result.message else [])])
        found += f"<br>Hint: {escaped(result.hint)}" if result.hint else ""
        got = "open" if result.status == "open" else points(result.points)
        lines.append(f"| {escaped(item)} | {got} of {points(result.max)} | {found} |")
    for mark in written:
        got = "not marked yet" if mark.points is None else f"{points(mark.points)} of {points(mark.max)}"
        lines.append(f"| {escaped(mark.heading)} | {got} | {escaped(mark.comment)} |")
    style, notebook = report.style, report.notebook
    lines += ["", "## Style", "", {
        "passed": "No findings.", "skipped": "Not looked at.", "timeout": "Not finished in time.",
        "failed": f"{style.count} findings. They cost no points."}[style.status], ""]
    lines += [f"- {escaped(finding)}" for finding in style.findings]
    lines += ["", "## Notebook", "", {
        "passed": f"All {notebook.cells} cells ran.", "skipped": "Not executed."}.get(
            notebook.status, "It did not run through. This costs no points."), ""]
    lines += [f"- {escaped(failure)}" for failure in notebook.failed]
    lines += [f"![Picture of cell {cell}]({path})" for cell, path in notebook.pictures]
    lines += ["", f"Graded with Python {escaped(report.versions['python'])}, "
              f"PyTorch {escaped(report.versions['torch'])}. Student code ran behind: {escaped(report.isolation)}."]
    return "\n".join(lines) + "\n"
