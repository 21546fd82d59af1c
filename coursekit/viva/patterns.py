"""Patterns of code, written as code: `randn(_x.shape, ...)`.

A name that begins with _ stands for any expression, `_` for any each time and `_x` for the same one. Another name is
found as it is and as the last part of a dotted one: `randn` in `torch.randn`. `...` stands for any further arguments,
or for any body. Sums and products are found in either order.
"""
import ast

SKIPPED = "ctx", "kind", "type_comment", "type_params"


def pattern(text):
    """The tree of a pattern: an expression or a statement."""
    statement, = ast.parse(text).body
    return statement.value if isinstance(statement, ast.Expr) else statement


def matches(wanted, node, found):
    """Does a tree look like a pattern? found: a dict that gets what the names stand for."""
    if isinstance(wanted, ast.Name):
        if wanted.id.startswith("_"):
            return isinstance(node, ast.expr) and (wanted.id == "_" or bound(wanted.id, node, found))
        return wanted.id == (node.id if isinstance(node, ast.Name) else getattr(node, "attr", None))
    if type(wanted) is not type(node):
        return False
    if isinstance(wanted, ast.Call):
        return matches(wanted.func, node.func, found) and arguments_match(wanted, node, found)
    if isinstance(wanted, ast.Constant):
        return type(wanted.value) is type(node.value) and wanted.value == node.value
    if isinstance(wanted, ast.BinOp) and isinstance(wanted.op, (ast.Add, ast.Mult)):
        for left, right in ((node.left, node.right), (node.right, node.left)):
            tried = dict(found)
            if type(wanted.op) is type(node.op) and matches(wanted.left, left, tried) \
                    and matches(wanted.right, right, tried):
                found.update(tried)
                return True
        return False
    return all(field in SKIPPED or parts_match(getattr(wanted, field), getattr(node, field), found)
               for field in wanted._fields)


def bound(name, node, found):
    return ast.dump(found.setdefault(name, node)) == ast.dump(node)


def parts_match(wanted, part, found):
    """The same for what a tree is made of: trees, lists of them, texts."""
    if isinstance(wanted, ast.AST):
        return matches(wanted, part, found)
    if isinstance(wanted, list):
        if len(wanted) == 1 and isinstance(wanted[0], ast.Expr) and is_rest(wanted[0].value):
            return True
        return len(wanted) == len(part) and all(parts_match(*pair, found) for pair in zip(wanted, part))
    return wanted == part


def arguments_match(wanted, node, found):
    rest = any(map(is_rest, wanted.args))
    args = [arg for arg in wanted.args if not is_rest(arg)]
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    if len(args) > len(node.args) or not rest and (len(args) < len(node.args) or len(named) > len(wanted.keywords)):
        return False
    return all(matches(*pair, found) for pair in zip(args, node.args)) and all(
        keyword.arg in named and matches(keyword.value, named[keyword.arg], found) for keyword in wanted.keywords)


def is_rest(node):
    return isinstance(node, ast.Constant) and node.value is Ellipsis
