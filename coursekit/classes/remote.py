"""Fetches a student's git repository from wherever it is: all of it or nothing, and as it was at some moment.

Git runs as the instructor, whose logins are what opens private repositories. It checks out nothing: no filter, hook or
submodule of a student's ever runs. Who grades reads a copy, in the sandbox: coursekit/grading/repository.py.
"""
import base64
import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from coursekit.grading.repository import MAX_BRANCHES, MAX_BYTES, day, is_bare_repository
from coursekit.sandbox import printable
from helpers.given.console import UserError

TIMEOUT = 300.0  # seconds for one repository
MAX_OUTPUT = 1 << 20  # bytes of what git prints
PARTIAL = ".collecting-"  # how folders begin that are not whole yet
SCHEMES = "https", "http", "ssh", "git", "file"
LONGEST_LOGIN = 39  # of GitHub, whose tokens are longer and may stand where the login does
ENVIRONMENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
               "GIT_DEFAULT_HASH": "sha1", "GIT_DEFAULT_REF_FORMAT": "files"}  # what can be read afterwards
# What git says, and what that means. The first that fits counts.
MEANINGS = {
    r"no space left|out of disk ?space|quota exceeded": "the disk is full: make room",
    r"host key verification failed": "ssh does not know this host: connect to it once by hand",
    r"authentication failed|could not read (username|password)|permission denied \(|access denied|error: 40[13]":
        "git may not read it: there is no such repository, or git has no login, or a wrong or expired one, for it",
    r"not found|not be found|does not exist|does not appear to be a git repository|error: 404":
        "not found: the address is wrong, it was never made, or git's login may not see it",
    r"could not resolve|name or service not known|nodename nor servname|name resolution|unable to look up":
        "there is no such host, or no network",
    r"error: (429|5\d\d)": "the host refuses or is broken for now: try again later, perhaps with --jobs 1",
    r"certificate": "the host's certificate is not one that git trusts",
    r"early eof|hung up|disconnect|rpc failed|transfer closed|connection|failed to connect|timed out|empty reply|"
    r"outstanding read data|unable to access": "the connection broke off, or there is none: try again",
}


class FetchError(UserError):
    """Why a repository is not there, or not the newest state of it."""


class Stopped(Exception):
    """Ctrl-C."""


@dataclass(frozen=True)
class Address:
    """Where a repository is. text: for git, without a password or token. same: equal for two addresses of one
    repository. parts: its path, the host before it. header: what opens it, if a login stood in the address."""

    text: str
    same: str
    parts: tuple
    header: str = ""

    @property
    def host(self):
        """Up to the end of the host's name, for addresses of the web."""
        return "/".join(self.text.split("/")[:3])


@dataclass(frozen=True)
class State:
    """What is there. branch: that counts. commit: the last of it, "" if nothing was pushed. time: the commit's own
    date, in seconds. note: in a line."""

    branch: str = ""
    commit: str = ""
    time: int | None = None
    note: str = ""


def without_login(text):
    """An address without what stands before the host, to be shown."""
    return re.sub(r"[^/\s]*@", "", printable(text))


def address_of(text):
    """The Address that a text is. Raises FetchError for what git is not asked for."""
    text = text.strip()
    shown = without_login(text)
    if text.startswith("-") or re.match(r"\w+::", text) or printable(text) != text:
        raise FetchError(f"{shown} is no address of a repository")
    if found := re.fullmatch(r"(\w[\w+.-]*)://(?:([^/]*)@)?([^/@]*)(/.*)?", text):
        scheme, login, host, path = found[1].lower(), found[2] or "", found[3].lower(), found[4] or ""
        if scheme not in SCHEMES:
            raise FetchError(f"{shown} begins with {scheme}://, expected {', '.join(SCHEMES)}, user@host:path or the "
                             "path of a folder")
        if "@" in path and ":" in host and not re.search(r":\d+$", host):  # a password with a / in it
            raise FetchError(f"{shown} is no address of a repository")
        user, colon, _ = login.partition(":")
        header = ""
        if scheme in ("http", "https") and (colon or len(login) > LONGEST_LOGIN):
            login = unquote(login) if colon else f"{login}:"
            header = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
        user = f"{user}@" if user and scheme == "ssh" else ""
        return located(f"{scheme}://{user}{host}{path}", host, path, header)
    if (found := re.fullmatch(r"(?:[\w.-]+@)?([\w.-]+):([^@]+)", text)) and not re.match(r"\w:[\\/]", text):
        return located(text, found[1].lower(), found[2])
    if "@" in text and ":" in text and not re.match(r"\w:[\\/]", text):  # there may be a token in it
        raise FetchError(f"{shown} is no address of a repository")
    if not re.search(r"[\\/]", text):
        raise FetchError(f"{shown} is no address of a repository; a list of logins needs --address")
    place = str(Path(text).expanduser().absolute())
    return located(place, "", place)


def located(text, host, path, header=""):
    parts = [part for part in re.split(r"[\\/]", re.sub(r"(\.git)?/*$", "", path)) if part]
    same = "/".join([host, *parts])
    return Address(text, same.casefold() if host else same, (host, *parts), header)


def clean_up(folder):
    """Remove what a run that was killed has left half done."""
    for partial in folder.glob(f"{PARTIAL}*"):
        for former in partial.glob("former/*"):  # killed while the new state was put in its place
            if not (folder / former.name).exists():
                former.rename(folder / former.name)
        shutil.rmtree(partial, ignore_errors=True)


def fetch(address, place, stop, branch=None, before=None):
    """Fetch a repository, or a newer state of it, into a folder, which changes only when all of it is there.

    Args:
        address: an Address. place: the folder. stop: an Event that ends it.
        branch: that counts; default: what HEAD names there.
        before: every branch is put at its last commit of this moment or earlier, in seconds since 1970, along first
            parents and by the commits' own dates.
    Returns: a State.
    Raises: FetchError, OSError, Stopped.
    """
    if place.exists() and not is_bare_repository(place):
        raise FetchError(f"{place} is there, and is no collected repository: move it away")
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=place.parent, ignore_cleanup_errors=True) as folder:
        git = Git(Path(folder), address, stop)
        new, borrow = Path(folder, "new"), ("--reference", str(place), "--dissociate") if place.exists() else ()
        git("clone", "--bare", "--no-local", "--quiet", "--template=", *borrow, "--", address.text, str(new))
        if git.size() > MAX_BYTES:
            raise FetchError(too_large())
        at = f"--git-dir={new}"
        name = choose_branch(git, at, branch)
        state = State(note="nothing was pushed")
        if name:
            note = rewritten(git, at, place, name) if place.exists() else ""
            if before is not None:
                go_back(git, at, name, before)
            state = State(name, *git.tips(at)[name], note)
        if place.exists():
            former = Path(folder, "former", place.name)
            former.parent.mkdir()
            place.rename(former)
        try:
            new.rename(place)
        except OSError:  # else it would be removed with this folder
            former = Path(folder, "former", place.name)
            if former.exists() and not place.exists():
                former.rename(place)
            raise
        return state


def time_of(place, address, stop):
    """The date of the commit that counts in what was fetched, in seconds since 1970; 0 if nothing was pushed, infinite
    if it cannot be read."""
    git, at = Git(place, address, stop), f"--git-dir={place}"
    try:
        return int(git(at, "log", "-1", "--format=%ct")) if git.tips(at) else 0
    except FetchError:
        return math.inf


def choose_branch(git, at, branch):
    """Let HEAD name the branch that counts. Returns its name, "" if nothing was pushed."""
    tips = git.tips(at)
    if not tips:
        return ""
    name = branch or (git(at, "symbolic-ref", "--quiet", "HEAD", fails=True) or "").removeprefix("refs/heads/")
    if name not in tips:
        known = f"there are: {', '.join(sorted(tips)[:MAX_BRANCHES])}"
        if branch:
            raise FetchError(f"it has no branch {branch}; {known}")
        if len(tips) > 1:
            raise FetchError(f"its HEAD is no branch of it; {known}: choose one with --branch")
        name, = tips
    git(at, "symbolic-ref", "HEAD", f"refs/heads/{name}")
    return name


def rewritten(git, at, place, name):
    """A line, if what was fetched earlier of a branch is not in its history any more; else ""."""
    former = git(f"--git-dir={place}", "rev-parse", "--verify", "--quiet", f"refs/heads/{name}", fails=True)
    if not former or git(at, "merge-base", "--is-ancestor", former, f"refs/heads/{name}", fails=True) is not None:
        return ""
    return f"its history was rewritten: commit {former[:12]}, collected earlier, is no longer in it"


def go_back(git, at, name, before):
    """Put each branch at its last commit of this moment or earlier. name: of the one that must have such a commit."""
    for other, (commit, date) in git.tips(at).items():
        if date > before:
            found = git(at, "rev-list", "--max-count=1", "--first-parent", f"--min-age={before}", commit)
            if not found and other == name:
                raise FetchError(f"it has no commit of {day(before)} or earlier")
            git(at, "update-ref", *([f"refs/heads/{other}", found] if found else ["-d", f"refs/heads/{other}"]))


class Git:
    """Runs git for one repository. folder: for all that it makes, which may be twice MAX_BYTES for moments."""

    def __init__(self, folder, address, stop):
        self.folder, self.address, self.stop = folder, address, stop
        self.end = time.monotonic() + TIMEOUT
        self.command = ["git", "-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0"]
        self.environment = {**os.environ, **ENVIRONMENT}
        if address.header:  # neither in the list of processes nor in a file
            self.command.append(f"--config-env=http.{address.host}/.extraHeader=COURSE_LOGIN")
            self.command += ["-c", "http.followRedirects=false"]  # the login is for this host
            self.environment["COURSE_LOGIN"] = address.header

    def __call__(self, *arguments, fails=False):
        """What git prints. fails: None, where it fails, instead of a FetchError."""
        process = subprocess.Popen([*self.command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment, start_new_session=True)
        printed, said = bytearray(), bytearray()  # no files: the disk may be full
        readers = [threading.Thread(target=drain, args=pair, daemon=True)
                   for pair in ((process.stdout, printed), (process.stderr, said))]
        for reader in readers:
            reader.start()
        try:
            self.wait(process)
        finally:
            end(process)
            for reader in readers:
                reader.join(1.0)  # a connection that ssh keeps open for later holds the pipes, too
        if process.returncode == 0:
            return printed.decode("utf-8", "surrogateescape").strip()
        if fails:
            return None
        raise FetchError(meaning(said.decode("utf-8", "replace")))

    def wait(self, process):
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                return
            if self.stop.is_set():
                raise Stopped
            if time.monotonic() > self.end:
                raise FetchError(f"it took more than {TIMEOUT:g} seconds: try again")
            if self.size() > 2 * MAX_BYTES:
                raise FetchError(too_large())

    def size(self):
        """Bytes of all files in the folder."""
        found = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(OSError):  # git has just removed it
                    found += os.lstat(os.path.join(folder, name)).st_size
        return found

    def tips(self, at):
        """{branch: (its last commit, that one's own date)}."""
        lines = self(at, "for-each-ref", "--format=%(objectname) %(committerdate:unix) %(refname:lstrip=2)",
                     "refs/heads").splitlines()
        found = [re.fullmatch(r"([0-9a-f]+) (\d+) (.+)", line) for line in lines]
        return {line[3]: (line[1], int(line[2])) for line in found if line}


def drain(stream, kept):
    """Read all, and keep the end of it."""
    with stream:
        while piece := os.read(stream.fileno(), 1 << 16):
            kept += piece
            del kept[:-MAX_OUTPUT]


def end(process):
    """End git with all that it has started."""
    if process.poll() is None:
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def too_large():
    return f"it is larger than {MAX_BYTES >> 20} MB: ask for less, for instance without data and trained models"


def meaning(said):
    """What git has said, in one line. What the other side has written says nothing."""
    lines = [line for line in said.splitlines() if not line.startswith("remote:")]
    for pattern, line in MEANINGS.items():
        if re.search(pattern, re.sub("'[^']*'", "", "\n".join(lines)), re.IGNORECASE):
            return line
    line = next((line for line in reversed(lines) if re.match("fatal:|error:", line)), "git has failed")
    return without_login(line)[:200]
