"""Telling observers: what one of them fails at harms nothing, and is said once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rastercollection.core.events import Event, Observer
from rastercollection.core.models import Notice
from rastercollection.disclosure.logs import get_logger

__all__ = ["Observers", "together"]

log = get_logger("rastercollection")


class Observers:
    """Observers that are told together, in order.

    Args:
        observers: Each is told of every event, also after it has failed.

    Attributes:
        notices: One for each observer that has failed, with its first error.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)
        self._failed: set[int] = set()
        self.notices: list[Notice] = []

    def __iter__(self) -> Iterator[Observer]:
        return iter(self._observers)

    def tell(self, event: Event) -> None:
        """Tell all of an event. The first error of each is logged, with its traceback.

        Raises:
            KeyboardInterrupt, SystemExit: An observer raised it: the program is to end, and the job with it.
        """
        for number, observer in enumerate(self._observers):
            try:
                observer(event)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # whatever it watches with, an event loop that ends too, the job goes on
                if number not in self._failed:
                    self._failed.add(number)
                    log.exception("observer %r failed on %s; no more is said of it", observer, type(event).__name__)
                    self.notices.append(_notice(observer, event, error))


def _notice(observer: Observer, event: Event, error: BaseException) -> Notice:
    name = getattr(observer, "__qualname__", None) or type(observer).__qualname__
    message = f"The observer {name} failed on {type(event).__name__}: {type(error).__name__}: {error}"
    return Notice(code="OBSERVER_FAILED", message=f"{message}. What it shows may lack things.")


def together(observers: Iterable[Observer]) -> Observers:
    """Observers that are told together; the same where they are so already."""
    return observers if isinstance(observers, Observers) else Observers(observers)
