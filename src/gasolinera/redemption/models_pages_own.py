"""What people look for and see among their own redemptions, tickets and points. No SQL, no HTTP."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from gasolinera.paging import MAX_CURSOR, Position
from gasolinera.redemption.models import Currency, Fuel, Status
from gasolinera.redemption.models_tickets import RAFFLE_PATTERN, Ticket, TicketSource, TicketStatus

Cursor = Annotated[str, Meta(max_length=MAX_CURSOR)]
_Words = Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]


class Sort(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"


class OwnPosition(Position, frozen=True):
    """Keeps the order too: a cursor of one is none of the other."""

    sort: Sort
    created_at: Annotated[datetime, Meta(tz=True)]
    id: int


class HistoryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`q`: a station's code or a reference. Days are those of the station."""

    q: _Words | None = None
    status: Status | None = None
    fuel: Fuel | None = None
    since: date | None = None
    until: date | None = None
    sort: Sort = Sort.NEWEST
    cursor: Cursor | None = None

    @property
    def is_narrow(self) -> bool:
        return any((self.q, self.status, self.fuel, self.since, self.until))


class OwnRedemption(msgspec.Struct, frozen=True, kw_only=True):
    """`time_zone` None: that of the chain."""

    transaction_reference: str
    status: Status
    station_code: str
    time_zone: str | None
    fuel_type: Fuel | None
    fuel_litres: Decimal | None
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    currency: Currency
    tickets_earned: int
    raffle_code: str | None
    campaign_code: str | None
    failure_code: str | None
    created_at: datetime


class OwnRedemptionRow(OwnRedemption, frozen=True, kw_only=True):
    id: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    currency: Currency
    count: int
    saved: Decimal
    litres: Decimal


class TicketSearch(msgspec.Struct, frozen=True, kw_only=True):
    """`q`: a ticket's number or a redemption's reference."""

    q: _Words | None = None
    status: TicketStatus | None = None
    source: TicketSource | None = None
    raffle: Annotated[str, Meta(pattern=RAFFLE_PATTERN)] | None = None
    sort: Sort = Sort.NEWEST
    cursor: Cursor | None = None

    @property
    def is_narrow(self) -> bool:
        return any((self.q, self.status, self.source, self.raffle))


class OwnTicket(Ticket, frozen=True, kw_only=True):
    """With the station of its redemption."""

    station_code: str | None


class OwnTicketRow(OwnTicket, frozen=True, kw_only=True):
    id: int


class OverviewLine(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str | None
    status: TicketStatus
    count: int
    first_lost_at: datetime | None


class InRaffle(msgspec.Struct, frozen=True):
    """How many of somebody's tickets are, or were, in a raffle."""

    raffle_code: str
    count: int
    is_over: bool


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """`first_lost_at`: when the first of those that wait is lost."""

    waiting: int
    entered: int
    past: int
    first_lost_at: datetime | None
    raffles: tuple[InRaffle, ...]

    @property
    def total(self) -> int:
        return self.waiting + self.entered + self.past


class FreeEntryRaffle(msgspec.Struct, frozen=True, kw_only=True):
    """`had`: of today's."""

    raffle_code: str
    closes_at: datetime
    time_zone: str
    free_entries_per_day: int
    had: int

    @property
    def left(self) -> int:
        return max(0, self.free_entries_per_day - self.had)
