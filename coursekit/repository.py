"""The address of a released repository, as an instructor types it."""
import re

from helpers.given.console import UserError


def address(text):
    """The address of a repository on GitHub or GitLab, without a .git or / at its end.

    Raises UserError for anything but https://HOST/OWNER/NAME (on GitLab there may be groups between them).
    """
    found = text.removesuffix("/").removesuffix(".git")
    parts = re.fullmatch(r"https://([\w-]+(?:\.[\w-]+)+(?::\d+)?)((?:/\w[\w.-]*){2,})", found, re.ASCII)
    if not parts or parts[1] == "github.com" and parts[2].count("/") > 2:
        raise UserError(f"{text!r} is not the address of a repository. Expected https://HOST/OWNER/NAME, such as "
                        "https://github.com/school/course-2027")
    return found
