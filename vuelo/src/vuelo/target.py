"""How far a migrate goes: `latest`, `next`, `current`, a version, or a version that may be missing. Pure."""

from dataclasses import dataclass

from vuelo.errors import VueloError
from vuelo.naming import Version

LATEST, NEXT, CURRENT = "latest", "next", "current"


@dataclass(frozen=True)
class Target:
    """Either a `word` or a `version`; `must_exist` where a version that no migration has is a slip."""

    word: str | None = LATEST
    version: Version | None = None
    must_exist: bool = False


def target_of(text: str) -> Target:
    """Read the setting `target`. Words are read without case, as Flyway does. Raises VueloError `target.invalid`."""
    word = text.strip().lower()
    if word in (LATEST, NEXT, CURRENT):
        return Target(word)
    number = word.removesuffix("?")
    try:
        return Target(None, Version.parse(number), must_exist=number == word)
    except ValueError:
        hint = "it is latest, next, current, a version such as 2.1, or 2.1? for one that may be missing"
        raise VueloError("target.invalid", f"{text!r} is no target", hint) from None
