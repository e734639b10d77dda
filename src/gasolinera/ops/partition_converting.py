"""A live plain table becomes one by month: all that takes long is done beside it, and it is locked for moments only.

Beforehand: an index that has the key (CREATE INDEX CONCURRENTLY), and a validated check that every row is older than
the cutoff, so that nothing is scanned under the lock. Then one transaction makes a parent, gives it what the old table
had, takes the old table's name and attaches it as the first partition.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import ConflictError, GasolineraError
from gasolinera.ops.lock_patience import Patience, lock_timeout, patiently
from gasolinera.ops.partition_conversions import (
    Conversion,
    Index,
    Inventory,
    Policy,
    Sequence,
    View,
    deadline_name,
    first_partition,
    look_up,
    name_of_month,
    qualify_names,
    read_inventory,
    written,
)
from gasolinera.ops.partition_making import (
    conversion_lock,
    grant_all,
    make_partition,
    make_trigger,
    newest,
    quoted_name,
)
from gasolinera.ops.partition_plans import plan_table
from gasolinera.ops.partition_rules import load_rules, rule_for
from gasolinera.ops.partition_tables import literal_of, standing_of
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]
Tell = Callable[[str, str], None]
_PATIENCE: Final = Patience(lock_timeout_ms=100, tries=40)


class ConversionResult(msgspec.Struct, frozen=True, kw_only=True):
    """`locked_ms`: from when the table was locked to the commit."""

    table: str
    first_partition: str
    made: tuple[str, ...]
    locked_ms: float


def convert_table(
    operations: Operations,
    plan: Conversion,
    *,
    tell: Tell = lambda what, step: None,
    patience: Patience | None = None,
) -> ConversionResult:
    """Again after a crash: goes on. Raises ConflictError `ops.convert_refused`, `ops.convert_rows`, `ops.running`;
    UnavailableError `ops.locked`.
    """
    if plan.refusals:
        raise ConflictError(
            "ops.convert_refused", f"{plan.schema}.{plan.table} cannot be converted: {plan.refusals[0]}"
        )
    what = f"{plan.schema}.{plan.table}"
    service = operations.service(plan.service)
    with (
        ops_session(operations.ops_url) as ops,
        owner_session(service) as conn,
        recorded_run(ops, "partitions convert", what) as run,
    ):
        key = conversion_lock(plan.schema, plan.table)
        row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
        if row is None or not row[0]:
            raise ConflictError("ops.running", f"another process converts {what}", "wait for it")
        try:
            _prepare(conn, plan, tell, patience or _PATIENCE)
            locked_ms = patiently(conn, f"converting {what}", lambda: _swap(conn, plan), patience or _PATIENCE)
        except BaseException:
            _take_deadline_back(conn, plan, patience or _PATIENCE)
            raise
        tell(what, "converted")
        made = _make_ahead(ops, conn, plan)
        conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(plan.schema, plan.table)))
        result = ConversionResult(
            table=what,
            first_partition=first_partition(plan.table, plan.cutoff),
            made=tuple(made),
            locked_ms=locked_ms,
        )
        run.result = {"first_partition": result.first_partition, "locked_ms": round(locked_ms, 1)}
    return result


def _prepare(conn: Connection, plan: Conversion, tell: Tell, patience: Patience) -> None:
    table = sql.Identifier(plan.schema, plan.table)
    there = standing_of(conn, plan.schema, plan.table)
    assert there is not None, "its plan was read"
    # Who writes such rows goes on to do so, and the check would refuse them while it is validated.
    later = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} >= {})").format(
        table, sql.Identifier(plan.column), literal_of(plan.cutoff, plan.key_type, end=True)
    )
    if conn.execute(later).fetchone() == (True,):
        raise _later_rows(plan)
    indexes = look_up(conn, "indexes_of_table", Index, oid=there.oid, column=plan.column)
    primary = next((index for index in indexes if index.is_primary), None)
    if primary is not None and not primary.has_key:
        _build_key(conn, plan, primary, indexes)
        tell(f"{plan.schema}.{plan.table}", "index built")
    deadline = sql.Identifier(deadline_name(plan.table))
    # One of an earlier try may have another date.
    drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(table, deadline)
    add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({} < {}) NOT VALID").format(
        table, deadline, sql.Identifier(plan.column), literal_of(plan.cutoff, plan.key_type, end=True)
    )

    def set_deadline() -> None:
        with conn.transaction():
            conn.execute(drop)
            conn.execute(add)

    patiently(conn, f"setting a deadline for {plan.table}", set_deadline, patience)
    tell(f"{plan.schema}.{plan.table}", "deadline set")
    try:
        conn.execute(sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(table, deadline))
    except psycopg.errors.CheckViolation as error:
        raise _later_rows(plan) from error
    tell(f"{plan.schema}.{plan.table}", "deadline validated")


def _later_rows(plan: Conversion) -> ConflictError:
    message = f"{plan.schema}.{plan.table} has rows of {plan.cutoff:%Y-%m-%d} and later"
    return ConflictError("ops.convert_rows", message, "choose a later month with --cutoff")


def _build_key(conn: Connection, plan: Conversion, primary: Index, indexes: list[Index]) -> None:
    """The primary key's index with the month's column; one that a crash has left half built is built again."""
    name = name_of_month(primary.name, plan.cutoff)
    place = sql.Identifier(plan.schema, name)
    old = next((index for index in indexes if index.name == name), None)
    with lock_timeout(conn, 0):
        if old is not None and not old.is_valid:
            conn.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(place))
        if old is None or not old.is_valid:
            columns = sql.SQL(", ").join(sql.Identifier(column) for column in [*primary.columns, plan.column])
            conn.execute(
                sql.SQL("CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({})").format(
                    sql.Identifier(name), sql.Identifier(plan.schema, plan.table), columns
                )
            )


def _swap(conn: Connection, plan: Conversion) -> float:
    """What needs no lock on the table comes first. Gives the milliseconds for which it was locked."""
    schema, cutoff = plan.schema, plan.cutoff
    old_name = first_partition(plan.table, cutoff)
    table, old = sql.Identifier(schema, plan.table), sql.Identifier(schema, old_name)
    new = sql.Identifier(schema, _new_name(plan.table))
    with conn.transaction():
        qualify_names(conn)
        there = standing_of(conn, schema, plan.table)
        assert there is not None, "its plan was read"
        inventory = read_inventory(conn, there.oid, plan.column)
        _make_parent(conn, plan, inventory, new)
        conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        began = time.monotonic()
        conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(table, sql.Identifier(old_name)))
        conn.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(new, sql.Identifier(plan.table)))
        _change_key(conn, plan, inventory, old)
        for sequence in inventory.sequences:
            _hand_over(conn, plan, sequence, old)
        for trigger in inventory.triggers:
            conn.execute(sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(trigger.name), old))
        for role in {grant.grantee for grant in inventory.grants}:
            grantee = sql.SQL("PUBLIC") if role is None else sql.Identifier(role)
            conn.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM {}").format(old, grantee))
        conn.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM (MINVALUE) TO ({})").format(
                table, old, literal_of(cutoff, plan.key_type, end=True)
            )
        )
        deadline = sql.Identifier(deadline_name(plan.table))
        conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(old, deadline))
        for view in inventory.views:
            _point_anew(conn, view)
    return (time.monotonic() - began) * 1000


def _make_parent(conn: Connection, plan: Conversion, inventory: Inventory, new: sql.Identifier) -> None:
    """Under a name of its own, with all that a parent can have before it has the old table's rows."""
    conn.execute(
        sql.SQL(
            "CREATE TABLE {} (LIKE {} INCLUDING COMMENTS INCLUDING COMPRESSION INCLUDING CONSTRAINTS "
            "INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STATISTICS INCLUDING STORAGE) PARTITION BY RANGE ({})"
        ).format(new, sql.Identifier(plan.schema, plan.table), sql.Identifier(plan.column))
    )
    deadline = sql.Identifier(deadline_name(plan.table))
    conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(new, deadline))
    for index in inventory.indexes:
        if index.name != _key_index(plan, inventory):
            _move_index(conn, plan, inventory, index, new)
    for key in inventory.foreign_keys:
        name = sql.Identifier(key.name)
        conn.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(new, name, written(key.definition)))
        _comment(conn, sql.SQL("CONSTRAINT {} ON {}").format(name, new), key.comment)
    for trigger in inventory.triggers:
        make_trigger(conn, trigger, (plan.schema, plan.table), (plan.schema, _new_name(plan.table)))
    for policy in inventory.policies:
        _make_policy(conn, policy, new)
    settings = inventory.settings
    if settings.has_policies:
        conn.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(new))
    if settings.forces_policies:
        conn.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(new))
    if settings.replica_identity in "fn":
        kind = sql.SQL("FULL" if settings.replica_identity == "f" else "NOTHING")
        conn.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY {}").format(new, kind))
    grant_all(conn, inventory.grants, plan.schema, _new_name(plan.table))
    _comment(conn, sql.SQL("TABLE {}").format(new), settings.comment)


def _move_index(conn: Connection, plan: Conversion, inventory: Inventory, index: Index, new: sql.Identifier) -> None:
    """The old one steps aside, which needs no lock on the table, and the parent's takes its name."""
    name = sql.Identifier(index.name)
    aside = _aside(plan, inventory, index)
    conn.execute(
        sql.SQL("ALTER INDEX {} RENAME TO {}").format(sql.Identifier(plan.schema, index.name), sql.Identifier(aside))
    )
    if index.constraint_definition is not None:
        definition = written(index.constraint_definition)
        if index.is_primary and not index.has_key:
            columns = sql.SQL(", ").join(sql.Identifier(column) for column in [*index.columns, plan.column])
            definition = sql.SQL("PRIMARY KEY ({})").format(columns)
        conn.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(new, name, definition))
        _comment(conn, sql.SQL("CONSTRAINT {} ON {}").format(name, new), index.constraint_comment)
    else:
        place = f" ON {quoted_name(conn, (plan.schema, plan.table))} "
        conn.execute(written(index.definition.replace(place, f" ON {new.as_string(conn)} ", 1)))
    _comment(conn, sql.SQL("INDEX {}").format(sql.Identifier(plan.schema, index.name)), index.comment)


def _change_key(conn: Connection, plan: Conversion, inventory: Inventory, old: sql.Identifier) -> None:
    """A parent's key takes only a key of its partition, and no bare unique index."""
    primary, key = inventory.primary, _key_index(plan, inventory)
    if primary is not None and key is not None:
        aside = sql.Identifier(_aside(plan, inventory, primary))
        conn.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(old, aside))
        conn.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY USING INDEX {}").format(
                old, sql.Identifier(key), sql.Identifier(key)
            )
        )


def _hand_over(conn: Connection, plan: Conversion, sequence: Sequence, old: sql.Identifier) -> None:
    """An identity is begun anew on the parent, where the old one has come to; a plain default keeps its sequence."""
    place, column = sql.Identifier(sequence.schema, sequence.name), sql.Identifier(sequence.column_name)
    if not sequence.identity:
        owned = sql.Identifier(plan.schema, plan.table, sequence.column_name)
        conn.execute(sql.SQL("ALTER SEQUENCE {} OWNED BY {}").format(place, owned))
        return
    at = conn.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(place)).fetchone()
    assert at is not None
    rights = _sequence_rights(conn, sequence)
    conn.execute(sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP IDENTITY").format(old, column))
    conn.execute(
        sql.SQL(
            "ALTER TABLE {} ALTER COLUMN {} ADD GENERATED {} AS IDENTITY (SEQUENCE NAME {} START WITH {} "
            "INCREMENT BY {} MINVALUE {} MAXVALUE {} CACHE {} {})"
        ).format(
            sql.Identifier(plan.schema, plan.table),
            column,
            sql.SQL("ALWAYS" if sequence.identity == "a" else "BY DEFAULT"),
            place,
            *(sql.Literal(number) for number in (sequence.start, sequence.step, sequence.least, sequence.most)),
            sql.Literal(sequence.cached),
            sql.SQL("CYCLE" if sequence.cycles else "NO CYCLE"),
        )
    )
    conn.execute("SELECT setval(%s::regclass, %s, %s)", (place.as_string(conn), at[0], at[1]))
    for grantee, privilege in rights:
        to = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
        conn.execute(sql.SQL("GRANT {} ON SEQUENCE {} TO {}").format(written(privilege), place, to))


def _sequence_rights(conn: Connection, sequence: Sequence) -> list[tuple[str | None, str]]:
    rows = conn.execute(
        """SELECT CASE WHEN g.grantee = 0 THEN NULL ELSE pg_get_userbyid(g.grantee)::text END, g.privilege_type
             FROM pg_class AS c, aclexplode(c.relacl) AS g
            WHERE c.oid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND g.grantee <> c.relowner""",
        (sequence.schema, sequence.name),
    ).fetchall()
    return [(grantee, privilege) for grantee, privilege in rows]


def _point_anew(conn: Connection, view: View) -> None:
    """A view knows its table and not the name: the same words mean the new one."""
    options = ""
    if view.options:
        options = f" WITH ({', '.join(view.options)})"
    head = sql.SQL("CREATE OR REPLACE VIEW {}{} AS ").format(sql.Identifier(view.schema, view.name), written(options))
    conn.execute(head + written(view.definition))


def _make_policy(conn: Connection, policy: Policy, new: sql.Identifier) -> None:
    roles = [sql.SQL("PUBLIC") if role == "public" else sql.Identifier(role) for role in policy.roles]
    statement = sql.SQL("CREATE POLICY {} ON {} AS {} FOR {} TO {}").format(
        sql.Identifier(policy.name),
        new,
        written(policy.permissive),
        written(policy.command),
        sql.SQL(", ").join(roles),
    )
    if policy.using_expression is not None:
        statement += sql.SQL(" USING ({})").format(written(policy.using_expression))
    if policy.check_expression is not None:
        statement += sql.SQL(" WITH CHECK ({})").format(written(policy.check_expression))
    conn.execute(statement)


def _make_ahead(ops: Connection, conn: Connection, plan: Conversion) -> list[str]:
    """The months from the cutoff on: nothing is written there yet."""
    table = newest(conn, plan.service, plan.schema, plan.table)
    assert table is not None, "it was just made"
    rule = rule_for(load_rules(ops), plan.service, plan.table)
    ahead = plan_table(table, rule, datetime.now(UTC)).ahead
    return [name for span in ahead if (name := make_partition(conn, table, span)) is not None]


def _take_deadline_back(conn: Connection, plan: Conversion, patience: Patience) -> None:
    """What stays of a try that failed would refuse rows later; what is killed here is cleaned up by `maintain`."""
    if conn.broken:
        return
    drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(
        sql.Identifier(plan.schema, plan.table), sql.Identifier(deadline_name(plan.table))
    )
    with suppress(psycopg.Error, GasolineraError):
        patiently(conn, f"cleaning up {plan.table}", lambda: conn.execute(drop), patience)


def _key_index(plan: Conversion, inventory: Inventory) -> str | None:
    """The index that was built for the new key; None where the old key has the column."""
    primary = inventory.primary
    return None if primary is None or primary.has_key else name_of_month(primary.name, plan.cutoff)


def _aside(plan: Conversion, inventory: Inventory, index: Index) -> str:
    """Where the new key's index has the month's name already, the old key's goes by another until it is dropped."""
    if index.is_primary and _key_index(plan, inventory) is not None:
        return f"{index.name.encode()[:59].decode(errors='ignore')}_old"
    return name_of_month(index.name, plan.cutoff)


def _new_name(table: str) -> str:
    return f"{table.encode()[:51].decode(errors='ignore')}_partitioned"


def _comment(conn: Connection, on: sql.Composed, comment: str | None) -> None:
    if comment is not None:
        conn.execute(sql.SQL("COMMENT ON {} IS {}").format(on, sql.Literal(comment)))
