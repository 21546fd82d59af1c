"""Finds what can be asked about a file, in the lines that the student wrote. For a process of its own: the file is
hostile, and reading it may end the process that does. It is never executed.
"""
import ast
import collections
import warnings
from dataclasses import dataclass

from coursekit.gaps import own_lines
from coursekit.viva.patterns import matches, pattern

LONGEST = 160  # characters of a line that are quoted
MOST = 3  # places for one question
NODES = 14  # parts of a line that does several things at once
SIMPLE = ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr


@dataclass(frozen=True)
class Found:
    """Code that can be asked about. rule: the name of the question. function: around it, "" for none. line: its
    number. quote: the line as it stands there. texts: what stands for {found} and {_x} in the question."""

    rule: str
    function: str
    line: int
    quote: str
    texts: dict


def look(source, given, rules):
    """What can be asked about a file: ([Found], {function: (number, line) of the first own one in it}, why it cannot be
    read or "").

    source: of the file. given: as it was released. rules: {name: as in coursekit.viva}.
    """
    by_type = index(rules)
    lines, problem = own_lines(source, given)
    if problem:
        return [], {}, problem
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a strange escape is no concern of the instructor's
            tree = ast.parse(source)
        return *found_in(tree, source.split("\n"), lines, by_type), ""
    except SyntaxError as error:
        return [], {}, f"Python cannot read it: line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return [], {}, f"Python cannot read it: {type(error).__name__}"


def index(rules):
    """The questions by what they can be about: {type of a node: [(name, gaps, pattern or None, patterns that must not
    be there)]}."""
    found = collections.defaultdict(list)
    for rule, asked in rules.items():
        without = [pattern(text) for text in listed(asked.get("without"))]
        wanted = [pattern(text) for text in listed(asked["code"])]
        for kind, tree in [(type(tree), tree) for tree in wanted] or [(kind, None) for kind in SIMPLE]:
            found[kind].append((rule, asked.get("gap"), tree, without))
    return found


def found_in(tree, lines, own, by_type):
    """What `look` gives. own: the numbers of the student's lines. by_type: see index."""
    found, first, places = [], {}, collections.Counter()
    for name, nodes in functions(tree):
        for node in nodes:
            number = getattr(node, "lineno", None)
            if number not in own or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.stmt) and number < first.get(name, (number + 1,))[0]:
                first[name] = number, shortened(lines[number - 1])
            for rule, gaps, wanted, without in by_type.get(type(node), ()):
                texts = {}
                if places[rule, name] < MOST and belongs(name, gaps) and fits(wanted, node, texts) and not any(
                        matches(other, each, {}) for other in without for each in nodes):
                    places[rule, name] += 1
                    found.append(Found(rule, name, number, shortened(lines[number - 1]), {
                        key: segment(each, lines) for key, each in {**texts, "found": node}.items()}))
    return found, first


def fits(wanted, node, texts):
    """Is a node what a question is about? texts: gets what the names of its pattern stand for."""
    return matches(wanted, node, texts) if wanted else sum(1 for _ in ast.walk(node)) >= NODES


def functions(tree):
    """(dotted name, all nodes that are in no inner function, in their order) of the file itself, "", and of each
    function."""
    waiting = [(tree, "")]
    while waiting:
        owner, name = waiting.pop()
        nodes, inside = [], [(child, name) for child in ast.iter_child_nodes(owner)]
        while inside:
            node, around = inside.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                waiting.append((node, f"{around}.{node.name}".lstrip(".")))
                continue
            if isinstance(node, ast.ClassDef):
                around = f"{around}.{node.name}".lstrip(".")
            nodes.append(node)
            inside += [(child, around) for child in ast.iter_child_nodes(node)]
        nodes.sort(key=lambda node: (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
        yield name, nodes


def belongs(name, gaps):
    return gaps is None or any(name == gap or name.startswith(f"{gap}.") for gap in listed(gaps))


def listed(value):
    return value if isinstance(value, (list, tuple)) else [] if value is None else [value]


def segment(node, lines):
    """The code of a node, in one line."""
    # ast.get_source_segment splits the whole file for each call.
    first, last = node.lineno - 1, node.end_lineno - 1
    raw = [line.encode() for line in lines[first:last + 1]]
    raw[-1] = raw[-1][:node.end_col_offset]
    raw[0] = raw[0][node.col_offset:]
    return shortened(" ".join(part.decode(errors="replace").strip() for part in raw))


def shortened(text):
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
