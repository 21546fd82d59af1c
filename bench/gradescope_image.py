"""Gradescope's image, built and used here: `bench/gradescope_image.py FOLDER [--bind PATH ...]`, as root on Linux, with
debootstrap and Debian's and Python's packages within reach.

Makes the file system of an image from Debian in FOLDER (if it is not there yet), puts the zip file of `course
gradescope --assignment vae` into it, runs its setup.sh, then run_autograder for each of some submissions, as Gradescope
does: as root in a container without the rights of one that is privileged (no mounts, no name spaces), here without
network, too. Prints what came, how long it took and the most anonymous memory that all processes held together.

What it does not show: Gradescope's image is of Ubuntu 22.04, with a kernel that nobody here knows. The variables of pip
and uv hold in the image: UV_PYTHON=3.11 UV_PYTHON_PREFERENCE=only-system UV_TORCH_BACKEND= make it do with Debian's
Python and a CUDA build of torch, where GitHub and PyTorch's own packages cannot be reached. --bind shows a folder of
this machine in it, such as one for UV_FIND_LINKS.
"""
import argparse
import contextlib
import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

from bench.little_machine import group
from coursekit.gaps import open_gap
from coursekit.release.gradescope import autograder
from helpers.given.course import ROOT

CONTAINERS = {"768 MB, half a processor": (768, 0.5), "no limits": (None, None)}
PACKAGES = "ca-certificates,git,python3,python3-pip,python3-venv"
# What Docker leaves to root of a container.
CAPABILITIES = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service",
                "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap")
ENTER = """
cd "$1"; shift
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd
mkdir -p dev/shm; mount -t tmpfs -o size=64m,mode=1777 tmpfs dev/shm
for path in $BINDS; do mkdir -p ".$path"; mount --bind -o ro "$path" ".$path"; done
cp /etc/resolv.conf etc/resolv.conf
exec chroot . setpriv --bounding-set="$CAPABILITIES" --inh-caps=-all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    HOME=/root $SETTINGS "$@"
"""


def lame(landlock):
    """For a process that is about to start: no Landlock from here on, unless it is wanted, as on an older kernel."""
    if landlock:
        return
    load, equal, give = 0x20, 0x15, 0x06  # of the filter's language (BPF): the number of the call is its first word
    program = [(load, 0, 0, 0), (equal, 2, 0, 444), (equal, 1, 0, 445), (equal, 0, 1, 446), (give, 0, 0, 0x50000 | 38),
               (give, 0, 0, 0x7FFF0000)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program), ctypes.addressof(text)))
    if ctypes.CDLL(None, use_errno=True).prctl(22, 2, filter):  # PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "no filter of system calls")


def inside(image, *command, binds=(), network=True, landlock=True, places=(), folder="/"):
    """Start a command as root in the image. places: files of control groups, to which its number is written."""
    certificate = os.environ.get("SSL_CERT_FILE")
    settings = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "PIP_"))}
    if certificate:
        shutil.copy(certificate, image / "etc" / "certificates.pem")
        settings.update(SSL_CERT_FILE="/etc/certificates.pem", PIP_CERT="/etc/certificates.pem")
    environment = {**os.environ, "BINDS": " ".join(binds),
                   "SETTINGS": " ".join(f"{name}={value}" for name, value in settings.items()),
                   "CAPABILITIES": ",".join(["-all", *(f"+{name}" for name in CAPABILITIES)])}
    cut_off = [] if network else ["--net"]

    def before():
        for place in places:
            place.write_text(str(os.getpid()))
        lame(landlock)

    return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", *cut_off, "bash", "-e", "-c",
                             ENTER, "enter", image, "env", "-C", folder, *command], preexec_fn=before, env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def unpack(path, folder):
    """Unpack a zip file with the rights that stand in it, which zipfile alone does not give."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            os.chmod(archive.extract(entry, folder), entry.external_attr >> 16)


def build(image, binds=()):
    """Make the image. Returns what setup.sh printed. Raises CalledProcessError if it fails."""
    if not (image / "usr" / "bin" / "python3").exists():
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", image], check=True,
                       stdout=subprocess.DEVNULL)
    source = image / "autograder" / "source"
    for folder in (source, image / "opt" / "course"):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    autograder(ROOT, image / "autograder.zip", "vae", runs_per_day=5)
    unpack(image / "autograder.zip", source)
    shutil.copy(source / "run_autograder", image / "autograder")
    process = inside(image, "/autograder/source/setup.sh", binds=binds)
    told = process.communicate()[0]
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "setup.sh", told)
    return told


def grade(image, source, container=(None, None), landlock=True, binds=()):
    """Run run_autograder for a graded file. Returns the results.json, what it printed, seconds, and the most anonymous
    memory in MB."""
    folder = image / "autograder"
    for name in ("submission", "results"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    (folder / "submission" / "vae.py").write_text(source, encoding="utf-8")
    (folder / "submission_metadata.json").write_text(json.dumps({
        "created_at": "2026-11-28T12:00:00-08:00", "users": [{"name": "Ada"}, {"name": "Bob"}]}))
    with group(*container) as (places, anonymous):
        started, most = time.monotonic(), 0
        process = inside(image, "/autograder/run_autograder", network=False, landlock=landlock, places=places,
                         folder="/autograder", binds=binds)
        while process.poll() is None:
            with contextlib.suppress(OSError):
                most = max(most, anonymous())
            time.sleep(0.02)
        told = process.stdout.read()
        return json.loads((folder / "results" / "results.json").read_text()), told, time.monotonic() - started, most


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bind", action="append", default=[], metavar="PATH")
    parser.add_argument("--keep", action="store_true", help="use the image as it is, without running setup.sh again")
    args = parser.parse_args()
    image = args.folder.resolve()
    if not args.keep:
        print(build(image, args.bind).strip().splitlines()[-1])
    solution = (ROOT / "helpers" / "vae.py").read_text(encoding="utf-8")
    print("| container | wall | file | points | seconds | most anonymous memory, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for what, container in CONTAINERS.items():
        for landlock in (True, False):
            for name, source in (("solution", solution), ("one gap open", open_gap(solution, "interpolate"))):
                results, told, seconds, most = grade(image, source, container, landlock, args.bind)
                wall = told.partition("isolation: ")[2].partition(")")[0] or results["output"].splitlines()[0]
                print(f"| {what} | {wall} | {name} | {results['score']} | {seconds:.1f} | {most} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
