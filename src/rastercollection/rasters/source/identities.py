"""What a raster's descriptions and tags say of what its bands show."""

from __future__ import annotations

from rasterio.io import DatasetReader

from rastercollection.model.band import BandIdentity
from rastercollection.model.band_names import wavelength_in_tags, wavelength_in_text

__all__ = ["band_identities"]

_NAME_TAGS = ("common_name", "bandname", "band_name", "name", "long_name", "standard_name")
_LONGEST_TEXT = 200


def band_identities(dataset: DatasetReader, *, is_named: bool) -> tuple[BandIdentity, ...]:
    """What the file says of what each band shows; of bands that the user has named, the name and the wavelength."""
    shared = _tags(dataset, 0)
    return tuple(
        _identity(description, _tags(dataset, band), shared, is_named=is_named)
        for band, description in enumerate(dataset.descriptions, 1)
    )


def _identity(description: str | None, tags: dict[str, str], shared: dict[str, str], *, is_named: bool) -> BandIdentity:
    keys = {key.lower(): value for key, value in tags.items()}
    names = () if is_named else tuple(keys[tag][:_LONGEST_TEXT] for tag in _NAME_TAGS if keys.get(tag))
    texts = [text for text in (description, *names) if text]
    lengths = [wavelength_in_tags(tags, shared), *map(wavelength_in_text, texts)]
    return BandIdentity(
        description=description[:_LONGEST_TEXT] if description else None,
        names=names,
        wavelength=next((length for length in lengths if length is not None), None),
    )


def _tags(dataset: DatasetReader, band: int) -> dict[str, str]:
    """Tags of the dataset (band 0) or a band, of the default domain and of that for imagery."""
    return {key: str(value) for domain in (None, "IMAGERY") for key, value in dataset.tags(band, ns=domain).items()}
