"""A round over everything that the platform keeps: each database once, `ops_schema`, the migrations."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier

from gasolinera.jobs import Job
from gasolinera.ops import checking_memory, checking_platform, checking_storage, data_quality
from gasolinera.ops.checking import CheckResult, Group, Row, Rule, Threshold, judge, skipped, worst_first
from gasolinera.ops.checking_certificate import certificate_result
from gasolinera.ops.checking_partitions import partitions_result
from gasolinera.ops.checking_questions import Memory, look, reason_of
from gasolinera.ops.checking_rules import BY_NAME, RULES, SLOW
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations, ops_session

Connection = psycopg.Connection[Any]
Told = TypeVar("Told")

_CONNECT_TIMEOUT_S: Final = 5
_STATEMENT_TIMEOUT_MS: Final = 5_000
_LOCK_TIMEOUT_MS: Final = 500
_COUNTED: Final = {rule.name for rule in RULES if rule.against is not None}
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
    with ExitStack() as stack:
        ops, why = None, ""
        try:
            ops = stack.enter_context(ops_session(operations.ops_url))
        except psycopg.OperationalError:
            why = "unreachable"  # its own turn as a database tells more
        except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege):
            why = "not_installed"  # the role ops is missing
        limits = () if ops is None else checking_memory.load_limits(ops)
        found = _of_places(operations, wanted, rules, limits, ops, remembers=remembers)
        found += _of_platform(operations, wanted, rules, limits, ops or why, jobs)
    if any(wanted.has(name, Group.DATA) for name in data_quality.RULES):
        project = operations.project.only(sorted(wanted.services))
        told = data_quality.run_data_checks(project, limits)
        found += [one for one in told if wanted.has(one.name, Group.DATA)]
    return worst_first(found)


def _of_places(
    operations: Operations,
    wanted: Wanted,
    rules: Sequence[Rule],
    limits: Sequence[Threshold],
    ops: Connection | None,
    *,
    remembers: bool,
) -> list[CheckResult]:
    found: list[CheckResult] = []
    down: list[Row] = []
    servers: set[tuple[object, ...]] = set()
    # A part of the counters alone would make the others' next look their first.
    remembers = remembers and {rule.name for rule in rules} >= _COUNTED
    for place in places_of(operations, wanted.services):
        try:
            with _looking(place.url) as conn:
                server = _server(conn)
                here = [rule for rule in rules if not (rule.of_server and server in servers)]
                servers.add(server)
                found += check_place(conn, ops, place, here, limits, remembers=remembers)
            down.append((place.label, 0.0, None))
        except psycopg.Error as error:  # one that answers with errors alone hides nothing of the others either
            down.append((f"{place.label}: {_why(error)}", 1.0, None))
            found += [_unreached(rule, place.label) for rule in rules if _is_of_places(rule)]
    if "reachable" in {rule.name for rule in rules}:
        found.append(judge(BY_NAME["reachable"], down, limits))
    return found


def places_of(operations: Operations, services: frozenset[str] = frozenset()) -> list[Place]:
    """Each database once, whoever logs in to it; that of `ops_schema` too."""
    urls: dict[str, str] = {}
    schemas: dict[str, list[str]] = {}
    for service in operations.project.services:
        if not services or service.name in services:
            key = checking_memory.place_key(service.url)
            urls.setdefault(key, service.url)
            schemas.setdefault(key, []).append(service.schema)
    if not services:
        urls.setdefault(checking_memory.place_key(operations.ops_url), operations.ops_url)
    names = [str(conninfo_to_dict(url).get("dbname", "")) for url in urls.values()]
    return [
        Place(url, key, name if names.count(name) == 1 else key, tuple(schemas.get(key, ())))
        for name, (key, url) in zip(names, urls.items(), strict=True)
    ]


def _why(error: psycopg.Error) -> str:
    """The first line of libpq's words: they have no password in them."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _is_of_places(rule: Rule) -> bool:
    others = (*_OF_ROOM, *_OF_EXTENSIONS, "certificate", "partitions_ahead")
    return rule.is_question or rule.group is Group.EVENTS or rule.name in others


def _unreached(rule: Rule, label: str) -> CheckResult:
    return msgspec.structs.replace(skipped(rule, "unreachable"), place=label)


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


def check_place(
    conn: Connection,
    ops: Connection | None,
    place: Place,
    rules: Sequence[Rule],
    limits: Sequence[Threshold],
    *,
    remembers: bool,
) -> list[CheckResult]:
    """One database alone, in the rules' order. `conn` looks and may be read-only; `ops` is where memories are: without
    it everything is seen for the first time.
    """
    before = None if ops is None else _remembered(lambda: checking_memory.load_sample(ops, place.key), None)
    told = look(conn, place.schemas, rules, Memory(tuple(limits), before))
    found = told.results
    found += checking_platform.event_results(conn, place.schemas, rules, limits)
    for rule in rules:
        if rule.name in (*_OF_EXTENSIONS, "certificate"):
            found.append(_of_extension(conn, place, rule, limits))
        if rule.name == "partitions_ahead":
            found.append(partitions_result(conn, ops, place.schemas, rule, limits))
    of_room = [rule for rule in rules if rule.name in _OF_ROOM]
    if of_room:
        found += _of_room(conn, ops, place, of_room, limits, remembers=remembers)
    if remembers and ops is not None:
        _remembered(lambda: checking_memory.keep_counters(ops, place.key, told.counters), None)
    return [msgspec.structs.replace(one, place=place.label) for one in found]


def _of_extension(conn: Connection, place: Place, rule: Rule, limits: Sequence[Threshold]) -> CheckResult:
    """What is locked, or takes too long to measure, says nothing of the rest of its database."""
    try:
        if rule.name == "slow_statements":
            return checking_storage.statement_result(conn, rule, limits)
        if rule.name == "certificate":
            return certificate_result(conn, rule, limits)
        return checking_storage.bloat_result(conn, place.schemas, rule, limits)
    except psycopg.DatabaseError as error:
        if conn.broken:
            raise
        return skipped(rule, reason_of(rule, error))


def _of_room(
    conn: Connection,
    ops: Connection | None,
    place: Place,
    rules: Sequence[Rule],
    limits: Sequence[Threshold],
    *,
    remembers: bool,
) -> list[CheckResult]:
    disk = checking_storage.disk_of(conn)
    if remembers and ops is not None and _remembered(lambda: checking_memory.sizes_are_due(ops, place.key), False):
        sizes: dict[str, int] = {} if disk is None else {checking_storage.DISK: disk.total - disk.free}
        try:
            sizes |= checking_storage.sizes_of(conn, place.schemas)
        except psycopg.DatabaseError:  # one of the tables is locked, or there are too many files: another time
            if conn.broken:
                raise
        _remembered(lambda: checking_memory.keep_sizes(ops, place.key, sizes), None)
    growth = {} if ops is None else _remembered(lambda: checking_memory.growth_of(ops, place.key), {})
    return checking_storage.room_results(disk, growth, rules, limits)


def _remembered(tell: Callable[[], Told], otherwise: Told) -> Told:
    """A memory that is full, read-only or gone hides nothing of what is looked at."""
    try:
        return tell()
    except psycopg.Error:
        return otherwise


def _server(conn: Connection) -> tuple[object, ...]:
    """What tells it from others; by its address where it keeps its identity to itself, as managed ones may."""
    started = b", pg_postmaster_start_time(), pg_is_in_recovery()"
    try:
        row = conn.execute(b"SELECT (pg_control_system()).system_identifier" + started).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = conn.execute(b"SELECT inet_server_addr(), inet_server_port()" + started).fetchone()
    assert row is not None
    return tuple(row)


def _of_platform(
    operations: Operations,
    wanted: Wanted,
    rules: Sequence[Rule],
    limits: Sequence[Threshold],
    ops: Connection | str,
    jobs: Sequence[Job],
) -> list[CheckResult]:
    """`ops`: why there is no session, where there is none."""
    project = operations.project.only(sorted(wanted.services))
    found = checking_platform.migration_results(project, operations.ops_url, rules, limits)
    if "drift" in {rule.name for rule in rules}:
        found.append(checking_platform.drift_result(project, limits))
    of_operations = [rule for rule in rules if rule.group in _OF_OPERATIONS]
    if isinstance(ops, str):
        return found + [skipped(rule, ops) for rule in of_operations]
    services = [service.name for service in project.services]
    try:
        return found + checking_platform.kept_results(ops, services, jobs, of_operations, limits)
    except psycopg.OperationalError:  # since this round began
        return found + [skipped(rule, "unreachable") for rule in of_operations]
