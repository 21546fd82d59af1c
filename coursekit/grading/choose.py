"""Chooses the graded file among the files of a submission. Where nobody can tell which one counts, none does."""
import ast
import collections
import functools
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursekit.gaps import gaps, strip
from coursekit.grading.files import PLAIN, Entry, NoGradedFile, SubmissionError
from coursekit.grading.text import normal, read_text
from coursekit.notebooks import NotebookError, cells_of, conflict_line
from helpers.given.course import ROOT, assignments

MAX_BYTES = 1 << 20  # of a graded file; ours are about 10 kB
MAX_NOTEBOOK_BYTES = 128 << 20  # with its pictures; ours have up to 3 MB
MAX_CANDIDATES = 50  # files with a name like the one that is wanted
MAX_LOOKED_INTO = 200  # other Python files
MAX_NOTEBOOKS = 20
SHOWN = 5  # files in a message
OPEN = "NotImplementedError"  # stands in a gap that nobody has filled
# What may hold the work, or say where it is: somebody has to look. So it is with files that nobody knows.
DOCUMENTS = {".html", ".htm", ".txt", ".md", ".docx", ".odt", ".pdf", ".icloud"}
# Of the course, and of systems.
GIVEN = {"readme.md", "feedback.md", "requirements.txt", "constraints.txt", "license", "course", "thumbs.db",
         "desktop.ini"}
# A folder of an ILIAS download. A second file of a name is "vae (2).py" there, and a late one "... - vae.py".
ILIAS = re.compile(r"[^_]*(?:_[^_]*){2,}_\d+")


class Unchanged(NoGradedFile):
    """All that there is of the graded file is as it was released. path: of that."""

    path = PurePosixPath()


class Undecided(SubmissionError):
    """Something is there, but nobody can tell whether it counts, or it cannot be read."""


@dataclass(frozen=True)
class Likeness:
    """How a name differs from the one that is wanted. late: words and " - " stand before it. number: it has one, as
    "vae (2).py" and "vae-1.py" have. rest: there is something else."""

    exact: bool = False
    late: bool = False
    number: bool = False
    rest: bool = False


@dataclass(frozen=True)
class Candidate:
    entry: Entry
    text: str
    like: Likeness

    @property
    def path(self):
        return self.entry.path

    def key(self, wanted):
        """For sorting: what has the very name comes first, then what stands in its place or near to the top."""
        return not self.like.exact, *rank(self.path, wanted)


def likeness(name, wanted):
    """The Likeness of a name to the one of a path, such as helpers/vae.py or notebooks/2_vae.ipynb; None if there is
    none."""
    name = unicodedata.normalize("NFC", name).strip()
    if name == wanted.name:
        return Likeness(exact=True)
    if wanted.suffix not in name.lower():
        return None
    stem = re.escape(re.sub(r"^\d+_", "", wanted.stem))
    found = re.fullmatch(rf"(?P<before>(?:.*[\W_])?){stem}(?P<after>(?:[\W\d_].*)?){re.escape(wanted.suffix)}"
                         r"(?P<end>(?:\.(?:txt|json|py|ipynb|download|bak|old|orig))?)(?P<again>(?: ?\(\d{1,4}\))?)",
                         name, re.IGNORECASE)
    if found is None or found["end"].lower() == ".ipynb" != wanted.suffix:
        return None
    before, after = found["before"].casefold(), found["after"].casefold() or found["again"]
    before = re.sub(r"^\d+_$", "", before) if wanted.stem[0].isdigit() else before
    number = bool(re.fullmatch(r"[ _.-]?\(?\d{1,4}\)?", after))
    late = before.endswith(" - ")
    return Likeness(False, late, number, bool(before and not late or after and not number))


def rank(path, wanted):
    """A key: what stands in the wanted folder comes first, then what is nearest to the top."""
    return path.parent.name != wanted.parent.name, len(path.parts), str(path)


def graded_file(listing, assignment):
    """Return the Candidate that counts, and lines for the report on why.

    Raises:
        NoGradedFile: there is none, or only the released one. SubmissionError: nobody can tell.
    """
    wanted = PurePosixPath(assignments()[assignment].helper.as_posix())
    named, blocked = named_like(listing, wanted, MAX_BYTES)
    mine = [candidate for candidate in named if not is_released(candidate.text, assignment)]
    released = [candidate for candidate in named if candidate not in mine]
    # A file with other words in its name may be its test, or another model: it counts if it has what is asked for.
    mine = [candidate for candidate in mine if not candidate.like.rest or defined(candidate.text) & asked(assignment)]
    mine = [candidate for candidate in mine if candidate.text.strip()] or mine
    parts = {}
    if not mine:
        mine, parts = defining(listing, assignment, wanted)
    if not mine or blocked and blocked[0].key(wanted) < mine[0].key(wanted):
        raise why_nothing(listing, assignment, wanted, released, blocked, parts)
    best, why = decide(listing, mine, wanted)
    others = [candidate.path for candidate in mine if normal(candidate.text) != normal(best.text)]
    notes = []
    same = [candidate.path for candidate in mine if candidate is not best and candidate.path not in others]
    if len(mine) > 1 or released or not best.like.exact:
        notes.append(f"counted: {best.path}{why}" + (f", the same as {several(same)}" if same else "")
                     + (f"; not {several(others)}" if others else "")
                     + (f"; {several(released)} is the released file, unchanged" if released else ""))
    if line := conflict_line(best.text):
        notes.append(f"{best.path} holds a merge conflict of git (line {line}): Python cannot read it")
    looked = [*(candidate.text for candidate in blocked), *listing.unread]
    return best, notes + [f"not looked at: {message}" for message in looked[:SHOWN]]


def named_like(listing, wanted, limit):
    """The Candidates whose names are like the one that is wanted, the best first; and those that cannot be read, with
    the reason in the place of their text."""
    found, blocked = [], []
    for entry in listing.entries:
        like = likeness(entry.path.name, wanted)
        if like is None or "given" in entry.path.parts:
            continue
        if len(found) + len(blocked) == MAX_CANDIDATES:
            raise SubmissionError(f"{listing.name} holds more than {MAX_CANDIDATES} files called like {wanted.name}")
        try:
            found.append(Candidate(entry, read_text(entry, limit), like))
        except SubmissionError as error:
            blocked.append(Candidate(entry, str(error), like))
    return [sorted(each, key=lambda candidate: candidate.key(wanted)) for each in (found, blocked)]


def decide(listing, found, wanted):
    """Return the one of these Candidates that counts, and why it does if that is not plain. found: the best first."""
    texts = collections.defaultdict(list)
    for candidate in found:
        texts[normal(candidate.text)].append(candidate)
    if len(texts) == 1:
        return found[0], ""
    if latest := newest(listing, found):
        return decide(listing, latest, wanted)[0], ", the newest"
    best, *others = found
    others = [other for other in others if normal(other.text) != normal(best.text)]
    # An archive beside it may hold a newer one, unless this one lies where it should.
    in_its_place = best.path.parent.name == wanted.parent.name and not best.entry.archive
    # One in which more is filled may be the work, and this one left behind.
    if not best.like.exact or any(
            other.text.count(OPEN) < best.text.count(OPEN) or other.like.number or other.like.late
            or other.like.exact and rank(other.path, wanted)[:2] == rank(best.path, wanted)[:2]
            or other.like.exact and other.entry.archive != best.entry.archive and not in_its_place
            for other in others):
        raise Undecided(f"{listing.name} holds {len(texts)} different {wanted.name}: "
                        f"{several(group[0] for group in texts.values())}. Keep the one that counts")
    return best, ""


def newest(listing, found):
    """Those of the Candidates that stand in the newest of several things of one name, by the platform's own rule: a
    late one, or the number that the platform has given to the file or archive. Or [], if it does not tell."""
    turns, names = [], set()
    for candidate in found:
        *place, name = candidate.path.parts[:1]
        ilias = ILIAS.fullmatch(Path(listing.name).name)
        if listing.loose and ILIAS.fullmatch(name) and len(candidate.path.parts) > 1:  # of a team
            place, name, ilias = [name], candidate.path.parts[1], True
        if not ilias and not listing.loose:
            return []
        late, _, name = name.rpartition(" - ") if ilias else ("", "", name)
        again = re.fullmatch(r"(.+?) \((\d{1,4})\)((?:\.\w+)*)" if ilias else r"(.+?)-(\d{1,4})((?:\.\w+)*)", name)
        names.add((*place, again[1] + again[3] if again else name))
        # Of several with one name, the platform hands out the newest last.
        turns.append((bool(late), int(again[2]) if again else 0, 0 if ilias else candidate.entry.thing))
    last = max(turns)
    if len(names) > 1 or len(set(turns)) == 1:
        return []
    return [candidate for candidate, turn in zip(found, turns) if turn == last]


def several(candidates):
    """Some paths, in words."""
    paths = [str(getattr(candidate, "path", candidate)) for candidate in candidates]
    more = [f"{len(paths) - SHOWN} more"] if len(paths) > SHOWN else []
    *first, last = paths[:SHOWN] + more
    return f"{', '.join(first)} and {last}" if first else last


@functools.cache
def asked(assignment):
    """The names that a graded file of this assignment must define."""
    source = (ROOT / assignments()[assignment].helper).read_text(encoding="utf-8")
    return frozenset(gap.qualname.split(".")[0] for gap in gaps(source))


@functools.cache
def released_text(assignment):
    helper = assignments()[assignment].helper.as_posix()
    return strip((ROOT / helper).read_text(encoding="utf-8"), helper)


@functools.lru_cache(maxsize=2)
def released_code(assignment):
    return code_of(released_text(assignment))


def is_released(text, assignment):
    """True for the graded file as students get it, whatever comments they have added, and however a program has
    formatted it."""
    return OPEN in text and len(text) < 4 * len(released_text(assignment)) \
        and code_of(text) == released_code(assignment)


def code_of(text):
    """What a Python file says to Python, or None if that cannot be read here."""
    try:
        return ast.dump(ast.parse(normal(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined(text):
    """The names of what is defined at the top level of a Python file, in any Python's syntax. Nothing is executed."""
    return set(re.findall(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)", text, re.MULTILINE))


def defining(listing, assignment, wanted):
    """The Candidates, whatever they are called, that define most of what is asked for; and all that define some of it:
    {path: names}."""
    names, found, parts, looked = asked(assignment), [], {}, 0
    # A file that is called like another assignment's is that one's, even if it has a function of the same name.
    others = [PurePosixPath(each.helper.as_posix()) for name, each in assignments().items() if name != assignment]
    for entry in listing.entries:
        path = entry.path
        if not re.search(r"\.py(\.txt)?$", path.name, re.IGNORECASE) or "given" in path.parts:
            continue
        looked += 1
        if looked > MAX_LOOKED_INTO:
            listing.unread.append(f"more than {MAX_LOOKED_INTO} Python files")
            break
        try:
            text = read_text(entry, MAX_BYTES)
        except SubmissionError as error:
            listing.unread.append(str(error))
            continue
        has = set() if is_released(text, assignment) else defined(text) & names
        if has and not any(likeness(path.name, other) for other in others):
            parts[path] = has
        if 2 * len(has) >= len(names):
            found.append(Candidate(entry, text, Likeness(rest=True)))
    return sorted(found, key=lambda candidate: rank(candidate.path, wanted)), parts


def in_notebooks(listing, assignment):
    """Where a notebook defines what is asked for, in words; or None."""
    names = asked(assignment)
    books = [entry for entry in listing.entries if ".ipynb" in entry.path.name.lower() and not entry.problem]
    for entry in books[:MAX_NOTEBOOKS]:
        try:
            cells = cells_of(read_text(entry, MAX_NOTEBOOK_BYTES))
        except (SubmissionError, NotebookError):
            continue
        numbers = [str(number) for number, cell in enumerate(cells, start=1) if cell.type == "code" and (
            defined(cell.source) & names
            or re.match(rf"\s*%%writefile\b.*\b{assignment}\.py", cell.source))]
        if numbers:
            return f"cell{'s' if numbers[1:] else ''} {several(numbers)} of {entry.path}"
    return None


def why_nothing(listing, assignment, wanted, released, blocked, parts):
    """The error that says why no file counts."""
    what = f"{released[0].path}: this is the released file, unchanged" if released else \
        f"{listing.name} holds no {wanted.name} (expected {wanted})"
    if blocked:
        return Undecided(blocked[0].text)
    if cells := in_notebooks(listing, assignment):
        return Undecided(f"{what}, but {cells} defines what is asked for: save it as {wanted.name}")
    if parts:
        return Undecided(f"{what}, but some of what is asked for is in {several(parts)}: put it into one {wanted.name}")
    if listing.unread:
        unread = "; ".join(listing.unread[:SHOWN])
        return SubmissionError(f"{what}, and {unread}" if released or listing.entries or listing.left_out
                               else unread)
    if released:
        error = Unchanged(what)
        error.path = released[0].path
        return error
    if listing.ignored and not listing.entries:
        return SubmissionError(f"{what}, only {listing.ignored}, which is not looked into")
    if others := documents(listing):
        return SubmissionError(f"{what}, but {several(others)}: look into it")
    return NoGradedFile(what)


def documents(listing):
    """The files that may hold the work in another form, or say where it is."""
    def may(path):
        name, suffix = path.name.lower(), path.suffix.lower()
        return suffix in DOCUMENTS or suffix not in PLAIN and not name.startswith(".")

    return [entry.path for entry in listing.entries if may(entry.path) and entry.path.name.lower() not in GIVEN
            and not re.search(r"\.(py|ipynb)(\.(txt|json))?$", entry.path.name, re.IGNORECASE)]
