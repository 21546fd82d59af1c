#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` runs, and tests with one `xdist_group` mark still go to
# different workers, without a warning. The worker writes the group into the test's private `_nodeid`, which `nodeid` no
# longer reads; with pytest 8.4.2 the same files keep the group together. A scheduler of one's own
# (`pytest_xdist_make_scheduler` with LoadScopeScheduling) works with both.
# Fails if this changes: then the marks can be used again.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/test_group.py" <<'PY'
import time

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(8))
def test_in_a_group(number, worker_id, request):
    time.sleep(0.3)
    with open("workers", "a") as stream:
        stream.write(worker_id + "\n")
PY

workers() {  # how many workers had tests of the group, with this version of pytest
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install -q "pytest==$1" pytest-xdist==3.8.0 2>/dev/null
    (cd "$folder" && rm -f workers && "$folder/$1/bin/pytest" -q -p no:cacheprovider -n 2 --dist loadgroup >/dev/null &&
        sort -u workers | wc -l)
}

old="$(workers 8.4.2)" new="$(workers 9.2.0)"
echo "workers that had tests of one group: $old with pytest 8.4.2, $new with pytest 9.2.0"
[ "$old" -eq 1 ] && [ "$new" -eq 2 ]
