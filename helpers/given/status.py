"""`./course status`: what is done and what is left of each assignment, for who goes on another day."""
import json
import re
import subprocess

from helpers.given import points
from helpers.given.console import choose, progress
from helpers.given.course import ANSWER_FIELD, ROOT, assignments

SHOWN = 8  # files in a line
EMPTY = re.compile(re.escape(ANSWER_FIELD) + r"\s*(?:\Z|^#)", re.MULTILINE)  # nothing stands below the field


def tell(names=()):
    """Print for each assignment which gaps are open, which public checks pass and which questions have no answer, and
    then what is not committed and not pushed. names: of assignments; default: all."""
    known = assignments(ROOT)
    chosen = {name: choose(name, known, "assignment") for name in names} or known
    width = max(map(len, chosen), default=0)
    with progress(len(chosen), "status", "assignments") as bar:
        def say(what, lines):
            for line in lines:
                bar.write(f"{what:<{width + 4}}{line}")
                what = ""

        for (name, assignment), lines in zip(chosen.items(), points.run_checks(list(chosen))):
            say(f"{assignment.number} {name}", of_assignment(assignment, lines, ROOT))
            bar.update()
        say("git", of_git(ROOT))


def of_assignment(assignment, lines, root):
    """What there is to say of an assignment, in lines. lines: the points.Lines of its public checks."""
    gaps, answered, unread = open_gaps(root / assignment.helper), {}, []
    try:
        cells = json.loads((root / assignment.notebook).read_text(encoding="utf-8"))["cells"]
        in_notebook, answered = open_places(cells)
        gaps += [f"{heading} (in the notebook)" for heading in in_notebook]
    except (OSError, ValueError, KeyError, TypeError):
        unread = [f"{assignment.notebook.as_posix()} cannot be read: take back the last version with git"]
    if all(line.status == "missing" for line in lines) and not any(answered.values()):
        return ["not begun", *unread]
    told = [f"{sum(line.status == 'passed' for line in lines)} of {len(lines)} public checks pass", *unread]
    if gaps:
        told.append(f"open gaps: {', '.join(gaps)}")
    if wrong := [line.name for line in lines if line.status not in ("passed", "missing")]:
        told.append(f"not right yet: {', '.join(wrong)} (./course check {wrong[0]} says why)")
    if empty := [title for title, done in answered.items() if not done]:
        told.append(f"without an answer: {', '.join(empty)}")
    trained = root / "trained" / assignment.name
    if (root / "helpers/given/trained" / f"{assignment.name}.py").is_file() and not list(trained.glob("*.safetensors")):
        told.append("nothing trained is there to hand in: the notebook's last cell writes it")
    return told


def open_gaps(helper):
    """The open gaps of a graded module, ["reparametrize (line 52)", ...]. A file that is no Python has them, too."""
    try:
        rows = helper.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = [(number, re.match(r'\s*raise NotImplementedError\("([\w.]+): fill this gap', row))
             for number, row in enumerate(rows, start=1)]
    return [f"{match[1]} (line {number})" for number, match in found if match]


def open_places(cells):
    """The headings above a notebook's open gaps, and its questions: {title: False if the field is still empty}."""
    gaps, answered, heading = [], {}, "above the first heading"
    for cell in cells:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if headings := re.findall(r"^#+ +(.+)", text, re.MULTILINE):
                heading = headings[-1].split(" · ")[0].replace("`", "")
            if title := re.search(r"^\*\*(Question .+?)\*\*", text, re.MULTILINE):
                answered[title[1]] = not EMPTY.search(text)
        elif re.search(r"^\s*raise NotImplementedError\(\"fill this gap", text, re.MULTILINE):
            gaps.append(heading)
    return gaps, answered


def of_git(folder):
    """What git says of a folder: what is not committed, and how much is not pushed."""
    def git(*arguments):
        return subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, encoding="utf-8",
                              errors="replace")

    try:
        if git("rev-parse").returncode:
            return ["this folder is no git repository, or git refuses to read it (git status says why)"]
    except FileNotFoundError:
        return ["not installed, so nobody can tell what is committed"]
    changed = git("-c", "core.quotePath=off", "status", "--porcelain", "--untracked-files=all", "--no-renames", ".")
    if changed.returncode:
        return [f"cannot tell what is committed: {(changed.stderr.strip().splitlines() or ['it failed'])[0]}"]
    paths = [row[3:] for row in changed.stdout.splitlines()]
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    told = [f"not committed: {', '.join(paths[:SHOWN])}{more}" if paths else "all is committed"]
    ahead = git("rev-list", "--count", "@{upstream}..HEAD")
    if ahead.returncode:
        told.append("this branch follows none elsewhere, so nobody can tell what is pushed: git push -u origin HEAD")
    elif ahead.stdout.strip() != "0":
        told.append(f"not pushed: {ahead.stdout.strip()} of the commits (git push)")
    return told
