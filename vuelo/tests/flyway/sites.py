"""One schema of one database that both engines are sent to, and what each of them says about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import psycopg
from psycopg import sql
from psycopg.rows import class_row

import vuelo
from vuelo import Plan, Project, Service, State, Version
from vuelo.run import MigrateSettings
from vuelo.schema import snapshot
from vuelo.settings import NAMES

from .engine import Flyway, Outcome, Request

PASSWORD = "only for tests"  # noqa: S105 - of a server that lives as long as the tests


class Row(NamedTuple):
    """A row of the history but for who, when and how long."""

    installed_rank: int
    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    success: bool


class Line(NamedTuple):
    """What either engine's info says of one migration."""

    rank: int
    version: str
    description: str
    state: str


_NOT_APPLIED = 1_000_000


@dataclass(frozen=True)
class Site:
    """Commands of vuelo are plain verbs; `flyway` sends the other engine. `common` are settings that both have."""

    engine: Flyway
    service: Service
    port: str
    database: str
    common: dict[str, Any] = field(default_factory=dict[str, Any])

    def configured(self, **settings: Any) -> "Site":
        """With settings for both engines, as vuelo spells them; `schemas` are all, the default schema first."""
        ours = {name: value for name, value in settings.items() if name in NAMES and name != "schemas"}
        others = {"schemas": tuple(settings.get("schemas", ())[1:])}
        service = replace(self.service, settings=replace(self.service.settings, **ours, **others))
        service = replace(service, table=settings.get("table", service.table))
        return replace(self, service=service, common={**self.common, **settings})

    def flyway(self, command: str, **settings: Any) -> Outcome:
        """`settings` as vuelo spells them: out_of_order=True. Lists are given with commas."""
        service = self.service
        given = {
            "schemas": service.schema,
            "locations": [f"filesystem:{location}" for location in service.locations],
            "init_sql": f"SET ROLE {service.role}" if service.role else None,
            **self.common,
            **settings,
        }
        return self.engine.ask(
            Request(
                command=command,
                url=f"jdbc:postgresql://127.0.0.1:{self.port}/{self.database}",
                user="postgres",
                password=PASSWORD,
                placeholders=dict(service.placeholders),
                settings={f"flyway.{camel(name)}": text(value) for name, value in given.items() if value is not None},
            )
        )

    @property
    def project(self) -> Project:
        return Project(Path.cwd(), "test", (self.service,))

    def migrate(self, **changed: Unpack[MigrateSettings]) -> list[str]:
        """What was applied: versions, and descriptions of repeatables, as in Flyway's Outcome."""
        [result] = vuelo.migrate(self.project, **changed)
        return [step.version or step.description for step in result.steps]

    def undo(self, steps: int = 1, *, target: str | None = None) -> list[str]:
        [result] = vuelo.undo(self.project, steps=steps, target=Version.parse(target) if target else None)
        return [step.version or step.description for step in result.steps]

    def info(self, **changed: Unpack[MigrateSettings]) -> Plan:
        return vuelo.info(self.project, **changed)[self.service.name]

    def lines(self, **changed: Unpack[MigrateSettings]) -> list[Line]:
        """vuelo's info, with what it calls Undone under Flyway's word for it."""
        lines: list[Line] = []
        for entry in self.info(**changed).entries:
            either = entry.row or entry.script
            assert either is not None
            version = "" if either.version is None else either.version.text
            rank = entry.row.installed_rank if entry.row else _NOT_APPLIED
            state = "Deleted" if entry.state is State.UNDONE else entry.state.value
            lines.append(Line(rank, version, either.description, state))
        return lines

    def with_locations(self, *locations: Path) -> "Site":
        return replace(self, service=replace(self.service, locations=locations))

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.service.url, autocommit=True)

    def execute(self, query: str) -> list[Any]:
        with self.connect() as conn:
            cursor = conn.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def history(self) -> list[Row]:
        query = sql.SQL(
            """SELECT installed_rank, version, description, type, script, checksum, success
                 FROM {} ORDER BY installed_rank"""
        ).format(sql.Identifier(self.service.schema, self.service.table))
        with self.connect() as conn, conn.cursor(row_factory=class_row(Row)) as cursor:
            return cursor.execute(query).fetchall()

    def catalog(self) -> snapshot.Snapshot:
        """Every object of the schema, the history table included; vuelo's own table is not Flyway's."""
        with self.connect() as conn:
            return snapshot.take(conn, self.service.schema, left_out=("vuelo_log", f"{self.service.table}_vuelo_log"))


def camel(name: str) -> str:
    """out_of_order is outOfOrder; a name that has dots stays."""
    first, *others = name.split("_")
    return name if "." in name else first + "".join(word.capitalize() for word in others)


def text(value: Any) -> str:
    """As Flyway reads it from its files."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType]


def flyway_lines(outcome: Outcome) -> list[Line]:
    """Flyway's info without DELETE rows, which it lists for repeatables and vuelo for nothing."""
    assert outcome.migrations is not None, outcome.error
    return [
        Line(_NOT_APPLIED if each.rank is None else each.rank, each.version or "", each.description, each.state)
        for each in outcome.migrations
        if each.type != "DELETE"
    ]


def assert_same_lines(site: Site, **options: Any) -> list[tuple[str, str]]:
    """Both engines show the same; version, or description of a repeatable, and state, but for the schema's own row."""
    lines = site.lines(**options)
    assert lines == flyway_lines(site.flyway("info", **options))
    return states(lines)


def assert_agreed_and_done(site: Site) -> None:
    """Both read the same states, find nothing wrong and nothing to do, and the second migrate of each does nothing."""
    before = site.history()
    outcome = site.flyway("validate")
    assert (outcome.error, outcome.invalid, outcome.pending) == (None, [], [])
    assert site.flyway("migrate").applied == []
    plan = site.info()
    assert (plan.problems, plan.pending) == ((), ())
    assert site.migrate() == []
    assert site.lines() == flyway_lines(outcome)
    assert (plan.current_version.text if plan.current_version else None) == outcome.current
    assert site.history() == before


def states(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Version, or description of a repeatable, and state; the schema's own row is left out."""
    named = [(line.version or line.description, line.state) for line in lines]
    return [line for line in named if line[0] != "<< Flyway Schema Creation >>"]
