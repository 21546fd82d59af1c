"""Who handed in what: the submissions of a class, from a folder, a download or a CSV file, and who should have."""
import dataclasses
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from coursekit.classes import lists
from coursekit.classes.downloads import Person
from coursekit.classes.entries import entries_of
from coursekit.classes.keys import keys
from coursekit.classes.place import ARCHIVES, LOOSE, ending, few
from coursekit.classes.tables import expect_csv
from coursekit.sandbox import printable, walls
from helpers.given.console import UserError

# Where a login may stand at the end of a name, and nothing says where it begins. What ILIAS and OLAT put together can
# be taken apart in more than one way.
CUT = "", "GitHub", "Blackboard", "ILIAS", "OLAT"
MOST_LISTED = 200  # names in a line on a list
FIELDS = [field.name for field in dataclasses.fields(Person)]


@dataclass(frozen=True)
class Submission:
    """What is graded once: a row of the grade book, or one for each member. `key` names its folder in the results;
    `path` may lead nowhere.

    files: (name, path) of each, if several things were handed in: files, archives, folders. The names are those that
    the student gave, as far as the platform tells; the order is from the oldest to the newest, as far as it tells.
    problem: why it cannot be graded, if that is known before anything of it is read. It has no path then. With neither
    a path nor a problem nothing was handed in.
    notes: lines for the report. late: says the platform. members: the Persons of a group.
    doubt: why nobody can say what this person has handed in. The mark is open then.
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
    group: str = ""
    late: bool = False
    notes: tuple = ()
    members: tuple = ()
    doubt: str = ""

    @property
    def people(self):
        """The Persons whose it is."""
        return self.members or (Person(**{field: getattr(self, field) for field in FIELDS}),)

    @property
    def tags(self):
        """What tells the people and their group: partners, and attempts of one person, share some of it."""
        return {(what, text) for person in self.people for what in ("id", "number", "email", "login", "group")
                if (text := getattr(person, what))}

    @classmethod
    def from_json(cls, row):
        """From what `dataclasses.asdict` makes of it, and JSON of that."""
        return cls(**{**row, "path": row["path"] and Path(row["path"]), "notes": tuple(row.get("notes", ())),
                      "members": tuple(Person(**member) for member in row.get("members", ()))})


def collect(source, people=None, temporary=None, out=None):
    """The submissions of a folder or zip file (one for each entry, or as the platform that it comes from names them) or
    of a CSV file (one for each row): [Submission], see `take_in`."""
    return take_in(source, people, temporary, out)[0]


def take_in(source, people=None, temporary=None, out=None):
    """Find out who handed in what: ([Submission], lines for the instructor).

    Args:
        source: a folder, a zip file of it, or a CSV file with a column "path".
        people: a CSV file with all who should have handed in.
        temporary: a folder for what is unpacked, needed only for zip files.
        out: the folder of results.
    """
    source = Path(source)
    expect_csv(source)
    if source.is_file() and ending(source, LOOSE):
        raise UserError(f"{source} is one submission, not a class: use `./course grade`")
    if source.is_file() and ending(source, ARCHIVES) and source.suffix.lower() != ".zip":
        raise UserError(f"{source} is an archive that is not read here: unpack it, and give the folder")
    if source.is_dir() or source.suffix.lower() == ".zip" and source.is_file():
        entries, told = entries_of(source, temporary or walls.private_folder("class")[0], out)
        found = [(entry.known_by, of_entry(entry)) for entry in entries]
        groups = {number: entry.is_default for number, entry in enumerate(entries) if entry.is_group}
        wholes = [without_id(entry) if entry.platform in CUT else "" for entry in entries]
    elif source.is_file():
        found, told = from_csv(source)
        groups, wholes = {}, [""] * len(found)
    else:
        raise UserError(f"there is no {source}: give the folder with the submissions, the zip file that the platform "
                        "made of it, or a CSV file of them")
    if people is not None:
        found, more = with_list(found, groups, wholes, Path(people))
        told += more
    if unknown := [found[number][1].name for number in groups if not found[number][1].members]:
        told.append(f"groups whose members are not known: {few(unknown)}. A list with a column 'group' (--roster) "
                    "tells who they are")
    own = keys([known_by for known_by, _ in found])
    return [dataclasses.replace(submission, key=own[known_by]) for known_by, submission in found], told


def of_entry(entry):
    """A Submission, without its key. With a link among what was handed in it is not graded: that could lead to the
    solution, or to a classmate's work."""
    person = dataclasses.asdict(entry.person)
    if entry.is_group and not person["group"]:
        person["group"] = person["name"]
    if entry.members:
        person["name"] = named(person["name"], entry.members)
    more = {"late": entry.late, "notes": entry.notes, "members": tuple(
        dataclasses.replace(member, group=member.group or entry.person.name) for member in entry.members)}
    things, path, problem = entry.things, entry.places[0], entry.problem
    links = [thing for thing in [*entry.places, *(thing for _, thing in things)] if thing.is_symlink()]
    if len(things) == 1 and not links:
        (name, path), = things
        things = things if path.is_file() and path.name != name else ()  # the platform's name is not the student's
        path = parcel(path)
        links = [path] if path.is_symlink() else []
    if links:
        problem = f"{printable(links[0].name)} is a link"
    if problem or not entry.things:
        path, things = None, ()
    return Submission("", path, **person, files=tuple((name, str(thing)) for name, thing in things), problem=problem,
                      **more)


def without_id(entry):
    """What an entry is known by, without the number that ILIAS puts last. "", if only one login can stand in it."""
    whole = entry.known_by.removesuffix(f"_{entry.person.id}") if entry.platform == "ILIAS" else entry.known_by
    return "" if entry.platform in ("ILIAS", "OLAT") and whole.count("_") < 3 else whole


def named(name, members):
    """What a group is called in lists and reports."""
    those = ", ".join(member.name for member in members)
    return f"{name} ({those})" if name and name != those else those


def parcel(path):
    """The zip file in a folder that holds nothing else, as Moodle hands it out; else the path itself."""
    try:
        content = [entry for entry in path.iterdir() if not entry.name.startswith(".")] if path.is_dir() else []
    except OSError:
        content = []  # who reads it will say why it cannot be read
    return content[0] if len(content) == 1 and content[0].suffix == ".zip" else path


def from_csv(path):
    """A class list with what each has handed in: [(known_by, Submission)], and lines. Those with one path are a
    group. Whose column "problem" says something is not graded, and that is why."""
    lines, unknown, columns = lists.read_list(path)
    if lines and "path" not in columns:
        raise UserError(f"{path} has the columns {', '.join([*sorted(columns), *unknown])}, expected a column 'path' "
                        "(and name, id, id number, email, login, section, as far as known); a list of all who should "
                        "have handed in is given with --roster, beside the folder")
    by_path, seen, problems = {}, {}, {}
    for number, line in enumerate(lines, start=2):
        where = line.get("path", "")
        person = Person(**{field: line[field] for field in FIELDS if field in line})
        who = lists.known_by(person) or Path(where).stem
        if not who:
            continue  # an empty line
        if who in seen:
            raise UserError(f"{path}, line {number}: {who!r} stands in line {seen[who]}, too")
        seen[who] = number
        person = dataclasses.replace(person, name=person.name or printable(who))
        by_path.setdefault(where or f"\0{who}", []).append((who, person))
        if line.get("problem"):
            problems[where or f"\0{who}"] = line["problem"]
    found = []
    for where, people in by_path.items():
        who, person = people[0]
        problem = problems.get(where, "")
        place = None if problem or where.startswith("\0") else parcel(path.parent / where)
        members = tuple(person for _, person in people) if len(people) > 1 else ()
        known = dataclasses.asdict(person)
        if members:
            group = person.group or where
            who, known = where, {"name": named(person.group, members), "group": group}
            members = tuple(dataclasses.replace(member, group=group) for member in members)
        found.append((who, Submission("", place, **known, members=members, problem=problem)))
    if not found:
        raise UserError(f"{path} holds no submission: expected a line for each, with its path in the column 'path'")
    return found, [f"a list of {len(seen)} people"]


# Who should have handed in

def with_list(found, groups, wholes, path):
    """Fill in what a list tells, find the members of groups in it, and add those who have handed in nothing.

    Args:
        found: [(known_by, Submission)].
        groups: {place in `found` of a group: is it Moodle's default group}. wholes: names that may end with a login.
        path: of the list.
    Returns:
        the same, and lines for the instructor.
    """
    known, told = lists.roster(path)
    of_group, several = members_by_group(found, groups, known)
    # The others, each by what is known of them, the members of a team, too: (place in found, place in it, Person).
    units = [(number, index, person) for number, (_, submission) in enumerate(found) if number not in of_group
             for index, person in enumerate(submission.people) if submission.members or number not in groups]
    taken = {place for places in of_group.values() for place in places}
    left = [place for place in range(len(known)) if place not in taken]

    def whole_of(unit):
        number, *_ = units[unit]
        return "" if found[number][1].members else wholes[number]

    fits, doubts, odd = lists.match([(person, whole_of(unit)) for unit, (*_, person) in enumerate(units)],
                                    [known[place] for place in left])
    whose = {units[unit][:2]: left[place] for unit, place in fits.items()}
    taken |= set(whose.values())
    default = [number for number, is_default in groups.items() if is_default and number not in of_group]
    if len(default) == 1 and any(person.group for person, _ in known):  # all who are in no group hand in together
        of_group[default[0]] = [place for place in left if place not in taken and not known[place][0].group]
        taken |= set(of_group[default[0]])

    new, in_doubt = [], {place: "in several groups that have handed in" for place in several}
    for number, (known_by, submission) in enumerate(found):
        people = [joined(person, known[whose[number, index]][0] if (number, index) in whose else Person(),
                         submission.group) for index, person in enumerate(submission.people)]
        if number in of_group and of_group[number]:
            people = [joined(Person(), known[place][0], submission.group) for place in of_group[number]]
        if number in of_group and of_group[number] or submission.members:
            title = "" if submission.members and submission.name == named("", submission.members) else submission.group
            submission = dataclasses.replace(submission, members=tuple(people), name=named(title, people))
        elif number not in groups:
            submission = dataclasses.replace(submission, **dataclasses.asdict(people[0]))
        new.append((known_by, submission))
    for unit, others in [*doubts.items(), *((unit, [place]) for unit, place in odd)]:
        for place in others:
            name = printable(found[units[unit][0]][0])
            in_doubt.setdefault(left[place], f"{name} may be theirs: the list and the name do not tell")

    others = {*fits, *doubts, *(unit for unit, _ in odd)}
    strangers = [unit for unit in range(len(units)) if unit not in others]
    unknown = [found[number][1].name for number in groups if number not in of_group and not found[number][1].members]
    if doubts:
        told.append(f"fit more than one of the list, or not alone, or not quite, so taken for none: "
                    f"{few((units[unit][2].name for unit in doubts), MOST_LISTED)}")
    if strangers:
        told.append(f"handed in, and not in the list: "
                    f"{few((units[unit][2].name for unit in strangers), MOST_LISTED)}")
    if odd:
        odd_ones = dict.fromkeys(f"{units[unit][2].name} ({known[left[place]][0].name})" for unit, place in odd)
        told.append("have a number or login of the list and quite another name, so taken for none: "
                    f"{few(odd_ones, MOST_LISTED)}")
    names, nothing, in_several, anybodys = {known_by for known_by, _ in new}, [], [], {}
    unlike = [(units[unit][2].name, lists.known_of_found(units[unit][2], whole_of(unit))) for unit in strangers]
    for place, (person, _) in enumerate(known):
        if place in taken:
            continue
        who = lists.known_by(person)
        known_by = next(name for name in (who, *(f"{who} (list, {n})" for n in range(1, len(known) + 2)))
                        if name not in names)
        names.add(known_by)
        about = {**dataclasses.asdict(person), "name": person.name or who}
        what = lists.known_of_listed(*known[place])
        if what not in anybodys:
            those = unknown + [name for name, known_of in unlike if what.isdisjoint(known_of)]
            anybodys[what] = f"{few(those)} may be theirs: nothing tells" if those else ""
        doubt = in_doubt.get(place) or anybodys[what]
        new.append((known_by, Submission("", None, **about, doubt=doubt)))
        (in_several if place in several else nothing).append(about["name"])
    if in_several:
        told.append(f"in several groups that have handed in, so their marks are open: {few(in_several, MOST_LISTED)}")
    if nothing:
        told.append(f"nothing from {len(nothing)} of the list: {few(nothing, MOST_LISTED)}")
    return new, told


def joined(person, listed, group):
    """What is known of a person from both. The platform's own number stays: it goes back to that platform."""
    return Person(**{field: getattr(listed, field) or getattr(person, field) for field in FIELDS
                     if field not in ("id", "group")}, id=person.id or listed.id,
                  group=group or person.group or listed.group)


def members_by_group(found, groups, known):
    """({place in found of a group: places in known of its members}, places in known that are in several groups)."""
    names = {}
    for number, (known_by, submission) in enumerate(found):
        if not submission.members:
            for name in {submission.group, submission.name, known_by} - {""}:
                names.setdefault(plain(name), []).append(number)
    # A group's name may have a comma in it; several groups of one person are written with commas.
    of = {}
    for place, (person, _) in enumerate(known):
        texts = [person.group] if plain(person.group) in names else person.group.replace(";", ",").split(",")
        of[place] = {names[plain(text)][0] for text in texts if len(names.get(plain(text), ())) == 1 and plain(text)}
    several = {place for place, numbers in of.items() if len(numbers) > 1}
    in_group = {}
    for place, numbers in of.items():
        if len(numbers) == 1:
            in_group.setdefault(min(numbers), []).append(place)
    return in_group, several


def plain(name):
    """A group's name without what platforms leave out or replace in the names of files."""
    return "".join(letter for letter in unicodedata.normalize("NFC", name).casefold() if letter.isalnum())
