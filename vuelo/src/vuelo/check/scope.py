"""What names can mean at one place of a query, and the names that a query gives to its columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Name
from vuelo.check.names import parts, texts
from vuelo.check.tree import inner

Columns = tuple[str, ...] | None  # None: not known
_NAMES_OF_KINDS = {
    "CoalesceExpr": "coalesce",
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "NullTest": "?column?",
    "A_Const": "?column?",
    "A_Expr": "?column?",
    "BoolExpr": "?column?",
    "BooleanTest": "?column?",
    "ParamRef": "?column?",
}


@dataclass(frozen=True)
class Item:
    """One thing in FROM: its alias and columns; `table` is its name in the catalog where it is a relation.

    `merged` are columns that a star leaves out, since USING has made them one with another's.
    """

    alias: str
    columns: Columns
    table: Name | None = None
    merged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What names can mean at one place. `variables` are PL/pgSQL's and parameters, with the fields of rows."""

    items: tuple[Item, ...] = ()
    outer: "Scope | None" = None
    ctes: Mapping[str, Columns] = field(default_factory=dict[str, Columns])
    variables: Mapping[str, Columns] = field(default_factory=dict[str, Columns])

    def with_items(self, items: Iterable[Item]) -> "Scope":
        return replace(self, items=(*self.items, *items))

    def inside(self) -> "Scope":
        return Scope(outer=self, ctes=self.ctes, variables=self.variables)

    def levels(self) -> Iterable["Scope"]:
        level: Scope | None = self
        while level is not None:
            yield level
            level = level.outer


def name_of(value: Message) -> str | None:  # noqa: PLR0911 - one return a case reads best
    """The name that PostgreSQL gives to a column without one; None where that is not known here."""
    if isinstance(value, pb.ColumnRef):
        return value.fields[-1].string.sval
    if isinstance(value, pb.FuncCall):
        return parts(value.funcname)[1]
    if isinstance(value, pb.TypeCast):
        named = name_of(inner(value.arg))
        return named if named not in (None, "?column?") else parts(value.type_name.names)[1]
    if isinstance(value, pb.CollateClause):
        return name_of(inner(value.arg))
    if isinstance(value, pb.MinMaxExpr):
        return "greatest" if value.op == pb.IS_GREATEST else "least"
    if isinstance(value, pb.SubLink):
        names = {pb.EXISTS_SUBLINK: "exists", pb.ARRAY_SUBLINK: "array"}
        if value.sub_link_type != pb.EXPR_SUBLINK:
            return names.get(value.sub_link_type, "?column?")
        targets = value.subselect.select_stmt.target_list
        return (targets[0].res_target.name or name_of(inner(targets[0].res_target.val))) if targets else None
    if isinstance(value, pb.CaseExpr):
        named = name_of(inner(value.defresult)) if value.HasField("defresult") else "case"
        return "case" if named == "?column?" else named
    return _NAMES_OF_KINDS.get(type(value).__name__)


def aliased(item: Item, alias: pb.Alias) -> Item:
    if not alias.aliasname:
        return item
    names = tuple(texts(alias.colnames))
    columns = None if item.columns is None else (*names, *item.columns[len(names) :])
    return replace(item, alias=alias.aliasname, columns=columns)


def joined(join: pb.JoinExpr, left: list[Item], right: list[Item]) -> list[Item]:
    """What stands in FROM after a join: an alias of the join hides what it joins."""
    items = [*left, *right]
    unknown = any(item.columns is None for item in items)
    before = {column for item in left for column in item.columns or ()}
    using = tuple(texts(join.using_clause))
    merged = tuple(before) if join.is_natural else using
    items = [*left, *(replace(item, merged=(*item.merged, *merged)) for item in right)]
    if join.HasField("alias"):
        shown = (column for item in items for column in item.columns or () if column not in item.merged)
        return [aliased(Item("", None if unknown else tuple(shown)), join.alias)]
    if join.HasField("join_using_alias"):
        return [*items, Item(join.join_using_alias.aliasname, using, merged=using)]
    return items
