"""The text in a function's quotes, and a header of plain types under which libpg_query reads it without a database."""

from dataclasses import dataclass

from postgast import PgQueryError, scan
from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name
from vuelo.check.names import builtins, parts, type_name

_OUT = (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_INOUT, pb.FUNC_PARAM_TABLE)


@dataclass(frozen=True)
class Body:
    """`begins` is the byte of its statement where the text stands; None where quoting has changed it there."""

    name: Name
    text: str
    language: str
    begins: int | None
    trigger: bool
    parameters: tuple[pb.FunctionParameter, ...] = ()
    returns: pb.TypeName | None = None
    search_path: tuple[str, ...] | None = None

    def location(self, offset: int) -> int:
        """Of a byte of the body, in the statement."""
        return 0 if self.begins is None else self.begins + offset


def with_header(catalog: Catalog, body: Body, text: str) -> str:
    """A CREATE FUNCTION with the same body and the same kinds of parameters, and no type that needs a database."""
    modes = {
        pb.FUNC_PARAM_OUT: "OUT ",
        pb.FUNC_PARAM_INOUT: "INOUT ",
        pb.FUNC_PARAM_TABLE: "OUT ",
        pb.FUNC_PARAM_VARIADIC: "",
    }
    given = ", ".join(
        f"{modes.get(one.mode, '')}{_quoted(one.name)} {_plain_type(catalog, one.arg_type)}" for one in body.parameters
    )
    outs = [one for one in body.parameters if one.mode in _OUT]
    is_set = any(one.mode == pb.FUNC_PARAM_TABLE for one in outs) or (body.returns is not None and body.returns.setof)
    if body.trigger and body.returns is not None:
        returned = parts(body.returns.names)[1]
    elif len(outs) == 1:
        returned = _plain_type(catalog, outs[0].arg_type)
    elif outs:
        returned = "record"
    else:
        returned = _plain_type(catalog, body.returns) if body.returns is not None else "void"
    text = _with_plain_types(catalog, text)
    return f"CREATE FUNCTION f({given}) RETURNS {'SETOF ' * is_set}{returned} LANGUAGE plpgsql AS $vuelo${text}$vuelo$"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if name else ""


def _plain_type(catalog: Catalog, name: pb.TypeName) -> str:
    schema, word = parts(name.names)
    array = "[]" * bool(name.array_bounds)
    if name.pct_type or schema not in ("", "pg_catalog"):
        return _stand_in(catalog, type_name(catalog, name)) + array
    if word in ("record", "void") or (word in builtins("type") and not word.startswith("any")):
        return word + array
    return _stand_in(catalog, type_name(catalog, name)) + array


def _stand_in(catalog: Catalog, name: Name) -> str:
    return "record" if name in catalog.tables else "text"


def _with_plain_types(catalog: Catalog, text: str) -> str:
    """The body with the types of its declarations replaced; every line stays the line it is."""
    try:
        tokens = scan(text).tokens
    except PgQueryError:
        return text
    source = text.encode()
    words = [source[token.start : token.end].decode() for token in tokens]
    pieces: list[bytes] = []
    done, declaring, begins = 0, False, False
    for number, word in enumerate(words):
        lower = word.lower()
        if lower in ("declare", "begin"):
            declaring = begins = lower == "declare"
        elif declaring and begins:
            begins = False
            first = number + 1 + (words[number + 1 : number + 2] in (["constant"], ["CONSTANT"]))
            last, wanted = _declared_type(catalog, words, first)
            if wanted is not None:
                pieces += [source[done : tokens[first].start], wanted.encode()]
                done = tokens[last].end
        elif declaring and word == ";":
            begins = True
    return (b"".join(pieces) + source[done:]).decode()


def _declared_type(catalog: Catalog, words: list[str], first: int) -> tuple[int, str | None]:
    """The last word of a type that needs a database, and what stands for it."""
    last = first
    while words[last + 1 : last + 2] == ["."]:
        last += 2
    if words[last + 1 : last + 2] == ["%"] and len(words) > last + 2:
        is_row = words[last + 2].lower() == "rowtype"
        return last + 2, "record" if is_row else "text"
    names = [word.strip('"') if word.startswith('"') else word.lower() for word in words[first : last + 1 : 2]]
    if not names or names[0] in ("cursor", "alias", "no", "scroll") or last >= len(words):
        return last, None
    owners = [names[0]] if len(names) > 1 else list(catalog.search_path)
    if len(names) == 1 and not any((one, names[0]) in {**catalog.types, **catalog.tables} for one in owners):
        return last, None
    is_row = any((one, names[-1]) in catalog.tables for one in owners)
    return last, "record" if is_row and words[last + 1 : last + 2] != ["["] else "text"
