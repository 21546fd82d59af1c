"""The folder of results of one class and assignment."""
import contextlib
import dataclasses
import json
import os
import shutil
from pathlib import Path

from coursekit.classes import roster
from coursekit.classes.place import few
from coursekit.grading.report import Report
from coursekit.grading.tell import tell
from helpers.given.console import UserError, write


class Results:
    """settings: as in class.json. moved: lines on what has become of an earlier run's results."""

    def __init__(self, folder, settings):
        self.folder, self.settings, self.moved = Path(folder), settings, []

    @classmethod
    def start(cls, folder, assignment, notebook, submissions, told=(), how=None):
        """Make the folder, or go on with one. told: lines on what the class was taken for. how: it is read and
        graded, where that was said: {branch, before, trained, challenge}."""
        folder = Path(folder)
        known = cls.open(folder).settings if (folder / "class.json").is_file() else {}
        if known and known["assignment"] != assignment:
            raise UserError(f"{folder} holds the results of assignment {known['assignment']}: choose another --out")
        if not known and folder.is_dir() and any(name != ".lock" for name in os.listdir(folder)):
            raise UserError(f"{folder} is there already, and not the results of a class: choose another --out")
        settings = {"assignment": assignment, "notebook": notebook, "told": list(told), "how": how or {},
                    "submissions": [{**dataclasses.asdict(submission), "path": submission.path and str(submission.path)}
                                    for submission in submissions]}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        results = cls(folder, settings)
        if known:
            results.take_over(known)
        write(folder / "class.json", json.dumps(settings, indent=1) + "\n")
        return results

    def take_over(self, known):
        """Give the reports of an earlier run the keys of this one. known: its settings.

        settings["former"]: {an earlier key: the one of today}, for what was typed beside it.
        """
        now = {submission.key: submission for submission in self.submissions}
        gone = [submission for submission in Results(self.folder, known).submissions if submission.key not in now]
        there = {row["key"] for row in known["submissions"]}
        former = {old: new for old, new in known.get("former", {}).items() if new in now}
        left = []
        for old in gone:
            new = [new for new in now.values() if new.key not in there]
            same = [one.key for one in new if one.people == old.people] or \
                [one.key for one in new if {tag for tag in one.tags & old.tags if tag[0] != "group"}] or \
                [one.key for one in new if old.path and one.path == old.path]
            if len(same) != 1:
                left.append(old.name)
                continue
            former.update({key: same[0] for key, new in former.items() if new == old.key}, **{old.key: same[0]})
            there.add(same[0])
            if self.of(old).is_dir() and not self.of(now[same[0]]).exists():
                self.of(old).rename(self.of(now[same[0]]))
        self.settings["former"] = former
        if left:
            self.moved.append(f"no longer among the submissions: {few(left)}. Points that were typed for them are kept "
                              "aside")

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
        return [roster.Submission.from_json(row) for row in self.settings["submissions"]]

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
            raise UserError(f"another `course` command writes to {folder}: wait for it, or stop it") from None
        except (ImportError, OSError):
            pass  # Windows, and file systems without locks
        yield
