"""Which statements PostgreSQL refuses inside a transaction, which end one, and which do not mind. Pure."""

import re
from enum import Enum
from functools import lru_cache
from itertools import islice

from vuelo.statements import Statement

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n\r]*|/\*(?:[^*/]|\*(?!/)|/(?!\*)|/\*.*?\*/)*\*/)
      | (?P<string>[Ee]'(?:[^'\\]|''|\\.)*'|[BbXxNn]?'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      | (?P<name>(?:[Uu]&)?"(?:[^"]|"")+")
      | (?P<word>[^\W\d][\w$]*)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_MOST_TOKENS = 40  # a statement has said by then what it is
_ENOUGH_WORDS = 4  # CREATE UNIQUE INDEX CONCURRENTLY
_CREATED = {("database",), ("tablespace",), ("subscription",)}
_REINDEXED = {("schema",), ("database",), ("system",)}
_ENDS = re.compile(
    r"(?:^|;|\b(?:begin|then|loop|else)\b|>>)\s*(?:commit|rollback)\s*(?:;|(?:and|work)\b)", re.IGNORECASE
)
_ENDS_ELSEWHERE = re.compile(r"\b(?:plpy\.|spi_|SPI::)(?:commit|rollback)\s*\(", re.IGNORECASE)
_QUOTED = re.compile(r"--[^\n\r]*|/\*.*?\*/|\b[Ee]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_REINDEX_OPTION = re.compile(r"reindex[^(]*\([^)]*\bconcurrently\b(?!\s+(?:false|off|0)\b)", re.IGNORECASE)
# In lower case; a script without any of these has no statement that PostgreSQL refuses inside a transaction.
MARKS = (b"concurrently", b"vacuum", b"reindex", b"discard", b"cluster", b"system", b"database", b"tablespace",
         b"subscription", b"commit", b"rollback", b"call", b"add value")  # fmt: skip
# How a statement begins that may need more than its script's transaction, and words without one of which it cannot.
# Behind a comment, or parentheses, may stand anything. It is a quick search because every branch begins with letters.
_NEXT = r"(?:--|/\*|\(|database|tablespace|subscription|concurrently|system)"
_CREATE_OR_DROP = rf"create\s*(?:unique\s*)?(?:index\s*)?{_NEXT}|drop\s*(?:index\s*)?{_NEXT}"
_BEGINNINGS = (
    (re.compile(rf"vacuum\b|discard\b|reindex\b|cluster\b|call\b|alter\s*{_NEXT}|{_CREATE_OR_DROP}"), ("",)),
    (re.compile(r"alter\s+table"), ("concurrently",)),
    (re.compile(r"alter\s+type"), ("value",)),
    (re.compile(r"do\b"), ("commit", "rollback")),
)
_DOLLARS = re.compile(r"\$(\w*)\$(.*)\$\1\$", re.DOTALL)


class Need(Enum):
    """What a statement needs."""

    TRANSACTION = "it should be undone when something after it fails"
    NO_TRANSACTION = "PostgreSQL refuses it inside one"
    ASK = "a CALL: its procedure may COMMIT"
    NEW_VALUE = "a new value of an enum: allowed, but its transaction cannot use it"
    NOTHING = "it changes the session only"


def need_of(statement: Statement) -> Need:
    """Its first words decide, and for DO its body; what does not begin with a word is a query, or a mistake."""
    first = statement.words[:1] if statement.text[:1].isalpha() else ()
    if first in (("set",), ("reset",), ("show",)):
        return Need.NOTHING
    if first == ("call",):
        return Need.ASK
    if first == ("do",):
        return Need.NO_TRANSACTION if commits(_body_of_do(statement.text)) else Need.TRANSACTION
    if first in (("vacuum",), ("discard",), ("create",), ("drop",), ("alter",), ("reindex",), ("cluster",)):
        words = _words(statement.text, _ENOUGH_WORDS if first in (("create",), ("drop",)) else _MOST_TOKENS)
        if _refused(words) or (first == ("reindex",) and _REINDEX_OPTION.match(statement.text)):
            return Need.NO_TRANSACTION
        if words[:2] == ("alter", "type") and ("add", "value") in (words[3:5], words[5:7]):
            return Need.NEW_VALUE
    return Need.TRANSACTION


def may_need_more(script: str) -> bool:
    """Whether a statement of a script may have another need than TRANSACTION or NOTHING.

    It misses none, but takes what stands in strings and comments for statements.
    """
    text = script.lower()
    return any(
        any(word in text for word in words)
        and any(_may_begin_at(text, found.start()) for found in pattern.finditer(text))
        for pattern, words in _BEGINNINGS
    )


def _may_begin_at(text: str, position: int) -> bool:
    """A statement begins a line, or follows a semicolon or a comment."""
    line_start = max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1
    before = text[line_start:position].removeprefix("\ufeff").rstrip()
    return not before or before.endswith((";", "*/"))


def _refused(words: tuple[str, ...]) -> bool:
    """By words in lower case; a quoted name keeps its quotes, what stands in parentheses is left out."""
    verb, rest = words[0], words[1:]
    if verb == "vacuum" or (verb, *rest[:1]) in (("discard", "all"), ("alter", "system")):
        return True
    if verb in ("create", "drop"):
        unique = 1 if (verb, *rest[:1]) == ("create", "unique") else 0
        return rest[:1] in _CREATED or rest[unique : unique + 2] == ("index", "concurrently")
    if verb == "reindex":
        kind = rest[1:] if rest[:1] == ("verbose",) else rest
        return kind[:1] in _REINDEXED or kind[1:2] == ("concurrently",)
    if verb == "cluster":
        return rest in ((), ("verbose",))
    if rest[:1] == ("table",) and "detach" in rest:
        at = rest.index("detach")
        return rest[at + 1 : at + 2] == ("partition",) and rest[-1] == "concurrently"
    refreshes = rest[:1] == ("subscription",) and rest[-2:] == ("refresh", "publication")
    moves = rest[:1] == ("database",) and rest[2:4] == ("set", "tablespace")
    return refreshes or moves


@lru_cache(maxsize=2)  # what asks about one statement does so at one time
def _words(text: str, enough: int = _MOST_TOKENS) -> tuple[str, ...]:
    """The first words and names, and marks such as dots, without comments, and without what stands in parentheses."""
    found: list[str] = []
    depth = 0
    for token in islice(_TOKEN.finditer(text), _MOST_TOKENS):
        kind, value = token.lastgroup, token[0]
        if kind == "blank":
            continue
        depth += (value == "(") - (value == ")")
        if depth == 0 and value != ")":
            found.append(value.lower() if kind == "word" else value)
            if len(found) == enough:
                break
    return tuple(found)


def commits(body: str) -> bool:
    """Whether the body of a procedure or of DO has a COMMIT or ROLLBACK of its own."""
    code = _QUOTED.sub(" ", body)
    return bool(_ENDS.search(code) or _ENDS_ELSEWHERE.search(code))


def _body_of_do(text: str) -> str:
    quoted = _DOLLARS.search(text)
    if quoted:
        return quoted[2]
    first, last = text.find("'"), text.rfind("'")
    return text[first + 1 : last].replace("''", "'")


def called_procedure(statement: Statement) -> str | None:
    """The name after CALL, as written, without blanks and comments."""
    words = _words(statement.text)[1:]
    parts = [word for word in words[:5] if word == "." or word[0] == '"' or word[0] not in "(;,"]
    return "".join(parts) or None


def concurrent_index(statement: Statement) -> tuple[str, str] | None:
    """Names of the index that CREATE INDEX CONCURRENTLY makes and of its table, as written."""
    words = _words(statement.text)
    if not _refused(words) or words[0] != "create" or "on" not in words:
        return None
    before, after = words[words.index("concurrently") + 1 : words.index("on")], words[words.index("on") + 1 :]
    name = before[3:] if before[:3] == ("if", "not", "exists") else before
    table = after[1:] if after[:1] == ("only",) else after
    parts = 3 if table[1:2] == (".",) else 1
    return (name[0], "".join(table[:parts])) if name else None


def ends_transaction(words: tuple[str, ...]) -> bool:
    """Whether a statement begins or ends a transaction, by its first words."""
    return (
        words[:1] in (("begin",), ("commit",), ("abort",), ("end",))
        or words[:2] in (("start", "transaction"), ("prepare", "transaction"))
        or (words[:1] == ("rollback",) and "to" not in words[1:3])
    )
