"""Which lines of `info` are shown, by Flyway's filters. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vuelo.naming import Version
from vuelo.plan import Plan
from vuelo.states import Entry, State


@dataclass(frozen=True)
class Selection:
    """What is None or empty lets everything pass. Dates are of the history table: without a time zone.

    As in Flyway, a beginning lets pass what has no version or no date, an end does not.
    """

    since_version: Version | None = None
    until_version: Version | None = None
    since_date: datetime | None = None
    until_date: datetime | None = None
    states: Sequence[State] = ()

    def of(self, plan: Plan, *, with_undos: bool = False) -> list[Entry]:
        """The lines of a plan; those of undo scripts that could run if they are asked for."""
        undos = plan.undos if with_undos or State.AVAILABLE in self.states else ()
        return [entry for entry in (*plan.entries, *undos) if self._lets_pass(entry)]

    def _lets_pass(self, entry: Entry) -> bool:
        either = entry.row or entry.script
        version = either.version if either else None
        date = entry.row.installed_on if entry.row else None
        if self.states and entry.state not in self.states:
            return False
        if self.since_version is not None and version is not None and version < self.since_version:
            return False
        if self.until_version is not None and (version is None or version > self.until_version):
            return False
        if self.since_date is not None and date is not None and date <= self.since_date:
            return False
        return self.until_date is None or (date is not None and date < self.until_date)


EVERYTHING = Selection()
