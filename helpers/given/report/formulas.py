"""Formulas as pictures in a page: matplotlib sets them, so a browser needs neither a script nor the network."""
import math
import re

from helpers.given.console import UserError

SIZE = 10.5  # points, as the text around them
# What LaTeX has and matplotlib does not, by what it has.
INSTEAD = {r"\lVert": r"\|", r"\rVert": r"\|", r"\Vert": r"\|", r"\lvert": "|", r"\rvert": "|", r"\tfrac": r"\frac",
           r"\dfrac": r"\frac", r"\bm": r"\mathbf", r"\boldsymbol": r"\mathbf", r"\KL": r"\mathrm{KL}",
           r"\argmin": r"\mathrm{arg\,min}", r"\argmax": r"\mathrm{arg\,max}", r"\coloneqq": ":="}
NAMES = re.compile(r"\\[A-Za-z]+")


def svg(formula):
    """A formula of LaTeX, such as z = \\mu + \\sigma \\epsilon, as the text of an SVG that stands on its line.

    Raises UserError for one that matplotlib cannot set.
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser
    from matplotlib.textpath import TextPath

    text = NAMES.sub(lambda match: INSTEAD.get(match[0], match[0]), " ".join(formula.split()))
    font = FontProperties(size=SIZE, math_fontfamily="cm")
    try:
        _, _, depth, *_ = MathTextParser("path").parse(f"${text}$", 72, font)
        path = TextPath((0, 0), f"${text}$", prop=font, usetex=False)
    except ValueError as error:
        why = str(error).strip().splitlines()[-1]
        unknown = re.search(r"Unknown symbol: (\\[A-Za-z]+)", why)
        raise UserError(f"the formula {formula!r} cannot be set without LaTeX" + (
            f": {unknown[1]} is not known here. Write it in another way, or install LaTeX and pandoc" if unknown
            else f" ({why})")) from None
    box = path.get_extents()
    low, high = min(box.y0, -depth) - 0.5, box.y1 + 0.5
    left, width = min(box.x0, 0) - 0.3, max(box.x1, 0) - min(box.x0, 0) + 0.6
    drawn = "".join(piece(points, code, high) for points, code in path.iter_segments(curves=True, simplify=False))
    return (f'<svg class="formula" xmlns="http://www.w3.org/2000/svg" role="img" viewBox="{left:.2f} 0 {width:.2f} '
            f'{high - low:.2f}" style="width:{width / SIZE:.3f}em;height:{(high - low) / SIZE:.3f}em;'
            f'vertical-align:{low / SIZE:.3f}em"><path d="{drawn}"/></svg>')


def piece(points, code, high):
    """A segment of a path in the words of SVG, whose y points downwards."""
    letter = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}[int(code)]
    pairs = [] if letter == "Z" else list(zip(points[::2], points[1::2]))
    if not all(map(math.isfinite, points)):
        return ""
    return letter + " ".join(f"{x:.2f} {high - y:.2f}" for x, y in pairs)
