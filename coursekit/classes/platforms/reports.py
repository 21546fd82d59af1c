"""The students' reports in an archive, a folder for each: what ILIAS and OLAT hand out to them.

source for ILIAS: ILIAS-eLearning/ILIAS, components/ILIAS/Exercise/TutorFeedbackFile/TutorFeedbackZipRepository.php
(48d9cedec4), for release 8 Modules/Exercise/classes/class.ilExAssignment.php: files stand in
`multi_feedback.../<anything>_<user id>/`, no deeper and no higher. No points: ILIAS has no import for them.

source for OLAT: OpenOLAT/OpenOLAT, src/main/java/org/olat/course/assessment/bulk/DataStepForm.java (022f92c4ab) and
ChooseColumnsStepForm.java (0083d1a6ae): points are pasted, a line for each person, cells between tabs and no quotes:
who (user name, address or number), score, passed, comment. What is empty changes nothing. Files stand in a folder that
is called like who. (OPAL comes from OLAT; that it takes the same is a guess.)
"""
import io
import re
import zipfile

from coursekit.classes.platforms.people import listed
from coursekit.classes.tables import cell
from helpers.given.console import write


def for_ilias(results, rows):
    """Write ilias-feedback.zip. Returns what is to be told, line by line."""
    assignment = results.settings["assignment"]
    known, unknown = with_an(lambda row: row["id"] if row["id"].isdigit() else "", rows)
    pack(results, "ilias-feedback.zip", {f"multi_feedback_{assignment}/{plain_name(row)}_{who}": row
                                         for who, row in known})
    return [f"ilias-feedback.zip: {len(known)} reports", *without(
        unknown, "a user's number, as in the names of ILIAS's download")]


def for_olat(results, rows):
    """Write olat.txt and olat-return.zip. Returns what is to be told, line by line."""
    known, unknown = with_an(lambda row: row["login"] or row["email"] or row["number"], rows)
    lines = ["\t".join(re.sub(r"\s+", " ", cell(value)) for value in (who, row["total"], "", row["feedback"]))
             for who, row in known]
    write(results.folder / "olat.txt", "".join(f"{line}\n" for line in lines))
    pack(results, "olat-return.zip", {who: row for who, row in known if re.fullmatch(r"[^./\\][^/\\]*", who)})
    return [f"olat.txt, olat-return.zip: {len(known)} people", *without(unknown, "user name, address or number")]


def with_an(identifier, rows):
    """([(identifier, row)] of those with points, [the rows without one])."""
    graded = [row for row in rows if row["total"] is not None and not row["open"]]
    return [(identifier(row), row) for row in graded if identifier(row)], [
        row for row in graded if not identifier(row)]


def without(rows, what):
    return [f"left out without {what}: {listed([row['name'] for row in rows])}"] if rows else []


def plain_name(row):
    return re.sub(r"[^A-Za-z0-9]+", "_", row["name"]).strip("_") or "student"


def pack(results, name, folders):
    """Write an archive: {folder: row of whose report it holds}."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for folder, row in folders.items():
            page = (results.folder / row["report"]).read_bytes()
            file.writestr(f"{folder}/{results.settings['assignment']}-report.html", page)
    write(results.folder / name, archive.getvalue())
