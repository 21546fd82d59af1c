"""`./course audit` tells what is wrong with checks and banks. The bank here is a small one of vae, made to be bad."""
import dataclasses

import pytest

from coursekit import __main__ as instructor
from coursekit import audit
from coursekit.grading.report import Item
from helpers.given import __main__ as student

REPARAMETRIZE = "vae.reparametrize"
BANK = '''
COURSEWORK = "def interpolate(z0, z1, steps):\\n    return None\\n"
COURSEWORK_ITEMS = ()
RIGHT = {"the solution": {}, "no eps": {"reparametrize": "return mu"}}
WRONG = {
    "no mu": ("vae.reparametrize", "not mu", {"reparametrize": [("mu + ", "")]}),
    "nothing wrong": ("vae.reparametrize", "not mu", {"reparametrize": [("eps = ", "eps =  ")]}),
    "another item": ("vae.interpolate", "not mu", {"reparametrize": [("mu + ", "")]}),
    "named in other words": ("vae.reparametrize", "a full moon", {"reparametrize": [("mu + ", "")]}),
}
'''


@pytest.fixture
def bank(monkeypatch, tmp_path):
    """The bank vae of a course that has no other one. Two items, two seeds and one sandbox do."""
    (tmp_path / "vae.py").write_text(BANK)
    monkeypatch.setattr(audit, "BANKS", tmp_path)
    monkeypatch.setattr(audit, "SEEDS", range(2))
    monkeypatch.setattr(audit, "JOBS", 1)
    checks = [check for check in audit.load_checks("vae") if check.item in (REPARAMETRIZE, "vae.interpolate")]
    monkeypatch.setattr(audit, "load_checks", lambda name: checks)
    return tmp_path / "vae.py"


def course(*arguments):
    return student.main(arguments, instructor.COMMANDS)


def test_findings_and_exit_code(bank, capsys):
    assert course("audit", "vae") == 1
    out = capsys.readouterr().out
    assert "| vae.reparametrize | 4 | 0 of 1 | 2 of 3 | 1 | 1 | 2 of 3 |" in out
    assert "| vae.interpolate | 1 | 0 of 0 | 0 of 1 | 0 | 0 | 1 of 1 |" in out
    assert "| vae, all | 5 | 2 of 3 | 2 of 4 | 1 | 1 | 3 of 4 |" in out
    findings = [line for line in out.splitlines() if line.startswith("vae: ")]
    assert [line for line in findings if line.startswith("vae: right 'no eps': it loses points of vae.reparametrize: ")]
    assert [line for line in findings if line.startswith("vae: right 'no eps': it does not pass the public check ")]
    assert "vae: wrong 'nothing wrong': nothing catches it" in findings
    assert [line for line in findings if line.startswith("vae: wrong 'another item': it should cost points of vae.int")]
    assert [line for line in findings if line.startswith("vae: wrong 'named in other words': 'a full moon' does not ")]
    assert "vae: reparametrize: the bank has 1 right variants of this function, at least 5 are wanted" in findings
    assert "vae: VAE.forward: the bank has 0 mistakes of this function, at least 8 are wanted" in findings
    assert "right 'the solution'" not in out and "wrong 'no mu'" not in out and "depends on the seed" not in out


def test_a_mistake_that_only_some_seeds_show_is_found_with_several(bank, monkeypatch, capsys):
    """A check that looks away with each second seed. Without --seeds it may miss a mistake, and nobody knows."""
    real, solution = audit.judge, audit.load("vae").solution

    def judge(sandbox, source, checks, seed):
        return real(sandbox, solution if seed % 2 else source, checks, seed)

    monkeypatch.setattr(audit, "judge", judge)
    assert course("audit", "vae", "--seeds", "2") == 1
    out = capsys.readouterr().out
    assert "vae: wrong 'no mu': with 1 of 2 seeds: nothing catches it" in out
    assert "vae: wrong 'nothing wrong': with 2 of 2 seeds: nothing catches it" in out
    assert "| vae.reparametrize | 4 | 0 of 1 | 0 of 3 | 0 | 3 |" in out
    with pytest.raises(SystemExit):
        course("audit", "vae", "--seeds", "0")


def items(points):
    return {REPARAMETRIZE: Item(points, 4, "failed", "that is not mu")}


def test_all_is_well(monkeypatch, bank, capsys):
    """With a bank that has enough of everything, and gradings as they should be."""
    whole = audit.load("vae")
    one = dataclasses.replace(
        whole, solution=audit.variant(whole.solution, {}), coursework="", checks=whole.checks[:1],
        right={str(k): {"reparametrize": []} for k in range(5)},
        wrong={str(k): (REPARAMETRIZE, "not mu", {"reparametrize": []}) for k in range(8)})
    monkeypatch.setattr(audit.Bank, "gaps", ["reparametrize"])
    monkeypatch.setattr(audit, "load", lambda name: one)
    monkeypatch.setattr(audit, "measure", lambda bank, bar, seeds: (
        {key: items(4 if key[0] in ("solution", "right") else 0) for key in audit.plan(bank, {"reparametrize": []})},
        {(kind, name): {} for kind, names in (("right", bank.right), ("wrong", bank.wrong)) for name in names}))
    monkeypatch.setattr(audit.Bank, "items", {REPARAMETRIZE: 4})
    assert course("audit") == 0
    assert "Everything is as it should be." in capsys.readouterr().out


def test_score_that_depends_on_the_seed(bank):
    vae = audit.load("vae")
    reports = {("solution", "", 0): items(4), ("solution", "", 1): items(3)}
    _, findings = audit.assess(vae, reports, {})
    assert "vae: the solution: the score depends on the seed: {0: 4, 1: 3}" in findings


def test_unknown_name_and_broken_bank(bank, capsys):
    assert course("audit", "vea") == 2
    assert capsys.readouterr().err == "course: there is no bank 'vea'. Did you mean 'vae'? There is: vae\n"
    bank.write_text(BANK.replace("no mu", "typing slip").replace('"mu + "', '"my + "'))
    assert course("audit") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "autograde_tests/banks/vae.py, 'typing slip' does not fit the solution" in error


def test_only_checks_that_run_a_gap_can_tell_what_stands_there():
    """VAE.forward is judged with the student's own layers: its check runs VAE.__init__, the CVAE's do not."""
    vae = audit.load("vae")
    one = dataclasses.replace(vae, checks=[check for check in vae.checks if check.item in ("vae.VAE", "vae.CVAE")])
    with audit.graders("vae", lambda: None) as grade:
        reached = audit.reach(one, grade)
    names = {gap: {check.function.__name__ for check in checks} for gap, checks in reached.items()}
    assert names["VAE.__init__"] == {f"test_vae_{part}" for part in ("encoder", "decoder", "parameters", "forward")}
    assert names["VAE.forward"] == {"test_vae_forward"} and names["loss_function"] == set()
