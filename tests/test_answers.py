"""`./course answers`: written answers beside the model answer, and the points typed for them."""
import csv
import dataclasses
import json
import random
import re
import time

import pytest

from coursekit import questions
from coursekit.classes import gradebook, marks, sheets, tables
from coursekit.classes.downloads import Person
from coursekit.classes.sheets import ANSWERS, Kind
from coursekit.classes.spreadsheets import same
from coursekit.classes.tables import plain, safe
from coursekit.grading.report import Item
from coursekit.questions import Question
from coursekit.release.files import course_files
from helpers.given.console import UserError
from helpers.given.course import ROOT, assignments
from test_grade_class import MAXIMA, course, grade_class, handed_in, made_up, quick, rows, start

NOTEBOOK = assignments()["vae"].notebook.as_posix()
QUESTIONS = questions.questions("vae")
FIRST, SECOND = QUESTIONS[:2]


def released():
    return json.loads(course_files(ROOT, {"vae": assignments()["vae"]})[NOTEBOOK])


def answered(texts, cells=None):
    """The released notebook as text, with the answers to these questions filled in."""
    notebook = released()
    for cell in notebook["cells"]:
        if cell["id"] in texts:
            cell["source"] = "".join(cell["source"]).replace("*Your answer here.*", texts[cell["id"]])
    for id, cell in (cells or {}).items():
        place = next(number for number, known in enumerate(notebook["cells"]) if known["id"] == id)
        notebook["cells"].insert(place + 1, cell)
    return json.dumps(notebook)


def test_questions():
    assert [question.title for question in QUESTIONS] == ["Question 1", "Question 2", "Question 3", "Question 4"]
    assert "SOLUTION" not in FIRST.text + FIRST.model and "torch.normal" in FIRST.text and len(FIRST.model) > 200


def test_answers_are_found():
    text = answered({FIRST.id: "Because.\n\n- *first*\n- second"})
    assert questions.extract(text, QUESTIONS) == {question.id: "" for question in QUESTIONS} | {
        FIRST.id: "Because.\n\n- *first*\n- second"}


def test_a_cell_added_below_belongs_to_the_answer():
    cell = {"cell_type": "markdown", "id": "new", "metadata": {}, "source": ["More ", "words."]}
    code = {**cell, "cell_type": "code", "id": "newer", "source": "print(1)"}
    assert questions.extract(answered({}, {FIRST.id: cell}), QUESTIONS)[FIRST.id] == "More words."
    assert questions.extract(answered({}, {FIRST.id: code}), QUESTIONS)[FIRST.id] == "print(1)"


def test_a_notebook_with_other_ids():
    notebook = json.loads(answered({SECOND.id: "Style."}))
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number}"
    assert questions.extract(json.dumps(notebook), QUESTIONS)[SECOND.id] == "Style."


@pytest.fixture
def graded(tmp_path):
    """Two submissions, one with answers, graded without a sandbox."""
    folder = handed_in(tmp_path / "in", "ada", "bob")
    (folder / "ada" / "notebooks").mkdir()
    (folder / "ada" / NOTEBOOK).write_text(answered({FIRST.id: "=1+1 </pre><script>", SECOND.id: "Style.\nSlant."}))
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    gradebook.build(results)
    return results


def type_in(results, **points):
    """Type points for ada's answers as a spreadsheet program would save them: with semicolons."""
    header, *table = rows(results.folder / "answers.csv")
    for row in table:
        if row[0] in points and row[1] == "ada":
            row[header.index("points")], row[header.index("comment")] = points[row[0]], "well said"
    write_sheet(results, header, *table)


def write_sheet(results, *lines):
    with open(results.folder / "answers.csv", "w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(lines)


def test_sheet(graded, capsys):
    assert course("answers", graded.folder, "--points", 5) == 0
    header, *table = rows(graded.folder / "answers.csv")
    assert header == list(sheets.COLUMNS) and len(table) == 8
    first = dict(zip(header, table[0]))
    assert (first["question"], first["student"], first["points"], first["max"]) == ("Question 1", "ada", "", "5")
    assert first["answer"] == "'=1+1 </pre><script>" and first["model answer"] == FIRST.model
    assert [row[3] for row in table] == ["", "0", "", "0", "0", "0", "0", "0"]  # nothing written, nothing to mark
    assert "2 without points" in capsys.readouterr().out
    page = (graded.folder / "answers.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page and "Slant." in page


def test_points_join_the_grade_book(graded):
    assert course("answers", graded.folder) == 0
    type_in(graded, **{"Question 1": "3,5", "Question 2": "2"})
    for _ in range(2):  # what was typed stays
        assert course("answers", graded.folder) == 0
        header, ada, bob = rows(graded.folder / "gradebook.csv")
        assert [ada[header.index(f"Question {n} (written)")] for n in (1, 2, 3)] == ["3.5", "2", "0"]
        assert ada[header.index("total")] == "11.5" and ada[header.index("max")] == str(6 + 4 * 4)
        assert bob[header.index("total")] == "6"
    page = (graded.folder / "students" / "ada" / "report.html").read_text()
    assert "11.5 <small>of 22 points" in page and "well said" in page
    assert rows(graded.folder / "canvas.csv")[1][-1] == "22"
    grade_class(graded, quick)  # nothing has changed
    gradebook.build(graded)
    assert rows(graded.folder / "gradebook.csv")[1] == ada


@pytest.mark.parametrize("typed, says", [("much", "points is 'much', expected a number"),
                                         ("-1", "points is '-1', expected a number"),
                                         ("5", "5 points, there are 4 for this question")])
def test_what_cannot_be_counted(graded, capsys, typed, says):
    """It is told and kept aside, and the mark is open. The comment beside it stays; so does everybody else's mark."""
    course("answers", graded.folder)
    type_in(graded, **{"Question 1": typed, "Question 2": "2"})
    gradebook.build(graded)
    for told in (True, False):  # once it is aside, nothing is left to tell
        capsys.readouterr()
        assert course("answers", graded.folder) == 0
        assert (says in capsys.readouterr().out) == told
        header, ada, bob = rows(graded.folder / "gradebook.csv")
        assert [ada[header.index(f"Question {n} (written)")] for n in (1, 2)] == ["", "2"]
        aside, = csv.DictReader(open(graded.folder / sheets.ANSWERS.aside, encoding="utf-8-sig", newline=""))
        assert plain(aside["points"]) == typed and aside["reason"].startswith(says) and aside["comment"] == "well said"
        assert dict(zip(sheets.COLUMNS, rows(graded.folder / "answers.csv")[1]))["comment"] == "well said"
    type_in(graded, **{"Question 1": "3"})
    assert course("answers", graded.folder) == 0
    assert not (graded.folder / sheets.ANSWERS.aside).exists()


def test_lines_that_fit_nothing_stop_nothing(graded, capsys):
    """An unknown question, an unknown key, another maximum, a second line, an empty one."""
    course("answers", graded.folder)
    type_in(graded, **{"Question 1": "3"})
    header, *table = list(csv.reader(open(graded.folder / "answers.csv", encoding="utf-8-sig"), delimiter=";"))
    other, stranger, twice, maximum = (list(table[0]) for _ in range(4))
    other[0], stranger[1], twice[3], maximum[1], maximum[4] = "Question 9", "eve", "1", "bob", "8"
    write_sheet(graded, header, *table, [], other, stranger, [""] * 8, twice, maximum)
    course("answers", graded.folder)
    told = capsys.readouterr().out
    for says in ("no question 'Question 9'", "no submission 'eve'", "another line has points", "max is 8, and 4"):
        assert says in told
    assert len(rows(graded.folder / sheets.ANSWERS.aside)) == 5
    header, *table = rows(graded.folder / "answers.csv")
    assert len(table) == 8 and table[0][3] == "3"


def test_a_sheet_that_is_none_is_kept(graded, capsys):
    course("answers", graded.folder)
    (graded.folder / "answers.csv").write_text("a;b\n1;2\n")
    assert course("answers", graded.folder) == 0
    assert "no column question, key, points" in capsys.readouterr().out
    assert (graded.folder / "answers-unread-1.csv").read_text() == "a;b\n1;2\n"


def given(results, who, report, question):
    return ("they spoke", None, "") if who.submission.key == "ada" else ("", 0.0, "no report")


def asked(results, who):
    """Each is asked something else under one title."""
    return [Question(f"{who.key} {n}", f"Question {n}", f"What about {who.name}?", "", max=10) for n in (1, 2)]


VIVA = Kind("demonstration", "viva.csv", asked, given, nothing=("no report",), each=True)


def test_another_sheet_beside_the_answers(graded, tmp_path, monkeypatch, capsys):
    """Titles may be those of another sheet, and the members of a group get points of their own."""
    monkeypatch.setattr(marks, "KINDS", (ANSWERS, VIVA))
    people = [Person(name="Ada", login="ada"), Person(name="Bea, 2", login="2")]
    graded.settings["submissions"][0]["members"] = [dataclasses.asdict(person) for person in people]
    assert course("answers", graded.folder) == 0
    typed = [("Question 1", "ada of ada", "7,5"), ("Question 2", "2 of ADA", "10"), ("Question 1", "2 of ada", "11")]
    tables.write_rows(graded.folder / "viva.csv", ["question", "key", "points", "comment"], [
        [*line, "asked twice"] for line in typed])
    told = gradebook.build(graded)
    assert "11 points, there are 10" in told and "marks of sheets without points" in told
    header, *table = rows(graded.folder / "gradebook.csv")
    place = [header.index(f"Question {n} (demonstration)") for n in (1, 2)]
    assert [[row[0], *(row[k] for k in place)] for row in table] == [
        ["Ada", "7.5", ""], ["Bea, 2", "", "10"], ["bob", "0", "0"]]
    assert [row[header.index("total")] for row in table] == ["13.5", "16", "6"]
    assert table[0][-1] == "students/ada/report-1.html"
    page = (graded.folder / "students" / "ada" / "report-1.html").read_text(encoding="utf-8")
    assert "7.5 of 10" in page and "asked twice" in page and "<h2>Demonstration</h2>" in page
    sheet = marks.read_sheet(graded, VIVA)
    marks.write_sheet(graded, sheet, marks.table(graded, sheet))
    header, *table = rows(graded.folder / "viva.csv")
    assert [row[:5] for row in table[:2]] == [["Question 1", "ada of ada", "Ada", "7.5", "10"],
                                              ["Question 2", "ada of ada", "Ada", "", "10"]]
    assert rows(graded.folder / "viva-aside.csv")[1][3] == "11"


def test_a_sheet_whose_questions_nobody_knows(graded, monkeypatch):
    def unknown(results, who):
        raise UserError("rubric.toml is broken")

    monkeypatch.setattr(marks, "KINDS", (dataclasses.replace(VIVA, asked=unknown),))
    (graded.folder / "viva.csv").write_text("question,key,points\nQuestion 1,ada,3\n")
    assert "rubric.toml is broken" in gradebook.build(graded)
    assert rows(graded.folder / "canvas.csv")[2:] == []  # nobody's mark is known
    assert "Question 1,ada,3" in (graded.folder / "viva.csv").read_text()


def test_who_withdraws_keeps_their_marks_aside(graded, tmp_path, capsys):
    course("answers", graded.folder)
    type_in(graded, **{"Question 1": "3"})
    (tmp_path / "in" / "ada").rename(tmp_path / "ada")
    results = start(tmp_path / "out", tmp_path / "in")
    assert results.moved == ["no longer among the submissions: ada. Points that were typed for them are kept aside"]
    gradebook.build(results)
    assert course("answers", results.folder) == 0
    assert {row[1] for row in rows(results.folder / "answers.csv")[1:]} == {"bob"}
    (tmp_path / "ada").rename(tmp_path / "in" / "ada")
    grade_class(start(tmp_path / "out", tmp_path / "in"), quick)
    assert course("answers", results.folder) == 0
    first = rows(results.folder / "answers.csv")[1]
    assert first[1] == "ada" and first[3] == "3" and not (results.folder / sheets.ANSWERS.aside).exists()


def test_keys_as_a_spreadsheet_writes_them(tmp_path, capsys):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "007"))
    grade_class(results, quick)
    assert course("answers", results.folder) == 0
    sheet = results.folder / "answers.csv"
    for written in ("7", "7.0", "7,00E+00", "7.00E+00"):
        text = sheet.read_text(encoding="utf-8-sig")
        sheet.write_text(re.sub(r",007,007,[\d.]*,", f',"{written}",7,1.5,', text))
        assert course("answers", results.folder) == 0
        assert rows(results.folder / "gradebook.csv")[1][-7] == "12"


def test_keys_that_are_alike_as_numbers(tmp_path):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "007", "7"))
    grade_class(results, quick)
    assert course("answers", results.folder) == 0
    sheet = results.folder / "answers.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8-sig").replace(",007,007,0,", ",007,007,3,", 1))
    assert course("answers", results.folder) == 0
    header, *table = rows(results.folder / "gradebook.csv")
    assert {row[0]: row[header.index("total")] for row in table} == {"007": "9", "7": "6"}


def test_an_answer_that_comes_later_or_is_another_one_must_be_marked_anew(graded, tmp_path, capsys):
    assert course("answers", graded.folder) == 0
    type_in(graded, **{"Question 1": "3", "Question 2": "2"})
    now = {"ada": {FIRST.id: "Another.", SECOND.id: "Style.\n\nSlant."}, "bob": {FIRST.id: "Late."}}
    for name, texts in now.items():
        (tmp_path / "in" / name / "notebooks").mkdir(exist_ok=True)
        (tmp_path / "in" / name / NOTEBOOK).write_text(answered(texts))
    grade_class(graded, quick)
    capsys.readouterr()
    assert course("answers", graded.folder) == 0
    assert "2 without points" in capsys.readouterr().out
    header, *table = rows(graded.folder / "answers.csv")
    told = {(row[0], row[1]): (row[3], row[5]) for row in table}
    assert told["Question 1", "ada"] == ("", "3 points for an earlier answer. well said")
    assert told["Question 2", "ada"] == ("2", "well said")  # the same words
    assert told["Question 1", "bob"] == ("", "") and told["Question 2", "bob"] == ("0", sheets.NO_ANSWER)


def test_who_is_not_graded_yet_gets_no_points_for_answers(tmp_path):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "ada", "bob"))
    grade_class(results, lambda tasks: list(quick(tasks))[:1])
    assert course("answers", results.folder) == 0
    assert {(row[1], row[3]) for row in rows(results.folder / "answers.csv")[1:]} == {("ada", "0"), ("bob", "")}


NASTY = "=+-@'\"';,:. \t\n\r\x1b\0aé1\u2028\uff1d\ufeff|"


def test_cells_are_safe_and_are_read_back():
    draw = random.Random(0)
    for _ in range(5000):
        text = "".join(draw.choices(NASTY, k=draw.randrange(9)))
        written = tables.cell(text)
        read = plain(written)
        assert same(read, text)
        assert tables.cell(read) == written and plain(safe(text)) == text
        for piece in re.split("[,;\t\r\n]", written):
            assert piece.lstrip(' "')[:1] not in ("=", "+", "-", "@", "\uff1d"), (text, written)
        # What spreadsheets make of an apostrophe: Google's hides the first, others double it when a cell is typed.
        for changed in (written.removeprefix("'"), "'" + written):
            assert same(plain(changed), text)


@pytest.mark.parametrize("spreadsheet", [lambda text: text, lambda text: text.removeprefix("'"),
                                         lambda text: "'" + text if text.startswith("'") else text],
                         ids=["keeps", "hides", "doubles"])
def test_marks_survive_any_answer(tmp_path, spreadsheet):
    """However often the sheet is written and read, and whatever the answers begin with."""
    draw = random.Random(1)
    texts = ["'-1", "''=x", "-a", ";=1", "a\n=1", '"=1', *(
        "a" + "".join(draw.choices(NASTY, k=12)) for _ in range(6))]
    folder = handed_in(tmp_path / "in", *(f"s{number}" for number in range(len(texts))))
    for number, text in enumerate(texts):
        (folder / f"s{number}" / NOTEBOOK).parent.mkdir()
        (folder / f"s{number}" / NOTEBOOK).write_text(answered({FIRST.id: text}), encoding="utf-8")
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    for run in range(3):
        assert course("answers", results.folder) == 0
        header, *table = rows(results.folder / "answers.csv")
        place = {name: header.index(name) for name in ("points", "comment", "answer")}
        for row in table:
            if run and row[0] == FIRST.title:
                assert (row[place["points"]], row[place["comment"]]) == ("3", "'-1 for style"), row
            elif row[0] == FIRST.title:
                row[place["points"]], row[place["comment"]] = "3", "-1 for style"
            row[place["answer"]] = spreadsheet(row[place["answer"]])
        write_sheet(results, header, *table)
    assert "-1 for style" in (results.folder / "students" / "s0" / "report.md").read_text()


def test_half_of_a_character(tmp_path):
    """Fits into JSON, and into no file."""
    text = answered({FIRST.id: "a HERE b"}).replace("HERE", "\\ud800")
    assert questions.extract(text, QUESTIONS)[FIRST.id] == "a ? b"


def test_many_cells_below_a_question_are_put_together_once():
    notebook = released()
    place = next(number for number, cell in enumerate(notebook["cells"]) if cell["id"] == FIRST.id)
    more = [{"cell_type": "markdown", "id": f"new {number}", "source": f"{number:05} " + "x" * 94}
            for number in range(10_000)]
    notebook["cells"][place + 1:place + 1] = more
    begin = time.process_time()
    found = questions.extract(json.dumps(notebook), QUESTIONS)[FIRST.id]
    assert len(found) < questions.MAX_CHARACTERS + 50 and found.startswith("00000 " + "x" * 94 + "\n\n00001 x")
    assert time.process_time() - begin < 2


def test_a_notebook_that_cannot_be_read_is_told_and_its_marks_are_open(tmp_path):
    folder = handed_in(tmp_path / "in", "ada", "bob", "cy")
    (folder / "ada" / "2_vae.ipynb").write_text("<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n")
    (folder / "bob" / "2_vae.ipynb").write_text(answered({FIRST.id: "Because."}))
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    for _ in range(2):  # what was not typed is no comment of somebody's
        assert course("answers", results.folder) == 0
    header, *table = rows(results.folder / "answers.csv")
    told = {(row[1], row[0]): (row[3], row[5]) for row in table}
    for question in QUESTIONS:
        assert told["ada", question.title][0] == "" and "merge conflict" in told["ada", question.title][1]
        assert told["cy", question.title] == ("0", questions.NO_NOTEBOOK)
    assert told["bob", "Question 1"] == ("", "") and told["bob", "Question 2"] == ("0", sheets.NO_ANSWER)
    header, *table = rows(results.folder / "gradebook.csv")
    statuses = {row[0]: row[header.index("status")] for row in table}
    assert statuses["ada"].startswith("graded; 2_vae.ipynb holds a merge conflict") and statuses["bob"] == "graded"
    assert statuses["cy"] == f"graded; {questions.NO_NOTEBOOK}"
    assert "holds a merge conflict" in (results.folder / "class.html").read_text(encoding="utf-8")
    (folder / "ada" / "2_vae.ipynb").write_text(answered({FIRST.id: "Because."}))
    grade_class(results, quick)
    assert course("answers", results.folder) == 0
    told = {(row[1], row[0]): (row[3], row[5]) for row in rows(results.folder / "answers.csv")[1:]}
    assert told["ada", "Question 1"] == ("", "") and told["ada", "Question 2"] == ("0", sheets.NO_ANSWER)


PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def test_pictures_and_words_where_no_question_is(tmp_path):
    cell = {"cell_type": "markdown", "id": "new", "metadata": {}, "source": "![a](attachment:a.png)",
            "attachments": {"a.png": {"image/png": PNG}}}
    note = {**cell, "id": "note", "source": "A note. ![b](attachment:a.png)"}
    folder = handed_in(tmp_path / "in", "ada")
    notebook = json.loads(answered({}, {FIRST.id: cell}))
    notebook["cells"].insert(1, note)
    (folder / "ada" / "2_vae.ipynb").write_text(json.dumps(notebook))
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    assert course("answers", results.folder) == 0
    page = (results.folder / "answers.html").read_text(encoding="utf-8")
    assert page.count(f"data:image/png;base64,{PNG}") == 2 and "A note." in page
    told = {row[0]: (row[3], row[5]) for row in rows(results.folder / "answers.csv")[1:]}
    assert told["Question 1"] == ("", "") and told["Question 2"] == ("", sheets.LOOK)  # nobody can tell


def test_what_nobody_can_tell_is_open_in_the_grade_book(tmp_path):
    folder = handed_in(tmp_path / "in", "ada", "bob")
    (folder / "ada" / "vae (1).py").write_text("# another\n")
    results = start(tmp_path / "out", folder)

    def grade(tasks):
        for key, (*_, found) in tasks:
            report = made_up(found.who)
            if found.open:
                items = {name: Item(0, most, "open", f"cannot grade: {found.problem}") for name, most in MAXIMA.items()}
                report = dataclasses.replace(report, items=items)
            yield key, report, 1

    grade_class(results, grade)
    assert "1 of 2 graded" in (told := gradebook.build(results)) and "1 open" in told
    header, ada, bob = rows(results.folder / "gradebook.csv")
    assert ada[header.index("total")] == "" and bob[header.index("total")] == "6"
    assert ada[header.index("status")].startswith("open: ada holds 2 different vae.py: vae.py and vae (1).py. Keep")
    assert "ada holds 2 different vae.py" in (results.folder / "class.html").read_text(encoding="utf-8")


def test_no_results(tmp_path, capsys):
    assert course("answers", tmp_path) == 2
    assert "grade-class" in capsys.readouterr().err
