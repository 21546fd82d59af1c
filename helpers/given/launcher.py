"""What the launcher asks a Python, before anything is downloaded: will it do for the course? And what a failed
installation says.

    python -I helpers/given/launcher.py            prints why it will not do, in one line; the exit code is 1 then
    python -I helpers/given/launcher.py LOG        prints what is known about the failure that pip's log LOG tells of

Any Python must be able to read this file, so it is written for old ones. It imports nothing of the course.
"""
from __future__ import print_function

import os
import platform
import re
import subprocess
import sys

# The Pythons that torch and all else in constraints.txt have builds for. What students write has to be readable for
# the oldest: GitHub's workflow takes that one.
OLDEST, NEWEST = (3, 11), (3, 14)
RANGE = "Python {0}.{1} to {2}.{3}".format(*(OLDEST + NEWEST))
INSTALL = "Install one of {0} (https://www.python.org/downloads), or set PYTHON to it".format(RANGE)
LONGEST = 165  # letters of the longest path that is installed, below the course's folder
LONG_PATHS = r"SYSTEM\CurrentControlSet\Control\FileSystem"  # in the registry
CERTIFICATE = ("this Python has no certificate to know the server by (CERTIFICATE_VERIFY_FAILED). On macOS, with "
               "Python from python.org: run \"Install Certificates.command\" in its folder in Applications. Behind a "
               "proxy that looks into connections, as companies and universities have them: set SSL_CERT_FILE and "
               "PIP_CERT to its certificate")


def unfit(version=sys.version_info[:3], system=sys.platform, machine=None, build="",
          implementation=platform.python_implementation(), bits=64 if sys.maxsize > 2 ** 32 else 32, translated=False):
    """Why this Python will not do for the course, in one line with what to do, or None.

    system, machine: what Python says of the computer (without them it is asked). build: sysconfig's name of the
    platform. translated: True on a Mac with Apple silicon, in a Python for Intel processors.
    """
    machine = machine or platform.machine()
    name = "Python " + ".".join(map(str, version))
    if tuple(version[:2]) < OLDEST:
        return "{0} is too old. {1}".format(name, INSTALL)
    if tuple(version[:2]) > NEWEST:
        return "{0} is too new: not all packages have builds for it. {1}".format(name, INSTALL)
    if system == "darwin" and machine == "x86_64" and translated:
        return "this Python is one for Intel processors, and torch has none for it. " + INSTALL
    if system == "darwin" and machine == "x86_64":
        return ("this Mac has an Intel processor, and torch has no builds for those since 2.3. Work on another "
                "machine, in Colab, or in Linux on this one (a container or a virtual machine)")
    if system == "cygwin" or build.startswith(("mingw", "msys")):
        return "this Python belongs to MSYS2 or Cygwin, and torch has no builds for it. " + INSTALL
    if implementation != "CPython":
        return "this is {0}, and torch has no builds for it. {1}".format(implementation, INSTALL)
    if bits == 32:
        return "this Python has 32 bits, and torch has builds for 64 only. " + INSTALL


def is_translated():
    """True if this process runs on Apple silicon, translated from Intel's code."""
    try:
        told = subprocess.Popen(["sysctl", "-in", "sysctl.proc_translated"], stdout=subprocess.PIPE).communicate()[0]
        return told.strip() == b"1"
    except OSError:
        return False


def too_long(folder, system=sys.platform, allowed=None):
    """Why nothing can be installed in this folder on Windows, in one line with what to do, or None.

    allowed: whether Windows allows longer paths. Default: it is asked.
    """
    if system != "win32" or len(folder) + 1 + LONGEST < 260:
        return None
    if long_paths_allowed() if allowed is None else allowed:
        return None
    return ("the path of this folder has {0} letters, and Windows allows 260 with all that is installed below: {1} at "
            "most. Move the course to a shorter one, such as C:\\course, or allow long paths: "
            "https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation".format(
                len(folder), 258 - LONGEST))


def long_paths_allowed():
    """What Windows's registry says."""
    try:
        import winreg
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, LONG_PATHS) as key:
            return winreg.QueryValueEx(key, "LongPathsEnabled")[0] == 1
    except (ImportError, OSError):
        return False


# What pip writes, and what it means. The first that is found counts.
FAILURES = (
    ("CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError", CERTIFICATE),
    (r"No space left on device|Errno 28\b|\[WinError 112\]|Disk quota exceeded|Errno 122\b",
     "the disk is full, or your share of it is: make room, 6 GB at least (pip keeps downloads, too: pip cache purge)"),
    (r"No matching distribution found for torch\b",
     "there is no build of torch for this Python on this machine. It needs 64 bits and {0}; on Linux a C library like "
     "that of Debian, Ubuntu or Fedora".format(RANGE)),
    (r"Failed to establish a new connection|Temporary failure in name resolution|getaddrinfo failed|NewConnectionError|"
     r"nodename nor servname|Network is unreachable",
     "there is no way to the packages: check the network. Behind a proxy set HTTPS_PROXY to its address"),
    (r"\[WinError 206\]|file ?name or extension is too long|Windows Long Path support",
     "a path is too long for Windows: move the course to a shorter folder, such as C:\\course"),
    (r"\[WinError (5|32)\]", "a program uses a file of .venv: close JupyterLab and editors, then try again"),
)


def explain(log):
    """What is known about the failure that the end of pip's log tells of, in one line, or None."""
    return next((meaning for words, meaning in FAILURES if re.search(words, log, re.IGNORECASE)), None)


def main(arguments):
    if arguments:
        with open(arguments[0], "rb") as stream:
            told = explain(stream.read().decode("utf-8", "replace")[-20000:])
        if told:
            print(told)
        return 0
    try:
        import sysconfig
        build = sysconfig.get_platform()
    except ImportError:
        build = ""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    why = unfit(build=build, translated=sys.platform == "darwin" and is_translated()) or too_long(here)
    if why:
        print(why)
    return int(bool(why))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
