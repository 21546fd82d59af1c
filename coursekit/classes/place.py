"""Where the class is: the folder whose entries are those of students, whatever stands around it."""
import functools
import itertools
import re
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath

from coursekit.classes import archive
from coursekit.classes.downloads import AGAIN, GRADESCOPE, PATTERNS, SURE, real_folder, recognise, visible
from coursekit.grading.repository import is_bare_repository
from coursekit.sandbox import printable
from helpers.given.console import UserError
from helpers.given.course import assignments

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z", ".rar")
LOOSE = (".py", ".ipynb", ".py.txt", ".ipynb.txt", ".ipynb.json")
DEEPEST = 8  # folders that stand around a class
MAX_LIST = 16 << 20  # bytes of the list of files in a zip file
MOST_LOOKED_AT = 2000  # entries of a folder, to see whether there is work in it
WRAPPERS = re.compile(r"submissions?|abgaben?|handed[ _-]?in|soumissions?|rendus?|entregas?|env[ií]os?|consegne|"
                      r"inzendingen|participants?|teilnehmer\w*|downloads?", re.IGNORECASE)
# Folders of one submission, and its copies. None of them is called like a student.
PARTS = re.compile(r"(helpers|notebooks|data|runs|docs|tests|src|code|course|main|master|backup|old|alt|new|neu|final|"
                   r"copy|kopie|version|v)(?![a-z]).*", re.IGNORECASE)
REPORTS = "report.json", "report.md", "report.html", "results.json", "github.json"
NOBODY = {"helpers", "notebooks", "Feedback_files"}
MOST_TOLD = 12  # names in a line


def few(names, most=MOST_TOLD):
    """Some names in a line, and how many more there are."""
    names = [printable(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def ending(path, endings):
    """The one of the endings that a name has, as it is written there, or ""."""
    found = next((end for end in sorted(endings, key=len, reverse=True) if path.name.lower().endswith(end)), "")
    return path.name[len(path.name) - len(found):] if found else ""


def is_results(folder):
    """Is it what `grade-class` or `grade` has written, or a folder of such?"""
    if not folder.is_dir() or any((folder / name).exists() for name in ("helpers", "notebooks")):
        return False
    inside = visible(folder)
    return is_of_a_class(folder) or all((folder / name).is_file() for name in REPORTS) or bool(inside) and all(
        real_folder(path) and is_of_a_class(path) for path in inside)


def is_of_a_class(folder):
    """Are these the results of a class? A student may call a file class.json, too."""
    return (folder / "class.json").is_file() and not any(map(work, visible(folder)))


def class_folder(place, temporary, told, out):
    """The folder whose entries are those of students. Looks through folders and archives that stand around it."""
    source = place
    for depth in range(DEEPEST):
        if place.is_file():
            inside = temporary / f"class-{depth}"
            inside.mkdir(mode=0o700)
            if left_out := archive.unpack(place, inside):
                told.append(f"left out of {printable(place.name)} (links, or names that cannot be): {few(left_out)}")
            place = inside
        if is_results(place):
            raise UserError(f"{place} is a folder of results, not a class: give the folder with the submissions")
        entries = [path for path in visible(place) if path.name not in NOBODY and not is_results(path)
                   and path.resolve() != out]
        recognised = sum(recognise(path) is not None for path in entries)
        reason = one_submission(place)
        if (place / GRADESCOPE).is_file() or recognised > 1 or recognised and not reason:
            return place
        if reason:
            raise UserError(f"{source} is one submission ({reason}), not a class: use `./course grade`, or give the "
                            "folder in which all submissions stand")
        inner = [path for path in entries if path.is_dir() or ending(path, ARCHIVES + LOOSE)]
        if len(inner) != 1 or inner[0].is_symlink() or not holds_class(inner[0]):
            if len(inner) > 1 and all(is_class(path) if real_folder(path) else platform_made(path) for path in inner):
                raise UserError(f"{place} holds {len(inner)} classes, not submissions: "
                                f"{few(path.name for path in inner)}. Give one of them")
            return place
        place = inner[0]
        told.append(f"looked through {printable(place.name)}")
    raise UserError(f"{source}: too many folders in folders. Give the one in which the submissions stand")


def one_submission(folder):
    """Why a folder is one student's work, or None."""
    entries = visible(folder)
    reason = next(filter(None, map(work, entries)), "a git repository" if is_bare_repository(folder) else None)
    others = (path for path in entries if real_folder(path) and not PARTS.fullmatch(path.name) and has_work(path))
    return reason if reason and len(list(itertools.islice(others, 2))) < 2 else None


def work(path):
    """Why an entry is a part of one student's work, or None."""
    if path.is_symlink():
        return None
    if path.is_dir():
        kind = {"helpers": ".py", "notebooks": ".ipynb"}.get(path.name)
        return f"it holds {path.name}/" if kind and any(entry.suffix == kind for entry in visible(path)) else None
    name = path.name.lower()
    again = AGAIN.fullmatch(name)
    name = again["stem"] + again["suffix"] if again else name
    return f"it holds {printable(path.name)}" if name in files_asked_for() else None


@functools.cache
def files_asked_for():
    """vae.py, 2_vae.ipynb, ...: the names of what is handed in."""
    return {part.name for assignment in assignments().values() for part in (assignment.helper, assignment.notebook)}


def stem_of(path):
    """What an entry is called: without the ending, and without the name of what was asked for behind the student's."""
    end = "" if real_folder(path) else ending(path, ARCHIVES + LOOSE)
    stem = path.name[:len(path.name) - len(end)].removesuffix(".git")
    asked = [len(name) for name in files_asked_for()
             if end and re.search(rf"[^\W_][ _-]+{re.escape(name)}$", path.name, re.IGNORECASE)]
    stem = path.name[:-max(asked)].rstrip(" _-") if asked else stem
    return unicodedata.normalize("NFC", stem or path.name)


def has_work(folder, counts=lambda path: ending(path, ARCHIVES + LOOSE)):
    """Is there a Python file, a notebook or an archive somewhere in a folder? counts: or another file."""
    waiting, seen = [folder], 0
    while waiting and seen < MOST_LOOKED_AT:
        for path in visible(waiting.pop()):
            seen += 1
            if real_folder(path):
                waiting.append(path)
            elif counts(path):
                return True
    return False


def is_class(folder):
    """Is one of several folders a class of its own? One student's may hold many things."""
    return any(map(recognise, visible(folder))) or holds_class(folder) and like_students(
        [path.name for path in visible(folder) if real_folder(path) and has_work(path, work)])


def holds_class(path):
    """Does the only entry of a folder hold a class, not the work of one student?"""
    if path.is_file():
        return ending(path, (".zip",)) != "" and zip_holds_class(path)
    inside = visible(path)
    if (path / GRADESCOPE).is_file() or any(map(recognise, inside)):
        return True
    if is_bare_repository(path) or (path / ".git").exists() or any(map(work, inside)):
        return False
    if loose := [entry for entry in inside if ending(entry, LOOSE)]:
        return is_wrapper(path.name) and like_students({stem_of(entry) for entry in loose})
    inner = [entry for entry in inside if entry.name not in NOBODY and not entry.is_symlink() and not is_results(entry)
             and (entry.is_dir() and has_work(entry) or ending(entry, ARCHIVES))]
    if len(inner) == 1:
        return holds_class(inner[0]) or is_wrapper(path.name)
    return like_students([entry.name for entry in inner])


def is_wrapper(name):
    return bool(WRAPPERS.fullmatch(name)) or name.endswith("-submissions") \
        or re.sub(r"^\d+_", "", name).lower() in assignments()


def like_students(names):
    """Two or more, and no copies of one thing."""
    stems = {re.sub(r"[^\w]*\(\d*\)$", "", name.lower()) for name in names}
    return len(stems) > 1 and not any(PARTS.fullmatch(name) or is_wrapper(name) for name in names)


def files_in_zip(path):
    """The names in a zip file, as PurePosixPaths. [] if it cannot be read."""
    try:
        with zipfile.ZipFile(path) as opened:
            names = [archive.name_of(entry) for entry in opened.infolist()[:MOST_LOOKED_AT] if not entry.is_dir()]
    except Exception:  # a damaged archive raises what its compression raises
        return []
    files = [PurePosixPath(name.replace("\\", "/")) for name in names]
    return [name for name in files if not {"__MACOSX", ".git"} & set(name.parts) and not name.name.startswith(".")]


def short_list(path):
    """Is the list of the files in a zip file one that can be looked at here? Python reads the whole of it."""
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, path.stat().st_size - (1 << 16)))
            end = stream.read()
    except OSError:
        return False
    at = end.rfind(b"PK\5\6")
    return end[max(0, at - 20):at][:4] != b"PK\6\7" and int.from_bytes(end[at + 12:at + 16], "little") <= MAX_LIST


def platform_made(path):
    """Is it a zip file that surely is the download of a class? It has two submissions in it, or more."""
    if path.is_symlink() or not path.is_file() or not ending(path, (".zip",)) or not short_list(path):
        return False
    tops = {name.parts[0] for name in files_in_zip(path) if name.parts}
    return sum(any(pattern.fullmatch(top) for pattern in SURE) for top in tops) > 1


def zip_holds_class(path):
    """As `holds_class`, of the names in a zip file."""
    files, wrapped = files_in_zip(path), False
    for _ in range(DEEPEST):
        tops = {name.parts[0] for name in files if name.parts}
        if GRADESCOPE in tops or any(pattern.fullmatch(top) for top in tops for pattern in PATTERNS):
            return True
        if not tops or tops & {"helpers", "notebooks"} or any(work(Path(name)) for name in files if not name.parts[1:]):
            return False
        if len(tops) > 1:
            inner = {name.parts[0] for name in files if len(name.parts) > 1 and ending(name, ARCHIVES + LOOSE)}
            inner |= {name.parts[0] for name in files if len(name.parts) == 1 and ending(name, ARCHIVES)}
            return like_students(inner) or wrapped and bool(inner)
        wrapped = wrapped or is_wrapper(*tops)
        files = [PurePosixPath(*name.parts[1:]) for name in files if len(name.parts) > 1]
    return False
