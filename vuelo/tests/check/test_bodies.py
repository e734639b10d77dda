"""Bodies of functions and DO blocks: their grammar and the names in them, held against a real server."""
# ruff: noqa: E501, ISC004 - the tables have one case a line, or as few lines as it takes

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from vuelo.check import constraints, rules, values
from vuelo.check.finding import Report

Connection = psycopg.Connection[Any]
_NAMES = {rule.code for rule in (*rules.NAMES, *constraints.RULES, *values.RULES)}

_SCHEMA = """
CREATE TYPE shop.size AS ENUM ('S', 'M');
CREATE TABLE shop.items (id bigint, name text, size shop.size, made_at timestamptz DEFAULT now(),
    CONSTRAINT items_pk PRIMARY KEY (id));
CREATE TABLE shop.log (item_id bigint, what text);
"""


def function(body: str, declare: str = "", header: str = "f() RETURNS void") -> str:
    return f"CREATE FUNCTION shop.{header} LANGUAGE plpgsql AS $$\nDECLARE\n    {declare}\nBEGIN\n    {body}\nEND\n$$;"


GOOD = [
    function("INSERT INTO shop.items (id, name) VALUES (v_id, 'x') RETURNING name INTO v_name;", "v_id int := 1; v_name text;"),
    function("SELECT * INTO v FROM shop.items LIMIT 1; PERFORM v.id, v.name;", "v shop.items%ROWTYPE;"),
    function("SELECT * INTO v FROM shop.items LIMIT 1; v.name := 'x'; v.size := 'S';", "v shop.items;"),
    function("SELECT size INTO v FROM shop.items; v := 'M';", "v shop.size; w shop.items.name%TYPE := 'x'; s shop.size[];"),
    function("FOR r IN SELECT id AS nr FROM shop.items LOOP PERFORM r.nr, r.anything; END LOOP;", "r record;"),
    function("FOR i IN 1 .. 3 LOOP UPDATE shop.items SET name = 'x' WHERE id = i; EXIT WHEN FOUND; END LOOP;"),
    function("FOREACH t SLICE 0 IN ARRAY ARRAY['a'] LOOP RAISE NOTICE '%', t; END LOOP;", "t text;"),
    function("OPEN c(1); FETCH c INTO v; CLOSE c; FOR r IN c(2) LOOP PERFORM r.id; END LOOP;",
             "c CURSOR (p bigint) FOR SELECT id FROM shop.items WHERE id > p; v bigint;"),
    function("EXECUTE format('SELECT count(*) FROM %I.items', 'shop') INTO n USING n; RETURN;", "n bigint;"),
    function("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT id FROM shop.items; INSERT INTO t VALUES (1); PERFORM id FROM t;"),
    function("EXECUTE 'CREATE TEMP TABLE later (a int)'; INSERT INTO later VALUES (1);"),
    function("<<outer_loop>> WHILE a < 3 LOOP a := a + 1; CONTINUE outer_loop WHEN a = 2; END LOOP;", "a int := 0;"),
    function("CASE a WHEN 1, 2 THEN NULL; ELSE PERFORM 1; END CASE; IF a > 1 THEN NULL; ELSIF a = 1 THEN NULL; END IF;",
             "a int := 1;"),
    function("BEGIN INSERT INTO shop.log VALUES (1, 'x'); EXCEPTION WHEN unique_violation OR others THEN"
             " GET STACKED DIAGNOSTICS m = MESSAGE_TEXT; RAISE NOTICE '% %', SQLERRM, SQLSTATE; END;", "m text;"),
    function("RETURN QUERY SELECT i.id, i.name FROM shop.items AS i WHERE i.id = p;", "", "f(p bigint) RETURNS TABLE (nr bigint, word text)"),
    function("RETURN NEXT;", "", "f(OUT a int, OUT b text) RETURNS SETOF record"),
    function("RETURN (SELECT count(*) FROM shop.items WHERE size = f.p_size);", "", "f(p_size shop.size) RETURNS bigint"),
    function("p.name := upper(p.name); RETURN p;", "", "f(p shop.items) RETURNS shop.items"),
    function("RETURN $1 + 1;", "", "f(int) RETURNS int"),
    function("v[1] := 2; SELECT ARRAY[1, 2] INTO v; ASSERT v[1] = 1, 'no' || ' way';", "v int[] := '{}'; k CONSTANT text := 'x';"),
    function("RETURN 'a' -- the first part\n        'b';", "", "f() RETURNS text"),
    function("WITH gone AS (DELETE FROM shop.log RETURNING item_id) SELECT count(*) INTO n FROM gone;", "n bigint;"),
    function("IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; NEW.name := TG_TABLE_NAME; RETURN NEW;", "", "f() RETURNS trigger")
    + "CREATE TRIGGER t BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.f();",
    function("INSERT INTO shop.log SELECT n.id, n.name FROM fresh AS n JOIN items AS i USING (id); RETURN NULL;",
             "", "f() RETURNS trigger SET search_path = shop")
    + "CREATE TRIGGER t AFTER INSERT ON shop.items REFERENCING NEW TABLE AS fresh EXECUTE FUNCTION shop.f();",
    "CREATE PROCEDURE shop.p(INOUT a int) LANGUAGE plpgsql AS $$ BEGIN CALL shop.p(a); COMMIT; END $$;",
    "CREATE FUNCTION shop.f(a shop.items) RETURNS text LANGUAGE sql AS 'SELECT a.name || $1.name';",
    "CREATE FUNCTION shop.f(p_id bigint) RETURNS SETOF shop.items LANGUAGE sql BEGIN ATOMIC"
    " SELECT * FROM shop.items WHERE id = p_id; SELECT i.* FROM shop.items AS i; END;",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_type WHERE typname = 'kind') THEN CREATE TYPE shop.kind AS ENUM ('a');"
    " END IF; END $$; CREATE TABLE shop.k (kind shop.kind);",
    "DO LANGUAGE plpgsql 'DECLARE v text := ''x''; BEGIN PERFORM v; END';",
    # PL/pgSQL is not read before it runs, so that what it needs may come later.
    function("PERFORM count(*) FROM shop.later;") + "CREATE TABLE shop.later (id bigint);",
]  # fmt: skip

BAD = [
    (function("SELEC 1;"), "syntax", "SELEC"),
    (function("IF true THEN PERFORM 1;"), "syntax", None),
    (function("v := 1 +;", "v int;"), "syntax", None),
    (function("unknown_variable := 1;"), "syntax", "unknown_variable"),
    (function("PERFORM * FROM shop.nothing;"), "unknown-table", "shop.nothing"),
    (function("INSERT INTO shop.log (item) VALUES (1);"), "unknown-column", "item)"),
    (function("UPDATE shop.items\n       SET colour = 'x';"), "unknown-column", "colour"),
    (function("SELECT i.colour INTO v FROM shop.items AS i;", "v text;"), "unknown-column", "i.colour"),
    (function("v := shop.nothing(1);", "v int;"), "unknown-function", "shop.nothing"),
    (function("v := (SELECT count(*) FROM shop.nothing);", "v int;"), "unknown-table", "shop.nothing"),
    (function("FOR r IN SELECT nothing FROM shop.items LOOP NULL; END LOOP;", "r record;"), "unknown-column", "nothing"),
    (function("IF v_misspelt THEN NULL; END IF;"), "unknown-column", "v_misspelt"),
    (function("RETURN QUERY SELECT colour FROM shop.items;", "", "f() RETURNS SETOF text"), "unknown-column", "colour"),
    (function("NEW.colour := 'x'; RETURN NEW;", "", "f() RETURNS trigger")
     + "CREATE TRIGGER t BEFORE INSERT ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.f();"
     + "INSERT INTO shop.items (id) VALUES (1);", "unknown-column", "NEW.colour"),
    (function("IF OLD.colour = 'x' THEN NULL; END IF; RETURN NEW;", "", "f() RETURNS trigger")
     + "CREATE TRIGGER t BEFORE UPDATE ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.f();"
     + "INSERT INTO shop.items (id) VALUES (1); UPDATE shop.items SET id = 2;", "unknown-column", "OLD.colour"),
    (function("INSERT INTO shop.log SELECT n.colour FROM fresh AS n; RETURN NULL;", "", "f() RETURNS trigger")
     + "CREATE TRIGGER t AFTER INSERT ON shop.items REFERENCING NEW TABLE AS fresh EXECUTE FUNCTION shop.f();"
     + "INSERT INTO shop.items (id) VALUES (1);", "unknown-column", "n.colour"),
    (function("PERFORM id FROM items;", "", "f() RETURNS void SET search_path = pg_catalog, pg_temp"), "unknown-table", "items"),
    ("DO $$\nBEGIN\n    UPDATE shop.items SET colour = 'x';\nEND $$;", "unknown-column", "colour"),
    ("DO $$ BEGIN PERFORM 1; END;", "syntax", None),
    ("CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE sql AS $$\n  SELECT id\n  FROM shop.nothing $$;", "unknown-table", "shop.nothing"),
    ("CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE sql AS $$ SELEC 1 $$;", "syntax", "SELEC"),
    (function("PERFORM name FROM shop.items;") + "ALTER TABLE shop.items DROP COLUMN name;", "unknown-column", "name FROM"),
]  # fmt: skip


@pytest.mark.parametrize("statements", GOOD)
def test_a_body_that_runs_has_no_finding(statements: str, checked: Callable[..., Report], conn: Connection) -> None:
    report = checked(_SCHEMA + statements)
    assert [(one.rule, one.message) for one in report.findings if one.rule in _NAMES] == []
    conn.execute(f"CREATE SCHEMA shop; {_SCHEMA}".encode())
    conn.execute(statements.encode())


@pytest.mark.parametrize(("statements", "rule", "place"), BAD)
def test_a_body_that_fails_is_found_where_it_fails(
    statements: str, rule: str, place: str | None, checked: Callable[..., Report], conn: Connection
) -> None:
    found = [one for one in checked(_SCHEMA + statements).findings if one.rule in _NAMES]
    assert [one.rule for one in found] == [rule]
    assert found[0].place
    assert place is None or found[0].place.source[found[0].place.column - 1 :].startswith(place)
    conn.execute(f"CREATE SCHEMA shop; {_SCHEMA}".encode())
    with pytest.raises(psycopg.Error):  # noqa: PT012 - the one or the other
        conn.execute(statements.encode())
        conn.execute("SELECT shop.f()")  # PostgreSQL itself looks no earlier
