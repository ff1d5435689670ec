"""What the next call tries again of a job with tiles that failed, and what not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from cog_scenes import write_raster
from rastercollection import JobResult, process_collection
from rastercollection.core.events import Event, TaskStarted


def test_a_tile_is_tried_again_once_a_file_beside_it_mends_it(tmp_path: Path) -> None:
    """A damaged tile is not opened again; one without CRS is, though its own file is what it was."""
    folder = tmp_path / "in"
    folder.mkdir()
    picture = np.arange(4096, dtype="uint8").reshape(1, 64, 64)
    write_raster(folder / "good.tif", picture)
    with rasterio.open(folder / "good.tif") as good:
        crs, transform = good.crs, good.transform
    profile: dict[str, Any] = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "uint8"}
    _write_without_place(folder / "placeless.tif", profile, picture)
    (folder / "damaged.tif").write_bytes((folder / "good.tif").read_bytes()[:-500])
    tried: list[str | None] = []

    def note(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.stage == 1:
            tried.append(event.tile)

    def run() -> JobResult:
        tried.clear()
        return process_collection(
            container_name=folder,
            blob_list=["*.tif"],
            collection_id="c",
            output_container=tmp_path / "out",
            jobs=f"sqlite:///{tmp_path}/jobs.db",
            executor="serial",
            observers=[note],
        )

    codes = {tile.blob: tile.code for tile in run().tiles}
    assert codes == {"damaged.tif": "FILE_TRUNCATED", "good.tif": "", "placeless.tif": "GEOREFERENCING_MISSING"}
    assert sorted(map(str, tried)) == ["damaged.tif", "good.tif", "placeless.tif"]
    (folder / "placeless.tif.aux.xml").write_text(
        f"<PAMDataset><SRS>{crs.to_wkt()}</SRS><GeoTransform>{', '.join(map(str, transform.to_gdal()))}</GeoTransform>"
        "</PAMDataset>".replace("&", "&amp;")
    )
    again = {tile.blob: tile.code for tile in run().tiles}
    assert again == {"damaged.tif": "FILE_TRUNCATED", "good.tif": "", "placeless.tif": ""}
    assert tried == ["placeless.tif"]


def _write_without_place(path: Path, profile: dict[str, Any], picture: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as file:
            file.write(picture)
