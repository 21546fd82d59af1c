"""Write the student edition of the course: gaps opened, outputs cleared, hidden checks left behind.

A gap is what stands between two marker lines (otter-grader's): `# BEGIN SOLUTION` and `# END SOLUTION` in Python,
`<!-- BEGIN SOLUTION -->` and `<!-- END SOLUTION -->` in Markdown cells. The whole edition is made in memory first, so a
mistake in it is reported before anything is written.
"""
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat

from helpers.given.__main__ import UserError

TEMPLATES = Path(__file__).parent / "templates"
COPIED = ("course", "course.bat", "runtests.sh", "runtests.bat", "requirements.txt", "setup.cfg", ".gitignore",
          ".gitattributes", "LICENSE", "data/README.md")
TRACES = {"__pycache__", ".ipynb_checkpoints"}
PYTHON_MARKERS = ("# BEGIN SOLUTION", "# END SOLUTION")
MARKDOWN_MARKERS = ("<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->")
ANSWER_FIELD = "*Your answer here.*"
RESERVED = sys.stdlib_module_names | {"given"}


class ReleaseError(UserError):
    """The course cannot be released as it is. The message is one line and names the file and the line."""


# ---------------------------------------------------------------------------------------------------------------
# Gaps
# ---------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Gap:
    """One gap of a Python file. `start` and `end` are the 1-based lines of its two markers."""
    qualname: str  # of the function around it: "reparametrize", "VAE.__init__"
    start: int
    end: int


def gaps(source, where="helpers/?.py"):
    """The gaps of a Python source, in their order. `where` is the name of the file, for the messages.

    Raises ReleaseError for markers that are nested, unbalanced or not alone on their line, and for a gap that is not
    inside a function.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ReleaseError(f"{where}:{error.lineno}: the solution itself is not valid Python: {error.msg}") from None
    lines, found = source.split("\n"), []
    for start, end in marked(lines, PYTHON_MARKERS, where):
        last = end - 1  # the last line of code in the gap; a tree knows no blank lines and no comments
        while last > start and lines[last - 1].strip()[:1] in ("", "#"):
            last -= 1
        around = [name for name, function in functions(tree) if function.lineno < start and last <= function.end_lineno]
        if not around:
            raise ReleaseError(f"{where}:{start}: this gap is not inside one function. Put both markers into it")
        found.append(Gap(around[-1], start, end))
    return found


def strip(source, where="helpers/?.py", only=None):
    """Replace every gap of a Python source (or those in the function `only`) by a NotImplementedError."""
    found = [gap for gap in gaps(source, where) if only in (None, gap.qualname)]
    if only and not found:
        raise ReleaseError(f"{where}: there is no gap in {only}")
    for gap in reversed(found):  # from the bottom up: the line numbers above stay right
        source = replace_lines(source, gap.start, gap.end,
                               f'raise NotImplementedError("{gap.qualname}: fill this gap in {where}")')
        try:
            ast.parse(source)
        except SyntaxError:
            raise ReleaseError(f"{where}:{gap.start}: without this gap the file is not valid Python. Put whole "
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
                raise ReleaseError(f"{where}:{number}: this BEGIN SOLUTION is inside the gap of line {start}")
            start = number
        elif text == end:
            if not start:
                raise ReleaseError(f"{where}:{number}: this END SOLUTION has no BEGIN SOLUTION above it")
            pairs.append((start, number))
            start = None
        elif re.search(r"(?i:\b(begin|end)[\W_]*solution\b)|# SOLUTION\b", text):  # a slip, or another tool's marker
            raise ReleaseError(f"{where}:{number}: expected the whole line to be {begin!r} or {end!r}, found {text!r}")
    if start:
        raise ReleaseError(f"{where}:{start}: this BEGIN SOLUTION has no END SOLUTION below it")
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


def replace_lines(text, start, end, replacement):
    """Put one line in the place of the lines start..end (1-based), indented like the first of them."""
    lines = text.split("\n")
    indent = lines[start - 1][:len(lines[start - 1]) - len(lines[start - 1].lstrip())]
    lines[start - 1:end] = [indent + replacement]
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------
# Notebooks
# ---------------------------------------------------------------------------------------------------------------

def strip_notebook(text, where, code_gaps=True):
    """The student's notebook: gaps opened, outputs and counts cleared, ids and tags kept.

    code_gaps: False keeps the code in the notebook's own gaps, so that it runs from top to bottom.

    The outputs of cells tagged `nbval-check-output` stay: they are facts (shapes, counts) that nbval compares. So do
    their counts: nbval takes outputs without a count for a mistake.
    """
    notebook = nbformat.reads(text, as_version=4)
    keep(notebook.metadata, "kernelspec", "language_info")
    for number, cell in enumerate(notebook.cells, start=1):
        if code_gaps or cell.cell_type == "markdown":
            cell.source = strip_cell(cell, f"{where}, cell {number}")
        keep(cell.metadata, "tags", "jupyter", "cellView")
        if cell.cell_type == "code":
            if "nbval-check-output" not in cell.metadata.get("tags", ()):
                cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def strip_cell(cell, where):
    """The source of a cell with its gaps opened."""
    source = cell.source
    if cell.cell_type == "markdown":
        markers, replacement = MARKDOWN_MARKERS, ANSWER_FIELD
    else:
        markers, replacement = PYTHON_MARKERS, 'raise NotImplementedError("fill this gap in the notebook")'
    for start, end in reversed(marked(source.split("\n"), markers, where)):
        source = replace_lines(source, start, end, replacement)
    if cell.cell_type == "code" and parses(cell.source) and not parses(source):  # a cell with magics parses neither way
        raise ReleaseError(f"{where}: without its gap this cell is not valid Python. Put whole statements between the "
                           "markers, and indent the markers like them")
    return source


def parses(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def keep(metadata, *keys):
    for key in set(metadata) - set(keys):
        del metadata[key]


# ---------------------------------------------------------------------------------------------------------------
# The edition
# ---------------------------------------------------------------------------------------------------------------

def discover(root):
    """The assignments of a course: {"vae": Path("notebooks/2_vae.ipynb"), ...}; each has a helpers/<name>.py."""
    notebooks = sorted(Path(root, "notebooks").glob("[0-9]_*.ipynb"))
    names = {path.stem.split("_", 1)[1]: path.relative_to(root) for path in notebooks}
    found = {name: path for name, path in names.items() if Path(root, "helpers", f"{name}.py").is_file()}
    for name in found:
        if name in RESERVED:
            raise ReleaseError(f"{found[name]}: an assignment must not be called {name}, as a part of Python or of the "
                               "course is called: rename it and its helpers file")
    return found


def release(root, out, assignment=None):
    """Write the student edition of the course in `root` to the folder `out`. Returns the names of its assignments.

    The folder appears whole or not at all. Raises ReleaseError if `out` is there and not empty, for an unknown
    assignment, and for every mistake in a gap; nothing is written then.
    """
    root, out = Path(root), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(f"{out} is there already and not an empty folder: delete it, or choose another --out")
    names = choose(discover(root), assignment)
    files = edition(root, names)

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        whole = Path(temporary, "whole")
        write_files(files, whole)
        if out.exists():
            out.rmdir()  # it is empty; Windows does not rename over it
        os.replace(whole, out)
    return list(names)


def write_files(files, folder):
    """Write {path: bytes} below a folder. Scripts become executable."""
    for name, content in files.items():
        target = Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if content.startswith(b"#!"):
            target.chmod(0o755)


def choose(assignments, name):
    """All assignments, or only the one called `name`, as `discover` gives them."""
    if not assignments:
        raise ReleaseError("found no assignment: expected notebooks/<digit>_<name>.ipynb with helpers/<name>.py beside")
    if name is None:
        return assignments
    if name not in assignments:
        raise ReleaseError(f"there is no assignment {name!r}; there is: {', '.join(assignments)}")
    return {name: assignments[name]}


def edition(root, assignments):
    """Every file of the student edition: {path in it: bytes}."""
    files = course_files(root, assignments)
    points = public_checks(root, assignments)
    generated = {**classroom(points), **read_templates(files, assignments, points)}
    files.update({name: text.encode() for name, text in generated.items()})
    for name in COPIED:
        files[name] = (root / name).read_bytes()
    return files


def course_files(root, assignments, code_gaps=True):
    """The part of the student edition that runs: notebooks and helpers with open gaps, {path: bytes}.

    code_gaps: those in notebooks, see strip_notebook. The gaps in helpers are always open.
    """
    files = {"helpers/__init__.py": read(root / "helpers" / "__init__.py").encode()}
    for name, notebook in assignments.items():
        helper = f"helpers/{name}.py"
        files[helper] = strip(read(root / helper), helper).encode()
        files[notebook.as_posix()] = strip_notebook(read(root / notebook), notebook.as_posix(), code_gaps).encode()
    left_out = {path.stem for path in (root / "helpers").glob("*.py")} - {"__init__", *assignments}
    for path in (root / "helpers" / "given").rglob("*"):
        of_another = path.parent.name in ("checks", "recipes") and path.stem in left_out
        if path.is_file() and not of_another and not TRACES & set(path.parts):
            files[path.relative_to(root).as_posix()] = path.read_bytes()
    for path in (root / "data").glob("*.json"):  # small tables that notebooks read
        files[path.relative_to(root).as_posix()] = path.read_bytes()
    return files


def read(path):
    return path.read_text(encoding="utf-8")


def read_templates(files, assignments, points):
    """The student's README and the feedback form, with their tables of assignments filled in."""
    rows, feedback = [], []
    for name, notebook in assignments.items():
        paths = notebook.as_posix(), f"helpers/{name}.py"
        title = title_of(files[paths[0]].decode()) or name
        rows.append(" | ".join([f"| {title}", *(f"[{path}]({path})" for path in paths)]) + " |")
        feedback.append(f"| {title} | | |")
    return {"README.md": fill("README.md", ASSIGNMENT_ROWS="\n".join(rows), CHECK=next(iter(points))),
            "feedback.md": fill("feedback.md", FEEDBACK_ROWS="\n".join(feedback))}


def title_of(text):
    """The first heading of a notebook, or None."""
    cells = nbformat.reads(text, as_version=4).cells
    markdown = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+)", markdown, re.MULTILINE)
    return heading and heading[1].strip()


def fill(template, **values):
    """A template with each @KEY@ replaced. (The `$` of string.Template means something else in a workflow.)"""
    text = read(TEMPLATES / template)
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


# ---------------------------------------------------------------------------------------------------------------
# GitHub Classroom
# ---------------------------------------------------------------------------------------------------------------

def public_checks(root, assignments):
    """The public checks of these assignments and their points, {"vae.reparametrize": 2, ...}.

    They run on the solutions, in a process of their own because `root` need not be the course that is running. One
    that does not pass stops the release: no student could pass it either.
    """
    code = ("import json, sys\nfrom helpers.given import checks\n"
            "results = [checks.run(name) for module in sys.argv[1:] for name in checks.names(module)]\n"
            "print(json.dumps([[r.name, r.status, r.points, r.message] for r in results]))")
    done = subprocess.run([sys.executable, "-c", code, *assignments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the public checks do not run: {done.stderr.strip().splitlines()[-1]}")
    results = json.loads(done.stdout.splitlines()[-1])
    for name, status, points, message in results:
        if status != "passed":
            raise ReleaseError(f"the solution does not pass the public check {name} ({status}): {message}")
        if points != int(points):
            raise ReleaseError(f"the check {name} has {points} points; GitHub Classroom counts whole points only")
    if not results:
        raise ReleaseError(f"there are no public checks of {', '.join(assignments)} in helpers/given/checks")
    return {name: int(points) for name, _, points, _ in results}


def classroom(points):
    """The classroom workflow and the autograding.json, for these public checks."""
    # (title, command, minutes, points); python -m, because the graders know no more of the environment than PATH
    steps = [(name, f"python -m helpers.given check {name}", 5, worth) for name, worth in points.items()]
    steps += [("style (pycodestyle, 120 columns)", "python -m helpers.given test style", 5, 1),
              ("notebooks (nbval)", "python -m helpers.given test notebooks", 30, 1)]
    ids = [re.sub(r"\W+", "_", title.split(" ")[0].lower()) for title, *_ in steps]
    workflow = fill(
        ".github/workflows/classroom.yml",
        STEPS="\n".join(STEP.format(id=id, title=title, command=command, minutes=minutes, points=worth)
                        for id, (title, command, minutes, worth) in zip(ids, steps)),
        RESULTS="\n".join(f"          {id.upper()}_RESULTS: ${{{{ steps.{id}.outputs.result }}}}" for id in ids),
        RUNNERS=",".join(ids))
    tests = [{"name": title, "setup": "", "run": command, "input": "", "output": "", "comparison": "included",
              "timeout": minutes, "points": worth} for title, command, minutes, worth in steps]
    return {".github/workflows/classroom.yml": workflow,
            ".github/classroom/autograding.json": json.dumps({"tests": tests}, indent=2) + "\n"}


STEP = """\
      - name: {title}
        id: {id}
        uses: classroom-resources/autograding-command-grader@v1
        with:
          test-name: {title}
          command: {command}
          timeout: {minutes}
          max-score: {points}"""
