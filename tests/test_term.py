"""A whole term: `course.toml`, one exact grade for each person, the book and the pages. Without a sandbox or torch."""
import csv
import dataclasses
import datetime
import json
import random
import shutil
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path

import pytest

from coursekit.classes.downloads import Person
from coursekit.classes.keys import key
from coursekit.classes.results import Results
from coursekit.classes.roster import Submission
from coursekit.classes.tables import read_table, write_rows
from coursekit.grading import feedback
from coursekit.grading.report import Execution, Item, Report, Style
from coursekit.questions import questions
from coursekit.term import command, settings
from coursekit.term.lines import lines_of
from coursekit.term.term import compute
from helpers.given.console import UserError
from helpers.given.course import ROOT

EXAMPLES = sorted((ROOT / "coursekit" / "term" / "examples").glob("*.toml"))
DUE = datetime.datetime(2026, 10, 20, 23, 59)


def report_of(name, items, answers=None, style=0, filled=None):
    """A Report. items: {name: (points, max)}; points None: open."""
    found = {item: Item(got or 0, most, "open" if got is None else "passed" if got == most else "failed",
                        "" if got == most else "it is wrong") for item, (got, most) in items.items()}
    return Report(name, "vae", 1, "none", False, "a test", found, Style("passed" if not style else "failed", style),
                  Execution(), {}, 1.0, answers=answers or {}, feedback=filled)


def results_of(folder, assignment, submissions):
    """Write a folder of results. submissions: [(Submission, Report or None)]."""
    folder.mkdir(parents=True)
    told = [{**dataclasses.asdict(one), "path": one.path and str(one.path)} for one, _ in submissions]
    (folder / "class.json").write_text(json.dumps({"assignment": assignment, "notebook": False, "submissions": told}))
    results = Results(folder, {"assignment": assignment, "submissions": told})
    for one, report in submissions:
        if report:
            results.of(one).mkdir(parents=True)
            (results.of(one) / "report.json").write_text(report.to_json(), encoding="utf-8")
    return results


def submission(*people, late=False):
    if len(people) == 1:
        fields = {name: value for name, value in dataclasses.asdict(people[0]).items()}
        return Submission(key(people[0].number or people[0].login or people[0].email or people[0].name),
                          Path("in"), **fields, late=late)
    name = ", ".join(person.name or person.login or person.email for person in people)
    return Submission(key(name), Path("in"), name, members=tuple(people), group="a group", late=late)


def one_class(folder, *found, assignment="vae"):
    """A class of people who are known by number."""
    return results_of(folder, assignment, [(submission(Person(f"Student {number}", number=number)), report)
                                           for number, report in found])


def term(folder, text, **files):
    """A course.toml, and CSV files beside it."""
    (folder / "course.toml").write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8")
    return compute(folder)


def grades(folder, *arguments):
    return subprocess.run([sys.executable, "-c", "import sys\nfrom coursekit.__main__ import COMMANDS, student\n"
                           "code = student.main(sys.argv[1:], commands=COMMANDS)\n"
                           "assert 'torch' not in sys.modules\nsys.exit(code)", "grades", str(folder), *arguments],
                          cwd=ROOT, capture_output=True, text=True)


def book(folder):
    return {row["key"]: row for row in read_table(folder / "term.csv")}


# course.toml

@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_read(path, tmp_path):
    shutil.copy(path, tmp_path / "course.toml")
    course = settings.read(tmp_path)
    assert float(course.max) == {"autoencoder_or_flowers": 8.5, "exercise_with_bonus": 16}.get(path.stem, 100)
    assert set(lines_of(path.read_text())) >= {("title",), ("assignments", 0, "name")}


def test_the_example_of_the_manual_is_read(tmp_path):
    manual = (ROOT / "docs" / "instructor.md").read_text(encoding="utf-8")
    (tmp_path / "course.toml").write_text(manual.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    course = settings.read(tmp_path)
    assert course.late.days == 3 and len(course.assignments[0].parts) == 5 and course.deductions[0].most == 4


GOOD = """title = "T"
time_zone = "Europe/Berlin"
[[assignments]]
name = "vae"
folder = "vae"
weight = 10
due = 2026-10-20T23:59:00
"""


def weighing(text):
    return GOOD.replace("weight = 10", f"weight = {text}")


SECOND = """[[assignments]]
name = "gan"
folder = "gan"
weight = 20
"""


@pytest.mark.parametrize("text, line, words", [
    (GOOD + "wieght = 3\n", 8, "there is no setting 'wieght' in [assignments]. Did you mean 'weight'?"),
    ("tilte = 'x'\n" + GOOD, 1, "Did you mean 'title'?"),
    (weighing('"10"'), 6, "weight is '10', expected a number of at least 0"),
    (weighing("true"), 6, "weight is True"), (weighing("-1"), 6, "weight is -1"),
    (weighing("nan"), 6, "weight is NaN"),
    (weighing("0"), 3, "the weights of all assignments are 0"),
    (GOOD.replace("Berlin", "Berlim"), 2, "time_zone is 'Europe/Berlim', expected the name of a time zone"),
    (GOOD.replace("2026-10-20T23:59:00", '"20.10."'), 7, "due is '20.10.', expected a date without quotes"),
    (GOOD.replace("23:59:00", "23:59"), None, "(at line 7, column 17). A time needs its seconds: 23:59:00"),
    (GOOD.replace("2026-10-20T23:59:00", "9999-12-31"), 7, "due is 9999-12-31, expected a date from 2000 to 2100"),
    (GOOD.replace('"vae"\nf', '"total"\nf'), 4, "'total' is a column of term.csv already"),
    ("last_day = 2026-10-01\n" + GOOD, 8, "vae: due 2026-10-20 23:59 CEST is after the last day, 2026-10-01"),
    (GOOD + "cut_off = 2026-10-19\n", 8, "cut_off 2026-10-19 23:59 CEST is before due 2026-10-20 23:59 CEST"),
    (GOOD + SECOND + "cut_off = 2026-10-19\n", 12, "gan: there is a cut_off and no due"),
    (GOOD + SECOND.replace('"gan"\nw', '"./vae/"\nw'), 10, "gan has the folder of vae"),
    (GOOD + SECOND.replace('name = "gan"', 'name = "VAE"'), 9, "two assignments are called 'VAE'"),
    (GOOD + "choice = 'a'\n" + SECOND + "choice = 'a'\n", 12, "gan: its weight is not that of"),
    (GOOD.replace("title", "weights = 'per cent'\ntitle"), 1, "the weights add up to 10 per cent, expected 100"),
    (GOOD + "parts = { checks = 1, wirtten = 2 }\n", 8, "'wirtten' in [assignments.parts]. Did you mean 'written'?"),
    (GOOD + "[pass]\nreport = 40\n", 9, "to pass, report is needed, and no assignment has it in its parts"),
    (GOOD + "[pass]\nall = 101\n", 9, "all is 101, expected a number of at least 0, at most 100"),
    (GOOD + "[late]\nspend = 'never'\n", 9, "spend is 'never', expected 'order' or 'best'"),
    (GOOD + "[late]\ndays = 2\n", 9, "there are late days, and lateness costs nothing"),
    (GOOD.replace("due", "# due") + "[late]\nper_day = 2\n", 8, "no assignment has a due date"),
    (GOOD + "[rounding]\nto = 0.005\n", 9, "to is 0.005, expected a step of whole hundredths"),
    (GOOD + "[[deductions]]\ntitle = 'p'\nfile = 'f'\ncolumn = 'c'\npoints = 1\nassignment = 'vaee'\n", 13,
     "there is no assignment 'vaee'. Did you mean 'vae'?"),
    (GOOD.replace('folder = "vae"\n', ""), 3, "[[assignments]] says no 'folder'"),
    ("title = 'T'\ntime_zone = 'UTC'\n", None, "the file says no 'assignments'"),
    ("title = '''a\nb'''\ntime_zone = 3\nassignments = [\n]\n", 3, "time_zone is 3"),
    ("assignments = 3\n", 1, "assignments is 3, expected tables: [[assignments]]"),
    (GOOD + "title = 'x'\nname = 'y'\n", None, "is no TOML"), ("\ufffe", None, "is no TOML"),
    ("a = " + "[" * 5000 + "]" * 5000, None, "is no TOML")])
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, line, words):
    (tmp_path / "course.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as told:
        settings.read(tmp_path)
    where = f"course.toml, line {line}: " if line else "course.toml"
    assert any(where in one and words in one for one in str(told.value).split("\n")), told.value


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    (tmp_path / "course.toml").write_text(weighing("x = 1").replace("weight = x", "wait") + "due_ = 1\n" +
                                          "[late]\nper_day = 200\n[pass]\nsome = 1\n")
    with pytest.raises(UserError) as told:
        settings.read(tmp_path)
    assert len(str(told.value).split("\n")) == 5


# Rules, one at a time

def scores(points, most=10):
    return {"vae.a": (points, most)}


@pytest.mark.parametrize("settings, files, total", [
    ("", {}, "8"), ("", {"times": "person,assignment,time\n1,vae,2026-10-21 00:00\n"}, "8"),
    ("[late]\nper_day = 10\n", {}, "8"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-20 23:59\n"}, "8"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-21 00:00\n"}, "7.2"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-20T22:00+00:00\n"}, "7.2"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-21 23:59\n"}, "7.2"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-21 23:59:01\n"}, "6.4"),
    ("[late]\nper_day = 10\nof = 'maximum'\n", {"times": "person,assignment,time\n1,vae,2026-10-21\n"}, "6"),
    ("[late]\nper_day = 30\nmost = 50\n", {"times": "person,assignment,time\n1,vae,2026-10-25 12:00\n"}, "4"),
    ("[late]\nper_day = 10\ngrace_minutes = 5\n", {"times": "person,assignment,time\n1,vae,2026-10-21 00:04\n"}, "8"),
    ("[late]\nper_day = 10\ndays = 1\n", {"times": "person,assignment,time\n1,vae,2026-10-22 00:04\n"}, "7.2"),
    # The clock goes back on 25 October: a day of 25 hours is a day.
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-25 23:59\n"}, "4"),
    ("[late]\nper_day = 10\n", {"times": "person,assignment,time\n1,vae,2026-10-22 12:00\n",
                                "extensions": "person,assignment,due\n1,vae,2026-10-22\n"}, "8"),
    ("", {"corrections": "person,assignment,item,points,reason\n1,vae,vae.a,9.5,looked at\n"}, "9.5"),
    ("", {"corrections": "person,assignment,item,points,reason\n1,vae,vae.a,'-0.25,looked at\n"}, "7.75"),
    ("", {"corrections": "person,assignment,item,points,reason\n1,vae,total,+1,for help\n1,vae,vae.a,10,x\n"}, "10"),
    ("[bonus]\nbeyond = true\n", {"corrections": "person,assignment,item,points,reason\n1,vae,total,12,x\n"}, None),
    ("", {"corrections": "person,assignment,item,points,reason\n1,vae,total,+4,more than there is\n"}, "10"),
    ("[[deductions]]\ntitle = 'p'\nfile = 'p.csv'\ncolumn = 'Pushes'\nassignment = 'vae'\npoints = 0.5\nfree = 3\n",
     {"p": "id number,pushes\n1,5\n2,\n"}, "7"),
    ("[rounding]\nto = 0.5\nhow = 'up'\n",
     {"corrections": "person,assignment,item,points,reason\n1,vae,total,7.01,x\n"}, "7.5"),
    ("[rounding]\nto = 1\nhow = 'half even'\n",
     {"corrections": "person,assignment,item,points,reason\n1,vae,total,6.5,x\n"}, "6")])
def test_one_rule(tmp_path, settings, files, total):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))), ("2", report_of("y", scores(None))))
    if total is None:  # no assignment has a bonus
        with pytest.raises(UserError, match="no assignment has a bonus"):
            term(tmp_path, GOOD + settings, **files)
        return
    found = term(tmp_path, GOOD + settings, **files)
    assert found.grades[0].known and Fraction(found.grades[0].least) == Fraction(total), found.told
    assert not found.grades[1].known and found.grades[1].least == 0 and found.grades[1].most > 0
    assert not found.told


@pytest.mark.parametrize("style, filled, beyond, total", [
    (0, True, True, "12"), (0, True, False, "10"), (3, True, True, "11"), (0, False, True, "11"),
    (3, None, True, "10")])
def test_bonus(tmp_path, style, filled, beyond, total):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(10), style=style, filled=filled)))
    text = GOOD + f"bonus = {{ style = 1, feedback = 1 }}\n[bonus]\nbeyond = {str(beyond).lower()}\n"
    assert Fraction(term(tmp_path, text).grades[0].least) == Fraction(total)


@pytest.mark.parametrize("needed, passed", [
    ("all = 60", True), ("all = 64", None), ("each = 60", None), ("all = 91", False), ("each = 81\nall = 1", False),
    ("checks = 70", None)])
def test_to_pass(tmp_path, needed, passed):
    """Half of gan is open: 24 of 30 points at most 28; vae has 8 of 10."""
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    one_class(tmp_path / "gan", ("1", report_of("x", {"gan.a": (5, 10), "gan.b": (None, 4), "gan.c": (6, 6)})))
    text = GOOD + SECOND.replace("20", "20\nparts = { checks = 1 }") + f"[pass]\n{needed}\n"
    grade = term(tmp_path, text).grades[0]
    assert (grade.least, grade.most) == (19, 23) and grade.passed is passed
    assert bool(grade.why) == (passed is not True)


def test_the_best_of_a_choice_counts_and_what_it_leaves_open_does_not_matter(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(9))))
    one_class(tmp_path / "gan", ("1", report_of("x", {"gan.a": (1, 10), "gan.b": (None, 2), "gan.c": (0, 8)})))
    grade = term(tmp_path, GOOD + "choice = 'a'\n" + SECOND.replace("20", "10\nchoice = 'a'")).grades[0]
    assert grade.known and grade.least == 9 and [one.counts for one in grade.scores] == [True, False]


@pytest.mark.parametrize("late, least, most", [("", "8", "8"), ("[late]\nper_day = 10\n", "0", "8")])
def test_a_late_mark_without_a_time(tmp_path, late, least, most):
    results_of(tmp_path / "vae", "vae", [(submission(Person("A", number="1"), late=True), report_of("x", scores(8)))])
    grade = term(tmp_path, GOOD + late).grades[0]
    assert (grade.least, grade.most) == (Fraction(least), Fraction(most))


def test_after_the_cut_off_nothing_counts_unless_there_is_an_extension(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))), ("2", report_of("x", scores(8))))
    found = term(tmp_path, GOOD + "cut_off = 2026-10-22\n", times="person,assignment,time\n1,vae,2026-10-24 12:00\n"
                 "2,vae,2026-10-24 12:00\n", extensions="person,assignment,due\n2,vae,2026-10-24\n")
    assert [grade.least for grade in found.grades] == [0, 8]


# Who is who, and what does not fit

def test_people_are_found_over_platforms_and_groups_may_change(tmp_path):
    ada, emmy, kurt = (Person(f"{name}", number=f"00{n}", email=f"{n}@x.org", login=f"u{n}")
                       for n, name in enumerate(("Ada Lovelace", "Emmy Noether", "Kurt Gödel"), start=1))
    results_of(tmp_path / "vae", "vae", [(submission(Person("Lovelace, Ada"), Person("", email="2@x.org")),
                                          report_of("x", scores(6)))])
    results_of(tmp_path / "gan", "gan", [
        (submission(Person("u1", login="u1")), report_of("x", {"gan.a": (10, 20)})),
        (submission(Person(number="002"), Person("Kurt Goedel")), report_of("x", {"gan.a": (20, 20)})),
        (submission(Person("Kurt Gödel", number="003"), Person("Stranger")), report_of("x", {"gan.a": (1, 20)}))])
    write_rows(tmp_path / "students.csv", ["name", "id number", "email", "login"],
               [[one.name, one.number, one.email, one.login] for one in (ada, emmy, kurt)])
    found = term(tmp_path, "roster = 'students.csv'\ngroup_size = 1\n" + GOOD + SECOND)
    names = [person.name for person, _ in found.people.known]
    assert names == ["Ada Lovelace", "Emmy Noether", "Kurt Gödel", "Stranger"]
    by_name = dict(zip(names, found.grades))
    assert by_name["Ada Lovelace"].least == 16 and by_name["Emmy Noether"].least == 26
    assert not by_name["Kurt Gödel"].known, "in two groups of one assignment: nobody can tell"
    assert any("and a group has at most 1" in line for line in found.told)
    assert any("not in the roster" in line and "Stranger" in line for line in found.told)


def test_a_student_in_two_groups_is_told_and_open(tmp_path):
    a, b, c = (Person(f"Student {n}", number=str(n)) for n in "123")
    results_of(tmp_path / "vae", "vae", [(submission(a, b), report_of("x", scores(6))),
                                         (submission(b, c), report_of("x", scores(9)))])
    found = term(tmp_path, GOOD)
    assert [(grade.least, grade.most) for grade in found.grades] == [(6, 6), (0, 10), (9, 9)]
    assert any("Student 2 is in 2 submissions" in line for line in found.told)


def test_absent_is_nothing_only_where_everybody_is_known(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(6))))
    roster = "name,id number\nStudent 1,1\nStudent 2,2\n"
    found = term(tmp_path, "roster = 'students.csv'\n" + GOOD, students=roster)
    assert [(grade.least, grade.most) for grade in found.grades] == [(6, 6), (0, 0)]
    one_class(tmp_path / "gan", *((who, report_of("x", {"gan.a": (9, 20)})) for who in ("1", "77")))
    found = term(tmp_path, "roster = 'students.csv'\n" + GOOD + SECOND, students=roster)
    assert found.grades[1].most == 20, "77 may be theirs"


@pytest.mark.parametrize("name, content, words", [
    ("corrections", "person,assignment,item,points,reason\n1,vae,vae.a,9,\n", "line 2: a correction needs a reason"),
    ("corrections", "person,assignment,item,points,reason\n1,vae,vae.b,9,x\n", "there is no item 'vae.b' in vae"),
    ("corrections", "person,assignment,item,points,reason\n1,vae,vae.a,11,x\n", "11 points for vae.a, there are 10"),
    ("corrections", "person,assignment,item,points,reason\n1,vae,vae.a,many,x\n", "points is 'many', expected such as"),
    ("corrections", "person,assignment,item,points,reason\n1,vea,vae.a,1,x\n", "no assignment 'vea': there is vae"),
    ("corrections", "person,assignment,item,points,reason\n9,vae,vae.a,1,x\n", "9 is nobody of this term"),
    ("corrections", "person,assignment,item,points,reason\n,vae,vae.a,1,x\n", "nothing says whose it is"),
    ("corrections", "person,assignment,item,points\n1,vae,vae.a,1\n", "has no column 'reason', so nothing of it"),
    ("times", "person,assignment,time\n1,vae,yesterday\n", "'yesterday' is no time, expected such as 2026-11-30 23:59"),
    ("times", "person,time\n1,2026-10-20\n", "has no column 'assignment'"),
    ("extensions", "person,assignment,due\n1,vae,2026-10-01\n", "is before the due date of all, 2026-10-20 23:59 CEST"),
    ("extensions", "person,assignment,due\n1,vae,2026-10-22\n1,vae,2026-10-23\n", "line 3: another line says another"),
])
def test_a_line_that_does_not_fit_is_told_and_the_rest_counts(tmp_path, name, content, words):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    found = term(tmp_path, GOOD, **{name: content})
    assert len(found.told) == 1 and words in found.told[0] and found.grades[0].least == 8


def test_a_folder_that_is_not_graded_is_open_for_all(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    found = term(tmp_path, GOOD + SECOND)
    assert (found.grades[0].least, found.grades[0].most) == (8, 28)
    assert any("gan is open for all" in line for line in found.told)


def test_what_nobody_knows_the_worth_of_is_open(tmp_path):
    """Such as a marking sheet whose rubric cannot be read."""
    one_class(tmp_path / "vae", ("1", report_of("x", {"vae.a": (8, 10), "vae.b": (None, 0)})))
    assert [(grade.least, grade.most) for grade in term(tmp_path, GOOD).grades] == [(0, 10)]


def test_a_row_made_by_hand_stays_in_the_book(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("<b>x", scores(8))))
    term(tmp_path, GOOD)
    assert grades(tmp_path).returncode == 0
    path = tmp_path / "term.csv"
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("guest,\"Guest, G.\",,,,7,7,10\n")
    for _ in range(2):  # it stays, and does not grow
        done = grades(tmp_path)
        assert done.returncode == 0 and "1 rows are of nobody of this term" in done.stdout
        rows = book(tmp_path)
        assert rows["guest"]["name"] == "Guest, G." and rows["guest"]["total"] == "7" and rows["1"]["total"] == "8"
        assert rows["guest"]["open"].count("counts nowhere") == 1


def test_what_was_typed_into_the_book_is_kept_beside_it(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    term(tmp_path, GOOD)
    assert grades(tmp_path).returncode == 0
    path, copy = tmp_path / "term.csv", tmp_path / "term-earlier-1.csv"
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    typed = rows[1][:rows[0].index("total")] + ["9"] + rows[1][rows[0].index("total") + 1:]
    write_rows(path, [*rows[0], "notes"], [[*typed, "seen"], [*rows[1], ""]])
    before = path.read_bytes()
    done = grades(tmp_path)
    assert "counts nowhere: notes, a second row of 1, the total of 1. It is kept as term-earlier-1.csv" in done.stdout
    assert copy.read_bytes() == before and list(csv.reader(path.open(encoding="utf-8-sig"))) == rows
    assert "earlier" not in grades(tmp_path).stdout and len(list(tmp_path.glob("term-earlier*"))) == 1


@pytest.mark.parametrize("lines, says", [
    ("1,vae,total,870,a typo\n", "line 2: 870 points for the total of vae, there are 10. It does not count"),
    ("1,vae,total,7,a\n1,vae,Total,6,b\n", "line 3: another line sets the points of 'Total' for the same person"),
    ("1,vae,vae.a,7,a\n1,vae,VAE.a,6,b\n", "line 3: another line sets the points of 'VAE.a' for the same person")])
def test_corrections_that_do_not_fit(tmp_path, lines, says):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    found = term(tmp_path, GOOD, corrections="person,assignment,item,points,reason\n" + lines)
    assert says in "\n".join(found.told) and found.grades[0].least == (8 if "870" in lines else 7)


@pytest.mark.parametrize("file, line", [("times", "time\n1,vae,9999-12-31T23:59-12:00\n"),
                                        ("extensions", "due\n1,vae,9999-12-31\n")])
def test_dates_that_no_days_can_be_counted_on(tmp_path, file, line):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))))
    found = term(tmp_path, GOOD + "[late]\nper_day = 10\n", **{file: "person,assignment," + line})
    assert "is no time" in found.told[0] and found.grades[0].least == 8


def test_who_is_in_doubt_is_told(tmp_path):
    doubted = Submission("2", None, name="Emmy", number="2", doubt="in several groups that have handed in")
    results_of(tmp_path / "vae", "vae", [(submission(Person("Ada", number="1")), report_of("x", scores(8))),
                                         (doubted, None)])
    found = term(tmp_path, GOOD)
    assert "nobody can tell what is theirs, so their marks are open: Emmy (in several groups" in found.told[0]
    assert [(grade.least, grade.most) for grade in found.grades] == [(8, 8), (0, 10)]


def test_what_platforms_take_and_who_is_open_gets_nothing(tmp_path):
    one_class(tmp_path / "vae", ("1", report_of("x", scores(8))), ("2", report_of("x", scores(None))))
    term(tmp_path, GOOD)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("Identifier,Full name,ID number,Grade,Maximum Grade,Last modified (grade),Feedback comments\n"
                     "Participant 5,Student 1,1,,10.00,-,\nParticipant 6,Student 2,2,,10.00,-,\n")
    done = grades(tmp_path, "--into", str(sheet))
    assert done.returncode == 0 and "left out: Student 2" in done.stdout, done.stderr
    rows = list(csv.DictReader(open(tmp_path / "moodle-upload.csv")))
    assert [row["Grade"] for row in rows] == ["8", ""] and rows[0]["Feedback comments"] == "8 of 10: vae 8 of 10"
    assert [row["Grade"] for row in read_table(tmp_path / "moodle.csv")] == ["8"]


def test_names_are_no_markup(tmp_path):
    results_of(tmp_path / "vae", "vae", [(submission(Person("<script>x</script>", number="1")),
                                          report_of("x", {"vae.a": (1, 10)}))])
    term(tmp_path, GOOD)
    assert grades(tmp_path).returncode == 0
    for page in (tmp_path / "term.html", tmp_path / "students" / "1" / "index.html"):
        ours = page.name == "term.html"  # the script that sorts
        text = page.read_text()
        assert text.count("<script") == ours and "<script>x" not in text
        assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("change, said", [
    (lambda text: text, False), (lambda text: text.replace("\n", "\r\n"), False), (lambda text: "", False),
    (lambda text: text.replace("| VAE | | |", "| VAE | 3 | |"), True), (lambda text: text + "\nThe loss.", True),
    (lambda text: text.replace("Your answers", "In last year's words: your answers"), False)])
def test_is_the_feedback_form_filled_in(change, said):
    text = (feedback.TEMPLATES / feedback.NAME).read_text(encoding="utf-8").replace(feedback.ROWS, "| VAE | | |")
    assert feedback.says_something(change(text)) is said


# A term of 300

COURSE = """title = "A term"
time_zone = "Europe/Berlin"
roster = "students.csv"
group_size = 3
last_day = 2027-02-28

[[assignments]]
name = "autoencoder"
folder = "results/autoencoder"
weight = 30
due = 2026-10-20T23:59:00
bonus = { style = 0.7, feedback = 1 }

[[assignments]]
name = "vae"
folder = "results/vae"
weight = 45
due = 2026-11-10T23:59:00
cut_off = 2026-11-20T23:59:00
parts = { checks = 3, trained = 1, written = 1 }

[[assignments]]
name = "gan"
folder = "results/gan"
weight = 25
choice = "one"
due = 2026-12-01T12:00:00

[[assignments]]
name = "flowers"
folder = "results/flowers"
weight = 25
choice = "one"
due = 2027-01-12

[late]
grace_minutes = 15
per_day = 7
most = 60
days = 4
spend = "SPEND"

[bonus]
beyond = BEYOND

[pass]
all = 50

[[deductions]]
title = "pushes"
file = "pushes.csv"
column = "pushes"
assignment = "gan"
free = 3
points = 0.3
most = 2
"""
DUES = {"autoencoder": DUE, "vae": datetime.datetime(2026, 11, 10, 23, 59), "gan": datetime.datetime(2026, 12, 1, 12),
        "flowers": datetime.datetime(2027, 1, 12, 23, 59, 59)}


def make_term(folder, rng, many=300):
    """Write the files of a term: many students, four assignments, each from another platform."""
    people = [Person(f"First{n} Last{n}x", number=f"{1000 + n:07}", email=f"s{n}@uni.example", login=f"log{n}")
              for n in range(many)]
    write_rows(folder / "students.csv", ["name", "id number", "email", "login"],
               [[one.name, one.number, one.email, one.login] for one in people])
    known_by = {"autoencoder": lambda one: Person(one.name, number=one.number),
                "vae": lambda one: Person(one.email, email=one.email),
                "gan": lambda one: Person(one.login, login=one.login),
                "flowers": lambda one: Person(", ".join(one.name.split()[::-1]))}
    times, extended, corrected = [], [], []
    for name, alone in (("autoencoder", True), ("vae", False), ("gan", False), ("flowers", True)):
        there = [one for one in people if rng.random() < (0.5 if name == "flowers" else 0.95)]
        rng.shuffle(there)
        groups, asked = [], questions(name) if name == "vae" else ()
        while there:
            size = 1 if alone else min(len(there), rng.choice((1, 2, 3)))
            groups.append([there.pop() for _ in range(size)])
        if name == "gan":  # somebody is in two groups
            groups[1].append(groups[0][0])
        found, lines = [], []
        for group in groups:
            one = submission(*map(known_by[name], group), late=rng.random() < 0.03)
            items = {f"{name}.item{n}": (round(min(n, rng.choice((0, 1, 2.5, n / 3, n, n))), 2), n)
                     for n in range(1, 8)}
            items = {item: (None if rng.random() < 0.01 else got, most) for item, (got, most) in items.items()}
            if name == "vae":
                items["trained.vae"] = (rng.choice((0, 4, 8)), 8)
            answers = {question.id: f"An answer {rng.random()}" for question in asked}
            found.append((one, report_of(one.name, items, answers, style=rng.choice((0, 0, 4)),
                                         filled=rng.choice((None, True, False)))))
            lines += [[question.title, one.key, one.name, "" if rng.random() < 0.02 else rng.choice((0, 1, 2.25, 4)), 4,
                       "", answers[question.id], ""] for question in asked]
            if rng.random() < 0.95:
                late = datetime.timedelta(hours=rng.choice((-30, -2, -1, 0, 0.2, 0.3, 5, 23, 24, 25, 60, 100, 300)))
                times.append([rng.choice(group).number, name, str(DUES[name] + late)])
            for person in group:
                if rng.random() < 0.06:
                    extended.append([person.email, name, str((DUES[name] + datetime.timedelta(days=3)))])
                if rng.random() < 0.05:
                    item, points = rng.choice(((f"{name}.item7", "6.3"), (f"{name}.item6", "+0.2"), ("total", "-1.75"),
                                               ("total", "17.35"), (f"{name}.item5", "-1")))
                    corrected.append([person.login, name, item, points, rng.choice(("looked at it", "a typo", ""))])
        results = results_of(folder / "results" / name, name, found)
        if lines:
            write_rows(results.folder / "answers.csv",
                       ("question", "key", "student", "points", "max", "comment", "answer", "model answer"), lines)
    for name, titles, lines in (("times", "time", times), ("extensions", "due", extended)):
        write_rows(folder / f"{name}.csv", ["person", "assignment", titles], lines)
    with open(folder / "corrections.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([["person", "assignment", "item", "points", "reason"], *corrected])
    write_rows(folder / "pushes.csv", ["id number", "pushes"],
               [[one.number, rng.choice((1, 2, 3, 4, 7, 30))] for one in people if rng.random() < 0.9])
    return people


def recomputed(folder):
    done = subprocess.run([sys.executable, "-I", Path(__file__).with_name("recompute_term.py"), folder],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("spend, beyond, many", [("order", "true", 300), ("best", "false", 100)])
def test_a_term_of_300_is_what_an_independent_script_computes(tmp_path, spend, beyond, many):
    """To the cent, and again after two regradings, which change two people's grades and nobody else's."""
    rng = random.Random(many)
    people = make_term(tmp_path, rng, many)
    (tmp_path / "course.toml").write_text(COURSE.replace("SPEND", spend).replace("BEYOND", beyond))

    def both():
        done = command.main(types.SimpleNamespace(folder=tmp_path, into=None, platform=None, column=None))
        assert done is None
        ours, theirs = book(tmp_path), recomputed(tmp_path)
        assert len(ours) == len(theirs) == len(people)
        for row in ours.values():
            least, most, passed = theirs[row["id number"]]
            assert [f"{float(row[title]):.2f}" for title in ("at least", "at most")] == [least, most], row
            assert row["passed"] == passed and bool(row["total"]) == (least == most) and (
                not row["total"] or row["total"] == row["at most"]), row
        return ours

    before = both()
    closed = sum(bool(row["total"]) for row in before.values())
    assert many / 2 < closed < many, "the term has what is open and what is not"
    assert {row["passed"] for row in before.values()} == {"passed", "not passed", "open"}
    alone = [one for one in people if before[one.number]["total"] and before[one.number]["autoencoder"] not in ("", "0")
             and "total" not in before[one.number]["corrected by hand"]
             and (tmp_path / "results" / "autoencoder" / "students" / one.number / "report.json").is_file()][:2]
    for one in alone:
        path = tmp_path / "results" / "autoencoder" / "students" / one.number / "report.json"
        report = Report.from_json(path.read_text())
        report.items["autoencoder.item4"].points = 4 - report.items["autoencoder.item4"].points
        path.write_text(report.to_json())
    after = both()
    changed = {number for number in after if after[number] != before[number]}
    assert changed == {one.number for one in alone}
