"""What a submission holds: a list of plain files, whatever it is made of. Folders, archives in archives, loose files:
one walk, with limits. Nothing is unpacked to a disk, and no link is followed."""
import collections
import contextlib
import functools
import gzip
import io
import os
import re
import stat
import tarfile
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers.given.console import UserError

MAX_ENTRIES = 100_000
MAX_DEPTH = 30  # folders in folders; what lies deeper is not looked at
MAX_NAME = 1000  # letters of a path in an archive
MAX_ARCHIVES = 100  # of one submission
MAX_NESTED = 4  # archives in archives
MAX_INNER = 256 << 20  # bytes of the archives in archives: they are held in memory
MAX_UNPACKED = 4 << 30  # bytes that gzip makes, all together
PIECE = 32 << 20  # bytes of a tar file that are read at once
HEAD = 512  # bytes that tell what a file is
# Python bounds what these make of a few bytes, not what bzip2 and lzma do.
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
IGNORED = {".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints", "__MACOSX", "site-packages"}
# Files that are no archives, or are some only to their own programs: nobody looks whether they are.
PLAIN = {".py", ".ipynb", ".txt", ".md", ".json", ".csv", ".yml", ".yaml", ".toml", ".html", ".htm", ".log", ".pdf",
         ".png", ".jpg", ".jpeg", ".gif", ".svg", ".mp4", ".pyc", ".pt", ".pth", ".ckpt", ".safetensors", ".npz",
         ".npy", ".pkl", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".whl", ".jar", ".so", ".bat", ".sh"}
LFS = b"version https://git-lfs"
IS_POINTER = "is a pointer of Git LFS, not the file itself: hand in the file"
NOT_PLAIN = "is not a plain file"  # a link, a pipe, ...
SIGNATURES = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PK\x07\x08": "zip", b"\x1f\x8b": "gzip",
              b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
SUFFIXES = {".zip": "zip", ".tar": "tar", ".tgz": "gzip", ".gz": "gzip", ".7z": "7z", ".rar": "rar", ".xz": "xz",
            ".txz": "xz", ".bz2": "bzip2", ".tbz": "bzip2", ".tbz2": "bzip2", ".zst": "zstd"}


class SubmissionError(UserError):
    """The submission cannot be graded, and nobody can tell what was done: the mark stays open. One line says why."""


class NoGradedFile(SubmissionError):
    """The submission is readable, and the file is not in it: that is worth 0 points."""


class TooMuch(SubmissionError):
    """A limit of the submission as a whole."""


@dataclass(frozen=True)
class Entry:
    """A file of a submission.

    path: in the submission; an archive is a folder in it. read: function (limit) -> bytes, raises SubmissionError, also
    for what is larger. problem: why it cannot be read, or "". archive: the one that it stands in, or None.
    thing: the number of what it belongs to, of several things that were handed in.
    """

    path: PurePosixPath
    read: object
    problem: str = ""
    archive: PurePosixPath | None = None
    thing: int = 0


class Listing(contextlib.ExitStack):
    """The files of a submission, as long as this context manager is open.

    Attributes:
        name: what the submission is called in messages.
        entries: [Entry], those of the top first.
        unread: what could not be looked into, a line each. notes: lines for the report.
        loose: True if it is made of several things, which a platform has named. thing: the number of the one that is
            added now.
        repository: the git repository beside the files, or None.
        commit: the repository.Repository that the files are from, or None.
        left_out: True if there are names that lead elsewhere. ignored: a folder that is nobody's work, or "".
    """

    def __init__(self, name):
        super().__init__()
        self.name, self.entries, self.unread, self.notes = name, [], [], []
        self.loose, self.repository, self.commit, self.left_out = False, None, None, False
        self.ignored, self.thing = "", 0
        self.seen = self.archives = self.inner = self.unpacked = 0

    def count(self, more=1):
        self.seen += more
        if self.seen > MAX_ENTRIES:
            raise TooMuch(f"{self.name} holds more than {MAX_ENTRIES} files")

    def folder(self, top, place=PurePosixPath()):
        """Add what is in a folder."""
        waiting = collections.deque([(os.fspath(top), place)])
        while waiting:
            here, place = waiting.popleft()
            try:
                with os.scandir(here) as found:
                    found = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                self.unread.append(f"{place} cannot be listed ({error.strerror})")
                continue
            self.count(len(found))
            for entry in found:
                path = self.inside(place, entry.name)
                if path and entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, path))
                elif path:
                    self.file(Path(entry.path), path, "" if entry.is_file(follow_symlinks=False) else NOT_PLAIN)

    def inside(self, place, name):
        """The path of what stands in a place under this name. None if it is nobody's work, or not looked at."""
        path = place / unicodedata.normalize("NFC", name.replace("\\", "/")[:MAX_NAME])
        within = path.relative_to(place).parts if path.is_relative_to(place) else None
        if within and (IGNORED.intersection(within) or path.name.startswith("._")):
            self.ignored = self.ignored or next((part for part in within if part in IGNORED - {"__MACOSX"}), "")
            return None
        if within and ".." not in within and not re.match("[A-Za-z]:", within[0]) and len(name) < MAX_NAME \
                and len(path.parts) <= MAX_DEPTH + 1:
            return path
        if not self.left_out and within != ():
            self.unread.append(f"{place / path.name}: this name leads elsewhere, or more than {MAX_DEPTH} folders deep")
            self.left_out = True
        return None

    def file(self, source, path, problem="", alone=False):
        """Add a file that lies on the disk, or what is in it if it is an archive."""
        self.offer(path, functools.partial(read_plain, source), problem, peek=functools.partial(read_plain, source),
                   whole=lambda: self.enter_context(source.open("rb")), alone=alone)

    def offer(self, path, read, problem="", peek=None, whole=None, archive=None, nested=0, alone=False):
        """Add a file, or what is in it if it is an archive.

        Args:
            read: function (limit) -> at least limit + 1 of its bytes, if it has so many. peek: the same, for a few;
                None if they cost as much as all: then its name says what it is. whole: function -> a stream of it.
            problem, archive: see Entry. nested: the number of archives that it stands in.
            alone: True if it is all that was handed in.
        """
        kind = None if problem or path.suffix.lower() in PLAIN else self.kind(path, peek)
        if kind is None:
            read = functools.partial(guarded, path, read)
            self.entries.append(Entry(path, read, problem and f"{path} {problem}", archive, self.thing))
        elif kind not in ("zip", "tar", "gzip"):
            self.unread.append(f"{path} {IS_POINTER if kind == 'pointer' else f'is a {kind} archive: hand in a zip'}")
        elif self.archives >= MAX_ARCHIVES or nested >= MAX_NESTED:
            self.unread.append(f"{path} is one of more than {MAX_ARCHIVES} archives, or in more than {MAX_NESTED} of "
                               "them")
        else:
            self.archives += 1
            try:
                stream = whole() if whole else io.BytesIO(self.kept(path, read))
                look = {"zip": self.zip, "tar": self.tar, "gzip": self.gzip}[kind]
                look(stream, path, PurePosixPath() if alone else path, nested + 1)
            except TooMuch:
                raise
            except SubmissionError as error:
                self.unread.append(str(error))
            except Exception as error:  # a damaged archive raises what its compression raises: zlib, struct, ...
                self.unread.append(f"{path} is not a readable {kind} file ({error})")

    def kind(self, path, peek):
        """What an archive is, such as "zip", or "pointer" where Git LFS has it; None for any other file."""
        name = path.name.lower().strip()
        kind = next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)
        try:
            head = peek(HEAD) if peek else b""
        except Exception:  # whoever reads it will say why
            return None
        if head.startswith(LFS):
            return kind and "pointer"
        return next((kind for start, kind in SIGNATURES.items() if head.startswith(start)),
                    "tar" if head[257:262] == b"ustar" else kind)

    def kept(self, path, read):
        """The bytes of an archive in an archive."""
        left = MAX_INNER - self.inner
        content = read(left)
        if len(content) > left:
            raise SubmissionError(f"{path} is not looked into: the archives in archives are larger than "
                                  f"{MAX_INNER >> 20} MB")
        self.inner += len(content)
        return content

    def zip(self, stream, path, place, nested):
        opened = self.enter_context(zipfile.ZipFile(stream))
        found = opened.infolist()
        self.count(len(found))
        for entry in found:
            within = self.inside(place, entry.filename)
            if within is None or entry.filename.endswith(("/", "\\")):
                continue
            problem = ""
            if stat.S_ISLNK(entry.external_attr >> 16):
                problem = "is a link, not a plain file"
            elif entry.flag_bits & 1:
                problem = "is locked with a password: hand in a zip without one"
            elif entry.compress_type not in COMPRESSIONS:
                problem = "is compressed in an unusual way: zip it with the usual settings"

            def read(limit, opened=opened, entry=entry):
                with opened.open(entry) as content:
                    return content.read(limit + 1)
            self.offer(within, functools.partial(damaged, path, "zip", read), problem, read, None, path, nested)

    def tar(self, stream, path, place, nested):
        opened = self.enter_context(tarfile.open(fileobj=Pieces(stream), mode="r:"))
        for entry in opened:
            self.count()
            within = self.inside(place, entry.name)
            if within is None or entry.isdir():
                continue

            def read(limit, entry=entry):
                return opened.extractfile(entry).read(limit + 1)
            self.offer(within, functools.partial(damaged, path, "tar", read), "" if entry.isreg() else NOT_PLAIN, read,
                       None, path, nested)

    def gzip(self, stream, path, place, nested):
        start = stream.tell()
        with gzip.GzipFile(fileobj=stream) as opened:
            head = opened.read(HEAD)
        stream.seek(start)
        if head[257:262] == b"ustar":
            self.tar(Unpacked(self, stream), path, place, nested)
            return

        def read(limit):
            stream.seek(start)
            with gzip.GzipFile(fileobj=stream) as opened:
                return opened.read(limit + 1)
        within = self.inside(place, re.sub(r"(?i)\.gz$", "", path.name))
        if within:
            self.offer(within, functools.partial(damaged, path, "gzip", read), "", read, None, path, nested)


class Pieces:
    """A stream for tarfile, which may be told by a few bytes to read all."""

    def __init__(self, stream):
        self.stream = stream

    def read(self, size=-1):
        if not 0 <= size <= PIECE:
            raise ValueError("too long a header")
        return self.stream.read(size)

    def seek(self, place):
        return self.stream.seek(place)

    def tell(self):
        return self.stream.tell()


class Unpacked:
    """What a gzip file holds, as a stream that goes to and fro. It counts what that costs."""

    def __init__(self, listing, stream):
        self.listing, self.stream = listing, gzip.GzipFile(fileobj=stream)

    def charge(self, size):
        self.listing.unpacked += size
        if self.listing.unpacked > MAX_UNPACKED:
            raise SubmissionError(f"{self.listing.name} is larger than {MAX_UNPACKED >> 30} GB when it is unpacked")

    def read(self, size):
        self.charge(size)
        return self.stream.read(size)

    def seek(self, place):
        here = self.stream.tell()
        self.charge(place - here if place >= here else place)
        return self.stream.seek(place)

    def tell(self):
        return self.stream.tell()


def read_plain(path, limit):
    if path.is_symlink() or not path.is_file():
        # Opened by the grader, with the grader's rights: a link could point to anything.
        raise SubmissionError(f"{path} is not a plain file")
    with path.open("rb") as stream:
        return stream.read(limit + 1)


def guarded(path, read, limit):
    """All bytes of a file that has no more than so many."""
    try:
        content = read(limit)
    except OSError as error:
        raise SubmissionError(f"{path} cannot be read ({error.strerror})") from None
    if len(content) > limit:
        raise SubmissionError(f"{path} is larger than {limit >> 20} MB")
    return content


def damaged(archive, kind, read, limit):
    """Read from an archive, and say so if that does not go."""
    try:
        return read(limit)
    except SubmissionError:
        raise
    except Exception as error:  # of its compression: zlib, struct, ...
        raise SubmissionError(f"{archive} is not a readable {kind} file ({error})") from None
