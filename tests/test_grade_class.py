"""`./course grade-class`: everything that is handed in is graded once, whatever dies or is broken."""
import csv
import dataclasses
import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from tqdm import tqdm

import make_class
from pool_tasks import die, die_once, double, fail, sleep
from coursekit import __main__ as instructor
from coursekit import pool, sandbox
from coursekit.classes import batch, gradebook, roster, tables
from coursekit.classes.results import Results, lock
from coursekit.grading.grader import Grader
from coursekit.grading.handin import HandedIn
from coursekit.grading.judge import judge, load_checks
from coursekit.grading.notebook import Notebook
from coursekit.grading.report import Execution, Item, Report, Style
from coursekit.grading.tell import tell
from coursekit.grading.tell.github import github
from coursekit.grading.tell.gradescope import gradescope
from coursekit.release.files import write_files
from coursekit.sandbox import walls, zygote
from helpers.given import __main__ as student
from helpers.given.course import ROOT

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
NO_BAR = tqdm(disable=True)
MAXIMA = {"vae.loss_function": 5, "vae.interpolate": 1}


def course(*arguments):
    return student.main(list(map(str, arguments)), instructor.COMMANDS)


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def made_up(where="ada", **points):
    """A report without a grading."""
    items = {name: Item(points.get(name.split(".")[1], most), most,
                        "failed" if name.split(".")[1] in points else "passed",
                        "got 3 <b>" if name.split(".")[1] in points else "") for name, most in MAXIMA.items()}
    return Report(submission=where, assignment="vae", seed=1, isolation="bubblewrap", isolated=True,
                  why_not_isolated=None, items=items, style=Style("passed"), notebook=Execution("skipped"),
                  versions={"python": "3", "torch": "2"}, seconds=0.5)


def handed_in(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "vae.py").write_text(f"# {name}\n")
    return folder


def start(out, folder):
    return Results.start(out, "vae", False, roster.collect(folder))


def grade_class(results, grading, seed=None):
    """Read in this process, and grade with what stands for a pool."""
    return batch.grade_class(results, walls.Bare(), seed, read_here, grading, NO_BAR)


def read_here(tasks):
    for key, task in tasks:
        yield key, batch.read_one(walls.Bare(), *task), 1


def quick(tasks, points=()):
    """Stands for a pool: reports without gradings."""
    for key, (_, _, _, _, _, handed_in, *_) in tasks:
        yield key, made_up(handed_in.who, **dict(points)), 1


# The whole way

@pytest.fixture(scope="module")
def whole_class(tmp_path_factory):
    """A class with all kinds of submissions, graded by two processes of which several are killed."""
    folder, out = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("results") / "out"
    expected = make_class.make(folder / "in", count=18, git=True)
    (folder / "in" / "dies").mkdir()
    (folder / "in" / "dies" / "vae.py").write_text(SOLUTION)
    expected["dies"] = set()
    workers, saved, kills, done = [], [], [], threading.Event()
    draw = random.Random(0)

    def kill():
        while not done.wait(2.5):
            living = [process for process in workers if process.is_alive()]
            if living and len(kills) < 2 and len(saved) > 2:  # three of one submission would give it up
                kills.append(draw.choice(living).pid)
                os.kill(kills[-1], signal.SIGKILL)

    class Counted(Results):
        def save(self, submission, report, source):
            saved.append(submission.key)
            super().save(submission, report, source)

    results = Counted.start(out, "vae", False, roster.collect(folder / "in"))
    wall = walls.best()
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with walls.temporary_folder("test") as temporary:
            failed = batch.grade_class(
                results, wall, 1,
                lambda tasks: pool.local(functools.partial(batch.read_one, wall), tasks, 2, temporary, batch.PRELOAD),
                lambda tasks: pool.local(batch.grade_one, tasks, 2, temporary, batch.PRELOAD, started=workers.append,
                                         prepare=functools.partial(zygote.prepare, wall)), NO_BAR)
    finally:
        done.set()
        killer.join()
    print(gradebook.build(results))
    return results, expected, saved, kills, failed


@pytest.mark.slow
def test_every_submission_is_graded_once(whole_class):
    results, expected, saved, kills, failed = whole_class
    assert kills and not failed
    assert sorted(saved) == sorted(submission.key for submission in results.submissions)
    assert len(saved) == len(expected)
    attempts = [results.report(submission).attempts for submission in results.submissions]
    assert sum(attempts) <= len(saved) + len(kills)


@pytest.mark.slow
def test_the_right_items_lose_points(whole_class):
    """What each submission was made of tells which items lose points."""
    results, expected, *_ = whole_class
    for submission in results.submissions:
        report = results.report(submission)
        lost = {name for name, item in report.items.items() if item.points < item.max}
        name, = [name for name in expected if name.removesuffix(".git") == submission.name]
        if expected[name] is None:
            assert report.score == 0 and report.max == 34 and len(lost) == 9
        else:
            assert lost == expected[name], submission.name


@pytest.mark.slow
def test_grade_book_of_the_class(whole_class):
    results, expected, *_ = whole_class
    header, *table = rows(results.folder / "gradebook.csv")
    assert len(table) == len(expected)
    statuses = {row[0]: row[header.index("status")] for row in table}
    assert "larger than 1 MB" in statuses["huge"] and "not a plain file" in statuses["a link"]
    assert "UTF-8" in statuses["not UTF-8"] and "zip" in statuses["no zip"]
    assert statuses["syntax error"].startswith("graded")
    assert str(results.submissions[0].path.parent) not in (results.folder / "class.html").read_text()
    for submission in results.submissions:
        files = {path.name for path in results.of(submission).iterdir()} - {"vae.py"}
        assert files == {"report.json", "report.md", "report.html", "results.json", "github.json"}


@pytest.mark.slow
def test_the_same_command_grades_nothing_again(whole_class):
    results, *_ = whole_class
    assert grade_class(results, lambda tasks: list(tasks) and pytest.fail("it grades again")) == []


# What one submission leaves for the next

LEFT = {
    "files": "open(os.environ['TMPDIR'] + '/left.py', 'w').write('x'); "
             "os.path.exists('/dev/shm') and open('/dev/shm/left', 'w').write('x')",
    "processes": "if os.fork() == 0:\n        os.setsid(); time.sleep(600)",
    "torch's state": "torch.set_default_dtype(torch.float64); torch.manual_seed(0); torch.set_grad_enabled(False)",
    "torch's functions": "torch.randn_like = torch.zeros_like; torch.nn.Linear.forward = lambda self, x: x",
    "memory": "left = []\n    while True:\n        left.append(torch.ones(10 ** 8))",
    "threads": "import threading; [threading.Thread(target=time.sleep, args=(600,)).start() for _ in range(50)]",
}
LOOK = """
import os as _os
_found = [name for name in _os.listdir(_os.environ["TMPDIR"]) if "left" in name]
if _os.getppid() == 1:  # in a process table of its own
    _found += [name for name in _os.listdir("/proc") if name.isdigit() and int(name) not in (1, _os.getpid())]
    _found += [name for name in _os.listdir("/dev/shm") if "left" in name]
if _found or torch.get_default_dtype() != torch.float32 or not torch.is_grad_enabled():
    raise RuntimeError(f"left behind: {_found}")
"""


@pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")
def test_a_submission_does_not_touch_the_next(monkeypatch):
    """Each attempt is made in a function that a check calls. It costs points of that item at most; the next submission
    gets all points, and finds nothing."""
    monkeypatch.setattr(walls, "LIMITS", {**walls.LIMITS, "DATA": 2048 << 20})
    with Grader("vae", False, walls.best()) as grader:
        for name, statements in LEFT.items():
            hostile = SOLUTION.replace("def interpolate(", f"""def interpolate(*arguments):
    import os, time
    {statements}
    return right_interpolate(*arguments)


def right_interpolate(""")
            report = grader.grade(HandedIn("hostile", hostile), 3)
            lost = {item for item, result in report.items.items() if result.points < result.max}
            assert lost <= {"vae.interpolate"}, (name, report.items)
            report = grader.grade(HandedIn("honest", SOLUTION + LOOK), 3)
            assert report.score == report.max, (name, report.items)


def test_a_function_that_changes_torch_costs_its_own_item_only():
    """All checks ask one process first: what `interpolate` leaves there does not count against the others."""
    source = SOLUTION.replace("def reparametrize(mu, logvar):", """def reparametrize(mu, logvar):
    torch.set_default_dtype(torch.float64)
    return right_reparametrize(mu, logvar)


def right_reparametrize(mu, logvar):""")
    assert source != SOLUTION
    checks = load_checks("vae")
    with sandbox.Sandbox("vae", ROOT) as running:
        items, _ = judge(running, source, checks, 3)
    for name in ("vae.loss_function", "vae.kl_weight", "vae.sample_on_grid", "vae.interpolate"):
        assert items[name].status == "passed", items[name]


# Going on where a run was stopped

def test_goes_on_after_a_stop(tmp_path, monkeypatch):
    folder = handed_in(tmp_path / "in", *"abcdef")
    results = start(tmp_path / "out", folder)

    def stopped(tasks):
        for number, result in enumerate(quick(tasks)):
            if number == 3:
                raise KeyboardInterrupt
            yield result

    with pytest.raises(KeyboardInterrupt):
        grade_class(results, stopped)
    (results.of(results.submissions[2]) / "report.json").unlink()  # as if the machine had stopped just before it
    asked = []
    again = start(tmp_path / "out", folder)
    grade_class(again, lambda tasks: quick(asked.append(task[0]) or task for task in tasks))
    assert asked == ["c", "d", "e", "f"]
    assert all(again.report(submission) for submission in again.submissions)


def test_grades_again_what_has_changed(tmp_path):
    folder = handed_in(tmp_path / "in", "a", "b")
    grade_class(start(tmp_path / "out", folder), quick)
    (folder / "a" / "vae.py").write_text("# mended\n")
    handed_in(folder, "c")
    asked = []
    grade_class(start(tmp_path / "out", folder),
                lambda tasks: quick(asked.append(task[0]) or task for task in tasks))
    assert asked == ["a", "c"]


def test_a_later_run_asks_something_else(tmp_path):
    """Who is graded later must not be asked what others may have told; with --seed everybody is asked the same."""
    folder, seeds = handed_in(tmp_path / "in", "a", "b"), {}

    def noted(tasks):
        for key, (_, _, _, seed, _, handed_in) in tasks:
            seeds.setdefault(key, []).append(seed)
            yield key, dataclasses.replace(made_up(handed_in.who), seed=seed), 1

    grade_class(start(tmp_path / "out", folder), noted)
    handed_in(folder, "c")
    grade_class(start(tmp_path / "out", folder), noted)
    assert len(seeds["a"]) == 1 and seeds["a"] == seeds["b"] != seeds["c"]
    results = start(tmp_path / "out", folder)
    grade_class(results, noted, seed=5)
    assert [found[-1] for found in seeds.values()] == [5, 5, 5]
    assert "seed" not in (tmp_path / "out" / "class.json").read_text()
    of = results.of(results.submissions[0])
    assert not any("seed" in (of / name).read_text() for name in ("report.html", "report.md", "results.json"))


def test_what_cannot_be_read_in_time_is_told_and_the_rest_goes_on(tmp_path):
    folder = handed_in(tmp_path / "in", "a", "b")
    results = start(tmp_path / "out", folder)
    late = pool.Failure("not finished within 60 seconds")
    failed = batch.grade_class(results, walls.Bare(), None, lambda tasks: (
        (key, late if key == "a" else batch.read_one(walls.Bare(), *task), 1) for key, task in tasks), quick, NO_BAR)
    assert [(submission.key, reason) for submission, reason in failed] == [
        ("a", "it could not be read: not finished within 60 seconds")]
    assert results.report(results.submissions[1])


def test_ctrl_c_on_the_command_line(tmp_path, monkeypatch, capsys):
    folder = handed_in(tmp_path / "in", "a", "b")

    def stopped(function, tasks, **_):
        if isinstance(function, functools.partial):
            yield from ((key, function(*task), 1) for key, task in tasks)
        else:
            yield from list(quick(tasks))[:1]
            raise KeyboardInterrupt

    monkeypatch.setattr(pool, "local", stopped)
    assert course("grade-class", folder, "--assignment", "vae", "--out", tmp_path / "out") == 130
    told = capsys.readouterr()
    assert "1 of 2 graded" in told.out and "goes on from here" in told.err
    assert [row[0] for row in rows(tmp_path / "out" / "gradebook.csv")][1:] == ["a", "b"]


def test_a_submission_that_kills_its_grader_is_told_and_tried_again(tmp_path, monkeypatch, capsys):
    folder = handed_in(tmp_path / "in", "a", "b")
    monkeypatch.setattr(pool, "local", lambda function, tasks, **_: (
        (key, function(*task) if isinstance(function, functools.partial) else
         pool.Failure("the grading process died") if key == "b" else made_up(), 3) for key, task in list(tasks)))
    for _ in range(2):
        assert course("grade-class", folder, "--assignment", "vae", "--out", tmp_path / "out", "--no-notebook") == 1
        told = capsys.readouterr()
        assert "1 of 2 graded" in told.out and "NOT GRADED: b: the grading process died" in told.err
    header, _, b = rows(tmp_path / "out" / "gradebook.csv")
    assert b[header.index("total")] == "" and b[header.index("status")] == "the grading process died"


def test_the_folder_of_results_is_kept_apart(tmp_path, capsys):
    folder = handed_in(tmp_path / "in", "a")
    start(tmp_path / "out", folder)
    assert course("grade-class", folder, "--assignment", "gan", "--out", tmp_path / "out") == 2
    assert "results of assignment vae" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    assert course("grade-class", folder, "--assignment", "vae", "--out", tmp_path / "other") == 2
    with lock(tmp_path / "out"):
        if sys.platform != "win32":
            assert course("grade-class", folder, "--assignment", "vae", "--out", tmp_path / "out") == 2
            assert "another `course` command" in capsys.readouterr().err


# The processes

def run_local(function, arguments, tmp_path, **options):
    return {key: (result, attempts) for key, result, attempts in pool.local(
        function, ((f"task {n}", a) for n, a in enumerate(arguments)), 2, str(tmp_path), **options)}


def test_tasks_of_processes_that_die_are_done_by_others(tmp_path):
    assert run_local(double, [(n,) for n in range(9)], tmp_path) == {f"task {n}": (2 * n, 1) for n in range(9)}
    assert run_local(die_once, [(str(tmp_path), n) for n in range(5)], tmp_path) == {
        f"task {n}": (n, 2) for n in range(5)}
    died = pool.Failure("the grading process died"), pool.ATTEMPTS
    assert run_local(die, [(n,) for n in range(4)], tmp_path) == {
        "task 0": (0, 1), "task 1": died, "task 2": (2, 1), "task 3": died}
    assert run_local(fail, [(7,)], tmp_path) == {"task 0": (pool.Failure("ValueError: not 7"), pool.ATTEMPTS)}


def test_a_task_that_takes_too_long_is_ended(tmp_path):
    """The others go on; it is not asked again."""
    late = pool.Failure("not finished within 3 seconds"), 1
    assert run_local(sleep, [(60,), (0,), (0,)], tmp_path, deadline=3) == {
        "task 0": late, "task 1": (0, 1), "task 2": (0, 1)}


def test_processes_do_not_inherit_secrets(tmp_path, monkeypatch):
    """Neither in their environment nor in what the system tells of it."""
    code = ("from coursekit import pool; from pool_tasks import environment; import tempfile\n"
            "if __name__ == '__main__':\n"
            "    print(list(pool.local(environment, [(0, ())], 1, tempfile.gettempdir())))")
    (tmp_path / "main.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "main.py")], capture_output=True, text=True,
                          env={**os.environ, "COURSE_TOKEN": "CANARY", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"})
    assert "PATH" in done.stdout and "CANARY" not in done.stdout, done.stdout + done.stderr


def test_a_cluster(tmp_path):
    """Needs dask.distributed; a worker dies on the way."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        tasks = ((f"task {n}", (str(tmp_path), n)) for n in range(6))
        done = [(key, result) for key, result, _ in pool.dask(die_once, tasks, cluster.scheduler_address)]
        assert sorted(done) == [(f"task {n}", n) for n in range(6)]
        (_, failed, _), = pool.dask(fail, [("task", (7,))], cluster.scheduler_address)
        assert failed == pool.Failure("ValueError: not 7")


def test_without_distributed_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    folder = handed_in(tmp_path / "in", "a")
    options = "--assignment", "vae", "--out", tmp_path / "out", "--scheduler", "tcp://x:1"
    assert course("grade-class", folder, *options) == 2
    told = capsys.readouterr().err
    assert "requirements-cluster.txt" in told and told.count("\n") == 1
    assert (ROOT / "requirements-cluster.txt").is_file()


def test_an_old_report_does_not_stand_for_what_could_not_be_graded_again(tmp_path):
    folder = handed_in(tmp_path / "in", "ada", "bob", "eve")
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    for name in ("ada", "bob"):
        (folder / name / "vae.py").write_text("# another one\n")

    def stopped(tasks):  # ada's grading fails, bob's does not begin
        key, _ = next(iter(tasks))
        yield key, pool.Failure("the grading process died"), 3

    failed = grade_class(results, stopped)
    gradebook.build(results, {submission.key: reason for submission, reason in failed})
    header, *table = rows(results.folder / "gradebook.csv")
    assert {row[0]: (row[header.index("total")], row[header.index("status")]) for row in table} == {
        "ada": ("", "the grading process died"), "bob": ("", "not graded yet"),
        "eve": ("6", "graded; no notebook was handed in")}


def test_a_worker_with_other_checks_grades_nothing():
    with pytest.raises(RuntimeError, match="other checks"):
        batch.grade_one(walls.Bare(), "vae", False, 1, "of yesterday", HandedIn("ada", SOLUTION))


# Who handed in what

def test_folder(tmp_path):
    handed_in(tmp_path, "Ada Lovelace", "Ada_Lovelace", ".hidden", "Emmy Noether_4711_assignsubmission_file_")
    make_class.write_submission(tmp_path / "Kurt Gödel_42_assignsubmission_file" / "work", {"vae.py": "x"}, "zip")
    found = {submission.name: submission for submission in roster.collect(tmp_path)}
    assert found.keys() == {"Ada Lovelace", "Ada_Lovelace", "Emmy Noether", "Kurt Gödel"}
    assert found["Emmy Noether"].id == "Participant 4711" and found["Kurt Gödel"].path.name == "work.zip"
    assert len({submission.key for submission in found.values()}) == 4
    assert all(re.fullmatch(r"[\w.@+-]+", submission.key, re.ASCII) for submission in found.values())


MOODLE = {"Ada_1_assignsubmission_file/vae.py": "ada", "Ada_1_assignsubmission_onlinetext/onlinetext.html": "",
          "Bo B_2_assignsubmission_file_vae.py": "bob", "Bo B_2_assignsubmission_file_2_vae.ipynb": "{}",
          "Bo B_2_assignsubmission_onlinetext/onlinetext.html": "",
          "Cy_3_assignsubmission_onlinetext/onlinetext.html": ""}
CANVAS = {"adaada_11_501_vae.py": "ada", "adaada_11_502_2_vae.ipynb": "{}", "bo_b_LATE_12_503_vae-1.py": "bob",
          "LATE_anon_x7Yz_504_vae.py": "anon", "hw_1_12_vae.py": "hw 12", "hw_1_13_vae.py": "hw 13"}


def contents(submission):
    """What is read of a submission: the graded file or None, why there is none or None, the notebook "{}" or None."""
    handed_in = batch.read_one(walls.Bare(), "vae", submission)
    return handed_in.source, handed_in.problem, "{}" if "2_vae.ipynb is not" in handed_in.answers_problem else None


@pytest.mark.parametrize("files, expected", [
    (MOODLE, {("Ada", "Participant 1"): ("ada", None), ("Bo B", "Participant 2"): ("bob", "{}"),
              ("Cy", "Participant 3"): (None, None)}),
    (CANVAS, {("adaada", "11"): ("ada", "{}"), ("bo_b", "12"): ("bob", None), ("anon", "x7Yz"): ("anon", None),
              ("hw_1_12_vae.py", ""): (None, None), ("hw_1_13_vae.py", ""): (None, None)})], ids=["Moodle", "Canvas"])
def test_what_platforms_hand_out(tmp_path, files, expected):
    """One submission for each student, whatever it was cut into; never one for two."""
    for name, text in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(text)
    results = start(tmp_path / "out", tmp_path / "in")  # and as read back from its file
    for submissions in (results.submissions, Results.open(tmp_path / "out").submissions):
        found = [contents(submission) for submission in submissions]
        assert {(submission.name, submission.id): (source, text)
                for submission, (source, _, text) in zip(submissions, found)} == expected
        assert len(submissions) == len(expected) == len({submission.key for submission in submissions})


@pytest.mark.parametrize("text, encoding", [
    ("Student,ID Number,Email address,path\nAda,7,ada@x.org,a\nBob,8,bob@x.org,\n", "utf-8"),
    ("name;student number;E-Mail;Folder\nAda;7;ada@x.org;a\nBob;8;bob@x.org;\n", "utf-8-sig")])
def test_csv(tmp_path, text, encoding):
    handed_in(tmp_path, "a")
    (tmp_path / "class.csv").write_text(text, encoding=encoding)
    ada, bob = roster.collect(tmp_path / "class.csv")
    assert (ada.name, ada.number, ada.email, ada.path, ada.key) == ("Ada", "7", "ada@x.org", tmp_path / "a", "7")
    assert bob.path is None
    assert contents(bob) == (None, "nothing was handed in", None)


@pytest.mark.parametrize("text, says", [
    ("name,email\nAda,a@b.c\n", "expected a column 'path'"),
    ("name,path\nAda,a\nAda,b\n", "line 3: 'Ada' stands in line 2, too"),
    ("path\n", "holds no submission")])
def test_csv_that_cannot_be_used(tmp_path, capsys, text, says):
    (tmp_path / "class.csv").write_text(text)
    assert course("grade-class", tmp_path / "class.csv", "--assignment", "vae", "--out", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1 and not (tmp_path / "out" / "class.json").exists()


links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


@links
@pytest.mark.parametrize("entry", ["ada", "ada.git", "ada.zip", "vae.py", "Ada_1_assignsubmission_file",
                                   "Ada_1_assignsubmission_file_vae.py", "adaada_11_501_vae.py", "eve/work.zip"])
def test_a_link_in_the_folder_of_a_class_is_not_followed(tmp_path, entry):
    """It could lead to the solution, or to a classmate's work."""
    handed_in(tmp_path / "elsewhere", "real")
    make_class.write_submission(tmp_path / "elsewhere" / "work", {"vae.py": "x"}, "zip")
    target = "work.zip" if entry.endswith(".zip") else "real/vae.py" if entry.endswith(".py") else "real"
    (tmp_path / "in" / entry).parent.mkdir(parents=True)
    (tmp_path / "in" / entry).symlink_to(tmp_path / "elsewhere" / target)
    submission, = roster.collect(tmp_path / "in")
    assert submission.path is None and submission.files == ()
    assert submission.problem == f"{Path(entry).name} is a link"


@links
def test_a_link_among_the_parts_of_a_submission(tmp_path):
    handed_in(tmp_path / "in", "Ada_1_assignsubmission_file")
    (tmp_path / "in" / "Ada_1_assignsubmission_onlinetext").symlink_to(tmp_path)
    submission, = roster.collect(tmp_path / "in")
    assert submission.problem == "Ada_1_assignsubmission_onlinetext is a link"


@links
def test_the_instructor_may_name_links(tmp_path):
    handed_in(tmp_path / "real", "ada")
    (tmp_path / "class").symlink_to(tmp_path / "real")
    (tmp_path / "mine").symlink_to(tmp_path / "real" / "ada")
    (tmp_path / "class.csv").write_text("name,path\nAda,mine\n")
    for source in (tmp_path / "class", tmp_path / "class.csv"):
        submission, = roster.collect(source)
        assert contents(submission)[0] == "# ada\n"


def test_a_download_and_a_list_on_the_command_line(tmp_path, monkeypatch, capsys):
    """The zip file as it came, a group, somebody late, somebody who has handed in nothing, somebody unknown."""
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as opened:
        for name in ("Lovelace_Ada_alove_4711/Late Submission - vae.py", "Team 3/Noether_Emmy_en_4712/vae.py",
                     "Team 3/Turing_Alan_at_4713/vae.ipynb", "Euler_Leonhard_le_4714/vae.py", "status.xlsx"):
            opened.writestr(f"VAE/Abgaben/{name}", "# x\n")
    (tmp_path / "people.csv").write_text("sep=;\nLogin;Nachname;Vorname;Matrikelnummer\nalove;Lovelace;Ada;1\n"
                                         "en;Noether;Emmy;2\nat;Turing;Alan;3\nkg;Gödel;Kurt;4\n", encoding="utf-8")
    monkeypatch.setattr(pool, "local", lambda function, tasks, **_: ((key, function(*task) if isinstance(
        function, functools.partial) else made_up(), 1) for key, task in list(tasks)))
    options = "--assignment", "vae", "--out", tmp_path / "out", "--no-notebook", "--roster", tmp_path / "people.csv"
    for _ in range(2):
        assert course("grade-class", tmp_path / "in.zip", *options) == 0
        told = capsys.readouterr().out
        for says in ("an ILIAS download of 4 people, 1 late", "looked through Abgaben", "nobody's: status.xlsx",
                     "not in the list: Leonhard Euler", "nothing from 1 of the list: Kurt Gödel"):
            assert says in told
        header, *table = rows(tmp_path / "out" / "gradebook.csv")
        assert {(row[0], row[2], row[header.index("group")], row[header.index("late")]) for row in table} == {
            ("Ada Lovelace", "1", "", "late"), ("Emmy Noether", "2", "Team 3", ""), ("Alan Turing", "3", "Team 3", ""),
            ("Leonhard Euler", "", "", ""), ("Kurt Gödel", "4", "", "")}


@pytest.mark.parametrize("what, says", [("ada", "is one submission (it holds vae.py)"),
                                        ("out", "is a folder of results, not a class")])
def test_what_is_no_class_is_told_and_not_graded(tmp_path, capsys, what, says):
    start(tmp_path / "out", handed_in(tmp_path / "in", "ada"))
    (tmp_path / "in" / "ada").rename(tmp_path / "ada")
    assert course("grade-class", tmp_path / what, "--assignment", "vae", "--out", tmp_path / "new") == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1 and not (tmp_path / "new").exists()


# What is written

SORT = (ROOT / "coursekit" / "templates" / "sort.js").read_text(encoding="utf-8")


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [name for name, _ in attributes if name.startswith("on")]
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_nothing_of_a_submission_becomes_markup(tmp_path):
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    folder = tmp_path / "in"
    handed_in(folder, "=cmd|'calc'!A0", "\x1b[2Jred")
    (folder / "class.csv").write_text(f"name,path,email\n\"{evil}\",a,@SUM(A1)\n+49,b,-1\n")
    for source in (folder, folder / "class.csv"):
        results = start(tmp_path / f"out {source.name}", source)
        report = made_up(evil, interpolate=0)
        report.items["vae.interpolate"] = Item(0, 1, "failed", message=evil, hint=evil + "\n# title")
        report = dataclasses.replace(report, style=Style("failed", 1, [evil]),
                                     notebook=Execution("failed", failed=[evil])).to_json()
        grade_class(results, lambda tasks: ((key, Report.from_json(report), 1) for key, _ in tasks))
        gradebook.build(results)
        pages = [results.folder / "class.html", *results.folder.glob("students/*/report.html")]
        assert len(pages) > 2
        for page in pages:
            text = page.read_text(encoding="utf-8")
            found = Tags(text.replace(f"<script>{SORT}</script>", "", page.name == "class.html"))
            assert not found.tags & {"script", "img", "link", "iframe", "object"}
            assert all(re.fullmatch(r"students/[\w.@+-]+/report\.html|#content", address)
                       for address in found.addresses)
        for page in results.folder.glob("students/*/report.md"):
            assert "<" not in re.sub("<br>", "", page.read_text()) and "\n# title" not in page.read_text()
        for table in results.folder.glob("*.csv"):
            for cell in sum(rows(table), []):
                assert not re.search(r"(?:^|[,;\t\n])[\s\"]*[=+\-@]", cell), cell
                assert cell.isprintable()


@pytest.mark.parametrize("value, safe", [("=1+1", "'=1+1"), ("  @x", "  '@x"), ("a;=1,+2", "a;'=1,'+2"),
                                         ("a\n- b, c - d", "a\n'- b, c - d"), ("'=1", "''=1"),
                                         ('";"=1', '";"'+"'=1"), ("\uff1d1", "'\uff1d1"), ("-3", "'-3"),
                                         ("a\x1b[1m\nb", "a [1m\nb"), (2.5, "2.5"), (-1, "-1"), (None, ""),
                                         ("Ada", "Ada")])
def test_cell(value, safe):
    assert tables.cell(value) == safe


def test_moodle_and_canvas(tmp_path):
    handed_in(tmp_path, "a", "b")
    (tmp_path / "class.csv").write_text("name,id,id number,email,login,section,path\nAda,17,7,ada@x.org,ada,B,a\n"
                                        "Bob,18,8,bob@x.org,bob,A,b\n")
    results = start(tmp_path / "out", tmp_path / "class.csv")
    grade_class(results, lambda tasks: quick(tasks, [("loss_function", 2.5)]))
    gradebook.build(results)
    assert rows(tmp_path / "out" / "moodle.csv") == [
        ["Identifier", "Full name", "ID number", "Email address", "Grade", "Last modified (grade)",
         "Feedback comments"],
        ["", "Ada", "7", "ada@x.org", "3.5", "", "3.5 of 6: points lost in vae.loss_function"],
        ["", "Bob", "8", "bob@x.org", "3.5", "", "3.5 of 6: points lost in vae.loss_function"]]
    # What canvas-lms, lib/gradebook_importer.rb looks for: these headers in these places, then the assignments.
    assert rows(tmp_path / "out" / "canvas.csv") == [
        ["Student", "ID", "SIS Login ID", "Section", "vae"], ["    Points Possible", "", "", "", "6"],
        ["Ada", "17", "ada", "B", "3.5"], ["Bob", "18", "bob", "A", "3.5"]]


def test_students_are_not_told_the_seed(tmp_path):
    """With it they could look up the questions of the next grading. The instructor finds it in report.json."""
    tell(dataclasses.replace(made_up(loss_function=2), seed=987654321), tmp_path / "out")
    told = [path.name for path in (tmp_path / "out").iterdir() if "987654321" in path.read_text(encoding="utf-8")]
    assert told == ["report.json"]


def test_what_student_code_ran_behind(tmp_path):
    for more, says in (({}, "behind: bubblewrap."), ({"isolation": "landlock"}, "behind: landlock."),
                       ({"isolation": None, "isolated": False, "why_not_isolated": "no"},
                        "behind: none. Not isolated: no."), ({"isolation": None}, "behind: bubblewrap.")):
        told = {**json.loads(made_up().to_json()), **more}
        if told["isolation"] is None:  # as in older reports
            del told["isolation"]
        report = Report.from_json(json.dumps(told))
        tell(report, tmp_path / "out")
        assert says in (tmp_path / "out" / "report.html").read_text()
        assert says.split(" Not")[0] in (tmp_path / "out" / "report.md").read_text()
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        results = start(folder / "results", handed_in(folder / "in", "ada"))
        grade_class(results, lambda tasks: ((key, report, 1) for key, _ in tasks))
        gradebook.build(results)
        page = (results.folder / "class.html").read_text()
        assert ("not isolated" if "isolated" in more else says) in page


@pytest.mark.skipif(os.name == "nt", reason="other rights on Windows")
def test_reports_are_private(tmp_path):
    tell(made_up(), tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch, capsys):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "ada"))
    grade_class(results, quick)

    def full(path, content):
        raise OSError(28, "No space left on device")  # names nothing, as the real one

    monkeypatch.setattr(Path, "write_bytes", full)
    report = dataclasses.replace(made_up(), notebook=Execution("skipped", pictures=[(2, PIXEL)]))
    for write, name in ((lambda: tables.write_rows(tmp_path / "a.csv", ["a"], []), "a.csv"),
                        (lambda: tell(made_up(), tmp_path), "report.html"),
                        (lambda: tell(report, tmp_path), "01-cell-2.png"),
                        (lambda: start(tmp_path / "out", tmp_path / "in"), "class.json")):
        with pytest.raises(OSError) as caught:
            write()
        assert Path(caught.value.filename).name == name and caught.value.errno == 28
    assert course("answers", tmp_path / "out") == 2
    assert f"No space left on device: {tmp_path / 'out' / 'answers.csv'}" in capsys.readouterr().err


def test_halves_of_characters_end_nothing(tmp_path):
    """JSON and messages may hold them; no file can."""
    half = json.loads('"\\ud800"')
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "ada", "bob"))
    report = made_up(half, interpolate=0)
    report.items["vae.interpolate"] = Item(0, 1, "failed", message=half, hint=half)
    report = dataclasses.replace(report, style=Style("failed", 1, [half]), answers={"x": half})
    grade_class(results, lambda tasks: [(key, report, 1) for key, _ in tasks][:1])
    gradebook.build(results, {"bob": half})
    assert len(rows(results.folder / "gradebook.csv")) == 3


def test_files_that_are_not_compared_are_named(tmp_path):
    folder = handed_in(tmp_path / "in", "ada", "bob")
    (folder / "bob" / "vae.py").write_text("x = " + "1" * 2000 + "\n")
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    gradebook.build(results)
    page = (results.folder / "class.html").read_text()
    assert "None of 1 submissions" in page and "Not compared: " in page and ">bob</a> (more than" in page


def test_gradescope_and_github():
    report = made_up(loss_function=2)
    told = gradescope(report)
    assert told["score"] == 3 and [test["score"] for test in told["tests"]] == [2, 1]
    assert {test["status"] for test in told["tests"]} == {"passed", "failed"}
    assert told["tests"][0]["max_score"] == 5 and "got 3" in told["tests"][0]["output"]
    told = github(report)
    assert (told["version"], told["status"], told["max_score"]) == (1, "fail", 6)
    assert sum(test["score"] for test in told["tests"]) == 3  # what the reporter adds up
    assert github(made_up())["status"] == "pass"


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_pictures_of_the_executed_notebook(tmp_path):
    """Those that are pictures; a kernel may send anything."""
    cells = ["import sys\nsys.path.insert(0, '..')\nfrom helpers import vae",
             "def show(data):\n    display({'image/png': data}, raw=True)",
             f"show({PIXEL!r})\nshow('<script>')\nshow('iVBORw0KGgoA<script>')\nshow(3)\nshow({PIXEL + chr(10)!r})",
             f"show({PIXEL!r})\nshow({PIXEL!r})\n1 / 0"]
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    write_files({"helpers/__init__.py": b"", "notebooks/2_vae.ipynb": nbformat.writes(written).encode()},
                tmp_path / "course")
    with Notebook(tmp_path / "course", "vae", walls.best()) as notebook:
        told = notebook.run("x = 1\n")
    assert told.status == "failed" and told.failed == ["cell 4: ZeroDivisionError: division by zero"]
    assert told.pictures == [[3, PIXEL], [3, PIXEL], [4, PIXEL], [4, PIXEL]]


def test_pictures_stand_in_the_page(tmp_path):
    tell(dataclasses.replace(made_up(), notebook=Execution("passed", 3, pictures=[(2, PIXEL)])), tmp_path)
    assert f"data:image/png;base64,{PIXEL}" in (tmp_path / "report.html").read_text()
    kept = (tmp_path / "report.json").read_text()
    assert json.loads(kept)["notebook"]["pictures"] == [[2, "pictures/01-cell-2.png"]]
    tell(Report.from_json(kept), tmp_path, "Ada")  # once more, as when points are added
    assert f"data:image/png;base64,{PIXEL}" in (tmp_path / "report.html").read_text()
    assert "![Picture of cell 2](pictures/01-cell-2.png)" in (tmp_path / "report.md").read_text()


def test_it_ends_with_its_starter(tmp_path):
    """When the process that hands out the work is killed, none of its workers and sandboxes stays."""
    folder = tmp_path / "in"
    make_class.make(folder, count=4, broken=False)
    command = [sys.executable, "-m", "coursekit", "grade-class", folder, "--assignment", "vae", "--out",
               tmp_path / "out", "--no-notebook", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL,
                               env={**os.environ, "TMPDIR": str(tmp_path)})

    def running():
        """Whoever has our TMPDIR, or is a sandbox in it."""
        return [path for path in Path("/proc").glob("[0-9]*") if any(
            str(tmp_path).encode() in read_bytes(path / name) for name in ("environ", "cmdline"))]

    deadline = time.monotonic() + 240
    while not list(tmp_path.glob("out/students/*/report.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    assert len(running()) > 2
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while left := running():
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def read_bytes(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
