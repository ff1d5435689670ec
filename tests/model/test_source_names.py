"""Patterns stand for rasters, as globs do."""

from __future__ import annotations

import glob
import re
from pathlib import Path

import pytest
from fsspec.utils import glob_translate

from rastercollection.model.source_names import match, readable
from rastercollection.rasters.source.sidecars import sidecar_names

TREE = (
    *("a.tif", "b.TIF", "._a.tif", ".hidden/x.tif", ".hidden/.deep/y.tif", "sub/c.tif", "sub/._c.tif"),
    *("sub/.ipynb_checkpoints/c-checkpoint.tif", ".Trash-1000/files/old.tif", "sub/deep/d.tif"),
)


def matched(pattern: str, names: tuple[str, ...] = TREE) -> tuple[str, ...]:
    return match(pattern, re.compile(glob_translate(pattern)), names).names


@pytest.mark.parametrize(
    "pattern", ["*.tif", "**/*.tif", "*/*.tif", "sub/**/*.tif", ".hidden/*.tif", "**/.*.tif", "?.*"]
)
def test_hidden_files_are_what_pythons_glob_takes_them_for(tmp_path: Path, pattern: str) -> None:
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = {name for name in glob.glob(pattern, root_dir=tmp_path, recursive=True) if (tmp_path / name).is_file()}
    assert set(matched(pattern)) == expected


def test_recycle_bins_are_left_out_unless_named() -> None:
    names = ("$RECYCLE.BIN/S-1/x.tif", "#recycle/x.tif", "@eaDir/x.tif", "lost+found/x.tif", "recycled/x.tif")
    assert matched("**/*.tif", names) == ("recycled/x.tif",)
    assert matched("#recycle/*.tif", names) == ("#recycle/x.tif",)


@pytest.mark.parametrize(
    "name",
    [
        *("a.tfw", "a.TFW", "a.tif.aux.xml", "a.tif.msk", "a.tif.ovr", "a.wld", "a.prj", "a_RPC.TXT", "a.hdr", "a.xml"),
        *("a.tif.xml", "a.aux.xml", "a.clr", "a.rpb"),
    ],
)
def test_files_beside_a_raster_are_no_rasters(name: str) -> None:
    assert matched("*", ("a.tif", name)) == ("a.tif",)
    assert matched("*", ("other.tif", name)) == ("other.tif", name), "without its raster it is the user's to explain"


def test_a_name_in_no_encoding_can_be_told() -> None:
    assert readable("stra\udcdfe.tif") == r"stra\xdfe.tif"
    assert readable("größe.tif") == "größe.tif"
    assert readable("gr\udcc3\udcb6.tif") == "grö.tif", "UTF-8 under an ASCII locale"


@pytest.mark.parametrize(
    ("raster", "driver"),
    [
        *((f"a.{ending}", "GTiff") for ending in ("tif", "TIFF")),
        *(("a.jp2", "JP2OpenJPEG"), ("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.img", "HFA"), ("a.asc", "AAIGrid")),
        *(("a.dat", "ENVI"), ("a.bil", "EHdr"), ("a.rst", "RST"), ("a.sdat", "SAGA"), ("a.unw", "ROI_PAC")),
    ],
)
def test_whatever_is_read_together_with_a_raster_is_no_raster(raster: str, driver: str) -> None:
    for name in sidecar_names(raster, driver):
        assert matched("*", (raster, name)) == (raster,), name
