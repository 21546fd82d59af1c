"""The committed notebooks: executed, light, readable without pictures, and in step with the checks."""
import re

import nbformat
import pytest

from coursekit.grading.notebook import Notebook
from coursekit.release.files import course_files, write_files
from coursekit.sandbox import walls
from coursekit.sandbox.guest.kernel import WITHOUT_TORCHMETRICS
from helpers.given import checks
from helpers.given.course import ROOT, assignments

NOTEBOOKS = {name: ROOT / assignment.notebook for name, assignment in assignments().items()}


def cells(name, kind):
    return [cell for cell in nbformat.read(NOTEBOOKS[name], as_version=4).cells if cell.cell_type == kind]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_executed_from_top_to_bottom_without_errors(name):
    counts = [cell.execution_count for cell in cells(name, "code")]
    assert counts == list(range(1, len(counts) + 1))
    assert not [output for cell in cells(name, "code") for output in cell.outputs if output.output_type == "error"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_real_data_in_the_cpu_profile(name):
    text = NOTEBOOKS[name].read_text(encoding="utf-8")
    assert "profile cpu" in text
    if name == "faces":  # CK+ may not be passed on, so these figures are those of drawn faces, and say so
        assert set(re.findall(r"STAND-IN DATA: the (\w+) images", text)) == {"ckplus"}
    else:
        assert "STAND-IN" not in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_light(name):
    """Each notebook states its own limit in its metadata."""
    limit = nbformat.read(NOTEBOOKS[name], as_version=4).metadata["course"]["max_megabytes"]
    assert NOTEBOOKS[name].stat().st_size < limit * 1e6


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_picture_has_alt_text(name):
    outputs = [output for cell in cells(name, "code") for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures
    assert all(len(output.metadata["image/png"].get("alt", "")) > 20 for output in pictures)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_public_check_has_its_cell(name):
    called = re.findall(r'check\("([\w.]+)"\)', "\n".join(cell.source for cell in cells(name, "code")))
    assert sorted(called) == sorted(checks.names(name))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_exercises_say_how_long_and_how_hard(name):
    text = "\n".join(cell.source for cell in cells(name, "markdown"))
    headings = re.findall(r"^### (Exercise .*)$", text, re.MULTILINE)
    assert len(headings) >= 5
    assert all(re.search(r"\d+ minutes · [●○]{3}$", heading) for heading in headings)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_questions_have_answers_that_the_release_strips(name):
    questions = [cell.source for cell in cells(name, "markdown") if re.match(r"\*\*Question", cell.source)]
    assert questions and all("<!-- BEGIN SOLUTION -->" in source for source in questions)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_grader_imports_torchmetrics_where_it_is_needed(name):
    code = "\n".join(cell.source for cell in cells(name, "code"))
    measures = re.search(r"metrics\.(scores|frechet_distance|image_quality)\(", code)
    assert not (measures and name in WITHOUT_TORCHMETRICS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs_from_top_to_bottom_in_the_grader(name, tmp_path):
    """In the smoke profile, on stand-ins, in the sandbox if there is one: as the grader executes it."""
    write_files(course_files(ROOT, {name: assignments()[name]}, code_gaps=False), tmp_path / "course")
    source = (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    with Notebook(tmp_path / "course", name, walls.best()) as notebook:
        told = notebook.run(source)
    assert told.status == "passed", told
    assert told.cells == len(cells(name, "code"))
