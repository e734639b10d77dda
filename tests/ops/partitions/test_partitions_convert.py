"""A live plain table becomes one by month: nobody's write fails, and what stood on it stands on the new one."""

import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta

import psycopg
import pytest

from gasolinera.errors import ConflictError, InputError, UnavailableError, UnknownError
from gasolinera.ops.lock_patience import Patience
from gasolinera.ops.partition_conversions import Conversion, read_conversion
from gasolinera.ops.partition_converting import ConversionResult, convert_table
from gasolinera.ops.partition_upkeep import maintain, states
from gasolinera.ops.reaching import Operations
from tests.conftest import REPOSITORY, Connection
from tests.ops.partitions.growing_tables import NOW, month, writing
from vuelo.embedded import Server

# What the next month is may change while tests run on the last evening; a month that is far enough away does not.
CUTOFF = month(-1) if month(-1) - NOW > timedelta(hours=2) else month(-2)
FIRST = f"scans_{month(0) if month(-1) == CUTOFF else month(-1):%Y_%m}"
ROWS = 3000
STEPS = ("index built", "deadline set", "deadline validated")
INSERT = "INSERT INTO coupon_schema.scans (station, note) VALUES (3, 'w') RETURNING id"
TABLE = """
    CREATE TABLE coupon_schema.scans_stations (id int PRIMARY KEY);
    INSERT INTO coupon_schema.scans_stations SELECT generate_series(1, 10);
    CREATE TABLE coupon_schema.scans (
        id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY 2 CACHE 5) CONSTRAINT scans_pk PRIMARY KEY,
        station int NOT NULL CONSTRAINT scans_station_fk REFERENCES coupon_schema.scans_stations ON DELETE RESTRICT,
        note text CONSTRAINT scans_note_check CHECK (length(note) < 100),
        length int GENERATED ALWAYS AS (length(note)) STORED,
        created_at timestamptz NOT NULL DEFAULT now());
    COMMENT ON TABLE coupon_schema.scans IS 'Scans of codes.';
    COMMENT ON COLUMN coupon_schema.scans.note IS 'What was seen.';
    CREATE INDEX scans_station_idx ON coupon_schema.scans (station, created_at DESC) WHERE note IS NOT NULL;
    COMMENT ON INDEX coupon_schema.scans_station_idx IS 'The newest of a station.';
    CREATE UNIQUE INDEX scans_once_uk ON coupon_schema.scans (station, id, created_at);
    CREATE OR REPLACE FUNCTION coupon_schema.shout() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$;
    CREATE TRIGGER scans_shout BEFORE INSERT ON coupon_schema.scans
        FOR EACH ROW EXECUTE FUNCTION coupon_schema.shout();
    CREATE TRIGGER scans_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON coupon_schema.scans
        FOR EACH STATEMENT EXECUTE FUNCTION coupon_schema.refuse_change();
    CREATE VIEW coupon_schema.scans_seen WITH (security_invoker = true) AS
        SELECT station, count(*) AS seen FROM coupon_schema.scans GROUP BY station;
    GRANT USAGE ON SCHEMA coupon_schema TO coupon_app, coupon_ro;
    GRANT SELECT, INSERT ON coupon_schema.scans TO coupon_app;
    GRANT SELECT ON coupon_schema.scans_stations TO coupon_app;
    GRANT SELECT (id, note) ON coupon_schema.scans TO coupon_ro;
    GRANT SELECT ON coupon_schema.scans_seen TO coupon_app;
    INSERT INTO coupon_schema.scans (station, note, created_at)
        SELECT 1 + n % 10, 'n' || n, now() - n * interval '2 hours' FROM generate_series(1, 3000) AS n;
"""
PROGRAM = """
import os, signal, sys
from datetime import datetime
from gasolinera.ops.partition_conversions import read_conversion
from gasolinera.ops.partition_converting import convert_table
from gasolinera.ops.reaching import Operations
from pathlib import Path
import vuelo

url, cutoff, step = sys.argv[1:]
project = vuelo.Project.load(Path("vuelo.toml"), variables={"GASOLINERA_DATABASE_URL": url})
operations = Operations(project, url)

def tell(what, done):
    if done == step:
        os.kill(os.getpid(), signal.SIGKILL)

plan = read_conversion(operations, "coupon", "scans", "created_at", datetime.fromisoformat(cutoff))
convert_table(operations, plan, tell=tell)
"""


@pytest.fixture
def scans(admin: Connection) -> None:
    admin.execute("SET ROLE coupon_owner")
    admin.execute(TABLE.encode())
    admin.execute("RESET ROLE")


def test_no_write_fails_and_none_is_lost_while_a_table_is_converted(
    server: Server, database: str, operations: Operations, admin: Connection, scans: None
) -> None:
    with writing(server.url(database, "coupon_app"), INSERT) as written:
        written.wait_for(100)
        result = _convert(operations)
        written.wait_for(len(written.ids) + 200)
    assert written.failures == []
    assert len(set(written.ids)) == len(written.ids)
    found = [row[0] for row in admin.execute("SELECT id FROM coupon_schema.scans WHERE note = 'W' ORDER BY id")]
    assert found == sorted(written.ids)
    assert _count(admin, "scans") == ROWS + len(written.ids)
    assert result.first_partition == FIRST
    assert _count(admin, FIRST) == ROWS + len(written.ids)
    assert result.made[0] == f"scans_{CUTOFF:%Y_%m}"


def test_what_stood_on_the_table_stands_on_the_new_one(operations: Operations, admin: Connection, scans: None) -> None:
    before = _described(admin)
    plan = _plan(operations)
    assert plan.refusals == ()
    assert plan.carried[0] == "primary key scans_pk, which becomes (id, created_at)"
    convert_table(operations, plan)
    assert _described(admin) == before
    admin.execute("SET ROLE coupon_app")
    row = admin.execute(INSERT).fetchone()
    assert row is not None
    assert row[0] > 2 * ROWS
    assert admin.execute("SELECT sum(seen) FROM coupon_schema.scans_seen").fetchone() == (ROWS + 1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute(f"SELECT 1 FROM coupon_schema.{FIRST}".encode())
    admin.execute("SET ROLE coupon_owner")
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        admin.execute("DELETE FROM coupon_schema.scans")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        admin.execute("INSERT INTO coupon_schema.scans (station) VALUES (77)")
    with pytest.raises(psycopg.errors.CheckViolation, match="scans_note_check"):
        admin.execute("INSERT INTO coupon_schema.scans (station, note) VALUES (1, repeat('x', 100))")
    later = "INSERT INTO coupon_schema.scans (station, note, created_at) VALUES (1, 'later', %s) RETURNING note, length"
    assert admin.execute(later.encode(), (CUTOFF,)).fetchone() == ("LATER", 5)
    assert _count(admin, f"scans_{CUTOFF:%Y_%m}") == 1


def test_services_start_on_a_converted_table(operations: Operations, admin: Connection, scans: None) -> None:
    """Their own function makes partitions by name at each start: it must find the old table in its place."""
    _convert(operations)
    months = admin.execute("SELECT coupon_schema.ensure_all_month_partitions()").fetchone()
    assert months is not None
    (state,) = states(operations, ["coupon"])
    assert (state.table, state.missing, state.alerts) == ("coupon_schema.scans", (), ())
    assert maintain(operations, ["coupon"], None)[0].problems == ()


@pytest.mark.parametrize("steps", [("index built",), pytest.param(STEPS, marks=pytest.mark.long)])
def test_killed_between_the_steps_it_is_gone_on_with(
    operations: Operations, admin: Connection, scans: None, steps: tuple[str, ...]
) -> None:
    for step in steps:
        assert _in_process(operations, step) == -signal.SIGKILL
        assert _count(admin, "scans") == ROWS
    _when_free(operations)
    assert _count(admin, "scans") == ROWS
    assert _kind(admin) == "p"
    assert _in_process(operations, "never") == 1
    assert _indexes(admin) == [
        ("scans_once_uk", "(station, id, created_at)"),
        ("scans_pk", "(id, created_at)"),
        ("scans_station_idx", "(station, created_at DESC) WHERE (note IS NOT NULL)"),
    ]


def test_what_a_killed_conversion_left_is_an_alert_and_taken_away(
    operations: Operations, admin: Connection, scans: None
) -> None:
    assert _in_process(operations, "deadline validated") == -signal.SIGKILL
    (state,) = states(operations, ["coupon"])
    assert state.alerts[0].startswith("its conversion did not end and it will refuse rows")
    deadline = time.monotonic() + 30
    while not (done := maintain(operations, ["coupon"], None)[0]).ended_conversions and time.monotonic() < deadline:
        time.sleep(0.05)  # the server needs a moment to see that a client was killed
    assert done.ended_conversions == ("scans",)
    assert states(operations, ["coupon"]) == []
    admin.execute(
        "INSERT INTO coupon_schema.scans (station, created_at) VALUES (1, %s)", (CUTOFF + timedelta(days=400),)
    )


def test_rows_of_later_months_stop_it_and_the_table_stays_as_it_was(
    operations: Operations, admin: Connection, scans: None
) -> None:
    admin.execute("INSERT INTO coupon_schema.scans (station, created_at) VALUES (1, %s)", (CUTOFF,))
    before = _described(admin)
    steps: list[str] = []
    with pytest.raises(ConflictError, match="has rows of") as caught:
        convert_table(operations, _plan(operations), tell=lambda what, step: steps.append(step))
    assert steps == []  # nobody who writes such rows was refused
    assert caught.value.code == "ops.convert_rows"
    after = _described(admin)
    assert after["checks"] == before["checks"]
    assert _kind(admin) == "r"


def test_a_lock_that_is_not_let_go_ends_it_without_a_trace(
    operations: Operations, admin: Connection, scans: None
) -> None:
    plan = _plan(operations)
    with psycopg.connect(operations.ops_url) as reader:

        def hold(what: str, step: str) -> None:
            if step == "deadline validated":
                reader.execute("SELECT count(*) FROM coupon_schema.scans")

        with pytest.raises(UnavailableError, match=r"converting coupon_schema\.scans met a lock 2 times"):
            convert_table(operations, plan, tell=hold, patience=Patience(lock_timeout_ms=50, tries=2))
        assert _kind(admin) == "r"
    _convert(operations)
    assert _kind(admin) == "p"


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("CREATE TABLE coupon_schema.scans_child (s bigint CONSTRAINT scans_child_fk REFERENCES coupon_schema.scans)",
         "coupon_schema.scans_child.scans_child_fk points to it, and would have to name created_at as well"),
        ("CREATE UNIQUE INDEX scans_note_uk ON coupon_schema.scans (note)",
         "scans_note_uk keeps something unique across months, which needs created_at in it"),
        ("ALTER TABLE coupon_schema.scans ALTER created_at DROP NOT NULL",
         "created_at may be NULL: such rows have no month"),
        ("CREATE MATERIALIZED VIEW coupon_schema.scans_mat AS SELECT id FROM coupon_schema.scans",
         "materialized view coupon_schema.scans_mat would go on reading the old table alone"),
        ("CREATE FUNCTION coupon_schema.scans_of(s coupon_schema.scans) RETURNS int LANGUAGE sql AS 'SELECT 1'",
         "function coupon_schema.scans_of(coupon_schema.scans) is bound to it"),
        ("ALTER TABLE coupon_schema.scans ADD CONSTRAINT scans_x CHECK (station > 0) NOT VALID",
         "check scans_x is not validated"),
        ("ALTER TABLE coupon_schema.scans RENAME created_at TO made_at", "it has no column created_at"),
        ("CREATE TABLE coupon_schema.scans_heir () INHERITS (coupon_schema.scans)",
         "it is a partition, or inherits, or is inherited from"),
        (f"CREATE TABLE coupon_schema.{FIRST} (id int)",
         f"there is a table {FIRST}, which is what the old one would be called"),
        ("CREATE PUBLICATION scans_pub FOR TABLE coupon_schema.scans",
         "publication scans_pub names it: take it out, and add the new table"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_named_and_nothing_begun(
    operations: Operations, admin: Connection, scans: None, statement: str, refusal: str
) -> None:
    if "PUBLICATION" not in statement:
        admin.execute("SET ROLE coupon_owner")
    admin.execute(statement.encode())
    try:
        plan = _plan(operations)
        assert refusal in plan.refusals
        with pytest.raises(ConflictError, match="cannot be converted"):
            convert_table(operations, plan)
    finally:
        admin.execute("RESET ROLE")
        admin.execute("DROP PUBLICATION IF EXISTS scans_pub")
        admin.execute("DROP FUNCTION IF EXISTS coupon_schema.scans_of CASCADE")
    assert admin.execute("SELECT count(*) FROM ops_schema.runs").fetchone() == (0,)
    assert _kind(admin) == "r"


def test_a_table_or_a_date_that_cannot_be_is_refused(operations: Operations, scans: None) -> None:
    with pytest.raises(UnknownError, match=r"there is no table coupon_schema\.nothing"):
        read_conversion(operations, "coupon", "nothing", "created_at")
    for wrong in (month(0), CUTOFF + timedelta(days=3)):
        with pytest.raises(InputError, match="is not the first day of a month to come"):
            read_conversion(operations, "coupon", "scans", "created_at", wrong)
    assert read_conversion(operations, "coupon", "scans", "created_at", now=NOW).cutoff == month(-1)


def test_a_plain_default_keeps_its_sequence_and_policies_go_along(operations: Operations, admin: Connection) -> None:
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        """CREATE TABLE coupon_schema.scans (id bigserial PRIMARY KEY, owner text NOT NULL, day date NOT NULL);
           ALTER TABLE coupon_schema.scans ENABLE ROW LEVEL SECURITY;
           CREATE POLICY own ON coupon_schema.scans AS RESTRICTIVE FOR SELECT TO coupon_app, coupon_ro
               USING (owner = current_user);
           CREATE POLICY write ON coupon_schema.scans FOR INSERT TO PUBLIC WITH CHECK (day > '2020-01-01');
           CREATE INDEX "Odd 100%s idx" ON coupon_schema.scans (owner) WHERE owner LIKE '%a%s';
           CREATE VIEW coupon_schema."Scans %s" AS SELECT * FROM coupon_schema.scans WHERE owner LIKE 'm%';
           INSERT INTO coupon_schema.scans (owner, day) SELECT 'me', '2026-01-01' FROM generate_series(1, 10)"""
    )
    policies = "SELECT * FROM pg_policies WHERE tablename = 'scans' ORDER BY policyname"
    before = admin.execute(policies.encode()).fetchall()
    plan = read_conversion(operations, "coupon", "scans", "day", CUTOFF)
    convert_table(operations, plan)
    assert admin.execute(policies.encode()).fetchall() == before
    assert admin.execute(
        "INSERT INTO coupon_schema.scans (owner, day) VALUES ('me', %s) RETURNING id", (CUTOFF.date(),)
    ).fetchone() == (11,)
    assert admin.execute('SELECT count(*) FROM coupon_schema."Scans %s"').fetchone() == (11,)
    assert ("Odd 100%s idx", "(owner) WHERE (owner ~~ '%a%s'::text)") in _indexes(admin)
    admin.execute("DROP TABLE coupon_schema.scans CASCADE")
    assert admin.execute("SELECT to_regclass('coupon_schema.scans_id_seq')").fetchone() == (None,)


def test_the_way_back_of_the_how_to_page_brings_the_plain_table_back(operations: Operations, admin: Connection) -> None:
    page = (REPOSITORY / "docs/how-to/partitions-and-archives.md").read_text()
    way_back = page.partition("### Back again")[2].partition("```sql\n")[2].partition("```")[0]
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        """CREATE TABLE coupon_schema.receipts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
               station int NOT NULL, printed_at timestamptz NOT NULL DEFAULT now());
           GRANT USAGE ON SCHEMA coupon_schema TO coupon_app;
           INSERT INTO coupon_schema.receipts (station) SELECT n FROM generate_series(1, 500) AS n;
           CREATE VIEW coupon_schema.receipts_today AS
               SELECT * FROM coupon_schema.receipts WHERE printed_at > now() - interval '1 day'"""
    )
    convert_table(operations, read_conversion(operations, "coupon", "receipts", "printed_at", CUTOFF))
    admin.execute("INSERT INTO coupon_schema.receipts (station, printed_at) VALUES (501, %s)", (CUTOFF,))
    first = FIRST.replace("scans", "receipts")
    assert "receipts_2026_11" in way_back
    admin.execute(way_back.replace("receipts_2026_11", first).encode())
    admin.execute("DROP TABLE coupon_schema.receipts_partitioned")
    admin.execute("SET ROLE coupon_app")
    assert admin.execute("INSERT INTO coupon_schema.receipts (station) VALUES (502) RETURNING id").fetchone() == (502,)
    assert admin.execute("SELECT count(*), sum(station) FROM coupon_schema.receipts").fetchone() == (502, 502 * 503 / 2)
    admin.execute("SET ROLE coupon_owner")
    kind = "SELECT relkind::text, relispartition FROM pg_class WHERE oid = 'coupon_schema.receipts'::regclass"
    assert admin.execute(kind.encode()).fetchone() == ("r", False)
    assert admin.execute("SELECT count(*) FROM coupon_schema.receipts_today").fetchone() == (502,)


def _plan(operations: Operations, cutoff: datetime = CUTOFF) -> Conversion:
    return read_conversion(operations, "coupon", "scans", "created_at", cutoff)


def _convert(operations: Operations) -> ConversionResult:
    return convert_table(operations, _plan(operations))


def _when_free(operations: Operations) -> None:
    """The server needs a moment to see that a client was killed."""
    deadline = time.monotonic() + 30
    while True:
        try:
            _convert(operations)
        except ConflictError as error:
            if error.code != "ops.running" or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _in_process(operations: Operations, step: str) -> int:
    deadline = time.monotonic() + 30
    while True:
        arguments = [operations.ops_url, CUTOFF.isoformat(), step]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, cwd=REPOSITORY
        )
        if ("ops.running" not in done.stderr and "another process" not in done.stderr) or time.monotonic() > deadline:
            return done.returncode


def _count(admin: Connection, table: str) -> int:
    row = admin.execute(f"SELECT count(*) FROM coupon_schema.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def _kind(admin: Connection) -> str:
    row = admin.execute("SELECT relkind::text FROM pg_class WHERE oid = 'coupon_schema.scans'::regclass").fetchone()
    assert row is not None
    return str(row[0])


def _described(admin: Connection) -> dict[str, list[tuple[object, ...]]]:
    """What a user of the table sees of it, by questions of our own to the catalog."""
    table = "'coupon_schema.scans'::regclass"
    questions = {
        "columns": f"""SELECT attname, atttypid, attnotnull, attidentity, attgenerated, attacl::text,
                              pg_get_expr(adbin, adrelid), col_description(attrelid, attnum)
                         FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                        WHERE attrelid = {table} AND attnum > 0 ORDER BY attnum""",
        "checks": f"""SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
                       WHERE conrelid = {table} AND contype IN ('c', 'f') ORDER BY 1""",
        "triggers": f"""SELECT tgname, tgenabled, tgtype, tgfoid FROM pg_trigger
                         WHERE tgrelid = {table} AND NOT tgisinternal ORDER BY 1""",
        "rights": f"SELECT relacl::text, relowner, obj_description(oid) FROM pg_class WHERE oid = {table}",
        "view": """SELECT pg_get_viewdef(oid), reloptions, relacl::text FROM pg_class
                    WHERE oid = 'coupon_schema.scans_seen'::regclass""",
        "sequence": """SELECT seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle FROM pg_sequence
                        WHERE seqrelid = pg_get_serial_sequence('coupon_schema.scans', 'id')::regclass""",
        "comments": """SELECT obj_description('coupon_schema.scans_station_idx'::regclass)""",
    }
    return {name: admin.execute(question.encode()).fetchall() for name, question in questions.items()}


def _indexes(admin: Connection) -> list[tuple[object, ...]]:
    return admin.execute(
        """SELECT c.relname::text, regexp_replace(pg_get_indexdef(c.oid), '^.* USING btree ', '')
             FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
            WHERE i.indrelid = 'coupon_schema.scans'::regclass ORDER BY 1"""
    ).fetchall()
