"""What the STAC classification extension, 2.0.0, says of its fields, as a JSON schema of our own."""

from __future__ import annotations

from typing import Any

CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"

_CLASS = {
    "type": "object",
    "required": ["value", "name"],
    "properties": {
        "value": {"type": "integer"},
        "name": {"type": "string", "pattern": "^[0-9A-Za-z_-]+$"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "color_hint": {"type": "string", "pattern": "^[0-9A-F]{6}$"},
        "nodata": {"type": "boolean"},
        "percentage": {"type": "number", "minimum": 0, "maximum": 100},
        "count": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": False,
}
_FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {"classification:classes": {"type": "array", "uniqueItems": True, "minItems": 1, "items": _CLASS}},
    "patternProperties": {"^classification:(?!classes$)": False},
}
_ASSETS = {
    "type": "object",
    "additionalProperties": {"allOf": [_FIELDS, {"properties": {"bands": {"type": "array", "items": _FIELDS}}}]},
}
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["stac_extensions"],
    "properties": {
        "stac_extensions": {"type": "array", "contains": {"const": CLASSIFICATION}},
        "properties": _FIELDS,
        "summaries": _FIELDS,
        "assets": _ASSETS,
        "item_assets": _ASSETS,
    },
}
