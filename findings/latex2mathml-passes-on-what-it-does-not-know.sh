#!/usr/bin/env bash
# latex2mathml 3.81.1 turns LaTeX that it does not know into text of the formula, and raises nothing: `aligned` of amsmath
# keeps its `&` as a visible sign (the starred `align*` becomes a table with two columns), and of `\big` the backslash and
# the word are shown. Malformed input raises an error, so one expects that unknown input does, too. Who builds pages with
# it has to look into what comes: a `\` in it, or an `&` between tags.
#
# Installs the package in a temporary folder and converts three valid formulas. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check latex2mathml==3.81.1 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
from latex2mathml.converter import convert

starred = convert(r"\begin{align*} a &= b \end{align*}")
aligned = convert(r"\begin{aligned} a &= b \end{aligned}")
big = convert(r"\big\| x \big\|")
print("align*: ", starred, "aligned:", aligned, "big:    ", big, sep="\n")
assert starred.count("<mtd") == 2 and ">&<" not in starred
assert ">&<" in aligned and "\\" in big
PY
