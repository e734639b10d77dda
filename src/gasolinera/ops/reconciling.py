"""The services held against each other after a partial restore or a lost event: what differs, why, and what to do.

First outbox against inbox, then fact against fact. Every pair is read in a read-only transaction a side; what changed
in the last minutes is left alone, since its event may be on its way. Repairing is delivering events to the one listener
that lacks an effect, which decides by its own rules, once. Everything else is a plan for people.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

import vuelo
from gasolinera.database import load_sql
from gasolinera.events import Event
from gasolinera.ops import reconciling_people, reconciling_tickets, reconciling_uses
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.reconciling_events import deliver, explained, read_told, tell_anew
from gasolinera.ops.reconciling_heard import PUBLISHERS, Heard, Listener, compare_events
from gasolinera.ops.reconciling_models import (
    Compared,
    Comparison,
    Difference,
    EventsKept,
    Finding,
    Moment,
    Reconciliation,
    Remedy,
)
from gasolinera.ops.reconciling_records import (
    begin_record,
    end_record,
    events_kept,
    keep_findings,
    with_first_found,
)
from gasolinera.ops.reconciling_streams import merged, snapshot, streamed
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]
Services = Mapping[str, vuelo.Service]

COMPARISONS: Final = (
    *reconciling_uses.COMPARISONS,
    *reconciling_tickets.COMPARISONS,
    *reconciling_people.COMPARISONS,
)
GRACE_S: Final = 300
_MOST: Final = 2_000
_SQL: Final[Mapping[str, Mapping[str, str]]] = {
    service: load_sql("gasolinera.ops", f"reconciling_{service}.sql") for service in PUBLISHERS
}


class _Found(msgspec.Struct, frozen=True):
    compared: Compared
    findings: tuple[Finding, ...]
    delivered: int = 0


def reconcile(
    operations: Operations,
    listeners: Sequence[Listener],
    *,
    is_repair: bool = False,
    about: str | None = None,
    grace_s: int = GRACE_S,
    most: int = _MOST,
) -> Reconciliation:
    """Compares whatever services the project has; `most` differences of a comparison are explained, the others counted.
    `about`: only what that service takes part in.

    With `is_repair` delivers what events repair: a second run finds the rest when workers have had them. Raises
    ConflictError `ops.running`, GasolineraError `ops.unsorted`, psycopg.Error where `ops_schema` is out of reach; a
    service that is, is told in its comparisons.
    """
    services = {service.name: service for service in operations.project.services}
    with ops_session(operations.ops_url) as conn, recorded_run(conn, "reconcile") as run:
        record_id, horizon = begin_record(conn, run.id, is_repair=is_repair, grace_s=grace_s)
        found: list[_Found] = []
        kept = events_kept(conn)
        for one in _all(services, listeners, horizon, kept, about=about, is_repair=is_repair, most=most):
            findings = with_first_found(conn, record_id, one.findings)
            keep_findings(conn, record_id, findings)
            found.append(msgspec.structs.replace(one, findings=tuple(findings)))
        done = Reconciliation(
            at=datetime.now(UTC),
            is_repair=is_repair,
            grace_s=grace_s,
            compared=tuple(one.compared for one in found),
            findings=tuple(finding for one in found for finding in one.findings),
            delivered=sum(one.delivered for one in found),
        )
        end_record(conn, record_id, done)
        run.result = {"findings": len(done.findings), "delivered": done.delivered}
        run.outcome = "WARNING" if done.open_findings else "OK"
    return done


def _all(
    services: Services,
    listeners: Sequence[Listener],
    horizon: datetime,
    kept: Mapping[str, EventsKept],
    *,
    about: str | None,
    is_repair: bool,
    most: int,
) -> list[_Found]:
    """Events first: a fact whose event goes out again is then seen to be on its way."""
    found = _events(services, listeners, horizon, kept, about=about, is_repair=is_repair, most=most)
    for comparison in COMPARISONS:
        sides = {comparison.left, comparison.right}
        if sides <= services.keys() and about in (None, *sides):
            found.append(_compared(services, comparison, horizon, is_repair=is_repair, most=most))
    return found


def _events(
    services: Services,
    listeners: Sequence[Listener],
    horizon: datetime,
    kept: Mapping[str, EventsKept],
    *,
    about: str | None,
    is_repair: bool,
    most: int,
) -> list[_Found]:
    """Every outbox against every inbox; what was lost goes to each listener in the order in which it happened, whoever
    told it: who was erased after the tickets came had them.
    """
    found: list[_Found] = []
    for service in sorted({listener.service for listener in listeners} & services.keys()):
        heard: list[Heard] = []
        for publisher in (name for name in PUBLISHERS if name in services and about in (None, name, service)):
            try:
                one = compare_events(services[publisher], services[service], listeners, horizon, kept=kept, most=most)
            except psycopg.Error as error:
                unmade = Compared(name=f"events_{publisher}", left=publisher, right=service, reason=_reason(error))
                found.append(_Found(unmade, ()))
            else:
                heard += [] if one is None else [one]
        found += (
            _redelivered(services, service, heard) if is_repair else [_Found(h.compared, h.findings) for h in heard]
        )
    return found


def _redelivered(services: Services, service: str, heard: Sequence[Heard]) -> list[_Found]:
    """Under their own ids."""
    events: dict[UUID, Event] = {}
    lost = [(one.compared.left, pair) for one in heard for pair in one.lost]
    for publisher in {publisher for publisher, _ in lost}:
        own = [event_id for other, (_, event_id) in lost if other == publisher]
        events |= read_told(services[publisher], own)
    due = [(consumer, events[event_id]) for _, (consumer, event_id) in lost if event_id in events]
    if due:
        deliver(services[service], sorted(due, key=lambda pair: pair[1].time))
    at = datetime.now(UTC)
    found: list[_Found] = []
    for one in heard:
        findings = tuple(
            msgspec.structs.replace(finding, delivered_at=at)
            if finding.remedy is Remedy.EVENT and finding.event_id in events
            else finding
            for finding in one.findings
        )
        found.append(_Found(one.compared, findings, sum(finding.delivered_at == at for finding in findings)))
    return found


def _compared(services: Services, comparison: Comparison, horizon: datetime, *, is_repair: bool, most: int) -> _Found:
    compared = Compared(name=comparison.name, left=comparison.left, right=comparison.right)
    try:
        keys, count, differences = _differences(services, comparison, horizon, most)
        findings = explained(services, comparison.name, differences)
        delivered = 0
        if is_repair:
            findings, delivered = _repaired(services, differences, findings)
        likely = _likely(services, comparison, differences)
    except psycopg.Error as error:
        return _Found(msgspec.structs.replace(compared, reason=_reason(error)), ())
    compared = msgspec.structs.replace(
        compared, keys=keys, differences=count, left_out=count - len(differences), likely=likely
    )
    return _Found(compared, tuple(findings), delivered)


def _differences(
    services: Services, comparison: Comparison, horizon: datetime, most: int
) -> tuple[int, int, list[Difference]]:
    """How many keys there are, how many differ, and the first of those."""
    moment = _moment(services, comparison, horizon)
    keys = count = 0
    found: list[Difference] = []
    with snapshot(services[comparison.left]) as left, snapshot(services[comparison.right]) as right:
        lefts = streamed(left, "left", comparison.left_row, _stream(comparison, comparison.left))
        rights = streamed(right, "right", comparison.right_row, _stream(comparison, comparison.right))
        for one, other in merged(lefts, rights):
            keys += 1
            if any(row is not None and row.at >= horizon for row in (one, other)):
                continue
            difference = comparison.judge(one, other, moment)
            if difference is not None:
                count += 1
                if len(found) < most:
                    found.append(difference)
    return keys, count, found


def _stream(comparison: Comparison, service: str) -> str:
    own = _SQL[service]
    return own.get(comparison.name) or own[comparison.name.partition("_")[0]]


def _moment(services: Services, comparison: Comparison, horizon: datetime) -> Moment:
    """What the judges of tickets and employments need to know besides; little, whatever the tables hold."""
    raffles: dict[str, str] = {}
    version = 0
    if comparison.name == "tickets":
        with owner_session(services["raffle"]) as conn:
            raffles = dict(conn.execute(_SQL["raffle"]["raffle_states"].encode()).fetchall())
    elif comparison.left == "station":
        with owner_session(services["station"]) as conn:
            row = conn.execute(_SQL["station"]["employment_version"].encode()).fetchone()
            assert row is not None
            version = int(row[0])
    return Moment(horizon, raffles, version)


def _repaired(
    services: Services, differences: Sequence[Difference], findings: Sequence[Finding]
) -> tuple[list[Finding], int]:
    due = {one.subject for one in findings if one.remedy is Remedy.EVENT}
    tellings = {one.subject: one.telling for one in differences if one.telling is not None and one.subject in due}
    sent = tell_anew(services, list(tellings.values()))
    at = datetime.now(UTC)
    told: list[Finding] = []
    for one in findings:
        telling = tellings.get(one.subject)
        event_id = None if telling is None else sent.get(telling)
        is_sent = one.remedy is Remedy.EVENT and event_id is not None
        told.append(msgspec.structs.replace(one, event_id=event_id, delivered_at=at) if is_sent else one)
    return told, len(sent)


def _likely(services: Services, comparison: Comparison, differences: Sequence[Difference]) -> tuple[str, ...]:
    """What the differences look like together: nothing else of the time that they span, or single ones among others."""
    times: dict[str, list[datetime]] = {}
    for one in differences:
        times.setdefault(one.lacking, []).append(one.at)
    said: list[str] = []
    for lacking, own in times.items():
        if len(own) < 2 or min(own) == max(own) or lacking not in (comparison.left, comparison.right):
            continue
        stream = _stream(comparison, lacking)
        statement = f"SELECT count(*) FROM ({stream}) AS s WHERE s.at > %s AND s.at < %s"  # noqa: S608  our own
        with owner_session(services[lacking]) as conn:
            row = conn.execute(statement.encode(), (min(own), max(own))).fetchone()
        assert row is not None
        span = " and ".join(f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for time in (min(own), max(own)))
        looks = "it was probably restored" if row[0] == 0 else "single ones were lost, or deleted"
        said.append(f"{lacking} has {row[0] or 'nothing'} between {span} UTC: {looks}")
    return tuple(said)


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "privilege"
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "not_migrated"
    return "unreachable" if error.sqlstate is None else f"failed {error.sqlstate}"
