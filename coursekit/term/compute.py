"""One grade for each person, exactly: fractions to the end, rounded once.

What is open is never 0. Everything is computed twice: with the least that can come of what is open, and with the most.
Where both are the same, the grade is known.

The order, in each assignment: the share of its points that was got (with corrections of single items), times its
weight; less what lateness costs; plus bonus; less deductions, never below 0; then a correction of its total. After the
cut-off nothing of it counts but such a correction.
"""
import collections
import dataclasses
import datetime
import math
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from coursekit.term.byhand import TOTAL
from coursekit.term.settings import PARTS

DAY = datetime.timedelta(days=1)
NOTHING = Fraction(0)
BY_HAND = "report", "demonstration"  # may come without any file that is graded


@dataclass
class Part:
    """What was got of a part. least, most: as a share of `weight`, which it has in its assignment."""

    name: str
    least: Fraction
    most: Fraction
    weight: Fraction
    got: str


@dataclass
class Score:
    """One person in one assignment. least, most: of its points, after all rules. counts: it is the best of its choice.

    measured: (least, most) share of its points before any rule of the term. handed, due: moments or None. days: late
    days; None: late, and nobody knows how many. spent: late days that cost nothing. too_late: after the cut-off.
    open, notes: lines. corrections: [(Correction, what was measured)]. deducted: [(title, points, why)].
    """

    assignment: object
    work: object
    measured: tuple = (NOTHING, NOTHING)
    least: Fraction = NOTHING
    most: Fraction = NOTHING
    counts: bool = True
    parts: list = field(default_factory=list)
    entries: list = field(default_factory=list)
    handed: object = None
    due: object = None
    days: int | None = 0
    spent: int = 0
    too_late: bool = False
    off: Fraction = NOTHING
    bonus: tuple = (NOTHING, NOTHING)
    deducted: list = field(default_factory=list)
    corrections: list = field(default_factory=list)
    extended: bool = False
    open: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def known(self):
        return self.least == self.most


@dataclass
class Grade:
    """One person's term. least, most: of the total, rounded. passed: True, False, or None where that is open or nothing
    is asked. why: what is missing to pass, in words."""

    scores: list
    least: Decimal
    most: Decimal
    max: Decimal
    passed: bool | None
    why: list
    module: tuple = ()

    @property
    def known(self):
        return self.least == self.most


def rounded(course, number):
    """Round once, as course.toml says."""
    steps = number / Fraction(course.to)
    whole = math.floor(steps)
    rest = steps - whole
    up = {"up": rest > 0, "down": False, "half up": rest >= Fraction(1, 2),
          "half even": rest > Fraction(1, 2) or rest == Fraction(1, 2) and whole % 2 == 1}[course.how]
    return (whole + up) * course.to


def grade(course, works, times, extensions, corrections, deductions):
    """The Grade of one person. works: {assignment: Work}; the others: {assignment: what there is for this person}.

    corrections: [(Correction, function that says why it does not fit)] of each assignment.
    """
    scores = [score(course, one, works[one.name], times.get(one.name), extensions.get(one.name),
                    corrections.get(one.name, ()), deductions.get(one.name, [])) for one in course.assignments]
    totals = []
    for most in (False, True):
        spent, counted = spend(course, scores, most)
        values = {one.assignment.name: value(course, one, spent.get(one.assignment.name, 0), most) for one in scores}
        total = sum((values[name] for name in counted), NOTHING)
        totals.append((max(NOTHING, total if course.beyond else min(total, course.max)), values, counted, spent))
    (least, values, counted, spent), (most, values_most, counted_most, spent_most) = totals
    for one in scores:
        name = one.assignment.name
        one.least, one.most = values[name], values_most[name]
        one.counts = name in counted or name in counted_most
        one.spent = spent_most.get(name, 0)
        one.off = lost(course, one, one.spent, True)
    found = Grade(scores, rounded(course, least), rounded(course, most), rounded(course, course.max), None, [])
    if course.module_share is not None:
        found.module = tuple(rounded(course, number / course.max * course.module_share) for number in (least, most))
    if course.passing:
        least_passes, why = passes(course, scores, found.least, counted, False)
        most_passes, never = passes(course, scores, found.most, counted_most, True)
        found.passed = True if least_passes else None if most_passes else False
        found.why = [] if least_passes else never or why
    return found


# One assignment

def score(course, assignment, work, handed, extension, corrections, deducted):
    """What is known of one assignment before late days are spent: a Score."""
    one = Score(assignment, work, handed=handed, due=extension or assignment.due, extended=extension is not None,
                deducted=[] if work.nothing else list(deducted))
    one.entries = list(work.entries)
    if work.state:
        one.open.append(work.state)
    correct(one, corrections)
    one.parts = parts_of(assignment, one)
    weight = sum((part.weight for part in one.parts), NOTHING)
    one.measured = tuple(sum((getattr(part, end) * part.weight for part in one.parts), NOTHING) / weight
                         if weight else NOTHING for end in ("least", "most"))
    one.open += [f"{entry.name}: {entry.why}" if entry.why else entry.name for entry in one.entries
                 if entry.points is None]
    lateness(course, one)
    bonus(one)
    return one


def parts_of(assignment, one):
    """The Parts that count. All points count alike where course.toml says nothing of parts."""
    by_part = {part: [entry for entry in one.entries if entry.part == part] for part in PARTS}
    if not assignment.parts:
        most = sum((entry.max for entry in one.entries), NOTHING)
        if any(entry.points is None and not entry.max for entry in one.entries):  # a sheet that cannot be read
            return [Part("all", NOTHING, Fraction(1), Fraction(1), "")]
        if not most:
            there = NOTHING if one.work.nothing else Fraction(1)
            return [Part("all", NOTHING, there, Fraction(1), "")]
        return [share(part, entries, sum((entry.max for entry in entries), NOTHING) / most)
                for part, entries in by_part.items() if any(entry.max for entry in entries)]
    found = []
    for part, weight in assignment.parts.items():
        if any(entry.max for entry in by_part[part]):
            found.append(share(part, by_part[part], weight))
        elif one.work.nothing and (part not in BY_HAND or not one.entries):
            found.append(Part(part, NOTHING, NOTHING, weight, "0"))
        else:
            found.append(Part(part, NOTHING, Fraction(1), weight, ""))
            if not one.work.state:
                one.open.append(f"{part}: not marked yet")
    return found


def share(part, entries, weight):
    most = sum((entry.max for entry in entries), NOTHING)
    least = sum((entry.points or NOTHING for entry in entries), NOTHING)
    still = sum((entry.max for entry in entries if entry.points is None), NOTHING)
    got = f"{float(least):g} of {float(most):g}" + (f", {float(still):g} open" if still else "")
    return Part(part, least / most, (least + still) / most, weight, got)


def correct(one, corrections):
    """Apply the corrections of items and parts. Those of the total wait. corrections: see `grade`."""
    for correction, refuse in corrections:
        if correction.item.casefold() == TOTAL:
            most = one.assignment.weight + one.assignment.style + one.assignment.feedback
            if correction.points > most:
                refuse(f"{float(correction.points):g} points for the total of {one.assignment.name}, there are "
                       f"{float(most):g}")
            else:
                one.corrections.append((correction, None))
            continue
        places = [place for place, entry in enumerate(one.entries)
                  if correction.item.casefold() in (entry.name.casefold(), f"{entry.name} ({entry.part})".casefold())]
        if not places and correction.item in PARTS:
            places = [place for place, entry in enumerate(one.entries) if entry.part == correction.item]
        if not places:
            refuse(f"there is no item {correction.item!r} in {one.assignment.name} for this person")
        elif len(places) > 1:
            refuse(f"{correction.item!r} is {len(places)} items of {one.assignment.name}: correct each")
        else:
            entry = one.entries[places[0]]
            if correction.change and entry.points is None:
                refuse(f"{entry.name} is open, so nothing can be added to it: say its points")
                continue
            points = correction.points + (entry.points if correction.change else 0)
            if not 0 <= points <= entry.max:
                refuse(f"{float(points):g} points for {entry.name}, there are {float(entry.max):g}")
                continue
            one.entries[places[0]] = dataclasses.replace(entry, points=points)
            one.corrections.append((correction, entry))


def lateness(course, one):
    """How late it is: one.days, one.too_late, and what is to be said of it."""
    if one.work.nothing or one.due is None:
        return
    if one.work.several:  # the one that counts may be late
        one.days = None
        return
    cut_off = one.assignment.cut_off and one.assignment.cut_off + (one.due - one.assignment.due)
    matters = course.late.per_day or cut_off
    if one.handed is None:
        if one.work.late and matters:
            one.days = None
            one.open.append("handed in late, as the platform says, and nobody knows when")
        elif one.work.late:
            one.notes.append("handed in late, as the platform says, which costs nothing")
        elif one.work.state:
            pass  # it is not known what was handed in either
        else:
            one.notes.append("nobody knows when it was handed in, and no platform calls it late: taken as in time")
        return
    if one.handed > one.due + course.late.grace:
        late = course.local(one.handed).replace(tzinfo=None) - course.local(one.due).replace(tzinfo=None)
        one.days = max(1, -(-late // DAY))  # by the clock on the wall, which is put on twice a year
    one.too_late = cut_off is not None and one.handed > cut_off
    if one.too_late:
        one.notes.append(f"after the cut-off, {course.said(cut_off)}: nothing of it counts")
    if one.work.late and not one.days:
        one.notes.append("the platform calls it late, but the time that is known here is not")


def bonus(one):
    """Bonus points, the least and the most of them."""
    least = most = NOTHING
    if not one.work.nothing:
        for what, known in (("style", one.work.style), ("feedback", one.work.feedback)):
            worth = getattr(one.assignment, what)
            least, most = least + (worth if known else 0), most + (worth if known or known is None else 0)
            if worth and known is None and not one.work.state:
                one.open.append(f"bonus for {what}: nobody knows")
    one.bonus = least, most


def lost(course, one, spent, most):
    """What lateness costs of an assignment."""
    days = max(0, (one.days or 0) - spent)
    rate = min(course.late.per_day * days, course.late.most) / 100
    base = one.assignment.weight * (1 if course.late.of_maximum else one.measured[most])
    return min(rate * base, one.assignment.weight * one.measured[most])


def value(course, one, spent, most):
    """The points of an assignment, if so many late days are spent on it. most: of what is open, the most comes."""
    points = one.assignment.weight * one.measured[most] - lost(course, one, spent, most) + one.bonus[most]
    points -= sum((off for _, off, _ in one.deducted), NOTHING)
    if one.too_late or one.days is None and not most:
        points = NOTHING
    points = max(NOTHING, points)
    final = [correction for correction, _ in one.corrections if correction.item.casefold() == TOTAL]
    points = next((correction.points for correction in final if not correction.change), points)
    return max(NOTHING, points + sum((correction.points for correction in final if correction.change), NOTHING))


# Late days, and which of a choice counts

def spend(course, scores, most):
    """({assignment: late days spent on it}, names of those that count)."""
    choices = collections.defaultdict(list)
    for one in scores:
        choices[one.assignment.choice or f"\0{one.assignment.name}"].append(one)
    if course.late.spend == "best":
        return spend_best(course, choices, most)
    left, spent = course.late.days, {}
    for one in sorted(scores, key=lambda one: (one.due is None, one.due and one.due.timestamp())):
        if one.days is None and not most:
            left = 0  # it may have taken all
        elif one.days and not one.too_late:
            spent[one.assignment.name] = min(left, one.days)
            left -= spent[one.assignment.name]
    best = [max(group, key=lambda one: value(course, one, spent.get(one.assignment.name, 0), most))
            for group in choices.values()]
    return spent, {one.assignment.name for one in best}


def spend_best(course, choices, most):
    """Where they save most of the total; of ways that save the same, the one that spends fewest."""
    ways = {0: (NOTHING, {}, set())}  # by days spent: total, spent, counted
    for group in choices.values():
        longer = {}
        for used, (total, spent, counted) in ways.items():
            for one in group:
                days = 0 if one.too_late else one.days or 0
                for more in range(min(course.late.days - used, days) + 1):
                    points = total + value(course, one, more, most)
                    if used + more not in longer or points > longer[used + more][0]:
                        name = one.assignment.name
                        longer[used + more] = points, {**spent, **({name: more} if more else {})}, counted | {name}
        ways = longer
    used = max(ways, key=lambda used: (ways[used][0], -used))
    return ways[used][1:]


# To pass

def passes(course, scores, total, counted, most):
    """(passed, what is missing)."""
    missing = []
    for what, percent in course.passing.items():
        need = percent / 100
        if what == "all":
            if Fraction(total) < need * course.max:
                missing.append(f"{float(percent):g} % of all points")
            continue
        for one in scores if what == "each" else ():
            if one.assignment.name in counted and one.assignment.weight:
                if (one.most if most else one.least) < need * one.assignment.weight:
                    missing.append(f"{float(percent):g} % of {one.assignment.name}")
        if what in PARTS:
            had = got = NOTHING
            for one in scores:
                for part in one.parts if one.assignment.name in counted else ():
                    if part.name == what and what in one.assignment.parts:
                        whole = one.assignment.weight * part.weight / sum(one.assignment.parts.values())
                        had += whole
                        got += 0 if one.too_late or one.days is None and not most else \
                            whole * (part.most if most else part.least)
            if got < need * had:
                missing.append(f"{float(percent):g} % of {what}")
    return not missing, missing
