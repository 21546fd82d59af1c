"""A folder of a class, or the zip file of one: which entries belong to whom, and which are nobody's."""
import collections
import dataclasses
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursekit.classes import archive
from coursekit.classes.downloads import (AGAIN, GRADESCOPE, PATTERNS, SURE, Person, gradescope, is_group,
                                         like_a_person, real_folder, recognise, visible)
from coursekit.grading.repository import is_bare_repository
from coursekit.sandbox import printable
from helpers.given.console import UserError
from helpers.given.course import assignments

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z", ".rar")
LOOSE = (".py", ".ipynb", ".py.txt", ".ipynb.txt", ".ipynb.json")
DEEPEST = 8  # folders that stand around a class
MAX_LIST = 16 << 20  # bytes of the list of files in a zip file
MOST_LOOKED_AT = 2000  # entries of a folder, to see whether there is work in it
WRAPPERS = re.compile(r"submissions?|abgaben?|handed[ _-]?in|soumissions?|rendus?|entregas?|env[ií]os?|consegne|"
                      r"inzendingen|participants?|teilnehmer\w*|downloads?", re.IGNORECASE)
# Folders of one submission, and its copies. None of them is called like a student.
PARTS = re.compile(r"(helpers|notebooks|data|runs|docs|tests|src|code|course|main|master|backup|old|alt|new|neu|final|"
                   r"copy|kopie|version|v)(?![a-z]).*", re.IGNORECASE)
REPORTS = "report.json", "report.md", "report.html", "results.json", "github.json"
NOBODY = {"helpers", "notebooks", "Feedback_files"}
MOST_TOLD = 12  # names in a line


@dataclass
class Entry:
    """What belongs to one submission. known_by: tells it from all others. things: (name, path) of all that it is, from
    the oldest to the newest where the platform tells. place: the entry itself, to be named."""

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


def few(names):
    """Some names in a line, and how many more there are."""
    names = [printable(name) for name in names]
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return ", ".join(names[:MOST_TOLD]) + more


def ending(path, endings):
    """The one of the endings that a name has, as it is written there, or ""."""
    found = next((end for end in sorted(endings, key=len, reverse=True) if path.name.lower().endswith(end)), "")
    return path.name[len(path.name) - len(found):] if found else ""


def entries_of(source, temporary, out=None):
    """The Entries of a class, and lines that say what it was taken for.

    Args:
        source: a folder, or a zip file.
        temporary: a folder of this run; archives are unpacked there.
        out: the folder of results; it is nobody's.
    Raises UserError for what is no class.
    """
    told = []
    ours = {path.resolve() for path in (out,) if path is not None}
    folder = class_folder(Path(source), Path(temporary), told, ours)
    parts, plain, nobody = [], [], []
    known = gradescope(folder)
    exported = bool(known)
    for path in visible(folder):
        if real_folder(path) and (path.resolve() in ours or is_results(path) and not recognise(path)):
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
                                   *([f"nobody's: {few(path.name for path in nobody)}"] if nobody else [])]))
    told.insert(0, summary(found))
    told += doubtful(found)
    if nobody:
        told.append(f"nobody's: {few(path.name for path in nobody)}")
    if out is not None and Path(out).resolve().is_relative_to(folder.resolve()):
        told.append(f"the results lie in the class's own folder ({out}): better choose an --out elsewhere")
    return found, told


def is_results(folder):
    """Is it what `grade-class` or `grade` has written?"""
    if any((folder / name).exists() for name in ("helpers", "notebooks")):
        return False
    if (folder / "class.json").is_file():  # a student may call a file so, too
        return not any(map(work, visible(folder)))
    return all((folder / name).is_file() for name in REPORTS)


# Where the class is

def class_folder(place, temporary, told, ours):
    """The folder whose entries are those of students. Looks through folders and archives that stand around it. ours:
    folders of results."""
    source = place
    for depth in range(DEEPEST):
        if place.is_file():
            inside = temporary / f"class-{depth}"
            inside.mkdir(mode=0o700)
            if left_out := archive.unpack(place, inside):
                told.append(f"left out of {printable(place.name)} (links, or names that cannot be): {few(left_out)}")
            place = inside
        if is_results(place):
            raise UserError(f"{place} is a folder of results, not a class: give the folder with the submissions")
        entries = [path for path in visible(place) if path.name not in NOBODY and not is_results(path)
                   and path.resolve() not in ours]
        recognised = sum(recognise(path) is not None for path in entries)
        reason = one_submission(place)
        if (place / GRADESCOPE).is_file() or recognised > 1 or recognised and not reason:
            return place
        if reason:
            raise UserError(f"{source} is one submission ({reason}), not a class: use `./course grade`, or give the "
                            "folder in which all submissions stand")
        inner = [path for path in entries if path.is_dir() or ending(path, ARCHIVES + LOOSE)]
        if len(inner) != 1 or inner[0].is_symlink() or not holds_class(inner[0]):
            if len(inner) > 1 and all(is_class(path) if real_folder(path) else platform_made(path) for path in inner):
                raise UserError(f"{place} holds {len(inner)} classes, not submissions: "
                                f"{few(path.name for path in inner)}. Give one of them")
            return place
        place = inner[0]
        told.append(f"looked through {printable(place.name)}")
    raise UserError(f"{source}: too many folders in folders. Give the one in which the submissions stand")


def one_submission(folder):
    """Why a folder is one student's work, or None."""
    entries = visible(folder)
    reason = next(filter(None, map(work, entries)), "a git repository" if is_bare_repository(folder) else None)
    others = [path for path in entries if real_folder(path) and not PARTS.fullmatch(path.name) and has_work(path)]
    return reason if len(others) < 2 else None


def work(path):
    """Why an entry is a part of one student's work, or None."""
    if path.is_symlink():
        return None
    if path.is_dir():
        kind = {"helpers": ".py", "notebooks": ".ipynb"}.get(path.name)
        return f"it holds {path.name}/" if kind and any(entry.suffix == kind for entry in visible(path)) else None
    name = path.name.lower()
    again = AGAIN.fullmatch(name)
    name = again["stem"] + again["suffix"] if again else name
    known = {part.name for assignment in assignments().values() for part in (assignment.helper, assignment.notebook)}
    return f"it holds {printable(path.name)}" if name in known else None


def has_work(folder, counts=lambda path: ending(path, ARCHIVES + LOOSE)):
    """Is there a Python file, a notebook or an archive somewhere in a folder? counts: or another file."""
    waiting, seen = [folder], 0
    while waiting and seen < MOST_LOOKED_AT:
        for path in visible(waiting.pop()):
            seen += 1
            if real_folder(path):
                waiting.append(path)
            elif counts(path):
                return True
    return False


def is_class(folder):
    """Is one of several folders a class of its own? One student's may hold many things."""
    return any(map(recognise, visible(folder))) or holds_class(folder) and like_students(
        [path.name for path in visible(folder) if real_folder(path) and has_work(path, work)])


def holds_class(path):
    """Does the only entry of a folder hold a class, not the work of one student?"""
    if path.is_file():
        return ending(path, (".zip",)) != "" and zip_holds_class(path)
    inside = visible(path)
    if (path / GRADESCOPE).is_file() or any(map(recognise, inside)):
        return True
    if is_bare_repository(path) or (path / ".git").exists() or any(map(work, inside)) \
            or any(ending(entry, LOOSE) for entry in inside):
        return False
    inner = [entry for entry in inside if entry.name not in NOBODY and not entry.is_symlink()
             and (entry.is_dir() and has_work(entry) or ending(entry, ARCHIVES))]
    if len(inner) == 1:
        return holds_class(inner[0]) or is_wrapper(path.name)
    return like_students([entry.name for entry in inner])


def is_wrapper(name):
    return bool(WRAPPERS.fullmatch(name)) or name.endswith("-submissions") \
        or re.sub(r"^\d+_", "", name).lower() in assignments()


def like_students(names):
    """Two or more, and no copies of one thing."""
    stems = {re.sub(r"\W*\(?\d*\)?$", "", name.lower()) for name in names}
    return len(stems) > 1 and not any(PARTS.fullmatch(name) or is_wrapper(name) for name in names)


def files_in_zip(path):
    """The names in a zip file, as PurePosixPaths. [] if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as opened:
            names = [archive.name_of(entry) for entry in opened.infolist()[:MOST_LOOKED_AT] if not entry.is_dir()]
    except Exception:  # a damaged archive raises what its compression raises
        return []
    files = [PurePosixPath(name.replace("\\", "/")) for name in names]
    return [name for name in files if not {"__MACOSX", ".git"} & set(name.parts) and not name.name.startswith(".")]


def short_list(path):
    """Is the list of the files in a zip file one that can be looked at here? Python reads the whole of it."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - (1 << 16)))
            end = stream.read()
    except OSError:
        return False
    at = end.rfind(b"PK\5\6")
    return end[max(0, at - 20):at][:4] != b"PK\6\7" and int.from_bytes(end[at + 12:at + 16], "little") <= MAX_LIST


def platform_made(path):
    """Is it a zip file that surely is the download of a class? It has two submissions in it, or more."""
    if path.is_symlink() or not path.is_file() or not ending(path, (".zip",)) or not short_list(path):
        return False
    tops = {name.parts[0] for name in files_in_zip(path) if name.parts}
    return sum(any(pattern.fullmatch(top) for pattern in SURE) for top in tops) > 1


def zip_holds_class(path):
    """As `holds_class`, of the names in a zip file."""
    files, wrapped = files_in_zip(path), False
    for _ in range(DEEPEST):
        tops = {name.parts[0] for name in files if name.parts}
        if GRADESCOPE in tops or any(pattern.fullmatch(top) for top in tops for pattern in PATTERNS):
            return True
        if not tops or tops & {"helpers", "notebooks"} or any(work(Path(name)) for name in files if not name.parts[1:]):
            return False
        if len(tops) > 1:
            inner = {name.parts[0] for name in files if len(name.parts) > 1 and ending(name, ARCHIVES + LOOSE)}
            inner |= {name.parts[0] for name in files if len(name.parts) == 1 and ending(name, ARCHIVES)}
            return like_students(inner) or wrapped and bool(inner)
        wrapped = wrapped or is_wrapper(*tops)
        files = [PurePosixPath(*name.parts[1:]) for name in files if len(name.parts) > 1]
    return False


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
        end = "" if real_folder(path) else ending(path, ARCHIVES + LOOSE)
        stem = path.name[:len(path.name) - len(end)].removesuffix(".git")
        groups[unicodedata.normalize("NFC", stem or path.name) if len(paths) > 1 else stem].append(path)
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
    if len(names) < 2 or not all(map(real_folder, paths)):
        return ""
    shared = names[0]
    for name in names:
        while not name.startswith(shared):
            shared = shared[:-1]
    shared = shared[:shared.rfind("-") + 1]
    known = set(re.split(r"\W+", shared.lower())) & assignments().keys()
    cloned = all((path / ".git").is_dir() or is_bare_repository(path) for path in paths)
    logins = [name[len(shared):] for name in names]
    return shared if shared and (known or cloned) and all(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}", login) for login in logins) else ""


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
