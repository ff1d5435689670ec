"""Opening source rasters: only formats that are allowed, only files that are what they say, within limits.

A raster is opened after its first bytes and, for a TIFF, its declarations have been looked at without GDAL. GDAL then
sees the file alone, or in a scratch folder together with those files beside it that have been vetted; it uses no
overviews of the source, which need not show what the source shows.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import attrs
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader
from typing_extensions import override

from rastercollection.core.models import Notify
from rastercollection.errors import MachineError, TaskError, TileError
from rastercollection.model.band_names import color_of, description_of
from rastercollection.model.policy import DEFAULT_DRIVERS, SourcePolicy
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import GdalSource, StorageBackend
from rastercollection.rasters.gdal_env import NO_NETWORK, forget_cached, gdal_environment, is_isolated, is_remote
from rastercollection.rasters.gdal_errors import collected_warnings, in_words, lasting, translated, unproven
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.validity import nodata_values
from rastercollection.rasters.source import inspection
from rastercollection.rasters.source.checksums import Content, check_checksums
from rastercollection.rasters.source.hdf5 import reference_outside
from rastercollection.rasters.source.reader import VettedReader, check_crs_bytes
from rastercollection.rasters.source.sidecars import Sidecar, find_sidecars
from rastercollection.rasters.source.subdatasets import Chosen, choose, names_inside

__all__ = [
    "DEFAULT_DRIVERS",
    "SourceDataset",
    "SourcePolicy",
    "check_blocks",
    "list_subdatasets",
    "open_source",
    "reading",
]


_READ_IN_PLACE = ("GTiff", "COG")
"""GDAL's other drivers fill up what a network has not delivered, and say nothing, or need files of this machine."""
_INTERPRETED_AT_ONCE = ("netCDF", "HFA")
"""Drivers of GDAL that make more of a CRS than its text while they open a file."""
_OWN_MODULES = r"rastercollection\.rasters\."


class SourceDataset(VettedReader):
    """A dataset opened without its overviews, which hides a few things from GDAL's callers; here they are.

    Attributes:
        blob: Name of the tile.
        gdal_path: The file, as GDAL knows it.
        confirm: Raises unless what was read so far is the source that the job found, and whole: SOURCE_CHANGED and
            SOURCE_UNAVAILABLE, both retryable. To be called before what was read is told or published.
        exact_nodata: The nodata value of each band, an int to the last digit where it is one of 64 bits.
        has_lost_texts: Descriptions or names of metadata domains are no UTF-8 and were left out.
        chosen: What of the file it is.
        is_renamed: Bands are called otherwise here than in the file: see :meth:`call_bands`.
    """

    def __init__(
        self,
        path: str | PurePath,
        plain: DatasetReader,
        blob: str,
        chosen: Chosen,
        gdal_path: str,
        confirm: Callable[[], None],
        **options: Any,
    ) -> None:
        self.blob, self.gdal_path, self.chosen, self.confirm = blob, gdal_path, chosen, confirm
        # without overviews, a missing geotransform would be read from uninitialised memory (rasterio 1.4)
        self._geotransform = tuple(plain.get_transform())
        self.has_lost_texts = False
        self._band_descriptions = self._texts(lambda: plain.descriptions) or (None,) * plain.count
        self._namespaces = self._texts(plain.tag_namespaces)
        self._colors: tuple[ColorInterp, ...] | None = None
        self.is_renamed = False
        self.exact_nodata = nodata_values(plain)
        super().__init__(path, OVERVIEW_LEVEL="NONE", **options)

    def _texts(self, read: Callable[[], Iterable[Any]]) -> tuple[Any, ...]:
        try:
            return tuple(read())
        except UnicodeDecodeError:
            self.has_lost_texts = True
            return ()

    @override
    def read_transform(self) -> list[float]:
        """GDAL's geotransform; the identity without one."""
        return list(self._geotransform)

    @property
    @override
    def descriptions(self) -> tuple[str | None, ...]:
        """Description of each band; None where it has none."""
        return self._band_descriptions

    @property
    @override
    def colorinterp(self) -> tuple[ColorInterp, ...]:
        """Colour interpretation of each band."""
        return self._colors or tuple(super().colorinterp)

    @property
    @override
    def mask_flag_enums(self) -> tuple[list[MaskFlags], ...]:
        """What tells each band's invalid pixels, in GDAL's words."""
        flags = tuple(super().mask_flag_enums)
        return tuple([MaskFlags.all_valid] for _ in flags) if self.hides_alpha else flags

    @override
    def read_masks(self, *arguments: Any, **options: Any) -> Any:
        """GDAL's masks, 0 where a pixel is invalid."""
        masks = super().read_masks(*arguments, **options)
        if self.hides_alpha:
            masks[...] = 255
        return masks

    @property
    def hides_alpha(self) -> bool:
        """Whether the band that the file tells invalid pixels by is said to be another."""
        is_alpha = any(MaskFlags.alpha in flags for flags in super().mask_flag_enums)
        return is_alpha and ColorInterp.alpha not in self.colorinterp

    def call_bands(self, names: Sequence[str], roles: Sequence[str | None]) -> None:
        """From now on, have descriptions and colour interpretations say what the user says of the bands.

        Args:
            names: One a band.
            roles: The common names of what they show; None where that is not known.
        """
        own, colors = self.descriptions, self.colorinterp
        called = zip(names, roles, own, colors, strict=True)
        described, colored = zip(
            *(
                (description_of(name, role, text), ColorInterp[color_of(name, role, color.name)])
                for name, role, text, color in called
            ),
            strict=True,
        )
        self.is_renamed = (described, colored) != (own, colors)
        self._band_descriptions, self._colors = described, colored

    @override
    def tag_namespaces(self, bidx: int = 0) -> list[str]:
        """Names of the dataset's or a band's metadata domains."""
        return list(super().tag_namespaces(bidx)) if bidx else list(self._namespaces)


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
        TileError: FILE_NOT_FOUND, FILE_IS_DIRECTORY, FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, DRIVER_NOT_ALLOWED,
            UNSAFE_SOURCE, NO_RASTER_BAND, TOO_MANY_PIXELS, TOO_MANY_BANDS or BLOCK_TOO_LARGE.
        TaskError: SOURCE_UNAVAILABLE or SOURCE_CHANGED, retryable.
        BackendError: The store failed.
    """
    facts = inspection.inspect(storage, source, policy)
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_placed(storage, source, facts.driver, policy, limits, notify, whole))
        forget_cached(place.path, place.gdal.config)
        _check_references(place, facts.driver, source.blob, policy)
        messages = stack.enter_context(collected_warnings())
        stack.enter_context(gdal_environment(limits, _config(place, policy)))
        with translated(place.path, source.blob, lambda: f"opening it{facts.as_kind}"):
            confirm = partial(_confirm, storage, source, place, messages)
            dataset = stack.enter_context(_open(place, source, policy, confirm))
        if notify and dataset.has_lost_texts:
            notify("TEXT_UNREADABLE", f"{source.blob}: texts in its metadata are no UTF-8 and were left out.")
        if notify:
            for notice in facts.unseen:
                notify(notice.code, f"{source.blob}: {notice.message}")
        try:
            yield dataset
        except TaskError as error:
            if _is_proven(error, place, messages, every_pixel):
                raise
            raise TaskError(error.message, error.hint, error.code, retryable=True, details=error.details) from error
        if notify:
            for message in in_words(messages, place.path, source.blob):
                notify("GDAL_WARNING", message)


def _is_proven(error: TaskError, place: _Place, messages: list[str], every_pixel: bool) -> bool:
    """Whether another attempt would find the same: the bytes came from this machine, or nothing speaks against them."""
    if error.retryable or isinstance(error, MachineError) or not place.is_remote:
        return True
    return not (every_pixel or lasting(messages))


def _confirm(storage: StorageBackend, source: SourceFile, place: _Place, messages: list[str]) -> None:
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


def check_blocks(dataset: SourceDataset, storage: StorageBackend, source: SourceFile, limits: Limits) -> None:
    """Make sure that a source and its mask are whole, where they have checksums that reading them passes over.

    Args:
        dataset: Open.
        storage, source, limits: As it was opened with.

    Raises:
        TileError: ``FILE_UNREADABLE``, with the block.
        BackendError: The store failed.
    """
    path, blob, threads = dataset.gdal_path, dataset.blob, limits.gdal_threads
    pages = [int(name) - 1 for name in dataset.chosen.taken if name.isdecimal()] or [0]
    if path.startswith("/vsi"):
        fetch = partial(storage.read, source.url)
        read = inspection.paged(storage, source.url)
        check_checksums(Content(size=source.size, read=read, fetch=fetch), blob, threads=threads, pages=pages)
        return
    check_checksums(Content.of_file(path), blob, threads=threads, pages=pages)
    mask = f"{path}.msk"
    if os.path.isfile(mask):
        check_checksums(Content.of_file(mask), f"The mask of {blob}", threads=threads)


@attrs.frozen(kw_only=True)
class _Place:
    """Where GDAL opens a source, and whether vetted sidecars are beside it there."""

    path: str
    gdal: GdalSource
    has_sidecars: bool = False

    @property
    def is_remote(self) -> bool:
        return self.path.startswith("/vsi")

    @property
    def gdal_path(self) -> str | PurePath:
        """For rasterio, which takes a path object as it is; it would interpret text."""
        return self.path if self.is_remote else PurePath(self.path)


@contextlib.contextmanager
def _placed(
    storage: StorageBackend,
    source: SourceFile,
    driver: str,
    policy: SourcePolicy,
    limits: Limits,
    notify: Notify | None,
    whole: bool,
) -> Iterator[_Place]:
    gdal = storage.gdal_source(source.url)
    remote = gdal is not None and _reads_server(gdal.path, source.blob)
    sidecars = find_sidecars(storage, source.url, source.blob, driver, far=remote, notify=notify)
    for sidecar in sidecars:
        if sidecar.name.endswith(".msk"):
            inspection.check_mask(storage, sidecar.url, source.blob, policy)
    if gdal is not None and not sidecars and not (remote and (whole or driver not in _READ_IN_PLACE)):
        yield _Place(path=gdal.path if remote else os.path.abspath(gdal.path), gdal=gdal)
        return
    if limits.scratch:
        os.makedirs(limits.scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="source-", dir=limits.scratch) as folder:
        name = source.file.rsplit("/", 1)[-1]
        local = gdal.path if gdal is not None and not remote else None
        _bring(storage, source.url, local, Path(folder) / name)
        for sidecar in sidecars:
            _bring_sidecar(storage, sidecar, Path(folder))
        if local is None and notify:
            extra = f", with {', '.join(sidecar.name for sidecar in sidecars)}" if sidecars else ""
            notify("FETCHED_TO_SCRATCH", f"{source.blob} was copied to a local folder to be read{extra}.")
        yield _Place(path=str(Path(folder) / name), gdal=GdalSource(path=""), has_sidecars=bool(sidecars))


def _reads_server(path: str, blob: str) -> bool:
    """Whether GDAL reads from a server; of GDAL's virtual file systems, only those may be named."""
    if is_remote(path):
        return True
    if os.path.abspath(path).startswith("/vsi"):
        raise TileError(f"{blob}: GDAL would interpret its path {path!r}.", "Use another folder.", "UNSAFE_SOURCE")
    return False


def _bring(storage: StorageBackend, url: str, local: str | None, target: Path) -> None:
    if local is None:
        storage.get(url, str(target))
        return
    try:
        target.symlink_to(os.path.abspath(local))
    except OSError:  # file systems and accounts without symbolic links
        shutil.copyfile(local, target)


def _bring_sidecar(storage: StorageBackend, sidecar: Sidecar, folder: Path) -> None:
    target = folder / sidecar.name
    if sidecar.content is not None:
        target.write_bytes(sidecar.content)
        return
    gdal = storage.gdal_source(sidecar.url)
    _bring(storage, sidecar.url, None if gdal is None or gdal.path.startswith("/vsi") else gdal.path, target)


def _check_references(place: _Place, driver: str, blob: str, policy: SourcePolicy) -> None:
    if driver in _INTERPRETED_AT_ONCE and not place.is_remote:
        with open(place.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            check_crs_bytes(content, blob)
    if "netCDF" not in policy.drivers or driver not in ("netCDF", ""):
        return
    found = None if place.is_remote else reference_outside(Path(place.path))
    if found:
        raise TileError(
            f"{blob}: the file holds {found}; reading it could read any file of this machine.",
            "Copy its data into one plain file.",
            "UNSAFE_SOURCE",
        )


def _config(place: _Place, policy: SourcePolicy) -> dict[str, str]:
    config = dict(place.gdal.config)
    if place.has_sidecars:
        config |= {"GDAL_PAM_ENABLED": "YES", "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}
    plain = set(policy.drivers) <= set(DEFAULT_DRIVERS)
    if plain and not place.is_remote and is_isolated():
        config |= NO_NETWORK
    return config


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
    facts = inspection.inspect(storage, source, policy)
    _silence_missing_georeferencing()
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_placed(storage, source, facts.driver, policy, limits, None, whole))
        forget_cached(place.path, place.gdal.config)
        _check_references(place, facts.driver, source.blob, policy)
        stack.enter_context(gdal_environment(limits, _config(place, policy)))
        with translated(place.path, source.blob, lambda: f"opening it{facts.as_kind}"):
            return names_inside(stack.enter_context(VettedReader(place.gdal_path, **_options(policy))))


def _options(policy: SourcePolicy) -> dict[str, Any]:
    return {"driver": list(policy.drivers), "sharing": False}


@contextlib.contextmanager
def _open(
    place: _Place, source: SourceFile, policy: SourcePolicy, confirm: Callable[[], None]
) -> Iterator[SourceDataset]:
    """The dataset without overviews, once it is known that they would not lead to other files."""
    _silence_missing_georeferencing()
    blob, options = source.blob, _options(policy)
    with VettedReader(place.gdal_path, **options) as whole:
        inspection.check_reach(whole, place.path, blob, local=not place.is_remote)
        chosen = choose(whole, blob, source.part, options)
        if chosen.path is None:
            inspection.check_dataset(whole, blob, policy)
    path = place.gdal_path if chosen.path is None else chosen.path
    if chosen.drivers is not None:
        options |= {"driver": list(chosen.drivers)}
    with VettedReader(path, **options) as plain:
        inspection.check_dataset(plain, blob, policy)
        with SourceDataset(path, plain, blob, chosen, place.path, confirm, **options) as dataset:
            plain.close()
            yield dataset


def _silence_missing_georeferencing() -> None:
    """Validation reports it in our own terms; the filter holds for warnings of these modules only.

    It is looked for every time because frameworks reset the list of filters.
    """
    pattern = re.compile(_OWN_MODULES)
    if not any(entry[2] is NotGeoreferencedWarning and entry[3] == pattern for entry in warnings.filters):
        warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=_OWN_MODULES)
