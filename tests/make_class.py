"""A made-up class: submissions from an assignment's bank, in all forms that submissions come in, some of them broken.

`python tests/make_class.py FOLDER [ASSIGNMENT] [COUNT]` writes one to try `./course grade-class` on.
"""
import json
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from coursekit import audit  # noqa: E402
from coursekit.release.files import course_files  # noqa: E402
from helpers.given.course import assignments  # noqa: E402

FIRST = ("Ada", "Emmy", "Sofja", "Alan", "Kurt", "Grace", "Maryam", "Carl", "Leonhard", "Srinivasa", "Henri", "Julia")
LAST = ("Lovelace", "Noether", "Kowalewskaja", "Turing", "Gödel", "Hopper", "Mirzakhani", "Gauß", "Euler", "Ramanujan")
ANSWERS = ("The gradient does not flow through the draw.", "=1+1", "",
           "Style: slant and stroke.\n\nTest it with the sliders.")


def sources(assignment, count, seed=0):
    """`count` graded files: [(text, items that lose points)]. Each takes right and wrong variants of other gaps."""
    bank, draw = audit.load(assignment), random.Random(seed)
    made = []
    for _ in range(count):
        change, lost = {}, set()
        for name in draw.sample(list(bank.right), min(6, len(bank.right))):
            if "file" not in bank.right[name] and not change.keys() & bank.right[name].keys():
                change.update(bank.right[name])
        for name in draw.sample(list(bank.wrong), draw.choice((0, 0, 1, 1, 2, 3))):
            item, _, wrong = bank.wrong[name]
            if "file" not in wrong and not change.keys() & wrong.keys() and not (
                    bank.judged(item) & change.keys()):  # the mistake meets the solution's other gaps, as in the bank
                change.update(wrong)
                lost.add(item)
        text = bank.source("made", change)
        made.append(("\n".join(line for line in text.split("\n") if "SOLUTION" not in line), lost))
    return made


def make(folder, assignment="vae", count=20, seed=0, broken=True, git=False):
    """Write a class to a folder. Returns {name of the entry: items that lose points, or None if it is broken}."""
    folder, draw, expected = Path(folder), random.Random(seed), {}
    folder.mkdir(parents=True, exist_ok=True)
    notebook = assignments()[assignment].notebook.as_posix()
    blank = json.loads(course_files(ROOT, {assignment: assignments()[assignment]})[notebook])
    for number, (text, lost) in enumerate(sources(assignment, count, seed)):
        name = f"{draw.choice(FIRST)} {draw.choice(LAST)} {number + 1:03}"
        files = {f"helpers/{assignment}.py": text, notebook: answered(blank, draw)}
        write_submission(folder / name, files, "zip" if number % 3 == 0 else "git" if git and number == 1 else "folder")
        expected[name] = lost
    if broken:
        expected.update(dict.fromkeys(make_broken(folder, assignment)))
    return expected


def answered(blank, draw):
    """The released notebook, with some of the questions answered."""
    cells = [{**cell, "source": "".join(cell["source"]).replace("*Your answer here.*", draw.choice(ANSWERS))}
             for cell in blank["cells"]]
    return json.dumps({**blank, "cells": cells})


def write_submission(path, files, form):
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "zip":
        with zipfile.ZipFile(f"{path}.zip", "w") as opened:
            for name, text in files.items():
                opened.writestr(f"course-main/{name}", text)
        return
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    if form == "git":
        run = ["git", "-C", str(path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "handed in"]):
            subprocess.run([*run, *command], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", str(path), f"{path}.git"], check=True)
        subprocess.run(["rm", "-r", str(path)], check=True)


def make_broken(folder, assignment):
    """Submissions with nothing to grade, or something that cannot be imported. Returns their names."""
    file = f"{assignment}.py"
    (folder / "no zip.zip").write_bytes(b"this is no zip file")
    (folder / "empty").mkdir()
    (folder / "a picture").mkdir()
    (folder / "a picture" / "vae.png").write_bytes(b"\x89PNG")
    for name, content in (("syntax error", b"def f(:\n"), ("not UTF-8", "# caf\xe9".encode("latin-1")),
                          ("huge", b"#" * (2 << 20)), ("endless import", b"while True:\n    pass\n")):
        (folder / name).mkdir()
        (folder / name / file).write_bytes(content)
    names = ["no zip", "empty", "a picture", "syntax error", "not UTF-8", "huge", "endless import"]
    if hasattr(os, "symlink") and os.name != "nt":
        (folder / "a link").mkdir()
        (folder / "a link" / file).symlink_to("/etc/passwd")
        (folder / "a link to nowhere").symlink_to(folder / "nowhere")
        names += ["a link", "a link to nowhere"]
    return names


if __name__ == "__main__":
    where, name, number, *_ = [*sys.argv[1:], *("vae", "30")[len(sys.argv) - 2:]]
    for entry, lost in make(where, name, int(number), git=True).items():
        print(entry, "nothing to grade" if lost is None else f"loses points of {', '.join(sorted(lost)) or 'nothing'}",
              sep=": ")
