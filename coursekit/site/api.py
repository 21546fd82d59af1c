"""The pages of the graded modules: names, signatures and docstrings, read from the source without running it."""
import ast
import re

from coursekit.site.notebook import fenced

SECTION = re.compile(r"(Args|Returns|Raises|Yields):$")
ENTRY = re.compile(r"    (?! )((?:\*{0,2}\w+(?:, )?)+): (.*)")


def page(name, source, whole):
    """The page of a graded module in Markdown. What begins with _ is not shown.

    name: such as helpers.vae. whole: True to show the source, too.
    """
    tree = ast.parse(source)
    texts = [f"# `{name}`", f"```{{py:module}} {name}\n```", readable(ast.get_docstring(tree))]
    for node in public(tree):
        if isinstance(node, ast.ClassDef):
            inside = [method for method in public(node) if isinstance(method, ast.FunctionDef)]
            first = [method for method in node.body if getattr(method, "name", "") == "__init__"]
            texts.append(described("class", node.name, node, first[0].args if first else None,
                                   [described("method", each.name, each, each.args) for each in inside]))
        elif isinstance(node, ast.FunctionDef):
            texts.append(described("function", node.name, node, node.args))
    if whole:
        texts.append(f"## Source\n\n{fenced('python', source)}")
    return "\n\n".join(texts) + "\n"


def public(node):
    return [child for child in node.body if not getattr(child, "name", "_").startswith("_")]


def described(kind, name, node, arguments, inside=()):
    """A class, function or method with its signature and docstring, as a directive of Sphinx."""
    fence = "::::" if kind == "class" else ":::"
    listed = ast.unparse(arguments) if arguments else ""
    listed = listed if kind == "function" else re.sub(r"^self(, )?", "", listed)
    return "\n\n".join([f"{fence}{{py:{kind}}} {name}({listed})", readable(ast.get_docstring(node)), *inside, fence])


def readable(docstring):
    """A docstring in Markdown: its paragraphs, and a list for each of Args, Returns and Raises."""
    lines, inside = [], False
    for line in (docstring or "").split("\n"):
        if SECTION.match(line):
            inside = True
            lines += ["", f"**{line}**", ""]
        elif inside and (entry := ENTRY.match(line)):
            lines.append(f"- `{entry[1]}`: {escaped(entry[2])}")
        elif inside and line.startswith("    "):  # goes on, or is one text and no list
            lines.append(f"  {escaped(line.strip())}")
        else:
            lines += ["", escaped(line)] if inside else [escaped(line)]
            inside = False
    return "\n".join(lines).strip()


def escaped(text):
    """A line of plain text in Markdown. What stands between `ticks` is code in both."""
    parts = text.split("`")
    return "`".join(part if k % 2 else re.sub(r"([\\*_\[\]<>$|~{}#&])", r"\\\1", part) for k, part in enumerate(parts))
