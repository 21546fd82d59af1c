"""`./course grades`: give the grades of a class back to the platform that they are for.

Moodle's grading worksheet or Canvas's exported grade book goes in and comes out filled in, beside the results; for
ILIAS and OLAT, what their own imports take is written there. Run it again whenever points were typed into answers.csv.
What nobody has judged yet is left out and told, so the platform keeps what it has.
"""
from coursekit.classes.gradebook import build, of_people, records
from coursekit.classes.marks import marks
from coursekit.classes.platforms import canvas, moodle, reports
from coursekit.classes.platforms.people import listed
from coursekit.classes.results import Results, lock
from coursekit.classes.worksheet import read_worksheet
from coursekit.sandbox import printable
from helpers.given.console import UserError

WITHOUT_A_FILE = {"ilias": reports.for_ilias, "olat": reports.for_olat}


def add_arguments(parser):
    parser.add_argument("folder", metavar="DIR", help="the --out of a `course grade-class`, or a folder with a "
                        "course.toml: then the grades of a term")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--into", metavar="FILE", help="Moodle's grading worksheet or Canvas's exported grade book, as "
                       "downloaded")
    where.add_argument("--for", dest="platform", choices=WITHOUT_A_FILE, help="write what this platform imports")
    parser.add_argument("--column", metavar="TITLE", help="how the assignment is called in Canvas; default: the column "
                        "that is called like it")
    return where


def main(args):
    """Run `./course grades`."""
    results = Results.open(args.folder)
    sheet = read_worksheet(args.into) if args.into else None
    with lock(results.folder):
        build(results)  # with what was typed since
        found, written = {one.key: results.report(one) for one in results.submissions}, marks(results)
        rows = of_people(records(results, found, written, {}))
        most = max((row["max"] for row in rows if row["max"] is not None), default=None)
        if most is None:
            raise UserError(f"{results.folder}: nobody is graded yet. Run `course grade-class` first")
        told = give_back(results, sheet, rows, most, args)
    print("\n".join(map(printable, told + left_out(rows))))


def left_out(rows):
    """A line on who gets no points yet, if there is anybody."""
    names = [row["name"] for row in rows if row["total"] is None or row["open"]]
    return [f"open or not graded, so left out: {listed(names)}"] if names else []


def give_back(results, sheet, rows, most, args):
    """Write what the platform takes. Returns what is to be told, line by line."""
    if sheet is None:
        return WITHOUT_A_FILE[args.platform](results, rows)
    if canvas.is_export(sheet):
        path = results.folder / "canvas-upload.csv"
        told = canvas.fill(sheet, rows, most, results.settings["assignment"], args.column)
    else:
        path = results.folder / "moodle-upload.csv"
        told = moodle.fill(sheet, rows, most)
    sheet.save(path)
    return [f"{path}: {told[0]}", *told[1:]]
