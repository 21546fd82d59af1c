"""How platforms name what they hand out: from the name of an entry, whose it is.

sources: moodle/moodle mod/assign/classes/downloader.php; instructure/canvas-lms lib/content_zipper.rb;
ILIAS-eLearning/ILIAS class.ilExSubmission.php (`downloadAllAssignmentFiles`) and
class.ilExerciseManagementCollectFilesJob.php; OpenOLAT/OpenOLAT GTACourseNode.java. Blackboard, Brightspace and
Gradescope: from what people have downloaded.
"""
import dataclasses
import datetime
import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.sandbox import printable

GROUP_WORDS = (r"groups?|gruppen?|grupos?|gruppo|gruppi|groupes?|teams?|equipos?|[ée]quipes?|equipes?|squadra|grupa|"
               r"skupina|csoport|ryhm[äa]|groep|grupp|paar|pairs?|zesp[óo]ł?l?|tak[ıi]m|t[ýy]m|группа|команда|小组|組|组")
GROUP = re.compile(rf"(?<!\w)(?:{GROUP_WORDS})(?!\w)|^(?:{GROUP_WORDS})[\W_]*\d|^(?:{GROUP_WORDS})$", re.IGNORECASE)
# A folder of ILIAS's. Who calls a folder Group 3 may mean a tutorial.
TEAM = re.compile(r"(?:team|equipos?|[ée]quipes?|squadra|gruppo|zesp[óo][łl]|tak[ıi]m|t[ýy]m|csapat|echip[aă]|"
                  r"команда)[ _]*\d+", re.IGNORECASE)
MOST_MEMBERS = 12
# What platforms call who hands in without a name, with a number behind.
BLIND = re.compile(r"(?:participante?|teilnehmer[^\W\d]*(?:[/:*]in)?|deelnemer|partecipante|uczestnik|"
                   r"deltag[^\W\d]+|участник|受験者|参与者)[ _]?(\d+)", re.IGNORECASE)
LATE = re.compile(r"late|versp(?:ae|ä)t|retard|tardiv|tard[eií]|ritardo|atras|fuera de plazo|te laat|sp(?:o|ó)źn|spozn|"
                  r"pozd|f(?:oe|ö)rsen|forsink|k(?:e|é)s|опозд|пізн", re.IGNORECASE)

# A folder or a file for each part of a submission. The default group of Moodle has no number.
MOODLE = re.compile(r"(?P<name>.+?)(?:_(?P<id>\d+))?_assignsubmission_(?P<part>[a-z]+)_?(?P<file>.*)", re.DOTALL)
# Files only. What was typed, and a link, has one number only.
CANVAS = re.compile(r"(?P<first>LATE_)?(?P<name>.+?)(?P<late>_LATE)?_(?P<id>\d+|(?<=anon_)\w+?)_"
                    r"(?:\d+_(?P<file>.+)|(?P<typed>(?:text|link)\.html))", re.DOTALL)
ILIAS = re.compile(r"(?P<last>[^\W\d_][^_]*(?:_[^\W\d_][^_]*)*?)_(?P<first>[^\W\d_][^_]*)_(?P<login>[^_]+)_"
                   r"(?P<id>\d{2,})")
ILIAS_LATE = re.compile(r"(?P<words>[^\W\d][^\W\d_]*(?: [^\W\d_]+){0,4}) - (?P<file>.+)", re.DOTALL)
AGAIN = re.compile(r"(?P<stem>.+?)(?: \((?P<number>\d+)\)|-(?P<minus>\d+))(?P<suffix>(?:\.\w+)*)", re.DOTALL)
OLAT_STEP = re.compile(r"\d+_(?:task|submissions|corrections(?:_\d+)?|revisions_(?P<revision>\d+)|assessment)")
OLAT = re.compile(r"(?P<last>[^_]+(?:_[^_]+)*?)_(?P<first>[^_]+)_(?P<login>[^_]+)")
BLACKBOARD = re.compile(r"(?P<who>.+?)_attempt_(?P<date>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)", re.DOTALL)
BLACKBOARD_NAME = re.compile(r"[^:\n]+:\s*(?P<name>[^\n]*?)(?:\s*\((?P<login>[^()\s]+)\))?\s*(?:\n|$)")
BRIGHTSPACE = re.compile(r"(?P<numbers>\d+(?:-\d+)+) - (?P<name>.+?) - (?P<date>[^\W\d]\w*\.? \d{1,2}, \d{4} "
                         r"\d{1,4} ?(?:[AP]\.?M\.?)?)(?: - (?P<file>.+))?", re.DOTALL | re.IGNORECASE)
SURE = MOODLE, BLACKBOARD, BRIGHTSPACE  # nobody calls an own file so
PATTERNS = *SURE, CANVAS, ILIAS  # what tells by the name alone
ARTICLES = {"the", "der", "die", "das", "les", "los", "las", "gli", "le", "la", "el", "il"}
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
GRADESCOPE = "submission_metadata.yml"
HIDDEN = ("__MACOSX", "Thumbs.db", "desktop.ini")
MOST_INSIDE = 10_000  # entries of a folder that are looked at to find out what it is


@dataclass(frozen=True)
class Person:
    """Somebody who is known to a platform or a list, as far as they say."""

    name: str = ""
    id: str = ""
    number: str = ""
    email: str = ""
    login: str = ""
    section: str = ""
    group: str = ""


@dataclass(frozen=True)
class Part:
    """What the name of one entry says.

    platform: whose naming it is. who: tells this submission from all others. person: whose it is; of a group, its name.
    file: what the student called it. attempt: that can be compared with those of the student's other ones; None: the
    platform keeps the last one only. is_default: it is the group of all who are in none.
    things: (name, path), where it is not the entry itself. problem: why it cannot be
    graded. nothing: nothing was handed in.
    """

    platform: str
    who: str
    path: Path
    person: Person
    file: str = ""
    attempt: tuple | None = None
    late: bool = False
    is_group: bool = False
    is_default: bool = False
    members: tuple = ()
    notes: tuple = ()
    things: tuple = ()
    problem: str = ""
    nothing: bool = False


def visible(folder):
    """The entries of a folder without those of operating systems, in the order of their names."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []  # who reads it will say why it cannot be read
    return [path for path in found if not path.name.startswith((".", "~$")) and path.name not in HIDDEN]


def real_folder(path):
    return path.is_dir() and not path.is_symlink()


def recognise(path):
    """The Part that an entry is of a platform's download, or None."""
    name, folder = path.name, real_folder(path)
    if match := MOODLE.fullmatch(name):
        return moodle(path, match)
    if not folder and (match := BLACKBOARD.fullmatch(name)):
        return blackboard(path, match)
    if match := BRIGHTSPACE.fullmatch(name):
        number = f"{match['numbers']} - {match['name']}"
        return Part("Brightspace", number, path, Person(printable(match["name"])), match["file"] or name,
                    brightspace_date(match["date"]))
    if not path.is_dir() and (match := CANVAS.fullmatch(name)):
        person = Person(printable(match["name"]), id=match["id"])
        return Part("Canvas", f"{match['name']}_{match['id']}", path, person, match["file"] or match["typed"],
                    late=bool(match["first"] or match["late"]), is_group=is_group(match["name"]))
    if folder and (steps := [step for step in visible(path) if OLAT_STEP.fullmatch(step.name)]):
        return olat(path, steps)
    if folder and ILIAS.fullmatch(name):
        return ilias(path)
    if folder and TEAM.fullmatch(name):
        inside = [entry for entry in visible(path) if real_folder(entry)]
        if 0 < len(inside) <= MOST_MEMBERS and all(ILIAS.fullmatch(entry.name) for entry in inside):
            return team(path, inside)
    return None


def is_group(name):
    return bool(GROUP.search(name.replace("_", " ")))


def like_a_person(name):
    """Could this be called a name? Blue foxes, The Foxes and Group 3 could not."""
    words = name.split()
    return 1 < len(words) < 6 and all(word[0].isupper() or not word[0].isascii() for word in words) \
        and words[0].lower() not in ARTICLES and not re.search(r"\d", name) and not is_group(name)


def moodle(path, match):
    name, id = match["name"], match["id"]
    blind = BLIND.fullmatch(name) if not id else BLIND.fullmatch(f"{name} {id}")
    if blind:
        name, id = f"Participant {blind[1]}", blind[1]
    groups = not id or is_group(name)
    # Moodle knows the student by this number, with this word before it. A group's number is nobody's.
    person = Person(printable(name), id="" if groups else f"Participant {id}")
    return Part("Moodle", f"{match['name']}_{match['id']}" if match["id"] else match["name"], path, person,
                match["file"] or match["part"], is_group=groups, is_default=not id)


def blackboard(path, match):
    """The last word before the attempt is the user's name, unless the note beside it says another one."""
    login, name = match["who"].rpartition("_")[2], ""
    note = path.with_name(f"{match['who']}_attempt_{match['date']}.txt")
    if note.is_file() and not note.is_symlink():
        with open(note, encoding="utf-8-sig", errors="replace") as stream:
            said = BLACKBOARD_NAME.match(stream.readline(1000))
        if said:
            name = said["name"]
            if said["login"] and match["who"].endswith(f"_{said['login']}"):
                login = said["login"]
    return Part("Blackboard", match["who"], path, Person(printable(name or login), login=printable(login)),
                match["file"] or "", (match["date"],))


def brightspace_date(text):
    """A date as a tuple, or None: not in English."""
    month, day, year, clock, half = re.fullmatch(
        r"(\w+)\.? (\d+), (\d+) (\d+) ?([APap]?).*", text.replace("\u202f", " ")).groups()
    if month[:3].lower() not in MONTHS:
        return None
    hour, minute = int(clock[:-2] or 0), int(clock[-2:])
    if half:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    try:
        return tuple(datetime.datetime(int(year), MONTHS.index(month[:3].lower()) + 1, int(day), hour,
                                       minute).timetuple()[:5])
    except ValueError:
        return None


def olat(path, steps):
    """The last revision that holds something counts, else what was submitted; never the task or a correction. What
    lies beside these folders is looked at, too: it is not OLAT's."""
    found = OLAT.fullmatch(path.name)
    groups = is_group(path.name) or bool(re.fullmatch(r"[^_]+_\d+", path.name))
    if groups or not found:
        person = Person(printable(re.sub(r"_\d+$", "", path.name) if groups else path.name).replace("_", " "))
    else:
        name = f"{found['first']} {found['last']}".replace("_", " ")
        person = Person(printable(name), login=printable(found["login"]))
    revisions = sorted((int(match["revision"]), step) for step in steps
                       if (match := OLAT_STEP.fullmatch(step.name)) and match["revision"])
    handed_in = [step for step in steps if step.name.endswith("_submissions")]
    beside = tuple((entry.name, entry) for entry in visible(path) if entry not in steps)
    for number, step in [*reversed(revisions), *((0, step) for step in handed_in)]:
        if step.is_symlink() or holds_something(step):
            notes = (f"revision {number} counts, the last one that holds something",) if number else ()
            return Part("OLAT", path.name, path, person, is_group=groups, things=((path.name, step), *beside),
                        notes=notes)
    return Part("OLAT", path.name, path, person, is_group=groups, things=beside, nothing=not beside)


def holds_something(folder):
    """Is there any file in a folder?"""
    waiting, seen = [folder], 0
    while waiting and seen < MOST_INSIDE:
        for entry in visible(waiting.pop()):
            seen += 1
            if not real_folder(entry):
                return True
            waiting.append(entry)
    return bool(waiting)


def ilias_person(name):
    match = ILIAS.fullmatch(name)
    return Person(printable(f"{match['first']} {match['last']}".replace("_", " ")), id=match["id"],
                  login=printable(match["login"]))


def ilias(path):
    return Part("ILIAS", path.name, path, ilias_person(path.name), late=late(path))


def team(path, inside):
    """One submission of all: each member's folder holds what this member has uploaded for the team."""
    return Part("ILIAS", path.name, path, Person(printable(path.name)), late=any(map(late, inside)), is_group=True,
                members=tuple(ilias_person(entry.name) for entry in inside),
                things=tuple((entry.name, entry) for entry in inside))


def late(folder):
    """Has ILIAS marked a file in it as late?"""
    return any((match := ILIAS_LATE.fullmatch(entry.name)) and LATE.search(match["words"]) for entry in visible(folder))


def gradescope(folder):
    """{name of a folder: Part} of an export, from the file beside them; {} where there is none that can be read."""
    path = folder / GRADESCOPE
    if path.is_symlink() or not path.is_file() or path.stat().st_size > 256 << 20:
        return {}
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        """Ruby's own types are what they are written as."""

    def plain(loader, _, node):
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else node.value

    Loader.add_multi_constructor("!", plain)
    try:
        with open(path, "rb") as stream:
            content = yaml.load(stream, Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found = {}
    for name, about in content.items() if isinstance(content, dict) else ():
        people = get(about, "submitters")
        people = [Person(*map(text_of, (get(person, "name"), "", get(person, "sid"), get(person, "email"))))
                  for person in people if isinstance(person, dict)] if isinstance(people, list) else []
        if people and isinstance(name, str) and re.fullmatch(r"(?!\.\.?$)[^/\\\0]{1,200}", name):
            whole = people[0] if len(people) == 1 else Person(", ".join(person.name for person in people))
            place = folder / name
            there = place.is_symlink() or place.exists()
            whole = whole if whole.name else dataclasses.replace(whole, name=printable(name))
            found[name] = Part("Gradescope", name, place, whole, is_group=len(people) > 1,
                               members=tuple(people) if len(people) > 1 else (),
                               problem="" if there else f"the export holds no folder {printable(name)}")
    return found


def text_of(value):
    """A text or number of the file; what refers to itself again and again is neither."""
    return printable(str(value)) if isinstance(value, (str, int)) else ""


def get(mapping, name):
    """What stands under a Ruby symbol, or under the same as a text."""
    return mapping.get(f":{name}", mapping.get(name)) if isinstance(mapping, dict) else None
