"""The COGs that a job has made, looked at once more before they are made use of: others may have removed them."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs

from rastercollection.disclosure.listing import listed
from rastercollection.errors import BackendError, ObjectNotFoundError, TaskError
from rastercollection.model.cog import Cog
from rastercollection.model.output import Output
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.stages.verifying import checksum_of

__all__ = ["CogsInPlace"]

_FEW = 100
"""Up to so many objects of one folder are asked for one by one; of more, the folder is listed first."""
_AT_ONCE = 8


@attrs.frozen(kw_only=True)
class CogsInPlace:
    """Looks whether COGs, and their thumbnails, are what their tasks have written.

    Attributes:
        cogs: As their tasks told.
        storage: Where they are.
    """

    cogs: Sequence[Cog]
    storage: StorageBackend
    _known: dict[str, str] = attrs.field(factory=dict, init=False, repr=False)
    """Versions of objects that somebody wrote again with the same content."""

    def confirm(self) -> None:
        """Look at all of them: at what the store tells and, where that has changed, at the content.

        Called again, it looks at the content of what has changed since only.

        Raises:
            TaskError: ``RESULTS_GONE``; some are not there, or have another content.
            BackendError: The store cannot be asked.
        """
        blobs = {output.url: cog.source_blob for cog in self.cogs for output in cog.outputs}
        outputs = {output.url: output for cog in self.cogs for output in cog.outputs}
        unsure = [output for output in outputs.values() if output.url not in self._listed(outputs.values())]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            is_there = list(threads.map(self._is_there, unsure))
        gone = {blobs[output.url]: None for output, found in zip(unsure, is_there, strict=True) if not found}
        if gone:
            raise TaskError(
                f"{len(gone)} COGs were removed, or written over, while the job ran: {listed(list(gone))}.",
                "Run the job again: it makes them again.",
                code="RESULTS_GONE",
            )

    def _listed(self, outputs: Iterable[Output]) -> set[str]:
        """Addresses of those that listings show as they were written; what these lack may be there all the same."""
        folders: dict[str, list[Output]] = defaultdict(list)
        for output in outputs:
            folders[output.url.rpartition("/")[0]].append(output)
        many = {folder: found for folder, found in folders.items() if len(found) > _FEW}
        there = {(info.url, info.size, info.version) for folder in many for info in self._objects(folder)}
        return {
            output.url
            for found in many.values()
            for output in found
            if (output.url, output.size, self._known.get(output.url, output.version)) in there
        }

    def _objects(self, folder: str) -> Iterator[ObjectInfo]:
        with contextlib.suppress(BackendError):
            yield from self.storage.list(folder, deep=False)

    def _is_there(self, output: Output) -> bool:
        try:
            info = self.storage.stat(output.url)
            if info.size != output.size:
                return False
            if info.version == self._known.get(output.url, output.version):
                return True
            is_same = bool(output.checksum) and checksum_of(self.storage, output.url, info.size) == output.checksum
        except ObjectNotFoundError:
            return False
        if is_same:
            self._known[output.url] = info.version
        return is_same
