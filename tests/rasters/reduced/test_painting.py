"""How values become colours, one rule at a time."""

from __future__ import annotations

import numpy as np
import pytest
from rio_tiler.colormap import cmap
from rio_tiler.models import ImageData

from rastercollection.model.look import Look
from rastercollection.model.render import color_ramp
from rastercollection.rasters.reduced.painting import paint, ramp_colors


def _row(*values: float, dtype: str) -> np.ndarray:
    return np.array([[values]], dtype)


def _grey(picture: np.ndarray) -> list[int]:
    assert (picture[0] == picture[1]).all()
    assert (picture[0] == picture[2]).all()
    return picture[0, 0].tolist()


def test_values_run_from_the_lower_end_to_the_upper_and_stop_there() -> None:
    look = Look(bands=(1,), ranges=((100.0, 200.0),))
    assert _grey(paint(_row(0, 100, 150, 200, 300, dtype="int16"), None, look)) == [0, 0, 127, 255, 255]
    assert _grey(paint(_row(np.nan, -np.inf, np.inf, 150, dtype="float32"), None, look)) == [0, 0, 255, 127]


def test_bytes_without_ends_are_shown_as_they_are_and_all_else_by_its_extremes() -> None:
    look = Look(bands=(1,), ranges=(None,))
    assert _grey(paint(_row(3, 7, dtype="uint8"), None, look)) == [3, 7]
    assert _grey(paint(_row(3, 7, 5, dtype="uint16"), None, look)) == [0, 255, 127]
    valid = np.array([[True, True, False]])
    assert _grey(paint(_row(3, 7, 900, dtype="uint16"), valid, look))[:2] == [0, 255]


def test_one_value_is_drawn_in_the_middle() -> None:
    assert _grey(paint(_row(5, 5, dtype="uint16"), None, Look(bands=(1,), ranges=(None,)))) == [128, 128]


def test_of_complex_numbers_the_magnitude_is_drawn() -> None:
    data = np.array([[[3 + 4j, 0, 10j]]], "complex64")
    assert _grey(paint(data, None, Look(bands=(1,), ranges=((0.0, 10.0),)))) == [127, 0, 255]


@pytest.mark.parametrize("bands", [1, 3])
def test_what_is_invalid_is_transparent(bands: int) -> None:
    look = Look(bands=tuple(range(1, bands + 1)), ranges=(None,) * bands)
    picture = paint(np.full((bands, 1, 2), 9, np.uint8), np.array([[True, False]]), look)
    assert picture[:, 0].T.tolist() == [[9, 9, 9, 255], [0, 0, 0, 0]]


def test_a_ramp_is_that_of_tile_servers() -> None:
    look = Look(bands=(1,), ranges=((0.0, 255.0),), ramp="viridis")
    picture = paint(_row(0, 128, 255, dtype="float32"), None, look)
    assert [tuple(color) for color in picture[:, 0].T.tolist()] == [cmap.get("viridis")[at] for at in (0, 128, 255)]
    assert ramp_colors("viridis", 3)[2] == tuple(cmap.get("viridis")[255][:3])


def test_values_without_a_colour_are_not_drawn() -> None:
    look = Look(bands=(1,), ranges=(None,), colors={-1: (9, 8, 7, 255), 300: (1, 2, 3, 255)}, keeps_values=True)
    picture = paint(_row(-1, 300, 4, dtype="int16"), None, look)
    assert picture[:, 0].T.tolist() == [[9, 8, 7, 255], [1, 2, 3, 255], [0, 0, 0, 0]]


def test_an_expression_is_drawn_as_a_tile_server_draws_it() -> None:
    """rio-tiler is what is behind tile servers."""
    generator = np.random.default_rng(4)
    data = generator.integers(0, 4000, (2, 20, 30)).astype(np.uint16)
    look = Look(bands=(3, 1), ranges=((-1.0, 1.0),), ramp="rdylgn", expression="(b3-b1)/(b3+b1)", formula="gamma R 1.3")
    valid = generator.random((20, 30)) > 0.2
    named = ImageData(np.ma.MaskedArray(data[::-1], mask=np.stack([~valid] * 2)), band_names=["b1", "b3"])
    image = named.apply_expression("(b3-b1)/(b3+b1)")
    image.rescale(((-1, 1),))
    shown = image.apply_colormap(cmap.get("rdylgn"))
    expected = shown.apply_color_formula("gamma R 1.3") or shown
    painted = paint(data, valid, look)
    assert np.abs(painted[:3, valid].astype(int) - expected.data[:3, valid].astype(int)).max() <= 6
    assert (painted[:, ~valid] == 0).all()


def test_colors_of_ones_own_run_through_the_range() -> None:
    look = Look(bands=(1,), ranges=((0.0, 100.0),), colors=color_ramp("#000000", "#ff0000"))
    painted = paint(np.array([[[-5.0, 0.0, 50.0, 100.0, 900.0]]]), None, look)
    assert painted[0, 0].tolist() == pytest.approx([0, 0, 127, 255, 255], abs=1)
    assert painted[3].min() == 255


def test_a_formula_bends_the_colors_and_leaves_what_is_invalid() -> None:
    data = np.full((3, 1, 2), 64, np.uint8)
    look = Look(bands=(1, 2, 3), ranges=(None,) * 3, formula="gamma RGB 2")
    painted = paint(data, np.array([[True, False]]), look)
    assert painted[0, 0, 0] == pytest.approx(255 * (64 / 255) ** 0.5, abs=2)
    assert painted[:, 0, 1].tolist() == [0, 0, 0, 0]
