"""What kind of raster a tile is, from its bands, colour interpretation and a sample of its pixels.

=========================================  ==================  ====================================================
bands                                      type                confidence
=========================================  ==================  ====================================================
3 of uint8 or uint16                       rgb                 very_high when they are called red, green and blue;
                                                               high for uint8, medium for uint16 otherwise
4 of uint8 or uint16, the last is alpha    rgba                very_high when it is called alpha, medium when it has
                                                               10 distinct values or fewer
4 of uint8 or uint16, else                 nir                 very_high when it is called nir; high, or low when
                                                               band 4 is mostly at its extremes, as alpha would be
1 with a colour table                      categorical         very_high
1, else                                    dem, categorical    by what its pixels show, see
                                           or unknown          :mod:`rastercollection.model.evidence`
5 or more                                  multispectral       high
else                                       unknown             low
=========================================  ==================  ====================================================

It is the tile's own evidence: what it is taken for is decided on the collection.
"""

from __future__ import annotations

import attrs
import numpy as np

from rastercollection.model.evidence import judge
from rastercollection.model.tile import Detection
from rastercollection.stages.validate.bands import DeclaredBands
from rastercollection.stages.validate.pixel_evidence import pixel_evidence
from rastercollection.stages.validate.sample import BandSample, Sample

__all__ = ["detect_type"]

_ALPHA_VALUES = 10


def detect_type(layout: DeclaredBands, sample: Sample) -> Detection:
    """The type, by the table at the top of this module."""
    types = ", ".join(dict.fromkeys(layout.dtypes))
    bands = f"{layout.count} band{'s' if layout.count > 1 else ''} of {types}"
    if layout.count == 1 or (layout.count == 2 and layout.colors[1] == "alpha"):
        return _single(layout, sample, bands)
    found = _several(layout, sample, bands)
    codes, quantities = _of_bands(layout, sample, found)
    return attrs.evolve(found, codes=codes, quantities=quantities)


def _several(layout: DeclaredBands, sample: Sample, bands: str) -> Detection:
    if layout.count == 3 and layout.is_8_or_16_bit:
        named = layout.colors == ("red", "green", "blue")
        confidence = "very_high" if named else "high" if layout.dtypes[0] == "uint8" else "medium"
        return _detection("rgb", confidence, bands, _colors(layout))
    if layout.count == 4 and layout.is_8_or_16_bit:
        return _four(layout, sample, bands)
    if layout.count >= 5:
        return _detection("multispectral", "high", bands, _sensor(layout.count))
    return _detection("unknown", "low", bands, _colors(layout))


def _of_bands(layout: DeclaredBands, sample: Sample, found: Detection) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Bands that may hold flags or classes, and those that clearly do not.

    By what is said of them, and by their pixels where nothing says that the tile is a picture.
    """
    if found.raster_type == "rgba" or found.confidence == "very_high":
        return (), ()
    codes = {number for number in layout.plain if layout.subjects[number - 1] == "classes"}
    if found.raster_type not in ("unknown", "multispectral"):
        return tuple(sorted(codes)), ()
    looks = {number: _looks(sample.band(number)) for number in layout.plain if number not in codes}
    codes |= {number for number, look in looks.items() if look == "codes"}
    return tuple(sorted(codes)), tuple(number for number, look in looks.items() if look == "quantity")


def _looks(band: BandSample | None) -> str:
    """Whether one band of several looks like ``codes`` or a ``quantity``; empty where that is not clear."""
    pixels = pixel_evidence(band) if band is not None else None
    if band is None or pixels is None:
        return ""
    content = judge(pixels, band.dtype).content
    if content in ("terrain", "quantity"):
        return "quantity"
    return "codes" if content == "classes" or (content == "codes" and pixels.is_sharp) else ""


def _detection(raster_type: str, confidence: str, *evidence: str) -> Detection:
    return Detection(raster_type=raster_type, confidence=confidence, evidence=tuple(item for item in evidence if item))


def _colors(layout: DeclaredBands) -> str:
    return f"colour interpretation {', '.join(layout.colors)}"


def _sensor(count: int) -> str:
    if 7 <= count <= 11:
        return "7 to 11 bands suggest Landsat"
    return "12 or 13 bands suggest Sentinel-2" if 12 <= count <= 13 else ""


def _four(layout: DeclaredBands, sample: Sample, bands: str) -> Detection:
    last = layout.colors[3]
    if last in ("alpha", "nir"):
        return _detection({"alpha": "rgba"}.get(last, "nir"), "very_high", bands, f"band 4 is called {last}")
    if layout.hides_alpha:
        return _detection("nir", "very_high", bands, "band 4 is declared as alpha, and called otherwise")
    fourth = sample.band(4)
    values = np.concatenate([window.ravel() for window in fourth.windows]) if fourth else np.empty(0)
    distinct = np.unique(values)
    if len(distinct) <= _ALPHA_VALUES:
        return _detection("rgba", "medium", bands, f"band 4 has {len(distinct)} distinct values, as alpha would")
    extreme = float(np.isin(values, [distinct[0], distinct[-1]]).mean())
    evidence = f"band 4 has {len(distinct)} distinct values and is not called alpha"
    return _detection("nir", "low" if extreme > 0.5 else "high", bands, evidence)


def _single(layout: DeclaredBands, sample: Sample, bands: str) -> Detection:
    if layout.has_color_table:
        return _detection("categorical", "very_high", bands, "a colour table")
    if layout.has_category_names:
        return _detection("categorical", "very_high", bands, "names of classes")
    pixels = pixel_evidence(sample.bands[0])
    if pixels is None:
        return _detection("unknown", "low", bands, "complex numbers")
    subject = layout.subjects[0]
    return Detection.of_one_band(judge(pixels, layout.dtypes[0], subject), pixels, subject, bands)
