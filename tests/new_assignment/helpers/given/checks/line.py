"""Public checks of helpers/line.py."""
import torch

from helpers.given.checks import GradedModule, public
from helpers.given.checks.engine import expect_close

line = GradedModule("line")


@public("line.line", points=2, hint="First the slope, then the offset.")
def check_line():
    expect_close("the line with slope 3 and offset 1 at x = 2", line.line(torch.tensor(2.0), 3.0, 1.0), 7.0)
