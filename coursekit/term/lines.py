"""Where in a TOML file a value stands. tomllib tells no lines, so it is asked statement by statement."""
import tomllib


def lines_of(text):
    """{path of a value: number of the line where its statement begins}, such as ("assignments", 0, "due"). text: TOML.

    A statement is as many lines as tomllib takes for a whole one. What stands in an inline table or a list has the line
    of the statement that it is in.
    """
    found, here, tables = {}, (), {}
    lines = text.split("\n")
    start = 0
    while start < len(lines):
        end, said = start + 1, None
        while said is None:
            try:
                said = tomllib.loads("\n".join(lines[start:end]))
            except tomllib.TOMLDecodeError:
                end += 1
                if end > len(lines):
                    return found  # the file is none; who has read it has said so
        path = tuple(key for key, _ in walk(said))
        if path and lines[start].lstrip().startswith("["):
            here = header(lines[start], said, tables)
            found.setdefault(here, start + 1)
        else:
            for path in paths(said):
                found.setdefault(here + path, start + 1)
        start = end
    return found


def walk(said):
    """(key, value) from the outermost table of a header inwards."""
    while isinstance(said, (dict, list)) and said:
        if isinstance(said, list):
            said = said[-1]
            continue
        key, said = next(iter(said.items()))
        yield key, said


def header(line, said, tables):
    """The path of [a.b] or [[a.b]]. tables: {path of a list of tables: how many there were}, counted on here."""
    keys = [key for key, _ in walk(said)]
    path = ()
    for number, key in enumerate(keys):
        path += (key,)
        if number == len(keys) - 1 and line.lstrip().startswith("[["):
            tables[path] = tables.get(path, 0) + 1
        if path in tables:
            path += (tables[path] - 1,)
    return path


def paths(said, path=()):
    """The paths of all that a statement sets."""
    if path:
        yield path
    for key, value in said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ():
        yield from paths(value, (*path, key))
