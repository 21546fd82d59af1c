"""Variants of helpers/line.py for the audit: right ones and typical mistakes. Their form: see coursekit/audit.py."""
RIGHT = {name: {"line": code} for name, code in {
    "the offset first": "return offset + slope * x", "mul and add": "return x.mul(slope).add(offset)",
    "from a clone": "y = x.clone()\ny *= slope\nreturn y + offset", "torch.add":
    "import torch\nreturn torch.add(torch.mul(x, slope), offset)",
    "twice half": "return 2 * (slope / 2 * x + offset / 2)",
}.items()}
WRONG = {name: ("line.line", words, {"line": code}) for name, (words, code) in {
    "no offset": ("offset is missing", "return slope * x"), "no slope": ("slope is missing", "return x + offset"),
    "swapped": ("are swapped", "return offset * x + slope"), "minus": ("is subtracted", "return slope * x - offset"),
    "brackets": ("on the offset, too", "return slope * (x + offset)"),
    "squared": ("x is squared", "return slope * x ** 2 + offset"),
    "falling": ("is negative", "return offset - slope * x"),
    "in place": ("in place", "x *= slope\nx += offset\nreturn x"),
}.items()}
COURSEWORK, COURSEWORK_ITEMS = "", ()
