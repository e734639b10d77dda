"""The lint rules on small projects: each example of a rule, and what is left in peace."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import vuelo
from vuelo.check.catalog import Catalog
from vuelo.check.changes import apply
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint import RULES, lint, lint_file
from vuelo.check.source import SourceFile, read
from vuelo.migration import Script, ScriptConfig
from vuelo.naming import parse_name
from vuelo.settings import Phase

_FILE = re.compile(r"^-- file: (\S+)\n", re.MULTILINE)
_ORDERS = """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, note text, total numeric(10, 2), state text NOT NULL DEFAULT 'open');
CREATE VIEW shop.totals AS SELECT id, total FROM shop.orders;
CREATE FUNCTION shop.answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
"""


def files_of(example: str) -> dict[str, str]:
    """An example as files: a line `-- file: NAME` begins one, and without any the whole is one."""
    pieces = _FILE.split(example)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True)) if len(pieces) > 1 else {"V1__Example.sql": example}


def sources_of(example: str) -> list[SourceFile]:
    files = files_of(example)
    sources: list[SourceFile] = []
    for name, text in files.items():
        if name.endswith(".conf"):
            continue
        forced = True if f"{name}.conf" in files else None
        phase = Phase.CONTRACT if "phase=contract" in text else Phase.EXPAND
        script = Script(parse_name(name), Path(name), name, 0, 0, ScriptConfig(forced), phase)
        sources.append(read("shop", script, text.splitlines(keepends=True)))
        assert not sources[-1].problems
    return sources


def findings(example: str) -> list[Finding]:
    catalog = Catalog(("shop",), frozenset({"shop"}))
    found: list[Finding] = []
    for file in sources_of(example):
        existing = catalog.copy()
        for statement in file.statements:
            found += lint(file, statement, catalog, existing)
            apply(catalog, statement.node, file.script.path.name)
        found += lint_file(file, catalog, existing)
    return found


def codes(example: str) -> list[str]:
    return [finding.rule for finding in findings(example)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_finds_its_bad_example_alone_and_nothing_in_the_good_one(rule: Rule) -> None:
    assert set(codes(rule.bad)) == {rule.code}
    assert codes(rule.good) == []


_RUNNABLE = [rule for rule in RULES if rule.code != "ban-drop-schema"]  # it takes the history along


@pytest.mark.parametrize("rule", _RUNNABLE, ids=lambda rule: rule.code)
def test_a_good_example_is_one_that_postgresql_runs(rule: Rule, make_project: Callable[..., vuelo.Project]) -> None:
    project = make_project({"shop": files_of(rule.good)})

    results = vuelo.migrate(project, phase=Phase.CONTRACT)

    assert results


def test_codes_are_unique() -> None:
    assert len({rule.code for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE INDEX t_a ON shop.t (a);",
        "ALTER TABLE shop.t ADD COLUMN b uuid NOT NULL DEFAULT gen_random_uuid();",
        "ALTER TABLE shop.t ADD CONSTRAINT k CHECK (a > 0);\nALTER TABLE shop.t VALIDATE CONSTRAINT k;",
        "ALTER TABLE shop.t ALTER COLUMN a TYPE bigint;",
        "ALTER TABLE shop.t DROP COLUMN a;",
        "ALTER TABLE shop.t RENAME TO u;",
        "UPDATE shop.t SET a = 1;",
        "LOCK TABLE shop.t;",
        "DROP TABLE shop.t;",
    ],
)
def test_a_table_of_the_same_file_may_be_changed_in_every_way(change: str) -> None:
    assert codes(f"CREATE TABLE shop.t (a int);\n{change}") == []


def test_what_a_file_drops_and_makes_again_is_new() -> None:
    start = _ORDERS + "-- file: V2__Totals.sql\nCREATE MATERIALIZED VIEW shop.sums AS SELECT id FROM shop.orders;\n"
    again = "-- file: V3__Totals.sql\nDROP MATERIALIZED VIEW shop.sums;\n"
    again += "CREATE MATERIALIZED VIEW shop.sums AS SELECT id, note FROM shop.orders;\n"
    again += "CREATE UNIQUE INDEX sums_id ON shop.sums (id);"

    assert codes(start + again) == []


def test_a_temporary_table_is_nobody_elses() -> None:
    assert codes("CREATE TEMPORARY TABLE t (a int);\nCREATE INDEX ON t (a);\nUPDATE t SET a = 1;\nDROP TABLE t;") == []


@pytest.mark.parametrize(
    ("first", "rules"),
    [
        ("CREATE TRIGGER g AFTER INSERT ON shop.orders EXECUTE FUNCTION f();", ["working-under-lock"]),
        ("DROP TRIGGER g ON shop.orders;", ["working-under-lock"]),
        ("ALTER TABLE shop.orders ADD COLUMN x int;", ["working-under-lock"]),
        ("ALTER TABLE shop.orders SET (fillfactor = 70);", []),
        ("CREATE TABLE shop.made (id int);\nCREATE INDEX made_id ON shop.made (id);\nDROP TABLE shop.made;", []),
        ("COMMENT ON TABLE shop.orders IS 'x';", []),
    ],
)
def test_rows_are_not_written_behind_a_lock_on_a_table_in_use(first: str, rules: list[str]) -> None:
    write = "\nUPDATE shop.orders SET note = '' WHERE id = 1;"

    assert codes(_ORDERS + "-- file: V2__Work.sql\n" + first + write) == rules


def test_a_table_that_no_file_makes_is_taken_for_one_in_use() -> None:
    assert codes("CREATE INDEX t_a ON shop.elsewhere (a);") == ["require-concurrent-index-creation"]


def test_a_baseline_meets_no_table_in_use() -> None:
    assert (
        codes("-- file: B5__All.sql\nCREATE INDEX t_a ON shop.elsewhere (a);\nUPDATE shop.elsewhere SET a = 1;") == []
    )


def test_an_undo_may_drop_what_it_takes_back_and_is_warned_of_locks() -> None:
    found = findings(
        _ORDERS + "-- file: U1__Create_orders.sql\nDROP VIEW shop.totals;\nDROP FUNCTION shop.answer();\n"
        "ALTER TABLE shop.orders DROP COLUMN note, ADD CONSTRAINT c CHECK (total > 0);\nDROP TABLE shop.orders;"
    )

    assert [(one.rule, one.severity) for one in found] == [("constraint-missing-not-valid", Severity.WARNING)]


def test_a_repeatable_that_makes_its_constraint_again_is_warned_only() -> None:
    found = findings(
        _ORDERS + "-- file: R__Strict.sql\nALTER TABLE shop.orders DROP CONSTRAINT IF EXISTS strict,\n"
        "    ADD CONSTRAINT strict CHECK (total > 0);"
    )

    assert [(one.rule, one.severity) for one in found] == [("constraint-missing-not-valid", Severity.WARNING)]
    assert found[0].place is not None
    assert (found[0].place.line, found[0].place.column) == (2, 9)


@pytest.mark.parametrize(
    "replacement",
    [
        "DROP VIEW IF EXISTS shop.totals;\nCREATE VIEW shop.totals AS SELECT id FROM shop.orders;",
        "DROP FUNCTION shop.answer();\nCREATE FUNCTION shop.answer(n int) RETURNS int LANGUAGE sql AS 'SELECT n';",
        "ALTER TABLE shop.orders RENAME TO purchases;\nCREATE VIEW shop.orders AS SELECT * FROM shop.purchases;",
        "DROP VIEW IF EXISTS shop.never_made;",
    ],
)
def test_what_is_made_again_by_the_same_file_is_not_missed(replacement: str) -> None:
    assert codes(_ORDERS + "-- file: V2__Replace.sql\n" + replacement) == []


def test_a_breaking_change_says_where_it_belongs() -> None:
    (found,) = findings(_ORDERS + "-- file: V2__Drop.sql\nALTER TABLE shop.orders\n    DROP COLUMN note;")

    assert (found.rule, found.severity, found.path.name) == ("ban-drop-column", Severity.ERROR, "V2__Drop.sql")
    assert found.message == "shop.orders.note is dropped while programs of the old release may name it"
    assert "phase=contract" in (found.hint or "")


def test_a_contract_migration_may_break_but_not_lock() -> None:
    change = "-- file: V2__Drop.sql\n-- vuelo: phase=contract\nALTER TABLE shop.orders DROP COLUMN note;\n"

    assert codes(_ORDERS + change) == []
    assert codes(_ORDERS + change + "CREATE INDEX i ON shop.orders (total);") == ["require-concurrent-index-creation"]


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ("ALTER TABLE shop.orders ALTER COLUMN total TYPE numeric(14, 2);", []),
        ("ALTER TABLE shop.orders ALTER COLUMN total TYPE numeric(14, 3);", ["changing-column-type"]),
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar;", []),
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar(9);", ["changing-column-type"]),
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE varchar USING note::varchar;", []),
        ("ALTER TABLE shop.orders ALTER COLUMN note TYPE text USING trim(note);", ["changing-column-type"]),
        ('ALTER TABLE shop.orders ALTER COLUMN note TYPE text COLLATE "C";', ["changing-column-type"]),
        ("ALTER TABLE shop.orders ADD COLUMN at timestamptz NOT NULL DEFAULT now();", []),
        ("ALTER TABLE shop.orders ADD COLUMN n int DEFAULT shop.answer();", ["adding-field-with-default"]),
        ("ALTER TABLE shop.orders ADD COLUMN n int DEFAULT shop.unseen();", ["adding-field-with-default"]),
        ("ALTER TABLE shop.orders ADD COLUMN k int UNIQUE;", ["disallowed-unique-constraint"]),
        ("ALTER TABLE shop.orders ADD COLUMN parent bigint REFERENCES shop.orders;", []),
        ("ALTER TABLE shop.orders ADD COLUMN parent bigint DEFAULT 1 REFERENCES shop.orders;",
         ["adding-foreign-key-constraint"]),
        ("ALTER TABLE shop.orders ALTER COLUMN state SET NOT NULL;", []),
        ("ALTER TABLE shop.orders ALTER COLUMN note DROP DEFAULT;", []),
        ("ALTER TABLE shop.orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID;", []),
        ("ALTER TABLE shop.orders VALIDATE CONSTRAINT c;", []),
        ("ALTER TABLE shop.orders ALTER COLUMN note SET STATISTICS 500;", []),
        ("UPDATE shop.orders SET note = '' WHERE id BETWEEN 1 AND 1000;", []),
        ("LOCK TABLE shop.orders IN ROW SHARE MODE;", []),
        ("VACUUM (FULL false) shop.orders;", []),
        ("VACUUM (ANALYZE, FULL) shop.orders;", ["rewriting-table"]),
        ("REINDEX (CONCURRENTLY) TABLE shop.orders;", []),
        ("SAVEPOINT a;\nRELEASE a;", []),
    ],
)  # fmt: skip
def test_changes_of_a_table_in_use(change: str, rules: list[str]) -> None:
    assert codes(_ORDERS + "-- file: V2__Change.sql\n" + change) == rules


@pytest.mark.parametrize(
    ("declared", "rules"), [("IMMUTABLE", []), ("STABLE", []), ("", ["adding-field-with-default"])]
)
def test_a_default_is_one_value_if_its_function_was_declared_so(declared: str, rules: list[str]) -> None:
    function = f"-- file: V2__One.sql\nCREATE FUNCTION shop.one() RETURNS int {declared} RETURN 1;\n"

    assert codes(_ORDERS + function + "ALTER TABLE shop.orders ADD COLUMN n int DEFAULT shop.one();") == rules


def test_timestamps_change_their_type_in_a_session_of_utc() -> None:
    table = "-- file: V1__A.sql\nCREATE TABLE shop.t (at timestamp);\n-- file: V2__B.sql\n"
    change = "ALTER TABLE shop.t ALTER COLUMN at TYPE timestamptz;"

    assert codes(table + change) == ["changing-column-type"]
    assert codes(table + "SET LOCAL timezone = 'UTC';\n" + change) == []


def test_not_null_is_proven_by_a_valid_check_that_is_still_there() -> None:
    check = "ALTER TABLE shop.orders ADD CONSTRAINT given CHECK (note IS NOT NULL AND note <> '') NOT VALID;\n"
    validate = "-- file: V3__Validate.sql\nALTER TABLE shop.orders VALIDATE CONSTRAINT given;\n"
    start = _ORDERS + "-- file: V2__Check.sql\n" + check
    require = "-- file: V4__Require.sql\nALTER TABLE shop.orders ALTER COLUMN note SET NOT NULL"

    assert codes(f"{start}{validate}{require};") == []
    assert codes(f"{start}{require};") == ["adding-not-nullable-field"]
    assert codes(f"{start}{validate}{require}, DROP CONSTRAINT given;") == ["adding-not-nullable-field"]


def test_a_primary_key_from_an_index_needs_columns_that_are_not_null() -> None:
    start = (
        "-- file: V1__A.sql\nCREATE TABLE shop.t (a int, b int NOT NULL);\n-- file: V2__I.sql\n"
        "CREATE UNIQUE INDEX CONCURRENTLY t_a ON shop.t (a);\n-- file: V3__I.sql\n"
        "CREATE UNIQUE INDEX CONCURRENTLY t_b ON shop.t (b);\n-- file: V4__K.sql\n"
    )

    assert codes(start + "ALTER TABLE shop.t ADD PRIMARY KEY USING INDEX t_a;") == ["adding-not-nullable-field"]
    assert codes(start + "ALTER TABLE shop.t ADD PRIMARY KEY USING INDEX t_b;") == []


def test_a_file_without_a_transaction_holds_no_lock_from_one_statement_to_the_next() -> None:
    name = "-- file: V2__Batch.sql\n"
    batch = "DO $$ BEGIN UPDATE shop.orders SET note = '' WHERE id < 9; COMMIT; END $$;"
    forced = "-- file: V2__Batch.sql.conf\nexecuteInTransaction=true"

    assert codes(_ORDERS + name + batch) == []
    assert codes(_ORDERS + name + batch + "\n" + forced) == ["ban-concurrent-index-creation-in-transaction"]


def test_every_rule_names_its_place(conn: psycopg.Connection[object]) -> None:
    for rule in RULES:
        for found in findings(rule.bad):
            assert found.place is not None, rule.code
            assert found.place.line >= 1
            assert found.hint
