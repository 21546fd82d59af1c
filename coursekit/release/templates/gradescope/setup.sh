#!/usr/bin/env bash
# Gradescope runs this as root, once, when it builds the image of this autograder. It ends with an error unless the
# solution gets all its points in this image. What it installs lies in /opt/course: the system's Python, which
# Gradescope itself needs, stays as it is. Other addresses: the variables of pip and uv (PIP_INDEX_URL,
# UV_DEFAULT_INDEX, UV_TORCH_BACKEND, UV_PYTHON_INSTALL_MIRROR, ...) hold here, too.
set -euo pipefail
umask 022
source=/autograder/source home=/opt/course
step="the beginning"
trap 'echo "setup.sh: this image is of no use. It failed at: $step. What went wrong stands above." >&2' ERR

step="apt-get: git, and pip for the system's Python"
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates git python3 python3-pip

step="uv @UV@"
python3 -m pip install --no-cache-dir --target "$home/uv" "uv==@UV@"
uv="$home/uv/bin/uv"

step="Python ${UV_PYTHON:=@PYTHON@}"
export UV_PYTHON UV_PYTHON_INSTALL_DIR="$home/python" UV_PYTHON_PREFERENCE="${UV_PYTHON_PREFERENCE:-only-managed}"
export UV_NO_CACHE=1 UV_TORCH_BACKEND="${UV_TORCH_BACKEND-cpu}"
[ -n "$UV_TORCH_BACKEND" ] || unset UV_TORCH_BACKEND
"$uv" venv "$home/venv"

step="the packages of requirements.txt"  # compiled, because each container begins anew
"$uv" pip install --python "$home/venv/bin/python" --compile-bytecode \
    -r "$source/requirements.txt" -c "$source/constraints.txt"

step="the course"
export PYTHONPATH="$source/course" OMP_NUM_THREADS=1
python="$home/venv/bin/python"
"$python" -m compileall -q "$source/course"
"$python" -P -m coursekit.grading.autograder unfinished >"$source/unfinished.json"
chmod -R o= "$source"  # student code is another user

step="grading the solution in this image"
"$python" -P -m coursekit.grading.autograder prove @NAME@@NOTEBOOK@
echo "setup.sh: done"
