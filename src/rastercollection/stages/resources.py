"""What every handler of a collection's job is given beside its parameters, by name and type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from rastercollection.model.output import Verify
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.registries import RENDERS
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.limits import Limits

__all__ = ["Resources"]


@attrs.frozen(kw_only=True)
class Resources:
    """The resources of a task's context.

    Attributes:
        storage: Where sources and outputs are.
        catalog: Where the collection is published; None where the caller publishes nothing.
        limits: What one task may use of the machine.
        verify: What is compared of outputs of an earlier run before they are taken over.
        renders: What names of renders stand for, ``module:attribute``, in the process that owns the job; those of
            installed packages are looked up where they are needed.
    """

    storage: StorageBackend
    catalog: CatalogBackend | None = None
    limits: Limits = attrs.field(factory=Limits)
    verify: Verify = "quick"
    renders: Mapping[str, str] = attrs.field(factory=RENDERS.registered)

    @classmethod
    def of(cls, resources: Mapping[str, Any]) -> Self:
        """From what the job's owner passed in, which may hold more."""
        return cls(**{name: resources[name] for name in attrs.fields_dict(cls) if name in resources})
