"""`./course grades`: the grades of a class back to its platform, or of a whole term where DIR holds course.toml.

Of a class: see coursekit.classes.giveback. Of a term: all its assignments in one book, a page for each person and one
for the instructor; with --into or --for, what the platform takes for the total. Nothing is graded anew.
"""
from pathlib import Path

from coursekit.classes import giveback
from coursekit.classes.results import Results, lock
from coursekit.classes.worksheet import read_worksheet
from coursekit.sandbox import printable
from coursekit.term import book, page
from coursekit.term.settings import FILE
from coursekit.term.term import compute
from helpers.given.console import UserError, examples


def add_arguments(parser):
    parser.epilog = examples("grades results/vae --into worksheet.csv   # Moodle's or Canvas's file, filled in",
                             "grades results/vae --for ilias",
                             "grades term/                              # a whole term: term/course.toml")
    where = giveback.add_arguments(parser)
    where.required = False  # a term's book is worth having without
    parser.set_defaults(usage_error=parser.error)


def main(args):
    """Run `./course grades`."""
    folder = Path(args.folder)
    if not (folder / FILE).is_file():
        if not args.into and not args.platform:
            if not (folder / "class.json").is_file():
                raise UserError(f"{folder} holds neither {FILE} (a term) nor class.json (the --out of a `course "
                                "grade-class`)")
            args.usage_error("one of the arguments --into --for is required")
        return giveback.main(args)
    sheet = read_worksheet(args.into) if args.into else None
    with lock(folder):
        term = compute(folder)
        told = [*term.told, *book.write_book(term), *page.write_pages(term)]
        if sheet or args.platform:
            rows = book.exported(term)
            told += giveback.give_back(Results(folder, {"assignment": "term"}), sheet, rows,
                                       float(term.grades[0].max), args)
            told += giveback.left_out(rows)
    print("\n".join(map(printable, told)))
