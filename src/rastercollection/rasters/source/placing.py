"""Where GDAL opens a source: in place, or in a scratch folder together with those files beside it that were vetted."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePath

import attrs

from rastercollection.core.models import Notify
from rastercollection.errors import TaskError
from rastercollection.model.policy import DEFAULT_DRIVERS, SourcePolicy
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import GdalSource, StorageBackend
from rastercollection.rasters.gdal_env import NO_NETWORK, is_isolated, is_remote, is_virtual
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.scratch import scratch_folder
from rastercollection.rasters.source import inspection
from rastercollection.rasters.source.hdf5 import reference_outside
from rastercollection.rasters.source.reader import check_crs_inside
from rastercollection.rasters.source.sidecars import Sidecar, find_sidecars

__all__ = ["Place", "check_references", "config_of", "placed"]

_READ_IN_PLACE = ("GTiff", "COG")
"""GDAL's other drivers fill up what a network has not delivered, and say nothing, or need files of this machine."""


@attrs.frozen(kw_only=True)
class Place:
    """Where GDAL opens a source, and whether vetted sidecars are beside it there."""

    path: str
    gdal: GdalSource
    has_sidecars: bool = False

    @property
    def is_remote(self) -> bool:
        return is_remote(self.path)

    @property
    def gdal_path(self) -> str | PurePath:
        """For rasterio, which takes a path object as it is; it would interpret text."""
        return self.path if self.is_remote else PurePath(self.path)


@contextlib.contextmanager
def placed(
    storage: StorageBackend,
    source: SourceFile,
    driver: str,
    policy: SourcePolicy,
    limits: Limits,
    notify: Notify | None,
    whole: bool,
) -> Iterator[Place]:
    gdal = storage.gdal_source(source.url)
    remote = gdal is not None and _reads_server(gdal.path, source.blob)
    sidecars = find_sidecars(storage, source.url, source.blob, driver, far=remote, notify=notify)
    for sidecar in sidecars:
        if sidecar.name.endswith(".msk"):
            inspection.check_mask(storage, sidecar.url, source.blob, policy)
    if gdal is not None and not sidecars and not (remote and (whole or driver not in _READ_IN_PLACE)):
        yield Place(path=gdal.path if remote else os.path.abspath(gdal.path), gdal=gdal)
        return
    local = gdal.path if gdal is not None and not remote else None
    with scratch_folder(limits, 0 if local else source.size, notify) as folder:
        name = source.file.rsplit("/", 1)[-1]
        _bring(storage, source.url, local, folder / name)
        for sidecar in sidecars:
            _bring_sidecar(storage, sidecar, folder)
        if local is None and notify:
            extra = f", with {', '.join(sidecar.name for sidecar in sidecars)}" if sidecars else ""
            notify("FETCHED_TO_SCRATCH", f"{source.blob} was copied to a local folder to be read{extra}.")
        yield Place(path=str(folder / name), gdal=GdalSource(path=""), has_sidecars=bool(sidecars))


def _reads_server(path: str, blob: str) -> bool:
    """Whether GDAL reads from a server; of GDAL's virtual file systems, only those may be named."""
    if is_remote(path):
        return True
    if is_virtual(os.path.abspath(path)):
        raise TaskError(f"{blob}: GDAL would interpret its path {path!r}.", "Use another folder.", "UNSAFE_SOURCE")
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
    _bring(storage, sidecar.url, None if gdal is None or is_virtual(gdal.path) else gdal.path, target)


def check_references(place: Place, driver: str, blob: str, policy: SourcePolicy) -> None:
    if not place.is_remote:
        check_crs_inside(place.path, driver, blob)
    if "netCDF" not in policy.drivers or driver not in ("netCDF", ""):
        return
    found = None if place.is_remote else reference_outside(Path(place.path))
    if found:
        raise TaskError(
            f"{blob}: the file holds {found}; reading it could read any file of this machine.",
            "Copy its data into one plain file.",
            "UNSAFE_SOURCE",
        )


def config_of(place: Place, policy: SourcePolicy) -> dict[str, str]:
    config = dict(place.gdal.config)
    if place.has_sidecars:
        config |= {"GDAL_PAM_ENABLED": "YES", "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}
    plain = set(policy.drivers) <= set(DEFAULT_DRIVERS)
    if plain and not place.is_remote and is_isolated():
        config |= NO_NETWORK
    return config
