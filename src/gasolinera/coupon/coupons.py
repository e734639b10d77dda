"""Coupons after they were issued: found, shown to their owners, handed out, withdrawn, expired."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from gasolinera.bringing_in import SheetResult, Tally, bring_in
from gasolinera.calls import UserDirectory, UserSummary
from gasolinera.coupon import queries_coupons as queries
from gasolinera.coupon.codes import normalised
from gasolinera.coupon.errors_coupons import campaign_not_open, taken, unknown_coupon, wrong_status
from gasolinera.coupon.models_coupons import (
    Coupon,
    CouponFilter,
    CouponStatus,
    WalletCoupon,
)
from gasolinera.coupon.queries_issuing import share_with_erasures
from gasolinera.database import Connection, Database
from gasolinera.errors import InputError
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.tabular import Column, Layout, RowFault, Sheet, read_table

_EXPIRED_AT_ONCE: Final = 5_000
_ASKED_AT_ONCE: Final = 8  # half of the connections that a process has to auth: other requests ask meanwhile

People = Mapping[UUID, UserSummary | None]  # None: there is no such person


class CouponPosition(Position, frozen=True):
    id: int


class OldestCouponPosition(Position, frozen=True):
    id: int


class WalletPosition(Position, frozen=True):
    valid_until: str
    id: int


def known_code(text: str) -> str:
    """The code that was typed. What can be none answers like one that is not there: raises UnknownError."""
    code = normalised(text)
    if code is None:
        raise unknown_coupon()
    return code


async def search(
    conn: Connection, wanted: CouponFilter, *, is_up: bool = False, cursor: str | None, limit: int
) -> Page[Coupon]:
    """The last issued first, or with `is_up` the first.

    A state is looked for in a campaign or of a user: among all coupons a rare one would be a walk through millions.

    Raises InputError `request.cursor`, `coupon.search`.
    """
    is_narrow = wanted.campaign_code is not None or wanted.user_id is not None
    if not is_narrow and (wanted.status is not None or wanted.is_assigned is not None):
        hint = "name one of them"
        raise InputError("coupon.search", "coupons of a state are looked for in a campaign or of a user", hint)
    kind = OldestCouponPosition if is_up else CouponPosition
    position = decode_cursor(kind, cursor)
    after = None if position is None else position.id
    page = page_of(
        await queries.search(conn, wanted, is_up=is_up, after=after, limit=limit + 1),
        limit=limit,
        position=lambda coupon: kind(coupon.id),
    )
    return Page(tuple(coupon.shown() for coupon in page.items), page.next_cursor)


async def get_coupon(conn: Connection, code: str) -> Coupon:
    """Raises UnknownError."""
    coupon = await queries.get_coupon(conn, known_code(code))
    if coupon is None:
        raise unknown_coupon()
    return coupon.shown()


async def suspend(conn: Connection, code: str, reason: str) -> Coupon:
    """Not usable until it is released. Raises UnknownError, ConflictError `coupon.status`."""
    return await _change(conn, code, CouponStatus.SUSPENDED, (CouponStatus.ACTIVE,), reason, "COUPON_SUSPENDED")


async def release(conn: Connection, code: str, reason: str) -> Coupon:
    """Raises UnknownError, ConflictError `coupon.status`."""
    return await _change(conn, code, CouponStatus.ACTIVE, (CouponStatus.SUSPENDED,), reason, "COUPON_RELEASED")


async def cancel(conn: Connection, code: str, reason: str) -> Coupon:
    """For good. Raises UnknownError, ConflictError `coupon.status`."""
    open_ones = (CouponStatus.ACTIVE, CouponStatus.SUSPENDED)
    return await _change(conn, code, CouponStatus.CANCELLED, open_ones, reason, "COUPON_CANCELLED")


async def _change(
    conn: Connection, code: str, status: CouponStatus, after: tuple[CouponStatus, ...], reason: str, action: str
) -> Coupon:
    code = known_code(code)
    coupon = await queries.change_status(conn, code, status, after=after, reason=reason, action=action)
    if coupon is None:
        raise unknown_coupon() if await queries.get_coupon(conn, code) is None else wrong_status()
    return coupon.shown()


async def assign(conn: Connection, code: str, user_id: UUID) -> Coupon:
    """To somebody who exists, which the caller has asked. Raises UnknownError, ConflictError `coupon.taken`."""
    code = known_code(code)
    await share_with_erasures(conn)
    coupon = await queries.assign_coupon(conn, code, user_id)
    if coupon is None:
        raise unknown_coupon() if await queries.get_coupon(conn, code) is None else taken()
    return coupon.shown()


def check_user(user: UserSummary | None) -> None:
    """Raises InputError `coupon.unknown_user` for nobody, and for an account that is closed."""
    if user is None or not user.active:
        raise InputError("coupon.unknown_user", "there is no active user with this id")


# Lists -----------------------------------------------------------------------------------------------------------

ASSIGNMENTS = Layout(
    thing="coupon",
    columns=(
        Column("coupon_code", "codigo_cupon", str, is_capitals=True),
        Column("user_id", "usuario", UUID),
    ),
    key="coupon_code",
    needed=("user_id",),
    needs_key=False,
    max_rows=5_000,  # each person is asked for
)


def read_assignments(data: bytes) -> Sheet:
    """Raises InputError `sheet.*` for what is no list of coupons and users at all."""
    return read_table(data, ASSIGNMENTS)


async def find_people(users: UserDirectory, sheet: Sheet) -> People:
    """What the auth service says of the people of a list, each asked for once. To be called before the transaction: a
    connection must not be held while another service is asked. Raises UnavailableError.
    """
    wanted = {row["user_id"] for row in sheet.rows.values() if row["user_id"] is not None}
    places = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def ask(user_id: UUID) -> UserSummary | None:
        async with places:
            return await users.find(user_id)

    try:
        async with asyncio.TaskGroup() as group:
            asked = {user_id: group.create_task(ask(user_id)) for user_id in wanted}
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None  # who cannot be asked for one cannot be asked for the others
    return {user_id: task.result() for user_id, task in asked.items()}


async def assign_list(
    conn: Connection, people: People, sheet: Sheet, *, campaign_code: str | None, is_dry_run: bool, keeps_good: bool
) -> SheetResult:
    """A row with a code gives that coupon to the user; one without owes the user a new one of the campaign, which is
    issued within moments, once a user and campaign.

    Keeps nothing on a dry run, nor when a row is faulty unless `keeps_good`. Needs a transaction. Raises ConflictError
    `coupon.campaign_not_open`, InputError `sheet.too_many_faults`.
    """

    async def work(tally: Tally) -> None:
        named: dict[int, tuple[str, UUID]] = {}
        owed: set[UUID] = set()
        for number, row in sheet.rows.items():
            typed, user_id = row.get("coupon_code"), row["user_id"]
            code = None if typed is None else normalised(typed)
            fault = _fault(number, people, user_id, is_wrong=typed is not None and code is None)
            if fault is None and code is None and campaign_code is None:
                fault = RowFault(number, "coupon_code", "missing", "without a campaign every row names its coupon")
            if fault is not None:
                tally.refuse(fault)
            elif code is not None:
                named[number] = code, user_id
            else:
                owed.add(user_id)
        await _hand_out(conn, named, tally)
        if owed and campaign_code is not None:
            added = await queries.grant_listed(conn, campaign_code, sorted(owed))
            if added is None:
                raise campaign_not_open()
            tally.inserted += added

    return await bring_in(conn, sheet, work, is_dry_run=is_dry_run, keeps_good=keeps_good)


def _fault(number: int, people: People, user_id: UUID | None, *, is_wrong: bool) -> RowFault | None:
    if user_id is None:
        return RowFault(number, "user_id", "missing", "every row names its user")
    user = people.get(user_id)
    if user is None or not user.active:
        return RowFault(number, "user_id", "coupon.unknown_user", "there is no active user with this id")
    if is_wrong:
        return RowFault(number, "coupon_code", "invalid", "this is no code of a coupon")
    return None


async def _hand_out(conn: Connection, named: Mapping[int, tuple[str, UUID]], tally: Tally) -> None:
    """A coupon that is the user's already is unchanged; the second row of two for one coupon is too late."""
    if not named:
        return
    await share_with_erasures(conn)
    done = await queries.assign_listed(conn, named)
    tally.updated += len(done)
    left = {number: wanted for number, wanted in named.items() if number not in done}
    known = await queries.coupons_of(conn, left) if left else {}
    for number in left:
        if number not in known:
            tally.refuse(RowFault(number, "coupon_code", "coupon.unknown", unknown_coupon().message))
        elif not known[number]:
            tally.refuse(RowFault(number, "coupon_code", "coupon.taken", taken().message))


# The owner's own -------------------------------------------------------------------------------------------------


async def my_coupons(
    conn: Connection, user_id: UUID, *, with_past: bool, cursor: str | None, limit: int
) -> Page[WalletCoupon]:
    """What ends first comes first. Raises InputError `request.cursor`."""
    position = decode_cursor(WalletPosition, cursor)
    after = None if position is None else (moment_of(position.valid_until), position.id)
    page = page_of(
        await queries.my_coupons(conn, user_id, after=after, with_past=with_past, limit=limit + 1),
        limit=limit,
        position=lambda coupon: WalletPosition(coupon.valid_until.isoformat(), coupon.id),
    )
    return Page(tuple(coupon.shown() for coupon in page.items), page.next_cursor)


def moment_of(text: str) -> datetime:
    """Out of a cursor. Raises InputError `request.cursor`."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return moment
    except ValueError:
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave") from None


# The end ---------------------------------------------------------------------------------------------------------


async def _expire(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, queries.expire_coupons, _EXPIRED_AT_ONCE, "{} coupons expired")
    return f"{count} coupons expired"


COUPON_JOBS: tuple[Job, ...] = (
    Job(
        name="coupon.expire_coupons",
        service="coupon",
        summary="marks coupons whose time is over as EXPIRED; no use of one was possible since",
        run=_expire,
        schedule="*/10 * * * *",
    ),
)
