"""Hidden checks of helpers/line.py."""
from autograde_tests import graded, normal, uniform
from helpers import line
from helpers.given.checks.engine import expect_right, expect_tensor, expect_untouched


@graded("line.line", points=2, hint="slope * x + offset")
def test_line(student, rng):
    """Some lines, for tensors of several shapes."""
    cases = [[normal(rng, *shape), *uniform(rng, 2, low=1.5, high=4).tolist()] for shape in ((7,), (3, 2), (1,))]
    for (x, slope, offset), seen in zip(cases, student.observe("values", cases=cases), strict=True):
        expect_tensor("the line", seen["y"], x.shape)
        expect_right(seen["y"], line.line(x, slope, offset), [
            ("the offset is missing", slope * x), ("the slope is missing", x + offset),
            ("slope and offset are swapped", offset * x + slope), ("the offset is subtracted", slope * x - offset),
            ("the slope is on the offset, too", slope * (x + offset)), ("x is squared", slope * x ** 2 + offset),
            ("the slope is negative", offset - slope * x)], "the line should be slope * x + offset")
        expect_untouched("line", *([part] for part in seen["x"]))
