"""JSON schemas of STAC's extensions, as far as copies are at hand: tests ask no server for them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyproj

from classification_schema import CLASSIFICATION, SCHEMA

FOLDER = "RASTERCOLLECTION_STAC_SCHEMAS"
"""A folder with copies, ``{extension}/{version}/schema.json``; unless it is set, that beside the checkout."""


def extension_schemas() -> dict[str, Any]:
    """By address."""
    given = os.environ.get(FOLDER)
    folder = Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "stac-schemas"
    schemas = {}
    for path in folder.glob("*/*/schema.json"):
        address = f"https://stac-extensions.github.io/{path.parent.parent.name}/{path.parent.name}/schema.json"
        schemas[address] = json.loads(path.read_text())
    schemas.setdefault(CLASSIFICATION, SCHEMA)
    projjson = Path(pyproj.datadir.get_data_dir()) / "projjson.schema.json"
    schemas["https://proj.org/schemas/v0.7/projjson.schema.json"] = json.loads(projjson.read_text())
    return schemas
