"""`./course audit handins`: is what a class hands in taken in fairly, whatever platform it comes from?

The bank is autograde_tests/banks/handins.py. What it says comes of each hand-in is compared with what is read. Nothing
is graded, so this is fast.
"""
import ast
import dataclasses
import functools
import io
import json
import os
import re
import runpy
import subprocess
import tarfile
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.classes import gradebook, roster, tables
from coursekit.classes.batch import read_one
from coursekit.classes.results import Results
from coursekit.gaps import strip
from coursekit.grading.text import normal
from coursekit.questions import ELSEWHERE
from coursekit.release.files import course_files
from coursekit.sandbox import walls
from helpers.given.console import UserError
from helpers.given.course import ANSWER_FIELD, ROOT, assignments

BANK = ROOT / "autograde_tests" / "banks" / "handins.py"
ASSIGNMENT = "vae"
LARGE = 1000  # hand-ins of many platforms in one folder
COLUMNS = "kind", "classes", "hand-ins", "fair"


@dataclass(frozen=True)
class Class:
    """A class as somebody gives it to `grade-class`, and what is fair. The bank explains the fields."""

    kind: str
    tree: dict
    fair: dict = field(default_factory=dict)
    nobody: tuple = ()
    told: str = ""
    people: str = ""
    refused: str = ""
    mixes: bool = False


@functools.cache
def contents():
    """What stands for the words in a tree, {word: text}."""
    one = assignments()[ASSIGNMENT]
    solution, helper = (ROOT / one.helper).read_text(encoding="utf-8"), one.helper.as_posix()
    blank = json.loads(course_files(ROOT, {ASSIGNMENT: one})[one.notebook.as_posix()])
    cells = [{**cell, "source": "".join(cell["source"]).replace(ANSWER_FIELD, f"An answer of my own, {number}.")}
             for number, cell in enumerate(blank["cells"])]
    skeleton = strip(solution, helper)
    return {"SOLUTION": solution, "OTHER": f"{solution}# another one\n", "SKELETON": skeleton,
            "FORMATTED": ast.unparse(ast.parse(skeleton)), "BEGUN": f"{skeleton}print(1)\n",
            "BLANK": json.dumps(blank), "NOTEBOOK": json.dumps({**blank, "cells": cells})}


def content_of(name, content):
    """The bytes of a file. name: says of what kind an archive is. content: see the bank."""
    if isinstance(content, tuple):
        word, encoding = content
        return contents()[word].encode(encoding)
    if isinstance(content, str):
        return contents().get(content, content).encode("utf-8", "surrogateescape")
    if isinstance(content, bytes):
        return content
    out = io.BytesIO()
    if kind := re.search(r"\.(?:tar(?:\.(gz|xz|bz2))?|(t)gz)$", name.lower()):
        with tarfile.open(fileobj=out, mode=f"w:{kind[1] or kind[2] and 'gz' or ''}") as opened:
            for inner, each in content.items():
                entry, data = tarfile.TarInfo(inner), content_of(inner, each)
                entry.size = len(data)
                opened.addfile(entry, io.BytesIO(data))
    else:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
            for inner, each in content.items():
                opened.writestr(inner, content_of(inner, each))
    return out.getvalue()


def lay(folder, tree):
    """Write what was handed in to a folder. tree: see the bank."""
    for name, content in tree.items():
        path = folder / name
        if isinstance(content, list):
            clone(path, content)
        elif name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content_of(name, content))
    return folder


def clone(folder, commits):
    """Make a git repository with these commits, a day after each other."""
    folder.mkdir(parents=True)

    def git(*command, day=1):
        date = f"2026-03-{day:02}T12:00:00+00:00"
        subprocess.run(["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c", *command], check=True,
                       capture_output=True, env={**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date})

    git("init", "-q", "-b", "main")
    for day, (branch, tree) in enumerate(commits, start=1):
        git("checkout", "-q", "-B", branch)
        lay(folder, tree)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "step", day=day)
    git("checkout", "-q", *([commits[0][0]] if commits else ["-B", "main"]))


def load():
    """The Classes of the bank."""
    return [Class(**entry) for entry in runpy.run_path(str(BANK))["CLASSES"]]


def renamed(what, number):
    """A part of the bank with its people under other names: each * is other letters, or after a digit other digits.
    number: None leaves them as they are."""
    if isinstance(what, dict):
        return {renamed(key, number): renamed(value, number) for key, value in what.items()}
    if isinstance(what, (list, tuple)):
        return type(what)(renamed(each, number) for each in what)
    if not isinstance(what, str):
        return what
    if number is None:
        return what.replace("*", "")
    letters = "".join("bdfghklmnprstvwz"[digit] + "aeio"[digit % 4] for digit in divmod(number, 16))
    return re.sub(r"(?<=\d)\*", f"{number:03}", what).replace("*", letters)


def as_written(one):
    """A Class of the bank without marks for other names."""
    return dataclasses.replace(one, **{name: renamed(getattr(one, name), None)
                                       for name in ("tree", "fair", "people", "nobody", "told")})


def mixed(classes, least=LARGE):
    """One Class of all that can stand in one folder, each again and again under other names."""
    tree, fair, nobody, number = {}, {}, set(), 0
    while len(fair) < least:
        for one in classes:
            if one.mixes:
                tree.update(renamed(one.tree, number))
                fair.update(renamed(one.fair, number))
                nobody.update(renamed(one.nobody, number))
        number += 1
    return Class("all of these in one folder", tree, fair, tuple(nobody))


def judge(one, folder):
    """What is not fair in how a Class is taken in: a line each. folder: empty, for the class and its grade book."""
    class_folder, temporary, people = folder / "class", folder / "temporary", folder / "people.csv"
    temporary.mkdir()
    lay(class_folder, one.tree)
    people.write_text(one.people, encoding="utf-8")
    try:
        found, told = roster.take_in(class_folder, people if one.people else None, temporary)
    except UserError as error:
        return [] if one.refused and one.refused in str(error) else [f"it is refused: {error}"]
    if one.refused:
        return [f"it is not refused, with {one.refused!r}"]
    told = "\n".join(told)
    nobody = re.search(r"^nobody's: (.*)$", told, re.MULTILINE)
    findings = differences("told", {"nobody's": set(one.nobody), "told": True},
                           {"nobody's": set(nobody[1].split(", ") if nobody else ()),
                            "told": one.told in told or told})
    by_name = {submission.name: submission for submission in found}
    findings += differences("the class", {"names": sorted(one.fair)}, {"names": sorted(one_.name for one_ in found)})
    for name in one.fair.keys() & by_name.keys():
        expected = one.fair[name]
        expected = {"what": expected} if isinstance(expected, str) else expected
        findings += differences(name, {"late": False, "members": (), **expected}, taken(by_name[name]))
    return findings + in_the_grade_book(found, folder / "results")


def taken(submission):
    """What comes of a submission, in the words of the bank."""
    about = {name: getattr(submission, name) for name in ("id", "number", "email", "login", "late")}
    about["members"] = tuple(member.name for member in submission.members)
    if submission.doubt:
        return {**about, "what": f"open: {submission.doubt}"}
    handed_in = read_one(walls.Bare("the bank is our own"), ASSIGNMENT, submission)
    if handed_in.source is not None:
        what = next((word for word, text in contents().items() if normal(text) == normal(handed_in.source)), "a file")
    elif handed_in.open:
        what = f"open: {handed_in.problem}"
    else:
        what = "released" if "this is the released file" in handed_in.problem else "nothing"
    return {**about, "what": what, "notes": "\n".join(handed_in.notes), "unread": handed_in.answers_problem or "",
            "answers": sum(bool(text) for id, text in handed_in.answers.items() if id != ELSEWHERE)}


def differences(who, expected, came):
    """What is other than expected, a line each. Of reasons and notes some words are expected."""
    found = []
    for what, value in expected.items():
        if what in ("what", "notes", "unread") and value and (what != "what" or value.startswith("open: ")):
            words = value.removeprefix("open: ")
            fair = words in came[what] and came[what].startswith("open: " if what == "what" else "")
        else:
            fair = value == came[what]
        if not fair:
            found.append(f"{who}: {what}: expected {value!r}, came {came[what]!r}")
    return found


def in_the_grade_book(found, folder):
    """Everybody is in the grade book once, and nobody has points before anything is graded."""
    results = Results.start(folder, ASSIGNMENT, False, found)
    gradebook.build(results)
    rows = tables.read_table(folder / "gradebook.csv")
    everybody = sorted(person.name for submission in found for person in submission.people)
    findings = differences("the grade book", {"names": everybody}, {"names": sorted(row["name"] for row in rows)})
    return findings + [f"the grade book: {row['name']} has points: {row['total']}" for row in rows if row["total"]]


def main():
    """Audit how hand-ins are taken in: prints a table, returns the findings."""
    started, classes, rows, findings = time.perf_counter(), load(), {}, []
    for one in [*map(as_written, classes), mixed(classes)]:
        with tempfile.TemporaryDirectory(prefix="course-audit-") as folder:
            found = judge(one, Path(folder))
        findings += [f"handins: {one.kind}: {finding}" for finding in found]
        row = rows.setdefault(one.kind, [0, 0, 0])
        for place, more in enumerate((1, len(one.fair), not found)):
            row[place] += more
    lines = [COLUMNS, ["---"] * len(COLUMNS), *((kind, a, b, f"{fair} of {a}") for kind, (a, b, fair) in rows.items())]
    print("\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines))
    print(f"{time.perf_counter() - started:.0f} seconds.\n", flush=True)
    return findings
