"""Questions that are answered in writing: what is asked, and what a student's notebook answers.

A question is a Markdown cell of the assignment's notebook with a model answer between markers, see coursekit.gaps.
"""
import ast
import collections
import functools
import re
from dataclasses import dataclass, field

from coursekit.gaps import MARKDOWN_MARKERS, marked, strip_cell
from coursekit.notebooks import cells_of, pictures_in
from helpers.given.course import ANSWER_FIELD, ROOT, assignments

MAX_CHARACTERS = 20_000  # of an answer
POINTS = 4  # of a question, unless the instructor says otherwise
NO_NOTEBOOK = "no notebook was handed in"
ELSEWHERE = "elsewhere"  # in the place of a question's id: what was written where no question is
EMPHASIS = str.maketrans("", "", "*_\\")
FIELD = re.compile(r"[*_]?" + re.escape(ANSWER_FIELD.strip("*.")) + r"\.?[*_]?")  # as some programs write it


@dataclass(frozen=True)
class Question:
    """A question of a notebook, or of another marking sheet. id: of its cell. max: points, where no sheet says them.
    released: all cells that the notebook is released with, {id: text}."""

    id: str
    title: str
    text: str
    model: str
    released: dict = field(default_factory=dict, compare=False, repr=False)
    max: float | None = None


@dataclass(frozen=True)
class Mark:
    """What one answer is worth. id, title: of its question. points: None until somebody has typed them. max: to be
    had. part: of the grade, such as written. whose: the key of a member of a group, if it is for nobody else."""

    id: str
    title: str
    points: float | None
    max: float
    comment: str
    answer: str
    part: str = "written"
    whose: str = ""

    @property
    def heading(self):
        """What it is called among items and marks of all parts."""
        return f"{self.title} ({self.part})"

    @property
    def label(self):
        """What a student reads: questions are those of the notebook, unless something else is said."""
        return self.title if self.part == "written" else self.heading


@functools.cache
def questions(assignment):
    """The questions of an assignment, in their order."""
    cells = cells_of((ROOT / assignments()[assignment].notebook).read_text(encoding="utf-8"))
    released = {cell.id: strip_cell(cell.type, cell.source, f"cell {number}") if "SOLUTION" in cell.source else
                cell.source for number, cell in enumerate(cells, start=1)}
    found = []
    for number, cell in enumerate(cells, start=1):
        lines = cell.source.split("\n")
        pairs = marked(lines, MARKDOWN_MARKERS, f"cell {number}") if cell.type == "markdown" else []
        if pairs:
            model = "\n".join("\n".join(lines[start:end - 1]) for start, end in pairs).strip()
            for start, end in reversed(pairs):
                del lines[start - 1:end]
            text = "\n".join(lines).strip()
            title = re.search(r"\*\*(.+?)\*\*", text)
            found.append(Question(cell.id, title[1] if title else f"Cell {number}", text, model, released))
    return tuple(found)


@dataclass(frozen=True)
class Answer:
    """What somebody wrote. pictures: that it shows, see coursekit.notebooks.pictures_in."""

    text: str
    pictures: tuple = ()


def extract(text, asked):
    """Find the answers in the text of a student's notebook: {id of the question: answer}, "" where there is none.

    What belongs to no question is that of ELSEWHERE. Raises NotebookError.
    """
    return {id: answer.text for id, answer in find_answers(cells_of(text), asked).items()}


def find_answers(cells, asked):
    """Find the answers in the Cells of a student's notebook: {id of the question: Answer}, and what was written
    ELSEWHERE, if anything was.

    An answer is what was added to the question's cell, and the cells that were added below it, of any type. What was
    added is told by the cells' ids, and where a program made new ones by their text. A cell that was copied may be
    filled in at any place: what differs from copy to copy is all part of the answer.
    """
    if not asked:
        return {}
    known, by_id = Known(asked[0].released), {question.id: question for question in asked}
    parts, current = {**{id: [] for id in by_id}, ELSEWHERE: []}, None
    for cell in cells:
        home = known.find(cell)
        for title, text in pieces(cell.source, asked, loose=home is None and cell.type != "code"):
            question = title or by_id.get(home)
            if question:
                current, text = question, own_lines(text, question.text)
            elif home is not None:  # a cell of ours
                current = None
                changed = cell.type == "markdown" and cell.source != known.released[home]
                text = own_lines(text, known.released[home]) if changed else ""
            elif current is None and cell.type == "code" and not is_prose(text):
                text = ""
            parts[current.id if current else ELSEWHERE].append(Answer(*pictures_in(text, cell.attachments)))
    found = {id: together(each) for id, each in parts.items()}
    if not found[ELSEWHERE].text:
        del found[ELSEWHERE]
    return found


class Known:
    """The cells that the notebook is released with. released: {id: text}."""

    def __init__(self, released):
        self.released, self.by_text = released, {text.strip(): id for id, text in reversed(released.items())}

    @functools.cached_property
    def by_line(self):
        """The cells in which a line stands, {line: {id}}."""
        found = collections.defaultdict(set)
        for id, text in self.released.items():
            for line in lines_of(text):
                found[line].add(id)
        return found

    def find(self, cell):
        """The id of the released cell that a student's cell was; None if it was added."""
        given = self.released.get(cell.id)
        if given is not None:
            # A text that was emptied and written anew is as good as an added one.
            kept = cell.type == "code" or ANSWER_FIELD in given or not cell.source.strip() \
                or cell.source == given or lines_of(cell.source) & lines_of(given)
            return cell.id if kept else None
        if cell.source.strip() in self.by_text:
            return self.by_text[cell.source.strip()]
        shared = collections.Counter(id for line in lines_of(cell.source) for id in self.by_line.get(line, ()))
        for id, count in shared.most_common(1):
            if 2 * count >= len(lines_of(self.released[id])):
                return id
        return None


def lines_of(text):
    """The lines of a text without what a program may write in another way: blanks, and marks of emphasis."""
    return {letters(line) for line in text.split("\n")} - {""}


def letters(text):
    return "".join(text.translate(EMPHASIS).split())


def pieces(source, asked, loose):
    """Cut a text where a question begins: [(Question or None, text)]. One begins with its title, which is bold; loose:
    or a heading, or alone on its line, as students write it who make a cell of their own."""
    titles = {question.title.casefold(): question for question in asked}
    words = "|".join(map(re.escape, titles))
    bold, plain = rf"\s*\*\*({words})\*\*", rf"[\s#>*_]*({words})(?!\w)[*_\s]*(?:[:.)–-]|$)"
    begins, found = re.compile(f"{bold}|{plain}" if loose else bold, re.IGNORECASE), [(None, [])]
    for line in source.split("\n"):
        if match := begins.match(line):
            found.append((titles[next(filter(None, match.groups())).casefold()], []))
        found[-1][1].append(line)
    return [(question, "\n".join(lines)) for question, lines in found if question or lines]


def own_lines(text, given):
    """A text without the lines that were given, wherever they are broken now, and without the field for the answer."""
    lines, known, whole = [], lines_of(given), letters(given)
    starts = [line.strip() for line in given.split("\n") if len(line.strip()) > 20]
    for line in FIELD.sub("", text).split("\n"):
        if letters(line) in known or len(letters(line)) > 40 and letters(line) in whole:
            continue
        begun = next((len(start) for start in starts if line.strip().startswith(start)), 0)
        lines.append(line.strip()[begun:].strip() if begun else line)
    return "\n".join(lines)


def is_prose(source):
    """True for a code cell that holds words and no code: nothing but comments and texts, or what cannot be Python."""
    source = re.sub(r"^[ \t]*[%!].*$", "", source[:MAX_CHARACTERS], flags=re.MULTILINE)
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return sum(map(source.count, "()[]{}=")) < len(source.split()) / 10
    return bool(source.strip()) and all(isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                                        and isinstance(statement.value.value, str) for statement in body)


def together(parts):
    """The parts of an Answer as one, each of them once."""
    texts, pictures = {}, {}
    for part in parts:
        if part.text.strip():
            texts.setdefault(" ".join(part.text.split()), part.text)
            pictures.update(dict.fromkeys(part.pictures))
    return Answer(tidy("\n\n".join(texts.values())), tuple(pictures))


def tidy(answer):
    """An answer as it is kept: without needless lines, not too long, and in characters that can be written to a file
    (JSON knows halves of characters)."""
    answer = re.sub(r"\n{3,}", "\n\n", answer.encode("utf-8", "replace").decode("utf-8")).strip()
    more = len(answer) - MAX_CHARACTERS
    return f"{answer[:MAX_CHARACTERS]}\n\n[cut off here: {more} more characters]" if more > 0 else answer
