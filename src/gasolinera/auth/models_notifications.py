"""What a notification, a channel, a wish about them and a claimed message are. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from gasolinera.auth.models import Language
from gasolinera.paging import Position


class Channel(StrEnum):
    IN_APP = "IN_APP"
    SMS = "SMS"
    EMAIL = "EMAIL"


class Category(StrEnum):
    SECURITY = "SECURITY"  # cannot be turned off, and knows no quiet hours
    ACCOUNT = "ACCOUNT"
    WORK = "WORK"
    TICKETS = "TICKETS"
    PRIZES = "PRIZES"
    PURCHASES = "PURCHASES"


class Arguments(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a text may be about: references, never a person."""

    station_code: str | None = None
    employee_number: str | None = None
    active: str | None = None
    raffle_code: str | None = None
    ticket_number: str | None = None
    reference: str | None = None
    count: int | None = None
    # What was told before these two were shown has none of them.
    prize_name: str = "-"
    claim_deadline: str = "-"

    def named(self) -> dict[str, str | int]:
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Told(msgspec.Struct, frozen=True):
    """Whom an event is about, and what to say of it."""

    user_id: UUID
    arguments: Arguments


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One of the application's, as its owner reads it."""

    notification_id: UUID
    category: Category
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None


class NotificationPosition(Position, frozen=True):
    id: int


class StoredNotification(msgspec.Struct, frozen=True):
    id: int
    notification_id: UUID
    category: Category
    template: str
    arguments: Arguments
    created_at: datetime
    read_at: datetime | None
    language: Language


class QuietHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Local times of the zone; from 22:00 until 07:00 goes past midnight."""

    time_zone: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$(?!\n)")]
    begins: Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)", description="HH:MM")]
    ends: Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)", description="HH:MM")]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    category: Category
    channel: Channel
    is_wanted: bool


class Preferences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`choices` names each category and channel; messages of security are not among them."""

    choices: Annotated[list[Choice], msgspec.Meta(max_length=18)]  # a tuple of any length has no such schema
    quiet_hours: QuietHours | None


class Action(StrEnum):
    """What becomes of a message that is due."""

    SEND = "SEND"
    HOLD = "HOLD"
    SKIP = "SKIP"
    GIVE_UP = "GIVE_UP"


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is due, with what its person is called and reached by at this moment."""

    id: int
    notification_id: UUID
    channel: Channel
    template: str
    arguments: Arguments
    attempts: int
    action: Action
    phone_number: str | None
    email: str | None
    first_name: str | None
    language: Language


class DevelopmentMessage(msgspec.Struct, frozen=True):
    """A text message or email that development kept instead of sending it."""

    kind: str
    recipient: str
    subject: str | None
    message_text: str
    created_at: datetime
