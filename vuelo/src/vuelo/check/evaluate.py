"""Conditions over values that stand in the SQL itself, in PostgreSQL's three-valued logic. Pure.

UNKNOWN is what only a server could say; whatever depends on it is UNKNOWN as well, and nobody complains of that.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from vuelo.check.names import parts, texts
from vuelo.check.tree import inner


class Unknown(Enum):
    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
Value = str | Decimal | bool | None | Unknown
_NUMBERS = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}
_TEXTS = {"text", "character varying", "name"}
_TRUTHS = {"t": True, "true": True, "yes": True, "on": True, "1": True}
_FALSEHOODS = {"f": False, "false": False, "no": False, "off": False, "0": False}
_CLASSES = {"[:space:]": r"\s", "[:digit:]": "0-9", "[:alpha:]": "a-zA-Z", "[:alnum:]": "a-zA-Z0-9", "[:upper:]": "A-Z"}
_UNSAFE = re.compile(r"\\[^.\-+*?()\[\]{}|^$/d]|\(\?|\[\[[.=]|\*\*\*")


def literal(node: Message, column_type: str) -> Value:
    """A constant as a value of its column's type."""
    if isinstance(node, pb.TypeCast):
        return literal(inner(node.arg), column_type)
    if isinstance(node, pb.A_Expr) and texts(node.name) == ["-"] and not node.HasField("lexpr"):
        value = literal(inner(node.rexpr), column_type)
        return -value if isinstance(value, Decimal) else UNKNOWN
    if not isinstance(node, pb.A_Const):
        return UNKNOWN
    if node.isnull:
        return None
    kind = node.WhichOneof("val")
    if kind == "boolval":
        return node.boolval.boolval
    text = node.sval.sval if kind == "sval" else node.fval.fval if kind == "fval" else str(node.ival.ival)
    return as_type(text, column_type, quoted=kind == "sval")


def as_type(text: str, column_type: str, *, quoted: bool = True) -> Value:
    if column_type in _NUMBERS or (not column_type and not quoted):
        try:
            number = Decimal(text)
        except InvalidOperation:
            return UNKNOWN
        return number if number.is_finite() else UNKNOWN
    if column_type in _TEXTS:
        return text
    if column_type == "boolean":
        return _TRUTHS.get(text.lower(), _FALSEHOODS.get(text.lower(), UNKNOWN))
    return UNKNOWN


def evaluate(node: Message, row: Mapping[str, Value]) -> Value:  # noqa: PLR0911 - one return a case reads best
    """The value of an expression for a row; a column that is not in it is UNKNOWN."""
    if isinstance(node, pb.A_Const):
        kind = node.WhichOneof("val")
        return None if node.isnull else literal(node, "text" if kind == "sval" else "")
    if isinstance(node, pb.ColumnRef):
        return row.get(node.fields[-1].string.sval, UNKNOWN)
    if isinstance(node, pb.TypeCast):
        value = evaluate(inner(node.arg), row)
        return value if parts(node.type_name.names)[1] in ("text", "varchar") and isinstance(value, str) else UNKNOWN
    if isinstance(node, pb.BoolExpr):
        return _logic(node, row)
    if isinstance(node, pb.NullTest):
        value = evaluate(inner(node.arg), row)
        return value if value is UNKNOWN else (value is None) == (node.nulltesttype == pb.IS_NULL)
    if isinstance(node, pb.FuncCall):
        return _call(node, row)
    return _operator(node, row) if isinstance(node, pb.A_Expr) else UNKNOWN


def _logic(node: pb.BoolExpr, row: Mapping[str, Value]) -> Value:
    values = [evaluate(inner(one), row) for one in node.args]
    if node.boolop == pb.NOT_EXPR:
        return (not values[0]) if isinstance(values[0], bool) else values[0] if values[0] is None else UNKNOWN
    decides = node.boolop == pb.OR_EXPR
    if decides in values:
        return decides
    return UNKNOWN if UNKNOWN in values else None if None in values else not decides


def _operator(node: pb.A_Expr, row: Mapping[str, Value]) -> Value:
    left = evaluate(inner(node.lexpr), row)
    name = texts(node.name)[-1]
    right_node = inner(node.rexpr)
    if node.kind == pb.AEXPR_IN and isinstance(right_node, pb.List):
        found = _any_equal(left, [evaluate(inner(one), row) for one in right_node.items])
        return found if name == "=" or not isinstance(found, bool) else not found
    if node.kind == pb.AEXPR_OP_ANY and isinstance(right_node, pb.A_ArrayExpr) and name == "=":
        return _any_equal(left, [evaluate(inner(one), row) for one in right_node.elements])
    if node.kind in (pb.AEXPR_BETWEEN, pb.AEXPR_NOT_BETWEEN) and isinstance(right_node, pb.List):
        low, high = (evaluate(inner(one), row) for one in right_node.items)
        within = _both(_compared(">=", left, low), _compared("<=", left, high))
        return within if node.kind == pb.AEXPR_BETWEEN or not isinstance(within, bool) else not within
    if node.kind != pb.AEXPR_OP or not node.HasField("lexpr"):
        return UNKNOWN
    return _compared(name, left, evaluate(right_node, row))


def _both(left: Value, right: Value) -> Value:
    if left is False or right is False:
        return False
    return UNKNOWN if UNKNOWN in (left, right) else None if None in (left, right) else True


def _any_equal(left: Value, values: list[Value]) -> Value:
    results = [_compared("=", left, value) for value in values]
    if True in results:
        return True
    return UNKNOWN if UNKNOWN in results else None if None in results else False


def _compared(name: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return UNKNOWN if UNKNOWN in (left, right) else None
    if isinstance(left, str) and isinstance(right, str):
        return _of_texts(name, left, right)
    compare = _COMPARISONS.get(name)
    if isinstance(left, Decimal) and isinstance(right, Decimal) and compare is not None:
        return compare(left, right)
    if isinstance(left, bool) and isinstance(right, bool) and name in ("=", "<>"):
        return (left == right) == (name == "=")
    return UNKNOWN


def _of_texts(name: str, left: str, right: str) -> Value:
    if name in ("=", "<>", "!="):
        return (left == right) == (name == "=")
    if name in ("~", "!~", "~*", "!~*"):
        found = _matches(right, left, ignore_case=name.endswith("*"))
        return found if not name.startswith("!") or not isinstance(found, bool) else not found
    return UNKNOWN  # the order of texts is the collation's


def _matches(pattern: str, text: str, *, ignore_case: bool) -> Value:
    """What the two languages of regular expressions agree on."""
    if _UNSAFE.search(pattern) or not text.isascii():
        return UNKNOWN
    for theirs, ours in _CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    if "[:" in pattern:
        return UNKNOWN
    pattern = re.sub(r"(?<!\\)\$(?=$|\)|\|)", r"\\Z", pattern)
    try:
        return re.search(pattern, text, re.IGNORECASE if ignore_case else 0) is not None
    except re.error:
        return UNKNOWN


def _call(node: pb.FuncCall, row: Mapping[str, Value]) -> Value:
    arguments = [evaluate(inner(one), row) for one in node.args]
    name = parts(node.funcname)[1]
    if len(arguments) != 1 or name not in _FUNCTIONS:
        return UNKNOWN
    value = arguments[0]
    return _FUNCTIONS[name](value) if isinstance(value, str) else None if value is None else UNKNOWN


_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_FUNCTIONS: dict[str, Callable[[str], Value]] = {
    "length": lambda text: Decimal(len(text)),
    "char_length": lambda text: Decimal(len(text)),
    "character_length": lambda text: Decimal(len(text)),
    "octet_length": lambda text: Decimal(len(text.encode())),
    "btrim": lambda text: text.strip(" "),
    "lower": lambda text: text.lower() if text.isascii() else UNKNOWN,
    "upper": lambda text: text.upper() if text.isascii() else UNKNOWN,
}
