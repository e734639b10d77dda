"""Outboxes against inboxes, event by event: what was published and never came in, and what came in of a publisher that
does not know it any more.

It needs no knowledge of what events mean, and finds a partial restore of either side as far back as an outbox keeps
what it published.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

import vuelo
from gasolinera.events import source_of
from gasolinera.ops.reaching import owner_session
from gasolinera.ops.reconciling_events import read_told, sql_of
from gasolinera.ops.reconciling_kinds import difference
from gasolinera.ops.reconciling_models import Compared, Difference, EventsKept, Finding, Remedy
from gasolinera.ops.reconciling_streams import merged, snapshot, streamed

PUBLISHERS: Final[Mapping[str, frozenset[str]]] = {
    "auth": frozenset({"user.registered", "user.changed", "user.erased"}),
    "station": frozenset({"employee.changed", "station.changed"}),
    "coupon": frozenset({"campaign.changed", "coupon.issued", "coupon.consumed", "coupon.restored"}),
    "redemption": frozenset({"redemption.completed", "redemption.cancelled", "tickets.issued", "tickets.revoked"}),
    "ads": frozenset({"ad.campaign.budget_alert", "ad.view.completed", "ad.view.rejected"}),
    "raffle": frozenset(
        {
            "raffle.changed",
            "raffle.closed",
            "raffle.drawn",
            "raffle.winner.selected",
            "prize.claimed",
            "tickets.refused",
        }
    ),
}


class Listener(msgspec.Struct, frozen=True):
    """A consumer of events, as the inbox of its service knows it."""

    service: str
    consumer: str
    types: frozenset[str]


class Heard(msgspec.Struct, frozen=True):
    """What a comparison of an outbox with an inbox found; `lost`: what to deliver again, by listener and event."""

    compared: Compared
    findings: tuple[Finding, ...]
    lost: tuple[tuple[str, UUID], ...]


class _Passed(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    at: datetime
    event_id: UUID
    consumer: str
    event_type: str
    aggregate_type: str
    aggregate_key: str


def compare_events(
    publisher: vuelo.Service,
    service: vuelo.Service,
    listeners: Iterable[Listener],
    horizon: datetime,
    *,
    kept: Mapping[str, EventsKept],
    most: int,
) -> Heard | None:
    """None: none of these listeners is told anything by this publisher. `most` of each kind are explained. What an
    inbox has forgotten, by `kept` of its service, was not lost: delivered again it would have its effect twice.
    """
    wanted = [
        (event_type, listener.consumer)
        for listener in listeners
        if listener.service == service.name
        for event_type in sorted(listener.types & PUBLISHERS[publisher.name])
    ]
    if not wanted:
        return None
    types, consumers = map(list, zip(*wanted, strict=True))
    asked = {
        "types": types,
        "consumers": consumers,
        "since": horizon - kept.get(service.name, EventsKept()).settled,
        "until": horizon,
        "source": source_of(publisher.name),
    }
    told_since = horizon - kept.get(publisher.name, EventsKept()).published
    lost: list[_Passed] = []
    unknown: list[_Passed] = []
    keys = lost_count = 0
    with snapshot(publisher) as telling:
        told = streamed(telling, "told", _Passed, sql_of(publisher, "told").decode(), asked)
        with snapshot(service) as hearing:
            heard = streamed(hearing, "heard", _Passed, sql_of(service, "heard").decode(), asked)
            for one, other in merged(told, heard):
                keys += 1
                if other is None and one is not None:
                    lost_count += 1
                    if len(lost) < most:
                        lost.append(one)
                elif one is None and other is not None and told_since < other.at < horizon:
                    unknown.append(other)
                    unknown = unknown if len(unknown) < most else _really_unknown(publisher, unknown)[:most]
    unknown = _really_unknown(publisher, unknown)
    name = f"events_{publisher.name}"
    findings = [
        *(
            _finding(name, _difference("event_not_heard", publisher, service, one), Remedy.EVENT, one.event_id)
            for one in lost
        ),
        *(
            _finding(name, _difference("event_not_told", publisher, service, one), Remedy.PLAN, one.event_id)
            for one in unknown
        ),
    ]
    compared = Compared(
        name=name,
        left=publisher.name,
        right=service.name,
        keys=keys,
        differences=lost_count + len(unknown),
        left_out=lost_count - len(lost),
        likely=_likely(service, lost),
    )
    return Heard(compared, tuple(findings), tuple((one.consumer, one.event_id) for one in lost))


def _really_unknown(publisher: vuelo.Service, heard: Sequence[_Passed]) -> list[_Passed]:
    """Without what its outbox has after all: not published yet, or longer ago than was looked at."""
    known = read_told(publisher, [one.event_id for one in heard]) if heard else {}
    return [one for one in heard if one.event_id not in known]


def _difference(kind: str, publisher: vuelo.Service, service: vuelo.Service, one: _Passed) -> Difference:
    return difference(
        kind,
        one.key,
        one.at,
        lacking=service.name if kind == "event_not_heard" else publisher.name,
        publisher=publisher.name,
        told=service.name,
        consumer=one.consumer,
        type=one.event_type,
        aggregate=one.aggregate_type,
        about=one.aggregate_key,
        event_id=one.event_id,
    )


def _finding(comparison: str, one: Difference, remedy: Remedy, event_id: UUID) -> Finding:
    return Finding(
        comparison=comparison,
        kind=one.kind,
        subject=one.subject,
        lacking=one.lacking,
        since=one.at,
        explanation=one.explanation,
        remedy=remedy,
        steps=one.steps,
        event_id=event_id,
    )


def _likely(service: vuelo.Service, lost: Sequence[_Passed]) -> tuple[str, ...]:
    """Whether events were lost one by one, or everything of a time is gone."""
    times = sorted(one.at for one in lost)
    if len(times) < 2 or times[0] == times[-1]:
        return ()
    with owner_session(service) as conn:
        row = conn.execute(sql_of(service, "came_between"), {"first": times[0], "last": times[-1]}).fetchone()
    assert row is not None
    span = " and ".join(f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for time in (times[0], times[-1]))
    looks = "it was probably restored" if row[0] == 0 else "single ones were lost, or deleted"
    return (f"{row[0] or 'nothing'} came to {service.name} between {span} UTC: {looks}",)
