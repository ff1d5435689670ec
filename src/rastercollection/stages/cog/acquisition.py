"""What a tile's file tells of its acquisition, gathered while it is open, and what is made of it."""

from __future__ import annotations

import datetime as dt

from rastercollection.core.models import Notify
from rastercollection.errors import TaskError
from rastercollection.model.times.time_evidence import UNKNOWN, Acquisition, TimeFacts, find_acquisition
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.source.time_axis import read_time_axis
from rastercollection.stages.cog.task_parameters import CogParameters

__all__ = ["acquisition_of"]

_CODE = "DATETIME_UNKNOWN"
_FIRST_DOMAINS = ("IMAGERY", "IMD")


def acquisition_of(dataset: SourceDataset, asked: CogParameters, notify: Notify) -> Acquisition:
    """When the tile was acquired; :func:`~rastercollection.model.times.time_evidence.find_acquisition` decides it.

    Raises:
        TaskError: ``DATETIME_UNKNOWN``; nothing tells it, and it is required.
    """
    source, reading = asked.validation.source, read_time_axis(dataset)
    facts = TimeFacts(
        blob=source.blob,
        parameter=asked.datetime,
        pattern=asked.datetime_pattern,
        tags=_all_tags(dataset),
        axis=reading.axis,
        axis_problem=reading.problem,
    )
    found = find_acquisition(facts, dt.datetime.now(dt.UTC))
    for notice in found.notices:
        if asked.require_datetime and found.source == UNKNOWN and notice.code == _CODE:
            raise TaskError(notice.message, "Or leave require_datetime at False.", _CODE)
        notify(notice.code, notice.message)
    return found


def _all_tags(dataset: SourceDataset) -> dict[str, str]:
    tags: dict[str, str] = {}
    for domain in (*_FIRST_DOMAINS, *dataset.tag_namespaces(), ""):
        tags |= {key: str(value) for key, value in dataset.tags(ns=domain or None).items()}
    return tags
