"""The image data sets of the course: real ones from an .npz file or the network, else a stand-in drawn by code.

    data = load("mnist")
    x = data.train_images[:128].float().div(255)    # (128, 1, 28, 28) in [0, 1]; see Dataset for the rest

The images stay uint8 in memory (MNIST: 55 MB) and become float batch by batch. Flowers102 is large: `load_flowers102`
gives all its labels, and only the images that one asks for. To add a data set, add one entry to SPECS at the end of
this file: `Spec` says what it holds, and all that is here, `./course data` and `./course doctor` know it then.
"""
import difflib
import errno
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor

from helpers.given import face_data, flower_data
from helpers.given.console import UserError
from helpers.given.course import ROOT
from helpers.given.flower_data import Photographs
from helpers.given.launcher import CERTIFICATE

REPOSITORY = ROOT
CATEGORIES = REPOSITORY / "data" / "flower-categories.json"
KEYS = ("train_images", "train_labels", "test_images", "test_labels")
KERAS = dict(zip(("x_train", "y_train", "x_test", "y_test"), KEYS))    # the names in the mnist.npz that Keras downloads
STAND_IN_TRAIN, STAND_IN_TEST = 10_000, 2_000    # images that are drawn, at most
STAND_IN_SMOKE = 500, 200    # in the smoke profile, which shows whether a notebook runs, not what it finds
DOWNLOAD_TIMEOUT = 30    # seconds without a byte from the server


class DataError(UserError):
    """The data cannot be had. The message is one line: what is wrong, and what to do."""


class DownloadError(DataError):
    """The network or the server failed. `load` answers this one, and only this one, with the stand-in."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels. Every tensor is contiguous and on the CPU.

    Images are uint8 in [0, 255], shape (N, C, H, W). Labels are int64, shape (N,), indices into `class_names`.
    """
    name: str
    train_images: Tensor = field(repr=False)
    train_labels: Tensor = field(repr=False)
    test_images: Tensor = field(repr=False)
    test_labels: Tensor = field(repr=False)
    class_names: tuple[str, ...]
    stand_in: bool    # True: drawn by code, not the real data


# A data set that is too large for memory: labels, how many of them are for training, and a function index -> image, as
# in `Photographs`.
Opened = tuple[Tensor, int, Callable[[int], Tensor]]


@dataclass(frozen=True)
class Spec:
    """All there is to say about one data set. Most need the first five; the others are for sets that come as a folder.

        "mnist": Spec((1, 28, 28), tuple("0123456789"), _draw_digits, partial(_torchvision, "MNIST"), megabytes=12)
    """
    shape: tuple[int, int, int]                             # (C, H, W)
    class_names: Iterable[str] | Callable[[], Iterable[str]]    # or where they come from, if that is a file
    # labels (N,) -> stand-in images (N, C, H, W) uint8
    draw: Callable[[Tensor, torch.Generator], Tensor] | None
    # folder for its files -> the four arrays of the .npz, or a folder that is kept. None: there is nothing to download
    download: Callable[[Path], dict[str, np.ndarray] | Path] | None = None
    megabytes: int = 0                                      # size of the download
    drawn: tuple[int, int] = (STAND_IN_TRAIN, STAND_IN_TEST)    # as many stand-in images as the real set has suffice
    how_to_get: str = ""    # what a user may do who has not got it; {folder} stands for the data folder. "": the usual

    # For a set that comes as a folder:
    file: str = "{name}.npz"                                # the folder's name
    holds: str = ""                                         # a folder in it, without which it does not count
    # folder -> the four arrays. A ValueError says what is wrong with the folder.
    read: Callable[[Path], dict[str, np.ndarray]] | None = None
    # Instead of `read` and `draw`, if it is too large for memory: what reads the folder, and what draws the stand-in.
    photographs: tuple[Callable[[Path], Opened], Callable[[], Opened]] | None = None

    @property
    def is_folder(self) -> bool:
        return bool(self.read or self.photographs)

    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(self.class_names() if callable(self.class_names) else self.class_names)


def load(name: str, stand_in: bool = False) -> Dataset:
    """The data set `name` (one of NAMES): from its .npz, else from the network, else drawn by code.

    `stand_in=True` asks for the drawn one at once. With COURSE_PROFILE=smoke nothing is ever downloaded.
    Using a stand-in is announced on stderr, once per process and name.

    Raises DataError for an unknown name, for an .npz that is damaged or of the wrong kind (it is never replaced in
    silence), for a $COURSE_DATA that does not exist, and for a disk that is full or cannot be written to.
    """
    spec = _spec(name)
    if spec.photographs:
        found = load_photographs(name, stand_in)
        images, end = found.images(range(len(found.labels))), found.train
        return Dataset(name, images[:end], found.labels[:end], images[end:], found.labels[end:], found.class_names,
                       found.stand_in)
    path, missing = _locate(name, stand_in)
    if path is None:
        return _stand_in(name, spec, missing)
    return Dataset(name, **_read(name, spec, path), class_names=spec.names(), stand_in=False)


def load_flowers102(stand_in: bool = False) -> Photographs:
    """Flowers102: all labels at once, and the images that are asked for, at 256x256.

        flowers = load_flowers102()
        x = flowers.images([0, 17])    # (2, 3, 256, 256) uint8

    Where it comes from and what is raised is as for `load`. `load("flowers102")` reads all 8,189 images: 1.6 GB. The
    images for training are those of torchvision's splits "train" and "val".
    """
    return load_photographs("flowers102", stand_in)


def load_photographs(name: str, stand_in: bool = False) -> Photographs:
    """A data set that is too large for memory, one with `Spec.photographs`: all labels, and the images asked for."""
    spec = _spec(name)
    if spec.photographs is None:
        raise DataError(f"{name} fits into memory: take load({name!r}).")
    _, draw = spec.photographs
    path, missing = _locate(name, stand_in)
    if path is None:
        _announce(name, missing)
    found = draw() if path is None else _open(name, spec, path)
    return Photographs(name, *found, class_names=spec.names(), stand_in=path is None)


def flower_categories() -> dict[str, str]:
    """The names of Flowers102's categories, from data/flower-categories.json: {"1": "pink primrose", ...}.

    The keys run from 1 to 102, as in the data set's own files; torchvision's labels run from 0 to 101.
    """
    return json.loads(CATEGORIES.read_text(encoding="utf-8"))


def fetch(name: str) -> Path:
    """Download `name`, save it as <name>.npz in `data_folder()`, return the path of that file.

    What comes as a folder, such as Flowers102's photographs, is kept as it is. What is already there and good is kept.
    Everything is written to a temporary folder beside the result, which is moved into place when whole: whatever goes
    wrong, nothing half-written stays behind.

    Raises DownloadError when the network or the server fails, DataError for everything else that `load` names.
    """
    spec = _spec(name)
    path = find(name)
    if path is not None:
        read = _open if spec.photographs else _read
        read(name, spec, path)    # raises if it is damaged
        return path
    folder = data_folder()
    if spec.download is None:
        raise DownloadError(f"{name} cannot be downloaded. {how_to_get(name)}")
    path = folder / spec.file.format(name=name)
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder) as temporary:
            print(f"Fetching {name} (about {spec.megabytes} MB) into {folder}", file=sys.stderr, flush=True)
            whole = _download(name, spec, Path(temporary))
            if isinstance(whole, dict):
                arrays, whole = whole, Path(temporary, path.name)
                np.savez_compressed(whole, **arrays)
            os.replace(whole, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"{name} was not saved: the disk is full. Make room on the disk of {folder}, or set "
                            "COURSE_DATA to a folder on another disk, then try again.") from None
        raise DataError(f"{name} was not saved: cannot write to {folder} ({error.strerror or error}). Make it "
                        "writable, or set COURSE_DATA to a folder that is.") from None
    return path


def data_folder() -> Path:
    """Where `fetch` saves: $COURSE_DATA if set (DataError if there is no such folder), else data/ in the repository.

    Also there if $COURSE_DATA is read-only, as a folder that a lab shares may be.
    """
    folders = _folders()
    return folders[0] if os.access(folders[0], os.W_OK) else folders[-1]


def find(name: str) -> Path | None:
    """The .npz file (or folder) that `load(name)` would read, or None. $COURSE_DATA is searched first, then data/."""
    spec = _spec(name)
    for folder in _folders():
        path = folder / spec.file.format(name=name)
        if path.is_file() or spec.is_folder and (path / spec.holds).is_dir():
            return path
    return None


def _locate(name: str, stand_in: bool) -> tuple[Path | None, str]:
    """What `load(name)` reads, downloaded if it has to be; or None, and why there is only the stand-in."""
    if stand_in:
        return None, "it was asked for"
    path = find(name)
    if path is not None:
        return path, ""
    missing = f"there is no {_spec(name).file.format(name=name)} in " + " or ".join(map(str, _folders()))
    if _spec(name).download is None:
        return None, missing
    if os.environ.get("COURSE_PROFILE") == "smoke":
        return None, f"{missing}, and the smoke profile downloads nothing"
    try:
        return fetch(name), ""
    except DownloadError as error:
        return None, f"{missing}; {error}"


def _folders() -> list[Path]:
    folders = [REPOSITORY / "data"]
    if os.environ.get("COURSE_DATA"):
        chosen = Path(os.environ["COURSE_DATA"]).expanduser()
        if not chosen.is_dir():
            raise DataError(f"COURSE_DATA is set to {chosen}, and there is no such folder. Make it, or unset "
                            f"COURSE_DATA to use {folders[0]}.")
        folders.insert(0, chosen)
    return folders


def _spec(name: str) -> Spec:
    if name in SPECS:
        return SPECS[name]
    near = difflib.get_close_matches(str(name).lower(), NAMES, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise DataError(f"There is no data set {name!r}.{hint} The names are: {', '.join(NAMES)}.")


def how_to_get(name: str) -> str:
    """What a user may do to get the real data set."""
    spec = _spec(name)
    if spec.how_to_get:
        return spec.how_to_get.format(folder=data_folder())
    if spec.download is None:
        return f"Copy {name}.npz into {data_folder()}; data/README.md says what is in it."
    return f"Run `./course data fetch {name}`."


def _how_to_get(name: str) -> str:
    """`how_to_get` inside a sentence."""
    how = how_to_get(name)
    return how[0].lower() + how[1:]


def resize(images: Tensor, size: int) -> Tensor:
    """Images (N, C, H, W) scaled to (N, C, size, size), bilinear, smoothed first where they shrink.

    uint8 stays uint8. Float images stay float.
    """
    scaled = []
    for batch in images.split(1000):    # the float images of a batch are enough: those of all would take gigabytes
        big = F.interpolate(batch.float(), size=(size, size), mode="bilinear", antialias=True)
        scaled.append(big if images.is_floating_point() else big.round().clamp(0, 255).to(images.dtype))
    return torch.cat(scaled)


# ---------------------------------------------------------------------------------------------------------------
# Reading an .npz, downloading
# ---------------------------------------------------------------------------------------------------------------

def _read(name: str, spec: Spec, path: Path) -> dict[str, Tensor]:
    """The four tensors of a .npz file, or of a folder, in the layout of `Dataset`. A DataError says what is wrong."""
    def wrong(what):
        return DataError(f"{path} {what}. Delete it and {_how_to_get(name)}")

    try:
        if path.is_dir():
            return _tensors(spec.read(path), spec)
    except ValueError as error:
        raise DataError(f"{path} {error}.") from None
    try:
        with np.load(path) as file:    # allow_pickle stays off: a data file must not be able to run code
            ours = KERAS if set(file) == set(KERAS) else dict(zip(KEYS, KEYS))
            keys = {ours.get(key, key) for key in file}
            arrays = {ours[key]: file[key] for key in file if key in ours}
    except PermissionError:
        raise DataError(f"{path} may not be read by this user. Change its permissions.") from None
    except Exception as error:    # zipfile, zlib and numpy raise a dozen kinds for a damaged file
        raise wrong(f"is damaged or not an .npz file ({_one_line(error)})") from None
    if keys != set(KEYS):
        raise wrong(f"holds the arrays {sorted(keys)}, expected {sorted(KEYS)}")

    channels, *size = spec.shape
    image_shape = tuple(size) if channels == 1 else (*size, channels)
    for key, array in arrays.items():
        expected = image_shape if key.endswith("images") else ()
        if array.dtype != np.uint8:
            raise wrong(f"has {key} of dtype {array.dtype}, expected uint8")
        if array.ndim == 0 or array.shape[1:] != expected:
            shown = ", ".join(map(str, ("N", *expected)))
            raise wrong(f"has {key} of shape {array.shape}, expected ({shown})")
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if len(images) != len(labels) or len(images) == 0:
            raise wrong(f"has {len(images)} {part}_images and {len(labels)} {part}_labels, expected equally many and "
                        "at least one")
        if labels.max() >= len(spec.names()):
            raise wrong(f"has a {part} label {labels.max()}, expected 0 to {len(spec.names()) - 1}")

    return _tensors(arrays, spec)


def _tensors(arrays: dict[str, np.ndarray], spec: Spec) -> dict[str, Tensor]:
    """The arrays of an .npz in the layout of `Dataset`."""
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}    # shares memory, no copy
    for part in ("train", "test"):
        images = tensors[f"{part}_images"]
        images = images.unsqueeze(1) if spec.shape[0] == 1 else images.permute(0, 3, 1, 2).contiguous()
        tensors[f"{part}_images"] = images
        tensors[f"{part}_labels"] = tensors[f"{part}_labels"].long()
    return tensors


def _open(name: str, spec: Spec, folder: Path) -> Opened:
    """What `Spec.photographs` reads, with a DataError for a folder or an image that is damaged."""
    def wrong(error):
        return DataError(f"{folder} is damaged or incomplete ({_one_line(error)}). Delete it and {_how_to_get(name)}")

    read, _ = spec.photographs
    try:
        labels, train, decode = read(folder)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise wrong(error) from None

    def one(index):
        try:
            return decode(index)
        except (OSError, SyntaxError) as error:    # PIL raises both for a damaged file
            raise wrong(error) from None
    return labels, train, one


def _download(name: str, spec: Spec, folder: Path) -> dict[str, np.ndarray] | Path:
    """The four arrays, or a folder in `folder`, downloaded. DownloadError when the network or the server fails."""
    by_hand = (f"Check the network and run `./course data fetch {name}`, or copy {spec.file.format(name=name)} from "
               f"another machine into {data_folder()}.")
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)    # torchvision sets none: a silent server would hang the course
    try:
        return spec.download(folder)
    except (OSError, RuntimeError, HTTPException, EOFError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise    # this machine's disk, not the network
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            what = CERTIFICATE
        elif answer := re.search(r"HTTP Error \d+[^\n]*", str(error)):
            what = f"the server answered \"{answer[0].strip()}\""
        elif "urlopen error" in str(error) or isinstance(error, TimeoutError):
            what = f"no network, or the server does not answer ({_one_line(error)})"
        else:
            what = f"the download broke off or arrived damaged ({_one_line(error)})"
        raise DownloadError(f"{name} could not be downloaded: {what}. {by_hand}") from None
    finally:
        socket.setdefaulttimeout(timeout)


def _torchvision(class_name: str, folder: Path) -> dict[str, np.ndarray]:
    """Download with torchvision, which compares the files' checksums."""
    from torchvision import datasets    # only here: the import takes longer than loading MNIST
    arrays = {}
    for part in ("train", "test"):
        split = getattr(datasets, class_name)(folder, train=part == "train", download=True)
        arrays[f"{part}_images"] = np.asarray(split.data)
        arrays[f"{part}_labels"] = np.asarray(split.targets, dtype=np.uint8)
    return arrays


def _one_line(error: Exception, limit: int = 160) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[:limit] + "..."


# ---------------------------------------------------------------------------------------------------------------
# Stand-ins. Each class has one or more templates, drawn large. A stand-in image is a template under a random
# affine map and a slight bend, then lit or coloured at random.
# ---------------------------------------------------------------------------------------------------------------

stand_ins = set()    # names of those drawn so far; plotting writes them into every figure
_small: dict[tuple, dict[str, Tensor]] = {}  # those of the smoke profile: a grader draws them before it forks


def _announce(name: str, why: str) -> None:
    """Say once for each data set that its stand-in is used, and remember it."""
    if name not in stand_ins:
        stand_ins.add(name)
        print(f"STAND-IN DATA: the {name} images are drawn by code; they are not the real data set. Reason: "
              f"{why.rstrip('.')}. To get the real one, {_how_to_get(name)}", file=sys.stderr, flush=True)


def _stand_in(name: str, spec: Spec, why: str) -> Dataset:
    """The drawn data set: the same images on every call, as many of each class (to within one). Fewer in the smoke
    profile."""
    _announce(name, why)
    most = STAND_IN_TRAIN, STAND_IN_TEST
    if os.environ.get("COURSE_PROFILE") != "smoke":
        tensors = _drawn(spec, most)
    else:
        most = tuple(map(min, most, STAND_IN_SMOKE))
        if (name, most) not in _small:
            _small[name, most] = _drawn(spec, most)
        tensors = {part: values.clone() for part, values in _small[name, most].items()}  # who gets them may change them
    return Dataset(name, **tensors, class_names=spec.names(), stand_in=True)


def _drawn(spec: Spec, most: tuple[int, ...]) -> dict[str, Tensor]:
    """Images and labels of a stand-in; most: how many for training, and for tests."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for part, count in zip(("train", "test"), map(min, most, spec.drawn)):
        labels = torch.randperm(count, generator=generator) % len(spec.names())
        # in slices: the float images of a slice stay in the processor's cache, those of all would take gigabytes
        images = torch.cat([spec.draw(part_labels, generator) for part_labels in labels.split(200)])
        tensors |= {f"{part}_images": images, f"{part}_labels": labels}
    return tensors


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator) * (high - low) + low


def _warp(templates: Tensor, size: int, generator: torch.Generator, turn: float, shear: float, scale: tuple,
          shift: float, bend: float, flip: bool = False) -> Tensor:
    """Every template (N, C, S, S) under its own random map, sampled at (N, C, size, size).

    `turn` in degrees, `shift` and `bend` as a fraction of half the image, each drawn from [-value, value]; `scale`
    the range of the zoom, drawn for x and y apart; `flip` mirrors half of the images.
    """
    n = len(templates)
    angle = torch.deg2rad(_uniform(generator, -turn, turn, n))
    cos, sin, slant = angle.cos(), angle.sin(), _uniform(generator, -shear, shear, n)
    zoom = 1 / _uniform(generator, *scale, n, 2)    # affine_grid maps from output to input, hence the inverse
    if flip:
        zoom[:, 0] *= torch.randint(0, 2, (n,), generator=generator) * 2 - 1
    move = _uniform(generator, -shift, shift, n, 2)
    theta = torch.stack([torch.stack([cos * zoom[:, 0], (slant * cos - sin) * zoom[:, 0], move[:, 0]], 1),
                         torch.stack([sin * zoom[:, 1], (slant * sin + cos) * zoom[:, 1], move[:, 1]], 1)], 1)
    grid = F.affine_grid(theta, [n, 1, size, size], align_corners=False)
    if bend:    # a sine across the image: the map is no longer affine, strokes become curves
        amount, phase = _uniform(generator, -bend, bend, n, 1, 2), _uniform(generator, 0, 2 * torch.pi, n, 1, 2)
        across = torch.linspace(-1, 1, size).view(1, size, 1)
        wave = amount * torch.sin(2.5 * across + phase)    # (n, size, 2)
        grid[..., 0] += wave[:, :, None, 0]
        grid[..., 1] += wave[:, None, :, 1]
    return F.grid_sample(templates, grid, align_corners=False)


def _to_uint8(images: Tensor) -> Tensor:
    return images.clamp_(0, 1).mul_(255).round_().byte()


DIGIT_FONTS = ["DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSerif", "DejaVuSerif-Italic",
               "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10", "cmti10", "cmb10"]


@cache
def _digit_templates() -> Tensor:
    """(font, digit, 1, 56, 56) in [0, 1]: each glyph blurred, in the middle 40x40, its proportions kept."""
    from matplotlib import get_data_path
    canvases = []
    for font_name in DIGIT_FONTS:
        font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/{font_name}.ttf", 60)
        for digit in "0123456789":
            left, top, right, bottom = font.getbbox(digit)
            glyph = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(glyph).text((-left, -top), digit, fill=255, font=font)
            ratio = 40 / max(glyph.size)
            glyph = glyph.resize([max(1, round(side * ratio)) for side in glyph.size], Image.Resampling.BILINEAR)
            canvas = Image.new("L", (56, 56))
            canvas.paste(glyph, ((56 - glyph.width) // 2, (56 - glyph.height) // 2))
            canvas = canvas.filter(ImageFilter.MaxFilter(3))    # hairlines would break once shrunk to 28 pixels
            canvases.append(np.asarray(canvas.filter(ImageFilter.GaussianBlur(1.6))))
    return torch.from_numpy(np.stack(canvases)).view(len(DIGIT_FONTS), 10, 1, 56, 56).float().div(255)


def _draw_digits(labels: Tensor, generator: torch.Generator) -> Tensor:
    """White digits on black, (N, 1, 28, 28), about 20 pixels high."""
    n = len(labels)
    fonts = torch.randint(len(DIGIT_FONTS), (n,), generator=generator)
    glyphs = _warp(_digit_templates()[fonts, labels], 28, generator, turn=14, shear=0.3, scale=(0.85, 1.08),
                   shift=0.07, bend=0.09)
    edge = _uniform(generator, 0.25, 0.55, n, 1, 1, 1)    # a cut through the blur: the lower, the thicker the stroke
    return _to_uint8((glyphs - edge) * 3.5)


# A drawing is a list of (shape, tone, x0, y0, x1, y1, ...). "poly" has corners, "oval" a bounding box, "line" has
# points. Later shapes cover earlier ones. y points down.
CLOTHES = {    # on a 28x28 canvas, tones are gray values
    "T-shirt/top": [("poly", 220, 9, 4, 12, 4.5, 14, 6, 16, 4.5, 19, 4, 26, 8, 23.5, 13, 20, 11, 20, 25, 8, 25, 8, 11,
                     4.5, 13, 2, 8)],
    "Trouser": [("poly", 215, 9, 2, 19, 2, 20.5, 26, 15.5, 26, 14, 8, 12.5, 26, 7.5, 26),
                ("line", 90, 9, 3.5, 19, 3.5), ("line", 120, 14, 3, 14, 8)],
    "Pullover": [("poly", 205, 9.5, 4, 18.5, 4, 23, 7, 26, 23, 22.5, 24, 20, 12, 20, 25, 8, 25, 8, 12, 5.5, 24, 2, 23,
                  5, 7), ("oval", 110, 11, 2.5, 17, 6.5), ("line", 110, 8, 24, 20, 24),
                 ("line", 120, 2, 21.5, 6, 22.5), ("line", 120, 26, 21.5, 22, 22.5)],
    "Dress": [("poly", 215, 10.5, 2, 12, 2, 14, 5.5, 16, 2, 17.5, 2, 17.2, 11, 21, 26, 7, 26, 10.8, 11),
              ("line", 110, 10.8, 11, 17.2, 11)],
    "Coat": [("poly", 190, 9.5, 2.5, 18.5, 2.5, 23, 5.5, 26, 22, 22.5, 23, 20.8, 12, 21.5, 27, 6.5, 27, 7.2, 12, 5.5,
              23, 2, 22, 5, 5.5), ("poly", 0, 11.5, 2, 16.5, 2, 14, 9), ("line", 0, 14, 6, 14, 27),
             ("line", 90, 8.5, 19, 12, 18), ("line", 90, 19.5, 19, 16, 18)],
    "Sandal": [("poly", 210, 2, 21, 12, 23, 20, 20, 26, 14, 26.5, 22, 24, 22, 23, 19.5, 17, 24, 11, 25, 2, 23),
               ("line", 230, 4, 21, 9, 16, 13, 22), ("line", 230, 9, 16, 17, 21),
               ("line", 230, 25, 15, 20, 11, 15, 21)],
    "Shirt": [("poly", 190, 10, 4, 18, 4, 23.5, 7, 25.5, 17, 22, 18, 20, 12, 20, 26, 8, 26, 8, 12, 6, 18, 2.5, 17,
               4.5, 7), ("poly", 245, 10, 3, 14, 7, 18, 3, 17, 8.5, 14, 7, 11, 8.5), ("line", 110, 14, 7, 14, 26),
              *(("oval", 30, 13.2, y, 14.8, y + 1.5) for y in (10, 14, 18, 22)),
              ("poly", 120, 16, 11, 19, 11, 19, 14, 16, 14)],
    "Sneaker": [("poly", 190, 2, 18, 6, 16.5, 12, 12, 15, 10.5, 19, 13.5, 24, 11.5, 26, 14, 26, 21, 2, 21),
                ("poly", 245, 1.5, 20.5, 26.5, 20.5, 26.5, 23.5, 1.5, 23.5),
                *(("line", 60, x, 20 - x * 0.55, x + 2.5, 22 - x * 0.55) for x in (7, 9, 11))],
    "Bag": [("oval", 170, 8, 3, 20, 20), ("oval", 0, 10, 5, 18, 20), ("poly", 205, 4, 11, 24, 11, 26, 25, 2, 25),
            ("line", 110, 4, 15, 24, 15), ("oval", 60, 12.7, 13.5, 15.3, 16.5)],
    "Ankle boot": [("poly", 195, 11.5, 2, 21.5, 2, 23, 14, 22.5, 24, 3, 24, 2, 20, 5, 17, 11, 13.5),
                   ("poly", 90, 1.5, 22.5, 17, 22.5, 18, 21.5, 23.5, 21.5, 23.5, 26, 18, 26, 17.5, 24, 1.5, 24),
                   ("line", 110, 14, 3, 15, 13), ("line", 110, 16, 3, 17, 13)],
}


def _canvas(shapes: list, side: int, scale: int) -> np.ndarray:
    """One drawing on a black canvas of side * scale pixels, uint8."""
    image = Image.new("L", (side * scale, side * scale))
    pen = ImageDraw.Draw(image)
    for shape, tone, *numbers in shapes:
        numbers = [number * scale for number in numbers]
        if shape == "poly":
            pen.polygon(numbers, fill=tone)
        elif shape == "oval":
            pen.ellipse(numbers, fill=tone)
        else:
            pen.line(numbers, fill=tone, width=scale, joint="curve")
    return np.asarray(image)


@cache
def _clothes_templates() -> Tensor:
    """(10, 1, 56, 56) in [0, 1]."""
    drawings = torch.from_numpy(np.stack([_canvas(shapes, 28, 4) for shapes in CLOTHES.values()]))
    return F.avg_pool2d(drawings[:, None].float().div(255), 2)


def _draw_clothes(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Clothes on black, (N, 1, 28, 28), each of its own size, brightness, stripes and folds."""
    n = len(labels)
    cloth = _warp(_clothes_templates()[labels], 28, generator, turn=4, shear=0.06, scale=(0.88, 1.12), shift=0.05,
                  bend=0.05)
    y, x = torch.meshgrid(torch.arange(28.), torch.arange(28.), indexing="ij")
    wave = _uniform(generator, -1.6, 1.6, n, 2, 1, 1)    # radians per pixel across and down
    stripes = torch.sin(wave[:, :1] * x + wave[:, 1:] * y)
    depth = _uniform(generator, 0, 1, n, 1, 1, 1).pow(6) * 0.35    # most are nearly plain
    folds = F.interpolate(_uniform(generator, -0.16, 0.16, n, 1, 5, 5), size=28, mode="bilinear")
    grain = _uniform(generator, -0.05, 0.05, n, 1, 28, 28)
    light = _uniform(generator, 0.45, 1.3, n, 1, 1, 1)
    return _to_uint8(cloth * (light * (1 - depth + depth * stripes) + folds + grain))


# On a 32x32 canvas. Tones: 1 the body in one of its colours, 2 the detail colour, 3 near black, 4 near white.
# Each scene: colour above and below the horizon, height of the horizon (0 top, 1 bottom), colours of the body,
# colour of the details, drawing.
SCENES = {
    "airplane": ("8fc1f0", "c4def5", 0.7, ("e6e9ee", "b9c3cf", "d8d0c4"), "8a97a8", [
        ("poly", 1, 5, 17, 2, 8, 6, 8, 11, 15), ("oval", 1, 3, 13.5, 30, 20),
        ("poly", 2, 13, 17, 20, 17, 13, 28, 9, 28), ("poly", 2, 14, 14, 19, 14, 14, 7, 11, 7),
        ("poly", 2, 5, 17, 9, 17, 4, 22, 2, 22), ("line", 3, 25, 15, 27, 15)]),
    "automobile": ("c9d3dc", "6f6f74", 0.6, ("c8202c", "2450b8", "e0b020", "e8e8e8"), "9fc4dc", [
        ("poly", 1, 2, 19, 7, 17.5, 11, 11.5, 21, 11.5, 26, 17.5, 30, 19, 30, 25, 2, 25),
        ("poly", 2, 9.5, 17, 12, 13, 15.5, 13, 15.5, 17), ("poly", 2, 17, 13, 20.5, 13, 23.5, 17, 17, 17),
        ("oval", 3, 5, 21.5, 11.5, 28), ("oval", 3, 20.5, 21.5, 27, 28), ("oval", 4, 7, 23.5, 9.5, 26),
        ("oval", 4, 22.5, 23.5, 25, 26)]),
    "bird": ("b8d8e8", "8fae5a", 0.8, ("a03c28", "3a62a8", "6b5138", "d8a838"), "f0a020", [
        ("line", 3, 14, 21, 13, 27), ("line", 3, 17, 21, 17, 27), ("poly", 1, 11, 15, 2, 20, 4, 23, 13, 20),
        ("oval", 1, 8, 12, 23, 23), ("oval", 1, 18, 7, 26, 15.5), ("poly", 2, 25, 10, 30, 11.5, 25, 13),
        ("poly", 3, 11, 15, 19, 14.5, 12, 20.5, 8, 19), ("oval", 3, 22, 9, 24, 11)]),
    "cat": ("d9b99a", "a8785a", 0.75, ("d08a3c", "8a8a90", "4a4440", "e0d0b8"), "f0a8a0", [
        ("poly", 1, 6, 14, 7, 3, 15, 9), ("poly", 1, 26, 14, 25, 3, 17, 9), ("poly", 2, 8, 10, 8.5, 5.5, 12, 9),
        ("poly", 2, 24, 10, 23.5, 5.5, 20, 9), ("oval", 1, 5, 8, 27, 28), ("oval", 4, 8.5, 13, 14, 18),
        ("oval", 4, 18, 13, 23.5, 18), ("oval", 3, 10.5, 13, 12.5, 18), ("oval", 3, 19.5, 13, 21.5, 18),
        ("poly", 2, 14, 20, 18, 20, 16, 22.5), ("line", 4, 13, 22, 4, 20), ("line", 4, 13, 23, 4, 25),
        ("line", 4, 19, 22, 28, 20), ("line", 4, 19, 23, 28, 25)]),
    "deer": ("4f7a3c", "7d9a4a", 0.55, ("a8703c", "8a5a34", "c08850"), "e8d4b0", [
        ("line", 2, 23, 7, 20, 1), ("line", 2, 24, 7, 27, 1), ("line", 2, 21, 4, 17.5, 2), ("line", 2, 26, 4, 30, 3),
        *(("poly", 1, x, 18, x + 2.2, 18, x + 1.6, 30, x + 0.2, 30) for x in (6, 9, 16, 19)),
        ("oval", 1, 4, 13, 22, 22), ("poly", 1, 17, 16, 21, 8, 25, 9, 22, 19), ("oval", 1, 20, 5.5, 29, 11),
        ("oval", 2, 3.5, 14, 7, 19), ("oval", 3, 23.5, 7, 25, 8.5)]),
    "dog": ("b9c8a0", "8a9a6a", 0.6, ("b8864c", "efe6d8", "6a4a34", "d8c09a"), "503424", [
        ("oval", 1, 6, 5, 26, 24), ("oval", 4, 10, 15, 22, 29), ("oval", 2, 2, 6, 9.5, 23),
        ("oval", 2, 22.5, 6, 30, 23), ("oval", 3, 10.5, 11, 13.5, 14.5), ("oval", 3, 18.5, 11, 21.5, 14.5),
        ("oval", 3, 13, 17, 19, 21), ("line", 3, 16, 21, 16, 25), ("poly", 2, 14.5, 25, 17.5, 25, 16.5, 28, 15.5, 28)]),
    "frog": ("5f8f8a", "2f5a50", 0.5, ("5fbf3a", "8ab84a", "3f9a5a"), "c8e08a", [
        ("oval", 1, 1, 17, 11, 29), ("oval", 1, 21, 17, 31, 29), ("oval", 1, 6, 10, 26, 28),
        ("oval", 2, 10, 19, 22, 28), ("oval", 1, 6, 4, 14, 12.5), ("oval", 1, 18, 4, 26, 12.5),
        ("oval", 4, 8, 5.5, 12.5, 10.5), ("oval", 4, 19.5, 5.5, 24, 10.5), ("oval", 3, 9.5, 6.5, 12, 9.5),
        ("oval", 3, 20, 6.5, 22.5, 9.5), ("line", 3, 9, 15.5, 13, 18, 19, 18, 23, 15.5)]),
    "horse": ("a9c4dc", "a89060", 0.6, ("6a3418", "8a5030", "3c2a20", "c8beb0"), "2a1a10", [
        *(("poly", 1, x, 18, x + 3, 18, x + 2.2, 31, x + 0.2, 31) for x in (5, 8.5, 16, 19.5)),
        ("oval", 1, 3.5, 11.5, 23, 22), ("poly", 1, 16, 15, 20, 3, 25, 3, 23, 18),
        ("poly", 1, 20, 2.5, 24, 2, 31, 9, 28.5, 12, 22, 8), ("poly", 2, 21, 0.5, 17.5, 4, 14, 13, 17.5, 13, 20.5, 5),
        ("poly", 2, 5, 13, 1, 16, 0.5, 26, 3, 25, 4, 17)]),
    "ship": ("b4cfe6", "2f5f98", 0.68, ("2a2f3c", "a82c28", "dfe4ea", "285090"), "f2f2ee", [
        ("poly", 2, 8, 15, 24, 15, 24, 20, 8, 20), ("poly", 2, 13, 10, 21, 10, 21, 15, 13, 15),
        ("poly", 3, 15, 4, 18.5, 4, 18.5, 10, 15, 10), *(("oval", 3, x, 16.5, x + 2, 18.5) for x in (10, 14, 18, 21)),
        ("poly", 1, 1.5, 19, 30.5, 19, 26, 26.5, 6, 26.5), ("line", 4, 2.5, 20.5, 29.5, 20.5)]),
    "truck": ("d0d8d0", "7a766e", 0.72, ("e0a020", "3c7a3c", "c04028", "3c60a0"), "f0f0ea", [
        ("poly", 2, 1.5, 6, 20, 6, 20, 23, 1.5, 23), ("poly", 1, 20.5, 11, 27, 11, 30.5, 17, 30.5, 24, 20.5, 24),
        ("poly", 3, 22.5, 12.5, 26, 12.5, 28.5, 17, 22.5, 17), ("poly", 3, 1.5, 22.5, 30.5, 22.5, 30.5, 25, 1.5, 25),
        *(("oval", 3, x, 21.5, x + 6, 28.5) for x in (3.5, 10, 22.5)),
        *(("oval", 4, x, 24, x + 2, 26) for x in (5.5, 12, 24.5))]),
}


def _rgb(*colours: str) -> Tensor:
    return torch.tensor([list(bytes.fromhex(colour)) for colour in colours]).float().div(255)


@cache
def _scene_templates() -> Tensor:
    """(10, 4, 64, 64) in [0, 1]: for each of the four tones, where the drawing has it."""
    drawings = torch.from_numpy(np.stack([_canvas(scene[-1], 32, 4) for scene in SCENES.values()]))
    masks = torch.stack([drawings == tone for tone in (1, 2, 3, 4)], dim=1)
    return F.avg_pool2d(masks.float(), 2)


def _draw_scenes(labels: Tensor, generator: torch.Generator) -> Tensor:
    """One coloured thing before its usual ground, (N, 3, 32, 32)."""
    n, scenes = len(labels), list(SCENES.values())
    masks = _warp(_scene_templates()[labels], 32, generator, turn=10, shear=0.1, scale=(0.7, 1.05), shift=0.16,
                  bend=0.04, flip=True)

    above, below = (_rgb(*(scene[i] for scene in scenes))[labels] for i in (0, 1))
    horizon = torch.tensor([scene[2] for scene in scenes])[labels] * 32 + _uniform(generator, -4, 4, n)
    ground = torch.sigmoid((torch.arange(32.) - horizon[:, None]) * _uniform(generator, 0.3, 2, n, 1))
    ground = ground[:, None, :, None]
    rows = above[:, :, None, None] * (1 - ground) + below[:, :, None, None] * ground    # (n, 3, 32, 1)
    clouds = _uniform(generator, -0.15, 0.15, n, 1, 6, 6) + _uniform(generator, -0.05, 0.05, n, 3, 6, 6)
    images = F.interpolate(clouds, size=32, mode="bilinear").add_(rows)

    bodies = torch.zeros(n, 3)
    for label, scene in enumerate(scenes):
        mine = labels == label
        palette = _rgb(*scene[3])
        bodies[mine] = palette[torch.randint(len(palette), (int(mine.sum()),), generator=generator)]
    details = _rgb(*(scene[4] for scene in scenes))[labels]
    fixed = _rgb("18181c", "f4f4f0").expand(n, 2, 3)
    colours = torch.cat([bodies[:, None], details[:, None], fixed], 1) + _uniform(generator, -0.08, 0.08, n, 4, 3)
    cover = masks.sum(1, keepdim=True)
    images.mul_(1 - cover).add_(torch.einsum("nthw,ntc->nchw", masks, colours))

    light = _uniform(generator, 0.7, 1.15, n, 1, 1, 1)
    return _to_uint8(images * light + _uniform(generator, -0.05, 0.05, n, 3, 32, 32))


SPECS = {
    "mnist": Spec((1, 28, 28), tuple("0123456789"), _draw_digits, partial(_torchvision, "MNIST"), megabytes=12),
    "fashion_mnist": Spec((1, 28, 28), tuple(CLOTHES), _draw_clothes, partial(_torchvision, "FashionMNIST"),
                          megabytes=31),
    "cifar10": Spec((3, 32, 32), tuple(SCENES), _draw_scenes, partial(_torchvision, "CIFAR10"), megabytes=170),
    "flowers64": Spec((3, 64, 64), ("daffodil", "snowdrop", "bluebell", "iris", "tulip", "sunflower", "daisy",
                                    "buttercup", "windflower", "pansy"), partial(flower_data.draw, size=64),
                      drawn=(600, 200)),
    "ckplus": Spec((3, 64, 64), face_data.EXPRESSIONS, face_data.draw, how_to_get=face_data.HOW_TO_GET, file="ckplus",
                   read=face_data.read_folder),
    "flowers102": Spec((3, 256, 256), lambda: flower_categories().values(), None, flower_data.download, megabytes=345,
                       file=flower_data.FOLDER, holds="jpg", photographs=(flower_data.read, flower_data.drawn)),
}
NAMES = SPECS.keys()
