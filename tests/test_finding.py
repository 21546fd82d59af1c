"""What is found in a submission: the graded file, the notebook and its answers, whatever they are called and lie in."""
import base64
import gzip
import json
import os
import re
import struct
import tarfile
import time
import zlib
from pathlib import PurePosixPath

import pytest
from repositories import Here, Work

from coursekit import questions
from coursekit.gaps import strip
from coursekit.grading import choose, files, repository
from coursekit.grading.handin import infer_assignment, read
from coursekit.handins import content_of, lay
from coursekit.notebooks import NotebookError, cells_of, picture_type
from coursekit.questions import ELSEWHERE, NO_NOTEBOOK
from coursekit.release.files import course_files
from helpers.given.course import ROOT, assignments

VAE = assignments()["vae"]
NOTEBOOK = VAE.notebook.as_posix()
MINE = (ROOT / VAE.helper).read_text(encoding="utf-8")
OTHER, THIRD = MINE + "# another\n", MINE + "# a third\n"
SKELETON = strip(MINE, "helpers/vae.py")
GAN = strip((ROOT / "helpers/gan.py").read_text(encoding="utf-8"), "helpers/gan.py")
QUESTIONS = questions.questions("vae")
FIRST, SECOND = QUESTIONS[:2]
RELEASED = json.loads(course_files(ROOT, {"vae": VAE})[NOTEBOOK])
SEVEN = b"7z\xbc\xaf\x27\x1c rest"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n"


def answered(texts, added=(), ids="ours"):
    """The released notebook as text, with these answers, and cells added below others: [(id, cell)]. ids: "ours", "new"
    or "none", as other programs save it."""
    notebook = json.loads(json.dumps(RELEASED))
    for cell in notebook["cells"]:
        if cell["id"] in texts:
            cell["source"] = "".join(cell["source"]).replace("*Your answer here.*", texts[cell["id"]])
    for id, cell in reversed(added):
        place = next(number for number, known in enumerate(notebook["cells"]) if known["id"] == id)
        notebook["cells"].insert(place + 1, {"id": f"new {len(notebook['cells'])}", "metadata": {}, **cell})
    for number, cell in enumerate(notebook["cells"] if ids != "ours" else ()):
        cell["id"] = f"cell {number}"
        if ids == "none":
            del cell["id"]
    return json.dumps(notebook)


def cell(source, kind="markdown", **more):
    return {"cell_type": kind, "source": source, **more}


# The graded file

@pytest.mark.parametrize("tree, counted", [
    ({"helpers/vae.py": MINE}, ""),
    ({"course/helpers/vae.py": MINE, "vae.py": OTHER}, "counted: course/helpers/vae.py; not vae.py"),
    ({"abgabe.zip": {"helpers/vae.py": MINE}, "bericht.pdf": "%PDF"}, ""),
    ({"sub/ABGABE.ZIP": {"vae.py": MINE}}, ""),
    ({"outer.zip": {"inner.zip": {"vae.py": MINE}, "__MACOSX/._inner.zip": "x"}}, ""),
    ({"work.tar.gz": {"helpers/vae.py": MINE}}, ""), ({"work.tgz": {"a.zip": {"vae.py": MINE}}}, ""),
    ({"work.tar": {"helpers/vae.py": MINE}}, ""), ({"vae.py.gz": gzip.compress(MINE.encode())}, ""),
    ({"abgabe": {"helpers/vae.py": MINE}}, ""), ({"abgabe.zip.download": {"helpers/vae.py": MINE}}, ""),
    ({"a.zip": {"course\\helpers\\vae.py": MINE, "course\\": ""}}, ""), ({"helpers\\vae.py": MINE}, ""),
    ({"helpers/vae.py": MINE, "._vae.py": "x", "helpers/._vae.py": "x"}, ""),
    ({"helpers/vae.py": MINE, "old.7z": SEVEN}, "not looked at: old.7z is a 7z archive: hand in a zip"),
    ({"vae (1).py": MINE}, r"counted: vae \(1\).py$"), ({"VAE.py": MINE}, "counted: VAE.py"),
    ({"vae.py.txt": MINE}, "counted: vae.py.txt"), ({"helpers/vae-1.py": MINE}, "counted: helpers/vae-1.py"),
    ({"vae_1.py": MINE}, "counted"), ({"vae - Copy.py": MINE}, "counted"), ({"Kopie von vae.py": MINE}, "counted"),
    ({"Verspaetete Abgabe - vae.py": MINE}, "counted: Verspaetete"), ({"lovelace_vae.py": MINE}, "counted"),
    ({"2_vae.py": MINE}, "counted"), ({"vae2.py": MINE}, "counted"), ({"vae.py.download": MINE}, "counted"),
    ({"vae (1).py": MINE, "test_vae.py": "import vae\n"}, r"counted: vae \(1\).py$"),
    ({"my work.py": MINE, "plot.py": "import torch\n"}, "counted: my work.py"),
    ({"a/vae.py": MINE, "b/vae.py": MINE.replace("\n", "\r\n")}, "counted: a/vae.py, the same as b/vae.py"),
    ({"1_task/vae.py": SKELETON, "2_submissions/vae.py": MINE}, "1_task/vae.py is the released file, unchanged"),
    ({"helpers/vae.py": SKELETON, "vae (2).py": MINE}, r"counted: vae \(2\).py; helpers/vae.py is the released file"),
    ({"helpers/vae.py": SKELETON, "model.py": MINE}, "counted: model.py; helpers/vae.py is the released file"),
    ({"helpers/vae.py": MINE, "helpers/given/vae.py": OTHER, "helpers/given/checks/vae.py": OTHER}, ""),
    ({"helpers/vae.py": MINE, "helpers/vae - Copy.py": OTHER}, "not helpers/vae - Copy.py"),
    ({"helpers/vae.py": MINE, "backup.zip": {"helpers/vae.py": OTHER}}, "not backup.zip/helpers/vae.py"),
    ({"helpers/vae.py": MINE, "vae (1).py": ""}, ""), ({"helpers/vae.py": "", "vae (1).py": MINE}, "counted"),
    ({"helpers/vae.py": MINE.encode("utf-16")}, ""), ({"helpers/vae.py": b"\xef\xbb\xbf" + MINE.encode()}, ""),
])
def test_the_file_that_counts(tmp_path, tree, counted):
    found = read(lay(tmp_path, tree), "vae", "ada")
    assert (found.source or "").replace("\r\n", "\n") == MINE, found.problem
    assert found.notes == () if not counted else re.search(counted, "\n".join(found.notes), re.MULTILINE), found.notes


@pytest.mark.parametrize("tree, problem", [
    ({"a.7z": SEVEN}, "^a.7z is a 7z archive: hand in a zip$"), ({"a.zip": SEVEN}, "a.zip is a 7z archive: hand in"),
    ({"a.rar": b"Rar!\x1a\x07\0"}, "a rar archive"), ({"a.tar.xz": b"\xfd7zXZ\0"}, "a xz archive"),
    ({"a.zip": b"no zip"}, "not a readable zip file"), ({"a.tgz": b"no tar"}, "not a readable gzip file"),
    ({"a.zip": LFS}, "a.zip is a pointer of Git LFS"), ({"helpers/vae.py": LFS}, "vae.py is a pointer of Git LFS"),
    ({"a/vae.py": MINE, "b/vae.py": OTHER, "c/vae.py": THIRD},
     "holds 3 different vae.py: a/vae.py, b/vae.py and c/vae.py. Keep the one that counts"),
    ({"vae.py": MINE, "vae (1).py": OTHER}, r"holds 2 different vae.py: vae.py and vae \(1\).py"),
    ({"helpers/vae.py": MINE, "vae-1.py": OTHER}, "holds 2 different vae.py"),
    ({"vae.py": MINE, "Late - vae.py": OTHER}, "holds 2 different vae.py"),
    ({"vae.py": MINE, "a.zip": {"helpers/vae.py": OTHER}}, "holds 2 different vae.py"),
    ({"vae (1).py": MINE, "vae (2).py": OTHER}, "holds 2 different vae.py"),
    ({"one.py": MINE, "two.py": OTHER}, "holds 2 different vae.py"),
    ({"model.py": "class VAE:\n    pass\n", "loss.py": "def loss_function(x):\n    pass\n"},
     "some of what is asked for is in loss.py and model.py: put it into one vae.py"),
    ({"2_vae.ipynb": answered({}, [(FIRST.id, {"cell_type": "code", "source": "%%writefile helpers/vae.py\nx = 1"})])},
     "but cell [0-9]+ of 2_vae.ipynb defines what is asked for: save it as vae.py"),
    ({"helpers/vae.py": SKELETON, "x.ipynb": json.dumps({"cells": [
        {"cell_type": "code", "source": "class VAE(nn.Module):\n    pass"}]})}, "unchanged, but cell 1 of x.ipynb"),
    ({"link.html": "<a href='https://example.org'>"}, "holds no vae.py .*, but link.html: look into it"),
    ({"a.zip": {"../helpers/vae.py": MINE, "/vae.py": MINE}}, "holds no vae.py .*, and .*leads elsewhere"),
    ({"a.zip": {"C:\\vae.py": MINE}}, "leads elsewhere"), ({"/".join("d" * 40) + "/vae.py": MINE}, "30 folders deep"),
    ({"a.zip": {".git/HEAD": "x", ".git/objects/1": "x"}}, "holds no vae.py .*, only .git, which is not looked into"),
    ({"vae.py.lnk": "x"}, "but vae.py.lnk"), ({"work.pages": "x"}, "but work.pages: look into it"),
    ({"helpers/vae.py": SKELETON, "new.rar": b"Rar!\x1a\x07\0"}, "unchanged, and new.rar is a rar archive"),
    ({"helpers/vae.py": b"# caf\xe9"}, "not a UTF-8 text file"),
    ({"helpers/vae.py": b"#" * (2 << 20)}, "larger than 1 MB"),
    ({"helpers/vae.py": b"# coding: punycode\nx"}, "not a UTF-8 text file"),
])
def test_what_nobody_can_tell_is_open(tmp_path, tree, problem):
    found = read(lay(tmp_path, tree), "vae", "ada")
    assert found.source is None and found.open and re.search(problem, found.problem), found
    assert "\n" not in found.problem


@pytest.mark.parametrize("tree, problem", [
    ({}, "holds no vae.py"), ({"gan.py": "x = 1\n", "picture.png": b"\x89PNG"}, "holds no vae.py"),
    ({"helpers/vae.py": SKELETON}, "helpers/vae.py: this is the released file, unchanged"),
    ({"vae.py": SKELETON.replace("\n", "  \r\n"), "README.md": "x"}, "this is the released file, unchanged"),
    ({"helpers/vae.py": f"# Ada\n\n{SKELETON}"}, "this is the released file, unchanged"),
    ({".DS_Store": "x", ".gitignore": "x", "grades.xlsx": "x"}, "holds no vae.py"),
])
def test_what_is_known_to_be_empty(tmp_path, tree, problem):
    (tmp_path / "ada").mkdir()
    found = read(lay(tmp_path / "ada", tree), "vae", "ada")
    assert found.source is None and not found.open and problem in found.problem, found


@pytest.mark.parametrize("folder, names, counted", [
    ("Goedel_Kurt_kgoedel_4713", ["vae.py", "vae (2).py"], "vae (2).py"),
    ("Goedel_Kurt_kgoedel_4713", ["vae (2).py", "vae.py", "vae (10).py"], "vae (10).py"),
    ("Goedel_Kurt_kgoedel_4713", ["vae (2).py", "Verspaetete Abgabe - vae.py"], "Verspaetete Abgabe - vae.py"),
    ("Goedel_Kurt_kgoedel_4713", ["abgabe.zip", "abgabe (2).zip"], "abgabe (2).zip")])
def test_the_newest_file_of_a_folder_of_ilias(tmp_path, folder, names, counted):
    def made(name):
        source = f"{MINE}# {name}\n"
        return {"x/helpers/vae.py": source, "x/vae.py": SKELETON} if name.endswith(".zip") else source
    found = read(lay(tmp_path / folder, {name: made(name) for name in names}), "vae", "kurt")
    assert found.source == f"{MINE}# {counted}\n" and "the newest" in found.notes[0] and names[0] in found.notes[0]


def test_what_only_looks_like_the_newest(tmp_path):
    folder = tmp_path / "Goedel_Kurt_kgoedel_4713"
    lay(folder, {"vae.py": MINE, "abgabe.zip": {"helpers/vae.py": OTHER}})
    assert read(folder, "vae", "kurt").open
    for member, source in (("Noether_Emmy_enoether_4714", MINE), ("Turing_Alan_aturing_4715", OTHER)):
        lay(tmp_path, {f"{member}/vae.py": source})
    team = tuple((path.name, path) for path in sorted(tmp_path.iterdir()) if path != folder)
    assert read(team, "vae", "team").open
    lay(tmp_path, {"Turing_Alan_aturing_4715/vae.py": SKELETON, "Noether_Emmy_enoether_4714/vae (2).py": OTHER})
    assert read(team, "vae", "team").source == OTHER


def test_the_newest_notebook(tmp_path):
    lay(tmp_path / "Goedel_Kurt_kgoedel_4713", {"2_vae.ipynb": answered({FIRST.id: "a"}),
                                                "2_vae (2).ipynb": answered({FIRST.id: "b"})})
    found = read(tmp_path / "Goedel_Kurt_kgoedel_4713", "vae", "kurt", None, QUESTIONS)
    assert found.answers[FIRST.id] == "b" and found.answers_problem is None


@pytest.mark.parametrize("names, counted", [
    (["vae-1.py", "vae.py", "vae-2.py"], 2), (["vae.py", "vae.py"], 1), (["a.zip", "a-1.zip"], 1),
    (["a.zip", "a.zip"], 1)])
def test_the_newest_of_loose_files(tmp_path, names, counted):
    """Canvas gives what is handed in again another name; of one name the last is the newest."""
    paths = [tmp_path / f"{number}_{name}" for number, name in enumerate(names)]
    for number, path in enumerate(paths):
        source = f"{MINE}# {number}\n"
        path.write_bytes(content_of(path.name, {"helpers/vae.py": source} if path.suffix == ".zip" else source))
    assert read(tuple(zip(names, map(str, paths))), "vae", "ada").source.endswith(f"# {counted}\n")


def test_several_things_at_once(tmp_path):
    """A folder, an archive and loose files of one student."""
    lay(tmp_path, {"folder/notes.txt": "", "501_code.zip": {"helpers/vae.py": MINE},
                   "502_2_vae.ipynb": answered({FIRST.id: "Because."})})
    found = read((("text", tmp_path / "folder"), ("code.zip", tmp_path / "501_code.zip"),
                  ("2_vae-1.ipynb", tmp_path / "502_2_vae.ipynb")), "vae", "ada", None, QUESTIONS)
    assert found.source == MINE and found.answers[FIRST.id] == "Because."


def test_names_are_compared_as_they_look(tmp_path):
    """A Mac takes letters and their marks apart."""
    found = read(lay(tmp_path, {"Ubung\u0308/helpers/vae.py": MINE}), "vae", "ada")
    assert found.source == MINE


@pytest.mark.parametrize("text, encoding", [("# coding: latin-1\nx = 'é'\n", "latin-1"),
                                            ("#!/usr/bin/python\n# -*- coding: cp1252 -*-\nx = '€'\n", "cp1252")])
def test_a_declared_encoding(tmp_path, text, encoding):
    found = read(lay(tmp_path, {"vae.py": text.encode(encoding)}), "vae", "ada")
    names = {}
    exec(compile(found.source.encode(), "vae.py", "exec"), names)  # as from a file, in which it is UTF-8
    assert names["x"] in "é€" and "utf-8" in found.source


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_links_are_not_followed(tmp_path):
    lay(tmp_path / "secret", {"vae.py": MINE, "a.zip": {"vae.py": MINE}})
    for name in ("vae.py", "a.zip"):
        (tmp_path / name.partition(".")[0]).mkdir()
        (tmp_path / name.partition(".")[0] / name).symlink_to(tmp_path / "secret" / name)
    assert "not a plain file" in read(tmp_path / "vae", "vae", "ada").problem
    assert read(tmp_path / "a", "vae", "ada").source is None
    assert read((("a.zip", tmp_path / "a" / "a.zip"),), "vae", "ada").source is None


def locked_zip():
    """A zip file whose one entry says that it is locked with a password."""
    content = bytearray(content_of("a.zip", {"helpers/vae.py": MINE}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def test_a_zip_with_a_password(tmp_path):
    found = read(lay(tmp_path, {"a.zip": locked_zip()}), "vae", "ada")
    assert found.open and "a.zip/helpers/vae.py is locked with a password" in found.problem


@pytest.mark.parametrize("limit, value, tree, says", [
    ("MAX_ENTRIES", 3, {"a.zip": {"1": "", "2": "", "3": ""}}, "holds more than 3 files"),
    ("MAX_ARCHIVES", 1, {"a.zip": {"1": ""}, "b.zip": {"vae.py": MINE}}, "more than 1 archives"),
    ("MAX_NESTED", 1, {"a.zip": {"b.zip": {"vae.py": MINE}}}, "in more than 1 of them"),
    ("MAX_INNER", 100, {"a.zip": {"b.zip": {"vae.py": MINE}}}, "larger than 0 MB"),
    ("MAX_UNPACKED", 1000, {"a.tar.gz": {"big": "x" * 10_000, "vae.py": MINE}}, "when it is unpacked"),
    ("PIECE", 100, {"a.tar": {"vae.py": MINE}}, "too long a header")])
def test_limits(tmp_path, monkeypatch, limit, value, tree, says):
    monkeypatch.setattr(files, limit, value)
    found = read(lay(tmp_path, tree), "vae", "ada")
    assert found.open and says in found.problem


def test_an_archive_that_unpacks_to_very_much(tmp_path):
    """Headers of a tar file may say that all of it is one name."""
    header = bytearray(tarfile.TarInfo("x").tobuf())
    header[124:136], header[156:157] = b"77777777777\0", b"x"  # a pax header of 8 GB
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    lay(tmp_path, {"a.tar.gz": gzip.compress(bytes(header) + bytes(1 << 20))})
    assert "too long a header" in read(tmp_path, "vae", "ada").problem


@pytest.mark.parametrize("tree, name", [
    ({"helpers/vae.py": MINE, "helpers/gan.py": GAN}, "vae"),
    ({"helpers/vae.py": SKELETON}, "vae"), ({"vae (1).py": MINE}, "vae"),
    ({"a/vae.py": MINE, "b/vae.py": OTHER}, "vae")])
def test_the_assignment_is_the_one_that_was_worked_on(tmp_path, tree, name):
    assert infer_assignment(lay(tmp_path, tree)) == name


# The notebook

@pytest.mark.parametrize("tree", [
    {"2_vae.ipynb": 1}, {"notebooks/2_vae_lovelace.ipynb": 1}, {"2_vae (1).ipynb": 1}, {"2_vae.ipynb.json": 1},
    {"vae.ipynb": 1}, {"Copy of 2_vae.ipynb": 1}, {"my homework.ipynb": 1}, {"a.zip": {"2_vae.ipynb": 1}, "x.py": ""},
    {"x/2_vae.ipynb": 1, "y/2_vae.ipynb": 1}, {"2_vae.ipynb": 0, "answers.ipynb": 1},
    {"notebooks/2_vae.ipynb": 0, "2_vae (1).ipynb": 1}, {"2_vae.ipynb": 1, "vae_tryout.ipynb": "{\"cells\": []}"}])
def test_the_notebook_that_counts(tmp_path, tree):
    text = answered({FIRST.id: "Because.", SECOND.id: "Style."})

    def filled(tree):
        return {name: filled(each) if isinstance(each, dict) else
                {1: text, 0: json.dumps(RELEASED)}.get(each, each) for name, each in tree.items()}
    found = read(lay(tmp_path, filled(tree)), "vae", "ada", None, QUESTIONS)
    assert (found.answers[FIRST.id], found.answers[SECOND.id]) == ("Because.", "Style."), found
    assert found.answers_problem is None


def test_of_two_notebooks_the_one_with_all_that_is_in_the_other(tmp_path):
    more = answered({FIRST.id: "Because.", SECOND.id: "Style."})
    lay(tmp_path, {"2_vae.ipynb": answered({FIRST.id: "Because."}), "2_vae (1).ipynb": more})
    found = read(tmp_path, "vae", "ada", None, QUESTIONS)
    assert found.answers[SECOND.id] == "Style." and "notebook: 2_vae (1).ipynb" in found.notes


@pytest.mark.parametrize("tree, problem", [
    ({"2_vae.ipynb": "<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n"}, "2_vae.ipynb holds a merge conflict"),
    ({"2_vae.ipynb": LFS}, "2_vae.ipynb is a pointer of Git LFS"), ({"2_vae.ipynb": ""}, "is empty"),
    ({"2_vae.ipynb": json.dumps(RELEASED)[:5000]}, "is cut off"), ({"2_vae.ipynb": "<!DOCTYPE html>"}, "is a web page"),
    ({"2_vae.ipynb": "{'cells': []}"}, "is not a notebook"), ({"2_vae.ipynb": "[]"}, "is not a notebook"),
    ({"2_vae.ipynb": b"\xe9"}, "not a UTF-8 text file"),
    ({"2_vae.ipynb": answered({FIRST.id: "a"}), "x/2_vae.ipynb": answered({FIRST.id: "b"})},
     "2 notebooks with different answers: 2_vae.ipynb and x/2_vae.ipynb"),
    ({"answers.pdf": "%PDF"}, "no notebook was handed in, but answers.pdf: look into it"),
    ({"2_vae.ipynb": json.dumps(RELEASED), "answers.docx": "x"}, "has no answers, but answers.docx: look into it"),
    ({"my work.ipynb": "{}"}, "my work.ipynb is not a notebook"),
    ({"my work.ipynb": json.dumps({"cells": [cell("1. Because.")]})}, "my work.ipynb, in which none of the questions"),
    ({"3_gan.ipynb": json.dumps({"cells": []})}, f"^{NO_NOTEBOOK}$"), ({"page.jpg": "x"}, "but page.jpg: look into it"),
    ({"trained/vae/vae_generation.jpg": "x"}, f"^{NO_NOTEBOOK}$"),
    ({"photo.HEIC": "x"}, "no notebook was handed in, but photo.HEIC"), ({"2_vae.py": "# Why?"}, "but 2_vae.py"),
    ({"notebook.7z": SEVEN}, "notebook.7z is a 7z archive"), ({}, f"^{NO_NOTEBOOK}$")])
def test_a_notebook_that_cannot_be_read_is_told(tmp_path, tree, problem):
    found = read(lay(tmp_path, {"helpers/vae.py": MINE, **tree}), "vae", "ada", None, QUESTIONS)
    assert found.source == MINE and re.search(problem, found.answers_problem), found.answers_problem
    assert not any(found.answers.values())


def test_a_large_notebook(tmp_path):
    """Its pictures are dropped as it is read."""
    notebook = json.loads(answered({FIRST.id: "Because."}))
    notebook["cells"].append(cell("x", "code", outputs=[{"data": {"image/png": "x" * (35 << 20)}}]))
    found = read(lay(tmp_path, {"2_vae.ipynb": json.dumps(notebook)}), "vae", "ada", None, QUESTIONS)
    assert found.answers[FIRST.id] == "Because."


def test_an_old_notebook():
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": [
        {"cell_type": "markdown", "source": [FIRST.text]}, {"cell_type": "markdown", "source": "Because."},
        {"cell_type": "code", "input": ["print(1)"], "outputs": []}, cell("a", "heading", level=1)]}]})
    assert [cell.type for cell in cells_of(text)] == ["markdown", "markdown", "code", "markdown"]
    assert questions.extract(text, QUESTIONS)[FIRST.id] == "Because.\n\nprint(1)\n\na"


@pytest.mark.parametrize("text", ["", "no notebook", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', "[" * 10 ** 5,
                                  '{"cells": [{"cell_type": "markdown"}]}'])
def test_no_notebook(text):
    with pytest.raises(NotebookError):
        cells_of(text)


# Answers

# The id of a cell that does not follow on a question.
FAR = next(each["id"] for number, each in enumerate(RELEASED["cells"]) if number > 3 and not {
    each["id"], RELEASED["cells"][number - 1]["id"]} & {question.id for question in QUESTIONS})
QUESTION = next(each for each in RELEASED["cells"] if each["id"] == FIRST.id)
FILLED = {**QUESTION, "source": "".join(QUESTION["source"]).replace("*Your answer here.*", "Because.")}


@pytest.mark.parametrize("ids", ["ours", "new", "none"])
@pytest.mark.parametrize("texts, added, expected", [
    ({}, [], {}),
    ({FIRST.id: "Because."}, [], {FIRST.id: "Because."}),
    ({}, [(FIRST.id, cell("Because."))], {FIRST.id: "Because."}),
    ({}, [(FIRST.id, cell("Because.", "raw"))], {FIRST.id: "Because."}),
    ({}, [(FIRST.id, cell("# Because.", "code"))], {FIRST.id: "# Because."}),
    ({FIRST.id: "One."}, [(FIRST.id, cell("Two.")), (FIRST.id, cell("print(3)", "code"))],
     {FIRST.id: "One.\n\nTwo.\n\nprint(3)"}),
    ({}, [(FAR, FILLED)], {FIRST.id: "Because."}),
    ({FIRST.id: "Because."}, [(FIRST.id, QUESTION)], {FIRST.id: "Because."}),
    ({FIRST.id: "Because."}, [(FIRST.id, FILLED)], {FIRST.id: "Because."}),
    ({FIRST.id: "Why."}, [(FAR, FILLED)], {FIRST.id: ("Because.", "Why.")}),
    ({}, [(FAR, cell("## Question 1\nBecause.\n\nQuestion 2: style"))],
     {FIRST.id: "## Question 1\nBecause.", SECOND.id: "Question 2: style"}),
    ({}, [(FAR, cell("A note."))], {ELSEWHERE: "A note."}),
    ({}, [(FAR, cell("# A note.", "code"))], {ELSEWHERE: "# A note."}),
    ({}, [(FAR, cell("x = model(3)\nprint(x)", "code"))], {}),
])
def test_answers_are_found_where_students_put_them(texts, added, expected, ids):
    found = {id: text for id, text in questions.extract(answered(texts, added, ids), QUESTIONS).items() if text}
    assert found.keys() == expected.keys()
    for id, text in expected.items():
        parts = (text,) if isinstance(text, str) else text
        assert all(part in found[id] for part in parts) and len(found[id]) <= sum(map(len, parts)) + 2, found


def test_a_question_that_was_written_over():
    text = answered({})
    assert questions.extract(text.replace("*Your answer here.*", "_Your answer here._"), QUESTIONS)[FIRST.id] == ""
    notebook = json.loads(text)
    next(each for each in notebook["cells"] if each["id"] == FIRST.id)["source"] = "Because."
    assert questions.extract(json.dumps(notebook), QUESTIONS)[FIRST.id] == "Because."


def test_two_questions_in_one_cell():
    """Jupyter merges cells: what is below the second title answers the second."""
    notebook = json.loads(answered({FIRST.id: "One.", SECOND.id: "Two."}))
    first, second = (next(each for each in notebook["cells"] if each["id"] == id) for id in (FIRST.id, SECOND.id))
    first["source"] += "\n\n" + second["source"]
    notebook["cells"].remove(second)
    found = questions.extract(json.dumps(notebook), QUESTIONS)
    assert (found[FIRST.id], found[SECOND.id]) == ("One.", "Two.")


@pytest.mark.parametrize("source", ["\n" * 200_000, "![" * 100_000, "<img " * 20_000, "%" * 200_000])
def test_no_answer_takes_long(source):
    begin = time.process_time()
    for kind in ("code", "markdown"):
        questions.extract(answered({}, [(FIRST.id, cell(source, kind))]), QUESTIONS)
    assert time.process_time() - begin < 2


def test_no_name_takes_long():
    """Names in archives have up to a thousand letters."""
    begin = time.process_time()
    for name in ("_" * 999, "a_" * 499, "1_" * 499, "a - " * 249, "(1)" * 333):
        assert choose.ILIAS.fullmatch(f"{name}!") is None
        choose.likeness(f"{name}.py", PurePosixPath("helpers/vae.py"))
    assert time.process_time() - begin < 0.5


def test_cut_text_says_so():
    found = questions.extract(answered({FIRST.id: "x" * (questions.MAX_CHARACTERS + 7)}), QUESTIONS)[FIRST.id]
    assert found.endswith("x\n\n[cut off here: 7 more characters]")


# Pictures

def png(width=2, height=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(bytes(height * (3 * width + 1)))) + chunk(b"IEND", b"")


JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xc0\0\x11\x08\0\x10\0\x20\3\1\"\0\2\x11\1\3\x11\1"


@pytest.mark.parametrize("content, kind", [
    (png(), "image/png"), (JPEG, "image/jpeg"), (b"GIF89a\2\0\2\0....", "image/gif"), (b"", None), (b"<svg/>", None),
    (b"<html>", None), (png()[:16] + struct.pack(">II", 30_000, 30_000) + bytes(20), None), (JPEG[:20], None),
    (b"GIF89a\0\0\0\0", None), (b"\xff\xd8\xff" + b"\xff" * 100, None)])
def test_types_of_pictures(content, kind):
    assert picture_type(content) == kind


def test_pictures_of_answers(tmp_path):
    text = base64.b64encode(png()).decode()
    below = cell(f"![a](attachment:a%20b.png) ![b](../figures/b.png) <img width=3 src='data:image/png;base64,{text}'>"
                 " ![c](c.svg) ![d](http://example.org/d.png) ![e](no.png)",
                 attachments={"a b.png": {"image/png": text}})
    lay(tmp_path, {"notebooks/2_vae.ipynb": answered({}, [(FIRST.id, below)]), "figures/b.png": png(3, 3),
                   "c.svg": "<svg onload='alert(1)'/>"})
    found = read(tmp_path, "vae", "ada", None, QUESTIONS)
    assert text not in found.answers[FIRST.id] and "attachment" in found.answers[FIRST.id]
    assert found.pictures == {FIRST.id: [["a b.png", "image/png", text], ["../figures/b.png", "image/png",
                              base64.b64encode(png(3, 3)).decode()], ["picture 3", "image/png", text]]}
    assert [note.split(" (")[0] for note in found.notes if "not shown" in note] == [
        "a picture of an answer is not shown: c.svg", "a picture of an answer is not shown: no.png"]
    json.dumps(found.pictures)


# Git repositories

@pytest.fixture
def work(tmp_path):
    work = Work(tmp_path / "work")
    work.commit(vae=SKELETON)
    work.commit(vae=MINE)
    return work


@pytest.fixture
def room(tmp_path):
    return Here(tmp_path / "room")


def test_a_repository_with_and_without_its_files(work, room):
    assert read(work.bare(), "vae", "ada", room).source == MINE
    assert read(work.folder, "vae", "ada", room).source == MINE
    (work.folder / "helpers" / "vae.py").unlink()
    (work.folder / "helpers").rmdir()
    assert read(work.folder, "vae", "ada", room).source == MINE  # cloned without its files


def test_the_last_commit_before_a_deadline(work, room):
    work.commit(vae=OTHER)
    for place in (work.bare(), work.folder):
        for before, source in (("2026-03-03", OTHER), ("2026-03-03T13:00+00:00", OTHER), ("2026-03-03T11:00Z", MINE)):
            found = read(place, "vae", "ada", room, before=repository.seconds_of(before))
            assert found.source == source
            assert "graded as committed on 2026-03-0" in found.notes[0]
        found = read(place, "vae", "ada", room, before=repository.seconds_of("2026-03-01T13:00Z"))
        assert "this is the released file" in found.problem
        found = read(place, "vae", "ada", room, before=repository.seconds_of("2026-02-01"))
        assert found.open and "has no commit of 2026-02-01" in found.problem


def test_a_branch(work, room):
    work.git("checkout", "-q", "-b", "dev")
    work.commit(vae=OTHER)
    work.git("checkout", "-q", "main")
    for place in (work.bare(), work.folder):
        found = read(place, "vae", "ada", room)
        assert found.source == MINE and "branch dev holds another helpers/vae.py, of 2026-03-03" in found.notes[-1]
        found = read(place, "vae", "ada", room, branch="dev")
        assert found.source == OTHER and found.notes[0].endswith(", branch dev")
        found = read(place, "vae", "ada", room, branch="nothing")
        assert found.open and "has no branch nothing; there are: dev, main" in found.problem


def test_work_on_another_branch_is_no_zero(tmp_path, room):
    work = Work(tmp_path / "work")
    work.commit(vae=SKELETON)
    work.git("checkout", "-q", "-b", "dev")
    work.commit(vae=MINE)
    work.git("checkout", "-q", "main")
    for place in (work.bare(), work.folder):
        found = read(place, "vae", "ada", room)
        assert found.open and "released file, unchanged, but branch dev holds another" in found.problem


def test_a_repository_without_commits(tmp_path, room):
    work = Work(tmp_path / "work")
    for place in (work.bare(), work.folder):
        found = read(place, "vae", "ada", room, QUESTIONS)
        assert not found.open and "is an empty git repository" in found.problem
        assert found.answers_problem == NO_NOTEBOOK


def test_a_head_that_names_no_branch(work, room):
    bare = work.bare()
    (bare / "HEAD").write_text("ref: refs/heads/master\n")
    found = read(bare, "vae", "ada", room)
    assert found.source == MINE and found.notes == ("graded: the only branch, main",)
    work.git("push", "-q", str(bare), "main:dev")
    assert "HEAD is no branch of it; there are: dev, main" in read(bare, "vae", "ada", room).problem


def test_a_repository_in_a_repository(tmp_path, room):
    inner = Work(tmp_path / "inner")
    inner.commit(vae=MINE)
    work = Work(tmp_path / "work")
    work.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.folder), "course")
    work.commit()
    work.git("clone", "-q", ".", str(tmp_path / "clone"))
    for place in (work.bare(), tmp_path / "clone"):
        found = read(place, "vae", "ada", room)
        assert found.open and "course is a repository of its own (a submodule)" in found.problem


def test_archives_and_pointers_in_a_repository(tmp_path, room):
    work = Work(tmp_path / "work")
    lay(work.folder, {"a.zip": {"helpers/vae.py": MINE}})
    work.commit()
    assert read(work.bare(), "vae", "ada", room).source == MINE
    work.commit(vae=LFS)
    assert "pointer of Git LFS" in read(work.folder, "vae", "ada", room).problem


def test_what_is_no_repository_is_graded_as_it_is(tmp_path, room):
    found = read(lay(tmp_path / "ada", {"vae.py": MINE}), "vae", "ada", room, branch="dev")
    assert found.source == MINE and "no git repository" in found.notes[0]


def test_a_file_larger_than_the_limit_does_not_end_the_reading(tmp_path, room):
    work = Work(tmp_path / "work")
    work.commit(vae=MINE, big_vae="#" * (2 << 20))
    found = read(work.bare(), "vae", "ada", room)
    assert found.source == MINE and "larger than 1 MB" in found.notes[-1]


COMMIT = b"tree %s\nparent %s\nauthor A <a> 1 +0000\ncommitter A <a> %s +0100\n\ntree x\n"


def test_commits():
    one, other = b"1" * 40, b"2" * 40
    assert repository.commit_of(COMMIT % (one, other, b"17"), "") == repository.Commit(one, (other,), 17)
    for broken in (b"", COMMIT % (b"x", other, b"17"), COMMIT % (one, other, b"-"), COMMIT % (one, other, b"9" * 20)):
        with pytest.raises(files.SubmissionError):
            repository.commit_of(broken, "")


def test_refs(tmp_path):
    one, other, third = "1" * 40, "2" * 40, "3" * 40
    lay(tmp_path, {"HEAD": "ref: refs/heads/main\n", "refs/heads/dev": other, "refs/heads/broken": "x",
                   "refs/remotes/origin/HEAD": "ref: refs/remotes/origin/main", "refs/remotes/origin/dev": third,
                   "refs/remotes/origin/a/b": third,
                   "packed-refs": f"# pack-refs\n{one} refs/heads/main\n{one} refs/heads/dev\n^{other}\n"
                                  f"{other} refs/tags/v1\n"})
    assert repository.refs_of(tmp_path) == (one.encode(), {
        "main": one.encode(), "dev": other.encode(), "a/b": third.encode()})


def test_dates():
    noon = repository.seconds_of("2026-11-30T12:00+01:00")
    assert noon == repository.seconds_of("2026-11-30T11:00:00Z") == 1796036400
    assert repository.seconds_of("2026-11-30") == repository.seconds_of("2026-11-30T23:59:59")
    with pytest.raises(ValueError):
        repository.seconds_of("tomorrow")
