"""What a schema has too much of: how it would go, and what may only have another name. Pure."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from vuelo.schema.definitions import Definition

_LOSES_DATA = ("table", "column", "sequence")
_NOT_DROPPED = ("identity", "ownership", "future", "schema")


def drops(surplus: Sequence[Definition], have: Mapping[str, Definition]) -> tuple[list[str], list[str]]:
    """Statements, and as remarks what loses data or has to wait for that; what needs others goes before them."""
    users = _users({one.object: one for one in surplus}, have)
    done: list[str] = []
    remarks: list[str] = []
    waiting: set[str] = set()
    try:
        names = list(TopologicalSorter(users).static_order())
    except CycleError:  # tables that refer to each other
        names = list(users)
    for name in names:
        one = have[name]
        owned = one.kind == "sequence" and f"{name} owner" in have  # it goes with its column
        statement = "" if owned else _dropped(one)
        if one.kind in _LOSES_DATA or users[name] & waiting:
            waiting.add(name)
            remarks += [f"-- loses data: {statement}"] if statement else []
        elif statement:
            done.append(statement)
    return done, remarks


def _users(surplus: Mapping[str, Definition], have: Mapping[str, Definition]) -> dict[str, set[str]]:
    """By the name of each thing that is too much: those too much that need it, or a part of it."""

    def unit(name: str) -> str | None:
        if name in surplus:
            return name
        holder = have[name].part_of if name in have else None
        return holder if holder in surplus else None

    users: dict[str, set[str]] = {name: set() for name in sorted(surplus)}
    for one in have.values():
        user = unit(one.object)
        needs = set(one.needs)
        if one.kind == "column" and one.part_of is not None and one.part_of in have:
            needs |= have[one.part_of].needs  # the table is what needs its columns' types
        for needed in filter(None, map(unit, needs)):
            if user is not None and needed != user:
                users[needed].add(user)
    return users


def _dropped(one: Definition) -> str:
    if one.kind in _NOT_DROPPED or not (one.text or one.kind in ("table", "foreign table", "type")):
        return ""
    if one.kind == "column":
        return f"ALTER TABLE {one.table} DROP COLUMN {own_name(one)};"
    if one.kind in ("constraint", "late constraint", "foreign key"):
        return f"ALTER TABLE {one.table} DROP CONSTRAINT {own_name(one)};"
    return f"DROP {one.target};"


def own_name(one: Definition) -> str:
    return one.object.split(" ", 1)[1].removeprefix(f"{one.table}.")


def renames(
    surplus: Sequence[Definition],
    lacking: Sequence[Definition],
    have: Mapping[str, Definition],
    want: Mapping[str, Definition],
) -> list[str]:
    """Remarks, where what is too much looks like what is missing: a table with its columns, a column with its type."""
    lines: list[str] = []
    for old in lacking:
        for new in surplus:
            if old.kind not in ("table", "column") or (old.kind, old.part_of) != (new.kind, new.part_of):
                continue
            if old.kind == "column" and _shape(old) == _shape(new):
                change = f"ALTER TABLE {old.table} RENAME COLUMN {own_name(new)} TO {own_name(old)};"
            elif old.kind == "table" and (columns := _columns(old, want)) and columns == _columns(new, have):
                change = f"ALTER TABLE {new.name} RENAME TO {old.name.rpartition('.')[2]};"
            else:
                continue
            lines.append(f"-- if it was renamed, instead of making it again: {change}")
    return lines


def _columns(table: Definition, side: Mapping[str, Definition]) -> list[tuple[str, str]]:
    return sorted(
        (own_name(one), _shape(one)) for one in side.values() if one.kind == "column" and one.part_of == table.object
    )


def _shape(column: Definition) -> str:
    return column.line(with_default=False).removeprefix(own_name(column))
