"""`ops_schema`'s migrations: up, down and up again, and what each table says of itself."""

import vuelo
from gasolinera.ops import operations_schema
from tests.ops.conftest import Connection

TABLES = """
SELECT c.relname::text, obj_description(c.oid) FROM pg_class AS c
 WHERE c.relnamespace = 'ops_schema'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND c.relname !~ '^(procrastinate_|job_|flyway_|vuelo_)'
 ORDER BY 1
"""


def test_installing_again_changes_nothing(ops_url: str) -> None:
    assert operations_schema.install(ops_url) == []


def test_its_migrations_go_down_and_up_again(ops_url: str, ops: Connection) -> None:
    project = operations_schema.operations_project(ops_url)
    before = ops.execute(TABLES).fetchall()
    vuelo.undo(project, target="0")
    assert ops.execute(TABLES).fetchall() == []
    assert ops.execute("SELECT to_regclass('ops_schema.procrastinate_jobs') IS NOT NULL").fetchone() == (True,)
    vuelo.migrate(project)
    assert ops.execute(TABLES).fetchall() == before


def test_every_table_says_what_it_is_for(ops: Connection) -> None:
    assert [name for name, comment in ops.execute(TABLES).fetchall() if not comment] == []
