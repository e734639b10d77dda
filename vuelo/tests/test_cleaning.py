"""Clean empties what is the service's and nothing else, and only where it may."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.cleaning import Cleaned, clean
from vuelo.errors import VueloError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
ALLOWED = "clean_disabled = false"

EVERYTHING = """
CREATE TABLE shop.parent (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at date) ;
CREATE TABLE shop.events (at date) PARTITION BY RANGE (at);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop."Odd "" name" (parent int, serial bigserial);
CREATE VIEW shop.seen AS SELECT * FROM shop.parent;
CREATE MATERIALIZED VIEW shop.kept AS SELECT * FROM shop.seen;
CREATE SEQUENCE shop.numbers;
CREATE TYPE shop.mood AS ENUM ('fine');
CREATE TYPE shop.pair AS (a int, b shop.mood);
CREATE TYPE shop.span AS RANGE (subtype = date);
CREATE DOMAIN shop.code AS text CHECK (value <> '');
CREATE TYPE shop.own;
CREATE FUNCTION shop.own_in(cstring) RETURNS shop.own LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION shop.own_out(shop.own) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE shop.own (INPUT = shop.own_in, OUTPUT = shop.own_out, LIKE = int4);
CREATE FUNCTION shop.next(m shop.mood, n int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE shop.act() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE shop.total(int) (SFUNC = int4pl, STYPE = int);
CREATE OPERATOR shop.#+# (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl);
CREATE COLLATION shop.plain FROM "C";
CREATE TEXT SEARCH CONFIGURATION shop.words (COPY = simple);
CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON shop.parent FOR EACH ROW EXECUTE FUNCTION shop.touch();
"""

LEFT = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT oprname FROM pg_operator WHERE oprnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT collname FROM pg_collation WHERE collnamespace = to_regnamespace(%(schema)s)
UNION ALL SELECT cfgname FROM pg_ts_config WHERE cfgnamespace = to_regnamespace(%(schema)s)
"""


def left(conn: Connection, schema: str = "shop") -> list[tuple[str]]:
    return conn.execute(LEFT, {"schema": schema}).fetchall()


def schemas(conn: Connection) -> list[str]:
    query = r"SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_|information_schema|public' ORDER BY 1"
    return [name for (name,) in conn.execute(query)]


def test_it_is_off_unless_the_settings_allow_it(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}))
    with pytest.raises(VueloError, match="clean is disabled for shop") as caught:
        clean(make_project({"shop": {}}))
    assert caught.value.code == "clean.disabled"
    assert "clean_disabled = false" in (caught.value.hint or "")
    assert ("a",) in left(conn)


def test_no_service_is_cleaned_when_one_may_not_be(make_project: MakeProject, conn: Connection) -> None:
    services = {"shop": {"V1__a.sql": "CREATE TABLE a ();"}, "other": {}}
    vuelo.migrate(make_project(services))
    project = make_project(services)
    shop, other = project.services
    allowed = replace(shop, settings=replace(shop.settings, clean_disabled=False))
    with pytest.raises(VueloError, match="disabled for other"):
        clean(replace(project, services=(allowed, other)))
    assert ("a",) in left(conn)


def test_a_schema_that_vuelo_made_goes_as_a_whole(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": EVERYTHING}}, ALLOWED)
    vuelo.migrate(project)
    assert clean(project) == {"shop": Cleaned(0, (), ("shop",))}
    assert schemas(conn) == []
    [result] = vuelo.migrate(project)
    assert [step.version for step in result.steps] == ["1"]


def test_a_schema_that_was_there_is_emptied_and_stays(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop; CREATE SCHEMA apart; CREATE TABLE apart.kept (n int)")
    project = make_project({"shop": {"V1__a.sql": EVERYTHING}}, ALLOWED)
    vuelo.migrate(project)
    before = len(left(conn))
    cleaned = clean(project)["shop"]
    assert (cleaned.cleaned, cleaned.dropped) == (("shop",), ())
    assert before > 40
    assert left(conn) == []
    assert schemas(conn) == ["apart", "shop"]
    assert ("kept",) in left(conn, "apart")


def test_further_schemas_are_cleaned_too_and_each_goes_if_it_was_made(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("CREATE SCHEMA third; CREATE TABLE third.a (n int); CREATE SCHEMA shop")
    settings = f'schemas = ["second", "third"]\nbaseline_on_migrate = true\n{ALLOWED}'
    project = make_project({"shop": {"V2__a.sql": "CREATE TABLE second.a ();"}}, settings)
    vuelo.migrate(project)
    assert clean(project)["shop"].dropped == ("second",)
    assert schemas(conn) == ["shop", "third"]
    assert left(conn, "third") == []


def test_what_an_extension_brought_goes_with_the_extension_only(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    brought = {"pg_trgm": "similarity", "vector": "l2_distance"}
    names = {name for (name,) in conn.execute("SELECT name FROM pg_available_extensions")}
    extension = next(name for name in brought if name in names)
    making = f"CREATE ROLE cleaner; GRANT ALL ON SCHEMA shop TO cleaner; CREATE EXTENSION {extension} SCHEMA shop"
    conn.execute(making.encode())
    try:
        settings = f'role = "cleaner"\n{ALLOWED}'
        project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}, settings)
        vuelo.migrate(project)
        clean(project)
        assert ("a",) not in left(conn)
        assert (brought[extension],) in left(conn)  # of an extension that is somebody else's
        clean(make_project({"shop": {}}, ALLOWED))
        assert left(conn) == []
    finally:
        conn.execute("DROP SCHEMA shop CASCADE; DROP ROLE cleaner")


def test_a_role_that_owns_the_schema_can_clean_it(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE ROLE keeper; CREATE SCHEMA shop AUTHORIZATION keeper")
    try:
        project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a (n serial);"}}, f'role = "keeper"\n{ALLOWED}')
        vuelo.migrate(project)
        clean(project)
        assert left(conn) == []
    finally:
        conn.execute("DROP SCHEMA shop; DROP ROLE keeper")


def test_what_belongs_to_somebody_else_stops_it_and_nothing_is_lost(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("CREATE ROLE keeper; CREATE SCHEMA shop; GRANT ALL ON SCHEMA shop TO keeper")
    try:
        project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}, f'role = "keeper"\n{ALLOWED}')
        vuelo.migrate(project)
        conn.execute("CREATE TABLE shop.of_another ()")
        with pytest.raises(VueloError, match="must be owner of table of_another") as caught:
            clean(project)
        assert caught.value.code == "clean.refused"
        assert ("a",) in left(conn)
    finally:
        conn.execute("DROP SCHEMA shop CASCADE; DROP ROLE keeper")


def test_the_command_needs_the_name_or_yes(make_project: MakeProject, cli: Cli, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}})
    vuelo.migrate(project)
    disabled = cli("clean", "--yes")
    assert (disabled.returncode, "clean_disabled = false" in disabled.stderr) == (1, True)
    make_project({"shop": {}}, ALLOWED)
    refused = cli("clean")
    assert (refused.returncode, "add --yes" in refused.stderr) == (1, True)
    assert ("a",) in left(conn)
    done = cli("clean", "--yes", "--json")
    assert json.loads(done.stdout) == {
        "services": [{"service": "shop", "objects": 0, "cleaned": [], "dropped": ["shop"]}]
    }
    assert cli("clean", "--yes").stdout == "shop: there is nothing to clean\n"


def test_a_role_whose_name_needs_quotes_can_clean(make_project: MakeProject, conn: Connection) -> None:
    conn.execute('CREATE ROLE "Head Keeper"; CREATE SCHEMA shop AUTHORIZATION "Head Keeper"')
    try:
        settings = f'role = "Head Keeper"\n{ALLOWED}'
        project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a (n serial);"}}, settings)
        vuelo.migrate(project)
        clean(project)
        assert left(conn) == []
    finally:
        conn.execute('DROP SCHEMA shop; DROP ROLE "Head Keeper"')
