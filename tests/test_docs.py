"""The links of the documents lead somewhere, and their pages name no file that is not there."""
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.given.course import ROOT, VERSION

PAGES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
         *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def text_of(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """What a link can name of a page, as GitHub makes it of the headings: lower case, hyphens, nothing else."""
    headings = re.findall(r"^#+ +(.+?) *$", text_of(page), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = []
    for link in LINK.findall(text_of(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"https?:", link):
            continue
        if not target.exists() or anchor and anchor not in anchors(target):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_number_is_still_to_come(page):
    assert not re.findall(r"@[A-Z_]+@|\bTODO\b|\bTBD\b", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_have_names_of_their_own(page):
    found = anchors(page)
    assert len(found) == len(set(found)), "a link to one of two equal headings leads to the first"


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            waiting += [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(text_of(page))
                        if not link.startswith(("http", "#"))]
    assert set(PAGES) <= reached


def test_the_tree_of_the_house_names_what_is_there():
    tree, = re.findall(r"^## The house\n+```\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"),
                       re.MULTILINE | re.DOTALL)
    above = []
    for line in tree.splitlines():
        name, depth = line.split()[0].rstrip(","), (len(line) - len(line.lstrip())) // 2
        above[depth:] = [name]
        assert Path(ROOT, *above).exists(), line


def test_hooks_are_local_and_run_what_the_course_has():
    """pre-commit is not needed here: a hook without a repository of its own can be read."""
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        assert {"id", "name", "entry", "language"} <= set(hook) and hook["language"] == "system"
        assert all((ROOT / word).exists() for word in hook["entry"].split() if word.endswith(".py"))


def test_one_version_is_told_everywhere():
    """By the command line, to who cites the course, and at the top of the changes."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = re.search(r"^## (\d\S+), (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released.groups() == (cited["version"], str(cited["date-released"])) == (VERSION, released[2])


def test_the_citation_follows_its_schema():
    done = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format",
                           ROOT / "CITATION.cff"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
