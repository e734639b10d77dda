"""Named moments in a server's log, to which it can be brought back."""

import time
from typing import Any, Final

import msgspec
import psycopg

from gasolinera.errors import ConfigError, InputError
from gasolinera.ops.base_servers import PhysicalServer, archiving
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]

_LONGEST: Final = 63  # as the server keeps it


class RestorePoint(msgspec.Struct, frozen=True):
    """`problem`: why it is not in the archive yet."""

    name: str
    services: tuple[str, ...]
    lsn: str
    is_archived: bool
    problem: str | None = None


def set_restore_point(operations: Operations, server: PhysicalServer, name: str, *, within_s: float) -> RestorePoint:
    """Returns when the segment that has it is archived, or cannot be for now.

    Raises InputError `ops.point_name`, ConfigError `ops.no_restore_points`.
    """
    if not 0 < len(name.encode()) <= _LONGEST or not name.isprintable():
        raise InputError("ops.point_name", f"a restore point's name has 1 to {_LONGEST} bytes that can be read")
    with (
        ops_session(operations.ops_url) as ops,
        recorded_run(ops, "restore point", server.system_identifier) as run,
        psycopg.connect(server.url, autocommit=True, application_name="gasolinera-ops") as conn,
    ):
        try:
            row = conn.execute("SELECT pg_create_restore_point(%s)::text", (name,)).fetchone()
            assert row is not None
            segment = _left_segment(conn)
        except psycopg.errors.InsufficientPrivilege:
            hint = "grant it EXECUTE on pg_create_restore_point and pg_switch_wal"
            message = f"the role {server.role} may not set restore points"
            raise ConfigError("ops.no_restore_points", message, hint) from None
        problem = _archived(conn, segment, within_s)
        run.result = {"name": name, "lsn": row[0], "problem": problem}
        run.outcome = "OK" if problem is None else "WARNING"
    return RestorePoint(name, server.services, str(row[0]), problem is None, problem)


def _left_segment(conn: Connection) -> str:
    """The segment that was written until now; it is complete when this returns."""
    row = conn.execute("SELECT pg_walfile_name(pg_switch_wal() - 1::numeric)").fetchone()
    assert row is not None
    return str(row[0])


def _archived(conn: Connection, segment: str, within_s: float) -> str | None:
    """None when it is there; otherwise what is in the way."""
    deadline = time.monotonic() + within_s
    while True:
        row = conn.execute(
            "SELECT coalesce(left(last_archived_wal, 24) >= %s, false) FROM pg_stat_archiver", (segment,)
        ).fetchone()
        if row == (True,):
            return None
        problem = archiving(conn).problem
        if problem is not None:
            return problem
        if time.monotonic() > deadline:
            return f"{segment} is not archived after {within_s:.0f} seconds"
        time.sleep(0.1)
