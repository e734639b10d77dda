"""A view's text as PostgreSQL 16 and later write it, from what 15 writes. Needs the extra `check`."""

from typing import Any

from vuelo.errors import VueloError


def without_needless_names(text: str) -> str:
    """Where a query reads one relation, columns need not say which: 15 writes `orders.total`, its successors `total`.

    That holds for the outermost query alone; what stands inside another names its relations in every version.
    """
    try:
        import postgast  # noqa: PLC0415  an extra
    except ImportError:
        hint = "pip install 'vuelo[check]'"
        raise VueloError("extra.missing", "comparing views of PostgreSQL 15 needs its grammar", hint) from None
    select: Any = postgast.parse(text).stmts[0].stmt.select_stmt
    if len(select.from_clause) != 1 or select.from_clause[0].HasField("join_expr"):
        return text
    # Locations count bytes.
    encoded = text.encode()
    for start in sorted(_qualified(select), reverse=True):
        encoded = encoded[:start] + encoded[start + _qualifier_length(encoded[start:]) :]
    return encoded.decode()


def _qualified(node: Any) -> list[int]:
    """Where the columns with a relation's name before them begin, in this query but not in queries inside it."""
    found: list[int] = []
    for field, value in node.ListFields():
        if field.message_type is None or field.name == "from_clause":
            continue
        for child in value if field.is_repeated else [value]:
            name = child.DESCRIPTOR.name
            if name == "ColumnRef":
                if len(child.fields) > 1 and not child.fields[-1].HasField("a_star"):
                    found.append(child.location)
            elif name == "SubLink":
                found += _qualified(child.testexpr)
            elif name not in ("SelectStmt", "WithClause"):
                found += _qualified(child)
    return found


def _qualifier_length(text: bytes) -> int:
    """Of a name at the beginning, quoted or not, with its dot."""
    if not text.startswith(b'"'):
        return text.index(b".") + 1
    end = 1
    while text[end : end + 1] != b'"' or text[end + 1 : end + 2] == b'"':
        end += 2 if text[end : end + 1] == b'"' else 1
    return end + 2
