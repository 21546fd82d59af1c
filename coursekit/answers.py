"""`./course answers`: the written answers of a class in one sheet, beside the model answer; points are typed there.

A question is a Markdown cell of the assignment's notebook with a model answer between markers, see coursekit.release.
The sheet is answers.csv in the folder of results: type points and comments there, in any spreadsheet program, and run
the command again. What was typed stays, until the answer beside it is another one.
"""
import collections
import json
import re
from dataclasses import dataclass

import nbformat

from coursekit.release import ANSWER_FIELD, MARKDOWN_MARKERS, discover, marked
from coursekit.roster import read_table
from coursekit.walls import ROOT
from helpers.given.__main__ import UserError

SHEET = "answers.csv"
COLUMNS = ("question", "key", "student", "points", "max", "comment", "answer", "model answer")
MAX_CHARACTERS = 20_000  # of an answer
POINTS = 4
NO_ANSWER = "no answer in the notebook"


@dataclass(frozen=True)
class Question:
    """A question of a notebook. id: of its cell. known: the ids of all cells that the notebook is released with."""

    id: str
    title: str
    text: str
    model: str
    known: frozenset


def questions(assignment):
    """The questions of an assignment, in their order."""
    notebook = nbformat.read(ROOT / discover(ROOT)[assignment], as_version=4)
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


def marks(results):
    """What the answers are worth: {key of the submission: [{"id", "title", "points", "max", "comment", "answer"}]}.

    points is what was typed into the sheet, 0 where the notebook has no answer, and None where somebody has to mark.
    All questions count for everybody as soon as there is a sheet; before, this is empty.
    """
    return filled(results, *read_sheet(results)) if (results.folder / SHEET).is_file() else {}


def read_sheet(results):
    """Read what was typed: {(key, id of the question): (points, comment, the answer beside them)}, {id: maximum}."""
    path = results.folder / SHEET
    titles = {question.title: question for question in questions(results.settings["assignment"])}
    by_number = collections.defaultdict(list)  # spreadsheets take 007 for a number
    for submission in results.submissions:
        by_number[submission.key.lstrip("0")].append(submission.key)
    typed, most = {}, {}
    for number, row in enumerate(read_table(path), start=2):
        where = f"{path}, line {number}"
        question = titles.get(plain(row.get("question")))
        if question is None:
            raise UserError(f"{where}: there is no question {row.get('question')!r}; there is: {', '.join(titles)}")
        maximum = read_points(row, "max", where)
        if maximum is None or most.setdefault(question.id, maximum) != maximum:
            raise UserError(f"{where}: max is {row['max']!r}, expected the same number for everybody "
                            f"({most.get(question.id, POINTS):g})")
        got = read_points(row, "points", where)
        if got is not None and got > maximum:
            raise UserError(f"{where}: {got:g} points, there are {maximum:g} for this question")
        key, keys = plain(row.get("key")), by_number[plain(row.get("key")).lstrip("0")]
        if key not in keys and len(keys) != 1:
            raise UserError(f"{where}: there is no submission {row.get('key')!r}: correct the key, or delete the line")
        answer = row.get("answer")  # None: somebody has deleted the column
        typed[key if key in keys else keys[0], question.id] = got, plain(row.get("comment")), answer and plain(answer)
    return typed, most


def filled(results, typed, most, otherwise=POINTS):
    """Put what was typed beside the answers as they are now: see `marks`. otherwise: the maximum of a new question."""
    found, asked = {}, questions(results.settings["assignment"])
    for submission in results.submissions:
        report, found[submission.key] = results.report(submission), []
        for question in asked:
            points, comment, seen = typed.get((submission.key, question.id), (None, "", None))
            answer = report.get("answers", {}).get(question.id, "") if report else seen or ""
            if seen is not None and letters(seen) != letters(answer):  # it was handed in anew
                if points is not None and comment != NO_ANSWER:
                    comment = f"{points:g} points for an earlier answer. {comment}".strip()
                points, comment = None, "" if comment == NO_ANSWER else comment
            if report and not answer and points is None and not comment:
                points, comment = 0, NO_ANSWER
            found[submission.key].append({"id": question.id, "title": question.title, "points": points,
                                          "max": most.get(question.id, otherwise), "comment": comment,
                                          "answer": answer})
    return found


def letters(text):
    """A text without what spreadsheets and `safe` change."""
    return [character for character in text if character.isprintable() and character not in " '"]


def read_points(row, column, where):
    text = plain(row.get(column)).strip().replace(",", ".")
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        raise UserError(f"{where}: {column} is {row[column]!r}, expected a number")
    return float(text)


# A spreadsheet may split a table at its semicolons and end a cell with its line, whatever the quotes around it say. So
# a cell could begin after each of these. Some take an = of full width for one.
BEGINNING = r"""((?:\A|[,;\t\r\n])[ "]*)"""
FORMULA = r"(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])"


def safe(text):
    """A text with an apostrophe before all that a spreadsheet would take for a formula."""
    return re.sub(BEGINNING + FORMULA, r"\1'", text)


def plain(text):
    """A cell as it was before `safe`."""
    return re.sub(f"{BEGINNING}'{FORMULA}", r"\1", text or "")


def sheet(results, most=POINTS):
    """The rows of the sheet: by question, then by student, with what was typed so far. most: points of a question."""
    found = marks(results) or filled(results, {}, {}, most)
    for number, question in enumerate(questions(results.settings["assignment"])):
        for submission in results.submissions:
            mark = found[submission.key][number]
            yield {"question": question.title, "key": submission.key, "student": submission.name,
                   **{column: mark[column] for column in ("points", "max", "comment", "answer")},
                   "model answer": question.model, "text": question.text}


def add_arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`")
    parser.add_argument("--points", type=float, default=POINTS, metavar="N",
                        help="points of each question in a new sheet (default: %(default)s); the sheet's column max "
                        "can be changed afterwards")


def main(args):
    """Run `./course answers`: write the sheet with what was typed so far, and build the grade book anew."""
    from coursekit.batch import Results, lock
    from coursekit.gradebook import build, write_rows
    from coursekit.reports import templates
    from helpers.given.__main__ import write
    from itertools import groupby

    if not 0 < args.points < 1e6:
        raise UserError(f"--points {args.points:g}: expected a number above 0")
    results = Results.open(args.folder)
    with lock(results.folder):
        rows = list(sheet(results, args.points))
        if not rows:
            raise UserError(f"the notebook of {results.settings['assignment']} has no questions to answer in writing")
        write_rows(results.folder / SHEET, COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
        grouped = [list(group) for _, group in groupby(rows, key=lambda row: row["question"])]
        write(results.folder / "answers.html", templates().get_template("answers.html").render(
            assignment=results.settings["assignment"], questions=grouped))
        print(build(results))
    unmarked = sum(row["points"] is None for row in rows)
    print(f"{results.folder / SHEET}: {len(rows)} answers, {unmarked} without points. Type them there, then run this "
          f"again.\n{results.folder / 'answers.html'}: the same to read")
