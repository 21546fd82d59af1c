"""Reads a file from the last commit of a git repository without a working tree. Git sees a copy of it, in a sandbox."""
import collections
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
from pathlib import Path, PurePosixPath

from coursekit.grading.files import IGNORED, MAX_DEPTH, MAX_ENTRIES, SubmissionError, choose_path, read_plain

MAX_BYTES = 512 << 20  # of a repository
MAX_TREE_BYTES = 16 << 20  # of the list of one folder in it
MEMORY = 2 << 20  # kB, of git; a few bytes of an object may say that it is huge
TIMEOUT = 20.0  # seconds, for all that is read of one repository


def is_bare_repository(path):
    """True for a git repository without a working tree, as `git clone --bare` makes it."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def from_git(repository, wanted, limit, room):
    """Read from the last commit."""
    if room is None:
        raise SubmissionError(f"{repository} is a git repository, and those are read in a sandbox only")
    with tempfile.TemporaryDirectory(dir=room.folder) as folder:
        copy = Path(folder, "copy")
        copy_repository(repository, copy)
        room.give(folder)
        with Git(repository, copy, room) as git:
            found = find_files(git, wanted)
            mode, blob = found[choose_path(list(found), wanted, repository)]
            if not mode.startswith(b"100"):
                raise SubmissionError(f"{wanted.name} in {repository} is a link, not a plain file")
            return git.read(blob, b"blob", limit, wanted.name)


def copy_repository(repository, copy):
    """Copy what git needs to find the last commit and its files, and nothing that could lead elsewhere."""
    for name in ("commondir", "objects/info/alternates", "objects/info/http-alternates"):
        if os.path.lexists(repository / name):
            raise SubmissionError(f"{repository} is a git repository that names another one ({name})")
    settings = read_plain(repository / "config", 1 << 16) if os.path.lexists(repository / "config") else b""
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
        if entries > MAX_ENTRIES or room > MAX_BYTES:
            raise SubmissionError(f"{repository} is a git repository of more than {MAX_ENTRIES} files or "
                                  f"{MAX_BYTES >> 20} MB: hand in less of it, for instance the folder alone")
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
        command = ["/bin/sh", "-c", f'ulimit -v {MEMORY} 2>/dev/null; exec "$0" "$@"',
                   program, f"--git-dir={copy}", "cat-file", "--batch"]
        environment = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_NO_REPLACE_OBJECTS": "1"}
        self.process = subprocess.Popen(room.wrap(command, readable=[copy], environment=environment),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=room.environment())
        self.timer = threading.Timer(TIMEOUT, self._stop)
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
            raise SubmissionError(f"{self.repository} is a git repository that takes more than {TIMEOUT:g} seconds "
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


def find_files(git, wanted):
    """Where files of the wanted name stand in the last commit: {path: (mode, name of its blob)}."""
    found, seen = {}, 0
    waiting = collections.deque([(PurePosixPath(), b"HEAD^{tree}")])
    while waiting:
        place, tree = waiting.popleft()
        for mode, name, object in entries_of(git.read(tree, b"tree", MAX_TREE_BYTES, "a folder"), git.repository):
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


def entries_of(tree, repository):
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
