"""Short videos of how points and images change: frames, files, and how a notebook shows them.

    frames = point_frames(trajectory, texts=[...])      # uint8 (F, 256, 256, 3)
    path = save(frames, "runs/reverse")                 # runs/reverse.mp4, or .gif where there is no ffmpeg
    show(path, alt="...")
"""
import base64
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from helpers.given import datasets, plotting, training

SIDE = 256  # pixels; the video codec wants multiples of 16


def point_frames(states, texts=(), reach=None):
    """Draw point clouds (F, N, 2) as frames, one for each state: the more points in a pixel, the darker it is.

    Args:
        texts: what stands in the corner of each frame.
        reach: the picture covers -reach to reach in both directions; None: so that nearly all points are seen.
    Returns:
        uint8 (F, 256, 256, 3)
    """
    states = np.asarray(states, dtype=np.float32)
    reach = float(np.quantile(np.abs(states), 0.999)) * 1.1 if reach is None else reach
    frames = []
    for points in states:
        # The second coordinate grows upwards, the rows of a picture grow downwards.
        counts, _, _ = np.histogram2d(-points[:, 1], points[:, 0], bins=SIDE // 2, range=[[-reach, reach]] * 2)
        dark = np.minimum(1, counts / max(1, np.quantile(counts[counts > 0], 0.9) if counts.any() else 1))
        colour = (1 - dark[..., None]) * 255 + dark[..., None] * np.array([31, 119, 180])  # matplotlib's first blue
        frames.append(np.kron(colour, np.ones((2, 2, 1))))
    return with_texts(np.stack(frames).astype(np.uint8), texts)


def image_frames(states, columns, texts=()):
    """Join images (F, N, C, h, w) in [-1, 1] into one frame for each state, with `columns` images in a row.

    Returns:
        uint8 (F, height, width, 3)
    """
    frames = []
    for images in states:
        rows = len(images) // columns
        picture = plotting.tile(((images[:rows * columns].float() + 1) / 2).clamp(0, 1).unflatten(0, (rows, columns)))
        picture = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        frames.append(np.kron((255 * picture).round().astype(np.uint8), np.ones((2, 2, 1), dtype=np.uint8)))
    return with_texts(np.stack(frames), texts)


def with_texts(frames, texts):
    """Write a text into the corner of each frame, and into all frames if stand-in data was used."""
    if not texts and not datasets.stand_ins:
        return frames
    out = []
    for frame, text in zip(frames, texts or [""] * len(frames), strict=True):
        picture = Image.fromarray(frame)
        text += " STAND-IN DATA" if datasets.stand_ins else ""
        ImageDraw.Draw(picture).text((4, 3), text, fill=(200, 30, 30), font_size=16)
        out.append(np.asarray(picture))
    return np.stack(out)


def pick(count, frames=40):
    """Indices of at most `frames` of `count` states, first and last included: nobody wants to see a thousand. In the
    smoke profile a quarter of them."""
    frames = frames // 4 if training.profile() == "smoke" else frames
    return np.unique(np.linspace(0, count - 1, frames).round().astype(int)).tolist()


def ffmpeg():
    """The module imageio_ffmpeg, or None where it, or its ffmpeg, is missing."""
    try:
        import imageio_ffmpeg
        imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return None
    return imageio_ffmpeg


def save(frames, path, frames_per_second=15, hold=1.0):
    """Write frames (F, height, width, 3) uint8 as MP4, or as GIF where there is no ffmpeg.

    A GIF counts time in hundredths of a second. So its frames take turns, at 15 in a second 6, 7 and 7 hundredths, and
    the whole takes as long as it should. More than 50 frames a second it cannot have: most programs slow down then.

    Args:
        path: without ending. Its folder is made if it is missing.
        hold: seconds for which the last frame stays.
    Returns:
        Path of the file, which ends with .mp4 or .gif.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = ffmpeg()
    if writer is None:
        path = path.with_name(path.name + ".gif")
        # A few colours are enough, and keep the file small.
        pictures = [Image.fromarray(frame).quantize(32) for frame in frames]
        step = 100 / min(frames_per_second, 50)
        begins = [round(k * step) for k in range(len(pictures))]
        durations = [10 * (b - a) for a, b in zip(begins, begins[1:])] + [10 * round(max(100 * hold, step))]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0)
        return path
    path = path.with_name(path.name + ".mp4")
    frames = np.concatenate((frames, np.repeat(frames[-1:], round(hold * frames_per_second), axis=0)))
    # The codec takes whole blocks of 16 pixels. White borders are better than pixels that are scaled.
    height, width = (-side % 16 for side in frames.shape[1:3])
    frames = np.pad(frames, ((0, 0), (0, height), (0, width), (0, 0)), constant_values=255)
    stream = writer.write_frames(str(path), (frames.shape[2], frames.shape[1]), fps=frames_per_second, quality=4)
    stream.send(None)  # starts ffmpeg
    try:
        for frame in frames:
            stream.send(np.ascontiguousarray(frame))
    finally:
        stream.close()
    return path


def show(path, alt):
    """Display a video in the notebook, which keeps a copy of it.

    Args:
        alt: what a reader who cannot see the video should know.
    """
    from html import escape

    from IPython.display import HTML, display
    data = base64.b64encode(Path(path).read_bytes()).decode()
    text = escape(alt, quote=True)
    if Path(path).suffix == ".gif":
        display(HTML(f'<img src="data:image/gif;base64,{data}" alt="{text}">'))
    else:
        display(HTML(f'<video controls loop muted aria-label="{text}" src="data:video/mp4;base64,{data}">{text}'
                     "</video>"))
