"""What all commands share: how they are told what to do, names that are typed, files that are read and written, and the
errors that are the user's to mend."""
import argparse
import contextlib
import difflib
import errno
import os
import threading

# What to do about what the system says of a path.
NEXT_STEPS = {errno.ENOENT: "look for a slip in the path", errno.EISDIR: "expected a file, and that is a folder",
              **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "expected a folder where a file is: give another path"),
              **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "give another path, or change who may use it"),
              **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on that disk, or give a path on another one")}


class UserError(Exception):
    """Something the user can mend. The message is one line: what came, what was expected, what to do.

    All errors of the course descend from it.
    """


def choose(name, options, what):
    """options[name], or a UserError that names what there is and the nearest name."""
    if name in options:
        return options[name]
    near = difflib.get_close_matches(name, options, n=1)
    raise UserError(f"there is no {what} {name!r}." + (f" Did you mean {near[0]!r}?" if near else "")
                    + f" There is: {', '.join(options) or 'none'}")


def write(path, content):
    """Write a file, text or bytes, that appears whole or not at all. Returns its path. An OSError names it."""
    partial = path.with_name(path.name + ".part")
    try:
        # Half of a character, which JSON allows, must not keep the rest from being written.
        partial.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        os.replace(partial, path)
    except OSError as error:  # that of a full disk names nothing
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def describe(error):
    """An error in one line. For an OSError: what the system said, and of which file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())


def advise(error):
    """What to do about an error of the system, as the end of the line on it; "" where nobody can tell."""
    step = NEXT_STEPS.get(getattr(error, "errno", None))
    return f": {step}" if step else ""


def cannot_read(path, error):
    """The UserError on a file that the system does not give, with its OSError."""
    return UserError(f"cannot read {path}: {error.strerror}{advise(error)}")


def progress(total, what, unit):
    """A bar that says how long it still takes, on a terminal only: in a file or a log is nothing of it."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=f" {unit}", leave=False, disable=None, smoothing=0)


@contextlib.contextmanager
def waiting(what):
    """Count the seconds of what nobody can tell the end of, on a terminal only."""
    from tqdm import tqdm

    ended = threading.Event()
    with tqdm(desc=what, bar_format="{desc}: {elapsed}", leave=False, disable=None) as bar:
        def count():
            while not ended.wait(1):
                bar.refresh()

        counting = threading.Thread(target=count, daemon=True)
        counting.start()
        try:
            yield
        finally:
            ended.set()
            counting.join()


class Parser(argparse.ArgumentParser):
    """A command's arguments. Its help ends with examples, and an error is one line that says where help is."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}. `{self.prog} --help` has examples\n")


def examples(*lines):
    """The end of a command's help: what may be typed, each with what comes of it behind a #."""
    return "\n".join(["examples:", *(f"  ./course {line}" for line in lines)])
