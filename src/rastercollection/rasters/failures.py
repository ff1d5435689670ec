"""GDAL's errors outside reading the source, in the library's terms."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from rastercollection.errors import RasterCollectionError, TaskError

__all__ = ["GDAL_ERRORS", "describe", "writing"]

GDAL_ERRORS: tuple[type[Exception], ...] = (RasterioError, CPLE_BaseError)
_DISK_IS_FULL = (
    "no space left",
    "disk full",
    "disk quota",
    "file too large",
    "write error",
    "seek error",
    "write failed",
)
"""libtiff does not say why it could not write: on a local disk, it is hardly ever anything else."""


def describe(error: BaseException) -> str:
    """What an error and its causes say, each once."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause) or type(cause).__name__
        if text not in said:
            said.append(text)
        cause = cause.__cause__ or cause.__context__
    return "; ".join(said)


@contextlib.contextmanager
def writing(blob: str, doing: str, code: str = "COG_INVALID") -> Iterator[None]:
    """Raise the errors of GDAL and of the local disk while something is written as ours.

    Args:
        blob: The tile.
        doing: What is under way, in words.
        code: Of the error, unless the disk or the memory is at fault.

    Raises:
        TaskError: ``code``, ``NO_SPACE`` or ``OUT_OF_MEMORY``.
    """
    try:
        yield
    except RasterCollectionError:
        raise
    except MemoryError as error:
        raise TaskError(
            f"{blob}: {doing} needs more memory than there is.",
            "Set in_memory=False, or run fewer workers.",
            "OUT_OF_MEMORY",
        ) from error
    except (RasterioError, CPLE_BaseError, OSError) as error:
        said = describe(error)
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if full or any(sign in said.lower() for sign in _DISK_IS_FULL):
            raise TaskError(
                f"{blob}: {doing} failed, the scratch folder is full: {said}",
                "Make room there, or set scratch to a folder on another disk.",
                "NO_SPACE",
            ) from error
        raise TaskError(f"{blob}: {doing} failed: {said}", "See the message; try another compression.", code) from error
