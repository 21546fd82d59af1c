#!/usr/bin/env bash
# nbval writes each message of a kernel to its log at the level DEBUG, and formats it before it asks whether anybody reads
# that level: logger.debug("...", pformat(message)). pprint goes through every message, pictures of megabytes and all, also
# in a run in which nothing is logged. To replace nbval.kernel.pformat spares it.
#
# nbval 0.11.0, Python 3.11: two cells that print make some 13 messages, and each is formatted; with 8 million letters in one
# of them, 8 million are. None is logged. (In a notebook of 52 cells with 20 figures it was 0.1 s of 3.7.)
#
# Installs nbval and ipykernel in a temporary folder and counts. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check nbval==0.11.0 ipykernel==7.4.0 jupyter_client==8.10.0 \
    nbformat==5.11.1 pytest==9.2.0 2>/dev/null
cat > "$folder/counts.py" <<'PY'
import logging

import nbformat
import nbval.kernel
import pytest

formatted, real = [], nbval.kernel.pformat


def counting(message):
    text = real(message)
    formatted.append(len(text))
    return text


nbval.kernel.pformat = counting
book = nbformat.v4.new_notebook()
book.cells = [nbformat.v4.new_code_cell("print('short')"), nbformat.v4.new_code_cell("print(8_000_000 * 'x')")]
nbformat.write(book, "two_cells.ipynb")
status = pytest.main(["-q", "-p", "no:cacheprovider", "--nbval-lax", "--nbval-current-env", "two_cells.ipynb"])
heard = logging.getLogger("nbval.kernel").isEnabledFor(logging.DEBUG)
print(f"status {int(status)}; the log takes DEBUG: {heard}; {len(formatted)} messages formatted, {sum(formatted):,} letters")
assert status == 0 and not heard
assert len(formatted) >= 10 and sum(formatted) > 8_000_000, "nbval no longer formats what nobody reads"
PY
cd "$folder" && "$folder/venv/bin/python" counts.py
