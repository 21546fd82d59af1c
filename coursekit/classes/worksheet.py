"""A platform's own table, taken in and given back: what is not filled in stays as it came, byte for byte."""
import re
from dataclasses import dataclass
from pathlib import Path

from coursekit.classes.tables import cell, delimiter_of
from helpers.given.console import UserError, cannot_read, write

MAX_BYTES = 64 << 20
BOM = "\ufeff"


@dataclass
class Worksheet:
    """rows: of cells as they stand in the file, with their quotes; the first one are the titles. ends: of their lines.
    path, encoding, bom: of the file."""

    path: Path
    rows: list
    ends: list
    delimiter: str
    encoding: str
    bom: str

    @property
    def titles(self):
        return [unquoted(raw).strip() for raw in self.rows[0]]

    @property
    def lines(self):
        """{number of a line in `rows`: its values}, without the titles and without empty lines."""
        values = ([unquoted(raw).strip() for raw in row] for row in self.rows)
        return {number: line for number, line in enumerate(values) if number and any(line)}

    def put(self, line, column, value):
        """Fill in a text or points. What a spreadsheet would take for a formula gets an apostrophe."""
        text = cell(value)
        if re.search(rf"[{self.delimiter}\"\r\n]|^\s|\s$", text):
            text = '"' + text.replace('"', '""') + '"'
        self.rows[line][column] = text

    def keep(self, lines, columns):
        """Leave out all other lines and columns. The titles stay."""
        kept = sorted({0, *lines})
        self.ends = [self.ends[line] for line in kept[:-1]] + [self.ends[0]]
        self.rows = [[self.rows[line][column] for column in columns] for line in kept]

    def save(self, path):
        text = "".join(self.delimiter.join(row) + end for row, end in zip(self.rows, self.ends))
        return write(path, (self.bom + text).encode(self.encoding, "replace"))


def read_worksheet(path):
    """Read a Worksheet: comma, semicolon or tab; UTF-8, or UTF-16 with a byte order mark.

    Raises UserError for what is none. A line with too many or too few cells is refused, as Moodle does: something has
    happened to the file since it was downloaded.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise cannot_read(path, error) from None
    if len(data) > MAX_BYTES or b"\0" in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"{path} is no CSV file: give it as the platform hands it out; save a spreadsheet's own file "
                        "as \"CSV UTF-8\"")
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(data[:2], "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not in UTF-8: give it as the platform hands it out, or save it as \"CSV UTF-8\""
                        ) from None
    bom, text = (BOM, text[1:]) if text.startswith(BOM) else ("", text)
    delimiter = delimiter_of(text)
    sheet = Worksheet(path, *cells(text, delimiter), delimiter, encoding, bom)
    if not sheet.rows or not sheet.lines:
        raise UserError(f"{path} has no line below its titles: give the file as it was downloaded")
    for number, row in enumerate(sheet.rows, start=1):
        if any(row) and len(row) != len(sheet.rows[0]):
            raise UserError(f"{path}: row {number} has {len(row)} cells, the titles are {len(sheet.rows[0])}: give the "
                            "file as it was downloaded")
    return sheet


def cells(text, delimiter):
    """(rows of cells with their quotes, the end of each line) of a CSV file's text."""
    end = rf"({delimiter}|\r\n|\n|\r|\Z)"
    quoted, bare = re.compile(rf'("(?:[^"]|"")*+"){end}'), re.compile(rf"([^{delimiter}\r\n]*+){end}")
    rows, ends, row, place = [], [], [], 0
    while place < len(text) or row:
        found = quoted.match(text, place) or bare.match(text, place)  # a quote that nobody closes is text
        row.append(found[1])
        place = found.end()
        if found[2] != delimiter:
            rows.append(row)
            ends.append(found[2])
            row = []
    return rows, ends


def unquoted(raw):
    return raw[1:-1].replace('""', '"') if len(raw) > 1 and raw[0] == raw[-1] == '"' else raw


def number(text):
    """The number in a cell, whatever its decimal sign, or None: 34, 33.5, 33,50, 1.000,00."""
    text = re.sub(r"[\s\u00a0']", "", text)
    if not re.fullmatch(r"\d+(?:[.,]\d+)*", text):
        return None
    whole, sign, part = re.fullmatch(r"(.*?)(?:([.,])(\d+))?", text).groups()
    return float(re.sub("[.,]", "", whole) + ("." + part if sign else ""))
