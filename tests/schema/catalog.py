"""What the schema tests ask of live catalogs and of migration files; each question is one function."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

import gasolinera

Conn: TypeAlias = psycopg.Connection[TupleRow]

SOURCE = Path(gasolinera.__file__).parent
COMMON_MIGRATION = SOURCE / "migrations" / "V0_1__Common_functions.sql"
AFTER_MIGRATE = SOURCE / "migrations" / "afterMigrate__validate_constraints.sql"
HISTORY_TABLE = "flyway_schema_history"
ENGINE_TABLES = [HISTORY_TABLE, "vuelo_log"]

_COMMENT_OR_STRING = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^']|'')*')", re.DOTALL)
_COMMENT_STATEMENT = re.compile(r"\bCOMMENT\s+ON\s[^;']*\sIS\s+'(?:[^']|'')*'(?:\s+'(?:[^']|'')*')*\s*;")


@dataclass(frozen=True)
class Service:
    """One of the six services: its folder's name, its schema, its roles."""

    name: str
    schema: str

    @property
    def owner(self) -> str:
        return f"{self.name}_owner"

    @property
    def app(self) -> str:
        return f"{self.name}_app"

    @property
    def ro(self) -> str:
        return f"{self.name}_ro"

    @property
    def migrations(self) -> list[Path]:
        return sorted((SOURCE / self.name / "migrations").glob("*.sql"))

    @property
    def files(self) -> list[Path]:
        return sorted((SOURCE / self.name).rglob("*.sql"))

    def versioned(self) -> list[Path]:
        """The V files, the common one first, in the order in which they are applied."""
        own = [path for path in self.migrations if path.name.startswith("V")]
        return [COMMON_MIGRATION, *sorted(own, key=version_of)]


SERVICES = (
    Service("auth", "auth_schema"),
    Service("station", "station_schema"),
    Service("coupon", "coupon_schema"),
    Service("redemption", "redemption_schema"),
    Service("ads", "ad_schema"),
    Service("raffle", "raffle_schema"),
)
SCHEMAS = [service.schema for service in SERVICES]
BY_NAME = {service.name: service for service in SERVICES}


def version_of(path: Path) -> tuple[int, ...]:
    """The version in a file's name: `V1_2__x.sql` is (1, 2)."""
    return tuple(int(part) for part in re.split(r"[._]", path.name[1:].split("__")[0]))


def rows(conn: Conn, sql: str, *parameters: object) -> list[TupleRow]:
    return conn.execute(sql.encode(), parameters or None).fetchall()


def texts(conn: Conn, sql: str, *parameters: object) -> list[str]:
    """The first column, as text: names of what a query found, mostly of what breaks a rule."""
    return [str(row[0]) for row in rows(conn, sql, *parameters)]


def number(conn: Conn, sql: str, *parameters: object) -> int:
    return int(rows(conn, sql, *parameters)[0][0])


def apply(conn: Conn, service: Service, path: Path) -> None:
    """Run a file as the service's owner in one transaction, as a migration does."""
    script = path.read_text()
    for placeholder, value in (
        ("flyway:defaultSchema", service.schema),
        ("flyway:table", HISTORY_TABLE),
        ("service", service.name),
    ):
        script = script.replace(f"${{{placeholder}}}", value)
    with conn.transaction():
        conn.execute(f"SET LOCAL ROLE {service.owner}".encode())
        conn.execute(script.encode())


def remake_schema(conn: Conn, service: Service) -> None:
    """An empty schema with a migration history, as the engine makes it before the first migration."""
    conn.execute(f"DROP SCHEMA {service.schema} CASCADE".encode())
    conn.execute(f"CREATE SCHEMA {service.schema} AUTHORIZATION {service.owner}".encode())
    with conn.transaction():
        conn.execute(f"SET LOCAL ROLE {service.owner}".encode())
        conn.execute(f"CREATE TABLE {service.schema}.{HISTORY_TABLE} (installed_rank integer)".encode())


def tables(conn: Conn) -> list[str]:
    """Every table of the six schemas, `schema.table`: not the partitions, not those of the migration engine."""
    return texts(
        conn,
        """
        SELECT n.nspname || '.' || c.relname
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
         ORDER BY 1
        """,
        SCHEMAS,
        ENGINE_TABLES,
    )


def columns_named(conn: Conn, pattern: str, data_type: str) -> list[tuple[str, str]]:
    """(`schema.table`, column) of every table's column whose name matches the whole regular expression."""
    return [
        (str(table), str(column))
        for table, column in rows(
            conn,
            """
            SELECT n.nspname || '.' || c.relname, a.attname
              FROM pg_attribute AS a
              JOIN pg_class AS c ON c.oid = a.attrelid
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
               AND a.attnum > 0 AND NOT a.attisdropped
               AND a.attname ~ ('^(' || %s || ')$') AND a.atttypid = %s::regtype
             ORDER BY 1, 2
            """,
            SCHEMAS,
            ENGINE_TABLES,
            pattern,
            data_type,
        )
    ]


def view_columns(conn: Conn, view: str) -> list[str]:
    return texts(
        conn,
        """
        SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
         WHERE c.oid = %s::regclass AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
        """,
        view,
    )


def code_of(path: Path) -> str:
    """A file's SQL without its comments and without the prose of COMMENT ON; other strings stay, they may be code."""
    code = _COMMENT_OR_STRING.sub(lambda found: found.group(1) or " ", path.read_text())
    return _COMMENT_STATEMENT.sub(";", code)
