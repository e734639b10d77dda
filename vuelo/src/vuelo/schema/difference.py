"""One object that differs, for people and as data."""

from difflib import unified_diff
from typing import Any

from vuelo.schema.snapshot import Difference


def as_text(difference: Difference, *, indent: str = "") -> str:
    """`+` is what is there now, `-` what was, or should be, there."""
    if difference.before is None or difference.after is None:
        sign, text = ("+", difference.after) if difference.before is None else ("-", difference.before)
        lines = [f"{sign} {difference.object}", *(f"{sign}     {line}" for line in (text or "").splitlines())]
    else:
        changes = list(unified_diff(difference.before.splitlines(), difference.after.splitlines(), n=0, lineterm=""))
        lines = [f"~ {difference.object}"]
        lines += [f"{line[0]}     {line[1:]}" for line in changes[2:] if not line.startswith("@@")]
    return "\n".join(indent + line for line in lines)


def as_data(difference: Difference) -> dict[str, Any]:
    kind = "added" if difference.before is None else "missing" if difference.after is None else "changed"
    return {"object": difference.object, "kind": kind, "before": difference.before, "after": difference.after}
