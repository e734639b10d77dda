"""The only reader of `queries.sql` but for the partitions: one typed function a query."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.database import Connection, RequestContext, fetch_all, fetch_optional, load_sql, pairs_of
from gasolinera.redemption.models import Flow, Purchased, Redemption, RedemptionRow

_SQL = load_sql("gasolinera.redemption")
_BEGIN = _SQL["begin_redemption"]
_FIND_REPEATED = _SQL["find_repeated"]
_START = _SQL["start_redemption"]
_COMPLETE = _SQL["complete_redemption"]
_FAIL = _SQL["fail_redemption"]
_CANCEL = _SQL["cancel_redemption"]
_BEGIN_PUMP = _SQL["begin_pump_redemption"]
_GET = _SQL["get_redemption"]
_LIST_OF_USER = _SQL["list_of_user"]
_LIST_OF_STATION = _SQL["list_of_station"]
_LIST_ALL = _SQL["list_all"]
_CLAIM_UNFINISHED = _SQL["claim_unfinished"]
_END_WAITING = _SQL["end_waiting"]
_PUT_EMPLOYMENT = _SQL["put_employment"]
_SHOW_PUMP_CODE = _SQL["show_pump_code"]
_SCAN_PUMP_CODE = _SQL["scan_pump_code"]
_WHY_NOT_SCANNED = _SQL["why_not_scanned"]
_LOOK_AT_PUMP = _SQL["look_at_pump"]
_EXPIRE_PUMP_CODES = _SQL["expire_pump_codes"]


class Employee(msgspec.Struct, frozen=True):
    """Who works for the customer, as the token says; the statement asks whether it still holds."""

    user_id: UUID
    employee_number: str
    station_code: str


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is written first. `patience`: how long it may wait before somebody else looks after it."""

    key: str
    request_sha256: bytes
    flow: Flow
    employee: Employee
    terminal_code: str | None
    user_id: UUID
    coupon_code: str
    campaign_code: str
    method: str
    device_id: str | None
    dispenser_code: str | None
    fuel_type: str
    purchased: Purchased
    currency: str
    patience: timedelta
    is_shared: bool


class Step(msgspec.Struct, frozen=True):
    """What a step did; None where there is nothing to see."""

    outcome: str
    redemption: Redemption | None


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """What `employee.changed` says."""

    employee_number: str
    user_id: UUID
    station_code: str
    permissions: tuple[str, ...]
    active: bool
    version: int | None = None


class PumpCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that a pump shows."""

    nonce: UUID
    status: str
    station_code: str
    dispenser_code: str
    amount: Decimal
    currency: str
    base_tickets: int
    fuel_type: str | None
    expires_at: datetime


async def begin(conn: Connection, context: RequestContext, intent: Intent) -> Step:
    record = await conn.fetchrow(
        _BEGIN,
        *pairs_of(context),
        intent.key,
        intent.request_sha256,
        intent.flow,
        intent.employee.user_id,
        intent.employee.employee_number,
        intent.employee.station_code,
        intent.terminal_code,
        intent.user_id,
        intent.coupon_code,
        intent.campaign_code,
        intent.method,
        intent.device_id,
        intent.dispenser_code,
        intent.fuel_type,
        intent.purchased.litres,
        intent.purchased.price_per_litre,
        intent.purchased.amount,
        intent.currency,
        intent.patience,
        intent.is_shared,
    )
    return _step(record)


async def find_repeated(conn: Connection, employee: Employee, key: str, request_sha256: bytes) -> Step | None:
    """As `begin` would answer, for a request that was here before; None: it was not."""
    record = await conn.fetchrow(
        _FIND_REPEATED, employee.employee_number, key, request_sha256, employee.user_id, employee.station_code
    )
    return None if record is None else _step(record)


async def start(
    conn: Connection,
    context: RequestContext,
    reference: str,
    *,
    request_sha256: bytes,
    employee: Employee,
    fuel_type: str | None,
    purchased: Purchased,
) -> Step:
    record = await conn.fetchrow(
        _START,
        *pairs_of(context),
        reference,
        request_sha256,
        employee.user_id,
        employee.employee_number,
        employee.station_code,
        fuel_type,
        purchased.litres,
        purchased.price_per_litre,
        purchased.amount,
    )
    return _step(record)


async def complete(
    conn: Connection,
    context: RequestContext,
    reference: str,
    discount_amount: Decimal,
    coupon_tickets: int,
    raffle_code: str | None,
) -> Redemption:
    facts = await conn.fetchval(_COMPLETE, *pairs_of(context), reference, discount_amount, coupon_tickets, raffle_code)
    return _redemption(facts)


async def fail(conn: Connection, context: RequestContext, judged: Redemption, code: str, reason: str) -> Redemption:
    """As it is then: one that has gone on since it was judged does not fail."""
    facts = await conn.fetchval(_FAIL, *pairs_of(context), judged.transaction_reference, judged.status, code, reason)
    return _redemption(facts)


async def cancel(
    conn: Connection,
    context: RequestContext,
    reference: str,
    *,
    asked_by: UUID | None,
    employee_number: str | None,
    station_code: str | None,
    reason: str,
    within: timedelta,
) -> Step:
    record = await conn.fetchrow(
        _CANCEL, *pairs_of(context), reference, asked_by, employee_number, station_code, reason, within
    )
    return _step(record)


async def begin_pump(
    conn: Connection,
    context: RequestContext,
    nonce: UUID,
    user_id: UUID,
    *,
    coupon_code: str | None,
    campaign_code: str | None,
    device_id: str | None,
    is_shared: bool,
) -> Step:
    record = await conn.fetchrow(
        _BEGIN_PUMP, *pairs_of(context), nonce, user_id, coupon_code, campaign_code, device_id, is_shared
    )
    return _step(record)


async def get(
    conn: Connection, reference: str, *, user_id: UUID | None, station_code: str | None
) -> RedemptionRow | None:
    return await fetch_optional(conn, RedemptionRow, _GET, reference, user_id, station_code)


async def list_of_user(
    conn: Connection, user_id: UUID, status: str | None, *, before: tuple[datetime, int], limit: int
) -> list[RedemptionRow]:
    return await fetch_all(conn, RedemptionRow, _LIST_OF_USER, user_id, status, *before, limit)


async def list_of_station(
    conn: Connection,
    station_code: str,
    status: str | None,
    *,
    with_guesses: bool,
    before: tuple[datetime, int],
    limit: int,
) -> list[RedemptionRow]:
    return await fetch_all(conn, RedemptionRow, _LIST_OF_STATION, station_code, status, *before, limit, with_guesses)


async def list_all(conn: Connection, status: str | None, *, before: int, limit: int) -> list[RedemptionRow]:
    return await fetch_all(conn, RedemptionRow, _LIST_ALL, status, before, limit)


async def claim_unfinished(conn: Connection, limit: int) -> list[Redemption]:
    return [_redemption(record[0]) for record in await conn.fetch(_CLAIM_UNFINISHED, limit)]


async def end_waiting(conn: Connection, limit: int) -> int:
    return int((await conn.execute(_END_WAITING, limit)).rpartition(" ")[2])


async def put_employment(conn: Connection, employment: Employment, as_of: datetime) -> None:
    await conn.execute(
        _PUT_EMPLOYMENT,
        employment.employee_number,
        employment.user_id,
        employment.station_code,
        "may_process_transactions" in employment.permissions,
        employment.active,
        employment.version,
        as_of,
    )


async def show_pump_code(  # noqa: PLR0913  a column is an argument
    conn: Connection,
    nonce: UUID,
    employee: Employee,
    *,
    dispenser_code: str,
    amount: Decimal,
    currency: str,
    tickets: int,
    fuel_type: str | None,
    good_for: timedelta,
) -> PumpCode | None:
    return await fetch_optional(
        conn,
        PumpCode,
        _SHOW_PUMP_CODE,
        nonce,
        employee.station_code,
        dispenser_code,
        employee.employee_number,
        amount,
        currency,
        tickets,
        fuel_type,
        good_for,
        employee.user_id,
    )


async def scan_pump_code(conn: Connection, nonce: UUID, user_id: UUID) -> PumpCode | None:
    return await fetch_optional(conn, PumpCode, _SCAN_PUMP_CODE, nonce, user_id)


async def why_not_scanned(conn: Connection, nonce: UUID, user_id: UUID) -> str | None:
    """TAKEN, OWN or EXPIRED; None: there is no such code."""
    return await conn.fetchval(_WHY_NOT_SCANNED, nonce, user_id)


async def look_at_pump(conn: Connection, nonce: UUID, user_id: UUID) -> Step | None:
    """OPEN, EXPIRED, or REPEATED with what was begun; None: there is no such code, or this driver did not scan it."""
    record = await conn.fetchrow(_LOOK_AT_PUMP, nonce, user_id)
    return None if record is None else _step(record)


async def expire_pump_codes(conn: Connection, limit: int) -> int:
    return int((await conn.execute(_EXPIRE_PUMP_CODES, limit)).rpartition(" ")[2])


def _step(record: Any) -> Step:
    assert record is not None, "a step always says what it did"
    facts = record["facts"]
    return Step(record["outcome"], None if facts is None else _redemption(facts))


def _redemption(facts: Any) -> Redemption:
    return msgspec.convert(facts, Redemption)
