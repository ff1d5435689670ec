"""Rasters that another file beside them describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rastercollection import JobFailedError, TileOutcome, process_collection

DATA = np.arange(60 * 80, dtype="uint16").reshape(60, 80)
PLACE = from_origin(500_000, 4_000_000, 10, 10)
LAMBERT = 'PROJCS["RGF93_Lambert_93",GEOGCS["GCS_RGF_1993",DATUM["D_RGF_1993",SPHEROID["GRS_1980",6378137,298.257]]]]'

ESRI = '<metadata><refSysInfo><RefSystem><refSysID><identCode code="32633"/></refSysID></RefSystem></refSysInfo></metadata>'  # noqa: E501


def write(path: Path, driver: str, **changes: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    form = {"count": 1, "height": 60, "width": 80, "dtype": "uint16", "crs": "EPSG:32633", "transform": PLACE}
    with rasterio.open(path, "w", driver=driver, **{**form, **changes}) as dataset:
        dataset.write(DATA, 1)
    path.with_name(f"{path.name}.aux.xml").unlink(missing_ok=True)
    return path


def job(source: Path, tmp_path: Path, **changes: Any) -> TileOutcome:
    try:
        result = process_collection(
            container_name=source.parent,
            blob_list=[source.name],
            collection_id="c",
            output_container=tmp_path / "out",
            jobs="memory",
            **{"target_crs": "EPSG:32633", **changes},
        )
    except JobFailedError as error:
        result = error.result
    return result.tiles[0]


@pytest.mark.parametrize(
    ("driver", "name"),
    [("ENVI", "e.img"), ("ENVI", "noending"), ("EHdr", "f.bil"), ("RST", "g.rst"), ("SAGA", "h.sdat")],
)
def test_formats_of_two_files_are_read_where_their_driver_is_named(tmp_path: Path, driver: str, name: str) -> None:
    source = write(tmp_path / "in" / name, driver)
    refused = job(source, tmp_path)
    assert refused.code == "DRIVER_NOT_ALLOWED"
    assert f"add {driver!r} to drivers" in refused.hint
    tile = job(source, tmp_path, drivers=[driver])
    assert tile.ok, tile.reason
    with rasterio.open(str(tile.output)) as dataset:
        np.testing.assert_array_equal(dataset.read(1), DATA)
        assert (dataset.crs.to_epsg(), dataset.transform) == (32633, PLACE)


@pytest.mark.parametrize(
    ("content", "has_crs"),
    [
        (ESRI, True),
        ("<metadata><idinfo/></metadata>", False),
        ('<!DOCTYPE m [<!ENTITY e "32633">]><metadata/>', False),
        ("no XML at all", False),
    ],
)
def test_the_code_in_esris_metadata_is_a_crs(tmp_path: Path, content: str, has_crs: bool) -> None:
    source = write(tmp_path / "in" / "a.tif", "GTiff", crs=None)
    (tmp_path / "in" / "a.xml").write_text(content)
    assert job(source, tmp_path).code == ("" if has_crs else "CRS_MISSING")


def test_a_definition_that_the_driver_does_not_read_is_named_in_the_refusal(tmp_path: Path) -> None:
    source = write(tmp_path / "in" / "a.tif", "GTiff", crs=None)
    assert "prj" not in job(source, tmp_path).hint
    (tmp_path / "in" / "a.prj").write_text(LAMBERT)
    refused = job(source, tmp_path)
    assert refused.code == "CRS_MISSING"
    assert refused.hint == (
        "a.prj, which GDAL does not read with this format, says 'RGF93_Lambert_93': set input_crs to that CRS."
    )
