"""Checks of what takes room: bloat, sizes and their growth, the disk; and of statements that take time."""

import os
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.database import load_queries
from gasolinera.ops import measuring
from gasolinera.ops.checking import CheckResult, Row, Rule, Threshold, judge, skipped
from gasolinera.ops.checking_questions import ask

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "checks_platform.sql")
_CONFIRMED: Final = 3  # of the worst: pgstattuple reads what it measures
_LARGEST_READ: Final = 1024**3
_SUSPECT: Final = 50 * 1024**2
_FEWEST_CALLS: Final = 100
_STATEMENT_SHOWN: Final = 120
_NEVER_DAYS: Final = 3650.0
DISK: Final = "disk"  # among the sizes that are kept: what is used of the disk that the data lie on


class Disk(msgspec.Struct, frozen=True):
    """The disk that a server's data lie on, in bytes."""

    total: int
    free: int


def statement_result(conn: Connection, rule: Rule, limits: Sequence[Threshold]) -> CheckResult:
    """The mean time of statements that are called often, of those that took most of the server's time."""
    found = measuring.slow_statements(conn)
    if found.reason is not None:
        return skipped(rule, found.reason)
    rows: list[Row] = [
        (one.statement[:_STATEMENT_SHOWN], one.mean_ms / 1000, None)
        for one in found.statements
        if one.calls >= _FEWEST_CALLS
    ]
    return judge(rule, rows, limits)


def bloat_result(conn: Connection, schemas: Sequence[str], rule: Rule, limits: Sequence[Threshold]) -> CheckResult:
    """By the planner's figures; the worst measured by the extension pgstattuple, where it is installed."""
    rows = ask(conn, rule, _SQL[rule.name].sql.encode(), {"schemas": list(schemas)})
    if isinstance(rows, CheckResult):
        return rows
    place = conn.execute(_SQL["extension_place"].sql.encode(), {"name": "pgstattuple"}).fetchone()
    measure = _measure_table if rule.name == "table_bloat" else _measure_index
    told: list[Row] = []
    for at, (name, relation, amount) in enumerate(rows):
        measured = None
        if place is not None and at < _CONFIRMED and amount >= _SUSPECT:
            measured = measure(conn, place[0], relation)
        told.append((name, measured, None) if measured is not None else (f"{name} (estimated)", amount, None))
    return judge(rule, told, limits)


def _measure_table(conn: Connection, place: str, relation: int) -> float | None:
    text = "SELECT (approx_free_space + dead_tuple_len)::double precision FROM {}.pgstattuple_approx(%s::oid::regclass)"
    return _measured(conn, sql.SQL(text).format(sql.Identifier(place)), relation)


def _measure_index(conn: Connection, place: str, relation: int) -> float | None:
    text = (
        "SELECT index_size * greatest(0, 1 - avg_leaf_density / 90.0)::double precision"
        " FROM {}.pgstatindex(%s::oid::regclass) WHERE avg_leaf_density <> 'NaN'"
    )
    size = conn.execute("SELECT pg_relation_size(%s::oid::regclass)", (relation,)).fetchone()
    if size is None or size[0] > _LARGEST_READ:
        return None
    return _measured(conn, sql.SQL(text).format(sql.Identifier(place)), relation)


def _measured(conn: Connection, statement: sql.Composed, relation: int) -> float | None:
    """None where the extension may not, or takes too long: the estimate stands then."""
    try:
        row = conn.execute(statement, (relation,)).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return None
    return None if row is None else float(row[0])


def sizes_of(conn: Connection, schemas: Sequence[str]) -> dict[str, int]:
    """Of the database and its largest tables. Costs a look at every file of the database."""
    found = conn.execute(_SQL["sizes"].sql.encode(), {"schemas": list(schemas)}).fetchall()
    return {str(name): int(size) for name, size in found}


def disk_of(conn: Connection) -> Disk | None:
    """None where it cannot be seen from here."""
    folder = _folder_here(conn)
    if folder is None:
        return None
    disk = os.statvfs(folder)
    return Disk(disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize)


def _folder_here(conn: Connection) -> Path | None:
    """The server's data folder, where the server is this machine's and its folder can be seen."""
    try:
        row = conn.execute(_SQL["data_folder"].sql.encode()).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    if row is None or not _is_here(conn):
        return None
    folder = Path(row[0])
    try:
        if conn.info.host.startswith("/"):  # a socket is this machine's
            os.statvfs(folder)
            return folder
        lines = (folder / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    # Behind a loopback address there may be a tunnel, and a folder of the same name here.
    return folder if len(lines) > 3 and lines[3] == str(conn.info.port) else None


def _is_here(conn: Connection) -> bool:
    try:
        return conn.info.host.startswith("/") or ip_address(conn.info.hostaddr).is_loopback
    except ValueError:
        return False


def room_results(
    disk: Disk | None, growth: Mapping[str, float], rules: Sequence[Rule], limits: Sequence[Threshold]
) -> list[CheckResult]:
    """Of the disk and of growth, in bytes a day by object. Pure."""
    return [judge(rule, _room_rows(rule.name, disk, growth), limits) for rule in rules]


def _room_rows(name: str, disk: Disk | None, growth: Mapping[str, float]) -> list[Row]:
    if name in ("disk_used", "disk_forecast") and disk is None:
        return [(DISK, None, "elsewhere")]
    if name == "disk_used":
        assert disk is not None
        return [(DISK, 100.0 * (disk.total - disk.free) / disk.total, None)]
    if name == "disk_forecast":
        assert disk is not None
        per_day = growth.get(DISK)
        if per_day is None:
            return [(DISK, None, "known_too_short")]
        return [(DISK, _NEVER_DAYS if per_day <= 0 else min(_NEVER_DAYS, disk.free / per_day), None)]
    if name == "database_growth":
        per_day = growth.get("database")
        return [("database", per_day, None if per_day is not None else "known_too_short")]
    rows: list[Row] = [(thing, amount, None) for thing, amount in growth.items() if thing not in ("database", DISK)]
    return rows or [("tables", None, "known_too_short")]
