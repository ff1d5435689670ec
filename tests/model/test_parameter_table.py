"""A request in a notebook: what was given or follows stands in the table, the rest is folded."""

from __future__ import annotations

from rastercollection import CollectionRequest


def test_what_was_given_is_seen_and_defaults_are_folded() -> None:
    request = CollectionRequest(
        container_name="/data/bronze",
        blob_list=[f"<{number}>.tif" for number in range(10_000)],
        collection_id="fields",
        output_tier="archive",
    )
    shown = request._repr_html_()
    seen, _, folded = shown.partition("more with their defaults")
    assert "archive" in seen
    assert "/data/cogs" in seen  # follows from the container
    assert "jpeg_quality" in folded
    assert "jpeg_quality" not in seen
    assert "&lt;0&gt;.tif" in seen
    assert "<0>" not in shown
    assert request.job_id in shown
    assert len(shown) < 60_000
