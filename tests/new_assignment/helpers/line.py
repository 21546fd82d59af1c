"""A straight line, the smallest assignment that one can set."""


def line(x, slope, offset):
    """slope * x + offset for a tensor x. Returns a tensor of its shape."""
    # BEGIN SOLUTION
    return slope * x + offset
    # END SOLUTION
