"""Which questions somebody is asked: a set of them from all that can be asked about a file and its report.

Who hands in together has the same file, and gets other questions as long as there are any; who is next on the list
gets others where that can be. All is decided by the seed and the key.
"""
import ast
import random
import re
import runpy
import textwrap
from dataclasses import dataclass

from coursekit.gaps import functions, gaps
from helpers.given.course import ROOT, assignments

COUNT, MINUTES = 5, 10
# What a set is made of, as far as there is any: first what tells most about this student.
PLAN = "slip", "work", "code", "code", "line", "code", "slip", "line", "topic", "topic", "topic", "topic", "topic"
LINES = 8  # of our solution, in a model answer
GENERAL = "general"
QUOTED = 300  # characters of an answer or a message


@dataclass(frozen=True)
class Asked:
    """One question. kind: slip, work, code, line, topic: see `questions_about`. rule: what it is called, the same for
    all who are asked it. line: the number of the quoted line, 0 for none. solution: ours, for the examiner."""

    kind: str
    rule: str
    ask: str
    model: str
    function: str = ""
    line: int = 0
    quote: str = ""
    solution: str = ""

    @property
    def text(self):
        """The question as plain text."""
        return f"Line {self.line}: {self.quote}\n{self.ask}" if self.line else self.ask


def rules_of(assignment):
    """The questions about code, {name: as in coursekit.viva}: those of the assignment, if it has some, and the general
    ones, whose names begin with GENERAL."""
    folder, found = ROOT / "autograde_tests" / "viva", {}
    for name in (assignment, GENERAL):
        if (folder / f"{name}.py").is_file():
            questions = runpy.run_path(str(folder / f"{name}.py"))["QUESTIONS"]
            found.update({f"{name}: {rule}": asked for rule, asked in questions.items()})
    return found


def solutions(assignment):
    """What our solution has in each gap, {function: its lines}, and what each is for, {function: docstring}."""
    source = (ROOT / assignments()[assignment].helper).read_text(encoding="utf-8")
    lines, tree, code = source.split("\n"), ast.parse(source), {}
    for gap in gaps(source):
        code.setdefault(gap.qualname, []).extend(lines[gap.start:gap.end - 1])
    whole = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.ClassDef)}
    about = {name: ast.get_docstring(node) or whole.get(name.partition(".")[0]) or ""
             for name, node in functions(tree)}
    return {name: textwrap.dedent("\n".join(part[:LINES])) + "\n..." * (len(part) > LINES)
            for name, part in code.items()}, about


def questions_about(found, first, rules, report, written, solved):
    """All that can be asked of somebody, [Asked].

    slip: about an item that lost points. work: about what was written, trained and drawn. code, line: about a line of
    theirs, by the assignment's questions and the general ones. topic: about what a gap is for.

    Args:
        found, first: see look. rules: see rules_of. report: the Report. written: the notebook's Questions.
        solved: see solutions.
    """
    code, about = solved
    asked = [*slips(report, first, code), *work(report, written)]
    for one in found:
        kind = "line" if one.rule.startswith(f"{GENERAL}: ") else "code"
        ask, model = (filled(rules[one.rule][part], one.texts) for part in ("ask", "model"))
        asked.append(Asked(kind, one.rule, ask, model, one.function, one.line, one.quote,
                           code.get(one.function, "") if kind == "line" else ""))
    for name in code:
        what = about[name].split("\n\n")[0].replace("\n", " ")
        asked.append(Asked("topic", f"topic: {name}", f"What has {name} to do, and what would fail without it? How did "
                           "you go about it?", what, name, solution=code[name]))
    return asked


def filled(text, texts):
    """A question with the code that it is about. All at once: that code may hold braces, too."""
    return re.sub(r"\{(found|_\w+)\}", lambda match: texts.get(match[1], match[0]), text)


def slips(report, first, code):
    """About the items that lost points."""
    for name, item in report.items.items():
        if item.points >= item.max or name.startswith("trained."):
            continue
        about = name.partition(".")[2]
        places = [gap for gap in code if gap == about or gap.startswith(f"{about}.")]
        place = next((gap for gap in places if gap in first), "")
        solved = code[places[0]] if places else ""
        if item.status == "missing":
            yield Asked("slip", f"slip: {name}", f"{about} is not done in your file. What has it to do, and how would "
                        "you begin?", "What its docstring says.", about, solution=solved)
        else:
            line, quote = first.get(place, (0, ""))
            yield Asked("slip", f"slip: {name}", f"The check of {name} says: “{item.message[:QUOTED]}”. What would "
                        "you change, and where?", item.hint, place or about, line, quote, solved)


def work(report, written):
    """About the written answers, the trained weights and the figures of the notebook."""
    for question in written:
        if answer := " ".join((report.answers or {}).get(question.id, "").split()):
            said = answer if len(answer) <= QUOTED else f"{answer[:QUOTED]}…"
            yield Asked("work", f"answer: {question.title}", f"To “{question.title}” you wrote: “{said}” Explain it "
                        "with an example that does not stand in your text.", question.model)
    for name, item in report.items.items():
        if name.startswith("trained.") and item.status not in ("missing", "open"):
            said = f": “{item.message[:QUOTED]}”" if item.message else ""
            yield Asked("work", f"trained: {name}", f"Your weights {name.partition('.')[2]} got {item.points:g} of "
                        f"{item.max:g} points{said}. How did you train them, how did you see that it was enough, and "
                        "what would make them better?",
                        "Steps, learning rate and stop as in their settings.json and curve.csv; the curve at its end; "
                        "one change with a reason. Who trained them knows how long it took.")
    for cell, picture in report.notebook.pictures:
        yield Asked("work", f"figure: cell {cell}", f"The figure of cell {cell} in your report: what do you see in it, "
                    "what did you expect, and which line of yours would change it most?",
                    f"It stands in {picture} beside the report, made in the short profile. A good answer names a line "
                    "and says what would be seen.")


def choose(asked, key, seed, partners=(), neighbour=()):
    """A set of COUNT of the questions, [Asked]. partners: the sets of who has the same file. neighbour: the set of who
    is before on the list."""
    draw = random.Random(f"{seed} {key}")
    asked = sorted(asked, key=lambda one: (one.rule, one.function, one.line, one.ask))
    draw.shuffle(asked)
    theirs, next_to = {one.rule for of_one in partners for one in of_one}, {one.rule for one in neighbour}
    taken = []

    def is_free(one, strict):
        """strict: 0 not asked twice; 1 and no partner is asked it; 2 and no neighbour; 3 and nothing else about the
        same function."""
        fresh = all(one.rule != other.rule and (not one.line or one.line != other.line) for other in taken)
        return fresh and (strict < 1 or one.rule not in theirs) and (strict < 2 or one.rule not in next_to) and (
            strict < 3 or one.function not in {other.function for other in taken})

    for stages in ((3, 2), (1,), (0,)):
        for kind in PLAN:
            for strict in stages:
                free = [one for one in asked if one.kind == kind and is_free(one, strict)]
                if free and len(taken) < COUNT:
                    taken.append(free[0])
                    break
    return taken
