"""What a second session sees of a long statement: waits, sessions held up, progress, replicas left behind."""

from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from vuelo.history import Connection
from vuelo.watch.blockers import Blocker, blocking, described, duration, shortened

LAG_S = 10.0
LAG_BYTES = 64 * 1024 * 1024
_MOST_WAITING = 200  # pg_blocking_pids looks at every lock for each
_WAITING = """
SELECT l.pid, pg_catalog.pg_blocking_pids(l.pid), a.query,
       coalesce(extract(epoch FROM clock_timestamp() - l.since), 0)::float8
  FROM (SELECT pid, min(waitstart) AS since FROM pg_catalog.pg_locks WHERE NOT granted AND pid <> %(pid)s
         GROUP BY pid ORDER BY since LIMIT %(most)s) AS l
  LEFT JOIN pg_catalog.pg_stat_activity AS a USING (pid)
 ORDER BY l.since"""
_WORKING = """
SELECT command, (SELECT c.oid::regclass::text FROM pg_catalog.pg_class AS c WHERE c.oid = relid) AS relation,
       phase, done, total, unit
  FROM (SELECT pid, command, relid, phase,
               CASE WHEN phase LIKE 'waiting%%' THEN lockers_done WHEN tuples_total > 0 THEN tuples_done
                    ELSE blocks_done END AS done,
               CASE WHEN phase LIKE 'waiting%%' THEN lockers_total WHEN tuples_total > 0 THEN tuples_total
                    ELSE blocks_total END AS total,
               CASE WHEN phase LIKE 'waiting%%' THEN 'transactions' WHEN tuples_total > 0 THEN 'rows'
                    ELSE 'blocks' END AS unit
          FROM pg_catalog.pg_stat_progress_create_index
        UNION ALL
        SELECT pid, command, relid, phase, heap_blks_scanned, heap_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_cluster
        UNION ALL
        SELECT pid, 'VACUUM', relid, phase, heap_blks_scanned, heap_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_vacuum
        UNION ALL
        SELECT pid, 'ANALYZE', relid, phase, sample_blks_scanned, sample_blks_total, 'blocks'
          FROM pg_catalog.pg_stat_progress_analyze
        UNION ALL
        SELECT pid, command, relid, '', tuples_processed, 0, 'rows'
          FROM pg_catalog.pg_stat_progress_copy) AS progress
 WHERE pid = %(pid)s"""
_LAGGING = """
SELECT replica, bytes, seconds
  FROM (SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS replica,
               CASE WHEN NOT pg_is_in_recovery()
                    THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END::int8 AS bytes,
               extract(epoch FROM replay_lag)::float8 AS seconds
          FROM pg_catalog.pg_stat_replication) AS replicas
 WHERE bytes > %(bytes)s OR seconds > %(seconds)s
 ORDER BY replica"""


@dataclass(frozen=True)
class Waiting:
    """Our statement waits for a lock."""

    blockers: tuple[Blocker, ...]


@dataclass(frozen=True)
class HoldingUp:
    """Others wait for us, or for somebody who does; `query` is of the one that has waited longest."""

    sessions: int
    longest_s: float
    query: str | None


@dataclass(frozen=True)
class Working:
    """How far a statement is, for those that PostgreSQL counts. A total of 0 is not known."""

    command: str
    relation: str | None
    phase: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True)
class Lagging:
    """A replica that is further behind than LAG_S or LAG_BYTES."""

    replica: str
    bytes: int | None
    seconds: float | None


Observation = Waiting | HoldingUp | Working | Lagging


def observed(conn: Connection, pid: int) -> list[Observation]:
    """What is worth saying of the session `pid` now. `conn` is another session; rights show more, none are needed."""
    found: list[Observation] = []
    if blockers := blocking(conn, pid):
        found.append(Waiting(blockers))
    if held_up := _held_up(conn.execute(_WAITING, {"pid": pid, "most": _MOST_WAITING}).fetchall(), pid):
        found.append(held_up)
    with conn.cursor(row_factory=class_row(Working)) as cursor:
        found += cursor.execute(_WORKING, {"pid": pid})
    with conn.cursor(row_factory=class_row(Lagging)) as cursor:
        found += cursor.execute(_LAGGING, {"bytes": LAG_BYTES, "seconds": LAG_S})
    return found


def _held_up(waiting: list[Any], pid: int) -> HoldingUp | None:
    """Through others too: who waits for one that waits for us is held up by us."""
    ours = {pid}
    while more := {waiter for waiter, blockers, _, _ in waiting if waiter not in ours and ours & set(blockers)}:
        ours |= more
    held = [(seconds, query) for waiter, _, query, seconds in waiting if waiter in ours]
    if not held:
        return None
    longest_s, query = max(held, key=lambda one: one[0])
    return HoldingUp(len(held), longest_s, query)


def told(observation: Observation) -> str:
    """An observation as a sentence."""
    if isinstance(observation, Waiting):
        return f"waits for a lock; in its way:\n{described(observation.blockers)}"
    if isinstance(observation, HoldingUp):
        who = f"{observation.sessions} sessions" if observation.sessions > 1 else "1 session"
        query = f": {shortened(observation.query)}" if observation.query else ""
        return f"holds up {who}, for {duration(observation.longest_s)} at most{query}"
    if isinstance(observation, Lagging):
        behind = [f"{observation.bytes / 1024 / 1024:.0f} MiB"] if observation.bytes is not None else []
        behind += [duration(observation.seconds)] if observation.seconds is not None else []
        return f"the replica {observation.replica} is {' and '.join(behind)} behind"
    far = (
        f"{100 * observation.done // observation.total} % of {observation.total:,} {observation.unit}"
        if observation.total
        else f"{observation.done:,} {observation.unit}"
    )
    where = f" on {observation.relation}" if observation.relation else ""
    return f"{observation.command}{where}: {observation.phase}{', ' if observation.phase else ''}{far}"
