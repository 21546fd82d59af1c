"""How many pages a PDF has, and whether it is locked. Run in a process of its own: `python pages.py FILE` prints JSON.

What is read may be made to take for ever, or all memory. It imports nothing of the house.
"""
import json
import logging
import sys


def look(path):
    from pypdf import PdfReader

    logging.disable()  # what it mends is nobody's concern
    reader = PdfReader(path)
    locked = reader.is_encrypted and not unlocked(reader)
    return {"locked": locked, "pages": None if locked else len(reader.pages)}


def unlocked(reader):
    """Some PDFs can be read by all, and only printing or copying takes a password."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # a cipher that needs another library
        return False


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1])))
