"""The instructor's command line: the student's commands, and `release`, `grade`, `grade-class`, `answers`,
`audit`, `test` of the course."""
import argparse
import sys
from pathlib import Path

from helpers.given import __main__ as student

CODE = ("helpers", "coursekit", "autograde_tests", "tests", "bench")


def add_release(commands):
    parser = commands.add_parser("release", help="write the student edition")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is new or empty")
    parser.add_argument("--assignment", metavar="NAME", help="only this one, such as vae; default: all")
    parser.set_defaults(command=release)


def release(args):
    from coursekit import release

    try:
        names = release.release(student.ROOT, args.out, args.assignment)
    except release.ReleaseError as error:
        raise student.UserError(str(error)) from None
    print(f"released {', '.join(names)} to {args.out}")


def add_grade(commands):
    # All arguments arrive as `rest`, see with_arguments_of.
    commands.add_parser("grade", help="grade a submission with the hidden checks",
                        add_help=False).set_defaults(command=grade, rest=[])


def grade(args):
    from coursekit import grade

    return with_arguments_of(grade, "course grade", args.rest)


def add_grade_class(commands):
    commands.add_parser("grade-class", help="grade a class: reports, grade book, an overview",
                        add_help=False).set_defaults(command=grade_class, rest=[])


def grade_class(args):
    from coursekit import batch

    return with_arguments_of(batch, "course grade-class", args.rest)


def add_answers(commands):
    commands.add_parser("answers", help="gather a class's written answers, and count the points typed for them",
                        add_help=False).set_defaults(command=answers, rest=[])


def answers(args):
    from coursekit import answers

    return with_arguments_of(answers, "course answers", args.rest)


def with_arguments_of(module, prog, arguments):
    """Run a command whose module declares the arguments: `course --help` need not import it."""
    parser = argparse.ArgumentParser(prog=prog, description=module.__doc__.split("\n")[0])
    module.add_arguments(parser)
    return module.main(parser.parse_args(arguments))


def add_audit(commands):
    parser = commands.add_parser("audit", help="measure the checks with right variants and typical mistakes")
    parser.add_argument("names", nargs="*", metavar="NAME", help="an assignment with a bank in tests/banks; "
                        "default: all")
    parser.set_defaults(command=audit)


def audit(args):
    from coursekit import audit, sandbox

    try:
        return audit.main(args.names)
    except sandbox.SandboxError as error:
        raise student.UserError(str(error)) from None


def add_test(commands):
    parser = commands.add_parser("test", help="test the course itself; further arguments go to pytest",
                                 usage="course test [PYTEST ARGUMENTS]")
    parser.set_defaults(command=test, rest=[])


def test(args):
    """The tests of the course and of the hidden checks, the notebooks in the smoke profile, the style."""
    folders = [name for name in CODE if (student.ROOT / name).is_dir()]
    return student.run_steps({
        "tests": [sys.executable, "-m", "pytest", "-q", "tests", "autograde_tests", *args.rest],
        "notebooks": student.STEPS["notebooks"],
        "style": [sys.executable, "-m", "pycodestyle", *folders],
    })


def add_doctor(commands):
    student.add_doctor(commands)
    commands.choices["doctor"].set_defaults(command=lambda args: student.doctor(args, find_sandbox()))


def find_sandbox():
    """The finding on bubblewrap, without which a submission is graded in a bare process."""
    from coursekit import sandbox

    reason = sandbox.why_not_isolated()
    yield ("sandbox", "warn" if reason else "ok", f"not isolated: {reason}" if reason else "bubblewrap starts",
           sandbox.how_to_isolate())


COMMANDS = (student.add_lab, student.add_run, student.add_check, add_test, student.add_train, student.add_plot_latent,
            student.add_data, add_doctor, add_release, add_grade, add_grade_class, add_answers, add_audit)

if __name__ == "__main__":
    sys.exit(student.main(commands=COMMANDS))
