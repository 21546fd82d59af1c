"""The text of a file that somebody handed in, in the encodings in which students write."""
import codecs
import io
import re
import tokenize

from coursekit.grading.files import IS_POINTER, LFS, SubmissionError

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # in this order: one begins like another
DECLARED = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+", re.MULTILINE | re.ASCII)
# What Python takes for an encoding of text, and is something else: some take for ever, or make other characters.
NO_ENCODINGS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "unicode-escape", "raw-unicode-escape",
                "utf-7", "undefined", "mbcs", "oem"}


def read_text(entry, limit):
    """The text of an Entry. Raises SubmissionError."""
    if entry.problem:
        raise SubmissionError(entry.problem)
    return text_of(entry.read(limit), entry.path)


def text_of(content, path):
    """The text of a file: by its byte order mark, as a Python file by the encoding that it declares, else UTF-8. What
    it declares is UTF-8 then, as whoever writes the text to a file writes it so."""
    if content.startswith(LFS):
        raise SubmissionError(f"{path} {IS_POINTER}")
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    declared = None
    if encoding is None and path.suffix.lower() != ".ipynb":
        try:
            encoding = declared = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        except SyntaxError:  # an encoding that nobody knows, or other bytes in the first lines
            encoding = "utf-8"
    try:
        if encoding and codecs.lookup(encoding).name in NO_ENCODINGS:
            raise LookupError
        text = content.decode(encoding or "utf-8")
    except (UnicodeError, LookupError):
        raise SubmissionError(f"{path} is not a UTF-8 text file, and declares no other encoding that fits") from None
    if "\0" in text:  # of UTF-16 without a mark, or no text at all
        raise SubmissionError(f"{path} is not a text file: it holds zero bytes")
    if declared and declared != "utf-8":
        lines = text.split("\n", 2)
        text = "\n".join([DECLARED.sub(r"\1utf-8", line) for line in lines[:2]] + lines[2:])
    return text


def normal(text):
    """A text without what differs from system to system: ends of lines, blanks before them, empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip()
