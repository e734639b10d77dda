"""What programs of the old release still use: changes that belong into a migration with `-- vuelo: phase=contract`."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Name
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, shown
from vuelo.check.names import parts, texts, type_name
from vuelo.naming import Kind
from vuelo.settings import Phase

_START = """-- file: V1__Create_orders.sql
CREATE TYPE shop.state AS ENUM ('open', 'closed');
CREATE TYPE shop.point AS (x int, y int);
CREATE SEQUENCE shop.numbers;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, note text, state text NOT NULL DEFAULT 'open');
CREATE VIEW shop.open_orders AS SELECT id, note FROM shop.orders;
CREATE FUNCTION shop.answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
-- file: V2__Change.sql
"""
_CONTRACT = _START + "-- vuelo: phase=contract\n"
_LATER = "Put it into a migration with the header `-- vuelo: phase=contract`, run once no old program is left."


def _rule(code: str, problem: str, statement: str, fix: str = _LATER) -> Rule:
    return Rule(code, Severity.ERROR, problem, fix, _START + statement, _CONTRACT + statement)


DROP_COLUMN = _rule(
    "ban-drop-column",
    "Programs of the old release name the column, and fail.",
    "ALTER TABLE shop.orders DROP COLUMN note CASCADE;",
)
DROP_TABLE = _rule(
    "ban-drop-table",
    "Programs of the old release read and write the table, and fail.",
    "DROP TABLE shop.orders CASCADE;",
)
DROP_VIEW = _rule(
    "ban-drop-view", "Programs of the old release read the view, and fail.", "DROP VIEW shop.open_orders;"
)
DROP_FUNCTION = _rule(
    "ban-drop-function", "Programs of the old release call the function, and fail.", "DROP FUNCTION shop.answer();"
)
DROP_TYPE = _rule("ban-drop-type", "Programs of the old release name the type, and fail.", "DROP TYPE shop.point;")
DROP_SEQUENCE = _rule(
    "ban-drop-sequence", "Programs of the old release take numbers from it, and fail.", "DROP SEQUENCE shop.numbers;"
)
DROP_SCHEMA = _rule(
    "ban-drop-schema", "Programs of the old release use what is in it, and fail.", "DROP SCHEMA shop CASCADE;"
)
RENAME_COLUMN = _rule(
    "renaming-column",
    "Programs of the old release know the column by its old name, and fail.",
    "ALTER TABLE shop.orders RENAME COLUMN state TO status;",
    "Add the new column, keep both equal by a trigger, fill it in batches; drop the old one in a contract migration.",
)
RENAME_TABLE = _rule(
    "renaming-table",
    "Programs of the old release know the table by its old name, and fail.",
    "ALTER TABLE shop.orders RENAME TO purchases;",
    "Make a view with the old name in the same migration, and drop it in a contract migration.",
)
RENAME_OBJECT = _rule(
    "renaming-object",
    "Programs of the old release know it by its old name, and fail.",
    "ALTER TYPE shop.state RENAME VALUE 'closed' TO 'done';",
    "Make the new one beside the old one, and take the old one away in a contract migration.",
)
SET_SCHEMA = _rule(
    "ban-set-schema",
    "Programs of the old release know it by its old schema, and fail.",
    "ALTER FUNCTION shop.answer() SET SCHEMA public;",
)
DROP_DEFAULT = _rule(
    "dropping-default",
    "Programs of the old release insert without the column, which is NOT NULL, and fail.",
    "ALTER TABLE shop.orders ALTER COLUMN state DROP DEFAULT;",
)
RULES = (
    *(DROP_COLUMN, DROP_TABLE, DROP_VIEW, DROP_FUNCTION, DROP_TYPE, DROP_SEQUENCE, DROP_SCHEMA),
    *(RENAME_COLUMN, RENAME_TABLE, RENAME_OBJECT, SET_SCHEMA, DROP_DEFAULT),
)

_DROPPED_RELATIONS = {
    pb.OBJECT_TABLE: DROP_TABLE,
    pb.OBJECT_FOREIGN_TABLE: DROP_TABLE,
    pb.OBJECT_VIEW: DROP_VIEW,
    pb.OBJECT_MATVIEW: DROP_VIEW,
}
_ROUTINES = (pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_AGGREGATE)
_TYPES = (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN)


def _may_break(scene: Scene) -> bool:
    """A contract migration is there to break, an undo to take back; a baseline meets an empty database."""
    script = scene.file.script
    return script.phase is Phase.EXPAND and script.kind in (Kind.VERSIONED, Kind.REPEATABLE)


def _drop(scene: Scene) -> Iterator[Finding]:
    if not _may_break(scene):
        return
    drop = scene.statement.node.drop_stmt
    kind = drop.remove_type
    for node in drop.objects:
        rule = None
        if kind in _ROUTINES:
            name = _routine(scene, node.object_with_args)
            rule = DROP_FUNCTION if name in scene.existing.functions else None
        elif kind in _TYPES:
            name = type_name(scene.before, node.type_name)
            rule = DROP_TYPE if name in scene.existing.types or name in scene.existing.tables else None
        elif kind == pb.OBJECT_SCHEMA:
            name = ("", node.string.sval)
            rule = DROP_SCHEMA if name[1] in scene.existing.schemas or _has_objects(scene, name[1]) else None
        else:
            name = scene.before.find(*parts(node.list.items))
            if kind == pb.OBJECT_SEQUENCE and name in scene.existing.sequences:
                rule = DROP_SEQUENCE
            elif name in scene.existing.tables:
                rule = _DROPPED_RELATIONS.get(kind)
        if rule is not None and not _is_made_again(scene, name):
            yield scene.found(rule, f"{name[1]} is dropped while programs of the old release may use it")


def _has_objects(scene: Scene, schema: str) -> bool:
    return any(name[0] == schema for name in scene.existing.tables)


def _routine(scene: Scene, named: pb.ObjectWithArgs) -> Name:
    schema, name = parts(named.objname)
    return _in_path(scene, schema, name)


def _in_path(scene: Scene, schema: str, name: str) -> Name:
    path = (schema,) if schema else scene.before.search_path
    return next(((one, name) for one in path if (one, name) in scene.existing.functions), (path[0], name))


def _is_made_again(scene: Scene, name: Name) -> bool:
    """Whether a statement below makes something of that name: nobody sees the moment between."""
    is_below = False
    for other in scene.file.statements:
        if is_below and _made(other.node) in (name, ("", name[1])):
            return True
        is_below = is_below or other is scene.statement
    return False


def _made(node: pb.Node) -> Name | None:
    """Name of the relation, type or function that a statement makes."""
    kind = node.WhichOneof("node")
    if kind == "create_function_stmt":
        return parts(node.create_function_stmt.funcname)
    if kind == "create_enum_stmt":
        return parts(node.create_enum_stmt.type_name)
    if kind == "create_domain_stmt":
        return parts(node.create_domain_stmt.domainname)
    relations = {
        "view_stmt": node.view_stmt.view,
        "create_stmt": node.create_stmt.relation,
        "create_table_as_stmt": node.create_table_as_stmt.into.rel,
        "composite_type_stmt": node.composite_type_stmt.typevar,
        "create_seq_stmt": node.create_seq_stmt.sequence,
    }
    relation = relations.get(kind or "")
    return (relation.schemaname, relation.relname) if relation else None


def _alter(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_table_stmt
    table = scene.existing.tables.get(scene.before.qualified(alter.relation))
    if table is None or not _may_break(scene):
        return
    for command in commands(alter):
        column = table.columns.get(command.name)
        place = f"{shown(alter.relation)}.{command.name}"
        if column is None:
            continue
        loses_default = command.subtype == pb.AT_ColumnDefault and not command.HasField("def") and column.has_default
        if command.subtype == pb.AT_DropColumn:
            yield scene.found(DROP_COLUMN, f"{place} is dropped while programs of the old release may name it")
        elif loses_default and column.not_null:
            message = f"{place} is NOT NULL and loses its default: programs that insert without it fail"
            yield scene.found(DROP_DEFAULT, message)


def _rename(scene: Scene) -> Iterator[Finding]:
    rename = scene.statement.node.rename_stmt
    if not _may_break(scene):
        return
    name = scene.before.qualified(rename.relation)
    to = f"is renamed to {rename.newname} while programs of the old release may use it"
    if rename.rename_type == pb.OBJECT_COLUMN:
        if name in scene.existing.tables:
            yield scene.found(RENAME_COLUMN, f"{shown(rename.relation)}.{rename.subname} {to}")
    elif rename.rename_type in _DROPPED_RELATIONS:
        if name in scene.existing.tables and not _is_made_again(scene, name):
            yield scene.found(RENAME_TABLE, f"{shown(rename.relation)} {to}")
    elif rename.rename_type in _ROUTINES:
        name = _routine(scene, rename.object.object_with_args)
        if name in scene.existing.functions and not _is_made_again(scene, name):
            yield scene.found(RENAME_OBJECT, f"{name[1]} {to}")
    elif rename.rename_type in _TYPES:
        name = type_name(scene.before, pb.TypeName(names=rename.object.list.items))
        if name in scene.existing.types:
            yield scene.found(RENAME_OBJECT, f"{name[1]} {to}")
    elif rename.rename_type == pb.OBJECT_SCHEMA and _has_objects(scene, rename.subname):
        yield scene.found(RENAME_OBJECT, f"{rename.subname} {to}")


def _rename_label(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_enum_stmt
    name = type_name(scene.before, pb.TypeName(names=alter.type_name))
    if alter.old_val and _may_break(scene) and name in scene.existing.types:
        message = f"the value {alter.old_val!r} of {'.'.join(texts(alter.type_name))} is renamed: old programs know it"
        yield scene.found(RENAME_OBJECT, message)


def _move(scene: Scene) -> Iterator[Finding]:
    move = scene.statement.node.alter_object_schema_stmt
    if not _may_break(scene):
        return
    if move.HasField("relation"):
        name = scene.before.qualified(move.relation)
        stands = name in scene.existing.tables
    elif move.object_type in _ROUTINES:
        name = _routine(scene, move.object.object_with_args)
        stands = name in scene.existing.functions
    else:
        name = type_name(scene.before, pb.TypeName(names=move.object.list.items))
        stands = name in scene.existing.types
    if stands:
        yield scene.found(SET_SCHEMA, f"{name[1]} moves to the schema {move.newschema}: old programs look for it here")


CHECKS: Checks = {
    "drop_stmt": (_drop,),
    "alter_table_stmt": (_alter,),
    "rename_stmt": (_rename,),
    "alter_enum_stmt": (_rename_label,),
    "alter_object_schema_stmt": (_move,),
}
