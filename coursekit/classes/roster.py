"""Who handed in what: the submissions of a class, from a folder or from a CSV file."""
import collections
import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.sandbox import printable
from coursekit.classes.tables import read_table
from helpers.given.console import UserError

# Columns of the CSV file, and what Moodle's and Canvas's own exports call them.
COLUMNS = {"path": ("path", "submission", "folder", "file", "repository"),
           "name": ("name", "student", "full name"),
           "id": ("id", "key", "identifier"),
           "number": ("id number", "student number", "sis user id"),
           "email": ("email", "email address", "e-mail"),
           "login": ("login", "username", "sis login id"),
           "section": ("section", "group")}
# What "Download submissions" makes: a folder or a file for each part of a submission (Moodle), or files only (Canvas).
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<part>[a-z]+)_?(?P<file>.*)")
CANVAS = re.compile(r"(?:LATE_)?(?P<name>.+?)(?:_LATE)?_(?P<id>\d+|(?<=anon_)\w+?)_\d+_(?P<file>.+)")


@dataclass(frozen=True)
class Submission:
    """One row of the grade book. `key` names its folder in the results; `path` may lead nowhere.

    files: (name, path) of each file, if it was handed in as such: the names are then longer than they were.
    problem: why it cannot be graded, if that is known before anything of it is read. It has no path then.
    """

    key: str
    path: Path | None
    name: str
    id: str = ""
    number: str = ""
    email: str = ""
    login: str = ""
    section: str = ""
    files: tuple = ()
    problem: str = ""


def collect(source):
    """Return the submissions of a folder (one for each entry, or for each student where the entries' names come from
    Moodle or Canvas) or of a CSV file (one for each row)."""
    source = Path(source)
    if source.is_dir():
        found = from_folder(source)
    elif source.is_file():
        found = from_csv(source)
    else:
        raise UserError(f"there is no {source}: give the folder with the submissions, or a CSV file of them")
    if not found:
        raise UserError(f"{source} holds no submission")
    return with_own_keys(found)


def from_folder(folder):
    found, parts = {}, collections.defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__MACOSX")) or path.name in ("desktop.ini", "Thumbs.db"):
            continue
        if match := MOODLE.fullmatch(path.name):
            # Moodle knows the student by this number, with this word before it.
            parts[match["name"], f"Participant {match['id']}"].append((match["file"] or match["part"], path))
        elif not path.is_dir() and (match := CANVAS.fullmatch(path.name)):
            parts[match["name"], match["id"]].append((match["file"], path))
        else:
            found[path.name] = entry(path)
    for (name, id), files in parts.items():
        loose = [(file, path) for file, path in files if not path.is_dir()]
        # Moodle's "onlinetext" is what was typed beside the files.
        whole = [path for file, path in files if path.suffix == ".zip" or path.is_dir() and
                 not (file == "onlinetext" and len(files) > 1)]
        if len({file for file, _ in files}) < len(files) or sum(path.suffix == ".zip" for path in whole) > 1:
            found.update((path.name, entry(path)) for _, path in files)  # of several students, who only look like one
            continue
        more = {} if whole else {"files": tuple((file, str(path)) for file, path in loose)}
        path = whole[0] if whole else loose[0][1]
        found[f"{name}_{id}"] = submission(f"{name}_{id}", path, printable(name), (path for _, path in files), id=id,
                                           **more)
    return found


def entry(path):
    """The submission that an entry of the folder holds by itself."""
    name = printable(path.name.removesuffix(".zip").removesuffix(".git")) or "unnamed"
    return submission(path.name, path, name, [path])


def parcel(path):
    """The zip file in a folder that holds nothing else, as Moodle hands it out; else the path itself."""
    try:
        content = [entry for entry in path.iterdir() if not entry.name.startswith(".")] if path.is_dir() else []
    except OSError:
        content = []  # who reads it will say why it cannot be read
    return content[0] if len(content) == 1 and content[0].suffix == ".zip" else path


def from_csv(path):
    rows = read_table(path)
    columns = {}
    for title in filter(None, rows[0] if rows else ()):  # None holds what is too much in a line
        for column, titles in COLUMNS.items():
            if title.strip().lower() in titles:
                columns.setdefault(column, title)
    if rows and "path" not in columns:
        raise UserError(f"{path} has the columns {', '.join(filter(None, rows[0]))}, expected a column 'path' (and "
                        "name, id, id number, email, login, section, as far as known)")
    found, seen = {}, {}
    for number, row in enumerate(rows, start=2):
        said = {column: printable(row[title] or "") for column, title in columns.items()}
        where = (row[columns["path"]] or "").strip()
        who = [said.get(column, "") for column in ("id", "number", "login", "email", "name")]
        known_by = next(filter(None, who), Path(where).stem)
        if not known_by:
            continue  # an empty line
        if known_by in seen:
            raise UserError(f"{path}, line {number}: {known_by!r} stands in line {seen[known_by]}, too")
        seen[known_by] = number
        said.update(name=said.get("name") or known_by, path=path.parent / where if where else None)
        found[known_by] = submission(known_by, said.pop("path"), said.pop("name"), **said)
    return found


def submission(known_by, path, name, parts=(), **more):
    """A Submission. Its key is the name of a folder on any system.

    parts: paths that the student has named. With a link among them it is not graded: it could lead to the solution.
    """
    links = [part for part in parts if part.is_symlink()]
    if path and not links:
        whole, path = path, parcel(path)
        links = [path] if path != whole and path.is_symlink() else []
    if links:
        path, more = None, {**more, "files": (), "problem": f"{printable(links[0].name)} is a link"}
    key = re.sub(r"[^A-Za-z0-9.@+-]+", "_", known_by.removesuffix(".zip").removesuffix(".git"))
    return Submission(key.strip("._-")[:60].rstrip("._-") or "unnamed", path, name, **more)


def with_own_keys(known):
    """Count those that would share a key: name, name-2, name-3. known: {what it is known by: Submission}."""
    # Some systems take Ada and ada for one name, and nobody gets the key that another one has by itself.
    taken, keys, used = {submission.key.lower() for submission in known.values()}, {}, set()
    for name in sorted(known, key=lambda name: (known[name].key != name, name)):  # not as further ones come and go
        key, number = known[name].key, 1
        while key.lower() in (used if number == 1 else taken):
            number += 1
            key = f"{known[name].key}-{number}"
        used.add(key.lower())
        taken.add(key.lower())
        keys[name] = key
    return [dataclasses.replace(submission, key=keys[name]) for name, submission in known.items()]
