"""Where students work without installing anything: what the address of the released repository makes possible."""
import json

from coursekit.release.files import ReleaseError, fill, title_of
from coursekit.repository import owner_and_name

# Colab and Kaggle want the name of a branch; this is the one that GitHub gives a new repository.
IN_COLAB = "https://colab.research.google.com/github/{repository}/blob/main/{notebook}"
COLAB = f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({IN_COLAB})"
KAGGLE = ("[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
          "(https://kaggle.com/kernels/welcome?src=https://github.com/{repository}/blob/main/{notebook})")
UPLOAD = ("Take a notebook from `notebooks`. In Colab: *File*, *Upload notebook*. On Kaggle: *Create*, *Notebook*,\n"
          "then *File*, *Import notebook*.\n\n")


def put_address(files, assignments, repository):
    """Put the address into the set-up cells of the notebooks in `files`, {path: bytes}."""
    empty, filled = (json.dumps(f'REPOSITORY = "{address}"')[1:-1] for address in ("", repository))
    for assignment in assignments.values():
        name = assignment.notebook.as_posix()
        text = files[name].decode()
        if text.count(empty) != 1:
            raise ReleaseError(f'{name}: expected one line REPOSITORY = "" in its set-up cell, where the address goes; '
                               f"there are {text.count(empty)}")
        files[name] = text.replace(empty, filled).encode()


def without_installing(files, assignments, repository):
    """A section of the student's README; with badges if the repository is on github.com, where they work.

    files: {path: bytes}. repository: what coursekit.repository.address returns.
    """
    on_github = owner_and_name(repository)
    if on_github is None:
        begin = UPLOAD
    else:
        rows = []
        for name, assignment in assignments.items():
            notebook = assignment.notebook.as_posix()
            title = title_of(files[notebook].decode()) or name
            badges = (badge.format(repository=on_github, notebook=notebook) for badge in (COLAB, KAGGLE))
            rows.append(f"| {title} | {' | '.join(badges)} |")
        begin = fill("badges.md", ROWS="\n".join(rows), REPOSITORY=on_github)
    return fill("without-installing.md", BEGIN=begin, REPOSITORY=repository, NAME=repository.rpartition("/")[2])
