"""The table that a terminal shows."""
from textwrap import wrap


def table(report):
    """Format a report for the terminal: item, points, what was wrong, a hint."""
    lines = [f"{report.submission}: {report.score} of {report.max} points "
             f"(assignment {report.assignment}, seed {report.seed}, {report.seconds:.1f} s, "
             f"isolation: {report.isolation})"]
    lines += [f"  note: {note}" for note in report.notes]
    width = max(len(name) for name in report.items)
    for name, item in report.items.items():
        lines.append(f"  {name:<{width}}  {item.points:>3} / {item.max:<3} {item.status}")
        for label, text in (("", item.message), ("hint: ", item.hint)):
            lines += [" " * (width + 4) + line for line in wrap(label + text, 100)] if text else []
    style, notebook = report.style, report.notebook
    lines.append(f"  style: {style.status}" + (f", {style.count} findings" if style.count else ""))
    lines += [f"    {finding}" for finding in style.findings[:5]]
    lines.append(f"  notebook: {notebook.status}" + (f", {notebook.cells} cells" if notebook.cells else ""))
    lines += [f"    {failure}" for failure in notebook.failed[:3]]
    if not report.isolated:
        lines.append(f"  NOT ISOLATED: {report.why_not_isolated}. Student code ran with your rights.")
    return "\n".join(lines)
