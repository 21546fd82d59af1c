"""Faces at 64x64 pixels: the user's own folder of photographs (CK+), and faces drawn by code with known factors.

A drawn face is made of independent factors: its expression; its identity, which is head shape, skin, hair style and
hair colour; its pose; its light. `render` turns factors into images and draws nothing at random. So the same face with
another expression is `render(factors | {"expression": other})`, and what photographs cannot tell can be measured.

    images, factors = sample(1000, seed=0)    # (1000, 3, 64, 64) uint8, and a dict of tensors (1000,)
"""
import difflib

import numpy as np
import torch
from PIL import Image, ImageOps

SIZE = 64
EXPRESSIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")

# What makes a person. Each factor has as many values as its tuple has entries: 4 * 6 * 6 * 6 = 864 identities.
IDENTITY = {
    "head": ("oval", "round", "square", "long"),
    "skin": ("porcelain", "peach", "honey", "tan", "brown", "umber"),
    "hair_style": ("none", "short", "fringe", "long", "curly", "bun"),
    "hair_colour": ("black", "brown", "blond", "red", "grey", "blue"),
}
# The other factors are numbers, uniform between these bounds.
NUISANCES = {
    # The pose varies little, as in CK+, whose people look into the camera.
    "yaw": (-0.5, 0.5),        # the face looks to the left or to the right
    "pitch": (-0.5, 0.5),      # up or down
    "roll": (-0.08, 0.08),     # the head is tilted, in radians
    "scale": (1.08, 1.20),     # size of the head
    "light": (-1.0, 1.0),      # where it comes from: left or right
    "brightness": (0.86, 1.08),
    "warmth": (-1.0, 1.0),     # colour of the light: blue or yellow
    "ground": (0.0, 1.0),      # colour of the background
    "strength": (0.75, 1.0),   # how strongly the expression shows
}
FACTORS = ("expression", *IDENTITY, *NUISANCES)

# One row for each expression. Lengths are shares of half the image; y points down, so negative means up.
#   brows: inner end, outer end, both, arch, and the right brow alone; eyes: opening (1 is neutral), lower lid;
#   mouth: corners (positive: up), width, opening above and below its line, height of the teeth, one corner up; and
#   wrinkles of the nose.
MOVES = torch.tensor([
    # inner  outer   both   arch  right   eyes  lid   corner  width above  below  teeth  one   nose
    [0.000, 0.000, 0.000, 0.020, 0.000, 1.00, 0.00, 0.010, 1.00, 0.000, 0.000, 0.00, 0.00, 0.0],    # neutral
    [0.090, -0.050, 0.045, 0.000, 0.000, 0.80, 0.10, -0.055, 0.85, 0.030, 0.035, 1.00, 0.00, 0.4],  # anger
    [0.010, 0.010, 0.015, 0.010, -0.110, 0.72, 0.10, 0.000, 0.90, 0.000, 0.000, 0.00, 1.00, 0.0],   # contempt
    [0.055, 0.020, 0.040, 0.000, 0.000, 0.48, 0.35, -0.085, 0.78, 0.045, 0.000, 0.90, 0.00, 1.0],   # disgust
    [-0.110, 0.010, -0.050, -0.01, 0.000, 1.40, 0.00, -0.045, 0.98, 0.030, 0.075, 0.30, 0.00, 0.0],  # fear
    [-0.015, 0.010, -0.020, 0.040, 0.000, 0.78, 0.30, 0.095, 1.18, 0.015, 0.115, 0.45, 0.00, 0.0],  # happiness
    [-0.110, 0.060, 0.000, -0.01, 0.000, 0.70, 0.00, -0.080, 0.72, 0.000, 0.000, 0.00, 0.00, 0.0],  # sadness
    [-0.030, -0.010, -0.120, 0.060, 0.000, 1.50, 0.00, 0.000, 0.52, 0.065, 0.110, 0.00, 0.00, 0.0],  # surprise
])
HEADS = torch.tensor([  # half width, half height, how much the chin narrows, power of the outline (2: an ellipse)
    [0.440, 0.560, 0.22, 2.1], [0.520, 0.530, 0.08, 2.1], [0.475, 0.545, 0.02, 3.4], [0.400, 0.620, 0.14, 2.4]])
HAIR = torch.tensor([
    # behind the head: half width and half height, both over those of the head, and centre; over the forehead: height
    # of the hairline, its curve, how far it comes down at the temples; the knot on top
    [0.00, 0.00, 0.00, -9.0, 0.0, 0.0, 0.0],     # none
    [0.05, 0.06, -0.06, -0.34, 0.6, 0.25, 0.0],  # short
    [0.07, 0.07, -0.04, -0.17, -0.2, 0.45, 0.0],  # fringe
    [0.13, 0.28, 0.22, -0.36, 1.6, 0.95, 0.0],   # long
    [0.23, 0.20, -0.20, -0.30, 0.5, 0.35, 0.0],  # curly
    [0.03, 0.04, -0.04, -0.37, 1.0, 0.30, 0.2],  # bun
])


def _colours(*codes):
    return torch.tensor([list(bytes.fromhex(code)) for code in codes]).float().div(255)


SKINS = _colours("f8dcc8", "eebc98", "d9a06a", "b87a4a", "8a5634", "6a4230")
HAIR_COLOURS = _colours("26221f", "6a4028", "e2be62", "b2481e", "b4b4b8", "3c5ea8")
GROUNDS = _colours("9cc4d8", "b9d4a8", "e6d6a0", "d8b0b4")
WHITE, DARK, LIPS, SHIRT = _colours("fbfaf4", "2a1416", "b8404a", "4a5a72")


def random_factors(labels, generator):
    """Draw the factors of as many faces as there are labels, independently of each other.

    Args:
        labels: int64 (N,), indices into EXPRESSIONS.
        generator: torch.Generator.
    Returns:
        dict with the keys FACTORS. "expression" holds the labels; those of IDENTITY int64 (N,), indices; those of
        NUISANCES float32 (N,).
    """
    factors = {"expression": labels}
    for name, values in IDENTITY.items():
        factors[name] = torch.randint(len(values), (len(labels),), generator=generator)
    for name, (low, high) in NUISANCES.items():
        factors[name] = torch.rand(len(labels), generator=generator) * (high - low) + low
    return factors


def sample(count, seed=0):
    """Draw faces: images, uint8 (count, 3, 64, 64), and their factors (see `random_factors`).

    Each expression occurs equally often, to within one. The same seed gives the same faces.
    """
    generator = torch.Generator().manual_seed(seed)
    factors = random_factors(torch.randperm(count, generator=generator) % len(EXPRESSIONS), generator)
    return render(factors), factors


def draw(labels, generator):
    """Draw one face for each label: uint8 (N, 3, 64, 64)."""
    return render(random_factors(labels, generator))


def render(factors):
    """Draw the faces that these factors describe.

    Args:
        factors: dict as from `random_factors`. It is not changed.
    Returns:
        uint8 (N, 3, 64, 64). The image of a face does not depend on the others.
    """
    count = len(factors["expression"])
    # In slices: their float images stay in the processor's cache.
    parts = [{name: value[start:start + 100] for name, value in factors.items()} for start in range(0, count, 100)]
    return torch.cat([_render(part) for part in parts])


def _render(factors):
    """One slice of `render`. Shapes are painted one over the other, from the background to the eyes."""
    def column(value):
        return value.float().view(-1, 1, 1)

    def columns(table):
        return [column(value) for value in table.unbind(1)]

    yaw, pitch, roll, scale, light, brightness, warmth, ground, strength = (
        column(factors[name]) for name in NUISANCES)
    moves = MOVES[0] + (MOVES[factors["expression"]] - MOVES[0]) * factors["strength"].float()[:, None]
    inner, outer, both, arch, right, eyes, lid, corner, mouth_width, above, below, teeth, one, wrinkles = columns(moves)
    half_width, half_height, chin, power = columns(HEADS[factors["head"]])
    wider, higher, hair_centre, hairline, hair_curve, temples, knot = columns(HAIR[factors["hair_style"]])
    skin, hair = SKINS[factors["skin"]], HAIR_COLOURS[factors["hair_colour"]]

    # Every pixel's place: in the image (x, y), and on the head (u, v), which is tilted around the chin.
    places = (torch.arange(SIZE) + 0.5) / (SIZE / 2) - 1
    x, y = places.view(1, 1, -1), places.view(1, -1, 1)
    cos, sin = roll.cos() / scale, roll.sin() / scale
    u, v = x * cos + (y - 0.5) * sin, (y - 0.5) * cos - x * sin + 0.5
    # A turned head moves what is on its front, more than its outline: the brows, eyes, nose and mouth.
    front_u, front_v = (u - 0.08 * yaw) * (0.46 / half_width), v - 0.035 * pitch

    def cover(distance):
        """How much of each pixel lies inside a shape, from the distance to its outline, negative inside."""
        return (0.5 - distance * (SIZE / 2) * scale).clamp_(0, 1)

    def oval(a, b, half_a, half_b, power=2.0):
        """Distance to an oval around (0, 0), measured towards its centre."""
        size = ((a / half_a).abs() ** power + (b / half_b).abs() ** power) ** (1 / power)
        return (a.square() + b.square()).sqrt() * (1 - 1 / size.clamp(min=1e-4))

    def paint(picture, colour, mask):
        """Blend a colour, (3,) or (N, 3), into the picture (N, 3, h, w) where the mask (N, h, w) is."""
        colour = colour.view(-1, 3, 1, 1)
        picture += (colour - picture) * mask.unsqueeze(1)

    colour = torch.cat((GROUNDS, GROUNDS[:1]))  # a circle of colours
    position = factors["ground"].float() * len(GROUNDS)
    low = position.long().clamp(max=len(GROUNDS) - 1)
    colour = torch.lerp(colour[low], colour[low + 1], (position - low)[:, None])
    picture = (colour.view(-1, 3, 1, 1) * (1 - 0.12 * y.unsqueeze(1))).expand(-1, -1, -1, SIZE).contiguous()

    # Hair behind the head; shoulders; neck; ears; head.
    no_hair = factors["hair_style"].view(-1, 1, 1) == 0
    behind = oval(u, v - hair_centre, half_width + wider, half_height + higher, 2.3)
    waves = 0.022 * (factors["hair_style"] == 4).view(-1, 1, 1) * torch.sin(11 * torch.atan2(v - hair_centre, u))
    behind = torch.minimum(behind + waves, oval(u, v + half_height + 0.06, knot + 1e-3, knot * 0.8 + 1e-3))
    paint(picture, hair * 0.82, cover(behind.masked_fill(no_hair, 9.0)))
    paint(picture, SHIRT, cover(oval(x, y - 1.25, 0.82, 0.52, 2.6)))
    paint(picture, skin * 0.84, cover(oval(0.7 * x + 0.3 * u, y - 0.7, 0.2, 0.34, 3.0)))
    paint(picture, skin * 0.88, cover(oval(u.abs() - half_width, v - 0.04, 0.075, 0.12)))
    narrow = 1 - chin * (v / half_height).clamp(min=0)
    head = oval(u / narrow, v, half_width, half_height, power)
    in_head = cover(head)
    ball = (1 - ((u - 0.1 * yaw) / half_width).square() - (v / half_height).square()).clamp(min=0).sqrt()
    shade = 0.86 + 0.17 * ball + 0.16 * light * u / half_width
    picture += (skin.view(-1, 3, 1, 1) * shade.unsqueeze(1) - picture) * in_head.unsqueeze(1)

    # The features are painted into the rows that they can lie in.
    rows = slice(6, 46)
    top, fu, fv = picture[:, :, rows], front_u[:, rows], front_v[:, rows]
    side = torch.where(fu < 0, -1.0, 1.0)
    across = fu.abs() - 0.195  # from the middle of the eye; both eyes at once
    opening = 0.085 * eyes * (1 - (across / 0.13).square())
    down = fv + 0.07
    in_eye = cover(torch.maximum(-down - opening, down - opening * (0.85 - lid)).clamp(min=-0.2))
    in_eye = in_eye * (across.abs() < 0.13)
    shadow = cover(torch.maximum(-down - opening - 0.035, down + opening * 0.4)) * (across.abs() < 0.13)
    paint(top, skin * 0.5, shadow)
    paint(top, WHITE, in_eye)
    gaze = across - 0.02 * yaw * side
    iris = oval(gaze, down, 0.062, 0.062)
    paint(top, torch.lerp(hair, DARK, 0.6), cover(iris) * in_eye)
    paint(top, WHITE, cover(oval(gaze + 0.02 * side, down + 0.025, 0.016, 0.016)) * in_eye)

    along = (fu.abs() - 0.20) / 0.145  # from -1 at the inner end of a brow to 1 at the outer end
    line = -0.225 + both + inner * (1 - along) / 2 + outer * (1 + along) / 2 - arch * (1 - along.square())
    line = line + right * (side > 0)
    thick = 0.034 - 0.010 * along
    brow = torch.maximum((fv - line).abs() - thick, (along.abs() - 1) * 0.145)
    paint(top, torch.lerp(hair, DARK, 0.45) * 0.9, cover(brow))

    # Hair over the forehead: the part of the head above the hairline.
    edge = hairline + hair_curve * u.square() - temples * (u.abs() / half_width).clamp(max=1.2) ** 6 * -0.5
    fringe = torch.maximum(v - edge, head - 0.02)  # over the rim of the head, where hair meets hair
    strands = 1 + 0.10 * torch.sin(34 * u + 6 * v)
    mask = cover(fringe.masked_fill(no_hair, 9.0))
    picture += (hair.view(-1, 3, 1, 1) * (strands * shade).unsqueeze(1) - picture) * mask.unsqueeze(1)

    rows = slice(22, 62)
    low, fu, fv = picture[:, :, rows], front_u[:, rows], front_v[:, rows]
    paint(low, skin * 0.72, cover(oval(fu + 0.015 * yaw, fv - 0.135, 0.075, 0.030)))
    paint(low, skin * 1.06, cover(oval(fu + 0.015 * yaw, fv - 0.105, 0.055, 0.045)))
    folds = (fv - 0.02 - 0.6 * (fu.abs() - 0.05)).abs() - 0.014
    paint(low, skin * 0.62, cover(torch.maximum(folds, (fu.abs() - 0.085).abs() - 0.035)) * wrinkles)
    cheeks = in_head[:, rows] * torch.exp(-((fu.abs() - 0.26) / 0.10).square() - ((fv - 0.15) / 0.08).square())
    paint(low, LIPS, cheeks * (0.10 + 2.2 * corner.clamp(min=0)))

    width = 0.20 * mouth_width
    s, beside = (fu / width).clamp(-1, 1), fu.abs() - width
    line = 0.315 - corner * s.square() - 0.11 * one * s.clamp(min=0) + 0.05 * corner
    bow = (1 - s.square()).sqrt()
    upper, lower = line - above * bow - 0.011, line + below * bow + 0.011
    inside = torch.maximum(torch.maximum(upper - fv, fv - lower), beside)
    lips = torch.maximum(torch.maximum(upper - 0.028 * bow - fv, fv - lower - 0.036 * bow), beside - 0.012)
    paint(low, torch.lerp(skin, LIPS, 0.62) * 0.92, cover(lips))
    paint(low, DARK, cover(inside))
    paint(low, WHITE, cover(torch.maximum(inside + 0.016, fv - upper - teeth * (above + below))) * (teeth > 0.05))

    tint = torch.cat((1 + 0.05 * warmth, torch.ones_like(warmth), 1 - 0.06 * warmth), dim=1).unsqueeze(3)
    lit = brightness * (1 + 0.10 * light * x)
    return picture.mul_(tint * lit.unsqueeze(1)).clamp_(0, 1).mul_(255).round_().byte()


HOW_TO_GET = ("Ask its authors for it, since CK+ may not be passed on (Lucey et al., \"The Extended Cohn-Kanade "
              "Dataset (CK+)\", 2010; www.jeffcohn.net/Resources), and put its images, .png or .jpg, into "
              f"{{folder}}/ckplus, in a folder for each expression: {', '.join(EXPRESSIONS)}.")


def read_folder(folder):
    """Read photographs from <folder>/<expression>/*.png, *.jpg or *.jpeg, of any size, gray or in colour.

    The middle square of each is scaled to 64x64. A folder may be missing: then no face has this expression. Every
    fifth person is for testing, so that no person is in both parts: what stands before the first "_" of a file's name
    is the person, as in CK+ (S005_001_00000011.png). With one person only, every fifth file is for testing. The order
    is shuffled, always in the same way.

    Returns:
        dict of the four arrays that `datasets.load` reads from an .npz file; images (N, 64, 64, 3).
    Raises:
        ValueError: folders that are no expressions, fewer than two images, a file that is no image. The message is
            to follow the folder's name.
    """
    strange = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in EXPRESSIONS
                     and not path.name.startswith("."))
    if strange:
        near = difflib.get_close_matches(strange[0], EXPRESSIONS, n=1, cutoff=0.5)
        hint = f" (is it {near[0]}?)" if near else ""
        raise ValueError(f"has a folder {strange[0]!r}{hint}; its folders must be named {', '.join(EXPRESSIONS)}")
    files = [(path, label) for label, name in enumerate(EXPRESSIONS) if (folder / name).is_dir()
             for path in sorted((folder / name).iterdir()) if path.suffix.lower() in (".png", ".jpg", ".jpeg")]
    if len(files) < 2:
        raise ValueError(f"holds {len(files)} images (.png, .jpg, .jpeg), at least two are needed, in "
                         f"folders named {', '.join(EXPRESSIONS)}")
    np.random.default_rng(0).shuffle(files)  # so that the first hundred show all expressions and many people
    people = [path.stem.split("_")[0] for path, _ in files]
    if len(set(people)) == 1:
        people = [str(path) for path, _ in files]
    tested = set(sorted(set(people))[::5])
    arrays = {}
    for part in ("train", "test"):
        chosen = [file for file, person in zip(files, people) if (person in tested) == (part == "test")]
        arrays[f"{part}_images"] = np.stack([_photograph(path) for path, _ in chosen])
        arrays[f"{part}_labels"] = np.array([label for _, label in chosen], dtype=np.uint8)
    return arrays


def _photograph(path):
    """Read one image file: its middle square, scaled to (64, 64, 3), uint8."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.fit(image.convert("RGB"), (SIZE, SIZE), Image.Resampling.BICUBIC))
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"holds {path.parent.name}/{path.name}, which cannot be read as an image "
                         f"({type(error).__name__}): delete it, or put it right") from None
