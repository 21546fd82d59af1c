"""`./course viva`: questions for a demonstration, about each student's own file, with model answers for the examiner.

Points are typed into viva.csv, as for written answers. What somebody is asked stays as long as their file and report
do, and in any case once they have points for it.
"""
import dataclasses
import hashlib
import json
import secrets

from coursekit import pool
from coursekit.classes import demonstration
from coursekit.classes.demonstration import DEMONSTRATION, why_none
from coursekit.classes.gradebook import build
from coursekit.classes.marks import read_sheet, table, write_sheet
from coursekit.classes.place import few
from coursekit.classes.results import Results, lock
from coursekit.gaps import strip
from coursekit.grading import command
from coursekit.grading.tell.html import templates
from coursekit.questions import POINTS, questions
from coursekit.sandbox import printable, walls
from coursekit.viva.look import look
from coursekit.viva.sets import MINUTES, choose, questions_about, rules_of, solutions
from helpers.given.console import UserError, examples, progress, write
from helpers.given.course import ROOT, assignments

LOOK_DEADLINE = 30.0  # seconds for one file


def add_arguments(parser):
    parser.epilog = examples("viva results/vae",
                             "viva results/vae --seed 7 --points 2")
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`")
    parser.add_argument("--seed", type=command.seed, help="what the choice of questions depends on (default: that of "
                        "the sheets that are there, else a fresh one, noted in viva.html)")
    parser.add_argument("--points", type=float, default=POINTS, metavar="N", help="points of each question in a new "
                        "sheet (default: %(default)s); the sheet's column max can be changed afterwards")


def main(args):
    """Run `./course viva`: write the sheets, and build the grade book anew with what was typed so far."""
    if not 0 < args.points < 1e6:
        raise UserError(f"--points {args.points:g}: expected a number above 0")
    results = Results.open(args.folder)
    with lock(results.folder):
        known = demonstration.read(results) or {"seed": None, "of": {}}
        typed = read_sheet(results, DEMONSTRATION).typed if known["of"] else {}
        seed = next(one for one in (args.seed, known["seed"], secrets.randbits(31)) if one is not None)
        kept = {key for (key, _), (points, *_) in typed.items() if points is not None}
        made = sets(results, seed, known["of"], kept)
        write(results.folder / demonstration.FILE, json.dumps(
            {"seed": seed, "of": {key: {**one, "asked": [dataclasses.asdict(each) for each in one["asked"]]}
                                  for key, one in made.items()}}, indent=1, ensure_ascii=False) + "\n")
        sheet = read_sheet(results, DEMONSTRATION)
        rows = table(results, sheet, args.points)
        lines = write_sheet(results, sheet, rows)
        write(results.folder / "viva.html", page(results, seed, made, rows))
        print("\n".join([*lines, build(results)]))
    people = DEMONSTRATION.people(results)
    other = [who.name for who in people if made.get(who.key, {}).get("seed", seed) != seed]
    if other:
        print(f"have points for what they were asked with another seed, so that stays: {few(other)}")
    if unread := [f"{who.name} ({printable(made[who.key]['problem'])})" for who in people
                  if who.key in made and made[who.key]["problem"]]:
        print(f"not asked about their code: {few(unread)}")
    print(f"{results.folder / 'viva.html'}: to print, a page for each student, {MINUTES} minutes each (seed {seed})\n"
          f"{results.folder / DEMONSTRATION.sheet}: type points there, then run this again")


def sets(results, seed, known, kept):
    """What everybody is asked: {key of a Who: as in viva.json, with its Asked}. known: the same, of before. kept: keys
    of those who have points, whose questions stay."""
    assignment = results.settings["assignment"]
    rules, solved, notebook = rules_of(assignment), solutions(assignment), questions(assignment)
    reports = {one.key: report for one in results.submissions if (report := results.report(one))}
    looked = looked_into(results, [one for one in results.submissions if one.key in reports], rules)
    made, before = {}, ()
    for submission in results.submissions:
        partners, report = [], reports.get(submission.key)
        for who in DEMONSTRATION.whose(submission) if report else ():
            digest, one = depends_on(results.source(submission), report), known.get(who.key)
            if not one or who.key not in kept and (one["of"], one["seed"]) != (digest, seed):
                found, first, problem = looked[submission.key]
                all_of_it = [] if why_none(report) else questions_about(found, first, rules, report, notebook, solved)
                one = {"of": digest, "seed": seed, "problem": why_none(report) or problem,
                       "asked": choose(all_of_it, who.key, seed, partners, before)}
            made[who.key], before = one, one["asked"]
            partners.append(before)
    return made


def depends_on(source, report):
    """A digest of what the questions are made from."""
    told = [source, {name: dataclasses.asdict(item) for name, item in report.items.items()}, report.answers,
            report.notebook.pictures]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def looked_into(results, submissions, rules):
    """What can be asked about the files, {key: as from `look`}. A file that ends the process which reads it costs
    nobody else their questions."""
    assignment = results.settings["assignment"]
    given = strip((ROOT / assignments()[assignment].helper).read_text(encoding="utf-8"))
    tasks = [(one.key, (results.source(one) or "", given, rules)) for one in submissions]
    found = {}
    with walls.temporary_folder("viva") as folder, progress(len(tasks), "viva", "submissions") as bar:
        for key, result, _ in pool.local(look, tasks, 1, folder, deadline=LOOK_DEADLINE):
            found[key] = result
            bar.update()
    return {key: ([], {}, f"its code cannot be read: {result.reason}") if isinstance(result, pool.Failure) else result
            for key, result in found.items()}


def page(results, seed, made, rows):
    """viva.html. made: of `sets`. rows: of marks.table."""
    of_one = {}
    for who, question, mark in rows:
        of_one.setdefault(who.key, (who, []))[1].append((question, mark))
    shown, left_out = [], []
    for key, (who, marked) in of_one.items():
        if key in made and made[key]["asked"]:
            shown.append((who, made[key], list(zip(made[key]["asked"], marked))))
        else:
            left_out.append((who.name, made[key]["problem"] if key in made else "not graded yet"))
    return templates().get_template("viva.html").render(
        assignment=results.settings["assignment"], seed=seed, minutes=MINUTES, shown=shown, left_out=left_out)
