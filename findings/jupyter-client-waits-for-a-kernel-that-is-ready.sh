#!/usr/bin/env bash
# A client of jupyter_client that joins a kernel which runs already, by its connection file, waits 0.2 seconds in
# wait_for_ready(), however ready it is: what is left on IOPub is read until 0.2 seconds bring nothing. (Once more
# 0.2 seconds if its heartbeat is not known yet, as was seen over ipc: only a client that a KernelManager has made does
# not look for it.) kernel_info(reply=True) tells in some milliseconds that the kernel answers. What it leaves on IOPub
# belongs to another request; who reads there compares msg_id anyway. nbval calls wait_for_ready for each notebook.
#
# jupyter_client 8.10.0, ipykernel 7.4.0: 0.202 seconds, and 0.002.
#
# Installs both in a temporary folder, without any kernel of this machine. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check jupyter_client==8.10.0 ipykernel==7.4.0 2>/dev/null
"$folder/venv/bin/python" - <<'PY'
import time
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

manager, first = start_new_kernel()
try:
    first.execute_interactive("1 + 1", silent=True)  # it is as ready as can be
    seconds = {}
    for way in ("wait_for_ready", "kernel_info"):
        client = BlockingKernelClient(connection_file=manager.connection_file)
        client.load_connection_file()
        client.start_channels()
        started = time.perf_counter()
        if way == "wait_for_ready":
            client.wait_for_ready(timeout=60)
        else:
            client.kernel_info(reply=True, timeout=60)
        seconds[way] = time.perf_counter() - started
        client.stop_channels()
    print("; ".join(f"{way} {value:.3f} s" for way, value in seconds.items()))
    assert seconds["wait_for_ready"] > 0.15, "it no longer waits"
    assert seconds["kernel_info"] < 0.1, "the kernel was not ready, or asking takes as long now"
finally:
    first.stop_channels()
    manager.shutdown_kernel(now=True)
PY
