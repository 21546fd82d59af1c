#!/usr/bin/env bash
# shtab 1.13.0: for an argument that takes several values (nargs "*" or "+") its script for zsh completes the first one
# only. It writes the specification "(*)::help:(...)"; what stands in brackets in front excludes all further arguments
# once one is there. bash and fish complete every one. With "*:help:(...)" zsh does, too.
#
# Installs the package in a temporary folder and makes the script of a small parser with one command; where there is a zsh, it presses Tab
# behind the second name of both forms. Fails if that changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check shtab==1.13.0 pexpect==4.9.0 2>/dev/null
cd "$folder"
venv/bin/python - <<'PY'
import argparse, re, shutil
from pathlib import Path

import pexpect, shtab

parser = argparse.ArgumentParser(prog="tool")
command = parser.add_subparsers(metavar="COMMAND").add_parser("go", help="go there")
command.add_argument("names", nargs="*", help="some", choices=["alpha", "beta"])
made = shtab.complete(parser, "zsh")
line = next(line for line in made.splitlines() if "alpha" in line)
print("shtab writes:", line.strip())
assert line.strip().startswith('"(*)::some:(alpha beta)')
Path("tool").write_text('#!/bin/sh\necho "<$*>"\n')
Path("tool").chmod(0o755)


def second(script):
    """What zsh hands over after `tool go alpha be`, Tab, Enter."""
    Path("_tool").write_text(script)
    zsh = pexpect.spawn("zsh", ["-f", "-i"], env={"PATH": f".:{Path.cwd()}:/usr/bin:/bin", "TERM": "xterm", "HOME": "."},
                        encoding="utf-8", timeout=60, dimensions=(50, 200))
    zsh.sendline("fpath+=$PWD; autoload -Uz compinit; compinit -u -D")
    zsh.send("./tool go alpha be\t\r")
    zsh.expect(r"<([^>\x1b]*)>")
    return zsh.match[1].strip()


if shutil.which("zsh"):
    as_made, mended = second(made), second(made.replace('"(*)::', '"*:'))
    print("as it is made:", as_made, "| with *:", mended)
    assert as_made == "go alpha be" and mended == "go alpha beta"
PY
