"""Where the CPU time of a conversion goes, part by part."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["PARTS", "seconds_by_part"]

_START = "start, imports"
_REST = "everything else"
_ROOT = "rastercollection"
_FUNCTIONS: dict[str, tuple[str, ...]] = {
    "validation": ("stages.validate.stage:validate_raster",),
    "decode": ("stages.cog.reading:store_for_warp", "stages.cog.reading:copy_pixels"),
    "warp": ("stages.cog.warp:warp",),
    "encoder choice": ("stages.cog.convert:_choose_encoding",),
    "overviews": ("rasters.writing.pyramid:Halving.fill",),
    "encode": ("rasters.encoding:*.encode",),
    "write": ("rasters.writing.encoded_cog:EncodedCog.write_to",),
    "COG validator": ("rasters.writing.validation:check_valid", "stages.cog.copying.comparison:_of_validator"),
    "comparison": ("rasters.writing.content:ExactContent.watch", "stages.cog.receipt.fidelity:give_receipt"),
    "statistics": ("rasters.pixels.statistics:RunningStatistics.add",),
    "look at a COG": ("stages.cog.copying.byte_copy:look_at",),
    "footprint, facts": ("rasters.writing.facts:footprint_of", "rasters.writing.facts:cog_file_of"),
    "thumbnail, publishing": ("stages.cog.task:_published",),
}
"""Functions by module, class and name; a star stands for every class of a package."""
PARTS = (_START, *_FUNCTIONS, _REST)


def seconds_by_part(convert: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of this process by part, up to and with ``convert``, which is run once.

    Each part is without those that it calls. Work of other threads than this one counts for the part that waits for it.
    """
    stage = importlib.import_module(f"{_ROOT}.stages.cog.task")
    importlib.import_module(f"{_ROOT}.stages.validate.stage")
    assert stage
    found = dict.fromkeys(PARTS, 0.0)
    found[_START] = time.process_time()
    clock = _Clock(found)
    for part, names in _FUNCTIONS.items():
        for name in names:
            for holder, attribute in _places(name):
                _watch(holder, attribute, clock, part)
    clock.begin(_REST)
    convert()
    clock.end()
    return found


class _Clock:
    """Adds CPU time to the part that was entered last and not left yet."""

    def __init__(self, found: dict[str, float]) -> None:
        self._found, self._entered, self._since = found, [_START], time.process_time()
        self._thread = threading.get_ident()

    def begin(self, part: str) -> None:
        self._turn()
        self._entered.append(part)

    def end(self) -> None:
        self._turn()
        self._entered.pop()

    @property
    def is_mine(self) -> bool:
        return threading.get_ident() == self._thread

    def _turn(self) -> None:
        now = time.process_time()
        self._found[self._entered[-1]] += now - self._since
        self._since = now


def _places(name: str) -> list[tuple[Any, str]]:
    """The class or module that holds a function, and its name there; nothing of what is not there."""
    where, _, path = name.partition(":")
    module = importlib.import_module(f"{_ROOT}.{where}")
    *classes, attribute = path.split(".")
    holders: list[Any] = [module]
    if classes == ["*"]:
        holders = [kind for each in _modules(module) for kind in vars(each).values() if inspect.isclass(kind)]
        holders = [kind for kind in dict.fromkeys(holders) if not getattr(kind, "_is_protocol", False)]
    elif classes:
        holders = [getattr(module, classes[0])]
    return [(holder, attribute) for holder in holders if attribute in vars(holder)]


def _modules(package: ModuleType) -> list[ModuleType]:
    names = [f"{package.__name__}.{each.name}" for each in pkgutil.iter_modules(getattr(package, "__path__", []))]
    return [package, *(importlib.import_module(name) for name in names)]


def _watch(holder: Any, attribute: str, clock: _Clock, part: str) -> None:
    """Replace a function, wherever it was imported to, by one that tells the clock."""
    original = vars(holder)[attribute]

    @functools.wraps(original)
    def watched(*arguments: Any, **named: Any) -> Any:
        if not clock.is_mine:
            return original(*arguments, **named)
        clock.begin(part)
        try:
            return original(*arguments, **named)
        finally:
            clock.end()

    setattr(holder, attribute, watched)
    if inspect.ismodule(holder):
        for name, module in list(sys.modules.items()):
            if name.startswith(_ROOT) and vars(module).get(attribute) is original:
                setattr(module, attribute, watched)
