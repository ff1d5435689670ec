"""What there is to do to bring a database of some version to today's."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from rastercollection.errors import BackendError

__all__ = ["Step", "Steps"]


@attrs.frozen
class Step:
    """Statements that make one version of a schema of the one before; the first of an empty database.

    A step that was released is never changed: databases of that version are everywhere.

    Attributes:
        version: The version they make, from 1.
        statements: Executed in this order, all of a database's missing steps in one transaction.
    """

    version: int
    statements: tuple[str, ...]


@attrs.frozen
class Steps:
    """All versions of a schema, the first one first."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *steps: Sequence[str]) -> Steps:
        """Steps to the versions 1, 2 …"""
        return cls(tuple(Step(version, tuple(statements)) for version, statements in enumerate(steps, 1)))

    @property
    def latest(self) -> int:
        """Today's version."""
        return len(self.steps)

    def missing(self, version: int, place: str) -> tuple[Step, ...]:
        """The steps that a database lacks.

        Args:
            version: Of the database; 0 for an empty one.
            place: The database, for messages.

        Raises:
            BackendError: It is of a newer release.
        """
        if version > self.latest:
            raise BackendError(
                f"{place} was written by a newer release (schema {version}; this one reads up to {self.latest}).",
                "Upgrade rastercollection, or use another job store.",
                place,
            )
        return self.steps[max(version, 0) :]
