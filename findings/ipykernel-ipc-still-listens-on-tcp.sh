#!/usr/bin/env bash
# A Jupyter kernel whose connection file says transport "ipc" still listens on a TCP port of 127.0.0.1.
#
# ipykernel 7.4.0 (jupyter-client 8.9.1, pyzmq 27.1.0), Linux. One would think that with sockets in a folder the kernel
# needs no network. IOPubThread binds one more socket, tcp://127.0.0.1 with a random port, through which processes
# forked by the kernel send what they print. So a sandbox for kernels must allow that port, or keep the kernel from
# asking for it (replace IOPubThread._setup_pipe_in). ipykernel's issue 925 says that all sockets are ipc then.
#
# Installs the packages in a temporary folder, starts a kernel, and lists its listening sockets. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
    ipykernel==7.4.0 jupyter-client==8.9.1 pyzmq==27.1.0 2>/dev/null
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os, subprocess, sys, time
from jupyter_client.connect import write_connection_file

folder = sys.argv[1]
file, _ = write_connection_file(os.path.join(folder, "kernel.json"), transport="ipc", ip=os.path.join(folder, "socket"))
kernel = subprocess.Popen([sys.executable, "-m", "ipykernel_launcher", "-f", file], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    deadline = time.time() + 60
    while len([name for name in os.listdir(folder) if name.startswith("socket-")]) < 5 and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    own = {os.readlink(f"/proc/{kernel.pid}/fd/{name}") for name in os.listdir(f"/proc/{kernel.pid}/fd")}
    listening = [fields[1] for fields in map(str.split, list(open("/proc/net/tcp"))[1:])
                 if fields[3] == "0A" and f"socket:[{fields[9]}]" in own]
finally:
    kernel.kill()
names = sorted(name for name in os.listdir(folder) if name.startswith("socket-"))
print(f"sockets in the folder: {len(names)}; listening on TCP (address:port, hexadecimal): {listening}")
assert len(names) == 5, names
assert listening and all(address.startswith("0100007F:") for address in listening), "no TCP port any more"
PYTHON
