"""Columns and constraints as a definition gives them to a table."""

from dataclasses import replace
from itertools import chain, count

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Column, Constraint, Table
from vuelo.check.names import SERIALS, length_of, modifiers_of, parts, texts, type_of
from vuelo.check.tree import walk

_KINDS = {
    pb.CONSTR_PRIMARY: "primary key",
    pb.CONSTR_UNIQUE: "unique",
    pb.CONSTR_FOREIGN: "foreign key",
    pb.CONSTR_CHECK: "check",
    pb.CONSTR_EXCLUSION: "exclusion",
    pb.CONSTR_NOTNULL: "not null",
}
_SUFFIXES = {"primary key": "pkey", "unique": "key", "foreign key": "fkey", "check": "check", "exclusion": "excl"}


def column_of(catalog: Catalog, table: Table, made: pb.ColumnDef) -> Table:
    """The table with the column, and with the constraints that stand behind it."""
    written = [one.constraint for one in made.constraints]
    kinds = {one.contype for one in written}
    is_serial = parts(made.type_name.names)[1] in SERIALS
    generated = [one for one in written if one.contype in (pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED)]
    column = Column(
        made.colname,
        type_of(catalog, made.type_name),
        bool({pb.CONSTR_NOTNULL, pb.CONSTR_PRIMARY, pb.CONSTR_IDENTITY} & kinds) or is_serial,
        bool(generated) or pb.CONSTR_DEFAULT in kinds or is_serial,
        any(one.generated_when == "a" for one in generated),
        is_serial or any(one.generated_when == "d" for one in generated),
        length_of(made.type_name),
        modifiers_of(made.type_name),
    )
    table = replace(table, columns={**table.columns, made.colname: column})
    for one in written:
        if one.contype in _KINDS and one.contype != pb.CONSTR_NOTNULL:
            table = with_constraint(table, constraint_of(catalog, table, one, made.colname))
    return table


def constraint_of(catalog: Catalog, table: Table, made: pb.Constraint, column: str | None = None) -> Constraint:
    """As it stands in a table's definition, or behind `column`; a missing name is made as PostgreSQL makes it."""
    kind = _KINDS.get(made.contype, "")
    columns = texts(made.fk_attrs) if kind == "foreign key" else texts(made.keys)
    if kind == "exclusion":
        columns = [pair.list.items[0].index_elem.name for pair in made.exclusions]
    elif kind == "check":
        columns = sorted(columns_in(made.raw_expr) & table.columns.keys())
    if column and kind != "check":
        columns = [column]
    shown = [column] if column else columns if kind != "check" or len(columns) == 1 else []
    target = catalog.qualified(made.pktable) if kind == "foreign key" else None
    referenced = texts(made.pk_attrs)
    if target is not None and not referenced:
        other = table if target == table.name else catalog.tables.get(target)
        keys = [one.columns for one in (other.constraints if other else ()) if one.kind == "primary key"]
        referenced = list(keys[0]) if keys else []
    return Constraint(
        made.conname or _free_name(table, [] if kind == "primary key" else shown, _SUFFIXES.get(kind, "not_null")),
        kind,
        tuple(columns),
        bool(made.conname),
        target,
        tuple(referenced),
        made.raw_expr if kind == "check" else None,
        made.skip_validation,
    )


def _free_name(table: Table, columns: list[str], suffix: str) -> str:
    taken = {one.name for one in table.constraints}
    base = "_".join([table.name[1], *columns, suffix])
    return next(name for name in chain([base], (f"{base}{n}" for n in count(1))) if name not in taken)


def with_constraint(table: Table, constraint: Constraint) -> Table:
    columns = dict(table.columns)
    if constraint.kind in ("primary key", "not null"):
        for name in constraint.columns:
            if name in columns:
                columns[name] = replace(columns[name], not_null=True)
        if constraint.kind == "not null" and not constraint.is_named:
            return replace(table, columns=columns)
    return replace(table, columns=columns, constraints=(*table.constraints, constraint))


def columns_in(expression: pb.Node) -> set[str]:
    """Names that an expression over one table's row takes for columns."""
    return {
        one.fields[-1].string.sval
        for one in walk(expression)
        if isinstance(one, pb.ColumnRef) and one.fields[-1].HasField("string")
    }
