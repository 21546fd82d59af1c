"""What makes a PDF on this machine: LaTeX, with pandoc for Markdown; or a browser that is made of Chromium."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.given.console import UserError
from helpers.given.report import page

ENGINES = "pdflatex", "xelatex", "lualatex", "tectonic"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge",
            "microsoft-edge-stable", "msedge", "brave-browser", "brave")
ON_A_MAC = ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
ON_WINDOWS = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe",
              r"Chromium\Application\chrome.exe", r"BraveSoftware\Brave-Browser\Application\brave.exe")
TIMEOUT = 180  # seconds for one of them
LAYOUT = ("-V", "papersize=a4", "-V", "geometry:margin=25mm", "-V", "fontsize=11pt", "-V", "colorlinks=true")


def make_pdf(text, source, folder, latex):
    """Make the PDF of a text: (its path in the folder, what has made it, lines on what did not go).

    Args:
        text: Markdown without comments, or LaTeX. source: the file that it is from. folder: for what is written.
    """
    engines, said = [name for name in ENGINES if shutil.which(name)], []
    pandoc, browser = shutil.which("pandoc"), find_browser()
    if latex:
        if not engines:
            raise UserError("there is no LaTeX on this machine: install TeX Live, MacTeX or MiKTeX, or write the "
                            "report in Markdown (a copy of reports/template.md), which a browser can print")
        made, by = with_latex(text, source, folder, engines)
        return made, by, said
    if pandoc and engines:
        try:
            made, by = with_latex(to_latex(text, source, folder, pandoc), source, folder, engines, lines=False)
            return made, f"pandoc and {by}", said
        except UserError as error:
            if not browser:
                raise
            said.append(f"not by pandoc and LaTeX: {error}")
    if browser:
        return with_browser(page.make_page(text, source), folder, browser), Path(browser).stem, said
    raise UserError("nothing here makes a PDF: install Chromium, Google Chrome or Microsoft Edge; or pandoc and LaTeX "
                    "(TeX Live, MacTeX or MiKTeX)")


def find_browser():
    """The path of a browser that prints without a window, or None."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    places = [Path(f"/Applications/{name}.app/Contents/MacOS/{name}") for name in ON_A_MAC] \
        if sys.platform == "darwin" else []
    if os.name == "nt":
        roots = filter(None, map(os.environ.get, ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData")))
        places = [Path(root, name) for root in roots for name in ON_WINDOWS]
    return found or next((str(path) for path in places if path.is_file()), None)


def run(command, folder, **more):
    """Run a program to its end. Raises UserError if it takes too long or does not start."""
    try:
        return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              encoding="utf-8", errors="replace", timeout=TIMEOUT, **more)
    except subprocess.TimeoutExpired:
        raise UserError(f"{Path(command[0]).stem} took more than {TIMEOUT} seconds") from None
    except OSError as error:
        raise UserError(f"{command[0]} does not start: {error.strerror}") from None


def to_latex(text, source, folder, pandoc):
    """A Markdown text as LaTeX, by pandoc."""
    (folder / "report.md").write_text(text, encoding="utf-8")
    done = run([pandoc, "--from", "markdown", "--standalone", *LAYOUT, "--output", str(folder / "report.tex"),
                str(folder / "report.md")], source.parent)
    if done.returncode:
        raise UserError(f"pandoc: {last_line(done.stderr)}")
    return (folder / "report.tex").read_text(encoding="utf-8")


def with_latex(text, source, folder, engines, lines=True):
    """The PDF of a LaTeX text: (path, the engine). The first engine that can make it does. lines: is a line of the text
    one of the source?"""
    problems = []
    for engine in engines:
        path = folder / f"{engine}.tex"
        path.write_text(text, encoding="utf-8")
        options = ["--outdir", str(folder)] if engine == "tectonic" else [
            "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-no-shell-escape",
            f"-output-directory={folder}"]
        for _ in range(1 if engine == "tectonic" else 2):  # the second time knows the numbers of the first
            done = run([engine, *options, str(path)], source.parent)
        if done.returncode == 0 and path.with_suffix(".pdf").is_file():
            return path.with_suffix(".pdf"), engine
        if "No pages of output" in done.stdout:
            raise UserError(f"{source.name} has nothing to print: expected the text of a report")
        found = re.search(rf"{re.escape(path.name)}:(\d+): (.+(?:\n.+)?)", done.stdout + done.stderr)
        place = f"{source.name}, line {found[1]}: " if found and lines else ""
        why = " ".join(found[2].split()) if found else last_line(done.stdout + done.stderr)
        problems.append(f"{place}{why} ({engine})")
    raise UserError(problems[0])


def last_line(text):
    told = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in told if line.startswith("!")), told[-1] if told else "no word on why")[:300]


def with_browser(content, folder, browser):
    """The PDF of a page, printed by a browser without a window."""
    (folder / "report.html").write_text(content, encoding="utf-8")
    made = folder / "report.pdf"
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # in a container; it refuses else
    done = run([browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", *root,
                f"--user-data-dir={folder / 'browser'}", "--no-pdf-header-footer", f"--print-to-pdf={made}",
                (folder / "report.html").as_uri()], folder)
    if not made.is_file() or not made.stat().st_size:
        raise UserError(f"{Path(browser).stem} printed no PDF: {last_line(done.stderr)}")
    return made
