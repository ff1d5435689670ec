"""What numbers say of pixels, each rule by itself; rasters of all sorts are judged in tests/stages/validate."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from rastercollection.model.evidence import PixelEvidence, judge, pooled

AREAS = PixelEvidence(
    pixels=10_000,
    distinct=8,
    values=(1.0, 2.0, 5.0, 9.0, 11.0, 12.0, 30.0, 40.0),
    whole=True,
    mean=10.0,
    deviation=9.0,
    neighbours=20_000,
    edges=2_000,
    step=10.0,
    rank_step=2.7,
    spans=1_000,
    sharp_spans=950,
    cells=0,
    even_cells=0,
)
"""Land cover."""

PICTURE = attrs.evolve(
    AREAS,
    distinct=190,
    values=(),
    deviation=40.0,
    edges=19_000,
    step=14.0,
    rank_step=8.0,
    spans=18_000,
    sharp_spans=900,
)


def content(found: PixelEvidence, dtype: str = "uint8", subject: Any = "", **changes: Any) -> str:
    return judge(attrs.evolve(found, **changes), dtype, subject).content


def test_classes_lie_in_flat_areas_with_sharp_edges() -> None:
    assert content(AREAS) == "classes"
    assert content(AREAS, edges=11_000) == "codes", "most neighbours differ"
    assert content(AREAS, sharp_spans=300) == "codes", "there is something in between"
    assert content(AREAS, rank_step=1.0) == "little", "they go up and down one by one"
    assert content(AREAS, pixels=60) == "little"
    assert content(AREAS, spans=0, sharp_spans=0) == "classes", "nothing speaks against it"


@pytest.mark.parametrize(
    ("distinct", "edges", "expected"),
    [
        (32, 9_000, "classes"),
        (64, 9_000, "classes"),
        (65, 9_000, "codes"),
        (65, 3_000, "classes"),
        (256, 3_000, "codes"),
    ],
)
def test_the_more_values_the_flatter(distinct: int, edges: int, expected: str) -> None:
    assert content(AREAS, "uint16", distinct=distinct, values=(), edges=edges, rank_step=distinct / 3) == expected


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("uint8", (0.0, 1.0), "classes"),
        ("int16", (0.0, 1.0), "little"),
        ("int16", (0.0, 200.0), "classes"),
        ("float32", (3.0, 4.0), "little"),
        ("uint8", (0.0, 1.0, 2.0), "classes"),
        ("int16", (0.0, 1.0, 2.0), "little"),
    ],
)
def test_two_or_three_values(dtype: str, values: tuple[float, ...], expected: str) -> None:
    few = {"distinct": len(values), "values": values, "rank_step": 1.0, "spans": 0, "sharp_spans": 0}
    assert content(AREAS, dtype, **few) == expected


def test_a_quantity_changes_gradually_or_fills_its_range() -> None:
    noise = {"rank_step": 60.0}
    assert content(PICTURE) == "quantity"
    assert content(PICTURE, **noise) == "codes"
    assert content(PICTURE, **noise, cells=20, even_cells=15) == "quantity"
    assert content(PICTURE, **noise, cells=20, even_cells=5) == "codes"
    assert content(PICTURE, **noise, pixels=300) == "quantity", "values that hardly recur are no codes"
    sharp = {"sharp_spans": 17_000}
    assert content(PICTURE, **sharp) == "codes"
    assert content(PICTURE, **sharp, cells=20, even_cells=15) == "quantity", "pixels were repeated"
    assert content(PICTURE, **sharp, cells=20, even_cells=15, rank_step=25.0) == "codes"


def test_terrain_is_smooth_and_of_a_type_that_heights_are_kept_in() -> None:
    many = {"distinct": 900, "rank_step": 12.0}
    judged = {step: judge(attrs.evolve(PICTURE, **many, step=step), "int16") for step in (4.0, 14.0, 20.0, 30.0)}
    assert [(found.content, found.confidence) for found in judged.values()] == [
        ("terrain", "high"),
        ("terrain", "medium"),
        ("terrain", "low"),
        ("quantity", "medium"),
    ]
    assert content(PICTURE, "uint16", **many, step=4.0) == "quantity"
    assert content(PICTURE, "uint16", "terrain", **many, step=4.0) == "terrain"
    assert content(PICTURE, "int16", "quantity", **many, step=4.0) == "quantity"
    assert content(PICTURE, "float32", whole=False, rank_step=0.0, spans=0, sharp_spans=0, step=4.0) == "terrain"


def test_names_decide_where_pixels_show_little() -> None:
    flat = {"distinct": 1, "values": (7.0,), "edges": 0}
    assert content(AREAS, "int16", **flat) == "little"
    assert content(AREAS, "int16", "terrain", **flat) == "terrain"
    assert content(AREAS, "uint8", "terrain", **flat) == "little"
    assert content(AREAS, "int16", "classes", **flat) == "classes"
    assert content(PICTURE, "uint8", "classes") == "codes", "pixels speak against it"
    assert content(PICTURE, "float32", "classes", whole=False) != "classes"


def test_evidence_adds_up() -> None:
    flat = attrs.evolve(AREAS, pixels=30_000, distinct=1, values=(2.0,), mean=2.0, deviation=0.0, edges=0, neighbours=0)
    together = pooled([AREAS, flat, attrs.evolve(flat, values=(77.0,), mean=77.0)])
    assert (together.pixels, together.distinct, together.values[-1]) == (70_000, 9, 77.0)
    assert together.mean == pytest.approx((10_000 * 10 + 30_000 * 2 + 30_000 * 77) / 70_000)
    assert 35 < together.deviation < 40
    assert (together.edges, together.step, together.rank_step) == (2_000, 10.0, 2.7)
    assert pooled([PICTURE, AREAS]).distinct == 190
    huge = attrs.evolve(AREAS, mean=1e300, deviation=1e300)
    assert pooled([huge, huge]).deviation == pytest.approx(1e300)
