"""Who is who over the assignments of a term: one person, whatever each platform calls them. Nobody by a guess."""
import collections
import dataclasses
from dataclasses import dataclass, field

from coursekit.classes import lists
from coursekit.classes.downloads import Person
from coursekit.classes.keys import keys
from coursekit.classes.place import few
from coursekit.classes.tables import plain
from coursekit.sandbox import printable

TELLING = "number", "login", "email", "id", "name"  # an id may be that of one assignment only


@dataclass
class People:
    """Everybody of a term.

    known: [(Person, logins)]. listed: how many of them are in the roster, the first ones. keys: of their folders.
    work: {(name of an assignment, place in `known`): [(Submission, number of the member)]}; more than one, if somebody
    is in several groups. doubts: {(assignment, place): why nobody can say what is theirs}. strangers: assignments with
    work of which nobody knows whose it is. told: lines for the instructor.
    """

    known: list = field(default_factory=list)
    listed: int = 0
    keys: list = field(default_factory=list)
    work: dict = field(default_factory=lambda: collections.defaultdict(list))
    doubts: dict = field(default_factory=dict)
    strangers: set = field(default_factory=set)
    told: list = field(default_factory=list)


def who_is_who(course, classes):
    """Find everybody: People. classes: {name of an assignment: Results, or None}."""
    people = People()
    if course.roster:
        people.known, told = lists.roster(course.roster)
        people.told += told
    people.listed = len(people.known)
    for assignment in course.assignments:
        if classes[assignment.name]:
            join(people, assignment.name, classes[assignment.name], course.group_size)
    named = [lists.known_by(person, TELLING) or "unnamed" for person, _ in people.known]
    many = collections.Counter(named)
    named = [who if many[who] == 1 else f"{who} ({place + 1})" for place, who in enumerate(named)]
    own = keys(named)
    people.keys = [own[who] for who in named]
    return people


def join(people, name, results, group_size):
    """Find the people of one assignment among those who are known, and add the others."""
    units = collections.defaultdict(list)
    for submission in results.submissions:
        if group_size and len(submission.people) > group_size:
            people.told.append(f"{name}: {submission.name} are {len(submission.people)}, and a group has at most "
                               f"{group_size}")
        for number, person in enumerate(submission.people):
            who = person.number or person.login or person.email or (person.id, person.name)
            units[who].append((submission, number, person))
    units = list(units.values())
    fits, doubts, odd = lists.match([(unit[0][2], "") for unit in units], people.known)
    for unit, others in [*doubts.items(), *((unit, [place]) for unit, place in odd)]:
        said = units[unit][0][2].name
        for place in others:
            people.doubts.setdefault((name, place), f"{said} may be theirs: nothing tells")
    if doubts or odd:
        unsure = dict.fromkeys([*doubts, *(unit for unit, _ in odd)])
        people.told.append(f"{name}: may be somebody else's as well, so taken for nobody's but their own: "
                           f"{few(units[unit][0][2].name for unit in unsure)}")
    left = [unit for unit in range(len(units)) if unit not in fits]
    again, _, _ = lists.match([(units[unit][0][2], "") for unit in left], people.known)
    same = {left[number]: place for number, place in again.items()}  # called otherwise in two groups
    for unit, place in [*same.items()]:
        there = next((other for other, taken in fits.items() if taken == place), None)
        if there is not None and unit not in doubts:
            units[there] = [*units[there], *units[unit]]
        else:
            del same[unit]
    new = [unit for unit in left if unit not in same]
    if new and people.listed:
        people.told.append(f"{name}: handed in, and not in the roster: {few(units[unit][0][2].name for unit in new)}")
    if new:
        people.strangers.add(name)
    for unit, works in ((unit, works) for unit, works in enumerate(units) if unit not in same):
        person = works[0][2]
        if unit in fits:
            place = fits[unit]
            there, logins = people.known[place]
            people.known[place] = filled(there, person), logins
        else:
            place = len(people.known)
            people.known.append((person, (person.login,) if person.login else ()))
        people.work[name, place] = [(submission, number) for submission, number, _ in works]
        if len(works) > 1:
            where = "; ".join(submission.name for submission, *_ in works)
            people.doubts[name, place] = f"in {len(works)} submissions: {where}"
            people.told.append(f"{name}: {person.name} is in {len(works)} submissions ({where}): their mark is open")
    if doubts := [f"{submission.name} ({submission.doubt})" for submission in results.submissions if submission.doubt]:
        people.told.append(printable(f"{name}: nobody can tell what is theirs, so their marks are open: {few(doubts)}"))


def filled(there, person):
    """What is known, and what this says besides. The group is that of one assignment."""
    return Person(**{each.name: "" if each.name == "group" else getattr(there, each.name) or getattr(person, each.name)
                     for each in dataclasses.fields(Person)})


class Finder:
    """Whose a line of a table is."""

    def __init__(self, people):
        self.by = collections.defaultdict(set)
        for place, (person, logins) in enumerate(people.known):
            for what in ("number", "email", "id"):
                self.add(what, getattr(person, what), place)
            for login in {*logins, person.login}:
                self.add("login", login, place)
            for form in lists.name_forms(person.name, False):
                self.by["name", form].add(place)
            self.add("key", people.keys[place], place)

    def add(self, what, text, place):
        if text:
            self.by[what, lists.folded(text)].add(place)
            if text.isdigit():  # spreadsheets take 007 for a number
                self.by[f"{what} without zeros", text.lstrip("0")].add(place)

    def among(self, what, text):
        """The places of those whom this tells."""
        if what == "name":
            return set().union(*(self.by.get(("name", form), set()) for form in lists.name_forms(text, False)))
        found = self.by.get((what, lists.folded(text)), set())
        return found or (self.by.get((f"{what} without zeros", text.lstrip("0")), set()) if text.isdigit() else found)

    def find(self, line, row):
        """The place of whom a line tells. Raises ValueError with the reason. line: of `lists.read_list`. row: the same
        as it stands there, which may have a column "person" of any of these."""
        found, said = None, []
        for what in TELLING:
            if text := line.get(what, ""):
                said.append(text)
                if those := self.among(what, text):
                    found = those if found is None else found & those
        text = next((printable(plain(value)) for title, value in row.items()
                     if isinstance(title, str) and lists.bare(title) == "person" and isinstance(value, str)), "")
        if text:
            said.append(text)
            those = next(filter(None, (self.among(what, text) for what in ("key", *TELLING))), set())
            found = those if found is None else found & those
        if not said:
            raise ValueError("nothing says whose it is: expected a column person, id number, login, email or name")
        if not found:
            raise ValueError(f"{' / '.join(said)} is nobody of this term")
        if len(found) > 1:
            raise ValueError(f"{' / '.join(said)} may be {len(found)} people: give a number, login or email")
        return min(found)
