"""What the lint rules say of PostgreSQL, asked of PostgreSQL: what a statement rewrites, reads and locks.

A rewrite gives a table another file (relfilenode); reading all rows is told by the server's own debug messages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from vuelo.check.catalog import Column
from vuelo.check.lint_columns import VOLATILE_FUNCTIONS, keeps_bytes
from vuelo.check.names import builtins

Connection = psycopg.Connection[Any]

_TABLES = """
CREATE SCHEMA shop;
CREATE DOMAIN shop.percent AS int CONSTRAINT percent_check CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN shop.free AS text;
CREATE SEQUENCE shop.numbers;
CREATE FUNCTION shop.moving() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION shop.still() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE TABLE shop.other (id int PRIMARY KEY);
INSERT INTO shop.other VALUES (1);
CREATE TABLE shop.t (
    a int DEFAULT 1,
    proven int DEFAULT 1 CONSTRAINT proven_given CHECK (proven IS NOT NULL),
    big bigint DEFAULT 1,
    short varchar(10) DEFAULT 'x',
    words text DEFAULT 'x',
    padded char(5) DEFAULT 'x',
    total numeric(10, 2) DEFAULT 1,
    at timestamp DEFAULT now(),
    zoned timestamptz DEFAULT now(),
    millis timestamptz(3) DEFAULT now(),
    net cidr DEFAULT '10.0.0.0/8',
    bits bit varying(10) DEFAULT b'1',
    body json DEFAULT '{}',
    part shop.percent DEFAULT 5,
    required int NOT NULL DEFAULT 1,
    CONSTRAINT later CHECK (a > 0)
);
ALTER TABLE shop.t DROP CONSTRAINT later, ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
INSERT INTO shop.t DEFAULT VALUES;
CREATE UNIQUE INDEX t_a_key ON shop.t (a);
CREATE UNIQUE INDEX t_required_key ON shop.t (required);
"""


@dataclass(frozen=True)
class Effect:
    """Of one ALTER TABLE shop.t: the table has another file, the server has read all rows, and the strongest lock."""

    rewrites: bool
    reads: bool
    locks: frozenset[str]


@pytest.fixture
def effect(conn: Connection) -> Callable[..., Effect]:
    messages: list[str] = []
    conn.add_notice_handler(lambda diagnostic: messages.append(diagnostic.message_primary or ""))
    conn.execute(_TABLES)

    def measure(command: str, *, before: str = "") -> Effect:
        file_of = "SELECT relfilenode FROM pg_class WHERE oid = 'shop.t'::regclass"
        locks_of = "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'shop.t'::regclass"
        old = conn.execute(file_of).fetchone()
        conn.execute("SET timezone = 'America/Mexico_City'")
        with conn.transaction(force_rollback=True):
            if before:
                conn.execute(before.encode())
            conn.execute("SET LOCAL client_min_messages = debug1")
            messages.clear()
            conn.execute(f"ALTER TABLE shop.t {command}".encode())
            seen = list(messages)
            new = conn.execute(file_of).fetchone()
            locks = frozenset(mode for (mode,) in conn.execute(locks_of))
        reads = any(word in message for message in seen for word in ("verifying table", "validating foreign key"))
        return Effect(old != new, reads, locks)

    return measure


REWRITE = (
    "ADD COLUMN x uuid DEFAULT gen_random_uuid()",
    "ADD COLUMN x timestamptz DEFAULT clock_timestamp()",
    "ADD COLUMN x int DEFAULT nextval('shop.numbers')",
    "ADD COLUMN x int GENERATED ALWAYS AS (big + 1) STORED",
    "ADD COLUMN x int DEFAULT shop.moving()",
    "ADD COLUMN x serial",
    "ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY",
    "ADD COLUMN x shop.percent",
    "ADD COLUMN x shop.percent DEFAULT 5",
    "SET UNLOGGED",
)
KEEP = (
    "ADD COLUMN x int",
    "ADD COLUMN x int NOT NULL DEFAULT 7",
    "ADD COLUMN x timestamptz DEFAULT now()",
    "ADD COLUMN x text DEFAULT lower('A')",
    "ADD COLUMN x int DEFAULT shop.still()",
    "ADD COLUMN x int REFERENCES shop.other",
    "ADD CONSTRAINT k CHECK (a > 0) NOT VALID",
    "ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES shop.other NOT VALID",
    "ADD CONSTRAINT k UNIQUE USING INDEX t_a_key",
    "ADD CONSTRAINT k PRIMARY KEY USING INDEX t_required_key",
    "ALTER COLUMN proven SET NOT NULL",
    "DROP COLUMN big",
    "RENAME COLUMN big TO bigger",
)
READ = (
    "ADD CONSTRAINT k CHECK (a > 0)",
    "ADD COLUMN x int CHECK (x > 0)",
    "ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES shop.other",
    "ADD COLUMN x int DEFAULT 1 REFERENCES shop.other",
    "ADD CONSTRAINT k PRIMARY KEY USING INDEX t_a_key",
    "ALTER COLUMN a SET NOT NULL",
    "ALTER COLUMN proven SET NOT NULL, DROP CONSTRAINT proven_given",  # the proof is gone before it is used
    "VALIDATE CONSTRAINT later",
)


@pytest.mark.parametrize("command", REWRITE)
def test_what_the_rules_call_a_rewrite_is_one(effect: Callable[[str], Effect], command: str) -> None:
    found = effect(command)

    assert found.rewrites
    assert "AccessExclusiveLock" in found.locks


@pytest.mark.parametrize("command", KEEP)
def test_what_the_rules_let_pass_neither_rewrites_nor_reads_the_table(
    effect: Callable[[str], Effect], command: str
) -> None:
    found = effect(command)

    assert not found.rewrites
    assert not found.reads


@pytest.mark.parametrize("command", READ)
def test_what_the_rules_call_reading_every_row_does(effect: Callable[[str], Effect], command: str) -> None:
    found = effect(command)

    assert found.reads
    assert not found.rewrites


def test_validate_alone_lets_everybody_write_and_with_its_add_nobody(effect: Callable[..., Effect]) -> None:
    alone = effect("VALIDATE CONSTRAINT later")
    together = effect("VALIDATE CONSTRAINT k", before="ALTER TABLE shop.t ADD CONSTRAINT k CHECK (big > 0) NOT VALID")

    assert alone.locks == {"ShareUpdateExclusiveLock"}
    assert "AccessExclusiveLock" in together.locks


@pytest.mark.parametrize(
    ("column", "new", "modifiers"),
    [
        ("short", "character varying", (20,)),
        ("short", "character varying", ()),
        ("short", "character varying", (5,)),
        ("short", "text", ()),
        ("words", "character varying", ()),
        ("words", "character varying", (10,)),
        ("total", "numeric", (12, 2)),
        ("total", "numeric", ()),
        ("total", "numeric", (12, 3)),
        ("total", "numeric", (8, 2)),
        ("total", "numeric", (12,)),
        ("zoned", "timestamp with time zone", (3,)),
        ("millis", "timestamp with time zone", ()),
        ("millis", "timestamp with time zone", (6,)),
        ("bits", "bit varying", (20,)),
        ("bits", "bit varying", (5,)),
        ("padded", "character", (8,)),
        ("padded", "text", ()),
        ("net", "inet", ()),
        ("body", "jsonb", ()),
        ("a", "bigint", ()),
        ("big", "integer", ()),
        ("at", "timestamp with time zone", ()),
        ("zoned", "timestamp without time zone", ()),
    ],
)
def test_a_type_that_keeps_the_rows_is_one_that_postgresql_keeps(
    effect: Callable[[str], Effect], column: str, new: str, modifiers: tuple[int, ...]
) -> None:
    types = {
        "short": ("character varying", (10,)),
        "words": ("text", ()),
        "total": ("numeric", (10, 2)),
        "zoned": ("timestamp with time zone", ()),
        "millis": ("timestamp with time zone", (3,)),
        "bits": ("bit varying", (10,)),
        "padded": ("character", (5,)),
        "net": ("cidr", ()),
        "body": ("json", ()),
        "a": ("integer", ()),
        "big": ("bigint", ()),
        "at": ("timestamp without time zone", ()),
    }
    old_type, old_modifiers = types[column]
    written = new.replace(" with", f"({modifiers[0]}) with") if modifiers and " with" in new else new
    if modifiers and written == new:
        written = f"{new}({', '.join(map(str, modifiers))})"

    found = effect(f"ALTER COLUMN {column} TYPE {written}")

    assert keeps_bytes(Column(column, old_type, modifiers=old_modifiers), new, modifiers) is not found.rewrites


def test_between_the_two_timestamps_nothing_is_rewritten_in_utc(effect: Callable[..., Effect]) -> None:
    assert effect("ALTER COLUMN at TYPE timestamptz").rewrites
    assert not effect("ALTER COLUMN at TYPE timestamptz", before="SET LOCAL timezone = 'UTC'").rewrites


def test_the_volatile_functions_are_those_of_the_server(conn: Connection) -> None:
    """A row's default is one value for all rows unless its function is volatile. Those for operators are left out."""
    query = """
        SELECT DISTINCT proname FROM pg_proc
         WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND NOT proretset
           AND prorettype IN ('int4'::regtype, 'int8'::regtype, 'float8'::regtype, 'text'::regtype, 'uuid'::regtype,
                              'timestamptz'::regtype, 'numeric'::regtype)
           AND proname !~ '^(pg_|binary_upgrade_|lo_?|ts_|inet_|brin_|gin_|txid_|current_query$|currtid|dsnowball)'"""
    volatile = {name for (name,) in conn.execute(query)} - {"lowrite", "loread"}
    known = {name for (name,) in conn.execute("SELECT proname FROM pg_proc") if name in VOLATILE_FUNCTIONS}
    anyarray = {"array_sample", "array_shuffle"}

    assert volatile <= VOLATILE_FUNCTIONS
    assert known - anyarray == volatile
    assert builtins("function").keys() >= VOLATILE_FUNCTIONS


def test_an_index_of_a_partitioned_table_is_neither_built_nor_dropped_concurrently(conn: Connection) -> None:
    conn.execute("CREATE TABLE p (id int, at date) PARTITION BY RANGE (at); CREATE INDEX p_id ON p (id)")

    with pytest.raises(psycopg.errors.FeatureNotSupported):
        conn.execute("CREATE INDEX CONCURRENTLY ON p (at)")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        conn.execute("DROP INDEX CONCURRENTLY p_id")


def test_a_partition_is_read_unless_a_check_and_not_null_prove_its_bounds(conn: Connection) -> None:
    messages: list[str] = []
    conn.add_notice_handler(lambda diagnostic: messages.append(diagnostic.message_primary or ""))
    conn.execute("CREATE TABLE p (id int, at date) PARTITION BY RANGE (at)")
    conn.execute("CREATE TABLE q (id int, at date, CONSTRAINT q_at CHECK (at >= '2026-01-01' AND at < '2027-01-01'))")
    attach = "ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    reads: list[bool] = []
    for prepare in ("SELECT 1", "ALTER TABLE q ALTER COLUMN at SET NOT NULL"):
        conn.execute(prepare.encode())
        with conn.transaction(force_rollback=True):
            conn.execute("SET LOCAL client_min_messages = debug1")
            messages.clear()
            conn.execute(attach.encode())
            reads.append('verifying table "q"' in messages)

    assert reads == [True, False]


@pytest.mark.parametrize(
    ("statement", "lock"),
    [
        ("CREATE INDEX t_big ON shop.t (big)", "ShareLock"),
        ("CREATE TRIGGER g BEFORE INSERT ON shop.t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
         "ShareRowExclusiveLock"),
        ("REINDEX TABLE shop.t", "ShareLock"),
        ("LOCK TABLE shop.t", "AccessExclusiveLock"),
        ("TRUNCATE shop.t", "AccessExclusiveLock"),
        ("CREATE POLICY y ON shop.t USING (true)", "AccessExclusiveLock"),
        ("CREATE TABLE shop.u PARTITION OF shop.p FOR VALUES IN (1)", "AccessExclusiveLock"),
        ("ALTER TABLE shop.p DETACH PARTITION shop.p2", "AccessExclusiveLock"),
        ("ALTER TABLE shop.p ATTACH PARTITION shop.like_p FOR VALUES IN (1)", "ShareUpdateExclusiveLock"),
    ],
)  # fmt: skip
def test_a_statement_takes_the_lock_that_its_rule_names(conn: Connection, statement: str, lock: str) -> None:
    conn.execute(_TABLES)
    conn.execute("""CREATE TABLE shop.p (id int) PARTITION BY LIST (id); CREATE TABLE shop.like_p (LIKE shop.p);
                    CREATE TABLE shop.p2 PARTITION OF shop.p FOR VALUES IN (2)""")
    held = "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = %s::regclass"
    with conn.transaction(force_rollback=True):
        conn.execute(statement.encode())
        table = "shop.p" if "shop.p " in statement else "shop.t"
        modes = {mode for (mode,) in conn.execute(held, (table,))} - {"AccessShareLock"}

    assert lock in modes
