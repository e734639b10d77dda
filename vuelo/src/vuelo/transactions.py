"""Which statements PostgreSQL refuses inside a transaction, which end one, and which do not mind. Pure."""

import re
from enum import Enum

from vuelo.statements import Statement

_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)+"
_NAME = r'(?:"(?:[^"]|"")+"|[\w$.])+'


def _pattern(*words: str) -> re.Pattern[str]:
    return re.compile(_BLANK.join(words), re.IGNORECASE | re.DOTALL)


_COMMIT_IN_BODY = re.compile(
    r"(?:^|;|\$|\bbegin\b|\bthen\b|\bloop\b|\belse\b|\*/|\n)\s*(?:commit|rollback)\s*(?:;|\band\b)",
    re.IGNORECASE,
)
_ALONE = (
    _pattern("(?:create|drop)", "(?:database|tablespace|subscription)\\b"),
    _pattern("alter", "system\\b"),
    _pattern("alter", "database", _NAME, "set", "tablespace\\b"),
    _pattern("create(?:" + _BLANK + "unique)?", "index", "concurrently\\b"),
    _pattern("drop", "index", "concurrently\\b"),
    _pattern("reindex\\b.*?\\b(?:schema|database|system)\\b"),
    _pattern("reindex\\b.*?\\bconcurrently\\b"),
    _pattern("vacuum\\b"),
    _pattern("discard", "all\\b"),
    _pattern("cluster(?:" + _BLANK + r"(?:verbose\b|\([^)]*\)))?(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*$"),
    _pattern("alter", "table\\b.*?\\bdetach", "partition", _NAME, "concurrently\\b"),
    _pattern("alter", "subscription\\b.*?\\brefresh", "publication\\b"),
)
_FIRST_WORDS = tuple((word,) for word in ("create", "drop", "alter", "reindex", "vacuum", "discard", "cluster"))
_ADD_VALUE = _pattern("alter", "type", _NAME, "add", "value\\b")
_INDEX = _pattern(
    "create(?:" + _BLANK + "unique)?", "index", "concurrently",
    f"(?:if{_BLANK}not{_BLANK}exists{_BLANK})?(?P<name>{_NAME})", f"on(?:{_BLANK}only)?", f"(?P<table>{_NAME})",
)  # fmt: skip
_CALL = _pattern("call", f"(?P<name>{_NAME})")


class Need(Enum):
    """What a statement needs."""

    TRANSACTION = "it should be undone when something after it fails"
    NO_TRANSACTION = "PostgreSQL refuses it inside one"
    ASK = "a CALL: its procedure may COMMIT"
    NEW_VALUE = "a new value of an enum: allowed, but its transaction cannot use it"
    NOTHING = "it changes the session only"


def need_of(statement: Statement) -> Need:
    """Its first words decide, and for DO its body."""
    first = statement.words[:1]
    if first in (("set",), ("reset",), ("show",)):
        return Need.NOTHING
    if first == ("call",):
        return Need.ASK
    if first == ("do",):
        return Need.NO_TRANSACTION if commits(statement.text) else Need.TRANSACTION
    if first in _FIRST_WORDS:
        if any(pattern.match(statement.text) for pattern in _ALONE):
            return Need.NO_TRANSACTION
        if _ADD_VALUE.match(statement.text):
            return Need.NEW_VALUE
    return Need.TRANSACTION


def commits(body: str) -> bool:
    """Whether the body of a procedure or of DO has a COMMIT or ROLLBACK of its own."""
    return _COMMIT_IN_BODY.search(body) is not None


def called_procedure(statement: Statement) -> str | None:
    """The name after CALL, as written."""
    match = _CALL.match(statement.text)
    return match["name"] if match else None


def concurrent_index(statement: Statement) -> tuple[str, str] | None:
    """Names of the index that CREATE INDEX CONCURRENTLY makes and of its table, as written."""
    match = _INDEX.match(statement.text)
    return (match["name"], match["table"]) if match else None


def ends_transaction(words: tuple[str, ...]) -> bool:
    """Whether a statement begins or ends a transaction, by its first words."""
    return (
        words[:1] in (("begin",), ("commit",), ("abort",), ("end",))
        or words[:2] in (("start", "transaction"), ("prepare", "transaction"))
        or (words[:1] == ("rollback",) and "to" not in words[1:3])
    )
