"""`./course viva`: questions about what somebody wrote, a full set for everybody, and other ones for partners."""
import ast
import csv
import dataclasses
import html
import json
import re

import pytest

from coursekit import audit, pool
from coursekit.classes import demonstration, viva
from coursekit.classes.downloads import Person
from coursekit.classes.tables import plain
from coursekit.gaps import gaps, strip
from coursekit.grading.report import Item
from coursekit.questions import questions
from coursekit.viva import sets
from coursekit.viva.look import Found, look, shortened
from coursekit.viva.patterns import matches, pattern
from helpers.given.course import ROOT, assignments
from test_grade_class import course, grade_class, handed_in, made_up, quick, rows, start

NAMES = list(assignments())
EVERY = 12  # one of so many files of a bank is looked at here


def solution(name):
    return (ROOT / "helpers" / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("wanted, code, found", [
    ("randn(_x.shape)", "torch.randn(mu.shape)", {"_x": "mu"}),
    ("randn(_x.shape)", "torch.randn(mu.shape, device=mu.device)", None),
    ("randn(_x.shape, ...)", "torch.randn(mu.shape, device=mu.device)", {"_x": "mu"}),
    ("randn(*_x.shape)", "randn(*mu.shape)", {"_x": "mu"}),
    ("f(_x, _x)", "f(a + 1, a + 1)", {"_x": "a + 1"}),
    ("f(_x, _x)", "f(a, b)", None),
    ("f(_, _)", "f(a, b)", {}),
    ("2 * rand(...) - 1", "torch.rand(3, generator=g) * 2 - 1", {}),
    ("2 * rand(...) - 1", "1 - 2 * torch.rand(3)", None),
    ("_.to(...)", "x.to(d)", {}),
    ("Linear(..., bias=False)", "nn.Linear(3, 4, bias=False)", {}),
    ("Linear(..., bias=False)", "nn.Linear(3, 4, bias=True)", None),
    ("1", "True", None),
    ("with no_grad(): ...", "with torch.no_grad():\n    x = 1\n    y = 2", {}),
    ("for _i in _n: ...", "for k, t in enumerate(v):\n    f()", {"_i": "(k, t)", "_n": "enumerate(v)"}),
    ("[_e for _x in _all]", "[f(x) for x in y]", {"_e": "f(x)", "_x": "x", "_all": "y"}),
    ("if _t > 0: ...", "if t > 0:\n    f()", {"_t": "t"}),
    ("x += _", "x += 1", {}),
    ("self.mu_layer = Linear(...)", "self.mu_layer = nn.Linear(2, 3)", {}),
])
def test_patterns(wanted, code, found):
    node, bound = pattern(code), {}
    assert matches(pattern(wanted), node, bound) == (found is not None)
    if found is not None:
        assert {name: ast.unparse(each) for name, each in bound.items()} == found


@pytest.mark.parametrize("name", [*NAMES, sets.GENERAL])
def test_questions_are_well_made(name):
    """Their gaps are there, and whatever they name is found by each of their patterns."""
    rules = {rule: asked for rule, asked in sets.rules_of(name if name in NAMES else "vae").items()
             if rule.startswith(f"{name}: ")}
    assert len(rules) >= 12
    known = {gap.qualname for gap in gaps(solution(name))} if name in NAMES else set()
    for rule, asked in rules.items():
        assert asked.keys() <= {"code", "gap", "without", "ask", "model"} and asked["ask"].count("?") >= 1, rule
        for gap in asked["gap"] if isinstance(asked.get("gap"), list) else filter(None, [asked.get("gap")]):
            assert gap in known or any(each.startswith(f"{gap}.") for each in known), (rule, gap)
        named = set(re.findall(r"\{(_\w+)\}", asked["ask"] + asked["model"]))
        codes = asked["code"] if isinstance(asked["code"], list) else [asked["code"]]
        for code in filter(None, codes):
            there = {node.id for node in ast.walk(pattern(code)) if isinstance(node, ast.Name)}
            assert named <= there, (rule, code)


# The rule, the gap and what stands there, and whether it is asked about.
FIRES = [
    ("vae: eps on the processor", "reparametrize", "return mu + torch.randn(mu.shape) * torch.exp(logvar / 2)", True),
    ("vae: eps on the processor", "reparametrize", "return mu + torch.randn_like(mu) * torch.exp(logvar / 2)", False),
    ("vae: eps on the processor", "reparametrize", "return mu + torch.randn(mu.shape).to(mu) * torch.exp(logvar / 2)",
     False),
    ("vae: eps on the processor", "reparametrize", "return mu + torch.randn(mu.shape, device=mu.device)", False),
    ("vae: eps on the processor", "interpolate", "return torch.randn(z0.shape)", False),
    ("vae: sum, then mean", "loss_function", "return F.binary_cross_entropy(x_hat, x, reduction='sum') / len(x)", True),
    ("vae: sum, then mean", "loss_function", "return F.binary_cross_entropy(x_hat, x)", False),
    ("vae: half of logvar", "reparametrize", "return mu + (logvar * 0.5).exp() * torch.randn_like(mu)", True),
    ("vae: half of logvar", "reparametrize", "return mu + logvar.exp() * torch.randn_like(mu)", False),
    ("gan: detached images", "update", "d_loss = discriminator_loss(D(x), D(G(noise).detach()))", True),
    ("gan: detached images", "update", "d_loss = discriminator_loss(D(x), D(G(noise)))", False),
    ("gan: log of a sigmoid", "generator_loss", "return -torch.log(torch.sigmoid(logits_fake)).mean()", True),
    ("gan: log of a sigmoid", "generator_loss", "return F.softplus(-logits_fake).mean()", False),
    ("gan: softplus", "generator_loss", "return F.softplus(-logits_fake).mean()", True),
    ("autoencoder: every image alike", "mean_loss", "total = reconstruction_loss(model(x), x).item() * len(x)", True),
    ("autoencoder: every image alike", "mean_loss", "total = reconstruction_loss(model(x), x).item()", False),
    ("diffusion: clipped", "cosine_schedule", "betas = (1 - torch.cos(x)).clamp(1e-4, 0.9999)", True),
    ("diffusion: not clipped", "cosine_schedule", "betas = (1 - torch.cos(x)).clamp(1e-4, 0.9999)", False),
    ("diffusion: not clipped", "cosine_schedule", "betas = 1 - torch.cos(x)", True),
    ("flowers: probabilities", "Discriminator.__init__", "self.layers = nn.Sequential(nn.Flatten(1), nn.Sigmoid())",
     True),
    ("flowers: probabilities", "Discriminator.__init__", "self.layers = nn.Conv2d(3, 1, 4)", False),
    ("faces: generator left alone", "discriminator_step", "with torch.no_grad():\n    fake = generator(images, labels)",
     True),
    ("faces: generator left alone", "generator_step", "with torch.no_grad():\n    fake = generator(images, labels)",
     False),
    ("general: evaluation mode", "translate", "generator.eval()", True),
]


@pytest.mark.parametrize("rule, gap, code, fires", FIRES)
def test_questions_are_asked_where_they_should_be(rule, gap, code, fires):
    name = next(name for name in NAMES for each in gaps(solution(name)) if each.qualname == gap and (
        rule.startswith((f"{name}: ", "general: "))))
    source = audit.variant(solution(name), {gap: code})
    found, _, problem = look(source, strip(solution(name)), sets.rules_of(name))
    assert not problem and any((one.rule, one.function) == (rule, gap) for one in found) == fires


@pytest.mark.parametrize("name", NAMES)
def test_all_files_of_a_bank_get_a_full_set(name):
    """Right variants and mistakes: every question quotes a line that stands there and was not given."""
    bank, given, rules = audit.load(name), strip(solution(name)), sets.rules_of(name)
    solved, about = sets.solutions(name), questions(name)
    changes = [*bank.right.items(), *((key, change) for key, (_, _, change) in bank.wrong.items())][::EVERY]
    before = []
    for key, source in [*((key, bank.source(key, change)) for key, change in changes), ("other", bank.coursework)]:
        found, first, problem = look(source, given, rules)
        assert not problem, key
        lines, known = source.split("\n"), {line.strip() for line in given.split("\n")}
        report = dataclasses.replace(made_up(key), assignment=name)
        asked = sets.questions_about(found, first, rules, report, about, solved)
        for one in asked:
            if one.line:
                assert one.quote == shortened(lines[one.line - 1]) and lines[one.line - 1].strip() not in known
            assert "{found}" not in one.ask and "{_" not in one.ask + one.model, one
        mine = sets.choose(asked, key, 1, (), before)
        assert mine == sets.choose(asked[::-1], key, 1, (), before), "the seed decides"
        assert len(mine) == sets.COUNT and len({one.rule for one in mine}) == sets.COUNT, key
        assert not {one.rule for one in mine} & {one.rule for one in before}, "the neighbour is asked something else"
        assert sum(one.kind == "code" for one in mine) >= 2
        partners = [mine]
        for partner in "bc":
            partners.append(sets.choose(asked, partner, 1, partners, before))
        rules_of_all = [one.rule for of_one in partners for one in of_one]
        assert len(set(rules_of_all)) == len(rules_of_all) == 3 * sets.COUNT, "partners share no question"
        before = partners[-1]


HOSTILE = {
    "parentheses": "x = " + "(" * 900 + ")" * 900,
    "nested lists": "\n".join(["x = ["] + ["["] * 20_000),
    "minus": "x = (" + "\n".join("-" * 900 for _ in range(50)) + "\n1)",
    "powers": "x = (" + "\n".join("2 **" for _ in range(9000)) + " 2)",
    "attributes": "x = (a" + "\n.b" * 20_000 + ")",
    "sums": "x = (1" + "\n+ 1" * 16_000 + ")",
    "an endless line": "x = '" + "a" * 2000 + "'",
    "too long": "# a\n" * 20_000,
    "no Python": "def f(:\n",
    "a null byte": "x = 1\0",
    "half a character": "x = '\udc80'",
    "blanks": " " * 900 + "\n\t\n",
    "nothing": "",
}


@pytest.fixture(scope="module")
def of_hostile(tmp_path_factory):
    """What is found in the hostile files, by the process that reads them."""
    rules, given = sets.rules_of("vae"), strip(solution("vae"))
    tasks = [(name, (source, given, rules)) for name, source in HOSTILE.items()]
    folder = tmp_path_factory.mktemp("hostile")
    return {name: result for name, result, _ in pool.local(look, tasks, 1, folder, deadline=30)}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_get_a_full_set(of_hostile, name):
    result = of_hostile[name]
    found, first, problem = ([], {}, result.reason) if isinstance(result, pool.Failure) else result
    asked = sets.questions_about(found, first, sets.rules_of("vae"), made_up(), (), sets.solutions("vae"))
    mine = sets.choose(asked, "a", 1)
    other = sets.choose(asked, "b", 1, [mine])
    assert len(mine) == len(other) == sets.COUNT and mine != other
    assert all(len(one.quote) <= 161 for one in mine)
    if name in ("parentheses", "no Python", "a null byte", "an endless line", "too long"):
        assert problem and {one.kind for one in mine} == {"topic"}


def test_our_solution_is_shown_without_its_indent():
    code, about = sets.solutions("vae")
    shown = code["VAE.__init__"].split("\n")
    assert shown[0] == "hidden = 400" and shown[-1] == "..." and len(shown) == sets.LINES + 1
    assert about["VAE.__init__"].startswith("Fully connected VAE")


def test_code_with_braces_stays_as_it_is():
    found = Found("vae: randn_like", "reparametrize", 3, "q", {"found": "randn_like({_x})", "_x": "{found}"})
    asked = sets.questions_about([found], {}, sets.rules_of("vae"), made_up(), (), ({}, {}))
    assert asked[-1].ask.startswith("What does `randn_like({_x})` take from {found}, and")


def test_slips_answers_and_trained_weights_are_asked_about():
    about = questions("vae")
    report = dataclasses.replace(made_up(loss_function=2), answers={about[0].id: "Since  it\nis. " * 100})
    report.items["vae.CVAE"] = Item(0, 3, "missing", "open")
    report.items["trained.vae"] = Item(2, 6, "failed", "the bound is 131.2")
    shown = dataclasses.replace(report.notebook, pictures=[(4, "pictures/1.png")])
    report = dataclasses.replace(report, notebook=shown)
    asked = sets.questions_about([], {"loss_function": (9, "return x")}, {}, report, about, sets.solutions("vae"))
    told = {one.rule: one for one in asked if one.kind != "topic"}
    assert list(told) == ["slip: vae.loss_function", "slip: vae.CVAE", f"answer: {about[0].title}",
                          "trained: trained.vae", "figure: cell 4"]
    assert told["slip: vae.loss_function"].line == 9 and "got 3 <b>" in told["slip: vae.loss_function"].ask
    assert "not done" in told["slip: vae.CVAE"].ask and "131.2" in told["trained: trained.vae"].ask
    assert told[f"answer: {about[0].title}"].ask.endswith("text.") and "…” Explain" in told[
        f"answer: {about[0].title}"].ask


# The command

@pytest.fixture
def graded(tmp_path):
    """A group of two, one alone, one with nothing, one whose file nobody can read."""
    folder = handed_in(tmp_path / "in", "group", "Ada <b>", "nothing", "unread")
    hostile = solution("vae").replace("eps = torch.randn_like(mu)", "eps = torch.randn(mu.shape)  # </pre><script>")
    assert "<script>" in hostile
    for name in ("group", "Ada <b>"):
        (folder / name / "vae.py").write_text(hostile)
    results = start(tmp_path / "out", folder)
    grade_class(results, quick)
    people = [Person(name="Bea", login="bea"), Person(name="Cy", login="cy")]
    for one, row in zip(results.submissions, results.settings["submissions"]):
        report = results.report(one)
        if one.name == "group":
            row["members"] = [dataclasses.asdict(person) for person in people]
        if one.name in ("nothing", "unread"):
            status = "missing" if one.name == "nothing" else "open"
            items = {name: Item(0, item.max, status, "cannot grade: no file") for name, item in report.items.items()}
            results.save(one, dataclasses.replace(report, items=items), None)
    (results.folder / "class.json").write_text(json.dumps(results.settings))
    return results


def sheet(results):
    with open(results.folder / "viva.csv", encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def type_in(results, name, points):
    path = results.folder / "viva.csv"
    table = rows(path)
    for row in table[1:]:
        row[3] = points if row[2] == name else row[3]
    with open(path, "w", newline="") as stream:
        csv.writer(stream).writerows(table)


def asked_of(results, name):
    return [row["answer"] for row in sheet(results) if row["student"] == name]


def test_the_sheets(graded, capsys):
    assert course("viva", graded.folder, "--seed", 4) == 0
    told = capsys.readouterr().out
    assert "seed 4" in told and "nothing (nothing was handed in)" in told
    table = sheet(graded)
    assert [row["student"] for row in table[::5]] == ["Ada <b>", "Bea", "Cy", "nothing", "unread"]
    bea, cy, ada = (asked_of(graded, name) for name in ("Bea", "Cy", "Ada <b>"))
    assert not set(bea) & set(cy) and not set(ada) & set(bea)
    assert [row["points"] for row in table if row["student"] == "nothing"] == ["0"] * 5
    assert {(row["points"], row["comment"]) for row in table if row["student"] == "unread"} == {
        ("", f"{demonstration.OPEN}no file")}
    page = (graded.folder / "viva.html").read_text(encoding="utf-8")
    assert "<script" not in page and "Ada &lt;b&gt;" in page and page.count('class="sheet"') == 3
    shown = html.unescape(page)
    for row in table:
        for line in plain(row["answer"]).split("\n"):
            assert re.sub(r"^Line \d+: ", "", line) in shown
    assert course("viva", graded.folder) == 0
    assert sheet(graded) == table and (graded.folder / "viva.html").read_text(encoding="utf-8") == page


def test_points_count_and_keep_their_questions(graded, capsys):
    course("viva", graded.folder, "--seed", 4, "--points", 5)
    before = {name: asked_of(graded, name) for name in ("Ada <b>", "Bea")}
    type_in(graded, "Bea", "3,5")
    assert course("viva", graded.folder, "--seed", 9) == 0
    assert "asked with another seed, so that stays: Bea" in capsys.readouterr().out
    assert asked_of(graded, "Bea") == before["Bea"] and asked_of(graded, "Ada <b>") != before["Ada <b>"]
    header, *table = rows(graded.folder / "gradebook.csv")
    column = header.index("Question 2 (demonstration)")
    assert {row[0]: row[column] for row in table} == {"Ada <b>": "", "Bea": "3.5", "Cy": "", "nothing": "0",
                                                      "unread": ""}
    group = next(one for one in graded.submissions if one.name == "group")
    assert "3.5 of 5" in (graded.of(group) / "report-1.html").read_text(encoding="utf-8")


def test_what_has_changed_is_asked_anew(graded, tmp_path):
    course("viva", graded.folder, "--seed", 4)
    before = {name: asked_of(graded, name) for name in ("Ada <b>", "Bea")}
    one = next(one for one in graded.submissions if one.name == "Ada <b>")
    graded.save(one, graded.report(one), solution("vae"))
    course("viva", graded.folder)
    assert asked_of(graded, "Bea") == before["Bea"] and asked_of(graded, "Ada <b>") != before["Ada <b>"]


def test_a_file_that_ends_its_reader_costs_nobody_else(graded, monkeypatch):
    monkeypatch.setattr(pool, "local", lambda function, tasks, *_, **__: (
        (key, pool.Failure("the grading process died") if task[0].count("script") else function(*task), 1)
        for key, task in tasks))
    course("viva", graded.folder, "--seed", 4)
    assert len(asked_of(graded, "Ada <b>")) == 5
    assert "its code cannot be read: the grading process died" in (graded.folder / "viva.html").read_text()


@pytest.mark.parametrize("broken", ["{", "[]", '{"seed": 1, "of": {"a": {}}}', None])
def test_sheets_whose_questions_are_gone(graded, capsys, broken):
    course("viva", graded.folder, "--seed", 4)
    path = graded.folder / "viva.json"
    path.unlink() if broken is None else path.write_text(broken)
    assert course("answers", graded.folder) == 0  # another command goes on, and these marks are open
    assert "viva.json" in capsys.readouterr().out
    if broken is None:
        assert course("viva", graded.folder, "--seed", 4) == 0
    else:
        assert course("viva", graded.folder) == 2 and "delete it" in capsys.readouterr().err


def test_an_assignment_without_questions_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(sets, "ROOT", tmp_path)
    assert sets.rules_of("vae") == {}


def test_looked_into_needs_no_file(graded):
    assert viva.looked_into(graded, [], {}) == {}
