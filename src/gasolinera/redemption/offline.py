"""What terminals took without a connection: leases to take it, entries kept as they come, and the saga for each.

The discount is given already, so an entry is never refused for what it says: what the coupon service does not confirm
is kept as a conflict, for a person. The first entry to come uses the coupon, as with any two redemptions.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from gasolinera.calls import UserDirectory
from gasolinera.coupon_calls import Coupons, Refused, Shown
from gasolinera.database import Database, RequestContext
from gasolinera.errors import unavailable
from gasolinera.keyring import from_base64url
from gasolinera.parts import CouponPoller
from gasolinera.polling import repeat
from gasolinera.redemption import errors_offline as errors
from gasolinera.redemption import queries_offline as queries
from gasolinera.redemption import redeeming
from gasolinera.redemption.models_offline import Lease, LeaseWish, SignedEntry, SyncAnswer
from gasolinera.redemption.offline_entries import OfflineEntry, hash_entry, is_signed, malformed, read_entry
from gasolinera.redemption.queries_offline import EntryRow, Head, Unsettled
from gasolinera.terminal_calls import KnownTerminal

_EVERY_S: Final = 10.0
_BATCH: Final = 50
_CONTEXT: Final = RequestContext(actor="worker:redemption.offline")
_STOPS: Final = ("GAP", "FORK", "SIGNATURE")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Asked(msgspec.Struct, frozen=True):
    """Who is asked about an entry: what its coupon gives, and whether the customer that it names has an account."""

    coupons: Coupons
    users: UserDirectory


async def open_lease(db: Database, context: RequestContext, terminal: KnownTerminal, wish: LeaseWish) -> Lease:
    """What the terminal may take until its next sync. Closes the lease before: what was not told by now is too late.

    Raises ForbiddenError `offline.not_enabled`, ConflictError `offline.unsynced` or `offline.chain_broken`. Locks the
    terminal's chain.
    """
    head = Head(wish.head_sequence, bytes.fromhex(wish.head_sha256))
    async with db.connection() as conn:
        opened = await queries.open_lease(
            conn,
            context,
            terminal.terminal_code,
            terminal.station_code,
            public_key=from_base64url(terminal.public_key),
            head=head,
        )
        if opened.outcome == "BROKEN":
            raise errors.broken()
        if opened.outcome == "UNSYNCED":
            raise errors.unsynced()
        if opened.lease_id is None:
            raise errors.not_enabled()
        return await queries.get_lease(conn, opened.lease_id)


async def sync(
    db: Database, asked: Asked, context: RequestContext, terminal: KnownTerminal, sent: Sequence[SignedEntry]
) -> SyncAnswer:
    """Keeps what follows the last entry, each once, then settles it. The same again has the same answer.

    Where the coupon or the auth service is away, entries stay RECEIVED and are settled later. Raises InputError
    `offline.malformed` or `offline.other_terminal`, ConflictError `offline.chain_broken` or `offline.no_lease`. Locks
    the terminal's chain.
    """
    entries = [read_entry(one.entry) for one in sent]
    if any(entry.terminal_code != terminal.terminal_code for entry in entries):
        raise errors.other_terminal()
    if [entry.sequence for entry in entries] != list(range(entries[0].sequence, entries[0].sequence + len(entries))):
        raise malformed()
    public_key = from_base64url(terminal.public_key)
    rows: list[EntryRow] = []
    forged: SignedEntry | None = None
    for one, entry in zip(sent, entries, strict=True):
        if not is_signed(one.entry, _signature_of(one), public_key):
            forged = one
            break
        rows.append(_row_of(one, entry))
    taken = await db.run_statement(
        lambda conn: queries.take_entries(conn, context, terminal.terminal_code, tuple(rows)), is_idempotent=True
    )
    if any(one.outcome == "BROKEN" for one in taken):
        raise errors.broken()
    if any(one.outcome == "UNKNOWN" for one in taken):
        raise errors.no_chain()
    stopped = next((one.outcome for one in taken if one.outcome in _STOPS), None)
    async with db.connection() as conn:
        if forged is not None and stopped is None:
            await queries.break_chain(conn, terminal.terminal_code, forged.entry)
            stopped = "SIGNATURE"
        kept = [one.sequence for one in taken if one.outcome in ("TAKEN", "REPEATED")]
        unsettled = await queries.list_unsettled(conn, terminal.terminal_code, kept)
    if stopped in ("FORK", "SIGNATURE"):
        _log.warning("offline_chain_broken", terminal=terminal.terminal_code, reason=stopped)
    for entry in unsettled:
        if not await _settle_or_leave(db, asked, context, entry):
            break
    async with db.connection() as conn:
        head = await queries.get_head(conn, terminal.terminal_code)
        states = await queries.list_states(conn, terminal.terminal_code, kept)
    assert head is not None, "what was taken belongs to a chain"
    return SyncAnswer(
        head_sequence=head.head_sequence,
        head_sha256=head.head_sha256.hex(),
        entries=tuple(states),
        stopped_by=stopped,  # pyright: ignore[reportArgumentType]  one of _STOPS
    )


async def settle(db: Database, asked: Asked, context: RequestContext, entry: Unsettled) -> None:
    """From wherever it is to SETTLED or CONFLICT. Raises UnavailableError when another service cannot be asked."""
    said = read_entry(entry.entry)
    shown = Shown(text=said.coupon, method="QR_SCAN", employee_number=said.employee_number, at=said.used_at)
    found = await asked.coupons.find(context, shown)
    if isinstance(found, Refused):
        async with db.connection() as conn:
            await queries.refuse_entry(conn, context, entry, found.reasons[0])
        return
    if said.customer is not None:  # a coupon's own owner needs no question
        user = await asked.users.find(said.customer)
        if user is None or not user.active:
            async with db.connection() as conn:
                await queries.refuse_entry(conn, context, entry, "CUSTOMER_UNKNOWN")
            return
    begun = await db.run_statement(
        lambda conn: queries.begin_entry(
            conn,
            context,
            entry,
            user_id=said.customer or found.user_id,
            coupon_code=found.coupon_code,
            campaign_code=found.campaign_code,
            currency=found.currency,
        ),
        is_idempotent=True,
    )
    if begun is not None:
        await redeeming.drive(db, asked.coupons, context, begun)


async def settle_left(db: Database, asked: Asked) -> int:
    """Settle what a request or a crash left; says how many. One that cannot now is tried again later, ever more rarely.

    Claimed for half a minute at least; two that settle one entry reach the same end.
    """
    settled = 0
    while True:
        async with db.transaction(_CONTEXT) as conn:
            due = await queries.claim_unsettled(conn, _BATCH)
        for entry in due:
            settled += await _settle_or_leave(db, asked, _CONTEXT, entry)
        if len(due) < _BATCH:
            return settled


async def _settle_or_leave(db: Database, asked: Asked, context: RequestContext, entry: Unsettled) -> bool:
    try:
        await settle(db, asked, context, entry)
    except Exception as error:
        trouble = unavailable(error)
        where = {"terminal": entry.terminal_code, "sequence": entry.sequence}
        if trouble is None:  # a bug of ours, which somebody has to find
            _log.error("offline_settling_failed", **where, exc_info=error)
        else:
            _log.warning("offline_settling_delayed", **where, reason=trouble.code)
        return False
    return True


def _row_of(one: SignedEntry, entry: OfflineEntry) -> EntryRow:
    signature = _signature_of(one)
    return EntryRow(
        sequence=entry.sequence,
        previous_sha256=entry.previous_sha256.hex(),
        entry_sha256=hash_entry(one.entry, signature).hex(),
        entry=one.entry,
        signature=signature.hex(),
        lease_id=entry.lease_id,
        employee_number=entry.employee_number,
        user_id=entry.customer,
        dispenser_code=entry.dispenser_code,
        fuel_type=entry.fuel_type,
        fuel_litres=entry.fuel_litres,
        price_per_litre=entry.price_per_litre,
        amount=entry.amount,
        discount_amount=entry.discount_amount,
        currency=entry.currency,
        used_at=entry.used_at,
    )


def _signature_of(one: SignedEntry) -> bytes:
    try:
        return from_base64url(one.signature)
    except ValueError:
        raise malformed() from None


async def _run(db: Database, coupons: Coupons, users: UserDirectory, stop: asyncio.Event) -> None:
    async def step() -> None:
        await settle_left(db, Asked(coupons, users))

    await repeat("offline settling", step, stop, every_s=_EVERY_S)


SETTLING: Final = CouponPoller("offline settling", _run)
