"""Made-up results of stage 2, for tests and timings of what comes after. No raster is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from rastercollection.core.models import Task, TaskResult, TaskStatus
from rastercollection.core.records import multihash, to_dict
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import TILE
from rastercollection.model.band import BandFacts, BandRole, BandStatistics, Histogram
from rastercollection.model.band_names import name_in_color
from rastercollection.model.cog import Cog, CogFile, CogSettings
from rastercollection.model.receipt import FidelityCheck, Receipt
from rastercollection.model.request import CollectionRequest

__all__ = [
    "as_detailed",
    "fan_in_parameters",
    "sample_band",
    "sample_cog",
    "sample_grid",
    "sample_request",
    "sample_results",
]


def sample_cog(
    item_id: str = "tile",
    bounds: Bounds = (71.0, 41.0, 71.1, 41.1),
    /,
    *,
    container: str = "/made-up/cogs",
    shape: tuple[int, int] = (1024, 1024),
    **changes: Any,
) -> Cog:
    """A COG of three bands of uint8 in EPSG:4326 that fills its bounds.

    Args:
        item_id: Names its files, too.
        bounds: EPSG:4326; west > east crosses the antimeridian.
        container: Where its files would be.
        shape: Rows and columns.
        changes: Any fields of :class:`~rastercollection.model.cog.Cog` and of its file.
    """
    href = f"{container}/{item_id}.tif"
    facts: dict[str, Any] = {
        "item_id": item_id,
        "source_blob": f"{item_id}.tif",
        "source_container": "/made-up/bronze",
        "output_blob": f"{item_id}.tif",
        "output_container": container,
        "href": href,
        "shape": shape,
        "checksum": multihash(item_id.encode()),
        "thumbnail": f"{container}/{item_id}_thumbnail.png",
        "bands": tuple(sample_band(number, color) for number, color in enumerate(("red", "green", "blue"), 1)),
        "outputs": (),
    }
    facts = {**facts, **_PLAIN, **_placed(bounds, shape), **changes}
    return Cog(file=CogFile(**{name: facts.pop(name) for name in _FILE if name in facts}), **facts)


_FILE = tuple(field.name for field in attrs.fields(CogFile))
_PLAIN: Mapping[str, Any] = {
    "settings": CogSettings(
        tier="analysis",
        storage_class="hot",
        compression="DEFLATE",
        level=6,
        quality=None,
        overview_resampling="cubic",
        warp_resampling="cubic",
    ),
    "source_crs": "EPSG:32642",
    "target_crs": "EPSG:4326",
    "reprojected": True,
    "heights": None,
    "projjson": None,
    "size": 1_000_000,
    "header_size": 4096,
    "overview_levels": (2, 4),
    "raster_type": "rgb",
    "validity": "none",
    "color_table": None,
    "datetime": "2019-07-14T06:00:00Z",
    "start_datetime": None,
    "end_datetime": None,
    "datetime_source": "parameter",
    "tags": {},
    "in_memory": True,
    "seconds": 1.0,
}


def _placed(bounds: Bounds, shape: tuple[int, int]) -> dict[str, Any]:
    """What follows from where a COG in EPSG:4326 lies, and from its rows and columns."""
    west, south, east, north = bounds
    unrolled = east + 360 if west > east else east
    pixel = (unrolled - west) / shape[1]
    maxzoom = max(0, min(24, round(math.log2(360 / TILE / pixel))))
    return {
        "transform": (pixel, 0.0, west, 0.0, -(north - south) / shape[0], north),
        "bounds": (west, south, unrolled, north),
        "bounds_4326": bounds,
        "footprint": _outline(bounds),
        "minzoom": max(0, maxzoom - 2),
        "maxzoom": maxzoom,
    }


def sample_band(
    number: int = 1,
    color: str = "gray",
    dtype: str = "uint8",
    values: tuple[float, float] = (10.0, 240.0),
    nodata: int | float | None = None,
) -> BandFacts:
    """A band whose pixels lie evenly between two values."""
    low, high = values
    statistics = BandStatistics(
        minimum=low,
        maximum=high,
        mean=(low + high) / 2,
        stddev=(high - low) / math.sqrt(12),
        count=1_000_000,
        valid_percent=100.0,
        percentile_2=low + 0.02 * (high - low),
        percentile_98=low + 0.98 * (high - low),
    )
    return BandFacts(
        name=f"b{number}",
        description=None,
        dtype=dtype,
        nodata=nodata,
        unit=None,
        scale=1.0,
        offset=0.0,
        color_interpretation=color,
        statistics=None if color == "alpha" else statistics,
        role=BandRole(common_name=name_in_color(color), source="color_interpretation" if name_in_color(color) else ""),
    )


def _outline(bounds: Bounds) -> Mapping[str, Any]:
    west, south, east, north = bounds
    boxes = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rings = [[[[w, south], [e, south], [e, north], [w, north], [w, south]]] for w, e in boxes]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def sample_grid(
    count: int, *, corner: tuple[float, float] = (60.0, 50.0), step: float = 0.02, **changes: Any
) -> list[Cog]:
    """``count`` COGs side by side, row by row to the east and to the south of ``corner`` (longitude, latitude)."""
    columns = math.ceil(math.sqrt(count))
    cogs = []
    for index in range(count):
        row, column = divmod(index, columns)
        west, north = corner[0] + column * step, corner[1] - row * step
        cogs.append(sample_cog(f"tile-{index:06d}", (west, north - step, west + step, north), **changes))
    return cogs


def as_detailed(cog: Cog) -> Cog:
    """The COG with as much beside it as a real tile has: an outline of 100 points, histograms, a receipt."""
    seed = int(cog.file.checksum[4:12], 16)
    bands = tuple(_with_histogram(band, seed + number) for number, band in enumerate(cog.file.bands))
    file = attrs.evolve(cog.file, bands=bands)
    return attrs.evolve(cog, file=file, receipt=_receipt(len(bands), seed), footprint=_round(file.bounds_4326))


def _with_histogram(band: BandFacts, seed: int) -> BandFacts:
    if band.statistics is None:
        return band
    counts = tuple((seed * (bucket + 7)) % 19_997 for bucket in range(60))
    histogram = Histogram(minimum=band.statistics.minimum or 0.0, maximum=250.0, counts=counts)
    return attrs.evolve(band, statistics=attrs.evolve(band.statistics, histogram=histogram))


def _receipt(bands: int, seed: int) -> Receipt:
    whole = [FidelityCheck.within(name, 0, 0, 0) for name in ("wrong_validity", "wrong_pixels", "misplaced_cells")]
    figures = [
        FidelityCheck.within(f"{name}_b{band}", 100 + seed % 89 / 7, 100 + seed % 97 / 7, 12.3)
        for band in range(1, bands + 1)
        for name in ("mean", "spread", "percentile_1", "percentile_99")
    ]
    return Receipt(compared_to="gdal_warp", lossless=True, pixels=1_048_576, checks=(*whole, *figures), seconds=0.1)


def _round(bounds: Bounds) -> Mapping[str, Any]:
    """An outline of 100 points within bounds that do not cross the antimeridian."""
    west, south, east, north = bounds
    middle, size = ((west + east) / 2, (south + north) / 2), ((east - west) / 2, (north - south) / 2)
    points = []
    for step in range(100):
        angle = 2 * math.pi * step / 100
        x, y = middle[0] + size[0] * math.cos(angle), middle[1] + size[1] * math.sin(angle)
        points.append([round(x, 6), round(y, 6)])
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


def sample_results(products: Iterable[Any], stage: int = 2, task_type: str = "create_cog") -> list[TaskResult]:
    """Completed task results that hold these products, in order."""
    return [
        TaskResult(
            task=Task(
                id=f"0123456789abcdef-{stage}-{task_type}-{index:06d}",
                stage=stage,
                task_type=task_type,
                handler="made.up:handler",
                tile=getattr(product, "source_blob", None),
            ),
            status=TaskStatus.COMPLETED,
            attempts=1,
            value=to_dict(product),
        )
        for index, product in enumerate(products)
    ]


def sample_request(**changes: Any) -> CollectionRequest:
    """A request for a made-up collection, without an overview."""
    usual = {
        "container_name": "/made-up/bronze",
        "blob_list": "*.tif",
        "collection_id": "sample",
        "output_container": "/made-up/cogs",
        "create_overview": False,
    }
    return CollectionRequest(**{**usual, **changes})


def fan_in_parameters(**changes: Any) -> dict[str, Any]:
    """The parameters of a fan-in task for :func:`sample_request`, as the engine makes them."""
    return {"job": sample_request(**changes).to_parameters(), "inputs": ""}
