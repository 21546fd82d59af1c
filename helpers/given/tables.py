"""Tables of numbers in a notebook: one row for each thing that is compared, the numbers below each other."""
import re


def table(rows, columns, corner="", names=None):
    """Print values in columns.

    Args:
        rows: dict name -> dict key -> value. A value that is missing or None leaves its place empty.
        columns: dict key -> (heading, format). The format is that of an f-string and begins with the column's width,
            such as "10.2f", "9.1%", or "16" for text. Headings and values stand at the right of their column.
        corner: what stands above the names.
        names: format of the first column, such as "<30"; None: as wide as the longest name and two more.
    Raises:
        ValueError: a format without a width.
    """
    names = f"<{max(map(len, map(str, rows)), default=0) + 2}" if names is None else names
    widths = {key: re.match(r"\d+", form) for key, (_, form) in columns.items()}
    if without := [key for key, width in widths.items() if width is None]:
        raise ValueError(f"the format of column {without[0]!r} must begin with a width, like 10.2f; "
                         f"got {columns[without[0]][1]!r}")
    print(f"{corner:{names}}" + "".join(f"{heading:>{widths[key][0]}}" for key, (heading, _) in columns.items()))
    for name, row in rows.items():
        print(f"{name:{names}}" + "".join(
            " " * int(widths[key][0]) if row.get(key) is None else f"{row[key]:>{form}}"
            for key, (_, form) in columns.items()))
