"""Reads a commit of a git repository. Git sees a copy of it, in a sandbox, and is asked for one object after the
other."""
import collections
import contextlib
import datetime
import functools
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from coursekit.grading.files import MAX_DEPTH, MAX_ENTRIES, NOT_PLAIN, NoGradedFile, SubmissionError, read_plain

MAX_BYTES = 512 << 20  # of a repository
MAX_TREE_BYTES = 16 << 20  # of the list of one folder in it
MAX_COMMIT_BYTES = 1 << 20
MAX_COMMITS = 10_000  # from the last one to that before a deadline
MAX_BRANCHES = 50
MEMORY = 2 << 20  # kB, of git; a few bytes of an object may say that it is huge
TIMEOUT = 20.0  # seconds, for all that is read of one repository


@dataclass(frozen=True)
class Commit:
    """A commit. tree, parents: the names of its files and of the commits before it. time: its own date, in seconds
    since 1970, which whoever makes it can set."""

    tree: bytes
    parents: tuple
    time: int


class Repository:
    """One commit of a git repository, with its files in a Listing, and open as long as that is.

    Args:
        listing: a files.Listing. repository: a folder, without a working tree. room: a walls.Room, in which git runs.
        branch, before: which commit counts: of this branch (default: HEAD), the last one of this moment or earlier, in
            seconds since 1970. most: bytes of a repository that is read.
    """

    def __init__(self, listing, repository, room, branch=None, before=None, most=None):
        if room is None:
            raise SubmissionError(f"{repository} is a git repository, and those are read in a sandbox only")
        self.name, self.before, self.notes = repository, before, []
        self.head, self.branches = refs_of(repository)
        folder = listing.enter_context(tempfile.TemporaryDirectory(dir=room.folder))
        copy = Path(folder, "copy")
        copy_repository(repository, copy, most)
        room.give(folder)
        self.git = listing.enter_context(Git(repository, copy, room))
        self.commit = self.read_commit(self.tip(branch))
        if before is not None:
            self.go_back(before)
        if branch or before is not None:
            self.notes.append(f"graded as committed on {day(self.commit.time)}{f', branch {branch}' if branch else ''}")

    def tip(self, branch):
        """The name of the last commit of a branch."""
        known = f"there are: {', '.join(sorted(self.branches)[:MAX_BRANCHES])}"
        if branch:
            if branch not in self.branches:
                raise SubmissionError(f"{self.name} has no branch {branch}; {known}")
            return self.branches[branch]
        if not self.head and not self.branches:
            raise NoGradedFile(f"{self.name} is an empty git repository: nothing was pushed to it")
        if not self.head and len(self.branches) > 1:
            raise SubmissionError(f"{self.name} is a git repository whose HEAD is no branch of it; {known}: choose one "
                                  "with --branch")
        if not self.head:
            (name, tip), = self.branches.items()
            self.notes.append(f"graded: the only branch, {name}")
            return tip
        return self.head

    def read_commit(self, name):
        return commit_of(self.git.read(name, b"commit", MAX_COMMIT_BYTES, "a commit"), self.name)

    def go_back(self, before):
        """Go to the last commit of this moment or earlier, along the branch itself."""
        for _ in range(MAX_COMMITS):
            if self.commit.time <= before:
                return
            if not self.commit.parents:
                break
            self.commit = self.read_commit(self.commit.parents[0])
        raise SubmissionError(f"{self.name} has no commit of {day(before)} or earlier")

    def list(self, listing):
        """Put the files of the commit into the listing."""
        waiting = collections.deque([(PurePosixPath(), self.commit.tree)])
        while waiting:
            place, tree = waiting.popleft()
            for mode, name, object in entries_of(self.read_tree(tree), self.name):
                listing.count()
                path = listing.inside(place, name)
                if path is None:
                    continue
                if mode in (b"40000", b"040000"):
                    waiting.append((path, object))
                elif mode == b"160000":
                    listing.unread.append(f"{path} is a repository of its own (a submodule): its files are not in "
                                          "this one")
                else:
                    read = functools.partial(self.read_blob, object, path)
                    listing.offer(path, read, "" if mode.startswith(b"100") else f"is a link: it {NOT_PLAIN}")

    def read_tree(self, name):
        return self.git.read(name, b"tree", MAX_TREE_BYTES, "a folder")

    def read_blob(self, name, path, limit):
        return self.git.read(name, b"blob", limit, path)

    def find(self, tree, path):
        """What git calls the content of a file; None if there is none."""
        for part in path.parts:
            found = {name: object for _, name, object in entries_of(self.read_tree(tree), self.name)}
            tree = found.get(part)
            if tree is None:
                return None
        return tree

    def newer_branch(self, path):
        """The branch that changes this file and was committed to last, in words, if that is later than what counts; or
        None."""
        mine, found = self.find(self.commit.tree, path), []
        for name, tip in sorted(self.branches.items())[:MAX_BRANCHES]:
            commit = self.read_commit(tip)
            if commit.tree != self.commit.tree and self.commit.time < commit.time <= (self.before or commit.time) \
                    and self.find(commit.tree, path) not in (None, mine):
                found.append((commit.time, name))
        if not found:
            return None
        time, name = max(found)
        return f"branch {name} holds another {path}, of {day(time)} (--branch {name} grades it)"


def day(time):
    """A time in seconds as people write it, in this machine's time zone."""
    try:
        return datetime.datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M %z")
    except (OverflowError, ValueError, OSError):
        return f"second {time}"


def seconds_of(text):
    """The moment that a date stands for, such as 2026-11-30, 2026-11-30T12:00 or 2026-11-30T12:00+01:00. A date alone
    is the end of that day; without a time zone it is this machine's. Raises ValueError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T23:59:59"
    return int(datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text)).timestamp())


def is_bare_repository(path):
    """True for a git repository without a working tree, as `git clone --bare` makes it, or for the .git of another
    one."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def refs_of(repository):
    """What HEAD names, or None, and what the branches do: {"main": name of a commit, ...}. A branch that was only
    fetched counts where there is no other of its name."""
    refs = {}
    with contextlib.suppress(SubmissionError, OSError):
        for line in read_plain(repository / "packed-refs", 1 << 20).splitlines():
            name, _, ref = line.partition(b" ")
            refs[os.fsdecode(ref)] = name
    waiting = ["refs/heads", "refs/remotes"]
    while waiting and len(refs) < MAX_ENTRIES:
        ref = waiting.pop()
        with contextlib.suppress(SubmissionError, OSError):
            status = (repository / ref).lstat()
            if stat.S_ISDIR(status.st_mode) and ref.count("/") < MAX_DEPTH:
                waiting += [f"{ref}/{name}" for name in os.listdir(repository / ref)]
            else:
                refs[ref] = read_plain(repository / ref, 1000).strip()
    refs = {ref: name for ref, name in refs.items() if re.fullmatch(b"[0-9a-f]{40}", name)}
    branches = {}
    for ref, name in sorted(refs.items()):  # refs/heads before refs/remotes
        if match := re.fullmatch(r"refs/(?:heads|remotes/[^/]+)/(.+)", ref):
            branches.setdefault(match[1], name)
    try:
        head = read_plain(repository / "HEAD", 1000).strip()
    except OSError:
        head = b""
    head = refs.get(os.fsdecode(head.removeprefix(b"ref:").strip())) if head.startswith(b"ref:") else head
    return head if re.fullmatch(b"[0-9a-f]{40}", head or b"") else None, branches


def commit_of(content, repository):
    """The Commit that git keeps as this."""
    head = content.partition(b"\n\n")[0]
    tree = re.match(rb"tree ([0-9a-f]{40})\n", head)
    parents = re.findall(rb"^parent ([0-9a-f]{40})$", head, re.MULTILINE)
    time = re.search(rb"^committer .*> (\d{1,12}) [+-]\d{4}$", head, re.MULTILINE)
    if not tree or not time:
        raise SubmissionError(f"{repository} is a git repository without a readable commit")
    return Commit(tree[1], tuple(parents), int(time[1]))


def copy_repository(repository, copy, most=None):
    """Copy what git needs to find a commit and its files, and nothing that could lead elsewhere. most: bytes."""
    most = most or MAX_BYTES
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
        if entries > MAX_ENTRIES or room > most:
            raise SubmissionError(f"{repository} is a git repository of more than {MAX_ENTRIES} files or "
                                  f"{most >> 20} MB: hand in less of it, for instance the folder alone")
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
        """The content of an object of this kind: commit, tree or blob. what: it is, for the messages."""
        try:
            self.process.stdin.write(name + b"\n")
            self.process.stdin.flush()
            header = re.fullmatch(rb"[0-9a-f]+ ([a-z]+) ([0-9]{1,18})\n", self.process.stdout.readline(1000))
        except OSError:  # it has ended
            header = None
        content = b""
        if header and header[1] == kind:
            left = int(header[2]) + 1
            if left > limit + 1:
                while left > 0 and (piece := self.process.stdout.read(min(left, 1 << 20))):
                    left -= len(piece)
                raise SubmissionError(f"{what} in {self.repository} is larger than {limit >> 20} MB")
            content = self.process.stdout.read(left)
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
