"""Indexes and materialized views: what is built while nobody waits."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, option, shown
from vuelo.check.names import parts

CREATE_INDEX = Rule(
    "require-concurrent-index-creation",
    Severity.ERROR,
    "CREATE INDEX locks the table against every write until the index is built.",
    "Write CREATE INDEX CONCURRENTLY, in a migration of its own: it cannot run in a transaction.",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);
-- file: V2__Index_orders.sql
CREATE INDEX orders_placed_at_idx ON shop.orders (placed_at);""",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);
-- file: V2__Index_orders.sql
CREATE INDEX CONCURRENTLY orders_placed_at_idx ON shop.orders (placed_at);""",
)
PARTITIONED_INDEX = Rule(
    "concurrent-index-on-partitioned-table",
    Severity.ERROR,
    "PostgreSQL refuses to build, drop or fill an index of a partitioned table CONCURRENTLY.",
    "Make the index ON ONLY the parent, one CONCURRENTLY on each partition, and ATTACH them to the parent's.",
    """-- file: V1__Create_events.sql
CREATE TABLE shop.events (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
-- file: V2__Index_events.sql
CREATE INDEX CONCURRENTLY events_id_idx ON shop.events (id);""",
    """-- file: V1__Create_events.sql
CREATE TABLE shop.events (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2027 PARTITION OF shop.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
-- file: V2__Index_the_parent_alone.sql
CREATE INDEX events_id_idx ON ONLY shop.events (id);
-- file: V3__Index_the_partition.sql
CREATE INDEX CONCURRENTLY events_2027_id_idx ON shop.events_2027 (id);
-- file: V4__Attach_the_index.sql
ALTER INDEX shop.events_id_idx ATTACH PARTITION shop.events_2027_id_idx;""",
)
DROP_INDEX = Rule(
    "require-concurrent-index-deletion",
    Severity.ERROR,
    "DROP INDEX locks its table against reads and writes, and waits for every query that runs before it gets the lock.",
    "Write DROP INDEX CONCURRENTLY, in a migration of its own.",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);
CREATE INDEX orders_placed_at_idx ON shop.orders (placed_at);
-- file: V2__Drop_the_index.sql
DROP INDEX shop.orders_placed_at_idx;""",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL);
CREATE INDEX orders_placed_at_idx ON shop.orders (placed_at);
-- file: V2__Drop_the_index.sql
DROP INDEX CONCURRENTLY shop.orders_placed_at_idx;""",
)
REINDEX = Rule(
    "require-concurrent-reindex",
    Severity.ERROR,
    "REINDEX locks the table against writes, and the index against reads, until it is rebuilt.",
    "Write REINDEX … CONCURRENTLY, in a migration of its own.",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Rebuild.sql
REINDEX TABLE shop.orders;""",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Rebuild.sql
REINDEX TABLE CONCURRENTLY shop.orders;""",
)
REFRESH = Rule(
    "require-concurrent-refresh",
    Severity.ERROR,
    "REFRESH MATERIALIZED VIEW locks the view against reads while its query runs.",
    "The view has a unique index: write REFRESH MATERIALIZED VIEW CONCURRENTLY.",
    """-- file: V1__Create_totals.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, total numeric NOT NULL);
CREATE MATERIALIZED VIEW shop.totals AS SELECT id, total FROM shop.orders;
CREATE UNIQUE INDEX totals_id_key ON shop.totals (id);
-- file: V2__Refresh_totals.sql
REFRESH MATERIALIZED VIEW shop.totals;""",
    """-- file: V1__Create_totals.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, total numeric NOT NULL);
CREATE MATERIALIZED VIEW shop.totals AS SELECT id, total FROM shop.orders;
CREATE UNIQUE INDEX totals_id_key ON shop.totals (id);
-- file: V2__Refresh_totals.sql
REFRESH MATERIALIZED VIEW CONCURRENTLY shop.totals;""",
)
REWRITE = Rule(
    "rewriting-table",
    Severity.ERROR,
    "The statement writes the whole table anew under a lock that keeps out reads and writes.",
    "Plain VACUUM lets programs work; to get space back use pg_repack or pg_squeeze while they run.",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Get_space_back.sql
VACUUM FULL shop.orders;""",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Clean_up.sql
VACUUM shop.orders;""",
)
RULES = (CREATE_INDEX, PARTITIONED_INDEX, DROP_INDEX, REINDEX, REFRESH, REWRITE)

_REWRITING = {
    pb.AT_SetLogged: "SET LOGGED",
    pb.AT_SetUnLogged: "SET UNLOGGED",
    pb.AT_SetTableSpace: "SET TABLESPACE",
    pb.AT_SetAccessMethod: "SET ACCESS METHOD",
    pb.AT_SetExpression: "SET EXPRESSION",
}


def _create(scene: Scene) -> Iterator[Finding]:
    index = scene.statement.node.index_stmt
    table = shown(index.relation)
    is_partitioned = scene.is_partitioned(index.relation)
    if index.concurrent and is_partitioned:
        yield scene.found(PARTITIONED_INDEX, f"{table} is partitioned: CREATE INDEX CONCURRENTLY is refused")
    elif not index.concurrent and scene.stands(index.relation) and not (is_partitioned and not index.relation.inh):
        hint = PARTITIONED_INDEX.fix if is_partitioned else None
        message = f"CREATE INDEX blocks writes to {table} until the index is built"
        yield scene.found(CREATE_INDEX, message, hint=hint)


def _drop(scene: Scene) -> Iterator[Finding]:
    drop = scene.statement.node.drop_stmt
    if drop.remove_type != pb.OBJECT_INDEX:
        return
    for node in drop.objects:
        name = scene.before.find(*parts(node.list.items))
        index = scene.before.indexes.get(name)
        table = scene.before.tables.get(index.table) if index else None
        if table is not None and table.kind == "partitioned":
            if drop.concurrent:
                hint = "Write DROP INDEX without CONCURRENTLY, with a short lock_timeout."
                message = f"{name[1]} is an index of a partitioned table: DROP INDEX CONCURRENTLY is refused"
                yield scene.found(PARTITIONED_INDEX, message, hint=hint)
        elif not drop.concurrent and (name in scene.existing.indexes or name not in scene.before.indexes):
            yield scene.found(DROP_INDEX, f"DROP INDEX blocks reads and writes of the table of {name[1]}")


def _reindex(scene: Scene) -> Iterator[Finding]:
    reindex = scene.statement.node.reindex_stmt
    if option(list(reindex.params), "concurrently"):
        return
    if reindex.kind == pb.REINDEX_OBJECT_TABLE and not scene.stands(reindex.relation):
        return
    what = shown(reindex.relation) if reindex.HasField("relation") else reindex.name or "the database"
    yield scene.found(REINDEX, f"REINDEX blocks writes while it rebuilds {what}")


def _refresh(scene: Scene) -> Iterator[Finding]:
    refresh = scene.statement.node.refresh_mat_view_stmt
    if refresh.concurrent or refresh.skip_data or not scene.stands(refresh.relation):
        return
    indexes = scene.before.indexes_of(scene.before.qualified(refresh.relation))
    if any(index.unique and not index.partial for index in indexes):
        yield scene.found(REFRESH, f"REFRESH blocks every reader of {shown(refresh.relation)} while its query runs")


def _vacuum(scene: Scene) -> Iterator[Finding]:
    vacuum = scene.statement.node.vacuum_stmt
    if vacuum.is_vacuumcmd and option(list(vacuum.options), "full"):
        what = ", ".join(shown(node.vacuum_relation.relation) for node in vacuum.rels) or "every table"
        yield scene.found(REWRITE, f"VACUUM FULL writes {what} anew and locks out everybody")


def _cluster(scene: Scene) -> Iterator[Finding]:
    cluster = scene.statement.node.cluster_stmt
    if not cluster.HasField("relation") or scene.stands(cluster.relation):
        what = shown(cluster.relation) if cluster.HasField("relation") else "every clustered table"
        yield scene.found(REWRITE, f"CLUSTER writes {what} anew and locks out everybody")


def _alter(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_table_stmt
    if alter.objtype != pb.OBJECT_TABLE or not scene.stands(alter.relation):
        return
    for command in commands(alter):
        if what := _REWRITING.get(command.subtype):
            hint = "Make a new table beside it, copy in batches, and exchange the names."
            message = f"{what} writes {shown(alter.relation)} anew and locks out everybody"
            yield scene.found(REWRITE, message, hint=hint)


CHECKS: Checks = {
    "index_stmt": (_create,),
    "drop_stmt": (_drop,),
    "reindex_stmt": (_reindex,),
    "refresh_mat_view_stmt": (_refresh,),
    "vacuum_stmt": (_vacuum,),
    "cluster_stmt": (_cluster,),
    "alter_table_stmt": (_alter,),
}
