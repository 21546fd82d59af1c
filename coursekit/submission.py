"""Reads from a submission what is graded, and nothing else.

A submission is a folder, a zip file, a git repository without a working tree, or loose files. Nothing of it is unpacked
or executed here: a file is found by its name and read with a size limit. Git sees a copy of a repository, in a sandbox.
"""
import collections
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
import zipfile
from pathlib import Path, PurePosixPath

MAX_BYTES = 1 << 20  # of a graded file; ours are about 10 kB
MAX_NOTEBOOK_BYTES = 32 << 20  # with its pictures; ours have up to 3 MB
MAX_ENTRIES = 100_000
MAX_DEPTH = 30  # folders in folders; what lies deeper is not looked at
MAX_REPOSITORY_BYTES = 512 << 20
MAX_TREE_BYTES = 16 << 20  # of the list of one folder in a git repository
GIT_MEMORY = 2 << 20  # kB; a few bytes of an object may say that it is huge
GIT_TIMEOUT = 20.0  # seconds, for all that is read of one repository
# Python bounds what these make of a few bytes, not what bzip2 and lzma do.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
IGNORED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints", "__MACOSX", "site-packages"}


class SubmissionError(ValueError):
    """The submission cannot be graded at all. One line says why."""


class NoGradedFile(SubmissionError):
    """The submission is readable, but the file is not in it."""


def read_graded_file(submission, module, room=None):
    """Return the text of helpers/<module>.py in a submission.

    The file may stand as helpers/<module>.py or as <module>.py, at the top or in the one place where it is found.

    Args:
        submission: a path, or loose files as a dict name -> path.
        room: a walls.Room, in which git runs. Without one, git repositories are refused.
    """
    return _read(submission, PurePosixPath("helpers", f"{module}.py"), MAX_BYTES, room)


def read_notebook(submission, notebook, room=None):
    """Return the text of a notebook ("notebooks/2_vae.ipynb") in a submission. It is found as the graded file is."""
    return _read(submission, PurePosixPath(notebook), MAX_NOTEBOOK_BYTES, room)


def _read(submission, wanted, limit, room):
    if isinstance(submission, dict):
        content, submission = _from_files(submission, wanted, limit), "what was handed in"
    elif (submission := Path(submission)).is_dir():
        try:
            content = _from_folder(submission, wanted, limit)
        except NoGradedFile:
            if not is_bare_repository(submission):
                raise
            content = _from_git(submission, wanted, limit, room)
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


def _from_git(repository, wanted, limit, room):
    """Read from the last commit."""
    if room is None:
        raise SubmissionError(f"{repository} is a git repository, and those are read in a sandbox only")
    with tempfile.TemporaryDirectory(dir=room.folder) as folder:
        copy = Path(folder, "copy")
        _copy_repository(repository, copy)
        room.give(folder)
        with Git(repository, copy, room) as git:
            found = _find(git, wanted)
            mode, blob = found[_choose(list(found), wanted, repository)]
            if not mode.startswith(b"100"):
                raise SubmissionError(f"{wanted.name} in {repository} is a link, not a plain file")
            return git.read(blob, b"blob", limit, wanted.name)


def _copy_repository(repository, copy):
    """Copy what git needs to find the last commit and its files, and nothing that could lead elsewhere."""
    for name in ("commondir", "objects/info/alternates", "objects/info/http-alternates"):
        if os.path.lexists(repository / name):
            raise SubmissionError(f"{repository} is a git repository that names another one ({name})")
    settings = _plain(repository / "config", 1 << 16) if os.path.lexists(repository / "config") else b""
    if re.search(rb"(?i)objectformat\s*=\s*\W?sha256|refstorage\s*=\s*\W?reftable", settings):
        raise SubmissionError(f"{repository} is a git repository in a format that is not read here (sha256, reftable): "
                              "hand in a folder or a zip file")
    copy.mkdir()
    entries = room = 0
    waiting = ["HEAD", "packed-refs", "refs", "objects"]
    while waiting:
        name = waiting.pop()
        source, target = repository / name, copy / name
        if name == "packed-refs" and not os.path.lexists(source):
            continue
        status = source.lstat()
        entries, room = entries + 1, room + status.st_size
        if entries > MAX_ENTRIES or room > MAX_REPOSITORY_BYTES:
            raise SubmissionError(f"{repository} is a git repository of more than {MAX_ENTRIES} files or "
                                  f"{MAX_REPOSITORY_BYTES >> 20} MB: hand in less of it, for instance the folder alone")
        if stat.S_ISDIR(status.st_mode) and name.count("/") < MAX_DEPTH:
            target.mkdir()
            waiting += [f"{name}/{entry}" for entry in os.listdir(source) if (name, entry) != ("objects", "info")]
        elif stat.S_ISREG(status.st_mode):
            shutil.copyfile(source, target)
        else:
            raise SubmissionError(f"{name} in {repository} is not a plain file")
    (copy / "config").write_text("[core]\n\tbare = true\n")  # in place of the repository's own


class Git:
    """A running `git cat-file`, in the sandbox, over the copy of a repository. Use it as a context manager."""

    def __init__(self, repository, copy, room):
        program = shutil.which("git")
        if program is None:
            raise SubmissionError(f"{repository} is a git repository, and git is not installed")
        self.repository, self.late = repository, False
        # Not every system keeps this limit; the deadline holds everywhere.
        command = ["/bin/sh", "-c", f'ulimit -v {GIT_MEMORY} 2>/dev/null; exec "$0" "$@"',
                   program, f"--git-dir={copy}", "cat-file", "--batch"]
        environment = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_REPLACE_OBJECTS": "1"}
        self.process = subprocess.Popen(room.wrap(command, readable=[copy], environment=environment),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=room.environment())
        self.timer = threading.Timer(GIT_TIMEOUT, self._stop)
        self.timer.start()

    def _stop(self):
        self.late = True
        self.process.kill()

    def read(self, name, kind, limit, what):
        """The content of an object of this kind, a tree or a blob. what: it is, for the messages."""
        try:
            self.process.stdin.write(name + b"\n")
            self.process.stdin.flush()
            header = re.fullmatch(rb"[0-9a-f]+ ([a-z]+) ([0-9]{1,18})\n", self.process.stdout.readline(1000))
        except OSError:  # it has ended
            header = None
        content = b""
        if header and header[1] == kind:
            if int(header[2]) > limit:
                raise SubmissionError(f"{what} in {self.repository} is larger than {limit >> 20} MB")
            content = self.process.stdout.read(int(header[2]) + 1)
        if self.late:
            raise SubmissionError(f"{self.repository} is a git repository that takes more than {GIT_TIMEOUT:g} seconds "
                                  "to read")
        if not content.endswith(b"\n"):
            raise SubmissionError(f"{self.repository} is a git repository without a readable commit")
        return content[:-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.process.kill()
        self.process.communicate()


def _find(git, wanted):
    """Where files of the wanted name stand in the last commit: {path: (mode, name of its blob)}."""
    found, seen = {}, 0
    waiting = collections.deque([(PurePosixPath(), b"HEAD^{tree}")])
    while waiting:
        place, tree = waiting.popleft()
        for mode, name, object in _entries(git.read(tree, b"tree", MAX_TREE_BYTES, "a folder"), git.repository):
            seen += 1
            if seen > MAX_ENTRIES:
                raise SubmissionError(f"{git.repository} holds more than {MAX_ENTRIES} files")
            if name in IGNORED:
                continue
            if mode in (b"40000", b"040000") and len(place.parts) < MAX_DEPTH:
                waiting.append((place / name, object))
            elif name == wanted.name:
                found[place / name] = mode, object
    return found


def _entries(tree, repository):
    """The entries of a folder as git keeps them: mode, blank, name, zero byte, 20 bytes of the object's name."""
    at = 0
    while at < len(tree):
        about, zero, rest = tree[at:at + 5000].partition(b"\0")
        mode, blank, name = about.partition(b" ")
        if not zero or not blank or b"/" in name:
            raise SubmissionError(f"{repository} is a git repository with a broken folder")
        at += len(about) + 1
        yield mode, os.fsdecode(name), tree[at:at + 20].hex().encode()
        at += 20
