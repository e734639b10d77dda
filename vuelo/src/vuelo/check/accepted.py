"""`vuelo-check.toml` beside the project file: findings in released files, which nobody may change any more.

```toml
[[accepted]]
rule = "table-without-comment"
file = "V1__init.sql"            # the end of its path
reason = "released; V4 adds the comment"
```
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vuelo.check.finding import CheckedFile, Finding, Rule, Severity
from vuelo.errors import VueloError

FILE_NAME = "vuelo-check.toml"
_KEYS = {"rule", "file", "reason"}
UNUSED = Rule(
    "unused-acceptance",
    Severity.WARNING,
    f"An entry of `{FILE_NAME}` fits no finding in a file that was checked.",
    "Remove the entry.",
    "",
    "",
)
RULES = (UNUSED,)


@dataclass(frozen=True)
class Accepted:
    """Every finding of a rule in the files whose path ends with `file`; `where` is the list that says so."""

    rule: str
    file: str
    reason: str
    where: Path

    def fits(self, path: Path) -> bool:
        wanted = Path(self.file).parts
        return path.parts[-len(wanted) :] == wanted


def accepted_of(folder: Path) -> tuple[Accepted, ...]:
    """The list in a folder; empty where there is none. Raises VueloError `check.accepted`."""
    path = folder / FILE_NAME
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise VueloError("check.accepted", f"{path}: {error}") from error
    entries: list[dict[str, Any]] = values.get("accepted", [])
    for entry in entries:
        if entry.keys() != _KEYS or not all(isinstance(one, str) and one.strip() for one in entry.values()):
            hint = f"write [[accepted]] with {', '.join(sorted(_KEYS))}, each a text"
            raise VueloError("check.accepted", f"{path}: an entry is not complete: {entry}", hint)
    return tuple(Accepted(**entry, where=path) for entry in entries)


def without_accepted(
    found: Sequence[Finding], accepted: Sequence[Accepted], checked: Sequence[CheckedFile]
) -> list[Finding]:
    """The findings that no entry fits, and a warning for each entry that fits none of a file that was checked."""
    used = {one for one in accepted for finding in found if one.rule == finding.rule and one.fits(finding.path)}
    kept = [one for one in found if not any(one.rule == entry.rule and entry.fits(one.path) for entry in used)]
    for entry in accepted:
        if entry not in used and any(entry.fits(file.path) for file in checked):
            message = f"nothing in {entry.file} breaks {entry.rule}"
            kept.append(Finding(UNUSED.code, UNUSED.severity, message, UNUSED.fix, "", entry.where, None))
    return kept
