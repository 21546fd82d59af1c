#!/usr/bin/env bash
# Furo 2025.12.19 with Sphinx 9.0.4: the captions of a toctree beside the page are <p class="caption" role="heading">
# without an aria-level, which ARIA requires of that role. axe calls it critical (aria-required-attr), on every page of a
# site whose toctree has a `:caption:`. Sphinx writes the role; the theme shows that tree in its sidebar as it comes.
#
# Installs the packages in a temporary folder and builds two pages. Fails if that changes: then nothing need be added to
# context["furo_navigation_tree"] any more.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check furo==2025.12.19 sphinx==9.0.4 2>/dev/null
mkdir "$folder/source"
echo 'html_theme = "furo"' >"$folder/source/conf.py"
printf 'Book\n====\n\n.. toctree::\n   :caption: Parts\n\n   one\n' >"$folder/source/index.rst"
printf 'One\n===\n' >"$folder/source/one.rst"
"$folder/venv/bin/sphinx-build" -q -b html "$folder/source" "$folder/out"
caption="$(grep -o '<p class="caption"[^>]*>' "$folder/out/one.html" | head -n 1)"
echo "one.html: $caption"
[[ "$caption" == *'role="heading"'* && "$caption" != *aria-level* ]]
