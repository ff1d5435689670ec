"""What a raster says beside its pixels, and how it is carried over: tags, names, units, scales, colours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.rpc import RPC

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.source.classes import CLASS_NAMES, BandClasses, classes_of
from rastercollection.rasters.writing.left_out import holds_color_table, left_out

__all__ = ["ColorTable", "Metadata", "color_table_of", "kept_tags"]

ColorTable = Mapping[int, tuple[int, int, int, int]]
_Tags = Mapping[str, str]

_MOST_BYTES = 64 * 1024
_LONGEST_TAG_IN_RESULT = 2000
_DERIVED_DOMAINS = {"IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "OVERVIEWS", "RPC", "GEOLOCATION"}
_DERIVED_TAG = re.compile(r"STATISTICS_\w+|OVR_\w+|LAYOUT|COMPRESSION|INTERLEAVE|AREA_OR_POINT", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Metadata:
    """A raster's metadata, without what holds for the file and not for its content (statistics, structure).

    Attributes:
        tags: By domain; the empty one is the default.
        band_tags: The same of each band.
        descriptions, units: Of each band; None without one.
        scales, offsets: Of each band.
        colors: Colour interpretation of each band.
        color_table: Of a single band; None without one.
        classes: What is said of the values of each band; names of classes are among the tags, too.
        is_point: Coordinates are those of pixel centres (AREA_OR_POINT=Point).
        rpcs: Rational polynomials, which hold for unmoved pixels only.
        notices: What could not be kept.
    """

    tags: Mapping[str, _Tags]
    band_tags: tuple[Mapping[str, _Tags], ...]
    descriptions: tuple[str | None, ...]
    units: tuple[str | None, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    colors: tuple[ColorInterp, ...]
    color_table: ColorTable | None
    classes: tuple[BandClasses, ...]
    is_point: bool
    rpcs: RPC | None
    notices: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, dataset: DatasetReader, layout: PixelLayout, blob: str) -> Metadata:
        """The metadata of the bands of a source that its COG keeps."""
        pick, budget, every = _picker(layout), _Budget(), classes_of(dataset)
        classes: tuple[BandClasses, ...] = pick(every)
        tables = tuple(color_table_of(dataset, band) for band in dataset.indexes)
        tags = budget.take(_domains(dataset, 0))
        band_tags = tuple(
            budget.take(_with_names(_domains(dataset, band + 1), found))
            for band, found in zip(layout.bands, classes, strict=True)
        )
        return cls(
            tags=tags,
            band_tags=band_tags,
            descriptions=pick(dataset.descriptions),
            units=pick(dataset.units),
            scales=pick(dataset.scales),
            offsets=pick(dataset.offsets),
            colors=pick(dataset.colorinterp),
            color_table=tables[0] if holds_color_table(layout) else None,
            classes=classes,
            is_point=dataset.tags().get("AREA_OR_POINT") == "Point",
            rpcs=dataset.rpcs,
            notices=(*budget.notices(blob), *left_out(dataset, layout, tables, every, blob)),
        )

    def write(self, dataset: DatasetWriter) -> None:
        """Write it into a dataset that holds the kept bands: all but rational polynomials and :attr:`documents`."""
        for domain, tags in self.tags.items():
            if domain not in self.documents:
                _update_tags(dataset, 0, domain, tags)
        dataset.update_tags(AREA_OR_POINT="Point" if self.is_point else "Area")
        for band, domains in enumerate(self.band_tags, 1):
            for domain, tags in domains.items():
                _update_tags(dataset, band, domain, tags)
        if self.color_table is not None:
            dataset.write_colormap(1, dict(self.color_table))
        else:
            dataset.colorinterp = self.colors
        for band, (description, unit) in enumerate(zip(self.descriptions, self.units, strict=True), 1):
            if description:
                dataset.set_band_description(band, description)
            if unit:
                dataset.set_band_unit(band, unit)
        if any(scale != 1 for scale in self.scales) or any(offset != 0 for offset in self.offsets):
            dataset.scales, dataset.offsets = self.scales, self.offsets

    @property
    def documents(self) -> Mapping[str, str]:
        """Domains that are one text each, such as ``xml:XMP``."""
        found = {domain: next(iter(tags.values())) for domain, tags in self.tags.items() if domain.startswith("xml:")}
        return {domain: text for domain, text in found.items() if "=" in text}

    def missing_in(self, dataset: DatasetReader) -> tuple[str, ...]:
        """Names of the tags that a dataset lacks, or has otherwise."""
        return tuple(
            f"{domain}:{key}" if domain else key
            for domain, tags in self.tags.items()
            for key, value in tags.items()
            if domain not in self.documents and dataset.tags(ns=domain or None).get(key) != value
        )

    @property
    def has_domains(self) -> bool:
        """Whether there are tags in other domains than the default one and XMP."""
        domains = {domain for tags in (self.tags, *self.band_tags) for domain in tags}
        return bool(domains - {"", "xml:XMP"})


def kept_tags(metadata: Metadata) -> dict[str, str]:
    """The default domain's tags as a result carries them: text of bounded length."""
    return {key: value[:_LONGEST_TAG_IN_RESULT] for key, value in metadata.tags.get("", {}).items()}


class _Budget:
    """Keeps tags until they amount to too much."""

    def __init__(self) -> None:
        self._left = _MOST_BYTES
        self._dropped: dict[str, None] = {}

    def notices(self, blob: str) -> Iterator[Notice]:
        """What was not kept."""
        if self._dropped:
            message = f"{blob}: tags beyond the first {_MOST_BYTES // 1024} KiB were left out: {listed(self._dropped)}."
            yield Notice(code="TAGS_DROPPED", message=message)

    def take(self, domains: Iterator[tuple[str, _Tags]]) -> dict[str, dict[str, str]]:
        kept: dict[str, dict[str, str]] = {}
        for domain, tags in domains:
            for key, value in tags.items():
                size = len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
                if size > self._left:
                    self._dropped[f"{domain}:{key}" if domain else key] = None
                    continue
                self._left -= size
                kept.setdefault(domain, {})[key] = value
        return kept


def _domains(dataset: DatasetReader, band: int) -> Iterator[tuple[str, _Tags]]:
    """Domains and tags of the dataset (band 0) or of a band; the default domain first."""
    names = ["", *(name for name in dataset.tag_namespaces(band) if name)]
    for name in names:
        if name in _DERIVED_DOMAINS or name.startswith(("xml:VRT", "json:")):
            continue
        tags = dataset.tags(band, ns=name or None)
        yield name, {key: str(value) for key, value in tags.items() if name or not _DERIVED_TAG.fullmatch(key)}


def _update_tags(dataset: DatasetWriter, band: int, domain: str, tags: _Tags) -> None:
    if domain.startswith("xml:"):
        # such a domain is one text, which rasterio writes as "key=value"
        tags = dict([text.split("=", 1)]) if "=" in (text := next(iter(tags.values()))) else {}
    if tags:
        dataset.update_tags(band, ns=domain or None, **tags)


def _picker(layout: PixelLayout) -> Any:
    return lambda values: tuple(values[band] for band in layout.bands)


def color_table_of(dataset: DatasetReader, band: int = 1) -> ColorTable | None:
    """The colour table of a band; None without one."""
    if dataset.colorinterp[band - 1] is not ColorInterp.palette:
        return None
    try:
        table: ColorTable = dataset.colormap(band)
    except ValueError:
        return None
    return table


def _with_names(domains: Iterator[tuple[str, _Tags]], found: BandClasses) -> Iterator[tuple[str, _Tags]]:
    yield from ((name, tags) for name, tags in domains if name != CLASS_NAMES)
    if found.classes:
        yield CLASS_NAMES, {str(entry.value): entry.name for entry in found.classes}
