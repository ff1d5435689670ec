"""Addresses of COGs in a MosaicJSON: below one folder, as readers take them, and of a document that was moved. Pure.

Readers (cogeo-mosaic from 6.0 on) put ``asset_prefix`` in front of every asset as it is, and know nothing relative to
the document itself. So the prefix is the absolute address of the folder that all COGs lie in, and the one line that is
to be changed when that folder is moved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rastercollection.ports.addresses import split_scheme

__all__ = ["assets_by_quadkey", "common_folder", "every_asset", "place_beside", "prefix_of"]


def common_folder(hrefs: Iterable[str]) -> str:
    """The address, with the slash at its end, of the folder that all of these lie in, however deep below it.

    Empty where there is none but the root of a file system or of all servers.
    """
    every = sorted(set(hrefs)) or [""]
    # what the first and the last in order begin with, all between them begin with
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(every[0], every[-1], strict=False))
    shared = "".join(letter for letter, _ in alike)
    folder = shared[: shared.rfind("/" if "/" in shared else "\\") + 1]
    place = split_scheme(folder)[1].strip("/\\")
    return folder if place and not place.endswith(":") else ""


def prefix_of(document: Mapping[str, Any]) -> str:
    """What stands in front of every asset of a document; empty where nothing does."""
    return str(document.get("asset_prefix") or "")


def assets_by_quadkey(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Whole addresses of the COGs of each quadkey, as readers make them; the first of a quadkey is on top.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: It is no MosaicJSON.
    """
    prefix = prefix_of(document)
    tiles: Mapping[str, Sequence[str]] = document["tiles"]
    return {str(key): tuple(prefix + str(asset) for asset in assets) for key, assets in tiles.items()}


def every_asset(document: Mapping[str, Any]) -> set[str]:
    """Whole addresses of all COGs; raises as :func:`assets_by_quadkey`."""
    return {asset for assets in assets_by_quadkey(document).values() for asset in assets}


def place_beside(asset: str, prefix: str, document_url: str) -> str:
    """Where a COG is if the document was moved together with the folder that its prefix names.

    Args:
        asset: The whole address.
        prefix: Of the document, with which the address begins.
        document_url: Where the document was found.
    """
    folder = document_url[: document_url.rfind("/" if "/" in document_url else "\\") + 1]
    return folder + asset.removeprefix(prefix)
