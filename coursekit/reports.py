"""What is written about one submission: report.json, report.md, report.html, Gradescope's and GitHub's results.

Much of a report comes from the submission: messages quote it. Whatever is written here is escaped for its format.
"""
import base64
import functools
import json
import re
from pathlib import Path

from helpers.given.__main__ import write

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def templates():
    """The HTML templates. They escape every value that is put into them. (jinja2 comes with nbconvert.)"""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(points=points, prose=prose)
    return environment


def points(number):
    """Write points without a needless decimal: 3, 2.5."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def prose(text):
    """Text without the line breaks inside its paragraphs, so that it fills its column. Lists and tables keep theirs."""
    return re.sub(r"(?<!\n)\n(?![\n\-*|\d\s])", " ", text)


def dump(value):
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def total(report, written=()):
    """Points and maximum of a report, with those of the written answers."""
    return (report["score"] + sum(answer["points"] or 0 for answer in written),
            report["max"] + sum(answer["max"] for answer in written))


def isolation(report):
    """What student code ran behind, such as "bubblewrap", or "none". Older reports only tell whether there was it."""
    return report.get("isolation") or ("bubblewrap" if report["isolated"] else "none")


def write_all(report, folder, name=None, written=()):
    """Write a report in all formats. Each file appears whole or not at all, report.json last.

    Args:
        name: of the student; default: the submission's path.
        written: the marks of written answers, as `answers.marks` gives them.
    """
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else's concern
    keep_pictures(report, folder)
    name = name or report["submission"]
    write(folder / "report.html", html(report, folder, name, written))
    write(folder / "report.md", markdown(report, name, written))
    write(folder / "results.json", dump(gradescope(report, written)))
    write(folder / "github.json", dump(github(report, written)))
    write(folder / "report.json", dump(report))


def keep_pictures(report, folder):
    """Move the notebook's pictures from the report to files beside it. The report keeps (cell, path)."""
    kept = []
    for number, (cell, picture) in enumerate(report["notebook"]["pictures"], start=1):
        if not picture.startswith("pictures/"):
            path = folder / "pictures" / f"{number:02}-cell-{cell}.png"
            path.parent.mkdir(exist_ok=True)
            write(path, base64.b64decode(picture))
            picture = f"pictures/{path.name}"
        kept.append((cell, picture))
    report["notebook"]["pictures"] = kept


def html(report, folder, name, written=()):
    """The student's page. It needs no other file: the pictures stand in it."""
    pictures = [(cell, base64.b64encode((folder / path).read_bytes()).decode())
                for cell, path in report["notebook"]["pictures"]]
    score, most = total(report, written)
    return templates().get_template("report.html").render(
        report=report, name=name, pictures=pictures, written=written, score=score, max=most,
        isolation=isolation(report))


def escaped(text):
    """Plain text as Markdown that shows it as it is: no markup, no HTML, one line."""
    text = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]#!|~>$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))


def markdown(report, name, written=()):
    """The student's report as Markdown."""
    score, most = total(report, written)
    lines = [f"# {escaped(name)}: {points(score)} of {points(most)} points", "",
             f"Assignment {escaped(report['assignment'])}.", "",
             "| item | points | what was found |", "| --- | --- | --- |"]
    for item, result in report["items"].items():
        found = "everything asked for" if result["status"] == "passed" else escaped(result["message"])
        found += f"<br>Hint: {escaped(result['hint'])}" if result["hint"] else ""
        lines.append(f"| {escaped(item)} | {points(result['points'])} of {points(result['max'])} | {found} |")
    for answer in written:
        got = "not marked yet" if answer["points"] is None else f"{points(answer['points'])} of {points(answer['max'])}"
        lines.append(f"| {escaped(answer['title'])} (written) | {got} | {escaped(answer['comment'])} |")
    style, notebook = report["style"], report["notebook"]
    lines += ["", "## Style", "", {
        "passed": "No findings.", "skipped": "Not looked at.", "timeout": "Not finished in time.",
        "failed": f"{style['count']} findings. They cost no points."}[style["status"]], ""]
    lines += [f"- {escaped(finding)}" for finding in style["findings"]]
    lines += ["", "## Notebook", "", {
        "passed": f"All {notebook['cells']} cells ran.", "skipped": "Not executed."}.get(
            notebook["status"], "It did not run through. This costs no points."), ""]
    lines += [f"- {escaped(failure)}" for failure in notebook["failed"]]
    lines += [f"![Picture of cell {cell}]({path})" for cell, path in notebook["pictures"]]
    lines += ["", f"Graded with Python {escaped(report['versions']['python'])}, "
              f"PyTorch {escaped(report['versions']['torch'])}. Student code ran behind: {escaped(isolation(report))}."]
    return "\n".join(lines) + "\n"


def outcomes(report, written):
    """(name, passed, points, maximum, text) of each item and each marked answer."""
    for name, item in report["items"].items():
        text = item["message"] + (f"\nHint: {item['hint']}" if item["hint"] else "")
        yield name, item["status"] == "passed", item["points"], item["max"], text
    for answer in written:
        if answer["points"] is not None:
            yield (f"{answer['title']} (written)", answer["points"] == answer["max"], answer["points"], answer["max"],
                   answer["comment"])


def gradescope(report, written=()):
    """The results.json of a Gradescope autograder (gradescope-autograders.readthedocs.io, "Output format")."""
    style = report["style"]
    tests = [{"name": name, "score": got, "max_score": most, "status": "passed" if passed else "failed",
              "output": text, "output_format": "text"} for name, passed, got, most, text in outcomes(report, written)]
    return {"score": total(report, written)[0], "execution_time": round(report["seconds"]),
            "output": "\n".join([f"Style: {style['count']} findings.", *style["findings"],
                                 f"Notebook: {report['notebook']['status']}.", *report["notebook"]["failed"]]),
            "output_format": "text", "stdout_visibility": "hidden", "tests": tests,
            "extra_data": {"isolated": report["isolated"]}}


def github(report, written=()):
    """The result that a grader step hands to GitHub's autograding-grading-reporter (there as base64 of this JSON)."""
    tests = [{"name": name, "status": "pass" if passed else "fail", "score": got, "message": text or None,
              "test_code": "", "filename": f"helpers/{report['assignment']}.py", "line_no": 0, "execution_time": "0s"}
             for name, passed, got, _, text in outcomes(report, written)]
    return {"version": 1, "status": "pass" if all(test["status"] == "pass" for test in tests) else "fail",
            "max_score": sum(most for *_, most, _ in outcomes(report, written)), "tests": tests}
