"""What the engine reasons about: a migration as a file, and as a row of the history. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from vuelo.errors import VueloError
from vuelo.naming import Kind, ScriptName, Version
from vuelo.settings import Phase

_LONGEST_DESCRIPTION = 200


class RowType:
    """Values of the column `type` that vuelo writes. Flyway's other engines' types (JDBC, …) are only read."""

    SCHEMA = "SCHEMA"
    BASELINE = "BASELINE"
    SQL = "SQL"
    SQL_BASELINE = "SQL_BASELINE"
    DELETE = "DELETE"


@dataclass(frozen=True)
class Applied:
    """One row. `installed_on` is in the server's time zone, as Flyway keeps it; `execution_time` is in ms."""

    installed_rank: int
    version_text: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    installed_by: str
    installed_on: datetime
    execution_time: int
    success: bool

    @cached_property
    def version(self) -> Version | None:
        """Raises VueloError `history.unreadable` for what no engine takes for a version."""
        try:
            return None if self.version_text is None else Version.stored(self.version_text)
        except ValueError as error:
            message = f"in the history the row of rank {self.installed_rank} has the version {self.version_text!r}"
            raise VueloError("history.unreadable", message, "somebody has changed it by hand: set it right") from error

    @property
    def takes_back(self) -> bool:
        """A DELETE row (an undo of ours, or a repair), or one of the UNDO_… rows that the paid Flyway writes."""
        return self.type == RowType.DELETE or self.type.startswith("UNDO")

    @property
    def is_baseline(self) -> bool:
        """The mark of a baseline, or a baseline migration, which Flyway 8 called a state script."""
        return self.type.endswith(("BASELINE", "STATE_SCRIPT"))

    @property
    def is_synthetic(self) -> bool:
        """A row that no file stands behind."""
        return self.type in (RowType.SCHEMA, RowType.BASELINE, RowType.DELETE)


def stored_description(description: str) -> str:
    """As the history table has room for it."""
    if len(description) <= _LONGEST_DESCRIPTION:
        return description
    return description[: _LONGEST_DESCRIPTION - 3] + "..."


@dataclass(frozen=True)
class ScriptConfig:
    """What the file `<script>.conf` beside a script changes for it; None leaves it to the service's settings."""

    execute_in_transaction: bool | None = None
    encoding: str | None = None
    placeholder_replacement: bool | None = None
    should_execute: bool = True
    placeholders: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)


@dataclass(frozen=True)
class Script:
    """One migration file. `script` is its path below its location, as the history table stores it.

    A repeatable has two checksums: of the text with its placeholders replaced, which is stored, and of the raw text,
    which Flyway accepts as well.
    """

    name: ScriptName
    path: Path
    script: str
    checksum: int
    raw_checksum: int
    config: ScriptConfig = ScriptConfig()
    phase: Phase = Phase.EXPAND

    @property
    def kind(self) -> Kind:
        return self.name.kind

    @property
    def version(self) -> Version | None:
        return self.name.version

    @property
    def description(self) -> str:
        return self.name.description

    @property
    def row_type(self) -> str:
        return RowType.SQL_BASELINE if self.kind is Kind.BASELINE else RowType.SQL

    def matches(self, checksum: int | None) -> bool:
        return checksum in (self.checksum, self.raw_checksum)


@dataclass(frozen=True)
class BadName:
    """A `.sql` file in a location that no rule of naming accepts."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Callback:
    """A script that runs when something happens: `beforeMigrate.sql`, `afterEachMigrate__tell.sql`."""

    event: str
    description: str
    path: Path
    config: ScriptConfig = ScriptConfig()


@dataclass(frozen=True)
class Remembered:
    """What vuelo's log knows beside the history, by rank: DELETE rows that an undo wrote, and, of rows whose script has
    no transaction and did not come to its end, a sentence that says how far it came. `half_undone` says the same of an
    undo script, by the rank of the row that it was to take back.
    """

    undone: frozenset[int] = frozenset()
    unfinished: Mapping[int, str] = field(default_factory=dict[int, str])
    half_undone: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True)
class Found:
    """What the locations of one service hold: by path, callbacks in the order in which they run."""

    scripts: tuple[Script, ...]
    bad_names: tuple[BadName, ...]
    callbacks: tuple[Callback, ...] = ()
