"""The leaderboard of a class's challenge: places, and names under which students find themselves.

leaderboard.csv says who is who. It is the instructor's; the names in it are read again, so that they stay.
"""
import hashlib
import itertools
import secrets
from dataclasses import dataclass

from coursekit.classes.tables import plain, read_table, write_rows
from coursekit.sandbox import printable
from helpers.given.console import UserError

FILE = "leaderboard.csv"
COLOURS = ("amber azure black blue brown copper coral crimson golden green grey indigo ivory jade olive orange pearl "
           "purple red ruby silver teal violet white").split()
ANIMALS = ("badger bear beaver crane deer dolphin eagle falcon fox hare hedgehog heron ibex lynx marten mole otter owl "
           "raven robin seal stork swan wolf").split()


@dataclass(frozen=True)
class Standing:
    """Where a submission stands. place: None if it has none, `entry["problem"]` says why. shared: by so many. of: how
    many have one. alias: the name under which it is listed. entry: of the report, see grading.challenge."""

    key: str
    alias: str
    entry: dict
    place: int | None = None
    shared: int = 1
    of: int = 0


def alias(key, seed, taken=()):
    """A name for a key: always the same for a seed, and none that is taken."""
    for attempt in itertools.count():
        number = int(hashlib.sha256(f"{seed}/{attempt}/{key}".encode()).hexdigest(), 16)
        number, colour = divmod(number, len(COLOURS))
        number, animal = divmod(number, len(ANIMALS))
        name = f"{COLOURS[colour]} {ANIMALS[animal]} {10 + number % 90}"
        if name not in taken:
            return name


def places(entries):
    """The place of each entry, {key: place}: one more than how many are better by more than both spreads together.

    entries: {key: entry}, each with a value. Those who cannot be told apart share a place.
    """
    def clearly_better(a, b):
        gap = (b["value"] - a["value"]) * (1 if a["order"] == "asc" else -1)
        return gap > a["spread"] + b["spread"]

    return {key: 1 + sum(clearly_better(other, mine) for other in entries.values()) for key, mine in entries.items()}


def standings(results, found):
    """The Standings of a class, the best first, those without a place last; [] if there is no challenge.

    found: {key: Report or None}.
    """
    entries = {key: report.challenge for key, report in found.items() if report and report.challenge}
    if not entries:
        return []
    ranked = places({key: entry for key, entry in entries.items() if entry["value"] is not None})
    known, seed, listed = known_names(results), secrets.token_hex(16), []
    for key in sorted(entries, key=lambda key: (key not in known, key)):
        known[key] = known.get(key) or alias(key, seed, known.values())
    held = list(ranked.values())
    for key, entry in entries.items():
        place = ranked.get(key)
        listed.append(Standing(key, known[key], entry, place, held.count(place), len(held)))
    sign = {"asc": 1, "desc": -1}
    return sorted(listed, key=lambda one: (one.place is None, one.place or 0,
                                           sign[one.entry["order"]] * (one.entry["value"] or 0), one.alias))


def known_names(results):
    """The names that were given before, {key: name}."""
    path = results.folder / FILE
    try:
        return {plain(row["key"]): printable(plain(row["alias"])) for row in read_table(path)} if path.exists() else {}
    except (UserError, KeyError):
        return {}


def save(results, listed, by_key):
    """Write leaderboard.csv. by_key: the rows of the grade book."""
    header = ["place", "alias", "key", "name", "value", "spread", "numbers", "why it has no place"]
    write_rows(results.folder / FILE, header, [
        [one.place, one.alias, one.key, by_key[one.key]["name"], *(
            None if number is None else f"{number:.4g}" for number in (one.entry["value"], one.entry["spread"])),
         one.entry["numbers"], one.entry["problem"]] for one in listed])
