"""A preview page is known by its last line."""

from __future__ import annotations

from rastercollection.stages.stac.page_seal import is_sealed_page, sealed_page

PAGE = sealed_page("<!doctype html>\n<p>ä</p>\n</html>\n", "1")


def test_every_byte_counts_and_the_collection_does() -> None:
    assert is_sealed_page(PAGE, "1")
    assert not is_sealed_page(PAGE, "2")
    for at in range(len(PAGE)):
        assert not is_sealed_page(PAGE[:at] + bytes([PAGE[at] ^ 1]) + PAGE[at + 1 :], "1")
        assert not is_sealed_page(PAGE[:at], "1")
    assert not is_sealed_page(PAGE + b"<script>", "1")
