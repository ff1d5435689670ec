"""The dataset of a source raster: what GDAL says of it, with what is known better, and without its overviews."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Any

from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from typing_extensions import override

from rastercollection.model.band_names import color_of, description_of
from rastercollection.model.format_colors import believed_colors, is_default
from rastercollection.rasters.pixels.validity import nodata_values
from rastercollection.rasters.source.identities import band_identities
from rastercollection.rasters.source.reader import VettedReader
from rastercollection.rasters.source.subdatasets import Chosen

__all__ = ["SourceDataset"]


class SourceDataset(VettedReader):
    """A dataset opened without its overviews, which hides a few things from GDAL's callers; here they are.

    Attributes:
        blob: Name of the tile.
        gdal_path: The file, as GDAL knows it.
        confirm: Raises unless what was read so far is the source that the job found, and whole: SOURCE_CHANGED and
            SOURCE_UNAVAILABLE, both retryable. To be called before what was read is told or published.
        exact_nodata: The nodata value of each band, an int to the last digit where it is one of 64 bits.
        has_lost_texts: Descriptions or names of metadata domains are no UTF-8 and were left out.
        chosen: What of the file it is.
        is_renamed: Bands are called otherwise here than in the file: see :meth:`call_bands`, or one that it declares as
            alpha is data.
    """

    def __init__(
        self,
        path: str | PurePath,
        plain: DatasetReader,
        blob: str,
        chosen: Chosen,
        gdal_path: str,
        confirm: Callable[[], None],
        **options: Any,
    ) -> None:
        self.blob, self.gdal_path, self.chosen, self.confirm = blob, gdal_path, chosen, confirm
        # without overviews, a missing geotransform would be read from uninitialised memory (rasterio 1.4)
        self._geotransform = tuple(plain.get_transform())
        self.has_lost_texts = False
        self._band_descriptions = self._texts(lambda: plain.descriptions) or (None,) * plain.count
        self._namespaces = self._texts(plain.tag_namespaces)
        self._colors: tuple[ColorInterp, ...] | None = None
        self.is_renamed = False
        self.exact_nodata = nodata_values(plain)
        super().__init__(path, OVERVIEW_LEVEL="NONE", **options)
        with contextlib.suppress(CPLE_BaseError):
            # what GDAL complained of while it opened the file all the same, rasterio raises at the next question
            tuple(super().colorinterp)
        self._believe_bands()

    def _believe_bands(self) -> None:
        """Leave a format's default of colour interpretations aside where the file says otherwise of its bands."""
        names = tuple(color.name for color in self.colorinterp)
        if not is_default(names, self.dtypes):
            return
        believed = believed_colors(names, band_identities(self, is_named=False), PurePosixPath(self.blob).stem)
        if believed != names:
            self._colors = tuple(ColorInterp[name] for name in believed)
            self.is_renamed = self.hides_alpha

    def _texts(self, read: Callable[[], Iterable[Any]]) -> tuple[Any, ...]:
        try:
            return tuple(read())
        except UnicodeDecodeError:
            self.has_lost_texts = True
            return ()

    @override
    def read_transform(self) -> list[float]:
        """GDAL's geotransform; the identity without one."""
        return list(self._geotransform)

    @property
    @override
    def descriptions(self) -> tuple[str | None, ...]:
        """Description of each band; None where it has none."""
        return self._band_descriptions

    @property
    @override
    def colorinterp(self) -> tuple[ColorInterp, ...]:
        """Colour interpretation of each band."""
        return self._colors or tuple(super().colorinterp)

    @property
    @override
    def mask_flag_enums(self) -> tuple[list[MaskFlags], ...]:
        """What tells each band's invalid pixels, in GDAL's words."""
        flags = tuple(super().mask_flag_enums)
        return tuple([MaskFlags.all_valid] for _ in flags) if self.hides_alpha else flags

    @override
    def read_masks(self, *arguments: Any, **options: Any) -> Any:
        """GDAL's masks, 0 where a pixel is invalid."""
        masks = super().read_masks(*arguments, **options)
        if self.hides_alpha:
            masks[...] = 255
        return masks

    @property
    def hides_alpha(self) -> bool:
        """Whether the band that the file tells invalid pixels by is said to be another."""
        is_alpha = any(MaskFlags.alpha in flags for flags in super().mask_flag_enums)
        return is_alpha and ColorInterp.alpha not in self.colorinterp

    def call_bands(self, names: Sequence[str], roles: Sequence[str | None]) -> None:
        """From now on, have descriptions and colour interpretations say what the user says of the bands.

        Args:
            names: One a band.
            roles: The common names of what they show; None where that is not known.
        """
        own, colors = self.descriptions, self.colorinterp
        called = zip(names, roles, own, colors, strict=True)
        described, colored = zip(
            *(
                (description_of(name, role, text), ColorInterp[color_of(name, role, color.name)])
                for name, role, text, color in called
            ),
            strict=True,
        )
        file_colors = tuple(super().colorinterp)
        self.is_renamed = (described, colored) != (own, file_colors)
        self._band_descriptions, self._colors = described, colored

    @override
    def tag_namespaces(self, bidx: int = 0) -> list[str]:
        """Names of the dataset's or a band's metadata domains."""
        return list(super().tag_namespaces(bidx)) if bidx else list(self._namespaces)
