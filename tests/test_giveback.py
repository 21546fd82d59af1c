"""`./course grades`: what goes back to Moodle, Canvas, ILIAS and OLAT. Without a sandbox and without torch."""
import io
import shutil
import types
import zipfile
from pathlib import Path

import pytest

from coursekit import __main__ as instructor
from coursekit.classes import gradebook
from coursekit.classes.platforms import canvas, moodle, people, reports
from coursekit.classes.roster import Submission
from coursekit.classes.worksheet import number, read_worksheet
from coursekit.grading.report import Execution, Item, Report, Style
from coursekit.questions import Mark
from helpers.given import __main__ as student
from helpers.given.console import UserError

GOLDEN = Path(__file__).parent / "golden" / "class"  # three students; one has an answer that nobody has marked
MOST = 50


def row(name, total=40.0, **more):
    """A row of the grade book."""
    return {**dict.fromkeys(("key", "id", "number", "email", "login", "section", "report"), ""), "name": name,
            "total": total, "open": [], "feedback": f"{total or 0:g} of {MOST}: everything asked for",
            **more}


def given(folder, text, encoding="utf-8"):
    path = folder / "given.csv"
    path.write_bytes(text.encode(encoding))
    return read_worksheet(path)


def back(given):
    """The file as it is given back."""
    return given.save(given.path.with_name("back.csv")).read_bytes().decode(given.encoding)


# The table itself

@pytest.mark.parametrize("text, encoding", [
    ('ID,"Full name",Grade\r\nA1,"Lovelace, ""Ada""",\r\n', "utf-8"),
    ('\ufeff"ID";"Name"\n"A1";"two\nlines"\n\n"A2";" x "', "utf-8"),
    ("ID\tName\rA1\t\u00d6\r", "utf-16"), ('ID,x\nA1,a "b" c\nA2,"open\n', "utf-8"),
    ("a,b\n'=1+1,\n,\n\"\",\"\"\n", "utf-8")])
def test_what_is_not_filled_in_stays_byte_for_byte(tmp_path, text, encoding):
    table = given(tmp_path, text, encoding)
    assert table.save(tmp_path / "back.csv").read_bytes() == text.encode(encoding)
    assert all(map(any, table.lines.values()))


def test_what_is_filled_in_is_quoted_and_no_formula(tmp_path):
    table = given(tmp_path, "ID;x\nA1;=kept\nA2;\n")
    table.put(2, 1, '=1+1; "b"')
    assert back(table) == "ID;x\nA1;=kept\nA2;\"'=1+1; \"\"b\"\"\"\n"


@pytest.mark.parametrize("data, says", [(b"PK\3\4\0\0", "CSV UTF-8"), (b"ID,x\n\xe4,1\n", "is not in UTF-8"),
                                        (b"ID,x\n", "no line below its titles"), (b"", "no line below its titles"),
                                        (b"ID,x\na,b,c\n", "row 2 has 3 cells, the titles are 2")])
def test_what_is_no_table(tmp_path, data, says):
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(UserError, match=says):
        read_worksheet(tmp_path / "x.csv")
    with pytest.raises(UserError, match="cannot read"):
        read_worksheet(tmp_path)


@pytest.mark.parametrize("text, value", [("34", 34), ("33.5", 33.5), ("33,50", 33.5), ("1.000,00", 1000),
                                         ("1,000.5", 1000.5), ("(read only)", None), ("", None), ("-", None)])
def test_numbers(text, value):
    assert number(text) == value


# Moodle

DATE, OLD = "Monday, 2 March 2026, 12:30 PM", "Tuesday, 3 March 2026, 9:05 AM"
GERMAN_DATE = "Montag, 2. März 2026, 12:30"


def worksheet(*lines, titles=None, delimiter=","):
    """The text of a worksheet: lines are lists of cells."""
    titles = titles or ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade",
                        "Grade can be changed", "Last modified (submission)", "Online text", "Last modified (grade)",
                        "Feedback comments"]
    return "".join(delimiter.join(f'"{cell}"' if " " in cell or delimiter in cell else cell for cell in line) + "\r\n"
                   for line in (titles, *lines))


def english(number, name, email, grade="", comment="", modified="-"):
    return [f"Participant {number}", name, email, "Submitted for grading", grade, "100.00", "Yes", DATE, "see file",
            modified, comment]


def test_moodle_fills_grades_and_comments_and_keeps_the_rest(tmp_path):
    before = worksheet(english(4711, "Ada Lovelace", "ada@x.org", modified=OLD, grade="3.00", comment="3 of 50: old"),
                       english(4712, "Kurt Gödel", "kurt@x.org"), english(4713, "Emmy Noether", "emmy@x.org"))
    table = given(tmp_path, before)
    told = moodle.fill(table, [row("Ada Lovelace", 37.5, id="Participant 4711"), row("Nobody", id="Participant 1"),
                               row("Kurt Goedel", None, id="Participant 4712")], MOST)
    ada = (",3.00,100.00,", '"3 of 50: old"'), (",37.5,100.00,", "37.5 of 50: everything asked for")
    assert back(table) == before.replace(ada[0][0], ada[1][0]).replace(ada[0][1], ada[1][1]) and OLD in before
    assert told == ["1 of 3 lines filled in", "the maximum there is 100, here it is 50: the points are the same, the "
                    "maximum of the assignment should be, too", "without a line that is surely theirs: Nobody"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_moodle_in_german_and_cut_by_anything(tmp_path, delimiter):
    titles = ["ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Gruppe", "Bewertung", "Bestwertung",
              "Bewertung kann geändert werden", "Zuletzt geändert (Abgabe)", "Onlinetext",
              "Zuletzt geändert (Bewertung)", "Feedback als Kommentar"]
    lines = [[f"Teilnehmer/in{who}", "", "Abgegeben", "Gruppe A", grade, "50,00", "Ja", GERMAN_DATE, "", modified, ""]
             for who, grade, modified in (("4711", "7,00", GERMAN_DATE), ("4712", "", "-"))]
    for line, name in zip(lines, ("Ada Lovelace", "Kurt Gödel")):
        line.insert(1, name)
    table = given(tmp_path, worksheet(*lines, titles=titles, delimiter=delimiter))
    told = moodle.fill(table, [row("Ada Lovelace", 37.5, id="Participant 4711"),
                               row("Kurt Gödel", 8, id="Participant 4712")], MOST)
    assert [table.lines[line][5:7] for line in (1, 2)] == [["37,5", "50,00"], ["8", "50,00"]]
    assert [table.lines[line][10:] for line in (1, 2)] == [[GERMAN_DATE, "37.5 of 50: everything asked for"],
                                                           ["-", "8 of 50: everything asked for"]]
    assert told[0] == "2 of 2 lines filled in" and told[1].startswith("1 of them have a grade there with a date")
    assert table.titles == titles and len(told) == 2


def test_moodle_in_any_language(tmp_path):
    """Where nothing ends with a bracket, columns of dates only are the dates."""
    titles = ["識別子", "氏名", "ステータス", "評定", "最大評点", "変更", "提出日時", "評定日時", "コメント"]
    date = "2026年 03月 2日(Monday) 12:30"
    table = given(tmp_path, worksheet(["参加者4711", "Ada Lovelace", "x", "", "50", "Yes", date, "-", ""],
                                      ["参加者4712", "Kurt Gödel", "x", "", "50", "Yes", "-", date, ""], titles=titles))
    moodle.fill(table, [row("Ada Lovelace", id="Participant 4711")], MOST)
    assert table.lines[1][3:] == ["40", "50", "Yes", date, "-", "40 of 50: everything asked for"]
    assert table.lines[2][3:] == ["", "50", "Yes", "-", date, ""]


def test_moodle_blind(tmp_path):
    titles = ["Identifier", "Status", "Grade", "Maximum Grade", "Grade can be changed", "Last modified (grade)",
              "Feedback comments"]
    lines = [[f"Participant {number}", "No submission", "", "50.00", "Yes", "-", ""] for number in (71, 72)]
    table = given(tmp_path, worksheet(*lines, titles=titles))
    told = moodle.fill(table, [row("Participant", id="Participant 71"),
                               row("Participant 72", 3, id="Participant 72")], MOST)
    assert [values[2] for values in table.lines.values()] == ["40", "3"] and len(told) == 1


def test_moodle_groups(tmp_path):
    """The download has a group's name and number. The worksheet knows who is in it; its number is not a person's."""
    titles = ["Identifier", "Full name", "Status", "Group", "Grade", "Maximum Grade", "Grade can be changed",
              "Last modified (grade)", "Feedback comments"]
    lines = [[f"Participant {number}", name, "Submitted for grading", group, "", "50.00", "Yes", "-", ""]
             for number, name, group in ((17, "Alan Turing", "Default group"), (4711, "Ada Lovelace", "Gruppe A"),
                                         (4712, "Kurt Gödel", "Gruppe A"), (4713, "Emmy Noether", "Gruppe B"))]
    table = given(tmp_path, worksheet(*lines, titles=titles))
    told = moodle.fill(table, [row("Gruppe A", 30, id="Participant 17"), row("Default group", 20),
                               row("Ada Lovelace", 31, email="ada@x.org"), row("Gruppe C", 9, id="Participant 4713")],
                       MOST)
    assert [values[4] for values in table.lines.values()] == ["20", "31", "30", ""]
    assert "in doubt, so left out: Gruppe C (Participant 4713) is called Emmy Noether there" in told


def test_moodle_leaves_out_what_it_would_skip_or_nobody_knows(tmp_path):
    table = given(tmp_path, worksheet(
        english(1, "Ada Lovelace", "", comment="typed by hand"), english(2, "Kurt Gödel", ""),
        english(3, "Emmy Noether", "", grade="5.00"), english(4, "A B", ""), english(5, "A B", "")))
    told = moodle.fill(table, [
        row("Ada Lovelace", 12, id="Participant 1"), row("Kurt Gödel", 120, id="Participant 2"),
        row("Emmy Noether", 9, id="Participant 3", open=["Question 1"]), row("A B")], 100)
    assert [values[4] for values in table.lines.values()] == ["12", "", "5.00", "", ""]
    assert [values[-1] for values in table.lines.values()] == ["typed by hand", "", "", "", ""]
    assert told == ["1 of 5 lines filled in",
                    "above the maximum, which Moodle skips, so left out: Kurt Gödel (120)",
                    "comments that somebody has typed, so kept: Ada Lovelace",
                    "without a line that is surely theirs: A B"]


@pytest.mark.parametrize("text, says", [
    ("name,points\nAda,3\n", "no column holds numbers of participants"),
    (worksheet(["Participant 1", "Ada", "", "x", "Good", "Bad Good", "Yes", "-", "", "-", ""]), "by a scale")])
def test_what_is_no_worksheet(tmp_path, text, says):
    with pytest.raises(UserError, match=says):
        moodle.fill(given(tmp_path, text), [row("Ada")], MOST)


def test_a_comment_is_html_and_php_reads_its_quotes(tmp_path):
    table = given(tmp_path, worksheet(english(1, "Ada Lovelace", "")))
    moodle.fill(table, [row("Ada Lovelace", feedback='0 of 50: cannot grade: a\\"b<c>; =1')], MOST)
    assert table.lines[1][-1] == "0 of 50: cannot grade: a/'b&lt;c&gt;; '=1"


def test_without_comments(tmp_path):
    titles = ["Identifier", "Full name", "Status", "Grade", "Maximum Grade", "Changed", "Last modified (grade)"]
    table = given(tmp_path, worksheet(["Participant 1", "Ada", "x", "", "50.00", "Yes", "-"], titles=titles))
    assert "no column for comments" in moodle.fill(table, [row("Ada")], MOST)[-1]
    assert table.lines[1][3:] == ["40", "50.00", "Yes", "-"]


def test_without_a_worksheet():
    """moodle.csv and canvas.csv hold nobody whose grade is open, and no number that is another platform's."""
    rows = [row("Ada", id="Participant 7"), row("Bob", id="18"), row("Eve", open=["Question 1"]), row("Joe", None)]
    assert [line[:2] for line in moodle.table(rows)[1]] == [["Participant 7", "Ada"], ["", "Bob"]]
    assert [line[:2] for line in canvas.table(rows, "vae", MOST)[1]] == [
        ["    Points Possible", ""], ["Ada", ""], ["Bob", "18"]]


# Canvas

EXPORT = """Student,ID,SIS User ID,SIS Login ID,Section,Notes,GAN (77),"Assignment 2, VAE (78)",Final Score
,,,,,,,Manual Posting,
    Points Possible,,,,,,46.00,50.00,(read only)
"Lovelace, Ada",11,s1,ada,A,n,30.00,,1
"Gödel, Kurt",12,s2,kurt,A,n,31.00,20.00,2
"Noether, Emmy",13,s3,emmy,A,n,,EX,3
"Hopper, Grace",14,s4,grace,A,n,,7.00,4
"Student, Test",15,,x,A,n,,,5
"""


def test_canvas_fills_one_column(tmp_path):
    table = given(tmp_path, EXPORT)
    told = canvas.fill(table, [
        row("lovelaceada", 37.5, id="11"), row("KURT", 8), row("Emmy Noether", id="13"),
        row("Grace Hopper", open=["Question 1"], id="14"), row("Joe", id="99")], MOST, "vae")
    assert back(table) == """Student,ID,SIS User ID,SIS Login ID,Section,"Assignment 2, VAE (78)"
,,,,,Manual Posting
    Points Possible,,,,,50.00
"Lovelace, Ada",11,s1,ada,A,37.5
"Gödel, Kurt",12,s2,kurt,A,8
"""
    assert told[0].startswith("2 of 5 grades in 'Assignment 2, VAE (78)'")
    assert told[1:] == ["excused or not assigned there (EX, N/A), so left out: Emmy Noether",
                        "without a line that is surely theirs: Joe"]


def test_canvas_other_forms(tmp_path):
    """First and last name apart, no SIS, semicolons and decimal commas, other points."""
    table = given(tmp_path, "\ufeffLastName;FirstName;ID;SIS Login ID;Section;Labor 1 (5)\n"
                  "    Points Possible;;;;;20,00\nLovelace;Ada;11;ada;A;\n")
    told = canvas.fill(table, [row("Ada Lovelace", 8.5)], MOST, "vae")
    assert back(table).endswith("Lovelace;Ada;11;ada;A;8.5\n") and back(table).startswith("\ufeffLastName")
    assert "Points Possible is 20 there, here it is 50" in told[1]


@pytest.mark.parametrize("column, found", [("GAN", "GAN (77)"), ("78", "Assignment 2, VAE (78)"),
                                           ("assignment 2, vae (78)", "Assignment 2, VAE (78)"), ("VAE", None)])
def test_canvas_column_by_name(tmp_path, column, found):
    table = given(tmp_path, EXPORT)
    if found:
        assert f"in {found!r}" in canvas.fill(table, [row("x")], MOST, "vae", column)[0]
    else:
        with pytest.raises(UserError, match=r"Say it with --column. There is: GAN \(77\), Assignment 2, VAE \(78\)$"):
            canvas.fill(table, [row("x")], MOST, "vae", column)


def test_canvas_by_chance():
    """A number of another system, two of one name, one name twice: nobody's."""
    there = {1: {"id": ("11",), "name": ("Lovelace, Ada",)}, 2: {"id": ("12",), "name": ("Smith, Jo",)},
             3: {"id": ("13",), "name": ("Smith, Jo",)}}
    rows = [row("Kurt Gödel", id="11"), row("Jo Smith"), row("Ada Lovelace"), row("ADA LOVELACE", id="12")]
    found, nobody, doubts = people.match(rows, there)
    assert not found and len(nobody) == 4 and len(doubts) == 2


@pytest.mark.parametrize("ours, theirs, so", [
    ("Ada Lovelace", "Lovelace, Ada", False), ("lovelaceada", "Turing, Alan", False),
    ("Kurt Goedel", "Kurt Gödel", False), ("Gruppe A", "Alan Turing", True), ("张 伟", "伟 张", False),
    ("Jean-Luc O’Neil", "ONEIL", False), ("A B", "", False)])
def test_names_that_surely_differ(ours, theirs, so):
    assert people.differ(ours, theirs) is so


# ILIAS and OLAT

def results_in(folder, *rows):
    for one in rows:
        (folder / one["report"]).write_text(f"<p>{one['name']}")
    return types.SimpleNamespace(folder=folder, settings={"assignment": "vae"})


def archive(path):
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_ilias(tmp_path):
    rows = [row("Ada Lovelace", id="4711", report="a"), row("Kurt Gödel", id="4712", report="b"),
            row("Eve", id="4713", report="c", open=["Question 1"]), row("Joe", id="Participant 9", report="d")]
    told = reports.for_ilias(results_in(tmp_path, *rows), rows)
    assert archive(tmp_path / "ilias-feedback.zip") == {
        "multi_feedback_vae/Ada_Lovelace_4711/vae-report.html": "<p>Ada Lovelace",
        "multi_feedback_vae/Kurt_G_del_4712/vae-report.html": "<p>Kurt Gödel"}
    assert told[0] == "ilias-feedback.zip: 2 reports" and told[1].endswith(": Joe")


def test_olat(tmp_path):
    """What is pasted has no quotes: a tab or a line break in a cell would end it."""
    rows = [row("Ada", 37.5, login="ada", report="a", feedback="a\tb\nc, d"), row("Bob", email="b@x.org", report="b"),
            row("Eve", None, login="eve"), row("Joe", report="d"), row("Mo", login="../mo", report="e")]
    told = reports.for_olat(results_in(tmp_path, *(one for one in rows if one["report"])), rows)
    assert (tmp_path / "olat.txt").read_text().split("\n")[:2] == [
        "ada\t37.5\t\ta b c, d", "b@x.org\t40\t\t40 of 50: everything asked for"]
    assert set(archive(tmp_path / "olat-return.zip")) == {"ada/vae-report.html", "b@x.org/vae-report.html"}
    assert told == ["olat.txt, olat-return.zip: 3 people",
                    "left out without user name, address or number: Joe"]


# The comment

def report_with(**statuses):
    items = {name: Item(4 if status == "passed" else 0, 4, status,
                        "cannot grade: no file" if status == "missing" else "") for name, status in statuses.items()}
    return Report("ada", "vae", 1, "none", False, None, items, Style(), Execution(), {}, 1.0)


def mark(title, got, most=4):
    return Mark(title, title, got, most, "", "an answer")


@pytest.mark.parametrize("items, marks, says, open_", [
    ({"a": "passed"}, [], "4 of 4: everything asked for", []),
    ({"a": "passed"}, [mark("Q1", 4)], "8 of 8: everything asked for", []),
    ({"a": "passed"}, [mark("Q1", 0), mark("Q2", 4)], "8 of 12: points lost in Q1", []),
    ({"a": "failed", "b": "passed"}, [mark("Q1", 1.5)], "5.5 of 12: points lost in a, Q1", []),
    ({"a": "passed"}, [mark("Q1", None)], "4 of 8: not marked yet: Q1", ["Q1"]),
    ({"a": "failed"}, [mark("Q1", None)], "0 of 8: points lost in a; not marked yet: Q1", ["Q1"]),
    ({"a": "missing"}, [mark("Q1", 0)], "0 of 8: cannot grade: no file; points lost in Q1", []),
    ({"a": "open"}, [], "open: a could not be judged, look at the report", ["a"])])
def test_the_comment_fits_the_points(items, marks, says, open_):
    made = gradebook.row(Submission("ada", Path("ada"), "Ada"), report_with(**items), marks, "")
    assert made["feedback"] == says and made["open"] == open_


# The command

def grades(*arguments):
    return student.main(["grades", *map(str, arguments)], instructor.COMMANDS)


@pytest.fixture
def graded(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "class")
    return tmp_path / "class"


def test_the_command_again_after_points_were_typed(graded, tmp_path, capsys):
    before = worksheet(english(1, "Ada Lovelace", ""), english(2, "Emmy Noether", ""), english(3, "Alan Turing", ""))
    (tmp_path / "w.csv").write_bytes(before.encode())
    assert grades(graded, "--into", tmp_path / "w.csv") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{graded / 'moodle-upload.csv'}: 1 of 3 lines filled in"
    assert told[-2:] == ["without a line that is surely theirs: Kurt Gödel",
                         "open or not graded, so left out: Ada Lovelace"]
    filled = read_worksheet(graded / "moodle-upload.csv")
    assert [values[4] for values in filled.lines.values()] == ["", "33", ""]

    answers = (graded / "answers.csv").read_text(encoding="utf-8-sig")
    assert answers.count("Ada_Lovelace,Ada Lovelace,,") == 1
    (graded / "answers.csv").write_text(answers.replace("Ada_Lovelace,Ada Lovelace,,", "Ada_Lovelace,Ada Lovelace,2,"))
    assert grades(graded, "--into", graded / "moodle-upload.csv") == 0
    filled = read_worksheet(graded / "moodle-upload.csv")
    assert [values[4] for values in filled.lines.values()] == ["39.5", "33", ""]
    assert filled.lines[1][-1] == "39.5 of 50: points lost in Question 1, Question 2, Question 3, Question 4"
    assert "points lost in Question 1" in (graded / "moodle.csv").read_text()


def test_the_command_for_canvas(graded, tmp_path):
    (tmp_path / "export.csv").write_text("Student,ID,SIS Login ID,Section,VAE (7)\n    Points Possible,,,,50\n"
                                         '"Noether, Emmy",1,e,A,\n"Lovelace, Ada",2,a,A,4\n')
    assert grades(graded, "--into", tmp_path / "export.csv") == 0
    assert (graded / "canvas-upload.csv").read_text().endswith(',,,,50\n"Noether, Emmy",1,e,A,33\n')


@pytest.mark.parametrize("arguments, says", [((), "one of the arguments --into --for is required"),
                                             (("--into", "nowhere.csv"), "cannot read nowhere.csv"),
                                             (("--for", "moodle"), "invalid choice: 'moodle'")])
def test_the_command_refuses(graded, capsys, arguments, says):
    try:
        assert grades(graded, *arguments) == 2
    except SystemExit as end:
        assert end.code == 2
    assert says in capsys.readouterr().err


def test_the_command_where_nobody_is_graded(graded, capsys):
    shutil.rmtree(graded / "students")
    (graded / "answers.csv").unlink()
    assert grades(graded, "--for", "olat") == 2
    assert "nobody is graded yet" in capsys.readouterr().err


def test_the_command_for_ilias_and_olat(graded, capsys):
    assert grades(graded, "--for", "ilias") == grades(graded, "--for", "olat") == 0
    assert "left out without" in capsys.readouterr().out and archive(graded / "ilias-feedback.zip") == {}
