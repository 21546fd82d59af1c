"""Finds one file by its name in a folder, in a zip file, or among loose files, and reads it with a size limit. Nothing
is unpacked."""
import os
import re
import stat
import zipfile
from pathlib import Path, PurePosixPath

from helpers.given.console import UserError

MAX_ENTRIES = 100_000
MAX_DEPTH = 30  # folders in folders; what lies deeper is not looked at
# Python bounds what these make of a few bytes, not what bzip2 and lzma do.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
IGNORED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints", "__MACOSX", "site-packages"}


class SubmissionError(UserError):
    """The submission cannot be graded at all. One line says why."""


class NoGradedFile(SubmissionError):
    """The submission is readable, but the file is not in it."""


def choose_path(paths, wanted, submission):
    """Return the path that counts: the one in the wanted folder nearest to the top, else the one nearest to the top."""
    folder = wanted.parent.name
    ranked = sorted(paths, key=lambda path: (path.parent.name != folder, len(path.parts), str(path)))
    if not ranked:
        raise NoGradedFile(f"{submission} holds no {wanted.name} (expected {wanted})")
    best = ranked[0]
    equal = [path for path in ranked if len(path.parts) == len(best.parts)
             and (path.parent.name == folder) == (best.parent.name == folder)]
    if len(equal) > 1:
        raise SubmissionError(f"{submission} holds more than one {wanted.name}: {equal[0]} and {equal[1]}")
    return best


def from_folder(folder, wanted, limit):
    found, seen = [], 0
    for place, folders, files in os.walk(folder):  # does not follow links
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [name for name in folders if name not in IGNORED and depth < MAX_DEPTH]
        seen += len(folders) + len(files)
        if seen > MAX_ENTRIES:
            raise SubmissionError(f"{folder} holds more than {MAX_ENTRIES} files")
        if wanted.name in files:
            found.append(PurePosixPath(Path(place, wanted.name).relative_to(folder).as_posix()))
    return read_plain(folder / choose_path(found, wanted, folder), limit)


def from_files(files, wanted, limit):
    # Canvas gives what is handed in again another name: vae-1.py.
    found = [(PurePosixPath(re.sub(r"-\d+(?=\.\w+$)", "", name)), path) for name, path in files.items()]
    found = [(name, path) for name, path in found if name.name == wanted.name]
    choose_path([name for name, _ in found], wanted, "what was handed in")
    return read_plain(Path(found[0][1]), limit)


def read_plain(path, limit):
    if path.is_symlink() or not path.is_file():
        # Opened by the grader, with the grader's rights: a link could point to anything.
        raise SubmissionError(f"{path} is not a plain file")
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def from_zip(archive, wanted, limit):
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise SubmissionError(f"{archive} holds more than {MAX_ENTRIES} files")
            inside = {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}
            paths = [path for path in inside if path.name == wanted.name and not path.is_absolute()
                     and ".." not in path.parts and not IGNORED.intersection(path.parts)]
            entry = inside[choose_path(paths, wanted, archive)]
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise SubmissionError(f"{entry.filename} in {archive} is a link, not a plain file")
            if entry.compress_type not in COMPRESSIONS:
                raise SubmissionError(f"{archive} is compressed in an unusual way: zip it with the usual settings")
            with opened.open(entry) as stream:
                return stream.read(limit + 1)
    except SubmissionError:
        raise
    except Exception as error:  # a damaged archive raises what its compression raises: zlib, lzma, struct, ...
        raise SubmissionError(f"{archive} is not a readable zip file ({error})") from None
