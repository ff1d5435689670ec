"""Whatever a source says of itself, GDAL reads the same of its COG, or a notice tells what is gone."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from cog_scenes import UTM, Made, make_cog, texture

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40),
    st.sampled_from(
        (
            "",
            " ",
            "a=b",
            "<a>&amp;</a>",
            "]]>",
            '"',
            "'",
            "ü€𝄞",
            "\x01\x1f",
            "line\nbreak\ttab",
            "of\r\nWindows\r",
            "  before and after ",
            "1e400",
            "é" * 3000,
        )
    ),
)
KEYS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="=:"), min_size=1, max_size=20),
    st.sampled_from(("TIFFTAG_SOFTWARE", "TIFFTAG_DATETIME", "DESCRIPTION", "a b", "<k>", '"', "µ")),
)
TAGS = st.dictionaries(KEYS, TEXTS, max_size=4)
DOMAINS = st.dictionaries(st.sampled_from(("SURVEY", "a b", "<d>", "Ünicode", "EXIF", "IMD")), TAGS, max_size=2)
NUMBERS = st.one_of(st.floats(-1e300, 1e300), st.sampled_from((0.0001, -273.15, 1.0, 0.0, 1 / 3, 5e-324)))
TERMS = " ".join(["1", "0.25", *["0"] * 18])
RPC: Mapping[str, str] = {
    **{f"{name}_OFF": "1.5" for name in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{name}_SCALE": "2.25" for name in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")},
    **{f"{name}_COEFF": TERMS for name in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")},
}


@attrs.frozen
class Said:
    """What is written of a raster of so many bands beside its pixels."""

    bands: int
    tags: Mapping[str, str]
    domains: Mapping[str, Mapping[str, str]]
    band_tags: tuple[Mapping[str, str], ...]
    descriptions: tuple[str, ...]
    units: tuple[str, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    xmp: str | None
    has_rpc: bool
    is_point: bool
    colors: Mapping[int, tuple[int, int, int, int]] | None

    def write(self, raster: Any) -> None:
        raster.update_tags(AREA_OR_POINT="Point" if self.is_point else "Area", **self.tags)
        for domain, tags in self.domains.items():
            raster.update_tags(ns=domain, **tags)
        for band in range(1, self.bands + 1):
            raster.update_tags(band, **self.band_tags[band - 1])
            raster.set_band_description(band, self.descriptions[band - 1])
            raster.set_band_unit(band, self.units[band - 1])
        raster.scales, raster.offsets = self.scales, self.offsets
        if self.xmp is not None:
            raster.update_tags(ns="xml:XMP", **{"<x:xmpmeta xmlns:x": f'"adobe:ns:meta/" note="{self.xmp}"/>'})
        if self.has_rpc:
            raster.update_tags(ns="RPC", **RPC)
        if self.colors is not None:
            raster.write_colormap(1, dict(self.colors))


@st.composite
def said(draw: st.DrawFn) -> Said:
    bands = draw(st.integers(1, 4))
    each = lambda values: tuple(draw(st.lists(values, min_size=bands, max_size=bands)))  # noqa: E731
    byte = st.integers(0, 255)
    colors = st.dictionaries(byte, st.tuples(byte, byte, byte, st.just(255)), min_size=1, max_size=20)
    return Said(
        bands=bands,
        tags=draw(TAGS),
        domains=draw(DOMAINS),
        band_tags=each(TAGS),
        descriptions=each(TEXTS),
        units=each(st.one_of(st.just(""), TEXTS)),
        scales=each(NUMBERS),
        offsets=each(NUMBERS),
        xmp=draw(st.none() | st.text("abc <>&é", max_size=20)),
        has_rpc=draw(st.booleans()),
        is_point=draw(st.booleans()),
        colors=draw(colors) if bands == 1 and draw(st.booleans()) else None,
    )


def _made(folder: Path, what: Said, **settings_: Any) -> tuple[Path, Made]:
    source = folder / "tile.tif"
    profile = {"driver": "GTiff", "width": 40, "height": 30, "count": what.bands, "dtype": "uint8", "crs": UTM}
    profile["photometric"] = "MINISBLACK"  # red, green and blue are the format's own for three bands of bytes
    with rasterio.open(source, "w", transform=from_origin(6e5, 4.6e6, 10, 10), **profile) as raster:
        raster.write(texture(what.bands, 30, 40, "uint8"))
        what.write(raster)
    return source, make_cog(source, UTM, block_size=128, **settings_)


@given(said())
@settings(max_examples=25)
def test_what_gdal_reads_of_a_source_it_reads_of_its_cog(what: Said) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, made = _made(Path(folder), what)
        with rasterio.open(source) as before, rasterio.open(made.path) as after:
            _check(before, after, made)


@pytest.mark.parametrize("xmp", [None, "of a survey"])
def test_nothing_is_lost_of_numbers_and_ends_of_lines(xmp: str | None, tmp_path: Path) -> None:
    text = "\r\nof\rWindows\r\n"
    what = Said(
        bands=2, tags={"a": text}, domains={"SURVEY": {"b": text}}, band_tags=({"c": text}, {}),
        descriptions=("\rred", "next"), units=("m\r", ""), scales=(0.1 + 0.2, 5e-324),
        offsets=(2 / 3, -1.2345678901234567e300), xmp=xmp, has_rpc=False, is_point=False, colors=None,
    )  # fmt: skip
    source, made = _made(tmp_path, what)
    with rasterio.open(source) as before, rasterio.open(made.path) as after:
        _check(before, after, made)
        assert after.scales == what.scales
        assert after.tags(1)["c"] == before.tags(1)["c"]
        assert "\r" in after.tags()["a"]


@pytest.mark.parametrize("nodata", [0.1 + 0.2, -1.2345678901234567e300, 5e-324, -3.4028234663852886e38])
def test_place_and_nodata_are_the_same_to_the_last_digit(nodata: float, tmp_path: Path) -> None:
    source, place = tmp_path / "tile.tif", rasterio.Affine(1 / 3, 0, 0.1 + 0.2 + 6e5, 0, -2 / 7, 4.6e6 + 1e-9)
    profile = {"driver": "GTiff", "width": 40, "height": 30, "count": 1, "dtype": "float64", "crs": UTM}
    with rasterio.open(source, "w", transform=place, nodata=nodata, **profile) as raster:
        raster.write(texture(1, 30, 40, "float64"))
    with rasterio.open(source) as before, rasterio.open(make_cog(source, UTM, block_size=128).path) as after:
        assert (after.transform, after.nodata) == (before.transform, before.nodata)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(said(), st.sampled_from(("NONE", "LZW", "JPEG", "LERC", "ZSTD")))
@settings(max_examples=1000)
def test_so_it_does_of_many(what: Said, compression: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, made = _made(Path(folder), what, compression=compression)
        with rasterio.open(source) as before, rasterio.open(made.path) as after:
            _check(before, after, made)


def _check(before: Any, after: Any, made: Made) -> None:
    assert (after.crs, after.transform) == (before.crs, before.transform)
    for name in ("descriptions", "units", "colorinterp", "scales", "offsets"):
        assert getattr(after, name) == getattr(before, name), name
    if before.colorinterp[0] is ColorInterp.palette:
        assert after.colormap(1) == before.colormap(1)
    assert (after.rpcs is None) == (before.rpcs is None)
    if before.rpcs is not None:
        assert after.rpcs.to_gdal() == before.rpcs.to_gdal()
    told = " ".join(notice.message for notice in made.notices if notice.code == "TAGS_DROPPED")
    for band in range(before.count + 1):
        lost = {
            (domain, key)
            for domain, tags in _domains(before, band).items()
            for key, value in tags.items()
            if _domains(after, band).get(domain, {}).get(key) != value
        }
        assert not lost or told, (band, lost)
        invented = {
            (domain, key)
            for domain, tags in _domains(after, band).items()
            for key in tags
            if key not in _domains(before, band).get(domain, {})
        }
        assert invented <= {("", "OVR_RESAMPLING_ALG")} or told, (band, invented)


def _domains(dataset: Any, band: int) -> dict[str, dict[str, str]]:
    names = ["", *(name for name in dataset.tag_namespaces(band) if name)]
    derived = ("IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "RPC", "COLOR_PROFILE")
    return {name: dataset.tags(band, ns=name or None) for name in names if name not in derived}


LAMBERT = (
    'PROJCS["of its own",GEOGCS["GCS",DATUM["D_own",SPHEROID["own",6378000,298.5]],PRIMEM["Greenwich",0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["standard_parallel_1",30],'
    'PARAMETER["standard_parallel_2",50],PARAMETER["latitude_of_origin",40],PARAMETER["central_meridian",66],'
    'PARAMETER["false_easting",1000],PARAMETER["false_northing",-2000],UNIT["metre",1]]'
)


@pytest.mark.parametrize(
    ("crs", "place"),
    [
        ("EPSG:32642", (600_000, 4_600_000, 10)),
        ("EPSG:4326", (66.0, 41.0, 0.001)),
        ("EPSG:4979", (66.0, 41.0, 0.001)),
        ("EPSG:3857", (7_400_000, 5_000_000, 10)),
        ("EPSG:2056", (2_600_000, 1_200_000, 1)),
        ("EPSG:5514", (-600_000, -1_100_000, 5)),
        ("EPSG:3031", (100_000, 900_000, 100)),
        ("EPSG:2263", (980_000, 200_000, 3)),
        ("EPSG:27700", (400_000, 300_000, 1)),
        ("EPSG:7415", (120_000, 480_000, 1)),
        ("EPSG:32642+5773", (600_000, 4_600_000, 10)),
        ("ESRI:54009", (6_000_000, 4_800_000, 1000)),
        ("+proj=laea +lat_0=40 +lon_0=66 +ellps=krass +units=km", (-20, 30, 0.01)),
        (LAMBERT, (10_000, 20_000, 10)),
    ],
)
def test_gdal_reads_the_crs_and_place_of_the_source(tmp_path: Path, crs: str, place: tuple[float, ...]) -> None:
    source = tmp_path / "tile.tif"
    west, north, step = place
    profile = {"driver": "GTiff", "width": 40, "height": 30, "count": 1, "dtype": "float32", "crs": crs}
    with rasterio.open(source, "w", transform=from_origin(west, north, step, step), **profile) as raster:
        raster.write(texture(1, 30, 40, "float32"))
    with rasterio.open(source) as before:
        made = make_cog(source, before.crs.to_wkt(), block_size=128)
        with rasterio.open(made.path) as after:
            assert after.crs == before.crs
            assert after.crs.to_wkt() == before.crs.to_wkt()
            assert after.transform == before.transform
            np.testing.assert_array_equal(after.read(), before.read())
