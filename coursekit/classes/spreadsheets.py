"""What spreadsheet programs do to a text between two readings of it. None of it makes it another one."""
import math
import re
import unicodedata

LONGEST = 32_767  # characters of a cell of Excel; what is more is cut off
QUOTES = "'\"‘’‚‛“”„‟«»‹›`´"
DASHES = "-‐‑‒–—―−"
LOST = "?\ufffd"  # in the place of a character that an encoding does not have
DATE = re.compile(r"\d{1,4}([./-])\d{1,2}(?:\1\d{1,4})?")


def same(seen, text):
    """Is what a cell holds a text that was written there, but for what programs do on their own?

    They hide or double apostrophes, turn quotes, break lines, cut off, write ? or a letter that looks alike for what
    their encoding does not have, and take texts for numbers, dates and truth values.
    """
    seen, text = (unicodedata.normalize("NFC", each) for each in (seen, text))
    if seen.split() == text.split() or walk(seen, text):
        return True
    return same_value(seen.strip(QUOTES + " "), text.strip(QUOTES + " "))


def soft(character):
    """May it come and go?"""
    return character in QUOTES or character.isspace() or not character.isprintable()


def walk(seen, text):
    """Compare character by character."""
    here = there = lost_quotes = 0
    while True:
        while here < len(seen) and soft(seen[here]):
            here += 1
        while there < len(text) and soft(text[there]):
            lost_quotes += not text[there].isascii()
            there += 1
        if here == len(seen):
            return there == len(text) or len(seen) >= LONGEST - 1
        now, was = seen[here], text[there:there + 1]
        if now == was or now in DASHES and was and was in DASHES:
            here, there, lost_quotes = here + 1, there + 1, 0
        elif now in LOST and was and not was.isascii():
            here += 2 if was > "\uffff" and seen[here + 1:here + 2] == now else 1  # two halves, or one
            there, lost_quotes = there + 1, 0
        elif now in LOST and lost_quotes:
            here, lost_quotes = here + 1, lost_quotes - 1
        elif was == "…" and seen.startswith("...", here) or now == "…" and text.startswith("...", there):
            here, there = here + (3 if was == "…" else 1), there + (3 if now == "…" else 1)
        elif now.isascii() and was and not was.isascii():  # s for a Greek sigma
            here, there = here + 1, there + 1
        else:
            return False


def same_value(seen, text):
    """Do two texts stand for the same number, date or truth value?"""
    if text.casefold() in ("true", "false"):
        return seen.casefold() in {"true": ("true", "wahr", "vrai", "verdadero", "vero", "1"),
                                   "false": ("false", "falsch", "faux", "falso", "0")}[text.casefold()]
    ours, theirs = numbers(text), numbers(seen)
    if ours and theirs:
        return any(math.isclose(one, other, rel_tol=1e-4) for one in ours for other in theirs)
    if DATE.fullmatch(text) and len(seen) < 20:  # 1/2 becomes 01. Feb, 2-Jan or 02/01/2026
        ours, theirs = ({number.lstrip("0") for number in re.findall(r"\d+", each)} for each in (text, seen))
        return bool(ours & theirs) if re.search(r"[^\W\d]", seen) else ours < theirs
    return False


def numbers(text):
    """What number a text may stand for, in one country or another."""
    text = re.sub(r"[\s\u00a0\u202f']", "", text)
    if len(text) > 40 or not re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*(?:e[+-]?\d{1,3})?%?", text, re.IGNORECASE):
        return set()
    found, whole = set(), text.rstrip("%")
    for form in (whole, whole.replace(",", "."), whole.replace(",", ""), whole.replace(".", "").replace(",", ".")):
        try:
            found.add(float(form) / (100 if text.endswith("%") else 1))
        except ValueError:
            pass
    return found
