"""Gaps: what students fill. In the solution they stand between two marker lines (otter-grader's): `# BEGIN SOLUTION`
and `# END SOLUTION` in Python, `<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->` in Markdown cells."""
import ast
import re
from dataclasses import dataclass

from helpers.given.console import UserError
from helpers.given.course import ANSWER_FIELD

PYTHON_MARKERS = ("# BEGIN SOLUTION", "# END SOLUTION")
MARKDOWN_MARKERS = ("<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->")
# Of a student's file that is looked into: Python's tokenizer can take a time that grows with the square of a line. The
# longest of ours has 16,000 characters.
MAX_CHARACTERS, MAX_LINE = 50_000, 1000


class GapError(UserError):
    """A gap is not as it must be. The message is one line and names the file and the line."""


@dataclass(frozen=True)
class Gap:
    """One gap of a Python file. `start` and `end` are the 1-based lines of its two markers."""
    qualname: str  # of the function around it: "reparametrize", "VAE.__init__"
    start: int
    end: int


def gaps(source, where="helpers/?.py"):
    """The gaps of a Python source, in their order. `where` is the name of the file, for the messages.

    Raises GapError for markers that are nested, unbalanced or not alone on their line, and for a gap that is not
    inside a function.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise GapError(f"{where}:{error.lineno}: the solution itself is not valid Python: {error.msg}") from None
    lines, found = source.split("\n"), []
    for start, end in marked(lines, PYTHON_MARKERS, where):
        last = end - 1  # the last line of code in the gap; a tree knows no blank lines and no comments
        while last > start and lines[last - 1].strip()[:1] in ("", "#"):
            last -= 1
        around = [name for name, function in functions(tree) if function.lineno < start and last <= function.end_lineno]
        if not around:
            raise GapError(f"{where}:{start}: this gap is not inside one function. Put both markers into it")
        found.append(Gap(around[-1], start, end))
    return found


def strip(source, where="helpers/?.py", only=None):
    """Replace every gap of a Python source (or those in the function `only`) by a NotImplementedError."""
    found = [gap for gap in gaps(source, where) if only in (None, gap.qualname)]
    if only and not found:
        raise GapError(f"{where}: there is no gap in {only}")
    for gap in reversed(found):  # from the bottom up: the line numbers above stay right
        source = replace_lines(source, gap.start, gap.end,
                               f'raise NotImplementedError("{gap.qualname}: fill this gap in {where}")')
        try:
            ast.parse(source)
        except SyntaxError:
            raise GapError(f"{where}:{gap.start}: without this gap the file is not valid Python. Put whole "
                           "statements between the markers, and indent the markers like them") from None
    return source


def open_gap(source, qualname, where="helpers/?.py"):
    """The source with only the gap in the function `qualname` opened, all other solutions in place."""
    return strip(source, where, only=qualname)


def marked(lines, markers, where):
    """The (start, end) pairs of marker lines, 1-based. `where` names the source in the messages."""
    begin, end = markers
    pairs, start = [], None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text == begin:
            if start:
                raise GapError(f"{where}:{number}: this BEGIN SOLUTION is inside the gap of line {start}")
            start = number
        elif text == end:
            if not start:
                raise GapError(f"{where}:{number}: this END SOLUTION has no BEGIN SOLUTION above it")
            pairs.append((start, number))
            start = None
        elif re.search(r"(?i:\b(begin|end)[\W_]*solution\b)|# SOLUTION\b", text):  # a slip, or another tool's marker
            raise GapError(f"{where}:{number}: expected the whole line to be {begin!r} or {end!r}, found {text!r}")
    if start:
        raise GapError(f"{where}:{start}: this BEGIN SOLUTION has no END SOLUTION below it")
    return pairs


def functions(node, prefix=""):
    """The functions under a node of the syntax tree, outer ones before inner ones: (dotted name, node)."""
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{prefix}.{child.name}".lstrip(".")
            if not isinstance(child, ast.ClassDef):
                yield name, child
        yield from functions(child, name)


def own_lines(source, given):
    """The lines that do not stand in the released file, {number: line}, and why the file is not looked at, or ""."""
    lines = source.split("\n")
    if len(source) > MAX_CHARACTERS or max(map(len, lines)) > MAX_LINE:
        return {}, f"more than {MAX_CHARACTERS:,} characters, or a line of more than {MAX_LINE:,}"
    known = {line.strip() for line in given.split("\n")}
    return {number: line for number, line in enumerate(lines, start=1) if line.strip() not in known}, ""


def replace_lines(text, start, end, replacement):
    """Put one line in the place of the lines start..end (1-based), indented like the first of them."""
    lines = text.split("\n")
    indent = lines[start - 1][:len(lines[start - 1]) - len(lines[start - 1].lstrip())]
    lines[start - 1:end] = [indent + replacement]
    return "\n".join(lines)


def strip_notebook(text, where, code_gaps=True):
    """The student's notebook: gaps opened, outputs and counts cleared, ids and tags kept.

    code_gaps: False keeps the code in the notebook's own gaps, so that it runs from top to bottom.

    The outputs of cells tagged `nbval-check-output` stay: they are facts (shapes, counts) that nbval compares. So do
    their counts: nbval takes outputs without a count for a mistake.
    """
    import nbformat  # only a release needs it, and it takes longer to import than a grade book to write

    notebook = nbformat.reads(text, as_version=4)
    keep(notebook.metadata, "kernelspec", "language_info")
    for number, cell in enumerate(notebook.cells, start=1):
        if code_gaps or cell.cell_type == "markdown":
            cell.source = strip_cell(cell.cell_type, cell.source, f"{where}, cell {number}")
        keep(cell.metadata, "tags", "jupyter", "cellView")
        if cell.cell_type == "code":
            if "nbval-check-output" not in cell.metadata.get("tags", ()):
                cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def strip_cell(kind, source, where):
    """The source of a cell with its gaps opened. kind: markdown or code."""
    if kind == "markdown":
        markers, replacement = MARKDOWN_MARKERS, ANSWER_FIELD
    else:
        markers, replacement = PYTHON_MARKERS, 'raise NotImplementedError("fill this gap in the notebook")'
    stripped = source
    for start, end in reversed(marked(source.split("\n"), markers, where)):
        stripped = replace_lines(stripped, start, end, replacement)
    if kind == "code" and parses(source) and not parses(stripped):  # a cell with magics parses neither way
        raise GapError(f"{where}: without its gap this cell is not valid Python. Put whole statements between the "
                       "markers, and indent the markers like them")
    return stripped


def parses(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def keep(metadata, *keys):
    for key in set(metadata) - set(keys):
        del metadata[key]
