"""COGs that are awkward to describe, made up without a file."""

from __future__ import annotations

from typing import Any

import attrs
import pyproj

from rastercollection.geo.heights import with_heights
from rastercollection.model.band import RasterClass
from rastercollection.testing.sample_records import sample_band, sample_cog

CONIC = pyproj.CRS.from_proj4("+proj=laea +lat_0=10 +lon_0=71 +ellps=WGS84 +units=m")
PALETTE = {"0": (0, 0, 0, 0), "1": (10, 100, 30, 255), "2": (250, 200, 0, 255)}
CLASSES = (
    RasterClass(value=0, name="nothing"),
    RasterClass(value=1, name="Wald & Forst", color=(10, 100, 30, 255)),
    RasterClass(value=2, name="水", color=(250, 200, 0, 255)),
)
LOCAL_HEIGHTS = pyproj.CRS.from_wkt(
    'VERTCRS["Harbour",VDATUM["Harbour gauge"],CS[vertical,1],AXIS["up",up],LENGTHUNIT["metre",1]]'
).to_wkt()


def _with_heights(name: str, crs: str, heights: str) -> Any:
    whole = with_heights(crs, heights)
    return sample_cog(
        name,
        target_crs=crs,
        heights=heights,
        projjson=whole.to_json_dict() if whole is not None and not whole.to_epsg() else None,
        bounds=(400_000.0, 500_000.0, 410_000.0, 510_000.0),
        transform=(10.0, 0.0, 400_000.0, 0.0, -10.0, 510_000.0),
    )


def odd_cogs() -> dict[str, Any]:
    """COGs that are unlike the usual in one respect each."""
    statistics = sample_band().statistics
    assert statistics is not None
    return {
        "antimeridian": sample_cog("antimeridian", (179.0, -18.0, -179.0, -16.0)),
        "pole": sample_cog("pole", (-180.0, 84.0, 180.0, 90.0)),
        "no code": sample_cog(
            "no-code",
            target_crs=CONIC.to_wkt(),
            projjson=CONIC.to_json_dict(),
            bounds=(0.0, 3_000_000.0, 10_000.0, 3_010_000.0),
            transform=(10.0, 0.0, 0.0, 0.0, -10.0, 3_010_000.0),
        ),
        "heights": _with_heights("heights", "EPSG:25833", "EPSG:7837"),
        "heights with a code": _with_heights("heights-coded", "EPSG:28992", "EPSG:5709"),
        "ellipsoidal": sample_cog("ellipsoidal", heights="EPSG:4979"),
        "heights of its own": _with_heights("own", "EPSG:25833", LOCAL_HEIGHTS),
        "nan": sample_cog("nan", bands=(sample_band(dtype="float32", nodata=float("nan")),), validity="nodata"),
        "infinite": sample_cog("infinite", bands=(sample_band(dtype="float64", nodata=float("-inf")),)),
        "large nodata": sample_cog("large", bands=(sample_band(dtype="int64", nodata=-(2**63)),)),
        "complex": sample_cog("complex", bands=(sample_band(dtype="complex64"), sample_band(2, dtype="complex_int16"))),
        "palette": sample_cog(
            "palette",
            bands=(sample_band(color="palette", values=(1, 2)),),
            color_table=PALETTE,
            raster_type="categorical",
        ),
        "classes": sample_cog(
            "classes",
            bands=(attrs.evolve(sample_band(color="palette", values=(1, 2), nodata=0), classes=CLASSES),),
            color_table=PALETTE,
            raster_type="categorical",
        ),
        "classes of a band": sample_cog("flags", bands=(sample_band(), attrs.evolve(sample_band(2), classes=CLASSES))),
        "alpha": sample_cog("alpha", bands=tuple(map(sample_band, (1, 2, 3, 4), ("red", "green", "blue", "alpha")))),
        "scaled": sample_cog("scaled", bands=(attrs.evolve(sample_band(), unit="m", scale=0.1, offset=-5.0),)),
        "nothing valid": sample_cog(
            "void",
            bands=(
                attrs.evolve(
                    sample_band(),
                    statistics=attrs.evolve(
                        statistics,
                        minimum=None,
                        maximum=None,
                        mean=None,
                        stddev=None,
                        count=0,
                        valid_percent=0.0,
                        percentile_2=None,
                        percentile_98=None,
                    ),
                ),
            ),
        ),
        "no thumbnail": sample_cog("bare", thumbnail=None),
        "interval": sample_cog(
            "interval", datetime=None, start_datetime="2019-07-01T00:00:00Z", end_datetime="2019-07-31T00:00:00Z"
        ),
        "undated": sample_cog("undated", datetime=None, datetime_source="unknown"),
        "html": sample_cog("html", source_blob='<script>alert("1")</script>.tif'),
    }
