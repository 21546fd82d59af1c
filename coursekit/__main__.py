"""The instructor's command line: the student's commands, and `release`, `site`, `gradescope`, `grade`, `grade-class`,
`regrade`, `answers`, `viva`, `grades`, `audit`, `test` of the course."""
import functools
import importlib
import itertools
import os
import re
import sys
from pathlib import Path

from helpers.given import __main__ as student
from helpers.given.console import Parser, choose, examples
from helpers.given.course import ROOT, assignments

CODE = ("helpers", "coursekit", "autograde_tests", "tests", "bench")


def add_release(commands):
    parser = commands.add_parser("release", help="write the student edition", epilog=examples(
        "release --out ../course-2027", "release --out ../vae-2027 --assignment vae",
        "release --out ../course-2027 --for gitlab --on tags",
        "release --out ../course-2027 --repository https://github.com/school/course-2027"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--assignment", metavar="NAME", help="only this one, such as vae; default: all")
    parser.add_argument("--for", dest="platform", default="github",
                        choices=("github", "gitlab", "classroom50", "classroom"),
                        help="what runs the public checks: GitHub's or GitLab's runners (default: github), Classroom "
                        "50 (--out holds its autograders beside the editions), or GitHub Classroom as it was")
    parser.add_argument("--on", default="push", choices=("push", "tags", "hand"),
                        help="when, on GitHub and GitLab: on every push (default), for tags submit/* only, or when "
                        "somebody starts it")
    parser.add_argument("--repository", metavar="URL", help="the address that you will publish it at, such as "
                        "https://github.com/school/course-2027: then its notebooks run in Colab and on Kaggle, and its "
                        "README has badges")
    parser.set_defaults(command=release)


def release(args):
    from coursekit import release

    names = release.release(ROOT, args.out, args.assignment, args.platform, args.on, args.repository)
    print(f"released {', '.join(names)} to {args.out}")


def add_site(commands):
    parser = commands.add_parser("site", help="write the course as a site that one can read without installing it",
                                 epilog=examples(
                                     "site --out ../site", "site --out ../site-for-teachers --solutions",
                                     "site --out ../site --repository https://github.com/school/course-2027"))
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--solutions", action="store_true", help="for teachers: with model answers and solutions")
    parser.add_argument("--repository", metavar="URL", help="where the student edition lies, such as "
                        "https://github.com/OWNER/NAME: on github.com its notebooks can be opened in Colab then")
    parser.set_defaults(command=site)


def site(args):
    from coursekit import site

    site.build(ROOT, args.out, args.solutions, args.repository)
    print(f"wrote {args.out}, with{'' if args.solutions else 'out'} solutions: open {args.out / 'index.html'}")


def add_gradescope(commands):
    parser = commands.add_parser("gradescope", help="write the zip file of an autograder for Gradescope",
                                 epilog=examples("gradescope --assignment vae --out vae.zip",
                                                 "gradescope --assignment vae --out vae.zip --visibility published"))
    parser.add_argument("--assignment", required=True, metavar="NAME", help="such as vae")
    parser.add_argument("--out", type=Path, required=True, metavar="ZIP", help="the zip file to write")
    parser.add_argument("--visibility", choices=("all", "published", "none"), default="all", help="when students see "
                        "the checks and the score: at once (default), when grades are published, never")
    parser.add_argument("--runs-per-day", type=whole, default=0, metavar="N", help="grade at most so many submissions "
                        "of a student within 24 hours; others keep the last score (default: no limit)")
    parser.add_argument("--minutes", type=whole, default=10, metavar="N", help="the container's timeout, as set in "
                        "Gradescope (default: 10, as there)")
    parser.add_argument("--notebook", action="store_true", help="execute the notebook, too: set a larger container")
    parser.set_defaults(command=gradescope)


def whole(text, least=0):
    """A whole number that is not negative; argparse tells who types something else."""
    if int(text) < least:
        raise ValueError
    return int(text)


def positive(text):
    return whole(text, least=1)


def gradescope(args):
    from coursekit.release.gradescope import autograder

    autograder(ROOT, args.out, args.assignment, args.visibility, args.runs_per_day, args.minutes, args.notebook)
    print(f"wrote {args.out} ({args.out.stat().st_size / 1e6:.1f} MB): upload it in Gradescope, under Configure "
          "Autograder")


# Their modules declare their arguments, so that `course --help` need not import them.
GRADING = {"collect": ("coursekit.classes.collect", "clone or update the git repositories of a class"),
           "grade": ("coursekit.grading.command", "grade a submission with the hidden checks"),
           "grade-class": ("coursekit.classes.batch", "grade a class: reports, grade book, an overview"),
           "regrade": ("coursekit.classes.regrade", "grade single items or students of a class again, and say what "
                       "changed"),
           "answers": ("coursekit.classes.answers", "gather a class's written answers, and count the points typed for "
                       "them"),
           "rubric": ("coursekit.classes.papers", "gather a class's reports (PDF) beside a rubric, and count the "
                      "points typed for them"),
           "viva": ("coursekit.classes.viva", "questions for a demonstration, about each student's own file"),
           "grades": ("coursekit.term.command", "give the grades of a class back to Moodle, Canvas, ILIAS or OLAT; or "
                      "grade a whole term: all assignments in one book")}


def add_grading(commands):
    for name, (_, what) in GRADING.items():
        commands.add_parser(name, help=what, add_help=False).set_defaults(
            command=functools.partial(run_grading, name), rest=[])


def run_grading(name, args):
    return importlib.import_module(GRADING[name][0]).main(parser_of(name).parse_args(args.rest))


def parser_of(name):
    """The parser of a command whose module declares its arguments."""
    module = importlib.import_module(GRADING[name][0])
    parser = Parser(prog=f"course {name}", description=module.__doc__.split("\n")[0])
    module.add_arguments(parser)
    return parser


def add_audit(commands):
    parser = commands.add_parser("audit", help="measure the checks with right variants and typical mistakes",
                                 epilog=examples("audit vae", "audit vae --seeds 3   # what only some inputs show",
                                                 "audit handins         # how what is handed in is taken in"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="an assignment with a bank in "
                        "autograde_tests/banks, or handins: how what is handed in is taken in; default: all")
    parser.add_argument("--seeds", type=positive, default=1, metavar="N", help="grade each right variant and each "
                        "mistake with N seeds (default: 1)")
    parser.set_defaults(command=audit)


def audit(args):
    from coursekit import audit

    return audit.main(args.names, args.seeds)


def add_test(commands):
    parser = commands.add_parser("test", help="test the course itself; further arguments go to pytest",
                                 usage="course test [ASSIGNMENT ...] [--fast] [PYTEST ARGUMENTS]", allow_abbrev=False,
                                 description="Without arguments: every test, and the style.",
                                 epilog="ASSIGNMENT, such as vae: only what is about it, without its notebook's run: "
                                 "hidden checks, bank,\ncontract, release. Further arguments go to pytest.\n\n"
                                 + examples("test", "test vae",
                                            "test --fast -k release   # -k goes to pytest"))
    parser.add_argument("--fast", action="store_true", help="leave out sandboxes, banks and slow tests")
    parser.set_defaults(command=test, rest=[])


def test(args):
    """The tests of the course and of the hidden checks, and the style. The notebooks run among the tests, in the smoke
    profile and in the sandbox: tests/test_notebooks.py."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes with several threads wait for each other
    return student.run_steps(test_steps(args.rest, args.fast))


def test_steps(arguments, fast=False):
    """What `course test` runs, {title: command}. tests/conftest.py knows what --assignment and --fast leave out.

    arguments: names of assignments, then what goes to pytest. Raises UserError for a name that is none.
    """
    is_name = re.compile(r"[^-./\\:]+").fullmatch  # no option, path or test
    names = list(itertools.takewhile(is_name, arguments))
    rest = arguments[len(names):]
    for name in names:
        choose(name, assignments(ROOT), "assignment")
    hidden = [f"autograde_tests/test_{name}.py" for name in names] or ["autograde_tests"]
    chosen = [f"--assignment={name}" for name in names] + ["-m", "not slow"] * bool(names)
    from coursekit import pool

    pytest = ["tests", *chosen, "--fast"] if fast else ["tests", *hidden, *chosen]
    styled = [path for name in names for path in files_of(name)] or [name for name in CODE if (ROOT / name).is_dir()]
    processes = ["-n", str(pool.room_for()), "--dist", "loadscope", "--no-loadscope-reorder"]
    return {"tests": [sys.executable, "-m", "pytest", "-q", *processes, *pytest, *rest],
            "style": [sys.executable, "-m", "helpers.given.style", *styled]}


def files_of(name):
    """The Python files of an assignment: those that are called like it."""
    return [path.relative_to(ROOT).as_posix() for folder in CODE for path in sorted((ROOT / folder).rglob("*.py"))
            if path.stem == name or path.stem.startswith("test_") and path.stem.endswith(f"_{name}")]


def add_doctor(commands):
    student.add_doctor(commands)
    commands.choices["doctor"].set_defaults(command=lambda args: student.doctor(args, find_sandbox()))


def find_sandbox():
    """The finding on what student code would run behind."""
    from coursekit.sandbox import walls

    wall = walls.best()
    if not wall.isolates:
        yield "sandbox", "warn", f"student code cannot be isolated: {wall.reasons}", walls.advice(wall.reasons)
        return
    instead = "" if wall.name == "bubblewrap" else f" (bubblewrap {walls.Bubblewrap().why_not()})"
    if why := wall.why_no_torch():
        yield "sandbox", "warn", f"{wall.name}{instead}, but torch cannot be imported behind it: {why}", \
            walls.OTHER_PYTHON
    else:
        yield "sandbox", "ok", f"{wall.name}{instead}", ""


def add_completion(commands):
    student.add_completion(commands)
    commands.choices["completion"].set_defaults(command=functools.partial(completion, commands.choices))


def completion(parsers, args):
    """The student's, with the arguments that modules declare."""
    for name, (module, _) in GRADING.items():
        importlib.import_module(module).add_arguments(parsers[name])
    student.completion(args)


COMMANDS = (student.add_lab, student.add_status, student.add_check, student.add_run, add_test, student.add_points,
            student.add_report, student.add_train, student.add_plot_latent, student.add_board, student.add_data,
            add_doctor, add_release, add_site, add_gradescope, add_grading, add_audit, add_completion)
FIRST_STEPS = examples("lab                                            # for students: the notebooks, in the browser",
                       "check vae.reparametrize                        # is this gap filled well?",
                       "doctor                                         # what is missing here, and what to do",
                       "release --out ../course-2027                   # for instructors: the student edition",
                       "grade submission.zip                           # one submission",
                       "grade-class handed-in/ --assignment vae --out results/vae",
                       "grade-class --help                             # examples of a command")

if __name__ == "__main__":
    sys.exit(student.main(commands=COMMANDS, first_steps=FIRST_STEPS))
