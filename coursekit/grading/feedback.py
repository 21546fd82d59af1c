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
    """What counts: text under a heading that the released form has not got, and of a table's line what stands behind
    its first cell (which assignments it names is the release's). How a release was introduced does not count."""
    released = (TEMPLATES / NAME).read_text(encoding="utf-8").replace(ROWS, "")
    known, under = {plain(line) for line in released.splitlines()}, False
    for line in text.splitlines():
        under = under or line.startswith("## ")
        in_table = line.lstrip().startswith("|")
        if plain(line) not in known and (under or in_table):
            cells = line.strip().strip("|").split("|")
            if any(letter.isalnum() for letter in "".join(cells[1:] if in_table else cells)):
                return True
    return False


def plain(line):
    return " ".join(line.split())
