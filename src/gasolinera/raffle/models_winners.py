"""What a winner, a claim, a delivery and a published result are. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.paging import Position
from gasolinera.raffle.documents import Hash, Time
from gasolinera.raffle.manifest import Operator
from gasolinera.texts import lines, text

DISQUALIFICATION_FORMAT: Final = "gasolinera-disqualification-1"
_DOTS: Final = "••••"


class WinnerStatus(StrEnum):
    ALTERNATE = "ALTERNATE"
    SELECTED = "SELECTED"
    NOTIFIED = "NOTIFIED"
    CLAIMED = "CLAIMED"
    DELIVERED = "DELIVERED"
    FORFEITED = "FORFEITED"
    DISQUALIFIED = "DISQUALIFIED"


class Step(StrEnum):
    """Of a delivery. What is credited or sent as data ends with SENT, a thing with RECEIPT_SIGNED."""

    PREPARED = "PREPARED"
    SENT = "SENT"
    HANDED_OVER = "HANDED_OVER"
    RECEIPT_SIGNED = "RECEIPT_SIGNED"


class DocumentType(StrEnum):
    NATIONAL_ID = "NATIONAL_ID"
    PASSPORT = "PASSPORT"
    DRIVING_LICENCE = "DRIVING_LICENCE"
    RESIDENCE_PERMIT = "RESIDENCE_PERMIT"


class DisqualificationReason(StrEnum):
    """What is published. The note beside it is not."""

    NOT_OF_AGE = "NOT_OF_AGE"
    EXCLUDED_PERSON = "EXCLUDED_PERSON"
    IDENTITY_NOT_PROVEN = "IDENTITY_NOT_PROVEN"
    TICKET_TAKEN_BACK = "TICKET_TAKEN_BACK"
    FRAUD = "FRAUD"
    DECLINED = "DECLINED"


DocumentNumber: TypeAlias = Annotated[
    str, Meta(min_length=6, max_length=40, pattern=r"^[0-9A-Za-z](?:[ -]*[0-9A-Za-z]){3}[0-9A-Za-z -]*$(?!\n)")
]


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """To whom and where the prize goes: an address, a station to fetch it at, or an account."""

    recipient: Annotated[str, text(120)]
    phone_number: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{7,14}$(?!\n)")] | None = None
    address: Annotated[str, lines(500)] | None = None
    station_code: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    account: Annotated[str, text(200)] | None = None


class ClaimWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`shows_name`: whether results may show the first letters of the recipient's name."""

    delivery: Delivery
    shows_name: bool = False


class DeliveryWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a claimed prize goes instead."""

    delivery: Delivery


class IdentityWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a member of staff has seen. Of the number a hash and the last characters are kept."""

    document_type: DocumentType
    document_number: DocumentNumber
    is_of_age: bool
    is_the_holder: bool


class StepWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tracking`: with SENT, the carrier's number or that of the credit. `receipt_sha256`: of what was signed."""

    step: Step
    carrier: Annotated[str, text(100)] | None = None
    tracking: Annotated[str, text(100)] | None = None
    receipt_sha256: Hash | None = None


class DisqualificationWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: DisqualificationReason
    note: Annotated[str, text(500)]


class Thresholds(msgspec.Struct, frozen=True):
    """From which value on two people confirm an identity."""

    mxn: Decimal
    crc: Decimal
    usd: Decimal


class Prize(msgspec.Struct, frozen=True, kw_only=True):
    """A prize as its winner sees it."""

    winner_id: UUID
    raffle_code: str
    raffle_name: str
    ticket_number: str
    rank: int
    prize_name: str
    prize_type: str
    prize_value: Decimal
    currency: str
    delivery_method: str
    status: WinnerStatus
    claim_deadline: datetime
    claimed_at: datetime | None
    delivered_at: datetime | None
    last_step: Step | None
    tracking: str | None


class StoredPrize(Prize, frozen=True, kw_only=True):
    id: int


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """A winner or alternate as staff sees it. Rank and prize are of what it holds or held."""

    winner_id: UUID
    raffle_code: str
    draw_number: int
    draw_position: int
    ticket_number: str
    user_id: UUID
    status: WinnerStatus
    rank: int | None
    unit_number: int | None
    prize_name: str | None
    prize_value: Decimal | None
    currency: str | None
    delivery_method: str | None
    claim_deadline: datetime | None
    notified_at: datetime | None
    claimed_at: datetime | None
    delivered_at: datetime | None
    needs_second: bool | None
    identified_by: str | None
    confirmed_by: str | None
    last_step: Step | None
    reason: str | None


class StoredWinner(Winner, frozen=True, kw_only=True):
    id: int


class DoneStep(msgspec.Struct, frozen=True, kw_only=True):
    step: Step
    carrier: str | None
    tracking: str | None
    receipt_sha256: str | None
    recorded_by: str
    recorded_at: datetime


class WinnerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """`delivery` is None before the claim, and when it was forgotten."""

    winner: Winner
    delivery: Delivery | None
    document_type: DocumentType | None
    document_end: str | None
    steps: tuple[DoneStep, ...]


class WinnerFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: what a ticket's number, the prize's or the raffle's name has in it."""

    raffle_code: str | None = None
    status: WinnerStatus | None = None
    text: str | None = None


class WinnerPosition(Position, frozen=True):
    id: int


class LatestWinnerPosition(Position, frozen=True):
    """Of staff's list with the latest draw first: a cursor of the other order is none there."""

    id: int


class ResultPosition(Position, frozen=True):
    draw_position: int


class Disqualification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed statement, in the canonical form of the documents of a draw."""

    format: Literal["gasolinera-disqualification-1"] = DISQUALIFICATION_FORMAT
    raffle: str
    draw_number: int
    manifest_sha256: Hash
    position: int
    reason: DisqualificationReason
    disqualified_at: Time
    operator: Operator


class SignedDisqualification(msgspec.Struct, frozen=True, kw_only=True):
    """`document` is the text that `signature` (hex) is over, byte for byte."""

    document: str
    signature: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A position of the draw for everybody: no name but the letters that its owner allowed."""

    draw_position: int
    rank: int | None
    prize_name: str | None
    status: WinnerStatus
    ticket: str
    name: str | None
    disqualification: SignedDisqualification | None


def masked_ticket(number: str) -> str:
    return f"{number[:3]}{_DOTS}{number[-4:]}"


def masked_name(name: str) -> str:
    """First letters alone, whatever the length: "M•••• G."; one word gives one letter."""
    words = name.split()
    first = words[0][0].upper() + _DOTS
    return first if len(words) == 1 else f"{first} {words[-1][0].upper()}."


def normalized_document(number: str) -> str:
    """How a number is compared: without what people put between its parts."""
    return number.upper().replace(" ", "").replace("-", "")
