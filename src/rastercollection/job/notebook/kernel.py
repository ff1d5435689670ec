"""Whether this is a notebook, and an output of it that can be replaced. Nothing is imported anywhere else."""

from __future__ import annotations

import sys
from typing import Any

from rastercollection.disclosure.logs import get_logger

__all__ = ["CellOutput", "in_notebook"]

log = get_logger(__name__)


def in_notebook() -> bool:
    """Whether the program runs in the kernel of a notebook, which has been started by then."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class CellOutput:
    """An output of the cell that runs when it is first shown; later it is replaced where it stands.

    That takes no widgets: every front end can replace an output, and what it showed last stays in the notebook.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""
        self._is_broken = False

    def show(self, html: str, text: str) -> None:
        """Show HTML, or a text where there is no HTML. A front end that fails is not asked again.

        Args:
            html: Of the output.
            text: In its place.
        """
        if self._is_broken or html == self._shown:
            return
        try:
            from IPython.display import display

            bundle = {"text/html": html, "text/plain": text}
            if self._handle is None:
                self._handle = display(bundle, raw=True, display_id=True)
            else:
                self._handle.update(bundle, raw=True)
            self._shown = html
        except Exception:  # what shows a job must not end it
            self._is_broken = True
            log.debug("the notebook shows no progress", exc_info=True)
