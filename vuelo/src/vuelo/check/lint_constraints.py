"""Constraints and partitions on tables in use: what PostgreSQL checks row by row while everybody waits."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Table
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, definition, shown
from vuelo.check.names import type_name
from vuelo.naming import Kind

_ORDERS = """-- file: V1__Create_orders.sql
CREATE TABLE shop.customers (id bigint PRIMARY KEY);
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer_id bigint, number text, room int, during tstzrange);
CREATE INDEX orders_customer_idx ON shop.orders (customer_id);
"""
_EVENTS = """-- file: V1__Create_events.sql
CREATE TABLE shop.events (id bigint, at timestamptz NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2027 PARTITION OF shop.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
"""
_VALIDATE_LATER = "Add it NOT VALID, which holds for new rows at once, and VALIDATE it in a later migration."
NOT_VALID = Rule(
    "constraint-missing-not-valid",
    Severity.ERROR,
    "A new CHECK or NOT NULL constraint reads every row under a lock that keeps out reads and writes.",
    _VALIDATE_LATER,
    _ORDERS + """-- file: V2__Check_numbers.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_number_check CHECK (number <> '');""",
    _ORDERS + """-- file: V2__Check_numbers.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_number_check CHECK (number <> '') NOT VALID;
-- file: V3__Validate_numbers.sql
ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_number_check;""",
)  # fmt: skip
FOREIGN_KEY = Rule(
    "adding-foreign-key-constraint",
    Severity.ERROR,
    "A new foreign key looks up every row under locks that keep out writes to both tables.",
    _VALIDATE_LATER,
    _ORDERS + """-- file: V2__Link_customers.sql
ALTER TABLE shop.orders
    ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES shop.customers;""",
    _ORDERS + """-- file: V2__Link_customers.sql
ALTER TABLE shop.orders
    ADD CONSTRAINT orders_customer_fk FOREIGN KEY (customer_id) REFERENCES shop.customers NOT VALID;
-- file: V3__Validate_customers.sql
ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_customer_fk;""",
)  # fmt: skip
UNIQUE = Rule(
    "disallowed-unique-constraint",
    Severity.ERROR,
    "A new primary key or unique constraint builds its index under a lock that keeps out reads and writes.",
    "CREATE UNIQUE INDEX CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … USING INDEX.",
    _ORDERS + """-- file: V2__Unique_numbers.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_number_key UNIQUE (number);""",
    _ORDERS + """-- file: V2__Index_numbers.sql
CREATE UNIQUE INDEX CONCURRENTLY orders_number_key ON shop.orders (number);
-- file: V3__Unique_numbers.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_number_key UNIQUE USING INDEX orders_number_key;""",
)  # fmt: skip
EXCLUSION = Rule(
    "adding-exclusion-constraint",
    Severity.ERROR,
    "A new exclusion constraint builds its index under a lock that keeps out reads and writes; no form of it waits.",
    "Make the constraint with the table; else a new table with it, filled in batches, whose name is exchanged.",
    _ORDERS + """-- file: V2__One_order_at_a_time.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_during_excl EXCLUDE USING gist (during WITH &&);""",
    """-- file: V1__Create_bookings.sql
CREATE TABLE shop.bookings (
    id bigint PRIMARY KEY,
    during tstzrange,
    CONSTRAINT bookings_during_excl EXCLUDE USING gist (during WITH &&)
);""",
)  # fmt: skip
NOT_NULL = Rule(
    "adding-not-nullable-field",
    Severity.ERROR,
    "SET NOT NULL reads every row under a lock that keeps out reads and writes, unless a valid CHECK proves it.",
    "Add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later migration, SET NOT NULL, then drop the CHECK.",
    _ORDERS + """-- file: V2__Require_numbers.sql
ALTER TABLE shop.orders ALTER COLUMN number SET NOT NULL;""",
    _ORDERS + """-- file: V2__Check_numbers.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_number_given CHECK (number IS NOT NULL) NOT VALID;
-- file: V3__Validate_numbers.sql
ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_number_given;
-- file: V4__Require_numbers.sql
ALTER TABLE shop.orders ALTER COLUMN number SET NOT NULL;
ALTER TABLE shop.orders DROP CONSTRAINT orders_number_given;""",
)  # fmt: skip
ATTACH = Rule(
    "attaching-partition-without-check",
    Severity.WARNING,
    "ATTACH PARTITION reads every row of the new partition under a lock, unless a valid CHECK proves its bounds.",
    "Give the table a CHECK of the bounds and NOT NULL keys first; drop the CHECK afterwards.",
    _EVENTS + """CREATE TABLE shop.events_2026 (id bigint, at timestamptz NOT NULL);
-- file: V2__Attach_2026.sql
ALTER TABLE shop.events ATTACH PARTITION shop.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');""",
    _EVENTS + """CREATE TABLE shop.events_2026 (
    id bigint,
    at timestamptz NOT NULL,
    CONSTRAINT events_2026_bounds CHECK (at >= '2026-01-01' AND at < '2027-01-01')
);
-- file: V2__Attach_2026.sql
ALTER TABLE shop.events ATTACH PARTITION shop.events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');""",
)  # fmt: skip
DETACH = Rule(
    "require-concurrent-partition-detach",
    Severity.ERROR,
    "DETACH PARTITION locks the whole partitioned table against reads and writes, and waits for every query on it.",
    "Write DETACH PARTITION … CONCURRENTLY in a migration of its own; with a DEFAULT partition it is refused.",
    _EVENTS + """-- file: V2__Detach_2027.sql
ALTER TABLE shop.events DETACH PARTITION shop.events_2027;""",
    _EVENTS + """-- file: V2__Detach_2027.sql
ALTER TABLE shop.events DETACH PARTITION shop.events_2027 CONCURRENTLY;""",
)  # fmt: skip
PARTITION_OF = Rule(
    "creating-partition-in-place",
    Severity.WARNING,
    "CREATE TABLE … PARTITION OF locks the whole partitioned table against reads and writes, after every query.",
    "CREATE TABLE … (LIKE the parent INCLUDING ALL), then ATTACH PARTITION, which lets reads and writes go on.",
    _EVENTS + """-- file: V2__Add_2028.sql
CREATE TABLE shop.events_2028 PARTITION OF shop.events FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');""",
    _EVENTS + """-- file: V2__Add_2028.sql
CREATE TABLE shop.events_2028 (LIKE shop.events INCLUDING ALL);
ALTER TABLE shop.events ATTACH PARTITION shop.events_2028 FOR VALUES FROM ('2028-01-01') TO ('2029-01-01');""",
)  # fmt: skip
RULES = (NOT_VALID, FOREIGN_KEY, UNIQUE, EXCLUSION, NOT_NULL, ATTACH, DETACH, PARTITION_OF)

_KEYS = (pb.CONSTR_PRIMARY, pb.CONSTR_UNIQUE)
_CONTENTS = (pb.CONSTR_CHECK, pb.CONSTR_NOTNULL)


def _alter(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_table_stmt
    if alter.objtype != pb.OBJECT_TABLE:
        return
    stands, table = scene.stands(alter.relation), shown(alter.relation)
    for command in commands(alter):
        if command.subtype == pb.AT_AttachPartition:
            yield from _attached(scene, definition(command).partition_cmd.name, scene.table(alter.relation))
        elif not stands:
            continue
        elif command.subtype == pb.AT_AddConstraint:
            yield from _added(scene, definition(command).constraint, table)
        elif command.subtype == pb.AT_AddColumn:
            yield from _added_with_column(scene, definition(command).column_def, table)
        elif command.subtype == pb.AT_SetNotNull:
            yield from _required(scene, command.name, table)
        elif command.subtype == pb.AT_DetachPartition and not definition(command).partition_cmd.concurrent:
            child = shown(definition(command).partition_cmd.name)
            yield scene.found(DETACH, f"DETACH PARTITION {child} locks all of {table} against reads and writes")


def _added(scene: Scene, made: pb.Constraint, table: str) -> Iterator[Finding]:
    name = f"constraint {made.conname}" if made.conname else "a constraint"
    if made.skip_validation:
        return
    if made.contype in _CONTENTS:
        yield _locking(scene, NOT_VALID, f"{name} without NOT VALID reads all of {table} while nobody can use it", made)
    elif made.contype == pb.CONSTR_FOREIGN:
        target = shown(made.pktable)
        message = f"{name} without NOT VALID looks up all of {table} while nobody can write to it or to {target}"
        yield _locking(scene, FOREIGN_KEY, message, made)
    elif made.contype in _KEYS and not made.indexname:
        yield _locking(scene, UNIQUE, f"{name} builds its index while nobody can use {table}", made)
    elif made.contype == pb.CONSTR_PRIMARY:
        yield from _nullable_key(scene, made, table)
    elif made.contype == pb.CONSTR_EXCLUSION:
        yield _locking(scene, EXCLUSION, f"{name} builds its index while nobody can use {table}", made)


def _locking(scene: Scene, rule: Rule, message: str, made: pb.Constraint) -> Finding:
    """A repeatable drops a constraint before it adds it: there the lock is the price, and the finding a warning."""
    severity = Severity.WARNING if scene.file.script.kind is Kind.REPEATABLE else None
    return scene.found(rule, message, at=made.location, severity=severity)


def _nullable_key(scene: Scene, made: pb.Constraint, table: str) -> Iterator[Finding]:
    relation = scene.statement.node.alter_table_stmt.relation
    found = scene.table(relation)
    index = scene.before.indexes.get((scene.before.qualified(relation)[0], made.indexname))
    for name in index.columns if index and found else ():
        column = found.columns.get(name) if found else None
        if column is not None and not column.not_null:
            message = (
                f"the primary key makes {name} NOT NULL, for which it reads all of {table} while nobody can use it"
            )
            yield scene.found(NOT_NULL, message, at=made.location)


def _added_with_column(scene: Scene, column: pb.ColumnDef, table: str) -> Iterator[Finding]:
    """A foreign key of a column that is NULL everywhere is not looked up."""
    made = [node.constraint for node in column.constraints]
    has_values = any(one.contype == pb.CONSTR_DEFAULT for one in made)
    for one in made:
        if one.contype in (pb.CONSTR_CHECK, *_KEYS) or (one.contype == pb.CONSTR_FOREIGN and has_values):
            yield from _added(scene, one, table)


def _required(scene: Scene, name: str, shown_table: str) -> Iterator[Finding]:
    alter = scene.statement.node.alter_table_stmt
    table = scene.table(alter.relation)
    column = table.columns.get(name) if table else None
    if column is not None and column.not_null:
        return
    dropped = {command.name for command in commands(alter) if command.subtype == pb.AT_DropConstraint}
    valid = [one for one in (table.constraints if table else ()) if not one.not_valid]
    proofs = {one.name for one in valid if one.expression is not None and _proves(one.expression, name)}
    if not proofs - dropped:
        hint = "Drop the CHECK in a statement of its own: in the same ALTER TABLE it is gone before it is used."
        message = f"SET NOT NULL on {name} reads all of {shown_table} while nobody can use it"
        yield scene.found(NOT_NULL, message, hint=hint if proofs else None)


def _proves(expression: pb.Node, column: str) -> bool:
    """Whether a CHECK says `column IS NOT NULL`, alone or among others that must hold as well."""
    if expression.HasField("bool_expr") and expression.bool_expr.boolop == pb.AND_EXPR:
        return any(_proves(one, column) for one in expression.bool_expr.args)
    test = expression.null_test
    return test.nulltesttype == pb.IS_NOT_NULL and test.arg.column_ref.fields[-1:] == [pb.Node(string={"sval": column})]


def _attached(scene: Scene, child: pb.RangeVar, parent: Table | None) -> Iterator[Finding]:
    table = scene.table(child)
    if parent is None or table is None or not scene.stands(child):
        return
    keys = set(parent.partition_key)
    is_checked = any(one.kind == "check" and not one.not_valid and keys <= {*one.columns} for one in table.constraints)
    columns = (table.columns.get(name) for name in keys)
    if not is_checked or not all(column is None or column.not_null for column in columns):
        yield scene.found(
            ATTACH, f"no valid CHECK proves that {shown(child)} fits: all of its rows are read under a lock"
        )


def _create(scene: Scene) -> Iterator[Finding]:
    made = scene.statement.node.create_stmt
    for parent in made.inh_relations:
        if made.HasField("partbound") and scene.stands(parent.range_var):
            message = f"PARTITION OF {shown(parent.range_var)} locks all of it against reads and writes"
            yield scene.found(PARTITION_OF, message)


def _alter_domain(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_domain_stmt
    made = definition(alter).constraint
    name = type_name(scene.before, pb.TypeName(names=alter.type_name))
    if alter.subtype == "C" and not made.skip_validation and name in scene.existing.types:
        message = f"a constraint of the domain {name[1]} without NOT VALID reads every table that uses it, under a lock"
        yield _locking(scene, NOT_VALID, message, made)


CHECKS: Checks = {"alter_table_stmt": (_alter,), "create_stmt": (_create,), "alter_domain_stmt": (_alter_domain,)}
