"""Reads from a submission what is graded, and nothing else.

A submission is a folder, a zip file, a git repository without a working tree, or loose files. Nothing of it is unpacked
or executed here: a file is found by its name and read with a size limit.
"""
import os
import re
import stat
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

MAX_BYTES = 1 << 20  # of a graded file; ours are about 10 kB
MAX_NOTEBOOK_BYTES = 32 << 20  # with its pictures; ours have up to 3 MB
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

    Args:
        submission: a path, or loose files as a dict name -> path.
    """
    return _read(submission, PurePosixPath("helpers", f"{module}.py"), MAX_BYTES)


def read_notebook(submission, notebook):
    """Return the text of a notebook ("notebooks/2_vae.ipynb") in a submission. It is found as the graded file is."""
    return _read(submission, PurePosixPath(notebook), MAX_NOTEBOOK_BYTES)


def _read(submission, wanted, limit):
    if isinstance(submission, dict):
        content, submission = _from_files(submission, wanted, limit), "what was handed in"
    elif is_bare_repository(submission := Path(submission)):
        content = _from_git(submission, wanted, limit)
    elif submission.is_dir():
        content = _from_folder(submission, wanted, limit)
    elif submission.suffix in (".py", ".ipynb"):
        content = _from_files({submission.name: submission}, wanted, limit)
    elif submission.is_file():
        content = _from_zip(submission, wanted, limit)
    else:
        raise SubmissionError(f"{submission} is neither a folder nor a zip file")
    if len(content) > limit:
        raise SubmissionError(f"{wanted.name} in {submission} is larger than {limit >> 20} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{wanted.name} in {submission} is not a UTF-8 text file") from None


def _choose(paths, wanted, submission):
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


def _from_folder(folder, wanted, limit):
    found, seen = [], 0
    for place, folders, files in os.walk(folder):  # does not follow links
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = [name for name in folders if name not in IGNORED and depth < MAX_DEPTH]
        seen += len(folders) + len(files)
        if seen > MAX_ENTRIES:
            raise SubmissionError(f"{folder} holds more than {MAX_ENTRIES} files")
        if wanted.name in files:
            found.append(PurePosixPath(Path(place, wanted.name).relative_to(folder).as_posix()))
    return _plain(folder / _choose(found, wanted, folder), limit)


def _from_files(files, wanted, limit):
    # Canvas gives what is handed in again another name: vae-1.py.
    found = [(PurePosixPath(re.sub(r"-\d+(?=\.\w+$)", "", name)), path) for name, path in files.items()]
    found = [(name, path) for name, path in found if name.name == wanted.name]
    _choose([name for name, _ in found], wanted, "what was handed in")
    return _plain(Path(found[0][1]), limit)


def _plain(path, limit):
    if path.is_symlink() or not path.is_file():
        # Opened by the grader, with the grader's rights: a link could point to anything.
        raise SubmissionError(f"{path} is not a plain file")
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def _from_zip(archive, wanted, limit):
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            if len(entries) > MAX_ENTRIES:
                raise SubmissionError(f"{archive} holds more than {MAX_ENTRIES} files")
            inside = {PurePosixPath(entry.filename): entry for entry in entries if not entry.is_dir()}
            paths = [path for path in inside if path.name == wanted.name and not path.is_absolute()
                     and ".." not in path.parts and not IGNORED.intersection(path.parts)]
            entry = inside[_choose(paths, wanted, archive)]
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


def is_bare_repository(path):
    """True for a git repository without a working tree, as `git clone --bare` makes it."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _from_git(repository, wanted, limit):
    """Read from the last commit. These two commands run nothing that a repository's own settings could name."""
    listed = _git(repository, 16 << 20, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split(b"\0")
    if len(listed) > MAX_ENTRIES:
        raise SubmissionError(f"{repository} holds more than {MAX_ENTRIES} files")
    entries = {}
    for entry in listed[:-1]:
        about, _, name = entry.partition(b"\t")
        path = PurePosixPath(os.fsdecode(name))
        if path.name == wanted.name and not IGNORED.intersection(path.parts):
            entries[path] = about.decode().split()
    mode, _, blob = entries[_choose(list(entries), wanted, repository)]
    if not mode.startswith("100"):
        raise SubmissionError(f"{wanted.name} in {repository} is a link, not a plain file")
    return _git(repository, limit + 1, "cat-file", "blob", blob)


def _git(repository, limit, *command):
    """Return at most `limit` bytes of what git prints."""
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0",
                   "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}  # what is not there is fetched from nowhere
    try:
        process = subprocess.Popen(["git", f"--git-dir={repository}", *command], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        raise SubmissionError(f"{repository} is a git repository, and git is not installed") from None
    with process:
        content = process.stdout.read(limit)
        if len(content) == limit:
            process.kill()
    if process.returncode and len(content) < limit:
        raise SubmissionError(f"{repository} is a git repository without a readable commit")
    return content
