"""What check says of names, and what a real server says of the same statements."""
# ruff: noqa: E501, ISC004 - the tables have one case a line, or as few lines as it takes

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from vuelo.check import constraints, rules, values
from vuelo.check.finding import Report, Severity

Connection = psycopg.Connection[Any]
_JUDGING = (*rules.NAMES, *constraints.RULES, *values.RULES)
_ERRORS = {rule.code for rule in _JUDGING if rule.severity is Severity.ERROR}

_SCHEMA = """
CREATE TYPE shop.size AS ENUM ('S', 'M', 'L');
CREATE DOMAIN shop.code AS text CONSTRAINT code_check CHECK (VALUE ~ '^[A-Z]+$');
CREATE TABLE shop.users (id bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL, CONSTRAINT users_pk PRIMARY KEY (id));
CREATE TABLE shop.items (id bigserial, user_id bigint NOT NULL, size shop.size, code shop.code, price numeric(10, 2),
    tags text[], data jsonb NOT NULL DEFAULT '{}', made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT items_pk PRIMARY KEY (id), CONSTRAINT items_code_key UNIQUE (code),
    CONSTRAINT items_user_id_fk FOREIGN KEY (user_id) REFERENCES shop.users (id));
CREATE INDEX items_user_id_idx ON shop.items (user_id);
CREATE TABLE shop.events (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2026 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW shop.prices AS SELECT i.id, i.price AS amount, u.name FROM shop.items AS i JOIN shop.users AS u ON u.id = i.user_id;
CREATE FUNCTION shop.half(p numeric, digits integer DEFAULT 2) RETURNS numeric LANGUAGE sql IMMUTABLE
    RETURN round(p / 2, digits);
CREATE FUNCTION shop.pair(OUT a integer, OUT b text) LANGUAGE sql AS $$ SELECT 1, 'x' $$;
CREATE FUNCTION shop.many(VARIADIC p text[]) RETURNS integer LANGUAGE sql RETURN cardinality(p);
"""

GOOD = [
    "SELECT i.*, u.name AS who FROM shop.items i, shop.users u WHERE u.id = i.user_id ORDER BY who, i.id",
    "SELECT size, count(*) AS n FROM shop.items GROUP BY size HAVING count(*) > 1 ORDER BY n DESC, 1",
    "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t",
    "WITH RECURSIVE t AS (SELECT id, user_id FROM shop.items UNION SELECT i.id, i.user_id FROM t JOIN shop.items i"
    " ON i.id = t.user_id) SELECT id, user_id FROM t",
    "WITH gone AS (DELETE FROM shop.items WHERE false RETURNING id, code) SELECT g.code FROM gone AS g",
    "SELECT x.id, y.amount FROM shop.items x CROSS JOIN LATERAL (SELECT amount FROM shop.prices p WHERE p.id = x.id) y",
    "SELECT id, name, price FROM shop.users JOIN shop.items USING (id)",
    "SELECT j.id, j.name FROM (shop.users JOIN shop.items USING (id)) AS j",
    "SELECT j.id FROM shop.users JOIN shop.items USING (id) AS j",
    "SELECT id, name FROM shop.users NATURAL JOIN shop.prices",
    "SELECT a, b FROM shop.pair()",
    "SELECT p.b FROM shop.pair() AS p",
    "SELECT (shop.pair()).b",
    "SELECT x, o FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) WITH ORDINALITY AS t (x, y, o) WHERE y = 'a'",
    "SELECT n FROM generate_series(1, 3) AS n",
    "SELECT g, generate_series FROM generate_series(1, 3), generate_series(1, 2) AS g",
    "SELECT e.value ->> 'a', value FROM jsonb_array_elements('[]') AS e",
    "SELECT r.a FROM jsonb_to_recordset('[]') AS r (a integer, b shop.size)",
    "SELECT key FROM jsonb_each('{}')",
    "SELECT v.id, v.word FROM (VALUES (1, 'a'), (2, 'b')) AS v (id, word)",
    "SELECT column1 FROM (VALUES (1)) AS v",
    "SELECT i, i.id FROM shop.items AS i WHERE i IS NOT NULL",
    "SELECT ctid, tableoid, xmin FROM shop.items",
    "SELECT items.id, shop.items.code FROM shop.items",
    "SELECT sum(price) OVER w, rank() OVER (PARTITION BY size ORDER BY made_at) FROM shop.items WINDOW w AS (ORDER BY id)",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FILTER (WHERE price > 0) FROM shop.items",
    "SELECT EXISTS (SELECT FROM shop.items WHERE items.user_id = u.id) FROM shop.users AS u",
    "SELECT (SELECT max(price) FROM shop.items WHERE user_id = u.id) AS top FROM shop.users u ORDER BY top",
    "SELECT coalesce(x.price, 0) FROM (SELECT max(price), price FROM shop.items GROUP BY price) AS x",
    "SELECT shop.half(3), shop.half(3, 1), shop.half(p => 3, digits => 0), shop.many('a', 'b'), shop.many(VARIADIC '{a}')",
    "SELECT name.id FROM shop.prices AS name",
    "SELECT id FROM shop.items UNION SELECT id FROM shop.users ORDER BY id LIMIT 1",
    "SELECT 'M'::shop.size, 'A'::shop.code, CAST(NULL AS shop.items), '{}'::shop.size[]",
    "SELECT 'shop.items'::regclass, nextval('shop.items_id_seq'), 'shop.items_code_key'::regclass, to_regclass('shop.no')",
    "SELECT extract(year FROM made_at), made_at AT TIME ZONE 'UTC', substring(code FROM 1 FOR 2) FROM shop.items",
    "SELECT relname FROM pg_class JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace",
    "SELECT table_name FROM information_schema.tables",
    "SELECT DISTINCT ON (user_id) user_id, code FROM shop.items ORDER BY user_id, made_at DESC",
    "SELECT id FROM shop.items FOR UPDATE OF items SKIP LOCKED",
    "INSERT INTO shop.users (name) VALUES ('a');"
    " INSERT INTO shop.items AS i (user_id, code) VALUES (1, 'A') ON CONFLICT (code) DO UPDATE SET price = excluded.price"
    " WHERE i.price IS NULL RETURNING i.id, code",
    "INSERT INTO shop.users (name) SELECT DISTINCT name FROM shop.prices",
    "INSERT INTO shop.users (name) VALUES ('a')",
    "INSERT INTO shop.users OVERRIDING SYSTEM VALUE VALUES (7, 'x')",
    "UPDATE shop.items AS i SET price = u.id, (size, tags) = ('S', '{}') FROM shop.users AS u WHERE u.id = i.user_id",
    "UPDATE shop.items SET tags[1] = 'x', data = data || '{}'",
    "DELETE FROM shop.items AS i USING shop.users AS u WHERE u.id = i.user_id AND u.name = ''",
    "MERGE INTO shop.items AS t USING (SELECT 1 AS id, 'A' AS code WHERE false) AS s ON t.id = s.id"
    " WHEN MATCHED THEN UPDATE SET code = s.code WHEN NOT MATCHED THEN INSERT (user_id, code) VALUES (s.id, s.code)",
    "CREATE TABLE shop.more (LIKE shop.items INCLUDING ALL, extra text, CONSTRAINT more_check CHECK (extra <> code))",
    "CREATE TABLE shop.copy AS SELECT id, upper(name) AS big FROM shop.users; SELECT big FROM shop.copy",
    "CREATE MATERIALIZED VIEW shop.m AS SELECT user_id, sum(price) FROM shop.items GROUP BY 1;"
    " CREATE UNIQUE INDEX m_key ON shop.m (user_id); REFRESH MATERIALIZED VIEW shop.m; SELECT sum FROM shop.m",
    "CREATE TEMP TABLE t (a integer); INSERT INTO t VALUES (1); SELECT a FROM t",
    "ALTER TABLE shop.items ADD COLUMN a integer, ADD CONSTRAINT a_check CHECK (a > 0), ALTER COLUMN a SET DEFAULT 1",
    "ALTER TABLE shop.items RENAME COLUMN price TO cost; SELECT cost FROM shop.items; SELECT amount FROM shop.prices",
    "ALTER TABLE shop.items RENAME TO things; SELECT id FROM shop.things; ALTER TABLE shop.things RENAME TO items",
    "ALTER TABLE shop.items DROP CONSTRAINT items_user_id_fk, DROP CONSTRAINT IF EXISTS no_such",
    "ALTER TABLE shop.events DETACH PARTITION shop.events_2026; DROP TABLE shop.events_2026",
    "ALTER TYPE shop.size ADD VALUE 'XL' AFTER 'L'; ALTER TYPE shop.size RENAME VALUE 'S' TO 'XS'",
    "CREATE UNIQUE INDEX i1 ON shop.items (lower(code::text), (data ->> 'a')) INCLUDE (price) WHERE size = 'S'",
    "CREATE SEQUENCE shop.s; SELECT nextval('shop.s'); DROP SEQUENCE shop.s",
    "COMMENT ON COLUMN shop.items.code IS 'x'; COMMENT ON FUNCTION shop.half(numeric, integer) IS 'y';"
    " COMMENT ON CONSTRAINT items_pk ON shop.items IS 'z'; COMMENT ON TYPE shop.size IS 'q'; COMMENT ON VIEW shop.prices IS 'v'",
    "GRANT SELECT (id, name), UPDATE (name) ON shop.users TO CURRENT_USER; GRANT USAGE ON SEQUENCE shop.items_id_seq TO CURRENT_USER;"
    " REVOKE EXECUTE ON FUNCTION shop.half(numeric, integer) FROM PUBLIC; GRANT USAGE ON SCHEMA shop TO CURRENT_USER",
    "DROP VIEW shop.prices; DROP TABLE shop.items, shop.users; DROP TYPE IF EXISTS shop.nothing; DROP FUNCTION shop.half",
    "DROP TABLE shop.items CASCADE; CREATE VIEW shop.prices AS SELECT 1 AS one",
    "CREATE OR REPLACE VIEW shop.prices AS SELECT i.id, i.price AS amount, u.name, 1 AS more FROM shop.items i, shop.users u",
    "SET search_path = shop; CREATE TABLE a (b size); SELECT b FROM a; DROP TABLE a",
    "CREATE POLICY p ON shop.items USING (price > 0); CREATE STATISTICS shop.st ON size, price FROM shop.items",
    "TRUNCATE shop.items, shop.events; LOCK TABLE shop.users; ANALYZE shop.items",
    "CREATE AGGREGATE shop.total(numeric) (SFUNC = numeric_add, STYPE = numeric); SELECT shop.total(price) FROM shop.items",
    "CREATE TYPE shop.point3 AS (x real, y real, z real); SELECT (p.v).x FROM (SELECT NULL::shop.point3 AS v) AS p",
    "CREATE TYPE shop.span AS RANGE (subtype = float8); SELECT shop.span(1, 2)",
    "DO $$ BEGIN CREATE TABLE shop.made (a integer); INSERT INTO shop.made VALUES (1); END $$; SELECT a FROM shop.made",
    "DO $$ BEGIN EXECUTE 'CREATE TABLE shop.dynamic_one (a integer)'; END $$; SELECT a FROM shop.dynamic_one",
    "ALTER TYPE shop.size RENAME TO old_size; CREATE TYPE shop.size AS ENUM ('S'); DROP TYPE shop.size",
    "CREATE TYPE shop.a AS (x integer); CREATE TYPE shop.b AS (y shop.a); DROP TYPE shop.a, shop.b",
    "ALTER TABLE shop.items DROP COLUMN size; DROP TYPE shop.size",
    "ALTER TABLE shop.items ALTER COLUMN id SET DEFAULT 5; DROP SEQUENCE shop.items_id_seq",
    "ALTER TABLE shop.items DROP CONSTRAINT items_user_id_fk; ALTER TABLE shop.users DROP CONSTRAINT users_pk",
    "ALTER TABLE shop.users DROP CONSTRAINT users_pk CASCADE",
    "ANALYZE shop.items (size, price)",
    "CREATE TABLE shop.t (s shop.size[]); INSERT INTO shop.t (s) VALUES ('{ S , NULL }'), ('{}'), ('{\"M\"}'), ('{{S},{L}}')",
    "CREATE FUNCTION shop.e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% %', tg_event, tg_tag; END $$;"
    " CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION shop.e(); DROP EVENT TRIGGER e",
    "CREATE TRIGGER t BEFORE UPDATE ON shop.items FOR EACH ROW WHEN (old.price IS DISTINCT FROM new.price)"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger(); ALTER TABLE shop.items DISABLE TRIGGER t; DROP TRIGGER t ON shop.items",
]

BAD = [
    ("SELECT colour FROM shop.items", "unknown-column", "colour"),
    ("SELECT i.colour FROM shop.items AS i", "unknown-column", "i.colour"),
    ("SELECT items.id FROM shop.items AS i", "unknown-table", "items.id"),
    ("SELECT x.one FROM (SELECT 1 AS uno) AS x", "unknown-column", "x.one"),
    ("WITH c AS (SELECT id FROM shop.users) SELECT name FROM c", "unknown-column", "name FROM c"),
    ("SELECT u.name FROM shop.users AS u, (SELECT u.id) AS x", "unknown-table", "u.id"),
    ("SELECT 1 FROM shop.item", "unknown-table", "shop.item"),
    ("SELECT shop.halve(1)", "unknown-function", "shop.halve"),
    ("SELECT shop.half(1, 2, 3)", "unknown-function", "shop.half"),
    ("SELECT array_lenght('{1}', 1)", "unknown-function", "array_lenght"),
    ("SELECT 'a'::shop.colour", "unknown-type", "shop.colour"),
    ("SELECT 1::integr", "unknown-type", "integr"),
    ("SELECT nextval('shop.items_seq')", "unknown-table", "'shop.items_seq'"),
    ("INSERT INTO shop.users (nam) VALUES ('a')", "unknown-column", "nam)"),
    ("INSERT INTO shop.users (name) VALUES ('a', 'b')", "value-count", "shop.users"),
    ("INSERT INTO shop.users (name) VALUES ('a') RETURNING nam", "unknown-column", "nam"),
    ("INSERT INTO shop.items (user_id) VALUES (1) ON CONFLICT (size) DO NOTHING", "conflict-target", "(size)"),
    ("INSERT INTO shop.items (user_id) VALUES (1) ON CONFLICT ON CONSTRAINT nope DO NOTHING", "unknown-object", "ON CONSTRAINT"),
    ("UPDATE shop.items SET colour = 1", "unknown-column", "colour"),
    ("DELETE FROM shop.items WHERE colour = 1", "unknown-column", "colour"),
    ("CREATE VIEW shop.users AS SELECT 1", "already-exists", "shop.users"),
    ("CREATE INDEX items_user_id_idx ON shop.items (size)", "already-exists", "shop.items"),
    ("CREATE INDEX i ON shop.items (colour)", "unknown-column", "shop.items"),
    ("CREATE INDEX i ON shop.items (lower(colour))", "unknown-column", "colour"),
    ("CREATE TABLE shop.t (a integer, CONSTRAINT t_check CHECK (b > 0))", "unknown-column", "b > 0"),
    ("CREATE TABLE shop.t (a integer, a text)", "already-exists", "a text"),
    ("CREATE TABLE shop.t (a integer) PARTITION BY RANGE (b)", "unknown-column", "b)"),
    ("CREATE TABLE shop.t (a bigint, CONSTRAINT t_fk FOREIGN KEY (a) REFERENCES shop.userss)", "unknown-table", "shop.userss"),
    ("CREATE TABLE shop.t (a bigint, CONSTRAINT t_fk FOREIGN KEY (a) REFERENCES shop.users (uid))", "unknown-column", "shop.users"),
    ("CREATE TABLE shop.t (LIKE shop.nothing)", "unknown-table", "shop.nothing"),
    ("CREATE FUNCTION shop.f(p shop.nothing) RETURNS integer LANGUAGE sql RETURN 1", "unknown-type", "shop.nothing"),
    ("CREATE FUNCTION shop.half(a numeric, b integer) RETURNS numeric LANGUAGE sql RETURN 1", "already-exists", "CREATE"),
    ("CREATE FUNCTION shop.f(a integer) RETURNS integer LANGUAGE sql RETURN b", "unknown-column", "b"),
    ("CREATE FUNCTION shop.f() RETURNS bigint LANGUAGE sql AS $$ SELECT colour FROM shop.items $$", "unknown-column", "colour"),
    ("CREATE TRIGGER t BEFORE UPDATE ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.nothing()", "unknown-function", "shop.items"),
    ("CREATE TRIGGER t BEFORE UPDATE OF colour ON shop.items FOR EACH ROW"
     " EXECUTE FUNCTION suppress_redundant_updates_trigger()", "unknown-column", "shop.items"),
    ("ALTER TABLE shop.items ADD COLUMN size text", "already-exists", "size text"),
    ("ALTER TABLE shop.items ALTER COLUMN colour SET NOT NULL", "unknown-column", "shop.items"),
    ("ALTER TABLE shop.items DROP COLUMN colour", "unknown-column", "shop.items"),
    ("ALTER TABLE shop.items VALIDATE CONSTRAINT nope", "unknown-object", "shop.items"),
    ("ALTER TABLE shop.items RENAME COLUMN colour TO color", "unknown-column", "shop.items"),
    ("ALTER TABLE shop.items DROP COLUMN code; CREATE INDEX i ON shop.items (code)", "unknown-column", "shop.items (code)"),
    ("ALTER TYPE shop.size RENAME VALUE 'XXL' TO 'XL'", "unknown-object", "ALTER"),
    ("COMMENT ON COLUMN shop.items.colour IS 'x'", "unknown-column", "COMMENT"),
    ("COMMENT ON FUNCTION shop.half(numeric) IS 'x'", "unknown-function", "COMMENT"),
    ("COMMENT ON TABLE shop.prices IS 'x'", "unknown-table", "COMMENT"),
    ("GRANT SELECT ON shop.nothing TO PUBLIC", "unknown-table", "shop.nothing"),
    ("GRANT SELECT (colour) ON shop.items TO PUBLIC", "unknown-column", "GRANT"),
    ("DROP TABLE shop.nothing", "unknown-table", "DROP"),
    ("DROP TABLE shop.prices", "unknown-table", "DROP"),
    ("DROP INDEX shop.nothing", "unknown-object", "DROP"),
    ("DROP FUNCTION shop.half(text)", "unknown-function", "DROP"),
    ("DROP TRIGGER t ON shop.items", "unknown-object", "DROP"),
    ("DROP TABLE shop.users", "dropped-while-used", "DROP"),
    ("DROP TABLE shop.items", "dropped-while-used", "DROP"),
    ("DROP TYPE shop.size", "dropped-while-used", "DROP"),
    ("DROP DOMAIN shop.code", "dropped-while-used", "DROP"),
    ("ALTER TYPE shop.size RENAME TO extent; DROP TYPE shop.extent", "dropped-while-used", "DROP"),
    ("CREATE TYPE shop.e AS ENUM ('A'); CREATE FUNCTION shop.f(a shop.e[]) RETURNS integer LANGUAGE sql RETURN 1;"
     " DROP TYPE shop.e", "dropped-while-used", "DROP"),
    ("DROP SEQUENCE shop.items_id_seq", "dropped-while-used", "DROP"),
    ("ALTER TABLE shop.users DROP CONSTRAINT users_pk", "dropped-while-used", "shop.users"),
    ("ANALYZE shop.items (colour)", "unknown-column", "shop.items"),
    ("CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION shop.nothing()", "unknown-function", "CREATE"),
    ("CREATE FUNCTION shop.f() RETURNS integer LANGUAGE sql RETURN 1;"
     " CREATE TRIGGER t BEFORE UPDATE ON shop.items FOR EACH ROW EXECUTE FUNCTION shop.f()", "unknown-function", "shop.items"),
    ("CREATE TABLE shop.part PARTITION OF shop.users FOR VALUES IN (1)", "unknown-table", "shop.users"),
    ("REFRESH MATERIALIZED VIEW shop.nothing", "unknown-table", "shop.nothing"),
    ("TRUNCATE shop.nothing", "unknown-table", "shop.nothing"),
    ("CALL shop.nothing()", "unknown-function", "shop.nothing"),
    ("INSERT INTO shop.items (user_id, size) VALUES (1, 'XXL')", "value-not-in-enum", "'XXL'"),
    ("CREATE TABLE shop.t (s shop.size[]); INSERT INTO shop.t (s) VALUES ('{S, XXL}')", "value-not-in-enum", "'{S, XXL}'"),
    ("INSERT INTO shop.users (id, name) VALUES (1, 'a')", "value-for-generated-column", "shop.users"),
    ("INSERT INTO shop.users (name) VALUES (NULL)", "null-in-not-null", "NULL"),
]  # fmt: skip


@pytest.mark.parametrize("statement", GOOD)
def test_a_statement_that_postgresql_takes_has_no_error(
    statement: str, checked: Callable[..., Report], conn: Connection
) -> None:
    report = checked(f"{_SCHEMA}{statement};", ignored=("missing-undo",))
    assert [(one.rule, one.message) for one in report.findings if one.rule in _ERRORS] == []
    conn.execute(f"CREATE SCHEMA shop; {_SCHEMA}".encode())
    conn.execute(statement.encode())


@pytest.mark.parametrize(("statement", "rule", "place"), BAD)
def test_a_statement_that_postgresql_refuses_is_found_at_its_place(
    statement: str, rule: str, place: str, checked: Callable[..., Report], conn: Connection
) -> None:
    found = [one for one in checked(f"{_SCHEMA}{statement};").findings if one.rule == rule]
    assert len(found) == 1
    assert found[0].place
    assert found[0].place.source[found[0].place.column - 1 :].startswith(place)
    conn.execute(f"CREATE SCHEMA shop; {_SCHEMA}".encode())
    with pytest.raises(psycopg.Error):
        conn.execute(statement.encode())
