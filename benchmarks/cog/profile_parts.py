"""Where the CPU time of a conversion goes, part by part."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable

__all__ = ["PARTS", "seconds_by_part"]

_START = "start, imports"
_REST = "everything else"
_FUNCTIONS = {
    "validation": (("validate/handler.py", "validate_raster"),),
    "decode": (("cog/reading.py", "store_for_warp"), ("cog/reading.py", "copy_pixels"), ("cog/takeover.py", "look_at")),
    "warp": (("cog/warp.py", "warp"),),
    "overviews": (("cog/pyramid.py", "build_pyramid"),),
    "encode": (("cog/encode.py", "encode"),),
    "COG validator": (("cog/encode.py", "check_valid"), ("cog/passthrough.py", "_of_validator")),
    "receipt": (("cog/fidelity.py", "give_receipt"),),
    "statistics": (("cog/statistics.py", "add"),),
    "level choice": (("cog/convert.py", "_choose_level"),),
    "footprint, thumbnail, checksum, copy": (("cog/handler.py", "_published"),),
}
_HOLDS_STATISTICS = {"warp.py": "warp", "reading.py": "decode", "takeover.py": "decode", "convert.py": "decode"}
PARTS = (_START, *_FUNCTIONS, _REST)


def seconds_by_part(convert: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of this process by part, up to and with ``convert``, which is run once, under a profiler."""
    import rastercollection.stages.cog.handler
    import rastercollection.stages.validate.handler  # noqa: F401

    found = {_START: time.process_time()}
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(convert)
    rows = pstats.Stats(profiler).stats.items()  # type: ignore[attr-defined]
    for part, functions in _FUNCTIONS.items():
        found[part] = sum(
            spent
            for (file, _, name), (_, _, _, spent, _) in rows
            if any(file.endswith(end) and name == function for end, function in functions)
        )
    # a census that is taken while pixels are decoded or warped is no part of that
    for (file, _, name), (_, _, _, _, callers) in rows:
        if file.endswith("cog/statistics.py") and name == "add":
            for (caller, _, _), (_, _, _, spent) in callers.items():
                holder = _HOLDS_STATISTICS.get(caller.rsplit("/", 1)[-1])
                found["statistics"] -= spent if caller.endswith("statistics.py") else 0
                if holder:
                    found[holder] -= spent
    found[_REST] = time.process_time() - sum(found.values())
    return found
