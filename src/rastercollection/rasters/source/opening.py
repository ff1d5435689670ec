"""Opening source rasters: only formats that are allowed, only files that are what they say, within limits.

A raster is opened after its first bytes and, for a TIFF, its declarations have been looked at without GDAL. GDAL then
sees the file alone, or in a scratch folder together with those files beside it that have been vetted; it uses no
overviews of the source, which need not show what the source shows.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from rastercollection.core.models import Notify
from rastercollection.errors import MachineError, TaskError, TileError
from rastercollection.model.policy import DEFAULT_DRIVERS, SourcePolicy
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_env import forget_cached, gdal_environment, installed_drivers
from rastercollection.rasters.gdal_errors import collected_warnings, in_words, lasting, translated, unproven
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.in_memory import bear_with_no_georeference
from rastercollection.rasters.source import inspection
from rastercollection.rasters.source.placing import Place, check_references, config_of, placed
from rastercollection.rasters.source.reader import VettedReader
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.source.subdatasets import choose, names_inside

__all__ = [
    "DEFAULT_DRIVERS",
    "SourceDataset",
    "SourcePolicy",
    "list_subdatasets",
    "open_source",
    "reading",
]


_ALONE = threading.RLock()
_ALONE_DRIVERS = frozenset({"netCDF", "HDF5", "HDF5Image", "BAG", "KEA", "HDF4", "HDF4Image"})


@contextlib.contextmanager
def open_source(
    storage: StorageBackend,
    source: SourceFile,
    policy: SourcePolicy,
    limits: Limits,
    notify: Notify | None = None,
    *,
    whole: bool = False,
    every_pixel: bool = False,
) -> Iterator[SourceDataset]:
    """Open a source raster, checked, inside its own GDAL environment.

    The environment lasts as long as the dataset: what is computed from it belongs inside the ``with``. Its pixels are
    not read here. Wrap reads in :func:`reading`.

    Args:
        storage: Where the source is.
        source: The file.
        policy: What is accepted.
        limits: GDAL's threads and cache, the scratch folder.
        notify: Called with a code and a message for what the user should know.
        whole: Fetch a remote source and open the copy: what is wrong with it is wrong with the file, not with the way
            there. Reading in place cannot tell.
        every_pixel: The source is read from end to end, so that fetching it would cost no more: whatever fails while it
            is read in place may do so because of the way there, and is retryable.

    Raises:
        TileError: FILE_IS_DIRECTORY, FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, DRIVER_NOT_ALLOWED, NO_RASTER_BAND,
            TOO_MANY_PIXELS, TOO_MANY_BANDS or BLOCK_TOO_LARGE.
        TaskError: FILE_NOT_FOUND or UNSAFE_SOURCE; SOURCE_UNAVAILABLE or SOURCE_CHANGED, retryable.
        MachineError: DRIVER_MISSING, CODEC_MISSING, OUT_OF_MEMORY or NO_FILES.
        BackendError: The store failed.
    """
    with (
        _at_its_place(storage, source, policy, limits, notify, whole=whole) as (facts, place),
        collected_warnings() as messages,
        contextlib.ExitStack() as stack,
    ):
        with (
            _drivers_there(source.blob, (facts.driver,) if facts.driver else policy.drivers),
            translated(place.path, source.blob, lambda: f"opening it{facts.as_kind}"),
        ):
            confirm = partial(_confirm, storage, source, place, messages)
            dataset = stack.enter_context(_open(place, source, policy, confirm))
        if notify:
            _tell_unseen(facts, source.blob, notify)
        with _only_proven_is_final(place, messages, every_pixel):
            yield dataset
        if notify:
            _tell_read(dataset, in_words(messages, place.path, source.blob), notify)


@contextlib.contextmanager
def _drivers_there(blob: str, drivers: Sequence[str]) -> Iterator[None]:
    """Blame the GDAL that is installed for not opening a file for which it lacks a driver.

    Raises:
        MachineError: ``DRIVER_MISSING``.
    """
    try:
        yield
    except TileError as error:
        missing = sorted(set(drivers) - installed_drivers())
        if not missing:
            raise
        raise MachineError(
            f"{blob} may be fine: the GDAL that is installed has no driver {', '.join(missing)}.",
            "Install a GDAL that has it, or convert the file.",
            "DRIVER_MISSING",
        ) from error


@contextlib.contextmanager
def _at_its_place(
    storage: StorageBackend,
    source: SourceFile,
    policy: SourcePolicy,
    limits: Limits,
    notify: Notify | None,
    *,
    whole: bool,
) -> Iterator[tuple[inspection.Inspection, Place]]:
    """What the bytes of a source say, and where GDAL can open it now, in the environment for that."""
    bear_with_no_georeference()
    facts = inspection.inspect(storage, source, policy)
    with placed(storage, source, facts.driver, policy, limits, notify, whole) as place:
        forget_cached(place.path, place.gdal.config)
        check_references(place, facts.driver, source.blob, policy)
        with _at_its_turn(facts.driver, policy), gdal_environment(limits, config_of(place, policy)):
            yield facts, place


@contextlib.contextmanager
def _at_its_turn(driver: str, policy: SourcePolicy) -> Iterator[None]:
    """One file at a time in a process, of the formats whose libraries let in one thread at a time.

    GDAL's drivers hold a lock of their own around such a library, and warn while they hold it, which takes Python's
    lock; rasterio holds Python's while it waits for theirs. Two threads would wait for each other for ever. A VRT, and
    a file that nothing is known of, may be any that the policy allows.
    """
    may_be = policy.drivers if driver in ("VRT", "") else (driver,)
    with contextlib.nullcontext() if _ALONE_DRIVERS.isdisjoint(may_be) else _ALONE:
        yield


def _tell_unseen(facts: inspection.Inspection, blob: str, notify: Notify) -> None:
    for notice in facts.unseen:
        notify(notice.code, f"{blob}: {notice.message}")


def _tell_read(dataset: SourceDataset, warned: Sequence[str], notify: Notify) -> None:
    """What is known of a source once all that was wanted of it has been read."""
    blob = dataset.blob
    if dataset.has_lost_texts:
        notify("TEXT_UNREADABLE", f"{blob}: texts in its metadata are no UTF-8 and were left out.")
    for message in warned:
        notify("GDAL_WARNING", message if blob in message else f"{blob}: {message}")


@contextlib.contextmanager
def _only_proven_is_final(place: Place, messages: list[str], every_pixel: bool) -> Iterator[None]:
    """Have what is not proven to be wrong with the file tried again."""
    try:
        yield
    except TaskError as error:
        if _is_proven(error, place, messages, every_pixel):
            raise
        raise TaskError(error.message, error.hint, error.code, retryable=True, details=error.details) from error


def _is_proven(error: TaskError, place: Place, messages: list[str], every_pixel: bool) -> bool:
    """Whether another attempt would find the same: the bytes came from this machine, or nothing speaks against them."""
    if error.retryable or isinstance(error, MachineError) or not place.is_remote:
        return True
    return not (every_pixel or lasting(messages))


def _confirm(storage: StorageBackend, source: SourceFile, place: Place, messages: list[str]) -> None:
    """What GDAL warns of may be a tag that a server did not deliver, and that is taken for absent."""
    doubts = lasting(messages) if place.is_remote else []
    if doubts:
        raise unproven(source.blob, "reading it in place", in_words(doubts, place.path, source.blob))
    inspection.check_unchanged(storage, source)


@contextlib.contextmanager
def reading(dataset: SourceDataset, doing: str = "reading pixels") -> Iterator[None]:
    """Raise rasterio's errors while reading from ``dataset`` as ours, with the tile's name and the place.

    Raises:
        TileError: FILE_UNREADABLE or FILE_TRUNCATED.
        TaskError: SOURCE_UNAVAILABLE, retryable.
    """
    with translated(dataset.gdal_path, dataset.blob, lambda: doing):
        yield


def list_subdatasets(
    storage: StorageBackend, source: SourceFile, policy: SourcePolicy, limits: Limits
) -> tuple[str, ...]:
    """Names of the rasters inside a file, where it holds several: numbers of pages, from 1, or variables.

    Raises:
        TileError, TaskError, BackendError: As of :func:`open_source`.
    """
    try:
        return _names_inside(storage, source, policy, limits, whole=False)
    except TaskError as error:
        if not error.retryable:
            raise
        return _names_inside(storage, source, policy, limits, whole=True)


def _names_inside(
    storage: StorageBackend, source: SourceFile, policy: SourcePolicy, limits: Limits, *, whole: bool
) -> tuple[str, ...]:
    with (
        _at_its_place(storage, source, policy, limits, None, whole=whole) as (facts, place),
        translated(place.path, source.blob, lambda: f"opening it{facts.as_kind}"),
        VettedReader(place.gdal_path, **_options(policy)) as dataset,
    ):
        return names_inside(dataset)


def _options(policy: SourcePolicy) -> dict[str, Any]:
    return {"driver": list(policy.drivers), "sharing": False}


@contextlib.contextmanager
def _open(
    place: Place, source: SourceFile, policy: SourcePolicy, confirm: Callable[[], None]
) -> Iterator[SourceDataset]:
    """The dataset without overviews, once it is known that they would not lead to other files."""
    blob, options, path = source.blob, _options(policy), place.gdal_path
    with contextlib.ExitStack() as opened:
        plain = opened.enter_context(VettedReader(path, **options))
        inspection.check_reach(plain, place.path, blob, local=not place.is_remote)
        chosen = choose(plain, blob, source.part, options)
        if chosen.path is not None:
            plain.close()
            path = chosen.path
            options |= {"driver": list(chosen.drivers)} if chosen.drivers is not None else {}
            plain = opened.enter_context(VettedReader(path, **options))
        inspection.check_dataset(plain, blob, policy)
        with SourceDataset(path, plain, blob, chosen, place.path, confirm, **options) as dataset:
            plain.close()
            yield dataset
