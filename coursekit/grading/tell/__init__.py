"""What is written about one submission, each form in a file of its own here; none of them changes the report.

Much of a report comes from the submission: messages quote it. Whatever is written here is escaped for its format.
"""
import json
from pathlib import Path

from coursekit.grading.tell.github import github
from coursekit.grading.tell.gradescope import gradescope
from coursekit.grading.tell.html import html
from coursekit.grading.tell.markdown import markdown
from helpers.given.console import write


def tell(report, folder, name=None, written=(), standing=None):
    """Write a report in all forms. Each file appears whole or not at all, report.json last.

    Args:
        name: of the student; default: the submission's path.
        written: the Marks of written answers.
        standing: where the student stands in the class's challenge, a classes.leaderboard.Standing.
    """
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # nobody else's concern
    report, name = report.with_picture_files(folder), name or report.submission
    write(folder / "report.html", html(report, folder, name, written, standing))
    write(folder / "report.md", markdown(report, name, written))
    write(folder / "results.json", json.dumps(gradescope(report, written), indent=2, ensure_ascii=False) + "\n")
    write(folder / "github.json", json.dumps(github(report, written), indent=2, ensure_ascii=False) + "\n")
    write(folder / "report.json", report.to_json())
