"""Writes the second half of how-to/health-checks.md: a section a check, from the rules and the texts of the pages."""

from pathlib import Path

from gasolinera.ops import checking_words as words
from gasolinera.ops import data_quality
from gasolinera.ops.checking import Against, Group, Rule, Unit
from gasolinera.ops.checking_rules import BY_NAME

PAGE = Path(__file__).parent / "how-to" / "health-checks.md"
MARKER = "<!-- What follows is written by docs/health_checks.py. -->\n"
_AGAINST = {
    Against.PER_MINUTE: "a minute, since an earlier look",
    Against.PER_HOUR: "an hour, since an earlier look",
    Against.SHARE: "of what came since an earlier look",
    Against.MORE: "since an earlier look",
    Against.CHANGED: "compared with an earlier look",
    Against.GONE: "compared with the looks of a day",
}


def sections() -> str:
    """Every check by group, in the order of the page."""
    rules = [*BY_NAME.values(), *data_quality.RULES.values()]
    parts: list[str] = []
    for group in Group:
        parts.append(f"## {words.group_title(group, 'en')}\n")
        parts += [_section(rule) for rule in rules if rule.group is group]
    return "\n".join(parts)


def whole_page() -> str:
    """The page as it should be: its own first half, and the sections."""
    kept, marker, _ = PAGE.read_text(encoding="utf-8").partition(MARKER)
    assert marker, f"{PAGE} has lost its marker"
    return kept + MARKER + "\n" + sections()


def _section(rule: Rule) -> str:
    compared = f" {_AGAINST[rule.against]}" if rule.against is not None else ""
    limits = [
        f"{name} {'at' if not rule.falls else 'down to'} {words.amount_text(limit, rule.unit) or 'one'}"
        for name, limit in (("advice", rule.advice), ("warning", rule.warning), ("critical", rule.critical))
        if limit is not None
    ]
    unit = "that it is there at all" if rule.unit is Unit.NONE else str(rule.unit)
    said = ", ".join(limits).replace("\N{NO-BREAK SPACE}", " ")
    return (
        f"### `{rule.name}`: {words.title(rule.name, 'en')}\n\n"
        f"{words.meaning(rule.name, 'en')} {words.advice(rule.name, 'en')}\n\n"
        f"Amount: {unit}{compared}; {said}. Metric: `{rule.metric}`.\n"
    )


if __name__ == "__main__":
    PAGE.write_text(whole_page(), encoding="utf-8")
