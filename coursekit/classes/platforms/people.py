"""Whose line of a platform's table is whose submission. Nobody gets points by a guess."""
import collections
import unicodedata

from coursekit.classes.lists import TELLING


def match(rows, people):
    """Find each line's row: ({number of the line: row}, rows that are nobody's, [what was in doubt, in words]).

    rows: see gradebook.records. people: {number of a line: {one of TELLING: what the platform says there}}; each a
    tuple, as some platforms do not tell which column holds what. A value counts only if it stands in one line and one
    row: two of one name get no points by it. Where a number is right and the name is quite another, the number is
    another system's, or a group's: that is in doubt. (Participant 4711, of blind marking, is no name.)
    """
    found, doubts, left = {}, [], list(rows)
    for what in TELLING:
        lines = collections.defaultdict(set)
        for line, person in people.items():
            for value in person.get(what, ()):
                lines[plain(what, value)].add(line)
        known = collections.Counter(plain(what, row[what]) for row in left)
        for row in list(left):
            value = plain(what, row[what])
            if not value or known[value] > 1 or len(lines[value]) != 1:
                continue
            line = min(lines[value])
            if line in found:
                continue
            name = next(iter(people[line].get("name", ())), "")
            if what != "name" and not (row["id"] and row["id"] in row["name"]) and differ(row["name"], name):
                doubts.append(f"{row['name']} ({row[what]}) is called {name} there")
                continue
            found[line] = row
            left.remove(row)
    return found, left, doubts


def plain(what, text):
    """A text as it is compared. Of names only the words count, in any order: Lovelace, Ada is Ada Lovelace."""
    text = unicodedata.normalize("NFC", text).casefold().strip()
    return " ".join(sorted(words(text))) if what == "name" else text


def words(name):
    """The words of a name without accents and signs."""
    plainer = unicodedata.normalize("NFKD", name.casefold())
    letters = (letter if letter.isalnum() else "" if unicodedata.combining(letter) or letter in "'’" else " "
               for letter in plainer)
    return "".join(letters).split()


def differ(ours, theirs):
    """Are these surely the names of two? Where one is not told, or a login stands for it, nobody can say."""
    if " " not in ours.strip() or not words(theirs):
        return False
    run_together = "".join(words(ours))
    return not any(word in run_together for word in words(theirs) if len(word) > 1 or not word.isascii())


def listed(names, most=20):
    """Names in words, not all of a large class."""
    more = f"; {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more
