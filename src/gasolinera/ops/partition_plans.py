"""What is to be done with partitions: which are missing, which may go. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from gasolinera.ops.partition_rules import PartitionRule, is_past, may_go, month_of, months_on
from gasolinera.ops.partition_tables import Partition, PartitionedTable, Span

_MOST_GAPS = 240  # a table whose first partition is of the year 1 by mistake is not filled up


class TablePlan(msgspec.Struct, frozen=True, kw_only=True):
    """As of `at`. `until`: rows find a place up to here, without a hole from now on; None: for good, or not now."""

    table: PartitionedTable
    rule: PartitionRule
    at: datetime
    until: datetime | None
    is_short: bool
    ahead: tuple[Span, ...]
    gaps: tuple[Span, ...]
    pending: tuple[Partition, ...]
    due: tuple[Partition, ...]


def plan_table(table: PartitionedTable, rule: PartitionRule, now: datetime) -> TablePlan:
    """Partitions that are no months are left alone but for the pending detaches."""
    pending = tuple(one for one in table.partitions if one.is_pending)
    if not table.is_by_time:
        nothing: tuple[Span, ...] = ()
        return TablePlan(
            table=table,
            rule=rule,
            at=now,
            until=None,
            is_short=False,
            ahead=nothing,
            gaps=nothing,
            pending=pending,
            due=(),
        )
    # One that is being detached still has its bounds: nothing else can be put there, and nothing is written to it.
    spans = [one.span for one in table.partitions if one.span is not None]
    this_month = month_of(now)
    end = months_on(this_month, rule.months_ahead + 1)
    until, is_endless = covered_until([one.span for one in table.attached if one.span is not None], now)
    return TablePlan(
        table=table,
        at=now,
        rule=rule,
        until=until,
        is_short=not is_endless and (until is None or until < now + timedelta(days=rule.alert_days)),
        ahead=tuple(_holes(spans, this_month, end)),
        gaps=tuple(_gaps(spans, rule, this_month, now)),
        pending=pending,
        due=tuple(
            one
            for one in table.attached
            if one.is_plain
            and one.span is not None
            and one.span.upper is not None
            and may_go(rule, one.span.upper, now)
        ),
    )


def partition_name(table: str, span: Span) -> str:
    """As the services' own function names months; a part of a month has its first day in its name."""
    assert span.lower is not None, "what is made has a beginning"
    day = span.lower.astimezone(UTC)
    suffix = f"_{day:%Y_%m}" if span == Span(month_of(day), months_on(month_of(day), 1)) else f"_{day:%Y_%m_%d}"
    return f"{table.encode()[: 63 - len(suffix)].decode(errors='ignore')}{suffix}"


def _holes(spans: Sequence[Span], begin: datetime, end: datetime) -> list[Span]:
    """What of [begin, end) no partition has, cut where months begin."""
    holes: list[Span] = []
    at = begin
    for span in sorted(spans, key=_lower):
        if span.lower is not None and span.lower > at:
            holes += _cut(at, min(span.lower, end))
        if span.upper is None:
            return holes
        at = max(at, span.upper)
        if at >= end:
            return holes
    return holes + _cut(at, end)


def _cut(begin: datetime, end: datetime) -> list[Span]:
    pieces: list[Span] = []
    while begin < end:
        stop = min(months_on(month_of(begin), 1), end)
        pieces.append(Span(begin, stop))
        begin = stop
    return pieces


def _gaps(spans: Sequence[Span], rule: PartitionRule, this_month: datetime, now: datetime) -> list[Span]:
    """Holes between the oldest partition and this month; not those that would be due for going at once."""
    first = min((span.lower for span in spans if span.lower is not None), default=this_month)
    holes = _holes(spans, max(first, months_on(this_month, -_MOST_GAPS)), this_month) if first < this_month else []
    if rule.keep_months is None:
        return holes
    return [hole for hole in holes if hole.upper is not None and not is_past(hole.upper, rule.keep_months, now)]


def covered_until(spans: Sequence[Span], now: datetime) -> tuple[datetime | None, bool]:
    """Up to where rows find a place from now on, without a hole, and whether that is for good."""
    at = now
    for span in sorted(spans, key=_lower):
        if span.lower is not None and span.lower > at:
            break
        if span.upper is None:
            return None, True
        at = max(at, span.upper)
    return (at, False) if at > now else (None, False)


def _lower(span: Span) -> datetime:
    return span.lower or datetime.min.replace(tzinfo=UTC)
