"""What the pages of customers and of everybody show. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from gasolinera.paging import Position
from gasolinera.raffle.models import Algorithm, RaffleStatus
from gasolinera.raffle.models_draws import DrawStatus
from gasolinera.raffle.models_winners import Delivery, Step, WinnerStatus


class ShownRaffle(msgspec.Struct, frozen=True, kw_only=True):
    """One that takes entries or waits for its draw. `units`: of all its prizes; the named one is the first."""

    id: int
    closes_at: datetime
    raffle_code: str
    name: str
    status: RaffleStatus
    opens_at: datetime
    draw_at: datetime
    time_zone: str
    selection_algorithm: Algorithm
    takes_entries: bool
    prize_name: str | None
    prize_type: str | None
    prize_value: Decimal | None
    currency: str | None
    units: int | None
    tickets: int
    participants: int
    own_tickets: int


class ShownPosition(Position, frozen=True):
    closes_at: datetime
    id: int


class RaffleWithDraw(msgspec.Struct, frozen=True, kw_only=True):
    """Tickets and participants are those of the draw where there is one, else of this moment."""

    id: int
    created_at: datetime
    raffle_code: str
    name: str
    status: RaffleStatus
    closes_at: datetime
    draw_at: datetime
    time_zone: str
    draw_number: int | None
    draw_status: DrawStatus | None
    frozen_at: datetime | None
    beacon_round_at: datetime | None
    drawn_at: datetime | None
    tickets: int
    participants: int


class DrawState(msgspec.Struct, frozen=True):
    status: RaffleStatus
    draw_status: DrawStatus | None
    beacon_round_at: datetime | None


class GivenUpDraw(msgspec.Struct, frozen=True):
    draw_number: int
    void_reason: str
    voided_at: datetime


class LeftOutEntry(msgspec.Struct, frozen=True):
    issuance_id: UUID
    reason: str


class RefusedHere(msgspec.Struct, frozen=True):
    reason: str
    ticket_numbers: tuple[str, ...]
    refused_at: datetime


class FoundTicket(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of its holder. `is_left_out`: of the draw, for a reason that only the holder is told."""

    ticket_number: str
    raffle_code: str
    raffle_name: str
    status: RaffleStatus
    time_zone: str
    draw_at: datetime
    draw_number: int | None
    draw_status: DrawStatus | None
    beacon_round_at: datetime | None
    winner_status: WinnerStatus | None
    draw_position: int | None
    prize_name: str | None
    is_left_out: bool


class TicketRange(msgspec.Struct, frozen=True):
    """Where the entry of a ticket is in the list, and which points of how many are its own; `last` is one of them."""

    index: int
    entries: int
    first: int
    last: int
    points: int


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    carrier: str | None
    tracking: str | None
    recorded_at: datetime


class OwnPrize(msgspec.Struct, frozen=True, kw_only=True):
    """A prize as its winner sees it, and nobody else. `delivery`: from the claim until it is forgotten."""

    winner_id: UUID
    raffle_code: str
    raffle_name: str
    time_zone: str
    ticket_number: str
    rank: int
    prize_name: str
    description: str | None
    prize_type: str
    prize_value: Decimal
    currency: str
    delivery_method: str
    status: WinnerStatus
    claim_deadline: datetime
    is_late: bool
    claimed_at: datetime | None
    delivered_at: datetime | None
    delivery: Delivery | None
    public_name: str | None
    needs_second: bool
    is_seen: bool
    is_confirmed: bool
    steps: tuple[ShownStep, ...]

    @property
    def is_claimable(self) -> bool:
        return self.status in (WinnerStatus.SELECTED, WinnerStatus.NOTIFIED) and not self.is_late

    @property
    def is_changeable(self) -> bool:
        """Whether its winner may still say where it goes instead, as `claims.change_delivery` does."""
        return self.status is WinnerStatus.CLAIMED and not self.steps

    @property
    def is_identified(self) -> bool:
        return self.is_confirmed if self.needs_second else self.is_seen
