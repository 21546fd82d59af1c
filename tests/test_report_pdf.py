"""`./course report`: from Markdown or LaTeX and what was measured to a PDF, or to a line that says what is missing."""
import json
import shutil
import subprocess

import pytest
from pypdf import PdfReader

from helpers.given import __main__ as student
from helpers.given import report
from helpers.given.console import UserError
from helpers.given.course import ROOT
from helpers.given.report import formulas, numbers, page, programs

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077"
                    "53de0000000c49444154789c636060600000000400012734270a0000000049454e44ae426082")
SETTINGS = {"vae": {"numbers": 1288799, "data": "mnist_2 & more", "stand_in": True, "epochs_done": 20,
                    "last": {"loss": 106.28391}, "arguments": {}},
            "cvae": {"numbers": 1296799, "epochs_done": 20, "last": {"loss": 101.5}}}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder `reports` beside `trained`, with some made-up trained work."""
    for name in ("reports", "trained/vae"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "trained/vae/settings.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "trained/vae/curve.csv").write_text("weights,epoch,loss,seconds\nvae,1,160.5,8\nvae,2,120,8\n"
                                                    "cvae,1,150,8\n")
    (tmp_path / "trained/vae/vae_generation.jpg").write_bytes(PNG)
    monkeypatch.setattr(numbers, "ROOT", tmp_path)
    return tmp_path / "reports"


@pytest.mark.parametrize("text, filled", [
    ("{{ vae.vae.last.loss }} {{ vae.vae.last.loss:.1f }} {{ vae.vae.numbers:, }}", "106.3 106.3 1,288,799"),
    ("{{ vae.vae.stand_in }}", "yes"),
    ("{{{ vae.vae.curve }}}", "{curves/vae-vae.png}"),
    ("{{x}} {{ }} $\\frac{{1}}{{2}}$", "{{x}} {{ }} $\\frac{{1}}{{2}}$")])
def test_numbers_are_put_in(place, text, filled):
    assert numbers.fill(text, place / "vae.md", latex=False) == (filled, [])
    assert numbers.fill(text, place / "vae.tex", latex=True) == (filled, [])
    assert "curve" not in text or (place / "curves/vae-vae.png").read_bytes().startswith(b"\x89PNG")


def test_words_are_escaped_for_the_text_that_they_go_into(place):
    assert numbers.fill("{{ vae.vae.data }}", place / "a.tex", True)[0] == r"mnist\_2 \& more"
    assert numbers.fill("{{ vae.vae.data }}", place / "a.md", False)[0] == r"mnist\_2 & more"
    text, filled = "% {{ no }}\n100\\% {{ vae.vae.numbers }}", "% {{ no }}\n100\\% 1288799"
    assert numbers.fill(text, place / "a.tex", True)[0] == filled


@pytest.mark.parametrize("text, says", [
    ("\n\n{{ vae.loss }}", "vae.md, line 3: there is no number 'vae.loss'"),
    ("{{ vae.vae.last.los }}", "Did you mean 'vae.vae.last.loss'? There is: vae.vae.numbers, "),
    ("{{ vae.vae.last.loss:%% }}", "'%%' is no form of a number"),
    ("{{ vae.vae.arguments }}", "no number 'vae.vae.arguments'")])
def test_what_is_not_there_is_told_with_its_line(place, text, says):
    with pytest.raises(UserError) as error:
        numbers.fill(text, place / "vae.md", latex=False)
    assert says in str(error.value) and "\n" not in str(error.value)
    filled, missing = numbers.fill(text, place / "vae.md", latex=False, draft=True)
    assert filled.strip() == "?" and says in missing[0]


@pytest.mark.parametrize("text, shown", [
    ("![A curve.](?){width=70%}", "[A curve.: picture not there yet]"),
    (r"\includegraphics[width=3cm]{?}", "[picture not there yet]"),
    ("![one](one.png) [a](b)", "![one](one.png) [a](b)"),
    (r"\includegraphics{one}", r"\includegraphics{one}")])
def test_a_draft_has_words_where_a_picture_is_missing(tmp_path, text, shown):
    (tmp_path / "one.png").write_bytes(b"")
    assert page.without_missing(text, tmp_path) == shown


def test_before_anything_is_trained(place):
    shutil.rmtree(place.parent / "trained")
    with pytest.raises(UserError, match="the folder trained is empty"):
        numbers.fill("{{ vae.vae.last.loss }}", place / "vae.md", latex=False)


@pytest.mark.parametrize("text, says", [
    ("a\n\n![one](none.png)", "vae.md, line 3: there is no picture none.png"),
    ("![one](https://a.b/c.png)", "lies on the network"),
    ("![one](../trained/vae/settings.json)", "none that a browser shows"),
    ("a\n$x \\foo$", "vae.md, line 2: the formula 'x \\\\foo' cannot be set without LaTeX: \\foo is not known here"),
    ("$$\n\\begin{aligned}\n$$", "\\begin is not known here")])
def test_what_cannot_be_shown_is_told_with_its_line(place, text, says):
    with pytest.raises(UserError) as error:
        page.make_page(text, place / "vae.md")
    assert says in str(error.value) and "\n" not in str(error.value)


def test_a_page_holds_no_code_and_fetches_nothing(place):
    text = ("---\ntitle: <script>a</script>\n---\n<script>b</script> <img src=x onerror=c> [d](javascript:e)\n\n"
            "<!-- gone -->![<b>](../trained/vae/../../reports/a.png)\n\n$z=\\mu$, and $$ x^2 $$\n")
    (place / "a.png").write_bytes(PNG)
    made = page.make_page(page.without_comments(text), place / "vae.md")
    assert "<script" not in made and "<img src=x" not in made and "href" not in made and "gone" not in made
    assert made.count("data:image/png;base64,") == 1 and made.count('<svg class="formula"') == 2
    assert "default-src 'none'" in made and "<span><svg" in made  # the comma stays with its formula


def test_comments_keep_the_numbers_of_lines():
    assert page.without_comments("a <!-- b\nc --> d\n<!--e") == "a \n d\n"


@pytest.mark.parametrize("formula", [r"q_\phi(z \mid x) = \mathcal{N}(\mu, \sigma^2 I)",
                                     r"\frac{1}{N} \sum_i \lVert x_i \rVert^2", r"\text{loss}",
                                     r"\operatorname{KL}\left(q \,\|\, p\right)", r"\boldsymbol{\mu}"])
def test_formulas(formula):
    assert formulas.svg(formula).startswith('<svg class="formula"') and "nan" not in formulas.svg(formula)


@pytest.mark.parametrize("name, content, says", [
    ("vae.docx", b"x", "neither Markdown nor LaTeX"), ("vae.md", None, "No such file"),
    ("vae.md", b"\xff\xfe", "not in UTF-8")])
def test_bad_sources(place, capsys, name, content, says):
    if content:
        (place / name).write_bytes(content)
    assert student.main(["report", str(place / name)]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


@pytest.mark.parametrize("name, says", [("vae.md", "install Chromium"), ("vae.tex", "there is no LaTeX")])
def test_without_any_program(place, monkeypatch, capsys, name, says):
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    monkeypatch.setattr(programs, "find_browser", lambda: None)
    (place / name).write_text("a")
    assert student.main(["report", str(place / name)]) == 2
    assert says in capsys.readouterr().err and [path.name for path in place.iterdir()] == [name]  # nothing is left


def templates(place):
    for name in ("template.md", "template.tex"):
        shutil.copy(ROOT / "reports" / name, place / name)


def pdf_of(place, name, capsys, pages=2):
    report.make(place / name)
    told = capsys.readouterr().out
    assert f"{pages} pages" in told, told
    reader = PdfReader((place / name).with_suffix(".pdf"))
    return " ".join(" ".join(each.extract_text() for each in reader.pages).split()), told


@pytest.mark.skipif(programs.find_browser() is None, reason="no browser that prints: Chromium, Chrome or Edge")
def test_a_browser_prints_the_template(place, monkeypatch, capsys):
    monkeypatch.setattr(programs, "ENGINES", ())
    templates(place)
    text, told = pdf_of(place, "template.md", capsys)
    assert "106.3" in text and "1,288,799" in text and "Figure 2:" in text and "of 100 points" not in text
    (place / "template.md").write_text("# A\n\n" + "Long words.\n\n" * 400)
    _, told = pdf_of(place, "template.md", capsys, pages=told_pages(place, capsys))
    assert "WARNING: " in told and "a report has 4" in told


def told_pages(place, capsys):
    report.make(place / "template.md")
    capsys.readouterr()
    return len(PdfReader(place / "template.pdf").pages)


@pytest.mark.skipif(not any(map(shutil.which, programs.ENGINES)), reason="no LaTeX")
def test_latex_sets_the_template_and_names_the_line_of_a_mistake(place, capsys):
    templates(place)
    shutil.copy(place / "../trained/vae/vae_generation.jpg", place / "a.png")  # what the fixture has is a PNG
    text = (place / "template.tex").read_text().replace("../trained/vae/vae_generation.jpg", "a.png")
    (place / "template.tex").write_text(text)
    assert "106.3" in pdf_of(place, "template.tex", capsys)[0]
    (place / "template.tex").write_text(text.replace("\\maketitle", "\\maketitle\n\\foo"))
    with pytest.raises(UserError, match=r"template.tex, line \d+: Undefined control sequence"):
        report.make(place / "template.tex")
    with pytest.raises(UserError, match="there is no number"):
        (place / "template.tex").write_text(text.replace("vae.vae.last", "vae.vae.first"))
        report.make(place / "template.tex")


@pytest.mark.skipif(not any(map(shutil.which, programs.ENGINES)), reason="no LaTeX")
def test_a_report_without_a_word_is_told(place):
    (place / "empty.tex").write_text("\\documentclass{article}\\begin{document}\\end{document}")
    (place / "empty.md").write_text("")
    (place / "empty.pdf").write_bytes(b"of yesterday")
    for name in ("empty.tex", "empty.md"):
        with pytest.raises(UserError, match="empty.* has nothing to print"):
            report.make(place / name)
    assert (place / "empty.pdf").read_bytes() == b"of yesterday"


def test_a_browser_that_prints_nothing_is_told(tmp_path, monkeypatch):
    done = subprocess.CompletedProcess([], 1, "", "no display")
    monkeypatch.setattr(programs.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(UserError, match="chrome printed no PDF: no display"):
        programs.with_browser("<p>", tmp_path, "/usr/bin/chrome")
