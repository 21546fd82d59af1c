"""The HTML of reports, class pages and terms: what a keyboard and a screen reader need, and what the plots say."""
import base64
import datetime
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from coursekit import __main__ as instructor
from coursekit.classes.gradebook import build
from coursekit.classes.page import discrimination, hardest
from coursekit.classes.results import Results
from coursekit.term.page import arrivals
from helpers.given import __main__ as student
from helpers.given.course import ROOT

GOLDEN = ROOT / "tests" / "golden" / "class"
TERM = """title = "A term"
time_zone = "Europe/Berlin"
[[assignments]]
name = "vae"
folder = "vae"
weight = 10
due = 2026-10-20T23:59:00
times = "vae-times.csv"
"""
TIMES = "name,time\nAda Lovelace,2026-10-20 12:00\nEmmy Noether,2026-10-12 12:00\nKurt Gödel,2026-10-22 12:00\n"
KINDS = ("class.html", "answers.html", "report.html", "viva.html", "term.html", "a report", "a person of the term")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{kind: text} of one page of each, of a class of twelve."""
    term = tmp_path_factory.mktemp("term")
    folder = term / "vae"
    shutil.copytree(GOLDEN, folder)
    settings = json.loads((folder / "class.json").read_text(encoding="utf-8"))
    some = settings["submissions"][0]
    for number in range(9):
        settings["submissions"].append({**some, "key": f"more-{number}", "name": f"More {number}"})
        shutil.copytree(folder / "students" / "Ada_Lovelace", folder / "students" / f"more-{number}")
    (folder / "class.json").write_text(json.dumps(settings), encoding="utf-8")
    build(Results.open(folder))
    (term / "course.toml").write_text(TERM, encoding="utf-8")
    (term / "vae-times.csv").write_text(TIMES, encoding="utf-8")
    for command in (["answers", folder], ["rubric", folder], ["viva", folder], ["grades", term]):
        assert student.main([*map(str, command)], instructor.COMMANDS) == 0
    found = {path.name: path for path in (*folder.glob("*.html"), term / "term.html")}
    found["a report"] = folder / "students" / "Emmy_Noether" / "report.html"
    found["a person of the term"] = sorted((term / "students").glob("*/index.html"))[0]
    return {kind: path.read_text(encoding="utf-8") for kind, path in found.items()}


class Page(HTMLParser):
    """elements: [(tag, {attribute: value})] in their order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_found_its_way_through(kind, pages):
    """By keyboard and by a screen reader."""
    page = Page(pages[kind])
    assert page.all("html")[0]["lang"] == "en" and len(page.all("h1")) == len(page.all("main")) == 1
    first = next(attributes for tag, attributes in page.elements if tag in ("a", "button", "summary", "input"))
    assert first["href"] == "#" + page.all("main")[0]["id"], "the first thing to reach is the skip link"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels)), levels
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in each for each in page.all("th"))
    wide = [each for each in page.all("div") if each.get("class") == "wide"]
    assert all(each["tabindex"] == "0" and each["role"] == "region" and each["aria-label"] for each in wide)
    assert all("aria-label" in each or "aria-hidden" in each for each in page.all("svg"))
    assert all(each.get("alt") for each in page.all("img")) and all(each["title"] for each in page.all("iframe"))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_script_that_sorts_may_run(kind, pages):
    scripts = re.findall(r"<script>(.*?)</script>", pages[kind], re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', pages[kind])[1]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert policy.startswith("default-src 'none'; ")
    assert re.findall(r"script-src (.*?)(?:;|$)", policy) == [f"'sha256-{digest}'" for digest in digests]
    assert len(scripts) == (kind in ("class.html", "term.html")) == ('class="sortable"' in pages[kind])


def test_a_report_shows_where_the_points_are(pages):
    """A frame for what is to be had, as wide as the item is worth, and a bar for what was got."""
    report = json.loads((GOLDEN / "students" / "Emmy_Noether" / "report.json").read_text())["items"].values()
    drawn = [float(each["width"]) for each in Page(pages["a report"]).all("rect")]
    most = max(item["max"] for item in report)
    assert drawn == pytest.approx([value for item in report for value in (
        120 * item["max"] / most, 120 * item["points"] / most)], abs=0.06)
    assert any(item["points"] < item["max"] for item in report)


def test_difficulty_says_mean_and_share_with_all_points(pages):
    reports = [made_up(a=points, b=4) for points in (4, 4, 4, 0)]
    assert hardest(reports, {"b": 4, "a": 4})[0] == ("a", 4, 3, 3, 0.75)
    assert 'aria-label="mean 100 per cent of the points, 100 per cent have all"' in pages["class.html"]


def made_up(**points):
    """What a report is for the class page."""
    return SimpleNamespace(score=sum(points.values()),
                           items={name: SimpleNamespace(points=value) for name, value in points.items()})


def test_discrimination_is_the_correlation_with_all_other_items():
    """By hand."""
    found = [made_up(d=2 * number, e=-3 * number, f=4) for number in range(10)]
    assert discrimination(found, ("d", "e", "f")) == {"d": pytest.approx(-1), "e": pytest.approx(-1), "f": None}
    found = [made_up(d=number % 2, e=number % 2 + 1, f=number // 5) for number in range(10)]
    told = discrimination(found, ("d", "f"))
    # d with e + f = d + f + 1: 0.25 + 0.05 over the root of 0.25 * 0.6; f with d + e = 2 d + 1: 0.1 over 0.5
    assert told == {"d": pytest.approx(0.3 / 0.15 ** 0.5), "f": pytest.approx(0.2)}
    assert discrimination(found[:9], ("d",)) == {}
    assert discrimination([made_up(d=1, e=1)] * 10, ("d",)) == {"d": None}


def test_when_submissions_came():
    due = datetime.datetime(2026, 10, 20, 23, 59, tzinfo=datetime.UTC)
    hours = (-24 * 30, -24 * 7, -24 * 7 + 1, -25, -24, -0.1, 0, 1, 24, 25, 24 * 30)  # at the due date is in time
    scores = [SimpleNamespace(handed=due + datetime.timedelta(hours=each), due=due) for each in hours]
    scores += [SimpleNamespace(handed=None, due=due), SimpleNamespace(handed=due, due=None)]
    days = dict(arrivals(scores))
    assert len(days) == 14 and {words: number for words, number in days.items() if number} == {
        "more than 6 days before": 3, "on day 2 before": 2, "on the last day": 2, "on the first day after": 2,
        "on day 2 after": 1, "more than 6 days after": 1}
    assert arrivals(scores[-2:]) == []


def test_a_term_says_when_submissions_came(pages):
    assert 'aria-label="more than 6 days before: 1, on the last day: 1, on day 2 after: 1"' in pages["term.html"]
