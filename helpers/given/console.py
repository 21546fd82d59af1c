"""What all commands share: the errors that are the user's to mend, names that are typed, files that are written."""
import contextlib
import difflib
import os


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
