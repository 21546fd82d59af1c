"""`./course answers`: the written answers of a class in one sheet, beside the model answer; points are typed there.

The sheet is answers.csv in the folder of results: type points and comments there, in any spreadsheet program, and run
the command again. What was typed stays, until the answer beside it is another one.
"""
import base64
from itertools import groupby

from coursekit.classes.gradebook import build
from coursekit.classes.marks import read_sheet, table, write_sheet
from coursekit.classes.results import Results, lock
from coursekit.classes.sheets import ANSWERS
from coursekit.grading.tell.html import templates
from coursekit.questions import ELSEWHERE, POINTS, questions
from helpers.given.console import UserError, examples, write


def by_question(results, rows):
    """What the page shows: for each question, what is to be shown of each student. rows: of `marks.table`."""
    reports = {submission.key: results.report(submission) for submission in results.submissions}
    for _, of_one in groupby(rows, key=lambda row: row[1].id):
        yield [{"question": question.title, "text": question.text, "model": question.model, "student": who.name,
                "mark": mark, "pictures": list(pictures(results, who.submission, reports[who.key], question.id))}
               for who, question, mark in of_one]


def elsewhere(results):
    """What was written where no question is: (name of the student, text, pictures) for each who did."""
    for submission in results.submissions:
        report = results.report(submission)
        if report and report.answers and report.answers.get(ELSEWHERE):
            yield submission.name, report.answers[ELSEWHERE], list(pictures(results, submission, report, ELSEWHERE))


def pictures(results, submission, report, id):
    """The pictures of an answer: (name, address that holds the whole picture) of each."""
    for name, kind, path in (report.answer_pictures or {}).get(id, ()) if report else ():
        content = (results.of(submission) / path).read_bytes()
        yield name, f"data:{kind};base64,{base64.b64encode(content).decode()}"


def add_arguments(parser):
    parser.epilog = examples("answers results/vae              # gather; then type points into answers.csv, and again",
                             "answers results/vae --points 2")
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`")
    parser.add_argument("--points", type=float, default=POINTS, metavar="N",
                        help="points of each question in a new sheet (default: %(default)s); the sheet's column max "
                        "can be changed afterwards")


def main(args):
    """Run `./course answers`: write the sheet with what was typed so far, and build the grade book anew."""
    if not 0 < args.points < 1e6:
        raise UserError(f"--points {args.points:g}: expected a number above 0")
    results = Results.open(args.folder)
    with lock(results.folder):
        typed = read_sheet(results, ANSWERS)
        asked = [question.id for question in questions(results.settings["assignment"])]
        rows = sorted(table(results, typed, args.points), key=lambda row: asked.index(row[1].id))
        if not rows:
            raise UserError(f"the notebook of {results.settings['assignment']} has no questions to answer in writing")
        lines = write_sheet(results, typed, rows)
        write(results.folder / "answers.html", templates().get_template("answers.html").render(
            assignment=results.settings["assignment"], questions=list(by_question(results, rows)),
            elsewhere=list(elsewhere(results))))
        print("\n".join([*lines, build(results)]))
    unmarked = sum(mark.points is None for *_, mark in rows)
    print(f"{results.folder / ANSWERS.sheet}: {len(rows)} answers, {unmarked} without points. Type them there, then "
          f"run this again.\n{results.folder / 'answers.html'}: the same to read")
