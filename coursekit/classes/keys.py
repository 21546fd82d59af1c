"""The names of folders in the results: one for each submission, which depends on nothing but whose it is."""
import hashlib
import re
import unicodedata

# Windows takes these for devices, whatever ending they have.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9.@+_-]{0,58}[a-z0-9@+])?")
DIGITS = 8  # of the digest: two of 1,000 share one in one class of 8,000


def key(known_by):
    """The name of a folder on any system, for whoever is known by this text.

    A text that is such a name in small letters is its own key. Any other one keeps what it has of one, and gets a
    digest of the whole: some systems take Ada and ada for one name, all alphabets but one would leave nothing, and who
    else is there does not matter.
    """
    known_by = unicodedata.normalize("NFC", known_by)
    if PLAIN.fullmatch(known_by) and not RESERVED.fullmatch(known_by) and not re.search(r"-[0-9a-f]{8}$", known_by):
        return known_by
    return f"{readable(known_by)}-{digest(known_by)}"


def readable(text):
    base = re.sub(r"[^A-Za-z0-9.@+-]+", "_", text).strip("._-")[:60 - DIGITS - 1].rstrip("._-") or "unnamed"
    return base.replace(".", "_") if RESERVED.fullmatch(base) else base


def digest(text):
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def keys(all_known_by):
    """{known_by: key} of a class. Only texts that are the same but for the form of their accents, which nobody can see,
    have their own forms looked at."""
    found, taken = {}, {}
    for known_by in sorted(all_known_by, key=lambda text: (unicodedata.normalize("NFC", text) != text, text)):
        found[known_by] = key(known_by)
        if found[known_by].lower() in taken:
            found[known_by] = f"{readable(known_by)}-{digest(repr(known_by.encode('utf-8', 'surrogatepass')))}"
        taken[found[known_by].lower()] = known_by
    return found
