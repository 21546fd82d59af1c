"""The page of an assignment: its notebook as it was executed, as Markdown, with pictures and videos as files."""
import ast
import base64
import html
import re
import struct

import nbformat

from coursekit.gaps import MARKDOWN_MARKERS, marked, strip_cell
from helpers.given.console import UserError

TASK = re.compile(r"^(?:### (?P<exercise>Exercise \d+: .+?)|\*\*(?P<question>Question \d+)\*\*)"
                  r" · (?P<minutes>\d+) minutes · (?P<difficulty>[●○]{3})", re.MULTILINE)
DIFFICULTY = {"●○○": "easy", "●●○": "medium", "●●●": "hard"}
VIDEO = re.compile(r'<video [^>]*aria-label="([^"]*)" src="data:video/mp4;base64,([^"]+)">.*</video>', re.DOTALL)
ANSWERS = "remove-output"  # tag of a cell whose output gives away what students are to work out
WIDGET = "application/vnd.jupyter.widget-view+json"
NO_KERNEL = ("In the notebook, a panel with sliders or buttons stands here. It needs a running kernel, so this page "
             "shows the picture that it leaves.")


class SiteError(UserError):
    """The site cannot be built as things are. The message is one line and says what to do."""


def read_notebook(root, assignment):
    """The executed notebook of an assignment. Raises SiteError if a cell was never executed, or failed."""
    where = assignment.notebook.as_posix()
    notebook = nbformat.reads((root / where).read_text(encoding="utf-8"), as_version=4)
    again = f"execute it with `./course run {assignment.name} --profile cpu`, then put " \
            f"runs/cpu/{assignment.name}/{assignment.notebook.name} in its place"
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and cell.execution_count is None:
            raise SiteError(f"{where} shows no results, cell {number} was never executed: {again}")
        if any(output.output_type == "error" for output in cell.get("outputs", ())):
            raise SiteError(f"{where}: cell {number} ended with an error: mend it, and {again}")
    return notebook


def page(notebook, assignment, links, solutions):
    """The page of an assignment, and what lies beside it: (Markdown, {path: bytes}).

    links: what stands below its title, in HTML. solutions: True to show what stands in gaps of the notebook.
    """
    texts, files, tasks = [], {}, []
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"{assignment.notebook.as_posix()}, cell {number}"
        if cell.cell_type == "markdown":
            text = with_answers(cell.source, where) if solutions else strip_cell("markdown", cell.source, where)
            texts.append(TASK.sub(lambda found: anchored(found, tasks), text))
        elif cell.cell_type == "code":
            source = cell.source if solutions else strip_cell("code", cell.source, where)
            texts.append(fenced("python", without_alts(source)))
            if solutions or ANSWERS not in cell.metadata.get("tags", ()):
                texts += outputs(cell, f"pictures/{assignment.notebook.stem}/{number}", files)
    title, _, rest = texts[0].partition("\n")
    texts[0] = f"{title}\n\n{links}\n\n{rest.strip()}\n\n{table(tasks)}"
    return lowered("\n\n".join(texts)) + "\n", files


def without_alts(source):
    """Code without the alt texts of its pictures. The pictures have them, and in a box of code they are long lines that
    say what is to be seen."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # %load_ext
        return source
    lines = source.encode().splitlines(keepends=True)  # a tree counts bytes

    def place(line, column):
        return sum(map(len, lines[:line - 1])) + column

    text = b"".join(lines)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "alt"]
    for alt in sorted(found, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        before = text[:place(alt.lineno, alt.col_offset)].rstrip()
        if before.endswith(b","):
            text = before[:-1] + text[place(alt.end_lineno, alt.end_col_offset):]
    return text.decode()


def with_answers(source, where):
    """The text of a Markdown cell with its model answers in boxes."""
    lines = source.split("\n")
    for start, end in reversed(marked(lines, MARKDOWN_MARKERS, where)):
        lines[start - 1:end] = ["", "::::{admonition} Model answer", *lines[start:end - 1], "::::", ""]
    return "\n".join(lines)


def anchored(found, tasks):
    """The heading of an exercise, or the beginning of a question, with a place before it that the table can point to.
    Notes the task: (id, name, minutes, difficulty)."""
    name = found["exercise"] or found["question"]
    id = re.match(r"\w+ \d+", name)[0].lower().replace(" ", "-")
    tasks.append((id, name, found["minutes"], found["difficulty"]))
    return f'<span id="{id}"></span>' + ("\n\n" if found["exercise"] else "") + found[0]


def table(tasks):
    """What is to do, with minutes and difficulty."""
    rows = [f'| <a href="#{id}">{name}</a> | {minutes} | {marks} {DIFFICULTY[marks]} |'
            for id, name, minutes, marks in tasks]
    return "\n".join(["| to do | minutes | difficulty |", "| --- | --- | --- |", *rows]) if rows else ""


def outputs(cell, stem, files):
    """What a code cell has shown, as texts in Markdown. stem: of the paths of pictures and videos, put into files."""
    texts, printed = [], ""
    for output in cell.outputs:
        if output.output_type == "stream":
            printed += output.text
            continue
        texts += [fenced("text", printed), shown(output, f"{stem}-{len(texts)}", files)]
        printed = ""
    return [text for text in (*texts, fenced("text", printed)) if text]


def shown(output, stem, files):
    """One output that is not printed text. Raises SiteError for a kind that no page can show."""
    data = output.data
    if WIDGET in data:
        return f"*{NO_KERNEL}*"
    if "image/png" in data:
        picture = base64.b64decode(data["image/png"])
        files[f"{stem}.png"] = picture
        width, height = struct.unpack(">II", picture[16:24])
        alt = html.escape(output.metadata.get("image/png", {}).get("alt", ""))
        return raw(f'<img src="{stem}.png" alt="{alt}" width="{width}" height="{height}" loading="lazy">')
    if video := VIDEO.search(data.get("text/html", "")):
        film = base64.b64decode(video[2])
        files[f"{stem}.mp4"] = film
        width, height = size_of(film)
        return raw(f'<video controls loop muted playsinline preload="metadata" width="{width}" height="{height}" '
                   f'aria-label="{video[1]}" src="{stem}.mp4">{video[1]}</video>')
    plain = data.get("text/plain", "<")
    if plain.startswith("<"):  # <IPython.core.display.HTML object>, say
        _, notebook, number = stem.split("/")
        raise SiteError(f"notebooks/{notebook}.ipynb, cell {number.partition('-')[0]}: an output of a kind that the "
                        f"site does not know ({', '.join(data)}): add it to `shown` in coursekit/site/notebook.py")
    # IPython.display.Code is what the course's notebooks show as HTML beside videos.
    return fenced("python" if "text/html" in data else "text", plain)


def size_of(film):
    """Width and height in pixels of a video in MP4: the end of its first track header (ISO/IEC 14496-12, 8.3.2)."""
    start = film.index(b"tkhd") - 4
    end = start + struct.unpack(">I", film[start:start + 4])[0]
    return [side >> 16 for side in struct.unpack(">II", film[end - 8:end])]


def raw(text):
    """HTML for a page that stands at the top of the site. (Without a blank line in it, Markdown lets it pass.)"""
    return f'<p class="shown">{text}</p>'.replace("\n", " ")


def fenced(language, text):
    """A block of code, or of what was printed."""
    if not text.strip():
        return ""
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", text))])
    opening = f"{fence}python" if language == "python" else f"{fence}{{code-block}} text\n:class: printed\n"
    return f"{opening}\n{text.rstrip()}\n{fence}"


def lowered(text):
    """A page with one title: from the second heading of the first level on, all headings go down by one level."""
    titles = 0

    def lower(found):
        nonlocal titles
        titles += found[0] == "# "
        return found[0] if titles < 2 else f"#{found[0]}"

    # The groups of the pattern stand between what it splits: a block of code, and its ticks.
    blocks = re.split(r"(^(`{3,}).*?^\2$)", text, flags=re.MULTILINE | re.DOTALL)
    prose = [re.sub(r"^#+ ", lower, each, flags=re.MULTILINE) for each in blocks[::3]]
    return "".join(part for pair in zip(prose, [*blocks[1::3], ""]) for part in pair)
