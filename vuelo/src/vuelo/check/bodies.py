"""Bodies of functions and DO blocks: their grammar, and the names in the SQL that they hold.

libpg_query parses PL/pgSQL without a database, so that it knows no type but PostgreSQL's own; a body is given to it
under a header of plain types. What it says is data in JSON; every expression in it is parsed once more as SQL.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from postgast import PgQueryError
from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name
from vuelo.check.changes import apply, function_of, new_type
from vuelo.check.grammar import plpgsql, statements, without_comments
from vuelo.check.headers import Body, with_header
from vuelo.check.names import parts, type_name
from vuelo.check.objects import Problem
from vuelo.check.queries import Reader, problems_in
from vuelo.check.scope import Columns, Scope

WORD = re.compile(r"[a-z_\x80-\U0010ffff][a-z0-9_$\x80-\U0010ffff]*")
_NEAR_LINE = re.compile(r"near line (\d+)")
_NEAR_TEXT = re.compile(r'at or near "(.*)"$|^"(.*)" is not', re.DOTALL)
_NOT_ABOUT_THE_BODY = ("Not implemented", "pseudo-type")  # what libpg_query cannot do without a database
_ASSIGNED = re.compile(r"\s*(?:[^:='\"]|\"[^\"]*\")*?(?::=|=)")
_TRIGGER_VARIABLES = (
    "tg_name", "tg_when", "tg_level", "tg_op", "tg_relid", "tg_relname", "tg_table_name", "tg_table_schema",
    "tg_nargs", "tg_argv", "tg_event", "tg_tag",
)  # fmt: skip
_ASKS_WHICH_TABLE = re.compile(r"\btg_(?:table_name|relname|relid|argv|nargs|name)\b", re.IGNORECASE)
_FIELD = re.compile(r"\s*(\w+)\.(\w+)\s*:?=")
_DEFINES = re.compile(r"\b(?:create|alter|drop|select\b.*\binto)\b", re.IGNORECASE | re.DOTALL)
_QUERIES = ("select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "call_stmt")
_SQL, _EXPRESSION = 0, 2  # how an expression of PL/pgSQL is written; from 3 on it is an assignment


def body_of(catalog: Catalog, node: pb.Node, statement: str) -> Body | None:
    """The body that a statement holds as a text; None for any other statement."""
    if node.HasField("do_stmt"):
        options = {one.def_elem.defname: one.def_elem.arg for one in node.do_stmt.args}
        language = options["language"].string.sval if "language" in options else "plpgsql"
        text = options["as"].string.sval if "as" in options else ""
        return Body(("", ""), text, language.lower(), _begins(statement, text), trigger=False)
    if not node.HasField("create_function_stmt"):
        return None
    made = node.create_function_stmt
    options = {one.def_elem.defname: one.def_elem.arg for one in made.options}
    if "as" not in options or len(options["as"].list.items) != 1:
        return None
    text = options["as"].list.items[0].string.sval
    return Body(
        new_type(catalog, made.funcname),
        text,
        options["language"].string.sval.lower() if "language" in options else "sql",
        _begins(statement, text),
        parts(made.return_type.names)[1] in ("trigger", "event_trigger"),
        tuple(one.function_parameter for one in made.parameters),
        made.return_type if made.HasField("return_type") else None,
        _search_path(made),
    )


def _begins(statement: str, text: str) -> int | None:
    found = statement.find(text) if text else -1
    return None if found < 0 else len(statement[:found].encode())


def _search_path(made: pb.CreateFunctionStmt) -> tuple[str, ...] | None:
    """SET search_path of the function itself."""
    for option in made.options:
        setting = option.def_elem.arg.variable_set_stmt
        if option.def_elem.defname == "set" and setting.name == "search_path" and setting.args:
            words = [word.strip() for one in setting.args for word in one.a_const.sval.sval.split(",")]
            return tuple(word for word in words if word and word != "pg_temp")
    return None


def problems_of(catalog: Catalog, node: pb.Node, statement: str) -> list[Problem]:
    """What is wrong in a statement's body, `catalog` being what exists when it runs."""
    if node.HasField("create_function_stmt") and node.create_function_stmt.HasField("sql_body"):
        return _standard_body(catalog, node.create_function_stmt)
    body = body_of(catalog, node, statement)
    if body is None:
        return []
    if body.search_path is not None:
        catalog = replace(catalog, search_path=body.search_path or ("pg_catalog",))
    if body.language == "sql":
        return list(_sql(catalog, body))
    return list(_plpgsql(catalog, body)) if body.language == "plpgsql" else []


def apply_block(catalog: Catalog, node: pb.Node, statement: str, made_in: str) -> None:
    """What a DO block may have made: its own CREATE and ALTER as if all ran; what it executes as text is in doubt."""
    if not node.HasField("do_stmt"):
        return
    body = body_of(catalog, node, statement)
    if body is not None and body.language == "plpgsql":
        for one in _definitions(body.text, _parsed_or_nothing(catalog, body)):
            apply(catalog, one, made_in)
        catalog.doubtful |= _doubtful(body.text)


def stands(final: Catalog, before: Catalog, node: pb.Node, made_in: str) -> bool:
    """Whether the function that a statement of a file makes is still the one that exists in the end."""
    made = function_of(before, node.create_function_stmt, made_in)
    return any(one.arguments == made.arguments and one.made_in == made_in for one in final.functions.get(made.name, ()))


def _doubtful(text: str) -> set[str]:
    """Words in the strings of a body that runs strings as SQL."""
    if "execute" not in text.lower():
        return set()
    return {word for literal in re.findall(r"'(?:[^']|'')*'", text) for word in WORD.findall(literal.lower())}


def _parsed_or_nothing(catalog: Catalog, body: Body) -> Mapping[str, Any]:
    try:
        return _parsed(catalog, body)
    except PgQueryError:
        return {}


def _definitions(text: str, function: Mapping[str, Any]) -> Iterator[pb.Node]:
    """The statements in a body that define something."""
    if not _DEFINES.search(text):
        return
    for expression, _ in _expressions(function, 1):
        if expression["parseMode"] == _SQL and _DEFINES.match(cast("str", expression["query"]).lstrip()):
            try:
                yield from statements(cast("str", expression["query"]))
            except PgQueryError:
                continue


def _variables(catalog: Catalog, parameters: tuple[pb.FunctionParameter, ...]) -> dict[str, Columns]:
    """Parameters by name, with the fields of those that are rows."""
    return {one.name: _fields(catalog, type_name(catalog, one.arg_type)) for one in parameters if one.name}


def _fields(catalog: Catalog, name: Name) -> Columns:
    table = catalog.tables.get(name)
    return tuple(table.columns) if table and not table.is_open else None


def _standard_body(catalog: Catalog, made: pb.CreateFunctionStmt) -> list[Problem]:
    """RETURN …, or BEGIN ATOMIC … END."""
    parameters = tuple(one.function_parameter for one in made.parameters)
    scope = Scope(variables=_variables(catalog, parameters) | {made.funcname[-1].string.sval: None})
    return problems_in(catalog, made.sql_body, scope)


def _sql(catalog: Catalog, body: Body) -> Iterator[Problem]:
    try:
        parsed = statements(body.text)
    except PgQueryError as error:
        yield Problem("syntax", error.message, body.location(max(error.cursorpos - 1, 0)))
        return
    scope = Scope(variables=_variables(catalog, body.parameters))
    for one in parsed:
        for problem in problems_in(catalog, one, scope):
            yield replace(problem, location=body.location(problem.location))


def _plpgsql(catalog: Catalog, body: Body) -> Iterator[Problem]:
    try:
        function = _parsed(catalog, body)
    except PgQueryError as error:
        if not error.message.startswith(_NOT_ABOUT_THE_BODY) and "pseudo-type" not in error.message:
            yield Problem("syntax", error.message, body.location(_place(body.text, error)))
        return
    catalog = catalog.copy()
    for one in _definitions(body.text, function):
        apply(catalog, one, "")
    catalog.doubtful |= _doubtful(body.text)
    scope = Scope(ctes=_transition_tables(catalog, body), variables=_declared(catalog, body, function))
    for expression, line in _expressions(function, 1):
        yield from _expression(catalog, body, expression, line, scope)


def _parsed(catalog: Catalog, body: Body) -> Mapping[str, Any]:
    try:
        return plpgsql(with_header(catalog, body, body.text))
    except PgQueryError as error:
        if "--" not in body.text or not error.message.startswith("syntax error"):
            raise
        return plpgsql(with_header(catalog, body, without_comments(body.text)))


def _place(text: str, error: PgQueryError) -> int:
    """The byte of a body that an error speaks of: its line, and the word there that it quotes."""
    near = _NEAR_LINE.search(error.context or "")
    offset = _line_start(text, int(near[1]) if near else 1)
    quoted = _NEAR_TEXT.search(error.message)
    word = (quoted[1] or quoted[2]) if quoted else ""
    found = text.find(word, offset) if word else -1
    return len(text[: found if found >= 0 else offset].encode())


def _line_start(text: str, line: int) -> int:
    offset = 0
    for _ in range(line - 1):
        offset = text.find("\n", offset) + 1
    return offset


def _declared(catalog: Catalog, body: Body, function: Mapping[str, Any]) -> dict[str, Columns]:
    """Every name that is a variable somewhere in the body, of whatever block: it may stand for anything."""
    found: dict[str, Columns] = dict.fromkeys(("found", "sqlstate", "sqlerrm"))
    if body.trigger:
        found |= dict.fromkeys(_TRIGGER_VARIABLES)
    for datum in cast("list[dict[str, dict[str, Any]]]", function.get("datums", [])):
        for variable in datum.values():
            if "refname" in variable:
                found[variable["refname"]] = None
    for label in re.findall(r"<<\s*(\w+)\s*>>", body.text):
        found[label.lower()] = None
    if body.trigger:
        found |= dict.fromkeys(("new", "old"), _fields_of_row(catalog, body))
    return found | {body.name[1]: None} | _variables(catalog, body.parameters)


def _fields_of_row(catalog: Catalog, body: Body) -> Columns:
    """What NEW and OLD have in every table with the function's triggers; in any, where it asks which table it is."""
    tables = [
        table
        for table in catalog.tables.values()
        if body.name in [trigger.function for trigger in table.triggers.values()]
    ]
    if not tables or any(table.is_open for table in tables):
        return None
    asks = _ASKS_WHICH_TABLE.search(body.text) is not None
    fields = set(tables[0].columns)
    for table in tables[1:]:
        fields = fields | table.columns.keys() if asks else fields & table.columns.keys()
    return tuple(sorted(fields))


def _transition_tables(catalog: Catalog, body: Body) -> dict[str, Columns]:
    """What the triggers of a trigger function show it. Several tables may show theirs under one name."""
    found: dict[str, Columns] = {}
    for table in catalog.tables.values() if body.trigger else ():
        for trigger in table.triggers.values():
            if trigger.function == body.name:
                for name in trigger.transitions:
                    columns = None if table.is_open else tuple(table.columns)
                    found[name] = columns if found.get(name, columns) == columns else None
    return found


def _expressions(part: Any, line: int) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Every expression with the line of its statement, counted from the body's first."""
    if isinstance(part, list):
        for one in cast("list[Any]", part):
            yield from _expressions(one, line)
    elif isinstance(part, dict):
        values = cast("dict[str, Any]", part)
        if "query" in values and "parseMode" in values:
            yield values, line
        line = values["lineno"] if isinstance(values.get("lineno"), int) else line
        for one in values.values():
            yield from _expressions(one, line)


def _expression(
    catalog: Catalog, body: Body, expression: Mapping[str, Any], line: int, scope: Scope
) -> Iterator[Problem]:
    query, mode = cast("str", expression["query"]), cast("int", expression["parseMode"])
    if mode > _EXPRESSION and (field := _FIELD.match(query)):
        yield from _assigned_field(catalog, body, scope, field, line)
    before, sql = "", query
    if mode == _EXPRESSION:
        before = "SELECT "
    elif mode > _EXPRESSION and (target := _ASSIGNED.match(query)):
        before, sql = "SELECT ", query[target.end() :]
    try:
        parsed = statements(before + sql)
    except PgQueryError:
        return  # its grammar was right for PL/pgSQL, whose assignments take more than an expression
    begins = _found(body.text, sql.strip(), max(line, 1))
    for one in parsed:
        if one.WhichOneof("node") not in _QUERIES:
            continue
        for problem in problems_in(catalog, one, scope):
            offset = problem.location - len(before) - (len(sql) - len(sql.lstrip()))
            location = _line_start(body.text, line) if begins is None else begins + max(offset, 0)
            yield replace(problem, location=body.location(location))


def _assigned_field(catalog: Catalog, body: Body, scope: Scope, field: re.Match[str], line: int) -> Iterator[Problem]:
    row, name = field[1].lower(), field[2].lower()
    reader = Reader(catalog)
    begins = _found(body.text, field[0].strip(), max(line, 1))
    reader.field_of(scope.variables.get(row), row, name, body.location(begins or _line_start(body.text, line)))
    yield from reader.problems


def _found(text: str, sql: str, line: int) -> int | None:
    """Where an expression stands in the body (byte). INTO was blanked out of it: its begin is enough then."""
    start = _line_start(text, line)
    found = text.find(sql, start)
    if found < 0 and sql.startswith("SELECT"):  # what was PERFORM
        found = text.find(sql[len("SELECT") :], start) - len("SELECT")
    if found < 0:
        found = text.find(sql.split("  ", 1)[0], start)
    return None if found < 0 else len(text[:found].encode())
