"""The grade book of a class: gradebook.csv, the same for Moodle and Canvas, and class.html."""
import dataclasses

from coursekit.classes import leaderboard, page
from coursekit.classes.marks import marks, read_sheets, told
from coursekit.classes.place import few
from coursekit.classes.platforms import canvas, moodle
from coursekit.classes.sheets import members
from coursekit.classes.tables import keep_copy, read_table, write_rows
from coursekit.grading.report import CANNOT
from coursekit.grading.tell import tell
from coursekit.grading.tell.html import html
from coursekit.grading.tell.points import points
from coursekit.sandbox import printable
from helpers.given.console import UserError, write

NOTHING = "nothing handed in"


def build(results, failures=None):
    """Write the grade book and the class page from what is in the folder of results. Returns a summary in words.

    failures: {key: why it could not be graded} of the last run.
    """
    failures = failures or {}
    submissions, sheets = results.submissions, read_sheets(results)
    written = marks(results, sheets)
    found = {submission.key: results.report(submission) for submission in submissions}
    graded = [found[submission.key] for submission in submissions if found[submission.key]]
    items = {name: item.max for report in graded[:1] for name, item in report.items.items()}
    questions = {mark.heading: mark.max for of_one in written.values() for mark in of_one}
    listed = leaderboard.standings(results, found)
    standing = {one.key: one for one in listed}
    for submission in submissions if written or listed else ():
        if report := found[submission.key]:  # the students see their points and their place, too
            of_each, place = written.get(submission.key, []), standing.get(submission.key)
            tell(report, results.of(submission), submission.name, [mark for mark in of_each if not mark.whose], place)
            for number, who, of_one in by_member(submission, of_each):
                write(results.folder / page_of(submission, number), html(
                    report.with_picture_files(results.of(submission)), results.of(submission), who.name, of_one, place))
    rows = records(results, found, written, failures)
    if listed:
        leaderboard.save(results, listed, {row["key"]: row for row in rows})
    assignment, most = results.settings["assignment"], sum(items.values()) + sum(questions.values())

    everybody = of_people(rows)
    more = [name for name in ("group", "late") if any(r[name] for r in everybody)]
    header = ["name", "id", "id number", "email", "login", "section", *more, *items,
              *questions, "total", "max", "status", "style findings", "notebook", "seconds", "report"]
    typed = keep_typed(results.folder / "gradebook.csv", header)
    write_rows(results.folder / "gradebook.csv", header, [
        [*(r[name] for name in ("name", "id", "number", "email", "login", "section", *more)),
         *(r["items"].get(name) for name in items), *(r["written"].get(title) for title in questions), r["total"], most,
         r["status"], r["style"], r["notebook"], r["seconds"], r["report"]] for r in everybody])
    write_rows(results.folder / "moodle.csv", *moodle.table(everybody))
    write_rows(results.folder / "canvas.csv", *canvas.table(everybody, assignment, most))
    write(results.folder / "class.html", page.render(results, rows, found, items, questions, listed))

    totals = [r["total"] for r in rows if r["total"] is not None]
    unmarked = sum(got is None for r in rows for got in r["written"].values())
    broken = sum(r["status"].startswith(("cannot grade", NOTHING)) for r in rows)
    undecided = sum(r["status"].startswith("open: ") for r in rows)
    mean = f", mean {sum(totals) / len(totals):.1f} of {points(most)} points" if totals else ""
    summary = (f"{len(totals)} of {len(rows)} graded{mean}; {broken} with nothing to grade"
               f"{f', {undecided} open' if undecided else ''}"
               f"{f'; {unmarked} {unmarked_are(rows)} without points' if unmarked else ''}")
    mixed = page.told_of_mixed(found)
    written_to = f"{results.folder / 'class.html'}, gradebook.csv, moodle.csv, canvas.csv, students/"
    return "\n".join([summary, *typed, *mixed, *(line for sheet in sheets for line in told(sheet)), written_to])


def keep_typed(path, header):
    """Keep a copy of an earlier grade book with rows or columns that were typed into it, since it is written anew.
    Returns lines on that."""
    if not path.is_file():
        return []
    try:
        rows = read_table(path, otherwise="cp1252")
        typed = [f"a row {next(filter(None, row.values()), '')!r}" for row in rows
                 if any(row.values()) and not row.get("status") and not row.get("report")]
        typed += [f"a column {title!r}" for title in (rows[0] if rows else ()) if title and not (
            title in header or title in ("group", "late") or "." in title or title.endswith(")"))]  # or of an item
    except UserError as error:
        typed = [str(error)]
    return [printable(f"{path.name} held what is not ours, and counts nowhere: {few(typed)}. It is kept as "
                      f"{keep_copy(path)}")] if typed else []


def unmarked_are(rows):
    """What has no points yet, in words."""
    parts = {heading.rpartition("(")[2] for r in rows for heading, got in r["written"].items() if got is None}
    return "written answers" if parts == {"written)"} else "marks of sheets"


def records(results, found, written, failures):
    """The rows of the grade book: one for each submission, or for each member of a group who has marks of their own.
    found: {key: Report or None}. written: {key: [Mark]}. failures: see `build`."""
    rows = []
    for submission in results.submissions:
        report, marked = found[submission.key], written.get(submission.key, [])
        failure = printable(failures.get(submission.key, "not graded yet"))
        own = by_member(submission, marked)
        rows += [{**row(submission, report, of_one, failure), "name": who.name, "people": (who.person,),
                  **({"report": page_of(submission, number)} if report else {})} for number, who, of_one in own]
        rows += [] if own else [row(submission, report, marked, failure)]
    return rows


def by_member(submission, marked):
    """What each member of a group has got, if they have marks of their own: [(number, Who, [Mark])]."""
    return [(number, who, [mark for mark in marked if mark.whose in ("", who.key)])
            for number, who in enumerate(members(submission), start=1)] if any(mark.whose for mark in marked) else []


def page_of(submission, number):
    """The page of a group's member: its path in the folder of results."""
    return f"students/{submission.key}/report-{number}.html"


def of_people(rows):
    """A row for each person: all members of a group have its points."""
    return [{**r, **dataclasses.asdict(person)} for r in rows for person in r["people"]]


def row(submission, report, written, failure):
    """One submission as the grade book, the class page and the platforms need it. No report: no points, and why.

    open: the items and questions that somebody has to judge yet. No platform gets points before.
    """
    known = {name: getattr(submission, name) for name in ("key", "name", "id", "number", "email", "login", "section",
                                                          "group", "people")}
    known["late"] = "late" if submission.late else ""
    if report is None:
        failure = f"open: {submission.doubt}" if submission.doubt else failure
        return {**known, "items": {}, "written": {}, "open": [], "total": None, "max": None, "status": failure,
                "style": None, "notebook": "", "seconds": None, "report": "", "feedback": ""}
    problem = next((item.message for item in report.items.values() if item.message.startswith(CANNOT)), "")
    if problem and submission.path is None and not submission.problem:
        problem = NOTHING
    total, most = report.total(written)
    text = f"{points(total)} of {points(most)}: {feedback(report, written, problem)}"
    if report.open:  # a zero would be as wrong as the points
        total = None
        problem = text = problem.replace(CANNOT, "open: ") or \
            f"open: {', '.join(report.open)} could not be judged, look at the report"
    return {**known, "items": {name: None if item.status == "open" else item.points
                               for name, item in report.items.items()},
            "written": {mark.heading: mark.points for mark in written},
            "open": report.open + [mark.label for mark in written if mark.points is None], "total": total,
            "max": most, "status": problem or "; ".join(filter(None, ["graded", report.answers_problem])),
            "style": report.style.count, "notebook": report.notebook.status, "seconds": report.seconds,
            "report": f"students/{submission.key}/report.html", "feedback": text}


def feedback(report, written, problem=""):
    """What a student reads beside the points: where they were lost, and what nobody has marked yet."""
    lost = [] if problem else [name for name, item in report.items.items() if item.points < item.max]
    lost += [mark.label for mark in written if mark.points is not None and mark.points < mark.max]
    unmarked = [mark.label for mark in written if mark.points is None]
    said = [problem, f"points lost in {', '.join(lost)}" if lost else "",
            f"not marked yet: {', '.join(unmarked)}" if unmarked else ""]
    return "; ".join(filter(None, said)) or "everything asked for"
