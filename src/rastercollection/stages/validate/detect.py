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
1 of float32, float64, int16 or int32,     dem                 high to low, by how smooth
smooth
1 with fewer than 256 whole values         categorical         high to low, by how few and how abruptly they change
5 or more                                  multispectral       high
else                                       unknown             low
=========================================  ==================  ====================================================

*Smooth* compares steps between neighbours that differ with the spread of all values: terrain changes little by little.
Where whole values are few, steps are counted in ranks instead: neighbours on flat terrain differ by one rank or two,
neighbouring classes by any number.
"""

from __future__ import annotations

import numpy as np

from rastercollection.model.tile import Detection
from rastercollection.stages.validate.bands import DeclaredBands
from rastercollection.stages.validate.sample import BandSample, Sample

__all__ = ["detect_type", "smoothness"]

_TERRAIN = ("float32", "float64", "int16", "int32")
_ALPHA_VALUES = 10
_FEW = 256
_CLEAR_CLASSES, _LIKELY_CLASSES = 32, 64
_TERRAIN_RANKS = 16
_SMOOTH, _SMOOTHER, _SMOOTHEST = 0.6, 0.4, 0.15
_RANKS_SMOOTH = 0.25


def detect_type(layout: DeclaredBands, sample: Sample) -> Detection:
    """The type, by the table at the top of this module."""
    types = ", ".join(dict.fromkeys(layout.dtypes))
    bands = f"{layout.count} band{'s' if layout.count > 1 else ''} of {types}"
    if layout.count == 1 or (layout.count == 2 and layout.colors[1] == "alpha"):
        return _single(layout, sample, bands)
    if layout.count == 3 and layout.is_picture:
        named = layout.colors == ("red", "green", "blue")
        confidence = "very_high" if named else "high" if layout.dtypes[0] == "uint8" else "medium"
        return _detection("rgb", confidence, bands, _colors(layout))
    if layout.count == 4 and layout.is_picture:
        return _four(layout, sample, bands)
    if layout.count >= 5:
        return _detection("multispectral", "high", bands, _sensor(layout.count))
    return _detection("unknown", "low", bands, _colors(layout))


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
    band = sample.bands[0]
    if not band.values.size or band.values.dtype.kind == "c":
        return _detection("unknown", "low", bands, "no valid pixel in the sample" if not band.values.size else "")
    classes = _classes(band.values)
    if band.dtype in _TERRAIN:
        terrain = _terrain(band, classes, bands)
        if terrain is not None:
            return terrain
    if classes is not None:
        confidence, evidence = _class_confidence(band, classes)
        return _detection("categorical", confidence, bands, f"{len(classes)} distinct whole values", evidence)
    roughness = smoothness(band)
    hint = "smooth as terrain would be" if roughness is not None and roughness <= _SMOOTHER else ""
    return _detection("unknown", "low", bands, "256 or more distinct values, or fractions", hint)


def _classes(values: np.ndarray) -> np.ndarray | None:
    """The distinct values, sorted, where they are whole and fewer than 256."""
    distinct = np.unique(values)
    if len(distinct) >= _FEW or (distinct.dtype.kind == "f" and (distinct != np.floor(distinct)).any()):
        return None
    return distinct


def _terrain(band: BandSample, classes: np.ndarray | None, bands: str) -> Detection | None:
    """A DEM, or None for what is not smooth."""
    if classes is not None:
        jump = _rank_jump(band, classes)
        if len(classes) < _TERRAIN_RANKS or jump is None or jump > _RANKS_SMOOTH:
            return None
        return _detection("dem", "medium", bands, f"{len(classes)} values that change rank by rank ({jump:.2f})")
    roughness = smoothness(band)
    if roughness is None or roughness > _SMOOTH:
        return None
    confidence = "high" if roughness <= _SMOOTHEST else "medium" if roughness <= _SMOOTHER else "low"
    return _detection("dem", confidence, bands, f"smooth: neighbours differ by {roughness:.3f} of the spread")


def _class_confidence(band: BandSample, classes: np.ndarray) -> tuple[str, str]:
    if band.dtype in _TERRAIN:
        jump = _rank_jump(band, classes)
        gradual = len(classes) > 1 and (jump is None or jump * len(classes) / 3 <= 1.1)
        if gradual or len(classes) == 1:
            return "low", "it may be flat terrain"
    if len(classes) <= _CLEAR_CLASSES:
        return "high", ""
    if len(classes) <= _LIKELY_CLASSES:
        return "medium", ""
    return "low", "so many that it may be a grey picture"


def _steps(windows: tuple[np.ndarray, ...], valid: tuple[np.ndarray, ...]) -> np.ndarray:
    """Differences, not 0, between neighbours to the right and below that are both valid; 1-D, absolute."""
    found = []
    for pixels, good in zip(windows, valid, strict=True):
        numbers = pixels.astype("float64")
        for axis in (0, 1):
            if numbers.shape[axis] < 2:
                continue
            both = np.logical_and(np.take(good, range(1, good.shape[axis]), axis), _but_last(good, axis))
            steps = np.abs(np.diff(np.where(good, numbers, 0.0), axis=axis))[both]
            found.append(steps[steps > 0])
    return np.concatenate(found) if found else np.empty(0)


def _but_last(values: np.ndarray, axis: int) -> np.ndarray:
    return values[:-1] if axis == 0 else values[:, :-1]


def smoothness(band: BandSample) -> float | None:
    """Mean step between neighbours that differ, in standard deviations of all values; None where nothing differs.

    Terrain mostly lies below 0.4, white noise at 2/√π = 1.13.
    """
    values = band.values.astype("float64")
    scale = float(np.abs(values).max()) if values.size else 0.0
    if not scale:
        return None
    # as shares of the largest value: squares of large ones would overflow
    windows = tuple(np.where(good, window / scale, 0.0) for window, good in zip(band.windows, band.valid, strict=True))
    steps, spread = _steps(windows, band.valid), float(np.std(values / scale))
    return float(steps.mean() / spread) if steps.size and spread > 0 else None


def _rank_jump(band: BandSample, classes: np.ndarray) -> float | None:
    """Mean step in ranks between neighbours that differ, as a share of what unrelated classes would show."""
    ranks = tuple(
        np.searchsorted(classes, np.where(good, window, classes[0]))
        for window, good in zip(band.windows, band.valid, strict=True)
    )
    steps = _steps(ranks, band.valid)
    return float(steps.mean() / (len(classes) / 3)) if steps.size else None
