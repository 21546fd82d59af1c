"""What classes hand in is taken in fairly: each class of the bank autograde_tests/banks/handins.py."""
import pytest

from coursekit import handins

CLASSES = handins.load()


@pytest.mark.parametrize("one", CLASSES, ids=lambda one: one.kind)
def test_a_class_is_taken_in_fairly(tmp_path, one):
    assert handins.judge(handins.as_written(one), tmp_path) == []


def test_a_class_of_many_platforms(tmp_path):
    """The audit has a thousand. Nobody of them is taken for another one."""
    one = handins.mixed(CLASSES, 150)
    assert len(one.fair) >= 150 and handins.judge(one, tmp_path) == []


def test_what_is_unfair_is_found(tmp_path):
    """Another file than expected, a zero in the place of an open mark, somebody who is nobody, a class not refused."""
    tree = {"ada/vae.py": "OTHER", "bob/notes.png": "x", "eve/vae.py": "SOLUTION", "status.xlsx": "x"}
    one = handins.Class("", tree, {"ada": "SOLUTION", "bob": "open: look into it", "ian": "nothing"}, told="Moodle")
    (tmp_path / "1").mkdir()
    found = "\n".join(handins.judge(one, tmp_path / "1"))
    assert "ada: what: expected 'SOLUTION', came 'OTHER'" in found
    assert "bob: what: expected 'open: look into it', came 'nothing'" in found
    assert "names: expected ['ada', 'bob', 'ian'], came ['ada', 'bob', 'eve']" in found
    assert "nobody's: expected set(), came {'status.xlsx'}" in found and "told: expected True, came" in found
    (tmp_path / "2").mkdir()
    assert "is not refused" in str(handins.judge(handins.Class("", tree, refused="one submission"), tmp_path / "2"))
    (tmp_path / "3").mkdir()
    assert "it is refused: " in str(handins.judge(handins.Class("", {"vae.py": "SOLUTION"}), tmp_path / "3"))
