"""Every rule, and the records of those that look at names and grammar."""

from vuelo.check import accepted, allows, constraints, lint, lint_squawk, structure, values
from vuelo.check.finding import Rule, Severity

SYNTAX = Rule(
    "syntax",
    Severity.ERROR,
    "PostgreSQL's own grammar refuses a statement, the body of a function, or a placeholder has no value.",
    "Look at the place that is shown: the mistake stands there or just before it.",
    "CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_id_check CHECK (id > ));",
    "CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_id_check CHECK (id > 0));",
)
UNKNOWN_SCHEMA = Rule(
    "unknown-schema",
    Severity.ERROR,
    "A statement names one of the service's schemas, and at that moment it does not exist.",
    "Create the schema in an earlier statement.",
    "DROP SCHEMA shop;\nCREATE TABLE shop.orders (id bigint);",
    "CREATE TABLE shop.orders (id bigint);",
)
UNKNOWN_TABLE = Rule(
    "unknown-table",
    Severity.ERROR,
    "A statement names a table, view or sequence that no earlier statement has made, or an alias that is not in FROM.",
    "Correct the name, or bring the statements into the order in which things are made.",
    "ALTER TABLE shop.outbox ADD COLUMN topic text;",
    "CREATE TABLE shop.outbox (id bigint);\nALTER TABLE shop.outbox ADD COLUMN topic text;",
)
UNKNOWN_COLUMN = Rule(
    "unknown-column",
    Severity.ERROR,
    "A statement, or the body of a function, names a column that the table does not have.",
    "Correct the name, or add the column first.",
    "CREATE TABLE shop.orders (id bigint);\nCREATE INDEX orders_number_idx ON shop.orders (number);",
    "CREATE TABLE shop.orders (id bigint, number text);\nCREATE INDEX orders_number_idx ON shop.orders (number);",
)
UNKNOWN_TYPE = Rule(
    "unknown-type",
    Severity.ERROR,
    "A statement names a type that neither PostgreSQL nor an earlier statement has made.",
    "Correct the name, or create the type first.",
    "CREATE TABLE shop.orders (id bigint, status shop.order_status);",
    "CREATE TYPE shop.order_status AS ENUM ('OPEN', 'DONE');\n"
    "CREATE TABLE shop.orders (id bigint, status shop.order_status);",
)
UNKNOWN_FUNCTION = Rule(
    "unknown-function",
    Severity.ERROR,
    "A statement calls or names a function that does not exist, or not with that many arguments.",
    "Correct the name or the arguments, or create the function first.",
    "CREATE VIEW shop.today AS SELECT shop.local_day(now()) AS day;",
    "CREATE FUNCTION shop.local_day(at timestamptz) RETURNS date LANGUAGE sql STABLE RETURN at::date;\n"
    "CREATE VIEW shop.today AS SELECT shop.local_day(now()) AS day;",
)
UNKNOWN_OBJECT = Rule(
    "unknown-object",
    Severity.ERROR,
    "A statement names an index, constraint, trigger or value of an enum that does not exist.",
    "Correct the name, or write IF EXISTS where it may be missing.",
    "CREATE TABLE shop.orders (id bigint);\nALTER TABLE shop.orders DROP CONSTRAINT orders_key;",
    "CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_key UNIQUE (id));\n"
    "ALTER TABLE shop.orders DROP CONSTRAINT orders_key;",
)
ALREADY_EXISTS = Rule(
    "already-exists",
    Severity.ERROR,
    "A statement makes something under a name that is taken.",
    "Choose another name, or change what exists.",
    "CREATE TABLE shop.orders (id bigint);\nCREATE TABLE shop.orders (id bigint, number text);",
    "CREATE TABLE shop.orders (id bigint);\nALTER TABLE shop.orders ADD COLUMN number text;",
)
LEAVES_SCHEMA = Rule(
    "leaves-schema",
    Severity.ERROR,
    "A service's SQL names another service's schema, or `public`: from then on neither can be changed alone.",
    "Keep a copy of what is needed in the own schema, or ask the other service through its interface.",
    "CREATE TABLE public.points (id bigint);",
    "CREATE TABLE shop.points (id bigint);",
)
DROPPED_WHILE_USED = Rule(
    "dropped-while-used",
    Severity.ERROR,
    "A DROP without CASCADE takes something that is needed, which PostgreSQL refuses: a table of a view or a foreign"
    " key, a key of a foreign key, a function of a trigger, a type of a column, domain or function, the sequence of a"
    " serial column. Not seen: columns and functions that views use, and DEFAULTs with `nextval` of another sequence.",
    "Drop first what needs it, or write CASCADE if that is meant.",
    "CREATE TABLE shop.orders (id bigint);\nCREATE VIEW shop.open AS SELECT id FROM shop.orders;\n"
    "DROP TABLE shop.orders;",
    "CREATE TABLE shop.orders (id bigint);\nCREATE VIEW shop.open AS SELECT id FROM shop.orders;\n"
    "DROP VIEW shop.open;\nDROP TABLE shop.orders;",
)
CONFLICT_TARGET = Rule(
    "conflict-target",
    Severity.ERROR,
    "ON CONFLICT names columns that no unique key has exactly; PostgreSQL refuses the INSERT.",
    "Name the columns of a unique constraint or index, or add one.",
    "CREATE TABLE shop.orders (id bigint, number text);\n"
    "INSERT INTO shop.orders (id, number) VALUES (1, 'A') ON CONFLICT (number) DO NOTHING;",
    "CREATE TABLE shop.orders (id bigint, number text, CONSTRAINT orders_number_key UNIQUE (number));\n"
    "INSERT INTO shop.orders (id, number) VALUES (1, 'A') ON CONFLICT (number) DO NOTHING;",
)
VALUE_COUNT = Rule(
    "value-count",
    Severity.ERROR,
    "An INSERT gives another number of values than it names columns.",
    "Give each column one value.",
    "CREATE TABLE shop.orders (id bigint, number text);\nINSERT INTO shop.orders (id, number) VALUES (1);",
    "CREATE TABLE shop.orders (id bigint, number text);\nINSERT INTO shop.orders (id, number) VALUES (1, 'A');",
)
NAMES = (
    SYNTAX, UNKNOWN_SCHEMA, UNKNOWN_TABLE, UNKNOWN_COLUMN, UNKNOWN_TYPE, UNKNOWN_FUNCTION, UNKNOWN_OBJECT,
    ALREADY_EXISTS, LEAVES_SCHEMA, DROPPED_WHILE_USED, CONFLICT_TARGET, VALUE_COUNT,
)  # fmt: skip
TOPICS: tuple[tuple[str, tuple[Rule, ...]], ...] = (
    ("Grammar and names", NAMES),
    ("Constraints", constraints.RULES),
    ("Values", values.RULES),
    ("Files", structure.RULES),
    ("Locks and changes under load", lint.RULES),
    ("What squawk finds", lint_squawk.RULES),
    ("Silence", (*allows.RULES, *accepted.RULES)),
)
ALL: tuple[Rule, ...] = tuple(rule for _, topic in TOPICS for rule in topic)
