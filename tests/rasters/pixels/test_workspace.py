"""A folder for intermediates that tells when its disk is full, whatever else is said to be wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cog_scenes import make_cog, write_raster
from rastercollection.errors import MachineError, TaskError, TileError
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels import workspace
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.scratch import scratch_folder

MIB = 2**20
pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fail(disk: Path, used: int, error: TaskError) -> None:
    with Workspace.open(Limits(scratch=str(disk)), in_memory=False, needed=0) as room:
        room.new_path(".tif").write_bytes(bytes(used))
        raise error


@pytest.mark.parametrize(("used", "code"), [(4 * MIB, "NO_SPACE"), (MIB, "COG_INVALID")])
def test_what_fails_on_a_full_disk_failed_for_that(disk: Path, used: int, code: str) -> None:
    with pytest.raises(TaskError) as caught:
        fail(disk, used, TaskError("GDAL says nothing of it.", code="COG_INVALID"))
    assert (caught.value.code, isinstance(caught.value, MachineError)) == (code, code == "NO_SPACE")
    assert "GDAL says nothing" in caught.value.message
    assert list(disk.iterdir()) == []


def test_a_damaged_tile_is_told_as_such(disk: Path) -> None:
    with pytest.raises(TileError):
        fail(disk, 4 * MIB, TileError("It is broken.", code="FILE_UNREADABLE"))


@pytest.mark.parametrize("kib", [100, 300, 900])
def test_gdal_writes_on_a_disk_that_fills_up(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kib: int
) -> None:
    """A COG of 2 MiB; GDAL calls what it wrote in vain complete, or says of it what it likes."""
    source = write_raster(tmp_path / "tile.tif", np.random.default_rng(0).random((1, 600, 600), "float32"))
    monkeypatch.setattr(workspace, "scratch_folder", lambda limits, needed, notify: scratch_folder(limits, 0, notify))
    (disk / "of others").write_bytes(bytes(4 * MIB - kib * 1024))
    with pytest.raises(TaskError) as caught:
        make_cog(source, limits=Limits(memory_bytes=2**28, scratch=str(disk)), in_memory=True)
    assert (caught.value.code, caught.value.settled) == ("NO_SPACE", False)
    assert [path.name for path in disk.iterdir()] == ["of others"]
