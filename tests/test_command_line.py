"""The command line as such: examples in the help, errors that say what to do next, completion in the shells."""
import contextlib
import io
import os
import re
import shlex
import shutil
import socket

import pytest

from coursekit import __main__ as instructor
from helpers.given import __main__ as student
from helpers.given.console import progress, waiting
from helpers.given.course import ROOT, VERSION

EDITIONS = {"student": student, "instructor": instructor}


def run(*arguments, edition=instructor):
    """The exit code, what it printed, and what it said on stderr."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as told:
        try:
            code = student.main(list(map(str, arguments)), edition.COMMANDS, edition.FIRST_STEPS)
        except SystemExit as end:
            code = end.code
    return code, out.getvalue(), told.getvalue()


def commands_of(text):
    """The names in a help's list of commands."""
    return re.findall(r"^    ([a-z-]+)(?:$|  )", text.partition("options:")[0], re.MULTILINE)


def examples_of(text):
    """What a help's examples tell to type: [["vae", "--out", ...]]."""
    told = text.partition("\nexamples:\n")[2]
    assert told and all(line.startswith("  ./course ") for line in told.splitlines()), text
    return [shlex.split(line.partition(" > ")[0], comments=True)[1:] for line in told.splitlines()]


@pytest.mark.parametrize("edition", EDITIONS.values(), ids=EDITIONS)
def test_every_command_has_examples_and_each_can_be_typed(edition):
    """Each is parsed, and nothing is done."""
    listed = commands_of(run("--help", edition=edition)[1])
    names = [[], *([name] for name in listed), ["data", "fetch"], ["data", "list"]]
    assert len(names) > len(edition.COMMANDS)
    for name in names:
        for typed in examples_of(run(*name, "--help", edition=edition)[1]):
            assert typed[:len(name)] == name
            if "--help" in typed:
                assert run(*typed, edition=edition)[0] == 0
                continue
            args = student.parse(typed, edition.COMMANDS)
            if typed[0] in instructor.GRADING and edition is instructor:
                instructor.parser_of(typed[0]).parse_args(args.rest)
            if typed[0] == "train":
                student.recipe_parser("vae").parse_args(args.options)


def test_version():
    assert run("--version")[:2] == (0, f"course {VERSION}\n") and re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what may be taken for something else."""
    place = tmp_path_factory.mktemp("place")
    shutil.copytree(ROOT / "tests" / "golden" / "class", place / "class")
    for name in ("empty", "full/ada", "broken"):
        (place / name).mkdir(parents=True)
    for name, text in (("file", "x"), ("full/note", "x"), ("people.csv", "a,b\n"), ("report.md", "x"),
                       ("broken/class.json", "{")):
        (place / name).write_text(text)
    return place


# What is typed in that folder, and words of the line that comes: what is wrong, and what to do.
SLIPS = [
    ("", "COMMAND", "`course --help` has examples"),
    ("--fast", "COMMAND", "`course --help` has examples"),
    ("--fast lab", "unrecognized arguments: --fast", "`course --help` has examples"),
    ("chek vae", "no command 'chek'", "Did you mean 'check'? There is: lab, status"),
    ("lab vea", "no assignment 'vea'", "Did you mean 'vae'?"),
    ("status vea", "no assignment 'vea'", "Did you mean 'vae'?"),
    ("doctor vae", "unrecognized arguments: vae", "`course doctor --help` has examples"),
    ("lab --port 70000", "got 70000", "from 1 to 65535"),
    ("run", "NAME", "`course run --help` has examples"),
    ("run vea", "no notebook 'vea'", "Did you mean 'vae'?"),
    ("run vae --profile fast", "'fast'", "choose from"),
    ("run vae --out file", "file", "give another path"),
    ("run vae --out file/x", "file/x", "give another path"),
    ("check vea", "no check 'vea'", "Did you mean 'vae'?"),
    ("check vae.reparam", "no check 'vae.reparam'", "Did you mean 'vae.reparametrize'? There is: vae.reparametrize"),
    ("test vea", "no assignment 'vea'", "Did you mean 'vae'?"),
    ("points vea", "no assignment or step 'vea'", "Did you mean 'vae'?"),
    ("points vae --out empty", "empty", "expected a file"),
    ("points vae --out none/x.json", "no folder", "make it, or choose another --out"),
    ("report none.md", "none.md", "look for a slip"),
    ("report empty", "empty is neither", "expected a file that ends in .md"),
    ("report report.md --out none/x.pdf", "none/x.pdf", "expected the name of a PDF, in a folder that is there"),
    ("train", "NAME", "`course train --help` has examples"),
    ("train vea", "no recipe 'vea'", "Did you mean 'vae'?"),
    ("train vae", "--out", "`course train vae --help` has examples"),
    ("train vae --out file", "file", "give another path"),
    ("plot-latent none", "none", "Give the folder of a finished `course train"),
    ("plot-latent empty", "empty", "Give the folder of a finished `course train"),
    ("plot-latent file", "file", "give another path"),
    ("board none", "no folder none", "or give another one"),
    ("board file", "no folder file", "or give another one"),
    ("board empty --port {taken}", "port {taken} is taken", "leave out --port"),
    ("board empty --port 0", "got 0", "from 1 to 65535"),
    ("data fetsh mnist", "'fetsh'", "choose from"),
    ("data fetch mnits", "'mnits'", "Did you mean 'mnist'?"),
    ("completion tcsh", "'tcsh'", "choose from"),
    ("release --out full", "full is there already", "choose another --out"),
    ("release --out new --repository github.com/a/b", "'github.com/a/b'", "expected https://github.com/OWNER/NAME"),
    ("release --out file", "file is there already", "choose another --out"),
    ("release --out new --assignment vea", "no assignment 'vea'", "there is: autoencoder"),
    ("site --out full", "full is there already", "choose another --out"),
    ("site --out new --repository github.com/a/b", "'github.com/a/b'", "expected https://github.com/OWNER/NAME"),
    ("gradescope --assignment vea --out x.zip", "no assignment 'vea'", "Did you mean 'vae'?"),
    ("gradescope --assignment vae --out empty", "empty", "expected a file"),
    ("collect none.txt --out new", "cannot read none.txt", "look for a slip"),
    ("collect empty --out new", "cannot read empty", "expected a file"),
    ("collect people.csv --out new", "names no repository", "expected an address in each line"),
    ("collect file --out full", "full is there already", "choose another --out"),
    ("collect file --out file", "file", "give another path"),
    ("grade empty --assignment vea", "no assignment 'vea'", "Did you mean 'vae'?"),
    ("grade empty --before soon", "'soon'", "`course grade --help` has examples"),
    ("grade-class none --assignment vae --out new", "there is no none", "give the folder with the submissions"),
    ("grade-class empty --assignment vae --out new", "holds no submission", "expected a folder or archive for each"),
    ("grade-class people.csv --assignment vae --out new", "holds no submission", "expected a line for each"),
    ("grade-class full --assignment vae --out full", "not the results of a class", "choose another --out"),
    ("grade-class full --assignment vae --out file", "file", "give another path"),
    ("grade-class full --assignment gan --out class", "results of assignment vae", "choose another --out"),
    ("grade-class full --assignment vae --out new --roster none.csv", "cannot read none.csv", "look for a slip"),
    ("grade-class full --assignment vae --out new --roster people.csv", "tells of nobody", "expected a line for each"),
    ("regrade class", "expected --item or --student", "`course grade-class`"),
    ("regrade class --item vae.loss", "no item 'vae.loss'", "Did you mean 'vae.loss_function'?"),
    ("regrade class --student Nobody", "no student 'Nobody'", "gradebook.csv has all names"),
    *((f"{command} {folder}", folder, step) for command in ("regrade --item x", "answers", "rubric", "viva")
      for folder, step in (("none", "give the --out of a `course grade-class`"), ("file", "give another path"),
                           ("empty", "give the --out of a `course grade-class`"), ("broken", "delete it, and run"))),
    ("answers class --points -1", "--points -1", "expected a number above 0"),
    ("rubric class --rubric none.toml", "cannot read none.toml", "look for a slip"),
    ("rubric class --reports none", "there is no none", "give the folder with the submissions"),
    ("grades none", "none holds neither", "`course grade-class`"),
    ("grades class", "--into --for", "`course grades --help` has examples"),
    ("grades class --into none.csv", "cannot read none.csv", "look for a slip"),
    ("grades class --into empty", "cannot read empty", "expected a file"),
    ("audit vea", "no bank 'vea'", "Did you mean 'vae'?"),
]


@pytest.mark.parametrize("typed, wrong, step", SLIPS, ids=[typed for typed, *_ in SLIPS])
def test_a_slip_is_one_line_with_the_next_step(typed, wrong, step, place, monkeypatch):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        typed, wrong = (text.format(taken=taken.getsockname()[1]) for text in (typed, wrong))
        code, _, told = run(*typed.split())
    assert code == 2 and len(told.splitlines()) == 1, told
    assert told.startswith("course") and wrong in told and step in told, told
    left = {path.relative_to(place) for path in place.rglob("*") if path not in before and path.name != ".lock"}
    assert not left, "something half-done stays behind"


@pytest.mark.parametrize("watched", [True, False])
def test_a_bar_is_for_a_terminal_only(watched, monkeypatch, capsys):
    stream = io.StringIO()
    stream.isatty = lambda: watched
    monkeypatch.setattr("sys.stderr", stream)
    with progress(2, "grade", "submissions") as bar:
        bar.update()
        bar.write("a line")
    with waiting("report"):
        pass
    assert ("grade:  50%" in stream.getvalue()) is ("report: 00:00" in stream.getvalue()) is watched
    assert capsys.readouterr().out == "a line\n"


# What is typed before the Tab key, and what the program is given. In the folder: `results`, `worksheet.csv`.
COMPLETED = [("./course che", "check"), ("./course check vae.repar", "check vae.reparametrize"),
             ("./course check vae.kl_weight gan.get_opt", "check vae.kl_weight gan.get_optimizer"),
             ("./course run --profile sm", "run --profile smoke"), ("./course run flowe", "run flowers"),
             ("course data fetch cifar", "data fetch cifar10"), ("./course plot-latent resu", "plot-latent results"),
             ("./course grade-class --assignment flowe", "grade-class --assignment flowers"),
             ("./course grade-class --no-not", "grade-class --no-notebook"), ("course gradesc", "gradescope"),
             ("./course grade workshe", "grade worksheet.csv"),
             ("./course grades --into work", "grades --into worksheet.csv")]
# Options that keep this machine's settings out, and how the script is made known.
SHELLS = {"bash": (("--norc", "--noprofile", "-i"), "source _course"),
          "zsh": (("-f", "-i"), "fpath+=$PWD; autoload -Uz compinit; compinit -u -D"),
          "fish": (("--no-config", "-i"), "source _course")}


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(shell, tmp_path):
    """In the shell itself, at a terminal: what stands for `course` there prints what it was given."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    pexpect, (options, install) = pytest.importorskip("pexpect", reason="Windows has no such terminals"), SHELLS[shell]
    code, script, _ = run("completion", shell)
    assert code == 0
    (tmp_path / "results").mkdir()
    for name, text in (("worksheet.csv", ""), ("_course", script), ("course", '#!/bin/sh\necho "<$*>"\n')):
        (tmp_path / name).write_text(text)
    (tmp_path / "course").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm",
                   "LANG": "C.UTF-8"}
    terminal = pexpect.spawn(shutil.which(shell), list(options), cwd=tmp_path, env=environment, encoding="utf-8",
                             timeout=60, dimensions=(50, 200))
    with contextlib.closing(terminal):
        terminal.sendline(install)
        for typed, given in COMPLETED:
            terminal.send(f"{typed}\t\r")
            terminal.expect(r"<([^>\x1b]*)>")
            assert terminal.match[1].rstrip("/ ") == given, typed


def test_a_script_has_all_names():
    from helpers.given import checks

    script = run("completion", "bash")[1]
    missing = [name for name in [*checks.names(), *commands_of(run("--help")[1])] if name not in script]
    assert not missing
