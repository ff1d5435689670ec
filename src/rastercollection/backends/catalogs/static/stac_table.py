"""STAC items as a table, one row an item: what it takes to get any items through rustac into stac-geoparquet.

A column has one type, and rustac takes the columns from the first items it is given. So all items are looked through
before: those that show every field and type between them go first, and what has several types is written as JSON
text. rustac 0.9 knows the fields of STAC's core by type, and drops or refuses what does not fit. For that reason two
things that STAC allows have other names in the table: ``statistics.count`` of assets and bands is
``rastercollection:count``, and a ``nodata`` that is not a number of double precision is the text
``rastercollection:nodata``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from rastercollection.core.forks import rely_on_threads
from rastercollection.errors import BackendError
from rastercollection.stac.terms import COUNT, NODATA

__all__ = ["write_table"]

Json = dict[str, Any]

BATCH = 200
"""Items encoded at a time: what they take in memory as rows is many times what they take in the file."""

PAUSE = 0.05
"""Seconds after which rustac's threads have let go of Python; an interpreter that ends before is aborted."""

PATIENCE, PATIENCE_PER_ITEM = 60.0, 0.05
"""Seconds to wait for rustac, many times what it takes: publishing must not hang on a file that is there for speed."""

_CONTAINERS = ("properties", "assets")

Row = Callable[[Mapping[str, Any]], Json]
"""Makes of an item what is to be written."""


def write_table(items: Sequence[Mapping[str, Any]], row: Row, path: Path) -> None:
    """Write items to a local stac-geoparquet file. There must be at least one; their order is not kept.

    Raises:
        BackendError: rustac cannot write them, or does not come to an end.
        ForkedProcessError: rustac was used in the process that this one was forked from.
    """
    rely_on_threads()
    table = _Table(items, row)
    failures: list[BaseException] = []

    def write() -> None:
        try:
            asyncio.run(_write(table.batches(), path))
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            failures.append(error)

    # a thread of its own: a notebook's has an event loop that runs already
    thread = threading.Thread(target=write, name="rastercollection-mirror", daemon=True)
    thread.start()
    thread.join(PATIENCE + PATIENCE_PER_ITEM * len(items))
    if thread.is_alive():
        raise BackendError(f"rustac did not come to an end with {len(items)} items.", "Try again.", str(path))
    time.sleep(PAUSE)
    for failure in failures:
        if not isinstance(failure, Exception):
            raise failure
        raise BackendError(f"rustac cannot write the items as GeoParquet: {failure}", "", str(path)) from failure


async def _write(batches: Iterator[list[Json]], path: Path) -> None:
    from rustac import GeoparquetWriter
    from rustac.store import LocalStore

    # by a store, because characters of a folder's name have a meaning in rustac's own paths
    writer = await GeoparquetWriter.open(next(batches), path.name, store=LocalStore(prefix=str(path.parent)))
    for batch in batches:
        await writer.write(batch)
    await writer.finish()


class _Table:
    """Rows in the order in which they can be written."""

    def __init__(self, items: Sequence[Mapping[str, Any]], row: Row) -> None:
        self._items, self._row = items, row
        self._shape = _Shape()
        self._order: list[int] = []
        later: list[int] = []
        for index in range(len(items)):
            (self._order if self._shape.learn(self._fields(index)) else later).append(index)
        self._teachers = len(self._order)
        self._order += later
        self._has_text = any(shape.has_text() for shape in self._contained().values())

    def batches(self) -> Iterator[list[Json]]:
        """The first batch has every field and every type."""
        start = 0
        while start < len(self._order):
            end = start + max(BATCH, 0 if start else self._teachers)
            yield [self._fitted(index) for index in self._order[start:end]]
            start = end

    def _renamed(self, index: int) -> Json:
        item = self._row(self._items[index])
        return {**item, "assets": {key: _renamed_in(asset) for key, asset in item["assets"].items()}}

    def _fields(self, index: int) -> Json:
        """All but the places, which have columns of their own kind."""
        return {name: value for name, value in self._renamed(index).items() if name not in ("geometry", "bbox")}

    def _fitted(self, index: int) -> Json:
        item = self._renamed(index)
        if not self._has_text:
            return item
        shapes = self._contained()
        for name in _CONTAINERS:
            item[name] = {key: shapes[name, key].fit(value) for key, value in item[name].items()}
        return item

    def _contained(self) -> dict[tuple[str, str], _Shape]:
        fields = self._shape.fields
        return {(name, key): shape for name in _CONTAINERS for key, shape in fields[name].fields.items()}


def _renamed_in(thing: Mapping[str, Any]) -> Json:
    """An asset or a band."""
    changed = dict(thing)
    nodata = thing.get("nodata")
    if isinstance(nodata, str) or (isinstance(nodata, int) and int(float(nodata)) != nodata):
        changed[NODATA] = str(changed.pop("nodata"))
    statistics = thing.get("statistics")
    if isinstance(statistics, Mapping) and "count" in statistics:
        changed["statistics"] = {name: value for name, value in statistics.items() if name != "count"}
        changed[COUNT] = statistics["count"]
    if "bands" in thing:
        changed["bands"] = [_renamed_in(band) for band in thing["bands"]]
    return changed


@attrs.define
class _Shape:
    """The types that values in one place have, over all items.

    Attributes:
        kinds: Of ``flag``, ``integer``, ``number``, ``text``, ``list``, ``object`` and ``large``, an integer of more
            than 64 bits; nothing is no type.
        fields: Of objects, by name.
        element: Of lists.
    """

    kinds: set[str] = attrs.field(factory=set)
    fields: dict[str, _Shape] = attrs.field(factory=dict)
    element: _Shape | None = None

    def learn(self, value: Any) -> bool:
        """Whether ``value`` has a field or a type that no value before it had."""
        if value is None:
            return False
        kind = _kind(value)
        is_new = kind not in self.kinds
        if is_new:
            self.kinds.add(kind)
        if kind == "object":
            for name, item in value.items():
                shape = self.fields.get(name)
                if shape is None:
                    shape = self.fields[name] = _Shape()
                    is_new = True
                is_new |= shape.learn(item)
        elif kind == "list":
            self.element = self.element or _Shape()
            for item in value:
                is_new |= self.element.learn(item)
        return is_new

    @property
    def is_text(self) -> bool:
        """Whether no column can hold these values as they are."""
        several = len(self.kinds - {"integer"} if "number" in self.kinds else self.kinds) > 1
        return several or "large" in self.kinds or ("object" in self.kinds and not self.fields)

    def has_text(self) -> bool:
        """Whether that is so anywhere in here."""
        below = [*self.fields.values(), *([self.element] if self.element else [])]
        return self.is_text or any(shape.has_text() for shape in below)

    def fit(self, value: Any) -> Any:
        """The value with JSON text where no column can hold it as it is."""
        if value is None:
            return None
        if self.is_text:
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, Mapping):
            return {name: self.fields[name].fit(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            assert self.element is not None
            return [self.element.fit(item) for item in value]
        return value


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else "large"
    if isinstance(value, float):
        return "number"
    return "object" if isinstance(value, Mapping) else "list"
