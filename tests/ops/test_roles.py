"""What the role `ops` may read: the services' schemas, made before or after, and none of the server's own secrets."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from gasolinera.ops import roles
from gasolinera.ops.checking_questions import Memory, look
from gasolinera.ops.checking_rules import BY_NAME
from tests.conftest import project_at
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
SECRETS = ("pg_authid", "pg_shadow", "pg_user_mapping", "pg_statistic", "pg_largeobject")
_UNREAD = """
SELECT c.oid::regclass::text
  FROM pg_class AS c
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspowner::regrole::text LIKE '%\\_owner' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
   AND NOT (has_schema_privilege('ops', n.oid, 'USAGE')
            AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege('ops', c.oid, 'SELECT')
                               ELSE has_table_privilege('ops', c.oid, 'SELECT') END)
"""


@pytest.fixture
def admin(server: Server, database: str) -> Generator[Admin]:
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        yield conn


def unread(conn: Admin) -> list[str]:
    return [str(name) for (name,) in conn.execute(_UNREAD.encode())]


def powerful(conn: Admin) -> set[str]:
    [result] = look(conn, ["auth_schema"], [BY_NAME["powerful_roles"]], Memory((), None)).results
    return {finding.object for finding in result.findings}


def test_operations_read_every_relation_of_the_services_and_no_secret_of_the_server(admin: Admin) -> None:
    assert unread(admin) == []
    admin.execute("SET ROLE ops")
    assert admin.execute("SELECT count(*) >= 0 FROM auth_schema.users").fetchone() == (True,)
    for name in SECRETS:
        with pytest.raises(errors.InsufficientPrivilege):
            admin.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("pg_catalog", name)))
    assert admin.execute("SELECT pg_has_role('ops', 'pg_monitor', 'USAGE')").fetchone() == (True,)


def test_what_an_owner_makes_later_is_read_as_well(admin: Admin) -> None:
    admin.execute("SET ROLE auth_owner")
    admin.execute("CREATE SCHEMA later CREATE TABLE later.things (id bigint GENERATED ALWAYS AS IDENTITY)")
    admin.execute("RESET ROLE")
    assert unread(admin) == []


def test_a_database_of_an_earlier_release_ends_the_same(server: Server, database: str, admin: Admin) -> None:
    """It had the one right to read everything, and none of its own."""
    admin.execute("GRANT pg_read_all_data TO ops")
    for owner, schema in (("auth_owner", "auth_schema"), ("ads_owner", "ad_schema")):
        for kind in ("TABLES", "SEQUENCES"):
            admin.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON {kind} FROM ops".encode())
            admin.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM ops".encode())
        admin.execute(f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON SCHEMAS FROM ops".encode())
        admin.execute(f"REVOKE ALL ON SCHEMA {schema} FROM ops".encode())
    assert powerful(admin) == {"ops pg_read_all_data"}
    roles.initialise(project_at(server.url(database), "test"))
    assert powerful(admin) == set()
    assert unread(admin) == []
    assert admin.execute("SELECT has_table_privilege('ops', 'pg_catalog.pg_authid', 'SELECT')").fetchone() == (False,)
