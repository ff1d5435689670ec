"""The COGs of a collection and their thumbnails, compared with what the items say of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from rastercollection.checking.report import Finding, FindingCode
from rastercollection.checking.subject import Subject
from rastercollection.errors import BackendError, ObjectNotFoundError
from rastercollection.geo.crs import parse_crs, same_crs
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.output import Output
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.gdal_env import forget_cached, gdal_environment
from rastercollection.rasters.gdal_errors import error_text
from rastercollection.stages.verifying import checksum_of

__all__ = ["ABSENT", "check_cogs", "file_problem"]

ABSENT = "it is not there"
_AT_ONCE = 8
_TOLERANCE = 1e-9
"""Of the numbers of a geotransform, relative to a pixel."""


def check_cogs(subject: Subject, again: str) -> list[Finding]:
    """What is wrong with COGs and thumbnails.

    Args:
        subject: The collection.
        again: The remedy for what has to be made of its source again.
    """
    cogs = subject.members.kept
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rastercollection-check") as threads:
        found = threads.map(lambda cog: list(_of_tile(subject, cog)), cogs)
    return [attrs.evolve(finding, remedy=again) for findings in found for finding in findings]


def _of_tile(subject: Subject, cog: Cog) -> Iterator[Finding]:
    file = cog.file
    try:
        yield from _of_cog(subject, cog)
        if file.thumbnail:
            reason = file_problem(subject, file.thumbnail, file.thumbnail_size or None, file.thumbnail_checksum)
            if reason:
                code: FindingCode = "THUMBNAIL_MISSING" if reason == ABSENT else "THUMBNAIL_DAMAGED"
                yield Finding(code=code, what=cog.item_id, where=file.thumbnail, reason=reason)
    except BackendError as error:
        yield Finding(code="CHECK_UNASKED", what=cog.item_id, where=file.href, reason=error.message)


def file_problem(subject: Subject, url: str, size: int | None, checksum: str) -> str:
    """What is wrong with a file; empty where nothing is, as far as it is looked at."""
    storage = subject.storage
    try:
        info = storage.stat(url)
        if size is not None and info.size != size:
            return f"it has {info.size:,} bytes, and was published with {size:,}"
        told = Output(url=url, size=info.size, version=info.version, checksum=checksum)
        if told.is_read(subject.resources.verify) and checksum_of(storage, url, info.size) != checksum:
            return "its bytes are not those that were published"
    except ObjectNotFoundError:
        return ABSENT
    return ""


def _of_cog(subject: Subject, cog: Cog) -> Iterator[Finding]:
    file = cog.file
    reason = file_problem(subject, file.href, file.size, file.checksum)
    if reason:
        code: FindingCode = "COG_MISSING" if reason == ABSENT else "COG_DAMAGED"
        yield Finding(code=code, what=cog.item_id, where=file.href, reason=reason)
        return
    source = subject.storage.gdal_source(file.href)
    if source is None:
        return
    forget_cached(source.path, source.config)
    try:
        with gdal_environment(subject.resources.limits, source.config), rasterio.open(source.path) as dataset:
            differences = list(_differences(dataset, file))
    except (RasterioError, CPLE_BaseError) as error:
        reason = f"GDAL cannot open it: {error_text(error)}"
        yield Finding(code="COG_DAMAGED", what=cog.item_id, where=file.href, reason=reason)
        return
    if differences:
        reason = f"its item says otherwise of its {', '.join(differences)}"
        yield Finding(code="COG_DIFFERS", what=cog.item_id, where=file.href, reason=reason)


def _differences(dataset: rasterio.DatasetReader, file: CogFile) -> Iterator[str]:
    if (dataset.height, dataset.width) != tuple(file.shape):
        yield "size"
    pixel = max(abs(dataset.transform.a), abs(dataset.transform.e), abs(dataset.transform.b))
    places = zip(tuple(dataset.transform)[:6], file.transform, strict=True)
    if any(abs(one - other) > _TOLERANCE * max(pixel, abs(other)) for one, other in places):
        yield "place"
    crs = from_rasterio(dataset.crs)
    if crs is None or not same_crs(crs, parse_crs(file.target_crs)):
        yield "CRS"
    if _types(dataset.dtypes) != _types([band.dtype for band in file.bands]):
        yield "bands"


def _types(names: Sequence[str]) -> list[str]:
    return [{"complex_int16": "cint16"}.get(name, name) for name in names]
