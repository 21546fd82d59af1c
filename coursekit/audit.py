"""`./course audit`: measure the checks of the assignments, with right variants and typical mistakes.

A bank is a file autograde_tests/banks/<assignment>.py. It has RIGHT (name -> change), WRONG (name -> (item that loses
points, words that its message or hint holds, change)), and COURSEWORK, a whole file written for another course whose
items COURSEWORK_ITEMS get full points. A change says how a variant differs from the solution: {place: what stands there
instead}. A place is a gap, as in coursekit.gaps, or "file" for the whole text. A text replaces the whole gap; pairs
(old, new) replace the one occurrence of `old` in it.
"""
import contextlib
import functools
import linecache
import os
import queue
import runpy
import sys
import textwrap
import time
import types
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from coursekit import handins
from coursekit.gaps import gaps
from coursekit.grading.judge import judge, load_checks
from coursekit.sandbox import Sandbox
from helpers.given import checks as public
from helpers.given.console import UserError, choose
from helpers.given.course import ROOT

HANDINS = "handins"  # the bank that is no assignment's, see coursekit.handins
BANKS = ROOT / "autograde_tests" / "banks"
SEEDS = range(10)
RIGHT_WANTED, WRONG_WANTED = 5, 8  # for each graded function
JOBS = min(4, os.cpu_count() or 1)  # gradings at once, each in a sandbox of its own
OTHER_COURSE = "the file of another course"
COLUMNS = ("item", "points", "right variants pass", "mistakes caught on their own item", "slip not named",
           "caught by nothing", "caught by public checks")


@dataclass(frozen=True)
class Bank:
    """The bank of one assignment, with what it is about: solution, hidden checks, gaps."""

    name: str
    solution: str
    checks: list
    right: dict
    wrong: dict
    coursework: str
    coursework_items: tuple

    @functools.cached_property
    def gaps(self):
        return [gap.qualname for gap in gaps(self.solution)]

    @property
    def items(self):
        """The points of each item."""
        items = {}
        for check in self.checks:
            items[check.item] = items.get(check.item, 0) + check.points
        return items

    def judged(self, *items):
        """The gaps that these items' checks judge."""
        return {gap for gap in self.gaps for check in self.checks if check.item in items and judges(check, gap)}

    def about(self, item, change):
        """The hidden checks that a mistake should meet at least: those of its item, and of the gaps that it changes."""
        return [check for check in self.checks if check.item == item or any(judges(check, gap) for gap in change)]

    def source(self, name, change):
        """The text of a variant."""
        try:
            return variant(self.solution, change)
        except ValueError as error:
            raise UserError(f"autograde_tests/banks/{self.name}.py, {name!r} does not fit the solution: "
                            f"{error}") from None


def names():
    """The assignments that have a bank, a solution and hidden checks."""
    return [path.stem for path in sorted(BANKS.glob("*.py"))
            if (ROOT / "helpers" / path.name).is_file() and (ROOT / "autograde_tests" / f"test_{path.name}").is_file()]


def load(name):
    """Read the bank of an assignment, its solution and its hidden checks."""
    found = runpy.run_path(str(BANKS / f"{name}.py"))
    solution = (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    bank = Bank(name, solution, load_checks(name), found["RIGHT"], found["WRONG"], found["COURSEWORK"],
                tuple(found["COURSEWORK_ITEMS"]))
    if unknown := {item for item, _, _ in bank.wrong.values()} - bank.items.keys():
        raise UserError(f"autograde_tests/banks/{name}.py has mistakes of items without hidden checks: "
                        f"{', '.join(unknown)}")
    return bank


@functools.lru_cache(maxsize=8)
def gaps_of(source):
    """The gaps of a source. Nearly every variant begins with the solution, which is read once."""
    return gaps(source)


def replace_once(text, old, new):
    if text.count(old) != 1:
        raise ValueError(f"{old!r} occurs {text.count(old)} times in it, so it says nothing about what changes")
    return text.replace(old, new)


def variant(source, change):
    """Return the source with a change of a bank made."""
    for place, new in change.items():
        if place == "file":
            for pair in new:
                source = replace_once(source, *pair)
            continue
        found = [gap for gap in gaps_of(source) if gap.qualname == place]
        if len(found) != 1:
            raise ValueError(f"there are {len(found)} gaps {place!r}")
        gap, = found
        lines = source.split("\n")
        body = "\n".join(lines[gap.start:gap.end - 1]) + "\n"
        indent = " " * (len(body) - len(body.lstrip(" ")))
        if isinstance(new, str):
            body = textwrap.dedent(new).strip("\n") + "\n"
        else:
            body = textwrap.dedent(body)
            for pair in new:
                body = replace_once(body, *pair)
        lines[gap.start:gap.end - 1] = textwrap.indent(body, indent).rstrip("\n").split("\n")
        source = "\n".join(lines)
    return source


def packed(changes):
    """Join changes of different places: {"name, name, ...": change of all of them}."""
    packs = []
    for name, change in changes.items():
        for together, places in packs:
            if not places.keys() & change.keys():
                together.append(name)
                places.update(change)
                break
        else:
            packs.append(([name], dict(change)))
    return {", ".join(together): places for together, places in packs}


def judges(check, gap):
    """True if a hidden check is about this gap. A class stands for all gaps in it."""
    return gap == check.gap or gap.startswith(f"{check.gap}.")


def lost(items):
    """The items of a report that lost points, with what the student reads."""
    return {name: f"{item.status}: {item.message}. Hint: {item.hint}"
            for name, item in items.items() if item.points < item.max}


def fault(items, item, words):
    """What is wrong with the grading of a mistake, in words; "" if it costs points of its item and is named."""
    found = lost(items)
    if not found:
        return "nothing catches it"
    if list(found) != [item]:
        return f"it should cost points of {item} only: {found}"
    if words not in f"{items[item].message} {items[item].hint}":
        return f"{words!r} does not stand in what the student reads: {found[item]}"
    return ""


def run_public(name, source):
    """Run the public checks on a source text as if it were helpers/<name>.py, in this process: only for our own code.

    Returns those that did not pass: {check: message}.
    """
    module, path = types.ModuleType(f"helpers.{name}"), f"helpers/{name}.py"
    kept = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    linecache.cache[path] = len(source), None, source.splitlines(keepends=True), path  # for inspect and torch.jit
    try:
        exec(compile(source, path, "exec"), module.__dict__)
        results = [public.run(check) for check in public.names(name)]
    except Exception as error:
        return dict.fromkeys(public.names(name), f"the file cannot be imported: {error}")
    finally:
        if kept is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = kept
    return {result.name: f"{result.status}: {result.message}" for result in results if result.status != "passed"}


@contextlib.contextmanager
def graders(name, step):
    """A function that grades (source, checks, seed) in the background, some at once, and returns a Future of what
    `judge` returns. step() is called after each."""
    sandboxes = queue.SimpleQueue()

    def grade(source, checks, seed):
        sandbox = sandboxes.get()
        try:
            return judge(sandbox, source, checks, seed)
        finally:
            sandboxes.put(sandbox)
            step()

    with contextlib.ExitStack() as stack:
        for _ in range(JOBS):
            sandboxes.put(stack.enter_context(Sandbox(name, ROOT)))
        pool = ThreadPoolExecutor(JOBS)
        stack.callback(pool.shutdown, cancel_futures=True)  # after Ctrl-C only what has begun is finished
        yield functools.partial(pool.submit, grade)


def reach(bank, grade):
    """The hidden checks that run the code of each gap, {gap: checks}: those that fail if it ends the process.

    No other check can tell what stands in the gap.
    """
    waiting = {gap: grade(bank.source(gap, {gap: "__import__('os')._exit(1)"}), bank.checks, 0) for gap in bank.gaps}
    return {gap: [check for check, status in future.result()[1] if status != "passed"]
            for gap, future in waiting.items()}


def plan(bank, reached, seeds=1):
    """All gradings of an audit: {(kind, name, seed): (source, checks)}.

    Right variants and mistakes meet all checks that can tell them from the solution, each with so many seeds of its
    own. The solution meets all checks with ten seeds, and with as many the first mistake of each item meets its checks.
    """
    def concerned(change, item=None):
        if not change or "file" in change:
            return bank.checks
        functions = {check.function for gap in change for check in reached[gap]}
        return [check for check in bank.checks if check.function in functions or check in bank.about(item, change)]

    gradings = {("solution", "", seed): (bank.solution, bank.checks) for seed in SEEDS}

    def add(kind, name, *task):
        gradings.update({(kind, name, zlib.crc32(name.encode()) + k): task for k in range(seeds)})

    for name, change in bank.right.items():
        add("right", name, bank.source(name, change), concerned(change))
    if bank.coursework:
        add("right", OTHER_COURSE, bank.coursework, bank.checks)
    first = set()
    for name, (item, _, change) in bank.wrong.items():
        task = bank.source(name, change), concerned(change, item)
        add("wrong", name, *task)
        if item not in first:
            first.add(item)
            gradings.update({("first", name, seed): task for seed in SEEDS})
    return gradings


def measure(bank, bar, seeds=1):
    """Do the gradings, and the public checks meanwhile.

    Returns the reports' items, {key of the plan: items}, and the public checks that right variants and mistakes do not
    pass, {(kind, name): {check: message}}.
    """
    failed = {}
    with graders(bank.name, bar.update) as grade:
        gradings = plan(bank, reach(bank, grade), seeds)
        bar.reset(len(gradings) + len(bank.right) + len(bank.wrong) + bool(bank.coursework))
        waiting = {key: grade(*task, key[2]) for key, task in gradings.items()}
        for (kind, name, _), (source, _) in gradings.items():
            if kind in ("right", "wrong") and (kind, name) not in failed:
                failed[kind, name] = run_public(bank.name, source)
                bar.update()
        return {key: future.result()[0] for key, future in waiting.items()}, failed


def assess(bank, reports, failed):
    """Assess what `measure` saw.

    Returns the rows of the table, {item or "all": {column: list of yes and no}}, and the findings: one line for each
    thing that is not as it should be.
    """
    findings = []
    rows = {item: {column: [] for column in ("right", "caught", "unnamed", "uncaught", "public")}
            for item in (*bank.items, "all")}
    right, wrong, cases = dict.fromkeys(bank.gaps, 0), dict.fromkeys(bank.gaps, 0), {}

    def find(what, finding):
        findings.append(f"{bank.name}: {what}: {finding}")

    for (kind, name, seed), items in reports.items():
        cases.setdefault((kind, name), {})[seed] = items
    for (kind, name), graded in cases.items():
        what, found = f"{kind} {name!r}", {}
        for items in graded.values():
            found.update(lost(items))
        if kind in ("solution", "first"):
            what = "the solution" if kind == "solution" else f"wrong {name!r}"
            points = {seed: sum(item.points for item in items.values()) for seed, items in graded.items()}
            if len(set(points.values())) > 1:
                find(what, f"the score depends on the seed: {points}")
            elif kind == "solution" and set(points.values()) != {sum(bank.items.values())}:
                find(what, f"it does not get all {sum(bank.items.values())} points")
        elif kind == "right":
            passing, changed = tuple(bank.items), set(bank.right.get(name, ())) & set(bank.gaps)
            if name == OTHER_COURSE:
                passing, changed = bank.coursework_items, bank.judged(*bank.coursework_items)
            for gap in changed:
                right[gap] += 1
            for item in bank.items:
                if item in passing and changed & bank.judged(item):
                    rows[item]["right"].append(item not in found)
                if item in passing and item in found:
                    find(what, f"it loses points of {item}: {found[item]}")
                elif item not in passing and item not in found:
                    find(what, f"it gets all points of {item}, which it does not have")
            rows["all"]["right"].append(not found.keys() & set(passing))
            for check, message in failed[kind, name].items():
                if check.startswith(passing):
                    find(what, f"it does not pass the public check {check}: {message}")
        else:
            item, words, change = bank.wrong[name]
            for gap in set(change) & set(bank.gaps) or bank.judged(item):
                wrong[gap] += 1
            flaws = [flaw for items in graded.values() if (flaw := fault(items, item, words))]
            if flaws:
                find(what, (f"with {len(flaws)} of {len(graded)} seeds: " if len(graded) > 1 else "") + flaws[0])
            own = all(list(lost(items)) == [item] for items in graded.values())
            for row in (rows[item], rows["all"]):
                row["caught"].append(own)
                row["unnamed"].append(own and bool(flaws))
                row["uncaught"].append(not all(map(lost, graded.values())))
                row["public"].append(bool(failed[kind, name]))
    for counts, wanted, what in ((right, RIGHT_WANTED, "right variants"), (wrong, WRONG_WANTED, "mistakes")):
        for gap, count in counts.items():
            if count < wanted:
                find(gap, f"the bank has {count} {what} of this function, at least {wanted} are wanted")
    return rows, findings


def table(bank, rows):
    """Format the rows of an assignment as a Markdown table."""
    def share(values):
        return f"{sum(values)} of {len(values)}"

    points = {**bank.items, "all": sum(bank.items.values())}
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for item, row in rows.items():
        lines.append((f"{bank.name}, all" if item == "all" else item, points[item], share(row["right"]),
                      share(row["caught"]), sum(row["unnamed"]), sum(row["uncaught"]), share(row["public"])))
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(wanted=(), seeds=1):
    """Audit these assignments, or all that have a bank, and how hand-ins are taken in. Prints tables and findings;
    returns 1 if there are findings. seeds: with how many each right variant and each mistake is graded."""
    known = names() + [HANDINS] * (BANKS / f"{HANDINS}.py").is_file()
    for name in wanted:
        choose(name, dict.fromkeys(known), "bank")
    findings = []
    for name in dict.fromkeys(wanted) or known:
        findings += handins.main() if name == HANDINS else audit(name, seeds)
    print(*findings or ["Everything is as it should be."], sep="\n")
    return int(bool(findings))


def audit(name, seeds=1):
    """Audit an assignment. Prints a table, returns the findings."""
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)  # the sandboxes want the cores
    started = time.perf_counter()
    bank = load(name)
    with tqdm(total=len(bank.gaps), desc=f"audit {name}", unit=" gradings", leave=False) as bar:
        reports, failed = measure(bank, bar, seeds)
    rows, findings = assess(bank, reports, failed)
    print(table(bank, rows))
    print(f"{len(reports) + len(bank.gaps)} gradings, {len(failed)} runs of the public checks, "
          f"{time.perf_counter() - started:.0f} seconds.\n", flush=True)
    return findings
