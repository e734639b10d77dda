"""Who may do what in the six schemas: the runtime roles stay at home, own nothing and make nothing."""

from collections.abc import Callable
from itertools import product

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import SCHEMAS, SERVICES, Conn, Service

Connect = Callable[[str], Conn]

# Rows of all ordinary relations of the six schemas, partitions included.
RELATIONS = f"""
    (SELECT c.oid, c.relkind, n.nspname, n.nspname || '.' || c.relname AS name
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
      WHERE n.nspname = ANY (ARRAY{SCHEMAS}))
"""
by_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@by_service
@pytest.mark.parametrize("kind", ["app", "ro"])
def test_a_role_is_refused_in_every_other_services_schema(
    migrated: Conn, as_role: Connect, service: Service, kind: str
) -> None:
    stranger = as_role(f"{service.name}_{kind}")
    tables = catalog.tables(migrated)
    for other in SERVICES:
        if other == service:
            continue
        table = next(table for table in tables if table.startswith(f"{other.schema}."))
        with pytest.raises(errors.InsufficientPrivilege, match=f"permission denied for schema {other.schema}"):
            stranger.execute(f"SELECT FROM {table}".encode())


@by_service
@pytest.mark.parametrize("kind", ["app", "ro"])
def test_a_runtime_role_owns_nothing(migrated: Conn, service: Service, kind: str) -> None:
    owned = catalog.texts(
        migrated,
        """
        SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
         WHERE deptype = 'o' AND refclassid = 'pg_authid'::regclass AND refobjid = %s::regrole
        """,
        f"{service.name}_{kind}",
    )
    assert owned == []


@by_service
def test_everything_in_a_schema_belongs_to_the_services_owner(migrated: Conn, service: Service) -> None:
    strangers = catalog.texts(
        migrated,
        """
        SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relowner <> %s::regrole
        UNION ALL
        SELECT proname FROM pg_proc WHERE pronamespace = %s::regnamespace AND proowner <> %s::regrole
        """,
        service.schema, service.owner, service.schema, service.owner,
    )  # fmt: skip
    assert strangers == []


@by_service
@pytest.mark.parametrize("kind", ["app", "ro"])
def test_a_runtime_role_can_create_nothing(migrated: Conn, as_role: Connect, service: Service, kind: str) -> None:
    role = f"{service.name}_{kind}"
    for schema in (*SCHEMAS, "public"):
        held = catalog.rows(migrated, "SELECT has_schema_privilege(%s, %s, 'CREATE')", role, schema)
        assert held == [(False,)], schema
    conn = as_role(role)
    conn.execute("SET default_transaction_read_only = off")  # whoever may set it may also unset it
    for statement in (
        f"CREATE TABLE {service.schema}.mine (id bigint)",
        "CREATE TABLE public.mine (id bigint)",
        f"CREATE FUNCTION {service.schema}.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            conn.execute(statement.encode())


@by_service
def test_the_reading_role_can_write_nothing_anywhere(migrated: Conn, service: Service) -> None:
    writable = catalog.texts(
        migrated,
        f"""
        SELECT name || ': ' || privilege FROM {RELATIONS} AS r
         CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
         WHERE r.relkind IN ('r', 'p', 'v', 'm') AND has_table_privilege(%s, r.oid, privilege)
        UNION ALL
        SELECT name || ': column ' || privilege FROM {RELATIONS} AS r
         CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE']) AS privilege
         WHERE r.relkind IN ('r', 'p', 'v') AND has_any_column_privilege(%s, r.oid, privilege)
        """,
        service.ro,
        service.ro,
    )
    sequences = catalog.texts(
        migrated,
        f"""
        SELECT name FROM {RELATIONS} AS r
         WHERE r.relkind = 'S' AND (has_sequence_privilege(%s, r.oid, 'USAGE')
            OR has_sequence_privilege(%s, r.oid, 'UPDATE'))
        """,
        service.ro,
        service.ro,
    )
    assert writable == []
    assert sequences == []


@by_service
def test_the_reading_role_reads_its_own_schema(migrated: Conn, as_role: Connect, service: Service) -> None:
    readable = catalog.texts(
        migrated,
        f"SELECT name FROM {RELATIONS} AS r WHERE relkind IN ('r', 'p') AND nspname = %s"
        " AND has_any_column_privilege(%s, r.oid, 'SELECT') AND r.name NOT LIKE '%%.flyway%%' ORDER BY 1",
        service.schema,
        service.ro,
    )
    assert readable, "the reading role reads nothing"
    conn = as_role(service.ro)
    for table in readable:
        conn.execute(f"SELECT FROM {table}".encode())


@by_service
def test_the_service_role_truncates_nothing_and_touches_no_partition(migrated: Conn, service: Service) -> None:
    held = catalog.texts(
        migrated,
        f"""
        SELECT r.name FROM {RELATIONS} AS r JOIN pg_class AS c ON c.oid = r.oid
         WHERE r.relkind IN ('r', 'p')
           AND (has_table_privilege(%s, r.oid, 'TRUNCATE, TRIGGER, REFERENCES')
                OR (c.relispartition AND has_table_privilege(%s, r.oid, 'SELECT, INSERT, UPDATE, DELETE')))
        """,
        service.app,
        service.app,
    )
    assert held == []


@by_service
def test_the_migration_history_is_out_of_the_runtime_roles_reach(migrated: Conn, service: Service) -> None:
    for role, table in product((service.app, service.ro), catalog.ENGINE_TABLES):
        writable = catalog.rows(
            migrated,
            "SELECT has_table_privilege(%s, %s, 'INSERT, UPDATE, DELETE, TRUNCATE')",
            role,
            f"{service.schema}.{table}",
        )
        assert writable == [(False,)], (role, table)


def test_security_definer_functions_pin_the_search_path_and_are_not_for_everybody(migrated: Conn) -> None:
    functions = catalog.rows(
        migrated,
        """
        SELECT p.oid::regprocedure::text, coalesce(p.proconfig, '{}'),
               EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                        WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE')
          FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE p.prosecdef AND n.nspname = ANY (%s)
        """,
        SCHEMAS,
    )
    assert len(functions) >= len(SCHEMAS)
    assert [name for name, settings, _ in functions if "search_path=pg_catalog, pg_temp" not in settings] == []
    assert [name for name, _, is_public in functions if is_public] == []


def test_no_function_is_for_everybody(migrated: Conn) -> None:
    public = catalog.texts(
        migrated,
        """
        SELECT p.oid::regprocedure::text FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = ANY (%s)
           AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
                        WHERE a.grantee = 0)
        """,
        SCHEMAS,
    )
    assert public == []


@by_service
def test_the_service_makes_its_partitions_though_it_may_not_create_tables(as_role: Connect, service: Service) -> None:
    made = as_role(service.app).execute(f"SELECT {service.schema}.ensure_all_month_partitions(6)".encode()).fetchone()
    assert made is not None
    assert int(made[0]) > 0
