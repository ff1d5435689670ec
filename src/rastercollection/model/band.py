"""A band of a finished COG, and what was counted over its valid pixels."""

from __future__ import annotations

import attrs

__all__ = [
    "BandFacts",
    "BandIdentity",
    "BandRole",
    "BandStatistics",
    "Histogram",
    "RasterClass",
    "is_complex",
]


@attrs.frozen(kw_only=True)
class Histogram:
    """How often values occur, over the valid pixels of a band.

    Attributes:
        minimum, maximum: Lower end of the first and upper end of the last bucket.
        counts: Pixels in each bucket; buckets are equally wide.
    """

    minimum: float
    maximum: float
    counts: tuple[int, ...]


@attrs.frozen(kw_only=True)
class BandStatistics:
    """Over the valid pixels of a band at full resolution. All None and 0 when it has none.

    They are those of the COG; where pixels were resampled and the codec is lossy, of the image it was given.

    Attributes:
        minimum, maximum, mean, stddev: In the band's units before scale and offset.
        count: Valid pixels.
        valid_percent: Of all pixels, 0–100.
        percentile_2, percentile_98: From a histogram or a sample; good enough to stretch a picture.
        histogram: Counted for integers of up to 16 bits, else scaled up from a sample; None without finite values.
    """

    minimum: float | None
    maximum: float | None
    mean: float | None
    stddev: float | None
    count: int
    valid_percent: float
    percentile_2: float | None
    percentile_98: float | None
    histogram: Histogram | None = None


@attrs.frozen(kw_only=True)
class RasterClass:
    """A value that stands for something.

    Attributes:
        value: Of the pixels.
        name: What it stands for.
        color: Red, green, blue and alpha, 0–255; None where nothing says.
    """

    value: int
    name: str
    color: tuple[int, int, int, int] | None = None


@attrs.frozen(kw_only=True)
class BandIdentity:
    """What a source says of what one of its bands shows.

    Attributes:
        description: As GDAL has it; None without one.
        names: Other names that it has, as in its tags.
        wavelength: Central wavelength in µm; None where it is not told.
    """

    description: str | None = None
    names: tuple[str, ...] = ()
    wavelength: float | None = None


@attrs.frozen(kw_only=True)
class BandRole:
    """What a band is taken for.

    Attributes:
        common_name: In the words of STAC's eo extension (red, nir08 …); None where nothing says which it is.
        source: What that was concluded from: parameter, color_interpretation, description, wavelength, sensor,
            raster_type or other_tiles; empty without a common name.
        wavelength: Central wavelength in µm; None where it is not told.
    """

    common_name: str | None = None
    source: str = ""
    wavelength: float | None = None


def is_complex(dtype: str) -> bool:
    """Whether a data type, by numpy's or rasterio's name, is one of complex numbers."""
    return dtype.startswith("complex")


@attrs.frozen(kw_only=True)
class BandFacts:
    """One band of a finished COG.

    Attributes:
        name: Short and unique in the file: ``b1``, ``b2`` …
        description: The band's description; None without one.
        dtype: numpy's name.
        nodata: "nan" for NaN in JSON; None without one.
        unit: The band's unit; None without one.
        scale, offset: 1 and 0 where the file has none.
        color_interpretation: GDAL's name, lower case.
        statistics: None for an alpha band.
        classes: Values that have names.
        role: What the band shows.
    """

    name: str
    description: str | None
    dtype: str
    nodata: int | float | None
    unit: str | None
    scale: float
    offset: float
    color_interpretation: str
    statistics: BandStatistics | None
    classes: tuple[RasterClass, ...] = ()
    role: BandRole = attrs.field(factory=BandRole)
