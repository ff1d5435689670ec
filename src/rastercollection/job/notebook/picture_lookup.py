"""Where a notebook's picture of a collection comes from: its preview page, which is read, and never waited for long."""

from __future__ import annotations

import threading

from rastercollection.disclosure.logs import get_logger
from rastercollection.job.notebook.map_picture import MapPicture, draw_map_picture
from rastercollection.job.result import JobResult
from rastercollection.model.entry import StacSummary
from rastercollection.stages.stac.preview.page_content import page_content
from rastercollection.viewer.server import storage_of

__all__ = ["find_picture"]

PATIENCE = 10.0
"""Seconds after which a result is shown without a picture."""

LARGEST_PAGE = 64 * 2**20

log = get_logger(__name__)


def find_picture(result: JobResult, patience: float = PATIENCE) -> MapPicture:
    """The picture of what a job has published; whatever goes wrong is told in its place.

    Args:
        result: Of the job.
        patience: Seconds.
    """
    published = StacSummary.of(result.summary)
    if published is None or not published.preview_url:
        return MapPicture()
    address = published.preview_url
    found: list[MapPicture] = []
    reading = threading.Thread(
        target=lambda: found.append(_read(result, address)), name="rastercollection-picture", daemon=True
    )
    reading.start()
    reading.join(patience)
    return found[0] if found else MapPicture(problem=f"{address} could not be read within {patience:g} seconds.")


def _read(result: JobResult, address: str) -> MapPicture:
    try:
        storage = storage_of(address, result.backends.storage, None)
        page = page_content(storage.read(address, 0, LARGEST_PAGE).decode(errors="replace"))
        if page is None:
            return MapPicture(problem=f"{address} is no preview page.")
        return draw_map_picture(page)
    except Exception as error:  # a result is shown, whatever is wrong with its picture
        log.debug("the picture of job %s cannot be shown", result.job_id, exc_info=True)
        return MapPicture(problem=f"{address} cannot be shown: {error}")
