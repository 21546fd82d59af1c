"""The grade book that Canvas exports, and canvas.csv for where there is none.

source: instructure/canvas-lms, lib/gradebook_exporter.rb (0140a2effa) and lib/gradebook_importer.rb (00b222d77e):

- Titles are English: Student (or LastName, FirstName), ID, then SIS User ID, SIS Login ID, Integration ID and Root
  Account as far as the account has them, Section, columns of the teacher's own, `<assignment> (<id>)`, sums. A line
  with `Manual Posting` may follow, then `    Points Possible`.
- The import needs the columns up to Section, and takes each further one for an assignment; one that it does not find
  becomes a new assignment. Points Possible would be changed, too.
- A student is found by ID, else SIS User ID, else SIS Login ID, else name, else a new one is offered. Who is not in the
  file stays as they are. An empty cell over a grade takes the grade away, and points over an EX the excuse.
- Points and commas are both decimal signs.
"""
import re

from coursekit.classes.platforms.people import listed, match, words
from coursekit.classes.worksheet import number
from coursekit.grading.tell.points import points
from helpers.given.console import UserError

SUM = re.compile("(?:Current|Final|Override) (?:Score|Points|Grade|Status)")
KNOWN_BY = {"id": ("ID",), "number": ("SIS User ID",), "login": ("SIS Login ID",), "email": ("SIS Login ID",)}


def table(rows, assignment, most):
    """The titles and lines of canvas.csv. Who has no grade yet is left out."""
    return ["Student", "ID", "SIS Login ID", "Section", assignment], [
        ["    Points Possible", "", "", "", most],
        *([row["name"], row["id"] if row["id"].isdigit() else "", row["login"], row["section"], row["total"]]
          for row in rows if row["total"] is not None and not row["open"])]


def is_export(sheet):
    return sheet.titles[:1] == ["Student"] or sheet.titles[:2] == ["LastName", "FirstName"]


def fill(sheet, rows, most, assignment, column=None):
    """Fill one column of an export, and keep nothing else of it that the import could change. Returns what is to be
    told, line by line.

    column: how the assignment is called there; default: what is called like `assignment`, or the only one.
    """
    titles, lines = sheet.titles, sheet.lines
    if "Section" not in titles or "ID" not in titles:
        raise UserError(f"{sheet.path}: expected the columns Student, ID and Section, as Canvas exports them, there "
                        f"is: {', '.join(titles)}")
    section = titles.index("Section")
    place = find_column(titles, section, assignment, column)
    above = [line for line, values in lines.items()
             if not values[titles.index("ID")] and ("Points Possible" in values[0] or not values[0])]
    possible = next((number(lines[line][place]) for line in above if lines[line][0]), None)
    people = {line: {"name": (" ".join(values[:titles.index("ID")]),),
                     **{what: tuple(values[titles.index(title)] for title in named if title in titles)
                        for what, named in KNOWN_BY.items()}}
              for line, values in lines.items() if line not in above}
    # Folders are often called like their students' logins.
    found, nobody, doubts = match([{**row, "login": row["login"] or row["name"]} for row in rows], people)
    filled, excused = [], []
    for line, row in found.items():
        if row["total"] is None or row["open"]:
            continue
        if lines[line][place].upper() in ("EX", "N/A"):
            excused.append(row["name"])
            continue
        sheet.put(line, place, row["total"])
        filled.append(line)
    told = [f"{len(filled)} of {len(people)} grades in {titles[place]!r}. Nobody else is in the file, so they keep "
            "what they have"]
    if possible != most:
        told.append(f"Points Possible is {'not told' if possible is None else points(possible)} there, here it is "
                    f"{points(most)}: the points are the same, the assignment's should be, too")
    for what, who in (("excused or not assigned there (EX, N/A), so left out", excused),
                      ("in doubt, so left out", doubts),
                      ("without a line that is surely theirs", [row["name"] for row in nobody])):
        if who:
            told.append(f"{what}: {listed(who)}")
    sheet.keep([*above, *filled], [*range(section + 1), place])
    return told


def find_column(titles, section, assignment, column):
    """The place of the column of an assignment. Raises UserError if it is not the only one."""
    there = {place: re.fullmatch(r"(.*?)\s*\((\d+)\)", title) for place, title in enumerate(titles) if place > section}
    there = {place: found for place, found in there.items() if found and not SUM.search(found[1])}
    if column is not None:
        chosen = [place for place, found in there.items()
                  if column.strip().casefold() in (found[0].casefold(), found[1].casefold(), found[2])]
    else:
        chosen = [place for place, found in there.items() if assignment in words(found[1])] or list(there)
    if len(chosen) != 1:
        raise UserError(f"which column is assignment {assignment}? Say it with --column. There is: "
                        f"{', '.join(there[place][0] for place in there) or 'none such as VAE (1234)'}")
    return chosen[0]
