"""The servers below the services, as far as copying a whole one goes: who they are, and whether they let us."""

from typing import Any, Final

import msgspec
import psycopg

from gasolinera.errors import ConfigError
from gasolinera.ops.reaching import Operations

Connection = psycopg.Connection[Any]

# A recovery that finds less than its server had of these may refuse what the log asks of it.
_CARRIED: Final = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
                   "max_locks_per_transaction")  # fmt: skip
_OPS: Final = "ops"
_WAITING: Final = 8
_MANAGED: Final = (
    "where a provider runs the server, its own snapshots take the place of base backups, and "
    "`gasolinera ops backup service` works"
)
_ABOUT: Final = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       current_setting('server_version_num')::int AS version,
       current_setting('server_version') AS version_text,
       pg_size_bytes(current_setting('wal_segment_size')) AS segment_size,
       (SELECT rolname::text FROM pg_roles WHERE oid = 10) AS superuser,
       (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = session_user) AS may_replicate,
       (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_superuser,
       current_setting('wal_level') AS wal_level,
       current_setting('max_wal_senders')::int AS senders,
       coalesce(current_setting('summarize_wal', true), '') = 'on' AS has_summaries,
       current_setting('archive_mode') <> 'off' AS archives,
       (SELECT count(*) FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS tablespaces,
       (SELECT jsonb_object_agg(s.name, s.setting) FROM pg_settings AS s WHERE s.name = ANY (%s)) AS settings,
       (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'data_directory') AS data_directory,
       session_user::text AS role
"""


class PhysicalServer(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster, with the services that live on it. `url` is one that reaches it, of whichever of its databases."""

    url: str
    services: tuple[str, ...]
    system_identifier: str
    timeline: int
    version: int
    version_text: str
    segment_size: int
    superuser: str
    may_replicate: bool
    is_superuser: bool
    wal_level: str
    senders: int
    has_summaries: bool
    archives: bool
    tablespaces: int
    settings: dict[str, str]
    data_directory: str | None  # nobody but a superuser is told
    role: str


class Archiving(msgspec.Struct, frozen=True):
    """`problem`: why a restore could not go past the newest backup; None: segments arrive."""

    problem: str | None
    hint: str | None = None


def physical_servers(operations: Operations, services: list[str] | None = None, url: str | None = None) -> list[
    PhysicalServer
]:  # fmt: skip
    """Each once, however many services are on it; with that of `ops_schema` unless services are named.

    `url` reaches the one server there is as a role that may copy it. Raises ConfigError `ops.replication_address`
    where that is not the server of the services.
    """
    named = [(one.name, one.url) for one in operations.project.services if services is None or one.name in services]
    if services is None:
        named.append((_OPS, operations.ops_url))
    found: dict[str, PhysicalServer] = {}
    known: dict[str, PhysicalServer] = {}
    for name, address in named:
        server = known.get(address) or server_at(address)
        known[address] = server
        before = found.get(server.system_identifier, server)
        there = before.services if name == _OPS and before.services else (*before.services, name)
        found[server.system_identifier] = msgspec.structs.replace(before, services=there)
    return list(found.values()) if url is None else [_reached_otherwise(list(found.values()), url)]


def _reached_otherwise(found: list[PhysicalServer], url: str) -> PhysicalServer:
    other = server_at(url)
    same = next((one for one in found if one.system_identifier == other.system_identifier), None)
    if same is None:
        message = "the address for copying reaches another server than the services are on"
        raise ConfigError("ops.replication_address", message, "name the services that are there with --service")
    return msgspec.structs.replace(other, services=same.services)


def server_at(url: str) -> PhysicalServer:
    """Named by nobody yet: without services. Raises ConfigError `ops.no_replication` of a server that hides itself."""
    with psycopg.connect(url, autocommit=True, application_name="gasolinera-ops") as conn:
        try:
            cursor = conn.execute(_ABOUT, (list(_CARRIED),))
        except psycopg.errors.InsufficientPrivilege as error:
            message = f"the server does not say who it is: {error.diag.message_primary}"
            raise ConfigError("ops.no_replication", message, _MANAGED) from None
        row = cursor.fetchone()
        assert row is not None
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        return msgspec.convert({**dict(zip(names, row, strict=True)), "url": url, "services": ()}, PhysicalServer)


def require_copyable(server: PhysicalServer) -> None:
    """Raises ConfigError `ops.no_replication`, `ops.wal_level`, `ops.no_senders` or `ops.tablespaces`."""
    if not server.may_replicate:
        raise ConfigError(
            "ops.no_replication",
            f"the role {server.role} may not copy its server: it has no REPLICATION",
            f"give a role that has it with --replication-url; {_MANAGED}",
        )
    if server.wal_level == "minimal":
        raise ConfigError("ops.wal_level", "wal_level is minimal: nothing could be recovered", "set it to replica")
    if server.senders == 0:
        raise ConfigError("ops.no_senders", "max_wal_senders is 0: nobody may copy the server", "set it to 10")
    if server.tablespaces:
        message = f"the server has {server.tablespaces} tablespaces of its own, which a plain copy does not move"
        raise ConfigError("ops.tablespaces", message, "have pgBackRest do it: --stanza")


def archiving(conn: Connection) -> Archiving:
    """Whether the log leaves the server now. Anybody may ask."""
    mode = _value(conn, "SELECT current_setting('archive_mode')")
    if mode == "off":
        hint = "gasolinera ops backup setup switches it on"
        return Archiving("archive_mode is off: a restore ends where the newest backup ends", hint)
    failing = _value(
        conn,
        """SELECT last_failed_wal FROM pg_stat_archiver
            WHERE last_failed_time > coalesce(last_archived_time, '-infinity')""",
    )
    if failing is not None:
        hint = "the server's log says what the archive_command said; segments wait in pg_wal until it works again"
        return Archiving(f"archiving fails at {failing}: what happened since then cannot be restored", hint)
    waiting = _waiting_segments(conn)
    if waiting > _WAITING:
        hint = "see the server's log: a command that cannot even be started is not counted as failed"
        return Archiving(f"{waiting} segments wait to be archived", hint)
    return Archiving(None)


def _waiting_segments(conn: Connection) -> int:
    """0 where we may not look."""
    try:
        return int(_value(conn, "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"))
    except psycopg.errors.InsufficientPrivilege:
        return 0


def _value(conn: Connection, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    return None if row is None else row[0]
