"""What a lossy codec made of an image is compared with rows that were kept of it, in any number of threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from rastercollection.rasters.writing.content import Content
from rastercollection.rasters.writing.lossy_content import LossyContent
from rastercollection.rasters.writing.reading_back import open_cog
from writer_scenes import writing

_Y, _X = np.mgrid[:421, :517]
PICTURE = np.stack([120 + 100 * np.sin(_X / 40 + band) * np.cos(_Y / 30) for band in range(3)]).astype(np.uint8)
VALID = np.hypot(_X - 260, _Y - 200) < 190


def compared(folder: Path, *, resampled: bool = False, threads: int = 1, **settings: Any) -> tuple[Content, Path, int]:
    """What comparing the JPEG of the picture tells, the JPEG, and the bytes held at most beside the picture."""
    quality = {"compression": "JPEG", "level": None, "quality": 85}
    with writing(folder, PICTURE, threads=threads, **quality, **settings) as (writer, buffer, valid_pixels):
        content = writer.expected(buffer, only_valid=False, resampled=resampled)
        assert isinstance(content, LossyContent)
        made = writer.write(buffer, valid_pixels, content)
        held = writer.workspace.usage.memory
        with open_cog(made.path) as cog:
            found = content.compare(cog, threads=threads)
        assert writer.workspace.usage.memory < 0.01 * PICTURE.nbytes, "what was kept is given up"
        return found, made.path.rename(folder / "made.tif"), held


@pytest.mark.parametrize("masked", [False, True])
def test_the_noise_is_that_of_every_second_row_whatever_reads_it(tmp_path: Path, masked: bool) -> None:
    valid = VALID if masked else None
    found, path, held = compared(tmp_path, valid=valid)
    with rasterio.open(path) as cog:
        noise = (PICTURE.astype(float) - cog.read())[:, ::2][:, VALID[::2] if masked else ...]
    assert (found.pixels, found.wrong_validity, found.compared) == (421 * 517, 0, noise.size)
    assert found.squares == pytest.approx((noise**2).sum())
    assert 0 < held < 0.75 * PICTURE.nbytes, "half of the picture is kept"
    for settings in ({"threads": 2}, {"threads": 3}, {"threads": 2, "in_memory": False}):
        assert compared(tmp_path, valid=valid, **settings)[0] == found


def test_of_resampled_pixels_a_quarter_of_the_blocks_is_kept(tmp_path: Path) -> None:
    found, _, held = compared(tmp_path, resampled=True)
    assert 0 < found.pixels < 0.4 * 421 * 517
    assert 0 < held < 0.25 * PICTURE.nbytes


def test_pixels_and_masks_that_are_not_those_that_were_encoded_are_noticed(tmp_path: Path) -> None:
    (right, right_path, _), other = compared(tmp_path, valid=VALID), tmp_path / "other"
    other.mkdir()
    with writing(other, PICTURE[:, ::-1], compression="JPEG", level=None, quality=85, valid=VALID[::-1]) as made:
        writer, buffer, valid_pixels = made
        content = writer.expected(buffer, only_valid=False, resampled=False)
        writer.write(buffer, valid_pixels, content)
        with open_cog(right_path) as cog:
            wrong = content.compare(cog)
    assert wrong.wrong_validity > 0
    assert wrong.squares / wrong.compared > 100 * right.squares / right.compared
