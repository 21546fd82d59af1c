"""The course as a person uses it, in a real browser: JupyterLab with its checks, sliders and trainings, and all pages
that instructors and students get. `COURSE_SCREENSHOTS=docs/pictures` makes the documents' pictures anew."""
import base64
import contextlib
import dataclasses
import io
import os
import re
import socket
import subprocess
import sys
import time
import unicodedata

import nbformat
import numpy as np
import pytest
from matplotlib import image as mpl_image
from nbformat.v4 import new_code_cell, new_notebook
from pypdf import PdfReader

import browser
from browser import PATIENCE, Watched, picture
from coursekit.classes import roster
from coursekit.classes.results import Results
from coursekit.classes.tables import write_rows
from coursekit.grading.report import Item, Report
from coursekit.questions import questions
from coursekit.release.files import course_files, write_files
from helpers.given.console import UserError
from helpers.given.course import ROOT, assignments
from test_answers import answered
from test_grade_class import course, grade_class, rows
from test_rubric import pdf

pytestmark = pytest.mark.slow
LOCAL = {"localhost", "127.0.0.1"}

# What a notebook of the course has, in short: a slider, a training that takes long, TensorBoard.
SHORT = ["""
import os, sys
from pathlib import Path
sys.path.insert(0, str(Path.cwd().parent))
import torch
from torch import nn
from helpers.given import training, widgets
""", """
def decode(z):
    return torch.sigmoid(4 * z[:, :1, None, None] + torch.linspace(-4, 4, 28).expand(len(z), 1, 28, 28))

widgets.latent_panel(decode, 2, alt="Two rows of nine images: z1 makes them lighter.");
""", """
model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
before = model[1].weight.detach().clone()
images = torch.randint(0, 256, (4000, 1, 4, 4), dtype=torch.uint8)
history = training.fit(model, lambda model, x, labels: model(x).square().mean(), images, epochs=10 ** 6, lr=1e-5)
""", """
print("kept:", len(history) > 0, history.interrupted, not model.training, not torch.equal(model[1].weight, before))
""", """
os.environ["COURSE_PROFILE"] = "cpu"  # in `smoke` nobody watches
log = training.open_log("../runs/short")
training.write_log(log, {"d_loss": torch.linspace(1, 0, 20) ** 2}, 0, 1, None)
log.close()
widgets.tensorboard("../runs/short")
"""]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The student edition of the first assignment, and beside it a short notebook."""
    folder = tmp_path_factory.mktemp("lab") / "course"
    name, first = next(iter(assignments().items()))
    write_files(course_files(ROOT, {name: first}), folder)
    cells = [new_code_cell(source.strip()) for source in SHORT]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / "notebooks" / "short.ipynb")
    return folder


@contextlib.contextmanager
def running_lab(course, *options):
    """Run `course lab` in a student's course, without data. Yields the address with its token that it prints."""
    home = course.parent / "home"
    own = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **own, "HOME": str(home), "COURSE_PROFILE": "smoke", "COURSE_DATA": str(home),
                   "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "helpers.given", "lab", "--no-browser", *options]
    log = course.parent / f"{'-'.join(command[2:])}.log"
    with open(log, "w") as stream:
        server = subprocess.Popen(command, cwd=course, env=environment, stdin=subprocess.DEVNULL, stdout=stream,
                                  stderr=stream)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://localhost:\d+/lab\S*", log.read_text())):
            assert server.poll() is None and time.monotonic() < end, f"JupyterLab did not start:\n{log.read_text()}"
            time.sleep(0.1)
        yield found[0]
    finally:
        server.terminate()  # and it ends its kernels
        server.wait(PATIENCE)


@pytest.fixture(scope="module")
def lab(released):
    with running_lab(released) as address:
        yield address


def open_file(page, *path):
    """Open a file from the course's folder by double clicks in the list of files, as a person does."""
    page.locator(".jp-BreadCrumbs-home").click()
    for name in path:
        page.locator(".jp-DirListing-item", has=page.get_by_text(name, exact=True)).dblclick()


def open_notebook(page, name):
    """Open a notebook and wait until its kernel is there."""
    open_file(page, "notebooks", name)
    page.locator("#jp-main-statusbar", has_text="Python 3 (ipykernel) | Idle").filter(has_text=name).wait_for()


def start_cell(page, source):
    """Run the cell that holds this text, with Shift+Enter. Returns the cell."""
    cell = page.locator(".jp-CodeCell:visible", has_text=source)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    return cell


def run_cell(page, source):
    """The same, and wait until it is done: it has another number than before."""
    prompt = page.locator(".jp-CodeCell:visible", has_text=source).locator(".jp-InputArea-prompt")
    before = prompt.inner_text()
    cell = start_cell(page, source)
    prompt.filter(has_text=re.compile(r"\[\d+\]"), has_not_text=before).wait_for()
    return cell


def shown(cell):
    """What stands below a cell."""
    return cell.locator(".jp-OutputArea").inner_text().strip()


def fill_gap(page, old, new):
    """Write something else over a line in the editor, save with Ctrl+S, and wait until the dot at its tab is gone."""
    page.locator(".jp-FileEditor:visible .cm-line", has_text=old).click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.insert_text(new)
    tab = page.locator(".lm-TabBar-tab.lm-mod-current", has_text="autoencoder.py")
    page.locator(".jp-mod-dirty").and_(tab).wait_for()
    page.keyboard.press("ControlOrMeta+s")
    page.locator(".jp-mod-dirty").and_(tab).wait_for(state="detached")


@pytest.fixture(scope="module")
def desk(chromium, lab):
    """JupyterLab in a window. At the end nothing may have been asked of another host, nor gone wrong in a script."""
    with Watched(chromium) as watched:
        watched.page.goto(lab)
        watched.page.locator(".jp-DirListing-item", has_text="1_autoencoder.ipynb").wait_for()  # the lab opens there
        yield watched.page
        assert watched.hosts <= LOCAL and not watched.errors


def test_a_gap_is_filled_in_the_editor_and_its_check_ticks(desk, released):
    open_notebook(desk, "1_autoencoder.ipynb")
    assert "Hello from autoencoder.py!" in shown(run_cell(desk, "import helpers.autoencoder"))
    run_cell(desk, "%load_ext helpers.given.fresh")
    told = shown(run_cell(desk, 'check("autoencoder.conv_output_size")'))
    assert told.startswith("✗ autoencoder.conv_output_size") and "fill this gap" in told

    open_file(desk, "helpers", "autoencoder.py")
    fill_gap(desk, 'NotImplementedError("conv_output_size', "return (size + 2 * padding - kernel_size) // stride + 1")
    saved = (released / "helpers" / "autoencoder.py").read_text(encoding="utf-8")
    assert "    return (size + 2 * padding - kernel_size) // stride + 1\n" in saved
    open_file(desk, "notebooks", "1_autoencoder.ipynb")
    told = shown(run_cell(desk, 'check("autoencoder.conv_output_size")'))
    assert told == "✓ autoencoder.conv_output_size"


def test_a_wrong_one_shows_its_message_with_the_line_that_the_editor_shows(desk):
    open_file(desk, "helpers", "autoencoder.py")
    fill_gap(desk, 'NotImplementedError("conv_transpose', "double = 2 * padding\n"
             "    return (size - 1) * stride - doubled + kernel_size + output_padding")
    line = re.search(r"Ln (\d+)", desk.locator("#jp-main-statusbar").inner_text())[1]
    open_notebook(desk, "1_autoencoder.ipynb")
    run_cell(desk, "import helpers.autoencoder")
    run_cell(desk, "%load_ext helpers.given.fresh")
    cell = run_cell(desk, 'check("autoencoder.conv_transpose_output_size")')
    told = shown(cell)
    assert f"NameError: name 'doubled' is not defined (helpers/autoencoder.py, line {line})" in told
    assert "Hint: " in told and "Traceback" not in told and len(told.strip().splitlines()) == 2
    other = desk.locator(".jp-CodeCell:visible", has_text='check("autoencoder.conv_output_size")')
    top, bottom = other.bounding_box(), cell.bounding_box()
    picture(desk, "checks.png", clip={**top, "height": bottom["y"] + bottom["height"] - top["y"]})


@pytest.fixture(scope="module")
def short(desk):
    """The short notebook, with what it imports."""
    open_notebook(desk, "short.ipynb")
    run_cell(desk, "import os, sys")
    return desk


def test_a_slider_moves_and_the_picture_follows(short):
    cell = run_cell(short, "widgets.latent_panel")
    handle, image = cell.get_by_role("slider").first, cell.locator("img.widget-image")
    before = lightness(image)
    handle.focus()
    for _ in range(5):
        short.keyboard.press("ArrowRight")
    cell.locator(".widget-readout", has_text="0.50").wait_for()
    wait_until(short, lambda: lightness(image) > before + 20)
    picture(short, "slider.png", clip=cell.bounding_box())


def lightness(image):
    """The mean of the pixels that an <img> shows, 0 to 255."""
    return image.evaluate("""async image => {
        await image.decode()
        const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight), pen = canvas.getContext("2d")
        pen.drawImage(image, 0, 0)
        const {data} = pen.getImageData(0, 0, canvas.width, canvas.height)
        return data.filter((_, k) => k % 4 == 0).reduce((sum, value) => sum + value, 0) / (data.length / 4)
    }""")


def wait_until(page, condition):
    """Wait until a condition holds that only Python can see."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE} seconds"
        page.wait_for_timeout(100)


def test_a_training_shows_its_bar_and_can_be_stopped(short):
    cell = start_cell(short, "training.fit")
    output = cell.locator(".jp-OutputArea")
    output.filter(has_text=re.compile(r"%\|.*steps/s, loss [\d.]+")).wait_for()  # an epoch is over
    first = shown(cell)
    wait_until(short, lambda: shown(cell) != first)
    picture(short, "training.png", clip=cell.bounding_box())
    short.get_by_role("button", name="Interrupt the kernel").locator("visible=true").click()
    output.filter(has_text="stopped early, the weights are kept as they are").wait_for()
    assert "Error" not in shown(cell) and "%|" not in shown(cell)
    assert shown(run_cell(short, "kept:")) == "kept: True True True True"


def test_the_tensorboard_panel_shows_a_curve(short):
    cell = run_cell(short, "widgets.tensorboard")
    assert "TensorBoard, also at http://localhost:" in shown(cell)
    card = cell.frame_locator("iframe").locator("scalar-card", has_text="d_loss")
    chart = card.locator(".series-view")
    chart.wait_for()
    wait_until(short, lambda: coloured(chart) > 100)
    picture(short, "tensorboard.png", clip=card.bounding_box())


def coloured(place):
    """How many pixels of a place in a page are not gray."""
    pixels = mpl_image.imread(io.BytesIO(place.screenshot()))[..., :3]
    return int((np.ptp(pixels, axis=-1) > 0.05).sum())


def test_a_port_that_is_taken_is_left_alone_and_another_one_told(released):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with running_lab(released, "--port", str(taken)) as address:
            assert address.startswith("http://localhost:") and f":{taken}/" not in address


# The pages

NAMES = ("Ada Lovelace", "Emmy Noether", "Kurt Gödel", "Grace Hopper", "Alan Turing", "Sofja Kowalewskaja", "Carl Gauß",
         "Henri Poincaré", "Srinivasa Ramanujan", "Julia Robinson", "Leonhard Euler", "Bobby <b>")
SLIPS = {"vae.reparametrize": (2, "the spread of z is the variance exp(logvar): take its root"),
         "vae.loss_function": (3, "the KL term is a mean over the latent numbers: it should be their sum"),
         "vae.VAE": (4, "z is the mean in evaluation mode, expected a draw in both modes"),
         "vae.sample_on_grid": (0, "rows and columns of the grid are exchanged"),
         "vae.interpolate": (0, "interpolate: fill this gap in helpers/vae.py")}
LOST = ([], ["vae.interpolate"], list(SLIPS), [], ["vae.loss_function"], ["vae.VAE", "vae.interpolate"],
        ["vae.reparametrize"], [], ["vae.loss_function", "vae.sample_on_grid"], ["vae.reparametrize"], [],
        ["vae.loss_function"])
LONG = "x" * 300  # a word without a place to break it


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """A folder with course.toml, and in `vae` the results of a made-up class with all that is marked by hand."""
    folder = tmp_path_factory.mktemp("term")
    solution = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
    notebook = assignments()["vae"].notebook
    golden = Report.from_json((ROOT / "tests" / "golden" / "one" / "report.json").read_text(encoding="utf-8"))
    png = base64.b64encode((ROOT / "docs" / "latent-space.png").read_bytes()).decode()
    golden.notebook.pictures[:] = [(9, png)]
    first, second, *_ = [question.id for question in questions("vae")]
    for number, name in enumerate(NAMES):
        place = folder / "in" / name
        (place / "notebooks").mkdir(parents=True)
        own = f"def helper_{number}(value):\n    return value * {number} + 1\n"
        if number in (1, 2):  # two that are alike
            own += "".join(f"SHARED_{k} = [{k}, 'nobody else has this', {k} ** 2]\n" for k in range(12))
        (place / "vae.py").write_text(f"{solution}\n\n{own}", encoding="utf-8")
        text = f"The draw has no gradient; eps does not depend on mu. {LONG if number == 1 else ''}"
        (place / notebook).write_text(answered({first: text, second: "Slant.\nStroke."}), encoding="utf-8")
        (place / "report.pdf").write_bytes(pdf(5))

    def judged(tasks):
        for number, (key, (_, _, _, _, _, handed_in, *_)) in enumerate(tasks):
            items = {name: dataclasses.replace(item, points=SLIPS[name][0], status="failed", message=SLIPS[name][1])
                     if name in LOST[number] else Item(item.max, item.max) for name, item in golden.items.items()}
            yield key, dataclasses.replace(golden, submission=handed_in.who, items=items, seconds=3.0 + number), 1

    results = Results.start(folder / "vae", "vae", True, roster.collect(folder / "in"))
    assert not grade_class(results, judged)
    for command in ("viva", "rubric", "answers"):
        assert course(command, results.folder) == 0
    for sheet in ("viva.csv", "report.csv", "answers.csv"):  # of one person everything stays open
        header, *table = rows(results.folder / sheet)
        points, most, who = (header.index(name) for name in ("points", "max", "student"))
        for number, row in enumerate(table):
            if not row[points] and row[who] != "Julia Robinson":
                row[points] = str(int(row[most]) - number % 3)
        write_rows(results.folder / sheet, header, table)
    assert course("answers", results.folder) == 0
    (folder / "course.toml").write_text('title = "Deep generative models"\ntime_zone = "Europe/Berlin"\n'
                                        '[pass]\nall = 50\n[[assignments]]\nname = "vae"\nfolder = "vae"\n'
                                        'weight = 40\ndue = 2027-01-08T23:59:00\n', encoding="utf-8")
    assert course("grades", folder) == 0
    return folder


PAGES = {"report": "vae/students/Kurt_*/report.html", "class": "vae/class.html", "answers": "vae/answers.html",
         "viva": "vae/viva.html", "rubric": "vae/report.html", "term": "term.html",
         "person": "students/Kurt_*/index.html"}
PICTURED = "report", "class", "answers", "term"  # in the documents


@pytest.fixture(params=PAGES)
def page(request, chromium, term):
    """One of the pages, opened from its file. At the end it has asked nobody for anything, and no script has failed."""
    path, = term.glob(PAGES[request.param])
    with Watched(chromium) as watched:
        watched.page.goto(path.as_uri())
        yield watched.page
        assert not watched.hosts and not watched.errors


def test_a_page_can_be_used_by_everybody(page, request):
    """Axe finds nothing serious: contrast, names, headings, tables."""
    if request.node.callspec.params["page"] in PICTURED:
        picture(page, f"{request.node.callspec.params['page']}.png")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = browser.serious(page)
        assert not found, "\n".join([scheme, *found])


def test_a_page_fits_a_phone(page):
    page.set_viewport_size(browser.PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= browser.PHONE["width"]
    assert page.evaluate(CUT) == []


# What stands outside of its box and cannot be scrolled to.
CUT = """() => [...document.querySelectorAll("body *")].filter(one => {
    const box = one.getBoundingClientRect()
    return box.width && box.right > document.documentElement.clientWidth + 1 && !one.closest(".wide, svg, iframe")
}).map(one => one.outerHTML.slice(0, 100))"""


def test_a_page_is_printed_whole(page):
    """On A4 nothing is wider than the paper, what is scrolled on a screen included, and every word is there."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794 - 2 * 38, "height": 1000})  # 96 dots an inch, margins of a centimetre
    wide = page.locator(".wide").evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length")
    assert wide == 0
    margins = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
    printed = PdfReader(io.BytesIO(page.pdf(format="A4", margin=margins)))
    words = "".join("".join(sheet.extract_text() for sheet in printed.pages).split())
    words = unicodedata.normalize("NFKC", words)  # "fi" may be one sign
    cells = page.locator("th:visible, td:visible, h1:visible, h2:visible").all_inner_texts()
    told = {word for cell in cells for word in cell.split() if word.isascii()}
    assert [word for word in told if word not in words] == []


def test_what_is_folded_opens_with_the_keyboard(page):
    """And closes with it again."""
    if not page.locator("details").count():
        pytest.skip("nothing is folded here")
    part = page.locator("details").first
    inner = part.locator(":scope > :not(summary)").first
    before = inner.is_visible()
    part.locator("summary").focus()
    for shown in (not before, before):
        page.keyboard.press("Enter")
        inner.wait_for(state="visible" if shown else "hidden")


def test_no_report_is_opened_unless_somebody_wants_to_read_it(chromium, term):
    """A browser starts a viewer for each PDF that it is to show: in a large class, for hundreds."""
    with Watched(chromium) as watched:
        opened = []
        watched.context.on("request", lambda request: opened.append(request.url))
        watched.page.goto((term / "vae" / "report.html").as_uri())
        part = watched.page.locator("details").first
        part.locator("summary").click()
        assert len(opened) == 1
        with watched.context.expect_event("request", lambda request: request.url.endswith(".pdf")):
            part.get_by_role("link", name="Show the PDF here").click()


def test_whether_something_is_right_does_not_hang_on_colour(chromium, term):
    """Each row of a report says it in words: a tick stands where all points are, and only there."""
    path, = term.glob(PAGES["report"])
    with Watched(chromium) as watched:
        watched.page.goto(path.as_uri())
        found = watched.page.locator("table").first.locator("tbody tr").all_inner_texts()
    for row in found:
        got, most = re.search(r"(\d+) of (\d+)", row).groups()
        assert ("✓ everything asked for" in row) == (got == most)
    assert {"✓" in row for row in found} == {True, False}


def test_a_table_is_sorted_by_its_heads(chromium, term):
    with Watched(chromium) as watched:
        page = watched.page
        page.goto((term / "vae" / "class.html").as_uri())
        head = page.locator("th", has=page.locator("button"), has_text="Points of")
        points = head.locator("xpath=ancestor::table").locator("tbody tr td:nth-child(2)")
        before = points.all_inner_texts()
        head.locator("button").focus()
        for _ in range(2):
            page.keyboard.press("Enter")
            found = [float(text) for text in points.all_inner_texts()]
            assert head.get_attribute("aria-sort") in ("ascending", "descending")
            assert found == sorted(found, reverse=head.get_attribute("aria-sort") == "descending")
        assert not watched.errors and len(before) == len(found)
        plots = page.locator("th", has_text="Mean, and share with all")
        assert plots.count() == 1 and not plots.locator("button").count(), "pictures have no order"


def test_a_browser_that_does_not_start_is_one_line(playwright, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(UserError, match=r"chromium does not start: .*libnss3\.so\. Mend it, or put another") as told:
        browser.launch(playwright, str(broken))
    assert "\n" not in str(told.value)
