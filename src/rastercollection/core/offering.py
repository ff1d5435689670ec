"""What an object offers, by which protocols are told at run time: also what it hands on to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

__all__ = ["Offering"]

if TYPE_CHECKING:
    from abc import ABCMeta as _OfProtocols
else:
    _OfProtocols = type(Protocol)


class Offering(_OfProtocols):
    """Metaclass of protocols that objects fulfil, to ``isinstance``, by whatever attributes they answer to.

    From Python 3.12 on, ``isinstance`` looks past ``__getattr__``, by which wrappers that count or log calls hand on
    what they do not do themselves: a wrapped catalog would offer no search there, and did before.
    """

    def __instancecheck__(self, instance: Any) -> bool:
        if super().__instancecheck__(instance):
            return True
        return bool(getattr(self, "_is_protocol", False)) and all(hasattr(instance, name) for name in _members(self))


def _members(protocol: type) -> set[str]:
    """Names of what a protocol asks for, but for special methods, which are looked up on types alone."""
    bases = [base for base in protocol.__mro__ if getattr(base, "_is_protocol", False) and base is not Protocol]
    names = {name for base in bases for name in (*vars(base), *vars(base).get("__annotations__", ()))}
    return {name for name in names if not name.startswith("_")}
