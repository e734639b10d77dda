"""The only reader of `queries_fraud.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.redemption.models_fraud import (
    MAX_RULES,
    STATUS_AFTER,
    FraudAuditEntry,
    FraudRule,
    RefusedCode,
    Resolution,
    Review,
    ReviewOrder,
    ReviewStatus,
    RuleParameter,
    RuleWish,
    Simulated,
    SimulatedRule,
    SimulatedThresholds,
    StationPlace,
    Thresholds,
    ThresholdsWish,
    WantedReviews,
)

_SQL = load_sql("gasolinera.redemption", "queries_fraud.sql")
_NOTE_REFUSED_CODE = _SQL["note_refused_code"]
_PUT_STATION_POSITION = _SQL["put_station_position"]
_LIST_RULES = _SQL["list_rules"]
_GET_THRESHOLDS = _SQL["get_thresholds"]
_LIST_PARAMETERS = _SQL["list_parameters"]
_ADD_RULE = _SQL["add_rule"]
_CHANGE_RULE = _SQL["change_rule"]
_GET_RULE = _SQL["get_rule"]
_CHANGE_THRESHOLDS = _SQL["change_thresholds"]
_UNFIT_RULES = _SQL["unfit_rules"]
_SIMULATE = _SQL["simulate"]
_LIST_OPEN: Final[dict[ReviewOrder, str]] = {
    "worst": _SQL["list_open_reviews"],
    "mildest": _SQL["list_mildest_reviews"],
    "newest": _SQL["list_newest_reviews"],
    "oldest": _SQL["list_oldest_reviews"],
}
_LIST_RESOLVED_REVIEWS = _SQL["list_resolved_reviews"]
_LIST_RESOLVED_REVIEWS_UP = _SQL["list_resolved_reviews_up"]
_GET_REVIEW = _SQL["get_review"]
_TAKE_REVIEW = _SQL["take_review"]
_RESOLVE_REVIEW = _SQL["resolve_review"]
_LIST_AUDIT = _SQL["list_audit"]
_LIST_AUDIT_UP = _SQL["list_audit_up"]


class UnfitRule(msgspec.Struct, frozen=True):
    rule_name: str


async def note_refused_code(conn: Connection, refused: RefusedCode) -> None:
    await conn.execute(
        _NOTE_REFUSED_CODE,
        refused.code,
        refused.reason,
        refused.station_code,
        refused.employee_number,
        refused.user_id,
        refused.device_id,
    )


async def put_station_position(conn: Connection, place: StationPlace, as_of: datetime) -> None:
    await conn.execute(
        _PUT_STATION_POSITION, place.station_code, place.latitude, place.longitude, place.time_zone, as_of
    )


async def list_rules(conn: Connection) -> list[FraudRule]:
    return await fetch_all(conn, FraudRule, _LIST_RULES)


async def get_thresholds(conn: Connection) -> Thresholds:
    return await fetch_one(conn, Thresholds, _GET_THRESHOLDS)


async def list_parameters(conn: Connection) -> list[RuleParameter]:
    return await fetch_all(conn, RuleParameter, _LIST_PARAMETERS)


async def add_rule(conn: Connection, name: str, wish: RuleWish) -> FraudRule | None:
    return await fetch_optional(
        conn, FraudRule, _ADD_RULE, name, wish.kind, wish.parameters, wish.points, wish.is_enabled, MAX_RULES
    )


async def change_rule(conn: Connection, name: str, wish: RuleWish) -> FraudRule | None:
    return await fetch_optional(
        conn, FraudRule, _CHANGE_RULE, name, wish.kind, wish.parameters, wish.points, wish.is_enabled, wish.version
    )


async def get_rule(conn: Connection, name: str) -> FraudRule | None:
    return await fetch_optional(conn, FraudRule, _GET_RULE, name)


async def change_thresholds(conn: Connection, wish: ThresholdsWish) -> Thresholds | None:
    return await fetch_optional(
        conn,
        Thresholds,
        _CHANGE_THRESHOLDS,
        wish.flagged_from,
        wish.review_from,
        wish.blocked_from,
        wish.version,
    )


async def unfit_rules(conn: Connection, rules: Sequence[SimulatedRule]) -> list[UnfitRule]:
    return await fetch_all(conn, UnfitRule, _UNFIT_RULES, msgspec.to_builtins(rules))


async def simulate(
    conn: Connection,
    rules: Sequence[SimulatedRule | FraudRule],
    thresholds: SimulatedThresholds,
    *,
    station_code: str | None,
    newest: int,
) -> list[Simulated]:
    """Reads only."""
    as_rows = [{"version": 0} | msgspec.to_builtins(rule) for rule in rules]
    return await fetch_all(conn, Simulated, _SIMULATE, as_rows, msgspec.to_builtins(thresholds), station_code, newest)


async def list_open_reviews(
    conn: Connection,
    wanted: WantedReviews,
    order: ReviewOrder,
    *,
    after: tuple[int, datetime, int],
    limit: int,
) -> list[Review]:
    """`after`: score, time, id; the orders by time need no score."""
    named = (wanted.station_code, wanted.text, wanted.coupon_code)
    place = after if order in ("worst", "mildest") else after[1:]
    return await fetch_all(conn, Review, _LIST_OPEN[order], *named, *place, limit)


async def list_resolved_reviews(
    conn: Connection, wanted: WantedReviews, status: ReviewStatus, *, is_up: bool, after: int, limit: int
) -> list[Review]:
    query = _LIST_RESOLVED_REVIEWS_UP if is_up else _LIST_RESOLVED_REVIEWS
    return await fetch_all(
        conn, Review, query, wanted.station_code, wanted.text, wanted.coupon_code, status, after, limit
    )


async def get_review(conn: Connection, station_code: str | None, detection_id: UUID) -> Review | None:
    return await fetch_optional(conn, Review, _GET_REVIEW, station_code, detection_id)


async def take_review(
    conn: Connection, station_code: str | None, detection_id: UUID, *, reviewer: UUID, employee_number: str | None
) -> Review | None:
    return await fetch_optional(conn, Review, _TAKE_REVIEW, station_code, detection_id, reviewer, employee_number)


async def resolve_review(
    conn: Connection,
    station_code: str | None,
    detection_id: UUID,
    *,
    reviewer: UUID,
    resolution: Resolution,
    notes: str,
    release_hours: int,
) -> Review | None:
    status = STATUS_AFTER[resolution]
    return await fetch_optional(
        conn, Review, _RESOLVE_REVIEW, station_code, detection_id, reviewer, status, resolution, notes, release_hours
    )


async def list_audit(
    conn: Connection, subject: str | None, event_type: str | None, *, before: int, limit: int
) -> list[FraudAuditEntry]:
    return await fetch_all(conn, FraudAuditEntry, _LIST_AUDIT, subject, before, limit, event_type)


async def list_audit_up(
    conn: Connection, subject: str | None, event_type: str | None, *, after: int, limit: int
) -> list[FraudAuditEntry]:
    return await fetch_all(conn, FraudAuditEntry, _LIST_AUDIT_UP, subject, after, limit, event_type)
