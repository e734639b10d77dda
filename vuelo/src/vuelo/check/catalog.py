"""What exists while the files are applied one after the other, known from their statements alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from postgast import pg_query_pb2 as pb

Name = tuple[str, str]  # schema, name


@dataclass(frozen=True)
class Column:
    """`type` is canonical: "integer", "character varying", "shop.size", with "[]" for an array, without a length."""

    name: str
    type: str
    not_null: bool = False
    has_default: bool = False  # identity and generated columns have one too
    is_generated: bool = False  # always, as an identity or by an expression: nothing can be inserted
    is_serial: bool = False  # numbers itself, unless an INSERT gives a number
    length: int | None = None  # of varchar(n) and char(n)
    modifiers: tuple[int, ...] = ()  # what stands in parentheses behind the type: (10, 2) of numeric(10, 2)


@dataclass(frozen=True)
class Constraint:
    """`kind`: "primary key", "unique", "foreign key", "check", "exclusion", "not null"."""

    name: str  # as PostgreSQL makes it where the file gives none
    kind: str
    columns: tuple[str, ...]
    is_named: bool = True
    references: Name | None = None
    referenced_columns: tuple[str, ...] = ()
    expression: pb.Node | None = None
    not_valid: bool = False


@dataclass(frozen=True)
class Index:
    """`columns` are the plain ones, in order, up to the first expression."""

    name: Name
    table: Name
    columns: tuple[str, ...]
    unique: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Trigger:
    """What it calls, and the transition tables that the function can read."""

    function: Name
    transitions: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()  # "insert", "update": when it may still change the row


@dataclass(frozen=True)
class Table:
    """A relation with columns. `kind`: "table", "partitioned", "view", "materialized view", "foreign", "type".

    `is_open` says that it may have further columns, which could not be known. `made_in` is a file's name.
    """

    name: Name
    kind: str
    columns: Mapping[str, Column]
    constraints: tuple[Constraint, ...] = ()
    partition_of: Name | None = None
    partition_key: tuple[str, ...] = ()
    is_open: bool = False
    made_in: str = ""
    has_comment: bool = False
    triggers: Mapping[str, Trigger] = field(default_factory=dict[str, Trigger])
    uses: frozenset[Name] = frozenset()  # relations that a view's query names


@dataclass(frozen=True)
class Type:
    """`kind`: "enum", "domain", "composite", "range", "base"; `labels` are an enum's, `base` is a domain's."""

    name: Name
    kind: str
    labels: tuple[str, ...] = ()
    base: str | None = None


@dataclass(frozen=True)
class Function:
    """One of those with its name. `arguments` are the canonical types of the input arguments."""

    name: Name
    arguments: tuple[str, ...]
    defaults: int = 0
    variadic: bool = False
    returns: str | None = None
    kind: str = "function"  # "procedure", "aggregate"
    columns: tuple[str, ...] | None = None  # what a call in FROM gives, where that is known
    executes: bool = False  # runs SQL that it makes itself, so that it may make anything
    touches: frozenset[str] | None = frozenset()  # fields of NEW that a trigger function names; None: it may be all
    made_in: str = ""
    is_volatile: bool = True  # as it is unless declared STABLE or IMMUTABLE


@dataclass
class Catalog:
    """Changed by `apply` (see `changes.py`) statement by statement; its records are frozen, so that a copy is cheap."""

    search_path: tuple[str, ...]
    own_schemas: frozenset[str]  # that the service may name
    schemas: set[str] = field(default_factory=set[str])
    tables: dict[Name, Table] = field(default_factory=dict[Name, Table])
    indexes: dict[Name, Index] = field(default_factory=dict[Name, Index])
    sequences: set[Name] = field(default_factory=set[Name])
    types: dict[Name, Type] = field(default_factory=dict[Name, Type])
    functions: dict[Name, tuple[Function, ...]] = field(default_factory=dict[Name, tuple[Function, ...]])
    made_from: set[str] = field(default_factory=set[str])  # texts given to functions that make tables by dynamic SQL
    doubtful: set[str] = field(default_factory=set[str])  # words of what could not be read: they may name anything
    has_extensions: bool = False  # which bring functions, types and operators that no file names

    def copy(self) -> "Catalog":
        return replace(
            self,
            schemas=set(self.schemas),
            tables=dict(self.tables),
            indexes=dict(self.indexes),
            sequences=set(self.sequences),
            types=dict(self.types),
            functions=dict(self.functions),
            made_from=set(self.made_from),
            doubtful=set(self.doubtful),
        )

    def qualified(self, relation: pb.RangeVar) -> Name:
        """The name that a statement means: without a schema, the first of the search path that has it."""
        return self.find(relation.schemaname, relation.relname)

    def find(self, schema: str, name: str) -> Name:
        if schema:
            return schema, name
        for one in ("pg_temp", *self.search_path):
            if (one, name) in self.tables or (one, name) in self.sequences or (one, name) in self.indexes:
                return one, name
        return self.search_path[0], name

    def table(self, relation: pb.RangeVar) -> Table | None:
        """What exists under that name; None also for what is PostgreSQL's own."""
        return self.tables.get(self.qualified(relation))

    def indexes_of(self, table: Name) -> list[Index]:
        """Made by CREATE INDEX; those of primary keys and unique constraints are constraints of the table."""
        return [index for index in self.indexes.values() if index.table == table]
