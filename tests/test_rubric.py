"""`./course rubric`: the report that somebody handed in, beside the rubric, and the points typed for it."""
import csv
import io
import re
import zipfile

import pytest
from pypdf import PdfWriter

from coursekit.classes import gradebook, papers, rubric
from coursekit.classes.results import Results
from coursekit.grading import paper
from coursekit.grading.files import Listing
from coursekit.grading.handin import look_into
from coursekit.sandbox import walls
from helpers.given.console import UserError
from test_grade_class import course, grade_class, handed_in, quick, rows, start

wall = pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")


def pdf(pages=4, password=None, owner=None, **about):
    """The bytes of a PDF with empty pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(595, 842)
    writer.add_metadata({f"/{key}": value for key, value in about.items()})
    if password is not None or owner is not None:
        writer.encrypt(password or "", owner, algorithm="RC4-128")
    content = io.BytesIO()
    writer.write(content)
    return content.getvalue()


BOMB = (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"
        b"endobj\ntrailer<</Root 1 0 R/Size 3>>\n%%EOF")  # pages that hold themselves


@pytest.fixture(scope="module")
def room():
    with walls.Room(walls.best(), "test") as made:
        yield made


def find(tmp_path, files, room=None):
    """(Paper, bytes) of a submission with these files."""
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    (tmp_path / "in").mkdir(exist_ok=True)
    with look_into(tmp_path / "in") as listing:
        return paper.find_paper(listing, room, "vae")


@pytest.mark.parametrize("files, name", [
    ({"report.pdf": pdf()}, "report.pdf"),
    ({"reports/vae.pdf": pdf(), "slides.pdf": pdf(9)}, "reports/vae.pdf"),
    ({"Ada's Report FINAL.PDF": pdf(), "coursework.pdf": pdf(2)}, "Ada's Report FINAL.PDF"),
    ({"reports/vae.pdf": pdf(), "reports/gan.pdf": pdf(2), "reports/template.pdf": pdf(3)}, "reports/vae.pdf"),
    ({"report.pdf": pdf(), "reports/gan.pdf": pdf(2)}, "report.pdf"),
    ({"report.pdf": pdf(), "old/my report.pdf": pdf(3)}, "report.pdf"),
    ({"only one.pdf": pdf(), "vae.py": b"# code"}, "only one.pdf"),
    ({"a report.pdf": pdf(title="x"), "copy/a report.pdf": pdf(title="x")}, "a report.pdf")])
def test_the_report_is_found(tmp_path, files, name):
    found, content = find(tmp_path, files)
    assert found.name == name and content == files[name] and not found.problem and not found.nothing


def test_the_report_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as archive:
        archive.writestr("work/reports/vae.pdf", pdf())
    with look_into(tmp_path / "ada.zip") as listing:
        assert paper.find_paper(listing)[0].name == "work/reports/vae.pdf"


@pytest.mark.parametrize("files, says", [
    ({"report.pdf": b"PK\x03\x04 a document"}, "report.pdf is called a PDF and is none: it begins with b'PK"),
    ({"report.pdf": b""}, "report.pdf is empty"),
    ({"report.pdf": b"version https://git-lfs.github.com/spec/v1\n"}, "pointer of Git LFS"),
    ({"report a.pdf": pdf(1), "report b.pdf": pdf(2)}, "2 different PDFs that could be the report: report a.pdf and"),
    ({"report.docx": b"x"}, "there is no PDF, but report.docx: look into it"),
    ({"my report.md": b"x", "README.md": b"x"}, "there is no PDF, but my report.md: look into it"),
    ({"reports/vae.tex": b"x", "reports/template.md": b"x"}, "there is no PDF, but reports/vae.tex"),
    ({"report.7z": b"7z\xbc\xaf\x27\x1c"}, "there is no PDF, and report.7z is a 7z archive")])
def test_what_nobody_can_read_is_looked_at(tmp_path, files, says):
    found, content = find(tmp_path, files)
    assert says in found.problem and content is None and not found.nothing and "\n" not in found.problem


def test_a_report_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(paper, "MAX_BYTES", 1 << 20)
    assert find(tmp_path, {"report.pdf": pdf() + bytes(2 << 20)})[0].problem == "report.pdf is larger than 1 MB"


def test_only_nothing_is_nothing(tmp_path):
    assert find(tmp_path, {"vae.py": b"# code", "reports/template.tex": b"x", "README.md": b"x"})[0].nothing
    with Listing("x") as listing:
        listing.unread.append("a.zip is not a readable zip file")
        assert paper.find_paper(listing)[0].problem == "there is no PDF, and a.zip is not a readable zip file"


@wall
@pytest.mark.parametrize("content, pages, says", [
    (pdf(4), 4, ""), (pdf(80), 80, ""), (b"junk before\n" + pdf(3), 3, ""), (pdf(2, owner="secret"), 2, ""),
    (pdf(2, password="secret"), None, "report.pdf is locked with a password"),
    (pdf(2)[:200], None, "report.pdf is damaged"), (b"%PDF-1.7\nnothing", None, "report.pdf is damaged"),
    (BOMB, None, "report.pdf is damaged")])
def test_pages_are_counted_in_another_process(tmp_path, room, content, pages, says):
    found, _ = find(tmp_path, {"report.pdf": content}, room)
    assert found.pages == pages and found.problem.startswith(says) and bool(found.problem) == bool(says)


def test_a_program_that_never_ends_is_ended(tmp_path, room, monkeypatch):
    monkeypatch.setattr(paper, "TIMEOUT", 0.01)
    assert "takes more than 0.01 seconds" in find(tmp_path, {"report.pdf": pdf()}, room)[0].problem


# The rubric

GOOD = """points = 30
[[part]]
name = "A"
weight = 40
levels = [
    { from = 50, words = "good" },
    { from = 0, words = "bad" },
]
[[part]]
name = "B"
weight = 60
"""


def test_a_rubric(tmp_path):
    (tmp_path / "r.toml").write_text(GOOD)
    assert rubric.read_rubric(tmp_path / "r.toml") == (
        rubric.Part("A", 12, ((6, "good"), (0, "bad"))), rubric.Part("B", 18, ()))
    default = rubric.read_rubric(rubric.DEFAULT)
    assert [(part.name, part.max) for part in default] == [
        ("Introduction", 10), ("Methodology", 50), ("Results", 30), ("Discussion and conclusion", 10)]


@pytest.mark.parametrize("old, new, says", [
    ("weight = 60", "weight = 50", "line 11: the weights add up to 90, expected 100: 40 + 50"),
    ("weight = 60", "weight = true", "line 11: weight is True, expected per cent"),
    ("weight = 60", "wieght = 60", "line 11: 'wieght' is not known here, expected levels, name, weight"),
    ("weight = 60", "", "line 9: weight is None"),
    ("name = \"B\"", "name = \"a \"", "line 10: there are two parts 'a'"),
    ("name = \"B\"", "name = 3", "line 10: name is 3, expected how the part is called"),
    ("from = 50", "from = 0", "line 7: the levels of 'A' are out of order: 0 stands below 0"),
    ("from = 0", "from = 20", "line 7: the last level of 'A' is from 20, expected one from 0"),
    ("from = 50", "from = 500", "line 6: from is 500, expected per cent"),
    ("words = \"bad\"", "words = \"good\"", "line 7: two levels of 'A' say the same"),
    ("words = \"bad\"", "text = \"bad\"", "'text' is not known here, expected from, words"),
    ("points = 30", "points = nan", "line 1: points is nan, expected a number above 0"),
    ("[[part]]", "[part]", "is not TOML: "), ("[[part]]", "[[teil]]", "line 2: 'teil' is not known here"),
    (GOOD, "points = 3", "expected between 1 and 50 parts"), (GOOD, "part = 3", "expected between 1 and 50 parts"),
    ("30", "30 30", "is not TOML: "), ("30", "3" * 5000, "is not TOML: "),
    (GOOD, "#" * (2 << 20), "is larger than 1 MB: that is no rubric")])
def test_a_rubric_that_is_wrong(tmp_path, old, new, says):
    (tmp_path / "r.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(UserError) as error:
        rubric.read_rubric(tmp_path / "r.toml")
    assert says in str(error.value) and "\n" not in str(error.value), error.value


# A class

@pytest.fixture
def graded(tmp_path):
    folder = handed_in(tmp_path / "in", "ada", "bob", "cy")
    (folder / "ada" / "report.pdf").write_bytes(pdf(4))
    (folder / "bob" / "report.docx").write_bytes(b"PK")
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    return results


def sheet(results):
    with open(results.folder / "report.csv", encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def type_in(results, **points):
    """Type points for the parts of ada's report."""
    table = sheet(results)
    for row in table:
        if row["key"] == "ada" and row["question"] in points:
            row["points"], row["comment"] = points[row["question"]], "clear"
    with open(results.folder / "report.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(table)


@wall
def test_reports_of_a_class(graded, tmp_path, capsys):
    assert course("rubric", graded.folder) == 0
    told = capsys.readouterr().out
    assert "4 parts of 3 reports, 8 without points" in told
    table = sheet(graded)
    assert {(row["key"], row["points"], row["comment"]) for row in table} == {
        ("ada", "", ""), ("bob", "", f"{rubric.LOOK}there is no PDF, but report.docx: look into it"),
        ("cy", "0", paper.NO_REPORT)}
    assert table[0]["answer"].startswith("report.pdf, 4 pages, ") and table[1]["model answer"].startswith("from 35: ")
    assert (graded.folder / "reports" / "ada.pdf").read_bytes() == pdf(4)
    page = (graded.folder / "report.html").read_text(encoding="utf-8")
    assert 'href="reports/ada.pdf"' in page and "frame-src" in page and "no report" in page
    type_in(graded, Introduction="8,5", Results="31")
    assert course("rubric", graded.folder) == 0
    assert "31 points, there are 30" in capsys.readouterr().out
    header, ada, bob, cy = rows(graded.folder / "gradebook.csv")
    assert [ada[header.index(f"{name} (report)")] for name in ("Introduction", "Results")] == ["8.5", ""]
    assert (ada[header.index("total")], ada[header.index("max")], cy[header.index("total")]) == ("14.5", "106", "6")
    assert "<h2>Report</h2>" in (graded.folder / "students" / "ada" / "report.html").read_text()
    # Another report is marked anew.
    (tmp_path / "in" / "ada" / "report.pdf").write_bytes(pdf(80))
    assert course("rubric", graded.folder) == 0
    row = sheet(graded)[0]
    assert (row["points"], row["comment"]) == ("", "8.5 points for an earlier answer. clear")
    assert "80 pages: the coursework asks for four" in (graded.folder / "report.html").read_text()


def test_what_was_typed_into_the_grade_book_is_kept_beside_it(tmp_path):
    path = tmp_path / "gradebook.csv"
    path.write_text("name,id,vae.a,status,report,notes\nAda,1,4,graded,students/ada/report.html,seen\nEve,,4,,,\n")
    told, = gradebook.keep_typed(path, ["name", "id", "vae.b", "status", "report"])
    assert "counts nowhere: a row 'Eve', a column 'notes'. It is kept as gradebook-earlier-1.csv" in told
    assert (tmp_path / "gradebook-earlier-1.csv").read_bytes() == path.read_bytes()
    path.write_bytes(b"PK\3\4")
    assert "save it as CSV" in gradebook.keep_typed(path, [])[0] and (tmp_path / "gradebook-earlier-2.csv").is_file()
    path.write_text("name,status\nAda,graded\n")
    assert gradebook.keep_typed(path, ["name", "status"]) == []


@wall
def test_a_rubric_of_ones_own(graded, tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(GOOD)
    assert course("rubric", graded.folder, "--rubric", tmp_path / "mine.toml") == 0
    assert {(row["question"], row["max"]) for row in sheet(graded)} == {("A", "12"), ("B", "18")}
    type_in(graded, A="10")
    (graded.folder / "rubric.toml").write_text(GOOD.replace("60", "70"))
    capsys.readouterr()
    assert course("rubric", graded.folder) == 2
    assert re.search(r"rubric.toml, line 11: the weights add up to 110", capsys.readouterr().err)
    assert "the weights add up" in gradebook.build(graded)  # a run of grade-class goes on, and their marks are open
    assert rows(graded.folder / "canvas.csv")[2:] == []
    (graded.folder / "rubric.toml").write_text(GOOD)
    assert course("rubric", graded.folder) == 0
    assert [row["points"] for row in sheet(graded) if row["key"] == "ada"] == ["10", ""]


@wall
def test_reports_that_are_handed_in_elsewhere(graded, tmp_path, capsys):
    """In a download of their own. Who has none there, while somebody there is nobody here, is not given a 0."""
    for name in ("ada", "Cy", "eve"):
        (tmp_path / "reports" / name).mkdir(parents=True)
        (tmp_path / "reports" / name / "essay.pdf").write_bytes(pdf(title=name))
    assert course("rubric", graded.folder, "--reports", tmp_path / "reports") == 0
    assert "not among the submissions: eve" in capsys.readouterr().out
    answers = {row["key"]: (row["answer"].split(",")[0], row["comment"]) for row in sheet(graded)}
    assert answers == {"ada": ("essay.pdf", ""), "cy": ("essay.pdf", ""),
                       "bob": ("", f"{rubric.LOOK}eve may be theirs: nothing tells")}
    (tmp_path / "reports" / "eve").rename(tmp_path / "eve")
    assert course("rubric", graded.folder) == 0  # it is remembered where they are
    assert {row["comment"] for row in sheet(graded) if row["key"] == "bob"} == {paper.NO_REPORT}


@wall
def test_what_was_read_stays_when_the_files_are_gone(graded, tmp_path):
    assert course("rubric", graded.folder) == 0
    (tmp_path / "in").rename(tmp_path / "away")
    assert course("rubric", graded.folder) == 0
    comments = {row["key"]: row["comment"] for row in sheet(graded)}
    assert comments["ada"] == "" and comments["bob"] == comments["cy"] == rubric.LOOK + papers.GONE
    assert Results.open(graded.folder).of(graded.submissions[0]).is_dir()
