"""The rubric of a report, rubric.toml, and the marking sheet that it is: report.csv."""
import functools
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from coursekit.classes.sheets import Kind
from coursekit.grading.paper import NO_REPORT, Paper
from coursekit.grading.tell.points import points
from coursekit.questions import Question
from helpers.given.console import UserError, cannot_read

FILE, KEPT, PDFS = "rubric.toml", "reports.json", "reports"  # in the folder of results
DEFAULT = Path(__file__).parents[1] / "templates" / FILE
LOOK = "the report has to be looked for: "
MOST_PARTS, MOST_BYTES = 50, 1 << 20
KEYS = {"": {"points", "part"}, "part": {"name", "weight", "levels"}, "level": {"from", "words"}}


@dataclass(frozen=True)
class Part:
    """A part of a report. max: its points. levels: ((from which points on, words), ...), the best first."""

    name: str
    max: float
    levels: tuple

    @property
    def words(self):
        return "\n".join(f"from {points(least)}: {words}" for least, words in self.levels)


def read_rubric(path):
    """The Parts of a rubric. Raises UserError with the number of the line that is wrong."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
        told = tomllib.loads(text) if len(content) <= MOST_BYTES else None
    except OSError as error:
        raise cannot_read(path, error) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not in UTF-8: save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # tomllib also has a plain ValueError, for a number too long
        raise UserError(f"{path} is not TOML: {error}") from None
    if told is None:
        raise UserError(f"{path} is larger than {MOST_BYTES >> 20} MB: that is no rubric")
    return Reader(path, text).parts(told)


class Reader:
    """Checks what a rubric says, and finds the line of what is wrong."""

    def __init__(self, path, text):
        self.path, self.lines = path, text.split("\n")
        self.starts = [number for number, line in enumerate(self.lines, start=1)
                       if re.match(r"\s*\[\[\s*part\s*\]\]", line)]

    def wrong(self, why, part=None, key="", skip=0):
        """A UserError. part: the number of a part, from 0. key: that stands in the line; skip: so many lines of it."""
        start = self.starts[part] if part is not None and part < len(self.starts) else 1
        end = self.starts[part + 1] - 1 if part is not None and part + 1 < len(self.starts) else len(self.lines)
        stands = re.compile(rf"(?<![\w.]){re.escape(key)}\s*=|^\s*\[+\s*{re.escape(key)}\b")
        found = [number for number in range(start, end + 1) if key and stands.search(self.lines[number - 1])]
        line = found[min(skip, len(found) - 1)] if found else start
        return UserError(f"{self.path}, line {line}: {why}")

    def known(self, told, what, part=None):
        for key in told:
            if key not in KEYS[what]:
                raise self.wrong(f"{key!r} is not known here, expected {', '.join(sorted(KEYS[what]))}", part, key)

    def parts(self, told):
        self.known(told, "")
        most, found = told.get("points", 100), told.get("part")
        if not number(most) or not 0 < most <= 1e6:
            raise self.wrong(f"points is {most!r}, expected a number above 0", key="points")
        if not isinstance(found, list) or not 0 < len(found) <= MOST_PARTS \
                or not all(isinstance(part, dict) for part in found):
            raise self.wrong(f"expected between 1 and {MOST_PARTS} parts, each under [[part]]", key="part")
        names, weights = {}, []
        for place, part in enumerate(found):
            self.known(part, "part", place)
            name, weight = part.get("name"), part.get("weight")
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise self.wrong(f"name is {name!r}, expected how the part is called", place, "name")
            if name.strip().casefold() in names:
                raise self.wrong(f"there are two parts {name.strip()!r}", place, "name")
            if not number(weight) or not 0 < weight <= 100:
                raise self.wrong(f"weight is {weight!r}, expected per cent, above 0", place, "weight")
            names[name.strip().casefold()] = name.strip()
            weights.append(weight)
        if abs(sum(weights) - 100) > 1e-6:
            added = " + ".join(f"{weight:g}" for weight in weights)
            raise self.wrong(f"the weights add up to {sum(weights):g}, expected 100: {added}", len(found) - 1, "weight")
        return tuple(Part(name, round(most * weight / 100, 2), self.levels(part, place, most * weight / 100))
                     for place, (part, name, weight) in enumerate(zip(found, names.values(), weights)))

    def levels(self, part, place, most):
        """The levels of a part of so many points."""
        levels, before, seen = part.get("levels", []), None, set()
        if not isinstance(levels, list) or not all(isinstance(level, dict) for level in levels):
            raise self.wrong("levels is no list of { from = ..., words = \"...\" }", place, "levels")
        for turn, level in enumerate(levels):
            for key in level:
                if key not in KEYS["level"]:
                    raise self.wrong(f"{key!r} is not known here, expected from, words", place, key)
            least, words = level.get("from"), level.get("words")
            if not number(least) or not 0 <= least <= 100:
                raise self.wrong(f"from is {least!r}, expected per cent of the part's points", place, "from", turn)
            if not isinstance(words, str) or not words.strip():
                raise self.wrong(f"words is {words!r}, expected what the level asks for", place, "from", turn)
            if before is not None and least >= before:
                raise self.wrong(f"the levels of {part['name']!r} are out of order: {least:g} stands below {before:g}, "
                                 "expected the best first", place, "from", turn)
            if words.strip() in seen:
                raise self.wrong(f"two levels of {part['name']!r} say the same", place, "from", turn)
            seen.add(words.strip())
            before = least
        if before:
            raise self.wrong(f"the last level of {part['name']!r} is from {before:g}, expected one from 0", place,
                             "from", len(levels) - 1)
        return tuple((round(most * level["from"] / 100, 2), level["words"].strip()) for level in levels)


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def rubric_of(results):
    """The Parts that count for a class: of its own rubric.toml, else of the course's."""
    own = results.folder / FILE
    path = own if own.is_file() else DEFAULT
    return read_at(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def read_at(path, _):
    return read_rubric(path)


def kept(results):
    """What was found of the reports: {"from": where, or None; "papers": {key: Paper}}."""
    path = results.folder / KEPT
    return kept_at(path, path.stat().st_mtime_ns) if path.is_file() else {"from": None, "papers": {}}


@functools.lru_cache(maxsize=4)
def kept_at(path, _):
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {"from": told["from"], "papers": {key: Paper(**paper) for key, paper in told["papers"].items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is broken: delete it, and run `course rubric` again") from None


def paper_of(results, key):
    """The Paper of a submission, or None if nobody has looked for it yet."""
    papers, former = kept(results)["papers"], results.settings.get("former", {})
    return papers.get(key) or next((papers[old] for old, new in former.items() if new == key and old in papers), None)


def asked(results, who):
    return tuple(Question(part.name, part.name, "", part.words, max=part.max) for part in rubric_of(results))


def given(results, who, report, question):
    """The report as it is now, in the words of the sheet. It is worth 0 only where it is known that there is none."""
    paper = paper_of(results, who.submission.key)
    if paper is None:
        return "", None, f"{LOOK}run `course rubric` again"
    if paper.nothing:
        return "", 0.0, NO_REPORT
    return paper.words, None, f"{LOOK}{paper.problem}" if paper.problem else ""


REPORT = Kind("report", "report.csv", asked, given, nothing=(NO_REPORT,), look=(LOOK,))
