"""What the fraud rules saw, in words that a reviewer understands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gasolinera.wording import Wording

# By what a finding holds; the first that fits.
_TEXTS: Final = (
    ("seen-travel", ("km", "minutes", "from_station")),
    ("seen-outlier", ("amount", "usual", "of")),
    ("seen-repeated", ("redemption",)),
    ("seen-confirmed", ("confirmed",)),
    ("seen-count", ("before", "max")),
)


class Seen(msgspec.Struct, frozen=True):
    """A rule that struck: its name, its points, and what it saw. `rule` is the name that addresses have."""

    rule: str
    label: str
    points: int
    text: str


def rule_label(wording: Wording, language: str, rule: str) -> str:
    """Of the rules to begin with; one that somebody made has the name that it was given."""
    name = f"rule-{rule.replace('_', '-')}"
    return wording.text(language, name) if name in wording.names(language) else rule.replace("_", " ")


def seen(wording: Wording, language: str, rule_points: Mapping[str, int], details: Mapping[str, Any]) -> Sequence[Seen]:
    """The heaviest first."""
    by_weight = sorted(rule_points.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        Seen(rule, rule_label(wording, language, rule), points, _told(wording, language, details.get(rule)))
        for rule, points in by_weight
    ]


def _told(wording: Wording, language: str, finding: Mapping[str, Any] | None) -> str:
    if finding is None:
        return ""
    for name, keys in _TEXTS:
        if all(key in finding for key in keys):
            return wording.text(language, name, {key: _plain(finding[key]) for key in keys})
    return ""


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)
