"""How this process reaches what a job has written: storage and catalog, as the job was given them."""

from __future__ import annotations

from typing import Any

import attrs

from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend

__all__ = ["GivenBackends"]


@attrs.frozen(kw_only=True)
class GivenBackends:
    """Storage and catalog of a job that ran here; nothing of it leaves the process, for it may hold credentials.

    Attributes:
        storage, catalog: None where they are not known: what has an address is looked for there.
    """

    storage: StorageBackend | None = attrs.field(default=None, repr=False)
    catalog: CatalogBackend | None = attrs.field(default=None, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return GivenBackends, ()
