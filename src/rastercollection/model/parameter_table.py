"""What a notebook shows of parameters: those that were given, or follow from others, and the rest folded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.disclosure import markup
from rastercollection.model.parameters import parameters, shown

__all__ = ["ParameterTable", "parameters_html", "parameters_table"]

MOST_NAMED = 12


class ParameterTable:
    """Has notebooks show an instance whose fields hold parameters as a table of these."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return parameters_html(self)


def parameters_html(holder: Any) -> str:
    """The HTML of an instance whose fields hold parameters."""
    values = {name: getattr(holder, name) for name in parameters(type(holder))}
    title = str(values.get("collection_id") or type(holder).__name__)
    job = markup.facts({"Job": markup.code(holder.job_id)}) if hasattr(holder, "job_id") else ""
    return markup.card(title, [markup.badge("request")], parameters_table(type(holder), values), job)


def parameters_table(kind: type, values: Mapping[str, Any]) -> str:
    """Tables of parameters, those with their defaults folded.

    Args:
        kind: The attrs class whose fields they are.
        values: By name.
    """
    known = parameters(kind)
    usual = [name for name in values if name in known and _is_usual(values[name], known[name].default)]
    head = ("Parameter", "Value", "Meaning")
    told = [_row(name, values[name], known[name].meaning) for name in values if name in known and name not in usual]
    rest = [_row(name, values[name], known[name].meaning) for name in usual]
    folded = markup.folded(f"{len(rest)} more with their defaults", markup.table(head, rest)) if rest else ""
    return markup.table(head, told) + folded


def _is_usual(value: Any, default: Any) -> bool:
    """Whether a value, as it is or from a record, is the default."""
    return bool(value == default or (isinstance(default, tuple) and value == list(default)))


def _row(name: str, value: Any, meaning: str) -> tuple[str, str, str]:
    return markup.safe(name), _value(value), f'<span class="soft">{markup.safe(meaning).replace("`", "")}</span>'


def _value(value: Any) -> str:
    """A value; of many names the first few, and the others folded below."""
    if isinstance(value, list | tuple) and len(value) > MOST_NAMED:
        rest = "<br>".join(markup.safe(one) for one in value[MOST_NAMED : 20 * MOST_NAMED])
        more = f"<br>and {len(value) - 20 * MOST_NAMED:,} more" if len(value) > 20 * MOST_NAMED else ""
        return _value(value[:MOST_NAMED]) + markup.folded(f"{len(value) - MOST_NAMED:,} more", rest + more)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "<br>".join(markup.code(one) for one in value) or "none"
    if value is None:
        return "none"
    return markup.code(value if isinstance(value, str) else shown(value))
