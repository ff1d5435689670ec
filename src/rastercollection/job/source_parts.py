"""The rasters in files that hold several, each as a source of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs

from rastercollection.errors import MachineError, RequestError, RequestProblem, TaskError
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.source_names import TILES
from rastercollection.model.tile import SourceFile, Sources
from rastercollection.ports.storage import StorageBackend

__all__ = ["every_part", "rasters_inside"]

_READERS = 8


def every_part(sources: Sources, inside: Callable[[SourceFile], Sequence[str]]) -> Sources:
    """With a source for each of the rasters in a file that holds several.

    Args:
        sources: The files.
        inside: Names of the rasters in a file that holds several; none where it holds one.

    Raises:
        RequestError: A raster in a file is called what another file is.
    """
    files = [file for file in sources.files if file.blob not in sources.refused]
    with ThreadPoolExecutor(_READERS) as pool:
        parts = dict(zip((file.blob for file in files), pool.map(inside, files), strict=True))
    split = tuple(one for file in sources.files for one in _parts(file, parts.get(file.blob, ())))
    _refuse_twins(split)
    kept = {file.blob for file in sources.files}
    others = tuple(blob for blob in sources.blobs if blob not in kept)
    return attrs.evolve(sources, files=split, blobs=(*(one.blob for one in split), *others))


def _refuse_twins(split: Sequence[SourceFile]) -> None:
    times = Counter(one.blob for one in split)
    problems = [
        RequestProblem(
            "subdatasets",
            repr(TILES),
            f"{one.blob!r} is a file, and the name of raster {one.part} in {one.file!r}: rename the file, or leave one "
            "of both out of blob_list",
        )
        for one in split
        if one.part and times[one.blob] > 1
    ]
    if problems:
        raise RequestError(problems)


def _parts(file: SourceFile, names: Sequence[str]) -> Iterator[SourceFile]:
    if not names:
        yield file
    for name in names:
        yield attrs.evolve(file, blob=f"{file.blob}:{name}", part=name)


def rasters_inside(
    file: SourceFile, storage: StorageBackend, policy: SourcePolicy, scratch: str | None
) -> Sequence[str]:
    """Names of the rasters in a file that holds several; why a file cannot be opened is told by the first stage."""
    from rastercollection.rasters.limits import Limits
    from rastercollection.rasters.source.opening import list_subdatasets  # loads GDAL

    try:
        return list_subdatasets(storage, file, policy, Limits(scratch=scratch))
    except TaskError as error:
        if error.retryable or isinstance(error, MachineError):
            raise
        return ()
