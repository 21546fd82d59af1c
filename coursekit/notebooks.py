"""What a student's notebook holds: its cells, in whatever program and version of the format it was written."""
import base64
import binascii
import json
import re
import struct
from dataclasses import dataclass, field
from urllib.parse import unquote

from helpers.given.console import UserError

MAX_SIDE, MAX_PIXELS = 20_000, 64 << 20  # of a picture: a browser holds them all in its memory
# ![words](target "title") and <img src="target">
REFERENCE = re.compile(r"!\[[^\]\[\n]{0,500}\]\(\s*<?([^)\s>]+)[^)\n]{0,500}\)"
                       r"|<img\b[^>]{0,500}?\bsrc\s*=\s*[\"']([^\"']+)", re.IGNORECASE)


class NotebookError(UserError):
    """A notebook cannot be read. The message goes on after its name: "is cut off"."""


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook. id: "" in old ones. type: markdown, code or raw. attachments: {name: {type: base64}}."""

    id: str
    type: str
    source: str
    attachments: dict = field(default_factory=dict)


def cells_of(text):
    """The Cells in the text of a notebook. Raises NotebookError."""
    try:
        notebook = json.loads(text, object_pairs_hook=without_outputs)
        sheets = notebook["worksheets"] if "cells" not in notebook else [notebook]  # version 3 of the format
        return [cell_of(cell) for sheet in sheets for cell in sheet["cells"]]
    except json.JSONDecodeError as error:
        raise NotebookError(why_broken(text, error)) from None
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise NotebookError("is not a notebook: it has no cells") from None


def without_outputs(pairs):
    """An object of a notebook without what makes it large."""
    return {name: value for name, value in pairs if name not in ("outputs", "metadata", "widgets")}


def cell_of(cell):
    kind = {"code": "code", "raw": "raw"}.get(cell["cell_type"], "markdown")  # once there were headings, too
    source = cell["source"] if "source" in cell else cell["input"]  # of version 3
    if not isinstance(source, str):
        source = "".join(map(str, source))
    attachments = cell.get("attachments")
    return Cell(str(cell.get("id") or ""), kind, source, attachments if isinstance(attachments, dict) else {})


def why_broken(text, error):
    """Why a text is not that of a notebook. error: what the JSON parser said."""
    if line := conflict_line(text):
        return f"holds a merge conflict of git (line {line}): both versions of it are mixed"
    if not text.strip():
        return "is empty"
    if text.lstrip().startswith("<"):
        return "is a web page, not a notebook"
    if error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated"):
        return "is cut off: its end is missing"
    return f"is not a notebook (line {error.lineno}: {error.msg})"


def conflict_line(text):
    """The line in which a merge conflict of git begins; None if there is none."""
    begin = re.search(r"^<{7}( |$)", text, re.MULTILINE)
    if begin and re.search(r"^>{7}( |$)", text, re.MULTILINE):
        return text.count("\n", 0, begin.start()) + 1
    return None


def pictures_in(source, attachments):
    """A text of a cell without the pictures that are written out in it, and all pictures that it shows: ((name, base64
    of one, or None for a file), ...)."""
    found = []
    for match in REFERENCE.finditer(source):
        target = match[1] or match[2]
        if target.startswith("data:"):
            found.append((f"picture {len(found) + 1}", target.partition(",")[2]))
        elif target.startswith("attachment:"):
            name = unquote(target.removeprefix("attachment:"))
            kinds = attachments.get(name, attachments.get(target.removeprefix("attachment:")))
            content = next(iter(kinds.values()), "") if isinstance(kinds, dict) else ""
            found.append((name, "".join(map(str, content)) if isinstance(content, (str, list)) else ""))
        elif not re.match(r"[a-z][a-z0-9+.-]+:|//", target, re.IGNORECASE):
            found.append((unquote(target), None))
    return re.sub(r"data:[\w/+.-]{0,100};base64,[A-Za-z0-9+/=%]*", "data:", source), tuple(found)


def decoded(text):
    """The bytes that base64 stands for; b"" if it does not."""
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return b""


def picture_type(content):
    """The type of a picture that a browser may be shown, such as "image/png"; None for anything else, and for one that
    would be too large there. What could hold a program, an SVG file for instance, is none."""
    width = height = 0
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR" and len(content) > 24:
        kind, (width, height) = "image/png", struct.unpack(">II", content[16:24])
    elif content[:6] in (b"GIF87a", b"GIF89a") and len(content) > 10:
        kind, (width, height) = "image/gif", struct.unpack("<HH", content[6:10])
    elif content.startswith(b"\xff\xd8\xff"):
        kind, at = "image/jpeg", 2
        while at + 9 <= len(content) and content[at] == 0xff:
            marker, length = content[at + 1], int.from_bytes(content[at + 2:at + 4], "big")
            if 0xc0 <= marker <= 0xcf and marker not in (0xc4, 0xc8, 0xcc):  # it begins with the size
                height, width = struct.unpack(">HH", content[at + 5:at + 9])
                break
            at += 2 + length if marker != 0xff else 1
    fits = 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS
    return kind if fits else None
