"""Files of short videos. Their frames: test_helpers_diffusion.py."""
import numpy as np
import pytest
from PIL import Image

from helpers.given import video


@pytest.mark.parametrize("frames_per_second, seconds", [(15, 2), (12, 2.5), (30, 1), (50, 0.6), (60, 0.6), (5, 6)])
def test_a_gif_takes_as_long_as_it_should(tmp_path, monkeypatch, frames_per_second, seconds):
    """Up to 50 frames in a second, which is the most that programs show."""
    monkeypatch.setattr(video, "ffmpeg", lambda: None)
    frames = np.random.default_rng(0).integers(0, 255, (31, 16, 16, 3), dtype=np.uint8)
    picture, times = Image.open(video.save(frames, tmp_path / "run", frames_per_second, hold=0.5)), []
    for k in range(picture.n_frames):
        picture.seek(k)
        times.append(picture.info["duration"])
    assert len(times) == 31 and sum(times[:-1]) == 1000 * seconds and times[-1] == 500
    assert max(times[:-1]) - min(times[:-1]) <= 10
