"""A round over everything that the platform keeps: each database once, `ops_schema`, the migrations."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from gasolinera.jobs import Job
from gasolinera.ops import checking_memory, checking_platform, checking_storage, data_quality
from gasolinera.ops.checking import CheckResult, Group, Rule, Threshold, judge, skipped, worst_first
from gasolinera.ops.checking_questions import Memory, look
from gasolinera.ops.checking_rules import BY_NAME, RULES, SLOW
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations, ops_session

Connection = psycopg.Connection[Any]

_CONNECT_TIMEOUT_S: Final = 5
_STATEMENT_TIMEOUT_MS: Final = 5_000
_LOCK_TIMEOUT_MS: Final = 500
_OF_ROOM: Final = ("disk_used", "disk_forecast", "database_growth", "table_growth")
_OF_EXTENSIONS: Final = ("slow_statements", "table_bloat", "index_bloat")
_OF_OPERATIONS: Final = (Group.BACKUPS, Group.JOBS)


class Wanted(msgspec.Struct, frozen=True):
    """Which checks. Nothing said: all but those that take seconds; named, or of a group that is named: those too."""

    groups: frozenset[Group] = frozenset()
    without: frozenset[Group] = frozenset()
    only: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def rules(self) -> list[Rule]:
        return [rule for rule in RULES if self.has(rule.name, rule.group)]

    def has(self, name: str, group: Group) -> bool:
        if self.only:
            return name in self.only
        if group in self.without:
            return False
        return group in self.groups if self.groups else name not in SLOW


class Place(msgspec.Struct, frozen=True):
    """A database, by its address; the schemas in it that are the platform's; `key`: what it is remembered by."""

    url: str
    key: str
    label: str
    schemas: tuple[str, ...]


def check_operations(
    operations: Operations, wanted: Wanted | None = None, *, jobs: Sequence[Job] = (), remembers: bool = True
) -> list[CheckResult]:
    """The worst first. `jobs` are those with schedules that hold here. `remembers`: counters and sizes are kept for
    the next round. A database that cannot be reached is a finding of `reachable`, and stops no other.
    """
    wanted = wanted or Wanted()
    rules = wanted.rules()
    found: list[CheckResult] = []
    down: list[tuple[str, float, str | None]] = []
    servers: set[tuple[object, ...]] = set()
    limits: tuple[Threshold, ...] = ()
    for place in places_of(operations, wanted.services):
        try:
            memory = _memory_of(operations, place)
            limits = limits or memory.thresholds
            with _looking(place.url) as conn:
                found += _of_place(conn, operations, place, rules, memory, servers, remembers=remembers)
            down.append((place.label, 0.0, None))
        except psycopg.OperationalError as error:
            down.append((f"{place.label}: {_why(error)}", 1.0, None))
            found += [_unreached(rule, place.label) for rule in rules if _is_of_places(rule)]
    if "reachable" in {rule.name for rule in rules}:
        found.append(judge(BY_NAME["reachable"], down, limits))
    found += _of_platform(operations, wanted, rules, limits, jobs)
    if any(wanted.has(name, Group.DATA) for name in data_quality.RULES):
        project = operations.project.only(sorted(wanted.services))
        told = data_quality.run_data_checks(project, limits)
        found += [one for one in told if wanted.has(one.name, Group.DATA)]
    return worst_first(found)


def places_of(operations: Operations, services: frozenset[str] = frozenset()) -> list[Place]:
    """Each database once, that of `ops_schema` too."""
    schemas: dict[str, list[str]] = {}
    for service in operations.project.services:
        if not services or service.name in services:
            schemas.setdefault(service.url, []).append(service.schema)
    if not services:
        schemas.setdefault(operations.ops_url, [])
    names = [str(conninfo_to_dict(url).get("dbname", "")) for url in schemas]
    return [
        Place(url, _key(url), name if names.count(name) == 1 else _key(url), tuple(found))
        for name, (url, found) in zip(names, schemas.items(), strict=True)
    ]


def _key(url: str) -> str:
    parts = conninfo_to_dict(url)
    return f"{parts.get('host', '')}:{parts.get('port', '')}/{parts.get('dbname', '')}"


def _why(error: psycopg.OperationalError) -> str:
    """The first line of libpq's words: they have no password in them."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _is_of_places(rule: Rule) -> bool:
    return rule.is_question or rule.group is Group.EVENTS or rule.name in (*_OF_ROOM, *_OF_EXTENSIONS)


def _unreached(rule: Rule, label: str = "") -> CheckResult:
    return msgspec.structs.replace(skipped(rule, "unreachable"), place=label)


def _memory_of(operations: Operations, place: Place) -> Memory:
    try:
        with ops_session(operations.ops_url) as conn:
            return checking_memory.load_memory(conn, place.key)
    except psycopg.OperationalError:
        return Memory()  # that place's own turn tells why


@contextmanager
def _looking(url: str) -> Generator[Connection]:
    """Read-only, short of patience, with the rights of the role ops where that exists and may be had."""
    options = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(_LOCK_TIMEOUT_MS),
        "timezone": "UTC",
    }
    with psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_TIMEOUT_S,
        application_name="gasolinera-ops",
        options=" ".join(f"-c {name}={value}" for name, value in options.items()),
    ) as conn:
        with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
            conn.execute(SQL("SET ROLE {}").format(Identifier(ROLE)))
        yield conn


def _of_place(
    conn: Connection,
    operations: Operations,
    place: Place,
    rules: Sequence[Rule],
    memory: Memory,
    servers: set[tuple[object, ...]],
    *,
    remembers: bool,
) -> list[CheckResult]:
    server = _server(conn)
    here = [rule for rule in rules if not (rule.of_server and server in servers)]
    servers.add(server)
    told = look(conn, place.schemas, here, memory)
    found = told.results
    found += checking_platform.event_results(conn, place.schemas, here, memory.thresholds)
    for rule in here:
        if rule.name == "slow_statements":
            found.append(checking_storage.statement_result(conn, rule, memory.thresholds))
        elif rule.name in ("table_bloat", "index_bloat"):
            found.append(checking_storage.bloat_result(conn, place.schemas, rule, memory.thresholds))
    of_room = [rule for rule in here if rule.name in _OF_ROOM]
    if of_room:
        room = checking_storage.room_of(conn, place.schemas)
        with ops_session(operations.ops_url) as ops:
            if remembers:
                checking_memory.keep_sizes(ops, place.key, room.sizes)
            growth = checking_memory.growth_of(ops, place.key)
        found += checking_storage.room_results(room, growth, of_room, memory.thresholds)
    # A part of the counters alone would make the others' next look their first.
    if remembers and {rule.name for rule in RULES if rule.against} <= told.counters.keys():
        with ops_session(operations.ops_url) as ops:
            checking_memory.keep_counters(ops, place.key, told.counters)
    return [msgspec.structs.replace(one, place=place.label) for one in found]


def _server(conn: Connection) -> tuple[object, ...]:
    row = conn.execute(
        "SELECT (pg_control_system()).system_identifier, pg_postmaster_start_time(), pg_is_in_recovery()"
    ).fetchone()
    assert row is not None
    return tuple(row)


def _of_platform(
    operations: Operations, wanted: Wanted, rules: Sequence[Rule], limits: Sequence[Threshold], jobs: Sequence[Job]
) -> list[CheckResult]:
    project = operations.project.only(sorted(wanted.services))
    found = checking_platform.migration_results(project, operations.ops_url, rules, limits)
    names = {rule.name for rule in rules}
    if "drift" in names:
        found.append(checking_platform.drift_result(project, limits))
    of_operations = [rule for rule in rules if rule.group in _OF_OPERATIONS]
    if of_operations:
        services = [service.name for service in project.services]
        try:
            with ops_session(operations.ops_url) as conn:
                found += checking_platform.kept_results(conn, services, rules, limits)
                if "late_jobs" in names:
                    found.append(checking_platform.job_result(conn, jobs, limits))
        except psycopg.OperationalError:
            found += [_unreached(rule) for rule in of_operations]
    return found
