"""The pages beside the assignments: what README and the documents say, with links that lead somewhere on the site."""
import posixpath
import re

from coursekit.release import COPIED

CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def documents(root):
    """The documents that become pages, {path: text}, and what stands beside them, {path: bytes}."""
    paths = [root / "CHANGELOG.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*"))]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()}
    return ({path: content.decode() for path, content in found.items() if path.endswith(".md")},
            {path: content for path, content in found.items() if not path.endswith(".md")})


def linked(text, path, page, pages, repository):
    """A text whose links to files that are no pages lead into the repository, or are plain text.

    Args:
        path: of the document in the course from which the text is. page: of the page on which it will stand.
        pages: paths of all documents that become pages.
        repository: the address of a released repository, or None.
    """
    def link(found):
        label, target = found.groups()
        if re.match(r"https?:|#", target):
            return found[0]
        file, mark, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(path), file))
        if file in pages:
            return f"[{label}]({posixpath.relpath(file, posixpath.dirname(page) or '.')}{mark}{anchor})"
        return f"[{label}]({repository}/blob/HEAD/{file}{mark}{anchor})" if repository and file in COPIED else label

    parts = CODE.split(text)
    return "".join(part if k % 2 else LINK.sub(link, part) for k, part in enumerate(parts))


def front(readme, assignments):
    """The beginning of README, up to what lies where: (what comes before the table of assignments, the rest). The table
    links their pages."""
    text = readme.partition("\n## The house")[0]
    for assignment in assignments.values():
        text = re.sub(rf"^\| ({assignment.number} [^|]+?) \|", rf"| [\1]({assignment.notebook.stem}.md) |", text,
                      flags=re.MULTILINE)
    lead, mark, rest = text.partition("\n| assignment |")
    return lead, mark + rest


def section(text, heading):
    """What stands below a heading of the second level in a document, "" if it has none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""
