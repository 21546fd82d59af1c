"""Where a notebook runs that does not run on one's own machine: Colab, Kaggle, Binder.

The set-up cell of a notebook finds the course, or fetches it, and then calls `ready`. Colab and Kaggle have PyTorch and
most of the rest, in versions of their own that fit together. `ready` installs what is missing and changes none of them.
"""
import importlib
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from helpers.given.console import UserError
from helpers.given.course import ROOT

# What is kept, where the course is: in Drive, in Colab without it, and so on.
KEPT = {
    "Drive": "They are in your Drive, and so is what trainings write. When the runtime is gone, run this cell again, "
             "and go on.",
    "Colab": "WARNING: Drive is not connected, so all that you change is lost with the runtime. Before you begin: "
             "Runtime > Restart session, run this cell again and allow it. Or download each file that you change.",
    "Kaggle": "They are lost with the session, unless Persistence is set to files in the session's options (on the "
              "right). Download each file that you change.",
    "Binder": "They are lost with the session, which ends after ten minutes without you. Download each file that you "
              "change."}


def ready(root=ROOT):
    """Install what notebooks need and Colab or Kaggle lacks; say where the files to fill are and what becomes of them.

    Does nothing on one's own machine. Raises UserError if something cannot be installed.
    """
    place = where()
    if not place:
        return
    if place != "Binder":  # it was built for this course
        install(missing(root))
    kept = "Drive" if place == "Colab" and "MyDrive" in Path(root).parts else place
    print(f"Open the files to fill from the file pane on the left: {Path(root, 'helpers')}\n{KEPT[kept]}")


def where():
    """The name of the place, "Colab", "Kaggle" or "Binder"; "" anywhere else."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:  # asked first: Kaggle's images are made from Colab's
        return "Kaggle"
    if "google.colab" in sys.modules:
        return "Colab"
    return "Binder" if "BINDER_REPO_URL" in os.environ else ""


def missing(root):
    """What notebooks need and is not installed, in the versions of constraints.txt: ["torchmetrics==1.9.0", ...].

    What is there stays as it is, in whichever version.
    """
    needed = requirements(Path(root, "requirements.txt").read_text().partition("\n# Colab and Kaggle run")[0])
    pinned = requirements(Path(root, "constraints.txt").read_text())
    return [f"{name}{pinned.get(name, needed[name])}" for name in needed if not version(name)]


def requirements(text):
    """The lines of a requirements file that are for this Python, {"torch": ">=2.6", ...}."""
    from packaging.requirements import Requirement

    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return {wanted.name: str(wanted.specifier) for wanted in map(Requirement, filter(None, lines))
            if not wanted.marker or wanted.marker.evaluate()}


def version(name):
    """The version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def install(packages):
    """Have pip install packages, and refuse rather than change the version of anything that is installed."""
    if not packages:
        return
    print(f"Installing what is missing here: {', '.join(packages)} ...", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder, "installed.txt")
        names = {found.metadata["Name"] for found in metadata.distributions()} - {None}
        # With === any text is a version, such as those that Debian writes.
        held.write_text("".join(f"{name}==={version(name)}\n" for name in sorted(names) if version(name)))
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                               *packages, "-c", held], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        told = done.stdout.strip().splitlines() or ["pip did not say why"]
        raise UserError(f"could not install {', '.join(packages)}: {told[-1]}. Is the internet on (on Kaggle: in the "
                        "session's options, on the right)? Then run this cell again")
    importlib.invalidate_caches()
