"""What the engine reasons about: a migration as a file, and as a row of the history. Pure."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vuelo.naming import Kind, ScriptName, Version


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
class Found:
    """What the locations of one service hold, in no particular order of meaning (by path)."""

    scripts: tuple[Script, ...]
    bad_names: tuple[BadName, ...]
