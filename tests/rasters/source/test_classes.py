"""Names of classes from attribute tables of all habits, within limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carried_scenes import CLASSES, beside, table
from cog_scenes import write_raster
from rastercollection.rasters.source.classes import BandClasses, classes_of
from validation_scenes import opened

ESRI = """
<GDALRasterAttributeTable>
  <FieldDefn index="0"><Name>OBJECTID</Name><Type>0</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="1"><Name>VALUE</Name><Type>0</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="2"><Name>COUNT</Name><Type>1</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="3"><Name>Class_name</Name><Type>2</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="4"><Name>Red</Name><Type>1</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="5"><Name>Green</Name><Type>1</Type><Usage>0</Usage></FieldDefn>
  <FieldDefn index="6"><Name>Blue</Name><Type>1</Type><Usage>0</Usage></FieldDefn>
  <Row index="0"><F>0</F><F>11</F><F>9</F><F>Open Water</F><F>0.2</F><F>0.4</F><F>1</F></Row>
  <Row index="1"><F>1</F><F>42</F><F>7</F><F>Evergreen</F><F>0</F><F>0.5</F><F>0</F></Row>
</GDALRasterAttributeTable>"""
BY_ROW = """
<GDALRasterAttributeTable Row0Min="10" BinSize="5">
  <FieldDefn index="0"><Name>Label</Name><Type>2</Type><Usage>2</Usage></FieldDefn>
  <Row index="0"><F>ten</F></Row><Row index="1"><F/></Row><Row index="2"><F>twenty</F></Row>
</GDALRasterAttributeTable>"""


def found(folder: Path, *bands: str) -> tuple[BandClasses, ...]:
    data = np.stack([CLASSES] * len(bands))
    with opened(beside(write_raster(folder / "x.tif", data), *bands)) as dataset:
        return classes_of(dataset)


def names(band: BandClasses) -> dict[int, str]:
    return {entry.value: entry.name for entry in band.classes}


def test_columns_without_usage_are_known_by_their_names(tmp_path: Path) -> None:
    (band,) = found(tmp_path, ESRI)
    assert [(entry.value, entry.name, entry.color) for entry in band.classes] == [
        (11, "Open Water", (51, 102, 255, 255)),
        (42, "Evergreen", (0, 128, 0, 255)),
    ]
    assert band.columns == ()


def test_values_follow_from_rows_where_no_column_has_them(tmp_path: Path) -> None:
    (band,) = found(tmp_path, BY_ROW)
    assert names(band) == {10: "ten", 20: "twenty"}


def test_each_band_has_its_own(tmp_path: Path) -> None:
    first, second, third = found(tmp_path, BY_ROW, "", "<CategoryNames><Category>a</Category></CategoryNames>")
    assert (names(first), names(second), names(third)) == ({10: "ten", 20: "twenty"}, {}, {0: "a"})


def test_no_more_are_kept_than_a_document_bears(tmp_path: Path) -> None:
    listed = "".join(f"<Category>{'n' * 600}{number}</Category>" for number in range(1100))
    (band,) = found(tmp_path, f"<CategoryNames>{listed}</CategoryNames>")
    assert (len(band.classes), band.dropped) == (1024, 76)
    assert max(map(len, names(band).values())) == 500


@pytest.mark.parametrize(
    "rows",
    [
        [("x", "a", 0, 1, 2, 3)],
        [(1e300, "a", 0, 1, 2, 3)],
        [(1.5, "a", 0, 1, 2, 3)],
        [(1, "", 0, 1, 2, 3)],
        [],
    ],
)
def test_rows_without_a_whole_value_and_a_name_say_nothing(rows: list[tuple[Any, ...]], tmp_path: Path) -> None:
    (band,) = found(tmp_path, table(*rows).replace("<Type>0</Type><Usage>5", "<Type>2</Type><Usage>5"))
    assert names(band) == {}


def test_colours_are_within_a_byte(tmp_path: Path) -> None:
    (band,) = found(tmp_path, table((1, "a", 0, -5, 300, 7)))
    assert band.classes[0].color == (0, 255, 7, 255)


def test_secrets_in_them_are_replaced_and_that_is_known(tmp_path: Path) -> None:
    category = "<CategoryNames><Category>{}</Category></CategoryNames>"
    planted = "https://h/x?a=1&amp;sig=Zq9x7SECRET"
    listed, tabled, plain = found(tmp_path, category.format(planted), table((1, planted, 0, 1, 2, 3)), BY_ROW)
    assert names(listed) == {0: "https://h/x?a=1&sig=REDACTED"}
    assert names(tabled) == {1: "https://h/x?a=1&sig=REDACTED"}
    assert "SECRET" not in str(tabled.table)
    assert (listed.has_secrets, tabled.has_secrets, plain.has_secrets) == (True, True, False)


def test_text_that_looks_like_markup_stays_text(tmp_path: Path) -> None:
    hostile = "&lt;/VRTRasterBand&gt;&lt;VRTRasterBand band=&quot;1&quot;&gt; ]]&gt;"
    (band,) = found(tmp_path, f"<CategoryNames><Category>{hostile}</Category></CategoryNames>")
    assert names(band) == {0: '</VRTRasterBand><VRTRasterBand band="1"> ]]>'}
    assert band.is_known
