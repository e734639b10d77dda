"""Events told again: which of them say what a service lacks, where they stand with its listener, and their delivery.

A listener's inbox knows each event by its id, so one that it has, however long ago it was settled, does nothing when it
comes again. What was published and never came in is delivered under its own id. Where only the effect is gone, the
event is made anew from what its publisher has now, under an id of its own, and goes to that listener alone: nobody else
hears, and no customer is notified, a second time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

import vuelo
from gasolinera.database import load_sql
from gasolinera.events import Event, encode_event, source_of
from gasolinera.ops.reaching import owner_session
from gasolinera.ops.reconciling_models import Difference, Finding, Remedy, Telling

Connection = psycopg.Connection[Any]

_TEXTS: Final = load_sql("gasolinera.ops", "reconciling_events.sql")
_AT_ONCE: Final = 500
_REBUILDING: Final[Mapping[str, Mapping[str, str]]] = {
    service: load_sql("gasolinera.ops", f"reconciling_{service}.sql")
    for service in ("auth", "station", "redemption", "ads", "raffle")
}
AGGREGATES: Final = {
    "redemption.completed": "redemption",
    "redemption.cancelled": "redemption",
    "tickets.issued": "issuance",
    "tickets.revoked": "issuance",
    "tickets.refused": "issuance",
    "ad.view.completed": "ad_view",
    "ad.view.rejected": "ad_view",
    "user.changed": "user",
    "user.erased": "user",
    "employee.changed": "employee",
    "raffle.changed": "raffle",
    "raffle.drawn": "raffle",
}
# An attribute of CloudEvents that says how the event came in; readers of events pass over what they do not know.
_MARK: Final = "reconciled"


class _Told(msgspec.Struct, frozen=True):
    subject: str
    raffle_code: str | None
    event_id: UUID
    occurred_at: datetime
    published_at: datetime | None


class _Received(msgspec.Struct, frozen=True):
    event_id: UUID
    subject: str
    raffle_code: str | None
    created_at: datetime
    settled_at: datetime | None
    letter_id: int | None


class _Rebuilt(msgspec.Struct, frozen=True):
    payload: dict[str, Any]
    occurred_at: datetime


class _Outboxed(msgspec.Struct, frozen=True):
    event_id: UUID
    event_type: str
    aggregate_type: str
    aggregate_key: str
    payload: dict[str, Any]
    schema_version: int
    correlation_id: str | None
    causation_id: UUID | None
    trace_parent: str | None
    occurred_at: datetime


def sql_of(service: vuelo.Service, name: str) -> bytes:
    """One of the statements about events, for a service's schema, which is no word of strangers."""
    return _TEXTS[name].replace("service_schema.", f"{service.schema}.").encode()


def explained(
    services: Mapping[str, vuelo.Service], comparison: str, differences: Sequence[Difference]
) -> list[Finding]:
    """Each difference with where its event stands, where there is one."""
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    findings: list[Finding] = []
    for one in differences:
        if one.telling is None:
            findings.append(_finding(comparison, one, Remedy.PLAN, one.explanation, one.steps))
        else:
            tell = one.telling
            groups.setdefault((tell.publisher, tell.type, tell.service, tell.consumer), []).append(one)
    for group in groups.values():
        for start in range(0, len(group), _AT_ONCE):
            findings += _standing(services, comparison, group[start : start + _AT_ONCE])
    return findings


def _standing(
    services: Mapping[str, vuelo.Service], comparison: str, differences: Sequence[Difference]
) -> list[Finding]:
    """Of differences whose tellings are alike but for what they are about."""
    tellings = [one.telling for one in differences if one.telling is not None]
    first = tellings[0]
    about = sorted({(telling.subject, telling.raffle_code) for telling in tellings}, key=str)
    asked: dict[str, Any] = {
        "type": first.type,
        "consumer": first.consumer,
        "subjects": [subject for subject, _ in about],
        "raffle_codes": [raffle for _, raffle in about],
    }
    with owner_session(services[first.publisher]) as conn, conn.cursor(row_factory=class_row(_Told)) as cursor:
        rows = cursor.execute(sql_of(services[first.publisher], "newest_told"), asked).fetchall()
    told = {(row.subject, row.raffle_code): row for row in rows}
    asked["event_ids"] = [row.event_id for row in rows]
    with owner_session(services[first.service]) as conn, conn.cursor(row_factory=class_row(_Received)) as cursor:
        received = cursor.execute(sql_of(services[first.service], "received"), asked).fetchall()
    waiting = {(row.subject, row.raffle_code) for row in received if row.settled_at is None}
    known = {row.event_id: row for row in received}
    findings: list[Finding] = []
    for one in differences:
        assert one.telling is not None
        place = (one.telling.subject, one.telling.raffle_code)
        is_waiting = place in waiting if one.telling.raffle_code else any(place[0] == each for each, _ in waiting)
        event = told.get(place)
        row = None if event is None else known.get(event.event_id)
        findings.append(_judged(comparison, one, event, row, is_waiting=is_waiting))
    return findings


def _judged(
    comparison: str, one: Difference, event: _Told | None, row: _Received | None, *, is_waiting: bool
) -> Finding:
    telling = one.telling
    assert telling is not None
    event_id = None if event is None else event.event_id
    if is_waiting:
        said = f"{telling.type} is in the inbox of the {telling.service} service: a worker has to run."
        return _finding(comparison, one, Remedy.WAIT, f"{one.explanation} {said}", event_id=event_id)
    if event is not None and event.published_at is None:
        said = f"{telling.type} of {_at(event.occurred_at)} is not published yet: a worker has to run."
        return _finding(comparison, one, Remedy.WAIT, f"{one.explanation} {said}", event_id=event_id)
    if row is not None and row.letter_id is not None:
        said = f"The {telling.service} service gave {telling.type} up."
        step = f"look at why, mend it, then: gasolinera events dead-letters replay {telling.service} {row.letter_id}"
        return _finding(comparison, one, Remedy.LETTER, f"{one.explanation} {said}", (step,), event_id=event_id)
    if event is None:
        said = (
            f"The outbox holds no {telling.type} any more: it is made anew from the {telling.publisher} service's row."
        )
    elif row is None:
        said = f"{telling.type} of {_at(event.occurred_at)} was published, and never came in."
    else:
        said = f"{telling.type} had its effect at {_at(row.settled_at)}, which is gone: deleted, or restored away."
    return _finding(comparison, one, Remedy.EVENT, f"{one.explanation} {said}", event_id=event_id)


def _finding(
    comparison: str,
    one: Difference,
    remedy: Remedy,
    explanation: str,
    steps: tuple[str, ...] = (),
    event_id: UUID | None = None,
) -> Finding:
    return Finding(
        comparison=comparison,
        kind=one.kind,
        subject=one.subject,
        lacking=one.lacking,
        since=one.at,
        explanation=explanation,
        remedy=remedy,
        steps=steps,
        event_id=event_id,
    )


def tell_anew(services: Mapping[str, vuelo.Service], tellings: Sequence[Telling]) -> dict[Telling, UUID]:
    """Each once, made from what its publisher has now; gives the new events' ids. What it has no more is left out."""
    rebuilt: list[tuple[Telling, Event]] = []
    for publisher in sorted({telling.publisher for telling in tellings}):
        with owner_session(services[publisher]) as conn, conn.cursor(row_factory=class_row(_Rebuilt)) as cursor:
            for telling in dict.fromkeys(one for one in tellings if one.publisher == publisher):
                statement = _REBUILDING[publisher][f"rebuild_{telling.type.replace('.', '_')}"].encode()
                about = {"subject": telling.subject, "raffle_code": telling.raffle_code}
                found = cursor.execute(statement, about).fetchone()
                if found is not None:
                    rebuilt.append((telling, _event(telling, found)))
    rebuilt.sort(key=lambda pair: pair[1].time)
    for service in {telling.service for telling, _ in rebuilt}:
        own = [(telling.consumer, event) for telling, event in rebuilt if telling.service == service]
        deliver(services[service], own, is_anew=True)
    return {telling: event.id for telling, event in rebuilt}


def _event(telling: Telling, found: _Rebuilt) -> Event:
    return Event(
        id=uuid4(),
        type=telling.type,
        source=source_of(telling.publisher),
        aggregate=AGGREGATES[telling.type],
        subject=telling.subject,
        time=found.occurred_at,
        data=found.payload,
    )


def read_told(publisher: vuelo.Service, event_ids: Sequence[UUID]) -> dict[UUID, Event]:
    """Events of an outbox as its relay would carry them."""
    found: dict[UUID, Event] = {}
    with owner_session(publisher) as conn, conn.cursor(row_factory=class_row(_Outboxed)) as cursor:
        for row in cursor.execute(sql_of(publisher, "told_by_id"), {"event_ids": list(event_ids)}):
            found[row.event_id] = Event(
                id=row.event_id,
                type=row.event_type,
                source=source_of(publisher.name),
                aggregate=row.aggregate_type,
                subject=row.aggregate_key,
                time=row.occurred_at,
                data=row.payload,
                schema_version=row.schema_version,
                correlation_id=row.correlation_id,
                causation_id=row.causation_id,
                trace_parent=row.trace_parent,
            )
    return found


def deliver(service: vuelo.Service, events: Sequence[tuple[str, Event]], *, is_anew: bool = False) -> int:
    """Into the inboxes of the named listeners, in this order, all or none; gives how many were not there before."""
    count = 0
    with owner_session(service) as conn, conn.transaction():
        for consumer, event in events:
            document: dict[str, Any] = msgspec.json.decode(encode_event(event))
            if is_anew:
                document[_MARK] = True
            values = {
                "event_id": event.id,
                "consumer": consumer,
                "type": event.type,
                "aggregate": event.aggregate,
                "subject": event.subject,
                "event": Jsonb(document),
                "correlation_id": event.correlation_id,
            }
            count += conn.execute(sql_of(service, "deliver"), values).rowcount
    return count


def _at(at: datetime | None) -> str:
    return "?" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
