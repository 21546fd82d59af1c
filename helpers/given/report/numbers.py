"""The numbers and curves of a report: `{{ vae.vae.last.loss }}` is what trained/vae/settings.json says of "vae".

So a number in a report is the one that was measured. `{{ vae.vae.last.loss:.1f }}` rounds it, `{{ vae.vae.curve }}` is
the path of a picture of the learning curve.
"""
import csv
import json
import re
from pathlib import Path

from helpers.given.console import UserError, choose
from helpers.given.course import ROOT

PLACE = re.compile(r"\{\{ +([^{}\s]+?)(?::([^{}\s]*))? +\}\}")
MOST_TOLD = 40  # names in a message
IN_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
            **{sign: f"\\{sign}" for sign in "&%$#_{}"}}


def fill(text, source, latex, draft=False):
    """Put the numbers into a text: (the text, [what is not there, in words]).

    Args:
        source: the file that it is from: pictures of curves go into a folder beside it.
        draft: True puts a ? for what is not there.
    Raises:
        UserError: something is not there, or cannot be written as it says.
    """
    known, missing = measured(), []

    def value(match):
        if latex and re.search(r"(?<!\\)(?:\\\\)*%", text[text.rfind("\n", 0, match.start()) + 1:match.start()]):
            return match[0]  # a comment
        name, form = match[1], match[2] or ""
        try:
            return in_words(look_up(name, known), form, name, source, latex)
        except UserError as error:
            line = f"{source}, line {text.count(chr(10), 0, match.start()) + 1}: {error}"
            if not draft:
                raise UserError(line) from None
            missing.append(line)
            return "?"
    return PLACE.sub(value, text), missing


def look_up(name, known):
    if not known:
        raise UserError(f"there is no number for {{{{ {name} }}}}: the folder trained is empty. The last cell of a "
                        "notebook writes what was trained there")
    if name in known:
        return known[name]
    near = {each: value for each, value in known.items() if each.split(".")[0] == name.split(".")[0]} or known
    near = dict(list(near.items())[:MOST_TOLD])
    return choose(name, near, "number")


def measured(folder=None):
    """What can be put into a report, {name: value}: all in trained/*/settings.json, and the curves (a Path)."""
    known = {}
    for path in sorted((folder or ROOT / "trained").glob("*/settings.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UserError(f"{path} cannot be read: run the last cell of the notebook again") from None
        assignment = path.parent.name
        known.update(flat(told, assignment))
        for weights in told if isinstance(told, dict) and (path.parent / "curve.csv").is_file() else ():
            known[f"{assignment}.{weights}.curve"] = path.parent / "curve.csv"
    return known


def flat(told, name):
    """A tree of settings as {"vae.cvae.last.loss": value}."""
    if isinstance(told, dict):
        return {key: value for each, inner in told.items() for key, value in flat(inner, f"{name}.{each}").items()}
    return {} if told is None or isinstance(told, list) else {name: told}


def in_words(value, form, name, source, latex):
    """A value as it is written into the text."""
    if isinstance(value, Path):
        return draw(value, name, source)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        try:
            return format(value, form or (".4g" if isinstance(value, float) else ""))
        except ValueError:
            raise UserError(f"{{{{ {name}:{form} }}}}: {form!r} is no form of a number, expected something like .1f"
                            ) from None
    text = str(value)
    if latex:
        return "".join(IN_LATEX.get(letter, letter) for letter in text)
    return re.sub(r"([\\`*_{}\[\]<>#$|~^])", r"\\\1", text)


def draw(path, name, source):
    """Draw the learning curve of some weights: the path of the picture, as seen from the report."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    assignment, weights = path.parent.name, name.split(".")[-2]
    with open(path, encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row.get("weights", weights) == weights]
    columns = [column for column in (rows[0] if rows else ()) if column not in ("weights", "epoch", "seconds")
               and all(number(row[column]) is not None for row in rows)]
    columns = [column for column in columns if "loss" in column] or columns
    if not columns:
        raise UserError(f"{path} has no curve of {weights}: run the last cell of the notebook again")
    figure = Figure(figsize=(5, 2.6), layout="constrained")
    axes = figure.add_subplot()
    for column in columns:
        axes.plot(range(1, len(rows) + 1), [number(row[column]) for row in rows], label=column)
    axes.set_xlabel("epoch")
    axes.set_ylabel(columns[0] if len(columns) == 1 else "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    if len(columns) > 1:
        axes.legend()
    folder = source.absolute().parent / "curves"
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{assignment}-{weights}.png", dpi=200)
    return f"curves/{assignment}-{weights}.png"


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
