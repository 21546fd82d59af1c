"""Each assignment can be released alone, and its solution fits into the gaps of the release again."""
import subprocess
import sys

import pytest

from coursekit.gaps import gaps
from coursekit.release.files import course_files, write_files
from helpers.given.course import ROOT, assignments

each = pytest.mark.parametrize("name", assignments())


@pytest.fixture
def released(name, tmp_path):
    """The folder of a release of this assignment only."""
    write_files(course_files(ROOT, {name: assignments()[name]}), tmp_path)
    return tmp_path


@each
def test_nothing_of_another_assignment_is_in_it(released, name):
    assert assignments(released).keys() == {name}
    files = {path.relative_to(released) for path in released.rglob("*") if path.is_file()}
    for other in assignments().values():
        theirs = {other.notebook, other.helper, *(other.helper.parent / "given" / folder / other.helper.name
                                                  for folder in ("checks", "recipes", "trained"))}
        assert other.name == name or not theirs & files


@each
def test_the_solution_fits_into_the_gaps(released, name):
    solution = (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    lines = (released / "helpers" / f"{name}.py").read_text(encoding="utf-8").split("\n")
    fillings = {f'raise NotImplementedError("{gap.qualname}: fill this gap in helpers/{name}.py")':
                solution.split("\n")[gap.start - 1:gap.end] for gap in gaps(solution)}
    opened = [line.strip() for line in lines if line.strip() in fillings]
    assert opened == list(fillings) and opened
    filled = [own for line in lines for own in fillings.get(line.strip(), [line])]
    assert "\n".join(filled) == solution


@pytest.mark.slow
@each
def test_its_public_checks_run_without_the_other_assignments(released, name):
    done = subprocess.run([sys.executable, "-m", "helpers.given", "check"], cwd=released, capture_output=True,
                          text=True)
    assert done.returncode == 1 and not done.stderr, done.stderr
    assert done.stdout == f"not begun: {name}\n", done.stdout
    done = subprocess.run([sys.executable, "-m", "helpers.given", "check", name], cwd=released, capture_output=True,
                          text=True)
    assert f"missing  {name}." in done.stdout and "\nerror " not in done.stdout, done.stdout
