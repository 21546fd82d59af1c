"""`./course regrade`: only what was asked for is graded again, everything else stays, and what changed is told."""
import csv
import dataclasses
import functools
import json

import pytest

from coursekit import pool
from coursekit.classes import batch, regrade, roster, tables
from coursekit.classes.results import Results
from coursekit.grading.report import Item
from coursekit.sandbox import walls
from helpers.given.console import UserError
from helpers.given.course import ROOT
from test_grade_class import course, grade_class, handed_in, made_up, quick, rows

ITEM, OTHER = "vae.loss_function", "vae.interpolate"
NOW = "another version of the checks"


class Grading:
    """Stands for the pool: notes what is asked, and answers with these points; "-" stands for a process that died."""

    def __init__(self, monkeypatch):
        self.asked, self.points, self.stop = [], {}, None
        monkeypatch.setattr(pool, "local", self.local)
        monkeypatch.setattr(walls, "choose", lambda unsafe=False: walls.Bare())

    def local(self, function, tasks, **_):
        for key, task in tasks:
            if isinstance(function, functools.partial):
                yield key, function(*task), 1
                continue
            _, _, notebook, seed, _, read, _, items, *_ = task
            if self.stop == len(self.asked):
                raise KeyboardInterrupt
            self.asked.append((key, notebook, seed, read.source, items))
            got = self.points.get(key, 5)
            if got == "-":
                yield key, pool.Failure("the grading process died"), 3
                continue
            report = made_up(read.who, **({} if got == 5 else {"loss_function": got}))
            kept = {name: item for name, item in report.items.items() if items is None or name in items}
            yield key, dataclasses.replace(report, items=kept, seed=seed), 1


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Results of three students, and the Grading that stands for the next ones."""
    folder = handed_in(tmp_path / "in", "Ada L", "bob", "eve")
    results = Results.start(tmp_path / "out", "vae", False, roster.collect(folder))
    grade_class(results, functools.partial(quick, points=(("loss_function", 3),)))
    return results, Grading(monkeypatch)


def reports(results):
    return {one.name: results.report(one) for one in results.submissions}


def change_checks(monkeypatch):
    monkeypatch.setattr(batch, "version_of_checks", lambda assignment, trained=False: NOW)


def log(results):
    with open(results.folder / regrade.LOG, encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_an_item_is_graded_again_and_the_rest_stays(graded, monkeypatch, capsys):
    results, grading = graded
    before, grading.points = reports(results), {"bob": 4}
    change_checks(monkeypatch)
    assert course("regrade", results.folder, "--item", ITEM, "--reason", "=a slip in the check") == 3
    told, after = capsys.readouterr().out, reports(results)
    assert "bob, vae.loss_function: 3 of 5 (failed) -> 4 of 5 (failed)" in told
    assert "Ada L, vae.loss_function: 3 of 5 (failed) -> 5 of 5 (passed)" in told
    assert [task[1:] for task in grading.asked] == [
        (False, 1, results.source(one), [ITEM]) for one in results.submissions]
    for name, report in after.items():
        note = report.regraded[ITEM]["note"]
        assert report.notes == [*before[name].notes, note] and "=a slip in the check. The checks have" in note
        items = {**report.items, ITEM: before[name].items[ITEM]}
        same = dataclasses.replace(report, notes=before[name].notes, regraded=None, isolation="bubblewrap",
                                   isolated=True, why_not_isolated=None, items=items)
        assert same == before[name]
    assert [(row["student"], row["points before"], row["points"], row["status"]) for row in log(results)] == [
        ("Ada L", "3", "5", "passed"), ("bob", "3", "4", "failed"), ("eve", "3", "5", "passed")]
    assert {row["reason"] for row in log(results)} == {"'=a slip in the check"}
    assert rows(results.folder / "gradebook.csv")[2][6] == "4"
    course("regrade", results.folder, "--item", ITEM, "--student", "EVE")
    assert len(log(results)) == 4, "what stands in the log stays"
    assert len(reports(results)["eve"].notes) == 1 + len(before["eve"].notes), "one note, the last"


def test_a_mix_is_neither_graded_again_in_silence_nor_called_whole(graded, tmp_path, monkeypatch, capsys):
    results, grading = graded
    change_checks(monkeypatch)
    course("regrade", results.folder, "--item", ITEM, "--student", "Ada L", "--student", "bob")
    assert "Two versions of the checks have judged 2" in capsys.readouterr().out
    assert reports(results)["bob"].mixed == [ITEM] and not reports(results)["eve"].mixed
    page = (results.folder / "class.html").read_text()
    assert "Two versions of the checks" in page
    (tmp_path / "in" / "bob" / "vae.py").write_text("# mended\n")  # what was handed in anew is graded as ever
    asked = []

    def again(whole):
        asked.clear()
        batch.grade_class(results, walls.Bare(), None, lambda tasks: (
            (key, batch.read_one(walls.Bare(), *task), 1) for key, task in tasks),
            lambda tasks: quick(asked.append(task[0]) or task for task in tasks), regrade.tqdm(disable=True), whole)
        return [one.name for one in results.submissions if one.key in asked]

    assert again(False) == ["bob", "eve"]  # eve's checks have changed
    assert again(False) == []
    assert again(True) == ["Ada L"] and not reports(results)["Ada L"].regraded
    assert again(True) == []


def test_unchanged_checks_leave_no_mix(graded, capsys):
    results, grading = graded
    course("regrade", results.folder, "--item", ITEM, "--seed", "7")
    report = reports(results)["bob"]
    assert report.regraded[ITEM]["seed"] == 7 and report.seed == 1 and not report.mixed
    assert "other questions" in report.notes[-1] and "Two versions" not in capsys.readouterr().out


def test_a_student_is_read_and_graded_anew(graded, tmp_path, capsys):
    results, grading = graded
    (tmp_path / "in" / "bob" / "vae.py").write_text("# mended\n")
    eve = reports(results)["eve"]
    results.forget(results.submissions[1])  # the machine failed
    assert course("regrade", results.folder, "--student", "bob", "--reason", "the machine failed") == 3
    assert "bob, vae.loss_function: not graded -> 5 of 5 (passed)" in capsys.readouterr().out
    assert [task[0] for task in grading.asked] == [results.submissions[1].key]
    assert grading.asked[0][2:] == (1, "# mended\n", None)  # asked what the class was
    report = reports(results)["bob"]
    assert results.source(results.submissions[1]) == "# mended\n" and "the machine failed." in report.notes[-1]
    assert reports(results)["eve"] == eve and not report.regraded
    assert grade_class(results, lambda tasks: list(tasks) and pytest.fail("it grades again")) == []


def test_goes_on_after_ctrl_c(graded, capsys):
    results, grading = graded
    grading.stop = 1
    assert course("regrade", results.folder, "--item", ITEM) == 130
    told = capsys.readouterr()
    assert "1 were graded again" in told.out and "goes on" in told.err and (results.folder / "regrade.json").is_file()
    grading.stop, grading.asked = None, []
    assert course("regrade", results.folder, "--item", ITEM) == 3
    assert [task[0] for task in grading.asked] == [one.key for one in results.submissions[1:]]
    assert not (results.folder / "regrade.json").exists() and len(log(results)) == 3
    assert len({row["when"] for row in log(results)}) == 1


def test_what_fails_keeps_its_report_and_is_tried_again(graded, capsys):
    results, grading = graded
    grading.points = {"bob": "-"}
    before = reports(results)
    (results.of(results.submissions[2]) / "vae.py").unlink()
    assert course("regrade", results.folder, "--item", ITEM) == 1
    told = capsys.readouterr().err
    assert "bob: the grading process died. Its report is as it was" in told and "eve: its graded file" in told
    assert reports(results)["bob"] == before["bob"]
    assert json.loads((results.folder / "regrade.json").read_text())["done"] == [results.submissions[0].key]


def test_dry_run_writes_nothing(graded, capsys):
    results, grading = graded
    course("regrade", results.folder, "--item", OTHER)  # there is a log, and a grade book
    before = {path: path.read_bytes() for path in results.folder.rglob("*") if path.is_file()}
    course("regrade", results.folder, "--item", ITEM, "--dry-run")
    assert "3 would be graded again; 3 of 3 items changed" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in results.folder.rglob("*") if path.is_file()} == before


def test_what_holds_nothing_to_grade_stays_so(graded, monkeypatch):
    """Its items come from the grader, which is asked with the reason that stands in the report."""
    results, _ = graded
    one = results.submissions[0]
    items = {name: dataclasses.replace(item, points=0, status="open", message="cannot grade: two files differ")
             for name, item in reports(results)[one.name].items.items()}
    results.save(one, dataclasses.replace(reports(results)[one.name], items=items), None)
    run = regrade.Run.__new__(regrade.Run)
    run.results = results
    (_, read), = run.kept({one.key: one})
    assert (read.source, read.problem, read.open) == (None, "two files differ", True)


@pytest.mark.parametrize("options, says", [
    ([], "expected --item or --student"),
    (["--item", "vae.loss"], "Did you mean 'vae.loss_function'?"),
    (["--item", "trained.vae"], "give --student without --item"),
    (["--student", "bop"], "Near it: bob"),
    (["--student", "x" * 40], "there is no student"),
    (["--item", ITEM, "--jobs", "0"], "--jobs 0"),
])
def test_what_is_not_there_is_told(graded, capsys, options, says):
    results, grading = graded
    assert course("regrade", results.folder, *options) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1 and not grading.asked


def test_two_of_one_name(graded):
    results, _ = graded
    results.settings["submissions"][2]["name"] = "bob"
    with pytest.raises(UserError, match="may be .*bob.*eve.*: give the key"):
        regrade.find(results, ["BOB"])
    assert [one.key for one in regrade.find(results, [results.submissions[2].key])] == [results.submissions[2].key]


def test_a_class_that_is_gone(graded, tmp_path, capsys):
    """It came as one zip file, say: the kept file is there, what was handed in is not."""
    results, grading = graded
    before = reports(results)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    assert course("regrade", results.folder, "--student", "bob") == 1
    assert "is not there any more: give --item" in capsys.readouterr().err and reports(results) == before
    assert course("regrade", results.folder, "--student", "bob", "--item", ITEM) == 3


def test_typed_points_stay_and_unequal_maxima_are_told(graded, monkeypatch, capsys):
    results, grading = graded
    tables.write_rows(results.folder / "answers.csv", ["question", "key", "points", "comment"],
                      [["Question 1", results.submissions[1].key, "3", "good"]])
    sheet = (results.folder / "answers.csv").read_bytes()
    grading.local, old = None, grading.local
    monkeypatch.setattr(pool, "local", lambda *args, **options: (
        (key, dataclasses.replace(report, items={name: Item(6, 6) for name in report.items}), 1)
        for key, report, _ in old(*args, **options)))
    course("regrade", results.folder, "--item", ITEM, "--student", "bob")
    assert "vae.loss_function is worth 6 or 5 points" in capsys.readouterr().out.replace("5 or 6", "6 or 5")
    assert (results.folder / "answers.csv").read_bytes() == sheet
    assert "3 of 4" in (results.of(results.submissions[1]) / "report.md").read_text()


@pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")
def test_the_whole_way(tmp_path, capsys):
    """A real grading of one item: a file is mended where it is kept, as nobody should, to see that it is judged."""
    folder = tmp_path / "in" / "ada"
    folder.mkdir(parents=True)
    solution = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
    (folder / "vae.py").write_text(solution.replace("(1 - weights) * z0", "weights * z0"))
    out = tmp_path / "out"
    whole = "grade-class", tmp_path / "in", "--assignment", "vae", "--out", out, "--no-notebook"
    assert course(*whole, "--seed", 3) == 0
    (out / "students" / "ada" / "vae.py").write_text(solution)
    assert course("regrade", out, "--item", OTHER) == 0
    told = capsys.readouterr().out
    assert "ada, vae.interpolate: 0 of" in told and "1 of 1 items changed" in told
    report = Results.open(out).report(Results.open(out).submissions[0])
    assert report.score == report.max and report.seed == 3 and list(report.regraded) == [OTHER]
    assert course(*whole) == 0 and "1 of 1 graded, mean 34.0" in capsys.readouterr().out
