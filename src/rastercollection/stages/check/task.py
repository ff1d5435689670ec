"""Looking at every COG of a job as other people's programs do, after it was published; nothing is written."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.shortage import of_shortage
from rastercollection.disclosure.listing import listed
from rastercollection.errors import MachineError, RasterCollectionError, TaskError
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.published_check import Check
from rastercollection.rasters import gdal_env
from rastercollection.rasters.gdal_env import gdal_environment
from rastercollection.rasters.gdal_errors import translated
from rastercollection.stages.check.places import place_in
from rastercollection.stages.check.reach import gdal_source_of, published_mosaic, readable
from rastercollection.stages.check.stock_readers import PublishedMosaic, look_at, look_at_pixels, readers
from rastercollection.stages.fan_in import made_cogs, made_mosaic, published_entry
from rastercollection.stages.resources import Resources

__all__ = ["check_cogs"]

_CONNECTIONS = 8
"""COGs that are read at the same time from a store that is far away: waiting takes most of the time."""
_SECONDS, _SECONDS_EACH = 120.0, 1.0
"""How long the check may take, and how much longer for each COG."""

_TILE, _SMALLEST_TILE = 128, 16
_LARGEST_IMAGE = 2**19
"""Pixels of a map tile, of all bands together."""

_HINT = "Look at the COG with rio-tiler or titiler; report it with the source if it should be shown."


@attrs.frozen
class _Finding:
    """What was found of one COG, and why it is so."""

    cog: Cog
    outcome: Literal["served", "empty", "unserved", "unasked"]
    reason: str = ""
    through_mosaic: bool = False
    is_final: bool = True


@attrs.frozen(kw_only=True)
class _Look:
    """What looking at COGs takes.

    Attributes:
        resources: Storage and limits.
        mosaic: The document that was published; None without one.
        assets: Addresses of the COGs in it.
        deadline: When to stop, by ``time.monotonic``.
    """

    resources: Resources
    mosaic: PublishedMosaic | None
    assets: frozenset[str]
    deadline: float

    def at(self, cog: Cog) -> _Finding:
        """Look at one COG."""
        if _is_drawn(cog) and all(band.statistics is None or not band.statistics.count for band in cog.file.bands):
            return _Finding(cog, "empty")
        if time.monotonic() > self.deadline:
            return _Finding(cog, "unasked", "the time for looking at COGs was over", is_final=False)
        try:
            return self._looked_at(cog)
        except TaskError as error:
            if error.retryable or isinstance(error, MachineError):  # it says nothing of a COG
                return _Finding(cog, "unasked", str(error), is_final=False)
            return _Finding(cog, "unserved", f"cannot be read: {error.message}", is_final=False)
        except (RasterCollectionError, MemoryError) as error:  # a store or a network that fails says nothing of a COG
            return _Finding(cog, "unasked", str(error), is_final=False)
        except Exception as error:  # noqa: BLE001 - however a reader fails, the COG is not shown
            if of_shortage(error) is not None:
                return _Finding(cog, "unasked", str(error), is_final=False)
            reason = f"makes readers fail: {type(error).__name__}: {error}"
            return _Finding(cog, "unserved", reason, is_final=False)

    def _looked_at(self, cog: Cog) -> _Finding:
        storage, limits = self.resources.storage, self.resources.limits
        source = gdal_source_of(cog, storage)
        if source is None:
            return _Finding(cog, "unasked", "readers cannot read it in place where it is stored")
        address = readable(cog.file.href, source)
        is_drawn = _is_drawn(cog)
        mosaic = self.mosaic if is_drawn and address in self.assets else None
        place = place_in(cog, None if mosaic is None else (mosaic.zoom, mosaic.maxzoom))
        with (
            gdal_environment(attrs.evolve(limits, gdal_threads=1), source.config),
            translated(source.path, cog.source_blob, lambda: "reading its COG"),
        ):
            size = _tile_size(cog.file)
            reason = look_at(address, place, mosaic, size) if is_drawn else look_at_pixels(address, place)
        return _Finding(cog, "unserved" if reason else "served", reason, mosaic is not None, not reason)


def _is_drawn(cog: Cog) -> bool:
    """Whether readers make pictures of it; of complex numbers they make none, and nobody has counted them."""
    return not any("complex" in band.dtype for band in cog.file.bands)


def _tile_size(cog: CogFile) -> int:
    """Pixels along a map tile as it is drawn: enough to see something, and not too much memory for many bands."""
    size = _TILE
    while size > _SMALLEST_TILE and size * size * len(cog.bands) > _LARGEST_IMAGE:
        size //= 2
    return size


def check_cogs(context: TaskContext) -> Check:
    """Look at one place of every COG that this job made: through the mosaic, or alone where it is in none.

    What is not shown is a fault of its tile; nothing that was published is touched.
    """
    started = time.monotonic()
    cogs = made_cogs(context).cogs
    look = _look(context, started + _SECONDS + _SECONDS_EACH * len(cogs))
    findings = _all(look.at, cogs, look.resources)
    _report(findings, context)
    return Check(
        readers=readers(),
        cogs=len(cogs),
        served=sum(finding.outcome == "served" for finding in findings),
        through_mosaic=sum(finding.through_mosaic for finding in findings),
        empty=sum(finding.outcome == "empty" for finding in findings),
        unserved=_reasons(findings, "unserved"),
        unasked=_reasons(findings, "unasked"),
        is_final=all(finding.is_final for finding in findings),
        seconds=round(time.monotonic() - started, 3),
    )


def _look(context: TaskContext, deadline: float) -> _Look:
    resources = Resources.of(context.resources)
    entry = published_entry(context)
    mosaic = (entry.mosaic if entry is not None else None) or made_mosaic(context)
    document = None
    if mosaic is not None:
        try:
            document = published_mosaic(mosaic, resources.storage)
        except (RasterCollectionError, ValueError, LookupError, TypeError, AttributeError) as error:
            context.notice("CHECK_INCOMPLETE", f"The MosaicJSON cannot be read, and was not looked at: {error}")
    assets = document.every_asset() if document is not None else frozenset()
    return _Look(resources=resources, mosaic=document, assets=assets, deadline=deadline)


def _all(look: Callable[[Cog], _Finding], cogs: Sequence[Cog], resources: Resources) -> list[_Finding]:
    """What is found of each, several at a time."""
    if not cogs:
        return []
    sources = [source for cog in cogs if (source := gdal_source_of(cog, resources.storage)) is not None]
    for source in sources:  # before any is read: a tile opens its neighbours, too
        gdal_env.forget_cached(source.path, source.config)
    is_far = any(gdal_env.is_remote(source.path) for source in sources[:1])
    workers = _CONNECTIONS if is_far else max(1, resources.limits.gdal_threads)
    with (
        warnings.catch_warnings(),  # in this thread: they are those of the process, and not to be changed by several
        ThreadPoolExecutor(workers, thread_name_prefix="rastercollection-check") as pool,
    ):
        warnings.filterwarnings("ignore", module=r"(rio_tiler|rasterio|cogeo_mosaic)\b")
        return list(pool.map(look, cogs))


def _report(findings: Sequence[_Finding], context: TaskContext) -> None:
    unserved = [finding for finding in findings if finding.outcome == "unserved"]
    for finding in unserved:
        message = f"Its COG was published, and {readers()} do not show it: it {finding.reason}."
        context.fault(finding.cog.source_blob, "TILE_NOT_SERVED", message, _HINT)
    if unserved:
        context.notice(
            "TILE_NOT_SERVED",
            f"{len(unserved)} of {len(findings)} COGs were published, and {readers()} do not show them "
            f"({_named(unserved)}). {_HINT}",
        )
    unasked = [finding for finding in findings if finding.outcome == "unasked"]
    if unasked:
        context.notice(
            "CHECK_INCOMPLETE",
            f"Whether readers show {len(unasked)} of {len(findings)} COGs could not be found out ({_named(unasked)}).",
        )


def _named(findings: Sequence[_Finding]) -> str:
    return listed([f"{finding.cog.source_blob} {finding.reason}" for finding in findings], most=3)


def _reasons(findings: Sequence[_Finding], outcome: str) -> dict[str, str]:
    return {finding.cog.source_blob: finding.reason for finding in findings if finding.outcome == outcome}
