"""Java properties as Flyway reads them: its `flyway.conf`, and the `.conf` beside a script. Pure."""

import re
from collections.abc import Mapping

_PREFIX = "flyway."
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_PAIR = re.compile(r"((?:\\.|[^\\=:\s])*)\s*[=:]?\s*(.*)", re.DOTALL)


def read_properties(text: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """A backslash stands for itself, but for one that continues a line.

    With `variables`, `${NAME}` is one of them, or nothing.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    values: dict[str, str] = {}
    logical = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        stripped = line.strip()
        if not logical and (not stripped or stripped[0] in "#!"):
            continue
        begins_another = following.strip().startswith(_PREFIX) and "=" in following
        if stripped.endswith("\\") and following and not begins_another:
            logical += stripped[:-1]
            continue
        whole = logical + stripped
        if variables is not None:
            whole = _VARIABLE.sub(lambda match: variables.get(match[1], ""), whole)
        match = _PAIR.fullmatch(whole)
        assert match  # every part may be empty
        values[match[1]] = match[2]
        logical = ""
    return values
