"""What results of checks say to people: names, meanings, amounts with their units, why something was skipped."""

from typing import Final

from gasolinera.ops.checking import CheckResult, Group, Unit, Verdict
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.ops", "database")
_UNKNOWN: Final = frozenset({"privilege", "timeout", "failed", "unreachable", "not_installed", "not_migrated"})


def title(name: str, language: str) -> str:
    return WORDING.text(language, _message(name))


def meaning(name: str, language: str) -> str:
    return WORDING.text(language, f"{_message(name)}-means")


def advice(name: str, language: str) -> str:
    """What to do about it."""
    return WORDING.text(language, f"{_message(name)}-do")


def group_title(group: Group, language: str) -> str:
    return WORDING.text(language, f"group-{group}")


def verdict_text(verdict: Verdict, language: str) -> str:
    return WORDING.text(language, f"verdict-{verdict}")


def reason_text(reason: str, language: str) -> str:
    """A reason that has no words of its own is told as a failure with its code."""
    name = f"skipped-{reason.replace('_', '-')}"
    if name in WORDING.names(language) and name != "skipped-failed":
        return WORDING.text(language, name)
    return WORDING.text(language, "skipped-failed", {"code": reason.removeprefix("failed ")})


def is_unknown(result: CheckResult) -> bool:
    """It should have been answered and was not: something else than a server that has no such thing."""
    return result.reason is not None and result.reason.split()[0] in _UNKNOWN


def _message(name: str) -> str:
    return f"check-{name.replace('_', '-')}"


def amount_text(amount: float | None, unit: Unit) -> str:
    """With its unit, as far as people need to know it."""
    if amount is None or unit is Unit.NONE:
        return ""
    if unit is Unit.BYTES:
        return bytes_text(amount)
    if unit is Unit.SECONDS:
        return _span(amount)
    if unit is Unit.PERCENT:
        return f"{amount:.1f}\N{NO-BREAK SPACE}%"
    if unit is Unit.DAYS:
        return f"{amount:.0f} d"
    return _thousands(amount)


def bytes_text(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f}\N{NO-BREAK SPACE}{unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f}\N{NO-BREAK SPACE}TB"


def _span(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f}\N{NO-BREAK SPACE}ms"
    if seconds < 120:
        return f"{seconds:.0f}\N{NO-BREAK SPACE}s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}\N{NO-BREAK SPACE}min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f}\N{NO-BREAK SPACE}h"
    return f"{seconds / 86_400:.0f} d"


def _thousands(amount: float) -> str:
    if amount >= 1_000_000:
        return f"{amount / 1_000_000:.1f}\N{NO-BREAK SPACE}M"
    return f"{amount:,.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.2f}"
