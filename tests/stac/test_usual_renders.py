"""The library's own renders keep the contract; an index is computed of values in the bands' units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from rio_tiler.models import ImageData

from rastercollection.model.render import Renderable, RenderDefinition, color_ramp
from rastercollection.model.render_rules import definition_problem
from rastercollection.ports.registries import RENDERS
from rastercollection.stac.renders import AskedRenders, made_renders
from rastercollection.stac.usual_renders import ndvi
from rastercollection.testing.render_contract import RenderContract, collection_of, sample_collections
from rastercollection.testing.sample_records import sample_band, sample_cog

RGB = collection_of("red", "green", "blue", dtype="uint8", raster_type="rgb")
DEM = next(each for each in sample_collections() if each.raster_type == "dem")
CLASSES = next(each for each in sample_collections() if each.is_classes)
SHOWN: dict[str, tuple[tuple[Renderable, ...], tuple[Renderable, ...]]] = {
    "classes": ((CLASSES,), (RGB, DEM)),
    "natural": ((RGB,), (DEM, CLASSES, collection_of("nir", "red", "green"))),
    "color-infrared": ((collection_of("nir08", "red", "green"),), (RGB,)),
    "elevation": ((DEM,), (RGB, CLASSES)),
    "bands": ((RGB, DEM, collection_of(None, None)), (CLASSES,)),
    "hillshade": ((DEM,), (RGB, CLASSES)),
    "ndvi": ((collection_of("red", "nir"), collection_of("nir08", "red")), (RGB, DEM, CLASSES)),
}
assert SHOWN.keys() == RENDERS.registered().keys()


def _suite(name: str) -> type:
    shown, hidden = SHOWN[name]
    told: dict[str, Any] = {"target": RENDERS.target(name), "shown": shown, "hidden": hidden}
    return type(f"Test_{name}", (RenderContract,), {**told, "__module__": __name__})


globals().update({f"Test_{name.replace('-', '_')}": _suite(name) for name in SHOWN})


@pytest.mark.parametrize(
    ("red", "nir"), [((1.0, 0.0), (1.0, 0.0)), ((0.0001, -0.1), (0.0001, -0.1)), ((0.5, 0.0), (0.25, 3.0))]
)
def test_an_index_is_that_of_values_in_units(red: tuple[float, float], nir: tuple[float, float]) -> None:
    bands = [
        attrs.evolve(band, scale=scale, offset=offset)
        for band, (scale, offset) in zip(collection_of("red", "nir").bands, (red, nir), strict=True)
    ]
    found = ndvi(Renderable(raster_type="nir", bands=tuple(bands)))
    assert found is not None
    stored = np.array([[[1500, 2100, 4000]], [[3500, 1900, 4100]]], np.uint16)
    shown = ImageData(np.ma.MaskedArray(stored, mask=False)).apply_expression(str(found.expression)).array[0]
    one, other = (values * scale + offset for values, (scale, offset) in zip(stored[:, 0], (red, nir), strict=True))
    assert shown[0].tolist() == pytest.approx(((other - one) / (other + one)).tolist(), rel=1e-6)


def test_without_one_scale_for_all_tiles_there_is_no_index() -> None:
    red, nir = collection_of("red", "nir").bands
    assert ndvi(Renderable(raster_type="nir", bands=(attrs.evolve(red, offset=None), nir))) is None


def test_tiles_that_differ_have_no_scale_in_common() -> None:
    names = ("red", "nir")
    bands = tuple(sample_band(number, name, "uint16", (0, 10)) for number, name in enumerate(names, 1))
    bands = tuple(
        attrs.evolve(band, role=attrs.evolve(band.role, common_name=name))
        for band, name in zip(bands, names, strict=True)
    )
    one = sample_cog("a", raster_type="multispectral", bands=bands).file
    other = attrs.evolve(one, bands=tuple(attrs.evolve(band, offset=-1000.0) for band in bands))
    asked = AskedRenders(names=("ndvi",))
    assert made_renders([one, one], "data", (), asked).by_name["visual"]["title"] == "NDVI"
    mixed = made_renders([one, other], "data", (), asked)
    assert mixed.by_name["visual"]["title"] != "NDVI"
    assert [notice.code for notice in mixed.notices] == ["RENDER_NOT_APPLICABLE"]


def test_renders_of_one_name_are_there_once() -> None:
    own = RenderDefinition(title="NDVI", bands=1)
    cog = sample_cog("a", raster_type="multispectral").file
    made = made_renders([cog], "data", (), AskedRenders(names=("bands", "usual", own, own)))
    assert list(made.by_name) == ["visual", *[name for name in made.by_name if name != "visual"]]
    assert [notice.code for notice in made.notices] == ["RENDER_FAILED"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": 0},
        {"bands": (1, 2)},
        {"bands": True},
        {"expression": "b1", "bands": 1},
        {"expression": "b1;b2"},
        {"expression": "b1.max()"},
        {"expression": "__import__('os')"},
        {"expression": "b0"},
        {"expression": "3"},
        {"expression": "b1 if b2 else b3"},
        {"expression": "where(b1 > 'x', 1, 0)"},
        {"bands": 1, "rescale": (0, float("nan"))},
        {"bands": 1, "rescale": ((0, 1), (0, 1))},
        {"bands": (1, 2, 3), "colormap_name": "viridis"},
        {"bands": 1, "colormap_name": "a", "colormap": {1: "#ffffff"}},
        {"bands": 1, "colormap": {1: (0, 0, 256)}},
        {"bands": 1, "colormap": {1: "red"}},
        {"bands": 1, "rescale": (0, 1), "colormap": {0: "#000000"}},
        {"bands": 1, "resampling": "best"},
        {"bands": 1, "nodata": "none"},
        {"bands": 1, "minmax_zoom": (3,)},
        {"bands": 1, "buffer": -1},
        {"bands": 1, "title": "  "},
    ],
)
def test_what_cannot_be_drawn_is_no_definition(wrong: dict[str, Any]) -> None:
    assert definition_problem(RenderDefinition(**{"title": "x", **wrong})) != ""


def test_what_can_be_drawn_is_one() -> None:
    for right in (
        {"bands": np.int64(2)},
        {"expression": "where(b1 > 10, sqrt(b2), -b1 % 3)"},
        {"expression": "b1;b2;b1/b2", "rescale": [(0, 1)] * 3},
        {"bands": [3, 2, 1], "color_formula": "gamma RGB 1.2"},
        {"bands": 1, "rescale": [0, 5], "colormap": color_ramp((0, 0, 0), "#ffffff")},
        {"bands": 1, "colormap": {"7": "#ff000080"}, "nodata": "nan", "minmax_zoom": [3, 9]},
    ):
        definition = RenderDefinition(**{"title": "x", **right})
        assert definition_problem(definition) == ""
        assert RenderDefinition(**definition.to_dict()) == definition


def test_a_render_of_an_installed_package_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an installer leaves behind of a package: a module, and the announcement of it."""
    told = tmp_path / "redder-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: redder\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[rastercollection.renders]\nredness = redder:redness\n")
    (tmp_path / "redder.py").write_text(
        "from rastercollection import RenderDefinition\n\n\ndef redness(collection):\n"
        "    return RenderDefinition(title='Redness', bands=1, colormap_name='reds')\n"
    )
    cog, asked = sample_cog("a", raster_type="rgb").file, AskedRenders(names=("redness",))
    assert [notice.code for notice in made_renders([cog], "data", (), asked).notices] == ["RENDER_UNKNOWN"]
    monkeypatch.syspath_prepend(str(tmp_path))
    made = made_renders([cog], "data", (), asked)
    assert made.notices == ()
    assert made.by_name["visual"]["title"] == "Redness"
    assert "redness" in RENDERS.names()
