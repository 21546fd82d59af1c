"""What a graded file imports: other people's packages, and modules of one's own, which the grader never sees."""
import ast
import functools
import sys
from pathlib import Path


@functools.lru_cache(maxsize=16)
def imports(text):
    """The imports of a file: (full name, line) of each, such as ("helpers.blocks", 3). What stands under `try`, to do
    without, does not count. Names of `from` are listed where they may be modules, in `helpers`."""
    tree, found = ast.parse(text), []
    tried = {id(node) for each in ast.walk(tree) if isinstance(each, ast.Try) and each.handlers
             for statement in each.body for node in ast.walk(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in tried:
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and id(node) not in tried:
            name = ".".join(filter(None, ("helpers" * (node.level == 1), node.module)))
            if node.level > 1:
                continue  # above helpers there is no package
            if name == "helpers":
                found += [(f"helpers.{alias.name}", node.lineno) for alias in node.names]
            else:
                found.append((name, node.lineno))
    return tuple(found)


def own(text, module, root):
    """The first import of a module of one's own, (full name, line), or None: whatever is in helpers and neither given
    nor the graded file itself, and what lies as a file in the course's folder, in helpers or beside the notebook.

    module: the graded file's name. root: the course's folder.
    """
    for name, line in imports(text):
        top, _, rest = name.partition(".")
        if top == "helpers" and rest.split(".")[0] not in ("", "*", "given", module, "__init__"):
            return name, line
        if top not in sys.stdlib_module_names | {"helpers"} and any(
                Path(root, folder, f"{top}.py").is_file() for folder in ("", "helpers", "notebooks")):
            return name, line


def graded_alone(module, name, line=None):
    """The rule, in the words of the public check and of the grader. name: what the graded file imports, in this line if
    it is known."""
    where = f" (line {line})" if line else ""
    return (f"{module}.py is graded alone: `import {name}`{where} is not there in the grader. Move what it needs into "
            f"{module}.py")
