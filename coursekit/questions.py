"""Questions that are answered in writing: what is asked, and what a student's notebook answers.

A question is a Markdown cell of the assignment's notebook with a model answer between markers, see coursekit.gaps.
"""
import json
import re
from dataclasses import dataclass

import nbformat

from coursekit.gaps import ANSWER_FIELD, MARKDOWN_MARKERS, marked
from helpers.given.course import ROOT, assignments

MAX_CHARACTERS = 20_000  # of an answer
POINTS = 4  # of a question, unless the instructor says otherwise


@dataclass(frozen=True)
class Question:
    """A question of a notebook. id: of its cell. known: the ids of all cells that the notebook is released with."""

    id: str
    title: str
    text: str
    model: str
    known: frozenset


@dataclass(frozen=True)
class Mark:
    """What one answer is worth. id, title: of its question. points: None until somebody has typed them. max: to be
    had."""

    id: str
    title: str
    points: float | None
    max: float
    comment: str
    answer: str


def questions(assignment):
    """The questions of an assignment, in their order."""
    notebook = nbformat.read(ROOT / assignments()[assignment].notebook, as_version=4)
    known = frozenset(cell.get("id") for cell in notebook.cells)
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        lines = cell.source.split("\n")
        pairs = marked(lines, MARKDOWN_MARKERS, f"cell {number}") if cell.cell_type == "markdown" else []
        if pairs:
            model = "\n".join("\n".join(lines[start:end - 1]) for start, end in pairs).strip()
            for start, end in reversed(pairs):
                del lines[start - 1:end]
            text = "\n".join(lines).strip()
            title = re.search(r"\*\*(.+?)\*\*", text)
            found.append(Question(cell.id, title[1] if title else f"Cell {number}", text, model, known))
    return found


def extract(text, asked):
    """Find the answers in the text of a student's notebook: {id of the question: answer}, "" where there is none.

    An answer is what was added to the question's cell, and the Markdown cells that were added below it.
    """
    parts = {question.id: [] for question in asked}
    try:
        cells = json.loads(text)["cells"]
        cells = [(str(cell.get("id")), cell["cell_type"], source_of(cell)) for cell in cells]
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        cells = []  # no notebook, or a broken one
    current = None
    for id, kind, source in cells:
        found = [question for question in asked if id == question.id]
        if not found and id not in (asked[0].known if asked else ()):  # a program that makes ids anew
            found = [question for question in asked if f"**{question.title}**" in source]
        if found:
            current, = found[:1]
            given = {line.strip() for line in current.text.split("\n")} | {ANSWER_FIELD, ANSWER_FIELD.strip("*")}
            parts[current.id] = ["\n".join(line for line in source.split("\n")
                                           if not line.strip() or line.strip() not in given)]
            current = current if id == current.id else None  # without ids nothing tells what was added below
        elif current and kind == "markdown" and id not in current.known:
            parts[current.id].append(source)
        else:
            current = None
    return {id: tidy("\n\n".join(found)) for id, found in parts.items()}


def tidy(answer):
    """An answer as it is kept: without needless lines, not too long, and in characters that can be written to a file
    (JSON knows halves of characters)."""
    answer = re.sub(r"\n{3,}", "\n\n", answer.encode("utf-8", "replace").decode("utf-8"))
    return answer.strip()[:MAX_CHARACTERS]


def source_of(cell):
    source = cell["source"]
    return source if isinstance(source, str) else "".join(map(str, source))
