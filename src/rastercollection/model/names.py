"""Names of outputs: deterministic, unique in the collection, never outside the container."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set

import attrs

from rastercollection.ports.addresses import join, public_form

__all__ = [
    "SIDES",
    "TileName",
    "clashing_names",
    "folded",
    "in_folder",
    "is_overview_name",
    "item_ids",
    "kept_names",
    "mosaic_name",
    "overview_names",
    "page_name",
    "shortened_names",
    "side_blob",
    "side_item_id",
    "source_mark",
    "thumbnail_name",
    "tile_names",
]


_LONGEST_STEM = 180
"""Bytes of UTF-8: with the longest tier, what outputs add, and a digest, a file name stays below 255."""


@attrs.frozen(kw_only=True)
class TileName:
    """Names derived from a source's path.

    Attributes:
        stem: Beginning of the output's file name.
        item_id: Id of the STAC item.
    """

    stem: str
    item_id: str

    def output_blob(self, tier: str, folder: str | None) -> str:
        """The COG's path, relative to the output container."""
        return in_folder(f"{self.stem}_cog_{tier}.tif", folder)


SIDES = ("east", "west")
"""Parts of a tile on the two sides of the antimeridian: the one that ends at 180° E, and the one that begins there."""


def side_blob(output_blob: str, side: str) -> str:
    """The path of the COG of one side of a tile, from that of a whole one, which it is where ``side`` is empty."""
    return f"{output_blob.removesuffix('.tif')}.{side}.tif" if side else output_blob


def side_item_id(item_id: str, blob: str, side: str) -> str:
    """The id of the item of one side of a tile, which no other tile has."""
    return f"{item_id}-{_mark(blob)}-{side}" if side else item_id


def item_ids(name: TileName, blob: str) -> tuple[str, ...]:
    """The ids that items of a source may have: of the whole tile, and of its sides."""
    return tuple(side_item_id(name.item_id, blob, side) for side in ("", *SIDES))


def in_folder(name: str, folder: str | None) -> str:
    """``name`` below ``folder``, which may be None or empty."""
    return f"{folder}/{name}" if folder else name


def folded(name: str) -> str:
    """The form in which names are compared: alike where a file system that ignores case takes them for one."""
    return unicodedata.normalize("NFC", name).casefold()


def thumbnail_name(cog: str) -> str:
    """File name, or path, of the thumbnail beside a tile's COG."""
    return f"{cog.removesuffix('.tif')}_thumbnail.png"


def mosaic_name(collection_id: str) -> str:
    """File name of a collection's MosaicJSON."""
    return f"{collection_id}.json"


def page_name(collection_id: str) -> str:
    """File name of a collection's preview page."""
    return f"{collection_id}.html"


def source_mark(container: str, blob: str) -> str:
    """What tells a source from others of the same name elsewhere, and tells nobody where it is.

    A digest of its public address, which tells neither host nor folder.
    """
    return hashlib.sha256(public_form(join(container, blob)).encode(errors="surrogateescape")).hexdigest()[:16]


def overview_names(collection_id: str, checksum: str) -> tuple[str, str]:
    """File names of an overview of a collection and of its thumbnail.

    Other content has other names: while a collection links to one, nothing is written in its place.
    """
    mark = checksum[-12:]
    return f"{collection_id}_overview-{mark}.tif", f"{collection_id}_thumbnail-{mark}.png"


def is_overview_name(name: str, collection_id: str) -> bool:
    """Whether it is one that :func:`overview_names` gives."""
    kinds = r"_(overview-[0-9a-f]{12}\.tif|thumbnail-[0-9a-f]{12}\.png)"
    return re.fullmatch(re.escape(collection_id) + kinds, name) is not None


def tile_names(blobs: Sequence[str], kept: Mapping[str, TileName] | None = None) -> Mapping[str, TileName]:
    """Names for all sources of a collection, by source path.

    A path without its extension, ``/`` as ``_``, and the part of the file where that is a tile. Paths that come out the
    same, even if only on a file system that ignores case, and those too long for a file's name, get a hash of the whole
    path behind it.

    Args:
        blobs: The paths.
        kept: Names that sources have already; whoever joins them changes nothing of these.
    """
    clashing = clashing_names(blobs)
    plain = {blob: _plain(blob) for blob in blobs}
    names = {blob: _name(blob, stem, marked=blob in clashing or _is_too_long(stem)) for blob, stem in plain.items()}
    return names | {blob: name for blob, name in (kept or {}).items() if blob in names}


def clashing_names(blobs: Sequence[str]) -> Set[str]:
    """The sources whose names, without a hash, are not theirs alone."""
    plain = {blob: folded(_plain(blob)) for blob in blobs}
    taken = Counter(plain.values())
    return {blob for blob, stem in plain.items() if taken[stem] > 1}


def kept_names(blobs: Sequence[str], holds: Callable[[str, TileName], bool]) -> Mapping[str, TileName]:
    """Of the names that each source may have, with and without a hash, the one under which it is there already.

    Args:
        blobs: The paths; those of which nothing is there are not in the answer.
        holds: Whether what is there under a name was made of this source.
    """
    kept: dict[str, TileName] = {}
    taken: set[str] = set()
    for blob in sorted(blobs):
        stem = _plain(blob)
        for name in (_name(blob, stem, marked=marked) for marked in (_is_too_long(stem), True)):
            if folded(name.stem) not in taken and holds(blob, name):
                kept[blob] = name
                taken.add(folded(name.stem))
                break
    return kept


def shortened_names(blobs: Sequence[str]) -> tuple[str, ...]:
    """The sources whose path is too long for the name of an output."""
    return tuple(blob for blob in blobs if _is_too_long(_plain(blob)))


def _plain(blob: str) -> str:
    folder, slash, name = blob.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    part = "".join(extension.partition(":")[1:]).replace(":", "_")
    return f"{folder}{slash}{stem + part if dot and stem else name}".replace("/", "_")


def _is_too_long(stem: str) -> bool:
    return len(stem.encode()) > _LONGEST_STEM


def _mark(blob: str) -> str:
    return hashlib.sha256(blob.encode()).hexdigest()[:8]


def _name(blob: str, stem: str, *, marked: bool) -> TileName:
    mark = _mark(blob)
    if marked:
        kept = stem.encode()[: _LONGEST_STEM - len(mark) - 1].decode(errors="ignore")
        stem = f"{kept}_{mark}"
    item_id = re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("._") or "tile"
    return TileName(stem=stem, item_id=item_id if item_id == stem else f"{item_id}-{mark}")
