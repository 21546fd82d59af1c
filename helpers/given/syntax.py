"""Which Python a file needs, if this one cannot read it or has not got what it uses; and what in it an older one could
not read.

Python tells neither: to 3.11, what came with 3.12 is a mistake like any other. So we look for what is new in the
language where the reading failed, and for names that are new in the library. Sources: PEP 695, 696, 701, 750, 758, 798
and 810, and "What's New in Python".
"""
import ast
import io
import re
import sys
import tokenize

NEWER = (  # (version, what is new, as it stands in a line); the newest come first
    ((3, 15), "lazy imports", r"\s*lazy\s+(?:import|from)\s"),
    ((3, 15), "unpacking in a comprehension", r".*[\[({]\s*\*\*?[^\[\](){}]+\sfor\s.+\sin\s"),
    ((3, 14), "t-strings", r"""(?:[^#'"]*?[^\w'"#])?(?i:t|rt|tr)['"]"""),
    ((3, 14), "`except` with several types and no parentheses", r"\s*except\b\s*\*?\s*[^\s(:#][^:#(]*,[^:#]*:"),
    ((3, 13), "defaults of type parameters", r"\s*(?:(?:async\s+)?def|class|type)\s+\w+\s*\[[^\]]*\w\s*=\s*\*?\w"),
    ((3, 12), "type parameters", r"\s*(?:(?:async\s+)?def|class)\s+\w+\s*\[(?:[^\]]*\]|[^\]()]*$)"),
    ((3, 12), "the statement `type`", r"\s*type\s+\w+\s*[\[=]"),
)
NAMES = {
    (3, 12): "itertools.batched math.sumprod random.binomialvariate typing.override typing.TypeAliasType "
             "collections.abc.Buffer types.get_original_bases",
    (3, 13): "warnings.deprecated copy.replace typing.TypeIs typing.ReadOnly typing.NoDefault math.fma queue.ShutDown "
             "os.process_cpu_count statistics.kde statistics.kde_random re.PatternError",
    (3, 14): "functools.Placeholder typing.evaluate_forward_ref operator.is_none operator.is_not_none uuid.uuid6 "
             "uuid.uuid7 uuid.uuid8 heapq.heapify_max heapq.heappush_max heapq.heappop_max heapq.heapreplace_max "
             "heapq.heappushpop_max",
}
NAMES = {name: version for version, names in NAMES.items() for name in names.split()}
F_STRING = re.compile(r"""\b(?:f|rf|fr)(?='|")""", re.IGNORECASE)
OLD_STRING = re.compile(r"""('''|\"\"\")(?:(?!\1)[^\\]|\\.)*\1|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\"""", re.DOTALL)
NEW_F_STRINGS = (3, 12), "f-strings with the same quotes, a backslash or a comment in their braces"
MOST = 20_000  # characters that are looked at


def needs(source, line):
    """What a file needs that could not be read at this line (from 1): the version of Python and what is new there, or
    None if that is no newer syntax."""
    lines = [f"{each}\n" for each in source.split("\n")]
    if not 1 <= line <= len(lines):
        return None
    text = lines[line - 1][:MOST // 10]
    for version, what, pattern in NEWER:
        if re.match(pattern, text):
            return version, what
    # An f-string over several lines is told of at its first one, or at one of the others.
    above = "".join(lines[max(0, line - 50):line - 1])[-MOST:]
    text = (above + "".join(lines[line - 1:line + 50]))[:2 * MOST]
    for begin in F_STRING.finditer(text):
        if begin.start() > len(above) + len(lines[line - 1]):
            break
        end, fields = f_string(text, begin.end())
        if end and end > len(above) and is_new(text[begin.end():end], fields):
            return NEW_F_STRINGS


def needs_for(error):
    """The same for code that failed with this error, as its message begins: a name that newer libraries have."""
    found = re.match(r"ImportError: cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'|"
                     r"AttributeError: module '(?P<where>[\w.]+)' has no attribute '(?P<what>\w+)'", error)
    name = found and f"{found['module'] or found['where']}.{found['name'] or found['what']}"
    if NAMES.get(name, (0, 0)) > sys.version_info[:2]:
        return NAMES[name], f"`{name}`"


def newer_than(source, oldest):
    """What in a file that this Python can read an older one could not, or has not got: its version of Python, what it
    is and its line, or None. oldest: a version. Raises SyntaxError."""
    for node in ast.walk(ast.parse(source)):
        used = ()
        if isinstance(node, ast.ImportFrom):
            used = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = [f"{node.value.id}.{node.attr}"]
        for name in used:
            if NAMES.get(name, oldest) > oldest:
                return NAMES[name], f"`{name}`", node.lineno
    try:
        ast.parse(source, feature_version=oldest)
    except SyntaxError as error:
        if found := needs(source, error.lineno or 0):
            return *found, error.lineno
        told = re.match(r"(.+) (?:is|are) only supported in Python (\d+)\.(\d+)", error.msg)
        return told and ((int(told[2]), int(told[3])), told[1], error.lineno)
    if oldest >= (3, 12):
        return None
    from helpers.given.style import whole_strings  # with pycodestyle, which only this needs
    for token in whole_strings(io.StringIO(source).readline):
        if token.type == tokenize.STRING and (begin := F_STRING.match(token.string)):
            end, fields = f_string(token.string, begin.end())
            if end == len(token.string) and is_new(token.string[begin.end():], fields):
                return *NEW_F_STRINGS, token.start[0]


def is_new(string, fields):
    """True if an older Python would not read this f-string (without its prefix). fields: the texts in its braces."""
    return not OLD_STRING.fullmatch(string) or any("\\" in field or "#" in field for field in fields)


def f_string(text, start, depth=0):
    """The end of the f-string whose quote is at `start`, as Python 3.12 reads it, and the texts in its outer braces.
    (None, []) if it is not whole."""
    quote = text[start] * (3 if text.startswith(text[start] * 3, start) else 1)
    at, fields = start + len(quote), []
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote), fields
        if text[at] == "\\" or text.startswith(("{{", "}}"), at):
            at += 2
        elif text[at] == "{":
            end = field(text, at + 1, depth)
            if end is None:
                break
            fields.append(text[at + 1:end])
            at = end + 1
        elif text[at] == "\n" and len(quote) == 1:
            break
        else:
            at += 1
    return None, []


def field(text, at, depth):
    """The place of the brace that ends a field which begins here, or None."""
    brackets = 0
    while at < len(text) and depth < 10:
        character = text[at]
        if character in "'\"":
            if F_STRING.match(text, max(0, at - 1)) or F_STRING.match(text, max(0, at - 2)):
                at = f_string(text, at, depth + 1)[0]
            else:
                at = (string := OLD_STRING.match(text, at)) and string.end()
            if at is None:
                return None
            continue
        if character == "}" and not brackets:
            return at
        brackets += (character in "([{") - (character in ")]}")
        at += 1
