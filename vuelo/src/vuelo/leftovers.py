"""What a statement outside a transaction leaves behind when it fails: indexes that exist and are not valid."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from vuelo.migration import Script
from vuelo.scripts import Site
from vuelo.statements import Statement, split
from vuelo.transactions import Need, concurrent_index, need_of

_NOT_ATOMIC = (("call",), ("do",))


def invalid_indexes(site: Site) -> list[str]:
    """Of the service's schemas, as quoted names. Those of partitioned tables are left out: there it is a stage."""
    found = site.conn.execute(
        """SELECT index.indexrelid::regclass::text
             FROM pg_catalog.pg_index AS index JOIN pg_catalog.pg_class AS c ON c.oid = index.indexrelid
                  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE NOT index.indisvalid AND c.relkind = 'i' AND n.nspname = ANY (%s)
            ORDER BY 1""",
        ([site.service.schema, *site.service.settings.schemas],),
    ).fetchall()
    return [name for (name,) in found]


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
    if names is None:
        return
    index, table = names
    found = site.conn.execute(
        """SELECT index.indexrelid::regclass::text
             FROM pg_catalog.pg_index AS index JOIN pg_catalog.pg_class AS c ON c.oid = index.indexrelid
            WHERE index.indrelid = to_regclass(%s) AND NOT index.indisvalid AND c.relkind = 'i'
              AND c.relname = (parse_ident(%s))[1]
              AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
                               WHERE p.index_relid = index.indexrelid)""",
        (table, index),
    ).fetchall()
    drop(site, [name for (name,) in found])


def first_statement_is_atomic(site: Site, script: Script) -> bool:
    """Whether its failure has undone all of it: a procedure that commits may have kept a part."""
    with site.lines(script) as lines:
        first = next(split(lines), None)
    return first is None or (need_of(first) is not Need.ASK and first.words[:1] not in _NOT_ATOMIC)
