"""How a service is migrated: Flyway's settings in snake case, with its defaults unless a reason is given. Pure.

Each may stand in `vuelo.toml` at the top, under an environment or under a service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, cast

from vuelo import window
from vuelo.errors import VueloError
from vuelo.naming import Naming


class Phase(StrEnum):
    """Of a change without downtime: what old code bears, and what only new code bears (`-- vuelo: phase=contract`)."""

    EXPAND = "expand"
    CONTRACT = "contract"


@dataclass(frozen=True)
class Settings:
    """One service's. A setting of Flyway means what Flyway's documentation says of it."""

    target: str = "latest"  # a version, "2.1?" where it may be missing, latest, next (one more), current (repeatables)
    cherry_pick: tuple[str, ...] = ()  # versions, or descriptions of repeatables: these alone, in this order
    out_of_order: bool = False
    phase: Phase = Phase.EXPAND  # contract: also what a header `-- vuelo: phase=contract` keeps back
    group: bool = False  # all pending migrations in one transaction
    mixed: bool = False  # a script may mix statements that need a transaction with those that cannot have one
    execute_in_transaction: bool = True
    skip_executing_migrations: bool = False  # write the history rows only
    validate_on_migrate: bool = True
    validate_migration_naming: bool = True  # Flyway's default is false, which lets a slip pass in silence
    ignore_migration_patterns: tuple[str, ...] = ("*:future",)
    baseline_on_migrate: bool = False
    baseline_version: str = "1"
    baseline_description: str = "<< Flyway Baseline >>"
    create_schemas: bool = True
    schemas: tuple[str, ...] = ()  # further ones that are made, and cleaned, with the service's own
    tablespace: str | None = None  # of the history table
    installed_by: str | None = None  # instead of current_user
    clean_disabled: bool = True
    fail_on_missing_locations: bool = True  # Flyway's default is false
    init_sql: str | None = None  # run in every session, before anything else
    connect_retries: int = 0
    connect_retries_interval: int = 120  # the longest pause between two, in seconds
    encoding: str = "UTF-8"
    skip_default_callbacks: bool = False
    sql_migration_prefix: str = "V"
    undo_sql_migration_prefix: str = "U"
    repeatable_sql_migration_prefix: str = "R"
    baseline_migration_prefix: str = "B"
    sql_migration_separator: str = "__"
    sql_migration_suffixes: tuple[str, ...] = (".sql",)
    placeholder_prefix: str = "${"
    placeholder_suffix: str = "}"
    placeholder_separator: str = ":"
    placeholder_replacement: bool = True
    lock_retries: int = 20  # how often a transaction that ran into lock_timeout is tried again
    pooler: bool = False  # the address is that of a pooler of transactions: nothing lives longer than one
    maintenance_window: str | None = None  # "Sun 02:00-04:30 America/Mexico_City": when contract migrations may run
    webhook: str | None = None  # gets a JSON body after a failure
    webhook_on_success: bool = False
    scratch_setup: str | None = None  # what a scratch database gets first: an SQL file, or "package.module:function"
    schema_file: str | None = None  # where `vuelo dump` keeps the schema: "docs/{service}.sql"
    metrics_file: str | None = None  # for Prometheus' textfile collector; rewritten by each run

    @property
    def naming(self) -> Naming:
        return Naming(
            versioned=self.sql_migration_prefix,
            undo=self.undo_sql_migration_prefix,
            repeatable=self.repeatable_sql_migration_prefix,
            baseline=self.baseline_migration_prefix,
            separator=self.sql_migration_separator,
            suffixes=self.sql_migration_suffixes,
        )


NAMES = frozenset(one.name for one in fields(Settings))
_DEFAULTS = Settings()
_TRUTHS = {"true": True, "false": False}


def parsed(values: Mapping[str, Any], where: str) -> Settings:
    """Of values as TOML has them, or as texts where they come from variables. An empty text counts as not set.

    Raises VueloError `config.invalid`, `config.window`; `where` says in whose settings.
    """
    given = {name: _read(name, value, where) for name, value in values.items() if value != ""}
    settings = replace(_DEFAULTS, **given)
    if settings.maintenance_window is not None:
        _refuse_bad_window(settings.maintenance_window, where)
    return settings


def _refuse_bad_window(text: str, where: str) -> None:
    try:
        window.parsed(text)
    except VueloError as error:
        raise VueloError(error.code, f"{where}: {error.message}", error.hint) from None


def _read(name: str, value: Any, where: str) -> Any:
    default = getattr(_DEFAULTS, name)
    if isinstance(default, bool):
        wanted, read = "true or false", value if isinstance(value, bool) else _TRUTHS.get(str(value).lower())
    elif isinstance(default, int):
        text = "" if isinstance(value, bool) else str(value)
        wanted, read = "a whole number from 0", int(text) if text.isascii() and text.isdigit() else None
    elif isinstance(default, Phase):
        wanted, read = "expand or contract", Phase(value) if value in tuple(Phase) else None
    elif isinstance(default, tuple):
        wanted, read = "a list of texts", _texts(value)
    else:
        wanted, read = "a text", value if isinstance(value, str) else None
    if read is None:
        raise VueloError("config.invalid", f"{where}: {name} is {wanted}")
    return read


def _texts(value: Any) -> tuple[str, ...] | None:
    """A list, or one text with commas, as a variable has it."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if not isinstance(value, list) or not all(isinstance(part, str) for part in cast("list[Any]", value)):
        return None
    return tuple(cast("list[str]", value))
