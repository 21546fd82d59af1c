"""The folder of results of one class and assignment."""
import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

from coursekit.classes import roster
from coursekit.grading.report import Report
from coursekit.grading.tell import tell
from helpers.given.console import UserError, write


class Results:
    """settings: as in class.json."""

    def __init__(self, folder, settings):
        self.folder, self.settings = Path(folder), settings

    @classmethod
    def start(cls, folder, assignment, notebook, submissions):
        """Make the folder, or go on with one."""
        folder = Path(folder)
        known = cls.open(folder).settings if (folder / "class.json").is_file() else {}
        if known and known["assignment"] != assignment:
            raise UserError(f"{folder} holds the results of assignment {known['assignment']}: choose another --out")
        if not known and folder.is_dir() and any(name != ".lock" for name in os.listdir(folder)):
            raise UserError(f"{folder} is there already, and not the results of a class: choose another --out")
        settings = {"assignment": assignment, "notebook": notebook,
                    "submissions": [{**dataclasses.asdict(submission), "path": submission.path and str(submission.path)}
                                    for submission in submissions]}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write(folder / "class.json", json.dumps(settings, indent=1) + "\n")
        return cls(folder, settings)

    @classmethod
    def open(cls, folder):
        path = Path(folder) / "class.json"
        try:
            return cls(folder, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UserError(f"there is no {path}: give the --out of a `course grade-class`") from None
        except ValueError:
            raise UserError(f"{path} is broken: delete it, and run `course grade-class` again") from None

    @property
    def submissions(self):
        return [roster.Submission(**{**row, "path": row["path"] and Path(row["path"])})
                for row in self.settings["submissions"]]

    def of(self, submission):
        return self.folder / "students" / submission.key

    def report(self, submission):
        """The Report on a submission, or None."""
        try:
            return Report.from_json((self.of(submission) / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def source(self, submission):
        """The graded file as it was handed in, or None."""
        try:
            return (self.of(submission) / f"{self.settings['assignment']}.py").read_text(encoding="utf-8")
        except OSError:
            return None

    def forget(self, submission):
        """Remove a report."""
        shutil.rmtree(self.of(submission), ignore_errors=True)

    def save(self, submission, report, source):
        """Write a report."""
        self.forget(submission)
        folder = self.of(submission)
        folder.mkdir(parents=True, mode=0o700)
        if source is not None:
            write(folder / f"{self.settings['assignment']}.py", source)
        tell(report, folder, submission.name)


@contextlib.contextmanager
def lock(folder):
    """Keep a second run out of the folder. The system gives the lock back, however this process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / ".lock", "w") as stream:
        try:
            import fcntl
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another `course grade-class`, `answers` or `grades` writes to {folder}: wait for it, or "
                            "stop it") from None
        except (ImportError, OSError):
            pass  # Windows, and file systems without locks
        yield
