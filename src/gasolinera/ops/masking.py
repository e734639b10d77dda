"""Statements without their values: what is shown or kept of one names tables and columns, and no person."""

import re
from typing import Final

# Strings of every form, to the end where the server has cut them off, and numbers that are no part of a name. What
# begins with $ and a digit is a parameter, and stays.
_PART: Final = re.compile(
    r"""
      (?P<remark>   --[^\n]* )
    | (?P<comment>  /\* )
    | (?P<value>    [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z)
                  | (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
                  | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
                  | 0[xXoObB][\da-fA-F_]+ | \d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)? | \.\d+ )
    | (?P<name>     [^\W\d][\w$]*+ | \$\d+ | "(?:[^"]|"")*(?:"|\Z) )
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGE_OF_COMMENT: Final = re.compile(r"/\*|\*/")


def masked(statement: str, *, most: int | None = None) -> str:
    """With ? for each value, comments left out and spaces folded, cut to `most` characters. For texts that the server
    has cut off too. Assumes standard_conforming_strings, which is on since PostgreSQL 9.1.
    """
    pieces: list[str] = []
    at = 0
    while (found := _PART.search(statement, at)) is not None:
        pieces.append(statement[at : found.start()])
        at = found.end()
        if found["comment"] is not None:
            at = _end_of_comment(statement, at)
        if found["name"] is not None:
            pieces.append(found[0])
        else:
            pieces.append("?" if found["value"] is not None else " ")
    folded = " ".join("".join((*pieces, statement[at:])).split())
    return folded if most is None or len(folded) <= most else f"{folded[: most - 1]}…"


def _end_of_comment(statement: str, at: int) -> int:
    """Comments nest."""
    depth = 1
    while depth:
        edge = _EDGE_OF_COMMENT.search(statement, at)
        if edge is None:
            return len(statement)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at
