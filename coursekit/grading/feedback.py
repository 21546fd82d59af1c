"""Is the feedback form of a hand-in filled in? It is compared with the form that is released."""
from coursekit.grading.files import SubmissionError
from coursekit.grading.text import read_text
from coursekit.release.files import TEMPLATES

NAME = "feedback.md"
LIMIT = 1 << 20
ROWS = "@FEEDBACK_ROWS@"


def filled_in(listing):
    """True if a form in this Listing says something that the released one does not, False if it does not, None if there
    is no form that can be read."""
    found = None
    for entry in listing.entries:
        if entry.path.name.lower() == NAME:
            try:
                found = bool(found) or says_something(read_text(entry, LIMIT))
            except SubmissionError:
                pass
    return found


def says_something(text):
    """Of a table's line counts what stands behind its first cell: which assignments it names is the release's."""
    released = (TEMPLATES / NAME).read_text(encoding="utf-8").replace(ROWS, "")
    known = {plain(line) for line in released.splitlines()}
    for line in text.splitlines():
        if plain(line) not in known:
            cells = line.strip().strip("|").split("|")
            said = cells[1:] if line.lstrip().startswith("|") else cells
            if any(letter.isalnum() for letter in "".join(said)):
                return True
    return False


def plain(line):
    return " ".join(line.split())
