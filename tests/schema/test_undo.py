"""Every migration can be undone and done again: after the undo the schema is what it was, rights included."""

from pathlib import Path

import pytest
from tests.schema import catalog
from tests.schema.catalog import SERVICES, Conn, Service

# Whatever a migration can leave behind in a schema, one line each.
_SNAPSHOT = """
    SELECT 'schema right: ' || a.grantee::regrole || ' ' || a.privilege_type
      FROM pg_namespace AS n CROSS JOIN aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
     WHERE n.oid = %(schema)s::regnamespace
    UNION ALL
    SELECT 'relation: ' || c.relkind::text || ' ' || c.relname || ' ' || coalesce(
               c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))::text
      FROM pg_class AS c WHERE c.relnamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'column: ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || ' ' || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
           || coalesce(a.attacl::text, '')
      FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT 'constraint: ' || k.conrelid::regclass || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
      FROM pg_constraint AS k WHERE k.connamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'trigger: ' || pg_get_triggerdef(g.oid) || g.tgenabled::text
      FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
     WHERE c.relnamespace = %(schema)s::regnamespace AND NOT g.tgisinternal
    UNION ALL
    SELECT 'function: ' || pg_get_functiondef(p.oid) || ' for ' || a.grantee::regrole
      FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE p.pronamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'type: ' || t.typname FROM pg_type AS t WHERE t.typnamespace = %(schema)s::regnamespace
    UNION ALL
    SELECT 'comment: ' || pg_describe_object(d.classoid, d.objoid, d.objsubid) || ' ' || d.description
      FROM pg_description AS d
     WHERE pg_describe_object(d.classoid, d.objoid, d.objsubid) ~ ('\\m' || %(schema)s || '\\.')
    ORDER BY 1
"""


def snapshot(conn: Conn, service: Service) -> list[str]:
    return [str(row[0]) for row in conn.execute(_SNAPSHOT.encode(), {"schema": service.schema})]


def undo_of(path: Path) -> Path:
    return path.with_name("U" + path.name[1:])


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_undoing_each_migration_restores_the_schema_and_it_can_be_done_again(
    production: Conn, service: Service
) -> None:
    catalog.remake_schema(production, service)
    files = service.versioned()
    before: list[list[str]] = []
    for path in files:
        before.append(snapshot(production, service))
        catalog.apply(production, service, path)
    whole = snapshot(production, service)
    for path, wanted in zip(reversed(files), reversed(before), strict=True):
        catalog.apply(production, service, undo_of(path))
        assert snapshot(production, service) == wanted, path.name
    for path in files:
        catalog.apply(production, service, path)
    assert snapshot(production, service) == whole


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_security_rules_and_sample_data_run_twice_and_the_second_time_changes_nothing(
    admin: Conn, service: Service
) -> None:
    repeatables = [path for path in service.files if path.name.startswith("R__")]
    assert {path.parent.name for path in repeatables} == {"security", "sample_data"}
    repeatables.sort(key=lambda path: path.name)
    before = snapshot(admin, service), _contents(admin, service)
    for path in repeatables:
        catalog.apply(admin, service, path)
    after = snapshot(admin, service), _contents(admin, service)
    assert after == before


def _contents(conn: Conn, service: Service) -> dict[str, str]:
    """A hash of every table's rows."""
    hashed = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} AS t"
    return {
        table: catalog.texts(conn, hashed.format(table))[0]
        for table in catalog.tables(conn)
        if table.startswith(f"{service.schema}.")
    }
