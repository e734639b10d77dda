"""What the engine reasons about: a migration as a file, and as a row of the history. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from vuelo.naming import Kind, ScriptName, Version
from vuelo.settings import Phase


class RowType:
    """Values of the column `type` that vuelo writes. Flyway's other engines' types (JDBC, …) are only read."""

    SCHEMA = "SCHEMA"
    SQL = "SQL"
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

    @property
    def version(self) -> Version | None:
        return None if self.version_text is None else Version.parse(self.version_text)

    @property
    def takes_back(self) -> bool:
        """A DELETE row (an undo of ours, or a repair), or one of the UNDO_… rows that the paid Flyway writes."""
        return self.type == RowType.DELETE or self.type.startswith("UNDO")


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
class Found:
    """What the locations of one service hold: by path, callbacks in the order in which they run."""

    scripts: tuple[Script, ...]
    bad_names: tuple[BadName, ...]
    callbacks: tuple[Callback, ...] = ()
