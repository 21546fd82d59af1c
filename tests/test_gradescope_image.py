"""The autograder for Gradescope in an image of its own, built from Debian: setup.sh, then run_autograder, as root of a
container that may make no name spaces. It takes minutes and gigabytes, so it runs only where it is asked for:

    COURSE_IMAGE=/var/tmp/image ./course test tests/test_gradescope_image.py

bench/gradescope_image.py says which variables make it do without GitHub and PyTorch's own packages; COURSE_IMAGE_BIND
names folders that the image is to see, separated by colons.
"""
import os
import shutil
from pathlib import Path

import pytest

from bench.gradescope_image import CONTAINERS, build, grade
from coursekit.gaps import open_gap
from helpers.given.course import ROOT

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
HERE = os.environ.get("COURSE_IMAGE")
BINDS = list(filter(None, os.environ.get("COURSE_IMAGE_BIND", "").split(":")))
pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(3600),
    pytest.mark.skipif(not HERE, reason="COURSE_IMAGE names no folder for an image"),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can build an image"),
    pytest.mark.skipif(not (shutil.which("debootstrap") and shutil.which("setpriv")), reason="debootstrap is missing")]


@pytest.fixture(scope="module")
def image():
    folder = Path(HERE).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    assert build(folder, BINDS).strip().endswith("setup.sh: done")
    return folder


@pytest.mark.parametrize("landlock", [True, False])
def test_the_default_container(image, landlock):
    """Students' code is kept in, and the points are the right ones, also where the kernel has no Landlock."""
    container = CONTAINERS["768 MB, half a processor"]
    results, told, _, _ = grade(image, open_gap(SOLUTION, "interpolate"), container, landlock, BINDS)
    lost = [test["name"] for test in results["tests"] if test["status"] != "passed"]
    assert lost == ["vae.interpolate"] and results["extra_data"]["isolated"], told
    assert results["output"].startswith("Handed in by Ada, Bob together.")


def test_what_it_must_not_see(image):
    """The checks, the solution and the results are closed to student code, which is not root."""
    source = SOLUTION + """
import os
for path in ("/autograder/source/course/helpers/vae.py", "/autograder/results/results.json",
             "/autograder/submission_metadata.json"):
    try:
        open(path).close()
    except OSError:
        continue
    raise RuntimeError(f"could read {path}")
if os.getuid() == 0:
    raise RuntimeError("is root")
"""
    for landlock in (True, False):
        results, told, _, _ = grade(image, source, landlock=landlock, binds=BINDS)
        assert results["score"] == sum(test["max_score"] for test in results["tests"]), told
