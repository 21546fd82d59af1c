"""`./course rubric`: the students' reports (PDF) beside a rubric, in one sheet; points are typed there.

The sheet is report.csv in the folder of results: type points and comments there, in any spreadsheet program, and run
the command again. The PDFs are copied into `reports`; their pages are counted in the sandbox, nothing shows them here.
"""
import dataclasses
import functools
import json
import shutil
from pathlib import Path

from coursekit import pool
from coursekit.classes import roster
from coursekit.classes.gradebook import build
from coursekit.classes.marks import read_sheet, table, write_sheet
from coursekit.classes.place import few
from coursekit.classes.platforms.people import plain
from coursekit.classes.results import Results, lock
from coursekit.classes.rubric import DEFAULT, FILE, KEPT, PDFS, REPORT, kept, paper_of, read_rubric, rubric_of
from coursekit.grading.files import NoGradedFile, SubmissionError
from coursekit.grading.handin import look_into
from coursekit.grading.paper import Paper, find_paper
from coursekit.grading.tell.html import templates
from coursekit.sandbox import printable, walls
from helpers.given.console import examples, progress, write

READ_DEADLINE = 90.0  # seconds to find, read and count one report


def add_arguments(parser):
    parser.epilog = examples("rubric results/vae",
                             "rubric results/vae --reports reports.zip --rubric rubric.toml")
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`")
    parser.add_argument("--reports", metavar="SUBMISSIONS", help="where the reports were handed in, if not with the "
                        "code: a folder or a download, as `course grade-class` takes it")
    parser.add_argument("--rubric", type=Path, metavar="FILE", help="parts, weights and levels; default: "
                        f"DIR/rubric.toml, else the course's, {DEFAULT.relative_to(DEFAULT.parents[2]).as_posix()}")


def main(args):
    """Run `./course rubric`: find the reports, write the sheet with what was typed so far, build the grade book."""
    results = Results.open(args.folder)
    with lock(results.folder):
        if args.rubric:
            read_rubric(args.rubric)
            write(results.folder / FILE, args.rubric.read_bytes())
        parts = rubric_of(results)
        lines = gather(results, args.reports)
        sheet = read_sheet(results, REPORT)
        rows = table(results, sheet)
        lines += write_sheet(results, sheet, rows)
        write(results.folder / "report.html", page(results, rows))
        print("\n".join(map(printable, [*lines, *build(results).splitlines()])))
    unmarked = sum(mark.points is None for *_, mark in rows)
    print(f"{results.folder / REPORT.sheet}: {len(parts)} parts of {len(rows) // len(parts)} reports, {unmarked} "
          f"without points. Type them there, then run this again.\n{results.folder / 'report.html'}: each report "
          "beside the rubric")


def gather(results, where=None):
    """Find the reports and keep them, as far as it has to be done again. Returns lines on what came of it.

    where: they were handed in. Without it: where they were the last time, else with the code.
    """
    path, where = results.folder / KEPT, where or kept(results)["from"]
    with walls.temporary_folder("reports") as folder:
        if where:
            found, told = roster.take_in(where, None, folder, results.folder)
        else:
            found, told = results.submissions, []
        whose, strangers = owners(results, found) if where else ({one.key: [one] for one in found}, [])
        if strangers:
            told.append(f"handed in a report, and not among the submissions: {few(one.name for one in strangers)}")
        copies = Path(folder, "papers")
        copies.mkdir(mode=0o700)
        tasks = [((key, number), (one, copies / f"{key}-{number}.pdf"))
                 for key, ones in whose.items() for number, one in enumerate(ones)]
        papers, wall = {}, walls.best()
        if not wall.isolates:
            told.append("student code cannot be isolated on this machine, so no pages were counted")
        reading = functools.partial(read_paper, wall if wall.isolates else None, results.settings["assignment"])
        count = max(1, min(pool.room_for(), len(tasks)))
        with progress(len(tasks), "rubric", "reports") as bar:
            for (key, number), paper, _ in pool.local(reading, tasks, count, folder, deadline=READ_DEADLINE):
                if isinstance(paper, pool.Failure):
                    paper = Paper(problem=f"it could not be read: {printable(paper.reason)}")
                papers.setdefault(key, []).append((paper, copies / f"{key}-{number}.pdf"))
                bar.update()
        keep(results, papers, strangers, path, where)
    return told


def keep(results, papers, strangers, path, where):
    """Write what was found. papers: {key: [(Paper, where its bytes are)]}."""
    new = {}
    (results.folder / PDFS).mkdir(mode=0o700, exist_ok=True)
    for submission in results.submissions:
        paper, content = joined(papers.get(submission.key, []))
        if paper is None and strangers:
            paper = Paper(problem=f"{few(one.name for one in strangers)} may be theirs: nothing tells")
        elif paper is None:
            paper = Paper(nothing=True)
        before = paper_of(results, submission.key)
        target = results.folder / PDFS / f"{submission.key}.pdf"
        if paper.problem == GONE and before and target.is_file():
            new[submission.key] = before  # it was unpacked for the grading, and read then
            continue
        new[submission.key] = paper
        target.unlink(missing_ok=True)
        if content and content.is_file():
            shutil.move(content, target)
    for left in (results.folder / PDFS).glob("*.pdf"):
        if left.stem not in new:
            left.unlink()
    write(path, json.dumps({"from": where and str(where), "papers": {
        key: dataclasses.asdict(paper) for key, paper in new.items()}}, indent=1) + "\n")


def joined(found):
    """The one report of several members' hand-ins: (Paper, where its bytes are); (None, None) if there are none."""
    pdfs = [each for each in found if each[0].name]
    if len({paper.digest for paper, _ in pdfs}) > 1:
        return Paper(problem=f"{len(pdfs)} members have handed in different reports: look which one counts"), None
    return next(iter([*pdfs, *(each for each in found if not each[0].nothing), *found]), (None, None))


def owners(results, found):
    """Whose the reports of another hand-in are: ({key: [Submission of that]}, those that are nobody's). By key, number,
    login or address, else by name; a value counts if it leads to one."""
    known = {}
    for submission in results.submissions:
        for tag in {("key", submission.key), *submission.tags, *(
                ("name", plain("name", person.name)) for person in submission.people)}:
            known.setdefault(tag, set()).add(submission.key)
    former = results.settings.get("former", {})
    whose, strangers = {}, []
    for one in found:
        names = [("name", plain("name", person.name)) for person in one.people]
        tags = sorted(tag for tag in one.tags if tag[0] not in ("id", "group"))  # an id may be of that hand-in only
        sure = [("key", former.get(one.key, one.key)), *tags]
        keys = next((known[tag] for tag in [*sure, *names] if len(known.get(tag, ())) == 1), None)
        if keys:
            whose.setdefault(min(keys), []).append(one)
        elif one.path or one.files or one.problem:
            strangers.append(one)
    return whose, strangers


GONE = "its files are not there any more: give the reports with --reports"


def read_paper(wall, assignment, submission, target):
    """Find the report of one submission, and copy it: a Paper. Runs in a process of its own. wall: behind which the
    pages are counted, or None."""
    content = submission.files or submission.path
    if content is None:
        problem = submission.problem or submission.doubt
        return Paper(problem=printable(problem)) if problem else Paper(nothing=True)
    if not all(Path(path).exists() for path in ([path for _, path in submission.files] or [submission.path])):
        return Paper(problem=GONE)
    try:
        with walls.Room(wall or walls.Bare(), "paper") as room, look_into(content, room) as listing:
            paper, found = find_paper(listing, room if wall else None, assignment)
    except NoGradedFile:
        return Paper(nothing=True)
    except SubmissionError as error:
        above = f"{submission.path.parent}/" if submission.path else ""
        return Paper(problem=printable(str(error).replace(above, "") if above else str(error)))
    if found is not None:
        write(target, found)
    return paper


def page(results, rows):
    """report.html. rows: of marks.table."""
    students = {}
    for who, question, mark in rows:
        students.setdefault(who.key, (who, []))[1].append(mark)
    shown = []
    for key, (who, of_one) in students.items():
        paper = paper_of(results, key)
        there = (results.folder / PDFS / f"{key}.pdf").is_file()
        shown.append({"name": who.name, "paper": paper, "marks": of_one, "pdf": f"{PDFS}/{key}.pdf" if there else None,
                      "points": None if any(mark.points is None for mark in of_one) else sum(
                          mark.points for mark in of_one), "max": sum(mark.max for mark in of_one)})
    return templates().get_template("rubric.html").render(
        assignment=results.settings["assignment"], parts=rubric_of(results), students=shown)
