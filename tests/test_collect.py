"""`./course collect`: repositories of a class, cloned and updated, and all that can be wrong with them."""
import base64
import csv
import functools
import http.server
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from repositories import Here, Work

from coursekit import __main__ as course
from coursekit.classes import batch, collect, remote, roster, tables
from coursekit.grading import handin
from coursekit.grading.repository import day, seconds_of
from coursekit.handins import lay
from helpers.given import __main__ as student

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
pytestmark = needs_git
posix = pytest.mark.skipif(os.name == "nt", reason="a script stands for git")


def work(folder, commits=2):
    """A student's repository. Its graded file tells the day of its last commit."""
    made = Work(folder)
    for _ in range(commits):
        step(made)
    return made


def step(made):
    made.commit(vae=f"day = {made.day + 1}\n")


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command on a list: (exit code, what it says). The table is in run.rows, by path."""
    def run(text, *options, name="list.txt"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        code = student.main(["collect", str(tmp_path / name), "--out", str(tmp_path / "out"), *options],
                            commands=course.COMMANDS)
        said = capsys.readouterr()
        if (tmp_path / "out" / collect.TABLE).exists():
            with open(tmp_path / "out" / collect.TABLE, encoding="utf-8-sig", newline="") as stream:
                run.rows = {row["path"] or row["name"]: row for row in csv.DictReader(stream)}
            assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(remote.PARTIAL)]
        return code, said.out + said.err.rpartition("\r")[2]
    run.out = tmp_path / "out"
    return run


def graded(run, tmp_path, people=None):
    """What grade-class reads of all that was collected: {name: HandedIn}."""
    room = Here(tmp_path / f"room {time.monotonic_ns()}")
    found = roster.collect(run.out / collect.TABLE, people)
    return {one.name: handin.read(one.path, "vae", one.name, room) if one.path else one for one in found}


def test_a_class_is_cloned_updated_and_read(run, tmp_path):
    ada, kurt = (work(tmp_path / "all" / f"vae-{name}") for name in ("ada", "kurt"))
    addresses = f"# the class\n{ada.folder}\n\n{kurt.folder.as_uri()}  # late\n"
    code, said = run(addresses)
    assert code == 0 and "collected 2 of 2" in said and "course grade-class" in said
    assert run.rows["vae-ada"]["login"] == "ada" and run.rows["vae-ada"]["branch"] == "main"
    assert run.rows["vae-kurt"]["commit"] == kurt.git("rev-parse", "HEAD")
    assert run.rows["vae-kurt"]["committed"] == day(seconds_of("2026-03-02T12:00Z"))
    assert {name: one.source for name, one in graded(run, tmp_path).items()} == {
        "ada": "day = 2\n", "kurt": "day = 2\n"}
    assert {one.login for one in roster.collect(run.out)} == {"ada", "kurt"}  # the folder alone will do, too
    step(ada)
    code, said = run(addresses)
    assert code == 0 and graded(run, tmp_path)["ada"].source == "day = 3\n"
    assert run.rows["vae-ada"]["note"] == ""


def test_each_branch_ends_before_the_deadline_and_moves_with_it(run, tmp_path):
    ada = work(tmp_path / "vae-ada", commits=1)
    ada.git("checkout", "-q", "-b", "late")
    ada.day = 4
    step(ada)
    ada.git("checkout", "-q", "main")
    ada.day = 1
    step(ada)
    step(ada)
    for options, source in ((("--before", "2026-03-02"), "day = 2\n"), ((), "day = 3\n"),
                            (("--before", "2026-03-01T12:00Z"), "day = 1\n"),
                            (("--before", "2026-03-03", "--branch", "late"), "day = 1\n"),
                            (("--branch", "late"), "day = 5\n")):
        assert run(str(ada.folder), *options)[0] == 0
        found, = graded(run, tmp_path).values()
        assert found.source == source
        # What comes after the deadline is no newer branch; what does not, is one.
        assert any("branch late" in note for note in found.notes) == (options == ())
    code, said = run(str(ada.folder), "--before", "2026-02-01")
    assert code == 2 and "NOT COLLECTED" in said and "it has no commit of 2026-02-01" in said
    assert "as of later" in graded(run, tmp_path)["vae-ada"].problem, "what is there is of after the deadline"


def test_an_unknown_branch_is_told_and_nothing_is_guessed(run, tmp_path):
    ada = work(tmp_path / "vae-ada")
    ada.git("branch", "other")
    code, said = run(str(ada.folder), "--branch", "gone")
    assert code == 2 and "it has no branch gone; there are: main, other" in said
    ada.git("checkout", "-q", "--detach")
    assert run(str(ada.folder))[0] == 0  # git takes the branch that is there
    ada.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    shutil.rmtree(run.out)
    code, said = run(str(ada.folder))
    assert code == 2 and "its HEAD is no branch of it" in said


def test_one_that_is_missing_does_not_stop_the_others_and_its_mark_is_open(run, tmp_path, monkeypatch):
    ada = work(tmp_path / "vae-ada")
    work(tmp_path / "vae-new", commits=0)
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")  # of git's own for what is empty; it is not read afterwards
    code, said = run(f"{tmp_path / 'vae-gone'}\n{ada.folder}\n{tmp_path / 'vae-new'}\n")
    assert code == 1 and "collected 2 of 3" in said
    assert "NOT COLLECTED: vae-gone: not found: the address is wrong" in said
    assert "vae-new: nothing was pushed" in said
    found = graded(run, tmp_path)
    gone = batch.read_one(None, "vae", found["gone"])  # nothing of it is there to be read
    assert gone.problem.startswith("not collected: not found") and gone.open
    assert "nothing was pushed" in found["new"].problem and not found["new"].open
    shutil.rmtree(ada.folder)
    code, said = run(str(ada.folder))
    assert code == 1 and "NOT UPDATED: vae-ada: not found" in said and "stays as collected on 2" in said
    assert run.rows["vae-ada"]["note"].startswith("not updated: not found") and run.rows["vae-ada"]["commit"]
    assert "no longer in the list" in said and graded(run, tmp_path)["vae-ada"].source == "day = 2\n"


def test_history_that_was_rewritten_is_told(run, tmp_path):
    ada = work(tmp_path / "vae-ada")
    run(str(ada.folder))
    former = run.rows["vae-ada"]["commit"]
    ada.git("commit", "-q", "--amend", "-m", "never mind", "--date", "2026-03-01T12:00:00+00:00")
    code, said = run(str(ada.folder))
    assert code == 0 and f"vae-ada: its history was rewritten: commit {former[:12]}" in said
    run(str(ada.folder), "--before", "2026-03-01")
    code, said = run(str(ada.folder))
    assert "rewritten" not in said  # to go back and forth is none of this


TOKEN = "s3cr3tt0k3n"


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves repositories as files. How: the class's own settings."""

    asked, login, breaks, waits = [], None, False, threading.Event()

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Authorization")))
        if self.login and self.headers.get("Authorization") != self.login:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
        elif self.path.startswith("/slow"):
            self.waits.wait(20)
        elif self.breaks and (self.path.endswith(".pack") or len(self.path.rpartition("/")[2]) == 38):
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:len(content) // 2])
        else:
            super().do_GET()


@pytest.fixture
def served(tmp_path):
    """A server on this machine that knows vae-ada.git: (address, its handler)."""
    ada = work(tmp_path / "work")
    lay(ada.folder, {"notes.txt": "".join(f"{number ** 7}\n" for number in range(5000))})
    step(ada)
    bare = tmp_path / "served" / "vae-ada.git"
    ada.git("clone", "-q", "--bare", ".", str(bare))
    subprocess.run(["git", f"--git-dir={bare}", "gc", "-q"], check=True)
    subprocess.run(["git", f"--git-dir={bare}", "update-server-info"], check=True)
    handler = type("Mine", (Server,), {"asked": [], "waits": threading.Event()})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", handler
    handler.waits.set()
    server.shutdown()
    server.server_close()


def test_a_clone_that_breaks_off_leaves_nothing_and_is_taken_up_again(run, tmp_path, served):
    host, handler = served
    handler.breaks = True
    code, said = run(f"http://{host}/vae-ada.git")
    assert code == 2 and "NOT COLLECTED: vae-ada: the connection broke off" in said
    assert {path.name for path in run.out.iterdir()} == {collect.TABLE, ".lock"}
    handler.breaks = False
    assert run(f"http://{host}/vae-ada.git")[0] == 0
    assert graded(run, tmp_path)["vae-ada"].source == "day = 3\n"


@pytest.mark.parametrize("login, sent", [(f"me:{TOKEN}", f"me:{TOKEN}"), (TOKEN * 4, f"{TOKEN * 4}:"),
                                         (f"a%40b.c:{TOKEN}", f"a@b.c:{TOKEN}")])
def test_a_token_opens_the_repository_and_is_kept_nowhere(run, tmp_path, served, login, sent):
    host, handler = served
    handler.login = f"Basic {base64.b64encode(sent.encode()).decode()}"
    code, said = run(f"http://{login}@{host}/vae-ada.git\nhttp://{login}@{host}/gone.git\n")
    assert code == 1 and "collected 1 of 2" in said and TOKEN not in said
    held = base64.b64encode(sent.encode())
    files = [path for path in run.out.rglob("*") if path.is_file()]
    assert files and not [path for path in files if TOKEN.encode() in path.read_bytes() or held in path.read_bytes()]
    handler.login = "Basic other"
    code, said = run(f"http://{login}@{host}/vae-ada.git\n")
    assert code == 1 and "NOT UPDATED: vae-ada: git may not read it" in said and TOKEN not in said


def test_what_takes_too_long_or_is_too_large_is_left_out(run, tmp_path, served, monkeypatch):
    host, _ = served
    monkeypatch.setattr(remote, "TIMEOUT", 0.5)
    begin = time.monotonic()
    assert "it took more than 0.5 seconds" in run(f"http://{host}/slow.git")[1] and time.monotonic() - begin < 5
    monkeypatch.setattr(remote, "TIMEOUT", 60.0)
    monkeypatch.setattr(remote, "MAX_BYTES", 20_000)
    code, said = run(f"http://{host}/vae-ada.git")
    assert code == 2 and "it is larger than 0 MB" in said


def test_ctrl_c_ends_git_and_the_same_command_goes_on(run, tmp_path, served, monkeypatch):
    host, handler = served
    ada = work(tmp_path / "vae-ada")

    def interrupted(tasks):
        while time.monotonic() < begin + 8 and not (handler.asked and (run.out / "vae-ada").exists()):
            time.sleep(0.01)
        raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr(collect, "as_completed", interrupted)
        begin = time.monotonic()
        code, said = run(f"{ada.folder}\nhttp://{host}/slow.git\nhttp://{host}/slower.git\n", "--jobs", "2")
    assert code == 130 and time.monotonic() - begin < 10
    assert "NOT COLLECTED" not in said and "collected 1 of 3" in said and "goes on from here" in said
    assert run.rows["slow"]["problem"] == f"not collected: {collect.NOT_YET}"
    assert run(str(ada.folder))[0] == 0


def test_what_a_killed_run_has_left(run, tmp_path):
    ada = work(tmp_path / "vae-ada")
    run(str(ada.folder))
    (run.out / f"{remote.PARTIAL}x" / "former").mkdir(parents=True)
    (run.out / "vae-ada").rename(run.out / f"{remote.PARTIAL}x" / "former" / "vae-ada")
    (run.out / f"{remote.PARTIAL}y" / "new" / "objects").mkdir(parents=True)
    run.rows["vae-ada"]["problem"] = f"not collected: {collect.NOT_YET}"  # so the table is while it runs
    tables.write_rows(run.out / collect.TABLE, run.rows["vae-ada"], [run.rows["vae-ada"].values()])
    shutil.rmtree(ada.folder)
    code, said = run(str(ada.folder))
    assert code == 1 and "NOT UPDATED" in said and graded(run, tmp_path)["vae-ada"].source == "day = 2\n"


def test_nothing_runs(run, tmp_path, monkeypatch):
    """What a student may put into a repository, and what the instructor's own git would do on a checkout."""
    ada, trace, script = work(tmp_path / "vae-ada"), tmp_path / "trace", tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    script.chmod(0o700)
    lay(ada.folder, {".gitattributes": "* filter=lfs\n", ".lfsconfig": "[lfs]\n\turl = ext::touch\n",
                     ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{script}\n'})
    step(ada)
    os.symlink("/etc/passwd", ada.folder / "link")
    ada.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},x")
    ada.git("add", "link")
    ada.git("commit", "-q", "-m", "hostile")
    (tmp_path / "template" / "hooks").mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-update"):
        for folder in (ada.folder / ".git" / "hooks", tmp_path / "template" / "hooks"):
            folder.mkdir(exist_ok=True)
            shutil.copy(script, folder / name)
    for setting in ("filter.lfs.smudge", "uploadpack.packObjectsHook", "core.fsmonitor"):
        ada.git("config", setting, str(script))
    (tmp_path / "settings").write_text(
        f'[filter "lfs"]\n\tsmudge = {script}\n[init]\n\ttemplateDir = {tmp_path / "template"}\n'
        f'[core]\n\thooksPath = {tmp_path / "template" / "hooks"}\n[submodule]\n\trecurse = true\n'
        '[protocol "ext"]\n\tallow = always\n')
    trace.unlink(missing_ok=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))
    for _ in range(2):
        assert run(str(ada.folder), "--before", "2026-03-02")[0] == 0 and not trace.exists()
    there = {path.name for path in (run.out / "vae-ada").iterdir()}
    assert there & {"hooks", "link", "index", "modules", ".gitmodules"} == set()


@pytest.mark.parametrize("line, says", [
    ("--upload-pack=touch x", "is no address"), ("ext::sh -c touch% x", "is no address"),
    ("fd::7/x", "is no address"), ("ftp://a.example/x.git", "begins with ftp://, expected https"),
    ("ada", "a list of logins needs --address"), (f"htps://{TOKEN}@a.example/x.git", "begins with htps://"),
    (f"me:{TOKEN}@a.example:x/y.git", "is no address")])
def test_what_is_no_address_is_told_and_the_others_go_on(run, tmp_path, line, says):
    ada = work(tmp_path / "vae-ada")
    code, said = run(f"{line}\n{ada.folder}\n")
    assert code == 1 and says in said and "collected 1 of 2" in said and TOKEN not in said
    assert len(graded(run, tmp_path)) == 2


@pytest.mark.parametrize("text, same, located", [
    ("https://github.com/Org/vae-ada.git", "github.com/org/vae-ada", "https://github.com/Org/vae-ada.git"),
    ("https://me:x@GitHub.com/Org/vae-ada/", "github.com/org/vae-ada", "https://github.com/Org/vae-ada/"),
    ("git@github.com:org/vae-ada.git", "github.com/org/vae-ada", "git@github.com:org/vae-ada.git"),
    ("ssh://git:x@a.example:22/o/r", "a.example:22/o/r", "ssh://git@a.example:22/o/r")])
def test_addresses_of_one_repository(text, same, located):
    address = remote.address_of(text)
    assert (address.same, address.text) == (same, located)


@pytest.mark.parametrize("people, template", [
    ("ada\nkurt\n", "{ROOT}/vae-{username}"),
    ("identifier,github_username,github_id,name\nLovelace,ada,1,\nk@x.org,kurt,2,\n", "{ROOT}/vae-{username}"),
    ("username,first_name,last_name,email,section,github_id\nada,Ada,Lovelace,a@x.org,B,1\nkurt,Kurt,G,k@x.org,B,2\n",
     "{ROOT}/vae-{username}"),
    ("Name;Repo name;E-Mail\nAda;vae-ada;a@x.org\nKurt;vae-kurt;k@x.org\n", "{ROOT}/{repo_name}")])
def test_a_list_of_people_and_a_template(run, tmp_path, people, template):
    for name in ("ada", "kurt"):
        work(tmp_path / f"vae-{name}")
    name = "list.csv" if "," in people or ";" in people else "list.txt"
    code, said = run(people, "--address", template.replace("{ROOT}", str(tmp_path)), name=name)
    assert code == 0, said
    assert {one.source for one in graded(run, tmp_path).values()} == {"day = 2\n"}
    if name == "list.csv":  # people are found again in the list that they come from
        assert len(graded(run, tmp_path, tmp_path / name)) == 2


def test_who_has_no_login_is_told_and_open(run, tmp_path):
    work(tmp_path / "vae-ada")
    people = "username,first_name,last_name,email\nada,Ada,L,a@x.org\n,Kurt,G,k@x.org\n../x,Eve,E,e@x.org\n"
    code, said = run(people, "--address", f"{tmp_path}/vae-{{username}}", name="list.csv")
    assert code == 1 and "NOT COLLECTED: Kurt G: the list has nothing for {username}" in said
    assert "NOT COLLECTED: Eve E: the list has ../x for {username}" in said
    found = graded(run, tmp_path)
    assert found["Ada L"].source and "its address is not known" in found["Kurt G"].problem


def test_a_team_is_one_repository_and_one_submission(run, tmp_path):
    work(tmp_path / "ada-kurt-vae")
    code, said = run("kurt ada\n", "--address", f"{tmp_path}/{{username}}-vae")  # as RepoBee calls it
    assert code == 0 and "collected 1 of 1" in said
    team, = roster.collect(run.out / collect.TABLE)
    assert [(member.login, member.group) for member in team.members] == [("kurt", "ada-kurt"), ("ada", "ada-kurt")]
    code, said = run(f"name,repository\nAda,{tmp_path}/ada-kurt-vae\nKurt,{tmp_path}/ada-kurt-vae/\n", name="l.csv")
    assert code == 0 and [member.name for member in roster.collect(run.out / collect.TABLE)[0].members] == [
        "Ada", "Kurt"]


def test_repositories_that_are_called_alike(run, tmp_path):
    for name in ("ada", "kurt"):
        work(tmp_path / name / "vae")
    assert run(f"{tmp_path}/ada/vae\n{tmp_path}/kurt/vae\n")[0] == 0
    assert run.rows.keys() == {"vae-ada", "vae-kurt"} and run.rows["vae-ada"]["login"] == "ada"


@pytest.mark.parametrize("texts, names", [
    ("https://a.example/x/vae https://a.example/y/vae https://a.example/y/vae-z", "vae-x vae-y vae-z"),
    ("https://a.example/vae https://b.example/vae", "vae-a.example vae-b.example"),
    ("https://a.example/x/VAE https://a.example/y/vae", "VAE-x vae-y"),
    ("/x/.hidden /y/a/.git /z/Ä", ".hidden a _")])
def test_names_of_folders(texts, names):
    addresses = [remote.address_of(text) for text in texts.split()]
    assert list(collect.folders(addresses).values()) == names.replace(".hidden", "hidden").split()


@pytest.mark.parametrize("name, text, options, says", [
    ("list.txt", "# nobody\n", (), "names no repository"), ("list.csv", "name\nAda\n", (), "expected a column 'repos"),
    ("list.txt", "ada\n", ("--address", "https://a.example/vae"), "is the same for all"),
    ("list.txt", "ada\n", ("--address", "https://a.example/{team}"), "has no such column; it has: login"),
    ("list.csv", "name,repository\nAda,/x/a\nAda,/x/b\n", (), "has Ada twice, with /x/a and /x/b"),
    ("list.csv", f"https://me:{TOKEN}@a.example/x\nx\n", (), "expected a column 'repository'"),
    ("list.txt", "/x/vae-ada\n", ("--jobs", "0"), "--jobs 0"), ("list.xlsx", "x", (), "is a spreadsheet's own file")])
def test_a_list_that_cannot_be_used(run, name, text, options, says):
    code, said = run(text, *options, name=name)
    assert code == 2 and says in said and TOKEN not in said and not run.out.exists()


def test_folders_of_others_are_left_alone(run, tmp_path):
    ada = work(tmp_path / "vae-ada")
    run.out.mkdir()
    (run.out / "notes.txt").write_text("mine")
    code, said = run(str(ada.folder))
    assert code == 2 and "choose another --out" in said
    (run.out / "notes.txt").unlink()
    assert run(f"{tmp_path}/gone/vae-ada")[0] == 2
    (run.out / "vae-ada").mkdir()
    (run.out / "vae-ada" / "notes.txt").write_text("mine")
    code, said = run(str(ada.folder))
    assert code == 2 and "is no collected repository" in said and (run.out / "vae-ada" / "notes.txt").exists()


SAYS = {
    "fatal: Authentication failed for 'https://a.example/x/'": "git may not read it",
    "fatal: could not read Username for 'https://a.example': terminal prompts disabled": "git may not read it",
    "git@a.example: Permission denied (publickey).\nfatal: Could not read from remote repository.": "may not read it",
    "remote: Repository not found.\nfatal: repository 'https://a.example/x/' not found": "not found: the address",
    "ERROR: Repository not found.\nfatal: Could not read from remote repository.": "not found: the address",
    "fatal: unable to access 'https://a.example/x/': Could not resolve host: a.example": "there is no such host",
    "fatal: unable to access 'https://a.example/x/': The requested URL returned error: 503": "refuses or is broken",
    "Host key verification failed.\nfatal: Could not read from remote repository.": "connect to it once by hand",
    "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output": "the disk is full",
    "error: RPC failed; curl 56 Recv failure: Connection reset by peer\nfatal: early EOF": "broke off",
    "fatal: unable to access 'https://a.example/x/': SSL certificate problem: expired": "the host's certificate",
    f"remote: not found\nfatal: odd \x1b[31m 'https://me:{TOKEN}@a.example/not found'": "fatal: odd",
}


@pytest.mark.parametrize("text", SAYS)
def test_what_git_says_in_one_line(text):
    line = remote.meaning(text)
    assert SAYS[text] in line and line.isprintable() and TOKEN not in line


@posix
def test_a_full_disk_leaves_the_older_state(run, tmp_path, monkeypatch):
    ada = work(tmp_path / "vae-ada")
    run(str(ada.folder))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nmkdir -p \"$(eval echo \\$$#)\"/objects\n"
                                          "echo 'fatal: write error: No space left on device' >&2\nexit 128\n")
    (tmp_path / "bin" / "git").chmod(0o700)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
        code, said = run(str(ada.folder))
    assert code == 1 and "NOT UPDATED: vae-ada: the disk is full" in said
    assert graded(run, tmp_path)["vae-ada"].source == "day = 2\n"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert "git is not installed" in run(str(ada.folder))[1]


def test_a_folder_of_another_repository_is_not_taken_for_this_one(run, tmp_path):
    """Two years' repositories of a student are called alike."""
    for year in ("2026", "2027"):
        (tmp_path / year).mkdir()
    ada, kurt = (work(tmp_path / place) for place in ("2026/vae-ada", "2026/vae-kurt"))
    assert run(f"{ada.folder}\n{kurt.folder}\n")[0] == 0
    again = work(tmp_path / "2027/vae-ada")
    for _ in range(2):
        code, said = run(f"{again.folder}\n{kurt.folder}\n")
        assert code == 1 and "holds another repository" in said
    assert "another repository" in run.rows["vae-ada"]["problem"] and not run.rows["vae-kurt"]["problem"]


def test_a_repository_that_is_written_in_two_ways_counts_once(run, tmp_path):
    ada = work(tmp_path / "vae-ada")
    code, said = run(f"{ada.folder}\n{ada.folder}/\n")
    assert code == 0 and "collected 1 of 1" in said


def test_a_token_in_a_malformed_address_is_written_nowhere(run, tmp_path):
    kurt = work(tmp_path / "vae-kurt")
    code, said = run("me:s3cret@a.example:x/y.git\nhttps:/me:s3cret@host/x/z.git\nhttps://me:pa/s3cret@host/x.git\n"
                     f"{kurt.folder}\n")
    assert code == 1 and "s3cret" not in said
    assert "s3cret" not in (run.out / "collected.csv").read_text()


def test_what_was_committed_in_the_minute_of_the_deadline_is_later(run, tmp_path):
    """The table tells minutes; what counts is the commit's own second, also of what cannot be fetched any more."""
    ada = work(tmp_path / "vae-ada", commits=1)
    late = {"GIT_COMMITTER_DATE": "2026-03-02T12:00:30+00:00", "GIT_AUTHOR_DATE": "2026-03-02T12:00:30+00:00"}
    subprocess.run(["git", "-C", str(ada.folder), "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q",
                    "--allow-empty", "-m", "late"], check=True, env={**os.environ, **late})
    assert run(str(ada.folder))[0] == 0
    ada.folder.rename(tmp_path / "moved")
    code, said = run(str(ada.folder), "--before", "2026-03-02T12:00:10Z")
    assert code == 2 and "as of later" in said
    code, said = run(str(ada.folder), "--before", "2026-03-02T12:00:30Z")
    assert code == 1 and "NOT UPDATED" in said


def test_an_update_that_cannot_be_put_in_place_leaves_what_was_there(run, tmp_path, monkeypatch):
    ada = work(tmp_path / "vae-ada")
    assert run(str(ada.folder))[0] == 0
    step(ada)
    rename = Path.rename

    def refused(path, target):
        if path.name == "new":
            raise PermissionError(13, "in use", str(target))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    code, said = run(str(ada.folder))
    assert code == 1 and "NOT UPDATED" in said
    assert graded(run, tmp_path)["vae-ada"].source == "day = 2\n"
