"""The health of a database: how bad the answers to the checks' questions are.

The questions are in `checks_*.sql`, a file a group, and their rules in `checking_rules`. What a check means and what
to do about it is told beside the pages' texts, by its name.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

SHOWN = 20


class Verdict(StrEnum):
    """In the order of who should be woken."""

    GOOD = "good"
    SKIPPED = "skipped"
    ADVICE = "advice"
    WARNING = "warning"
    CRITICAL = "critical"


class Unit(StrEnum):
    """What an amount counts."""

    PERCENT = "percent"
    SECONDS = "seconds"
    BYTES = "bytes"
    TRANSACTIONS = "transactions"
    ROWS = "rows"
    DAYS = "days"
    COUNT = "count"
    NONE = "none"  # that it is there at all


class Group(StrEnum):
    """What a check is about; in the order of the page."""

    CONNECTIONS = "connections"
    ACTIVITY = "activity"
    VACUUM = "vacuum"
    INDEXES = "indexes"
    TABLES = "tables"
    REPLICATION = "replication"
    ARCHIVE = "archive"
    BACKUPS = "backups"
    GROWTH = "growth"
    MIGRATIONS = "migrations"
    EVENTS = "events"
    JOBS = "jobs"
    SECURITY = "security"
    SETTINGS = "settings"
    DATA = "data"


class Against(StrEnum):
    """What a counter is held against: the same counter of an earlier look."""

    PER_MINUTE = "per_minute"
    PER_HOUR = "per_hour"
    SHARE = "share"  # of what came to `whole` meanwhile, in percent
    MORE = "more"  # what came meanwhile
    CHANGED = "changed"  # that it is another value
    GONE = "gone"  # that it is no more there


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """From which amount on an object is advice, a warning, critical; with `falls` down to which.

    `sees_all`: it is about sessions of others, of which a role without pg_read_all_stats sees next to nothing.
    `of_server`: the answer is the same whichever database of a server is asked. `as_login`: it may need more than the
    role ops has, so that whoever logged in asks again. `is_question`: SQL alone answers it. `least`: a share of fewer
    says nothing. `metric`: the worst amount's name for Prometheus, in base units.
    """

    name: str
    group: Group = Group.DATA
    unit: Unit = Unit.NONE
    advice: float | None = None
    warning: float | None = None
    critical: float | None = None
    metric: str = ""
    falls: bool = False
    sees_all: bool = False
    of_server: bool = False
    as_login: bool = False
    is_question: bool = True
    since: int = 0  # the server's version, such as 150000
    against: Against | None = None
    least: float = 0


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Limits in place of a rule's, for the objects that `object_pattern` names as a shell does."""

    check_name: str
    object_pattern: str = "*"
    advice: float | None = None
    warning: float | None = None
    critical: float | None = None
    is_off: bool = False
    reason: str = ""


class Finding(msgspec.Struct, frozen=True):
    object: str
    amount: float
    verdict: Verdict


class CheckResult(msgspec.Struct, frozen=True):
    """`worst`: the worst amount, of good ones too. `findings`: the worst of those that are not good; `count` of all.

    `reason` says why a check was skipped: privilege, version, failed, timeout, or a word of the check's own. `place`:
    the database that was asked.
    """

    name: str
    verdict: Verdict
    unit: Unit
    worst: float | None
    count: int
    findings: tuple[Finding, ...]
    reason: str | None = None
    group: Group = Group.DATA
    place: str = ""


Row = tuple[str, float | None, str | None]


def judge(rule: Rule, rows: Sequence[Row], thresholds: Sequence[Threshold] = ()) -> CheckResult:
    """What a question's answer amounts to: of each row the object, the amount, and why there is none. Pure."""
    own = _own_thresholds(rule, thresholds)
    if any(one.is_off and one.object_pattern == "*" for one in own):
        return skipped(rule, "switched_off")
    unsaid = next((why for _, amount, why in rows if amount is None), None)
    amounts = [(thing, amount) for thing, amount, _ in rows if amount is not None]
    if unsaid is not None and not amounts:
        return skipped(rule, unsaid)
    judged = [Finding(thing, amount, _verdict(_limits(rule, own, thing), amount, rule)) for thing, amount in amounts]
    order = list(Verdict)
    sign = 1 if rule.falls else -1
    findings = sorted(
        (one for one in judged if one.verdict is not Verdict.GOOD),
        key=lambda one: (-order.index(one.verdict), sign * one.amount),
    )
    worst = min if rule.falls else max
    return CheckResult(
        name=rule.name,
        verdict=findings[0].verdict if findings else Verdict.GOOD,
        unit=rule.unit,
        worst=worst((one.amount for one in judged), default=None),
        count=len(findings),
        findings=tuple(findings[:SHOWN]),
        group=rule.group,
    )


def skipped(rule: Rule, reason: str) -> CheckResult:
    return CheckResult(rule.name, Verdict.SKIPPED, rule.unit, None, 0, (), reason, rule.group)


def worst_first(results: Sequence[CheckResult]) -> list[CheckResult]:
    order = list(Verdict)
    return sorted(results, key=lambda result: -order.index(result.verdict))


def _own_thresholds(rule: Rule, thresholds: Sequence[Threshold]) -> list[Threshold]:
    """The longest pattern first: the more it says, the fewer it means."""
    own = [one for one in thresholds if one.check_name == rule.name]
    return sorted(own, key=lambda one: -len(one.object_pattern))


def _limits(rule: Rule, own: Sequence[Threshold], thing: str) -> Rule | Threshold:
    for one in own:
        if one.object_pattern == thing or fnmatchcase(thing, one.object_pattern):
            return one
    return rule


def _verdict(limits: Rule | Threshold, amount: float, rule: Rule) -> Verdict:
    for verdict, limit in (
        (Verdict.CRITICAL, limits.critical),
        (Verdict.WARNING, limits.warning),
        (Verdict.ADVICE, limits.advice),
    ):
        if limit is not None and (amount <= limit if rule.falls else amount >= limit):
            return verdict
    return Verdict.GOOD


Counters = Mapping[str, Mapping[str, tuple[float, float | None]]]  # by check and object: the counter, and its whole


def compared(
    rule: Rule, now: Mapping[str, tuple[float, float | None]], before: Counters | None, seconds: float
) -> list[Row]:
    """What a counter did in the seconds since an earlier look. Pure; without an earlier look nothing can be said."""
    assert rule.against is not None
    earlier = None if before is None else before.get(rule.name)
    if earlier is None:
        return [("", None, "first_look")]
    if rule.against is Against.GONE:
        return [(thing, 0.0 if thing in now else 1.0, None) for thing in sorted({*earlier, *now})]
    rows: list[Row] = []
    for thing, (counter, whole) in now.items():
        if thing not in earlier:  # a new object: its first look
            rows.append((thing, None, "first_look"))
            continue
        rows.append(_difference(rule, thing, (counter, whole), earlier[thing], seconds))
    return rows


def _difference(
    rule: Rule, thing: str, now: tuple[float, float | None], before: tuple[float, float | None], seconds: float
) -> Row:
    more = now[0] - before[0]
    whole = (now[1] or 0.0) - (before[1] or 0.0)
    if rule.against is Against.CHANGED:
        return thing, 0.0 if more == 0 else 1.0, None
    if more < 0 or whole < 0:
        return thing, None, "statistics_reset"
    if rule.against is Against.SHARE:
        return (thing, None, "too_little") if whole < max(rule.least, 1) else (thing, 100.0 * more / whole, None)
    # A look of a second ago says little: what happened since counts as if it were that of a whole minute or hour.
    if rule.against is Against.PER_MINUTE:
        return thing, more / max(seconds / 60, 1.0), None
    if rule.against is Against.PER_HOUR:
        return thing, more / max(seconds / 3600, 1.0), None
    return thing, more, None
