"""The site: what stands on it and what must not, that its links lead somewhere, how heavy it is, and what stops it."""
import base64
import collections
import functools
import http.server
import json
import re
import struct
import subprocess
import sys
import threading
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import browser
from coursekit import gaps, site
from coursekit.release.files import ReleaseError
from coursekit.site import api
from coursekit.site.documents import linked
from coursekit.site.extension import mathml
from coursekit.site.notebook import SiteError, lowered, without_alts
from helpers.given.console import UserError
from helpers.given.course import ROOT, assignments

HEAVIEST = 3_000_000  # bytes of a page with all that it loads


# --- this course --------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def students(tmp_path_factory):
    out = tmp_path_factory.mktemp("students") / "site"
    site.build(ROOT, out)
    return out


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    out = tmp_path_factory.mktemp("teachers") / "site"
    site.build(ROOT, out, solutions=True, repository="https://github.com/lab/course")
    return out


class Page(HTMLParser):
    """What a page refers to: loads, links; its ids; its pictures; and its text, with its lines."""

    VOID = {"meta", "link", "img", "input", "br", "hr", "path", "circle", "line", "col", "mspace", "polyline", "source"}

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.ids, self.alone, self.open = [], [], [], [], []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        if tag in ("a", "area"):
            self.links += [found["href"]] if "href" in found else []
        elif "src" in found:
            self.loads.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(found["href"])
        elif tag == "link" and found.get("rel") in ("next", "prev", "index", "search"):
            self.links.append(found["href"])
        if tag == "img" and len(found.get("alt") or "") < 20 or tag == "video" and not found.get("aria-label"):
            self.alone.append(found["src"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}, line {self.getpos()[0]}"
            self.open.pop()

    def handle_data(self, data):
        self.text += data


@functools.cache
def pages(folder):
    return {path.relative_to(folder).as_posix(): Page(path) for path in sorted(folder.rglob("*.html"))}


def place(name, url):
    """The file and the anchor that a page called `name` means by a relative address. (?v=... tells versions apart.)"""
    path, anchor = urldefrag(urljoin(name, url))
    return unquote(path.partition("?")[0]), unquote(anchor)


def letters(text):
    return re.sub(r"[\W_]+", "", text)


def gaps_of(assignment):
    """The lines of code in an assignment's gaps, and what its model answers say, in pieces without formulas."""
    code, answers = set(), set()
    helper = [("code", (ROOT / assignment.helper).read_text(encoding="utf-8"))]
    cells = [(cell.cell_type, cell.source) for cell in nbformat.read(ROOT / assignment.notebook, as_version=4).cells]
    for kind, source in helper + cells:
        lines = source.split("\n")
        markers = gaps.MARKDOWN_MARKERS if kind == "markdown" else gaps.PYTHON_MARKERS
        inside = [line.strip() for start, end in gaps.marked(lines, markers, "") for line in lines[start:end - 1]]
        if kind == "markdown":
            answers |= {letters(piece) for line in inside for piece in re.split(r"\$[^$]+\$|`[^`]+`|\]\(|\|", line)}
        else:
            code |= set(inside)
    return {line for line in code if len(line) > 25}, {piece for piece in answers if len(piece) > 25}


def everything(folder):
    """Whatever can be read on a site: (lines, all letters), the search index and downloads included."""
    texts = [page.text for page in pages(folder).values()]
    for path in folder.rglob("*"):
        if path.suffix == ".ipynb":
            texts += [cell.source for cell in nbformat.read(path, as_version=4).cells]
        elif path.is_file() and path.suffix in (".py", ".js", ".txt", ".md", ".json"):
            texts.append(path.read_text(encoding="utf-8"))
    return {line.strip() for text in texts for line in text.split("\n")}, letters("".join(texts))


def test_students_find_no_answer(students):
    lines, text = everything(students)
    for assignment in assignments().values():
        code, answers = gaps_of(assignment)
        assert code and answers, "where are the solutions?"
        assert sorted(code & lines) == []
        assert [answer for answer in answers if answer in text] == []


def test_teachers_find_all_answers(teachers):
    lines, text = everything(teachers)
    for assignment in assignments().values():
        code, answers = gaps_of(assignment)
        assert sorted(code - lines) == []
        assert [answer for answer in answers if answer not in text] == []


def test_an_output_that_gives_an_answer_away_is_for_teachers(students, teachers):
    """The table of layers that students work out by hand."""
    table = letters("encoder 1: (64, 14, 14)     640 parameters")
    assert table not in everything(students)[1] and table in everything(teachers)[1]


def test_what_lies_beside_a_page_can_be_downloaded_as_it_is_released(students, teachers):
    for assignment in assignments().values():
        source = (ROOT / assignment.helper).read_text(encoding="utf-8")
        for folder, due in (students, gaps.strip(source, assignment.helper.as_posix())), (teachers, source):
            assert (folder / "downloads" / assignment.helper.name).read_text(encoding="utf-8") == due
            nbformat.validate(nbformat.read(folder / "downloads" / assignment.notebook.name, as_version=4))
            hrefs = pages(folder)[f"{assignment.notebook.stem}.html"].links
            assert {f"downloads/{assignment.helper.name}", f"downloads/{assignment.notebook.name}"} <= set(hrefs)
            set_up = (folder / "downloads" / assignment.notebook.name).read_text(encoding="utf-8")
            assert (json.dumps('REPOSITORY = "https://github.com/lab/course"')[1:-1] in set_up) == (folder == teachers)
            colab = [href for href in hrefs if "colab" in href]
            assert colab == [f"https://colab.research.google.com/github/lab/course/blob/main/{assignment.notebook}"] * (
                folder == teachers)


@pytest.mark.parametrize("edition", ["students", "teachers"])
def test_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(request, edition):
    folder = request.getfixturevalue(edition)
    broken, foreign = [], []
    for name, page in pages(folder).items():
        for url in page.links + page.loads:
            if re.match(r"[a-z]+:|//", url):
                foreign += [(name, url)] * (url in page.loads)
                continue
            path, anchor = place(name, url)
            if not (folder / path).is_file() or anchor and anchor not in pages(folder)[path].ids:
                broken.append((name, url))
    assert broken == [] and foreign == []
    for path in folder.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path


def test_pages_are_well_formed_and_no_page_has_an_id_twice(students):
    for name, page in pages(students).items():  # Page has seen to it that each tag is closed
        twice = [id for id, count in collections.Counter(page.ids).items() if count > 1]
        assert (name, page.open, twice) == (name, [], [])


def test_pages_are_light(students):
    for name, page in pages(students).items():
        loaded = {place(name, url)[0] for url in page.loads} | {name}
        weight = sum((students / path).stat().st_size for path in loaded)
        assert weight < HEAVIEST, f"{name} weighs {weight / 1e6:.1f} MB"


def test_every_picture_and_video_of_a_notebook_is_there_with_words_for_it(students):
    for assignment in assignments().values():
        page = pages(students)[f"{assignment.notebook.stem}.html"]
        shown = [output.data for cell in nbformat.read(ROOT / assignment.notebook, as_version=4).cells
                 if cell.cell_type == "code" for output in cell.outputs if "data" in output]
        videos = [url for url in page.loads if url.endswith(".mp4")]
        pictures = [url for url in page.loads if url.endswith(".png")]
        assert len(pictures) == sum("image/png" in data for data in shown) > 0
        assert len(videos) == sum("<video" in data.get("text/html", "") for data in shown)
        assert all((students / url).read_bytes()[4:8] == b"ftyp" for url in videos)
        assert page.alone == []
        assert page.text.count("It needs a running kernel") == sum("widget" in str(list(data)) for data in shown)


def test_every_task_stands_in_the_table_with_minutes_and_difficulty(students):
    for assignment in assignments().values():
        text = "\n".join(cell.source for cell in nbformat.read(ROOT / assignment.notebook, as_version=4).cells)
        page = pages(students)[f"{assignment.notebook.stem}.html"]
        due = [word.lower().replace(" ", "-") for word in
               re.findall(r"^(?:### (?=Ex)|\*\*(?=Qu))((?:Exercise|Question) \d+)", text, re.MULTILINE)]
        assert due and [id for id in page.ids if re.match(r"(exercise|question)-\d+$", id)] == due
        assert [link[1:] for link in page.links if re.match(r"#(exercise|question)-\d+$", link)] == due
        assert len(re.findall(r"\n\d+\n[●○]{3} (?:easy|medium|hard)\n", page.text)) == len(due)


def test_results_show_the_four_families_on_one_figure(students):
    page = pages(students)["results.html"]
    assert "5.1 Four families" in page.text and page.alone == []
    assert len([url for url in page.loads if url.startswith("pictures/7_flow/")]) == 1
    assert "right variants pass" in page.text and "Fréchet distance" in page.text


def test_modules_are_described_without_their_source(students):
    for name in assignments():
        page = pages(students)[f"api/{name}.html"]
        assert not re.search(r"NotImplementedError|import torch", page.text)
    text = pages(students)["api/vae.html"].text
    assert "reparametrize(mu, logvar)" in re.sub(r"\s+", " ", text)
    assert "(N, Z), natural logarithm of the variance sigma^2." in text


# --- formulas, links, docstrings ----------------------------------------------------------------------------------

@pytest.mark.parametrize("tex, inside", [
    (r"\epsilon \sim N", "<mo>&#x0223C;</mo>"),
    (r"\begin{aligned} a &= b \\[4pt] &= c \end{aligned}", '<mtd columnalign="right"><mi>a</mi></mtd>'),
    (r"\big\lVert x\big\rVert_2", 'stretchy="false" lspace="0" rspace="0">&#x02016;</mo><mn>2</mn></msub>'),
    (r"a\log x", '<mi>a</mi><mo lspace="0.167em" rspace="0.167em">log</mo><mi>x</mi>'),
    (r"-\log(x)", '<mo lspace="0" rspace="0">log</mo>'),
    (r"\partial \log x", '<mo>&#x02202;</mo><mo lspace="0.167em"'),
    (r"s = -10", '<mo form="prefix">&#x02212;</mo>'),
    (r"(a) - b", "&#x00029;</mo><mo>&#x02212;</mo>"),
    (r"\mathbb{E}[x] - x", "]</mo><mo>&#x02212;</mo>"),
    (r"\exp\!\left(x\right)", 'width="-0.167em"'),
])
def test_formulas_are_set_as_tex_would(tex, inside):
    assert inside in mathml(tex, "block")


def test_all_formulas_of_the_notebooks_are_known(students):
    """Whatever latex2mathml does not know it leaves as it is. (Warnings of Sphinx say so, too, and stop the build.)"""
    formulas = [formula for path in students.glob("*.html")
                for formula in re.findall("<math.*?</math>", path.read_text(encoding="utf-8"), re.DOTALL)]
    assert len(formulas) > 500
    assert not [formula for formula in formulas if "\\" in formula or "$" in formula]


@pytest.mark.parametrize("text, due", [
    ("[manual](docs/a.md#x)", "[manual](docs/a.md#x)"), ("[rule](LICENSE)", "[rule](URL/blob/HEAD/LICENSE)"),
    ("[code](coursekit/gaps.py)", "code"), ("[web](https://example.org)", "[web](https://example.org)"),
    ("```\n[code](x.py)\n```", "```\n[code](x.py)\n```"), ("![words](docs/x.png)", "![words](docs/x.png)"),
])
def test_links_of_documents(text, due):
    assert linked(text, "README.md", "index.md", {"docs/a.md"}, "URL") == due


def test_links_of_documents_in_another_place_and_without_a_repository():
    assert linked("[a](a.md) [b](../LICENSE)", "docs/b.md", "results.md", {"docs/a.md"}, None) == "[a](docs/a.md) b"


@pytest.mark.parametrize("source, due", [
    ('show(figure, alt="One.")', "show(figure)"),
    ('show(figure,\n     alt=("Zwei Füße, "\n          f"{n}."))\nprint(1)', "show(figure)\nprint(1)"),
    ('show(grid((x), alt="a"), alt="b", wide=True)', "show(grid((x)), wide=True)"),
    ('show(alt="alone")', 'show(alt="alone")'), ('%load_ext x\nshow(f, alt="a")', '%load_ext x\nshow(f, alt="a")')])
def test_code_is_shown_without_alt_texts(source, due):
    assert without_alts(source) == due


def test_a_page_has_one_title():
    assert lowered("# A\n## a\n# B\n## b\n```\n# c\n```\n### d\n") == \
        "# A\n## a\n## B\n### b\n```\n# c\n```\n#### d\n"


def test_docstrings_are_plain_text():
    text = api.page("helpers.sums", '''"""Sums of `a_b` and a_b."""


def add(a, *rest, b=2):
    """Add <two> numbers * or more_

    Args:
        a: the first,
            a number.
        *rest: [others].
    Returns:
        The sum.
    """
    return a


def _hidden():
    """Not shown."""
''', whole=False)
    assert r"Sums of `a_b` and a\_b." in text and ":::{py:function} add(a, *rest, b=2)" in text
    assert r"Add \<two\> numbers \* or more\_" in text
    assert "- `a`: the first,\n  a number.\n- `*rest`: \\[others\\]." in text
    assert "**Returns:**\n\n  The sum." in text and "hidden" not in text and "return a" not in text


# --- a small course, and what stops it ----------------------------------------------------------------------------

FILM = base64.b64encode(struct.pack(">I", 92) + b"tkhd" + bytes(76) + struct.pack(">II", 320 << 16, 240 << 16)).decode()
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")


@pytest.fixture
def course(tmp_path):
    """A course of one assignment, with an output of each kind."""
    root = tmp_path / "course tree"
    picture = new_output("display_data", data={"image/png": PIXEL, "text/plain": "a picture"},
                         metadata={"image/png": {"alt": "One pixel, \"white\": no more than that."}})
    panel = new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}})
    video = new_output("display_data", data={"text/html": '<video controls loop muted aria-label="A short film" '
                                             f'src="data:video/mp4;base64,{FILM}">A short film</video>'})
    source = new_output("execute_result", data={"text/html": "<style></style>", "text/plain": "def f(): pass"})
    printed = new_output("stream", text="three ``` ticks\n")
    answer = ("**Question 1** · 5 minutes · ●○○ Why $x$?\n\n<!-- BEGIN SOLUTION -->\nBecause of the model answer.\n"
              "<!-- END SOLUTION -->")
    cells = [new_markdown_cell("# Assignment 1: Sums\n\nWhy add?"),
             new_markdown_cell("# Part 1\n\n### Exercise 1: `add` · 10 minutes · ●●○\n\n$$\\log x$$"),
             new_code_cell("for i in range(3):\n    # BEGIN SOLUTION\n    print(i ** 2 + 161803)\n    # END SOLUTION",
                           outputs=[printed, panel, picture, video, source], execution_count=1,
                           metadata={"tags": ["result"]}),
             new_markdown_cell("*Read the figure.* White."), new_markdown_cell(answer)]
    files = {"README.md": "# A course: small\n\n| assignment |\n| --- |\n| 1 sums |\n\n## The student's way\n",
             "CHANGELOG.md": "# Changes\n", "CONTRIBUTING.md": "# Contributing\n", "docs/design.md": "# Design\n",
             "docs/instructor.md": "# Manual\n", "docs/maintainer.md": "# Guide\n",
             "docs/figures.md": "# Figures\n\n## Notebooks\n\nFew.\n\n## Audit\n\nGood.\n",
             "helpers/sums.py": '"""Sums."""\n\n\ndef add(a, b):\n    """Add."""\n    # BEGIN SOLUTION\n'
                                "    return a + b\n    # END SOLUTION\n",
             "notebooks/1_sums.ipynb": nbformat.writes(new_notebook(cells=cells))}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def files_in(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_course_makes_the_same_site(course, tmp_path, monkeypatch):
    site.build(course, tmp_path / "one")
    (tmp_path / "two").mkdir()  # an empty folder is as good as none
    monkeypatch.chdir(tmp_path)
    site.build(course, "two")
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert {path.name for path in tmp_path.iterdir()} == {"course tree", "one", "two"}, "something was left"
    text = Page(tmp_path / "one/1_sums.html").text
    assert "three ``` ticks" in text and "Because" not in text and "161803" not in text


def change(course, old, new, file="notebooks/1_sums.ipynb"):
    path = course / file
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("old, new, message", [
    ('"execution_count": 1,\n   "id"', '"execution_count": null,\n   "id"',
     r"1_sums.ipynb shows no results, cell 3 was never executed: .*course run sums --profile cpu"),
    ("<!-- END", "<!-- end", r"1_sums.ipynb, cell 5:5: expected the whole line"),
    ("$$\\\\log x$$", "$$\\\\left( x$$", r"Sphinx cannot make the site: 1_sums.md.*cannot be read"),
    ("$$\\\\log x$$", "$$\\\\nothing x$$", r"Sphinx cannot make the site: 1_sums.md.*is not known"),
    ("Why add?", "[there](#nowhere)", r"Sphinx cannot make the site: 1_sums.md:.*nowhere"),
])
def test_a_mistake_in_the_course_writes_nothing(course, tmp_path, old, new, message):
    change(course, old, new)
    with pytest.raises(UserError, match=message) as caught:
        site.build(course, tmp_path / "out")
    assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["course tree"]


def test_a_cell_that_failed_is_named(course, tmp_path):
    notebook = nbformat.read(course / "notebooks/1_sums.ipynb", as_version=4)
    notebook.cells[2].outputs.append(new_output("error", ename="ValueError", evalue="no", traceback=[]))
    nbformat.write(notebook, course / "notebooks/1_sums.ipynb")
    with pytest.raises(SiteError, match="cell 3 ended with an error"):
        site.build(course, tmp_path / "out")


def test_an_output_of_a_kind_that_is_not_known_is_named(course, tmp_path):
    for data in ({"image/svg+xml": "<svg/>"},
                 {"text/html": "<b>x</b>", "text/plain": "<IPython.core.display.HTML object>"}):
        notebook = nbformat.read(course / "notebooks/1_sums.ipynb", as_version=4)
        notebook.cells[2].outputs = [new_output("display_data", data=data)]
        nbformat.write(notebook, course / "notebooks/1_sums.ipynb")
        with pytest.raises(SiteError, match="1_sums.ipynb, cell 3: an output of a kind that the site does not know"):
            site.build(course, tmp_path / "out")


def test_a_readme_without_a_title_is_told(course, tmp_path):
    (course / "README.md").write_text("Nothing.\n")
    with pytest.raises(SiteError, match="README.md: expected a title in its first line"):
        site.build(course, tmp_path / "out")


def test_a_full_folder_stays_as_it_is(course, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("")
    with pytest.raises(ReleaseError, match="not an empty folder"):
        site.build(course, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_what_is_missing_on_this_machine_is_named(course, tmp_path, monkeypatch):
    monkeypatch.setattr(site, "NEEDED", ("sphinx", "no_such_theme"))
    with pytest.raises(SiteError, match="needs no-such-theme, which is not installed here: run .*pip install"):
        site.build(course, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["course tree"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("room", [100, 20_000], ids=["before Sphinx", "in Sphinx"])
def test_a_full_disk_is_one_line_and_leaves_nothing(course, tmp_path, room):
    """Files may have `room` bytes: the system refuses what is more, as a full disk does."""
    code = ("import resource, sys; from coursekit import __main__ as command, site; "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); command.ROOT = site.Path(sys.argv[1]); "
            "sys.exit(command.student.main(['site', '--out', sys.argv[2]], command.COMMANDS))")
    done = subprocess.run([sys.executable, "-c", code, course, tmp_path / "out"], cwd=ROOT, capture_output=True,
                          text=True)
    assert done.returncode == 2 and re.fullmatch("course: .*too large.*\n", done.stderr), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["course tree"]


def test_a_slip_in_the_address_is_told_before_anything_is_made(tmp_path):
    done = subprocess.run([sys.executable, "-m", "coursekit", "site", "--out", tmp_path / "out", "--repository",
                           "https://githib.com/lab/course"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and re.fullmatch("course: .*did you mean github.com.*\n", done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


# --- in a browser -------------------------------------------------------------------------------------------------

@pytest.fixture
def served(tmp_path):
    """A function: folder -> the address at which a server of this machine has it."""
    servers = []

    def serve(folder):
        handler = functools.partial(Quiet, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.slow
def test_each_kind_of_page_can_be_read_by_all(course, tmp_path, chromium, served):
    """Light and dark, with a keyboard and a screen reader, on a phone; and nothing is asked of another host."""
    site.build(course, tmp_path / "site")
    address = served(tmp_path / "site")
    with browser.Watched(chromium) as watched:
        page = watched.page
        page.set_viewport_size(browser.PHONE)
        for scheme in "light", "dark":
            page.emulate_media(color_scheme=scheme)
            for name in ("index", "1_sums", "api/sums", "search"):
                page.goto(f"{address}/{name}.html")
                assert browser.serious(page) == [], (scheme, name)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        page.goto(f"{address}/search.html?q=sums")
        page.get_by_role("link", name="Assignment 1: Sums").first.wait_for()
        assert not watched.errors and watched.hosts == {"127.0.0.1"}


@pytest.mark.slow
def test_videos_play(students, chromium, served):
    with browser.Watched(chromium) as watched:
        watched.page.goto(f"{served(students)}/7_flow.html", wait_until="domcontentloaded")
        watched.page.evaluate("document.querySelector('video').play()")
        watched.page.wait_for_function("document.querySelector('video').currentTime > 0")
