"""`./course answers`: written answers beside the model answer, and the points typed for them."""
import csv
import json
from pathlib import Path

import pytest

from coursekit import answers, batch, gradebook
from coursekit.release import course_files, discover
from test_grade_class import course, handed_in, quick, rows, start

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = discover(ROOT)["vae"].as_posix()
QUESTIONS = answers.questions("vae")
FIRST, SECOND = QUESTIONS[:2]


def released():
    return json.loads(course_files(ROOT, {"vae": Path(NOTEBOOK)})[NOTEBOOK])


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
    assert answers.extract(text, QUESTIONS) == {question.id: "" for question in QUESTIONS} | {
        FIRST.id: "Because.\n\n- *first*\n- second"}


def test_a_cell_added_below_belongs_to_the_answer():
    cell = {"cell_type": "markdown", "id": "new", "metadata": {}, "source": ["More ", "words."]}
    code = {**cell, "cell_type": "code", "id": "newer", "source": "print(1)"}
    assert answers.extract(answered({}, {FIRST.id: cell}), QUESTIONS)[FIRST.id] == "More words."
    assert answers.extract(answered({}, {FIRST.id: code}), QUESTIONS)[FIRST.id] == ""


def test_a_notebook_with_other_ids():
    notebook = json.loads(answered({SECOND.id: "Style."}))
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"cell-{number}"
    assert answers.extract(json.dumps(notebook), QUESTIONS)[SECOND.id] == "Style."


@pytest.mark.parametrize("text", [None, "", "no notebook", "[]", "{}", '{"cells": 3}', '{"cells": [3]}',
                                  '{"cells": [{"cell_type": "markdown", "source": {"a": 1}}]}', "[" * 10 ** 5])
def test_no_notebook_and_broken_ones(text):
    assert set(answers.extract(text, QUESTIONS).values()) == {""}


@pytest.fixture
def graded(tmp_path):
    """Two submissions, one with answers, graded without a sandbox."""
    folder = handed_in(tmp_path / "in", "ada", "bob")
    (folder / "ada" / "notebooks").mkdir()
    (folder / "ada" / NOTEBOOK).write_text(answered({FIRST.id: "=1+1 </pre><script>", SECOND.id: "Style.\nSlant."}))
    results = start(tmp_path / "out", folder)
    batch.grade_class(results, quick)
    gradebook.build(results)
    return results


def type_in(results, **points):
    """Type points for ada's answers as a spreadsheet program would save them: with semicolons."""
    header, *table = rows(results.folder / "answers.csv")
    for row in table:
        if row[0] in points and row[1] == "ada":
            row[header.index("points")], row[header.index("comment")] = points[row[0]], "well said"
    with open(results.folder / "answers.csv", "w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([header, *table])


def test_sheet(graded, capsys):
    assert course("answers", graded.folder, "--points", 5) == 0
    header, *table = rows(graded.folder / "answers.csv")
    assert header == list(answers.COLUMNS) and len(table) == 8
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
    batch.grade_class(graded, quick)  # nothing has changed
    gradebook.build(graded)
    assert rows(graded.folder / "gradebook.csv")[1] == ada


@pytest.mark.parametrize("typed, says", [("much", "points is 'much', expected a number"), ("-1", "expected a number"),
                                         ("5", "5 points, there are 4 for this question")])
def test_what_cannot_be_counted(graded, capsys, typed, says):
    course("answers", graded.folder)
    type_in(graded, **{"Question 1": typed})
    before = (graded.folder / "answers.csv").read_bytes()
    assert course("answers", graded.folder) == 2
    told = capsys.readouterr().err
    assert says in told and "line 2" in told and told.count("\n") == 1
    assert (graded.folder / "answers.csv").read_bytes() == before


def test_keys_as_a_spreadsheet_writes_them(tmp_path, capsys):
    folder = handed_in(tmp_path / "in", "007")
    results = start(tmp_path / "out", folder)
    batch.grade_class(results, quick)
    assert course("answers", results.folder) == 0
    sheet = results.folder / "answers.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8-sig").replace(",007,007,0,", ",7,7,1.5,"))
    assert course("answers", results.folder) == 0
    assert rows(results.folder / "gradebook.csv")[1][-7] == "12"
    sheet.write_text(sheet.read_text(encoding="utf-8-sig").replace(",007,", ",7.00E+00,"))
    assert course("answers", results.folder) == 2
    assert "line 2: there is no submission '7.00E+00'" in capsys.readouterr().err


def test_keys_that_are_alike_as_numbers(tmp_path):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "007", "7"))
    batch.grade_class(results, quick)
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
    batch.grade_class(graded, quick)
    capsys.readouterr()
    assert course("answers", graded.folder) == 0
    assert "2 without points" in capsys.readouterr().out
    header, *table = rows(graded.folder / "answers.csv")
    told = {(row[0], row[1]): (row[3], row[5]) for row in table}
    assert told["Question 1", "ada"] == ("", "3 points for an earlier answer. well said")
    assert told["Question 2", "ada"] == ("2", "well said")  # the same words
    assert told["Question 1", "bob"] == ("", "") and told["Question 2", "bob"] == ("0", answers.NO_ANSWER)


def test_who_is_not_graded_yet_gets_no_points_for_answers(tmp_path):
    results = start(tmp_path / "out", handed_in(tmp_path / "in", "ada", "bob"))
    batch.grade_class(results, lambda tasks: list(quick(tasks))[:1])
    assert course("answers", results.folder) == 0
    assert {(row[1], row[3]) for row in rows(results.folder / "answers.csv")[1:]} == {("ada", "0"), ("bob", "")}


def test_no_results(tmp_path, capsys):
    assert course("answers", tmp_path) == 2
    assert "grade-class" in capsys.readouterr().err
