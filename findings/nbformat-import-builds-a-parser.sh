#!/usr/bin/env bash
# `import nbformat` takes seconds in an environment with JupyterLab, and most of them build a parser that nobody needs.
#
# nbformat 5.10.4, jsonschema 4.26.0 with its extra format-nongpl (which jupyter-events, below JupyterLab, asks for),
# rfc3987-syntax 1.1.0, lark 1.3.1. nbformat imports jsonschema for its validator; jsonschema imports rfc3987_syntax, if
# it is there, for the formats "iri" and "iri-reference"; rfc3987_syntax builds a Lark parser for the whole grammar when
# it is imported. Notebooks have no such formats, and nbformat validates with fastjsonschema anyway. With
# sys.modules["rfc3987_syntax"] = None before the import, the same import takes a fraction.
#
# Installs the packages in a temporary folder and measures both imports. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    nbformat==5.10.4 'jsonschema[format-nongpl]==4.26.0' rfc3987-syntax==1.1.0 lark==1.3.1 2>/dev/null
measure() {  # seconds of the fastest of three imports
    for _ in 1 2 3; do
        "$folder/venv/bin/python" -c "import sys, time; $1; started = time.perf_counter(); import nbformat; print(time.perf_counter() - started)"
    done | sort -n | head -n 1
}
with="$(measure pass)"
without="$(measure 'sys.modules["rfc3987_syntax"] = None')"
echo "import nbformat: $with s; without rfc3987_syntax: $without s"
python3 -c "with_, without = $with, $without; assert with_ > 2 * without, 'the parser no longer takes most of the time'"
