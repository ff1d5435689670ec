"""Opening source rasters: only formats that are allowed, only files that are what they say, within limits."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from rasterio.io import DatasetReader

from rastercollection.products import SourceFile
from rastercollection.protocols import GdalSource, StorageBackend
from rastercollection.rasters.environment import Limits, gdal_environment
from rastercollection.rasters.policy import DEFAULT_DRIVERS, SourcePolicy

__all__ = ["DEFAULT_DRIVERS", "SourcePolicy", "open_source"]

Notify = Callable[[str, str], None]


@contextlib.contextmanager
def open_source(
    storage: StorageBackend,
    source: SourceFile,
    policy: SourcePolicy,
    limits: Limits,
    notify: Notify | None = None,
) -> Iterator[DatasetReader]:
    """Open a source raster, checked, inside its own GDAL environment.

    Args:
        storage: Where the source is.
        source: The file.
        policy: What is accepted.
        limits: GDAL's threads and cache, the scratch folder.
        notify: Called with a code and a message for what the user should know.
    """
    with contextlib.ExitStack() as stack:
        gdal = storage.gdal_source(source.url)
        if gdal is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=limits.scratch)))
            name = source.blob.rsplit("/", 1)[-1]
            storage.get(source.url, str(folder / name))
            gdal = GdalSource(path=str(folder / name))
            if notify:
                notify("FETCHED_TO_SCRATCH", f"{source.blob}: fetched to {folder}.")
        stack.enter_context(gdal_environment(limits, gdal.config))
        drivers = [*policy.drivers]
        yield stack.enter_context(DatasetReader(PurePath(gdal.path), driver=drivers, sharing=False))
