"""A pile of rasters, served: validated, turned into COGs, mosaicked, catalogued in STAC, on a map.

Start with :func:`process_collection`. The public names stand in ``__init__.pyi``; each is loaded when it is first used.
"""

from __future__ import annotations

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
