"""Links between documents: what one is written as leads back to what it was written for, and nowhere it must not."""

from __future__ import annotations

import pytest

from rastercollection.errors import BackendError
from rastercollection.stac.hrefs import followed_href, relative_href


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("/data/out/a.tif", "/data/out/stac/c/items/a.json"),
        ("/data/a b é.tif", "/data/stac/collection.json"),
        ("s3://bucket/cogs/a.tif", "s3://bucket/stac/c/collection.json"),
        ("https://host.example/x/a%20b.tif", "https://host.example/x/stac/collection.json"),
        ("az://container/a.tif", "az://container/stac/collection.json"),
    ],
)
def test_a_relative_link_leads_back(target: str, document: str) -> None:
    link = relative_href(target, document)
    assert link is not None
    assert link.startswith(".")
    assert followed_href(link, document) == target


def test_addresses_stay_as_they_are() -> None:
    assert followed_href("https://host.example/a.tif", "/data/collection.json") == "https://host.example/a.tif"
    assert followed_href("/other/a#1.tif", "/data/collection.json") == "/other/a#1.tif"
    assert followed_href("s3://bucket/a.tif", "https://host.example/collection.json") == "s3://bucket/a.tif"


@pytest.mark.parametrize("link", ["file:///etc/passwd", "/etc/passwd", "memory://x", "/vsicurl/http://x", "<VRT/>"])
def test_documents_from_elsewhere_lead_to_no_file_of_this_machine(link: str) -> None:
    try:
        target = followed_href(link, "s3://bucket/stac/collection.json")
    except BackendError:
        return
    assert target.startswith(("s3://bucket/", "memory://"))


@pytest.mark.parametrize("link", ["/vsicurl/http://x/a.tif", "ftp://host/a.tif", "a.tif\0", "zip://x::s3://y"])
def test_links_of_a_kind_that_is_not_accepted(link: str) -> None:
    with pytest.raises(BackendError):
        followed_href(link, "/data/collection.json")
