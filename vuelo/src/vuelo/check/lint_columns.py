"""Columns that are added or changed: what rewrites or reads a whole table, and what old programs do not fill."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Column, Table
from vuelo.check.changes import find_function
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, definition, shown
from vuelo.check.names import SERIALS, builtins, modifiers_of, parts, type_name, type_of
from vuelo.check.tree import walk

_ORDERS = """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY, note varchar(50), total numeric(10, 2));
-- file: V2__Change_orders.sql
"""
REQUIRED = Rule(
    "adding-required-field",
    Severity.ERROR,
    "A new column that is NOT NULL and has no default fails where the table has rows, and breaks programs that insert "
    "without it.",
    "Give it a constant default, or add it nullable, fill it in batches and require it in a later release.",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN currency text NOT NULL;",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN currency text NOT NULL DEFAULT 'MXN';",
)
VOLATILE = Rule(
    "adding-field-with-default",
    Severity.ERROR,
    "A volatile default has a value of its own for every row: the table is written anew under a lock that keeps out "
    "reads and writes.",
    "Add the column without a default, SET DEFAULT in the next statement, and fill the old rows in batches.",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN public_id uuid DEFAULT gen_random_uuid();",
    _ORDERS
    + """ALTER TABLE shop.orders ADD COLUMN public_id uuid;
ALTER TABLE shop.orders ALTER COLUMN public_id SET DEFAULT gen_random_uuid();""",
)
GENERATED = Rule(
    "adding-stored-generated-column",
    Severity.ERROR,
    "A stored generated column is computed for every row: the table is written anew under a lock that keeps out reads "
    "and writes.",
    "Add a plain column kept by a trigger and fill it in batches; from PostgreSQL 18 a VIRTUAL column costs nothing.",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN tax numeric GENERATED ALWAYS AS (total * 0.16) STORED;",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN tax numeric;",
)
SERIAL = Rule(
    "adding-serial-field",
    Severity.ERROR,
    "A new serial or identity column numbers every row: the table is written anew under a lock that keeps out reads "
    "and writes.",
    "Add a plain bigint column, give it its sequence as default in the next statement, and number old rows in batches.",
    _ORDERS + "ALTER TABLE shop.orders ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;",
    _ORDERS
    + """ALTER TABLE shop.orders ADD COLUMN number bigint;
CREATE SEQUENCE shop.orders_number_seq OWNED BY shop.orders.number;
ALTER TABLE shop.orders ALTER COLUMN number SET DEFAULT nextval('shop.orders_number_seq');""",
)
DOMAIN = Rule(
    "adding-domain-field",
    Severity.WARNING,
    "A new column of a domain with constraints makes PostgreSQL write the whole table anew, with or without a default.",
    "Use the domain's base type and a CHECK … NOT VALID, validated in a later migration.",
    """-- file: V1__Create_orders.sql
CREATE DOMAIN shop.percent AS numeric CONSTRAINT percent_check CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Add_discount.sql
ALTER TABLE shop.orders ADD COLUMN discount shop.percent;""",
    """-- file: V1__Create_orders.sql
CREATE TABLE shop.orders (id bigint PRIMARY KEY);
-- file: V2__Add_discount.sql
ALTER TABLE shop.orders
    ADD COLUMN discount numeric,
    ADD CONSTRAINT orders_discount_check CHECK (discount BETWEEN 0 AND 100) NOT VALID;""",
)
TYPE = Rule(
    "changing-column-type",
    Severity.ERROR,
    "Another type writes the whole table and its indexes anew under a lock that keeps out reads and writes, and "
    "programs of the old release read and write the old type.",
    "Add a column of the new type, keep both equal by a trigger, fill it in batches, and drop the old one in a "
    "contract migration. Longer varchar, text for varchar, and numeric with more digits and the same scale are free.",
    _ORDERS + "ALTER TABLE shop.orders ALTER COLUMN id TYPE numeric;",
    _ORDERS
    + """ALTER TABLE shop.orders
    ALTER COLUMN note TYPE text,
    ALTER COLUMN total TYPE numeric(12, 2);""",
)
RULES = (REQUIRED, VOLATILE, GENERATED, SERIAL, DOMAIN, TYPE)

# Functions of PostgreSQL that give another value for each row. One that nobody has seen being made counts too.
VOLATILE_FUNCTIONS = frozenset(
    {"array_sample", "array_shuffle", "clock_timestamp", "currval", "gen_random_uuid", "lastval", "nextval", "random"}
    | {"random_normal", "set_config", "setval", "timeofday", "uuidv4", "uuidv7"}
)
_TEXTS = {"character varying", "text"}
_ZONED = {"timestamp with time zone", "timestamp without time zone"}
_GROWING = {"numeric", "bit varying", "time with time zone", "time without time zone", *_TEXTS, *_ZONED}


def _alter(scene: Scene) -> Iterator[Finding]:
    alter = scene.statement.node.alter_table_stmt
    if alter.objtype != pb.OBJECT_TABLE or not scene.stands(alter.relation):
        return
    table = scene.table(alter.relation)
    for command in commands(alter):
        if command.subtype == pb.AT_AddColumn:
            yield from _added(scene, definition(command).column_def, shown(alter.relation))
        elif command.subtype == pb.AT_AlterColumnType:
            yield from _retyped(scene, command, table, shown(alter.relation))


def _added(scene: Scene, column: pb.ColumnDef, table: str) -> Iterator[Finding]:
    constraints = {node.constraint.contype: node.constraint for node in column.constraints}
    default = constraints.get(pb.CONSTR_DEFAULT)
    generated = constraints.get(pb.CONSTR_GENERATED)
    name, at = column.colname, column.location
    schema, word = parts(column.type_name.names)
    if pb.CONSTR_IDENTITY in constraints or (not schema and word in SERIALS):
        yield scene.found(SERIAL, f"adding the numbered column {name} writes {table} anew", at=at)
    elif generated is not None:
        if generated.generated_kind != "v":
            yield scene.found(GENERATED, f"adding the stored generated column {name} writes {table} anew", at=at)
    elif default is not None:
        if function := volatile_function(scene.before, default.raw_expr):
            message = f"the default of {name} calls {function}, so adding it writes {table} anew"
            yield scene.found(VOLATILE, message, at=at)
    elif pb.CONSTR_NOTNULL in constraints or pb.CONSTR_PRIMARY in constraints:
        message = f"{name} is NOT NULL without a default: rows that {table} has, and programs that do not know it, fail"
        yield scene.found(REQUIRED, message, at=at)
    domain = scene.before.types.get(type_name(scene.before, column.type_name))
    if domain is not None and domain.kind == "domain":
        message = f"{name} is of the domain {domain.name[1]}: with a constraint in it, {table} is written anew"
        yield scene.found(DOMAIN, message, at=at)


def volatile_function(catalog: Catalog, expression: pb.Node) -> str | None:
    """The first function in an expression that must be taken for volatile."""
    for node in walk(expression):
        if isinstance(node, pb.FuncCall):
            schema, name = parts(node.funcname)
            own = catalog.functions.get(find_function(catalog, schema, name))
            if own:
                is_volatile = any(one.is_volatile for one in own)
            else:
                is_builtin = schema in ("", "pg_catalog") and name in builtins("function")
                is_volatile = not is_builtin or name in VOLATILE_FUNCTIONS
            if is_volatile:
                return f"{name}()"
    return None


def _retyped(scene: Scene, command: pb.AlterTableCmd, table: Table | None, shown_table: str) -> Iterator[Finding]:
    change = definition(command).column_def
    old = table.columns.get(command.name) if table else None
    new = type_of(scene.before, change.type_name)
    modifiers = modifiers_of(change.type_name)
    if change.HasField("raw_default") and not _is_plain(change.raw_default, command.name):
        reason = "its USING expression is computed for every row"
    elif change.HasField("coll_clause"):
        reason = "another collation builds its indexes anew"
    elif old is not None and keeps_bytes(old, new, modifiers):
        return
    elif old is not None and {old.type, new} == _ZONED and old.modifiers == modifiers:
        if _is_utc(scene):
            return
        reason = "unless the session's time zone is UTC, every row is written anew"
    else:
        reason = (
            f"from {_written(old.type, old.modifiers)} every row is written anew" if old else "every row may change"
        )
    message = f"{shown_table}.{command.name} becomes {_written(new, modifiers)}: {reason}"
    yield scene.found(TYPE, message, at=change.location)


def keeps_bytes(old: Column, new: str, modifiers: tuple[int, ...]) -> bool:
    """Whether PostgreSQL leaves the rows as they are when a column gets a type: those of the same form, or wider."""
    if (old.type, new) == ("cidr", "inet"):
        return True
    if old.type != new and not {old.type, new} <= _TEXTS:
        return False
    if old.modifiers == modifiers:
        return True
    if new not in _GROWING or (modifiers and not old.modifiers):
        return False
    same_scale = (*old.modifiers, 0)[1:2] == (*modifiers, 0)[1:2]  # numeric(10) has the scale 0
    return not modifiers or (modifiers[0] >= old.modifiers[0] and (new != "numeric" or same_scale))


def _is_plain(expression: pb.Node, column: str) -> bool:
    """USING column or USING column::type: what PostgreSQL would do anyway."""
    inner = expression.type_cast.arg if expression.HasField("type_cast") else expression
    fields = inner.column_ref.fields
    return len(fields) == 1 and fields[0].string.sval == column


def _is_utc(scene: Scene) -> bool:
    """Whether a statement above has set the session's time zone to UTC."""
    for other in scene.file.statements:
        if other is scene.statement:
            break
        variable = other.node.variable_set_stmt
        if variable.name.lower() == "timezone" and len(variable.args) == 1:
            return variable.args[0].a_const.sval.sval.upper() in ("UTC", "ETC/UTC", "GMT")
    return False


def _written(type_word: str, modifiers: tuple[int, ...]) -> str:
    return f"{type_word}({', '.join(map(str, modifiers))})" if modifiers else type_word


CHECKS: Checks = {"alter_table_stmt": (_alter,)}
