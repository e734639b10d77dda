"""What `validate` and `repair` leave alone: patterns such as `*:missing` or `repeatable:pending`, as Flyway. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from vuelo.errors import VueloError
from vuelo.states import State

_ANY = "*"
_TYPES = (_ANY, "repeatable", "versioned")
_STATES = (_ANY, "missing", "pending", "ignored", "future")


@dataclass(frozen=True)
class Pattern:
    type: str
    state: str

    def matches(self, state: State, *, versioned: bool) -> bool:
        if self.state not in (_ANY, state.value.lower()):
            return False
        return self.type in (_ANY, "versioned" if versioned else "repeatable")


def patterns_of(texts: Iterable[str]) -> tuple[Pattern, ...]:
    """Raises VueloError `ignore.invalid`."""
    return tuple(_pattern_of(text) for text in texts)


def _pattern_of(text: str) -> Pattern:
    type_, colon, state = (part.strip() for part in text.lower().partition(":"))
    if not colon or type_ not in _TYPES or state not in _STATES:
        hint = f"it is TYPE:STATE; a type is one of {', '.join(_TYPES)}, a state one of {', '.join(_STATES)}"
        raise VueloError("ignore.invalid", f"{text!r} is no pattern of migrations to ignore", hint)
    return Pattern(type_, state)


def all_ignored(patterns: tuple[Pattern, ...], state: State) -> bool:
    """Versioned ones as well as repeatable ones, by one pattern or by two."""
    return all(any(one.matches(state, versioned=versioned) for one in patterns) for versioned in (True, False))
