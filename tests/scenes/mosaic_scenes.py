"""Looking things up in a MosaicJSON."""

from __future__ import annotations

from typing import Any

import morecantile

TMS = morecantile.tms.get("WebMercatorQuad")


def assets_at(document: dict[str, Any], longitude: float, latitude: float) -> list[str]:
    tile = TMS.tile(longitude, latitude, document["quadkey_zoom"])
    prefix = document.get("asset_prefix", "")
    return [prefix + asset for asset in document["tiles"].get(TMS.quadkey(tile), [])]
