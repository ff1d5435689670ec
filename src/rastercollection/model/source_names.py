"""Which names below a container a pattern stands for: rasters, not hidden files or files beside rasters. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Set
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import attrs

__all__ = ["ALL_BANDS", "TILES", "Matches", "is_pattern", "match", "readable", "without_part"]

ALL_BANDS = "*"
"""Stands for all rasters inside a file, as bands of one tile."""

TILES = "tiles"
"""Stands for each of them as a tile of its own."""

_MAGIC = re.compile(r"[*?[]")
_BINS = ("$recycle.bin", "recycler", "system volume information", "lost+found", "#recycle", "@recycle", "@eadir")
"""Folders, in lower case, in which systems and shares keep what was deleted, and previews."""
_BESIDE_THE_NAME = (".aux.xml", ".msk", ".ovr", ".xml", ".hdr", ".aux", ".rrd", ".rsc")
_BESIDE_THE_STEM = (
    *(".tfw", ".tifw", ".tiffw", ".jgw", ".jpgw", ".jpegw", ".pgw", ".pngw", ".j2w", ".jp2w", ".wld", ".tab"),
    *(".rpb", ".imd", ".prj", ".hdr", ".clr", ".stx", ".ige", ".rrd", ".rde", ".aux", ".xml", ".aux.xml"),
    *(".cpg", ".qml", ".rdc", ".sgrd", ".mgrd", ".gri", "_rpc.txt", "_metadata.txt"),
)


@attrs.frozen(kw_only=True)
class Matches:
    """What a pattern stands for.

    Attributes:
        names: The rasters, in the order given.
        left_out: Names that fit but are left out, by the reason in words.
    """

    names: tuple[str, ...]
    left_out: Mapping[str, tuple[str, ...]]


def is_pattern(name: str) -> bool:
    """Whether a name that does not exist is to be taken for a pattern."""
    return _MAGIC.search(name) is not None


def match(pattern: str, matching: re.Pattern[str], names: Collection[str], outputs: Set[str] = frozenset()) -> Matches:
    """What a pattern stands for.

    Hidden files, and those in hidden folders, recycle bins and the like, are left out as a shell leaves them out,
    unless the pattern names them (``.cache/*.tif``). So are files that belong to a raster that is there (world files,
    masks, overviews, ``.aux.xml``), and what the library has made.

    Args:
        pattern: ``*``, ``?`` and ``[…]`` within a folder, ``**`` through folders.
        matching: The same as a regular expression for the whole name.
        names: All names below the container.
        outputs: Those among them that the library has made.
    """
    fitting = [name for name in names if matching.fullmatch(name)]
    asked = [part for part in pattern.split("/") if _is_set_aside(part)]
    hidden = [name for name in fitting if not _is_asked_for(name, asked)]
    rest = set(fitting).difference(hidden)
    owners = _Owners(names) if rest else None
    beside = [name for name in fitting if name in rest and owners and owners.has(name)]
    rest.difference_update(beside)
    made = [name for name in fitting if name in rest and name in outputs]
    rest.difference_update(made)
    left_out = {
        "hidden or deleted": tuple(hidden),
        "beside a raster that they belong to": tuple(beside),
        "made by this library": tuple(made),
    }
    return Matches(
        names=tuple(name for name in fitting if name in rest),
        left_out={reason: which for reason, which in left_out.items() if which},
    )


def readable(name: str) -> str:
    """A name with every byte that is no UTF-8 written as ``\\xNN``, so that it can be told and stored."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def without_part(blob: str, part: str) -> str:
    """The path of the file that a tile is a part of: ``a/b.nc:t2m`` is ``t2m`` of ``a/b.nc``."""
    return blob.removesuffix(f":{part}") if part and part != ALL_BANDS else blob


def _is_set_aside(part: str) -> bool:
    return part.startswith(".") or part.casefold() in _BINS


def _is_asked_for(name: str, asked: Iterable[str]) -> bool:
    parts = [part for part in name.split("/") if _is_set_aside(part)]
    return all(any(fnmatchcase(part, one) for one in asked) for part in parts)


class _Owners:
    """Whether a name is that of a file beside a raster, such as a world file. Rasters are told by what they are not."""

    def __init__(self, names: Iterable[str]) -> None:
        own = [name for name in names if not _endings(name)]
        self._names = {name.casefold() for name in own}
        self._stems = {str(PurePosixPath(name).with_suffix("")).casefold() for name in own}

    def has(self, name: str) -> bool:
        folded = name.casefold()
        return any(
            folded.removesuffix(ending) in (self._names if is_whole else self._stems)
            for ending, is_whole in _endings(name)
        )


def _endings(name: str) -> list[tuple[str, bool]]:
    """Its endings as of a file beside a raster, and whether what is before them is the raster's whole name."""
    folded = name.casefold()
    whole = [(ending, True) for ending in _BESIDE_THE_NAME if folded.endswith(ending)]
    return whole + [(ending, False) for ending in _BESIDE_THE_STEM if folded.endswith(ending)]
