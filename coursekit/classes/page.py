"""class.html: what an instructor wants to know of a class at one glance."""
import collections
import re
import statistics

from coursekit.classes import similarity
from coursekit.gaps import strip
from coursekit.grading.judge import NOT_IMPORTED
from coursekit.grading.tell.html import templates
from coursekit.grading.tell.points import points
from helpers.given.course import ROOT, assignments

MISTAKES, SLOWEST, LINES = 15, 10, 120  # shown at most
MOST_PARTNERS = 5  # who work together
FEWEST = 10  # submissions that say something of an item's discrimination


def histogram(totals, most):
    """The distribution of scores: a list of (label, number of submissions), in at most twelve steps of whole points."""
    step = max(1, -(-int(most + 1) // 12))
    counts = collections.Counter(int(total // step) for total in totals)
    bins = int(most // step) + 1
    ends = [(n * step, min(n * step + step - 1, most)) for n in range(bins)]
    return [(points(low) if low == high else f"{points(low)}–{points(high)}", counts[n])
            for n, (low, high) in enumerate(ends)]


def hardest(found, items):
    """(item, maximum, mean points, number with all of them, its share), the hardest first."""
    rows = []
    for name, most in items.items():
        got = [report.items[name].points for report in found]
        full = sum(value == most for value in got)
        rows.append((name, most, statistics.mean(got), full, full / len(got)))
    return sorted(rows, key=lambda row: row[2] / (row[1] or 1))


def discrimination(found, items):
    """The correlation of each item's points with those of all others, {item: number, or None where all got the same}.
    {} where there are too few submissions."""
    if len(found) < FEWEST:
        return {}
    told = {}
    for name in items:
        own = [report.items[name].points for report in found]
        others = [round(report.score - points, 6) for report, points in zip(found, own)]  # halves need not add up
        told[name] = statistics.correlation(own, others) if len(set(own)) > 1 and len(set(others)) > 1 else None
    return told


def mistakes(found):
    """Messages that say the same but for numbers: [(item, message, hint, keys)], the commonest first."""
    groups = collections.defaultdict(list)
    for key, report in found.items():
        for name, item in report.items.items():
            if not imported(report):
                groups["", item.status, alike(item.message)].append((key, item))
                break
            if item.message and item.status != "passed":
                groups[name, item.status, alike(item.message)].append((key, item))
    ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [(name, group[0][1].message, group[0][1].hint, [key for key, _ in group])
            for (name, *_), group in ranked[:MISTAKES]]


def imported(report):
    """False if the file cannot be imported: then every item says so."""
    return not all(f"{NOT_IMPORTED}: " in item.message for item in report.items.values())


def alike(message):
    """A message without what differs from file to file: numbers, and where it happened."""
    message = re.sub(r" \(\w+\.py, line \d+\)", "", message)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "#", message)


def side(own, marked):
    """The lines of one side of a pair around what is shared: [(number, indent, text, is it shared)]; None for those
    left out."""
    near = {number + step for number in marked for step in range(-2, 3)}
    written = [(number, line) for number, line in own.lines if line.strip()]
    least = min((len(line) - len(line.lstrip()) for number, line in written if number in near), default=0)
    lines, left_out = [], False
    for number, line in written:
        if number not in near:
            left_out = bool(lines)
            continue
        if left_out:
            lines.append(None)
            left_out = False
        indent = len(line) - len(line.lstrip()) - least
        lines.append((number, " " * indent, line.strip()[:400], number in marked))
    return lines[:LINES]


def told_of_mixed(found):
    """A line on the reports that `course regrade` has left with items of other checks than the rest, [] if none.
    found: {key: Report or None}."""
    mixed = [report.mixed for report in found.values() if report and report.mixed]
    items = ", ".join(dict.fromkeys(name for names in mixed for name in names))
    return [f"Two versions of the checks have judged {len(mixed)} of the submissions: {items} graded again, the rest "
            "not. They stay as they are; `course grade-class --whole` grades them again"] if mixed else []


def render(results, rows, found, items, questions, listed=()):
    """Return the page. rows, found, items, questions: see gradebook.build. listed: the leaderboard.Standings."""
    assignment = results.settings["assignment"]
    names = {submission.key: submission.name for submission in results.submissions}
    by_key = {row["key"]: {**row, "name": names[row["key"]]} for row in rows}
    found = {key: report for key, report in found.items() if report}
    graded = {key: report for key, report in found.items() if by_key[key]["status"].startswith("graded")}
    judged = [report for report in graded.values() if imported(report)]
    totals = [row["total"] for row in rows if row["total"] is not None]
    most = sum(items.values()) + sum(questions.values())
    solution = (ROOT / assignments()[assignment].helper).read_text(encoding="utf-8")
    sources = {submission.key: source for submission in results.submissions
               if submission.key in graded and (source := results.source(submission)) is not None}
    tags = {submission.key: submission.tags for submission in results.submissions}
    many = collections.Counter(tag for tagged in tags.values() for tag in tagged)  # a group of twenty is a tutorial
    whose = {key: {tag for tag in tagged if many[tag] <= MOST_PARTNERS} for key, tagged in tags.items()}
    alike_pairs, own = similarity.pairs(sources, strip(solution, f"helpers/{assignment}.py"), solution, whose)
    closed = [report for report in judged if not report.open]
    took = [row["seconds"] for row in rows if row["seconds"] is not None]
    return templates().get_template("class.html").render(
        assignment=assignment, settings=results.settings, told=results.settings.get("told", ()), rows=rows,
        by_key=by_key, most=most, items=items, listed=listed,
        questions=questions, totals=totals, steps=histogram(totals, most), closed=closed,
        discriminating=discrimination(closed, items),
        mean=statistics.mean(totals) if totals else 0, median=statistics.median(totals) if totals else 0,
        full=sum(total == most for total in totals), hardest=hardest(judged, items) if judged else [], judged=judged,
        mistakes=mistakes(graded), compared=len(sources),
        not_compared=[(by_key[key], found.problem) for key, found in own.items() if found.problem],
        unmarked=sum(got is None for row in rows for got in row["written"].values()),
        broken=[row for row in rows if not row["status"].startswith(("graded", "open: "))],
        unread=[(by_key[key], report.answers_problem) for key, report in found.items() if report.answers_problem],
        undecided=[row for row in rows if row["status"].startswith("open: ")],
        took=took, median_took=statistics.median(took or [0]), took_steps=histogram(took, max(took, default=0)),
        slowest=sorted((row for row in rows if row["seconds"] is not None), key=lambda row: -row["seconds"])[:SLOWEST],
        retried=[by_key[key] for key, report in found.items() if (report.attempts or 1) > 1],
        mixed=told_of_mixed(found), isolation=sorted({report.isolation for report in found.values()}),
        pairs=[(pair, [(by_key[key], share, side(own[key], lines))
                       for key, share, lines in zip(pair.keys, pair.shares, pair.lines)]) for pair in alike_pairs])
