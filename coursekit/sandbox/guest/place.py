"""Where a submission begins: in a folder like that of the notebooks, with the course around it."""
import builtins
import contextlib
import os

HOME = "submission"  # in the folder for temporary files, so what is written in it goes with the submission


def settle(folder, temporary):
    """Go to HOME/notebooks. `../runs` beside it may be written to, `../helpers` and `../data` are the course's.

    folder: with helpers and data. temporary: for temporary files.
    """
    home = os.path.join(temporary, HOME)
    with contextlib.suppress(OSError):  # Windows allows links to some users only
        for name in ("notebooks", "runs"):
            os.makedirs(os.path.join(home, name), exist_ok=True)
        os.chdir(os.path.join(home, "notebooks"))
        for name in ("helpers", "data"):
            os.symlink(os.path.join(folder, name), os.path.join(home, name))


def leave(temporary):
    """Remove what `settle` has made, as far as nobody has used it: that is quicker than to start a program for it."""
    home = os.path.join(temporary, HOME)
    if os.path.islink(home):  # whoever removes may have more rights than who made it
        return
    for remove, name in ((os.unlink, "helpers"), (os.unlink, "data"), (os.rmdir, "notebooks"), (os.rmdir, "runs"),
                         (os.rmdir, "")):
        with contextlib.suppress(OSError):
            remove(os.path.join(home, name))


class Shell:
    """Stands for IPython's: here is nobody who would see what it shows."""

    def __getattr__(self, name):
        return lambda *_, **__: None


def names_of_a_notebook():
    """Let a file find the two names that IPython has among Python's own."""
    builtins.get_ipython = Shell
    builtins.display = lambda *_, **__: None
