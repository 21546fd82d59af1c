"""Which submissions are alike, compared only in what the students wrote themselves.

A student's own lines are those that do not stand in the released file. Their tokens are fingerprinted by winnowing
(Schleimer, Wilkerson, Aiken: Winnowing, SIGMOD 2003): every passage that two files share and that is at least
WINDOW + LENGTH - 1 tokens long shares a fingerprint, wherever it stands. Names that a student chose count as one name,
so renaming does not hide a copy. What the solution has too, or many of the class have, says nothing: only rare
fingerprints count. (Among packages, copydetect 0.5 does winnowing too; it knows no rarity, compares all pairs of files,
and writes a page of its own.)
"""
import collections
import io
import itertools
import keyword
import math
import tokenize
import zlib
from dataclasses import dataclass, field

from coursekit.gaps import own_lines

LENGTH = 10  # tokens of a fingerprint
WINDOW = 5  # one is kept of so many in a row
SHARE, MANY = 0.1, 20  # a fingerprint that more of the class have, or more students, is common
ENOUGH = 6  # rare fingerprints that two must share, about 40 tokens
ALIKE = 0.3  # of the rare ones of the shorter of two
MOST = 50  # pairs that are shown
IGNORED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
           tokenize.ENDMARKER}


@dataclass
class Own:
    """What a student wrote, as plain data: JSON can keep it.

    lines: [number, text] of each line; prints: [fingerprint, numbers of the lines that it covers] of each fingerprint.
    problem: why the file is not compared, "" if it is.
    """

    lines: list = field(default_factory=list)
    prints: list = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Pair:
    """Two alike submissions. shares: of the rare fingerprints of the one and the other; lines: what they have in
    common, as numbers of the lines of each."""

    keys: tuple
    shared: int
    shares: tuple
    lines: tuple


def own(source, given):
    """What a student wrote. given: the released file."""
    lines, problem = own_lines(source, given)
    if problem:
        return Own(problem=problem)
    tokens = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            number = token.start[0]
            docstring = token.type == tokenize.STRING and token.string.lstrip("rbuRBU").startswith(('"' * 3, "'" * 3))
            if token.type not in IGNORED and not docstring and number in lines:
                tokens.append((token.string, token.type, number))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # what stands before the error counts
    names = chosen(tokens) - set(words(given))
    plain = ["name" if kind == tokenize.NAME and text in names else text for text, kind, _ in tokens]
    prints = winnow(plain, [number for *_, number in tokens])
    return Own([[number, line] for number, line in lines.items()],
               [[value, sorted(covered)] for value, covered in prints.items()])


def words(text):
    """The names in a Python text."""
    return "".join(character if character.isidentifier() or character.isdigit() else " " for character in text).split()


def chosen(tokens):
    """The names that a text gives itself: what it assigns to, loops over, defines, takes as an argument."""
    names = set()
    for (text, kind, _), (after, *_), (before, *_) in zip(tokens, tokens[1:] + [("",)], [("",)] + tokens[:-1]):
        if kind == tokenize.NAME and not keyword.iskeyword(text) and before != ".":
            if after in ("=", ",", ":", "in", "+=", "-=", "*=", "/=", ":=") or before in ("def", "class", "as", "for"):
                names.add(text)
    return names


def winnow(tokens, numbers):
    """Fingerprints of a list of tokens: {hash: set of the lines that it covers}. numbers: the line of each token."""
    hashes = [(zlib.crc32("\0".join(tokens[start:start + LENGTH]).encode("utf-8", "replace")), -start)
              for start in range(len(tokens) - LENGTH + 1)]
    prints, last = collections.defaultdict(set), None
    for start in range(max(0, len(hashes) - WINDOW + 1)):
        # The smallest of each window, the rightmost of equal ones: neighbouring windows mostly agree on it.
        least, at = min(hashes[start:start + WINDOW])
        if at != last:
            prints[least].update(numbers[-at:LENGTH - at])
            last = at
    return dict(prints)


def pairs(sources, given, solution, whose=None):
    """Find the pairs of a class that are alike, the most alike first.

    Args:
        sources: {key: text of the graded file, or what `own` has made of it}
        given, solution: the released file, and the one with the gaps filled.
        whose: {key: set of what tells people and groups}; who shares one of these works together, and is no pair.
    Returns:
        the pairs, and {key: Own} of all.
    """
    all_own = {key: source if isinstance(source, Own) else own(source, given) for key, source in sources.items()}
    prints = {key: dict(found.prints) for key, found in all_own.items()}
    expected = {value for value, _ in own(solution, given).prints}
    whose = whose or {}
    having = collections.defaultdict(list)
    for key, found in prints.items():
        for value in found.keys() - expected:
            having[value].append(key)
    # Two of two, or three of many, may be a copy; what a tenth of the class writes is the way to do it.
    common = max(min(3, max(2, len(sources) - 1)), min(SHARE * len(sources), MANY))
    rare = {value: keys for value, keys in having.items() if len(keys) <= common}
    count = collections.Counter(itertools.chain.from_iterable(rare.values()))
    shared = collections.defaultdict(list)
    for value, keys in rare.items():
        for pair in itertools.combinations(sorted(keys), 2):
            if not whose.get(pair[0], set()) & whose.get(pair[1], set()):
                shared[pair].append(value)
    found = []
    for pair, values in shared.items():
        shares = tuple(len(values) / count[key] for key in pair)
        if len(values) >= ENOUGH and max(shares) >= ALIKE:
            lines = tuple(set().union(*(prints[key][value] for value in values)) for key in pair)
            weight = sum(math.log(len(sources) / len(rare[value])) for value in values)
            found.append((weight, Pair(pair, len(values), shares, lines)))
    found.sort(key=lambda entry: (-max(entry[1].shares) * entry[0], entry[1].keys))
    return [pair for _, pair in found[:MOST]], all_own
