"""A student's report among what was handed in: the PDF that counts, and what can be told of it without showing it."""
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from coursekit.grading import pages
from coursekit.grading.choose import Candidate, Likeness, documents, newest, several
from coursekit.grading.files import IS_POINTER, LFS, SubmissionError
from coursekit.sandbox import printable

MAX_BYTES = 32 << 20  # of a report
MAX_PDFS = 50  # of one submission
TIMEOUT = 20.0  # seconds to count the pages
CALLED_SO = re.compile(r"report|paper|rapport|bericht|relazione|informe|protokoll|ausarbeitung", re.IGNORECASE)
SOURCES = {".tex", ".docx", ".doc", ".odt", ".rtf", ".pages"}  # what may be a report, and is no PDF
OF_THE_COURSE = {"template.md", "template.tex"}
NO_REPORT = "no report was handed in"


@dataclass(frozen=True)
class Paper:
    """What was found of a report. name: of the file in the submission. digest, size: of its content. pages: if they can
    be counted. problem: why somebody has to look, or "". nothing: True if there is known to be none."""

    name: str = ""
    digest: str = ""
    size: int = 0
    pages: int | None = None
    problem: str = ""
    nothing: bool = False

    @property
    def words(self):
        """What a marking sheet says of it."""
        counted = "" if self.pages is None else f", {self.pages} {'page' if self.pages == 1 else 'pages'}"
        return f"{self.name}{counted}, {self.size / 1e6:.1f} MB, {self.digest[:12]}" if self.name else ""


def find_paper(listing, room=None, assignment=""):
    """The report in a submission: (Paper, its bytes or None). listing: files.Listing. room: a walls.Room, in which the
    pages are counted. assignment: its name, such as vae."""
    found = [entry for entry in listing.entries if ".pdf" in entry.path.name.lower()]
    if not found:
        return Paper(**why_none(listing)), None
    try:
        entry, content = the_one(listing, found, assignment)
        check(entry, content)
    except SubmissionError as error:
        return Paper(problem=printable(str(error))), None
    paper = {"name": printable(str(entry.path)), "digest": hashlib.sha256(content).hexdigest(), "size": len(content)}
    counted, problem = look_at(content, room)
    return Paper(**paper, pages=counted, problem=problem and f"{paper['name']} {problem}"), content


def why_none(listing):
    """What a Paper says where there is no PDF: nothing was handed in, or somebody has to look."""
    others = [path for path in documents(listing) if path.name not in OF_THE_COURSE
              and (path.suffix.lower() in SOURCES or path.parent.name == "reports" or CALLED_SO.search(path.name))]
    if others:
        return {"problem": printable(f"there is no PDF, but {several(others)}: look into it")}
    if listing.unread:
        return {"problem": printable(f"there is no PDF, and {'; '.join(listing.unread[:3])}")}
    return {"nothing": True}


def the_one(listing, found, assignment):
    """The Entry of the report, and its bytes. Raises SubmissionError: nobody can tell which one it is."""
    found = sorted(found, key=lambda each: (rank(each.path, assignment), len(each.path.parts), str(each.path)))
    first = rank(found[0].path, assignment)
    best = [each for each in found if rank(each.path, assignment) == first][:MAX_PDFS]
    candidates = [Candidate(entry, "", Likeness(exact=True)) for entry in best]
    candidates = newest(listing, candidates) or candidates
    content = read(candidates[0].entry)
    if any(read(other.entry) != content for other in candidates[1:]):
        raise SubmissionError(f"there are {len(candidates)} different PDFs that could be the report: "
                              f"{several(candidates)}. Keep the one that counts")
    return candidates[0].entry, content


def rank(path, assignment):
    """reports/vae.pdf comes first: a repository may hold the reports of all assignments. Then report.pdf, then what is
    called like a report or stands in the folder of reports."""
    named = path.parent.name == "reports" and path.name.lower() == f"{assignment}.pdf"
    alike = CALLED_SO.search(path.name) or path.parent.name == "reports"
    return not named, path.name.lower() != "report.pdf", not alike


def read(entry):
    if entry.problem:
        raise SubmissionError(entry.problem)
    return entry.read(MAX_BYTES)


def check(entry, content):
    """Raise SubmissionError for what is no PDF."""
    if content.startswith(LFS):
        raise SubmissionError(f"{entry.path} {IS_POINTER}")
    if not content:
        raise SubmissionError(f"{entry.path} is empty")
    if b"%PDF-" not in content[:1024]:
        raise SubmissionError(f"{entry.path} is called a PDF and is none: it begins with {content[:8]!r}")


def look_at(content, room):
    """(number of pages or None, what is wrong or ""). A process of its own reads the PDF."""
    if room is None:
        return None, ""
    folder = room.folder / "paper"
    folder.mkdir(exist_ok=True)
    (folder / "report.pdf").write_bytes(content)
    shutil.copy(Path(pages.__file__), folder / "pages.py")
    room.give(folder)
    command = room.wrap([sys.executable, "-I", folder / "pages.py", folder / "report.pdf"], readable=[folder])
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env=room.environment(), timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return None, f"takes more than {TIMEOUT:g} seconds to read: look into it"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        told = json.loads(done.stdout[:1000])
        locked, counted = bool(told["locked"]), told["pages"]
        if locked or type(counted) is int and counted > 0:
            return counted, "is locked with a password: ask for one without" if locked else ""
    except (ValueError, KeyError, TypeError):
        pass
    return None, "is damaged: no program may be able to show it"
