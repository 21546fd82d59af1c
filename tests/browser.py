"""A Chromium for tests, and pages that note what a person does not see: errors, requests, what axe finds."""
import importlib.util
import os
import shutil
import urllib.parse
from pathlib import Path

from helpers.given.console import UserError

NAMES = "chromium", "google-chrome", "google-chrome-stable", "chrome"
PATIENCE = 90  # seconds for anything to happen: the machine may be busy
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def why_no_playwright():
    """What has to be installed before there is any browser, in one line; None: nothing."""
    if all(importlib.util.find_spec(name) for name in ("playwright", "axe_playwright_python")):
        return None
    return "no Playwright: pip install -r requirements.txt -c constraints.txt"


def find(playwright):
    """The path of a Chromium: one on PATH, or the one that Playwright has installed. None: there is none."""
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, NAMES)), own if Path(own).is_file() else None)


def launch(playwright, executable):
    """Start a browser (Playwright's). Raises UserError, one line, if it does not start."""
    from playwright.sync_api import Error

    try:  # as root, in a container, Chromium has no sandbox of its own; these pages are ours
        return playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
    except Error as error:
        told = [line for line in error.message.splitlines() if "[err]" in line]
        why = told[-1].partition("[err] ")[2] if told else error.message.splitlines()[0]
        raise UserError(f"{executable} does not start: {why}. Mend it, or put another one before it on PATH, as "
                        f"{NAMES[0]}") from None


class Watched:
    """A page, with what happened beside what one sees. Closes with the `with` block.

    errors: what the console said as an error, and what no script caught. hosts: of all requests over a network.
    """

    def __init__(self, browser):
        self.context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        self.context.set_default_timeout(1000 * PATIENCE)
        self.page = self.context.new_page()
        self.errors, self.hosts = [], set()
        self.context.on("console", lambda line: line.type == "error" and self.errors.append(
            f"{line.text} ({line.location['url']})"))
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.context.on("request", self._asked)

    def _asked(self, request):
        address = urllib.parse.urlsplit(request.url)
        if address.scheme in ("http", "https"):
            self.hosts.add(address.hostname)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def serious(page):
    """What axe finds on a page that keeps somebody from using it, a line for each kind."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: " + "; ".join(node["html"][:150] for node in one["nodes"][:5])
            for one in found if one["impact"] in ("serious", "critical")]


def picture(page, name, clip=None):
    """Keep a screenshot of a page, or of a part of it, for the documents, if COURSE_SCREENSHOTS names a folder."""
    if folder := os.environ.get("COURSE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder, name), clip=clip, animations="disabled", caret="hide")
