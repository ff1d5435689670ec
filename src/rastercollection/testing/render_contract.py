"""What every render must do. Needs pytest.

Subclass it in a test module, under a name that pytest collects::

    class TestMyRender(RenderContract):
        target = "my_package.mine:ndvi"
        shown = (collection_of("red", "nir"),)

It is asked about collections of all kinds, not only about those that it is made for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest

from rastercollection.core.records import from_dict, to_plain
from rastercollection.core.registry import load_target
from rastercollection.model.band import RasterClass
from rastercollection.model.converters import renders
from rastercollection.model.render import Render, Renderable, RenderBand, RenderDefinition
from rastercollection.model.render_rules import bands_of, definition_problem, unfit
from rastercollection.model.value_range import Spread
from rastercollection.rasters.reduced.painting import has_ramp, paint
from rastercollection.stac.renders import look_of, published_fields

__all__ = ["RenderContract", "collection_of", "sample_collections"]

_ASK = """
import json, sys
from rastercollection.core.records import from_dict
from rastercollection.core.registry import load_target
from rastercollection.model.render import Renderable
asked = [from_dict(Renderable, plain) for plain in json.load(sys.stdin)]
found = [load_target("render", "mine", sys.argv[1])(each) for each in asked]
json.dump([each and each.to_dict() for each in found], sys.stdout)
"""


def collection_of(*names: str | None, dtype: str = "uint16", raster_type: str = "multispectral") -> Renderable:
    """A collection whose bands have these common names, None for one of which nothing says what it shows."""
    bands = [_band(number, name, dtype) for number, name in enumerate(names, 1)]
    return Renderable(raster_type=raster_type, bands=tuple(bands))


def _band(number: int, name: str | None, dtype: str, **told: Any) -> RenderBand:
    spread = Spread(10.0, 20.0 + number, 180.0 + number, 240.0)
    return RenderBand(number=number, common_name=name, dtype=dtype, **{"spread": spread, **told})


def sample_collections() -> tuple[Renderable, ...]:
    """Collections of all kinds: pictures, heights, classes, many bands and few, with and without what may be known."""
    heights = _band(1, None, "float32", unit="metre", nodata=-9999.0, spread=Spread(-12.5, 0.0, 880.0, 1500.0))
    cover = (RasterClass(value=1, name="water", color=(0, 0, 255, 255)), RasterClass(value=2, name="forest"))
    scaled = {"scale": 0.0001, "offset": -0.1}
    alpha = RenderBand(number=4, color_interpretation="alpha")
    rgb = collection_of("red", "green", "blue", dtype="uint8", raster_type="rgb")
    return (
        rgb,
        attrs.evolve(rgb, raster_type="rgba", bands=(*rgb.bands, alpha)),
        collection_of("red", "green", "blue", "nir", raster_type="nir"),
        collection_of("nir", "blue", "red", "green", raster_type="nir"),
        collection_of("coastal", "blue", "green", "red", "nir08", "swir16", "swir22"),
        Renderable(
            raster_type="multispectral",
            bands=tuple(_band(number, name, "uint16", **scaled) for number, name in enumerate(("red", "nir"), 1)),
        ),
        collection_of(*(None for _ in range(13))),
        Renderable(raster_type="dem", bands=(heights,)),
        Renderable(raster_type="dem", bands=(attrs.evolve(heights, unit=None, nodata=None, spread=None),)),
        Renderable(
            raster_type="categorical",
            bands=(_band(1, None, "uint8", classes=cover, spread=Spread(0.0, 1.0, 2.0, 2.0)),),
            is_classes=True,
            keeps_values=True,
            colors={"1": (0, 0, 255, 255), "2": (0, 128, 0, 255)},
        ),
        Renderable(raster_type="unknown", bands=(RenderBand(number=1, dtype="float64", scale=None, offset=None),)),
        Renderable(raster_type="unknown", bands=(_band(1, None, "int16", spread=Spread(7.0, 7.0, 7.0, 7.0)),)),
    )


class RenderContract:
    """Tests of the meaning of :class:`~rastercollection.model.render.Render`.

    Attributes:
        target: Where it is, ``module:attribute``, as it is registered.
        shown: Collections that it must show.
        hidden: Collections that it must say nothing of.
    """

    target: ClassVar[str]
    shown: ClassVar[Sequence[Renderable]] = ()
    hidden: ClassVar[Sequence[Renderable]] = ()

    @pytest.fixture
    def render(self) -> Render:
        found: Render = load_target("render", "under test", self.target)
        return found

    @property
    def asked(self) -> tuple[Renderable, ...]:
        return (*sample_collections(), *self.shown, *self.hidden)

    def answers(self, render: Render) -> list[tuple[Renderable, RenderDefinition]]:
        """What it answers, of the collections that it shows."""
        found = [(each, render(each)) for each in self.asked]
        return [(each, definition) for each, definition in found if definition is not None]

    def test_it_can_be_called(self, render: Render) -> None:
        assert callable(render)
        assert not isinstance(render, type), "register a function, or an instance"

    def test_it_shows_what_it_is_made_for(self, render: Render) -> None:
        assert self.shown, "name a collection that it shows"
        assert [each for each in self.shown if render(each) is None] == []

    def test_it_says_nothing_of_what_it_is_not_made_for(self, render: Render) -> None:
        assert [each for each in self.hidden if render(each) is not None] == []

    def test_it_raises_for_no_collection(self, render: Render) -> None:
        for each in self.asked:
            assert render(each) is None or isinstance(render(each), RenderDefinition)

    def test_what_it_answers_is_a_definition(self, render: Render) -> None:
        assert [problem for _, found in self.answers(render) if (problem := definition_problem(found))] == []

    def test_it_shows_bands_that_are_there(self, render: Render) -> None:
        assert [problem for each, found in self.answers(render) if (problem := unfit(found, each))] == []

    def test_its_colors_are_known(self, render: Render) -> None:
        names = {found.colormap_name for _, found in self.answers(render) if found.colormap_name is not None}
        assert [name for name in names if not has_ramp(name)] == []

    def test_its_title_fits_on_a_button(self, render: Render) -> None:
        assert all(len(found.title) <= 60 for _, found in self.answers(render))

    def test_it_answers_the_same_again(self, render: Render) -> None:
        assert [render(each) for each in self.asked] == [render(each) for each in self.asked]

    def test_the_order_of_questions_makes_no_difference(self, render: Render) -> None:
        forwards = [render(each) for each in self.asked]
        assert [render(each) for each in reversed(self.asked)] == forwards[::-1]

    def test_it_answers_the_same_in_another_process(self, render: Render) -> None:
        import json

        paths = os.pathsep.join(path for path in (os.getcwd(), *sys.path) if path)
        done = subprocess.run(
            [sys.executable, "-c", _ASK, self.target],
            input=json.dumps([to_plain(each) for each in self.asked]),
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "7"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found = [render(each) for each in self.asked]
        assert json.loads(done.stdout) == [each and each.to_dict() for each in found]

    def test_it_does_not_change_what_it_is_told(self, render: Render) -> None:
        for each in self.asked:
            before = to_plain(each)
            render(each)
            assert to_plain(each) == before

    def test_its_answer_can_be_recorded(self, render: Render) -> None:
        for _, found in self.answers(render):
            assert renders([found.to_dict()]) == (found,)

    def test_values_that_matter_are_told_apart(self, render: Render) -> None:
        """Pixels of a picture by its bands differ in colour; one that an algorithm makes is TiTiler's."""
        for each in self.shown:
            found = render(each)
            assert found is not None
            if found.algorithm is None:
                assert len(_colors(found, each)) > 1, "all that it shows has one colour"

    def test_a_collection_comes_back_from_its_record(self, render: Render) -> None:
        for each in self.asked:
            assert render(from_dict(Renderable, to_plain(each))) == render(each)


def _colors(definition: RenderDefinition, collection: Renderable) -> set[tuple[int, ...]]:
    """The colours of a picture in which the values of each band run on their own from the least to the most."""
    look = look_of(published_fields(definition))
    generator = np.random.default_rng(1)
    layers = []
    for number in bands_of(definition):
        band = collection.bands[number - 1]
        spread = band.spread or Spread(0.0, 0.0, 200.0, 200.0)
        values = generator.uniform(spread.minimum, spread.maximum, (32, 32))
        values = values if "float" in band.dtype else values.round()
        layers.append(values.astype(band.dtype))
    picture = paint(np.stack(layers), None, look)
    return {tuple(color) for color in picture.reshape(4, -1).T.tolist()}
