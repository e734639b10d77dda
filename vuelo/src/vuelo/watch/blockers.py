"""Who holds what a session waits for. Needs no rights: what the server hides from a stranger is left out, and said."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

_LONGEST_QUERY = 80
_TEXT = re.compile(r"'(?:[^']|'')*'?")
_BLOCKING = """
WITH waits AS (
    SELECT * FROM pg_catalog.pg_locks WHERE pid = %(pid)s AND NOT granted
), blocker AS (
    SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids(%(pid)s)) AS pid
)
SELECT b.pid, a.usename AS user, a.application_name AS application, a.state, a.query, a.xact_start AS since,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open_s,
       l.mode, l.relation::regclass::text AS relation, coalesce(l.granted, true) AS holds
  FROM blocker AS b
  LEFT JOIN pg_catalog.pg_stat_activity AS a USING (pid)
  LEFT JOIN LATERAL (
      SELECT l.*
        FROM pg_catalog.pg_locks AS l
        JOIN waits AS w
          ON (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid)
             IS NOT DISTINCT FROM
             (l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid, l.classid, l.objid)
       WHERE l.pid IS NOT DISTINCT FROM nullif(b.pid, 0)
       ORDER BY l.granted DESC, l.mode LIMIT 1) AS l ON true
 ORDER BY coalesce(l.granted, true) DESC, a.xact_start NULLS LAST, b.pid"""
_HOLDING = """
SELECT l.pid, a.usename AS user, a.application_name AS application, a.state, a.query, a.xact_start AS since,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open_s,
       l.mode, NULL AS relation, true AS holds
  FROM pg_catalog.pg_locks AS l
  LEFT JOIN pg_catalog.pg_stat_activity AS a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND (l.classid::bigint << 32) | l.objid::bigint = %(key)s
   AND l.pid <> pg_backend_pid()
 ORDER BY l.pid"""


@dataclass(frozen=True)
class Blocker:
    """A session in another's way. It holds the lock, or, without `holds`, queues for it further ahead.

    The process id 0 is a prepared transaction. `since` is when its transaction began, `open_s` that in seconds.
    What the server does not show is None, or for the query PostgreSQL's `<insufficient privilege>`.
    """

    pid: int
    user: str | None
    application: str | None
    state: str | None
    query: str | None
    since: datetime | None
    open_s: float | None
    mode: str | None
    relation: str | None
    holds: bool

    @property
    def is_hidden(self) -> bool:
        return self.query == "<insufficient privilege>"


def blocking(conn: Connection, pid: int) -> tuple[Blocker, ...]:
    """Whom the session `pid` waits for, holders first. `conn` is another session than that one."""
    with conn.cursor(row_factory=class_row(Blocker)) as cursor:
        return tuple(cursor.execute(_BLOCKING, {"pid": pid}))


def holding(conn: Connection, key: int) -> tuple[Blocker, ...]:
    """The other sessions that hold the advisory lock `key` in this database."""
    with conn.cursor(row_factory=class_row(Blocker)) as cursor:
        return tuple(cursor.execute(_HOLDING, {"key": key}))


def described(blockers: tuple[Blocker, ...]) -> str:
    """A line a session, and how to see more where something was hidden. Empty for none."""
    lines = [_line(blocker) for blocker in blockers]
    if any(blocker.is_hidden for blocker in blockers):
        lines.append("a member of pg_read_all_stats sees the queries of other users")
    return "\n".join(lines)


def shortened(query: str) -> str:
    """A query as one short line, without the texts in it: they may be somebody's data."""
    line = " ".join(_TEXT.sub("'…'", query).split())
    return line if len(line) <= _LONGEST_QUERY else line[: _LONGEST_QUERY - 1] + "…"


def duration(seconds: float) -> str:
    """`7 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, left = divmod(max(round(seconds), 0), 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if minutes else f"{left} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _line(blocker: Blocker) -> str:
    if not blocker.pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    about = [
        blocker.application,
        f"user {blocker.user}" if blocker.user else None,
        blocker.state,
        f"begun {duration(blocker.open_s)} ago" if blocker.open_s is not None else None,
    ]
    line = f"process {blocker.pid}"
    if any(about):
        line += f" ({', '.join(part for part in about if part)})"
    if blocker.mode and blocker.relation:
        line += f" {'has' if blocker.holds else 'waits for'} {blocker.mode} on {blocker.relation}"
    if blocker.query and not blocker.is_hidden:
        line += f": {shortened(blocker.query)}"
    return line
