"""Tiles of one collection that show different things, each by itself: what all of them are taken for."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
import rasterio

import sorts_of_data as sorts
from rastercollection.model.agreement import compare_tiles
from rastercollection.model.decisions import decide
from rastercollection.model.request import CollectionRequest
from sorts_of_data import CLASSES, CUBIC, KEPT, SMOOTH, decided, facts, tiles_of
from validation_scenes import validate, write

OF_COLLECTION, UNCLEAR = "RASTER_TYPE_OF_COLLECTION", "RASTER_TYPE_UNCLEAR"


def sheets(**makers: np.ndarray) -> dict[str, np.ndarray]:
    return {name: tile.astype("int16") for name, tile in makers.items()}


def test_flat_sheets_are_of_the_terrain_that_they_belong_to(tmp_path: Path) -> None:
    tiles = sheets(hills=sorts.relief(), coast=sorts.coast(), sea=sorts.constant(), mountains=sorts.relief(1))
    found = decided(tmp_path, tiles)
    assert facts(found) == ({"dem"}, {SMOOTH}, [OF_COLLECTION])
    assert compare_tiles(list(found.validations.values())) == ()
    message = found.notices[0].message
    assert message.startswith("coast.tif, sea.tif: taken for dem, as the other 2 are")
    assert "raster_type" in message


def test_flat_sheets_show_together_what_none_shows_alone(tmp_path: Path) -> None:
    found = decided(tmp_path, [(sorts.coast(seed) + 5 * seed).astype("int16") for seed in range(4)])
    assert facts(found) == ({"dem"}, {SMOOTH}, [OF_COLLECTION])
    assert "all together (4)" in found.notices[0].message


def test_water_and_a_black_corner_are_of_the_photographs_that_they_belong_to(tmp_path: Path) -> None:
    tiles = [*tiles_of(sorts.photograph, "uint8"), *tiles_of(sorts.water, "uint8"), *tiles_of(sorts.collared, "uint8")]
    found = decided(tmp_path, [*tiles, sorts.constant().astype("uint8")])
    assert facts(found) == ({"unknown"}, {CUBIC}, [OF_COLLECTION])
    assert "a picture or another quantity" in found.notices[0].message


@pytest.mark.parametrize(
    ("others", "dtype", "raster_type"), [(sorts.photograph, "uint16", "unknown"), (sorts.relief, "int16", "dem")]
)
def test_flags_among_quantities_spare_all_of_them_a_kernel_that_makes_values(
    tmp_path: Path, others: object, dtype: str, raster_type: str
) -> None:
    found = decided(tmp_path, [*tiles_of(others, dtype, count=3), sorts.flags().astype(dtype)])
    assert facts(found) == ({raster_type}, {KEPT}, [UNCLEAR])
    assert "what is in tile_3.tif (" in found.notices[0].message
    assert "all tiles (4)" in found.notices[0].message


def test_a_tile_that_is_called_a_mask_spares_the_photographs_beside_it(tmp_path: Path) -> None:
    found = decided(tmp_path, {name: sorts.photograph(1).astype("uint8") for name in ("a", "b", "cloud_mask")})
    assert facts(found) == ({"unknown"}, {KEPT}, [UNCLEAR])
    assert "what is in cloud_mask.tif (" in found.notices[0].message


def test_what_is_less_clear_among_classes_is_classes(tmp_path: Path) -> None:
    tiles = [*tiles_of(sorts.areas, "uint8", count=3), sorts.areas(power=0.4).astype("uint8")]
    found = decided(tmp_path, [*tiles, sorts.constant(value=10).astype("uint8")])
    assert facts(found) == ({"categorical"}, {CLASSES}, [OF_COLLECTION])
    assert "tile_3.tif, tile_4.tif" in found.notices[0].message


def test_classes_among_terrain_stay_what_they_are_and_disagree(tmp_path: Path) -> None:
    found = decided(tmp_path, sheets(one=sorts.relief(), two=sorts.relief(1), cover=sorts.areas()))
    assert [tile.raster_type for tile in found.validations.values()] == ["dem", "dem", "categorical"]
    assert [item.aspect for item in compare_tiles(list(found.validations.values()))] == ["raster_type"]


def test_smooth_tiles_among_rough_ones_are_no_terrain(tmp_path: Path) -> None:
    """Radar, where the wind has made the sea smooth."""
    tiles = tiles_of(sorts.radar, "float32", count=3)
    calm = (20 * sorts.texture(2.0)).astype("float32")
    assert facts(decided(tmp_path, [calm]))[0] == {"dem"}
    found = decided(tmp_path, [*tiles, calm])
    assert facts(found) == ({"unknown"}, {CUBIC}, [OF_COLLECTION])


def test_rough_sheets_of_little_height_are_terrain(tmp_path: Path) -> None:
    """The sea as a laser scanner measures it is noise."""
    noise = np.random.default_rng(0).normal(0, 0.05, (sorts.SIDE, sorts.SIDE)).astype("float32")
    assert facts(decided(tmp_path, [noise]))[0] == {"unknown"}
    found = decided(tmp_path, [*tiles_of(sorts.relief, "float32"), noise])
    assert facts(found) == ({"dem"}, {SMOOTH}, [OF_COLLECTION])


def test_what_is_called_different_things_stays_so(tmp_path: Path) -> None:
    found = decided(tmp_path, {"dem": sorts.relief(), "temperature": sorts.relief(1)})
    assert [tile.raster_type for tile in found.validations.values()] == ["dem", "unknown"]


def test_other_data_types_are_another_matter(tmp_path: Path) -> None:
    found = decided(tmp_path, {"hills": sorts.relief().astype("int16"), "what": sorts.areas(power=0.4).astype("uint8")})
    assert [tile.raster_type for tile in found.validations.values()] == ["dem", "unknown"]
    assert found.validations["what.tif"].settings.warp_resampling == "nearest"


def test_terrain_that_is_hardly_smooth_is_told(tmp_path: Path) -> None:
    rough = (900 * sorts.texture(1.0)).astype("float32")
    found = decided(tmp_path, [rough])
    assert facts(found) == ({"dem"}, {SMOOTH}, [UNCLEAR])
    assert "raster_type='dem'" in found.notices[0].message


def test_a_colour_table_in_a_stack_is_no_matter(tmp_path: Path) -> None:
    tile = attrs.evolve(validate(write(tmp_path / "x.tif", stack(last=sorts.photograph(9)))), color_table="ab" * 32)
    request = CollectionRequest(container_name="in", blob_list=["*.tif"], collection_id="c")
    assert facts(decide(request, [tile])) == ({"multispectral"}, {SMOOTH}, [])


def four(*, last: np.ndarray) -> np.ndarray:
    return np.stack([sorts.photograph(seed) for seed in range(3)] + [last]).astype("uint8")


def test_a_fourth_band_with_many_values_is_no_alpha_in_any_tile(tmp_path: Path) -> None:
    """A tile of water has few values in the near infrared."""
    plain = [four(last=sorts.photograph(9)), four(last=sorts.constant(value=3)), four(last=sorts.photograph(8))]
    options = {"photometric": "MINISBLACK"}
    assert facts(decided(tmp_path, plain[1:2], **options))[0] == {"rgba"}
    found = decided(tmp_path, plain, **options)
    assert facts(found) == ({"nir"}, {CUBIC}, [OF_COLLECTION])


def stack(*, last: np.ndarray) -> np.ndarray:
    return np.stack([sorts.photograph(seed, 100, 4000) for seed in range(4)] + [last]).astype("uint16")


@pytest.mark.parametrize("raster_type", ["auto", "multispectral"])
def test_a_band_of_flags_in_a_stack_spares_all_bands(tmp_path: Path, raster_type: str) -> None:
    tiles = [stack(last=sorts.areas(values=sorts.LANDSAT_QA)), stack(last=sorts.constant(value=21824))]
    found = decided(tmp_path, tiles, order={"raster_type": raster_type})
    assert facts(found) == ({"multispectral"}, {KEPT}, ["FLAG_BANDS"])
    assert "Band 5 may hold flags" in found.notices[0].message
    order = {"warp_resampling": "cubic", "overview_resampling": "average"}
    told = {notice.code for notice in decided(tmp_path, tiles, order=order).notices}
    assert told == {"BANDS_UNKNOWN"}


def test_a_band_that_looks_like_flags_in_one_tile_of_several_holds_none(tmp_path: Path) -> None:
    odd = sorts.areas(values=(100, 900, 1700))
    found = decided(tmp_path, [stack(last=odd), *(stack(last=sorts.photograph(seed, 90, 2000)) for seed in (7, 8))])
    assert facts(found) == ({"multispectral"}, {SMOOTH}, [OF_COLLECTION])
    assert found.notices[0].message.startswith("tile_0.tif: band 5 looks like flags there")


def test_a_band_that_is_described_as_flags_holds_them(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", stack(last=sorts.photograph(9)))
    with rasterio.open(path, "r+") as target:
        target.set_band_description(5, "QA60")
    request = CollectionRequest(container_name="in", blob_list=["*.tif"], collection_id="c")
    assert facts(decide(request, [validate(path)])) == ({"multispectral"}, {KEPT}, ["FLAG_BANDS"])


def test_what_a_stage_of_the_users_has_changed_stays(tmp_path: Path) -> None:
    """A stage between validation and COGs may change type and settings."""
    tiles = {
        name: validate(write(tmp_path / name, tile)) for name, tile in sheets(a=sorts.coast(), b=sorts.relief()).items()
    }
    request = CollectionRequest(container_name="in", blob_list=["*.tif"], collection_id="c")
    typed = attrs.evolve(tiles["a"], raster_type="categorical")
    assert attrs.evolve(decide(request, [typed, tiles["b"]]).validations["a"], roles=typed.roles) == typed
    tuned = attrs.evolve(tiles["a"], settings=attrs.evolve(tiles["a"].settings, warp_resampling="lanczos"))
    found = decide(request, [tuned, tiles["b"]]).validations["a"]
    assert (found.raster_type, found.settings.warp_resampling) == ("dem", "lanczos")
    assert found.settings.overview_resampling == "average"


def test_ten_thousand_tiles_are_decided_on_at_once(tmp_path: Path) -> None:
    one = validate(write(tmp_path / "x.tif", sorts.coast().astype("int16")))
    tiles = [attrs.evolve(one, source=attrs.evolve(one.source, blob=f"{number}.tif")) for number in range(10_000)]
    request = CollectionRequest(container_name="in", blob_list=["*.tif"], collection_id="c")
    found = decide(request, tiles)
    assert facts(found)[2] == [UNCLEAR]
    assert len(found.notices[0].message) < 1000
