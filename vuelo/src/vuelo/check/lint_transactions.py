"""Files as transactions: what cannot stand in one, and for how long one holds its locks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Name
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, definition, shown
from vuelo.check.names import texts, type_name
from vuelo.check.source import ParsedStatement
from vuelo.check.tree import walk
from vuelo.statements import Statement
from vuelo.transactions import Need, need_of

_ORDERS = """-- file: V1__Create_orders.sql
CREATE TYPE shop.state AS ENUM ('open', 'closed');
CREATE TABLE shop.orders (id bigint PRIMARY KEY, state shop.state NOT NULL, note text);
CREATE TABLE shop.customers (id bigint PRIMARY KEY, note text);
"""
_BATCHES = """-- file: V2__Fill_notes.sql
DO $$
DECLARE
    last_id bigint := 0;
BEGIN
    WHILE last_id < (SELECT max(id) FROM shop.orders) LOOP
        UPDATE shop.orders SET note = '' WHERE id > last_id AND id <= last_id + 1000;
        COMMIT;
        last_id := last_id + 1000;
    END LOOP;
END $$;"""
NESTING = Rule(
    "transaction-nesting",
    Severity.ERROR,
    "vuelo runs a migration in a transaction of its own: BEGIN and COMMIT in it would end that one halfway.",
    "Leave them out; what cannot run in a transaction stands in a migration of its own.",
    _ORDERS + "-- file: V2__Note.sql\nBEGIN;\nALTER TABLE shop.orders ADD COLUMN remark text;\nCOMMIT;",
    _ORDERS + "-- file: V2__Note.sql\nALTER TABLE shop.orders ADD COLUMN remark text;",
)
MIXED = Rule(
    "mixed-transaction",
    Severity.ERROR,
    "A statement that PostgreSQL refuses in a transaction stands beside others that need one: when one of them fails, "
    "the file has been done in part.",
    "Give each statement that cannot run in a transaction a migration of its own.",
    _ORDERS + """-- file: V2__Index_notes.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
CREATE INDEX CONCURRENTLY orders_remark_idx ON shop.orders (remark);""",
    _ORDERS + """-- file: V2__Add_remark.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
-- file: V3__Index_remarks.sql
CREATE INDEX CONCURRENTLY orders_remark_idx ON shop.orders (remark);""",
)  # fmt: skip
FORCED = Rule(
    "ban-concurrent-index-creation-in-transaction",
    Severity.ERROR,
    "The file's .conf says executeInTransaction=true, and PostgreSQL refuses the statement in a transaction.",
    "Take executeInTransaction=true out of the .conf file.",
    _ORDERS + """-- file: V2__Index_notes.sql
CREATE INDEX CONCURRENTLY orders_note_idx ON shop.orders (note);
-- file: V2__Index_notes.sql.conf
executeInTransaction=true""",
    _ORDERS + """-- file: V2__Index_notes.sql
CREATE INDEX CONCURRENTLY orders_note_idx ON shop.orders (note);""",
)  # fmt: skip
NEW_VALUE = Rule(
    "using-new-enum-value",
    Severity.ERROR,
    "PostgreSQL refuses a new value of an enum in the transaction that has added it.",
    "Add the value in a migration of its own, before the one that uses it.",
    _ORDERS + """-- file: V2__Add_value.sql
ALTER TYPE shop.state ADD VALUE 'lost';
ALTER TABLE shop.orders ALTER COLUMN state SET DEFAULT 'lost';""",
    _ORDERS + """-- file: V2__Add_value.sql
ALTER TYPE shop.state ADD VALUE 'lost';
-- file: V3__Use_value.sql
ALTER TABLE shop.orders ALTER COLUMN state SET DEFAULT 'lost';""",
)  # fmt: skip
VALIDATE = Rule(
    "validating-in-same-transaction",
    Severity.ERROR,
    "VALIDATE in the transaction that has added the constraint reads every row while ADD's lock keeps out everybody.",
    "VALIDATE in a later migration.",
    _ORDERS + """-- file: V2__Check_notes.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_note_check CHECK (note <> '') NOT VALID;
ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_note_check;""",
    _ORDERS + """-- file: V2__Check_notes.sql
ALTER TABLE shop.orders ADD CONSTRAINT orders_note_check CHECK (note <> '') NOT VALID;
-- file: V3__Validate_notes.sql
ALTER TABLE shop.orders VALIDATE CONSTRAINT orders_note_check;""",
)  # fmt: skip
WORK = Rule(
    "working-under-lock",
    Severity.ERROR,
    "Rows are written in the transaction that has changed a table in use, whose lock is held until the last row.",
    "Write the rows in a migration of its own.",
    _ORDERS + """-- file: V2__Add_remark.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
UPDATE shop.orders SET remark = note WHERE note IS NOT NULL;""",
    _ORDERS + """-- file: V2__Add_remark.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
-- file: V3__Fill_remark.sql
UPDATE shop.orders SET remark = note WHERE note IS NOT NULL;""",
)  # fmt: skip
BACKFILL = Rule(
    "writing-every-row",
    Severity.ERROR,
    "UPDATE or DELETE without WHERE locks every row of a table in use until it ends, and leaves as many dead ones.",
    "Write a thousand rows at a time, with a COMMIT after each batch: a DO block with a loop can.",
    _ORDERS + "-- file: V2__Fill_notes.sql\nUPDATE shop.orders SET note = '';",
    _ORDERS + _BATCHES,
)
SEVERAL = Rule(
    "locking-several-tables",
    Severity.WARNING,
    "The transaction locks several tables in use, one after the other: it holds the first while it waits for the next, "
    "and a program that takes them in another order makes a deadlock.",
    "Change each table in a migration of its own.",
    _ORDERS + """-- file: V2__Add_remarks.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
ALTER TABLE shop.customers ADD COLUMN remark text;""",
    _ORDERS + """-- file: V2__Add_remark_to_orders.sql
ALTER TABLE shop.orders ADD COLUMN remark text;
-- file: V3__Add_remark_to_customers.sql
ALTER TABLE shop.customers ADD COLUMN remark text;""",
)  # fmt: skip
LOCK = Rule(
    "locking-table",
    Severity.ERROR,
    "LOCK TABLE keeps out writes, or everybody, until the whole migration ends.",
    "Leave it out: each statement takes the weakest lock that it needs.",
    _ORDERS + "-- file: V2__Note.sql\nLOCK TABLE shop.orders;\nALTER TABLE shop.orders ADD COLUMN remark text;",
    _ORDERS + "-- file: V2__Note.sql\nALTER TABLE shop.orders ADD COLUMN remark text;",
)
RULES = (NESTING, MIXED, FORCED, NEW_VALUE, VALIDATE, WORK, BACKFILL, SEVERAL, LOCK)

_FIRST_WORD = re.compile(r"\w+")
_SHARE = 5  # the weakest lock that keeps out writes
_WEAK = {
    *(pb.AT_ValidateConstraint, pb.AT_AttachPartition, pb.AT_SetStatistics, pb.AT_SetOptions, pb.AT_ResetOptions),
    *(pb.AT_SetRelOptions, pb.AT_ResetRelOptions, pb.AT_ClusterOn, pb.AT_DropCluster),
}
_OF_TABLES = (pb.OBJECT_TRIGGER, pb.OBJECT_POLICY, pb.OBJECT_RULE)
_ENDS = {
    pb.TRANS_STMT_BEGIN: "BEGIN",
    pb.TRANS_STMT_START: "START TRANSACTION",
    pb.TRANS_STMT_COMMIT: "COMMIT",
    pb.TRANS_STMT_ROLLBACK: "ROLLBACK",
    pb.TRANS_STMT_PREPARE: "PREPARE TRANSACTION",
}


def need(statement: ParsedStatement) -> Need:
    """As the executor will see it."""
    word = _FIRST_WORD.match(statement.text)
    words = (word[0].lower(),) if word else ()
    return need_of(Statement(statement.text, statement.line, statement.column, statement.line, words))


def whole_file(scene: Scene, *, mixed: bool) -> Iterator[Finding]:
    """What only a file's statements together show; `scene` is that of its end, `mixed` the service's setting."""
    file = scene.file
    forced = file.script.config.execute_in_transaction
    alone = [one for one in file.statements if need(one) is Need.NO_TRANSACTION]
    if forced:
        for one in alone:
            yield replace(scene, statement=one).found(FORCED, "PostgreSQL refuses this statement in a transaction")
    elif forced is None and alone and not mixed and any(need(one) is Need.TRANSACTION for one in file.statements):
        message = "PostgreSQL refuses this statement in a transaction, and others in the file need one"
        yield replace(scene, statement=alone[0]).found(MIXED, message)
    if forced or (forced is None and not alone):
        for check in (_new_values, _validations, _work, _several):
            yield from check(scene)


def _new_values(scene: Scene) -> Iterator[Finding]:
    labels: set[str] = set()
    for one in scene.file.statements:
        for node in walk(one.node) if labels else ():
            if isinstance(node, pb.A_Const) and node.sval.sval in labels:
                message = f"{node.sval.sval!r} is added to its enum by this transaction, which cannot use it"
                yield replace(scene, statement=one).found(NEW_VALUE, message, at=node.location)
        added = one.node.alter_enum_stmt
        name = type_name(scene.before, pb.TypeName(names=added.type_name)) if added.new_val else None
        if name in scene.existing.types and not added.old_val:
            labels.add(added.new_val)


def _validations(scene: Scene) -> Iterator[Finding]:
    added: set[tuple[Name, str]] = set()
    for one in scene.file.statements:
        alter = one.node.alter_table_stmt
        table = scene.before.qualified(alter.relation)
        for command in commands(alter):
            if command.subtype == pb.AT_AddConstraint and scene.stood(alter.relation):
                added.add((table, definition(command).constraint.conname))
            elif command.subtype == pb.AT_ValidateConstraint and (table, command.name) in added:
                message = (
                    f"{command.name} was added by this transaction: {shown(alter.relation)} is read under its lock"
                )
                yield replace(scene, statement=one).found(VALIDATE, message)


def _work(scene: Scene) -> Iterator[Finding]:
    held: pb.RangeVar | None = None
    for one in scene.file.statements:
        kind = one.kind
        writes = kind in ("update_stmt", "delete_stmt")
        if kind == "insert_stmt":
            writes = len(one.node.insert_stmt.select_stmt.select_stmt.from_clause) > 0
        if writes and held is not None:
            message = f"rows are written while the transaction keeps everybody out of {shown(held)}"
            yield replace(scene, statement=one).found(WORK, message)
        if held is None:
            held = next((relation for relation in _locked(one.node) if scene.stood(relation)), None)


def _several(scene: Scene) -> Iterator[Finding]:
    held: dict[Name, str] = {}
    for one in scene.file.statements:
        for relation in _locked(one.node):
            if scene.stood(relation):
                held[scene.before.qualified(relation)] = shown(relation)
        if len(held) > 1:
            message = f"the transaction locks {' and then '.join(held.values())}"
            yield replace(scene, statement=one).found(SEVERAL, message)
            return


def _locked(node: pb.Node) -> list[pb.RangeVar]:
    """The tables that a statement locks against writes at least, but for those that it drops."""
    relations = _LOCKING.get(node.WhichOneof("node") or "")
    return relations(node) if relations else []


def _altered(node: pb.Node) -> list[pb.RangeVar]:
    alter = node.alter_table_stmt
    is_strong = alter.objtype == pb.OBJECT_TABLE and any(one.subtype not in _WEAK for one in commands(alter))
    return [alter.relation] if is_strong else []


def _renamed(node: pb.Node) -> list[pb.RangeVar]:
    rename = node.rename_stmt
    is_table = pb.OBJECT_TABLE in (rename.rename_type, rename.relation_type)
    return [rename.relation] if is_table else []


def _dropped(node: pb.Node) -> list[pb.RangeVar]:
    """The tables of triggers, policies and rules that are dropped: the names before the last."""
    drop = node.drop_stmt
    names = [texts(one.list.items) for one in drop.objects] if drop.remove_type in _OF_TABLES else []
    return [pb.RangeVar(schemaname="".join(name[:-2][-1:]), relname=name[-2]) for name in names]


_LOCKING: dict[str, Callable[[pb.Node], list[pb.RangeVar]]] = {
    "alter_table_stmt": _altered,
    "rename_stmt": _renamed,
    "drop_stmt": _dropped,
    "create_trig_stmt": lambda node: [node.create_trig_stmt.relation],
    "create_policy_stmt": lambda node: [node.create_policy_stmt.table],
    "index_stmt": lambda node: [node.index_stmt.relation],
    "truncate_stmt": lambda node: [one.range_var for one in node.truncate_stmt.relations],
    "lock_stmt": lambda node: [one.range_var for one in node.lock_stmt.relations if node.lock_stmt.mode >= _SHARE],
}


def _transaction(scene: Scene) -> Iterator[Finding]:
    if what := _ENDS.get(scene.statement.node.transaction_stmt.kind):
        yield scene.found(NESTING, f"{what} in a migration, which has a transaction of its own")


def _write(scene: Scene) -> Iterator[Finding]:
    node = scene.statement.node
    written = node.update_stmt if node.HasField("update_stmt") else node.delete_stmt
    if not written.HasField("where_clause") and scene.stands(written.relation):
        what = "UPDATE" if node.HasField("update_stmt") else "DELETE"
        yield scene.found(BACKFILL, f"{what} without WHERE locks every row of {shown(written.relation)} until it ends")


def _lock(scene: Scene) -> Iterator[Finding]:
    for relation in _locked(scene.statement.node):
        if scene.stands(relation):
            yield scene.found(LOCK, f"LOCK TABLE keeps writes out of {shown(relation)} until the migration ends")


CHECKS: Checks = {
    "transaction_stmt": (_transaction,),
    "update_stmt": (_write,),
    "delete_stmt": (_write,),
    "lock_stmt": (_lock,),
}
