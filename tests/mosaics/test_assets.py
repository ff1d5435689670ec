"""Addresses of COGs in a MosaicJSON: the folder of all of them, and where they are in a moved document."""

from __future__ import annotations

import pytest

from rastercollection.mosaics.assets import assets_by_quadkey, common_folder, every_asset, place_beside


@pytest.mark.parametrize(
    ("hrefs", "folder"),
    [
        (["/data/out/a.tif"], "/data/out/"),
        (["/data/out/a.tif", "/data/out/ab.tif"], "/data/out/"),
        (["/data/out/x/a.tif", "/data/out/xy/b.tif"], "/data/out/"),
        (["/data/50% off #1/a.tif", "/data/50% off #1/b.tif"], "/data/50% off #1/"),
        (["/data/a.tif", "/srv/a.tif"], ""),
        (["/a.tif"], ""),
        (["s3://bucket/a.tif", "s3://bucket/sub/b.tif"], "s3://bucket/"),
        (["s3://one/a.tif", "s3://other/b.tif"], ""),
        (["s3://one/a.tif", "/data/b.tif"], ""),
        (["https://host/x/a.tif", "https://host/x/b.tif"], "https://host/x/"),
        (["az://cogs/a.tif", "az://cogs2/a.tif"], ""),
        (["C:\\data\\out\\a.tif", "C:\\data\\out\\b.tif"], "C:\\data\\out\\"),
        (["C:\\a.tif", "C:\\b.tif"], ""),
        (["D:\\x\\a.tif", "C:\\x\\b.tif"], ""),
        ([], ""),
    ],
)
def test_the_folder_that_all_lie_in(hrefs: list[str], folder: str) -> None:
    assert common_folder(hrefs) == folder


def test_whole_addresses_with_a_prefix_and_without() -> None:
    tiles = {"0": ["a.tif", "b.tif"], "1": ["b.tif"]}
    assert assets_by_quadkey({"asset_prefix": "s3://x/", "tiles": tiles})["0"] == ("s3://x/a.tif", "s3://x/b.tif")
    assert every_asset({"tiles": tiles}) == {"a.tif", "b.tif"}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("/new/case.json", "/new/sub/a%#.tif"),
        ("s3://new/x/case.json", "s3://new/x/sub/a%#.tif"),
        ("C:\\new\\case.json", "C:\\new\\sub/a%#.tif"),
    ],
)
def test_a_moved_document_has_its_cogs_beside_it(document: str, place: str) -> None:
    assert place_beside("/old/out/sub/a%#.tif", "/old/out/", document) == place
