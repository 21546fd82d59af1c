"""`./course regrade`: grade single items, or single students, of a class again; all else stays as it is.

An item is judged in the graded file that was kept, by the checks of today and the seed of the report, unless another
one is said. A student without items is read and graded anew, as by `grade-class`. What came of it is told line by line,
and appended to regraded.csv with the reason.
"""
import csv
import dataclasses
import difflib
import functools
import io
import json
import secrets
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from coursekit import pool
from coursekit.classes import batch
from coursekit.classes.gradebook import build
from coursekit.classes.lists import TELLING
from coursekit.classes.place import few
from coursekit.classes.results import Results, lock
from coursekit.classes.tables import cell
from coursekit.grading import command
from coursekit.grading.handin import HandedIn
from coursekit.grading.judge import load_checks, reopen
from coursekit.grading.report import CANNOT, TRAINED, Item
from coursekit.grading.tell import tell
from coursekit.grading.tell.points import points
from coursekit.sandbox import printable, walls
from helpers.given.console import UserError, choose, examples, write

LOG, UNFINISHED = "regraded.csv", "regrade.json"
COLUMNS = ("when", "student", "key", "item", "points before", "max before", "status before", "points", "max", "status",
           "seed", "reason")
NO_WAY = {"branch": None, "before": None, "trained": False, "challenge": False}  # see Results.start


def add_arguments(parser):
    parser.epilog = examples("regrade results/vae --item vae.loss_function --reason 'a check was wrong'",
                             "regrade results/vae --student 'Ada Lovelace' --dry-run")
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`")
    parser.add_argument("--item", action="append", default=[], metavar="NAME", help="only this item, such as "
                        "vae.loss_function, of the graded file as it was kept; may be given more than once")
    parser.add_argument("--student", action="append", default=[], metavar="NAME", help="only this student: a name, a "
                        "key (the folder in DIR/students), an id, an email or a login; may be given more than once. "
                        "Without --item the submission is read and graded anew")
    parser.add_argument("--reason", default="", metavar="TEXT", help="stands in regraded.csv and in the students' "
                        "reports")
    parser.add_argument("--seed", type=command.seed, help="what the checks draw their inputs from (default: the seed "
                        "of the report, so the questions are the same)")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and write nothing")
    batch.add_running(parser)


def main(args):
    """Run `./course regrade`. Returns the exit code: 0, 1 if something could not be graded, 3 without a wall."""
    if not args.item and not args.student:
        raise UserError("expected --item or --student: everything is graded again by `course grade-class` into a new "
                        "folder")
    results = Results.open(args.folder)
    checks = load_checks(results.settings["assignment"])
    how = {**NO_WAY, **results.settings.get("how", {})}
    if args.item:  # the kept file: nothing is measured
        how.update(trained=False, challenge=False)
    if how["trained"] and args.scheduler:
        raise UserError(batch.NOT_SENT)
    for item in args.item:
        if item.startswith(TRAINED):
            raise UserError(f"{item} is measured from what was handed in, which is not kept: give --student without "
                            "--item, or run `course grade-class --trained`")
        choose(item, dict.fromkeys(check.item for check in checks), "item")
    submissions = find(results, args.student) if args.student else results.submissions
    wall = batch.choose_wall(args, results.folder, *(one.path for one in submissions if one.path and one.path.exists()))
    stopped, failed = False, []
    with walls.temporary_folder("class") as folder, lock(results.folder), \
            batch.copies_of_weights(results.folder, how["trained"]) as weights:
        run = Run(results, args, checks, submissions)
        reading, grading = batch.ways(args, wall, max(1, len(run.left)), folder, weights, **how)
        with tqdm(total=len(run.left), desc=f"regrade {results.settings['assignment']}", unit="submission",
                  smoothing=0) as bar:
            try:
                failed = run.again(wall, reading, grading, bar)
            except KeyboardInterrupt:
                stopped = True
        run.end(finished=not stopped and not failed)
        print("\n".join(run.told()))
        if not args.dry_run:
            print(build(results))
    return batch.finish(wall, stopped, failed, "NOT GRADED AGAIN", "Its report is as it was.")


def find(results, wanted):
    """The submissions of these students, in the order of the class. A member's is that of the group."""
    chosen, known = set(), {}
    for submission in results.submissions:
        for text in {submission.key, submission.name, submission.group, *(
                getattr(person, what) for person in submission.people for what in TELLING)} - {""}:
            known.setdefault(text.casefold(), []).append(submission)
    keys = {submission.key: submission for submission in results.submissions}
    for text in wanted:
        found = [keys[text]] if text in keys else known.get(text.casefold(), [])
        if not found:
            near = difflib.get_close_matches(text.casefold(), known, n=3)
            raise UserError(f"there is no student {text!r} in {results.folder}." + (
                f" Near it: {few(sorted({one.name for name in near for one in known[name]}))}" if near else
                " Its gradebook.csv has all names"))
        if len(found) > 1:
            raise UserError(f"{text!r} may be {few(f'{one.key} ({one.name})' for one in found)}: give the key")
        chosen.add(found[0].key)
    return [submission for submission in results.submissions if submission.key in chosen]


class Run:
    """One regrading. left: the submissions that are still to be graded. changes: what came of it, [{column: value}].

    What a stopped one has done stands in UNFINISHED; the same command goes on from there.
    """

    def __init__(self, results, args, checks, submissions):
        self.results, self.args, self.checks, self.changes, self.lines = results, args, checks, [], []
        self.assignment, self.notebook = results.settings["assignment"], results.settings["notebook"]
        how = {**NO_WAY, **results.settings.get("how", {})}
        # Where only some checks are asked, nothing is measured.
        self.trained, self.challenge = (how[name] and not args.item for name in ("trained", "challenge"))
        self.version = batch.version_of_checks(self.assignment, how["trained"])
        self.asked = {"items": sorted(set(args.item)), "students": sorted(one.key for one in submissions),
                      "seed": args.seed, "reason": args.reason, "checks": self.version}
        self.when, self.done = time.strftime("%Y-%m-%dT%H:%M:%S%z"), []
        self.state = results.folder / UNFINISHED
        if self.state.is_file() and not args.dry_run:
            self.go_on()
        ungraded = [one for one in submissions if args.item and not results.report(one)]
        if ungraded:
            self.lines.append(f"not graded yet, so left to `course grade-class`: {few(one.name for one in ungraded)}")
        self.left = [one for one in submissions if one not in ungraded and one.key not in self.done]

    def go_on(self):
        """Take over what a stopped regrading has done, if it was the same one."""
        try:
            known = json.loads(self.state.read_text(encoding="utf-8"))
            if known["asked"] == self.asked:
                self.when, self.done = known["when"], known["done"]
                self.lines.append(f"{len(self.done)} were graded again before it was stopped")
            else:
                self.lines.append(f"an earlier regrading ({', '.join(known['asked']['items']) or 'whole'}, of "
                                  f"{known['when']}) was stopped and is not gone on with")
        except (ValueError, KeyError, TypeError):
            pass  # nothing is lost: it is done from the beginning

    def again(self, wall, reading, grading, bar):
        """Grade what is left. Returns the submissions that could not be graded again: [(submission, reason)]."""
        by_key, handed_in, failed, tasks = {one.key: one for one in self.left}, {}, [], []
        for key, read in self.kept(by_key) if self.args.item else self.anew(by_key, reading):
            if isinstance(read, str):
                failed.append((by_key[key], read))
                bar.update()
            else:
                handed_in[key] = read
                checks = batch.version_of_checks(self.assignment, self.trained)
                tasks.append((key, (wall, self.assignment, self.notebook and not self.args.item, self.seed(by_key[key]),
                                    checks, dataclasses.replace(read, pictures={}), self.trained,
                                    self.args.item or None, self.challenge)))
        for key, report, attempts in grading(iter(tasks)):
            if isinstance(report, pool.Failure):
                failed.append((by_key[key], report.reason))
            else:
                self.save(by_key[key], handed_in[key], report, attempts)
            bar.update()
        return failed

    def kept(self, by_key):
        """What is judged where items were asked for: the graded file as it was kept. (key, HandedIn, or why there is
        none) for each."""
        for key, submission in by_key.items():
            report, source = self.results.report(submission), self.results.source(submission)
            first = next(iter(report.items.values()), Item())
            problem = first.message.removeprefix(CANNOT) if first.message.startswith(CANNOT) else None
            if source is None and problem is None:
                yield key, f"its graded file is no longer in {self.results.of(submission)}: leave out --item"
            else:
                yield key, HandedIn(submission.name, None if problem else source, problem, open=first.status == "open")

    def anew(self, by_key, reading):
        """What is judged where only students were asked for: (key, HandedIn, or why there is none) for each."""
        there = {}
        for key, one in by_key.items():
            gone = [path for path in (one.path, *(path for _, path in one.files)) if path and not Path(path).exists()]
            if one.doubt:
                yield key, f"nobody can say what was handed in: {one.doubt}"
            elif gone:
                yield key, (f"{gone[0]} is not there any more: give --item, too, for the file that was kept, or run "
                            "`course grade-class` with the class again")
            else:
                there[key] = one
        for key, read, _ in reading((key, (self.assignment, one)) for key, one in there.items()):
            failed = isinstance(read, pool.Failure)
            yield key, f"it could not be read: {read.reason}" if failed else read

    def seed(self, submission):
        """What this submission is asked: what it was asked before, or else what most of the class were."""
        if self.args.seed is not None:
            return self.args.seed
        if report := self.results.report(submission):
            return report.seed
        return self.common

    @functools.cached_property
    def common(self):
        seeds = Counter(report.seed for one in self.results.submissions if (report := self.results.report(one)))
        return seeds.most_common(1)[0][0] if seeds else secrets.randbits(31)

    def save(self, submission, handed_in, report, attempts):
        """Keep what came of one, its report last. So what is stopped in between is done again, and told twice."""
        before = self.results.report(submission)
        if self.args.item:
            after = self.merged(before, report)
        else:
            mark = batch.depends_on(handed_in, self.notebook, self.version, self.challenge)
            after = batch.completed(report, handed_in, mark, attempts)
            after = dataclasses.replace(after, notes=[*after.notes, f"Graded again on {self.day}{self.why}."])
        rows = list(self.rows(submission, before, after, report.items, report.seed))
        self.changes += rows
        if self.args.dry_run:
            return
        append(self.results.folder / LOG, rows)
        if self.args.item:
            tell(after, self.results.of(submission), submission.name)
        else:
            self.results.save(submission, after, handed_in.source)
        self.done.append(submission.key)
        write(self.state, json.dumps({"asked": self.asked, "when": self.when, "done": self.done}) + "\n")

    @property
    def day(self):
        return self.when[:10]

    @property
    def why(self):
        return f": {printable(self.args.reason)}" if self.args.reason else ""

    def merged(self, before, again):
        """The report with the items that were graded again, and a note for each that says so."""
        fresh = reopen(again.items) if before.notebook.status == "passed" else again.items
        items, regraded, notes = {**before.items, **fresh}, dict(before.regraded or {}), list(before.notes)
        rest = (before.fingerprint or "").rpartition("-")[2]
        for name in fresh:
            said = [f"{name} was graded again on {self.day}{self.why}."]
            if self.version != rest:
                said.append("The checks have been changed since the rest was judged.")
            if again.seed != before.seed:
                said.append("It was asked other questions than the rest.")
            if again.isolation != before.isolation:
                said.append(f"Isolation: {again.isolation}.")
            if name in regraded:
                notes = [note for note in notes if note != regraded[name]["note"]]
            regraded[name] = {"checks": self.version, "seed": again.seed, "when": self.when, "note": " ".join(said)}
            notes.append(regraded[name]["note"])
        order = dict.fromkeys([*(check.item for check in self.checks), *items])
        unsafe = {} if again.isolated else {name: getattr(again, name) for name in
                                            ("isolation", "isolated", "why_not_isolated")}
        notes += [note for note in again.notes if note not in notes]
        return dataclasses.replace(before, items={name: items[name] for name in order if name in items},
                                   regraded=regraded, notes=notes, **unsafe)

    def rows(self, submission, before, after, judged, seed):
        """The lines of the log: each item that was graded again, as it was and as it is."""
        for name in dict.fromkeys([*(before.items if before and not self.args.item else ()), *judged]):
            old, new = (report.items.get(name) if report else None for report in (before, after))
            yield dict(zip(COLUMNS, (self.when, submission.name, submission.key, name, *told_of(old), *told_of(new),
                                     str(seed), self.args.reason)))

    def end(self, finished):
        """finished: nothing is left to go on with."""
        if finished and not self.args.dry_run:
            self.state.unlink(missing_ok=True)

    def told(self):
        """What changed, line by line, and what is to be known besides."""
        changed = [row for row in self.changes if state(row, " before") != state(row)]
        graded = len({row["key"] for row in self.changes})
        lines = [*self.lines, *(printable(f"{row['student']}, {row['item']}: {state(row, ' before')} -> {state(row)}")
                                for row in changed)]
        would = "would be" if self.args.dry_run else "were"
        lines.append(f"{graded} {would} graded again; {len(changed)} of {len(self.changes)} items changed, of "
                     f"{len({row['key'] for row in changed})} students")
        if self.args.dry_run:
            return lines
        reports = [report for one in self.results.submissions if (report := self.results.report(one))]
        for name in dict.fromkeys(row["item"] for row in self.changes):
            most = Counter(report.items[name].max for report in reports if name in report.items)
            if len(most) > 1:
                lines.append(f"{name} is worth {' or '.join(points(each) for each in most)} points, depending on who "
                             f"it is: `course regrade --item {name}` for all makes it one")
        if any("-" not in (report.fingerprint or "-") for report in reports):
            lines.append("graded by an earlier version of the course: the next `course grade-class` grades them again, "
                         "whole")
        return [*lines, f"all of it, with the reason: {self.results.folder / LOG}"] if self.changes else lines


def told_of(item):
    """points, max and status of an Item as in the log."""
    if item is None:
        return None, None, "not graded"
    return None if item.status == "open" else item.points, item.max, item.status


def state(row, when=""):
    """One side of a change in words: 3 of 5 (failed)."""
    got, most, status = row[f"points{when}"], row[f"max{when}"], row[f"status{when}"]
    return status if most is None else f"{'open' if got is None else points(got)} of {points(most)} ({status})"


def append(path, rows):
    """Add lines to the log, which appears whole or as it was."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    known = path.read_bytes() if path.is_file() else b""
    if not known:
        text.write("\ufeff")
        lines.writerow(COLUMNS)
    elif not known.endswith(b"\n"):
        text.write("\n")
    lines.writerows([cell(row[column]) for column in COLUMNS] for row in rows)
    write(path, known + text.getvalue().encode("utf-8"))
