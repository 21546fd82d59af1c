"""What several forms of a report need."""


def points(number):
    """Write points without a needless decimal: 3, 2.5."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def outcomes(report, written):
    """(name, passed, points, maximum, text) of each item and each marked answer."""
    for name, item in report.items.items():
        text = item.message + (f"\nHint: {item.hint}" if item.hint else "")
        yield name, item.status == "passed", item.points, item.max, text
    for mark in written:
        if mark.points is not None:
            yield mark.heading, mark.points == mark.max, mark.points, mark.max, mark.comment
