"""What a statement outside a transaction leaves behind when it fails: indexes that exist and are not valid."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from vuelo.migration import Script
from vuelo.scripts import Site
from vuelo.statements import Statement, split
from vuelo.transactions import Need, concurrent_index, need_of

_EXISTS = "42P07"  # duplicate_table, which an index is too
_NOT_ATOMIC = (("call",), ("do",))
# Not while somebody builds it: of other roles' sessions a pid is all that one may see, so the table says which it is.
_INVALID = """SELECT index.indexrelid::regclass::text
  FROM pg_catalog.pg_index AS index JOIN pg_catalog.pg_class AS c ON c.oid = index.indexrelid
       JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE NOT index.indisvalid AND c.relkind = 'i'
   AND (n.nspname = ANY (%(schemas)s)
        OR index.indrelid = to_regclass(%(table)s::text) AND c.relname = (parse_ident(%(index)s::text))[1])
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p JOIN pg_catalog.pg_locks AS l USING (pid)
                    WHERE l.locktype = 'relation' AND l.relation = index.indrelid AND p.pid <> pg_backend_pid())
 ORDER BY 1"""


def invalid_indexes(site: Site) -> list[str]:
    """Of the service's schemas, as quoted names. Those of partitioned tables are left out: there it is a stage."""
    return _found(site, schemas=[site.service.schema, *site.service.settings.schemas])


def drop(site: Site, names: Sequence[str]) -> None:
    """Without a lock that others would feel; what cannot be dropped is told."""
    for name in names:
        try:
            site.conn.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.SQL(name)))  # type: ignore[arg-type]
        except psycopg.Error as error:
            text = f"the invalid index {name} stays: {error.diag.message_primary}; drop it by hand"
            site.run.tell(site.service.name, text)
        else:
            site.run.tell(site.service.name, f"dropped the invalid index {name}, left by a build that failed")


def drop_unfinished(site: Site, statement: Statement) -> None:
    """An index of the name that CREATE INDEX CONCURRENTLY is about to make, if an earlier try has left it invalid."""
    names = concurrent_index(statement)
    if names is not None:
        drop(site, _found(site, index=names[0], table=names[1]))


def hint_of(site: Site, statement: Statement, sqlstate: str | None) -> str | None:
    """What to do where an earlier try has done more than it could say: a build that the server ended without us, or a
    partition that is detached by half.
    """
    if site.conn.closed or need_of(statement) is not Need.NO_TRANSACTION:
        return None
    if sqlstate == _EXISTS and concurrent_index(statement) is not None:
        return "the index is there, perhaps from an earlier try: drop it, or write IF NOT EXISTS"
    if statement.words[:1] == ("alter",) and _has_pending_detach(site):
        return (
            "a partition is half detached: ALTER TABLE … DETACH PARTITION … FINALIZE ends it; put that into the script "
            "in place of this statement"
        )
    return None


def _has_pending_detach(site: Site) -> bool:
    return site.conn.execute("SELECT FROM pg_catalog.pg_inherits WHERE inhdetachpending").fetchone() is not None


def _found(site: Site, schemas: Sequence[str] = (), *, index: str | None = None, table: str | None = None) -> list[str]:
    values = {"schemas": list(schemas), "index": index, "table": table}
    return [name for [name] in site.conn.execute(_INVALID, values).fetchall()]


def first_statement_is_atomic(site: Site, script: Script) -> bool:
    """Whether its failure has undone all of it: a procedure that commits may have kept a part."""
    with site.lines(script) as lines:
        first = next(split(lines), None)
    if first is not None and first.words[:1] == ("alter",) and _has_pending_detach(site):
        return False
    return first is None or (need_of(first) is not Need.ASK and first.words[:1] not in _NOT_ATOMIC)
