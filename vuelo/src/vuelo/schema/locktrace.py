"""Which locks a migration takes on what was there before it, and for how long it holds them."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from vuelo.history import Connection

# From another session, which does not see what the migration has made: nobody can wait for that.
_HELD = """SELECT n.nspname || '.' || c.relname, l.mode
  FROM pg_catalog.pg_locks AS l
  JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE l.pid = %s AND l.locktype = 'relation' AND l.granted
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND c.relkind IN ('r', 'p', 'm', 'v', 'f') AND NOT c.relispartition
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
   AND NOT (n.nspname = %s AND c.relname = ANY (%s))"""
_MODES = (
    "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
    "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
_STOPS_WRITERS = 4  # and everything stronger; the last one stops readers as well


@dataclass(frozen=True)
class LockTaken:
    """The strongest lock on a table, and how long the migration held that: until its end."""

    table: str
    mode: str
    held_ms: int

    @property
    def keeps_waiting(self) -> str:
        """Readers and writers, writers alone, or nobody but other changes of the schema."""
        rank = _MODES.index(self.mode)
        return "readers, writers" if rank == len(_MODES) - 1 else "writers" if rank >= _STOPS_WRITERS else ""


class Trace:
    """Looks after each statement; `ended` gives what the script held. One script at a time."""

    def __init__(self, observer: Connection, schema: str, own_tables: tuple[str, ...]) -> None:
        self._observer = observer
        self._left_out = (schema, list(own_tables))
        self.begin()

    def begin(self) -> None:
        self._statement_began = monotonic()
        self._since: dict[tuple[str, str], float] = {}

    def look(self, conn: Connection) -> None:
        held = self._observer.execute(_HELD, (conn.info.backend_pid, *self._left_out)).fetchall()
        for table, mode in held:
            self._since.setdefault((table, mode), self._statement_began)
        self._statement_began = monotonic()

    def ended(self, now: Callable[[], float] = monotonic) -> tuple[LockTaken, ...]:
        strongest: dict[str, str] = {}
        for table, mode in self._since:
            strongest[table] = max(strongest.get(table, mode), mode, key=_MODES.index)
        end = now()
        return tuple(
            LockTaken(table, mode, round((end - self._since[table, mode]) * 1000))
            for table, mode in sorted(strongest.items())
        )
