"""Reads from a submission what is graded, and nothing else.

A submission is a folder or a zip file. Nothing of it is unpacked or executed here: the graded file is found by its
name and read with a size limit.
"""
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath

MAX_BYTES = 1 << 20  # of a graded file; ours are about 10 kB
MAX_ENTRIES = 100_000
MAX_DEPTH = 30  # folders in folders; what lies deeper is not looked at
# Python bounds what these make of a few bytes, not what bzip2 and lzma do.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
IGNORED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints", "__MACOSX", "site-packages"}


class SubmissionError(ValueError):
    """The submission cannot be graded at all. One line says why."""


class NoGradedFile(SubmissionError):
    """The submission is readable, but the file is not in it."""


def read_graded_file(submission, module):
    """Return the text of helpers/<module>.py in a submission.

    The file may stand as helpers/<module>.py or as <module>.py, at the top or in the one place where it is found.
    """
    submission = Path(submission)
    if submission.is_dir():
        content = _from_folder(submission, module)
    elif submission.is_file():
        content = _from_zip(submission, module)
    else:
        raise SubmissionError(f"{submission} is neither a folder nor a zip file")
    if len(content) > MAX_BYTES:
        raise SubmissionError(f"{module}.py in {submission} is larger than {MAX_BYTES >> 20} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{module}.py in {submission} is not a UTF-8 text file") from None


def _choose(paths, module, submission):
    """Return the path that counts: the one in helpers/ nearest to the top, else the one nearest to the top."""
    ranked = sorted(paths, key=lambda path: (path.parent.name != "helpers", len(path.parts), str(path)))
    if not ranked:
        raise NoGradedFile(f"{submission} holds no {module}.py (expected helpers/{module}.py)")
    best = ranked[0]
    equal = [path for path in ranked if len(path.parts) == len(best.parts)
             and (path.parent.name == "helpers") == (best.parent.name == "helpers")]
    if len(equal) > 1:
        raise SubmissionError(f"{submission} holds more than one {module}.py: {equal[0]} and {equal[1]}")
    return best


def _from_folder(folder, module):
    found, seen = [], 0
    for place, folders, files in os.walk(folder):  # does not follow links
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [name for name in folders if name not in IGNORED and depth < MAX_DEPTH]
        seen += len(folders) + len(files)
        if seen > MAX_ENTRIES:
            raise SubmissionError(f"{folder} holds more than {MAX_ENTRIES} files")
        if f"{module}.py" in files:
            found.append(PurePosixPath(Path(place, f"{module}.py").relative_to(folder).as_posix()))
    path = folder / _choose(found, module, folder)
    if path.is_symlink() or not path.is_file():
        # Opened by the grader, with the grader's rights: a link could point to anything.
        raise SubmissionError(f"{path} is not a plain file")
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _from_zip(archive, module):
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise SubmissionError(f"{archive} holds more than {MAX_ENTRIES} files")
            inside = {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}
            paths = [path for path in inside if path.name == f"{module}.py" and not path.is_absolute()
                     and ".." not in path.parts and not IGNORED.intersection(path.parts)]
            entry = inside[_choose(paths, module, archive)]
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise SubmissionError(f"{entry.filename} in {archive} is a link, not a plain file")
            if entry.compress_type not in COMPRESSIONS:
                raise SubmissionError(f"{archive} is compressed in an unusual way: zip it with the usual settings")
            with opened.open(entry) as stream:
                return stream.read(MAX_BYTES + 1)
    except SubmissionError:
        raise
    except Exception as error:  # a damaged archive raises what its compression raises: zlib, lzma, struct, ...
        raise SubmissionError(f"{archive} is not a readable zip file ({error})") from None
