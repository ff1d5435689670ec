"""An object that a task wrote."""

from __future__ import annotations

import attrs

__all__ = ["Made", "Output"]


@attrs.frozen(kw_only=True)
class Output:
    """An object a task wrote, with what is needed to tell later that it is still the same.

    Attributes:
        url, size, version: Of the object, as storage tells them.
        shared: Other jobs of the collection write it, too: for this one it need only be there.
    """

    url: str
    size: int
    version: str
    shared: bool = False


@attrs.frozen(kw_only=True)
class Made:
    """Of what any handler may return, what it wrote: this is looked at before the result is taken over.

    Attributes:
        outputs: Every object.
    """

    outputs: tuple[Output, ...] = ()
