"""Which statements cannot run in a transaction: held against PostgreSQL itself, which is asked inside one."""

import io
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vuelo.errors import ScriptError
from vuelo.statements import Statement, split
from vuelo.transactions import (
    MARKS,
    Need,
    called_procedure,
    commits,
    concurrent_index,
    ends_transaction,
    may_need_more,
    need_of,
)

Connection = psycopg.Connection[Any]

REFUSED = [
    "CREATE DATABASE d", "DROP DATABASE IF EXISTS d", "CREATE TABLESPACE t LOCATION '/x'", "DROP TABLESPACE t",
    "ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM RESET ALL", "ALTER DATABASE d SET TABLESPACE t",
    'ALTER DATABASE "a database" SET TABLESPACE t',
    "CREATE INDEX CONCURRENTLY i ON t (n)", "create unique index concurrently on t (n)",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (n)",
    "CREATE -- a comment; with a semicolon\n INDEX /* and /* another */ one */ CONCURRENTLY i ON t (n)",
    "DROP INDEX CONCURRENTLY i", "DROP INDEX CONCURRENTLY IF EXISTS i",
    "REINDEX TABLE CONCURRENTLY t", "REINDEX INDEX CONCURRENTLY i", "REINDEX (VERBOSE) TABLE CONCURRENTLY t",
    "REINDEX (CONCURRENTLY) TABLE t", "REINDEX (VERBOSE, CONCURRENTLY TRUE) INDEX i",
    "REINDEX SCHEMA public", "reindex (verbose) schema public", "REINDEX DATABASE postgres",
    "REINDEX SYSTEM CONCURRENTLY x",
    "VACUUM", "VACUUM t", "VACUUM (ANALYZE, VERBOSE) t", "vacuum/**/full t", "DISCARD ALL",
    "CLUSTER", "CLUSTER VERBOSE", "CLUSTER -- all\n",
    "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
    'ALTER TABLE public . "p" DETACH PARTITION "a b" CONCURRENTLY',
    "ALTER TABLE IF EXISTS p DETACH PARTITION public.p1 /* slowly */ CONCURRENTLY",
    "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
    "DO $$BEGIN COMMIT; END$$", "DO $x$ BEGIN INSERT INTO t VALUES (1); COMMIT; END $x$ LANGUAGE plpgsql",
    "DO 'BEGIN RAISE NOTICE ''x''; ROLLBACK; END'",
    "DO LANGUAGE plpgsql $$BEGIN FOR i IN 1..2 LOOP COMMIT AND CHAIN; END LOOP; END$$",
    "DO $$BEGIN\n  -- save it\n  COMMIT;\nEND$$", "DO $$BEGIN IF true THEN COMMIT; END IF; END$$",
]  # fmt: skip
ALLOWED = [
    "CREATE INDEX i2 ON t (n)", 'CREATE INDEX "concurrently" ON t (n)', "CREATE TABLE vacuum_log ()", "DROP INDEX i0",
    "CREATE TABLE x AS SELECT 1 AS concurrently_built", "COMMENT ON TABLE t IS 'CREATE INDEX CONCURRENTLY'",
    "CREATE TABLE concurrent (database text, system text, schema text, tablespace text)",
    "REINDEX TABLE t", 'REINDEX TABLE "system"', 'REINDEX INDEX "database"', "REINDEX TABLE t -- not CONCURRENTLY",
    "REINDEX (CONCURRENTLY FALSE) TABLE t",
    "CLUSTER t USING i", "CLUSTER VERBOSE t USING i", "DISCARD TEMP", "DISCARD PLANS", "ANALYZE t",
    "ALTER TABLE p DETACH PARTITION p1", "ALTER TABLE t ALTER n SET DEFAULT 7, ALTER n DROP DEFAULT",
    "ALTER TABLE t ADD s text DEFAULT 'DETACH PARTITION p1 CONCURRENTLY'",
    "ALTER TABLE t ADD detach int", "ALTER DATABASE postgres SET work_mem = '4MB'",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m", "SELECT 'VACUUM'", "SELECT 1 AS commit", "EXPLAIN SELECT 1",
    "DO $$BEGIN RAISE NOTICE 'x; COMMIT; y'; END$$", "DO $$BEGIN PERFORM 1; /* ; COMMIT; */ END$$",
    "DO $$BEGIN PERFORM 1; -- then\n -- commit;\n END$$", "DO $$DECLARE commit int; BEGIN commit := 1; END$$",
    "DO $$BEGIN PERFORM E'it\\'s; commit; '; END$$",
    "DO $$BEGIN PERFORM date '2026-01-01', e'\\\\', '; commit;'; END$$",
    "DO $a$BEGIN EXECUTE $b$SELECT 1; $b$ || $b$ SELECT '; COMMIT;'$b$; END$a$",
]  # fmt: skip


# What may stand before a statement on its line.
_BEFORE = ("", "\ufeff", "SELECT 1;", "SELECT 1;\t ", "/* why */ ", "/* why\n*/", "-- why\n", "-- why\r  ", "\r\n\f")


def only(text: str) -> Statement:
    [statement] = split([text])
    return statement


@pytest.fixture
def prepared(conn: Connection) -> Connection:
    conn.execute(
        """CREATE TABLE t (n int); CREATE INDEX i ON t (n); CREATE INDEX i0 ON t (n);
           CREATE TABLE "system" (n int); CREATE TABLE s0 (n int);
           CREATE TABLE p (n int) PARTITION BY LIST (n); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
           CREATE TABLE "a b" PARTITION OF p FOR VALUES IN (2);
           CREATE MATERIALIZED VIEW m AS SELECT 1 AS n; CREATE UNIQUE INDEX mi ON m (n);
           CREATE INDEX "database" ON s0 (n)"""
    )
    return conn


@pytest.mark.parametrize("text", REFUSED)
def test_what_postgresql_refuses_inside_a_transaction_needs_none(prepared: Connection, text: str) -> None:
    assert need_of(only(text)) is Need.NO_TRANSACTION
    assert any(mark in text.lower().encode() for mark in MARKS)
    assert all(may_need_more(before + text) for before in _BEFORE)
    with pytest.raises(psycopg.Error) as caught, prepared.transaction():
        prepared.execute(text.encode())
    # A database or a subscription that there is not is complained of first.
    assert caught.value.sqlstate in ("25001", "2D000") or caught.value.sqlstate in ("42704", "3D000", "42602")


@pytest.mark.parametrize("text", ALLOWED)
def test_what_postgresql_allows_inside_a_transaction_has_one(prepared: Connection, text: str) -> None:
    assert need_of(only(text)) is Need.TRANSACTION
    with prepared.transaction(force_rollback=True):
        prepared.execute(text.encode())


@pytest.mark.parametrize("text", ["ALTER TYPE e ADD VALUE 'x'", "alter type a.e add value if not exists 'x' before 'y'",
                                  'ALTER TYPE "A"."add" /* why */ ADD\n-- not\nVALUE \'x\''])  # fmt: skip
def test_a_new_value_of_an_enum_is_known(text: str) -> None:
    assert need_of(only(text)) is Need.NEW_VALUE
    assert all(may_need_more(before + text) for before in _BEFORE)


@pytest.mark.parametrize("text", ["(SELECT 1)", "(DROP TABLE t)", "'a' CALL p()", "\ufeffVACUUM"])
def test_what_does_not_begin_with_a_word_is_left_to_the_server(text: str) -> None:
    assert need_of(only(f" {text}")) is Need.TRANSACTION


_WORDS = ["CREATE", "drop", "Alter", "UNIQUE", "INDEX", "CONCURRENTLY", "DATABASE", "SYSTEM", "TABLE", "TYPE", "e",
          "ADD", "VALUE", "DETACH", "PARTITION", "SUBSCRIPTION", "REFRESH", "PUBLICATION", "VACUUM", "REINDEX", "CALL",
          "CLUSTER", "DISCARD", "ALL", "DO", "$$BEGIN COMMIT; END$$", "'; VACUUM'", "('", "')", ";", ";", "(", ")",
          '"a"', "-- x", "/*", "*/", "/* x */", "COPY p FROM STDIN;\n", "\n\\.\n", "SELECT 1", "\ufeff"]  # fmt: skip
_BLANKS = st.sampled_from(["", " ", " ", "\n", "\r", "\t", "\v"])


@given(st.lists(st.tuples(st.sampled_from(_WORDS), _BLANKS), max_size=12))
def test_no_need_is_missed_without_reading_statements(pieces: list[tuple[str, str]]) -> None:
    text = "".join(word + gap for word, gap in pieces)
    needs = set[Need]()
    with suppress(ScriptError):  # of what stands before the mistake
        for statement in split(io.StringIO(text, newline="")):
            needs.add(need_of(statement))
    assert may_need_more(text) or needs <= {Need.TRANSACTION, Need.NOTHING}


@pytest.mark.parametrize("text", ["ALTER TYPE e RENAME VALUE 'a' TO 'b'", "ALTER TYPE c ADD ATTRIBUTE value int"])
def test_other_changes_of_types_are_none(text: str) -> None:
    assert need_of(only(text)) is Need.TRANSACTION


_NAMES = st.one_of(
    st.sampled_from(
        ["t", "concurrently_x", "vacuum", "database", "system", '"concurrently"', '"add value"', '"VACUUM"']
    ),
    st.text("abc;'-/*$ ", min_size=1, max_size=8).map(lambda text: f'"{text}"'),
)
_GAPS = st.lists(
    st.sampled_from([" ", "\n", "\t", "/* CONCURRENTLY */", "-- VACUUM;\n", "/*/**/*/"]), min_size=1, max_size=3
)
_STRINGS = st.sampled_from(
    ["'CONCURRENTLY'", "$$DETACH PARTITION p CONCURRENTLY$$", "E'\\'VACUUM'", "'it''s ADD VALUE'"]
)


def joined(words: list[str], gaps: list[list[str]]) -> str:
    return "".join(word + "".join(gap) for word, gap in zip(words, [*gaps, []], strict=False))


@given(_NAMES, _NAMES, _STRINGS, st.lists(_GAPS, min_size=12, max_size=12), st.integers(0, 5))
def test_ordinary_statements_are_never_taken_for_others(
    name: str, other: str, string: str, gaps: list[list[str]], which: int
) -> None:
    statements = [
        ["CREATE", "TABLE", name, "(", other, "text", "DEFAULT", string, ")"],
        ["ALTER", "TABLE", name, "ADD", other, "text", "DEFAULT", string],
        ["DROP", "TABLE", "IF", "EXISTS", name, ",", other],
        ["CREATE", "UNIQUE", "INDEX", name, "ON", other, "(", "n", ")"],
        ["ALTER", "TABLE", name, "RENAME", "TO", other],
        ["DROP", "INDEX", name, ",", other],
    ]
    text = joined(statements[which], [[" ", *gap, " "] for gap in gaps])
    assert need_of(only(text)) is Need.TRANSACTION, text


@given(_NAMES, _NAMES, st.lists(_GAPS, min_size=8, max_size=8))
def test_a_concurrent_index_is_known_with_its_names(name: str, table: str, gaps: list[list[str]]) -> None:
    words = ["CREATE", "INDEX", "CONCURRENTLY", name, "ON", table, "(n)"]
    text = joined(words, [[" ", *gap, " "] for gap in gaps])
    assert need_of(only(text)) is Need.NO_TRANSACTION, text
    assert concurrent_index(only(text)) == (
        name.lower() if name[0] != '"' else name,
        table.lower() if table[0] != '"' else table,
    )


def test_names_of_indexes_and_tables() -> None:
    assert concurrent_index(only("CREATE INDEX CONCURRENTLY IF NOT EXISTS I ON ONLY Shop . T USING gin (n)")) == (
        "i",
        "shop.t",
    )
    assert concurrent_index(only("CREATE INDEX CONCURRENTLY ON t (n)")) is None
    assert concurrent_index(only("DROP INDEX CONCURRENTLY i")) is None
    assert concurrent_index(only("CREATE INDEX i ON t (n)")) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [("CALL p()", "p"), ("call Shop.P(1, 'x')", "shop.p"), ('CALL /* now */ "A b" . "c"\n(1)', '"A b"."c"')],
)
def test_the_procedure_of_a_call(text: str, name: str) -> None:
    assert need_of(only(text)) is Need.ASK
    assert called_procedure(only(text)) == name


def test_bodies_that_commit() -> None:
    assert commits("BEGIN\n  UPDATE t SET n = 1;\n  COMMIT;\nEND")
    assert commits("\nBEGIN <<here>> COMMIT; END")
    assert commits("plpy.execute('x')\nplpy.commit()")
    assert not commits("BEGIN PERFORM 'a; COMMIT; b'; END")
    assert not commits("BEGIN UPDATE commits SET rollback = 1; END")


def test_savepoints_do_not_end_a_transaction_and_the_rest_does() -> None:
    for text in ("ROLLBACK TO s", "ROLLBACK WORK TO SAVEPOINT s", "SAVEPOINT s", "RELEASE s", "SELECT 1"):
        assert not ends_transaction(only(text).words), text
    for text in ("BEGIN", "COMMIT", "END", "ABORT", "ROLLBACK", "START TRANSACTION", "PREPARE TRANSACTION 'x'"):
        assert ends_transaction(only(text).words), text
