"""What `python -m helpers.given points` says when the student's code misbehaves, and how it says it."""
import os
import queue
import shutil
import struct
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from coursekit import release
from helpers.given import points
from helpers.given.course import ROOT
from helpers.given.points import Line

# Less patience than in real life.
RUN = ("import sys\nfrom helpers.given import points\nsys.stdout.reconfigure(errors='backslashreplace')\n"
       "points.CHECK = 10\nsys.exit(points.tell())")


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student") / "edition"
    release.release(ROOT, folder, "vae")
    return folder


@pytest.fixture
def student(released, tmp_path):
    """A function that tells the points of a release whose helpers/vae.py has this text: (the process, its lines)."""
    def run(source=None):
        folder = shutil.copytree(released, tmp_path / "edition")
        if source is not None:
            (folder / "helpers/vae.py").write_text(source, encoding="utf-8")
        done = subprocess.run([sys.executable, "-c", RUN], cwd=folder, text=True, capture_output=True,
                              env={**os.environ, "OMP_NUM_THREADS": "1"})
        lines = {line[10:].split()[0]: line for line in done.stdout.splitlines()[:-1] if not line.startswith(" ")}
        return done, lines
    return run


def solution(**changes):
    """The solution of vae with the first line of some functions' bodies put before what they do."""
    source = (ROOT / "helpers/vae.py").read_text(encoding="utf-8")
    for function, line in changes.items():
        head, body = source.split(f"def {function}(", 1)
        place = body.index("    # BEGIN SOLUTION")
        source = f"{head}def {function}({body[:place]}    {line}\n{body[place:]}"
    return source


def test_what_is_not_begun_is_no_failure(student):
    done, lines = student()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines["vae"].split() == "not begun vae 0 of 17".split() and "0 of 18 points" in done.stdout


def test_a_check_that_ends_python_or_never_comes_back_is_lost_alone(student):
    done, lines = student(solution(get_mu_logvar="__import__('os')._exit(0)",
                                   interpolate="__import__('time').sleep(99)"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert {name for name, line in lines.items() if not line.startswith("passed")} == {
        "vae.get_mu_logvar", "vae.interpolate"}, done.stdout
    assert "it ended Python (exit code 0)" in done.stdout and "no answer within 10 seconds" in done.stdout
    assert "16 of 18 points" in done.stdout


def test_a_file_that_ends_python_is_tried_three_times_only(student):
    done, lines = student("import os\nos._exit(7)\n")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("it ended Python (exit code 7)") == points.LOST
    assert "not tried: 3 checks of this file got no answer" in done.stdout and "0 of 17" not in done.stdout
    assert all(line.startswith("error") for name, line in lines.items() if name.startswith("vae."))


def test_forged_words_of_the_process_are_no_result(student):
    """A reply that is no JSON counts as none; and it is not unpickled."""
    done, lines = student(solution(reparametrize="forge()") + '''

def forge():
    import gc
    from multiprocessing.connection import Connection
    for pipe in (each for each in gc.get_objects() if isinstance(each, Connection)):
        pipe.send("a pickle")
''')
    assert lines["vae.reparametrize"].startswith("error"), done.stdout + done.stderr


def test_what_is_renamed_stays_in_the_total(released, tmp_path):
    folder = shutil.copytree(released, tmp_path / "edition")
    (folder / "helpers/vae.py").rename(folder / "helpers/my_vae.py")
    done = subprocess.run([sys.executable, "-c", RUN], cwd=folder, text=True, capture_output=True)
    assert done.returncode == 1 and "0 of 18 points" in done.stdout, done.stdout + done.stderr
    assert "helpers/vae.py is not there" in done.stdout


def a_process():
    """A points.Checks, and the end of its pipe that its process would have."""
    asked, nothing = points.Checks.__new__(points.Checks), SimpleNamespace(
        join=lambda *_: None, kill=lambda: None, exitcode=None)
    asked.pipe, theirs = points.SPAWN.Pipe()
    asked.process, asked.replies = nothing, queue.Queue()
    threading.Thread(target=asked.listen, daemon=True).start()
    return asked, theirs


@pytest.mark.parametrize("reply", ["b'5'", "b'[]'", "b'[\"passed\", 1, 2]'", "b'[' * 100000", "b'{'"])
def test_replies_of_another_form_are_no_answer(reply):
    """Said by the process in place of [status, message, hint]."""
    asked, theirs = a_process()
    theirs.send_bytes(eval(reply))
    with pytest.raises(points.Silent, match="no usable answer"):
        asked.ask("vae.VAE", 5)


def test_half_a_reply_does_not_hold_up_the_rest():
    asked, theirs = a_process()
    os.write(theirs.fileno(), struct.pack("!i", 5))
    with pytest.raises(points.Silent, match="no answer within 1 seconds"):
        asked.ask("vae.VAE", 1)


def test_a_long_message_with_half_a_character_is_cut_and_told(student):
    done, lines = student(solution(interpolate="raise ValueError('\\ud83d' + 'x' * 10_000_000)"))
    assert done.returncode == 1 and len(done.stdout) < 10_000, done.stderr
    assert lines["vae.interpolate"].startswith("error") and lines["vae.CVAE"].startswith("passed")


def test_a_message_cannot_break_the_table_of_the_summary():
    lines = [Line("vae.VAE", "failed", 0, 2, "a | b\n<script>`*_[x](y)", "look\nhere"), Line("style", "passed", 1, 1)]
    *_, row, last = points.as_markdown(lines).strip().splitlines()
    assert row == (r"| vae.VAE | failed | 0 of 2 | a \| b<br>\<script\>\`\*\_\[x\](y)<br>Hint: look<br>here |")
    assert last == "| style | passed | 1 of 1 |  |"


def test_all_forms_have_one_total():
    lines = [Line("vae.VAE", "passed", 2, 2), Line("gan", "not begun", 0, 9), Line("style", "failed", 0, 1)]
    assert points.in_words(lines).startswith("2 of 12 points")
    told = points.as_json(lines)
    assert (told["score"], told["max-score"], len(told["tests"])) == (2, 12, 3)
    assert list(points.notices(lines)) == ["::notice title=Autograding complete::Points 2/12",
                                           '::notice title=Autograding report::{"totalPoints":2,"maxPoints":12}']
