"""Who handed in what: downloads of platforms, lists of people, groups, keys. Everybody is in the grade book once."""
import json
import os
import random
import sys
import time
import zipfile
from pathlib import Path

import pytest

from coursekit.classes import gradebook, lists, roster, similarity, tables
from coursekit.classes.keys import key, keys
from coursekit.classes.marks import Keys, Unfit
from coursekit.classes.results import Results
from coursekit.classes.spreadsheets import LONGEST, same
from helpers.given.console import UserError

links = pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")


def write_files(folder, files):
    """files: {path: text}, or a list of paths."""
    for name, text in (files.items() if isinstance(files, dict) else ((name, "x") for name in files)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_zip(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as opened:
        for name, text in (files.items() if isinstance(files, dict) else ((name, "x") for name in files)):
            opened.writestr(name, text)
    return path


def take_in(tmp_path, files, people=None, encoding="utf-8", **more):
    """The submissions by their names, and what is told."""
    source = write_files(tmp_path / "in", files) if not isinstance(files, Path) else files
    if people is not None:
        (tmp_path / "people.csv").write_text(people, encoding=encoding)
        people = tmp_path / "people.csv"
    (tmp_path / "temporary").mkdir(exist_ok=True)
    found, told = roster.take_in(source, people, tmp_path / "temporary", **more)
    assert len({submission.key.lower() for submission in found}) == len(found)
    by_name = {submission.name: submission for submission in found}
    assert len(by_name) == len(found)
    return by_name, "\n".join(told)


def things(submission):
    """What belongs to a submission, below the class's folder."""
    paths = [path for _, path in submission.files] or [str(submission.path)]
    return [path.replace(os.sep, "/").partition("/in/")[2] for path in paths]


ILIAS = ["Goedel_Kurt_kgoedel_4713/vae.py", "Goedel_Kurt_kgoedel_4713/vae (2).py",
         "Lovelace_Ada_alovelace_4711/Verspaetete Abgabe - vae.py", "Hopper_Grace_ghopper_4712/Remise tardive - vae.py",
         "Team 12/Noether_Emmy_enoether_4714/vae.py", "Team 12/Turing_Alan_aturing_4715/vae.ipynb", "status.xlsx",
         "Feedback_files/to_Goedel_Kurt_kgoedel_4713/from_x/a.txt"]


def test_ilias(tmp_path):
    found, told = take_in(tmp_path, ILIAS)
    assert found.keys() == {"Kurt Goedel", "Ada Lovelace", "Grace Hopper", "Team 12 (Emmy Noether, Alan Turing)"}
    assert told.startswith("an ILIAS download of 5 people, 2 late") and "nobody's: Feedback_files, status.xlsx" in told
    kurt, team = found["Kurt Goedel"], found["Team 12 (Emmy Noether, Alan Turing)"]
    assert (kurt.id, kurt.login, kurt.late) == ("4713", "kgoedel", False)
    assert found["Ada Lovelace"].late and found["Ada Lovelace"].notes == ("handed in late",)
    assert things(kurt) == ["Goedel_Kurt_kgoedel_4713"]
    assert [(member.name, member.id, member.group) for member in team.members] == [
        ("Emmy Noether", "4714", "Team 12"), ("Alan Turing", "4715", "Team 12")] and team.id == ""
    assert things(team) == ["Team 12/Noether_Emmy_enoether_4714", "Team 12/Turing_Alan_aturing_4715"]


def test_own_files_of_ilias_keep_their_names(tmp_path):
    found, _ = take_in(tmp_path, ["A_B_ab_11/Ada Lovelace - vae.py", "A_B_ab_11/notes (2).txt"])
    assert found["B A"].files == () and not found["B A"].late and things(found["B A"]) == ["A_B_ab_11"]


def test_what_looks_like_ilias_and_is_not(tmp_path):
    """All would have the same number."""
    found, told = take_in(tmp_path, ["ada_lovelace_hw_2026/vae.py", "alan_turing_hw_2026/vae.py"])
    assert found.keys() == {"ada_lovelace_hw_2026", "alan_turing_hw_2026"} and "plain" in told


def test_moodle(tmp_path):
    found, told = take_in(tmp_path, [
        "Ada Lovelace_4711_assignsubmission_file_/vae.py",
        "Ada Lovelace_4711_assignsubmission_onlinetext_/onlinetext.html",
        "Bo B_2_assignsubmission_file_vae.py", "Bo B_2_assignsubmission_file_2_vae.ipynb",
        "Teilnehmerin_99_assignsubmission_file_/vae.py", "Participant 98_assignsubmission_file_/vae.py",
        "Cy D_3_assignsubmission_onlinetext_/onlinetext.html", "Ada Loveless_4712_assignsubmission_file_/vae.py"])
    assert {name: submission.id for name, submission in found.items()} == {
        "Ada Lovelace": "Participant 4711", "Bo B": "Participant 2", "Participant 99": "Participant 99",
        "Participant 98": "Participant 98", "Cy D": "Participant 3", "Ada Loveless": "Participant 4712"}
    assert "an online text was handed in, too" in found["Ada Lovelace"].notes
    assert things(found["Ada Lovelace"]) == ["Ada Lovelace_4711_assignsubmission_file_"]
    assert sorted(name for name, _ in found["Bo B"].files) == ["2_vae.ipynb", "vae.py"]
    assert told == "a Moodle download of 6 people"


@pytest.mark.parametrize("default", ["Default group", "Standardgruppe", "Groupe par défaut"])
def test_groups_of_moodle(tmp_path, default):
    """No number of a group is anybody's. A list says who is in them; in the default one are all who are in none."""
    files = ["Gruppe A_17_assignsubmission_file_/vae.py", f"{default}_assignsubmission_file_/vae.py",
             "Ada Lovelace_4711_assignsubmission_file_/vae.py", "Die Füchse_18_assignsubmission_file_/vae.py"]
    found, told = take_in(tmp_path, files)
    assert {name: submission.id for name, submission in found.items()} == {
        "Gruppe A": "", default: "", "Die Füchse": "", "Ada Lovelace": "Participant 4711"}
    assert "groups whose members are not known" in told and "taken for people" in told
    found, told = take_in(tmp_path, tmp_path / "in", (
        "Vorname;Nachname;ID-Nummer;E-Mail-Adresse;Gruppen\nEmmy;Noether;1;e@x.org;Gruppe A\nAlan;Turing;2;t@x.org;"
        "Tutorium 3, Gruppe A\nAda;Lovelace;3;a@x.org;\nKurt;Gödel;4;k@x.org;\nGrace;Hopper;5;g@x.org;Die Füchse\n"))
    assert found.keys() == {"Gruppe A (Emmy Noether, Alan Turing)", f"{default} (Kurt Gödel)", "Ada Lovelace",
                            "Die Füchse (Grace Hopper)"}
    assert [member.number for member in found["Gruppe A (Emmy Noether, Alan Turing)"].members] == ["1", "2"]
    assert found["Ada Lovelace"].number == "3" and "groups whose" not in told


def test_who_is_in_two_groups_is_told(tmp_path):
    found, told = take_in(tmp_path, ["A/vae.py", "B/vae.py"], "name,id number,group\nAda Lovelace,3,A\n"
                          "Emmy Noether,1,A\nEmmy Noether,1,B\nAlan Turing,2,B\n")
    assert "in several groups that have handed in, so their marks are open: Emmy Noether" in told
    assert "nothing from" not in told and "several groups" in found["Emmy Noether"].doubt


def test_canvas(tmp_path):
    found, told = take_in(tmp_path, [
        "lovelaceada_11_501_vae.py", "noetheremmy_12_text.html", "hoppergrace_LATE_13_link.html",
        "goedelkurt_14_504_runs.zip", "goedelkurt_14_1505_vae-1.py", "goedelkurt_14_505_vae.py",
        "LATE_anon_x7Yz_506_vae.py", "hw_1_12_vae.py", "hw_1_13_vae.py"])
    assert {name: submission.id for name, submission in found.items()} == {
        "lovelaceada": "11", "noetheremmy": "12", "hoppergrace": "13", "goedelkurt": "14", "anon": "x7Yz",
        "hw_1_12_vae.py": "", "hw_1_13_vae.py": ""}  # the last two are of two, who only look like one
    assert [name for name, _ in found["goedelkurt"].files] == ["runs.zip", "vae.py", "vae-1.py"]  # in this order
    assert found["hoppergrace"].late and found["anon"].late and "a Canvas download of 5 people, 2 late" in told


def test_olat(tmp_path):
    """The last revision that holds something counts; never the task, a correction or a solution."""
    files = {"Lovelace_Ada_alove/1_task/vae.py": "", "Lovelace_Ada_alove/2_submissions/vae.py": "",
             "Lovelace_Ada_alove/3_corrections/vae.py": "", "Lovelace_Ada_alove/4_revisions_1/vae.py": "",
             "Lovelace_Ada_alove/5_corrections_1/vae.py": "", "Lovelace_Ada_alove/6_revisions_2/.keep": "",
             "von_Neumann_John_jn/1_submissions/a/vae.py": "", "Turing_Alan_at/1_task/vae.py": "",
             "Gruppe_A_123456/2_submissions/vae.py": "", "solutions/vae.py": "", "results.xlsx": ""}
    found, told = take_in(tmp_path, files)
    assert found.keys() == {"Ada Lovelace", "John von Neumann", "Alan Turing", "Gruppe A"}
    assert things(found["Ada Lovelace"]) == ["Lovelace_Ada_alove/4_revisions_1"]
    assert found["Ada Lovelace"].notes == ("revision 1 counts, the last one that holds something",)
    assert things(found["John von Neumann"]) == ["von_Neumann_John_jn/1_submissions"]
    assert found["John von Neumann"].login == "jn" and found["Alan Turing"].path is None
    assert found["Gruppe A"].id == found["Gruppe A"].login == "" and "nobody's: results.xlsx, solutions" in told


def test_blackboard(tmp_path):
    """The last attempt with files counts; the note beside says the name, and the login where it is cut wrongly."""
    files = {"VAE_alove_attempt_2026-03-01-12-30-45_vae.py": "",
             "VAE_alove_attempt_2026-03-01-12-30-45.txt": "Name: Ada Lovelace",
             "VAE_alove_attempt_2026-03-02-09-00-00_vae.py": "", "VAE_alove_attempt_2026-03-02-09-00-00_b.ipynb": "",
             "VAE_alove_attempt_2026-03-03-09-00-00.txt": "Name: Ada Lovelace (alove)\nComments: Name: Eve (eve)",
             "VAE_a_smith_attempt_2026-03-02-09-00-00_vae.py": "",
             "VAE_a_smith_attempt_2026-03-02-09-00-00.txt": "Nom : A Smith (a_smith)\n",
             "VAE_b_smith_attempt_2026-03-02-09-00-00.txt": "Name: B Smith (b_smith)\n"}
    found, told = take_in(tmp_path, files)
    assert {name: submission.login for name, submission in found.items()} == {
        "Ada Lovelace": "alove", "A Smith": "a_smith", "B Smith": "b_smith"}
    ada = found["Ada Lovelace"]
    assert sorted(name for name, _ in ada.files) == ["b.ipynb", "vae.py"]
    assert all("2026-03-02" in path for path in things(ada))
    assert ada.notes == ("a later attempt came without a file", "the last of 2 attempts")
    assert "nobody" not in told


def test_brightspace(tmp_path):
    found, told = take_in(tmp_path, [
        "123-45 - Ada Lovelace - Mar 1, 2026 1230 PM/vae.py", "123-45 - Ada Lovelace - Mar 1, 2026 130 PM/vae.py",
        "123-45 - Ada Lovelace - Feb 28, 2026 1159 PM/vae.py", "124-45 - Alan - Mär 1, 2026 1230 PM/vae.py",
        "124-45 - Alan - Mär 2, 2026 1230 PM/vae.py", "index.html"])
    assert things(found["Ada Lovelace"]) == ["123-45 - Ada Lovelace - Mar 1, 2026 130 PM"]
    assert found["Ada Lovelace"].notes == ("the last of 3 attempts",)
    assert len(found["Alan"].files) == 2
    assert found["Alan"].notes == ("2 attempts, and their names do not tell which is the last",)
    assert "nobody's: index.html" in told


GRADESCOPE = """---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '007'
    :email: ada@x.org
  :created_at: 2026-03-01 12:00:00.000000000 Z
  :history: !ruby/array:Whatever
  - :id: 3
submission_2:
  :submitters:
  - :name: Emmy Noether
    :sid: 8
    :email: emmy@x.org
  - :name: Alan Turing
    :sid: 9
    :email: alan@x.org
submission_3:
  :submitters:
  - :name: Lost
../../etc:
  :submitters:
  - :name: Evil
"""


def test_gradescope(tmp_path):
    found, told = take_in(tmp_path, {"submission_metadata.yml": GRADESCOPE, "submission_1/vae.py": "",
                                     "submission_2/vae.py": "", "submission_4/vae.py": ""})
    assert found.keys() == {"Ada Lovelace", "Emmy Noether, Alan Turing", "Lost", "submission_4"}
    assert (found["Ada Lovelace"].number, found["Ada Lovelace"].email) == ("007", "ada@x.org")
    assert [member.number for member in found["Emmy Noether, Alan Turing"].members] == ["8", "9"]
    assert found["Lost"].problem == "the export holds no folder submission_3"


def test_lists_in_lists_of_gradescope_are_no_names(tmp_path):
    """As one text they would be larger than the memory."""
    lists = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    text = f"a0: &a0 x\n{lists}submission_1:\n  :submitters:\n  - :name: *a11\n    :sid: 7\n"
    found, _ = take_in(tmp_path, {"submission_metadata.yml": text, "submission_1/vae.py": ""})
    assert [submission.number for submission in found.values()] == ["7"]


@pytest.mark.parametrize("text", ["x", "", "- 1", "a: [", "a: &a [*a]", "submission_1:\n  :submitters: 3\n", "\0"])
def test_a_broken_file_of_gradescope_stops_nothing(tmp_path, text):
    found, told = take_in(tmp_path, {"submission_metadata.yml": text, "submission_1/vae.py": ""})
    assert len(found) == 1 and "nobody's: submission_metadata.yml" in told


@pytest.mark.parametrize("people", [
    "identifier,github_username,github_id,name\nLovelace,alove,1,\ne@x.org,em-my,2,\nKurt,kg,3,\n",
    "username,first_name,last_name,email,section,github_id\nalove,Ada,Lovelace,a@x.org,B,1\nem-my,Emmy,N,e@x.org,B,2\n"
    "kg,Kurt,G,k@x.org,A,3\n"])
def test_clones(tmp_path, people):
    files = ["vae-2027-alove/helpers/vae.py", "vae-2027-em-my/helpers/vae.py", "vae-2027-eve/helpers/vae.py"]
    found, told = take_in(tmp_path, files)
    assert {name: submission.login for name, submission in found.items()} == {
        "alove": "alove", "em-my": "em-my", "eve": "eve"} and told == "clones of 3 people"
    found, told = take_in(tmp_path, tmp_path / "in", people)
    assert {submission.login: bool(submission.path) for submission in found.values()} == {
        "alove": True, "em-my": True, "eve": True, "kg": False}
    assert "not in the list: eve" in told and "nothing from 1 of the list" in told


def test_one_clone_and_folders_called_by_number_or_address(tmp_path):
    found, told = take_in(tmp_path, ["vae-alove/vae.py", "1234567/vae.py", "k@x.org/vae.py", "emmy_7654321/vae.py"],
                          "name,number,email,github username\nAda L,1,a@x.org,alove\nAlan T,2,b@x.org,love\n"
                          .replace("number", "student number") +
                          "Grace H,1234567,c@x.org,gh\nKurt G,3,k@x.org,kg\nEmmy N,7654321,e@x.org,en\n")
    assert {name: bool(submission.path) for name, submission in found.items()} == {
        "Ada L": True, "Alan T": False, "Grace H": True, "Kurt G": True, "Emmy N": True}


def test_all_platforms_in_one_folder(tmp_path):
    """Everybody once."""
    files = ILIAS + ["Ada Byron_7_assignsubmission_file_/vae.py", "euler_12_text.html",
                     "Gauss_Carl_cg/1_submissions/vae.py", "VAE_mirza_attempt_2026-03-01-12-30-45_vae.py",
                     "1-2 - Henri P - Mar 1, 2026 1230 PM/vae.py",
                     "julia.zip", "sofja.py", "x.7z", "y.tar.gz", "z/vae.py"]
    found, told = take_in(tmp_path, files)
    assert len(found) == 4 + 5 + 5
    for platform in ("ILIAS", "Moodle", "Canvas", "OLAT", "Blackboard", "Brightspace"):
        assert f"{platform} download of" in told


FORMS = {"Moodle": "{first} {last}_{n}_assignsubmission_file_/vae.py", "Canvas": "{last}{first}_{n}_7{n}_vae.py",
         "ILIAS": "{last}_{first}_u{n}_{n}/vae.py", "OLAT": "{last}_{first}_u{n}/2_submissions/vae.py",
         "Blackboard": "VAE_u{n}_attempt_2026-03-01-12-30-45_vae.py",
         "teams": "Team {n}/{last}_{first}_u{n}_{n}/vae.py",
         "Brightspace": "{n}-7 - {first} {last} - Mar 1, 2026 1230 PM/vae.py", "clones": "vae-u{n}/helpers/vae.py",
         "archives": "u{n}.zip", "numbers": "{n}/vae.py"}


def test_a_thousand_of_all_platforms(tmp_path):
    """Each once, and of a list of them each has what is theirs: by number or login, whatever they are called."""
    draw, files, people = random.Random(0), [], ["Vorname;Nachname;Matrikelnummer;Login;ID;Form"]
    for n, form in zip(range(100_000, 101_000), list(FORMS) * 100):
        first, last = draw.choice(["Ada", "Emmy", "Leonhard", "Srinivasa"]), draw.choice(["Noether", "Euler", "Ng"])
        files.append(FORMS[form].format(n=n, first=first, last=last))
        id = {"Moodle": f"Participant {n}", "Canvas": n, "ILIAS": n, "teams": n}.get(form, "")
        number = n if form == "numbers" else n + 500_000
        people.append(f"{first};{last if form != 'Brightspace' else n};{number};u{n};{id};{form}")
    source = write_files(tmp_path / "in", files)
    assert len(roster.collect(source)) == 1000
    (tmp_path / "people.csv").write_text("\n".join(people))
    found = roster.collect(source, tmp_path / "people.csv")
    assert len({submission.key.lower() for submission in found}) == len(found) == 1100
    rows = [(person, submission.path) for submission in found for person in submission.people]
    assert len({person.number for person, path in rows if path and person.number}) == 900
    assert len({path for _, path in rows if path}) == 1000
    # Brightspace tells names only, and in the list are others: a hundred have handed in nothing, surely.
    assert all(submission.doubt == "" for submission in found if not submission.path)


# Where the class is

ONE = ["Lovelace_Ada_alove_4711/vae.py"]
TWO = ["ada/vae.py", "bob/helpers/vae.py"]


@pytest.mark.parametrize("above", ["VAE/Abgaben", "VAE/Submissions", "x", "a/b/c"])
@pytest.mark.parametrize("files", [ILIAS, ONE, TWO, ["a_11_501_vae.py", "b_12_502_vae.py"]])
def test_folders_around_a_class_are_looked_through(tmp_path, above, files):
    found, told = take_in(tmp_path, [f"{above}/{name}" for name in files])
    alone, _ = take_in(tmp_path / "alone", files)
    assert found.keys() == alone.keys() and told.count("looked through") == above.count("/") + 1


@pytest.mark.parametrize("files", [
    ["ada/helpers/vae.py"], ["ada/course-main/helpers/vae.py"], ["ada/vae.py", "ada/runs/x/vae.py"], ["ada.zip"],
    ["ada/course-main/helpers/vae.py", "ada/course-main (1)/helpers/vae.py"], ["ada/report.pdf"], ["ada/a/b/c/d.txt"]])
def test_a_class_of_one(tmp_path, files):
    found, told = take_in(tmp_path, files)
    assert found.keys() == {"ada"} and "looked through" not in told


@pytest.mark.parametrize("single", ["VAE/ada/vae.py", "Abgaben/ada/x/vae.py", "2_vae/Submissions/ada/vae.py"])
def test_the_folder_of_an_assignment_is_no_student(tmp_path, single):
    found, _ = take_in(tmp_path, [single])
    assert found.keys() == {"ada"}
    assert take_in(tmp_path / "flat", ["VAE/ada_vae.py", "VAE/bob_vae.py"])[0].keys() == {"ada_vae.py", "bob_vae.py"}


@pytest.mark.parametrize("files, says", [
    (["helpers/vae.py", "notebooks/2_vae.ipynb"], "it holds helpers/"), (["vae.py", "report.pdf"], "it holds vae.py"),
    (["VAE (1).py"], "it holds VAE (1).py"), (["2_vae.ipynb", "x/notes.txt"], "it holds 2_vae.ipynb"),
    (["HEAD", "objects/x", "refs/x"], "a git repository"), (["helpers/vae.py", "a_1_22_x.py"], "it holds helpers/")])
def test_one_submission_is_no_class(tmp_path, files, says):
    with pytest.raises(UserError, match="is one submission") as told:
        take_in(tmp_path, files)
    assert says in str(told.value) and "`./course grade`" in str(told.value)


def test_the_course_beside_students_is_nobody(tmp_path):
    found, told = take_in(tmp_path, [*TWO, "helpers/vae.py", "notebooks/2_vae.ipynb"])
    assert found.keys() == {"ada", "bob"} and "nobody's: helpers, notebooks" in told


def test_strays_are_nobody(tmp_path):
    found, told = take_in(tmp_path, ["ada/vae.py", "index.html", "submission_metadata.yml", "README.txt", "grades.csv",
                                     "status.xlsx", "~$status.xlsx", ".DS_Store", "Thumbs.db", "__MACOSX/._ada"])
    assert found.keys() == {"ada"} and told.count("nobody's") == 1
    assert "nobody's: README.txt, grades.csv, index.html, status.xlsx, submission_metadata.yml" in told
    with pytest.raises(UserError, match="holds no submission"):
        take_in(tmp_path / "none", ["README.txt"])


def test_results_are_no_submission(tmp_path):
    """The --out inside the class, the results of another assignment, and a report of `grade`."""
    reports = [f"students/ada/{name}" for name in ("report.json", "report.md", "report.html", "results.json",
                                                   "github.json", "vae.py")]
    folder = write_files(tmp_path / "in", [
        "ada/vae.py", "gan results/class.json", "out/.lock", "bob/report.json", "all results/vae/class.json",
        "all results/gan/class.json", "deep/out/.lock",
        *(name.removeprefix("students/").replace("ada", "ada report") for name in reports)])
    found, told = take_in(tmp_path, folder, out=folder / "out")
    assert found.keys() == {"ada", "bob", "deep"} and told.count("is a folder of results") == 4 and "own folder" in told
    found, told = take_in(tmp_path, folder, out=folder / "deep" / "out" / "vae")
    assert "deep is a folder of results" in told
    with pytest.raises(UserError, match="is a folder of results, not a class"):
        take_in(tmp_path, folder / "gan results")
    with pytest.raises(UserError, match="holds no submission; ada is a folder of results"):
        take_in(tmp_path, write_files(tmp_path / "out", reports) / "students")


def test_results_beside_the_class_in_a_folder_around_it(tmp_path):
    files = [f"VAE/Abgaben/{name}" for name in ILIAS] + ["VAE/out/class.json", "VAE/out/students/x/vae.py"]
    assert len(take_in(tmp_path, files, out=tmp_path / "in" / "VAE" / "out")[0]) == 4


@pytest.mark.parametrize("names", [["Lovelace_Ada_alove_4711"], ["ada", "bob"], ["A B_1_assignsubmission_file_"]])
def test_several_classes_are_told(tmp_path, names):
    with pytest.raises(UserError, match="holds 2 classes, not submissions: Gruppe 1, Gruppe 2"):
        take_in(tmp_path, [f"Gruppe {n}/{name}/vae.py" for n in (1, 2) for name in names])


def test_folders_of_students_are_no_classes(tmp_path):
    """With one thing and another in them."""
    found, _ = take_in(tmp_path, ["ada/first/vae.py", "ada/lib/x.py", "bob/vae/vae.py", "bob/gan/gan.py",
                                  "eve/a/b.py", "eve/c/d.py"])
    assert found.keys() == {"ada", "bob", "eve"}


def test_a_tutorial_is_no_team(tmp_path):
    """Nor is a class that is called so."""
    write_files(tmp_path / "in", [f"Team 3/L_F_l{n}_47{n}/vae.py" for n in range(10, 40)])
    assert len({submission.login for submission in roster.collect(tmp_path / "in")}) == 30


def test_what_is_called_alike_belongs_together(tmp_path):
    found, _ = take_in(tmp_path, ["ada.zip", "ada/vae.py", "bob.py", "bob.ipynb", "eve.py", "ian_vae.py",
                                  "ian_2_vae.ipynb", "kim vae.py"])
    assert {name: [thing for thing, _ in submission.files] for name, submission in found.items()} == {
        "ada": ["ada", "ada.zip"], "bob": ["bob.ipynb", "bob.py"], "eve.py": [], "kim vae.py": [],
        "ian": ["ian_2_vae.ipynb", "ian_vae.py"]}


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are texts there")
def test_names_that_are_no_texts(tmp_path):
    for name in (b"G\xf6del", b"G\xf6del\n", "Go\u0308del".encode(), "Gödel".encode()):
        os.makedirs(os.fsencode(tmp_path / "in") + b"/" + name + b"/x")
    results = Results.start(tmp_path / "out", "vae", False, roster.collect(tmp_path / "in"))
    assert len({submission.key for submission in Results.open(tmp_path / "out").submissions}) == 4
    gradebook.build(results)


# The download itself

@pytest.mark.parametrize("files, names", [
    (ILIAS, 4), (["Ada Lovelace_4711_assignsubmission_file_/vae.py", "Bo B_2_assignsubmission_file_/vae.py"], 2),
    ([f"VAE/Abgaben/{name}" for name in ILIAS], 4), (TWO, 2), (["a_11_501_vae.py", "b_12_502_vae.py"], 2),
    ([name.replace("/", "\\") for name in ILIAS], 4)])
@pytest.mark.parametrize("where", ["", "folder/"])
def test_a_zip_of_the_class(tmp_path, files, names, where):
    path = write_zip(tmp_path / f"{where}VAE-1234.zip", files)
    found, told = take_in(tmp_path, tmp_path / where if where else path)
    assert len(found) == names and "VAE-1234" not in found
    for submission in found.values():
        assert all(Path(path).exists() for _, path in submission.files) and submission.path.exists()


@pytest.mark.parametrize("files", [["helpers/vae.py"], ["main/helpers/vae.py", "main/notebooks/2_vae.ipynb"],
                                   ["vae.py", "report.pdf"], ["a/b.txt"]])
def test_the_zip_of_one_student(tmp_path, files):
    write_zip(tmp_path / "in" / "ada.zip", files)
    found, _ = take_in(tmp_path, tmp_path / "in")
    assert found.keys() == {"ada"} and found["ada"].path.suffix == ".zip"


def test_a_hostile_zip_of_a_class(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as opened:
        for name in ("ada/vae.py", "bob/vae.py", "../evil.py", "/etc/evil", "ada/../../evil", "C:\\evil",
                     "x" * 300 + "/a", "ada/vae.py/x"):
            opened.writestr(name, "x")
        link = zipfile.ZipInfo("eve/vae.py")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, "/etc/passwd")
    found, told = take_in(tmp_path, tmp_path / "class.zip")
    assert found.keys() == {"ada", "bob"} and "left out of class.zip" in told and "eve/vae.py" in told
    assert not list(tmp_path.rglob("*evil*")) and not (tmp_path.parent / "evil.py").exists()


def test_a_zip_with_a_long_list_is_not_looked_into_here(tmp_path, monkeypatch):
    """Whoever reads the submission has a limit on time."""
    names = [f"A B_{n}_assignsubmission_file_/vae.py" for n in range(9)]
    write_zip(tmp_path / "in" / "ada.zip", names)
    write_files(tmp_path / "in", ["bob/vae.py", "eve/vae.py"])
    assert take_in(tmp_path, tmp_path / "in")[0].keys() == {"bob", "eve"}
    monkeypatch.setattr("coursekit.classes.place.MAX_LIST", 100)
    assert take_in(tmp_path, tmp_path / "in")[0].keys() == {"ada", "bob", "eve"}


def test_a_zip_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.classes.archive.MAX_BYTES", 100)
    write_zip(tmp_path / "class.zip", {"ada/vae.py": "x" * 99, "bob/vae.py": "xx"})
    with pytest.raises(UserError, match="more than 0 MB: unpack it"):
        take_in(tmp_path, tmp_path / "class.zip")


def test_names_in_a_zip_without_its_flag(tmp_path):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as opened:
        for name in ("Kurt Gödel_1_assignsubmission_file_/vae.py", "Ada B_2_assignsubmission_file_/vae.py"):
            entry = zipfile.ZipInfo(name.encode().decode("cp437"))
            opened.writestr(entry, "x")
    data = bytearray((tmp_path / "class.zip").read_bytes())
    written = "Kurt Gödel".encode().decode("cp437").encode()  # zipfile writes UTF-8; say what Info-ZIP says
    assert written in data
    (tmp_path / "class.zip").write_bytes(bytes(data))
    assert len(take_in(tmp_path, tmp_path / "class.zip")[0]) == 2


@pytest.mark.parametrize("name", ["class.xlsx", "class.ods", "class.zip", "class.csv", "class.tar.gz",
                                  "class.7z", "vae.py", "none.csv"])
def test_files_that_are_no_class(tmp_path, name):
    if name != "none.csv":
        (tmp_path / name).write_bytes(b"PK\3\4 \xff no")
    with pytest.raises(UserError) as told:
        take_in(tmp_path, tmp_path / name)
    says = {"xlsx": "save it as CSV", "ods": "save it as CSV",
            "csv": "save it as CSV", "zip": "not a readable zip file", "gz": "unpack it",
            "7z": "unpack it", "py": "is one submission"}[name.rpartition(".")[2]]
    assert ("there is no" if name == "none.csv" else says) in str(told.value) and "\n" not in str(told.value)


# Lists

CLASS = ["Ada Lovelace_11_assignsubmission_file_/vae.py", "Kurt Gödel_12_assignsubmission_file_/vae.py"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("people", [
    "Identifier,Full name,ID number,Email address,Status\nParticipant 11,,7,a@x.org,\nParticipant 12,X,8,k@x.org,\n",
    "sep=;\nID;Vollständiger Name;ID-Nummer;E-Mail-Adresse\nTeilnehmer/in11;Ada L;7;a@x.org\n;Kurt Gödel;8;k@x.org\n",
    "Vorname\tName\tMatrikelnummer\tE-Mail\nAda\tLovelace\t7\ta@x.org\nKurt\tGo\u0308del\t8\tk@x.org\n",
    "Prénom;Nom;Numéro d'identification;Adresse de courriel\nAda;Lovelace;7;a@x.org\nKURT;GÖDEL;8;k@x.org\n",
    "Nombre,Apellido(s),Número de ID,Dirección de correo\nAda,Lovelace,7,a@x.org\nKurt,Goedel,8,k@x.org\n",
    "Cognome,Nome,Matricola,Indirizzo email\nLovelace,Ada,7,a@x.org\nGödel,Kurt,8,k@x.org\n",
    "Student,SIS User ID,SIS Login ID\n\"Lovelace, Ada\",7,a@x.org\n\"Gödel, Kurt\",8,k@x.org\n"])
def test_lists_as_exported(tmp_path, people, encoding):
    found, told = take_in(tmp_path, CLASS, people, encoding)
    assert {submission.id: submission.number for submission in found.values()} == {
        "Participant 11": "7", "Participant 12": "8"}
    assert "not in the list" not in told and "2 people in people.csv" in told


def test_canvas_grade_book_as_a_list(tmp_path):
    """Lines that are nobody, a number that bears another name, columns that say nothing."""
    files = ["lovelaceada_11_501_vae.py", "eulerleonhard_12_502_vae.py", "gausscarl_13_503_vae.py"]
    found, told = take_in(tmp_path, files, (
        "Student,ID,SIS User ID,SIS Login ID,Section,VAE (1234)\n,,,,,Manual Posting\n    Points Possible,,,,,34\n"
        "\"Lovelace, Ada\",11,m1,alove,A,\n\"Noether, Emmy\",12,m2,en,A,\n\"Gauß, Carl\",13,m3,cg,A,\n"
        "\"Hopper, Grace\",14,m4,gh,B,\n\"Student, Test\",15,,x,A,\n"))
    assert {name: (submission.number, bool(submission.path), bool(submission.doubt)) for name, submission in
            found.items()} == {"Lovelace, Ada": ("m1", True, False), "eulerleonhard": ("", True, False),
                               "Gauß, Carl": ("m3", True, False), "Noether, Emmy": ("m2", False, True),
                               "Hopper, Grace": ("m4", False, False)}
    assert "another name, so taken for none: eulerleonhard (Noether, Emmy)" in told and "VAE (1234)" in told
    assert "nothing from 2 of the list" in told


def test_two_of_one_name_are_never_guessed(tmp_path):
    """Neither is the folder's, neither has handed in nothing: their marks are open. Bob's is not."""
    source = write_files(tmp_path / "in", ["Ada Lovelace/vae.py", "bob/vae.py"])
    (tmp_path / "people.csv").write_text("name,student number\nAda Lovelace,1\nLovelace Ada,2\nBob,3\nEve,4\n")
    found, told = roster.take_in(source, tmp_path / "people.csv")
    assert [(one.number, bool(one.path), bool(one.doubt)) for one in found] == [
        ("", True, False), ("3", True, False), ("1", False, True), ("2", False, True), ("4", False, False)]
    assert "taken for none: Ada Lovelace" in "\n".join(told)
    results = Results.start(tmp_path / "out", "vae", False, found)
    gradebook.build(results)
    rows = tables.read_table(tmp_path / "out" / "gradebook.csv")
    assert [row["status"].startswith("open: Ada Lovelace may be theirs") for row in rows] == [
        False, False, True, True, False] and not any(row["total"] for row in rows)


def test_names_that_are_nearly_the_same(tmp_path):
    """Nobody has handed in nothing while a folder may be theirs."""
    found, told = take_in(tmp_path, ["Ada Lovelace 76/vae.py", "Kurt Gödel/vae.py", "Emmy/vae.py"], "\n".join(
        ["name,student number", "Ada Lovelace,1", "Kurt Friedrich Gödel,2", "Emmy Noether,3", "Eve Emmy,4", "Emil,5"]))
    assert {name: bool(submission.doubt) for name, submission in found.items() if submission.number} == {
        "Ada Lovelace": True, "Kurt Friedrich Gödel": True, "Emmy Noether": True, "Eve Emmy": True, "Emil": False}
    assert "not quite, so taken for none: Ada Lovelace 76, Emmy, Kurt Gödel" in told


@pytest.mark.parametrize("files, people, open_mark", [
    (["Participant_7_assignsubmission_file_/vae.py"], "name\nAda Lovelace\n", True),  # blind, and no numbers
    (["Participant_7_assignsubmission_file_/vae.py"], "id,name\nParticipant 8,Ada Lovelace\n", False),
    (["anon_x7Yz_504_vae.py"], "id,name\n11,Ada Lovelace\n", True),
    (["vae-alove/vae.py", "vae-eve/vae.py"], "name,student number\nAda Lovelace,1\n", True),  # no logins
    (["vae-alove/vae.py", "vae-eve/vae.py"], "name,github_username\nAda Lovelace,adal\n", False),
    (["Gruppe A_17_assignsubmission_file_/vae.py"], "name\nAda Lovelace\n", True),  # no groups
    (["zed/vae.py"], "name\nAda Lovelace\n", True), (["zed/vae.py"], "name\nada\n", False),
    (["zed/vae.py"], "name,login\nAda Lovelace,alove\n", False),
    (["Emmy Noether/vae.py"], "name\nAda Lovelace\n", False),
    (["noetheremmy_12_501_vae.py"], "name\nAda Lovelace\n", False)])
def test_nobody_has_handed_in_nothing_while_something_may_be_theirs(tmp_path, files, people, open_mark):
    found, _ = take_in(tmp_path, files, people)
    missing, = [submission for submission in found.values() if not submission.path]
    assert bool(missing.doubt) == open_mark


def test_a_large_list_does_not_take_long(tmp_path):
    """Nobody of it has handed in, and nobody who has is in it."""
    for number in range(600):
        (tmp_path / "in" / f"Participant_{number}_assignsubmission_file_").mkdir(parents=True)
    people = "name,email\n" + "".join(f"A{n} B{n},a{n}@x.org\n" for n in range(600))
    (tmp_path / "people.csv").write_text(people)
    begin = time.process_time()
    found, _ = roster.take_in(tmp_path / "in", tmp_path / "people.csv")
    assert len(found) == 1200 and found[-1].doubt and time.process_time() - begin < 3


def test_names_of_two_in_the_list(tmp_path):
    source = write_files(tmp_path / "in", ["ada/vae.py"])
    (tmp_path / "people.csv").write_text("name\nKim Lee\nKim Lee\nada\n")
    found, _ = roster.take_in(source, tmp_path / "people.csv")
    assert [submission.name for submission in found] == ["ada", "Kim Lee", "Kim Lee"]
    assert len({submission.key for submission in found}) == 3


def test_members_of_a_team_are_found_in_the_list(tmp_path):
    found, told = take_in(tmp_path, ILIAS, "Login;Nachname;Vorname;Matrikelnummer\nenoether;Noether;Emmy;1\n"
                          "aturing;T;A;2\nx;Niemand;Ada;3\n")
    team = found["Team 12 (Emmy Noether, A T)"]
    assert [(member.number, member.id) for member in team.members] == [("1", "4714"), ("2", "4715")]
    assert found["Ada Niemand"].path is None and "nothing from 1 of the list: Ada Niemand" in told


@pytest.mark.parametrize("text, says", [
    ("a,b\n1,2\n", "expected one that tells who"), ("", "tells of nobody"), ("name\n\n", "tells of nobody")])
def test_lists_that_cannot_be_used(tmp_path, text, says):
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        lists.roster(tmp_path / "people.csv")
    (tmp_path / "people.xlsx").write_bytes(b"PK")
    with pytest.raises(UserError, match="save it as CSV"):
        lists.roster(tmp_path / "people.xlsx")


def test_titles_that_are_not_understood_are_named_once(tmp_path):
    (tmp_path / "people.csv").write_text("name,shoe size,Status\nAda,7,\nBob,8,\n")
    people, told = lists.roster(tmp_path / "people.csv")
    assert told == ["2 people in people.csv; columns that say nothing here: shoe size, Status"]


def test_a_class_list_with_one_path_for_two(tmp_path):
    write_files(tmp_path, ["a/vae.py", "b/vae.py"])
    (tmp_path / "class.csv").write_text("name,student number,group,path\nAda,1,G1,a\nBob,2,G1,a\nEve,3,,b\nIan,4,,\n")
    found, _ = roster.take_in(tmp_path / "class.csv")
    assert [(submission.name, len(submission.members)) for submission in found] == [
        ("G1 (Ada, Bob)", 2), ("Eve", 0), ("Ian", 0)]


# Keys

NAMES = ["Ada Lovelace", "Ada_Lovelace", "ada", "Ada", "ADA", "Лев Толстой", "Лев Толстая", "王小明", "王小红", "محمد",
         "?", "!", "con", "nul.txt", "COM1", "a.", "a", "-a", "x" * 100, "x" * 99, "Kurt Gödel_1", "Kurt Gödel_2",
         "ada-0123abcd", "a" * 60, ""]


def test_keys_depend_on_the_name_only():
    found = keys(NAMES)
    assert found == {name: key(name) for name in NAMES} == keys(reversed(NAMES))
    assert len({each.lower() for each in found.values()}) == len(NAMES)
    for each in found.values():
        assert each.isascii() and 0 < len(each) <= 60 and each[-1] not in "._ " and each[0] not in ".-"
        assert each.split(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt1")
    assert found["ada"] == "ada" and key("Go\u0308del") == key("Gödel")
    assert len(set(keys(["Go\u0308del", "Gödel"]).values())) == 2


def test_keys_are_never_equal():
    draw = random.Random(0)
    names = {"".join(draw.choices("aAäé _-2.", k=draw.randrange(1, 7))) for _ in range(3000)}
    assert len({each.lower() for each in keys(names).values()}) == len(names)


def test_results_of_an_earlier_version_are_taken_over(tmp_path):
    """It counted keys. Reports move, what was typed is found, and what is gone is told."""
    folder = write_files(tmp_path / "in", ["Ada Lovelace/vae.py", "bob/vae.py"])
    old = [{"key": "Ada_Lovelace", "path": str(folder / "Ada Lovelace"), "name": "Ada Lovelace", "id": "", "number": "",
            "email": "", "login": "", "section": "", "files": [], "problem": ""}]
    old += [{**old[0], "key": name, "name": name, "path": str(folder / name)} for name in ("bob", "eve")]
    write_files(tmp_path / "out", {
        "class.json": json.dumps({"assignment": "vae", "notebook": False, "submissions": old}),
        "students/Ada_Lovelace/report.json": "{}"})
    assert [one.key for one in Results.open(tmp_path / "out").submissions] == ["Ada_Lovelace", "bob", "eve"]
    for _ in range(2):
        results = Results.start(tmp_path / "out", "vae", False, roster.collect(folder))
        assert (tmp_path / "out" / "students" / key("Ada Lovelace") / "report.json").exists()
        assert Keys(results).find("Ada_Lovelace", {}) == key("Ada Lovelace")
    with pytest.raises(Unfit):
        Keys(results).find("eve", {})


def test_what_is_kept_is_read_back(tmp_path):
    folder = write_files(tmp_path / "in", ILIAS)
    results = Results.start(tmp_path / "out", "vae", False, roster.collect(folder), ["told"])
    again = Results.open(tmp_path / "out")
    assert [submission.people for submission in again.submissions] == [
        submission.people for submission in results.submissions]
    assert again.settings["told"] == ["told"]


# The grade book and the page

def test_a_row_for_each_member(tmp_path):
    folder = write_files(tmp_path / "in", ILIAS)
    results = Results.start(tmp_path / "out", "vae", False, roster.collect(folder), ["an ILIAS download <of> 5"])
    gradebook.build(results)
    rows = tables.read_table(tmp_path / "out" / "gradebook.csv")
    assert {(row["name"], row["id"], row["group"], row["late"]) for row in rows} == {
        ("Kurt Goedel", "4713", "", ""), ("Ada Lovelace", "4711", "", "late"), ("Grace Hopper", "4712", "", "late"),
        ("Emmy Noether", "4714", "Team 12", ""), ("Alan Turing", "4715", "Team 12", "")}
    assert "an ILIAS download &lt;of&gt; 5" in (tmp_path / "out" / "class.html").read_text()


def test_no_columns_that_say_nothing(tmp_path):
    results = Results.start(tmp_path / "out", "vae", False, roster.collect(write_files(tmp_path / "in", TWO)))
    gradebook.build(results)
    assert not {"group", "late"} & tables.read_table(tmp_path / "out" / "gradebook.csv")[0].keys()


def test_partners_are_no_pair(tmp_path):
    """Nor are attempts of one person. A group of twenty is a tutorial."""
    text = "\n".join(f"first_{n} = second_{n} + third_{n} * {n}" for n in range(40))
    sources = {"ada": text, "bob": text, "eve": "x = 1\n"}
    assert similarity.pairs(sources, "", "")[0]
    assert not similarity.pairs(sources, "", "", {"ada": {"g"}, "bob": {"g"}})[0]
    assert similarity.pairs(sources, "", "", {"ada": {"g"}, "bob": {"h"}})[0]
    one = roster.Submission("a", None, "Ada", login="ada", group="7")
    other = roster.Submission("b", None, "Team", members=(roster.Person("Bob", login="bob", group="7"),))
    assert one.tags & other.tags == {("group", "7")}


# What spreadsheets do

@pytest.mark.parametrize("seen, text", [
    ("the ? of x", "the σ of x"), ("the s of x", "the σ of x"), ("\ufffd is 1", "σ is 1"), ("?? smile", "😀 smile"),
    ("? smile", "😀 smile"), ("0.5", "0.50"), ("0,5", "0.50"), ("7", "007"), ("1.23457E+11", "123456789012"),
    ("50.00%", "50%"), ("0.5", "50%"), ("WAHR", "True"), ("1000", "1,000"), ("01. Feb", "1/2"), ("2026-02-01", "1/2"),
    ('say "so"', "say “so”"), ("say ?so?", "say “so”"), ("it's", "it’s"), ("a - b", "a – b"), ("wait...", "wait…"),
    ("a\r\nb", "a\nb"), ("'=1", "=1"), ("Gödel", "Go\u0308del"), ("x" * LONGEST, "x" * 40_000), ("", "")])
def test_what_a_spreadsheet_did_is_no_new_answer(seen, text):
    assert same(seen, text)


@pytest.mark.parametrize("seen, text", [
    ("0.5", "0.6"), ("one", "two"), ("the σ of x", "the s of x"), ("x" * 1000, "x" * 1001), ("", "a"), ("a", ""),
    ("1/3", "1/2"), ("a?", "a"), ("привет мир", "привет дом"), ("? is one", "σ is two"), ("1e5", "one")])
def test_another_answer_is_another_one(seen, text):
    assert not same(seen, text)


@pytest.mark.parametrize("pair", [("?" * 20_000, "é" * 20_000), ("'" * 20_000, "“" * 20_000 + "x"),
                                  ("9" * 20_000, "9" * 19_999), ("?" * 20_000, "“" * 20_000)])
def test_no_text_takes_long(pair):
    begin = time.process_time()
    same(*pair)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", ["a,b\nä,2\n", "a;b\nä;2\n", "a\tb\nä\t2\n", "sep=;\na;b\nä;2\n",
                                  '"sep=,"\r\na,b\r\nä,2\r\n', '"a";b\n"ä";2\n'])
def test_tables(tmp_path, text, encoding):
    (tmp_path / "a.csv").write_text(text, encoding=encoding, newline="")
    assert tables.read_table(tmp_path / "a.csv") == [{"a": "ä", "b": "2"}]


def test_tables_in_another_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("a,b\nä,2\n".encode("cp1252"))
    with pytest.raises(UserError, match="not in UTF-8"):
        tables.read_table(tmp_path / "a.csv")
    assert tables.read_table(tmp_path / "a.csv", "cp1252") == [{"a": "ä", "b": "2"}]


@links
def test_links_are_nobody_else_s_work(tmp_path):
    """In a folder of a class, in what belongs to a platform's student, in OLAT's and ILIAS's folders."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "vae.py").write_text("x")
    folder = write_files(tmp_path / "in", ["bob/vae.py", "A_B_ab_11/vae.py", "C_D_cd/1_task/vae.py"])
    (folder / "ada").symlink_to(tmp_path / "real")
    (folder / "C_D_cd" / "2_submissions").symlink_to(tmp_path / "real")
    found, _ = take_in(tmp_path, folder)
    assert {name: submission.problem for name, submission in found.items()} == {
        "bob": "", "ada": "ada is a link", "B A": "", "D C": "2_submissions is a link"}
