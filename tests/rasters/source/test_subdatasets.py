"""Several rasters in one file: named, and one or all of them taken, as bands or as tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from scipy.io import netcdf_file

from netcdf_scenes import write_netcdf
from rastercollection import JobFailedError, JobResult, plan_collection, process_collection

PLACE: dict[str, Any] = {"crs": "EPSG:32633", "transform": from_origin(500_000, 4_000_000, 10, 10)}


def page(number: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return (100 * number + rows + columns / 7).astype("float32")


def write_pages(path: Path, count: int = 3, **last: Any) -> Path:
    """A TIFF of several pages; ``last`` is what is different with the last one."""
    for number in range(1, count + 1):
        changes = {**PLACE, **(last if number == count else {})}
        data = page(number, changes.pop("shape", (60, 80))).astype(changes.pop("dtype", "float32"))
        form = {"driver": "GTiff", "count": 1, "height": data.shape[0], "width": data.shape[1], "dtype": data.dtype}
        more = {"APPEND_SUBDATASET": "YES"} if number > 1 else {}
        with rasterio.open(path, "w", **form, **more, nodata=-1, **changes) as dataset:
            dataset.write(data, 1)
    return path


def write_variables(path: Path, *names: str) -> Path:
    with netcdf_file(str(path), "w", version=2) as file:
        file.Conventions = "CF-1.6"
        for axis, size, unit, start, step in (("lat", 60, "north", 33.0, -0.05), ("lon", 80, "east", 10.0, 0.05)):
            file.createDimension(axis, size)
            variable = file.createVariable(axis, "d", (axis,))
            variable.units = f"degrees_{unit}"
            variable[:] = start + step * np.arange(size)
        for number, name in enumerate(names, start=1):
            variable = file.createVariable(name, "f", ("lat", "lon"))
            variable.units = f"unit of {name}"
            variable[:] = page(number)
    return path


def job(source: Path, tmp_path: Path, **changes: Any) -> JobResult:
    return process_collection(
        container_name=source.parent,
        blob_list=[source.name],
        collection_id="c",
        output_container=tmp_path / "out",
        jobs="memory",
        **{"target_crs": "EPSG:32633", **changes},
    )


def made(tmp_path: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((tmp_path / "out").glob("*_cog_*.tif")):
        with rasterio.open(path) as dataset:
            found[path.name.removesuffix("_cog_analysis.tif")] = dataset.read()
    return found


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return write_pages(tmp_path / "in" / "scan.tif")


@pytest.fixture
def variables(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir(exist_ok=True)
    return write_variables(tmp_path / "in" / "era.nc", "t2m", "tp")


def test_the_first_page_is_taken_and_the_others_are_named(pages: Path, tmp_path: Path) -> None:
    result = job(pages, tmp_path)
    (told,) = (notice for notice in result.tiles[0].notices if notice.code == "SUBDATASETS_LEFT_OUT")
    assert "3 rasters" in told.message
    assert "left out: 2, 3." in told.message
    np.testing.assert_array_equal(made(tmp_path)["scan"], [page(1)])


def test_one_page_is_taken_by_its_number(pages: Path, tmp_path: Path) -> None:
    result = job(pages, tmp_path, subdatasets="2")
    assert "SUBDATASETS_LEFT_OUT" not in {notice.code for notice in result.tiles[0].notices}
    np.testing.assert_array_equal(made(tmp_path)["scan"], [page(2)])


@pytest.mark.parametrize("executor", ["serial", "process"])
def test_every_page_is_a_tile(pages: Path, tmp_path: Path, executor: str) -> None:
    result = job(pages, tmp_path, subdatasets="tiles", executor=executor)
    assert [tile.blob for tile in result.tiles] == ["scan.tif:1", "scan.tif:2", "scan.tif:3"]
    assert result.status == "completed"
    (told,) = (notice["message"] for notice in result.summary["notices"] if notice["code"] == "TILES_COVERED")
    assert told.endswith("They are rasters of one file (scan.tif): subdatasets='bands' makes one tile of them.")
    for number in (1, 2, 3):
        np.testing.assert_array_equal(made(tmp_path)[f"scan_{number}"], [page(number)])


def test_all_pages_are_bands_with_what_was_said_of_each(pages: Path, tmp_path: Path) -> None:
    assert job(pages, tmp_path, subdatasets="bands").status == "completed"
    np.testing.assert_array_equal(made(tmp_path)["scan"], [page(1), page(2), page(3)])
    with rasterio.open(next((tmp_path / "out").glob("*_cog_*.tif"))) as dataset:
        assert dataset.descriptions == ("1", "2", "3")
        assert dataset.nodatavals == (-1, -1, -1)
        assert dataset.transform == PLACE["transform"]


@pytest.mark.parametrize(
    ("change", "told"),
    [({"shape": (60, 90)}, "size"), ({"dtype": "int16"}, "data type"), ({"crs": "EPSG:32634"}, "CRS")],
)
def test_pages_that_are_no_bands_of_one_raster_are_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    (tmp_path / "in").mkdir()
    source = write_pages(tmp_path / "in" / "scan.tif", **change)
    with pytest.raises(JobFailedError, match=f"SUBDATASETS_DISAGREE.*3 differs from the first in {told}"):
        job(source, tmp_path, subdatasets="bands")
    assert job(source, tmp_path, subdatasets="tiles", grid="own").became == "3 of 3 tiles became COGs"


def test_several_variables_are_named_and_one_is_taken(variables: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match=r"NO_RASTER_BAND.*t2m, tp.*subdatasets"):
        job(variables, tmp_path, input_crs="EPSG:4326")
    assert (
        job(variables, tmp_path, input_crs="EPSG:4326", target_crs="EPSG:4326", subdatasets="tp").status == "completed"
    )
    np.testing.assert_array_equal(made(tmp_path)["era"], [page(2)])


@pytest.mark.parametrize(("subdatasets", "names"), [("tiles", ["era_t2m", "era_tp"]), ("bands", ["era"])])
def test_all_variables_are_taken(variables: Path, tmp_path: Path, subdatasets: str, names: list[str]) -> None:
    asked = {"input_crs": "EPSG:4326", "target_crs": "EPSG:4326", "subdatasets": subdatasets}
    assert job(variables, tmp_path, **asked).status == "completed"
    assert list(made(tmp_path)) == names
    np.testing.assert_array_equal(np.concatenate(list(made(tmp_path).values())), [page(1), page(2)])
    if subdatasets == "bands":
        with rasterio.open(next((tmp_path / "out").glob("*_cog_*.tif"))) as dataset:
            assert dataset.descriptions == ("t2m", "tp")
            assert dataset.units == ("unit of t2m", "unit of tp")


@pytest.mark.parametrize(("names", "tiles"), [(("rain",), ["x.nc"]), (("rain", "snow"), ["x.nc:rain", "x.nc:snow"])])
def test_bounds_of_an_axis_are_no_rasters(tmp_path: Path, names: tuple[str, ...], tiles: list[str]) -> None:
    cells = [(43449.0, 43480.0), (43480.0, 43508.0)]
    path = write_netcdf(tmp_path / "x.nc", (43464.0, 43495.0), "days since 1900-01-01", bounds=cells, names=names)
    result = job(path, tmp_path, subdatasets="tiles", input_crs="EPSG:4326")
    assert [tile.blob for tile in result.tiles] == tiles
    assert result.status == "completed"
    told = {notice.code for tile in result.tiles for notice in tile.notices}
    assert not told & {"SUBDATASETS_LEFT_OUT", "GDAL_WARNING"}


@pytest.mark.parametrize("subdatasets", ["4", "t2m"])
def test_a_page_that_is_not_there_is_told_with_those_that_are(pages: Path, tmp_path: Path, subdatasets: str) -> None:
    with pytest.raises(JobFailedError, match=r"SUBDATASET_NOT_FOUND.*it holds 1, 2, 3"):
        job(pages, tmp_path, subdatasets=subdatasets)


@pytest.mark.parametrize("subdatasets", ["tiles", "bands", "1"])
def test_a_file_of_one_raster_is_that_raster(tmp_path: Path, subdatasets: str) -> None:
    (tmp_path / "in").mkdir()
    job(write_pages(tmp_path / "in" / "scan.tif", 1), tmp_path, subdatasets=subdatasets)
    assert list(made(tmp_path)) == ["scan"]


def test_a_cut_page_is_noticed_only_where_it_is_wanted(pages: Path, tmp_path: Path) -> None:
    pages.write_bytes(pages.read_bytes()[:-200])
    with pytest.raises(JobFailedError, match="FILE_TRUNCATED"):
        job(pages, tmp_path, subdatasets="bands")
    assert job(pages, tmp_path).status == "completed"


def test_a_plan_tells_of_every_part(pages: Path, tmp_path: Path) -> None:
    plan = plan_collection(
        container_name=pages.parent,
        blob_list=["*.tif"],
        collection_id="c",
        target_crs="EPSG:32633",
        subdatasets="tiles",
        output_container=tmp_path / "out",
    )
    assert [(tile.blob, tile.shape, tile.problem) for tile in plan.tiles] == [
        (f"scan.tif:{number}", (60, 80), None) for number in (1, 2, 3)
    ]
