"""PostgreSQL's grammar as libpg_query has it, with what it gets wrong put right.

Raises postgast's PgQueryError, whose `cursorpos` counts bytes from 1.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from postgast import PgQueryError, parse, parse_plpgsql, scan
from postgast import pg_query_pb2 as pb
from postgast.native import lib

_MISSING_COMMAS = re.compile(r'(\{"PLpgSQL_rec":\{"refname":"old","dno":1\}\})(?:,\{\}\})+')
_OF_EVENT_TRIGGER = re.compile(r'("datums":\[)(?:\{\}\},)+')


def statements(text: str) -> list[pb.Node]:
    """The statements of a text."""
    try:
        result = parse(text)
    except PgQueryError:
        if "--" not in text:
            raise
        result = parse(without_comments(text))
    return [one.stmt for one in result.stmts]


def without_comments(text: str) -> str:
    """Blanks in place of comments: libpg_query does not see a string go on behind one, as PostgreSQL does."""
    source = bytearray(text.encode())
    for token in scan(text).tokens:
        if token.token == pb.SQL_COMMENT:
            source[token.start : token.end] = b" " * (token.end - token.start)
    return source.decode()


def plpgsql(function: str) -> Mapping[str, Any]:
    """The body of a CREATE FUNCTION or DO, as libpg_query's JSON has it.

    As postgast's own, but for what libpg_query writes of a trigger function's variables, which is no JSON.
    """
    result = lib.pg_query_parse_plpgsql(function.encode())
    try:
        if result.error:
            parse_plpgsql(function)  # raises it
        text = cast("bytes", result.plpgsql_funcs).decode()
    finally:
        lib.pg_query_free_plpgsql_parse_result(result)
    text = _OF_EVENT_TRIGGER.sub(r"\1", _MISSING_COMMAS.sub(r"\1", text))
    functions = cast("list[dict[str, Any]]", json.loads(text))
    return functions[0]["PLpgSQL_function"] if functions else {}
