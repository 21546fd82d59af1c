"""Submissions that are broken or hostile: one clear line, zero for what is affected, the rest counted, no traceback."""
import os
import re
import subprocess
import time
import zipfile

import pytest

from attacks import repository, with_file
from coursekit.gaps import gaps
from coursekit.grading import ask, choose, files, handin
from coursekit.grading import repository as git
from coursekit.grading.judge import judge, load_checks
from coursekit.sandbox import Sandbox, walls
from helpers.given.course import ROOT

SOLUTION = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
CHECKS = load_checks("vae")
needs_wall = pytest.mark.skipif(not walls.best().isolates, reason="student code cannot be isolated on this machine")


def instead(gap_name, *statements):
    """Return the solution with these statements in front of what a gap holds."""
    gap, = [gap for gap in gaps(SOLUTION) if gap.qualname == gap_name]
    lines = SOLUTION.split("\n")
    indent = lines[gap.start - 1].partition("#")[0]
    lines[gap.start:gap.start] = [indent + line for text in statements for line in text.split("\n")]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("vae", ROOT) as running:
        yield running


def items_of(sandbox, source):
    """Grade a source text and assert what holds for every report."""
    items, _ = judge(sandbox, source, CHECKS, seed=7)
    assert set(items) == {check.item for check in CHECKS}
    for item in items.values():
        assert (item.status == "passed") == (item.points == item.max)
        assert bool(item.message) == (item.status != "passed")
        assert "\n" not in item.message and "Traceback" not in item.message
    return items


# The file cannot be imported: nothing gets points, and every item says why.

@pytest.mark.parametrize("source, status, words", [
    ("def f(:\n", "error", "SyntaxError: invalid syntax (vae.py, line 1)"),
    ("from os import there_is_no_such_name\n", "error", "cannot import name 'there_is_no_such_name'"),
    ("while True:\n    pass\n", "timeout", "no answer within 1.5 seconds"),
    ("while True:\n    print('x' * 10 ** 6)\n", "timeout", "no answer within 1.5 seconds"),
    ("import os\nos._exit(0)\n", "error", "the process ended before it answered"),
    ("import sys\nsys.exit('enough')\n", "error", "SystemExit: enough (vae.py, line 2)"),
    ("raise KeyboardInterrupt\n", "error", "KeyboardInterrupt (vae.py, line 1)"),
    ("x = '\0'\n", "error", "null bytes"),
    ("import ctypes\nctypes.string_at(0)\n", "error", "killed by signal 11"),
], ids=["syntax error", "unknown name", "endless loop", "endless print", "os._exit", "sys.exit", "KeyboardInterrupt",
        "null byte", "crash"])
def test_file_that_cannot_be_imported(sandbox, monkeypatch, source, status, words):
    monkeypatch.setattr(ask, "LOAD_TIMEOUT", 1.5)
    for item in items_of(sandbox, source).values():
        assert item.points == 0 and item.status == status
        assert item.message.startswith("the file cannot be imported: ") and words in item.message


@pytest.mark.parametrize("source", ["", "'''Only a docstring.'''\n",
                                    "import there_is_no_such_package\n"])
def test_file_without_the_names(sandbox, source):
    for name, item in items_of(sandbox, source).items():
        assert item.points == 0 and item.status == "missing"
        assert "there is no" in item.message


# One function misbehaves: its item loses its points, the others keep theirs.

GARBAGE = """
import os
for descriptor in range(1024):
    try:
        os.write(descriptor, b"garbage" * 100)
    except OSError:
        pass
"""
PATIENT = """
import os, signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
time.sleep(60)
"""


@needs_wall  # they would harm this machine
@pytest.mark.parametrize("statements, status, words", [
    ("raise ValueError('not today')", "error", "ValueError: not today (vae.py, line"),
    ("raise Exception('two\\nlines')", "error", "Exception: two lines"),
    ("while True:\n    pass", "timeout", "no answer within 2"),
    ("while True:\n    print('x' * 10 ** 6, flush=True)", "timeout", "no answer within 2"),
    (PATIENT, "timeout", "no answer within 2"),
    ("import os\nos._exit(0)", "error", "the process ended before it answered"),
    ("raise SystemExit(0)", "error", "SystemExit"),
    ("return 1.0", "failed", "interpolate should return a tensor, got float"),
    ("return None", "failed", "interpolate should return a tensor, got NoneType"),
    ("return z0.expand(steps, -1) * float('nan')", "failed", "start at z0"),
    ("return torch.ones(25 * 10 ** 9)", "error", "allocate"),
    ("def deeper():\n    return deeper()\ndeeper()", "error", "RecursionError"),
    (GARBAGE, "error", "no usable answer"),
    ("return torch.zeros(3).to_sparse()", "error", ""),
], ids=["raises", "raises two lines", "endless loop", "endless print", "ignores signals", "os._exit", "SystemExit",
        "number", "None", "NaN", "100 GB", "recursion", "garbage", "sparse"])
def test_function_that_misbehaves(sandbox, monkeypatch, statements, status, words):
    monkeypatch.setattr(ask, "CALL_TIMEOUT", 2.0)
    items = items_of(sandbox, instead("interpolate", statements.strip("\n")))
    item = items.pop("vae.interpolate")
    assert item.points == 0 and item.status == status, item
    assert words in item.message
    assert {other.status for other in items.values()} == {"passed"}, items


def test_huge_answer(sandbox):
    items = items_of(sandbox, instead("interpolate", "return torch.zeros(7 * 10 ** 7)"))
    assert "the answer is larger than 256 MB" in items["vae.interpolate"].message


def test_functions_of_which_many_misbehave(sandbox):
    """Four slips of different kinds in one file."""
    source = instead("reparametrize", "return 3")
    for gap, statement in (("loss_function", "    return float('nan')"), ("VAE.forward", "        raise SystemExit"),
                           ("sample_on_grid", "    return 'a grid'")):
        marker = "\n".join(source.split("\n")[:[g for g in gaps(source) if g.qualname == gap][0].start])
        source = f"{marker}\n{statement}\n{source[len(marker) + 1:]}"
    items = items_of(sandbox, source)
    lost = {name for name, item in items.items() if item.points < item.max}
    assert lost == {"vae.reparametrize", "vae.loss_function", "vae.kl_weight", "vae.VAE", "vae.sample_on_grid"}


@needs_wall
@pytest.mark.parametrize("attempt", [
    "open('/etc/shadow').read()",
    "open('/etc/passwd').read()",
    f"open({str(ROOT / 'autograde_tests' / 'test_vae.py')!r}).read()",
    f"open({str(ROOT / 'helpers' / 'vae.py')!r}).read()",
    "open(__import__('helpers').__path__[0] + '/vae.py', 'w')",
    "__import__('socket').create_connection(('1.1.1.1', 53), 2)",
    "__import__('socket').create_connection(('127.0.0.1', 22), 2)",
    "__import__('os').setuid(0)",
    "open('/proc/%d/mem' % __import__('os').getppid(), 'r+b')",
], ids=["shadow", "passwd", "hidden checks", "solution", "write", "network", "loopback", "become root",
        "the guest's memory"])
def test_sandbox_holds(sandbox, attempt):
    """The attempt raises OSError and the function goes on; with a hole it raises, and its item fails."""
    source = instead("interpolate", "try:", f"    {attempt}", "except OSError:", "    pass", "else:",
                     "    raise RuntimeError('a hole')")
    checks = [check for check in CHECKS if check.item == "vae.interpolate"]
    items, _ = judge(sandbox, source, checks, seed=7)
    assert items["vae.interpolate"].status == "passed", items


# What is read of a submission.

def read(submission, room=None, name="vae"):
    return handin.read(submission, name, "ada", room).source


def refused(submission, room=None):
    """The one line that says why a submission cannot be graded."""
    found = handin.read(submission, "vae", "ada", room)
    assert found.source is None and found.problem and "\n" not in found.problem
    return found.problem


def archive(path, *names, content="text"):
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, content)
    return path


def test_nothing_there(tmp_path):
    assert "neither a folder nor a zip file" in refused(tmp_path / "nothing")
    assert "holds no vae.py" in refused(tmp_path)
    (tmp_path / "gan.py").write_text("")
    assert "holds no vae.py" in refused(tmp_path)


def test_not_utf8(tmp_path):
    (tmp_path / "vae.py").write_bytes("# café".encode("latin-1"))
    assert "not a UTF-8 text file" in refused(tmp_path)


def test_too_large(tmp_path):
    (tmp_path / "vae.py").write_bytes(b"#" * (2 << 20))
    assert "larger than 1 MB" in refused(tmp_path)
    assert "larger than 1 MB" in refused(archive(tmp_path / "a.zip", "helpers/vae.py", content="#" * (2 << 20)))


def test_folder_of_that_name(tmp_path):
    (tmp_path / "vae.py").mkdir()
    assert "holds no vae.py" in refused(tmp_path)


def test_two_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "helpers").mkdir(parents=True)
        (tmp_path / name / "helpers" / "vae.py").write_text(name)
    assert "holds 2 different vae.py: a/helpers/vae.py and b/helpers/vae.py" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_links(tmp_path):
    """A link could point to a file that only the grader may read."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "vae.py").write_text("secret")
    for name, target in (("file", tmp_path / "secret" / "vae.py"), ("folder", tmp_path / "secret")):
        submission = tmp_path / name
        (submission / "helpers").mkdir(parents=True)
        if name == "file":
            (submission / "helpers" / "vae.py").symlink_to(target)
            assert "not a plain file" in refused(submission)
        else:
            (submission / "more").symlink_to(target)
            assert "holds no vae.py" in refused(submission)


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_broken_zip(tmp_path, content):
    (tmp_path / "broken.zip").write_bytes(content)
    assert "not a readable zip file" in refused(tmp_path / "broken.zip")


def test_damaged_zip(tmp_path):
    path = archive(tmp_path / "damaged.zip", "helpers/vae.py", content="x = 1\n" * 100)
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    assert "not a readable zip file" in refused(path)


def test_zip_with_paths_that_lead_out(tmp_path):
    path = archive(tmp_path / "out.zip", "../helpers/vae.py", "/helpers/vae.py", "a/../../vae.py")
    assert "holds no vae.py" in refused(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.zip"]


@pytest.mark.parametrize("name", ["helpers/vae.py", "vae.py", "my-course-main/helpers/vae.py"])
def test_good_zip(tmp_path, name):
    path = archive(tmp_path / "good.zip", name, "__MACOSX/helpers/vae.py", "notes.txt", content=SOLUTION)
    assert read(path) == SOLUTION


# Git repositories without a working tree

@pytest.fixture
def room():
    with walls.Room(walls.best()) as room:
        yield room


@needs_wall
def test_git_repository(room, tmp_path):
    bare = repository(**{"a/helpers/vae.py": "x = 1\n", "vae.py": "y", ".venv/helpers/vae.py": "z"})(tmp_path, "")
    assert read(bare, room) == "x = 1\n"
    found = handin.read(bare, "gan", "ada", room)
    assert "expected helpers/gan.py" in found.problem and not found.open
    assert "those are read in a sandbox only" in refused(bare)
    (bare / "HEAD").write_text("0" * 40 + "\n")
    assert "without a readable commit" in refused(bare, room)


def test_a_working_tree_comes_before_a_repository(tmp_path):
    """Where a file lies beside what looks like a repository, git is not asked."""
    bare = repository()(tmp_path, "committed")
    (bare / "vae.py").write_text("lies there")
    assert read(bare) == "lies there"


@needs_wall
@pytest.mark.parametrize("module, limit, value, says", [
    (git, "MAX_ENTRIES", 2, "more than 2 files"), (git, "MAX_BYTES", 100, "more than"),
    (git, "MAX_TREE_BYTES", 10, "a folder in .* is larger than"),
    (choose, "MAX_BYTES", 1, "vae.py in .* is larger than"), (files, "MAX_DEPTH", 2, "holds no vae.py"),
    (git, "TIMEOUT", 0.0, "takes more than 0 seconds to read")])
def test_limits_of_a_git_repository(room, tmp_path, monkeypatch, module, limit, value, says):
    bare = repository(**{"a/b/helpers/vae.py": "x = 1\n"})(tmp_path, "")
    monkeypatch.setattr(module, limit, value)
    begin = time.monotonic()
    assert re.search(says, refused(bare, room))
    assert time.monotonic() - begin < 5


@needs_wall
def test_a_folder_that_stands_in_many_places_is_counted_in_each(room, tmp_path, monkeypatch):
    """A few bytes of a repository may hold more folders than anybody can list: these 9 files are 4 objects."""
    bare = repository(**{f"{one}/{other}/notes.py": "" for one in "abc" for other in "abc"})(tmp_path, "")
    monkeypatch.setattr(files, "MAX_ENTRIES", 20)
    assert "more than 20 files" in refused(bare, room)


@needs_wall
def test_a_link_in_a_git_repository(room, tmp_path):
    def commit_a_link(bare):
        run = ["git", f"--git-dir={bare}", "-c", "user.name=a", "-c", "user.email=a@b.c"]

        def git(*command, text=""):
            return subprocess.run([*run, *command], input=text, text=True, check=True, capture_output=True).stdout
        target = git("hash-object", "-w", "--stdin", text="/etc/shadow").strip()
        tree = git("mktree", text=f"120000 blob {target}\tvae.py\n").strip()
        git("update-ref", "HEAD", git("commit-tree", tree, "-m", "a link").strip())

    assert "is a link" in refused(repository(commit_a_link)(tmp_path, "x"), room)


@pytest.mark.parametrize("settings", ["[extensions]\n\tobjectFormat = sha256\n", "[extensions]\nrefstorage=reftable\n"])
def test_a_git_repository_in_another_format(room, tmp_path, settings):
    bare = repository(with_file("config", settings))(tmp_path, "x")
    assert "in a format that is not read here" in refused(bare, room)


def test_copy_of_a_git_repository(tmp_path):
    """It holds nothing but what is needed."""
    bare = repository(with_file("hooks/post-checkout", "exit"))(tmp_path, "x")
    git.copy_repository(bare, tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"HEAD", "config", "objects", "refs"}
    assert not (tmp_path / "copy" / "objects" / "info").exists()
