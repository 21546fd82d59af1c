"""The address of a repository on GitHub or GitLab, as an instructor types it."""
import difflib
import re

from helpers.given.console import UserError

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
KNOWN = "github.com", "gitlab.com"


def address(text):
    """The https address of a repository without what may stand behind it: no slash, no .git.

    text: https://github.com/OWNER/NAME, or the same of a GitLab on any host, where groups may lie in groups. Raises
    UserError.
    """
    expected = "expected https://github.com/OWNER/NAME, or the address of a project on a GitLab"
    typed = re.sub(r"//.*@", "//...@", text)  # what stands there may be a token
    found = re.fullmatch(rf"https://([\w-]+(?:\.[\w-]+)+(?::\d+)?)((?:/{NAME})+)/?", text.strip(), re.ASCII)
    if not found:
        raise UserError(f"{typed!r} is not the address of a repository: {expected}")
    host, path = found[1].lower(), found[2].removesuffix(".git")
    name = host.partition(":")[0]
    near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.8)
    if near and name not in KNOWN:
        raise UserError(f"{typed!r}: did you mean {near[0]}? There is a slip in {name}")
    names = path.count("/")
    if names < 2 or names > 2 and host == "github.com":
        raise UserError(f"{typed!r}: a repository has an owner and a name, and nothing behind it: {expected}")
    return f"https://{host}{path}"


def owner_and_name(address):
    """OWNER/NAME of an address on github.com, as `address` returns it; None for one on a GitLab."""
    return address.removeprefix("https://github.com/") if address.startswith("https://github.com/") else None
