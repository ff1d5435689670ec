"""Where a source's pixels are: by a geotransform, ground control points or rational polynomials."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import attrs
import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.rpc import RPC
from rasterio.transform import GCPTransformer, RPCTransformer
from rasterio.warp import transform

from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.grid.operations import Operation, same_datum

__all__ = ["Placement", "Points", "Strip", "apply", "project"]

Points = NDArray[np.float64]
_NOTHING = 1e-12


@attrs.frozen(kw_only=True)
class Strip:
    """Columns of a raster that lie side by side.

    Attributes:
        first: The number of the first, from 0.
        width: How many they are.
    """

    first: int
    width: int


@attrs.frozen(kw_only=True)
class Placement:
    """How the pixels of a raster lie in a CRS. Exactly one of ``transform``, ``gcps`` and ``rpcs`` is given.

    Attributes:
        crs: Of the coordinates.
        width, height: In pixels.
        strips: Which columns of the dataset these are, in their order; empty for all of them as they are.
        transform: Pixel → CRS.
        gcps: Ground control points.
        rpcs: Rational polynomial coefficients, for EPSG:4326.
        elevation: Height above the ellipsoid, in metres, that rational polynomials are evaluated at.
        operation: That takes coordinates to the CRS of the COG; None where there is but one to take.
    """

    crs: CRS
    width: int
    height: int
    strips: tuple[Strip, ...] = ()
    transform: Affine | None = None
    gcps: tuple[GroundControlPoint, ...] = ()
    rpcs: RPC | None = None
    elevation: float = 0.0
    operation: Operation | None = None

    @classmethod
    def of(cls, dataset: DatasetReader, crs: CRS, georeferencing: str) -> Placement:
        """The placement of a dataset.

        Args:
            dataset: The source.
            crs: Its CRS, or the one that is used for want of it.
            georeferencing: geotransform, gcps or rpcs.
        """
        size = {"width": dataset.width, "height": dataset.height}
        if georeferencing == "gcps":
            points, own_crs = dataset.gcps
            return cls(crs=own_crs or crs, gcps=tuple(points), **size)
        if georeferencing == "rpcs":
            rpcs = dataset.rpcs
            return cls(crs=CRS.from_epsg(4326), rpcs=rpcs, elevation=float(rpcs.height_off), **size)
        return cls(crs=crs, transform=dataset.transform, **size)

    @property
    def is_upright(self) -> bool:
        """Whether rows and columns run along the axes of the CRS, in whichever direction."""
        t = self.transform
        if t is None:
            return False
        return abs(t.b) <= _NOTHING * abs(t.a) and abs(t.d) <= _NOTHING * abs(t.e)

    def locate(self, columns: Points, rows: Points) -> tuple[Points, Points]:
        """x and y, in ``crs``, of positions in pixels; 0, 0 is the outer corner of the first pixel."""
        if self.transform is not None:
            return apply(self.transform, columns, rows)
        with self._transformer() as transformer:
            heights = np.full(columns.shape, 0.0)
            x, y = transformer.xy(rows.ravel(), columns.ravel(), zs=heights.ravel(), offset="ul")
        return np.reshape(x, columns.shape), np.reshape(y, columns.shape)

    def find(self, x: Points, y: Points) -> tuple[Points, Points]:
        """Columns and rows, as floats, of coordinates in ``crs``: the reverse of :meth:`locate`."""
        if self.transform is not None:
            return apply(~self.transform, x, y)
        with self._transformer() as transformer:
            rows, columns = transformer.rowcol(x.ravel(), y.ravel(), zs=np.zeros(x.size), op=np.positive)
        return np.reshape(columns, x.shape), np.reshape(rows, x.shape)

    def _transformer(self) -> Any:
        if self.rpcs is not None:
            return RPCTransformer(self.rpcs, **self.rpc_options)
        return GCPTransformer(self.gcps)

    @property
    def rpc_options(self) -> dict[str, float]:
        """GDAL's options that go with rational polynomials; none for the other kinds."""
        return {"RPC_HEIGHT": self.elevation} if self.rpcs is not None else {}

    @property
    def warp_options(self) -> dict[str, Any]:
        """GDAL's options for all that it does to take pixels, or bounds, to the CRS of the COG."""
        told = {"COORDINATE_OPERATION": self.operation.pipeline} if self.operation else {}
        return {**self.rpc_options, **told}

    def project(self, target: CRS, x: Points, y: Points) -> tuple[Points, Points]:
        """Coordinates in ``crs`` in that of the COG; infinity where they have no place in it."""
        if self.operation is None:
            return project(self.crs, target, x, y)
        return self._by(self.operation, x, y, back=False)

    def unproject(self, target: CRS, x: Points, y: Points) -> tuple[Points, Points]:
        """Coordinates in the CRS of the COG in ``crs``: the reverse of :meth:`project`."""
        if self.operation is None:
            return project(target, self.crs, x, y)
        return self._by(self.operation, x, y, back=True)

    @staticmethod
    def _by(operation: Operation, x: Points, y: Points, *, back: bool) -> tuple[Points, Points]:
        new_x, new_y = operation.project(x.ravel(), y.ravel(), back=back)
        return np.reshape(new_x, x.shape), np.reshape(new_y, x.shape)

    def bounds(self) -> tuple[float, float, float, float]:
        """Of an upright or rotated geotransform's corners, in ``crs``."""
        corners = np.array([0.0, self.width, 0.0, self.width]), np.array([0.0, 0.0, self.height, self.height])
        x, y = self.locate(*corners)
        return float(np.min(x)), float(np.min(y)), float(np.max(x)), float(np.max(y))

    def georeference(self) -> dict[str, Any]:
        """What a dataset with the same pixels is created with."""
        if self.rpcs is not None:
            return {"crs": self.crs, "rpcs": self.rpcs}
        if self.gcps:
            return {"crs": self.crs, "gcps": self.gcps}
        return {"crs": self.crs, "transform": self.transform}

    def bordered(self, pixels: int) -> Placement:
        """The placement of the same raster with as many pixels more on each side."""
        size: dict[str, Any] = {"width": self.width + 2 * pixels, "height": self.height + 2 * pixels}
        if self.transform is not None:
            return attrs.evolve(self, transform=self.transform @ Affine.translation(-pixels, -pixels), **size)
        if self.rpcs is None:
            points = tuple(
                GroundControlPoint(row=p.row + pixels, col=p.col + pixels, x=p.x, y=p.y, z=p.z) for p in self.gcps
            )
            return attrs.evolve(self, gcps=points, **size)
        rpcs = attrs.evolve(self.rpcs, line_off=self.rpcs.line_off + pixels, samp_off=self.rpcs.samp_off + pixels)
        return attrs.evolve(self, rpcs=rpcs, **size)

    def coarser(self, rows: int, columns: int) -> Placement:
        """The placement of the same raster in cells of ``rows`` × ``columns`` pixels, the last of them cut."""
        size: dict[str, Any] = {"width": -(-self.width // columns), "height": -(-self.height // rows)}
        if self.transform is not None:
            return attrs.evolve(self, transform=self.transform @ Affine.scale(columns, rows), **size)
        if self.rpcs is None:
            points = tuple(
                GroundControlPoint(row=p.row / rows, col=p.col / columns, x=p.x, y=p.y, z=p.z) for p in self.gcps
            )
            return attrs.evolve(self, gcps=points, **size)
        rpcs = attrs.evolve(
            self.rpcs,
            # lines and samples count pixel centres
            line_off=(self.rpcs.line_off + 0.5) / rows - 0.5,
            samp_off=(self.rpcs.samp_off + 0.5) / columns - 0.5,
            line_scale=self.rpcs.line_scale / rows,
            samp_scale=self.rpcs.samp_scale / columns,
        )
        return attrs.evolve(self, rpcs=rpcs, **size)


def apply(transform: Affine, columns: Points, rows: Points) -> tuple[Points, Points]:
    """x and y of columns and rows, as floats."""
    t = transform
    return t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f


def project(source: CRS, target: CRS, x: Points, y: Points) -> tuple[Points, Points]:
    """Coordinates in another CRS; what has no place in it comes out as infinity."""
    if x.size == 0:
        return x, y
    way = _way(source.wkt, target.wkt)
    new_x, new_y = (np.asarray(axis, float) for axis in way.transformer.transform(x.ravel(), y.ravel(), errcheck=False))
    if not way.is_only_one and np.isfinite(new_x).all() and np.isfinite(new_y).all():
        # between some datums GDAL chooses another operation, and it is GDAL that warps; it fails for all if one fails
        with contextlib.suppress(*GDAL_ERRORS):
            new_x, new_y = (np.array(axis, float) for axis in transform(source, target, x.ravel(), y.ravel()))
    return new_x.reshape(x.shape), new_y.reshape(x.shape)


@attrs.frozen(kw_only=True)
class _Way:
    """From one CRS to another.

    Attributes:
        transformer: PROJ's; threads may share it.
        is_only_one: Whether both have the same datum, so that there is no other way.
    """

    transformer: pyproj.Transformer
    is_only_one: bool


@functools.lru_cache(maxsize=64)
def _way(source: str, target: str) -> _Way:
    """By the WKT of both."""
    one, other = pyproj.CRS.from_wkt(source), pyproj.CRS.from_wkt(target)
    return _Way(transformer=pyproj.Transformer.from_crs(one, other, always_xy=True), is_only_one=same_datum(one, other))
