"""Every good raster of the shared collection becomes a valid COG, or fails with a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from rio_cogeo import cog_validate
from rio_tiler.io import Reader

from cog_scenes import make_cog
from rastercollection.errors import TaskError

ALIKE = ("geotools__sliver", "geotools__png_global_mosaic")
TOO_LARGE_FOR_A_TEST = "riotiler__cog_world.tif"


def tiles(folder: Path) -> list[tuple[Path, dict]]:
    entries = json.loads((folder / "manifest.json").read_text())["files"]
    good = [entry for entry in entries if entry["file"].startswith("good/")]
    return [(folder / entry["file"], entry) for entry in good if not entry["file"].endswith(TOO_LARGE_FOR_A_TEST)]


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857"])
def test_good_tiles(tmp_path: Path, shared_data: Path, target: str) -> None:
    failed = {}
    for path, entry in tiles(shared_data):
        alike = path.stem.startswith(ALIKE) and path.stem.rpartition("_")[2] not in ("0", "1")
        # what is reprojected anyway is done once
        if alike or (target == "EPSG:3857" and entry["crs"] not in (None, "EPSG:4326", "EPSG:3857")):
            continue
        for name in (path.name, *(Path(sidecar["file"]).name for sidecar in entry["sidecars"])):
            shutil.copy(path.parent / name, tmp_path)
        crs = ("EPSG:32615" if "png_test" in path.name else "EPSG:4326") if "input-crs" in entry["expect"] else None
        try:
            made = make_cog(tmp_path / path.name, target, input_crs=crs, output_blob=f"{path.name}.tif")
        except TaskError as error:
            failed[path.name] = error
            continue
        assert cog_validate(made.path, strict=True, quiet=True) == (True, [], []), path.name
        check(made.path, path, made.cog)
    refused = {name for name in failed if "either" not in entry_of(shared_data, name)["expect"]}
    assert not refused, {name: str(failed[name]) for name in refused}
    assert all(error.code and error.hint for error in failed.values())


def entry_of(folder: Path, name: str) -> dict:
    return next(entry for path, entry in tiles(folder) if path.name == name)


def check(cog_path: Path, source_path: Path, cog: object) -> None:
    outline = shapely.geometry.shape(cog.footprint)  # type: ignore[attr-defined]
    assert outline.is_valid, source_path.name
    assert outline.area > 0, source_path.name
    json.dumps(dict(cog.footprint), allow_nan=False)  # type: ignore[attr-defined]
    with rasterio.open(cog_path) as result:
        assert (result.dataset_mask() > 0).any(), source_path.name
        assert np.isfinite(result.bounds).all()
    with Reader(str(cog_path)) as reader:
        assert reader.preview(max_size=64).mask.any(), source_path.name


def test_a_scene_beside_the_pole_stays_where_it_is(tmp_path: Path, shared_data: Path) -> None:
    source = Path(shutil.copy(shared_data / "good" / "geotiffjs__nt_20201024_f18_nrt_s.tif", tmp_path))
    made = make_cog(source, "EPSG:4326")
    assert made.cog.file.bounds_4326[0] == -180
    assert -80 < made.cog.file.bounds_4326[1] < -78, "the ice around the land, in which the pole lies"
    assert (made.cog.datetime, made.cog.start_datetime) == (None, "2020-10-24T00:00:00Z")
    assert made.cog.end_datetime == "2020-10-24T23:59:59Z"
    with rasterio.open(source) as raster, rasterio.open(made.path) as cog:
        longitudes, latitudes = [-60.0, 0.0, 100.0, 179.0], [-75.0, -70.0, -66.0, -78.0]
        xs, ys = rasterio.warp.transform("EPSG:4326", raster.crs, longitudes, latitudes)
        before = [value[0] for value in raster.sample(zip(xs, ys, strict=True))]
        after = [value[0] for value in cog.sample(zip(longitudes, latitudes, strict=True))]
    same = [one == pytest.approx(other, abs=12) for one, other in zip(before, after, strict=True)]
    assert sum(same) >= 3, (before, after)


def test_a_full_disk_crosses_the_antimeridian(tmp_path: Path, shared_data: Path) -> None:
    source = Path(shutil.copy(shared_data / "good" / "riocogeo__image_geos.tif", tmp_path))
    made = make_cog(source, "EPSG:4326")
    eastern, western = made.cog.sides
    assert 60 < eastern.file.bounds_4326[0] < eastern.file.bounds_4326[2] == 180
    assert -180 == western.file.bounds_4326[0] < western.file.bounds_4326[2] < -120
    with rasterio.open(source) as raster:
        middle = raster.xy(raster.height // 2, raster.width // 2)
        longitude, latitude = rasterio.warp.transform(raster.crs, "EPSG:4326", [middle[0]], [middle[1]])
        before = next(iter(raster.sample([middle])))
    with rasterio.open(made.paths[int(longitude[0] < 0)]) as cog:
        after = next(iter(cog.sample([(longitude[0], latitude[0])])))
    assert np.abs(before.astype(int) - after).max() < 40
