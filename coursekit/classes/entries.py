"""A folder of a class, or the zip file of one: which entries belong to whom, and which are nobody's."""
import collections
import dataclasses
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from coursekit.classes.downloads import (GRADESCOPE, Person, gradescope, is_group, like_a_person, real_folder,
                                         recognise, visible)
from coursekit.classes.place import (ARCHIVES, LOOSE, NOBODY, class_folder, ending, few, is_results, platform_made,
                                     stem_of)
from coursekit.grading.repository import is_bare_repository
from coursekit.sandbox import printable
from helpers.given.console import UserError
from helpers.given.course import assignments


@dataclass
class Entry:
    """What belongs to one submission.

    known_by: tells it from all others. person: whose it is; of a group, its name. things: (name, path) of all that it
    is, from the oldest to the newest where the platform tells. places: all entries of it. is_group: it is nobody's own.
    is_default: it is that of all who are in no group. members: of a group, as far as the names tell. problem: why it
    cannot be graded. Without things and problem nothing was handed in.
    """

    known_by: str
    person: Person
    things: tuple
    places: tuple
    platform: str = ""
    late: bool = False
    is_group: bool = False
    is_default: bool = False
    members: tuple = ()
    notes: tuple = ()
    problem: str = ""


def entries_of(source, temporary, out=None):
    """The Entries of a class, and lines that say what it was taken for.

    Args:
        source: a folder, or a zip file.
        temporary: a folder of this run; archives are unpacked there.
        out: the folder of results; it is nobody's.
    Raises UserError for what is no class.
    """
    told = []
    out = out and Path(out).resolve()
    folder = class_folder(Path(source), Path(temporary), told, out)
    parts, plain, nobody = [], [], []
    known = gradescope(folder)
    exported = bool(known)
    for path in visible(folder):
        if real_folder(path) and (out and out.is_relative_to(path.resolve())
                                  or is_results(path) and not recognise(path)):
            told.append(f"{printable(path.name)} is a folder of results, so it is nobody's submission")
        elif path.name in known:
            parts.append(known.pop(path.name))
        elif part := recognise(path):
            parts.append(part)
        elif platform_made(path):
            told.append(f"{printable(path.name)} is the download of a class, so it is nobody's submission: give it "
                        "alone")
        elif path.is_symlink() or path.is_dir() and path.name not in NOBODY or ending(path, ARCHIVES + LOOSE):
            plain.append(path)
        elif path.name != GRADESCOPE or not exported:
            nobody.append(path)
    if any(part.platform == "OLAT" for part in parts):
        nobody += [path for path in plain if path.name == "solutions"]
        plain = [path for path in plain if path.name != "solutions"]
    parts += known.values()  # Gradescope knows of them, and they are not here
    found, more = of_platforms(parts)
    found += of_plain(plain + more)
    if not found:
        raise UserError("; ".join([f"{source} holds no submission", *told,
                                   *([f"nobody's: {few(path.name for path in nobody)}"] if nobody else []),
                                   "expected a folder or archive for each, or what a platform hands out"]))
    told.insert(0, summary(found))
    told += doubtful(found)
    if nobody:
        told.append(f"nobody's: {few(path.name for path in nobody)}")
    if out and out.is_relative_to(folder.resolve()):
        told.append(f"the results lie in the class's own folder ({out}): better choose an --out elsewhere")
    return found, told


# Whose an entry is

def of_platforms(parts):
    """Put together what belongs to one submission. Returns Entries, and paths that only look like a platform's."""
    ids = collections.Counter(part.person.id for part in parts if part.platform == "ILIAS" and not part.is_group)
    plain = [part.path for part in parts if part.platform == "ILIAS" and ids[part.person.id] > 1]
    parts = in_groups([part for part in parts if part.path not in plain])
    groups = collections.defaultdict(list)
    for part in parts:
        groups[part.platform, part.who].append(part)
    found = []
    for (platform, who), together in groups.items():
        if platform == "Canvas" and len({part.file for part in together}) < len(together):
            plain += [part.path for part in together]  # of several students, who only look like one
            continue
        counted, notes = last_attempt(together)
        if platform == "Moodle":
            counted, notes = without_text(counted, notes)
        first = counted[0]
        late = any(part.late for part in counted)
        notes += [note for part in counted for note in part.notes] + ["handed in late"] * late
        problem = next((part.problem for part in counted if part.problem), "")
        things = () if problem or any(part.nothing for part in counted) else tuple(
            thing for part in sorted(counted, key=lambda part: natural(part.path.name))
            for thing in part.things or [(part.file or part.path.name, part.path)])
        person = next((part.person for part in together if part.person.name != part.person.login), first.person)
        found.append(Entry(who, person, things, tuple(part.path for part in [*counted, *together]), platform, late,
                           first.is_group, first.is_default, first.members, tuple(notes), problem))
    return found, plain


def natural(name):
    """Orders numbers in names as numbers."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d{1,18})", name) if piece]


def in_groups(parts):
    """Where Moodle hands out groups, a number belongs to a person only if its name is like a person's."""
    if not any(part.platform == "Moodle" and part.is_group for part in parts):
        return parts
    return [dataclasses.replace(part, is_group=True, person=dataclasses.replace(part.person, id=""))
            if part.platform == "Moodle" and not like_a_person(part.person.name) and part.person.name != part.person.id
            else part for part in parts]


def last_attempt(parts):
    """(the parts that count, notes)."""
    notes = []
    if any(part.platform == "Blackboard" for part in parts):
        with_files = [part for part in parts if part.file]
        if with_files and max(part.attempt for part in parts) > max(part.attempt for part in with_files):
            notes.append("a later attempt came without a file")
        parts = with_files or parts
    attempts = {part.attempt for part in parts}
    if None in attempts and any(part.platform == "Brightspace" for part in parts[1:]):
        return parts, [*notes, f"{len(parts)} attempts, and their names do not tell which is the last"]
    if len(attempts) < 2:
        return parts, notes
    counted = [part for part in parts if part.attempt == max(attempts)]
    return counted, [*notes, f"the last of {len(attempts)} attempts"]


def without_text(parts, notes):
    """What Moodle keeps beside the files is not looked at where there are files."""
    files = [part for part in parts if not part.file.startswith("onlinetext")]
    if files and len(files) < len(parts):
        return files, [*notes, "an online text was handed in, too"]
    return parts, notes


def of_plain(paths):
    """One Entry for each name: a folder, an archive and loose files that are called alike belong together."""
    groups = collections.defaultdict(list)
    for path in paths:
        groups[stem_of(path)].append(path)
    merged = collections.defaultdict(list)
    for stem, group in groups.items():  # two folders that look the same are those of two
        same = len({path.name for path in group}) == len({unicodedata.normalize("NFC", path.name) for path in group})
        for path in group:
            merged[stem if same else path.name].append(path)
    prefix = clones(merged)
    found = []
    for stem, group in merged.items():
        name = group[0].name if len(group) == 1 and ending(group[0], LOOSE) else stem
        person = Person(printable(name) or "unnamed")
        if prefix:
            person = Person(printable(stem[len(prefix):]), login=printable(stem[len(prefix):]))
        found.append(Entry(stem, person, tuple((path.name, path) for path in group), tuple(group),
                           "GitHub" if prefix else "", is_group=is_group(stem)))
    return found


def clones(groups):
    """What stands before the logins, where all are clones of one assignment: `<assignment>-<login>`, else ""."""
    names, paths = list(groups), [path for group in groups.values() for path in group]
    shared = before_logins(names) if all(map(real_folder, paths)) else ""
    known = set(re.split(r"\W+", shared.lower())) & assignments().keys()
    cloned = all((path / ".git").is_dir() or is_bare_repository(path) for path in paths)
    return shared if known or cloned else ""


def before_logins(names):
    """What stands before the logins, where all names of two or more are `<assignment>-<login>`, else ""."""
    if len(names) < 2:
        return ""
    shared = os.path.commonprefix(names)
    shared = shared[:shared.rfind("-") + 1]
    logins = [name[len(shared):] for name in names]
    return shared if all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", login) for login in logins) else ""


# What is told

def summary(entries):
    """What the class was taken for, in a line."""
    said = []
    for platform in dict.fromkeys(entry.platform for entry in entries):
        those = [entry for entry in entries if entry.platform == platform]
        people = sum(len(entry.members) or not entry.is_group for entry in those)
        unknown = sum(entry.is_group and not entry.members for entry in those)
        late = sum(entry.late for entry in those)
        of = f"{people} {'person' if people == 1 else 'people'}" if people else ""
        groups = f"{unknown} {'group' if unknown == 1 else 'groups'} without known members" if unknown else ""
        who = " and ".join(filter(None, [of, groups]))
        what = {"": "plain folders or files", "GitHub": "clones"}.get(
            platform, f"{'an' if platform[:1] in 'IO' else 'a'} {platform} download")
        said.append(f"{what} of {who}{f', {late} late' if late else ''}")
    return "; ".join(said)


def doubtful(entries):
    """Lines on what the names do not tell."""
    told = []
    if any(entry.platform == "Moodle" and entry.is_group for entry in entries):
        people = [entry.person.name for entry in entries if entry.platform == "Moodle" and not entry.is_group]
        if people:
            told.append(f"taken for people, though Moodle handed out groups: {few(people)}")
    names = collections.Counter(entry.person.name for entry in entries if entry.platform == "Brightspace")
    if twice := [name for name, count in names.items() if count > 1]:
        told.append(f"the same name under several numbers, so taken for several people: {few(twice)}")
    return told
