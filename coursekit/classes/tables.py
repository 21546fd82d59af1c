"""CSV files that spreadsheets read and write."""
import csv
import io
import re
from pathlib import Path

from coursekit.grading.tell.points import points
from helpers.given.console import UserError, cannot_read, write

# A spreadsheet may split a table at its semicolons and end a cell with its line, whatever the quotes around it say. So
# a cell could begin after each of these. Some take an = of full width for one.
BEGINNING = r"""((?:\A|[,;\t\r\n])[ "]*)"""
FORMULA = r"(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])"


SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")


def expect_csv(path, data=b""):
    """Raise UserError for a spreadsheet's own file: by its name, or by how it begins."""
    if path.suffix.lower() in SPREADSHEETS or data[:4] in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
        raise UserError(f"{path} is a spreadsheet's own file: save it as CSV (\"CSV UTF-8\"), and give that")


def delimiter_of(text):
    """What stands between the cells of a CSV file: what its first line has most of, outside of quotes."""
    first = re.sub('"[^"]*"', "", text.split("\n", 1)[0])
    return max(",;\t", key=first.count)


def safe(text):
    """A text with an apostrophe before all that a spreadsheet would take for a formula."""
    return re.sub(BEGINNING + FORMULA, r"\1'", text)


def plain(text):
    """A cell as it was before `safe`."""
    return re.sub(f"{BEGINNING}'{FORMULA}", r"\1", text or "")


def cell(value):
    """A value as a cell of a CSV file. What a spreadsheet would take for a formula gets an apostrophe."""
    if value is None or isinstance(value, (int, float)):
        return "" if value is None else points(value)
    # Line breaks are for answers; other control characters have no place in a table.
    return safe("".join(character if character.isprintable() or character in "\n\t" else " "
                        for character in value))


def write_rows(path, header, rows):
    """Write a CSV file, whole or not at all. It begins with a byte order mark, without which Excel garbles names."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, header))
    writer.writerows(map(cell, row) for row in rows)
    write(path, "\ufeff" + text.getvalue())


def beside(path, word):
    """A path beside a table that is free: NAME-WORD-1.csv, or the next one."""
    return next(name for number in range(1, 10_000)
                if not (name := path.with_name(f"{path.stem}-{word}-{number}.csv")).exists())


def keep_copy(path):
    """Copy a table beside itself before it is written anew, as NAME-earlier-1.csv. Returns the name of the copy."""
    copy = beside(path, "earlier")
    write(copy, path.read_bytes())
    return copy.name


def read_table(path, otherwise=None):
    """The rows of a CSV file as dicts. Knows what spreadsheets write: UTF-8 or UTF-16 with a byte order mark,
    semicolons, tabs, a first line that says which (sep=;).

    otherwise: the encoding of what is none of these; None: it is refused.
    """
    path = Path(path)
    expect_csv(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise cannot_read(path, error) from None
    expect_csv(path, data)
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        if otherwise is None:
            raise UserError(f"{path} is not in UTF-8: save it as \"CSV UTF-8\"") from None
        text = data.decode(otherwise, "replace")
    said = re.match(r"\"?sep=(.)\"?\r?\n", text, re.IGNORECASE)
    text = text[said.end():] if said else text
    delimiter = said[1] if said else delimiter_of(text)
    csv.field_size_limit(1 << 24)
    try:
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval=""))
    except csv.Error as error:
        raise UserError(f"{path} is not a CSV file: {error}") from None
