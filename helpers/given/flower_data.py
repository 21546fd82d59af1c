"""Flowers102's files, and flowers drawn by code. `datasets` is what a notebook asks."""
import colorsys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

FOLDER = "flowers-102"    # as torchvision names it
SPLITS = {"train": 1020, "val": 1020, "test": 6149}    # of Flowers102, and how many images each has
SIZE = 256
KINDS = 102
PETALS = (5, 6, 8, 4, 12, 3, 7, 16, 10, 13)


@dataclass(frozen=True, eq=False)
class Photographs:
    """Flowers102: all labels, and the images that are asked for. All of them at once would take 1.6 GB.

    Labels are int64, shape (N,), indices into `class_names`: first those of torchvision's splits "train" and "val",
    `train` together, then those of "test".
    """
    name: str
    labels: Tensor = field(repr=False)
    train: int
    one: Callable[[int], Tensor] = field(repr=False)    # index -> uint8 (3, 256, 256)
    class_names: tuple[str, ...] = field(repr=False)
    stand_in: bool    # True: drawn by code, not the real data

    def images(self, indices: Sequence[int] | Tensor) -> Tensor:
        """The images with these indices, uint8 (n, 3, 256, 256). A thousand take some seconds and 0.2 GB.

        Raises IndexError for an index that is not there, and what `one` raises for a file that cannot be read.
        """
        indices = torch.as_tensor(indices, dtype=torch.long).reshape(-1).tolist()
        outside = [index for index in indices if not 0 <= index < len(self.labels)]
        if outside:
            raise IndexError(f"there is no image {outside[0]}: the indices run from 0 to {len(self.labels) - 1}")
        found = torch.empty(len(indices), 3, SIZE, SIZE, dtype=torch.uint8)
        with ThreadPoolExecutor() as pool:    # decoding does not hold Python's lock
            for place, image in zip(found, pool.map(self.one, indices)):
                place.copy_(image)
        return found


def download(folder: Path) -> Path:
    """Fetch Flowers102 with torchvision, which compares the files' checksums. Returns the folder that it made."""
    import scipy.io    # noqa: F401  torchvision needs it, and says so only after the download
    from torchvision.datasets import Flowers102
    Flowers102(folder, split="train", download=True)
    (folder / FOLDER / "102flowers.tgz").unlink(missing_ok=True)    # it is unpacked beside
    return folder / FOLDER


def read(folder: Path) -> tuple[Tensor, int, Callable[[int], Tensor]]:
    """Labels, train and one of `Photographs`, from the folder as torchvision leaves it.

    The shorter edge of an image is scaled to 256 pixels, and the middle is cut out. Raises what torchvision raises.
    """
    from torch.utils.data import ConcatDataset
    from torchvision import transforms
    from torchvision.datasets import Flowers102
    middle = transforms.Compose([transforms.Resize(SIZE), transforms.CenterCrop(SIZE), transforms.PILToTensor()])
    splits = [Flowers102(folder.parent, split=split, transform=middle) for split in SPLITS]
    # A private name, but the only way to the labels that does not decode every image.
    labels = torch.tensor([label for split in splits for label in split._labels])
    everything = ConcatDataset(splits)
    return labels, len(splits[0]) + len(splits[1]), lambda index: everything[index][0]


def drawn() -> tuple[Tensor, int, Callable[[int], Tensor]]:
    """What `read` returns, drawn by code: as many images, equally many of each kind, always the same ones."""
    labels = torch.randperm(sum(SPLITS.values()), generator=torch.Generator().manual_seed(0)) % KINDS
    return (labels, SPLITS["train"] + SPLITS["val"],
            lambda index: draw(labels[index:index + 1], torch.Generator().manual_seed(index), SIZE)[0])


def looks(kind: int) -> tuple[int, float, float, list, list, list]:
    """How a kind looks: petals, how pointed, how deep the gaps, colours of the rim, the throat and the heart."""
    hue = (0.5 + 0.7 * (kind * 0.618034 % 1)) % 1    # from blue over red to yellow: no green, leaves are green
    rim = colorsys.hsv_to_rgb(hue, (0.9, 0.25, 0.6)[kind % 3], 0.95)
    throat = colorsys.hsv_to_rgb((hue + 0.08) % 1, (0.5, 0.75, 0.95)[kind % 3], (0.95, 0.6)[kind // 3 % 2])
    heart = colorsys.hsv_to_rgb(0.09 + 0.08 * (kind % 2), 0.9, (0.9, 0.25)[kind // 2 % 2])
    return (PETALS[kind % 10], (0.45, 0.9, 2.0)[kind // 4 % 3], (0.55, 0.2, 0.4)[kind // 2 % 3],
            list(rim), list(throat), list(heart))


def draw(labels: Tensor, generator: torch.Generator, size: int) -> Tensor:
    """One flower before leaves for each label (n,), uint8 (n, 3, size, size). Pixels of any size show the same scene.

    In polar coordinates around the flower, a petal curve says how far the petals reach in each direction:
    edge = gaps + (1 - gaps) |cos(petals * angle / 2)|^pointed.
    """
    n = len(labels)

    def vary(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator) * (high - low) + low

    looked = [looks(int(label)) for label in labels]
    petals, pointed, gaps = (torch.tensor([look[k] for look in looked]).view(n, 1, 1) for k in range(3))
    rim, throat, heart = (torch.tensor([look[k] for look in looked]).view(n, 3, 1, 1) + vary(-0.07, 0.07, 3, 1, 1)
                          for k in (3, 4, 5))

    leaves = torch.tensor([0.16, 0.30, 0.10]).view(1, 3, 1, 1) + vary(-0.08, 0.08, 3, 1, 1)
    shadows = vary(-0.22, 0.22, 1, 7, 7) + vary(-0.05, 0.05, 3, 7, 7)
    image = leaves + F.interpolate(shadows, size=size, mode="bicubic")

    places = (torch.arange(size) + 0.5) / size * 2 - 1
    x, y = places - vary(-0.2, 0.2, 1, 1), places.view(-1, 1) - vary(-0.2, 0.2, 1, 1)
    tilt, squash = vary(0, torch.pi, 1, 1), vary(0.7, 1, 1, 1)    # seen from the side, a circle is an ellipse
    along, across = x * tilt.cos() + y * tilt.sin(), y * tilt.cos() - x * tilt.sin()
    radius = torch.hypot(along, across / squash) / vary(0.55, 0.9, 1, 1)
    angle = torch.atan2(across, along) + vary(0, 2 * torch.pi, 1, 1) + vary(-0.5, 0.5, 1, 1) * radius

    def cover(colour: Tensor, edge: Tensor) -> None:
        inside = torch.sigmoid((edge - radius) * 40).unsqueeze(1)
        image.mul_(1 - inside).add_(colour * inside)

    for reach, turn, light in ((1.0, 0.0, 0.8), (0.72, torch.pi, 1.0)):    # a smaller whorl lies between the larger
        wave = torch.cos((petals * angle + turn) / 2).abs()
        edge = reach * (gaps + (1 - gaps) * wave ** pointed)
        along_petal = (radius / edge).clamp(0, 1).unsqueeze(1)
        cover((throat + (rim - throat) * along_petal) * (0.75 + 0.25 * wave.unsqueeze(1)) * light, edge)
    dots = 0.85 + 0.15 * torch.sin(24 * radius) * torch.sin(9 * angle)
    cover(heart * dots.unsqueeze(1), vary(0.14, 0.2, 1, 1))
    light = vary(0.7, 1.15, 1, 1, 1)
    return (image * light + 0.06 * (torch.rand(n, 1, size, size, generator=generator) - 0.5)).clamp_(0, 1).mul_(
        255).round_().byte()
