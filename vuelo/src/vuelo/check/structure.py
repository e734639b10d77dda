"""What the files are like, whatever their SQL does: names, versions, undo files, headers, comments on tables."""

from collections.abc import Iterator

from vuelo.check.catalog import Catalog
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.objects import shown
from vuelo.check.source import SourceFile
from vuelo.migration import BadName, Found, Script
from vuelo.naming import Kind

BAD_NAME = Rule(
    "bad-name",
    Severity.ERROR,
    "A `.sql` file in a location has a name that is no migration's, so that it would never run.",
    "Name it `V<version>__<description>.sql`, or move it out of the location.",
    "-- file: V1_create_orders.sql\n-- One underscore is missing.\nSELECT 1;",
    "-- file: V1__create_orders.sql\n-- The orders.\nSELECT 1;",
)
DUPLICATE_VERSION = Rule(
    "duplicate-version",
    Severity.ERROR,
    "Two files have the same version (or two repeatables the same description), often after a merge: nobody can say"
    " which one runs.",
    "Give one of them the next free version.",
    "-- file: V2__add_orders.sql\n-- The orders.\nSELECT 1;\n-- file: V2__add_outbox.sql\n-- The outbox.\nSELECT 2;",
    "-- file: V2__add_orders.sql\n-- The orders.\nSELECT 1;\n-- file: V3__add_outbox.sql\n-- The outbox.\nSELECT 2;",
)
MISSING_UNDO = Rule(
    "missing-undo",
    Severity.ERROR,
    "A versioned migration has no undo file, so that `vuelo undo` stops there.",
    "Write `U<version>__….sql` beside it; where going back would lose data, let it say so and refuse.",
    "-- file: V1__Create_orders.sql\n-- The orders.\nCREATE TABLE shop.orders (id bigint);",
    """-- file: V1__Create_orders.sql
-- The orders.
CREATE TABLE shop.orders (id bigint);
-- file: U1__Create_orders.sql
-- Takes back V1.
DROP TABLE shop.orders;""",
)
UNDO_WITHOUT_VERSION = Rule(
    "undo-without-version",
    Severity.WARNING,
    "An undo file takes back a version that no file has.",
    "Give it the version of its migration, or remove it.",
    "-- file: U7__Create_orders.sql\n-- Takes back V7, which was renamed.\nSELECT 1;",
    """-- file: V7__Create_orders.sql
-- The orders.
SELECT 1;
-- file: U7__Create_orders.sql
-- Takes back V7.
SELECT 1;""",
)
UNDO_INCOMPLETE = Rule(
    "undo-incomplete",
    Severity.ERROR,
    "What the migration made still exists after its undo file, or what was there before is gone: the next `migrate`"
    " then fails, or finds another schema.",
    "Let the undo file drop all that the migration made, in the opposite order, and bring back what it dropped.",
    """-- file: V1__Create_orders.sql
-- The orders.
CREATE TABLE shop.orders (id bigint);
CREATE TABLE shop.lines (id bigint);
-- file: U1__Create_orders.sql
-- Takes back V1.
DROP TABLE shop.orders;""",
    """-- file: V1__Create_orders.sql
-- The orders.
CREATE TABLE shop.orders (id bigint);
CREATE TABLE shop.lines (id bigint);
-- file: U1__Create_orders.sql
-- Takes back V1.
DROP TABLE shop.lines;
DROP TABLE shop.orders;""",
)
MISSING_HEADER = Rule(
    "missing-header",
    Severity.WARNING,
    "A file does not begin with a comment, so that its purpose has to be guessed.",
    "Say in its first line what the migration is for.",
    "CREATE TABLE shop.orders (id bigint);",
    "-- The orders, one row each.\nCREATE TABLE shop.orders (id bigint);",
)
TABLE_WITHOUT_COMMENT = Rule(
    "table-without-comment",
    Severity.WARNING,
    "A table has no COMMENT, so that neither the data dictionary nor a colleague learns what a row of it is.",
    "Write COMMENT ON TABLE in the migration that makes the table.",
    "-- The orders.\nCREATE TABLE shop.orders (id bigint);",
    "-- The orders.\nCREATE TABLE shop.orders (id bigint);\n"
    "COMMENT ON TABLE shop.orders IS 'One row an order, from its first line on.';",
)
RULES = (
    BAD_NAME, DUPLICATE_VERSION, MISSING_UNDO, UNDO_WITHOUT_VERSION, UNDO_INCOMPLETE, MISSING_HEADER,
    TABLE_WITHOUT_COMMENT,
)  # fmt: skip


def of_names(service: str, found: Found) -> Iterator[Finding]:
    """What the names of the files tell before one is read."""
    for bad in found.bad_names:
        yield _bad_name(service, bad)
    seen: dict[tuple[Kind, object], Script] = {}
    for script in found.scripts:
        other = seen.setdefault((script.kind, script.version or script.description), script)
        if other is not script:
            what = f"version {script.version}" if script.version else f"description {script.description!r}"
            message = f"{other.path.name} has the same {what}"
            yield _of_file(service, script, DUPLICATE_VERSION, message)
    versions = {script.version for script in found.scripts if script.kind is Kind.VERSIONED}
    undone = {script.version for script in found.scripts if script.kind is Kind.UNDO}
    for script in found.scripts:
        if script.kind is Kind.VERSIONED and script.version not in undone:
            yield _of_file(service, script, MISSING_UNDO, f"version {script.version} has no undo file")
        elif script.kind is Kind.UNDO and script.version not in versions:
            yield _of_file(
                service, script, UNDO_WITHOUT_VERSION, f"there is no migration with version {script.version}"
            )


def _of_file(service: str, script: Script, rule: Rule, message: str) -> Finding:
    return Finding(rule.code, rule.severity, message, rule.fix, service, script.path, None)


def _bad_name(service: str, bad: BadName) -> Finding:
    return Finding(BAD_NAME.code, BAD_NAME.severity, bad.reason, BAD_NAME.fix, service, bad.path, None)


def of_header(file: SourceFile) -> Iterator[Finding]:
    if not file.begins_with_comment:
        yield file.finding(MISSING_HEADER, None, "the file does not begin with a comment", hint=MISSING_HEADER.fix)


def of_tables(file: SourceFile, after: Catalog) -> Iterator[Finding]:
    """Tables that this file has made and left without a comment."""
    for statement in file.statements:
        if statement.kind != "create_stmt":
            continue
        made = statement.node.create_stmt
        table = after.table(made.relation)
        is_partition = table is None or table.partition_of is not None
        if table is not None and not is_partition and not table.has_comment and made.relation.relpersistence != "t":
            message = f"{shown(table.name)} has no comment"
            hint = TABLE_WITHOUT_COMMENT.fix
            yield file.finding(TABLE_WITHOUT_COMMENT, statement, message, at=made.relation.location, hint=hint)


def of_undo(file: SourceFile, before: Catalog, after: Catalog) -> Iterator[Finding]:
    """`before` is the state that its migration found, `after` what the undo file leaves."""
    old, new = _things(before), _things(after)
    for what, names in new.items():
        for name in sorted(names - old[what]):
            yield file.finding(
                UNDO_INCOMPLETE, None, f"{what} {name} is still there after the undo", hint=UNDO_INCOMPLETE.fix
            )
    for what, names in old.items():
        for name in sorted(names - new[what]):
            message = f"{what} {name} was there before the migration and is not after its undo"
            yield file.finding(UNDO_INCOMPLETE, None, message, hint=UNDO_INCOMPLETE.fix)


def _things(catalog: Catalog) -> dict[str, set[str]]:
    tables = {name: table for name, table in catalog.tables.items() if name[0] != "pg_temp"}
    return {
        "schema": set(catalog.schemas),
        "relation": {shown(name) for name in tables},
        "column": {
            f"{shown(name)}.{column}"
            for name, table in tables.items()
            if table.kind != "view"
            for column in table.columns
        },
        "constraint": {f"{shown(name)}.{one.name}" for name, table in tables.items() for one in table.constraints},
        "trigger": {f"{shown(name)}.{one}" for name, table in tables.items() for one in table.triggers},
        "index": {shown(name) for name in catalog.indexes},
        "type": {shown(name) for name in catalog.types},
        "function": {
            f"{shown(name)}({', '.join(one.arguments)})" for name, named in catalog.functions.items() for one in named
        },
    }
