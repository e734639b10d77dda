"""What a ticket is, and what may be asked and said of tickets. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.paging import Position

MAX_CHOSEN: Final = 1_000
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PREFIX: Final = "TKT"
_SYMBOLS: Final = 16
_HIGH_BIT: Final = 16  # of five
_MASK: Final = 31
_REDUCED: Final = 5  # x^5 = x^2 + 1
_LOOK_ALIKES: Final = str.maketrans({"O": "0", "I": "1", "L": "1", " ": None, "-": None})

RAFFLE_PATTERN: Final = r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)"
RaffleCode = Annotated[str, Meta(pattern=RAFFLE_PATTERN, examples=["MONTHLY-2026-12"])]
TicketNumber = Annotated[str, Meta(min_length=19, max_length=40, examples=["TKT3GGV37KHSHQRRJ7M"])]


class TicketStatus(StrEnum):
    ACTIVE = "ACTIVE"  # waits for its holder's choice
    ENTERED = "ENTERED"
    USED = "USED"  # had its draw
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class TicketSource(StrEnum):
    COUPON_REDEMPTION = "COUPON_REDEMPTION"
    AD_ENGAGEMENT = "AD_ENGAGEMENT"
    PROMOTIONAL = "PROMOTIONAL"
    BONUS = "BONUS"
    FREE_ENTRY = "FREE_ENTRY"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    ticket_number: str
    status: TicketStatus
    raffle_code: str | None
    source: TicketSource
    transaction_reference: str | None
    issuance_id: UUID
    expires_at: datetime
    issued_at: datetime


class TicketRow(Ticket, frozen=True, kw_only=True):
    id: int


class TicketFilter(msgspec.Struct, frozen=True):
    status: TicketStatus | None = None
    raffle_code: str | None = None


class TicketPosition(Position, frozen=True):
    issued_at: datetime
    id: int


class BalanceLine(msgspec.Struct, frozen=True, kw_only=True):
    """`raffle_code` None: in no raffle."""

    raffle_code: str | None
    status: TicketStatus
    count: int


class ExpiringTickets(msgspec.Struct, frozen=True):
    expires_at: datetime
    count: int


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Either which tickets, or how many: then those that expire soonest."""

    raffle_code: RaffleCode
    ticket_numbers: Annotated[tuple[TicketNumber, ...], Meta(min_length=1, max_length=MAX_CHOSEN)] | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_CHOSEN)] | None = None


class Chosen(msgspec.Struct, frozen=True):
    """`already`: how many of them had been sent there before."""

    raffle_code: str
    ticket_numbers: tuple[str, ...]
    already: int


class TicketRaffle(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    opens_at: datetime
    closes_at: datetime
    takes_choices: bool
    free_entries_per_day: int
    time_zone: str


class RaffleWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a raffle takes from `opens_at` until before `closes_at`."""

    opens_at: Annotated[datetime, Meta(tz=True)]
    closes_at: Annotated[datetime, Meta(tz=True)]
    takes_choices: bool = True
    free_entries_per_day: Annotated[int, Meta(ge=0, le=10, description="For one person; 0: none.")] = 1
    time_zone: Annotated[
        str,
        Meta(max_length=64, pattern=r"^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$(?!\n)", examples=["America/Mexico_City"]),
    ] = "America/Mexico_City"


class FreeEntryWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    raffle_code: RaffleCode


class FreeEntry(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    ticket_number: str
    issuance_id: UUID
    receipt: str


class Issuance(msgspec.Struct, frozen=True, kw_only=True):
    """One event that made tickets; none of this ever changes."""

    issuance_id: UUID
    user_id: UUID
    source: TicketSource
    reference: str
    raffle_code: str | None
    issued_at: datetime
    expires_at: datetime
    numbers: tuple[str, ...]


class SignedIssuance(msgspec.Struct, frozen=True, kw_only=True):
    """Tickets that were made together, and their receipt."""

    issuance_id: UUID
    source: TicketSource
    raffle_code: str | None
    ticket_numbers: tuple[str, ...]
    receipt: str


def normalized_number(typed: str) -> str | None:
    """The number as it is kept: without spaces and dashes, look-alikes as what they look like. None: no number is so.

    The check character is a sum in GF(32) that is zero for every number (decision 0005).
    """
    text = typed.upper().translate(_LOOK_ALIKES)
    if not text.startswith(_PREFIX) or len(text) != len(_PREFIX) + _SYMBOLS:
        return None
    total = 0
    for symbol in text[len(_PREFIX) :]:
        value = _ALPHABET.find(symbol)
        if value < 0:
            return None
        total = ((total << 1) & _MASK) ^ (_REDUCED if total >= _HIGH_BIT else 0) ^ value
    return text if total == 0 else None
